package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/scenario"
	"github.com/tierhost/tierhost/storage/memory"
)

// The same script gives the same books, events and answers on every store, and the
// books stand every check.
func TestStoresAgree(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 4) {
		t.Run(named("seed", seed), func(t *testing.T) {
			t.Parallel()
			o := simulation.Options{Loose: true}
			if seed%2 == 0 {
				o = simulation.Options{Resellers: true, Loose: true, Limits: true, Accounts: 10, Days: 55}
			}
			s := simulation.NewScript(seed, o)
			store := memory.New()
			w := played(t, s, store, 1)
			clean(t, w)
			wantDump, wantEvents := dump(t, w, simulation.DumpOptions{}), events(t, w, store)
			for _, k := range []kind{inFile, onServer} {
				t.Run(k.name, func(t *testing.T) {
					t.Parallel()
					store := k.open(t)
					got := played(t, s, store, 1)
					same(t, "outcomes", w.Outcomes(), got.Outcomes())
					same(t, "books", wantDump, dump(t, got, simulation.DumpOptions{}))
					same(t, "events", wantEvents, events(t, got, store))
					clean(t, got)
				})
			}
		})
	}
}

// Many seeds on the store in memory stand every check, and most of what is drawn is
// accepted.
func TestChecksHold(t *testing.T) {
	t.Parallel()
	accepted, all := 0, 0
	for _, seed := range seeds(t, 25) {
		s := simulation.NewScript(seed, simulation.Options{Loose: seed%2 == 0, Days: 60 + int(seed%7)*50})
		w := world(t, s, memory.New())
		if err := w.PlayAll(t.Context(), 1); err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		if wrong, err := w.Check(t.Context()); err != nil || len(wrong) > 0 {
			t.Errorf("seed %d: %v\n%s", seed, err, strings.Join(wrong, "\n"))
		}
		for _, st := range s.Steps {
			all++
			if out := w.Outcome(st.ID); strings.HasPrefix(out, "ok") {
				accepted++
			}
		}
	}
	if accepted*100 < all*60 {
		t.Errorf("only %d of %d steps were accepted: the generator draws nonsense", accepted, all)
	}
}

// A run that comes late, twice, or in small pieces gives the same entries; only
// numbers and days of issue may differ.
func TestLateRepeatedAndInterruptedRuns(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 5) {
		t.Run(named("seed", seed), func(t *testing.T) {
			t.Parallel()
			s := simulation.NewScript(seed, simulation.Options{Days: 120})
			w := played(t, s, memory.New(), 1)
			want := dump(t, w, simulation.DumpOptions{NoIssue: true})
			for _, every := range []int{2, 9, 31, 1000} {
				late := played(t, s, memory.New(), every)
				same(t, fmt.Sprintf("a run every %d days", every), want, dump(t, late, simulation.DumpOptions{NoIssue: true}))
				clean(t, late)
			}
			same(t, "repeated and interrupted runs", want, dump(t, interrupted(t, s), simulation.DumpOptions{NoIssue: true}))
		})
	}
}

var errStopped = errors.New("stopped")

// interrupted plays a script in which each run is stopped after its first batch, begun
// again, and repeated when it is done.
func interrupted(t *testing.T, s *simulation.Script) *simulation.World {
	t.Helper()
	w := world(t, s, memory.New())
	require.NoError(t, w.Setup(t.Context()))
	for _, m := range s.Moves(3) {
		if m.Step == nil {
			ctx, stop := context.WithCancelCause(t.Context())
			w.Run.Batch = 1
			w.Run.Progress = func(billing.RunProgress) { stop(errStopped) }
			err := w.Play(ctx, m)
			if err != nil {
				require.ErrorIs(t, err, errStopped)
			}
			w.Run.Batch, w.Run.Progress = 3, nil
			require.NoError(t, w.Play(t.Context(), m))
			report, err := w.Manager.Run(t.Context(), m.Day, w.Run)
			require.NoError(t, err)
			require.Zero(t, report.Accounts, "a repeated run does nothing")
		}
		require.NoError(t, w.Play(t.Context(), m))
	}
	clean(t, w)
	return w
}

