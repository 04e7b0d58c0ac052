package primary

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// limiter bounds answers per network, in fixed memory: networks that fall into the same
// bucket share it.
type limiter struct {
	rate    uint32
	seed    maphash.Seed
	buckets []atomic.Uint64 // the second in the upper half, answers in it in the lower
}

const limiterBuckets = 1 << 16

// newLimiter returns nil for no bound.
func newLimiter(rate int) *limiter {
	if rate < 0 {
		return nil
	}
	return &limiter{rate: uint32(rate), seed: maphash.MakeSeed(), buckets: make([]atomic.Uint64, limiterBuckets)}
}

type verdict uint8

const (
	pass verdict = iota
	truncate
	drop
)

// network is what answers and connections are counted by: a /24, or a /56 of IPv6.
func network(from netip.Addr) netip.Prefix {
	from = from.Unmap()
	bits := 24
	if from.Is6() {
		bits = 56
	}
	n, _ := from.Prefix(bits)
	return n
}

// take counts one answer to a network.
func (l *limiter) take(from netip.Addr, now time.Time) verdict {
	a := network(from).Addr().As16()
	bucket := &l.buckets[maphash.Bytes(l.seed, a[:])%limiterBuckets]
	second := uint64(uint32(now.Unix())) << 32
	for {
		old := bucket.Load()
		next := second | 1
		if old&^(1<<32-1) == second {
			if next = old + 1; uint32(next) == 0 {
				return drop
			}
		}
		if !bucket.CompareAndSwap(old, next) {
			continue
		}
		switch n := uint32(next); {
		case n <= l.rate:
			return pass
		case n%2 == 0:
			return truncate
		}
		return drop
	}
}
