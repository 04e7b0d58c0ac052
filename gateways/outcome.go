package gateways

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
)

// record stores the outcome of a call. What a provider says of an operation is true
// whoever asked, so it is kept also if the lease was lost meanwhile. next is a call that
// follows at once: to the next account, if this one could not be reached.
func (m *Manager) record(ctx context.Context, w *work, r Result, failed error, tape *Tape) (p Payment, next *work, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	var vain error
	err = m.update(ctx, func(ctx context.Context, u *unit) (err error) {
		p, next, err = u.conclude(ctx, w, r, failed, tape)
		vain = u.vain
		return err
	})
	if err != nil && !passes(err) {
		return m.setAside(ctx, w, err)
	}
	if err != nil {
		return Payment{}, nil, err
	}
	return p, next, vain
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
// as it is, so that nothing of it is forgotten.
func (m *Manager) setAside(ctx context.Context, w *work, cause error) (p Payment, next *work, err error) {
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		if p, err = u.rows.Payment(ctx, w.payment.ID); err != nil {
			return err
		}
		if p.Lease.Token == w.token {
			p.Lease = Lease{}
		}
		u.park(&p, ParkRefused, shortened(cause.Error()))
		return u.put(ctx, &p, p.Phase)
	})
	return p, nil, err
}

// park has staff look at a payment. It is not due any more.
func (u *unit) park(p *Payment, reason, text string) {
	p.Due = time.Time{}
	if p.Parked != nil && p.Parked.Reason == reason {
		return
	}
	p.Parked = &Parking{Reason: reason, Text: text, At: u.now}
	u.tell(p, PaymentParked{Payment: p.ID, Customer: p.Customer, Account: p.Account, Reason: reason, Text: text})
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
	if p.Lease.Token == w.token {
		p.Lease, p.Due = Lease{}, time.Time{}
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
		err = u.answered(ctx, &p, a, r, i)
	case !a.State.Open():
		// It was given up, or another has found out. Nobody looks by itself any more: whoever
		// has a reason to must hear that it did not find out.
		sure := !w.look && tierhost.EffectOf(failed) == tierhost.EffectNone || errors.Is(failed, ErrNoOperation)
		if (a.State == AttemptFailed || a.State == AttemptDeclined) && !sure {
			u.vain = failed
		}
	case w.look && errors.Is(failed, ErrNoOperation):
		u.unheard(&p, a)
	case w.look || tierhost.EffectOf(failed) != tierhost.EffectNone:
		u.unknown(ctx, &p, a, failed)
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
	u.watch(ctx, &p)
	p.Phase = p.phase()
	return p, nil, u.put(ctx, &p, before)
}

// watch sees to it that a payment is due when there is something to do for it: an attempt
// that is open is looked up, though this was about another one, and what waits is tried
// again.
func (u *unit) watch(ctx context.Context, p *Payment) {
	if p.ever(AttemptApproved) || p.ever(AttemptSuspense) {
		p.Again = time.Time{}
	}
	a := p.open()
	if a == nil && p.Due.IsZero() && p.Parked == nil {
		p.Due = p.Again
	}
	if a == nil || !p.Due.IsZero() || p.Parked != nil || a.State == AttemptPending && !u.able(ctx, a).Finds {
		return
	}
	p.Due = u.now.Add(u.m.patience(a.Looks + 1))
}

// charged returns the instrument that an attempt charges; nil for others.
func (u *unit) charged(ctx context.Context, p *Payment, a *Attempt) (*Instrument, error) {
	if p.Instrument == "" || a.Verb != VerbCharge && a.Verb != VerbAuthorize {
		return nil, nil
	}
	i, err := u.rows.Instrument(ctx, p.Instrument)
	if err != nil {
		return nil, err
	}
	return &i, nil
}

// answered keeps what a provider has said.
func (u *unit) answered(ctx context.Context, p *Payment, a *Attempt, r Result, i *Instrument) error {
	if a.State == AttemptApproved || a.State == AttemptSuspense || a.State == AttemptDeclined && r.Outcome != Approved {
		return nil // known already; money that has moved does not go away by being asked again
	}
	if err := u.count(ctx, p, a, string(r.Outcome)); err != nil {
		return err
	}
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
		a.Ended = u.now
		return u.approved(ctx, p, a, r, i)
	case Declined:
		a.State, a.Ended, a.Decline = AttemptDeclined, u.now, keptDecline(r.Decline)
		u.declined(p, a, i)
	case Pending:
		if !a.Until.IsZero() && !u.now.Before(a.Until) && r.Action != nil { // else a bank works on it
			// Should it be paid after all, that is kept and booked.
			a.State, a.Ended, a.Failure, p.Action = AttemptFailed, u.now, "nobody paid in time", nil
			return nil
		}
		a.State = AttemptPending
		if a.Verb == VerbCharge || a.Verb == VerbAuthorize {
			p.Action = r.Action
		}
		u.lookLater(ctx, p, a)
	default:
		u.unknown(ctx, p, a, fmt.Errorf("the gateway returned the outcome %.32q", string(r.Outcome)))
	}
	return nil
}

