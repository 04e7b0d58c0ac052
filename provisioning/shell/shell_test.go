package shell_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/provisioning/shell/shelltest"
	"github.com/tierhost/tierhost/secret"
)

func dir(t *testing.T) string { return t.TempDir() }

func TestLocal(t *testing.T) {
	t.Parallel()
	shelltest.TestAccess(t, shelltest.Harness{Access: shell.Local{}, Dir: dir})
}

// Through a program that starts others, as sudo does.
func TestLocalThrough(t *testing.T) {
	t.Parallel()
	shelltest.TestAccess(t, shelltest.Harness{Access: shell.Local{Through: []string{"/usr/bin/nice", "-n", "1"}}, Dir: dir})
}

func newSSH(t *testing.T, d *shelltest.SSHD, opt shell.SSHOptions) *shell.SSH {
	t.Helper()
	opt.Keys = append(opt.Keys, d.Key)
	s, err := shell.NewSSH(opt)
	require.NoError(t, err)
	return s
}

func TestSSH(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"ed25519", "rsa", "ecdsa"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			d := shelltest.StartSSHD(t, shelltest.SSHDOptions{HostKeyType: key})
			h := shelltest.Harness{Access: newSSH(t, d, shell.SSHOptions{}), Place: provisioning.Place{Config: d.PlaceConfig()}, Dir: dir}
			if key != "ed25519" {
				s, err := h.Access.Open(t.Context(), h.Place)
				require.NoError(t, err)
				require.NoError(t, s.Close())
				return
			}
			shelltest.TestAccess(t, h)
		})
	}
}

// A server is what its key says, or nobody logs in there.
func TestSSHHostKey(t *testing.T) {
	t.Parallel()
	d, other := shelltest.StartSSHD(t, shelltest.SSHDOptions{}), shelltest.StartSSHD(t, shelltest.SSHDOptions{})
	rsa := shelltest.StartSSHD(t, shelltest.SSHDOptions{HostKeyType: "rsa"})
	s := newSSH(t, d, shell.SSHOptions{})
	for _, c := range []struct {
		name string
		keys []string
		kind tierhost.Kind
		code string
	}{
		{"the right one", []string{d.HostKey}, 0, ""},
		{"one of several", []string{rsa.HostKey, other.HostKey, d.HostKey}, 0, ""},
		{"another's", []string{other.HostKey}, tierhost.KindDenied, "host_key"},
		{"of another type", []string{rsa.HostKey}, tierhost.KindUnavailable, "no_connection"},
		{"none", nil, tierhost.KindInvalid, "invalid"},
		{"an empty one", []string{""}, tierhost.KindInvalid, "invalid"},
		{"no key", []string{"ssh-ed25519 AAAA"}, tierhost.KindInvalid, "invalid"},
	} {
		config, err := json.Marshal(map[string]any{"ssh": shell.SSHConfig{Address: d.Addr, HostKeys: c.keys}})
		require.NoError(t, err)
		session, err := s.Open(t.Context(), provisioning.Place{Config: config})
		require.Equal(t, c.kind, tierhost.KindOf(err), "%s: %v", c.name, err)
		require.Equal(t, c.code, tierhost.CodeOf(err), c.name)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), c.name)
		if err == nil {
			require.NoError(t, session.Close())
		}
	}
}

