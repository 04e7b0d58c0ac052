package postgres

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of a [Store]; the zero value works.
type Options struct {
	// Schema is the schema that holds the store's tables; "": "tierhost". It is quoted
	// wherever it is used, so any name does. Several stores may live in one database,
	// each in a schema of its own.
	Schema string
	// Retry bounds how often Update runs a function that met a conflict.
	Retry storage.RetryPolicy
	// EndTimeout is how long the answer to a COMMIT or ROLLBACK may take once the
	// caller's context no longer counts; 0: 15 seconds.
	EndTimeout time.Duration
	// ManualMigration makes [Open] refuse a database that is not up to date, where it
	// would migrate it.
	ManualMigration bool
}

const (
	defaultSchema     = "tierhost"
	defaultEndTimeout = 15 * time.Second
	maxName           = 63 // bytes of a name, which PostgreSQL would cut off silently
)

// withDefaults returns o with every default filled in, or a [*tierhost.Invalid].
func (o Options) withDefaults() (Options, error) {
	var issues tierhost.Issues
	if o.Schema == "" {
		o.Schema = defaultSchema
	}
	switch {
	case len(o.Schema) > maxName:
		issues.Add("schema", "too_long", "PostgreSQL's names have at most 63 bytes")
	case strings.ContainsRune(o.Schema, 0), !utf8.ValidString(o.Schema):
		issues.Add("schema", "malformed", "%.80q is not a name", o.Schema)
	case strings.HasPrefix(o.Schema, "pg_"), o.Schema == "information_schema":
		issues.Add("schema", "reserved", "%q is PostgreSQL's own", o.Schema)
	}
	if o.EndTimeout < 0 {
		issues.Add("end_timeout", "negative", "a timeout cannot be negative")
	}
	if o.EndTimeout == 0 {
		o.EndTimeout = defaultEndTimeout
	}
	return o, issues.Err()
}

// quoted returns a name as an SQL identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