// Before every action its quote is what it then does, and the preview of a run is what
// the run then does.
func TestQuoteIsDeed(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 6) {
		t.Run(named("seed", seed), func(t *testing.T) {
			t.Parallel()
			s := simulation.NewScript(seed, simulation.Options{Loose: seed%2 == 0})
			w := world(t, s, memory.New())
			var quote billing.Result
			var quoteErr error
			w.Before = func(ctx context.Context, act billing.Action) error {
				quote, quoteErr = w.Engine.Quote(ctx, act)
				return nil
			}
			w.After = func(_ context.Context, act billing.Action, res billing.Result, err error) error {
				if (err == nil) != (quoteErr == nil) || err != nil && err.Error() != quoteErr.Error() {
					return fmt.Errorf("quoted %w, but did %w", quoteErr, err)
				}
				if a, b := inText(quote), inText(res); err == nil && a != b {
					return fmt.Errorf("%#v: quoted, then done: %s", act, simulation.FirstDifference(a, b))
				}
				return nil
			}
			require.NoError(t, w.Setup(t.Context()))
			for _, m := range s.Moves(1) {
				if m.Step != nil {
					require.NoError(t, w.Play(t.Context(), m))
					continue
				}
				previewed(t, w, m)
			}
		})
	}
}

// previewed plays a run and compares it with its preview.
func previewed(t *testing.T, w *simulation.World, m simulation.Move) {
	t.Helper()
	w.Clock.Set(w.Clock.Now().AddDate(0, 0, m.Day.Sub(billing.DateIn(w.Clock.Now(), w.Clock.Now().Location()))))
	preview, err := w.Engine.Preview(t.Context(), m.Day)
	require.NoError(t, err)
	report, err := w.Engine.Run(t.Context(), m.Day, w.Run)
	require.NoError(t, err)
	require.Equal(t, []int64{preview.Accounts, preview.Boundary, preview.Documents, preview.Entries},
		[]int64{report.Accounts, report.Boundary, report.Documents, report.Entries}, "preview and run of %s", m.Day)
}

// inText is what an action made, but for what only the deed can know.
func inText(r billing.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s %v %v\n", r.Account.Status, r.Account.Balance, r.Account.Next, r.Account.Plan, r.Collect, r.Replayed)
	for _, e := range r.Entries {
		fmt.Fprintf(&b, "%d %s %d %s %s %s %s %s %s %d %s %+v\n", e.Seq, e.Date, e.Document, e.Kind, e.Resource, e.Quantity, e.From, e.To, e.Amount,
			e.Corrects, e.Reference, e.Basis)
	}
	for _, d := range r.Documents {
		fmt.Fprintf(&b, "%d %s %s %s %s %s %s %d %d\n", d.Seq, d.Kind, d.Date, d.Issued, d.Net, d.Tax, d.Total, d.FirstEntry, d.LastEntry)
	}
	return b.String()
}

// The 76 cases, those with resellers too, give the expected books on all stores, whether the
// run comes as the case says or late.
func TestCasesOnAllStores(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		files, err := filepath.Glob("../../scenario/testdata/cases/*.want.json")
		require.NoError(t, err)
		n := 0
		for _, wantFile := range files {
			data, err := os.ReadFile(strings.TrimSuffix(wantFile, ".want.json") + ".json")
			require.NoError(t, err)
			f, err := scenario.Parse(data)
			require.NoError(t, err)
			n++
			data, err = os.ReadFile(wantFile)
			require.NoError(t, err)
			want, err := scenario.ParseResult(data)
			require.NoError(t, err)
			t.Run(filepath.Base(wantFile), func(t *testing.T) {
				t.Parallel()
				store := k.open
				if k.name == "sqlite" { // not a file for each: other tests have files
					store = func(t testing.TB) reseller.Store { return openFile(t, ":memory:") }
				}
				got, err := f.Play(t.Context(), store(t), scenario.PlayOptions{})
				require.NoError(t, err)
				require.Empty(t, scenario.Compare(want, got))
			})
		}
		require.Equal(t, 76, n)
	})
}
