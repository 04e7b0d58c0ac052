package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

// The store keeps the rows of package dns.
var _ dns.Store = (*Store)(nil)

// dnsState is zones, what they are made from, and where they are published.
type dnsState struct {
	servers   tree[dns.ServerID, dns.Server]
	gates     tree[dns.ServerID, dns.Gate]
	settings  tree[string, dns.Settings]
	templates tree[editionKey, dns.TemplateVersion]
	sets      tree[editionKey, dns.SetVersion]

	zones    tree[dns.Name, dns.Zone]
	reversed tree[string, dns.Name] // those that are not removed

	publications tree[dns.PublicationKey, dns.Publication]
	published    tree[dns.PublicationKey, struct{}]  // by server
	due          tree[publicationTime, dns.ServerID] // those that are not never

	aliases tree[dns.Name, dns.Alias]
	held    tree[siteKey, dns.Name]
}

func newDNSState() dnsState {
	return dnsState{
		servers:   newTree[dns.ServerID, dns.Server](cmp.Compare[dns.ServerID]),
		gates:     newTree[dns.ServerID, dns.Gate](cmp.Compare[dns.ServerID]),
		settings:  newTree[string, dns.Settings](cmp.Compare[string]),
		templates: newTree[editionKey, dns.TemplateVersion](compareEditions),
		sets:      newTree[editionKey, dns.SetVersion](compareEditions),
		zones:     newTree[dns.Name, dns.Zone](cmp.Compare[dns.Name]),
		reversed:  newTree[string, dns.Name](cmp.Compare[string]),

		publications: newTree[dns.PublicationKey, dns.Publication](comparePublications),
		published: newTree[dns.PublicationKey, struct{}](func(a, b dns.PublicationKey) int {
			return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Zone, b.Zone))
		}),
		due: newTree[publicationTime, dns.ServerID](func(a, b publicationTime) int {
			return cmp.Or(a.at.Compare(b.at), comparePublications(a.key, b.key))
		}),
		aliases: newTree[dns.Name, dns.Alias](cmp.Compare[dns.Name]),
		held: newTree[siteKey, dns.Name](func(a, b siteKey) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.account, b.account), cmp.Compare(a.site, b.site))
		}),
	}
}

// editionKey is a version of something of which all versions are kept.
type editionKey struct {
	id      string
	version int64
}

func compareEditions(a, b editionKey) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.version, b.version))
}

type publicationTime struct {
	at  time.Time
	key dns.PublicationKey
}

func comparePublications(a, b dns.PublicationKey) int {
	return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Server, b.Server))
}

type siteKey struct{ seller, account, site string }

func siteOf(a *dns.Alias) siteKey { return siteKey{a.Seller, a.Account, a.Site} }

// DNS implements [dns.Store].
func (s *Store) DNS(x storage.Tx) (dns.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return dnsRows{t}, nil
}

// dnsRows is the rows of package dns within a transaction.
type dnsRows struct{ tx *tx }

func (r dnsRows) state() *dnsState { return &r.tx.state.dns }

func (r dnsRows) servers() versioned[dns.ServerID, dns.Server] {
	return versioned[dns.ServerID, dns.Server]{
		tx: r.tx, rows: &r.state().servers, what: "name server",
		version: func(s dns.Server) int64 { return s.Version }, clone: dns.Server.Clone,
	}
}

// PutServer implements [dns.ServerRows].
func (r dnsRows) PutServer(ctx context.Context, s dns.Server) error {
	return r.servers().put(ctx, s.ID, s)
}

// Server implements [dns.ServerRows].
func (r dnsRows) Server(ctx context.Context, id dns.ServerID) (dns.Server, error) {
	return r.servers().find(ctx, id)
}

// Servers implements [dns.ServerRows].
func (r dnsRows) Servers(ctx context.Context, after dns.ServerID, limit int) ([]dns.Server, error) {
	return r.servers().page(ctx, after, limit, func(dns.Server) bool { return true })
}

// RemoveServer implements [dns.ServerRows].
func (r dnsRows) RemoveServer(ctx context.Context, id dns.ServerID, version int64) error {
	return r.servers().remove(ctx, id, version)
}

// LockGate has nothing to lock: writers take turns.
func (r dnsRows) LockGate(ctx context.Context, server dns.ServerID) (dns.Gate, error) {
	if err := r.tx.writing(ctx); err != nil {
		return dns.Gate{}, err
	}
	g, ok := r.state().gates.get(server)
	if !ok {
		return dns.Gate{Server: server}, nil
	}
	return g.Clone(), nil
}

