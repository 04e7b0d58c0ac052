package storagetest_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest"
)

func roughMutants() []mutant {
	concurrent := func(h *storagetest.Harness) { h.Concurrent = true }
	return []mutant{
		{name: "late events are forgotten", rules: []string{"OUT-10"}, shape: concurrent,
			make: func() storage.OutboxStore { return newRough("cursor") }},
		{name: "locked events are skipped, not their subject", rules: []string{"OUT-11"}, shape: concurrent,
			make: func() storage.OutboxStore { return newRough("overtake") }},
	}
}

// rough is an outbox in which transactions really run at the same time: numbers are
// drawn at once, rows appear at the commit, leased rows are locked until then. It is
// as much of a store as the rules about concurrency need.
type rough struct {
	fault string // "cursor": delivers only what is newer than the newest delivered; "overtake"

	mu     sync.Mutex
	last   int64 // number drawn
	newest int64 // number delivered
	rows   map[int64]*roughRow
	ids    map[string]bool
}

type roughRow struct {
	event  storage.Event
	token  string
	until  time.Time
	locked *roughTx
	gone   bool // delivered
}

type roughTx struct {
	st      *rough
	added   []*roughRow
	changes []func() // applied by the commit
}

func newRough(fault string) *rough {
	return &rough{fault: fault, rows: map[int64]*roughRow{}, ids: map[string]bool{}}
}

func (t *roughTx) StoreID() any { return t.st }

func (s *rough) Update(ctx context.Context, fn txFunc) error {
	ctx, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	t := &roughTx{st: s}
	err = fn(ctx, t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rows {
		if r.locked == t {
			r.locked = nil
		}
	}
	for _, r := range t.added {
		if err == nil && s.ids[r.event.ID] {
			err = storage.ErrExists
		}
	}
	if err != nil {
		return err
	}
	for _, r := range t.added {
		s.rows[r.event.Seq] = r
		s.ids[r.event.ID] = true
	}
	for _, change := range t.changes {
		change()
	}
	return nil
}

func (s *rough) View(ctx context.Context, fn txFunc) error { return s.Update(ctx, fn) }

func (s *rough) Outbox(tx storage.Tx) (storage.Outbox, error) { return tx.(*roughTx), nil }

func (t *roughTx) Append(_ context.Context, events []*storage.Event) error {
	t.st.mu.Lock()
	defer t.st.mu.Unlock()
	for _, e := range events {
		t.st.last++
		e.Seq = t.st.last
		t.added = append(t.added, &roughRow{event: *e})
	}
	return nil
}

func (t *roughTx) Lease(_ context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
	t.st.mu.Lock()
	defer t.st.mu.Unlock()
	var list []storage.Event
	blocked := map[string]bool{}
	for _, seq := range slices.Sorted(maps.Keys(t.st.rows)) {
		r := t.st.rows[seq]
		switch {
		case len(list) >= limit || r.gone || blocked[r.event.Subject]:
			continue
		case t.st.fault == "cursor" && seq <= t.st.newest:
			continue
		case r.locked != nil && t.st.fault == "overtake":
			continue
		case r.locked != nil || r.until.After(now):
			blocked[r.event.Subject] = true
			continue
		}
		r.locked = t
		list = append(list, r.event)
		t.changes = append(t.changes, func() { r.token, r.until = token, until })
	}
	return list, nil
}

func (t *roughTx) Ack(_ context.Context, token string, seqs []int64) (int, error) {
	t.st.mu.Lock()
	defer t.st.mu.Unlock()
	n := 0
	for _, seq := range seqs {
		if r := t.st.rows[seq]; r != nil && !r.gone && r.token == token && token != "" {
			n++
			t.changes = append(t.changes, func() {
				r.gone = true
				t.st.newest = max(t.st.newest, seq)
			})
		}
	}
	return n, nil
}

func (t *roughTx) Release(_ context.Context, token string, seqs []int64, until time.Time, _ bool) error {
	t.st.mu.Lock()
	defer t.st.mu.Unlock()
	for _, seq := range seqs {
		if r := t.st.rows[seq]; r != nil && r.token == token {
			t.changes = append(t.changes, func() { r.token, r.until = "", until })
		}
	}
	return nil
}

func (t *roughTx) Purge(context.Context, time.Time, int) (int, error) { return 0, nil }

func (t *roughTx) Pending(context.Context) (int64, error) {
	t.st.mu.Lock()
	defer t.st.mu.Unlock()
	var n int64
	for _, r := range t.st.rows {
		if !r.gone {
			n++
		}
	}
	return n, nil
}
