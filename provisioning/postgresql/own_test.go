package postgresql_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/postgresql"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/secret"
)

func (w *world) call(id provisioning.ServiceID, name string) provisioning.Call {
	return provisioning.Call{Operation: "op", Server: w.place(w.server.Socket(), 0), Password: secret.New("password of " + name),
		Service: provisioning.Subject{ID: id, Kind: "postgresql", Name: name, Seller: "acme", Account: "ann"}}
}

// What a customer has in another's database stays there when the customer goes.
func TestRemoveKeepsWhatIsInTheDatabasesOfOthers(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), postgresql.New(postgresql.Options{}), t.Context()
	host, guest := w.call("s1", "host"), w.call("s2", "guest's")
	for _, c := range []provisioning.Call{host, guest} {
		_, err := d.Ensure(ctx, c)
		require.NoError(t, err)
	}
	w.exec(t, "host", `GRANT CONNECT ON DATABASE host TO "guest's"; GRANT ALL ON SCHEMA public TO "guest's"; SET ROLE "guest's"; CREATE TABLE lent AS SELECT 7 AS n`)

	require.NoError(t, d.Remove(ctx, guest))
	left, err := w.left(ctx, "guest's")
	require.NoError(t, err)
	require.Empty(t, left)
	conn, err := w.login(ctx, "host", "host", "password of host")
	require.NoError(t, err)
	defer conn.Close(ctx)
	var n int
	require.NoError(t, conn.QueryRow(ctx, "UPDATE lent SET n = n + 1 RETURNING n").Scan(&n), "the host owns it now")
	require.Equal(t, 8, n)
}

// As long as the host's own role is lost, nobody can have what the guest has there.
func TestRemoveWaitsForTheOwnerOfAnothersDatabase(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), postgresql.New(postgresql.Options{}), t.Context()
	host, guest := w.call("s1", "host"), w.call("s2", "guest")
	for _, c := range []provisioning.Call{host, guest} {
		_, err := d.Ensure(ctx, c)
		require.NoError(t, err)
	}
	w.exec(t, "host", "GRANT ALL ON SCHEMA public TO guest; SET ROLE guest; CREATE TABLE lent AS SELECT 7 AS n")
	w.exec(t, "host", "REASSIGN OWNED BY host TO postgres; DROP OWNED BY host; DROP ROLE host")

	err := d.Remove(ctx, guest)
	require.ErrorIs(t, err, tierhost.ErrConflict)
	require.Equal(t, postgresql.CodeNoHeir, tierhost.CodeOf(err))
	require.Equal(t, tierhost.EffectPartial, tierhost.EffectOf(err), "its own database is gone")

	_, err = d.Ensure(ctx, host)
	require.NoError(t, err)
	require.NoError(t, d.Remove(ctx, guest))
	conn, err := w.login(ctx, "host", "host", "password of host")
	require.NoError(t, err)
	defer conn.Close(ctx)
	var n int
	require.NoError(t, conn.QueryRow(ctx, "SELECT n FROM lent").Scan(&n), "the host owns it now")
	require.Equal(t, 7, n)
}

// What a customer has made in a database that is no customer's goes with the customer. It
// becomes nobody's: what is the administrator's runs with the rights of a superuser.
func TestRemoveMakesNothingTheAdministrators(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), postgresql.New(postgresql.Options{}), t.Context()
	c := w.call("s1", "ann")
	_, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	w.exec(t, "postgres", "CREATE DATABASE staff")
	for _, database := range []string{"postgres", "staff"} {
		w.exec(t, database, `GRANT CREATE ON SCHEMA public TO ann; SET ROLE ann; CREATE TABLE stray AS SELECT 1 AS n;
			CREATE FUNCTION whoami() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'`)
	}
	w.exec(t, "staff", "CREATE VIEW report AS SELECT n FROM stray")

	// Something of staff's hangs on it: staff decides.
	err = d.Remove(ctx, c)
	require.ErrorIs(t, err, tierhost.ErrConflict)
	w.exec(t, "staff", "DROP VIEW report")
	require.NoError(t, d.Remove(ctx, c))
	left, err := w.left(ctx, "ann")
	require.NoError(t, err)
	require.Empty(t, left)
	for _, database := range []string{"postgres", "staff"} {
		require.ErrorContains(t, w.run(ctx, database, "SELECT whoami()"), "does not exist", database)
		require.ErrorContains(t, w.run(ctx, database, "SELECT n FROM stray"), "does not exist", database)
	}
}

