package command_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/command"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/provisioning/shell/shelltest"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

const boxes provisioning.Kind = "dropbox"

// boxName are the names that testdata/dropbox takes.
var boxName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// boxSpec is the spec of testdata/dropbox.
type boxSpec struct {
	Note *string `json:"note,omitempty"`
	Size *int64  `json:"size,omitempty"`
}

func checkBox(_ provisioning.Kind, _ string, spec json.RawMessage) error {
	s, err := provisioning.DecodeSpec[boxSpec](spec)
	if err != nil {
		return err
	}
	var issues tierhost.Issues
	if s.Size != nil && *s.Size < 0 {
		issues.Add("size", "negative", "a size is not negative")
	}
	return issues.Err()
}

var boxAbilities = command.Abilities{List: true, Probe: true, Password: true, Usage: true, Move: true}

// script is the path of testdata/dropbox, for tests where jq is there.
func script(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("jq is not installed")
	}
	path, err := filepath.Abs("testdata/dropbox")
	require.NoError(t, err)
	return path
}

// server is a directory of boxes.
type server struct {
	place  provisioning.Place
	root   string
	script string
	access shell.Access
	log    *logs
}

type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newServer(t testing.TB, name string, access shell.Access, config map[string]any) *server {
	t.Helper()
	s := &server{root: t.TempDir(), script: script(t), access: access, log: &logs{}}
	all := map[string]any{"root": s.root}
	for k, v := range config {
		all[k] = v
	}
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	s.place = provisioning.Place{Server: provisioning.ServerID(name), Kind: boxes, Config: raw}
	return s
}

