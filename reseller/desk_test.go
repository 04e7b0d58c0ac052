package reseller_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// TestADeskShowsNothingOfAnotherSeller calls every read method of a desk with every
// account, entry, document, plan and name there is, the other sellers' too, and looks
// for their marks in all that comes back.
func TestADeskShowsNothingOfAnotherSeller(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newShop(t, 2)
		sellers := []billing.SellerID{"host", "acme", "bit", "other"}
		s.enroll("acme", "host")
		s.enroll("other", "host")
		s.enroll("bit", "acme")
		s.publish("host", "home", wholesale("7", "7"))
		// The rows of each seller carry its mark: in names, references, usage keys.
		for i, n := 0, rapid.IntRange(2, 8).Draw(rt, "accounts"); i < n; i++ {
			seller := rapid.SampledFrom(sellers).Draw(rt, "seller")
			id := s.signup(seller, fmt.Sprintf("mark-%s-%d", seller, i))
			_ = s.set(id, "mailbox", int64(rapid.IntRange(0, 9).Draw(rt, "mailboxes")))
			s.do(billing.Pay{Account: id, Amount: mustMoney(t, s, "1"), Reference: "mark-" + string(seller)})
			s.do(billing.RecordUsage{Request: billing.Request{Key: "mark-" + string(seller)}, Account: id, Resource: "traffic", Amount: decimal.NewFromInt(3)})
		}
		s.to(1, 3)
		for _, seller := range sellers {
			for _, said := range readAll(t, s, s.m.Desk(seller)) {
				for _, other := range sellers {
					if other != seller && (strings.Contains(said, "mark-"+string(other)) || strings.Contains(said, "Seller:"+string(other)+" ") ||
						strings.Contains(said, "seller "+string(other))) {
						rt.Fatalf("the desk of %s shows a row of %s: %s", seller, other, said)
					}
				}
			}
		}
	})
}

// readAll calls all methods of a desk but those that write, and returns all that they
// yield as text. Arguments are made for each parameter type: a method with a new one
// fails the test until it is listed here.
func readAll(t *testing.T, s *shop, d *reseller.Desk) []string {
	t.Helper()
	var accounts []billing.AccountID
	for a, err := range s.e.Accounts(s.ctx, billing.AccountQuery{}) {
		require.NoError(t, err)
		accounts = append(accounts, a.ID)
	}
	args := map[reflect.Type][]any{
		reflect.TypeFor[context.Context]():      {s.ctx},
		reflect.TypeFor[billing.Date]():         {billing.NewDate(2026, 1, 31)},
		reflect.TypeFor[int]():                  {0, 1},
		reflect.TypeFor[billing.PlanID]():       {billing.PlanID("home"), billing.PlanID("reseller"), billing.PlanID("dear")},
		reflect.TypeFor[billing.DocumentKind](): {billing.Invoice, billing.CreditNote},
	}
	add := func(values ...any) {
		for _, v := range values {
			args[reflect.TypeOf(v)] = append(args[reflect.TypeOf(v)], v)
		}
	}
	add(billing.AccountQuery{}, billing.EntryQuery{}, billing.DocumentQuery{}, reseller.BillQuery{}, reseller.MarginQuery{},
		wholesale("1", "1"), (*reseller.ExchangeRate)(nil))
	for _, seller := range []billing.SellerID{"host", "acme", "bit", "other"} {
		add(billing.AccountQuery{Seller: seller}, billing.EntryQuery{Seller: seller}, billing.DocumentQuery{Seller: seller}, reseller.BillQuery{Seller: seller},
			reseller.MarginQuery{Seller: seller})
		for i := range 8 {
			add(fmt.Sprintf("mark-%s-%d", seller, i))
		}
	}
	for _, id := range accounts {
		add(id, billing.EntryQuery{Account: id}, billing.DocumentQuery{Account: id}, reseller.MarginQuery{Account: id})
		for seq := range int64(4) {
			add(billing.EntryID{Account: id, Seq: seq}, billing.DocumentID{Account: id, Seq: seq})
		}
	}
	var said []string
	v := reflect.ValueOf(d)
	for i := range v.NumMethod() {
		name := v.Type().Method(i).Name
		if name == "Do" || name == "Quote" || name == "PublishPlan" {
			continue // they write: see the tests below
		}
		calls := [][]reflect.Value{{}}
		for p := range v.Method(i).Type().NumIn() {
			typ := v.Method(i).Type().In(p)
			values, ok := args[typ]
			if !ok {
				t.Fatalf("%s takes a %s: say here what to call it with", name, typ)
			}
			var next [][]reflect.Value
			for _, call := range calls {
				for _, x := range values {
					next = append(next, append(append([]reflect.Value{}, call...), reflect.ValueOf(x)))
				}
			}
			calls = next
		}
		for _, call := range calls {
			out := v.Method(i).Call(call)
			if len(out) == 2 && !out[1].IsNil() { // it is not there
				text := fmt.Sprintf("%s: %v", name, out[1])
				for _, arg := range call { // what was asked for may be said again
					if arg.Kind() == reflect.String && arg.Len() > 0 {
						text = strings.ReplaceAll(text, arg.String(), "")
					}
				}
				said = append(said, text)
				continue
			}
			if out[0].Kind() != reflect.Func {
				said = append(said, fmt.Sprintf("%s: %+v", name, out[0]))
				continue
			}
			for x, err := range iter.Seq2[reflect.Value, reflect.Value](out[0].Seq2()) {
				if err.IsNil() {
					said = append(said, fmt.Sprintf("%s: %+v", name, x))
				} else {
					said = append(said, fmt.Sprintf("%s: %v", name, err))
				}
			}
		}
	}
	return said
}

func TestADeskActsOnItsOwnAccountsOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.enroll("other", "host")
	alice, theirs := s.signup("acme", "alice"), s.signup("other", "bob")
	d := s.m.Desk("acme")
	_, err := d.Do(s.ctx, billing.Suspend{Account: theirs})
	require.ErrorIs(t, err, billing.ErrUnknownAccount)
	_, err = d.Quote(s.ctx, billing.Close{Account: theirs})
	require.ErrorIs(t, err, billing.ErrUnknownAccount)
	_, err = d.Do(s.ctx, billing.Bill{Account: alice})
	require.ErrorIs(t, err, reseller.ErrNotHere)
	_, err = d.Do(s.ctx, nil)
	require.ErrorIs(t, err, billing.ErrInvalidInput)
	res, err := d.Do(s.ctx, billing.Signup{Seller: "other", Name: "carol", Plan: "home"})
	require.NoError(t, err)
	require.Equal(t, billing.SellerID("acme"), s.account(res.Account.ID).Seller)

	// What the host has suspended the reseller does not resume.
	s.do(billing.Suspend{Account: alice, Note: "abuse case of the host"})
	_, err = d.Do(s.ctx, billing.Resume{Account: alice})
	require.ErrorIs(t, err, billing.ErrMayNotResume)
	a, err := d.Account(s.ctx, alice)
	require.NoError(t, err)
	require.Empty(t, a.Suspension.Note)
	require.Empty(t, a.Above)
}

// actions are all actions of package billing on an account, for a seller; the test fails
// when there is one that is not here.
func actions(t *testing.T, s *shop, seller billing.SellerID, id billing.AccountID) []billing.Action {
	t.Helper()
	list := []billing.Action{
		billing.Signup{Seller: seller, Name: "new", Plan: "home"}, billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.NewFromInt(2)},
		billing.RecordUsage{Account: id, Resource: "traffic", Amount: decimal.NewFromInt(2)}, billing.ChangePlan{Account: id, Plan: "home"},
		billing.MoveVersion{Account: id}, billing.ChangePeriod{Account: id, Period: billing.Months(1)}, billing.Cancel{Account: id}, billing.Keep{Account: id},
		billing.Suspend{Account: id}, billing.Resume{Account: id}, billing.Convert{Account: id}, billing.Close{Account: id},
		billing.Pay{Account: id, Amount: mustMoney(t, s, "1")}, billing.Credit{Account: id, Amount: mustMoney(t, s, "1")}, billing.Debit{Account: id, Amount: mustMoney(t, s, "1")},
		billing.Bill{Account: id}, billing.Reverse{Account: id, Entry: 1}, billing.Exempt{Account: id, Code: "x"}, billing.SetCreditLimit{Account: id},
	}
	source, err := os.ReadFile("../billing/action.go")
	require.NoError(t, err)
	var names []string
	for _, m := range regexp.MustCompile(`\) name\(\) string +\{ return "(\w+)" \}`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, m[1])
	}
	var here []string
	for _, act := range list {
		here = append(here, billing.NameOf(act))
	}
	require.Equal(t, names, here)
	return list
}

