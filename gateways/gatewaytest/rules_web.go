package gatewaytest

import (
	"errors"
	"html"
	"net/url"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func (s *site) checkout(o gateways.Operation) gateways.Checkout {
	o.Instrument = nil
	return gateways.Checkout{
		Operation: o, Return: "https://panel.shop.example/paid?order=7&x=%C3%A4", Cancel: "https://panel.shop.example/cancelled",
		Notify: "https://panel.shop.example/notified/" + string(s.Place.Account), Email: "anna@example.com", Language: "en",
	}
}

// page begins a payment on the provider's page.
func (s *site) page(o gateways.Operation) (gateways.Checkout, gateways.Begun) {
	s.t.Helper()
	web, ok := gateways.As[gateways.Web](s.Gateway)
	if !ok {
		s.t.Fatalf("the gateway neither charges instruments nor has a page")
	}
	c := s.checkout(o)
	o.Tape.Hide(s.Place.Secret.Reveal())
	b, err := web.Begin(s.t.Context(), s.Place, c)
	s.clean("Begin", gateways.Result{Action: &b.Action}, err)
	s.cleanTape("Begin", o.Tape)
	s.t.OK(err, "Begin")
	s.reachable("Begin", b.Action)
	s.untold("Begin", o, b)
	return c, b
}

// untold checks that no answer on the tape holds what a page's address does, beyond what we
// have said ourselves and what the provider calls the payment.
func (s *site) untold(what string, o gateways.Operation, b gateways.Begun) {
	s.t.Helper()
	u, err := url.Parse(b.Action.URL)
	if err != nil {
		return
	}
	for name, values := range u.Query() {
		for _, v := range values {
			if len(v) < 6 || v == b.Reference || v == string(o.ID) || v == string(o.Payment) {
				continue
			}
			for _, x := range o.Tape.Exchanges() {
				for _, as := range []string{v, url.QueryEscape(v), html.EscapeString(v)} {
					if strings.Contains(x.Answer, as) && !strings.Contains(x.Request, as) {
						s.t.Errorf("%s: an answer on the tape holds %s of the page's address, with which anybody could pay", what, name)
						break
					}
				}
			}
		}
	}
}

// reachable checks that a customer can do what an action says.
func (s *site) reachable(what string, a gateways.Action) {
	s.t.Helper()
	if a.URL == "" && len(a.Client) == 0 {
		s.t.Errorf("%s: there is no page to go to, and nothing for a script", what)
		return
	}
	u, err := url.Parse(a.URL)
	if a.URL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost") {
		s.t.Errorf("%s: the page is %q, want an https URL", what, a.URL)
	}
	for _, f := range a.Fields {
		s.spotless(what+": a field of the form", f.Value)
	}
	s.spotless(what+": what the script gets", string(a.Client))
}

// payVerb is what a page does.
func (s *site) payVerb() gateways.Verb {
	if s.h.Features.Can(gateways.VerbCharge) {
		return gateways.VerbCharge
	}
	return gateways.VerbAuthorize
}

func webRules() []Rule {
	return []Rule{
		{
			ID: "WEB-1", Name: "begin",
			Text: "Begin moves nothing and says where to go; again with the same operation it is the same payment, which can be paid once.",
			Why:  "A customer who clicks twice must not have two pages to pay on.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Pay != nil, "Pay")
				o := s.operation(s.payVerb(), 1000)
				c, first := s.page(o)
				s.booked("after Begin", Books{})
				_, second := s.page(o)
				t.Equal(second.Reference, first.Reference, "the reference of the same payment")
				s.Pay(c, first)
				s.Pay(c, second)
				o.Instrument, o.Reference = nil, first.Reference
				s.approved("Find", o, s.found("Find", o))
				s.paidOnce("after it was paid on both pages", 1000)
			},
		},
		{
			ID: "WEB-2", Name: "return",
			Text: "Until the customer has paid the operation is pending or not known; what the browser brings back names it, and Find then tells that it was paid.",
			Why:  "What a browser brings back proves nothing.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Pay != nil, "Pay")
				web, _ := gateways.As[gateways.Web](s.again())
				o := s.operation(s.payVerb(), 1000)
				c, begun := s.page(o)
				look := o
				look.Instrument, look.Reference = nil, begun.Reference
				if r, err := s.find("Find before it was paid", look); err == nil && r.Outcome != gateways.Pending || err != nil && !errors.Is(err, gateways.ErrNoOperation) {
					t.Errorf("before it was paid Find says %q: %v", r.Outcome, err)
				}
				query := s.Pay(c, begun)
				id, err := web.Returned(t.Context(), s.Place, query)
				t.OK(err, "Returned")
				t.Equal(id, o.ID, "the operation that the browser brings back")
				r := s.found("Find after it was paid", look)
				s.approved("Find after it was paid", o, r)
				look.Reference = r.Reference
				s.approved("Find by the payment's reference", o, s.found("Find by the payment's reference", look))
				s.paidOnce("after it was paid", 1000)
			},
		},
		{
			ID: "WEB-3", Name: "strange returns",
			Text: "Returned of what names no operation fails with tierhost.KindInvalid.",
			Why:  "Anybody can call the URL to which customers come back.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				web, _ := gateways.As[gateways.Web](s.Gateway)
				for _, q := range []url.Values{nil, {}, {"x": {"y"}}, {"token": {""}}} {
					id, err := web.Returned(t.Context(), s.Place, q)
					t.Is(err, tierhost.ErrInvalid, "Returned of %v, which names %q", q, id)
				}
			},
		},
	}
}

