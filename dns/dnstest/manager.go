package dnstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/fake"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// TestManager runs dns.Manager on the store, with name servers whose calls go wrong: what
// the rules of [TestStore] promise is enough for it.
func TestManager(t *testing.T, h StoreHarness) {
	t.Helper()
	conformance.Run(t, h, ManagerRules())
}

// office is a manager on a store, with two name servers.
type office struct {
	*dns.Manager
	t     *conformance.T
	store dns.Store
	net   *fake.Driver
	clock *tierhost.TestClock
}

func newOffice(t *conformance.T, st dns.Store, decide func(fake.Call) fake.Fault) *office {
	t.Helper()
	o := &office{t: t, store: st, net: fake.New(fake.Options{Decide: decide}), clock: tierhost.NewTestClock(noon())}
	o.Manager = o.manager("")
	for i, id := range []dns.ServerID{"ns1", "ns2"} {
		_, err := o.PutServer(t.Context(), dns.Server{ID: id, Name: dns.Name(id) + ".host.example", Machine: dns.MachineID(id), Driver: "fake",
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(53 + i)})}})
		t.OK(err, "PutServer")
	}
	_, err := o.AddTemplate(t.Context(), dns.Template{ID: "web", Rules: []dns.Rule{
		{ID: "root", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${address}"}, {ID: "www", Name: "www", TTL: 3600, Type: dns.TypeCNAME, Data: "@"},
	}}, 0, "staff")
	t.OK(err, "AddTemplate")
	o.address(0, "192.0.2.80")
	_, err = o.PutSettings(t.Context(), dns.Settings{ServiceZone: "service.example", Templates: []dns.TemplateID{"web"}, Sets: []dns.SetID{"web1"}})
	t.OK(err, "PutSettings")
	return o
}

// manager is a further manager of the same zones, as in another process.
func (o *office) manager(name string) *dns.Manager {
	o.t.Helper()
	m, err := dns.NewManager(o.store, dns.Options{
		Clock: o.clock, Drivers: map[string]dns.NameServer{"fake": o.net}, Seed: uint64(len(name)) + 1,
		Work: dns.WorkOptions{Rand: func() float64 { return 0 }},
	})
	o.t.OK(err, "NewManager")
	return m
}

func (o *office) address(after int64, addr string) {
	o.t.Helper()
	vars := dns.Vars{}
	vars.SetAddrs("address", netip.MustParseAddr(addr))
	_, err := o.AddSet(o.t.Context(), "web1", vars, after, "staff")
	o.t.OK(err, "AddSet")
}

func note(zone dns.Name, text string) dns.EditRequest {
	return dns.EditRequest{Name: zone, By: "customer", Edits: []dns.Edit{
		{Action: dns.EditAdd, Record: dns.Record{Name: "note." + zone, TTL: 60, Data: dns.TXT{Text: text}}},
	}}
}

// settle works, and lets time go on, until all is as it should be.
func (o *office) settle(what string) {
	o.t.Helper()
	for range 200 {
		for worked := true; worked; {
			var err error
			worked, err = o.Step(o.t.Context())
			o.t.OK(err, "%s: Step", what)
		}
		open := 0
		for p, err := range o.Publications(o.t.Context(), dns.PublicationQuery{}) {
			if o.t.OK(err, "%s: Publications", what); p.State != dns.PublicationSettled || p.Remove {
				open++
			}
		}
		if open == 0 {
			return
		}
		o.clock.Advance(time.Minute)
	}
	o.t.Fatalf("%s: it does not settle", what)
}

// served checks that both servers have what the zone publishes.
func (o *office) served(zone dns.Name, what string) dns.Zone {
	o.t.Helper()
	z, err := o.Zone(o.t.Context(), zone)
	o.t.OK(err, "%s: Zone", what)
	e, err := o.Effective(o.t.Context(), zone)
	o.t.OK(err, "%s: Effective", what)
	for _, s := range z.Servers {
		p := o.net.Zone(s.Server, zone)
		if why := differ(p.Records, e.Records()); why != "" || p.Serial != z.Serial {
			o.t.Fatalf("%s: %s has %s with serial %s, want %s\n%s", what, s.Server, zone, p.Serial, z.Serial, why)
		}
	}
	return z
}

