package support

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/tierhost/tierhost/storage"
)

// Store is where everything of this package is kept.
//
// Within v1 new abilities arrive as further interfaces.
type Store interface {
	storage.OutboxStore
	// Support returns this package's rows within tx. It returns storage.ErrForeignTx for a
	// transaction of another store and storage.ErrTxDone for one that has ended.
	Support(tx storage.Tx) (Rows, error)
}

// Key names a row.
type Key struct {
	Kind string // what it is: "ticket"
	ID   string // of one row among those of its kind
}

// Place is where a row stands in a list.
type Place struct {
	List string
	Sort string
}

// Row is one thing as a store keeps it. The store does not read the content: what rows are
// found by are their lists. All rows of a list are of one kind.
type Row struct {
	Key
	Version int64
	// Places are where the row stands, each in another list. Reads leave them out.
	Places []Place
	Doc    json.RawMessage
}

// Clone returns a copy that shares no memory with r.
func (r Row) Clone() Row {
	r.Places = slices.Clone(r.Places)
	r.Doc = slices.Clone(r.Doc)
	return r
}

// Cursor is a position in a list; the zero Cursor is in front of everything.
type Cursor struct {
	Sort string
	ID   string
}

// Listed is a row with where it stands in the list that was asked for.
type Listed struct {
	Row
	Sort string
}

// Cursor is the position of the row.
func (l *Listed) Cursor() Cursor { return Cursor{l.Sort, l.ID} }

// Rows are this package's rows within one transaction. Values given and returned are
// copies: neither side MUST see later changes of the other's. JSON may come back with other
// white space. Every read sees the transaction's own writes. Texts are UTF-8 without NUL,
// compared byte by byte and listed in the order of their bytes. A limit below 1 is none.
// Writing in a View is storage.ErrReadOnly. A write that fails may abort the transaction
// (storage.Transactor).
//
// Within v1 no method will be added to this interface.
type Rows interface {
	// Put writes rows, different ones, with their places, which replace those that a row
	// had. A row is inserted with Version 1 and replaced with the Version after the stored
	// one; a write with any other Version MUST fail with storage.ErrConflict: another
	// transaction was faster. That also holds for one that runs at the same time. It fails
	// whole.
	Put(ctx context.Context, rows []Row) error
	// Get returns those of the named rows that there are, in no order.
	Get(ctx context.Context, keys []Key) ([]Row, error)
	// List returns up to limit rows of a list behind a position, in the order of Sort and
	// then of ID.
	List(ctx context.Context, list string, after Cursor, limit int) ([]Listed, error)
	// Count returns how many rows a list has.
	Count(ctx context.Context, list string) (int64, error)
	// Draw returns the next number of a counter, from 1. A number whose transaction was
	// rolled back is given to the next, so that none is missing: those that draw from one
	// counter wait for each other until they end.
	Draw(ctx context.Context, counter string) (int64, error)
}
