package mysql_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/mysql"
	"github.com/tierhost/tierhost/provisioning/mysql/mysqltest"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/secret"
)

func (w *world) call(id provisioning.ServiceID, name string) provisioning.Call {
	return provisioning.Call{Operation: "op", Server: w.place(w.server.Socket(), 0), Password: secret.New("password of " + name),
		Service: provisioning.Subject{ID: id, Kind: "mysql", Name: name, Seller: "acme", Account: "ann"}}
}

// Reading a server on which nothing was ever made makes nothing.
func TestFreshServer(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	c := w.call("s1", "one")
	o, err := d.Read(ctx, c)
	require.NoError(t, err)
	require.Equal(t, provisioning.Absent, o.Presence)
	require.NoError(t, d.Remove(ctx, c))
	for o, err := range d.List(ctx, c.Server, "mysql") {
		t.Error("listed: ", o, err)
	}
	for s, err := range d.Usage(ctx, c.Server, "mysql", time.Time{}) {
		t.Error("measured: ", s, err)
	}
	require.ErrorContains(t, w.run(ctx, "USE tierhost"), "Unknown database")
}

// Only a server knows its collations: one that it lacks is the spec's fault, and is found
// before anything is made.
func TestUnknownCollation(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	c := w.call("s1", "one")
	c.Spec = json.RawMessage(`{"collation":"klingon_ci"}`)
	require.NoError(t, d.CheckSpec("mysql", "one", c.Spec))
	_, err := d.Ensure(ctx, c)
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	require.Equal(t, mysql.CodeCollation, tierhost.CodeOf(err))
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	left, err := w.left(ctx, "one")
	require.NoError(t, err)
	require.Empty(t, left)

	c.Spec = nil
	o, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	require.Contains(t, string(o.Spec), "utf8mb4_", "whatever the server's default is")
}

// Accounts of the same name for other hosts, which staff has made, go with the service.
func TestAccountsOfStaff(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	c := w.call("s1", "one_%")
	_, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	require.NoError(t, w.run(ctx, "CREATE USER 'one_%'@'localhost' IDENTIFIED BY 'staff'", "GRANT ALL PRIVILEGES ON `one\\_\\%`.* TO 'one_%'@'localhost'"))
	require.NoError(t, w.use(ctx, c, "staff"), "the server prefers the account of the host")
	o, err := d.Suspend(ctx, c)
	require.NoError(t, err)
	require.Equal(t, provisioning.Suspended, o.Presence)
	require.ErrorIs(t, w.use(ctx, c, "staff"), provisioningtest.ErrRefused)
	o, err = d.Resume(ctx, c)
	require.NoError(t, err)
	require.Equal(t, provisioning.Present, o.Presence)
	require.NoError(t, w.use(ctx, c, "staff"))
	c.Password = secret.New("new")
	require.NoError(t, d.ChangePassword(ctx, c))
	require.NoError(t, w.use(ctx, c, "new"))
	require.NoError(t, d.Remove(ctx, c))
	left, err := w.left(ctx, "one_%")
	require.NoError(t, err)
	require.Empty(t, left)
}

// What staff has allowed an account of its own the driver does not extend.
func TestAccountsOfStaffKeepTheirPrivileges(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	c := w.call("s1", "one")
	_, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	require.NoError(t, w.run(ctx, "CREATE TABLE one.visits (n INT)",
		"CREATE USER one@reader", "GRANT SELECT ON one.* TO one@reader",
		"CREATE USER one@clerk", "GRANT SELECT ON one.visits TO one@clerk",
		"CREATE USER one@backup", "GRANT SELECT ON *.* TO one@backup"))
	grants := func() (all []string) {
		t.Helper()
		for _, host := range []string{"reader", "clerk", "backup"} {
			rows, err := w.admin.QueryContext(ctx, "SHOW GRANTS FOR one@"+host)
			require.NoError(t, err)
			of, err := list(rows)
			require.NoError(t, err)
			all = append(all, of...)
		}
		return all
	}
	before := grants()
	require.Len(t, before, 5)
	password := c.Password.Reveal()
	c.Password = secret.Text{} // it is for all of them
	for what, do := range map[string]func(context.Context, provisioning.Call) (provisioning.Observation, error){"ensure": d.Ensure, "resume": d.Resume} {
		_, err = d.Suspend(ctx, c)
		require.NoError(t, err)
		_, err = d.Resume(ctx, c)
		require.NoError(t, err)
		o, err := do(ctx, c)
		require.NoError(t, err)
		require.Equal(t, provisioning.Present, o.Presence)
		require.Equal(t, before, grants(), what)
		require.NoError(t, w.use(ctx, c, password))
	}
}

