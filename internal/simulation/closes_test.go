package simulation_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
)

// withResellers is a script in which nothing depends on who comes first: no limit is
// reached.
func withResellers(seed uint64, o simulation.Options) *simulation.Script {
	o.Resellers = true
	return simulation.NewScript(seed, o)
}

// A run that comes late, with the closes of days that belong to it, gives the same retail
// entries, and the two sides agree as ever.
func TestLateRunsWithResellers(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 3) {
		t.Run(named("seed", seed), func(t *testing.T) {
			t.Parallel()
			s := withResellers(seed, simulation.Options{Accounts: 12, Days: 110})
			w := played(t, s, memory.New(), 1)
			clean(t, w)
			o := simulation.DumpOptions{NoIssue: true, Retail: true}
			want := dump(t, w, o)
			for _, every := range []int{3, 17, 1000} {
				late := played(t, s, memory.New(), every)
				same(t, fmt.Sprintf("a run every %d days", every), want, dump(t, late, o))
				clean(t, late)
			}
		})
	}
}

// Runs and closes that are repeated change nothing, and what is closed stays as it is,
// to the letter; so it is with backdated actions.
func TestRepeatedClosesAndRuns(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 2) {
		t.Run(named("seed", seed), func(t *testing.T) {
			t.Parallel()
			s := withResellers(seed, simulation.Options{Accounts: 10, Days: 80, Loose: seed%2 == 0})
			w := world(t, s, memory.New())
			require.NoError(t, w.Setup(t.Context()))
			every := 1 + 3*int(seed%2)
			closed := ""
			for i, m := range s.Moves(every) {
				require.NoError(t, w.Play(t.Context(), m))
				now, err := w.ClosedDays(t.Context())
				require.NoError(t, err)
				stays(t, closed, now)
				closed = now
				if m.Step != nil || i%5 > 0 {
					continue
				}
				books := dump(t, w, simulation.DumpOptions{})
				report, err := w.Manager.Close(t.Context(), m.Day.AddDays(-1))
				require.NoError(t, err)
				require.Zero(t, report.Bills+report.Days+report.Documents, "a repeated close does nothing")
				run, err := w.Manager.Run(t.Context(), m.Day, w.Run)
				require.NoError(t, err)
				require.Zero(t, run.Accounts, "a repeated run does nothing")
				_, err = w.Manager.Close(t.Context(), m.Day.AddDays(-30))
				require.NoError(t, err)
				same(t, "after a repeated close and run of "+m.Day.String(), books, dump(t, w, simulation.DumpOptions{}))
				wrong, err := w.Wholesale(t.Context())
				require.NoError(t, err)
				require.Empty(t, wrong)
			}
			clean(t, w)
		})
	}
}

// stays fails if a line of what was closed is not there any more.
func stays(t testing.TB, before, now string) {
	t.Helper()
	if strings.HasPrefix(now, before) {
		return
	}
	lines := map[string]bool{}
	for line := range strings.Lines(now) {
		lines[line] = true
	}
	for line := range strings.Lines(before) {
		require.True(t, lines[line], "what was closed has changed: %s", line)
	}
}

// Days that are closed late, while the run comes every night, get the same bills as days
// that are closed when they are over.
func TestLateCloses(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 2) {
		t.Run(named("seed", seed), func(t *testing.T) {
			t.Parallel()
			s := withResellers(seed, simulation.Options{Accounts: 10, Days: 80})
			nightly := played(t, s, memory.New(), 1)
			want := bills(t, nightly)
			require.NotEmpty(t, want)
			o := simulation.DumpOptions{NoIssue: true, Retail: true}
			for _, every := range []int{2, 9, 1000} {
				w := world(t, s, memory.New())
				require.NoError(t, w.Setup(t.Context()))
				for _, m := range s.Moves(1) {
					if m.Step != nil {
						require.NoError(t, w.Play(t.Context(), m))
						continue
					}
					w.Clock.Set(noonOf(m.Day))
					if m.Day.Sub(s.First)%every == 0 || m.Day == s.Last {
						_, err := w.Manager.Close(t.Context(), m.Day.AddDays(-1))
						require.NoError(t, err)
					}
					_, err := w.Engine.Run(t.Context(), m.Day, w.Run)
					require.NoError(t, err)
				}
				same(t, fmt.Sprintf("a close every %d days", every), want, bills(t, w))
				same(t, fmt.Sprintf("a close every %d days, retail", every), dump(t, nightly, o), dump(t, w, o))
				clean(t, w)
			}
		})
	}
}

// bills lists all bills: what was summed, not when and where it was booked.
func bills(t testing.TB, w *simulation.World) string {
	t.Helper()
	sellers, err := w.Manager.Sellers(t.Context(), "")
	require.NoError(t, err)
	slices.SortFunc(sellers, func(a, b billing.Seller) int { return cmp.Compare(a.ID, b.ID) })
	var out strings.Builder
	for _, s := range sellers {
		for b, err := range w.Manager.Bills(t.Context(), reseller.BillQuery{Seller: s.ID}) {
			require.NoError(t, err)
			fmt.Fprintln(&out, b.Seller, b.Day, b.Resource, b.Amount, b.Shadows, b.Entry != 0)
		}
	}
	return out.String()
}
