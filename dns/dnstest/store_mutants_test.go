package dnstest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// storeMutant is a store that breaks one rule at least: the one named.
type storeMutant struct {
	name, rule string
	break_     func(f *storeFaults)
}

// storeMutants are all of them.
func storeMutants() []storeMutant {
	one := func(all []dns.Zone, err error) (dns.Zone, error) { return first(all, err) }
	return slices.Concat(
		rowMutants("SERVER", func(f *storeFaults) *rowFaults[dns.ServerID, dns.Server] { return &f.servers }, kept[dns.ServerID, dns.Server]{
			key: func(s dns.Server) dns.ServerID { return s.ID }, version: func(s *dns.Server) *int64 { return &s.Version },
			lose: func(s *dns.Server) { s.Domain = "" }, pages: true, removes: true,
			put: func(ctx context.Context, rows dns.Rows, all []dns.Server) error { return rows.PutServer(ctx, all[0]) },
			find: func(ctx context.Context, rows dns.Rows, id dns.ServerID) (dns.Server, error) {
				return rows.Server(ctx, id)
			},
			remove: func(ctx context.Context, rows dns.Rows, id dns.ServerID, version int64) error {
				return rows.RemoveServer(ctx, id, version)
			},
		}),
		rowMutants("SETTINGS", func(f *storeFaults) *rowFaults[string, dns.Settings] { return &f.settings }, kept[string, dns.Settings]{
			key: func(s dns.Settings) string { return s.Seller }, version: func(s *dns.Settings) *int64 { return &s.Version },
			lose: func(s *dns.Settings) { s.Scheme = "" },
			put: func(ctx context.Context, rows dns.Rows, all []dns.Settings) error {
				return rows.PutSettings(ctx, all[0])
			},
			find: func(ctx context.Context, rows dns.Rows, seller string) (dns.Settings, error) {
				return rows.Settings(ctx, seller)
			},
		}),
		rowMutants("ALIAS", func(f *storeFaults) *rowFaults[dns.Name, dns.Alias] { return &f.aliases }, kept[dns.Name, dns.Alias]{
			key: func(a dns.Alias) dns.Name { return a.Name }, version: func(a *dns.Alias) *int64 { return &a.Version },
			lose: func(a *dns.Alias) { a.Records = nil },
			put:  func(ctx context.Context, rows dns.Rows, all []dns.Alias) error { return rows.PutAlias(ctx, all[0]) },
			find: func(ctx context.Context, rows dns.Rows, name dns.Name) (dns.Alias, error) {
				return rows.Alias(ctx, name)
			},
		}),
		rowMutants("ZONE", func(f *storeFaults) *rowFaults[dns.Name, dns.Zone] { return &f.zones }, kept[dns.Name, dns.Zone]{
			key: func(z dns.Zone) dns.Name { return z.Name }, version: func(z *dns.Zone) *int64 { return &z.Version },
			lose: func(z *dns.Zone) { z.Cuts = nil }, pages: true,
			put: func(ctx context.Context, rows dns.Rows, all []dns.Zone) error { return rows.PutZones(ctx, all) },
			find: func(ctx context.Context, rows dns.Rows, name dns.Name) (dns.Zone, error) {
				return one(rows.Zones(ctx, []dns.Name{name}))
			},
		}),
		rowMutants("PUBLICATION", func(f *storeFaults) *rowFaults[dns.PublicationKey, dns.Publication] { return &f.publications },
			kept[dns.PublicationKey, dns.Publication]{
				key: func(p dns.Publication) dns.PublicationKey { return p.Key() }, version: func(p *dns.Publication) *int64 { return &p.Version },
				lose: func(p *dns.Publication) { p.Approved = "" }, pages: true, removes: true,
				put: func(ctx context.Context, rows dns.Rows, all []dns.Publication) error {
					return rows.PutPublications(ctx, all)
				},
				find: func(ctx context.Context, rows dns.Rows, key dns.PublicationKey) (dns.Publication, error) {
					all, err := rows.Publications(ctx, []dns.Name{key.Zone})
					return first(slices.DeleteFunc(all, func(p dns.Publication) bool { return p.Key() != key }), err)
				},
				remove: func(ctx context.Context, rows dns.Rows, key dns.PublicationKey, version int64) error {
					return rows.RemovePublication(ctx, key, version)
				},
			}),
		editionMutants("TEMPLATE", func(f *storeFaults) *editionFaults[dns.TemplateID, dns.TemplateVersion] { return &f.templates },
			edition[dns.TemplateID, dns.TemplateVersion]{
				key: func(t dns.TemplateVersion) dns.TemplateID { return t.ID }, version: func(t *dns.TemplateVersion) *int64 { return &t.Version },
				lose: func(t *dns.TemplateVersion) { t.Template.Rules = nil },
				add:  func(ctx context.Context, rows dns.Rows, t dns.TemplateVersion) error { return rows.AddTemplate(ctx, t) },
				find: func(ctx context.Context, rows dns.Rows, id dns.TemplateID, version int64) (dns.TemplateVersion, error) {
					return rows.Template(ctx, id, version)
				},
			}),
		editionMutants("SET", func(f *storeFaults) *editionFaults[dns.SetID, dns.SetVersion] { return &f.sets }, edition[dns.SetID, dns.SetVersion]{
			key: func(s dns.SetVersion) dns.SetID { return s.ID }, version: func(s *dns.SetVersion) *int64 { return &s.Version },
			lose: func(s *dns.SetVersion) { s.Vars = nil },
			add:  func(ctx context.Context, rows dns.Rows, s dns.SetVersion) error { return rows.AddSet(ctx, s) },
			find: func(ctx context.Context, rows dns.Rows, id dns.SetID, version int64) (dns.SetVersion, error) {
				return rows.Set(ctx, id, version)
			},
		}),
		zoneMutants(), publicationMutants(), siteMutants(), gateMutants(), txMutants(),
	)
}

