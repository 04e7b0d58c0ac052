package supporttest_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
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

// store is a store that a mutant changes: its rows, or what it says of a transaction.
type store struct {
	*memory.Store
	change func(r *rows)
	tx     func(err error) error
}

func (s *store) Support(tx storage.Tx) (support.Rows, error) {
	inner, err := s.Store.Support(tx)
	if s.tx != nil {
		return inner, s.tx(err)
	}
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

// without is a Put that loses all rows of a kind.
func without(r *rows, kind string) func(ctx context.Context, all []support.Row) error {
	return func(ctx context.Context, all []support.Row) error {
		return r.Rows.Put(ctx, slices.DeleteFunc(slices.Clone(all), func(x support.Row) bool { return x.Kind == kind }))
	}
}

// Each store breaks one rule, which must find it.
func TestMutants(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	drawn := map[string]int64{}
	var seen sync.Map // contents, by key
	var all []conformance.Broken[supporttest.StoreHarness]
	for name, m := range map[string]struct {
		rule   string
		change func(r *rows)
		tx     func(err error) error
	}{
		"kinds do not matter": {rule: "ROW-1", change: func(r *rows) {
			r.get = func(ctx context.Context, keys []support.Key) ([]support.Row, error) {
				found, err := r.Rows.Get(ctx, keys)
				if len(keys) > 3 && len(found) > 0 {
					found = found[:len(found)-1]
				}
				return found, err
			}
		}},
		"any version is written": {rule: "ROW-2", change: func(r *rows) {
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
		"IDs do not sort": {rule: "LIST-1", change: func(r *rows) {
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
		"a page begins with the position": {rule: "LIST-1", change: func(r *rows) {
			r.list = func(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
				if after.ID != "" {
					after.ID = after.ID[:len(after.ID)-1]
				}
				return r.Rows.List(ctx, list, after, limit)
			}
		}},
		"places stay": {rule: "LIST-2", change: func(r *rows) {
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
		"counts are old": {rule: "LIST-2", change: func(r *rows) {
			r.count = func(context.Context, string) (int64, error) { return 1, nil }
		}},
		"numbers are not rolled back": {rule: "DRAW-1", change: func(r *rows) {
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
		"one counter for all": {rule: "DRAW-1", change: func(r *rows) {
			r.draw = func(ctx context.Context, _ string) (int64, error) { return r.Rows.Draw(ctx, "one") }
		}},
		"writes in a View": {rule: "TX-3", change: func(r *rows) {
			r.draw = func(context.Context, string) (int64, error) { return 1, nil }
		}},
		"contents are old": {rule: "DESK-1", change: func(r *rows) {
			r.get = func(ctx context.Context, keys []support.Key) ([]support.Row, error) {
				found, err := r.Rows.Get(ctx, keys)
				for i := range found {
					if found[i].Kind == "ticket" {
						first, _ := seen.LoadOrStore(found[i].Key, found[i].Doc)
						found[i].Doc, _ = first.(json.RawMessage)
					}
				}
				return found, err
			}
		}},
		"keys are lost":             {rule: "DESK-2", change: func(r *rows) { r.put = without(r, "key") }},
		"notes are lost over tiers": {rule: "DESK-3", change: func(r *rows) { r.put = without(r, "note") }},
		"words are counted wrongly": {rule: "DESK-4", change: func(r *rows) {
			r.count = func(ctx context.Context, list string) (int64, error) {
				if strings.HasPrefix(list, "word/") {
					return 0, nil
				}
				return r.Rows.Count(ctx, list)
			}
		}},
		"a seller's words are all sellers'": {rule: "DESK-4", change: func(r *rows) {
			r.list = func(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
				return r.Rows.List(ctx, strings.Replace(list, "word/host/", "word/acme/", 1), after, limit)
			}
		}},
		"two sorts are one": {rule: "MODEL-1", change: func(r *rows) {
			r.put = func(ctx context.Context, all []support.Row) error {
				all = slices.Clone(all)
				for i := range all {
					all[i] = all[i].Clone()
					for n := range all[i].Places {
						all[i].Places[n].Sort = strings.ReplaceAll(all[i].Places[n].Sort, "z", "y")
					}
				}
				return r.Rows.Put(ctx, all)
			}
		}},
		"takes any transaction": {rule: "TX-1", tx: func(error) error { return nil }},
		"has another error for what is over": {rule: "TX-2", tx: func(err error) error {
			if err != nil {
				return storage.ErrForeignTx
			}
			return nil
		}},
		"writes nothing": {rule: "TX-4", change: func(r *rows) {
			r.put = func(ctx context.Context, _ []support.Row) error { return r.Rows.Put(ctx, nil) }
		}},
		"forgets": {rule: "DUR-1", change: func(*rows) {}},
	} {
		all = append(all, conformance.Broken[supporttest.StoreHarness]{Rule: m.rule, Name: name, Harness: func(*testing.T) supporttest.StoreHarness {
			return supporttest.StoreHarness{
				New:      func(*testing.T) support.Store { return &store{memory.New(), m.change, m.tx} },
				Reopen:   func(*testing.T, support.Store) support.Store { return &store{memory.New(), m.change, m.tx} },
				Patience: 5 * time.Second,
			}
		}})
	}
	require.Empty(t, conformance.Finds(t, supporttest.StoreRules(), all), "each rule finds a store that breaks it")
}

// A store without a fault passes, by the same wrapper as those with one.
func TestSoundStore(t *testing.T) {
	t.Parallel()
	supporttest.TestStore(t, supporttest.StoreHarness{
		New:    func(*testing.T) support.Store { return &store{memory.New(), func(*rows) {}, nil} },
		Reopen: func(_ *testing.T, s support.Store) support.Store { return s },
	})
}
