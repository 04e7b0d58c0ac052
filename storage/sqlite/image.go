package sqlite

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// image is an account with its holdings as they stand in the database, read under the
// write lock: an update then names only what has changed. It holds nothing that the
// caller of Load could change.
type image struct {
	account    billing.Account // without slices and pointers, but for a copy of Above
	promotions int
	currency   money.Currency
	limit      decimal.Decimal
	limited    bool
	holdings   []billing.Holding // without limits
}

func (m *image) set(a *billing.Account) {
	m.account = *a
	m.account.Stretches, m.account.Promotions, m.account.TaxCharged, m.account.CreditLimit = nil, nil, nil, nil
	m.account.Above = slices.Clone(a.Above)
	m.promotions, m.currency = len(a.Promotions), shared(a.Balance, a.LastRun)
	if m.limited = a.CreditLimit != nil; m.limited {
		m.limit = *a.CreditLimit
	}
}

// sameRest reports whether the columns of bindRest are unchanged. An account with
// promotions is always said to have changed: they are few.
func (m *image) sameRest(a *billing.Account) bool {
	o := &m.account
	return o.Seller == a.Seller && o.Name == a.Name && slices.Equal(o.Above, a.Above) && o.Sells == a.Sells &&
		o.Plan == a.Plan && o.PlanVersion == a.PlanVersion && o.Period == a.Period && o.Status == a.Status &&
		o.SignedUp == a.SignedUp && o.Activated == a.Activated && o.Anchor == a.Anchor && o.Closed == a.Closed &&
		o.Lapsed == a.Lapsed && o.Cancelling == a.Cancelling && o.Leaving == a.Leaving && o.TrialEnds == a.TrialEnds &&
		o.PendingPeriod == a.PendingPeriod && o.PendingPlan == a.PendingPlan && o.PendingVersion == a.PendingVersion &&
		o.RefundPercent.Equal(a.RefundPercent) && o.MoneyBackDays == a.MoneyBackDays &&
		o.Suspension == a.Suspension && o.Exemption == a.Exemption && o.Parked == a.Parked &&
		m.promotions == 0 && len(a.Promotions) == 0 && m.currency == shared(a.Balance, a.LastRun) &&
		m.limited == (a.CreditLimit != nil) && (!m.limited || m.limit.Equal(*a.CreditLimit))
}

// holding returns the image of a holding, nil if it was not read.
func (m *image) holding(id billing.ResourceID) *billing.Holding {
	for i := range m.holdings {
		if m.holdings[i].Resource == id {
			return &m.holdings[i]
		}
	}
	return nil
}

// sameRest reports whether the columns of a holding that a run does not change are
// unchanged.
func sameRest(o, h *billing.Holding) bool {
	return o.Quantity.Equal(h.Quantity) && o.SetupUnits.Equal(h.SetupUnits) && o.SetupPaid.Equal(h.SetupPaid) &&
		o.SetupTotal.Equal(h.SetupTotal) && o.SetupDiscount.Equal(h.SetupDiscount) && o.TrialUse.Equal(h.TrialUse)
}

// remember keeps the images of accounts that were loaded under the write lock.
func (t *tx) remember(states []billing.State) {
	if !t.write {
		return
	}
	if t.images == nil {
		t.images = make(map[billing.AccountID]*image, len(states))
	}
	images := make([]image, len(states))
	held := 0
	for i := range states {
		held += len(states[i].Holdings)
	}
	holdings := make([]billing.Holding, 0, held)
	for i := range states {
		m, s := &images[i], &states[i]
		m.set(&s.Account)
		first := len(holdings)
		holdings = append(holdings, s.Holdings...)
		m.holdings = holdings[first:]
		for j := range m.holdings {
			m.holdings[j].Limits = nil
		}
		t.images[s.Account.ID] = m
	}
}
