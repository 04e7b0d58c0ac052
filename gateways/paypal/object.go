package paypal

import (
	"strings"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

// The objects of the API, as far as they are read or written.
type (
	orderRequest struct {
		Intent        string         `json:"intent"`
		PurchaseUnits []unitRequest  `json:"purchase_units"`
		PaymentSource map[string]any `json:"payment_source"`
	}
	unitRequest struct {
		CustomID       string `json:"custom_id"`
		InvoiceID      string `json:"invoice_id"`
		Description    string `json:"description,omitempty"`
		SoftDescriptor string `json:"soft_descriptor,omitempty"`
		Amount         cash   `json:"amount"`
	}
	experience struct {
		Brand    string `json:"brand_name,omitempty"`
		Locale   string `json:"locale,omitempty"`
		Shipping string `json:"shipping_preference"`
		Action   string `json:"user_action"`
		Return   string `json:"return_url"`
		Cancel   string `json:"cancel_url,omitempty"`
	}
	order struct {
		ID            string `json:"id"`
		Status        string `json:"status"`
		Intent        string `json:"intent"`
		PurchaseUnits []struct {
			CustomID string `json:"custom_id"`
			Amount   cash   `json:"amount"`
			Payments struct {
				Authorizations []movement `json:"authorizations"`
				Captures       []movement `json:"captures"`
				Refunds        []movement `json:"refunds"`
			} `json:"payments"`
		} `json:"purchase_units"`
		Links []link `json:"links"`
	}
	// movement is an authorization, a capture or a refund.
	movement struct {
		ID            string `json:"id"`
		Status        string `json:"status"`
		StatusDetails struct {
			Reason string `json:"reason"`
		} `json:"status_details"`
		Amount            cash   `json:"amount"`
		CustomID          string `json:"custom_id"`
		Expiration        string `json:"expiration_time"`
		ProcessorResponse *struct {
			AVS  string `json:"avs_code"`
			CVV  string `json:"cvv_code"`
			Code string `json:"response_code"`
		} `json:"processor_response"`
	}
	link struct {
		Href string `json:"href"`
		Rel  string `json:"rel"`
	}
	failure struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		DebugID string `json:"debug_id"`
		Details []struct {
			Issue       string `json:"issue"`
			Description string `json:"description"`
		} `json:"details"`
	}
)

// payments are those of the order's only unit.
func (o *order) payments() (auth, capture *movement, refunds []movement) {
	if len(o.PurchaseUnits) == 0 {
		return nil, nil, nil
	}
	p := o.PurchaseUnits[0].Payments
	if len(p.Authorizations) > 0 {
		auth = &p.Authorizations[0]
	}
	if len(p.Captures) > 0 {
		capture = &p.Captures[0]
	}
	return auth, capture, p.Refunds
}

// page is where the payer has to go.
func (o *order) page() string {
	for _, rel := range []string{"payer-action", "approve"} {
		for _, l := range o.Links {
			if l.Rel == rel && strings.HasPrefix(l.Href, "https://") {
				return l.Href
			}
		}
	}
	return ""
}

// reference names a movement of an order, and the order.
func (o *order) reference(kind string, m *movement) string { return o.ID + "/" + kind + "/" + m.ID }

// named is a reference, taken apart.
type named struct{ order, kind, id string }

func parse(reference string) named {
	part := strings.SplitN(reference, "/", 3)
	if len(part) < 3 {
		return named{order: part[0]}
	}
	return named{part[0], part[1], part[2]}
}

// result is what an authorization, a capture or a refund says.
func (m *movement) result(reference string) (gateways.Result, error) {
	amount, err := m.Amount.money()
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %.40q cannot be read", m.ID)
	}
	r := gateways.Result{Outcome: gateways.Pending, Reference: reference, Amount: amount, Facts: map[string]string{}}
	if m.StatusDetails.Reason != "" {
		r.Facts["reason"] = m.StatusDetails.Reason
	}
	if p := m.ProcessorResponse; p != nil {
		for name, value := range map[string]string{"avs": p.AVS, "cvv": p.CVV, "response_code": p.Code} {
			if value != "" {
				r.Facts[name] = value
			}
		}
	}
	switch m.Status {
	case "PENDING":
	case "COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED", "CREATED", "CAPTURED", "PARTIALLY_CAPTURED":
		r.Outcome = gateways.Approved
		if t, err := time.Parse(time.RFC3339, m.Expiration); err == nil {
			r.Expires = t.UTC()
		}
	case "DECLINED", "DENIED", "FAILED", "CANCELLED", "VOIDED":
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: strings.TrimSpace(m.Status + " " + m.StatusDetails.Reason)}
	default:
		return gateways.Result{}, exchange.Unclear("%.40q has the unknown status %.40q", m.ID, m.Status)
	}
	return r, nil
}
