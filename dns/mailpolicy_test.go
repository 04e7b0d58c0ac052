package dns_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// TestParseSPF: RFC 7208, 5 and 12, by what comes out again.
func TestParseSPF(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"v=spf1", "v=spf1"},
		{"V=SPF1  A MX:Mail.Example.com/24 -ALL", "v=spf1 a mx:Mail.Example.com/24 -all"},
		{"v=spf1 +a ?all", "v=spf1 a ?all"},
		{"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all"},
		{"v=spf1 a/24//64 mx//64 -all", "v=spf1 a/24//64 mx//64 -all"},
		{"v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all", "v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all"},
		{"v=spf1 redirect=_spf.example.com", "v=spf1 redirect=_spf.example.com"},
		{"v=spf1 redirect=_spf.example.com -all", "v=spf1 -all"},
		{"v=spf1 a -all mx", "v=spf1 a -all"},
		{"v=spf1 exp=why.example.com x-y=1 -all", "v=spf1 exp=why.example.com x-y=1 -all"},
		{"v=spf10", "not_spf"},
		{"spf1 -all", "not_spf"},
		{"v=spf1 -all\n", "bad_character"},
		{"v=spf1 ip4:192.0.2.300 ip4 a:", "terms[0] spf_syntax; terms[1] spf_syntax; terms[2] spf_syntax"},
		{"v=spf1 ip4:2001:db8::1", "terms[0] spf_syntax"},
		{"v=spf1 include:x", "terms[0] spf_syntax"},
		{"v=spf1 a/33 mx/24/64 ptr/24 all:x", "terms[0] spf_syntax; terms[1] spf_syntax; terms[2] spf_syntax; terms[3] spf_syntax"},
		{"v=spf1 include:%{z}.example.com", "terms[0] spf_syntax"},
		{"v=spf1 redirect=a.example redirect=b.example", "terms[1] duplicate"},
		{"v=spf1 -", "terms[0] spf_syntax"},
	} {
		s, err := dns.ParseSPF(c.text)
		got := codes(t, err)
		if err == nil {
			got = s.String()
		}
		require.Equal(t, c.want, got, "%q", c.text)
	}
}

// TestMergeSPF: one policy that lets through what each of them does.
func TestMergeSPF(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policies []string
		want     string
	}{
		{[]string{"v=spf1 a -all"}, "v=spf1 a -all"},
		{[]string{"v=spf1 a mx -all", "v=spf1 mx include:_spf.example.net ~all"}, "v=spf1 a mx include:_spf.example.net ~all"},
		{[]string{"v=spf1 a", "v=spf1 mx -all"}, "v=spf1 a mx -all"},
		{[]string{"v=spf1 redirect=a.example", "v=spf1 mx -all"}, "v=spf1 include:a.example mx -all"},
		{[]string{"v=spf1 a", "nonsense"}, "policies[1] not_spf"},
		{[]string{"v=spf1 " + strings.Repeat("x", 3)}, "policies[0].terms[0] spf_syntax"},
		{[]string{"v=spf1 a:a.a a:b.a a:c.a a:d.a a:e.a a:f.a", "v=spf1 a:g.a a:h.a a:i.a a:j.a a:k.a"}, "spf_lookups"},
	} {
		got, err := dns.MergeSPF(c.policies...)
		if err != nil {
			got = codes(t, err)
		}
		require.Equal(t, c.want, got)
	}
	rapid.Check(t, func(t *rapid.T) {
		term := rapid.SampledFrom([]string{"a", "mx", "ip4:192.0.2.1", "include:_spf.example.net", "-ip4:192.0.2.9"})
		policy := rapid.Custom(func(t *rapid.T) string {
			return "v=spf1 " + strings.Join(rapid.SliceOf(term).Draw(t, "terms"), " ") + rapid.SampledFrom([]string{"", " -all", " ~all"}).Draw(t, "all")
		})
		a, b := policy.Draw(t, "a"), policy.Draw(t, "b")
		merged, err := dns.MergeSPF(a, b)
		require.NoError(t, err)
		require.True(t, dns.IsSPF(merged))
		again, err := dns.MergeSPF(merged, a, b)
		require.NoError(t, err)
		require.Equal(t, merged, again, "what is merged is merged already")
	})
}

// TestCountSPF: look-ups of included policies count as far as they are known, also where
// policies include each other.
func TestCountSPF(t *testing.T) {
	t.Parallel()
	known := map[dns.Name]string{"a.example": "v=spf1 a mx -all", "loop.example": "v=spf1 include:loop.example -all", "r.example": "v=spf1 redirect=a.example"}
	find := func(n dns.Name) (string, bool) { text, ok := known[n]; return text, ok }
	for text, want := range map[string]int{
		"v=spf1 ip4:192.0.2.1 -all":                       0,
		"v=spf1 include:a.example include:b.example -all": 4,
		"v=spf1 redirect=a.example":                       3,
		"v=spf1 include:r.example -all":                   4,
		"v=spf1 include:%{d}.a.example -all":              1,
	} {
		n, err := dns.CountSPF(text, find)
		require.NoError(t, err)
		require.Equal(t, want, n, text)
	}
	n, err := dns.CountSPF("v=spf1 include:loop.example", find)
	require.NoError(t, err)
	require.Greater(t, n, dns.MaxSPFLookups)
	_, err = dns.CountSPF("x", nil)
	require.Error(t, err)
}

