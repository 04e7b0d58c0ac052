package reseller

import (
	"context"
	"fmt"
	"iter"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Finding is something in the wholesale books that must not be.
type Finding struct {
	Seller  billing.SellerID
	Code    string // one of the Finding codes
	Account billing.AccountID
	Detail  string
}

// String returns the finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("seller %s account %d: %s: %s", f.Seller, f.Account, f.Code, f.Detail)
}

// Codes of findings.
const (
	FindingBill    = "bill"    // a bill is not the sum of its day's shadows, or is missing
	FindingEntry   = "entry"   // a bill is not what its entry on the double says
	FindingShadow  = "shadow"  // a shadow's amount is not what its figures give, or its currency is not the parent's
	FindingRetail  = "retail"  // a shadow names a retail entry that is another event's
	FindingPool    = "pool"    // what is drawn from a pool is not what holdings have, and what comes back
	FindingLimit   = "limit"   // what counts for a limit is not what customers hold
	FindingForeign = "foreign" // a shadow of an account that is not below the reseller
)

// Verify looks for anything in the wholesale books that must not be: for every closed
// day of every reseller the sums of shadows against the bills and the double's entries,
// amounts against the figures they came from, pools and limits against what is held. It
// reads live data, reseller by reseller, each in one consistent view, and changes
// nothing. Nothing is yielded when all is well. See also billing's Verify, which looks
// at the retail side.
func (m *Manager) Verify(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		sellers, err := m.engine.SellersBelow(ctx, "")
		if err != nil {
			yield(Finding{}, err)
			return
		}
		byID := map[billing.SellerID]billing.Seller{}
		for _, s := range sellers {
			byID[s.ID] = s
		}
		for _, s := range sellers {
			if s.Double == 0 {
				continue
			}
			v := &verifier{seller: s, parent: byID[s.Parent]}
			err := m.view(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
				v.found, v.engine = nil, m.engine.In(tx)
				books, err := m.store.Billing(tx)
				if err != nil {
					return err
				}
				return v.verify(ctx, rows, books)
			})
			for _, f := range v.found {
				if !yield(f, nil) {
					return
				}
			}
			if err != nil {
				yield(Finding{}, err)
				return
			}
		}
	}
}

type verifier struct {
	engine         *billing.Engine
	seller, parent billing.Seller
	found          []Finding
}

func (v *verifier) add(code string, account billing.AccountID, format string, args ...any) {
	v.found = append(v.found, Finding{v.seller.ID, code, account, fmt.Sprintf(format, args...)})
}

type dayResource struct {
	day      billing.Date
	resource billing.ResourceID
}

func (v *verifier) verify(ctx context.Context, rows Rows, books billing.Rows) error {
	sums, err := v.shadows(ctx, rows, books)
	if err != nil {
		return err
	}
	if err := v.bills(ctx, rows, books, sums); err != nil {
		return err
	}
	return v.stocks(ctx, rows, books)
}

// shadows checks each shadow and returns the sums by day and resource.
func (v *verifier) shadows(ctx context.Context, rows Rows, books billing.Rows) (map[dayResource]money.Money, error) {
	sums := map[dayResource]money.Money{}
	below := map[billing.AccountID]bool{}
	for after := (ShadowID{}); ; {
		page, err := rows.Shadows(ctx, ShadowQuery{Seller: v.seller.ID}, after, pageSize)
		if err != nil {
			return nil, err
		}
		for i := range page {
			s := &page[i]
			known, ok := below[s.Account]
			if !ok {
				loaded, err := books.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{s.Account}})
				if err != nil {
					return nil, err
				}
				for _, st := range loaded.States {
					for _, id := range st.Account.Above {
						known = known || id == v.seller.Double
					}
				}
				below[s.Account] = known
			}
			if !known {
				v.add(FindingForeign, s.Account, "shadow %d is of an account that is not below it", s.Seq)
			}
			if err := v.shadow(ctx, books, s); err != nil {
				return nil, err
			}
			key := dayResource{s.Day, s.Resource}
			sum, ok := sums[key]
			if !ok {
				sum = money.Zero(v.parent.Currency)
			}
			if s.Amount.Currency() == v.parent.Currency {
				if sum, err = sum.Add(s.Amount); err != nil {
					return nil, err
				}
			}
			sums[key] = sum
		}
		if len(page) < pageSize {
			return sums, nil
		}
		after = page[len(page)-1].ID()
	}
}

