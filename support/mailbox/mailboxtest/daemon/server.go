package daemon

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tierhost/tierhost/internal/testserver"
)

// Password is that of each user.
const Password = "for tests only"

// Returns is a domain whose mail is taken, and then returned to its sender.
const Returns = "returns.test"

// Mail is a pair of servers with mailboxes.
type Mail struct {
	dir     *testserver.Folder
	ca      *x509.CertPool
	ports   map[string]int
	uid     int
	gid     int
	dovecot *testserver.Process
	postfix *testserver.Process
}

const dovecot, postfix, master = "/usr/sbin/dovecot", "/usr/sbin/postfix", "/usr/lib/postfix/sbin/master"

// Start starts the servers with a mailbox for each address, and stops them when t ends. It
// skips or fails t if it cannot.
func Start(t testing.TB, addresses ...string) *Mail {
	t.Helper()
	m, err := start(addresses)
	testserver.Require(t, "mail server", err)
	t.Cleanup(m.stop)
	return m
}

func start(addresses []string) (*Mail, error) {
	for _, p := range []string{dovecot, postfix, master, "/usr/lib/dovecot/pop3", "/usr/lib/dovecot/imap"} {
		if !testserver.Executable(p) {
			return nil, fmt.Errorf("%w: %s", testserver.ErrNoPrograms, p)
		}
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: they are started by root only", testserver.ErrNoPrograms)
	}
	dir, err := testserver.NewFolder("tierhost-mail-", syscall.SIGTERM, "root")
	if err != nil {
		return nil, err
	}
	m := &Mail{dir: dir, ports: map[string]int{}}
	if err := m.begin(addresses); err != nil {
		log, _ := dir.Log()
		m.stop()
		return nil, fmt.Errorf("%w: %s", err, testserver.Tail(log))
	}
	return m, nil
}

func (m *Mail) begin(addresses []string) (err error) {
	if err := os.Chmod(m.dir.Path, 0o711); err != nil { //nolint:gosec // the servers' users pass through
		return err
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	if m.uid, err = strconv.Atoi(nobody.Uid); err != nil {
		return err
	}
	if m.gid, err = strconv.Atoi(nobody.Gid); err != nil {
		return err
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		return fmt.Errorf("%w: %w", testserver.ErrNoPrograms, err)
	}
	postfixUID, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	for name, uid := range map[string]int{"mail": m.uid, "run": 0, "spool": 0, "data": postfixUID, "etc": 0} {
		if err := os.Mkdir(m.dir.File(name), 0o755); err != nil { //nolint:gosec // the servers' users read it
			return err
		}
		if err := os.Chown(m.dir.File(name), uid, -1); err != nil {
			return err
		}
	}
	if err := m.findPorts("imap", "imaps", "pop3", "pop3s", "smtp"); err != nil {
		return err
	}
	if m.ca, err = certificate(m.dir.File("cert.pem"), m.dir.File("key.pem")); err != nil {
		return err
	}
	if err := m.writeDovecot(addresses); err != nil {
		return err
	}
	if err := m.writePostfix(addresses); err != nil {
		return err
	}
	if m.dovecot, err = m.dir.Start(m.answers("imap", "pop3"), dovecot, "-F", "-c", m.dir.File("dovecot.conf")); err != nil {
		return err
	}
	if err := m.dir.Run(exec.Command(postfix, "-c", m.dir.File("etc"), "check")); err != nil { // makes the folders of the queue
		return err
	}
	// Not by "postfix start-fg", which would stay between us and the server, and end without it.
	m.postfix, err = m.dir.Start(m.answers("smtp"), master, "-c", m.dir.File("etc"), "-d", "-s")
	return err
}

// findPorts finds a free port for each service.
func (m *Mail) findPorts(services ...string) error {
	for _, name := range services {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // when all are found, so that they differ
		m.ports[name] = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// answers asks for greetings.
func (m *Mail) answers(names ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, name := range names {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", m.Addr(name))
			if err != nil {
				return err
			}
			_, err = bufio.NewReader(conn).ReadString('\n')
			_ = conn.Close()
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func (m *Mail) stop() {
	for _, p := range []*testserver.Process{m.postfix, m.dovecot} {
		if p != nil {
			p.Stop()
		}
	}
	m.dir.Remove()
}

// Addr is the address of a service: "imap", "imaps", "pop3", "pop3s", or "smtp".
func (m *Mail) Addr(service string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(m.ports[service]))
}

// CA is the authority that the servers' certificate, for 127.0.0.1, is of.
func (m *Mail) CA() *x509.CertPool { return m.ca }

// Log returns what the servers have written so far.
func (m *Mail) Log() string {
	text, _ := m.dir.Log()
	return text
}

// Mails returns the mails in the folder INBOX of an address, in no order.
func (m *Mail) Mails(t testing.TB, address string) []string {
	t.Helper()
	var all []string
	for _, sub := range []string{"new", "cur"} {
		files, err := filepath.Glob(filepath.Join(m.dir.File("mail"), address, "Maildir", sub, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil && !os.IsNotExist(err) { // moved meanwhile
				t.Fatal(err)
			}
			all = append(all, string(text))
		}
	}
	return all
}

// Deliver puts a mail into the folder INBOX of an address, as a server would.
func (m *Mail) Deliver(t testing.TB, address, name, mail string) {
	t.Helper()
	box := filepath.Join(m.dir.File("mail"), address, "Maildir")
	for _, dir := range []string{"tmp", "new", "cur"} {
		if err := m.dir.Run(m.as("mkdir", "-p", filepath.Join(box, dir))); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(box, "tmp", name)
	if err := os.WriteFile(file, []byte(mail), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, m.uid, m.gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, filepath.Join(box, "new", name)); err != nil {
		t.Fatal(err)
	}
}

// as is a command that runs as the user whose the mailboxes are.
func (m *Mail) as(program string, args ...string) *exec.Cmd {
	return exec.Command("setpriv", slices.Concat([]string{"--reuid", strconv.Itoa(m.uid), "--regid", strconv.Itoa(m.gid), "--clear-groups", program}, args)...)
}

func (m *Mail) write(name, format string, args ...any) error {
	return os.WriteFile(m.dir.File(name), []byte(fmt.Sprintf(format, args...)), 0o644) //nolint:gosec // the servers' users read it
}

func domains(addresses []string) []string {
	var all []string
	for _, a := range addresses {
		_, domain, _ := strings.Cut(a, "@")
		if !slices.Contains(all, domain) {
			all = append(all, domain)
		}
	}
	return all
}
