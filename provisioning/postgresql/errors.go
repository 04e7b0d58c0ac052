package postgresql

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/internal/database"
)

// Codes of errors, besides those of faulty input.
const (
	CodeForeign   = database.CodeForeign   // it carries another service's ID, or none
	CodeMissing   = database.CodeMissing   // there is nothing of that name
	CodeBadConfig = database.CodeBadConfig // the place's Config cannot be read
	CodeNoAdmin   = "no_admin"             // the administrator is not one
	CodeNoHeir    = "no_heir"              // what it has in another service's database nobody can take over
)

// failed returns an error of the server or of the connection. The effect is that of the
// statement that failed: a refused one has none, one without an answer may have.
func failed(ctx context.Context, err error, changes bool) *tierhost.Error {
	effect := tierhost.EffectNone
	if changes {
		effect = tierhost.EffectUnknown
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
			err = errors.Join(cause, err)
		}
		return &tierhost.Error{Kind: tierhost.KindUnavailable, Code: "connection", Effect: effect, Err: err}
	}
	kind := tierhost.KindInternal
	switch pg.Code {
	case "40001", "40P01", "55P03", "55006", "42710", "42P04", "XX000", "23505", "2BP01":
		// Another process changes the same catalog rows, uses what is to go, or has just
		// made something that depends on it.
		kind = tierhost.KindConflict
	case "57014":
		kind = tierhost.KindUnavailable
	case "42501":
		kind = tierhost.KindDenied
	default:
		switch pg.Code[:min(2, len(pg.Code))] {
		case "08", "53", "57", "58":
			kind = tierhost.KindUnavailable
		case "28":
			kind = tierhost.KindDenied
		}
	}
	if pg.SeverityUnlocalized != "FATAL" && pg.SeverityUnlocalized != "PANIC" {
		effect = tierhost.EffectNone
	}
	// Not the whole of it: its details may quote what was sent.
	return &tierhost.Error{Kind: kind, Code: "sqlstate_" + pg.Code, Effect: effect, Err: errors.New(pg.Message)}
}
