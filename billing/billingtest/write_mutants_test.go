package billingtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func writeMutants() []mutant {
	return []mutant{
		{name: "an update forgets a field", rules: []string{"WRITE-1", "EXACT-7"}, hooks: rewritingIn(change{account: func(a *billing.Account) {
			if a.Version > 1 {
				a.Closed = billing.Date{}
			}
		}})},
		{name: "holdings of 0 are not kept", rules: []string{"WRITE-2"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			b.Holdings = without(b.Holdings, func(h billing.Holding) bool { return h.Quantity.IsZero() })
			return nil
		})},
		{name: "holdings are merged", rules: []string{"WRITE-2"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Holdings = each(b.Holdings, func(h *billing.Holding) {
				old, _ := rows.Holdings(ctx, []billing.AccountID{h.Account})
				for _, o := range old {
					if o.Resource == h.Resource && len(h.Limits) == 0 {
						h.Limits = o.Limits
					}
				}
			})
			return nil
		})},
		{name: "usage numbers are not given back", rules: []string{"WRITE-3"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			b.Usage, _ = eachPointer(b.Usage, nil, nil)
			return nil
		})},
		{name: "usage numbers backwards", rules: []string{"WRITE-3", "MODEL-1"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			var list []*billing.UsageRecord
			for _, u := range b.Usage {
				list = append([]*billing.UsageRecord{u}, list...)
			}
			b.Usage = list
			return nil
		})},
		{name: "events are dropped", rules: []string{"WRITE-4", "WRITE-7", "DUR-1"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			b.Events = nil
			return nil
		})},
		{name: "event numbers are not given back", rules: []string{"WRITE-4"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			b.Events, _ = eachPointer(b.Events, nil, nil)
			return nil
		})},
		{name: "nothing is an error", rules: []string{"WRITE-5"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			if len(b.Accounts)+len(b.Entries)+len(b.Documents)+len(b.Holdings)+len(b.Usage)+len(b.Periods)+len(b.Keys)+len(b.Events) == 0 {
				return errors.New("syntax error at or near \"VALUES\"")
			}
			return nil
		})},
		{name: "a final write that fails is not noticed", rules: []string{"WRITE-6"}, hooks: func() hooks {
			return hooks{
				write: func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
					if err := next.Write(ctx, b); err != nil && !b.Final {
						return err
					}
					return nil
				},
				update: func(next runFunc, ctx context.Context, fn txFunc) error {
					return masked(next(ctx, fn), storage.ErrExists, nil)
				},
			}
		}},
		{name: "a final write commits before it has all", rules: []string{"WRITE-6"}, make: func() billing.Store {
			return leaving(func(b *billing.Batch) *billing.Batch {
				if !b.Final || len(b.Entries) == 0 {
					return nil
				}
				return &billing.Batch{Entries: b.Entries[:1]}
			})
		}},
		{name: "at most a hundred rows", rules: []string{"WRITE-7"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			b.Holdings = b.Holdings[:min(100, len(b.Holdings))]
			return nil
		})},

		{name: "versions are not looked at", rules: []string{"REFUSE-1", "REFUSE-6"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Accounts = each(b.Accounts, func(a *billing.Account) {
				if old, ok := stored(ctx, rows, a.ID); ok {
					a.Version = old.Version + 1
				}
			})
			return nil
		})},
		{name: "a version too far is taken", rules: []string{"REFUSE-1"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Accounts = each(b.Accounts, func(a *billing.Account) {
				if old, ok := stored(ctx, rows, a.ID); ok && a.Version > old.Version {
					a.Version = old.Version + 1
				}
			})
			return nil
		})},
		{name: "an account that is not there is left", rules: []string{"REFUSE-1"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Accounts = without(b.Accounts, func(a billing.Account) bool {
				_, ok := stored(ctx, rows, a.ID)
				return a.Version != 1 && !ok
			})
			return nil
		})},
		{name: "a taken ID is an update", rules: []string{"REFUSE-2"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Accounts = each(b.Accounts, func(a *billing.Account) {
				if old, ok := stored(ctx, rows, a.ID); ok && a.Version == 1 {
					a.Version = old.Version + 1
				}
			})
			return nil
		})},
		{name: "names are not unique", rules: []string{"REFUSE-2"}, hooks: func() hooks {
			return rewriting(
				&change{account: func(a *billing.Account) { a.Name = fmt.Sprint(a.Name, "#", a.ID) }},
				&change{account: func(a *billing.Account) { a.Name, _, _ = strings.Cut(a.Name, "#") }})
		}},
		{name: "names are unique among all sellers", rules: []string{"REFUSE-2"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			for _, a := range b.Accounts {
				for _, seller := range []billing.SellerID{"host", "reseller"} {
					l, err := rows.Load(ctx, billing.LoadQuery{Seller: seller, Name: a.Name})
					if err == nil && l.Named != 0 && l.Named != a.ID {
						return storage.ErrConflict
					}
				}
			}
			return nil
		})},
		{name: "a taken name exists", rules: []string{"REFUSE-2"}, hooks: func() hooks {
			return hooks{write: func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
				for _, a := range b.Accounts {
					if l, err := next.Load(ctx, billing.LoadQuery{Seller: a.Seller, Name: a.Name}); err == nil && l.Named != 0 && l.Named != a.ID {
						return storage.ErrExists
					}
				}
				return next.Write(ctx, b)
			}}
		}},
		{name: "a used key is left", rules: []string{"REFUSE-3", "REFUSE-6"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Keys = without(b.Keys, func(k billing.Key) bool { return keyThere(ctx, rows, k.KeyID) })
			return nil
		})},
		{name: "a used key exists", rules: []string{"REFUSE-3"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			for _, k := range b.Keys {
				if keyThere(ctx, rows, k.KeyID) {
					return storage.ErrExists
				}
			}
			return nil
		})},
		{name: "a key twice in a batch is one", rules: []string{"REFUSE-3"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			seen := map[billing.KeyID]bool{}
			b.Keys = without(b.Keys, func(k billing.Key) bool {
				twice := seen[k.KeyID]
				seen[k.KeyID] = true
				return twice
			})
			return nil
		})},
		{name: "an entry that exists is left", rules: []string{"REFUSE-4"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Entries = without(b.Entries, func(e billing.Entry) bool { return entryThere(ctx, rows, e.ID()) })
			return nil
		})},
		{name: "a period that exists is left", rules: []string{"REFUSE-4"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Periods = without(b.Periods, func(p billing.PeriodRow) bool {
				page, err := rows.Periods(ctx, p.Account, p.Seq-1, 1)
				return err == nil && len(page) == 1 && page[0].Seq == p.Seq
			})
			return nil
		})},
		{name: "usage keys are not unique", rules: []string{"REFUSE-4"}, hooks: func() hooks {
			n := 0
			return rewriting(&change{usage: func(u *billing.UsageRecord) {
				if n++; u.Key != "" {
					u.Key = fmt.Sprint(u.Key, n)
				}
			}}, nil)
		}},
		{name: "usage keys of all resources are one", rules: []string{"REFUSE-4"}, hooks: rewritingIn(change{usage: func(u *billing.UsageRecord) {
			if u.Key != "" {
				u.Resource = "any"
			}
		}})},
		{name: "an entry that exists is a conflict", rules: []string{"REFUSE-4"}, hooks: func() hooks {
			return hooks{write: func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
				return masked(next.Write(ctx, b), storage.ErrExists, storage.ErrConflict)
			}}
		}},
		{name: "half of a refused batch stays", rules: []string{"REFUSE-5"}, make: func() billing.Store {
			return leaving(func(b *billing.Batch) *billing.Batch { return &billing.Batch{Holdings: b.Holdings} })
		}},
		{name: "events of a refused batch stay", rules: []string{"REFUSE-5"}, make: func() billing.Store {
			return leaving(func(b *billing.Batch) *billing.Batch {
				if len(b.Events) != 1 {
					return nil
				}
				return &billing.Batch{Events: b.Events}
			})
		}},
		{name: "what exists comes before conflicts", rules: []string{"REFUSE-6"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			for _, e := range b.Entries {
				if entryThere(ctx, rows, e.ID()) {
					return storage.ErrExists
				}
			}
			return nil
		})},
		{name: "conflicts are not run again", rules: []string{"REFUSE-7"}, hooks: func() hooks {
			return hooks{update: func(next runFunc, ctx context.Context, fn txFunc) error {
				var got error
				stop := errors.New("stop")
				err := next(ctx, func(ctx context.Context, tx storage.Tx) error {
					if got = fn(ctx, tx); errors.Is(got, storage.ErrConflict) {
						return stop
					}
					return got
				})
				return masked(err, stop, got)
			}}
		}},
	}
}

// leaving is a store in which a part of each batch that is refused stays.
func leaving(part func(b *billing.Batch) *billing.Batch) billing.Store {
	st := memory.New()
	var left *billing.Batch
	return &broken{st, hooks{
		write: func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
			err := next.Write(ctx, b)
			if err != nil {
				left = part(b)
			}
			return err
		},
		update: func(next runFunc, ctx context.Context, fn txFunc) error {
			left = nil
			err := next(ctx, fn)
			if left != nil {
				// What cannot be left is not: the mutant is to fail no more than it must.
				_ = st.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
					rows, err := st.Billing(tx)
					if err != nil {
						return err
					}
					return rows.Write(ctx, left)
				})
			}
			return err
		},
	}}
}
