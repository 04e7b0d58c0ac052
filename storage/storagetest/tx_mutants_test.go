package storagetest_test

import (
	"context"
	"errors"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest"
)

// unmarked hides what a context carries, the mark against nesting included.
type unmarked struct{ context.Context }

func (unmarked) Value(any) any { return nil }

// tagged is a transaction with an identity of the test's own.
type tagged struct {
	storage.Tx
	id any
}

func (t tagged) StoreID() any { return t.id }

// tagging gives every transaction the identity that id returns.
func tagging(id func() any) hooks {
	wrap := func(next runFunc, ctx context.Context, fn txFunc) error {
		return next(ctx, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, tagged{tx, id()}) })
	}
	return hooks{update: wrap, view: wrap, outbox: func(st storage.OutboxStore, tx storage.Tx) (storage.Outbox, error) {
		if x, ok := tx.(tagged); ok {
			tx = x.Tx
		}
		return st.Outbox(tx)
	}}
}

type joinKey struct{}

func txMutants() []mutant {
	updateWith := func(update func(next runFunc, ctx context.Context, fn txFunc) error) func() hooks {
		return func() hooks { return hooks{update: update} }
	}
	return []mutant{
		{name: "commit is lost", rules: []string{"TX-1"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				undo := errors.New("undo")
				err := next(ctx, func(ctx context.Context, tx storage.Tx) error {
					if err := fn(ctx, tx); err != nil {
						return err
					}
					return undo
				})
				if errors.Is(err, undo) {
					return nil
				}
				return err
			})},
		{name: "error commits", rules: []string{"TX-2", "OUT-8"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				var got error
				err := next(ctx, func(ctx context.Context, tx storage.Tx) error {
					got = fn(ctx, tx)
					return nil
				})
				return errors.Join(got, err)
			})},
		{name: "error is lost", rules: []string{"TX-2", "TX-8"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				_ = next(ctx, fn)
				return nil
			})},
		{name: "error without its chain", rules: []string{"TX-2"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				if err := next(ctx, fn); err != nil {
					return errors.New(err.Error())
				}
				return nil
			})},
		{name: "panic commits", rules: []string{"TX-3"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				var value any
				err := next(ctx, func(ctx context.Context, tx storage.Tx) (err error) {
					defer func() { value = recover() }()
					return fn(ctx, tx)
				})
				if value != nil {
					panic(value)
				}
				return err
			})},
		{name: "panic is swallowed", rules: []string{"TX-3"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) (err error) {
				defer func() {
					if recover() != nil {
						err = errors.New("panic")
					}
				}()
				return next(ctx, fn)
			})},
		{name: "panic leaves the store locked", rules: []string{"TX-3"}, hooks: func() hooks {
			turn := make(chan struct{}, 1)
			return hooks{update: func(next runFunc, ctx context.Context, fn txFunc) error {
				select {
				case turn <- struct{}{}:
				case <-ctx.Done():
					return ctx.Err()
				}
				err := next(ctx, fn)
				<-turn
				return err
			}}
		}},
		{name: "cancellation commits", rules: []string{"TX-4"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				return next(context.WithoutCancel(ctx), fn)
			})},
		{name: "writes are seen after the commit only", rules: []string{"TX-5"}, hooks: func() hooks {
			var later []*storage.Event
			var box storage.Outbox
			return hooks{
				append: func(next storage.Outbox, _ context.Context, events []*storage.Event) error {
					box, later = next, append(later, events...)
					return nil
				},
				update: func(next runFunc, ctx context.Context, fn txFunc) error {
					return next(ctx, func(ctx context.Context, tx storage.Tx) error {
						later = nil
						if err := fn(ctx, tx); err != nil || len(later) == 0 {
							return err
						}
						return box.Append(ctx, later)
					})
				},
			}
		}},
		{name: "conflict is not run again", rules: []string{"TX-6", "TX-7"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				var got error
				stop := errors.New("stop")
				err := next(ctx, func(ctx context.Context, tx storage.Tx) error {
					if got = fn(ctx, tx); errors.Is(got, storage.ErrConflict) {
						return stop
					}
					return got
				})
				if errors.Is(err, stop) {
					return got
				}
				return err
			})},
		{name: "conflict is run again in the same transaction", rules: []string{"TX-6"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				return next(ctx, func(ctx context.Context, tx storage.Tx) error {
					err := fn(ctx, tx)
					for i := 0; i < 5 && errors.Is(err, storage.ErrConflict); i++ {
						err = fn(ctx, tx)
					}
					return err
				})
			})},
		{name: "conflict is run again for ever", rules: []string{"TX-7"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				for {
					if err := next(ctx, fn); !errors.Is(err, storage.ErrConflict) {
						return err
					}
				}
			})},
		{name: "every error is run again", rules: []string{"TX-8"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error {
				err := next(ctx, fn)
				if err != nil {
					err = next(ctx, fn)
				}
				return err
			})},
		{name: "nested joins", rules: []string{"TX-9"}, hooks: func() hooks {
			join := func(next runFunc, ctx context.Context, fn txFunc) error {
				if tx, ok := ctx.Value(joinKey{}).(storage.Tx); ok {
					return fn(ctx, tx)
				}
				return next(ctx, func(ctx context.Context, tx storage.Tx) error {
					return fn(context.WithValue(ctx, joinKey{}, tx), tx)
				})
			}
			return hooks{update: join, view: join}
		}},
		{name: "nested blocks", rules: []string{"TX-9"}, hooks: updateWith(
			func(next runFunc, ctx context.Context, fn txFunc) error { return next(unmarked{ctx}, fn) })},
		{name: "nested view is another transaction", rules: []string{"TX-9"}, hooks: func() hooks {
			return hooks{view: func(next runFunc, ctx context.Context, fn txFunc) error { return next(unmarked{ctx}, fn) }}
		}},
		{name: "any nesting is refused", rules: []string{"TX-10"}, hooks: func() hooks {
			mark := func(next runFunc, ctx context.Context, fn txFunc) error {
				ctx, err := storage.Enter(ctx, "all stores")
				if err != nil {
					return err
				}
				return next(ctx, fn)
			}
			return hooks{update: mark, view: mark}
		}},
		{name: "foreign is accepted", rules: []string{"TX-11"}, hooks: func() hooks {
			return hooks{outbox: func(st storage.OutboxStore, tx storage.Tx) (storage.Outbox, error) {
				if tx != nil {
					if owner, ok := tx.StoreID().(*memory.Store); ok {
						return owner.Outbox(tx)
					}
				}
				return st.Outbox(tx)
			}}
		}},
		{name: "no transaction is a panic", rules: []string{"TX-11"}, hooks: func() hooks {
			return hooks{outbox: func(st storage.OutboxStore, tx storage.Tx) (storage.Outbox, error) {
				if tx.StoreID() != st.(*memory.Store) {
					return nil, storage.ErrForeignTx
				}
				return st.Outbox(tx)
			}}
		}},
		{name: "an identity for each transaction", rules: []string{"TX-12"}, hooks: func() hooks {
			return tagging(func() any { return new(int) })
		}},
		{name: "one identity for all stores", rules: []string{"TX-12"}, hooks: func() hooks {
			return tagging(func() any { return "store" })
		}},
		{name: "done is not noticed", rules: []string{"TX-13"}, hooks: func() hooks {
			return hooks{outbox: func(st storage.OutboxStore, tx storage.Tx) (ob storage.Outbox, err error) {
				ob, err = st.Outbox(tx)
				if errors.Is(err, storage.ErrTxDone) {
					err = st.View(context.Background(), func(_ context.Context, tx storage.Tx) error {
						ob, err = st.Outbox(tx)
						return err
					})
				}
				return ob, err
			}}
		}},
		{name: "what a done transaction left commits by itself", rules: []string{"TX-13"}, hooks: func() hooks {
			var st storage.OutboxStore
			return hooks{
				outbox: func(x storage.OutboxStore, tx storage.Tx) (storage.Outbox, error) {
					st = x
					return x.Outbox(tx)
				},
				append: func(next storage.Outbox, ctx context.Context, events []*storage.Event) error {
					err := next.Append(ctx, events)
					if errors.Is(err, storage.ErrTxDone) {
						return st.Update(unmarked{ctx}, func(ctx context.Context, tx storage.Tx) error {
							ob, err := st.Outbox(tx)
							if err != nil {
								return err
							}
							return ob.Append(ctx, events)
						})
					}
					return err
				},
			}
		}},
		{name: "a View can write", rules: []string{"TX-14"}, make: func() storage.OutboxStore {
			st := memory.New()
			return &broken{st, hooks{view: func(_ runFunc, ctx context.Context, fn txFunc) error { return st.Update(ctx, fn) }}}
		}},
		{name: "a write in a View is ignored", rules: []string{"TX-14"}, hooks: func() hooks {
			return hooks{append: func(next storage.Outbox, ctx context.Context, events []*storage.Event) error {
				if err := next.Append(ctx, events); !errors.Is(err, storage.ErrReadOnly) {
					return err
				}
				return nil
			}}
		}},
		{name: "each read sees the newest", rules: []string{"TX-15"}, make: func() storage.OutboxStore {
			st := memory.New()
			return &broken{st, hooks{pending: func(next storage.Outbox, ctx context.Context) (n int64, err error) {
				if _, err := next.Purge(ctx, time.Time{}, 0); !errors.Is(err, storage.ErrReadOnly) {
					return next.Pending(ctx)
				}
				err = st.View(unmarked{ctx}, func(ctx context.Context, tx storage.Tx) error {
					ob, err := st.Outbox(tx)
					if err == nil {
						n, err = ob.Pending(ctx)
					}
					return err
				})
				return n, err
			}}}
		}},
		{name: "each write commits", rules: []string{"TX-2", "TX-16"}, make: func() storage.OutboxStore {
			st := memory.New()
			return &broken{st, hooks{
				update: func(_ runFunc, ctx context.Context, fn txFunc) error { return st.View(ctx, fn) },
				append: func(_ storage.Outbox, ctx context.Context, events []*storage.Event) error {
					return st.Update(unmarked{ctx}, func(ctx context.Context, tx storage.Tx) error {
						ob, err := st.Outbox(tx)
						if err != nil {
							return err
						}
						return ob.Append(ctx, events)
					})
				},
			}}
		}},
		{name: "rivals conflict instead of existing", rules: []string{"TX-17", "OUT-4"}, hooks: func() hooks {
			return hooks{append: func(next storage.Outbox, ctx context.Context, events []*storage.Event) error {
				if err := next.Append(ctx, events); errors.Is(err, storage.ErrExists) {
					return storage.ErrConflict
				} else {
					return err
				}
			}}
		}},
		{name: "a restart forgets", rules: []string{"DUR-1"}, hooks: func() hooks { return hooks{} },
			shape: func(h *storagetest.Harness) { h.Reopen = forgets }},
	}
}
