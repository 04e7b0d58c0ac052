package gatewaytest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func abilityRules() []Rule {
	return []Rule{
		{
			ID: "ABL-1", Name: "abilities",
			Text: "The gateway has the abilities that its author declares, and says the same of itself each time.",
			Why:  "The manager looks at the abilities before anything is stored; an ability that is hidden is never used.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				got, want := s.Gateway.Capabilities(), h.Features.Capabilities
				t.Equal(got, want, "the capabilities")
				for _, v := range got.Verbs {
					if !slices.Contains(gateways.Verbs(), v) {
						t.Errorf("there is no verb %q", v)
					}
				}
				for _, b := range got.Brands {
					if !b.Known() {
						t.Errorf("there is no brand %q", b)
					}
				}
				slices.Reverse(got.Verbs)
				t.Equal(s.again().Capabilities(), want, "the capabilities, after a caller has changed what it got")
				has := map[string]bool{}
				_, has["Web"] = gateways.As[gateways.Web](s.Gateway)
				_, has["Notifier"] = gateways.As[gateways.Notifier](s.Gateway)
				_, has["Vault"] = gateways.As[gateways.Vault](s.Gateway)
				_, has["AccountChecker"] = gateways.As[gateways.AccountChecker](s.Gateway)
				t.Equal(has, map[string]bool{
					"Web": h.Features.Web, "Notifier": h.Features.Notifies, "Vault": h.Features.Keeps, "AccountChecker": h.Features.Checks,
				}, "the abilities")
			},
		},
		{
			ID: "ABL-2", Name: "accounts",
			Text: "CheckAccount accepts a good account, with and without its secret, refuses what is not of the gateway's own type with a *tierhost.Invalid whose paths begin with config or secret, and repeats no secret.",
			Why:  "A wrong key is found when it is typed in, not when a customer pays.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				checker, _ := gateways.As[gateways.AccountChecker](s.Gateway)
				t.OK(checker.CheckAccount(s.Place), "CheckAccount of the site's place")
				kept := s.Place
				kept.Secret = secret.Text{}
				t.OK(checker.CheckAccount(kept), "CheckAccount of a change that keeps the secret")
				bad := s.Place
				bad.Secret = secret.New(`["canary 5b1f"]`)
				s.hide(secret.New("canary 5b1f"))
				err := checker.CheckAccount(bad)
				s.invalid("CheckAccount with another secret", "secret", err)
				s.clean("CheckAccount with another secret", gateways.Result{}, err)
				bad = s.Place
				bad.Config = []byte(`["nonsense"]`)
				s.invalid("CheckAccount with another config", "config", checker.CheckAccount(bad))
			},
		},
	}
}

// invalid checks that an error lists faults below a path.
func (s *site) invalid(what, path string, err error) {
	s.t.Helper()
	s.t.Is(err, tierhost.ErrInvalid, "%s", what)
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	if !ok || len(inv.Issues) == 0 {
		s.t.Fatalf("%s lists no faults: %v", what, err)
	}
	for _, i := range inv.Issues {
		if !strings.HasPrefix(i.Path, path) {
			s.t.Errorf("%s: the fault %q is at %q, want one below %q", what, i.Code, i.Path, path)
		}
	}
}

