package reseller_test

import (
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func TestEveryLevelPays(t *testing.T) {
	t.Parallel()
	s := newShop(t, 3)
	s.enroll("acme", "host")
	s.enroll("bit", "acme")
	s.enroll("crumb", "bit")
	s.to(1, 2)
	id := s.signup("crumb", "alice")
	require.NoError(t, s.set(id, "mailbox", 6))
	require.Equal(t, []string{
		"2026-01-01 bit recurring account 1 1.00",
		"2026-01-01 crumb recurring account 1 1.00",
		"2026-01-02 alice recurring account 1 1.00",
		"2026-01-02 alice setup mailbox 1 0.10", // 5 of 6 come out of the pool
		"2026-01-02 alice recurring mailbox 1 0.20",
	}, s.shadows("acme"))
	require.Equal(t, []string{
		"2026-01-01 crumb recurring account 1 2.00",
		"2026-01-02 alice recurring account 1 2.00",
		"2026-01-02 alice setup mailbox 1 0.10",
		"2026-01-02 alice recurring mailbox 1 0.40",
	}, s.shadows("bit"))
	require.Len(t, s.shadows("crumb"), 3)
	require.Empty(t, s.shadows("host"))
	s.to(1, 4)
	require.Equal(t, []string{"2026-01-01 account 2.00", "2026-01-02 account 1.00", "2026-01-02 mailbox 0.30"}, s.bills("acme"))
	s.sound()
}

func TestDepthIsASetting(t *testing.T) {
	t.Parallel()
	s := newShop(t, 0)
	s.enroll("acme", "host")
	_, err := s.m.Enroll(s.ctx, reseller.Enrollment{Seller: billing.Seller{ID: "bit", Parent: "acme", Currency: s.eur}, Signup: billing.Signup{Plan: "reseller"}})
	require.ErrorIs(t, err, billing.ErrTooDeep)
	_, err = s.e.Seller(s.ctx, "bit")
	require.ErrorIs(t, err, billing.ErrUnknownSeller, "nothing of it is kept")
}

func TestAnEngineWithoutTheHookTouchesNoCustomerOfAReseller(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	id := s.signup("acme", "alice")
	bare, err := billing.New(s.store, billing.Options{Clock: s.clock})
	require.NoError(t, err)
	_, err = bare.Do(s.ctx, billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.NewFromInt(1)})
	require.ErrorIs(t, err, billing.ErrNoHook)
	require.ErrorIs(t, bare.PutSeller(s.ctx, billing.Seller{ID: "bit", Parent: "host", Currency: s.eur}), billing.ErrNoHook)
}

func TestSuspendingAResellerSuspendsWhatIsBelow(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	acme := s.enroll("acme", "host")
	bit := s.enroll("bit", "acme")
	alice, bob, carol := s.signup("acme", "alice"), s.signup("acme", "bob"), s.signup("bit", "carol")
	other := s.enroll("other", "host")
	dora := s.signup("other", "dora")
	s.do(billing.Suspend{Account: bob, Reason: billing.ReasonDebt})
	s.do(billing.Suspend{Account: acme.ID})

	for _, id := range []billing.AccountID{alice, bit.ID, carol} {
		a := s.account(id)
		require.Equal(t, billing.Suspended, a.Status, a.Name)
		require.Equal(t, billing.ReasonReseller, a.Suspension.Reason, a.Name)
	}
	require.Equal(t, billing.ReasonDebt, s.account(bob).Suspension.Reason)
	require.Equal(t, billing.Active, s.account(dora).Status)
	require.Equal(t, billing.Active, s.account(other.ID).Status)

	_, err := s.e.Do(s.ctx, billing.Resume{Account: alice})
	require.ErrorIs(t, err, billing.ErrSellerInactive)
	_, err = s.e.Do(s.ctx, billing.Resume{Account: bit.ID})
	require.ErrorIs(t, err, billing.ErrSellerInactive)
	_, err = s.e.Do(s.ctx, billing.Signup{Seller: "bit", Name: "eve", Plan: "home"})
	require.ErrorIs(t, err, billing.ErrSellerInactive)

	s.to(2, 10) // all of them lapse meanwhile
	s.do(billing.Resume{Account: acme.ID})
	for _, id := range []billing.AccountID{alice, bit.ID, carol} {
		require.Equal(t, billing.Active, s.account(id).Status, s.account(id).Name)
	}
	require.Equal(t, billing.Suspended, s.account(bob).Status, "it sleeps for a reason of its own")
	s.to(2, 12)
	s.sound()
}

func TestAResellerThatSleepsByItselfIsNotWokenFromAbove(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	acme := s.enroll("acme", "host")
	bit := s.enroll("bit", "acme")
	carol := s.signup("bit", "carol")
	s.do(billing.Suspend{Account: bit.ID})
	s.do(billing.Suspend{Account: acme.ID})
	s.do(billing.Resume{Account: acme.ID})
	require.Equal(t, billing.Suspended, s.account(bit.ID).Status)
	require.Equal(t, billing.Suspended, s.account(carol).Status)
	s.do(billing.Resume{Account: bit.ID})
	require.Equal(t, billing.Active, s.account(carol).Status)
}

