package webhost

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"text/template"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Driver keeps web accounts on servers with nginx. It holds no state and is safe for
// concurrent use.
type Driver struct {
	opt      Options
	template *template.Template
	reserved map[string]bool
}

var (
	_ provisioning.Driver          = (*Driver)(nil)
	_ provisioning.Lister          = (*Driver)(nil)
	_ provisioning.Prober          = (*Driver)(nil)
	_ provisioning.PasswordChanger = (*Driver)(nil)
	_ provisioning.SpecChecker     = (*Driver)(nil)
	_ provisioning.UsageReader     = (*Driver)(nil)
	_ provisioning.MeterReader     = (*Driver)(nil)
	_ provisioning.Mover           = (*Driver)(nil)
)

// New makes a driver. Faults of the options are a *tierhost.Invalid.
func New(opt Options) (*Driver, error) {
	opt, err := opt.normal()
	if err != nil {
		return nil, err
	}
	t, err := opt.parse()
	if err != nil {
		return nil, err
	}
	d := &Driver{opt: opt, template: t, reserved: map[string]bool{}}
	for _, name := range append(ReservedNames(), opt.Reserved...) {
		d.reserved[name] = true
	}
	return d, nil
}

// listen is what nginx listens to on a server.
func (d *Driver) listen(on provisioning.Place) ([]string, error) {
	var c Config
	var issues tierhost.Issues
	if len(on.Config) > 0 {
		if err := json.Unmarshal(on.Config, &c); err != nil {
			issues.Add("config", "bad_config", "%v", err)
		}
	}
	if c.Listen == nil {
		return d.opt.Listen, issues.Err()
	}
	checkListen(&issues, "config.listen", c.Listen)
	return c.Listen, issues.Err()
}

// begin checks a call, takes its turn if it changes something, and reads what there is.
func (d *Driver) begin(ctx context.Context, turn string, c provisioning.Call) (*session, state, Spec, error) {
	spec, err := d.checked(c.Service.Name, c.Spec)
	if err != nil {
		return nil, state{}, Spec{}, err
	}
	if err := checkPassword(c.Password); err != nil {
		return nil, state{}, Spec{}, err
	}
	s, err := d.open(ctx, c.Server)
	if err != nil {
		return nil, state{}, Spec{}, err
	}
	s.name, s.ticket = c.Service.Name, fmt.Sprint(d.opt.Clock.Now().UnixNano(), "-", rand.Text())
	st, owners, err := s.read(ctx, turn, c.Service.Name, spec.Domains...)
	if err == nil {
		for _, domain := range spec.Domains {
			if owner := owners[domain]; owner != "" && owner != c.Service.Name {
				err = domainTaken(domain, tierhost.EffectNone)
			}
		}
	}
	if err != nil && tierhost.CodeOf(err) != codeDomainTaken {
		_ = s.Close()
		return nil, state{}, Spec{}, err
	}
	s.taken = err
	return s, st, spec, nil
}

// Read implements provisioning.Driver.
func (d *Driver) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	s, st, spec, err := d.begin(ctx, "", c)
	if err != nil {
		return provisioning.Observation{}, err
	}
	defer s.Close()
	return s.observe(st, spec)
}

// List implements provisioning.Lister. Besides accounts it yields users in the range of
// customers that have no record, and homes and sites without one.
func (d *Driver) List(ctx context.Context, on provisioning.Place, _ provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return func(yield func(provisioning.Observation, error) bool) {
		s, err := d.open(ctx, on)
		if err != nil {
			yield(provisioning.Observation{}, err)
			return
		}
		defer s.Close()
		all, err := s.readAll(ctx)
		if err != nil {
			yield(provisioning.Observation{}, err)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			st := all[name]
			if !d.could(*st) {
				continue
			}
			o, err := s.observe(*st, Spec{})
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// could reports whether the driver could have made something.
func (d *Driver) could(st state) bool {
	switch {
	case st.record != nil:
		return true
	case !accountName.MatchString(st.name) || d.reserved[st.name]:
		return false
	case st.user != nil:
		return st.user.uid >= d.opt.UIDMin && st.user.uid <= d.opt.UIDMax
	}
	return st.home != nil || st.vhost != ""
}

// Probe implements provisioning.Prober: nginx runs and takes its configuration, and homes
// can be made.
func (d *Driver) Probe(ctx context.Context, on provisioning.Place) error {
	s, err := d.open(ctx, on)
	if err != nil {
		return err
	}
	defer s.Close()
	p := d.opt.Paths
	_, err = s.look(ctx, "probe", p.Nginx, p.Conf, p.PID, p.Homes)
	return err
}
