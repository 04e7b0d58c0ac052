package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// Rows describes, to the rules that hold for the rows of every package, those that a
// store S gives within a transaction.
type Rows[S storage.OutboxStore, R any] struct {
	// Method is what the store's method is called that returns the rows: "Label".
	Method string
	// Of calls it.
	Of func(st S, tx storage.Tx) (R, error)
	// Calls are all methods of the rows, for a store that has what Seed writes. One at
	// least is Plain.
	Calls func() []Call[R]
	// Seed writes a row of each sort into an empty store.
	Seed func(t *T, st S)
	// Dump is everything that the store has of the rows, as canonical text.
	Dump func(t *T, st S) string
	// Lost is what becomes of whom a row that is lost concerns.
	Lost string
}

// Call is a method of rows with arguments.
type Call[R any] struct {
	Name   string
	Writes bool
	Plain  bool // a write that the dump shows
	Do     func(ctx context.Context, rows R) error
}

// refusal is an error of the suite's own, to be told from all others.
type refusal string

func (f refusal) Error() string { return string(f) }

// ErrRefused is what a function of a suite returns so that its transaction is rolled back.
const ErrRefused refusal = "the suite's function refuses"

// strange is a transaction of no store.
type strange struct{}

func (strange) StoreID() any { return "strange" }

// Within has fn run with the rows of a transaction.
func (r Rows[S, R]) Within(st S, fn func(ctx context.Context, rows R) error) func(context.Context, storage.Tx) error {
	return func(ctx context.Context, tx storage.Tx) error {
		rows, err := r.Of(st, tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	}
}

// Update runs fn in a transaction that commits.
func (r Rows[S, R]) Update(t *T, st S, what string, fn func(ctx context.Context, rows R) error) {
	t.Helper()
	t.OK(st.Update(t.Context(), r.Within(st, fn)), "%s", what)
}

// View runs fn in a transaction that reads.
func (r Rows[S, R]) View(t *T, st S, fn func(ctx context.Context, rows R) error) {
	t.Helper()
	t.OK(st.View(t.Context(), r.Within(st, fn)), "read")
}

// Fails runs fn, which must fail, in a transaction that is rolled back in any case. The
// error that the store sees is not the conflict itself, so that it is not run again.
func (r Rows[S, R]) Fails(t *T, st S, want error, what string, fn func(ctx context.Context, rows R) error) {
	t.Helper()
	var got error
	err := st.Update(t.Context(), r.Within(st, func(ctx context.Context, rows R) error {
		got = fn(ctx, rows)
		return ErrRefused
	}))
	t.Is(err, ErrRefused, "Update whose function refuses")
	t.Is(got, want, "%s", what)
}

// Tried runs fn once in a transaction that is committed if it succeeds: a conflict is not
// tried again, and returned.
func (r Rows[S, R]) Tried(t *T, st S, fn func(ctx context.Context, rows R) error) error {
	t.Helper()
	var got error
	err := st.Update(t.Context(), r.Within(st, func(ctx context.Context, rows R) error {
		if got = fn(ctx, rows); got != nil {
			return ErrRefused
		}
		return nil
	}))
	if errors.Is(err, ErrRefused) {
		return got
	}
	return err
}

// Rules are the rules TX-1 to TX-4 and DUR-1.
func (r Rows[S, R]) Rules() []Rule[StoreHarness[S]] {
	return []Rule[StoreHarness[S]]{r.foreign(), r.done(), r.readOnly(), r.rollback(), r.durable()}
}

func (r Rows[S, R]) foreign() Rule[StoreHarness[S]] {
	return Rule[StoreHarness[S]]{
		ID: "TX-1", Name: "foreign",
		Text: r.Method + " refuses a transaction that another store made with storage.ErrForeignTx.",
		Why:  "Rows written through a transaction of the wrong database are outside of every transaction.",
		Check: func(t *T, h StoreHarness[S]) {
			a, b := h.New(t.Test()), h.New(t.Test())
			var ofA, stranger, none error
			t.OK(a.Update(t.Context(), func(_ context.Context, tx storage.Tx) error {
				_, ofA = r.Of(b, tx)
				_, stranger = r.Of(b, strange{})
				_, none = r.Of(b, nil)
				return nil
			}), "Update")
			t.Is(ofA, storage.ErrForeignTx, "%s for a transaction of another store of the same kind", r.Method)
			t.Is(stranger, storage.ErrForeignTx, "%s for a transaction of a type that the store does not know", r.Method)
			t.Is(none, storage.ErrForeignTx, "%s for no transaction", r.Method)
		},
	}
}

func (r Rows[S, R]) done() Rule[StoreHarness[S]] {
	return Rule[StoreHarness[S]]{
		ID: "TX-2", Name: "done",
		Text: "Rows of a transaction that has ended refuse everything with storage.ErrTxDone, and so does " + r.Method + ".",
		Why:  "A goroutine that outlives its transaction must not write into the next user's.",
		Check: func(t *T, h StoreHarness[S]) {
			st := h.New(t.Test())
			r.Seed(t, st)
			before := r.Dump(t, st)
			for ending, result := range map[string]error{"commit": nil, "error": ErrRefused} {
				var kept storage.Tx
				var rows R
				var keptCtx context.Context
				err := st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) (err error) {
					kept, keptCtx = tx, context.WithoutCancel(ctx)
					if rows, err = r.Of(st, tx); err != nil {
						return err
					}
					return result
				})
				if !errors.Is(err, result) {
					t.Fatalf("Update that ends by %s: %v", ending, err)
				}
				_, err = r.Of(st, kept)
				t.Is(err, storage.ErrTxDone, "%s after the end by %s", r.Method, ending)
				for _, c := range r.Calls() {
					t.Is(c.Do(keptCtx, rows), storage.ErrTxDone, "%s after the end by %s", c.Name, ending)
				}
			}
			t.Equal(r.Dump(t, st), before, "the store")
		},
	}
}

