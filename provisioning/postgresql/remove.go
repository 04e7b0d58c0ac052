package postgresql

import (
	"context"

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

// disown hands what the role has in databases of others to these others, and drops its
// privileges there: it may have been let in by a customer who goes on paying.
func (s *session) disown(ctx context.Context, on provisioning.Place, name string, role uint32) error {
	rows, err := s.conn.Query(ctx, `SELECT DISTINCT coalesce(d.datname, current_database()), coalesce(o.rolname, '')
		FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
		LEFT JOIN pg_roles o ON o.rolname = d.datname AND shobj_description(o.oid, 'pg_authid') = shobj_description(d.oid, 'pg_database')
		WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1`, role)
	if err != nil {
		return s.failed(ctx, err, false)
	}
	heirs := map[string]string{}
	var database, heir string
	for rows.Next() {
		if err := rows.Scan(&database, &heir); err != nil {
			rows.Close()
			return s.failed(ctx, err, false)
		}
		heirs[database] = heir
	}
	if rows.Err() != nil {
		return s.failed(ctx, rows.Err(), false)
	}
	for database, heir := range heirs {
		to := "CURRENT_USER"
		if heir != "" {
			to = quote(heir)
		}
		if err := s.within(ctx, on, database, "REASSIGN OWNED BY "+quote(name)+" TO "+to, "DROP OWNED BY "+quote(name)); err != nil {
			return err
		}
	}
	return nil
}
