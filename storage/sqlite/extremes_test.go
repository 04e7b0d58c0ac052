package sqlite_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// extremes is an engine whose host sells the plan "p": an account at 1.00 and a disk by
// its average, at 1.00 a gigabyte. It is 1 January 2026.
func extremes(t *testing.T) (billing.Store, *billing.Engine, *tierhost.TestClock) {
	t.Helper()
	st, _ := file(t)
	clock := tierhost.NewTestClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	e, err := billing.New(st, billing.Options{Clock: clock})
	require.NoError(t, err)
	usd, err := money.ISO("USD")
	require.NoError(t, err)
	ctx, one := t.Context(), decimal.New(1, 0)
	require.NoError(t, e.DefineResources(ctx, billing.Resource{ID: "account"},
		billing.Resource{ID: "disk", Kind: billing.KindMonthly, Aggregate: billing.AggregateAverage}))
	require.NoError(t, e.PutSeller(ctx, billing.Seller{ID: "host", Currency: usd}))
	_, err = e.PublishPlan(ctx, billing.Plan{Seller: "host", ID: "p", Open: true}, billing.Terms{
		Periods: []billing.Period{billing.Months(1), billing.Days(3660)},
		Resources: []billing.Line{
			{Resource: "account", AtSignup: one, Prices: billing.Prices{Recurring: &one},
				PeriodPrices: map[billing.Period]billing.PeriodPrices{billing.Days(3660): {Recurring: &one}}},
			{Resource: "disk", Prices: billing.Prices{Usage: &one},
				PeriodPrices: map[billing.Period]billing.PeriodPrices{billing.Days(3660): {Usage: &one}}},
		},
	})
	require.NoError(t, err)
	return st, e, clock
}

// The averages of a great many accounts, each of another number of records, add up to a
// figure that can be written.
func TestAveragesOfManyAccountsAreWritten(t *testing.T) {
	t.Parallel()
	st, e, clock := extremes(t)
	ctx := t.Context()
	res, err := e.Do(ctx, billing.Signup{Seller: "host", Name: "acme", Plan: "p"})
	require.NoError(t, err)
	id := res.Account.ID
	var records []*billing.UsageRecord
	for n := 2; n < 350; n++ { // primes: their least common multiple has 140 digits
		if slices.ContainsFunc([]int{2, 3, 5, 7, 11, 13, 17}, func(p int) bool { return n > p && n%p == 0 }) {
			continue
		}
		for i := range n {
			records = append(records, &billing.UsageRecord{Account: id, Source: id + billing.AccountID(n), Resource: "disk",
				Day: billing.NewDate(2026, 1, 10), Amount: decimal.New(int64(1+i/(n-1)), 0), Recorded: clock.Now()})
		}
	}
	require.NoError(t, update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
		return rows.Write(ctx, &billing.Batch{Usage: records})
	}))
	clock.Set(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC))
	report, err := e.Run(ctx, billing.NewDate(2026, 2, 1), billing.RunOptions{})
	require.NoError(t, err)
	require.Empty(t, report.Parked)
	var got []string
	for x, err := range e.Entries(ctx, billing.EntryQuery{Account: id, Kind: billing.EntryUsage}) {
		require.NoError(t, err)
		got = append(got, x.Quantity.String()+" "+x.Amount.Digits())
	}
	require.Equal(t, []string{"72.037413 72.04"}, got)
	for f, err := range e.Verify(ctx, billing.VerifyOptions{}) {
		require.NoError(t, err)
		t.Errorf("%s", f)
	}
}

// A promotion that would end after the last day there is has no end.
func TestPromotionsBeyondTheLastDayAreForEver(t *testing.T) {
	t.Parallel()
	_, e, _ := extremes(t)
	ctx := t.Context()
	for _, period := range []billing.Period{billing.Months(1), billing.Days(3660)} {
		res, err := e.Do(ctx, billing.Signup{Seller: "host", Name: period.String(), Plan: "p", Period: period,
			Promotions: []billing.PromotionGrant{{Code: "long", Percent: decimal.New(10, 0), Kinds: []billing.EntryKind{billing.EntryRecurring}, Periods: 1200}}})
		require.NoError(t, err)
		a, err := e.Account(ctx, res.Account.ID)
		require.NoError(t, err)
		want := billing.Date{}
		if !period.InDays() {
			want = billing.NewDate(2126, 1, 1)
		}
		require.Equal(t, want, a.Promotions[0].Until)
	}
}
