package webhost_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/provisioning/webhost"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

var names atomic.Int64

func name() string { return fmt.Sprintf("t%d", names.Add(1)) }

// named puts the account's name in the place of NAME in specs: the suite uses one spec for
// many accounts, and a domain belongs to one.
type named struct{ provisioning.Driver }

func (n named) Unwrap() provisioning.Driver { return n.Driver }

func own(c provisioning.Call) provisioning.Call {
	label := strings.Trim(strings.ReplaceAll(strings.ToLower(c.Service.Name), "_", "-"), "-")
	c.Spec = json.RawMessage(strings.ReplaceAll(string(c.Spec), "NAME", label))
	if len(c.Spec) == 0 {
		c.Spec = nil
	}
	return c
}

func (n named) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return n.Driver.Ensure(ctx, own(c))
}

func (n named) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return n.Driver.Read(ctx, own(c))
}

func (n named) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return n.Driver.Suspend(ctx, own(c))
}

func (n named) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return n.Driver.Resume(ctx, own(c))
}

func (n named) Copy(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return n.Driver.(provisioning.Mover).Copy(ctx, from, own(c))
}

func (n named) Verify(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return n.Driver.(provisioning.Mover).Verify(ctx, from, own(c))
}

func (n named) Remove(ctx context.Context, c provisioning.Call) error {
	return n.Driver.Remove(ctx, own(c))
}

const (
	specA = `{"domains":["NAME.example.com","www.NAME.example.com"],"root":"www","disk_bytes":10485760}`
	specB = `{"domains":["NAME.bücher.example"],"root":"public/site","disk_bytes":20971520}`
)

// site is a machine, and another as the target of moves.
func (m *machine) site(t *testing.T, access func(*machine) shell.Access, target *machine) provisioningtest.Site {
	dead := m.place()
	dead.Server = "dead"
	dead.Config = json.RawMessage(strings.Replace(string(dead.Config), m.sshd.Addr, closed(t), 1))
	way := &late{Access: route{m: access(m), target: access(target)}, m: m}
	reach := func() shell.Access { return deadOr{way, m.ssh} }
	to := target.place()
	to.Server = "target"
	on := func(c provisioning.Call) *machine {
		if c.Server.Server == "target" {
			return target
		}
		return m
	}
	return provisioningtest.Site{
		Driver: named{m.driver(t, reach())}, Place: m.place(), Kind: "web", Name: name, Dead: &dead,
		Again: func() provisioning.Driver { return named{m.driver(t, reach())} },
		Twins: func() (string, string) { n := name(); return n, n + "-1" },
		A:     json.RawMessage(specA), B: json.RawMessage(specB), Silent: json.RawMessage(`{}`),
		Bad: []json.RawMessage{
			json.RawMessage(`{"domains":["*.example.com"]}`), json.RawMessage(`{"domains":["a.example; return 200"]}`), json.RawMessage(`{"domains":["192.0.2.1"]}`),
			json.RawMessage(`{"domains":["a.example","A.example"]}`), json.RawMessage(`{"domains":["localhost"]}`), json.RawMessage(`{"root":"../other"}`),
			json.RawMessage(`{"root":"/etc"}`), json.RawMessage(`{"root":"a b"}`), json.RawMessage(`{"root":"$host"}`), json.RawMessage(`{"root":".ssh"}`), json.RawMessage(`{"root":""}`),
			json.RawMessage(`{"disk_bytes":-1}`),
		},
		Hostile: []string{"root", "www-data", "nobody", "sshd", "tierhost-x", "0", "x0", strings.Repeat("x", 32), strings.Repeat("x", 33), "a-", "a--b", "000"},
		Use: func(ctx context.Context, c provisioning.Call, password string) error {
			return on(c).use(ctx, c, password)
		},
		Check: func(ctx context.Context, c provisioning.Call) error { return on(c).check(ctx, c) },
		Put: func(_ context.Context, c provisioning.Call, text string) error {
			path := on(c).path("/home/" + c.Service.Name + "/content.txt")
			return errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chown(path, on(c).uid(c.Service.Name), on(c).uid(c.Service.Name)))
		},
		Get: func(_ context.Context, c provisioning.Call) (string, error) {
			text, err := os.ReadFile(on(c).path("/home/" + c.Service.Name + "/content.txt"))
			return string(text), err
		},
		Target: &to,
		Left:   func(_ context.Context, name string) ([]string, error) { return m.left(name) },
		Halves: map[string]func(context.Context, provisioning.Call) error{
			"a record only":   m.half(t, "domains"),
			"a user, no home": m.half(t, "home"),
			"no site":         m.half(t, "vhost"),
			"all but the end": m.half(t, "record"),
			"half removed": func(ctx context.Context, c provisioning.Call) error {
				if _, err := (named{m.driver(t, m.local())}).Ensure(ctx, c); err != nil {
					return err
				}
				cut := &breaking{Access: m.local(), point: -1, before: "remove", how: provisioningtest.Cut, reached: make(chan struct{})}
				if err := (named{m.driver(t, cut)}).Remove(ctx, c); err == nil {
					return errors.New("the removal was not cut off")
				}
				return nil
			},
		},
		Foreign: func(ctx context.Context, c provisioning.Call) error {
			_, err := m.run(ctx, "/usr/sbin/useradd", "-m", "-K", "UID_MIN=20000", "-K", "UID_MAX=29999", c.Service.Name)
			return err
		},
		Trespass: m.trespass, Escape: m.escape, Fill: m.fill,
		Break: func(t *testing.T, point int, how provisioningtest.Fault) provisioningtest.Broken {
			b := &breaking{Access: access(m), point: point, how: how, reached: make(chan struct{}), late: way}
			return provisioningtest.Broken{Driver: named{m.driver(t, b)}, Reached: b.reached}
		},
		Logs: func(context.Context) (string, error) {
			errorLog, err := os.ReadFile(m.path("/var/log/nginx/error.log"))
			return m.log.String() + string(errorLog), err
		},
	}
}

