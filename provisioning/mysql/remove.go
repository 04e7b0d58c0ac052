package mysql

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Remove deletes the row last: as long as it is there, what is left is the service's.
func (s *session) Remove(ctx context.Context, _ provisioning.Call, now state) error {
	if err := s.lock(ctx, now, true); err != nil {
		return err
	}
	if len(now.accounts) > 0 {
		if err := s.expel(ctx, now.name); err != nil {
			return err
		}
	}
	if now.hasBase {
		err := s.exec(ctx, "SET STATEMENT lock_wait_timeout = 10, innodb_lock_wait_timeout = 10 FOR DROP DATABASE IF EXISTS "+quote(now.name))
		switch number(err) {
		case 0:
		case errWaited:
			// Its sessions have ended: it is staff's, or a transaction that outlives them.
			s.changed = true
			return &tierhost.Error{Kind: tierhost.KindConflict, Code: CodeHeld, Effect: tierhost.EffectPartial,
				Err: fmt.Errorf("a session of staff, or a transaction that XA RECOVER lists, holds tables of %q: %w", now.name, err)}
		default:
			s.changed = true // some tables may be gone
			return tierhost.Fail(tierhost.KindOf(err), tierhost.EffectPartial, err)
		}
		if err != nil {
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
