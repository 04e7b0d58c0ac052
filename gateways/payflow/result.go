package payflow

import (
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/money"
)

// judge is what a result code means.
//
// Source: the RESULT codes of the Payflow Pro Developer's Guide.
func judge(o gateways.Operation, got map[string]string, code, reference string) (gateways.Result, error) {
	text := got["RESPMSG"]
	if reference != "" && o.Verb == gateways.VerbAuthorize {
		reference += authorization
	}
	r := gateways.Result{Reference: reference, Amount: o.Amount, Facts: facts(got, code)}
	if o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize {
		r.Card = card(got)
	}
	if said := got["AMT"]; said != "" {
		amount, err := money.Parse(said, o.Amount.Currency())
		if err != nil || !amount.IsWhole() {
			return gateways.Result{}, exchange.Unclear("the amount cannot be read")
		}
		r.Amount = amount
	}
	decline := func(hard bool, code string) (gateways.Result, error) {
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Hard: hard, Code: code, Text: text}
		return r, nil
	}
	switch code {
	case "0":
		if reference == "" {
			return gateways.Result{}, exchange.Unclear("the answer has no reference")
		}
		r.Outcome = gateways.Approved
		return r, nil
	case "126": // held by filters
		r.Outcome = gateways.Pending
		return r, nil
	case "12", "13":
		return decline(false, gateways.DeclineUnspecified)
	case "50":
		return decline(false, gateways.DeclineFunds)
	case "51":
		return decline(false, gateways.DeclineLimit)
	case "150", "151": // the issuer's bank cannot be reached
		return decline(false, gateways.DeclineIssuer)
	case "22", "23":
		return decline(true, gateways.DeclineNumber)
	case "24":
		return decline(true, gateways.DeclineExpired)
	case "112":
		return decline(true, gateways.DeclineAddress)
	case "114":
		return decline(true, gateways.DeclineCheck)
	case "125", "128":
		return decline(true, gateways.DeclineFraud)
	case "1", "2", "3", "5", "14", "26", "27", "28", "52", "121", "130", "131":
		return gateways.Result{}, exchange.Refused(tierhost.KindDenied, "Payflow says %s: %.200s", code, text)
	case "4", "6", "7", "8", "9", "10", "25", "29", "100", "101", "118":
		return gateways.Result{}, exchange.Refused(tierhost.KindInvalid, "Payflow says %s: %.200s", code, text)
	case "19":
		return gateways.Result{}, exchange.Refused(tierhost.KindNotFound, "Payflow does not know the transaction: %.200s", text)
	case "105", "108", "110", "111", "113", "117", "120", "122", "160", "161", "162": // not in a state in which that can be done, or against the account's rules
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "Payflow says %s: %.200s", code, text)
	case "102", "106", "115": // it was passed on to nobody
		return gateways.Result{}, exchange.Refused(tierhost.KindUnavailable, "Payflow says %s: %.200s", code, text)
	}
	// Timeouts, failures of communication (negative), and what is not known.
	return gateways.Result{}, exchange.Unclear("Payflow says %.10s: %.200s", code, text)
}

// card is what may be known of the card.
func card(got map[string]string) gateways.Card {
	brands := map[string]gateways.Brand{
		"0": gateways.Visa, "1": gateways.Mastercard, "2": gateways.Discover, "3": gateways.Amex, "4": gateways.Diners, "5": gateways.JCB,
	}
	c := gateways.Card{Brand: gateways.BrandOther}
	b, known := brands[got["CARDTYPE"]]
	if known {
		c.Brand = b
	}
	if last := got["ACCT"]; len(last) >= 4 && strings.Trim(last[len(last)-4:], "0123456789") == "" {
		c.LastFour = last[len(last)-4:]
	}
	if t, err := time.Parse("0106", got["EXPDATE"]); err == nil {
		c.Year, c.Month = t.Year(), t.Month()
	}
	if !known && c.LastFour == "" {
		return gateways.Card{}
	}
	return c
}