// first is the first row of those found.
func first[V any](all []V, err error) (v V, _ error) {
	if err == nil && len(all) == 0 {
		err = storage.ErrNotFound
	}
	if err != nil {
		return v, err
	}
	return all[0], nil
}

// kept is how rows with a version are reached.
type kept[K comparable, V any] struct {
	key            func(V) K
	version        func(*V) *int64
	lose           func(*V) // a field
	put            func(ctx context.Context, rows dns.Rows, all []V) error
	find           func(ctx context.Context, rows dns.Rows, key K) (V, error)
	remove         func(ctx context.Context, rows dns.Rows, key K, version int64) error
	pages, removes bool
}

// rowMutants are stores that keep one sort of rows badly.
func rowMutants[K comparable, V any](prefix string, of func(f *storeFaults) *rowFaults[K, V], r kept[K, V]) []storeMutant {
	mutants := []storeMutant{
		{"loses a field", prefix + "-1", func(f *storeFaults) {
			of(f).put = func(ctx context.Context, rows dns.Rows, all []V) error {
				for i := range all {
					r.lose(&all[i])
				}
				return r.put(ctx, rows, all)
			}
		}},
		{"finds what is not there", prefix + "-1", func(f *storeFaults) {
			of(f).find = func(v V, err error) (V, error) {
				if errors.Is(err, storage.ErrNotFound) {
					err = nil
				}
				r.lose(&v)
				return v, err
			}
		}},
		{"overwrites any version", prefix + "-2", func(f *storeFaults) {
			of(f).put = func(ctx context.Context, rows dns.Rows, all []V) error {
				for i := range all {
					if old, err := r.find(ctx, rows, r.key(all[i])); err == nil {
						*r.version(&all[i]) = *r.version(&old) + 1
					}
				}
				return r.put(ctx, rows, all)
			}
		}},
		{"takes the same version as written", prefix + "-2", func(f *storeFaults) {
			of(f).put = func(ctx context.Context, rows dns.Rows, all []V) error {
				if old, err := r.find(ctx, rows, r.key(all[0])); err == nil && *r.version(&old) == *r.version(&all[0]) {
					return nil
				}
				return r.put(ctx, rows, all)
			}
		}},
	}
	if r.pages {
		mutants = append(mutants,
			storeMutant{"lists one more", prefix + "-3", func(f *storeFaults) {
				of(f).list = func(page []V, _ K, _ int) []V { return page }
			}},
			storeMutant{"lists backwards", prefix + "-3", func(f *storeFaults) {
				of(f).list = func(page []V, _ K, limit int) []V {
					page = page[:min(limit, len(page))]
					slices.Reverse(page)
					return page
				}
			}})
	}
	if r.removes {
		mutants = append(mutants,
			storeMutant{"removes any version", prefix + "-4", func(f *storeFaults) {
				of(f).remove = func(ctx context.Context, rows dns.Rows, key K, version int64) error {
					if old, err := r.find(ctx, rows, key); err == nil {
						version = *r.version(&old)
					}
					return r.remove(ctx, rows, key, version)
				}
			}},
			storeMutant{"removes nothing silently", prefix + "-4", func(f *storeFaults) {
				of(f).remove = func(ctx context.Context, rows dns.Rows, key K, version int64) error {
					if err := r.remove(ctx, rows, key, version); !errors.Is(err, storage.ErrNotFound) {
						return err
					}
					return nil
				}
			}})
	}
	return mutants
}

