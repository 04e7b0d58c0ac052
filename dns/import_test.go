package dns_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// TestImport: a zone of an old panel, and the report of what became of it.
func TestImport(t *testing.T) {
	t.Parallel()
	old := readRecords(t, `@ 60 SOA ns1.old.example. h.old.example. 2026112600 7200 900 1209600 300
@ 60 NS ns1.old.example.
@ 60 NS ns2.old.example.
@ 3600 A 192.0.2.1
@ 300 TXT "kept"
@ 600 TXT "kept too"
@ 300 TXT "kept"
www 60 CNAME @
www 60 TXT "beside an alias"
mail 60 CNAME hosts.old.example.
@ 60 MX 10 mail
a_b 60 A 192.0.2.1
x.example.org. 60 A 192.0.2.1
@ 60 TYPE48 \# 5 0101030d01
blog 60 CNAME blogs.example.org.`, "example.com")
	l := dns.Layers{Zone: "example.com", System: entriesOf(dns.LayerSystem, readRecords(t, baseRecords, "example.com")),
		Template: layered(t, "apex @ 60 A 192.0.2.1")}
	in, err := dns.Import(l, old, dns.ValidateOptions{})
	require.NoError(t, err)
	var report []string
	line := func(what string, r dns.Record, why string) {
		report = append(report, fmt.Sprintf("%s %s %s %s", what, r.Name.Relative("example.com"), r.Type(), why))
	}
	for _, k := range in.Kept {
		line("kept", k.Record, fmt.Sprint(k.Record.TTL))
	}
	for _, c := range in.Changed {
		line("changed", c.Was, fmt.Sprintf("%d to %d %s", c.Was.TTL, c.Is.TTL, c.Code))
	}
	for _, r := range in.Left {
		line("left", r.Record, r.Code)
	}
	for _, r := range in.Refused {
		line("refused", r.Record, strings.TrimSpace(r.Issues[0].Path+" "+r.Issues[0].Code))
	}
	require.Equal(t, []string{
		"kept @ TXT 300", "kept @ TXT 300", "kept blog CNAME 60", "kept mail CNAME 60", "kept www TXT 60",
		"changed @ TXT 600 to 300 ttl_differs",
		"left @ SOA system", "left @ NS system", "left @ NS system", "left @ A template", "left @ TXT duplicate", "left @ DNSKEY signing",
		"refused @ MX data.host target_is_alias", "refused a_b A name bad_owner_name", "refused www CNAME cname_and_other", "refused x.example.org. A name name_out_of_zone",
	}, report)
	l.Custom = in.Kept
	require.NoError(t, dns.Validate(dns.Merge(l), dns.ValidateOptions{}))

	in, err = dns.Import(l, readRecords(t, "@ 60 A 192.0.2.1\n@ 60 A 192.0.2.7", "example.com"), dns.ValidateOptions{})
	require.NoError(t, err)
	require.Len(t, in.Kept, 2, "a second address beside the template's makes both custom")

	l.System = entriesOf(dns.LayerSystem, readRecords(t, baseRecords+"@ 3600 NS ns3", "example.com"))
	in, err = dns.Import(l, old, dns.ValidateOptions{})
	require.Equal(t, "records[1].data.host target_missing", codes(t, err), "what was wrong before is nobody's fault")
	require.Len(t, in.Kept, 5)

	_, err = dns.Import(dns.Layers{Zone: "example.com"}, old, dns.ValidateOptions{})
	require.Equal(t, "zone soa_missing; zone ns_missing", codes(t, err))
}

// TestImportLosesNothing: every record is accounted for, and the outcome is valid.
func TestImportLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGenerator(rapid.Uint64().Draw(t, "seed"), "example.com")
		old := make([]dns.Record, g.IntN(40))
		for i := range old {
			old[i] = g.record()
		}
		l := dns.Layers{Zone: g.zone, System: g.system()}
		for i, r := range g.valid(6) { // a template that makes some of what the zone has
			if r.Name != g.zone || r.Type() != dns.TypeSOA && r.Type() != dns.TypeNS {
				l.Template = append(l.Template, dns.Entry{ID: fmt.Sprint("t", i), Record: r})
				old = append(old, r)
			}
		}
		in, err := dns.Import(l, old, dns.ValidateOptions{})
		require.NoError(t, err)
		require.Equal(t, len(old), len(in.Kept)+len(in.Left)+len(in.Refused))
		l.Custom = in.Kept
		e := dns.Merge(l)
		require.NoError(t, dns.Validate(e, dns.ValidateOptions{}))
		published := map[dns.Record]bool{}
		for _, r := range e.Records() {
			published[dns.Record{Name: r.Name, Data: r.Data}] = true
		}
		for _, k := range in.Kept {
			require.True(t, published[dns.Record{Name: k.Record.Name, Data: k.Record.Data}])
		}
	})
}
