package mailbox_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest"
)

// Mail comes in, is answered, and the answer to that finds its ticket.
func Example() {
	if err := correspond(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ticket 1: My site is slow
	// to alice@example.org, from "Acme Help" <help@acme.test>
	// to alice@example.org, from "Ann (Acme Help)" <help@acme.test>
	// customer: Since yesterday.
	// agent: It is well again.
	// customer: Thank you!
}

func correspond(ctx context.Context) error {
	store, clock := memory.New(), tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC))
	desk, err := support.NewManager(store, support.Options{Clock: clock})
	if err != nil {
		return err
	}
	tokens, err := support.NewTokens(support.TokenKey{ID: "k1", Secret: secret.New(strings.Repeat("a secret ", 4))})
	if err != nil {
		return err
	}
	office, err := mailbox.New(store, desk, mailbox.Options{Clock: clock, Tokens: tokens})
	if err != nil {
		return err
	}
	// In a program these are a mailbox.IMAP and a mailbox.SMTP.
	box, server := &mailboxtest.Source{}, &mailboxtest.Transport{}
	in, err := office.Fetcher("help", box, mailbox.FetcherOptions{})
	if err != nil {
		return err
	}
	out, err := office.Outbox(server, mailbox.OutboxOptions{})
	if err != nil {
		return err
	}
	ann := desk.Agent("acme", "ann")
	if err := ann.PutQueue(ctx, support.Queue{ID: "help", Name: "Acme Help", Address: "help@acme.test", AutoClose: 7}); err != nil {
		return err
	}

	box.Deliver("From: alice@example.org\r\nTo: help@acme.test\r\nSubject: My site is slow\r\nMessage-ID: <1@example.org>\r\n\r\nSince yesterday.\r\n")
	if _, err := in.Step(ctx); err != nil {
		return err
	}
	ticket, err := ann.Ticket(ctx, 1)
	if err != nil {
		return err
	}
	fmt.Printf("ticket %d: %s\n", ticket.Number, ticket.Title)
	if _, err := ann.Answer(ctx, 1, support.Reply{Text: "It is well again.", As: "Ann"}); err != nil {
		return err
	}
	if _, err := storage.Drain(ctx, store, out.Take, storage.DrainOptions{Clock: clock}); err != nil {
		return err
	}
	for worked := true; worked; { // the acknowledgement and the answer
		if worked, err = out.Step(ctx); err != nil {
			return err
		}
	}
	var id string
	for _, s := range server.Sent() {
		m := mailbox.Parse([]byte(s.Mail), mailbox.Limits{})
		fmt.Printf("to %s, from %s\n", s.To, m.Header.Get("From"))
		id = m.MessageID
	}

	box.Deliver("From: alice@example.org\r\nTo: help@acme.test\r\nSubject: Thanks\r\nIn-Reply-To: <" + id + ">\r\n\r\nThank you!\r\n")
	clock.Advance(time.Minute)
	if _, err := in.Step(ctx); err != nil {
		return err
	}
	for m, err := range ann.Messages(ctx, 1) {
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", m.From.Role, m.Text)
	}
	return nil
}
