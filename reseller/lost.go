package reseller

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// A shadow that is not there shows in the running totals of its holding, which are kept
// apart from shadows: setup over the holding's life, recurring in its interval, whose
// charges and refunds all run to the interval's end.

type chargeKey struct {
	account  billing.AccountID
	resource billing.ResourceID
}

// charge is what shadows of a holding come to, in minor units.
type charge struct {
	setup     int64
	recurring int64        // of those that run to the latest end
	to        billing.Date // that end
}

// tally adds a shadow to what its holding has been charged.
func tally(charged map[chargeKey]charge, s *Shadow) error {
	minor, err := s.Amount.Minor()
	if err != nil {
		return err
	}
	key := chargeKey{s.Account, s.Resource}
	c := charged[key]
	switch s.Kind {
	case billing.EntrySetup:
		c.setup += minor
	case billing.EntryRecurring, billing.EntryRefund:
		if s.To.After(c.to) {
			c.recurring, c.to = 0, s.To
		}
		if s.To == c.to {
			c.recurring += minor
		}
	default:
		return nil
	}
	charged[key] = c
	return nil
}

// lost checks what holdings have been charged against their shadows; one that does not
// agree may have changed from page to page, and is looked at again in one view.
func (v *verifier) lost(ctx context.Context) error {
	kinds := map[billing.ResourceID]billing.ResourceKind{}
	resources, err := v.m.engine.Resources(ctx)
	if err != nil {
		return err
	}
	for _, r := range resources {
		kinds[r.ID] = r.Kind
	}
	var last Holding
	for {
		var page []Holding
		accounts := map[billing.AccountID]*billing.Account{}
		err := v.page(ctx, func(ctx context.Context, rows Rows, books billing.Rows) (err error) {
			if page, err = rows.Holdings(ctx, v.seller.ID, last.Account, last.Resource, pageSize); err != nil {
				return err
			}
			return read(ctx, books, page, accounts)
		})
		if err != nil {
			return err
		}
		for i := range page {
			h := &page[i]
			if ok, err := v.agrees(h, accounts[h.Account], kinds[h.Resource], v.charged[chargeKey{h.Account, h.Resource}]); err != nil {
				return err
			} else if ok {
				continue
			}
			if err := v.again(ctx, h, kinds[h.Resource]); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		last = page[len(page)-1]
	}
}

// read reads the accounts of holdings.
func read(ctx context.Context, books billing.Rows, page []Holding, into map[billing.AccountID]*billing.Account) error {
	var ids []billing.AccountID
	for i := range page {
		if id := page[i].Account; into[id] == nil {
			into[id] = &billing.Account{}
			ids = append(ids, id)
		}
	}
	loaded, err := books.Load(ctx, billing.LoadQuery{IDs: ids})
	if err != nil {
		return err
	}
	for i := range loaded.States {
		a := loaded.States[i].Account
		into[a.ID] = &a
	}
	return nil
}

// agrees reports whether a holding's totals are what its shadows come to. What was charged
// for an interval that is over, or that waits for a trial's end, is not looked at.
func (v *verifier) agrees(h *Holding, a *billing.Account, kind billing.ResourceKind, c charge) (bool, error) {
	cur, rounding := v.parent.Currency, v.parent.Rounding
	setup, err := h.SetupTotal.RoundMinor(cur.Exponent, rounding)
	if err != nil || setup != c.setup {
		return false, err
	}
	to, running := a.PeriodTo, !a.Lapsed
	if kind == billing.KindMonthly {
		to, running = a.MonthTo, a.MonthCharged
	}
	if a.Status == billing.Closed || !a.TrialEnds.IsZero() || !running || h.List == (List{}) {
		return true, nil
	}
	recurring, err := h.RecurringTotal.RoundMinor(cur.Exponent, rounding)
	if c.to != to {
		c.recurring = 0 // nothing has been charged for this interval
	}
	return recurring == c.recurring, err
}

// again looks at one holding in one view.
func (v *verifier) again(ctx context.Context, h *Holding, kind billing.ResourceKind) error {
	charged := map[chargeKey]charge{}
	now, accounts := []Holding{*h}, map[billing.AccountID]*billing.Account{}
	err := v.page(ctx, func(ctx context.Context, rows Rows, books billing.Rows) error {
		clear(charged)
		clear(accounts)
		loaded, err := rows.Load(ctx, LoadQuery{Accounts: []billing.AccountID{h.Account}})
		if err != nil {
			return err
		}
		for _, x := range loaded.Holdings {
			if x.Seller == h.Seller && x.Resource == h.Resource {
				now[0] = x
			}
		}
		if err := read(ctx, books, now, accounts); err != nil {
			return err
		}
		q := ShadowQuery{Seller: v.seller.ID, Account: h.Account, Resource: h.Resource}
		for after := (ShadowID{}); ; {
			page, err := rows.Shadows(ctx, q, after, pageSize)
			if err != nil {
				return err
			}
			for i := range page {
				if err := tally(charged, &page[i]); err != nil {
					return err
				}
			}
			if len(page) < pageSize {
				return nil
			}
			after = page[len(page)-1].ID()
		}
	})
	if err != nil {
		return err
	}
	c := charged[chargeKey{h.Account, h.Resource}]
	ok, err := v.agrees(&now[0], accounts[h.Account], kind, c)
	if err == nil && !ok {
		cur := v.parent.Currency
		v.add(FindingLost, h.Account, "%s has been charged setup %s and recurring %s, its shadows come to %s and %s", h.Resource,
			now[0].SetupTotal.RoundTo(int(cur.Exponent), v.parent.Rounding), now[0].RecurringTotal.RoundTo(int(cur.Exponent), v.parent.Rounding),
			money.FromMinor(c.setup, cur), money.FromMinor(c.recurring, cur))
	}
	return err
}
