package storagetest

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// durabilityRules are about what is left after the end of the process.
func durabilityRules() []Rule {
	return []Rule{
		{
			ID: "DUR-1", Name: "what was committed stays",
			Skip: func(h Harness) string {
				if h.Reopen == nil {
					return "the harness declares no Reopen"
				}
				return ""
			},
			Text: "After the store is opened anew everything committed is there, nothing that was rolled back, and numbers go on where they ended.",
			Why:  "Commit means that it is there tomorrow.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("leased", "a"), event("held back", "b"), event("delivered", "c"), event("waiting", "d"))
				hour := noon().Add(time.Hour)
				due := lease(t, st, "token", noon(), hour, 3)
				if len(due) != 3 {
					t.Fatalf("%d events were leased, want 3", len(due))
				}
				release(t, st, "token", hour, due[1].Seq)
				ack(t, st, "token", due[2].Seq)
				err := update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
					if err := ob.Append(ctx, events("lost", 3)); err != nil {
						return err
					}
					return errRefused
				})
				t.Is(err, errRefused, "Update that is rolled back")

				st = h.Reopen(t.Test(), st)
				t.Equal(pending(t, st), 3, "pending after the restart")
				t.Equal(ids(peek(t, st, noon())), []string{"waiting"}, "due after the restart")
				t.Equal(ids(peek(t, st, hour)), []string{"leased", "held back", "waiting"}, "due an hour later")
				t.Equal(ack(t, st, "token", due[0].Seq), 1, "acknowledged under a lease from before the restart")
				t.Is(appendTo(t.Context(), st, event("delivered", "c")), storage.ErrExists, "Append of a delivered ID")
				next := event("next", "e")
				put(t, st, next)
				if last := due[2].Seq; next.Seq <= last {
					t.Errorf("the next event has number %d, one before the restart had %d", next.Seq, last)
				}
			},
		},
	}
}
