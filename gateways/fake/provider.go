package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/money"
)

// Options are the settings of a [Provider]. The zero value works.
type Options struct {
	// Brands are the brands that it takes; nil: all.
	Brands []gateways.Brand
	// Forgets: it cannot be asked what became of an operation.
	Forgets bool
	// Proves: notifications tell the outcome itself; else they are a reason to look.
	Proves bool
	// Pages is the URL below which the provider's pages are, as served by
	// [Provider.ServeHTTP]; "": "https://pay.fake.example", where there is nothing.
	Pages string
	// Now is the provider's clock: notifications then say when they were sent, and old ones
	// are refused. nil: they do not, as if each were sent just now.
	Now func() time.Time
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
	lenient  bool
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
	lost    bool // nor ever will
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
	if o.Pages == "" {
		o.Pages = "https://pay.fake.example"
	}
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
	// Action has it pending until the customer has done something, as [Provider.Complete]
	// does for the customer.
	Action bool
	// Expires is when what is authorized is let go ([Provider.Undo] does), or until when
	// the customer can do the Action.
	Expires time.Time
	// Refuse has the provider refuse the request itself, Busy send it away, and Hang not
	// answer until the caller gives up. Nothing is done then.
	Refuse bool
	Busy   bool
	Hang   bool
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

// Lenient has the provider move whatever it is asked to, as if it kept no books.
func (p *Provider) Lenient(lenient bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lenient = lenient
}

// Calls returns the calls that were made.
func (p *Provider) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Call(nil), p.calls...)
}

// Reveal lets Find know all operations, and notifies of those that it did not know.
func (p *Provider) Reveal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range p.order {
		if o := p.made[id]; o.hidden {
			o.hidden = false
			p.notify(o)
		}
	}
}

// Capabilities implements [gateways.Gateway].
func (p *Provider) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{
		Verbs: gateways.Verbs(), Brands: p.opt.Brands, PartialCapture: true, PartialRefund: true, Finds: !p.opt.Forgets, Keys: true,
	}
}

var (
	errLost  = errors.New("the connection was closed")
	errBusy  = errors.New("the provider has too much to do")
	errWrong = errors.New("the provider refuses the request")
)

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
	s, old := Script{}, p.made[o.ID]
	p.calls = append(p.calls, Call{"do", at.Account, o.ID, o.Verb})
	if !p.down && old == nil {
		s = p.script(o.Verb)
	}
	p.mu.Unlock()
	if s.Hang {
		<-ctx.Done()
		return gateways.Result{}, recorded(o, gateways.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, ctx.Err()))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r, err := p.do(at, o, s)
	if err = recorded(o, r, err); err != nil {
		return gateways.Result{}, err
	}
	return r, nil
}

// recorded puts a call on its tape.
func recorded(o gateways.Operation, r gateways.Result, err error) error {
	x := gateways.Exchange{At: o.Begun, Request: fmt.Sprintf("%s %s %s", o.Verb, o.Amount, o.ID), Answer: string(r.Outcome)}
	if err != nil {
		x.Answer, x.Error = "", err.Error()
	}
	o.Tape.Record(x)
	return err
}

func (p *Provider) do(at gateways.Place, o gateways.Operation, s Script) (gateways.Result, error) {
	if p.down {
		return gateways.Result{}, unreachable(tierhost.EffectNone)
	}
	if old := p.made[o.ID]; old != nil {
		if old.Verb != o.Verb || !old.Amount.Equal(o.Amount) || old.account != at.Account {
			return gateways.Result{}, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("the key was used for another operation"))
		}
		return old.result, nil
	}
	switch {
	case s.Refuse:
		return gateways.Result{}, tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, errWrong)
	case s.Busy:
		return gateways.Result{}, tierhost.Fail(tierhost.KindLimited, tierhost.EffectNone, errBusy)
	case s.Before && s.Sure:
		return gateways.Result{}, unreachable(tierhost.EffectNone)
	case s.Before:
		return gateways.Result{}, unreachable(tierhost.EffectUnknown)
	}
	r, err := p.apply(at, o, s)
	switch {
	case err != nil:
		return gateways.Result{}, err
	case s.After && s.Sure:
		return gateways.Result{}, unreachable(tierhost.EffectApplied)
	case s.After:
		return gateways.Result{}, unreachable(tierhost.EffectUnknown)
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
		card, known := p.tokens[o.Instrument.Value.Reveal()]
		if !known {
			return refuse("there is no such instrument")
		}
		r.Card = card
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
	case s.Action:
		r.Outcome, r.Action = gateways.Pending, &gateways.Action{URL: p.opt.Pages + "/confirm/" + string(o.ID), Client: json.RawMessage(`{"confirm":"` + string(o.ID) + `"}`)}
	case s.Pending:
		r.Outcome = gateways.Pending
	case s.Amount.Sign() > 0:
		r.Amount = s.Amount
	}
	r.Expires = s.Expires
	p.made[o.ID] = &operation{Operation: o, account: at.Account, result: r, hidden: s.Hidden}
	p.order = append(p.order, o.ID)
	return r, nil
}

// allows says why money cannot be moved further, "" if it can.
func (p *Provider) allows(o gateways.Operation) string {
	if p.lenient {
		return ""
	}
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
		moved := o.result.Outcome == gateways.Approved || o.Verb == gateways.VerbRefund && o.result.Outcome == gateways.Pending
		if err != nil || !moved || paying && o.result.Reference != reference || !paying && o.Reference != reference {
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
	r, err := p.find(at, o)
	return r, recorded(o, r, err)
}

func (p *Provider) find(at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	switch old := p.made[o.ID]; {
	case p.down:
		return gateways.Result{}, unreachable(tierhost.EffectNone)
	case p.opt.Forgets:
		return gateways.Result{}, tierhost.Fail(tierhost.KindUnsupported, tierhost.EffectNone, errors.New("this provider cannot be asked"))
	case old == nil || old.hidden || old.lost || old.account != at.Account:
		return gateways.Result{}, gateways.ErrNoOperation
	case (o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize) && o.Reference != "" && o.Reference != old.result.Reference:
		return gateways.Result{}, gateways.ErrNoOperation // as of a provider that looks there only
	default:
		return old.result, nil
	}
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

// Undo has what was approved come to nothing: a refund that the customer's bank sends
// back, an authorization that is let go.
func (p *Provider) Undo(id gateways.OperationID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.made[id]
	if o == nil || o.result.Outcome != gateways.Approved || o.Verb != gateways.VerbRefund && o.Verb != gateways.VerbAuthorize {
		return
	}
	if o.Verb == gateways.VerbAuthorize && p.balance(o.result.Reference).authorized == 0 {
		return
	}
	o.result.Outcome, o.result.Decline = gateways.Declined, gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: "it has come back"}
	p.notify(o)
}

// Lose has the provider forget an operation.
func (p *Provider) Lose(id gateways.OperationID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.made[id]; o != nil {
		o.lost = true
	}
}
