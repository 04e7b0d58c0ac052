package mysql

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/internal/database"
)

// Codes of errors, besides those of faulty input.
const (
	CodeForeign   = database.CodeForeign   // it carries another service's ID, or none
	CodeMissing   = database.CodeMissing   // there is nothing of that name
	CodeBadConfig = database.CodeBadConfig // the place's Config cannot be read
	CodeNoMariaDB = "no_mariadb"           // the server is not MariaDB, or too old
	CodeCollation = "no_collation"         // the server does not have the spec's collation
	CodeHeld      = "held"                 // something holds tables that are to go
)

// Numbers of the server's errors.
const (
	errNoBase    = 1049
	errNoTable   = 1146
	errNoGrant   = 1141
	errCollation = 1273
	errWaited    = 1205
)

// number returns the number of a server's error, 0 for others.
func number(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// failed returns an error of the server or of the connection. The effect is that of the
// statement that failed: a refused one has none, one without an answer may have.
func failed(ctx context.Context, err error, changes bool) *tierhost.Error {
	n := number(err)
	if n == 0 {
		effect := tierhost.EffectNone
		if changes {
			effect = tierhost.EffectUnknown
		}
		if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
			err = errors.Join(cause, err)
		}
		return &tierhost.Error{Kind: tierhost.KindUnavailable, Code: "connection", Effect: effect, Err: err}
	}
	kind, code := tierhost.KindInternal, fmt.Sprintf("mysql_%d", n)
	switch n {
	case 1007, 1008, 1062, errWaited, 1213, 1396: // exists, is gone, key exists, waited too long, deadlock, account exists or is gone
		kind = tierhost.KindConflict
	case 1021, 1040, 1041, 1053, 1077, 1079, 1114, 1203, 1226, 1290, 1317, 1836, 1927: // full, too many, going down, read only, interrupted
		kind = tierhost.KindUnavailable
	case 1044, 1045, 1130, 1142, 1227, 1698, 4151: // not allowed to log in or to do it
		kind = tierhost.KindDenied
	case errCollation:
		kind, code = tierhost.KindInvalid, CodeCollation
	}
	return &tierhost.Error{Kind: kind, Code: code, Err: err}
}
