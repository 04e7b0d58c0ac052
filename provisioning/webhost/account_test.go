package webhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/testserver"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/provisioning/webhost"
	"github.com/tierhost/tierhost/secret"
)

const password = "Pw-xQ7!-of-a-test"

func (m *machine) call(id, name, spec string) provisioning.Call {
	return provisioning.Call{Operation: "op-" + id, Server: m.place(), Spec: json.RawMessage(spec), Password: secret.New(password),
		Service: provisioning.Subject{ID: provisioning.ServiceID(id), Kind: "web", Name: name}}
}

func ensured(t *testing.T, d provisioning.Driver, c provisioning.Call) provisioning.Observation {
	t.Helper()
	o, err := d.Ensure(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, provisioning.Present, o.Presence)
	require.True(t, o.Matches)
	return o
}

// The life of an account, as its customer and the public see it.
func TestLife(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.ssh) // as on another machine
	ann := m.call("svc_1", "ann", `{"domains":["Bücher.example","www.bücher.example."],"disk_bytes":1000000}`)
	bob := m.call("svc_2", "bob", `{"domains":["bob.example"]}`)
	for range 2 {
		o := ensured(t, d, ann)
		require.JSONEq(t, `{"domains":["xn--bcher-kva.example","www.xn--bcher-kva.example"],"root":"www","disk_bytes":1000000}`, string(o.Spec))
		require.JSONEq(t, `{"user":"ann","home":"/home/ann","root":"/home/ann/www","domains":["xn--bcher-kva.example","www.xn--bcher-kva.example"]}`, string(o.Facts))
	}
	ensured(t, d, bob)
	require.NoError(t, m.use(ctx, ann, password))

	// The catch-all answers for names that nobody has.
	status, body, err := m.get(ctx, "nobody.example", "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusMisdirectedRequest, status)
	require.NotContains(t, body, "ann")
	// Hidden files are not shown, but what certificates need is.
	_, err = m.as(ctx, m.uid("bob"), "/bin/sh", "-c", "cd /home/bob/www && mkdir -p .git .well-known && echo secret >.git/config && echo proof >.well-known/x && echo secret >.htpasswd")
	require.NoError(t, err)
	for path, want := range map[string]int{"/.git/config": 404, "/.htpasswd": 404, "/.well-known/x": 200} {
		status, _, err = m.get(ctx, "bob.example", path)
		require.NoError(t, err)
		require.Equal(t, want, status, path)
	}

	for range 2 {
		o, err := d.Suspend(ctx, ann)
		require.NoError(t, err)
		require.Equal(t, provisioning.Suspended, o.Presence)
		require.ErrorIs(t, m.use(ctx, ann, password), provisioningtest.ErrRefused)
		require.NoError(t, m.use(ctx, bob, password))
	}
	// Domains that a change takes away are free at once, on a suspended account too.
	ann.Spec, ann.Password = json.RawMessage(`{"domains":["ann.example"]}`), secret.Text{}
	o, err := d.Ensure(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, provisioning.Suspended, o.Presence)
	bob.Spec = json.RawMessage(`{"domains":["bob.example","xn--bcher-kva.example"]}`)
	ensured(t, d, bob)
	require.NoError(t, m.use(ctx, bob, password))
	for range 2 {
		o, err = d.Resume(ctx, ann)
		require.NoError(t, err)
		require.Equal(t, provisioning.Present, o.Presence)
		require.NoError(t, m.use(ctx, ann, password))
	}
	// An account without a site is one for files only.
	bob.Spec = json.RawMessage(`{"domains":[]}`)
	ensured(t, d, bob)
	status, _, err = m.get(ctx, "bob.example", "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusMisdirectedRequest, status)

	for range 2 {
		require.NoError(t, d.Remove(ctx, ann))
		left, err := m.left("ann")
		require.NoError(t, err)
		require.Empty(t, left)
		require.NoFileExists(t, m.path("/var/lib/tierhost/turns/ann"))
	}
	status, _, err = m.get(ctx, "ann.example", "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusMisdirectedRequest, status)
	require.NoError(t, m.use(ctx, bob, password))
}

// A domain belongs to one account, whoever comes at the same time.
func TestDomainsBelongToOne(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.local())
	ensured(t, d, m.call("svc_1", "ann", `{"domains":["taken.example"]}`))
	_, err := d.Ensure(ctx, m.call("svc_2", "bob", `{"domains":["free.example","TAKEN.example"]}`))
	require.Equal(t, "domain_taken", tierhost.CodeOf(err), "%v", err)
	require.ErrorIs(t, err, tierhost.ErrExists)
	require.ErrorContains(t, err, "taken.example")
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	left, err := m.left("bob")
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoFileExists(t, m.path("/var/lib/tierhost/turns/bob"))

	const n = 6
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			_, errs[i] = d.Ensure(ctx, m.call(fmt.Sprint("svc_r", i), fmt.Sprint("racer", i), fmt.Sprintf(`{"domains":["own%d.example","wanted.example"]}`, i)))
		})
	}
	all.Wait()
	won := 0
	for i, err := range errs {
		left, leftErr := m.left(fmt.Sprint("racer", i))
		require.NoError(t, leftErr)
		if err == nil {
			won++
			continue
		}
		require.Equal(t, "domain_taken", tierhost.CodeOf(err), "%v", err)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
		require.Empty(t, left)
	}
	require.Equal(t, 1, won)
}

