package provisioningtest

import (
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func usageRules() []DriverRule {
	return []DriverRule{
		{
			ID: "USE-1", Name: "samples",
			Text: "Usage yields the declared meters of each thing, suspended ones too, with ID, kind, name and time, and no values below zero; ReadMeters, if there is one, those of one thing.",
			Why:  "What is not measured is not billed; what has no ID is billed to nobody.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				a, _ := s.make(s.call())
				b, _ := s.make(s.call())
				s.do("Suspend", suspend, b)
				gone, _ := s.make(s.call())
				s.do("Remove", remove, gone)
				for _, c := range []provisioning.Call{a, b} {
					got := s.usage(c)
					t.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(h.Features.Meters)), "the meters of a thing")
					s.meters(c, got)
				}
				s.meters(gone, nil)
				if got := s.usage(gone); len(got) > 0 {
					t.Errorf("Usage yields samples of what is gone: %+v", got)
				}
			},
		},
		{
			ID: "USE-2", Name: "growth",
			Text: "What a customer uses makes the values grow, those of that customer only.",
			Why:  "A meter that stands still gives everything away; one that mixes customers bills the wrong one.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(s.Fill != nil, "Fill")
				a, pw := s.make(s.call())
				b, _ := s.make(s.call())
				before, others := s.usage(a), s.usage(b)
				t.OK(s.Fill(t.Context(), a, pw), "use something")
				after := s.usage(a)
				for meter := range h.Features.Meters {
					if !after[meter].Value.GreaterThan(before[meter].Value) {
						t.Errorf("%s was %s and is %s after use", meter, before[meter].Value, after[meter].Value)
					}
				}
				for meter, sample := range s.usage(b) {
					if !sample.Value.Equal(others[meter].Value) {
						t.Errorf("%s of another has become %s from %s", meter, sample.Value, others[meter].Value)
					}
				}
			},
		},
		{
			ID: "USE-3", Name: "counters",
			Text: "Within an epoch counters never fall, whatever is done to the thing, and readings of one meter come in the order of their times.",
			Why:  "A counter that falls is taken for one that starts anew, and the customer pays twice.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(s.Fill != nil, "Fill")
				c, pw := s.make(s.call())
				t.OK(s.Fill(t.Context(), c, pw), "use something")
				last := s.usage(c)
				for name, m := range map[string]method{"Ensure": ensure, "Suspend": suspend, "Resume": resume, "Read": read} {
					s.do(name, m, s.next(c, s.B))
					now := s.usage(c)
					for meter, metric := range h.Features.Meters {
						was, is := last[meter], now[meter]
						if metric == provisioning.Counter && is.Epoch == was.Epoch && is.Value.LessThan(was.Value) {
							t.Errorf("%s falls from %s to %s after %s", meter, was.Value, is.Value, name)
						}
						if is.At.Before(was.At) {
							t.Errorf("%s of %s comes after that of %s", meter, is.At, was.At)
						}
					}
					last = now
				}
			},
		},
		{
			ID: "USE-4", Name: "halves",
			Text: "What is there by half keeps Usage from nothing that is there as a whole.",
			Why:  "One removal that was cut off would leave everybody on the server unmeasured.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(len(s.Halves) > 0, "Halves")
				c, _ := s.make(s.call())
				for _, what := range slices.Sorted(maps.Keys(s.Halves)) {
					t.OK(s.Halves[what](t.Context(), s.call()), "make half: %s", what)
					t.Equal(slices.Sorted(maps.Keys(s.usage(c))), slices.Sorted(maps.Keys(h.Features.Meters)), "the meters of a thing beside a half")
				}
			},
		},
	}
}

// meters checks that what is read of one thing is what is read of all, as it is or has
// grown since.
func (s *site) meters(c provisioning.Call, want map[string]provisioning.Sample) {
	s.t.Helper()
	m, ok := provisioning.As[provisioning.MeterReader](s.Driver)
	if !ok {
		return
	}
	got := map[string]bool{}
	for sample, err := range m.ReadMeters(s.t.Context(), c, time.Unix(0, 0)) {
		s.t.OK(err, "ReadMeters")
		if of := want[sample.Meter]; sample.Service != c.Service.ID || sample.Metric != of.Metric || sample.Epoch != of.Epoch {
			s.t.Errorf("ReadMeters of %s yields %+v, and Usage %+v", c.Service.ID, sample, of)
		}
		got[sample.Meter] = true
	}
	s.t.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)), "the meters that are read of one thing")
}

// usage returns the last sample of each meter of a thing, and checks them all.
func (s *site) usage(c provisioning.Call) map[string]provisioning.Sample {
	s.t.Helper()
	u, ok := provisioning.As[provisioning.UsageReader](s.Driver)
	if !ok {
		s.t.Fatalf("the driver has no Usage")
	}
	got := map[string]provisioning.Sample{}
	for sample, err := range u.Usage(s.t.Context(), s.Place, s.Kind, time.Unix(0, 0)) {
		s.t.OK(err, "Usage")
		if sample.Service != c.Service.ID {
			continue
		}
		last, again := got[sample.Meter]
		switch {
		case sample.Kind != s.Kind || sample.Name != c.Service.Name:
			s.t.Errorf("a sample of %q has kind %q and name %q", c.Service.Name, sample.Kind, sample.Name)
		case sample.Metric != s.h.Features.Meters[sample.Meter]:
			s.t.Errorf("%s is a %q, declared is %q", sample.Meter, sample.Metric, s.h.Features.Meters[sample.Meter])
		case sample.Value.LessThan(decimal.Zero):
			s.t.Errorf("%s is %s", sample.Meter, sample.Value)
		case sample.At.IsZero():
			s.t.Errorf("%s has no time", sample.Meter)
		case again && !sample.At.After(last.At):
			s.t.Errorf("%s at %s comes after that at %s", sample.Meter, sample.At, last.At)
		}
		got[sample.Meter] = sample
	}
	return got
}
