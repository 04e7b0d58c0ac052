package dns_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// layered reads entries from lines "id record"; "!" before the ID disables it.
func layered(t require.TestingT, text string) []dns.Entry {
	var entries []dns.Entry
	for line := range strings.Lines(text) {
		id, record, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		e := dns.Entry{ID: strings.TrimPrefix(id, "!"), Disabled: strings.HasPrefix(id, "!")}
		e.Record = readRecords(t, record, "example.com")[0]
		entries = append(entries, e)
	}
	return entries
}

// shown lists what is published: layer, ID and data.
func shown(e dns.Effective) []string {
	var list []string
	for _, s := range e.Shown {
		list = append(list, s.ID)
	}
	return list
}

func hidden(e dns.Effective) []string {
	var list []string
	for _, h := range e.Hidden {
		list = append(list, strings.TrimSpace(h.ID+" "+string(h.Reason)+" "+h.By))
	}
	return list
}

// TestMerge: what a customer writes takes the place of what templates made, by name and
// class (bug 8), and everything that is not published says why.
func TestMerge(t *testing.T) {
	t.Parallel()
	template := `apex4 @ 60 A 192.0.2.1
apex6 @ 60 AAAA 2001:db8::1
www www 60 CNAME @
mx @ 60 MX 10 mail
spf @ 60 TXT "v=spf1 mx -all"
dmarc _dmarc 60 TXT "v=DMARC1; p=none"
note @ 60 TXT "made by a template"
shop shop 60 A 192.0.2.1
shoptxt shop 60 TXT "x"
deep a.b.c 60 A 192.0.2.1
`
	all := []string{"apex4", "mx", "note", "spf", "apex6", "dmarc", "deep", "shop", "shoptxt", "www"}
	without := func(ids ...string) (list []string) {
		for _, id := range all {
			if !slices.Contains(ids, id) {
				list = append(list, id)
			}
		}
		return list
	}
	for _, c := range []struct {
		name, custom  string
		removed       []string
		shown, hidden []string
	}{
		{name: "nothing custom", shown: all},
		{name: "an address displaces addresses of both kinds", custom: "c @ 60 A 192.0.2.9", shown: without("apex4", "apex6"),
			hidden: []string{"apex4 overridden c", "apex6 overridden c"}},
		{name: "an address displaces an alias", custom: "c www 60 A 192.0.2.9", shown: without("www"), hidden: []string{"www overridden c"}},
		{name: "an alias displaces all", custom: "c shop 60 CNAME shops.example.net.", shown: without("shop", "shoptxt"),
			hidden: []string{"shop overridden c", "shoptxt overridden c"}},
		{name: "mail servers of one's own", custom: "c @ 60 MX 5 mx.example.org.", shown: without("mx"), hidden: []string{"mx overridden c"}},
		{name: "a policy of one's own", custom: "c @ 60 TXT \"V=SPF1 -all\"", shown: without("spf"), hidden: []string{"spf overridden c"}},
		{name: "other texts stand side by side", custom: "c @ 60 TXT \"verification=1\"", shown: all},
		{name: "the same text stands once", custom: "c @ 60 TXT \"made by a template\"", shown: without("note"), hidden: []string{"note overridden c"}},
		{name: "a delegation takes what is below", custom: "c c 60 NS ns.example.org.", shown: without("deep"), hidden: []string{"deep overridden c"}},
		{name: "DNAME takes what is below", custom: "c b.c 60 DNAME example.org.", shown: without("deep"), hidden: []string{"deep overridden c"}},
		{name: "deleted built-ins", removed: []string{"mx", "gone"}, shown: without("mx"), hidden: []string{"mx removed"}},
		{name: "what is disabled displaces nothing (bug 4)", custom: "!c @ 60 A 192.0.2.9", shown: all, hidden: []string{"c disabled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := dns.Merge(dns.Layers{Zone: "example.com", Template: layered(t, template), Custom: layered(t, c.custom), Removed: c.removed})
			got := slices.DeleteFunc(shown(e), func(id string) bool { return id == "c" })
			require.Equal(t, c.shown, got)
			require.Equal(t, c.hidden, hidden(e))
			for _, s := range e.Shown {
				require.Equal(t, s.ID == "c", s.Layer == dns.LayerCustom)
			}
		})
	}
}

