package sqlite

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/provisioning"
)

const (
	queryStayPut = `INSERT INTO provisioning_stays (service, number, server, kind, name, until, uncounted, doc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, number) DO UPDATE SET server = excluded.server, kind = excluded.kind,
name = excluded.name, until = excluded.until, uncounted = excluded.uncounted, doc = excluded.doc`
	queryStaysNamed     = `SELECT doc FROM provisioning_stays WHERE server = ? AND kind = ? AND name = ?`
	queryStaysUncounted = `SELECT doc FROM provisioning_stays WHERE uncounted = 1 ORDER BY server, service, number LIMIT ?`
	queryStaysOn        = `SELECT doc FROM provisioning_stays WHERE uncounted = 1 AND server = ? ORDER BY service, number LIMIT ?`
	queryStaysPurge     = `DELETE FROM provisioning_stays WHERE (service, number) IN
(SELECT service, number FROM provisioning_stays WHERE server = ? AND until < ? AND uncounted = 0 ORDER BY until LIMIT ?)`
)

// PutStays implements [provisioning.UsageRows].
func (r serviceRows) PutStays(ctx context.Context, stays []provisioning.Stay) error {
	return r.atomically(ctx, "PutStays", func() error {
		for i := range stays {
			s := &stays[i]
			text, err := encoded("PutStays", s)
			if err != nil {
				return err
			}
			b := r.key(string(s.Service))
			b.int(s.Number)
			b.string(string(s.Server))
			b.string(string(s.Kind))
			b.string(s.Name)
			if s.Until.IsZero() {
				b.null()
			} else {
				b.instant(s.Until)
			}
			b.flag(len(s.Last) > 0)
			b.bytes(text)
			if _, err := r.exec(queryStayPut, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// Stays implements [provisioning.UsageRows].
func (r serviceRows) Stays(ctx context.Context, names []provisioning.Claim) (all []provisioning.Stay, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	for _, c := range names {
		found, err := page[provisioning.Stay](ctx, r.inventoryRows, "Stays", queryStaysNamed, r.claim(c))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// UncountedStays implements [provisioning.UsageRows].
func (r serviceRows) UncountedStays(
	ctx context.Context, server provisioning.ServerID, limit int,
) ([]provisioning.Stay, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	query, b := queryStaysUncounted, r.work.misc.start()
	if server != "" {
		query = queryStaysOn
		b.string(string(server))
	}
	b.int(int64(limit))
	return page[provisioning.Stay](ctx, r.inventoryRows, "UncountedStays", query, b)
}

// PurgeStays implements [provisioning.UsageRows].
func (r serviceRows) PurgeStays(
	ctx context.Context, server provisioning.ServerID, before time.Time, limit int,
) (int, error) {
	return r.purge(ctx, "PurgeStays", queryStaysPurge, server, before, limit)
}
