package postgresql_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/postgresql"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// world is a PostgreSQL server that asks customers for passwords and logs all statements.
type world struct {
	server *postgrestest.Server
	names  atomic.Int64
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{server: postgrestest.StartWith(t, postgrestest.Setup{
		Access:   []string{"local all postgres trust", "local all all scram-sha-256"},
		Settings: map[string]string{"log_statement": "all", "log_min_messages": "info", "autovacuum": "off"},
	})}
	// As the package's documentation asks for.
	for _, database := range []string{"postgres", "template1"} {
		w.exec(t, "postgres", "REVOKE ALL ON DATABASE "+database+" FROM PUBLIC")
	}
	return w
}

func (w *world) exec(t *testing.T, database, sql string) {
	t.Helper()
	if err := w.run(t.Context(), database, sql); err != nil {
		t.Fatal(err)
	}
}

func (w *world) admin(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, w.server.DSN(database))
}

// run runs statements as the administrator.
func (w *world) run(ctx context.Context, database, sql string) error {
	conn, err := w.admin(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (w *world) place(host string, port uint16) provisioning.Place {
	config, err := json.Marshal(postgresql.Config{Host: host, Port: port, Plain: true, PublicHost: "db.example"})
	if err != nil {
		panic(err)
	}
	return provisioning.Place{Server: "pg1", Machine: "m1", Kind: "postgresql", Config: config}
}

// login logs a customer in to a database, as which user is theirs.
func (w *world) login(ctx context.Context, user, database, password string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(w.server.DSN("postgres"))
	if err != nil {
		return nil, err
	}
	config.User, config.Database, config.Password = user, database, password
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	return conn, refusal(err)
}

// refusal wraps what tells that the server refuses somebody.
func refusal(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		// password, login, privilege, no such database, too many sessions, ended session
		case "28P01", "28000", "42501", "3D000", "53300", "57P01":
			return fmt.Errorf("%w: %w", provisioningtest.ErrRefused, err)
		}
	}
	if err != nil && (strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "reset by peer")) {
		return fmt.Errorf("%w: %w", provisioningtest.ErrRefused, err)
	}
	return err
}

func (w *world) use(ctx context.Context, c provisioning.Call, password string) error {
	conn, err := w.login(ctx, c.Service.Name, c.Service.Name, password)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return work(ctx, conn)
}

// work does what a customer's program does with a database.
func work(ctx context.Context, conn *pgx.Conn) error {
	for _, sql := range []string{
		"CREATE TABLE IF NOT EXISTS visits (n bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
		"INSERT INTO visits DEFAULT VALUES", "CREATE TEMP TABLE scratch AS SELECT * FROM visits", "DROP TABLE scratch",
		"CREATE SCHEMA IF NOT EXISTS extra",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return refusal(err)
		}
	}
	return nil
}

const contentTable = "CREATE TABLE IF NOT EXISTS public.content (text text)"

func (w *world) put(ctx context.Context, c provisioning.Call, text string) error {
	return w.run(ctx, c.Service.Name, contentTable+"; TRUNCATE public.content; INSERT INTO public.content VALUES ('"+strings.ReplaceAll(text, "'", "''")+"')")
}

func (w *world) get(ctx context.Context, c provisioning.Call) (text string, err error) {
	conn, err := w.admin(ctx, c.Service.Name)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT text FROM public.content").Scan(&text)
	return text, err
}

