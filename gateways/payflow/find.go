package payflow

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

// authorization ends the references of authorizations: what is given back is a capture, which
// Payflow calls by a name of its own.
const authorization = "/authorization"

// customOf is the reference (CUSTREF) by which an operation is found. That of a capture is
// made of what it captures, so that a refund finds it too.
func customOf(o gateways.Operation) string {
	if of, is := strings.CutSuffix(o.Reference, authorization); is && o.Verb == gateways.VerbCapture {
		return customOfCapture(of)
	}
	return custom(string(o.ID))
}

func customOfCapture(authorization string) string { return custom("capture of " + authorization) }

// origin is the type of an operation at Payflow, and the transaction that it refers to.
//
// Source: Payflow Pro Developer's Guide, Submitting Credit Transactions: against sales,
// delayed captures and voice authorizations only.
func (c *caller) origin(ctx context.Context, o gateways.Operation) (kind, origin string, err error) {
	switch o.Verb {
	case gateways.VerbCharge, gateways.VerbAuthorize:
		if o.Instrument == nil || o.Instrument.Value.IsZero() {
			return "", "", exchange.Refused(tierhost.KindPrecondition, "there is no instrument")
		}
		origin, _ = strings.CutSuffix(o.Instrument.Value.Reveal(), authorization)
		if o.Verb == gateways.VerbAuthorize {
			return "A", origin, nil
		}
		return "S", origin, nil
	}
	origin, authorized := strings.CutSuffix(o.Reference, authorization)
	switch o.Verb {
	case gateways.VerbCapture:
		return "D", origin, nil
	case gateways.VerbVoid:
		if !authorized {
			return "V", origin, nil
		}
		captured, err := c.captured(ctx, origin, 1) // one of days ago is settled, and no void of it works
		switch {
		case errors.Is(err, gateways.ErrNoOperation):
			return "V", origin, nil
		case err != nil:
			return "", "", exchange.Refused(tierhost.KindUnavailable, "whether it is captured cannot be found out: %s", err.Error())
		}
		return "V", captured, nil
	case gateways.VerbRefund:
		if !authorized {
			return "C", origin, nil
		}
		captured, err := c.captured(ctx, origin, months)
		switch {
		case errors.Is(err, gateways.ErrNoOperation):
			return "", "", exchange.Refused(tierhost.KindPrecondition, "there is no capture of it to give back")
		case err != nil:
			return "", "", exchange.Refused(tierhost.KindUnavailable, "the capture cannot be found: %s", err.Error())
		}
		return "C", captured, nil
	}
	return "", "", exchange.Refused(tierhost.KindUnsupported, "there is no %s", o.Verb)
}

// An inquiry looks through less than 30 days, the last ones if it does not say which. The
// clock of Payflow may be a day off ours, as it does not name its time zone.
const (
	window = 29 * 24 * time.Hour
	skew   = 24 * time.Hour
	months = 14 // of such windows a refund looks back for the capture
)

// captured is the transaction that has captured an authorization, in so many windows back.
func (c *caller) captured(ctx context.Context, origin string, windows int) (string, error) {
	end := c.clock.Now().Add(skew)
	for range windows {
		got, err := c.inquire(ctx, ask{custom: customOfCapture(origin), from: end.Add(-window)})
		switch {
		case err == nil && got["ORIGRESULT"] == "0" && got["ORIGPNREF"] != "":
			return got["ORIGPNREF"], nil
		case err == nil:
			return "", gateways.ErrNoOperation // the last try to capture has failed
		case !errors.Is(err, gateways.ErrNoOperation):
			return "", err
		}
		end = end.Add(-window)
	}
	return "", gateways.ErrNoOperation
}

// Find implements [gateways.Gateway]: an inquiry by the operation's own reference, else by
// Payflow's.
func (g *Gateway) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	q := ask{custom: customOf(o)}
	origin, authorized := strings.CutSuffix(o.Reference, authorization)
	if o.Verb == gateways.VerbCapture && !authorized && origin != "" {
		q = ask{origin: origin} // what Payflow calls the capture
	}
	if !o.Begun.IsZero() {
		q.from = o.Begun.Add(-skew)
	}
	got, err := c.inquire(ctx, q)
	paying := o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize
	if errors.Is(err, gateways.ErrNoOperation) && paying && origin != "" {
		got, err = c.inquire(ctx, ask{origin: origin})
	}
	if err != nil {
		return gateways.Result{}, err
	}
	r, err := judge(o, got, got["ORIGRESULT"], got["ORIGPNREF"])
	switch {
	case err != nil && tierhost.EffectOf(err) == tierhost.EffectNone: // Payflow has not taken it, and never will
	case err == nil && r.Outcome == gateways.Declined && q.custom != "" && o.Verb == gateways.VerbCapture && authorized: // which may be of an earlier try
	default:
		return r, err
	}
	return gateways.Result{}, gateways.ErrNoOperation
}

// ask is what an inquiry asks by: the reference of an operation or a transaction.
type ask struct {
	custom, origin string
	from           time.Time // for references of operations: the begin of the window; zero: the last days
}

// inquire asks for a transaction.
func (c *caller) inquire(ctx context.Context, what ask) (map[string]string, error) {
	var q pairs
	q.add("TRXTYPE", "I")
	q.add("TENDER", "C")
	q.add("ORIGID", what.origin)
	q.add("CUSTREF", what.custom)
	if what.custom != "" && !what.from.IsZero() {
		const stamp = "20060102150405"
		q.add("STARTTIME", what.from.UTC().Format(stamp))
		q.add("ENDTIME", what.from.Add(window).UTC().Format(stamp))
	}
	q.add("VERBOSITY", "HIGH")
	// Each inquiry is a request of its own, or Payflow would repeat the first answer.
	got, err := c.ask(ctx, digest(gateways.OperationID(what.custom+what.origin+"/"+rand.Text())), q)
	switch {
	case err != nil:
		return nil, err
	case got["RESULT"] == "20", got["RESULT"] == "19":
		return nil, gateways.ErrNoOperation
	case got["RESULT"] != "0" || got["ORIGRESULT"] == "":
		_, err := judge(gateways.Operation{Verb: "inquiry"}, got, got["RESULT"], "")
		if err == nil {
			err = exchange.Unclear("the inquiry has failed: %.10s", got["RESULT"])
		}
		return nil, err
	}
	return got, nil
}
