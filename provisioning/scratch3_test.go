package provisioning_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
)

func TestScratchSuspendedIsUsableWhileMoving(t *testing.T) {
	w, id, old, other := movable(t)
	_, err := w.Suspend(t.Context(), id, "abuse", "sends spam")
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseSuspended)
	w.move(id)
	for w.get(id).Server == old {
		thing, there := w.thing(other, "shop")
		if there && !thing.Suspended && thing.Content != "" {
			t.Fatalf("stage %s: on %s the content is there and usable", w.get(id).Move.Stage, other)
		}
		w.step(w.Manager, true)
	}
}

func TestScratchLeftoverOfLostServer(t *testing.T) {
	w, id, old, other := movable(t)
	w.move(id)
	for w.get(id).Server == old {
		w.step(w.Manager, true)
	}
	w.driver.SetDown(old, true) // the machine burns: for ever
	w.days(5)
	s := w.get(id)
	t.Log(s.Phase, s.Parked, s.Leftovers, other)
	_, err := w.Suspend(t.Context(), id, "unpaid", "")
	require.NoError(t, err)
	w.days(5)
	t.Log(w.get(id).Phase)
	x, err := w.Server(t.Context(), old)
	require.NoError(t, err)
	t.Log("remove server:", w.RemoveServer(t.Context(), old, x.Version))
}
