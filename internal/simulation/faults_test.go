package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// books are everything that a played script left: what was answered, and what there is.
type books struct{ outcomes, dump, events string }

func booksOf(t testing.TB, w *simulation.World, store reseller.Store) books {
	t.Helper()
	return books{w.Outcomes(), dump(t, w, simulation.DumpOptions{NoOrder: sells(w.Script)}), events(t, w, store)}
}

// sells reports whether a script has resellers. A day close that fails does not hold up
// those of other resellers, nor the run: the order of what is made, and so its numbers,
// is another then.
func sells(s *simulation.Script) bool {
	return slices.ContainsFunc(s.Catalog.Sellers, func(x billing.Seller) bool { return x.Parent != "" })
}

// nights is how often the run comes in a script that is disturbed. With resellers it
// comes every night: what it made late would be billed with another day if a close
// before it had failed.
func nights(s *simulation.Script) int {
	if sells(s) {
		return 1
	}
	return 5
}

// differs returns the first difference, "" if there is none.
func (b books) differs(o books) string {
	for _, x := range [][2]string{{b.outcomes, o.outcomes}, {b.dump, o.dump}, {b.events, o.events}} {
		if diff := simulation.FirstDifference(x[0], x[1]); diff != "" {
			return diff
		}
	}
	return ""
}

// expected reports whether an error is one that a fault may cause.
func expected(err error) bool {
	return errors.Is(err, simulation.ErrInjected) || errors.Is(err, storage.ErrConflict) || errors.Is(err, context.Canceled)
}

// short is a script with most actions, and few enough calls to fail each of them.
func short(seed uint64) *simulation.Script {
	return simulation.NewScript(seed, simulation.Options{Accounts: 2, Days: 32, Actions: 7})
}

// shortWithResellers is one with two levels of resellers, and most of what they do.
func shortWithResellers(seed uint64) *simulation.Script {
	return simulation.NewScript(seed, simulation.Options{Resellers: true, Limits: true, Accounts: 5, Days: 34, Actions: 3})
}

// wholesaleCalls are what a script with resellers gets to.
var wholesaleCalls = []string{"Reseller", "Wholesale Load", "Wholesale Write", "Wholesale Lock", "Wholesale Sums", "Wholesale Books",
	"Wholesale OpenDays", "Wholesale Shadows"}

// For every call of a script: it fails, the host repeats what failed, and the books are
// the same as if nothing had failed. Here each failure has a history of its own, which
// conflicts and lost answers need, as they leave the step done. Failures that roll back
// are in TestEveryCallOfAStepFails, and here with TIERHOST_SIM_SEEDS.
func TestEveryCallFails(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t, 2) {
		s, calls, every := short(seed), []string{"Load", "Write", "Due", "commit", "Update answer", "PutCatalog", "PlanVersion", "Accounts"}, 1
		if seed%2 == 0 {
			s, calls, every = shortWithResellers(seed), append(calls, wholesaleCalls...), 97
		}
		if os.Getenv("TIERHOST_SIM_SEEDS") != "" {
			every = 1
		}
		plain := memory.New()
		counting := simulation.NewFaulty(plain)
		w := world(t, s, counting)
		var passed []string // the name of each point, in order
		counting.Decide(func(_ int, call string) simulation.Fault {
			passed = append(passed, call)
			return simulation.NoFault
		})
		playOn(t, w, nights(s), 1)
		points := len(passed)
		for _, call := range calls {
			require.NotZero(t, counting.Calls()[call], "the script never gets to %s", call)
		}
		want := booksOf(t, w, plain)
		kinds := []simulation.Fault{simulation.FaultConflict, simulation.FaultLost}
		if os.Getenv("TIERHOST_SIM_SEEDS") != "" {
			kinds = simulation.Faults()
		}
		for _, fault := range kinds {
			t.Run(fmt.Sprintf("seed=%d/%s", seed, fault), func(t *testing.T) {
				t.Parallel()
				fired := 0
				for n := 1; n <= points; n++ {
					if fault == simulation.FaultLost && !strings.HasSuffix(passed[n-1], "answer") {
						continue
					}
					if step := min(every, 24); fault == simulation.FaultLost && n%step != int(seed)%step {
						continue
					}
					if fault != simulation.FaultLost && n%every != int(seed/2)%every {
						continue // all of them with TIERHOST_SIM_SEEDS
					}
					store := memory.New()
					f := simulation.NewFaulty(store)
					w := world(t, s, f)
					f.At(n, fault)
					playOn(t, w, nights(s), 2)
					_, once := f.Points()
					if fired += once; once == 0 {
						continue // this fault makes no sense at that call
					}
					f.Decide(nil)
					if diff := want.differs(booksOf(t, w, store)); diff != "" {
						t.Fatalf("call %d fails (%s): %s", n, fault, diff)
					}
					if n%17 == 0 {
						clean(t, w)
					}
				}
				require.Greater(t, fired, points/60/every/2)
				t.Logf("%d of %d calls failed", fired, points)
			})
		}
	}
}

