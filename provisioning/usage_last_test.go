package provisioning_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// What was used on the old server since the last collection is read before it is removed
// there, and counts, also when that server is gone by the next collection.
func TestUsageBeforeAMove(t *testing.T) {
	t.Parallel()
	w, id, old, other := movable(t)
	s := newSink()
	w.collect(s)
	use := func(on provisioning.ServerID, n int64) {
		w.driver.Use(on, "web", "shop", fake.MeterRequests, decimal.NewFromInt(n))
	}
	w.clock.Advance(time.Hour)
	use(old, 600)
	w.move(id)
	for w.get(id).Server == old {
		w.step(w.Manager, true)
	}
	use(old, 400) // it was still open in somebody's browser
	use(other, 30)
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
	require.Empty(t, w.driver.Things(old))
	server, err := w.Server(t.Context(), old)
	require.NoError(t, err)
	require.NoError(t, w.RemoveServer(t.Context(), old, server.Version))
	s.fail = errors.New("the account is locked")
	_, err = w.CollectUsage(t.Context(), provisioning.UsageRequest{Sink: s})
	require.ErrorIs(t, err, s.fail)
	s.fail = nil
	for range 2 {
		w.collect(s)
		require.EqualValues(t, 1030, s.total(fake.MeterRequests))
	}
	require.Empty(t, s.twice)
	levels := 0
	for _, r := range s.records {
		if r.Meter == fake.MeterBytes && r.Server == old && r.At.After(noon.AddDate(0, 0, 1)) {
			levels++
		}
	}
	require.Zero(t, levels, "the customer has the content once: its level is read where it serves")
}

// Before a service is removed its meters are read, levels too; what comes from servers
// that keep readings counts on its day.
func TestUsageBeforeARemoval(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	s := newSink()
	w.collect(s)
	w.clock.Set(noon.AddDate(0, 0, 2))
	w.use(10)
	w.driver.Note("s1")
	w.clock.Advance(24 * time.Hour)
	w.use(5)
	w.driver.Write("s1", "web", "shop", "seven b")
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.work()
	w.phase(id, provisioning.PhaseRemoved)
	got := w.collect(s)
	require.Equal(t, map[string]int64{"2031-05-08": 10, "2031-05-09": 5}, s.sum(fake.MeterRequests))
	require.EqualValues(t, 7, s.sum(fake.MeterBytes)["2031-05-09"])
	require.Equal(t, 4, got.Samples)
	require.Equal(t, 4, got.Records)
}

// A reading that fails is tried again, and holds up the removal for as long as calls are
// tried; then that goes on, and an event says since when use may be lost.
func TestLastReadingFails(t *testing.T) {
	t.Parallel()
	lost := func(events []provisioning.EventData) (all []provisioning.UsageLost) {
		for _, e := range events {
			if l, ok := e.(provisioning.UsageLost); ok {
				all = append(all, l)
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		failures int
		fault    fake.Fault
		lost     bool
	}{
		"a while":          {19, fake.Fault{Before: fake.ErrUnreachable}, false},
		"for too long":     {20, fake.Fault{Before: fake.ErrUnreachable}, true},
		"too slow":         {20, fake.Fault{Before: fake.ErrTimeout}, true},
		"for good":         {1, fake.Fault{Before: fake.ErrRefused}, true},
		"there is nothing": {1, fake.Fault{Before: tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, nil)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := hire(t, 1, 10)
			id := w.made("shop")
			s := newSink()
			w.use(1)
			w.collect(s)
			read := w.clock.Now()
			w.clock.Advance(time.Hour)
			w.use(8)
			w.events()
			for range c.failures {
				w.driver.Next(provisioning.VerbUsage, c.fault)
			}
			_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
			require.NoError(t, err)
			w.days(2)
			w.phase(id, provisioning.PhaseRemoved)
			events := w.events()
			for _, e := range events {
				_, tripped := e.(provisioning.BreakerChanged)
				require.False(t, tripped, "slow meters are no reason to leave a server alone")
			}
			w.collect(s)
			switch told := lost(events); {
			case c.lost:
				require.Len(t, told, 1)
				require.Equal(t, read, told[0].Since)
				require.Equal(t, id, told[0].Service)
				require.NotEmpty(t, told[0].Text)
				require.EqualValues(t, 1, s.total(fake.MeterRequests))
			default:
				require.Empty(t, told)
				if c.failures > 1 {
					require.EqualValues(t, 9, s.total(fake.MeterRequests))
				}
			}
		})
	}
}

// A driver without meters is no obstacle.
func TestRemovalWithoutMeters(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		o.Drivers[""] = struct{ provisioning.Driver }{o.Drivers[""]}
	})
	id := w.made("shop")
	seen := len(w.driver.Calls())
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.work()
	w.phase(id, provisioning.PhaseRemoved)
	require.Equal(t, "read remove read", w.verbs(&seen))
}

// A removal that has to begin anew reads again, and loses nothing of what was read before
// by then: not to a crash, nor to a thing that has gone meanwhile.
func TestRemovalThatBeginsAnew(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	s := newSink()
	w.use(3)
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.during(provisioning.VerbUsage, func() { // a worker that hangs while it reads
		w.clock.Advance(3 * time.Minute)
		other := w.another()
		w.step(other, true)
		w.step(other, true)
	})
	w.step(w.Manager, true)
	w.step(w.Manager, true)
	w.driver.Next(provisioning.VerbRemove, fake.Fault{After: fake.ErrTimeout})
	w.step(w.Manager, true)
	require.Empty(t, w.driver.Things("s1"))
	_, err = w.Retry(t.Context(), id)
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseRemoved)
	w.collect(s)
	require.EqualValues(t, 3, s.total(fake.MeterRequests))
	require.Empty(t, s.twice)
}

