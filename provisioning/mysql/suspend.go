package mysql

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/provisioning"
)

// Suspend notes that the database is to be suspended, so that Ensure knows what to
// complete, and shuts it.
func (s *session) Suspend(ctx context.Context, _ provisioning.Call, now state) error {
	if !now.suspended {
		if err := s.exec(ctx, "UPDATE "+hosted+" SET suspended = TRUE WHERE name = ?", now.name); err != nil {
			return err
		}
	}
	return s.shut(ctx, now)
}

// Resume takes the note back and admits the accounts.
func (s *session) Resume(ctx context.Context, _ provisioning.Call, now state) error {
	if now.suspended {
		if err := s.exec(ctx, "UPDATE "+hosted+" SET suspended = FALSE WHERE name = ?", now.name); err != nil {
			return err
		}
	}
	return s.admit(ctx, now)
}

// shut locks the accounts, takes their privileges, so that events and views of theirs
// stop as well, and ends their sessions.
func (s *session) shut(ctx context.Context, now state) error {
	if err := s.lock(ctx, now, true); err != nil {
		return err
	}
	for _, a := range now.accounts {
		if !a.granted {
			continue
		}
		if err := s.exec(ctx, "REVOKE ALL PRIVILEGES ON "+quote(pattern(now.name))+".* FROM ?@?", now.name, a.host); err != nil {
			return err
		}
	}
	return s.expel(ctx, now.name)
}

// admit gives the privileges and unlocks the accounts. Of those of staff only what shut has
// left gets them: one that is locked and has none. What staff has allowed is all the others
// have.
func (s *session) admit(ctx context.Context, now state) error {
	if !now.hasBase && len(now.accounts) == 0 {
		return nil // there is only the row
	}
	for _, a := range now.accounts {
		if a.granted || !s.own(a) && !(a.locked && a.bare) {
			continue
		}
		if err := s.exec(ctx, "GRANT ALL PRIVILEGES ON "+quote(pattern(now.name))+".* TO ?@?", now.name, a.host); err != nil {
			return err
		}
	}
	return s.lock(ctx, now, false)
}

// lock locks or unlocks the accounts that are not so.
func (s *session) lock(ctx context.Context, now state, locked bool) error {
	other := state{name: now.name}
	for _, a := range now.accounts {
		if a.locked != locked {
			other.accounts = append(other.accounts, a)
		}
	}
	if len(other.accounts) == 0 {
		return nil
	}
	word := " ACCOUNT UNLOCK"
	if locked {
		word = " ACCOUNT LOCK"
	}
	return s.exec(ctx, "ALTER USER "+other.users()+word, other.userArgs()...)
}

// expel ends the sessions of a user and waits until they have ended.
func (s *session) expel(ctx context.Context, name string) error {
	for {
		var alive int
		if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.PROCESSLIST WHERE BINARY USER = BINARY ?", name).Scan(&alive); err != nil {
			return s.failed(ctx, err, true)
		}
		if alive == 0 {
			return nil
		}
		if err := s.exec(ctx, "KILL CONNECTION USER ?", name); err != nil {
			return err
		}
		pause := time.NewTimer(5 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return s.failed(ctx, ctx.Err(), true)
		}
	}
}