// Every method of the rows of both packages is a point at which a call can fail.
func TestEveryMethodIsAPoint(t *testing.T) {
	t.Parallel()
	f := simulation.NewFaulty(memory.New())
	f.Decide(func(_ int, call string) simulation.Fault {
		switch call {
		case "Update", "Billing", "Reseller":
			return simulation.NoFault
		}
		return simulation.FaultBefore
	})
	_ = f.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		retail, err := f.Billing(tx)
		require.NoError(t, err)
		wholesale, err := f.Reseller(tx)
		require.NoError(t, err)
		for rows, typ := range map[any]reflect.Type{retail: reflect.TypeFor[billing.Rows](), wholesale: reflect.TypeFor[reseller.Rows]()} {
			for m := range typ.Methods() {
				fn := reflect.ValueOf(rows).MethodByName(m.Name)
				args := []reflect.Value{reflect.ValueOf(ctx)}
				for i := 1; i < fn.Type().NumIn(); i++ {
					args = append(args, reflect.Zero(fn.Type().In(i)))
				}
				before, _ := f.Points()
				out := fn.Call(args)
				after, _ := f.Points()
				require.Equal(t, before+1, after, "%s is no point", m.Name)
				err, _ := out[len(out)-1].Interface().(error)
				require.ErrorIs(t, err, simulation.ErrInjected, m.Name)
			}
		}
		return nil
	})
}

// playOn plays a script, repeating what fails, so often at most.
func playOn(t testing.TB, w *simulation.World, every, tries int) {
	t.Helper()
	require.NoError(t, persist(tries, func() error { return w.Setup(t.Context()) }))
	for _, m := range w.Script.Moves(every) {
		require.NoError(t, persist(tries, func() error { return w.Play(t.Context(), m) }))
	}
}

// persist tries again after what a fault may cause.
func persist(tries int, play func() error) error {
	for try := 1; ; try++ {
		if err := play(); err == nil || try == tries || !expected(err) {
			return err
		}
	}
}

