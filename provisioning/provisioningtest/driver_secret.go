package provisioningtest

import (
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func secretRules() []DriverRule {
	return []DriverRule{
		{
			ID: "SEC-1", Name: "answers",
			Text: "No error and no observation contains a password, and nothing that the customer sees names seller or account.",
			Why:  "Errors end up in logs and on screens; facts are shown to customers of resellers.",
			Check: func(t *conformance.T, h DriverHarness) {
				// Every rule looks at every answer. Here are failures that happen while a
				// password is in the statement.
				s := begin(t, h)
				c, _ := s.make(s.call())
				for _, pw := range []string{`quote' in it "and" more`, "a long one " + strings.Repeat("long ", 20)} {
					s.do("Ensure", ensure, s.with(c, pw))
					other := s.with(s.named(c.Service.Name), pw)
					s.refuses("Ensure", ensure, other, tierhost.ErrExists, "of another's thing with a password")
					bad := s.with(s.call(), pw)
					bad.Spec = []byte(`{"no_such_field_of_any_driver":1}`)
					s.refuses("Ensure", ensure, bad, tierhost.ErrInvalid, "with a bad spec and a password")
				}
				s.do("Read", read, c)
				s.do("Suspend", suspend, c)
			},
		},
		{
			ID: "SEC-2", Name: "logs",
			Text: "No password gets into the logs of driver and server.",
			Why:  "Logs are read by more people than passwords, and kept longer.",
			Check: func(t *conformance.T, h DriverHarness) {
				s := begin(t, h)
				s.need(s.Logs != nil, "Logs")
				c, pw := s.make(s.call())
				with, second := s.password(c)
				s.do("Ensure", ensure, with)
				s.works(c, second, "with a password that must not be logged")
				if s.h.Features.Passwords {
					with, third := s.password(c)
					s.do("ChangePassword", changePassword, with)
					s.works(c, third, "with a password that must not be logged")
				}
				logs, err := s.Logs(t.Context())
				t.OK(err, "read the logs")
				if !strings.Contains(logs, c.Service.Name) {
					t.Errorf("the logs do not mention %q: they tell nothing", c.Service.Name)
				}
				for _, pw := range append(s.passwords, pw) {
					if at := strings.Index(logs, pw); at >= 0 {
						t.Errorf("the logs contain a password: …%s", logs[max(0, at-100):at])
					}
				}
				s.there(c, provisioning.Present, "after")
			},
		},
	}
}
