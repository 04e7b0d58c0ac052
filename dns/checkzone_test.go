package dns_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

// TestNamedCheckZone: BIND takes every zone that validation lets through, with all its
// checks on and none of its warnings, and reads it as what was written.
func TestNamedCheckZone(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("named-checkconf")
	if err != nil {
		t.Skip("named-checkconf is not installed (Debian package bind9-utils)")
	}
	const zones, batch = 5000, 500
	types := map[dns.Type]int{}
	for start := 0; start < zones; start += batch { // a process for each batch
		dir := t.TempDir()
		var conf bytes.Buffer
		fmt.Fprintf(&conf, `options { directory %q; check-names primary fail; check-mx fail; check-mx-cname fail; check-srv-cname fail; check-dup-records fail; check-integrity yes; check-sibling yes; check-wildcard yes; check-spf warn; };`+"\n", dir)
		for i := start; i < start+batch; i++ {
			zone := dns.Name(fmt.Sprintf("z%d.example.com", i))
			records := newGenerator(uint64(i), zone).valid(3 + i%12)
			for _, r := range records {
				types[r.Type()]++
			}
			var text bytes.Buffer
			require.NoError(t, dns.WriteZone(&text, flatten(records)))
			require.NoError(t, os.WriteFile(filepath.Join(dir, zone.String()), text.Bytes(), 0o600))
			fmt.Fprintf(&conf, "zone %q { type primary; file %q; };\n", zone, zone)
		}
		file := filepath.Join(dir, "named.conf")
		require.NoError(t, os.WriteFile(file, conf.Bytes(), 0o600))
		out, err := exec.CommandContext(t.Context(), program, "-z", file).CombinedOutput()
		loaded := 0
		for line := range strings.Lines(string(out)) {
			if strings.HasSuffix(strings.TrimSpace(line), "/IN: loaded serial 1") {
				loaded++
				continue
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "zone "), "/IN")
			text, _ := os.ReadFile(filepath.Join(dir, name))
			t.Errorf("%s\n%s", line, text)
		}
		require.NoError(t, err, "%s", out)
		require.Equal(t, batch, loaded)
	}
	for _, typ := range []dns.Type{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeMX, dns.TypeTXT, dns.TypeSRV, dns.TypeCAA, dns.TypeNS, dns.TypePTR,
		dns.TypeSVCB, dns.TypeHTTPS, dns.TypeTLSA, dns.TypeSSHFP, dns.TypeNAPTR, dns.TypeDS, dns.TypeDNAME, 13, 17, 18, 108, 256} {
		require.Greater(t, types[typ], 20, "records of type %s", typ)
	}
}

// flatten leaves ALIAS out, which is no type of DNS.
func flatten(records []dns.Record) []dns.Record {
	var out []dns.Record
	for _, r := range records {
		if r.Type() != dns.TypeALIAS {
			out = append(out, r)
		}
	}
	return out
}