// PutGate implements [dns.ServerRows].
func (r dnsRows) PutGate(ctx context.Context, g dns.Gate) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	r.state().gates.set(r.tx.own, g.Server, g.Clone())
	return nil
}

// Gates implements [dns.ServerRows].
func (r dnsRows) Gates(ctx context.Context, closedAt time.Time, after dns.ServerID, limit int) ([]dns.Gate, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []dns.Gate
	for _, g := range r.state().gates.after(after) {
		if len(page) >= limit {
			break
		}
		if closedAt.IsZero() || g.ClosedUntil.After(closedAt) {
			page = append(page, g.Clone())
		}
	}
	return page, nil
}

func (r dnsRows) settings() versioned[string, dns.Settings] {
	return versioned[string, dns.Settings]{
		tx: r.tx, rows: &r.state().settings, what: "settings of seller",
		version: func(s dns.Settings) int64 { return s.Version }, clone: dns.Settings.Clone,
	}
}

// PutSettings implements [dns.SettingsRows].
func (r dnsRows) PutSettings(ctx context.Context, s dns.Settings) error {
	return r.settings().put(ctx, s.Seller, s)
}

// Settings implements [dns.SettingsRows].
func (r dnsRows) Settings(ctx context.Context, seller string) (dns.Settings, error) {
	return r.settings().find(ctx, seller)
}

// editions is rows of which all versions are kept.
type editions[V any] struct {
	tx    *tx
	rows  *tree[editionKey, V]
	what  string
	clone func(V) V
}

func (e editions[V]) add(ctx context.Context, k editionKey, row V) error {
	if err := e.tx.writing(ctx); err != nil {
		return err
	}
	if k.version < 1 || e.rows.has(k) || k.version > 1 && !e.rows.has(editionKey{k.id, k.version - 1}) {
		return e.tx.abort(fmt.Errorf("%s %.128q cannot get version %d: %w", e.what, k.id, k.version, storage.ErrConflict))
	}
	e.rows.set(e.tx.own, k, e.clone(row))
	return nil
}

func (e editions[V]) find(ctx context.Context, k editionKey) (row V, err error) {
	if err := e.tx.reading(ctx); err != nil {
		return row, err
	}
	found := false
	if k.version != 0 {
		row, found = e.rows.get(k)
	} else {
		for at, v := range e.rows.from(k) {
			if at.id != k.id {
				break
			}
			row, found = v, true
		}
	}
	if !found {
		return row, fmt.Errorf("%s %.128q: %w", e.what, k.id, storage.ErrNotFound)
	}
	return e.clone(row), nil
}

// latest returns the last versions of those after an ID.
func (e editions[V]) latest(ctx context.Context, after string, limit int) (page []V, err error) {
	if err := e.tx.reading(ctx); err != nil || limit < 1 {
		return nil, err
	}
	last := ""
	for at, v := range e.rows.from(editionKey{id: after + "\x00"}) {
		if len(page) > 0 && at.id == last {
			page[len(page)-1] = e.clone(v)
			continue
		}
		if len(page) == limit {
			break
		}
		page, last = append(page, e.clone(v)), at.id
	}
	return page, nil
}

func (r dnsRows) templates() editions[dns.TemplateVersion] {
	return editions[dns.TemplateVersion]{r.tx, &r.state().templates, "template", dns.TemplateVersion.Clone}
}

// AddTemplate implements [dns.TemplateRows].
func (r dnsRows) AddTemplate(ctx context.Context, t dns.TemplateVersion) error {
	return r.templates().add(ctx, editionKey{string(t.ID), t.Version}, t)
}

// Template implements [dns.TemplateRows].
func (r dnsRows) Template(ctx context.Context, id dns.TemplateID, version int64) (dns.TemplateVersion, error) {
	return r.templates().find(ctx, editionKey{string(id), version})
}

// Templates implements [dns.TemplateRows].
func (r dnsRows) Templates(ctx context.Context, after dns.TemplateID, limit int) ([]dns.TemplateVersion, error) {
	return r.templates().latest(ctx, string(after), limit)
}

func (r dnsRows) sets() editions[dns.SetVersion] {
	return editions[dns.SetVersion]{r.tx, &r.state().sets, "set", dns.SetVersion.Clone}
}

