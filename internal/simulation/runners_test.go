package simulation_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// processes opens a store several times, as so many processes would: with a pool and
// an engine each. A store in memory is shared, and so is a handle on a file.
func processes(t testing.TB, k kind, s *simulation.Script, n int) []*simulation.World {
	t.Helper()
	var open func() reseller.Store
	switch k.name {
	case "postgres":
		dsn, schema := k.dsn, "books"
		if dsn == "" {
			dsn, schema = lent(t)
		}
		open = func() reseller.Store { return openSchema(t, dsn+" pool_max_conns=4", schema) }
		if strings.Contains(dsn, "://") {
			open = func() reseller.Store { return openSchema(t, withParam(dsn, "pool_max_conns=4"), schema) }
		}
	default:
		one := k.open(t)
		open = func() reseller.Store { return one }
	}
	out := make([]*simulation.World, n)
	for i := range out {
		out[i] = world(t, s, open())
	}
	return out
}

// withParam adds a parameter to a URL.
func withParam(dsn, param string) string {
	if strings.Contains(dsn, "?") {
		return dsn + "&" + param
	}
	return dsn + "?" + param
}

// Several runners at once, with one and with more workers, while people act on the
// same accounts, make the same entries as one that works alone; the numbers have no
// gaps and no conflict or deadlock gets through to anybody.
func TestRunnersAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		for _, n := range []int{2, 8} {
			t.Run(named("runners", n), func(t *testing.T) {
				t.Parallel()
				days := 60
				if k.name == "memory" {
					days = 150
				}
				s := simulation.NewScript(uint64(20+n), simulation.Options{Accounts: 16, Days: days})
				alone := played(t, s, memory.New(), 5)
				all := processes(t, k, s, n)
				require.NoError(t, all[0].Setup(t.Context()))
				for i, w := range all {
					w.Run = billing.RunOptions{Workers: 1 + i%3, Batch: 1 + i}
				}
				playTogether(t, s, all, 5)
				o := simulation.DumpOptions{NoIssue: true}
				same(t, "books", dump(t, alone, o), dump(t, all[0], o))
				same(t, "answers", masked(alone.Outcomes()), masked(all[0].Outcomes()))
				clean(t, all[0])
			})
		}
	})
}

// masked leaves of outcomes only whether an action was done: the boundaries before it
// are handled by it or by a runner.
func masked(outcomes string) string {
	lines := strings.Split(outcomes, "\n")
	for i, line := range lines {
		if at := strings.LastIndex(line, " -> ok "); at >= 0 {
			lines[i] = line[:at] + " -> ok"
		}
	}
	return strings.Join(lines, "\n")
}