// TestMergeSystem: system records displace a template's, and one TTL rules a set.
func TestMergeSystem(t *testing.T) {
	t.Parallel()
	e := dns.Merge(dns.Layers{Zone: "example.com", System: layered(t, "glue ns1 60 A 192.0.2.53"),
		Template: layered(t, "t ns1 60 AAAA 2001:db8::1\nnote @ 60 TXT \"a\""), Custom: layered(t, "c @ 300 TXT \"b\"")})
	require.Equal(t, []string{"note", "c", "glue"}, shown(e))
	require.Equal(t, []string{"t overridden glue"}, hidden(e))
	require.Equal(t, uint32(300), e.Shown[0].Record.TTL, "the uppermost layer's")
}

// TestTemplateChanges (Z7, Z9, row 119): when templates or servers change custom records,
// overrides and deletions stay; what was taken away and put back is derived anew.
func TestTemplateChanges(t *testing.T) {
	t.Parallel()
	templates, vars := customerTemplates()
	expand := func() []dns.Entry {
		entries, err := dns.Expand("example.com", templates, vars)
		require.NoError(t, err)
		return entries
	}
	layers := dns.Layers{Zone: "example.com", System: entriesOf(dns.LayerSystem, readRecords(t, baseRecords, "example.com")), Template: expand(),
		Custom: layered(t, "c www 60 A 192.0.2.99\nd blog 60 CNAME blogs.example.org."), Removed: []string{"mail/dmarc"}}
	before := dns.Merge(layers)
	one := revise(t, dns.Revision{}, "example.com", before.Records())

	vars.SetTexts("mail.preference", "10")
	vars.SetNames("mail.host", "mx9.example.net")
	layers.Template = expand()
	after := dns.Merge(layers)
	two := revise(t, one, "example.com", after.Records())
	plan, err := dns.NewPlan(dns.PlanInput{Zone: "example.com", Revision: two, Observed: dns.Published{Present: true, Serial: one.Serial, Records: one.Records}})
	require.NoError(t, err)
	require.Len(t, plan.Steps, 2) // MX and SOA
	require.Equal(t, dns.TypeMX, plan.Steps[0].Key().Type)
	require.Equal(t, hidden(before), hidden(after))
	require.Contains(t, hidden(after), "web/www overridden c")
	require.Contains(t, hidden(after), "mail/dmarc removed")

	layers.Template = nil // the services are taken away
	require.Equal(t, []string{"0", "1", "2", "d", "c"}, shown(dns.Merge(layers)))
	layers.Template = expand()
	require.Equal(t, after, dns.Merge(layers))
	layers.Removed = nil
	require.Contains(t, shown(dns.Merge(layers)), "mail/dmarc", "restored")
}

// TestMergeLosesNothing: every entry is shown or hidden, once, and merging changes no
// input.
func TestMergeLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGenerator(rapid.Uint64().Draw(t, "seed"), "example.com")
		draw := func() []dns.Entry {
			records := make([]dns.Record, g.IntN(12))
			for i := range records {
				records[i] = g.record()
			}
			entries := entriesOf("", records)
			for i := range entries {
				entries[i].Disabled = g.IntN(6) == 0
			}
			return entries
		}
		l := dns.Layers{Zone: g.zone, System: g.system(), Template: draw(), Custom: draw(), Removed: []string{"0", "3"}}
		template := slices.Clone(l.Template)
		e := dns.Merge(l)
		require.Equal(t, len(l.System)+len(l.Template)+len(l.Custom), len(e.Shown)+len(e.Hidden))
		require.Equal(t, template, l.Template)
		require.Equal(t, e, dns.Merge(l))
		require.True(t, slices.IsSortedFunc(e.Records(), func(a, b dns.Record) int {
			a.TTL, b.TTL = 0, 0 // those of sets are made one afterwards
			return a.Compare(b)
		}))
		for _, h := range e.Hidden {
			require.True(t, h.Reason != dns.ReasonOverridden || h.Layer == dns.LayerTemplate)
		}
	})
}
