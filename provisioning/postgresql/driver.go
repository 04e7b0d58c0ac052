package postgresql

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

// Driver keeps databases on PostgreSQL servers. It holds no connection between calls and
// is safe for concurrent use.
type Driver struct{ opt Options }

// Options are what a driver needs besides a place's [Config]. The zero value is for
// servers that trust the administrator on their socket.
type Options struct {
	// Password returns the administrator's password on a server; nil: there is none.
	Password func(ctx context.Context, on provisioning.Place) (secret.Text, error)
	// TLS is used for connections by TCP; nil: the system's certificate authorities. The
	// name to verify is Config.Host unless ServerName is set.
	TLS *tls.Config
	// Random is the source of salts; nil: crypto/rand.
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

// Ensure makes role and database, and sets limits and password.
func (d *Driver) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, func(s *session, want Spec, now state) error {
		if now.foreign(c.Service.ID) {
			return foreign(tierhost.KindExists, c.Service.Name)
		}
		return s.ensure(ctx, c, want, now)
	})
}

// Suspend forbids logins to the role and to the database, and ends their sessions.
func (d *Driver) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, func(s *session, _ Spec, now state) error {
		if err := now.owned(c); err != nil {
			return err
		}
		return s.suspend(ctx, c.Service.Name, now)
	})
}

// Resume takes back what Suspend did.
func (d *Driver) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, func(s *session, _ Spec, now state) error {
		if err := now.owned(c); err != nil {
			return err
		}
		return s.resume(ctx, c.Service.Name, now)
	})
}

// ChangePassword sets the role's password. The server gets a SCRAM verifier, from which
// the password cannot be read.
func (d *Driver) ChangePassword(ctx context.Context, c provisioning.Call) error {
	if c.Password.Reveal() == "" {
		var issues tierhost.Issues
		issues.Add("password", "required", "there is no password to set")
		return issues.Err()
	}
	c.Spec = nil
	_, err := d.change(ctx, c, func(s *session, _ Spec, now state) error {
		if err := now.owned(c); err != nil {
			return err
		}
		if !now.hasRole {
			return missing(c.Service.Name)
		}
		verifier, err := d.verifier(c.Password)
		if err != nil {
			return err
		}
		return s.exec(ctx, "ALTER ROLE "+quote(c.Service.Name)+" PASSWORD "+literal(verifier))
	})
	return err
}

// Remove drops database and role. What the role owns in databases of others stays there;
// see the package's documentation.
func (d *Driver) Remove(ctx context.Context, c provisioning.Call) error {
	c.Spec, c.Password = nil, secret.Text{}
	_, err := d.change(ctx, c, func(s *session, _ Spec, now state) error {
		if now.foreign(c.Service.ID) {
			return foreign(tierhost.KindPrecondition, c.Service.Name)
		}
		return s.remove(ctx, c.Server, c.Service.Name, now)
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
	s, err := d.open(ctx, c.Server)
	if err != nil {
		return provisioning.Observation{}, err
	}
	defer s.close()
	now, err := s.state(ctx, c.Service.Name)
	if err != nil {
		return provisioning.Observation{}, err
	}
	return now.observation(c.Service.Name, want, s.config)
}

// CheckSpec finds the faults of a name and a [Spec]. Every kind has the same specs.
func (d *Driver) CheckSpec(_ provisioning.Kind, name string, spec json.RawMessage) error {
	_, err := check(provisioning.Call{Service: provisioning.Subject{Name: name}, Spec: spec})
	return err
}

// change runs one call that changes something, alone for its name on the server, and
// observes what came of it.
func (d *Driver) change(ctx context.Context, c provisioning.Call, do func(*session, Spec, state) error) (provisioning.Observation, error) {
	none := provisioning.Observation{}
	want, err := check(c)
	if err != nil {
		return none, err
	}
	s, err := d.open(ctx, c.Server)
	if err != nil {
		return none, err
	}
	defer s.close()
	now, err := s.locked(ctx, c.Service.Name)
	if err != nil {
		return none, err
	}
	if err := do(s, want, now); err != nil {
		return none, err
	}
	if now, err = s.state(ctx, c.Service.Name); err != nil {
		return none, err
	}
	return now.observation(c.Service.Name, want, s.config)
}
