package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
)

// sink keeps what it is given once its transaction is committed: fail has it fail before.
type sink struct {
	records map[string]provisioning.UsageRecord
	order   []string
	twice   []string
	fail    error
}

func newSink() *sink { return &sink{records: map[string]provisioning.UsageRecord{}} }

func (s *sink) RecordUsage(_ context.Context, _ storage.Tx, all []provisioning.UsageRecord) error {
	if s.fail != nil {
		return s.fail
	}
	for _, r := range all {
		if _, known := s.records[r.Key]; known {
			s.twice = append(s.twice, r.Key)
		}
		s.records[r.Key] = r
		s.order = append(s.order, r.Key)
	}
	return nil
}

// sum is what was used of a meter, by day.
func (s *sink) sum(meter string) map[string]int64 {
	days := map[string]int64{}
	for _, r := range s.records {
		if r.Meter == meter {
			days[r.Day] += r.Quantity.IntPart()
		}
	}
	return days
}

func (s *sink) total(meter string) (n int64) {
	for _, q := range s.sum(meter) {
		n += q
	}
	return n
}

func (w *works) collect(s *sink, change ...func(r *provisioning.UsageRequest)) provisioning.UsageReport {
	w.t.Helper()
	r := provisioning.UsageRequest{Sink: s}
	for _, c := range change {
		c(&r)
	}
	got, err := w.CollectUsage(w.t.Context(), r)
	require.NoError(w.t, err)
	return got
}

func (w *works) use(n int64) {
	w.driver.Use("s1", "web", "shop", fake.MeterRequests, decimal.NewFromInt(n))
}

// A counter's growth is used once, however often it is read.
func TestCounters(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	s := newSink()
	w.use(7)
	got := w.collect(s)
	require.Equal(t, 1, got.Servers)
	require.Equal(t, 2, got.Records, "the counter and a gauge")
	require.EqualValues(t, 7, s.total(fake.MeterRequests), "the thing was made with the counter at 0")
	got = w.collect(s)
	require.Equal(t, 2, got.Repeated, "a sample counts once")
	require.Zero(t, got.Records)
	w.clock.Advance(time.Hour)
	w.use(5)
	w.collect(s)
	require.EqualValues(t, 12, s.total(fake.MeterRequests))
	w.clock.Advance(time.Hour)
	w.collect(s)
	require.EqualValues(t, 12, s.total(fake.MeterRequests))
	require.Empty(t, s.twice)
	for _, r := range s.records {
		require.Equal(t, id, r.Service)
		require.Equal(t, "a1", r.Account)
		require.LessOrEqual(t, len(r.Key), 80)
	}
}

// A counter that starts anew counts from 0, seen by its epoch even if it is higher by
// then; one that falls within an epoch, as after a backup, counts nothing for the fall.
func TestCountersThatStartAnew(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.made("shop")
	s := newSink()
	w.use(10)
	w.collect(s)
	w.clock.Advance(time.Hour)
	w.driver.Reboot("s1")
	w.use(25)
	got := w.collect(s)
	require.Equal(t, 1, got.Resets)
	require.EqualValues(t, 35, s.total(fake.MeterRequests))
	w.clock.Advance(time.Hour)
	w.use(-5)
	got = w.collect(s)
	require.Equal(t, 1, got.Fell)
	require.EqualValues(t, 35, s.total(fake.MeterRequests))
	w.clock.Advance(time.Hour)
	w.use(2)
	w.collect(s)
	require.EqualValues(t, 37, s.total(fake.MeterRequests))
}

// samples is a driver that reports what a test says.
type samples struct {
	unmetered
	all  []provisioning.Sample
	fail error
}

// unmetered is the fake driver without its MeterReader.
type unmetered struct {
	provisioning.Driver
	provisioning.Mover
}

func (d *samples) Usage(context.Context, provisioning.Place, provisioning.Kind, time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		for _, s := range d.all {
			if !yield(s, nil) {
				return
			}
		}
		if d.fail != nil {
			yield(provisioning.Sample{}, d.fail)
		}
	}
}

func withoutMeters(d provisioning.Driver) unmetered { return unmetered{d, d.(*fake.Driver)} }

// metered has one web account on a server that reports what the test says.
func metered(t *testing.T) (*works, *samples) {
	t.Helper()
	var d *samples
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		d = &samples{unmetered: withoutMeters(o.Drivers[""])}
		o.Drivers[""] = d
	})
	w.made("shop")
	return w, d
}

// only is the service that there is.
func (w *works) only() (only provisioning.Service) {
	w.t.Helper()
	for x, err := range w.Services(w.t.Context(), provisioning.ServiceQuery{}) {
		require.NoError(w.t, err)
		only = x
	}
	return only
}

