package reseller_test

import (
	"slices"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
)

// What was permitted to an account whose books then failed counts for nobody else.
func TestWhatAFailedAccountAskedForIsForgotten(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	ids := map[billing.PlanID]billing.AccountID{}
	for _, plan := range []billing.PlanID{"fails", "works"} {
		account := billing.Line{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("5")}}
		s.publish("acme", plan, billing.Terms{Resources: []billing.Line{account}})
		ids[plan] = s.do(billing.Signup{Seller: "acme", Name: string(plan), Plan: plan}).Account.ID
		if plan == "fails" { // two amounts that only just fit
			account.Prices = billing.Prices{Setup: price("90000000000000000"), Recurring: price("90000000000000000")}
		}
		s.publish("acme", plan, billing.Terms{Resources: []billing.Line{account, {Resource: "mailbox", AtSignup: decimal.NewFromInt(3)}}})
		s.do(billing.MoveVersion{Account: ids[plan]})
	}
	require.NoError(t, s.m.SetLimit(s.ctx, "acme", "mailbox", price("4")))
	s.to(2, 1)
	require.Equal(t, "amount_too_large", s.account(ids["fails"]).Parked.Code)
	require.Equal(t, 2, s.account(ids["works"]).PlanVersion, "the limit has room for it")
	s.sound()
}

// daily is a list that sells for 365 days too, at prices of their own.
func daily(t billing.Terms, resources ...billing.ResourceID) billing.Terms {
	for i := range t.Wholesale.Resources {
		l := &t.Wholesale.Resources[i]
		if slices.Contains(resources, l.Resource) {
			l.PeriodPrices = map[billing.Period]billing.PeriodPrices{
				billing.Days(365): {Setup: price("0"), Recurring: price("12"), Usage: price("1")}}
		}
	}
	return t
}

// yearly is a shop whose reseller acme sells for a month and for 365 days, and a customer.
func yearly(t *testing.T, resources ...billing.ResourceID) (s *shop, acme billing.Account, alice billing.AccountID) {
	t.Helper()
	s = newShop(t, 1)
	s.publish("host", "reseller", daily(wholesale("1", "0.20"), resources...))
	acme = s.enroll("acme", "host")
	s.publish("acme", "p", billing.Terms{Periods: []billing.Period{billing.Months(1), billing.Days(365)},
		Resources: []billing.Line{{Resource: "account", AtSignup: decimal.NewFromInt(1)}, {Resource: "mailbox"}, {Resource: "traffic"}}})
	alice = s.do(billing.Signup{Seller: "acme", Name: "alice", Plan: "p"}).Account.ID
	return s, acme, alice
}

// A reseller goes to no list that lacks the prices of a period to which a customer is
// about to go: it would have 365 days for the price of a month.
func TestADoublesNewListHasThePeriodsThatAreAskedFor(t *testing.T) {
	t.Parallel()
	all := []billing.ResourceID{"account", "mailbox", "traffic"}
	t.Run("asked for before", func(t *testing.T) {
		s, acme, alice := yearly(t, all...)
		s.do(billing.ChangePeriod{Account: alice, Period: billing.Days(365)})
		s.publish("host", "reseller", wholesale("1", "0.20")) // no price of 365 days any more
		for _, act := range []billing.Action{
			billing.ChangePlan{Account: acme.ID, Plan: "dear"},
			billing.ChangePlan{Account: acme.ID, Plan: "reseller"},
			billing.MoveVersion{Account: acme.ID},
		} {
			_, err := s.e.Do(s.ctx, act)
			require.ErrorIs(t, err, billing.ErrNotOffered)
		}
		s.do(billing.ChangePeriod{Account: alice, Period: billing.Months(1)})
		s.do(billing.ChangePlan{Account: acme.ID, Plan: "dear"})
	})
	t.Run("asked for between the change and its day", func(t *testing.T) {
		for _, act := range []func(id billing.AccountID) billing.Action{
			func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "dear"} },
			func(id billing.AccountID) billing.Action { return billing.MoveVersion{Account: id} },
		} {
			s, acme, alice := yearly(t, all...)
			s.publish("host", "reseller", wholesale("1", "0.20"))
			s.do(act(acme.ID))
			require.NotEmpty(t, s.account(acme.ID).PendingPlan)
			s.do(billing.ChangePeriod{Account: alice, Period: billing.Days(365)})
			s.to(2, 3)
			require.Equal(t, acme.Plan, s.account(acme.ID).Plan, "the change is dropped")
			require.Equal(t, acme.PlanVersion, s.account(acme.ID).PlanVersion)
			require.Contains(t, s.shadows("acme"), "2026-02-01 alice recurring account 1 12.00")
			s.sound()
		}
	})
}

// A period that was asked for begins only if everything that the customer then has is on
// offer for it; else it goes on with the present one.
func TestAPeriodBeginsOnlyIfAllIsOnOffer(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(s *shop, alice billing.AccountID){
		"bought": func(s *shop, alice billing.AccountID) { require.NoError(t, s.set(alice, "mailbox", 9)) },
		"changed plan": func(s *shop, alice billing.AccountID) {
			s.publish("acme", "q", billing.Terms{Periods: []billing.Period{billing.Months(1), billing.Days(365)},
				Resources: []billing.Line{{Resource: "account"}, {Resource: "mailbox", AtSignup: decimal.NewFromInt(9)}, {Resource: "traffic"}}})
			s.publish("acme", "bare", billing.Terms{Periods: []billing.Period{billing.Months(1), billing.Days(365)},
				Resources: []billing.Line{{Resource: "account"}, {Resource: "traffic"}}})
			s.do(billing.ChangePlan{Account: alice, Plan: "bare"})
			s.do(billing.ChangePlan{Account: alice, Plan: "q"})
		},
	} {
		for _, lapsed := range []bool{false, true} {
			s, _, alice := yearly(t, "account", "traffic")
			s.do(billing.ChangePeriod{Account: alice, Period: billing.Days(365)})
			meanwhile(s, alice)
			if lapsed {
				s.do(billing.Suspend{Account: alice})
			}
			on := s.to(2, 1)
			if lapsed {
				s.do(billing.Resume{Account: alice})
			}
			a := s.account(alice)
			require.Equal(t, billing.Months(1), a.Period, name)
			require.True(t, a.PendingPeriod.IsZero(), name)
			require.Contains(t, s.shadows("acme"), on.String()+" alice recurring account 1 1.00", name)
			s.sound()
		}
	}
}
