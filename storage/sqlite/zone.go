package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

var _ dns.Store = (*Store)(nil)

const (
	selectNameServers = `SELECT doc FROM dns_servers `
	selectZones       = `SELECT doc FROM dns_zones `
	// The zones are looked up one by one, in the order of the index.
	selectZonesMade = `SELECT z.doc FROM dns_zone_sources s CROSS JOIN dns_zones z ON z.id = s.zone `
	selectAliases   = `SELECT doc FROM dns_aliases `

	queryZoneGate    = `SELECT doc FROM dns_gates WHERE server = ?`
	queryZoneGatePut = `INSERT INTO dns_gates (server, doc, closed_until) VALUES (?, ?, ?)
ON CONFLICT (server) DO UPDATE SET doc = excluded.doc, closed_until = excluded.closed_until`
	queryZoneGates       = `SELECT doc FROM dns_gates WHERE server > ? ORDER BY server LIMIT ?`
	queryZoneGatesClosed = `SELECT doc FROM dns_gates WHERE server > ? AND closed_until > ? ORDER BY server LIMIT ?`

	queryZone       = selectZones + `WHERE id = ?`
	queryZoneInsert = `INSERT INTO dns_zones (version, doc, seller, account, state, reversed, id) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`
	queryZoneUpdate = `UPDATE dns_zones SET version = ?1, doc = ?2, seller = ?3, account = ?4, state = ?5, reversed = ?6
WHERE id = ?7 AND version = ?1 - 1`
	// The bounds are the name's own reversed form and what comes after all that begin with it.
	queryZonesBelow = selectZones + `WHERE reversed > ? AND reversed < ? ORDER BY reversed LIMIT ?`
	querySourceDrop = `DELETE FROM dns_zone_sources WHERE zone = ?`
	querySourceAdd  = `INSERT INTO dns_zone_sources (kind, source, zone) VALUES (?, ?, ?)`
	querySourcesOf  = `SELECT kind, source FROM dns_zone_sources WHERE zone = ?`
)

func nameServerTable() versioned {
	return newVersioned("name server", "dns_servers", "", "", "")
}

func zoneSettingsTable() versioned {
	return newVersioned("settings of seller", "dns_settings", "", "", "")
}

func aliasTable() versioned {
	return newVersioned("alias", "dns_aliases", ", zone, seller, account, site", ", ?, ?, ?, ?",
		", zone = ?, seller = ?, account = ?, site = ?")
}

// dnsQueries lists the statements that every connection keeps.
func dnsQueries() []string {
	return slices.Concat([]string{
		queryZone, queryZoneInsert, queryZoneUpdate, queryZonesBelow, querySourceDrop, querySourceAdd, querySourcesOf,
		queryZoneGate, queryZoneGatePut, queryZoneGatesClosed,
		queryPublicationInsert, queryPublicationUpdate, queryPublicationsDue, queryPublicationNext, queryPublicationsOf,
		templateTable().find, setTable().find,
	}, nameServerTable().queries(), zoneSettingsTable().queries(), aliasTable().queries())
}

// dnsRows is the rows of package dns within a transaction.
type dnsRows struct{ rows inventoryRows }

// DNS implements [dns.Store].
func (s *Store) DNS(x storage.Tx) (dns.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return dnsRows{inventoryRows{t}}, nil
}

// PutServer implements [dns.ServerRows].
func (r dnsRows) PutServer(ctx context.Context, s dns.Server) error {
	return r.rows.put(ctx, "PutServer", nameServerTable(), string(s.ID), s.Version, s, func(*binder) {})
}

// Server implements [dns.ServerRows].
func (r dnsRows) Server(ctx context.Context, id dns.ServerID) (dns.Server, error) {
	return versionedRow[dns.Server](ctx, r.rows, "Server", nameServerTable(), string(id))
}

// Servers implements [dns.ServerRows].
func (r dnsRows) Servers(ctx context.Context, after dns.ServerID, limit int) ([]dns.Server, error) {
	return following[dns.Server](ctx, r, "Servers", newFilter(selectNameServers, r.rows.work), "id", string(after), limit)
}

// following returns up to limit rows that a filter selects and whose column is after a text.
func following[T any](ctx context.Context, r dnsRows, op string, f *filter, column, after string, limit int) ([]T, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f.where(column + " > ?").string(after)
	return page[T](ctx, r.rows, op, f.query(column, limit), f.b)
}

