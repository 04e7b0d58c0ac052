package reseller_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// leaving is a shop in which alice, of acme, goes to bit on 10 February, with 8 mailboxes.
// alice is acme's, or that of the seller given.
func leaving(t *testing.T, from ...billing.SellerID) (s *shop, alice billing.AccountID) {
	t.Helper()
	s = newShop(t, 2)
	s.enroll("acme", "host")
	s.enroll("sub", "acme")
	s.publish("host", "home", homeTerms())
	seller := append(from, "acme")[0]
	s.to(1, 10)
	alice = s.signup(seller, "alice")
	s.enroll("bit", "host") // is there later than alice
	require.NoError(t, s.set(alice, "mailbox", 8))
	s.request(alice, "bit")
	return s, alice
}

func homeTerms() billing.Terms {
	return billing.Terms{Resources: []billing.Line{
		{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("5")}},
		{Resource: "mailbox", Prices: billing.Prices{Setup: price("1"), Recurring: price("1")}},
		{Resource: "traffic", Free: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("2"), Usage: price("3")}},
	}}
}

func (s *shop) request(id billing.AccountID, to billing.SellerID) {
	s.t.Helper()
	_, err := s.m.Transfer(s.ctx, reseller.TransferRequest{Account: id, To: to, Plan: "home"})
	require.NoError(s.t, err)
}

func (s *shop) at(month time.Month, day, hour int) {
	s.clock.Set(time.Date(2026, month, day, hour, 0, 0, 0, time.UTC))
}

func (s *shop) transfer(id billing.AccountID) reseller.Transfer {
	s.t.Helper()
	tr, err := s.m.TransferOf(s.ctx, id)
	require.NoError(s.t, err)
	return tr
}

// moved checks that a customer went over on a day, once, with its mailboxes.
func (s *shop) moved(id billing.AccountID, to billing.SellerID, on string) {
	s.t.Helper()
	tr := s.transfer(id)
	require.Equal(s.t, reseller.TransferDone, tr.State, tr.Reason)
	old, opened := s.account(id), s.account(tr.Opened)
	require.Equal(s.t, billing.Closed, old.Status)
	require.Equal(s.t, on, old.Closed.String())
	require.Equal(s.t, to, opened.Seller)
	require.Equal(s.t, on, opened.SignedUp.String())
	held, err := s.e.Holdings(s.ctx, opened.ID)
	require.NoError(s.t, err)
	require.Len(s.t, held, 2)
	require.Equal(s.t, "8", held[1].Quantity.String())
	n := 0
	for a, err := range s.e.Accounts(s.ctx, billing.AccountQuery{}) {
		require.NoError(s.t, err)
		if a.Name == old.Name {
			n++
		}
	}
	require.Equal(s.t, 2, n, "the old account and one new one")
	s.sound()
}

// Whoever comes to the end of the period first: the customer has its new account.
func TestATransferIsDoneByWhoComesFirst(t *testing.T) {
	t.Parallel()
	for _, from := range []billing.SellerID{"host", "acme", "sub"} {
		for name, first := range map[string]func(t *testing.T, s *shop, alice billing.AccountID){
			"a set": refusedAsClosed(func(id billing.AccountID) billing.Action {
				return billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.New(1, 0)}
			}),
			"usage": refusedAsClosed(func(id billing.AccountID) billing.Action {
				return billing.RecordUsage{Account: id, Resource: "traffic", Amount: decimal.New(1, 0)}
			}),
			"a suspend": refusedAsClosed(func(id billing.AccountID) billing.Action { return billing.Suspend{Account: id} }),
			"a cancel":  refusedAsClosed(func(id billing.AccountID) billing.Action { return billing.Cancel{Account: id} }),
			"a keep":    refusedAsClosed(func(id billing.AccountID) billing.Action { return billing.Keep{Account: id} }),
			"a close":   refusedAsClosed(func(id billing.AccountID) billing.Action { return billing.Close{Account: id} }),
			"a payment": func(t *testing.T, s *shop, alice billing.AccountID) {
				s.do(billing.Pay{Account: alice, Amount: mustMoney(t, s, "3")})
			},
			"a catch-up": func(t *testing.T, s *shop, alice billing.AccountID) { caughtUp(t, s, alice) },
			"engine run": func(t *testing.T, s *shop, _ billing.AccountID) { engineRun(t, s) },
			"keep here": func(t *testing.T, s *shop, alice billing.AccountID) {
				require.ErrorIs(t, s.m.KeepHere(s.ctx, alice, billing.Actor{}), reseller.ErrUnknownTransfer)
			},
			"its seller": func(t *testing.T, s *shop, alice billing.AccountID) { sellerActs(t, s, alice) },
			"host's tx":  inHostTx,
			"nobody":     func(*testing.T, *shop, billing.AccountID) {},
			"asked again": func(t *testing.T, s *shop, alice billing.AccountID) {
				_, err := s.m.Transfer(s.ctx, reseller.TransferRequest{Account: alice, To: "bit", Plan: "home"})
				require.ErrorIs(t, err, reseller.ErrNotTransferable, "it is closed")
			},
		} {
			t.Run(string(from)+"/"+name, func(t *testing.T) {
				t.Parallel()
				for _, late := range []int{10, 15} {
					s, alice := leaving(t, from)
					s.to(2, 9)
					require.Equal(t, reseller.TransferWaiting, s.transfer(alice).State)
					s.at(2, late, 12)
					first(t, s, alice)
					if name != "nobody" {
						s.moved(alice, "bit", "2026-02-10")
					}
					s.to(2, late)
					s.moved(alice, "bit", "2026-02-10")
					s.to(3, 11)
					require.Equal(t, "2026-04-10", s.account(s.transfer(alice).Opened).PeriodTo.String())
					s.sound()
				}
			})
		}
	}
}

