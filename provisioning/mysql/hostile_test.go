package mysql_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/mysql"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

// A customer cannot take the lock that the driver works under: who is to be suspended
// would keep everybody from doing it.
func TestCustomersCannotLockTheDriverOut(t *testing.T) {
	t.Parallel()
	w, d := start(t), mysql.New(mysql.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ann, bob := w.call("s1", "ann"), w.call("s2", "bob")
	for _, c := range []provisioning.Call{ann, bob} {
		_, err := d.Ensure(ctx, c)
		require.NoError(t, err)
	}
	db, err := w.login(ctx, "ann", "ann", "password of ann")
	require.NoError(t, err)
	defer db.Close()
	for _, name := range []string{"ann", "bob"} {
		h := fnv.New64a()
		_, _ = h.Write([]byte(name))
		for _, lock := range []string{name, "tierhost " + name, fmt.Sprintf("tierhost %x", h.Sum64()), "tierhost"} {
			var got int
			require.NoError(t, db.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", lock).Scan(&got))
			require.Equal(t, 1, got, "somebody holds %s", lock)
		}
	}
	o, err := d.Suspend(ctx, bob)
	require.NoError(t, err)
	require.Equal(t, provisioning.Suspended, o.Presence)
	o, err = d.Suspend(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, provisioning.Suspended, o.Presence)
	require.ErrorIs(t, w.use(ctx, ann, "password of ann"), provisioningtest.ErrRefused)
	require.NoError(t, d.Remove(ctx, ann))
}

// What a customer leaves in its database neither stops nor misleads the driver.
func TestHostileDatabase(t *testing.T) {
	t.Parallel()
	w, d := start(t), mysql.New(mysql.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ann, bob := w.call("s1", "ann"), w.call("s2", "bob")
	for _, c := range []provisioning.Call{ann, bob} {
		_, err := d.Ensure(ctx, c)
		require.NoError(t, err)
		require.NoError(t, w.use(ctx, c, c.Password.Reveal()))
	}
	db, err := w.login(ctx, "ann", "ann", "password of ann")
	require.NoError(t, err)
	defer db.Close()
	for _, sql := range []string{
		"CREATE VIEW slow AS SELECT SLEEP(1000) AS x", "CREATE VIEW big AS SELECT count(*) AS n FROM information_schema.TABLES",
		"CREATE FUNCTION f() RETURNS INT BEGIN DO SLEEP(1000); RETURN 1; END", "CREATE VIEW calls AS SELECT f() AS x",
		"CREATE VIEW gone AS SELECT * FROM visits", "DROP TABLE visits", "CREATE TABLE t (n INT PRIMARY KEY) ENGINE=InnoDB", "CREATE TABLE m (n INT) ENGINE=MyISAM",
		"CREATE TABLE `a/b'``\\\\ä` (n INT)", "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.n = f()",
	} {
		_, err := db.ExecContext(ctx, sql)
		require.NoError(t, err, sql)
	}
	for s, err := range d.Usage(ctx, ann.Server, "mysql", time.Time{}) {
		require.NoError(t, err)
		require.True(t, s.Value.IsPositive(), s.Name)
	}
	n := 0
	for o, err := range d.List(ctx, ann.Server, "mysql") {
		require.NoError(t, err)
		require.Equal(t, provisioning.Present, o.Presence)
		n++
	}
	require.Equal(t, 2, n)

	// What is refused to it.
	for _, sql := range []string{
		"CREATE DEFINER=root@localhost PROCEDURE p() DELETE FROM bob.content", "CREATE DEFINER=root@localhost VIEW v AS SELECT * FROM mysql.global_priv",
		"CREATE DEFINER=root@localhost EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM bob.content", "CREATE DEFINER=bob VIEW v AS SELECT 1",
		"CREATE DEFINER=root@localhost TRIGGER x BEFORE INSERT ON m FOR EACH ROW SET NEW.n = 1", "CREATE FUNCTION lib RETURNS STRING SONAME 'lib.so'",
		"INSTALL SONAME 'ha_connect'", "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "LOAD DATA INFILE '/etc/passwd' INTO TABLE m",
		"SELECT 1 INTO DUMPFILE '/tmp/tierhost-trespass'", "SET GLOBAL event_scheduler = OFF", "SET GLOBAL general_log_file = '/tmp/x'", "FLUSH TABLES WITH READ LOCK", "FLUSH LOGS", "BACKUP STAGE START",
		"SHOW MASTER STATUS", "CHANGE MASTER TO MASTER_HOST = 'x'", "PURGE BINARY LOGS TO 'x'", "RESET MASTER", "CREATE ROLE r", "SET ROLE bob", "GRANT SELECT ON ann.* TO bob", "RENAME USER ann TO carl",
		"ALTER USER ann ACCOUNT UNLOCK", "DROP USER bob", "SHUTDOWN", "SELECT * FROM mysql.procs_priv", "SELECT * FROM performance_schema.threads", "SHOW ENGINE INNODB STATUS",
		"SELECT * FROM information_schema.INNODB_TRX", "SELECT * FROM information_schema.INNODB_SYS_TABLES", "SET SESSION sql_log_bin = 0", "SHOW CREATE DATABASE bob", "RENAME TABLE m TO bob.m", "ALTER TABLE m RENAME bob.m",
	} {
		_, err := db.ExecContext(ctx, sql)
		refusal, ok := errors.AsType[*driver.MySQLError](err)
		require.True(t, ok, "%s: %v", sql, err)
		require.NotEqual(t, uint16(1064), refusal.Number, "%s: %v", sql, err) // syntax
	}
	var text *string
	require.NoError(t, db.QueryRowContext(ctx, "SELECT LOAD_FILE('/etc/passwd')").Scan(&text))
	require.Nil(t, text)
	for _, query := range []string{"SHOW DATABASES", "SELECT CONCAT_WS(' ', USER, HOST, DB, INFO) FROM information_schema.PROCESSLIST WHERE INFO NOT LIKE '%PROCESSLIST%'",
		"SELECT GRANTEE FROM information_schema.USER_PRIVILEGES", "SELECT GRANTEE FROM information_schema.SCHEMA_PRIVILEGES", "SELECT CONCAT(ROUTINE_SCHEMA, DEFINER) FROM information_schema.ROUTINES"} {
		rows, err := db.QueryContext(ctx, query)
		require.NoError(t, err, query)
		seen, err := list(rows)
		require.NoError(t, err, query)
		require.NotContains(t, strings.Join(seen, "\n"), "bob", query)
		require.NotContains(t, strings.Join(seen, "\n"), "tierhost", query)
	}

	// Transactions that outlive their session, and locks of those that do not.
	for _, sql := range []string{"DROP TRIGGER tr", "XA START 'mine'", "INSERT INTO t VALUES (1)", "XA END 'mine'", "XA PREPARE 'mine'"} {
		_, err := db.ExecContext(ctx, sql)
		require.NoError(t, err, sql)
	}
	require.NoError(t, db.Close())
	again, err := w.login(ctx, "ann", "ann", "password of ann")
	require.NoError(t, err)
	defer again.Close()
	_, err = again.ExecContext(ctx, "LOCK TABLES m WRITE")
	require.NoError(t, err)
	_, err = d.Suspend(ctx, ann)
	require.NoError(t, err)
	// The server does not tell whose a prepared transaction is: staff has to.
	err = d.Remove(ctx, ann)
	require.ErrorIs(t, err, tierhost.ErrConflict)
	require.Equal(t, mysql.CodeHeld, tierhost.CodeOf(err))
	require.ErrorContains(t, err, "XA RECOVER")
	require.ErrorIs(t, w.use(ctx, ann, ann.Password.Reveal()), provisioningtest.ErrRefused)
	require.NoError(t, w.run(ctx, "XA ROLLBACK 'mine'"))
	require.NoError(t, d.Remove(ctx, ann))
	left, err := w.left(ctx, "ann")
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, w.use(ctx, bob, bob.Password.Reveal()))
}

// No way of writing an error shows the password that was in the call.
func TestErrorsShowNoPassword(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	c := w.call("s1", "ann'`\"--;/*")
	c.Spec = json.RawMessage(`{"collation":"klingon_ci"}`)
	_, err := d.Ensure(ctx, c)
	require.Error(t, err)
	for err := err; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), c.Password.Reveal())
	}
}
