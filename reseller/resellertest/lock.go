package resellertest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// draw locks stocks, be they there or not, and draws a unit of each.
func draw(keys ...reseller.StockKey) rowsFunc {
	return func(ctx context.Context, rows reseller.Rows) error {
		list, err := rows.Lock(ctx, keys)
		if err != nil {
			return err
		}
		return drawn(ctx, rows, list)
	}
}

// drawAll does so with the stocks that are there.
func drawAll(sellers ...billing.SellerID) rowsFunc {
	return func(ctx context.Context, rows reseller.Rows) error {
		loaded, err := rows.Load(ctx, reseller.LoadQuery{Sellers: sellers, Lock: true})
		if err != nil {
			return err
		}
		return drawn(ctx, rows, loaded.Stocks)
	}
}

func drawn(ctx context.Context, rows reseller.Rows, list []reseller.Stock) error {
	b := &reseller.Batch{}
	for _, s := range list {
		s.Pooled = s.Pooled.Add(decimal.New(1, 0))
		b.Stocks = append(b.Stocks, s)
	}
	return rows.Write(ctx, b)
}

// rivals runs functions at the same time, each several times over.
func rivals(t *conformance.T, st reseller.Store, each int, changes ...rowsFunc) {
	t.Helper()
	failures := make(chan error, len(changes))
	var group sync.WaitGroup
	for _, change := range changes {
		group.Go(func() {
			for range each {
				if err := update(t.Context(), st, change); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		t.Errorf("a writer failed: %v", err)
	}
}

// waits checks that change waits for a transaction that has done first, which then ends
// with result, and that the stocks are then as wanted.
func waits(t *conformance.T, h Harness, st reseller.Store, what string, first, second rowsFunc, result error, want ...reseller.Stock) {
	t.Helper()
	holder := hold(t, st, first, result)
	done, failed := make(chan struct{}), error(nil)
	go func() {
		defer close(done)
		failed = update(t.Context(), st, second)
	}()
	if conformance.Closed(done, moment) {
		t.Errorf("%s did not wait for the transaction that holds the stock", what)
	}
	holder.end(t, h)
	if !conformance.Closed(done, h.patience()) {
		t.Fatalf("%s still waits after the other transaction has ended", what)
	}
	t.OK(failed, "%s", what)
	for _, w := range want {
		got := keep(stocksOf(t, st, w.Seller), func(s reseller.Stock) bool { return s.Resource == w.Resource })
		t.Equal(got, []reseller.Stock{w}, "the stock after %s", what)
	}
}

// lockRules are about transactions that want the same stocks at the same time.
func lockRules() []Rule {
	key := func(seller billing.SellerID, resource billing.ResourceID) reseller.StockKey {
		return reseller.StockKey{Seller: seller, Resource: resource}
	}
	return []Rule{
		{
			ID: "LOCK-1", Name: "no lost update",
			Text: "Writers of one stock that lock it, by Lock or by Load, take effect one after the other; none is lost and none fails.",
			Why:  "Two customers that draw the last unit of the pool have drawn one each.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				const each = 6
				rivals(t, st, each, draw(key(acme, "r")), draw(key(acme, "r")), draw(key(acme, "r")), drawAll(acme))
				got := stocksOf(t, st, acme)
				if len(got) != 1 {
					t.Fatalf("%d stocks, want 1", len(got))
				}
				// Load finds the stock only once it is there.
				if n := got[0].Pooled.IntPart(); n < 3*each || n > 4*each {
					t.Errorf("%d units were drawn, want %d to %d", n, 3*each, 4*each)
				}
				rivals(t, st, each, draw(key(acme, "r")), drawAll(acme), drawAll(acme, below))
				t.Equal(stocksOf(t, st, acme)[0].Pooled, got[0].Pooled.Add(decimal.New(3*each, 0)), "units that were drawn")
			},
		},
		{
			ID: "LOCK-2", Name: "waiting",
			Text: "Lock waits while another transaction has locked or written a stock, by whatever way, and then reads what that one left; so does Load with Lock.",
			Why:  "A pool that is about to be empty is not free.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, &reseller.Batch{Stocks: []reseller.Stock{stock(acme, "", 100), stock(acme, "r", 1)}})
				two := func(n int64) []reseller.Stock { return []reseller.Stock{stock(acme, "", 99+n), stock(acme, "r", n)} }
				n := int64(1)
				both := draw(key(acme, "r"), key(acme, ""))
				for firstName, first := range map[string]rowsFunc{"Lock": both, "Load": drawAll(acme)} {
					for secondName, second := range map[string]rowsFunc{"Lock": both, "Load": drawAll(acme)} {
						n += 2
						waits(t, h, st, secondName+" after "+firstName, first, second, nil, two(n)...)
						n++
						waits(t, h, st, secondName+" after a rolled back "+firstName, first, second, errRefused, two(n)...)
					}
				}
				only := func(ctx context.Context, rows reseller.Rows) error {
					list, err := rows.Lock(ctx, []reseller.StockKey{key(acme, "r")})
					if err == nil && len(list) != 1 {
						err = fmt.Errorf("%w: %d stocks", errRefused, len(list))
					}
					return err
				}
				n++
				waits(t, h, st, "Lock after a Lock that writes nothing", only, both, nil, two(n)...)
			},
		},
		{
			ID: "LOCK-3", Name: "stocks that are not there",
			Text: "Lock makes a stock that is not there, empty, and holds it: another that wants it waits, and then finds what the first left, or makes it anew after a rollback. It is there after the commit.",
			Why:  "The first two customers of a reseller would each take its whole pool.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				waits(t, h, st, "Lock of a new stock", draw(key(acme, "r")), draw(key(acme, "r")), nil, stock(acme, "r", 2))
				waits(t, h, st, "Lock of a new stock that was rolled back", draw(key(acme, "s")), draw(key(acme, "s")), errRefused, stock(acme, "s", 1))
				var got []reseller.Stock
				t.OK(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) (err error) {
					got, err = rows.Lock(ctx, []reseller.StockKey{key(below, "r"), key(acme, "r"), key(acme, ""), key(below, ""), key(acme, "r"), key("Acme", "z")})
					return err
				}), "lock")
				want := []reseller.Stock{{Seller: "Acme", Resource: "z"}, {Seller: acme}, stock(acme, "r", 2), {Seller: below}, {Seller: below, Resource: "r"}}
				t.Equal(got, want, "stocks that were locked, by seller and resource, each once")
				t.Equal(stocksOf(t, st, below), want[3:], "stocks that Lock has made")
				t.OK(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) (err error) {
					got, err = rows.Lock(ctx, nil)
					return err
				}), "lock nothing")
				t.Equal(len(got), 0, "stocks that were locked")
			},
		},
		{
			ID: "LOCK-5", Name: "others do not wait", Skip: notConcurrent,
			Text: "Transactions that lock different stocks, of one seller or of two, do not wait for each other.",
			Why:  "One reseller's run must not stop the others'.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, &reseller.Batch{Stocks: []reseller.Stock{stock(acme, "r", 0), stock(acme, "s", 0), stock(below, "r", 0)}})
				first := hold(t, st, draw(key(acme, "r"), key(acme, "new")), nil)
				for what, second := range map[string]rowsFunc{
					"Lock of another resource": draw(key(acme, "s")), "Lock of another seller": draw(key(below, "r")), "Load of another seller": drawAll(below),
					"Lock of a new stock": draw(key(acme, "newer")),
				} {
					if !conformance.Within(h.patience(), func() {
						if err := update(t.Context(), st, second); err != nil {
							t.Errorf("%s: %v", what, err)
						}
					}) {
						t.Errorf("%s waits for a transaction that holds others", what)
						break
					}
				}
				first.end(t, h)
			},
		},
		{
			ID: "LOCK-6", Name: "order of locking",
			Text: "Stocks are locked by seller and resource, whatever the order of the question, by Lock and by Load: writers of overlapping lists all succeed.",
			Why:  "Batches that lock in different orders end in deadlocks every night.",
			Check: func(t *conformance.T, h Harness) {
				const each = 5
				st := open(t, h)
				keys := []reseller.StockKey{key(acme, ""), key(acme, "a"), key(acme, "b"), key(below, "a"), key(below, "b"), key(other, "a")}
				var there []reseller.Stock
				for _, k := range keys {
					there = append(there, stock(k.Seller, k.Resource, 0))
				}
				write(t, st, &reseller.Batch{Stocks: there})
				back := slices.Clone(keys)
				slices.Reverse(back)
				rivals(t, st, each, draw(keys...), draw(back...), drawAll(other, below, acme), drawAll(below, acme), draw(keys[4], keys[1]))
				want := map[reseller.StockKey]int64{}
				for _, list := range [][]reseller.StockKey{keys, back, back, keys[:5], {keys[4], keys[1]}} {
					for _, k := range list {
						want[k] += each
					}
				}
				for _, seller := range []billing.SellerID{acme, below, other} {
					for _, s := range stocksOf(t, st, seller) {
						t.Equal(s.Pooled.IntPart(), want[s.Key()], "units of %s", conformance.Text(s.Key()))
					}
				}
				// New ones too: they are made in that order.
				fresh := []reseller.StockKey{key(acme, "x"), key(acme, "y"), key(below, "x"), key(other, "x")}
				back = slices.Clone(fresh)
				slices.Reverse(back)
				rivals(t, st, 1, draw(fresh...), draw(back...), draw(fresh[2], fresh[0]), draw(fresh[1], fresh[0], fresh[3]))
				t.Equal(read(t, st, func(ctx context.Context, rows reseller.Rows) (n int64, err error) {
					for _, seller := range []billing.SellerID{acme, below, other} {
						list, err := rows.Stocks(ctx, seller)
						if err != nil {
							return 0, err
						}
						for _, s := range list {
							if slices.Contains(fresh, s.Key()) {
								n += s.Pooled.IntPart()
							}
						}
					}
					return n, nil
				}), int64(4+4+2+3), "units of the new stocks")
			},
		},
	}
}
