package gateways

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tierhost/tierhost/money"
)

// Payment is money that a customer pays to a seller, in one currency and through one
// account at a provider, and what was given back of it.
type Payment struct {
	ID      PaymentID `json:"id"`
	Version int64     `json:"version"`
	Seller  string    `json:"seller"`
	// Customer is who pays, and Purpose what for: the host's own words, such as an account
	// and an invoice. They come back in every [Settlement].
	Customer string `json:"customer"`
	Purpose  string `json:"purpose,omitempty"`
	// Number and Text are what the customer sees on the statement, as far as the provider
	// shows it.
	Number string `json:"number,omitempty"`
	Text   string `json:"text,omitempty"`
	// Key and Request make the request that made the payment repeatable.
	Key     string `json:"key,omitempty"`
	Request string `json:"request,omitempty"`

	Amount money.Money `json:"amount"` // that was asked for
	Made   time.Time   `json:"made"`

	// Instrument is what pays; "": the customer does, on the provider's page.
	Instrument InstrumentID `json:"instrument,omitempty"`
	Present    bool         `json:"present,omitempty"` // see [Operation.Present]
	Later      bool         `json:"later,omitempty"`   // authorized now, captured later
	Card       Card         `json:"card,omitzero"`

	// Account is where it is paid: the last one that was asked. Once an attempt there has
	// had an effect, or may have had one, it stays.
	Account   AccountID `json:"account"`
	Reference string    `json:"reference,omitempty"` // what the provider calls it
	Expires   time.Time `json:"expires,omitzero"`    // when what is authorized is let go

	Phase    Phase     `json:"phase"`
	Attempts []Attempt `json:"attempts,omitempty"` // in the order in which they were made
	Action   *Action   `json:"action,omitempty"`   // what the customer has to do
	// Lost is what the customer's bank has taken back.
	Lost money.Money `json:"lost"`
	// Parked says why staff has to look at it, and Also what else it has to look at: see
	// [Manager.Resolve].
	Parked *Parking  `json:"parked,omitempty"`
	Also   []Parking `json:"also,omitempty"`

	// Again is when it is tried again; zero: never.
	Again time.Time `json:"again,omitzero"`
	// Canceled is when the host has ended it: it is never tried again.
	Canceled time.Time `json:"canceled,omitzero"`
	// Due is when something is to be done or looked up; zero: nothing is.
	Due   time.Time `json:"due,omitzero"`
	Lease Lease     `json:"lease,omitzero"`
}

// Phase is how far a payment is. It follows from the attempts: see [Payment.phase].
type Phase string

// The phases.
const (
	PhaseOpen       Phase = "open"       // an attempt is under way, or what became of it is being looked up
	PhaseWaiting    Phase = "waiting"    // it is tried again at Again
	PhaseAction     Phase = "action"     // the customer has to do something: Action
	PhasePending    Phase = "pending"    // the provider or a bank has to
	PhaseAuthorized Phase = "authorized" // the money is set aside
	PhasePaid       Phase = "paid"       // it is taken; refunds and disputes do not change that
	PhaseDeclined   Phase = "declined"   // it was refused, and is not tried again
	PhaseVoided     Phase = "voided"     // it was let go, or has run out
	PhaseFailed     Phase = "failed"     // no provider has taken it, and it is not tried again
)

// Phases returns all phases.
func Phases() []Phase {
	return []Phase{
		PhaseOpen, PhaseWaiting, PhaseAction, PhasePending, PhaseAuthorized, PhasePaid, PhaseDeclined, PhaseVoided, PhaseFailed,
	}
}

// Over reports whether no money can come of a payment in this phase any more, and none has.
func (p Phase) Over() bool { return p == PhaseDeclined || p == PhaseVoided || p == PhaseFailed }

