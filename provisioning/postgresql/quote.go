package postgresql

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// quote writes an identifier. Statements that make and change roles and databases take
// no parameters.
func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal writes a text, for sessions with standard_conforming_strings, which are all.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
