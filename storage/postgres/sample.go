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
	purge        *statement // server, before, limit
	putReading   *statement // service, server, meter, metric, value, epoch, at, stay
	readings     *statement // services
	putCollected *statement // server, kind, until
	collected    *statement // server, kind

	putStay    *statement // service, number, server, kind, name, until, uncounted, doc
	stays      *statement // servers, kinds, names
	uncounted  *statement // server, "" for any; limit
	purgeStays *statement // server, before, limit
}

func newSampleStatements(x sqlText) sampleStatements {
	return sampleStatements{
		// In one order, so that two that add the same ones do not wait for each other.
		add: x.statement(`INSERT INTO {{schema}}.provisioning_samples (service, server, meter, at)
			SELECT DISTINCT service, server, meter, to_timestamp(0) + us * interval '1 microsecond'
			FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS c (service, server, meter, us) ORDER BY 1, 2, 3, 4
			ON CONFLICT DO NOTHING RETURNING service, server, meter, at`),
		purge: x.statement(`WITH gone AS (DELETE FROM {{schema}}.provisioning_samples WHERE (service, server, meter, at) IN (
			SELECT service, server, meter, at FROM {{schema}}.provisioning_samples WHERE server = $1::text AND at < $2::timestamptz ORDER BY at LIMIT $3::bigint)
			RETURNING at) SELECT count(*) FROM gone`),
		putReading: x.statement(`INSERT INTO {{schema}}.provisioning_readings (service, server, meter, metric, value, epoch, at, stay)
			VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::timestamptz, $8::bigint)
			ON CONFLICT (service, server, meter) DO UPDATE
			SET metric = excluded.metric, value = excluded.value, epoch = excluded.epoch, at = excluded.at, stay = excluded.stay`),
		readings: x.statement(`SELECT service, server, meter, metric, value, epoch, at, stay FROM {{schema}}.provisioning_readings
			WHERE service = ANY ($1::text[])`),
		putCollected: x.statement(`INSERT INTO {{schema}}.provisioning_collected (server, kind, until)
			VALUES ($1::text, $2::text, $3::timestamptz) ON CONFLICT (server, kind) DO UPDATE SET until = excluded.until`),
		collected: x.statement("SELECT until FROM {{schema}}.provisioning_collected WHERE server = $1::text AND kind = $2::text"),

		putStay: x.statement(`INSERT INTO {{schema}}.provisioning_stays (service, number, server, kind, name, until, uncounted, doc)
			VALUES ($1::text, $2::bigint, $3::text, $4::text, $5::text, $6::timestamptz, $7::bigint = 1, $8::json)
			ON CONFLICT (service, number) DO UPDATE SET server = excluded.server, kind = excluded.kind, name = excluded.name,
			until = excluded.until, uncounted = excluded.uncounted, doc = excluded.doc`),
		stays: x.statement(`SELECT s.doc FROM unnest($1::text[], $2::text[], $3::text[]) AS c (server, kind, name)
			JOIN {{schema}}.provisioning_stays s ON s.server = c.server AND s.kind = c.kind AND s.name = c.name`),
		uncounted: x.statement(`SELECT doc FROM {{schema}}.provisioning_stays WHERE uncounted AND ($1::text = '' OR server = $1::text)
			ORDER BY server, service, number LIMIT $2::bigint`),
		purgeStays: x.statement(`WITH gone AS (DELETE FROM {{schema}}.provisioning_stays WHERE (service, number) IN (
			SELECT service, number FROM {{schema}}.provisioning_stays WHERE server = $1::text AND until < $2::timestamptz
			AND NOT uncounted ORDER BY until LIMIT $3::bigint) RETURNING number) SELECT count(*) FROM gone`),
	}
}

// AddSamples implements [provisioning.UsageRows].
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

// PurgeSamples implements [provisioning.UsageRows].
func (r serviceRows) PurgeSamples(ctx context.Context, server provisioning.ServerID, before time.Time, limit int) (int, error) {
	return r.purge(ctx, "postgres.PurgeSamples", r.own().samples.purge, server, before, limit)
}

// purge deletes up to limit rows of a server that are older.
func (r serviceRows) purge(
	ctx context.Context, op string, st *statement, server provisioning.ServerID, before time.Time, limit int,
) (int, error) {
	if err := r.tx.usable(ctx, true); err != nil {
		return 0, err
	}
	var p params
	p.text(string(server)).instant(before).limit(limit)
	n, err := single(query(ctx, r.tx, op, st, p, func(s *scan, n *int64) { *n = s.int() }))
	return int(n), err
}

// PutReadings implements [provisioning.UsageRows].
func (r serviceRows) PutReadings(ctx context.Context, readings []provisioning.Reading) error {
	if err := r.tx.usable(ctx, true); err != nil || len(readings) == 0 {
		return err
	}
	var send round
	for _, x := range readings {
		var p params
		p.text(string(x.Service)).text(string(x.Server)).text(x.Meter).text(string(x.Metric)).
			text(string(appendScaled(nil, x.Value))).text(x.Epoch).instant(x.At).int(x.Stay)
		send.add(r.own().samples.putReading, p, nil)
	}
	return r.tx.run(ctx, "postgres.PutReadings", &send, false)
}

// appendScaled writes a number of any size: 125e-2.
func appendScaled(b []byte, d decimal.Decimal) []byte {
	b = d.Coefficient().Append(b, 10)
	return strconv.AppendInt(append(b, 'e'), int64(d.Exponent()), 10)
}

// Readings implements [provisioning.UsageRows].
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
		x.Value, x.Epoch, x.At, x.Stay = value, s.text(), s.instant(), s.int()
	})
}

// PutCollected implements [provisioning.UsageRows].
func (r serviceRows) PutCollected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind, until time.Time) error {
	var p params
	p.text(string(server)).text(string(kind)).instant(until)
	return r.exec(ctx, "postgres.PutCollected", r.own().samples.putCollected, p)
}

// Collected implements [provisioning.UsageRows].
func (r serviceRows) Collected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind) (time.Time, error) {
	var p params
	p.text(string(server)).text(string(kind))
	found, err := query(ctx, r.tx, "postgres.Collected", r.own().samples.collected, p, func(s *scan, at *time.Time) { *at = s.instant() })
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
}
