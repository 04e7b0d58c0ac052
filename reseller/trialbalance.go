package reseller

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// TrialLine is a line of a trial balance: what one seller has booked in one currency, or
// the total of a currency. Charges are positive; refunds, discounts, payments and credits
// negative.
type TrialLine struct {
	Seller   billing.SellerID // of a total: ""
	Currency money.Currency
	Total    bool

	Accounts                                  int64
	Setup, Recurring, Usage, Refund, Discount money.Money
	Wholesale                                 money.Money // charged to resellers
	Tax, Payment, Credit, Debit               money.Money
	// Balances is the sum of the accounts' balances: minus the sum of their entries.
	Balances money.Money
	// Difference is Balances and all entries added up. It is zero, or the books are
	// wrong.
	Difference money.Money

	// Billed and Unbilled are what a reseller's customers cost it, closed days and open
	// ones; in its parent's currency, so that they may stand in a line of their own.
	Billed, Unbilled money.Money
	// Unmatched, of a total, is Wholesale less Billed: what sellers charged resellers
	// against what resellers were billed. It is zero, or the books are wrong.
	Unmatched money.Money
}

// Sound reports whether the line adds up.
func (l TrialLine) Sound() bool {
	return l.Difference.IsZero() && (!l.Total || l.Unmatched.IsZero())
}

// TrialBalance adds up all books, as a bookkeeper checks them: a line for each seller
// and currency, by seller and currency, then a total for each currency. It reads
// everything there is, page by page, each in a view of its own, while others may be at
// work: an account is added up to the entry that was its last when its balance was
// read, so that each adds up by itself.
func (m *Manager) TrialBalance(ctx context.Context) ([]TrialLine, error) {
	b := &trialBook{m: m, lines: map[trialKey]*TrialLine{}, currency: map[billing.SellerID]money.Currency{}, last: map[billing.AccountID]int64{}}
	if err := b.read(ctx); err != nil {
		return nil, err
	}
	return b.result()
}

type trialKey struct {
	seller billing.SellerID
	code   string
}

type trialBook struct {
	m        *Manager
	lines    map[trialKey]*TrialLine
	currency map[billing.SellerID]money.Currency
	last     map[billing.AccountID]int64 // of doubles: the last entry that counts
}

// line returns the line of a seller and currency; a total's seller is "".
func (b *trialBook) line(seller billing.SellerID, cur money.Currency) *TrialLine {
	key := trialKey{seller, cur.Code}
	if l := b.lines[key]; l != nil {
		return l
	}
	l := &TrialLine{Seller: seller, Currency: cur, Total: seller == ""}
	for _, sum := range l.sums() {
		*sum = money.Zero(cur)
	}
	l.Difference, l.Unmatched = money.Zero(cur), money.Zero(cur)
	b.lines[key] = l
	return l
}

// sums are the sums of the line that add up to the total's.
func (l *TrialLine) sums() []*money.Money {
	return append(l.entries(), &l.Balances, &l.Billed, &l.Unbilled)
}

// entries are the sums of entries.
func (l *TrialLine) entries() []*money.Money {
	return []*money.Money{&l.Setup, &l.Recurring, &l.Usage, &l.Refund, &l.Discount, &l.Wholesale, &l.Tax, &l.Payment, &l.Credit, &l.Debit}
}

// of returns the sum of entries of a kind; nil for a kind there is not.
func (l *TrialLine) of(kind billing.EntryKind) *money.Money {
	switch kind {
	case billing.EntrySetup:
		return &l.Setup
	case billing.EntryRecurring:
		return &l.Recurring
	case billing.EntryUsage:
		return &l.Usage
	case billing.EntryRefund:
		return &l.Refund
	case billing.EntryDiscount:
		return &l.Discount
	case billing.EntryWholesale:
		return &l.Wholesale
	case billing.EntryTax:
		return &l.Tax
	case billing.EntryPayment:
		return &l.Payment
	case billing.EntryCredit:
		return &l.Credit
	case billing.EntryDebit:
		return &l.Debit
	}
	return nil
}

