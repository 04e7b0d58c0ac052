package stripe

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// tolerance is how old a notification may be, and how far its clock may be ahead.
const tolerance = 5 * time.Minute

// Notices implements [gateways.Notifier].
func (*Gateway) Notices(_ context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	_, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	if !signed(key, in.Header.Values("Stripe-Signature"), in.Body, now) {
		return nil, gateways.ErrSignature
	}
	var e event
	if err := json.Unmarshal(in.Body, &e); err != nil || e.ID == "" {
		return nil, exchange.BadNotice("the body is no event")
	}
	n := gateways.Notice{Event: e.ID, Kind: e.Type}
	if e.Created > 0 && e.Created < 1<<40 {
		n.At = time.Unix(e.Created, 0).UTC()
	}
	if e.Live != at.Live { // a webhook of the other system
		return []gateways.Notice{n}, nil
	}
	if err := e.about(&n); err != nil {
		return nil, exchange.BadNotice(err.Error())
	}
	return []gateways.Notice{n}, nil
}

// Answer implements [gateways.Notifier]: 200 is enough.
func (*Gateway) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{}, nil
}

type event struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Created int64  `json:"created"`
	Live    bool   `json:"livemode"`
	Data    struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// about says what an event is about.
func (e *event) about(n *gateways.Notice) error {
	bad := errors.New("the object of the event cannot be read")
	switch {
	case strings.HasPrefix(e.Type, "payment_intent."):
		var i intent
		if json.Unmarshal(e.Data.Object, &i) != nil || i.ID == "" {
			return bad
		}
		n.Operation, n.Reference = gateways.OperationID(i.Metadata["operation"]), i.ID
	case strings.HasPrefix(e.Type, "setup_intent."):
		var s setup
		if json.Unmarshal(e.Data.Object, &s) != nil || s.ID == "" {
			return bad
		}
		n.Operation, n.Reference = gateways.OperationID(s.Metadata["keeping"]), s.ID
	case strings.HasPrefix(e.Type, "refund."), e.Type == "charge.refund.updated":
		var r refund
		if json.Unmarshal(e.Data.Object, &r) != nil || r.ID == "" {
			return bad
		}
		n.Operation, n.Reference = gateways.OperationID(r.Metadata["operation"]), r.ID
		// A refund can fail weeks after it has succeeded, and then nobody would look: it stays so,
		// in whatever order notifications come.
		if said, err := r.result(); err == nil && said.Outcome == gateways.Declined {
			n.Result = &said
		}
	case strings.HasPrefix(e.Type, "charge.dispute."):
		var d dispute
		if json.Unmarshal(e.Data.Object, &d) != nil || d.ID == "" {
			return bad
		}
		amount, err := fromUnits(d.Amount, d.Currency)
		if err != nil {
			return err
		}
		n.Reference = d.PaymentIntent.ID
		n.Dispute = &gateways.Dispute{Amount: amount, Reason: d.Reason, Lost: e.Type == "charge.dispute.funds_withdrawn", Won: e.Type == "charge.dispute.funds_reinstated"}
	}
	return nil
}

// signed reports whether a body was signed with one of the secrets, not long before now.
// The signature covers the time, a dot and the body as it came.
//
// Source: https://docs.stripe.com/webhooks#verify-manually
func signed(key Secret, headers []string, body []byte, now time.Time) bool {
	if len(headers) != 1 || len(headers[0]) > 4096 {
		return false
	}
	stamp, given := "", [][]byte{}
	for part := range strings.SplitSeq(headers[0], ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			if stamp != "" {
				return false
			}
			stamp = value
		case "v1":
			if mac, err := hex.DecodeString(value); err == nil {
				given = append(given, mac)
			}
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return false
	}
	found := false
	for _, w := range key.Webhooks {
		mac := hmac.New(sha256.New, []byte(w.Reveal()))
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, g := range given {
			if hmac.Equal(g, want) {
				found = true
			}
		}
	}
	return found
}

// digest names a secret in a key without giving it away.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