// edition is how rows are reached of which every version stays.
type edition[K comparable, V any] struct {
	key     func(V) K
	version func(*V) *int64
	lose    func(*V)
	add     func(ctx context.Context, rows dns.Rows, v V) error
	find    func(ctx context.Context, rows dns.Rows, id K, version int64) (V, error)
}

// editionMutants are stores that keep them badly.
func editionMutants[K comparable, V any](prefix string, of func(f *storeFaults) *editionFaults[K, V], r edition[K, V]) []storeMutant {
	return []storeMutant{
		{"loses a field", prefix + "-1", func(f *storeFaults) {
			of(f).add = func(ctx context.Context, rows dns.Rows, v V) error {
				r.lose(&v)
				return r.add(ctx, rows, v)
			}
		}},
		{"has the latest version only", prefix + "-1", func(f *storeFaults) {
			of(f).find = func(ctx context.Context, rows dns.Rows, id K, _ int64) (V, error) { return r.find(ctx, rows, id, 0) }
		}},
		{"numbers versions itself", prefix + "-2", func(f *storeFaults) {
			of(f).add = func(ctx context.Context, rows dns.Rows, v V) error {
				*r.version(&v) = 1
				if old, err := r.find(ctx, rows, r.key(v), 0); err == nil {
					*r.version(&v) = *r.version(&old) + 1
				}
				return r.add(ctx, rows, v)
			}
		}},
		{"takes a version twice", prefix + "-2", func(f *storeFaults) {
			of(f).add = func(ctx context.Context, rows dns.Rows, v V) error {
				if _, err := r.find(ctx, rows, r.key(v), *r.version(&v)); err == nil {
					return nil
				}
				return r.add(ctx, rows, v)
			}
		}},
		{"lists one more", prefix + "-3", func(f *storeFaults) {
			of(f).latest = func(page []V, _ K, _ int) []V { return page }
		}},
		{"lists the first versions", prefix + "-3", func(f *storeFaults) {
			of(f).latest = func(page []V, _ K, limit int) []V {
				page = page[:min(limit, len(page))]
				for i := range page {
					*r.version(&page[i]) = 1
				}
				return page
			}
		}},
	}
}

