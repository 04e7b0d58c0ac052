package postgresql

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tierhost/tierhost/provisioning"
)

// state is what the server's catalogs have of a name.
type state struct {
	name      string
	hasRole   bool
	role      uint32
	roleMark  string // its comment
	login     bool
	super     bool
	limit     int // of the role's connections
	settings  []string
	hasBase   bool
	baseMark  string
	roleOwns  bool // the database belongs to the role
	baseLimit int
	open      bool // everybody has privileges on the database
}

// mark is the comment that tells whose a role or a database is. Everybody on the server
// can read it, so it names the service and nobody.
func mark(id provisioning.ServiceID) string { return markPrefix + string(id) }

const markPrefix = "tierhost service "

func owner(comment string) (provisioning.ServiceID, bool) {
	id, ok := strings.CutPrefix(comment, markPrefix)
	return provisioning.ServiceID(id), ok && id != ""
}

// columns selects a state from names n, roles r and databases d.
const columns = `SELECT n.name, r.oid IS NOT NULL, coalesce(r.oid, 0), coalesce(shobj_description(r.oid, 'pg_authid'), ''),
	coalesce(r.rolcanlogin, false), coalesce(r.rolsuper, false),
	coalesce(r.rolconnlimit, -1), coalesce(r.rolconfig, '{}'),
	d.oid IS NOT NULL, coalesce(shobj_description(d.oid, 'pg_database'), ''), coalesce(d.datdba = r.oid, false),
	coalesce(d.datconnlimit, -1),
	EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) WHERE grantee = 0)
	FROM `

func scan(row pgx.Row) (s state, err error) {
	err = row.Scan(&s.name, &s.hasRole, &s.role, &s.roleMark, &s.login, &s.super, &s.limit, &s.settings,
		&s.hasBase, &s.baseMark, &s.roleOwns, &s.baseLimit, &s.open)
	return s, err
}

// State reads what there is of a name.
func (s *session) State(ctx context.Context, name string) (state, error) {
	now, err := scan(s.conn.QueryRow(ctx, columns+`(SELECT $1::text AS name) n
		LEFT JOIN pg_roles r ON r.rolname = n.name LEFT JOIN pg_database d ON d.datname = n.name`, name))
	if err != nil {
		return now, s.failed(ctx, err, false)
	}
	return now, nil
}

// owner returns the ID that the name carries, and whether it is one service's as a whole:
// the role has its mark, and the database has it too or belongs to that role, as long as
// it is being made.
func (now state) owner() (id provisioning.ServiceID, whole bool) {
	id, ok := owner(now.roleMark)
	if !now.hasRole {
		id, ok = owner(now.baseMark)
		return id, ok
	}
	if now.super || !ok {
		return id, false
	}
	if now.hasBase {
		if base, ok := owner(now.baseMark); ok {
			return id, base == id
		}
		return id, now.roleOwns && now.baseMark == ""
	}
	return id, true
}

// Empty reports whether there is nothing of the name.
func (now state) Empty() bool { return !now.hasRole && !now.hasBase }

// Account reports whether there is a role.
func (now state) Account() bool { return now.hasRole }

// Foreign reports whether something is there that is not the service's.
func (now state) Foreign(id provisioning.ServiceID) bool {
	if now.Empty() {
		return false
	}
	is, whole := now.owner()
	return !whole || is != id
}

// ready reports whether the database was completed: its mark is set in the last step.
func (now state) ready() bool {
	_, marked := owner(now.baseMark)
	return now.hasBase && marked && !now.roleOwns && !now.open
}

func (now state) presence() provisioning.Presence {
	switch {
	case now.Empty():
		return provisioning.Absent
	case !now.hasRole || !now.ready():
		return provisioning.Partial
	case now.login && now.baseLimit != 0:
		return provisioning.Present
	case !now.login && now.baseLimit == 0:
		return provisioning.Suspended
	}
	return provisioning.Partial
}

const tempSetting = "temp_file_limit"

// spec is what the limits are. One that was never set is not told.
func (now state) spec() Spec {
	s := Spec{Connections: &now.limit}
	for _, setting := range now.settings {
		if value, ok := strings.CutPrefix(setting, tempSetting+"="); ok {
			if n, err := strconv.Atoi(strings.TrimSuffix(value, "kB")); err == nil {
				s.TempKB = &n
			}
		}
	}
	return s
}

// meets reports whether a spec is as another demands.
func (s Spec) meets(want Spec) bool {
	return same(s.Connections, want.Connections) && same(s.TempKB, want.TempKB)
}

func same(is, want *int) bool { return want == nil || is != nil && *is == *want }

// Observe makes the observation of a state.
func (s *session) Observe(now state, want Spec) (provisioning.Observation, error) {
	o := provisioning.Observation{Presence: now.presence()}
	if o.Presence == provisioning.Absent {
		return o, nil
	}
	o.Name = now.name
	o.Owner, _ = now.owner()
	var err error
	if now.hasRole {
		o.Matches = now.spec().meets(want)
		if o.Spec, err = json.Marshal(now.spec()); err != nil {
			return o, err
		}
	}
	o.Facts, err = s.config.facts(now.name)
	return o, err
}