func chargeRules() []Rule {
	return []Rule{
		{
			ID: "CHA-1", Name: "charge",
			Text: "A charge that works is approved with the amount, the currency and the provider's reference, and takes the money once.",
			Why:  "What is approved is booked.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				for _, minor := range []int64{1000, 1, 99, 123456} {
					before := s.books()
					s.do("the charge", s.operation(gateways.VerbCharge, minor))
					before.Taken += minor
					s.booked("after the charge", before)
				}
			},
		},
		{
			ID: "CHA-2", Name: "again",
			Text: "Do with an operation that was done, by whatever process, moves nothing and returns what became of it.",
			Why:  "Whoever has lost the answer asks again; the customer must not pay twice.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				first := s.do("the charge", o)
				for what, g := range map[string]gateways.Gateway{"the charge again": s.Gateway, "the charge again, by another process": s.again()} {
					r, err := s.try(what, g, o)
					t.OK(err, "%s", what)
					t.Equal([]any{r.Outcome, r.Reference, r.Amount}, []any{first.Outcome, first.Reference, first.Amount}, "%s", what)
				}
				s.booked("after the same charge three times", Books{Taken: 1000})
			},
		},
		{
			ID: "CHA-3", Name: "another amount",
			Text: "Do with the ID of another operation moves nothing: it fails, or returns what became of the first with its amount.",
			Why:  "A key that is used twice is a defect; it must not become a payment.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				s.do("the charge", o)
				o.Amount = s.amount(2500)
				if r, err := s.try("another charge with the same ID", s.Gateway, o); err == nil && r.Outcome == gateways.Approved && r.Amount.Equal(o.Amount) {
					t.Errorf("another charge with the same ID is approved")
				}
				s.booked("after another charge with the same ID", Books{Taken: 1000})
			},
		},
		{
			ID: "CHA-4", Name: "at once",
			Text: "Operations of different payments at the same time do not disturb each other.",
			Why:  "Several workers use one gateway.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				const n = 8
				ops, results, errs := make([]gateways.Operation, n), make([]gateways.Result, n), make([]error, n)
				for i := range n {
					ops[i] = s.operation(gateways.VerbCharge, int64(1000+i))
					ops[i].Tape.Hide(s.Place.Secret.Reveal(), ops[i].Instrument.Value.Reveal())
				}
				var all sync.WaitGroup
				for i := range n {
					all.Go(func() { results[i], errs[i] = s.Gateway.Do(t.Context(), s.Place, ops[i]) })
				}
				if !conformance.Within(s.h.patience(), all.Wait) {
					t.Fatalf("%d charges at once are stuck", n)
				}
				references := map[string]bool{}
				for i := range n {
					t.OK(errs[i], "one of %d charges at once", n)
					s.approved("one of several charges at once", ops[i], results[i])
					references[results[i].Reference] = true
				}
				t.Equal(len(references), n, "different references")
				s.booked("after charges at once", Books{Taken: n*1000 + n*(n-1)/2})
			},
		},
		{
			ID: "CHA-5", Name: "awkward texts",
			Text: "What the customer reads may hold any text; the provider gets as much of it as it takes.",
			Why:  "A payment must not fail because of an umlaut in its description.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				for i, text := range []string{"", `é'"\%_;--<b>&amp;</b>]]>`, "\u202eтекст 日本語 😀", strings.Repeat("ä", 250), "a\r\nX-Injected: 1\r\n\r\nb"} {
					o := s.operation(gateways.VerbCharge, int64(1000+i))
					o.Number, o.Text = text, text
					s.do("a charge with an awkward text", o)
				}
				s.booked("after charges with awkward texts", Books{Taken: 5*1000 + 10})
			},
		},
		{
			ID: "CHA-6", Name: "large amounts",
			Text: "Large amounts come back to the minor unit.",
			Why:  "An amount that passes through a binary fraction loses a cent.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				var sum int64
				for _, minor := range []int64{1010, 1999, 432109, 9999999} {
					s.do("a large charge", s.operation(gateways.VerbCharge, minor))
					sum += minor
				}
				s.booked("after large charges", Books{Taken: sum})
			},
		},
		{
			ID: "FND-1", Name: "find",
			Text: "Find returns what Do has returned, with the provider's reference and without it, by whatever process, and changes nothing.",
			Why:  "It is how an answer that was lost is made good.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				r := s.do("the charge", o)
				o.Instrument = nil // a look has no instrument
				for _, reference := range []string{"", r.Reference} {
					o.Reference = reference
					got := s.found("Find", o)
					t.Equal([]any{got.Outcome, got.Reference, got.Amount}, []any{r.Outcome, r.Reference, r.Amount}, "Find with the reference %q", reference)
				}
				s.booked("after looking", Books{Taken: 1000})
			},
		},
		{
			ID: "FND-2", Name: "never heard of",
			Text: "Find of an operation that the provider has never heard of fails with ErrNoOperation, whatever else was paid.",
			Why:  "It is made anew then.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				never := s.operation(gateways.VerbCharge, 1000)
				never.Instrument = nil
				_, err := s.find("Find of what never was", never)
				t.Is(err, gateways.ErrNoOperation, "Find of what never was")
				s.do("a charge of the same amount", s.operation(gateways.VerbCharge, 1000))
				_, err = s.find("Find of what never was, beside another", never)
				t.Is(err, gateways.ErrNoOperation, "Find of what never was, beside another of the same amount")
			},
		},
		{
			ID: "CTX-1", Name: "cancelled before",
			Text: "With a cancelled context Do and Find fail, and nothing has moved.",
			Why:  "The caller has given up.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				before := s.books()
				o := s.operation(gateways.VerbCharge, 1000)
				if _, err := s.call(ctx, "Do with a cancelled context", o, func(ctx context.Context) (gateways.Result, error) {
					return s.Gateway.Do(ctx, s.Place, o)
				}); err == nil {
					t.Errorf("Do succeeds with a cancelled context")
				}
				if _, err := s.call(ctx, "Find with a cancelled context", o, func(ctx context.Context) (gateways.Result, error) {
					return s.Gateway.Find(ctx, s.Place, o)
				}); err == nil {
					t.Errorf("Find succeeds with a cancelled context")
				}
				s.booked("after calls with a cancelled context", before)
				s.do("the charge, at last", o)
			},
		},
	}
}

// books are the provider's books now.
func (s *site) books() Books {
	s.t.Helper()
	s.need(s.Books != nil, "Books")
	return s.Books()
}