func refusedAsClosed(act func(billing.AccountID) billing.Action) func(*testing.T, *shop, billing.AccountID) {
	return func(t *testing.T, s *shop, alice billing.AccountID) {
		_, err := s.e.Do(s.ctx, act(alice))
		require.ErrorIs(t, err, billing.ErrAccountClosed)
	}
}

func (s *shop) today() billing.Date { return billing.DateIn(s.clock.Now(), time.UTC) }

func caughtUp(t *testing.T, s *shop, alice billing.AccountID) {
	report, err := s.e.CatchUp(s.ctx, alice, s.today())
	require.NoError(t, err)
	require.EqualValues(t, 1, report.Accounts)
}

func engineRun(t *testing.T, s *shop) {
	_, err := s.e.Run(s.ctx, s.today(), billing.RunOptions{})
	require.NoError(t, err)
}

// sellerActs does something to the account of alice's seller, or to alice where that is
// the host.
func sellerActs(t *testing.T, s *shop, alice billing.AccountID) {
	if above := s.account(alice).Above; len(above) > 0 {
		s.do(billing.SetQuantity{Account: above[0], Resource: "mailbox", Quantity: decimal.New(1, 0)})
		return
	}
	s.do(billing.Pay{Account: alice, Amount: mustMoney(t, s, "1")})
}

func inHostTx(t *testing.T, s *shop, alice billing.AccountID) {
	require.NoError(t, s.store.Update(s.ctx, func(ctx context.Context, tx storage.Tx) error {
		_, err := s.m.In(tx).Billing().Do(ctx, billing.Suspend{Account: alice})
		require.ErrorIs(t, err, billing.ErrAccountClosed)
		return nil
	}))
}

