package primary

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/dns/internal/wire"
)

// record is one record of a zone as octets.
type record struct {
	owner string // labels on the wire below the zone's name, without the final 0; "" is the apex
	rtype uint16
	body  string // type, class, TTL, length and data, as they follow the owner in messages
}

// compareRecords orders by owner, the apex first, then by type and data.
func compareRecords(a, b record) int {
	if c := strings.Compare(a.owner, b.owner); c != 0 {
		return c
	}
	if c := cmp.Compare(a.rtype, b.rtype); c != 0 {
		return c
	}
	return strings.Compare(a.body, b.body)
}

// snapshot is one revision of a zone, ready to be sent. It never changes, so whoever sends
// it sends one revision, whatever is applied meanwhile.
type snapshot struct {
	name   string // on the wire
	serial uint32
	soa    string // the body of the SOA record
	negTTL uint32 // of negative answers: RFC 2308
	cuts   bool   // there are delegations, or DNAMEs
	seed   maphash.Seed

	names string // labels of the nodes' owners, one after the other
	data  string // bodies of the records, in the order of nodes and sets
	nodes []node // in the order of owners; with empty non-terminals
	sets  []set
	index []uint32 // open addressing: 1 + number of the node
}

// node is an owner name.
type node struct {
	name   uint32 // offset in names
	length uint8  // octets there
	cut    bool   // a delegation
	dname  bool
	sets   uint32 // first of the node's sets; they end where the next node's begin
}

// set is the records of a node of one type.
type set struct {
	rtype uint16
	count uint32
	start uint32 // offset in data; it ends where the next set begins
}

const bodyHead = 10 // octets of a body before the data

// newSnapshot makes a snapshot of records, which are sorted and without duplicates; exactly
// one SOA is among them, at the apex.
func newSnapshot(seed maphash.Seed, name string, records []record) *snapshot {
	z := &snapshot{name: name, seed: seed}
	owners := make(map[string]bool, len(records))
	order := make([]string, 0, len(records))
	size := 0
	for _, r := range records {
		size += len(r.body)
		for o := r.owner; ; {
			if owners[o] {
				break
			}
			owners[o] = true
			order = append(order, o)
			if o == "" {
				break
			}
			o = o[1+int(o[0]):] // the parent, perhaps an empty non-terminal
		}
	}
	slices.Sort(order)
	var data, names strings.Builder
	data.Grow(size)
	z.nodes = make([]node, 0, len(order)+1)
	i := 0
	for _, owner := range order {
		n := node{name: uint32(names.Len()), length: uint8(len(owner)), sets: uint32(len(z.sets))}
		names.WriteString(owner)
		for ; i < len(records) && records[i].owner == owner; i++ {
			r := records[i]
			if last := len(z.sets) - 1; last >= int(n.sets) && z.sets[last].rtype == r.rtype {
				z.sets[last].count++
			} else {
				z.sets = append(z.sets, set{rtype: r.rtype, count: 1, start: uint32(data.Len())})
			}
			data.WriteString(r.body)
			n.cut = n.cut || r.rtype == typeNS && owner != ""
			n.dname = n.dname || r.rtype == wire.TypeDNAME
			if r.rtype == wire.TypeSOA && owner == "" {
				z.soa = r.body
			}
		}
		z.cuts = z.cuts || n.cut || n.dname
		z.nodes = append(z.nodes, n)
	}
	z.nodes = slices.Clip(append(z.nodes, node{name: uint32(names.Len()), sets: uint32(len(z.sets))})) // the end
	z.sets = slices.Clip(append(z.sets, set{start: uint32(data.Len())}))
	z.names, z.data = names.String(), data.String()
	z.indexNodes()
	z.readSOA()
	return z
}

func (z *snapshot) indexNodes() {
	n := len(z.nodes) - 1
	size := 2
	for size < n+n/2 {
		size *= 2
	}
	z.index = make([]uint32, size)
	for i := range n {
		at := int(maphash.String(z.seed, z.owner(i))) & (size - 1)
		for z.index[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		z.index[at] = uint32(i + 1)
	}
}

// readSOA takes serial and negative TTL from the end of the SOA's data.
func (z *snapshot) readSOA() {
	if len(z.soa) < bodyHead+22 {
		return
	}
	numbers := []byte(z.soa[len(z.soa)-20:])
	z.serial = binary.BigEndian.Uint32(numbers)
	z.negTTL = min(binary.BigEndian.Uint32([]byte(z.soa[4:8])), binary.BigEndian.Uint32(numbers[16:]))
}

// owner returns the labels of a node.
func (z *snapshot) owner(i int) string {
	n := z.nodes[i]
	return z.names[n.name : n.name+uint32(n.length)]
}

// find returns the node with an owner, -1 if there is none.
func (z *snapshot) find(owner []byte) int {
	mask := len(z.index) - 1
	for at := int(maphash.Bytes(z.seed, owner)) & mask; z.index[at] != 0; at = (at + 1) & mask {
		if i := int(z.index[at] - 1); z.owner(i) == string(owner) {
			return i
		}
	}
	return -1
}

// set returns the number of a node's set of a type, -1 if it has none.
func (z *snapshot) set(node int, rtype uint16) int {
	for i := int(z.nodes[node].sets); i < int(z.nodes[node+1].sets); i++ {
		if z.sets[i].rtype == rtype {
			return i
		}
	}
	return -1
}

// bodies returns a set's records, one after the other.
func (z *snapshot) bodies(set int) string { return z.data[z.sets[set].start:z.sets[set+1].start] }

// nextBody cuts the first record off bodies.
func nextBody(bodies string) (body, rest string) {
	n := bodyHead + int(bodies[8])<<8 + int(bodies[9])
	return bodies[:n], bodies[n:]
}

// records yields all records, the SOA among them, in order.
func (z *snapshot) records(yield func(owner, body string) bool) {
	for i := range len(z.nodes) - 1 {
		owner := z.owner(i)
		start, end := z.sets[z.nodes[i].sets].start, z.sets[z.nodes[i+1].sets].start
		for rest := z.data[start:end]; rest != ""; {
			var body string
			body, rest = nextBody(rest)
			if !yield(owner, body) {
				return
			}
		}
	}
}

// count returns how many records there are.
func (z *snapshot) count() (n int) {
	for _, s := range z.sets {
		n += int(s.count)
	}
	return n
}

const (
	typeA    = 1
	typeNS   = 2
	typePTR  = 12
	typeTXT  = 16
	typeAAAA = 28
	typeDS   = 43
)
