package paypal

import (
	"context"
	"errors"
	"net/url"
	"regexp"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
)

// Begin implements [gateways.Web]: it makes an order.
func (g *Gateway) Begin(ctx context.Context, at gateways.Place, k gateways.Checkout) (gateways.Begun, error) {
	o := k.Operation
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Begun{}, err
	}
	amount, err := toCash(o.Amount)
	if err != nil {
		return gateways.Begun{}, exchange.Refused(tierhost.KindInvalid, "%w", err)
	}
	back, err := exchange.Back(k.Return, o.ID)
	if err != nil {
		return gateways.Begun{}, err
	}
	on := experience{
		Brand: exchange.Line(c.config.Brand, 127), Shipping: "NO_SHIPPING", Action: "PAY_NOW", Return: back, Cancel: k.Cancel,
	}
	if regexp.MustCompile(`^[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-[A-Z]{2})?$`).MatchString(k.Language) {
		on.Locale = k.Language
	}
	intent := "CAPTURE"
	if o.Verb == gateways.VerbAuthorize {
		intent = "AUTHORIZE"
	}
	var made order
	err = c.post(ctx, "/v2/checkout/orders", string(o.ID), orderRequest{
		Intent: intent,
		PurchaseUnits: []unitRequest{{
			CustomID: string(o.ID), InvoiceID: string(o.ID), Description: exchange.Line(exchange.Purpose(o.Number, o.Text), 127),
			SoftDescriptor: c.config.Statement, Amount: amount,
		}},
		PaymentSource: map[string]any{"paypal": map[string]any{"experience_context": on}},
	}, &made)
	if err != nil {
		return gateways.Begun{}, err
	}
	if made.ID == "" || page(made.Links) == "" {
		return gateways.Begun{}, exchange.Unclear("the order has no page")
	}
	return gateways.Begun{Reference: made.ID, Action: gateways.Action{URL: page(made.Links)}}, nil
}

// Returned implements [gateways.Web], by the query parameter "operation".
func (*Gateway) Returned(_ context.Context, _ gateways.Place, query url.Values) (gateways.OperationID, error) {
	return exchange.Returned(query)
}

// settle tells what became of an order, and completes it if the payer has approved it, unless
// the operation is over.
func (c *caller) settle(ctx context.Context, o gateways.Operation, id string) (gateways.Result, error) {
	var made order
	path := "/v2/checkout/orders/" + url.PathEscape(id)
	err := c.get(ctx, path, &made)
	switch {
	case errors.Is(err, gateways.ErrNoOperation) && o.Reference == id:
		// PayPal drops what nobody approves, hours later. Until its time is over the payment is the
		// customer's to make.
		made.ID = id
		return gateways.Result{Outcome: gateways.Pending, Reference: id, Amount: o.Amount, Action: c.action(&made, "")}, nil
	case err != nil:
		return gateways.Result{}, err
	}
	if len(made.PurchaseUnits) != 1 || made.PurchaseUnits[0].CustomID != string(o.ID) {
		return gateways.Result{}, gateways.ErrNoOperation
	}
	if made.Status == "APPROVED" && !o.Over {
		verb := "capture"
		if o.Verb == gateways.VerbAuthorize {
			verb = "authorize"
		}
		var done order
		err := c.post(ctx, path+"/"+verb, string(o.ID)+"-"+verb, struct{}{}, &done)
		switch issue, named := errors.AsType[*issueError](err); {
		case err == nil && done.ID == made.ID:
			made = done
		case err == nil:
			return gateways.Result{}, exchange.Unclear("the answer is about another order")
		case !named:
			return gateways.Result{}, err
		default:
			if r, known := declined(issue.issue); known {
				amount, err := made.PurchaseUnits[0].Amount.money()
				if err != nil {
					return gateways.Result{}, exchange.Unclear("the amount of %.40q cannot be read", made.ID)
				}
				r.Reference, r.Amount, r.Decline.Text = made.ID, amount, issue.text
				if r.Outcome == gateways.Pending { // for the payer, who needs the page for it
					r.Action, r.Decline.Text = c.action(&made, issue.page), ""
				}
				return r, nil
			}
			if issue.issue != "ORDER_ALREADY_CAPTURED" && issue.issue != "ORDER_ALREADY_AUTHORIZED" && issue.issue != "ORDER_ALREADY_COMPLETED" {
				return gateways.Result{}, err
			}
			if err := c.get(ctx, path, &made); err != nil { // somebody else was first
				return gateways.Result{}, err
			}
		}
	}
	return c.result(&made, o)
}

