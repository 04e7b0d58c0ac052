package dnstest

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/fake"
	"github.com/tierhost/tierhost/storage"
)

// BenchmarkRollout measures what becomes of 10,000 zones on a store when a set of variables
// that all refer to changes: the preview, which plans each zone, and [dns.Manager.Apply],
// which plans each twice more and writes it with its publications and its event. The floor,
// in the same run, reads the zones and their publications page by page and writes them
// again, in transactions of the same size, without looking at them. With -short there are
// 100 zones.
func BenchmarkRollout(b *testing.B, open func(b *testing.B) dns.Store) {
	zones := 10_000
	if testing.Short() {
		zones = 100
	}
	ctx, st := b.Context(), open(b)
	m, err := dns.NewManager(st, dns.Options{Seed: 1, Drivers: map[string]dns.NameServer{"fake": fake.New(fake.Options{})}})
	if err == nil {
		err = furnish(ctx, st, m, zones)
	}
	if err != nil {
		b.Fatal(err)
	}
	var preview, apply, floor time.Duration
	version := int64(1)
	b.ResetTimer()
	for b.Loop() {
		if err := setAddress(ctx, m, version); err != nil {
			b.Fatal(err)
		}
		version++
		scope := dns.Scope{Set: "web1"}
		began := time.Now()
		p, err := m.Preview(ctx, scope)
		if err != nil || p.Changed != zones {
			b.Fatal(p, err)
		}
		preview += time.Since(began)
		began = time.Now()
		done, err := m.Apply(ctx, dns.ApplyRequest{Scope: scope, Token: p.Token})
		if err != nil || done.Changed != zones {
			b.Fatal(done, err)
		}
		apply += time.Since(began)
		began = time.Now()
		n, err := rewrite(ctx, st)
		if err != nil || n != zones {
			b.Fatal(n, err)
		}
		floor += time.Since(began)
	}
	per := func(d time.Duration) float64 { return d.Seconds() / float64(b.N) }
	b.ReportMetric(per(preview), "s/preview")
	b.ReportMetric(per(apply), "s/apply")
	b.ReportMetric(per(floor), "s/floor")
	b.ReportMetric(float64(preview+apply)/float64(floor), "x-floor")
}

func setAddress(ctx context.Context, m *dns.Manager, after int64) error {
	vars := dns.Vars{}
	vars.SetAddrs("web", netip.AddrFrom4([4]byte{192, 0, 2, byte(after%250 + 1)}))
	vars.SetNames("mail", "mx.host.example")
	_, err := m.AddSet(ctx, "web1", vars, after, "staff")
	return err
}

// furnish makes name servers and zones of a dozen records.
func furnish(ctx context.Context, st dns.Store, m *dns.Manager, zones int) error {
	for _, id := range []dns.ServerID{"ns1", "ns2"} {
		if _, err := m.PutServer(ctx, dns.Server{ID: id, Name: dns.Name(id) + ".host.example", Machine: dns.MachineID(id), Driver: "fake"}); err != nil {
			return err
		}
	}
	_, err := m.AddTemplate(ctx, dns.Template{ID: "web", Rules: []dns.Rule{
		{ID: "root", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${web}"}, {ID: "ftp", Name: "ftp", TTL: 3600, Type: dns.TypeCNAME, Data: "@"},
		{ID: "www", Name: "www", TTL: 3600, Type: dns.TypeCNAME, Data: "@"}, {ID: "mx", Name: "@", TTL: 3600, Type: dns.TypeMX, Data: "10 ${mail}"},
		{ID: "spf", Name: "@", TTL: 3600, Type: dns.TypeTXT, Data: `"v=spf1 mx -all"`}, {ID: "auto", Name: "autoconfig", TTL: 3600, Type: dns.TypeCNAME, Data: "${mail}"},
		{ID: "dmarc", Name: "_dmarc", TTL: 3600, Type: dns.TypeTXT, Data: `"v=DMARC1; p=none"`}, {ID: "caa", Name: "@", TTL: 3600, Type: dns.TypeCAA, Data: `0 issue "ca.example"`},
	}}, 0, "staff")
	if err == nil {
		err = setAddress(ctx, m, 0)
	}
	if err != nil {
		return err
	}
	const batch = 100
	for i := 0; i < zones; i += batch {
		err := st.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
			in := m.In(tx)
			for k := i; k < min(i+batch, zones); k++ {
				name := dns.Name(fmt.Sprintf("customer%05d.example", k))
				_, err := in.Create(ctx, dns.ZoneRequest{
					Name: name, Account: fmt.Sprint(k), Templates: []dns.TemplateID{"web"}, Sets: []dns.SetID{"web1"},
					Custom: []dns.Record{{Name: "blog." + name, TTL: 300, Data: dns.CNAME{Target: "blogs.example.org"}}},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rewrite writes all zones and publications again, as they are.
func rewrite(ctx context.Context, st dns.Store) (n int, err error) {
	const batch = 20
	for after := dns.Name(""); ; {
		var zones []dns.Zone
		err := st.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
			rows, err := st.DNS(tx)
			if err != nil {
				return err
			}
			if zones, err = rows.ZonePage(ctx, dns.ZoneQuery{Source: dns.Source{Set: "web1"}}, after, batch); err != nil {
				return err
			}
			for i := range zones {
				z := zones[i]
				z.Version++
				have, err := rows.Publications(ctx, []dns.Name{z.Name})
				if err != nil {
					return err
				}
				for k := range have {
					have[k].Version++
				}
				if err := rows.PutZones(ctx, []dns.Zone{z}); err != nil {
					return err
				}
				if err := rows.PutPublications(ctx, have); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		if n += len(zones); len(zones) < batch {
			return n, nil
		}
		after = zones[len(zones)-1].Name
	}
}
