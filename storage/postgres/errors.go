package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// errAborted is what a function is told that goes on, or returns nil, after one of its
// calls has failed.
var errAborted = tierhost.E("postgres", tierhost.KindPrecondition, "tx_aborted",
	errors.New("the transaction is aborted by an earlier failure"))

// refused returns a failure of the server as an error of the storage contract. conn
// may be nil.
func refused(op string, ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		// The connection broke, or was cut because ctx is done, before any commit: the
		// server rolls back.
		if cerr := ctx.Err(); cerr != nil && !errors.Is(err, cerr) {
			err = errors.Join(cerr, err)
		}
		return &tierhost.Error{Op: op, Kind: tierhost.KindUnavailable, Code: "connection", Err: err}
	}
	if stale(err) {
		return is(op, storage.ErrConflict, err) // they are prepared anew
	}
	switch pg.Code {
	case "40001", "40P01", "55P03": // serialization failure, deadlock, lock timeout
		return is(op, storage.ErrConflict, err)
	case "23505":
		switch pg.TableName {
		case "billing_accounts", "billing_keys", "provisioning_reservations", "gateway_payments", "gateway_operations":
			return is(op, storage.ErrConflict, err)
		}
		return is(op, storage.ErrExists, err)
	case "25006":
		return is(op, storage.ErrReadOnly, err)
	case "25P02":
		return is(op, storage.ErrTxDone, err)
	case "3F000", "42P01", "42703", "42883", "42704": // schema, table, column, function, type
		return is(op, storage.ErrSchema, fmt.Errorf(
			"%w; the schema is not the one this version of tierhost makes: call Store.Migrate", err))
	case "57014":
		if cerr := ctx.Err(); cerr != nil {
			err = errors.Join(cerr, err)
		}
		return &tierhost.Error{Op: op, Kind: tierhost.KindUnavailable, Code: "canceled", Err: err}
	}
	kind := tierhost.KindInternal
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", "53", "57", "58":
		kind = tierhost.KindUnavailable
	case "22", "54": // a value that PostgreSQL cannot hold, such as a zero byte in a text
		kind = tierhost.KindInvalid
	case "28", "42":
		kind = tierhost.KindDenied
	}
	return &tierhost.Error{Op: op, Kind: kind, Code: "sqlstate_" + pg.Code, Err: err}
}

// is returns an error that is the sentinel and says the cause.
func is(op string, sentinel, cause error) error {
	return fmt.Errorf("%s: %w: %w", op, sentinel, cause)
}

// stale reports whether err says that the connection's prepared statements are not
// what we think.
func stale(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "26000" || pg.Code == "42P05" || replanned(err))
}

// replanned reports whether err says that a prepared statement would now return other
// columns. Its code stands for everything that PostgreSQL does not support; the routine,
// unlike the text, is in no language.
func replanned(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "0A000" &&
		(pg.Routine == "RevalidateCachedQuery" || pg.Message == "cached plan must not change result type")
}

// unknown reports whether a failure leaves open if the COMMIT, the command with the
// given index, has happened: done commands were answered before it.
func unknown(err error, done, commit int) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true
	}
	if pg.SeverityUnlocalized != "FATAL" && pg.SeverityUnlocalized != "PANIC" {
		return false // the server refused this command, and so ran none after it
	}
	return done >= commit
}

// lost is the error for a COMMIT without an answer.
func lost(op string, ctx context.Context, err error) error {
	if cerr := ctx.Err(); cerr != nil && !errors.Is(err, cerr) {
		err = errors.Join(cerr, err)
	}
	return &tierhost.Error{
		Op: op, Kind: tierhost.KindUnavailable, Code: "commit_unknown", Effect: tierhost.EffectUnknown,
		Err: fmt.Errorf("no answer to COMMIT: %w", err),
	}
}
