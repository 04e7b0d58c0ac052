package storage

import (
	"github.com/tierhost/tierhost"
)

// Errors of the storage contract. All are found with errors.Is; each also is its
// kernel kind.
var (
	// ErrConflict: the transaction collided with another and was given up after the
	// bounded number of tries. Nothing was changed; the caller may try again.
	ErrConflict error = tierhost.E("storage", tierhost.KindConflict, "tx_conflict", nil)
	// ErrNestedTx: Update or View was called within a transaction of the same store.
	ErrNestedTx error = tierhost.E("storage", tierhost.KindPrecondition, "tx_nested", nil)
	// ErrForeignTx: the transaction belongs to another store.
	ErrForeignTx error = tierhost.E("storage", tierhost.KindPrecondition, "tx_foreign", nil)
	// ErrTxDone: the transaction has ended, or is aborted.
	ErrTxDone error = tierhost.E("storage", tierhost.KindPrecondition, "tx_done", nil)
	// ErrReadOnly: a write in a View.
	ErrReadOnly error = tierhost.E("storage", tierhost.KindPrecondition, "tx_read_only", nil)
	// ErrExists: a row with that key is there already.
	ErrExists error = tierhost.E("storage", tierhost.KindExists, "row_exists", nil)
	// ErrNotFound: there is no such row.
	ErrNotFound error = tierhost.E("storage", tierhost.KindNotFound, "row_not_found", nil)
	// ErrSchema: the database's schema is not one that this version of the store
	// knows (newer, foreign, or changed by hand). The store refuses to start.
	ErrSchema error = tierhost.E("storage", tierhost.KindPrecondition, "schema_unknown", nil)
)
