package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// leaseRules are about who may deliver which event when.
func leaseRules() []Rule {
	hour := func(n int) time.Time { return noon().Add(time.Duration(n) * time.Hour) }
	return []Rule{
		{
			ID: "LEASE-1", Name: "order and limit",
			Text: "Lease returns the events that are due by Seq, at most limit.",
			Why:  "Without the order a subject's newer state is overwritten by the older one.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				for i := range 6 {
					put(t, st, event(fmt.Sprint("event-", i), fmt.Sprint("subject-", i%2)))
				}
				t.Equal(ids(lease(t, st, "a", noon(), hour(1), 4)), []string{"event-0", "event-1", "event-2", "event-3"}, "first batch")
				t.Equal(ids(lease(t, st, "a", noon(), hour(1), 4)), []string{}, "second batch, behind leases of both subjects")
				t.Equal(ids(lease(t, st, "a", hour(1), hour(2), 100)),
					[]string{"event-0", "event-1", "event-2", "event-3", "event-4", "event-5"}, "after the leases ended")
			},
		},
		{
			ID: "LEASE-2", Name: "order of a subject",
			Text: "An event is returned only together with, or after the delivery of, all earlier events of its subject; other subjects do not wait.",
			Why:  "Suspend and resume delivered in the wrong order leave the customer suspended.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("s1", "s"), event("s2", "s"), event("t1", "t"), event("s3", "s"), event("t2", "t"))
				first := lease(t, st, "a", noon(), hour(1), 1)
				t.Equal(ids(first), []string{"s1"}, "first lease")
				t.Equal(ids(lease(t, st, "b", noon(), hour(1), 1)), []string{"t1"}, "while s1 is leased")
				t.Equal(ids(lease(t, st, "c", noon(), hour(1), 10)), []string{}, "while s1 and t1 are leased")
				ack(t, st, "a", seqs(first)...)
				t.Equal(ids(lease(t, st, "c", noon(), hour(1), 10)), []string{"s2", "s3"}, "after s1 was delivered")
			},
		},
		{
			ID: "LEASE-3", Name: "held back",
			Text: "A released event is kept back until the given instant, and the later events of its subject with it; at that instant they are due.",
			Why:  "A consumer that is down is asked again later, and must then get the events in order.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("s1", "s"), event("s2", "s"), event("t1", "t"))
				due := lease(t, st, "a", noon(), hour(1), 10)
				release(t, st, "a", hour(2), due[0].Seq)
				release(t, st, "a", noon(), seqs(due[1:])...)
				t.Equal(ids(peek(t, st, noon())), []string{"t1"}, "due while s1 is held back")
				t.Equal(ids(peek(t, st, hour(2).Add(-time.Microsecond))), []string{"t1"}, "due just before its time")
				t.Equal(ids(peek(t, st, hour(2))), []string{"s1", "s2", "t1"}, "due at its time")
			},
		},
		{
			ID: "LEASE-4", Name: "expiry",
			Text: "A lease keeps an event from all others until its instant; then the event is due again.",
			Why:  "Before it, two workers would send the same mail; after it, a worker that died would keep it for ever.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("one", "s"))
				t.Equal(len(lease(t, st, "dies", noon(), hour(1), 10)), 1, "leased first")
				t.Equal(len(peek(t, st, noon())), 0, "due at once")
				t.Equal(len(peek(t, st, hour(1).Add(-time.Microsecond))), 0, "due just before the lease ends")
				t.Equal(len(peek(t, st, hour(1))), 1, "due when the lease ends")
			},
		},
		{
			ID: "LEASE-5", Name: "attempts",
			Text: "Attempts counts the leases that an event has had, the running one included.",
			Why:  "It is what delays grow by, and by which a host gives up.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				e := event("one", "s")
				e.Attempts = 17 // the caller's is not kept
				put(t, st, e)
				for i := range 4 {
					due := lease(t, st, fmt.Sprint("token-", i), hour(i), hour(i+1), 10)
					if len(due) != 1 {
						t.Fatalf("%d events are due, want 1", len(due))
					}
					t.Equal(due[0].Attempts, i+1, "attempts in lease %d", i+1)
					if i%2 == 0 { // else the lease runs out
						release(t, st, fmt.Sprint("token-", i), hour(i+1), due[0].Seq)
					}
				}
			},
		},
		{
			ID: "LEASE-6", Name: "acknowledge",
			Text: "Ack marks the events that are leased under the token, and only those; it counts them once, and they never come back.",
			Why:  "A worker whose lease went to another must not acknowledge in the other's name.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("a", "a"), event("b", "b"), event("c", "c"))
				due := lease(t, st, "mine", noon(), hour(1), 2)
				all := seqs(peek(t, st, hour(1)))
				if len(due) != 2 || len(all) != 3 {
					t.Fatalf("%d leased of %d, want 2 of 3", len(due), len(all))
				}
				t.Equal(ack(t, st, "yours", all...), 0, "acknowledged under another token")
				t.Equal(ack(t, st, "", all...), 0, "acknowledged under no token")
				t.Equal(pending(t, st), 3, "pending")
				t.Equal(ack(t, st, "mine", all...), 2, "acknowledged under the token, with a number that was not leased")
				t.Equal(ack(t, st, "mine", all...), 0, "acknowledged again")
				t.Equal(ids(peek(t, st, hour(100))), []string{"c"}, "what is left")
			},
		},
		{
			ID: "LEASE-7", Name: "a lease that was taken over",
			Text: "When a lease has ended and the event is leased again, the old token can neither acknowledge nor release it.",
			Why:  "The old worker's late answer would hide that the new one failed.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("one", "s"))
				lease(t, st, "slow", noon(), hour(1), 10)
				due := lease(t, st, "next", hour(1), hour(3), 10)
				if len(due) != 1 {
					t.Fatalf("%d events are due after the lease, want 1", len(due))
				}
				t.Equal(ack(t, st, "slow", seqs(due)...), 0, "acknowledged by the old token")
				release(t, st, "slow", hour(1), seqs(due)...)
				t.Equal(len(peek(t, st, hour(2))), 0, "due while the new lease runs")
				t.Equal(ack(t, st, "next", seqs(due)...), 1, "acknowledged by the new token")
			},
		},
		{
			ID: "LEASE-8", Name: "a late acknowledgement",
			Text: "A lease that has ended still counts for Ack as long as nobody else has leased the event.",
			Why:  "Ack is not told the time; and the event was delivered, so delivering it again helps nobody.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("one", "s"))
				due := lease(t, st, "slow", noon(), noon().Add(-time.Hour), 10)
				t.Equal(ack(t, st, "slow", seqs(due)...), 1, "acknowledged after the end")
				t.Equal(pending(t, st), 0, "pending")
			},
		},
		{
			ID: "LEASE-9", Name: "release",
			Text: "Release ends the leases under the token, and only those, whether or not the instant has come.",
			Why:  "A worker that stops gives back what it did not touch, not what others work on.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("a", "a"), event("b", "b"), event("c", "c"))
				a := lease(t, st, "mine", noon(), hour(5), 1)
				b := lease(t, st, "yours", noon(), hour(5), 1)
				all := append(seqs(a), seqs(b)...)
				release(t, st, "mine", noon(), all...)
				t.Equal(ids(peek(t, st, noon())), []string{"a", "c"}, "due after a release")
				t.Equal(ack(t, st, "mine", all...), 0, "acknowledged after the release")
				t.Equal(ack(t, st, "yours", all...), 1, "acknowledged under the other token")
				c := peek(t, st, noon())
				release(t, st, "mine", hour(9), seqs(c)...) // not leased: left alone
				t.Equal(ids(peek(t, st, noon())), []string{"a", "c"}, "due after a release of what was not leased")
			},
		},
		{
			ID: "LEASE-10", Name: "all of many",
			Text: "Whatever the batch size, every event is leased exactly once and those of each subject in order.",
			Why:  "A drain works through any backlog in batches.",
			Check: func(t *conformance.T, h Harness) {
				for _, limit := range []int{1, 7, 100} {
					st := h.New(t.Test())
					const subjects, each = 9, 12
					var list []*storage.Event
					for i := range subjects * each {
						list = append(list, event(fmt.Sprint(i), fmt.Sprint("subject-", (i*i+i)%subjects)))
					}
					put(t, st, list...)
					var got []string
					last := map[string]int64{}
					for range len(list) + 1 {
						due := lease(t, st, "token", noon(), hour(1), limit)
						if len(due) == 0 {
							break
						}
						if len(due) > limit {
							t.Errorf("%d events with limit %d", len(due), limit)
						}
						for _, e := range due {
							if e.Seq <= last[e.Subject] {
								t.Errorf("%s of %s came after a later one", e.ID, e.Subject)
							}
							last[e.Subject] = e.Seq
						}
						got = append(got, ids(due)...)
						t.Equal(ack(t, st, "token", seqs(due)...), len(due), "acknowledged")
					}
					want := make([]string, len(list))
					for i, e := range list {
						want[i] = e.ID
					}
					slices.Sort(got)
					slices.Sort(want)
					t.Equal(got, want, "events delivered in batches of %d", limit)
				}
			},
		},
		{
			ID: "LEASE-11", Name: "not tried",
			Text: "Release of what was not tried takes back the attempt that the lease counted, of the events leased under the token only; else it is as any release.",
			Why:  "An event that waits behind a failing one of its subject would use up its own attempts, and be given up before it was tried.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("a", "a"), event("b", "b"), event("c", "c"))
				attempts := func(list []storage.Event) []int {
					out := make([]int, len(list))
					for i, e := range list {
						out[i] = e.Attempts
					}
					return out
				}
				for range 3 {
					all := seqs(lease(t, st, "mine", noon(), hour(1), 2))
					giveBack(t, st, "yours", noon(), all...)
					t.Equal(ids(peek(t, st, noon())), []string{"c"}, "due after others gave back what is leased")
					giveBack(t, st, "mine", noon(), all...)
					giveBack(t, st, "mine", noon(), all...) // no longer leased: left alone
				}
				t.Equal(attempts(peek(t, st, noon())), []int{1, 1, 1}, "attempts of the first lease that is for good")
				due := lease(t, st, "mine", noon(), hour(1), 3)
				if len(due) != 3 {
					t.Fatalf("%d events are due, want 3", len(due))
				}
				release(t, st, "mine", noon(), due[0].Seq)
				giveBack(t, st, "mine", noon(), due[1].Seq)
				giveBack(t, st, "mine", hour(2), due[2].Seq)
				t.Equal(ids(peek(t, st, noon())), []string{"a", "b"}, "due while c is kept back")
				t.Equal(attempts(peek(t, st, hour(2))), []int{2, 1, 1}, "attempts when a was tried, b and c were not")
			},
		},
	}
}
