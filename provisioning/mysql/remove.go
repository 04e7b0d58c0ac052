package mysql

import (
	"context"

	"github.com/tierhost/tierhost"
)

// remove deletes the row last: as long as it is there, what is left is the service's.
func (s *session) remove(ctx context.Context, now state) error {
	if err := s.lock(ctx, now, true); err != nil {
		return err
	}
	if len(now.accounts) > 0 {
		if err := s.expel(ctx, now.name); err != nil {
			return err
		}
	}
	if now.hasBase {
		if err := s.exec(ctx, "DROP DATABASE IF EXISTS "+quote(now.name)); err != nil {
			if number(err) != 0 {
				s.changed = true // some tables may be gone
				return tierhost.Fail(tierhost.KindOf(err), tierhost.EffectPartial, err)
			}
			return err
		}
	}
	if len(now.accounts) > 0 {
		// With them go their privileges.
		if err := s.exec(ctx, "DROP USER IF EXISTS "+now.users(), now.userArgs()...); err != nil {
			return err
		}
	}
	if !now.hasRow {
		return nil
	}
	return s.exec(ctx, "DELETE FROM "+hosted+" WHERE name = ? AND service = ?", now.name, string(now.service))
}