func closed(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// route reaches the place called target by another way than others.
type route struct{ m, target shell.Access }

func (r route) Open(ctx context.Context, on provisioning.Place) (shell.Session, error) {
	if on.Server == "target" {
		return r.target.Open(ctx, on)
	}
	return r.m.Open(ctx, on)
}

// deadOr reaches the place called dead, where nobody is, over SSH.
type deadOr struct {
	shell.Access
	dead shell.Access
}

func (d deadOr) Open(ctx context.Context, on provisioning.Place) (shell.Session, error) {
	if on.Server == "dead" {
		return d.dead.Open(ctx, on)
	}
	return d.Access.Open(ctx, on)
}

// breaking is an access that breaks before (2n) or after (2n+1) its n-th program, or
// before a script that is run after the home was made or the account begun to be removed.
type breaking struct {
	shell.Access
	point   int
	before  string
	how     provisioningtest.Fault
	reached chan struct{}
	// late gets the program at whose point the driver's process is gone; nil: it is run.
	late *late

	mu     sync.Mutex
	ran    int
	broken bool
}

func (b *breaking) Open(ctx context.Context, on provisioning.Place) (shell.Session, error) {
	s, err := b.Access.Open(ctx, on)
	return &breakingSession{s, b}, err
}

type breakingSession struct {
	shell.Session
	b *breaking
}

var errBroken = errors.New("the connection broke")

// at is what happens at a point of the way: nil if nothing.
func (b *breaking) at(ctx context.Context, point int, effect tierhost.Effect) error {
	b.mu.Lock()
	if point != b.point && !b.broken {
		b.mu.Unlock()
		return nil
	}
	if !b.broken {
		b.broken = true
		close(b.reached)
	}
	b.mu.Unlock()
	if b.how == provisioningtest.Hang {
		<-ctx.Done()
		return tierhost.Fail(tierhost.KindUnavailable, effect, ctx.Err())
	}
	return tierhost.Fail(tierhost.KindUnavailable, effect, errBroken)
}

func (s *breakingSession) Run(ctx context.Context, c shell.Command) (shell.Result, error) {
	s.b.mu.Lock()
	n := s.b.ran
	s.b.ran++
	if s.b.before == c.Args[2] && !(c.Args[2] == "record" && n < 2) {
		s.b.point = 2 * n
	}
	s.b.mu.Unlock()
	if err := s.b.at(ctx, 2*n, tierhost.EffectNone); err != nil {
		return shell.Result{}, err
	}
	if s.b.how == provisioningtest.Leave && s.b.point == 2*n+1 {
		s.b.late.leave(c)
		return shell.Result{}, s.b.at(ctx, 2*n+1, tierhost.EffectUnknown)
	}
	r, err := s.Session.Run(ctx, c)
	if err := s.b.at(ctx, 2*n+1, tierhost.EffectUnknown); err != nil {
		return shell.Result{}, err
	}
	return r, err
}

// late is an access on which programs are late whose driver's process is gone: some run
// beside the next call, others when that has done all its work already.
type late struct {
	shell.Access
	m *machine

	mu   sync.Mutex
	left []shell.Command
	n    int
}

func (l *late) leave(c shell.Command) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = append(l.left, c)
}

