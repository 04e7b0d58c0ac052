package dns

import (
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost/internal/worker"
)

// WorkOptions say how zones are brought to their servers. The zero value works.
type WorkOptions struct {
	// Timeout is how long one call of a driver may take; 0: 20 seconds.
	Timeout time.Duration
	// Lease is how long a worker has a publication to itself; 0: two minutes. After a
	// crash the publication waits for its end. It is at least five times Timeout.
	Lease time.Duration
	// Idle is how long [Manager.Run] waits at most when there is nothing to do; 0: one
	// second.
	Idle time.Duration
	// Attempts is how often in a row a publication may fail before it is parked; 0: 20.
	// First and Max are the waits between them: the first, and the longest; each is twice
	// the one before, and shortened at random by up to half. 0: 2 seconds and 10 minutes.
	Attempts   int
	First, Max time.Duration
	// Concurrency is how many calls may run at once on one server, counting all
	// processes; 0: 4.
	Concurrency int
	// Trip is how many calls in a row a server may leave unanswered before no more are
	// made for a while; 0: 3. TripFirst and TripMax are that while: the first, and the
	// longest, as it doubles; 0: 10 seconds and 5 minutes.
	Trip               int
	TripFirst, TripMax time.Duration
	// CheckEvery is how long a server that was as it should be is believed before it is
	// asked again; 0: one day. Checks are spread at random over the last half of it.
	CheckEvery time.Duration
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
	duration(&o.Timeout, 20*time.Second)
	duration(&o.Lease, 2*time.Minute)
	o.Lease = max(o.Lease, 5*o.Timeout)
	duration(&o.Idle, time.Second)
	duration(&o.First, 2*time.Second)
	duration(&o.Max, 10*time.Minute)
	duration(&o.TripFirst, 10*time.Second)
	duration(&o.TripMax, 5*time.Minute)
	duration(&o.CheckEvery, 24*time.Hour)
	number := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	number(&o.Attempts, 20)
	number(&o.Concurrency, 4)
	number(&o.Trip, 3)
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return o
}

// jittered shortens d at random by up to half, so that rivals spread out.
func (o *WorkOptions) jittered(d time.Duration) time.Duration {
	return worker.Jittered(d, o.Rand)
}

// shortened is a text as stores keep it: one line, valid, of at most 300 bytes.
func shortened(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	const longest = 300
	if len(s) <= longest {
		return s
	}
	cut := longest
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
