package fake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// Options are the settings of a [Provider]. The zero value works.
type Options struct {
	// Brands are the brands that it takes; nil: all.
	Brands []gateways.Brand
	// Forgets: it cannot be asked what became of an operation.
	Forgets bool
}

// Provider is a payment provider in memory. It is safe for concurrent use.
type Provider struct {
	opt Options

	mu       sync.Mutex
	serial   int
	made     map[gateways.OperationID]*operation
	order    []gateways.OperationID
	scripts  []Script
	down     bool
	calls    []Call
	notices  []notice
	tokens   map[string]gateways.Card
	keepings map[gateways.OperationID]*gateways.Card
}

// operation is what was done for one key.
type operation struct {
	gateways.Operation
	account gateways.AccountID
	result  gateways.Result
	hidden  bool // Find does not know it yet
}

// Call is a call that was made.
type Call struct {
	Method    string // "do", "find", "begin"
	Account   gateways.AccountID
	Operation gateways.OperationID
	Verb      gateways.Verb
}

// New returns a provider with empty books.
func New(o Options) *Provider {
	if o.Brands == nil {
		o.Brands = gateways.Brands()
	}
	return &Provider{opt: o, made: map[gateways.OperationID]*operation{}, tokens: map[string]gateways.Card{}, keepings: map[gateways.OperationID]*gateways.Card{}}
}

// Script is what is to happen at the next call of Do, in the order in which scripts were
// given. The zero Script is a call that works.
type Script struct {
	Verb gateways.Verb // that it waits for; "": any
	// Decline has it declined.
	Decline *gateways.Decline
	// Pending has it approved later: by [Provider.Complete].
	Pending bool
	// Before and After make the call fail before or after its effect: the error has no
	// effect stated, unless Sure says that it has none (Before) or has been applied.
	Before bool
	After  bool
	Sure   bool
	// Hidden: Find does not know the operation until [Provider.Reveal].
	Hidden bool
	// Amount is moved instead of what was asked for.
	Amount money.Money
}

// Script has the next calls of Do go as the scripts say.
func (p *Provider) Script(all ...Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scripts = append(p.scripts, all...)
}

// Heal drops the scripts that have not come to pass, makes the provider reachable, and
// lets Find know all operations.
func (p *Provider) Heal() {
	p.mu.Lock()
	p.scripts, p.down = nil, false
	p.mu.Unlock()
	p.Reveal()
}

// SetDown makes the provider unreachable, or reachable again.
func (p *Provider) SetDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// Calls returns the calls that were made.
func (p *Provider) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Call(nil), p.calls...)
}

// Reveal lets Find know all operations.
func (p *Provider) Reveal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.made {
		o.hidden = false
	}
}

// Capabilities implements [gateways.Gateway].
func (p *Provider) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{
		Verbs: gateways.Verbs(), Brands: p.opt.Brands, PartialCapture: true, PartialRefund: true, Finds: !p.opt.Forgets, Keys: true,
	}
}

var errLost = errors.New("the connection was closed")

func unreachable(effect tierhost.Effect) error {
	return tierhost.Fail(tierhost.KindUnavailable, effect, errLost)
}

// script takes the first script that waits for the verb.
func (p *Provider) script(v gateways.Verb) (s Script) {
	for i, s := range p.scripts {
		if s.Verb == "" || s.Verb == v {
			p.scripts = append(p.scripts[:i:i], p.scripts[i+1:]...)
			return s
		}
	}
	return Script{}
}

// Do implements [gateways.Gateway].
func (p *Provider) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, Call{"do", at.Account, o.ID, o.Verb})
	if p.down {
		return gateways.Result{}, unreachable(tierhost.EffectNone)
	}
	if old := p.made[o.ID]; old != nil {
		if old.Verb != o.Verb || !old.Amount.Equal(o.Amount) || old.account != at.Account {
			return gateways.Result{}, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("the key was used for another operation"))
		}
		return old.result, nil
	}
	s := p.script(o.Verb)
	if s.Before {
		effect := tierhost.EffectUnknown
		if s.Sure {
			effect = tierhost.EffectNone
		}
		return gateways.Result{}, unreachable(effect)
	}
	r, err := p.apply(at, o, s)
	o.Tape.Record(gateways.Exchange{Request: fmt.Sprintf("%s %s %s", o.Verb, o.Amount, o.ID), Answer: string(r.Outcome)})
	if err != nil {
		return gateways.Result{}, err
	}
	if s.After {
		effect := tierhost.EffectUnknown
		if s.Sure {
			effect = tierhost.EffectApplied
		}
		return gateways.Result{}, unreachable(effect)
	}
	return r, nil
}

