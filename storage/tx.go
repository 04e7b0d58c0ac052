package storage

import (
	"context"
)

// Tx is an open transaction of one store. It is opaque: only the store that made it
// can use it. A Tx is used by one goroutine at a time and is worthless once the
// function it was given to has returned ([ErrTxDone]).
//
// Hosts may get one for their own *sql.Tx or pgx.Tx from their store; see
// sqlite.Store.Wrap and postgres.Store.Wrap.
//
// Within v1 no method will be added to this interface.
type Tx interface {
	// StoreID identifies the store that the transaction belongs to. Two values of
	// the same store, and only those, are equal (==).
	StoreID() any
}

// Transactor runs functions in transactions. Implementations MUST be safe for
// concurrent use.
//
// Within v1 new abilities arrive as further interfaces, not as methods here.
type Transactor interface {
	// Update runs fn in a transaction that reads and writes, and commits it when fn
	// returns nil.
	//
	//   - fn may run several times: a conflict with another transaction (write skew,
	//     deadlock, serialization failure), told by fn returning [ErrConflict] or found
	//     at the commit, rolls back and runs fn anew, with backoff, a bounded number of
	//     times; then Update returns [ErrConflict].
	//   - After a write that failed the transaction may be aborted: what follows is
	//     [ErrTxDone], and Update fails even if fn returns nil.
	//   - When fn returns an error the transaction MUST be rolled back whole, and
	//     Update returns that error (errors.Is still finds it).
	//   - When fn panics the transaction MUST be rolled back and the panic goes on.
	//   - When ctx is cancelled before the commit nothing MUST be changed. A commit
	//     whose answer was lost is reported as an error with tierhost.EffectUnknown.
	//   - Calling Update or View of the same store within fn, with the context that
	//     fn was given, returns [ErrNestedTx]; it MUST NOT block or join.
	//   - Each transaction uses one connection and never waits for a second.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error

	// View is Update for reading: all reads of fn see one state of the data, taken no
	// earlier than the call, and a write through tx fails with [ErrReadOnly].
	View(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}

type nestKey struct{ store any }

// Enter marks ctx as being inside a transaction of the store with the given
// identity, for a Transactor's use: it MUST call Enter before it begins and give fn
// the context returned. It returns [ErrNestedTx] when ctx is inside already.
func Enter(ctx context.Context, storeID any) (context.Context, error) {
	if ctx.Value(nestKey{storeID}) != nil {
		return nil, ErrNestedTx
	}
	return context.WithValue(ctx, nestKey{storeID}, true), nil
}
