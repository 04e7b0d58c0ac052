package gatewaytest

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func declineRules() []Rule {
	decline := func(id string, how Situation, hard bool) Rule {
		return Rule{
			ID: id, Name: string(how),
			Text: fmt.Sprintf("A provider that %s gives a Result, not an error: declined, with a code, hard: %t; Find says the same, and so does Do again.", how, hard),
			Why:  "A soft decline is tried again later, a hard one never; an error would be looked up for ever.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				s.script(gateways.VerbCharge, how)
				check := func(what string, r gateways.Result, err error) {
					t.Helper()
					t.OK(err, "%s", what)
					if r.Outcome != gateways.Declined || r.Decline.Code == "" || r.Decline.Hard != hard {
						t.Errorf("%s is %s with %+v, want declined with a code, hard: %t", what, r.Outcome, r.Decline, hard)
					}
				}
				r, err := s.try("Do", s.Gateway, o)
				check("Do", r, err)
				r, err = s.try("Do again", s.again(), o)
				check("Do again", r, err)
				if h.Features.Finds {
					o.Instrument = nil
					r, err = s.find("Find", o)
					check("Find", r, err)
				}
				s.booked("after a decline", Books{})
				s.do("another charge", s.operation(gateways.VerbCharge, 500))
			},
		}
	}
	return []Rule{
		decline("DEC-1", DeclinesSoft, false),
		decline("DEC-2", DeclinesHard, true),
		{
			ID: "PEN-1", Name: "pending",
			Text: "What is not done yet is pending, to Do and to Find, until the provider has decided; then Find tells how.",
			Why:  "Money that is announced is not there.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				s.need(s.Complete != nil, "Complete")
				for _, approved := range []bool{true, false} {
					before := s.books()
					o := s.operation(gateways.VerbCharge, 1000)
					s.script(gateways.VerbCharge, Waits)
					r, err := s.try("Do", s.Gateway, o)
					t.OK(err, "Do")
					t.Equal(r.Outcome, gateways.Pending, "the outcome of what is not done yet")
					s.booked("while it is pending", before)
					o.Instrument, o.Reference = nil, r.Reference
					if h.Features.Finds {
						t.Equal(s.found("Find", o).Outcome, gateways.Pending, "Find of what is not done yet")
					}
					s.Complete(o.ID, approved)
					want := gateways.Declined
					if approved {
						want = gateways.Approved
						before.Taken += 1000
					}
					if h.Features.Finds {
						r = s.found("Find", o)
						t.Equal(r.Outcome, want, "Find of what the provider has decided")
						if approved {
							s.approved("Find of what the provider has done", o, r)
						}
					}
					s.booked("after it was decided", before)
				}
			},
		},
	}
}

