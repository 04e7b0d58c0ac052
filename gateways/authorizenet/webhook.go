package authorizenet

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// tolerance is how old a notification may be: it is sent again for three days, with the
// date of the event.
const tolerance = 4 * 24 * time.Hour

// Notices implements [gateways.Notifier].
func (*Gateway) Notices(_ context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	_, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	if !signed(key.signatureKey(), in.Header.Values("X-ANET-Signature"), in.Body) {
		return nil, gateways.ErrSignature
	}
	var e struct {
		ID      string `json:"notificationId"`
		Type    string `json:"eventType"`
		Date    string `json:"eventDate"`
		Payload struct {
			Entity string `json:"entityName"`
			ID     string `json:"id"`
		} `json:"payload"`
	}
	if json.Unmarshal(in.Body, &e) != nil || e.ID == "" {
		return nil, exchange.BadNotice("the body is no notification")
	}
	when, err := time.Parse(time.RFC3339, e.Date)
	if age := now.Sub(when); err != nil || age > tolerance || age < -time.Hour {
		return nil, gateways.ErrSignature
	}
	n := gateways.Notice{Event: e.ID, Kind: e.Type, At: when.UTC().Truncate(time.Microsecond)}
	if strings.HasPrefix(e.Type, "net.authorize.payment.") && e.Payload.Entity == "transaction" {
		n.Reference = e.Payload.ID
	}
	return []gateways.Notice{n}, nil
}

// Answer implements [gateways.Notifier]: 200 is enough.
func (*Gateway) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{}, nil
}

// signed reports whether a body was signed with the key.
func signed(key []byte, headers []string, body []byte) bool {
	if len(headers) != 1 || len(key) == 0 {
		return false
	}
	scheme, digits, _ := strings.Cut(headers[0], "=")
	given, err := hex.DecodeString(digits)
	if err != nil || !strings.EqualFold(scheme, "sha512") {
		return false
	}
	mac := hmac.New(sha512.New, key)
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}