// A server whose customers come from elsewhere now: they log in as before, with the limits
// there are, also where the change comes during a suspension. How its hosts are written does
// not matter, for the server keeps them in lower case.
func TestFromElsewhere(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	from := func(c provisioning.Call, host string) provisioning.Call {
		config, err := json.Marshal(mysql.Config{Host: w.server.Socket(), From: host})
		require.NoError(t, err)
		c.Server.Config = config
		return c
	}
	for name, suspended := range map[string]bool{"one": false, "two": true} {
		c := from(w.call("s-"+provisioning.ServiceID(name), name), "%.Example.COM")
		c.Spec = json.RawMessage(`{"connections":5}`)
		for range 2 {
			_, err := d.Ensure(ctx, c)
			require.NoError(t, err)
		}
		if suspended {
			_, err := d.Suspend(ctx, c)
			require.NoError(t, err)
		}
		c = from(c, "LocalHost")
		password := c.Password.Reveal()
		c.Password = secret.Text{} // which its customer may have changed
		for range 2 {
			o, err := d.Ensure(ctx, c)
			require.NoError(t, err)
			require.True(t, o.Matches)
		}
		if suspended {
			require.ErrorIs(t, w.use(ctx, c, password), provisioningtest.ErrRefused)
			_, err := d.Resume(ctx, c)
			require.NoError(t, err)
		}
		require.NoError(t, w.use(ctx, c, password))
		var account string
		require.NoError(t, w.admin.QueryRowContext(ctx, "SHOW CREATE USER "+name+"@localhost").Scan(&account))
		require.Contains(t, account, "MAX_USER_CONNECTIONS 5")
		// A new password and a new limit are for all of them.
		c = from(c, "127.0.0.1")
		c.Password, c.Spec = secret.New("new"), json.RawMessage(`{"connections":6}`)
		_, err := d.Ensure(ctx, c)
		require.NoError(t, err)
		require.NoError(t, w.use(ctx, c, "new"))
		for _, host := range []string{"localhost", "127.0.0.1", "%.example.com"} {
			require.NoError(t, w.admin.QueryRowContext(ctx, "SHOW CREATE USER "+name+"@'"+host+"'").Scan(&account))
			require.Contains(t, account, "MAX_USER_CONNECTIONS 6", host)
		}
		require.NoError(t, d.Remove(ctx, c))
		left, err := w.left(ctx, name)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// Staff hands a database over by a row, as the documentation says.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	_, err := d.Ensure(ctx, w.call("s0", "first")) // makes the table
	require.NoError(t, err)
	c := w.call("s1", "old")
	require.NoError(t, w.foreign(ctx, c))
	require.NoError(t, w.put(ctx, c, "kept"))
	_, err = d.Ensure(ctx, c)
	require.ErrorIs(t, err, tierhost.ErrExists)
	require.Equal(t, mysql.CodeForeign, tierhost.CodeOf(err))
	require.NoError(t, w.run(ctx, "INSERT INTO tierhost.hosted_databases (name, service) VALUES ('old', 's1')"))
	o, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	require.Equal(t, provisioning.Present, o.Presence)
	require.JSONEq(t, `{"host":"db.example","port":3306,"database":"old","user":"old"}`, string(o.Facts))
	require.NoError(t, w.use(ctx, c, "password of old"))
	text, err := w.get(ctx, c)
	require.NoError(t, err)
	require.Equal(t, "kept", text)
}

// A role of the name is somebody's too.
func TestRole(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	require.NoError(t, w.run(ctx, "CREATE ROLE readers"))
	_, err := d.Ensure(ctx, w.call("s1", "readers"))
	require.ErrorIs(t, err, tierhost.ErrExists)
	require.ErrorIs(t, d.Remove(ctx, w.call("s1", "readers")), tierhost.ErrPrecondition)
	o, err := d.Read(ctx, w.call("s1", "readers"))
	require.NoError(t, err)
	require.Equal(t, provisioning.Partial, o.Presence)
	require.Empty(t, o.Owner)
}

// Servers that the driver does not know, or that cannot be written to, are refused.
func TestProbe(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	place := w.place(w.server.Socket(), 0)
	require.NoError(t, d.Probe(ctx, place))
	require.NoError(t, w.run(ctx, "SET GLOBAL read_only = 1"))
	require.ErrorIs(t, d.Probe(ctx, place), tierhost.ErrUnavailable)
	require.NoError(t, w.run(ctx, "SET GLOBAL read_only = 0", "ALTER USER root@localhost IDENTIFIED BY 'right'"))
	err := d.Probe(ctx, place)
	require.ErrorIs(t, err, tierhost.ErrDenied)
	with := func(password string) error {
		return mysql.New(mysql.Options{Password: func(context.Context, provisioning.Place) (secret.Text, error) {
			return secret.New(password), nil
		}}).Probe(ctx, place)
	}
	require.NoError(t, with("right"))
	err = with("wrong'")
	require.ErrorIs(t, err, tierhost.ErrDenied)
	require.NotContains(t, err.Error(), "wrong'")

	for _, version := range []string{"8.0.36", "10.4.2-MariaDB"} {
		other := mysqltest.Start(t, "--version="+version)
		config, err := json.Marshal(mysql.Config{Host: other.Socket()})
		require.NoError(t, err)
		err = d.Probe(ctx, provisioning.Place{Server: "old", Config: config})
		require.ErrorIs(t, err, tierhost.ErrUnsupported, version)
		require.Equal(t, mysql.CodeNoMariaDB, tierhost.CodeOf(err))
		require.ErrorContains(t, err, version)
	}
}

// A server that keeps names in lower case would take ABC for abc.
func TestLowerCase(t *testing.T) {
	t.Parallel()
	server := mysqltest.Start(t, "--lower-case-table-names=1")
	d, ctx := mysql.New(mysql.Options{}), t.Context()
	config, err := json.Marshal(mysql.Config{Host: server.Socket()})
	require.NoError(t, err)
	c := provisioning.Call{Server: provisioning.Place{Server: "low", Config: config}, Service: provisioning.Subject{ID: "s1", Kind: "mysql", Name: "Abc"}}
	_, err = d.Ensure(ctx, c)
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	c.Service.Name = "abc"
	_, err = d.Ensure(ctx, c)
	require.NoError(t, err)
}

// The server is killed while a call waits for it at each of several points, and started
// again.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	for _, point := range []int{7, 11, 13, 15, 17, 19, 21} { // after the server has got a statement
		c := w.call(provisioning.ServiceID(fmt.Sprint("s", point)), fmt.Sprint("k", point))
		wire := provisioningtest.NewWire(t, "unix", w.server.Socket(), point, provisioningtest.Hang)
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
		require.ErrorIs(t, <-done, tierhost.ErrUnavailable, "point %d", point)
		w.server.Restart(t)
		_, err := d.Ensure(ctx, c)
		require.NoError(t, err, "point %d", point)
		require.NoError(t, w.use(ctx, c, c.Password.Reveal()), "point %d", point)
	}
}

