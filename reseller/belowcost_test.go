package reseller_test

import (
	"context"
	"errors"
	"fmt"
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

// under returns a manager on the same books with another rule.
func (s *shop) under(rule reseller.MarginRule) *reseller.Manager {
	s.t.Helper()
	m, err := reseller.New(s.store, reseller.Options{Billing: billing.Options{Clock: s.clock, MaxDepth: 3}, MinMargin: rule})
	require.NoError(s.t, err)
	return m
}

// retail sells mailboxes and traffic.
func retail(setup, recurring, usage string) billing.Terms {
	return billing.Terms{
		Periods:   []billing.Period{billing.Months(1), billing.Months(12)},
		Discounts: map[billing.Period]billing.Discounts{billing.Months(12): {Recurring: decimal.NewFromInt(50)}},
		Resources: []billing.Line{
			{Resource: "mailbox", Prices: billing.Prices{Setup: price(setup), Recurring: price(recurring)}},
			{Resource: "traffic", Prices: billing.Prices{Recurring: price("2"), Usage: price(usage)}},
		},
	}
}

func texts(list []reseller.BelowCost) []string {
	out := []string{}
	for _, b := range list {
		out = append(out, b.String())
	}
	return out
}

// The list of "reseller": mailbox setup 0.10, recurring 0.20; traffic 0.50, usage 1.
func TestCheckMargins(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	s.enroll("acme", "host")
	s.enroll("deep", "acme")
	s.enrollIn("yank", "USD")
	require.NoError(t, s.e.DefineResources(s.ctx, billing.Resource{ID: "ip"}))
	require.NoError(t, s.e.PutSeller(s.ctx, billing.Seller{ID: "new", Parent: "host", Currency: s.eur}))
	free := retail("1", "1", "3")
	free.Resources[0].Free = decimal.NewFromInt(2)
	free.Resources[0].PeriodPrices = map[billing.Period]billing.PeriodPrices{billing.Months(12): {Free: price("3")}}
	missing := retail("1", "1", "3")
	missing.Resources = append(missing.Resources, billing.Line{Resource: "ip", Prices: billing.Prices{Recurring: price("9")}})
	unpriced := retail("1", "1", "3")
	unpriced.Resources[1].Prices = billing.Prices{}
	unpriced.Periods, unpriced.Discounts = nil, nil
	below := wholesale("1", "0.40")
	below.Resources = nil
	below.Wholesale.Discounts = map[billing.Period]billing.Discounts{billing.Months(12): {Recurring: decimal.NewFromInt(60)}}
	below.Wholesale.Resources[0].PeriodPrices = map[billing.Period]billing.PeriodPrices{billing.Days(30): {Recurring: price("9")}}
	below.Wholesale.Resources[1].Free = decimal.Decimal{}
	days := retail("1", "1", "3")
	days.Periods, days.Discounts = []billing.Period{billing.Days(30)}, nil
	days.Resources = days.Resources[:1]
	days.Resources[0].PeriodPrices = map[billing.Period]billing.PeriodPrices{billing.Days(30): {Setup: price("1"), Recurring: price("1")}}
	for _, c := range []struct {
		name   string
		seller billing.SellerID
		terms  billing.Terms
		rate   *reseller.ExchangeRate
		want   []string
	}{
		{"well above", "acme", retail("1", "1", "3"), nil, []string{}},
		{"just at cost", "acme", retail("0.1", "0.4", "1"), nil, []string{}},
		{"setup", "acme", retail("0.09", "1", "3"), nil, []string{
			"mailbox 1m: setup 0.09 is below the cost of 0.1", "mailbox 12m: setup 0.09 is below the cost of 0.1"}},
		{"recurring, with the discount of a period", "acme", retail("1", "0.39", "3"), nil, []string{
			"mailbox 12m: recurring 2.34 is below the cost of 2.4"}},
		{"usage", "acme", retail("1", "1", "0.999"), nil, []string{
			"traffic 1m: usage 0.999 is below the cost of 1", "traffic 12m: usage 0.999 is below the cost of 1"}},
		{"no price at all", "acme", unpriced, nil, []string{
			"traffic 1m: recurring 0 is below the cost of 0.5", "traffic 1m: usage 0 is below the cost of 1"}},
		{"free units", "acme", free, nil, []string{
			"mailbox 1m: 2 free units for each customer cost wholesale, beyond a pool of 5 for all",
			"mailbox 12m: 3 free units for each customer cost wholesale, beyond a pool of 5 for all"}},
		{"not on the list", "acme", missing, nil, []string{"ip 1m: not for sale here", "ip 12m: not for sale here"}},
		{"not for days", "acme", days, nil, []string{"mailbox 30d: not for sale here"}},
		{"resellers below", "acme", wholesale("0.9", "0.40"), nil, []string{
			"mailbox 1m: setup 0 is below the cost of 0.1", // for the reseller's own
			"wholesale account 1m: recurring 0.9 is below the cost of 1",
			"wholesale mailbox 1m: 5 free units for each customer cost wholesale, beyond a pool of 5 for all"}},
		{"resellers below, by period", "acme", below, nil, []string{
			"wholesale account 12m: recurring 4.8 is below the cost of 12", "wholesale account 30d: not for sale here",
			"wholesale mailbox 12m: recurring 1.92 is below the cost of 2.4", "wholesale traffic 12m: recurring 0.2 is below the cost of 0.5"}},
		{"two levels down", "deep", retail("1", "0.79", "3"), nil, []string{"mailbox 12m: recurring 4.74 is below the cost of 4.8"}},
		{"two levels down, missing above", "deep", missing, nil, []string{"ip 1m: not for sale here", "ip 12m: not for sale here"}},
		{"in another currency", "yank", retail("0.1", "0.5", "1.09"), new(rateOf("EUR", "USD", "1.1")), []string{
			"mailbox 1m: setup 0.1 is below the cost of 0.11", "mailbox 12m: setup 0.1 is below the cost of 0.11",
			"traffic 1m: usage 1.09 is below the cost of 1.1", "traffic 12m: usage 1.09 is below the cost of 1.1"}},
		{"no account yet", "new", retail("0", "0", "0"), nil, []string{"prices are not compared: the seller has no account at its parent yet"}},
		{"the host", "host", retail("0", "0", "0"), nil, []string{}},
	} {
		got, err := s.m.CheckMargins(s.ctx, c.seller, c.terms, c.rate)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, texts(got), c.name)
	}
	for _, c := range []struct {
		seller billing.SellerID
		terms  billing.Terms
		rate   *reseller.ExchangeRate
		want   error
	}{
		{"nobody", retail("1", "1", "1"), nil, billing.ErrUnknownSeller},
		{"yank", retail("1", "1", "1"), nil, reseller.ErrRateNeeded},
		{"yank", retail("1", "1", "1"), new(rateOf("USD", "EUR", "1")), reseller.ErrRateCurrency},
		{"acme", retail("-1", "1", "1"), nil, tierhost.ErrInvalid},
		{"acme", billing.Terms{Resources: []billing.Line{{Resource: "mailbox", Prices: billing.Prices{Recurring: new(decimal.New(1, 1_000_000_000))}}}}, nil, tierhost.ErrInvalid},
	} {
		_, err := s.m.CheckMargins(s.ctx, c.seller, c.terms, c.rate)
		require.ErrorIs(t, err, c.want)
	}
}

