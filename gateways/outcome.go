package gateways

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// record stores the outcome of a call. What a provider says of an operation is true
// whoever asked, so it is kept also if the lease was lost meanwhile. next is a call that
// follows at once: to the next account, if this one could not be reached. vain is why a
// look has not found out.
func (m *Manager) record(ctx context.Context, w *work, r Result, failed error, tape *Tape) (p Payment, next *work, vain, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	r.Action = m.sealAction(ctx, r.Action, aboutAction(w.payment.ID))
	err = m.update(ctx, func(ctx context.Context, u *unit) (err error) {
		p, next, err = u.conclude(ctx, w, r, failed, tape)
		return err
	})
	if err != nil && !passes(err) {
		p, err = m.setAside(ctx, w, r, err)
		return p, nil, nil, err
	}
	if err != nil {
		return Payment{}, nil, nil, err
	}
	if w.look && failed != nil && !errors.Is(failed, ErrNoOperation) {
		vain = failed
	}
	return p, next, vain, nil
}

// passes reports whether an error of the store or of the host's books goes away by
// itself.
func passes(err error) bool {
	switch tierhost.KindOf(err) {
	case tierhost.KindInvalid, tierhost.KindNotFound, tierhost.KindExists, tierhost.KindPrecondition, tierhost.KindUnsupported:
		return false
	}
	return true
}

// setAside parks a payment whose outcome the host's books have refused. The attempt stays
// as it is, so that nothing of it is forgotten; one that was given up or declined, and has
// moved money after all, is open again: nothing is charged or given back in its place.
func (m *Manager) setAside(ctx context.Context, w *work, r Result, cause error) (p Payment, err error) {
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		if p, err = u.rows.Payment(ctx, w.payment.ID); err != nil {
			return err
		}
		before := p.Phase
		if p.Lease.Token == w.token {
			p.Lease, p.Due = Lease{}, time.Time{}
		}
		if a := p.attempt(w.attempt); a != nil {
			switch {
			case r.Outcome == Approved && (a.State == AttemptFailed || a.State == AttemptDeclined):
				a.State, a.Ended = AttemptUnknown, time.Time{}
			case a.State == AttemptIntended:
				a.State = AttemptUnknown
			}
			if r.Outcome == Approved && a.paying() {
				p.Again = time.Time{}
			}
			if a.State.Open() && r.Reference != "" {
				a.Reference, a.Known = r.Reference, true // it can be asked by it
			}
		}
		u.park(&p, ParkRefused, w.attempt, cause.Error())
		u.watch(ctx, &p)
		p.Phase = p.phase()
		return u.put(ctx, &p, before)
	})
	return p, err
}

// conclude changes a payment by what a provider said of one of its attempts, and writes
// it with all that follows.
func (u *unit) conclude(ctx context.Context, w *work, r Result, failed error, tape *Tape) (Payment, *work, error) {
	p, err := u.rows.Payment(ctx, w.payment.ID)
	if err != nil {
		return p, nil, err
	}
	before := p.Phase
	a := p.attempt(w.attempt)
	if a == nil {
		return p, nil, tierhost.E("gateways", tierhost.KindInternal, "attempt_lost", fmt.Errorf("%s has no attempt %s", p.ID, w.attempt))
	}
	u.account = w.account
	stage := a.State
	if p.Lease.Token == w.token {
		p.Lease, p.Due = Lease{}, time.Time{}
		if (w.look || w.again) && !w.due {
			p.Due = w.was // whoever looks out of turn does not put off the next look
		}
	}
	if err := u.log(ctx, w, a.Verb, tape); err != nil {
		return p, nil, err
	}
	i, err := u.charged(ctx, &p, a)
	if err != nil {
		return p, nil, err
	}
	var was Instrument
	if i != nil {
		was = *i
	}
	var next *work
	switch {
	case failed == nil:
		err = u.answered(ctx, &p, a, r, i, w)
	case a == p.expired(u.now):
		err = u.lapsed(ctx, &p, a, failed, w)
	case !a.State.Open():
		// It was given up, or another has found out. A call that may have had an effect after
		// all is looked up; a look that has not found out is told to whoever had a reason to.
		if a.State == AttemptFailed && !w.look && tierhost.EffectOf(failed) != tierhost.EffectNone {
			a.Ended = time.Time{}
			u.unknown(ctx, &p, a, failed, w)
		}
	case w.look && errors.Is(failed, ErrNoOperation):
		u.unheard(&p, a, w)
	case w.look || tierhost.EffectOf(failed) != tierhost.EffectNone:
		u.unknown(ctx, &p, a, failed, w)
	default:
		next, err = u.refused(ctx, &p, a, failed, i)
	}
	if err != nil {
		return p, nil, err
	}
	if i != nil && (i.Failures != was.Failures || !i.Waits.Equal(was.Waits) || i.Blocked != was.Blocked) {
		i.Version++
		if err := u.rows.PutInstrument(ctx, *i); err != nil {
			return p, nil, err
		}
	}
	if next != nil { // it has written the payment
		return next.payment.Clone(), next, nil
	}
	u.toldRefund(&p, p.attempt(w.attempt), stage)
	u.watch(ctx, &p)
	if a := p.expired(u.now); a != nil && w.attempt == a.ID && failed == nil {
		if next, err = u.letGo(ctx, &p, a); err != nil {
			return p, nil, err
		}
		if next != nil {
			return next.payment.Clone(), next, nil
		}
	}
	p.Phase = p.phase()
	return p, nil, u.put(ctx, &p, before)
}

