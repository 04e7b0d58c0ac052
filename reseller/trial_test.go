package reseller_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// trialShop is a shop with a reseller that gives trials of 30 days: wholesale a day and
// unit costs 1 for the account, 0.20 for a mailbox after the first 5 of all, 0.50 for a
// gigabyte that is held and 1 for one that is used above.
func trialShop(t *testing.T, trial billing.Trial) *shop {
	s := newShop(t, 1)
	s.publish("host", "reseller", wholesale("31", "6.20"))
	s.enroll("acme", "host")
	trial.Days = 30
	s.publish("acme", "trial", billing.Terms{Trial: trial, Resources: []billing.Line{
		{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("62")}},
		{Resource: "mailbox", Free: decimal.NewFromInt(100)},
		{Resource: "traffic", Free: decimal.NewFromInt(9999)},
	}})
	return s
}

func (s *shop) tryOut(name string) billing.AccountID {
	s.t.Helper()
	return s.do(billing.Signup{Seller: "acme", Name: name, Plan: "trial"}).Account.ID
}

func (s *shop) used(id billing.AccountID, gigabytes int64) {
	s.t.Helper()
	s.do(billing.RecordUsage{Account: id, Resource: "traffic", Amount: decimal.NewFromInt(gigabytes)})
}

// What is used in a trial is owed when it ends, in whatever way: units times days, and
// usage above what was held, retail-free units too. Nothing is owed before.
func TestATrialIsOwedWhenItEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(s *shop, id billing.AccountID)
		want []string
	}{
		{"closed", func(s *shop, id billing.AccountID) { s.to(1, 11); s.do(billing.Close{Account: id}) },
			[]string{"2026-01-11 ann recurring account 1 10.00", "2026-01-11 ann recurring mailbox 2 4.00", "2026-01-11 ann usage traffic 100 100.00"}},
		{"closed without billing", func(s *shop, id billing.AccountID) {
			s.to(1, 11)
			s.do(billing.Close{Account: id, Billing: billing.CloseNoBilling})
		},
			[]string{"2026-01-11 ann recurring account 1 10.00", "2026-01-11 ann recurring mailbox 2 4.00", "2026-01-11 ann usage traffic 100 100.00"}},
		{"cancelled", func(s *shop, id billing.AccountID) { s.to(1, 11); s.do(billing.Cancel{Account: id}) },
			[]string{"2026-01-11 ann recurring account 1 10.00", "2026-01-11 ann recurring mailbox 2 4.00", "2026-01-11 ann usage traffic 100 100.00"}},
		{"converted", func(s *shop, id billing.AccountID) { s.to(1, 11); s.do(billing.Convert{Account: id}) },
			[]string{"2026-01-11 ann recurring account 1 10.00", "2026-01-11 ann recurring mailbox 2 4.00", "2026-01-11 ann usage traffic 100 100.00",
				"2026-01-11 ann recurring account 1 31.00", "2026-01-11 ann setup mailbox 2 0.20", "2026-01-11 ann recurring mailbox 2 12.40"}},
		{"left to itself", func(s *shop, _ billing.AccountID) { s.to(3, 1) },
			[]string{"2026-01-31 ann recurring account 1 30.00", "2026-01-31 ann recurring mailbox 2 12.00", "2026-01-31 ann usage traffic 100 100.00"}},
		{"closed long after", func(s *shop, id billing.AccountID) { s.to(3, 1); s.do(billing.Close{Account: id}) },
			[]string{"2026-01-31 ann recurring account 1 30.00", "2026-01-31 ann recurring mailbox 2 12.00", "2026-01-31 ann usage traffic 100 100.00"}},
	} {
		for _, free := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				s := trialShop(t, billing.Trial{Free: free})
				id := s.tryOut("ann")
				require.NoError(t, s.set(id, "mailbox", 7))
				s.used(id, 100)
				require.Empty(t, s.shadows("acme"))
				c.end(s, id)
				require.Equal(t, c.want, s.shadows("acme"))
				s.sound()
			})
		}
	}
}

// A trial that is converted when it ends.
func TestATrialThatIsConvertedByItself(t *testing.T) {
	t.Parallel()
	s := trialShop(t, billing.Trial{Convert: true})
	s.tryOut("ann")
	s.to(2, 1)
	require.Equal(t, []string{"2026-01-31 ann recurring account 1 30.00", "2026-01-31 ann recurring account 1 31.00"}, s.shadows("acme"))
	s.sound()
}

// Quantities count for the days on which they were held; the limit of usage is what was
// held on the mean of the days.
func TestUnitsOfATrialCountByTheDay(t *testing.T) {
	t.Parallel()
	s := trialShop(t, billing.Trial{})
	id := s.tryOut("ann")
	require.NoError(t, s.set(id, "traffic", 310))
	s.to(1, 2)
	require.NoError(t, s.set(id, "traffic", 0))
	require.NoError(t, s.set(id, "mailbox", 25)) // 20 above the pool
	s.to(1, 6)
	require.NoError(t, s.set(id, "mailbox", 15))
	s.to(1, 11)
	s.used(id, 11)
	s.do(billing.Close{Account: id})
	require.Equal(t, []string{
		"2026-01-11 ann recurring account 1 10.00",
		"2026-01-11 ann recurring mailbox 13 26.00", // 20 for 4 days, 10 for 5
		"2026-01-11 ann recurring traffic 31 5.00",  // 310 for a day: 31 on the mean of ten
		"2026-01-11 ann usage traffic 1 1.00",       // ten days of 31 GB a month cover 10
	}, s.shadows("acme"))
	s.sound()
}

