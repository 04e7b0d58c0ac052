package primary

import (
	"encoding/binary"
	"slices"

	"github.com/tierhost/tierhost/dns/internal/wire"
)

// question is what a message asks.
type question struct {
	header wire.Header
	name   []byte // on the wire, in lower case
	end    int    // of the question in the message
	rtype  uint16
	class  uint16
	edns   bool
	do     bool // DNSSEC OK, which is only handed back
	vers   uint8
	size   int // what the client takes over UDP
	serial uint32
	// hasSerial: the authority section holds the SOA of IXFR.
	hasSerial bool
	labels    [128]uint8 // offsets of the labels in name
	count     int        // of labels, without the root
}

// parse reads a question. What is returned says which error to answer with: -1 none, -2
// nothing at all.
func (q *question) parse(msg, nameBuf []byte) int {
	h, err := wire.ParseHeader(msg)
	if err != nil || h.Response() {
		return -2
	}
	*q = question{header: h, size: wire.MinUDP, end: wire.HeaderLen}
	if op := h.Opcode(); op != wire.OpQuery {
		return wire.RcodeNotImp
	}
	if h.Questions != 1 {
		return wire.RcodeFormErr
	}
	off := wire.HeaderLen
	for {
		if off >= len(msg) || off-wire.HeaderLen >= wire.MaxName {
			return wire.RcodeFormErr
		}
		n := int(msg[off])
		if n == 0 {
			off++
			break
		}
		if n >= 0x40 { // a question has nothing to point to
			return wire.RcodeFormErr
		}
		q.labels[q.count] = uint8(off - wire.HeaderLen)
		q.count++
		off += n + 1
	}
	q.labels[q.count] = uint8(off - wire.HeaderLen - 1)
	if off+4 > len(msg) {
		return wire.RcodeFormErr
	}
	q.name = append(nameBuf[:0], msg[wire.HeaderLen:off]...)
	wire.Lower(q.name)
	q.rtype, q.class = binary.BigEndian.Uint16(msg[off:]), binary.BigEndian.Uint16(msg[off+2:])
	q.end = off + 4
	return q.parseRest(msg)
}

func (q *question) parseRest(msg []byte) int {
	off := q.end
	before := int(q.header.Answers) + int(q.header.Authorities)
	for i := range before + int(q.header.Additionals) {
		rr, err := wire.ParseRR(msg, off)
		if err != nil {
			return wire.RcodeFormErr
		}
		off = rr.End
		switch {
		case i >= before && rr.Type == wire.TypeOPT:
			if q.edns || msg[rr.Start] != 0 {
				return wire.RcodeFormErr // one at most, of the root
			}
			q.edns, q.vers, q.do = true, uint8(rr.TTL>>16), rr.TTL&0x8000 != 0
			q.size = max(int(rr.Class), wire.MinUDP)
		case i < before && rr.Type == wire.TypeSOA && rr.End-rr.Data >= 20:
			q.serial, q.hasSerial = binary.BigEndian.Uint32(msg[rr.End-20:]), true
		}
	}
	return -1
}

// reply writes the answer to a question.
type reply struct {
	b                                 []byte // the message so far
	q                                 *question
	answers, authorities, additionals int
	rcode                             int
	aa                                bool
}

// begin starts with the question as it came, so that its letters stay as they are.
func (r *reply) begin(b, msg []byte, q *question) {
	*r = reply{b: append(b[:0], msg[:min(q.end, len(msg))]...), q: q}
	if q.end == wire.HeaderLen { // it could not be read
		for len(r.b) < wire.HeaderLen {
			r.b = append(r.b, 0)
		}
		wire.SetCount(r.b, 0, 0)
	}
}

// optLen is the length of an OPT record without options.
const optLen = 11

// end completes the message, cut to limit.
func (r *reply) end(limit int) []byte {
	flags := uint16(wire.FlagQR) | r.q.header.Flags&(0xf<<11|wire.FlagRD)
	if r.aa {
		flags |= wire.FlagAA
	}
	if r.q.edns {
		limit -= optLen
	}
	if len(r.b) > limit {
		flags |= wire.FlagTC
		r.b = r.b[:r.q.end]
		r.answers, r.authorities, r.additionals = 0, 0, 0
	}
	if r.q.edns {
		do := byte(0)
		if r.q.do {
			do = 0x80
		}
		r.b = append(r.b, 0, 0, wire.TypeOPT, maxUDP>>8, maxUDP&0xff, byte(r.rcode>>4), 0, do, 0, 0, 0)
		r.additionals++
	}
	binary.BigEndian.PutUint16(r.b[2:], flags|uint16(r.rcode&15))
	wire.SetCount(r.b, 1, r.answers)
	wire.SetCount(r.b, 2, r.authorities)
	wire.SetCount(r.b, 3, r.additionals)
	return r.b
}

