package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// site is a [Site] in the test of one rule. It looks at every answer of the gateway for
// what must never be in one.
type site struct {
	Site
	t *conformance.T
	h Harness

	mu      sync.Mutex
	secrets []secret.Text
	tapes   []*gateways.Tape
}

func begin(t *conformance.T, h Harness) *site {
	t.Helper()
	s := &site{Site: h.New(t.Test()), t: t, h: h}
	s.need(s.Gateway != nil, "Gateway")
	if s.Now == nil {
		now := time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC)
		s.Now = func() time.Time { return now }
	}
	if s.Currency == (money.Currency{}) {
		c, err := money.ISO("EUR")
		t.OK(err, "the currency")
		s.Currency = c
	}
	s.hide(s.Place.Secret)
	for _, text := range s.Secrets {
		s.hide(secret.New(text))
	}
	return s
}

// need ends the check if the site lacks what a rule needs and the harness has not left
// the rule out.
func (s *site) need(ok bool, field string) {
	s.t.Helper()
	if !ok {
		s.t.Fatalf("the site has no %s: set it, or say in Without why the rule cannot be tested", field)
	}
}

func (s *site) hide(text secret.Text) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(text.Reveal()) >= 6 {
		s.secrets = append(s.secrets, text)
	}
}

func (s *site) again() gateways.Gateway {
	if s.Again == nil {
		return s.Gateway
	}
	return s.Again()
}

// amount is so many minor units.
func (s *site) amount(minor int64) money.Money { return money.FromMinor(minor, s.Currency) }

func operationID() gateways.OperationID {
	return gateways.OperationID(strings.ReplaceAll(tierhost.UUIDs().NewID("op"), "_", "-"))
}

// operation is a new one of 10 units of the currency or what comes near it.
func (s *site) operation(v gateways.Verb, minor int64) gateways.Operation {
	s.t.Helper()
	o := gateways.Operation{
		ID: operationID(), Verb: v, Payment: gateways.PaymentID(tierhost.UUIDs().NewID("pay")), Amount: s.amount(minor), Card: s.Card,
		Number: "INV-1042", Text: "Hosting in March", Begun: s.Now(), Tape: s.tape(),
	}
	if (v == gateways.VerbCharge || v == gateways.VerbAuthorize) && s.h.Features.Charges {
		s.need(s.Token != nil, "Token")
		token := s.Token()
		s.hide(token.Value)
		o.Instrument = &token
	}
	return o
}

// after is an operation on what another one has paid.
func (s *site) after(o gateways.Operation, r gateways.Result, v gateways.Verb, minor int64) gateways.Operation {
	s.t.Helper()
	next := s.operation(v, minor)
	next.Payment, next.Reference = o.Payment, r.Reference
	return next
}

