package resellertest_test

import (
	"context"
	"errors"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// billThere reports whether a bill is there.
func billThere(ctx context.Context, rows reseller.Rows, b reseller.Bill) bool {
	page, err := rows.Bills(ctx, reseller.BillQuery{Seller: b.Seller, Since: b.Day, Until: b.Day}, billing.Date{}, "", 1000)
	return err == nil && slices.ContainsFunc(page, func(x reseller.Bill) bool { return x.Resource == b.Resource })
}

func writeMutants() []mutant {
	deferring := func(fault string) func() reseller.Store { return func() reseller.Store { return newDeferred(fault) } }
	return []mutant{
		{name: "holdings of nothing are not kept", rules: []string{"WRITE-1", "EXACT-2"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			b.Holdings = without(b.Holdings, func(h reseller.Holding) bool { return h.Pooled.IsZero() })
			return nil
		})},
		{name: "holdings are merged", rules: []string{"WRITE-1"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			b.Holdings = each(b.Holdings, func(h *reseller.Holding) {
				old, _ := rows.Load(ctx, reseller.LoadQuery{Accounts: []billing.AccountID{h.Account}})
				for _, o := range old.Holdings {
					if o.Seller == h.Seller && o.Resource == h.Resource && len(h.Limits) == 0 {
						h.Limits = o.Limits
					}
				}
			})
			return nil
		})},
		{name: "one holding for all sellers", rules: []string{"WRITE-1", "LOAD-1"}, hooks: rewritingIn(change{holding: func(h *reseller.Holding) { h.Seller = "acme" }})},
		{name: "returns add up", rules: []string{"WRITE-2"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			b.Stocks = each(b.Stocks, func(s *reseller.Stock) {
				old, _ := rows.Stocks(ctx, s.Seller)
				for _, o := range old {
					if o.Resource == s.Resource {
						s.Returns = append(s.Returns, o.Returns...)
					}
				}
			})
			return nil
		})},
		{name: "a limit is not taken away", rules: []string{"WRITE-2"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			b.Stocks = each(b.Stocks, func(s *reseller.Stock) {
				old, _ := rows.Stocks(ctx, s.Seller)
				for _, o := range old {
					if o.Resource == s.Resource && s.Limit == nil {
						s.Limit = o.Limit
					}
				}
			})
			return nil
		})},
		{name: "books never go back", rules: []string{"WRITE-2", "DAY-2"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			b.Books = without(b.Books, func(x reseller.Books) bool {
				old, err := rows.Books(ctx, x.Seller)
				return err == nil && x.Through.Before(old.Through)
			})
			return nil
		})},
		{name: "a transfer that is there is left", rules: []string{"WRITE-2", "LIST-6"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			b.Transfers = without(b.Transfers, func(x reseller.Transfer) bool { _, err := rows.Transfer(ctx, x.Account); return err == nil })
			return nil
		})},
		{name: "numbers are not given back", rules: []string{"WRITE-3", "WRITE-7", "WRITE-4"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			b.Shadows, _ = eachShadow(b.Shadows, nil)
			return nil
		})},
		{name: "numbers are never given back later", rules: []string{"WRITE-3"}, make: deferring("no numbers")},
		{name: "numbers backwards", rules: []string{"WRITE-3", "WRITE-6"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			b.Shadows = slices.Clone(b.Shadows)
			slices.Reverse(b.Shadows)
			return nil
		})},
		{name: "the caller's numbers are kept", rules: []string{"WRITE-3"}, hooks: func() hooks {
			return hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
				list, _ := eachShadow(b.Shadows, nil)
				err := next.Write(ctx, b)
				for i, s := range list {
					if s.Seq != 0 {
						b.Shadows[i].Seq = s.Seq
					}
				}
				return err
			}}
		}},
		{name: "each transaction counts from one", rules: []string{"WRITE-3"}, hooks: func() hooks {
			return hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
				err := next.Write(ctx, b)
				for i, s := range b.Shadows {
					s.Seq = int64(i + 1)
				}
				return err
			}}
		}},
		{name: "what was not sent is lost at the commit", rules: []string{"WRITE-3", "WRITE-4"}, make: deferring("lost at the commit")},
		{name: "what was not sent is lost behind a final write", rules: []string{"WRITE-4", "REFUSE-1"}, make: deferring("lost behind a final write")},
		{name: "accounts must be there before", rules: []string{"WRITE-4"}, make: func() reseller.Store {
			return &needy{memory.New()}
		}},
		{name: "nothing is an error", rules: []string{"WRITE-5"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			if len(b.Holdings)+len(b.Stocks)+len(b.Books)+len(b.Shadows)+len(b.Bills)+len(b.Transfers) == 0 {
				return errors.New("syntax error at or near \"VALUES\"")
			}
			return nil
		})},
		{name: "at most a hundred rows", rules: []string{"WRITE-6"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			b.Holdings = b.Holdings[:min(100, len(b.Holdings))]
			return nil
		})},
		{name: "at most a hundred shadows in order", rules: []string{"WRITE-6"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			if len(b.Shadows) > 100 {
				b.Shadows = slices.Concat(b.Shadows[100:], b.Shadows[:100])
			}
			return nil
		})},
		{name: "what an earlier run has not sent is sent", rules: []string{"WRITE-7"}, make: deferring("runs add up")},
		{name: "conflicts are not run again", rules: []string{"WRITE-7"}, hooks: func() hooks {
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

// needy is a store that wants accounts to be there before rows of theirs.
type needy struct{ *memory.Store }

func (s *needy) Reseller(tx storage.Tx) (reseller.Rows, error) {
	rows, err := s.Store.Reseller(tx)
	if err != nil {
		return nil, err
	}
	books, err := s.Store.Billing(tx)
	return &brokenRows{rows, &hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
		for _, x := range b.Holdings {
			l, err := books.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{x.Account}})
			if err == nil && len(l.States) == 0 {
				err = storage.ErrNotFound
			}
			if err != nil {
				return err
			}
		}
		return next.Write(ctx, b)
	}}}, err
}

