package postgrestest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tierhost/tierhost/internal/testserver"
)

// Server is a running PostgreSQL server.
type Server struct {
	setup   Setup
	folder  *testserver.Folder // holds data and the socket
	bin     string
	process *testserver.Process
	lent    lent
}

// Start starts a server of t's own, for tests that kill it, and stops it when t ends.
// It skips or fails t if it cannot.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartWith(t, Setup{})
}

// Setup is how a server differs from the shared one.
type Setup struct {
	// Access are the lines of pg_hba.conf; none: everybody is trusted. The user postgres
	// has to be trusted on the socket.
	Access []string
	// Settings are those of postgresql.conf, such as log_statement.
	Settings map[string]string
}

// StartWith is [Start] of a server that is set up in another way.
func StartWith(t testing.TB, setup Setup) *Server {
	t.Helper()
	s, err := create(setup)
	testserver.Require(t, "PostgreSQL", err)
	t.Cleanup(s.destroy)
	return s
}

var errNoPrograms = fmt.Errorf("%w: neither PATH nor /usr/lib/postgresql/*/bin has initdb and postgres", testserver.ErrNoPrograms)

// programs returns the folder of initdb and postgres.
func programs() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if dir := filepath.Dir(initdb); testserver.Executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	best, version := "", -1.0
	for _, dir := range dirs {
		v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64)
		if err == nil && v > version && testserver.Executable(filepath.Join(dir, "initdb")) && testserver.Executable(filepath.Join(dir, "postgres")) {
			best, version = dir, v
		}
	}
	if best == "" {
		return "", errNoPrograms
	}
	return best, nil
}

// create makes the files of a server and starts it.
func create(setup Setup) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	// SIGQUIT is PostgreSQL's immediate stop: it takes its processes with it.
	folder, err := testserver.NewFolder("tierhost-pg-", syscall.SIGQUIT, "postgres", "nobody")
	if err != nil {
		return nil, err
	}
	s := &Server{setup: setup, folder: folder, bin: bin}
	err = s.initialize()
	if err == nil {
		err = s.start()
	}
	if err != nil {
		s.destroy()
		return nil, err
	}
	return s, nil
}

func (s *Server) initialize() error {
	ctx, cancel := context.WithTimeout(context.Background(), testserver.StartTime)
	defer cancel()
	// Nothing is lost if the machine stops before the first start.
	if err := s.folder.Run(exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--pgdata="+s.data(), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")); err != nil {
		return err
	}
	if len(s.setup.Access) == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(strings.Join(s.setup.Access, "\n")+"\n"), 0o600)
}

func (s *Server) data() string { return s.folder.File("data") }

// start starts the server on its files and waits until it takes connections.
func (s *Server) start() (err error) {
	args := []string{"-D", s.data(), "-k", s.Socket(), "-c", "listen_addresses=", "-c", "fsync=on", "-c", "max_connections=200"}
	for name, value := range s.setup.Settings {
		args = append(args, "-c", name+"="+value)
	}
	s.process, err = s.folder.Start(func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}, filepath.Join(s.bin, "postgres"), args...)
	return err
}

// Socket returns the folder of the server's socket, whose port is 5432.
func (s *Server) Socket() string { return s.folder.Path }

// Log returns what the server has logged.
func (s *Server) Log() (string, error) { return s.folder.Log() }

// DSN returns how to connect to a database of the server, of which "postgres" is one.
func (s *Server) DSN(database string) string {
	query := url.Values{"host": {s.Socket()}, "user": {"postgres"}}
	return "postgres:///" + url.PathEscape(database) + "?" + query.Encode()
}

// Kill ends the server at once, as a crash would: the postmaster by SIGKILL, on which
// its processes end themselves. It returns when the postmaster is gone.
func (s *Server) Kill() { s.process.Kill() }

// Restart starts the server again after [Server.Kill], with recovery. It fails t if it
// does not come up.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	// The processes of the last one hold its shared memory until they have noticed.
	deadline := time.Now().Add(testserver.StartTime)
	for {
		err := s.start()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || !strings.Contains(err.Error(), "pre-existing shared memory block") {
			t.Fatal("restart PostgreSQL: ", err)
		}
	}
}

// destroy stops the server and removes its files.
func (s *Server) destroy() {
	if s.process != nil {
		s.process.Stop()
	}
	s.folder.Remove()
}
