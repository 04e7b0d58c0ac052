package postgresql

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/provisioning"
)

// Suspend forbids the role to log in and the database to be used by anybody but
// superusers, who make backups, and ends the sessions of both. What belongs to the
// administrator the customer cannot change back, not even through another role.
func (s *session) Suspend(ctx context.Context, c provisioning.Call, now state) error {
	name := c.Service.Name
	var statements []string
	if now.hasRole {
		statements = append(statements, "ALTER ROLE "+quote(name)+" NOLOGIN")
	}
	if now.hasBase {
		statements = append(statements, "ALTER DATABASE "+quote(name)+" CONNECTION LIMIT 0")
	}
	if err := s.exec(ctx, statements...); err != nil {
		return err
	}
	return s.expel(ctx, name, now.role)
}

// Resume takes back what Suspend forbade.
func (s *session) Resume(ctx context.Context, c provisioning.Call, now state) error {
	name := c.Service.Name
	var statements []string
	if now.hasRole {
		statements = append(statements, "ALTER ROLE "+quote(name)+" LOGIN")
	}
	if now.ready() {
		statements = append(statements, "ALTER DATABASE "+quote(name)+" CONNECTION LIMIT -1")
	}
	if len(statements) == 0 {
		return nil
	}
	return s.exec(ctx, statements...)
}

// expel ends the sessions of a role and those in a database, except of superusers, and
// waits until they have ended.
func (s *session) expel(ctx context.Context, name string, role uint32) error {
	const query = `SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
		WHERE (a.datname = $1 OR a.usesysid = $2) AND a.backend_type = 'client backend' AND NOT coalesce(r.rolsuper, false)`
	for {
		var alive int
		if err := s.conn.QueryRow(ctx, query, name, role).Scan(&alive); err != nil {
			return s.failed(ctx, err, true)
		}
		if alive == 0 {
			return nil
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