// toldRefund tells that what is known of a refund has changed.
func (u *unit) toldRefund(p *Payment, a *Attempt, was AttemptState) {
	if a == nil || a.Verb != VerbRefund || a.State == was {
		return
	}
	u.tell(p, RefundChanged{Payment: p.ID, Operation: a.ID, Customer: p.Customer, Purpose: p.Purpose, Amount: a.Amount, State: a.State})
}

// charged returns the instrument that an attempt charges; nil for others.
func (u *unit) charged(ctx context.Context, p *Payment, a *Attempt) (*Instrument, error) {
	if p.Instrument == "" || !a.paying() {
		return nil, nil
	}
	i, err := u.rows.Instrument(ctx, p.Instrument)
	if err != nil {
		return nil, err
	}
	return &i, nil
}

// answered keeps what a provider has said.
func (u *unit) answered(ctx context.Context, p *Payment, a *Attempt, r Result, i *Instrument, w *work) error {
	r.Card = knownCard(r.Card)
	a.Unheard, a.Vain = 0, 0
	switch a.State {
	case AttemptApproved, AttemptSuspense:
		switch {
		case r.Outcome == Approved:
			u.further(p, a, r)
			if !p.Expires.IsZero() && r.Expires.After(p.Expires) && a.reversible(p) && a.Verb == VerbAuthorize {
				p.Expires, a.Looks = r.Expires, 0 // the provider has it set aside for longer
			}
			return nil
		case r.Outcome != Declined || !a.reversible(p):
			return nil // money that has moved does not go away by being asked again
		case a.State == AttemptApproved:
			return u.undone(ctx, p, a, r)
		}
		// A refund in suspense is not booked, and was not made after all.
		p.release(func(h Parking) bool { return h.Operation == a.ID })
	case AttemptFailed:
		// Nobody has paid since: a page that was given up, or that staff has ended, is there still.
		if r.Outcome == Pending && r.Action != nil && (p.Instrument == "" || u.gone(a.Until)) && !r.Expires.After(a.Until) {
			return nil
		}
	case AttemptUndone:
		return nil // what was sent back does not go out again; a late notice tells of before
	case AttemptDeclined:
		if r.Outcome != Approved {
			return nil
		}
		if a.Verb == VerbRefund && w.told {
			a.State, a.Failure = AttemptSuspense, "it was told to have failed, and to have been made"
			u.park(p, ParkContrary, a.ID, string(a.ID)+": "+a.Failure)
			return nil
		}
	}
	if r.Outcome != Pending || a.State != AttemptPending {
		if err := u.count(ctx, p, a, string(r.Outcome)); err != nil {
			return err
		}
	}
	// What a page was begun with is no answer yet.
	a.Known = a.Known || w.look || w.instrument != nil || !a.paying()
	if r.Reference != "" {
		a.Reference = r.Reference
		if a.paying() && !p.ever(AttemptApproved) {
			p.Reference = r.Reference
		}
	}
	if r.Card != (Card{}) && p.Card == (Card{}) {
		p.Card = r.Card
	}
	a.Facts, a.Failure = keptFacts(r.Facts), ""
	switch r.Outcome {
	case Approved:
		p.found(a)
		a.Ended = u.now
		return u.approved(ctx, p, a, r, i, w)
	case Declined:
		p.found(a)
		a.State, a.Ended, a.Decline = AttemptDeclined, u.now, keptDecline(r.Decline)
		u.declined(p, a, i)
	case Pending:
		p.found(a)
		if r.Action != nil && a.Until.IsZero() {
			a.Until = a.Begun.Add(u.m.opt.Page) // a customer who never comes back
		}
		if r.Action != nil && !r.Expires.IsZero() {
			a.Until = r.Expires
		}
		if !w.until.IsZero() {
			a.Until = w.until
		}
		// Else a bank works on it.
		if u.gone(a.Until) && r.Action != nil {
			u.abandoned(p, a)
			return nil
		}
		a.State, a.Ended = AttemptPending, time.Time{}
		if a.paying() {
			p.Action = r.Action
		}
		u.lookLater(ctx, p, a, w)
	default:
		u.unknown(ctx, p, a, fmt.Errorf("the gateway returned the outcome %.32q", string(r.Outcome)), w)
	}
	return nil
}