// A file that nginx refuses goes back, and hurts nobody.
func TestBadConfigurationIsTakenBack(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, good := t.Context(), m.driver(t, m.local())
	opt := m.options(m.local())
	opt.Template = "{{if eq .Name `bad`}}no such directive;{{end}}\n" + webhost.DefaultTemplate
	d, err := webhost.New(opt)
	require.NoError(t, err)
	ann := m.call("svc_1", "ann", `{"domains":["ann.example"]}`)
	ensured(t, d, ann)
	bad := m.call("svc_2", "bad", `{"domains":["bad.example"]}`)
	for range 2 {
		_, err = d.Ensure(ctx, bad)
		require.Equal(t, "nginx_refuses", tierhost.CodeOf(err), "%v", err)
		require.ErrorIs(t, err, tierhost.ErrPrecondition)
		require.ErrorContains(t, err, "unknown directive")
		require.NoError(t, m.use(ctx, ann, password))
		o, err := good.Read(ctx, bad)
		require.NoError(t, err)
		require.Equal(t, provisioning.Partial, o.Presence)
	}
	// With a good template it comes to its end; a bad change of it leaves what was.
	bad.Spec = json.RawMessage(`{"domains":["bad.example"],"root":"a"}`)
	ensured(t, good, bad)
	require.NoError(t, m.use(ctx, bad, password))
	changed := bad
	changed.Spec = json.RawMessage(`{"domains":["worse.example"],"root":"b"}`)
	_, err = d.Ensure(ctx, changed)
	require.Equal(t, "nginx_refuses", tierhost.CodeOf(err))
	require.NoError(t, m.use(ctx, bad, password))

	// Broken by the host itself: nothing is changed, and nothing of ours taken back.
	broken := m.path("/etc/nginx/conf.d/hosts-own.conf")
	require.NoError(t, os.WriteFile(broken, []byte("oops;\n"), 0o600))
	ann.Spec = json.RawMessage(`{"domains":["ann.example","more.example"]}`)
	_, err = d.Ensure(ctx, ann)
	require.Equal(t, "nginx_broken", tierhost.CodeOf(err), "%v", err)
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.ErrorContains(t, err, "hosts-own.conf")
	require.Error(t, d.Probe(ctx, m.place()))
	require.NoError(t, os.Remove(broken))
	require.NoError(t, d.Probe(ctx, m.place()))
	ensured(t, d, ann)
	require.NoError(t, m.use(ctx, ann, password))

	// Without nginx.
	_, err = m.run(ctx, "/bin/sh", "-c", "kill -QUIT $(cat /run/nginx.pid); while [ -e /run/nginx.pid ]; do sleep 0.05; done")
	require.NoError(t, err)
	_, err = d.Suspend(ctx, ann)
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.ErrorContains(t, err, "nginx does not run")
	require.Error(t, d.Probe(ctx, m.place()))
	_, err = m.run(ctx, "/usr/sbin/nginx")
	require.NoError(t, err)
	o, err := d.Suspend(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, provisioning.Suspended, o.Presence)

	// As long as nginx is broken a resumption changes nothing.
	require.NoError(t, os.WriteFile(broken, []byte("oops;\n"), 0o600))
	_, err = d.Resume(ctx, ann)
	require.Equal(t, "nginx_broken", tierhost.CodeOf(err), "%v", err)
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	o, err = d.Read(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, provisioning.Suspended, o.Presence)
	require.ErrorIs(t, m.use(ctx, ann, password), provisioningtest.ErrRefused)
	require.NoError(t, os.Remove(broken))
	o, err = d.Resume(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, provisioning.Present, o.Presence)
	require.NoError(t, m.use(ctx, ann, password))
}