// approved keeps that money has moved, and has it booked.
func (u *unit) approved(ctx context.Context, p *Payment, a *Attempt, r Result, i *Instrument) error {
	if !r.Amount.Equal(a.Amount) {
		a.State, a.Failure = AttemptSuspense, fmt.Sprintf("%s was asked for, the provider says %s", a.Amount, r.Amount)
		u.park(p, ParkAmount, string(a.ID)+": "+a.Failure)
		return nil
	}
	paying := a.paying()
	if paying && (!p.Captured().IsZero() || !p.authorized().IsZero()) {
		// One of them was given up, or its answer lost, and has worked after all.
		a.State, a.Failure = AttemptSuspense, "another attempt has been approved"
		u.park(p, ParkTwice, fmt.Sprintf("%s was thought lost and has taken %s as well", a.ID, a.Amount))
		return nil
	}
	a.State = AttemptApproved
	if paying {
		p.Account = a.Account // where it is captured and given back
		if a.Reference != "" {
			p.Reference = a.Reference
		}
		p.Action, p.Expires, p.Due, p.Again = nil, r.Expires, time.Time{}, time.Time{}
		if i != nil {
			i.paid()
		}
		if p.Parked != nil && p.Parked.Reason == ParkLost {
			p.Parked = nil
		}
	}
	if a.Verb == VerbRefund {
		u.tell(p, RefundChanged{Payment: p.ID, Operation: a.ID, Customer: p.Customer, Purpose: p.Purpose, Amount: a.Amount, State: a.State})
	}
	return u.settle(ctx, p, a)
}

// settle has the host book what an attempt has moved.
func (u *unit) settle(ctx context.Context, p *Payment, a *Attempt) error {
	s := Settlement{
		ID: string(a.ID), Payment: p.ID, Seller: p.Seller, Customer: p.Customer, Purpose: p.Purpose, Account: a.Account,
		Amount: a.Amount, Reference: a.Reference, Reason: a.Reason, At: u.now,
	}
	switch a.Verb {
	case VerbCharge, VerbCapture:
		s.Kind = Received
	case VerbRefund:
		s.Kind = Returned
	case VerbVoid:
		if !p.charged() {
			return nil // what was only set aside was never booked
		}
		s.Kind = Returned
	default:
		return nil
	}
	a.Settled = true
	return u.m.opt.Settler.Settled(ctx, u.tx, s)
}

// charged reports whether money was taken by a charge that is booked.
func (p *Payment) charged() bool {
	for _, a := range p.Attempts {
		if a.Verb == VerbCharge && a.Settled {
			return true
		}
	}
	return false
}

