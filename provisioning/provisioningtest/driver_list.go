package provisioningtest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func listRules() []DriverRule {
	return []DriverRule{
		{
			ID: "LIS-1", Name: "complete",
			Text: "List yields each thing once as Read sees it, whether it can be used, is suspended, half made, or carries no ID; and none that is gone.",
			Why:  "What it leaves out is an orphan that nobody finds; what it invents is looked for in vain.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				want := map[string]provisioning.Observation{}
				see := func(c provisioning.Call) {
					want[c.Service.Name] = s.do("Read", read, s.next(c, nil))
				}
				present, _ := s.make(s.call())
				see(present)
				suspended, _ := s.make(s.call())
				s.do("Suspend", suspend, suspended)
				see(suspended)
				for _, what := range slices.Sorted(maps.Keys(s.Halves)) {
					c, _ := s.password(s.call())
					t.OK(s.Halves[what](t.Context(), c), "make half: %s", what)
					see(c)
				}
				if s.Foreign != nil {
					c, _ := s.password(s.call())
					s.foreign(c)
					see(c)
				}
				gone, _ := s.make(s.call())
				s.do("Remove", remove, gone)
				never := s.call()
				s.do("Read", read, never)

				got := map[string]provisioning.Observation{}
				for o, err := range s.list(t.Context()) {
					t.OK(err, "List")
					s.looked("List", o, nil)
					if _, twice := got[o.Name]; twice {
						t.Errorf("List yields %q twice", o.Name)
					}
					if o.Presence == provisioning.Absent {
						t.Errorf("List yields %q, which it calls absent", o.Name)
					}
					got[o.Name] = o
				}
				for name, o := range want {
					seen := got[name]
					// Facts and specs may need a look at each thing, which List need not take.
					t.Equal([]any{seen.Presence, seen.Name, seen.Owner}, []any{o.Presence, o.Name, o.Owner}, "%q in the list", name)
				}
				for _, c := range []provisioning.Call{gone, never} {
					if o, ok := got[c.Service.Name]; ok {
						t.Errorf("List yields what is not there: %+v", o)
					}
				}
			},
		},
		{
			ID: "LIS-2", Name: "end",
			Text: "The caller may stop List at any time; a cancelled context is yielded as an error once and ends it.",
			Why:  "A sweep that takes half a list for the whole reports half of all services as lost.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				for range 2 {
					s.make(s.call())
				}
				for range s.list(t.Context()) {
					break
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				t.Equal(count(s.list(ctx)), 1, "errors of List with a cancelled context")
				if h.Features.Meters != nil {
					u, _ := provisioning.As[provisioning.UsageReader](s.Driver)
					t.Equal(count(u.Usage(ctx, s.Place, s.Kind, time.Time{})), 1, "errors of Usage with a cancelled context")
				}
			},
		},
	}
}

// count counts the errors of a sequence, of which there is one at most, at the end.
func count[T any](seq func(func(T, error) bool)) int {
	errs := 0
	seq(func(_ T, err error) bool {
		if err != nil {
			errs++
		} else if errs > 0 {
			errs += 100 // something follows the error
		}
		return true
	})
	return errs
}

func (s *site) list(ctx context.Context) func(func(provisioning.Observation, error) bool) {
	l, ok := provisioning.As[provisioning.Lister](s.Driver)
	if !ok {
		s.t.Fatalf("the driver has no List")
	}
	return l.List(ctx, s.Place, s.Kind)
}