func zoneMutants() []storeMutant {
	return []storeMutant{
		{"takes no notice of the seller", "ZONE-4", func(f *storeFaults) { f.zoneQ = func(q *dns.ZoneQuery) { q.Seller = "" } }},
		{"takes no notice of the account", "ZONE-4", func(f *storeFaults) { f.zoneQ = func(q *dns.ZoneQuery) { q.Account = "" } }},
		{"takes no notice of the state", "ZONE-4", func(f *storeFaults) { f.zoneQ = func(q *dns.ZoneQuery) { q.State = "" } }},
		{"takes a set for a template", "ZONE-4", func(f *storeFaults) {
			f.zoneQ = func(q *dns.ZoneQuery) {
				if q.Source.Set != "" {
					q.Source = dns.Source{Template: dns.TemplateID(q.Source.Set)}
				}
			}
		}},
		{"finds what only looks alike below", "ZONE-5", func(f *storeFaults) {
			f.below = func(ctx context.Context, rows dns.Rows, name dns.Name, limit int) ([]dns.Zone, error) {
				all, err := rows.ZonePage(ctx, dns.ZoneQuery{State: dns.ZoneActive}, "", 1000)
				all = slices.DeleteFunc(all, func(z dns.Zone) bool { return z.Name == name || !strings.HasSuffix(string(z.Name), string(name)) })
				slices.SortFunc(all, func(a, b dns.Zone) int { return strings.Compare(a.Name.Reversed(), b.Name.Reversed()) })
				return all[:min(limit, len(all))], err
			}
		}},
		{"finds removed zones below", "ZONE-5", func(f *storeFaults) {
			f.below = func(ctx context.Context, rows dns.Rows, name dns.Name, limit int) ([]dns.Zone, error) {
				all, err := rows.ZonePage(ctx, dns.ZoneQuery{}, "", 1000)
				all = slices.DeleteFunc(all, func(z dns.Zone) bool { return !z.Name.Below(name) })
				slices.SortFunc(all, func(a, b dns.Zone) int { return strings.Compare(a.Name.Reversed(), b.Name.Reversed()) })
				return all[:min(limit, len(all))], err
			}
		}},
		{"writes those that it can", "ZONE-6", func(f *storeFaults) {
			f.zones.put = func(ctx context.Context, rows dns.Rows, all []dns.Zone) (err error) {
				for _, z := range all {
					if e := rows.PutZones(ctx, []dns.Zone{z}); e != nil {
						err = nil // and tells nobody
					}
				}
				return err
			}
		}},
		{"reads what was there before the last transaction", "TREE-1", func(f *storeFaults) {
			var mu sync.Mutex
			var before []dns.Zone
			f.below = func(ctx context.Context, rows dns.Rows, name dns.Name, limit int) ([]dns.Zone, error) {
				all, err := rows.ZonesBelow(ctx, name, limit)
				mu.Lock()
				defer mu.Unlock()
				stale := before
				before = all
				return stale, err
			}
		}},
	}
}

func publicationMutants() []storeMutant {
	due := func(change func(now *time.Time, except *[]dns.ServerID, limit *int)) func(f *storeFaults) {
		return func(f *storeFaults) {
			f.due = func(ctx context.Context, rows dns.Rows, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error) {
				change(&now, &except, &limit)
				return rows.DuePublications(ctx, now, except, limit)
			}
		}
	}
	return []storeMutant{
		{"has those due that are due soon", "PUBLICATION-5", due(func(now *time.Time, _ *[]dns.ServerID, _ *int) { *now = now.Add(time.Hour) })},
		{"has those due too late", "PUBLICATION-5", due(func(now *time.Time, _ *[]dns.ServerID, _ *int) { *now = now.Add(-time.Microsecond) })},
		{"passes over no server", "PUBLICATION-5", due(func(_ *time.Time, except *[]dns.ServerID, _ *int) { *except = nil })},
		{"has more due than asked", "PUBLICATION-5", due(func(_ *time.Time, _ *[]dns.ServerID, limit *int) { *limit++ })},
		{"has those due by name", "PUBLICATION-5", func(f *storeFaults) {
			f.due = func(ctx context.Context, rows dns.Rows, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error) {
				all, err := rows.DuePublications(ctx, now, except, limit)
				slices.SortFunc(all, func(a, b dns.Publication) int { return strings.Compare(string(a.Zone), string(b.Zone)) })
				return all, err
			}
		}},
		{"takes leased ones for due", "PUBLICATION-5", func(f *storeFaults) {
			f.publications.put = func(ctx context.Context, rows dns.Rows, all []dns.Publication) error {
				for i := range all {
					all[i].Lease = dns.Lease{}
				}
				return rows.PutPublications(ctx, all)
			}
		}},
		{"tells the present one as the next", "PUBLICATION-5", func(f *storeFaults) {
			f.next = func(ctx context.Context, rows dns.Rows, now time.Time) (time.Time, error) {
				return rows.NextDue(ctx, now.Add(-time.Microsecond))
			}
		}},
		{"takes no notice of the server", "PUBLICATION-6", func(f *storeFaults) { f.publQ = func(q *dns.PublicationQuery) { q.Server = "" } }},
		{"takes no notice of the state", "PUBLICATION-6", func(f *storeFaults) { f.publQ = func(q *dns.PublicationQuery) { q.State = "" } }},
	}
}

