package storagetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// txConcurrencyRules are about transactions that run at the same time.
func txConcurrencyRules() []Rule {
	return []Rule{
		{
			ID: "TX-15", Name: "a View sees one state",
			Text: "All reads in a View see one state of the data, taken no earlier than the call, whatever commits meanwhile.",
			Why:  "A statement whose lines and total come from different instants does not add up.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, events("before", 2)...)
				var first, second int64
				written := make(chan struct{})
				var writeErr error
				err := view(t.Context(), st, func(ctx context.Context, ob storage.Outbox) (err error) {
					if first, err = ob.Pending(ctx); err != nil {
						return err
					}
					go func() {
						defer close(written)
						writeErr = appendTo(t.Context(), st, events("meanwhile", 3)...)
					}()
					conformance.Closed(written, moment) // a store may make it wait for the View
					second, err = ob.Pending(ctx)
					return err
				})
				t.OK(err, "View")
				if !conformance.Closed(written, h.patience()) {
					t.Fatalf("an Update that began within a View is stuck after it")
				}
				t.OK(writeErr, "Update meanwhile")
				t.Equal([]int64{first, second}, []int64{2, 2}, "pending at the start and at the end of the View")
				t.Equal(pending(t, st), 5, "pending in a View after it")
			},
		},
		{
			ID: "TX-16", Name: "a View sees no halves",
			Text: "A View sees all of a commit or nothing of it.",
			Why:  "A balance without its entry, seen once, is a support case.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				pair := events("s", 2)
				half, looked, done := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
				var writeErr error
				go func() {
					defer close(done)
					writeErr = update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
						if err := ob.Append(ctx, pair[:1]); err != nil {
							return err
						}
						select {
						case half <- struct{}{}:
						default: // run again
						}
						conformance.Closed(looked, h.patience())
						return ob.Append(ctx, pair[1:])
					})
				}()
				select {
				case <-half:
				case <-done:
					t.Fatalf("the writer: %v", writeErr)
				}
				seen := make(chan int64, 1)
				var viewErr error
				conformance.Within(moment, func() { // a store may make the View wait for the Update
					var n int64
					viewErr = view(t.Context(), st, func(ctx context.Context, ob storage.Outbox) (err error) {
						n, err = ob.Pending(ctx)
						return err
					})
					seen <- n
				})
				close(looked)
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("the writer is stuck")
				}
				t.OK(writeErr, "the writer")
				n := <-seen
				t.OK(viewErr, "the View between two writes")
				if n == 1 {
					t.Errorf("a View counts 1 event of a transaction that appends 2")
				}
				t.Equal(pending(t, st), 2, "pending at the end")
			},
		},
		{
			ID: "TX-17", Name: "one of many wins",
			Text: "Of transactions that append the same event at the same time exactly one succeeds, the others get storage.ErrExists.",
			Why:  "Unique keys are what idempotency is made of; looking first is not enough.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				const rivals = 8
				results := make(chan error, rivals)
				var group sync.WaitGroup
				for range rivals {
					group.Go(func() { results <- appendTo(t.Context(), st, event("same", "s")) })
				}
				group.Wait()
				close(results)
				won := 0
				for err := range results {
					if err == nil {
						won++
						continue
					}
					t.Is(err, storage.ErrExists, "a rival")
				}
				t.Equal(won, 1, "transactions that succeeded")
				t.Equal(pending(t, st), 1, "pending")
			},
		},
		{
			ID: "TX-18", Name: "no lost update",
			Text: "Transactions that change the same rows at the same time take effect as if one after the other.",
			Why:  "Two workers that both take the last event, or the last unit, have sold it twice.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				const workers, total = 4, 40
				for i := range total {
					put(t, st, event(fmt.Sprint("event-", i), fmt.Sprint("subject-", i)))
				}
				taken := make(chan string, 2*total)
				failures := make(chan error, workers)
				var group sync.WaitGroup
				for w := range workers {
					group.Go(func() {
						token := fmt.Sprint("worker-", w)
						for {
							var got []storage.Event
							err := update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) (err error) {
								if got, err = ob.Lease(ctx, token, noon(), noon(), 3); err != nil {
									return err
								}
								n, err := ob.Ack(ctx, token, seqs(got))
								if err == nil && n != len(got) {
									err = fmt.Errorf("%d of %d leased events were acknowledged", n, len(got))
								}
								return err
							})
							if err != nil {
								failures <- err
								return
							}
							for _, e := range got {
								taken <- e.ID
							}
							if len(got) == 0 {
								return
							}
						}
					})
				}
				group.Wait()
				close(taken)
				close(failures)
				for err := range failures {
					t.Errorf("a worker failed: %v", err)
				}
				times := map[string]int{}
				for id := range taken {
					times[id]++
				}
				for id, n := range times {
					if n != 1 {
						t.Errorf("%s was taken %d times", id, n)
					}
				}
				// A worker may find nothing while another holds the rest, so what is left
				// over is not lost; it must still be there.
				t.Equal(int64(len(times))+pending(t, st), total, "events taken and pending")
			},
		},
	}
}
