package rfc2136

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// message is an update that is being written.
type message struct {
	b       []byte
	updates int
	err     error
}

func (m *message) add(r dns.Record, class uint16, ttl uint32) {
	owner, err := r.Name.AppendWire(nil)
	var data []byte
	if err == nil {
		data, err = dns.AppendWireRData(nil, r.Data)
	}
	if err != nil {
		m.err = errors.Join(m.err, err)
		return
	}
	m.b = wire.AppendRR(m.b, owner, uint16(r.Type()), class, ttl, data)
	m.updates++
}

// drop removes a whole set.
func (m *message) drop(key dns.Key) {
	owner, err := key.Name.AppendWire(nil)
	m.err = errors.Join(m.err, err)
	m.b = wire.AppendRR(m.b, owner, uint16(key.Type), wire.ClassANY, 0, nil)
	m.updates++
}

// update writes the message of a change. Sets are removed whole and added whole: a record is
// removed by itself only where the server has the very octets, and what others wrote as
// other octets (a text in other strings) would stay. In an update a server ignores an alias
// beside other records and other records beside an alias (RFC 2136, 3.4.2.2), so removals
// come first; but it ignores the removal of all name servers of the zone too, so those that
// go are removed one by one, last.
func (s *session) update(c dns.Change, now dns.Record) ([]byte, error) {
	m := &message{b: wire.Query(nil, uint16(rand.Uint32()), wire.OpUpdate<<11, s.zone, wire.TypeSOA)}
	m.add(now, wire.ClassIN, 0) // the prerequisite: the SOA is exactly this
	m.updates = 0
	var soa []dns.Record
	apexNS := func(step dns.SetChange) bool { return step.Key() == dns.Key{Name: c.Zone, Type: dns.TypeNS} }
	for _, step := range c.Steps {
		if step.Key().Type != dns.TypeSOA && !apexNS(step) && len(step.Before.Data) > 0 {
			m.drop(step.Key())
		}
	}
	for _, step := range c.Steps {
		if step.Key().Type == dns.TypeSOA {
			soa = step.After.Records()
			continue
		}
		for _, r := range step.After.Records() {
			m.add(r, wire.ClassIN, r.TTL)
		}
	}
	for _, step := range c.Steps {
		if apexNS(step) {
			m.without(step)
		}
	}
	if len(soa) != 1 {
		return nil, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("the steps of the change do not change the SOA"))
	}
	m.add(soa[0], wire.ClassIN, soa[0].TTL)
	if m.err != nil {
		return nil, m.err
	}
	room := wire.MaxMessage
	if s.Key != nil {
		room -= s.Key.SignedLen()
	}
	if len(m.b) > room || m.updates > 65535 {
		return nil, &tierhost.Error{Kind: tierhost.KindUnsupported, Code: "too_large", Effect: tierhost.EffectNone,
			Err: fmt.Errorf("the change of %s needs %d octets, and an update has at most %d: in several it would be seen half done", s.name, len(m.b), room)}
	}
	binary.BigEndian.PutUint16(m.b[6:], 1)
	binary.BigEndian.PutUint16(m.b[8:], uint16(m.updates))
	return m.b, nil
}

// without removes the records of a set that are not wanted any more, one by one.
func (m *message) without(step dns.SetChange) {
	for _, r := range step.Before.Records() {
		if !slices.Contains(step.After.Data, r.Data) {
			m.add(r, wire.ClassNone, 0)
		}
	}
}
