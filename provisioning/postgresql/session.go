package postgresql

import (
	"context"
	"hash/fnv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// session is the administrator's session of one call.
type session struct {
	driver  *Driver
	conn    *pgx.Conn
	config  Config
	changed bool // by a statement that was answered
}

func (d *Driver) open(ctx context.Context, on provisioning.Place) (*session, error) {
	config, err := configOf(on)
	if err != nil {
		return nil, err
	}
	conn, err := d.connect(ctx, on, config, config.Database)
	if err != nil {
		return nil, err
	}
	return &session{driver: d, conn: conn, config: config}, nil
}

// closeTime bounds the farewell, which nobody waits for.
const closeTime = 5 * time.Second

func (s *session) Close() { shut(s.conn) }

// shut ends a connection. One that broke is closed at once: as long as it is open the
// server may keep its locks.
func shut(conn *pgx.Conn) {
	if conn.IsClosed() {
		_ = conn.PgConn().Conn().Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = conn.Close(ctx)
}

// failed adds to a failure that earlier statements of the call have had an effect.
func (s *session) failed(ctx context.Context, err error, changes bool) error {
	e := failed(ctx, err, changes)
	if s.changed && e.Effect == tierhost.EffectNone {
		e.Effect = tierhost.EffectPartial
	}
	return e
}

// exec runs statements in one transaction.
func (s *session) exec(ctx context.Context, statements ...string) error {
	if _, err := s.conn.PgConn().Exec(ctx, strings.Join(statements, ";\n")).ReadAll(); err != nil {
		return s.failed(ctx, err, true)
	}
	s.changed = true
	return nil
}

// Locked takes the lock of a name, which ends with the session, and reads what there is.
// A call whose connection broke may still be carried out by the server; who repeats it
// has to wait for that.
func (s *session) Locked(ctx context.Context, name string, _ bool) (state, error) {
	h := fnv.New64a()
	_, _ = h.Write([]byte("tierhost " + name))
	if _, err := s.conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(h.Sum64())); err != nil {
		return state{}, s.failed(ctx, err, false)
	}
	return s.State(ctx, name)
}
