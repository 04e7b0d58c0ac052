package authorizenet

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

// Find implements [gateways.Gateway].
func (g *Gateway) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	return c.find(ctx, o)
}

func (c *caller) find(ctx context.Context, o gateways.Operation) (gateways.Result, error) {
	if o.Reference != "" {
		d, err := c.details(ctx, o.Reference)
		switch {
		case err != nil && !(errors.Is(err, gateways.ErrNoOperation) && o.Verb == gateways.VerbRefund):
			return gateways.Result{}, err
		case err != nil:
		case o.Verb == gateways.VerbCapture || o.Verb == gateways.VerbVoid, d.Invoice == digest(o.ID):
			return c.result(o, d)
		case o.Verb == gateways.VerbRefund && d.Status == "voided": // before it was settled
			return c.result(gateways.Operation{Verb: gateways.VerbVoid}, d)
		case o.Verb != gateways.VerbRefund:
			return gateways.Result{}, gateways.ErrNoOperation
		}
	} else if o.Verb == gateways.VerbCapture || o.Verb == gateways.VerbVoid {
		return gateways.Result{}, gateways.ErrNoOperation
	}
	id, err := c.search(ctx, digest(o.ID), o.Begun)
	if err != nil {
		return gateways.Result{}, err
	}
	d, err := c.details(ctx, id)
	if err != nil {
		return gateways.Result{}, err
	}
	return c.result(o, d)
}

// details reads a transaction.
func (c *caller) details(ctx context.Context, id string) (*details, error) {
	r, err := c.ask(ctx, getDetails{head: c.head, TransID: id})
	if err != nil {
		return nil, err
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if r.Details == nil || r.Details.TransID != id {
		return nil, exchange.Unclear("the answer is about another transaction")
	}
	return r.Details, nil
}

// most is how many transactions a page of a list has, and pages how many are read.
const (
	most  = 1000
	pages = 20
)

// search returns the transaction with an invoice number: among those that are not settled,
// and those of the batches that were settled from the day before it was begun to the fifth
// after it.
func (c *caller) search(ctx context.Context, invoice string, begun time.Time) (string, error) {
	newest := sorting{"submitTimeUTC", true}
	id, err := c.list(ctx, invoice, func(p paging) any { return getUnsettled{head: c.head, Sorting: newest, Paging: p} })
	if !errors.Is(err, gateways.ErrNoOperation) || begun.IsZero() {
		return id, err
	}
	r, err := c.ask(ctx, getBatches{
		head: c.head, From: begun.UTC().Add(-24 * time.Hour).Format(time.RFC3339), To: begun.UTC().Add(5 * 24 * time.Hour).Format(time.RFC3339),
	})
	if err != nil {
		return "", err
	}
	if err := r.err(); err != nil {
		return "", err
	}
	for _, batch := range r.Batches {
		id, err := c.list(ctx, invoice, func(p paging) any { return getBatch{head: c.head, Batch: batch, Sorting: newest, Paging: p} })
		if !errors.Is(err, gateways.ErrNoOperation) {
			return id, err
		}
	}
	return "", gateways.ErrNoOperation
}

// list returns the transaction of a list that has an invoice number. Of the others nothing is
// recorded.
func (c *caller) list(ctx context.Context, invoice string, request func(p paging) any) (string, error) {
	ours := func(reply exchange.Reply) string { return only(reply.Body, invoice) }
	for page := 1; page <= pages; page++ {
		r, err := c.askFor(ctx, request(paging{most, page}), ours)
		if err != nil {
			return "", err
		}
		if err := r.err(); err != nil {
			return "", err
		}
		for _, t := range r.List {
			if t.Invoice == invoice {
				return t.TransID, nil
			}
		}
		if len(r.List) < most {
			return "", gateways.ErrNoOperation
		}
	}
	return "", exchange.Unclear("there are more transactions than can be looked through")
}

// only is what a list says of an invoice number, and how many other transactions it has.
func only(body []byte, invoice string) string {
	r, known := read(body)
	if !known {
		return "(an answer that cannot be read)"
	}
	text := r.Result
	for _, m := range r.Messages {
		text += " " + m.Code
	}
	others := 0
	for _, t := range r.List {
		if t.Invoice == invoice {
			text += "\ntransId " + t.TransID + ", invoiceNumber " + t.Invoice
		} else {
			others++
		}
	}
	return text + "\nothers: " + strconv.Itoa(others)
}

// result is what a transaction says of an operation.
func (c *caller) result(o gateways.Operation, d *details) (gateways.Result, error) {
	r := gateways.Result{Outcome: gateways.Pending, Reference: d.TransID, Facts: facts(d.Code, d.AVS, d.CVV, d.Reason)}
	if last := lastFour(d.Number); last != "" && (o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize) {
		r.Card = gateways.Card{Brand: brand(d.Brand), LastFour: last}
	}
	text := d.Settle
	if o.Verb == gateways.VerbAuthorize || o.Verb == gateways.VerbVoid || text == "" {
		text = d.Auth
	}
	amount, err := c.money(text)
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %.40q cannot be read", d.TransID)
	}
	r.Amount = amount
	taken, set := false, false
	switch d.Status {
	case "capturedPendingSettlement", "settledSuccessfully", "approvedReview", "pendingFinalSettlement", "pendingSettlement", "updatingSettlement",
		"returnedItem", "chargeback", "chargebackReversal", "refundPendingSettlement", "refundSettledSuccessfully":
		taken = true
	case "authorizedPendingCapture":
		set = true
	case "underReview", "FDSPendingReview", "FDSAuthorizedPendingReview", "authorizedPendingRelease":
		return r, nil
	case "voided":
	case "declined", "expired", "failedReview", "communicationError", "generalError":
		r.Outcome, r.Decline = gateways.Declined, decline(d.Reason, d.Status+" "+d.Text)
		return r, nil
	case "settlementError": // its batch can be settled again, for 30 days
		return gateways.Result{}, exchange.Unclear("the settlement of %.40q has failed, and may be repeated", d.TransID)
	default:
		return gateways.Result{}, exchange.Unclear("%.40q has the unknown status %.40q", d.TransID, d.Status)
	}
	switch o.Verb {
	case gateways.VerbVoid:
		if taken || set {
			return gateways.Result{}, gateways.ErrNoOperation
		}
		r.Outcome = gateways.Approved
	case gateways.VerbCapture:
		if set {
			return gateways.Result{}, gateways.ErrNoOperation
		}
		r.Outcome = gateways.Approved
		if !taken {
			r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: "it is void"}
		}
	case gateways.VerbAuthorize:
		r.Outcome = gateways.Approved
		if !taken && !set {
			r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "it is void"}
		}
	default:
		if set {
			return gateways.Result{}, exchange.Unclear("%.40q is only authorized", d.TransID)
		}
		r.Outcome = gateways.Approved
		if !taken {
			r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "it is void"}
		}
	}
	return r, nil
}
