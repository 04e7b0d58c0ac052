package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// rowset is rows of a table in the binary form of the protocol, where a value is its
// length and its bytes, in arrays as well as in COPY and as a parameter. It is filled
// value by value, in the order of the table's columns, and holds them in one of two
// ways: by row, for COPY and for statements with one row, or by column, for
// statements with an array per column.
//
// The first value that cannot be sent is kept as err.
type rowset struct {
	columns []column
	bufs    [][]byte // one; or one for each column, behind the head of an array
	step    int      // 1 by column, 0 by row
	next    int      // buffer of the next value
	rows    int
	err     error
}

const arrayHead = 20 // bytes before the first element of an array

// byRow makes rs empty, for rows of the table by row.
func (rs *rowset) byRow(t *table) {
	rs.reset(t, 1, 0)
}

// byColumn makes rs empty, for rows of the table by column.
func (rs *rowset) byColumn(t *table) {
	rs.reset(t, len(t.columns), 1)
	for i := range rs.bufs {
		rs.bufs[i] = append(rs.bufs[i], make([]byte, arrayHead)...)
	}
}

func (rs *rowset) reset(t *table, bufs, step int) {
	for len(rs.bufs) < bufs {
		rs.bufs = append(rs.bufs, nil)
	}
	rs.bufs = rs.bufs[:bufs]
	for i := range rs.bufs {
		rs.bufs[i] = rs.bufs[i][:0]
	}
	rs.columns, rs.step, rs.rows, rs.err = t.columns, step, 0, nil
}

// begin starts the next row.
func (rs *rowset) begin() {
	rs.rows++
	rs.next = 0
	if rs.step == 0 {
		rs.bufs[0] = binary.BigEndian.AppendUint16(rs.bufs[0], uint16(len(rs.columns)))
	}
}

// arrays returns one array for each column. It ends the filling.
func (rs *rowset) arrays() [][]byte {
	for i, b := range rs.bufs {
		binary.BigEndian.PutUint32(b[0:], 1) // dimensions
		binary.BigEndian.PutUint32(b[4:], 0) // flags
		binary.BigEndian.PutUint32(b[8:], rs.columns[i].oid)
		binary.BigEndian.PutUint32(b[12:], uint32(rs.rows))
		binary.BigEndian.PutUint32(b[16:], 1) // lower bound
	}
	return rs.bufs
}

// row cuts the row that starts at the offset into its values, and returns where the
// next one starts.
func (rs *rowset) row(offset int) (values [][]byte, next int) {
	b := rs.bufs[0]
	n := int(binary.BigEndian.Uint16(b[offset:]))
	values = make([][]byte, n)
	offset += 2
	for i := range values {
		size := int32(binary.BigEndian.Uint32(b[offset:]))
		offset += 4
		if size >= 0 {
			values[i] = b[offset : offset+int(size) : offset+int(size)]
			offset += int(size)
		}
	}
	return values, offset
}

// reader returns rows that are held by row as a stream for COPY.
func (rs *rowset) reader() io.Reader {
	const head = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // signature, flags, no extension
	return io.MultiReader(strings.NewReader(head), bytes.NewReader(rs.bufs[0]), strings.NewReader("\xff\xff"))
}

// fail keeps the first value that cannot be sent.
func (rs *rowset) fail(code string, err error) {
	if rs.err == nil {
		column := "value"
		if rs.step == 1 {
			column = rs.columns[rs.next].name
		}
		rs.err = tierhost.E("postgres.Write", tierhost.KindInvalid, code, fmt.Errorf("%s: %w", column, err))
	}
	rs.null()
}

func (rs *rowset) null() {
	b := &rs.bufs[rs.next]
	rs.next += rs.step
	*b = append(*b, 0xff, 0xff, 0xff, 0xff)
}

func (rs *rowset) int(v int64) {
	b := &rs.bufs[rs.next]
	rs.next += rs.step
	*b = binary.BigEndian.AppendUint64(append(*b, 0, 0, 0, 8), uint64(v))
}

func (rs *rowset) bool(v bool) {
	b := &rs.bufs[rs.next]
	rs.next += rs.step
	bit := byte(0)
	if v {
		bit = 1
	}
	*b = append(*b, 0, 0, 0, 1, bit)
}

