package reseller

import (
	"context"
	"iter"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// EntryMargin is a retail entry with the shadows that the same event made for its
// seller, or, with an Entry whose Seq is 0, a shadow that no entry answers for: units
// that are free for the customer, say. A discount has no shadow.
type EntryMargin struct {
	Entry   billing.Entry
	Shadows []Shadow
	Retail  money.Money // the entry's amount, in the seller's currency
	Cost    money.Money // the shadows' sum, in its parent's currency
}

// Margin is what is left, in the retail currency; a rate is needed where the currencies
// differ. Sums of lines converted one by one drift: for sums there is
// [Manager.Margins].
func (x EntryMargin) Margin(rate *ExchangeRate) (money.Money, error) {
	cur := x.Retail.Currency()
	r, err := between(x.Cost.Currency(), cur, rate)
	if err != nil {
		return money.Money{}, err
	}
	l := Margin{Retail: x.Retail, Cost: x.Cost}
	err = l.finish(cur, r)
	return l.Margin, err
}

// EntryMargins yields the retail entries of an account, by number, each with what it
// costs its seller; then the shadows that no entry answers for, by day. It is the
// host's view, open days included. What lies below a reseller's own account is not
// told apart by entry; [Manager.Margins] has it. All is read in one view. An error ends
// the sequence: billing.ErrUnknownAccount, or what the store reports.
func (m *Manager) EntryMargins(ctx context.Context, account billing.AccountID) iter.Seq2[EntryMargin, error] {
	return func(yield func(EntryMargin, error) bool) {
		var list []EntryMargin
		err := m.view(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) (err error) {
			list, err = m.In(tx).entryMargins(ctx, account)
			return err
		})
		if err != nil {
			yield(EntryMargin{}, err)
			return
		}
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

func (m *Manager) entryMargins(ctx context.Context, account billing.AccountID) ([]EntryMargin, error) {
	a, err := m.engine.Account(ctx, account)
	if err != nil {
		return nil, err
	}
	seller, cost, err := m.costCurrency(ctx, a.Seller)
	if err != nil {
		return nil, err
	}
	var list, alone []EntryMargin
	at := map[int64]int{} // where an entry is in the list
	for en, err := range m.engine.Entries(ctx, billing.EntryQuery{Account: account}) {
		if err != nil {
			return nil, err
		}
		if isRetail(en.Kind) {
			at[en.Seq] = len(list)
			list = append(list, EntryMargin{Entry: en, Retail: en.Amount, Cost: money.Zero(cost)})
		}
	}
	if seller.Double == 0 {
		return list, nil
	}
	for s, err := range m.Shadows(ctx, ShadowQuery{Seller: seller.ID, Account: account}) {
		if err != nil {
			return nil, err
		}
		i, ok := at[s.Entry]
		if !ok {
			alone = append(alone, EntryMargin{Shadows: []Shadow{s}, Retail: money.Zero(seller.Currency), Cost: s.Amount})
			continue
		}
		x := &list[i]
		x.Shadows = append(x.Shadows, s)
		if x.Cost, err = x.Cost.Add(s.Amount); err != nil {
			return nil, err
		}
	}
	return append(list, alone...), nil
}
