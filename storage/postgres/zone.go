package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

var _ dns.Store = (*Store)(nil)

type dnsStatements struct {
	servers, settings versionedStatements
	aliases           versionedStatements // and zone, seller, account; site is from the row
	templates, sets   editionStatements

	gate, makeGate, putGate *statement // server; server, doc; server, doc, closed until
	gates, closedGates      *statement // after, limit; after, closed at, limit

	makeTree, lockTree *statement // top
	// name, version, doc, seller, account, state, reversed: the version if it is written
	insertZone, updateZone *statement
	zones                  *statement // names
	below                  *statement // from, until, limit
	dropSources            *statement // zone, kinds, sources that it keeps
	addSources             *statement // the same

	publications publicationStatements
}

func newDNSStatements(x sqlText) dnsStatements {
	const (
		gates   = "SELECT doc FROM {{schema}}.dns_gates WHERE "
		sources = "unnest($2::text[], $3::text[]) AS c (kind, source)"
	)
	site := column{"site", sqlType{name: "CASE WHEN $3::json ->> 'released' IS NULL THEN coalesce($3::json ->> 'site', '') END"}}
	return dnsStatements{
		servers:   newVersionedStatements(x, "dns_servers"),
		settings:  newVersionedStatements(x, "dns_settings"),
		aliases:   newVersionedStatements(x, "dns_aliases", column{"zone", textType}, column{"seller", textType}, column{"account", textType}, site),
		templates: newEditionStatements(x, "dns_templates"),
		sets:      newEditionStatements(x, "dns_sets"),

		gate:     x.statement(gates + "server = $1::text FOR UPDATE"),
		makeGate: x.statement(`INSERT INTO {{schema}}.dns_gates (server, doc) VALUES ($1::text, $2::json) ON CONFLICT (server) DO NOTHING`),
		putGate: x.statement(`INSERT INTO {{schema}}.dns_gates (server, doc, closed_until) VALUES ($1::text, $2::json, $3::timestamptz)
			ON CONFLICT (server) DO UPDATE SET doc = excluded.doc, closed_until = excluded.closed_until`),
		gates:       x.statement(gates + "server > $1::text ORDER BY server LIMIT $2::bigint"),
		closedGates: x.statement(gates + "server > $1::text AND closed_until > $2::timestamptz ORDER BY server LIMIT $3::bigint"),

		makeTree: x.statement("INSERT INTO {{schema}}.dns_trees (top) VALUES ($1::text) ON CONFLICT (top) DO NOTHING"),
		lockTree: x.statement("SELECT 1::bigint FROM {{schema}}.dns_trees WHERE top = $1::text FOR UPDATE"),
		insertZone: x.statement(`INSERT INTO {{schema}}.dns_zones (id, version, doc, seller, account, state, reversed)
			VALUES ($1::text, $2::bigint, $3::json, $4::text, $5::text, $6::text, $7::text)
			ON CONFLICT (id) DO NOTHING RETURNING version`),
		updateZone: x.statement(`UPDATE {{schema}}.dns_zones SET version = $2::bigint, doc = $3::json, seller = $4::text, account = $5::text,
			state = $6::text, reversed = $7::text WHERE id = $1::text AND version = $2::bigint - 1 RETURNING version`),
		zones: x.statement("SELECT doc FROM {{schema}}.dns_zones WHERE id = ANY ($1::text[])"),
		below: x.statement(`SELECT doc FROM {{schema}}.dns_zones WHERE reversed > $1::text AND reversed < $2::text
			ORDER BY reversed LIMIT $3::bigint`),
		dropSources: x.statement(`DELETE FROM {{schema}}.dns_zone_sources s WHERE s.zone = $1::text AND NOT EXISTS
			(SELECT FROM ` + sources + ` WHERE c.kind = s.kind AND c.source = s.source)`),
		addSources: x.statement(`INSERT INTO {{schema}}.dns_zone_sources (kind, source, zone)
			SELECT c.kind, c.source, $1::text FROM ` + sources + ` ON CONFLICT DO NOTHING`),

		publications: newPublicationStatements(x),
	}
}

// dnsRows is the rows of package dns within a transaction.
type dnsRows struct{ rows inventoryRows }

// DNS implements [dns.Store].
func (s *Store) DNS(tx storage.Tx) (dns.Rows, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return dnsRows{inventoryRows{t}}, nil
}

func (r dnsRows) own() *dnsStatements { return &r.rows.tx.store.sql.dns }

