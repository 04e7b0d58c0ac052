package storage

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// RetryPolicy bounds how often a conflicting transaction is tried again. The zero
// value means the defaults: 20 tries, waiting 1 ms at first, doubling up to 250 ms,
// each wait shortened at random by up to half so that rivals spread out.
type RetryPolicy struct {
	Tries int           // all tries, the first included
	First time.Duration // wait after the first conflict
	Max   time.Duration // longest wait
	// Rand yields numbers in [0,1) for the jitter; nil uses a generator seeded by
	// the runtime.
	Rand func() float64
}

// Retry runs fn until it returns something that is not [ErrConflict], ctx is done,
// or the policy's tries are used up; then it returns the last error. Only conflicts
// are retried: every other error may have had an effect.
func Retry(ctx context.Context, p RetryPolicy, fn func(ctx context.Context) error) error {
	if p.Tries <= 0 {
		p.Tries = 20
	}
	if p.First <= 0 {
		p.First = time.Millisecond
	}
	if p.Max <= 0 {
		p.Max = 250 * time.Millisecond
	}
	if p.Rand == nil {
		p.Rand = rand.Float64
	}
	wait := p.First
	for try := 1; ; try++ {
		err := fn(ctx)
		if err == nil || !errors.Is(err, ErrConflict) || try >= p.Tries {
			return err
		}
		d := wait - time.Duration(p.Rand()*float64(wait)/2)
		wait = min(wait*2, p.Max)
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}