// The same on every store, each step in place: call after call of the step fails until
// none is left, so that what rolls back must leave no trace; then its answer is lost.
func TestEveryCallOfAStepFails(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		for _, seed := range seeds(t, 2) {
			s := short(seed + 100)
			if seed%2 == 0 {
				s = shortWithResellers(seed + 100)
			}
			reference := memory.New()
			want := booksOf(t, played(t, s, reference, nights(s)), reference)
			store := k.open(t)
			f := simulation.NewFaulty(store)
			w := world(t, s, f)
			kinds := []simulation.Fault{simulation.FaultBefore, simulation.FaultAfter, simulation.FaultDefect, simulation.FaultCancel}
			if k.name == "memory" {
				kinds = append(kinds, simulation.FaultConflict)
			}
			total := breakAll(t, f, kinds, func() error { return w.Setup(t.Context()) })
			for i, m := range s.Moves(nights(s)) {
				of := kinds
				if k.name != "memory" { // every step fails in one way: transactions cost more there
					of = kinds[i%len(kinds):][:1]
				}
				if k.name != "memory" && sells(s) && i%7 != 0 && os.Getenv("TIERHOST_SIM_SEEDS") == "" {
					f.Decide(nil)
					require.NoError(t, w.Play(t.Context(), m))
					continue
				}
				total += breakAll(t, f, of, func() error { return w.Play(t.Context(), m) })
			}
			f.Decide(nil)
			require.Empty(t, want.differs(booksOf(t, w, store)))
			clean(t, w)
			if seed%2 == 0 {
				for _, call := range wholesaleCalls[:4] {
					require.NotZero(t, f.Calls()[call], "the script never gets to %s", call)
				}
			}
			t.Logf("%d faults", total)
		}
	})
}

// breakAll makes each call of play fail in each way, one at a time, as long as play
// then fails, and at last loses the answer to each commit. It returns how many faults
// there were.
func breakAll(t testing.TB, f *simulation.Faulty, kinds []simulation.Fault, play func() error) (total int) {
	t.Helper()
	for _, fault := range kinds {
		silent := 0 // calls at which the fault made no sense
		for n := 1; ; n++ {
			f.At(n, fault)
			err := play()
			points, fired := f.Points()
			if err != nil {
				require.True(t, expected(err), "%v", err)
			}
			total += fired
			if fired == 0 && points < n {
				break
			}
			if silent++; err == nil && silent > points {
				break
			}
		}
	}
	for n := 1; ; n++ {
		f.Decide(func(at int, call string) simulation.Fault {
			if strings.HasSuffix(call, "answer") && at >= n {
				n = at
				return simulation.FaultLost
			}
			return simulation.NoFault
		})
		err := play()
		_, fired := f.Points()
		if total += fired; err == nil {
			return total
		}
		require.ErrorIs(t, err, simulation.ErrInjected)
	}
}

// swarm is one history with faults everywhere: the seed draws a subset of the faults
// and how often they strike.
func swarm(ctx context.Context, s *simulation.Script, store reseller.Store, want books) error {
	r := rand.New(rand.NewPCG(s.Seed, 7))
	kinds := simulation.Faults()
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	return strike(ctx, s, store, want, r, kinds[:1+r.IntN(len(kinds))], []float64{0.002, 0.01, 0.05}[r.IntN(3)])
}

// strike plays a script with faults of the given kinds at a rate, and compares.
func strike(
	ctx context.Context, s *simulation.Script, store reseller.Store, want books, r *rand.Rand, kinds []simulation.Fault, rate float64,
) (err error) {
	f := simulation.NewFaulty(store)
	w, err := simulation.NewWorld(s, f)
	if err != nil {
		return err
	}
	w.Run.Batch = 1 + r.IntN(6)
	f.Decide(func(int, string) simulation.Fault {
		if r.Float64() < rate {
			return kinds[r.IntN(len(kinds))]
		}
		return simulation.NoFault
	})
	if err := persist(1000, func() error { return w.Setup(ctx) }); err != nil {
		return err
	}
	for _, m := range s.Moves(nights(s)) {
		if err := persist(1000, func() error { return w.Play(ctx, m) }); err != nil {
			return err
		}
	}
	f.Decide(nil)
	got := books{outcomes: w.Outcomes()}
	if got.dump, err = simulation.Dump(ctx, w, simulation.DumpOptions{NoNumbers: true, NoOrder: sells(s)}); err != nil {
		return err
	}
	if got.events, err = simulation.Events(ctx, w.Engine, store, w.Clock); err != nil {
		return err
	}
	if diff := want.differs(got); diff != "" {
		return errors.New(diff)
	}
	wrong, err := w.Check(ctx)
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return err
}

