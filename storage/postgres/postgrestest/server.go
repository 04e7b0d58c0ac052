package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running PostgreSQL server.
type Server struct {
	setup   Setup
	dir     string // holds data and the socket
	bin     string
	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended
}

// startTime bounds initdb, and the start with a recovery.
const startTime = 60 * time.Second

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
	refuse(t, err)
	t.Cleanup(s.destroy)
	return s
}

// refuse skips t if there are no programs to start, and fails it for other errors.
func refuse(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errNoPrograms) && os.Getenv("CI") != "true":
		t.Skip("no PostgreSQL: ", err)
	default:
		t.Fatal("no PostgreSQL: ", err)
	}
}

var errNoPrograms = errors.New("neither PATH nor /usr/lib/postgresql/*/bin has initdb and postgres")

// programs returns the folder of initdb and postgres.
func programs() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if dir := filepath.Dir(initdb); executable(filepath.Join(dir, "postgres")) {
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
		if err == nil && v > version && executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			best, version = dir, v
		}
	}
	if best == "" {
		return "", errNoPrograms
	}
	return best, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// create makes the files of a server and starts it.
func create(setup Setup) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	sweep()
	// Not TMPDIR, which may be long: the path of a socket has about 100 bytes at most.
	dir, err := os.MkdirTemp("/tmp", "tierhost-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{setup: setup, dir: dir, bin: bin}
	if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		s.destroy()
		return nil, err
	}
	if err := s.initialize(); err != nil {
		s.destroy()
		return nil, err
	}
	if err := s.start(); err != nil {
		s.destroy()
		return nil, err
	}
	return s, nil
}

// ownerFile holds the ID of the process whose server it is.
const ownerFile = "owner"

// sweep removes what test processes that were killed have left: their servers have
// ended with them.
func sweep() {
	dirs, _ := filepath.Glob("/tmp/tierhost-pg-*")
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, ownerFile))
		pid, convErr := strconv.Atoi(string(text))
		if err == nil && convErr == nil && gone(pid) {
			_ = os.RemoveAll(dir)
		}
	}
}

func (s *Server) initialize() error {
	attributes, err := attributes(s.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	// Nothing is lost if the machine stops before the first start.
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--pgdata="+s.data(), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = s.dir, attributes
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, tail(string(out)))
	}
	if len(s.setup.Access) == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(strings.Join(s.setup.Access, "\n")+"\n"), 0o600)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// start starts the server on its files and waits until it answers.
func (s *Server) start() error {
	attributes, err := attributes(s.dir)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=on", "-c", "max_connections=200"}
	for name, value := range s.setup.Settings {
		args = append(args, "-c", name+"="+value)
	}
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = s.dir, attributes, log, log
	started := make(chan error)
	ended := make(chan struct{})
	go func() {
		// The death signal comes when the thread that started the process ends, so it must
		// live as long.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	s.process, s.ended = cmd, ended
	if err := s.await(); err != nil {
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%w: %s", err, tail(string(text)))
	}
	return nil
}

// await waits until the server takes connections.
func (s *Server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.ended:
			return errors.New("postgres has ended")
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-retry.C:
		}
	}
}

// Socket returns the folder of the server's socket, whose port is 5432.
func (s *Server) Socket() string { return s.dir }

// Log returns what the server has logged.
func (s *Server) Log() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text), err
}

// DSN returns how to connect to a database of the server, of which "postgres" is one.
func (s *Server) DSN(database string) string {
	query := url.Values{"host": {s.dir}, "user": {"postgres"}}
	return "postgres:///" + url.PathEscape(database) + "?" + query.Encode()
}

// Kill ends the server at once, as a crash would: the postmaster by SIGKILL, on which
// its processes end themselves. It returns when the postmaster is gone.
func (s *Server) Kill() {
	_ = s.process.Process.Kill()
	<-s.ended
}

// Restart starts the server again after [Server.Kill], with recovery. It fails t if it
// does not come up.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	// The processes of the last one hold its shared memory until they have noticed.
	deadline := time.Now().Add(startTime)
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
		_ = s.process.Process.Signal(syscall.SIGQUIT) // at once: nobody needs the data
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			s.Kill()
		}
	}
	_ = os.RemoveAll(s.dir)
}

// tail returns the last lines of a text.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}
