package worldpay

import (
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

// result is what the last event of an order says of an operation.
//
// Source: WorldPay's payment statuses.
func (s *status) result(o gateways.Operation) (gateways.Result, error) {
	p := s.Payment
	sum, err := p.Amount.money()
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %.64q cannot be read", s.Code)
	}
	r := gateways.Result{Outcome: gateways.Pending, Reference: s.Code, Amount: sum, Facts: map[string]string{"last_event": p.Event}}
	if p.Return != nil {
		r.Facts["return_code"] = p.Return.Code
	}
	paying := o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize
	if !paying {
		r.Reference = s.Code + "/" + string(o.Verb)
	}
	approve := func(is bool) (gateways.Result, error) {
		if !is {
			return gateways.Result{}, gateways.ErrNoOperation
		}
		r.Outcome = gateways.Approved
		return r, nil
	}
	switch p.Event {
	case "SENT_FOR_AUTHORISATION", "SHOPPER_REDIRECTED":
		if !paying {
			return gateways.Result{}, gateways.ErrNoOperation
		}
		return r, nil
	case "AUTHORISED":
		if o.Verb == gateways.VerbCharge {
			return r, nil // it is captured soon
		}
		return approve(o.Verb == gateways.VerbAuthorize)
	case "CAPTURED", "SETTLED", "SETTLED_BY_MERCHANT", "CHARGED_BACK", "INFORMATION_REQUESTED", "INFORMATION_SUPPLIED", "CHARGEBACK_REVERSED":
		return approve(paying || o.Verb == gateways.VerbCapture)
	case "SENT_FOR_REFUND", "REFUNDED", "REFUNDED_BY_MERCHANT":
		return approve(o.Verb != gateways.VerbVoid)
	case "REFUND_FAILED":
		if o.Verb != gateways.VerbRefund {
			return approve(o.Verb != gateways.VerbVoid)
		}
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: "the refund has failed"}
		return r, nil
	case "CANCELLED":
		if paying {
			r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "the order was cancelled"}
			return r, nil
		}
		return approve(o.Verb == gateways.VerbVoid)
	case "REFUSED", "ERROR", "EXPIRED":
		if !paying {
			return gateways.Result{}, gateways.ErrNoOperation
		}
		r.Outcome, r.Decline = gateways.Declined, s.decline()
		return r, nil
	}
	return gateways.Result{}, exchange.Unclear("%.64q has the unknown event %.40q", s.Code, p.Event)
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
