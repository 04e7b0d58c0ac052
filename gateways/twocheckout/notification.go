package twocheckout

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// tolerance is how old a notification may be, and how far the clocks and the time zone of
// 2Checkout, which it does not name, may be ahead.
const (
	tolerance = 4 * 24 * time.Hour
	ahead     = 14 * time.Hour
)

// stamp is the form of dates in notifications.
const stamp = "20060102150405"

type pair struct{ name, value string }

// pairs reads a form in the order in which it came: url.Values would lose it.
func pairs(body string) (all []pair, err error) {
	for part := range strings.SplitSeq(body, "&") {
		name, value, found := strings.Cut(part, "=")
		if !found {
			return nil, errors.New("this is no form")
		}
		if name, err = url.QueryUnescape(name); err != nil {
			return nil, errors.New("this is no form")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, errors.New("this is no form")
		}
		all = append(all, pair{name, value})
	}
	return all, nil
}

// notification is an IPN that was signed as it should be.
type notification struct {
	algorithm string
	fields    map[string]string // the first of each name
}

// open checks the signature of a notification.
func open(key Secret, in gateways.Incoming) (*notification, error) {
	bad := exchange.BadNotice("the body is no notification of 2Checkout")
	all, err := pairs(string(in.Body))
	if err != nil || in.Method != http.MethodPost {
		return nil, bad
	}
	n := &notification{fields: map[string]string{}}
	var values []string
	for _, p := range all {
		switch p.name {
		case "HASH", "SIGNATURE_SHA2_256", "SIGNATURE_SHA3_256":
		default:
			values = append(values, p.value)
		}
		if _, twice := n.fields[p.name]; twice && !strings.HasSuffix(p.name, "[]") {
			return nil, bad
		} else if !twice {
			n.fields[p.name] = p.value
		}
	}
	n.algorithm = "sha3-256"
	given := n.fields["SIGNATURE_SHA3_256"]
	if given == "" {
		n.algorithm, given = "sha256", n.fields["SIGNATURE_SHA2_256"]
	}
	if !same(given, mac(n.algorithm, key.Key.Reveal(), values...)) {
		return nil, gateways.ErrSignature
	}
	// The names are not signed.
	for _, name := range []string{"REFNO", "REFNOEXT", "ORDERSTATUS", "IPN_PID[]", "IPN_PNAME[]", "IPN_DATE", "IPN_TOTALGENERAL", "CURRENCY", "TEST_ORDER"} {
		if _, has := n.fields[name]; !has {
			return nil, bad
		}
	}
	return n, nil
}

// Notices implements [gateways.Notifier]. What 2Checkout has signed is taken for proof.
func (*Gateway) Notices(_ context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	_, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	got, err := open(key, in)
	if err != nil {
		return nil, err
	}
	f := got.fields
	sent, err := time.Parse(stamp, f["IPN_DATE"])
	if age := now.Sub(sent); err != nil || age > tolerance || age < -ahead {
		return nil, gateways.ErrSignature
	}
	n := gateways.Notice{
		// The same order in the same status, as often as it is told.
		Event: f["REFNO"] + "/" + f["ORDERSTATUS"], Kind: f["ORDERSTATUS"], Operation: gateways.OperationID(f["REFNOEXT"]), Reference: f["REFNO"],
	}
	r, err := result(f["REFNO"], f["ORDERSTATUS"], f["IPN_TOTALGENERAL"], f["CURRENCY"])
	if err == nil && f["ORDERSTATUS"] != "REFUND" { // whose amounts are those of the refund
		n.Result = &r
	}
	// Test orders come signed and complete like others, and any link becomes one of a test
	// order by a parameter that is not signed.
	if n.Operation == "" || at.Live != (f["TEST_ORDER"] == "0") {
		n.Operation, n.Reference, n.Result = "", "", nil // an order that was not begun here
	}
	return []gateways.Notice{n}, nil
}

// Answer implements [gateways.Notifier]: 2Checkout wants its own fields signed.
func (*Gateway) Answer(_ context.Context, at gateways.Place, in gateways.Incoming, now time.Time) (gateways.Answer, error) {
	_, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return gateways.Answer{}, err
	}
	got, err := open(key, in)
	if err != nil {
		return gateways.Answer{}, err
	}
	date := now.UTC().Format(stamp)
	sum := mac(got.algorithm, key.Key.Reveal(), got.fields["IPN_PID[]"], got.fields["IPN_PNAME[]"], got.fields["IPN_DATE"], date)
	return gateways.Answer{Type: "text/xml", Body: fmt.Appendf(nil, `<sig algo="%s" date="%s">%s</sig>`, got.algorithm, date, sum)}, nil
}
