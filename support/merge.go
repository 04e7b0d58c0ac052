package support

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
)

// Merge makes a ticket part of another one of the same customer: its messages and notes are
// read there, its tags and links are that one's too, and it is closed. Nothing is moved or
// deleted, and nothing undoes it. If one of the two was passed up, the other one then is. If
// both were, the ticket above of the one that is closed is closed too; what is still answered
// there comes to the other one. Who waits for something in one of them waits in the other: that
// one goes on, or is on hold, though it was done. One that came from below or stands for system errors is not
// merged.
//
// It fails with [ErrNoTicket], [ErrMerged], [ErrForeign], [ErrPassed], and with
// tierhost.ErrLimited (code too_many) where the parts, tags or links would be more than 100.
func (a *Agent) Merge(ctx context.Context, number, into int64) error {
	return a.m.transact(ctx, "support.Merge", func(ctx context.Context, u *unit) error {
		t, err := u.live(ctx, a.ref(number))
		if err != nil {
			return err
		}
		to, err := u.live(ctx, a.ref(into))
		if err != nil {
			return err
		}
		switch {
		case number == into:
			return tierhost.E("support.Merge", tierhost.KindInvalid, "same_ticket", nil)
		case t.Account != to.Account || t.Contact != to.Contact:
			return ErrForeign
		case t.Lower != ref{} || to.Lower != ref{}, t.Fault != nil || to.Fault != nil:
			return fmt.Errorf("%w: numbers %d and %d", ErrPassed, number, into)
		case len(to.From)+len(t.From)+1 > maxList:
			return tierhost.E("support.Merge", tierhost.KindLimited, "too_many", nil)
		}
		to.From = append(append(to.From, t.Number), t.From...)
		to.Tags = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(to.Tags), t.Tags...))))
		for _, l := range t.Links {
			if !slices.Contains(to.Links, l) {
				to.Links = append(to.Links, l)
			}
		}
		if len(to.Tags) > maxList || len(to.Links) > maxList {
			return tierhost.E("support.Merge", tierhost.KindLimited, "too_many", nil)
		}
		owed, err := u.owed(ctx, t)
		if err != nil {
			return err
		}
		if t.Upper != (ref{}) {
			upper, err := u.ticket(ctx, t.Upper)
			if err != nil {
				return err
			}
			upper.Lower = to.ref()
			if to.Upper == (ref{}) {
				to.Upper, to.Above = t.Upper, t.Above
			} else {
				to.Uppers = append(to.Uppers, t.Upper)
				if !upper.State.Done() {
					if err := u.act(ctx, upper, ActClose, ""); err != nil {
						return err
					}
					if err := u.endAbove(ctx, upper); err != nil {
						return err
					}
				}
			}
			t.Upper, t.Above = ref{}, 0
			if err := u.putTicket(upper); err != nil {
				return err
			}
		}
		for _, r := range t.Uppers {
			upper, err := u.ticket(ctx, r)
			if err != nil {
				return err
			}
			upper.Lower = to.ref()
			if err := u.putTicket(upper); err != nil {
				return err
			}
		}
		to.Uppers, t.Uppers = append(to.Uppers, t.Uppers...), nil
		// Who waits in one of them waits in the other.
		if err := u.joined(ctx, t, to, owed, a.person); err != nil {
			return err
		}
		if t.State.Ours() && !t.Since.IsZero() && t.Since.Before(to.Since) {
			to.Since = t.Since
		}
		from := t.State
		t.Into, t.From, t.State, t.Since, t.CloseAt, t.Owner = to.Number, nil, StateClosed, time.Time{}, time.Time{}, ""
		t.SolveBy, t.Left, t.Paused = time.Time{}, 0, false
		u.event(t.Seller, t.subject(), TicketsMerged{Ticket: t.Number, Into: to.Number, By: a.person})
		if from != StateClosed {
			u.event(t.Seller, t.subject(), TicketChanged{Ticket: t.Number, From: from, To: StateClosed, Queue: t.Queue, By: a.person})
		}
		if err := u.putTicket(t); err != nil {
			return err
		}
		for _, older := range to.From {
			if older == t.Number {
				continue
			}
			row, err := u.ticket(ctx, a.ref(older))
			if err != nil {
				return err
			}
			if row.Into == t.Number {
				row.Into = to.Number
				if err := u.putTicket(row); err != nil {
					return err
				}
			}
		}
		return u.putTicket(to)
	})
}

// joined brings a ticket into the state that it has to have with another one that becomes part
// of it, whose question is with the seller above already. owed: the other one's was not answered.
func (u *unit) joined(ctx context.Context, t, to *ticketRow, owed bool, by string) error {
	still, err := u.owed(ctx, to)
	if err != nil {
		return err
	}
	goesOn := t.State.Ours() || t.State == StateHold && owed && !still // nobody above wakes it any more
	waits := t.State == StateHold || owed && still && !t.State.Done()
	var acts []Act
	if to.State.Done() && (goesOn || waits) {
		acts = append(acts, ActReopen)
	}
	switch to.State {
	case StateWaiting, StateHold:
		if goesOn {
			acts = append(acts, ActResume)
		} else if waits && to.State == StateWaiting {
			acts = append(acts, ActHold)
		}
	case StateSolved, StateClosed:
		if waits && !goesOn {
			acts = append(acts, ActHold)
		}
	}
	for _, what := range acts {
		if err := u.act(ctx, to, what, by); err != nil {
			return err
		}
	}
	return nil
}

// Split makes a new ticket of some messages of one. They stay where they are; the new
// ticket begins with copies that say so. It is of the same customer and in the same queue.
// It fails with [ErrNoTicket], [ErrMerged], [ErrNoMessage] and a [*tierhost.Invalid].
func (a *Agent) Split(ctx context.Context, number int64, title string, messages []Origin) (split int64, err error) {
	var issues tierhost.Issues
	checkNeeded(&issues, "title", title)
	switch {
	case len(messages) == 0:
		issues.Add("messages", "required", "no message is named")
	case len(messages) > maxList:
		issues.Add("messages", "too_many", "more than %d", maxList)
	}
	for i, o := range messages {
		if slices.Contains(messages[:i], o) {
			issues.Add(tierhost.Path("messages", i), "duplicate", "it is named twice")
		}
	}
	if err := issues.Err(); err != nil {
		return 0, err
	}
	err = a.m.transact(ctx, "support.Split", func(ctx context.Context, u *unit) error {
		t, err := u.live(ctx, a.ref(number))
		if err != nil {
			return err
		}
		var copies []*Message
		for _, o := range messages {
			m, err := u.message(ctx, t, o.Ticket, o.Number)
			if err != nil {
				return err
			}
			m.Copied = &Origin{m.Ticket, m.Number}
			copies = append(copies, m)
		}
		q, err := u.queue(ctx, a.seller, t.Queue)
		if err != nil {
			return err
		}
		n, err := u.rows.Draw(ctx, name("tickets", a.seller))
		if err != nil {
			return err
		}
		fresh := &ticketRow{Seller: a.seller, Ticket: Ticket{
			Number: n, Queue: t.Queue, Account: t.Account, Contact: t.Contact, Title: title, Source: t.Source, Links: slices.Clone(t.Links), Priority: t.Priority,
		}}
		u.begin(fresh, &q.Queue)
		for _, m := range copies {
			if _, err := u.hold(ctx, a.seller, m.Files, 1); err != nil {
				return err
			}
			if err := u.say(ctx, fresh, m); err != nil {
				return err
			}
		}
		split = n
		if err := u.touch(t); err != nil {
			return err
		}
		return u.putTicket(fresh)
	})
	return split, err
}
