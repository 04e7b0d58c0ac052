package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func stockTable() table {
	return table{"reseller_stocks", columns(
		textType, "seller resource",
		numericType, "pooled",
		textType, "returns",
		numericType, "most held",
	)}
}

func (rs *rowset) stock(x *reseller.Stock) {
	rs.begin()
	rs.text(string(x.Seller))
	rs.text(string(x.Resource))
	rs.numeric(x.Pooled)
	list(rs, x.Returns, appendReturn)
	rs.optional(x.Limit)
	rs.numeric(x.Held)
}

func (s *scan) stock(x *reseller.Stock) {
	x.Seller = billing.SellerID(s.text())
	x.Resource = billing.ResourceID(s.text())
	x.Pooled = s.numeric()
	s.json(&x.Returns)
	x.Limit = s.optional()
	x.Held = s.numeric()
}

// stockStatements read, lock and write stocks. All that lock do so by seller and
// resource.
type stockStatements struct {
	insertStatements            // insert or replace
	load             byIDs      // sellers
	loadLocked       byIDs      // sellers
	list             *statement // seller
	create, lock     byKeys
}

func newStockStatements(x sqlText) stockStatements {
	t := stockTable()
	from := "SELECT " + t.names("") + " FROM {{schema}}.reseller_stocks WHERE "
	load := from + "seller = " + anyID + " ORDER BY seller, resource"
	return stockStatements{
		insertStatements: newUpsertStatements(x, t, 2),
		load:             newBySellers(x, load, 0),
		loadLocked:       newBySellers(x, load+" FOR NO KEY UPDATE", 0),
		list:             x.statement(from + "seller = $1::text ORDER BY resource"),
		create:           newByKeys(x, "INSERT INTO {{schema}}.reseller_stocks (seller, resource) ", " ON CONFLICT (seller, resource) DO NOTHING"),
		lock:             newByKeys(x, from+"(seller, resource) IN (", ") ORDER BY seller, resource FOR NO KEY UPDATE"),
	}
}

// byKeys is a statement on some stocks, in forms as byIDs has them.
type byKeys struct {
	few  [4]*statement // 1, 2, 4, 8 keys
	many *statement    // arrays
}

const fewKeys = 8

// newByKeys takes the text before and behind the keys.
func newByKeys(x sqlText, before, behind string) (b byKeys) {
	for form := range b.few {
		var keys strings.Builder
		for i := range 1 << form {
			if i > 0 {
				keys.WriteString(", ")
			}
			keys.WriteString("($" + strconv.Itoa(2*i+1) + "::text, $" + strconv.Itoa(2*i+2) + "::text)")
		}
		b.few[form] = x.statement(before + "VALUES " + keys.String() + behind)
	}
	b.many = x.statement(before + "SELECT * FROM unnest($1::text[], $2::text[])" + behind)
	return b
}

// add adds the statement for some keys, at least one.
func (b *byKeys) add(r *round, keys []reseller.StockKey, read func([][]byte) error) {
	var p params
	if len(keys) <= fewKeys {
		form, count := formFor(len(keys))
		for i := range count {
			key := keys[min(i, len(keys)-1)] // filled up with the last
			p.text(string(key.Seller)).text(string(key.Resource))
		}
		r.add(b.few[form], p, read)
		return
	}
	sellers, resources := make([]billing.SellerID, len(keys)), make([]billing.ResourceID, len(keys))
	for i, key := range keys {
		sellers[i], resources[i] = key.Seller, key.Resource
	}
	texts(&p, sellers)
	texts(&p, resources)
	r.add(b.many, p, read)
}

// Lock implements [reseller.Rows] in one round trip.
func (r resellerRows) Lock(ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
	if err := r.tx.usable(ctx, true); err != nil || len(keys) == 0 {
		return nil, err
	}
	// New rows are locked by being inserted, so that comes in order too.
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b reseller.StockKey) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Resource, b.Resource))
	})
	keys = slices.Compact(keys)
	var all []reseller.Stock
	var s scan
	var send round
	sql := &r.tx.store.sql.stocks
	sql.create.add(&send, keys, nil)
	sql.lock.add(&send, keys, into(&s, &all, (*scan).stock))
	if err := r.tx.run(ctx, "postgres.Lock", &send, false); err != nil {
		return nil, err
	}
	return all, nil
}

// Stocks implements [reseller.Rows].
func (r resellerRows) Stocks(ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
	var p params
	p.text(string(seller))
	return query(ctx, r.tx, "postgres.Stocks", r.tx.store.sql.stocks.list, p, (*scan).stock)
}