func counter(value int64, epoch string, at time.Time) provisioning.Sample {
	return provisioning.Sample{
		Kind: "web", Name: "shop", Meter: "traffic", Metric: provisioning.Counter, Value: decimal.NewFromInt(value), Epoch: epoch, At: at,
	}
}

// Without epochs a value below the last one is a reset.
func TestCountersWithoutEpochs(t *testing.T) {
	t.Parallel()
	w, d := metered(t)
	s := newSink()
	at := w.clock.Now()
	for i, v := range []int64{10, 15, 4, 9} {
		d.all = append(d.all, counter(v, "", at.Add(time.Duration(i)*time.Minute)))
	}
	got := w.collect(s)
	require.Equal(t, 1, got.Resets)
	require.EqualValues(t, 15+9, s.total("traffic"))
}

// What cannot be right is counted as such and used for nothing.
func TestBadSamples(t *testing.T) {
	t.Parallel()
	w, d := metered(t)
	s := newSink()
	at := w.clock.Now()
	ahead := counter(1000, "", at.Add(2*time.Hour))
	below := counter(-1, "", at)
	endless := counter(1, "", at)
	endless.Value = decimal.New(1, 1_000_000)
	foreign := counter(5, "", at)
	foreign.Name = "somebody else's"
	unknown := counter(5, "", at)
	unknown.Service = "svc_unknown"
	nameless := counter(5, "", at)
	nameless.Meter = ""
	late := counter(3, "", at.Add(-time.Hour))
	d.all = []provisioning.Sample{counter(4, "", at), ahead, below, endless, foreign, unknown, nameless, late}
	got := w.collect(s)
	require.Equal(t, provisioning.UsageReport{
		Servers: 1, Samples: 8, Records: 1, Bad: 3, Foreign: 3, Late: 1, Skipped: map[provisioning.ServerID]string{},
	}, got)
	require.EqualValues(t, 4, s.total("traffic"))
}

// A day that was missed is caught up from what the server has kept, each on its day;
// midnight sharp is of the day that ends, in the zone of the request.
func TestMissedDaysAreCaughtUp(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.made("shop")
	s := newSink()
	w.clock.Set(time.Date(2031, 5, 8, 0, 0, 0, 0, time.UTC))
	w.collect(s)
	for range 3 {
		w.clock.Advance(24 * time.Hour)
		w.use(10)
		w.driver.Note("s1")
	}
	w.clock.Advance(time.Hour)
	w.use(1)
	w.collect(s)
	require.Equal(t, map[string]int64{"2031-05-08": 10, "2031-05-09": 10, "2031-05-10": 10, "2031-05-11": 1}, s.sum(fake.MeterRequests))
	day := ""
	for _, key := range s.order[2:] {
		require.GreaterOrEqual(t, s.records[key].Day, day, "the earlier first, of all meters")
		day = s.records[key].Day
	}

	west, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	v := hire(t, 1, 10)
	v.made("shop")
	there := newSink()
	v.clock.Set(time.Date(2031, 5, 9, 2, 0, 0, 0, time.UTC))
	v.use(3)
	v.collect(there, func(r *provisioning.UsageRequest) { r.Zone = west })
	require.Equal(t, map[string]int64{"2031-05-08": 3}, there.sum(fake.MeterRequests))
}

// Spread, what a counter has grown is divided over the days between two readings, and
// adds up.
func TestSpread(t *testing.T) {
	t.Parallel()
	w, d := metered(t)
	s := newSink()
	w.clock.Set(time.Date(2031, 5, 11, 12, 0, 0, 0, time.UTC))
	d.all = []provisioning.Sample{counter(0, "", time.Date(2031, 5, 8, 12, 0, 0, 0, time.UTC)), counter(7, "", w.clock.Now())}
	w.collect(s, func(r *provisioning.UsageRequest) { r.Spread = true })
	require.Equal(t, map[string]int64{"2031-05-08": 1, "2031-05-09": 2, "2031-05-10": 2, "2031-05-11": 2}, s.sum("traffic"))
	require.EqualValues(t, 7, s.total("traffic"))
}

