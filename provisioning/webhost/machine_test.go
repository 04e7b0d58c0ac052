package webhost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/provisioning/shell/shelltest"
	"github.com/tierhost/tierhost/provisioning/webhost"
	"github.com/tierhost/tierhost/secret"
)

// TestMain lets more tests run at once than there are processors: they wait for nginx and
// for the system's files of users most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = flag.Set("test.parallel", "8")
	}
	os.Exit(m.Run())
}

// machine is a server for tests: this machine's files under a layer that takes all
// changes, with process numbers of its own, nginx and sshd. Nothing of it is left when
// the test ends, however it ends.
type machine struct {
	root string // as seen from outside
	into []string
	// quota is whether homes are on a file system with quotas.
	quota bool
	sshd  *shelltest.SSHD
	ssh   *shell.SSH
	web   *http.Client
	log   *logs
}

// setUp makes the machine's root directory and waits until the test goes. It is process
// number 1 there and takes in what others leave behind.
const setUp = `
set -eu
base=$1
mount -t tmpfs tmpfs "$base/fs"
mkdir "$base/fs/upper" "$base/fs/work" "$base/fs/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/fs/upper,workdir=$base/fs/work" "$base/fs/root"
cd "$base/fs/root"
mount -t proc proc proc
mount --bind /dev dev
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs run
mkdir -p run/sshd ".$base/share"
mount --bind "$base/share" ".$base/share"
quota=no
if truncate -s 64M "$base/fs/home.img" && mkfs.ext4 -q -F "$base/fs/home.img" &&
  mount -o loop,usrjquota=aquota.user,jqfmt=vfsv1 "$base/fs/home.img" home; then
  chroot . quotacheck -cum /home && quota=yes
else
  mount -t tmpfs -o mode=0755 tmpfs home
fi 2>/dev/null
rm -f etc/nginx/conf.d/* etc/passwd.lock
cat >etc/nginx/nginx.conf <<'END'
user www-data;
worker_processes 2;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 256; }
http {
    access_log off;
    server_names_hash_bucket_size 128;
    include /etc/nginx/conf.d/*.conf;
}
END
# Hashing passwords hundreds of times is not what is tested.
sed -i 's/yescrypt/sha512 rounds=1000/' etc/pam.d/common-password
chroot . /usr/sbin/nginx
echo "ready $quota"
cat >/dev/null
`

func startMachine(t testing.TB) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("users are made by root only")
	}
	for _, program := range []string{"/usr/sbin/nginx", "/usr/sbin/sshd", "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/sbin/useradd", "/usr/bin/ps"} {
		if _, err := os.Stat(program); err != nil {
			t.Skip("not installed: " + program)
		}
	}
	base, err := os.MkdirTemp("/tmp", "wh") // short: sockets are below
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	require.NoError(t, os.Mkdir(base+"/fs", 0o755))
	require.NoError(t, os.Mkdir(base+"/share", 0o755))
	require.NoError(t, os.Chmod(base, 0o755))
	// Where there may be no mounts there is no such machine.
	if out, err := exec.Command("/usr/bin/unshare", "--mount", "--pid", "--fork", "/bin/true").CombinedOutput(); err != nil {
		t.Skipf("no namespaces: %s", out)
	}
	cmd := exec.Command("/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", setUp, "sh", base)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	var said logs // is read while it is written
	cmd.Stderr = &said
	stdin, err := cmd.StdinPipe() // its end is the machine's
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	buf := make([]byte, 100)
	n, err := stdout.Read(buf)
	require.NoError(t, err, "the machine does not start: %s", said.String())
	ready, quota, _ := strings.Cut(strings.TrimSpace(string(buf[:n])), " ")
	require.Equal(t, "ready", ready)

	m := &machine{
		root: fmt.Sprintf("/proc/%d/root%s/fs/root", cmd.Process.Pid, base), quota: quota == "yes", log: &logs{},
		into: []string{"/usr/bin/nsenter", fmt.Sprintf("--mount=/proc/%d/ns/mnt", cmd.Process.Pid),
			fmt.Sprintf("--pid=/proc/%d/ns/pid_for_children", cmd.Process.Pid), "/usr/sbin/chroot", base + "/fs/root"},
	}
	m.sshd = shelltest.StartSSHD(t, shelltest.SSHDOptions{Through: m.into, Dir: base + "/share"})
	m.ssh, err = shell.NewSSH(shell.SSHOptions{Keys: []secret.Text{m.sshd.Key}})
	require.NoError(t, err)
	m.web = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: m.dialWeb}}
	t.Cleanup(m.web.CloseIdleConnections)
	return m
}

