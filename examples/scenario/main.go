// Scenario plays a billing scenario (docs/scenarios.md) on a store that is empty, and
// prints the books that come out as JSON.
//
//	go run ./examples/scenario [-store STORE] [-schema NAME] [-check WANT.json] FILE.json
//
// The store is memory (the default), sqlite:FILE or postgres:DSN; -schema names the
// schema to use in a PostgreSQL database. With -check the books are not printed but
// compared, and what differs is.
//
// The exit status is 0 when all went well; 1 when the file is wrong, a step is refused
// without saying so, or the books differ; 2 when the command line is wrong.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/tierhost/tierhost/scenario"
)

const usage = `usage: scenario [-store STORE] [-schema NAME] [-check WANT.json] FILE.json

Plays the scenario on an empty store and prints the books as JSON.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const (
	statusOK     = 0
	statusFailed = 1
	statusUsage  = 2
)

// options are the command line.
type options struct {
	file, check   string
	store, schema string
}

// run is the program: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return statusOK
	case err != nil:
		return statusUsage // parse has said what is wrong
	}
	differences, err := play(ctx, o, stdout)
	switch {
	case err != nil:
		fmt.Fprintln(stderr, err)
		return statusFailed
	case differences > 0:
		fmt.Fprintf(stderr, "%s: %d differences from %s (-: missing, +: too much)\n", o.file, differences, o.check)
		return statusFailed
	}
	return statusOK
}

// parse reads the command line. It reports what is wrong on stderr.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("scenario", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.store, "store", "memory", "`STORE` to play on: memory, sqlite:FILE or postgres:DSN")
	flags.StringVar(&o.schema, "schema", "", "`NAME` of the PostgreSQL schema to use (default: the store's own)")
	flags.StringVar(&o.check, "check", "", "compare the books with those in `WANT.json`, print what differs")

	// Flags may stand before the file and after it.
	var files []string
	for rest := args; ; {
		if err := flags.Parse(rest); err != nil {
			return o, err
		}
		if rest = flags.Args(); len(rest) == 0 {
			break
		}
		files = append(files, rest[0])
		rest = rest[1:]
	}
	fail := func(format string, a ...any) (options, error) {
		err := fmt.Errorf(format, a...)
		fmt.Fprintln(stderr, "scenario:", err)
		flags.Usage()
		return o, err
	}
	switch {
	case len(files) != 1:
		return fail("expected one scenario file, got %d", len(files))
	case kindOf(o.store) == unknownStore:
		return fail("-store %q is not memory, sqlite:FILE or postgres:DSN", o.store)
	case o.schema != "" && kindOf(o.store) != postgresStore:
		return fail("-schema is for PostgreSQL only")
	}
	o.file = files[0]
	return o, nil
}

// play plays the scenario, and prints the books or what differs.
func play(ctx context.Context, o options, stdout io.Writer) (differences int, err error) {
	text, err := os.ReadFile(o.file)
	if err != nil {
		return 0, err
	}
	file, err := scenario.Parse(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", o.file, err)
	}
	// Read before the scenario is played: a wrong name should not cost a used store.
	var want *scenario.Result
	if o.check != "" {
		if text, err = os.ReadFile(o.check); err != nil {
			return 0, err
		}
		if want, err = scenario.ParseResult(text); err != nil {
			return 0, fmt.Errorf("%s: %w", o.check, err)
		}
	}
	store, err := open(ctx, o.store, o.schema)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := mustBeEmpty(ctx, store); err != nil {
		return 0, err
	}
	got, err := file.Play(ctx, store, scenario.PlayOptions{})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", o.file, err)
	}
	if want == nil {
		out := json.NewEncoder(stdout)
		out.SetIndent("", " ")
		out.SetEscapeHTML(false)
		return 0, out.Encode(got)
	}
	diff := scenario.Compare(want, got)
	for _, line := range diff {
		if _, err := fmt.Fprintln(stdout, line); err != nil {
			return 0, err
		}
	}
	return len(diff), nil
}
