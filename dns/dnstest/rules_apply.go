package dnstest

import (
	"fmt"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func fetchRules() []Rule {
	return []Rule{
		{
			ID: "FET-1", Name: "absent",
			Text: "Fetch of a zone that the server does not have is a Published that is not Present, and no error.",
			Why:  "The planner has to tell a new zone from a server that cannot be read.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				p := s.fetch(s.Zone())
				if p.Present || len(p.Records) > 0 {
					t.Errorf("Fetch of a zone that is not there: %+v", p)
				}
			},
		},
		{
			ID: "FET-2", Name: "whole",
			Text: "Fetch returns every record that the server publishes, each once, SOA and serial included, and changes nothing.",
			Why:  "What is not seen is planned again, and what is seen twice is removed.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, records := s.make(small(7))
				for range 2 {
					p := s.fetch(zone)
					if why := differ(p.Records, records); !p.Present || p.Serial != 7 || why != "" {
						t.Errorf("Fetch: present %v, serial %d\n%s", p.Present, p.Serial, why)
					}
				}
				s.published(zone, records, "after Fetch")
				p, err := s.again().Fetch(t.Context(), s.Place, zone)
				t.OK(err, "Fetch by another driver")
				if why := differ(p.Records, records); why != "" {
					t.Errorf("Fetch by another driver:\n%s", why)
				}
			},
		},
	}
}

func applyRules() []Rule {
	return []Rule{
		{
			ID: "APP-1", Name: "new zone",
			Text: "Apply makes a zone that is not there, with exactly the records and the serial of the change; a driver that cannot fails with dns.ErrZoneMissing.",
			Why:  "A zone with one name server of four, or with records of a template of the server, is not what was ordered.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				if s.creates() {
					zone, _ := s.make(small(1))
					s.absent(sub("www", zone), "a name in the zone")
					return
				}
				zone := s.Zone()
				err := s.apply("Apply without the zone", s.change(zone, nil, small(1)(zone)))
				t.Is(err, dns.ErrZoneMissing, "Apply without the zone")
				s.refusal("Apply without the zone", err, tierhost.KindPrecondition)
				s.absent(zone, "Apply without the zone")
			},
		},
		{
			ID: "APP-2", Name: "edits",
			Text: "After Apply the server publishes exactly the desired records: added, changed and dropped ones, TTLs, aliases in the place of addresses and back, name servers, the SOA.",
			Why:  "A record that stays sends mail to the wrong server.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(1))
				b := other(2)(zone)
				s.edit("A to B", zone, a, b)
				back := small(3)(zone)
				s.edit("B to A", zone, b, back)
				bare := at(zone, 4)
				s.edit("all but SOA and NS dropped", zone, back, bare)
				soaOnly := at(zone, 5)
				d := soa(5)
				d.Minimum, d.Refresh, d.Mailbox = 61, 7201, "other.example.net"
				soaOnly[0].Data = d
				soaOnly[0].TTL = 1800
				s.edit("SOA changed", zone, bare, soaOnly)
				all := other(6)(zone)
				s.edit("all added", zone, soaOnly, all)
				ns := other(7)(zone)
				for i := range ns {
					if ns[i].Type() == dns.TypeNS {
						ns[i].Data = dns.NS{Host: dns.Name(fmt.Sprintf("ns%d.other.example", i))}
					}
				}
				s.edit("every name server replaced", zone, all, ns)
			},
		},
		{
			ID: "APP-3", Name: "twice",
			Text: "Apply of what is published already, serial included, succeeds and does nothing, also by another process.",
			Why:  "Whoever lost the answer repeats the call.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(1))
				b := other(2)(zone)
				c := s.change(zone, a, b)
				t.OK(s.apply("Apply", c), "Apply")
				t.OK(s.apply("Apply again", c), "Apply again")
				s.published(zone, b, "Apply twice")
				t.OK(s.within("Apply by another", func() error { return s.again().Apply(t.Context(), s.Place, c) }), "Apply by another driver")
				s.published(zone, b, "Apply three times")
				if s.creates() {
					made := s.change(zone, nil, b)
					t.OK(s.apply("creation again", made), "creation of what is there as wanted")
					s.published(zone, b, "creation again")
				}
			},
		},
		{
			ID: "APP-7", Name: "serial",
			Text: "The serial is the change's, whatever its number, also past 4294967295.",
			Why:  "All servers of a zone must agree on the serial, and serials are a circle (RFC 1982).",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				serials := []dns.Serial{4294967294, 4294967295, 1, 100, 2147483700, 4294967000, 2147483000 + 100}
				zone, now := s.make(small(serials[0]))
				for _, n := range serials[1:] {
					if !n.After(serialOf(now)) {
						continue
					}
					next := small(n)(zone)
					next = append(next, dns.Record{Name: sub("n", zone), TTL: 60, Data: dns.TXT{Text: n.String()}})
					s.edit("serial "+n.String(), zone, now, next)
					now = next
				}
			},
		},
		{
			ID: "APP-8", Name: "many zones at once",
			Text: "Calls for different zones at the same time do not touch each other.",
			Why:  "A change of a template is applied to many zones by many workers.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				const n = 8
				zones, records := make([]dns.Name, n), make([][]dns.Record, n)
				for i := range n {
					zones[i], records[i] = s.make(small(1))
				}
				errs := make([]error, n)
				var wg sync.WaitGroup
				for i := range n {
					next := other(2)(zones[i])
					next = append(next, dns.Record{Name: sub("own", zones[i]), TTL: 60, Data: addr(100 + i)})
					c := s.change(zones[i], records[i], next)
					records[i] = next
					wg.Go(func() { errs[i] = s.Server.Apply(t.Context(), s.Place, c) })
				}
				wg.Wait()
				for i := range n {
					t.OK(errs[i], "Apply to zone %d", i)
					s.published(zones[i], records[i], fmt.Sprintf("zone %d", i))
				}
			},
		},
		{
			ID: "APP-9", Name: "large",
			Text: "A change of thousands of records is done whole, or refused as unsupported with nothing done.",
			Why:  "Limits of a message or a request must not cut a zone.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				n := 6000
				if limit := s.Server.Capabilities().MaxRecords; limit > 0 {
					n = min(n, limit-10)
				}
				zone, a := s.make(small(1))
				big := wide(zone, 2, n)
				err := s.apply("Apply of a large zone", s.change(zone, a, big))
				if err != nil {
					s.refusal("Apply of a large zone", err, tierhost.KindUnsupported)
					s.published(zone, a, "after the refusal")
					return
				}
				s.published(zone, big, "a large zone")
				if p := s.fetch(zone); len(p.Records) != len(big) {
					t.Errorf("Fetch returns %d records of %d", len(p.Records), len(big))
				}
				one := wide(zone, 3, n)
				one[len(one)-1].TTL = 77
				s.edit("one record of a large zone", zone, big, one)
				s.edit("a large zone emptied", zone, one, at(zone, 4))
			},
		},
		{
			ID: "NOT-1", Name: "told",
			Text: "The secondaries are told of the new serial without anything else being done.",
			Why:  "Else they serve the old zone until the refresh time is over.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Notified != nil, "Notified")
				zone, a := s.make(small(1))
				s.edit("an edit", zone, a, other(2)(zone))
				serials, err := s.Notified(t.Context(), zone)
				t.OK(err, "ask for notifications")
				for _, n := range serials {
					if n == 2 {
						return
					}
				}
				t.Errorf("nobody was told of serial 2, only of %v", serials)
			},
		},
	}
}