// What is done to the account before its day ends the transfer, and is said.
func TestWhatEndsATransfer(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		meanwhile func(s *shop, alice billing.AccountID)
		reason    string
		status    billing.Status
		periodTo  string
	}{
		"closed by staff": {func(s *shop, alice billing.AccountID) { s.do(billing.Close{Account: alice}) }, "closed", billing.Closed, "2026-02-10"},
		"closed without entries": {func(s *shop, alice billing.AccountID) {
			s.do(billing.Close{Account: alice, Billing: billing.CloseNoBilling})
		}, "closed", billing.Closed, "2026-02-10"},
		"cancelled": {func(s *shop, alice billing.AccountID) { s.do(billing.Cancel{Account: alice}) }, "cancelled", billing.Closed, "2026-02-10"},
		"kept":      {func(s *shop, alice billing.AccountID) { s.do(billing.Keep{Account: alice}) }, "kept", billing.Active, "2026-03-10"},
		"kept and cancelled": {func(s *shop, alice billing.AccountID) {
			s.do(billing.Keep{Account: alice})
			s.do(billing.Cancel{Account: alice})
		}, "cancelled", billing.Closed, "2026-02-10"},
		"kept here": {func(s *shop, alice billing.AccountID) {
			require.NoError(s.t, s.m.KeepHere(s.ctx, alice, billing.Actor{}))
			require.Equal(s.t, "kept", s.transfer(alice).Reason)
		}, "kept", billing.Active, "2026-03-10"},
		"suspended for debt": {func(s *shop, alice billing.AccountID) {
			s.do(billing.Suspend{Account: alice, Reason: billing.ReasonDebt})
		}, "account_suspended", billing.Suspended, "2026-02-10"},
		"the other seller sleeps": {func(s *shop, _ billing.AccountID) {
			s.do(billing.Suspend{Account: s.double("bit")})
		}, "seller_inactive", billing.Active, "2026-03-10"},
		"the other seller is closed": {func(s *shop, _ billing.AccountID) {
			s.do(billing.Close{Account: s.double("bit")})
		}, "seller_inactive", billing.Active, "2026-03-10"},
		"the name is taken there": {func(s *shop, _ billing.AccountID) { s.signup("bit", "alice") }, "account_exists", billing.Active, "2026-03-10"},
		"the other seller is at a limit": {func(s *shop, _ billing.AccountID) {
			require.NoError(s.t, s.m.SetLimit(s.ctx, "bit", "mailbox", price("7")))
		}, "over_limit", billing.Active, "2026-03-10"},
		"prices there are too large": {func(s *shop, _ billing.AccountID) {
			terms := homeTerms()
			terms.Resources[0].Prices.Recurring = price("1000000000000000000000")
			s.publish("bit", "home", terms)
		}, "invalid_amount", billing.Active, "2026-03-10"},
		"the plan has been closed": {func(s *shop, _ billing.AccountID) {
			require.NoError(s.t, s.e.PutPlan(s.ctx, billing.Plan{Seller: "bit", ID: "home"}))
		}, "plan_not_open", billing.Active, "2026-03-10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, first := range []string{"run", "action"} {
				s, alice := leaving(t)
				s.to(2, 8)
				x.meanwhile(s, alice)
				s.at(2, 10, 12)
				if first == "action" {
					_, err := s.e.Do(s.ctx, billing.RecordUsage{Account: alice, Resource: "traffic", Amount: decimal.New(1, 0)})
					require.Equal(t, x.status == billing.Closed, err != nil, "%v", err)
				}
				s.to(2, 10)
				tr := s.transfer(alice)
				require.Equal(t, reseller.TransferFailed, tr.State)
				require.Equal(t, x.reason, tr.Reason)
				require.Zero(t, tr.Opened)
				a := s.account(alice)
				require.Equal(t, x.status, a.Status)
				require.Equal(t, x.periodTo, a.PeriodTo.String())
				require.False(t, a.Leaving)
				for b, err := range s.e.Accounts(s.ctx, billing.AccountQuery{Seller: "bit"}) {
					require.NoError(t, err)
					require.Equal(t, "the name is taken there", name, b.Name)
				}
				require.Equal(t, 1, s.count("reseller.transfer.dropped"))
				require.Zero(t, s.count("reseller.customer.transferred"))
				s.to(3, 12)
				s.sound()
			}
		})
	}
}

func (s *shop) double(id billing.SellerID) billing.AccountID {
	s.t.Helper()
	x, err := s.e.Seller(s.ctx, id)
	require.NoError(s.t, err)
	return x.Double
}

// count drains the outbox and returns how many events of a type there were.
func (s *shop) count(name string) int {
	s.t.Helper()
	for _, e := range s.drain() {
		s.drained = append(s.drained, e.Type)
	}
	n := 0
	for _, x := range s.drained {
		if x == name {
			n++
		}
	}
	return n
}

func (s *shop) drain() []storage.Event {
	s.t.Helper()
	var all []storage.Event
	_, err := storage.Drain(s.ctx, s.store, storage.Sink(func(_ context.Context, e storage.Event) error {
		all = append(all, e)
		return nil
	}), storage.DrainOptions{Clock: s.clock})
	require.NoError(s.t, err)
	return all
}

// In a transaction of the host's a transfer that the other seller refuses has to be
// rolled back; the run then ends it.
func TestARefusedTransferInAHostsTransaction(t *testing.T) {
	t.Parallel()
	s, alice := leaving(t)
	s.do(billing.Suspend{Account: s.double("bit")})
	s.at(2, 10, 12)
	err := s.store.Update(s.ctx, func(ctx context.Context, tx storage.Tx) error {
		_, err := s.m.In(tx).Billing().Do(ctx, billing.Suspend{Account: alice})
		return err
	})
	require.ErrorIs(t, err, reseller.ErrTransferRefused)
	require.Equal(t, billing.Active, s.account(alice).Status)
	require.Equal(t, reseller.TransferWaiting, s.transfer(alice).State)
	s.to(2, 10)
	require.Equal(t, "seller_inactive", s.transfer(alice).Reason)
	require.Equal(t, "2026-03-10", s.account(alice).PeriodTo.String())
}

