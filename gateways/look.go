package gateways

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
)

// How often a provider may say that it has never heard of what it has told of before, and
// how many attempts to pay it may never have heard of, until staff has to look.
const (
	unheardLooks    = 5
	unheardAttempts = 2
)

// How often a page that was given up, or on which a card was declined, is looked up once
// more: after the first time, and after the last.
const (
	lateLooks = 2
	lateFirst = time.Hour
	lateLast  = 24 * time.Hour
)

// watch sees to it that a payment is due when there is something to do for it: an attempt
// that is open is looked up, though this was about another one, what waits is tried again,
// what is authorized is let go when it has run out, and a page that was given up is looked
// up once more.
func (u *unit) watch(ctx context.Context, p *Payment) {
	if p.ever(AttemptApproved) || p.ever(AttemptSuspense) || !p.Canceled.IsZero() {
		p.Again = time.Time{}
	}
	if a := p.next(); a != nil {
		if able := u.able(ctx, a); able.Finds && p.Due.IsZero() {
			p.Due = u.now.Add(u.m.patience(a.Looks + 1))
		}
		return
	}
	if p.Lease.Token != "" && u.now.Before(p.Lease.Until) {
		if p.Due.IsZero() { // its worker may end
			p.Due = p.Lease.Until
		}
		return
	}
	if p.Due = p.Again; p.open() != nil { // as long as staff has to look at it nothing is tried
		p.Due = time.Time{}
	}
	if p.expired(p.Expires) != nil {
		p.Due = p.Expires
		if !u.now.Before(p.Due) {
			p.Due = u.now.Add(u.m.patience(p.expired(p.Expires).Looks + 1))
		}
	}
	if a, at := p.late(); a != nil && p.Due.IsZero() && u.able(ctx, a).Finds {
		p.Due = at
	}
}

// late returns the attempt on a page that was given up, or on which a card was declined, and
// is looked up once more, and when; or nil: a customer may have paid at the last moment, or
// with another card, and the notification be lost.
func (p *Payment) late() (*Attempt, time.Time) {
	if p.open() != nil || p.ever(AttemptApproved) || p.ever(AttemptSuspense) {
		return nil, time.Time{}
	}
	for i := range p.Attempts {
		if a := &p.Attempts[i]; (a.State == AttemptFailed || a.State == AttemptDeclined) && a.Late > 0 {
			over := a.Ended
			if a.Until.After(over) {
				over = a.Until
			}
			if a.Late == lateLooks {
				return a, over.Add(lateFirst)
			}
			return a, over.Add(lateLast)
		}
	}
	return nil, time.Time{}
}

// payable reports whether an attempt is on a page that a customer can pay on still.
func (u *unit) payable(p *Payment, a *Attempt) bool {
	return a.paying() && p.Instrument == "" && !a.Until.IsZero() && !u.gone(a.Until)
}

// gone reports whether what a customer could do until then is over: what was paid at the
// last moment may be on its way to where the provider looks.
func (u *unit) gone(until time.Time) bool {
	return !until.IsZero() && !u.now.Before(until.Add(u.m.opt.Doubt))
}

// unheard keeps that a provider does not know an operation. It is believed when what was
// sent can no longer be on its way, unless the provider has told of it before, or has
// forgotten too much already.
func (u *unit) unheard(p *Payment, a *Attempt, w *work) {
	sure := a.Called.Add(u.m.opt.Doubt)
	page := a.Until
	if late := page.Add(u.m.opt.Doubt); !page.IsZero() && late.After(sure) {
		sure = late
	}
	if w.due {
		a.Looks++
		a.Vain++
		a.Unheard++
	}
	known := a.Known || a.Reference != "" && page.IsZero()
	over := !u.now.Before(sure)
	switch {
	case over && !page.IsZero() && (!known || p.Action != nil):
		u.abandoned(p, a) // the customer was never there, and the page is gone
	case over && !known && (!a.paying() || p.forgotten() < unheardAttempts):
		a.State, a.Ended, a.Failure = AttemptFailed, u.now, "the provider has never heard of it"
		a.Unheard = max(a.Unheard, 1)
		p.found(a)
		if a.paying() {
			p.Action = nil
			if p.Instrument != "" && !p.Present {
				p.Again = u.now
			}
		}
	case over && !known:
		u.park(p, ParkLost, a.ID, fmt.Sprintf("%s: the provider has never heard of it, nor of %d others before, and may have forgotten them", a.ID, p.forgotten()))
	case known && a.Unheard >= unheardLooks && (over || page.IsZero()):
		u.park(p, ParkLost, a.ID, fmt.Sprintf("%s: the provider has told of it before, and says %d times that it has never heard of it", a.ID, a.Unheard))
	default:
		if a.State != AttemptPending {
			a.State = AttemptUnknown
		}
		if !w.due && !p.Due.IsZero() {
			return
		}
		p.Due = u.now.Add(u.m.patience(a.Looks))
		if !over && !known && sure.Before(p.Due) {
			p.Due = sure
		}
	}
}

