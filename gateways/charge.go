package gateways

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// ChargeRequest asks for a payment with an instrument that is kept.
type ChargeRequest struct {
	// Key makes the request repeatable: the same key of a seller with the same request
	// returns the payment that was made. It is required: whoever has lost the answer must
	// be able to ask again.
	Key        string       `json:"-"`
	Seller     string       `json:"seller"`
	Customer   string       `json:"customer"`
	Purpose    string       `json:"purpose,omitempty"`
	Number     string       `json:"number,omitempty"`
	Text       string       `json:"text,omitempty"`
	Amount     money.Money  `json:"amount"` // above zero, whole in minor units
	Instrument InstrumentID `json:"instrument"`
	// Present says that the customer waits for the answer: the issuer may ask for
	// something, and nothing is tried again later.
	Present bool `json:"present,omitempty"`
	// Later has the money set aside only: it is taken by [Manager.Capture].
	Later bool `json:"later,omitempty"`
}

// Charge pays with an instrument and returns the payment as it is after the first
// attempts: paid, authorized, declined, or still under way. What a gateway says is no
// error of Charge.
//
// The intent is stored before the provider is asked. If it cannot be reached and has
// certainly done nothing, the seller's next account for the card's brand is asked, if the
// instrument has a token for it; after a decline or an answer that was lost none is. What
// was lost is looked up by [Manager.Step], and a soft decline is tried again by it, as
// [RetryRules] say; meanwhile other payments with the instrument wait.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrNoInstrument],
// [ErrUnusable], [ErrNoGateway], and [ErrKeyReused].
func (m *Manager) Charge(ctx context.Context, q ChargeRequest) (Payment, error) {
	const op = "gateways.Charge"
	if err := q.check(); err != nil {
		return Payment{}, err
	}
	print := fingerprint("charge", q)
	var p Payment
	var w *work
	err := m.update(ctx, func(ctx context.Context, u *unit) error {
		w = nil
		old, err := u.rows.PaymentByKey(ctx, q.Seller, q.Key)
		if err == nil {
			if old.Request != print {
				return tierhost.E(op, 0, "", fmt.Errorf("%w: %.128q", ErrKeyReused, q.Key))
			}
			p = old
			return nil
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		i, err := u.rows.Instrument(ctx, q.Instrument)
		if err == nil && (i.Seller != q.Seller || i.Customer != q.Customer) {
			err = storage.ErrNotFound // somebody else's is as good as none
		}
		if err != nil {
			return tierhost.E(op, 0, "", missing(ErrNoInstrument, err))
		}
		p = Payment{
			ID: PaymentID(m.opt.IDs.NewID("pay")), Seller: q.Seller, Customer: q.Customer, Purpose: q.Purpose, Number: q.Number, Text: q.Text,
			Key: q.Key, Request: print, Amount: q.Amount, Made: u.now, Instrument: i.ID, Present: q.Present, Later: q.Later, Card: i.Card,
			Lost: money.Zero(q.Amount.Currency()),
		}
		usable, why := i.Usable(u.now)
		if !usable && (why != "waits" || q.Present) {
			return tierhost.E(op, 0, "", fmt.Errorf("%w: %s", ErrUnusable, why))
		}
		route, err := u.route(ctx, &p, &i)
		if err != nil {
			return tierhost.E(op, 0, "", err)
		}
		p.Account = route[0].ID
		if !usable { // what is paid with it before has to be tried first
			p.Again, p.Due, p.Phase = i.Waits, i.Waits, PhaseWaiting
			return u.put(ctx, &p, "")
		}
		w, err = u.intend(ctx, &p, route[0], &i)
		return err
	})
	if err == nil && w != nil {
		p, _, err = m.perform(ctx, w)
	}
	return m.shown(ctx, p), err
}

func (q *ChargeRequest) check() error {
	var issues tierhost.Issues
	for path, text := range map[string]string{"key": q.Key, "seller": q.Seller, "customer": q.Customer, "instrument": string(q.Instrument)} {
		// The host itself may be called "".
		if text == "" && path != "seller" {
			issues.Add(path, "required", "there is none")
		}
	}
	checkTexts(&issues, map[string]string{
		"key": q.Key, "seller": q.Seller, "customer": q.Customer, "purpose": q.Purpose, "number": q.Number, "text": q.Text, "instrument": string(q.Instrument),
	})
	checkAmount(&issues, "amount", q.Amount)
	return issues.Err()
}

// fingerprint is a request in its canonical form, hashed. The tag tells kinds of requests
// apart; the form is the JSON of the request and must not change.
func fingerprint(tag string, q any) string {
	text, err := json.Marshal(q)
	if err != nil {
		return "" // requests are made of texts and amounts that were checked
	}
	sum := sha256.Sum256(append([]byte("gateways/1/"+tag+"\n"), text...))
	return hex.EncodeToString(sum[:])
}

// route is where a payment with an instrument may go, in the order in which it is tried.
func (u *unit) route(ctx context.Context, p *Payment, i *Instrument) ([]Account, error) {
	all, err := u.sellerAccounts(ctx, p.Seller)
	if err != nil {
		return nil, err
	}
	found, err := Route(p.Seller, all, u.m.abilities(), i.Card.Brand, p.verb(), p.Amount)
	if err != nil {
		return nil, err
	}
	var holding []Account
	for _, a := range found {
		if _, has := i.token(a.ID); has {
			holding = append(holding, a)
		}
	}
	if len(holding) == 0 {
		return nil, fmt.Errorf("%w: none that is active for %s has the instrument", ErrNoGateway, i.Card.Brand)
	}
	return holding, nil
}

// verb is what pays the payment.
func (p *Payment) verb() Verb {
	if p.Later {
		return VerbAuthorize
	}
	return VerbCharge
}

// work is what a worker has leased: a call about one attempt.
type work struct {
	payment    Payment // as leased
	attempt    OperationID
	account    Account
	instrument *Instrument // for attempts that charge one
	look       bool        // ask what became of it
	token      string      // of the lease
	// due says that the look was due; else somebody wants to know before, and it is due
	// again when it was.
	due bool
	was time.Time
	// anew looks for it by its ID only, as if the provider's name for it were not known.
	anew bool
	// again says that a page is begun again.
	again bool
	// told says that the provider has told by itself, in whatever order.
	told bool
	// until is until when the customer can pay on the page that was begun.
	until time.Time
}

// intend adds an attempt to pay, and leases the payment for it.
func (u *unit) intend(ctx context.Context, p *Payment, at Account, i *Instrument) (*work, error) {
	return u.begin(ctx, p, Attempt{Verb: p.verb(), Account: at.ID, Amount: p.Amount}, at, i)
}

// begin adds an attempt, and leases the payment for it.
func (u *unit) begin(ctx context.Context, p *Payment, a Attempt, at Account, i *Instrument) (*work, error) {
	a.ID, a.State, a.Begun, a.Called = u.m.operationID("op"), AttemptIntended, u.now, u.now
	p.Attempts = append(p.Attempts, a)
	if a.Verb != VerbRefund { // which may be of what was paid once more, elsewhere
		p.Account = at.ID
	}
	p.Action, p.Again = nil, time.Time{}
	return u.lease(ctx, p, a.ID, at, i, false)
}

// lease takes a payment for a call about one of its attempts.
func (u *unit) lease(ctx context.Context, p *Payment, id OperationID, at Account, i *Instrument, look bool) (*work, error) {
	before, was := p.Phase, p.Due
	p.Lease = Lease{Token: u.m.opt.IDs.NewID("lease"), Until: u.now.Add(u.m.opt.Lease)}
	p.Due = p.Lease.Until
	p.Phase = p.phase()
	if err := u.put(ctx, p, before); err != nil {
		return nil, err
	}
	w := &work{payment: p.Clone(), attempt: id, account: at, look: look, token: p.Lease.Token, was: was}
	if i != nil {
		copied := i.Clone()
		w.instrument = &copied
	}
	return w, nil
}

// put writes the next version of a payment, and tells if its phase has changed.
func (u *unit) put(ctx context.Context, p *Payment, before Phase) error {
	p.Version++
	if p.Phase != before {
		u.tell(p, PaymentChanged{Payment: p.ID, Customer: p.Customer, Purpose: p.Purpose, Amount: p.Amount, From: before, To: p.Phase})
	}
	return u.rows.PutPayment(ctx, *p)
}

// perform calls the gateway and stores the outcome, and goes on with the next account if
// this one could not be reached. vain is why a look has not found out.
func (m *Manager) perform(ctx context.Context, w *work) (p Payment, vain, err error) {
	for {
		tape := &Tape{}
		result, err := m.call(ctx, w, tape)
		p, next, vain, err := m.record(ctx, w, result, err, tape)
		if err != nil || next == nil {
			return p, vain, err
		}
		w = next
	}
}

// call asks the gateway. Whatever fails here is a failure of the call; what fails before
// the provider was asked has no effect.
func (m *Manager) call(ctx context.Context, w *work, tape *Tape) (r Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.opt.Timeout)
	defer cancel()
	asked := false
	defer func() {
		if p := recover(); p != nil {
			m.opt.Logger.ErrorContext(ctx, "a gateway has panicked", "payment", w.payment.ID, "operation", w.attempt, "account", w.account.ID)
			err = tierhost.Fail(tierhost.KindInternal, tierhost.EffectUnknown, errors.New("the gateway has panicked"))
		}
		if err != nil && !asked {
			err = tierhost.Fail(tierhost.KindOf(err), tierhost.EffectNone, err)
		}
		if err != nil {
			err = tierhost.Classify("gateways", err)
		}
	}()
	at, g, err := m.place(ctx, w.account)
	if err != nil {
		return Result{}, err
	}
	secrets := at.secrets()
	tape.hide(secrets)
	o, err := m.operation(ctx, w)
	if err != nil {
		return Result{}, err
	}
	if o.Instrument != nil {
		secrets = append(secrets, o.Instrument.Value)
		tape.hide(secrets)
	}
	o.Tape = tape
	if !w.look && m.now().After(w.payment.Lease.Until.Add(-m.opt.Timeout)) {
		// This worker was stopped for so long that another may have found that nothing was made.
		return Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("the time for the call was over before it began"))
	}
	asked = true
	if w.look {
		r, err = g.Find(ctx, at, o)
	} else {
		r, err = g.Do(ctx, at, o)
	}
	tape.hideAction(r.Action, string(o.ID), string(o.Payment))
	if err == nil && !nameable(r.Reference) {
		return Result{}, errReference
	}
	return discreet(r, secrets), discreetError(err, secrets)
}