// AddSet implements [dns.TemplateRows].
func (r dnsRows) AddSet(ctx context.Context, s dns.SetVersion) error {
	return r.sets().add(ctx, editionKey{string(s.ID), s.Version}, s)
}

// Set implements [dns.TemplateRows].
func (r dnsRows) Set(ctx context.Context, id dns.SetID, version int64) (dns.SetVersion, error) {
	return r.sets().find(ctx, editionKey{string(id), version})
}

// Sets implements [dns.TemplateRows].
func (r dnsRows) Sets(ctx context.Context, after dns.SetID, limit int) ([]dns.SetVersion, error) {
	return r.sets().latest(ctx, string(after), limit)
}

// LockTree has nothing to lock: writers take turns.
func (r dnsRows) LockTree(ctx context.Context, _ dns.Name) error { return r.tx.writing(ctx) }

// PutZones implements [dns.ZoneRows].
func (r dnsRows) PutZones(ctx context.Context, zones []dns.Zone) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	for _, z := range zones {
		if old, _ := st.zones.get(z.Name); old.Version != z.Version-1 {
			return r.tx.abort(fmt.Errorf("zone %.255q is at version %d: %w", z.Name, old.Version, storage.ErrConflict))
		}
		st.zones.set(r.tx.own, z.Name, z.Clone())
		if z.State == dns.ZoneRemoved {
			st.reversed.delete(r.tx.own, z.Name.Reversed())
		} else {
			st.reversed.set(r.tx.own, z.Name.Reversed(), z.Name)
		}
	}
	return nil
}

// Zones implements [dns.ZoneRows].
func (r dnsRows) Zones(ctx context.Context, names []dns.Name) ([]dns.Zone, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var found []dns.Zone
	for _, name := range names {
		if z, ok := r.state().zones.get(name); ok {
			found = append(found, z.Clone())
		}
	}
	return found, nil
}

// ZonePage implements [dns.ZoneRows].
func (r dnsRows) ZonePage(ctx context.Context, q dns.ZoneQuery, after dns.Name, limit int) ([]dns.Zone, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []dns.Zone
	for _, z := range r.state().zones.after(after) {
		if len(page) >= limit {
			break
		}
		if (q.Seller == "" || q.Seller == z.Seller) && (q.Account == "" || q.Account == z.Account) && (q.State == "" || q.State == z.State) &&
			(q.Source == dns.Source{} || slices.Contains(z.Sources(), q.Source)) {
			page = append(page, z.Clone())
		}
	}
	return page, nil
}

// ZonesBelow implements [dns.ZoneRows].
func (r dnsRows) ZonesBelow(ctx context.Context, name dns.Name, limit int) ([]dns.Zone, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	prefix := name.Reversed()
	var found []dns.Zone
	for key, below := range r.state().reversed.after(prefix) {
		if len(found) >= limit || !strings.HasPrefix(key, prefix) {
			break
		}
		z, _ := r.state().zones.get(below)
		found = append(found, z.Clone())
	}
	return found, nil
}

// PutPublications implements [dns.PublicationRows].
func (r dnsRows) PutPublications(ctx context.Context, all []dns.Publication) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	for _, p := range all {
		old, there := st.publications.get(p.Key())
		if old.Version != p.Version-1 {
			return r.tx.abort(fmt.Errorf("%.255q on %.128q is at version %d: %w", p.Zone, p.Server, old.Version, storage.ErrConflict))
		}
		if at := old.Available(); there && !at.IsZero() {
			st.due.delete(r.tx.own, publicationTime{at, p.Key()})
		}
		p = p.Clone()
		if at := p.Available(); !at.IsZero() {
			st.due.set(r.tx.own, publicationTime{at, p.Key()}, p.Server)
		}
		st.publications.set(r.tx.own, p.Key(), p)
		st.published.set(r.tx.own, p.Key(), struct{}{})
	}
	return nil
}

// RemovePublication implements [dns.PublicationRows].
func (r dnsRows) RemovePublication(ctx context.Context, key dns.PublicationKey, version int64) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	old, ok := st.publications.get(key)
	switch {
	case !ok:
		return fmt.Errorf("%.255q on %.128q: %w", key.Zone, key.Server, storage.ErrNotFound)
	case old.Version != version:
		return r.tx.abort(fmt.Errorf("%.255q on %.128q is at version %d: %w", key.Zone, key.Server, old.Version, storage.ErrConflict))
	}
	if at := old.Available(); !at.IsZero() {
		st.due.delete(r.tx.own, publicationTime{at, key})
	}
	st.publications.delete(r.tx.own, key)
	st.published.delete(r.tx.own, key)
	return nil
}

