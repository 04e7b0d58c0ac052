package simulation_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// childEnv holds the job of a process that is there to be killed, as JSON.
const childEnv = "TIERHOST_SIM_CHILD"

// job is what a child does: play a script from a move on, or the nightly run.
type job struct {
	File        string // SQLite's
	DSN, Schema string // or PostgreSQL's
	Seed        uint64
	Options     simulation.Options
	From        int  // first move
	Night       bool // the run of the last day, and nothing else
	Workers     int
	Batch       int
}

// child does a job and ends the process. It prints what is acknowledged, a line each.
func child(text string) {
	err := func() error {
		var j job
		if err := json.Unmarshal([]byte(text), &j); err != nil {
			return err
		}
		ctx := context.Background()
		store, err := j.open(ctx)
		if err != nil {
			return err
		}
		s := simulation.NewScript(j.Seed, j.Options)
		w, err := simulation.NewWorld(s, store)
		if err != nil {
			return err
		}
		if j.Night {
			return night(ctx, w, j)
		}
		if err := w.Setup(ctx); err != nil {
			return err
		}
		for i, m := range s.Moves(7) {
			if i < j.From {
				continue
			}
			if err := w.Play(ctx, m); err != nil {
				return err
			}
			outcome := ""
			if m.Step != nil {
				outcome = w.Outcome(m.Step.ID)
			}
			fmt.Printf("%d %s\n", i, outcome)
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func night(ctx context.Context, w *simulation.World, j job) error {
	day := w.Script.Last
	w.Clock.Set(day.Start(time.UTC).Add(12 * time.Hour))
	_, err := w.Manager.Run(ctx, day, billing.RunOptions{Workers: j.Workers, Batch: j.Batch, Progress: func(p billing.RunProgress) {
		fmt.Println(p.Done)
	}})
	return err
}

func (j job) open(ctx context.Context) (reseller.Store, error) {
	if j.File != "" {
		return sqlite.Open(ctx, j.File, sqlite.Options{})
	}
	return postgres.Open(ctx, j.DSN, postgres.Options{Schema: j.Schema})
}

// hit starts a child and kills it a little while after it has acknowledged so many
// lines; 0: it is left alone. It returns the lines, and whether the child had ended.
func hit(t testing.TB, j job, after int, wait time.Duration) (lines []string, ended bool) {
	t.Helper()
	text, err := json.Marshal(j)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	scan := bufio.NewScanner(out)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		if lines = append(lines, scan.Text()); len(lines) == after {
			// Not at once: the moment of death is to lie anywhere in what comes next.
			time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		}
	}
	err = cmd.Wait()
	if err != nil && cmd.ProcessState.Exited() {
		t.Fatalf("the child failed: %v\n%s", err, problems.String())
	}
	return lines, err == nil
}

// killed are the stores on which processes are killed.
func killed(t *testing.T, test func(t *testing.T, j job)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		j := job{File: filepath.Join(t.TempDir(), "books.db")}
		test(t, j)
		db, err := sql.Open("sqlite", sqlite.DSN(j.File))
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		var verdict string
		require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict))
		require.Equal(t, "ok", verdict)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn, schema := lent(t)
		test(t, job{DSN: dsn, Schema: schema})
	})
}

// A process that plays a script is killed again and again and goes on where its host
// knows it to be. The books are those of one that was never disturbed, and what was
// acknowledged is there.
func TestKilledWhilePlaying(t *testing.T) {
	t.Parallel()
	killedWhilePlaying(t, simulation.Options{Accounts: 12, Days: 70})
}

// The same with resellers.
func TestKilledWhilePlayingWithResellers(t *testing.T) {
	t.Parallel()
	killedWhilePlaying(t, simulation.Options{Resellers: true, Limits: true, Accounts: 10, Days: 60})
}

func killedWhilePlaying(t *testing.T, o simulation.Options) {
	killed(t, func(t *testing.T, j job) {
		r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)) // moments cannot be replayed anyhow
		j.Seed, j.Options = 11, o
		s := simulation.NewScript(j.Seed, j.Options)
		reference := memory.New()
		w := played(t, s, reference, 7)
		want := booksOf(t, w, reference)

		moves := s.Moves(7)
		outcomes := map[int]string{}
		kills := 6 * len(seeds(t, 1))
		for n := 0; ; n++ {
			after := 1 + r.IntN(2*len(moves)/kills+1)
			if n >= kills {
				after = 0
			}
			lines, ended := hit(t, j, after, time.Duration(r.IntN(3000))*time.Microsecond)
			for _, line := range lines {
				var i int
				_, err := fmt.Sscan(line, &i)
				require.NoError(t, err)
				require.Equal(t, j.From, i)
				if m := moves[i]; m.Step != nil {
					_, outcomes[m.Step.ID], _ = strings.Cut(line, " ")
				}
				j.From++
			}
			if ended {
				break
			}
		}
		require.Equal(t, len(moves), j.From)
		store, err := j.open(t.Context())
		require.NoError(t, err)
		defer shut(t, store)
		after := world(t, s, store)
		after.Clock.Set(w.Clock.Now())
		for id, outcome := range outcomes {
			after.Note(id, outcome)
		}
		require.Empty(t, want.differs(booksOf(t, after, store)))
		clean(t, after)
	})
}

func shut(t testing.TB, store reseller.Store) {
	t.Helper()
	switch s := store.(type) {
	case *sqlite.Store:
		require.NoError(t, s.Close())
	case *postgres.Store:
		s.Close()
	}
}

