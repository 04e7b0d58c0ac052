package storage

import (
	"context"
	"errors"
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
	for {
		n, err := drainBatch(ctx, st, sink, o, &done)
		if err != nil || n == 0 {
			return done, err
		}
	}
}

func drainBatch(ctx context.Context, st OutboxStore, sink Sink, o DrainOptions, done *Drained) (int, error) {
	token := o.IDs.NewID("lease")
	now := o.Clock.Now()
	var events []Event
	err := inOutbox(ctx, st, func(ctx context.Context, ob Outbox) (err error) {
		events, err = ob.Lease(ctx, token, now, now.Add(o.Lease), o.Batch)
		return err
	})
	if err != nil || len(events) == 0 {
		return 0, err
	}
	var ack, untouched []int64
	var failed []Event
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
			failed = append(failed, e)
			done.Failed++
		}
	}
	// What the sink took must be acknowledged even when the caller gives up now.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err = inOutbox(end, st, func(ctx context.Context, ob Outbox) error {
		if _, err := ob.Ack(ctx, token, ack); err != nil {
			return err
		}
		for _, e := range failed {
			until := o.Clock.Now().Add(o.Delay * time.Duration(max(1, e.Attempts)))
			if err := ob.Release(ctx, token, []int64{e.Seq}, until); err != nil {
				return err
			}
		}
		return ob.Release(ctx, token, untouched, now)
	})
	if err != nil {
		return 0, fmt.Errorf("acknowledge events: %w", err)
	}
	if cerr := ctx.Err(); cerr != nil {
		return 0, errors.Join(cerr)
	}
	if len(ack) == 0 {
		return 0, nil // nothing moved: the rest waits for its delay
	}
	return len(ack), nil
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