func (l *late) Open(ctx context.Context, on provisioning.Place) (shell.Session, error) {
	s, err := l.Access.Open(ctx, on)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.left
	l.left = nil
	if len(left) > 0 {
		l.n++
	}
	run := func() {
		for _, c := range left {
			_, _ = l.m.local().Run(context.Background(), c)
		}
	}
	if l.n%2 == 0 {
		return lateSession{s, run}, nil
	}
	var beside sync.WaitGroup
	beside.Go(run)
	return lateSession{s, beside.Wait}, nil
}

type lateSession struct {
	shell.Session
	run func()
}

func (s lateSession) Close() error {
	s.run()
	return s.Session.Close()
}

// half leaves what Ensure has made before it runs a script: the second of the name record.
func (m *machine) half(t *testing.T, script string) func(context.Context, provisioning.Call) error {
	return func(ctx context.Context, c provisioning.Call) error {
		cut := &breaking{Access: m.local(), point: -1, before: script, how: provisioningtest.Cut, reached: make(chan struct{})}
		if _, err := (named{m.driver(t, cut)}).Ensure(ctx, c); !errors.Is(err, errBroken) {
			return fmt.Errorf("it was not cut off: %w", err)
		}
		return nil
	}
}

// record is what the driver keeps of an account, and what it observes.
type record struct {
	Suspended bool
	Spec      webhost.Spec
}

func (m *machine) record(name string) (record, error) {
	var r record
	raw, err := os.ReadFile(m.path("/var/lib/tierhost/accounts/" + name))
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, err
}

