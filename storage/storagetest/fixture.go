package storagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// failure is an error of the suite's own, to be told from all others.
type failure string

func (f failure) Error() string { return string(f) }

const (
	errRefused  failure = "the suite's function refuses"
	errPeeked   failure = "the suite has only looked"
	errUnwanted failure = "this function must not have been run"
)

// noon is the suite's present.
func noon() time.Time { return time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC) }

// event returns an event that differs from others by its ID.
func event(id, subject string) *storage.Event {
	return &storage.Event{
		ID: id, Type: "suite.happened", Version: 1, At: noon(), Seller: "host", Subject: subject,
		Data: json.RawMessage(fmt.Sprintf(`{"id":%q}`, id)),
	}
}

// events returns n events of one subject, with IDs subject/1, subject/2, ...
func events(subject string, n int) []*storage.Event {
	out := make([]*storage.Event, n)
	for i := range out {
		out[i] = event(fmt.Sprintf("%s/%d", subject, i+1), subject)
	}
	return out
}

// update runs fn with the outbox in an Update.
func update(ctx context.Context, st storage.OutboxStore, fn func(ctx context.Context, ob storage.Outbox) error) error {
	return st.Update(ctx, within(st, fn))
}

// view runs fn with the outbox in a View.
func view(ctx context.Context, st storage.OutboxStore, fn func(ctx context.Context, ob storage.Outbox) error) error {
	return st.View(ctx, within(st, fn))
}

func within(st storage.OutboxStore, fn func(context.Context, storage.Outbox) error) func(context.Context, storage.Tx) error {
	return func(ctx context.Context, tx storage.Tx) error {
		ob, err := st.Outbox(tx)
		if err != nil {
			return fmt.Errorf("rows of the outbox: %w", err)
		}
		return fn(ctx, ob)
	}
}

// put appends events and commits.
func put(t *conformance.T, st storage.OutboxStore, list ...*storage.Event) {
	t.Helper()
	t.OK(appendTo(t.Context(), st, list...), "append %d events", len(list))
}

func appendTo(ctx context.Context, st storage.OutboxStore, list ...*storage.Event) error {
	return update(ctx, st, func(ctx context.Context, ob storage.Outbox) error { return ob.Append(ctx, list) })
}

// pending returns how many events a new View counts.
func pending(t *conformance.T, st storage.OutboxStore) int64 {
	t.Helper()
	var n int64
	t.OK(view(t.Context(), st, func(ctx context.Context, ob storage.Outbox) (err error) {
		n, err = ob.Pending(ctx)
		return err
	}), "count what is pending")
	return n
}

// lease leases and commits.
func lease(t *conformance.T, st storage.OutboxStore, token string, now, until time.Time, limit int) []storage.Event {
	t.Helper()
	list, err := leaseFrom(t.Context(), st, token, now, until, limit)
	t.OK(err, "lease under %q", token)
	return list
}

func leaseFrom(
	ctx context.Context, st storage.OutboxStore, token string, now, until time.Time, limit int,
) (list []storage.Event, err error) {
	err = update(ctx, st, func(ctx context.Context, ob storage.Outbox) (err error) {
		list, err = ob.Lease(ctx, token, now, until, limit)
		return err
	})
	return list, err
}

// ack acknowledges and commits.
func ack(t *conformance.T, st storage.OutboxStore, token string, seqs ...int64) int {
	t.Helper()
	n, err := ackIn(t.Context(), st, token, seqs...)
	t.OK(err, "acknowledge under %q", token)
	return n
}

func ackIn(ctx context.Context, st storage.OutboxStore, token string, seqs ...int64) (n int, err error) {
	err = update(ctx, st, func(ctx context.Context, ob storage.Outbox) (err error) {
		n, err = ob.Ack(ctx, token, seqs)
		return err
	})
	return n, err
}

// release releases and commits.
func release(t *conformance.T, st storage.OutboxStore, token string, until time.Time, seqs ...int64) {
	t.Helper()
	t.OK(update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
		return ob.Release(ctx, token, seqs, until, true)
	}), "release under %q", token)
}

// giveBack releases what was not tried, and commits.
func giveBack(t *conformance.T, st storage.OutboxStore, token string, until time.Time, seqs ...int64) {
	t.Helper()
	t.OK(update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
		return ob.Release(ctx, token, seqs, until, false)
	}), "give back under %q", token)
}

// purge purges and commits.
func purge(t *conformance.T, st storage.OutboxStore, before time.Time, limit int) (n int) {
	t.Helper()
	t.OK(update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) (err error) {
		n, err = ob.Purge(ctx, before, limit)
		return err
	}), "purge")
	return n
}

// peek returns what could be leased at an instant, and leases nothing.
func peek(t *conformance.T, st storage.OutboxStore, now time.Time) []storage.Event {
	t.Helper()
	var list []storage.Event
	err := update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) (err error) {
		if list, err = ob.Lease(ctx, "peek", now, now.Add(time.Hour), 10_000); err != nil {
			return err
		}
		return errPeeked
	})
	t.Is(err, errPeeked, "look at what is due")
	return list
}

// ids returns the IDs of events, in order.
func ids(list []storage.Event) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.ID
	}
	return out
}

// seqs returns the numbers of events, in order.
func seqs(list []storage.Event) []int64 {
	out := make([]int64, len(list))
	for i, e := range list {
		out[i] = e.Seq
	}
	return out
}