// populate signs up so many accounts in few transactions, through the engine bound to
// each of them.
func populate(t testing.TB, w *simulation.World, store reseller.Store, n int) {
	t.Helper()
	const each = 250
	for from := 0; from < n; from += each {
		err := store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			e := w.Engine.In(tx)
			for i := from; i < min(from+each, n); i++ {
				of := w.Script.Catalog.Offers[i%2] // plans that are open to everybody
				if _, err := e.Do(ctx, billing.Signup{Seller: of.Head.Seller, Name: simulation.AccountName(i), Plan: of.Head.ID, SkipTrial: true}); err != nil {
					return err
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
}

// The nightly run is killed again and again; when it has come through, every account is
// billed once.
func TestKilledAtNight(t *testing.T) {
	t.Parallel()
	killed(t, func(t *testing.T, j job) {
		r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
		accounts := 500 * len(seeds(t, 1))
		j.Seed, j.Options = 5, simulation.Options{Accounts: 1, Days: 40}
		j.Night, j.Batch, j.Workers = true, 15, 1
		s := simulation.NewScript(j.Seed, j.Options)
		prepare := func(store reseller.Store) *simulation.World {
			w := world(t, s, store)
			require.NoError(t, w.Setup(t.Context()))
			populate(t, w, store, accounts)
			return w
		}
		reference := prepare(memory.New())
		reference.Clock.Set(s.Last.Start(time.UTC).Add(12 * time.Hour))
		report, err := reference.Engine.Run(t.Context(), s.Last, billing.RunOptions{Batch: 15})
		require.NoError(t, err)
		require.EqualValues(t, accounts, report.Accounts)

		store, err := j.open(t.Context())
		require.NoError(t, err)
		prepare(store)
		shut(t, store)
		for n := 0; ; n++ {
			after := 1 + r.IntN(accounts/j.Batch/6)
			if n >= 5 {
				after = 0
			}
			if j.Schema != "" && n%2 == 1 {
				j.Workers = 3
			} else {
				j.Workers = 1
			}
			if _, ended := hit(t, j, after, time.Duration(r.IntN(20_000))*time.Microsecond); ended {
				break
			}
		}
		store, err = j.open(t.Context())
		require.NoError(t, err)
		defer shut(t, store)
		w := world(t, s, store)
		w.Clock.Set(reference.Clock.Now())
		// Several workers number documents as they come.
		o := simulation.DumpOptions{Ledger: true, NoIssue: j.Schema != ""}
		same(t, "books", dump(t, reference, o), dump(t, w, o))
		verified(t, w)
	})
}

// The same with resellers, two levels of them, whose pools are too small: first the days
// before are closed, then the accounts are billed, reseller by reseller.
func TestKilledAtNightWithResellers(t *testing.T) {
	t.Parallel()
	killed(t, func(t *testing.T, j job) {
		r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
		customers := 160 * len(seeds(t, 1))
		j.Seed, j.Options = 5, simulation.Options{Resellers: true, Days: 40}
		j.Night, j.Batch, j.Workers = true, 8, 1
		s := simulation.NewScript(j.Seed, j.Options)
		prepare := func(store reseller.Store) *simulation.World {
			w := world(t, s, store)
			fill(t, w, func(l *billing.Line) { l.Free = decimal.New(int64(customers/3), 0) })
			for day := range 2 {
				w.Clock.Set(noonOf(s.First.AddDays(day)))
				err := store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
					e := w.Engine.In(tx)
					for i := day; i < customers; i += 2 {
						seller := []billing.SellerID{"alpha", "beta", "delta", "delta", "acme"}[i%5]
						res, err := e.Do(ctx, billing.Signup{Seller: seller, Name: simulation.AccountName(i), Plan: "retail"})
						if err != nil {
							return err
						}
						if _, err := e.Do(ctx, billing.SetQuantity{Account: res.Account.ID, Resource: "mailbox", Quantity: decimal.New(int64(1+i%4), 0)}); err != nil {
							return err
						}
					}
					return nil
				})
				require.NoError(t, err)
			}
			w.Clock.Set(noonOf(s.Last))
			return w
		}
		reference := prepare(memory.New())
		report, err := reference.Manager.Run(t.Context(), s.Last, billing.RunOptions{Batch: j.Batch})
		require.NoError(t, err)
		require.EqualValues(t, customers+3, report.Accounts)

		store, err := j.open(t.Context())
		require.NoError(t, err)
		prepare(store)
		shut(t, store)
		for n := 0; ; n++ {
			after := 1 + r.IntN(max(1, customers/j.Batch/5))
			if n >= 5 {
				after = 0
			}
			j.Workers = 1
			if j.Schema != "" && n%2 == 1 {
				j.Workers = 3
			}
			if _, ended := hit(t, j, after, time.Duration(r.IntN(20_000))*time.Microsecond); ended {
				break
			}
		}
		store, err = j.open(t.Context())
		require.NoError(t, err)
		defer shut(t, store)
		w := world(t, s, store)
		w.Clock.Set(reference.Clock.Now())
		o := simulation.DumpOptions{NoIssue: true, NoOrder: true}
		same(t, "books", dump(t, reference, o), dump(t, w, o))
		verified(t, w)
		wrong, err := w.Wholesale(t.Context())
		require.NoError(t, err)
		require.Empty(t, wrong)
	})
}

// verified fails if Verify finds anything.
func verified(t testing.TB, w *simulation.World) {
	t.Helper()
	for f, err := range w.Engine.Verify(t.Context(), billing.VerifyOptions{}) {
		require.NoError(t, err)
		t.Error(f)
	}
}