// ManagerRules returns the rules that [TestManager] runs.
func ManagerRules() []StoreRule {
	return []StoreRule{
		{
			ID: "MANAGER-1", Name: "the life of a zone",
			Text: "A zone is made, edited, published past faults of every sort, put right after drift, brought to a new version of what it is made from, removed and made again; what was written is there after the store was opened anew.",
			Why:  "A store that passes rule by rule can still lose a zone.",
			Check: func(t *conformance.T, h StoreHarness) {
				o := newOffice(t, h.New(t.Test()), nil)
				create := func(r dns.ZoneRequest) dns.Zone {
					z, err := o.Create(t.Context(), r)
					t.OK(err, "Create %s", r.Name)
					return z
				}
				create(dns.ZoneRequest{Name: "service.example", Purpose: dns.PurposeService, Bare: true})
				create(dns.ZoneRequest{Name: "a.example", Account: "1"})
				_, err := o.Create(t.Context(), dns.ZoneRequest{Name: "www.a.example", Account: "2"})
				t.Is(err, dns.ErrForeignZone, "a zone below that of somebody else")
				o.settle("new zones")
				last := o.served("a.example", "a new zone").Serial

				for what, f := range map[string]fake.Fault{
					"refused": {Before: fake.ErrRefused}, "unreachable": {Before: fake.ErrUnreachable}, "the answer is lost": {After: fake.ErrTimeout},
					"half": {Half: true}, "late": {Late: 2}, "somebody is faster": {Before: fake.ErrConflict},
				} {
					o.net.Next(fake.Apply, f)
					o.net.Next(fake.Fetch, fake.Fault{Before: fake.ErrServFail})
					_, err := o.Edit(t.Context(), note("a.example", what))
					t.OK(err, "Edit")
					o.settle(what)
					o.net.Settle()
					t.OK(o.Check(t.Context(), "a.example"), "Check")
					o.settle(what + ", afterwards")
					serial := o.served("a.example", what).Serial
					t.Equal(serial.After(last), true, "%s: the serial goes from %s to %s", what, last, serial)
					last = serial
				}
				t.OK(o.net.Edit("ns1", "a.example", nil), "somebody removes the zone from a server")
				t.OK(o.Check(t.Context(), "a.example"), "Check")
				o.settle("drift")
				o.served("a.example", "drift")

				o.address(1, "192.0.2.81")
				scope := dns.Scope{Set: "web1"}
				p, err := o.Preview(t.Context(), scope)
				t.OK(err, "Preview")
				t.Equal(p.Changed, 1, "zones that change")
				_, err = o.Apply(t.Context(), dns.ApplyRequest{Scope: scope, Token: "another"})
				t.Is(err, dns.ErrToken, "Apply with another token")
				done, err := o.Apply(t.Context(), dns.ApplyRequest{Scope: scope, Token: p.Token, Guarded: true})
				t.OK(err, "Apply")
				t.Equal(done.Changed, 1, "zones that were changed")
				o.settle("a new version")
				o.served("a.example", "a new version")

				alias := dns.AliasRequest{Account: "1", Site: "site", Data: []dns.RData{dns.A{Addr: netip.MustParseAddr("192.0.2.80")}}}
				first, err := o.TakeAlias(t.Context(), alias)
				t.OK(err, "TakeAlias")
				again, err := o.TakeAlias(t.Context(), alias)
				t.OK(err, "TakeAlias again")
				t.Equal(again, first, "the alias")
				t.OK(o.ReleaseAlias(t.Context(), "", "1", "site", "staff"), "ReleaseAlias")
				o.settle("aliases")
				o.served("service.example", "aliases")

				if h.Reopen != nil {
					before := dump(t, o.store)
					o.store = h.Reopen(t.Test(), o.store)
					o.Manager = o.manager("")
					t.Equal(dump(t, o.store), before, "the store that was opened anew")
				}
				err = o.Remove(t.Context(), dns.RemoveRequest{Name: "a.example"})
				guarded, ok := errors.AsType[*dns.GuardedError](err)
				if !ok {
					t.Fatalf("Remove without a token: %v", err)
				}
				t.OK(o.Remove(t.Context(), dns.RemoveRequest{Name: "a.example", Token: guarded.Plan.Token()}), "Remove")
				o.settle("removed")
				for _, at := range []dns.ServerID{"ns1", "ns2"} {
					t.Equal(o.net.Zone(at, "a.example").Present, false, "the zone is on %s", at)
				}
				z := create(dns.ZoneRequest{Name: "a.example", Account: "3"})
				t.Equal(z.Serial.After(last), true, "the serial of the zone that was made again, %s after %s", z.Serial, last)
				o.settle("made again")
				o.served("a.example", "made again")
				_, err = storage.Drain(t.Context(), o.store, func(_ context.Context, e storage.Event) error {
					_, err := dns.DecodeEvent(e)
					return err
				}, storage.DrainOptions{})
				t.OK(err, "Drain")
			},
		},
		{
			ID: "MANAGER-2", Name: "several at once",
			Text: "Managers that edit one zone, make others and publish them at the same time, while calls fail, lose nothing.",
			Why:  "There are several workers, and the customer's program does not wait for them.",
			Check: func(t *conformance.T, h StoreHarness) {
				var mu sync.Mutex
				rnd, calm := rand.New(rand.NewPCG(1, 1)), false
				o := newOffice(t, h.New(t.Test()), func(fake.Call) fake.Fault {
					mu.Lock()
					defer mu.Unlock()
					switch n := rnd.IntN(10); {
					case calm:
					case n == 0:
						return fake.Fault{Before: fake.ErrUnreachable}
					case n == 1:
						return fake.Fault{After: fake.ErrTimeout}
					}
					return fake.Fault{}
				})
				_, err := o.Create(t.Context(), dns.ZoneRequest{Name: "shared.example", Account: "1"})
				t.OK(err, "Create")
				const n, edits = 4, 5
				h.AtOnce(t, n, func(i int) {
					m := o.manager(strings.Repeat("x", i))
					_, err := m.Create(t.Context(), dns.ZoneRequest{Name: dns.Name(fmt.Sprintf("own%d.example", i)), Account: "1"})
					t.OK(err, "Create")
					for k := range edits {
						t.OK(storage.Retry(t.Context(), storage.RetryPolicy{}, func(ctx context.Context) error {
							_, err := m.Edit(ctx, note("shared.example", fmt.Sprint(i, k)))
							return err
						}), "Edit")
						t.OK(storage.Retry(t.Context(), storage.RetryPolicy{}, func(ctx context.Context) error {
							_, err := m.Step(ctx)
							return err
						}), "Step")
					}
				})
				mu.Lock()
				calm = true
				mu.Unlock()
				o.settle("afterwards")
				z := o.served("shared.example", "afterwards")
				texts := map[dns.RData]bool{}
				for _, c := range z.Custom {
					texts[c.Record.Data] = true
				}
				t.Equal(len(texts), n*edits, "edits that are there")
				for i := range n {
					o.served(dns.Name(fmt.Sprintf("own%d.example", i)), "afterwards")
				}
			},
		},
		{
			ID: "MANAGER-3", Name: "in the host's transaction",
			Text: "What a manager does in a transaction of the host's is there when that commits, and not when it does not.",
			Why:  "A zone is made with the account that it is for, or not at all.",
			Check: func(t *conformance.T, h StoreHarness) {
				o := newOffice(t, h.New(t.Test()), nil)
				before := dump(t, o.store)
				refused := errors.New("no")
				for _, fail := range []error{refused, nil} {
					err := o.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
						m := o.In(tx)
						_, err := m.Create(ctx, dns.ZoneRequest{Name: "a.example", Account: "1"})
						if err == nil {
							_, err = m.Edit(ctx, note("a.example", "x"))
						}
						return errors.Join(err, fail)
					})
					if fail != nil {
						t.Is(err, refused, "the transaction")
						t.Equal(dump(t, o.store), before, "the store")
						continue
					}
					t.OK(err, "the transaction")
					o.settle("committed")
					o.served("a.example", "committed")
				}
				var served []dns.Name
				for z, err := range o.Zones(t.Context(), dns.ZoneQuery{}) {
					t.OK(err, "Zones")
					served = append(served, z.Name)
				}
				t.Equal(slices.Equal(served, []dns.Name{"a.example"}), true, "the zones are %v", served)
			},
		},
	}
}
