package resellertest_test

import (
	"cmp"
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// strangers are sellers that the one asked about is not.
func strangers(seller billing.SellerID) []billing.SellerID {
	return without([]billing.SellerID{"acme", "Acme", "acme2", "é"}, func(s billing.SellerID) bool { return s == seller })
}

// leaky are billing's rows that forget the seller in one method.
type leaky struct {
	billing.Rows
	method string
}

func (r leaky) Seller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	if r.method == "Seller" && id == "acme2" {
		id = "acme"
	}
	return r.Rows.Seller(ctx, id)
}

func (r leaky) Plan(ctx context.Context, seller billing.SellerID, id billing.PlanID) (billing.Plan, error) {
	p, err := r.Rows.Plan(ctx, seller, id)
	for _, other := range strangers(seller) {
		if r.method == "Plan" && err != nil {
			if p, err = r.Rows.Plan(ctx, other, id); err == nil {
				p.Seller = seller
			}
		}
	}
	return p, err
}

func (r leaky) Plans(ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int) ([]billing.Plan, error) {
	page, err := r.Rows.Plans(ctx, seller, after, limit)
	if r.method == "Plans" && len(page) < limit {
		more, merr := r.Rows.Plans(ctx, strangers(seller)[0], after, limit-len(page))
		page, err = append(page, more...), cmp.Or(err, merr)
	}
	return page, err
}

func (r leaky) PlanVersion(ctx context.Context, seller billing.SellerID, id billing.PlanID, version int) (billing.PlanVersion, error) {
	v, err := r.Rows.PlanVersion(ctx, seller, id, version)
	for _, other := range strangers(seller) {
		if r.method == "PlanVersion" && err != nil {
			if v, err = r.Rows.PlanVersion(ctx, other, id, version); err == nil {
				v.Seller = seller
			}
		}
	}
	return v, err
}

func (r leaky) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	l, err := r.Rows.Load(ctx, q)
	switch {
	case err != nil || q.Name == "":
	case r.method == "Load, name":
		q.Seller = "acme"
		other, err := r.Rows.Load(ctx, q)
		l.Named = other.Named
		return l, err
	case r.method == "Load, key":
		q.Key.Scope = "seller/acme"
		other, err := r.Rows.Load(ctx, q)
		l.Key = other.Key
		return l, err
	}
	return l, err
}

func (r leaky) Due(ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
	if r.method == "Due" {
		q.Sellers = nil
	}
	return r.Rows.Due(ctx, q, after, limit)
}

func (r leaky) Accounts(ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
	if r.method == "Accounts" && q.Plan != "" {
		q.Seller = ""
	}
	return r.Rows.Accounts(ctx, q, after, limit)
}

func (r leaky) Entries(ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
	if r.method == "Entries" && q.Resource != "" {
		q.Seller = ""
	}
	return r.Rows.Entries(ctx, q, after, limit)
}

func (r leaky) Documents(ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
	if r.method == "Documents" && !q.Since.IsZero() {
		q.Seller = ""
	}
	return r.Rows.Documents(ctx, q, after, limit)
}

func (r leaky) Series(ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
	if r.method == "Series" && seller == "Acme" {
		seller = "acme"
	}
	return r.Rows.Series(ctx, seller, kind, after, limit)
}

func (r leaky) Holdings(ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
	if r.method == "Holdings" {
		ids = append(slices.Clone(ids), 11)
	}
	return r.Rows.Holdings(ctx, ids)
}

func (r leaky) Periods(ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error) {
	return r.Rows.Periods(ctx, r.account("Periods", id), after, limit)
}

func (r leaky) Usage(ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error) {
	return r.Rows.Usage(ctx, r.account("Usage", id), after, limit)
}

func (r leaky) Sum(ctx context.Context, id billing.AccountID, until billing.Date) (int64, error) {
	return r.Rows.Sum(ctx, r.account("Sum", id), until)
}

// account is another one in one method.
func (r leaky) account(method string, id billing.AccountID) billing.AccountID {
	if r.method == method && id > 20 {
		return id - 10
	}
	return id
}

