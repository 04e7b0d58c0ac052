package label

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// ResolveHost returns the brand that a host name belongs to. It accepts what
// [ParseHost] does: a port, a dot at the end, upper case and U-labels make no
// difference. What is not a host name, an IP address among it, and a host that belongs
// to nobody are [ErrNoBrand].
//
// It may answer from memory, from a state of the store no older than [Options.TTL]; what
// this manager has changed itself is seen at once.
func (m *Manager) ResolveHost(ctx context.Context, host string) (Brand, error) {
	b, err := m.resolve(ctx, host)
	if err != nil {
		return Brand{}, err
	}
	return b.Clone(), nil
}

// resolve returns a brand that others share.
func (m *Manager) resolve(ctx context.Context, host string) (*Brand, error) {
	const op = "label.ResolveHost"
	name, err := ParseHost(host)
	if err != nil {
		return nil, tierhost.E(op, 0, "", ErrNoBrand)
	}
	fetch := func() (*Brand, error) {
		var b Brand
		err := m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
			b, err = rows.BrandByHost(ctx, name)
			return err
		})
		if err != nil {
			return nil, unknown(op, err)
		}
		return &b, nil
	}
	if m.tx != nil || m.opt.TTL < 0 {
		return fetch()
	}
	now := m.opt.Clock.Now()
	b, known, gen := m.cache.get(name, now)
	if known {
		if b == nil {
			return nil, tierhost.E(op, 0, "", ErrNoBrand)
		}
		return b, nil
	}
	b, err = fetch()
	if err == nil || errors.Is(err, ErrNoBrand) {
		m.cache.put(name, b, now, gen)
	}
	return b, err
}

// hostCache remembers what hosts belong to. Hosts that belong to nobody are kept apart,
// so that a flood of them cannot drive out the others.
type hostCache struct {
	ttl  time.Duration
	mu   sync.Mutex
	gen  uint64 // counts the times that it was emptied
	have shelf
	none shelf
}

// shelf holds answers, and drops the oldest when it is full.
type shelf struct {
	size    int
	answers map[string]answer
	order   []string // ring of the names put in, the next to go at next
	next    int
}

type answer struct {
	brand *Brand // nil: nobody's
	since time.Time
	slot  int
}

func newHostCache(ttl time.Duration, size int) *hostCache {
	return &hostCache{ttl: ttl, have: shelf{size: size}, none: shelf{size: size}}
}

// get returns what is known of a host, and the generation for put.
func (c *hostCache) get(host string, now time.Time) (b *Brand, known bool, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range []*shelf{&c.have, &c.none} {
		// A clock that was set back makes answers old, too.
		if a, ok := s.answers[host]; ok && now.Sub(a.since) < c.ttl && !now.Before(a.since) {
			return a.brand, true, c.gen
		}
	}
	return nil, false, c.gen
}

// put remembers an answer that was looked up from the given instant on, unless the cache
// was emptied since: it may be from before the change.
func (c *hostCache) put(host string, b *Brand, since time.Time, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		return
	}
	to, other := &c.have, &c.none
	if b == nil {
		to, other = other, to
	}
	delete(other.answers, host)
	to.put(host, answer{brand: b, since: since})
}

func (s *shelf) put(host string, a answer) {
	if s.answers == nil {
		s.answers = make(map[string]answer)
	}
	if old, ok := s.answers[host]; ok {
		a.slot = old.slot
		s.answers[host] = a
		return
	}
	if len(s.order) < s.size {
		a.slot = len(s.order)
		s.order = append(s.order, host)
	} else {
		// The slot's host may have left, and come back in another slot.
		if gone, ok := s.answers[s.order[s.next]]; ok && gone.slot == s.next {
			delete(s.answers, s.order[s.next])
		}
		a.slot = s.next
		s.order[s.next] = host
		s.next = (s.next + 1) % s.size
	}
	s.answers[host] = a
}

func (c *hostCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	c.have, c.none = shelf{size: c.have.size}, shelf{size: c.none.size}
}
