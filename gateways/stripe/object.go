package stripe

import (
	"encoding/json"
	"time"

	"github.com/tierhost/tierhost/gateways"
)

// The objects of the API, as far as they are read.
type (
	intent struct {
		ID               string             `json:"id"`
		Status           string             `json:"status"`
		Amount           int64              `json:"amount"`
		AmountCapturable int64              `json:"amount_capturable"`
		AmountReceived   int64              `json:"amount_received"`
		Currency         string             `json:"currency"`
		Created          int64              `json:"created"`
		CaptureMethod    string             `json:"capture_method"`
		ClientSecret     string             `json:"client_secret"`
		Metadata         map[string]string  `json:"metadata"`
		LastPaymentError *failure           `json:"last_payment_error"`
		LatestCharge     expandable[charge] `json:"latest_charge"`
	}
	charge struct {
		ID      string `json:"id"`
		Outcome *struct {
			RiskLevel string `json:"risk_level"`
		} `json:"outcome"`
		PaymentMethodDetails struct {
			Card *struct {
				card
				CaptureBefore int64 `json:"capture_before"`
				Checks        struct {
					Line1      string `json:"address_line1_check"`
					PostalCode string `json:"address_postal_code_check"`
					CVC        string `json:"cvc_check"`
				} `json:"checks"`
			} `json:"card"`
		} `json:"payment_method_details"`
	}
	card struct {
		Brand    string `json:"brand"`
		Last4    string `json:"last4"`
		ExpMonth int    `json:"exp_month"`
		ExpYear  int    `json:"exp_year"`
	}
	refund struct {
		ID            string             `json:"id"`
		Status        string             `json:"status"`
		Amount        int64              `json:"amount"`
		Currency      string             `json:"currency"`
		FailureReason string             `json:"failure_reason"`
		Metadata      map[string]string  `json:"metadata"`
		PaymentIntent expandable[intent] `json:"payment_intent"`
	}
	setup struct {
		ID             string                    `json:"id"`
		Status         string                    `json:"status"`
		ClientSecret   string                    `json:"client_secret"`
		Customer       expandable[customer]      `json:"customer"`
		PaymentMethod  expandable[paymentMethod] `json:"payment_method"`
		LastSetupError *failure                  `json:"last_setup_error"`
		Metadata       map[string]string         `json:"metadata"`
	}
	customer struct {
		ID string `json:"id"`
	}
	paymentMethod struct {
		ID       string               `json:"id"`
		Card     *card                `json:"card"`
		Customer expandable[customer] `json:"customer"`
	}
	dispute struct {
		ID            string             `json:"id"`
		Amount        int64              `json:"amount"`
		Currency      string             `json:"currency"`
		Reason        string             `json:"reason"`
		Status        string             `json:"status"`
		PaymentIntent expandable[intent] `json:"payment_intent"`
	}
	// failure is an error of the API.
	failure struct {
		Type          string  `json:"type"`
		Code          string  `json:"code"`
		DeclineCode   string  `json:"decline_code"`
		Message       string  `json:"message"`
		Param         string  `json:"param"`
		PaymentIntent *intent `json:"payment_intent"`
	}
	list[T any] struct {
		Data    []T  `json:"data"`
		HasMore bool `json:"has_more"`
	}
)

// expandable is an object, or its ID alone.
type expandable[T any] struct {
	ID   string
	Full *T
}

// UnmarshalJSON reads either.
func (e *expandable[T]) UnmarshalJSON(data []byte) error {
	*e = expandable[T]{}
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &e.ID)
	}
	var head struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(data, &head); err != nil || string(data) == "null" {
		return err
	}
	e.ID, e.Full = head.ID, new(T)
	return json.Unmarshal(data, e.Full)
}

// card returns what may be known of a card.
func (c *card) known() gateways.Card {
	if c == nil {
		return gateways.Card{}
	}
	k := gateways.Card{Brand: gateways.Brand(c.Brand), LastFour: c.Last4, Year: c.ExpYear, Month: time.Month(c.ExpMonth)}
	if !k.Brand.Known() {
		k.Brand = gateways.BrandOther
	}
	return k
}
