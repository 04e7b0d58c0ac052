package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Migrations are numbered from 1 without gaps and never change once released.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step from an empty schema to the present one.
type migration struct {
	name     string // of the file
	sql      string
	checksum string
}

// migrations returns all steps this version knows, in order.
func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{strings.TrimPrefix(name, "migrations/"), string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// lockKey is the key of the advisory locks of a schema, or of what is named within one.
func lockKey(schema string) int64 {
	h := fnv.New64a()
	h.Write([]byte("tierhost/" + schema))
	return int64(h.Sum64())
}

// Migrate brings the schema up to the version this package knows, creating it if need
// be, in one transaction. Processes that start at once wait for one another. A schema
// that is up to date is left as it is.
//
// It fails with storage.ErrSchema if the schema was made by a newer version, was
// changed by hand or is not tierhost's; the text says what was found and what to do.
// It needs the right to create the schema, or to create tables in it if it is there.
func (s *Store) Migrate(ctx context.Context) error {
	const op = "postgres.Migrate"
	steps, err := migrations()
	if err != nil {
		return tierhost.E(op, tierhost.KindInternal, "", err)
	}
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}
	err = storage.Retry(ctx, s.options.Retry, func(ctx context.Context) error {
		return s.failed(op, ctx, s.taken(pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
			return s.migrate(ctx, tx, steps)
		})))
	})
	if err == nil {
		s.known.Store(true)
	}
	return err
}

func (s *Store) migrate(ctx context.Context, tx pgx.Tx, steps []migration) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", pgx.QueryExecModeExec, s.lockKey); err != nil {
		return err
	}
	// What others have done meanwhile is seen from the next statement on.
	found, err := s.applied(ctx, tx.Conn().PgConn())
	if err != nil {
		return err
	}
	if err := s.compare(found, steps); err != nil {
		return err
	}
	if len(found.steps) == len(steps) {
		return s.whole(ctx, tx.Conn().PgConn())
	}
	if !found.schema {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+quoted(s.options.Schema), pgx.QueryExecModeExec); err != nil {
			return err
		}
	}
	x := sqlText{quoted(s.options.Schema)}
	if !found.list {
		create := x.statement(`CREATE TABLE {{schema}}.tierhost_migrations (
			version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
			applied timestamptz NOT NULL DEFAULT now())`)
		if _, err := tx.Exec(ctx, create.sql, pgx.QueryExecModeExec); err != nil {
			return err
		}
	}
	insert := x.statement("INSERT INTO {{schema}}.tierhost_migrations (version, name, checksum) VALUES ($1, $2, $3)")
	for i, step := range steps[len(found.steps):] {
		version := int64(len(found.steps) + i + 1)
		// Many statements in one text: only the simple protocol takes them.
		if _, err := tx.Conn().PgConn().Exec(ctx, x.statement(step.sql).sql).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if _, err := tx.Exec(ctx, insert.sql, pgx.QueryExecModeExec, version, step.name, step.checksum); err != nil {
			return err
		}
	}
	return s.whole(ctx, tx.Conn().PgConn())
}

// taken returns ErrSchema for something by the name of ours that is there already.
func (s *Store) taken(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "42P07", "42710", "42723": // table, index or sequence; type or trigger; function
			return s.schemaError("it has something by the name of what Migrate makes, and nothing was changed; "+
				"choose another schema in Options.Schema, or rename that: %w", pg)
		}
	}
	return err
}

// Check returns nil if the schema is the one this version makes, and else
// storage.ErrSchema with a text that says what was found and what to do.
func (s *Store) Check(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return unreachable("postgres.Check", ctx, err)
	}
	defer conn.Release()
	pg := conn.Conn().PgConn()
	return s.check(ctx, pg)
}