// abandoned keeps that a customer has not done in time what was to be done. Should it be
// paid after all, that is kept and booked.
func (u *unit) abandoned(p *Payment, a *Attempt) {
	a.State, a.Ended, a.Failure, a.Late = AttemptFailed, u.now, "nobody paid in time", lateLooks
	p.found(a)
	if a.paying() {
		p.Action = nil
	}
}

// reversible reports whether what was approved can come to nothing: a refund that the
// customer's bank sends back, and an authorization of which nothing was taken.
func (a *Attempt) reversible(p *Payment) bool {
	return a.Verb == VerbRefund || a.Verb == VerbAuthorize && a.State == AttemptApproved && !p.authorized().IsZero()
}

// undone keeps that what was approved has come to nothing.
func (u *unit) undone(ctx context.Context, p *Payment, a *Attempt, r Result) error {
	if err := u.count(ctx, p, a, string(AttemptUndone)); err != nil {
		return err
	}
	p.found(a)
	a.State, a.Ended, a.Decline = AttemptUndone, u.now, keptDecline(r.Decline)
	if a.Verb == VerbAuthorize {
		p.Expires = time.Time{}
	}
	return u.settle(ctx, p, a)
}

// further keeps that money was taken once more for an attempt that has taken it: under
// another reference. Staff decides what becomes of it.
func (u *unit) further(p *Payment, a *Attempt, r Result) {
	at := Reference{a.Account, r.Reference}
	if !a.paying() || r.Reference == "" || a.Reference == "" || slices.Contains(p.References(), at) {
		return
	}
	more := Attempt{
		ID: u.m.operationID("op"), Verb: a.Verb, Account: a.Account, Amount: r.Amount, State: AttemptSuspense, Begun: a.Begun, Ended: u.now, Known: true,
		Reference: r.Reference, Facts: keptFacts(r.Facts), Failure: "taken once more for " + string(a.ID),
	}
	text := fmt.Sprintf("%s has taken %s under the reference %.64s, and %s under %.64s", a.ID, a.Amount, a.Reference, r.Amount, r.Reference)
	p.Attempts = append(p.Attempts, more)
	u.park(p, ParkTwice, more.ID, text)
}

