package primary

import (
	"encoding/binary"
	"errors"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// askTransfer decides about a question for AXFR or IXFR. It returns true if the zone is
// to be sent.
func (s *Server) askTransfer(r *reply, c *client, peer bool) bool {
	q := r.q
	z := s.transferred(q)
	switch {
	case !peer || z == nil:
		// The same for a zone that there is not, so that nobody can try names.
		r.rcode = wire.RcodeRefused
	case q.rtype == wire.TypeIXFR && !q.hasSerial:
		r.rcode = wire.RcodeFormErr
	case q.rtype == wire.TypeIXFR && !c.stream:
		// It is told the present serial and comes back over TCP: RFC 1995, 2.
		r.aa = true
		r.owner(place{q.name, wire.HeaderLen}, 0)
		r.b = append(r.b, z.now.soa...)
		r.answers++
	case !c.stream:
		r.rcode = wire.RcodeFormErr // RFC 5936, 4.2
	case c.signature != nil && !s.replays.first(c.mac, s.opt.Clock.Now()):
		r.rcode = wire.RcodeRefused
		s.complain("a signed transfer was asked for twice with the same message", "from", c.from)
	default:
		return true
	}
	return false
}

// transferred returns the zone of exactly the question's name.
func (s *Server) transferred(q *question) *zone {
	if s.catalog != nil && s.catalog.is(q) {
		return s.catalog.zone()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.zones[string(q.name)]
}

// envelope is how large the messages of a transfer get, before the signature.
const envelope = 32 << 10

// sender writes the messages of one transfer.
type sender struct {
	s       *Server
	q       *question
	c       *client
	write   func(msg []byte) error
	b       []byte // with two octets for the length
	first   int    // octets of length, header and question
	answers int
	prior   []byte
	later   bool
}

var errGone = errors.New("the zone is gone")

// transfer sends a zone, or what has changed in it, over a stream. What is sent is one
// revision, whatever is applied meanwhile.
func (s *Server) transfer(b, msg []byte, q *question, c *client, write func([]byte) error) error {
	z := s.transferred(q)
	if z == nil {
		return errGone
	}
	now, journal := z.now, z.journal
	t := &sender{s: s, q: q, c: c, write: write, prior: c.mac}
	t.b = append(append(b[:0], 0, 0), msg[:q.end]...)
	t.first = len(t.b)
	binary.BigEndian.PutUint16(t.b[4:], wire.FlagQR|wire.FlagAA)
	for section := 1; section <= 3; section++ {
		wire.SetCount(t.b[2:], section, 0)
	}
	steps := since(journal, q.serial)
	switch {
	case q.rtype == wire.TypeIXFR && !dns.Serial(now.serial).After(dns.Serial(q.serial)):
		t.put("", now.soa) // there is nothing newer
	case q.rtype == wire.TypeIXFR && steps != nil:
		t.incremental(now, steps)
	default:
		t.whole(now)
	}
	return t.flush()
}

func (t *sender) whole(z *snapshot) {
	t.put("", z.soa)
	z.records(func(owner, body string) bool {
		if owner == "" && bodyType(body) == wire.TypeSOA {
			return true
		}
		return t.put(owner, body) == nil
	})
	t.put("", z.soa)
}

func (t *sender) incremental(z *snapshot, steps []step) {
	t.put("", z.soa)
	for _, s := range steps {
		t.put("", s.fromSOA)
		for _, r := range s.deleted {
			t.put(r.owner, r.body)
		}
		t.put("", s.toSOA)
		for _, r := range s.added {
			t.put(r.owner, r.body)
		}
	}
	t.put("", z.soa)
}

// put adds a record; its owner ends with a pointer to the question's name.
func (t *sender) put(owner, body string) error {
	if t.write == nil {
		return errGone
	}
	if len(t.b)+len(owner)+2+len(body) > envelope && t.answers > 0 {
		if err := t.flush(); err != nil {
			return err
		}
	}
	t.b = append(t.b, owner...)
	t.b = append(t.b, 0xc0, wire.HeaderLen)
	t.b = append(t.b, body...)
	t.answers++
	return nil
}

// flush sends the message. After a failure nothing is sent any more.
func (t *sender) flush() error {
	if t.write == nil {
		return errGone
	}
	wire.SetCount(t.b[2:], 1, t.answers)
	if t.c.signature != nil {
		msg, mac := t.c.signature.Key.Sign(t.b[2:], t.prior, t.later, t.s.opt.Clock.Now())
		t.b = append(t.b[:2], msg...)
		t.prior, t.later = mac, true
	}
	binary.BigEndian.PutUint16(t.b, uint16(len(t.b)-2))
	err := t.write(t.b)
	if err != nil {
		t.write = nil
	}
	t.b = t.b[:t.first]
	wire.SetCount(t.b[2:], 3, 0)
	t.answers = 0
	return err
}