// paidOnce checks that what was paid on a page was taken, or set aside, once.
func (s *site) paidOnce(what string, minor int64) {
	s.t.Helper()
	if s.payVerb() == gateways.VerbCharge {
		s.booked(what, Books{Taken: minor})
		return
	}
	s.booked(what, Books{Held: minor})
}

func (s *site) keeping() gateways.Keeping {
	return gateways.Keeping{
		ID: operationID(), Customer: "anna", Return: "https://panel.shop.example/kept", Cancel: "https://panel.shop.example/not-kept",
		Email: "anna@example.com", Tape: s.tape(),
	}
}

// kept has a customer give an instrument to be kept.
func (s *site) kept() (gateways.Keeping, gateways.Token) {
	s.t.Helper()
	s.need(s.Give != nil, "Give")
	vault, _ := gateways.As[gateways.Vault](s.Gateway)
	k := s.keeping()
	k.Tape.Hide(s.Place.Secret.Reveal())
	begun, err := vault.Keep(s.t.Context(), s.Place, k)
	s.t.OK(err, "Keep")
	s.reachable("Keep", begun.Action)
	k.Reference = begun.Reference
	_, _, err = vault.Kept(s.t.Context(), s.Place, k)
	notYet, ok := errors.AsType[*gateways.NotKeptError](err)
	if !ok && !errors.Is(err, gateways.ErrNoOperation) {
		s.t.Errorf("Kept before the customer has given anything: %v, want a NotKeptError or ErrNoOperation", err)
	}
	if ok && notYet.Result.Outcome != gateways.Pending {
		s.t.Errorf("Kept before the customer has given anything is %s", notYet.Result.Outcome)
	}
	s.Give(k, begun)
	again, _ := gateways.As[gateways.Vault](s.again())
	token, card, err := again.Kept(s.t.Context(), s.Place, k)
	s.t.OK(err, "Kept")
	s.hide(token.Value)
	s.cleanTape("Kept", k.Tape)
	if token.Value.IsZero() {
		s.t.Fatalf("Kept returns no token")
	}
	if s.Card != (gateways.Card{}) {
		s.t.Equal(card, s.Card, "the card that is kept")
	}
	return k, token
}

func vaultRules() []Rule {
	return []Rule{
		{
			ID: "VLT-1", Name: "keep",
			Text: "What the customer has given to the provider is kept under a token, which is charged later; nothing is charged by keeping it, and asking twice keeps it once.",
			Why:  "Renewals are paid with it.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				k, token := s.kept()
				vault, _ := gateways.As[gateways.Vault](s.Gateway)
				second, _, err := vault.Kept(t.Context(), s.Place, k)
				t.OK(err, "Kept again")
				if second.Customer != token.Customer || !second.Value.Equal(token.Value) {
					t.Errorf("Kept again returns another token")
				}
				s.booked("after it was kept", Books{})
				if h.Features.Charges && h.Features.Can(gateways.VerbCharge) {
					o := s.operation(gateways.VerbCharge, 1000)
					o.Instrument = &token
					s.do("a charge of what was kept", o)
					s.booked("after the charge", Books{Taken: 1000})
				}
			},
		},
		{
			ID: "VLT-2", Name: "never kept",
			Text: "Kept of what was never begun fails with ErrNoOperation.",
			Why:  "It must not return somebody else's.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.kept()
				vault, _ := gateways.As[gateways.Vault](s.Gateway)
				_, _, err := vault.Kept(t.Context(), s.Place, s.keeping())
				t.Is(err, gateways.ErrNoOperation, "Kept of what was never begun")
			},
		},
		{
			ID: "VLT-3", Name: "forget",
			Text: "What is forgotten is not charged any more; that the provider does not know it is success.",
			Why:  "A customer who leaves takes the card along.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				_, token := s.kept()
				vault, _ := gateways.As[gateways.Vault](s.Gateway)
				t.OK(vault.Forget(t.Context(), s.Place, token), "Forget")
				again, _ := gateways.As[gateways.Vault](s.again())
				t.OK(again.Forget(t.Context(), s.Place, token), "Forget again")
				s.hide(secret.New("never-was-a-token"))
				t.OK(vault.Forget(t.Context(), s.Place, gateways.Token{Customer: token.Customer, Value: secret.New("never-was-a-token")}), "Forget of what never was")
				if h.Features.Charges && h.Features.Can(gateways.VerbCharge) {
					o := s.operation(gateways.VerbCharge, 1000)
					o.Instrument = &token
					s.refused("a charge of what was forgotten", o)
				}
			},
		},
	}
}
