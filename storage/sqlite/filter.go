package sqlite

import (
	"strings"
)

// filter builds a query from the conditions that apply. There are few combinations
// in use, and each connection keeps the statements it has prepared.
type filter struct {
	b    *binder
	text strings.Builder
	n    int
}

func newFilter(selects string, w *scratch) *filter {
	f := &filter{b: w.misc.start()}
	f.text.WriteString(selects)
	return f
}

// where adds a condition, whose argument is bound to what it returns.
func (f *filter) where(condition string) *binder {
	if f.n++; f.n == 1 {
		f.text.WriteString("WHERE ")
	} else {
		f.text.WriteString(" AND ")
	}
	f.text.WriteString(condition)
	return f.b
}

// query ends the query with its order and a limit.
func (f *filter) query(order string, limit int) string {
	f.text.WriteString(" ORDER BY ")
	f.text.WriteString(order)
	f.text.WriteString(" LIMIT ?")
	f.b.int(int64(limit))
	return f.text.String()
}
