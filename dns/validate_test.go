package dns_test

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

const baseRecords = `@ 3600 SOA ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 300
@ 3600 NS ns1.example.net.
@ 3600 NS ns2.example.net.
`

// faults lists the faults of a zone as testdata/validate.txt writes them.
func faults(t require.TestingT, e dns.Effective, opt dns.ValidateOptions) []string {
	err := dns.Validate(e, opt)
	if err == nil {
		return nil
	}
	var inv *tierhost.Invalid
	require.True(t, errors.As(err, &inv), "%v", err)
	index := regexp.MustCompile(`^records\[(\d+)\]\.?(.*)$`)
	var list []string
	for _, i := range inv.Issues {
		m := index.FindStringSubmatch(i.Path)
		if m == nil {
			list = append(list, i.Path+" "+i.Code)
			continue
		}
		n, _ := strconv.Atoi(m[1])
		r := e.Shown[n].Record
		field := m[2]
		if field == "" {
			field = "-"
		}
		list = append(list, strings.Join([]string{r.Name.Relative(e.Zone), r.Type().String(), field, i.Code}, " "))
	}
	return list
}

func readRecords(t require.TestingT, text string, origin dns.Name) []dns.Record {
	records, err := dns.ReadZone(strings.NewReader(text), dns.ReadOptions{Origin: origin})
	require.NoError(t, err)
	return records
}

func entriesOf(layer dns.Layer, records []dns.Record) []dns.Entry {
	entries := make([]dns.Entry, len(records))
	for i, r := range records {
		entries[i] = dns.Entry{ID: strconv.Itoa(i), Layer: layer, Record: r}
	}
	return entries
}

// TestValidate plays testdata/validate.txt, and every code that validation has is in it.
func TestValidate(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/validate.txt")
	require.NoError(t, err)
	seen := map[string]bool{}
	cases := strings.Split(string(text), "\n=== ")
	require.Greater(t, len(cases), 30)
	for _, c := range cases[1:] {
		head, body, _ := strings.Cut(c, "\n")
		body, wanted, ok := strings.Cut("\n"+body+"\n", "\n---\n")
		require.True(t, ok, head)
		var opt dns.ValidateOptions
		layers := dns.Layers{Zone: "example.com"}
		bare, layer := false, dns.LayerCustom
		for _, word := range strings.Fields(head) {
			switch key, value, _ := strings.Cut(word, "="); key {
			case "bare":
				bare = true
			case "system":
				layer = dns.LayerSystem
			case "onens":
				opt.OneNameServer = true
			case "zone":
				if value != "" {
					layers.Zone = dns.Name(value)
				}
			case "max":
				opt.MaxRecords, _ = strconv.Atoi(value)
			case "huge":
				for range 300 {
					body += "\nbig 300 TXT \"" + strings.Repeat("x", 250) + strconv.Itoa(len(body)) + "\""
				}
			}
		}
		if !bare {
			layers.System = entriesOf(dns.LayerSystem, readRecords(t, baseRecords, layers.Zone))
		}
		added := entriesOf(layer, readRecords(t, body, layers.Zone))
		if layer == dns.LayerSystem {
			layers.System = append(layers.System, added...)
		} else {
			layers.Custom = added
		}
		got := faults(t, dns.Merge(layers), opt)
		want := strings.Split(strings.TrimSpace(wanted), "\n")
		if want[0] == "" {
			want = nil
		}
		for _, w := range want {
			seen[w[strings.LastIndexByte(w, ' ')+1:]] = true
		}
		slices.Sort(got)
		slices.Sort(want)
		require.Equal(t, want, got, head)
	}
	for _, code := range validationCodes(t) {
		if code != "system_conflict" && code != "required" { // TestSystemConflict, TestValidateNothing
			require.True(t, seen[code], "no case has the code %s", code)
		}
	}
}

