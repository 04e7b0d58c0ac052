package webhost_test

import (
	"context"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/provisioning/webhost"
)

// moving is an account on one machine and its empty copy on another.
func moving(t *testing.T, access func(*machine) shell.Access) (old, now *machine, way route, at, to provisioning.Call) {
	t.Helper()
	old, now = startMachine(t), startMachine(t)
	way = route{m: access(old), target: access(now)}
	at = old.call("svc_1", "ann", `{"domains":["ann.example"]}`)
	to = at
	to.Server = now.place()
	to.Server.Server = "target"
	d, err := webhost.New(old.options(way))
	require.NoError(t, err)
	ensured(t, d, at)
	// On the new machine numbers are others.
	other := now.call("svc_0", "other", `{"domains":["other.example"]}`)
	other.Server = to.Server
	ensured(t, d, other)
	ensured(t, d, to)
	require.NotEqual(t, old.uid("ann"), now.uid("ann"))
	return old, now, way, at, to
}

// hold puts all sorts of things into the home.
const hold = `set -eu; cd /home/ann
echo page >www/index.html; mkdir -p "a b/c" empty; : >none; printf x >-rf; printf y >"$(printf 'line\nbreak')"; printf z >ünï; printf w >'* $(id)'
ln -s /etc/passwd passwd; ln -s ../../other up; ln -s nowhere dangling; ln -s "a b" dir; ln none www/hard; ln -s /home/other www/theirs
chmod 600 none; chmod 2750 empty; chmod 4711 -- -rf; mkfifo pipe; mkdir -m 500 closed; chmod 700 closed; echo in >closed/in; chmod 500 closed
head -c 1500000 /dev/urandom >big; truncate -s 1M sparse; mkdir .ssh; echo key >.ssh/authorized_keys; chmod 700 .ssh; touch -d '2001-02-03 04:05:06' none`

const look = `cd /home/ann && find . -mindepth 1 -printf '%y %m %u %g %P -> %l %n\n' | grep -v '^d' | sort; find . -type d -mindepth 1 -printf '%y %m %u %g %P\n' | sort;
	find . -type f -printf '%s %Ts %P\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum; ls -di none www/hard | awk '{print $1}' | uniq | wc -l`

// Whatever a home holds comes across as it is, and what is on the new server only goes.
func TestMove(t *testing.T) {
	t.Parallel()
	for name, access := range map[string]func(*machine) shell.Access{
		"local": func(m *machine) shell.Access { return m.local() }, "ssh": func(m *machine) shell.Access { return m.ssh },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, now, way, at, to := moving(t, access)
			ctx := t.Context()
			d, err := webhost.New(old.options(way))
			require.NoError(t, err)
			_, err = old.as(ctx, old.uid("ann"), "/bin/sh", "-c", hold)
			require.NoError(t, err)
			// In the way on the new server: links to others' files, directories for files.
			require.NoError(t, os.WriteFile(now.path("/home/other/www/index.html"), []byte("of other"), 0o644))
			_, err = now.as(ctx, now.uid("ann"), "/bin/sh", "-c", `cd /home/ann; rmdir www; ln -s /home/other/www www; ln -s /etc empty; mkdir -p none/deep big; echo x >extra; mkdir -m 0 shut; ln -s /etc/passwd ünï`)
			require.NoError(t, err)
			require.ErrorIs(t, d.Verify(ctx, at.Server, to), tierhost.ErrPrecondition)
			for range 2 {
				require.NoError(t, d.Copy(ctx, at.Server, to))
				require.NoError(t, d.Verify(ctx, at.Server, to))
			}
			was, err := old.run(ctx, "/bin/sh", "-c", look)
			require.NoError(t, err)
			is, err := now.run(ctx, "/bin/sh", "-c", look)
			require.NoError(t, err)
			require.Equal(t, was, is)
			text, err := os.ReadFile(now.path("/home/other/www/index.html"))
			require.NoError(t, err)
			require.Equal(t, "of other", string(text))
			require.NoError(t, now.check(ctx, to))
			require.NoError(t, old.use(ctx, at, password))

			// Each difference is seen.
			changes := []string{"echo more >>big", "chmod 640 none", "rm -- -rf", "rm dangling; ln -s elsewhere dangling", "mkdir new", "rmdir new; : >new", "rm pipe; : >pipe",
				"printf Y >\"$(printf 'line\\nbreak')\"", "chmod 700 empty", "mv ünï uni", "rm passwd; cp /etc/passwd passwd"}
			if name != "local" {
				changes = changes[:1]
			}
			for _, change := range changes {
				_, err = old.as(ctx, old.uid("ann"), "/bin/sh", "-c", "cd /home/ann; "+change)
				require.NoError(t, err, change)
				require.Equal(t, webhost.CodeDiffers, tierhost.CodeOf(d.Verify(ctx, at.Server, to)), change)
				require.NoError(t, d.Copy(ctx, at.Server, to), change)
				require.NoError(t, d.Verify(ctx, at.Server, to), change)
			}

			// What the customer may not read is not left out silently.
			require.NoError(t, os.WriteFile(old.path("/home/ann/of-root"), []byte("of root"), 0o600))
			for _, err := range []error{d.Copy(ctx, at.Server, to), d.Verify(ctx, at.Server, to)} {
				require.ErrorIs(t, err, tierhost.ErrPrecondition)
				require.Equal(t, webhost.CodeUnreadable, tierhost.CodeOf(err), "%v", err)
				require.ErrorContains(t, err, "of-root")
			}
			// An empty home is one too.
			_, err = old.run(ctx, "/bin/sh", "-c", "cd /home/ann && find . -mindepth 1 -delete")
			require.NoError(t, err)
			require.NoError(t, d.Copy(ctx, at.Server, to))
			require.NoError(t, d.Verify(ctx, at.Server, to))
		})
	}
}

