package daemon

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// NSD starts nsd and stops it when t ends. It skips or fails t if it cannot. Setup.Catalog
// does nothing.
func NSD(t testing.TB, setup Setup) *Server {
	t.Helper()
	return begin(t, "NSD", "nsd", setup, writeNSD, "nsd")
}

func writeNSD(s *Server, setup Setup) error {
	var zones strings.Builder
	err := s.zoneFiles(setup, func(name, file string) {
		fmt.Fprintf(&zones, "zone:\n  name: %q\n  zonefile: %q\n  provide-xfr: 127.0.0.1 %s\n", name, file, setup.Key.Name)
	})
	if err != nil {
		return err
	}
	if setup.Primary != "" {
		from, port := splitAddr(setup.Primary)
		fmt.Fprintf(&zones, `pattern:
  name: "member"
  request-xfr: %[1]s@%[2]s %[3]s
  allow-notify: %[1]s %[3]s
  provide-xfr: 127.0.0.1 %[3]s
  min-retry-time: 1
  max-retry-time: 2
`, from, port, setup.Key.Name)
		for _, name := range setup.Secondary {
			fmt.Fprintf(&zones, "zone:\n  name: %q\n  include-pattern: member\n", name)
		}
	}
	conf := s.File("nsd.conf")
	// Not a daemon, and the user is already the one that it should be.
	s.args = []string{"-d", "-c", conf}
	s.control = func(args ...string) *exec.Cmd {
		return exec.Command("/usr/sbin/nsd-control", append([]string{"-c", conf}, args...)...)
	}
	return s.write("nsd.conf", `server:
  server-count: 1
  ip-address: %[6]s@%[2]d
  username: ""
  zonesdir: "%[1]s/data"
  database: ""
  pidfile: "%[1]s/data/nsd.pid"
  xfrdfile: "%[1]s/data/xfrd.state"
  xfrdir: "%[1]s/data"
  zonelistfile: "%[1]s/data/zone.list"
  zonefiles-write: 0
  rrl-ratelimit: 0
  xfrd-reload-timeout: 0
  verbosity: 1
remote-control:
  control-enable: yes
  control-interface: "%[1]s/nsd.sock"
key:
  name: %[3]q
  algorithm: hmac-sha256
  secret: %[4]q
%[5]s`, s.folder.Path, s.port, setup.Key.Name, setup.Key.Secret, zones.String(), s.host())
}