// operation is the attempt as its gateway sees it.
func (m *Manager) operation(ctx context.Context, w *work) (Operation, error) {
	p, a := &w.payment, w.payment.attempt(w.attempt)
	o := Operation{
		ID: a.ID, Verb: a.Verb, Payment: p.ID, Amount: a.Amount, Present: p.Present, Card: p.Card, Number: p.Number, Text: p.Text, Begun: a.Begun,
		Reference: p.Reference, Over: w.look && !a.State.Open(),
	}
	if of := p.attempt(a.Of); of != nil && of.paying() && of.Reference != "" {
		o.Reference = of.Reference
	}
	// An earlier attempt's reference is another operation's: looked up by it, this one would
	// not be found, and made again.
	if a.paying() || w.look && a.Reference != "" {
		o.Reference = a.Reference
	}
	if w.anew {
		o.Reference = ""
	}
	if w.instrument == nil {
		return o, nil
	}
	kept, has := w.instrument.token(w.account.ID)
	if !has {
		return o, tierhost.E("", tierhost.KindPrecondition, "no_token", errors.New("the account has no token of the instrument"))
	}
	value, err := m.open(ctx, kept.Sealed, aboutToken(w.instrument.ID, kept.Account))
	if err != nil {
		return o, err
	}
	if m.stale(kept.Sealed) {
		m.lazily(ctx, func() (bool, error) { return m.resealInstrument(ctx, *w.instrument) })
	}
	o.Instrument = &Token{Customer: kept.Customer, Value: value}
	return o, nil
}

func (m *Manager) jittered(d time.Duration) time.Duration { return worker.Jittered(d, m.opt.Rand) }

// patience is how long it waits before the nth look.
func (m *Manager) patience(n int) time.Duration {
	return m.jittered(worker.Doubled(m.opt.Look, m.opt.LookMost, n))
}

// checkTexts adds the faults of texts that are kept.
func checkTexts(issues *tierhost.Issues, texts map[string]string) {
	const most = 500
	for path, text := range texts {
		if len(text) > most {
			issues.Add(path, "too_long", "at most %d octets", most)
		}
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			issues.Add(path, "invalid", "this is no text that every store keeps: UTF-8 without NUL")
		}
		noCardNumber(issues, path, text)
	}
}