// killer is an access on which the n-th of the programs that scripts change things with
// kills the script, at once and with all it started, instead of running.
type killer struct{ shell.Local }

func (k killer) Open(context.Context, provisioning.Place) (shell.Session, error) {
	return killerSession(k), nil
}

type killerSession struct{ shell.Local }

func (killerSession) Close() error { return nil }

func (k killerSession) Run(ctx context.Context, c shell.Command) (shell.Result, error) {
	c.Env = append(c.Env, "PATH=/shims:/usr/sbin:/usr/bin:/sbin:/bin")
	return k.Local.Run(ctx, c)
}

// aim lets the n-th program kill its script, and tells afterwards whether it did.
func (m *machine) aim(t *testing.T, n int) (hit func() bool) {
	t.Helper()
	dir := m.path("/shims")
	if _, err := os.Stat(dir); err != nil {
		require.NoError(t, os.Mkdir(dir, 0o755))
		for _, tool := range []string{"mv", "ln", "rm", "cp", "mkdir", "chown", "chmod", "chgrp", "usermod", "chpasswd", "userdel", "find", "setquota", "sleep", "sync"} {
			shim := `#!/bin/sh
n=$(/usr/bin/wc -c </shims/count)
printf x >>/shims/count
[ "$n" -ne "$(/bin/cat /shims/aim)" ] || { : >/shims/hit; kill -KILL 0; }
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec ` + tool + ` "$@"
`
			testserver.Program(t, dir+"/"+tool, shim)
		}
	}
	_ = os.Remove(dir + "/hit")
	require.NoError(t, os.WriteFile(dir+"/count", nil, 0o600))
	require.NoError(t, os.WriteFile(dir+"/aim", fmt.Appendln(nil, n), 0o600))
	return func() bool { _, err := os.Stat(dir + "/hit"); return err == nil }
}

// allPoints is the environment variable with which scripts are killed at each point, which
// takes minutes, and not at a sample that is another each time.
const allPoints = "TIERHOST_ALL_POINTS"