func (v *verifier) shadow(ctx context.Context, books billing.Rows, s *Shadow) error {
	cur := v.parent.Currency
	if s.Amount.Currency() != cur || !s.Amount.IsWhole() {
		v.add(FindingShadow, s.Account, "shadow %d is %s, the parent keeps its books in %s", s.Seq, s.Amount, cur.Code)
		return nil
	}
	before, err := s.Basis.Before.RoundMinor(cur.Exponent, s.Basis.Rounding)
	if err != nil {
		return err
	}
	after, err := compact(s.Basis.Before.Add(s.Basis.Exact)).RoundMinor(cur.Exponent, s.Basis.Rounding)
	if err != nil {
		return err
	}
	if want := money.FromMinor(after-before, cur); !want.Equal(s.Amount) {
		v.add(FindingShadow, s.Account, "shadow %d is %s, its figures give %s", s.Seq, s.Amount, want)
	}
	if x := s.Basis.Recompute(); !x.Equal(s.Basis.Exact) {
		v.add(FindingShadow, s.Account, "the figures of shadow %d give %s, not %s", s.Seq, x, s.Basis.Exact)
	}
	if s.Day.Before(s.Date) {
		v.add(FindingShadow, s.Account, "shadow %d of %s is billed on %s", s.Seq, s.Date, s.Day)
	}
	if s.Entry == 0 {
		return nil
	}
	page, err := books.Entries(ctx, billing.EntryQuery{Account: s.Account}, billing.EntryID{Account: s.Account, Seq: s.Entry - 1}, 1)
	if err != nil {
		return err
	}
	if len(page) != 1 || page[0].Seq != s.Entry || page[0].Resource != s.Resource || page[0].Kind != s.Kind || page[0].Date != s.Date {
		v.add(FindingRetail, s.Account, "shadow %d names entry %d, which is not of its event", s.Seq, s.Entry)
	}
	return nil
}

// bills checks the bills of closed days against the sums and the double's entries.
func (v *verifier) bills(ctx context.Context, rows Rows, books billing.Rows, sums map[dayResource]money.Money) error {
	through := billing.Date{}
	b, err := rows.Books(ctx, v.seller.ID)
	switch {
	case err == nil:
		through = b.Through
	case !isNotFound(err):
		return err
	}
	var day billing.Date
	var resource billing.ResourceID
	for {
		page, err := rows.Bills(ctx, BillQuery{Seller: v.seller.ID}, day, resource, pageSize)
		if err != nil {
			return err
		}
		for i := range page {
			if err := v.bill(ctx, books, &page[i], through, sums); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			break
		}
		day, resource = page[len(page)-1].Day, page[len(page)-1].Resource
	}
	for key, sum := range sums {
		if !key.day.After(through) {
			v.add(FindingBill, v.seller.Double, "day %s is closed, %s of %s is not billed", key.day, sum, key.resource)
		}
	}
	return nil
}

// bill checks one bill, and takes its sum off those that are to be billed.
func (v *verifier) bill(ctx context.Context, books billing.Rows, b *Bill, through billing.Date, sums map[dayResource]money.Money) error {
	key := dayResource{b.Day, b.Resource}
	sum, ok := sums[key]
	delete(sums, key)
	switch {
	case !ok:
		v.add(FindingBill, b.Account, "the bill of %s for %s has no shadows", b.Day, b.Resource)
	case !sum.Equal(b.Amount):
		v.add(FindingBill, b.Account, "the bill of %s for %s is %s, its shadows are %s", b.Day, b.Resource, b.Amount, sum)
	case b.Day.After(through):
		v.add(FindingBill, b.Account, "the bill of %s for %s is there before the day is closed", b.Day, b.Resource)
	}
	if b.Entry == 0 {
		if b.Amount.Sign() != 0 {
			v.add(FindingEntry, b.Account, "the bill of %s for %s has no entry", b.Day, b.Resource)
		}
		return nil
	}
	page, err := books.Entries(ctx, billing.EntryQuery{Account: b.Account}, billing.EntryID{Account: b.Account, Seq: b.Entry - 1}, 1)
	if err != nil {
		return err
	}
	if len(page) != 1 || page[0].Seq != b.Entry || page[0].Kind != billing.EntryWholesale || page[0].Resource != b.Resource ||
		page[0].Date != b.Day || !page[0].Amount.Equal(b.Amount) {
		v.add(FindingEntry, b.Account, "the bill of %s for %s is not what entry %d says", b.Day, b.Resource, b.Entry)
	}
	return nil
}

// stocks checks pools and limits against what is held.
func (v *verifier) stocks(ctx context.Context, rows Rows, books billing.Rows) error {
	pooled := map[billing.ResourceID]decimal.Decimal{}
	var account billing.AccountID
	var resource billing.ResourceID
	for {
		page, err := rows.Holdings(ctx, v.seller.ID, account, resource, pageSize)
		if err != nil {
			return err
		}
		for i := range page {
			pooled[page[i].Resource] = pooled[page[i].Resource].Add(page[i].Pooled)
		}
		if len(page) < pageSize {
			break
		}
		account, resource = page[len(page)-1].Account, page[len(page)-1].Resource
	}
	stocks, err := rows.Stocks(ctx, v.seller.ID)
	if err != nil {
		return err
	}
	for i := range stocks {
		s := &stocks[i]
		want := pooled[s.Resource]
		for _, r := range s.Returns {
			want = want.Add(r.Units)
		}
		if !want.Equal(s.Pooled) {
			v.add(FindingPool, v.seller.Double, "%s of %s is drawn, holdings and returns have %s", s.Pooled, s.Resource, want)
		}
		delete(pooled, s.Resource)
		if s.Limit == nil {
			continue
		}
		held, err := heldBelow(ctx, v.engine, books, v.seller.ID, s.Resource)
		if err != nil {
			return err
		}
		if !held.Equal(s.Held) {
			v.add(FindingLimit, v.seller.Double, "%s of %s counts, customers hold %s", s.Held, s.Resource, held)
		}
	}
	for _, id := range sortedKeys(pooled) {
		if pooled[id].Sign() != 0 {
			v.add(FindingPool, v.seller.Double, "holdings have %s of %s, none is drawn", pooled[id], id)
		}
	}
	return nil
}
