package shelltest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/secret"
)

// SSHDOptions make an [SSHD].
type SSHDOptions struct {
	// Through is what sshd is started through, to run it in another root directory.
	Through []string
	// Dir is a directory for its files, seen as Dir also through Through. "": a new one.
	Dir string
	// Config are further lines of sshd_config.
	Config []string
	// HostKeyType is "ed25519" (or ""), "rsa" or "ecdsa".
	HostKeyType string
}

// SSHD is OpenSSH's server on the loopback interface, with keys and configuration of its
// own. Each connection is a process.
type SSHD struct {
	Addr string
	// Key logs root in.
	Key secret.Text
	// HostKey is a line for shell.SSHConfig.
	HostKey string

	mu    sync.Mutex
	log   string
	procs []*exec.Cmd
}

// SSHDProgram returns the path of sshd, or why it cannot be used.
func SSHDProgram() (path, why string) {
	if os.Getuid() != 0 {
		return "", "sshd with password login and other users needs root"
	}
	path, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		return "", "openssh-server is not installed"
	}
	return path, ""
}

// StartSSHD starts a server that ends with the test, and skips the test where there is no
// sshd or the user is not root.
func StartSSHD(t testing.TB, opt SSHDOptions) *SSHD {
	t.Helper()
	program, why := SSHDProgram()
	if why != "" {
		t.Skip(why)
	}
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where sshd locks itself in
		t.Fatal(err)
	}
	d := &SSHD{log: filepath.Join(opt.Dir, "sshd.log")}
	hostKey := filepath.Join(opt.Dir, "host_key")
	kind := opt.HostKeyType
	if kind == "" {
		kind = "ed25519"
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", hostKey).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	line, err := os.ReadFile(hostKey + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	d.HostKey = strings.TrimSpace(string(line))
	key, public := newKey(t)
	d.Key = key
	config := filepath.Join(opt.Dir, "sshd_config")
	write(t, filepath.Join(opt.Dir, "authorized_keys"), public)
	write(t, config, strings.Join(append(opt.Config,
		"HostKey "+hostKey, "AuthorizedKeysFile "+filepath.Join(opt.Dir, "authorized_keys"),
		"PermitRootLogin yes", "StrictModes no", "UsePAM no", "UseDNS no", "PrintMotd no", "PrintLastLog no", "PidFile none",
		"LogLevel VERBOSE", "Subsystem sftp internal-sftp", "MaxSessions 50",
		// What this machine's root has in its start files is not ours to run.
		"Match User root", "SetEnv HOME="+opt.Dir), "\n")+"\n")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.Addr = listener.Addr().String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { d.serve(conn.(*net.TCPConn), append(opt.Through, program, "-i", "-f", config, "-E", d.log)) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		d.mu.Lock()
		for _, p := range d.procs {
			_ = p.Process.Kill()
		}
		d.mu.Unlock()
		all.Wait()
	})
	return d
}

// serve runs sshd on one connection.
func (d *SSHD) serve(conn *net.TCPConn, words []string) {
	file, err := conn.File()
	_ = conn.Close()
	if err != nil {
		return
	}
	defer file.Close()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout = file, file
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	d.mu.Lock()
	err = cmd.Start()
	if err == nil {
		d.procs = append(d.procs, cmd)
	}
	d.mu.Unlock()
	_ = file.Close()
	if err == nil {
		_ = cmd.Wait()
	}
}

// Config is the field "ssh" of a place's configuration for this server.
func (d *SSHD) Config() shell.SSHConfig {
	return shell.SSHConfig{Address: d.Addr, HostKeys: []string{d.HostKey}}
}

// PlaceConfig is a place's configuration for this server and nothing else.
func (d *SSHD) PlaceConfig() json.RawMessage {
	raw, _ := json.Marshal(map[string]any{"ssh": d.Config()})
	return raw
}

// newKey makes a key pair: the private one as PEM, the public one as a line.
func newKey(t testing.TB) (secret.Text, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(string(pem.EncodeToMemory(block))), string(ssh.MarshalAuthorizedKey(line))
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(fmt.Errorf("write %s: %w", path, err))
	}
}
