package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// outboxRules are about what is in the outbox.
func outboxRules() []Rule {
	return []Rule{
		{
			ID: "OUT-1", Name: "numbers",
			Text: "Append sets Seq; it grows within a call and from one call to the next.",
			Why:  "Seq is the order in which a subject's events are delivered.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				list := events("s", 5)
				for _, e := range list {
					e.Seq = 1 << 40 // what the caller left there does not count
				}
				put(t, st, list[0], list[1])
				t.OK(update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
					return errors.Join(ob.Append(ctx, list[2:3]), ob.Append(ctx, list[3:]))
				}), "append twice in a transaction")
				for i := 1; i < len(list); i++ {
					if list[i].Seq <= list[i-1].Seq {
						t.Errorf("event %d has number %d, the one before it %d", i+1, list[i].Seq, list[i-1].Seq)
					}
				}
				got := peek(t, st, noon())
				var want []int64
				for _, e := range list {
					want = append(want, e.Seq)
				}
				t.Equal(seqs(got), want, "numbers of what is there")
			},
		},
		{
			ID: "OUT-2", Name: "as it was written",
			Text: "An event comes back as it was appended: every field, texts in any script, JSON of any size, the time in UTC to the microsecond.",
			Why:  "Consumers find tenants, versions and subjects by these fields.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				at := time.Date(2030, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
				list := map[string]*storage.Event{
					"plain":    event("plain", "account/1"),
					"least":    {ID: "least", Data: json.RawMessage("null")},
					"zoned":    {ID: "zoned", At: at.In(time.FixedZone("", -7*3600)), Data: json.RawMessage("1")},
					"early":    {ID: "early", At: time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC), Data: json.RawMessage("[]")},
					"unicode":  {ID: "id/Ünï-日本-🙂", Type: "типа", Version: 7, At: at, Seller: "продавец 'x' \"y\" \\ %", Subject: "e\u0301 é \t\n", Data: json.RawMessage(`{"日本":"🙂 \" \\ é","n":12345678901234567890.123}`)},
					"long":     {ID: strings.Repeat("i", 300), Type: strings.Repeat("t", 300), Version: 1 << 30, At: at, Seller: strings.Repeat("s", 300), Subject: strings.Repeat("ü", 300), Data: json.RawMessage(`"x"`)},
					"megabyte": {ID: "megabyte", At: at, Data: json.RawMessage(`"` + strings.Repeat("0123456789abcdef", 1<<16) + `"`)},
				}
				want := map[string]storage.Event{}
				for _, e := range list {
					put(t, st, e)
					kept := *e
					kept.At, kept.Attempts = e.At.UTC(), 1
					want[e.ID] = kept
				}
				got := map[string]storage.Event{}
				for _, e := range peek(t, st, noon()) {
					got[e.ID] = e
				}
				for name, e := range list {
					t.Equal(got[e.ID], want[e.ID], "the event %q", name)
				}
			},
		},
		{
			ID: "OUT-3", Name: "copies",
			Text: "What the caller does to an event after Append, or to one that Lease returned, changes nothing in the store.",
			Why:  "A buffer that is used again would rewrite history.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				e := event("one", "s")
				want := conformance.Text(e.Data)
				put(t, st, e)
				conformance.Scramble(e.Data)
				first := lease(t, st, "a", noon(), noon(), 1)
				if len(first) != 1 {
					t.Fatalf("%d events are due, want 1", len(first))
				}
				t.Equal(conformance.Text(first[0].Data), want, "data after the appended value was overwritten")
				conformance.Scramble(first)
				second := lease(t, st, "b", noon(), noon(), 1)
				if len(second) != 1 {
					t.Fatalf("%d events are due again, want 1", len(second))
				}
				t.Equal(conformance.Text(second[0].Data), want, "data after the leased value was overwritten")
			},
		},
		{
			ID: "OUT-4", Name: "unique IDs",
			Text: "An ID that is in the outbox, delivered or not, is storage.ErrExists, also twice in one call, and nothing of that Append is kept.",
			Why:  "Consumers drop IDs that they have seen: a second event under the same ID would never arrive.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("waiting", "s"), event("delivered", "t"))
				due := lease(t, st, "token", noon(), noon().Add(time.Hour), 10)
				i := slices.IndexFunc(due, func(e storage.Event) bool { return e.ID == "delivered" })
				if i < 0 {
					t.Fatalf("due are %q", ids(due))
				}
				t.Equal(ack(t, st, "token", due[i].Seq), 1, "acknowledged")
				t.Is(appendTo(t.Context(), st, event("new-1", "s"), event("waiting", "s")), storage.ErrExists, "an ID that waits")
				t.Is(appendTo(t.Context(), st, event("new-2", "s"), event("delivered", "t")), storage.ErrExists, "a delivered ID")
				t.Is(appendTo(t.Context(), st, event("new-3", "s"), event("new-3", "s")), storage.ErrExists, "an ID twice in a call")
				t.Equal(pending(t, st), 1, "pending")
				put(t, st, event("new-1", "s"), event("new-2", "s"), event("new-3", "s"))
			},
		},
		{
			ID: "OUT-5", Name: "pending",
			Text: "Pending counts the events that were not acknowledged, whether leased, held back or neither.",
			Why:  "Hosts alarm on it; an event that is hidden from the count is lost silently.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				t.Equal(pending(t, st), 0, "pending in an empty store")
				put(t, st, event("a", "a"), event("b", "b"), event("c", "c"), event("d", "d"))
				due := lease(t, st, "token", noon(), noon().Add(time.Hour), 3)
				if len(due) != 3 {
					t.Fatalf("%d events were leased, want 3", len(due))
				}
				t.Equal(pending(t, st), 4, "pending with leases")
				release(t, st, "token", noon().Add(time.Hour), due[0].Seq)
				t.Equal(pending(t, st), 4, "pending with an event held back")
				ack(t, st, "token", due[1].Seq)
				t.Equal(pending(t, st), 3, "pending after a delivery")
				purge(t, st, noon().Add(time.Hour), 10)
				t.Equal(pending(t, st), 3, "pending after a purge")
			},
		},
		{
			ID: "OUT-6", Name: "purge",
			Text: "Purge deletes delivered events whose At lies before the instant, at most limit, and returns how many; it touches nothing else.",
			Why:  "Purging an event that waits loses it; a purge without a bound locks the table for minutes.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				var list []*storage.Event
				for i := range 10 {
					e := event(fmt.Sprint("event-", i), fmt.Sprint("subject-", i))
					e.At = noon().Add(time.Duration(i) * time.Microsecond)
					list = append(list, e)
				}
				put(t, st, list...)
				due := lease(t, st, "token", noon(), noon().Add(time.Hour), 8)
				if len(due) != 8 {
					t.Fatalf("%d events were leased, want 8", len(due))
				}
				t.Equal(ack(t, st, "token", seqs(due[1:])...), 7, "acknowledged") // event-1 to event-7
				release(t, st, "token", noon(), due[0].Seq)

				border := noon().Add(6 * time.Microsecond)
				t.Equal(purge(t, st, noon(), 100), 0, "purged before the oldest")
				t.Equal(purge(t, st, border, 2), 2, "purged with limit 2")
				t.Equal(purge(t, st, border, 100), 3, "purged without reaching the limit")
				t.Equal(purge(t, st, border, 100), 0, "purged again")
				t.Equal(ids(peek(t, st, noon())), []string{"event-0", "event-8", "event-9"}, "what still waits")
				t.Equal(purge(t, st, noon().Add(time.Hour), 100), 2, "purged at the end")
				t.Equal(pending(t, st), 3, "pending")
			},
		},
		{
			ID: "OUT-7", Name: "nothing to do",
			Text: "Calls with no events, no numbers or numbers that are not there succeed and do nothing.",
			Why:  "A drain whose batch failed as a whole acknowledges nothing.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				t.OK(appendTo(t.Context(), st), "append nothing")
				put(t, st, event("one", "s"))
				t.Equal(ack(t, st, "token"), 0, "acknowledged of nothing")
				t.Equal(ack(t, st, "token", 1<<40, -1), 0, "acknowledged of numbers that are not there")
				release(t, st, "token", noon().Add(time.Hour))
				release(t, st, "token", noon().Add(time.Hour), 1<<40)
				t.Equal(ids(peek(t, st, noon())), []string{"one"}, "what is due")
			},
		},
		{
			ID: "OUT-8", Name: "rollback",
			Text: "A lease, an acknowledgement, a release and a purge that are rolled back have not happened; attempts do not count.",
			Why:  "An event acknowledged in a transaction that failed has not been delivered.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("a", "a"), event("b", "b"))
				undone := func(what string, fn func(ctx context.Context, ob storage.Outbox) error) {
					err := update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
						return errors.Join(fn(ctx, ob), errRefused)
					})
					t.Is(err, errRefused, "%s that is rolled back", what)
				}
				undone("a lease", func(ctx context.Context, ob storage.Outbox) error {
					_, err := ob.Lease(ctx, "lost", noon(), noon().Add(time.Hour), 10)
					return err
				})
				due := lease(t, st, "token", noon(), noon().Add(time.Hour), 10)
				if len(due) != 2 {
					t.Fatalf("%q are due after a lease was rolled back, want a and b", ids(due))
				}
				t.Equal(due[0].Attempts, 1, "attempts")
				undone("an acknowledgement", func(ctx context.Context, ob storage.Outbox) error {
					_, err := ob.Ack(ctx, "token", seqs(due))
					return err
				})
				undone("a release", func(ctx context.Context, ob storage.Outbox) error {
					return ob.Release(ctx, "token", seqs(due), noon(), true)
				})
				t.Equal(len(peek(t, st, noon())), 0, "events due after a release was rolled back")
				t.Equal(ack(t, st, "token", due[0].Seq), 1, "acknowledged after that")
				undone("a purge", func(ctx context.Context, ob storage.Outbox) error {
					_, err := ob.Purge(ctx, noon().Add(time.Hour), 10)
					return err
				})
				t.Equal(purge(t, st, noon().Add(time.Hour), 10), 1, "purged after a purge was rolled back")
			},
		},
		{
			ID: "OUT-9", Name: "two stores",
			Text: "Two stores share nothing: neither events nor leases nor IDs.",
			Why:  "Tests, tenants and installations are kept apart by opening another store.",
			Check: func(t *conformance.T, h Harness) {
				a, b := h.New(t.Test()), h.New(t.Test())
				put(t, a, event("same", "s"), event("only a", "s"))
				put(t, b, event("same", "s"))
				t.Equal(len(lease(t, a, "token", noon(), noon().Add(time.Hour), 10)), 2, "leased in one")
				t.Equal(ids(peek(t, b, noon())), []string{"same"}, "due in the other")
			},
		},
	}
}