// action sends the payer to PayPal: to the page that it was told of, else to the one that
// all orders have.
func (c *caller) action(o *order, told string) *gateways.Action {
	if told == "" {
		told = page(o.Links)
	}
	if told == "" {
		told = "https://www.sandbox.paypal.com/checkoutnow?"
		if c.live {
			told = "https://www.paypal.com/checkoutnow?"
		}
		told += url.Values{"token": {o.ID}}.Encode()
	}
	return &gateways.Action{URL: told}
}

// result is what an order says of the operation that it was begun for.
func (c *caller) result(o *order, op gateways.Operation) (gateways.Result, error) {
	if auth := o.authorized(); op.Verb == gateways.VerbAuthorize && auth != nil {
		return auth.result(o.reference("authorization", auth))
	}
	if captured := o.charged(); op.Verb == gateways.VerbCharge && len(captured) > 0 {
		return several(o, captured)
	}
	if len(o.PurchaseUnits) == 0 {
		return gateways.Result{}, exchange.Unclear("%.40q has no purchase unit", o.ID)
	}
	amount, err := o.PurchaseUnits[0].Amount.money()
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %.40q cannot be read", o.ID)
	}
	r := gateways.Result{Outcome: gateways.Pending, Reference: o.ID, Amount: amount}
	switch o.Status {
	case "CREATED", "SAVED", "PAYER_ACTION_REQUIRED":
		r.Action = c.action(o, "")
	case "APPROVED": // and what was asked of it has not come to pass
		if op.Over { // nor was it asked for: nobody waits for a bank
			r.Action = c.action(o, "")
		}
	case "VOIDED":
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "the order is void"}
	default:
		return gateways.Result{}, exchange.Unclear("%.40q has the status %.40q and no payment", o.ID, o.Status)
	}
	return r, nil
}

// several is what captures of an order say that stand side by side: all that they have taken,
// so that staff looks into it if it is more than was asked for.
func several(o *order, all []*movement) (gateways.Result, error) {
	r, err := all[0].result(o.reference("capture", all[0]))
	for _, m := range all[1:] {
		if err != nil || m.rank() < stands {
			break
		}
		var more gateways.Result
		if more, err = m.result(""); err == nil {
			r.Amount, err = r.Amount.Add(more.Amount)
		}
	}
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the captures of %.40q cannot be read: %w", o.ID, err)
	}
	return r, nil
}

// declined is the result of an order for which the payer's money could not be had, and
// whether an issue says so.
func declined(issue string) (gateways.Result, bool) {
	r := gateways.Result{Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineUnspecified}}
	switch issue {
	case "INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING":
	case "TRANSACTION_LIMIT_EXCEEDED", "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED":
		r.Decline.Code = gateways.DeclineLimit
	case "CARD_EXPIRED":
		r.Decline.Code, r.Decline.Hard = gateways.DeclineExpired, true
	case "COMPLIANCE_VIOLATION", "PAYER_ACCOUNT_RESTRICTED", "PAYER_ACCOUNT_LOCKED_OR_CLOSED", "TRANSACTION_BLOCKED_BY_PAYEE":
		r.Decline.Code, r.Decline.Hard = gateways.DeclineRestricted, true
	case "ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED":
		r.Outcome, r.Decline = gateways.Pending, gateways.Decline{}
	default:
		return r, false
	}
	return r, true
}
