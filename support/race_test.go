package support_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// late is a store that shows a transaction what it had before others have committed, as one
// with weaker isolation may: what it read, or what it had listed. What is written on top of
// that meets what there is.
type late struct {
	support.Store
	rows  map[support.Key]support.Row // as they were last written until then
	shows func(kind string) bool      // of which kinds of rows it is shown, besides all lists; nil: nothing of it is
}

func newLate() *late { return &late{Store: memory.New(), rows: map[support.Key]support.Row{}} }

func (s *late) Support(tx storage.Tx) (support.Rows, error) {
	rows, err := s.Store.Support(tx)
	return &lateRows{rows, s}, err
}

type lateRows struct {
	support.Rows
	s *late
}

func (r *lateRows) Put(ctx context.Context, rows []support.Row) error {
	if r.s.shows == nil {
		for _, x := range rows {
			r.s.rows[x.Key] = x.Clone()
		}
	}
	return r.Rows.Put(ctx, rows)
}

func (r *lateRows) Get(ctx context.Context, keys []support.Key) ([]support.Row, error) {
	rows, err := r.Rows.Get(ctx, keys)
	for i, x := range rows {
		if old, there := r.s.rows[x.Key]; there && r.s.shows != nil && r.s.shows(x.Kind) {
			rows[i] = old.Clone()
		}
	}
	return rows, err
}

func (r *lateRows) List(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
	if r.s.shows == nil {
		return r.Rows.List(ctx, list, after, limit)
	}
	var all []support.Listed
	for _, x := range r.s.rows {
		for _, p := range x.Places {
			if at := (support.Cursor{Sort: p.Sort, ID: x.ID}); p.List == list && compare(at, after) > 0 {
				all = append(all, support.Listed{Row: x.Clone(), Sort: p.Sort})
			}
		}
	}
	slices.SortFunc(all, func(a, b support.Listed) int { return compare(a.Cursor(), b.Cursor()) })
	return all[:min(len(all), limit)], nil
}

func compare(a, b support.Cursor) int {
	return cmp.Or(cmp.Compare(a.Sort, b.Sort), cmp.Compare(a.ID, b.ID))
}

// What was erased comes back by nobody who had read it before, and writes after.
func TestEraseAtTheSameTime(t *testing.T) {
	t.Parallel()
	everything := func(string) bool { return true }
	for name, c := range map[string]struct {
		shows func(kind string) bool
		do    func(d *desk, ann *support.Agent, n int64) error
		err   error
	}{
		"split": {everything, func(d *desk, ann *support.Agent, n int64) error {
			_, err := ann.Split(d.ctx, n, "zebra", []support.Origin{{Ticket: n, Number: 1}})
			return err
		}, storage.ErrConflict},
		"draft": {everything, func(d *desk, ann *support.Agent, n int64) error { return ann.SaveDraft(d.ctx, n, "Dear zebra") }, storage.ErrConflict},
		"answer": {everything, func(d *desk, ann *support.Agent, n int64) error {
			return second(ann.Answer(d.ctx, n, support.Reply{Text: "Dear zebra"}))
		}, storage.ErrConflict},
		"note": {everything, func(d *desk, ann *support.Agent, n int64) error {
			return second(ann.Note(d.ctx, n, support.Reply{Text: "zebra"}))
		}, storage.ErrConflict},
		// It has listed what is to be indexed, and then reads what there is by now.
		"index, listed": {func(string) bool { return false }, func(d *desk, _ *support.Agent, _ int64) error { return second(d.m.Step(d.ctx)) }, nil},
		"index, read":   {everything, func(d *desk, _ *support.Agent, _ int64) error { return second(d.m.Step(d.ctx)) }, storage.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			s := newLate()
			w := supporttest.NewWitness(s)
			m, err := support.NewManager(w, support.Options{Clock: d.clock, IDs: tierhost.NewSequenceIDs()})
			require.NoError(t, err)
			d.m = m
			ann := m.Agent("acme", "ann")
			d.queue("acme", support.Queue{ID: "help", Name: "Help", AutoClose: -1})
			n := d.open("acme", "alice", "zebra")
			was := maps.Clone(s.rows)
			require.NoError(t, second(ann.Erase(d.ctx, n)))
			now := s.rows
			s.rows, s.shows = was, c.shows
			if err := c.do(d, ann, n); c.err != nil {
				require.ErrorIs(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			s.rows, s.shows = now, nil
			d.settle()
			require.Empty(t, w.Shows(t, "zebra"))
		})
	}
}
