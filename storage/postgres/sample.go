package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/provisioning"
)

type sampleStatements struct {
	add          *statement // services, servers, meters, times: those that are new
	purge        *statement // before, limit
	putReading   *statement // service, server, meter, metric, value, epoch, at
	readings     *statement // services
	putCollected *statement // server, kind, until
	collected    *statement // server, kind
}

func newSampleStatements(x sqlText) sampleStatements {
	return sampleStatements{
		// In one order, so that two that add the same ones do not wait for each other.
		add: x.statement(`INSERT INTO {{schema}}.provisioning_samples (service, server, meter, at)
			SELECT DISTINCT service, server, meter, to_timestamp(0) + us * interval '1 microsecond'
			FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS c (service, server, meter, us) ORDER BY 1, 2, 3, 4
			ON CONFLICT DO NOTHING RETURNING service, server, meter, at`),
		purge: x.statement(`WITH gone AS (DELETE FROM {{schema}}.provisioning_samples WHERE (service, server, meter, at) IN (
			SELECT service, server, meter, at FROM {{schema}}.provisioning_samples WHERE at < $1::timestamptz ORDER BY at LIMIT $2::bigint)
			RETURNING at) SELECT count(*) FROM gone`),
		putReading: x.statement(`INSERT INTO {{schema}}.provisioning_readings (service, server, meter, metric, value, epoch, at)
			VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::timestamptz)
			ON CONFLICT (service, server, meter) DO UPDATE
			SET metric = excluded.metric, value = excluded.value, epoch = excluded.epoch, at = excluded.at`),
		readings: x.statement(`SELECT service, server, meter, metric, value, epoch, at FROM {{schema}}.provisioning_readings
			WHERE service = ANY ($1::text[])`),
		putCollected: x.statement(`INSERT INTO {{schema}}.provisioning_collected (server, kind, until)
			VALUES ($1::text, $2::text, $3::timestamptz) ON CONFLICT (server, kind) DO UPDATE SET until = excluded.until`),
		collected: x.statement("SELECT until FROM {{schema}}.provisioning_collected WHERE server = $1::text AND kind = $2::text"),
	}
}

// AddSamples implements [provisioning.ServiceRows].
func (r serviceRows) AddSamples(ctx context.Context, samples []provisioning.SampleKey) ([]provisioning.SampleKey, error) {
	if err := r.tx.usable(ctx, true); err != nil || len(samples) == 0 {
		return nil, err
	}
	services, servers := make([]string, len(samples)), make([]string, len(samples))
	meters, times := make([]string, len(samples)), make([]int64, len(samples))
	for i, k := range samples {
		services[i], servers[i], meters[i], times[i] = string(k.Service), string(k.Server), k.Meter, k.At.UnixMicro()
	}
	var p params
	texts(&p, services)
	texts(&p, servers)
	texts(&p, meters)
	ints(&p, times)
	found, err := query(ctx, r.tx, "postgres.AddSamples", r.own().samples.add, p, func(s *scan, k *provisioning.SampleKey) {
		k.Service, k.Server = provisioning.ServiceID(s.text()), provisioning.ServerID(s.text())
		k.Meter, k.At = s.text(), s.instant()
	})
	if err != nil {
		return nil, err
	}
	fresh := make(map[provisioning.SampleKey]bool, len(found))
	for _, k := range found {
		fresh[k] = true
	}
	added := make([]provisioning.SampleKey, 0, len(found))
	for _, k := range samples {
		if key := at(k); fresh[key] {
			added = append(added, key)
			delete(fresh, key)
		}
	}
	return added, nil
}

// at is the key as it comes back.
func at(k provisioning.SampleKey) provisioning.SampleKey {
	k.At = k.At.UTC().Truncate(time.Microsecond)
	return k
}

// PurgeSamples implements [provisioning.ServiceRows].
func (r serviceRows) PurgeSamples(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := r.tx.usable(ctx, true); err != nil {
		return 0, err
	}
	var p params
	p.instant(before).limit(limit)
	n, err := single(query(ctx, r.tx, "postgres.PurgeSamples", r.own().samples.purge, p, func(s *scan, n *int64) { *n = s.int() }))
	return int(n), err
}

// PutReadings implements [provisioning.ServiceRows].
func (r serviceRows) PutReadings(ctx context.Context, readings []provisioning.Reading) error {
	if err := r.tx.usable(ctx, true); err != nil || len(readings) == 0 {
		return err
	}
	var send round
	for _, x := range readings {
		var p params
		p.text(string(x.Service)).text(string(x.Server)).text(x.Meter).text(string(x.Metric)).
			text(string(appendScaled(nil, x.Value))).text(x.Epoch).instant(x.At)
		send.add(r.own().samples.putReading, p, nil)
	}
	return r.tx.run(ctx, "postgres.PutReadings", &send, false)
}

// appendScaled writes a number of any size: 125e-2.
func appendScaled(b []byte, d decimal.Decimal) []byte {
	b = d.Coefficient().Append(b, 10)
	return strconv.AppendInt(append(b, 'e'), int64(d.Exponent()), 10)
}

// Readings implements [provisioning.ServiceRows].
func (r serviceRows) Readings(ctx context.Context, services []provisioning.ServiceID) ([]provisioning.Reading, error) {
	var p params
	texts(&p, services)
	return query(ctx, r.tx, "postgres.Readings", r.own().samples.readings, p, func(s *scan, x *provisioning.Reading) {
		x.Service, x.Server, x.Meter = provisioning.ServiceID(s.text()), provisioning.ServerID(s.text()), s.text()
		x.Metric = provisioning.Metric(s.text())
		value, err := decimal.NewFromString(s.text())
		if err != nil {
			s.fail(err)
		}
		x.Value, x.Epoch, x.At = value, s.text(), s.instant()
	})
}

// PutCollected implements [provisioning.ServiceRows].
func (r serviceRows) PutCollected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind, until time.Time) error {
	var p params
	p.text(string(server)).text(string(kind)).instant(until)
	return r.exec(ctx, "postgres.PutCollected", r.own().samples.putCollected, p)
}

// Collected implements [provisioning.ServiceRows].
func (r serviceRows) Collected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind) (time.Time, error) {
	var p params
	p.text(string(server)).text(string(kind))
	found, err := query(ctx, r.tx, "postgres.Collected", r.own().samples.collected, p, func(s *scan, at *time.Time) { *at = s.instant() })
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
}
