package support

import (
	"context"
	"iter"
	"slices"
	"strings"
)

// Part is the part of a queue that tickets are in by their state.
type Part string

// The parts of queues.
const (
	PartOurs    Part = "ours"    // new, open, reopened: a customer waits; the most urgent first
	PartWaiting Part = "waiting" // for the customer; the latest change first
	PartHold    Part = "hold"    // likewise
	PartDone    Part = "done"    // solved or closed; likewise
)

// TicketQuery says which tickets are meant. Those of one Queue, Owner, Account, Contact, Tag or Link are
// found by a list that is kept; the first of these that is set decides on the order. What
// else is set is compared ticket by ticket.
type TicketQuery struct {
	// Queue and Part: "": [PartOurs].
	Queue QueueID
	Part  Part
	// Owner has the tickets that are not done of a person: those for which a customer waits, the
	// most urgent first, and then the others, the latest change first. Urgency is compared
	// among tickets that grow at one rate, or not at all: others change places with time.
	Owner string
	// Account has those of a customer, the latest first.
	Account string
	// Contact has those of who has written by mail from an address and has no account, the
	// latest first.
	Contact string
	// Tag and Link have those by number.
	Tag   string
	Link  Link
	State State
}

// list is the list that has the tickets.
func (q *TicketQuery) list(seller string) string {
	switch {
	case q.Queue != "":
		part := q.Part
		if part == "" {
			part = PartOurs
		}
		return name("queue", seller, string(q.Queue), string(part))
	case q.Owner != "":
		return name("owner", seller, q.Owner)
	case q.Account != "":
		return name("account", seller, q.Account)
	case q.Contact != "":
		return name("contact", seller, strings.ToLower(q.Contact))
	case q.Tag != "":
		return name("tag", seller, q.Tag)
	case q.Link != Link{}:
		return name("link", seller, q.Link.Kind, q.Link.ID)
	}
	return name("tickets", seller)
}

func (q *TicketQuery) match(t *Ticket) bool {
	return (q.Owner == "" || q.Owner == t.Owner) && (q.Account == "" || q.Account == t.Account) && (q.State == "" || q.State == t.State) &&
		(q.Contact == "" || t.Account == "" && strings.ToLower(q.Contact) == t.Contact) &&
		(q.Tag == "" || slices.Contains(t.Tags, q.Tag)) && (q.Link == Link{} || slices.Contains(t.Links, q.Link)) &&
		(q.Part == "" || string(q.Part) == t.State.group())
}

// Tickets yields the seller's tickets that match a query. An error ends the sequence; each
// page is read in a transaction of its own.
func (a *Agent) Tickets(ctx context.Context, q TicketQuery) iter.Seq2[Ticket, error] {
	return func(yield func(Ticket, error) bool) {
		for row, err := range pages[ticketRow](ctx, a.m, "support.Tickets", q.list(a.seller)) {
			if err != nil {
				yield(Ticket{}, err)
				return
			}
			if q.match(&row.Ticket) && !yield(row.Ticket, nil) {
				return
			}
		}
	}
}

// TicketsPage returns up to limit tickets of a query behind a position, and the position of
// the last. Fewer than limit are the end.
func (a *Agent) TicketsPage(ctx context.Context, q TicketQuery, after Cursor, limit int) (page []Ticket, last Cursor, err error) {
	err = a.m.view(ctx, "support.TicketsPage", func(ctx context.Context, u *unit) error {
		page, last = nil, after
		if limit < 1 {
			return nil
		}
		for l, err := range list[ticketRow](ctx, u, q.list(a.seller), after, min(limit, pageSize)) {
			if err != nil {
				return err
			}
			last = l.at
			if q.match(&l.value.Ticket) {
				page = append(page, l.value.Ticket)
			}
			if len(page) == limit {
				break
			}
		}
		return nil
	})
	return page, last, err
}

// Overdue yields the tickets that have missed a target, the longest overdue first.
func (a *Agent) Overdue(ctx context.Context) iter.Seq2[Ticket, error] {
	now := a.m.now()
	return func(yield func(Ticket, error) bool) {
		for row, err := range pages[ticketRow](ctx, a.m, "support.Overdue", name("late", a.seller)) {
			if err != nil {
				yield(Ticket{}, err)
				return
			}
			if !row.Late(now) || !yield(row.Ticket, nil) {
				return
			}
		}
	}
}