func (s *site) tape() *gateways.Tape {
	t := &gateways.Tape{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tapes = append(s.tapes, t)
	return t
}

// call calls the gateway as the manager does: with a deadline, and with the secrets hidden
// from the tape. A call that is stuck ends the check.
func (s *site) call(ctx context.Context, what string, o gateways.Operation, fn func(ctx context.Context) (gateways.Result, error)) (r gateways.Result, err error) {
	s.t.Helper()
	o.Tape.Hide(s.Place.Secret.Reveal())
	if o.Instrument != nil {
		o.Tape.Hide(o.Instrument.Value.Reveal())
	}
	if !conformance.Within(s.h.patience(), func() { r, err = fn(ctx) }) {
		s.t.Fatalf("%s is stuck", what)
	}
	s.clean(what, r, err)
	s.cleanTape(what, o.Tape)
	switch {
	case err != nil && r.Outcome != "":
		s.t.Errorf("%s returns an error and an outcome", what)
	case err == nil && r.Outcome != gateways.Approved && r.Outcome != gateways.Declined && r.Outcome != gateways.Pending:
		s.t.Errorf("%s returns the outcome %q", what, r.Outcome)
	}
	return r, err
}

// try has a gateway do an operation.
func (s *site) try(what string, g gateways.Gateway, o gateways.Operation) (gateways.Result, error) {
	s.t.Helper()
	return s.call(s.t.Context(), what, o, func(ctx context.Context) (gateways.Result, error) { return g.Do(ctx, s.Place, o) })
}

// do has the gateway do an operation, which must be approved as it was asked for.
func (s *site) do(what string, o gateways.Operation) gateways.Result {
	s.t.Helper()
	r, err := s.try(what, s.Gateway, o)
	s.t.OK(err, "%s", what)
	s.approved(what, o, r)
	return r
}

func (s *site) approved(what string, o gateways.Operation, r gateways.Result) {
	s.t.Helper()
	switch {
	case r.Outcome != gateways.Approved:
		s.t.Fatalf("%s is %s (%s), want approved", what, r.Outcome, r.Decline.Code)
	case !r.Amount.Equal(o.Amount):
		s.t.Errorf("%s: the amount is %s, want %s", what, r.Amount, o.Amount)
	case r.Reference == "":
		s.t.Errorf("%s: there is no reference", what)
	}
}

// find asks what became of an operation.
func (s *site) find(what string, o gateways.Operation) (gateways.Result, error) {
	s.t.Helper()
	g := s.again()
	return s.call(s.t.Context(), what, o, func(ctx context.Context) (gateways.Result, error) { return g.Find(ctx, s.Place, o) })
}

// found is what became of an operation, which the provider must know.
func (s *site) found(what string, o gateways.Operation) gateways.Result {
	s.t.Helper()
	r, err := s.find(what, o)
	s.t.OK(err, "%s", what)
	return r
}

// script has the next call go as a situation says.
func (s *site) script(v gateways.Verb, how Situation) {
	s.t.Helper()
	s.need(s.Script != nil, "Script")
	s.Script(v, how)
}

// booked checks what has moved in the provider's books.
func (s *site) booked(what string, want Books) {
	s.t.Helper()
	s.need(s.Books != nil, "Books")
	if got := s.Books(); got != want {
		s.t.Errorf("%s: the provider has %+v, want %+v", what, got, want)
	}
}

// paid is an operation that has taken money, by an instrument or on the page.
func (s *site) paid(minor int64) (gateways.Operation, gateways.Result) {
	s.t.Helper()
	verb := gateways.VerbCharge
	if !s.h.Features.Can(verb) {
		verb = gateways.VerbAuthorize
	}
	o := s.operation(verb, minor)
	var r gateways.Result
	if s.h.Features.Charges {
		r = s.do("the charge", o)
	} else {
		_, begun := s.page(o)
		s.need(s.Pay != nil, "Pay")
		s.Pay(s.checkout(o), begun)
		o.Reference = begun.Reference
		r = s.found("Find of what was paid on the page", o)
		s.approved("what was paid on the page", o, r)
	}
	if verb == gateways.VerbAuthorize {
		s.do("the capture", s.after(o, r, gateways.VerbCapture, minor))
	}
	return o, r
}

// doubtful checks the error of a call that may have had an effect.
func (s *site) doubtful(what string, err error) {
	s.t.Helper()
	switch {
	case err == nil:
		s.t.Fatalf("%s succeeds", what)
	case tierhost.EffectOf(tierhost.Classify("test", err)) == tierhost.EffectNone:
		s.t.Errorf("%s says that it had no effect: %v", what, err)
	}
}

// clean looks for secrets in what a gateway has returned.
func (s *site) clean(what string, r gateways.Result, err error) {
	s.t.Helper()
	text := fmt.Sprintf("%+v", r)
	if r.Action != nil {
		// The customer's own page and script get what they need.
		text += r.Action.URL
	}
	s.spotless(what+": the result", text)
	for e := err; e != nil; e = errors.Unwrap(e) {
		s.spotless(what+": the error", fmt.Sprintf("%v %+v %#v", e, e, e))
	}
}

func (s *site) cleanTape(what string, tape *gateways.Tape) {
	s.t.Helper()
	for _, x := range tape.Exchanges() {
		s.spotless(what+": the tape", x.Request+"\n"+x.Answer+"\n"+x.Error)
	}
}

// spotless reports a secret in a text, without repeating it.
func (s *site) spotless(what, text string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret.Redact(text, s.secrets...) != text {
		s.t.Errorf("%s holds a secret", what)
	}
	if gateways.HasCardNumber(text) {
		s.t.Errorf("%s holds what looks like the number of a card", what)
	}
}