// An engine without the manager closes nobody who goes on elsewhere.
func TestAnEngineWithoutTheHookLetsNobodyLeave(t *testing.T) {
	t.Parallel()
	s, alice := leaving(t, "host")
	s.at(2, 10, 12)
	bare, err := billing.New(s.store, billing.Options{Clock: s.clock})
	require.NoError(t, err)
	_, err = bare.Do(s.ctx, billing.Suspend{Account: alice})
	require.ErrorIs(t, err, billing.ErrNoHook)
	_, err = bare.CatchUp(s.ctx, alice, s.today())
	require.ErrorIs(t, err, billing.ErrNoHook)
	_, err = bare.Run(s.ctx, s.today(), billing.RunOptions{})
	require.ErrorIs(t, err, billing.ErrNoHook)
	require.Equal(t, billing.Active, s.account(alice).Status)
	s.to(2, 10)
	s.moved(alice, "bit", "2026-02-10")
}

// A customer whose reseller is suspended goes on at another one.
func TestACustomerOfASleepingResellerIsMoved(t *testing.T) {
	t.Parallel()
	s, alice := leaving(t)
	s.do(billing.Suspend{Account: s.double("acme")})
	require.Equal(t, billing.Suspended, s.account(alice).Status)
	s.request(alice, "bit") // asked again, which replaces the first
	s.to(2, 10)
	s.moved(alice, "bit", "2026-02-10")
	require.Equal(t, billing.Active, s.account(s.transfer(alice).Opened).Status)
	s.do(billing.Resume{Account: s.double("acme")})
	require.Equal(t, billing.Closed, s.account(alice).Status)
	s.to(3, 1)
	s.sound()
}

// Transfers wait until their day has begun where either seller is. In between the
// account takes money, and can be kept; its books of the days before are open.
func TestATransferWaitsForTheDayOnBothSides(t *testing.T) {
	t.Parallel()
	type moment struct{ day, hour int }
	for name, x := range map[string]struct {
		from, to   string
		early, due moment // UTC, in February
	}{
		"far west":             {"", "America/Los_Angeles", moment{10, 2}, moment{10, 9}},
		"far east":             {"", "Pacific/Kiritimati", moment{9, 23}, moment{10, 1}},
		"from the far east":    {"Pacific/Kiritimati", "", moment{9, 12}, moment{10, 1}},
		"from east to west":    {"Pacific/Kiritimati", "Pacific/Pago_Pago", moment{10, 10}, moment{10, 12}},
		"from the west":        {"America/Los_Angeles", "", moment{10, 2}, moment{10, 9}},
		"the same zone, ahead": {"Asia/Tokyo", "Asia/Tokyo", moment{9, 14}, moment{9, 16}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kept := range []bool{false, true} {
				s := newShop(t, 1)
				s.enrollZoned("acme", "host", x.from)
				s.enrollZoned("bit", "host", x.to)
				s.at(1, 10, 12) // 10 January everywhere, but in Kiritimati
				alice := s.do(billing.Signup{Request: billing.Request{On: billing.NewDate(2026, 1, 10)}, Seller: "acme", Name: "alice", Plan: "home"}).Account.ID
				require.NoError(t, s.set(alice, "mailbox", 8))
				s.request(alice, "bit")
				s.at(2, x.early.day, x.early.hour)
				s.run()
				require.Equal(t, reseller.TransferWaiting, s.transfer(alice).State)
				s.do(billing.Pay{Account: alice, Amount: mustMoney(t, s, "3")})
				seller, err := s.e.Seller(s.ctx, "acme")
				require.NoError(t, err)
				if zoneDay(t, s, seller.TimeZone).String() == "2026-02-10" {
					require.ErrorIs(t, s.set(alice, "mailbox", 9), billing.ErrAccountLeaving)
					_, err := s.e.Do(s.ctx, billing.Suspend{Account: alice})
					require.ErrorIs(t, err, billing.ErrAccountLeaving)
				}
				s.do(billing.RecordUsage{Request: billing.Request{On: billing.NewDate(2026, 2, 9)}, Account: alice, Resource: "traffic", Amount: decimal.New(2, 0)})
				if kept {
					require.NoError(t, s.m.KeepHere(s.ctx, alice, billing.Actor{}))
				}
				s.at(2, x.due.day, x.due.hour)
				s.run()
				if kept {
					require.Equal(t, "kept", s.transfer(alice).Reason)
					require.Equal(t, "2026-03-10", s.account(alice).PeriodTo.String())
				} else {
					s.moved(alice, "bit", "2026-02-10")
				}
				s.at(2, 20, 12)
				s.run()
				s.sound()
			}
		})
	}
}