// validationCodes lists the codes that the sources of validation have.
func validationCodes(t *testing.T) []string {
	var codes []string
	find := regexp.MustCompile(`(?:Add|add)\([^"\n]*"[a-z.]*"(?:\+field)?, "([a-z_]+)"|return "([a-z_]+)", |n, Type[A-Z]+, "([a-z_]+)"|"code", "([a-z_]+)"`)
	for _, file := range []string{"validate.go", "validate_data.go"} {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range find.FindAllSubmatch(src, -1) {
			codes = append(codes, string(bytes.Join(m[1:], nil)))
		}
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	require.Greater(t, len(codes), 30)
	return codes
}

// TestCodesAreDocumented: docs/dns.md lists every code of validation.
func TestCodesAreDocumented(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/dns.md")
	require.NoError(t, err)
	for _, code := range validationCodes(t) {
		require.Contains(t, string(docs), "`"+code+"`")
	}
}

// TestSystemConflict: a customer's records do not mix with those of the system.
func TestSystemConflict(t *testing.T) {
	t.Parallel()
	system := baseRecords + "ns9 300 A 192.0.2.9\n"
	e := dns.Merge(dns.Layers{
		Zone:   "example.com",
		System: entriesOf(dns.LayerSystem, readRecords(t, system, "example.com")),
		Custom: entriesOf(dns.LayerCustom, readRecords(t, "ns9 300 AAAA 2001:db8::1\nns9 300 TXT x", "example.com")),
	})
	require.Equal(t, []string{"ns9 AAAA name system_conflict"}, faults(t, e, dns.ValidateOptions{}))
}

// TestValidateNothing: the zero zone has faults and no crash.
func TestValidateNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, "zone required", codes(t, dns.Validate(dns.Effective{}, dns.ValidateOptions{})))
	e := dns.Effective{Zone: "example.com", Shown: []dns.Entry{{}, {}}}
	require.Error(t, dns.Validate(e, dns.ValidateOptions{}))
}

// TestRecordCheck: records that no zone file can say are refused too.
func TestRecordCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		record dns.Record
		want   string
	}{
		{dns.Record{}, "name required; data required"},
		{dns.Record{Name: "a.example", TTL: 1 << 31, Data: dns.TXT{}}, "ttl too_large"},
		{dns.Record{Name: "A.example", Data: dns.TXT{}}, "name not_canonical"},
		{dns.Record{Name: "a.example.", Data: dns.A{}}, "name not_canonical; data.addr bad_address"},
		{dns.Record{Name: "a.example", Data: dns.MX{}}, "data.host required"},
		{dns.Record{Name: "a.example", Data: dns.CAA{Tag: "a b"}}, "data.tag bad_tag"},
		{dns.Record{Name: "a.example", Data: dns.TXT{Text: strings.Repeat("x", 64000)}}, "data.text too_long"},
		{dns.Record{Name: "a.example", Data: dns.Unknown{RType: dns.TypeA}}, "data.type known_type"},
		{dns.Record{Name: "a.example", Data: dns.Unknown{RType: 255}}, "data.type bad_type"},
		{dns.Record{Name: "a.example", Data: dns.SOA{Primary: ".", Mailbox: ".", Refresh: 1 << 31}}, "data.refresh too_large"},
		{dns.Record{Name: "a.example", Data: dns.HTTPS{Priority: 1, Target: ".", Params: "\x00"}}, "data.params bad_value"},
		{dns.Record{Name: "a.example", Data: dns.NAPTR{Flags: strings.Repeat("a", 256)}}, "data.flags too_long; data.replacement required"},
	} {
		require.Equal(t, c.want, codes(t, c.record.Check()), "%s", c.record)
	}
}

// TestAliasChain: aliases that lead on and on, and into a loop of others.
func TestAliasChain(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(baseRecords)
	for i := range 20 {
		text.WriteString("a" + strconv.Itoa(i) + " 60 CNAME a" + strconv.Itoa(i+1) + "\n")
	}
	text.WriteString("a20 60 A 192.0.2.1\nin 60 CNAME x\nx 60 CNAME y\ny 60 CNAME x\n")
	got := faults(t, dns.EffectiveOf("example.com", dns.LayerSystem, readRecords(t, text.String(), "example.com")), dns.ValidateOptions{})
	slices.Sort(got)
	require.Equal(t, []string{"a0 CNAME data.target alias_loop", "a1 CNAME data.target alias_loop", "a2 CNAME data.target alias_loop", "a3 CNAME data.target alias_loop",
		"in CNAME data.target alias_loop", "x CNAME data.target alias_loop", "y CNAME data.target alias_loop"}, got)
}
