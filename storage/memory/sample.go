package memory

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/provisioning"
)

// AddSamples implements [provisioning.UsageRows].
func (r serviceRows) AddSamples(ctx context.Context, samples []provisioning.SampleKey) ([]provisioning.SampleKey, error) {
	if err := r.tx.writing(ctx); err != nil {
		return nil, err
	}
	var added []provisioning.SampleKey
	for _, k := range samples {
		if !r.state().samples.has(k) {
			r.state().samples.set(r.tx.own, k, struct{}{})
			added = append(added, k)
		}
	}
	return added, nil
}

// PurgeSamples implements [provisioning.UsageRows].
func (r serviceRows) PurgeSamples(ctx context.Context, server provisioning.ServerID, before time.Time, limit int) (int, error) {
	if err := r.tx.writing(ctx); err != nil {
		return 0, err
	}
	var old []provisioning.SampleKey
	for k := range r.state().samples.all() {
		if len(old) >= limit {
			break
		}
		if k.Server == server && k.At.Before(instant(before)) {
			old = append(old, k)
		}
	}
	for _, k := range old {
		r.state().samples.delete(r.tx.own, k)
	}
	return len(old), nil
}

// PutReadings implements [provisioning.UsageRows].
func (r serviceRows) PutReadings(ctx context.Context, readings []provisioning.Reading) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	for _, x := range readings {
		r.state().readings.set(r.tx.own, provisioning.SampleKey{Service: x.Service, Server: x.Server, Meter: x.Meter}, x)
	}
	return nil
}

// Readings implements [provisioning.UsageRows].
func (r serviceRows) Readings(ctx context.Context, services []provisioning.ServiceID) ([]provisioning.Reading, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var all []provisioning.Reading
	for _, id := range services {
		for k, x := range r.state().readings.from(provisioning.SampleKey{Service: id}) {
			if k.Service != id {
				break
			}
			all = append(all, x)
		}
	}
	return all, nil
}

// PutCollected implements [provisioning.UsageRows].
func (r serviceRows) PutCollected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind, until time.Time) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	r.state().collected.set(r.tx.own, collectedKey{server, kind}, instant(until))
	return nil
}

// Collected implements [provisioning.UsageRows].
func (r serviceRows) Collected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind) (time.Time, error) {
	if err := r.tx.reading(ctx); err != nil {
		return time.Time{}, err
	}
	at, _ := r.state().collected.get(collectedKey{server, kind})
	return at, nil
}
