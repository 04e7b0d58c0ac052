package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	lib "modernc.org/sqlite"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema. Its text never changes once it was released.
type migration struct {
	version  int
	name     string
	text     string
	checksum string
}

// schemaTable records the migrations that were applied.
const schemaTable = `CREATE TABLE tierhost_migrations (
    version  INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied  TEXT NOT NULL
) STRICT`

// migrations returns the embedded ones in order: 0001_outbox.sql and so on.
func migrations() ([]migration, error) {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, fmt.Errorf("sqlite: embedded migrations: %w", err)
	}
	var all []migration
	for i, f := range files {
		number, name, _ := strings.Cut(strings.TrimSuffix(f.Name(), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("sqlite: embedded migration %s: it should be number %d", f.Name(), i+1)
		}
		text, err := migrationFiles.ReadFile("migrations/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("sqlite: embedded migration %s: %w", f.Name(), err)
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{version, name, string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// Migrate brings the schema up to date in one transaction. Two processes may call it
// at once: one waits for the other and finds nothing left to do. It fails with
// [storage.ErrSchema], and changes nothing, if the schema is not one that this package
// knows; the text says what was found.
func (s *Store) Migrate(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	c, err := s.write.Conn(ctx)
	if err != nil {
		return failure(ctx, "Migrate", err)
	}
	err = s.migrate(ctx, c, all)
	return errors.Join(err, c.Close(), s.ready(ctx, err))
}

func (s *Store) migrate(ctx context.Context, c *sql.Conn, all []migration) error {
	err := wait(ctx, s.opt.BusyTimeout, func() error {
		_, err := c.ExecContext(ctx, `BEGIN IMMEDIATE`)
		return err
	})
	if err != nil {
		return failure(ctx, "Migrate", err)
	}
	err = applyMissing(ctx, c, all)
	if err == nil {
		_, err = c.ExecContext(ctx, `COMMIT`)
		err = failure(ctx, "Migrate", err)
	}
	if err != nil {
		if _, rerr := c.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`); rerr != nil {
			discard(c)
		}
	}
	return err
}

func applyMissing(ctx context.Context, c *sql.Conn, all []migration) error {
	done, err := inspect(ctx, c, all)
	if err != nil {
		return err
	}
	for _, m := range all[done:] {
		statements := m.text
		if m.version == 1 {
			statements = schemaTable + ";\n" + statements
		}
		if _, err := c.ExecContext(ctx, statements); err != nil {
			return fmt.Errorf("migration %d (%s): %w", m.version, m.name, failure(ctx, "Migrate", err))
		}
		_, err := c.ExecContext(ctx, `INSERT INTO tierhost_migrations (version, name, checksum, applied)
			VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))`, m.version, m.name, m.checksum)
		if err != nil {
			return failure(ctx, "Migrate", err)
		}
	}
	return nil
}

// verify checks the schema without changing it. One that is empty or older is not an
// error, but the store does not work before Migrate.
func (s *Store) verify(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	c, err := s.write.Conn(ctx)
	if err != nil {
		return failure(ctx, "Open", err)
	}
	done, err := inspect(ctx, c, all)
	if err = errors.Join(err, c.Close()); err != nil || done < len(all) {
		return err
	}
	return s.ready(ctx, nil)
}

// inspect returns how many migrations were applied, or ErrSchema if the tables are
// not what these make.
func inspect(ctx context.Context, c *sql.Conn, all []migration) (done int, err error) {
	found, err := objects(ctx, c)
	if err != nil {
		return 0, err
	}
	if _, ok := found["tierhost_migrations"]; ok {
		if done, err = applied(ctx, c, all); err != nil {
			return 0, err
		}
	}
	now, err := expected(ctx, all[:done])
	if err != nil {
		return 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		switch {
		case found[name] == "":
			return 0, unknown("%s is missing: it was dropped by hand. Restore the database from a copy", name)
		case found[name] != now[name]:
			return 0, unknown("%s was changed by hand. Restore it as schema version %d has it:\n%s", name, done, now[name])
		}
	}
	later := now
	if done < len(all) {
		if later, err = expected(ctx, all); err != nil {
			return 0, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(later)) {
		if now[name] == "" && found[name] != "" {
			return 0, unknown("%s is there, but not made by this package (schema version %d). "+
				"Rename it or use another database file", name, done)
		}
	}
	return done, nil
}

// applied returns how many of the migrations are recorded, which must be the first.
func applied(ctx context.Context, c *sql.Conn, all []migration) (n int, err error) {
	rows, err := c.QueryContext(ctx, `SELECT version, name, checksum FROM tierhost_migrations ORDER BY version`)
	if err != nil {
		return 0, unknown("tierhost_migrations cannot be read: %v. It was not made by this package", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for ; rows.Next(); n++ {
		var version int
		var name, checksum string
		if err := rows.Scan(&version, &name, &checksum); err != nil {
			return 0, unknown("tierhost_migrations cannot be read: %v. It was not made by this package", err)
		}
		switch {
		case version > len(all):
			return 0, unknown("schema version %d (%s) is newer than version %d, which this program knows. "+
				"Run a newer release of it", version, name, len(all))
		case version != n+1:
			return 0, unknown("migration %d is not recorded, but %d (%s) is. Restore the database from a copy", n+1, version, name)
		case checksum != all[n].checksum:
			return 0, unknown("migration %d (%s) was applied from a text that this program does not have (%.12s, not %.12s). "+
				"Run the release that made the database", version, name, checksum, all[n].checksum)
		}
	}
	return n, failure(ctx, "Open", rows.Err())
}

func unknown(format string, args ...any) error {
	return tierhost.E("sqlite", tierhost.KindPrecondition, "schema_unknown",
		fmt.Errorf("%w: %s", storage.ErrSchema, fmt.Sprintf(format, args...)))
}

// expected returns what the migrations make, by making it.
func expected(ctx context.Context, all []migration) (_ map[string]string, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	base, err := lib.NewConnector(inMemory)
	if err != nil {
		return nil, failure(ctx, "Open", err)
	}
	db := sql.OpenDB(base)
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, failure(ctx, "Open", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := applyAll(ctx, c, all); err != nil {
		return nil, err
	}
	return objects(ctx, c)
}

func applyAll(ctx context.Context, c *sql.Conn, all []migration) error {
	if _, err := c.ExecContext(ctx, schemaTable); err != nil {
		return failure(ctx, "Open", err)
	}
	for _, m := range all {
		if _, err := c.ExecContext(ctx, m.text); err != nil {
			return failure(ctx, "Open", err)
		}
	}
	return nil
}

// objects returns the definitions of all tables, indexes and triggers by name.
func objects(ctx context.Context, c *sql.Conn) (_ map[string]string, err error) {
	rows, err := c.QueryContext(ctx, `SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, failure(ctx, "Open", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all := make(map[string]string)
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, failure(ctx, "Open", err)
		}
		all[strings.ToLower(name)] = text // SQLite's names have no case
	}
	return all, failure(ctx, "Open", rows.Err())
}

// ready lets transactions begin once the schema is in order.
func (s *Store) ready(ctx context.Context, err error) error {
	if err != nil || s.schema.Load() != nil {
		return nil
	}
	state := &schemaState{}
	row := s.write.QueryRowContext(ctx, queryInstallation)
	if err := row.Scan(&state.here.installation, &state.here.file); err != nil {
		return failure(ctx, "Open", err)
	}
	if !s.owned {
		if state.prepared, err = prepareAll(ctx, s.write); err != nil {
			return failure(ctx, "Open", err)
		}
	}
	if !s.schema.CompareAndSwap(nil, state) {
		return failure(ctx, "Open", state.close())
	}
	return nil
}

// prepareAll prepares the statements outside of any transaction: inside one that
// would take a second connection.
func prepareAll(ctx context.Context, db *sql.DB) (map[string]*sql.Stmt, error) {
	all := make(map[string]*sql.Stmt)
	for _, query := range preparedQueries() {
		st, err := db.PrepareContext(ctx, query)
		if err != nil {
			return nil, errors.Join(err, (&schemaState{prepared: all}).close())
		}
		all[query] = st
	}
	return all, nil
}

func (s *schemaState) close() error {
	var errs []error
	for _, st := range s.prepared {
		errs = append(errs, st.Close())
	}
	return errors.Join(errs...)
}
