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
	others, is := *now, now.spec().Connections
	if !slices.ContainsFunc(now.accounts, s.own) {
		identified, password, err := s.identity(ctx, c, *now)
		if err != nil {
			return err
		}
		connections := want.Connections
		if connections == nil {
			connections = is
		}
		// Locked until it has its privileges.
		if err := s.exec(ctx, "CREATE USER ?@?"+identified+limit(connections)+" ACCOUNT LOCK", now.name, s.config.From, password); err != nil {
			return err
		}
		now.accounts = append(now.accounts, account{host: s.config.From, locked: true})
	}
	if c.Password.Reveal() != "" {
		if err := s.identify(ctx, others, c.Password); err != nil {
			return err
		}
	}
	if len(others.accounts) == 0 || same(is, want.Connections) {
		return nil
	}
	return s.exec(ctx, "ALTER USER "+others.users()+limit(want.Connections), others.userArgs()...)
}

// own reports whether an account is the one that the driver makes.
func (s *session) own(a account) bool { return a.host == s.config.From }

func limit(connections *int) string {
	if connections == nil {
		return ""
	}
	return fmt.Sprintf(" WITH MAX_USER_CONNECTIONS %d", max(*connections, 0))
}

// identity is how a new account is identified: by the call's password; else as another of the
// name is, for its customer logs in by that, and the server may prefer the new one; else by
// what nobody knows.
func (s *session) identity(ctx context.Context, c provisioning.Call, now state) (clause, password string, err error) {
	if i := slices.IndexFunc(now.accounts, func(a account) bool { return a.granted || a.bare }); i >= 0 && c.Password.Reveal() == "" {
		var plugin string
		const query = `SELECT coalesce(JSON_VALUE(Priv, '$.plugin'), ''), coalesce(JSON_VALUE(Priv, '$.authentication_string'), '')
			FROM mysql.global_priv WHERE User = ? AND Host = ?`
		if err := s.conn.QueryRowContext(ctx, query, now.name, now.accounts[i].host).Scan(&plugin, &password); err != nil {
			return "", "", s.failed(ctx, err, false)
		}
		if plugin != "" && password != "" {
			return " IDENTIFIED VIA " + quote(plugin) + " USING ?", password, nil
		}
	}
	password, err = s.driver.password(c)
	return identified, password, err
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
