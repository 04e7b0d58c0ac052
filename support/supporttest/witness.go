package supporttest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// Witness is a store that remembers which rows and lists there ever were: what erases has
// nothing of it left.
type Witness struct {
	support.Store
	mu    sync.Mutex
	keys  map[support.Key]bool
	lists map[string]bool
}

// NewWitness returns a witness of a store that has nothing yet.
func NewWitness(of support.Store) *Witness {
	return &Witness{Store: of, keys: map[support.Key]bool{}, lists: map[string]bool{}}
}

// Support implements [support.Store].
func (w *Witness) Support(tx storage.Tx) (support.Rows, error) {
	rows, err := w.Store.Support(tx)
	return &witnessed{rows, w}, err
}

type witnessed struct {
	support.Rows
	w *Witness
}

func (r *witnessed) Put(ctx context.Context, rows []support.Row) error {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	for _, x := range rows {
		r.w.keys[x.Key] = true
		for _, p := range x.Places {
			r.w.lists[p.List] = true
		}
	}
	return r.Rows.Put(ctx, rows)
}

// Shows returns what the store has that contains one of some words: rows, and lists in which
// something stands.
func (w *Witness) Shows(t testing.TB, words ...string) (all []string) {
	t.Helper()
	require.NoError(t, w.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := w.Support(tx)
		if err != nil {
			return err
		}
		for _, word := range words {
			for k := range w.keys {
				found, err := rows.Get(ctx, []support.Key{k})
				if err != nil {
					return err
				}
				if len(found) == 0 {
					continue // it was not committed
				}
				if said := k.Kind + " " + k.ID + " " + string(found[0].Doc); strings.Contains(said, word) {
					all = append(all, said)
				}
			}
			for l := range w.lists {
				if n, err := rows.Count(ctx, l); err != nil || n > 0 && strings.Contains(l, word) {
					all = append(all, "list "+l)
				}
			}
		}
		return nil
	}))
	return all
}
