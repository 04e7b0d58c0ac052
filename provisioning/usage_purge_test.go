package provisioning_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
)

var errUnreadable = errors.New("the log ends in the middle")

// level is a sample of a gauge, which no later one makes up for.
func level(value int64, at time.Time) provisioning.Sample {
	return provisioning.Sample{Kind: "web", Name: "shop", Meter: "disk", Metric: provisioning.Gauge, Value: decimal.NewFromInt(value), At: at}
}

func (w *works) purge(before time.Time, limit int) int {
	w.t.Helper()
	n, err := w.PurgeSamples(w.t.Context(), before, limit)
	require.NoError(w.t, err)
	return n
}

// Samples that are forgotten count no more, however often they come again.
func TestForgottenSamples(t *testing.T) {
	t.Parallel()
	w, d := metered(t)
	s := newSink()
	var first time.Time
	for i := range 5 {
		w.clock.Advance(time.Hour)
		if i == 0 {
			first = w.clock.Now()
		}
		d.all = append(d.all, level(int64(i+1), w.clock.Now()))
		w.collect(s)
	}
	require.EqualValues(t, 15, s.total("disk"))
	require.Zero(t, w.purge(first, 0), "it is not older")
	require.Equal(t, 2, w.purge(w.clock.Now(), 2), "as many as allowed")
	require.Equal(t, 2, w.purge(w.clock.Now().AddDate(1, 0, 0), 0), "the last is kept: servers are asked for what comes from then on")
	require.Zero(t, w.purge(w.clock.Now().AddDate(1, 0, 0), 0))
	d.all = append(d.all, level(100, first.Add(time.Minute))) // it was never seen
	got := w.collect(s)
	require.Equal(t, 5, got.Late)
	require.Equal(t, 1, got.Repeated)
	require.EqualValues(t, 15, s.total("disk"))
	require.Empty(t, s.twice)
	w.clock.Advance(time.Hour)
	d.all = append(d.all, level(7, w.clock.Now()))
	w.collect(s)
	require.EqualValues(t, 22, s.total("disk"))
}

// Of a server that was not collected to the end nothing is forgotten that it may tell
// again.
func TestNothingIsForgottenThatIsNeeded(t *testing.T) {
	t.Parallel()
	w, d := metered(t)
	s := newSink()
	start := w.clock.Now()
	d.all = []provisioning.Sample{level(1, start.Add(time.Hour)), level(2, start.Add(2*time.Hour))}
	w.clock.Advance(24 * time.Hour)
	d.fail = errUnreadable
	w.collect(s)
	require.Zero(t, w.purge(w.clock.Now(), 0), "it was never collected to the end")
	d.fail = nil
	w.collect(s)
	require.Equal(t, 1, w.purge(w.clock.Now(), 0))
	d.all = append(d.all, level(4, start.Add(3*time.Hour)), level(8, start.Add(4*time.Hour)))
	d.fail = errUnreadable
	w.collect(s)
	require.Zero(t, w.purge(w.clock.Now(), 0))
	d.fail = nil
	w.collect(s)
	require.EqualValues(t, 15, s.total("disk"))
	require.Empty(t, s.twice)
}

// What was read before a removal is not forgotten before it is counted, nor is in which
// stay it was read; then it is, also for a server that is gone.
func TestLastReadingsAreNotForgotten(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 10)
	id := w.made("shop")
	on := w.get(id).Server
	s := newSink()
	w.driver.Use(on, "web", "shop", "requests", decimal.NewFromInt(5))
	w.collect(s)
	w.clock.Advance(time.Hour)
	w.driver.Use(on, "web", "shop", "requests", decimal.NewFromInt(3))
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.work()
	server, err := w.Server(t.Context(), on)
	require.NoError(t, err)
	require.NoError(t, w.RemoveServer(t.Context(), on, server.Version))
	w.clock.Advance(30 * 24 * time.Hour)
	require.Zero(t, w.purge(w.clock.Now(), 0))
	w.collect(s)
	require.EqualValues(t, 8, s.total("requests"))
	require.Equal(t, 5, w.purge(w.clock.Now(), 0), "two readings of two meters, and the stay")
	require.Zero(t, w.purge(w.clock.Now(), 0))
}