func (b *trialBook) read(ctx context.Context) error {
	var sellers []billing.Seller
	for s, err := range b.m.engine.Sellers(ctx) {
		if err != nil {
			return err
		}
		sellers = append(sellers, s)
		b.currency[s.ID] = s.Currency
		b.line(s.ID, s.Currency)
	}
	for after := billing.AccountID(0); ; {
		page, err := b.accounts(ctx, after)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := b.entriesOf(ctx, page); err != nil {
				return err
			}
			after = page[len(page)-1].ID
		}
		if len(page) < pageSize {
			break
		}
	}
	for _, s := range sellers {
		if s.Double == 0 {
			continue
		}
		if err := b.costs(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// accounts adds the balances of a page of accounts.
func (b *trialBook) accounts(ctx context.Context, after billing.AccountID) (page []billing.Account, err error) {
	err = b.m.view(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) error {
		books, err := b.m.store.Billing(tx)
		if err != nil {
			return err
		}
		page, err = books.Accounts(ctx, billing.AccountQuery{}, after, pageSize)
		return err
	})
	for i := range page {
		a := &page[i]
		l := b.line(a.Seller, a.Balance.Currency())
		l.Accounts++
		if err := add(a.Balance, &l.Balances); err != nil {
			return nil, err
		}
		if a.Sells != "" {
			b.last[a.ID] = a.EntrySeq
		}
	}
	return page, err
}

// entriesOf adds the entries of a page of accounts, each up to the last that was there
// when its balance was read.
func (b *trialBook) entriesOf(ctx context.Context, accounts []billing.Account) error {
	last := make(map[billing.AccountID]int64, len(accounts))
	for i := range accounts {
		last[accounts[i].ID] = accounts[i].EntrySeq
	}
	end := accounts[len(accounts)-1].ID
	for after := (billing.EntryID{Account: accounts[0].ID}); ; {
		var page []billing.Entry
		err := b.m.view(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) error {
			books, err := b.m.store.Billing(tx)
			if err != nil {
				return err
			}
			page, err = books.Entries(ctx, billing.EntryQuery{}, after, pageSize)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			en := &page[i]
			if en.Account > end {
				return nil
			}
			if en.Seq > last[en.Account] {
				continue
			}
			sum := b.line(en.Seller, en.Amount.Currency()).of(en.Kind)
			if sum == nil {
				return fmt.Errorf("reseller: entry %d of account %d is of kind %q: %w", en.Seq, en.Account, en.Kind, billing.ErrBroken)
			}
			if err := add(en.Amount, sum); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		after = page[len(page)-1].ID()
	}
}

// costs adds what a reseller's customers cost it. A day that was closed after the
// double's balance was read counts as not billed.
func (b *trialBook) costs(ctx context.Context, s billing.Seller) error {
	l := b.line(s.ID, b.currency[s.Parent])
	through, err := b.m.ClosedThrough(ctx, s.ID)
	if err != nil {
		return err
	}
	if !through.IsZero() {
		for x, err := range b.m.Bills(ctx, BillQuery{Seller: s.ID, Until: through}) {
			if err != nil {
				return err
			}
			sum := &l.Billed
			if x.Entry > b.last[s.Double] {
				sum = &l.Unbilled
			}
			if err := add(x.Amount, sum); err != nil {
				return err
			}
		}
	}
	q := ShadowQuery{Seller: s.ID}
	if !through.IsZero() {
		q.Since = through.AddDays(1)
	}
	for x, err := range b.m.Shadows(ctx, q) {
		if err != nil {
			return err
		}
		if err := add(x.Amount, &l.Unbilled); err != nil {
			return err
		}
	}
	return nil
}

// result checks the lines and adds the totals.
func (b *trialBook) result() (list []TrialLine, err error) {
	var lines []*TrialLine
	for _, l := range b.lines {
		lines = append(lines, l)
	}
	for _, l := range lines {
		total := b.line("", l.Currency)
		total.Accounts += l.Accounts
		from, to := l.sums(), total.sums()
		for i := range from {
			if err := add(*from[i], to[i]); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range b.lines {
		for _, sum := range append(l.entries(), &l.Balances) {
			if err := add(*sum, &l.Difference); err != nil {
				return nil, err
			}
		}
		if l.Total {
			if l.Unmatched, err = l.Wholesale.Sub(l.Billed); err != nil {
				return nil, err
			}
		}
		list = append(list, *l)
	}
	slices.SortFunc(list, func(x, y TrialLine) int {
		if x.Total != y.Total {
			if x.Total {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(x.Seller, y.Seller), cmp.Compare(x.Currency.Code, y.Currency.Code))
	})
	return list, nil
}
