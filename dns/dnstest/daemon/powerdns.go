package daemon

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"testing"

	_ "modernc.org/sqlite" // the database of the server

	"github.com/tierhost/tierhost/internal/testserver"
)

// PowerDNS starts pdns_server with an empty SQLite database and its HTTP API, and stops it
// when t ends. It skips or fails t if it cannot.
func PowerDNS(t testing.TB, setup Setup) *Server {
	t.Helper()
	return begin(t, "PowerDNS", "pdns_server", setup, writePowerDNS, "pdns")
}

const pdnsSchema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

// membersSigned gives members of a catalog the key of the catalog: PowerDNS does not.
const membersSigned = `CREATE TRIGGER members_signed AFTER INSERT ON domains WHEN NEW.type = 'SLAVE' BEGIN
	INSERT INTO domainmetadata (domain_id, kind, content) VALUES (NEW.id, 'AXFR-MASTER-TSIG', '%s');
END`

func writePowerDNS(s *Server, setup Setup) (err error) {
	schema, err := os.ReadFile(pdnsSchema)
	if err != nil {
		return fmt.Errorf("%w: %w", testserver.ErrNoPrograms, err)
	}
	if s.api, err = s.freePort(); err != nil {
		return err
	}
	file := s.File("data/pdns.db")
	if err := s.folder.Run(exec.Command("touch", file)); err != nil { // as the server's user
		return err
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer db.Close()
	statements := []string{string(schema), "PRAGMA journal_mode=DELETE", fmt.Sprintf(membersSigned, setup.Key.Name),
		fmt.Sprintf("INSERT INTO tsigkeys (name, algorithm, secret) VALUES ('%s', 'hmac-sha256', '%s')", setup.Key.Name, setup.Key.Secret)}
	add := func(name, kind string) {
		statements = append(statements, fmt.Sprintf("INSERT INTO domains (name, type, master) VALUES ('%s', '%s', '%s')", name, kind, setup.Primary))
		if kind != "SLAVE" {
			statements = append(statements, fmt.Sprintf("INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'AXFR-MASTER-TSIG', '%s' FROM domains WHERE name = '%s'", setup.Key.Name, name))
		}
	}
	for _, name := range setup.Secondary {
		add(name, "SLAVE")
	}
	if setup.Catalog != "" {
		add(setup.Catalog, "CONSUMER")
	}
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return err
		}
	}
	s.args = []string{"--config-dir=" + s.folder.Path}
	s.control = func(args ...string) *exec.Cmd {
		return exec.Command("/usr/bin/pdns_control", append([]string{"--config-dir=" + s.folder.Path, "--socket-dir=" + s.folder.Path}, args...)...)
	}
	notify := ""
	if setup.Notify != "" {
		notify = "primary=yes\nonly-notify=\nalso-notify=" + setup.Notify + "\n"
	}
	return s.write("pdns.conf", `launch=gsqlite3
gsqlite3-database=%[1]s
gsqlite3-pragma-synchronous=0
gsqlite3-pragma-foreign-keys=1
local-address=%[7]s
local-port=%[2]d
socket-dir=%[3]s
daemon=no
guardian=no
write-pid=no
disable-syslog=yes
loglevel=5
secondary=yes
xfr-cycle-interval=1
xfr-max-received-mbytes=0
retrieval-threads=4
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
consistent-backends=yes
api=yes
api-key=%[4]s
webserver=yes
webserver-address=%[7]s
webserver-port=%[5]d
webserver-allow-from=127.0.0.1
allow-axfr-ips=127.0.0.1
security-poll-suffix=
version-string=anonymous
%[6]s`, file, s.port, s.folder.Path, apiKey, s.api, notify, s.host())
}
