package mysql

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// Ensure makes what is missing: first the row that tells whose the rest is.
func (s *session) Ensure(ctx context.Context, c provisioning.Call, want Spec, now state) error {
	name := quote(c.Service.Name)
	if want.Collation != nil && !same(now.spec().Collation, want.Collation) {
		// Ask before anything is made: there is no other way to learn that it is unknown.
		if _, err := s.conn.ExecContext(ctx, "SET SESSION collation_database = ?", *want.Collation); err != nil {
			return s.failed(ctx, err, false)
		}
	}
	if !now.hasRow {
		if err := s.exec(ctx, makeTable); err != nil {
			return err
		}
		if err := s.exec(ctx, "INSERT INTO "+hosted+" (name, service) VALUES (?, ?)", c.Service.Name, string(c.Service.ID)); err != nil {
			return err
		}
	}
	collate := ""
	if want.Collation != nil {
		collate = " COLLATE " + quote(*want.Collation)
	}
	switch {
	case !now.hasBase && collate == "":
		collate = " CHARACTER SET utf8mb4"
		fallthrough
	case !now.hasBase:
		if err := s.exec(ctx, "CREATE DATABASE "+name+collate); err != nil {
			return err
		}
	case !same(now.spec().Collation, want.Collation):
		if err := s.exec(ctx, "ALTER DATABASE "+name+collate); err != nil {
			return err
		}
	}
	if err := s.account(ctx, c, want, &now); err != nil {
		return err
	}
	if now.suspended {
		return s.shut(ctx, now)
	}
	return s.admit(ctx, now)
}

// account makes or changes the account, and adds a new one to the state.
func (s *session) account(ctx context.Context, c provisioning.Call, want Spec, now *state) error {
	limit := ""
	if want.Connections != nil && !same(now.spec().Connections, want.Connections) {
		limit = fmt.Sprintf(" WITH MAX_USER_CONNECTIONS %d", max(*want.Connections, 0))
	}
	if !slices.ContainsFunc(now.accounts, func(a account) bool { return a.host == s.config.From }) {
		password, err := s.driver.password(c)
		if err != nil {
			return err
		}
		// Locked until it has its privileges.
		if err := s.exec(ctx, "CREATE USER ?@?"+identified+limit+" ACCOUNT LOCK", now.name, s.config.From, password); err != nil {
			return err
		}
		now.accounts = append(now.accounts, account{host: s.config.From, locked: true})
		return nil
	}
	if c.Password.Reveal() != "" {
		if err := s.identify(ctx, *now, c.Password); err != nil {
			return err
		}
	}
	if limit == "" {
		return nil
	}
	return s.exec(ctx, "ALTER USER "+now.users()+limit, now.userArgs()...)
}

// Identify sets the password of the accounts.
func (s *session) Identify(ctx context.Context, c provisioning.Call, now state) error {
	return s.identify(ctx, now, c.Password)
}

func (s *session) identify(ctx context.Context, now state, password secret.Text) error {
	for _, a := range now.accounts {
		if err := s.exec(ctx, "ALTER USER ?@?"+identified, now.name, a.host, hash(password)); err != nil {
			return err
		}
	}
	return nil
}

// password is the hash of the call's password, or one of which nobody knows a password.
func (d *Driver) password(c provisioning.Call) (string, error) {
	if c.Password.Reveal() != "" {
		return hash(c.Password), nil
	}
	unknown, err := d.random(20)
	if err != nil {
		return "", err
	}
	return hashOf(unknown), nil
}

func (d *Driver) random(n int) ([]byte, error) {
	bytes := make([]byte, n)
	if _, err := io.ReadFull(d.opt.Random, bytes); err != nil {
		return nil, tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, fmt.Errorf("no random bytes: %w", err))
	}
	return bytes, nil
}