func TestClosingAReseller(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	acme := s.enroll("acme", "host")
	bit := s.enroll("bit", "acme")
	alice, carol := s.signup("acme", "alice"), s.signup("bit", "carol")
	_, err := s.e.Do(s.ctx, billing.Close{Account: acme.ID})
	require.ErrorIs(t, err, billing.ErrHasCustomers)
	_, err = s.e.Do(s.ctx, billing.Cancel{Account: bit.ID})
	require.ErrorIs(t, err, billing.ErrHasCustomers)

	s.to(1, 11)
	stale, err := s.m.PreviewClosing(s.ctx, "acme", billing.CloseAccrue)
	require.NoError(t, err)
	var order []billing.AccountID
	for _, a := range stale.Accounts {
		order = append(order, a.ID)
	}
	require.Equal(t, []billing.AccountID{alice, carol, bit.ID, acme.ID}, order)
	require.Equal(t, "-3.39", stale.Accounts[0].Total.Digits(), "what alice gets back")
	require.Equal(t, billing.Active, s.account(alice).Status, "nothing is closed by a preview")

	late := s.signup("bit", "late")
	_, err = s.m.CloseReseller(s.ctx, stale, billing.CloseAccrue, billing.Actor{})
	require.ErrorIs(t, err, reseller.ErrClosingChanged)
	require.Equal(t, billing.Active, s.account(alice).Status)

	now, err := s.m.PreviewClosing(s.ctx, "acme", billing.CloseAccrue)
	require.NoError(t, err)
	closed, err := s.m.CloseReseller(s.ctx, now, billing.CloseAccrue, billing.Actor{})
	require.NoError(t, err)
	require.Equal(t, []billing.AccountID{alice, carol, late, bit.ID, acme.ID}, closed)
	for _, id := range closed {
		require.Equal(t, billing.Closed, s.account(id).Status)
	}
	s.to(1, 13) // the last day's shadows are billed to the closed reseller
	require.Contains(t, s.bills("acme"), "2026-01-11 account -2.04")
	s.sound()
}

func TestLimitsHoldThroughTheChain(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	s.enroll("acme", "host")
	s.enroll("bit", "acme")
	alice, carol := s.signup("acme", "alice"), s.signup("bit", "carol")
	require.NoError(t, s.set(alice, "mailbox", 3))
	limit := func(n int64) *decimal.Decimal { return new(decimal.NewFromInt(n)) }
	require.NoError(t, s.m.SetLimit(s.ctx, "acme", "mailbox", limit(10)))
	require.NoError(t, s.set(carol, "mailbox", 7))
	require.ErrorIs(t, s.set(alice, "mailbox", 4), billing.ErrOverLimit)
	require.ErrorIs(t, s.set(carol, "mailbox", 8), billing.ErrOverLimit, "two levels below")
	require.NoError(t, s.set(alice, "mailbox", 1))
	require.NoError(t, s.set(carol, "mailbox", 9))
	require.ErrorIs(t, s.set(carol, "mailbox", 10), billing.ErrOverLimit)

	// A bound below what is held stops growth only.
	require.NoError(t, s.m.SetLimit(s.ctx, "bit", "mailbox", limit(2)))
	require.NoError(t, s.set(carol, "mailbox", 5))
	require.ErrorIs(t, s.set(carol, "mailbox", 6), billing.ErrOverLimit)

	require.NoError(t, s.m.SetLimit(s.ctx, "acme", reseller.Customers, limit(3)))
	_, err := s.e.Do(s.ctx, billing.Signup{Seller: "bit", Name: "dora", Plan: "home"})
	require.ErrorIs(t, err, billing.ErrOverLimit, "alice, bit and carol are there")
	s.do(billing.Close{Account: alice})
	dora := s.signup("bit", "dora")

	uses, err := s.m.Limits(s.ctx, "acme")
	require.NoError(t, err)
	require.Len(t, uses, 2)
	require.Equal(t, "3", uses[0].Used.String(), "customers")
	require.Equal(t, "5", uses[1].Used.String(), "mailboxes")
	shares, err := s.m.Shares(s.ctx, "acme", "mailbox")
	require.NoError(t, err)
	require.Len(t, shares, 1)
	require.Equal(t, carol, shares[0].Account)

	require.NoError(t, s.m.SetLimit(s.ctx, "acme", "mailbox", nil))
	require.NoError(t, s.m.SetLimit(s.ctx, "bit", "mailbox", nil))
	require.NoError(t, s.set(dora, "mailbox", 100))
	s.sound()
}

