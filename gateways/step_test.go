package gateways_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/storage"
)

// The loop does what is due, and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	booked := make(chan gateways.Settlement, 1)
	w := newWorld(t, func(o *gateways.Options) {
		o.Idle = time.Millisecond
		o.Settler = gateways.SettlerFunc(func(_ context.Context, _ storage.Tx, s gateways.Settlement) error {
			booked <- s
			return nil
		})
	})
	w.first.Script(fake.Script{After: true})
	p := w.charge("1")
	next, err := w.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, next.After(w.clock.Now()))
	w.clock.Set(next)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	require.Equal(t, p.ID, (<-booked).Payment)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
	next, err = w.NextDue(t.Context())
	require.NoError(t, err)
	require.Zero(t, next, "nothing is due any more")
}
