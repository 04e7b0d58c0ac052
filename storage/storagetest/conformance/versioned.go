package conformance

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/tierhost/tierhost/storage"
)

// Versioned describes, to the rules that hold for all of them, rows with a version: each is
// written after the one before it only.
type Versioned[S storage.OutboxStore, R, V any] struct {
	Rows   Rows[S, R]
	Prefix string // of the rules' IDs
	What   string // one of the rows
	// Lost is why a field must not be lost.
	Lost    string
	Row     func(id string) V // at version 1
	Full    func() V          // every field set, at version 1
	Version func(*V) *int64
	Change  func(*V)
	Put     func(ctx context.Context, rows R, v V) error
	Find    func(ctx context.Context, rows R, v V) (V, error)
	Page    func(ctx context.Context, rows R, after *V, limit int) ([]V, error) // nil: there are no pages
	Remove  func(ctx context.Context, rows R, v V) error                        // at its version; nil: there is no removal
	// Names are IDs in the order in which pages have them; nil: some that stores get wrong.
	Names []string
}

// Next is the version after v.
func (k Versioned[S, R, V]) Next(v V) V {
	*k.Version(&v)++
	k.Change(&v)
	return v
}

// Rules returns the rules: read back, versions, and pages and removal where they are.
func (k Versioned[S, R, V]) Rules() []Rule[StoreHarness[S]] {
	rules := []Rule[StoreHarness[S]]{
		{
			ID: k.Prefix + "-1", Name: "read back",
			Text: "A " + k.What + " comes back with every field equal, also after its next version; one that is not there is storage.ErrNotFound.",
			Why:  k.Lost, Check: k.readBack,
		},
		{
			ID: k.Prefix + "-2", Name: "versions",
			Text:  "A version is written after the one before it only; any other is storage.ErrConflict, also for transactions at the same time.",
			Why:   "Of two that read the same, the second would undo what the first has done.",
			Check: k.versions,
		},
	}
	if k.Page != nil {
		rules = append(rules, Rule[StoreHarness[S]]{
			ID: k.Prefix + "-3", Name: "pages",
			Text:  "Pages are in the order of the bytes, begin after the given one, and have at most the limit.",
			Why:   "A page that skips one leaves it behind for ever.",
			Check: k.pages,
		})
	}
	if k.Remove != nil {
		rules = append(rules, Rule[StoreHarness[S]]{
			ID: k.Prefix + "-4", Name: "removal",
			Text:  "A removal takes away the row at that version; one that is not there is storage.ErrNotFound, another version storage.ErrConflict.",
			Why:   "What was changed since is not what was to be removed.",
			Check: k.removal,
		})
	}
	return rules
}

func (k Versioned[S, R, V]) put(all ...V) func(ctx context.Context, rows R) error {
	return func(ctx context.Context, rows R) (err error) {
		for _, v := range all {
			err = errors.Join(err, k.Put(ctx, rows, v))
		}
		return err
	}
}

func (k Versioned[S, R, V]) readBack(t *T, h StoreHarness[S]) {
	st := h.New(t.Test())
	for _, row := range []func() V{k.Full, func() V { return k.Row("bare") }} {
		given := row()
		k.Rows.Update(t, st, "write", k.put(given))
		Scramble(given)
		first := row()
		k.Rows.View(t, st, k.found(t, first))
		second := k.Next(first)
		k.Rows.Update(t, st, "write again", func(ctx context.Context, rows R) error {
			err := k.Put(ctx, rows, second)
			got, err2 := k.Find(ctx, rows, second)
			t.Equal(got, second, "within the transaction")
			return errors.Join(err, err2)
		})
		k.Rows.View(t, st, k.found(t, second))
	}
}

