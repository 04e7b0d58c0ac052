package lookup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// Options say whom a [Resolver] asks.
type Options struct {
	// Servers are resolvers that answer for the world (recursive ones), asked in turn until
	// one answers. At least one is needed.
	Servers []netip.AddrPort
	// Port is where name servers of zones are asked; 0: 53.
	Port uint16
	// Timeout bounds each question; 0: 5 s. The context bounds them all.
	Timeout time.Duration
}

// Resolver is a [dns.Resolver]. It keeps nothing and is safe for concurrent use.
type Resolver struct {
	servers []netip.AddrPort
	port    uint16
	client  wire.Client
}

var _ dns.Resolver = (*Resolver)(nil)

// New makes a resolver. Without Servers it fails with a *tierhost.Invalid.
func New(opt Options) (*Resolver, error) {
	var issues tierhost.Issues
	if len(opt.Servers) == 0 {
		issues.Add("servers", "required", "a resolver that answers for the world is needed")
	}
	for i, s := range opt.Servers {
		if !s.IsValid() || s.Port() == 0 {
			issues.Add(tierhost.Path("servers", i), "bad_address", "%q is not an address with a port", s)
		}
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return &Resolver{
		servers: slices.Clone(opt.Servers), port: cmp.Or(opt.Port, 53),
		client: wire.Client{Timeout: cmp.Or(opt.Timeout, 5*time.Second)},
	}, nil
}

// maxAsked bounds the addresses of the zone above that are tried for one delegation, so that
// a zone with many dead servers is an error and not an hour.
const maxAsked = 8

// Delegation asks the servers of the zone above what they have for a zone. Where one of them
// has the zone itself it answers from that, as it does everybody. It fails with
// [tierhost.KindUnavailable] if nobody answers, and with an [*tierhost.Invalid] for a name
// that is none, or the root.
func (r *Resolver) Delegation(ctx context.Context, zone dns.Name) (dns.Delegation, error) {
	if err := zone.Check(); err != nil {
		return dns.Delegation{}, err
	}
	if zone == dns.Root {
		var issues tierhost.Issues
		issues.Add("zone", "no_zone_above", "nothing is above the root")
		return dns.Delegation{}, issues.Err()
	}
	above, hosts, err := r.above(ctx, zone)
	if err != nil {
		return dns.Delegation{}, err
	}
	failed, asked := []error{fmt.Errorf("no server of %s can be asked", above)}, 0
	for _, host := range hosts {
		addrs, err := r.addresses(ctx, host)
		if err != nil {
			failed = append(failed, err)
		}
		for _, addr := range addrs {
			if asked++; asked > maxAsked {
				break
			}
			d, err := r.delegationAt(ctx, netip.AddrPortFrom(addr, r.port), zone)
			if err == nil {
				return d, nil
			}
			failed = append(failed, fmt.Errorf("%s: %w", host, err))
			if ctx.Err() != nil {
				return dns.Delegation{}, unavailable(failed)
			}
		}
	}
	return dns.Delegation{}, unavailable(failed)
}

func unavailable(failed []error) error {
	return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.Join(failed...))
}

// above returns the closest zone above that has name servers, with their names.
func (r *Resolver) above(ctx context.Context, zone dns.Name) (dns.Name, []dns.Name, error) {
	for n := zone; n != dns.Root; {
		n = n.Parent()
		a, err := r.ask(ctx, n, dns.TypeNS)
		if err != nil {
			return "", nil, err
		}
		if hosts := nameServers(a.answers, n); len(hosts) > 0 {
			return n, hosts, nil
		}
	}
	return "", nil, unavailable([]error{fmt.Errorf("no zone above %s is known, not even the root", zone)})
}

