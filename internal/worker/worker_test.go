package worker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/internal/worker"
)

func TestDoubled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "first"))
		longest := time.Duration(rapid.Int64Range(1, int64(48*time.Hour)).Draw(t, "longest"))
		n := rapid.IntRange(1, 200).Draw(t, "n")
		d, next := worker.Doubled(first, longest, n), worker.Doubled(first, longest, n+1)
		if d > longest || next < d || d < min(first, longest) {
			t.Fatalf("%d. wait %s, then %s; from %s up to %s", n, d, next, first, longest)
		}
		draw := rapid.Float64Range(0, 0.999999).Draw(t, "random")
		if j := worker.Jittered(d, func() float64 { return draw }); j > d || j < d/2-time.Microsecond {
			t.Fatalf("%s became %s", d, j)
		}
	})
}

// The loop works while there is work, waits until something is due, tells errors, and ends
// with its context.
func TestLoop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	broken := errors.New("the store is away")
	steps, waits, failed := 0, []time.Duration{}, []error{}
	l := worker.Loop{
		Step: func(context.Context) (bool, error) {
			steps++
			switch steps {
			case 1, 2:
				return true, nil
			case 4:
				return false, broken
			}
			return false, nil
		},
		NextDue: func(context.Context) (time.Time, error) {
			if len(waits) == 0 {
				return time.Unix(10, 0), nil
			}
			return time.Time{}, nil
		},
		Now:  func() time.Time { return time.Unix(7, 0) },
		Idle: time.Minute,
		Jitter: func(d time.Duration) time.Duration {
			if waits = append(waits, d); len(waits) == 3 {
				cancel()
			}
			return 0
		},
		Failed: func(_ context.Context, err error) { failed = append(failed, err) },
	}
	require.ErrorIs(t, l.Run(ctx), context.Canceled)
	require.Equal(t, []time.Duration{3 * time.Second, time.Minute, time.Minute}, waits)
	require.Equal(t, []error{broken}, failed)
}

// While there is nothing to do the loop waits as it was told to, so that news can wake it;
// after an error it waits for the time only.
func TestLoopWaitsForNews(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	steps, waits := 0, 0
	l := worker.Loop{
		Step: func(context.Context) (bool, error) {
			if steps++; steps == 2 {
				return false, errors.New("the store is away")
			}
			return false, nil
		},
		NextDue: func(context.Context) (time.Time, error) { return time.Time{}, nil },
		Now:     func() time.Time { return time.Unix(7, 0) },
		Idle:    time.Hour,
		Jitter: func(d time.Duration) time.Duration {
			if steps == 2 {
				return 0
			}
			return d
		},
		Wait: func(_ context.Context, d time.Duration) {
			if waits++; waits == 2 {
				cancel()
			}
			if d != time.Hour {
				t.Errorf("it waits for %s", d)
			}
		},
		Failed: func(context.Context, error) {},
	}
	require.ErrorIs(t, l.Run(ctx), context.Canceled)
	require.Equal(t, 3, steps)
}