func tenancyMutants() []mutant {
	out := []mutant{
		{name: "shadows of an account are all sellers'", hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				list, err := next.Shadows(ctx, q, after, limit)
				for _, s := range strangers(q.Seller) {
					if q.Account != 0 && err == nil {
						q.Seller = s
						var more []reseller.Shadow
						more, err = next.Shadows(ctx, q, after, limit)
						list = append(list, more...)
					}
				}
				return list[:min(limit, len(list))], err
			})},
		{name: "shadows of a seller that is nearly the same", hooks: shadowing(
			func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
				list, err := next.Shadows(ctx, q, after, limit)
				if len(list) == 0 && q.Seller == "Acme" {
					q.Seller = "acme"
					list, err = next.Shadows(ctx, q, after, limit)
				}
				return each(list, func(s *reseller.Shadow) { s.Seller = "Acme" }), err
			})},
		{name: "a page of holdings goes on with the next seller", hooks: holding(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error) {
				list, err := next.Holdings(ctx, seller, account, resource, limit)
				if rest := limit - len(list); rest > 0 && err == nil {
					more, err := next.Holdings(ctx, strangers(seller)[0], 0, "", rest)
					return append(list, more...), err
				}
				return list, err
			})},
		{name: "stocks of two sellers", hooks: func() hooks {
			return hooks{stocks: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
				list, err := next.Stocks(ctx, seller)
				if seller == "acme" && err == nil {
					more, err := next.Stocks(ctx, "acme2")
					return append(list, more...), err
				}
				return list, err
			}}
		}},
		{name: "books of another seller", hooks: func() hooks {
			return hooks{books: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
				b, err := next.Books(ctx, seller)
				for _, s := range strangers(seller) {
					if err != nil {
						b, err = next.Books(ctx, s)
						b.Seller = seller
					}
				}
				return b, err
			}}
		}},
		{name: "a page of bills goes on with the next seller", hooks: billed(
			func(next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error) {
				list, err := next.Bills(ctx, q, day, resource, limit)
				if rest := limit - len(list); rest > 0 && err == nil && !q.Until.IsZero() {
					q.Seller = strangers(q.Seller)[1]
					more, err := next.Bills(ctx, q, billing.Date{}, "", rest)
					return append(list, more...), err
				}
				return list, err
			})},
		{name: "sums of all sellers", hooks: summing(
			func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
				list, err := next.Sums(ctx, seller, day)
				for _, s := range strangers(seller) {
					more, merr := next.Sums(ctx, s, day)
					err = cmp.Or(err, merr)
					list = each(list, func(x *reseller.Sum) {
						for _, m := range more {
							if m.Resource == x.Resource {
								x.Minor += m.Minor
							}
						}
					})
				}
				return list, err
			})},
		{name: "Load returns all stocks", hooks: func() hooks {
			return hooks{load: func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
				if q.Lock {
					q.Sellers = append(slices.Clone(q.Sellers), strangers("")...)
				}
				return next.Load(ctx, q)
			}}
		}},
		{name: "Load returns holdings of other accounts", hooks: func() hooks {
			return hooks{load: func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
				q.Accounts = append(slices.Clone(q.Accounts), 1)
				l, err := next.Load(ctx, q)
				l.Holdings = without(l.Holdings, func(h reseller.Holding) bool {
					return !slices.Contains(q.Accounts[:len(q.Accounts)-1], h.Account) && slices.Contains(q.Sellers, h.Seller)
				})
				return l, err
			}}
		}},
		{name: "Lock locks the resource of all sellers", hooks: func() hooks {
			return hooks{lock: func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
				keys = slices.Clone(keys)
				for _, s := range strangers(keys[0].Seller) {
					keys = append(keys, reseller.StockKey{Seller: s, Resource: keys[0].Resource})
				}
				return next.Lock(ctx, keys)
			}}
		}},
	}
	for _, method := range []string{
		"Seller", "Plan", "Plans", "PlanVersion", "Load, name", "Load, key", "Due", "Accounts", "Entries", "Documents", "Series", "Holdings", "Periods", "Usage", "Sum",
	} {
		out = append(out, mutant{name: "billing's " + method + " forgets the seller", hooks: func() hooks {
			return hooks{billing: func(next billing.Rows) billing.Rows { return leaky{next, method} }}
		}})
	}
	for i := range out {
		out[i].rules = []string{"TENANCY-1"}
	}
	return out
}
