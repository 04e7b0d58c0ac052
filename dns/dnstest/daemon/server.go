package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tierhost/tierhost/internal/testserver"
)

// Key is a TSIG key of hmac-sha256, which every server here has to ask a primary and to let
// itself be changed and transferred from.
type Key struct {
	Name   string // without a trailing dot
	Secret string // in base64
}

// Setup is what a server holds.
type Setup struct {
	// Key is needed.
	Key Key
	// Zones are zones of the server's own by name, as text of a zone file. They may be
	// changed and transferred with the key. Not for PowerDNS, which has an API.
	Zones map[string]string
	// Primary is the address, with the port, of the server that the rest is taken from.
	Primary string
	// Secondary are the names of zones that are taken from it.
	Secondary []string
	// Catalog is the name of a catalog zone that is taken from it with all its members.
	Catalog string
	// Notify is the address that BIND and PowerDNS tell of changes of its own zones; "": nobody.
	Notify string
}

// Server is a running name server.
type Server struct {
	folder  *testserver.Folder
	program string
	args    []string
	port    int
	process *testserver.Process
	control func(args ...string) *exec.Cmd
	api     int
	key     Key
}

// apiKey opens PowerDNS's API.
const apiKey = "for-tests-only"

// Addr returns the server's address, for UDP and TCP.
func (s *Server) Addr() string { return s.addr(s.port) }

func (s *Server) addr(port int) string { return net.JoinHostPort(s.host(), strconv.Itoa(port)) }

// host is the address that the server listens on. On Linux each process has one of its own:
// a port that is free now may be taken by another process's server when ours starts, and
// Knot shares ports without a word. BIND listens on addresses that interfaces have only.
func (s *Server) host() string {
	if runtime.GOOS != "linux" || filepath.Base(s.program) == "named" {
		return "127.0.0.1"
	}
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+pid>>16&127, pid>>8&255, pid&255)
}

// Port returns the port of [Server.Addr].
func (s *Server) Port() int { return s.port }

// API returns the address and the key of PowerDNS's HTTP API.
func (s *Server) API() (url, key string) { return "http://" + s.addr(s.api), apiKey }

// File returns the path of a file in the server's folder.
func (s *Server) File(name string) string { return s.folder.File(name) }

// Log returns what the server has written so far.
func (s *Server) Log() string {
	text, _ := s.folder.Log()
	return text
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() { s.process.Kill() }

// Restart starts the server again after [Server.Kill], with the same address. It fails t if
// it does not come up.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal("restart: ", err)
	}
}

// Control runs the server's control program: rndc, nsd-control, knotc, pdns_control. It fails t
// if that fails.
func (s *Server) Control(t testing.TB, args ...string) {
	t.Helper()
	if s.control == nil {
		t.Fatal("the server has no control program")
	}
	if err := s.folder.Run(s.control(args...)); err != nil {
		t.Fatal(err)
	}
}

// Add has NSD take a zone from its primary, and Remove has it forget it.
func (s *Server) Add(t testing.TB, zones ...string) {
	t.Helper()
	s.list(t, "addzones", zones, " member")
}

// Remove undoes [Server.Add].
func (s *Server) Remove(t testing.TB, zones ...string) {
	t.Helper()
	s.list(t, "delzones", zones, "")
}

func (s *Server) list(t testing.TB, verb string, zones []string, suffix string) {
	t.Helper()
	// Not all at once: nsd answers each line before it reads on, and nsd-control reads the
	// answers when it has written all.
	for some := range slices.Chunk(zones, 100) {
		var in strings.Builder
		for _, z := range some {
			in.WriteString(z + suffix + "\n")
		}
		cmd := s.control(verb)
		cmd.Stdin = strings.NewReader(in.String())
		if err := s.folder.Run(cmd); err != nil {
			t.Fatal(err)
		}
	}
}

// begin makes a folder and finds a program; make writes the server's files.
func begin(t testing.TB, what, program string, setup Setup, write func(s *Server, setup Setup) error, users ...string) *Server {
	t.Helper()
	s, err := create(program, setup, write, users)
	testserver.Require(t, what, err)
	t.Cleanup(s.destroy)
	return s
}

func create(program string, setup Setup, write func(*Server, Setup) error, users []string) (*Server, error) {
	path, err := find(program)
	if err != nil {
		return nil, err
	}
	folder, err := testserver.NewFolder("tierhost-"+program+"-", syscall.SIGKILL, append(users, "nobody")...)
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder, program: path}
	err = folder.Run(exec.Command("mkdir", "data")) // as the server's user
	if err == nil {
		s.port, err = s.freePort()
	}
	if err == nil {
		err = write(s, setup)
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		s.destroy()
		return nil, err
	}
	return s, nil
}

func find(program string) (string, error) {
	for _, path := range []string{program, "/usr/sbin/" + program, "/usr/local/sbin/" + program} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w: neither PATH nor /usr/sbin has %s", testserver.ErrNoPrograms, program)
}

// freePort returns a port of the server's address that is free for UDP and TCP at the moment.
func (s *Server) freePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp", s.host()+":0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", l.Addr().String())
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port, nil
		}
	}
	return 0, errors.New("no port is free")
}

func (s *Server) start() (err error) {
	s.process, err = s.folder.Start(s.answers, s.program, s.args...)
	return err
}

// answers asks for the root's SOA and takes any answer, a refusal too.
func (s *Server) answers(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", s.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte{0x74, 0x68, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1}); err != nil {
		return err
	}
	answer := make([]byte, 512)
	_, err = conn.Read(answer)
	return err
}

func (s *Server) write(name, format string, args ...any) error {
	return os.WriteFile(s.File(name), []byte(fmt.Sprintf(format, args...)), 0o644) //nolint:gosec // the folder is private
}

func (s *Server) zoneFiles(setup Setup, each func(name, file string)) error {
	for name, text := range setup.Zones {
		file, err := s.zoneFile(name, text)
		if err != nil {
			return err
		}
		each(name, file)
	}
	return nil
}

func (s *Server) zoneFile(name, text string) (string, error) {
	file := s.File(filepath.Join("data", name+".zone"))
	cmd := exec.Command("tee", file) // as the server's user
	cmd.Stdin = strings.NewReader(text)
	return file, s.folder.Run(cmd)
}

func (s *Server) destroy() {
	if s.process != nil {
		s.process.Stop()
	}
	s.folder.Remove()
}

func splitAddr(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}