// Staff hands a database over by comments, as the documentation says.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), postgresql.New(postgresql.Options{}), t.Context()
	c := w.call("s1", "old")
	require.NoError(t, w.foreign(ctx, c))
	w.exec(t, "old", "SET ROLE old; CREATE TABLE kept AS SELECT 5 AS n")
	_, err := d.Ensure(ctx, c)
	require.ErrorIs(t, err, tierhost.ErrExists)
	require.Equal(t, postgresql.CodeForeign, tierhost.CodeOf(err))

	w.exec(t, "postgres", "COMMENT ON ROLE old IS 'tierhost service s1'; COMMENT ON DATABASE old IS 'tierhost service s1'")
	o, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	require.Equal(t, provisioning.Present, o.Presence)
	require.JSONEq(t, `{"host":"db.example","port":5432,"database":"old","user":"old"}`, string(o.Facts))
	conn, err := w.login(ctx, "old", "old", "password of old")
	require.NoError(t, err)
	defer conn.Close(ctx)
	var n int
	require.NoError(t, conn.QueryRow(ctx, "SELECT n FROM kept").Scan(&n))
	require.Equal(t, 5, n)
}

// The administrator has a password, and has to be a superuser.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	w, ctx := start(t), t.Context()
	w.exec(t, "postgres", "CREATE ROLE chief LOGIN SUPERUSER PASSWORD 'right'; CREATE ROLE clerk LOGIN CREATEDB CREATEROLE PASSWORD 'right'; GRANT CONNECT ON DATABASE postgres TO clerk")
	as := func(user, password string) error {
		place := w.place(w.server.Socket(), 0)
		place.Config = json.RawMessage(fmt.Sprintf(`{"host":%q,"user":%q}`, w.server.Socket(), user))
		return postgresql.New(postgresql.Options{Password: func(_ context.Context, on provisioning.Place) (secret.Text, error) {
			require.Equal(t, place.Server, on.Server)
			return secret.New(password), nil
		}}).Probe(ctx, place)
	}
	require.NoError(t, as("chief", "right"))
	err := as("chief", "wrong")
	require.ErrorIs(t, err, tierhost.ErrDenied)
	require.NotContains(t, err.Error(), "wrong")
	err = as("clerk", "right")
	require.ErrorIs(t, err, tierhost.ErrDenied)
	require.Equal(t, postgresql.CodeNoAdmin, tierhost.CodeOf(err))

	lost := errors.New("the vault is closed")
	_, err = postgresql.New(postgresql.Options{Password: func(context.Context, provisioning.Place) (secret.Text, error) {
		return secret.Text{}, lost
	}}).Read(ctx, w.call("s1", "one"))
	require.ErrorIs(t, err, lost)
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
}

// The server is killed while a call waits for it at each of its points in turn, and started
// again.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), postgresql.New(postgresql.Options{}), t.Context()
	for _, point := range []int{5, 7, 9, 11, 13} { // after the server has got a statement
		c := w.call(provisioning.ServiceID(fmt.Sprint("s", point)), fmt.Sprint("k", point))
		wire := provisioningtest.NewWire(t, "unix", filepath.Join(w.server.Socket(), ".s.PGSQL.5432"), point, provisioningtest.Hang)
		through := c
		through.Server = w.place(wire.Addr().Addr().String(), wire.Addr().Port())
		done := make(chan error, 1)
		go func() {
			_, err := d.Ensure(ctx, through)
			done <- err
		}()
		<-wire.Reached()
		w.server.Kill()
		wire.End() // the machine is gone, and with it the connection
		err := <-done
		require.ErrorIs(t, err, tierhost.ErrUnavailable, "point %d", point)
		w.server.Restart(t)
		_, err = d.Ensure(ctx, c)
		require.NoError(t, err, "point %d", point)
		require.NoError(t, w.use(ctx, c, c.Password.Reveal()), "point %d", point)
	}
}

// Without a server the driver says what is wrong with a place.
func TestConfig(t *testing.T) {
	t.Parallel()
	for _, config := range []string{``, `{`, `{"hosst":"x"}`, `{"port":"x"}`, `{"port":70000}`, `[]`} {
		err := postgresql.New(postgresql.Options{}).Probe(t.Context(), provisioning.Place{Server: "pg1", Config: json.RawMessage(config)})
		require.ErrorIs(t, err, tierhost.ErrInvalid, config)
		require.Equal(t, postgresql.CodeBadConfig, tierhost.CodeOf(err), config)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), config)
		require.Contains(t, err.Error(), "pg1", config)
	}
}

// Random bytes come from where the options say, and their lack is an error.
func TestNoRandomBytes(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, err := postgresql.New(postgresql.Options{Random: bytes.NewReader(nil)}).Ensure(t.Context(), w.call("s1", "one"))
	require.ErrorIs(t, err, tierhost.ErrInternal)
	left, err := w.left(t.Context(), "one")
	require.NoError(t, err)
	require.Empty(t, left)
}
