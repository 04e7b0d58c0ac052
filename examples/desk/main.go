// Desk is the support desks of a reseller and of its host in one program. A customer asks
// its reseller, which asks the host without saying for whom; the answer comes back as a
// note, and the customer sees the reseller only. A system error becomes one ticket of the
// host's, however often it comes. A migration is offered, quoted, accepted, done, and billed
// to both in one transaction.
//
//	go run ./examples/desk
//
// company.go makes the sellers and their desks; books.go is how jobs get into the books, and
// where the desks learn who is above whom.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
)

func main() {
	if err := demo(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "desk:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, out io.Writer) error {
	c, err := open(ctx, memory.New())
	if err != nil {
		return err
	}
	for _, part := range []func(ctx context.Context, out io.Writer) error{c.question, c.fault, c.migration} {
		if err := part(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// question is one that the reseller cannot answer by itself.
func (c *company) question(ctx context.Context, out io.Writer) error {
	asked, err := c.panel.Open(ctx, support.NewTicket{Queue: "help", Title: "My site is slow", Text: "Since yesterday. Please help, Alice"})
	if err != nil {
		return err
	}
	if err := c.ann.PickUp(ctx, asked.Number); err != nil {
		return err
	}
	c.clock.Advance(10 * time.Minute)
	if _, err := c.ann.Note(ctx, asked.Number, support.Reply{Text: "She pays late, but this is not her fault."}); err != nil {
		return err
	}
	up, err := c.ann.PassUp(ctx, asked.Number, support.PassUp{Queue: "resellers", Title: "web3 is slow", Text: "A customer of ours sees 20 s for a page."})
	if err != nil {
		return err
	}
	c.clock.Advance(time.Hour)
	if _, err := c.hugo.Note(ctx, up.Number, support.Reply{Text: "The raid was never finished. Do not tell."}); err != nil {
		return err
	}
	if _, err := c.hugo.Answer(ctx, up.Number, support.Reply{Text: "web3 had a failing disk, which was replaced.", As: "Hugo"}); err != nil {
		return err
	}
	c.clock.Advance(5 * time.Minute)
	if _, err := c.ann.Answer(ctx, asked.Number, support.Reply{Text: "We have replaced a disk. It is fast again.", As: "Ann of Acme"}); err != nil {
		return err
	}

	fmt.Fprintln(out, "Alice sees:")
	for t, err := range c.panel.Tickets(ctx) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  number %d, %s: %s\n", t.Number, t.State, t.Title)
		for m, err := range c.panel.Messages(ctx, t.Number) {
			if err != nil {
				return err
			}
			who := string(m.Role)
			if m.Name != "" {
				who += ", " + m.Name
			}
			fmt.Fprintf(out, "    %s: %s\n", who, m.Text)
		}
	}
	fmt.Fprintln(out, "Ann at Acme sees:")
	if err := tickets(ctx, out, c.ann); err != nil {
		return err
	}
	fmt.Fprintln(out, "Hugo at the host sees:")
	return tickets(ctx, out, c.hugo)
}

// tickets prints what somebody at a desk sees.
func tickets(ctx context.Context, out io.Writer, a *support.Agent) error {
	for t, err := range a.Tickets(ctx, support.TicketQuery{}) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  number %d of account %s in queue %s, %s: %s\n", t.Number, t.Account, t.Queue, t.State, t.Title)
		for m, err := range a.Messages(ctx, t.Number) {
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "    %s %s: %s\n", m.From.Role, m.From.ID, m.Text)
		}
		for n, err := range a.Notes(ctx, t.Number) {
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "    note (%s): %s\n", n.Kind, n.Text)
		}
	}
	return nil
}

// fault is a system error that comes three times.
func (c *company) fault(ctx context.Context, out io.Writer) error {
	var number int64
	for range 3 {
		var err error
		number, err = c.desks.Report(ctx, support.SystemError{Source: "provisioning", Code: "disk_failed", Text: "web3: sda is gone"})
		if err != nil {
			return err
		}
		c.clock.Advance(time.Minute)
	}
	t, err := c.hugo.Ticket(ctx, number)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "A system error is number %d of the host's, for all %d times that it has come: %s\n", t.Number, t.Fault.Count, t.Title)
	return nil
}

// migration is work outside of the price list, which the host does for the reseller.
func (c *company) migration(ctx context.Context, out io.Writer) error {
	job, err := c.ann.OpenJob(ctx, support.NewJob{Account: name(c.alice), Subject: "Move a shop here", Served: true})
	if err != nil {
		return err
	}
	id, rev := job.ID, job.Revision
	var shown support.CustomerJob
	for _, step := range []func() error{
		func() (err error) {
			rev, err = c.ann.Plan(ctx, id, rev, c.work("Move files and database", 80_00, "2.5"), "Within a week", "She may cancel otherwise.")
			return err
		},
		func() (err error) {
			rev, err = c.hugo.Offer(ctx, id, rev, c.work("Migration", 50_00, "2.5"))
			return err
		},
		func() (err error) { rev, err = c.ann.Quote(ctx, id, rev); return err },
		func() error {
			for j, err := range c.panel.Jobs(ctx) {
				if err != nil {
					return err
				}
				shown = j
			}
			fmt.Fprintf(out, "Alice is quoted %s for: %s. %s\n", shown.Total, shown.Subject, shown.Status)
			return nil
		},
		func() (err error) { rev, err = c.panel.Accept(ctx, id, shown.Revision); return err },
		func() (err error) { rev, err = c.hugo.FinishJob(ctx, id, rev); return err },
		func() (err error) { rev, err = c.ann.Bill(ctx, id, rev); return err },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "In the books:")
	debits, err := c.debits(ctx, c.alice)
	if err != nil {
		return err
	}
	for _, e := range debits {
		fmt.Fprintf(out, "  Alice owes Acme %s: %s\n", e.Amount, e.Reference)
	}
	if debits, err = c.debits(ctx, c.acme); err != nil {
		return err
	}
	for _, e := range debits {
		fmt.Fprintf(out, "  Acme owes the host %s: %s\n", e.Amount, e.Reference)
	}
	return nil
}