// use logs in with the password for SFTP, puts a page into the site, and looks at it as the
// public does.
func (m *machine) use(ctx context.Context, c provisioning.Call, password string) error {
	r, err := m.record(c.Service.Name)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := m.login(c.Service.Name, ssh.Password(password)); err == nil {
			return errors.New("a login works without an account")
		}
		return fmt.Errorf("no account: %w", provisioningtest.ErrRefused)
	}
	if err != nil {
		return err
	}
	client, loginErr := m.login(c.Service.Name, ssh.Password(password))
	if loginErr != nil && !strings.Contains(loginErr.Error(), "unable to authenticate") {
		return loginErr
	}
	page := "/" + name() + ".html"
	if loginErr == nil {
		defer client.Close()
		if err := sftp(client); err != nil {
			return fmt.Errorf("SFTP: %w", err)
		}
		home, err := os.OpenRoot(m.path("/home/" + c.Service.Name))
		if err != nil {
			return err
		}
		defer home.Close()
		at := *r.Spec.Root + page
		if err := errors.Join(home.WriteFile(at, []byte("page of "+c.Service.Name), 0o644), home.Chown(at, m.uid(c.Service.Name), m.uid(c.Service.Name))); err != nil {
			return err
		}
	}
	served := 0
	for _, domain := range r.Spec.Domains {
		status, body, err := m.get(ctx, domain, page)
		switch {
		case err != nil:
			return err
		case status == http.StatusOK && body == "page of "+c.Service.Name:
			served++
		case status == http.StatusServiceUnavailable && !strings.Contains(body, c.Service.Name) && strings.Contains(body, "suspended"):
		case status == http.StatusNotFound && loginErr != nil:
		default:
			return fmt.Errorf("%s answers %d: %s", domain, status, body)
		}
	}
	switch {
	case r.Suspended && (served > 0 || loginErr == nil):
		return fmt.Errorf("suspended, and yet %d domains are served, login: %w", served, loginErr)
	case loginErr != nil:
		return fmt.Errorf("login: %w: %w", loginErr, provisioningtest.ErrRefused)
	case served < len(r.Spec.Domains):
		return errors.New("the login works, the site does not")
	}
	return nil
}

func (m *machine) login(user string, how ssh.AuthMethod) (*ssh.Client, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(m.sshd.HostKey))
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", m.sshd.Addr, &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{how}, HostKeyCallback: ssh.FixedHostKey(key), Timeout: 20 * time.Second})
}

// sftp begins a session of SFTP: version 3 asked for and answered.
func sftp(client *ssh.Client) error {
	_, err := sftpPipe(client)
	return err
}

type pipe struct {
	io.WriteCloser
	io.Reader
}

func sftpPipe(client *ssh.Client) (*pipe, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	in, err1 := session.StdinPipe()
	out, err2 := session.StdoutPipe()
	if err := errors.Join(err1, err2, session.RequestSubsystem("sftp")); err != nil {
		return nil, err
	}
	p := &pipe{in, out}
	if _, err := in.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3}); err != nil {
		return nil, err
	}
	_, err = p.packet()
	return p, err
}

