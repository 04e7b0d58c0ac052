package webhost

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// The meters of a web account.
const (
	// DiskBytes is a gauge: the bytes that the home takes on its disk, as du(1) counts
	// them.
	DiskBytes = "disk_bytes"
	// TrafficBytes is a counter: the bytes of requests and answers over HTTP, headers
	// included, that nginx has logged. It goes on over the rotation of logs and over
	// suspensions, and begins anew with the account.
	TrafficBytes = "traffic_bytes"
)

// Usage implements provisioning.UsageReader. It measures now; servers keep no history, so
// since is not looked at. What was counted is kept on the server, so that each line of a
// log counts once.
func (d *Driver) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return d.samples(ctx, on, kind, "")
}

// ReadMeters implements provisioning.MeterReader: as Usage, of one account, so that only its
// home is looked through.
func (d *Driver) ReadMeters(ctx context.Context, c provisioning.Call, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		for s, err := range d.samples(ctx, c.Server, c.Service.Kind, c.Service.Name) {
			if (err != nil || s.Service == c.Service.ID) && !yield(s, err) {
				return
			}
		}
	}
}

func (d *Driver) samples(ctx context.Context, on provisioning.Place, kind provisioning.Kind, only string) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		samples, err := d.measure(ctx, on, kind, only)
		if err != nil {
			yield(provisioning.Sample{}, err)
			return
		}
		for _, s := range samples {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// measure reads the meters of all accounts, or of one.
func (d *Driver) measure(ctx context.Context, on provisioning.Place, kind provisioning.Kind, only string) ([]provisioning.Sample, error) {
	s, err := d.open(ctx, on)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p := d.opt.Paths
	out, err := s.look(ctx, "meter", p.State, p.Homes, p.Logs, only)
	if err != nil {
		return nil, err
	}
	all, err := s.readAll(ctx)
	if err != nil {
		return nil, err
	}
	now := d.opt.Clock.Now()
	var samples []provisioning.Sample
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 3 || all[f[1]] == nil || all[f[1]].record == nil || f[2] == "-" {
			continue // removed meanwhile, or without a home yet
		}
		sample := provisioning.Sample{Service: all[f[1]].record.Owner, Kind: kind, Name: f[1], At: now}
		switch {
		case f[0] == "disk" && len(f) == 3:
			sample.Meter, sample.Metric = DiskBytes, provisioning.Gauge
		case f[0] == "traffic" && len(f) == 4:
			sample.Meter, sample.Metric, sample.Epoch = TrafficBytes, provisioning.Counter, f[3]
		default:
			continue
		}
		if sample.Value, err = decimal.NewFromString(f[2]); err != nil || sample.Value.IsNegative() {
			return nil, tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, fmt.Errorf("what the server measured for %q is %q", f[1], f[2]))
		}
		samples = append(samples, sample)
	}
	return samples, nil
}