// A desk takes exactly what the table allows the seller's staff, for each action, in each
// situation; and what it does not take it does not quote either.
func TestADeskTakesWhatItsStaffMay(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]func(s *shop, acme, alice billing.AccountID){
		"active":                func(*shop, billing.AccountID, billing.AccountID) {},
		"suspended by the host": func(s *shop, _, alice billing.AccountID) { s.do(billing.Suspend{Account: alice}) },
		"suspended for debt": func(s *shop, _, alice billing.AccountID) {
			s.do(billing.Suspend{Account: alice, Reason: billing.ReasonDebt})
		},
		"wants its money back": func(s *shop, _, alice billing.AccountID) {
			s.do(billing.Suspend{Account: alice, Reason: billing.ReasonMoneyBack})
		},
		"of a reseller that sleeps": func(s *shop, acme, _ billing.AccountID) { s.do(billing.Suspend{Account: acme}) },
	} {
		s := newShop(t, 1)
		acme := s.enroll("acme", "host")
		alice := s.signup("acme", "alice")
		state(s, acme.ID, alice)
		staff := reseller.Actor{Role: reseller.RoleResellerStaff, Seller: "acme"}
		d := s.m.Desk("acme")
		for _, act := range actions(t, s, "acme", alice) {
			subject := must(s.m.SubjectOf(s.ctx, "acme", billing.AccountOf(act)))
			may := reseller.Why(staff, reseller.Action(billing.NameOf(act)), subject)
			_, err := d.Quote(s.ctx, act)
			if may != nil {
				require.ErrorIs(t, err, may, "%T, %s", act, name)
				_, err = d.Do(s.ctx, act)
				require.ErrorIs(t, err, may, "%T, %s", act, name)
				continue
			}
			for _, denied := range []error{reseller.ErrNotHere, billing.ErrMayNotResume, billing.ErrSellerInactive} {
				require.NotErrorIs(t, err, denied, "%T, %s", act, name)
			}
		}
		require.Equal(t, name == "of a reseller that sleeps", must(s.m.SubjectOf(s.ctx, "acme", alice)).Asleep)
	}
}

// A reseller that could record usage would use up the keys of the host's meters.
func TestADeskRecordsNoUsage(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	alice := s.signup("acme", "alice")
	meter := billing.RecordUsage{Request: billing.Request{Key: "2026-01-01T10"}, Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(100)}
	nothing := meter
	nothing.Amount = decimal.Decimal{}
	for _, seller := range []billing.SellerID{"acme", "host"} {
		_, err := s.m.Desk(seller).Do(s.ctx, nothing)
		require.Error(t, err)
	}
	_, err := s.m.Desk("acme").Do(s.ctx, nothing)
	require.ErrorIs(t, err, reseller.ErrNotHere)
	require.Equal(t, "not_here", tierhost.CodeOf(err))
	s.do(meter)
	s.do(billing.Close{Account: alice})
	require.Contains(t, s.shadows("acme"), "2026-01-01 alice usage traffic 100 100.00")
}

