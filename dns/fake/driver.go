package fake

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// Options are what the servers can do. The zero Options: everything but ALIAS, whole zones
// at once.
type Options struct {
	// Capabilities are what the servers can do; the zero value: all but ALIAS, whole
	// zones, conditionally, with creation.
	Capabilities dns.Capabilities
	// Decide, if not nil, says how calls go wrong for which [Driver.Next] has said nothing.
	Decide func(Call) Fault
}

// Driver is the fake.
type Driver struct {
	opt     Options
	mu      sync.Mutex
	servers map[dns.ServerID]*server
	next    []scripted
	calls   []Call
	late    []late
}

// server is a name server.
type server struct {
	zones    map[dns.Name]*zone
	notified map[dns.Name][]dns.Serial
	down     bool
	lag      int
}

// zone is a zone with the revision before, and how often that is still told.
type zone struct {
	now, before dns.Published
	stale       int
}

var (
	_ dns.NameServer   = (*Driver)(nil)
	_ dns.SerialReader = (*Driver)(nil)
	_ dns.Lister       = (*Driver)(nil)
	_ dns.Prober       = (*Driver)(nil)
)

// New makes a fake without zones.
func New(opt Options) *Driver {
	if opt.Capabilities.Atomic == "" {
		opt.Capabilities = dns.Capabilities{Atomic: dns.AtomicZone, Conditional: true, Creates: true}
	}
	return &Driver{opt: opt, servers: map[dns.ServerID]*server{}}
}

// server returns a server. The lock is held.
func (d *Driver) server(id dns.ServerID) *server {
	s := d.servers[id]
	if s == nil {
		s = &server{zones: map[dns.Name]*zone{}, notified: map[dns.Name][]dns.Serial{}}
		d.servers[id] = s
	}
	return s
}

// see returns what the server tells of a zone.
func (s *server) see(name dns.Name) dns.Published {
	z := s.zones[name]
	if z == nil {
		return dns.Published{}
	}
	if z.stale > 0 {
		z.stale--
		return z.before
	}
	return z.now
}

// put publishes a revision.
func (s *server) put(name dns.Name, p dns.Published) {
	z := s.zones[name]
	if z == nil {
		z = &zone{}
		s.zones[name] = z
	}
	z.before, z.now, z.stale = z.now, p, s.lag
	s.notified[name] = append(s.notified[name], p.Serial)
}

// Capabilities implements [dns.NameServer].
func (d *Driver) Capabilities() dns.Capabilities { return d.opt.Capabilities }

// Fetch implements [dns.NameServer].
func (d *Driver) Fetch(ctx context.Context, at dns.Place, name dns.Name) (p dns.Published, err error) {
	err = d.do(ctx, Call{Verb: Fetch, Server: at.Server, Zone: name}, func(s *server, _ bool) error {
		p = s.see(name)
		p.Records = slices.Clone(p.Records)
		return nil
	})
	return p, err
}

// Serial implements [dns.SerialReader].
func (d *Driver) Serial(ctx context.Context, at dns.Place, name dns.Name) (serial dns.Serial, present bool, err error) {
	err = d.do(ctx, Call{Verb: Serial, Server: at.Server, Zone: name}, func(s *server, _ bool) error {
		p := s.see(name)
		serial, present = p.Serial, p.Present
		return nil
	})
	return serial, present, err
}

// Apply implements [dns.NameServer].
func (d *Driver) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	desired, err := d.check(c)
	if err != nil {
		return err
	}
	call := Call{Verb: Apply, Server: at.Server, Zone: c.Zone, Operation: c.Operation, Serial: c.Serial}
	return d.do(ctx, call, func(s *server, half bool) error {
		now := dns.Published{}
		if z := s.zones[c.Zone]; z != nil {
			now = z.now
		}
		switch {
		case now.Present && now.Serial == c.Serial && slices.Equal(now.Records, desired.Records):
			return nil
		case !now.Present && !d.opt.Capabilities.Creates:
			return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, dns.ErrZoneMissing)
		case now.Present != c.Expect.Present || now.Present && now.Serial != c.Expect.Serial:
			return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
		case half:
			// The first half of the steps, and the old serial.
			s.put(c.Zone, dns.Published{Present: true, Serial: now.Serial, Records: part(now.Records, c.Steps)})
			return nil
		}
		s.put(c.Zone, desired)
		return nil
	})
}

