package support

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tierhost/tierhost"
)

// PassUp is what a reseller asks the seller above with. Nothing else of its ticket is seen
// there: neither the account nor what was written.
type PassUp struct {
	Key   string // idempotency key; "": none
	Queue QueueID
	Title string
	Text  string
	Files []File
	// OnBehalf is the name that the customer gets there; "": it is not told.
	OnBehalf string
}

func (p *PassUp) check(m *Manager) error {
	var issues tierhost.Issues
	checkWord(&issues, "key", p.Key)
	checkNeeded(&issues, "queue", string(p.Queue))
	checkNeeded(&issues, "title", p.Title)
	checkText(&issues, "text", p.Text, true)
	checkWord(&issues, "on_behalf", p.OnBehalf)
	checkFiles(&issues, "files", p.Files, m.opt.MaxFile)
	return issues.Err()
}

// PassUp asks the seller above: in one transaction that seller gets a ticket from this one,
// and this ticket is put on hold. What is answered there comes back as a note, and the
// ticket goes on, whether it is on hold still, waits for its customer or was done. Its customer
// sees nothing of it. When this ticket is done the one above is closed; when that one is done
// this one goes on. While an answer is owed above this one is not closed by itself.
//
// It returns the number of the ticket above, which this seller also reads as that seller's
// customer. It fails with [ErrNoTicket], [ErrMerged], [ErrNoParent], [ErrPassed] if it was
// passed up before (see [Agent.Follow]), [ErrState], [ErrNoQueue] (of the parent's) and a
// [*tierhost.Invalid].
func (a *Agent) PassUp(ctx context.Context, number int64, p PassUp) (above Opened, err error) {
	const op = "support.PassUp"
	if err := p.check(a.m); err != nil {
		return Opened{}, err
	}
	if err := a.m.handOver(ctx, p.Files); err != nil {
		return Opened{}, err
	}
	parts := append([]string{strconv.FormatInt(number, 10), string(p.Queue), p.Title, p.Text, p.OnBehalf}, fileParts(p.Files)...)
	k := &use{[]string{a.seller, op, a.person}, p.Key, fingerprint(op+"/1", parts...)}
	err = a.m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		above = Opened{}
		prior, replayed, err := u.replayed(ctx, k)
		if err != nil || replayed {
			above = Opened{prior.Number, replayed}
			return err
		}
		t, err := u.live(ctx, a.ref(number))
		if err != nil {
			return err
		}
		if t.Upper != (ref{}) {
			return fmt.Errorf("%w: as number %d", ErrPassed, t.Above)
		}
		parent, err := u.parent(ctx, a.seller)
		if err != nil {
			return err
		}
		if err := u.act(ctx, t, ActHold, a.person); err != nil {
			return err
		}
		upper, err := u.open(ctx, &opening{
			seller: parent.Seller, account: parent.Account, from: Author{Role: RoleCustomer, ID: parent.Account}, onBehalf: p.OnBehalf, lower: t.ref(),
			NewTicket: NewTicket{Queue: p.Queue, Title: p.Title, Text: p.Text, Files: p.Files, Source: SourceReseller},
		})
		if err != nil {
			return err
		}
		t.Upper, t.Above = upper.ref(), upper.Number
		u.event(t.Seller, t.subject(), TicketPassed{Ticket: t.Number, Above: t.Above, By: a.person})
		above.Number = upper.Number
		if err := u.used(k, upper.Number, ""); err != nil {
			return err
		}
		return u.putTicket(t)
	})
	return above, err
}