// One trial after the other costs what one customer costs; the pool is all customers'.
func TestTrialAfterTrialIsNotCheaper(t *testing.T) {
	t.Parallel()
	s := trialShop(t, billing.Trial{Free: true})
	sum := decimal.Decimal{}
	for month := time.January; month <= 3; month++ {
		s.to(month, 1)
		id := s.tryOut("ann " + month.String())
		require.NoError(t, s.set(id, "mailbox", 500))
		s.used(id, 10000)
		s.to(month, 28)
		_, err := s.m.Desk("acme").Do(s.ctx, billing.Close{Account: id})
		require.NoError(t, err)
	}
	for x, err := range s.m.Shadows(s.ctx, reseller.ShadowQuery{Seller: "acme"}) {
		require.NoError(t, err)
		sum = sum.Add(x.Amount.Amount())
	}
	require.Greater(t, sum.InexactFloat64(), 30000.0)
	stocks, err := s.m.Pools(s.ctx, "acme", billing.NewDate(2026, 3, 28))
	require.NoError(t, err)
	for _, x := range stocks {
		require.True(t, x.Drawn.IsZero(), "%+v", x)
	}
	s.sound()
}

// A change of the period within a trial changes what its days cost from then on; an early
// end gives back only what was noted.
func TestAChangeOfPeriodWithinATrial(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	terms := wholesale("31", "6.20")
	year := terms.Wholesale.Resources[0]
	year.PeriodPrices = map[billing.Period]billing.PeriodPrices{billing.Months(12): {Recurring: price("36.50")}}
	terms.Wholesale.Resources[0] = year
	s.publish("host", "reseller", terms)
	s.enroll("acme", "host")
	s.publish("acme", "trial", billing.Terms{Trial: billing.Trial{Days: 30}, Periods: []billing.Period{billing.Months(12), billing.Months(1)},
		Resources: []billing.Line{{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("62")}}}})
	id := s.tryOut("ann")
	s.do(billing.ChangePeriod{Account: id, Period: billing.Months(1)})
	s.to(1, 3)
	s.do(billing.Convert{Account: id})
	require.Equal(t, []string{"2026-01-03 ann recurring account 1 2.00", "2026-01-03 ann recurring account 1 31.00"}, s.shadows("acme"))
	s.sound()
}

// A record that comes after its trial has ended is owed with what comes next.
func TestALateRecordOfATrial(t *testing.T) {
	t.Parallel()
	s := trialShop(t, billing.Trial{})
	id := s.tryOut("ann")
	s.used(id, 10)
	s.to(2, 10)
	s.do(billing.RecordUsage{Request: billing.Request{On: billing.NewDate(2026, 1, 30)}, Account: id, Resource: "traffic", Amount: decimal.NewFromInt(7)})
	s.used(id, 5)
	s.do(billing.Close{Account: id})
	require.Equal(t, []string{"2026-01-31 ann recurring account 1 30.00", "2026-01-31 ann usage traffic 10 10.00",
		"2026-02-10 ann usage traffic 12 12.00"}, s.shadows("acme"))
	s.sound()
}

// A host may give trials to its resellers for nothing.
func TestTrialsMayBeFreeForResellers(t *testing.T) {
	t.Parallel()
	s := trialShop(t, billing.Trial{})
	free, err := reseller.New(s.store, reseller.Options{Billing: billing.Options{Clock: s.clock}, FreeTrials: true})
	require.NoError(t, err)
	s.m, s.e = free, free.Billing()
	id := s.tryOut("ann")
	require.NoError(t, s.set(id, "mailbox", 50))
	s.used(id, 100)
	s.to(1, 11)
	s.do(billing.Convert{Account: id})
	require.Equal(t, []string{"2026-01-11 ann recurring account 1 31.00", "2026-01-11 ann setup mailbox 45 4.50", "2026-01-11 ann recurring mailbox 45 279.00"}, s.shadows("acme"))
	s.sound()
}

// A trial that ended while the reseller slept is not bought by the reseller's waking up: it
// is suspended at its end, as ever, and is bought by whoever says so. One that goes on goes on.
func TestAResellerThatWakesBuysNobodysTrial(t *testing.T) {
	t.Parallel()
	for _, convert := range []bool{false, true} {
		t.Run(fmt.Sprint(convert), func(t *testing.T) {
			t.Parallel()
			s := trialShop(t, billing.Trial{Convert: convert})
			ann := s.tryOut("ann")
			s.to(1, 20)
			bob := s.tryOut("bob")
			double := s.account(ann).Above[0]
			s.do(billing.Suspend{Account: double})
			s.to(2, 5) // ann's ended on 31 January
			require.Equal(t, billing.ReasonReseller, s.account(ann).Suspension.Reason)
			owed := s.shadows("acme")
			s.do(billing.Resume{Account: double})
			require.Equal(t, billing.Active, s.account(bob).Status)
			require.False(t, s.account(bob).TrialEnds.IsZero())
			a := s.account(ann)
			if convert {
				require.Equal(t, billing.Active, a.Status)
				require.True(t, a.TrialEnds.IsZero())
				s.sound()
				return
			}
			require.Equal(t, billing.Suspended, a.Status)
			require.Equal(t, billing.ReasonTrial, a.Suspension.Reason)
			require.Zero(t, a.Suspension.Cause)
			require.Equal(t, owed, s.shadows("acme"))
			// It sleeps and wakes up again: ann is not its to wake.
			s.do(billing.Suspend{Account: double})
			s.do(billing.Resume{Account: double})
			require.Equal(t, billing.ReasonTrial, s.account(ann).Suspension.Reason)
			s.do(billing.Convert{Account: ann})
			require.Equal(t, billing.Active, s.account(ann).Status)
			s.sound()
		})
	}
}
