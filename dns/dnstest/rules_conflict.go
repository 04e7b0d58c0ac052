package dnstest

import (
	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func conflictRules() []Rule {
	return []Rule{
		{
			ID: "APP-4", Name: "other serial",
			Text: "If the server publishes another serial than the change expects, Apply fails with dns.ErrChanged and no effect.",
			Why:  "Else the edit of another process is lost.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(10))
				b := other(11)(zone)
				s.edit("an edit", zone, a, b)
				for _, expect := range []dns.Serial{10, 9, 12} {
					c := s.change(zone, a, small(13)(zone))
					c.Expect.Serial = expect
					s.changed("Apply with another serial expected", s.apply("Apply", c))
					s.published(zone, b, "after the conflict")
				}
			},
		},
		{
			ID: "APP-5", Name: "there or not",
			Text: "If a zone is there and none is expected, or the other way round, Apply fails and changes nothing.",
			Why:  "A zone that somebody else made is not overwritten, and one that was removed does not come back.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(10))
				s.changed("creation of what is there", s.apply("Apply", s.change(zone, nil, other(11)(zone))))
				s.published(zone, a, "creation of what is there")
				never := s.Zone()
				err := s.apply("Apply", s.change(never, small(1)(never), other(2)(never)))
				s.refusal("edit of what is not there", err, tierhost.KindConflict, tierhost.KindPrecondition)
				s.absent(never, "edit of what is not there")
			},
		},
		{
			ID: "APP-6", Name: "somebody else",
			Text: "What somebody else has changed past the driver, with a serial of its own, is not overwritten but told by dns.ErrChanged; after a new Fetch it can be.",
			Why:  "An operator who mends a zone by hand must not lose the work unseen.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Meddle != nil, "Meddle")
				zone, a := s.make(small(10))
				foreign := append(small(11)(zone), dns.Record{Name: sub("byhand", zone), TTL: 60, Data: addr(66)})
				t.OK(s.Meddle(t.Context(), zone, foreign), "meddle")
				s.published(zone, foreign, "meddled")
				s.changed("Apply past somebody's change", s.apply("Apply", s.change(zone, a, other(12)(zone))))
				s.published(zone, foreign, "after the conflict")
				p := s.fetch(zone)
				if why := differ(p.Records, foreign); p.Serial != 11 || why != "" {
					t.Fatalf("Fetch: serial %d\n%s", p.Serial, why)
				}
				s.edit("Apply from what was fetched", zone, p.Records, other(12)(zone))
			},
		},
	}
}

func removeRules() []Rule {
	return []Rule{
		{
			ID: "REM-1", Name: "remove",
			Text: "Remove has the server serve the zone no more; that it is not there is success. A driver that cannot remove fails as unsupported, with nothing done.",
			Why:  "A zone that stays answers for a domain that has moved away.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(1))
				remove := func(d dns.NameServer, zone dns.Name) error {
					return s.within("Remove", func() error { return d.Remove(t.Context(), s.Place, zone) })
				}
				t.OK(remove(s.Server, s.Zone()), "Remove of what never was")
				err := remove(s.Server, zone)
				if !s.creates() {
					s.refusal("Remove", err, tierhost.KindUnsupported)
					s.published(zone, a, "after the refusal")
					return
				}
				t.OK(err, "Remove")
				s.absent(zone, "Remove")
				t.OK(remove(s.Server, zone), "Remove again")
				t.OK(remove(s.again(), zone), "Remove by another")
				s.absent(zone, "Remove three times")
				if s.fetch(zone).Present {
					t.Errorf("Fetch finds the zone")
				}
			},
		},
		{
			ID: "REM-2", Name: "made again",
			Text: "A zone that was removed can be made again, without anything of the old one.",
			Why:  "Domains come back, and with a new owner.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				if !s.creates() {
					return // it is not the driver that makes zones
				}
				zone, _ := s.make(small(5))
				t.OK(s.Server.Remove(t.Context(), s.Place, zone), "Remove")
				next := at(zone, 6, dns.Record{Name: sub("only", zone), TTL: 60, Data: addr(1)})
				t.OK(s.apply("Apply", s.change(zone, nil, next)), "Apply after Remove")
				s.published(zone, next, "made again")
			},
		},
		{
			ID: "REM-3", Name: "only that zone",
			Text: "Remove does not touch zones whose names are alike, above or below.",
			Why:  "They belong to other customers.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				if !s.creates() {
					return
				}
				zone, _ := s.make(small(1))
				others := map[dns.Name][]dns.Record{}
				for _, name := range []dns.Name{sub("child", zone), "x" + zone, zone + "x"} {
					others[name] = small(3)(name)
					t.OK(s.apply("Apply", s.change(name, nil, others[name])), "Apply to %s", name)
				}
				t.OK(s.Server.Remove(t.Context(), s.Place, zone), "Remove")
				s.absent(zone, "Remove")
				for name, records := range others {
					s.published(name, records, "beside a removed zone")
				}
			},
		},
	}
}