// declined keeps that an attempt was refused: it is tried again later, or never.
func (u *unit) declined(p *Payment, a *Attempt, i *Instrument) {
	if a.Verb != VerbCharge && a.Verb != VerbAuthorize {
		if a.Verb == VerbRefund {
			u.tell(p, RefundChanged{Payment: p.ID, Operation: a.ID, Customer: p.Customer, Purpose: p.Purpose, Amount: a.Amount, State: a.State})
		}
		return
	}
	if p.ever(AttemptApproved) {
		return // another attempt has worked: nobody has to know
	}
	p.Action = nil
	e := PaymentDeclined{
		Payment: p.ID, Customer: p.Customer, Purpose: p.Purpose, Amount: p.Amount, Instrument: p.Instrument, Card: p.Card,
		Code: a.Decline.Code, Hard: a.Decline.Hard,
	}
	if i != nil {
		was := i.Blocked
		again := i.declined(a.Decline, u.now, u.m.opt.Retry)
		if !p.Present {
			p.Again, e.Again = again, again
		}
		if i.Blocked != "" && was == "" {
			u.tell(p, InstrumentBlocked{Instrument: i.ID, Customer: i.Customer, Card: i.Card, Why: i.Blocked})
		}
	}
	u.tell(p, e)
}

// unheard keeps that a provider does not know an operation. It is believed when what was
// sent can no longer be on its way.
func (u *unit) unheard(p *Payment, a *Attempt) {
	sure := a.Called.Add(u.m.opt.Doubt)
	if a.Until.After(sure) {
		sure = a.Until
	}
	if u.now.Before(sure) {
		if a.State != AttemptPending {
			a.State = AttemptUnknown
		}
		a.Looks++
		p.Due = u.now.Add(u.m.patience(a.Looks))
		if sure.Before(p.Due) {
			p.Due = sure
		}
		return
	}
	a.State, a.Ended, a.Failure = AttemptFailed, u.now, "the provider has never heard of it"
	p.Action = nil
	if (a.Verb == VerbCharge || a.Verb == VerbAuthorize) && p.Instrument != "" && !p.Present {
		p.Again = u.now
	}
}

// unknown keeps that the answer was lost: it is looked up, later and later.
func (u *unit) unknown(ctx context.Context, p *Payment, a *Attempt, failed error) {
	if a.State != AttemptPending {
		a.State = AttemptUnknown
	}
	a.Failure = shortened(failed.Error())
	u.lookLater(ctx, p, a)
}

// lookLater has an attempt looked up later, or parks the payment.
func (u *unit) lookLater(ctx context.Context, p *Payment, a *Attempt) {
	a.Looks++
	able := u.able(ctx, a)
	switch {
	case !able.Finds && a.State == AttemptPending:
		return // the provider will tell
	case !able.Finds:
		u.park(p, ParkLost, fmt.Sprintf("%s: the answer was lost, and this provider cannot be asked: %s", a.ID, a.Failure))
	case a.Looks > u.m.opt.Give && a.State != AttemptPending:
		u.park(p, ParkLost, fmt.Sprintf("%s: looked up %d times: %s", a.ID, a.Looks-1, a.Failure))
	default:
		if due := u.now.Add(u.m.patience(a.Looks)); p.Due.IsZero() || due.Before(p.Due) {
			p.Due = due
		}
	}
}

// able is what the gateway of an attempt can do. One that this process has not got may be
// asked by another.
func (u *unit) able(ctx context.Context, a *Attempt) Capabilities {
	if at, err := u.rows.Account(ctx, a.Account); err == nil {
		if g := u.m.opt.Gateways[at.Gateway]; g != nil {
			return g.Capabilities()
		}
	}
	return Capabilities{Finds: true}
}

// refused keeps that a provider did not take an operation. One that cannot be reached is
// an outage: another account is asked, or it is tried again later.
func (u *unit) refused(ctx context.Context, p *Payment, a *Attempt, failed error, i *Instrument) (*work, error) {
	a.State, a.Ended, a.Failure = AttemptFailed, u.now, shortened(failed.Error())
	if err := u.count(ctx, p, a, "failed"); err != nil {
		return nil, err
	}
	if i == nil || a.Verb != VerbCharge && a.Verb != VerbAuthorize {
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

// shortened bounds a text that comes from elsewhere, and makes it one that every store
// keeps: UTF-8 without NUL and without the number of a card.
func shortened(s string) string {
	const most = 1000
	b := make([]byte, 0, min(len(s), most))
	for _, r := range s {
		if r == 0 {
			r = ' '
		}
		if b = utf8.AppendRune(b, r); len(b) > most {
			break
		}
	}
	return MaskCardNumbers(string(b))
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
