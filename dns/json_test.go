package dns_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// TestJSON: the form of what is stored and shown, which is stable.
func TestJSON(t *testing.T) {
	t.Parallel()
	r := dns.Record{Name: "www.example.com", TTL: 300, Data: dns.MX{Preference: 10, Host: "mail.example.com"}}
	for _, c := range []struct {
		value any
		want  string
	}{
		{r, `{"name":"www.example.com","ttl":300,"type":"MX","data":"10 mail.example.com."}`},
		{dns.Entry{ID: "web/www", Layer: dns.LayerTemplate, Owner: "web", Record: r, Disabled: true},
			`{"id":"web/www","layer":"template","owner":"web","record":{"name":"www.example.com","ttl":300,"type":"MX","data":"10 mail.example.com."},"disabled":true}`},
		{dns.RRset{Name: "a.example", Type: dns.TypeTXT, TTL: 60, Data: []dns.RData{dns.TXT{Text: "a\"b\xff"}}},
			`{"name":"a.example","type":"TXT","ttl":60,"data":["\"a\\\"b\\255\""]}`},
		{dns.Type(65280), `"TYPE65280"`},
		{dns.Rule{ID: "www", Name: "www", TTL: 60, Type: dns.TypeCNAME, Data: "@"}, `{"id":"www","name":"www","ttl":60,"type":"CNAME","data":"@"}`},
		{dns.Vars{"v": {{Name: "a.example"}, {Text: "x"}}}, `{"v":[{"name":"a.example"},{"text":"x"}]}`},
		{dns.Hidden{Entry: dns.Entry{ID: "x", Record: r}, Reason: dns.ReasonOverridden, By: "c"},
			`{"id":"x","layer":"","record":{"name":"www.example.com","ttl":300,"type":"MX","data":"10 mail.example.com."},"reason":"overridden","by":"c"}`},
	} {
		got, err := json.Marshal(c.value)
		require.NoError(t, err)
		require.Equal(t, c.want, string(got))
	}
	one := revise(t, dns.Revision{}, "example.com", readRecords(t, baseRecords+"old 60 A 192.0.2.1", "example.com"))
	two, err := dns.Revise(one, "example.com", readRecords(t, baseRecords+"new 60 A 192.0.2.1", "example.com"), nil, dns.SerialCounter, time.Time{})
	require.NoError(t, err)
	plan, err := dns.NewPlan(dns.PlanInput{Server: "ns1", Zone: "example.com", Revision: two, Observed: dns.Published{Present: true, Serial: 1, Records: one.Records}, Guards: dns.GuardOptions{Least: 3}})
	require.NoError(t, err)
	got, err := json.Marshal(plan)
	require.NoError(t, err)
	require.Equal(t, `{"server":"ns1","zone":"example.com","expect":{"present":true,"serial":1},"serial":2,"steps":[`+
		`{"after":{"name":"new.example.com","type":"A","ttl":60,"data":["192.0.2.1"]}},`+
		`{"before":{"name":"old.example.com","type":"A","ttl":60,"data":["192.0.2.1"]}},`+
		`{"before":{"name":"example.com","type":"SOA","ttl":3600,"data":["ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 300"]},`+
		`"after":{"name":"example.com","type":"SOA","ttl":3600,"data":["ns1.example.net. hostmaster.example.net. 2 7200 900 1209600 300"]}}],`+
		`"counts":{"added":1,"removed":1,"changed":0,"unchanged":2},`+
		`"guards":[{"code":"many_changes","message":"1 of 3 records are changed or removed, more than 30 percent"}],`+
		`"digest":"`+plan.Digest+`","checksum":"c133f77c8d24f91ba9d357bd2090db89b404dad784767823edcec8804473d3ac"}`, string(got))
}

// TestRecordJSON: every valid record comes back, and what is none is refused.
func TestRecordJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGenerator(rapid.Uint64().Draw(t, "seed"), "example.com")
		r := g.record()
		if r.Check() != nil {
			return
		}
		text, err := json.Marshal(r)
		require.NoError(t, err)
		var back dns.Record
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, r, back)
		requireOracleReads(t, r)
	})
	for text, want := range map[string]string{
		`{"name":"a.example","ttl":60,"type":"A","data":"192.0.2.1\nx 60 A 192.0.2.2"}`: "data line_break",
		`{"name":"a.example","ttl":4294967295,"type":"A","data":"192.0.2.1"}`:           "ttl too_large",
		`{"name":"","ttl":60,"type":"A","data":"192.0.2.1"}`:                            "name required",
		`{"name":"a..b","ttl":60,"type":"A","data":"192.0.2.1"}`:                        "empty_label",
		`{"name":"a.b","ttl":60,"type":"WHAT","data":"192.0.2.1"}`:                      "unknown_type",
	} {
		var r dns.Record
		require.Equal(t, want, codes(t, json.Unmarshal([]byte(text), &r)), text)
	}
}
