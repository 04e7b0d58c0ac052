package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

const (
	stockColumns  = "seller, resource, pooled, returns, bound, held"
	stockCount    = 6
	stockConflict = "ON CONFLICT (seller, resource) DO UPDATE SET pooled = excluded.pooled, returns = excluded.returns, " +
		"bound = excluded.bound, held = excluded.held"

	selectStocks = "SELECT " + stockColumns + " FROM reseller_stocks "
	queryStock   = selectStocks + "WHERE seller = ? AND resource = ?"
	queryStocks  = selectStocks + "WHERE seller = ? ORDER BY resource"
)

func bindStock(b *binder, s *reseller.Stock) {
	b.string(string(s.Seller))
	b.string(string(s.Resource))
	b.decimal(s.Pooled)
	b.text = appendReturns(b.text[:0], s.Returns)
	b.bytes(b.text)
	b.optional(s.Limit)
	b.decimal(s.Held)
}

// stock reads stockColumns.
func (r *row) stock() reseller.Stock {
	return reseller.Stock{
		Seller:   billing.SellerID(r.string()),
		Resource: billing.ResourceID(r.string()),
		Pooled:   r.decimal(),
		Returns:  read(r, parseReturns),
		Limit:    r.optional(),
		Held:     r.decimal(),
	}
}

// Lock implements [reseller.Rows]. Whoever may write holds the only lock there is.
func (r resellerRows) Lock(ctx context.Context, keys []reseller.StockKey) (all []reseller.Stock, err error) {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b reseller.StockKey) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Resource, b.Resource))
	})
	err = r.atomically(ctx, "Lock", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		for _, k := range slices.Compact(keys) {
			s, err := r.lockStock(k)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// lockStock returns a stock, which is made if it is not there.
func (r resellerRows) lockStock(k reseller.StockKey) (s reseller.Stock, err error) {
	b := r.work.misc.start()
	b.string(string(k.Seller))
	b.string(string(k.Resource))
	found := false
	err = r.each(queryStock, b, stockCount, func(row *row) { s, found = row.stock(), true })
	if err != nil || found {
		return s, err
	}
	s = reseller.Stock{Seller: k.Seller, Resource: k.Resource}
	return s, insertRows(r.tx, &r.store.inserts.stock, &r.work.stock, []reseller.Stock{s}, bindStock)
}

// Stocks implements [reseller.Rows].
func (r resellerRows) Stocks(ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	all, err := r.stocks(seller, nil)
	return all, failure(ctx, "Stocks", err)
}

// stocks appends the stocks of a seller.
func (r resellerRows) stocks(seller billing.SellerID, all []reseller.Stock) ([]reseller.Stock, error) {
	b := r.work.misc.start()
	b.string(string(seller))
	err := r.each(queryStocks, b, stockCount, func(row *row) { all = append(all, row.stock()) })
	return all, err
}

func appendReturns(b []byte, list []reseller.Return) []byte {
	for i, x := range list {
		b = append(b, separator(i)...)
		b = append(b, `{"on":"`...)
		b = appendOptionalDate(b, x.On)
		b = append(b, `","units":"`...)
		b = appendDecimal(b, x.Units)
		b = append(b, `"}`...)
	}
	return closed(b, len(list))
}

func parseReturns(s string) (list []reseller.Return, err error) {
	t := scan{rest: s}
	for t.element(len(list)) {
		var x reseller.Return
		t.literal(`{"on":"`)
		x.On = t.date()
		t.literal(`","units":`)
		units, err := parseDecimal(t.quoted())
		t.bad = t.bad || err != nil
		x.Units = units
		t.literal(`}`)
		list = append(list, x)
	}
	if t.done() {
		return list, nil
	}
	list = nil
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}
