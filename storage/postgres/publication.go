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

// editionStatements keep JSON of which all versions are kept.
type editionStatements struct {
	add    *statement // id, version, doc: the version if it is written
	find   *statement // id, version
	last   *statement // id
	latest *statement // after, limit
}

func newEditionStatements(x sqlText, table string) editionStatements {
	from := "FROM {{schema}}." + table
	return editionStatements{
		// Two that add the same version at once are kept apart by the key.
		add: x.statement("INSERT INTO {{schema}}." + table + ` (id, version, doc) SELECT $1::text, $2::bigint, $3::json
			WHERE $2::bigint = (SELECT coalesce(max(version), 0) + 1 ` + from + ` WHERE id = $1::text)
			ON CONFLICT (id, version) DO NOTHING RETURNING version`),
		find: x.statement("SELECT doc " + from + " WHERE id = $1::text AND version = $2::bigint"),
		last: x.statement("SELECT doc " + from + " WHERE id = $1::text ORDER BY version DESC LIMIT 1"),
		latest: x.statement("SELECT DISTINCT ON (id) doc " + from + ` WHERE id IN
			(SELECT DISTINCT id ` + from + ` WHERE id > $1::text ORDER BY id LIMIT $2::bigint) ORDER BY id, version DESC`),
	}
}

// addEdition adds a version if it is the one after the latest.
func (r dnsRows) addEdition(ctx context.Context, op string, e *editionStatements, id string, version int64, row any) error {
	if err := r.rows.tx.usable(ctx, true); err != nil {
		return err
	}
	text, err := json.Marshal(row)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(id).int(version).text(string(text))
	return r.rows.one(ctx, op, e.add, p)
}

// editionRow returns a version, the latest for 0.
func editionRow[T any](ctx context.Context, r dnsRows, op string, e *editionStatements, id string, version int64) (T, error) {
	var p params
	p.text(id)
	st := e.last
	if version != 0 {
		st = e.find
		p.int(version)
	}
	return single(versionedRows[T](ctx, r.rows, op, st, p))
}

// latestRows returns the latest versions of those after an ID.
func latestRows[T any](ctx context.Context, r dnsRows, op string, e *editionStatements, after string, limit int) ([]T, error) {
	var p params
	p.text(after).limit(limit)
	return versionedRows[T](ctx, r.rows, op, e.latest, p)
}

// AddTemplate implements [dns.TemplateRows].
func (r dnsRows) AddTemplate(ctx context.Context, t dns.TemplateVersion) error {
	return r.addEdition(ctx, "postgres.AddTemplate", &r.own().templates, string(t.ID), t.Version, t)
}

// Template implements [dns.TemplateRows].
func (r dnsRows) Template(ctx context.Context, id dns.TemplateID, version int64) (dns.TemplateVersion, error) {
	return editionRow[dns.TemplateVersion](ctx, r, "postgres.Template", &r.own().templates, string(id), version)
}

// Templates implements [dns.TemplateRows].
func (r dnsRows) Templates(ctx context.Context, after dns.TemplateID, limit int) ([]dns.TemplateVersion, error) {
	return latestRows[dns.TemplateVersion](ctx, r, "postgres.Templates", &r.own().templates, string(after), limit)
}

// AddSet implements [dns.TemplateRows].
func (r dnsRows) AddSet(ctx context.Context, s dns.SetVersion) error {
	return r.addEdition(ctx, "postgres.AddSet", &r.own().sets, string(s.ID), s.Version, s)
}

// Set implements [dns.TemplateRows].
func (r dnsRows) Set(ctx context.Context, id dns.SetID, version int64) (dns.SetVersion, error) {
	return editionRow[dns.SetVersion](ctx, r, "postgres.Set", &r.own().sets, string(id), version)
}

// Sets implements [dns.TemplateRows].
func (r dnsRows) Sets(ctx context.Context, after dns.SetID, limit int) ([]dns.SetVersion, error) {
	return latestRows[dns.SetVersion](ctx, r, "postgres.Sets", &r.own().sets, string(after), limit)
}

type publicationStatements struct {
	// zone, server, version, doc, state, available: the version if it is written
	insert, update *statement
	there          *statement // zone, server: the version
	remove         *statement // zone, server, version: likewise
	of             *statement // zones
	due, take      *statement // now, except, limit; take locks
	next           *statement // now
}

