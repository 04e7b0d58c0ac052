package gatewaytest

import (
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// refused checks that nothing comes of an operation that is not possible: an error or a
// decline, and nothing moves.
func (s *site) refused(what string, o gateways.Operation) {
	s.t.Helper()
	before := s.books()
	if r, err := s.try(what, s.Gateway, o); err == nil && r.Outcome != gateways.Declined {
		s.t.Errorf("%s is %s", what, r.Outcome)
	}
	s.booked(what, before)
}

func moveRules() []Rule {
	return []Rule{
		{
			ID: "CAP-1", Name: "capture",
			Text: "What was authorized is set aside and not taken; a capture takes it, once.",
			Why:  "What is only set aside must not be booked, and what is taken must be.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbAuthorize, 1000)
				r := s.do("the authorization", o)
				s.booked("after the authorization", Books{Held: 1000})
				c := s.after(o, r, gateways.VerbCapture, 1000)
				first := s.do("the capture", c)
				again, err := s.try("the capture again", s.again(), c)
				t.OK(err, "the capture again")
				t.Equal(again.Outcome, first.Outcome, "the capture again")
				s.booked("after the capture", Books{Taken: 1000})
				s.refused("another capture", s.after(o, r, gateways.VerbCapture, 1000))
			},
		},
		{
			ID: "CAP-2", Name: "capture of a part",
			Text: "A capture of a part takes that part, and the rest is let go.",
			Why:  "The customer's money is not kept aside for nothing.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbAuthorize, 1000)
				r := s.do("the authorization", o)
				s.do("the capture of a part", s.after(o, r, gateways.VerbCapture, 700))
				s.booked("after the capture of a part", Books{Taken: 700})
			},
		},
		{
			ID: "CAP-3", Name: "capture of more",
			Text: "A capture of more than was authorized is not approved, and takes nothing.",
			Why:  "The customer has agreed to that much.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbAuthorize, 1000)
				r := s.do("the authorization", o)
				s.refused("a capture of more than was authorized", s.after(o, r, gateways.VerbCapture, 1001))
				s.do("the capture of all", s.after(o, r, gateways.VerbCapture, 1000))
			},
		},
		{
			ID: "VOI-1", Name: "void",
			Text: "A void lets go what was authorized, once and for good.",
			Why:  "An order that is cancelled must not block the customer's money, nor be captured later.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o := s.operation(gateways.VerbAuthorize, 1000)
				r := s.do("the authorization", o)
				v := s.after(o, r, gateways.VerbVoid, 1000)
				if got, err := s.try("the void", s.Gateway, v); err != nil || got.Outcome != gateways.Approved {
					t.Fatalf("the void is %s: %v", got.Outcome, err)
				}
				if got, err := s.try("the void again", s.again(), v); err != nil || got.Outcome != gateways.Approved {
					t.Errorf("the void again is %s: %v", got.Outcome, err)
				}
				s.booked("after the void", Books{})
				if h.Features.Can(gateways.VerbCapture) {
					s.refused("a capture after the void", s.after(o, r, gateways.VerbCapture, 1000))
				}
			},
		},
		{
			ID: "REF-1", Name: "refund",
			Text: "A refund gives back what was taken, once, also when it is repeated.",
			Why:  "Money that is given back twice is lost.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o, r := s.paid(1000)
				back := s.after(o, r, gateways.VerbRefund, 1000)
				first := s.do("the refund", back)
				again, err := s.try("the refund again", s.again(), back)
				t.OK(err, "the refund again")
				t.Equal([]any{again.Outcome, again.Amount}, []any{first.Outcome, first.Amount}, "the refund again")
				s.booked("after the refund", Books{Taken: 1000, Given: 1000})
			},
		},
		{
			ID: "REF-2", Name: "parts",
			Text: "Refunds of parts are each of their own, and add up to what was taken at the most.",
			Why:  "Each part has an entry in the books of its own.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o, r := s.paid(1000)
				one := s.do("a refund of a part", s.after(o, r, gateways.VerbRefund, 400))
				s.refused("a refund of more than is left", s.after(o, r, gateways.VerbRefund, 601))
				two := s.do("a refund of an equal part", s.after(o, r, gateways.VerbRefund, 400))
				s.do("a refund of the rest", s.after(o, r, gateways.VerbRefund, 200))
				if one.Reference == two.Reference {
					t.Errorf("two refunds have the reference %q", one.Reference)
				}
				s.booked("after refunds of all parts", Books{Taken: 1000, Given: 1000})
				s.refused("one more refund", s.after(o, r, gateways.VerbRefund, 1))
			},
		},
		{
			ID: "REF-3", Name: "too much",
			Text: "A refund of more than was taken is not approved, and gives back nothing.",
			Why:  "No customer gets more than was paid.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o, r := s.paid(1000)
				s.refused("a refund of more than was taken", s.after(o, r, gateways.VerbRefund, 1001))
				s.do("the refund", s.after(o, r, gateways.VerbRefund, 1000))
				s.refused("the same again as another refund", s.after(o, r, gateways.VerbRefund, 1000))
			},
		},
		{
			ID: "REF-4", Name: "lost refund",
			Text: "A refund whose answer was lost is found by the payment's reference, and not made again.",
			Why:  "A refund that is repeated with a new key gives the money twice.",
			Check: func(t *conformance.T, h Harness) {
				s := begin(t, h)
				o, r := s.paid(1000)
				never := s.after(o, r, gateways.VerbRefund, 1000)
				_, err := s.find("Find of a refund that never was", never)
				t.Is(err, gateways.ErrNoOperation, "Find of a refund that never was, of a payment that was")
				back := s.after(o, r, gateways.VerbRefund, 1000)
				s.script(gateways.VerbRefund, LostAfter)
				_, err = s.try("Do", s.Gateway, back)
				s.doubtful("a refund whose answer was lost", err)
				got := s.found("Find of the refund", back)
				s.approved("Find of the refund", back, got)
				known := back
				known.Reference = got.Reference
				s.approved("Find of the refund by its own reference", back, s.found("Find of the refund by its own reference", known))
				again, err := s.try("Do again", s.again(), back)
				t.OK(err, "Do again")
				s.approved("Do again", back, again)
				s.booked("after all", Books{Taken: 1000, Given: 1000})
			},
		},
	}
}