func (s *server) driver(t testing.TB, env ...string) provisioning.Driver {
	t.Helper()
	d, err := command.New(command.Options{
		Script: s.script, Access: s.access, Names: boxName, Abilities: boxAbilities, CheckSpec: checkBox, Env: env,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	return d
}

func (s *server) box(c provisioning.Call) string {
	var config struct{ Root string }
	_ = json.Unmarshal(c.Server.Config, &config)
	return filepath.Join(config.Root, c.Service.Name)
}

var names atomic.Int64

func name() string { return fmt.Sprintf("box%d", names.Add(1)) }

// site is the server as the suite sees it.
func (s *server) site(t *testing.T) provisioningtest.Site {
	target := newServer(t, "target", s.access, nil)
	target.place.Config = withRoot(t, s.place.Config, target.root)
	dead := s.place
	dead.Config = withRoot(t, s.place.Config, filepath.Join(s.root, "nothing"))
	return provisioningtest.Site{
		Driver: s.driver(t), Place: s.place, Kind: boxes, Name: name, Target: &target.place, Dead: &dead,
		Again: func() provisioning.Driver { return s.driver(t) },
		Twins: func() (string, string) { n := name(); return n, n + "-" },
		A:     json.RawMessage(`{"note":"it's \"A\" $(id)","size":10}`), B: json.RawMessage(`{"note":"B\n","size":20}`), Silent: json.RawMessage(`{}`),
		Bad:     []json.RawMessage{json.RawMessage(`{"size":-1}`), json.RawMessage(`{"note":1}`), json.RawMessage(`{"size":"1"}`)},
		Hostile: []string{".new.x.1", "data", "id", strings.Repeat("a", 64), strings.Repeat("a", 65)},
		Use:     s.use,
		Put: func(_ context.Context, c provisioning.Call, text string) error {
			return os.WriteFile(filepath.Join(s.box(c), "data", "file"), []byte(text), 0o600)
		},
		Get: func(_ context.Context, c provisioning.Call) (string, error) {
			text, err := os.ReadFile(filepath.Join(s.box(c), "data", "file"))
			return string(text), err
		},
		Check: func(_ context.Context, c provisioning.Call) error {
			raw, err := os.ReadFile(filepath.Join(s.box(c), "spec.json"))
			if err != nil {
				return err
			}
			want, err := provisioning.DecodeSpec[boxSpec](c.Spec)
			if err != nil {
				return err
			}
			got, err := provisioning.DecodeSpec[boxSpec](raw)
			if err != nil {
				return err
			}
			if want.Note != nil && !reflect.DeepEqual(got.Note, want.Note) || want.Size != nil && !reflect.DeepEqual(got.Size, want.Size) {
				return fmt.Errorf("the box is %s", raw)
			}
			return nil
		},
		Left: func(_ context.Context, name string) ([]string, error) {
			var left []string
			entries, err := os.ReadDir(s.root)
			for _, e := range entries {
				if e.Name() == name || strings.HasPrefix(e.Name(), ".new."+name+".") || e.Name() == ".gone."+name {
					err = errors.Join(err, filepath.Walk(filepath.Join(s.root, e.Name()), func(path string, _ os.FileInfo, err error) error {
						left = append(left, path)
						return err
					}))
				}
			}
			return left, err
		},
		Halves: map[string]func(context.Context, provisioning.Call) error{
			"an ID only":  func(_ context.Context, c provisioning.Call) error { return s.half(c, false) },
			"no password": func(_ context.Context, c provisioning.Call) error { return s.half(c, true) },
		},
		Foreign: func(_ context.Context, c provisioning.Call) error {
			return errors.Join(os.MkdirAll(filepath.Join(s.box(c), "data"), 0o700),
				os.WriteFile(filepath.Join(s.box(c), "data", "file"), []byte("by hand"), 0o600))
		},
		Fill: func(_ context.Context, c provisioning.Call, _ string) error {
			return os.WriteFile(filepath.Join(s.box(c), "data", "more"), make([]byte, 10000), 0o600)
		},
		Logs:  func(context.Context) (string, error) { return s.log.String(), nil },
		Break: s.broken,
	}
}

func (s *server) half(c provisioning.Call, data bool) error {
	if err := os.Mkdir(s.box(c), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.box(c), "id"), []byte(c.Service.ID), 0o600); err != nil || !data {
		return err
	}
	return errors.Join(os.Mkdir(filepath.Join(s.box(c), "data"), 0o700),
		os.WriteFile(filepath.Join(s.box(c), "spec.json"), []byte(`{}`), 0o600))
}

// use opens a box as its customer does.
func (s *server) use(_ context.Context, c provisioning.Call, password string) error {
	box := s.box(c)
	line, err := os.ReadFile(filepath.Join(box, "password"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no box: %w", provisioningtest.ErrRefused)
	}
	if err != nil {
		return err
	}
	salt, want, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	sum := sha256.Sum256([]byte(salt + password))
	if _, err := os.Stat(filepath.Join(box, "suspended")); err == nil || hex.EncodeToString(sum[:]) != want {
		return fmt.Errorf("box closed: %w", provisioningtest.ErrRefused)
	}
	_, err = os.ReadDir(filepath.Join(box, "data"))
	return err
}

func withRoot(t *testing.T, config json.RawMessage, root string) json.RawMessage {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(config, &all))
	all["root"] = root
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	return raw
}

// tools are the programs before which the script is killed: it stops at each of them in
// turn. Others that only read are left out, as nothing happens between them.
var tools = []string{"mkdir", "mv", "rm", "sync", "touch", "sha256sum", "jq"}

// shims makes programs that count how often any of the tools was run, and at the point
// meant for it do what a fault is.
var shims = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tierhost-shims-")
	for _, tool := range tools {
		path, lookErr := exec.LookPath(tool)
		err = errors.Join(err, lookErr, os.WriteFile(filepath.Join(dir, tool), []byte(`#!/bin/sh
if [ "$(stat -c %s "$SHIM_DIR/count")" -eq "$SHIM_POINT" ]; then
  echo >"$SHIM_DIR/reached"
  case $SHIM_HOW in
  cut) kill -KILL 0 ;; # the script and all it started
  hang) exec sleep 1000 ;;
  leave) sleep 0.2 ;; # until the next call is there
  esac
fi
printf x >>"$SHIM_DIR/count"
exec `+path+` "$@"
`), 0o700))
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := shims(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// broken returns a driver whose script is killed, or hangs, when it is about to run its
// n-th program, or is left there by its driver. Scripts that run fewer end well.
func (s *server) broken(t *testing.T, point int, how provisioningtest.Fault) provisioningtest.Broken {
	t.Helper()
	bin, err := shims()
	require.NoError(t, err)
	if how == provisioningtest.Leave && point%2 == 0 {
		how = provisioningtest.Cut
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "count"), nil, 0o600))
	fifo := filepath.Join(dir, "reached")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	// Open for reading and writing, which does not wait for the other side.
	pipe, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	reached := make(chan struct{})
	go func() {
		if n, _ := pipe.Read(make([]byte, 1)); n > 0 {
			close(reached)
		}
	}()
	t.Cleanup(func() { _ = pipe.Close() })
	through := *s
	if how == provisioningtest.Leave {
		through.access = leaving{s.access, reached, t}
	}
	env := []string{"PATH=" + bin + ":/usr/bin:/bin", "SHIM_DIR=" + dir, fmt.Sprint("SHIM_POINT=", point), "SHIM_HOW=" + string(how)}
	return provisioningtest.Broken{Driver: through.driver(t, env...), Reached: reached}
}

// leaving is an access whose process is gone when a point is reached. What it has started
// goes on.
type leaving struct {
	shell.Access
	reached <-chan struct{}
	t       *testing.T
}

func (l leaving) Open(ctx context.Context, on provisioning.Place) (shell.Session, error) {
	s, err := l.Access.Open(ctx, on)
	return leavingSession{s, l}, err
}

type leavingSession struct {
	shell.Session
	l leaving
}

func (s leavingSession) Run(ctx context.Context, c shell.Command) (shell.Result, error) {
	var r shell.Result
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r, err = s.Session.Run(context.WithoutCancel(ctx), c)
	}()
	s.l.t.Cleanup(func() { <-ended })
	select {
	case <-ended:
		return r, err
	case <-s.l.reached:
		return shell.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errors.New("the process is gone"))
	}
}