// Scripts killed before their steps: what they leave is the service's, others are served,
// and the repetition comes to the same end.
func TestKilledWithinScripts(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, sound, killed := t.Context(), m.driver(t, m.local()), m.driver(t, killer{m.local()})
	other := m.call("svc_other", "other", `{"domains":["other.example"]}`)
	ensured(t, sound, other)
	const a, b = `{"domains":["a.example","b.example"],"disk_bytes":1000000}`, `{"domains":["b.example","c.example"],"root":"public","disk_bytes":2000000}`
	ann := m.call("svc_1", "ann", a)
	points := map[string]int{}
	stride := 6
	if os.Getenv(allPoints) != "" {
		stride = 1
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, every %d. point", seed, stride)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, step := range []struct {
		name   string
		before func()
		do     func(d *webhost.Driver) error
		after  func(what string)
	}{
		{"make", func() { require.NoError(t, sound.Remove(ctx, ann)) },
			func(d *webhost.Driver) error { _, err := d.Ensure(ctx, ann); return err },
			func(what string) { require.NoError(t, m.use(ctx, ann, password), what) }},
		{"change", func() { ensured(t, sound, m.call("svc_1", "ann", a)) },
			func(d *webhost.Driver) error { _, err := d.Ensure(ctx, m.call("svc_1", "ann", b)); return err },
			func(what string) {
				require.NoError(t, m.use(ctx, ann, password), what)
				require.NoError(t, m.check(ctx, m.call("svc_1", "ann", b)), what)
			}},
		{"suspend", func() { _, err := sound.Resume(ctx, ann); require.NoError(t, err) },
			func(d *webhost.Driver) error { _, err := d.Suspend(ctx, ann); return err },
			func(what string) { require.ErrorIs(t, m.use(ctx, ann, password), provisioningtest.ErrRefused, what) }},
		{"resume", func() { _, err := sound.Suspend(ctx, ann); require.NoError(t, err) },
			func(d *webhost.Driver) error { _, err := d.Resume(ctx, ann); return err },
			func(what string) { require.NoError(t, m.use(ctx, ann, password), what) }},
		{"remove", func() { ensured(t, sound, ann) },
			func(d *webhost.Driver) error { return d.Remove(ctx, ann) },
			func(what string) {
				left, err := m.left("ann")
				require.NoError(t, err)
				require.Empty(t, left, what)
			}},
	} {
		for point := random.IntN(stride); ; point += stride {
			what := fmt.Sprintf("%s, killed before program %d", step.name, point)
			step.before()
			was, err := m.left("ann")
			require.NoError(t, err)
			hit := m.aim(t, point)
			err = step.do(killed)
			if !hit() {
				require.NoError(t, err, what)
				step.after(what)
				points[step.name] = point
				break
			}
			// Where the program's end does not matter, the call may have gone on.
			if err != nil {
				require.ErrorIs(t, err, tierhost.ErrUnavailable, what)
			}
			if err != nil && tierhost.EffectOf(err) == tierhost.EffectNone {
				now, err := m.left("ann")
				require.NoError(t, err)
				require.Equal(t, was, now, what)
			}
			o, err := sound.Read(ctx, ann)
			require.NoError(t, err, what)
			if o.Presence != provisioning.Absent {
				require.Equal(t, ann.Service.ID, o.Owner, what)
			}
			status, _, err := m.get(ctx, "other.example", "/")
			require.NoError(t, err, what)
			require.Equal(t, http.StatusForbidden, status, what) // an empty site
			require.NoError(t, step.do(sound), what+", repeated")
			step.after(what + ", repeated")
		}
	}
	require.NoError(t, m.use(ctx, other, password))
	t.Logf("programs: %v", points)
	for name, n := range points {
		require.Greater(t, n, 3, name)
	}
}

