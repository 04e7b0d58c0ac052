package daemon

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// BIND starts named and stops it when t ends. It skips or fails t if it cannot.
func BIND(t testing.TB, setup Setup) *Server {
	t.Helper()
	return begin(t, "BIND", "named", setup, writeBIND, "bind", "named")
}

// AddZone has BIND serve a zone of its own, with a text as in a zone file.
func (s *Server) AddZone(name, text string) error {
	if _, err := s.zoneFile(name, text); err != nil {
		return err
	}
	return s.rndc("addzone", name, s.own(name, fmt.Sprintf("allow-update { key %q; };", s.key.Name)))
}

// Load has BIND read the file of a zone in its folder "data" anew, which is called as the
// zone with ".zone" after it, or forget the zone. BIND does so when it comes to it.
func (s *Server) Load(name string, present bool) error {
	known := s.rndc("zonestatus", name) == nil
	switch {
	case present && known:
		return s.rndc("reload", name)
	case present:
		return s.rndc("addzone", name, s.own(name, ""))
	case known:
		return s.rndc("delzone", name)
	}
	return nil
}

func (s *Server) rndc(args ...string) error { return s.folder.Run(s.control(args...)) }

// own is the configuration of a zone of BIND's own.
func (s *Server) own(name, more string) string {
	return fmt.Sprintf("{ type primary; file %q; allow-transfer { key %q; }; %s };", s.File("data/"+name+".zone"), s.key.Name, more)
}

func writeBIND(s *Server, setup Setup) error {
	var zones strings.Builder
	err := s.zoneFiles(setup, func(name, file string) {
		fmt.Fprintf(&zones, "zone %q { type primary; file %q; allow-update { key %q; }; allow-transfer { key %q; }; };\n", name, file, setup.Key.Name, setup.Key.Name)
	})
	if err != nil {
		return err
	}
	from, port := splitAddr(setup.Primary)
	primaries := fmt.Sprintf("{ %s port %s key %q; }", from, port, setup.Key.Name)
	secondary := func(name string) {
		fmt.Fprintf(&zones, "zone %q { type secondary; file %q; primaries %s; allow-transfer { key %q; }; };\n", name, "data/"+name, primaries, setup.Key.Name)
	}
	catalog := ""
	if setup.Catalog != "" {
		catalog = fmt.Sprintf("catalog-zones { zone %q default-primaries %s in-memory yes min-update-interval 1; };", setup.Catalog, primaries)
		secondary(setup.Catalog)
	}
	for _, name := range setup.Secondary {
		secondary(name)
	}
	notify := "no"
	if setup.Notify != "" {
		to, port := splitAddr(setup.Notify)
		notify = fmt.Sprintf("explicit;\n\talso-notify { %s port %s; };\n\tnotify-delay 0;\n\tnotify-rate 1000", to, port)
	}
	control, err := s.freePort()
	if err != nil {
		return err
	}
	s.control = func(args ...string) *exec.Cmd {
		return exec.Command("/usr/sbin/rndc", append([]string{"-c", s.File("rndc.conf")}, args...)...)
	}
	if err := s.write("rndc.conf", `key %[1]q { algorithm hmac-sha256; secret %[2]q; };
options { default-server %[4]s; default-port %[3]d; default-key %[1]q; };
`, setup.Key.Name, setup.Key.Secret, control, s.host()); err != nil {
		return err
	}
	s.key = setup.Key
	s.args = []string{"-g", "-n", "1", "-c", s.File("named.conf")}
	return s.write("named.conf", `key %[1]q { algorithm hmac-sha256; secret %[2]q; };
controls { inet %[10]s port %[8]d allow { 127.0.0.1; } keys { %[1]q; }; };
options {
	allow-new-zones yes;
	directory %[3]q;
	listen-on port %[4]d { %[10]s; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile %[5]q;
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	notify %[9]s;
	allow-transfer { key %[1]q; };
	transfers-in 50;
	transfers-per-ns 50;
	serial-query-rate 1000;
	min-refresh-time 1;
	min-retry-time 1;
	%[6]s
};
%[7]s`, setup.Key.Name, setup.Key.Secret, s.folder.Path, s.port, s.File("data/session.key"), catalog, zones.String(), control, notify, s.host())
}
