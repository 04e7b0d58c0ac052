package postgres

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost/billing"
)

// params are the parameters of one statement, in binary form.
type params [][]byte

func (p *params) int(v int64) *params {
	*p = append(*p, binary.BigEndian.AppendUint64(nil, uint64(v)))
	return p
}

// limit is how many rows a page may have; below 0 counts as none.
func (p *params) limit(n int) *params { return p.int(int64(max(n, 0))) }

func (p *params) text(s string) *params {
	*p = append(*p, append(make([]byte, 0, len(s)), s...)) // not nil, which is NULL
	return p
}

// date is NULL for the zero Date.
func (p *params) date(d billing.Date) *params {
	var b []byte
	if !d.IsZero() {
		b = binary.BigEndian.AppendUint32(nil, uint32(d.Days()-epochDay))
	}
	*p = append(*p, b)
	return p
}

// day is date where the zero Date is a day like others.
func (p *params) day(d billing.Date) *params {
	*p = append(*p, binary.BigEndian.AppendUint32(nil, uint32(d.Days()-epochDay)))
	return p
}

func (p *params) instant(t time.Time) *params { return p.int(micros(t)) }

// ints is an array of integers.
func ints[T ~int64](p *params, values []T) {
	b := arrayOf(bigintType, len(values), 12)
	for _, v := range values {
		b = binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(v))
	}
	*p = append(*p, b)
}

// texts is an array of texts.
func texts[T ~string](p *params, values []T) {
	b := arrayOf(textType, len(values), 24)
	for _, v := range values {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	*p = append(*p, b)
}

// instants is an array of instants.
func instants(p *params, values []time.Time) {
	b := arrayOf(instantType, len(values), 12)
	for _, v := range values {
		b = binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(micros(v)))
	}
	*p = append(*p, b)
}

// arrayOf returns the head of an array, with room for elements of about a size.
func arrayOf(t sqlType, n, size int) []byte {
	b := make([]byte, arrayHead, arrayHead+size*n)
	binary.BigEndian.PutUint32(b[0:], 1)
	binary.BigEndian.PutUint32(b[8:], t.oid)
	binary.BigEndian.PutUint32(b[12:], uint32(n))
	binary.BigEndian.PutUint32(b[16:], 1)
	return b
}

// byIDs is a statement on the rows of some accounts or sellers, in forms for a few and for many.
// An array of a few would have the server plan the statement each time, because the
// plan it keeps for arrays of any length looks dearer to it.
type byIDs struct {
	few  [3]*statement // 1, 2, 4 parameters
	many *statement    // an array
}

const (
	anyID  = "ANY (?)" // in the text of a byIDs: the accounts or sellers
	fewIDs = 4
)

// newByIDs takes a text with parameters up to n and anyID behind them: accounts.
func newByIDs(x sqlText, sql string, n int) byIDs { return newByAny(x, sql, n, bigintType) }

// newBySellers is newByIDs for sellers.
func newBySellers(x sqlText, sql string, n int) byIDs { return newByAny(x, sql, n, textType) }

func newByAny(x sqlText, sql string, n int, t sqlType) byIDs {
	form := func(count int) *statement {
		array := "$" + strconv.Itoa(n+1) + "::" + t.name
		for i := 2; i <= count; i++ {
			array += ", $" + strconv.Itoa(n+i) + "::" + t.name
		}
		condition := "= ANY ($" + strconv.Itoa(n+1) + "::" + t.name + "[])"
		switch {
		case count == 1:
			condition = "= " + array
		case count > 1:
			condition = "IN (" + array + ")"
		}
		return x.statement(strings.ReplaceAll(sql, "= "+anyID, condition))
	}
	return byIDs{[3]*statement{form(1), form(2), form(4)}, form(0)}
}

// add adds the statement for some accounts, at least one.
func (b *byIDs) add(r *round, p params, ids []billing.AccountID, read func([][]byte) error) {
	p = p[:len(p):len(p)]
	if len(ids) > fewIDs {
		ints(&p, ids)
		r.add(b.many, p, read)
		return
	}
	form, count := formFor(len(ids))
	for i := range count {
		p.int(int64(ids[min(i, len(ids)-1)])) // filled up with the last
	}
	r.add(b.few[form], p, read)
}

// addSellers is add for sellers.
func (b *byIDs) addSellers(r *round, sellers []billing.SellerID, read func([][]byte) error) {
	var p params
	if len(sellers) > fewIDs {
		texts(&p, sellers)
		r.add(b.many, p, read)
		return
	}
	form, count := formFor(len(sellers))
	for i := range count {
		p.text(string(sellers[min(i, len(sellers)-1)]))
	}
	r.add(b.few[form], p, read)
}

// formFor returns which form takes n keys, and how many it takes: a power of two.
func formFor(n int) (form, count int) {
	for count = 1; count < n; count *= 2 {
		form++
	}
	return form, count
}

// readInt returns a reader of a row with one integer.
func readInt[T ~int64](to *T) func([][]byte) error {
	return func(values [][]byte) error {
		if len(values) != 1 || len(values[0]) != 8 {
			return errShort
		}
		*to = T(binary.BigEndian.Uint64(values[0]))
		return nil
	}
}

// filter builds a condition from the fields of a query that are set. Each set of
// fields makes a statement of its own, so that each gets the index it needs.
type filter struct {
	sql    strings.Builder
	params params
}

// add appends "AND " and the condition with the parameter last added in place of "?".
func (f *filter) add(condition string) {
	f.sql.WriteString(" AND ")
	f.sql.WriteString(strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(f.params))))
}

// text adds a condition if s is not empty.
func (f *filter) text(condition string, s string) {
	if s != "" {
		f.params.text(s)
		f.add(condition)
	}
}

// between adds conditions on a date; the zero Date is no bound.
func (f *filter) between(column string, since, until billing.Date) {
	if !since.IsZero() && since == until {
		f.params.date(since)
		f.add(column + " = ?::date") // so that an index behind the date gives the order
		return
	}
	if !since.IsZero() {
		f.params.date(since)
		f.add(column + " >= ?::date")
	}
	if !until.IsZero() {
		f.params.date(until)
		f.add(column + " <= ?::date")
	}
}

// limit ends the statement.
func (f *filter) limit(order string, n int) {
	f.params.limit(n)
	f.sql.WriteString(" ORDER BY " + order + " LIMIT $" + strconv.Itoa(len(f.params)) + "::bigint")
}

// query reads all rows of one statement.
func query[T any](ctx context.Context, t *txn, op string, st *statement, p params, decode func(*scan, *T)) ([]T, error) {
	if err := t.usable(ctx, false); err != nil {
		return nil, err
	}
	var all []T
	var s scan
	var r round
	r.add(st, p, into(&s, &all, decode))
	if err := t.run(ctx, op, &r, false); err != nil {
		return nil, err
	}
	return all, nil
}

// into returns a reader that appends each row to all.
func into[T any](s *scan, all *[]T, decode func(*scan, *T)) func([][]byte) error {
	return func(values [][]byte) error {
		s.row(values)
		var x T
		decode(s, &x)
		*all = append(*all, x)
		return s.err
	}
}
