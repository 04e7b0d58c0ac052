package reseller_test

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
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
					if other != seller && (strings.Contains(said, "mark-"+string(other)) || strings.Contains(said, "Seller:"+string(other)+" ")) {
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
		if name == "Do" || name == "Quote" {
			continue // TestADeskActsOnItsOwnAccountsOnly
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
			if len(out) == 2 && !out[1].IsNil() {
				continue // an error: it is not there
			}
			if out[0].Kind() != reflect.Func {
				said = append(said, fmt.Sprintf("%s: %+v", name, out[0]))
				continue
			}
			for x, err := range iter.Seq2[reflect.Value, reflect.Value](out[0].Seq2()) {
				if err.IsNil() {
					said = append(said, fmt.Sprintf("%s: %+v", name, x))
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