// apply does an operation.
func (p *Provider) apply(at gateways.Place, o gateways.Operation, s Script) (gateways.Result, error) {
	refuse := func(text string) (gateways.Result, error) {
		return gateways.Result{}, tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, errors.New(text))
	}
	r := gateways.Result{Outcome: gateways.Approved, Amount: o.Amount}
	switch o.Verb {
	case gateways.VerbCharge, gateways.VerbAuthorize:
		if o.Instrument == nil {
			return refuse("there is no instrument")
		}
		r.Card = p.tokens[o.Instrument.Value.Reveal()]
	default:
		if err := p.allows(o); err != "" {
			return refuse(err)
		}
	}
	p.serial++
	r.Reference = fmt.Sprintf("fake_%s_%d", o.Verb, p.serial)
	switch {
	case s.Decline != nil:
		r.Outcome, r.Decline = gateways.Declined, *s.Decline
	case s.Pending:
		r.Outcome = gateways.Pending
	case s.Amount.Sign() > 0:
		r.Amount = s.Amount
	}
	p.made[o.ID] = &operation{Operation: o, account: at.Account, result: r, hidden: s.Hidden}
	p.order = append(p.order, o.ID)
	return r, nil
}

// allows says why money cannot be moved further, "" if it can.
func (p *Provider) allows(o gateways.Operation) string {
	b := p.balance(o.Reference)
	asked, err := o.Amount.Minor()
	switch {
	case err != nil || !b.known:
		return "there is no such payment"
	case o.Verb == gateways.VerbCapture && asked > b.authorized:
		return "more than was authorized"
	case o.Verb == gateways.VerbVoid && asked != b.authorized:
		return "not what was authorized"
	case o.Verb == gateways.VerbRefund && asked > b.captured-b.refunded:
		return "more than was captured"
	}
	return ""
}

type balance struct {
	known                          bool
	authorized, captured, refunded int64 // minor units
}

// balance is what has become of a payment, by its reference.
func (p *Provider) balance(reference string) (b balance) {
	for _, id := range p.order {
		o := p.made[id]
		minor, err := o.result.Amount.Minor()
		paying := o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize
		if err != nil || o.result.Outcome != gateways.Approved || paying && o.result.Reference != reference || !paying && o.Reference != reference {
			continue
		}
		b.known = true
		switch o.Verb {
		case gateways.VerbCharge:
			b.captured += minor
		case gateways.VerbAuthorize:
			b.authorized += minor
		case gateways.VerbCapture:
			b.captured += minor
			b.authorized = 0
		case gateways.VerbVoid:
			b.authorized = 0
		case gateways.VerbRefund:
			b.refunded += minor
		}
	}
	return b
}

// Moved is what an account has taken and given back in all, in minor units of a currency.
func (p *Provider) Moved(account gateways.AccountID, c money.Currency) (taken, given int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.made {
		minor, err := o.result.Amount.Minor()
		if err != nil || o.account != account || o.result.Outcome != gateways.Approved || o.result.Amount.Currency() != c {
			continue
		}
		switch o.Verb {
		case gateways.VerbCharge, gateways.VerbCapture:
			taken += minor
		case gateways.VerbRefund:
			given += minor
		}
	}
	return taken, given
}

// Done is what an operation has become, in the provider's books.
type Done struct {
	Operation gateways.OperationID
	Verb      gateways.Verb
	Payment   gateways.PaymentID
	Account   gateways.AccountID
	Outcome   gateways.Outcome
	Amount    money.Money
	// Reference is what the provider calls it, and Of the payment that it is about.
	Reference string
	Of        string
}

// Books returns all operations that the provider has taken, in their order.
func (p *Provider) Books() (all []Done) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.order {
		o := p.made[id]
		all = append(all, Done{o.ID, o.Verb, o.Payment, o.account, o.result.Outcome, o.result.Amount, o.result.Reference, o.Operation.Reference})
	}
	return all
}

// Find implements [gateways.Gateway].
func (p *Provider) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, Call{"find", at.Account, o.ID, o.Verb})
	if p.down {
		return gateways.Result{}, unreachable(tierhost.EffectNone)
	}
	if p.opt.Forgets {
		return gateways.Result{}, tierhost.Fail(tierhost.KindUnsupported, tierhost.EffectNone, errors.New("this provider cannot be asked"))
	}
	old := p.made[o.ID]
	if old == nil || old.hidden || old.account != at.Account {
		return gateways.Result{}, gateways.ErrNoOperation
	}
	return old.result, nil
}

// Complete has an operation that is pending end: approved, or declined.
func (p *Provider) Complete(id gateways.OperationID, decline *gateways.Decline) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.made[id]
	if o == nil || o.result.Outcome != gateways.Pending {
		return
	}
	o.result.Outcome, o.result.Action = gateways.Approved, nil
	if decline != nil {
		o.result.Outcome, o.result.Decline = gateways.Declined, *decline
	}
	p.notify(o)
}

// Pay is the customer who pays on the provider's page.
func (p *Provider) Pay(id gateways.OperationID) { p.Complete(id, nil) }

