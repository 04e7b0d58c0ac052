package provisioning

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

// call does what a task says. It returns only what the driver said: whatever fails here
// is a failure of the call.
func (m *Manager) call(ctx context.Context, t *task) (c made) {
	ctx, cancel := context.WithTimeout(ctx, m.opt.Work.timeout(t.verb()))
	defer cancel()
	stop := m.heartbeat(ctx, t, cancel)
	defer stop()
	c = m.guarded(ctx, t)
	if c.err != nil {
		c.err = tierhost.Classify("provisioning."+string(c.verb), c.err)
	}
	return c
}

// guarded makes the panic of a driver a failure of the call.
func (m *Manager) guarded(ctx context.Context, t *task) (c made) {
	defer func() {
		if p := recover(); p != nil {
			c = made{verb: t.verb(), err: m.panicked(ctx, p, tierhost.EffectUnknown,
				"service", t.service.ID, "server", t.server, "verb", t.verb())}
		}
	}()
	return m.dispatch(ctx, t)
}

func (m *Manager) dispatch(ctx context.Context, t *task) (c made) {
	s, op := &t.service, t.service.Operation
	c.verb = t.verb()
	mover, moves := As[Mover](t.driver)
	if op.Verb == VerbVerify && (!moves || s.Move.WithoutContent) {
		c.verb = VerbRead // looking at it is all there is
	}
	if c.verb == VerbEnsure {
		if c.err = m.checkSpec(ctx, t.driver, s.Kind, s.Name, s.Spec); c.err != nil {
			c.uncalled = true
			return c
		}
	}
	in := Call{
		Operation: op.ID, Server: t.place, Spec: s.Spec,
		Service: Subject{ID: s.ID, Kind: s.Kind, Name: s.Name, Seller: s.Seller, Account: s.Account},
	}
	switch c.verb {
	case VerbEnsure:
		// What is there keeps its password, which its customer may have changed.
		if s.PasswordAt > s.Observed.PasswordAt || op.Server != s.Server || !s.Observed.there() {
			in.Password, c.err = m.password(ctx, s)
			c.unread = c.err != nil
		}
	case VerbPassword:
		in.Password, c.err = m.password(ctx, s)
		c.unread = c.err != nil
	case VerbRemove:
		if m.opt.Work.BeforeRemove != nil && !op.Gone && s.served(op.Server) {
			c.err = m.opt.Work.BeforeRemove(ctx, s.Clone())
			if c.err != nil {
				c.refused = true
				c.err = refusal(c.err)
			}
		}
	}
	if c.err != nil {
		c.uncalled = true
		return c
	}
	c.password = in.Password.Reveal() != ""
	switch c.verb {
	case VerbUsage:
		c.samples, c.err = m.lastReading(ctx, t, in)
	case VerbRead:
		c.obs, c.err = t.driver.Read(ctx, in)
	case VerbEnsure:
		c.obs, c.err = t.driver.Ensure(ctx, in)
	case VerbSuspend:
		c.obs, c.err = t.driver.Suspend(ctx, in)
	case VerbResume:
		c.obs, c.err = t.driver.Resume(ctx, in)
	case VerbRemove:
		c.err = t.driver.Remove(ctx, in)
	case VerbPassword:
		if changer, ok := As[PasswordChanger](t.driver); ok {
			c.err = changer.ChangePassword(ctx, in)
		} else {
			c.obs, c.err = t.driver.Ensure(ctx, in)
		}
	case VerbCopy:
		switch {
		case s.Move.WithoutContent:
		case moves:
			c.err = mover.Copy(ctx, t.from, in)
		default:
			c.err = tierhost.E("", tierhost.KindUnsupported, "no_mover", errors.New("the driver cannot copy content"))
		}
	case VerbVerify:
		c.err = mover.Verify(ctx, t.from, in)
	default:
		c.err = tierhost.E("", tierhost.KindInternal, "unknown_verb", nil)
	}
	return c
}

// refusal is what Options.BeforeRemove has said, of which nothing has happened on the
// server.
func refusal(err error) error {
	return &tierhost.Error{Op: "provisioning.BeforeRemove", Kind: tierhost.KindOf(err), Code: tierhost.CodeOf(err), Err: errors.New(err.Error())}
}

// password opens the password of a service; it has none where none is sealed.
func (m *Manager) password(ctx context.Context, s *Service) (secret.Text, error) {
	if len(s.Password) == 0 {
		return secret.Text{}, nil
	}
	if m.opt.Work.Sealer == nil {
		return secret.Text{}, tierhost.E("", tierhost.KindPrecondition, ParkSecret, errors.New("there is no WorkOptions.Sealer"))
	}
	plain, err := m.opt.Work.Sealer.Open(ctx, s.Password, passwordOf(s.ID))
	if err != nil {
		if kind := tierhost.KindOf(err); kind != tierhost.KindUnavailable {
			return secret.Text{}, tierhost.E("", tierhost.KindPrecondition, ParkSecret, err)
		}
		return secret.Text{}, tierhost.E("", tierhost.KindUnavailable, ParkSecret, errors.New(err.Error()))
	}
	return secret.New(string(plain)), nil
}

// heartbeat renews the lease of a task while its call runs, if that may take longer than
// the lease. When the lease is lost, or the call is not wanted any more, it has the call
// cancelled. The function returned ends it and waits for that.
func (m *Manager) heartbeat(ctx context.Context, t *task, cancel context.CancelFunc) (stop func()) {
	o := m.opt.Work
	if o.timeout(t.verb()) < o.Lease {
		return func() {}
	}
	done := make(chan struct{})
	renewed := t.begun
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(o.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			switch wanted, err := m.renew(ctx, t); {
			case err == nil && wanted:
				renewed = m.now()
			case err == nil || m.now().Sub(renewed) >= o.Lease:
				cancel() // another worker may have the service, or will have it, or waits for the end
				return
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

// renew extends the lease of a task, and reports whether its call is still wanted: it has the
// lease, and is no copy or comparison for a service of which something else was asked since,
// such as its suspension, which would wait for hours.
func (m *Manager) renew(ctx context.Context, t *task) (wanted bool, err error) {
	op := t.service.Operation
	err = m.transact(ctx, func(ctx context.Context, u *unit) error {
		wanted = false
		s, err := u.service(ctx, t.service.ID)
		if err != nil {
			return err
		}
		outdated := (op.Verb == VerbCopy || op.Verb == VerbVerify) && s.Generation != op.Generation
		if s.Lease.Token != t.lease.Token || outdated {
			u.clear()
			return nil
		}
		wanted = true
		s.Lease.Until = u.now.Add(m.opt.Work.Lease)
		until := s.Lease
		if err := u.flush(ctx); err != nil {
			return err
		}
		u.clear()
		g, err := u.lockGate(ctx, t.server)
		if err != nil {
			return err
		}
		g.enter(until, u.now, m.opt.Work.Concurrency)
		return u.rows.PutGate(ctx, g)
	})
	return wanted, err
}