// forgotten counts the attempts to pay that the provider has never heard of.
func (p *Payment) forgotten() (n int) {
	for i := range p.Attempts {
		if a := &p.Attempts[i]; a.paying() && a.State == AttemptFailed && a.Unheard > 0 {
			n++
		}
	}
	return n
}

// unknown keeps that the answer was lost: it is looked up, later and later.
func (u *unit) unknown(ctx context.Context, p *Payment, a *Attempt, failed error, w *work) {
	if a.State != AttemptPending {
		a.State = AttemptUnknown
	}
	a.Failure = shortened(failed.Error())
	if w.due {
		a.Vain++
	}
	u.lookLater(ctx, p, a, w)
}

// lookLater has an attempt looked up later, or parks the payment after too many looks in
// vain, one after the other. Only looks that were due count: a customer who loads a page
// again and again must not have it given up.
func (u *unit) lookLater(ctx context.Context, p *Payment, a *Attempt, w *work) {
	if w.due || !w.look && !w.again {
		a.Looks++
	}
	able := u.able(ctx, a)
	switch {
	case !able.Finds && a.State == AttemptPending:
		return // the provider will tell
	case !able.Finds:
		u.park(p, ParkLost, a.ID, fmt.Sprintf("%s: the answer was lost, and this provider cannot be asked: %s", a.ID, a.Failure))
	case a.Vain >= u.m.opt.Give:
		u.park(p, ParkLost, a.ID, fmt.Sprintf("%s: looked up %d times in vain: %s", a.ID, a.Vain, a.Failure))
	case w.look && !w.due && !p.Due.IsZero(): // it is due as it was
	default:
		if due := u.now.Add(u.m.patience(max(a.Looks, 1))); p.Due.IsZero() || due.Before(p.Due) {
			p.Due = due
		}
	}
}

// lapsed keeps that it was not found out what became of an authorization that has run out.
func (u *unit) lapsed(ctx context.Context, p *Payment, a *Attempt, failed error, w *work) error {
	if errors.Is(failed, ErrNoOperation) || tierhost.KindOf(failed) == tierhost.KindUnsupported {
		// Nothing was taken by it, and nothing can be any more.
		return u.undone(ctx, p, a, Result{Decline: Decline{Code: DeclineExpired}})
	}
	if w.due {
		a.Looks++
	}
	if a.Failure = shortened(failed.Error()); a.Looks > u.m.opt.Give {
		u.park(p, ParkLost, a.ID, fmt.Sprintf("%s: what was authorized has run out, and was looked up in vain: %s", a.ID, a.Failure))
	}
	return nil
}

// letGo has a provider let go what has run out, and is set aside still as it says.
func (u *unit) letGo(ctx context.Context, p *Payment, a *Attempt) (*work, error) {
	at, err := u.rows.Account(ctx, a.Account)
	if err != nil {
		return nil, err
	}
	for i := range p.Attempts {
		if p.Attempts[i].Verb == VerbVoid {
			at.Gateway = "" // it was tried
		}
	}
	if !u.able(ctx, a).Can(VerbVoid) || at.Gateway == "" {
		u.park(p, ParkLost, a.ID, fmt.Sprintf("%s: what was authorized has run out, and the provider says that it is set aside still", a.ID))
		p.Due = time.Time{}
		return nil, nil
	}
	return u.begin(ctx, p, Attempt{Verb: VerbVoid, Account: at.ID, Amount: p.authorized(), Reason: "run out"}, at, nil)
}

// able is what the gateway of an attempt can do. One that this process has not got may be
// asked by another.
func (u *unit) able(ctx context.Context, a *Attempt) Capabilities {
	if at, err := u.at(ctx, a.Account); err == nil {
		if g := u.m.opt.Gateways[at.Gateway]; g != nil {
			return g.Capabilities()
		}
	}
	return Capabilities{Finds: true}
}
