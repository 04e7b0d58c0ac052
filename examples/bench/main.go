// Bench measures the billing engine on a database beside the bare floor of that
// database, in one run: actions per second, and the nightly run's rows per second
// against inserting the same rows with their indexes and nothing else.
//
//	go run ./examples/bench -store sqlite:/tmp/bench.db -accounts 10000
//	go run ./examples/bench -store "postgres:host=/tmp/socket user=postgres" -accounts 100000
//
// The database must be empty of tierhost's tables. Quote the ratios, not the rates: they
// carry to other machines.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
)

func main() {
	store := flag.String("store", "", "sqlite:FILE or postgres:DSN; empty: SQLite in a temporary folder")
	accounts := flag.Int("accounts", 10_000, "accounts in the nightly run, 3 charged resources each")
	actions := flag.Int("actions", 4_000, "actions per measurement")
	resellers := flag.Int("resellers", 200, "resellers whose customers the accounts are in the second part; 0: leave it out")
	workers := flag.Int("workers", 0, "workers of the run; 0: 2 on PostgreSQL, 1 on SQLite")
	asleep := flag.Int("asleep", 0, "instead of the rest: suspend and resume a reseller of so many customers")
	entries := flag.Int("entries", 0, "instead of the rest: actions on customers of one reseller, while its ledger grows from 10,000 to so many entries")
	flag.Parse()
	ctx := context.Background()
	var err error
	switch {
	case *asleep > 0:
		err = on(ctx, *store, func(out *tabwriter.Writer, db database) error { return benchAsleep(ctx, out, db, *asleep) })
	case *entries > 0:
		err = on(ctx, *store, func(out *tabwriter.Writer, db database) error { return benchGrowth(ctx, out, db, *entries, *actions) })
	default:
		err = on(ctx, *store, func(out *tabwriter.Writer, db database) error {
			return bench(ctx, out, db, *accounts, *actions, *workers, *resellers)
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// on opens a database and prints what do measures on it.
func on(ctx context.Context, where string, do func(out *tabwriter.Writer, db database) error) error {
	if where == "" {
		dir, err := os.MkdirTemp("", "tierhost-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		where = "sqlite:" + dir + "/bench.db"
	}
	db, err := openDatabase(ctx, where)
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Printf("%s, %d CPUs, %s\n\n", runtime.Version(), runtime.NumCPU(), strings.SplitN(where, ":", 2)[0])
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "what\trate\tfloor\tratio\tnotes")
	if err := do(out, db); err != nil {
		return err
	}
	return out.Flush()
}

func bench(ctx context.Context, out *tabwriter.Writer, db database, accounts, actions, workers, resellers int) error {
	if workers == 0 {
		workers = db.writers()
	}
	w := start()
	c, err := newCompany(ctx, db.store(), accounts, 0)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "signups, 500 a transaction\t%s\t\t\t\n", perSecond(accounts, w.seconds()))
	for _, clients := range []int{1, 8} {
		if err := benchActions(ctx, out, db, c, clients, actions); err != nil {
			return err
		}
	}
	if err := benchRun(ctx, out, db, c, workers); err != nil {
		return err
	}
	if resellers > 0 {
		return benchResellers(ctx, out, db, c, resellers, actions, workers)
	}
	return nil
}

// stopwatch measures by the system's clock.
type stopwatch struct{ began time.Time }

func start() stopwatch                        { return stopwatch{tierhost.SystemClock().Now()} }
func (s stopwatch) seconds() float64          { return tierhost.SystemClock().Now().Sub(s.began).Seconds() }
func perSecond(n int, seconds float64) string { return fmt.Sprintf("%.0f/s", float64(n)/seconds) }

// memory watches how the heap grows.
type memory struct{ before, peak uint64 }

func watchMemory() *memory {
	runtime.GC()
	m := &memory{}
	m.look()
	m.before = m.peak
	return m
}

func (m *memory) look() {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.peak = max(m.peak, s.HeapAlloc)
}

// grown is by how many MiB it has grown at most.
func (m *memory) grown() float64 { return float64(m.peak-m.before) / (1 << 20) }

// benchActions measures actions, each in its own transaction, against commits of one
// bare row by as many clients.
func benchActions(ctx context.Context, out *tabwriter.Writer, db database, c *company, clients, actions int) error {
	if err := c.act(ctx, c.ids, clients, actions/10); err != nil { // warm up
		return err
	}
	w := start()
	if err := c.act(ctx, c.ids, clients, actions); err != nil {
		return err
	}
	took := w.seconds()
	w = start()
	if err := db.commits(ctx, clients, actions); err != nil {
		return err
	}
	floor := w.seconds()
	fmt.Fprintf(out, "actions, %d clients\t%s\t%s\t%.2f\tfloor: commits of one row\n", clients, perSecond(actions, took), perSecond(actions, floor), floor/took)
	return nil
}

// benchRun measures the nightly run over all accounts, the same run again, and the
// floor: its rows inserted into empty tables of the same form.
func benchRun(ctx context.Context, out *tabwriter.Writer, db database, c *company, workers int) error {
	mem := watchMemory()
	o := billing.RunOptions{Workers: workers, Progress: func(p billing.RunProgress) { mem.look() }}
	day := c.nextMonth()
	w := start()
	report, err := c.manager.Run(ctx, day, o)
	if err != nil {
		return err
	}
	took := w.seconds()
	if report.Billed != int64(c.accounts) || len(report.Parked) > 0 {
		return fmt.Errorf("the run billed %d of %d accounts and parked %d", report.Billed, c.accounts, len(report.Parked))
	}
	w = start()
	again, err := c.manager.Run(ctx, day, o)
	if err != nil {
		return err
	}
	second := w.seconds()
	if again.Accounts != 0 {
		return fmt.Errorf("the second run handled %d accounts", again.Accounts)
	}
	rows, seconds, err := db.floor(ctx, day)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "run, rows\t%s\t%s\t%.2f\t%d rows, %d workers; floor: %s\n", perSecond(rows, took), perSecond(rows, seconds), seconds/took, rows, workers, db.floorName())
	fmt.Fprintf(out, "run, accounts\t%s\t\t\t%.1f s, heap grew by %.0f MiB\n", perSecond(c.accounts, took), took, mem.grown())
	fmt.Fprintf(out, "run again\t%.3f s\t\t%.4f\tof the first\n", second, second/took)
	c.day, c.rounds = day, 0
	return nil
}
