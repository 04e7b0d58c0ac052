package postgresql

import (
	"context"
	"strconv"

	"github.com/tierhost/tierhost/provisioning"
)

// Ensure makes what is missing in an order in which every part tells whose it is: the
// role with its mark, a database that belongs to the role, what is in it, and then, in
// one step, the administrator's ownership of the database with its mark.
func (s *session) Ensure(ctx context.Context, c provisioning.Call, want Spec, now state) error {
	name, id := quote(c.Service.Name), literal(mark(c.Service.ID))
	attributes := ""
	if c.Password.Reveal() != "" {
		verifier, err := s.driver.verifier(c.Password)
		if err != nil {
			return err
		}
		attributes = " PASSWORD " + literal(verifier)
	}
	if want.Connections != nil && (!now.hasRole || now.limit != *want.Connections) {
		attributes += " CONNECTION LIMIT " + strconv.Itoa(*want.Connections)
	}
	var role []string
	switch {
	case !now.hasRole:
		login := " LOGIN"
		if now.ready() && now.baseLimit == 0 {
			login = " NOLOGIN" // the role of a suspended database was lost
		}
		role = append(role, "CREATE ROLE "+name+login+" NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"+attributes,
			"COMMENT ON ROLE "+name+" IS "+id)
	case attributes != "":
		role = append(role, "ALTER ROLE "+name+attributes)
	}
	if want.TempKB != nil && !same(now.spec().TempKB, want.TempKB) {
		role = append(role, "ALTER ROLE "+name+" SET "+tempSetting+" = "+temp(*want.TempKB))
	}
	if len(role) > 0 {
		if err := s.exec(ctx, role...); err != nil {
			return err
		}
	}
	if !now.hasBase {
		// Nobody but superusers gets in as long as it is not ready.
		if err := s.exec(ctx, "CREATE DATABASE "+name+" OWNER "+name+" TEMPLATE template0 ENCODING 'UTF8' CONNECTION LIMIT 0"); err != nil {
			return err
		}
	}
	if now.ready() && now.hasRole {
		return s.agree(ctx, c, now)
	}
	if err := s.within(ctx, c.Server, c.Service.Name, "ALTER SCHEMA public OWNER TO "+name, "REVOKE ALL ON SCHEMA public FROM PUBLIC"); err != nil {
		return err
	}
	limit := "-1"
	if now.hasRole && !now.login || now.ready() && now.baseLimit == 0 {
		limit = "0"
	}
	return s.exec(ctx, "ALTER DATABASE "+name+" OWNER TO CURRENT_USER", "REVOKE ALL ON DATABASE "+name+" FROM PUBLIC",
		"GRANT ALL ON DATABASE "+name+" TO "+name, "COMMENT ON DATABASE "+name+" IS "+id, "ALTER DATABASE "+name+" CONNECTION LIMIT "+limit)
}

// Identify sets the role's password.
func (s *session) Identify(ctx context.Context, c provisioning.Call, _ state) error {
	verifier, err := s.driver.verifier(c.Password)
	if err != nil {
		return err
	}
	return s.exec(ctx, "ALTER ROLE "+quote(c.Service.Name)+" PASSWORD "+literal(verifier))
}

func temp(kb int) string {
	if kb < 0 {
		return "-1"
	}
	return literal(strconv.Itoa(kb) + "kB")
}

// agree completes a suspension of which somebody has taken back one half.
func (s *session) agree(ctx context.Context, c provisioning.Call, now state) error {
	if now.login == (now.baseLimit != 0) {
		return nil
	}
	return s.Suspend(ctx, c, now)
}

// within runs statements in one transaction in another database.
func (s *session) within(ctx context.Context, on provisioning.Place, database string, statements ...string) error {
	conn, err := s.driver.connect(ctx, on, s.config, database)
	if err != nil {
		return s.failed(ctx, err, false)
	}
	defer shut(conn)
	other := &session{driver: s.driver, conn: conn, config: s.config, changed: s.changed}
	err = other.exec(ctx, statements...)
	s.changed = other.changed
	return err
}
