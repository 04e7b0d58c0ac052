package gestpay

import (
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/money"
)

// result is what the bank says of a payment.
func (a *answer) result(o gateways.Operation) (gateways.Result, error) {
	why, known := refusal(a.ErrorCode)
	switch {
	case a.Result == "KO" && a.ErrorCode == "2011": // there is no transaction of that name
		return gateways.Result{}, gateways.ErrNoOperation
	case a.Result == "KO" && !known, a.Result == "KO" && a.Transaction == "":
		// The look was refused, something has failed midway, or nobody knows what.
		return gateways.Result{}, exchange.Unclear("GestPay says %.20s: %.200s", a.ErrorCode, a.ErrorText)
	case a.Transaction != string(o.ID):
		return gateways.Result{}, exchange.Unclear("the answer is about another payment")
	}
	currency, known := currencyOf(a.Currency)
	amount, err := money.Parse(a.Amount, currency)
	if !known || err != nil || !amount.IsWhole() {
		return gateways.Result{}, exchange.Unclear("the amount cannot be read")
	}
	r := gateways.Result{Outcome: gateways.Pending, Reference: a.Bank, Amount: amount, Facts: map[string]string{}}
	for name, value := range map[string]string{"auth_code": a.Auth, "bank_transaction": a.Bank, "error": a.ErrorCode} {
		if value != "" && value != "0" {
			r.Facts[name] = value
		}
	}
	switch a.Result {
	case "OK":
		r.Outcome = gateways.Approved
	case "KO":
		r.Outcome, r.Decline = gateways.Declined, why
		r.Decline.Text = a.ErrorText
	case "XX":
	default:
		return gateways.Result{}, exchange.Unclear("the result is %.20q", a.Result)
	}
	return r, nil
}

// refusal is what the error code of a payment that was refused means, and false for codes of
// which it is not certain that nothing was paid: technical errors on the way to the card's
// network, refusals of the look itself, and those that are not known.
//
// Source: the error codes of Axerve's API documentation.
func refusal(code string) (gateways.Decline, bool) {
	switch code {
	case "74", "97", "401", "402", "405", "417", "434", "435", "457", "901", "902", "903", "904", "905", "906", "907", "908", "910", "911", "913", "914", "915",
		"916", "917", "918", "919", "920", "4203", "4305":
		return gateways.Decline{Code: gateways.DeclineUnspecified}, true
	case "516", "551", "552", "553", "1140", "1143", "2005", "2500", "2501": // the customer has gone away, or has not paid by the bank
		return gateways.Decline{Code: gateways.DeclineUnspecified}, true
	case "251", "451", "461", "4102", "4407", "4704":
		return gateways.Decline{Code: gateways.DeclineFunds}, true
	case "208", "420", "433", "454", "1126", "4401", "4702":
		return gateways.Decline{Code: gateways.DeclineExpired, Hard: true}, true
	case "414", "439", "456", "998", "1118", "1119", "1120", "4101", "4206":
		return gateways.Decline{Code: gateways.DeclineNumber, Hard: true}, true
	case "416", "1145", "1149": // PIN, password of one time, security code
		return gateways.Decline{Code: gateways.DeclineCheck, Hard: true}, true
	case "57", "404", "441", "443", "462": // blocked, or to be collected
		return gateways.Decline{Code: gateways.DeclineLost, Hard: true}, true
	case "436", "437", "438", "475", "950", "1121", "4100", "4204", "4205", "4208", "4303", "4306", "4308", "4405", "4406", "4408", "4409", "4503", "4504", "4505", "4507",
		"4508", "4701", "4703":
		return gateways.Decline{Code: gateways.DeclineRestricted, Hard: true}, true
	case "1146", "1147", "2000", "2001", "2002", "2003", "4301", "4309":
		return gateways.Decline{Code: gateways.DeclineLimit}, true
	case "2004": // a value that the shop has forbidden
		return gateways.Decline{Code: gateways.DeclineFraud, Hard: true}, true
	case "212", "418", "468", "810": // the bank's system, or its network, is not there
		return gateways.Decline{Code: gateways.DeclineIssuer}, true
	}
	return gateways.Decline{}, false
}
