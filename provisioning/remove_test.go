package provisioning_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// BeforeRemove is asked before anything is deleted: it keeps what it refuses for good, and
// what it cannot tell yet is asked again.
func TestBeforeRemove(t *testing.T) {
	t.Parallel()
	var answers []error
	asked := 0
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		o.Work.BeforeRemove = func(_ context.Context, s provisioning.Service) error {
			require.Equal(t, "shop", s.Name)
			asked++
			if len(answers) == 0 {
				return nil
			}
			err := answers[0]
			answers = answers[1:]
			return err
		}
	})
	id := w.made("shop")
	answers = []error{
		errors.New("the archive is full"),
		tierhost.E("", tierhost.KindUnavailable, "", errors.New("nobody answers")),
		tierhost.E("", tierhost.KindPrecondition, "paid", errors.New("it is paid again")),
	}
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled"})
	require.NoError(t, err)
	w.days(29)
	require.Zero(t, asked)
	w.days(2)
	s := w.phase(id, provisioning.PhaseParked)
	require.Equal(t, 3, asked)
	require.Equal(t, provisioning.ParkKept, s.Parked.Reason)
	require.Contains(t, s.Parked.Text, "paid again")
	require.Len(t, w.driver.Things("s1"), 1)
	_, err = w.Retry(t.Context(), id)
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseRemoved)
	require.Equal(t, 4, asked)
	require.Empty(t, w.driver.Things("s1"))
}

// What was never there is removed at once, without a grace, and without asking unless it
// is there after all.
func TestRemovalOfWhatWasNeverThere(t *testing.T) {
	t.Parallel()
	asked := ""
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		o.Work.BeforeRemove = func(_ context.Context, s provisioning.Service) error {
			asked += s.Name
			return nil
		}
	})
	never := w.order("never").Services[0].ID
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: never, Reason: "cancelled"})
	require.NoError(t, err)
	w.phase(never, provisioning.PhaseRemoved)
	require.Empty(t, w.driver.Calls())
	require.Zero(t, w.used("s1", provisioning.DimensionServices))

	tried := w.order("tried").Services[0].ID
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{After: fake.ErrTimeout})
	w.step(w.Manager, true)
	_, err = w.Remove(t.Context(), provisioning.RemoveRequest{Service: tried, Reason: "cancelled"})
	require.NoError(t, err)
	w.phase(tried, provisioning.PhaseRemoving)
	w.work()
	w.phase(tried, provisioning.PhaseRemoved)
	require.Empty(t, w.driver.Things("s1"))
	require.Equal(t, "tried", asked)
}

// A new date takes the place of the old one; a suspension stays what it was after Undo.
func TestRemovalIsPutOff(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	ctx := t.Context()
	_, err := w.Suspend(ctx, id, "unpaid", "")
	require.NoError(t, err)
	for range 3 {
		_, err = w.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "unpaid", Grace: 10 * 24 * time.Hour})
		require.NoError(t, err)
		w.days(8)
		w.phase(id, provisioning.PhaseSuspended)
	}
	_, err = w.Undo(ctx, id)
	require.NoError(t, err)
	w.days(30)
	require.Len(t, w.phase(id, provisioning.PhaseSuspended).Suspensions, 1)
}

// What carries another's ID, or none, is never removed: not by a removal, nor by one that
// is tried again.
func TestNobodyElsesIsRemoved(t *testing.T) {
	t.Parallel()
	for _, owner := range []provisioning.ServiceID{"", "svc_of_others"} {
		w := hire(t, 1, 10)
		id := w.made("shop")
		w.driver.Put("s1", fake.Thing{Kind: "web", Name: "shop", Owner: owner, Plan: "gold", Content: "theirs"})
		_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
		require.NoError(t, err)
		w.days(1)
		_, err = w.Retry(t.Context(), id)
		if w.get(id).Phase == provisioning.PhaseParked {
			require.NoError(t, err)
			w.days(1)
		}
		thing, _ := w.thing("s1", "shop")
		require.Equal(t, "theirs", thing.Content)
		require.Equal(t, owner != "", w.get(id).Phase == provisioning.PhaseRemoved, "what carries no ID may be ours: staff has to look")
	}
}
