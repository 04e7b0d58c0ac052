package mailbox_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/supporttest"
)

// people are the accounts of addresses, by seller.
type people map[string]string

func (p people) Sender(_ context.Context, _ storage.Tx, seller, address string) (string, error) {
	return p[seller+"/"+strings.ToLower(address)], nil
}

func (p people) Recipient(_ context.Context, _ storage.Tx, seller, account string) (string, error) {
	for key, a := range maps.All(p) {
		if s, address, _ := strings.Cut(key, "/"); a == account && s == seller {
			return address, nil
		}
	}
	return "", nil
}

// world is a host and its reseller acme, each with a queue that has an address.
type world struct {
	t      testing.TB
	ctx    context.Context
	clock  *tierhost.TestClock
	store  support.Store
	desk   *support.Manager
	tokens *support.Tokens
	office *mailbox.Office
}

const helpAddress, hostAddress = "help@acme.test", "support@host.test"

func newWorld(t testing.TB, change ...func(*mailbox.Options)) *world {
	t.Helper()
	return newWorldOn(t, memory.New(), change...)
}

func newWorldOn(t testing.TB, st support.Store, change ...func(*mailbox.Options)) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), clock: tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)), store: st}
	var err error
	w.desk, err = support.NewManager(st, support.Options{Clock: w.clock, Parents: supporttest.Chain{"host", "acme"}})
	require.NoError(t, err)
	w.tokens, err = support.NewTokens(support.TokenKey{ID: "k1", Secret: secret.New(strings.Repeat("k", 32))})
	require.NoError(t, err)
	who := people{"acme/alice@example.org": "alice", "acme/bob@example.org": "bob", "host/boss@reseller.test": "account of acme"}
	o := mailbox.Options{Clock: w.clock, Tokens: w.tokens, Senders: who, Recipients: who}
	for _, c := range change {
		c(&o)
	}
	w.office, err = mailbox.New(st, w.desk, o)
	require.NoError(t, err)
	w.queue("acme", support.Queue{ID: "help", Name: "Acme Help", Address: helpAddress, AutoClose: -1})
	w.queue("host", support.Queue{ID: "top", Name: "Host Support", Address: hostAddress, AutoClose: -1})
	return w
}

func (w *world) queue(seller string, q support.Queue) {
	w.t.Helper()
	require.NoError(w.t, w.desk.Agent(seller, "boss").PutQueue(w.ctx, q))
}

func (w *world) ann() *support.Agent { return w.desk.Agent("acme", "ann") }

// drain hands the events of the store to the outbox.
func (w *world) drain(b *mailbox.Outbox) {
	w.t.Helper()
	_, err := storage.Drain(w.ctx, w.store, b.Take, storage.DrainOptions{Clock: w.clock})
	require.NoError(w.t, err)
}

// send has the outbox send all that is due.
func (w *world) send(b *mailbox.Outbox) (sent int) {
	w.t.Helper()
	w.drain(b)
	for {
		worked, err := b.Step(w.ctx)
		require.NoError(w.t, err)
		if !worked {
			return sent
		}
		sent++
	}
}

// receive has the office take a mail.
func (w *world) receive(mail string) mailbox.Receipt {
	w.t.Helper()
	r, err := w.office.Receive(w.ctx, mailbox.Delivery{Mailbox: "inbox", Raw: []byte(mail)})
	require.NoError(w.t, err)
	return r
}

func (w *world) messages(ticket int64) (all []string) {
	w.t.Helper()
	for m, err := range w.ann().Messages(w.ctx, ticket) {
		require.NoError(w.t, err)
		all = append(all, string(m.From.Role)+": "+m.Text)
	}
	return all
}

func (w *world) notes(ticket int64) (all []string) {
	w.t.Helper()
	for n, err := range w.ann().Notes(w.ctx, ticket) {
		require.NoError(w.t, err)
		all = append(all, n.Text)
	}
	return all
}

func (w *world) ticket(number int64) support.Ticket {
	w.t.Helper()
	t, err := w.ann().Ticket(w.ctx, number)
	require.NoError(w.t, err)
	return t
}

func (w *world) tickets() (n int) {
	w.t.Helper()
	for _, err := range w.ann().Tickets(w.ctx, support.TicketQuery{}) {
		require.NoError(w.t, err)
		n++
	}
	return n
}

func (w *world) answer(ticket int64, text string) {
	w.t.Helper()
	_, err := w.ann().Answer(w.ctx, ticket, support.Reply{Text: text, As: "Ann"})
	require.NoError(w.t, err)
}

// mailOf is a mail, of fields that are given as "Name: value", and a text.
func mailOf(from, to, subject, text string, fields ...string) string {
	head := fmt.Sprintf("Return-Path: <%s>\r\nFrom: %s\r\nTo: %s\r\nSubject: %s\r\n", from, from, to, subject)
	for _, f := range fields {
		head += f + "\r\n"
	}
	return head + "\r\n" + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"
}

// field is a field of a mail.
func field(t testing.TB, mail, name string) string {
	t.Helper()
	m := mailbox.Parse([]byte(mail), mailbox.Limits{})
	return m.Header.Get(name)
}