// playTogether plays a script day by day: its steps on the catalog first, then all
// runs and, at the same time, the customers' actions, each customer's in order.
func playTogether(t testing.TB, s *simulation.Script, all []*simulation.World, every int) {
	t.Helper()
	moves := s.Moves(every)
	for len(moves) > 0 {
		day := moves[0].Day
		for _, w := range all {
			w.Clock.Set(noonOf(day))
		}
		people := map[string][]simulation.Move{}
		run := false
		var catalog []simulation.Move
		for ; len(moves) > 0 && moves[0].Day == day; moves = moves[1:] {
			switch m := moves[0]; {
			case m.Step == nil:
				run = true
			case m.Step.Account == "":
				catalog = append(catalog, m)
			default:
				people[m.Step.Account] = append(people[m.Step.Account], m)
			}
		}
		for _, m := range catalog {
			require.NoError(t, all[0].Play(t.Context(), m))
		}
		var wg sync.WaitGroup
		errs := make(chan error, len(all)+len(people))
		if run {
			for _, w := range all {
				wg.Go(func() { errs <- w.Play(t.Context(), simulation.Move{Day: day}) })
			}
		}
		i := 0
		for _, list := range people {
			w := all[i%len(all)]
			i++
			wg.Go(func() {
				for _, m := range list {
					if err := w.Play(t.Context(), m); err != nil {
						errs <- err
						return
					}
					all[0].Note(m.Step.ID, w.Outcome(m.Step.ID))
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
	}
}

// A night with several runners: each account is billed by exactly one of them.
func TestNobodyIsBilledTwice(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		const accounts = 160
		s := simulation.NewScript(5, simulation.Options{Accounts: 1, Days: 62})
		k1 := processes(t, k, s, 6)
		require.NoError(t, k1[0].Setup(t.Context()))
		for i := range accounts {
			of := s.Catalog.Offers[i%2]
			_, err := k1[0].Engine.Do(t.Context(), billing.Signup{Seller: of.Head.Seller, Name: simulation.AccountName(i), Plan: of.Head.ID, SkipTrial: true})
			require.NoError(t, err)
		}
		var mu sync.Mutex
		var total int64
		var wg sync.WaitGroup
		for i, w := range k1 {
			w.Clock.Set(noonOf(s.Last))
			wg.Go(func() {
				report, err := w.Engine.Run(t.Context(), s.Last, billing.RunOptions{Batch: 10 + i, Workers: 1 + i%2})
				mu.Lock()
				defer mu.Unlock()
				total += report.Accounts
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, accounts, total)
		verified(t, k1[0])
	})
}

// Eight at once with one key: one of them acts, the others get what it did.
func TestOneKeyOneAction(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		s := simulation.NewScript(5, simulation.Options{})
		all := processes(t, k, s, 4)
		require.NoError(t, all[0].Setup(t.Context()))
		of := s.Catalog.Offers[0]
		cur := s.Catalog.Sellers[0].Currency
		signup := billing.Signup{Request: billing.Request{Key: "once"}, Seller: of.Head.Seller, Name: "one", Plan: of.Head.ID, SkipTrial: true}
		id := atOnce(t, all, signup).Account.ID
		req := billing.Request{Key: "once"}
		var period, monthly billing.ResourceID
		for _, l := range of.Terms.Resources {
			switch {
			case l.Max != nil && l.Max.LessThan(decimal.New(4, 0)):
			case l.Resource == "traffic", l.Resource == "disk", l.Resource == "database", l.Resource == "exchange", l.Resource == "transfer":
				monthly = l.Resource
			default:
				period = l.Resource
			}
		}
		require.NotEmpty(t, period)
		require.NotEmpty(t, monthly)
		for _, act := range []billing.Action{
			billing.SetQuantity{Request: req, Account: id, Resource: period, Quantity: decimal.New(4, 0)},
			billing.RecordUsage{Request: req, Account: id, Resource: monthly, Amount: decimal.New(7, 0)},
			billing.Pay{Request: req, Account: id, Amount: money.FromMinor(1999, cur), Reference: "paid"},
			billing.Credit{Request: req, Account: id, Amount: money.FromMinor(5, cur), Reference: "credited"},
			billing.Debit{Request: req, Account: id, Amount: money.FromMinor(7, cur), Reference: "debited"},
			billing.ChangePlan{Request: req, Account: id, Plan: of.Head.ID},
			billing.Suspend{Request: req, Account: id},
			billing.Resume{Request: req, Account: id},
			billing.Close{Request: req, Account: id},
		} {
			atOnce(t, all, act)
		}
		references := map[string]int{}
		for e, err := range all[0].Engine.Entries(t.Context(), billing.EntryQuery{Account: id}) {
			require.NoError(t, err)
			if e.Reference != "" {
				references[e.Reference]++
			}
		}
		require.Equal(t, map[string]int{"paid": 1, "credited": 1, "debited": 1}, references)
		verified(t, all[0])
	})
}

// atOnce does one action eight times at once, and returns what the one that acted did.
func atOnce(t testing.TB, all []*simulation.World, act billing.Action) billing.Result {
	t.Helper()
	const times = 8
	results := make([]billing.Result, times)
	errs := make([]error, times)
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() { results[i], errs[i] = all[i%len(all)].Engine.Do(t.Context(), act) })
	}
	wg.Wait()
	acted := -1
	for i := range times {
		require.NoError(t, errs[i], "%T", act)
		if !results[i].Replayed {
			require.Equal(t, -1, acted, "%T was done twice", act)
			acted = i
		}
	}
	require.NotEqual(t, -1, acted, "%T was not done", act)
	for i := range times {
		require.Equal(t, results[acted].Account.ID, results[i].Account.ID, "%T", act)
		if _, usage := act.(billing.RecordUsage); !usage {
			require.Equal(t, madeBy(results[acted]), madeBy(results[i]), "%T", act)
		}
	}
	return results[acted]
}

func madeBy(r billing.Result) string {
	var b strings.Builder
	for _, e := range r.Entries {
		fmt.Fprintln(&b, e.Account, e.Seq, e.Kind, e.Amount)
	}
	for _, d := range r.Documents {
		fmt.Fprintln(&b, d.Account, d.Seq, d.Kind, d.Number, d.Total)
	}
	return b.String()
}

// Sixty-four customers sign up at once at one seller: its invoices are numbered 1 to 64.
func TestNumbersUnderRace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		const writers = 64
		s := simulation.NewScript(5, simulation.Options{})
		all := processes(t, k, s, 4)
		w := all[0]
		require.NoError(t, w.Setup(t.Context()))
		one := decimal.New(1, 0)
		_, err := w.Engine.PublishPlan(t.Context(), billing.Plan{Seller: "acme", ID: "race", Open: true}, billing.Terms{
			Resources: []billing.Line{{Resource: "account", AtSignup: one, Prices: billing.Prices{Recurring: &one}}},
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				_, err := all[i%len(all)].Engine.Do(t.Context(), billing.Signup{Seller: "acme", Name: simulation.AccountName(i), Plan: "race"})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		n := int64(0)
		for d, err := range w.Engine.Series(t.Context(), "acme", billing.Invoice) {
			require.NoError(t, err)
			n++
			require.Equal(t, n, d.Number)
		}
		require.EqualValues(t, writers, n)
		verified(t, w)
	})
}

