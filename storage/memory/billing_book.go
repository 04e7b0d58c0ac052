package memory

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// book is all rows of one account. Like a node it may be changed by its owner only.
//
// The slices are ordered. Those that the engine only appends to share their memory
// with earlier versions of the book: writers run one at a time and each starts from
// what was committed, so an append writes behind the end of every slice that
// somebody may read.
type book struct {
	own     *owner
	account billing.Account

	heldBy   *owner // who may change holdings in place
	holdings []billing.Holding

	periods   []billing.PeriodRow
	usage     []billing.UsageRecord
	documents []billing.Document
	entries   []billing.Entry
}

// writable returns the book of an account for writing.
func (t *tx) writable(id billing.AccountID) (*book, error) {
	books := &t.state.billing.books
	b, ok := books.get(id)
	if !ok {
		return nil, fmt.Errorf("rows of account %d, which is not there: %w", id, storage.ErrNotFound)
	}
	if b.own != t.own {
		c := *b
		c.own = t.own
		b = &c
		books.set(t.own, id, b)
	}
	return b, nil
}

// hold inserts or replaces a holding.
func (b *book) hold(h billing.Holding) {
	if b.heldBy != b.own {
		b.holdings = slices.Clone(b.holdings)
		b.heldBy = b.own
	}
	i, found := slices.BinarySearchFunc(b.holdings, h.Resource, func(x billing.Holding, id billing.ResourceID) int {
		return cmp.Compare(x.Resource, id)
	})
	if found {
		b.holdings[i] = h
	} else {
		b.holdings = slices.Insert(b.holdings, i, h)
	}
}

// row is a row of a book that is numbered within its account.
type row interface {
	billing.PeriodRow | billing.UsageRecord | billing.Document | billing.Entry
}

// place adds a row with the given number to rows, and reports false if there is one
// already.
func place[R row](rows []R, r R, seq int64, seqOf func(*R) int64) ([]R, bool) {
	n := len(rows)
	if n == 0 || seqOf(&rows[n-1]) < seq {
		return append(rows, r), true
	}
	i, found := search(rows, seq, seqOf)
	if found {
		return rows, false
	}
	// Not slices.Insert: it would move rows that others read.
	moved := append(make([]R, 0, n+1), rows[:i]...)
	return append(append(moved, r), rows[i:]...), true
}

// search returns the index of the row with the number seq, or else where it belongs.
func search[R row](rows []R, seq int64, seqOf func(*R) int64) (int, bool) {
	low, high := 0, len(rows)
	for low < high {
		mid := int(uint(low+high) / 2)
		if seqOf(&rows[mid]) < seq {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(rows) && seqOf(&rows[low]) == seq
}

// behind returns the rows with a number greater than seq.
func behind[R row](rows []R, seq int64, seqOf func(*R) int64) []R {
	i, found := search(rows, seq, seqOf)
	if found {
		i++
	}
	return rows[i:]
}

func periodSeq(p *billing.PeriodRow) int64  { return p.Seq }
func usageSeq(u *billing.UsageRecord) int64 { return u.Seq }
func documentSeq(d *billing.Document) int64 { return d.Seq }
func entrySeq(e *billing.Entry) int64       { return e.Seq }