// A reseller acts today, where it is: it does not go back to a list that has ended, nor
// does it know better than the host when something was.
func TestADeskActsToday(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"", "Pacific/Auckland", "America/Los_Angeles"} {
		s := newShop(t, 1)
		acme := s.enrollAt("acme", "host", zone)
		alice := s.signup("acme", "alice")
		s.do(billing.Pay{Account: alice, Amount: mustMoney(t, s, "1")})
		s.do(billing.ChangePlan{Account: acme.ID, Plan: "dear"})
		s.clock.Set(time.Date(2026, 2, 10, 12, 0, 0, 0, time.UTC))
		_, err := s.m.Run(s.ctx, billing.NewDate(2026, 2, 10), billing.RunOptions{})
		require.NoError(t, err)
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		today := billing.DateIn(s.clock.Now(), loc)
		d := s.m.Desk("acme")
		for _, day := range []billing.Date{billing.NewDate(2026, 1, 2), today.AddDays(-1), today.AddDays(1)} {
			want := billing.ErrDayPassed
			if day.After(today) {
				want = billing.ErrDayInFuture
			}
			for _, act := range actions(t, s, "acme", alice) {
				if (reseller.Why(reseller.Actor{Role: reseller.RoleResellerStaff, Seller: "acme"}, reseller.Action(billing.NameOf(act)),
					must(s.m.SubjectOf(s.ctx, "acme", billing.AccountOf(act)))) != nil) {
					continue
				}
				v := reflect.New(reflect.TypeOf(act)).Elem()
				v.Set(reflect.ValueOf(act))
				v.FieldByName("On").Set(reflect.ValueOf(day))
				dated := v.Interface().(billing.Action)
				_, quoted := d.Quote(s.ctx, dated)
				require.ErrorIs(t, quoted, want, "%T of %s", act, day)
				_, err := d.Do(s.ctx, dated)
				require.ErrorIs(t, err, want, "%T of %s", act, day)
			}
		}
		signup := billing.Signup{Request: billing.Request{On: today, Key: "order"}, Name: "bob", Plan: "home"}
		res, err := d.Do(s.ctx, signup)
		require.NoError(t, err)
		require.Contains(t, s.shadows("acme"), today.String()+" bob recurring account 1 3.00")

		// Asked again when the day is over, it is what it was.
		s.clock.Advance(24 * time.Hour)
		again, err := d.Do(s.ctx, signup)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, res.Account.ID, again.Account.ID)
	}
}

func TestADeskPublishesItsOwnPlans(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	acme := s.enroll("acme", "host")
	d := s.m.Desk("acme")
	_, below, err := d.PublishPlan(s.ctx, billing.Plan{Seller: "host", ID: "reseller", Open: true}, wholesale("9", "0.10"), nil)
	require.NoError(t, err)
	require.NotEmpty(t, below, "0.10 is below the cost")
	require.Equal(t, 1, must(s.e.Plan(s.ctx, "host", "reseller")).Latest, "it is acme's plan")
	require.Equal(t, 2, must(s.e.Plan(s.ctx, "acme", "reseller")).Latest)
	s.do(billing.Suspend{Account: acme.ID})
	_, _, err = d.PublishPlan(s.ctx, billing.Plan{ID: "reseller"}, wholesale("1", "1"), nil)
	require.ErrorIs(t, err, billing.ErrSellerInactive)
}

// The jobs of a reseller are jobs there too: they may less than its staff.
func TestADeskKeepsTheRoleOfJobs(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	alice := s.signup("acme", "alice")
	d := s.m.Desk("acme")
	debts := billing.Request{By: billing.Actor{Role: billing.RoleSuspend, Name: "debts"}}
	_, err := d.Do(s.ctx, billing.Suspend{Request: debts, Account: alice})
	require.NoError(t, err)
	require.Equal(t, billing.ReasonDebt, s.account(alice).Suspension.Reason)
	require.Equal(t, billing.RoleSuspend, s.account(alice).Suspension.By.Role)
	_, err = d.Do(s.ctx, billing.Resume{Request: debts, Account: alice})
	require.NoError(t, err)
	_, err = d.Do(s.ctx, billing.Suspend{Account: alice})
	require.NoError(t, err)
	require.Equal(t, billing.RoleSeller, s.account(alice).Suspension.By.Role)
	_, err = d.Do(s.ctx, billing.Resume{Request: debts, Account: alice})
	require.ErrorIs(t, err, billing.ErrMayNotResume, "it was not for debt")
}

// dressed is an action of nobody's package.
type dressed struct{ billing.Signup }

// An action behind a pointer, or in another type, is looked at as what it is.
func TestADeskLooksIntoActions(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.enroll("other", "host")
	theirs := s.signup("other", "bob")
	d := s.m.Desk("acme")
	for _, act := range []billing.Action{
		&billing.Signup{Seller: "other", Name: "a", Plan: "home"},
		dressed{billing.Signup{Seller: "other", Name: "b", Plan: "home"}},
		&dressed{billing.Signup{Seller: "other", Name: "c", Plan: "home"}},
	} {
		res, err := d.Do(s.ctx, act)
		require.NoError(t, err)
		require.Equal(t, billing.SellerID("acme"), s.account(res.Account.ID).Seller)
	}
	_, err := d.Do(s.ctx, &billing.Signup{Name: "d", Plan: "home", Existing: theirs})
	require.ErrorIs(t, err, billing.ErrUnknownAccount)
	_, err = d.Do(s.ctx, &billing.Close{Account: theirs})
	require.ErrorIs(t, err, billing.ErrUnknownAccount)
	_, err = d.Do(s.ctx, &billing.RecordUsage{Account: s.signup("acme", "alice"), Resource: "traffic"})
	require.ErrorIs(t, err, reseller.ErrNotHere)
	for _, act := range []billing.Action{nil, (*billing.Signup)(nil), (*dressed)(nil), struct{ *billing.Close }{}} {
		_, err = d.Do(s.ctx, act)
		require.ErrorIs(t, err, billing.ErrInvalidInput)
		_, err = s.e.Do(s.ctx, act)
		require.ErrorIs(t, err, billing.ErrInvalidInput)
		_, err = s.e.Quote(s.ctx, act)
		require.ErrorIs(t, err, billing.ErrInvalidInput)
	}
}