// playAmong plays a script day by day: its steps on the catalog and those that decide
// what others may do (a reseller's beginnings and end, its suspensions, its changes of
// plan) one after the other, while all runs go on, then at the same time what the
// resellers and all customers do.
func playAmong(t testing.TB, s *simulation.Script, all []*simulation.World, ordered bool) {
	t.Helper()
	moves := s.Moves(1)
	for len(moves) > 0 {
		day := moves[0].Day
		for _, w := range all {
			w.Clock.Set(noonOf(day))
		}
		var first []simulation.Move
		people := map[string][]simulation.Move{}
		for ; len(moves) > 0 && moves[0].Day == day; moves = moves[1:] {
			switch m := moves[0]; {
			case m.Step == nil:
			case m.Step.Account == "" || m.Step.Name == "enroll" || ordered && strings.HasPrefix(m.Step.Account, "double-") && m.Step.Name != "usage" && m.Step.Name != "pay":
				first = append(first, m)
			default:
				people[m.Step.Account] = append(people[m.Step.Account], m)
			}
		}
		var wg sync.WaitGroup
		errs := make(chan error, len(all)+len(people))
		for _, w := range all {
			wg.Go(func() { errs <- w.Play(t.Context(), simulation.Move{Day: day}) })
		}
		for i, m := range first {
			w := all[i%len(all)]
			require.NoError(t, w.Play(t.Context(), m))
			all[0].Note(m.Step.ID, w.Outcome(m.Step.ID))
		}
		i := 0
		for _, list := range people {
			w := all[i%len(all)]
			i++
			wg.Go(func() {
				for _, m := range list {
					if err := w.Play(t.Context(), m); err != nil {
						errs <- err
						return
					}
					all[0].Note(m.Step.ID, w.Outcome(m.Step.ID))
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
	}
}

// Eight runners at once, with several workers, close the days and bill, while people act
// on the customers and the doubles of the same resellers, with pools: the retail entries
// are those of one that works alone, and the two sides agree. Where limits may be reached
// and doubles come and go among their customers, it depends on who comes first what is
// refused, and nothing else.
func TestRunnersAndResellers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		for _, seed := range seeds(t, 2) {
			ordered := seed%2 == 1
			t.Run(named("seed", seed), func(t *testing.T) {
				t.Parallel()
				days := 24
				if k.name == "memory" {
					days = 80
				}
				s := simulation.NewScript(seed+40, simulation.Options{Resellers: true, Limits: !ordered, Accounts: 16, Days: days})
				k := alone(t, k)
				all := processes(t, k, s, 8)
				require.NoError(t, all[0].Setup(t.Context()))
				for i, w := range all {
					w.Run = billing.RunOptions{Workers: 1 + i%3, Batch: 1 + i}
				}
				playAmong(t, s, all, ordered)
				if ordered {
					alone := played(t, s, memory.New(), 1)
					o := simulation.DumpOptions{NoIssue: true, Retail: true}
					same(t, "books", dump(t, alone, o), dump(t, all[0], o))
					same(t, "answers", masked(alone.Outcomes()), masked(all[0].Outcomes()))
				}
				clean(t, all[0])
				noDeadlocks(t, k)
			})
		}
	})
}

// alone is a kind whose PostgreSQL has a database for this test only: deadlocks are
// counted for each database.
func alone(t testing.TB, k kind) kind {
	t.Helper()
	if k.name == onServer.name {
		k.dsn = postgrestest.DSN(t)
	}
	return k
}

// noDeadlocks fails if PostgreSQL had to end a deadlock in the database that [alone] has
// made, also one that the store has got over by itself.
func noDeadlocks(t testing.TB, k kind) {
	t.Helper()
	if k.dsn == "" {
		return
	}
	db, err := pgx.Connect(t.Context(), k.dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close(context.Background())) }()
	var n int64
	for deadline := time.Now().Add(1500 * time.Millisecond); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) { // what it counts is told late
		require.NoError(t, db.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&n))
		require.Zero(t, n, "deadlocks")
	}
}

