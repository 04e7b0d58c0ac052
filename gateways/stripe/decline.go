package stripe

import "github.com/tierhost/tierhost/gateways"

// decline is what Stripe's codes mean: the issuer's, else Stripe's own.
//
// Source: https://docs.stripe.com/declines/codes. Whether the same card may be tried again
// is what Stripe advises there.
func decline(e *failure) gateways.Decline {
	code := e.DeclineCode
	if code == "" {
		code = e.Code
	}
	d := gateways.Decline{Text: e.Message, Code: "stripe." + code}
	switch code {
	case "insufficient_funds", "withdrawal_count_limit_exceeded":
		d.Code = gateways.DeclineFunds
	case "expired_card":
		d.Code, d.Hard = gateways.DeclineExpired, true
	case "incorrect_number", "invalid_number", "invalid_account", "invalid_expiry_month", "invalid_expiry_year", "new_account_information_available":
		d.Code, d.Hard = gateways.DeclineNumber, true
	case "incorrect_cvc", "invalid_cvc", "incorrect_pin", "invalid_pin", "pin_try_exceeded":
		d.Code, d.Hard = gateways.DeclineCheck, true
	case "incorrect_zip", "incorrect_address":
		d.Code, d.Hard = gateways.DeclineAddress, true
	case "lost_card", "stolen_card", "pickup_card":
		d.Code, d.Hard = gateways.DeclineLost, true
	case "fraudulent", "merchant_blacklist", "security_violation":
		d.Code, d.Hard = gateways.DeclineFraud, true
	case "card_velocity_exceeded":
		d.Code = gateways.DeclineLimit
	case "issuer_not_available", "try_again_later", "processing_error", "reenter_transaction", "approve_with_id":
		d.Code = gateways.DeclineIssuer
	case "card_not_supported", "currency_not_supported", "restricted_card", "service_not_allowed", "transaction_not_allowed", "not_permitted",
		"stop_payment_order", "revocation_of_authorization", "revocation_of_all_authorizations", "testmode_decline",
		"offline_pin_required", "online_or_offline_pin_required":
		d.Code, d.Hard = gateways.DeclineRestricted, true
	case "authentication_required", "authentication_not_handled", "mobile_device_authentication_required", "payment_intent_authentication_failure", "setup_intent_authentication_failure":
		d.Code = gateways.DeclineAsk
	case "do_not_try_again":
		d.Code, d.Hard = gateways.DeclineUnspecified, true
	case "generic_decline", "do_not_honor", "call_issuer", "no_action_taken", "card_declined", "":
		d.Code = gateways.DeclineUnspecified
	}
	return d
}