func contentRules() []Rule {
	return []Rule{
		{
			ID: "TXT-1", Name: "every type",
			Text: "Records of every type that the driver says it can publish come out as they went in: octets, TTL, order of fields; texts of any length with quotes, backslashes, semicolons, line breaks and any octet; wildcards, long names, the root as a target, types without a Go type.",
			Why:  "A DKIM key that is cut at 255 octets or a text that loses its quotes is a mail outage, and a line break that is not escaped adds records.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(1))
				full := append(at(zone, 2), s.can(rich(zone))...)
				s.edit("every type", zone, a, full)
				if why := differ(s.fetch(zone).Records, full); why != "" {
					t.Errorf("Fetch:\n%s", why)
				}
				s.edit("every type but one", zone, full, append(at(zone, 3), s.can(rich(zone))[1:]...))
			},
		},
		{
			ID: "TXT-2", Name: "what cannot be published",
			Text: "A change with a record that the server cannot publish fails before anything is changed.",
			Why:  "One bad record must not leave a zone half changed.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(1))
				for what, r := range map[string]dns.Record{
					"outside":     {Name: "www.elsewhere.example", TTL: 60, Data: addr(1)},
					"nearly":      {Name: "x" + zone, TTL: 60, Data: addr(1)},
					"no address":  {Name: sub("x", zone), TTL: 60, Data: dns.A{}},
					"second SOA":  {Name: sub("x", zone), TTL: 60, Data: soa(2)},
					"bad name":    {Name: sub("a b", zone), TTL: 60, Data: addr(1)},
					"line break":  {Name: sub("x", zone), TTL: 60, Data: dns.CNAME{Target: "a\nwww"}},
					"huge TTL":    {Name: sub("x", zone), TTL: 1 << 31, Data: addr(1)},
					"no data":     {Name: sub("x", zone), TTL: 60},
					"broken type": {Name: sub("x", zone), TTL: 60, Data: dns.Unknown{RType: dns.TypeA, Data: "1"}},
				} {
					err := s.apply(what, s.change(zone, a, append(small(2)(zone), r)))
					s.refusal(what, err, tierhost.KindInvalid, tierhost.KindUnsupported)
					s.published(zone, a, what)
				}
				if !s.Server.Capabilities().Alias {
					alias := append(small(2)(zone), dns.Record{Name: sub("x", zone), TTL: 60, Data: dns.ALIAS{Target: "host.example"}})
					s.refusal("ALIAS", s.apply("ALIAS", s.change(zone, a, alias)), tierhost.KindInvalid, tierhost.KindUnsupported)
					s.published(zone, a, "ALIAS")
				}
			},
		},
	}
}
