package reseller_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

// A customer that its reseller prices so that no ledger can hold it is parked, and makes
// no shadows meanwhile; none of them is lost.
func TestNothingOfAParkedCustomerIsLost(t *testing.T) {
	t.Parallel()
	play := func(recurring string) []string {
		s := newShop(t, 1)
		acme := s.enroll("acme", "host")
		s.publish("acme", "home", billing.Terms{Resources: []billing.Line{
			{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price(recurring)}},
			{Resource: "mailbox"}, {Resource: "traffic"}}})
		alice := s.signup("acme", "alice")
		require.NoError(t, s.set(alice, "mailbox", 9))
		s.do(billing.ChangePlan{Account: acme.ID, Plan: "dear"})
		s.to(2, 1)
		parked := s.account(alice).Parked
		require.Equal(t, recurring != "1", parked.Code == "amount_too_large")
		s.to(2, 10)
		s.do(billing.RecordUsage{Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(100)})
		s.to(3, 10)
		if parked.Code != "" {
			require.Len(t, s.shadows("acme"), 3, "nothing since it was parked")
			a, err := s.m.Desk("acme").Account(s.ctx, alice)
			require.NoError(t, err)
			require.Equal(t, "amount_too_large", a.Parked.Code)
			require.Empty(t, a.Parked.Reason, "it may name those above")
			s.do(billing.Credit{Account: alice, Amount: money.FromMinor(9e18, s.eur)})
			report, err := s.e.Unpark(s.ctx, alice, billing.NewDate(2026, 3, 10))
			require.NoError(t, err)
			require.Empty(t, report.Parked)
		}
		got := s.shadows("acme")
		s.to(3, 12)
		require.Equal(t, "2026-03-11", must(s.m.ClosedThrough(s.ctx, "acme")).String())
		s.sound()
		return got
	}
	require.ElementsMatch(t, play("1"), play("50000000000000000"))
}

// A reseller can be suspended whatever is wrong with the books of its customers.
func TestAParkedCustomerFollowsItsReseller(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	acme := s.enroll("acme", "host")
	s.publish("acme", "home", billing.Terms{Resources: []billing.Line{
		{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("50000000000000000")}}}})
	alice := s.signup("acme", "alice")
	s.to(2, 1)
	require.NotEmpty(t, s.account(alice).Parked.Code)
	s.do(billing.Suspend{Account: acme.ID})
	require.Equal(t, billing.Suspended, s.account(alice).Status)
	s.to(2, 3)
	s.sound()
}

// parkedShop is a shop whose reseller acme has the customer alice, at 30.00 and 1.00 a
// month, parked on 1 February by a bound that binds only that night.
func parkedShop(t *testing.T) (s *shop, acme, alice billing.AccountID) {
	t.Helper()
	s = newShop(t, 1)
	acme = s.enroll("acme", "host").ID
	s.publish("acme", "home", billing.Terms{Resources: []billing.Line{
		{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("30")}},
		{Resource: "mailbox", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("1")}}}})
	alice = s.signup("acme", "alice")
	strict, err := reseller.New(s.store, reseller.Options{Billing: billing.Options{Clock: s.clock, RunEntryBound: 1}})
	require.NoError(t, err)
	s.clock.Set(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC))
	_, err = strict.Run(s.ctx, billing.NewDate(2026, 2, 1), billing.RunOptions{})
	require.NoError(t, err)
	require.Equal(t, "too_many_entries", s.account(alice).Parked.Code)
	return s, acme, alice
}

// unpark lets the run have an account again, on a day, after the night before it.
func (s *shop) unpark(id billing.AccountID, month time.Month, day int) {
	s.t.Helper()
	report, err := s.e.Unpark(s.ctx, id, s.to(month, day))
	require.NoError(s.t, err)
	require.Empty(s.t, report.Parked)
}

// charged lists the intervals for which an account was charged a resource.
func (s *shop) charged(id billing.AccountID, resource billing.ResourceID) (out []string) {
	s.t.Helper()
	for x, err := range s.e.Entries(s.ctx, billing.EntryQuery{Account: id, Resource: resource}) {
		require.NoError(s.t, err)
		out = append(out, x.From.String()+" "+x.To.String()+" "+x.Amount.Digits())
	}
	return out
}

// Boundaries that are handled late are handled in the state that the account was in on
// their days: before its reseller was suspended it was active.
func TestBoundariesBeforeASuspensionAreThoseOfAnActiveAccount(t *testing.T) {
	t.Parallel()
	s, acme, alice := parkedShop(t)
	s.to(2, 10)
	s.do(billing.Suspend{Account: acme})
	s.unpark(alice, 2, 12)
	a := s.account(alice)
	require.Equal(t, billing.Suspended, a.Status)
	require.False(t, a.Lapsed)
	_, err := s.e.Do(s.ctx, billing.Exempt{Request: billing.Request{On: billing.NewDate(2026, 2, 9)}, Account: alice, Code: "x"})
	require.ErrorIs(t, err, billing.ErrDayPassed, "nothing is dated back behind the suspension")
	s.to(3, 2)
	require.True(t, s.account(alice).Lapsed)
	require.Equal(t, []string{"2026-01-01 2026-02-01 30.00", "2026-02-01 2026-03-01 30.00"}, s.charged(alice, "account"))
	s.sound()
}

// That its reseller was suspended closes no day of a parked customer: it can still be
// corrected on the day before the boundary that could not be handled.
func TestAParkedCustomerIsCorrectedThoughItsResellerWasSuspended(t *testing.T) {
	t.Parallel()
	s, acme, alice := parkedShop(t)
	s.to(2, 10)
	s.do(billing.Suspend{Account: acme})
	s.do(billing.Close{Request: billing.Request{On: billing.NewDate(2026, 1, 31)}, Account: alice})
	s.unpark(alice, 2, 12)
	s.sound()
}

// A day whose bill no ledger can hold is named every night, and holds up nobody else.
func TestCloseNamesADayThatCannotBeBilled(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.publish("host", "gold", wholesale("50000000000000000", "0.20"))
	_, err := s.m.Enroll(s.ctx, reseller.Enrollment{Seller: billing.Seller{ID: "midas", Parent: "host", Currency: s.eur}, Signup: billing.Signup{Plan: "gold"}})
	require.NoError(t, err)
	s.publish("midas", "home", wholesale("1", "1"))
	s.enroll("other", "host")
	s.signup("midas", "alice")
	s.signup("midas", "bob")
	s.signup("other", "carol")
	s.clock.Advance(24 * time.Hour)
	for range 2 {
		_, err := s.m.Close(s.ctx, billing.NewDate(2026, 1, 1))
		require.ErrorContains(t, err, "day 2026-01-01 of seller midas")
	}
	require.Equal(t, []string{"2026-01-01 account 1.00"}, s.bills("other"))
	// The run goes on, for its customers too; their late shadows go to the first open day.
	s.clock.Advance(31 * 24 * time.Hour)
	run, err := s.m.Run(s.ctx, billing.NewDate(2026, 2, 2), billing.RunOptions{})
	require.ErrorContains(t, err, "day 2026-01-01 of seller midas")
	require.Equal(t, int64(5), run.Boundary)
	require.Contains(t, s.shadows("midas"), "2026-02-01 alice recurring account 1 50000000000000000.00")
	require.True(t, must(s.m.ClosedThrough(s.ctx, "midas")).Before(billing.NewDate(2026, 1, 1)))
}
