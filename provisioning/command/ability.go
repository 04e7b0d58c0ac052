package command

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// withAbilities wraps a driver once for each ability that it has, since what a type has
// cannot depend on options.
func withAbilities(d *driver) provisioning.Driver {
	var out provisioning.Driver = d
	can := d.opt.Abilities
	if can.List {
		out = lister{ability{out, d}}
	}
	if can.Probe {
		out = prober{ability{out, d}}
	}
	if can.Password {
		out = passwordChanger{ability{out, d}}
	}
	if can.Usage {
		out = usageReader{ability{out, d}}
	}
	if can.Move {
		out = mover{ability{out, d}}
	}
	if d.opt.CheckSpec != nil {
		out = specChecker{ability{out, d}}
	}
	return out
}

// ability is a driver with one method more than the one it wraps.
type ability struct {
	provisioning.Driver
	d *driver
}

// Unwrap leads provisioning.As to the other abilities.
func (a ability) Unwrap() provisioning.Driver { return a.Driver }

type (
	lister          struct{ ability }
	prober          struct{ ability }
	passwordChanger struct{ ability }
	usageReader     struct{ ability }
	mover           struct{ ability }
	specChecker     struct{ ability }
)

// List implements provisioning.Lister.
func (l lister) List(ctx context.Context, on provisioning.Place, kind provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return func(yield func(provisioning.Observation, error) bool) {
		a, err := l.d.run(ctx, on, request(List, provisioning.Call{Server: on, Service: provisioning.Subject{Kind: kind}}))
		if err != nil {
			yield(provisioning.Observation{}, err)
			return
		}
		for _, o := range a.Observations {
			got, err := o.observation("")
			if err != nil {
				yield(provisioning.Observation{}, readOnly(List, badAnswer(err)))
				return
			}
			if !yield(got, nil) {
				return
			}
		}
	}
}

// Probe implements provisioning.Prober.
func (p prober) Probe(ctx context.Context, on provisioning.Place) error {
	_, err := p.d.run(ctx, on, request(Probe, provisioning.Call{Server: on, Service: provisioning.Subject{Kind: on.Kind}}))
	return err
}

// ChangePassword implements provisioning.PasswordChanger.
func (p passwordChanger) ChangePassword(ctx context.Context, c provisioning.Call) error {
	r := request(ChangePassword, c)
	r.Password = c.Password.Reveal()
	_, err := p.d.run(ctx, c.Server, r)
	return err
}

// Usage implements provisioning.UsageReader.
func (u usageReader) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, since time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		r := request(Usage, provisioning.Call{Server: on, Service: provisioning.Subject{Kind: kind}})
		r.Since = &since
		a, err := u.d.run(ctx, on, r)
		if err != nil {
			yield(provisioning.Sample{}, err)
			return
		}
		now := u.d.opt.Clock.Now()
		for _, s := range a.Samples {
			got, err := s.sample(kind, now)
			if err != nil {
				yield(provisioning.Sample{}, readOnly(Usage, badAnswer(err)))
				return
			}
			if !yield(got, nil) {
				return
			}
		}
	}
}

// Copy implements provisioning.Mover.
func (m mover) Copy(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return m.move(ctx, Copy, from, c)
}

// Verify implements provisioning.Mover.
func (m mover) Verify(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return m.move(ctx, Verify, from, c)
}

func (m mover) move(ctx context.Context, verb Verb, from provisioning.Place, c provisioning.Call) error {
	c.Password = secret.Text{}
	r, old := request(verb, c), server(from)
	r.From = &old
	_, err := m.d.run(ctx, c.Server, r)
	return err
}

// CheckSpec implements provisioning.SpecChecker.
func (s specChecker) CheckSpec(kind provisioning.Kind, name string, spec json.RawMessage) error {
	if err := s.d.checkName(name); err != nil {
		return err
	}
	return s.d.opt.CheckSpec(kind, name, spec)
}
