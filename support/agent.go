package support

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/tierhost/tierhost"
)

func (a *Agent) author(as string) Author { return Author{RoleAgent, a.person, as} }

func (a *Agent) ref(number int64) ref { return ref{a.seller, number} }

// change changes a ticket in a transaction.
func (a *Agent) change(ctx context.Context, op string, number int64, fn func(ctx context.Context, u *unit, t *ticketRow) error) error {
	return a.m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		t, err := u.live(ctx, a.ref(number))
		if err != nil {
			return err
		}
		if err := fn(ctx, u, t); err != nil {
			return err
		}
		return u.putTicket(t)
	})
}

// OpenFor opens a ticket in the name of a customer, "" for none, with what the person has
// to say as its first message. Its source is [SourceStaff] unless it is given. See
// [Customer.Open].
func (a *Agent) OpenFor(ctx context.Context, account string, n NewTicket) (Opened, error) {
	if n.Source == "" {
		n.Source = SourceStaff
	}
	return a.m.open(ctx, "support.OpenFor", &opening{seller: a.seller, account: account, NewTicket: n, from: a.author("")}, a.person)
}

// PickUp makes the person the owner of a ticket that nobody has. Of several at once one
// gets it; the others fail with [ErrTaken].
func (a *Agent) PickUp(ctx context.Context, number int64) error {
	return a.change(ctx, "support.PickUp", number, func(ctx context.Context, u *unit, t *ticketRow) error {
		if t.Owner != "" && t.Owner != a.person {
			return fmt.Errorf("%w: by %.100q", ErrTaken, t.Owner)
		}
		return u.give(ctx, t, a.person, a.person)
	})
}

// Assign makes somebody the owner of a ticket, or, with "", nobody. It fails with
// [ErrTaken] unless the owner is still from: who was seen to have it, "" for nobody.
// Drafts of others stay.
func (a *Agent) Assign(ctx context.Context, number int64, from, to string) error {
	var issues tierhost.Issues
	checkWord(&issues, "to", to)
	if err := issues.Err(); err != nil {
		return err
	}
	return a.change(ctx, "support.Assign", number, func(ctx context.Context, u *unit, t *ticketRow) error {
		if t.Owner != from {
			return fmt.Errorf("%w: by %.100q", ErrTaken, t.Owner)
		}
		return u.give(ctx, t, to, a.person)
	})
}

// give makes somebody the owner.
func (u *unit) give(ctx context.Context, t *ticketRow, to, by string) error {
	before := t.Owner
	t.Owner = to
	if to == "" {
		u.event(t.Seller, t.subject(), TicketChanged{Ticket: t.Number, From: t.State, To: t.State, Queue: t.Queue, By: by})
		return nil
	}
	state := t.State
	if err := u.act(ctx, t, ActTake, by); err != nil {
		return err
	}
	if before != to && state == t.State {
		u.event(t.Seller, t.subject(), TicketChanged{Ticket: t.Number, From: state, To: t.State, Queue: t.Queue, Owner: to, By: by})
	}
	return nil
}

// Answer writes to the customer. The ticket then waits for it, and is closed by itself as
// its queue says; with 0 days it is closed at once. One that was passed up, and for which the
// seller above still owes an answer, is not: that answer wakes it. If it was passed up from
// below, the answer comes to the reseller's ticket as a note. The draft that the person had of it is gone. It fails
// with [ErrNoTicket], [ErrMerged], [ErrState], [ErrKeyReused] and a [*tierhost.Invalid].
func (a *Agent) Answer(ctx context.Context, number int64, r Reply) (Written, error) {
	return a.m.write(ctx, "support.Answer", a.seller, a.person, number, r, func(ctx context.Context, u *unit) (*ticketRow, error) {
		return u.live(ctx, a.ref(number))
	}, func(ctx context.Context, u *unit, t *ticketRow, m *Message) error {
		m.From = a.author(r.As)
		if err := u.say(ctx, t, m); err != nil {
			return err
		}
		if t.Owner == "" {
			t.Owner = a.person
		}
		if err := u.act(ctx, t, ActAnswer, a.person); err != nil {
			return err
		}
		if err := u.dropDraft(ctx, t.ref(), a.person); err != nil {
			return err
		}
		q, err := u.queue(ctx, t.Seller, t.Queue)
		if err != nil {
			return err
		}
		if err := u.flowBack(ctx, t, m); err != nil {
			return err
		}
		if t.State != StateWaiting || q.AutoClose < 0 {
			return nil
		}
		if owed, err := u.owed(ctx, t); err != nil || owed {
			return err
		}
		if q.AutoClose == 0 {
			return u.end(ctx, t, ActClose, a.person)
		}
		t.CloseAt = u.now.AddDate(0, 0, q.AutoClose)
		return nil
	})
}

