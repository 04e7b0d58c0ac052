package paypal

import (
	"errors"
	"fmt"
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
			CustomID  string `json:"custom_id"`
			InvoiceID string `json:"invoice_id"`
			Amount    cash   `json:"amount"`
			Payments  struct {
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
		InvoiceID         string `json:"invoice_id"`
		Expiration        string `json:"expiration_time"`
		Links             []link `json:"links"`
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
		Links   []link `json:"links"`
		Details []struct {
			Issue       string `json:"issue"`
			Description string `json:"description"`
		} `json:"details"`
	}
)

// charged are the captures of an order that is captured at once, and authorized its
// authorizations: those that tell what became of it. What stands goes before what is pending,
// and that before what was refused: a payer may have been asked more than once.
func (o *order) charged() []*movement { return foremost(o.captures()) }

// authorized is described at [order.charged]. The last one stands for those before it.
func (o *order) authorized() *movement {
	if len(o.PurchaseUnits) == 0 {
		return nil
	}
	all := foremost(pointers(o.PurchaseUnits[0].Payments.Authorizations))
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// captures and refunds are those of the order's only unit.
func (o *order) captures() []*movement {
	if len(o.PurchaseUnits) == 0 {
		return nil
	}
	return pointers(o.PurchaseUnits[0].Payments.Captures)
}

// refunds is described at [order.captures].
func (o *order) refunds() []*movement {
	if len(o.PurchaseUnits) == 0 {
		return nil
	}
	return pointers(o.PurchaseUnits[0].Payments.Refunds)
}

// taken is the capture that took what was authorized: ours, whose invoice is the operation
// that it was made for, else the only one. Those that somebody makes in PayPal's panel have
// the invoice of the order, or none. It fails if several could be meant.
func (o *order) taken() (*movement, error) {
	var ours, standing []*movement
	for _, m := range o.captures() {
		if m.rank() < stands {
			continue
		}
		standing = append(standing, m)
		if m.InvoiceID != "" && m.InvoiceID != o.PurchaseUnits[0].InvoiceID {
			ours = append(ours, m)
		}
	}
	switch {
	case len(ours) == 1:
		return ours[0], nil
	case len(standing) == 1:
		return standing[0], nil
	case len(standing) == 0:
		return nil, errors.New("nothing is captured")
	}
	return nil, fmt.Errorf("the order has %d captures, and which is meant is not known", len(standing))
}

func pointers(list []movement) (all []*movement) {
	for i := range list {
		all = append(all, &list[i])
	}
	return all
}

// stands is the rank of what has moved or set aside money.
const stands = 2

// rank sorts movements: 0 refused, 1 pending or in a status that is not known, 2 it stands.
func (m *movement) rank() int {
	switch m.Status {
	case "DECLINED", "DENIED", "FAILED", "CANCELLED", "VOIDED":
		return 0
	case "COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED", "CREATED", "CAPTURED", "PARTIALLY_CAPTURED":
		return stands
	}
	return 1
}

// foremost returns the movements of the highest rank.
func foremost(all []*movement) (first []*movement) {
	for _, m := range all {
		if len(first) > 0 && m.rank() > first[0].rank() {
			first = nil
		}
		if len(first) == 0 || m.rank() == first[0].rank() {
			first = append(first, m)
		}
	}
	return first
}

// page is where the payer has to go, as links tell it.
func page(links []link) string {
	for _, rel := range []string{"payer-action", "approve", "redirect"} {
		for _, l := range links {
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
	switch rank := m.rank(); {
	case rank == stands:
		r.Outcome = gateways.Approved
		if t, err := time.Parse(time.RFC3339, m.Expiration); err == nil {
			r.Expires = t.UTC()
		}
	case rank == 0:
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: strings.TrimSpace(m.Status + " " + m.StatusDetails.Reason)}
	case m.Status != "PENDING":
		return gateways.Result{}, exchange.Unclear("%.40q has the unknown status %.40q", m.ID, m.Status)
	}
	return r, nil
}
