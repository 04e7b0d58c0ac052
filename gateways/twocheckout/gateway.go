package twocheckout

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/money"
)

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	HTTP  *http.Client   // nil: one of its own
	Clock tierhost.Clock // of links and requests; nil: the system's
	// Endpoint is where the interface is; "": at 2Checkout. Other than with TLS it is on this
	// machine.
	Endpoint string
}

// Gateway takes money through 2Checkout. It is safe for concurrent use.
type Gateway struct {
	client   *exchange.Client
	clock    tierhost.Clock
	endpoint string
}

var (
	_ gateways.Gateway        = (*Gateway)(nil)
	_ gateways.Web            = (*Gateway)(nil)
	_ gateways.Notifier       = (*Gateway)(nil)
	_ gateways.AccountChecker = (*Gateway)(nil)
)

// New returns a gateway.
func New(o Options) *Gateway {
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	if o.Endpoint == "" {
		o.Endpoint = "https://api.2checkout.com"
	}
	return &Gateway{client: exchange.New(o.HTTP, o.Clock), clock: o.Clock, endpoint: o.Endpoint}
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error { return settings.Check[Config, Secret](at) }

// Capabilities implements [gateways.Gateway].
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{Verbs: []gateways.Verb{gateways.VerbCharge}, Currencies: currencies(), Finds: true}
}

// Do implements [gateways.Gateway]: it fails with tierhost.KindUnsupported.
func (*Gateway) Do(context.Context, gateways.Place, gateways.Operation) (gateways.Result, error) {
	return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "customers pay on 2Checkout's page, and refunds are given in its panel")
}

// linkTime is how long a link is good for.
const linkTime = 24 * time.Hour

// Begin implements [gateways.Web]: it signs a link.
func (g *Gateway) Begin(ctx context.Context, at gateways.Place, k gateways.Checkout) (gateways.Begun, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return gateways.Begun{}, err
	}
	config, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return gateways.Begun{}, err
	}
	o := k.Operation
	if !slices.Contains(currencies(), o.Amount.Currency()) || o.Verb != gateways.VerbCharge {
		return gateways.Begun{}, exchange.Refused(tierhost.KindInvalid, "2Checkout is not asked for %s in %s", o.Verb, o.Amount.Currency())
	}
	back, err := exchange.Back(k.Return, o.ID)
	if err != nil {
		return gateways.Begun{}, err
	}
	name := exchange.Line(exchange.Purpose(o.Number, o.Text), 255)
	if name == "" {
		name = "Payment " + string(o.ID)
	}
	until := g.clock.Now().Add(linkTime)
	signed := map[string]string{
		"currency": o.Amount.Currency().Code, "expiration": strconv.FormatInt(until.Unix(), 10), "order-ext-ref": string(o.ID),
		"lock": "1", // so that the customer does not change the quantity
		// A semicolon parts products.
		"prod": strings.ReplaceAll(name, ";", ","), "price": o.Amount.Digits(), "qty": "1", "return-type": "redirect", "return-url": back,
		"tangible": "0", "type": "PRODUCT",
	}
	values := url.Values{"merchant": {config.Merchant}, "dynamic": {"1"}}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(signed)) {
		all = append(all, signed[name])
		values.Set(name, signed[name])
	}
	values.Set("signature", mac("sha256", key.Word.Reveal(), all...))
	if !at.Live {
		values.Set("test", "1")
	}
	return gateways.Begun{Action: gateways.Action{URL: "https://secure.2checkout.com/checkout/buy?" + values.Encode()}, Expires: until}, nil
}

// Returned implements [gateways.Web].
func (*Gateway) Returned(_ context.Context, _ gateways.Place, query url.Values) (gateways.OperationID, error) {
	return exchange.Returned(query)
}

// order is an order of the interface, as far as it is read.
type order struct {
	RefNo    string      `json:"RefNo"`
	External string      `json:"ExternalReference"`
	Status   string      `json:"Status"`
	Currency string      `json:"Currency"`
	Gross    json.Number `json:"GrossPrice"`
}

type orders struct {
	Items []order `json:"Items"`
}

// only is a list with the orders of one external reference, and how many others it has.
func only(body []byte, external string) string {
	var list orders
	if json.Unmarshal(body, &list) != nil {
		return "(a list that cannot be read)"
	}
	all := len(list.Items)
	list.Items = slices.DeleteFunc(list.Items, func(o order) bool { return o.External != external })
	text, err := json.Marshal(struct {
		orders
		Others int `json:"others"`
	}{list, all - len(list.Items)})
	if err != nil {
		return "(a list that cannot be read)"
	}
	return string(text)
}

