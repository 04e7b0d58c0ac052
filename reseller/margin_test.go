package reseller_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

// street is a shop with a reseller, acme, one below it, deep, and a customer of each:
// jane, with 7 mailboxes, and joe. It is noon of the day after.
type street struct {
	*shop
	acme, deep billing.Account // doubles
	jane, joe  billing.AccountID
}

func newStreet(t *testing.T) *street {
	t.Helper()
	s := &street{shop: newShop(t, 2)}
	s.acme, s.deep = s.enroll("acme", "host"), s.enroll("deep", "acme")
	s.jane, s.joe = s.signup("acme", "jane"), s.signup("deep", "joe")
	require.NoError(t, s.set(s.jane, "mailbox", 7))
	s.to(time.January, 2)
	return s
}

// margins are short lines: key, retail, cost, margin, percent.
func (s *shop) margins(q reseller.MarginQuery) []string {
	s.t.Helper()
	list, err := s.m.Margins(s.ctx, q)
	require.NoError(s.t, err)
	return shortMargins(list)
}

func shortMargins(list []reseller.Margin) []string {
	out := []string{}
	for _, x := range list {
		var key string
		switch {
		case x.Account != 0:
			key = fmt.Sprint(x.Account)
		case !x.Day.IsZero():
			key = x.Day.String()
		case x.Own:
		default:
			key = string(x.Plan) + string(x.Resource)
		}
		percent := "-"
		if x.Percent != nil {
			percent = x.Percent.String() + "%"
		}
		if x.Own {
			key = strings.TrimSpace("own " + key + string(x.Resource))
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s - %s = %s %s", key, x.Retail.Digits(), x.CostRetail.Digits(), x.Margin.Digits(), percent)))
	}
	return out
}

func TestMargins(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	key := func(id billing.AccountID) string { return fmt.Sprint(id) }
	// jane: 5 for her account, 7 mailboxes at 1 with 1 setup; 1 for the account, 2 outside the pool.
	jane := " 19.00 - 1.60 = 17.40 91.58%"
	own := "own 0.00 - 20.00 = -20.00 -" // what acme pays for its own account
	for _, c := range []struct {
		name string
		q    reseller.MarginQuery
		want []string
	}{
		{"customers", reseller.MarginQuery{Seller: "acme"}, []string{
			key(s.deep.ID) + " 22.00 - 2.00 = 20.00 90.91%", key(s.jane) + jane, own}},
		{"plans", reseller.MarginQuery{Seller: "acme", By: reseller.ByPlan}, []string{"home" + jane, "reseller 22.00 - 2.00 = 20.00 90.91%", own}},
		{"resources", reseller.MarginQuery{Seller: "acme", By: reseller.ByResource}, []string{
			"account 27.00 - 3.00 = 24.00 88.89%", "mailbox 14.00 - 0.60 = 13.40 95.71%",
			"own account 0.00 - 20.00 = -20.00 -"}},
		{"days", reseller.MarginQuery{Seller: "acme", By: reseller.ByDay}, []string{"2026-01-01 41.00 - 3.60 = 37.40 91.22%", "own 2026-01-01 0.00 - 20.00 = -20.00 -"}},
		{"all", reseller.MarginQuery{Seller: "acme", By: reseller.ByNothing}, []string{"41.00 - 3.60 = 37.40 91.22%", own}},
		{"closed", reseller.MarginQuery{Seller: "acme", By: reseller.ByNothing, ClosedOnly: true}, []string{"41.00 - 3.60 = 37.40 91.22%", own}},
		{"one customer", reseller.MarginQuery{Seller: "acme", Account: s.jane}, []string{key(s.jane) + jane}},
		{"one customer by resource", reseller.MarginQuery{Seller: "acme", Account: s.jane, By: reseller.ByResource}, []string{
			"account 5.00 - 1.00 = 4.00 80%", "mailbox 14.00 - 0.60 = 13.40 95.71%"}},
		{"one reseller", reseller.MarginQuery{Seller: "acme", Account: s.deep.ID}, []string{key(s.deep.ID) + " 22.00 - 2.00 = 20.00 90.91%"}},
		{"one plan", reseller.MarginQuery{Seller: "acme", Plan: "reseller", By: reseller.ByResource}, []string{"account 22.00 - 2.00 = 20.00 90.91%"}},
		{"one resource", reseller.MarginQuery{Seller: "acme", Resource: "mailbox", By: reseller.ByNothing}, []string{"14.00 - 0.60 = 13.40 95.71%"}},
		{"later", reseller.MarginQuery{Seller: "acme", Since: billing.NewDate(2026, 1, 2)}, []string{}},
		{"earlier", reseller.MarginQuery{Seller: "acme", Until: billing.NewDate(2025, 12, 31)}, []string{}},
		{"below", reseller.MarginQuery{Seller: "deep"}, []string{key(s.joe) + " 5.00 - 2.00 = 3.00 60%", "own 0.00 - 20.00 = -20.00 -"}},
		{"the host", reseller.MarginQuery{Seller: "host", ClosedOnly: true}, []string{key(s.acme.ID) + " 23.60 - 0.00 = 23.60 100%"}},
	} {
		require.Equal(t, c.want, s.margins(c.q), c.name)
	}
	s.sound()
}

func TestMarginsRefuse(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	for _, c := range []struct {
		q    reseller.MarginQuery
		want error
	}{
		{reseller.MarginQuery{Seller: "nobody"}, billing.ErrUnknownSeller},
		{reseller.MarginQuery{Seller: "acme", Account: s.joe}, billing.ErrUnknownAccount}, // deep's
		{reseller.MarginQuery{Seller: "acme", Account: 999}, billing.ErrUnknownAccount},
		{reseller.MarginQuery{Seller: "acme", By: "moon"}, tierhost.ErrInvalid},
	} {
		_, err := s.m.Margins(s.ctx, c.q)
		require.ErrorIs(t, err, c.want)
	}
}

// A reseller sees closed days: what came late to a closed day waits, on both sides.
func TestAResellersMarginsAreThoseOfClosedDays(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	jane := s.signup("acme", "jane")
	q := reseller.MarginQuery{Seller: "acme", By: reseller.ByNothing, ClosedOnly: true}
	require.Empty(t, s.margins(q))
	s.to(time.January, 3)
	first := []string{"5.00 - 1.00 = 4.00 80%", "own 0.00 - 20.00 = -20.00 -"}
	require.Equal(t, first, s.margins(q))

	late := billing.SetQuantity{Account: jane, Resource: "mailbox", Quantity: decimal.NewFromInt(7)}
	late.On = billing.NewDate(2026, 1, 2)
	s.do(late)
	require.Equal(t, first, s.margins(q))
	all := s.margins(reseller.MarginQuery{Seller: "acme", By: reseller.ByNothing})
	require.NotEqual(t, first, all)
	s.to(time.January, 4)
	require.Equal(t, all, s.margins(q))
}

// Whatever margins are grouped by, they come to the sum of all entries, and of all shadows
// and what the seller's own account was charged: to what it owes, once all days are
// closed.
func TestMarginsAddUp(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	for i, days := range []int{10, 20, 31, 45, 59} {
		on := billing.NewDate(2026, 1, 1).AddDays(days)
		_, month, day := on.YMD()
		s.to(month, day)
		require.NoError(t, s.set(s.jane, "mailbox", int64(3+4*i%9)))
		require.NoError(t, s.set(s.joe, "traffic", int64(i)))
		usage := billing.RecordUsage{Account: s.joe, Resource: "traffic", Amount: decimal.NewFromInt(9)}
		s.do(usage)
	}
	s.to(time.April, 2)
	s.to(time.April, 4) // and what came late is billed
	for _, seller := range []billing.SellerID{"host", "acme", "deep"} {
		retail, cost := money.Zero(s.eur), money.Zero(s.eur)
		for en, err := range s.e.Entries(s.ctx, billing.EntryQuery{Seller: seller}) {
			require.NoError(t, err)
			retail, _ = retail.Add(en.Amount)
		}
		for x, err := range s.m.Shadows(s.ctx, reseller.ShadowQuery{Seller: seller}) {
			require.NoError(t, err)
			cost, _ = cost.Add(x.Amount)
		}
		owed := money.Zero(s.eur) // bills, and its own account's entries
		if seller != "host" {
			for en, err := range s.e.Entries(s.ctx, billing.EntryQuery{Account: s.double(seller)}) {
				require.NoError(t, err)
				owed, _ = owed.Add(en.Amount)
				if en.Kind != billing.EntryWholesale {
					cost, _ = cost.Add(en.Amount)
				}
			}
			require.Equal(t, owed.String(), cost.String(), "%s: all days are closed", seller)
		}
		for _, by := range []reseller.MarginBy{reseller.ByCustomer, reseller.ByPlan, reseller.ByResource, reseller.ByDay, reseller.ByNothing} {
			list, err := s.m.Margins(s.ctx, reseller.MarginQuery{Seller: seller, By: by})
			require.NoError(t, err)
			r, c, m := money.Zero(s.eur), money.Zero(s.eur), money.Zero(s.eur)
			for _, x := range list {
				r, _ = r.Add(x.Retail)
				c, _ = c.Add(x.Cost)
				m, _ = m.Add(x.Margin)
			}
			require.Equal(t, retail.String(), r.String(), "%s by %q", seller, by)
			require.Equal(t, cost.String(), c.String(), "%s by %q", seller, by)
			left, _ := r.Sub(c)
			require.Equal(t, left.String(), m.String())
		}
	}
	s.sound()
}

func (s *shop) enrollIn(id billing.SellerID, currency string) billing.Account {
	s.t.Helper()
	was := s.eur
	s.eur = isoCurrency(currency)
	a := s.enroll(id, "host")
	s.eur = was
	return a
}

func TestMarginsAcrossCurrencies(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enrollIn("yank", "USD")
	jane := s.signup("yank", "jane")
	require.NoError(t, s.set(jane, "mailbox", 7))
	q := reseller.MarginQuery{Seller: "yank", By: reseller.ByNothing}
	_, err := s.m.Margins(s.ctx, q)
	require.ErrorIs(t, err, reseller.ErrRateNeeded)
	require.Equal(t, "rate_needed", tierhost.CodeOf(err))
	for _, r := range []reseller.ExchangeRate{rateOf("USD", "EUR", "0.9"), rateOf("EUR", "GBP", "0.9"), rateOf("USD", "USD", "1")} {
		q.Rate = &r
		_, err = s.m.Margins(s.ctx, q)
		require.ErrorIs(t, err, reseller.ErrRateCurrency)
	}
	r := rateOf("EUR", "USD", "1.0837")
	q.Rate = &r
	// 19.00 USD of 1.60 EUR, converted as a sum: 1.73392
	require.Equal(t, []string{"19.00 - 1.73 = 17.27 90.89%", "own 0.00 - 21.67 = -21.67 -"}, s.margins(q))
	list, err := s.m.Margins(s.ctx, q)
	require.NoError(t, err)
	require.Equal(t, "1.60 EUR", list[0].Cost.String())
	require.Equal(t, "1.73 USD", list[0].CostRetail.String())
	r.Rate = decimal.Decimal{}
	_, err = s.m.Margins(s.ctx, q)
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}

func TestEntryMargins(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	jane := s.do(billing.Signup{Seller: "acme", Name: "jane", Plan: "home", Promotions: []billing.PromotionGrant{
		{Code: "half", Percent: decimal.NewFromInt(50), Kinds: []billing.EntryKind{billing.EntrySetup, billing.EntryRecurring}}}}).Account.ID
	require.NoError(t, s.set(jane, "mailbox", 7))
	require.NoError(t, s.set(jane, "traffic", 1)) // free for jane, not for acme
	s.do(billing.Pay{Account: jane, Amount: mustMoney(t, s, "10.00")})
	var got []string
	for x, err := range s.m.EntryMargins(s.ctx, jane) {
		require.NoError(t, err)
		left, err := x.Margin(nil)
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%s %s: %s - %s (%d) = %s", x.Entry.Kind, x.Entry.Resource, x.Retail.Digits(), x.Cost.Digits(), len(x.Shadows), left.Digits()))
	}
	require.Equal(t, []string{
		"recurring account: 5.00 - 1.00 (1) = 4.00",
		"discount account: -2.50 - 0.00 (0) = -2.50",
		"setup mailbox: 7.00 - 0.20 (1) = 6.80",
		"discount mailbox: -3.50 - 0.00 (0) = -3.50",
		"recurring mailbox: 7.00 - 0.40 (1) = 6.60",
		"discount mailbox: -3.50 - 0.00 (0) = -3.50",
		" : 0.00 - 0.50 (1) = -0.50",
	}, got)
	for range s.m.EntryMargins(s.ctx, jane) {
		break
	}
	for _, err := range s.m.EntryMargins(s.ctx, 999) {
		require.ErrorIs(t, err, billing.ErrUnknownAccount)
	}
	for x, err := range s.m.EntryMargins(s.ctx, s.account(jane).Above[0]) { // the host has no costs
		require.NoError(t, err)
		require.Equal(t, "20.00 0.00", x.Retail.Digits()+" "+x.Cost.Digits())
		_, err = x.Margin(new(rateOf("EUR", "USD", "1.1")))
		require.ErrorIs(t, err, reseller.ErrRateCurrency)
	}
}

// What is rolled up to the reseller is its own cost: no customer's margin shows it, and
// no cost is missing.
func TestRolledUpUsageIsAnOwnCost(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	terms := wholesale("1", "0.20")
	terms.Resources[2].Rollup = true
	terms.Wholesale.Resources = terms.Wholesale.Resources[:2]
	s.publish("host", "reseller", terms)
	s.enroll("acme", "host")
	jane := s.signup("acme", "jane")
	s.do(billing.RecordUsage{Account: jane, Resource: "traffic", Amount: decimal.NewFromInt(11)})
	s.to(time.February, 1)
	s.to(time.February, 3)
	q := reseller.MarginQuery{Seller: "acme", By: reseller.ByResource, Until: billing.NewDate(2026, 2, 1)}
	require.Equal(t, []string{
		"account 10.00 - 2.00 = 8.00 80%",
		"traffic 30.00 - 0.00 = 30.00 100%", // 10 above what is free, at 3
		"own account 0.00 - 40.00 = -40.00 -",
		"own traffic 0.00 - 22.00 = -22.00 -", // 11 at 2
	}, s.margins(q))
	q.Resource = "traffic"
	require.Len(t, s.margins(q), 2)
	for _, q := range []reseller.MarginQuery{{Seller: "acme", Account: jane}, {Seller: "acme", Plan: "home"}} {
		for _, line := range s.margins(q) {
			require.NotContains(t, line, "own", "it is nobody's")
		}
	}
	owed := money.Zero(s.eur)
	for en, err := range s.e.Entries(s.ctx, billing.EntryQuery{Account: s.double("acme")}) {
		require.NoError(t, err)
		owed, _ = owed.Add(en.Amount)
	}
	all, err := s.m.Margins(s.ctx, reseller.MarginQuery{Seller: "acme"})
	require.NoError(t, err)
	cost := money.Zero(s.eur)
	for _, x := range all {
		cost, _ = cost.Add(x.Cost)
	}
	require.Equal(t, owed.String(), cost.String())
}

// Margins and the trial balance read page by page, each page in a view of its own.
func TestMarginsReadByThePage(t *testing.T) {
	t.Parallel()
	s, store := crowd(t)
	reset := func() { store.views, store.calls, store.most = 0, map[string]int{}, 0 }
	for _, by := range []reseller.MarginBy{reseller.ByCustomer, reseller.ByPlan, reseller.ByResource, reseller.ByDay, reseller.ByNothing} {
		reset()
		_, err := s.m.Margins(s.ctx, reseller.MarginQuery{Seller: "acme", By: by, ClosedOnly: true})
		require.NoError(t, err)
		require.Equal(t, 1, store.most, "by %q", by)
		require.Less(t, store.total(), 40, "by %q: %v", by, store.calls)
	}
	reset()
	_, err := s.m.TrialBalance(s.ctx)
	require.NoError(t, err)
	require.Equal(t, 1, store.most)
	require.Less(t, store.total(), 40, "%v", store.calls)
}

// The trial balance adds up while people are at work and days are closed.
func TestTrialBalanceOnLiveData(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w, id := range []billing.AccountID{s.jane, s.joe} {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := s.set(id, "mailbox", int64((n+w)%9)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for day := 3; day < 28; day++ {
			s.at(time.January, day, 12)
			if _, err := s.m.Close(s.ctx, billing.NewDate(2026, time.January, day-1)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 60 {
		lines, err := s.m.TrialBalance(s.ctx)
		if err != nil {
			t.Error(err)
			break
		}
		for _, l := range lines {
			if !l.Sound() {
				t.Errorf("%+v", l)
			}
		}
	}
	close(done)
	wg.Wait()
	s.sound()
}
