package provisioningtest

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func abilityRules() []DriverRule {
	return []DriverRule{
		{
			ID: "ABL-1", Name: "abilities",
			Text: "The driver has the abilities that the harness declares and no others, also behind a wrapper.",
			Why:  "An ability that nobody tests is one that nobody should rely on.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				for _, d := range []provisioning.Driver{s.Driver, wrapped{s.Driver}} {
					_, lists := provisioning.As[provisioning.Lister](d)
					_, probes := provisioning.As[provisioning.Prober](d)
					_, passwords := provisioning.As[provisioning.PasswordChanger](d)
					_, moves := provisioning.As[provisioning.Mover](d)
					_, checks := provisioning.As[provisioning.SpecChecker](d)
					_, measures := provisioning.As[provisioning.UsageReader](d)
					got := Features{Lists: lists, Probes: probes, Passwords: passwords, Moves: moves, ChecksSpecs: checks, Meters: h.Features.Meters}
					t.Equal(got, h.Features, "abilities")
					t.Equal(measures, len(h.Features.Meters) > 0, "whether it measures")
				}
			},
		},
		{
			ID: "PRB-1", Name: "probe",
			Text: "Probe of a server that works is nil.",
			Why:  "Otherwise its circuit breaker stays open and nobody is served.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				p, _ := provisioning.As[provisioning.Prober](s.Driver)
				t.OK(p.Probe(t.Context(), s.Place), "Probe")
			},
		},
		{
			ID: "PRB-2", Name: "nobody there",
			Text: "Where no server answers, Probe and all methods fail with tierhost.KindUnavailable.",
			Why:  "Only then the manager waits and tries again, and does not park the service.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(s.Dead != nil, "Dead")
				p, _ := provisioning.As[provisioning.Prober](s.Driver)
				err := p.Probe(t.Context(), *s.Dead)
				t.Is(tierhost.Classify("test", err), tierhost.ErrUnavailable, "Probe")
				all := s.methods()
				all["Read"] = read
				for name, m := range all {
					c, _ := s.password(s.call())
					c.Server = *s.Dead
					_, err := s.try(t.Context(), s.Driver, name, m, c)
					t.Equal(tierhost.KindOf(tierhost.Classify("test", err)), tierhost.KindUnavailable, "%s: %v: kind", name, err)
				}
			},
		},
		{
			ID: "SPC-1", Name: "bad specs",
			Text: "CheckSpec lists the faults of a bad spec with paths and codes, and Ensure refuses it without effect.",
			Why:  "Whoever sells a plan must learn of its faults before a customer does.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				checker, _ := provisioning.As[provisioning.SpecChecker](s.Driver)
				bad := append(slices.Clone(s.Bad), json.RawMessage(`{"no_such_field_of_any_driver":1}`), json.RawMessage(`[]`),
					json.RawMessage(`"text"`), json.RawMessage(`{`), json.RawMessage(`{} {}`))
				for _, spec := range bad {
					c, _ := s.password(s.call())
					c.Spec = spec
					err := checker.CheckSpec(s.Kind, c.Service.Name, spec)
					faults(t, err, "spec "+string(spec))
					s.refuses("Ensure", ensure, c, tierhost.ErrInvalid, "with spec "+string(spec))
					s.gone(c.Service.Name, "after a bad spec")
				}
			},
		},
		{
			ID: "SPC-2", Name: "good specs",
			Text: "CheckSpec accepts specs that Ensure can meet.",
			Why:  "What is refused cannot be sold.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				checker, _ := provisioning.As[provisioning.SpecChecker](s.Driver)
				for _, spec := range []json.RawMessage{s.A, s.B, s.Silent} {
					t.OK(checker.CheckSpec(s.Kind, s.Name(), spec), "CheckSpec %s", spec)
				}
			},
		},
	}
}

// faults checks that an error is a list of faults with codes.
func faults(t *conformance.T, err error, what string) {
	t.Helper()
	invalid, ok := errors.AsType[*tierhost.Invalid](err)
	if !ok {
		t.Errorf("%s: CheckSpec returns %v, want a *tierhost.Invalid", what, err)
		return
	}
	for _, issue := range invalid.Issues {
		if issue.Code == "" || strings.TrimSpace(issue.Message) == "" {
			t.Errorf("%s: a fault without code or message: %+v", what, issue)
		}
	}
}

// wrapped is a driver in a decorator.
type wrapped struct{ provisioning.Driver }

func (w wrapped) Unwrap() provisioning.Driver { return w.Driver }