func zoneDay(t *testing.T, s *shop, name string) billing.Date {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return billing.DateIn(s.clock.Now(), loc)
}

// run runs the night of the latest day that it is anywhere.
func (s *shop) run() {
	s.t.Helper()
	_, err := s.m.Run(s.ctx, billing.DateIn(s.clock.Now().Add(14*time.Hour), time.UTC), billing.RunOptions{})
	require.NoError(s.t, err)
}

// enrollZoned makes a reseller in a time zone.
func (s *shop) enrollZoned(id, parent billing.SellerID, zone string) {
	s.t.Helper()
	_, err := s.m.Enroll(s.ctx, reseller.Enrollment{
		Seller: billing.Seller{ID: id, Parent: parent, Currency: s.eur, TimeZone: zone},
		Signup: billing.Signup{Plan: "reseller"},
	})
	require.NoError(s.t, err)
	s.publish(id, "home", homeTerms())
}

// A double cannot leave, nor become one who does; who has cancelled goes nowhere.
func TestWhoCannotBeTransferred(t *testing.T) {
	t.Parallel()
	s, alice := leaving(t, "host")
	require.NoError(t, s.e.PutSeller(s.ctx, billing.Seller{ID: "late", Parent: "host", Currency: s.eur}))
	require.ErrorIs(t, s.e.Appoint(s.ctx, "late", alice), billing.ErrNotDouble)
	for name, act := range map[string]func(id billing.AccountID) billing.Action{
		"cancelled": func(id billing.AccountID) billing.Action { return billing.Cancel{Account: id} },
		"closed":    func(id billing.AccountID) billing.Action { return billing.Close{Account: id} },
		"suspended": func(id billing.AccountID) billing.Action { return billing.Suspend{Account: id} },
	} {
		id := s.signup("acme", name)
		s.do(act(id))
		_, err := s.m.Transfer(s.ctx, reseller.TransferRequest{Account: id, To: "bit", Plan: "home"})
		require.ErrorIs(t, err, reseller.ErrNotTransferable, name)
	}
}

// Two customers change places between two sellers, at different levels, in one night.
func TestTransfersBothWays(t *testing.T) {
	t.Parallel()
	s, alice := leaving(t, "sub")
	bob := s.signup("bit", "bob")
	require.NoError(t, s.set(bob, "mailbox", 8))
	s.request(bob, "sub")
	s.to(2, 10)
	s.moved(alice, "bit", "2026-02-10")
	s.moved(bob, "sub", "2026-02-10")
}

// The events of this package are read back, as they are written.
func TestEventsAreDecoded(t *testing.T) {
	t.Parallel()
	day := billing.NewDate(2026, 2, 10)
	for want, event := range map[string]reseller.EventData{
		`reseller.customer.transferred 1 {"from":7,"to":12,"on":"2026-02-10"}`:          reseller.CustomerTransferred{From: 7, To: 12, On: day},
		`reseller.transfer.dropped 1 {"account":7,"reason":"closed","on":"2026-02-10"}`: reseller.TransferDropped{Account: 7, Reason: "closed", On: day},
	} {
		data, err := json.Marshal(event)
		require.NoError(t, err)
		name := want[:len(want)-len(data)-3]
		require.Equal(t, want, name+" 1 "+string(data), "the form of version 1 stays")
		got, err := reseller.DecodeEvent(storage.Event{Type: name, Version: 1, Data: data})
		require.NoError(t, err)
		require.Equal(t, event, got)
		_, err = reseller.DecodeEvent(storage.Event{Type: name, Version: 2, Data: data})
		require.ErrorIs(t, err, tierhost.ErrUnsupported)
		_, err = reseller.DecodeEvent(storage.Event{Type: name, Version: 1, Data: []byte("[")})
		require.Error(t, err)
	}
	_, err := reseller.DecodeEvent(storage.Event{Type: "billing.account.closed", Version: 1, Data: []byte("{}")})
	require.ErrorIs(t, err, tierhost.ErrUnsupported)
	require.Equal(t, "unknown_event", tierhost.CodeOf(err))

	s, alice := leaving(t)
	s.to(2, 10)
	for _, e := range s.drain() {
		if got, err := reseller.DecodeEvent(e); err == nil {
			require.Equal(t, reseller.CustomerTransferred{From: alice, To: s.transfer(alice).Opened, On: day}, got)
			require.Equal(t, "bit", e.Seller)
			return
		}
	}
	t.Fatal("nothing was published")
}
