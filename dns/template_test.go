package dns_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// customerTemplates are those of a usual account: web space and mail.
func customerTemplates() ([]dns.Template, dns.Vars) {
	web := dns.Template{ID: "web", Rules: []dns.Rule{
		{ID: "apex4", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${web.ipv4}"},
		{ID: "apex6", Name: "@", TTL: 3600, Type: dns.TypeAAAA, Data: "${web.ipv6}"},
		{ID: "www", Name: "www", TTL: 3600, Type: dns.TypeCNAME, Data: "@"},
		{ID: "alias", Name: "${alias}", TTL: 300, Type: dns.TypeCNAME, Data: "@", When: "alias"},
		{ID: "spf", Name: "@", TTL: 3600, Type: dns.TypeTXT, Data: `"v=spf1 ip4:${web.ipv4} ~all"`},
	}}
	mail := dns.Template{ID: "mail", Rules: []dns.Rule{
		{ID: "mx", Name: "@", TTL: 3600, Type: dns.TypeMX, Data: "${mail.preference} ${mail.host}"},
		{ID: "spf", Name: "@", TTL: 3600, Type: dns.TypeTXT, Data: `"v=spf1 include:${mail.spf} ~all"`},
		{ID: "dkim", Name: "${dkim.selector}._domainkey", TTL: 3600, Type: dns.TypeTXT, Data: `"v=DKIM1; k=rsa; p=${dkim.key}"`, When: "dkim.key"},
		{ID: "dmarc", Name: "_dmarc", TTL: 3600, Type: dns.TypeTXT, Data: `"v=DMARC1; p=none; rua=mailto:postmaster@${zone}"`},
	}}
	vars := dns.Vars{}
	vars.SetAddrs("web.ipv4", netip.MustParseAddr("192.0.2.1"))
	vars.SetAddrs("web.ipv6")
	vars.SetTexts("mail.preference", "10", "20")
	vars.SetNames("mail.host", "mx1.example.net", "mx2.example.net")
	vars.SetNames("mail.spf", "_spf.example.net")
	return []dns.Template{web, mail}, vars
}

func lines(entries []dns.Entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.ID+"\t"+e.Record.String())
	}
	return list
}

// TestExpand: names that are values are absolute, several values make several records in
// step, what is empty makes none, and SPF policies of all templates are one.
func TestExpand(t *testing.T) {
	t.Parallel()
	templates, vars := customerTemplates()
	entries, err := dns.Expand("example.com", templates, vars)
	require.NoError(t, err)
	require.Equal(t, []string{
		"web/apex4\texample.com.\t3600\tIN\tA\t192.0.2.1",
		"web/www\twww.example.com.\t3600\tIN\tCNAME\texample.com.",
		"mail/mx\texample.com.\t3600\tIN\tMX\t10 mx1.example.net.",
		"mail/mx\texample.com.\t3600\tIN\tMX\t20 mx2.example.net.",
		"mail/dmarc\t_dmarc.example.com.\t3600\tIN\tTXT\t\"v=DMARC1; p=none; rua=mailto:postmaster@example.com\"",
		"spf/@\texample.com.\t3600\tIN\tTXT\t\"v=spf1 ip4:192.0.2.1 include:_spf.example.net ~all\"",
	}, lines(entries))
	require.Equal(t, []string{"alias", "web.ipv4", "web.ipv6"}, templates[0].Variables())
	require.NoError(t, templates[0].Check())

	vars.SetNames("alias", "x7.hosting.example.net")
	_, err = dns.Expand("example.com", templates, vars)
	require.NoError(t, err) // that it is in another zone is for validation to tell
}

