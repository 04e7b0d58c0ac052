package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/provisioning"
)

// bookkeeping is the schema of our own. Its table says whose a name is. A comment of the
// database would not do: its customer can change it.
const bookkeeping = "tierhost"

const (
	makeSchema = "CREATE DATABASE IF NOT EXISTS tierhost CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	makeTable  = `CREATE TABLE IF NOT EXISTS tierhost.hosted_databases (
	name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
	service VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
	suspended BOOLEAN NOT NULL DEFAULT FALSE) ENGINE=InnoDB`
	hosted   = "tierhost.hosted_databases"
	makeKeys = `CREATE TABLE IF NOT EXISTS tierhost.driver_keys (
	name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY, secret VARBINARY(64) NOT NULL) ENGINE=InnoDB`
	keys = "tierhost.driver_keys"
	// nothing stands for the table where it has not been made yet.
	nothing = "(SELECT '' AS name, '' AS service, FALSE AS suspended WHERE FALSE)"
)

// state is what the server has of a name.
type state struct {
	name      string
	hasRow    bool
	service   provisioning.ServiceID
	suspended bool // it should be
	hasBase   bool
	collation string
	accounts  []account
	role      bool
}

// account is a login of the name. We make one; others, from other hosts, are of staff.
type account struct {
	host    string
	locked  bool
	limit   int // of connections; 0: none
	granted bool
	bare    bool // it has no privilege anywhere
}

// columns selects a state, one row for each account.
const columns = `SELECT n.name, b.service, b.suspended, d.DEFAULT_COLLATION_NAME, p.Host,
	coalesce(JSON_VALUE(p.Priv, '$.account_locked'), 'false') IN ('true', '1'),
	coalesce(JSON_VALUE(p.Priv, '$.max_user_connections'), 0),
	coalesce(JSON_VALUE(p.Priv, '$.is_role'), 'false') IN ('true', '1'),
	g.Select_priv = 'Y' AND g.Insert_priv = 'Y' AND g.Create_priv = 'Y' AND g.Drop_priv = 'Y' AND g.Alter_priv = 'Y',
	coalesce(JSON_VALUE(p.Priv, '$.access'), 0) = 0 AND NOT EXISTS (SELECT 1 FROM mysql.db x WHERE x.User = p.User AND x.Host = p.Host)
	AND NOT EXISTS (SELECT 1 FROM mysql.tables_priv x WHERE x.User = p.User AND x.Host = p.Host)
	AND NOT EXISTS (SELECT 1 FROM mysql.columns_priv x WHERE x.User = p.User AND x.Host = p.Host)
	AND NOT EXISTS (SELECT 1 FROM mysql.procs_priv x WHERE x.User = p.User AND x.Host = p.Host)
	FROM {names} n
	LEFT JOIN {table} b ON b.name = {name}
	LEFT JOIN information_schema.SCHEMATA d ON {base}
	LEFT JOIN mysql.global_priv p ON p.User = {name}
	LEFT JOIN mysql.db g ON g.User = p.User AND g.Host = p.Host AND g.Db = REPLACE(REPLACE({name}, '_', '\_'), '%', '\%')`

// one and every select one name, and all that the driver could have made: those of the
// bookkeeping, and databases with an account of the same name.
func one() string {
	return strings.NewReplacer("{names}", "(SELECT ? AS name)", "{name}", "?",
		// The first condition lets the server look for one folder only.
		"{base}", "d.SCHEMA_NAME = ? AND BINARY d.SCHEMA_NAME = BINARY ?").Replace(columns)
}

func every() string {
	return strings.NewReplacer("{names}", `(SELECT h.name FROM {table} h
		UNION SELECT CONVERT(s.SCHEMA_NAME USING utf8mb4) COLLATE utf8mb4_nopad_bin FROM information_schema.SCHEMATA s
		JOIN mysql.global_priv u ON BINARY u.User = BINARY s.SCHEMA_NAME)`,
		"{name}", "n.name", "{base}", "BINARY d.SCHEMA_NAME = BINARY n.name").Replace(columns) + " ORDER BY n.name, p.Host"
}

// State reads what there is of a name.
func (s *session) State(ctx context.Context, name string) (state, error) {
	query := one()
	all, err := s.states(ctx, query, slices.Repeat([]any{name}, strings.Count(query, "?"))...)
	if err != nil || len(all) == 0 {
		return state{name: name}, err
	}
	return all[0], nil
}

// states runs one of the statements, with the bookkeeping if there is one.
func (s *session) states(ctx context.Context, query string, args ...any) ([]state, error) {
	rows, err := s.conn.QueryContext(ctx, strings.ReplaceAll(query, "{table}", hosted), args...)
	if n := number(err); n == errNoBase || n == errNoTable {
		rows, err = s.conn.QueryContext(ctx, strings.ReplaceAll(query, "{table}", nothing), args...)
	}
	if err != nil {
		return nil, s.failed(ctx, err, false)
	}
	defer rows.Close()
	var all []state
	for rows.Next() {
		var name string
		var service, collation, host sql.NullString
		var suspended, granted sql.NullBool
		var a account
		var role bool
		if err := rows.Scan(&name, &service, &suspended, &collation, &host, &a.locked, &a.limit, &role, &granted, &a.bare); err != nil {
			return nil, s.failed(ctx, err, false)
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, state{name: name, hasRow: service.Valid, service: provisioning.ServiceID(service.String),
				suspended: suspended.Bool, hasBase: collation.Valid, collation: collation.String})
		}
		now := &all[len(all)-1]
		switch {
		case role:
			now.role = true
		case host.Valid:
			a.host, a.granted = host.String, granted.Bool
			now.accounts = append(now.accounts, a)
		}
	}
	if rows.Err() != nil {
		return nil, s.failed(ctx, rows.Err(), false)
	}
	return all, nil
}

// Empty reports whether there is nothing of the name.
func (now state) Empty() bool {
	return !now.hasRow && !now.hasBase && len(now.accounts) == 0 && !now.role
}

// Foreign reports whether something is there that is not the service's.
func (now state) Foreign(id provisioning.ServiceID) bool {
	return !now.Empty() && (!now.hasRow || now.service != id)
}

// Account reports whether there is a login.
func (now state) Account() bool { return len(now.accounts) > 0 }

// open and closed report whether all accounts can be used, or none can.
func (now state) open() bool {
	return !slices.ContainsFunc(now.accounts, func(a account) bool { return a.locked }) &&
		slices.ContainsFunc(now.accounts, func(a account) bool { return a.granted })
}

func (now state) closed() bool {
	return !slices.ContainsFunc(now.accounts, func(a account) bool { return !a.locked || a.granted })
}

func (now state) presence() provisioning.Presence {
	switch whole := now.hasBase && len(now.accounts) > 0; {
	case now.Empty():
		return provisioning.Absent
	case whole && now.open() && !now.suspended:
		return provisioning.Present
	case whole && now.closed() && (now.suspended || !now.hasRow):
		return provisioning.Suspended
	}
	return provisioning.Partial
}

// users writes the accounts as a list for a statement, and userArgs its parameters.
func (now state) users() string {
	return strings.Join(slices.Repeat([]string{"?@?"}, len(now.accounts)), ", ")
}

func (now state) userArgs() []any {
	var args []any
	for _, a := range now.accounts {
		args = append(args, now.name, a.host)
	}
	return args
}

// spec is what the database is like.
func (now state) spec() Spec {
	var s Spec
	if now.hasBase {
		s.Collation = &now.collation
	}
	if len(now.accounts) > 0 {
		n := now.accounts[0].limit
		if n == 0 {
			n = -1
		}
		s.Connections = &n
	}
	return s
}

// meets reports whether a spec is as another demands.
func (s Spec) meets(want Spec) bool {
	return same(s.Connections, want.Connections) && same(s.Collation, want.Collation)
}

func same[T comparable](is, want *T) bool { return want == nil || is != nil && *is == *want }

// Observe makes the observation of a state.
func (s *session) Observe(now state, want Spec) (provisioning.Observation, error) {
	o := provisioning.Observation{Presence: now.presence()}
	if o.Presence == provisioning.Absent {
		return o, nil
	}
	o.Name, o.Owner, o.Matches = now.name, now.service, now.spec().meets(want)
	var err error
	if o.Spec, err = json.Marshal(now.spec()); err != nil {
		return o, err
	}
	o.Facts, err = s.config.facts(now.name)
	return o, err
}