func (p *pipe) packet() ([]byte, error) {
	var size uint32
	if err := binary.Read(p, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	if size > 1<<16 {
		return nil, fmt.Errorf("a packet of %d bytes", size)
	}
	body := make([]byte, size)
	_, err := io.ReadFull(p, body)
	return body, err
}

// realpath asks for the directory one is in.
func (p *pipe) realpath() error {
	if _, err := p.Write([]byte{0, 0, 0, 10, 16, 0, 0, 0, 1, 0, 0, 0, 1, '.'}); err != nil {
		return err
	}
	_, err := p.packet()
	return err
}

// check looks whether an account is as a spec says, by the server's own means.
func (m *machine) check(ctx context.Context, c provisioning.Call) error {
	c = own(c)
	spec, err := provisioning.DecodeSpec[webhost.Spec](c.Spec)
	if err != nil {
		return err
	}
	home := m.path("/home/" + c.Service.Name)
	info, err := os.Stat(home)
	if err != nil {
		return err
	}
	if info.Mode().Perm() != 0o710 {
		return fmt.Errorf("the home's mode is %v", info.Mode())
	}
	if m.uid(c.Service.Name) == 0 {
		return errors.New("there is no user")
	}
	for _, domain := range spec.Domains {
		domain = strings.ReplaceAll(domain, "bücher", "xn--bcher-kva")
		status, _, err := m.get(ctx, domain, "/")
		if err != nil || status == http.StatusMisdirectedRequest {
			return fmt.Errorf("%s answers %d, %w", domain, status, err)
		}
	}
	if spec.Domains != nil {
		conf, err := os.ReadFile(m.path("/etc/nginx/conf.d/tierhost-" + c.Service.Name + ".conf"))
		if err != nil || strings.Count(string(conf), c.Service.Name+".example.com") > 0 != slices.Contains(spec.Domains, c.Service.Name+".example.com") {
			return fmt.Errorf("the site has other names: %s, %w", conf, err)
		}
	}
	if spec.Root != nil {
		if _, err := os.Stat(home + "/" + *spec.Root); err != nil {
			return err
		}
	}
	if spec.DiskBytes != nil && m.quota {
		out, err := m.run(ctx, "/usr/sbin/repquota", "-u", "-v", "-O", "csv", "/home")
		if err != nil {
			return err
		}
		for line := range strings.Lines(out) {
			if f := strings.Split(line, ","); f[0] == c.Service.Name && f[5] != fmt.Sprint((*spec.DiskBytes+1023)/1024) {
				return fmt.Errorf("the quota is %s KiB", f[5])
			}
		}
	}
	return nil
}

// trespass tries what a customer might to get at another's files.
func (m *machine) trespass(ctx context.Context, as provisioning.Call, _ string, other provisioning.Call) error {
	uid, mine, theirs := m.uid(as.Service.Name), "/home/"+as.Service.Name, "/home/"+other.Service.Name
	r, err := m.record(as.Service.Name)
	if err != nil {
		return err
	}
	for _, attempt := range [][]string{
		{"/bin/cat", theirs + "/content.txt"}, {"/bin/ls", theirs}, {"/bin/sh", "-c", "echo mine >" + theirs + "/content.txt"}, {"/bin/rm", "-f", theirs + "/content.txt"},
		{"/bin/sh", "-c", "cat " + theirs + "/*/*.html"}, {"/bin/cat", "/var/lib/tierhost/accounts/" + other.Service.Name}, {"/bin/cat", "/var/log/nginx/sites/" + other.Service.Name + ".log"},
		{"/bin/mv", theirs, theirs + "x"}, {"/bin/rm", "-rf", "/var/lib/tierhost"}, {"/bin/rm", "-f", "/etc/nginx/conf.d/tierhost-" + other.Service.Name + ".conf"},
		{"/bin/cat", "/etc/nginx/conf.d/tierhost-" + other.Service.Name + ".conf"},
	} {
		if out, err := m.as(ctx, uid, attempt[0], attempt[1:]...); err == nil && attempt[0] != "/bin/ls" || err == nil && out != "" {
			return fmt.Errorf("%q works: %s", attempt, out)
		}
	}
	// And by the web server, which may read more than the customer.
	if err := os.Chmod(m.path(theirs+"/content.txt"), 0o644); err != nil {
		return err
	}
	root := mine + "/" + *r.Spec.Root
	for i, link := range [][]string{{theirs + "/content.txt", root + "/steal.txt"}, {theirs, root + "/steal"}, {"/etc/passwd", root + "/passwd"}, {"../../" + other.Service.Name, root + "/up"}} {
		if _, err := m.as(ctx, uid, "/bin/ln", "-sfn", link[0], link[1]); err != nil {
			return err
		}
		path := []string{"/steal.txt", "/steal/content.txt", "/passwd", "/up/content.txt"}[i]
		status, body, err := m.get(ctx, r.Spec.Domains[0], path)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			return fmt.Errorf("the web server gives out %s: %s", path, body)
		}
	}
	return fmt.Errorf("all of it: %w", provisioningtest.ErrRefused)
}

