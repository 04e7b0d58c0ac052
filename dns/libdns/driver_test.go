package libdns_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	lib "github.com/libdns/libdns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/libdns"
)

// classify knows the errors of the company.
func classify(err error) error {
	if errors.Is(err, errNoZone) {
		return tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, err)
	}
	return err
}

// text is a record as the company keeps it, made without the driver.
func text(zone dns.Name, r dns.Record) lib.RR {
	rr := lib.RR{Name: r.Name.Relative(zone), TTL: time.Duration(r.TTL) * time.Second, Type: r.Type().String(), Data: r.Data.String()}
	if t, ok := r.Data.(dns.TXT); ok {
		rr.Data = t.Text
	}
	return rr
}

// published is what a company has of a zone, read without the driver. What a provider with
// an own SOA has instead of ours stands in the text at _revision.
func (m *company) published(zone dns.Name) (p dns.Published, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list, ok := m.zones[zone.FQDN()]
	if !ok {
		return p, nil
	}
	p.Present = true
	add := func(name dns.Name, ttl time.Duration, kind, data string) error {
		t, err := dns.ParseType(kind)
		if err != nil {
			return err
		}
		r := dns.Record{Name: name, TTL: uint32(ttl / time.Second), Data: dns.TXT{Text: data}}
		if t != dns.TypeTXT {
			if r.Data, err = dns.ParseRData(t, data, ""); err != nil {
				return err
			}
		}
		if soa, ok := r.Data.(dns.SOA); ok && r.Name == zone {
			p.Serial = soa.Serial
		}
		p.Records = append(p.Records, r)
		return nil
	}
	for _, rr := range list {
		name := dns.Name(rr.Name) + "." + zone
		if rr.Name == "@" {
			name = zone
		}
		switch {
		case m.own && name == zone && (rr.Type == "SOA" || rr.Type == "NS"):
		case m.own && rr.Name == "_revision":
			for part := range strings.SplitSeq(strings.TrimPrefix(rr.Data, "revision "), "; ") {
				var ttl int
				var kind string
				if _, err := fmt.Sscan(part, &ttl, &kind); err != nil {
					return p, err
				}
				_, data, _ := strings.Cut(part, kind+" ")
				if err := add(zone, time.Duration(ttl)*time.Second, kind, data); err != nil {
					return p, err
				}
			}
		default:
			if err := add(name, rr.TTL, rr.Type, rr.Data); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

func allTypes() []dns.Type {
	return []dns.Type{
		dns.TypeA, dns.TypeAAAA, dns.TypeCAA, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeMX, dns.TypeSRV, dns.TypeSVCB, dns.TypeTXT, dns.TypePTR,
		dns.TypeDNAME, dns.TypeTLSA, dns.TypeSSHFP, dns.TypeNAPTR, dns.TypeDS, 65280,
	}
}

// All that a driver must, with providers of every sort.
func TestNameServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		source   func(m *company) libdns.Source
		own      bool
		opt      libdns.Options
		features dnstest.Features
	}{
		{name: "sets records and has our SOA", source: func(m *company) libdns.Source { return setting{m} },
			opt: libdns.Options{SOA: true, Atomic: dns.AtomicSet, Types: allTypes()}},
		{name: "sets records and has an own SOA", source: func(m *company) libdns.Source { return setting{m} }, own: true},
		{name: "lists zones", source: func(m *company) libdns.Source { m.quiet = true; return listed{setting{m}} }, own: true,
			opt: libdns.Options{Types: allTypes(), MaxText: 600}, features: dnstest.Features{Lists: true}},
		{name: "appends and deletes", source: func(m *company) libdns.Source { return m }, opt: libdns.Options{SOA: true, Types: allTypes()}},
		{name: "appends and deletes beside an own SOA", source: func(m *company) libdns.Source { return m }, own: true, opt: libdns.Options{Types: allTypes()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.opt.Classify = classify
			harness := dnstest.Harness{
				New:      func(t *testing.T) dnstest.Site { return site(t, newCompany(c.own), c.source, c.opt) },
				Features: c.features,
				Without:  map[string]string{"NOT-1": "secondaries are the provider's"},
			}
			dnstest.TestNameServer(t, harness)
		})
	}
}

func site(t *testing.T, m *company, source func(m *company) libdns.Source, opt libdns.Options) dnstest.Site {
	server, err := libdns.New(source(m), opt)
	require.NoError(t, err)
	var count atomic.Int64
	create := func(_ context.Context, zone dns.Name, records []dns.Record) error {
		var list []lib.RR
		var own []string
		for _, r := range records {
			if m.own && r.Name == zone && (r.Type() == dns.TypeSOA || r.Type() == dns.TypeNS) {
				own = append(own, fmt.Sprintf("%d %s %s", r.TTL, r.Type(), r.Data))
				continue
			}
			list = append(list, text(zone, r))
		}
		if m.own {
			list = append(list, lib.RR{Name: "_revision", TTL: 5 * time.Minute, Type: "TXT", Data: "revision " + strings.Join(own, "; ")})
		}
		m.create(zone.FQDN(), list)
		return nil
	}
	return dnstest.Site{
		Server: server,
		Zone:   func() dns.Name { return dns.Name(fmt.Sprintf("zone%d.example", count.Add(1))) },
		Ask:    func(_ context.Context, zone dns.Name) (dns.Published, error) { return m.published(zone) },
		Create: create, Meddle: create,
		Break: func(t *testing.T, point int, how dnstest.Fault) dnstest.Broken {
			b := &breaking{company: m, left: point, hang: how == dnstest.Hang, reached: make(chan struct{})}
			over := libdns.Source(b)
			if _, sets := source(m).(lib.RecordSetter); sets {
				over = breakingSetter{b}
			}
			server, err := libdns.New(over, opt)
			require.NoError(t, err)
			return dnstest.Broken{Server: server, Reached: b.reached}
		},
	}
}

// Providers are given the types of libdns, wherever those lose nothing.
func TestTypes(t *testing.T) {
	t.Parallel()
	m := newCompany(true)
	m.create("shop.example.", nil)
	server, err := libdns.New(setting{m}, libdns.Options{Types: allTypes()})
	require.NoError(t, err)
	require.NoError(t, server.Apply(t.Context(), dns.Place{}, change(t, 78, 77, `
@      A     192.0.2.1
@      AAAA  2001:db8::1
@      MX    10 mail
@      CAA   0 issue "ca.example"
@      HTTPS 1 . alpn=h2
@      TXT   "v=spf1 -all"
www    CNAME @
sub    NS    ns1.other.example.
_x._tcp SRV  1 2 3 mail
mail   A     192.0.2.2
mail   SSHFP 4 2 0101010101010101010101010101010101010101010101010101010101010101
`)))
	require.Equal(t, map[string]bool{
		"A": true, "AAAA": true, "MX": true, "CAA": true, "HTTPS": true, "TXT": true, "CNAME": true, "NS": true, "SRV": true,
	}, m.kinds, "SSHFP has none")
}

func change(t *testing.T, serial, before dns.Serial, zone string) dns.Change {
	t.Helper()
	head := fmt.Sprintf("$TTL 300\n@ SOA ns1.host.example. admin.host.example. %d 7200 900 1209600 300\n@ NS ns1.host.example.\n@ NS ns2.host.example.\n", serial)
	records, err := dns.ReadZone(strings.NewReader(head+zone), dns.ReadOptions{Origin: "shop.example"})
	require.NoError(t, err)
	return dns.Change{Operation: "op", Zone: "shop.example", Expect: dns.Expect{Present: true, Serial: before}, Serial: serial, Desired: dns.Sorted(records)}
}

// A zone that was never published from here has the provider's serial; what is there beside
// our records is seen, and goes.
func TestFirstPublication(t *testing.T) {
	t.Parallel()
	m := newCompany(true)
	m.create("shop.example.", []lib.RR{
		{Name: "old", TTL: time.Minute, Type: "A", Data: "192.0.2.9"},
		{Name: "web", TTL: time.Minute, Type: "CNAME", Data: "host.elsewhere.example"}, // some leave the dot out
	})
	server, err := libdns.New(setting{m}, libdns.Options{})
	require.NoError(t, err)
	p, err := server.Fetch(t.Context(), dns.Place{}, "shop.example")
	require.NoError(t, err)
	require.Equal(t, dns.Serial(77), p.Serial)
	require.Contains(t, p.Records, dns.Record{Name: "web.shop.example", TTL: 60, Data: dns.CNAME{Target: "host.elsewhere.example"}})
	c := change(t, 1_800_000_000, 77, "@ A 192.0.2.1\n")
	require.NoError(t, server.Apply(t.Context(), dns.Place{}, c))
	p, err = server.Fetch(t.Context(), dns.Place{}, "shop.example")
	require.NoError(t, err)
	require.Equal(t, c.Desired, p.Records)
	require.Equal(t, []lib.RR{
		provided("")[0], provided("")[1],
		{Name: "@", TTL: 5 * time.Minute, Type: "A", Data: "192.0.2.1"},
		{Name: "_revision", TTL: 5 * time.Minute, Type: "TXT",
			Data: "revision 300 SOA ns1.host.example. admin.host.example. 1800000000 7200 900 1209600 300; 300 NS ns1.host.example.; 300 NS ns2.host.example."},
	}, m.zones["shop.example."])

	c = change(t, 1_800_000_001, 1_800_000_000, "_revision TXT mine\n")
	err = server.Apply(t.Context(), dns.Place{}, c)
	require.ErrorIs(t, err, tierhost.ErrInvalid, "the name is taken")
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))

	short, err := libdns.New(setting{m}, libdns.Options{MaxText: 100})
	require.NoError(t, err)
	err = short.Apply(t.Context(), dns.Place{}, change(t, 1_800_000_001, 1_800_000_000, "@ A 192.0.2.1\n"))
	require.ErrorIs(t, err, tierhost.ErrInvalid, "the SOA and the name servers do not fit")
}

