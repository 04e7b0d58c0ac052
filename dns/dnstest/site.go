package dnstest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// site is a Site with the test that uses it.
type site struct {
	Site
	t   *conformance.T
	h   Harness
	ops int
}

func begin(t *conformance.T, h Harness) *site {
	t.Helper()
	s := &site{Site: h.New(t.Test()), t: t, h: h}
	s.need(s.Server != nil, "Server")
	s.need(s.Zone != nil, "Zone")
	s.need(s.Ask != nil, "Ask")
	return s
}

// need ends the check if the site lacks what the rule needs.
func (s *site) need(ok bool, what string) {
	s.t.Helper()
	if !ok {
		s.t.Fatalf("the site has no %s", what)
	}
}

func (s *site) creates() bool { return s.Server.Capabilities().Creates }

// again returns a driver without the memory of the first.
func (s *site) again() dns.NameServer {
	if s.Again == nil {
		return s.Server
	}
	return s.Again()
}

// within calls fn and ends the check if it takes too long.
func (s *site) within(what string, fn func() error) error {
	s.t.Helper()
	var err error
	if !conformance.Within(s.h.patience(), func() { err = fn() }) {
		s.t.Fatalf("%s does not return", what)
	}
	s.clean(what, err)
	return err
}

// clean: an error has a kind and quotes no secret.
func (s *site) clean(what string, err error) {
	s.t.Helper()
	if err == nil {
		return
	}
	for _, text := range s.Secrets {
		if text != "" && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), text) {
			s.t.Errorf("SEC: the error of %s contains a secret", what)
		}
	}
}

func (s *site) apply(what string, c dns.Change) error {
	s.t.Helper()
	return s.within(what, func() error { return s.Server.Apply(s.t.Context(), s.Place, c) })
}

func (s *site) fetch(zone dns.Name) dns.Published {
	s.t.Helper()
	var p dns.Published
	err := s.within("Fetch", func() (err error) {
		p, err = s.Server.Fetch(s.t.Context(), s.Place, zone)
		return err
	})
	s.t.OK(err, "Fetch")
	return p
}

func (s *site) ask(zone dns.Name) dns.Published {
	s.t.Helper()
	p, err := s.Ask(s.t.Context(), zone)
	s.t.OK(err, "ask the server for %s", zone)
	return p
}

// published ends the check unless the server has exactly these records.
func (s *site) published(zone dns.Name, want []dns.Record, what string) {
	s.t.Helper()
	p := s.ask(zone)
	if !p.Present {
		s.t.Fatalf("%s: the server does not have the zone", what)
	}
	if why := differ(p.Records, want); why != "" {
		s.t.Fatalf("%s: the server publishes other records:\n%s", what, why)
	}
	if serial := serialOf(want); p.Serial != serial {
		s.t.Fatalf("%s: the server has serial %d, want %d", what, p.Serial, serial)
	}
}

// absent ends the check if the server has the zone.
func (s *site) absent(zone dns.Name, what string) {
	s.t.Helper()
	if p := s.ask(zone); p.Present {
		s.t.Fatalf("%s: the server has the zone, with serial %d", what, p.Serial)
	}
}

// make has a new zone published.
func (s *site) make(records func(zone dns.Name) []dns.Record) (dns.Name, []dns.Record) {
	s.t.Helper()
	zone := s.Zone()
	list := records(zone)
	if s.creates() {
		s.t.OK(s.apply("Apply of a new zone", s.change(zone, nil, list)), "Apply of a new zone")
	} else {
		s.need(s.Create != nil, "Create")
		s.t.OK(s.Create(s.t.Context(), zone, list), "create a zone")
	}
	s.published(zone, list, "a new zone")
	return zone, list
}

// change is the change from records, nil for no zone, to others.
func (s *site) change(zone dns.Name, from, to []dns.Record) dns.Change {
	s.ops++
	c := dns.Change{Operation: fmt.Sprintf("op-%s-%d", zone, s.ops), Zone: zone, Serial: serialOf(to), Desired: dns.Sorted(to), Steps: Steps(from, to)}
	if from != nil {
		c.Expect = dns.Expect{Present: true, Serial: serialOf(from)}
	}
	return c
}

// edit publishes other records in the place of the present ones.
func (s *site) edit(what string, zone dns.Name, from, to []dns.Record) {
	s.t.Helper()
	s.t.OK(s.apply(what, s.change(zone, from, to)), "%s", what)
	s.published(zone, to, what)
}

// Steps lists the changes from some records to others: additions and replacements, then
// removals, then the SOA.
func Steps(from, to []dns.Record) []dns.SetChange {
	var adds, removes, soa []dns.SetChange
	before := map[dns.Key]dns.RRset{}
	for _, set := range dns.Sets(from) {
		before[set.Key()] = set
	}
	for _, set := range dns.Sets(to) {
		old := before[set.Key()]
		delete(before, set.Key())
		switch {
		case old.Equal(set):
		case set.Type == dns.TypeSOA:
			soa = append(soa, dns.SetChange{Before: old, After: set})
		default:
			adds = append(adds, dns.SetChange{Before: old, After: set})
		}
	}
	for _, set := range dns.Sets(from) {
		if old, ok := before[set.Key()]; ok {
			removes = append(removes, dns.SetChange{Before: old})
		}
	}
	return slices.Concat(adds, removes, soa)
}

func serialOf(records []dns.Record) dns.Serial {
	for _, r := range records {
		if soa, ok := r.Data.(dns.SOA); ok {
			return soa.Serial
		}
	}
	return 0
}

// differ tells how two lists of records differ, without those that servers make when they
// sign; "": not at all.
func differ(got, want []dns.Record) string {
	plain := func(list []dns.Record) []dns.Record {
		return dns.Sorted(slices.DeleteFunc(slices.Clone(list), func(r dns.Record) bool { return r.Type().Signing() }))
	}
	a, b := plain(got), plain(want)
	var lines []string
	i, j := 0, 0
	for (i < len(a) || j < len(b)) && len(lines) < 20 {
		switch {
		case j == len(b) || i < len(a) && a[i].Compare(b[j]) < 0:
			lines = append(lines, "not wanted: "+a[i].String())
			i++
		case i == len(a) || a[i].Compare(b[j]) > 0:
			lines = append(lines, "missing:    "+b[j].String())
			j++
		default:
			i, j = i+1, j+1
		}
	}
	return strings.Join(lines, "\n")
}

// refusal checks that an error says that nothing was done.
func (s *site) refusal(what string, err error, kinds ...tierhost.Kind) {
	s.t.Helper()
	if err == nil {
		s.t.Fatalf("%s succeeds", what)
	}
	if !slices.Contains(kinds, tierhost.KindOf(err)) {
		s.t.Errorf("%s fails with kind %s, want one of %v: %v", what, tierhost.KindOf(err), kinds, err)
	}
	if e := tierhost.EffectOf(err); e != tierhost.EffectNone {
		s.t.Errorf("%s fails with effect %s, want none: %v", what, e, err)
	}
}

// changed checks that an error is that somebody else has changed the zone.
func (s *site) changed(what string, err error) {
	s.t.Helper()
	if !errors.Is(err, dns.ErrChanged) {
		s.t.Errorf("%s: the error is %v, want dns.ErrChanged", what, err)
		return
	}
	s.refusal(what, err, tierhost.KindConflict)
}

// can narrows a zone to what the server can publish.
func (s *site) can(records []dns.Record) []dns.Record {
	c := s.Server.Capabilities()
	return slices.DeleteFunc(records, func(r dns.Record) bool { return c.Check([]dns.Record{r}) != nil })
}
