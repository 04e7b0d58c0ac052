package billingtest_test

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// loading replaces Load.
func loading(load func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error)) func() hooks {
	return func() hooks { return hooks{load: load} }
}

// asking changes what Load is asked.
func asking(change func(q *billing.LoadQuery)) func() hooks {
	return loading(func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
		change(&q)
		return next.Load(ctx, q)
	})
}

// answering changes what Load answers.
func answering(change func(q billing.LoadQuery, l *billing.Loaded)) func() hooks {
	return loading(func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
		l, err := next.Load(ctx, q)
		change(q, &l)
		return l, err
	})
}

func loadMutants() []mutant {
	return []mutant{
		{name: "states in the order of the question", rules: []string{"LOAD-1"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			at := func(s billing.State) int { return slices.Index(q.IDs, s.Account.ID) }
			slices.SortFunc(l.States, func(a, b billing.State) int { return at(a) - at(b) })
		})},
		{name: "a state for each question", rules: []string{"LOAD-1"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			var out []billing.State
			for _, s := range l.States {
				for _, id := range q.IDs {
					if id == s.Account.ID {
						out = append(out, s)
					}
				}
			}
			l.States = out
		})},
		{name: "holdings in another order", rules: []string{"LOAD-1"}, hooks: answering(func(_ billing.LoadQuery, l *billing.Loaded) {
			for _, s := range l.States {
				slices.Reverse(s.Holdings)
			}
		})},
		{name: "holdings of 0 are left out", rules: []string{"LOAD-1", "MODEL-1"}, hooks: answering(func(_ billing.LoadQuery, l *billing.Loaded) {
			for i := range l.States {
				l.States[i].Holdings = without(l.States[i].Holdings, func(h billing.Holding) bool { return h.Quantity.IsZero() || h.Quantity.IsNegative() })
			}
		})},
		{name: "usage is always there", rules: []string{"LOAD-2"}, hooks: asking(func(q *billing.LoadQuery) { q.Usage = true })},
		{name: "settled usage too", rules: []string{"LOAD-2", "MODEL-1"}, hooks: loading(
			func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				l, err := next.Load(ctx, q)
				for i := range l.States {
					if q.Usage && err == nil {
						l.States[i].Usage, err = next.Usage(ctx, l.States[i].Account.ID, 0, 1000)
					}
				}
				return l, err
			})},
		{name: "usage by day", rules: []string{"LOAD-2"}, hooks: answering(func(_ billing.LoadQuery, l *billing.Loaded) {
			for _, s := range l.States {
				slices.SortFunc(s.Usage, func(a, b billing.UsageRecord) int { return a.Day.Compare(b.Day) })
			}
		})},
		{name: "due or not", rules: []string{"LOAD-3", "LOCK-3"}, hooks: asking(func(q *billing.LoadQuery) { q.DueBy = billing.Date{} })},
		{name: "parked accounts are due", rules: []string{"LOAD-3"}, hooks: loading(
			func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				due := q.DueBy
				q.DueBy = billing.Date{}
				l, err := next.Load(ctx, q)
				l.States = without(l.States, func(s billing.State) bool {
					return !due.IsZero() && (s.Account.Next.IsZero() || s.Account.Next.After(due))
				})
				return l, err
			})},
		{name: "keys without a scope", rules: []string{"LOAD-4"}, hooks: func() hooks {
			h := rewriting(&change{key: func(k *billing.Key) {
				if k.Scope == "account/2" {
					k.Scope = "also/1"
				}
			}}, nil)
			h.load = func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				if strings.HasPrefix(q.Key.Scope, "account/") {
					q.Key.Scope = "account/1"
				}
				return next.Load(ctx, q)
			}
			return h
		}},
		{name: "keys without case", rules: []string{"LOAD-4"}, hooks: func() hooks {
			h := rewriting(&change{key: func(k *billing.Key) {
				if k.Key == "K" {
					k.Key = "k2"
				}
			}}, nil)
			h.load = func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				q.Key.Key = strings.ToLower(q.Key.Key)
				return next.Load(ctx, q)
			}
			return h
		}},
		{name: "usage keys of settled records are forgotten", rules: []string{"LOAD-5"}, hooks: answering(func(_ billing.LoadQuery, l *billing.Loaded) {
			if l.Keyed != nil && len(l.States) > 0 && l.Keyed.Seq <= l.States[0].Account.MeterScan {
				l.Keyed = nil
			}
		})},
		{name: "usage keys of the smallest ID", rules: []string{"LOAD-5"}, hooks: asking(func(q *billing.LoadQuery) {
			q.IDs = slices.Clone(q.IDs)
			slices.Sort(q.IDs)
		})},
		{name: "usage keys of any resource", rules: []string{"LOAD-5"}, hooks: loading(
			func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				l, err := next.Load(ctx, q)
				if l.Keyed == nil && q.UsageKey != "" {
					q.UsageResource = "traffic"
					again, err := next.Load(ctx, q)
					l.Keyed = again.Keyed
					return l, err
				}
				return l, err
			})},
		{name: "names without case", rules: []string{"LOAD-6"}, hooks: named(func(q billing.LoadQuery, a billing.Account) bool {
			return a.Seller == q.Seller && strings.EqualFold(a.Name, q.Name)
		})},
		{name: "names without spaces at the ends", rules: []string{"LOAD-6"}, hooks: named(func(q billing.LoadQuery, a billing.Account) bool {
			return a.Seller == q.Seller && strings.TrimSpace(a.Name) == strings.TrimSpace(q.Name)
		})},
		{name: "names of all sellers", rules: []string{"LOAD-6"}, hooks: named(func(q billing.LoadQuery, a billing.Account) bool {
			return a.Name == q.Name
		})},
		{name: "fresh IDs are counted from accounts", rules: []string{"LOAD-7"}, hooks: loading(
			func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				l, err := next.Load(ctx, q)
				if q.NewID && err == nil {
					all, aerr := next.Accounts(ctx, billing.AccountQuery{}, 0, 1000)
					err, l.NewID = aerr, 1
					if n := len(all); n > 0 {
						l.NewID = all[n-1].ID + 1
					}
				}
				return l, err
			})},
		{name: "nothing without an account", rules: []string{"LOAD-8"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			if len(q.IDs) > 0 && len(l.States) == 0 {
				l.Key, l.Keyed = nil, nil
			}
		})},
		{name: "lists do not see the own writes", rules: []string{"LOAD-9"}, make: func() billing.Store {
			st := memory.New()
			return &broken{st, hooks{due: func(
				_ billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int,
			) (page []billing.DueAccount, err error) {
				err = aside(st, ctx, func(ctx context.Context, rows billing.Rows) (err error) {
					page, err = rows.Due(ctx, q, after, limit)
					return err
				})
				return page, err
			}}}
		}},
		{name: "Load does not see the own writes", rules: []string{"LOAD-9"}, make: func() billing.Store {
			st := memory.New()
			return &broken{st, hooks{load: func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (l billing.Loaded, err error) {
				if q.NewID {
					return next.Load(ctx, q)
				}
				err = aside(st, ctx, func(ctx context.Context, rows billing.Rows) (err error) {
					q.Lock, q.Above = billing.LockNone, min(q.Above, billing.AboveRead)
					l, err = rows.Load(ctx, q)
					return err
				})
				return l, err
			}}}
		}},
		{name: "those above are not seen as written", rules: []string{"LOAD-11"}, make: func() billing.Store {
			st := memory.New()
			return &broken{st, hooks{load: func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (l billing.Loaded, err error) {
				if l, err = next.Load(ctx, q); err != nil {
					return l, err
				}
				return l, aside(st, ctx, func(ctx context.Context, rows billing.Rows) error {
					l.Above = each(l.Above, func(a *billing.Account) {
						if old, ok := stored(ctx, rows, a.ID); ok {
							*a = old
						}
					})
					return nil
				})
			}}}
		}},
		{name: "those above are always there", rules: []string{"LOAD-11"}, hooks: asking(func(q *billing.LoadQuery) { q.Above = max(q.Above, billing.AboveRead) })},
		{name: "those above twice", rules: []string{"LOAD-11", "MODEL-1"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			for _, id := range q.AboveToo {
				if i := slices.IndexFunc(l.Above, func(a billing.Account) bool { return a.ID == id }); i >= 0 && len(q.IDs) > 0 {
					l.Above = slices.Insert(l.Above, i, l.Above[i])
				}
			}
		})},
		{name: "the lowest above comes first", rules: []string{"LOAD-11"}, hooks: answering(func(_ billing.LoadQuery, l *billing.Loaded) { slices.Reverse(l.Above) })},
		{name: "only the next above", rules: []string{"LOAD-11"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			next := slices.Clone(q.AboveToo)
			for _, s := range l.States {
				if n := len(s.Account.Above); n > 0 {
					next = append(next, s.Account.Above[n-1])
				}
			}
			if q.DueBy.IsZero() {
				l.Above = without(l.Above, func(a billing.Account) bool { return !slices.Contains(next, a.ID) })
			}
		})},
		{name: "AboveToo is not read", rules: []string{"LOAD-11"}, hooks: asking(func(q *billing.LoadQuery) { q.AboveToo = nil })},
		{name: "AboveToo is not read without IDs", rules: []string{"LOAD-11"}, hooks: asking(func(q *billing.LoadQuery) {
			if len(q.IDs) == 0 {
				q.AboveToo = nil
			}
		})},
		{name: "those above accounts that are not due are left out", rules: []string{"LOAD-11", "MODEL-1"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			if len(l.States) == 0 && len(q.IDs) > 0 {
				l.Above = without(l.Above, func(a billing.Account) bool { return !slices.Contains(q.AboveToo, a.ID) })
			}
		})},
		{name: "those above are not read where they are shared", rules: []string{"LOAD-11"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			if q.Above == billing.AboveShare {
				l.Above = nil
			}
		})},
		{name: "who is asked for itself is not above", rules: []string{"LOAD-11"}, hooks: answering(func(q billing.LoadQuery, l *billing.Loaded) {
			l.Above = without(l.Above, func(a billing.Account) bool { return slices.Contains(q.IDs, a.ID) })
		})},
		{name: "sharing in a View is reading", rules: []string{"LOAD-10"}, hooks: loading(
			func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				l, err := next.Load(ctx, q)
				if errors.Is(err, storage.ErrReadOnly) && q.Above == billing.AboveShare {
					q.Above = billing.AboveRead
					return next.Load(ctx, q)
				}
				return l, err
			})},
		{name: "locks in a View are ignored", rules: []string{"LOAD-10"}, hooks: loading(
			func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				l, err := next.Load(ctx, q)
				if errors.Is(err, storage.ErrReadOnly) {
					q.Lock, q.NewID = billing.LockNone, false
					return next.Load(ctx, q)
				}
				return l, err
			})},
	}
}

// named finds accounts by name in another way.
func named(match func(q billing.LoadQuery, a billing.Account) bool) func() hooks {
	return loading(func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
		l, err := next.Load(ctx, q)
		if err != nil || q.Name == "" || l.Named != 0 {
			return l, err
		}
		all, err := next.Accounts(ctx, billing.AccountQuery{}, 0, 1000)
		for _, a := range all {
			if match(q, a) {
				l.Named = a.ID
			}
		}
		return l, err
	})
}
