// Quickstart is a year in the life of a small hosting company, played in seconds: some
// two hundred customers sign up, change their minds, pay or do not pay; five resellers,
// and one that buys from one of them, sell to customers of their own and pay wholesale;
// and the books are kept in an SQLite file. At the end it prints what the books say.
//
//	go run ./examples/quickstart [-db FILE] [-seed N] [-customers N]
//
// It needs nothing to be set up. Read it in this order: catalog.go (what is sold),
// customers.go (who buys), year.go and jobs.go (what happens each day), tables.go (what
// the books know); then servers.go (where it all goes), payments.go (how they pay), resellers.go (who sells besides),
// news.go (what happens to them) and wholesale.go (what the books know of that).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	db        string
	seed      uint64
	customers int
}

// run is the program: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.db, "db", "", "keep the books in `FILE`, which must be new (default: a temporary file)")
	flags.Uint64Var(&o.seed, "seed", 1, "draw the customers from `N`")
	flags.IntVar(&o.customers, "customers", 200, "draw `N` customers of the company's own")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 || o.customers < 0 {
		flags.Usage()
		return 2
	}
	if err := quickstart(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "quickstart:", err)
		return 1
	}
	return 0
}

func quickstart(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	if o.db == "" {
		dir, err := os.MkdirTemp("", "quickstart")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.db = filepath.Join(dir, "books.db")
	}
	store, err := sqlite.Open(ctx, o.db, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	counted := &countedStore{store: store}
	watch := newStopwatch(tierhost.SystemClock())
	company, err := newCompany(ctx, counted, o.seed, o.customers)
	if err != nil {
		return err
	}
	if err := company.play(ctx, newProgress(stderr).day); err != nil {
		return err
	}
	played := watch.lap()
	if err := report(ctx, company, stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nThe year took %s: %d actions and %d boundaries in %d transactions. The tables took %s.\n",
		played, company.done.actions(), company.done.boundaries, counted.updates.Load(), watch.lap())
	return err
}