// PutServer implements [dns.ServerRows].
func (r dnsRows) PutServer(ctx context.Context, s dns.Server) error {
	return r.rows.put(ctx, "postgres.PutServer", &r.own().servers, string(s.ID), s.Version, s)
}

// Server implements [dns.ServerRows].
func (r dnsRows) Server(ctx context.Context, id dns.ServerID) (dns.Server, error) {
	return versionedRow[dns.Server](ctx, r.rows, "postgres.Server", &r.own().servers, string(id))
}

// Servers implements [dns.ServerRows].
func (r dnsRows) Servers(ctx context.Context, after dns.ServerID, limit int) ([]dns.Server, error) {
	return selected[dns.Server](ctx, r.rows, "postgres.Servers", "dns_servers", &filter{}, string(after), limit)
}

// RemoveServer implements [dns.ServerRows].
func (r dnsRows) RemoveServer(ctx context.Context, id dns.ServerID, version int64) error {
	return r.rows.remove(ctx, "postgres.RemoveServer", &r.own().servers, string(id), version)
}

// LockGate implements [dns.ServerRows]. A row that is not there cannot be locked, so it
// is made.
func (r dnsRows) LockGate(ctx context.Context, server dns.ServerID) (dns.Gate, error) {
	const op = "postgres.LockGate"
	text, err := json.Marshal(dns.Gate{Server: server})
	if err != nil {
		return dns.Gate{}, tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var made, p params
	made.text(string(server)).text(string(text))
	if err := r.rows.exec(ctx, op, r.own().makeGate, made); err != nil {
		return dns.Gate{}, err
	}
	p.text(string(server))
	return single(versionedRows[dns.Gate](ctx, r.rows, op, r.own().gate, p))
}

// PutGate implements [dns.ServerRows].
func (r dnsRows) PutGate(ctx context.Context, g dns.Gate) error {
	const op = "postgres.PutGate"
	text, err := json.Marshal(g)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(string(g.Server)).text(string(text)).instantOrNull(g.ClosedUntil)
	return r.rows.exec(ctx, op, r.own().putGate, p)
}

// Gates implements [dns.ServerRows].
func (r dnsRows) Gates(ctx context.Context, closedAt time.Time, after dns.ServerID, limit int) ([]dns.Gate, error) {
	var p params
	p.text(string(after))
	st := r.own().gates
	if !closedAt.IsZero() {
		st = r.own().closedGates
		p.instant(closedAt)
	}
	p.limit(limit)
	return versionedRows[dns.Gate](ctx, r.rows, "postgres.Gates", st, p)
}

// PutSettings implements [dns.SettingsRows].
func (r dnsRows) PutSettings(ctx context.Context, s dns.Settings) error {
	return r.rows.put(ctx, "postgres.PutSettings", &r.own().settings, s.Seller, s.Version, s)
}

// Settings implements [dns.SettingsRows].
func (r dnsRows) Settings(ctx context.Context, seller string) (dns.Settings, error) {
	return versionedRow[dns.Settings](ctx, r.rows, "postgres.Settings", &r.own().settings, seller)
}

// LockTree implements [dns.ZoneRows]. A row that is not there cannot be locked, so it is
// made.
func (r dnsRows) LockTree(ctx context.Context, top dns.Name) error {
	const op = "postgres.LockTree"
	var p params
	p.text(string(top))
	if err := r.rows.exec(ctx, op, r.own().makeTree, p); err != nil {
		return err
	}
	var send round
	n := int64(0)
	send.add(r.own().lockTree, p, readInt(&n))
	return r.rows.tx.run(ctx, op, &send, false)
}

// PutZones implements [dns.ZoneRows].
func (r dnsRows) PutZones(ctx context.Context, zones []dns.Zone) error {
	const op = "postgres.PutZones"
	if err := r.rows.tx.usable(ctx, true); err != nil || len(zones) == 0 {
		return err
	}
	// In one order, so that two that change the same ones do not wait for each other.
	sorted := slices.SortedFunc(slices.Values(zones), func(a, b dns.Zone) int { return cmp.Compare(a.Name, b.Name) })
	var send round
	written := 0
	for i := range sorted {
		z := &sorted[i]
		text, err := json.Marshal(z)
		if err != nil {
			return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
		}
		var p, made params
		p.text(string(z.Name)).int(z.Version).text(string(text)).text(z.Seller).text(z.Account).text(string(z.State))
		if z.State == dns.ZoneRemoved {
			p = append(p, nil)
		} else {
			p.text(z.Name.Reversed())
		}
		write := r.own().updateZone
		if z.Version == 1 {
			write = r.own().insertZone
		}
		send.add(write, p, func([][]byte) error { written++; return nil })

		var kinds, sources []string
		for _, s := range z.Sources() {
			kind, source := sourceText(s)
			kinds, sources = append(kinds, kind), append(sources, source)
		}
		made.text(string(z.Name))
		texts(&made, kinds)
		texts(&made, sources)
		send.add(r.own().dropSources, made, nil)
		if len(kinds) > 0 {
			send.add(r.own().addSources, made, nil)
		}
	}
	if err := r.rows.tx.run(ctx, op, &send, false); err != nil {
		return err
	}
	if written < len(sorted) {
		return r.rows.tx.abort(fmt.Errorf("%s: %d of %d zones have another version: %w", op, len(sorted)-written, len(sorted), storage.ErrConflict))
	}
	return nil
}

// sourceText is a source as it is stored.
func sourceText(s dns.Source) (kind, source string) {
	if s.Template != "" {
		return "template", string(s.Template)
	}
	return "set", string(s.Set)
}

// Zones implements [dns.ZoneRows].
func (r dnsRows) Zones(ctx context.Context, names []dns.Name) ([]dns.Zone, error) {
	var p params
	texts(&p, slices.Compact(slices.Sorted(slices.Values(names))))
	return versionedRows[dns.Zone](ctx, r.rows, "postgres.Zones", r.own().zones, p)
}

// ZonePage implements [dns.ZoneRows].
func (r dnsRows) ZonePage(ctx context.Context, q dns.ZoneQuery, after dns.Name, limit int) ([]dns.Zone, error) {
	const op = "postgres.ZonePage"
	var f filter
	f.text("seller = ?::text", q.Seller)
	f.text("account = ?::text", q.Account)
	f.text("state = ?::text", string(q.State))
	if q.Source == (dns.Source{}) {
		return selected[dns.Zone](ctx, r.rows, op, "dns_zones", &f, string(after), limit)
	}
	kind, source := sourceText(q.Source)
	f.text("s.kind = ?::text", kind)
	f.text("s.source = ?::text", source)
	f.params.text(string(after))
	f.add("s.zone > ?::text")
	f.limit("s.zone", limit)
	st := r.rows.tx.store.text().statement(`SELECT z.doc FROM {{schema}}.dns_zone_sources s JOIN {{schema}}.dns_zones z ON z.id = s.zone
		WHERE ` + strings.TrimPrefix(f.sql.String(), " AND "))
	return versionedRows[dns.Zone](ctx, r.rows, op, st, f.params)
}

// ZonesBelow implements [dns.ZoneRows].
func (r dnsRows) ZonesBelow(ctx context.Context, name dns.Name, limit int) ([]dns.Zone, error) {
	var p params
	reversed := name.Reversed()
	p.text(reversed).text(reversed + "\U0010FFFF").limit(limit)
	return versionedRows[dns.Zone](ctx, r.rows, "postgres.ZonesBelow", r.own().below, p)
}

// PutAlias implements [dns.AliasRows].
func (r dnsRows) PutAlias(ctx context.Context, a dns.Alias) error {
	return r.rows.put(ctx, "postgres.PutAlias", &r.own().aliases, string(a.Name), a.Version, a, string(a.Zone), a.Seller, a.Account)
}

// Alias implements [dns.AliasRows].
func (r dnsRows) Alias(ctx context.Context, name dns.Name) (dns.Alias, error) {
	return versionedRow[dns.Alias](ctx, r.rows, "postgres.Alias", &r.own().aliases, string(name))
}

// AliasOf implements [dns.AliasRows].
func (r dnsRows) AliasOf(ctx context.Context, seller, account, site string) (dns.Alias, error) {
	var f filter
	f.params.text(seller)
	f.add("seller = ?::text")
	f.params.text(account)
	f.add("account = ?::text")
	f.params.text(site)
	f.add("site = ?::text")
	return single(selected[dns.Alias](ctx, r.rows, "postgres.AliasOf", "dns_aliases", &f, "", 1))
}

// Aliases implements [dns.AliasRows].
func (r dnsRows) Aliases(ctx context.Context, zone, after dns.Name, limit int) ([]dns.Alias, error) {
	var f filter
	f.params.text(string(zone))
	f.add("zone = ?::text")
	return selected[dns.Alias](ctx, r.rows, "postgres.Aliases", "dns_aliases", &f, string(after), limit)
}
