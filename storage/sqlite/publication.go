package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

const (
	selectPublications     = `SELECT doc FROM dns_publications `
	queryPublicationInsert = `INSERT INTO dns_publications (version, doc, state, available, zone, server) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (zone, server) DO NOTHING`
	queryPublicationUpdate = `UPDATE dns_publications SET version = ?1, doc = ?2, state = ?3, available = ?4
WHERE zone = ?5 AND server = ?6 AND version = ?1 - 1`
	queryPublicationThere = `SELECT version FROM dns_publications WHERE zone = ? AND server = ?`
	queryPublicationDrop  = `DELETE FROM dns_publications WHERE zone = ? AND server = ? AND version = ?`
	queryPublicationsOf   = selectPublications + `WHERE zone IN (SELECT value FROM json_each(?)) ORDER BY zone, server`
	queryPublicationsDue  = selectPublications + `WHERE available <= ?1
AND server NOT IN (SELECT value FROM json_each(?2)) ORDER BY available, zone, server LIMIT ?3`
	queryPublicationNext = `SELECT min(available) FROM dns_publications WHERE available > ?`
)

// edition is rows of which all versions are kept.
type edition struct{ what, table, find string }

func templateTable() edition {
	return edition{"template", "dns_templates", `SELECT doc FROM dns_templates WHERE id = ? AND version = ?`}
}

func setTable() edition {
	return edition{"set", "dns_sets", `SELECT doc FROM dns_sets WHERE id = ? AND version = ?`}
}

// last selects the latest version; latest those of all after an ID. The version next to the
// maximum is that of its row.
func (e edition) last() string {
	return `SELECT doc FROM ` + e.table + ` WHERE id = ? ORDER BY version DESC LIMIT 1`
}

func (e edition) latest() string {
	return `SELECT doc FROM ` + e.table + ` t WHERE id > ? AND version = (SELECT max(version) FROM ` + e.table + ` WHERE id = t.id)
ORDER BY id LIMIT ?`
}

// add adds a version if it is the one after the latest.
func (r dnsRows) add(ctx context.Context, op string, e edition, id string, version int64, row any) error {
	text, err := encoded(op, row)
	if err != nil {
		return err
	}
	return r.rows.atomically(ctx, op, func() error {
		b := r.rows.key(id)
		b.int(version)
		b.bytes(text)
		n, err := r.rows.run(`INSERT INTO `+e.table+` (id, version, doc) SELECT ?1, ?2, ?3
WHERE ?2 = (SELECT coalesce(max(version), 0) + 1 FROM `+e.table+` WHERE id = ?1)`, b)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s %.128q cannot get version %d: %w", e.what, id, version, storage.ErrConflict)
		}
		return err
	})
}

// editionRow returns a version, the latest for 0.
func editionRow[T any](ctx context.Context, r dnsRows, op string, e edition, id string, version int64) (x T, err error) {
	if err := r.rows.reading(ctx); err != nil {
		return x, err
	}
	query, b := e.last(), r.rows.key(id)
	if version != 0 {
		query = e.find
		b.int(version)
	}
	found, err := page[T](ctx, r.rows, op, query, b)
	if err == nil && len(found) == 0 {
		err = errNotFound("%s %.128q, version %d", e.what, id, version)
	}
	if err != nil {
		return x, err
	}
	return found[0], nil
}

// latestRows returns the latest versions of those after an ID.
func latestRows[T any](ctx context.Context, r dnsRows, op string, e edition, after string, limit int) ([]T, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.rows.key(after)
	b.int(int64(limit))
	return page[T](ctx, r.rows, op, e.latest(), b)
}

// AddTemplate implements [dns.TemplateRows].
func (r dnsRows) AddTemplate(ctx context.Context, t dns.TemplateVersion) error {
	return r.add(ctx, "AddTemplate", templateTable(), string(t.ID), t.Version, t)
}

// Template implements [dns.TemplateRows].
func (r dnsRows) Template(ctx context.Context, id dns.TemplateID, version int64) (dns.TemplateVersion, error) {
	return editionRow[dns.TemplateVersion](ctx, r, "Template", templateTable(), string(id), version)
}

// Templates implements [dns.TemplateRows].
func (r dnsRows) Templates(ctx context.Context, after dns.TemplateID, limit int) ([]dns.TemplateVersion, error) {
	return latestRows[dns.TemplateVersion](ctx, r, "Templates", templateTable(), string(after), limit)
}

// AddSet implements [dns.TemplateRows].
func (r dnsRows) AddSet(ctx context.Context, s dns.SetVersion) error {
	return r.add(ctx, "AddSet", setTable(), string(s.ID), s.Version, s)
}

