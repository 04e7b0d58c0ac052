package provisioningtest

import (
	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func moveRules() []DriverRule {
	return []DriverRule{
		{
			ID: "MOV-1", Name: "copy",
			Text: "Copy makes the content what it is on the old server, which goes on serving; done again it copies what has changed.",
			Why:  "A customer must not notice that the machine was changed.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				m, old, c, pw := s.moving()
				for _, text := range []string{content(c), "changed since", ""} {
					t.OK(s.Put(t.Context(), old, text), "change the content")
					t.OK(m.Copy(t.Context(), old.Server, c), "Copy")
					t.OK(m.Verify(t.Context(), old.Server, c), "Verify")
					for _, at := range []provisioning.Call{old, c} {
						got, err := s.Get(t.Context(), at)
						t.OK(err, "read the content")
						t.Equal(got, text, "the content on %s", at.Server.Server)
					}
					s.works(old, pw, "on the old server")
				}
				s.there(c, provisioning.Present, "on the new server")
			},
		},
		{
			ID: "MOV-2", Name: "verify",
			Text: "Verify fails with tierhost.KindPrecondition where something is missing on the new server.",
			Why:  "After it the old one is removed.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				m, old, c, _ := s.moving()
				t.Is(m.Verify(t.Context(), old.Server, c), tierhost.ErrPrecondition, "Verify before Copy")
				t.OK(m.Copy(t.Context(), old.Server, c), "Copy")
				t.OK(m.Verify(t.Context(), old.Server, c), "Verify")
				t.OK(s.Put(t.Context(), old, "changed since"), "change the content")
				t.Is(m.Verify(t.Context(), old.Server, c), tierhost.ErrPrecondition, "Verify after a change")
				s.do("Remove", remove, c)
				t.Is(m.Verify(t.Context(), old.Server, c), tierhost.ErrPrecondition, "Verify without a thing")
			},
		},
		{
			ID: "MOV-3", Name: "another's",
			Text: "Copy changes no thing that is not the service's, and takes nothing from one.",
			Why:  "A copy over another's database cannot be taken back.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				m, old, c, _ := s.moving()
				s.put(c)
				other := c
				other.Service.ID = s.call().Service.ID
				err := m.Copy(t.Context(), old.Server, other)
				if kind := tierhost.KindOf(err); kind != tierhost.KindExists && kind != tierhost.KindPrecondition || tierhost.EffectOf(err) != tierhost.EffectNone {
					t.Errorf("Copy between another's things: %v", err)
				}
				s.kept(c, "after a copy over it by another")
				s.kept(old, "after a copy from it by another")
			},
		},
		{
			ID: "MOV-4", Name: "suspended",
			Text: "Copy and Verify work with suspended things, on either server, and leave them suspended.",
			Why:  "A suspended customer is suspended on the new server before the content comes, so that it is usable nowhere.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				m, old, c, pw := s.moving()
				s.do("Suspend", suspend, old)
				s.do("Suspend", suspend, c)
				t.Is(m.Verify(t.Context(), old.Server, c), tierhost.ErrPrecondition, "Verify before Copy")
				t.OK(m.Copy(t.Context(), old.Server, c), "Copy")
				t.OK(m.Verify(t.Context(), old.Server, c), "Verify")
				for _, at := range []provisioning.Call{old, c} {
					s.kept(at, "after Copy")
					s.there(at, provisioning.Suspended, "after Copy")
					s.refused(at, pw, "after Copy")
				}
				s.do("Resume", resume, c)
				s.works(c, pw, "resumed on the new server")
				s.kept(c, "resumed on the new server")
			},
		},
	}
}

// moving makes a thing with content, and an empty one on the target.
func (s *site) moving() (m provisioning.Mover, old, c provisioning.Call, password string) {
	s.t.Helper()
	s.need(s.Target != nil, "Target")
	m, ok := provisioning.As[provisioning.Mover](s.Driver)
	if !ok {
		s.t.Fatalf("the driver has no Copy")
	}
	old, password = s.make(s.call())
	c = s.with(old, password)
	c.Server = *s.Target
	s.is(s.do("Ensure", ensure, c), c, provisioning.Present, "Ensure on the target")
	return m, old, c, password
}
