package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// Transport hands a mail to a server.
//
// Within v1 no method will be added to this interface.
type Transport interface {
	// Send hands over a mail with its sender, "" for nobody (a null reverse path), and its
	// recipient. It may be called again with the same mail, whose Message-ID is the same
	// then. A mail that the server takes neither now nor later MUST be [ErrRefused]; any
	// other error is tried again.
	Send(ctx context.Context, from, to string, mail []byte) error
}

// OutboxOptions are the settings of an [Outbox]. The zero value works.
type OutboxOptions struct {
	// First and Longest are how long a mail waits after a failure, doubling; 0: a minute
	// and an hour. GiveUp is after how long it is given up; 0: 2 days.
	First, Longest, GiveUp time.Duration
	// Lease is how long the server may take for a mail; 0: 15 minutes. It has to be
	// longer than the server may take for the answer to a whole mail, [SMTP.Final].
	Lease time.Duration
	// Idle is how long [Outbox.Run] waits at most when there is nothing to do; 0: 10 s.
	Idle time.Duration
}

// Outbox sends what desks write to customers by mail, and acknowledgements. It is safe for
// concurrent use; several, in one process or many, may work at once.
type Outbox struct {
	o   *Office
	to  Transport
	opt OutboxOptions
}

// Outbox returns what sends the office's mail.
func (o *Office) Outbox(to Transport, opt OutboxOptions) (*Outbox, error) {
	if to == nil {
		return nil, tierhost.E("mailbox.Outbox", tierhost.KindInvalid, "no_transport", nil)
	}
	for _, d := range []struct {
		at      *time.Duration
		without time.Duration
	}{
		{&opt.First, time.Minute}, {&opt.Longest, time.Hour}, {&opt.GiveUp, 48 * time.Hour}, {&opt.Lease, 15 * time.Minute}, {&opt.Idle, 10 * time.Second},
	} {
		if *d.at <= 0 {
			*d.at = d.without
		}
	}
	return &Outbox{o, to, opt}, nil
}

// outList has the mails that are to be sent, by when they are due.
const outList = "mail/out"

// outState is what became of a mail that is to be sent.
type outState string

const (
	outDue    outState = "due"
	outSent   outState = "sent"
	outFailed outState = "failed"
	outErased outState = "erased" // its ticket was erased, before or after it was sent
)

// outRow is a mail that is to be sent, or was.
type outRow struct {
	Seller    string    `json:"seller"`
	Ticket    int64     `json:"ticket"`
	Number    int64     `json:"number"` // of the message
	Ack       bool      `json:"ack,omitempty"`
	To        string    `json:"to"`
	Name      string    `json:"name,omitempty"`
	Via       string    `json:"via"` // the queue's address
	MessageID string    `json:"message_id"`
	Refs      []string  `json:"refs,omitempty"` // what it answers, the oldest first
	At        time.Time `json:"at"`
	Due       time.Time `json:"due"`
	Attempts  int       `json:"attempts,omitempty"`
	State     outState  `json:"state"`
	Fault     string    `json:"fault,omitempty"` // of the last attempt
}

func (r *outRow) which() string {
	if r.Ack {
		return "a" + strconv.FormatInt(r.Number, 10)
	}
	return strconv.FormatInt(r.Number, 10)
}

func (r *outRow) key() support.Key {
	return keyOf(kindOut, r.Seller, strconv.FormatInt(r.Ticket, 10), r.which())
}

func (r *outRow) places() []support.Place {
	of := support.Place{List: ticketList("out", r.Seller, r.Ticket), Sort: sortOf(r.At)}
	if r.State != outDue {
		return []support.Place{of}
	}
	return []support.Place{of, {List: outList, Sort: sortOf(r.Due)}}
}

// enqueue has a mail sent, once for each message.
func (w *work) enqueue(ctx context.Context, r outRow) error {
	row, err := read[outRow](ctx, w.rows, r.key())
	if err != nil || row.there() {
		return err
	}
	token := w.opt.Tokens.Sign(support.TokenSubject{Seller: r.Seller, Ticket: r.Ticket, Recipient: r.To})
	r.MessageID, r.At, r.Due, r.State = messageID(token, r.which(), r.Via), w.at, w.at, outDue
	thread, err := w.thread(ctx, r.Seller, r.Ticket)
	if err != nil {
		return err
	}
	r.Refs = slices.Clone(thread.value.Refs)
	thread.value.refer(r.MessageID)
	if thread.value.To == "" {
		thread.value.To, thread.value.Name = r.To, r.Name
	}
	if err := thread.write(ctx, w.rows); err != nil {
		return err
	}
	// That it is ours is known before it leaves.
	id, err := read[idRow](ctx, w.rows, idKey(r.Seller, r.MessageID))
	if err != nil {
		return err
	}
	id.value = idRow{Ticket: r.Ticket, Number: r.Number, Address: r.To, Ours: true}
	if err := id.write(ctx, w.rows, id.value.place(r.Seller, idList)); err != nil {
		return err
	}
	row.value = r
	return row.write(ctx, w.rows, r.places()...)
}

