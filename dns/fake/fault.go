package fake

import (
	"context"
	"errors"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// Verb is a method of the driver.
type Verb string

// The verbs.
const (
	Fetch  Verb = "fetch"
	Serial Verb = "serial"
	Apply  Verb = "apply"
	Remove Verb = "remove"
	List   Verb = "list"
	Probe  Verb = "probe"
)

// Call is a call that was made.
type Call struct {
	Verb      Verb
	Server    dns.ServerID
	Zone      dns.Name
	Operation string     // of an Apply
	Serial    dns.Serial // of an Apply
}

// Fault is how a call goes wrong. The zero Fault: it does not.
type Fault struct {
	// Before, if not nil, is what the call fails with instead of doing anything.
	Before error
	// After, if not nil, is what the call fails with after it has done everything.
	After error
	// Half: an Apply does some of its steps, without the SOA. Without After it fails with
	// tierhost.EffectPartial.
	Half bool
	// Late, above 0: the call fails as one that did not answer in time, and takes effect
	// when so many further calls of the driver have been made.
	Late int
	// Meanwhile, if not nil, is called when the call has arrived, before it does anything.
	// It may call the driver.
	Meanwhile func(ctx context.Context)
}

// The failures that faults often need.
var (
	// ErrUnreachable: nothing was sent.
	ErrUnreachable error = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("the server cannot be reached"))
	// ErrTimeout: there was no answer.
	ErrTimeout error = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, context.DeadlineExceeded)
	// ErrServFail: the server says that it has failed.
	ErrServFail error = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errors.New("the server says SERVFAIL"))
	// ErrRefused: the server does not let us.
	ErrRefused error = tierhost.Fail(tierhost.KindDenied, tierhost.EffectNone, errors.New("the server says REFUSED"))
	// ErrNotAuth: the signature is not accepted.
	ErrNotAuth error = tierhost.Fail(tierhost.KindDenied, tierhost.EffectNone, errors.New("the server says NOTAUTH"))
	// ErrConflict: somebody else has changed the zone.
	ErrConflict error = tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
)

type scripted struct {
	verb  Verb
	fault Fault
}

type late struct {
	after  int // further calls
	effect func()
}

// Next has the next call with the verb go wrong, once. Several for one verb are for one
// call after the other. "": the next call, whatever it is.
func (d *Driver) Next(verb Verb, f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = append(d.next, scripted{verb, f})
}

// Calls returns the calls made so far, in order.
func (d *Driver) Calls() []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// Settle has everything that is late take effect now.
func (d *Driver) Settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.late {
		l.effect()
	}
	d.late = nil
}

// decide returns the fault of a call.
func (d *Driver) decide(c Call) Fault {
	d.mu.Lock()
	d.calls = append(d.calls, c)
	for i, s := range d.next {
		if s.verb == "" || s.verb == c.Verb {
			d.next = slices.Delete(d.next, i, i+1)
			d.mu.Unlock()
			return s.fault
		}
	}
	d.mu.Unlock()
	if d.opt.Decide == nil {
		return Fault{}
	}
	return d.opt.Decide(c)
}

// do makes a call with the fault that there is at it. effect is run under the lock.
func (d *Driver) do(ctx context.Context, c Call, effect func(s *server, half bool) error) error {
	f := d.decide(c)
	if f.Meanwhile != nil {
		f.Meanwhile(ctx)
	}
	if err := ctx.Err(); err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	if f.Before != nil {
		return f.Before
	}
	if err := d.take(c, f, effect); err != nil {
		return err
	}
	switch {
	case f.After != nil:
		return f.After
	case f.Half:
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectPartial, errors.New("the connection broke"))
	case f.Late > 0:
		return ErrTimeout
	}
	return nil
}

// take has a call take effect, and before it what is late.
func (d *Driver) take(c Call, f Fault, effect func(*server, bool) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.late = slices.DeleteFunc(d.late, func(l late) bool {
		if l.after <= 1 {
			l.effect()
		}
		return l.after <= 1
	})
	for i := range d.late {
		d.late[i].after--
	}
	s := d.server(c.Server)
	if s.down {
		return ErrUnreachable
	}
	if f.Late > 0 {
		d.late = append(d.late, late{f.Late, func() { _ = effect(s, f.Half) }})
		return nil
	}
	return effect(s, f.Half)
}