// RemoveServer implements [dns.ServerRows].
func (r dnsRows) RemoveServer(ctx context.Context, id dns.ServerID, version int64) error {
	return r.rows.remove(ctx, "RemoveServer", nameServerTable(), string(id), version)
}

// LockGate implements [dns.ServerRows]. Whoever may write holds the only lock there is.
func (r dnsRows) LockGate(ctx context.Context, server dns.ServerID) (dns.Gate, error) {
	if err := r.LockTree(ctx, ""); err != nil {
		return dns.Gate{}, err
	}
	found, err := page[dns.Gate](ctx, r.rows, "LockGate", queryZoneGate, r.rows.key(string(server)))
	if err != nil || len(found) == 0 {
		return dns.Gate{Server: server}, err
	}
	return found[0], nil
}

// PutGate implements [dns.ServerRows].
func (r dnsRows) PutGate(ctx context.Context, g dns.Gate) error {
	text, err := encoded("PutGate", g)
	if err != nil {
		return err
	}
	return r.rows.atomically(ctx, "PutGate", func() error {
		b := r.rows.key(string(g.Server))
		b.bytes(text)
		instantOrNull(b, g.ClosedUntil)
		_, err := r.rows.exec(queryZoneGatePut, b)
		return err
	})
}

// instantOrNull binds NULL for the zero time.
func instantOrNull(b *binder, t time.Time) {
	if t.IsZero() {
		b.null()
	} else {
		b.instant(t)
	}
}

// Gates implements [dns.ServerRows].
func (r dnsRows) Gates(ctx context.Context, closedAt time.Time, after dns.ServerID, limit int) ([]dns.Gate, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.rows.key(string(after))
	query := queryZoneGates
	if !closedAt.IsZero() {
		query = queryZoneGatesClosed
		b.instant(closedAt)
	}
	b.int(int64(limit))
	return page[dns.Gate](ctx, r.rows, "Gates", query, b)
}

// PutSettings implements [dns.SettingsRows].
func (r dnsRows) PutSettings(ctx context.Context, s dns.Settings) error {
	return r.rows.put(ctx, "PutSettings", zoneSettingsTable(), s.Seller, s.Version, s, func(*binder) {})
}

// Settings implements [dns.SettingsRows].
func (r dnsRows) Settings(ctx context.Context, seller string) (dns.Settings, error) {
	return versionedRow[dns.Settings](ctx, r.rows, "Settings", zoneSettingsTable(), seller)
}

// LockTree implements [dns.ZoneRows]. Whoever may write holds the only lock there is.
func (r dnsRows) LockTree(ctx context.Context, _ dns.Name) error {
	if err := r.rows.writing(ctx); err != nil {
		return err
	}
	return failure(ctx, "LockTree", r.rows.lock())
}