// What the double's own plan rolls up is not bought by the unit.
func TestRolledUpResourcesHaveNoUnitPrice(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	w := wholesale("1", "0.20")
	w.Resources[2].Rollup = true
	w.Wholesale.Resources = w.Wholesale.Resources[:2]
	s.publish("host", "reseller", w)
	s.enroll("acme", "host")
	got, err := s.m.CheckMargins(s.ctx, "acme", retail("1", "1", "0"), nil)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestPublishPlanWarnsOrRefuses(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.enrollIn("yank", "USD")
	cheap := retail("0", "1", "3")
	cheap.Resources[0].Free = decimal.NewFromInt(1)
	head := func(seller billing.SellerID, id billing.PlanID) billing.Plan {
		return billing.Plan{Seller: seller, ID: id, Open: true}
	}

	v, list, err := s.m.PublishPlan(s.ctx, head("acme", "cheap"), cheap, nil)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	require.Len(t, list, 4)

	v, list, err = s.under(reseller.MarginOff).PublishPlan(s.ctx, head("acme", "off"), cheap, nil)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	require.Empty(t, list)

	strict := s.under(reseller.MarginRefuse)
	_, list, err = strict.PublishPlan(s.ctx, head("acme", "refused"), cheap, nil)
	require.ErrorIs(t, err, reseller.ErrBelowCost)
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.Equal(t, "below_cost", tierhost.CodeOf(err))
	refusal, ok := errors.AsType[*reseller.BelowCostError](err)
	require.True(t, ok)
	require.Equal(t, texts(list), texts(refusal.Below))
	require.Equal(t, "reseller: plan refused of seller acme is below cost: mailbox 1m: setup 0 is below the cost of 0.1; mailbox 12m: setup 0 is below the cost of 0.1", err.Error())
	_, err = s.e.Plan(s.ctx, "acme", "refused")
	require.ErrorIs(t, err, billing.ErrUnknownPlan)

	// Free units never refuse.
	cheap.Resources[0].Prices.Setup = price("1")
	v, list, err = strict.PublishPlan(s.ctx, head("acme", "fair"), cheap, nil)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	require.Len(t, list, 2)

	// Another currency.
	_, _, err = strict.PublishPlan(s.ctx, head("yank", "plan"), cheap, nil)
	require.ErrorIs(t, err, reseller.ErrRateNeeded)
	_, _, err = s.m.PublishPlan(s.ctx, head("yank", "plan"), cheap, new(rateOf("GBP", "USD", "1")))
	require.ErrorIs(t, err, reseller.ErrRateCurrency)
	_, list, err = s.m.PublishPlan(s.ctx, head("yank", "plan"), cheap, nil)
	require.NoError(t, err)
	require.Equal(t, reseller.BelowNoRate, list[0].Kind)
	require.Len(t, list, 3) // and what is free
	_, list, err = strict.PublishPlan(s.ctx, head("yank", "plan"), cheap, new(rateOf("EUR", "USD", "1.1")))
	require.NoError(t, err)
	require.Len(t, list, 2)

	_, list, err = strict.PublishPlan(s.ctx, head("host", "gift"), retail("0", "0", "0"), nil)
	require.NoError(t, err)
	require.Empty(t, list)
	_, _, err = strict.PublishPlan(s.ctx, head("nobody", "gift"), cheap, nil)
	require.ErrorIs(t, err, billing.ErrUnknownSeller)
	_, err = reseller.New(s.store, reseller.Options{MinMargin: "perhaps"})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}

// What is published at cost never makes a loss on any one line: the check and the
// books agree.
func TestWhatPassesTheCheckMakesNoLoss(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	terms := retail("0.1", "0.4", "1")
	got, err := s.m.CheckMargins(s.ctx, "acme", terms, nil)
	require.NoError(t, err)
	require.Empty(t, got)
	s.publish("acme", "even", terms)
	for _, period := range terms.Periods {
		id := s.do(billing.Signup{Seller: "acme", Name: period.String(), Plan: "even", Period: period}).Account.ID
		require.NoError(t, s.set(id, "mailbox", 40))
		require.NoError(t, s.set(id, "traffic", 3))
		s.do(billing.RecordUsage{Account: id, Resource: "traffic", Amount: decimal.NewFromInt(8)})
	}
	s.to(time.March, 1)
	n := 0
	for a, err := range s.e.Accounts(s.ctx, billing.AccountQuery{Seller: "acme"}) {
		require.NoError(t, err)
		for x, err := range s.m.EntryMargins(s.ctx, a.ID) {
			require.NoError(t, err)
			left, err := x.Margin(nil)
			require.NoError(t, err)
			require.GreaterOrEqual(t, left.Sign(), 0, "%+v", x)
			n++
		}
	}
	require.Greater(t, n, 8)
}

// A host that wants no plan sold below cost refuses it before anybody can buy.
func ExampleManager_PublishPlan() {
	ctx := context.Background()
	eur, _ := money.ISO("EUR")
	number := func(s string) *decimal.Decimal { d := decimal.RequireFromString(s); return &d }
	m, _ := reseller.New(memory.New(), reseller.Options{MinMargin: reseller.MarginRefuse})
	_ = m.Billing().DefineResources(ctx, billing.Resource{ID: "mailbox"})
	_ = m.Billing().PutSeller(ctx, billing.Seller{ID: "host", Currency: eur})
	_, _, _ = m.PublishPlan(ctx, billing.Plan{Seller: "host", ID: "partner", Open: true}, billing.Terms{
		Wholesale: &billing.Wholesale{Resources: []billing.Line{{Resource: "mailbox", Prices: billing.Prices{Recurring: number("0.80")}}}},
	}, nil)
	_, err := m.Enroll(ctx, reseller.Enrollment{Seller: billing.Seller{ID: "acme", Parent: "host", Currency: eur}, Signup: billing.Signup{Plan: "partner"}})
	fmt.Println(err)

	_, _, err = m.PublishPlan(ctx, billing.Plan{Seller: "acme", ID: "bargain", Open: true}, billing.Terms{
		Resources: []billing.Line{{Resource: "mailbox", Prices: billing.Prices{Recurring: number("0.75")}}}}, nil)
	fmt.Println(err)
	if refused, ok := errors.AsType[*reseller.BelowCostError](err); ok {
		for _, b := range refused.Below {
			fmt.Println(b.Resource, b.Period, b.Kind)
		}
	}
	// Output:
	// <nil>
	// reseller: plan bargain of seller acme is below cost: mailbox 1m: recurring 0.75 is below the cost of 0.8
	// mailbox 1m recurring
}

// A list for resellers below is compared in the periods for which the list above has
// prices of its own, also where it has none itself.
func TestAListIsComparedInThePeriodsOfTheListAbove(t *testing.T) {
	t.Parallel()
	s := newShop(t, 2)
	terms := wholesale("1", "0.20")
	terms.Wholesale.Resources[1].PeriodPrices = map[billing.Period]billing.PeriodPrices{billing.Months(12): {Recurring: price("9.00")}}
	s.publish("host", "reseller", terms)
	s.enroll("acme", "host")
	own := wholesale("1", "0.40") // 4.80 a year
	below, err := s.m.CheckMargins(s.ctx, "acme", own, nil)
	require.NoError(t, err)
	require.Contains(t, texts(below), "wholesale mailbox 12m: recurring 4.8 is below the cost of 9")
}

func TestAnUnknownSellerHasNothingToShow(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	for name, ask := range map[string]func() error{
		"ClosedThrough": func() error { _, err := s.m.ClosedThrough(s.ctx, "nobody"); return err },
		"Open":          func() error { _, err := s.m.Open(s.ctx, "nobody"); return err },
		"Limits":        func() error { _, err := s.m.Limits(s.ctx, "nobody"); return err },
		"Pools":         func() error { _, err := s.m.Pools(s.ctx, "nobody", billing.NewDate(2026, 1, 1)); return err },
		"Shares":        func() error { _, err := s.m.Shares(s.ctx, "nobody", "mailbox"); return err },
	} {
		require.ErrorIs(t, ask(), billing.ErrUnknownSeller, name)
	}
}
