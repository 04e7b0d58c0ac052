package postgres

import (
	"sync"
)

const (
	// few is up to how many rows of a table are sent as statements of one row each: below
	// it they cost less than setting up arrays.
	few = 3
	// many is from how many rows on a table that can be copied into is: a stream has
	// round trips of its own, but its rows cost about two thirds.
	many = 200
)

// writer turns a batch into commands, which go in one round trip, and streams between
// them. Its buffers are kept for the next batch.
type writer struct {
	round   round
	streams []stream
	split   int // commands in front of the streams
	early   int // commands in front of what the transaction has pending
	rowsets []*rowset
	used    int
	err     error // the first value that cannot be sent
}

// stream is rows of a table for COPY.
type stream struct {
	sql  *statement
	rows *rowset
}

// scratch keeps writers for reuse.
type scratch struct{ pool sync.Pool }

func (s *scratch) get() *writer {
	if w, ok := s.pool.Get().(*writer); ok {
		return w
	}
	return new(writer)
}

// put takes w back, which has nothing of the batch left in it.
func (s *scratch) put(w *writer) {
	clear(w.round.commands)
	clear(w.streams)
	w.round.commands, w.streams = w.round.commands[:0], w.streams[:0]
	w.split, w.early, w.used, w.err = 0, 0, 0, nil
	s.pool.Put(w)
}

func (w *writer) rowset() *rowset {
	if w.used == len(w.rowsets) {
		w.rowsets = append(w.rowsets, new(rowset))
	}
	w.used++
	return w.rowsets[w.used-1]
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// rows adds n rows, as statements of one or as one with arrays and the parameters
// behind them. read takes the rows that the statements return, in order; it may be nil.
func (w *writer) rows(t *table, one, all *statement, n int, encode func(rs *rowset, i int), read func([][]byte) error, more ...[]byte) {
	if n == 0 {
		return
	}
	if n <= few {
		w.each(t, one, n, encode, read)
		return
	}
	rs := w.rowset()
	rs.byColumn(t)
	for i := range n {
		encode(rs, i)
	}
	if rs.err != nil {
		w.fail(rs.err)
		return
	}
	arrays := rs.arrays()
	w.round.add(all, append(arrays[:len(arrays):len(arrays)], more...), read)
}

// each adds n rows as statements of one.
func (w *writer) each(t *table, one *statement, n int, encode func(rs *rowset, i int), read func([][]byte) error) {
	rs := w.rowset()
	rs.byRow(t)
	for i := range n {
		encode(rs, i)
	}
	if rs.err != nil {
		w.fail(rs.err)
		return
	}
	for offset := 0; n > 0; n-- {
		var values [][]byte
		values, offset = rs.row(offset)
		w.round.add(one, values, read)
	}
}

// upsert adds n rows that are inserted or replace others, which no stream can.
func (w *writer) upsert(sql *insertStatements, n int, encode func(rs *rowset, i int)) {
	w.rows(&sql.table, sql.one, sql.many, n, encode, nil)
}

// insert adds n rows of a table that nothing is assigned to, as a stream if there are
// many. All that are streamed are added one after the other.
func (w *writer) insert(sql *insertStatements, n int, encode func(rs *rowset, i int)) {
	if n < many {
		w.rows(&sql.table, sql.one, sql.many, n, encode, nil)
		return
	}
	rs := w.rowset()
	rs.byRow(&sql.table)
	for i := range n {
		encode(rs, i)
	}
	if rs.err != nil {
		w.fail(rs.err)
		return
	}
	if len(w.streams) == 0 {
		w.split = len(w.round.commands)
	}
	w.streams = append(w.streams, stream{sql.copyIn, rs})
}
