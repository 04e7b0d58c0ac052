package simulation_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/money"
)

// An account that cannot be billed is parked, whatever fails in the run; the others
// are billed once.
func TestParkedUnderFaults(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		s := simulation.NewScript(5, simulation.Options{})
		f := simulation.NewFaulty(k.open(t))
		w := world(t, s, f)
		require.NoError(t, w.Setup(t.Context()))
		one, price := decimal.New(1, 0), decimal.New(1, 12)
		_, err := w.Engine.PublishPlan(t.Context(), billing.Plan{Seller: "acme", ID: "dear", Open: true}, billing.Terms{
			Resources: []billing.Line{
				{Resource: "account", AtSignup: one, Prices: billing.Prices{Recurring: &one}},
				{Resource: "traffic", Prices: billing.Prices{Usage: &price}},
			},
		})
		require.NoError(t, err)
		var ids []billing.AccountID
		for i := range 7 {
			res, err := w.Engine.Do(t.Context(), billing.Signup{Seller: "acme", Name: simulation.AccountName(i), Plan: "dear"})
			require.NoError(t, err)
			ids = append(ids, res.Account.ID)
		}
		bad := ids[3]
		_, err = w.Engine.Do(t.Context(), billing.RecordUsage{Account: bad, Resource: "traffic", Amount: decimal.New(1, 12)})
		require.NoError(t, err)
		day := s.First.AddMonths(1)
		w.Clock.Set(noonOf(day))
		run := func() error {
			_, err := w.Engine.Run(t.Context(), day, billing.RunOptions{Batch: 3})
			return err
		}
		faults := breakAll(t, f, []simulation.Fault{simulation.FaultBefore, simulation.FaultAfter, simulation.FaultCancel}, run)
		require.Greater(t, faults, 5)
		f.Decide(nil)
		for _, id := range ids {
			a, err := w.Engine.Account(t.Context(), id)
			require.NoError(t, err)
			if id == bad {
				require.Equal(t, "amount_too_large", a.Parked.Code)
				require.EqualValues(t, 1, a.DocumentSeq)
				continue
			}
			require.Empty(t, a.Parked)
			require.EqualValues(t, 2, a.DocumentSeq)
		}
		_, err = w.Engine.Do(t.Context(), billing.Suspend{Account: bad})
		require.ErrorIs(t, err, billing.ErrAccountParked)
		cur := s.Catalog.Sellers[0].Currency
		_, err = w.Engine.Do(t.Context(), billing.Pay{Account: bad, Amount: money.FromMinor(100, cur)})
		require.NoError(t, err)
		report, err := w.Engine.Unpark(t.Context(), bad, day)
		require.NoError(t, err)
		require.Len(t, report.Parked, 1, "it still cannot be billed")
		report, err = w.Engine.Run(t.Context(), day, billing.RunOptions{})
		require.NoError(t, err)
		require.Zero(t, report.Accounts)
		verified(t, w)
	})
}