// What is different from what it should be is seen, and put right.
func TestDrift(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.local())
	ann := m.call("svc_1", "ann", `{"domains":["ann.example"],"disk_bytes":1000000}`)
	ensured(t, d, ann)
	_, err := m.as(ctx, m.uid("ann"), "/bin/sh", "-c", "echo hello >/home/ann/www/index.html")
	require.NoError(t, err)
	uid := m.uid("ann")
	conf := m.path("/etc/nginx/conf.d/tierhost-ann.conf")
	for _, c := range []struct {
		name     string
		break_   func() error
		presence provisioning.Presence
	}{
		{"the site's file is edited", func() error {
			f, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("# by hand\n")
			return errors.Join(err, f.Close())
		}, provisioning.Present},
		{"the site's file is gone", func() error { return os.Remove(conf) }, provisioning.Partial},
		{"a domain is not claimed", func() error { return os.Remove(m.path("/var/lib/tierhost/domains/ann.example")) }, provisioning.Present},
		{"the user is gone", func() error { _, err := m.run(ctx, "/usr/sbin/userdel", "-f", "ann"); return err }, provisioning.Partial},
	} {
		require.NoError(t, c.break_(), c.name)
		o, err := d.Read(ctx, ann)
		require.NoError(t, err)
		require.Equal(t, c.presence, o.Presence, c.name)
		require.False(t, o.Matches, c.name)
		ensured(t, d, ann)
		status, body, err := m.get(ctx, "ann.example", "/")
		require.NoError(t, err)
		require.Equal(t, []any{http.StatusOK, "hello\n"}, []any{status, body}, c.name)
		require.Equal(t, uid, m.uid("ann"), c.name)
		require.NoError(t, m.use(ctx, ann, password), c.name)
	}
	// A user that somebody else made in the meantime is not taken over.
	require.NoError(t, d.Remove(ctx, ann))
	require.NoError(t, m.half(t, "domains")(ctx, ann))
	_, err = m.run(ctx, "/usr/sbin/useradd", "-m", "ann")
	require.NoError(t, err)
	_, err = d.Ensure(ctx, ann)
	require.ErrorIs(t, err, tierhost.ErrExists)
	require.Equal(t, "foreign_user", tierhost.CodeOf(err))
	err = d.Remove(ctx, ann)
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.NotZero(t, m.uid("ann"))
	_, err = m.run(ctx, "/usr/sbin/userdel", "-rf", "ann")
	require.NoError(t, err)
	// A record that cannot be read stops everything for this name, and for no other.
	require.NoError(t, os.WriteFile(m.path("/var/lib/tierhost/accounts/ann"), []byte("{\n"), 0o600))
	_, err = d.Read(ctx, ann)
	require.Equal(t, "bad_record", tierhost.CodeOf(err), "%v", err)
	ensured(t, d, m.call("svc_2", "bob", `{}`))
}

// The number of a user that is lost goes to no new one while the account has files, and stops
// nothing once it has none.
func TestNumbersOfUsers(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.local())
	lose := func(c provisioning.Call) {
		t.Helper()
		_, err := m.run(ctx, "/usr/sbin/userdel", "-f", c.Service.Name)
		require.NoError(t, err)
	}
	ann := m.call("svc_1", "ann", `{"domains":["ann.example"]}`)
	ensured(t, d, ann)
	uid := m.uid("ann")
	lose(ann)
	// Another account is made in the meantime.
	bob := m.call("svc_2", "bob", `{"domains":["bob.example"]}`)
	ensured(t, d, bob)
	require.NotEqual(t, uid, m.uid("bob"))
	ensured(t, d, ann)
	require.Equal(t, uid, m.uid("ann"))
	require.NoError(t, m.use(ctx, ann, password))
	require.NoError(t, m.use(ctx, bob, password))

	// Staff give the number away: the files would be the other's, so that is said.
	lose(ann)
	_, err := m.run(ctx, "/usr/sbin/useradd", "-M", "-u", fmt.Sprint(uid), "ours")
	require.NoError(t, err)
	_, err = d.Ensure(ctx, ann)
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.Equal(t, "user_number_taken", tierhost.CodeOf(err))
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	require.Zero(t, m.uid("ann"))
	// Without files, as half-way through a removal, any number does.
	require.NoError(t, os.RemoveAll(m.path("/home/ann")))
	ensured(t, d, ann)
	require.NotEqual(t, uid, m.uid("ann"))
	require.NoError(t, m.use(ctx, ann, password))

	// All numbers are in use, also one in the middle that only a record names.
	opt := m.options(m.local())
	opt.UIDMin, opt.UIDMax = uid, max(m.uid("ann"), m.uid("bob"))
	small, err := webhost.New(opt)
	require.NoError(t, err)
	lose(bob)
	cyd := m.call("svc_3", "cyd", `{}`)
	_, err = small.Ensure(ctx, cyd)
	require.Equal(t, "no_user_number", tierhost.CodeOf(err), "%v", err)
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.NoError(t, small.Remove(ctx, bob))
	ensured(t, small, cyd)
}

