package database

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// Codes of errors that all drivers of databases have.
const (
	CodeForeign   = "foreign"    // it carries another service's ID, or none
	CodeMissing   = "not_there"  // there is nothing of that name
	CodeBadConfig = "bad_config" // the place's Config cannot be read
)

// State is what a server has of a name.
type State interface {
	// Empty reports whether there is nothing.
	Empty() bool
	// Foreign reports whether something is there that is not the service's.
	Foreign(id provisioning.ServiceID) bool
	// Account reports whether there is an account, which has a password.
	Account() bool
}

// Session is the administrator's session of one call, about a spec of type W.
type Session[W any, S State] interface {
	Close()
	// State reads what there is of a name.
	State(ctx context.Context, name string) (S, error)
	// Locked is State once no other call works on the name, until the session ends. Only if
	// the call may make something new it makes what the driver itself needs for that.
	Locked(ctx context.Context, name string, make bool) (S, error)
	Observe(now S, want W) (provisioning.Observation, error)
	// The rest is done under the lock, on what is the service's or not there at all.
	Ensure(ctx context.Context, c provisioning.Call, want W, now S) error
	Suspend(ctx context.Context, c provisioning.Call, now S) error
	Resume(ctx context.Context, c provisioning.Call, now S) error
	Identify(ctx context.Context, c provisioning.Call, now S) error
	Remove(ctx context.Context, c provisioning.Call, now S) error
}

// Calls are the methods of a driver.
type Calls[W any, S State] struct {
	// Check finds the faults of a call's name, spec and password.
	Check func(c provisioning.Call) (W, error)
	// Open logs in for a call about a name.
	Open func(ctx context.Context, on provisioning.Place, name string) (Session[W, S], error)
}

// Ensure is that of provisioning.Driver.
func (d Calls[W, S]) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, true, func(s Session[W, S], want W, now S) error {
		if now.Foreign(c.Service.ID) {
			return foreign(tierhost.KindExists, c.Service.Name)
		}
		return s.Ensure(ctx, c, want, now)
	})
}

// Suspend is that of provisioning.Driver.
func (d Calls[W, S]) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, false, func(s Session[W, S], _ W, now S) error {
		if err := owned(now, c); err != nil {
			return err
		}
		return s.Suspend(ctx, c, now)
	})
}

// Resume is that of provisioning.Driver.
func (d Calls[W, S]) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.change(ctx, c, false, func(s Session[W, S], _ W, now S) error {
		if err := owned(now, c); err != nil {
			return err
		}
		return s.Resume(ctx, c, now)
	})
}

// ChangePassword is that of provisioning.PasswordChanger.
func (d Calls[W, S]) ChangePassword(ctx context.Context, c provisioning.Call) error {
	if c.Password.Reveal() == "" {
		var issues tierhost.Issues
		issues.Add("password", "required", "there is no password to set")
		return issues.Err()
	}
	c.Spec = nil
	_, err := d.change(ctx, c, false, func(s Session[W, S], _ W, now S) error {
		if err := owned(now, c); err != nil {
			return err
		}
		if !now.Account() {
			return missing(c.Service.Name)
		}
		return s.Identify(ctx, c, now)
	})
	return err
}

// Remove is that of provisioning.Driver.
func (d Calls[W, S]) Remove(ctx context.Context, c provisioning.Call) error {
	c.Spec, c.Password = nil, secret.Text{}
	_, err := d.change(ctx, c, false, func(s Session[W, S], _ W, now S) error {
		if now.Foreign(c.Service.ID) {
			return foreign(tierhost.KindPrecondition, c.Service.Name)
		}
		return s.Remove(ctx, c, now)
	})
	return err
}

// Read is that of provisioning.Driver.
func (d Calls[W, S]) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	c.Password = secret.Text{}
	want, err := d.Check(c)
	if err != nil {
		return provisioning.Observation{}, err
	}
	s, err := d.Open(ctx, c.Server, c.Service.Name)
	if err != nil {
		return provisioning.Observation{}, err
	}
	defer s.Close()
	now, err := s.State(ctx, c.Service.Name)
	if err != nil {
		return provisioning.Observation{}, err
	}
	return s.Observe(now, want)
}

// CheckSpec is that of provisioning.SpecChecker.
func (d Calls[W, S]) CheckSpec(name string, spec json.RawMessage) error {
	_, err := d.Check(provisioning.Call{Service: provisioning.Subject{Name: name}, Spec: spec})
	return err
}

// change runs one call that changes something, alone for its name on the server, and
// observes what came of it.
func (d Calls[W, S]) change(ctx context.Context, c provisioning.Call, make bool, do func(Session[W, S], W, S) error) (provisioning.Observation, error) {
	none := provisioning.Observation{}
	want, err := d.Check(c)
	if err != nil {
		return none, err
	}
	s, err := d.Open(ctx, c.Server, c.Service.Name)
	if err != nil {
		return none, err
	}
	defer s.Close()
	now, err := s.Locked(ctx, c.Service.Name, make)
	if err != nil {
		return none, err
	}
	if err := do(s, want, now); err != nil {
		return none, err
	}
	if now, err = s.State(ctx, c.Service.Name); err != nil {
		return none, err
	}
	return s.Observe(now, want)
}

// All yields what a function reads, or its error.
func All[T any](read func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		all, err := read()
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, t := range all {
			if !yield(t, nil) {
				return
			}
		}
	}
}

func foreign(kind tierhost.Kind, name string) error {
	return &tierhost.Error{Kind: kind, Code: CodeForeign, Err: fmt.Errorf("%q is not this service's", name)}
}

func missing(name string) error {
	return &tierhost.Error{Kind: tierhost.KindNotFound, Code: CodeMissing, Err: fmt.Errorf("there is no %q", name)}
}

// owned returns an error if there is nothing, or something that is another's.
func owned(now State, c provisioning.Call) error {
	switch {
	case now.Empty():
		return missing(c.Service.Name)
	case now.Foreign(c.Service.ID):
		return foreign(tierhost.KindExists, c.Service.Name)
	}
	return nil
}
