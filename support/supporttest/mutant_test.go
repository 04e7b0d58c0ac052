package supporttest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// store is a store whose rows a mutant changes.
type store struct {
	*memory.Store
	change func(r *rows)
}

func (s *store) Support(tx storage.Tx) (support.Rows, error) {
	inner, err := s.Store.Support(tx)
	if err != nil {
		return nil, err
	}
	r := &rows{Rows: inner, put: inner.Put, get: inner.Get, list: inner.List, count: inner.Count, draw: inner.Draw}
	s.change(r)
	return r, nil
}

// rows are rows with methods replaced.
type rows struct {
	support.Rows
	put   func(ctx context.Context, rows []support.Row) error
	get   func(ctx context.Context, keys []support.Key) ([]support.Row, error)
	list  func(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error)
	count func(ctx context.Context, list string) (int64, error)
	draw  func(ctx context.Context, counter string) (int64, error)
}

func (r *rows) Put(ctx context.Context, all []support.Row) error { return r.put(ctx, all) }
func (r *rows) Get(ctx context.Context, keys []support.Key) ([]support.Row, error) {
	return r.get(ctx, keys)
}
func (r *rows) List(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
	return r.list(ctx, list, after, limit)
}
func (r *rows) Count(ctx context.Context, list string) (int64, error) { return r.count(ctx, list) }
func (r *rows) Draw(ctx context.Context, c string) (int64, error)     { return r.draw(ctx, c) }

// Each store breaks one rule, which must find it.
func TestMutants(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	drawn := map[string]int64{}
	var all []conformance.Broken[supporttest.StoreHarness]
	for name, m := range map[string]struct {
		rule   string
		change func(r *rows)
	}{
		"kinds do not matter": {"ROW-1", func(r *rows) {
			r.get = func(ctx context.Context, keys []support.Key) ([]support.Row, error) {
				found, err := r.Rows.Get(ctx, keys)
				if len(keys) > 3 && len(found) > 0 {
					found = found[:len(found)-1]
				}
				return found, err
			}
		}},
		"any version is written": {"ROW-2", func(r *rows) {
			r.put = func(ctx context.Context, all []support.Row) error {
				all = slices.Clone(all)
				for i := range all {
					if old, err := r.Rows.Get(ctx, []support.Key{all[i].Key}); err == nil && len(old) > 0 {
						all[i].Version = old[0].Version + 1
					}
				}
				return r.Rows.Put(ctx, all)
			}
		}},
		"IDs do not sort": {"LIST-1", func(r *rows) {
			r.list = func(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
				page, err := r.Rows.List(ctx, list, after, limit)
				slices.SortStableFunc(page, func(a, b support.Listed) int {
					if a.Sort != b.Sort {
						return 0
					}
					return -1
				})
				return page, err
			}
		}},
		"a page begins with the position": {"LIST-1", func(r *rows) {
			r.list = func(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
				if after.ID != "" {
					after.ID = after.ID[:len(after.ID)-1]
				}
				return r.Rows.List(ctx, list, after, limit)
			}
		}},
		"places stay": {"LIST-2", func(r *rows) {
			r.put = func(ctx context.Context, all []support.Row) error {
				all = slices.Clone(all)
				for i := range all {
					if len(all[i].Places) == 0 {
						all[i].Places = []support.Place{{List: "l", Sort: "9"}}
					}
				}
				return r.Rows.Put(ctx, all)
			}
		}},
		"counts are old": {"LIST-2", func(r *rows) {
			r.count = func(context.Context, string) (int64, error) { return 1, nil }
		}},
		"numbers are not rolled back": {"DRAW-1", func(r *rows) {
			r.draw = func(ctx context.Context, c string) (int64, error) {
				if _, err := r.Rows.Draw(ctx, c); err != nil {
					return 0, err
				}
				mu.Lock()
				defer mu.Unlock()
				drawn[c]++
				return drawn[c], nil
			}
		}},
		"one counter for all": {"DRAW-1", func(r *rows) {
			r.draw = func(ctx context.Context, _ string) (int64, error) { return r.Rows.Draw(ctx, "one") }
		}},
		"writes in a View": {"TX-3", func(r *rows) {
			r.draw = func(context.Context, string) (int64, error) { return 1, nil }
		}},
	} {
		all = append(all, conformance.Broken[supporttest.StoreHarness]{Rule: m.rule, Name: name, Harness: func(*testing.T) supporttest.StoreHarness {
			return supporttest.StoreHarness{
				New:      func(*testing.T) support.Store { return &store{memory.New(), m.change} },
				Patience: 5 * time.Second,
			}
		}})
	}
	require.Equal(t, []string{"DESK-1", "DESK-2", "DESK-3", "DESK-4", "MODEL-1", "TX-1", "TX-2", "TX-4", "DUR-1"}, conformance.Finds(t, supporttest.StoreRules(), all),
		"no store is broken in these yet")
}

// A store without a fault passes, by the same wrapper as those with one.
func TestSoundStore(t *testing.T) {
	t.Parallel()
	supporttest.TestStore(t, supporttest.StoreHarness{New: func(*testing.T) support.Store { return &store{memory.New(), func(*rows) {}} }})
}