func (s *Store) check(ctx context.Context, conn *pgconn.PgConn) error {
	steps, err := migrations()
	if err != nil {
		return tierhost.E("postgres.Check", tierhost.KindInternal, "", err)
	}
	found, err := s.applied(ctx, conn)
	if err == nil {
		err = s.compare(found, steps)
	}
	if err == nil && len(found.steps) < len(steps) {
		err = s.schemaError("the schema is at version %d of %d; call Store.Migrate, which brings it up to date",
			len(found.steps), len(steps))
	}
	if err == nil {
		err = s.whole(ctx, conn)
	}
	if err != nil {
		return s.failed("postgres.Check", ctx, err)
	}
	s.known.Store(true)
	return nil
}

// schemaFound is what is in the database under the schema's name.
type schemaFound struct {
	schema bool // it is there
	list   bool // with the list of migrations
	books  bool // with tables by the names of ours
	steps  []migration
}

// applied reads what is there. It makes no statement fail, as that would abort a
// host's transaction.
func (s *Store) applied(ctx context.Context, conn *pgconn.PgConn) (schemaFound, error) {
	var found schemaFound
	schema := quoted(s.options.Schema)
	look := conn.ExecParams(ctx,
		"SELECT to_regnamespace($1), to_regclass($2), coalesce(to_regclass($3), to_regclass($4))",
		[][]byte{
			[]byte(schema), []byte(schema + ".tierhost_migrations"),
			[]byte(schema + ".billing_accounts"), []byte(schema + ".outbox"),
		}, []uint32{25, 25, 25, 25}, nil, nil).Read()
	if look.Err != nil || len(look.Rows) != 1 {
		return found, errors.Join(look.Err)
	}
	found.schema, found.list, found.books = look.Rows[0][0] != nil, look.Rows[0][1] != nil, look.Rows[0][2] != nil
	if !found.list {
		return found, nil
	}
	list := conn.ExecParams(ctx, "SELECT version, name, checksum FROM "+schema+".tierhost_migrations ORDER BY version",
		nil, nil, nil, nil).Read()
	if list.Err != nil {
		return found, list.Err
	}
	for i, row := range list.Rows {
		if string(row[0]) != fmt.Sprint(i+1) {
			return found, s.schemaError("its list of migrations lacks number %d but has %s; "+
				"it was changed by hand: restore it from a backup", i+1, row[0])
		}
		found.steps = append(found.steps, migration{name: string(row[1]), checksum: string(row[2])})
	}
	return found, nil
}

// parts are what the books rely on, as kind, table, and the columns or the name: without
// a unique index a conflict would go unnoticed, without a trigger an entry could be
// changed. A unique index may have any name.
var parts = [][3]string{
	{"unique", "billing_accounts", "id"},
	{"unique", "billing_accounts", "seller,name"},
	{"unique", "billing_documents", "account,seq"},
	{"unique", "billing_documents", "seller,kind,number"},
	{"unique", "billing_entries", "account,seq"},
	{"unique", "billing_holdings", "account,resource"},
	{"unique", "billing_keys", "scope,action,key"},
	{"unique", "billing_meta", "id"},
	{"unique", "billing_periods", "account,seq"},
	{"unique", "billing_plan_versions", "seller,plan,version"},
	{"unique", "billing_plans", "seller,id"},
	{"unique", "billing_resources", "id"},
	{"unique", "billing_sellers", "id"},
	{"unique", "billing_series", "seller,kind"},
	{"unique", "billing_usage", "account,seq"},
	{"unique", "billing_usage", "account,resource,key"},
	{"unique", "dns_aliases", "id"},
	{"unique", "dns_aliases", "seller,account,site"},
	{"unique", "dns_publications", "zone,server"},
	{"unique", "dns_sets", "id,version"},
	{"unique", "dns_templates", "id,version"},
	{"unique", "dns_trees", "top"},
	{"unique", "dns_zones", "id"},
	{"unique", "label_brands", "seller"},
	{"unique", "label_hosts", "host"},
	{"unique", "outbox", "id"},
	{"unique", "provisioning_names", "server,kind,name"},
	{"unique", "provisioning_samples", "service,server,meter,at"},
	{"unique", "provisioning_services", "id"},
	{"unique", "reseller_bills", "seller,day,resource"},
	{"unique", "reseller_books", "seller"},
	{"unique", "reseller_holdings", "account,seller,resource"},
	{"unique", "reseller_shadows", "seller,day,seq"},
	{"unique", "reseller_stocks", "seller,resource"},
	{"unique", "reseller_transfers", "account"},
	{"unique", "support_counters", "counter"},
	{"unique", "support_rows", "kind,id"},
	{"trigger", "billing_documents", "append_only"},
	{"trigger", "billing_entries", "append_only"},
	{"trigger", "billing_periods", "append_only"},
	{"trigger", "billing_usage", "append_only"},
	{"trigger", "reseller_bills", "append_only"},
	{"trigger", "reseller_shadows", "append_only"},
}

