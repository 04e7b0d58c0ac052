package reseller_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func TestAClosedDayNeverChanges(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	acme := s.enroll("acme", "host")
	alice := s.signup("acme", "alice")
	s.to(1, 3)
	require.Equal(t, []string{"2026-01-01 account 1.00"}, s.bills("acme"))

	// A purchase that is entered late keeps its date, and is billed with the first open day.
	s.do(billing.SetQuantity{Request: billing.Request{On: billing.NewDate(2026, 1, 2)}, Account: alice, Resource: "traffic", Quantity: decimal.NewFromInt(2)})
	require.Contains(t, s.shadows("acme"), "2026-01-02 alice recurring traffic 2 1.00")
	open, err := s.m.Open(s.ctx, "acme")
	require.NoError(t, err)
	require.Len(t, open, 1, "the host sees what is open")
	require.Equal(t, "1.00", open[0].Amount.Digits())
	require.Equal(t, []string{"2026-01-01 account 1.00"}, s.bills("acme"), "the reseller does not, before the day is over")

	s.to(1, 4)
	require.Equal(t, []string{"2026-01-01 account 1.00", "2026-01-03 traffic 1.00"}, s.bills("acme"))
	before := s.account(acme.ID)
	for range 3 {
		report, err := s.m.Close(s.ctx, billing.NewDate(2026, 1, 3))
		require.NoError(t, err)
		require.Zero(t, report.Bills)
	}
	require.Equal(t, before, s.account(acme.ID))
	s.sound()
}

func TestADayIsClosedWhenItIsOverEverywhere(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	_, err := s.m.Enroll(s.ctx, reseller.Enrollment{
		Seller: billing.Seller{ID: "west", Parent: "host", Currency: s.eur, TimeZone: "America/Los_Angeles"},
		Signup: billing.Signup{Plan: "reseller"},
	})
	require.NoError(t, err)
	s.publish("west", "home", wholesale("9", "9"))
	_, err = s.e.Do(s.ctx, billing.Signup{Seller: "west", Name: "alice", Plan: "home"})
	require.NoError(t, err)
	s.clock.Set(time.Date(2026, 1, 2, 7, 59, 0, 0, time.UTC)) // still the first of January there
	_, err = s.m.Close(s.ctx, billing.NewDate(2026, 1, 1))
	require.NoError(t, err)
	require.Empty(t, s.bills("west"))
	s.clock.Set(time.Date(2026, 1, 2, 8, 0, 0, 0, time.UTC))
	_, err = s.m.Close(s.ctx, billing.NewDate(2026, 1, 1))
	require.NoError(t, err)
	require.Equal(t, []string{"2026-01-01 account 1.00"}, s.bills("west"))
}

func TestNothingIsChargedBeforeACustomerBuys(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.to(3, 1)
	require.Empty(t, s.shadows("acme"))
	require.Empty(t, s.bills("acme"))
	through, err := s.m.ClosedThrough(s.ctx, "acme")
	require.NoError(t, err)
	require.Equal(t, "2026-02-28", through.String(), "its days are closed all the same")
}

func TestARefundIsAtThePriceThatWasCharged(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	acme := s.enroll("acme", "host")
	s.to(1, 20)
	alice := s.signup("acme", "alice")
	require.NoError(t, s.set(alice, "mailbox", 15))
	s.do(billing.ChangePlan{Account: acme.ID, Plan: "dear"})
	require.Equal(t, billing.PlanID("reseller"), s.account(acme.ID).Plan, "it waits for the next period")
	s.to(2, 2)
	require.Equal(t, billing.PlanID("dear"), s.account(acme.ID).Plan)
	require.NoError(t, s.set(alice, "mailbox", 5))
	require.Contains(t, s.shadows("acme"), "2026-02-02 alice refund mailbox 10 -1.16", "10 at 0.20 for 18 of 31 days")
	for x, err := range s.m.Shadows(s.ctx, reseller.ShadowQuery{Seller: "acme"}) {
		require.NoError(t, err)
		require.Equal(t, billing.PlanID("reseller"), x.Basis.Plan)
		require.Equal(t, 1, x.Basis.Version)
	}
	s.to(2, 20)
	require.Contains(t, s.shadows("acme"), "2026-02-20 alice recurring account 1 3.00", "the new list prices what opens later")
	s.sound()
}

func TestAResellerCannotLeaveItsCustomersWithoutAList(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	acme := s.enroll("acme", "host")
	s.publish("host", "bare", billing.Terms{Resources: []billing.Line{{Resource: "account", Prices: billing.Prices{Recurring: price("1")}}}})
	alice := s.signup("acme", "alice")
	_, err := s.e.Do(s.ctx, billing.ChangePlan{Account: acme.ID, Plan: "bare"})
	require.ErrorIs(t, err, billing.ErrNotOffered)
	s.do(billing.Close{Account: alice})
	s.do(billing.ChangePlan{Account: acme.ID, Plan: "bare"})
	s.signup("acme", "bob") // the present list still counts ...
	s.to(2, 2)
	require.Equal(t, billing.PlanID("reseller"), s.account(acme.ID).Plan, "... and so the change is dropped")
}
