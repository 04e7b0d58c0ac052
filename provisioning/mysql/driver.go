package mysql

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// Driver keeps databases on MariaDB servers. It holds no connection between calls and is
// safe for concurrent use.
type Driver struct{ opt Options }

// Options are what a driver needs besides a place's [Config]. The zero value is for
// servers that trust the administrator on their socket.
type Options struct {
	// Password returns the administrator's password on a server; nil: there is none.
	Password func(ctx context.Context, on provisioning.Place) (secret.Text, error)
	// TLS is used for connections by TCP; nil: the system's certificate authorities. The
	// name to verify is Config.Host unless ServerName is set.
	TLS *tls.Config
	// Random is the source of what an account without a password has instead of one, and
	// of the key of the driver's locks; nil: crypto/rand.
	Random io.Reader
}

// New returns a driver.
func New(opt Options) *Driver {
	if opt.Random == nil {
		opt.Random = rand.Reader
	}
	return &Driver{opt}
}

var (
	_ provisioning.Driver          = (*Driver)(nil)
	_ provisioning.Lister          = (*Driver)(nil)
	_ provisioning.Prober          = (*Driver)(nil)
	_ provisioning.PasswordChanger = (*Driver)(nil)
	_ provisioning.SpecChecker     = (*Driver)(nil)
	_ provisioning.UsageReader     = (*Driver)(nil)
)

// Ensure makes database, account and privileges, and sets limits and password.
func (d *Driver) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, true, func(s *session, want Spec, now state) error {
		if now.foreign(c.Service.ID) {
			return foreign(tierhost.KindExists, c.Service.Name)
		}
		return s.ensure(ctx, c, want, now)
	})
}

// Suspend locks the account, takes its privileges and ends its sessions.
func (d *Driver) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, false, func(s *session, _ Spec, now state) error {
		if err := now.owned(c); err != nil {
			return err
		}
		return s.suspend(ctx, now)
	})
}

// Resume gives the privileges back and unlocks the account.
func (d *Driver) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, false, func(s *session, _ Spec, now state) error {
		if err := now.owned(c); err != nil {
			return err
		}
		return s.resume(ctx, now)
	})
}

// ChangePassword sets the password of the account. The server is sent its hash only.
func (d *Driver) ChangePassword(ctx context.Context, c provisioning.Call) error {
	if c.Password.Reveal() == "" {
		var issues tierhost.Issues
		issues.Add("password", "required", "there is no password to set")
		return issues.Err()
	}
	c.Spec = nil
	_, err := d.change(ctx, c, false, func(s *session, _ Spec, now state) error {
		if err := now.owned(c); err != nil {
			return err
		}
		if len(now.accounts) == 0 {
			return missing(c.Service.Name)
		}
		return s.identify(ctx, now, c.Password)
	})
	return err
}

// Remove drops database and accounts.
func (d *Driver) Remove(ctx context.Context, c provisioning.Call) error {
	c.Spec, c.Password = nil, secret.Text{}
	_, err := d.change(ctx, c, false, func(s *session, _ Spec, now state) error {
		if now.foreign(c.Service.ID) {
			return foreign(tierhost.KindPrecondition, c.Service.Name)
		}
		return s.remove(ctx, now)
	})
	return err
}

// Read tells what there is of a name.
func (d *Driver) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	c.Password = secret.Text{}
	want, err := check(c)
	if err != nil {
		return provisioning.Observation{}, err
	}
	s, err := d.open(ctx, c.Server, c.Service.Name)
	if err != nil {
		return provisioning.Observation{}, err
	}
	defer s.close()
	now, err := s.state(ctx, c.Service.Name)
	if err != nil {
		return provisioning.Observation{}, err
	}
	return now.observation(want, s.config)
}

// CheckSpec finds the faults of a name and a [Spec]. Every kind has the same specs. Only
// a server knows which collations there are.
func (d *Driver) CheckSpec(_ provisioning.Kind, name string, spec json.RawMessage) error {
	_, err := check(provisioning.Call{Service: provisioning.Subject{Name: name}, Spec: spec})
	return err
}

// change runs one call that changes something, alone for its name on the server, and
// observes what came of it. Only if it may make something it makes the driver's own tables.
func (d *Driver) change(ctx context.Context, c provisioning.Call, make bool, do func(*session, Spec, state) error) (provisioning.Observation, error) {
	none := provisioning.Observation{}
	want, err := check(c)
	if err != nil {
		return none, err
	}
	s, err := d.open(ctx, c.Server, c.Service.Name)
	if err != nil {
		return none, err
	}
	defer s.close()
	now, err := s.locked(ctx, c.Service.Name, make)
	if err != nil {
		return none, err
	}
	if err := do(s, want, now); err != nil {
		return none, err
	}
	if now, err = s.state(ctx, c.Service.Name); err != nil {
		return none, err
	}
	return now.observation(want, s.config)
}
