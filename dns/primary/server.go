package primary

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/tierhost/tierhost/dns/internal/wire"
)

// Server holds zones in memory and sends them to other name servers, and answers questions
// if it is public. It is the driver ([dns.NameServer]) of itself. It is safe for concurrent
// use.
type Server struct {
	opt   Options
	keys  map[string]*wire.Key
	peers []peer
	seed  maphash.Seed

	mu      sync.RWMutex
	zones   map[string]*zone // by name on the wire
	catalog *catalog         // nil: there is none

	transfers chan struct{} // one for each that may run
	replays   replays
	limiter   *limiter
	notifier  *notifier
	conns     conns

	complained atomic.Int64 // the second in which something was logged last
	unsaid     atomic.Int64 // what was not logged since
}

// zone is a revision of a zone with its history. It does not change: a later revision is
// another zone in its place.
type zone struct {
	now     *snapshot
	journal []step
}

// New makes a server without zones. Faults of the options are a *tierhost.Invalid.
func New(opt Options) (*Server, error) {
	keys, peers, err := opt.check()
	if err != nil {
		return nil, err
	}
	opt.setDefaults()
	s := &Server{opt: opt, keys: keys, peers: peers, seed: maphash.MakeSeed(), zones: map[string]*zone{}}
	s.transfers = make(chan struct{}, max(opt.Transfers, 1))
	s.limiter = newLimiter(opt.Rate)
	s.conns.init(opt.Connections, peers)
	if s.notifier, err = newNotifier(s); err != nil {
		return nil, err
	}
	if opt.Catalog != "" {
		if s.catalog, err = newCatalog(s, opt.Catalog); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// answering is the zone that answers for a name.
type answering struct {
	zone  *snapshot // nil: there is none
	label int       // of the name, with which the zone's begins
	// covered: another zone is at the name, and what this one has there is not seen.
	covered bool
}

// find returns the zone that answers for a name: the nearest, but for DS at a zone's own name
// that above, if it is here too (RFC 4035, 3.1.4.1). There it has none, whatever else it has,
// unless it delegates the name.
func (s *Server) find(name []byte, labels *[128]uint8, count int, rtype uint16) answering {
	a := s.nearest(name, labels, 0, count)
	if a.zone == nil || a.label > 0 || rtype != typeDS {
		return a
	}
	above := s.nearest(name, labels, 1, count)
	if above.zone == nil {
		return a
	}
	above.covered = !above.zone.delegates(name, labels, above.label, count)
	return above
}

// nearest returns the zone with the longest name with which a name ends, from a label on.
func (s *Server) nearest(name []byte, labels *[128]uint8, first, count int) answering {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := first; i <= count; i++ {
		if z := s.zones[string(name[labels[i]:])]; z != nil {
			return answering{zone: z.now, label: i}
		}
	}
	return answering{}
}

// allowed reports whether a client is a peer.
func (s *Server) allowed(from netip.Addr, key *wire.Key) bool {
	from = from.Unmap()
	for _, p := range s.peers {
		if p.key != key {
			continue
		}
		if len(p.networks) == 0 {
			return true
		}
		for _, n := range p.networks {
			if n.Contains(from) {
				return true
			}
		}
	}
	return false
}

// maxUDP is the largest answer over UDP: it fits into one packet of IPv6 everywhere.
const maxUDP = 1232

// client is who asks, and over what.
type client struct {
	from      netip.Addr
	stream    bool
	signature *wire.Signature // nil: unsigned
	mac       []byte
}

// answer writes the answer to a message into b. nil: there is none. With transfer the
// answer is that of a transfer, and msg was allowed to ask for one.
func (s *Server) answer(b, msg []byte, q *question, nameBuf []byte, c *client) (out []byte, transfer bool) {
	code := q.parse(msg, nameBuf)
	if code == -2 {
		return nil, false
	}
	var r reply
	r.begin(b, msg, q)
	if code >= 0 {
		r.rcode = code
		return r.end(wire.MinUDP), false
	}
	if q.header.Additionals > 0 {
		if refused := s.verify(msg, &r, c); refused != nil {
			return refused, false
		}
	}
	limit := wire.MaxMessage
	if !c.stream {
		limit = min(q.size, maxUDP)
	}
	if c.signature != nil {
		limit -= c.signature.Key.SignedLen()
	}
	if transfer = s.reply(&r, c); transfer {
		return nil, true
	}
	return s.sign(r.end(limit), c), false
}

// reply decides what a well-formed question is answered with.
func (s *Server) reply(r *reply, c *client) (transfer bool) {
	q := r.q
	var key *wire.Key
	if c.signature != nil {
		key = c.signature.Key
	}
	peer := s.allowed(c.from, key)
	switch {
	case q.edns && q.vers != 0:
		r.rcode = wire.RcodeBadVers
		return false
	case q.class != wire.ClassIN:
		r.rcode = wire.RcodeRefused
		return false
	case q.rtype == wire.TypeAXFR || q.rtype == wire.TypeIXFR:
		return s.askTransfer(r, c, peer)
	case !peer && !s.opt.Public:
		r.rcode = wire.RcodeRefused
		return false
	}
	if s.catalog != nil && s.catalog.has(q) {
		if z := s.catalog.zone(); peer && z != nil {
			r.resolve(s, answering{zone: z.now, label: q.count - s.catalog.labels})
			return false
		}
		r.rcode = wire.RcodeRefused
		return false
	}
	from := s.find(q.name, &q.labels, q.count, q.rtype)
	if from.zone == nil {
		r.rcode = wire.RcodeRefused
		return false
	}
	r.resolve(s, from)
	return false
}

// verify checks the signature of a message that may have one, and returns the refusal if
// it is wrong.
func (s *Server) verify(msg []byte, r *reply, c *client) []byte {
	now := s.opt.Clock.Now()
	_, signature, err := wire.Verify(msg, func(name string) *wire.Key { return s.keys[name] }, nil, nil, false, now)
	if err == nil {
		c.signature = signature
		c.mac = append([]byte(nil), signature.MAC...)
		return nil
	}
	if errors.Is(err, wire.ErrUnsigned) {
		return nil
	}
	if signature == nil {
		r.rcode = wire.RcodeFormErr
		return r.end(wire.MinUDP)
	}
	r.rcode = wire.RcodeNotAuth
	s.complain("a signature is refused", "from", c.from, "reason", err)
	return signature.Refuse(r.end(wire.MinUDP), err, now)
}

// complain logs what anybody can cause, once a second at most: a log that strangers fill
// hides what else is in it.
func (s *Server) complain(msg string, args ...any) {
	now := s.opt.Clock.Now().Unix()
	last := s.complained.Load()
	if now == last || !s.complained.CompareAndSwap(last, now) {
		s.unsaid.Add(1)
		return
	}
	s.opt.Logger.Warn(msg, append(args, "left_out", s.unsaid.Swap(0))...)
}

// sign signs the only answer to a signed question.
func (s *Server) sign(msg []byte, c *client) []byte {
	if c.signature == nil {
		return msg
	}
	signed, _ := c.signature.Key.Sign(msg, c.mac, false, s.opt.Clock.Now())
	return signed
}