// whole returns ErrSchema if a part is missing or disabled, whatever the list of
// migrations says. It makes no statement fail.
func (s *Store) whole(ctx context.Context, conn *pgconn.PgConn) error {
	found := conn.ExecParams(ctx, `SELECT 'table', c.relname, ''
			FROM pg_catalog.pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p')
		UNION ALL SELECT 'unique', c.relname, (SELECT string_agg(a.attname, ',' ORDER BY k.n)
				FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
				JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.n <= i.indnkeyatts)
			FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
			WHERE c.relnamespace = to_regnamespace($1) AND i.indisunique AND i.indisvalid AND i.indimmediate
		UNION ALL SELECT 'trigger', c.relname, t.tgname
			FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
			WHERE c.relnamespace = to_regnamespace($1) AND NOT t.tgisinternal AND t.tgenabled = 'A'`,
		[][]byte{[]byte(quoted(s.options.Schema))}, []uint32{25}, nil, nil).Read()
	if found.Err != nil {
		return found.Err
	}
	have := map[[3]string]bool{}
	for _, row := range found.Rows {
		have[[3]string{string(row[0]), string(row[1]), string(row[2])}] = true
	}
	for _, part := range parts {
		switch {
		case have[part]:
		case !have[[3]string{"table", part[1], ""}]:
			return s.schemaError("table %s is missing; restore it from a backup", part[1])
		case part[0] == "unique":
			return s.schemaError("table %s has no valid unique index on (%s); create it again before anything is written", part[1], part[2])
		default:
			return s.schemaError("trigger %s of table %s is missing or not enabled as ALWAYS; "+
				"create it again, or ALTER TABLE ... ENABLE ALWAYS TRIGGER", part[2], part[1])
		}
	}
	return nil
}

// compare returns ErrSchema if what was found is not a beginning of the steps.
func (s *Store) compare(found schemaFound, steps []migration) error {
	if !found.list && found.books {
		return s.schemaError("it has tables by the names of tierhost's but no table tierhost_migrations, so tierhost did not make them; " +
			"choose another schema in Options.Schema, or rename those tables")
	}
	for i, have := range found.steps {
		if i >= len(steps) {
			return s.schemaError("it is at version %d (%s), this program knows versions up to %d: a newer tierhost has migrated it; "+
				"run that version or a later one", len(found.steps), found.steps[len(found.steps)-1].name, len(steps))
		}
		if have.checksum != steps[i].checksum {
			return s.schemaError("migration %d was applied as %s with checksum %.12s, this program has %s with %.12s: "+
				"it comes from another build of tierhost, or was edited; run the build that made it",
				i+1, have.name, have.checksum, steps[i].name, steps[i].checksum)
		}
	}
	return nil
}

func (s *Store) schemaError(format string, args ...any) error {
	return fmt.Errorf("%w: schema %q: "+format, append([]any{storage.ErrSchema, s.options.Schema}, args...)...)
}

// failed is refused, for errors that may be of the contract already.
func (s *Store) failed(op string, ctx context.Context, err error) error {
	if err == nil || errors.Is(err, storage.ErrSchema) {
		return err
	}
	return refused(op, ctx, err)
}