// found looks whether a row is there as it was written, whatever readers do with it.
func (k Versioned[S, R, V]) found(t *T, want V) func(ctx context.Context, rows R) error {
	return func(ctx context.Context, rows R) error {
		got, err := k.Find(ctx, rows, want)
		t.Equal(got, want, "what was written")
		Scramble(got)
		again, err2 := k.Find(ctx, rows, want)
		t.Equal(again, want, "what was written, after a reader has spoiled its copy")
		_, none := k.Find(ctx, rows, k.Row("nobody"))
		t.Is(none, storage.ErrNotFound, "one that is not there")
		return errors.Join(err, err2)
	}
}

func (k Versioned[S, R, V]) versions(t *T, h StoreHarness[S]) {
	st := h.New(t.Test())
	first := k.Row("a")
	at := func(n int64) V { v := first; *k.Version(&v) = n; return v }
	k.Rows.Fails(t, st, storage.ErrConflict, "version 2 of nothing", k.put(at(2)))
	k.Rows.Update(t, st, "version 1", k.put(first))
	for _, n := range []int64{1, 3} {
		k.Rows.Fails(t, st, storage.ErrConflict, "version "+strconv.FormatInt(n, 10)+" after 1", k.put(at(n)))
	}
	k.Rows.Update(t, st, "version 2", k.put(at(2)))
	k.Rows.Fails(t, st, storage.ErrConflict, "version 2 again", k.put(at(2)))
	var mu sync.Mutex
	won := 0
	h.AtOnce(t, 4, func(int) {
		err := k.Rows.Tried(t, st, k.put(k.Next(at(2))))
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			won++
		} else {
			t.Is(err, storage.ErrConflict, "the one that came second")
		}
	})
	t.Equal(won, 1, "how many of four have written version 3")
}

func (k Versioned[S, R, V]) pages(t *T, h StoreHarness[S]) {
	st := h.New(t.Test())
	names := k.Names
	if names == nil {
		names = []string{"A", "B", "a", "a-b", "a.b", "aa", "b", "é"}
	}
	var want, mixed []V
	for i := range names {
		want = append(want, k.Row(names[i]))
		mixed = append(mixed, k.Row(names[(i*5+2)%len(names)]))
	}
	k.Rows.Update(t, st, "write", k.put(mixed...))
	k.Rows.View(t, st, func(ctx context.Context, rows R) error {
		for limit := range len(want) + 2 {
			var got []V
			for after := (*V)(nil); ; {
				page, err := k.Page(ctx, rows, after, limit)
				if err != nil {
					return err
				}
				if got = append(got, page...); len(page) < limit || limit == 0 {
					t.Equal(len(page) > limit, false, "a page is longer than %d", limit)
					break
				}
				after = &page[limit-1]
			}
			if limit == 0 {
				t.Equal(len(got), 0, "a limit of 0")
			} else {
				t.Equal(got, want, "pages of %d", limit)
			}
		}
		none, err := k.Page(ctx, rows, nil, -1)
		t.Equal(len(none), 0, "a limit below 0")
		return err
	})
}

func (k Versioned[S, R, V]) removal(t *T, h StoreHarness[S]) {
	st := h.New(t.Test())
	one, other := k.Row("a"), k.Row("b")
	drop := func(v V) func(ctx context.Context, rows R) error {
		return func(ctx context.Context, rows R) error { return k.Remove(ctx, rows, v) }
	}
	k.Rows.Fails(t, st, storage.ErrNotFound, "what is not there", drop(one))
	k.Rows.Update(t, st, "write", k.put(one, k.Next(one), other))
	k.Rows.Fails(t, st, storage.ErrConflict, "an old version", drop(one))
	k.Rows.Update(t, st, "remove", drop(k.Next(one)))
	k.Rows.Fails(t, st, storage.ErrNotFound, "what was removed", drop(k.Next(one)))
	k.Rows.View(t, st, func(ctx context.Context, rows R) error {
		_, err := k.Find(ctx, rows, one)
		t.Is(err, storage.ErrNotFound, "what was removed")
		_, err = k.Find(ctx, rows, other)
		return err
	})
	k.Rows.Update(t, st, "write anew", k.put(one))
}
