// Signup is what happens when a customer orders web space with a mailbox and a database:
// room is found, the signup is charged, and the three are made on their servers, all of
// it or nothing.
//
//	go run ./examples/signup                    # four customers, on servers in memory
//	go run ./examples/signup -real servers.json # one customer, on real servers
//
// On servers in memory anna gets what she ordered; bert's card is refused; for carla
// there is no room, and the program says why; dora's database cannot be made, so that
// the rest is taken back and she gets her money. Read main.go, then signup.go (what is
// done in which transaction), fleet.go (the machines) and real.go.
//
// On real servers one customer is signed up, shown, and removed again. The file names the
// servers: see servers.example.json. It needs the rights that the drivers need.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("signup", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("real", "", "work on the servers that `FILE` names")
	name := flags.String("name", "anna", "call the customer `NAME`, on real servers")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		flags.Usage()
		return 2
	}
	var err error
	if *file == "" {
		err = onFakes(ctx, stdout)
	} else {
		err = onReal(ctx, *file, *name, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "signup:", err)
		return 1
	}
	return 0
}

// onFakes plays the four customers.
func onFakes(ctx context.Context, out io.Writer) error {
	clock := tierhost.NewTestClock(time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC))
	servers := fake.New(fake.Options{Clock: clock})
	drivers := map[string]provisioning.Driver{"web": servers, "mail": servers, "database": servers}
	h, err := newHosting(ctx, clock, drivers, boxes(), out)
	if err != nil {
		return err
	}

	h.say("anna orders web space, a mailbox and a database")
	if err := h.signup(ctx, order("anna")); err != nil {
		return err
	}

	h.say("bert pays by a card that is refused")
	bert := order("bert")
	bert.card = func() error { return errors.New("the card is refused") }
	if err := h.signup(ctx, bert); err != nil {
		return err
	}

	h.say("carla wants more disk than any machine has left")
	carla := order("carla")
	carla.diskGB = 400
	if err := h.signup(ctx, carla); err != nil {
		return err
	}

	h.say("dora's database cannot be made")
	servers.Next(provisioning.VerbEnsure, fake.Fault{}) // her web space,
	servers.Next(provisioning.VerbEnsure, fake.Fault{}) // her mailbox
	servers.Next(provisioning.VerbEnsure, fake.Fault{Before: fake.ErrRefused})
	if err := h.signup(ctx, order("dora")); err != nil {
		return err
	}

	h.say("What the servers hold in the end")
	return h.loads(ctx)
}
