package supporttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
	"github.com/tierhost/tierhost/support"
)

// StoreHarness describes a store to the suite.
type StoreHarness = conformance.StoreHarness[support.Store]

// TestStore runs every rule of support.Rows against the store.
func TestStore(t *testing.T, h StoreHarness) {
	t.Helper()
	conformance.Run(t, h, StoreRules())
}

// StoreRule is a rule about support.Rows.
type StoreRule = conformance.Rule[StoreHarness]

// StoreRules returns the rules that [TestStore] runs.
func StoreRules() []StoreRule {
	return slices.Concat(rowRules(), listRules(), drawRules(), deskRules(), modelRules(), rowsOf().Rules())
}

type rowsFunc = func(ctx context.Context, rows support.Rows) error

// rowsOf describes support.Rows to the rules of all rows.
func rowsOf() conformance.Rows[support.Store, support.Rows] {
	return conformance.Rows[support.Store, support.Rows]{
		Method: "Support",
		Of:     support.Store.Support,
		Calls:  calls,
		Seed:   seed,
		Dump:   dump,
		Lost:   "A ticket that is forgotten is a customer who gets no answer.",
	}
}

func update(t *conformance.T, st support.Store, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Update(t, st, what, fn)
}

func view(t *conformance.T, st support.Store, fn rowsFunc) {
	t.Helper()
	rowsOf().View(t, st, fn)
}

func fails(t *conformance.T, st support.Store, want error, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Fails(t, st, want, what, fn)
}

// odd is a text that stores get wrong.
const odd = `é'"\%_;--`

// row is a row in lists, each written as "list sort".
func row(kind, id string, version int64, places ...string) support.Row {
	r := support.Row{Key: support.Key{Kind: kind, ID: id}, Version: version}
	r.Doc = json.RawMessage(fmt.Sprintf(`{"id":%q,"version":%d}`, id, version))
	for _, p := range places {
		list, sort, _ := strings.Cut(p, " ")
		r.Places = append(r.Places, support.Place{List: list, Sort: sort})
	}
	return r
}

func put(rows ...support.Row) rowsFunc {
	return func(ctx context.Context, r support.Rows) error { return r.Put(ctx, rows) }
}

// read is a row as reads return it, with its JSON in one form.
func read(r support.Row) support.Row {
	var v any
	if err := json.Unmarshal(r.Doc, &v); err == nil {
		if text, err := json.Marshal(v); err == nil {
			r.Doc = text
		}
	}
	r.Places = nil
	return r
}

// found are rows as [read] returns them, sorted.
func found(rows []support.Row) []string {
	var all []string
	for _, r := range rows {
		all = append(all, conformance.Text(read(r)))
	}
	slices.Sort(all)
	return all
}

func want(rows ...support.Row) []string { return found(rows) }

// listed is a list as text: the sorts and IDs of its rows, with their versions.
func listed(ctx context.Context, rows support.Rows, list string, after support.Cursor, limit int) (string, error) {
	page, err := rows.List(ctx, list, after, limit)
	var b strings.Builder
	for _, l := range page {
		fmt.Fprintf(&b, "%s:%s/%d ", l.Sort, l.ID, l.Version)
	}
	return strings.TrimSpace(b.String()), err
}