// A night with several managers, each with several workers: days are closed once, each
// account is billed by exactly one of them, whoever stands above it.
func TestNobodyBelowResellersIsBilledTwice(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		s := simulation.NewScript(5, simulation.Options{Resellers: true})
		k = alone(t, k)
		all := processes(t, k, s, 8)
		w := all[0]
		pool := decimal.New(20, 0)
		fill(t, w, func(l *billing.Line) { l.Free = pool })
		const customers = 60
		for i := range customers {
			seller := []billing.SellerID{"acme", "alpha", "beta", "delta"}[i%4]
			id := signUp(t, w, seller, simulation.AccountName(i))
			_, err := w.Engine.Do(t.Context(), billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.New(2, 0)})
			require.NoError(t, err)
		}
		day := s.First.AddMonths(1)
		var mu sync.Mutex
		var total int64
		var wg sync.WaitGroup
		for i, w := range all {
			w.Clock.Set(noonOf(day))
			wg.Go(func() {
				report, err := w.Manager.Run(t.Context(), day, billing.RunOptions{Batch: 3 + i, Workers: 1 + i%3})
				mu.Lock()
				defer mu.Unlock()
				total += report.Accounts
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, customers+3, total)
		verified(t, w)
		wrong, err := w.Wholesale(t.Context())
		require.NoError(t, err)
		require.Empty(t, wrong)
		for seller, drawn := range map[billing.SellerID]int64{"alpha": 20, "beta": 20, "delta": 20} {
			use, err := w.Manager.Pools(t.Context(), seller, day)
			require.NoError(t, err)
			require.Len(t, use, 1)
			require.Equal(t, decimal.New(drawn, 0).String(), use[0].Drawn.String(), seller)
		}
		noDeadlocks(t, k)
	})
}

// Two customers race for the last unit of a limit: one of them gets it, whichever level
// the limit is at, while the days are closed.
func TestLastUnitOfALimit(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		s := simulation.NewScript(5, simulation.Options{Resellers: true})
		k = alone(t, k)
		all := processes(t, k, s, 3)
		fill(t, all[0], func(l *billing.Line) { l.Free = decimal.New(7, 0) })
		far := signUp(t, all[0], "alpha", "far")
		near := signUp(t, all[0], "delta", "near")
		other := signUp(t, all[0], "delta", "other")
		set := func(w *simulation.World, id billing.AccountID, n int64) error {
			_, err := w.Engine.Do(t.Context(), billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: decimal.New(n, 0)})
			return err
		}
		rounds := 50 * len(seeds(t, 1))
		for round := range rounds {
			limited := []billing.SellerID{"alpha", "delta"}[round%2]
			one, two := far, near
			if limited == "delta" {
				one = other
			}
			held := int64(0)
			for _, id := range []billing.AccountID{far, near, other} {
				require.NoError(t, set(all[0], id, 1))
				if held++; limited == "delta" && id == far {
					held--
				}
			}
			last := decimal.New(held+1, 0)
			require.NoError(t, all[0].Manager.SetLimit(t.Context(), limited, "mailbox", &last))
			if round%10 == 0 { // of customers too, by a third one
				require.NoError(t, all[0].Manager.SetLimit(t.Context(), "beta", reseller.Customers, new(decimal.New(int64(round/10)+1, 0))))
			}
			var wg sync.WaitGroup
			var errs [5]error
			wg.Go(func() { errs[0] = set(all[0], one, 2) })
			wg.Go(func() { errs[1] = set(all[1], two, 2) })
			wg.Go(func() { _, errs[2] = all[2].Manager.Close(t.Context(), s.First.AddDays(-1)) })
			if round%10 == 0 {
				for i := range 2 {
					wg.Go(func() {
						_, errs[3+i] = all[i].Engine.Do(t.Context(), billing.Signup{Seller: "beta", Name: simulation.AccountName(2*round + i), Plan: "retail"})
					})
				}
			}
			wg.Wait()
			require.NoError(t, errs[2])
			wins(t, errs[0], errs[1])
			if round%10 == 0 {
				wins(t, errs[3], errs[4])
			}
			limits, err := all[0].Manager.Limits(t.Context(), limited)
			require.NoError(t, err)
			require.Len(t, limits, 1)
			require.True(t, limits[0].Used.Equal(last), "%s of %s", limits[0].Used, last)
			require.NoError(t, all[0].Manager.SetLimit(t.Context(), limited, "mailbox", nil))
		}
		wrong, err := all[0].Wholesale(t.Context())
		require.NoError(t, err)
		require.Empty(t, wrong)
		verified(t, all[0])
		noDeadlocks(t, k)
	})
}

// wins fails unless exactly one of two was done, and the other refused for the limit.
func wins(t testing.TB, a, b error) {
	t.Helper()
	if a == nil {
		a, b = b, a
	}
	require.NoError(t, b, "nobody won")
	require.ErrorIs(t, a, billing.ErrOverLimit, "both won, or something else went wrong")
}