// Whatever is asked to be spread adds up to what there was, over the days between and no
// others, in zones that change their clocks too.
func TestSpreadAddsUp(t *testing.T) {
	t.Parallel()
	var zones []*time.Location
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		zones = append(zones, zone)
	}
	rapid.Check(t, func(r *rapid.T) {
		w, d := metered(t)
		s := newSink()
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		from := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 8*365*24*3600).Draw(r, "from")) * time.Second)
		at := from.Add(time.Duration(rapid.Int64Range(1, 40*24*3600).Draw(r, "long")) * time.Second)
		quantity := decimal.New(rapid.Int64Range(1, 1e12).Draw(r, "quantity"), int32(rapid.IntRange(-3, 3).Draw(r, "scale")))
		w.clock.Set(at)
		first, last := counter(0, "", from), counter(0, "", at)
		first.Service, last.Service = w.only().ID, w.only().ID
		last.Value = quantity
		d.all = []provisioning.Sample{first, last}
		w.collect(s, func(q *provisioning.UsageRequest) { q.Zone, q.Spread = zone, true })
		sum := decimal.Decimal{}
		for _, x := range s.records {
			sum = sum.Add(x.Quantity)
			require.True(r, x.Quantity.IsPositive())
			require.GreaterOrEqual(r, x.Day, from.In(zone).Format(time.DateOnly))
			require.LessOrEqual(r, x.Day, at.In(zone).Format(time.DateOnly))
		}
		require.True(r, sum.Equal(quantity), "%s of %s", sum, quantity)
	})
}

// A gauge is a level: each new sample is a record, also one of 0.
func TestGauges(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.made("shop")
	s := newSink()
	for _, text := range []string{"twelve bytes", "", "three"} {
		w.driver.Write("s1", "web", "shop", text)
		w.collect(s)
		w.clock.Advance(24 * time.Hour)
	}
	require.Equal(t, map[string]int64{"2031-05-07": 12, "2031-05-08": 0, "2031-05-09": 5}, s.sum(fake.MeterBytes))
}

// When the sink fails, or the server half-way, nothing is lost and nothing counts twice.
func TestInterruptedCollection(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.made("shop")
	s := newSink()
	w.use(3)
	s.fail = errors.New("the account is locked")
	_, err := w.CollectUsage(t.Context(), provisioning.UsageRequest{Sink: s})
	require.ErrorIs(t, err, s.fail)
	s.fail = nil
	w.collect(s)
	require.EqualValues(t, 3, s.total(fake.MeterRequests))

	v, d := metered(t)
	half := newSink()
	at := v.clock.Now()
	d.all, d.fail = []provisioning.Sample{counter(5, "", at)}, fake.ErrUnreachable
	got := v.collect(half)
	require.Contains(t, got.Skipped["s1"], "cannot be reached")
	require.EqualValues(t, 5, half.total("traffic"), "what it has said counts")
	d.all, d.fail = append(d.all, counter(8, "", at.Add(time.Minute))), nil
	v.collect(half)
	require.EqualValues(t, 8, half.total("traffic"))
	require.Empty(t, half.twice)

	_, err = v.CollectUsage(t.Context(), provisioning.UsageRequest{})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}

// What things use on the way, whatever happens: collections that are repeated, missed,
// interrupted before or after their commit, run by two at once; counters that start anew.
// The sum of the records is what was used, and no record comes twice.
func TestUsageAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := hire(t, 1, 10)
		w.made("shop")
		s := newSink()
		other := w.another()
		spread := rapid.Bool().Draw(r, "spread")
		var used int64
		collect := func(m *provisioning.Manager) {
			_, err := m.CollectUsage(t.Context(), provisioning.UsageRequest{Sink: s, Spread: spread})
			if s.fail == nil {
				require.NoError(r, err)
			}
		}
		for i := range rapid.IntRange(1, 40).Draw(r, "events") {
			w.clock.Advance(time.Duration(rapid.IntRange(1, 30*3600).Draw(r, "seconds")) * time.Second)
			switch rapid.IntRange(0, 6).Draw(r, "what") {
			case 0, 1:
				n := rapid.Int64Range(0, 1000).Draw(r, "used")
				w.use(n)
				used += n
			case 2:
				collect(w.Manager)
			case 3:
				collect(other)
				collect(w.Manager)
			case 4:
				w.driver.Note("s1")
			case 5:
				s.fail = fmt.Errorf("failure %d", i)
				collect(w.Manager)
				s.fail = nil
			case 6: // what is used between the last reading and a boot is lost
				collect(w.Manager)
				w.driver.Reboot("s1")
			}
		}
		w.clock.Advance(time.Second)
		collect(w.Manager)
		require.Equal(r, used, s.total(fake.MeterRequests))
		require.Empty(r, s.twice)
	})
}

// Samples of services that are removed count until the end.
func TestUsageOfRemovedServices(t *testing.T) {
	t.Parallel()
	w, d := metered(t)
	s, id := newSink(), w.only().ID
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.days(1)
	last := counter(9, "", w.clock.Now())
	last.Service = id
	d.all = []provisioning.Sample{last}
	w.collect(s)
	require.EqualValues(t, 9, s.total("traffic"))
}

// unnamed is a driver whose samples carry no ID.
type unnamed struct {
	unmetered
	of *fake.Driver
}

func (d unnamed) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, since time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		for s, err := range d.of.Usage(ctx, on, kind, since) {
			if s.Service = ""; !yield(s, err) {
				return
			}
		}
	}
}