// Take takes an event of the outbox of the store: what somebody at a desk has written to a
// customer is to be sent, and of a ticket that was erased the addresses go, and what was
// not sent yet. Events that are nothing for it are no errors, and neither are
// those that it has had already. Use it in the sink of storage.Drain.
func (b *Outbox) Take(ctx context.Context, e storage.Event) error {
	data, err := support.DecodeEvent(e)
	if errors.Is(err, tierhost.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	if erased, ok := data.(support.TicketErased); ok {
		return b.o.update(ctx, "mailbox.Take", func(ctx context.Context, w *work) error { return w.erase(ctx, e.Seller, erased.Ticket) })
	}
	added, ok := data.(support.MessageAdded)
	if !ok || added.Role != support.RoleAgent {
		return nil
	}
	return b.o.update(ctx, "mailbox.Take", func(ctx context.Context, w *work) error {
		return w.answer(ctx, e.Seller, added.Ticket, added.Message)
	})
}

// answer has a message of a desk's sent to the customer.
func (w *work) answer(ctx context.Context, seller string, ticket, number int64) error {
	agent := w.desk.Agent(seller, "")
	m, err := agent.Message(ctx, ticket, number)
	if errors.Is(err, support.ErrNoMessage) || errors.Is(err, support.ErrNoTicket) {
		return nil // of a store that was put back
	}
	if err != nil || m.From.Role != support.RoleAgent || m.Copied != nil {
		return err
	}
	t, err := agent.Ticket(ctx, ticket)
	if err != nil {
		return err
	}
	r := outRow{Seller: seller, Ticket: ticket, Number: number}
	if err := w.recipient(ctx, seller, &t, &r); err != nil {
		return err
	}
	// The address of the queue in which the ticket is now; else that which was written to.
	q, err := agent.Queue(ctx, t.Queue)
	if err != nil {
		return err
	}
	if q.Address != "" {
		r.Via = q.Address
	}
	switch {
	case !validAddress(r.To):
		return w.unsent(ctx, seller, &t, number, "no address of the customer is known")
	case !validAddress(r.Via):
		return w.unsent(ctx, seller, &t, number, "the queue has no address")
	}
	if own, err := w.own(ctx, r.To); err != nil || own {
		return err // between desks, tickets are passed up
	}
	return w.enqueue(ctx, r)
}

// unsent tells the desk that an answer goes nowhere, where the customer expects a mail: one
// who has opened the ticket at the panel reads it there.
func (w *work) unsent(ctx context.Context, seller string, t *support.Ticket, number int64, why string) error {
	if t.Source != support.SourceMail {
		return nil
	}
	_, err := w.desk.Post(seller).Note(ctx, t.Number, support.Reply{
		// The reason may be another one by the time that the event comes again.
		Key: fmt.Sprintf("mail-unsent-%d-%d-%s", t.Number, number, why), Text: "This answer was not sent by mail: " + why + ".",
	})
	if errors.Is(err, support.ErrNoTicket) {
		return nil // it was erased
	}
	return err
}

// recipient finds whom a ticket is answered to: who has written last, to it or to what was
// merged into it, if that address is of the ticket's account still; else the customer's
// address.
func (w *work) recipient(ctx context.Context, seller string, t *support.Ticket, r *outRow) error {
	for _, number := range append([]int64{t.Number, t.Into}, t.From...) {
		thread, err := w.thread(ctx, seller, number)
		if err != nil {
			return err
		}
		v := thread.value
		if r.Via == "" {
			r.Via = v.Via
		}
		if v.To == "" {
			continue
		}
		of, err := w.account(ctx, w.tx, seller, v.To)
		if err != nil {
			return err
		}
		if t.Account == "" || w.opt.Senders == nil || of == t.Account {
			r.To, r.Name, r.Via = v.To, v.Name, v.Via
			return nil
		}
	}
	if r.To = t.Contact; t.Account == "" || w.opt.Recipients == nil {
		return nil
	}
	to, err := w.opt.Recipients.Recipient(ctx, w.tx, seller, t.Account)
	r.To = to
	return err
}

// Step sends one mail that is due, and reports whether there was one. A failure of the
// server is no error of Step: the mail waits, and what is refused or given up is told to
// the desk in a note.
func (b *Outbox) Step(ctx context.Context) (worked bool, err error) {
	claimed, err := b.claim(ctx)
	if err != nil || claimed == nil {
		return false, err
	}
	r := &claimed.value
	mail, from, err := b.o.compose(ctx, r)
	if err == nil {
		sending, cancel := context.WithTimeout(ctx, b.opt.Lease)
		err = b.to.Send(sending, from, r.To, mail)
		cancel()
	}
	if err != nil && ctx.Err() != nil {
		return true, ctx.Err() // the lease ends, and another sends it
	}
	return true, b.outcome(ctx, claimed, err)
}

// claim leases the mail that is due first.
func (b *Outbox) claim(ctx context.Context) (claimed *kept[outRow], err error) {
	err = b.o.update(ctx, "mailbox.Step", func(ctx context.Context, w *work) error {
		claimed = nil
		first, err := w.rows.List(ctx, outList, support.Cursor{}, 1)
		if err != nil || len(first) == 0 || first[0].Sort > sortOf(w.at) {
			return err
		}
		row, err := rowOf[outRow](first[0].Row)
		if err != nil {
			return err
		}
		row.value.Attempts++
		row.value.Due = w.at.Add(b.opt.Lease)
		claimed = row
		return row.write(ctx, w.rows, row.value.places()...)
	})
	if err != nil {
		claimed = nil
	}
	return claimed, err
}

// outcome notes what became of a mail, unless its lease has ended and another has it.
func (b *Outbox) outcome(ctx context.Context, claimed *kept[outRow], failure error) error {
	return b.o.update(ctx, "mailbox.Step", func(ctx context.Context, w *work) error {
		row, err := read[outRow](ctx, w.rows, claimed.key)
		if err != nil || row.value.State != outDue || row.value.Attempts != claimed.value.Attempts {
			return err
		}
		r := &row.value
		r.Fault = ""
		switch wait := worker.Doubled(b.opt.First, b.opt.Longest, r.Attempts); {
		case failure == nil:
			r.State = outSent
		case errors.Is(failure, support.ErrErased):
			r.State = outErased // the rest goes with the event
		case errors.Is(failure, ErrRefused) || !w.at.Add(wait).Before(r.At.Add(b.opt.GiveUp)):
			r.State = outFailed
			r.Fault = cut(line(strings.TrimPrefix(failure.Error(), ErrRefused.Error()+": ")), 500)
			what := "The mail"
			if r.Ack {
				what = "The acknowledgement"
			}
			_, err := w.desk.Post(r.Seller).Note(ctx, r.Ticket, support.Reply{Text: fmt.Sprintf("%s to %s was not sent: %s", what, r.To, r.Fault)})
			if err != nil && !errors.Is(err, support.ErrNoTicket) {
				return err
			}
		default:
			r.Due = w.at.Add(wait)
			r.Fault = cut(line(failure.Error()), 500)
			w.opt.Logger.WarnContext(ctx, "a mail was not sent", "ticket", r.Ticket, "attempt", r.Attempts, "error", failure)
		}
		return row.write(ctx, w.rows, r.places()...)
	})
}

// NextDue returns when the next mail is to be sent, or the zero time if none is.
func (b *Outbox) NextDue(ctx context.Context) (next time.Time, err error) {
	err = b.o.view(ctx, "mailbox.NextDue", func(ctx context.Context, w *work) error {
		next = time.Time{}
		first, err := w.rows.List(ctx, outList, support.Cursor{}, 1)
		if err != nil || len(first) == 0 {
			return err
		}
		row, err := rowOf[outRow](first[0].Row)
		if err == nil {
			next = row.value.Due
		}
		return err
	})
	return next, err
}

// Run calls [Outbox.Step] again and again until ctx is done, whose error it returns. When
// the store fails it logs that and waits.
func (b *Outbox) Run(ctx context.Context) error {
	return worker.Loop{
		Step: b.Step, NextDue: b.NextDue, Now: b.o.now, Idle: b.opt.Idle, Jitter: func(d time.Duration) time.Duration { return d },
		Failed: func(ctx context.Context, err error) {
			b.o.opt.Logger.ErrorContext(ctx, "mail is not sent", "error", err, "code", tierhost.CodeOf(err))
		},
	}.Run(ctx)
}
