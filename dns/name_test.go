package dns_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// TestParseName (Z11, bug 6): every way to write a name comes to one stored form.
func TestParseName(t *testing.T) {
	t.Parallel()
	label63 := strings.Repeat("a", 63)
	long := strings.Join([]string{label63, label63, label63, strings.Repeat("b", 61)}, ".")
	for _, c := range []struct{ text, want string }{
		{"example.com", "example.com"},
		{"Example.COM.", "example.com"},
		{"www.bücher.example", "www.xn--bcher-kva.example"},
		{"BÜCHER.example", "xn--bcher-kva.example"},
		{"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
		{"bücher。example．com", "xn--bcher-kva.example.com"},
		{"faß.example", "xn--fa-hia.example"},
		{"ｅｘample.com", "example.com"},
		{"_dmarc.example.com", "_dmarc.example.com"},
		{"*.example.com", "*.example.com"},
		{"0/25.2.0.192.in-addr.arpa", "0/25.2.0.192.in-addr.arpa"},
		{"r3---sn.example.com", "r3---sn.example.com"},
		{"1.2.3", "1.2.3"},
		{".", "."},
		{label63 + ".com", label63 + ".com"},
		{long, long},

		{"", "required"},
		{"..", "empty_label"},
		{"a..b", "empty_label"},
		{".a", "empty_label"},
		{"a.com..", "empty_label"},
		{"a.*.com", "wildcard_inside"},
		{"a*.com", "bad_character"},
		{"a b.com", "bad_character"},
		{"a\nb.com", "bad_character"},
		{`a\.b.com`, "bad_character"},
		{"a@b.com", "bad_character"},
		{"-a.com", "bad_hyphen"},
		{"a-.com", "bad_hyphen"},
		{label63 + "a.com", "label_too_long"},
		{long + "b", "too_long"},
		{strings.Repeat("a", 5000), "too_long"},
		{"xn--nothing-at-all-here.com", "bad_idn"},
		{"xn--a.com", "bad_idn"},
		{"xn--abc-.com", "bad_hyphen"},
		{"ü_.com", "bad_idn"},
		{"a\u200db.com", "bad_idn"},
		{"\xff.com", "bad_idn"},
		{"☃℀.com", "bad_idn"},
		{"\u00ad.com", "bad_idn"}, // maps to nothing
	} {
		n, err := dns.ParseName(c.text)
		got := codes(t, err)
		if err == nil {
			got = n.String()
			require.NoError(t, n.Check(), c.text)
			again, err := dns.ParseName(got)
			require.NoError(t, err)
			require.Equal(t, n, again)
		}
		require.Equal(t, c.want, got, "%q", c.text)
	}
	require.Equal(t, "www.bücher.example", dns.Name("www.xn--bcher-kva.example").Unicode())
	require.Equal(t, "xn--a.com", dns.Name("xn--a.com").Unicode(), "no label: as it is")
}

// TestNameParts: parents, children and relatives.
func TestNameParts(t *testing.T) {
	t.Parallel()
	n := dns.Name("a.b.example.com")
	require.Equal(t, dns.Name("b.example.com"), n.Parent())
	require.Equal(t, dns.Root, dns.Name("com").Parent())
	require.Equal(t, dns.Root, dns.Root.Parent())
	require.Equal(t, "a", n.First())
	require.Equal(t, []string{"a", "b", "example", "com"}, slices.Collect(n.Labels()))
	require.Equal(t, 4, n.NumLabels())
	require.Zero(t, dns.Root.NumLabels())
	require.True(t, n.Below("example.com"))
	require.True(t, n.Within(n))
	require.False(t, n.Below(n))
	require.True(t, n.Below(dns.Root))
	require.False(t, dns.Name("notexample.com").Within("example.com"), "a suffix is no parent")
	require.False(t, n.Within(""))
	require.Equal(t, "a.b", n.Relative("example.com"))
	require.Equal(t, "@", n.Relative(n))
	require.Equal(t, "a.b.example.com.", n.Relative("example.org"))
	require.Equal(t, "a.b.example.com", n.Relative(dns.Root))
	require.Equal(t, ".", dns.Root.FQDN())
	child, err := dns.Name("example.com").Child("www")
	require.NoError(t, err)
	require.Equal(t, dns.Name("www.example.com"), child)
	_, err = dns.Name("example.com").Child("www.")
	require.Equal(t, "empty_label", codes(t, err))
	_, err = dns.Name("").Child("www")
	require.Equal(t, "no_origin", codes(t, err))
	require.True(t, dns.Name("*.example.com").Wildcard())
	require.Equal(t, 1, dns.Root.WireLen())
	require.Equal(t, 13, dns.Name("example.com").WireLen())
	require.Equal(t, 5, dns.Name(`\046a\255`).WireLen())
}

// TestNameOrder: RFC 4034, 6.1, and the order is one.
func TestNameOrder(t *testing.T) {
	t.Parallel()
	want := []dns.Name{"", dns.Root, "com", "example", "a.example", "yljkjljk.a.example", "z.a.example", "zabc.a.example", "xz.example", "z.example", "*.z.example"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, dns.Name.Compare)
	require.Equal(t, want, got)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.Custom(func(t *rapid.T) dns.Name {
			return dns.Name(strings.Join(rapid.SliceOfN(rapid.StringMatching("[ab-]{1,3}"), 1, 4).Draw(t, "labels"), "."))
		})
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		require.Equal(t, slowCompare(a, b) < 0, a.Compare(b) < 0)
		require.Equal(t, a == b, a.Compare(b) == 0)
		require.Equal(t, a.Compare(b) < 0, b.Compare(a) > 0)
		if a.Compare(b) < 0 && b.Compare(c) < 0 {
			require.Negative(t, a.Compare(c))
		}
	})
}

// slowCompare compares labels from the right, as it is written in the RFC.
func slowCompare(a, b dns.Name) int {
	x, y := slices.Collect(a.Labels()), slices.Collect(b.Labels())
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}

// FuzzParseName: what is accepted is in one form, and other readers take it as the same
// octets.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"example.com", "bücher.example.", "*.a", `a\046b`, "xn--bcher-kva", "☃.net", "a.b.", "⒈.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := dns.ParseName(text)
		if err != nil {
			any, err := dns.ParseAnyName(text, "example.com")
			if err != nil {
				return
			}
			n = any
		} else {
			require.NoError(t, n.Check(), "%q", text)
			u, err := dns.ParseName(n.Unicode())
			require.NoError(t, err, "%q", n.Unicode())
			require.Equal(t, n, u)
		}
		wire, err := n.AppendWire(nil)
		require.NoError(t, err)
		require.Len(t, wire, n.WireLen())
		require.LessOrEqual(t, len(wire), 255)
		back, used, err := dns.ParseWireName(wire)
		require.NoError(t, err)
		require.Equal(t, n, back)
		require.Equal(t, len(wire), used)
		again, err := dns.ParseAnyName(n.FQDN(), "")
		require.NoError(t, err)
		require.Equal(t, n, again)

		buf := make([]byte, 300)
		end, err := miekg.PackDomainName(n.FQDN(), buf, 0, nil, false)
		require.NoError(t, err, n.FQDN())
		require.Equal(t, string(wire), string(buf[:end]))

		text2, err := json.Marshal(map[dns.Name]dns.Name{n: n})
		require.NoError(t, err)
		var read map[dns.Name]dns.Name
		require.NoError(t, json.Unmarshal(text2, &read))
		require.Equal(t, map[dns.Name]dns.Name{n: n}, read)
	})
}
