package dnstest

import (
	"context"
	"fmt"
	"reflect"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// points is how many points of a connection are tried.
const points = 60

func breakRules() []Rule {
	return []Rule{
		{
			ID: "CTX-1", Name: "cancelled before",
			Text: "With a cancelled context every method fails and changes nothing.",
			Why:  "The caller has given up and may have handed the zone to another worker.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				zone, a := s.make(small(1))
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				for name, call := range map[string]func() error{
					"Fetch":  func() error { _, err := s.Server.Fetch(ctx, s.Place, zone); return err },
					"Apply":  func() error { return s.Server.Apply(ctx, s.Place, s.change(zone, a, other(2)(zone))) },
					"Remove": func() error { return s.Server.Remove(ctx, s.Place, zone) },
				} {
					if err := s.within(name, call); err == nil {
						t.Errorf("%s succeeds with a cancelled context", name)
					}
					s.published(zone, a, name+" with a cancelled context")
				}
			},
		},
		{
			ID: "CTX-2", Name: "cancelled within",
			Text: "A call whose server does not answer ends when the context does, and can be repeated.",
			Why:  "A server that hangs must not hold a worker.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.broken("Apply", Hang)
			},
		},
		{
			ID: "CUT-1", Name: "Apply",
			Text: "If the connection breaks anywhere in Apply, the error says what it left behind, and the call can be repeated.",
			Why:  "An error that says \"nothing was done\" after an effect has the caller plan from a wrong serial.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.broken("Apply", Cut)
			},
		},
		{
			ID: "CUT-2", Name: "Fetch",
			Text: "If the connection breaks anywhere in Fetch, it fails: no part of a zone is returned as the zone.",
			Why:  "What is missing would be planned as lost, and a zone that cannot be read would be made again.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Break != nil, "Break")
				zone := s.Zone()
				records := wide(zone, 1, 2000)
				if s.creates() {
					t.OK(s.apply("Apply", s.change(zone, nil, records)), "Apply")
				} else {
					s.need(s.Create != nil, "Create")
					t.OK(s.Create(t.Context(), zone, records), "create a zone")
				}
				for point := range points {
					b := s.breaks(point, Cut)
					p, err := b.Server.Fetch(t.Context(), *b.Place, zone)
					if err == nil {
						if why := differ(p.Records, records); why != "" || !p.Present {
							t.Fatalf("Fetch that breaks at point %d returns a part: present %v\n%s", point, p.Present, why)
						}
						return
					}
					s.clean("Fetch", err)
				}
				t.Fatalf("Fetch has more than %d points", points)
			},
		},
	}
}

func (s *site) breaks(point int, how Fault) Broken {
	s.t.Helper()
	s.need(s.Break != nil, "Break")
	b := s.Break(s.t.Test(), point, how)
	if b.Server == nil {
		b.Server = s.Server
	}
	if b.Place == nil {
		b.Place = &s.Place
	}
	return b
}

// broken breaks the connection at each point of a call, checks what the error says, and
// repeats the call.
func (s *site) broken(name string, how Fault) {
	s.t.Helper()
	zone, now := s.make(small(1))
	for point := range points {
		b := s.breaks(point, how)
		serial := serialOf(now) + 1
		next := small(serial)(zone)
		if serial%2 == 0 {
			next = other(serial)(zone)
		}
		c := s.change(zone, now, next)
		what := fmt.Sprintf("%s that breaks at point %d", name, point)
		ctx, cancel := context.WithCancel(s.t.Context())
		if how == Hang {
			go func() {
				select {
				case <-b.Reached:
					cancel()
				case <-ctx.Done():
				}
			}()
		}
		err := s.within(what, func() error { return b.Server.Apply(ctx, *b.Place, c) })
		cancel()
		p := s.ask(zone)
		same := differ(p.Records, now) == ""
		done := differ(p.Records, next) == ""
		switch effect := tierhost.EffectOf(err); {
		case err == nil && !done:
			s.t.Fatalf("%s succeeds, but the zone is not as wanted", what)
		case err != nil && effect == tierhost.EffectNone && !same:
			s.t.Fatalf("%s says that nothing was done, but it was: %v", what, err)
		case err != nil && effect == tierhost.EffectApplied && !done:
			s.t.Fatalf("%s says that all was done, but it was not: %v", what, err)
		case !same && !done && s.Server.Capabilities().Atomic == dns.AtomicZone:
			s.t.Fatalf("%s leaves a zone that is neither the old nor the new one, of a server that does whole zones:\n%s", what, differ(p.Records, next))
		}
		if !same && !done { // partly done: from what is there
			c = s.change(zone, p.Records, next)
		}
		s.t.OK(s.apply(what+", repeated", c), "%s, repeated", what)
		s.published(zone, next, what+", repeated")
		now = next
		select {
		case <-b.Reached:
		default:
			return // all points are behind us
		}
	}
	s.t.Fatalf("%s has more than %d points", name, points)
}

