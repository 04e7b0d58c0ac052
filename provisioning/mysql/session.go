package mysql

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// session is the administrator's session of one call.
type session struct {
	driver  *Driver
	db      *sql.DB
	conn    *sql.Conn
	config  Config
	changed bool // by a statement that was answered
}

// open logs in for a call about a name, or about none.
func (d *Driver) open(ctx context.Context, on provisioning.Place, name string) (*session, error) {
	config, err := configOf(on)
	if err != nil {
		return nil, err
	}
	db, err := d.connect(ctx, on, config)
	if err != nil {
		return nil, err
	}
	s := &session{driver: d, db: db, config: config}
	if s.conn, err = db.Conn(ctx); err != nil {
		_ = db.Close()
		return nil, failed(ctx, err, false)
	}
	if err := s.fits(ctx, name); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *session) Close() {
	_ = s.conn.Close()
	_ = s.db.Close()
}

// fits reports whether the server is one that the driver knows, and takes the name as it
// is written.
func (s *session) fits(ctx context.Context, name string) error {
	var version string
	var lower int
	if err := s.conn.QueryRowContext(ctx, "SELECT VERSION(), @@lower_case_table_names").Scan(&version, &lower); err != nil {
		return s.failed(ctx, err, false)
	}
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil || !strings.Contains(version, "MariaDB") || major < 10 || major == 10 && minor < 5 {
		return &tierhost.Error{Kind: tierhost.KindUnsupported, Code: CodeNoMariaDB, Err: fmt.Errorf("the server is %s, not MariaDB 10.5 or later", version)}
	}
	if lower != 0 && strings.ToLower(name) != name {
		var issues tierhost.Issues
		issues.Add("name", "bad_name", "this server has names in lower case only")
		return issues.Err()
	}
	return nil
}

// failed adds to a failure that earlier statements of the call have had an effect.
func (s *session) failed(ctx context.Context, err error, changes bool) error {
	e := failed(ctx, err, changes)
	if s.changed && e.Effect == tierhost.EffectNone {
		e.Effect = tierhost.EffectPartial
	}
	return e
}

// exec runs a statement that changes something.
func (s *session) exec(ctx context.Context, statement string, args ...any) error {
	if _, err := s.conn.ExecContext(ctx, statement, args...); err != nil {
		return s.failed(ctx, err, true)
	}
	s.changed = true
	return nil
}

// Locked takes the lock of a name, which ends with the session, and reads what there is.
// A call whose connection broke may still be carried out by the server; who repeats it
// has to wait for that.
func (s *session) Locked(ctx context.Context, name string, make bool) (state, error) {
	lock, err := s.lockName(ctx, name, make)
	if err != nil {
		return state{}, err
	}
	if lock == "" {
		return s.State(ctx, name) // nothing was ever made here
	}
	var got sql.NullInt64
	if err := s.conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 3600)", lock).Scan(&got); err != nil {
		return state{}, s.failed(ctx, err, false)
	}
	if got.Int64 != 1 {
		return state{}, tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, errors.New("another call for the name does not end"))
	}
	return s.State(ctx, name)
}

// lockName is what the lock of a name is called. Customers can take any lock of which they
// know what it is called, so that it is made with a key that they cannot read. It is "" if
// there is no key yet and none is to be made.
func (s *session) lockName(ctx context.Context, name string, make bool) (string, error) {
	for {
		var key []byte
		err := s.conn.QueryRowContext(ctx, "SELECT secret FROM "+keys+" WHERE name = 'locks'").Scan(&key)
		switch n := number(err); {
		case err == nil:
			h := hmac.New(sha256.New, key)
			_, _ = h.Write([]byte(name))
			return fmt.Sprintf("tierhost %x", h.Sum(nil)[:20]), nil
		case !errors.Is(err, sql.ErrNoRows) && n != errNoBase && n != errNoTable:
			return "", s.failed(ctx, err, false)
		case !make:
			return "", nil
		}
		if err := s.makeKey(ctx); err != nil {
			return "", err
		}
	}
}

// makeKey makes the key of locks, if nobody else does at the same time.
func (s *session) makeKey(ctx context.Context) error {
	key, err := s.driver.random(32)
	if err != nil {
		return err
	}
	for _, statement := range []string{makeSchema, makeKeys} {
		if err := s.exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := s.exec(ctx, "INSERT IGNORE INTO "+keys+" (name, secret) VALUES ('locks', ?)", key); err != nil {
		return err
	}
	s.changed = false // it is nothing of the call's
	return nil
}
