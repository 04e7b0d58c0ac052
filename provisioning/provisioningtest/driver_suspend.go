package provisioningtest

import (
	"encoding/json"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func passwordRules() []DriverRule {
	return []DriverRule{
		{
			ID: "PWD-1", Name: "change",
			Text: "Ensure and ChangePassword set the password of the call: the new one works and the old one does not.",
			Why:  "A password is changed because somebody else knows it.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, old := s.make(s.call())
				s.refused(c, "not-"+old, "a wrong password")
				for name, m := range map[string]method{"Ensure": ensure, "ChangePassword": changePassword} {
					with, pw := s.password(c)
					for range 2 {
						s.do(name, m, with)
						s.works(c, pw, "the new password by "+name)
						s.refused(c, old, "the old password after "+name)
					}
					s.kept(c, "after "+name)
					old = pw
				}
				s.there(c, provisioning.Present, "after")
			},
		},
		{
			ID: "PWD-2", Name: "characters",
			Text: "A password is taken as it is, or refused as tierhost.KindInvalid; printable ASCII is never refused.",
			Why:  "A quote in a password is where statements and shells are broken into.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, old := s.make(s.call())
				for i, pw := range []string{printable, `';DROP TABLE x;--`, `"$(touch /tmp/x)` + "`id`", `%s%n\0\'\\`, ` lead and trail `,
					"grüße☃😀", "tab\tbreak\nreturn\r", "nul\x00byte", "bad\xffutf8", string(make([]byte, 4)) + "x"} {
					with := s.with(c, pw)
					if _, err := s.try(t.Context(), s.Driver, "ChangePassword", changePassword, with); err == nil {
						s.works(c, pw, "password "+quoted(pw))
						old = pw
					} else {
						s.refuses("ChangePassword", changePassword, with, tierhost.ErrInvalid, "with password "+quoted(pw))
						s.works(c, old, "the old password after one was refused")
						if i == 0 {
							t.Errorf("printable ASCII was refused: %v", err)
						}
					}
				}
				s.kept(c, "after")
			},
		},
		{
			ID: "PWD-3", Name: "while suspended",
			Text: "A password that is set while the thing is suspended works after Resume, and nothing works before.",
			Why:  "A customer who does not pay must not get in by changing the password.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, old := s.make(s.call())
				s.do("Suspend", suspend, c)
				for name, m := range map[string]method{"Ensure": ensure, "ChangePassword": changePassword} {
					with, pw := s.password(c)
					s.do(name, m, with)
					s.refused(c, pw, "the new password by "+name+" of a suspended thing")
					s.refused(c, old, "the old password of a suspended thing")
					s.there(c, provisioning.Suspended, "after "+name)
					old = pw
				}
				s.do("Resume", resume, c)
				s.works(c, old, "the last password after Resume")
			},
		},
		{
			ID: "PWD-4", Name: "nothing to change",
			Text: "ChangePassword of what is not there fails with tierhost.KindNotFound, and without a password it changes nothing and fails with tierhost.KindInvalid.",
			Why:  "An empty password would let anybody in.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, _ := s.password(s.call())
				s.refuses("ChangePassword", changePassword, c, tierhost.ErrNotFound, "of what is not there")
				s.gone(c.Service.Name, "after ChangePassword of what is not there")
				c, pw := s.make(s.call())
				c.Password = secret.Text{}
				s.refuses("ChangePassword", changePassword, c, tierhost.ErrInvalid, "without a password")
				s.works(c, pw, "after ChangePassword without a password")
			},
		},
	}
}

// printable is all of printable ASCII.
const printable = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func suspendRules() []DriverRule {
	return []DriverRule{
		{
			ID: "SUS-1", Name: "suspend",
			Text: "Suspend keeps thing and content and refuses the customer, until Resume makes it usable with its password.",
			Why:  "Suspension is the seller's only lever, and must not cost the customer a byte.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				for range 2 {
					s.is(s.do("Suspend", suspend, c), c, provisioning.Suspended, "Suspend")
					s.there(c, provisioning.Suspended, "suspended")
					s.refused(c, pw, "suspended")
					s.kept(c, "suspended")
					s.is(s.do("Resume", resume, c), c, provisioning.Present, "Resume")
					s.there(c, provisioning.Present, "resumed")
					s.works(c, pw, "resumed")
					s.kept(c, "resumed")
				}
			},
		},
		{
			ID: "SUS-2", Name: "twice",
			Text: "Suspend of a suspended thing and Resume of one that is not suspended succeed and change nothing.",
			Why:  "A call whose answer was lost is repeated.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				before := s.do("Read", read, c)
				t.Equal(s.do("Resume", resume, c), before, "Resume of what was never suspended")
				s.works(c, pw, "after Resume of what was never suspended")
				suspended := s.do("Suspend", suspend, c)
				t.Equal(s.doBy(s.again(), "Suspend", suspend, c), suspended, "Suspend by another process")
				t.Equal(s.do("Suspend", suspend, s.next(c, s.A)), suspended, "Suspend by another operation")
				s.refused(c, pw, "suspended three times")
				t.Equal(s.do("Resume", resume, c), before, "Resume")
				t.Equal(s.doBy(s.again(), "Resume", resume, c), before, "Resume by another process")
				s.works(c, pw, "resumed twice")
			},
		},
		{
			ID: "SUS-3", Name: "no way out",
			Text: "What a customer has set up before, such as an open session, does not work while the thing is suspended.",
			Why:  "Otherwise a suspension is an invitation to stay logged in.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(s.Escape != nil, "Escape")
				c, pw := s.make(s.call())
				escape, err := s.Escape(t.Context(), c, pw)
				t.OK(err, "set up an escape")
				s.do("Suspend", suspend, c)
				t.Is(escape(t.Context()), ErrRefused, "the escape")
				s.refused(c, pw, "after the escape")
				s.there(c, provisioning.Suspended, "after the escape")
				s.do("Resume", resume, c)
				s.works(c, pw, "resumed")
			},
		},
		{
			ID: "SUS-4", Name: "changed while suspended",
			Text: "Ensure changes a suspended thing, which stays suspended.",
			Why:  "A plan may be changed while the invoice is open.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				c, pw := s.make(s.call())
				s.do("Suspend", suspend, c)
				for _, spec := range []json.RawMessage{s.B, s.A, s.B} {
					c = s.next(c, spec)
					s.is(s.do("Ensure", ensure, c), c, provisioning.Suspended, "Ensure of a suspended thing")
					s.there(c, provisioning.Suspended, "after Ensure of a suspended thing")
					s.refused(c, pw, "after Ensure of a suspended thing")
				}
				s.is(s.do("Resume", resume, c), c, provisioning.Present, "Resume")
				s.there(c, provisioning.Present, "resumed")
				s.works(c, pw, "resumed")
				s.kept(c, "resumed")
			},
		},
		{
			ID: "SUS-5", Name: "nothing there",
			Text: "Suspend and Resume of what is not there fail with tierhost.KindNotFound and make nothing.",
			Why:  "The manager learns from it that the thing has to be made anew.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				for name, m := range map[string]method{"Suspend": suspend, "Resume": resume} {
					c := s.call()
					s.refuses(name, m, c, tierhost.ErrNotFound, "of what is not there")
					s.gone(c.Service.Name, "after "+name)
				}
			},
		},
	}
}