// Begin implements [gateways.Web].
func (p *Provider) Begin(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Begun{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := c.Operation
	p.calls = append(p.calls, Call{"begin", at.Account, o.ID, o.Verb})
	if p.down {
		return gateways.Begun{}, unreachable(tierhost.EffectNone)
	}
	s := p.script(o.Verb)
	if s.Before {
		return gateways.Begun{}, unreachable(tierhost.EffectUnknown)
	}
	page := gateways.Action{URL: "https://pay.fake.example/" + string(o.ID) + "?" + url.Values{"return": {c.Return}}.Encode()}
	if p.made[o.ID] == nil {
		p.serial++
		p.made[o.ID] = &operation{Operation: o, account: at.Account, result: gateways.Result{
			Outcome: gateways.Pending, Reference: fmt.Sprintf("fake_page_%d", p.serial), Amount: o.Amount, Action: &page,
		}}
		p.order = append(p.order, o.ID)
	}
	if s.After {
		return gateways.Begun{}, unreachable(tierhost.EffectUnknown)
	}
	return gateways.Begun{Reference: p.made[o.ID].result.Reference, Action: page}, nil
}

// Returned implements [gateways.Web]: the page brings back "operation".
func (p *Provider) Returned(_ context.Context, _ gateways.Place, query url.Values) (gateways.OperationID, error) {
	id := query.Get("operation")
	if id == "" {
		return "", tierhost.E("", tierhost.KindInvalid, "no_operation", errors.New("the page brings back no operation"))
	}
	return gateways.OperationID(id), nil
}

// Put has the vault know a token, as if a customer had given a card to the provider's
// script.
func (p *Provider) Put(token string, c gateways.Card) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens[token] = c
}

// Keep implements [gateways.Vault]: the customer gives a card by [Provider.Give].
func (p *Provider) Keep(ctx context.Context, _ gateways.Place, k gateways.Keeping) (gateways.Begun, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Begun{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return gateways.Begun{}, unreachable(tierhost.EffectNone)
	}
	if _, begun := p.keepings[k.ID]; !begun {
		p.keepings[k.ID] = nil
	}
	return gateways.Begun{Reference: "fake_keeping_" + string(k.ID), Action: gateways.Action{URL: "https://pay.fake.example/keep/" + string(k.ID)}}, nil
}

// Give is the customer who gives a card to the provider's page.
func (p *Provider) Give(id gateways.OperationID, c gateways.Card) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepings[id] = &c
	p.tokens[tokenOf(id)] = c
}

func tokenOf(id gateways.OperationID) string { return "fake_token_" + string(id) }

// Kept implements [gateways.Vault].
func (p *Provider) Kept(ctx context.Context, _ gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Token{}, gateways.Card{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c, begun := p.keepings[k.ID]; {
	case p.down:
		return gateways.Token{}, gateways.Card{}, unreachable(tierhost.EffectNone)
	case !begun:
		return gateways.Token{}, gateways.Card{}, gateways.ErrNoOperation
	case c == nil:
		return gateways.Token{}, gateways.Card{}, &gateways.NotKeptError{Result: gateways.Result{Outcome: gateways.Pending}}
	default:
		return gateways.Token{Customer: "fake_" + k.Customer, Value: secret.New(tokenOf(k.ID))}, *c, nil
	}
}

// Forget implements [gateways.Vault].
func (p *Provider) Forget(_ context.Context, _ gateways.Place, t gateways.Token) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return unreachable(tierhost.EffectNone)
	}
	delete(p.tokens, t.Value.Reveal())
	return nil
}

// notice is what the provider sends.
type notice struct {
	account gateways.AccountID
	body    []byte
}

type noticeBody struct {
	Event     string               `json:"event"`
	Operation gateways.OperationID `json:"operation"`
	Outcome   gateways.Outcome     `json:"outcome"`
	Sent      time.Time            `json:"sent"`
}

// notify queues a notification about an operation.
func (p *Provider) notify(o *operation) {
	p.serial++
	body, err := json.Marshal(noticeBody{Event: fmt.Sprintf("fake_evt_%d", p.serial), Operation: o.ID, Outcome: o.result.Outcome})
	if err == nil {
		p.notices = append(p.notices, notice{o.account, body})
	}
}

// Key is what an account's notifications are signed with: its secret.
func sign(key string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// Notifications returns the requests that the provider would send to an account's
// notification URL since the last call, signed with the account's secret.
func (p *Provider) Notifications(account gateways.AccountID, to, key string) ([]*http.Request, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*http.Request
	var left []notice
	for _, n := range p.notices {
		if n.account != account {
			left = append(left, n)
			continue
		}
		r, err := http.NewRequest(http.MethodPost, to, strings.NewReader(string(n.body)))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Fake-Signature", sign(key, n.body))
		all = append(all, r)
	}
	p.notices = left
	return all, nil
}

// Notices implements [gateways.Notifier].
func (p *Provider) Notices(_ context.Context, at gateways.Place, in gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
	if !hmac.Equal([]byte(in.Header.Get("Fake-Signature")), []byte(sign(at.Secret.Reveal(), in.Body))) {
		return nil, gateways.ErrSignature
	}
	var b noticeBody
	if err := json.Unmarshal(in.Body, &b); err != nil {
		return nil, tierhost.E("", tierhost.KindInvalid, "bad_notice", errors.New("the body is no JSON of ours"))
	}
	return []gateways.Notice{{Event: b.Event, Kind: "payment." + string(b.Outcome), Operation: b.Operation}}, nil
}

// Answer implements [gateways.Notifier].
func (p *Provider) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{Status: http.StatusOK}, nil
}