// Nothing that a desk says, of whatever action in whatever state, names a seller above or
// one of its plans.
func TestADeskNamesNobodyAbove(t *testing.T) {
	t.Parallel()
	s := newShop(t, 3)
	require.NoError(t, s.e.PutSeller(s.ctx, billing.Seller{ID: "rootco", Currency: s.eur}))
	s.publish("rootco", "rootplan", metered(false))
	_, err := s.m.Enroll(s.ctx, reseller.Enrollment{Seller: billing.Seller{ID: "midco", Parent: "rootco", Currency: s.eur}, Signup: billing.Signup{Plan: "rootplan"}})
	require.NoError(t, err)
	s.publish("midco", "midplan", wholesale("2", "0.40"))
	_, err = s.m.Enroll(s.ctx, reseller.Enrollment{Seller: billing.Seller{ID: "leaf", Parent: "midco", Currency: s.eur}, Signup: billing.Signup{Plan: "midplan"}})
	require.NoError(t, err)
	require.NoError(t, s.e.DefineResources(s.ctx, billing.Resource{ID: "ip"}))
	s.publish("leaf", "home", billing.Terms{Resources: []billing.Line{{Resource: "account", AtSignup: decimal.NewFromInt(1),
		Prices: billing.Prices{Recurring: price("50000000000000000")}}, {Resource: "mailbox"}, {Resource: "traffic"}, {Resource: "ip"}}})
	s.publish("leaf", "bare", unmetered())
	alice := s.signup("leaf", "alice")
	d := s.m.Desk("leaf")
	look := func(acts ...billing.Action) {
		for _, act := range append(acts, actions(t, s, "leaf", alice)...) {
			for _, do := range []func() error{
				func() error { _, err := d.Quote(s.ctx, act); return err },
				func() error { _, err := d.Do(s.ctx, act); return err },
			} {
				err := do()
				if err == nil {
					continue
				}
				for _, name := range []string{"rootco", "midco", "rootplan", "midplan"} {
					require.NotContains(t, err.Error(), name, "%T", act)
				}
			}
		}
	}
	look(billing.SetQuantity{Account: alice, Resource: "ip", Quantity: decimal.NewFromInt(1)}, billing.Signup{Name: "b", Plan: "bare"},
		billing.ChangePlan{Account: alice, Plan: "bare"})
	alice = s.signup("leaf", "carol")
	require.NoError(t, s.m.SetLimit(s.ctx, "midco", "mailbox", price("0")))
	require.NoError(t, s.m.SetLimit(s.ctx, "midco", reseller.Customers, price("0")))
	look(billing.Signup{Name: "e", Plan: "home"})
	require.NoError(t, s.m.SetLimit(s.ctx, "midco", reseller.Customers, nil))
	alice = s.signup("leaf", "dora")
	s.to(2, 1) // parked
	require.NotEmpty(t, s.account(alice).Parked.Code)
	look()
	s.do(billing.Suspend{Account: must(s.e.Seller(s.ctx, "midco")).Double, Note: "midco owes"})
	look()
}

// A desk of no seller, as a handler makes it for a request that has none, shows nothing.
func TestADeskOfNobody(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	alice := s.signup("acme", "alice")
	s.to(1, 3)
	d := s.m.Desk("")
	for _, said := range readAll(t, s, d) {
		require.Regexp(t, "not found|unknown_seller|unknown_account|needs", said)
	}
	_, err := d.Do(s.ctx, billing.Suspend{Account: alice})
	require.ErrorIs(t, err, billing.ErrUnknownAccount)
	_, err = d.Do(s.ctx, billing.Signup{Name: "bob", Plan: "home"})
	require.ErrorIs(t, err, billing.ErrUnknownSeller)
}