// Customers' links lead root nowhere.
func TestLinksOfCustomers(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.local())
	ann := m.call("svc_1", "ann", `{"domains":["ann.example"]}`)
	ensured(t, d, ann)
	ensured(t, d, m.call("svc_2", "bob", `{"domains":["bob.example"]}`))
	require.NoError(t, os.WriteFile(m.path("/home/bob/www/index.html"), []byte("of bob"), 0o644))
	uid := m.uid("ann")
	_, err := m.as(ctx, uid, "/bin/sh", "-c", `cd /home/ann && rmdir www && ln -s /home/bob/www www && ln -s /etc etc && ln -s /home/bob bob && : >file && mkdir deep && ln -s /root deep/root`)
	require.NoError(t, err)
	status, body, err := m.get(ctx, "ann.example", "/index.html")
	require.NoError(t, err)
	require.NotEqual(t, http.StatusOK, status, body)
	for root, made := range map[string]bool{"etc/x": false, "bob/x": false, "file": false, "file/x": false, "deep/root/x": false, "deep/new": true, "etc": true} {
		c := ann
		c.Spec = json.RawMessage(fmt.Sprintf(`{"root":%q}`, root))
		_, err := d.Ensure(ctx, c)
		if made {
			require.NoError(t, err, root)
		} else {
			require.Equal(t, "root_blocked", tierhost.CodeOf(err), "%s: %v", root, err)
		}
		status, _, err := m.get(ctx, "ann.example", "/passwd")
		require.NoError(t, err)
		require.NotEqual(t, http.StatusOK, status, root)
	}
	for _, path := range []string{"/etc/x", "/home/bob/x", "/root/x"} {
		_, err := os.Lstat(m.path(path))
		require.ErrorIs(t, err, os.ErrNotExist, path)
	}
	require.NoError(t, d.Remove(ctx, ann))
	text, err := os.ReadFile(m.path("/home/bob/www/index.html"))
	require.NoError(t, err)
	require.Equal(t, "of bob", string(text))
	_, err = os.Stat(m.path("/etc/passwd"))
	require.NoError(t, err)
}

// What a user has where all may write, and by its name, goes with it; others' stays.
func TestRemoveTakesWhatIsElsewhere(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.local())
	ann := m.call("svc_1", "ann", `{}`)
	ensured(t, d, ann)
	ensured(t, d, m.call("svc_2", "bob", `{}`))
	for _, name := range []string{"ann", "bob"} {
		_, err := m.as(ctx, m.uid(name), "/bin/sh", "-c", "mkdir -p /tmp/of-$1/deep && : >/tmp/of-$1/deep/file && : >/var/tmp/of-$1", "sh", name)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(m.path("/var/spool/cron/crontabs"), 0o755))
		require.NoError(t, os.WriteFile(m.path("/var/spool/cron/crontabs/"+name), nil, 0o600))
		// Jobs of at have other names, and would run for who gets the number next.
		require.NoError(t, os.MkdirAll(m.path("/var/spool/cron/atjobs"), 0o755))
		require.NoError(t, os.WriteFile(m.path("/var/spool/cron/atjobs/a-of-"+name), nil, 0o700))
		require.NoError(t, os.Chown(m.path("/var/spool/cron/atjobs/a-of-"+name), m.uid(name), m.uid(name)))
	}
	// A directory of another with a link to where ann has something: nobody's way for root.
	_, err := m.as(ctx, m.uid("bob"), "/bin/sh", "-c", "ln -s /home /tmp/of-bob/home && ln -s /etc /tmp/of-bob/deep/etc")
	require.NoError(t, err)
	require.NoError(t, d.Remove(ctx, ann))
	for _, path := range []string{"/tmp/of-", "/var/tmp/of-", "/var/spool/cron/crontabs/", "/var/spool/cron/atjobs/a-of-"} {
		_, err := os.Lstat(m.path(path + "ann"))
		require.ErrorIs(t, err, os.ErrNotExist, path)
		_, err = os.Lstat(m.path(path + "bob"))
		require.NoError(t, err, path)
	}
}