// faultless plays a script on a fresh store and returns its books.
func faultless(ctx context.Context, s *simulation.Script) (b books, err error) {
	store := memory.New()
	w, err := simulation.NewWorld(s, store)
	if err != nil {
		return b, err
	}
	if err := w.PlayAll(ctx, nights(s)); err != nil {
		return b, err
	}
	if b.dump, err = simulation.Dump(ctx, w, simulation.DumpOptions{NoNumbers: true, NoOrder: sells(s)}); err != nil {
		return b, err
	}
	b.outcomes = w.Outcomes()
	b.events, err = simulation.Events(ctx, w.Engine, store, w.Clock)
	return b, err
}

// Random histories with random faults give the faultless books. A failure prints the
// seed and the fewest steps that still fail.
func TestSwarm(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		usual := 2
		if k.name == "memory" {
			usual = 14
		}
		for _, seed := range seeds(t, usual) {
			o := simulation.Options{Accounts: 5, Days: 60}
			if seed%2 == 0 {
				o = simulation.Options{Resellers: true, Limits: true, Accounts: 7, Days: 60, Actions: 5}
			}
			s := simulation.NewScript(seed, o)
			run := func(s *simulation.Script) error {
				want, err := faultless(t.Context(), s)
				if err != nil {
					return err
				}
				return swarm(t.Context(), s, k.open(t), want)
			}
			if err := run(s); err != nil {
				least := s
				if k.name == "memory" {
					least = simulation.Minimise(t.Context(), s, 300, func(s *simulation.Script) bool { return run(s) != nil })
				}
				t.Fatalf("TIERHOST_SIM_SEED=%d: %v\nwith %d of %d steps:\n%s\n%v", seed, err, len(least.Steps), len(s.Steps), steps(least), run(least))
			}
		}
	})
}

func steps(s *simulation.Script) string {
	var b strings.Builder
	for _, st := range s.Steps {
		fmt.Fprintln(&b, st)
	}
	return b.String()
}

