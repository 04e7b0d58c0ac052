package mysql

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/internal/database"
)

// List yields what the server holds, whatever the kind: a server of several kinds needs
// a place for each.
func (d *Driver) List(ctx context.Context, on provisioning.Place, _ provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return database.All(func() ([]provisioning.Observation, error) { return d.list(ctx, on) })
}

func (d *Driver) list(ctx context.Context, on provisioning.Place) ([]provisioning.Observation, error) {
	s, err := d.open(ctx, on, "")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	states, err := s.states(ctx, every())
	if err != nil {
		return nil, err
	}
	all := make([]provisioning.Observation, 0, len(states))
	for _, now := range states {
		o, err := s.Observe(now, Spec{})
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// Probe reports whether the server is one that the driver knows, and can be written to.
func (d *Driver) Probe(ctx context.Context, on provisioning.Place) error {
	s, err := d.open(ctx, on, "")
	if err != nil {
		return err
	}
	defer s.Close()
	var readOnly bool
	if err := s.conn.QueryRowContext(ctx, "SELECT @@global.read_only").Scan(&readOnly); err != nil {
		return s.failed(ctx, err, false)
	}
	if readOnly {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("the server is read only"))
	}
	return nil
}

// MeterBytes is the meter of Usage: a gauge of the bytes that the database's tables take.
const MeterBytes = "database_bytes"

// sizes adds the files of InnoDB's tables, whose sizes in TABLES are estimates from when
// they were last analysed, and what TABLES says of others.
const sizes = `SELECT b.name, b.service, coalesce(i.bytes, 0) + coalesce(t.bytes, 0), UNIX_TIMESTAMP(NOW(6)) * 1000000
	FROM {table} b
	LEFT JOIN (SELECT CONVERT(CONVERT(SUBSTRING_INDEX(CAST(NAME AS BINARY), '/', 1) USING filename) USING utf8mb4) COLLATE utf8mb4_nopad_bin AS name,
		sum(FILE_SIZE) AS bytes FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME LIKE '%/%' GROUP BY 1) i ON i.name = b.name
	LEFT JOIN (SELECT CONVERT(TABLE_SCHEMA USING utf8mb4) COLLATE utf8mb4_nopad_bin AS name,
		sum(coalesce(DATA_LENGTH, 0) + coalesce(INDEX_LENGTH, 0)) AS bytes FROM information_schema.TABLES
		WHERE ENGINE IS NOT NULL AND ENGINE <> 'InnoDB' AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema') GROUP BY 1) t ON t.name = b.name
	ORDER BY b.name`

// Usage yields the size of each database of a service. The server keeps no history.
func (d *Driver) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return database.All(func() ([]provisioning.Sample, error) { return d.usage(ctx, on, kind) })
}

func (d *Driver) usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind) ([]provisioning.Sample, error) {
	s, err := d.open(ctx, on, "")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	rows, err := s.conn.QueryContext(ctx, strings.ReplaceAll(sizes, "{table}", hosted))
	if n := number(err); n == errNoBase || n == errNoTable {
		return nil, nil // nothing was ever made here
	}
	if err != nil {
		return nil, s.failed(ctx, err, false)
	}
	defer rows.Close()
	var samples []provisioning.Sample
	for rows.Next() {
		sample := provisioning.Sample{Kind: kind, Meter: MeterBytes, Metric: provisioning.Gauge}
		var bytes, micros decimal.Decimal
		if err := rows.Scan(&sample.Name, &sample.Service, &bytes, &micros); err != nil {
			return nil, s.failed(ctx, err, false)
		}
		sample.Value, sample.At = bytes, time.UnixMicro(micros.IntPart()).UTC()
		samples = append(samples, sample)
	}
	if rows.Err() != nil {
		return nil, s.failed(ctx, rows.Err(), false)
	}
	return samples, nil
}
