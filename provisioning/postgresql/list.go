package postgresql

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/internal/database"
)

// MeterBytes is the meter of Usage: a gauge of the bytes that the database's files take.
const MeterBytes = "database_bytes"

// candidates selects a page of the names that the driver could have made, roles and
// databases with a mark, and pairs of role and database that have the same name.
const candidates = columns + `(SELECT rolname::text AS name FROM pg_roles UNION SELECT datname::text FROM pg_database) n
	LEFT JOIN pg_roles r ON r.rolname = n.name LEFT JOIN pg_database d ON d.datname = n.name
	WHERE n.name COLLATE "C" > $1 AND (coalesce(shobj_description(r.oid, 'pg_authid'), '') ^@ '` + markPrefix + `'
		OR coalesce(shobj_description(d.oid, 'pg_database'), '') ^@ '` + markPrefix + `'
		OR (r.oid IS NOT NULL AND d.oid IS NOT NULL AND NOT r.rolsuper))
	ORDER BY n.name COLLATE "C" LIMIT $2`

const pageSize = 500

// List yields what the server holds, whatever the kind: a server of several kinds needs
// a place for each.
func (d *Driver) List(ctx context.Context, on provisioning.Place, _ provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return func(yield func(provisioning.Observation, error) bool) {
		s, err := d.open(ctx, on)
		if err != nil {
			yield(provisioning.Observation{}, err)
			return
		}
		defer s.Close()
		for after := ""; ; {
			page, err := s.page(ctx, after)
			if err != nil {
				yield(provisioning.Observation{}, err)
				return
			}
			for _, now := range page {
				after = now.name
				o, err := s.Observe(now, Spec{})
				if !yield(o, err) || err != nil {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

func (s *session) page(ctx context.Context, after string) ([]state, error) {
	rows, err := s.conn.Query(ctx, candidates, after, pageSize)
	if err != nil {
		return nil, s.failed(ctx, err, false)
	}
	defer rows.Close()
	var page []state
	for rows.Next() {
		now, err := scan(rows)
		if err != nil {
			return nil, s.failed(ctx, err, false)
		}
		page = append(page, now)
	}
	if rows.Err() != nil {
		return nil, s.failed(ctx, rows.Err(), false)
	}
	return page, nil
}

// Probe reports whether the server takes changes from the administrator: it is no
// standby, and the administrator is a superuser.
func (d *Driver) Probe(ctx context.Context, on provisioning.Place) error {
	s, err := d.open(ctx, on)
	if err != nil {
		return err
	}
	defer s.Close()
	var standby, super bool
	if err := s.conn.QueryRow(ctx, "SELECT pg_is_in_recovery(), rolsuper FROM pg_roles WHERE rolname = current_user").Scan(&standby, &super); err != nil {
		return s.failed(ctx, err, false)
	}
	switch {
	case standby:
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("the server is a standby"))
	case !super:
		return &tierhost.Error{Kind: tierhost.KindDenied, Code: CodeNoAdmin, Err: errors.New("the administrator is not a superuser")}
	}
	return nil
}

// Usage yields the size of each database that carries an ID. The server keeps no history.
func (d *Driver) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return database.All(func() ([]provisioning.Sample, error) { return d.usage(ctx, on, kind) })
}

func (d *Driver) usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind) ([]provisioning.Sample, error) {
	s, err := d.open(ctx, on)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := s.conn.Query(ctx, `SELECT datname::text, shobj_description(oid, 'pg_database'), pg_database_size(oid), clock_timestamp()
		FROM pg_database WHERE shobj_description(oid, 'pg_database') ^@ '`+markPrefix+`' ORDER BY datname`)
	if err != nil {
		return nil, s.failed(ctx, err, false)
	}
	defer rows.Close()
	var samples []provisioning.Sample
	for rows.Next() {
		sample := provisioning.Sample{Kind: kind, Meter: MeterBytes, Metric: provisioning.Gauge}
		var comment *string
		var bytes *int64
		if err := rows.Scan(&sample.Name, &comment, &bytes, &sample.At); err != nil {
			return nil, s.failed(ctx, err, false)
		}
		if bytes == nil || comment == nil {
			continue // dropped meanwhile
		}
		sample.Service, _ = owner(*comment)
		sample.Value, sample.At = decimal.NewFromInt(*bytes), sample.At.UTC()
		samples = append(samples, sample)
	}
	if rows.Err() != nil {
		return nil, s.failed(ctx, rows.Err(), false)
	}
	return samples, nil
}
