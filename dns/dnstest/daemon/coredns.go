package daemon

import (
	"fmt"
	"strings"
	"testing"
)

// CoreDNS starts coredns and stops it when t ends. It serves zones of its own only, and
// gives them to nobody: it is there to be compared with. It is no package of Debian's. It
// skips or fails t if it cannot start it.
func CoreDNS(t testing.TB, setup Setup) *Server {
	t.Helper()
	return begin(t, "CoreDNS", "coredns", setup, writeCoreDNS)
}

func writeCoreDNS(s *Server, setup Setup) error {
	var zones strings.Builder
	err := s.zoneFiles(setup, func(name, file string) {
		fmt.Fprintf(&zones, "%s:%d {\n  bind %s\n  file %q\n}\n", name, s.port, s.host(), file)
	})
	if err != nil {
		return err
	}
	s.args = []string{"-quiet", "-conf", s.File("Corefile")}
	return s.write("Corefile", ".:%d {\n  bind %s\n  template ANY ANY {\n    rcode REFUSED\n  }\n}\n%s", s.port, s.host(), zones.String())
}
