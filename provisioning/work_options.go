package provisioning

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tierhost/tierhost/internal/worker"
	"github.com/tierhost/tierhost/secret"
)

// WorkOptions are how a [Manager] works on services. The zero value works.
type WorkOptions struct {
	// Sealer keeps passwords of services out of sight in the store. nil: services with
	// passwords are refused.
	Sealer secret.Sealer

	// Timeout is how long a call of a driver may take; 0: one minute. CopyTimeout is the
	// same for copying content and comparing it, which ends earlier when something else is
	// asked for, such as a suspension; 0: six hours.
	Timeout, CopyTimeout time.Duration
	// ScanTimeout is how long the list of a server, or its samples, may take; 0: ten
	// minutes.
	ScanTimeout time.Duration
	// Lease is how long a worker has a service to itself without renewing the lease,
	// which it does during calls that take longer; 0: two minutes. After a crash the
	// service waits for its end.
	Lease time.Duration

	// Idle is how long [Manager.Run] waits at most when there is nothing to do; 0: one
	// second.
	Idle time.Duration

	// Attempts is how often in a row one operation may fail before it is given up; 0:
	// 20. First and Max are the waits between them: the first, and the longest; each is
	// twice the one before, and shortened at random by up to half. 0: 5 seconds and one
	// hour, which makes for about ten hours.
	Attempts   int
	First, Max time.Duration

	// Concurrency is how many calls may run at once on one server, counting all
	// processes; 0: 4.
	Concurrency int
	// Trip is how many calls in a row a server may leave unanswered before no more are
	// made for a while; 0: 5. TripFirst and TripMax are that while: the first, and the
	// longest, as it doubles; 0: 30 seconds and 10 minutes.
	Trip               int
	TripFirst, TripMax time.Duration

	// Grace is how long a service is kept, suspended, before it is removed; 0: 30 days;
	// below 0: not at all. A service that was never there is removed at once.
	Grace time.Duration
	// MoveGrace is how long the old place of a service that was moved is left alone and
	// serves whoever still has its old address; 0: 4 hours; below 0: it is removed at once.
	// What is written there after the copy is in no other place: BeforeRemove can take it
	// over. The grace ends when the service is to be suspended or removed, as the old place
	// would stay usable.
	MoveGrace time.Duration
	// BeforeRemove is called before a service that was made is removed for good, also when
	// its order is undone (Removal.Undo), and before the old place of one that was moved
	// is: to take a last copy, to look once more whether it is paid. s.Operation.Server is
	// the server on which it is removed; if that is not s.Server it is an old place. An error
	// of kind precondition, invalid or unsupported keeps what is there and has the service
	// parked, which serves on if it was an old place; with any other it is tried again
	// later. It is called outside of transactions, and may be called several times for one
	// removal.
	BeforeRemove func(ctx context.Context, s Service) error

	// Rand yields numbers in [0,1) for waits; nil: a generator seeded by the runtime. It
	// must be safe for concurrent use if the manager is used so.
	Rand func() float64
}

func (o WorkOptions) withDefaults() WorkOptions {
	duration := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	duration(&o.Timeout, time.Minute)
	duration(&o.CopyTimeout, 6*time.Hour)
	duration(&o.ScanTimeout, 10*time.Minute)
	duration(&o.Lease, 2*time.Minute)
	duration(&o.Idle, time.Second)
	duration(&o.First, 5*time.Second)
	duration(&o.Max, time.Hour)
	duration(&o.TripFirst, 30*time.Second)
	duration(&o.TripMax, 10*time.Minute)
	number := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	number(&o.Attempts, 20)
	number(&o.Concurrency, 4)
	number(&o.Trip, 5)
	if o.Grace == 0 {
		o.Grace = 30 * 24 * time.Hour
	}
	o.Grace = max(o.Grace, 0)
	if o.MoveGrace == 0 {
		o.MoveGrace = 4 * time.Hour
	}
	o.MoveGrace = max(o.MoveGrace, 0)
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return o
}

// timeout is how long a call may take.
func (o WorkOptions) timeout(v Verb) time.Duration {
	switch v {
	case VerbCopy, VerbVerify:
		return o.CopyTimeout
	case VerbUsage:
		return o.ScanTimeout
	}
	return o.Timeout
}

// patience is how the options bound retries.
func (o WorkOptions) patience() patience {
	return patience{attempts: o.Attempts, moveGrace: o.MoveGrace, delay: func(failures int) time.Duration {
		return o.jittered(worker.Doubled(o.First, o.Max, failures))
	}}
}

// jittered shortens d at random by up to half, so that rivals spread out.
func (o WorkOptions) jittered(d time.Duration) time.Duration {
	return worker.Jittered(d, o.Rand)
}
