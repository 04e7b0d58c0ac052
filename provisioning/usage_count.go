package provisioning

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// count keeps a batch of samples of a server and gives the sink what they mean.
func (m *Manager) count(ctx context.Context, r UsageRequest, at Place, batch []Sample, report *UsageReport) error {
	if len(batch) == 0 {
		return nil
	}
	var counted UsageReport
	err := m.transact(ctx, func(ctx context.Context, u *unit) error {
		// Two that count the same server take turns: each counts from what the other has read.
		gate, err := u.rows.LockGate(ctx, at.Server)
		if err != nil {
			return err
		}
		c := newCounting(u, r, at.Server)
		c.forgotten = gate.Forgotten
		all := make([]sampled, len(batch))
		for i, s := range batch {
			all[i].Sample = s
		}
		counted, err = c.count(ctx, all)
		return err
	})
	if err == nil {
		report.add(counted)
	}
	return err
}

// sampled is a sample, and the stay in which it was taken.
type sampled struct {
	Sample
	stay int64
}

// counting is what becomes of a batch of samples. The gate of the server is locked.
type counting struct {
	u  *unit
	r  UsageRequest
	on ServerID
	// last: they were read before removals, of services and stays that are known.
	last      bool
	forgotten time.Time

	samples  []sampled // of our services, with their IDs
	keys     []SampleKey
	services map[ServiceID]Service
	readings map[SampleKey]Reading // by service, server and meter
	order    []SampleKey           // of the readings that have changed

	records []UsageRecord
	report  UsageReport
}

func newCounting(u *unit, r UsageRequest, on ServerID) *counting {
	return &counting{u: u, r: r, on: on, services: map[ServiceID]Service{}, readings: map[SampleKey]Reading{}}
}

func (c *counting) count(ctx context.Context, batch []sampled) (UsageReport, error) {
	if err := c.load(ctx, batch); err != nil {
		return c.report, err
	}
	added, err := c.u.rows.AddSamples(ctx, c.keys)
	if err != nil {
		return c.report, err
	}
	fresh := make(map[SampleKey]bool, len(added))
	for _, k := range added {
		fresh[k] = true
	}
	for i, s := range c.samples {
		if !fresh[c.keys[i]] {
			c.report.Repeated++
			continue
		}
		delete(fresh, c.keys[i]) // the same sample may come twice at once
		c.sample(s)
	}
	c.report.Records = len(c.records)
	if err := c.u.rows.PutReadings(ctx, c.changed()); err != nil || len(c.records) == 0 {
		return c.report, err
	}
	// Earlier days first: books settle a month when something of the next is recorded.
	slices.SortStableFunc(c.records, func(a, b UsageRecord) int { return strings.Compare(a.Day, b.Day) })
	return c.report, c.r.Sink.RecordUsage(ctx, c.u.tx, c.records)
}

// load finds the services of the samples, their stays, and what was read of them last.
func (c *counting) load(ctx context.Context, batch []sampled) error {
	if err := c.attribute(ctx, batch); err != nil {
		return err
	}
	readings, err := c.u.rows.Readings(ctx, slices.Collect(maps.Keys(c.services)))
	if err != nil {
		return err
	}
	for _, x := range readings {
		c.readings[SampleKey{Service: x.Service, Server: x.Server, Meter: x.Meter}] = x
	}
	for _, s := range batch {
		if c.services[s.Service].ID == "" || len(s.Meter) > maxName || s.Meter == "" {
			c.report.Foreign++
			continue
		}
		if s.At.Before(c.forgotten) {
			c.report.Late++
			continue
		}
		c.samples = append(c.samples, s)
		c.keys = append(c.keys, SampleKey{Service: s.Service, Server: c.on, Meter: s.Meter, At: s.At})
	}
	return nil
}

// changed returns the readings to be kept.
func (c *counting) changed() []Reading {
	all := make([]Reading, 0, len(c.order))
	seen := map[SampleKey]bool{}
	for _, k := range c.order {
		if !seen[k] {
			seen[k] = true
			all = append(all, c.readings[k])
		}
	}
	return all
}

