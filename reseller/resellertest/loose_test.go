package resellertest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/reseller/resellertest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func lockMutants() []mutant {
	concurrent := func(h *resellertest.Harness) { h.Concurrent = true }
	of := func(fault string) func() reseller.Store { return func() reseller.Store { return newLoose(fault) } }
	return []mutant{
		{name: "no locks", rules: []string{"LOCK-1", "LOCK-2", "LOCK-3"}, shape: concurrent, make: of("no locks")},
		{name: "Load does not lock", rules: []string{"LOCK-1", "LOCK-2"}, shape: concurrent, make: of("load does not lock")},
		{name: "what is read was committed before the lock", rules: []string{"LOCK-2", "LOCK-3"}, shape: concurrent, make: of("reads early")},
		{name: "locks end with the write", rules: []string{"LOCK-2"}, shape: concurrent, make: of("unlocks early")},
		{name: "stocks that are not there are not locked", rules: []string{"LOCK-3"}, shape: concurrent, make: of("new ones are free")},
		{name: "all wait for one", rules: []string{"LOCK-5"}, shape: concurrent, make: func() reseller.Store { return memory.New() }},
		{name: "a seller's stocks have one lock", rules: []string{"LOCK-5"}, shape: concurrent, make: of("one lock for a seller")},
		{name: "locks in any order", rules: []string{"LOCK-6"}, shape: concurrent, make: of("any order")},
		{name: "Load locks in the order of the question", rules: []string{"LOCK-6"}, shape: concurrent, make: of("load in any order")},
		{name: "a stock that is not there is not returned", rules: []string{"LOCK-3"}, hooks: func() hooks {
			return hooks{lock: func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
				list, err := next.Lock(ctx, keys)
				return without(list, func(s reseller.Stock) bool { return s.Pooled.IsZero() }), err
			}}
		}},
		{name: "a stock that is not there is not made", rules: []string{"LOCK-3", "MODEL-1"}, hooks: func() hooks {
			return hooks{stocks: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
				list, err := next.Stocks(ctx, seller)
				return without(list, func(s reseller.Stock) bool { return s.Pooled.IsZero() }), err
			}}
		}},
		{name: "stocks in the order of the question", rules: []string{"LOCK-3"}, hooks: func() hooks {
			return hooks{lock: func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
				list, err := next.Lock(ctx, keys)
				slices.SortStableFunc(list, func(a, b reseller.Stock) int { return slices.Index(keys, a.Key()) - slices.Index(keys, b.Key()) })
				return list, err
			}}
		}},
		{name: "a stock for each key", rules: []string{"LOCK-3"}, hooks: func() hooks {
			return hooks{lock: func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
				list, err := next.Lock(ctx, keys)
				for i, s := range list {
					if n := len(without(keys, func(k reseller.StockKey) bool { return k != s.Key() })); n > 1 {
						list = slices.Insert(list, i, s)
						break
					}
				}
				return list, err
			}}
		}},
		{name: "a drawn unit is lost", rules: []string{"LOCK-1", "LOCK-6"}, hooks: writing(func(_ context.Context, _ reseller.Rows, b *reseller.Batch) error {
			b.Stocks = each(b.Stocks, func(s *reseller.Stock) { s.Pooled = decimal.Min(s.Pooled, decimal.New(9, 0)) })
			return nil
		})},
	}
}

// loose is a store in which transactions really run at the same time: they lock stocks,
// read what is committed, and keep what they write until the commit. It is as much of a
// store as the rules about locks need.
type loose struct {
	*memory.Store
	fault string

	mu     sync.Mutex
	locked map[reseller.StockKey]*looseTx
	freed  chan struct{} // closed and replaced when locks are freed
}

type looseTx struct {
	reseller.Rows // nil: what is not needed
	st            *loose
	made          []reseller.StockKey
	writes        []*reseller.Batch
	books         []func(ctx context.Context, rows billing.Rows) error
}

func newLoose(fault string) *loose {
	return &loose{Store: memory.New(), fault: fault, locked: map[reseller.StockKey]*looseTx{}, freed: make(chan struct{})}
}

func (t *looseTx) StoreID() any { return t.st }

func (s *loose) Update(ctx context.Context, fn txFunc) error {
	ctx, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		if err = s.once(ctx, fn); try >= 20 || !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}