// Note writes a note, which no customer sees. It does not change the state. It fails as
// [Agent.Answer] does.
func (a *Agent) Note(ctx context.Context, number int64, r Reply) (Written, error) {
	return a.m.write(ctx, "support.Note", a.seller, a.person, number, r, func(ctx context.Context, u *unit) (*ticketRow, error) {
		return u.live(ctx, a.ref(number))
	}, func(_ context.Context, u *unit, t *ticketRow, m *Message) error {
		n := &Note{Kind: NoteWritten, By: a.person, Text: m.Text, Files: m.Files}
		err := u.note(t, n)
		m.Number = n.Number
		return err
	})
}

// Hold lets a ticket wait for something that is not the customer.
func (a *Agent) Hold(ctx context.Context, number int64) error {
	return a.do(ctx, "support.Hold", number, ActHold)
}

// Resume goes on with a ticket that has waited.
func (a *Agent) Resume(ctx context.Context, number int64) error {
	return a.do(ctx, "support.Resume", number, ActResume)
}

// Reopen goes on with a ticket that was done.
func (a *Agent) Reopen(ctx context.Context, number int64) error {
	return a.do(ctx, "support.Reopen", number, ActReopen)
}

func (a *Agent) do(ctx context.Context, op string, number int64, what Act) error {
	return a.change(ctx, op, number, func(ctx context.Context, u *unit, t *ticketRow) error { return u.act(ctx, t, what, a.person) })
}

// Solve marks a ticket as solved. If it was passed up, the ticket above is closed.
func (a *Agent) Solve(ctx context.Context, number int64) error {
	return a.finish(ctx, "support.Solve", number, ActSolve)
}

// Close closes a ticket. If it was passed up, the ticket above is closed too.
func (a *Agent) Close(ctx context.Context, number int64) error {
	return a.finish(ctx, "support.Close", number, ActClose)
}

func (a *Agent) finish(ctx context.Context, op string, number int64, what Act) error {
	return a.m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		t, err := u.live(ctx, a.ref(number))
		if err != nil {
			return err
		}
		return u.finish(ctx, t, what, a.person)
	})
}

// finish solves or closes a ticket and writes it.
func (u *unit) finish(ctx context.Context, t *ticketRow, what Act, by string) error {
	if err := u.end(ctx, t, what, by); err != nil {
		return err
	}
	return u.putTicket(t)
}

// Settings are what may be changed of a ticket. What is nil stays.
type Settings struct {
	Queue    *QueueID
	Title    *string
	Priority *int // 1 to 99: where it begins to grow from
	Sticky   *bool
	Tags     *[]string
	Links    *[]Link
}

func (s *Settings) check() error {
	var issues tierhost.Issues
	if s.Queue != nil {
		checkNeeded(&issues, "queue", string(*s.Queue))
	}
	if s.Title != nil {
		checkNeeded(&issues, "title", *s.Title)
	}
	if s.Priority != nil && (*s.Priority < MinPriority || *s.Priority > MaxPriority) {
		issues.Add("priority", "out_of_range", "priorities are from %d to %d", MinPriority, MaxPriority)
	}
	if s.Tags != nil {
		checkMany(&issues, "tags", *s.Tags)
	}
	if s.Links != nil {
		checkLinks(&issues, "links", *s.Links)
	}
	return issues.Err()
}