// PutZones implements [dns.ZoneRows].
func (r dnsRows) PutZones(ctx context.Context, zones []dns.Zone) error {
	return r.rows.atomically(ctx, "PutZones", func() error {
		if err := r.rows.lock(); err != nil {
			return err
		}
		for i := range zones {
			if err := r.putZone(&zones[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r dnsRows) putZone(z *dns.Zone) error {
	text, err := encoded("PutZones", z)
	if err != nil {
		return err
	}
	query := queryZoneUpdate
	if z.Version == 1 {
		query = queryZoneInsert
	}
	b := r.rows.work.misc.start()
	b.int(z.Version)
	b.bytes(text)
	b.string(z.Seller)
	b.string(z.Account)
	b.string(string(z.State))
	if z.State == dns.ZoneRemoved {
		b.null()
	} else {
		b.string(z.Name.Reversed())
	}
	b.string(string(z.Name))
	n, err := r.rows.run(query, b)
	if err == nil && n == 0 {
		err = fmt.Errorf("zone %.255q is not at version %d: %w", z.Name, z.Version-1, storage.ErrConflict)
	}
	if err != nil {
		return err
	}
	return r.putSources(z)
}

// sourceText is a source as it is stored.
func sourceText(s dns.Source) (kind, source string) {
	if s.Template != "" {
		return "template", string(s.Template)
	}
	return "set", string(s.Set)
}

// putSources writes what a zone is made from, if that has changed.
func (r dnsRows) putSources(z *dns.Zone) error {
	var want, have []string
	for _, s := range z.Sources() {
		kind, source := sourceText(s)
		want = append(want, kind+"\x00"+source)
	}
	err := r.rows.each(querySourcesOf, r.rows.key(string(z.Name)), 2, func(row *row) {
		kind := row.string()
		have = append(have, kind+"\x00"+row.string())
	})
	slices.Sort(want)
	slices.Sort(have)
	if err != nil || slices.Equal(want, have) {
		return err
	}
	if _, err := r.rows.exec(querySourceDrop, r.rows.key(string(z.Name))); err != nil {
		return err
	}
	for _, s := range want {
		kind, source, _ := strings.Cut(s, "\x00")
		b := r.rows.key(kind)
		b.string(source)
		b.string(string(z.Name))
		if _, err := r.rows.exec(querySourceAdd, b); err != nil {
			return err
		}
	}
	return nil
}

// Zones implements [dns.ZoneRows].
func (r dnsRows) Zones(ctx context.Context, names []dns.Name) (all []dns.Zone, err error) {
	if err := r.rows.reading(ctx); err != nil {
		return nil, err
	}
	for _, name := range names {
		some, err := page[dns.Zone](ctx, r.rows, "Zones", queryZone, r.rows.key(string(name)))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// ZonePage implements [dns.ZoneRows].
func (r dnsRows) ZonePage(ctx context.Context, q dns.ZoneQuery, after dns.Name, limit int) ([]dns.Zone, error) {
	f, column := newFilter(selectZones, r.rows.work), "id"
	if q.Source != (dns.Source{}) {
		f, column = newFilter(selectZonesMade, r.rows.work), "s.zone"
		kind, source := sourceText(q.Source)
		f.where("s.kind = ?").string(kind)
		f.where("s.source = ?").string(source)
	}
	for _, c := range [][2]string{{"seller = ?", q.Seller}, {"account = ?", q.Account}, {"state = ?", string(q.State)}} {
		if c[1] != "" {
			f.where(c[0]).string(c[1])
		}
	}
	return following[dns.Zone](ctx, r, "ZonePage", f, column, string(after), limit)
}

// ZonesBelow implements [dns.ZoneRows].
func (r dnsRows) ZonesBelow(ctx context.Context, name dns.Name, limit int) ([]dns.Zone, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	reversed := name.Reversed()
	b := r.rows.key(reversed)
	b.string(reversed + "\U0010FFFF")
	b.int(int64(limit))
	return page[dns.Zone](ctx, r.rows, "ZonesBelow", queryZonesBelow, b)
}

// PutAlias implements [dns.AliasRows].
func (r dnsRows) PutAlias(ctx context.Context, a dns.Alias) error {
	return siteTaken(r.rows.put(ctx, "PutAlias", aliasTable(), string(a.Name), a.Version, a, func(b *binder) {
		b.string(string(a.Zone))
		b.string(a.Seller)
		b.string(a.Account)
		if a.Held() {
			b.string(a.Site)
		} else {
			b.null()
		}
	}), a.Site)
}

// siteTaken says what it means that a site has another alias.
func siteTaken(err error, site string) error {
	if taken(err) {
		return fmt.Errorf("the site %.128q has an alias: %w: %w", site, storage.ErrExists, err)
	}
	return err
}

// Alias implements [dns.AliasRows].
func (r dnsRows) Alias(ctx context.Context, name dns.Name) (dns.Alias, error) {
	return versionedRow[dns.Alias](ctx, r.rows, "Alias", aliasTable(), string(name))
}

// AliasOf implements [dns.AliasRows].
func (r dnsRows) AliasOf(ctx context.Context, seller, account, site string) (dns.Alias, error) {
	if err := r.rows.reading(ctx); err != nil {
		return dns.Alias{}, err
	}
	f := newFilter(selectAliases, r.rows.work)
	f.where("seller = ?").string(seller)
	f.where("account = ?").string(account)
	f.where("site = ?").string(site)
	found, err := page[dns.Alias](ctx, r.rows, "AliasOf", f.query("id", 1), f.b)
	if err == nil && len(found) == 0 {
		err = errNotFound("alias of %.128q", site)
	}
	if err != nil {
		return dns.Alias{}, err
	}
	return found[0], nil
}

// Aliases implements [dns.AliasRows].
func (r dnsRows) Aliases(ctx context.Context, zone, after dns.Name, limit int) ([]dns.Alias, error) {
	f := newFilter(selectAliases, r.rows.work)
	f.where("zone = ?").string(string(zone))
	return following[dns.Alias](ctx, r, "Aliases", f, "id", string(after), limit)
}

// listed is IDs as JSON, for json_each.
func listed[T ~string](ids []T) ([]byte, error) { return json.Marshal(append([]T{}, ids...)) }