func (r Rows[S, R]) readOnly() Rule[StoreHarness[S]] {
	return Rule[StoreHarness[S]]{
		ID: "TX-3", Name: "read-only",
		Text: "In a View all reads work, and writes fail with storage.ErrReadOnly and change nothing.",
		Why:  "Views run on replicas and without locks.",
		Check: func(t *T, h StoreHarness[S]) {
			st := h.New(t.Test())
			r.Seed(t, st)
			before := r.Dump(t, st)
			for _, c := range r.Calls() {
				err := st.View(t.Context(), r.Within(st, c.Do))
				if c.Writes {
					t.Is(err, storage.ErrReadOnly, "%s in a View", c.Name)
				} else {
					t.OK(err, "%s in a View", c.Name)
				}
			}
			t.Equal(r.Dump(t, st), before, "the store")
		},
	}
}

func (r Rows[S, R]) rollback() Rule[StoreHarness[S]] {
	return Rule[StoreHarness[S]]{
		ID: "TX-4", Name: "rollback",
		Text: "When the function fails nothing of what it wrote stays, nor of the events; when it succeeds all does.",
		Why:  "A row without its event is not heard of; an event without its row is a lie.",
		Check: func(t *T, h StoreHarness[S]) {
			st := h.New(t.Test())
			r.Seed(t, st)
			before, events := r.Dump(t, st), pending(t, st)
			write := func(c Call[R], result error) func(ctx context.Context, tx storage.Tx) error {
				return func(ctx context.Context, tx storage.Tx) error {
					outbox, err := st.Outbox(tx)
					if err != nil {
						return err
					}
					told := []*storage.Event{{ID: "event of " + c.Name, Type: "t", Version: 1, Subject: "s", At: time.Unix(0, 0).UTC()}}
					return errors.Join(r.Within(st, c.Do)(ctx, tx), outbox.Append(ctx, told), result)
				}
			}
			committed := 0
			for _, c := range r.Calls() {
				if !c.Writes {
					continue
				}
				t.Is(st.Update(t.Context(), write(c, ErrRefused)), ErrRefused, "Update with %s", c.Name)
				t.Equal(r.Dump(t, st), before, "the store after the rollback of %s", c.Name)
				t.Equal(pending(t, st), events, "events after the rollback of %s", c.Name)
				if !c.Plain {
					continue
				}
				committed++
				t.OK(st.Update(t.Context(), write(c, nil)), "%s, committed", c.Name)
				if after := r.Dump(t, st); after == before {
					t.Errorf("what %s has written is not there", c.Name)
				} else {
					before = after
				}
				events++
				t.Equal(pending(t, st), events, "events after %s", c.Name)
			}
			if committed == 0 {
				t.Fatalf("the suite has no plain write")
			}
		},
	}
}

// pending counts the events that wait.
func pending[S storage.OutboxStore](t *T, st S) (n int64) {
	t.Helper()
	t.OK(st.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		outbox, err := st.Outbox(tx)
		if err != nil {
			return err
		}
		n, err = outbox.Pending(ctx)
		return err
	}), "count the events")
	return n
}

func (r Rows[S, R]) durable() Rule[StoreHarness[S]] {
	return Rule[StoreHarness[S]]{
		ID: "DUR-1", Name: "durable",
		Text: "What was committed is there after the store was opened anew, and more can be written.",
		Why:  r.Lost,
		Skip: func(h StoreHarness[S]) string {
			if h.Reopen == nil {
				return "the harness cannot open a store again"
			}
			return ""
		},
		Check: func(t *T, h StoreHarness[S]) {
			st := h.New(t.Test())
			r.Seed(t, st)
			before := r.Dump(t, st)
			st = h.Reopen(t.Test(), st)
			t.Equal(r.Dump(t, st), before, "the store")
			for _, c := range r.Calls() {
				if c.Plain {
					r.Update(t, st, fmt.Sprintf("%s after it was opened anew", c.Name), c.Do)
				}
			}
		},
	}
}