// Whoever is suspended with its reseller does not learn who has suspended that one; nor
// does its seller.
func TestADeskDoesNotNameWhoSuspendedAbove(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	s.enroll("acme", "host")
	bit := s.enroll("bit", "acme")
	eve := s.signup("bit", "eve")
	s.do(billing.Suspend{Request: billing.Request{By: billing.Actor{Role: billing.RoleSeller, Name: "anna@acme.example"}}, Account: bit.ID, Note: "acme has had enough"})
	a, err := s.m.Desk("bit").Account(s.ctx, eve)
	require.NoError(t, err)
	require.Equal(t, billing.Suspended, a.Status)
	require.Equal(t, billing.ReasonReseller, a.Suspension.Reason)
	require.NotContains(t, fmt.Sprintf("%+v", a), "acme")
	_, err = s.m.Desk("bit").Do(s.ctx, billing.Signup{Name: "ned", Plan: "home"})
	require.ErrorIs(t, err, billing.ErrSellerInactive)
	require.NotContains(t, err.Error(), "acme")
	require.NotContains(t, err.Error(), "reseller above")
}

// What breaks above is no matter of those below: they get the code, the host's log the rest.
func TestADeskDoesNotSayWhatBrokeAbove(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	s.enroll("acme", "host")
	s.enroll("bit", "acme")
	eve := s.signup("bit", "eve")
	require.NoError(t, s.set(eve, "mailbox", 2))
	require.NoError(t, s.store.Update(s.ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.store.Reseller(tx)
		if err != nil {
			return err
		}
		return rows.Write(ctx, &reseller.Batch{Stocks: []reseller.Stock{{Seller: "acme", Resource: "mailbox"}, {Seller: "bit", Resource: "mailbox"}}})
	}))
	d := s.m.Desk("bit")
	_, err := d.Do(s.ctx, billing.SetQuantity{Account: eve, Resource: "mailbox"})
	require.ErrorIs(t, err, tierhost.ErrInternal)
	require.NotContains(t, err.Error(), "acme")
	s.clock.Set(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC))
	_, err = s.m.Run(s.ctx, billing.NewDate(2026, 2, 1), billing.RunOptions{})
	require.NoError(t, err)
	a, err := d.Account(s.ctx, eve)
	require.NoError(t, err)
	require.NotEmpty(t, a.Parked.Code)
	require.NotContains(t, fmt.Sprintf("%+v", a), "acme")
	_, err = d.Do(s.ctx, billing.SetQuantity{Account: eve, Resource: "mailbox", Quantity: decimal.NewFromInt(1)})
	require.ErrorIs(t, err, billing.ErrAccountParked)
	require.NotContains(t, err.Error(), "acme")
}

// A foreign account and one that is not there are the same to a desk, in every answer.
func TestADeskTellsForeignAccountsFromNoneByNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.enroll("other", "host")
	theirs := s.signup("other", "bob")
	none := theirs + 1000
	d := s.m.Desk("acme")
	for name, ask := range map[string]func(id billing.AccountID) error{
		"Account":  func(id billing.AccountID) error { _, err := d.Account(s.ctx, id); return err },
		"Holdings": func(id billing.AccountID) error { _, err := d.Holdings(s.ctx, id); return err },
		"Margins": func(id billing.AccountID) error {
			_, err := d.Margins(s.ctx, reseller.MarginQuery{Account: id})
			return err
		},
		"Do":        func(id billing.AccountID) error { _, err := d.Do(s.ctx, billing.Suspend{Account: id}); return err },
		"Quote":     func(id billing.AccountID) error { _, err := d.Quote(s.ctx, billing.Close{Account: id}); return err },
		"SubjectOf": func(id billing.AccountID) error { _, err := s.m.SubjectOf(s.ctx, "acme", id); return err },
	} {
		of := func(id billing.AccountID) string {
			err := ask(id)
			require.ErrorIs(t, err, billing.ErrUnknownAccount, name)
			return strings.ReplaceAll(err.Error(), fmt.Sprint(id), "N")
		}
		require.Equal(t, of(none), of(theirs), name)
	}
}
