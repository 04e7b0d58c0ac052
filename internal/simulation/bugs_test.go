package simulation_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
)

// shop is a host with plans "resale" and "resale-b", the reseller "alpha" with plan
// "retail", and below it "delta" with plan "retail". Prices are 1, 2 and 4 a mailbox.
func shop(t testing.TB, store reseller.Store, setup func(l *billing.Line)) *simulation.World {
	t.Helper()
	s := simulation.NewScript(1, simulation.Options{Resellers: true, Plain: true})
	w := world(t, s, store)
	fill(t, w, setup)
	return w
}

func fill(t testing.TB, w *simulation.World, setup func(l *billing.Line)) {
	t.Helper()
	s := w.Script
	require.NoError(t, w.Engine.DefineResources(t.Context(), s.Catalog.Resources...))
	for _, x := range s.Catalog.Sellers {
		x.Taxes = nil
		require.NoError(t, w.Engine.PutSeller(t.Context(), x))
	}
	mailbox := func(price int64) billing.Line {
		d := decimal.New(price, 0)
		return billing.Line{Resource: "mailbox", Prices: billing.Prices{Recurring: &d}}
	}
	plan := func(seller billing.SellerID, id billing.PlanID, price int64, wholesale bool) {
		terms := billing.Terms{Resources: []billing.Line{mailbox(price)}}
		if wholesale {
			sold := mailbox(price)
			if setup != nil {
				setup(&sold)
			}
			terms.Wholesale = &billing.Wholesale{Resources: []billing.Line{sold}}
		}
		_, err := w.Engine.PublishPlan(t.Context(), billing.Plan{Seller: seller, ID: id, Open: true}, terms)
		require.NoError(t, err)
	}
	plan("acme", "resale", 1, true)
	plan("acme", "resale-b", 1, true)
	plan("acme", "retail", 4, false)
	plan("alpha", "resale", 2, true)
	plan("alpha", "retail", 4, false)
	plan("delta", "retail", 4, false)
	plan("beta", "retail", 4, false)
	for _, x := range s.Catalog.Sellers {
		if x.ID == "alpha" || x.ID == "beta" || x.ID == "delta" {
			_, err := w.Manager.Enroll(t.Context(), reseller.Enrollment{Seller: x, Signup: billing.Signup{Plan: "resale"}})
			require.NoError(t, err)
		}
	}
}

func signUp(t testing.TB, w *simulation.World, seller billing.SellerID, name string) billing.AccountID {
	t.Helper()
	res, err := w.Engine.Do(t.Context(), billing.Signup{Seller: seller, Name: name, Plan: "retail"})
	require.NoError(t, err)
	return res.Account.ID
}

// A reseller can be closed although a customer of its is about to close by itself, and
// the run has not come yet.
func TestCloseResellerBeforeTheRun(t *testing.T) {
	t.Parallel()
	w := shop(t, memory.New(), nil)
	id := signUp(t, w, "alpha", "one")
	_, err := w.Engine.Do(t.Context(), billing.Cancel{Account: id})
	require.NoError(t, err)
	w.Clock.Set(noonOf(w.Script.First.AddMonths(1)))
	preview, err := w.Manager.PreviewClosing(t.Context(), "alpha", billing.CloseAccrue)
	require.NoError(t, err)
	_, err = w.Manager.CloseReseller(t.Context(), preview, billing.CloseAccrue, billing.Actor{})
	require.NoError(t, err, "the customer closes when its boundary is handled: that is no reason to stop")
}

// A double that goes to another plan at a boundary that is due is on that plan, for a
// move of all its accounts to a version too, whether the run has come or not.
func TestMoveVersionsBeforeTheRun(t *testing.T) {
	t.Parallel()
	var versions []int
	for _, late := range []bool{false, true} {
		w := shop(t, memory.New(), nil)
		a, err := w.Engine.AccountByName(t.Context(), "acme", "alpha")
		require.NoError(t, err)
		_, err = w.Engine.Do(t.Context(), billing.ChangePlan{Account: a.ID, Plan: "resale-b"})
		require.NoError(t, err)
		first, err := w.Engine.PlanVersion(t.Context(), "acme", "resale-b", 1)
		require.NoError(t, err)
		first.Terms.MoneyBackDays = 3
		second, err := w.Engine.PublishPlan(t.Context(), billing.Plan{Seller: "acme", ID: "resale-b", Open: true}, first.Terms)
		require.NoError(t, err)
		require.Equal(t, 2, second.Version)
		run := func(day billing.Date) {
			w.Clock.Set(noonOf(day))
			_, err := w.Manager.Run(t.Context(), day, billing.RunOptions{})
			require.NoError(t, err)
		}
		day := w.Script.First.AddMonths(1)
		w.Clock.Set(noonOf(day))
		if !late {
			run(day)
		}
		_, _, err = w.Engine.MoveVersions(t.Context(), "acme", "resale-b", 2)
		require.NoError(t, err)
		run(w.Script.First.AddMonths(2))
		a, err = w.Engine.Account(t.Context(), a.ID)
		require.NoError(t, err)
		versions = append(versions, a.PlanVersion)
	}
	require.Equal(t, versions[0], versions[1], "version of the double's plan after a run in time, and after a late one")
}