// Connections by TCP are encrypted and the server's name is verified.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := certificate(t, dir, "db.example")
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	server := mysqltest.Start(t, "--ssl-cert="+filepath.Join(dir, "cert"), "--ssl-key="+filepath.Join(dir, "key"))
	wire := provisioningtest.NewWire(t, "unix", server.Socket(), -1, provisioningtest.Cut)
	config, err := json.Marshal(mysql.Config{Host: wire.Addr().Addr().String(), Port: wire.Addr().Port()})
	require.NoError(t, err)
	place := provisioning.Place{Server: "tls", Config: config}
	probe := func(t *testing.T, c *tls.Config) error {
		return mysql.New(mysql.Options{TLS: c}).Probe(t.Context(), place)
	}
	require.NoError(t, probe(t, &tls.Config{RootCAs: roots, ServerName: "db.example"}))
	for _, c := range []*tls.Config{nil, {RootCAs: roots}, {RootCAs: roots, ServerName: "other.example"}, {ServerName: "db.example"}} {
		err := probe(t, c)
		require.ErrorIs(t, err, tierhost.ErrUnavailable)
		require.ErrorContains(t, err, "certificate")
	}
	bare := mysqltest.Start(t)
	wire = provisioningtest.NewWire(t, "unix", bare.Socket(), -1, provisioningtest.Cut)
	place.Config, err = json.Marshal(mysql.Config{Host: wire.Addr().Addr().String(), Port: wire.Addr().Port()})
	require.NoError(t, err)
	require.ErrorIs(t, probe(t, nil), tierhost.ErrUnavailable, "a server without TLS gets no password")
}

// certificate writes a certificate for a name and its key, and returns whom to trust.
func certificate(t *testing.T, dir, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cert"), cert, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o644))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// Without a server the driver says what is wrong with a place.
func TestConfig(t *testing.T) {
	t.Parallel()
	for _, config := range []string{``, `{`, `{"hosst":"x"}`, `{"port":"x"}`, `{"port":70000}`, `[]`} {
		err := mysql.New(mysql.Options{}).Probe(t.Context(), provisioning.Place{Server: "my1", Config: json.RawMessage(config)})
		require.ErrorIs(t, err, tierhost.ErrInvalid, config)
		require.Equal(t, mysql.CodeBadConfig, tierhost.CodeOf(err), config)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), config)
		require.Contains(t, err.Error(), "my1", config)
	}
}

// An account that was made without a password lets nobody in, least of all without one.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	w, d, ctx := start(t), mysql.New(mysql.Options{}), t.Context()
	c := w.call("s1", "one")
	c.Password = secret.Text{}
	_, err := d.Ensure(ctx, c)
	require.NoError(t, err)
	require.ErrorIs(t, w.use(ctx, c, ""), provisioningtest.ErrRefused)

	d = mysql.New(mysql.Options{Random: strings.NewReader("too short")})
	c = w.call("s2", "two")
	c.Password = secret.Text{}
	_, err = d.Ensure(ctx, c)
	require.ErrorIs(t, err, tierhost.ErrInternal)
	require.NoError(t, d.Remove(ctx, c))
}