func harness(s func(t *testing.T) *server) provisioningtest.DriverHarness {
	return provisioningtest.DriverHarness{
		Patience: 5 * time.Minute, // a busy machine is no fault of the script
		New:      func(t *testing.T) provisioningtest.Site { return s(t).site(t) },
		Features: provisioningtest.Features{Lists: true, Probes: true, Passwords: true, Moves: true, ChecksSpecs: true,
			Meters: map[string]provisioning.Metric{"disk_bytes": provisioning.Gauge}},
		Without: map[string]string{
			"ISO-1": "who has the password of a box sees that box only; the script's server knows no customers beyond it",
			"SUS-3": "boxes are opened anew each time: there are no sessions",
			"REM-5": "boxes are opened anew each time: there are no sessions",
		},
	}
}

// The sample script is a driver.
func TestScriptIsADriver(t *testing.T) {
	t.Parallel()
	script(t)
	provisioningtest.TestDriver(t, harness(func(t *testing.T) *server { return newServer(t, "local", shell.Local{}, nil) }))
}

// The same script over SSH.
func TestScriptOverSSH(t *testing.T) {
	t.Parallel()
	script(t)
	d := shelltest.StartSSHD(t, shelltest.SSHDOptions{})
	access, err := shell.NewSSH(shell.SSHOptions{Keys: []secret.Text{d.Key}})
	require.NoError(t, err)
	h := harness(func(t *testing.T) *server { return newServer(t, "remote", access, map[string]any{"ssh": d.Config()}) })
	for _, r := range provisioningtest.DriverRules() {
		// Names and every point of breaking are the script's, and tested above.
		if slices.Contains([]string{"ENS-1", "ENS-7", "PWD-2", "SUS-1", "REM-1", "LIS-1", "USE-2", "CTX-1", "CTX-2"}, r.ID) {
			conformance.Run(t, h, []provisioningtest.DriverRule{r})
		}
	}
}
