package dns_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

// recorder notes that a test would have failed.
type recorder struct {
	ctx    context.Context
	failed string
}

func (r *recorder) Errorf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }
func (r *recorder) FailNow()                          { runtime.Goexit() }
func (r *recorder) Helper()                           {}
func (r *recorder) Context() context.Context          { return r.ctx }

// noticed reports what a simulation finds wrong; "": nothing.
func noticed(t *testing.T, seed uint64, m mutant) string {
	r := &recorder{ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		simulate(r, seed, m)
	}()
	<-done
	return r.failed
}

// mutantDriver is a driver of which methods do something else.
type mutantDriver struct {
	dns.NameServer
	fetch  func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error)
	apply  func(ctx context.Context, at dns.Place, c dns.Change) error
	remove func(ctx context.Context, at dns.Place, zone dns.Name) error
}

func (d *mutantDriver) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
	if d.fetch == nil {
		return d.NameServer.Fetch(ctx, at, zone)
	}
	return d.fetch(ctx, at, zone)
}

func (d *mutantDriver) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	if d.apply == nil {
		return d.NameServer.Apply(ctx, at, c)
	}
	return d.apply(ctx, at, c)
}

func (d *mutantDriver) Remove(ctx context.Context, at dns.Place, zone dns.Name) error {
	if d.remove == nil {
		return d.NameServer.Remove(ctx, at, zone)
	}
	return d.remove(ctx, at, zone)
}

func driving(change func(d *mutantDriver)) mutant {
	return mutant{driver: func(n dns.NameServer) dns.NameServer {
		d := &mutantDriver{NameServer: n}
		change(d)
		return d
	}}
}

// mutantStore is a store whose rows do something else.
type mutantStore struct {
	dns.Store
	rows func(r dns.Rows) dns.Rows
}

func (s mutantStore) DNS(tx storage.Tx) (dns.Rows, error) {
	r, err := s.Store.DNS(tx)
	if err != nil {
		return nil, err
	}
	return s.rows(r), nil
}

func storing(f func(r dns.Rows) dns.Rows) mutant {
	return mutant{store: func(s dns.Store) dns.Store { return mutantStore{s, f} }}
}

// zoneWrites changes zones, and publicationWrites publications, as they are written.
type (
	zoneWrites struct {
		dns.Rows
		change func(z *dns.Zone)
	}
	publicationWrites struct {
		dns.Rows
		change func(all []dns.Publication) []dns.Publication
	}
	dueReads struct {
		dns.Rows
		keep func(p dns.Publication) bool
	}
)

func (r zoneWrites) PutZones(ctx context.Context, all []dns.Zone) error {
	all = slices.Clone(all)
	for i := range all {
		r.change(&all[i])
	}
	return r.Rows.PutZones(ctx, all)
}

func (r publicationWrites) PutPublications(ctx context.Context, all []dns.Publication) error {
	return r.Rows.PutPublications(ctx, r.change(slices.Clone(all)))
}

func (r dueReads) DuePublications(ctx context.Context, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error) {
	all, err := r.Rows.DuePublications(ctx, now, except, 100)
	all = slices.DeleteFunc(all, func(p dns.Publication) bool { return !r.keep(p) })
	return all[:min(limit, len(all))], err
}

func publications(change func(p *dns.Publication)) mutant {
	return storing(func(r dns.Rows) dns.Rows {
		return publicationWrites{r, func(all []dns.Publication) []dns.Publication {
			for i := range all {
				change(&all[i])
			}
			return all
		}}
	})
}

// The simulation notices drivers that do not do what they say, and books that forget.
func TestSimulationMutants(t *testing.T) {
	t.Parallel()
	const seeds = 25
	for name, m := range map[string]mutant{
		"a driver that says it has applied what it has not": driving(func(d *mutantDriver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if c.Expect.Present && c.Serial%3 == 0 {
					return nil
				}
				return d.NameServer.Apply(ctx, at, c)
			}
		}),
		"a driver that leaves a record out": driving(func(d *mutantDriver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if last := len(c.Desired) - 1; at.Server == "ns2" && c.Desired[last].Type() == dns.TypeTXT {
					c.Desired, c.Steps = c.Desired[:last], nil
				}
				return d.NameServer.Apply(ctx, at, c)
			}
		}),
		"a driver that removes nothing": driving(func(d *mutantDriver) {
			d.remove = func(context.Context, dns.Place, dns.Name) error { return nil }
		}),
		"a driver that tells what it has sent": driving(func(d *mutantDriver) {
			var mu sync.Mutex
			sent := map[dns.PublicationKey]dns.Published{}
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				err := d.NameServer.Apply(ctx, at, c)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					sent[dns.PublicationKey{Zone: c.Zone, Server: at.Server}] = dns.Published{Present: true, Serial: c.Serial, Records: c.Desired}
				}
				return err
			}
			d.fetch = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := d.NameServer.Fetch(ctx, at, zone)
				mu.Lock()
				defer mu.Unlock()
				if s, ok := sent[dns.PublicationKey{Zone: zone, Server: at.Server}]; ok && err == nil && p.Present {
					return s, nil
				}
				return p, err
			}
		}),
		"a driver that takes an error for no zone, and has nothing to remove then": driving(func(d *mutantDriver) {
			var mu sync.Mutex
			missed := map[dns.PublicationKey]bool{}
			d.fetch = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := d.NameServer.Fetch(ctx, at, zone)
				mu.Lock()
				defer mu.Unlock()
				k := dns.PublicationKey{Zone: zone, Server: at.Server}
				if again := missed[k]; err != nil || again {
					missed[k] = !again
					return dns.Published{}, nil
				}
				return p, nil
			}
			d.remove = func(ctx context.Context, at dns.Place, zone dns.Name) error {
				mu.Lock()
				nothing := missed[dns.PublicationKey{Zone: zone, Server: at.Server}]
				mu.Unlock()
				if nothing {
					return nil
				}
				return d.NameServer.Remove(ctx, at, zone)
			}
		}),
		"books that forget a server of a zone": storing(func(r dns.Rows) dns.Rows {
			return publicationWrites{r, func(all []dns.Publication) []dns.Publication {
				return slices.DeleteFunc(all, func(p dns.Publication) bool { return p.Version == 1 && p.Server == "ns2" })
			}}
		}),
		"books that forget that a zone goes": publications(func(p *dns.Publication) { p.Remove = false }),
		"books that forget who has failed": publications(func(p *dns.Publication) {
			if p.Attempts > 0 {
				p.Due = time.Time{}
			}
		}),
		"books that keep the serial": storing(func(r dns.Rows) dns.Rows {
			return zoneWrites{r, func(z *dns.Zone) {
				if old, err := r.Zones(context.Background(), []dns.Name{z.Name}); err == nil && len(old) == 1 {
					z.Serial = old[0].Serial
				}
			}}
		}),
		"books that forget the serial of a zone that goes": storing(func(r dns.Rows) dns.Rows {
			return zoneWrites{r, func(z *dns.Zone) {
				if z.State == dns.ZoneRemoved {
					z.Serial, z.Scheme = 1, dns.SerialCounter
				}
			}}
		}),
		"books that do not find what a worker has left": storing(func(r dns.Rows) dns.Rows {
			return dueReads{r, func(p dns.Publication) bool { return p.Lease.Token == "" }}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				if noticed(t, seed, m) != "" {
					return
				}
			}
			require.Fail(t, "nothing is noticed")
		})
	}
	require.Empty(t, noticed(t, 1, mutant{}), "nothing is wrong, and something is noticed")
}
