package reseller_test

import (
	"context"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
)

// shop is a host that sells through resellers, on a test clock.
type shop struct {
	t     *testing.T
	ctx   context.Context
	clock *tierhost.TestClock
	store reseller.Store
	m     *reseller.Manager
	e     *billing.Engine
	eur   money.Currency

	drained []string // types of events
}

// newShop opens a shop on 1 January 2026. Its host sells the plans "reseller" and
// "dear" to resellers, with pools of 5 mailboxes.
func newShop(t *testing.T, depth int) *shop {
	t.Helper()
	return newShopOn(t, memory.New(), depth)
}

func newShopOn(t *testing.T, store reseller.Store, depth int) *shop {
	t.Helper()
	s := &shop{t: t, ctx: context.Background(), store: store,
		clock: tierhost.NewTestClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))}
	var err error
	s.m, err = reseller.New(s.store, reseller.Options{Billing: billing.Options{Clock: s.clock, MaxDepth: depth}})
	require.NoError(t, err)
	s.e = s.m.Billing()
	s.eur, err = money.ISO("EUR")
	require.NoError(t, err)
	require.NoError(t, s.e.DefineResources(s.ctx, billing.Resource{ID: "account"}, billing.Resource{ID: "mailbox"},
		billing.Resource{ID: "traffic", Kind: billing.KindMonthly}))
	require.NoError(t, s.e.PutSeller(s.ctx, billing.Seller{ID: "host", Currency: s.eur}))
	s.publish("host", "reseller", wholesale("1", "0.20"))
	s.publish("host", "dear", wholesale("3", "0.50"))
	return s
}

func price(v string) *decimal.Decimal {
	d := decimal.RequireFromString(v)
	return &d
}

func wholesale(account, mailbox string) billing.Terms {
	return billing.Terms{
		Resources: []billing.Line{
			{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("20")}},
			{Resource: "mailbox", Prices: billing.Prices{Recurring: price("1")}},
			{Resource: "traffic", Prices: billing.Prices{Recurring: price("1"), Usage: price("2")}},
		},
		Wholesale: &billing.Wholesale{Resources: []billing.Line{
			{Resource: "account", Prices: billing.Prices{Recurring: price(account)}},
			{Resource: "mailbox", Free: decimal.NewFromInt(5), Prices: billing.Prices{Setup: price("0.10"), Recurring: price(mailbox)}},
			{Resource: "traffic", Prices: billing.Prices{Recurring: price("0.50"), Usage: price("1")}},
		}},
	}
}

func (s *shop) publish(seller billing.SellerID, plan billing.PlanID, terms billing.Terms) {
	s.t.Helper()
	_, err := s.e.PublishPlan(s.ctx, billing.Plan{Seller: seller, ID: plan, Open: true}, terms)
	require.NoError(s.t, err)
}

// enroll makes a reseller below a seller, with plans "home" and, for its own resellers,
// "reseller".
func (s *shop) enroll(id, parent billing.SellerID) billing.Account {
	s.t.Helper()
	return s.enrollAt(id, parent, "")
}

// enrollAt is enroll in a time zone.
func (s *shop) enrollAt(id, parent billing.SellerID, zone string) billing.Account {
	s.t.Helper()
	a, err := s.m.Enroll(s.ctx, reseller.Enrollment{
		Seller: billing.Seller{ID: id, Parent: parent, Currency: s.eur, TimeZone: zone},
		Signup: billing.Signup{Plan: "reseller"},
	})
	require.NoError(s.t, err)
	s.publish(id, "home", billing.Terms{Resources: []billing.Line{
		{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("5")}},
		{Resource: "mailbox", Prices: billing.Prices{Setup: price("1"), Recurring: price("1")}},
		{Resource: "traffic", Free: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("2"), Usage: price("3")}},
	}})
	s.publish(id, "reseller", wholesale("2", "0.40"))
	return a
}

func (s *shop) signup(seller billing.SellerID, name string) billing.AccountID {
	s.t.Helper()
	res, err := s.e.Do(s.ctx, billing.Signup{Seller: seller, Name: name, Plan: "home"})
	require.NoError(s.t, err)
	return res.Account.ID
}

func (s *shop) set(id billing.AccountID, resource billing.ResourceID, n int64) error {
	_, err := s.e.Do(s.ctx, billing.SetQuantity{Account: id, Resource: resource, Quantity: decimal.NewFromInt(n)})
	return err
}

func (s *shop) do(act billing.Action) billing.Result {
	s.t.Helper()
	res, err := s.e.Do(s.ctx, act)
	require.NoError(s.t, err)
	return res
}

func (s *shop) account(id billing.AccountID) billing.Account {
	s.t.Helper()
	a, err := s.e.Account(s.ctx, id)
	require.NoError(s.t, err)
	return a
}

// to moves the clock to noon of a day and runs the night before it.
func (s *shop) to(month time.Month, day int) billing.Date {
	s.t.Helper()
	s.clock.Set(time.Date(2026, month, day, 12, 0, 0, 0, time.UTC))
	on := billing.NewDate(2026, month, day)
	_, err := s.m.Run(s.ctx, on, billing.RunOptions{})
	require.NoError(s.t, err)
	return on
}

// shadows are a reseller's shadows as short lines.
func (s *shop) shadows(seller billing.SellerID) []string {
	s.t.Helper()
	out := []string{}
	for x, err := range s.m.Shadows(s.ctx, reseller.ShadowQuery{Seller: seller}) {
		require.NoError(s.t, err)
		out = append(out, x.Date.String()+" "+s.account(x.Account).Name+" "+string(x.Kind)+" "+string(x.Resource)+" "+x.Quantity.String()+" "+x.Amount.Digits())
	}
	return out
}

func (s *shop) bills(seller billing.SellerID) []string {
	s.t.Helper()
	out := []string{}
	for x, err := range s.m.Bills(s.ctx, reseller.BillQuery{Seller: seller}) {
		require.NoError(s.t, err)
		out = append(out, x.Day.String()+" "+string(x.Resource)+" "+x.Amount.Digits())
	}
	return out
}

// sound fails if anything in the books must not be.
func (s *shop) sound() {
	s.t.Helper()
	for f, err := range s.m.Verify(s.ctx) {
		require.NoError(s.t, err)
		s.t.Errorf("wholesale: %s", f)
	}
	for f, err := range s.e.Verify(s.ctx, billing.VerifyOptions{}) {
		require.NoError(s.t, err)
		s.t.Errorf("retail: %s", f)
	}
}

func mustMoney(t *testing.T, s *shop, v string) money.Money {
	t.Helper()
	m, err := money.New(decimal.RequireFromString(v), s.eur)
	require.NoError(t, err)
	return m
}
