package postgres

import (
	"context"

	"github.com/tierhost/tierhost/reseller"
)

// resellerRows are the rows of package reseller within a transaction.
type resellerRows struct{ tx *txn }

var _ reseller.Rows = resellerRows{}

// Load implements [reseller.Rows] in one round trip, or in none if all was read ahead. The locks, which may wait, come
// first: everything after them is what their last holder has left.
func (r resellerRows) Load(ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
	var out reseller.Loaded
	if err := r.tx.usable(ctx, q.Lock); err != nil || len(q.Accounts)+len(q.Sellers) == 0 {
		return out, err
	}
	if known, ok := r.tx.ahead.answer(&q); ok {
		r.tx.ahead = nil // it is the caller's now
		return known, nil
	}
	sql := r.tx.store.sql
	var send round
	var stocks, books, holdings scan
	if len(q.Sellers) > 0 {
		load := &sql.stocks.load
		if q.Lock {
			load = &sql.stocks.loadLocked
		}
		load.addSellers(&send, q.Sellers, into(&stocks, &out.Stocks, (*scan).stock))
		sql.books.load.addSellers(&send, q.Sellers, into(&books, &out.Books, (*scan).books))
	}
	if len(q.Accounts) > 0 {
		sql.wholesale.load.add(&send, nil, q.Accounts, into(&holdings, &out.Holdings, (*scan).wholesale))
	}
	if err := r.tx.run(ctx, "postgres.Load", &send, false); err != nil {
		return reseller.Loaded{}, err
	}
	return out, nil
}

// Write implements [reseller.Rows]. It sends nothing: the rows go with what the
// transaction sends next, the write of billing's rows as a rule, and with the COMMIT at
// the latest. A host's COMMIT is not ours to send them with, so there they go at once.
func (r resellerRows) Write(ctx context.Context, b *reseller.Batch) error {
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	if len(b.Holdings)+len(b.Stocks)+len(b.Books)+len(b.Shadows)+len(b.Bills)+len(b.Transfers) == 0 {
		return nil
	}
	sql := r.tx.store.sql
	r.tx.ahead = nil
	p := r.tx.pending
	if p == nil {
		p = &pending{writer: r.tx.store.scratch.get()}
		r.tx.pending = p
	}
	w := p.writer
	w.upsert(&sql.wholesale.insertStatements, len(b.Holdings), func(rs *rowset, i int) { rs.wholesale(&b.Holdings[i]) })
	w.upsert(&sql.stocks.insertStatements, len(b.Stocks), func(rs *rowset, i int) { rs.stock(&b.Stocks[i]) })
	w.upsert(&sql.books.insertStatements, len(b.Books), func(rs *rowset, i int) { rs.books(&b.Books[i]) })
	w.upsert(&sql.transfers.insertStatements, len(b.Transfers), func(rs *rowset, i int) { rs.transfer(&b.Transfers[i]) })
	p.add(&sql.shadows, b.Shadows)
	w.insert(&sql.bills.insertStatements, len(b.Bills), func(rs *rowset, i int) { rs.bill(&b.Bills[i]) })
	switch {
	case w.err != nil:
		r.tx.pending = nil
		return r.tx.abort(w.err)
	case r.tx.host != nil:
		return r.tx.flush(ctx, "postgres.Write", new(writer), false)
	}
	return nil
}