func newPublicationStatements(x sqlText) publicationStatements {
	const (
		from = "SELECT doc FROM {{schema}}.dns_publications "
		due  = from + `WHERE available <= $1::timestamptz AND server <> ALL ($2::text[])
			ORDER BY available, zone, server LIMIT $3::bigint`
	)
	return publicationStatements{
		insert: x.statement(`INSERT INTO {{schema}}.dns_publications (zone, server, version, doc, state, available)
			VALUES ($1::text, $2::text, $3::bigint, $4::json, $5::text, $6::timestamptz)
			ON CONFLICT (zone, server) DO NOTHING RETURNING version`),
		update: x.statement(`UPDATE {{schema}}.dns_publications SET version = $3::bigint, doc = $4::json, state = $5::text,
			available = $6::timestamptz WHERE zone = $1::text AND server = $2::text AND version = $3::bigint - 1 RETURNING version`),
		there: x.statement("SELECT version FROM {{schema}}.dns_publications WHERE zone = $1::text AND server = $2::text"),
		remove: x.statement(`DELETE FROM {{schema}}.dns_publications WHERE zone = $1::text AND server = $2::text
			AND version = $3::bigint RETURNING version`),
		of:   x.statement(from + "WHERE zone = ANY ($1::text[]) ORDER BY zone, server"),
		due:  x.statement(due),
		take: x.statement(due + " FOR UPDATE SKIP LOCKED"),
		next: x.statement(`SELECT available FROM {{schema}}.dns_publications WHERE available > $1::timestamptz
			ORDER BY available LIMIT 1`),
	}
}

// PutPublications implements [dns.PublicationRows].
func (r dnsRows) PutPublications(ctx context.Context, all []dns.Publication) error {
	const op = "postgres.PutPublications"
	if err := r.rows.tx.usable(ctx, true); err != nil || len(all) == 0 {
		return err
	}
	sorted := slices.SortedFunc(slices.Values(all), func(a, b dns.Publication) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Server, b.Server))
	})
	var send round
	written := 0
	for i := range sorted {
		p := &sorted[i]
		text, err := json.Marshal(p)
		if err != nil {
			return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
		}
		var args params
		args.text(string(p.Zone)).text(string(p.Server)).int(p.Version).text(string(text)).text(string(p.State)).instantOrNull(p.Available())
		write := r.own().publications.update
		if p.Version == 1 {
			write = r.own().publications.insert
		}
		send.add(write, args, func([][]byte) error { written++; return nil })
	}
	if err := r.rows.tx.run(ctx, op, &send, false); err != nil {
		return err
	}
	if written < len(sorted) {
		return r.rows.tx.abort(fmt.Errorf("%s: %d of %d have another version: %w", op, len(sorted)-written, len(sorted), storage.ErrConflict))
	}
	return nil
}

// RemovePublication implements [dns.PublicationRows].
func (r dnsRows) RemovePublication(ctx context.Context, key dns.PublicationKey, version int64) error {
	const op = "postgres.RemovePublication"
	if err := r.rows.tx.usable(ctx, true); err != nil {
		return err
	}
	var p params
	p.text(string(key.Zone)).text(string(key.Server))
	if _, err := single(query(ctx, r.rows.tx, op, r.own().publications.there, p, func(s *scan, n *int64) { *n = s.int() })); err != nil {
		return err
	}
	p.int(version)
	return r.rows.one(ctx, op, r.own().publications.remove, p)
}

// Publications implements [dns.PublicationRows].
func (r dnsRows) Publications(ctx context.Context, zones []dns.Name) ([]dns.Publication, error) {
	var p params
	texts(&p, zones)
	return versionedRows[dns.Publication](ctx, r.rows, "postgres.Publications", r.own().publications.of, p)
}

// PublicationPage implements [dns.PublicationRows].
func (r dnsRows) PublicationPage(
	ctx context.Context, q dns.PublicationQuery, after dns.PublicationKey, limit int,
) ([]dns.Publication, error) {
	var f filter
	f.text("server = ?::text", string(q.Server))
	f.text("state = ?::text", string(q.State))
	f.params.text(string(after.Zone))
	zone := len(f.params)
	f.params.text(string(after.Server))
	f.add(fmt.Sprintf("(zone, server) > ($%d::text, ?::text)", zone))
	f.limit("zone, server", limit)
	st := r.rows.tx.store.text().statement("SELECT doc FROM {{schema}}.dns_publications WHERE " + strings.TrimPrefix(f.sql.String(), " AND "))
	return versionedRows[dns.Publication](ctx, r.rows, "postgres.PublicationPage", st, f.params)
}

// DuePublications implements [dns.PublicationRows].
func (r dnsRows) DuePublications(ctx context.Context, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error) {
	st := r.own().publications.take
	if r.rows.tx.readOnly {
		st = r.own().publications.due
	}
	var p params
	p.instant(now)
	texts(&p, except)
	p.limit(limit)
	return versionedRows[dns.Publication](ctx, r.rows, "postgres.DuePublications", st, p)
}

// NextDue implements [dns.PublicationRows].
func (r dnsRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	var p params
	p.instant(now)
	found, err := query(ctx, r.rows.tx, "postgres.NextDue", r.own().publications.next, p, func(s *scan, at *time.Time) { *at = s.instant() })
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
}