func rowRules() []StoreRule {
	a := support.Key{Kind: "k", ID: "a"}
	return []StoreRule{
		{
			ID: "ROW-1", Name: "read back",
			Text: "A row comes back with its version and content, by its kind and ID; those that are not there are left out.",
			Why:  "A field that is lost is an answer that nobody gets.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := row(odd, odd, 1, odd+" "+odd)
				full.Doc = json.RawMessage(`{"text":"é'\"\\%_;-- \u0000 line\nbreak","n":[1,2.5,null,true]}`)
				all := []support.Row{full, row("k", "a", 1), row("k", "A", 1), row("K", "a", 1)}
				update(t, st, "write", put(all...))
				view(t, st, func(ctx context.Context, rows support.Rows) error {
					got, err := rows.Get(ctx, []support.Key{full.Key, a, {Kind: "k", ID: "nobody"}, {Kind: "nothing", ID: "a"}, {Kind: "k", ID: "A"}})
					t.Equal(found(got), want(full, row("k", "a", 1), row("k", "A", 1)), "what was written")
					for _, r := range got {
						conformance.Scramble(r)
					}
					got, err2 := rows.Get(ctx, []support.Key{full.Key})
					t.Equal(found(got), want(full), "after a reader has spoiled its copy")
					none, err3 := rows.Get(ctx, nil)
					t.Equal(len(none), 0, "nothing was asked for")
					return errors.Join(err, err2, err3)
				})
				second := row("k", "a", 2)
				update(t, st, "write again", func(ctx context.Context, rows support.Rows) error {
					err := rows.Put(ctx, []support.Row{second})
					got, err2 := rows.Get(ctx, []support.Key{a})
					t.Equal(found(got), want(second), "within the transaction")
					return errors.Join(err, err2)
				})
			},
		},
		{
			ID: "ROW-2", Name: "versions",
			Text: "A version is written after the one before it only; any other is storage.ErrConflict, also for transactions at the same time.",
			Why:  "Of two that take a ticket at once, both would have it.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				at := func(n int64) rowsFunc { return put(row("k", "a", n, "l 1")) }
				fails(t, st, storage.ErrConflict, "version 2 of nothing", at(2))
				update(t, st, "version 1", at(1))
				for _, n := range []int64{1, 3} {
					fails(t, st, storage.ErrConflict, fmt.Sprintf("version %d after 1", n), at(n))
				}
				fails(t, st, storage.ErrConflict, "one of two", put(row("k", "b", 1), row("k", "a", 1)))
				update(t, st, "version 2", at(2))
				var mu sync.Mutex
				won := 0
				h.AtOnce(t, 4, func(int) {
					err := rowsOf().Tried(t, st, at(3))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else {
						t.Is(err, storage.ErrConflict, "the one that came second")
					}
				})
				t.Equal(won, 1, "how many of four have written version 3")
			},
		},
	}
}

func listRules() []StoreRule {
	return []StoreRule{
		{
			ID: "LIST-1", Name: "pages",
			Text: "A list is in the order of the bytes of Sort and then of ID, begins behind the position, and has at most the limit.",
			Why:  "A page that skips one leaves a customer behind.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var all []support.Row
				for i, p := range []string{"b", "a", "", "B", "é", "a", "aa", "a-", "b"} {
					all = append(all, row("k", fmt.Sprintf("%c", 'z'-i), 1, "l "+p, "other 1"))
				}
				update(t, st, "write", put(all...))
				const order = ":x/1 B:w/1 a:u/1 a:y/1 a-:s/1 aa:t/1 b:r/1 b:z/1 é:v/1"
				view(t, st, func(ctx context.Context, rows support.Rows) error {
					for limit := 1; limit < len(all)+2; limit++ {
						var got []string
						var after support.Cursor
						for {
							page, err := rows.List(ctx, "l", after, limit)
							if err != nil {
								return err
							}
							if len(page) > limit {
								t.Errorf("a page is longer than %d", limit)
							}
							for _, l := range page {
								got = append(got, fmt.Sprintf("%s:%s/%d", l.Sort, l.ID, l.Version))
								t.Equal(read(l.Row), read(row("k", l.ID, 1)), "the row")
							}
							if len(got) > len(all) {
								t.Errorf("pages of %d do not end", limit)
								break
							}
							if len(page) < limit {
								break
							}
							after = page[limit-1].Cursor()
						}
						t.Equal(strings.Join(got, " "), order, "pages of %d", limit)
					}
					for _, limit := range []int{0, -1} {
						none, err := rows.List(ctx, "l", support.Cursor{}, limit)
						t.Equal(len(none), 0, "a limit of %d", limit)
						t.OK(err, "a limit of %d", limit)
					}
					none, err := listed(ctx, rows, "nothing", support.Cursor{}, 9)
					t.Equal(none, "", "a list that nothing is in")
					between, err2 := listed(ctx, rows, "l", support.Cursor{Sort: "a", ID: "v"}, 2)
					t.Equal(between, "a:y/1 a-:s/1", "behind a position that nothing has")
					return errors.Join(err, err2)
				})
			},
		},
		{
			ID: "LIST-2", Name: "places",
			Text: "Writing a row replaces its places: it stands in each list that it has now, once, and in no other. Count counts them.",
			Why:  "A ticket that stays in a list it has left is answered twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				update(t, st, "write", put(row("k", "a", 1, "l 1", "m 1"), row("k", "b", 1, "l 2")))
				is := func(what, l, m, n string) {
					t.Helper()
					view(t, st, func(ctx context.Context, rows support.Rows) error {
						for list, want := range map[string]string{"l": l, "m": m, "n": n} {
							got, err := listed(ctx, rows, list, support.Cursor{}, 9)
							t.OK(err, "List")
							t.Equal(got, want, "%s: list %s", what, list)
							count, err := rows.Count(ctx, list)
							t.OK(err, "Count")
							t.Equal(count, int64(len(strings.Fields(want))), "%s: Count of %s", what, list)
						}
						return nil
					})
				}
				is("at first", "1:a/1 2:b/1", "1:a/1", "")
				update(t, st, "move", put(row("k", "a", 2, "l 3", "n 1")))
				is("after it has moved", "2:b/1 3:a/2", "", "1:a/2")
				update(t, st, "stay", put(row("k", "a", 3, "n 1", "l 3")))
				is("after it has stayed", "2:b/1 3:a/3", "", "1:a/3")
				update(t, st, "leave", put(row("k", "a", 4)))
				is("after it has left all", "2:b/1", "", "")
				update(t, st, "come back", func(ctx context.Context, rows support.Rows) error {
					err := rows.Put(ctx, []support.Row{row("k", "a", 5, "m 9")})
					got, err2 := listed(ctx, rows, "m", support.Cursor{}, 9)
					t.Equal(got, "9:a/5", "within the transaction")
					return errors.Join(err, err2)
				})
				is("after it has come back", "2:b/1", "9:a/5", "")
			},
		},
	}
}

