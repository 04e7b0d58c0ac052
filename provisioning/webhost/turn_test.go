package webhost_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/webhost"
)

// clock is one that goes wrong.
type clock struct{ ahead time.Duration }

func (c clock) Now() time.Time { return time.Now().Add(c.ahead) }

// A call that began before another does nothing any more, without effect. A process whose
// clock was wrong keeps others out for ten minutes at most.
func TestTurns(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	ctx := t.Context()
	driver := func(ahead time.Duration) *webhost.Driver {
		opt := m.options(m.local())
		opt.Clock = clock{ahead}
		d, err := webhost.New(opt)
		require.NoError(t, err)
		return d
	}
	late, right, early := driver(-time.Hour), driver(0), driver(time.Hour)
	ann := m.call("svc_1", "ann", `{}`)
	ensured(t, right, ann)
	ensured(t, right, m.call("svc_2", "bob", `{}`))
	_, err := late.Suspend(ctx, ann)
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.Equal(t, "busy", tierhost.CodeOf(err))
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	o, err := late.Read(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, provisioning.Present, o.Presence)

	_, err = early.Suspend(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, "busy", tierhost.CodeOf(right.Remove(ctx, ann)))
	require.NoError(t, right.Remove(ctx, m.call("svc_2", "bob", `{}`)), "another account")
	turn := m.path("/var/lib/tierhost/turns/ann")
	long := time.Now().Add(-11 * time.Minute)
	require.NoError(t, os.Chtimes(turn, long, long))
	require.NoError(t, right.Remove(ctx, ann))
	require.NoFileExists(t, turn)
}