func refusalMutants() []mutant {
	return []mutant{
		{name: "a bill that exists is left", rules: []string{"REFUSE-1"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			b.Bills = without(b.Bills, func(x reseller.Bill) bool { return billThere(ctx, rows, x) })
			return nil
		})},
		{name: "a bill that exists is left, later", rules: []string{"REFUSE-1"}, make: func() reseller.Store { return newDeferred("nobody is told") }},
		{name: "a bill twice in a batch is one", rules: []string{"REFUSE-1"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			type key struct {
				seller   billing.SellerID
				day      billing.Date
				resource billing.ResourceID
			}
			seen := map[key]bool{}
			b.Bills = without(b.Bills, func(x reseller.Bill) bool {
				k := key{x.Seller, x.Day, x.Resource}
				twice := seen[k]
				seen[k] = true
				return twice
			})
			return nil
		})},
		{name: "a bill that exists is a conflict", rules: []string{"REFUSE-1"}, hooks: func() hooks {
			return hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
				return masked(next.Write(ctx, b), storage.ErrExists, storage.ErrConflict)
			}}
		}},
		{name: "a day has one bill", rules: []string{"REFUSE-1", "LIST-5"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			for _, x := range b.Bills {
				page, err := rows.Bills(ctx, reseller.BillQuery{Seller: x.Seller, Since: x.Day, Until: x.Day}, billing.Date{}, "", 1)
				if err == nil && len(page) > 0 {
					return storage.ErrExists
				}
			}
			seen := map[billing.Date]bool{}
			for _, x := range b.Bills {
				if seen[x.Day] && x.Seller == b.Bills[0].Seller {
					return storage.ErrExists
				}
				seen[x.Day] = true
			}
			return nil
		})},
		{name: "what is not a bill stays", rules: []string{"REFUSE-2"}, make: func() reseller.Store {
			st := memory.New()
			var left []*reseller.Batch
			return &broken{st, hooks{
				write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
					err := next.Write(ctx, b)
					if err != nil {
						left = append(left, &reseller.Batch{Stocks: b.Stocks, Holdings: b.Holdings})
					}
					return err
				},
				update: func(next runFunc, ctx context.Context, fn txFunc) error {
					left = nil
					err := next(ctx, fn)
					for _, b := range left {
						_ = st.Update(ctx, inside(st, func(ctx context.Context, rows reseller.Rows) error { return rows.Write(ctx, b) }))
					}
					return err
				},
			}}
		}},
		{name: "what came before a refusal is committed", rules: []string{"REFUSE-2"}, hooks: func() hooks {
			return hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
				for _, x := range b.Bills {
					if billThere(ctx, next, x) {
						return storage.ErrExists // and the transaction goes on
					}
				}
				return next.Write(ctx, b)
			}}
		}},
		{name: "a shadow with a number is that one", rules: []string{"REFUSE-3"}, make: func() reseller.Store {
			changed := map[int64]reseller.Shadow{}
			h := rewriting(nil, &change{shadow: func(s *reseller.Shadow) {
				if c, ok := changed[s.Seq]; ok {
					*s = c
				}
			}})
			h.write = func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
				c := *b
				c.Shadows = without(b.Shadows, func(s *reseller.Shadow) bool {
					if s.Seq != 0 {
						changed[s.Seq] = *s
					}
					return s.Seq != 0
				})
				return next.Write(ctx, &c)
			}
			return &broken{memory.New(), h}
		}},
		{name: "shadows of a day that is billed are deleted", rules: []string{"REFUSE-3"}, hooks: func() hooks {
			return hooks{shadows: func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				page, err := next.Shadows(ctx, q, after, limit)
				return without(page, func(s reseller.Shadow) bool {
					b, err := next.Books(ctx, s.Seller)
					return err == nil && !s.Day.After(b.Through)
				}), err
			}}
		}},
	}
}
