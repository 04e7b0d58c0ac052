package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// outboxState is the queue of events.
type outboxState struct {
	lastSeq   int64
	ids       tree[string, struct{}]
	pending   tree[int64, *parcel]        // undelivered, by Seq
	delivered tree[deliveredKey, *parcel] // until they are purged
}

// parcel is an event with its lease. It is never changed, only replaced.
type parcel struct {
	event  storage.Event
	leased bool // under token
	token  string
	until  time.Time // end of the lease, or of being held back
}

// under reports whether p is leased under token. A lease that has run out counts
// until another one takes its place: nobody else has seen the event since.
func (p *parcel) under(token string) bool { return p.leased && p.token == token }

type deliveredKey struct {
	at  time.Time
	seq int64
}

func newOutboxState() outboxState {
	return outboxState{
		ids:     newTree[string, struct{}](cmp.Compare[string]),
		pending: newTree[int64, *parcel](cmp.Compare[int64]),
		delivered: newTree[deliveredKey, *parcel](func(a, b deliveredKey) int {
			return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq))
		}),
	}
}

// Outbox implements [storage.OutboxStore].
func (s *Store) Outbox(x storage.Tx) (storage.Outbox, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return outbox{t}, nil
}

// outbox is the queue within a transaction.
type outbox struct{ tx *tx }

func (o outbox) Append(ctx context.Context, events []*storage.Event) error {
	if err := o.tx.writing(ctx); err != nil {
		return err
	}
	return o.tx.appendEvents(events)
}

// appendEvents aborts the transaction when it fails.
func (t *tx) appendEvents(events []*storage.Event) error {
	st := &t.state.outbox
	for _, e := range events {
		if st.ids.has(e.ID) {
			return t.abort(fmt.Errorf("event %.80q: %w", e.ID, storage.ErrExists))
		}
		st.lastSeq++
		kept := cloneEvent(*e)
		kept.Seq, kept.Attempts = st.lastSeq, 0
		st.ids.set(t.own, kept.ID, struct{}{})
		st.pending.set(t.own, kept.Seq, &parcel{event: kept})
	}
	// Last, so that a failed Append leaves no number in the caller's rows.
	for i, e := range events {
		e.Seq = st.lastSeq - int64(len(events)-1-i)
	}
	return nil
}

func (o outbox) Lease(ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
	if err := o.tx.writing(ctx); err != nil {
		return nil, err
	}
	st := &o.tx.state.outbox
	now, until = instant(now), instant(until)
	var due []*parcel
	blocked := map[string]bool{} // subjects with an earlier event that is not due
	for _, p := range st.pending.all() {
		if len(due) >= limit {
			break
		}
		if blocked[p.event.Subject] {
			continue
		}
		if p.until.After(now) {
			blocked[p.event.Subject] = true
			continue
		}
		due = append(due, p)
	}
	var events []storage.Event
	for _, p := range due {
		leased := &parcel{event: p.event, leased: true, token: token, until: until}
		leased.event.Attempts++
		st.pending.set(o.tx.own, leased.event.Seq, leased)
		events = append(events, cloneEvent(leased.event))
	}
	return events, nil
}

func (o outbox) Ack(ctx context.Context, token string, seqs []int64) (int, error) {
	if err := o.tx.writing(ctx); err != nil {
		return 0, err
	}
	st := &o.tx.state.outbox
	n := 0
	for _, seq := range seqs {
		p, ok := st.pending.get(seq)
		if !ok || !p.under(token) {
			continue
		}
		st.pending.delete(o.tx.own, seq)
		st.delivered.set(o.tx.own, deliveredKey{p.event.At, seq}, p)
		n++
	}
	return n, nil
}

func (o outbox) Release(ctx context.Context, token string, seqs []int64, until time.Time, tried bool) error {
	if err := o.tx.writing(ctx); err != nil {
		return err
	}
	st := &o.tx.state.outbox
	for _, seq := range seqs {
		p, ok := st.pending.get(seq)
		if !ok || !p.under(token) {
			continue
		}
		back := &parcel{event: p.event, until: instant(until)}
		if !tried {
			back.event.Attempts--
		}
		st.pending.set(o.tx.own, seq, back)
	}
	return nil
}

func (o outbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := o.tx.writing(ctx); err != nil {
		return 0, err
	}
	st := &o.tx.state.outbox
	before = instant(before)
	var old []deliveredKey
	for k := range st.delivered.all() {
		if len(old) >= limit || !k.at.Before(before) {
			break
		}
		old = append(old, k)
	}
	for _, k := range old {
		p, _ := st.delivered.get(k)
		st.delivered.delete(o.tx.own, k)
		st.ids.delete(o.tx.own, p.event.ID)
	}
	return len(old), nil
}

func (o outbox) Pending(ctx context.Context) (int64, error) {
	if err := o.tx.reading(ctx); err != nil {
		return 0, err
	}
	return int64(o.tx.state.outbox.pending.size), nil
}

func cloneEvent(e storage.Event) storage.Event {
	e.At = instant(e.At)
	e.Data = slices.Clone(e.Data)
	return e
}

// instant is how times are kept: UTC, microseconds, no monotonic reading.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