// approved keeps that money has moved, and has it booked.
func (u *unit) approved(ctx context.Context, p *Payment, a *Attempt, r Result, i *Instrument, w *work) error {
	reason, why, err := u.doubtful(ctx, p, a, r, w)
	if err != nil {
		return err
	}
	if reason != "" {
		a.State, a.Failure = AttemptSuspense, why
		u.park(p, reason, a.ID, string(a.ID)+": "+why)
		return nil
	}
	a.State = AttemptApproved
	if a.paying() {
		p.Account = a.Account // where it is captured and given back
		if a.Reference != "" {
			p.Reference = a.Reference
		}
		p.Action, p.Expires, p.Due, p.Again = nil, r.Expires, time.Time{}, time.Time{}
		if i != nil {
			i.paid()
		}
	}
	return u.settle(ctx, p, a)
}

// doubtful says why what was approved is not booked as it is; "": it is.
func (u *unit) doubtful(ctx context.Context, p *Payment, a *Attempt, r Result, w *work) (reason, why string, err error) {
	total := func(of, and money.Money) money.Money {
		sum, _ := of.Add(and) // they are of one currency, or differ from what was asked for
		return sum
	}
	more := func(x, y money.Money) bool { c, err := x.Cmp(y); return err != nil || c > 0 }
	switch {
	case !r.Amount.Equal(a.Amount):
		return ParkAmount, fmt.Sprintf("%s was asked for, the provider says %s", a.Amount, r.Amount), nil
	case a.paying() && slices.ContainsFunc(p.Attempts, func(x Attempt) bool { return x.paying() && x.State == AttemptApproved }),
		// One of them was given up, or its answer lost, and has worked after all.
		a.Verb == VerbCapture && more(total(p.Captured(), a.Amount), p.sum(func(a *Attempt) bool {
			return a.Verb == VerbAuthorize && (a.State == AttemptApproved || a.State == AttemptUndone)
		})):
		return ParkTwice, fmt.Sprintf("it was thought lost and has taken %s as well, another attempt has been approved", a.Amount), nil
	case a.Verb == VerbVoid && !p.Captured().IsZero(),
		a.Verb == VerbCapture && slices.ContainsFunc(p.Attempts, func(x Attempt) bool { return x.Verb == VerbVoid && x.State == AttemptApproved }):
		return ParkContrary, "it was let go, and taken", nil
	case a.Verb == VerbRefund && more(total(total(p.Refunded(), p.Lost), a.Amount), p.Captured()):
		return ParkExcess, fmt.Sprintf("with it %s and %s are given back, %s taken back by the bank, and %s were taken", p.Refunded(), a.Amount, p.Lost, p.Captured()), nil
	case !a.paying() || !w.look || a.Reference == "":
		return "", "", nil
	}
	// What was looked up by a name of ours may have been found for another payment before.
	others, err := u.rows.Payments(ctx, PaymentQuery{AllSellers: true, Reference: Reference{a.Account, a.Reference}}, "", pageSize)
	if err != nil {
		return "", "", err
	}
	for _, other := range others {
		for _, taken := range other.Attempts {
			if other.ID != p.ID && taken.paying() && taken.State == AttemptApproved && taken.Account == a.Account && taken.Reference == a.Reference {
				return ParkTwice, fmt.Sprintf("the provider's %.64s has paid %s already", a.Reference, other.ID), nil
			}
		}
	}
	return "", "", nil
}

// declined keeps that an attempt was refused: it is tried again later, or never.
func (u *unit) declined(p *Payment, a *Attempt, i *Instrument) {
	if !a.paying() || p.ever(AttemptApproved) {
		return // another attempt has worked: nobody has to know
	}
	p.Action = nil
	if u.payable(p, a) {
		a.Late = lateLooks // the page takes another card
	}
	e := PaymentDeclined{
		Payment: p.ID, Customer: p.Customer, Purpose: p.Purpose, Amount: p.Amount, Instrument: p.Instrument, Card: p.Card,
		Code: a.Decline.Code, Hard: a.Decline.Hard,
	}
	if i != nil {
		was := i.Blocked
		again := i.declined(a.Decline, u.now, u.m.opt.Retry)
		if !p.Present && p.Canceled.IsZero() {
			p.Again, e.Again = again, again
		}
		if i.Blocked != "" && was == "" {
			u.tell(p, InstrumentBlocked{Instrument: i.ID, Customer: i.Customer, Card: i.Card, Why: i.Blocked})
		}
	}
	u.tell(p, e)
}

