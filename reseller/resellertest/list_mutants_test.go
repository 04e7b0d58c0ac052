package resellertest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

type (
	shadowsOf   = func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error)
	holdingsOf  = func(next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error)
	billsOf     = func(next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error)
	sumsOf      = func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error)
	transfersOf = func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error)
	openDaysOf  = func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error)
)

func shadowing(f shadowsOf) func() hooks      { return func() hooks { return hooks{shadows: f} } }
func holding(f holdingsOf) func() hooks       { return func() hooks { return hooks{holdings: f} } }
func billed(f billsOf) func() hooks           { return func() hooks { return hooks{bills: f} } }
func summing(f sumsOf) func() hooks           { return func() hooks { return hooks{sums: f} } }
func transferring(f transfersOf) func() hooks { return func() hooks { return hooks{transfers: f} } }
func opening(f openDaysOf) func() hooks       { return func() hooks { return hooks{openDays: f} } }

// answering changes what Load answers.
func answering(f func(q reseller.LoadQuery, l *reseller.Loaded)) func() hooks {
	return func() hooks {
		return hooks{load: func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
			l, err := next.Load(ctx, q)
			f(q, &l)
			return l, err
		}}
	}
}

func loadMutants() []mutant {
	return []mutant{
		{name: "holdings in the order of the question", rules: []string{"LOAD-1"}, hooks: answering(func(q reseller.LoadQuery, l *reseller.Loaded) {
			slices.SortStableFunc(l.Holdings, func(a, b reseller.Holding) int {
				return slices.Index(q.Accounts, a.Account) - slices.Index(q.Accounts, b.Account)
			})
		})},
		{name: "holdings by seller", rules: []string{"LOAD-1"}, hooks: answering(func(_ reseller.LoadQuery, l *reseller.Loaded) {
			slices.SortStableFunc(l.Holdings, func(a, b reseller.Holding) int { return cmp.Compare(a.Seller, b.Seller) })
		})},
		{name: "holdings of the sellers asked for", rules: []string{"LOAD-1", "MODEL-1"}, hooks: answering(func(q reseller.LoadQuery, l *reseller.Loaded) {
			l.Holdings = without(l.Holdings, func(h reseller.Holding) bool { return len(q.Sellers) > 0 && !slices.Contains(q.Sellers, h.Seller) })
		})},
		{name: "a stock for each question", rules: []string{"LOAD-1"}, hooks: answering(func(q reseller.LoadQuery, l *reseller.Loaded) {
			var list []reseller.Stock
			for _, s := range l.Stocks {
				for _, id := range q.Sellers {
					if id == s.Seller {
						list = append(list, s)
					}
				}
			}
			l.Stocks = list
		})},
		{name: "books of one seller are not loaded", rules: []string{"LOAD-1"}, hooks: answering(func(_ reseller.LoadQuery, l *reseller.Loaded) {
			l.Books = without(l.Books, func(b reseller.Books) bool { return b.Seller == "other" })
		})},
		{name: "Load makes the stock of customers", rules: []string{"LOAD-1"}, hooks: func() hooks {
			return hooks{load: func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
				if q.Lock {
					for _, s := range q.Sellers {
						if _, err := next.Lock(ctx, []reseller.StockKey{{Seller: s}}); err != nil {
							return reseller.Loaded{}, err
						}
					}
				}
				return next.Load(ctx, q)
			}}
		}},
		{name: "lists do not see the own writes", rules: []string{"LOAD-2"}, make: func() reseller.Store {
			st := memory.New()
			return &broken{st, hooks{openDays: func(_ reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) (page []reseller.OpenDay, err error) {
				err = aside(st, ctx, func(ctx context.Context, rows reseller.Rows) (err error) {
					page, err = rows.OpenDays(ctx, until, after, limit)
					return err
				})
				return page, err
			}}}
		}},
		{name: "sums do not see the own writes", rules: []string{"LOAD-2"}, make: func() reseller.Store {
			st := memory.New()
			return &broken{st, hooks{sums: func(_ reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) (list []reseller.Sum, err error) {
				err = aside(st, ctx, func(ctx context.Context, rows reseller.Rows) (err error) {
					list, err = rows.Sums(ctx, seller, day)
					return err
				})
				return list, err
			}}}
		}},
		{name: "reads do not send what was written", rules: []string{"LOAD-2"}, make: func() reseller.Store { return newDeferred("reads do not send") }},
		{name: "locks in a View are ignored", rules: []string{"LOAD-3"}, hooks: func() hooks {
			return hooks{load: func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
				l, err := next.Load(ctx, q)
				if errors.Is(err, storage.ErrReadOnly) {
					q.Lock = false
					return next.Load(ctx, q)
				}
				return l, err
			}}
		}},
		{name: "a stock that is there can be locked in a View", rules: []string{"LOAD-3", "TX-3"}, hooks: func() hooks {
			return hooks{lock: func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
				list, err := next.Lock(ctx, keys)
				if errors.Is(err, storage.ErrReadOnly) {
					return next.Stocks(ctx, keys[0].Seller)
				}
				return list, err
			}}
		}},
	}
}

