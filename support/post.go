package support

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// Post is what comes to a seller's desk by mail. Who has written, and to which ticket it
// belongs, was established by the caller (package mailbox): nothing of a mail is proof by
// itself. A ticket that was erased is none to it: what is written to it is a new one's.
type Post struct {
	m      *Manager
	seller string
}

// Post returns the handle of what comes to a seller by mail.
func (m *Manager) Post(seller string) *Post { return &Post{m, seller} }

// Open opens a ticket of an account, or with "" of nobody who is known: the ticket then has
// the sender's address for its [Ticket.Contact], which n.Mail.From must be. It fails as
// [Customer.Open] does.
func (p *Post) Open(ctx context.Context, account string, n NewTicket) (Opened, error) {
	n.Source = SourceMail
	o := &opening{seller: p.seller, account: account, NewTicket: n, from: Author{Role: RoleCustomer, ID: account}}
	if account == "" {
		o.stranger, o.contact = true, strings.ToLower(n.Mail.From)
	}
	return p.m.open(ctx, "support.Post.Open", o, "mail")
}

// Reply adds a message to a ticket, as [Customer.Reply] does, whoever's it is: the caller
// knows that the sender was written to about it. account is the sender's, "" if it has
// none or is not known to. A ticket of another account is [ErrForeign]. It fails with
// [ErrNoTicket], [ErrKeyReused] and a [*tierhost.Invalid] too.
func (p *Post) Reply(ctx context.Context, number int64, account string, r Reply) (Written, error) {
	return p.m.write(ctx, "support.Post.Reply", p.seller, "mail", number, r, func(ctx context.Context, u *unit) (*ticketRow, error) {
		t, err := p.ticket(ctx, u, number)
		if err == nil && account != "" && t.Account != "" && account != t.Account {
			err = ErrForeign
		}
		return t, err
	}, func(ctx context.Context, u *unit, t *ticketRow, m *Message) error {
		m.From = Author{Role: RoleCustomer, ID: account, Name: r.As}
		if err := u.say(ctx, t, m); err != nil {
			return err
		}
		return u.act(ctx, t, ActAsk, "")
	})
}

// Note writes a note of [NoteMail], which changes no state: what machines write, and what
// became of a mail. It fails as [Agent.Note] does, but takes a ticket that was merged for
// the one it was merged into.
func (p *Post) Note(ctx context.Context, number int64, r Reply) (Written, error) {
	return p.m.write(ctx, "support.Post.Note", p.seller, "mail", number, r, func(ctx context.Context, u *unit) (*ticketRow, error) {
		return p.ticket(ctx, u, number)
	}, func(_ context.Context, u *unit, t *ticketRow, m *Message) error {
		n := &Note{Kind: NoteMail, Text: m.Text, Files: m.Files}
		err := u.note(t, n)
		m.Number = n.Number
		return err
	})
}

// Ticket returns a ticket: the one that it was merged into, if it was. It fails with
// [ErrNoTicket].
func (p *Post) Ticket(ctx context.Context, number int64) (t Ticket, err error) {
	err = p.m.view(ctx, "support.Post.Ticket", func(ctx context.Context, u *unit) error {
		row, err := p.ticket(ctx, u, number)
		if err == nil {
			t = row.Ticket
		}
		return err
	})
	return t, err
}

func (p *Post) ticket(ctx context.Context, u *unit, number int64) (*ticketRow, error) {
	t, err := u.ticket(ctx, ref{p.seller, number})
	if err == nil && t.Into != 0 {
		t, err = u.ticket(ctx, ref{p.seller, t.Into})
	}
	if err == nil && !t.Erased.IsZero() {
		return nil, fmt.Errorf("%w: number %d was erased", ErrNoTicket, t.Number)
	}
	return t, err
}

// Message returns a message of a ticket; number is that of the ticket which it was written
// to. It fails with [ErrNoTicket] and [ErrNoMessage].
func (a *Agent) Message(ctx context.Context, ticket, number int64) (found Message, err error) {
	err = a.m.view(ctx, "support.Message", func(ctx context.Context, u *unit) error {
		if _, err := u.ticket(ctx, a.ref(ticket)); err != nil {
			return err
		}
		m, there, err := find[Message](ctx, u, messageKey(a.ref(ticket), number))
		if err == nil && !there {
			err = fmt.Errorf("%w: %d of ticket %d", ErrNoMessage, number, ticket)
		}
		m.Files = slices.Clone(m.Files)
		found = m
		return err
	})
	return found, err
}

// checkSender finds the fault of a ticket that is nobody's.
func (o *opening) checkSender(issues *tierhost.Issues) {
	switch {
	case o.from.Role != RoleCustomer:
	case o.stranger:
		checkWord(issues, "mail.from", o.contact)
	default:
		checkNeeded(issues, "account", o.account)
	}
}