// refused keeps that a provider did not take an operation. One that cannot be reached is
// an outage: another account is asked, or it is tried again later.
func (u *unit) refused(ctx context.Context, p *Payment, a *Attempt, failed error, i *Instrument) (*work, error) {
	a.State, a.Ended, a.Failure = AttemptFailed, u.now, shortened(failed.Error())
	if err := u.count(ctx, p, a, "failed"); err != nil {
		return nil, err
	}
	if i == nil || !a.paying() {
		return nil, nil
	}
	if p.ever(AttemptApproved) || p.ever(AttemptSuspense) {
		return nil, nil // another attempt has taken the money
	}
	outage := passes(failed)
	if outage {
		if at, found := u.another(ctx, p, i); found {
			i2 := i.Clone()
			w, err := u.intend(ctx, p, at, &i2)
			if err == nil {
				p.Phase = PhaseOpen
			}
			return w, err
		}
	}
	if outage && !p.Present && p.failures() < u.m.opt.Give {
		p.Again = u.now.Add(u.m.patience(p.failures()))
	}
	return nil, nil
}

// failures counts the attempts that had no effect.
func (p *Payment) failures() (n int) {
	for _, a := range p.Attempts {
		if a.State == AttemptFailed {
			n++
		}
	}
	return n
}

// another returns the next account of the route that was not asked since something other
// than an outage has happened.
func (u *unit) another(ctx context.Context, p *Payment, i *Instrument) (Account, bool) {
	route, err := u.route(ctx, p, i)
	if err != nil {
		return Account{}, false
	}
	at := -1
	for n, a := range route {
		if a.ID == p.Account {
			at = n
		}
	}
	if at < 0 || at+1 >= len(route) {
		return Account{}, false
	}
	return route[at+1], true
}

// log keeps what was said, in the charge log.
func (u *unit) log(ctx context.Context, w *work, verb Verb, tape *Tape) error {
	var all []LogEntry
	for _, x := range tape.Exchanges() {
		all = append(all, LogEntry{Payment: w.payment.ID, Operation: w.attempt, Account: w.account.ID, Verb: verb, Look: w.look, Exchange: x})
	}
	if len(all) == 0 {
		return nil
	}
	return u.rows.AddExchanges(ctx, all)
}

// count adds an outcome to the statistics.
func (u *unit) count(ctx context.Context, p *Payment, a *Attempt, outcome string) error {
	minor, err := a.Amount.Minor()
	if err != nil {
		return err
	}
	return u.rows.Count(ctx, Count{
		Account: a.Account, Day: u.now.Format("2006-01-02"), Brand: p.Card.Brand, Verb: a.Verb, Outcome: outcome,
		Currency: a.Amount.Currency(), Number: 1, Minor: minor,
	})
}

// nameable reports whether a name of a provider's can be kept, and be looked for by every
// store: as UTF-8 without NUL, of 255 octets at the most.
func nameable(s string) bool {
	return len(s) <= 255 && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// errReference: what a gateway said is as good as an answer that was lost.
var errReference = tierhost.Fail(tierhost.KindInternal, tierhost.EffectUnknown, errors.New("the gateway returned a reference that cannot be kept"))

// shortened bounds a text that comes from elsewhere, and makes it one that every store
// keeps: UTF-8 without NUL and without the number of a card, which goes before the text is
// cut, so that no part of one is left.
func shortened(s string) string {
	const most = 1000
	s = MaskCardNumbers(strings.ReplaceAll(s, "\x00", " "))
	b := make([]byte, 0, min(len(s), most))
	for _, r := range s {
		if b = utf8.AppendRune(b, r); len(b) > most {
			break
		}
	}
	return string(b)
}

func keptDecline(d Decline) Decline {
	d.Text, d.Code = shortened(d.Text), shortened(d.Code)
	if d.Code == "" {
		d.Code = DeclineUnspecified
	}
	return d
}

func keptFacts(facts map[string]string) map[string]string {
	if len(facts) == 0 {
		return nil
	}
	out := make(map[string]string, len(facts))
	for k, v := range facts {
		out[shortened(k)] = shortened(v)
	}
	return out
}
