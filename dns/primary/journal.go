package primary

import (
	"strings"

	"github.com/tierhost/tierhost/dns/internal/wire"
)

// step is the difference between two revisions of a zone, without their SOA records.
type step struct {
	from, to       uint32
	fromSOA, toSOA string
	deleted, added []record
	size           int
}

// difference compares two revisions. The records share their memory.
func difference(from, to *snapshot) step {
	d := step{from: from.serial, to: to.serial, fromSOA: from.soa, toSOA: to.soa}
	next := pull(from)
	old, more := next()
	take := func(list *[]record, r record) {
		if r.rtype != wire.TypeSOA {
			// Not to keep whole revisions alive for a few records.
			r.owner, r.body = strings.Clone(r.owner), strings.Clone(r.body)
			*list = append(*list, r)
			d.size += len(r.owner) + len(r.body) + 2
		}
	}
	to.records(func(owner, body string) bool {
		r := record{owner, bodyType(body), body}
		for more {
			c := compareRecords(old, r)
			if c < 0 {
				take(&d.deleted, old)
			}
			if c <= 0 {
				old, more = next()
			}
			if c == 0 {
				return true
			}
			if c > 0 {
				break
			}
		}
		take(&d.added, r)
		return true
	})
	for ; more; old, more = next() {
		take(&d.deleted, old)
	}
	return d
}

// pull turns the records of a snapshot into a function that returns one after the other.
func pull(z *snapshot) func() (record, bool) {
	node, rest, owner := -1, "", ""
	return func() (record, bool) {
		for rest == "" {
			if node++; node >= len(z.nodes)-1 {
				return record{}, false
			}
			owner = z.owner(node)
			rest = z.data[z.sets[z.nodes[node].sets].start:z.sets[z.nodes[node+1].sets].start]
		}
		var body string
		body, rest = nextBody(rest)
		return record{owner, bodyType(body), body}, true
	}
}

func bodyType(body string) uint16 { return uint16(body[0])<<8 | uint16(body[1]) }

// keep appends a step to a journal, and drops the oldest until all are within limit octets
// and not larger than the zone itself, which could then be sent as well.
func keep(journal []step, s step, limit int) []step {
	journal = append(journal[:len(journal):len(journal)], s)
	size := 0
	for i := len(journal) - 1; i >= 0; i-- {
		if size += journal[i].size + len(journal[i].fromSOA) + len(journal[i].toSOA); size > limit {
			return append([]step(nil), journal[i+1:]...)
		}
	}
	return journal
}

// since returns the steps from a serial, nil if the journal does not reach back to it.
func since(journal []step, serial uint32) []step {
	for i := range journal {
		if journal[i].from == serial {
			return journal[i:]
		}
	}
	return nil
}
