package sqlite

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/tierhost/tierhost/billing"
)

const (
	selectAbove     = "SELECT id, above FROM billing_accounts "
	queryAbove      = selectAbove + "WHERE id = ?"
	queryAboveRange = selectAbove + "WHERE id" + inRange + " ORDER BY id"
	queryAboveList  = selectAbove + "WHERE id" + inList + " ORDER BY id"
)

// loadAbove reads the accounts above those of IDs, which have been loaded, and those of
// AboveToo. Accounts above one that was left out are read too.
func (r billingRows) loadAbove(q *billing.LoadQuery, out *billing.Loaded) error {
	ids := slices.Clone(q.AboveToo)
	for i := range out.States {
		ids = append(ids, out.States[i].Account.Above...)
	}
	more, err := r.aboveOthers(q, out)
	if err != nil {
		return err
	}
	ids = ordered(append(ids, more...))
	if len(ids) == 0 {
		return nil
	}
	b := r.work.misc.start()
	wanted := ids
	return r.each(accountsByID().bind(b, ids), b, accountCount, func(row *row) {
		if wants(&wanted, row) {
			out.Above = append(out.Above, billing.Account{})
			row.account(&out.Above[len(out.Above)-1])
		}
	})
}

// aboveOthers returns the IDs above those of IDs that were not loaded, as they are not
// due.
func (r billingRows) aboveOthers(q *billing.LoadQuery, out *billing.Loaded) (above []billing.AccountID, err error) {
	if q.DueBy.IsZero() {
		return nil, nil
	}
	ids := ordered(q.IDs)
	if len(out.States) == len(ids) {
		return nil, nil
	}
	b := r.work.misc.start()
	query := byIDs{queryAbove, queryAboveRange, queryAboveList}.bind(b, ids)
	wanted := ids
	err = r.each(query, b, 2, func(row *row) {
		if wants(&wanted, row) {
			row.int()
			above = append(above, read(row, parseIDs)...)
		}
	})
	return above, err
}

// ids binds account IDs as a JSON list, and NULL if there are none.
func (b *binder) ids(ids []billing.AccountID) {
	b.text = appendIDs(b.text[:0], ids)
	b.bytes(b.text)
}

func appendIDs(b []byte, ids []billing.AccountID) []byte {
	for i, id := range ids {
		b = append(b, separator(i)...)
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return closed(b, len(ids))
}

func parseIDs(s string) (ids []billing.AccountID, err error) {
	t := scan{rest: s}
	for t.element(len(ids)) {
		ids = append(ids, billing.AccountID(t.int()))
	}
	if t.done() {
		return ids, nil
	}
	ids = nil
	err = json.Unmarshal([]byte(s), &ids)
	return ids, err
}

func appendSellers(b []byte, list []billing.SellerID) []byte {
	for i, id := range list {
		b = append(b, separator(i)...)
		b = appendQuoted(b, string(id))
	}
	return closed(b, len(list))
}
