package gateways

import (
	"slices"
	"time"
)

// InstrumentID identifies an instrument. It is an opaque string.
type InstrumentID string

// Instrument is a card or the like that a customer has given to a provider to be charged
// again. What it is charged by is a token of that provider; a card number is nowhere.
type Instrument struct {
	ID       InstrumentID `json:"id"`
	Version  int64        `json:"version"`
	Seller   string       `json:"seller"`
	Customer string       `json:"customer"`
	// Request makes the request that began it repeatable.
	Request string `json:"request,omitempty"`
	Card    Card   `json:"card"`
	// Tokens are what it is charged by: one for each account whose provider keeps it. No
	// other account can charge it.
	Tokens []KeptToken `json:"tokens"`
	Made   time.Time   `json:"made"`
	// Removed is when the provider was told to forget it; zero: not.
	Removed time.Time `json:"removed,omitzero"`

	// Handover is how the customer gives it to the provider, as long as it is not kept.
	Handover *Handover `json:"handover,omitempty"`

	// Failures counts the declines since it last paid. Until Waits nothing else is paid
	// with it. Blocked says why nothing is at all, until staff has reset it.
	Failures int       `json:"failures,omitempty"`
	Waits    time.Time `json:"waits,omitzero"`
	Blocked  string    `json:"blocked,omitempty"`
}

// Handover is how a customer gives an instrument to a provider: see [Manager.Register].
type Handover struct {
	Account   AccountID `json:"account"`
	Known     string    `json:"known,omitempty"`     // the provider's name of the customer, if it has given one before
	Reference string    `json:"reference,omitempty"` // what the provider calls it
	Return    string    `json:"return,omitempty"`
	Cancel    string    `json:"cancel,omitempty"`
	Action    *Action   `json:"action,omitempty"` // what the customer has to do
	Until     time.Time `json:"until,omitzero"`   // after which it cannot be done any more; for the host to show, nothing is done then
	Failure   string    `json:"failure,omitempty"`
}

// KeptToken is a [Token] as it is kept.
type KeptToken struct {
	Account  AccountID `json:"account"`
	Customer string    `json:"customer,omitempty"` // the provider's name of the customer
	Sealed   []byte    `json:"sealed"`             // as the sealer made it
}

// token returns the token for an account.
func (i *Instrument) token(of AccountID) (KeptToken, bool) {
	for _, t := range i.Tokens {
		if t.Account == of {
			return t, true
		}
	}
	return KeptToken{}, false
}

// Clone returns a copy that shares nothing with i.
func (i Instrument) Clone() Instrument {
	i.Tokens = slices.Clone(i.Tokens)
	for n := range i.Tokens {
		i.Tokens[n].Sealed = slices.Clone(i.Tokens[n].Sealed)
	}
	if i.Handover != nil {
		h := *i.Handover
		if h.Action != nil {
			a := h.Action.clone()
			h.Action = &a
		}
		i.Handover = &h
	}
	return i
}

// Usable reports whether something may be paid with it now, and if not why, as a stable
// code: "removed", "not_kept", "blocked", "waits", "expired".
func (i *Instrument) Usable(now time.Time) (bool, string) {
	switch {
	case !i.Removed.IsZero():
		return false, "removed"
	case i.Handover != nil:
		return false, "not_kept"
	case i.Blocked != "":
		return false, "blocked"
	case now.Before(i.Waits):
		return false, "waits"
	case i.Card.Expired(now):
		return false, "expired"
	}
	return true, ""
}

// RetryRules say what is done when a card is declined softly.
//
// Source: H-Sphere's rules for failed charges. It waits, tries again, and blocks the card
// when it was declined too often; what else is to be paid with the card waits too.
type RetryRules struct {
	// Wait is how long after a decline it is tried again; 0: 24 hours.
	Wait time.Duration
	// Most is how often it is tried in all; 0: 4.
	Most int
}

func (r RetryRules) withDefaults() RetryRules {
	if r.Wait <= 0 {
		r.Wait = 24 * time.Hour
	}
	if r.Most <= 0 {
		r.Most = 4
	}
	return r
}

// declined changes the instrument by a decline, and reports when it is to be tried again;
// zero: never, it is blocked, or its issuer wants to ask the customer. Then it is good, and
// nothing waits for it.
func (i *Instrument) declined(d Decline, now time.Time, r RetryRules) time.Time {
	if d.Code == DeclineAsk && !d.Hard {
		return time.Time{}
	}
	i.Failures++
	switch {
	case d.Hard:
		i.Blocked = d.Code
	case i.Failures >= r.Most:
		i.Blocked = "declined_too_often"
	default:
		i.Waits = now.Add(r.Wait)
		return i.Waits
	}
	i.Waits = time.Time{}
	return time.Time{}
}

// paid changes the instrument by a payment that was approved.
func (i *Instrument) paid() { i.Failures, i.Waits = 0, time.Time{} }
