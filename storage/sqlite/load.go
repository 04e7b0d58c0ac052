package sqlite

import (
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// One account is asked for by its ID, many that lie close together as a range, and
// others as a list. The unary plus keeps SQLite from starting at the day.
const (
	selectAccounts = "SELECT " + accountColumns + " FROM billing_accounts "
	andDue         = " AND +next <= ? AND parked_code = ''"
	inRange        = " BETWEEN ? AND ?"
	inList         = " IN (SELECT value FROM json_each(?))"

	queryAccount         = selectAccounts + "WHERE id = ?"
	queryAccountDue      = queryAccount + andDue
	queryAccountRange    = selectAccounts + "WHERE id" + inRange + " ORDER BY id"
	queryAccountRangeDue = selectAccounts + "WHERE id" + inRange + andDue + " ORDER BY id"
	queryAccountList     = selectAccounts + "WHERE id" + inList + " ORDER BY id"
	queryAccountListDue  = selectAccounts + "WHERE id" + inList + andDue + " ORDER BY id"

	queryNamed = `SELECT id FROM billing_accounts WHERE seller = ? AND name = ?`
	queryNewID = `UPDATE billing_meta
SET last_account = max(last_account, ?, (SELECT coalesce(max(id), 0) FROM billing_accounts)) + 1
WHERE id = 1 RETURNING last_account, revision`

	selectDue    = `SELECT id, above FROM billing_accounts WHERE next = ? AND parked_code = '' AND id > ?`
	queryDue     = selectDue + ` ORDER BY id LIMIT ?`
	queryDueOf   = selectDue + ` AND +seller` + inList + ` ORDER BY id LIMIT ?`
	queryNextDue = `SELECT min(next) FROM billing_accounts WHERE next > ? AND next <= ? AND parked_code = ''`
)

// billingRows is the rows of package billing within a transaction.
type billingRows struct{ *tx }

// Billing implements [billing.Store].
func (s *Store) Billing(x storage.Tx) (billing.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return billingRows{t}, nil
}

// Load implements [billing.AccountRows]. Every account is free to be locked, because
// only one transaction writes; in a transaction of the host's that has not written yet
// a lock takes the write lock.
func (r billingRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	if err := r.reading(ctx); err != nil {
		return billing.Loaded{}, err
	}
	if !r.write && locks(&q) {
		return billing.Loaded{}, storage.ErrReadOnly
	}
	var out billing.Loaded
	err := r.load(&q, &out)
	if err != nil {
		return billing.Loaded{}, failure(ctx, "Load", err)
	}
	return out, nil
}

// locks reports whether what is asked for takes the write lock.
func locks(q *billing.LoadQuery) bool {
	return q.Lock != billing.LockNone || q.Above == billing.AboveShare || q.NewID
}

func (r billingRows) load(q *billing.LoadQuery, out *billing.Loaded) error {
	if locks(q) {
		if err := r.lock(); err != nil {
			return err
		}
	}
	if err := r.loadMeta(q, out); err != nil {
		return err
	}
	if err := r.loadStates(q, out); err != nil {
		return err
	}
	if q.Above != billing.AboveNone {
		if err := r.loadAbove(q, out); err != nil {
			return err
		}
	}
	if q.Key.Key != "" {
		key, err := r.key(q.Key)
		if err != nil {
			return err
		}
		out.Key = key
	}
	if q.UsageKey != "" && len(q.IDs) > 0 {
		u, err := r.usageByKey(q.IDs[0], q.UsageResource, q.UsageKey)
		if err != nil {
			return err
		}
		out.Keyed = u
	}
	return nil
}

// loadMeta reads what is not about one of the accounts.
func (r billingRows) loadMeta(q *billing.LoadQuery, out *billing.Loaded) (err error) {
	if q.NewID {
		out.NewID, out.Revision, err = r.newID()
	} else {
		out.Revision, err = r.revision()
	}
	if err != nil || q.Name == "" {
		return err
	}
	b := r.work.misc.start()
	b.string(string(q.Seller))
	b.string(q.Name)
	return r.each(queryNamed, b, 1, func(row *row) { out.Named = billing.AccountID(row.int()) })
}

// newID draws an ID that no transaction of this process has seen, committed or not.
func (r billingRows) newID() (id billing.AccountID, revision int64, err error) {
	b := r.work.misc.start()
	b.int(r.store.lastID.Load())
	err = r.each(queryNewID, b, 2, func(row *row) {
		id, revision = billing.AccountID(row.int()), row.int()
	})
	if err == nil {
		// Whoever draws holds the write lock, so the last one to store is the largest.
		r.store.lastID.Store(int64(id))
	}
	return id, revision, err
}

// loadStates reads the accounts with all that belongs to them, in three queries at
// most, however many there are.
func (r billingRows) loadStates(q *billing.LoadQuery, out *billing.Loaded) error {
	ids := ordered(q.IDs)
	if len(ids) == 0 {
		return nil
	}
	b := r.work.misc.start()
	var query string
	if q.DueBy.IsZero() {
		query = accountsByID().bind(b, ids)
	} else {
		query = dueAccountsByID().bind(b, ids)
		b.date(q.DueBy)
	}
	states := make([]billing.State, 0, len(ids))
	wanted := ids
	err := r.each(query, b, accountCount, func(row *row) {
		if !wants(&wanted, row) {
			return
		}
		states = append(states, billing.State{})
		a := &states[len(states)-1].Account
		row.account(a)
	})
	if err != nil || len(states) == 0 {
		return err
	}
	if len(states) < len(ids) {
		ids = make([]billing.AccountID, len(states))
		for i := range states {
			ids[i] = states[i].Account.ID
		}
	}
	out.States = states
	holdings, err := r.holdings(ids)
	if err != nil {
		return err
	}
	for i := range states {
		n := 0
		for n < len(holdings) && holdings[n].Account == states[i].Account.ID {
			n++
		}
		if n > 0 {
			states[i].Holdings, holdings = holdings[:n:n], holdings[n:]
		}
	}
	r.remember(states)
	if !q.Usage {
		return nil
	}
	usage, err := r.unsettled(ids)
	if err != nil {
		return err
	}
	for i := range states {
		n := 0
		for n < len(usage) && usage[n].Account == states[i].Account.ID {
			n++
		}
		if n > 0 {
			states[i].Usage, usage = usage[:n:n], usage[n:]
		}
	}
	return nil
}

// byIDs is a query for rows of one account, of a range and of a list of them.
type byIDs struct{ one, span, list string }

func accountsByID() byIDs { return byIDs{queryAccount, queryAccountRange, queryAccountList} }
func dueAccountsByID() byIDs {
	return byIDs{queryAccountDue, queryAccountRangeDue, queryAccountListDue}
}

// bind binds the IDs, which are distinct and in order, and returns the query for them.
func (q byIDs) bind(b *binder, ids []billing.AccountID) string {
	switch {
	case len(ids) == 1:
		b.int(int64(ids[0]))
		return q.one
	case dense(ids):
		b.int(int64(ids[0]))
		b.int(int64(ids[len(ids)-1]))
		return q.span
	}
	b.text = appendIDs(b.text[:0], ids)
	b.bytes(b.text)
	return q.list
}

// dense reports whether the range of ids has a fourth more at most than are in it.
func dense(ids []billing.AccountID) bool {
	span := int64(ids[len(ids)-1]) - int64(ids[0])
	return span >= 0 && span < int64(len(ids)+len(ids)/4)
}

// wants reports whether the row, whose first column is an account's ID, is of one of
// those wanted. Rows come in the order of IDs; those before it are dropped.
func wants(wanted *[]billing.AccountID, r *row) bool {
	id, ok := r.values[0].(int64)
	if !ok {
		return true // reading the row will fail
	}
	for len(*wanted) > 0 && int64((*wanted)[0]) < id {
		*wanted = (*wanted)[1:]
	}
	return len(*wanted) > 0 && int64((*wanted)[0]) == id
}

// ordered returns the distinct IDs in order.
func ordered(ids []billing.AccountID) []billing.AccountID {
	for i := 1; i < len(ids); i++ {
		if ids[i-1] >= ids[i] {
			ids = slices.Clone(ids)
			slices.Sort(ids)
			return slices.Compact(ids)
		}
	}
	return ids
}