func abilityRules() []Rule {
	return []Rule{
		{
			ID: "ABL-1", Name: "declared",
			Text: "The driver has the abilities that it declares, no more and no less; its capabilities are well-formed and always the same.",
			Why:  "The planner trusts them before anything is changed.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				_, serials := dns.As[dns.SerialReader](s.Server)
				_, lists := dns.As[dns.Lister](s.Server)
				_, probes := dns.As[dns.Prober](s.Server)
				if has := (Features{serials, lists, probes}); has != h.Features {
					t.Errorf("the driver has %+v and declares %+v", has, h.Features)
				}
				c := s.Server.Capabilities()
				switch c.Atomic {
				case dns.AtomicZone, dns.AtomicSet, dns.AtomicRecord:
				default:
					t.Errorf("Atomic is %q", c.Atomic)
				}
				if !reflect.DeepEqual(c, s.Server.Capabilities()) {
					t.Errorf("the capabilities change")
				}
			},
		},
		{
			ID: "SER-1", Name: "serial",
			Text: "Serial tells what the SOA says, and that a zone is not there.",
			Why:  "It is how the state of many zones is watched.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				reader, ok := dns.As[dns.SerialReader](s.Server)
				s.need(ok, "dns.SerialReader")
				_, present, err := reader.Serial(t.Context(), s.Place, s.Zone())
				if t.OK(err, "Serial of no zone"); present {
					t.Errorf("Serial finds a zone that is not there")
				}
				zone, a := s.make(small(4000000000))
				for range 2 {
					serial, present, err := reader.Serial(t.Context(), s.Place, zone)
					if t.OK(err, "Serial"); !present || serial != serialOf(a) {
						t.Errorf("Serial is %d (present %v), want %d", serial, present, serialOf(a))
					}
					next := other(serialOf(a) + 1)(zone)
					s.edit("an edit", zone, a, next)
					a = next
				}
			},
		},
		{
			ID: "LIS-1", Name: "list",
			Text: "List yields every zone of the server once, and no other.",
			Why:  "Zones that nobody owns are found with it.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				lister, ok := dns.As[dns.Lister](s.Server)
				s.need(ok, "dns.Lister")
				a, _ := s.make(small(1))
				b, _ := s.make(small(1))
				seen := map[dns.Name]int{}
				for name, err := range lister.List(t.Context(), s.Place) {
					t.OK(err, "List")
					seen[name]++
				}
				if seen[a] != 1 || seen[b] != 1 {
					t.Errorf("the two zones are listed %d and %d times", seen[a], seen[b])
				}
				if never := s.Zone(); seen[never] != 0 {
					t.Errorf("a zone that never was is listed")
				}
				for range lister.List(t.Context(), s.Place) {
					break // which is allowed
				}
			},
		},
		{
			ID: "PRB-1", Name: "probe",
			Text: "Probe of a server that works is nil.",
			Why:  "Else it is taken out of service.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				prober, ok := dns.As[dns.Prober](s.Server)
				s.need(ok, "dns.Prober")
				t.OK(s.within("Probe", func() error { return prober.Probe(t.Context(), s.Place) }), "Probe")
			},
		},
		{
			ID: "PRB-2", Name: "dead",
			Text: "Probe, Fetch and Apply on a server that does not answer fail as unavailable, with no effect.",
			Why:  "That a server cannot be read does not mean that its zones are gone.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Dead != nil, "Dead")
				prober, ok := dns.As[dns.Prober](s.Server)
				s.need(ok, "dns.Prober")
				zone := s.Zone()
				for name, call := range map[string]func() error{
					"Probe": func() error { return prober.Probe(t.Context(), *s.Dead) },
					"Fetch": func() error { _, err := s.Server.Fetch(t.Context(), *s.Dead, zone); return err },
					"Apply": func() error { return s.Server.Apply(t.Context(), *s.Dead, s.change(zone, nil, small(1)(zone))) },
				} {
					s.refusal(name+" on a dead server", s.within(name, call), tierhost.KindUnavailable)
				}
			},
		},
	}
}