// Find implements [gateways.Gateway].
func (g *Gateway) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return gateways.Result{}, err
	}
	config, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return gateways.Result{}, err
	}
	o.Tape.Hide(key.Key.Reveal(), key.Word.Reveal())
	if o.Verb != gateways.VerbCharge {
		return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "there is no %s", o.Verb)
	}
	// One link may have been used for several orders, so the number of one is not asked for first.
	var list orders
	q := url.Values{"ExternalRefNo": {string(o.ID)}, "Limit": {"200"}, "Page": {"1"}, "IncludeTestOrders": {"NO"}}
	if !at.Live {
		q.Set("IncludeTestOrders", "ONLY")
	}
	if !o.Begun.IsZero() { // without it only those of the last days are listed
		q.Set("StartDate", o.Begun.UTC().AddDate(0, 0, -1).Format(time.DateOnly))
	}
	ours := func(reply exchange.Reply) string { return only(reply.Body, string(o.ID)) }
	if err := g.get(ctx, o.Tape, config, key, "/rest/6.0/orders/?"+q.Encode(), &list, ours); err != nil {
		return gateways.Result{}, err
	}
	found := gateways.Result{}
	for i := range list.Items {
		x := &list.Items[i]
		if x.External != string(o.ID) {
			continue
		}
		r, err := x.result()
		if err != nil {
			return gateways.Result{}, err
		}
		switch {
		case found.Outcome == gateways.Approved && r.Outcome == gateways.Approved: // paid twice
			if found.Amount, err = found.Amount.Add(r.Amount); err != nil {
				return gateways.Result{}, exchange.Unclear("the orders are in several currencies")
			}
		case rank(r.Outcome) > rank(found.Outcome):
			found = r
		}
	}
	switch {
	case found.Outcome != "":
		return found, nil
	case o.Reference != "":
		return g.byNumber(ctx, o, config, key)
	case len(list.Items) > 0:
		return gateways.Result{}, exchange.Unclear("2Checkout has answered with other orders")
	}
	return gateways.Result{}, gateways.ErrNoOperation
}

// byNumber asks for an order by its number.
func (g *Gateway) byNumber(ctx context.Context, o gateways.Operation, config Config, key Secret) (gateways.Result, error) {
	var found order
	if err := g.get(ctx, o.Tape, config, key, "/rest/6.0/orders/"+url.PathEscape(o.Reference)+"/", &found, nil); err != nil {
		return gateways.Result{}, err
	}
	if found.External != string(o.ID) {
		return gateways.Result{}, gateways.ErrNoOperation
	}
	return found.result()
}

// rank sorts what has become of several orders of one link.
func rank(o gateways.Outcome) int {
	return map[gateways.Outcome]int{gateways.Declined: 1, gateways.Pending: 2, gateways.Approved: 3}[o]
}

// get reads an object of the interface. ours is what is recorded of a list; nil: all.
func (g *Gateway) get(ctx context.Context, tape *gateways.Tape, config Config, key Secret, path string, into any, ours func(exchange.Reply) string) error {
	date := g.clock.Now().UTC().Format(time.DateTime)
	head := `code="` + config.Merchant + `" date="` + date + `" hash="` + mac("sha3-256", key.Key.Reveal(), config.Merchant, date) + `" algo="sha3-256"`
	reply, err := g.client.Do(ctx, exchange.Call{
		Method: http.MethodGet, URL: g.endpoint + path, Tape: tape, Ours: ours,
		Header: http.Header{"X-Avangate-Authentication": {head}, "Accept": {"application/json"}},
	})
	switch {
	case err != nil:
		return err
	case reply.Status == http.StatusNotFound && ours == nil && json.Valid(reply.Body): // not a proxy's, nor of a path that there is not
		return gateways.ErrNoOperation
	case reply.Status == http.StatusUnauthorized || reply.Status == http.StatusForbidden:
		return exchange.Refused(tierhost.KindDenied, "2Checkout does not know the merchant or its key")
	case reply.Status == http.StatusTooManyRequests:
		return exchange.Limited(reply)
	case reply.Status != http.StatusOK || json.Unmarshal(reply.Body, into) != nil:
		return exchange.Unclear("2Checkout has answered %d, and nothing that can be read", reply.Status)
	}
	return nil
}

func (o *order) result() (gateways.Result, error) {
	return result(o.RefNo, o.Status, o.Gross.String(), o.Currency)
}

// result is what the status of an order means.
//
// Source: 2Checkout's order statuses, of the interface and of notifications.
func result(reference, status, text, code string) (gateways.Result, error) {
	currency, err := money.ISO(strings.ToUpper(code))
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the currency of the order cannot be read")
	}
	amount, err := money.Parse(text, currency)
	if err != nil || !amount.IsWhole() || reference == "" {
		return gateways.Result{}, exchange.Unclear("the order cannot be read")
	}
	r := gateways.Result{Outcome: gateways.Pending, Reference: reference, Amount: amount, Facts: map[string]string{"status": status}}
	switch status {
	case "COMPLETE", "REFUND": // what was given back was taken before
		r.Outcome = gateways.Approved
	case "PENDING", "AUTHRECEIVED", "PURCHASE_PENDING", "PENDING_APPROVAL", "PAYMENT_AUTHORIZED", "PAYMENT_RECEIVED", "PENDING_ORDER_APPROVAL", "TEST":
	case "REVERSED", "CANCELED", "CANCELLED", "INVALID":
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: status}
	default:
		return gateways.Result{}, exchange.Unclear("the order has the unknown status %.40q", status)
	}
	return r, nil
}
