package reseller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
)

// A reseller's stocks are locked all at once, by seller and resource, when a
// transaction first needs one: transactions that need none, because the pools are empty
// and nothing is limited, do not wait for each other.

// pooled is what of a stock is drawn on a day: units whose day of return has come are
// there again.
func (s *Stock) pooled(day billing.Date) decimal.Decimal {
	sum := s.Pooled
	for _, r := range s.Returns {
		if !r.On.After(day) {
			sum = sum.Sub(r.Units)
		}
	}
	return sum
}

// same reports whether a stock is as another one of the same key; what is set on it, its
// limit, does not change with what customers do.
func (s *Stock) same(o *Stock) bool {
	return s.Pooled.Equal(o.Pooled) && s.Held.Equal(o.Held) &&
		slices.EqualFunc(s.Returns, o.Returns, func(a, b Return) bool { return a.On == b.On && a.Units.Equal(b.Units) })
}

// keptReturns is for how many days after its day a stock keeps a return apart: runs that
// come later than that find the older units returned.
const keptReturns = 62

// later notes units that come back on a day, and forgets returns that are long over.
func (s *Stock) later(on billing.Date, units decimal.Decimal, today billing.Date) {
	s.Returns = slices.Clone(s.Returns)
	i, found := slices.BinarySearchFunc(s.Returns, on, func(r Return, d billing.Date) int { return r.On.Compare(d) })
	if found {
		s.Returns[i].Units = s.Returns[i].Units.Add(units)
	} else {
		s.Returns = slices.Insert(s.Returns, i, Return{on, units})
	}
	for len(s.Returns) > 0 && s.Returns[0].On.AddDays(keptReturns).Before(today) {
		s.Pooled = s.Pooled.Sub(s.Returns[0].Units)
		s.Returns = s.Returns[1:]
	}
}

// lock locks the stocks of sellers that are there, those that their lists have pools
// for, and the given ones.
func (p *part) lock(ctx context.Context, sellers []billing.SellerID, also []StockKey) error {
	if p.j.ReadOnly {
		return nil
	}
	keys := slices.Clone(also)
	for k := range p.stocks {
		if slices.Contains(sellers, k.Seller) {
			keys = append(keys, k)
		}
	}
	for _, d := range p.doubles {
		if !slices.Contains(sellers, d.account.Sells) {
			continue
		}
		list, err := p.listOn(ctx, d, d.account.PeriodTo)
		if err != nil {
			return err
		}
		for _, id := range list.Pools() {
			keys = append(keys, StockKey{d.account.Sells, id})
		}
	}
	slices.SortFunc(keys, func(a, b StockKey) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Resource, b.Resource))
	})
	keys = slices.Compact(keys)
	p.locked = true
	if p.j.Many && !slices.ContainsFunc(keys, func(k StockKey) bool { return p.stocks[k] == nil }) {
		return nil // Load has locked them
	}
	if len(keys) == 0 {
		return nil
	}
	stocks, err := p.rows.Lock(ctx, keys)
	if err != nil {
		return err
	}
	for _, s := range stocks {
		if old := p.stocks[s.Key()]; old != nil && old.changed {
			continue // we have it already, and have changed it
		}
		p.stocks[s.Key()] = &stock{Stock: s}
	}
	return nil
}

// peek returns a stock as the step sees it; an empty one where there is none.
func (s *step) peek(key StockKey) Stock {
	if x := s.stocks[key]; x != nil {
		return *x
	}
	if x := s.part.stocks[key]; x != nil {
		return x.Stock
	}
	return Stock{Seller: key.Seller, Resource: key.Resource}
}

// take returns a stock to be changed, which is locked for it.
func (s *step) take(ctx context.Context, a *billing.Account, key StockKey) (*Stock, error) {
	if x := s.stocks[key]; x != nil {
		return x, nil
	}
	p := s.part
	if !p.locked || p.stocks[key] == nil {
		doubles, err := p.above(a)
		if err != nil {
			return nil, err
		}
		var sellers []billing.SellerID
		for _, d := range doubles {
			sellers = append(sellers, d.account.Sells)
		}
		if err := p.lock(ctx, sellers, []StockKey{key}); err != nil {
			return nil, err
		}
	}
	x := s.peek(key)
	s.stocks[key] = &x
	return &x, nil
}

// draw takes up to want units out of the pool on a day, of the units that the list gives.
func (s *step) draw(ctx context.Context, d *double, a *billing.Account, list *billing.PriceList, id billing.ResourceID, want decimal.Decimal, day billing.Date) (decimal.Decimal, error) {
	pool := list.Pool(id)
	if want.Sign() <= 0 || pool.Sign() <= 0 {
		return decimal.Decimal{}, nil
	}
	key := StockKey{d.account.Sells, id}
	seen := s.peek(key)
	if pool.Cmp(seen.pooled(day)) <= 0 {
		return decimal.Decimal{}, nil
	}
	x, err := s.take(ctx, a, key)
	if err != nil {
		return decimal.Decimal{}, err
	}
	got := decimal.Min(want, pool.Sub(x.pooled(day)))
	if got.Sign() <= 0 {
		return decimal.Decimal{}, nil
	}
	x.Pooled = x.Pooled.Add(got)
	return got, nil
}

// giveBack puts units back into the pool, at once or on a later day.
func (s *step) giveBack(ctx context.Context, d *double, a *billing.Account, id billing.ResourceID, units decimal.Decimal, on billing.Date) error {
	if units.Sign() <= 0 {
		return nil
	}
	x, err := s.take(ctx, a, StockKey{d.account.Sells, id})
	if err != nil {
		return err
	}
	if on.IsZero() {
		x.Pooled = x.Pooled.Sub(units)
		if x.Pooled.Sign() < 0 {
			return fmt.Errorf("reseller: more units of %s came back to the pool of %s than were drawn: %w", id, d.account.Sells, billing.ErrBroken)
		}
		return nil
	}
	x.later(on, units, billing.DateIn(s.part.j.Now, time.UTC))
	return nil
}

// count keeps the sums of what is limited.
func (s *step) count(ctx context.Context, d *double, a *billing.Account, h billing.Happened) error {
	add := func(id billing.ResourceID, by decimal.Decimal) error {
		key := StockKey{d.account.Sells, id}
		if seen := s.peek(key); by.IsZero() || seen.Limit == nil {
			return nil
		}
		x, err := s.take(ctx, a, key)
		if err == nil {
			x.Held = x.Held.Add(by)
		}
		return err
	}
	customers := 0
	if h.Opened {
		customers++
	}
	if h.Closed {
		customers--
	}
	if err := add("", decimal.New(int64(customers), 0)); err != nil {
		return err
	}
	for _, g := range h.Grow {
		if err := add(g.Resource, g.By); err != nil {
			return err
		}
	}
	return nil
}
