package reseller_test

import (
	"context"
	"testing"
	"time"

	_ "time/tzdata" // every zone, whatever the machine has

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// ahead is a shop on 31 January at noon, when in Auckland it is 1 February: the day on
// which the resellers "acme" and, below it, "bit" go to the list "dear", and their
// customer renews. One of the two is in Auckland.
func ahead(t *testing.T, seller billing.SellerID) (s *shop, alice billing.AccountID) {
	t.Helper()
	s = newShop(t, 2)
	terms := wholesale("3", "0.50")
	terms.Wholesale.Resources = append(terms.Wholesale.Resources[:1], terms.Wholesale.Resources[2])
	s.publish("host", "nomail", terms)
	zones := map[billing.SellerID]string{seller: "Pacific/Auckland"}
	acme := s.enrollAt("acme", "host", zones["acme"])
	s.enrollAt("bit", "acme", zones["bit"])
	alice = s.do(billing.Signup{Request: billing.Request{On: billing.NewDate(2026, 1, 1)}, Seller: seller, Name: "alice", Plan: "home"}).Account.ID
	s.do(billing.ChangePlan{Account: acme.ID, Plan: "nomail"})
	require.Equal(t, billing.PlanID("nomail"), s.account(acme.ID).PendingPlan)
	s.clock.Set(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	return s, alice
}

// The day of a double is the latest of those below it: a list that begins on a day
// prices what is sold on that day, wherever it has begun first.
func TestAListBeginsWhereItsDayBegins(t *testing.T) {
	t.Parallel()
	day := billing.NewDate(2026, 2, 1)
	for _, seller := range []billing.SellerID{"acme", "bit"} {
		for name, touch := range map[string]func(s *shop, alice billing.AccountID) error{
			"an action": func(s *shop, alice billing.AccountID) error { return s.set(alice, "traffic", 1) },
			"an action of that day": func(s *shop, alice billing.AccountID) error {
				_, err := s.e.Do(s.ctx, billing.Cancel{Request: billing.Request{On: day}, Account: alice})
				return err
			},
			"a refused action": func(s *shop, alice billing.AccountID) error {
				require.ErrorIs(t, s.set(alice, "mailbox", 1), billing.ErrNotOffered)
				return nil
			},
			"a run": func(s *shop, _ billing.AccountID) error {
				_, err := s.m.Run(s.ctx, day, billing.RunOptions{})
				return err
			},
			"a catch-up": func(s *shop, alice billing.AccountID) error {
				_, err := s.e.CatchUp(s.ctx, alice, day)
				return err
			},
			"nothing": func(*shop, billing.AccountID) error { return nil },
		} {
			s, alice := ahead(t, seller)
			require.NoError(t, touch(s, alice), name)
			s.to(2, 3)
			require.Contains(t, s.shadows("acme"), "2026-02-01 alice recurring account 1 3.00", "%s in %s", name, seller)
			require.Equal(t, billing.PlanID("nomail"), s.account(1).Plan)
			require.Equal(t, day, s.account(1).PeriodFrom)
			s.sound()
		}
	}
}

func TestAQuoteForeseesTheListsAbove(t *testing.T) {
	t.Parallel()
	for _, seller := range []billing.SellerID{"acme", "bit"} {
		s, alice := ahead(t, seller)
		terms := wholesale("9", "9")
		terms.Resources[1].AtSignup = decimal.NewFromInt(1)
		s.publish(seller, "mail", terms)
		for _, act := range []billing.Action{
			billing.SetQuantity{Account: alice, Resource: "mailbox", Quantity: decimal.NewFromInt(1)},
			billing.Signup{Seller: seller, Name: "bob", Plan: "mail"},
		} {
			_, quoted := s.e.Quote(s.ctx, act)
			require.ErrorIs(t, quoted, billing.ErrNotOffered)
			_, err := s.e.Do(s.ctx, act)
			require.ErrorIs(t, err, billing.ErrNotOffered)
		}
	}
}

// What is done to a double without saying when is of its day; money is of its seller's.
func TestADoubleIsActedOnAtItsOwnDay(t *testing.T) {
	t.Parallel()
	s, alice := ahead(t, "acme")
	require.NoError(t, s.set(alice, "traffic", 1))
	s.do(billing.Pay{Account: 1, Amount: mustMoney(t, s, "3")})
	s.do(billing.RecordUsage{Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(5)})
	s.do(billing.Suspend{Account: 1})
	require.Equal(t, "2026-02-01", s.account(1).Suspension.On.String())
	require.Equal(t, billing.Suspended, s.account(alice).Status)
	for e, err := range s.e.Entries(s.ctx, billing.EntryQuery{Account: 1, Kind: billing.EntryPayment}) {
		require.NoError(t, err)
		require.Equal(t, "2026-01-31", e.Date.String())
	}
	_, err := s.e.Do(s.ctx, billing.Resume{Request: billing.Request{On: billing.NewDate(2026, 2, 2)}, Account: 1})
	require.ErrorIs(t, err, billing.ErrDayInFuture)
	s.do(billing.Resume{Account: 1})
	require.Equal(t, billing.Active, s.account(alice).Status)
	s.to(2, 3)
	s.sound()
}

// A customer whose day has gone on falls asleep with its reseller all the same, and what
// it used before counts in the month in which it was used.
func TestSuspendingReachesCustomersWhoseDayHasGoneOn(t *testing.T) {
	t.Parallel()
	for _, touched := range []bool{false, true} {
		s, alice := ahead(t, "acme")
		s.do(billing.RecordUsage{Request: billing.Request{On: billing.NewDate(2026, 1, 31)}, Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(5)})
		if touched {
			require.NoError(t, s.set(alice, "traffic", 1))
		}
		_, err := s.e.Do(s.ctx, billing.Suspend{Request: billing.Request{On: billing.NewDate(2026, 1, 31)}, Account: 1})
		if touched {
			require.ErrorIs(t, err, billing.ErrDayPassed, "its books have gone on too")
			s.do(billing.Suspend{Account: 1})
		} else {
			require.NoError(t, err)
		}
		require.Equal(t, billing.Suspended, s.account(alice).Status)
		s.to(2, 3)
		require.Contains(t, s.shadows("acme"), "2026-02-01 alice usage traffic 5 5.00")
		s.sound()
	}
}

// busyOnce is a store in which the first claim of an account finds it taken.
type busyOnce struct {
	reseller.Store
	account billing.AccountID
	done    *bool
}

func (b busyOnce) Billing(tx storage.Tx) (billing.Rows, error) {
	rows, err := b.Store.Billing(tx)
	return busyRows{rows, b}, err
}

type busyRows struct {
	billing.Rows
	b busyOnce
}

func (r busyRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	if q.Lock == billing.LockSkip && !*r.b.done && len(q.IDs) > 0 && q.IDs[0] == r.b.account {
		*r.b.done = true
		q.IDs = q.IDs[1:]
	}
	return r.Rows.Load(ctx, q)
}

// Somebody who works on a reseller when the run comes by does not make its customers
// renew before it.
func TestCustomersRenewAfterAResellerThatWasBusy(t *testing.T) {
	t.Parallel()
	for _, busy := range []billing.AccountID{1, 2} {
		s, _ := ahead(t, "bit")
		m, err := reseller.New(busyOnce{s.store, busy, new(bool)}, reseller.Options{Billing: billing.Options{Clock: s.clock, MaxDepth: 2}})
		require.NoError(t, err)
		s.clock.Set(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC))
		_, err = m.Run(s.ctx, billing.NewDate(2026, 2, 1), billing.RunOptions{})
		require.NoError(t, err)
		require.Contains(t, s.shadows("acme"), "2026-02-01 alice recurring account 1 3.00")
		s.sound()
	}
}