// TestMailPolicies: the texts that builders make are the ones that receivers read.
func TestMailPolicies(t *testing.T) {
	t.Parallel()
	d := dns.DMARC{Policy: "quarantine", Subdomains: "reject", Percent: 50, Aggregate: []string{"a@example.com", "b@example.net"}, StrictDKIM: true}
	text, err := d.Text()
	require.NoError(t, err)
	require.Equal(t, "v=DMARC1; p=quarantine; sp=reject; pct=50; rua=mailto:a@example.com,mailto:b@example.net; adkim=s", text)
	back, err := dns.ParseDMARC(text)
	require.NoError(t, err)
	require.Equal(t, d, back)
	_, err = dns.DMARC{Policy: "x", Subdomains: "y", Percent: 101, Aggregate: []string{"a;b@example.com", "Ann <a@example.com>"}}.Text()
	require.Equal(t, "policy bad_policy; subdomains bad_policy; percent bad_number; aggregate[0] bad_mail_address; aggregate[1] bad_mail_address", codes(t, err))
	for text, want := range map[string]string{
		"v=DMARC1": "dmarc_syntax", "p=none; v=DMARC1": "dmarc_syntax", "v=DMARC1; p=none; p=none": "tag_syntax",
		"v=DMARC1; p=none; pct=101; adkim=x": "pct dmarc_syntax; adkim dmarc_syntax", "v=DMARC1; p=none;": "",
	} {
		_, err := dns.ParseDMARC(text)
		require.Equal(t, want, codes(t, err), text)
	}

	key := make([]byte, 294)
	text, err = dns.DKIM{Key: key, Testing: true}.Text()
	require.NoError(t, err)
	require.Equal(t, "v=DKIM1; k=rsa; t=y; p="+strings.Repeat("A", 392), text)
	text, err = dns.DKIM{}.Text()
	require.NoError(t, err)
	require.Equal(t, "v=DKIM1; k=rsa; p=", text, "revoked")
	_, err = dns.DKIM{Key: key[:100]}.Text()
	require.Equal(t, "key key_too_short", codes(t, err))
	_, err = dns.DKIM{Type: "ed25519", Key: key}.Text()
	require.Equal(t, "key bad_key", codes(t, err))
	_, err = dns.DKIM{Type: "dsa"}.Text()
	require.Equal(t, "type bad_key_type", codes(t, err))
	name, err := dns.DKIMName("example.com", "s1")
	require.NoError(t, err)
	require.Equal(t, dns.Name("s1._domainkey.example.com"), name)
}

// TestRecordBuilders: what they make is valid in a zone.
func TestRecordBuilders(t *testing.T) {
	t.Parallel()
	records := readRecords(t, baseRecords, "example.com")
	add := func(made []dns.Record, err error) {
		require.NoError(t, err)
		records = append(records, made...)
	}
	add(dns.MailPolicy{PolicyID: "20261126", PolicyHost: "mta-sts.example.net", Reports: "tls@example.com"}.Records("example.com", 300))
	add(dns.Authorities{Issue: []string{"letsencrypt.org"}, NoWild: true, Report: "caa@example.com"}.Records("example.com", 300))
	add(dns.MailClients{Autoconfig: "autoconfig.example.net", Discover: "discover.example.net", IMAP: "imap.example.net", Submission: "smtp.example.net"}.Records("example.com", 300))
	require.NoError(t, dns.Validate(dns.EffectiveOf("example.com", dns.LayerSystem, records), dns.ValidateOptions{}))
	var out strings.Builder
	require.NoError(t, dns.WriteZone(&out, dns.Sorted(records[3:])))
	require.Equal(t, `example.com. 300 IN CAA 0 iodef "mailto:caa@example.com"
example.com. 300 IN CAA 0 issue "letsencrypt.org"
example.com. 300 IN CAA 0 issuewild ";"
_mta-sts.example.com. 300 IN TXT "v=STSv1; id=20261126;"
_autodiscover._tcp.example.com. 300 IN SRV 0 0 443 discover.example.net.
_imaps._tcp.example.com. 300 IN SRV 0 0 993 imap.example.net.
_pop3s._tcp.example.com. 300 IN SRV 0 0 0 .
_submissions._tcp.example.com. 300 IN SRV 0 0 465 smtp.example.net.
_smtp._tls.example.com. 300 IN TXT "v=TLSRPTv1; rua=mailto:tls@example.com"
autoconfig.example.com. 300 IN CNAME autoconfig.example.net.
autodiscover.example.com. 300 IN CNAME discover.example.net.
mta-sts.example.com. 300 IN CNAME mta-sts.example.net.
`, normalSpaces(out.String()))

	_, err := dns.MailPolicy{PolicyID: "a b", Reports: "x"}.Records("example.com", 300)
	require.Equal(t, "policyid bad_policy_id; policyhost required; reports bad_mail_address", codes(t, err))
	_, err = dns.Authorities{Issue: []string{"not a name"}, Report: "x"}.Records("example.com", 300)
	require.Equal(t, "report bad_mail_address; records[1].data.value caa_syntax", codes(t, err))
	none, err := dns.Authorities{}.Records("example.com", 300)
	require.NoError(t, err)
	require.Equal(t, []dns.Record{{Name: "example.com", TTL: 300, Data: dns.CAA{Tag: "issue", Value: ";"}}}, none)
}