// addresses returns the addresses of a host, those of IPv4 first.
func (r *Resolver) addresses(ctx context.Context, host dns.Name) (addrs []netip.Addr, err error) {
	for _, t := range []dns.Type{dns.TypeA, dns.TypeAAAA} {
		a, failed := r.ask(ctx, host, t)
		if failed != nil {
			err = failed
			continue
		}
		for _, record := range a.answers { // of whatever name: the host may be an alias
			if addr, ok := address(record); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs, err
}

func address(r dns.Record) (netip.Addr, bool) {
	switch data := r.Data.(type) {
	case dns.A:
		return data.Addr, true
	case dns.AAAA:
		return data.Addr, true
	}
	return netip.Addr{}, false
}

// nameServers returns the hosts that records name for a zone.
func nameServers(records []dns.Record, zone dns.Name) (hosts []dns.Name) {
	for _, r := range records {
		if ns, ok := r.Data.(dns.NS); ok && r.Name == zone {
			hosts = append(hosts, ns.Host)
		}
	}
	return hosts
}

// ask asks the resolvers in turn. That a name or a type is not there is no error.
func (r *Resolver) ask(ctx context.Context, name dns.Name, t dns.Type) (answer, error) {
	var failed []error
	for _, server := range r.servers {
		a, err := r.query(ctx, server, wire.FlagRD, name, t)
		if err == nil && a.rcode != wire.RcodeNoError && a.rcode != wire.RcodeNXDomain {
			err = fmt.Errorf("%s says %s about %s", server, wire.RcodeText(a.rcode), name)
		}
		if err == nil {
			return a, nil
		}
		if failed = append(failed, err); ctx.Err() != nil {
			break
		}
	}
	return answer{}, unavailable(failed)
}

// delegationAt asks one server of the zone above.
func (r *Resolver) delegationAt(ctx context.Context, server netip.AddrPort, zone dns.Name) (d dns.Delegation, err error) {
	a, err := r.query(ctx, server, 0, zone, dns.TypeNS)
	if err != nil {
		return d, err
	}
	hosts := nameServers(slices.Concat(a.answers, a.authorities), zone)
	switch {
	case a.rcode != wire.RcodeNoError && a.rcode != wire.RcodeNXDomain:
		return d, fmt.Errorf("it says %s about %s", wire.RcodeText(a.rcode), zone)
	case len(hosts) == 0 && !a.authoritative:
		return d, fmt.Errorf("it does not serve the zone above %s", zone)
	case len(hosts) == 0:
		return d, nil // it is not delegated
	}
	slices.SortFunc(hosts, dns.Name.Compare)
	for _, host := range slices.Compact(hosts) {
		h := dns.DelegatedHost{Name: host}
		for _, record := range a.additionals {
			if addr, ok := address(record); ok && record.Name == host && host.Within(zone) && !slices.Contains(h.Glue, addr) {
				h.Glue = append(h.Glue, addr)
			}
		}
		slices.SortFunc(h.Glue, netip.Addr.Compare)
		d.Hosts = append(d.Hosts, h)
	}
	if a, err = r.query(ctx, server, 0, zone, dns.TypeDS); err != nil {
		return d, err
	}
	// Where it has the zone itself, the one above need not have the name at all.
	if a.rcode != wire.RcodeNoError && a.rcode != wire.RcodeNXDomain {
		return d, fmt.Errorf("it says %s about the DS of %s", wire.RcodeText(a.rcode), zone)
	}
	for _, record := range a.answers {
		if ds, ok := record.Data.(dns.DS); ok && record.Name == zone {
			d.DS = append(d.DS, ds)
		}
	}
	slices.SortFunc(d.DS, func(a, b dns.DS) int { return dns.CompareRData(a, b) })
	return d, nil
}

// answer is what a server has answered.
type answer struct {
	rcode                             int
	authoritative                     bool
	answers, authorities, additionals []dns.Record
}

func (r *Resolver) query(ctx context.Context, server netip.AddrPort, flags uint16, name dns.Name, t dns.Type) (answer, error) {
	owner, err := name.AppendWire(nil)
	if err != nil {
		return answer{}, err
	}
	msg, err := r.client.Exchange(ctx, server.String(), wire.Query(nil, uint16(rand.Uint32()), flags, owner, uint16(t)))
	if err != nil {
		return answer{}, err
	}
	a, err := readAnswer(msg)
	if err != nil {
		err = fmt.Errorf("the answer of %s: %w", server, err)
	}
	return a, err
}

// readAnswer reads a message. Records of types that it has no use for are passed over,
// whatever they hold.
func readAnswer(msg []byte) (a answer, err error) {
	h, err := wire.ParseHeader(msg)
	if err != nil {
		return a, err
	}
	if !h.Response() || h.Opcode() != wire.OpQuery {
		return a, wire.ErrFormat
	}
	a.rcode, a.authoritative = h.Rcode(), h.Flags&wire.FlagAA != 0
	off, err := wire.SkipQuestions(msg, int(h.Questions))
	if err != nil {
		return a, err
	}
	for _, section := range []struct {
		count   uint16
		records *[]dns.Record
	}{{h.Answers, &a.answers}, {h.Authorities, &a.authorities}, {h.Additionals, &a.additionals}} {
		for range section.count {
			rr, err := wire.ParseRR(msg, off)
			if err != nil {
				return a, err
			}
			off = rr.End
			switch t := dns.Type(rr.Type); t {
			case dns.TypeNS, dns.TypeA, dns.TypeAAAA, dns.TypeDS:
				record, err := readRecord(msg, rr)
				if err != nil {
					return a, err
				}
				*section.records = append(*section.records, record)
			}
		}
	}
	return a, nil
}

func readRecord(msg []byte, rr wire.RR) (r dns.Record, err error) {
	b, _, err := wire.AppendName(nil, msg, rr.Start)
	if err != nil {
		return r, err
	}
	if r.Name, _, err = dns.ParseWireName(b); err != nil {
		return r, err
	}
	if b, err = wire.AppendData(b[:0], msg, rr); err != nil {
		return r, err
	}
	r.TTL = rr.TTL
	r.Data, err = dns.ParseWireRData(dns.Type(rr.Type), b)
	return r, err
}