// Publications implements [dns.PublicationRows].
func (r dnsRows) Publications(ctx context.Context, zones []dns.Name) ([]dns.Publication, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var found []dns.Publication
	for _, zone := range slices.Compact(slices.Sorted(slices.Values(zones))) {
		for key, p := range r.state().publications.from(dns.PublicationKey{Zone: zone}) {
			if key.Zone != zone {
				break
			}
			found = append(found, p.Clone())
		}
	}
	return found, nil
}

// PublicationPage implements [dns.PublicationRows].
func (r dnsRows) PublicationPage(
	ctx context.Context, q dns.PublicationQuery, after dns.PublicationKey, limit int,
) ([]dns.Publication, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []dns.Publication
	add := func(p dns.Publication) {
		if q.State == "" || q.State == p.State {
			page = append(page, p.Clone())
		}
	}
	if q.Server == "" {
		for _, p := range r.state().publications.after(after) {
			if len(page) >= limit {
				break
			}
			add(p)
		}
		return page, nil
	}
	start := dns.PublicationKey{Zone: after.Zone, Server: q.Server}
	for key := range r.state().published.from(start) {
		if len(page) >= limit || key.Server != q.Server {
			break
		}
		if comparePublications(key, after) > 0 {
			p, _ := r.state().publications.get(key)
			add(p)
		}
	}
	return page, nil
}

// DuePublications implements [dns.PublicationRows].
func (r dnsRows) DuePublications(ctx context.Context, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var due []dns.Publication
	for at, server := range r.state().due.all() {
		if len(due) >= limit || at.at.After(now) {
			break
		}
		if !slices.Contains(except, server) {
			p, _ := r.state().publications.get(at.key)
			due = append(due, p.Clone())
		}
	}
	return due, nil
}

// NextDue implements [dns.PublicationRows].
func (r dnsRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	if err := r.tx.reading(ctx); err != nil {
		return time.Time{}, err
	}
	for at := range r.state().due.from(publicationTime{at: now.Add(1)}) {
		return at.at, nil
	}
	return time.Time{}, nil
}

// PutAlias implements [dns.AliasRows].
func (r dnsRows) PutAlias(ctx context.Context, a dns.Alias) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	old, _ := st.aliases.get(a.Name)
	if old.Version != a.Version-1 {
		return r.tx.abort(fmt.Errorf("alias %.255q is at version %d: %w", a.Name, old.Version, storage.ErrConflict))
	}
	if old.Version > 0 && old.Held() {
		st.held.delete(r.tx.own, siteOf(&old))
	}
	if a.Held() {
		if st.held.has(siteOf(&a)) {
			return r.tx.abort(fmt.Errorf("the site %.128q has an alias: %w", a.Site, storage.ErrExists))
		}
		st.held.set(r.tx.own, siteOf(&a), a.Name)
	}
	st.aliases.set(r.tx.own, a.Name, a.Clone())
	return nil
}

// Alias implements [dns.AliasRows].
func (r dnsRows) Alias(ctx context.Context, name dns.Name) (dns.Alias, error) {
	if err := r.tx.reading(ctx); err != nil {
		return dns.Alias{}, err
	}
	a, ok := r.state().aliases.get(name)
	if !ok {
		return dns.Alias{}, fmt.Errorf("alias %.255q: %w", name, storage.ErrNotFound)
	}
	return a.Clone(), nil
}

// AliasOf implements [dns.AliasRows].
func (r dnsRows) AliasOf(ctx context.Context, seller, account, site string) (dns.Alias, error) {
	if err := r.tx.reading(ctx); err != nil {
		return dns.Alias{}, err
	}
	name, ok := r.state().held.get(siteKey{seller, account, site})
	if !ok {
		return dns.Alias{}, fmt.Errorf("alias of %.128q: %w", site, storage.ErrNotFound)
	}
	return r.Alias(ctx, name)
}

// Aliases implements [dns.AliasRows].
func (r dnsRows) Aliases(ctx context.Context, zone, after dns.Name, limit int) ([]dns.Alias, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []dns.Alias
	for _, a := range r.state().aliases.after(after) {
		if len(page) >= limit {
			break
		}
		if a.Zone == zone {
			page = append(page, a.Clone())
		}
	}
	return page, nil
}