func drawRules() []StoreRule {
	draw := func(counter string, to *int64) rowsFunc {
		return func(ctx context.Context, rows support.Rows) (err error) {
			*to, err = rows.Draw(ctx, counter)
			return err
		}
	}
	return []StoreRule{{
		ID: "DRAW-1", Name: "numbers without gaps",
		Text: "A counter gives 1, 2, 3 …, each once, also to transactions at the same time; what was rolled back is given again.",
		Why:  "Customers take a missing ticket for one that was hidden.",
		Check: func(t *conformance.T, h StoreHarness) {
			st := h.New(t.Test())
			var n int64
			for want := range int64(3) {
				update(t, st, "draw", draw("a", &n))
				t.Equal(n, want+1, "the next number")
			}
			err := st.Update(t.Context(), rowsOf().Within(st, func(ctx context.Context, rows support.Rows) error {
				return errors.Join(draw("a", &n)(ctx, rows), conformance.ErrRefused)
			}))
			t.Is(err, conformance.ErrRefused, "a transaction that is rolled back")
			update(t, st, "draw", func(ctx context.Context, rows support.Rows) error {
				err := draw("a", &n)(ctx, rows)
				t.Equal(n, int64(4), "after one was rolled back")
				err2 := draw("a", &n)(ctx, rows)
				t.Equal(n, int64(5), "again in the transaction")
				err3 := draw("b", &n)(ctx, rows)
				t.Equal(n, int64(1), "another counter")
				return errors.Join(err, err2, err3)
			})
			var mu sync.Mutex
			var all []int64
			h.AtOnce(t, 6, func(int) {
				var mine int64
				err := st.Update(t.Context(), rowsOf().Within(st, draw("a", &mine)))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("draw at once: %v", err)
				}
				all = append(all, mine)
			})
			slices.Sort(all)
			t.Equal(all, []int64{6, 7, 8, 9, 10, 11}, "the numbers of six at once")
		},
	}}
}

