package authorizenet

import "github.com/tierhost/tierhost/gateways"

// decline is what a reason code means.
//
// Source: Authorize.Net's list of response reason codes.
func decline(code, text string) gateways.Decline {
	d := gateways.Decline{Text: text, Code: "authorizenet." + code}
	switch code {
	case "2", "3", "":
		d.Code = gateways.DeclineUnspecified
	case "4", "41", "250", "251":
		d.Code, d.Hard = gateways.DeclineFraud, true
		if code == "4" { // the card is to be picked up
			d.Code = gateways.DeclineLost
		}
	case "6", "7", "37", "315", "316":
		d.Code, d.Hard = gateways.DeclineNumber, true
	case "8", "317":
		d.Code, d.Hard = gateways.DeclineExpired, true
	case "17", "28", "128":
		d.Code, d.Hard = gateways.DeclineRestricted, true
	case "27", "45", "127":
		d.Code, d.Hard = gateways.DeclineAddress, true
	case "44", "65", "78":
		d.Code, d.Hard = gateways.DeclineCheck, true
	}
	return d
}
