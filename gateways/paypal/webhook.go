package paypal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/money"
)

// tolerance is how old a notification may be: PayPal sends one again for three days, and
// has not published whether with the time of the first try.
const tolerance = 4 * 24 * time.Hour

// Notices implements [gateways.Notifier]. It asks PayPal whether the notification is its
// own; that it cannot be asked is an error that has the notification sent again.
func (g *Gateway) Notices(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	c, err := g.open(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	bad := exchange.BadNotice("the body is no event")
	// The body is sent on as it came, within another one, so it must be one value.
	if !bytes.HasPrefix(in.Body, []byte("{")) || !bytes.HasSuffix(in.Body, []byte("}")) || !json.Valid(in.Body) {
		return nil, bad
	}
	if err := c.verify(ctx, in, now); err != nil {
		return nil, err
	}
	var e event
	if json.Unmarshal(in.Body, &e) != nil || e.ID == "" {
		return nil, bad
	}
	n := gateways.Notice{Event: e.ID, Kind: e.Type}
	if t, err := time.Parse(time.RFC3339, e.Created); err == nil {
		n.At = t.UTC()
	}
	if err := e.about(&n); err != nil {
		return nil, exchange.BadNotice(err.Error())
	}
	if n.Dispute != nil && n.Operation == "" && n.Reference != "" {
		if err := c.owner(ctx, &n); err != nil {
			return nil, err
		}
	}
	return []gateways.Notice{n}, nil
}

// Answer implements [gateways.Notifier]: 200 is enough.
func (*Gateway) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{}, nil
}

// verify asks PayPal whether it has signed a notification for the account's webhook.
func (c *caller) verify(ctx context.Context, in gateways.Incoming, now time.Time) error {
	head := map[string]string{"webhook_id": c.config.Webhook}
	for field, name := range map[string]string{
		"auth_algo": "Paypal-Auth-Algo", "cert_url": "Paypal-Cert-Url", "transmission_id": "Paypal-Transmission-Id",
		"transmission_sig": "Paypal-Transmission-Sig", "transmission_time": "Paypal-Transmission-Time",
	} {
		values := in.Header.Values(name)
		if len(values) != 1 || values[0] == "" || len(values[0]) > 500 {
			return gateways.ErrSignature
		}
		head[field] = values[0]
	}
	sent, err := time.Parse(time.RFC3339, head["transmission_time"])
	if age := now.Sub(sent); err != nil || age > tolerance || age < -5*time.Minute || c.config.Webhook == "" {
		return gateways.ErrSignature
	}
	text, err := json.Marshal(head)
	if err != nil {
		return gateways.ErrSignature
	}
	// Not by an encoder, which would write the event in another way than it was signed.
	body := string(text[:len(text)-1]) + `,"webhook_event":` + string(in.Body) + "}"
	reply, err := c.ask(ctx, http.MethodPost, "/v1/notifications/verify-webhook-signature", "", body)
	if err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, plain(err))
	}
	var said struct {
		Status string `json:"verification_status"`
	}
	switch {
	case reply.Status == http.StatusBadRequest || reply.Status == http.StatusUnprocessableEntity:
		return gateways.ErrSignature // such as a time or a signature of no form of PayPal's
	case reply.Status != http.StatusOK || json.Unmarshal(reply.Body, &said) != nil:
		return exchange.Refused(tierhost.KindUnavailable, "PayPal has not said whether the notification is its own: %d", reply.Status)
	case said.Status != "SUCCESS":
		return gateways.ErrSignature
	}
	return nil
}

type event struct {
	ID       string          `json:"id"`
	Type     string          `json:"event_type"`
	Created  string          `json:"create_time"`
	Resource json.RawMessage `json:"resource"`
}

// about says what an event is about.
func (e *event) about(n *gateways.Notice) error {
	bad := errors.New("the resource of the event cannot be read")
	switch {
	case strings.HasPrefix(e.Type, "CHECKOUT.ORDER."):
		var o order
		if json.Unmarshal(e.Resource, &o) != nil || o.ID == "" {
			return bad
		}
		n.Reference = o.ID
		if len(o.PurchaseUnits) == 1 {
			n.Operation = gateways.OperationID(o.PurchaseUnits[0].CustomID)
		}
	case strings.HasPrefix(e.Type, "PAYMENT."):
		var m movement
		if json.Unmarshal(e.Resource, &m) != nil || m.ID == "" {
			return bad
		}
		n.Operation, n.Reference = gateways.OperationID(m.CustomID), m.ID
		if e.Type == "PAYMENT.CAPTURE.REVERSED" {
			return m.reversed(n)
		}
		// A refund can fail after it has succeeded, and then nobody would look. Only its own name
		// tells whose it is: one that is made in PayPal's panel has the custom ID of the payment.
		if m.rank() == 0 && m.self(refunds) {
			if said, err := m.result(m.ID); err == nil {
				n.Operation, n.Result = "", &said
			}
		}
	case strings.HasPrefix(e.Type, "CUSTOMER.DISPUTE."):
		var d struct {
			Amount       cash   `json:"dispute_amount"`
			Reason       string `json:"reason"`
			Transactions []struct {
				Capture string `json:"seller_transaction_id"`
				Custom  string `json:"custom"`
				Invoice string `json:"invoice_number"`
			} `json:"disputed_transactions"`
		}
		if json.Unmarshal(e.Resource, &d) != nil || len(d.Transactions) == 0 {
			return bad
		}
		amount, err := d.Amount.money()
		if err != nil {
			return err
		}
		n.Operation, n.Reference = gateways.OperationID(cmp.Or(d.Transactions[0].Custom, d.Transactions[0].Invoice)), d.Transactions[0].Capture
		n.Dispute = &gateways.Dispute{Amount: amount, Reason: d.Reason}
	}
	return nil
}

// reversed says how much of a capture PayPal has taken back. The resource is what was taken
// back, like a refund. If it is the capture itself, its amount is all of it, and of a capture
// of which a part was given back nobody can tell how much this was: the amount is zero then,
// which is booked nowhere, and staff finds the notice in the inbox.
func (m *movement) reversed(n *gateways.Notice) error {
	amount, err := m.Amount.money()
	if err != nil {
		return err
	}
	for _, l := range m.Links {
		if l.Rel == "up" && strings.Contains(l.Href, captures) {
			n.Reference = l.Href[strings.LastIndexByte(l.Href, '/')+1:]
		}
	}
	if m.self(captures) && m.Status == "PARTIALLY_REFUNDED" {
		amount = money.Zero(amount.Currency())
	}
	n.Dispute = &gateways.Dispute{Amount: amount, Lost: true, Reason: m.StatusDetails.Reason}
	return nil
}

// captures and refunds are where PayPal has them.
const (
	captures = "/v2/payments/captures/"
	refunds  = "/v2/payments/refunds/"
)

// self reports whether a movement is one of those that PayPal has at a path.
func (m *movement) self(path string) bool {
	return slices.ContainsFunc(m.Links, func(l link) bool { return l.Rel == "self" && strings.Contains(l.Href, path) })
}

// owner finds the operation that a capture was made for, of which PayPal has only told the
// ID. That PayPal does not know it is none.
func (c *caller) owner(ctx context.Context, n *gateways.Notice) error {
	var m movement
	err := c.get(ctx, captures+url.PathEscape(n.Reference), &m)
	switch {
	case errors.Is(err, gateways.ErrNoOperation):
		return nil
	case err != nil:
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, plain(err))
	}
	n.Operation = gateways.OperationID(m.CustomID)
	return nil
}