// A copy that breaks off anywhere is not taken for a whole one, and is resumed.
func TestMoveBrokenOff(t *testing.T) {
	t.Parallel()
	old, now, way, at, to := moving(t, func(m *machine) shell.Access { return m.local() })
	ctx := t.Context()
	d, err := webhost.New(old.options(way))
	require.NoError(t, err)
	_, err = old.as(ctx, old.uid("ann"), "/bin/sh", "-c", hold)
	require.NoError(t, err)
	broke := 0
	for point := range 12 {
		cut := &breaking{Access: way, point: point, how: provisioningtest.Cut, reached: make(chan struct{})}
		b, err := webhost.New(old.options(cut))
		require.NoError(t, err)
		if err := b.Copy(ctx, at.Server, to); err != nil {
			require.ErrorIs(t, err, tierhost.ErrUnavailable)
			broke++
		}
		require.NoError(t, d.Copy(ctx, at.Server, to), point)
		require.NoError(t, d.Verify(ctx, at.Server, to), point)
		require.NoError(t, old.use(ctx, at, password), point)
	}
	require.GreaterOrEqual(t, broke, 6)

	// The stream ends within, while both sides are at work.
	for _, script := range []string{"pack", "unpack"} {
		b, err := webhost.New(old.options(torn{way, script}))
		require.NoError(t, err)
		require.Error(t, b.Copy(ctx, at.Server, to), script)
		require.ErrorIs(t, d.Verify(ctx, at.Server, to), tierhost.ErrPrecondition, script)
		require.NoError(t, d.Copy(ctx, at.Server, to), script)
		require.NoError(t, d.Verify(ctx, at.Server, to), script)
	}

	// An account of another service, or none, on either side.
	other := to
	other.Service.ID = "svc_9"
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(d.Copy(ctx, at.Server, other)))
	require.ErrorIs(t, d.Copy(ctx, at.Server, other), tierhost.ErrExists)
	require.NoError(t, d.Remove(ctx, at))
	require.ErrorIs(t, d.Copy(ctx, at.Server, to), tierhost.ErrPrecondition)
	require.ErrorIs(t, d.Verify(ctx, at.Server, to), tierhost.ErrPrecondition)
	left, err := now.run(ctx, "/bin/cat", "/home/ann/www/index.html")
	require.NoError(t, err)
	require.Equal(t, "page\n", left)
}

// torn is an access whose connection breaks within the stream of a script.
type torn struct {
	shell.Access
	script string
}

func (a torn) Open(ctx context.Context, on provisioning.Place) (shell.Session, error) {
	s, err := a.Access.Open(ctx, on)
	return tornSession{s, a.script}, err
}

type tornSession struct {
	shell.Session
	script string
}

func (s tornSession) Run(ctx context.Context, c shell.Command) (shell.Result, error) {
	if c.Args[2] != s.script {
		return s.Session.Run(ctx, c)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := &counter{after: 1 << 20, then: cancel}
	if c.Output != nil {
		c.Output = io.MultiWriter(n, c.Output)
	}
	if c.Input != nil {
		c.Input = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(c.Input, n), c.Input}
	}
	return s.Session.Run(ctx, c)
}

type counter struct {
	after int
	then  func()
}

func (c *counter) Write(p []byte) (int, error) {
	if c.after -= len(p); c.after < 0 {
		c.then()
	}
	return len(p), nil
}
