package shelltest_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/shell"
	"github.com/tierhost/tierhost/provisioning/shell/shelltest"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// broken is an access whose sessions run commands by a function.
type broken struct {
	shell.Local
	session func() func(ctx context.Context, c shell.Command) (shell.Result, error)
}

func (b broken) Open(ctx context.Context, on provisioning.Place) (shell.Session, error) {
	s, err := b.Local.Open(ctx, on)
	return brokenSession{s, b.session()}, err
}

type brokenSession struct {
	shell.Session
	run func(ctx context.Context, c shell.Command) (shell.Result, error)
}

func (s brokenSession) Run(ctx context.Context, c shell.Command) (shell.Result, error) {
	return s.run(ctx, c)
}

type runner func(ctx context.Context, c shell.Command) (shell.Result, error)

func always(run runner) func() func(context.Context, shell.Command) (shell.Result, error) {
	return func() func(context.Context, shell.Command) (shell.Result, error) { return run }
}

// Each broken access fails the rule that is about its fault.
func TestSuiteFindsBrokenAccesses(t *testing.T) {
	t.Parallel()
	local := shell.Local{}
	var mu sync.Mutex
	var last shell.Result
	faults := []struct {
		name, rule string
		session    func() func(context.Context, shell.Command) (shell.Result, error)
	}{
		{"sound", "", always(local.Run)},
		{"takes exit codes for errors", "RUN-1", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			r, err := local.Run(ctx, c)
			if err == nil && r.Exit != 0 {
				err = errors.New("it failed")
			}
			return r, err
		})},
		{"joins words by spaces", "RUN-2", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			if c.Path != "/usr/bin/printf" {
				return local.Run(ctx, c)
			}
			c.Args = []string{"-c", c.Path + " '%s\\0' " + strings.Join(c.Args[1:], " ")}
			c.Path = "/bin/sh"
			return local.Run(ctx, c)
		})},
		{"quotes with double quotes", "RUN-2", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			if c.Path != "/usr/bin/printf" {
				return local.Run(ctx, c)
			}
			line := c.Path
			for _, w := range c.Args {
				line += ` "` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(w) + `"`
			}
			c.Path, c.Args = "/bin/sh", []string{"-c", line}
			return local.Run(ctx, c)
		})},
		{"fails if nobody reads", "RUN-3", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			r, err := local.Run(ctx, c)
			if c.Path == "/bin/true" && !c.Stdin.IsZero() {
				err = errors.New("broken pipe")
			}
			return r, err
		})},
		{"has a home", "RUN-4", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			c.Env = append(slices.Clone(c.Env), "HOME=/root")
			return local.Run(ctx, c)
		})},
		{"mixes the outputs", "RUN-5", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			r, err := local.Run(ctx, c)
			r.Stdout = append(r.Stdout, r.Stderr...)
			return r, err
		})},
		{"cuts off long outputs", "RUN-6", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			r, err := local.Run(ctx, c)
			if tierhost.CodeOf(err) == "output_too_long" {
				err = nil
			}
			return r, err
		})},
		{"keeps what should be passed on", "RUN-12", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			c.Output = nil
			return local.Run(ctx, c)
		})},
		{"kills the first process only", "RUN-7", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			if !strings.Contains(strings.Join(c.Args, " "), "sleep 1000") {
				return local.Run(ctx, c)
			}
			cmd := exec.CommandContext(ctx, c.Path, c.Args...)
			cmd.WaitDelay = 100 * time.Millisecond
			_ = cmd.Run()
			return shell.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, ctx.Err())
		})},
		{"does not listen", "RUN-8", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			if ctx.Err() != nil {
				ctx = context.WithoutCancel(ctx)
			}
			return local.Run(ctx, c)
		})},
		{"drops NULs", "RUN-9", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			c.Path = strings.ReplaceAll(c.Path, "\x00", "")
			c.Args = slices.Clone(c.Args)
			for i := range c.Args {
				c.Args[i] = strings.ReplaceAll(c.Args[i], "\x00", "")
			}
			return local.Run(ctx, c)
		})},
		{"shares results", "RUN-10", always(func(ctx context.Context, c shell.Command) (shell.Result, error) {
			r, err := local.Run(ctx, c)
			if c.Path != "/bin/cat" {
				return r, err
			}
			mu.Lock()
			last = shell.Result{Stdout: bytes.Clone(r.Stdout)}
			mu.Unlock()
			time.Sleep(5 * time.Millisecond) // the fault's own: another comes in between
			mu.Lock()
			defer mu.Unlock()
			return last, err
		})},
		{"tires", "RUN-11", func() func(context.Context, shell.Command) (shell.Result, error) {
			var n atomic.Int64
			return func(ctx context.Context, c shell.Command) (shell.Result, error) {
				if n.Add(1) > 25 && c.Path == "/bin/sh" {
					return shell.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("no more sessions"))
				}
				return local.Run(ctx, c)
			}
		}},
	}
	tested := map[string]bool{}
	for _, f := range faults {
		tested[f.rule] = true
		t.Run(strings.ReplaceAll(f.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			h := shelltest.Harness{Access: broken{session: f.session}, Dir: func(t *testing.T) string { return t.TempDir() }}
			rules := slices.DeleteFunc(shelltest.Rules(), func(r conformance.Rule[shelltest.Harness]) bool { return f.rule != "" && r.ID != f.rule })
			report := conformance.Record(t, h, rules)
			if f.rule == "" {
				require.Empty(t, report.Failed)
				return
			}
			require.Contains(t, report.Failed, f.rule)
		})
	}
	for _, r := range shelltest.Rules() {
		require.True(t, tested[r.ID], "%s is not tested by a broken access", r.ID)
	}
}
