package dns_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

// TestPlanOrder: the order of steps (bug 14, row 114): at each of them mail finds a host,
// and no alias has other records.
func TestPlanOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, before, after, want string }{
		{"a mail server moves", "@ 60 MX 10 old\nold 60 A 192.0.2.1", "@ 60 MX 10 new\nnew 60 A 192.0.2.2\nnew 60 AAAA 2001:db8::2",
			"add new A; add new AAAA; replace @ MX; remove old A; replace @ SOA"},
		{"addresses become an alias", "@ 60 MX 10 x\nx 60 A 192.0.2.1\nx 60 TXT \"t\"\ny 60 A 192.0.2.2", "@ 60 MX 10 y\nx 60 CNAME y\ny 60 A 192.0.2.2",
			"replace @ MX; remove x TXT; remove x A; add x CNAME; replace @ SOA"},
		{"an alias becomes addresses", "@ 60 MX 10 y\nx 60 CNAME y\ny 60 A 192.0.2.2", "@ 60 MX 10 x\nx 60 A 192.0.2.1\nx 60 AAAA 2001:db8::1",
			"remove x CNAME; add x A; add x AAAA; replace @ MX; remove y A; replace @ SOA"},
		{"both at once", "@ 60 MX 10 x\nx 60 A 192.0.2.1\ny 60 CNAME x", "@ 60 MX 10 y\nx 60 CNAME y\ny 60 A 192.0.2.2",
			"remove y CNAME; add y A; replace @ MX; remove x A; add x CNAME; replace @ SOA"},
		{"mail begins where an alias was, and ends where one comes", "@ 60 MX 10 y\nx 60 CNAME y\ny 60 A 192.0.2.2\na 60 MX 10 y",
			"@ 60 MX 10 x\nx 60 A 192.0.2.1\ny 60 CNAME x\nb 60 MX 10 x", "remove x CNAME; add x A; add b MX; replace @ MX; remove a MX; remove y A; add y CNAME; replace @ SOA"},
		{"a delegation comes", "", "sub 60 NS ns.sub\nns.sub 60 A 192.0.2.1", "add ns.sub A; add sub NS; replace @ SOA"},
		{"a delegation goes", "sub 60 NS ns.sub\nns.sub 60 A 192.0.2.1", "", "remove sub NS; remove ns.sub A; replace @ SOA"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			one := revise(t, dns.Revision{}, "example.com", readRecords(t, baseRecords+c.before, "example.com"))
			two := revise(t, one, "example.com", readRecords(t, baseRecords+c.after, "example.com"))
			plan, err := dns.NewPlan(dns.PlanInput{Zone: "example.com", Revision: two, Observed: dns.Published{Present: true, Serial: one.Serial, Records: one.Records}})
			require.NoError(t, err)
			var steps []string
			for _, s := range plan.Steps {
				steps = append(steps, fmt.Sprintf("%s %s %s", s.Action(), s.Key().Name.Relative("example.com"), s.Key().Type))
			}
			require.Equal(t, c.want, strings.Join(steps, "; "))
		})
	}
}