// Attempt is one operation for a payment, as it is kept.
type Attempt struct {
	ID      OperationID  `json:"id"`
	Verb    Verb         `json:"verb"`
	Account AccountID    `json:"account"`
	Amount  money.Money  `json:"amount"` // that was asked for, or was moved if approved
	State   AttemptState `json:"state"`
	Begun   time.Time    `json:"begun"`
	Ended   time.Time    `json:"ended,omitzero"`
	// Called is when the provider was last asked to do it: a provider that does not know it
	// is believed after [Options.Doubt].
	Called time.Time `json:"called,omitzero"`
	// Until is when a customer can no longer make it on the provider's page.
	Until time.Time `json:"until,omitzero"`
	Looks int       `json:"looks,omitempty"` // how often its outcome was looked for, and was not known yet
	Vain  int       `json:"vain,omitempty"`  // looks of these that the provider has not answered, since it last did
	Late  int       `json:"late,omitempty"`  // looks that are left at a page that was given up, declined or ended by staff
	// Known: the provider has told of it once. Unheard is how often it has said since, or
	// from the beginning, that it has never heard of it.
	Known     bool    `json:"known,omitempty"`
	Unheard   int     `json:"unheard,omitempty"`
	Reference string  `json:"reference,omitempty"`
	Decline   Decline `json:"decline,omitzero"`
	Failure   string  `json:"failure,omitempty"` // the last error
	// Key and Reason are those of the request for a refund, capture or void.
	Key    string `json:"key,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Of is the attempt that has taken what a refund gives back; "": what has the reference of
	// the payment.
	Of    OperationID       `json:"of,omitempty"`
	Facts map[string]string `json:"facts,omitempty"`
	// Settled says that the host has booked it: see [Settler].
	Settled bool `json:"settled,omitempty"`
}

// AttemptState is what is known of an attempt.
type AttemptState string

// The states of attempts. Money may move, or have moved, in the first three.
const (
	AttemptIntended AttemptState = "intended" // it is being made, or its worker has ended
	AttemptUnknown  AttemptState = "unknown"  // it was made, and the answer was lost
	AttemptPending  AttemptState = "pending"  // the provider has it and does not know yet
	AttemptApproved AttemptState = "approved"
	AttemptDeclined AttemptState = "declined"
	AttemptFailed   AttemptState = "failed" // it had no effect, and never will
	// AttemptUndone: it was approved, and has come to nothing since: a refund that the
	// customer's bank has sent back, an authorization that ran out or was canceled.
	AttemptUndone AttemptState = "undone"
	// AttemptSuspense: money has moved, but otherwise than was asked for: another amount,
	// or a second time. Nothing is booked before staff has decided.
	AttemptSuspense AttemptState = "suspense"
)

// Open reports whether money may still move by an attempt in this state.
func (s AttemptState) Open() bool {
	return s == AttemptIntended || s == AttemptUnknown || s == AttemptPending
}

// Lease is who works on a payment, and until when.
type Lease struct {
	Token string    `json:"token,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Available is when a worker may take the payment: when it is due, and its lease, if it has
// one, is over. The zero time: never.
func (p *Payment) Available() time.Time {
	if p.Due.IsZero() || p.Lease.Token == "" || p.Lease.Until.Before(p.Due) {
		return p.Due
	}
	return p.Lease.Until
}

// References are what providers call the payment and its attempts, each with the account
// that it is at, without repetition.
func (p *Payment) References() (all []Reference) {
	add := func(r Reference) {
		if r.Value != "" && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	add(Reference{p.Account, p.Reference})
	for _, a := range p.Attempts {
		add(Reference{a.Account, a.Reference})
	}
	return all
}

// Reference is what a provider calls a payment, at an account.
type Reference struct {
	Account AccountID
	Value   string
}

// Clone returns a copy that shares nothing with p.
func (p Payment) Clone() Payment {
	p.Attempts = slices.Clone(p.Attempts)
	for i := range p.Attempts {
		p.Attempts[i].Facts = maps.Clone(p.Attempts[i].Facts)
	}
	if p.Action != nil {
		a := p.Action.clone()
		p.Action = &a
	}
	if p.Parked != nil {
		parked := *p.Parked
		p.Parked = &parked
	}
	p.Also = slices.Clone(p.Also)
	return p
}

// attempt returns an attempt for changing, or nil.
func (p *Payment) attempt(id OperationID) *Attempt {
	for i := range p.Attempts {
		if p.Attempts[i].ID == id {
			return &p.Attempts[i]
		}
	}
	return nil
}

// open returns the attempt whose outcome is not known for certain, or nil: the first one,
// as there is one at most besides refunds that are pending.
func (p *Payment) open() *Attempt {
	for i := range p.Attempts {
		if s := p.Attempts[i].State; s == AttemptIntended || s == AttemptUnknown {
			return &p.Attempts[i]
		}
	}
	for i := range p.Attempts {
		if p.Attempts[i].State == AttemptPending {
			return &p.Attempts[i]
		}
	}
	return nil
}

// next returns the attempt that a worker looks up next, or nil: the one that was looked for
// least often, and none that staff has to look at.
func (p *Payment) next() (found *Attempt) {
	for i := range p.Attempts {
		a := &p.Attempts[i]
		if !a.State.Open() || p.held(a.ID, ParkLost) || p.held(a.ID, ParkRefused) {
			continue
		}
		if found == nil || found.State == AttemptPending && (a.State != AttemptPending || a.Looks < found.Looks) {
			found = a
		}
	}
	return found
}

// expired returns the attempt whose authorization has run out, or nil: nothing has become
// of it yet, and nobody is at work on it.
func (p *Payment) expired(now time.Time) *Attempt {
	if p.Expires.IsZero() || now.Before(p.Expires) || p.open() != nil || p.authorized().IsZero() {
		return nil
	}
	for i := range p.Attempts {
		if a := &p.Attempts[i]; a.Verb == VerbAuthorize && a.State == AttemptApproved && !p.held(a.ID, ParkLost) {
			return a
		}
	}
	return nil
}

// sum adds up the attempts that match.
func (p *Payment) sum(match func(a *Attempt) bool) money.Money {
	total := money.Zero(p.Amount.Currency())
	for i := range p.Attempts {
		if a := &p.Attempts[i]; match(a) {
			if added, err := total.Add(a.Amount); err == nil {
				total = added
			}
		}
	}
	return total
}

// Captured is how much was taken, whatever was given back later.
func (p *Payment) Captured() money.Money {
	return p.sum(func(a *Attempt) bool {
		return a.State == AttemptApproved && (a.Verb == VerbCapture || a.Verb == VerbCharge)
	})
}

// paying reports whether the attempt is one to take the money, or to have it set aside.
func (a *Attempt) paying() bool { return a.Verb == VerbCharge || a.Verb == VerbAuthorize }

// ever reports whether an attempt is in a state.
func (p *Payment) ever(state AttemptState) bool {
	return slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.State == state })
}

