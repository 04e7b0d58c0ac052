package provisioningtest

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func ensureRules() []DriverRule {
	return []DriverRule{
		{
			ID: "ENS-1", Name: "make",
			Text: "Ensure makes what is not there as the spec says, with the service's ID, and Read sees it.",
			Why:  "A service is sold only when the customer can use it.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c := s.call()
				s.there(c, provisioning.Absent, "before")
				c, pw := s.password(c)
				made := s.do("Ensure", ensure, c)
				s.is(made, c, provisioning.Present, "Ensure")
				s.there(c, provisioning.Present, "after")
				s.works(c, pw, "after")
				t.Equal(s.doBy(s.again(), "Read", read, c), made, "what Read sees after Ensure")
			},
		},
		{
			ID: "ENS-2", Name: "twice",
			Text: "Ensure of what is there already, by the same or another operation and by another process, changes nothing.",
			Why:  "A call whose answer was lost is repeated; the customer may have begun to work.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.password(s.call())
				first := s.do("Ensure", ensure, c)
				s.put(c)
				t.Equal(s.do("Ensure", ensure, c), first, "the same operation")
				t.Equal(s.doBy(s.again(), "Ensure", ensure, c), first, "the same operation by another process")
				t.Equal(s.doBy(s.again(), "Ensure", ensure, s.next(c, s.A)), first, "another operation without a password")
				s.there(c, provisioning.Present, "after")
				s.kept(c, "after")
				s.works(c, pw, "after")
			},
		},
		{
			ID: "ENS-3", Name: "from A to B to A",
			Text: "Ensure changes what differs from the spec and keeps content and password; Read tells whether the spec is met.",
			Why:  "Customers change plans in both directions.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				for _, spec := range []json.RawMessage{s.B, s.A, s.B} {
					before := c
					c = s.next(c, spec)
					if o := s.do("Read", read, c); o.Matches && o.Spec != nil {
						t.Errorf("Read with spec %s says that %s matches", spec, o.Spec)
					}
					s.is(s.do("Ensure", ensure, c), c, provisioning.Present, "Ensure")
					s.there(c, provisioning.Present, "after the change")
					if s.Check(t.Context(), before) == nil {
						t.Errorf("after the change to %s the thing is still as %s says", c.Spec, before.Spec)
					}
					s.kept(c, "after the change")
					s.works(c, pw, "after the change")
				}
			},
		},
		{
			ID: "ENS-4", Name: "complete",
			Text: "What is there in part is not present to Read, and Ensure completes it.",
			Why:  "A process may die between any two steps; a customer with a user and no database is not served.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(len(s.Halves) > 0, "Halves")
				for _, what := range slices.Sorted(maps.Keys(s.Halves)) {
					c, pw := s.password(s.call())
					t.OK(s.Halves[what](t.Context(), c), "make half: %s", what)
					o := s.do("Read", read, c)
					s.is(o, c, provisioning.Partial, what)
					s.is(s.do("Ensure", ensure, c), c, provisioning.Present, "Ensure after "+what)
					s.there(c, provisioning.Present, "after "+what)
					s.works(c, pw, "after "+what)
				}
			},
		},
		{
			ID: "ENS-5", Name: "read only",
			Text: "Read changes nothing and needs no spec.",
			Why:  "It runs at any time, also on things that another process is changing.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				before := s.left(c.Service.Name)
				other, _ := s.password(s.next(c, s.B))
				for range 2 {
					s.do("Read", read, other)
					s.is(s.do("Read", read, s.next(c, nil)), c, provisioning.Present, "Read without a spec")
				}
				s.there(c, provisioning.Present, "after")
				s.works(c, pw, "after")
				s.kept(c, "after")
				t.Equal(s.left(c.Service.Name), before, "what the server has")
				absent := s.call()
				s.is(s.do("Read", read, absent), absent, provisioning.Absent, "Read of what is not there")
				s.gone(absent.Service.Name, "after Read of what is not there")
			},
		},
		{
			ID: "ENS-6", Name: "what is not mentioned",
			Text: "Ensure leaves as it is what the spec does not mention.",
			Why:  "Staff and customers set things by other means; a later release of the spec's type adds fields.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(len(s.Silent) > 0, "Silent")
				c, pw := s.make(s.call())
				for _, spec := range []json.RawMessage{s.B, s.A} {
					c = s.next(c, spec)
					s.do("Ensure", ensure, c)
					s.is(s.do("Ensure", ensure, s.next(c, s.Silent)), c, provisioning.Present, "Ensure with a silent spec")
					s.there(c, provisioning.Present, "after a silent spec")
					s.works(c, pw, "after a silent spec")
				}
			},
		},
		{
			ID: "ENS-7", Name: "at once",
			Text: "Calls for different services may run at the same time, in several processes.",
			Why:  "A hundred signups do not queue.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				const n = 8
				calls, passwords := make([]provisioning.Call, n), make([]string, n)
				for i := range n {
					calls[i], passwords[i] = s.password(s.call())
				}
				s.atOnce(calls, ensure, suspend, resume, ensure)
				for i, c := range calls {
					s.there(c, provisioning.Present, "after all")
					s.works(c, passwords[i], "after all")
				}
				s.atOnce(calls[:n/2], suspend, remove)
				for i, c := range calls {
					if i < n/2 {
						s.there(c, provisioning.Absent, "after its removal")
						continue
					}
					s.there(c, provisioning.Present, "after the removal of others")
					s.works(c, passwords[i], "after the removal of others")
				}
			},
		},
		{
			ID: "ISO-1", Name: "apart",
			Text: "A customer cannot see or change another's thing, also where the names are alike.",
			Why:  "It is the first thing that customers of shared hosting fear.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(s.Trespass != nil, "Trespass")
				twins := s.Twins
				if twins == nil {
					twins = func() (string, string) { return s.Name(), s.Name() }
				}
				a, b := twins()
				one, pw := s.make(s.named(a))
				two, pw2 := s.make(s.named(b))
				for range 2 {
					t.Is(s.Trespass(t.Context(), one, pw, two), ErrRefused, "use of %q with the login of %q", b, a)
					t.Is(s.Trespass(t.Context(), two, pw2, one), ErrRefused, "use of %q with the login of %q", a, b)
					s.kept(one, "after the other's attempt")
					s.kept(two, "after the other's attempt")
					for _, c := range []provisioning.Call{one, two} { // and not by a later change
						s.do("Ensure", ensure, s.next(c, s.B))
						s.do("Suspend", suspend, c)
						s.do("Resume", resume, c)
					}
				}
				s.do("Remove", remove, one)
				s.works(two, pw2, "after the removal of its twin")
				s.kept(two, "after the removal of its twin")
			},
		},
	}
}

// atOnce calls methods for each of several services, those of one service in turn, and
// hands on each call's password only the first time.
func (s *site) atOnce(calls []provisioning.Call, methods ...method) {
	s.t.Helper()
	errs := make([]error, len(calls))
	var all sync.WaitGroup
	for i, c := range calls {
		d := s.again()
		all.Go(func() {
			for _, m := range methods {
				if _, errs[i] = m(d, s.t.Context(), c); errs[i] != nil {
					return
				}
				c.Password = secret.Text{}
			}
		})
	}
	if !conformance.Within(s.h.patience(), all.Wait) {
		s.t.Fatalf("%d services at once are stuck", len(calls))
	}
	for i, err := range errs {
		s.t.OK(err, "service %d of %d at once", i, len(calls))
	}
}