// Follow writes more to the ticket above, and puts this one on hold again. It fails with
// [ErrPassed] if this one was not passed up, and else as [Agent.Answer] does. The number
// returned is that of the message in the ticket above.
func (a *Agent) Follow(ctx context.Context, number int64, r Reply) (Written, error) {
	return a.m.write(ctx, "support.Follow", a.seller, a.person, number, r, func(ctx context.Context, u *unit) (*ticketRow, error) {
		return u.live(ctx, a.ref(number))
	}, func(ctx context.Context, u *unit, t *ticketRow, m *Message) error {
		if t.Upper == (ref{}) {
			return fmt.Errorf("%w: number %d was not", ErrPassed, number)
		}
		upper, err := u.ticket(ctx, t.Upper)
		if err != nil {
			return err
		}
		if err := u.act(ctx, t, ActHold, a.person); err != nil {
			return err
		}
		if err := u.lendFiles(ctx, t.Seller, upper.Seller, m.Files); err != nil {
			return err
		}
		if _, err := u.eraseFiles(ctx, t.Seller, m.Files); err != nil { // the message is that one's only
			return err
		}
		m.From = Author{Role: RoleCustomer, ID: upper.Account}
		if err := u.say(ctx, upper, m); err != nil {
			return err
		}
		if err := u.act(ctx, upper, ActAsk, ""); err != nil {
			return err
		}
		return u.putTicket(upper)
	})
}

// flowBack brings an answer to the ticket that was passed up from below, if there is one:
// as a note, for the reseller to use.
func (u *unit) flowBack(ctx context.Context, t *ticketRow, m *Message) error {
	if t.Lower == (ref{}) {
		return nil
	}
	return u.below(ctx, t, func(lower *ticketRow) (*Note, error) {
		return &Note{Kind: NoteAnswer, Text: m.Text, Files: m.Files}, u.lendFiles(ctx, t.Seller, lower.Seller, m.Files)
	})
}

// owed reports whether what a ticket was passed up for is not answered yet, above or further up.
func (u *unit) owed(ctx context.Context, t *ticketRow) (bool, error) {
	if t.Upper == (ref{}) {
		return false, nil
	}
	upper, err := u.ticket(ctx, t.Upper)
	switch {
	case err != nil:
		return false, err
	case upper.State.Ours() || upper.State == StateHold:
		return true, nil
	case upper.State.Done():
		return false, nil
	}
	return u.owed(ctx, upper)
}

// below adds a note to the ticket below, which goes on if it waits for anything, and with an
// answer also if it was done.
func (u *unit) below(ctx context.Context, t *ticketRow, note func(lower *ticketRow) (*Note, error)) error {
	lower, err := u.ticket(ctx, t.Lower)
	if err != nil {
		return err
	}
	if !lower.Erased.IsZero() {
		return nil
	}
	n, err := note(lower)
	if err != nil {
		return err
	}
	if err := u.note(lower, n); err != nil {
		return err
	}
	var what Act
	switch {
	case lower.State == StateHold || lower.State == StateWaiting:
		what = ActResume
	case lower.State.Done() && n.Kind == NoteAnswer:
		what = ActReopen
	}
	if what != "" {
		if err := u.act(ctx, lower, what, ""); err != nil {
			return err
		}
	}
	u.event(lower.Seller, lower.subject(), AnswerFromAbove{Ticket: lower.Number, Note: n.Number, State: t.State})
	return u.putTicket(lower)
}

// end solves or closes a ticket, without writing it: the ticket above is closed, and the
// one below is told.
func (u *unit) end(ctx context.Context, t *ticketRow, what Act, by string) error {
	done := t.State.Done()
	if err := u.act(ctx, t, what, by); err != nil {
		return err
	}
	if err := u.endAbove(ctx, t); err != nil {
		return err
	}
	if t.Lower == (ref{}) || done {
		return nil
	}
	return u.below(ctx, t, func(*ticketRow) (*Note, error) {
		return &Note{Kind: NoteAbove, Text: string(t.State)}, nil
	})
}

// endAbove closes the ticket above, and the one above that.
func (u *unit) endAbove(ctx context.Context, t *ticketRow) error {
	if t.Upper == (ref{}) {
		return nil
	}
	upper, err := u.ticket(ctx, t.Upper)
	if err != nil || upper.State.Done() {
		return err
	}
	if err := u.act(ctx, upper, ActClose, ""); err != nil {
		return err
	}
	if err := u.endAbove(ctx, upper); err != nil {
		return err
	}
	return u.putTicket(upper)
}
