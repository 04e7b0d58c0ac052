package postgrestest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// mostLent is how often a schema is lent: what was deleted stays in its tables and indexes.
const mostLent = 50

// lent are the schemas of a server that nobody has now.
type lent struct {
	sync.Mutex
	made     int
	pristine string // one that nobody ever gets; "": there is none
	free     []lentSchema
}

type lentSchema struct {
	name  string
	times int
}

// Lent returns the DSN of a database that all tests share, and the name of a schema that is
// as migrate leaves one, and t's alone until it has ended. Then it is brought back to that
// and lent again: to make one takes many times as long. A test that changes a schema, or
// looks at how one is made, takes [Schema]. All tests of a binary give the same migrate. It
// skips or fails t if there is no server.
func Lent(t testing.TB, migrate func(ctx context.Context, dsn, schema string) error) (dsn, schema string) {
	t.Helper()
	s, _ := use(t)
	dsn = s.DSN("postgres")
	got, err := s.lend(t.Context(), migrate)
	if err != nil {
		t.Fatal("a schema to lend: ", err)
	}
	t.Cleanup(func() { // after all that t has cleaned up
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.takeBack(ctx, got, !t.Failed()); err != nil {
			t.Error("a schema that was lent: ", err)
		}
	})
	return dsn, got.name
}

func (s *Server) lend(ctx context.Context, migrate func(ctx context.Context, dsn, schema string) error) (got lentSchema, err error) {
	all := &s.lent
	all.Lock()
	defer all.Unlock()
	made := func() (string, error) {
		all.made++
		name := fmt.Sprintf("lent_%d", all.made)
		return name, migrate(ctx, s.DSN("postgres"), name)
	}
	if all.pristine == "" {
		name, err := made()
		if err != nil {
			return got, err
		}
		all.pristine = name
	}
	if n := len(all.free); n > 0 {
		got, all.free = all.free[n-1], all.free[:n-1]
		return got, nil
	}
	got.name, err = made()
	return got, err
}

// takeBack makes the schema as it was, or drops it.
func (s *Server) takeBack(ctx context.Context, l lentSchema, again bool) error {
	s.lent.Lock()
	pristine := s.lent.pristine
	s.lent.Unlock()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if l.times++; !again || l.times >= mostLent {
		_, err := conn.Exec(ctx, "DROP SCHEMA "+l.name+" CASCADE")
		return err
	}
	if _, err := conn.Exec(ctx, fmt.Sprintf(restore, l.name, pristine)); err != nil {
		return err
	}
	s.lent.Lock()
	defer s.lent.Unlock()
	s.lent.free = append(s.lent.free, l)
	return nil
}

// restore makes the rows and the sequences of one schema those of another. Triggers that
// refuse to let books be altered are left out.
const restore = `SET lock_timeout = '20s'; DO $$
DECLARE
    x record;
    has boolean;
BEGIN
    FOR x IN SELECT c.relname, c.relkind, t.tgname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (SELECT tgname FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal LIMIT 1) AS t ON true
        WHERE n.nspname = '%[1]s' AND c.relkind IN ('r', 'S')
    LOOP
        IF x.relkind = 'S' THEN
            EXECUTE format('SELECT setval(%%L, last_value, is_called) FROM %[2]s.%%I', '%[1]s.' || x.relname, x.relname);
            CONTINUE;
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM %[1]s.%%I)', x.relname) INTO has;
        IF has THEN
            IF x.tgname IS NOT NULL THEN
                EXECUTE format('ALTER TABLE %[1]s.%%I DISABLE TRIGGER %%I', x.relname, x.tgname);
            END IF;
            EXECUTE format('DELETE FROM %[1]s.%%I', x.relname);
            IF x.tgname IS NOT NULL THEN
                EXECUTE format('ALTER TABLE %[1]s.%%I ENABLE ALWAYS TRIGGER %%I', x.relname, x.tgname);
            END IF;
        END IF;
        EXECUTE format('INSERT INTO %[1]s.%%1$I OVERRIDING SYSTEM VALUE SELECT * FROM %[2]s.%%1$I', x.relname);
    END LOOP;
END $$`
