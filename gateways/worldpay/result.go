package worldpay

import (
	"strings"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

// reference is what a modification is called that WorldPay has received: by its order, and
// the last event of the order before it. That event says nothing of the modification, however
// long the order tells it.
type reference struct {
	order  string
	verb   gateways.Verb
	before string
}

func (r reference) String() string { return r.order + "/" + string(r.verb) + "/" + r.before }

// named takes a reference apart. A payment's is the code of its order alone.
func named(text string) reference {
	order, rest, _ := strings.Cut(text, "/")
	verb, before, _ := strings.Cut(rest, "/")
	return reference{order, gateways.Verb(verb), before}
}

// settling is how long after a modification was begun an order may not show it yet:
// captures and refunds are sent once a day, and what inquiries tell lags behind.
const settling = 3 * 24 * time.Hour

// result is what the last event of an order says of an operation.
//
// Source: WorldPay's payment status definitions.
func (s *status) result(o gateways.Operation, now time.Time) (gateways.Result, error) {
	p := s.Payment
	sum, err := p.Amount.money()
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %.64q cannot be read", s.Code)
	}
	r := gateways.Result{Outcome: gateways.Pending, Reference: s.Code, Amount: sum, Facts: map[string]string{"last_event": p.Event}}
	if p.Return != nil {
		r.Facts["return_code"] = p.Return.Code
	}
	if o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize {
		return s.paid(o, r)
	}
	asked := named(o.Reference)
	received := asked.verb == o.Verb
	if r.Reference = o.Reference; !received {
		r.Reference = reference{s.Code, o.Verb, p.Event}.String()
	}
	verdict, young := modified(o.Verb, p.Event), now.Before(o.Begun.Add(settling))
	switch {
	case verdict == strange:
		return gateways.Result{}, exchange.Unclear("%.64q has the unknown event %.40q", s.Code, p.Event)
	case received && asked.before == p.Event:
		return r, nil // in hand, and not shown yet
	case verdict == approved:
		r.Outcome = gateways.Approved
		return r, nil
	case verdict == pending: // should it fail, that is another event than this one
		r.Reference = reference{s.Code, o.Verb, p.Event}.String()
		return r, nil
	case received && verdict == silent, received && young && p.Event == refundFailed:
		return r, nil // the failure may be of a refund before, of which the inquiry before this one did not tell yet
	case !received && young:
		return gateways.Result{}, exchange.Unclear("%.64q does not show the %s, which may be in hand: it is %.40q", s.Code, o.Verb, p.Event)
	case verdict == declined:
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: "the order is " + p.Event}
		return r, nil
	}
	return gateways.Result{}, gateways.ErrNoOperation
}

// paid is what the last event of an order says of its payment.
func (s *status) paid(o gateways.Operation, r gateways.Result) (gateways.Result, error) {
	switch s.Payment.Event {
	case "SIGNED_FORM_RECEIVED", "SENT_FOR_AUTHORISATION", "SHOPPER_REDIRECTED":
		return r, nil
	case "AUTHORISED":
		if o.Verb == gateways.VerbAuthorize { // else it is captured soon
			r.Outcome = gateways.Approved
		}
		return r, nil
	case "CANCELLED":
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "the order was cancelled"}
		return r, nil
	case "REFUSED", "ERROR", "EXPIRED":
		r.Outcome, r.Decline = gateways.Declined, s.decline()
		return r, nil
	}
	if kindOf(s.Payment.Event) != "" { // whatever became of the money, it was taken
		r.Outcome = gateways.Approved
		return r, nil
	}
	return gateways.Result{}, exchange.Unclear("%.64q has the unknown event %.40q", s.Code, s.Payment.Event)
}

const refundFailed = "REFUND_FAILED"

// verdict is what an event says of a modification.
type verdict int

const (
	strange  verdict = iota // it is not known
	silent                  // nothing
	pending                 // it is under way
	approved                // it is done
	declined                // it will not be done
)

// kindOf sorts the events of an order whose money was taken; "" for others.
func kindOf(event string) string {
	switch event {
	case "CAPTURED", "SETTLED", "SETTLED_BY_MERCHANT":
		return "taken"
	case "CHARGED_BACK", "CHARGEBACK_REVERSED", "INFORMATION_REQUESTED", "INFORMATION_SUPPLIED",
		"DISPUTE_EXPIRED", "DISPUTE_RESERVE_RELEASED", "DISPUTED_FUNDS_HELD", "DISPUTED_FUNDS_RELEASED":
		return "disputed"
	case "SENT_FOR_REFUND":
		return "refunding"
	case "REFUNDED", "REFUNDED_BY_MERCHANT":
		return "refunded"
	case refundFailed:
		return "refund failed"
	}
	return ""
}

// modified is what an event says of a modification of a verb.
func modified(v gateways.Verb, event string) verdict {
	kind := kindOf(event)
	switch event {
	case "SIGNED_FORM_RECEIVED", "SENT_FOR_AUTHORISATION", "SHOPPER_REDIRECTED", "AUTHORISED":
		return silent
	case "CANCELLED":
		if v == gateways.VerbVoid {
			return approved
		}
		return declined
	case "REFUSED", "ERROR", "EXPIRED":
		return declined
	}
	switch {
	case kind == "":
		return strange
	case v == gateways.VerbCapture:
		return approved
	case v == gateways.VerbVoid:
		return declined // it was captured before
	}
	// A bank takes up to three weeks for what was sent for refund, and may not take it.
	return map[string]verdict{"taken": silent, "disputed": silent, "refunding": pending, "refunded": approved, "refund failed": declined}[kind]
}

// decline is what the issuer's return code means.
//
// Source: ISO 8583 response codes, as WorldPay lists them.
func (s *status) decline() gateways.Decline {
	d := gateways.Decline{Code: gateways.DeclineUnspecified, Text: s.Payment.Event}
	if s.Payment.Return == nil {
		return d
	}
	d.Text = s.Payment.Return.Text
	switch code := s.Payment.Return.Code; code {
	case "5", "05", "":
	case "51":
		d.Code = gateways.DeclineFunds
	case "33", "54":
		d.Code, d.Hard = gateways.DeclineExpired, true
	case "14":
		d.Code, d.Hard = gateways.DeclineNumber, true
	case "34", "59", "83":
		d.Code, d.Hard = gateways.DeclineFraud, true
	case "4", "04", "7", "07", "41", "43":
		d.Code, d.Hard = gateways.DeclineLost, true
	case "57", "58", "62":
		d.Code, d.Hard = gateways.DeclineRestricted, true
	case "61", "65":
		d.Code = gateways.DeclineLimit
	case "91":
		d.Code = gateways.DeclineIssuer
	default:
		d.Code = "worldpay." + code
	}
	return d
}
