package support

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Erased is what was erased.
type Erased struct {
	Tickets int
	// Unused are contents in Options.Blobs that no attachment has any more, by digest. The
	// host deletes them, at an hour at which nobody writes, and asks [Manager.Unused] right
	// before: the same content may have been sent again since.
	Unused []string
}

// Unused returns those of some contents in Options.Blobs, by digest, which no attachment has any
// more, as of now, and which may be deleted while nobody writes. One that was never part of a
// message is not among them: its message may be about to be written. Without Options.Blobs it is
// none.
func (m *Manager) Unused(ctx context.Context, digests []string) (unused []string, err error) {
	if m.opt.Blobs == nil {
		return nil, nil
	}
	err = m.view(ctx, "support.Unused", func(ctx context.Context, u *unit) error {
		unused = nil
		for some := range slices.Chunk(digests, pageSize) {
			keys := make([]Key, len(some))
			for i, d := range some {
				keys[i] = u.fileKey("", d)
			}
			if err := u.load(ctx, keys...); err != nil {
				return err
			}
			for i, d := range some {
				row, there, err := find[fileRow](ctx, u, keys[i])
				if err != nil {
					return err
				}
				if there && row.Count == 0 {
					unused = append(unused, d)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return unused, nil
}

// Erase takes out of a ticket, and of those that were merged into it, all that was written:
// title, messages, notes, drafts, files, tags, links and the account, and the words by which
// it is found. It is closed first, as [Agent.Close] does, and is nobody's from then on. Its
// number stays, and so do the statistics, which name no customer. Of a ticket above only the
// name that was given for the customer goes: what was asked there is that seller's to erase.
// Nothing undoes it. One that was erased is left as it is.
//
// What is not the ticket's stays: jobs, which are bills, and events until they are purged from
// the outbox. It fails with [ErrNoTicket],
// [ErrMerged], and with [ErrState] for a ticket that stands for system errors.
func (a *Agent) Erase(ctx context.Context, number int64) (done Erased, err error) {
	err = a.m.transact(ctx, "support.Erase", func(ctx context.Context, u *unit) error {
		done = Erased{}
		t, err := u.ticket(ctx, a.ref(number))
		switch {
		case err != nil:
			return err
		case !t.Erased.IsZero():
			return nil
		case t.Into != 0:
			return fmt.Errorf("%w: number %d is part of number %d", ErrMerged, t.Number, t.Into)
		case t.Fault != nil:
			return fmt.Errorf("%w: number %d stands for system errors", ErrState, t.Number)
		}
		if err := u.end(ctx, t, ActClose, a.person); err != nil {
			return err
		}
		if err := u.unlink(ctx, t); err != nil {
			return err
		}
		u.event(t.Seller, t.subject(), TicketErased{Ticket: t.Number, By: a.person})
		done.Tickets = 1
		done.Unused, err = u.erase(ctx, t)
		return err
	})
	if err != nil {
		return Erased{}, err
	}
	return done, nil
}

// EraseAccount is [Agent.Erase] for all tickets of an account, each in a transaction of its
// own. What was interrupted is called again.
func (a *Agent) EraseAccount(ctx context.Context, account string) (done Erased, err error) {
	if account == "" {
		return done, nil
	}
	return a.eraseFound(ctx, TicketQuery{Account: account})
}

// EraseContact is [Agent.EraseAccount] for who has written by mail from an address and has
// no account: all tickets with that [Ticket.Contact].
func (a *Agent) EraseContact(ctx context.Context, address string) (done Erased, err error) {
	if address == "" {
		return done, nil
	}
	return a.eraseFound(ctx, TicketQuery{Contact: address})
}

// eraseFound erases all tickets of a customer: those that are erased are none of it any more.
func (a *Agent) eraseFound(ctx context.Context, q TicketQuery) (done Erased, err error) {
	for {
		var some []int64
		page, _, err := a.TicketsPage(ctx, q, Cursor{}, pageSize)
		if err != nil {
			return done, err
		}
		for i := range page {
			if page[i].Into == 0 { // the others go with those
				some = append(some, page[i].Number)
			} else {
				some = append(some, page[i].Into)
			}
		}
		if len(some) == 0 {
			break
		}
		slices.Sort(some)
		for _, number := range slices.Compact(some) {
			one, err := a.Erase(ctx, number)
			if err != nil {
				return done, err
			}
			done.Tickets += one.Tickets
			done.Unused = append(done.Unused, one.Unused...)
		}
	}
	return done, nil
}

// unlink parts a ticket from those above and below it.
func (u *unit) unlink(ctx context.Context, t *ticketRow) error {
	uppers := t.Uppers
	if t.Upper != (ref{}) {
		uppers = append(slices.Clone(uppers), t.Upper)
	}
	for _, r := range uppers {
		upper, err := u.ticket(ctx, r)
		if err != nil {
			return err
		}
		upper.Lower, upper.OnBehalf = ref{}, ""
		if err := u.putTicket(upper); err != nil {
			return err
		}
	}
	if t.Lower == (ref{}) {
		return nil
	}
	lower, err := u.ticket(ctx, t.Lower)
	if err != nil {
		return err
	}
	if lower.Upper == t.ref() {
		lower.Upper, lower.Above = ref{}, 0
	}
	lower.Uppers = slices.DeleteFunc(lower.Uppers, func(r ref) bool { return r == t.ref() })
	return u.putTicket(lower)
}

// erase erases a ticket that is closed and linked to none, and its parts.
func (u *unit) erase(ctx context.Context, t *ticketRow) (unused []string, err error) {
	for _, number := range append([]int64{t.Number}, t.From...) {
		r := ref{t.Seller, number}
		row, err := u.ticket(ctx, r)
		if err != nil {
			return nil, err
		}
		titles, _, err := find[titlesRow](ctx, u, titlesKey(r))
		if err != nil {
			return nil, err
		}
		texts := append([]string{row.Title}, titles.Titles...)
		var files []FileRef
		if err := eraseAll(ctx, u, messageList(r), func(m Message) (Key, any) {
			texts, files = append(texts, m.Text), append(files, m.Files...)
			return messageKey(r, m.Number), Message{Ticket: m.Ticket, Number: m.Number, At: m.At}
		}); err != nil {
			return nil, err
		}
		if err := eraseAll(ctx, u, noteList(r), func(n Note) (Key, any) {
			texts, files = append(texts, n.Text), append(files, n.Files...)
			return noteKey(r, n.Number), Note{Ticket: n.Ticket, Number: n.Number, At: n.At, Kind: n.Kind}
		}); err != nil {
			return nil, err
		}
		if err := eraseDrafts(ctx, u, r); err != nil {
			return nil, err
		}
		gone, err := u.eraseFiles(ctx, t.Seller, files)
		if err != nil {
			return nil, err
		}
		unused = append(unused, gone...)
		if err := u.eraseWords(ctx, r, texts); err != nil {
			return nil, err
		}
		if len(titles.Titles) > 0 {
			if err := u.put(titlesKey(r), titlesRow{Ticket: number, At: titles.At}); err != nil {
				return nil, err
			}
		}
		old := &row.Ticket
		row = &ticketRow{Seller: t.Seller, Ticket: Ticket{
			Number: number, Queue: old.Queue, Source: old.Source, State: StateClosed, Priority: old.Priority, Opened: old.Opened, Changed: old.Changed,
			Answered: old.Answered, Solved: old.Solved, Into: old.Into, From: old.From, Messages: old.Messages, Notes: old.Notes, Erased: u.now,
		}}
		if number == t.Number { // which may not have been written yet
			row.Solved = t.Solved
		}
		if err := u.putTicket(row); err != nil {
			return nil, err
		}
	}
	return unused, nil
}

// eraseAll writes something else in place of each row of a list, which is empty then.
func eraseAll[T any](ctx context.Context, u *unit, of string, instead func(T) (Key, any)) error {
	var all []T
	for l, err := range list[T](ctx, u, of, Cursor{}, pageSize) {
		if err != nil {
			return err
		}
		all = append(all, l.value)
	}
	var keys []Key
	var rows []any
	for _, v := range all {
		k, row := instead(v)
		keys, rows = append(keys, k), append(rows, row)
	}
	if err := u.load(ctx, keys...); err != nil {
		return err
	}
	for i, k := range keys {
		if err := u.put(k, rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func eraseDrafts(ctx context.Context, u *unit, r ref) error {
	var persons []string
	for l, err := range list[Draft](ctx, u, ticketDrafts(r), Cursor{}, pageSize) {
		if err != nil {
			return err
		}
		persons = append(persons, l.at.Sort)
	}
	for _, p := range persons {
		if err := u.dropDraft(ctx, r, p); err != nil {
			return err
		}
	}
	return nil
}

// eraseFiles lets go of attachments, and returns the contents that are unused in Blobs.
func (u *unit) eraseFiles(ctx context.Context, seller string, files []FileRef) ([]string, error) {
	unused, err := u.hold(ctx, seller, files, -1)
	if err != nil || u.m.opt.Blobs != nil {
		return unused, err
	}
	for _, digest := range unused {
		k := blobKey(seller, digest)
		if err := u.load(ctx, k); err != nil {
			return nil, err
		}
		if err := u.put(k, blobRow{}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// eraseWords takes a ticket out of the blocks of its words.
func (u *unit) eraseWords(ctx context.Context, r ref, texts []string) error {
	stems := u.m.opt.Words.distinct(strings.Join(texts, "\n"))
	for some := range slices.Chunk(stems, stepStems) {
		if err := u.eraseStems(ctx, r, some); err != nil {
			return err
		}
	}
	return nil
}

// eraseStems takes a ticket out of the blocks of some stems, which are sorted.
func (u *unit) eraseStems(ctx context.Context, r ref, stems []string) error {
	blocks := make([]blockAt, len(stems))
	keys := make([]Key, len(stems))
	for i, s := range stems {
		blocks[i] = blockAt{r.Seller, s, r.Number / blockSpan}
		keys[i] = blocks[i].key()
	}
	if err := u.load(ctx, keys...); err != nil {
		return err
	}
	for _, at := range blocks {
		b, err := u.block(ctx, at)
		if err != nil {
			return err
		}
		if !b.has(r.Number % blockSpan) {
			continue
		}
		b.clear(r.Number % blockSpan)
		if err := u.putBlock(at, &b); err != nil {
			return err
		}
	}
	return nil
}
