package postgresql

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Remove drops the database first, with its sessions: as long as the role is there, what
// is left tells whose it is. The role is not forbidden to log in before: if the removal
// is cut off and taken back, it must not look suspended.
func (s *session) Remove(ctx context.Context, c provisioning.Call, now state) error {
	name := c.Service.Name
	if now.hasBase {
		if err := s.exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	if !now.hasRole {
		return nil
	}
	if err := s.disown(ctx, c.Server, name, now.role); err != nil {
		return err
	}
	if err := s.exec(ctx, "DROP ROLE IF EXISTS "+quote(name)); err != nil {
		return err
	}
	return s.expel(ctx, name, now.role) // where another had let it in
}

// disown hands what the role has in databases of other services to these, who may have let
// it in and go on paying, and drops its privileges there. In all other databases what it has
// is dropped: nothing of a customer's may become the administrator's, as its functions would
// run with a superuser's rights. What hangs on it keeps it, and the removal fails.
func (s *session) disown(ctx context.Context, on provisioning.Place, name string, role uint32) error {
	rows, err := s.conn.Query(ctx, `SELECT DISTINCT coalesce(d.datname, current_database()), coalesce(shobj_description(d.oid, 'pg_database'), ''), coalesce(o.rolname, '')
		FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
		LEFT JOIN pg_roles o ON o.rolname = d.datname AND NOT o.rolsuper AND shobj_description(o.oid, 'pg_authid') = shobj_description(d.oid, 'pg_database')
		WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1`, role)
	if err != nil {
		return s.failed(ctx, err, false)
	}
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Database, Mark, Heir string }])
	if err != nil {
		return s.failed(ctx, err, false)
	}
	for _, at := range places {
		statements := []string{"DROP OWNED BY " + quote(name)}
		if _, marked := owner(at.Mark); marked {
			if at.Heir == "" {
				e := &tierhost.Error{Kind: tierhost.KindConflict, Code: CodeNoHeir, Err: fmt.Errorf("%q has something in the database %q, whose own role is missing", name, at.Database)}
				if s.changed {
					e.Effect = tierhost.EffectPartial
				}
				return e
			}
			statements = []string{"REASSIGN OWNED BY " + quote(name) + " TO " + quote(at.Heir), statements[0]}
		}
		if err := s.within(ctx, on, at.Database, statements...); err != nil {
			return err
		}
	}
	return nil
}
