package primary

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// catalog is the zone that lists the zones (RFC 9432). It is made anew when it is asked
// for and has changed.
type catalog struct {
	s      *Server
	name   dns.Name
	wire   string
	labels int

	mu      sync.Mutex
	open    bool
	changed bool
	current *zone
}

func newCatalog(s *Server, name dns.Name) (*catalog, error) {
	w, err := name.AppendWire(nil)
	return &catalog{s: s, name: name, wire: string(w), labels: name.NumLabels(), changed: true}, err
}

// Open begins to serve the catalog. Call it when all zones have been applied after a
// start: peers drop the zones that a catalog does not list. It does nothing without a
// catalog, or if it is open.
func (s *Server) Open() {
	if s.catalog == nil {
		return
	}
	s.catalog.mu.Lock()
	opened := !s.catalog.open
	s.catalog.open = true
	s.catalog.mu.Unlock()
	if opened {
		s.notifier.add(s.catalog.wire, 0, true)
	}
}

// change has the catalog be made anew, and tells the peers.
func (c *catalog) change() {
	c.mu.Lock()
	c.changed = true
	open := c.open
	c.mu.Unlock()
	if open {
		c.s.notifier.add(c.wire, catalogPause, true)
	}
}

// catalogPause is how long a change of the catalog waits for further ones. A catalog has
// one revision a second at most: its serial is the time, so that after a new start it is
// later than all before, if the clock was not set back.
const catalogPause = 1100 * time.Millisecond

// is reports whether a question is about the catalog's own name, has about a name in it.
func (c *catalog) is(q *question) bool { return string(q.name) == c.wire }

func (c *catalog) has(q *question) bool {
	return q.count >= c.labels && string(q.name[q.labels[q.count-c.labels]:]) == c.wire
}

// zone returns the catalog as it is now; nil: it is not open.
func (c *catalog) zone() *zone {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		return nil
	}
	if c.current == nil || c.changed && !c.recent() {
		c.changed = false
		c.make()
	}
	return c.current
}

// recent reports whether the present revision is of this second, or of the next few, as
// after a small step of the clock.
func (c *catalog) recent() bool {
	ahead := int32(c.current.now.serial - uint32(c.s.opt.Clock.Now().Unix()))
	return ahead >= 0 && ahead < 5
}

// MemberID returns the label that stands for a zone in the catalog. It is always the same
// for the same name, so that a catalog which is made anew changes nothing.
func MemberID(zone dns.Name) string {
	sum := sha256.Sum256([]byte(zone))
	return hex.EncodeToString(sum[:16])
}

func (c *catalog) make() {
	c.s.mu.RLock()
	members := make([]string, 0, len(c.s.zones))
	for name := range c.s.zones {
		members = append(members, name)
	}
	c.s.mu.RUnlock()
	serial := uint32(max(c.s.opt.Clock.Now().Unix(), 1))
	if c.current != nil {
		serial = uint32(dns.NextSerial(dns.SerialUnix, dns.Serial(c.current.now.serial), c.s.opt.Clock.Now()))
	}
	invalid := []byte("\x07invalid\x00")
	soa := append(slices.Clone(invalid), invalid...)
	for _, n := range []uint32{serial, 600, 60, 1<<31 - 1, 0} {
		soa = binary.BigEndian.AppendUint32(soa, n)
	}
	records := make([]record, 0, len(members)+3)
	records = append(records,
		record{"", wire.TypeSOA, body(wire.TypeSOA, 0, soa)},
		record{"", typeNS, body(typeNS, 0, invalid)},
		record{"\x07version", typeTXT, body(typeTXT, 0, []byte("\x012"))})
	for _, name := range members {
		parsed, _, err := dns.ParseWireName([]byte(name))
		if err != nil {
			continue // names of zones came from names
		}
		id := MemberID(parsed)
		records = append(records, record{string(rune(len(id))) + id + "\x05zones", typePTR, body(typePTR, 0, []byte(name))})
	}
	slices.SortFunc(records, compareRecords)
	now := newSnapshot(c.s.seed, c.wire, records)
	next := &zone{now: now}
	if c.current != nil && c.s.opt.Journal > 0 {
		next.journal = keep(c.current.journal, difference(c.current.now, now), min(c.s.opt.Journal, len(now.data)))
	}
	c.current = next
}

// body makes what follows the owner of a record.
func body(rtype uint16, ttl uint32, data []byte) string {
	return string(wire.AppendRR(make([]byte, 0, bodyHead+len(data)), nil, rtype, wire.ClassIN, ttl, data))
}
