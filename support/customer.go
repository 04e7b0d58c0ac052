package support

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
)

// own returns a ticket of the customer's: the one that it was merged into, if it was. What
// is not there and what is another's are told in the same words.
func (c *Customer) own(ctx context.Context, u *unit, number int64) (*ticketRow, error) {
	t, err := u.ticket(ctx, ref{c.seller, number})
	if err == nil && t.Into != 0 && t.Account == c.account {
		t, err = u.ticket(ctx, ref{c.seller, t.Into})
	}
	switch {
	case errors.Is(err, ErrNoTicket) || err == nil && (t.Account != c.account || c.account == ""):
		return nil, ErrNoTicket
	case err != nil:
		return nil, err
	}
	return t, nil
}

func (c *Customer) author() Author { return Author{Role: RoleCustomer, ID: c.account} }

// Opened is a ticket that was opened.
type Opened struct {
	Number   int64
	Replayed bool // by an earlier call with the same key
}

// Written is a message or note that was written.
type Written struct {
	Ticket   int64
	Number   int64
	Replayed bool // by an earlier call with the same key
}

// Open opens a ticket. A mail, told by its Message-ID, is one ticket or one message, however
// often it comes to a mailbox. It fails with [ErrNoQueue], [ErrKeyReused] and a [*tierhost.Invalid].
func (c *Customer) Open(ctx context.Context, n NewTicket) (Opened, error) {
	return c.m.open(ctx, "support.Open", &opening{seller: c.seller, account: c.account, NewTicket: n, from: c.author()}, c.account)
}

// open opens a ticket in a transaction of its own. who is part of the scope of its key.
func (m *Manager) open(ctx context.Context, op string, o *opening, who string) (done Opened, err error) {
	if err := o.check(m); err != nil {
		return Opened{}, err
	}
	if err := m.handOver(ctx, o.Files); err != nil {
		return Opened{}, err
	}
	parts := append([]string{string(o.Queue), o.account, o.Title, o.Text}, fileParts(o.Files)...)
	k := useOf(o.seller, op, who, o.Key, o.Mail, parts)
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		done = Opened{}
		prior, replayed, err := u.replayed(ctx, k)
		if err != nil || replayed {
			done = Opened{prior.Number, replayed}
			return err
		}
		opening := *o
		t, err := u.open(ctx, &opening)
		if err != nil {
			return err
		}
		done.Number = t.Number
		return u.used(k, t.Number, "")
	})
	return done, err
}

// Reply adds a message to a ticket. It wakes one that waits, and reopens one that was done.
// A ticket that was merged passes it on. It fails with [ErrNoTicket], [ErrKeyReused] and a
// [*tierhost.Invalid].
func (c *Customer) Reply(ctx context.Context, number int64, r Reply) (Written, error) {
	return c.m.write(ctx, "support.Reply", c.seller, c.account, number, r, func(ctx context.Context, u *unit) (*ticketRow, error) {
		return c.own(ctx, u, number)
	}, func(ctx context.Context, u *unit, t *ticketRow, m *Message) error {
		m.From = c.author()
		m.From.Name = r.As
		if err := u.say(ctx, t, m); err != nil {
			return err
		}
		return u.act(ctx, t, ActAsk, "")
	})
}