// A record that a provider tells and nobody can read is told, not left out.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for name, rr := range map[string]lib.RR{
		"a type of the provider": {Name: "x", Type: "REDIRECT", Data: "https://example.com"},
		"no address":             {Name: "x", Type: "A", Data: "host"},
		"a TTL below nothing":    {Name: "x", Type: "A", Data: "192.0.2.1", TTL: -time.Hour},
		"no name":                {Name: "a..b", Type: "A", Data: "192.0.2.1"},
	} {
		m := newCompany(true)
		m.create("shop.example.", []lib.RR{rr})
		server, err := libdns.New(setting{m}, libdns.Options{})
		require.NoError(t, err)
		p, err := server.Fetch(t.Context(), dns.Place{}, "shop.example")
		require.Equal(t, "unreadable_record", tierhost.CodeOf(err), name)
		require.Empty(t, p.Records, name)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	type reader struct {
		lib.RecordGetter
		lib.RecordDeleter
	}
	for code, try := range map[string]func() error{
		"required":     func() error { _, err := libdns.New(nil, libdns.Options{}); return err },
		"cannot_write": func() error { _, err := libdns.New(reader{}, libdns.Options{}); return err },
		"not_possible": func() error {
			_, err := libdns.New(newCompany(false), libdns.Options{Atomic: dns.AtomicSet})
			return err
		},
		"bad_name": func() error { _, err := libdns.New(newCompany(false), libdns.Options{Label: "a.b"}); return err },
	} {
		err := try()
		invalid, ok := errors.AsType[*tierhost.Invalid](err)
		require.True(t, ok, code)
		require.Equal(t, code, invalid.Issues[0].Code)
	}
	_, err := libdns.New(setting{newCompany(false)}, libdns.Options{Atomic: dns.AtomicZone})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}
