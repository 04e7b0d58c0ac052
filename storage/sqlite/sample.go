package sqlite

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/provisioning"
)

const (
	querySampleAdd = `INSERT INTO provisioning_samples (service, server, meter, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`
	// Those of one instant are many: the limit is on them as well.
	querySamplesPurge = `DELETE FROM provisioning_samples WHERE (service, server, meter, at) IN
(SELECT service, server, meter, at FROM provisioning_samples WHERE server = ? AND at < ? ORDER BY at LIMIT ?)`
	queryReadingPut = `INSERT INTO provisioning_readings (service, server, meter, metric, value, epoch, at, stay) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (service, server, meter) DO UPDATE
SET metric = excluded.metric, value = excluded.value, epoch = excluded.epoch, at = excluded.at, stay = excluded.stay`
	queryReadings     = `SELECT service, server, meter, metric, value, epoch, at, stay FROM provisioning_readings WHERE service = ?`
	queryCollected    = `SELECT until FROM provisioning_collected WHERE server = ? AND kind = ?`
	queryCollectedPut = `INSERT INTO provisioning_collected (server, kind, until) VALUES (?, ?, ?)
ON CONFLICT (server, kind) DO UPDATE SET until = excluded.until`
)

// AddSamples implements [provisioning.UsageRows].
func (r serviceRows) AddSamples(
	ctx context.Context, samples []provisioning.SampleKey,
) (added []provisioning.SampleKey, err error) {
	err = r.atomically(ctx, "AddSamples", func() error {
		for _, k := range samples {
			b := r.work.misc.start()
			b.string(string(k.Service))
			b.string(string(k.Server))
			b.string(k.Meter)
			b.instant(k.At)
			n, err := r.run(querySampleAdd, b)
			if err != nil {
				return err
			}
			if n > 0 {
				added = append(added, k)
			}
		}
		return nil
	})
	return added, err
}

// PurgeSamples implements [provisioning.UsageRows].
func (r serviceRows) PurgeSamples(
	ctx context.Context, server provisioning.ServerID, before time.Time, limit int,
) (int, error) {
	return r.purge(ctx, "PurgeSamples", querySamplesPurge, server, before, limit)
}

// purge deletes up to limit rows of a server that are older.
func (r serviceRows) purge(
	ctx context.Context, op, query string, server provisioning.ServerID, before time.Time, limit int,
) (n int, err error) {
	err = r.atomically(ctx, op, func() error {
		b := r.key(string(server))
		b.instant(before)
		b.int(int64(max(limit, 0)))
		purged, err := r.run(query, b)
		n = int(purged)
		return err
	})
	return n, err
}

// PutReadings implements [provisioning.UsageRows].
func (r serviceRows) PutReadings(ctx context.Context, readings []provisioning.Reading) error {
	return r.atomically(ctx, "PutReadings", func() error {
		for _, x := range readings {
			b := r.work.misc.start()
			b.string(string(x.Service))
			b.string(string(x.Server))
			b.string(x.Meter)
			b.string(string(x.Metric))
			b.decimal(x.Value)
			b.string(x.Epoch)
			b.instant(x.At)
			b.int(x.Stay)
			if _, err := r.exec(queryReadingPut, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// Readings implements [provisioning.UsageRows].
func (r serviceRows) Readings(
	ctx context.Context, services []provisioning.ServiceID,
) (all []provisioning.Reading, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	for _, id := range services {
		err := r.each(queryReadings, r.key(string(id)), 8, func(row *row) {
			all = append(all, provisioning.Reading{
				Service: provisioning.ServiceID(row.string()), Server: provisioning.ServerID(row.string()), Meter: row.string(),
				Metric: provisioning.Metric(row.string()), Value: row.decimal(), Epoch: row.string(), At: row.instant(),
				Stay: row.int(),
			})
		})
		if err != nil {
			return nil, failure(ctx, "Readings", err)
		}
	}
	return all, nil
}

// PutCollected implements [provisioning.UsageRows].
func (r serviceRows) PutCollected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind, until time.Time) error {
	return r.atomically(ctx, "PutCollected", func() error {
		b := r.key(string(server))
		b.string(string(kind))
		b.instant(until)
		_, err := r.exec(queryCollectedPut, b)
		return err
	})
}

// Collected implements [provisioning.UsageRows].
func (r serviceRows) Collected(
	ctx context.Context, server provisioning.ServerID, kind provisioning.Kind,
) (until time.Time, err error) {
	if err := r.reading(ctx); err != nil {
		return until, err
	}
	b := r.key(string(server))
	b.string(string(kind))
	err = r.each(queryCollected, b, 1, func(row *row) { until = row.instant() })
	return until, failure(ctx, "Collected", err)
}
