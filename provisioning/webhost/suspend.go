package webhost

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// checkPassword refuses what chpasswd would not take as it is.
func checkPassword(password secret.Text) error {
	var issues tierhost.Issues
	p := password.Reveal()
	if len(p) > 255 || !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl) {
		issues.Add("password", "bad_password", "a password is up to 255 bytes of UTF-8 without control characters")
	}
	return issues.Err()
}

// setPassword sets a password; of a suspended account it stays locked.
func (s *session) setPassword(ctx context.Context, st state, suspended bool, password secret.Text) error {
	if _, err := s.do(ctx, "password", st.name+":"+password.Reveal()+"\n", []string{s.d.opt.Paths.State}); err != nil {
		return err
	}
	if !suspended {
		return nil
	}
	return s.lock(ctx, st) // until then nobody got in: the account has expired
}

func (s *session) lock(ctx context.Context, st state) error {
	_, err := s.do(ctx, "lock", "", []string{s.d.opt.Paths.State, st.name, strconv.Itoa(st.user.uid), strconv.Itoa(st.user.gid)})
	return err
}

func (s *session) unlock(ctx context.Context, name string) error {
	_, err := s.do(ctx, "unlock", "", []string{s.d.opt.Paths.State, name})
	return err
}

// Suspend implements provisioning.Driver. The site shows [Options.Notice] with status 503,
// the user cannot log in, by password or key, and nothing of it runs any more.
func (d *Driver) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.turn(ctx, c, true, func(s *session, st state, r record) error {
		if err := s.put(ctx, st, r); err != nil {
			return err
		}
		if err := s.lock(ctx, st); err != nil {
			return err
		}
		return s.serve(ctx, st, r)
	})
}

// Resume implements provisioning.Driver.
func (d *Driver) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.turn(ctx, c, false, func(s *session, st state, r record) error {
		if !st.record.Suspended {
			return nil // who was locked out by staff stays so
		}
		// First what nginx may refuse: then nothing has changed.
		if err := s.serve(ctx, st, r); err != nil {
			return err
		}
		if err := s.unlock(ctx, st.name); err != nil {
			return err
		}
		return s.put(ctx, st, r)
	})
}

// turn suspends or resumes.
func (d *Driver) turn(ctx context.Context, c provisioning.Call, suspended bool, do func(*session, state, record) error) (provisioning.Observation, error) {
	c.Password = secret.Text{}
	s, st, spec, err := d.begin(ctx, turnJoin, c)
	if err != nil {
		return provisioning.Observation{}, err
	}
	defer s.Close()
	if err := s.theirs(st, c.Service.ID); err != nil {
		return provisioning.Observation{}, err
	}
	if st.user == nil {
		return provisioning.Observation{}, &tierhost.Error{Kind: tierhost.KindNotFound, Code: "half_made", Err: fmt.Errorf("%q has no user yet", st.name)}
	}
	r := *st.record
	r.Suspended = suspended
	if err := do(s, st, r); err != nil {
		return provisioning.Observation{}, err
	}
	return s.after(ctx, c.Service.Name, spec)
}

// theirs refuses what is not there or not the service's.
func (s *session) theirs(st state, id provisioning.ServiceID) error {
	if st.absent() {
		return &tierhost.Error{Kind: tierhost.KindNotFound, Code: "no_account", Err: fmt.Errorf("there is no account %q", st.name)}
	}
	return st.foreign(id, tierhost.KindExists)
}

// ChangePassword implements provisioning.PasswordChanger.
func (d *Driver) ChangePassword(ctx context.Context, c provisioning.Call) error {
	if c.Password.IsZero() {
		var issues tierhost.Issues
		issues.Add("password", "required", "a password is needed")
		return issues.Err()
	}
	s, st, _, err := d.begin(ctx, turnJoin, c)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.theirs(st, c.Service.ID); err != nil {
		return err
	}
	if st.user == nil {
		return &tierhost.Error{Kind: tierhost.KindNotFound, Code: "half_made", Err: fmt.Errorf("%q has no user yet", st.name)}
	}
	return s.setPassword(ctx, st, st.record.Suspended, c.Password)
}
