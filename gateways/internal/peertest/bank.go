// Package peertest has what the servers have in common that stand for payment providers in
// the tests of drivers: the money behind them, and the ways in which their answers get lost.
package peertest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
)

// State is what has become of a payment or a refund.
type State string

// The states.
const (
	Begun      State = "begun" // on a page, and nobody has paid
	Waiting    State = "waiting"
	Declined   State = "declined"
	Authorized State = "authorized"
	Captured   State = "captured"
	Voided     State = "voided"
	Refunded   State = "refunded"
)

// Payment is a payment at a provider.
type Payment struct {
	ID        string
	Operation string // the key that it was made with
	Amount    int64  // minor units
	Currency  string
	Auth      bool // it is authorized only
	State     State
	Taken     int64
	How       gatewaytest.Situation
	Made      time.Time
	Refunds   []*Refund
	Notes     map[string]string // of the provider's own
}

// Refund is a refund at a provider.
type Refund struct {
	ID        string
	Operation string
	Amount    int64
	State     State
	Notes     map[string]string
}

// Bank is a provider's money, of one account. Its methods lock it; fields of payments are
// read and changed within [Bank.With] only.
type Bank struct {
	Prefix string // of IDs
	Digits int    // of IDs, if they are numbers

	mu       sync.Mutex
	serial   int64
	payments []*Payment
	scripts  []script
}

type script struct {
	verb gateways.Verb
	how  gatewaytest.Situation
}

// With runs fn while nobody else changes anything.
func (b *Bank) With(fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fn()
}

// Script has the next call for a verb go as the situation says.
func (b *Bank) Script(v gateways.Verb, how gatewaytest.Situation) {
	b.With(func() { b.scripts = append(b.scripts, script{v, how}) })
}

// Take takes the situation of a call for a verb; "": it works. It is called unlocked.
func (b *Bank) Take(v gateways.Verb) (how gatewaytest.Situation) {
	b.With(func() {
		i := slices.IndexFunc(b.scripts, func(s script) bool { return s.verb == v })
		if i >= 0 {
			how = b.scripts[i].how
			b.scripts = slices.Delete(b.scripts, i, i+1)
		}
	})
	return how
}

// NewID makes an ID. It is called within With.
func (b *Bank) NewID(kind string) string {
	b.serial++
	if b.Digits > 0 {
		return fmt.Sprintf("6%0*d", b.Digits-1, b.serial)
	}
	return fmt.Sprintf("%s%s%014d", kind, b.Prefix, b.serial)
}

// Pay makes a payment in a situation. It is called within With.
func (b *Bank) Pay(p Payment, how gatewaytest.Situation) *Payment {
	p.How, p.Notes = how, map[string]string{}
	b.payments = append(b.payments, &p)
	switch how {
	case gatewaytest.DeclinesSoft, gatewaytest.DeclinesHard:
		p.State = Declined
	case gatewaytest.Waits:
		p.State = Waiting
	case gatewaytest.MovesLess:
		p.settle(p.Amount - 1)
	default:
		if p.State == "" {
			p.settle(p.Amount)
		}
	}
	return &p
}

func (p *Payment) settle(amount int64) {
	p.State, p.Taken = Captured, amount
	if p.Auth {
		p.State, p.Taken = Authorized, 0
		p.Amount = amount
	}
}

// Complete ends a payment that waits or was begun. It is called within With.
func (b *Bank) Complete(p *Payment, approved bool) {
	switch {
	case p.State != Waiting && p.State != Begun:
	case approved:
		p.settle(p.Amount)
	default:
		p.State = Declined
	}
}

// Find returns the payment that matches, or nil. It is called within With.
func (b *Bank) Find(match func(p *Payment) bool) *Payment {
	i := slices.IndexFunc(b.payments, match)
	if i < 0 {
		return nil
	}
	return b.payments[i]
}

// ByID and ByOperation return a payment, or nil. They are called within With.
func (b *Bank) ByID(id string) *Payment {
	return b.Find(func(p *Payment) bool { return p.ID == id && id != "" })
}

// ByOperation is described at [Bank.ByID].
func (b *Bank) ByOperation(id string) *Payment {
	return b.Find(func(p *Payment) bool { return p.Operation == id && id != "" })
}

// All returns all payments. It is called within With.
func (b *Bank) All() []*Payment { return b.payments }

// Capture takes what was authorized; the rest is let go. It reports false if that is not
// possible. It is called within With.
func (p *Payment) Capture(amount int64) bool {
	if p.State != Authorized || amount > p.Amount || amount <= 0 {
		return false
	}
	p.State, p.Taken = Captured, amount
	return true
}

// Void lets go what was authorized. It is called within With.
func (p *Payment) Void() bool {
	if p.State != Authorized {
		return false
	}
	p.State = Voided
	return true
}

// Left is what can be given back. It is called within With.
func (p *Payment) Left() int64 {
	left := p.Taken
	for _, r := range p.Refunds {
		if r.State != Declined {
			left -= r.Amount
		}
	}
	return left
}

// Refund gives back. It returns nil if there is not so much. It is called within With.
func (p *Payment) Refund(id, operation string, amount int64, how gatewaytest.Situation) *Refund {
	if p.State != Captured || amount <= 0 || amount > p.Left() {
		return nil
	}
	r := &Refund{ID: id, Operation: operation, Amount: amount, State: Refunded, Notes: map[string]string{}}
	switch how {
	case gatewaytest.Waits:
		r.State = Waiting
	case gatewaytest.DeclinesHard, gatewaytest.DeclinesSoft:
		r.State = Declined
	}
	p.Refunds = append(p.Refunds, r)
	return r
}

// Books are the books of the account.
func (b *Bank) Books() (books gatewaytest.Books) {
	b.With(func() {
		for _, p := range b.payments {
			books.Taken += p.Taken
			if p.State == Authorized {
				books.Held += p.Amount
			}
			for _, r := range p.Refunds {
				if r.State == Refunded {
					books.Given += r.Amount
				}
			}
		}
	})
	return books
}