func listMutants() []mutant {
	// shadowsBy lists shadows in another order.
	shadowsBy := func(compare func(a, b reseller.Shadow) int) func() hooks {
		return shadowing(func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
			list, err := next.Shadows(ctx, q, reseller.ShadowID{}, 1000)
			slices.SortStableFunc(list, compare)
			list = without(list, func(s reseller.Shadow) bool { return compare(s, reseller.Shadow{Day: after.Day, Seq: after.Seq}) <= 0 })
			return list[:min(limit, len(list))], err
		})
	}
	return []mutant{
		{name: "shadows by number", rules: []string{"LIST-1", "MODEL-1"}, hooks: shadowsBy(func(a, b reseller.Shadow) int { return cmp.Compare(a.Seq, b.Seq) })},
		{name: "shadows by date", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				since, until := q.Since, q.Until
				q.Since, q.Until = billing.Date{}, billing.Date{}
				list, err := next.Shadows(ctx, q, after, 1000)
				list = without(list, func(s reseller.Shadow) bool {
					return !since.IsZero() && s.Date.Before(since) || !until.IsZero() && s.Date.After(until)
				})
				return list[:min(limit, len(list))], err
			})},
		{name: "shadows newest first", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				page, err := next.Shadows(ctx, q, after, limit)
				slices.Reverse(page)
				return page, err
			})},
		{name: "a page of shadows lacks its last row", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				page, err := next.Shadows(ctx, q, after, limit)
				if len(page) == limit && limit > 1 {
					page = page[:limit-1]
				}
				return page, err
			})},
		{name: "a page of shadows goes on with the next day", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				if after.Seq != 0 {
					after.Seq = 1 << 62
				}
				return next.Shadows(ctx, q, after, limit)
			})},
		{name: "the number counts on all days", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				list, err := next.Shadows(ctx, q, after, 1000)
				list = without(list, func(s reseller.Shadow) bool { return s.Seq <= after.Seq })
				return list[:min(limit, len(list))], err
			})},
		{name: "shadows of nobody are everybody's", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				page, err := next.Shadows(ctx, q, after, limit)
				if len(page) == 0 && q.Account != 0 {
					q.Account = 0
					return next.Shadows(ctx, q, after, limit)
				}
				return page, err
			})},
		{name: "resources without case", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				q.Resource = billing.ResourceID(strings.ToLower(string(q.Resource)))
				return next.Shadows(ctx, q, after, limit)
			})},
		{name: "the last day is left out", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				if !q.Until.IsZero() {
					q.Until = q.Until.AddDays(-1)
				}
				return next.Shadows(ctx, q, after, limit)
			})},
		{name: "one row too many", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				return next.Shadows(ctx, q, after, limit+1)
			})},
		{name: "filtered after the limit", rules: []string{"LIST-1"}, hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				resource := q.Resource
				q.Resource = ""
				page, err := next.Shadows(ctx, q, after, limit)
				return without(page, func(s reseller.Shadow) bool { return resource != "" && s.Resource != resource }), err
			})},
		{name: "a page of holdings goes on with the next account", rules: []string{"LIST-2"}, hooks: holding(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error) {
				if resource != "" {
					account, resource = account+1, ""
				}
				return next.Holdings(ctx, seller, account, resource, limit)
			})},
		{name: "the resource counts at all accounts", rules: []string{"LIST-2"}, hooks: holding(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error) {
				list, err := next.Holdings(ctx, seller, account, resource, 1000)
				list = without(list, func(h reseller.Holding) bool { return h.Resource <= resource })
				return list[:min(limit, len(list))], err
			})},
		{name: "holdings without case", rules: []string{"LIST-2"}, hooks: holding(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error) {
				page, err := next.Holdings(ctx, seller, account, resource, limit)
				slices.SortStableFunc(page, func(a, b reseller.Holding) int {
					return cmp.Or(cmp.Compare(a.Account, b.Account), strings.Compare(strings.ToLower(string(a.Resource)), strings.ToLower(string(b.Resource))))
				})
				return page, err
			})},
		{name: "customers are no stock", rules: []string{"LIST-3", "LOCK-3"}, hooks: func() hooks {
			return hooks{stocks: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
				list, err := next.Stocks(ctx, seller)
				return without(list, func(s reseller.Stock) bool { return s.Resource == "" }), err
			}}
		}},
		{name: "a seller without books has empty ones", rules: []string{"LIST-4"}, hooks: func() hooks {
			return hooks{books: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
				b, err := next.Books(ctx, seller)
				if errors.Is(err, storage.ErrNotFound) {
					return reseller.Books{Seller: seller}, nil
				}
				return b, err
			}}
		}},
		{name: "books without case", rules: []string{"LIST-4"}, hooks: func() hooks {
			return hooks{books: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
				b, err := next.Books(ctx, seller)
				if errors.Is(err, storage.ErrNotFound) {
					return next.Books(ctx, billing.SellerID(strings.ToLower(string(seller))))
				}
				return b, err
			}}
		}},
		{name: "a page of bills goes on with the next day", rules: []string{"LIST-5"}, hooks: billed(
			func(next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error) {
				if !day.IsZero() && resource != "" {
					resource = "\U0010ffff"
				}
				return next.Bills(ctx, q, day, resource, limit)
			})},
		{name: "the first day of bills is left out", rules: []string{"LIST-5"}, hooks: billed(
			func(next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error) {
				if !q.Since.IsZero() {
					q.Since = q.Since.AddDays(1)
				}
				return next.Bills(ctx, q, day, resource, limit)
			})},
		{name: "since begins the page anew", rules: []string{"LIST-5"}, hooks: billed(
			func(next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error) {
				if !q.Since.IsZero() && day == q.Since {
					day, resource = billing.Date{}, ""
				}
				return next.Bills(ctx, q, day, resource, limit)
			})},
		{name: "bills by resource", rules: []string{"LIST-5"}, hooks: billed(
			func(next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error) {
				page, err := next.Bills(ctx, q, day, resource, limit)
				slices.SortStableFunc(page, func(a, b reseller.Bill) int { return cmp.Compare(a.Resource, b.Resource) })
				return page, err
			})},
		{name: "transfers in any state", rules: []string{"LIST-6"}, hooks: transferring(
			func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
				if state == reseller.TransferFailed {
					state = reseller.TransferDone
				}
				return next.Transfers(ctx, state, after, limit)
			})},
		{name: "transfers by the day that they were asked for", rules: []string{"LIST-6"}, hooks: transferring(
			func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
				page, err := next.Transfers(ctx, state, after, limit)
				slices.SortStableFunc(page, func(a, b reseller.Transfer) int { return a.Requested.Compare(b.Requested) })
				return page, err
			})},
		{name: "a page of transfers begins with the last row again", rules: []string{"LIST-6"}, hooks: transferring(
			func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
				return next.Transfers(ctx, state, after-1, limit)
			})},
		{name: "a transfer keeps its first state in lists", rules: []string{"LIST-6", "MODEL-1"}, hooks: func() hooks {
			first := map[billing.AccountID]reseller.TransferState{}
			return hooks{
				write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
					for _, x := range b.Transfers {
						if first[x.Account] == "" {
							first[x.Account] = x.State
						}
					}
					return next.Write(ctx, b)
				},
				transfers: func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
					page, err := next.Transfers(ctx, state, after, limit)
					return without(page, func(x reseller.Transfer) bool { return first[x.Account] != state }), err
				},
			}
		}},
		{name: "an account without a transfer has an empty one", rules: []string{"LIST-6"}, hooks: func() hooks {
			return hooks{transfer: func(next reseller.Rows, ctx context.Context, id billing.AccountID) (reseller.Transfer, error) {
				x, err := next.Transfer(ctx, id)
				return x, masked(err, storage.ErrNotFound, nil)
			}}
		}},
	}
}