func unknownRules() []Rule {
	lost := func(id string, how Situation) Rule {
		return Rule{
			ID: id, Name: string(how),
			Text: fmt.Sprintf("When the call %s Do fails, with an effect that is not none; Find tells what became of it, and Do again moves nothing a second time.", how),
			Why:  "What may have moved money is looked up, and never repeated blindly.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				for _, v := range []gateways.Verb{gateways.VerbCharge, gateways.VerbAuthorize} {
					if !h.Features.Can(v) {
						continue
					}
					before := s.books()
					o := s.operation(v, 1000)
					s.script(v, how)
					_, err := s.try("Do", s.Gateway, o)
					s.doubtful("a call that "+string(how), err)
					if v == gateways.VerbCharge {
						before.Taken += 1000
					} else {
						before.Held += 1000
					}
					s.booked("after a call that "+string(how), before)
					if h.Features.Finds {
						look := o
						look.Instrument = nil
						s.approved("Find", o, s.found("Find", look))
					}
					if h.Features.Keys || h.Features.Finds {
						r, err := s.try("Do again", s.again(), o)
						t.OK(err, "Do again")
						s.approved("Do again", o, r)
						s.booked("after it was repeated", before)
					}
				}
			},
		}
	}
	return []Rule{
		lost("UNK-1", LostAfter),
		{
			ID: "UNK-2", Name: string(LostBefore),
			Text: "When the connection breaks before the provider has done anything Do fails, Find does not know the operation, and Do again makes it once.",
			Why:  "It is made anew when the provider says that it does not know it.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				s.script(gateways.VerbCharge, LostBefore)
				_, err := s.try("Do", s.Gateway, o)
				if err == nil {
					t.Fatalf("Do succeeds")
				}
				if effect := tierhost.EffectOf(err); effect == tierhost.EffectApplied || effect == tierhost.EffectPartial {
					t.Errorf("Do says that it had an effect: %v", err)
				}
				s.booked("after a call that did not reach the provider", Books{})
				if h.Features.Finds {
					look := o
					look.Instrument = nil
					_, err := s.find("Find", look)
					t.Is(err, gateways.ErrNoOperation, "Find")
				}
				s.do("Do again", o)
				s.booked("after it was repeated", Books{Taken: 1000})
			},
		},
		lost("UNK-3", Fails),
		lost("UNK-4", Garbles),
		lost("UNK-5", Strange),
		{
			ID: "EFF-1", Name: string(Refuses),
			Text: "When the provider refuses the request itself Do fails with effect none; it is no decline, and will not pass by itself.",
			Why:  "A wrong key of ours must not block the customer's card; it must reach staff.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				s.script(gateways.VerbCharge, Refuses)
				r, err := s.try("Do", s.Gateway, o)
				switch {
				case err == nil:
					t.Fatalf("Do is %s, want an error", r.Outcome)
				case tierhost.EffectOf(err) != tierhost.EffectNone:
					t.Errorf("Do does not say that it had no effect: %v", err)
				case tierhost.KindOf(err) == tierhost.KindUnavailable || tierhost.KindOf(err) == tierhost.KindLimited:
					t.Errorf("Do says that the provider is out: %v", err)
				}
				s.booked("after a refusal", Books{})
			},
		},
		{
			ID: "EFF-2", Name: string(Overloaded),
			Text: "When the provider says that it has too much to do and has done nothing Do fails with effect none, unavailable or limited.",
			Why:  "It is tried again, or another provider is asked.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				s.script(gateways.VerbCharge, Overloaded)
				r, err := s.try("Do", s.Gateway, o)
				switch kind := tierhost.KindOf(err); {
				case err == nil:
					t.Fatalf("Do is %s, want an error", r.Outcome)
				case tierhost.EffectOf(err) != tierhost.EffectNone:
					t.Errorf("Do does not say that it had no effect: %v", err)
				case kind != tierhost.KindUnavailable && kind != tierhost.KindLimited:
					t.Errorf("Do fails with kind %s, want unavailable or limited: %v", kind, err)
				}
				s.booked("after it was sent away", Books{})
				s.do("Do again", o)
			},
		},
		{
			ID: "AMT-1", Name: "another amount",
			Text: "The amount of a result is what the provider says, not what was asked for.",
			Why:  "Of 10.00 that were asked for and 9.99 that came, 9.99 may be booked.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				s.script(gateways.VerbCharge, MovesLess)
				r, err := s.try("Do", s.Gateway, o)
				t.OK(err, "Do")
				t.Equal(r.Amount, s.amount(999), "the amount of a charge of which the provider has taken less")
				if h.Features.Finds {
					o.Instrument = nil
					t.Equal(s.found("Find", o).Amount, s.amount(999), "the amount that Find tells")
				}
			},
		},
		{
			ID: "CTX-2", Name: "cancelled within",
			Text: "A call whose provider does not answer ends soon after its context, with an effect that is not none.",
			Why:  "A provider that hangs must not hold a worker, and may have done it.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbCharge, 1000)
				s.script(gateways.VerbCharge, Hangs)
				ctx, cancel := context.WithTimeout(t.Context(), s.h.patience()/100)
				defer cancel()
				_, err := s.call(ctx, "Do that hangs", o, func(ctx context.Context) (gateways.Result, error) { return s.Gateway.Do(ctx, s.Place, o) })
				s.doubtful("a call that is given up", err)
			},
		},
	}
}