// Refunded is how much was given back: by refunds, and by a void of what was taken.
func (p *Payment) Refunded() money.Money {
	return p.sum(func(a *Attempt) bool {
		return a.State == AttemptApproved && (a.Verb == VerbRefund || a.Verb == VerbVoid && a.Settled)
	})
}

// Refundable is how much may be given back still: what was captured, less what was
// given back or may have been, and less what the bank has taken.
func (p *Payment) Refundable() money.Money {
	left := p.Captured()
	taken := p.sum(func(a *Attempt) bool {
		maybe := a.State.Open() || a.State == AttemptSuspense
		switch a.Verb {
		case VerbRefund:
			return maybe || a.State == AttemptApproved
		case VerbVoid: // one that was approved has let go what was never taken, unless that is booked
			return maybe || a.State == AttemptApproved && a.Settled
		}
		return false
	})
	for _, less := range []money.Money{taken, p.Lost} {
		if less.IsZero() {
			continue
		}
		if rest, err := left.Sub(less); err == nil {
			left = rest
		}
	}
	if left.Sign() < 0 {
		return money.Zero(p.Amount.Currency())
	}
	return left
}

// refundOf returns the attempt that has taken what is to be given back: of a payment that
// was paid twice, the first one that has enough left, as a provider gives back no more of
// one than that has taken. nil: nothing was taken.
func (p *Payment) refundOf(amount money.Money) (*Attempt, error) {
	var taken []*Attempt
	for i := range p.Attempts {
		if a := &p.Attempts[i]; a.State == AttemptApproved && (a.Verb == VerbCharge || a.Verb == VerbCapture) {
			taken = append(taken, a)
		}
	}
	if len(taken) < 2 {
		return append(taken, nil)[0], nil
	}
	for _, of := range taken {
		gone := p.sum(func(a *Attempt) bool {
			ours := a.Of == of.ID || a.Of == "" && of.Account == p.Account && of.Reference == p.Reference
			return ours && a.Verb == VerbRefund && (a.State.Open() || a.State == AttemptApproved || a.State == AttemptSuspense)
		})
		if with, err := gone.Add(amount); err == nil {
			if more, err := with.Cmp(of.Amount); err == nil && more <= 0 {
				return of, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: it was paid %d times, none of which has %s left", ErrTooMuch, len(taken), amount)
}

// authorized is how much is set aside now.
func (p *Payment) authorized() money.Money {
	for i := range p.Attempts {
		if a := &p.Attempts[i]; (a.State == AttemptApproved || a.State == AttemptSuspense) && (a.Verb == VerbCapture || a.Verb == VerbVoid) {
			return money.Zero(p.Amount.Currency())
		}
	}
	return p.sum(func(a *Attempt) bool { return a.Verb == VerbAuthorize && a.State == AttemptApproved })
}

// phase is what follows from the attempts, for a payment that is not tried again.
func (p *Payment) phase() Phase {
	has := func(verb Verb, state AttemptState) bool {
		return slices.ContainsFunc(p.Attempts, func(a Attempt) bool { return a.Verb == verb && a.State == state })
	}
	paying := func(state AttemptState) bool { return has(VerbCharge, state) || has(VerbAuthorize, state) }
	switch {
	case !p.Captured().IsZero():
		return PhasePaid
	case has(VerbVoid, AttemptApproved) && has(VerbCapture, AttemptSuspense):
		return PhaseOpen // it may have been taken after all
	case has(VerbVoid, AttemptApproved):
		return PhaseVoided
	case has(VerbAuthorize, AttemptApproved):
		return PhaseAuthorized
	case has(VerbAuthorize, AttemptUndone):
		return PhaseVoided
	case paying(AttemptIntended), paying(AttemptUnknown), paying(AttemptSuspense):
		return PhaseOpen
	case paying(AttemptPending) && p.Action != nil:
		return PhaseAction
	case paying(AttemptPending):
		return PhasePending
	case !p.Again.IsZero():
		return PhaseWaiting
	case paying(AttemptDeclined):
		return PhaseDeclined
	}
	return PhaseFailed
}