// escape keeps a session of SFTP, a connection to the site and a program running.
func (m *machine) escape(ctx context.Context, c provisioning.Call, password string) (func(context.Context) error, error) {
	r, err := m.record(c.Service.Name)
	if err != nil {
		return nil, err
	}
	client, err := m.login(c.Service.Name, ssh.Password(password))
	if err != nil {
		return nil, err
	}
	sftp, err := sftpPipe(client)
	if err == nil {
		err = sftp.realpath()
	}
	if err != nil {
		return nil, err
	}
	uid := m.uid(c.Service.Name)
	if _, err := m.as(ctx, uid, "/bin/sh", "-c", "setsid sh -c 'trap \"\" HUP TERM INT; while :; do sleep 1; done' >/dev/null 2>&1 </dev/null & mkdir -p /tmp/of-"+c.Service.Name); err != nil {
		return nil, err
	}
	kept := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: m.dialWeb, MaxIdleConnsPerHost: 1}}
	if _, _, err := fetch(ctx, kept, r.Spec.Domains[0], "/"); err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey([]byte(m.sshd.Key.Reveal()))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		defer client.Close()
		defer kept.CloseIdleConnections()
		if sftp.realpath() == nil {
			return errors.New("the session of SFTP goes on")
		}
		if status, body, err := fetch(ctx, kept, r.Spec.Domains[0], "/"); err == nil && status != http.StatusServiceUnavailable && status != http.StatusMisdirectedRequest {
			return fmt.Errorf("the site answers %d: %s", status, body)
		}
		if out, err := m.run(ctx, "/bin/sh", "-c", fmt.Sprintf("ps -U %d -o stat=,args= | grep -v '^Z' || true", uid)); err != nil || out != "" {
			return fmt.Errorf("something still runs: %q, %w", out, err)
		}
		if again, err := m.login(c.Service.Name, ssh.PublicKeys(signer)); err == nil {
			_ = again.Close()
			return errors.New("a login by key works")
		}
		return fmt.Errorf("all of it: %w", provisioningtest.ErrRefused)
	}, nil
}

// fill puts a file into the home and asks for the site's pages.
func (m *machine) fill(ctx context.Context, c provisioning.Call, _ string) error {
	r, err := m.record(c.Service.Name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.path("/home/"+c.Service.Name+"/more"), make([]byte, 100_000), 0o600); err != nil {
		return err
	}
	for range 3 {
		if _, _, err := m.get(ctx, r.Spec.Domains[0], "/nothing"); err != nil {
			return err
		}
	}
	return nil
}

// harness is the driver on machines in turn: one reloads its nginx for all its accounts, and
// takes more than 0.1 s for it.
func harness(access func(*machine) shell.Access, machines ...*machine) provisioningtest.DriverHarness {
	var n atomic.Int64
	return provisioningtest.DriverHarness{
		Patience: 5 * time.Minute, // eight accounts at once wait for one nginx, on a busy machine
		New: func(t *testing.T) provisioningtest.Site {
			i := int(n.Add(1))
			return machines[i%len(machines)].site(t, access, machines[(i+1)%len(machines)])
		},
		Features: provisioningtest.Features{Lists: true, Probes: true, Passwords: true, Moves: true, ChecksSpecs: true,
			Meters: map[string]provisioning.Metric{webhost.DiskBytes: provisioning.Gauge, webhost.TrafficBytes: provisioning.Counter}},
	}
}

// Every rule of drivers, with a real nginx, real users and a real sshd.
func TestDriver(t *testing.T) {
	t.Parallel()
	machines := []*machine{startMachine(t), startMachine(t), startMachine(t), startMachine(t)}
	provisioningtest.TestDriver(t, harness(func(m *machine) shell.Access { return m.local() }, machines...))
}

// The same driver over SSH, by the rules for which the way matters.
func TestDriverOverSSH(t *testing.T) {
	t.Parallel()
	h := harness(func(m *machine) shell.Access { return m.ssh }, startMachine(t), startMachine(t))
	for _, r := range provisioningtest.DriverRules() {
		if slices.Contains([]string{"ENS-1", "ENS-7", "PWD-2", "SUS-1", "REM-1", "LIS-1", "USE-2", "CTX-1", "PRB-1", "PRB-2", "SEC-2", "MOV-1", "MOV-2"}, r.ID) {
			conformance.Run(t, h, []provisioningtest.DriverRule{r})
		}
	}
}