// calls are all methods of support.Rows. The store has what [seed] writes.
func calls() []conformance.Call[support.Rows] {
	return []conformance.Call[support.Rows]{
		{Name: "Put", Writes: true, Plain: true, Do: put(row("k", "new", 1, "l 7"))},
		{Name: "Draw", Writes: true, Do: func(ctx context.Context, rows support.Rows) error {
			_, err := rows.Draw(ctx, "c")
			return err
		}},
		{Name: "Draw and Put", Writes: true, Plain: true, Do: func(ctx context.Context, rows support.Rows) error {
			n, err := rows.Draw(ctx, "c")
			if err != nil {
				return err
			}
			// So that the dump shows it: counters are not read.
			return rows.Put(ctx, []support.Row{row("drawn", fmt.Sprint(n), 1, "drawn 1")})
		}},
		{Name: "Get", Do: func(ctx context.Context, rows support.Rows) error {
			_, err := rows.Get(ctx, []support.Key{{Kind: "k", ID: "a"}})
			return err
		}},
		{Name: "List", Do: func(ctx context.Context, rows support.Rows) error {
			_, err := rows.List(ctx, "l", support.Cursor{}, 1)
			return err
		}},
		{Name: "Count", Do: func(ctx context.Context, rows support.Rows) error {
			_, err := rows.Count(ctx, "l")
			return err
		}},
	}
}

func seed(t *conformance.T, st support.Store) {
	t.Helper()
	update(t, st, "seed", func(ctx context.Context, rows support.Rows) error {
		_, err := rows.Draw(ctx, "c")
		return errors.Join(err, rows.Put(ctx, []support.Row{row("k", "a", 1, "l 1", "m 2"), row(odd, odd, 1, odd+" "+odd)}))
	})
}

// dump is everything that a store has in the lists of the suite, as text.
func dump(t *conformance.T, st support.Store) string {
	t.Helper()
	var b strings.Builder
	view(t, st, func(ctx context.Context, rows support.Rows) error {
		b.Reset()
		for _, list := range []string{"l", "m", "n", "drawn", odd} {
			page, err := rows.List(ctx, list, support.Cursor{}, 1000)
			if err != nil {
				return err
			}
			for _, l := range page {
				fmt.Fprintf(&b, "%s %s %s\n", list, l.Sort, conformance.Text(read(l.Row)))
			}
		}
		var keys []support.Key
		for _, id := range []string{"a", "b", "c", "d"} {
			keys = append(keys, support.Key{Kind: "k", ID: id})
		}
		all, err := rows.Get(ctx, keys)
		b.WriteString(strings.Join(found(all), "\n"))
		return err
	})
	return b.String()
}

func modelRules() []StoreRule {
	return []StoreRule{{
		ID: "MODEL-1", Name: "as the reference",
		Text: "Random writes are answered, and leave behind, what they do in storage/memory.",
		Why:  "Rules that nobody has thought of hold as well.",
		Check: func(t *conformance.T, h StoreHarness) {
			rnd := rand.New(rand.NewPCG(5, 0))
			st, model := h.New(t.Test()), support.Store(memory.New())
			word := func(of string) string { return string(of[rnd.IntN(len(of))]) }
			at := map[string]int64{} // versions
			for step := range 200 {
				var rows []support.Row
				for _, id := range []string{"a", "b", "c", "d"} {
					if rnd.IntN(3) > 0 {
						continue
					}
					version := at[id] + 1
					if rnd.IntN(8) == 0 {
						version = int64(1 + rnd.IntN(5)) // most often a wrong one
					}
					r := row("k", id, version)
					for _, list := range []string{"l", "m", "n"} {
						if rnd.IntN(2) == 0 {
							r.Places = append(r.Places, support.Place{List: list, Sort: word("xyz")})
						}
					}
					rows = append(rows, r)
				}
				got, want := rowsOf().Tried(t, st, put(rows...)), rowsOf().Tried(t, model, put(rows...))
				t.Equal(errors.Is(got, storage.ErrConflict), errors.Is(want, storage.ErrConflict), "step %d: %v", step, got)
				t.Equal(got == nil, want == nil, "step %d: %v", step, got)
				for _, r := range rows {
					if want == nil {
						at[r.ID] = r.Version
					}
				}
				if step%20 == 19 {
					t.Equal(dump(t, st), dump(t, model), "what is left after step %d", step)
				}
				if t.Failed() {
					return
				}
			}
		},
	}}
}