func (s *loose) once(ctx context.Context, fn txFunc) error {
	t := &looseTx{st: s}
	defer s.unlock(t)
	if err := fn(ctx, t); err != nil {
		return err
	}
	return s.Store.Update(unmarked{ctx}, func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Store.Reseller(tx)
		if err != nil {
			return err
		}
		books, err := s.Store.Billing(tx)
		if err != nil {
			return err
		}
		for _, write := range t.books {
			if err := write(ctx, books); err != nil {
				return err
			}
		}
		if len(t.made) > 0 {
			if _, err := rows.Lock(ctx, t.made); err != nil {
				return err
			}
		}
		for _, b := range t.writes {
			if err := rows.Write(ctx, b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *loose) unlock(t *looseTx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, holder := range s.locked {
		if holder == t {
			delete(s.locked, k)
		}
	}
	close(s.freed)
	s.freed = make(chan struct{})
}

func (s *loose) Billing(tx storage.Tx) (billing.Rows, error) {
	if t, ok := tx.(*looseTx); ok {
		return looseBooks{t: t}, nil
	}
	return s.Store.Billing(tx)
}

func (s *loose) Reseller(tx storage.Tx) (reseller.Rows, error) {
	if t, ok := tx.(*looseTx); ok {
		return t, nil
	}
	return s.Store.Reseller(tx)
}

// looseBooks keeps what is written until the commit.
type looseBooks struct {
	billing.Rows // nil: what is not needed
	t            *looseTx
}

func (r looseBooks) PutCatalog(_ context.Context, c billing.CatalogChange) error {
	r.t.books = append(r.t.books, func(ctx context.Context, rows billing.Rows) error { return rows.PutCatalog(ctx, c) })
	return nil
}

func (r looseBooks) Write(_ context.Context, b *billing.Batch) error {
	r.t.books = append(r.t.books, func(ctx context.Context, rows billing.Rows) error { return rows.Write(ctx, b) })
	return nil
}

func (t *looseTx) lock(ctx context.Context, k reseller.StockKey) error {
	if t.st.fault == "no locks" {
		yield()
		return nil
	}
	if t.st.fault == "one lock for a seller" {
		k.Resource = ""
	}
	patience := 10 * time.Second
	if strings.Contains(t.st.fault, "any order") {
		yield()
		patience = 300 * time.Millisecond // two that wait for each other give up
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t.st.mu.Lock()
		holder, freed := t.st.locked[k], t.st.freed
		if holder == nil || holder == t {
			t.st.locked[k] = t
			t.st.mu.Unlock()
			return nil
		}
		t.st.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read runs fn on what is committed.
func (t *looseTx) read(ctx context.Context, fn func(ctx context.Context, rows reseller.Rows) error) error {
	return aside(t.st.Store, ctx, fn)
}

// stocks returns the stocks with some keys, of all that are committed.
func (t *looseTx) stocks(ctx context.Context, keys []reseller.StockKey) (list []reseller.Stock, err error) {
	err = t.read(ctx, func(ctx context.Context, rows reseller.Rows) error {
		for _, k := range keys {
			all, err := rows.Stocks(ctx, k.Seller)
			if err != nil {
				return err
			}
			list = append(list, without(all, func(s reseller.Stock) bool { return s.Key() != k })...)
		}
		return nil
	})
	return list, err
}

func (t *looseTx) Lock(ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
	keys = slices.Clone(keys)
	inOrder := func(a, b reseller.StockKey) int {
		if c := strings.Compare(string(a.Seller), string(b.Seller)); c != 0 {
			return c
		}
		return strings.Compare(string(a.Resource), string(b.Resource))
	}
	early, err := t.stocks(ctx, keys)
	if err != nil {
		return nil, err
	}
	if t.st.fault != "any order" {
		slices.SortFunc(keys, inOrder)
	}
	for _, k := range keys {
		there := slices.ContainsFunc(early, func(s reseller.Stock) bool { return s.Key() == k })
		if t.st.fault == "new ones are free" && !there {
			continue
		}
		if err := t.lock(ctx, k); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(keys, inOrder)
	keys = slices.Compact(keys)
	list := early
	if t.st.fault != "reads early" {
		if list, err = t.stocks(ctx, keys); err != nil {
			return nil, err
		}
	}
	var out []reseller.Stock
	for _, k := range keys {
		i := slices.IndexFunc(list, func(s reseller.Stock) bool { return s.Key() == k })
		if i < 0 {
			t.made = append(t.made, k)
			out = append(out, reseller.Stock{Seller: k.Seller, Resource: k.Resource})
			continue
		}
		out = append(out, list[i])
	}
	if t.st.fault == "no locks" {
		yield()
	}
	return out, nil
}

func (t *looseTx) Load(ctx context.Context, q reseller.LoadQuery) (l reseller.Loaded, err error) {
	read := func() error {
		return t.read(ctx, func(ctx context.Context, rows reseller.Rows) (err error) {
			q.Lock = false
			l, err = rows.Load(ctx, q)
			return err
		})
	}
	locks := q.Lock && t.st.fault != "load does not lock"
	if err := read(); err != nil || !locks {
		if t.st.fault == "load does not lock" {
			yield()
		}
		return l, err
	}
	keys := make([]reseller.StockKey, len(l.Stocks))
	for i, s := range l.Stocks {
		keys[i] = s.Key()
	}
	if strings.Contains(t.st.fault, "any order") {
		slices.SortStableFunc(keys, func(a, b reseller.StockKey) int {
			return slices.Index(q.Sellers, a.Seller) - slices.Index(q.Sellers, b.Seller)
		})
	}
	for _, k := range keys {
		if err := t.lock(ctx, k); err != nil {
			return l, err
		}
	}
	if t.st.fault == "reads early" {
		return l, nil
	}
	return l, read()
}

func (t *looseTx) Write(_ context.Context, b *reseller.Batch) error {
	t.writes = append(t.writes, b)
	if t.st.fault == "unlocks early" {
		t.st.unlock(t)
	}
	return nil
}

// yield lets the rivals go on; a store with a fault must meet them.
func yield() { time.Sleep(2 * time.Millisecond) }
