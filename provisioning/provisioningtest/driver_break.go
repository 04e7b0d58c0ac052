package provisioningtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func breakRules() []DriverRule {
	return []DriverRule{
		{
			ID: "CTX-1", Name: "cancelled before",
			Text: "With a cancelled context every method fails and changes nothing.",
			Why:  "The manager has given up and may have handed the service to another worker.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				all := s.methods()
				all["Read"] = read
				for name, m := range all {
					with, _ := s.password(s.next(c, s.B))
					if _, err := s.try(ctx, s.Driver, name, m, with); err == nil {
						t.Errorf("%s succeeds with a cancelled context", name)
					} else if kind := tierhost.KindOf(err); kind != tierhost.KindUnavailable {
						t.Errorf("%s with a cancelled context is of kind %s: %v", name, kind, err)
					}
					s.there(c, provisioning.Present, name+" with a cancelled context")
					s.works(c, pw, name+" with a cancelled context")
				}
				absent, _ := s.password(s.call())
				if _, err := s.try(ctx, s.Driver, "Ensure", ensure, absent); err == nil {
					t.Errorf("Ensure succeeds with a cancelled context")
				}
				s.gone(absent.Service.Name, "Ensure with a cancelled context")
			},
		},
		{
			ID: "CTX-2", Name: "cancelled within",
			Text: "A call whose server does not answer ends when the context does, and can be repeated.",
			Why:  "A server that hangs must not hold a worker.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				for name, m := range s.methods() {
					s.broken(name, m, Hang)
				}
			},
		},
		broken("CUT-1", "Ensure", ensure),
		broken("CUT-2", "Suspend", suspend),
		broken("CUT-3", "Resume", resume),
		broken("CUT-4", "Remove", remove),
		{
			ID: "CUT-5", Name: "left behind",
			Text: "What a server still does for a call whose process is gone does not come after the effect of the next call.",
			Why:  "A customer who is suspended would be let in again by a resumption that was given up before.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				for _, pair := range [][2]string{{"Ensure", "Remove"}, {"Suspend", "Resume"}, {"Resume", "Suspend"}, {"Remove", "Ensure"}} {
					s.overtaken(pair[0], pair[1])
				}
			},
		},
	}
}

// overtaken leaves a call at each of its points, and does the opposite at once.
func (s *site) overtaken(name, opposite string) {
	s.t.Helper()
	s.need(s.Break != nil, "Break")
	methods := s.methods()
	var c provisioning.Call
	for point := 1; point < points; point += 2 {
		s.before(name, &c)
		what := fmt.Sprintf("%s left at point %d, then %s", name, point, opposite)
		if _, err := s.breaking(s.t.Context(), what, methods[name], c, point, Leave); err == nil {
			return // all points are behind us
		}
		s.do(what, methods[opposite], c)
		s.after(opposite, c, what)
		if s.t.Failed() {
			s.t.FailNow() // the further points say the same
		}
	}
	s.t.Fatalf("%s has more than %d points", name, points)
}

// breaking calls a method by a connection that breaks, and returns whether it has broken.
func (s *site) breaking(ctx context.Context, what string, m method, c provisioning.Call, point int, how Fault) (broke bool, err error) {
	s.t.Helper()
	b := s.Break(s.t.Test(), point, how)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if how == Hang {
		go func() {
			select {
			case <-b.Reached:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	if b.Driver == nil {
		b.Driver = s.Driver
	}
	if b.Place != nil {
		c.Server = *b.Place
	}
	_, err = s.try(ctx, b.Driver, what, m, c)
	select {
	case <-b.Reached:
		broke = true
	default:
	}
	return broke, err
}

func broken(id, name string, m method) DriverRule {
	return DriverRule{
		ID: id, Name: name + " cut off",
		Text: "A " + name + " that is broken off at any point is unavailable, says truly that it had no effect where it says so, is seen by Read, and leads to the same when it is repeated.",
		Why:  "Processes die and connections break at every point; nothing may be made twice or left over.",
		Check: func(t *conformance.T, h DriverHarness) {
			begin(t, h).broken(name, m, Cut)
		},
	}
}

// points is more than any driver has.
const points = 500

// broken breaks a method at each of its points, and repeats it.
func (s *site) broken(name string, m method, how Fault) {
	s.t.Helper()
	s.need(s.Break != nil, "Break")
	step := 1
	if how == Hang {
		step = 3 // before and after messages in turn
	}
	var c provisioning.Call
	for point := 0; point < points; point += step {
		before := s.before(name, &c)
		what := fmt.Sprintf("%s, %s at point %d", name, how, point)
		left := s.left(c.Service.Name)
		broke, err := s.breaking(s.t.Context(), what, m, c, point, how)
		switch {
		case err != nil:
		case point == 0:
			s.t.Fatalf("%s: the call succeeds: the harness breaks nothing", what)
		case broke: // only what does not matter came after it
			s.after(name, c, what)
			continue
		default:
			return // all points are behind us
		}
		s.failed(err, what)
		if tierhost.EffectOf(err) == tierhost.EffectNone {
			s.t.Equal(s.left(c.Service.Name), left, "%s: %v: what the server has", what, err)
			if name != "ChangePassword" {
				s.t.Equal(s.do("Read", read, c).Presence, before, "%s: %v: presence", what, err)
			}
		}
		if o := s.do("Read", read, c); o.Presence != provisioning.Absent && o.Owner != c.Service.ID {
			s.t.Errorf("%s: Read finds owner %q in what is there in part", what, o.Owner)
		}
		s.doBy(s.again(), what+", repeated", m, c)
		s.after(name, c, what+", repeated")
		if s.t.Failed() {
			s.t.FailNow() // the further points say the same
		}
	}
	s.t.Fatalf("%s has more than %d points", name, points)
}

// failed checks the error of a connection that broke.
func (s *site) failed(err error, what string) {
	s.t.Helper()
	err = tierhost.Classify("test", err)
	if kind := tierhost.KindOf(err); kind != tierhost.KindUnavailable && !errors.Is(err, context.Canceled) {
		s.t.Errorf("%s: kind %s, want unavailable: %v", what, kind, err)
	}
}

// before makes what a method needs: a new thing for Ensure and Remove, for others the one
// that there is already. It returns how the thing is; the call has its password.
func (s *site) before(name string, c *provisioning.Call) provisioning.Presence {
	s.t.Helper()
	switch {
	case name == "Ensure":
		*c, _ = s.password(s.call())
		return provisioning.Absent
	case name == "Remove" || c.Service.ID == "":
		made, pw := s.make(s.call())
		*c = s.with(made, pw)
	}
	switch name {
	case "Suspend":
		s.do("Resume", resume, *c)
	case "Resume":
		s.do("Suspend", suspend, *c)
		return provisioning.Suspended
	case "ChangePassword":
		*c, _ = s.password(*c)
	}
	return provisioning.Present
}

// after checks what a method leads to.
func (s *site) after(name string, c provisioning.Call, what string) {
	s.t.Helper()
	pw := c.Password.Reveal()
	switch name {
	case "Remove":
		s.there(c, provisioning.Absent, what)
		s.refused(c, pw, what)
		return
	case "Suspend":
		s.there(c, provisioning.Suspended, what)
		s.refused(c, pw, what)
		s.kept(c, what)
		return
	}
	s.there(c, provisioning.Present, what)
	s.works(c, pw, what)
	if name != "Ensure" {
		s.kept(c, what)
	}
}