func TestSSHLogin(t *testing.T) {
	t.Parallel()
	d, other := shelltest.StartSSHD(t, shelltest.SSHDOptions{}), shelltest.StartSSHD(t, shelltest.SSHDOptions{})
	place := provisioning.Place{Config: d.PlaceConfig()}
	wrong, err := shell.NewSSH(shell.SSHOptions{Keys: []secret.Text{other.Key}})
	require.NoError(t, err)
	_, err = wrong.Open(t.Context(), place)
	require.Equal(t, tierhost.KindDenied, tierhost.KindOf(err), "%v", err)
	require.Equal(t, "login_refused", tierhost.CodeOf(err))
	both := newSSH(t, d, shell.SSHOptions{Keys: []secret.Text{other.Key}})
	s, err := both.Open(t.Context(), place)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	for name, keys := range map[string][]secret.Text{"none": nil, "no key": {secret.New("hunter2")}} {
		_, err := shell.NewSSH(shell.SSHOptions{Keys: keys})
		require.ErrorIs(t, err, tierhost.ErrInvalid, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
	for _, config := range []string{`{`, `{"ssh":1}`, `{"ssh":{}}`, ``} {
		_, err := both.Open(t.Context(), provisioning.Place{Config: json.RawMessage(config)})
		require.ErrorIs(t, err, tierhost.ErrInvalid, config)
	}
}

// A machine that takes connections and says nothing is unavailable.
func TestSSHSilence(t *testing.T) {
	t.Parallel()
	d := shelltest.StartSSHD(t, shelltest.SSHDOptions{})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	s := newSSH(t, d, shell.SSHOptions{Patience: 200 * time.Millisecond})
	for name, addr := range map[string]string{"silent": silent.Addr().String(), "closed": closed.Addr().String()} {
		config, err := json.Marshal(map[string]any{"ssh": shell.SSHConfig{Address: addr, HostKeys: []string{d.HostKey}}})
		require.NoError(t, err)
		_, err = s.Open(t.Context(), provisioning.Place{Config: config})
		require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err), "%s: %v", name, err)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), name)
	}
}

// At its deadline a program is killed on the server even if the connection is gone.
func TestSSHDeadline(t *testing.T) {
	t.Parallel()
	d := shelltest.StartSSHD(t, shelltest.SSHDOptions{})
	var conn net.Conn
	s := newSSH(t, d, shell.SSHOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		conn = c
		return c, err
	}})
	session, err := s.Open(t.Context(), provisioning.Place{Config: d.PlaceConfig()})
	require.NoError(t, err)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := session.Run(ctx, shell.Command{Path: "/bin/sh", Args: []string{"-c", `echo $$ >"$1/pid.new"; mv "$1/pid.new" "$1/pid"; sleep 1000 & wait`, "sh", dir}})
		ended <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(dir + "/pid"); return err == nil }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, conn.Close())
	err = <-ended
	require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err))
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
	pid, err := os.ReadFile(dir + "/pid")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)))
		return err != nil
	}, 20*time.Second, 50*time.Millisecond, "the program runs on after its deadline")
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for want, words := range map[string][]string{
		"":                                {},
		"''":                              {""},
		"/bin/ls -l /home/ann":            {"/bin/ls", "-l", "/home/ann"},
		`/bin/echo 'a b' 'it'\''s' '$x'`:  {"/bin/echo", "a b", "it's", "$x"},
		"/usr/bin/env A=1 'B=a b' -- '~'": {"/usr/bin/env", "A=1", "B=a b", "--", "~"},
		"'A=1' B=1":                       {"A=1", "B=1"},
		"'if' if":                         {"if", "if"},
	} {
		require.Equal(t, want, shell.Quote(words...))
	}
}

// Whatever the words are, two shells split the line into them again.
func FuzzQuote(f *testing.F) {
	f.Add("a", "b c")
	f.Add("it's", `"$(id)"`)
	f.Add("", "\n")
	f.Add("A=1", "if")
	f.Add("\xff", "ä☃\x7f\x01")
	f.Add("-n", "!!")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "\x00") {
			t.Skip("no program can be given a NUL")
		}
		for _, sh := range []string{"/bin/sh", "/bin/bash"} {
			line := shell.Quote("/usr/bin/printf", `%s\0`, a, b, a)
			out, err := exec.Command(sh, "-c", line).Output()
			require.NoError(t, err, line)
			require.Equal(t, a+"\x00"+b+"\x00"+a+"\x00", string(out), line)
			// As the first word it is a command, and nothing else.
			out, _ = exec.Command(sh, "-c", shell.Quote("x"+a, b)+" 2>/dev/null; echo $?").Output()
			require.Contains(t, []string{"127\n", "126\n"}, string(out), line)
		}
	})
}