// A service that comes back to a server where it has lived before has counters that begin
// at 0 again: whatever they show then was used, with epochs and without.
func TestUsageOfAServiceThatComesBack(t *testing.T) {
	t.Parallel()
	for _, epoch := range []string{"", "1"} {
		var d *samples
		w := hire(t, 2, 10, func(o *provisioning.Options) {
			d = &samples{unmetered: withoutMeters(o.Drivers[""])}
			o.Drivers[""] = d
		})
		id := w.made("shop")
		first := w.get(id).Server
		s := newSink()
		read := func(value int64) {
			sample := counter(value, epoch, w.clock.Now())
			sample.Service = id
			d.all = []provisioning.Sample{sample}
			w.collect(s, func(r *provisioning.UsageRequest) { r.Servers = []provisioning.ServerID{first} })
			d.all = nil
		}
		read(500)
		for range 2 {
			_, err := w.Move(t.Context(), provisioning.MoveRequest{Service: id})
			require.NoError(t, err)
			w.days(1)
		}
		require.Equal(t, first, w.get(id).Server)
		read(700) // of the new life
		require.EqualValues(t, 1200, s.total("traffic"), "epoch %q", epoch)
		w.clock.Advance(time.Hour)
		read(750)
		require.EqualValues(t, 1250, s.total("traffic"), "epoch %q", epoch)
	}
}

// A sample that names no service is of the customer who had the name when it was taken,
// not of the one who has it when it is read.
func TestNameOfAnother(t *testing.T) {
	t.Parallel()
	w, d := metered(t)
	first, s := w.only().ID, newSink()
	at := w.clock.Now()
	d.all = []provisioning.Sample{counter(100, "", at)}
	w.collect(s)
	w.clock.Advance(time.Hour)
	before := w.clock.Now() // measured, and not read yet
	w.clock.Advance(time.Hour)
	d.all = nil
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: first, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.days(1)
	between := w.clock.Now()
	w.days(1)
	o := order("shop")
	o.Account = "another"
	placed, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	second := placed.Services[0].ID
	d.all = []provisioning.Sample{counter(111, "", before)}
	require.Zero(t, w.collect(s).Foreign, "it is placed and not made: nothing there is its own")
	w.days(1)
	d.all = []provisioning.Sample{counter(5000, "", between), counter(7, "", w.clock.Now()), counter(90, "", at.Add(-2*24*time.Hour))}
	require.Equal(t, 2, w.collect(s).Foreign, "nobody had the name then")
	used := map[provisioning.ServiceID]int64{}
	for _, r := range s.records {
		used[r.Service] += r.Quantity.IntPart()
		require.Equal(t, map[provisioning.ServiceID]string{first: "a1", second: "another"}[r.Service], r.Account)
	}
	require.Equal(t, map[provisioning.ServiceID]int64{first: 111, second: 7}, used)
}

// Whatever a service goes through, moves there and back, removal, orders of others by its
// name, servers without epochs or with: each customer pays what it has used.
func TestUsageOfLivesAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		nameless := rapid.Bool().Draw(r, "samples without IDs")
		w := hire(t, 2, 10, func(o *provisioning.Options) {
			if nameless {
				o.Drivers[""] = unnamed{withoutMeters(o.Drivers[""]), o.Drivers[""].(*fake.Driver)}
			}
		})
		s, used := newSink(), map[string]int64{}
		customers := 0
		var id provisioning.ServiceID
		begin := func() {
			customers++
			o := order("shop")
			o.Account = string(rune('a' + customers))
			got, err := w.Order(t.Context(), o)
			require.NoError(r, err)
			id = got.Services[0].ID
			w.clock.Advance(time.Minute)
			w.work()
		}
		begin()
		for range rapid.IntRange(1, 25).Draw(r, "events") {
			w.clock.Advance(time.Duration(rapid.IntRange(1, 30*3600).Draw(r, "seconds")) * time.Second)
			w.work()
			switch rapid.IntRange(0, 7).Draw(r, "what") {
			case 0, 1, 2:
				svc := w.get(id)
				n := rapid.Int64Range(1, 1000).Draw(r, "used")
				w.driver.Use(svc.Server, "web", "shop", fake.MeterRequests, decimal.NewFromInt(n))
				used[svc.Account] += n
			case 3:
				w.collect(s)
			case 4:
				_, err := w.Move(t.Context(), provisioning.MoveRequest{Service: id})
				if err == nil {
					w.days(1)
				}
			case 5:
				w.driver.Next(provisioning.VerbUsage, fake.Fault{Before: fake.ErrTimeout})
			case 6:
				w.driver.Note(w.get(id).Server)
			case 7:
				_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
				require.NoError(r, err)
				w.days(1)
				w.phase(id, provisioning.PhaseRemoved)
				begin()
			}
			if rapid.IntRange(0, 3).Draw(r, "forget") == 0 {
				_, err := w.PurgeSamples(t.Context(), w.clock.Now(), rapid.IntRange(0, 5).Draw(r, "at most"))
				require.NoError(r, err)
			}
		}
		w.clock.Advance(time.Hour)
		for range 3 { // faults of readings that are left
			w.collect(s)
			w.clock.Advance(time.Hour)
		}
		for len(w.collect(s).Skipped) > 0 {
			w.clock.Advance(time.Hour)
		}
		billed := map[string]int64{}
		for _, x := range s.records {
			if x.Meter == fake.MeterRequests {
				billed[x.Account] += x.Quantity.IntPart()
			}
		}
		require.Equal(r, used, billed)
		require.Empty(r, s.twice)
	})
}