func (m *machine) usage(t *testing.T, d *webhost.Driver) map[string]provisioning.Sample {
	t.Helper()
	got := map[string]provisioning.Sample{}
	for s, err := range d.Usage(t.Context(), m.place(), "web", time.Time{}) {
		require.NoError(t, err)
		got[s.Name+" "+s.Meter] = s
	}
	return got
}

// Each line of a log counts once, whatever happens to the log.
func TestTraffic(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx, d := t.Context(), m.driver(t, m.local())
	ensured(t, d, m.call("svc_1", "ann", `{"domains":["ann.example"]}`))
	log := m.path("/var/log/nginx/sites/ann.log")
	total := func() int64 { t.Helper(); return m.usage(t, d)["ann traffic_bytes"].Value.IntPart() }
	rotate := func() {
		t.Helper()
		_, err := m.run(ctx, "/bin/sh", "-c", `cd /var/log/nginx/sites && rm -f ann.log.3; for i in 2 1; do [ ! -e ann.log.$i ] || mv ann.log.$i ann.log.$((i+1)); done
			mv ann.log ann.log.1 && kill -USR1 $(cat /run/nginx.pid); i=0; while ! [ -e ann.log ]; do sleep 0.02; done; sleep 1.1`)
		require.NoError(t, err)
	}
	line := func(path string, n int64) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = fmt.Fprintf(f, `- - - [-] "GET /" 200 1 "-" "-" %d 1`+"\n", n-1)
		require.NoError(t, errors.Join(err, f.Close()))
	}
	require.Zero(t, total())
	epoch := m.usage(t, d)["ann traffic_bytes"].Epoch
	require.NotEmpty(t, epoch)

	// As nginx counts it: the whole answer, headers included, and the request.
	require.NoError(t, os.WriteFile(m.path("/home/ann/www/big"), make([]byte, 50_000), 0o644))
	_, err := m.run(ctx, "/bin/chown", "ann", "/home/ann/www/big")
	require.NoError(t, err)
	status, body, err := m.get(ctx, "ann.example", "/big")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, body, 50_000)
	var n int64
	require.Eventually(t, func() bool { n = total(); return n > 0 }, 10*time.Second, 50*time.Millisecond)
	require.Greater(t, n, int64(50_200))
	require.Less(t, n, int64(51_000))
	require.Equal(t, n, total(), "measured again")

	line(log, 1000)
	n += 1000
	require.Equal(t, n, total())
	line(log, 100)
	rotate()
	line(log, 10)
	n += 110
	require.Equal(t, n, total(), "over a rotation")
	require.Equal(t, n, total(), "over a rotation, measured again")
	line(log, 1)
	rotate()
	line(log, 2)
	rotate()
	line(log, 3)
	n += 6
	require.Equal(t, n, total(), "over two rotations")
	rotate()
	require.Equal(t, n, total(), "a log without lines")
	line(log, 5)
	n += 5
	require.Equal(t, n, total(), "after a log without lines")

	// A line that is being written is counted when it is whole.
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`- - - [-] "GET /" 200 1 "-" "-" 400`)
	require.NoError(t, err)
	require.Equal(t, n, total(), "half a line")
	_, err = f.WriteString("00 1\n")
	require.NoError(t, errors.Join(err, f.Close()))
	n += 40001
	require.Equal(t, n, total(), "the whole line")

	// What is not a number is nothing; a truncated log does not count twice.
	require.NoError(t, os.Truncate(log, 0))
	line(log, 9)
	n += 9
	require.Equal(t, n, total(), "truncated")
	f, err = os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("\n\nx y\n")
	require.NoError(t, errors.Join(err, f.Close()))
	require.Equal(t, n, total(), "no numbers")

	// Removed logs, and older ones that were counted, do not count again.
	line(log, 11)
	n += 11
	require.Equal(t, n, total())
	require.NoError(t, os.Remove(log))
	_, err = m.run(ctx, "/bin/sh", "-c", `kill -USR1 $(cat /run/nginx.pid); while ! [ -e /var/log/nginx/sites/ann.log ]; do sleep 0.02; done; sleep 1.1`)
	require.NoError(t, err)
	require.Equal(t, n, total(), "the log is gone")
	line(log, 13)
	n += 13
	require.Equal(t, n, total(), "a new log")

	require.Equal(t, epoch, m.usage(t, d)["ann traffic_bytes"].Epoch, "one epoch over all of it")
	// What is left of an account that is gone is not the next one's.
	meter := m.path("/var/lib/tierhost/meters/ann")
	kept, err := os.ReadFile(meter)
	require.NoError(t, err)
	require.NoError(t, d.Remove(ctx, m.call("svc_1", "ann", `{}`)))
	require.NoFileExists(t, meter)
	require.NoError(t, os.WriteFile(meter, kept, 0o600)) // by a reading that was under way
	ensured(t, d, m.call("svc_3", "ann", `{"domains":["ann.example"]}`))
	fresh := m.usage(t, d)["ann traffic_bytes"]
	require.Zero(t, fresh.Value.IntPart())
	require.NotEqual(t, epoch, fresh.Epoch)
	require.Equal(t, provisioning.ServiceID("svc_3"), fresh.Service)
	require.NoError(t, d.Remove(ctx, m.call("svc_3", "ann", `{}`)))
	require.NoError(t, os.WriteFile(meter, kept, 0o600))
	require.Empty(t, m.usage(t, d))
	require.NoFileExists(t, meter)
}

