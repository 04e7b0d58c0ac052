package postgres

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// seenAccounts are the accounts that a transaction has read, as they were. A version is
// written once, so whoever writes the next one knows what the row holds.
type seenAccounts struct {
	accounts map[billing.AccountID]*billing.Account
}

// add remembers accounts. What its caller may change in place is copied.
func (s *seenAccounts) add(states []billing.State) {
	if s.accounts == nil {
		s.accounts = make(map[billing.AccountID]*billing.Account, len(states))
	}
	copies := make([]billing.Account, len(states))
	for i := range states {
		a := &copies[i]
		*a = states[i].Account
		a.Above = slices.Clone(a.Above)
		a.Promotions = slices.Clone(a.Promotions)
		if a.CreditLimit != nil {
			limit := *a.CreditLimit
			a.CreditLimit = &limit
		}
		a.Stretches, a.TaxCharged = nil, nil // figures
		s.accounts[a.ID] = a
	}
}

// take returns what was remembered of an account and forgets it; nil if there is none.
func (s *seenAccounts) take(id billing.AccountID) *billing.Account {
	a := s.accounts[id]
	delete(s.accounts, id)
	return a
}

// sameTerms reports whether two versions of an account differ in nothing but their
// figures: the columns of figureTable.
func sameTerms(a, b *billing.Account) bool {
	return a.Seller == b.Seller && a.Name == b.Name && slices.Equal(a.Above, b.Above) && a.Sells == b.Sells &&
		a.Plan == b.Plan && a.PlanVersion == b.PlanVersion && a.Period == b.Period && a.Status == b.Status &&
		a.SignedUp == b.SignedUp && a.Activated == b.Activated && a.Anchor == b.Anchor && a.Closed == b.Closed &&
		a.Lapsed == b.Lapsed && a.Cancelling == b.Cancelling && a.Leaving == b.Leaving && a.TrialEnds == b.TrialEnds &&
		a.PendingPeriod == b.PendingPeriod && a.PendingPlan == b.PendingPlan && a.PendingVersion == b.PendingVersion &&
		a.RefundPercent.Equal(b.RefundPercent) && a.MoneyBackDays == b.MoneyBackDays &&
		a.Suspension == b.Suspension && a.Exemption == b.Exemption && a.Parked == b.Parked &&
		accountCurrency(a) == accountCurrency(b) && sameLimit(a.CreditLimit, b.CreditLimit) &&
		len(a.Promotions) == len(b.Promotions) && slices.EqualFunc(a.Promotions, b.Promotions, samePromotion)
}

// accountCurrency is what is in the column: that of the first amount that has one.
func accountCurrency(a *billing.Account) money.Currency {
	if c := a.Balance.Currency(); c != (money.Currency{}) {
		return c
	}
	return a.LastRun.Currency()
}

func sameLimit(a, b *decimal.Decimal) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

func samePromotion(a, b billing.Promotion) bool {
	return a.Code == b.Code && a.Percent.Equal(b.Percent) &&
		a.Setup == b.Setup && a.Recurring == b.Recurring && a.Usage == b.Usage && a.Until == b.Until
}