// write adds what somebody has written to a ticket, once for each key.
func (m *Manager) write(
	ctx context.Context, op, seller, who string, number int64, r Reply,
	ticket func(ctx context.Context, u *unit) (*ticketRow, error),
	add func(ctx context.Context, u *unit, t *ticketRow, m *Message) error,
) (done Written, err error) {
	if err := r.check(m); err != nil {
		return Written{}, err
	}
	if err := m.handOver(ctx, r.Files); err != nil {
		return Written{}, err
	}
	k := useOf(seller, op, who, r.Key, r.Mail, append([]string{strconv.FormatInt(number, 10)}, r.parts()...))
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		done = Written{}
		prior, replayed, err := u.replayed(ctx, k)
		if err != nil {
			return err
		}
		if replayed {
			done = Written{Number: prior.Number, Replayed: true}
			done.Ticket, err = strconv.ParseInt(prior.ID, 10, 64)
			return err
		}
		t, err := ticket(ctx, u)
		if err != nil {
			return err
		}
		if !t.Erased.IsZero() {
			return fmt.Errorf("%w: number %d", ErrErased, t.Number)
		}
		if r.Seen != 0 && t.Messages != r.Seen {
			return fmt.Errorf("%w: there are %d messages", ErrStale, t.Messages)
		}
		files, err := u.keepFiles(ctx, seller, r.Files)
		if err != nil {
			return err
		}
		message := &Message{Text: r.Text, Files: files, Mail: r.Mail}
		if err := add(ctx, u, t, message); err != nil {
			return err
		}
		done = Written{Ticket: t.Number, Number: message.Number}
		if err := u.used(k, message.Number, strconv.FormatInt(t.Number, 10)); err != nil {
			return err
		}
		return u.putTicket(t)
	})
	return done, err
}

// Close closes a ticket of the customer's. One that is closed is left as it is.
func (c *Customer) Close(ctx context.Context, number int64) error {
	return c.m.transact(ctx, "support.Close", func(ctx context.Context, u *unit) error {
		t, err := c.own(ctx, u, number)
		if err != nil || t.State == StateClosed {
			return err
		}
		return u.finish(ctx, t, ActClose, "")
	})
}

// Ticket returns a ticket of the customer's: the one that it was merged into, if it was.
// It fails with [ErrNoTicket].
func (c *Customer) Ticket(ctx context.Context, number int64) (shown CustomerTicket, err error) {
	err = c.m.view(ctx, "support.Ticket", func(ctx context.Context, u *unit) error {
		t, err := c.own(ctx, u, number)
		if err == nil {
			shown = t.shown()
		}
		return err
	})
	return shown, err
}

// Tickets yields the customer's tickets, the latest first, without those that were merged
// into others. An error ends the sequence.
func (c *Customer) Tickets(ctx context.Context) iter.Seq2[CustomerTicket, error] {
	return func(yield func(CustomerTicket, error) bool) {
		if c.account == "" {
			return
		}
		for t, err := range pages[ticketRow](ctx, c.m, "support.Tickets", name("account", c.seller, c.account)) {
			if err != nil {
				yield(CustomerTicket{}, err)
				return
			}
			if t.Into == 0 && !yield(t.shown(), nil) {
				return
			}
		}
	}
}

// Messages yields the messages of a ticket and of those that were merged into it, in the
// order of time. An error ends the sequence; [ErrNoTicket] if it is not the customer's.
func (c *Customer) Messages(ctx context.Context, number int64) iter.Seq2[CustomerMessage, error] {
	return func(yield func(CustomerMessage, error) bool) {
		for m, err := range c.m.messages(ctx, func(ctx context.Context, u *unit) (*ticketRow, error) { return c.own(ctx, u, number) }) {
			if err != nil {
				yield(CustomerMessage{}, err)
				return
			}
			if !yield(m.shown(), nil) {
				return
			}
		}
	}
}

// File returns an attachment of a message: the n-th, from 0. ticket is
// [CustomerMessage.Ticket]. It fails with [ErrNoTicket] and [ErrNoMessage].
func (c *Customer) File(ctx context.Context, ticket, message int64, n int) (f FileRef, content []byte, err error) {
	var refs []FileRef
	err = c.m.view(ctx, "support.File", func(ctx context.Context, u *unit) error {
		t, err := c.own(ctx, u, ticket)
		if err != nil {
			return err
		}
		m, err := u.message(ctx, t, ticket, message)
		if err == nil {
			refs = m.Files
		}
		return err
	})
	if err != nil {
		return FileRef{}, nil, err
	}
	return c.m.content(ctx, "support.File", c.seller, refs, n)
}
