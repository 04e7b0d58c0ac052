package gatewaytest

import (
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func secretRules() []Rule {
	return []Rule{
		{
			ID: "SEC-1", Name: "no secrets",
			Text: "Neither errors, results, pages nor the tape hold the account's secret, a token or the number of a card, however a call goes; nor the tape what a page's address holds.",
			Why:  "They are logged, stored and shown to staff.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				if s.Place.Secret.IsZero() && !h.Features.Charges {
					return // there are none; the pages are looked at by their own rules
				}
				verb := s.payVerb()
				if !h.Features.Charges {
					if h.Features.Web {
						s.page(s.operation(verb, 1000))
					}
					return
				}
				_, err := s.try("a charge", s.Gateway, s.operation(verb, 1000))
				t.OK(err, "a charge")
				for _, how := range Situations() {
					if h.Without[ruleOf(how)] != "" || how == Hangs || how == MovesLess {
						continue
					}
					s.script(verb, how)
					o := s.operation(verb, 1000)
					// Whatever becomes of it: what it says is looked at by try and find.
					_, _ = s.try("a charge that "+string(how), s.Gateway, o)
					o.Instrument = nil
					_, _ = s.find("Find of a charge that "+string(how), o)
				}
			},
		},
		{
			ID: "SEC-2", Name: "charge log",
			Text: "Each request to the provider is on the tape with its answer, also where there was none.",
			Why:  "When a customer disputes a payment staff needs to see what was said.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				seen := func(what string, tape *gateways.Tape) {
					t.Helper()
					all := tape.Exchanges()
					if len(all) == 0 {
						t.Errorf("%s: there is nothing on the tape", what)
					}
					for _, x := range all {
						if x.Request == "" || x.Answer == "" && x.Error == "" {
							t.Errorf("%s: there is a request or an answer missing on the tape: %+v", what, x)
						}
					}
				}
				o := s.operation(gateways.VerbCharge, 1000)
				s.do("a charge", o)
				seen("a charge", o.Tape)
				if h.Without["UNK-1"] == "" {
					o = s.operation(gateways.VerbCharge, 1000)
					s.script(gateways.VerbCharge, LostAfter)
					_, err := s.try("a charge whose answer is lost", s.Gateway, o)
					s.doubtful("a charge whose answer is lost", err)
					seen("a charge whose answer is lost", o.Tape)
				}
				o.Tape, o.Instrument = s.tape(), nil
				if h.Features.Finds {
					s.found("Find", o)
					seen("Find", o.Tape)
				}
			},
		},
	}
}