// The simulation notices stores that break their contract: each of these loses or
// doubles something.
func TestBrokenStoresAreNoticed(t *testing.T) {
	t.Parallel()
	plain := simulation.NewScript(3, simulation.Options{Accounts: 6, Days: 90})
	wantPlain, err := faultless(t.Context(), plain)
	require.NoError(t, err)
	sold := simulation.NewScript(3, simulation.Options{Resellers: true, Accounts: 9, Days: 70})
	wantSold, err := faultless(t.Context(), sold)
	require.NoError(t, err)
	wholesale := map[string]func(b *reseller.Batch) bool{
		"loses a shadow": func(b *reseller.Batch) bool {
			if len(b.Shadows) == 0 {
				return false
			}
			b.Shadows = b.Shadows[1:]
			return true
		},
		"doubles a shadow": func(b *reseller.Batch) bool {
			if len(b.Shadows) == 0 {
				return false
			}
			sh := *b.Shadows[0]
			b.Shadows = append(slices.Clone(b.Shadows), &sh)
			return true
		},
		"loses wholesale holdings": func(b *reseller.Batch) bool {
			lost := len(b.Holdings) > 0
			b.Holdings = nil
			return lost
		},
		"loses stocks": func(b *reseller.Batch) bool {
			lost := len(b.Stocks) > 0
			b.Stocks = nil
			return lost
		},
		"loses bills": func(b *reseller.Batch) bool {
			lost := len(b.Bills) > 0
			b.Bills = nil
			return lost
		},
		"forgets that a day is closed": func(b *reseller.Batch) bool {
			lost := len(b.Books) > 0 && len(b.Bills) > 0
			if lost {
				b.Books = nil
			}
			return lost
		},
	}
	for name, drop := range wholesale {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			for seed := uint64(1); seed <= 10 && err == nil; seed++ {
				store := &mutant{Store: memory.New(), wholesale: drop, done: true}
				err = strike(t.Context(), sold, store, wantSold, rand.New(rand.NewPCG(seed, 1)), simulation.Faults(), 0.01)
			}
			require.Error(t, err)
			t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
		})
	}
	for name, write := range map[string]func(b *billing.Batch) bool{
		"none":         func(*billing.Batch) bool { return false },
		"forgets keys": func(b *billing.Batch) bool { b.Keys = nil; return false },
		"loses an entry": func(b *billing.Batch) bool {
			if len(b.Entries) == 0 {
				return false
			}
			b.Entries = b.Entries[1:]
			return true
		},
		"doubles an entry": func(b *billing.Batch) bool {
			if len(b.Entries) == 0 {
				return false
			}
			e := b.Entries[len(b.Entries)-1]
			e.Seq++
			b.Entries = append(slices.Clone(b.Entries), e)
			return true
		},
		"loses holdings": func(b *billing.Batch) bool {
			lost := len(b.Holdings) > 0
			b.Holdings = nil
			return lost
		},
		"loses a number": func(b *billing.Batch) bool {
			if len(b.Documents) == 0 || !b.Documents[0].Numbered {
				return false
			}
			d := *b.Documents[0]
			d.Numbered = false
			b.Documents = append([]*billing.Document{&d}, b.Documents[1:]...)
			return true
		},
		"loses events": func(b *billing.Batch) bool {
			lost := len(b.Events) > 0
			b.Events = nil
			return lost
		},
		"loses usage": func(b *billing.Batch) bool {
			lost := len(b.Usage) > 0
			b.Usage = nil
			return lost
		},
		"loses periods": func(b *billing.Batch) bool {
			lost := len(b.Periods) > 0
			b.Periods = nil
			return lost
		},
		"loses a commit": func(b *billing.Batch) bool {
			lost := len(b.Entries) > 0
			*b = billing.Batch{Final: b.Final}
			return lost
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var err error
			most := uint64(50) // the fault must meet the bug
			if name == "none" {
				most = 10
			}
			for seed := uint64(1); seed <= most && err == nil; seed++ {
				store := &mutant{Store: memory.New(), write: write}
				err = strike(t.Context(), plain, store, wantPlain, rand.New(rand.NewPCG(seed, 1)), simulation.Faults(), 0.05)
				if name == "none" {
					require.NoError(t, err)
					err = strike(t.Context(), sold, memory.New(), wantSold, rand.New(rand.NewPCG(seed, 1)), simulation.Faults(), 0.01)
				}
			}
			if name == "none" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			t.Log(strings.SplitN(err.Error(), "\n", 2)[0])
		})
	}
}

// mutant is a store that breaks its contract in its writes: always, or, once write
// returns true, never again.
type mutant struct {
	reseller.Store
	write  func(b *billing.Batch) bool
	writes int
	done   bool

	wholesale func(b *reseller.Batch) bool // nil: it keeps its contract there
	sold      int
}

func (m *mutant) Reseller(tx storage.Tx) (reseller.Rows, error) {
	rows, err := m.Store.Reseller(tx)
	return mutantWholesale{rows, m}, err
}

type mutantWholesale struct {
	reseller.Rows
	m *mutant
}

func (r mutantWholesale) Write(ctx context.Context, b *reseller.Batch) error {
	if r.m.sold++; r.m.sold > 25 && r.m.wholesale != nil {
		c := *b
		if r.m.wholesale(&c) {
			r.m.wholesale = nil
		}
		b = &c
	}
	return r.Rows.Write(ctx, b)
}

func (m *mutant) Billing(tx storage.Tx) (billing.Rows, error) {
	rows, err := m.Store.Billing(tx)
	return mutantRows{rows, m}, err
}

type mutantRows struct {
	billing.Rows
	m *mutant
}

func (r mutantRows) Write(ctx context.Context, b *billing.Batch) error {
	if r.m.writes++; r.m.writes > 15 && !r.m.done {
		c := *b
		r.m.done = r.m.write(&c)
		b = &c
	}
	return r.Rows.Write(ctx, b)
}