// place is where a name stands in the message, for pointers.
type place struct {
	name []byte // on the wire, whole
	at   int    // offset of it in the message
}

// owner writes a name that is the part of p from offset on, as a pointer if that reaches.
func (r *reply) owner(p place, offset int) {
	if at := p.at + offset; at < 0x4000 {
		r.b = append(r.b, 0xc0|byte(at>>8), byte(at))
		return
	}
	r.b = append(r.b, p.name[offset:]...)
}

// put writes the records of a set, with an owner.
func (r *reply) put(z *snapshot, set int, p place, offset int) (n int) {
	for rest := z.bodies(set); rest != ""; n++ {
		var body string
		body, rest = nextBody(rest)
		r.owner(p, offset)
		r.b = append(r.b, body...)
	}
	return n
}

// maxChain bounds how many aliases are followed in one answer.
const maxChain = 8

// resolve answers from a zone. At the target of an alias it begins anew with the zone of s
// that is nearest to it (RFC 1034, 4.3.2).
func (r *reply) resolve(s *Server, from answering) {
	q := r.q
	r.aa = true
	p := place{q.name, wire.HeaderLen}
	labels, count := &q.labels, q.count
	z, at := from.zone, from.label
	var own [128]uint8
	var seen [maxChain + 1]alias
	for hop := 0; ; hop++ {
		apex := int(labels[at])
		if from.covered {
			r.negative(z, p, apex)
			return
		}
		found := z.lookup(p.name, labels, at, count, q.rtype)
		switch found.kind {
		case foundNothing:
			r.rcode = wire.RcodeNXDomain
			r.negative(z, p, apex)
			return
		case foundCut:
			if hop == 0 {
				r.aa = false
			}
			r.refer(z, found.node, p, int(found.offset))
			return
		case foundDNAME:
			if !r.dname(z, found, p) || q.rtype == wire.TypeCNAME || q.rtype == wire.TypeANY {
				return
			}
		default:
			node := found.node
			if set := z.set(node, wire.TypeCNAME); set >= 0 && q.rtype != wire.TypeCNAME && q.rtype != wire.TypeANY {
				if slices.Contains(seen[:hop], alias{z, set}) {
					return // a circle
				}
				seen[hop] = alias{z, set}
				r.answers += r.put(z, set, p, 0)
				break
			}
			set := z.set(node, q.rtype)
			if q.rtype == wire.TypeANY && z.nodes[node].sets < z.nodes[node+1].sets {
				set = int(z.nodes[node].sets) // one of them: RFC 8482, 4.1
			}
			if set < 0 {
				r.negative(z, p, apex)
				return
			}
			r.answers += r.put(z, set, p, 0)
			return
		}
		// On with the target of the alias, the last name that was written.
		target, targetAt, ok := r.lastName()
		if !ok || hop == maxChain {
			return
		}
		p = place{target, targetAt}
		labels = &own
		if count = split(p.name, labels); count < 0 {
			return
		}
		if from = s.find(p.name, labels, count, q.rtype); from.zone == nil {
			return // out of our zones: the client goes on
		}
		if at = from.label; from.zone.name != z.name { // else that revision which was begun with
			z = from.zone
		}
	}
}

// alias is one that was followed.
type alias struct {
	zone *snapshot
	set  int
}

// lastName returns the target of the alias at the end of the message.
func (r *reply) lastName() (name []byte, at int, ok bool) {
	// It is the data of the last record: all that follows its length.
	off := r.q.end
	var rr wire.RR
	for range r.answers {
		var err error
		if rr, err = wire.ParseRR(r.b, off); err != nil {
			return nil, 0, false
		}
		off = rr.End
	}
	// A copy: the message may move when it grows.
	return append([]byte(nil), r.b[rr.Data:rr.End]...), rr.Data, rr.End > rr.Data
}

// split finds the labels of a name.
func split(name []byte, labels *[128]uint8) int {
	count := 0
	for off := 0; off < len(name); off += int(name[off]) + 1 {
		labels[count] = uint8(off)
		if name[off] == 0 {
			return count
		}
		count++
	}
	return -1
}

