package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
)

// rows are the billing rows within a transaction.
type rows struct{ tx *txn }

var _ billing.Rows = rows{}

// text makes statements of the store's schema.
func (s *Store) text() sqlText { return sqlText{quoted(s.options.Schema)} }

// Load implements [billing.AccountRows] in one round trip. What may wait comes first:
// everything after it is read when the accounts are locked, so it is what the last
// holder of the locks has left.
func (r rows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	var out billing.Loaded
	if err := r.tx.usable(ctx, q.Lock != billing.LockNone || q.Above == billing.AboveShare || q.NewID); err != nil {
		return out, err
	}
	sql := r.tx.store.sql
	var send round
	var above, accounts, holdings, usage, key scan
	var held []billing.Holding
	var used []billing.UsageRecord
	if q.Above != billing.AboveNone {
		sql.accounts.addAbove(&send, q, into(&above, &out.Above, (*scan).account))
	}
	if len(q.IDs) > 0 {
		var due params
		due.date(q.DueBy)
		sql.accounts.load[q.Lock].add(&send, due, q.IDs, into(&accounts, &out.States, func(s *scan, x *billing.State) { s.account(&x.Account) }))
		sql.holdings.load.add(&send, nil, q.IDs, into(&holdings, &held, (*scan).holding))
		if q.Usage {
			sql.usage.unsettled.add(&send, nil, q.IDs, into(&usage, &used, (*scan).usage))
		}
		if q.UsageKey != "" {
			var p params
			p.int(int64(q.IDs[0])).text(string(q.UsageResource)).text(q.UsageKey)
			send.add(sql.usage.keyed, p, func(values [][]byte) error {
				usage.row(values)
				out.Keyed = new(billing.UsageRecord)
				usage.usage(out.Keyed)
				return usage.err
			})
		}
	}
	send.add(sql.catalog.revision, nil, readInt(&out.Revision))
	if q.Name != "" {
		var p params
		p.text(string(q.Seller)).text(q.Name)
		send.add(sql.accounts.named, p, readInt(&out.Named))
	}
	if q.NewID {
		send.add(sql.accounts.draw, nil, readInt(&out.NewID))
	}
	ahead := r.tx.readAhead(&send, &q)
	if q.Key.Key != "" {
		var p params
		p.text(q.Key.Scope).text(q.Key.Action).text(q.Key.Key)
		send.add(sql.keys.find, p, func(values [][]byte) error {
			key.row(values)
			out.Key = new(billing.Key)
			key.key(out.Key)
			return key.err
		})
	}
	if err := r.tx.run(ctx, "postgres.Load", &send, false); err != nil {
		return billing.Loaded{}, err
	}
	r.tx.store.belows.saw(out.States)
	if len(out.Above) > 0 {
		r.tx.store.belows.any.Store(true)
		if ahead != nil && q.NewID && len(q.IDs) == 0 {
			ahead.accounts = append(ahead.accounts, out.NewID)
		}
		r.tx.ahead = ahead
	}
	attach(out.States, held, used)
	if !r.tx.readOnly {
		r.tx.seen.add(out.States)
	}
	return out, nil
}

// addAbove adds the statement that reads the accounts above.
func (sql *accountStatements) addAbove(r *round, q billing.LoadQuery, read func([][]byte) error) {
	how := 0
	if q.Above == billing.AboveShare {
		how = 1
	}
	p := params{appendAccounts([]byte{}, q.AboveToo)}
	switch {
	case len(q.IDs) > 0:
		sql.above[how].add(r, p, q.IDs, read)
	case len(q.AboveToo) > 0:
		r.add(sql.aboveToo[how], p, read)
	}
}

// attach gives each account its rows; all are ordered by account. Rows of accounts
// that were left out are dropped.
func attach(states []billing.State, held []billing.Holding, used []billing.UsageRecord) {
	for i := range states {
		id := states[i].Account.ID
		states[i].Holdings, held = take(held, id, func(h *billing.Holding) billing.AccountID { return h.Account })
		states[i].Usage, used = take(used, id, func(u *billing.UsageRecord) billing.AccountID { return u.Account })
	}
}

// take cuts the rows of an account off the front, and those of accounts before it.
func take[T any](rows []T, id billing.AccountID, account func(*T) billing.AccountID) (of, rest []T) {
	for len(rows) > 0 && account(&rows[0]) < id {
		rows = rows[1:]
	}
	n := 0
	for n < len(rows) && account(&rows[n]) == id {
		n++
	}
	if n == 0 {
		return nil, rows
	}
	return rows[:n:n], rows[n:]
}

// Due implements [billing.AccountRows].
func (r rows) Due(ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
	var p params
	p.date(q.Day).int(int64(after)).limit(limit)
	st := r.tx.store.sql.accounts.due
	if len(q.Sellers) > 0 {
		st = r.tx.store.sql.accounts.dueOf
		texts(&p, q.Sellers)
	}
	return query(ctx, r.tx, "postgres.Due", st, p, func(s *scan, a *billing.DueAccount) {
		a.ID = billing.AccountID(s.int())
		if above := s.accounts(); len(above) > 0 {
			a.Top = above[0]
		}
	})
}

// Accounts implements [billing.AccountRows].
func (r rows) Accounts(ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
	var f filter
	f.params.int(int64(after))
	f.text("seller = ?::text", string(q.Seller))
	f.text("plan = ?::text", string(q.Plan))
	f.text("status = ?::text", string(q.Status))
	if q.Open {
		f.add("status <> '" + string(billing.Closed) + "'")
	}
	if q.Parked {
		f.add("parked_code <> ''")
	}
	if q.InDebt {
		f.add("balance < 0")
	}
	f.limit("id", limit)
	st := r.tx.store.text().statement(r.tx.store.sql.accounts.list + f.sql.String())
	return query(ctx, r.tx, "postgres.Accounts", st, f.params, (*scan).account)
}

// Holdings implements [billing.AccountRows].
func (r rows) Holdings(ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
	if err := r.tx.usable(ctx, false); err != nil || len(ids) == 0 {
		return nil, err
	}
	var all []billing.Holding
	var s scan
	var send round
	r.tx.store.sql.holdings.load.add(&send, nil, ids, into(&s, &all, (*scan).holding))
	if err := r.tx.run(ctx, "postgres.Holdings", &send, false); err != nil {
		return nil, err
	}
	return all, nil
}

// inSeries orders documents by series and leaves the order within each, so that all
// transactions lock the counters in the same order.
func inSeries(documents []*billing.Document) []*billing.Document {
	if len(documents) < 2 {
		return documents
	}
	documents = slices.Clone(documents)
	slices.SortStableFunc(documents, func(a, b *billing.Document) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Kind, b.Kind))
	})
	return documents
}