// check refuses what no server can publish.
func (d *Driver) check(c dns.Change) (dns.Published, error) {
	if err := d.opt.Capabilities.Check(c.Desired); err != nil {
		return dns.Published{}, err
	}
	var issues tierhost.Issues
	soas := 0
	for i, r := range c.Desired {
		if err := r.Check(); err != nil {
			issues.Add(tierhost.Path("records", i), "bad_record", "%v", err)
		}
		if !r.Name.Within(c.Zone) {
			issues.Add(tierhost.Path("records", i), "out_of_zone", "%.80q is not in %s", string(r.Name), c.Zone)
		}
		if err := r.Name.Check(); err != nil {
			issues.Add(tierhost.Path("records", i, "name"), "bad_name", "%v", err)
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
	if err := issues.Err(); err != nil {
		return dns.Published{}, err
	}
	return dns.Published{Present: true, Serial: c.Serial, Records: slices.Compact(dns.Sorted(c.Desired))}, nil
}

// part does the first half of some steps.
func part(records []dns.Record, steps []dns.SetChange) []dns.Record {
	for _, step := range steps[:(len(steps)+1)/2] {
		if step.Key().Type == dns.TypeSOA {
			continue
		}
		records = slices.DeleteFunc(slices.Clone(records), func(r dns.Record) bool { return r.Key() == step.Key() })
		records = append(records, step.After.Records()...)
	}
	return dns.Sorted(records)
}

// Remove implements [dns.NameServer].
func (d *Driver) Remove(ctx context.Context, at dns.Place, name dns.Name) error {
	return d.do(ctx, Call{Verb: Remove, Server: at.Server, Zone: name}, func(s *server, half bool) error {
		if s.zones[name] == nil || half {
			return nil
		}
		if !d.opt.Capabilities.Creates {
			return tierhost.Fail(tierhost.KindUnsupported, tierhost.EffectNone, errors.New("zones are not removed here"))
		}
		delete(s.zones, name)
		return nil
	})
}

// List implements [dns.Lister]. Zones are listed by name.
func (d *Driver) List(ctx context.Context, at dns.Place) iter.Seq2[dns.Name, error] {
	return func(yield func(dns.Name, error) bool) {
		var names []dns.Name
		err := d.do(ctx, Call{Verb: List, Server: at.Server}, func(s *server, _ bool) error {
			names = slices.Sorted(maps.Keys(s.zones))
			return nil
		})
		if err != nil {
			yield("", err)
			return
		}
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// Probe implements [dns.Prober].
func (d *Driver) Probe(ctx context.Context, at dns.Place) error {
	return d.do(ctx, Call{Verb: Probe, Server: at.Server}, func(*server, bool) error { return nil })
}

// Zone returns what a server publishes, without a call, faults and lag.
func (d *Driver) Zone(id dns.ServerID, name dns.Name) dns.Published {
	d.mu.Lock()
	defer d.mu.Unlock()
	z := d.server(id).zones[name]
	if z == nil {
		return dns.Published{}
	}
	p := z.now
	p.Records = slices.Clone(p.Records)
	return p
}

// Edit makes a server publish other records, as somebody does who does not know of us. The
// serial is that of the SOA. Without records the zone is gone.
func (d *Driver) Edit(id dns.ServerID, name dns.Name, records []dns.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(records) == 0 {
		delete(d.server(id).zones, name)
		return nil
	}
	for _, r := range records {
		if soa, ok := r.Data.(dns.SOA); ok && r.Name == name {
			d.server(id).put(name, dns.Published{Present: true, Serial: soa.Serial, Records: dns.Sorted(records)})
			return nil
		}
	}
	return fmt.Errorf("the records have no SOA of %s", name)
}

// Notified returns the serials of a zone that a server told its secondaries, in order.
func (d *Driver) Notified(id dns.ServerID, name dns.Name) []dns.Serial {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.server(id).notified[name])
}

// SetDown has a server not answer, or answer again.
func (d *Driver) SetDown(id dns.ServerID, down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server(id).down = down
}

// SetLag has a server tell, n times after each change of a zone, what was there before it,
// as one does that is a secondary behind. 0: what is there, from now on.
func (d *Driver) SetLag(id dns.ServerID, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.server(id)
	s.lag = n
	if n == 0 {
		for _, z := range s.zones {
			z.stale = 0
		}
	}
}