// check reads the limits in another way than the driver.
func (w *world) check(ctx context.Context, c provisioning.Call) error {
	want, err := provisioning.DecodeSpec[postgresql.Spec](c.Spec)
	if err != nil {
		return err
	}
	conn, err := w.admin(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var limit int
	var temp string
	err = conn.QueryRow(ctx, `SELECT a.rolconnlimit, coalesce((SELECT string_agg(s, ',') FROM pg_db_role_setting d, unnest(d.setconfig) s
		WHERE d.setrole = a.oid), '') FROM pg_authid a WHERE a.rolname = $1`, c.Service.Name).Scan(&limit, &temp)
	if err != nil {
		return err
	}
	if want.Connections != nil && *want.Connections != limit {
		return fmt.Errorf("the role may have %d connections", limit)
	}
	if want.TempKB != nil && temp != fmt.Sprintf("temp_file_limit=%dkB", *want.TempKB) {
		return fmt.Errorf("the role has settings %q", temp)
	}
	return nil
}

func (w *world) left(ctx context.Context, name string) (left []string, err error) {
	conn, err := w.admin(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT 'role ' || rolname || coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE convert_to(rolname, 'UTF8') = $1
		UNION ALL SELECT 'database ' || datname || datconnlimit || coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE convert_to(datname, 'UTF8') = $1`, []byte(name))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// halves are what the driver leaves when it is killed between two statements, and what
// people leave.
func (w *world) halves() map[string]func(context.Context, provisioning.Call) error {
	role := func(ctx context.Context, c provisioning.Call) error {
		name := quote(c.Service.Name)
		return w.run(ctx, "postgres", "CREATE ROLE "+name+" LOGIN; COMMENT ON ROLE "+name+" IS 'tierhost service "+strings.ReplaceAll(string(c.Service.ID), "'", "''")+"'")
	}
	database := func(ctx context.Context, c provisioning.Call) error {
		if err := role(ctx, c); err != nil {
			return err
		}
		return w.run(ctx, "postgres", "CREATE DATABASE "+quote(c.Service.Name)+" OWNER "+quote(c.Service.Name)+" CONNECTION LIMIT 0")
	}
	whole := func(ctx context.Context, c provisioning.Call) error {
		_, err := postgresql.New(postgresql.Options{}).Ensure(ctx, c)
		return err
	}
	after := func(sql string) func(context.Context, provisioning.Call) error {
		return func(ctx context.Context, c provisioning.Call) error {
			if err := whole(ctx, c); err != nil {
				return err
			}
			return w.run(ctx, "postgres", strings.ReplaceAll(sql, "NAME", quote(c.Service.Name)))
		}
	}
	return map[string]func(context.Context, provisioning.Call) error{
		"a role":                           role,
		"a database without what is in it": database,
		"the database dropped":             after("DROP DATABASE NAME"),
		"the database open to everybody":   after("GRANT CONNECT ON DATABASE NAME TO PUBLIC"),
		"the role lost": func(ctx context.Context, c provisioning.Call) error {
			if err := whole(ctx, c); err != nil {
				return err
			}
			name := quote(c.Service.Name)
			if err := w.run(ctx, c.Service.Name, "REASSIGN OWNED BY "+name+" TO postgres; DROP OWNED BY "+name); err != nil {
				return err
			}
			return w.run(ctx, "postgres", "DROP ROLE "+name)
		},
	}
}

func (w *world) foreign(ctx context.Context, c provisioning.Call) error {
	name := quote(c.Service.Name)
	if err := w.run(ctx, "postgres", "CREATE ROLE "+name+" LOGIN"); err != nil {
		return err
	}
	return w.run(ctx, "postgres", "CREATE DATABASE "+name+" OWNER "+name)
}

// trespass tries what a customer can against another.
func (w *world) trespass(ctx context.Context, as provisioning.Call, password string, other provisioning.Call) error {
	mine, theirs := as.Service.Name, other.Service.Name
	conn, err := w.login(ctx, mine, mine, password)
	if err != nil {
		return fmt.Errorf("the customer cannot even log in: %s", err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		"SET ROLE " + quote(theirs), "GRANT " + quote(theirs) + " TO " + quote(mine), "ALTER ROLE " + quote(theirs) + " PASSWORD 'x'",
		"ALTER DATABASE " + quote(theirs) + " OWNER TO " + quote(mine), "DROP DATABASE " + quote(theirs), "DROP ROLE " + quote(theirs),
		"COMMENT ON ROLE " + quote(theirs) + " IS 'mine'", "COMMENT ON ROLE " + quote(mine) + " IS 'mine'", "COMMENT ON DATABASE " + quote(mine) + " IS 'mine'",
		"GRANT CONNECT ON DATABASE " + quote(theirs) + " TO " + quote(mine), "ALTER ROLE " + quote(mine) + " CONNECTION LIMIT 1000",
		"ALTER ROLE " + quote(mine) + " SET temp_file_limit = -1", "SET temp_file_limit = -1", "ALTER ROLE " + quote(mine) + " CREATEDB",
		"CREATE DATABASE grown", "CREATE ROLE helper", "SELECT pg_read_file('/etc/passwd')", "COPY (SELECT 1) TO PROGRAM 'true'",
		"ALTER DATABASE " + quote(mine) + " CONNECTION LIMIT 1000", "ALTER DATABASE " + quote(mine) + " RENAME TO grown", "DROP DATABASE " + quote(mine),
	} {
		if _, err := conn.Exec(ctx, sql); refused(err) != nil {
			return fmt.Errorf("%s: %w", sql, refused(err))
		}
	}
	for _, database := range []string{theirs, "postgres", "template1"} {
		c, err := w.login(ctx, mine, database, password)
		if err == nil {
			c.Close(ctx)
			return fmt.Errorf("%s gets into %s", mine, database)
		}
		if !errors.Is(err, provisioningtest.ErrRefused) {
			return err
		}
	}
	return provisioningtest.ErrRefused
}

// refused returns nil if a statement was refused.
func refused(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "42501" || pg.Code == "55006") {
		return nil
	}
	if err == nil {
		return errors.New("it is carried out")
	}
	return err
}

// escape opens sessions, and lets another customer's role in: before version 16 a role
// may be granted by itself.
func (w *world) escape(ctx context.Context, d provisioning.Driver, c provisioning.Call, password string) (func(context.Context) error, error) {
	name := c.Service.Name
	friend := c
	friend.Service.Name, friend.Service.ID = w.name(), provisioning.ServiceID(w.name())
	if _, err := d.Ensure(ctx, friend); err != nil {
		return nil, err
	}
	friend.Password = c.Password
	open, err := w.login(ctx, name, name, password)
	if err != nil {
		return nil, err
	}
	if err := work(ctx, open); err != nil {
		return nil, err
	}
	if err := w.run(ctx, "postgres", "ALTER ROLE "+quote(friend.Service.Name)+" PASSWORD 'friend'"); err != nil {
		return nil, err
	}
	friends := 0
	if _, err := open.Exec(ctx, "GRANT "+quote(name)+" TO "+quote(friend.Service.Name)); err == nil {
		friends++
	}
	visiting, err := w.login(ctx, friend.Service.Name, name, "friend")
	if friends > 0 && err != nil {
		return nil, fmt.Errorf("the friend is not let in: %w", err)
	}
	return func(ctx context.Context) error {
		defer open.Close(ctx)
		if err := work(ctx, open); !errors.Is(err, provisioningtest.ErrRefused) {
			return fmt.Errorf("the open session: %w", err)
		}
		if friends == 0 {
			return provisioningtest.ErrRefused
		}
		defer visiting.Close(ctx)
		if _, err := visiting.Exec(ctx, "SELECT count(*) FROM public.visits"); !errors.Is(refusal(err), provisioningtest.ErrRefused) {
			return fmt.Errorf("the friend's session: %w", err)
		}
		home, err := w.login(ctx, friend.Service.Name, friend.Service.Name, "friend")
		if err != nil {
			return fmt.Errorf("the friend at home: %s", err)
		}
		defer home.Close(ctx)
		for _, sql := range []string{"SET ROLE " + quote(name), "ALTER ROLE " + quote(name) + " LOGIN", "ALTER DATABASE " + quote(name) + " CONNECTION LIMIT -1",
			"GRANT ALL ON DATABASE " + quote(name) + " TO PUBLIC"} {
			_, _ = home.Exec(ctx, sql)
		}
		again, err := w.login(ctx, friend.Service.Name, name, "friend")
		if err == nil {
			again.Close(ctx)
			return errors.New("the friend gets in again")
		}
		return err
	}, nil
}

func (w *world) fill(ctx context.Context, c provisioning.Call, password string) error {
	conn, err := w.login(ctx, c.Service.Name, c.Service.Name, password)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS filled AS SELECT n, repeat('x', 100) FROM generate_series(1, 2000) n")
	return err
}

func (w *world) name() string { return fmt.Sprint("db", w.names.Add(1)) }

func (w *world) site(t *testing.T) provisioningtest.Site {
	driver := func() provisioning.Driver { return postgresql.New(postgresql.Options{}) }
	return provisioningtest.Site{
		Driver: driver(), Again: driver,
		Place: w.place(w.server.Socket(), 0), Kind: "postgresql",
		Dead: func() *provisioning.Place { p := w.place(t.TempDir(), 0); return &p }(),
		Name: w.name,
		Twins: func() (string, string) {
			n := w.names.Add(1)
			return fmt.Sprintf("t%d_x", n), fmt.Sprintf("t%dxx", n)
		},
		A: json.RawMessage(`{"connections":20,"temp_kb":1000}`), B: json.RawMessage(`{"connections":30,"temp_kb":2000}`), Silent: json.RawMessage(`{}`),
		Bad: []json.RawMessage{json.RawMessage(`{"connections":0}`), json.RawMessage(`{"connections":-2}`), json.RawMessage(`{"connections":1e9}`),
			json.RawMessage(`{"temp_kb":-2}`), json.RawMessage(`{"temp_kb":2147483648}`), json.RawMessage(`{"connections":"5"}`)},
		Hostile: []string{"postgres", "template0", "template1", "pg_monitor", "PG_x", "public", "information_schema", "mysql", "replication", "current_user",
			"Postgres", `x" SUPERUSER; --`, `$$`, `$1`, "U&\"x\"", strings.Repeat("x", 62) + "ä", strings.Repeat("\"", 63)},
		Use: w.use, Put: w.put, Get: w.get, Check: w.check, Left: w.left, Halves: w.halves(), Foreign: w.foreign, Trespass: w.trespass, Fill: w.fill,
		Escape: func(ctx context.Context, c provisioning.Call, password string) (func(context.Context) error, error) {
			return w.escape(ctx, driver(), c, password)
		},
		Break: func(t *testing.T, point int, how provisioningtest.Fault) provisioningtest.Broken {
			wire := provisioningtest.NewWire(t, "unix", filepath.Join(w.server.Socket(), ".s.PGSQL.5432"), point, how)
			place := w.place(wire.Addr().Addr().String(), wire.Addr().Port())
			return provisioningtest.Broken{Place: &place, Reached: wire.Reached()}
		},
		Logs: func(context.Context) (string, error) { return w.server.Log() },
	}
}
