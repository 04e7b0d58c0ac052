package payflow

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	HTTP  *http.Client   // nil: one of its own
	Clock tierhost.Clock // of pages and the charge log; nil: the system's
	// Endpoint is where the interface is; "": at PayPal. Other than with TLS it is on this
	// machine.
	Endpoint string
}

// Gateway takes cards through Payflow Pro. It is safe for concurrent use.
type Gateway struct {
	client   *exchange.Client
	clock    tierhost.Clock
	endpoint string
}

var (
	_ gateways.Gateway        = (*Gateway)(nil)
	_ gateways.Web            = (*Gateway)(nil)
	_ gateways.Vault          = (*Gateway)(nil)
	_ gateways.Notifier       = (*Gateway)(nil)
	_ gateways.AccountChecker = (*Gateway)(nil)
)

// New returns a gateway.
func New(o Options) *Gateway {
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	return &Gateway{client: exchange.New(o.HTTP, o.Clock), clock: o.Clock, endpoint: o.Endpoint}
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error { return settings.Check[Config, Secret](at) }

// Capabilities implements [gateways.Gateway].
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{
		Verbs: gateways.Verbs(), Currencies: currencies(), PartialCapture: true, PartialRefund: true, Finds: true, Keys: true,
		Brands: []gateways.Brand{gateways.Visa, gateways.Mastercard, gateways.Amex, gateways.Discover, gateways.Diners, gateways.JCB},
	}
}

// caller asks the interface for one account.
type caller struct {
	*Gateway
	url  string
	live bool
	head pairs
	tape *gateways.Tape
}

func (g *Gateway) open(ctx context.Context, at gateways.Place, tape *gateways.Tape) (*caller, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return nil, err
	}
	config, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	c := &caller{Gateway: g, url: g.endpoint, live: at.Live, tape: tape}
	if c.url == "" {
		c.url = "https://pilot-payflowpro.paypal.com"
		if at.Live {
			c.url = "https://payflowpro.paypal.com"
		}
	}
	user := config.User
	if user == "" {
		user = config.Vendor
	}
	c.head.add("USER", user)
	c.head.add("VENDOR", config.Vendor)
	c.head.add("PARTNER", config.Partner)
	c.head.add("PWD", key.Password.Reveal())
	tape.Hide(key.Password.Reveal())
	return c, nil
}

// digest names an operation: in hexadecimal digits, as Payflow has taken other request IDs
// for one another.
func digest(id gateways.OperationID) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// custom is a reference that an inquiry asks by: 12 characters.
func custom(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base32.StdEncoding.EncodeToString(sum[:])[:12]
}

// ask sends pairs under a request ID and returns the answer.
func (c *caller) ask(ctx context.Context, request string, q pairs) (map[string]string, error) {
	body := append(slices.Clone(c.head), q...)
	reply, err := c.client.Do(ctx, exchange.Call{
		Method: http.MethodPost, URL: c.url, Body: body.encode(), Tape: c.tape, Note: "X-VPS-REQUEST-ID: " + request,
		Shown: q.encode(), // without the account, whose password may be as short as nobody would hide
		Header: http.Header{
			"Content-Type": {"text/namevalue"}, "X-Vps-Request-Id": {request}, "X-Vps-Client-Timeout": {"45"},
		},
		Hide: func(r exchange.Reply) []string {
			got, _ := decode(string(r.Body))
			return []string{got["SECURETOKEN"]}
		},
	})
	if err != nil {
		return nil, err
	}
	got, read := decode(string(reply.Body))
	if reply.Status != http.StatusOK || !read || got["RESULT"] == "" {
		return nil, exchange.Unclear("Payflow has answered %d, and no result that can be read", reply.Status)
	}
	return got, nil
}

// Do implements [gateways.Gateway].
func (g *Gateway) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	if !slices.Contains(currencies(), o.Amount.Currency()) {
		return gateways.Result{}, exchange.Refused(tierhost.KindInvalid, "how Payflow counts %s is not known", o.Amount.Currency())
	}
	kind, origin, err := c.origin(ctx, o)
	if err != nil {
		return gateways.Result{}, err
	}
	if origin == "" {
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "what Payflow calls the payment is not known")
	}
	var q pairs
	q.add("TRXTYPE", kind)
	q.add("TENDER", "C")
	q.add("ORIGID", origin)
	if kind != "V" {
		q.add("AMT", o.Amount.Digits())
	}
	if kind == "S" || kind == "A" {
		q.add("CURRENCY", o.Amount.Currency().Code)
	}
	if kind == "D" {
		q.add("CAPTURECOMPLETE", "Y")
	}
	q.add("CUSTREF", customOf(o))
	c.texts(&q, o)
	got, err := c.ask(ctx, digest(o.ID), q)
	if err != nil {
		return gateways.Result{}, err
	}
	if got["DUPLICATE"] != "" && got["DUPLICATE"] != "0" && got["AMT"] == "" && kind != "V" {
		return gateways.Result{}, exchange.Unclear("Payflow repeats what it has answered to another request, and names no amount")
	}
	return judge(o, got, got["RESULT"], got["PNREF"])
}

// texts adds what an operation is read by.
func (*caller) texts(q *pairs, o gateways.Operation) {
	q.add("COMMENT1", exchange.ASCII(exchange.Purpose(o.Number, o.Text), 128))
	q.add("USER1", string(o.ID))
	q.add("VERBOSITY", "HIGH")
}

func facts(got map[string]string, result string) map[string]string {
	all := map[string]string{"result": result}
	for name, field := range map[string]string{"auth_code": "AUTHCODE", "avs_street": "AVSADDR", "avs_zip": "AVSZIP", "cvv": "CVV2MATCH", "ppref": "PPREF"} {
		if v := strings.TrimSpace(got[field]); v != "" {
			all[name] = v
		}
	}
	return all
}
