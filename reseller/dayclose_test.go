package reseller_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
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

// What is dated back while days are being closed is billed with its day, not passed over.
func TestADayThatComesLateIsNotPassedOver(t *testing.T) {
	t.Parallel()
	store := &between{Store: memory.New()}
	s := newShopOn(t, store, 1)
	s.enroll("acme", "host")
	alice := s.signup("acme", "alice")
	s.to(1, 3) // the second is closed; then nothing runs for a week
	s.clock.Set(time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC))
	s.do(billing.SetQuantity{Request: billing.Request{On: billing.NewDate(2026, 1, 9)}, Account: alice, Resource: "traffic", Quantity: decimal.NewFromInt(2)})
	var late []int
	store.update = func() {
		for _, day := range []int{9, 7, 5} { // a customer of each
			if len(late) < 3 {
				late = append(late, day)
				_, err := s.e.Do(s.ctx, billing.Signup{Request: billing.Request{On: billing.NewDate(2026, 1, day)}, Seller: "acme", Name: fmt.Sprint("late", day), Plan: "home"})
				require.NoError(t, err)
			}
		}
	}
	report, err := s.m.Close(s.ctx, billing.NewDate(2026, 1, 9))
	require.NoError(t, err)
	require.Equal(t, []int{9, 7, 5}, late)
	require.Equal(t, int64(3), report.Days)
	require.Equal(t, []string{"2026-01-01 account 1.00", "2026-01-05 account 1.00", "2026-01-07 account 1.00", "2026-01-09 account 1.00", "2026-01-09 traffic 1.00"}, s.bills("acme"))
	s.sound()
}

// between is a store that does something before the next transaction that writes.
type between struct {
	reseller.Store
	update func()
}

func (b *between) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	if do := b.update; do != nil {
		b.update = nil
		do()
	}
	return b.Store.Update(ctx, fn)
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

func TestNothingIsDatedBeforeItsResellerWasThere(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	s.to(1, 10)
	s.enroll("acme", "host")
	s.to(1, 20)
	s.enroll("bit", "acme")
	for _, c := range []struct {
		seller billing.SellerID
		day    int
		want   error
	}{
		{"acme", 9, billing.ErrDayPassed}, {"acme", 10, nil},
		{"bit", 9, billing.ErrDayPassed}, {"bit", 19, billing.ErrDayPassed}, {"bit", 20, nil},
	} {
		act := billing.Signup{Request: billing.Request{On: billing.NewDate(2026, 1, c.day)}, Seller: c.seller, Name: "alice", Plan: "home"}
		_, quoted := s.e.Quote(s.ctx, act)
		require.ErrorIs(t, quoted, c.want, "%s on %d", c.seller, c.day)
		res, err := s.e.Do(s.ctx, act)
		require.ErrorIs(t, err, c.want, "%s on %d", c.seller, c.day)
		if err != nil {
			require.NotContains(t, err.Error(), "acme account", "nothing is said of those above")
			continue
		}
		_, err = s.e.Do(s.ctx, billing.SetQuantity{Request: billing.Request{On: billing.NewDate(2026, 1, c.day-1)}, Account: res.Account.ID,
			Resource: "mailbox", Quantity: decimal.NewFromInt(9)})
		require.ErrorIs(t, err, billing.ErrDayPassed)
	}
	s.to(2, 25)
	for _, seller := range []billing.SellerID{"acme", "bit"} {
		require.Equal(t, "2026-02-24", must(s.m.ClosedThrough(s.ctx, seller)).String())
	}
	s.sound()
}

func TestADayIsBilledWhateverStateTheResellerIsIn(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]func(s *shop, double, alice billing.AccountID){
		"suspended": func(s *shop, double, _ billing.AccountID) { s.do(billing.Suspend{Account: double}) },
		"lapsed": func(s *shop, double, _ billing.AccountID) {
			s.do(billing.Suspend{Account: double})
			s.to(2, 3)
		},
		"closed": func(s *shop, double, alice billing.AccountID) {
			s.do(billing.Close{Account: alice, Billing: billing.CloseNoBilling})
			s.do(billing.Close{Account: double, Billing: billing.CloseNoBilling})
		},
		"exempt": func(s *shop, double, _ billing.AccountID) { s.do(billing.Exempt{Account: double, Code: "x"}) },
	} {
		s := newShop(t, 1)
		acme := s.enroll("acme", "host")
		alice := s.signup("acme", "alice")
		require.NoError(t, s.set(alice, "mailbox", 9))
		state(s, acme.ID, alice)
		s.to(2, 7)
		want := "2026-01-01 mailbox 1.20"
		if name == "closed" {
			want = "2026-01-01 mailbox 0.40" // setup; the rest came back
		}
		require.Contains(t, s.bills("acme"), want, name)
		require.Equal(t, "2026-02-06", must(s.m.ClosedThrough(s.ctx, "acme")).String(), name)
		s.sound()
	}
}

// Where a reseller is it may still be the day before the one on which its account was
// opened: what it sells then is billed like anything else.
func TestADayBeforeTheAccountOfTheResellerIsBilled(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"America/Los_Angeles", "Pacific/Pago_Pago", "Pacific/Kiritimati"} {
		s := newShop(t, 2)
		s.clock.Set(time.Date(2026, 1, 2, 1, 0, 0, 0, time.UTC))
		double := s.enroll("acme", "host")
		s.enrollAt("west", "acme", zone)
		s.enrollAt("middle", "host", zone)
		for _, seller := range []billing.SellerID{"west", "middle"} {
			s.signup(seller, "alice")
		}
		require.Equal(t, "2026-01-02", double.SignedUp.String())
		s.to(2, 5)
		for _, seller := range []billing.SellerID{"acme", "west", "middle"} {
			require.NotEmpty(t, s.shadows(seller))
			require.NotEmpty(t, s.bills(seller))
			through, err := s.m.ClosedThrough(s.ctx, seller)
			require.NoError(t, err)
			require.Equal(t, "2026-02-04", through.String(), "%s in %s", seller, zone)
		}
		s.sound()
	}
}