// sample counts a sample that is new.
func (c *counting) sample(s sampled) {
	k := SampleKey{Service: s.Service, Server: c.on, Meter: s.Meter}
	last, known := c.readings[k]
	if known && s.stay > last.Stay {
		last, known = Reading{}, false // its counters have begun anew
	}
	late := known && (s.stay < last.Stay || !s.At.After(last.At))
	if s.Metric != Counter {
		if c.services[s.Service].Server != c.on && !c.last {
			c.report.Foreign++ // half of a move: the customer has it once
			return
		}
		c.record(s, s.Value, last.At, c.day(s.At), "")
		if !late {
			c.keep(k, s)
		}
		return
	}
	if late {
		c.report.Late++
		return
	}
	grown := s.Value
	if known && s.Epoch == last.Epoch {
		switch grown = s.Value.Sub(last.Value); {
		case grown.IsNegative() && s.Epoch == "":
			grown = s.Value
			c.report.Resets++
		case grown.IsNegative():
			grown = decimal.Decimal{}
			c.report.Fell++
		}
	} else if known {
		c.report.Resets++
	}
	c.keep(k, s)
	if grown.IsZero() {
		return
	}
	if !known || !c.r.Spread {
		c.record(s, grown, last.At, c.day(s.At), "")
		return
	}
	for _, part := range spread(grown, last.At, s.At, c.r.Zone) {
		if !part.quantity.IsZero() {
			c.record(s, part.quantity, last.At, part.day, part.day)
		}
	}
}

// keep notes the last reading of a meter.
func (c *counting) keep(k SampleKey, s sampled) {
	c.readings[k] = Reading{
		Service: s.Service, Server: c.on, Meter: s.Meter, Metric: s.Metric, Value: s.Value, Epoch: s.Epoch, At: s.At, Stay: s.stay,
	}
	c.order = append(c.order, k)
}

func (c *counting) record(s sampled, quantity decimal.Decimal, since time.Time, day, part string) {
	svc := c.services[s.Service]
	c.records = append(c.records, UsageRecord{
		Key: usageKey(s.Sample, c.on, part), Service: svc.ID, Kind: svc.Kind, Name: svc.Name, Seller: svc.Seller, Account: svc.Account,
		Server: c.on, Meter: s.Meter, Metric: s.Metric, Quantity: quantity, Day: day, Since: since, At: s.At,
	})
}

// usageKey names a record after its sample, and the day if that is spread.
func usageKey(s Sample, on ServerID, day string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "provisioning.usage/1\x00%s\x00%s\x00%s\x00%d\x00%s", s.Service, on, s.Meter, s.At.UnixMicro(), day))
	return "usage_" + hex.EncodeToString(sum[:])
}

// day is the day to which a reading belongs: what it tells was before it.
func (c *counting) day(at time.Time) string { return dayOf(at, c.r.Zone) }

func dayOf(at time.Time, zone *time.Location) string {
	return at.Add(-time.Microsecond).In(zone).Format(time.DateOnly)
}

// share is what a day gets.
type share struct {
	day      string
	quantity decimal.Decimal
}

// spread divides what was used between two instants evenly over the days between them.
// The shares add up to it, and have no more decimals than it has.
func spread(quantity decimal.Decimal, since, at time.Time, zone *time.Location) []share {
	total := decimal.NewFromInt(at.Sub(since).Microseconds())
	scale := max(0, -quantity.Exponent())
	var all []share
	given := decimal.Decimal{}
	for from := since; from.Before(at); {
		y, m, d := from.In(zone).Date()
		until := time.Date(y, m, d+1, 0, 0, 0, 0, zone)
		if !until.After(from) { // a zone that goes back over midnight
			until = from.Add(time.Hour)
		}
		upTo := quantity
		if until.Before(at) {
			elapsed := decimal.NewFromInt(until.Sub(since).Microseconds())
			upTo, _ = quantity.Mul(elapsed).QuoRem(total, scale)
		}
		day := from.In(zone).Format(time.DateOnly)
		if n := len(all); n > 0 && all[n-1].day == day {
			all[n-1].quantity = all[n-1].quantity.Add(upTo.Sub(given))
		} else {
			all = append(all, share{day, upTo.Sub(given)})
		}
		given, from = upTo, until
	}
	return all
}
