package reseller_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
)

// However many customers close on however many days of their months: the pool gets its
// units back when each month would have ended, not before, and then all of them.
func TestUnitsComeBackOnTheirDayHoweverManyDaysThereAre(t *testing.T) {
	t.Parallel()
	const customers = 100
	s := newShop(t, 1)
	period := billing.Days(120)
	prices := map[billing.Period]billing.PeriodPrices{period: {Recurring: price("1"), Usage: price("1")}}
	pooled := billing.Line{Resource: "traffic", Free: decimal.New(customers, 0), Prices: billing.Prices{Recurring: price("1"), Usage: price("1")}, PeriodPrices: prices}
	sold := pooled
	sold.Free = decimal.Decimal{}
	s.publish("host", "reseller", billing.Terms{Resources: []billing.Line{sold}, Periods: []billing.Period{billing.Months(1), period},
		Wholesale: &billing.Wholesale{Resources: []billing.Line{pooled}}})
	s.enroll("acme", "host")
	one := sold
	one.AtSignup = decimal.New(1, 0)
	s.publish("acme", "long", billing.Terms{Resources: []billing.Line{one}, Periods: []billing.Period{period}})
	drawn := func() string {
		pools, err := s.m.Pools(s.ctx, "acme", s.today())
		require.NoError(t, err)
		if len(pools) == 0 {
			return "0"
		}
		return pools[0].Drawn.String()
	}
	first := s.today()
	on := func(n int) { s.clock.Set(first.AddDays(n).Start(time.UTC).Add(12 * time.Hour)) }
	var ids []billing.AccountID
	for i := range customers { // one a day
		on(i)
		ids = append(ids, s.do(billing.Signup{Seller: "acme", Name: fmt.Sprint("customer ", i), Plan: "long"}).Account.ID)
	}
	for _, id := range ids {
		s.do(billing.Close{Account: id})
	}
	require.Equal(t, "100", drawn(), "their months go on for 20 to 119 days")
	late := 0
	for _, n := range []int{119, 120, 121, 150, 200, 218} {
		on(n)
		back := n - 119 // the first month ends on day 120
		require.Equal(t, fmt.Sprint(customers-back+late), drawn(), "day %d", n)
		s.do(billing.Signup{Seller: "acme", Name: fmt.Sprint("late ", n), Plan: "long"})
		if back > 0 {
			late++
		}
		require.Equal(t, fmt.Sprint(customers-back+late), drawn(), "day %d: who comes late draws what is there", n)
	}
	s.sound()
}
