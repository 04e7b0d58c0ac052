package support

import (
	"context"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
)

// Step does one thing that is due, and reports whether there was one: it closes a ticket
// that was answered long enough ago, sorts some tickets of a queue anew whose growth has
// changed, or takes words that were written since into the index of tickets. Several may run
// at once.
func (m *Manager) Step(ctx context.Context) (worked bool, err error) {
	err = m.transact(ctx, "support.Step", func(ctx context.Context, u *unit) error {
		worked = false
		for l, err := range list[ticketRow](ctx, u, closeList, Cursor{}, 1) {
			if err != nil {
				return err
			}
			if l.value.CloseAt.After(u.now) {
				break
			}
			worked = true
			t, err := u.ticket(ctx, l.value.ref())
			if err != nil || t.CloseAt.IsZero() || t.CloseAt.After(u.now) {
				return err
			}
			owed, err := u.owed(ctx, t)
			if err != nil {
				return err
			}
			if owed { // it was asked again above since: what is answered there wakes it
				t.CloseAt = time.Time{}
				return u.touch(t)
			}
			return u.finish(ctx, t, ActClose, "")
		}
		for l, err := range list[queueRow](ctx, u, resortList, Cursor{}, 1) {
			if err != nil {
				return err
			}
			worked = true
			return u.resort(ctx, l.value.Seller, l.value.ID)
		}
		worked, err = u.index(ctx)
		return err
	})
	return worked, err
}

// resort gives some tickets of a queue the queue's growth.
func (u *unit) resort(ctx context.Context, seller string, id QueueID) error {
	q, err := u.queue(ctx, seller, id)
	if err != nil || !q.Resort {
		return err
	}
	const most = 10 * pageSize // rows that are looked at
	var some []ref
	at, seen := q.Sorted, 0
	// By number, an order in which they stay.
	for l, err := range list[ticketRow](ctx, u, name("tickets", seller), at, pageSize) {
		if err != nil {
			return err
		}
		at = l.at
		seen++
		if t := &l.value; t.Queue == id && t.Growth != q.Growth && !t.State.Done() {
			some = append(some, t.ref())
		}
		if len(some) == pageSize || seen == most {
			break
		}
	}
	for _, r := range some {
		t, err := u.ticket(ctx, r)
		if err != nil {
			return err
		}
		t.Growth = q.Growth
		if err := u.touch(t); err != nil {
			return err
		}
	}
	q.Resort, q.Sorted = len(some) == pageSize || seen == most, at
	return u.putQueue(q)
}

// NextDue returns when the next ticket is to be closed, which may be in the past, or the
// zero time if none is.
func (m *Manager) NextDue(ctx context.Context) (next time.Time, err error) {
	err = m.view(ctx, "support.NextDue", func(ctx context.Context, u *unit) error {
		next = time.Time{}
		for l, err := range list[ticketRow](ctx, u, closeList, Cursor{}, 1) {
			next = l.value.CloseAt
			return err
		}
		return nil
	})
	return next, err
}

// Run calls [Manager.Step] again and again until ctx is done, whose error it returns. When
// there is nothing to do it waits until something is due, at most for Options.Idle. When the
// store fails it logs that and waits as long. In a transaction of the host's it is
// tierhost.ErrUnsupported.
func (m *Manager) Run(ctx context.Context) error {
	if m.tx != nil {
		return tierhost.E("support.Run", tierhost.KindUnsupported, "in_transaction", nil)
	}
	return worker.Loop{
		Step: m.Step, NextDue: m.NextDue, Now: m.now, Idle: m.opt.Idle, Jitter: func(d time.Duration) time.Duration { return d },
		Failed: func(ctx context.Context, err error) {
			m.opt.Logger.ErrorContext(ctx, "tickets are not closed", "error", err, "code", tierhost.CodeOf(err))
		},
	}.Run(ctx)
}
