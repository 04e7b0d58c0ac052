package dns_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// nameServers are name servers in memory that obey the interface, and note what they were
// asked for.
type nameServers struct {
	mu    sync.Mutex
	zones map[dns.PublicationKey]dns.Published
	busy  map[dns.PublicationKey]bool
	fault func(call string, at dns.ServerID, zone dns.Name) error // before anything happens
	after func(call string, at dns.ServerID, zone dns.Name) error // after it has happened
	calls []string
	made  []string // the calls that have changed something
	texts int      // the longest text that is taken; 0: 5000
	// wrong is what a call found that the interface does not allow.
	wrong []string
}

func newNameServers() *nameServers {
	return &nameServers{zones: map[dns.PublicationKey]dns.Published{}, busy: map[dns.PublicationKey]bool{}}
}

func (n *nameServers) Capabilities() dns.Capabilities {
	return dns.Capabilities{Atomic: dns.AtomicZone, Conditional: true, Creates: true, MaxText: cmp.Or(n.texts, 5000)}
}

// call runs fn as one call for a zone on a server.
func (n *nameServers) call(ctx context.Context, name string, at dns.Place, zone dns.Name, fn func(k dns.PublicationKey) error) error {
	k := dns.PublicationKey{Zone: zone, Server: at.Server}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		n.wrong = append(n.wrong, name+" without a deadline")
	}
	n.calls = append(n.calls, fmt.Sprintf("%s %s %s", name, at.Server, zone))
	if n.fault != nil {
		if err := n.fault(name, at.Server, zone); err != nil {
			return err
		}
	}
	if err := fn(k); err != nil {
		return err
	}
	if n.after != nil {
		return n.after(name, at.Server, zone)
	}
	return nil
}

func (n *nameServers) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (p dns.Published, err error) {
	err = n.call(ctx, "fetch", at, zone, func(k dns.PublicationKey) error {
		p = n.zones[k]
		p.Records = slices.Clone(p.Records)
		return nil
	})
	return p, err
}

func (n *nameServers) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	return n.call(ctx, "apply", at, c.Zone, func(k dns.PublicationKey) error {
		now := n.zones[k]
		if now.Present && now.Serial == c.Serial && slices.Equal(now.Records, c.Desired) {
			return nil
		}
		if now.Present != c.Expect.Present || now.Serial != c.Expect.Serial {
			return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
		}
		if now.Present && !c.Serial.After(now.Serial) {
			n.wrong = append(n.wrong, fmt.Sprintf("%s on %s goes from serial %s to %s", c.Zone, at.Server, now.Serial, c.Serial))
		}
		if got := applied(now.Records, c.Steps); !slices.Equal(got, c.Desired) {
			n.wrong = append(n.wrong, fmt.Sprintf("the steps for %s on %s do not lead to what is desired:\n%v\n%v", c.Zone, at.Server, got, c.Desired))
		}
		n.zones[k] = dns.Published{Present: true, Serial: c.Serial, Records: slices.Clone(c.Desired)}
		n.made = append(n.made, fmt.Sprintf("apply %s %s", at.Server, c.Zone))
		return nil
	})
}

// applied is what steps make of records.
func applied(records []dns.Record, steps []dns.SetChange) []dns.Record {
	records = slices.Clone(records)
	for _, s := range steps {
		records = slices.DeleteFunc(records, func(r dns.Record) bool { return r.Key() == s.Key() })
		records = append(records, s.After.Records()...)
	}
	return dns.Sorted(records)
}

func (n *nameServers) Remove(ctx context.Context, at dns.Place, zone dns.Name) error {
	return n.call(ctx, "remove", at, zone, func(k dns.PublicationKey) error {
		if n.zones[k].Present {
			n.made = append(n.made, fmt.Sprintf("remove %s %s", at.Server, zone))
		}
		delete(n.zones, k)
		return nil
	})
}

// edit changes a zone on a server as somebody else does.
func (n *nameServers) edit(at dns.ServerID, zone dns.Name, fn func(p *dns.Published)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := dns.PublicationKey{Zone: zone, Server: at}
	p := n.zones[k]
	p.Records = slices.Clone(p.Records)
	fn(&p)
	for i, r := range p.Records {
		if soa, ok := r.Data.(dns.SOA); ok {
			soa.Serial = p.Serial
			p.Records[i].Data = soa
		}
	}
	n.zones[k] = p
}

// at is what a server publishes of a zone.
func (n *nameServers) at(server dns.ServerID, zone dns.Name) dns.Published {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.zones[dns.PublicationKey{Zone: zone, Server: server}]
}

// count is how many calls of a sort there were.
func (n *nameServers) count(call string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return times(call, n.calls)
}

// changes is how many calls of a sort have changed something.
func (n *nameServers) changes(call string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return times(call, n.made)
}

func times(call string, of []string) (count int) {
	for _, c := range of {
		if c == call {
			count++
		}
	}
	return count
}

var errDown = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("no answer"))
