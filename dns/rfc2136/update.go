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

// check refuses what cannot be sent, before anything is.
func check(c dns.Change) error {
	var issues tierhost.Issues
	soas := 0
	for i, r := range c.Desired {
		path := tierhost.Path("records", i)
		if !r.Name.Within(c.Zone) {
			issues.Add(path, "out_of_zone", "%.80q is not in %s", string(r.Name), c.Zone)
		}
		if err := errors.Join(r.Check(), r.Name.Check()); err != nil {
			issues.Add(path, "bad_record", "it cannot be published: %v", err)
		}
		if r.Type() == dns.TypeALIAS {
			issues.Add(path, "unsupported_type", "an ALIAS cannot be sent to other name servers")
		}
		if soa, ok := r.Data.(dns.SOA); ok {
			if soas++; r.Name != c.Zone || soa.Serial != c.Serial {
				soas++
			}
		}
	}
	if soas != 1 {
		issues.Add("records", "bad_soa", "a zone has one SOA, at its name, with the serial of the change")
	}
	return issues.Err()
}

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

// update writes the message of a change. In it a server ignores an alias beside other
// records and other records beside an alias (RFC 2136, 3.4.2.2), and the removal of the
// last name server, so removals come first, but those of name servers last.
func (s *session) update(c dns.Change, now dns.Record) ([]byte, error) {
	m := &message{b: wire.Query(nil, uint16(rand.Uint32()), wire.OpUpdate<<11, s.zone, wire.TypeSOA)}
	m.add(now, wire.ClassIN, 0) // the prerequisite: the SOA is exactly this
	m.updates = 0
	var soa []dns.Record
	apexNS := func(step dns.SetChange) bool { return step.Key() == dns.Key{Name: c.Zone, Type: dns.TypeNS} }
	for _, step := range c.Steps {
		switch {
		case step.Key().Type == dns.TypeSOA || apexNS(step) || len(step.Before.Data) == 0:
		case len(step.After.Data) == 0 || step.Before.TTL != step.After.TTL:
			m.drop(step.Before.Key())
		default:
			m.without(step)
		}
	}
	for _, step := range c.Steps {
		if step.Key().Type == dns.TypeSOA {
			soa = step.After.Records()
			continue
		}
		whole := len(step.Before.Data) == 0 || step.Before.TTL != step.After.TTL
		for _, r := range step.After.Records() {
			if whole || !slices.Contains(step.Before.Data, r.Data) {
				m.add(r, wire.ClassIN, r.TTL)
			}
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
