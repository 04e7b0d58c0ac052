package support

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
)

// QueueID names a queue among those of a seller.
type QueueID string

// Queue is where tickets wait.
type Queue struct {
	ID   QueueID `json:"id"`
	Name string  `json:"name"`
	// Address is the mail address of the queue, "" for none. No other queue of any seller
	// has it.
	Address string `json:"address,omitempty"`
	// Priority is that of new tickets, 1 to 99; 0: [DefaultPriority].
	Priority int `json:"priority,omitempty"`
	// Growth is how long a customer waits for one point more of priority; 0: it does not
	// grow.
	Growth time.Duration `json:"growth,omitempty"`
	// AutoClose is after how many days of 24 hours a ticket is closed that was answered and
	// whose customer says nothing: 0 at once, -1 never.
	AutoClose int `json:"auto_close"`
	// FirstAnswer and Solution are how much business time may pass until the first answer
	// and until the ticket is solved; 0: there is no target. The time in which the ticket
	// waits for the customer or is on hold does not count for the solution.
	FirstAnswer time.Duration `json:"first_answer,omitempty"`
	Solution    time.Duration `json:"solution,omitempty"`
	Hours       Hours         `json:"hours,omitzero"`
}

// Clone returns a copy that shares no memory with q.
func (q Queue) Clone() Queue {
	q.Hours = q.Hours.Clone()
	return q
}

// longest bounds growth and targets: a year.
const longest = 366 * 24 * time.Hour

func (q *Queue) check() error {
	var issues tierhost.Issues
	checkNeeded(&issues, "id", string(q.ID))
	checkNeeded(&issues, "name", q.Name)
	checkWord(&issues, "address", q.Address)
	if q.Address != "" && (strings.Count(q.Address, "@") != 1 || strings.ContainsAny(q.Address, " <>,;")) {
		issues.Add("address", "invalid_address", "%.100q is no mail address", q.Address)
	}
	if q.Priority < 0 || q.Priority > MaxPriority {
		issues.Add("priority", "out_of_range", "priorities are from %d to %d", MinPriority, MaxPriority)
	}
	if q.AutoClose < -1 || q.AutoClose > 3650 {
		issues.Add("auto_close", "out_of_range", "days, 0 at once, or -1 never")
	}
	for path, d := range map[string]time.Duration{"growth": q.Growth, "first_answer": q.FirstAnswer, "solution": q.Solution} {
		if d < 0 || d > longest || d%time.Second != 0 {
			issues.Add(path, "out_of_range", "whole seconds, up to a year")
		}
	}
	slices.SortFunc(issues, func(a, b tierhost.Issue) int { return strings.Compare(a.Path, b.Path) })
	q.Hours.check(&issues, "hours")
	return issues.Err()
}

// queueRow is a queue as it is kept.
type queueRow struct {
	Queue
	// Sorted is how far tickets were sorted anew after Growth has changed.
	Resort bool   `json:"resort,omitempty"`
	Sorted Cursor `json:"sorted,omitzero"`
	Seller string `json:"seller"`
}

// addressRow says whose a mail address is.
type addressRow struct {
	Seller string  `json:"seller"`
	Queue  QueueID `json:"queue,omitempty"` // "": nobody's any more
}

func queueKey(seller string, id QueueID) Key { return Key{"queue", name(seller, string(id))} }

func addressKey(address string) Key { return Key{"address", name(strings.ToLower(address))} }

// resortList has the queues whose tickets are to be sorted anew.
const resortList = "resort"

func (u *unit) queue(ctx context.Context, seller string, id QueueID) (queueRow, error) {
	q, there, err := find[queueRow](ctx, u, queueKey(seller, id))
	if err == nil && !there {
		err = fmt.Errorf("%w: %.100q", ErrNoQueue, id)
	}
	return q, err
}

func (u *unit) putQueue(q queueRow) error {
	places := []Place{{name("queues", q.Seller), string(q.ID)}}
	if q.Resort {
		places = append(places, Place{resortList, ""})
	}
	return u.put(queueKey(q.Seller, q.ID), q, places...)
}

// PutQueue makes a queue, or changes the one with its ID. Another Growth reaches the order
// of the tickets that are there by [Manager.Step]. It fails with [ErrAddressTaken] and with
// a [*tierhost.Invalid].
func (a *Agent) PutQueue(ctx context.Context, q Queue) error {
	q = q.Clone()
	if q.Priority == 0 {
		q.Priority = DefaultPriority
	}
	if err := q.check(); err != nil {
		return err
	}
	return a.m.transact(ctx, "support.PutQueue", func(ctx context.Context, u *unit) error {
		row, there, err := find[queueRow](ctx, u, queueKey(a.seller, q.ID))
		if err != nil {
			return err
		}
		if there && row.Growth != q.Growth {
			row.Resort, row.Sorted = true, Cursor{}
		}
		if old := row.Address; !strings.EqualFold(old, q.Address) {
			if err := u.moveAddress(ctx, a.seller, q.ID, old, q.Address); err != nil {
				return err
			}
		}
		row.Queue, row.Seller = q, a.seller
		return u.putQueue(row)
	})
}

// moveAddress gives a queue another address.
func (u *unit) moveAddress(ctx context.Context, seller string, id QueueID, from, to string) error {
	if to != "" {
		k := addressKey(to)
		at, _, err := find[addressRow](ctx, u, k)
		if err != nil {
			return err
		}
		if at.Queue != "" && (at.Seller != seller || at.Queue != id) {
			return ErrAddressTaken
		}
		if err := u.put(k, addressRow{seller, id}); err != nil {
			return err
		}
	}
	if from == "" {
		return nil
	}
	if _, _, err := find[addressRow](ctx, u, addressKey(from)); err != nil {
		return err
	}
	return u.put(addressKey(from), addressRow{})
}

// Queue returns a queue, or [ErrNoQueue].
func (a *Agent) Queue(ctx context.Context, id QueueID) (q Queue, err error) {
	err = a.m.view(ctx, "support.Queue", func(ctx context.Context, u *unit) error {
		row, err := u.queue(ctx, a.seller, id)
		q = row.Queue
		return err
	})
	return q, err
}

// Queues yields the seller's queues in the order of their IDs.
func (a *Agent) Queues(ctx context.Context) iter.Seq2[Queue, error] {
	return func(yield func(Queue, error) bool) {
		for row, err := range pages[queueRow](ctx, a.m, "support.Queues", name("queues", a.seller)) {
			if !yield(row.Queue, err) || err != nil {
				return
			}
		}
	}
}

// Addressed returns whose queue a mail address is, or [ErrNoQueue]: what comes to it is in
// that seller's name.
func (m *Manager) Addressed(ctx context.Context, address string) (seller string, id QueueID, err error) {
	err = m.view(ctx, "support.Addressed", func(ctx context.Context, u *unit) error {
		at, _, err := find[addressRow](ctx, u, addressKey(address))
		if err == nil && at.Queue == "" {
			err = ErrNoQueue
		}
		seller, id = at.Seller, at.Queue
		return err
	})
	return seller, id, err
}