func (m *machine) dialWeb(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", m.path("/run/web.sock"))
}

// path is where a file of the machine is.
func (m *machine) path(path string) string { return m.root + path }

// local reaches the machine without a network.
func (m *machine) local() shell.Local { return shell.Local{Through: m.into} }

// place is the machine as a server.
func (m *machine) place() provisioning.Place {
	config, _ := json.Marshal(map[string]any{"listen": []string{"unix:/run/web.sock"}, "ssh": m.sshd.Config()})
	return provisioning.Place{Server: "web1", Machine: "m1", Kind: "web", Config: config}
}

// options are those of a driver for the machine.
func (m *machine) options(access shell.Access) webhost.Options {
	opt := webhost.Options{Access: access, UIDMin: 20000, UIDMax: 29999,
		Logger: slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if m.quota {
		opt.QuotaOn = "/home"
	}
	return opt
}

func (m *machine) driver(t testing.TB, access shell.Access) *webhost.Driver {
	t.Helper()
	d, err := webhost.New(m.options(access))
	require.NoError(t, err)
	return d
}

// run runs a program on the machine as root and returns its output.
func (m *machine) run(ctx context.Context, path string, args ...string) (string, error) {
	r, err := m.local().Run(ctx, shell.Command{Path: path, Args: args})
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("%s %q: exit code %d: %s", path, args, r.Exit, r.Stderr)
	}
	return string(r.Stdout), err
}

// as runs a program with a customer's rights.
func (m *machine) as(ctx context.Context, uid int, path string, args ...string) (string, error) {
	return m.run(ctx, "/usr/bin/setpriv", append([]string{fmt.Sprint("--reuid=", uid), fmt.Sprint("--regid=", uid), "--clear-groups", path}, args...)...)
}

// get fetches a page by the host's name.
func (m *machine) get(ctx context.Context, host, path string) (status int, body string, err error) {
	return fetch(ctx, m.web, host, path)
}

func fetch(ctx context.Context, client *http.Client, host, path string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// uid is a user's number, 0 if there is none.
func (m *machine) uid(name string) int {
	raw, _ := os.ReadFile(m.path("/etc/passwd"))
	for line := range strings.Lines(string(raw)) {
		var uid int
		if rest, ok := strings.CutPrefix(line, name+":x:"); ok {
			_, _ = fmt.Sscanf(rest, "%d:", &uid)
			return uid
		}
	}
	return 0
}

// left lists what the machine has of a name, meters excepted, which come with each reading
// of another test and go with the next after a removal, and turns, which come with each call
// and go with the account.
func (m *machine) left(name string) ([]string, error) {
	var left []string
	for _, file := range []string{"passwd", "group", "shadow", "gshadow", "subuid", "subgid"} {
		raw, err := os.ReadFile(m.path("/etc/" + file))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(raw)) {
			if strings.HasPrefix(line, name+":") {
				left = append(left, file+": "+strings.TrimSpace(line))
			}
		}
	}
	if name == "" || strings.ContainsAny(name, "/\x00") || name[0] == '.' {
		return left, nil
	}
	for _, path := range []string{
		"/home/" + name, "/home/.tierhost-" + name, "/etc/nginx/conf.d/tierhost-" + name + ".conf", "/etc/nginx/conf.d/.tierhost-" + name + ".conf.new",
		"/var/log/nginx/sites/" + name + ".log", "/var/log/nginx/sites/" + name + ".log.1", "/var/lib/tierhost/accounts/" + name,
		"/var/spool/cron/crontabs/" + name, "/var/mail/" + name,
	} {
		if info, err := os.Lstat(m.path(path)); err == nil {
			left = append(left, fmt.Sprint(path, " ", info.Mode()))
		}
	}
	claims, _ := os.ReadDir(m.path("/var/lib/tierhost/domains"))
	for _, c := range claims {
		if to, _ := os.Readlink(m.path("/var/lib/tierhost/domains/" + c.Name())); to == name {
			left = append(left, "domain "+c.Name())
		}
	}
	tmp, _ := filepath.Glob(m.path("/var/lib/tierhost/.record." + name + ".*"))
	return append(left, tmp...), nil
}

// logs is a writer for several goroutines.
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