func dayMutants() []mutant {
	return []mutant{
		{name: "a sum of 0 is left out", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Sums(ctx, seller, day)
				return without(list, func(s reseller.Sum) bool { return s.Minor == 0 || s.Shadows > 3 }), err
			})},
		{name: "sums as floats", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Sums(ctx, seller, day)
				return each(list, func(s *reseller.Sum) { s.Minor = int64(float64(s.Minor)) }), err
			})},
		{name: "sums of equal shadows", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Sums(ctx, seller, day)
				return each(list, func(s *reseller.Sum) { s.Shadows = min(s.Shadows, 4) }), err
			})},
		{name: "sums by the date of the shadows", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Shadows(ctx, reseller.ShadowQuery{Seller: seller}, reseller.ShadowID{}, 10_000)
				sums := map[billing.ResourceID]*reseller.Sum{}
				var out []reseller.Sum
				for _, s := range list {
					if s.Date != day {
						continue
					}
					if sums[s.Resource] == nil {
						sums[s.Resource] = &reseller.Sum{Resource: s.Resource, Currency: s.Amount.Currency()}
					}
					n, _ := s.Amount.Minor()
					sums[s.Resource].Minor += n
					sums[s.Resource].Shadows++
				}
				for _, s := range sums {
					out = append(out, *s)
				}
				slices.SortFunc(out, func(a, b reseller.Sum) int { return cmp.Compare(a.Resource, b.Resource) })
				return out, err
			})},
		{name: "sums in cents", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Sums(ctx, seller, day)
				return each(list, func(s *reseller.Sum) { s.Currency = money.Currency{Code: s.Currency.Code, Exponent: 2} }), err
			})},
		{name: "sums of refunds apart", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Sums(ctx, seller, day)
				var out []reseller.Sum
				for _, s := range list {
					if s.Minor == 0 && s.Shadows == 2 {
						half := s
						half.Shadows, half.Minor = 1, -7
						s.Shadows, s.Minor = 1, 7
						out = append(out, half)
					}
					out = append(out, s)
				}
				return out, err
			})},
		{name: "sums in the order of the language", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Sums(ctx, seller, day)
				slices.SortStableFunc(list, func(a, b reseller.Sum) int {
					return strings.Compare(strings.ToLower(string(a.Resource)), strings.ToLower(string(b.Resource)))
				})
				return list, err
			})},
		{name: "sums of open days", rules: []string{"DAY-1"}, hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				if b, err := next.Books(ctx, seller); err == nil && !day.After(b.Through) {
					return nil, nil
				}
				return next.Sums(ctx, seller, day)
			})},

		{name: "closed days are open", rules: []string{"DAY-2", "MODEL-1"}, make: func() reseller.Store {
			return &broken{memory.New(), rewriting(&change{books: func(b *reseller.Books) {
				if !b.Through.IsZero() {
					b.Through = b.Through.AddDays(-1)
				}
			}}, &change{books: func(b *reseller.Books) {
				if !b.Through.IsZero() {
					b.Through = b.Through.AddDays(1)
				}
			}})}
		}},
		{name: "until is open", rules: []string{"DAY-2"}, hooks: opening(
			func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
				return next.OpenDays(ctx, until.AddDays(-1), after, limit)
			})},
		{name: "sellers without books have no open day", rules: []string{"DAY-2"}, hooks: opening(
			func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
				list, err := next.OpenDays(ctx, until, after, 1000)
				list = without(list, func(d reseller.OpenDay) bool { _, err := next.Books(ctx, d.Seller); return err != nil })
				return list[:min(limit, len(list))], err
			})},
		{name: "open days by seller", rules: []string{"DAY-2"}, hooks: opening(
			func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
				page, err := next.OpenDays(ctx, until, after, limit)
				slices.SortStableFunc(page, func(a, b reseller.OpenDay) int { return cmp.Compare(a.Seller, b.Seller) })
				return page, err
			})},
		{name: "a page of open days goes on with the next day", rules: []string{"DAY-2"}, hooks: opening(
			func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
				if after.Seller != "" {
					after.Seller = "\U0010ffff"
				}
				return next.OpenDays(ctx, until, after, limit)
			})},
		{name: "an open day for each of its shadows", rules: []string{"DAY-2"}, hooks: opening(
			func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
				page, err := next.OpenDays(ctx, until, after, limit)
				var out []reseller.OpenDay
				for _, d := range page {
					sums, _ := next.Sums(ctx, d.Seller, d.Day)
					for _, s := range sums {
						for range s.Shadows {
							out = append(out, d)
						}
					}
				}
				return out[:min(limit, len(out))], err
			})},
	}
}
