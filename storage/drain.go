package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
)

// Sink takes one event outside the database (a queue, a mail, a webhook). It is
// called at least once for each event; a nil error acknowledges it.
type Sink func(ctx context.Context, e Event) error

// DrainOptions are the settings of [Drain]; the zero value works.
type DrainOptions struct {
	Clock tierhost.Clock // nil: the system's
	IDs   tierhost.IDs   // nil: UUIDs; for lease tokens
	Batch int            // events leased at once; 0: 100
	Lease time.Duration  // how long a sink may take for a batch; 0: 5 minutes
	Delay time.Duration  // how long a failed event is kept back, times its attempts; 0: 10 s
	// Dead is asked after a failure; when it returns true the event is given up
	// (acknowledged). nil never gives up, and the subject's later events wait.
	Dead func(e Event, err error) bool
}

// Drained says what one call of [Drain] did.
type Drained struct {
	Delivered int // acknowledged by the sink
	Failed    int // kept back for later
	Dead      int // given up by DrainOptions.Dead
}

// Drain delivers the events that are due, batch by batch, until none is left or ctx
// is done, and returns what it did. A failure of the sink keeps that event and the
// later ones of its subject back and is no error of Drain. Several processes may
// drain one store at once. The sink is never called within a transaction.
func Drain(ctx context.Context, st OutboxStore, sink Sink, o DrainOptions) (Drained, error) {
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	if o.IDs == nil {
		o.IDs = tierhost.UUIDs()
	}
	if o.Batch <= 0 {
		o.Batch = 100
	}
	if o.Lease <= 0 {
		o.Lease = 5 * time.Minute
	}
	if o.Delay <= 0 {
		o.Delay = 10 * time.Second
	}
	var done Drained
	failed := map[int64]bool{}
	for {
		moved, err := drainBatch(ctx, st, sink, o, &done, failed)
		if err != nil || !moved {
			return done, err
		}
	}
}

// drainBatch delivers one batch. moved is false when there was nothing to deliver or
// nothing came of it, so that the rest has to wait; failed has the events that the sink
// refused so far, by Seq.
func drainBatch(ctx context.Context, st OutboxStore, sink Sink, o DrainOptions, done *Drained, failed map[int64]bool) (moved bool, err error) {
	token := o.IDs.NewID("lease")
	now := o.Clock.Now()
	var events []Event
	err = inOutbox(ctx, st, func(ctx context.Context, ob Outbox) (err error) {
		events, err = ob.Lease(ctx, token, now, now.Add(o.Lease), o.Batch)
		return err
	})
	if err != nil || len(events) == 0 {
		return false, err
	}
	var ack, untouched []int64
	var refused []Event
	blocked := map[string]bool{} // subjects with a failure in this batch
	for _, e := range events {
		if ctx.Err() != nil || blocked[e.Subject] || !o.Clock.Now().Before(now.Add(o.Lease)) {
			untouched = append(untouched, e.Seq)
			continue
		}
		switch err := sink(ctx, e); {
		case err == nil:
			ack = append(ack, e.Seq)
			done.Delivered++
		case o.Dead != nil && o.Dead(e, err):
			ack = append(ack, e.Seq)
			done.Dead++
		default:
			blocked[e.Subject] = true
			refused = append(refused, e)
			done.Failed++
			moved = moved || !failed[e.Seq]
			failed[e.Seq] = true
		}
	}
	// What the sink took must be acknowledged even when the caller gives up now.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	acked := 0
	err = inOutbox(end, st, func(ctx context.Context, ob Outbox) (err error) {
		if acked, err = ob.Ack(ctx, token, ack); err != nil {
			return err
		}
		for _, e := range refused {
			until := o.Clock.Now().Add(o.Delay * time.Duration(max(1, e.Attempts)))
			if err := ob.Release(ctx, token, []int64{e.Seq}, until, true); err != nil {
				return err
			}
		}
		return ob.Release(ctx, token, untouched, now, false)
	})
	if err != nil {
		return false, fmt.Errorf("acknowledge events: %w", err)
	}
	return moved || acked > 0, ctx.Err()
}

func inOutbox(ctx context.Context, st OutboxStore, fn func(context.Context, Outbox) error) error {
	return st.Update(ctx, func(ctx context.Context, tx Tx) error {
		ob, err := st.Outbox(tx)
		if err != nil {
			return err
		}
		return fn(ctx, ob)
	})
}
