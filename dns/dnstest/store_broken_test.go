package dnstest_test

import (
	"context"
	"testing"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// storeFaults are what a broken store does instead. Those that are nil are as they should
// be.
type storeFaults struct {
	tx          func(rows dns.Rows, err error) (dns.Rows, error)
	reopenEmpty bool

	servers      rowFaults[dns.ServerID, dns.Server]
	settings     rowFaults[string, dns.Settings]
	aliases      rowFaults[dns.Name, dns.Alias]
	zones        rowFaults[dns.Name, dns.Zone]
	publications rowFaults[dns.PublicationKey, dns.Publication]
	templates    editionFaults[dns.TemplateID, dns.TemplateVersion]
	sets         editionFaults[dns.SetID, dns.SetVersion]

	gate      func(g dns.Gate) dns.Gate
	putGate   func(ctx context.Context, rows dns.Rows, g dns.Gate) error
	gates     func(at time.Time) time.Time
	zoneQ     func(q *dns.ZoneQuery)
	below     func(ctx context.Context, rows dns.Rows, name dns.Name, limit int) ([]dns.Zone, error)
	publQ     func(q *dns.PublicationQuery)
	due       func(ctx context.Context, rows dns.Rows, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error)
	next      func(ctx context.Context, rows dns.Rows, now time.Time) (time.Time, error)
	aliasOf   func(ctx context.Context, rows dns.Rows, seller, account, site string) (dns.Alias, error)
	aliasesOf func(zone, after dns.Name) (dns.Name, dns.Name)
}

// rowFaults are those of rows with a version. put gets all rows of one call.
type rowFaults[K comparable, V any] struct {
	put    func(ctx context.Context, rows dns.Rows, all []V) error
	find   func(v V, err error) (V, error)
	list   func(page []V, after K, limit int) []V
	remove func(ctx context.Context, rows dns.Rows, key K, version int64) error
}

// editionFaults are those of rows of which every version stays.
type editionFaults[K comparable, V any] struct {
	add    func(ctx context.Context, rows dns.Rows, v V) error
	find   func(ctx context.Context, rows dns.Rows, id K, version int64) (V, error)
	latest func(page []V, after K, limit int) []V
}

type brokenStore struct {
	*memory.Store
	f storeFaults
}

func (s *brokenStore) DNS(tx storage.Tx) (dns.Rows, error) {
	rows, err := s.Store.DNS(tx)
	if s.f.tx != nil {
		rows, err = s.f.tx(rows, err)
	}
	if err != nil {
		return nil, err
	}
	return brokenRows{rows, &s.f}, nil
}

// storeHarness has a store that break_ breaks.
func storeHarness(break_ func(f *storeFaults)) dnstest.StoreHarness {
	open := func() *brokenStore {
		s := &brokenStore{Store: memory.New()}
		break_(&s.f)
		return s
	}
	return dnstest.StoreHarness{
		New: func(*testing.T) dns.Store { return open() },
		Reopen: func(_ *testing.T, s dns.Store) dns.Store {
			if b := s.(*brokenStore); !b.f.reopenEmpty {
				return s
			}
			return open()
		},
	}
}

type brokenRows struct {
	dns.Rows
	f *storeFaults
}

func put[K comparable, V any](ctx context.Context, f *rowFaults[K, V], rows dns.Rows, all []V, do func() error) error {
	if f.put != nil {
		return f.put(ctx, rows, all)
	}
	return do()
}

func found[K comparable, V any](f *rowFaults[K, V], v V, err error) (V, error) {
	if f.find != nil {
		return f.find(v, err)
	}
	return v, err
}

// eachFound applies the fault of finding one row to several.
func eachFound[K comparable, V any](f *rowFaults[K, V], all []V, err error) ([]V, error) {
	for i := range all {
		all[i], _ = found(f, all[i], nil)
	}
	return all, err
}

func listed[K comparable, V any](f *rowFaults[K, V], after K, limit int, do func(limit int) ([]V, error)) ([]V, error) {
	if f.list == nil {
		return do(limit)
	}
	page, err := do(limit + 1)
	return f.list(page, after, limit), err
}

func removed[K comparable, V any](ctx context.Context, f *rowFaults[K, V], rows dns.Rows, key K, version int64, do func() error) error {
	if f.remove != nil {
		return f.remove(ctx, rows, key, version)
	}
	return do()
}

func (r brokenRows) PutServer(ctx context.Context, s dns.Server) error {
	return put(ctx, &r.f.servers, r.Rows, []dns.Server{s}, func() error { return r.Rows.PutServer(ctx, s) })
}

func (r brokenRows) Server(ctx context.Context, id dns.ServerID) (dns.Server, error) {
	s, err := r.Rows.Server(ctx, id)
	return found(&r.f.servers, s, err)
}

func (r brokenRows) Servers(ctx context.Context, after dns.ServerID, limit int) ([]dns.Server, error) {
	return listed(&r.f.servers, after, limit, func(limit int) ([]dns.Server, error) { return r.Rows.Servers(ctx, after, limit) })
}

func (r brokenRows) RemoveServer(ctx context.Context, id dns.ServerID, version int64) error {
	return removed(ctx, &r.f.servers, r.Rows, id, version, func() error { return r.Rows.RemoveServer(ctx, id, version) })
}

func (r brokenRows) LockGate(ctx context.Context, server dns.ServerID) (dns.Gate, error) {
	g, err := r.Rows.LockGate(ctx, server)
	if r.f.gate != nil {
		g = r.f.gate(g)
	}
	return g, err
}

func (r brokenRows) PutGate(ctx context.Context, g dns.Gate) error {
	if r.f.putGate != nil {
		return r.f.putGate(ctx, r.Rows, g)
	}
	return r.Rows.PutGate(ctx, g)
}

func (r brokenRows) Gates(ctx context.Context, closedAt time.Time, after dns.ServerID, limit int) ([]dns.Gate, error) {
	if r.f.gates != nil {
		closedAt = r.f.gates(closedAt)
	}
	return r.Rows.Gates(ctx, closedAt, after, limit)
}

func (r brokenRows) PutSettings(ctx context.Context, s dns.Settings) error {
	return put(ctx, &r.f.settings, r.Rows, []dns.Settings{s}, func() error { return r.Rows.PutSettings(ctx, s) })
}

func (r brokenRows) Settings(ctx context.Context, seller string) (dns.Settings, error) {
	s, err := r.Rows.Settings(ctx, seller)
	return found(&r.f.settings, s, err)
}

func (r brokenRows) AddTemplate(ctx context.Context, t dns.TemplateVersion) error {
	if r.f.templates.add != nil {
		return r.f.templates.add(ctx, r.Rows, t)
	}
	return r.Rows.AddTemplate(ctx, t)
}

func (r brokenRows) Template(ctx context.Context, id dns.TemplateID, version int64) (dns.TemplateVersion, error) {
	if r.f.templates.find != nil {
		return r.f.templates.find(ctx, r.Rows, id, version)
	}
	return r.Rows.Template(ctx, id, version)
}

func (r brokenRows) Templates(ctx context.Context, after dns.TemplateID, limit int) ([]dns.TemplateVersion, error) {
	if r.f.templates.latest == nil {
		return r.Rows.Templates(ctx, after, limit)
	}
	page, err := r.Rows.Templates(ctx, after, limit+1)
	return r.f.templates.latest(page, after, limit), err
}

func (r brokenRows) AddSet(ctx context.Context, s dns.SetVersion) error {
	if r.f.sets.add != nil {
		return r.f.sets.add(ctx, r.Rows, s)
	}
	return r.Rows.AddSet(ctx, s)
}

func (r brokenRows) Set(ctx context.Context, id dns.SetID, version int64) (dns.SetVersion, error) {
	if r.f.sets.find != nil {
		return r.f.sets.find(ctx, r.Rows, id, version)
	}
	return r.Rows.Set(ctx, id, version)
}

func (r brokenRows) Sets(ctx context.Context, after dns.SetID, limit int) ([]dns.SetVersion, error) {
	if r.f.sets.latest == nil {
		return r.Rows.Sets(ctx, after, limit)
	}
	page, err := r.Rows.Sets(ctx, after, limit+1)
	return r.f.sets.latest(page, after, limit), err
}

func (r brokenRows) PutZones(ctx context.Context, zones []dns.Zone) error {
	return put(ctx, &r.f.zones, r.Rows, zones, func() error { return r.Rows.PutZones(ctx, zones) })
}

func (r brokenRows) Zones(ctx context.Context, names []dns.Name) ([]dns.Zone, error) {
	all, err := r.Rows.Zones(ctx, names)
	return eachFound(&r.f.zones, all, err)
}

func (r brokenRows) ZonePage(ctx context.Context, q dns.ZoneQuery, after dns.Name, limit int) ([]dns.Zone, error) {
	if r.f.zoneQ != nil {
		r.f.zoneQ(&q)
	}
	return listed(&r.f.zones, after, limit, func(limit int) ([]dns.Zone, error) { return r.Rows.ZonePage(ctx, q, after, limit) })
}

func (r brokenRows) ZonesBelow(ctx context.Context, name dns.Name, limit int) ([]dns.Zone, error) {
	if r.f.below != nil {
		return r.f.below(ctx, r.Rows, name, limit)
	}
	return r.Rows.ZonesBelow(ctx, name, limit)
}

func (r brokenRows) PutPublications(ctx context.Context, all []dns.Publication) error {
	return put(ctx, &r.f.publications, r.Rows, all, func() error { return r.Rows.PutPublications(ctx, all) })
}

func (r brokenRows) RemovePublication(ctx context.Context, key dns.PublicationKey, version int64) error {
	return removed(ctx, &r.f.publications, r.Rows, key, version, func() error { return r.Rows.RemovePublication(ctx, key, version) })
}

func (r brokenRows) Publications(ctx context.Context, zones []dns.Name) ([]dns.Publication, error) {
	all, err := r.Rows.Publications(ctx, zones)
	return eachFound(&r.f.publications, all, err)
}

func (r brokenRows) PublicationPage(ctx context.Context, q dns.PublicationQuery, after dns.PublicationKey, limit int) ([]dns.Publication, error) {
	if r.f.publQ != nil {
		r.f.publQ(&q)
	}
	return listed(&r.f.publications, after, limit, func(limit int) ([]dns.Publication, error) {
		return r.Rows.PublicationPage(ctx, q, after, limit)
	})
}

func (r brokenRows) DuePublications(ctx context.Context, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error) {
	if r.f.due != nil {
		return r.f.due(ctx, r.Rows, now, except, limit)
	}
	return r.Rows.DuePublications(ctx, now, except, limit)
}

func (r brokenRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	if r.f.next != nil {
		return r.f.next(ctx, r.Rows, now)
	}
	return r.Rows.NextDue(ctx, now)
}

func (r brokenRows) PutAlias(ctx context.Context, a dns.Alias) error {
	return put(ctx, &r.f.aliases, r.Rows, []dns.Alias{a}, func() error { return r.Rows.PutAlias(ctx, a) })
}

func (r brokenRows) Alias(ctx context.Context, name dns.Name) (dns.Alias, error) {
	a, err := r.Rows.Alias(ctx, name)
	return found(&r.f.aliases, a, err)
}

func (r brokenRows) AliasOf(ctx context.Context, seller, account, site string) (dns.Alias, error) {
	if r.f.aliasOf != nil {
		return r.f.aliasOf(ctx, r.Rows, seller, account, site)
	}
	return r.Rows.AliasOf(ctx, seller, account, site)
}

func (r brokenRows) Aliases(ctx context.Context, zone, after dns.Name, limit int) ([]dns.Alias, error) {
	if r.f.aliasesOf != nil {
		zone, after = r.f.aliasesOf(zone, after)
	}
	return r.Rows.Aliases(ctx, zone, after, limit)
}
