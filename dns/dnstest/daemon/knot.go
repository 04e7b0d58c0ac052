package daemon

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// Knot starts knotd and stops it when t ends. It skips or fails t if it cannot.
func Knot(t testing.TB, setup Setup) *Server {
	t.Helper()
	return begin(t, "Knot", "knotd", setup, writeKnot, "knot")
}

func writeKnot(s *Server, setup Setup) error {
	var zones strings.Builder
	err := s.zoneFiles(setup, func(name, file string) {
		fmt.Fprintf(&zones, "  - domain: %s\n    file: %s\n    acl: change\n", name, file)
	})
	if err != nil {
		return err
	}
	remote := ""
	if setup.Primary != "" {
		from, port := splitAddr(setup.Primary)
		remote = fmt.Sprintf("remote:\n  - id: primary\n    address: %s@%s\n    key: %s\n", from, port, setup.Key.Name)
		for _, name := range setup.Secondary {
			fmt.Fprintf(&zones, "  - domain: %s\n    template: member\n", name)
		}
		if setup.Catalog != "" {
			fmt.Fprintf(&zones, "  - domain: %s\n    master: primary\n    acl: change\n    catalog-role: interpret\n    catalog-template: member\n", setup.Catalog)
		}
	}
	member := ""
	if remote != "" {
		// What the default template says does not hold for others.
		member = "  - id: member\n" + nothingKept(s.File("data")) + "    master: primary\n    acl: [change, notify]\n    retry-min-interval: 1\n    retry-max-interval: 2\n"
	}
	control := s.File("knot.sock")
	s.args = []string{"-c", s.File("knot.conf")}
	s.control = func(args ...string) *exec.Cmd {
		return exec.Command("knotc", append([]string{"-s", control}, args...)...)
	}
	return s.write("knot.conf", `server:
    rundir: %[1]s/data
    listen: %[9]s@%[2]d
    pidfile: %[1]s/data/knot.pid
    udp-workers: 2
    tcp-workers: 2
    background-workers: 2
control:
    listen: %[3]s
database:
    storage: %[1]s/data
    journal-db-max-size: 256M
    kasp-db-max-size: 16M
    timer-db-max-size: 16M
    catalog-db-max-size: 64M
key:
  - id: %[4]s
    algorithm: hmac-sha256
    secret: %[5]s
%[6]sacl:
  - id: change
    key: %[4]s
    action: [transfer, update, notify]
  - id: notify
    address: 127.0.0.1
    action: notify
template:
  - id: default
%[10]s    acl: notify
%[7]szone:
%[8]slog:
  - target: stderr
    any: info
`, s.folder.Path, s.port, control, setup.Key.Name, setup.Key.Secret, remote, member, zones.String(), s.host(), nothingKept(s.File("data")))
}

// nothingKept are the settings of zones that are in memory only, except those that are in
// files to begin with.
func nothingKept(folder string) string {
	return "    storage: " + folder + "\n    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n"
}