func TestTwoCustomersRaceForTheLastUnit(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		s := newShop(t, 2)
		s.enroll("acme", "host")
		s.enroll("bit", "acme")
		racers := []billing.AccountID{s.signup("acme", "alice"), s.signup("bit", "carol")}
		require.NoError(t, s.m.SetLimit(s.ctx, "acme", "mailbox", price("1")))
		errs := make([]error, len(racers))
		var wg sync.WaitGroup
		for i, id := range racers {
			wg.Go(func() { errs[i] = s.set(id, "mailbox", 1) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, billing.ErrOverLimit)
			}
		}
		require.Equal(t, 1, won, "round %d", round)
	}
}

func TestTrialsOfResellersAreBounded(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	for plan, days := range map[billing.PlanID]int{"short": 31, "long": 32} {
		terms := wholesale("9", "9")
		terms.Trial = billing.Trial{Days: days}
		s.publish("acme", plan, terms)
		s.publish("host", plan, terms)
	}
	_, err := s.e.Do(s.ctx, billing.Signup{Seller: "acme", Name: "alice", Plan: "long"})
	require.ErrorIs(t, err, reseller.ErrTrialTooLong)
	s.do(billing.Signup{Seller: "acme", Name: "bob", Plan: "long", SkipTrial: true})
	s.do(billing.Signup{Seller: "host", Name: "carol", Plan: "long"})
	dora := s.do(billing.Signup{Seller: "acme", Name: "dora", Plan: "short"}).Account.ID
	require.NotContains(t, s.shadows("acme"), "2026-01-01 dora recurring account 1 1.00")
	s.do(billing.Convert{Account: dora})
	require.Contains(t, s.shadows("acme"), "2026-01-01 dora recurring account 1 1.00")
	s.sound()

	// Without trials customers buy at once.
	none, err := reseller.New(s.store, reseller.Options{Billing: billing.Options{Clock: s.clock}, MaxTrialDays: -1})
	require.NoError(t, err)
	_, err = none.Billing().Do(s.ctx, billing.Signup{Seller: "acme", Name: "eve", Plan: "short"})
	require.ErrorIs(t, err, reseller.ErrTrialTooLong)
	_, err = none.Billing().Do(s.ctx, billing.Signup{Seller: "acme", Name: "eve", Plan: "home"})
	require.NoError(t, err)
}

// An account that is about to close cannot stand above others.
func TestACancelledAccountSellsNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	id := s.do(billing.Signup{Seller: "host", Name: "acme", Plan: "reseller"}).Account.ID
	s.do(billing.Cancel{Account: id})
	enroll := reseller.Enrollment{Seller: billing.Seller{ID: "acme", Parent: "host", Currency: s.eur}, Account: id}
	_, err := s.m.Enroll(s.ctx, enroll)
	require.ErrorIs(t, err, billing.ErrNotDouble)
	s.do(billing.Keep{Account: id})
	_, err = s.m.Enroll(s.ctx, enroll)
	require.NoError(t, err)
}

// Suspending a customer over the night in which its month begins saves its reseller
// nothing: what is held is charged when it wakes up.
func TestSleepingOverTheBoundarySavesNothing(t *testing.T) {
	t.Parallel()
	play := func(sleeps bool) []string {
		s := newShop(t, 1)
		s.enroll("acme", "host")
		s.publish("acme", "year", billing.Terms{Periods: []billing.Period{billing.Months(12)}, Resources: []billing.Line{
			{Resource: "account", AtSignup: decimal.NewFromInt(1)}, {Resource: "mailbox"}, {Resource: "traffic"}}})
		alice := s.do(billing.Signup{Seller: "acme", Name: "alice", Plan: "year"}).Account.ID
		require.NoError(t, s.set(alice, "traffic", 10))
		for month := time.Month(1); month < 5; month++ {
			s.to(month, 28)
			s.do(billing.RecordUsage{Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(15)})
			if sleeps {
				s.do(billing.Suspend{Account: alice})
			}
			s.to(month+1, 1)
			if sleeps {
				s.do(billing.Resume{Account: alice})
			}
		}
		s.sound()
		return s.shadows("acme")
	}
	require.Equal(t, play(false), play(true))
}

// Leaving a plan that measures does not leave behind what was measured.
func TestUsageOutlivesItsPlan(t *testing.T) {
	t.Parallel()
	for _, how := range []billing.CloseBilling{"stays", billing.CloseAccrue, billing.CloseNoBilling} {
		s := newShop(t, 1)
		s.enroll("acme", "host")
		s.publish("acme", "bare", unmetered())
		alice := s.signup("acme", "alice")
		s.do(billing.RecordUsage{Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(1000)})
		s.do(billing.ChangePlan{Account: alice, Plan: "bare"})
		on := "2026-01-01"
		if how != "stays" {
			s.do(billing.Close{Account: alice, Billing: how})
		} else {
			on = s.to(2, 1).String()
		}
		require.Contains(t, s.shadows("acme"), on+" alice usage traffic 1000 1000.00")
		s.sound()
	}
}
