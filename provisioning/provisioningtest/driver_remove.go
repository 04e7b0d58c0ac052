package provisioningtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func removeRules() []DriverRule {
	return []DriverRule{
		{
			ID: "REM-1", Name: "remove",
			Text: "Remove deletes the thing with its content and all that the driver keeps of it; that it is gone is success.",
			Why:  "What is left over costs disk, and comes up again when the name is used by the next customer.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				s.do("Remove", remove, c)
				s.there(c, provisioning.Absent, "removed")
				s.refused(c, pw, "removed")
				s.do("Remove", remove, c)
				s.doBy(s.again(), "Remove", remove, s.next(c, s.A))
				s.there(c, provisioning.Absent, "removed three times")
				never := s.call()
				s.do("Remove", remove, never)
				s.there(never, provisioning.Absent, "Remove of what never was")
			},
		},
		{
			ID: "REM-2", Name: "suspended",
			Text: "Remove deletes a suspended thing.",
			Why:  "Most things that are removed were suspended before.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, _ := s.make(s.call())
				s.do("Suspend", suspend, c)
				s.do("Remove", remove, c)
				s.there(c, provisioning.Absent, "removed")
			},
		},
		{
			ID: "REM-3", Name: "half",
			Text: "Remove deletes what is there in part.",
			Why:  "A failed signup must not leave a user behind.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(len(s.Halves) > 0, "Halves")
				for _, what := range slices.Sorted(maps.Keys(s.Halves)) {
					c, _ := s.password(s.call())
					t.OK(s.Halves[what](t.Context(), c), "make half: %s", what)
					s.do("Remove", remove, c)
					s.there(c, provisioning.Absent, "Remove after "+what)
				}
			},
		},
		{
			ID: "REM-4", Name: "anew",
			Text: "A name can be used again by another service, which starts empty.",
			Why:  "The next customer must not find the last one's data.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				s.do("Suspend", suspend, c)
				s.do("Remove", remove, c)
				other := s.named(c.Service.Name)
				other, pw2 := s.password(other)
				s.is(s.do("Ensure", ensure, other), other, provisioning.Present, "Ensure by another service")
				s.works(other, pw2, "by another service")
				s.refused(other, pw, "the last one's password")
				if got, err := s.Get(t.Context(), other); err == nil && got == content(c) {
					t.Errorf("another service finds the content of the last one")
				}
				s.refuses("Remove", remove, c, tierhost.ErrPrecondition, "by the last one, late")
				s.works(other, pw2, "after a late Remove by the last one")
			},
		},
		{
			ID: "REM-5", Name: "in use",
			Text: "Remove deletes a thing that a customer is using.",
			Why:  "An open session must not keep a thing that nobody pays for.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(s.Escape != nil, "Escape")
				c, pw := s.make(s.call())
				escape, err := s.Escape(t.Context(), c, pw)
				t.OK(err, "open a session")
				s.do("Remove", remove, c)
				t.Is(escape(t.Context()), ErrRefused, "use of what was removed")
				s.there(c, provisioning.Absent, "removed while in use")
			},
		},
	}
}

func ownerRules() []DriverRule {
	return []DriverRule{
		{
			ID: "OWN-1", Name: "another's",
			Text: "A thing with another service's ID is never changed: Ensure, Suspend, Resume fail with tierhost.KindExists, Remove with tierhost.KindPrecondition, all without effect; Read tells whose it is.",
			Why:  "One customer's signup must not take over another's data, nor one's end remove it.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				other, _ := s.password(s.named(c.Service.Name))
				other.Spec = s.B
				for _, presence := range []provisioning.Presence{provisioning.Present, provisioning.Suspended} {
					s.hands(other, "of another's thing")
					o := s.do("Read", read, other)
					t.Equal(o.Owner, c.Service.ID, "the owner that Read tells")
					s.there(c, presence, "after another's attempts")
					s.kept(c, "after another's attempts")
					if presence == provisioning.Present {
						s.works(c, pw, "after another's attempts")
						s.do("Suspend", suspend, c)
					}
				}
				s.do("Resume", resume, c)
				s.works(c, pw, "resumed")
			},
		},
		{
			ID: "OWN-2", Name: "nobody's",
			Text: "A thing that carries no ID is as another's, and Read tells no owner.",
			Why:  "It may have been made by hand, or by another program, for a customer who pays.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, _ := s.password(s.call())
				s.foreign(c)
				before := s.left(c.Service.Name)
				s.hands(c, "of a thing without an ID")
				o := s.do("Read", read, c)
				t.Equal(o.Owner, provisioning.ServiceID(""), "the owner that Read tells")
				if o.Presence == provisioning.Absent {
					t.Errorf("Read does not see a thing without an ID")
				}
				t.Equal(s.left(c.Service.Name), before, "what the server has of it")
			},
		},
		{
			ID: "OWN-3", Name: "the half of another",
			Text: "What another service has there in part is another's too.",
			Why:  "Its next attempt completes it.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(len(s.Halves) > 0, "Halves")
				for _, what := range slices.Sorted(maps.Keys(s.Halves)) {
					c, pw := s.password(s.call())
					t.OK(s.Halves[what](t.Context(), c), "make half: %s", what)
					before := s.left(c.Service.Name)
					other, _ := s.password(s.named(c.Service.Name))
					s.hands(other, "of another's half: "+what)
					t.Equal(s.left(c.Service.Name), before, "what the server has of another's half: %s", what)
					s.do("Ensure", ensure, c)
					s.works(c, pw, "completed after another's attempts")
				}
			},
		},
		{
			ID: "OWN-4", Name: "every ID",
			Text: "Every ID that package provisioning allows comes back as it is.",
			Why:  "An ID that is cut or changed on the way belongs to another service, or to nobody.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				for _, id := range []string{strings.Repeat("ä", 64), strings.Repeat("😀", 32), strings.Repeat("x", 128), printable[1:],
					`''""\\\'\";--/**/$1?%s`, "$(id)`id`", "#=:,[]{}\ufffd"} {
					c := s.call()
					c.Service.ID = provisioning.ServiceID(id)
					c, _ = s.password(c)
					s.is(s.do("Ensure", ensure, c), c, provisioning.Present, "Ensure with ID "+quoted(id))
					s.is(s.doBy(s.again(), "Ensure", ensure, c), c, provisioning.Present, "again with ID "+quoted(id))
					runes := []rune(id)
					for _, cut := range []string{string(runes[:len(runes)/2]), string(runes[:len(runes)-1]), "%"} {
						other := c
						other.Service.ID = provisioning.ServiceID(cut)
						s.refuses("Remove", remove, other, tierhost.ErrPrecondition, "with ID "+quoted(cut)+" of the thing of "+quoted(id))
					}
					s.do("Remove", remove, c)
					s.gone(c.Service.Name, "after Remove with ID "+quoted(id))
				}
			},
		},
	}
}

// hands tries each method on what is not the call's.
func (s *site) hands(c provisioning.Call, what string) {
	s.t.Helper()
	for name, m := range s.methods() {
		want := tierhost.ErrExists
		if name == "Remove" {
			want = tierhost.ErrPrecondition
		}
		s.refuses(name, m, c, want, what)
	}
}

func quoted(text string) string {
	if len(text) > 60 {
		return fmt.Sprintf("%q… (%d bytes)", text[:60], len(text))
	}
	return fmt.Sprintf("%q", text)
}