// Set changes a ticket. In another queue it grows at that queue's rate; its targets stay.
// It fails with [ErrNoQueue] and a [*tierhost.Invalid].
func (a *Agent) Set(ctx context.Context, number int64, s Settings) error {
	if err := s.check(); err != nil {
		return err
	}
	return a.change(ctx, "support.Set", number, func(ctx context.Context, u *unit, t *ticketRow) error {
		if s.Queue != nil && *s.Queue != t.Queue {
			q, err := u.queue(ctx, a.seller, *s.Queue)
			if err != nil {
				return err
			}
			t.Queue, t.Growth = q.ID, q.Growth
			u.event(t.Seller, t.subject(), TicketChanged{Ticket: t.Number, From: t.State, To: t.State, Queue: t.Queue, Owner: t.Owner, By: a.person})
		}
		if s.Title != nil && *s.Title != t.Title {
			former := t.Title
			t.Title = *s.Title
			if err := u.retitled(ctx, t, former); err != nil {
				return err
			}
		}
		if s.Priority != nil {
			t.Priority = *s.Priority
		}
		if s.Sticky != nil {
			t.Sticky = *s.Sticky
		}
		if s.Tags != nil {
			t.Tags = slices.Compact(slices.Sorted(slices.Values(*s.Tags)))
		}
		if s.Links != nil {
			t.Links = slices.Clone(*s.Links)
		}
		return nil
	})
}

// Ticket returns a ticket of the seller's, or [ErrNoTicket].
func (a *Agent) Ticket(ctx context.Context, number int64) (t Ticket, err error) {
	err = a.m.view(ctx, "support.Ticket", func(ctx context.Context, u *unit) error {
		row, err := u.ticket(ctx, a.ref(number))
		if err == nil {
			t = row.Ticket
		}
		return err
	})
	return t, err
}

// Messages yields the messages of a ticket and of those that were merged into it, in the
// order of time. An error ends the sequence.
func (a *Agent) Messages(ctx context.Context, number int64) iter.Seq2[Message, error] {
	return a.m.messages(ctx, func(ctx context.Context, u *unit) (*ticketRow, error) { return u.ticket(ctx, a.ref(number)) })
}

// Notes is [Agent.Messages] for notes.
func (a *Agent) Notes(ctx context.Context, number int64) iter.Seq2[Note, error] {
	return a.m.notes(ctx, func(ctx context.Context, u *unit) (*ticketRow, error) { return u.ticket(ctx, a.ref(number)) })
}

// File returns an attachment of a message: the n-th, from 0.
func (a *Agent) File(ctx context.Context, ticket, message int64, n int) (FileRef, []byte, error) {
	return a.file(ctx, ticket, n, func(ctx context.Context, u *unit, t *ticketRow) ([]FileRef, error) {
		m, err := u.message(ctx, t, ticket, message)
		return m.Files, err
	})
}

// NoteFile returns an attachment of a note: the n-th, from 0.
func (a *Agent) NoteFile(ctx context.Context, ticket, note int64, n int) (FileRef, []byte, error) {
	return a.file(ctx, ticket, n, func(ctx context.Context, u *unit, t *ticketRow) ([]FileRef, error) {
		v, there, err := find[Note](ctx, u, noteKey(t.ref(), note))
		if err == nil && !there {
			err = ErrNoMessage
		}
		return v.Files, err
	})
}

func (a *Agent) file(
	ctx context.Context, ticket int64, n int, refs func(ctx context.Context, u *unit, t *ticketRow) ([]FileRef, error),
) (FileRef, []byte, error) {
	var files []FileRef
	err := a.m.view(ctx, "support.File", func(ctx context.Context, u *unit) error {
		t, err := u.ticket(ctx, a.ref(ticket))
		if err == nil {
			files, err = refs(ctx, u, t)
		}
		return err
	})
	if err != nil {
		return FileRef{}, nil, err
	}
	return a.m.content(ctx, "support.File", a.seller, files, n)
}
