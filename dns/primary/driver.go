package primary

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

var (
	_ dns.NameServer   = (*Server)(nil)
	_ dns.SerialReader = (*Server)(nil)
	_ dns.Lister       = (*Server)(nil)
)

// Capabilities tells what the server can do: everything but ALIAS, whole zones at once.
func (*Server) Capabilities() dns.Capabilities {
	return dns.Capabilities{Atomic: dns.AtomicZone, Conditional: true, Creates: true}
}

// Fetch returns the zone as it is. The place is not looked at: the server is this one.
func (s *Server) Fetch(ctx context.Context, _ dns.Place, name dns.Name) (dns.Published, error) {
	z, err := s.get(ctx, name)
	if z == nil || err != nil {
		return dns.Published{}, err
	}
	records, err := unpack(name, z)
	return dns.Published{Present: err == nil, Serial: dns.Serial(z.serial), Records: records}, err
}

func (s *Server) get(ctx context.Context, name dns.Name) (*snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	key, err := name.AppendWire(nil)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if z := s.zones[string(key)]; z != nil {
		return z.now, nil
	}
	return nil, nil
}

// Serial returns the zone's serial.
func (s *Server) Serial(ctx context.Context, _ dns.Place, name dns.Name) (dns.Serial, bool, error) {
	z, err := s.get(ctx, name)
	if z == nil || err != nil {
		return 0, false, err
	}
	return dns.Serial(z.serial), true, nil
}

// Apply publishes a zone: from now on the peers get it, and they are told.
func (s *Server) Apply(ctx context.Context, _ dns.Place, c dns.Change) error {
	if err := ctx.Err(); err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	if s.opt.Catalog != "" && c.Zone == s.opt.Catalog {
		return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, fmt.Errorf("%s is the catalog", c.Zone))
	}
	key, err := c.Zone.AppendWire(nil)
	if err != nil {
		return err
	}
	records, err := pack(c.Zone, string(key), c.Desired)
	if err != nil {
		return err
	}
	next := newSnapshot(s.seed, string(key), records)
	if next.serial != uint32(c.Serial) {
		return tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf("the SOA has serial %d, the change %d", next.serial, c.Serial))
	}
	created, changed, err := s.set(string(key), next, c)
	if err != nil || !changed {
		return err
	}
	s.notifier.add(string(key), 0, false)
	if created && s.catalog != nil {
		s.catalog.change()
	}
	return nil
}

// set puts a revision in the place of the one that is expected. The difference between
// them is made without the lock, since it takes long for a large zone.
func (s *Server) set(key string, next *snapshot, c dns.Change) (created, changed bool, err error) {
	for {
		s.mu.RLock()
		old := s.zones[key]
		s.mu.RUnlock()
		var now *snapshot
		var journal []step
		if old != nil {
			now, journal = old.now, old.journal
		}
		switch {
		case now != nil && now.serial == next.serial && now.same(next):
			return false, false, nil
		case c.Expect.Present != (now != nil) || now != nil && now.serial != uint32(c.Expect.Serial):
			return false, false, tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
		case now != nil && !c.Serial.After(dns.Serial(now.serial)):
			return false, false, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, fmt.Errorf("serial %d is not after %d", c.Serial, now.serial))
		}
		if now != nil && s.opt.Journal > 0 {
			journal = keep(journal, difference(now, next), min(s.opt.Journal, len(next.data)))
		}
		s.mu.Lock()
		if s.zones[key] == old {
			s.zones[key] = &zone{next, journal}
			s.mu.Unlock()
			return old == nil, true, nil
		}
		s.mu.Unlock()
	}
}

// same reports whether two revisions have the same records.
func (z *snapshot) same(o *snapshot) bool {
	return z.data == o.data && z.names == o.names && slices.Equal(z.nodes, o.nodes) && slices.Equal(z.sets, o.sets)
}

// Remove drops a zone: questions about it are refused, and the catalog lists it no more.
func (s *Server) Remove(ctx context.Context, _ dns.Place, name dns.Name) error {
	z, err := s.get(ctx, name)
	if z == nil || err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.zones, z.name)
	s.mu.Unlock()
	if s.catalog != nil {
		s.catalog.change()
	}
	return nil
}

// List yields the zones, sorted, without the catalog.
func (s *Server) List(ctx context.Context, _ dns.Place) iter.Seq2[dns.Name, error] {
	return func(yield func(dns.Name, error) bool) {
		s.mu.RLock()
		keys := slices.Sorted(maps.Keys(s.zones))
		s.mu.RUnlock()
		for _, key := range keys {
			name, _, err := dns.ParseWireName([]byte(key))
			if err == nil {
				err = ctx.Err()
			}
			if !yield(name, err) || err != nil {
				return
			}
		}
	}
}

var errSOA = errors.New("a zone has one SOA record, at its name")

// pack turns records into octets, sorted and each once.
func pack(zone dns.Name, key string, records []dns.Record) ([]record, error) {
	var issues tierhost.Issues
	packed := make([]record, 0, len(records))
	var buf []byte
	owner, last := "", dns.Name("")
	soas := 0
	for i, r := range records {
		if r.Name != last || i == 0 {
			name, err := r.Name.AppendWire(buf[:0])
			if err != nil || !r.Name.Within(zone) || len(name) < len(key) {
				issues.Add(tierhost.Path("records", i, "name"), "out_of_zone", "%.80q is not in %s", string(r.Name), zone)
				continue
			}
			owner, last, buf = string(name[:len(name)-len(key)]), r.Name, name
		}
		t := r.Type()
		if t == dns.TypeALIAS {
			issues.Add(tierhost.Path("records", i), "unsupported_type", "an ALIAS cannot be sent to other name servers")
			continue
		}
		if t == dns.TypeSOA {
			soas++
			if owner != "" {
				soas++
			}
		}
		data, err := dns.AppendWireRData(buf[len(buf):], r.Data)
		if err != nil || r.TTL > dns.MaxTTL {
			issues.Add(tierhost.Path("records", i), "bad_record", "it cannot be published: %v", err)
			continue
		}
		packed = append(packed, record{owner, uint16(t), string(wire.AppendRR(nil, nil, uint16(t), wire.ClassIN, r.TTL, data))})
	}
	if soas != 1 {
		issues.Add("records", "bad_soa", "%v", errSOA)
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(packed, compareRecords)
	return slices.Compact(packed), nil
}

// unpack is the reverse of pack.
func unpack(zone dns.Name, z *snapshot) (records []dns.Record, err error) {
	records = make([]dns.Record, 0, z.count())
	last, name := "", zone
	z.records(func(owner, body string) bool {
		if owner != last {
			if name, _, err = dns.ParseWireName([]byte(owner + z.name)); err != nil {
				return false
			}
			last = owner
		}
		b := []byte(body)
		var data dns.RData
		if data, err = dns.ParseWireRData(dns.Type(bodyType(body)), b[bodyHead:]); err != nil {
			return false
		}
		ttl := uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])
		records = append(records, dns.Record{Name: name, TTL: ttl, Data: data})
		return true
	})
	return records, err
}