// TestExpandFaults: all at once, with paths.
func TestExpandFaults(t *testing.T) {
	t.Parallel()
	vars := dns.Vars{}
	vars.SetTexts("two", "1", "2")
	vars.SetTexts("three", "1", "2", "3")
	vars.SetTexts("evil", "1 mail.evil.\n$INCLUDE /etc/passwd")
	_, err := dns.Expand("example.com", []dns.Template{{ID: "t", Rules: []dns.Rule{
		{ID: "a", Name: "@", Type: dns.TypeA, Data: "${nothing}"},
		{ID: "b", Name: "${no.name}", Type: dns.TypeA, Data: "192.0.2.1"},
		{ID: "c", Name: "h${two}", Type: dns.TypeA, Data: "192.0.2.${three}"},
		{ID: "d", Name: "@", Type: dns.TypeMX, Data: "${evil}"},
		{ID: "e", Name: "${evil}", Type: dns.TypeA, Data: "192.0.2.1"},
		{ID: "f", Name: "@", Type: dns.TypeA, Data: "192.0.2.${"},
		{ID: "g", Name: "@", Type: dns.TypeTXT, Data: `"v=spf1 nonsense"`},
	}}}, vars)
	require.Equal(t, "templates[0].rules[0].data missing_variable; templates[0].rules[1].name missing_variable; templates[0].rules[2] variables_differ; "+
		"templates[0].rules[3].data bad_number; templates[0].rules[3].data required; templates[0].rules[4].name bad_character; "+
		"templates[0].rules[5].data bad_variable; spf.policies[0].terms[0] spf_syntax", codes(t, err))
	require.Equal(t, "id required; rules[0].id required; rules[0].ttl too_large; rules[0].type unsupported_type; rules[0].name required; rules[0].data bad_variable; rules[1].id required",
		codes(t, dns.Template{Rules: []dns.Rule{{TTL: 1 << 31, Type: dns.TypeSOA, Data: "${"}, {Name: "@", Type: dns.TypeA, Data: "x"}}}.Check()))
}

// TestLaterTemplatesOverride: as custom records do, class by class.
func TestLaterTemplatesOverride(t *testing.T) {
	t.Parallel()
	rule := func(typ dns.Type, data string) []dns.Rule {
		return []dns.Rule{{ID: "r", Name: "@", TTL: 60, Type: typ, Data: data}}
	}
	entries, err := dns.Expand("example.com", []dns.Template{
		{ID: "base", Rules: rule(dns.TypeMX, "10 mail")}, {ID: "group", Rules: rule(dns.TypeMX, "5 mx.example.net.")},
	}, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"group/r\texample.com.\t60\tIN\tMX\t5 mx.example.net."}, lines(entries))
}

// TestExpandIsPure (Z7): equal input makes equal output, and values make nothing but what
// the rule says: one record of its name and type.
func TestExpandIsPure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		vars := dns.Vars{}
		vars.SetTexts("v", value)
		template := []dns.Template{{ID: "t", Rules: []dns.Rule{
			{ID: "txt", Name: "a", TTL: 1, Type: dns.TypeTXT, Data: `"x=${v}"`},
		}}}
		one, err := dns.Expand("example.com", template, vars)
		require.NoError(t, err)
		two, err := dns.Expand("example.com", template, vars)
		require.NoError(t, err)
		require.Equal(t, one, two)
		require.Equal(t, []dns.Entry{{ID: "t/txt", Layer: dns.LayerTemplate, Owner: "t",
			Record: dns.Record{Name: "a.example.com", TTL: 1, Data: dns.TXT{Text: "x=" + value}}}}, one)
	})
}

// TestValuesStayWords (Z12): whatever a value holds, a rule makes a record of its name,
// type and number of fields, or a fault.
func TestValuesStayWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9 ."();$\\\\@-]{0,12}`)).Draw(t, "value")
		vars := dns.Vars{}
		vars.SetTexts("v", value)
		entries, err := dns.Expand("example.com", []dns.Template{{ID: "t", Rules: []dns.Rule{
			{ID: "mx", Name: "m", Type: dns.TypeMX, Data: "10 ${v}"},
			{ID: "srv", Name: "_s._tcp", Type: dns.TypeSRV, Data: "0 0 ${v} host"},
			{ID: "caa", Name: "c", Type: dns.TypeCAA, Data: `0 issue "${v}"`},
		}}}, vars)
		if err != nil {
			return
		}
		require.Len(t, entries, 3)
		require.Equal(t, uint16(10), entries[0].Record.Data.(dns.MX).Preference)
		require.Equal(t, dns.Name("host.example.com"), entries[1].Record.Data.(dns.SRV).Target)
		require.Equal(t, dns.CAA{Tag: "issue", Value: value}, entries[2].Record.Data)
	})
}