func siteMutants() []storeMutant {
	return []storeMutant{
		{"lets a site hold two", "ALIAS-3", func(f *storeFaults) {
			f.aliases.put = func(ctx context.Context, rows dns.Rows, all []dns.Alias) error {
				if err := rows.PutAlias(ctx, all[0]); !errors.Is(err, storage.ErrExists) {
					return err
				}
				return nil
			}
		}},
		{"has a site's alias whoever's it is", "ALIAS-3", func(f *storeFaults) {
			f.aliasOf = func(ctx context.Context, rows dns.Rows, _, _, site string) (dns.Alias, error) {
				all, err := rows.Aliases(ctx, "service.example", "", 100)
				return first(slices.DeleteFunc(all, func(a dns.Alias) bool { return a.Site != site }), err)
			}
		}},
		{"lists from the beginning", "ALIAS-3", func(f *storeFaults) {
			f.aliasesOf = func(zone, _ dns.Name) (dns.Name, dns.Name) { return zone, "" }
		}},
	}
}

func gateMutants() []storeMutant {
	return []storeMutant{
		{"forgets the breaker", "GATE-1", func(f *storeFaults) {
			f.putGate = func(ctx context.Context, rows dns.Rows, g dns.Gate) error {
				g.Trips = 0
				return rows.PutGate(ctx, g)
			}
		}},
		{"lists gates that have opened", "GATE-1", func(f *storeFaults) {
			f.gates = func(at time.Time) time.Time {
				if at.IsZero() {
					return at
				}
				return at.Add(-time.Microsecond)
			}
		}},
		{"reads what was there before the last transaction", "GATE-2", func(f *storeFaults) {
			var mu sync.Mutex
			before := map[dns.ServerID]dns.Gate{}
			f.gate = func(g dns.Gate) dns.Gate {
				mu.Lock()
				defer mu.Unlock()
				stale, ok := before[g.Server]
				before[g.Server] = g
				if !ok {
					return g
				}
				return stale
			}
		}},
	}
}

// deafRows answer to nothing.
type deafRows struct{ dns.Rows }

func txMutants() []storeMutant {
	return []storeMutant{
		{"takes any transaction", "TX-1", func(f *storeFaults) {
			f.tx = func(rows dns.Rows, err error) (dns.Rows, error) {
				if err != nil {
					return deafRows{}, nil
				}
				return rows, nil
			}
		}},
		{"answers after the end", "TX-2", func(f *storeFaults) {
			f.servers.find = func(s dns.Server, err error) (dns.Server, error) {
				if err != nil {
					return s, storage.ErrNotFound
				}
				return s, nil
			}
		}},
		{"swallows a write in a View", "TX-3", func(f *storeFaults) {
			f.servers.put = func(ctx context.Context, rows dns.Rows, all []dns.Server) error {
				if err := rows.PutServer(ctx, all[0]); !errors.Is(err, storage.ErrReadOnly) {
					return err
				}
				return nil
			}
		}},
		{"does not write", "TX-4", func(f *storeFaults) {
			f.zones.put = func(ctx context.Context, rows dns.Rows, all []dns.Zone) error {
				if all[0].Name == "new" {
					return nil
				}
				return rows.PutZones(ctx, all)
			}
		}},
		{"keeps zones that are removed", "MODEL-1", func(f *storeFaults) {
			f.zones.put = func(ctx context.Context, rows dns.Rows, all []dns.Zone) error {
				for i := range all {
					all[i].State = dns.ZoneActive
				}
				return rows.PutZones(ctx, all)
			}
		}},
		{"forgets", "DUR-1", func(f *storeFaults) { f.reopenEmpty = true }},
	}
}

// A store without a fault passes, through the same wrapper as those with one.
func TestSoundStore(t *testing.T) {
	t.Parallel()
	dnstest.TestStore(t, storeHarness(func(*storeFaults) {}))
}

// Each broken store fails in the rule that is about what is broken, and each rule finds at
// least one of them.
func TestStoreMutants(t *testing.T) {
	t.Parallel()
	var all []conformance.Broken[dnstest.StoreHarness]
	for _, m := range storeMutants() {
		all = append(all, conformance.Broken[dnstest.StoreHarness]{Rule: m.rule, Name: m.name, Harness: func(*testing.T) dnstest.StoreHarness { return storeHarness(m.break_) }})
	}
	require.Empty(t, conformance.Finds(t, dnstest.StoreRules(), all))
}
