package fake

import (
	"context"
	"errors"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Fault is how a call goes wrong. The zero Fault: it does not.
type Fault struct {
	// Before, if not nil, is what the call fails with instead of doing anything.
	Before error
	// After, if not nil, is what the call fails with after it has done everything.
	After error
	// Half: the call does its work in part. Without After it fails with
	// tierhost.EffectPartial.
	Half bool
	// Lost: the call succeeds, and nothing is as it has said.
	Lost bool
	// Twice: the call is delivered twice.
	Twice bool
	// Late, above 0: the call fails as one that did not answer in time, and takes effect
	// when so many further calls of the driver have been made.
	Late int
	// Meanwhile, if not nil, is called when the call has arrived, before it does anything;
	// Afterwards when it has done it, or refused, and before it answers. They may call the
	// driver.
	Meanwhile, Afterwards func(ctx context.Context)
}

// The failures that faults often need.
var (
	// ErrUnreachable: nothing was sent.
	ErrUnreachable error = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("the server cannot be reached"))
	// ErrTimeout: there was no answer.
	ErrTimeout error = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, context.DeadlineExceeded)
	// ErrRefused: it is useless to try again.
	ErrRefused error = tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("the server refuses"))
)

// scripted is a fault of [Driver.Next].
type scripted struct {
	verb  provisioning.Verb
	fault Fault
}

// lateEffect is what a call does later.
type lateEffect struct {
	after  int // further calls
	effect func()
}

// Next has the next call with the verb go wrong, once. Several for one verb are for one
// call after the other. "": the next call, whatever it is.
func (d *Driver) Next(verb provisioning.Verb, f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = append(d.next, scripted{verb, f})
}

// SetLag has reads tell, n times after each change of a thing, what was there before it.
// 0: what is there, from now on.
func (d *Driver) SetLag(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lag = n; n > 0 {
		return
	}
	for _, s := range d.servers {
		clear(s.stale)
	}
}

// Calls returns the calls made so far, in order.
func (d *Driver) Calls() []Called {
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
func (d *Driver) decide(c Called) Fault {
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

// do makes a call with the fault that there is at it. effect is run under the lock, and
// may run twice.
func (d *Driver) do(ctx context.Context, verb provisioning.Verb, c provisioning.Call, effect func(s *server, half bool) error) error {
	f := d.decide(Called{
		Verb: verb, Server: c.Server.Server, Service: c.Service.ID, Name: c.Service.Name, Operation: c.Operation,
		Password: c.Password.Reveal() != "",
	})
	if f.Meanwhile != nil {
		f.Meanwhile(ctx)
	}
	if err := ctx.Err(); err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	if f.Before != nil {
		return f.Before
	}
	err := d.take(c, f, effect)
	if f.Afterwards != nil {
		f.Afterwards(ctx)
	}
	switch {
	case err != nil:
		return err
	case f.After != nil:
		return f.After
	case f.Half:
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectPartial, errors.New("the connection broke"))
	case f.Late > 0:
		return ErrTimeout
	}
	return nil
}

// take has a call take effect, now or later.
func (d *Driver) take(c provisioning.Call, f Fault, effect func(s *server, half bool) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.overdue()
	s := d.server(c.Server.Server)
	if s.down {
		return ErrUnreachable
	}
	run := func() error {
		before := s.copyOf(c)
		err := effect(s, f.Half)
		if f.Lost {
			s.restore(c, before)
		}
		s.changed(c, before, d.lag)
		return err
	}
	if f.Late > 0 {
		d.late = append(d.late, lateEffect{f.Late, func() { _ = run() }})
		return nil
	}
	err := run()
	if f.Twice {
		err = errors.Join(err, run())
	}
	return err
}

// overdue has those calls take effect whose time has come.
func (d *Driver) overdue() {
	var rest []lateEffect
	for _, l := range d.late {
		if l.after--; l.after > 0 {
			rest = append(rest, l)
		} else {
			l.effect()
		}
	}
	d.late = rest
}
