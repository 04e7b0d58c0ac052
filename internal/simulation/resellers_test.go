package simulation_test

import (
	"strings"
	"testing"

	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
)

// Many seeds of companies with resellers stand every check, and most of what is drawn is
// accepted.
func TestResellersChecksHold(t *testing.T) {
	t.Parallel()
	accepted, all := 0, 0
	transfers := map[reseller.TransferState]int{}
	for _, seed := range seeds(t, 12) {
		s := simulation.NewScript(seed, simulation.Options{Resellers: true, Accounts: 14, Loose: seed%2 == 0, Limits: seed%3 == 0, Days: 60 + int(seed%5)*40})
		w := world(t, s, memory.New())
		if err := w.PlayAll(t.Context(), 1); err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		if wrong, err := w.Check(t.Context()); err != nil || len(wrong) > 0 {
			t.Errorf("seed %d: %v\n%s", seed, err, strings.Join(wrong, "\n"))
		}
		list, err := simulation.Transfers(t.Context(), w.Store)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		for _, x := range list {
			transfers[x.State]++
		}
		for _, st := range s.Steps {
			all++
			if out := w.Outcome(st.ID); strings.HasPrefix(out, "ok") {
				accepted++
			}
		}
	}
	t.Logf("%d of %d steps were accepted, transfers: %v", accepted, all, transfers)
	if transfers[reseller.TransferDone] < 5 || transfers[reseller.TransferFailed] < 5 {
		t.Errorf("only these transfers were drawn: %v", transfers)
	}
	if accepted*100 < all*50 {
		t.Errorf("only %d of %d steps were accepted: the generator draws nonsense", accepted, all)
	}
}
