package fake_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/fake"
)

func site(d *fake.Driver) dnstest.Site {
	at := dns.Place{Server: "ns1"}
	d.SetDown("dead", true)
	var n atomic.Int64
	s := dnstest.Site{
		Server: d, Place: at, Dead: &dns.Place{Server: "dead"},
		Zone: func() dns.Name { return dns.Name(fmt.Sprintf("zone%d.example", n.Add(1))) },
		Ask:  func(_ context.Context, zone dns.Name) (dns.Published, error) { return d.Zone(at.Server, zone), nil },
		Meddle: func(_ context.Context, zone dns.Name, records []dns.Record) error {
			return d.Edit(at.Server, zone, records)
		},
		Notified: func(_ context.Context, zone dns.Name) ([]dns.Serial, error) { return d.Notified(at.Server, zone), nil },
	}
	if !d.Capabilities().Creates {
		s.Create = s.Meddle
	}
	return s
}

var noWire = map[string]string{"CUT-1": "nothing is sent", "CUT-2": "nothing is sent", "CTX-2": "nothing is sent"}

// The fake does all that a driver must, faults apart.
func TestNameServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]dns.Capabilities{
		"whole zones": {},
		"sets":        {Atomic: dns.AtomicSet, Types: []dns.Type{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeCNAME, dns.TypeTXT}, MaxText: 500, MaxRecords: 7000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dnstest.TestNameServer(t, dnstest.Harness{
				New:      func(*testing.T) dnstest.Site { return site(fake.New(fake.Options{Capabilities: c})) },
				Features: dnstest.Features{Serials: true, Lists: true, Probes: true},
				Without:  noWire,
			})
		})
	}
}

func change(serial dns.Serial, expect dns.Expect) dns.Change {
	soa := dns.SOA{Primary: "ns1.example", Mailbox: "h.example", Serial: serial, Refresh: 1, Retry: 1, Expire: 1, Minimum: 1}
	desired := []dns.Record{{Name: "a.example", TTL: 1, Data: soa}, {Name: "a.example", TTL: 1, Data: dns.NS{Host: "ns1.example"}},
		{Name: "serial.a.example", TTL: 1, Data: dns.TXT{Text: serial.String()}}}
	return dns.Change{Operation: "op", Zone: "a.example", Serial: serial, Expect: expect, Desired: desired, Steps: dnstest.Steps(nil, desired)}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	ctx, at := t.Context(), dns.Place{Server: "ns1"}
	d := fake.New(fake.Options{})
	require.NoError(t, d.Apply(ctx, at, change(1, dns.Expect{})))
	two := change(2, dns.Expect{Present: true, Serial: 1})

	d.Next(fake.Apply, fake.Fault{Before: fake.ErrRefused})
	require.ErrorIs(t, d.Apply(ctx, at, two), tierhost.ErrDenied)
	require.Equal(t, dns.Serial(1), d.Zone("ns1", "a.example").Serial)

	d.Next(fake.Apply, fake.Fault{After: fake.ErrTimeout})
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(d.Apply(ctx, at, two)))
	require.Equal(t, dns.Serial(2), d.Zone("ns1", "a.example").Serial, "the answer is lost, not the effect")
	require.NoError(t, d.Apply(ctx, at, two), "and again")

	d.SetLag("ns1", 1)
	three := change(3, dns.Expect{Present: true, Serial: 2})
	require.NoError(t, d.Apply(ctx, at, three))
	serial, _, err := d.Serial(ctx, at, "a.example")
	require.NoError(t, err)
	require.Equal(t, dns.Serial(2), serial, "the older serial is told once")
	serial, _, _ = d.Serial(ctx, at, "a.example")
	require.Equal(t, dns.Serial(3), serial)
	d.SetLag("ns1", 0)

	d.Next(fake.Apply, fake.Fault{Half: true})
	four := change(4, dns.Expect{Present: true, Serial: 3})
	require.Equal(t, tierhost.EffectPartial, tierhost.EffectOf(d.Apply(ctx, at, four)))
	require.Equal(t, dns.Serial(3), d.Zone("ns1", "a.example").Serial)
	require.NoError(t, d.Apply(ctx, at, four))

	d.Next(fake.Apply, fake.Fault{Late: 2})
	require.ErrorIs(t, d.Apply(ctx, at, change(5, dns.Expect{Present: true, Serial: 4})), context.DeadlineExceeded)
	require.NoError(t, d.Probe(ctx, at))
	require.Equal(t, dns.Serial(4), d.Zone("ns1", "a.example").Serial)
	require.NoError(t, d.Probe(ctx, at))
	require.Equal(t, dns.Serial(5), d.Zone("ns1", "a.example").Serial)

	d.Next(fake.Apply, fake.Fault{Meanwhile: func(ctx context.Context) {
		_ = d.Apply(ctx, at, change(6, dns.Expect{Present: true, Serial: 5}))
	}})
	err = d.Apply(ctx, at, change(7, dns.Expect{Present: true, Serial: 5}))
	require.ErrorIs(t, err, dns.ErrChanged, "somebody was faster")

	d.SetDown("ns1", true)
	_, err = d.Fetch(ctx, at, "a.example")
	require.True(t, errors.Is(err, tierhost.ErrUnavailable))
	require.Equal(t, []dns.Serial{1, 2, 3, 3, 4, 5, 6}, d.Notified("ns1", "a.example"))
}
