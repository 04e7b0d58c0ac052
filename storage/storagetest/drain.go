package storagetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// drainRules are about [storage.Drain] working on the store.
func drainRules() []Rule {
	return []Rule{
		{
			ID: "DRAIN-1", Name: "everything, in order",
			Text: "Drain delivers all that is due, in the order of Seq, outside of any transaction, and says how many.",
			Why:  "A sink may take long and may itself use the store.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				list := events("s", 25)
				put(t, st, list...)
				var got []storage.Event
				sink := func(ctx context.Context, e storage.Event) error {
					got = append(got, e)
					return st.View(ctx, func(context.Context, storage.Tx) error { return nil })
				}
				done, err := drain(t, st, sink, options(tierhost.NewTestClock(noon()), 10))
				t.OK(err, "Drain")
				t.Equal(done, storage.Drained{Delivered: len(list)}, "what Drain did")
				var want []string
				for _, e := range list {
					want = append(want, e.ID)
				}
				t.Equal(ids(got), want, "what the sink got")
				t.Equal(pending(t, st), 0, "pending")
			},
		},
		{
			ID: "DRAIN-2", Name: "a failing sink",
			Text: "What the sink refuses is kept back with the later events of its subject, and delivered in order when its delay is over; other subjects do not wait.",
			Why:  "One unreachable webhook must not stop the mail of all customers.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("s1", "s"), event("t1", "t"), event("s2", "s"), event("t2", "t"))
				clock := tierhost.NewTestClock(noon())
				o := options(clock, 10)
				o.Delay = time.Minute
				down := true
				var got []storage.Event
				sink := func(_ context.Context, e storage.Event) error {
					if down && e.Subject == "s" {
						return errRefused
					}
					got = append(got, e)
					return nil
				}
				done, err := drain(t, st, sink, o)
				t.OK(err, "Drain with a failing sink")
				t.Equal(done, storage.Drained{Delivered: 2, Failed: 1}, "what it did")
				t.Equal(ids(got), []string{"t1", "t2"}, "what was delivered")
				down, got = false, nil
				done, err = drain(t, st, sink, o)
				t.OK(err, "Drain before the delay is over")
				t.Equal(done, storage.Drained{}, "what it did before the delay was over")
				clock.Advance(time.Minute)
				done, err = drain(t, st, sink, o)
				t.OK(err, "Drain after the delay")
				t.Equal(done, storage.Drained{Delivered: 2}, "what it did after the delay")
				t.Equal(ids(got), []string{"s1", "s2"}, "what was delivered after the delay")
				t.Equal(got[0].Attempts, 2, "attempts")
			},
		},
		{
			ID: "DRAIN-3", Name: "a crash before the acknowledgement",
			Text: "An event that the sink took and whose acknowledgement was lost is delivered again when its lease has ended, not before.",
			Why:  "At least once: consumers can drop what they have seen, nobody can conjure up what was lost.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("s1", "s"), event("s2", "s"))
				clock := tierhost.NewTestClock(noon())
				o := options(clock, 10)
				o.Lease = time.Minute
				var got []storage.Event
				sink := func(_ context.Context, e storage.Event) error {
					got = append(got, e)
					return nil
				}
				_, err := drain(t, &crashing{OutboxStore: st, after: 1}, sink, o)
				t.Is(err, errRefused, "Drain whose acknowledgement fails")
				t.Equal(ids(got), []string{"s1", "s2"}, "delivered before the crash")
				t.Equal(pending(t, st), 2, "pending after the crash")
				got = nil
				done, err := drain(t, st, sink, o)
				t.OK(err, "Drain while the lease runs")
				t.Equal(done, storage.Drained{}, "what it did")
				clock.Advance(time.Minute)
				done, err = drain(t, st, sink, o)
				t.OK(err, "Drain after the lease")
				t.Equal(done, storage.Drained{Delivered: 2}, "what it did after the lease")
				t.Equal(ids(got), []string{"s1", "s2"}, "delivered again")
				for _, e := range got {
					t.Equal(e.Attempts, 2, "attempts of %s", e.ID)
				}
			},
		},
		{
			ID: "DRAIN-4", Name: "giving up",
			Text: "An event that is given up is not delivered again, and the later ones of its subject go on.",
			Why:  "An event that no consumer can read must not stop its subject for ever.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("bad", "s"), event("good", "s"))
				o := options(tierhost.NewTestClock(noon()), 10)
				o.Dead = func(e storage.Event, err error) bool { return e.ID == "bad" }
				var got []storage.Event
				done, err := drain(t, st, func(_ context.Context, e storage.Event) error {
					if e.ID == "bad" {
						return errRefused
					}
					got = append(got, e)
					return nil
				}, o)
				t.OK(err, "Drain")
				t.Equal(done, storage.Drained{Delivered: 1, Dead: 1}, "what it did")
				t.Equal(ids(got), []string{"good"}, "delivered")
				t.Equal(pending(t, st), 0, "pending")
			},
		},
		{
			ID: "DRAIN-5", Name: "several at once",
			Text: "Several drains at once deliver each event once while their leases run, and never two events of one subject at the same time or out of order.",
			Why:  "Hosts run one drain in each process.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				const subjects, each, drains = 5, 8, 3
				for i := range each {
					for s := range subjects {
						put(t, st, event(fmt.Sprintf("%d of %d", i, s), fmt.Sprint("subject-", s)))
					}
				}
				var mu sync.Mutex
				busy, last, seen := map[string]bool{}, map[string]int64{}, map[string]int{}
				var wrong []string
				calls, together := 0, make(chan struct{})
				sink := func(_ context.Context, e storage.Event) error {
					mu.Lock()
					if calls++; calls == drains {
						close(together)
					}
					if busy[e.Subject] || e.Seq <= last[e.Subject] {
						wrong = append(wrong, e.ID)
					}
					busy[e.Subject], last[e.Subject] = true, e.Seq
					seen[e.ID]++
					mu.Unlock()
					conformance.Closed(together, moment) // so that the drains overlap
					defer func() {
						mu.Lock()
						busy[e.Subject] = false
						mu.Unlock()
					}()
					return nil
				}
				clock := tierhost.NewTestClock(noon())
				once := func() error {
					_, err := drain(t, st, sink, options(clock, 3))
					return err
				}
				var group sync.WaitGroup
				results := make(chan error, drains)
				for range drains {
					group.Go(func() { results <- once() })
				}
				group.Wait()
				close(results)
				for err := range results {
					t.OK(err, "a drain")
				}
				t.OK(once(), "the last drain") // what one saw leased by another is still there
				slices.Sort(wrong)
				t.Equal(wrong, []string{}, "events that overtook or overlapped another of their subject")
				for id, n := range seen {
					if n != 1 {
						t.Errorf("event %s was delivered %d times", id, n)
					}
				}
				t.Equal(len(seen), subjects*each, "events delivered")
				t.Equal(pending(t, st), 0, "pending")
			},
		},
		{
			ID: "DRAIN-6", Name: "waiting is no attempt",
			Text: "An event that waits behind a failing one of its subject has no attempt before it is given to the sink: Attempts is 1 then.",
			Why:  "Hosts give up by attempts; what was never tried must not be given up.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("s1", "s"), event("s2", "s"), event("s3", "s"))
				clock := tierhost.NewTestClock(noon())
				down := true
				var got []storage.Event
				sink := func(_ context.Context, e storage.Event) error {
					if down {
						return errRefused
					}
					got = append(got, e)
					return nil
				}
				for range 3 {
					done, err := drain(t, st, sink, options(clock, 10))
					t.OK(err, "Drain with a failing sink")
					t.Equal(done, storage.Drained{Failed: 1}, "what it did")
					clock.Advance(time.Hour)
				}
				down = false
				_, err := drain(t, st, sink, options(clock, 10))
				t.OK(err, "Drain")
				if t.Equal(ids(got), []string{"s1", "s2", "s3"}, "delivered"); len(got) != 3 {
					return
				}
				t.Equal([]int{got[0].Attempts, got[1].Attempts, got[2].Attempts}, []int{4, 1, 1}, "attempts")
			},
		},
	}
}

// drain is storage.Drain that ends after very many events: one that a broken store
// hands out again and again would keep it busy for ever.
func drain(t *conformance.T, st storage.OutboxStore, sink storage.Sink, o storage.DrainOptions) (storage.Drained, error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	return storage.Drain(ctx, st, func(ctx context.Context, e storage.Event) error {
		if n++; n > 1000 {
			cancel()
		}
		return sink(ctx, e)
	}, o)
}

func options(clock tierhost.Clock, batch int) storage.DrainOptions {
	return storage.DrainOptions{Clock: clock, Batch: batch}
}

// crashing is a store whose process dies after some Updates.
type crashing struct {
	storage.OutboxStore
	after int
}

func (c *crashing) Update(ctx context.Context, fn func(context.Context, storage.Tx) error) error {
	if c.after--; c.after < 0 {
		return errRefused
	}
	return c.OutboxStore.Update(ctx, fn)
}