// Set implements [dns.TemplateRows].
func (r dnsRows) Set(ctx context.Context, id dns.SetID, version int64) (dns.SetVersion, error) {
	return editionRow[dns.SetVersion](ctx, r, "Set", setTable(), string(id), version)
}

// Sets implements [dns.TemplateRows].
func (r dnsRows) Sets(ctx context.Context, after dns.SetID, limit int) ([]dns.SetVersion, error) {
	return latestRows[dns.SetVersion](ctx, r, "Sets", setTable(), string(after), limit)
}

// PutPublications implements [dns.PublicationRows].
func (r dnsRows) PutPublications(ctx context.Context, all []dns.Publication) error {
	return r.rows.atomically(ctx, "PutPublications", func() error {
		if err := r.rows.lock(); err != nil {
			return err
		}
		for i := range all {
			p := &all[i]
			text, err := encoded("PutPublications", p)
			if err != nil {
				return err
			}
			query := queryPublicationUpdate
			if p.Version == 1 {
				query = queryPublicationInsert
			}
			b := r.rows.work.misc.start()
			b.int(p.Version)
			b.bytes(text)
			b.string(string(p.State))
			instantOrNull(b, p.Available())
			b.string(string(p.Zone))
			b.string(string(p.Server))
			n, err := r.rows.run(query, b)
			if err == nil && n == 0 {
				err = fmt.Errorf("%.255q on %.128q is not at version %d: %w", p.Zone, p.Server, p.Version-1, storage.ErrConflict)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RemovePublication implements [dns.PublicationRows].
func (r dnsRows) RemovePublication(ctx context.Context, key dns.PublicationKey, version int64) error {
	if err := r.LockTree(ctx, ""); err != nil {
		return err
	}
	bound := func() *binder {
		b := r.rows.key(string(key.Zone))
		b.string(string(key.Server))
		return b
	}
	there := false
	if err := r.rows.each(queryPublicationThere, bound(), 1, func(*row) { there = true }); err != nil {
		return failure(ctx, "RemovePublication", err)
	}
	if !there {
		return errNotFound("%.255q on %.128q", key.Zone, key.Server)
	}
	return r.rows.atomically(ctx, "RemovePublication", func() error {
		b := bound()
		b.int(version)
		n, err := r.rows.run(queryPublicationDrop, b)
		if err == nil && n == 0 {
			err = fmt.Errorf("%.255q on %.128q is not at version %d: %w", key.Zone, key.Server, version, storage.ErrConflict)
		}
		return err
	})
}

// Publications implements [dns.PublicationRows].
func (r dnsRows) Publications(ctx context.Context, zones []dns.Name) ([]dns.Publication, error) {
	if err := r.rows.reading(ctx); err != nil {
		return nil, err
	}
	list, err := listed(zones)
	if err != nil {
		return nil, err
	}
	b := r.rows.work.misc.start()
	b.bytes(list)
	return page[dns.Publication](ctx, r.rows, "Publications", queryPublicationsOf, b)
}

// PublicationPage implements [dns.PublicationRows].
func (r dnsRows) PublicationPage(
	ctx context.Context, q dns.PublicationQuery, after dns.PublicationKey, limit int,
) ([]dns.Publication, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectPublications, r.rows.work)
	if q.Server != "" {
		f.where("server = ?").string(string(q.Server))
	}
	if q.State != "" {
		f.where("state = ?").string(string(q.State))
	}
	f.where("(zone, server) > (?, ?)").string(string(after.Zone))
	f.b.string(string(after.Server))
	return page[dns.Publication](ctx, r.rows, "PublicationPage", f.query("zone, server", limit), f.b)
}

// DuePublications implements [dns.PublicationRows].
func (r dnsRows) DuePublications(ctx context.Context, now time.Time, except []dns.ServerID, limit int) ([]dns.Publication, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	list, err := listed(except)
	if err != nil {
		return nil, err
	}
	b := r.rows.work.misc.start()
	b.instant(now)
	b.bytes(list)
	b.int(int64(limit))
	return page[dns.Publication](ctx, r.rows, "DuePublications", queryPublicationsDue, b)
}

// NextDue implements [dns.PublicationRows].
func (r dnsRows) NextDue(ctx context.Context, now time.Time) (next time.Time, err error) {
	if err := r.rows.reading(ctx); err != nil {
		return next, err
	}
	b := r.rows.work.misc.start()
	b.instant(now)
	err = r.rows.each(queryPublicationNext, b, 1, func(row *row) {
		if us := row.int(); us != 0 { // NULL: there is none
			next = instant(us)
		}
	})
	return next, failure(ctx, "NextDue", err)
}
