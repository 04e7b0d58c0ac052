package postgrestest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tierhost/tierhost/internal/testserver"
)

// shared is the one server of the test binary. It is a package variable because tests
// of one binary have nothing else in common.
var shared struct {
	sync.Mutex
	server *Server
	users  int
	kept   bool // by Run
	names  int
}

// Run runs the tests and then stops the shared server. It returns the exit code.
func Run(m *testing.M) int {
	shared.Lock()
	shared.kept = true
	shared.Unlock()
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.server != nil {
			shared.server.destroy()
			shared.server = nil
		}
	}()
	return m.Run()
}

// DSN returns the DSN of an empty database that is t's alone, and is dropped when t
// ends. It skips or fails t if there is no server.
func DSN(t testing.TB) string {
	t.Helper()
	s, name := use(t)
	if err := s.exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return s.DSN(name)
}

// Schema returns the DSN of a database that all tests share, and the name of a schema
// that is not there and is t's alone. It skips or fails t if there is no server.
func Schema(t testing.TB) (dsn, schema string) {
	t.Helper()
	s, name := use(t)
	return s.DSN("postgres"), name
}

// use returns the shared server, which stays until t has ended, and a fresh name.
func use(t testing.TB) (*Server, string) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := create(Setup{})
		testserver.Require(t, "PostgreSQL", err)
		shared.server = s
	}
	shared.users++
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.users--; shared.users == 0 && !shared.kept && shared.server != nil {
			shared.server.destroy()
			shared.server = nil
		}
	})
	shared.names++
	return shared.server, fmt.Sprintf("%s_%d", label(t.Name()), shared.names)
}

// label makes the beginning of a name of what the test is called.
func label(test string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, test)
	return "t_" + name[:min(len(name), 40)]
}

func (s *Server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
