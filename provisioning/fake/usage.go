package fake

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/provisioning"
)

// The meters that every thing has.
const (
	MeterBytes    = "bytes"    // a gauge: the length of the content
	MeterRequests = "requests" // a counter
)

// meter is one meter of a thing.
type meter struct {
	metric  provisioning.Metric
	value   decimal.Decimal
	epoch   string
	history []provisioning.Sample
}

func (m *meter) clone() *meter {
	c := *m
	c.history = slices.Clone(m.history)
	return &c
}

// Use has a customer use something: a counter grows by the amount. The thing has to be
// there.
func (d *Driver) Use(on provisioning.ServerID, kind provisioning.Kind, name, counter string, amount decimal.Decimal) {
	d.meter(on, kind, name, counter, provisioning.Counter, func(m *meter) { m.value = m.value.Add(amount) })
}

// Hold makes a gauge have a value.
func (d *Driver) Hold(on provisioning.ServerID, kind provisioning.Kind, name, gauge string, value decimal.Decimal) {
	d.meter(on, kind, name, gauge, provisioning.Gauge, func(m *meter) { m.value = value })
}

func (d *Driver) meter(on provisioning.ServerID, kind provisioning.Kind, name, called string, metric provisioning.Metric, do func(m *meter)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.server(on)
	t := s.things[key{kind, name}]
	if t == nil {
		return
	}
	if t.meters == nil {
		t.meters = map[string]*meter{}
	}
	m := t.meters[called]
	if m == nil {
		m = &meter{metric: metric, epoch: strconv.Itoa(s.epoch)}
		t.meters[called] = m
	}
	do(m)
}

// Reboot has the counters of a server start anew, in another epoch.
func (d *Driver) Reboot(on provisioning.ServerID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.server(on)
	s.epoch++
	for _, t := range s.things {
		for _, m := range t.meters {
			if m.metric == provisioning.Counter {
				m.value, m.epoch = decimal.Decimal{}, strconv.Itoa(s.epoch)
			}
		}
	}
}

// Note has a server keep the present readings, as one that writes them down each night.
func (d *Driver) Note(on provisioning.ServerID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.opt.Clock.Now()
	for _, t := range d.server(on).things {
		for name, m := range t.meters {
			m.history = append(m.history, t.sample(name, m, now))
		}
	}
}

func (t *Thing) sample(name string, m *meter, at time.Time) provisioning.Sample {
	return provisioning.Sample{
		Service: t.Owner, Kind: t.Kind, Name: t.Name, Meter: name, Metric: m.metric, Value: m.value, Epoch: m.epoch, At: at,
	}
}

// Usage implements [provisioning.UsageReader]: what [Driver.Note] has kept since then, and
// the present readings.
func (d *Driver) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, since time.Time) iter.Seq2[provisioning.Sample, error] {
	return d.read(ctx, provisioning.Call{Server: on}, since, func(t *Thing) bool { return t.Kind == kind })
}

// ReadMeters implements [provisioning.MeterReader].
func (d *Driver) ReadMeters(ctx context.Context, c provisioning.Call, since time.Time) iter.Seq2[provisioning.Sample, error] {
	return d.read(ctx, c, since, func(t *Thing) bool { return key{t.Kind, t.Name} == keyOf(c) && t.Owner == c.Service.ID })
}

func (d *Driver) read(ctx context.Context, c provisioning.Call, since time.Time, of func(t *Thing) bool) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		var all []provisioning.Sample
		err := d.do(ctx, VerbUsage, c, func(s *server, _ bool) error {
			all = all[:0]
			now := d.opt.Clock.Now()
			for _, t := range s.sorted() {
				if t.Partial || !of(t) {
					continue
				}
				for _, name := range slices.Sorted(maps.Keys(t.meters)) {
					m := t.meters[name]
					for _, old := range m.history {
						if !old.At.Before(since) && old.At.Before(now) {
							all = append(all, old)
						}
					}
					all = append(all, t.sample(name, m, now))
				}
			}
			return nil
		})
		if err != nil {
			yield(provisioning.Sample{}, err)
			return
		}
		for _, sample := range all {
			if !yield(sample, nil) {
				return
			}
		}
	}
}
