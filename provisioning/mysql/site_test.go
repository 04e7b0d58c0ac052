package mysql_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/mysql"
	"github.com/tierhost/tierhost/provisioning/mysql/mysqltest"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

// world is a MariaDB server that logs all statements.
type world struct {
	server *mysqltest.Server
	admin  *sql.DB
	names  atomic.Int64
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{server: mysqltest.Start(t, "--general-log", "--general-log-file=general.log", "--event-scheduler=ON")}
	admin, err := w.server.Open("root", "", "")
	if err != nil {
		t.Fatal(err)
	}
	admin.SetMaxIdleConns(8)
	t.Cleanup(func() { _ = admin.Close() })
	w.admin = admin
	return w
}

func (w *world) place(host string, port uint16) provisioning.Place {
	config, err := json.Marshal(mysql.Config{Host: host, Port: port, Plain: true, PublicHost: "db.example"})
	if err != nil {
		panic(err)
	}
	return provisioning.Place{Server: "my1", Machine: "m1", Kind: "mysql", Config: config}
}

func (w *world) run(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := w.admin.ExecContext(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// login logs a customer in, on one connection.
func (w *world) login(ctx context.Context, user, database, password string) (*sql.DB, error) {
	db, err := w.server.Open(user, password, database)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, refusal(err)
	}
	return db, nil
}

// refusal wraps what tells that the server refuses somebody.
func refusal(err error) error {
	if e, ok := errors.AsType[*driver.MySQLError](err); ok {
		switch e.Number {
		// no privilege, password, no such database, too many sessions, session ended, locked
		case 1044, 1045, 1049, 1142, 1226, 1227, 1370, 1419, 1927, 4151:
			return fmt.Errorf("%w: %w", provisioningtest.ErrRefused, err)
		}
	}
	return err
}

func (w *world) use(ctx context.Context, c provisioning.Call, password string) error {
	db, err := w.login(ctx, c.Service.Name, c.Service.Name, password)
	if err != nil {
		return err
	}
	defer db.Close()
	return work(ctx, db)
}

// work does what a customer's program does with a database.
func work(ctx context.Context, db *sql.DB) error {
	for _, sql := range []string{
		"CREATE TABLE IF NOT EXISTS visits (n BIGINT AUTO_INCREMENT PRIMARY KEY, at TIMESTAMP) ENGINE=InnoDB",
		"INSERT INTO visits () VALUES ()", "CREATE OR REPLACE VIEW recent AS SELECT * FROM visits ORDER BY n DESC LIMIT 10",
		"CREATE TEMPORARY TABLE scratch AS SELECT * FROM recent", "DROP TEMPORARY TABLE scratch",
		"CREATE OR REPLACE PROCEDURE visit() INSERT INTO visits () VALUES ()", "CALL visit()",
	} {
		if _, err := db.ExecContext(ctx, sql); err != nil {
			return refusal(err)
		}
	}
	return nil
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func text(s string) string { return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(s) + "'" }

func (w *world) put(ctx context.Context, c provisioning.Call, content string) error {
	table := quote(c.Service.Name) + ".content"
	return w.run(ctx, "CREATE TABLE IF NOT EXISTS "+table+" (text TEXT CHARACTER SET utf8mb4)", "DELETE FROM "+table, "INSERT INTO "+table+" VALUES ("+text(content)+")")
}

func (w *world) get(ctx context.Context, c provisioning.Call) (content string, err error) {
	err = w.admin.QueryRowContext(ctx, "SELECT text FROM "+quote(c.Service.Name)+".content").Scan(&content)
	return content, err
}

// check reads limit and collation in another way than the driver.
func (w *world) check(ctx context.Context, c provisioning.Call) error {
	want, err := provisioning.DecodeSpec[mysql.Spec](c.Spec)
	if err != nil {
		return err
	}
	var account, name, base string
	if err := w.admin.QueryRowContext(ctx, "SHOW CREATE USER "+text(c.Service.Name)+"@'%'").Scan(&account); err != nil {
		return err
	}
	if err := w.admin.QueryRowContext(ctx, "SHOW CREATE DATABASE "+quote(c.Service.Name)).Scan(&name, &base); err != nil {
		return err
	}
	if n := want.Connections; n != nil && !strings.Contains(account, fmt.Sprintf("MAX_USER_CONNECTIONS %d", *n)) {
		return fmt.Errorf("the account is %s", account)
	}
	if n := want.Collation; n != nil && !strings.Contains(base, "COLLATE "+*n+" ") {
		return fmt.Errorf("the database is %s", base)
	}
	return nil
}

func (w *world) left(ctx context.Context, name string) ([]string, error) {
	rows, err := w.admin.QueryContext(ctx, `SELECT CONCAT('account ', User, '@', Host, JSON_REMOVE(Priv, '$.password_last_changed')) FROM mysql.global_priv WHERE BINARY User = BINARY ?
		UNION SELECT CONCAT('database ', SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE BINARY SCHEMA_NAME = BINARY ?
		UNION SELECT CONCAT('privilege ', Db, ' of ', User) FROM mysql.db WHERE BINARY User = BINARY ?`, name, name, name)
	if err != nil {
		return nil, err
	}
	left, err := list(rows)
	if err != nil {
		return nil, err
	}
	rows, err = w.admin.QueryContext(ctx, "SELECT CONCAT('row of ', service) FROM tierhost.hosted_databases WHERE BINARY name = BINARY ?", name)
	if err != nil {
		return left, ignoreMissing(err)
	}
	more, err := list(rows)
	return append(left, more...), err
}

func ignoreMissing(err error) error {
	if e, ok := errors.AsType[*driver.MySQLError](err); ok && (e.Number == 1049 || e.Number == 1146) {
		return nil
	}
	return err
}

func list(rows *sql.Rows) (all []string, err error) {
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// halves are what the driver leaves when it is killed between two statements, and what
// people leave.
func (w *world) halves() map[string]func(context.Context, provisioning.Call) error {
	after := func(statements ...string) func(context.Context, provisioning.Call) error {
		return func(ctx context.Context, c provisioning.Call) error {
			if _, err := mysql.New(mysql.Options{}).Ensure(ctx, c); err != nil {
				return err
			}
			for _, sql := range statements {
				if err := w.run(ctx, strings.NewReplacer("@NAME@", quote(c.Service.Name), "@USER@", text(c.Service.Name)+"@'%'").Replace(sql)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return map[string]func(context.Context, provisioning.Call) error{
		"a row":                            after("DROP DATABASE @NAME@", "DROP USER @USER@"),
		"a row and a database":             after("DROP USER @USER@"),
		"an account without privileges":    after("REVOKE ALL PRIVILEGES ON @NAME@.* FROM @USER@"),
		"an account that is locked":        after("ALTER USER @USER@ ACCOUNT LOCK"),
		"the account without its database": after("DROP DATABASE @NAME@"),
	}
}

func (w *world) foreign(ctx context.Context, c provisioning.Call) error {
	name := quote(c.Service.Name)
	return w.run(ctx, "CREATE DATABASE "+name, "CREATE USER "+text(c.Service.Name)+"@'%' IDENTIFIED BY 'other'", "GRANT ALL PRIVILEGES ON "+name+".* TO "+text(c.Service.Name)+"@'%'")
}

// trespass tries what a customer can against another.
func (w *world) trespass(ctx context.Context, as provisioning.Call, password string, other provisioning.Call) error {
	mine, theirs := as.Service.Name, other.Service.Name
	db, err := w.login(ctx, mine, mine, password)
	if err != nil {
		return fmt.Errorf("the customer cannot even log in: %s", err)
	}
	defer db.Close()
	me, them := text(mine)+"@'%'", text(theirs)+"@'%'"
	for _, sql := range []string{
		"USE " + quote(theirs), "SELECT * FROM " + quote(theirs) + ".content", "DELETE FROM " + quote(theirs) + ".content", "CREATE TABLE " + quote(theirs) + ".mine (n INT)",
		"DROP DATABASE " + quote(theirs), "CREATE DATABASE grown", "CREATE USER grown", "SET PASSWORD FOR " + them + " = PASSWORD('x')", "ALTER USER " + them + " ACCOUNT LOCK",
		"ALTER USER " + me + " WITH MAX_USER_CONNECTIONS 1000", "GRANT ALL PRIVILEGES ON " + quote(theirs) + ".* TO " + me, "GRANT ALL PRIVILEGES ON " + quote(mine) + ".* TO " + them,
		"SELECT * FROM tierhost.hosted_databases", "UPDATE tierhost.hosted_databases SET service = 'mine'", "SELECT * FROM mysql.global_priv", "SHOW GRANTS FOR " + them,
		"SELECT 1 INTO OUTFILE '/tmp/tierhost-trespass'", "SET GLOBAL max_connections = 1000",
	} {
		if _, err := db.ExecContext(ctx, sql); !errors.Is(refusal(err), provisioningtest.ErrRefused) {
			return fmt.Errorf("%s: %v", sql, err)
		}
	}
	var seen int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.SCHEMATA WHERE BINARY SCHEMA_NAME = BINARY ?", theirs).Scan(&seen); err != nil || seen != 0 {
		return fmt.Errorf("the other's database is seen: %v", err)
	}
	if c, err := w.login(ctx, mine, theirs, password); err == nil {
		c.Close()
		return fmt.Errorf("%s gets into %s", mine, theirs)
	}
	return provisioningtest.ErrRefused
}

// escape opens a session, and an event that goes on writing.
func (w *world) escape(ctx context.Context, c provisioning.Call, password string) (func(context.Context) error, error) {
	db, err := w.server.Open(c.Service.Name, password, c.Service.Name)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{"CREATE TABLE ticks (n BIGINT AUTO_INCREMENT PRIMARY KEY)", "INSERT INTO ticks () VALUES ()",
		"CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticks () VALUES ()"} {
		if _, err := conn.ExecContext(ctx, sql); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		defer db.Close()
		defer conn.Close()
		_, err := conn.ExecContext(ctx, "INSERT INTO ticks () VALUES ()")
		if err == nil {
			return errors.New("the open session goes on")
		}
		// The event, if it still runs, runs without privileges.
		var granted int
		if err := w.admin.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = CONCAT('''', ?, '''@''%''') AND PRIVILEGE_TYPE = 'INSERT'", c.Service.Name).Scan(&granted); err != nil {
			return err
		}
		if granted > 0 {
			return errors.New("the event goes on")
		}
		return provisioningtest.ErrRefused
	}, nil
}

func (w *world) fill(ctx context.Context, c provisioning.Call, password string) error {
	db, err := w.login(ctx, c.Service.Name, c.Service.Name, password)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, sql := range []string{"CREATE TABLE IF NOT EXISTS filled ENGINE=InnoDB AS SELECT seq, REPEAT('x', 200) AS x FROM seq_1_to_2000",
		"CREATE TABLE IF NOT EXISTS aria ENGINE=Aria AS SELECT seq, REPEAT('x', 200) AS x FROM seq_1_to_2000"} {
		if _, err := db.ExecContext(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) name() string { return fmt.Sprint("db", w.names.Add(1)) }

func (w *world) site(t *testing.T) provisioningtest.Site {
	driver := func() provisioning.Driver { return mysql.New(mysql.Options{}) }
	dead := w.place(t.TempDir()+"/none", 0)
	return provisioningtest.Site{
		Driver: driver(), Again: driver,
		Place: w.place(w.server.Socket(), 0), Kind: "mysql", Dead: &dead,
		Name: w.name,
		Twins: func() (string, string) {
			n := w.names.Add(1)
			return fmt.Sprintf("t%d_x%%", n), fmt.Sprintf("t%dxxx", n)
		},
		A: json.RawMessage(`{"connections":20,"collation":"utf8mb4_unicode_ci"}`), B: json.RawMessage(`{"connections":30,"collation":"latin1_swedish_ci"}`), Silent: json.RawMessage(`{}`),
		Bad: []json.RawMessage{json.RawMessage(`{"connections":0}`), json.RawMessage(`{"connections":-2}`), json.RawMessage(`{"connections":1e12}`),
			json.RawMessage(`{"collation":""}`), json.RawMessage(`{"collation":"utf8mb4_bin; DROP DATABASE x"}`), json.RawMessage(`{"collation":7}`)},
		Hostile: []string{"mysql", "MYSQL", "information_schema", "performance_schema", "sys", "tierhost", "mariadb.sys", "postgres", "PUBLIC", "test", "lost+found",
			"#mysql50#x", "#sql-1", "a`; DROP DATABASE x; -- ", "a'@'%", strings.Repeat("_", 32), strings.Repeat("_", 33), strings.Repeat("`", 51), strings.Repeat("`", 52), "db.opt"},
		Use: w.use, Put: w.put, Get: w.get, Check: w.check, Left: w.left, Halves: w.halves(), Foreign: w.foreign, Trespass: w.trespass, Fill: w.fill, Escape: w.escape,
		Break: func(t *testing.T, point int, how provisioningtest.Fault) provisioningtest.Broken {
			wire := provisioningtest.NewWire(t, "unix", w.server.Socket(), point, how)
			place := w.place(wire.Addr().Addr().String(), wire.Addr().Port())
			return provisioningtest.Broken{Place: &place, Reached: wire.Reached()}
		},
		Logs: func(context.Context) (string, error) {
			general, err := os.ReadFile(w.server.File("data/general.log"))
			if err != nil {
				return "", err
			}
			errorLog, err := os.ReadFile(w.server.File("log"))
			return string(general) + string(errorLog), err
		},
	}
}