// below returns with which label of name the zone's name begins, -1 if it is not in it.
func below(name []byte, labels *[128]uint8, count int, zone string) int {
	for i := range count + 1 {
		if rest := name[labels[i]:]; len(rest) == len(zone) {
			if string(rest) == zone {
				return i
			}
			return -1
		}
	}
	return -1
}

type foundKind uint8

const (
	foundNode foundKind = iota
	foundNothing
	foundCut
	foundDNAME
)

// found is where a look-up ends.
type found struct {
	kind   foundKind
	node   int
	offset uint8 // of the node's name in the name looked up, for cuts and DNAMEs
}

// lookup finds the node for a name whose labels from zoneLabel on are the zone's name: the
// node itself, a wildcard's (RFC 4592), a delegation or DNAME above, or nothing.
func (z *snapshot) lookup(name []byte, labels *[128]uint8, zoneLabel, count int, rtype uint16) found {
	end := labels[zoneLabel]
	encloser := zoneLabel
	if !z.cuts {
		if node := z.find(name[:end]); node >= 0 {
			return found{node: node}
		}
		for encloser = 1; encloser < zoneLabel && z.find(name[labels[encloser]:end]) < 0; encloser++ {
		}
	} else {
		node := 0
		for i := zoneLabel; i >= 0; i-- {
			n := z.find(name[labels[i]:end])
			if n < 0 {
				break
			}
			node, encloser = n, i
			switch {
			case z.nodes[n].cut && (i > 0 || rtype != typeDS):
				return found{foundCut, n, labels[i]}
			case z.nodes[n].dname && i > 0:
				return found{foundDNAME, n, labels[i]}
			}
		}
		if encloser == 0 {
			return found{node: node}
		}
	}
	var wild [wire.MaxName + 2]byte
	w := append(append(wild[:0], 1, '*'), name[labels[encloser]:end]...)
	if node := z.find(w); node >= 0 {
		return found{node: node}
	}
	return found{kind: foundNothing}
}

// delegates reports whether a name, or one above it in the zone, is delegated.
func (z *snapshot) delegates(name []byte, labels *[128]uint8, zoneLabel, count int) bool {
	return z.cuts && z.lookup(name, labels, zoneLabel, count, typeNS).kind == foundCut
}

// negative adds the SOA, with the TTL for negative answers.
func (r *reply) negative(z *snapshot, p place, apex int) {
	r.owner(p, apex)
	start := len(r.b)
	r.b = append(r.b, z.soa...)
	binary.BigEndian.PutUint32(r.b[start+4:], z.negTTL)
	r.authorities++
}

// refer adds a delegation with the addresses that the zone has of its servers. A DS is for
// those who ask for DNSSEC of a signed zone, which none here is.
func (r *reply) refer(z *snapshot, node int, p place, offset int) {
	set := z.set(node, typeNS)
	r.authorities += r.put(z, set, p, offset)
	for rest := z.bodies(set); rest != ""; {
		var body string
		body, rest = nextBody(rest)
		host := []byte(body[bodyHead:])
		var labels [128]uint8
		count := split(host, &labels)
		at := -1
		if count >= 0 {
			at = below(host, &labels, count, z.name)
		}
		if at < 0 {
			continue
		}
		glue := z.find(host[:labels[at]])
		if glue < 0 {
			continue
		}
		for _, t := range []uint16{typeA, typeAAAA} {
			if s := z.set(glue, t); s >= 0 {
				r.additionals += r.put(z, s, place{host, 0x4000}, 0)
			}
		}
	}
}

// dname adds a DNAME and the alias that it makes (RFC 6672). It returns false if the
// alias would be too long.
func (r *reply) dname(z *snapshot, f found, p place) bool {
	set := z.set(f.node, wire.TypeDNAME)
	r.answers += r.put(z, set, p, int(f.offset))
	body, _ := nextBody(z.bodies(set))
	target := body[bodyHead:]
	if int(f.offset)+len(target) > wire.MaxName {
		r.rcode = wire.RcodeYXDomain
		return false
	}
	alias := append(append([]byte(nil), p.name[:f.offset]...), target...)
	r.owner(p, 0)
	r.b = append(r.b, 0, wire.TypeCNAME, 0, wire.ClassIN)
	r.b = append(r.b, body[4:8]...)
	r.b = binary.BigEndian.AppendUint16(r.b, uint16(len(alias)))
	r.b = append(r.b, alias...)
	r.answers++
	return true
}
