package manual

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// Method is how money comes.
type Method string

// The methods.
const (
	Check    Method = "check"
	Transfer Method = "bank_transfer"
	Cash     Method = "cash"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	Method Method `json:"method"`
	// Page is the host's page that tells customers how to pay, as an absolute URL; it gets the
	// query parameter "operation". "": they are sent to where they come back to.
	Page string `json:"page,omitempty"`
	// Lines are what customers are told: to whom a check is payable, an account at a bank.
	Lines []string `json:"lines,omitempty"`
}

// Check implements what accounts are checked by: paths "method", "page" and "lines[n]".
func (c Config) Check(issues *tierhost.Issues, path string, _ bool) {
	switch c.Method {
	case Check, Transfer, Cash:
	case "":
		issues.Add(tierhost.Path(path, "method"), "required", "there is none")
	default:
		issues.Add(tierhost.Path(path, "method"), "unknown_method", "there is no method %.32q", string(c.Method))
	}
	if u, err := url.Parse(c.Page); c.Page != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil) {
		issues.Add(tierhost.Path(path, "page"), "invalid", "this is no absolute URL of a page")
	}
	for i, line := range c.Lines {
		if at := tierhost.Path(path, "lines", i); len(line) > 200 {
			issues.Add(at, "too_long", "at most 200 octets")
		} else if gateways.HasCardNumber(line) {
			issues.Add(at, "card_number", "this looks like the number of a card, which must not be kept")
		}
	}
}

// Instructions are what the customer is told, in gateways.Action.Client.
type Instructions struct {
	Method Method   `json:"method"`
	Lines  []string `json:"lines,omitempty"`
	Amount string   `json:"amount"` // such as "12.50 USD"
	// Write is what the customer is to write on the check or the transfer.
	Write string `json:"write"`
}

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	Clock tierhost.Clock // nil: the system's
}

// Gateway is the staff that takes money. It is safe for concurrent use.
type Gateway struct {
	clock tierhost.Clock
	key   []byte
}

var (
	_ gateways.Web            = (*Gateway)(nil)
	_ gateways.Gateway        = (*Gateway)(nil)
	_ gateways.Notifier       = (*Gateway)(nil)
	_ gateways.AccountChecker = (*Gateway)(nil)
)

// New returns a gateway.
func New(o Options) *Gateway {
	g := &Gateway{clock: o.Clock, key: make([]byte, 32)}
	if g.clock == nil {
		g.clock = tierhost.SystemClock()
	}
	_, _ = rand.Read(g.key) // never fails; it ends the program where there is no randomness
	return g
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error {
	return settings.Check[Config, settings.None](at)
}

// Capabilities implements [gateways.Gateway]: charges on a page, and refunds, also of
// parts. Nobody can be asked but staff.
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{Verbs: []gateways.Verb{gateways.VerbCharge, gateways.VerbRefund}, PartialRefund: true, Keys: true}
}

// Do implements [gateways.Gateway]. A refund is pending: staff is to send the money.
func (*Gateway) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return gateways.Result{}, err
	}
	if _, _, err := settings.Read[Config, settings.None](at); err != nil {
		return gateways.Result{}, err
	}
	if o.Verb != gateways.VerbRefund {
		return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "what customers send is begun by a checkout, there is no %s", o.Verb)
	}
	return gateways.Result{Outcome: gateways.Pending, Amount: o.Amount}, nil
}

// Find implements [gateways.Gateway]: it fails with tierhost.KindUnsupported.
func (*Gateway) Find(context.Context, gateways.Place, gateways.Operation) (gateways.Result, error) {
	return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "staff knows, and records it")
}

// Begin implements [gateways.Web]: the customer is told how to pay.
func (*Gateway) Begin(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return gateways.Begun{}, err
	}
	config, _, err := settings.Read[Config, settings.None](at)
	if err != nil {
		return gateways.Begun{}, err
	}
	page := config.Page
	if page == "" {
		page = c.Return
	}
	address, err := exchange.Back(page, c.Operation.ID)
	if err != nil {
		return gateways.Begun{}, err
	}
	write := c.Operation.Number
	if write == "" {
		write = string(c.Operation.Payment)
	}
	told, err := json.Marshal(Instructions{Method: config.Method, Lines: config.Lines, Amount: c.Operation.Amount.String(), Write: write})
	if err != nil {
		return gateways.Begun{}, exchange.Refused(tierhost.KindInternal, "the instructions cannot be written")
	}
	return gateways.Begun{Action: gateways.Action{URL: address, Client: told}}, nil
}

// Returned implements [gateways.Web], by the query parameter "operation".
func (*Gateway) Returned(_ context.Context, _ gateways.Place, query url.Values) (gateways.OperationID, error) {
	return exchange.Returned(query)
}