func (rs *rowset) text(s string) {
	b := &rs.bufs[rs.next]
	rs.next += rs.step
	*b = append(binary.BigEndian.AppendUint32(*b, uint32(len(s))), s...)
}

// bytes writes a bytea or a text; nil is NULL.
func (rs *rowset) bytes(s []byte) {
	if s == nil {
		rs.null()
		return
	}
	b := &rs.bufs[rs.next]
	rs.next += rs.step
	*b = append(binary.BigEndian.AppendUint32(*b, uint32(len(s))), s...)
}

// open starts a value whose length is not known; close ends it. In between the value
// is appended to *b.
func (rs *rowset) open() (b *[]byte, start int) {
	b = &rs.bufs[rs.next]
	*b = append(*b, 0, 0, 0, 0)
	return b, len(*b)
}

func (rs *rowset) close(b *[]byte, start int) {
	rs.next += rs.step
	binary.BigEndian.PutUint32((*b)[start-4:], uint32(len(*b)-start))
}

// cancel takes back what was written since open.
func (rs *rowset) cancel(b *[]byte, start int) { *b = (*b)[:start-4] }

func (rs *rowset) period(p billing.Period) {
	b, start := rs.open()
	*b = appendPeriod(*b, p)
	rs.close(b, start)
}

// Days from 31 December of the year 0, from which billing counts, to 1 January 2000,
// from which PostgreSQL does.
const epochDay = 730120

func (rs *rowset) date(d billing.Date) {
	if d.IsZero() {
		rs.null()
		return
	}
	b := &rs.bufs[rs.next]
	rs.next += rs.step
	*b = binary.BigEndian.AppendUint32(append(*b, 0, 0, 0, 4), uint32(d.Days()-epochDay))
}

// day is date for a column that is part of a key: the zero Date is a day like others.
func (rs *rowset) day(d billing.Date) {
	b := &rs.bufs[rs.next]
	rs.next += rs.step
	*b = binary.BigEndian.AppendUint32(append(*b, 0, 0, 0, 4), uint32(d.Days()-epochDay))
}

// accounts writes a list of accounts.
func (rs *rowset) accounts(ids []billing.AccountID) {
	b, start := rs.open()
	*b = appendAccounts(*b, ids)
	rs.close(b, start)
}

const epochSecond = 946684800 // 1 January 2000 in Unix time

func (rs *rowset) instant(t time.Time) { rs.int(micros(t)) }

// micros returns the instant as PostgreSQL counts, rounded down.
func micros(t time.Time) int64 {
	return (t.Unix()-epochSecond)*1e6 + int64(t.Nanosecond())/1000
}

func (rs *rowset) numeric(d decimal.Decimal) {
	b, start := rs.open()
	var err error
	if *b, err = appendNumeric(*b, d); err != nil {
		rs.cancel(b, start)
		rs.fail("number_too_long", err)
		return
	}
	rs.close(b, start)
}

func (rs *rowset) optional(d *decimal.Decimal) {
	if d == nil {
		rs.null()
		return
	}
	rs.numeric(*d)
}

func (rs *rowset) rat(r money.Rat) {
	b, start := rs.open()
	var err error
	if *b, err = r.AppendText(*b); err != nil {
		rs.cancel(b, start)
		rs.fail("number_too_long", err)
		return
	}
	rs.close(b, start)
}

// currency writes the currency that the amounts of a row have: the first that any
// has, or nothing.
func (rs *rowset) currency(amounts ...money.Money) money.Currency {
	var c money.Currency
	for _, m := range amounts {
		if c = m.Currency(); c != (money.Currency{}) {
			break
		}
	}
	b, start := rs.open()
	*b = appendCurrency(*b, c)
	rs.close(b, start)
	return c
}

// amount writes minor units of the row's currency; no amount at all is NULL.
func (rs *rowset) amount(m money.Money, c money.Currency) {
	switch have := m.Currency(); {
	case have == c && c != (money.Currency{}):
	case have == money.Currency{} && m.IsZero():
		rs.null()
		return
	default:
		rs.fail("currency_mixed", fmt.Errorf("%w: %q beside %q in a row", money.ErrCurrencyMismatch, have.Code, c.Code))
		return
	}
	minor, err := m.Minor()
	if err != nil {
		rs.fail("amount_not_whole", err)
		return
	}
	rs.int(minor)
}