// Limits where the file system has quotas, and where it has none.
func TestQuota(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	if !m.quota {
		t.Skip("no file system with quotas can be mounted here")
	}
	ctx, d := t.Context(), m.driver(t, m.local())
	limit := func() string {
		out, err := m.run(ctx, "/usr/sbin/repquota", "-u", "-v", "-O", "csv", "/home")
		require.NoError(t, err)
		for line := range strings.Lines(out) {
			if f := strings.Split(line, ","); f[0] == "ann" {
				return f[5]
			}
		}
		return "0"
	}
	for _, c := range []struct{ spec, want string }{
		{`{}`, "0"}, {`{"disk_bytes":1}`, "1"}, {`{"disk_bytes":1024}`, "1"}, {`{"disk_bytes":1025}`, "2"}, {`{}`, "2"}, {`{"disk_bytes":0}`, "0"}, {`{"disk_bytes":5000000000000}`, "4882812500"},
	} {
		ensured(t, d, m.call("svc_1", "ann", c.spec))
		require.Equal(t, c.want, limit(), c.spec)
	}
	// Changed by hand: seen and put right.
	_, err := m.run(ctx, "/usr/sbin/setquota", "-u", "ann", "0", "77", "0", "0", "/home")
	require.NoError(t, err)
	o, err := d.Read(ctx, m.call("svc_1", "ann", `{"disk_bytes":5000000000000}`))
	require.NoError(t, err)
	require.False(t, o.Matches)
	require.JSONEq(t, `{"root":"www","disk_bytes":78848}`, string(o.Spec))
	ensured(t, d, m.call("svc_1", "ann", `{"disk_bytes":5000000000000}`))
	require.Equal(t, "4882812500", limit())

	opt := m.options(m.local())
	opt.QuotaOn = ""
	without, err := webhost.New(opt)
	require.NoError(t, err)
	ensured(t, without, m.call("svc_1", "ann", `{"disk_bytes":2048}`))
	require.Equal(t, "4882812500", limit(), "without quotas a limit is a note")
}
