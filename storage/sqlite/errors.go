package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// code returns SQLite's extended result code of err, 0 if it has none.
func code(err error) int {
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return e.Code()
	}
	return 0
}

// busy reports whether err says that another transaction was in the way.
func busy(err error) bool {
	switch code(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// taken reports whether err says that a row with that key is there already.
func taken(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return true
	}
	return false
}

// failure gives what a statement returned its kind. Nothing outside of the
// transaction has changed when a statement fails.
func failure(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	op = "sqlite." + op
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w", op, cause)
	}
	if _, ok := errors.AsType[*tierhost.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, sql.ErrTxDone):
		return fmt.Errorf("%s: %w: %w", op, storage.ErrTxDone, err)
	case busy(err):
		return conflict(op, err)
	}
	switch code(err) & 0xff {
	case sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%s: %w: %w", op, storage.ErrReadOnly, err)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		return tierhost.E(op, tierhost.KindUnavailable, "database_failed", err)
	}
	return tierhost.E(op, tierhost.KindInternal, "database_error", err)
}

// conflict is storage.ErrConflict with its cause.
func conflict(op string, err error) error {
	return fmt.Errorf("%s: %w: %w", op, storage.ErrConflict, err)
}

// uncommitted gives what COMMIT returned its kind and effect.
func uncommitted(err error) error {
	const op = "sqlite.commit"
	switch {
	case busy(err):
		return conflict(op, err)
	case code(err)&0xff == sqlite3.SQLITE_CONSTRAINT: // a deferred one of the host's
		return tierhost.E(op, tierhost.KindPrecondition, "constraint", err)
	}
	// The log may have reached the disk before the failure, or not.
	return &tierhost.Error{
		Op: op, Kind: tierhost.KindUnavailable, Code: "commit_failed", Effect: tierhost.EffectUnknown, Err: err,
	}
}

func errNotFound(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), storage.ErrNotFound)
}
