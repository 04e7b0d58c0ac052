package storagetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func forgets(*testing.T, storage.OutboxStore) storage.OutboxStore { return memory.New() }

// onAppend changes events on their way in.
func onAppend(change func(e *storage.Event)) func() hooks {
	return func() hooks {
		return hooks{append: func(next storage.Outbox, ctx context.Context, events []*storage.Event) error {
			var kept []*storage.Event
			for _, e := range events {
				c := *e
				change(&c)
				kept = append(kept, &c)
			}
			if err := next.Append(ctx, kept); err != nil {
				return err
			}
			for i, e := range events {
				e.Seq = kept[i].Seq
			}
			return nil
		}}
	}
}

// onLease changes events on their way out.
func onLease(change func(list []storage.Event) []storage.Event) func() hooks {
	return func() hooks {
		return hooks{lease: func(
			next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int,
		) ([]storage.Event, error) {
			list, err := next.Lease(ctx, token, now, until, limit)
			return change(list), err
		}}
	}
}

// withLease calls the store below with other arguments.
func withLease(change func(token string, now, until time.Time, limit int) (string, time.Time, time.Time, int)) func() hooks {
	return func() hooks {
		return hooks{lease: func(
			next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int,
		) ([]storage.Event, error) {
			token, now, until, limit = change(token, now, until, limit)
			return next.Lease(ctx, token, now, until, limit)
		}}
	}
}

// tokens remembers under which tokens events were leased.
type tokens struct {
	mu   sync.Mutex
	used map[int64][]string
}

func (k *tokens) lease(
	next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int,
) ([]storage.Event, error) {
	list, err := next.Lease(ctx, token, now, until, limit)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range list {
		k.used[e.Seq] = append(k.used[e.Seq], token)
	}
	return list, err
}

// tried returns the tokens under which an event was leased, the last one first.
func (k *tokens) tried(seq int64) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := slices.Clone(k.used[seq])
	slices.Reverse(all)
	return all
}

func newTokens() *tokens { return &tokens{used: map[int64][]string{}} }

func outboxMutants() []mutant {
	same := sync.OnceValue(func() storage.OutboxStore { return memory.New() })
	return []mutant{
		{name: "numbers are not set", rules: []string{"OUT-1"}, hooks: func() hooks {
			return hooks{append: func(next storage.Outbox, ctx context.Context, events []*storage.Event) error {
				var kept []*storage.Event
				for _, e := range events {
					c := *e
					kept = append(kept, &c)
				}
				return next.Append(ctx, kept)
			}}
		}},
		{name: "numbers in another order", rules: []string{"OUT-1"}, hooks: func() hooks {
			return hooks{append: func(next storage.Outbox, ctx context.Context, events []*storage.Event) error {
				events = slices.Clone(events)
				slices.Reverse(events)
				return next.Append(ctx, events)
			}}
		}},
		{name: "times to the millisecond", rules: []string{"OUT-2", "OUT-6"},
			hooks: onAppend(func(e *storage.Event) { e.At = e.At.Truncate(time.Millisecond) })},
		{name: "times in the local zone", rules: []string{"OUT-2"}, hooks: onLease(func(list []storage.Event) []storage.Event {
			for i := range list {
				list[i].At = list[i].At.In(time.FixedZone("", 3600))
			}
			return list
		})},
		{name: "data cut off", rules: []string{"OUT-2"}, hooks: onAppend(func(e *storage.Event) {
			if len(e.Data) > 1<<16 {
				e.Data = e.Data[:1<<16]
			}
		})},
		{name: "numbers in data as floats", rules: []string{"OUT-2"}, hooks: onAppend(func(e *storage.Event) {
			e.Data = []byte(strings.ReplaceAll(string(e.Data), "12345678901234567890.123", "12345678901234567000"))
		})},
		{name: "texts cut off", rules: []string{"OUT-2"}, hooks: onAppend(func(e *storage.Event) {
			if len(e.Subject) > 255 {
				e.Subject = e.Subject[:255]
			}
		})},
		{name: "seller forgotten", rules: []string{"OUT-2"}, hooks: onAppend(func(e *storage.Event) { e.Seller = "" })},
		{name: "accents normalised", rules: []string{"OUT-2"},
			hooks: onAppend(func(e *storage.Event) { e.Subject = strings.ReplaceAll(e.Subject, "e\u0301", "é") })},
		{name: "data shared with the caller", rules: []string{"OUT-3"}, hooks: func() hooks {
			data := map[string][]byte{}
			return hooks{
				append: func(next storage.Outbox, ctx context.Context, events []*storage.Event) error {
					for _, e := range events {
						data[e.ID] = e.Data
					}
					return next.Append(ctx, events)
				},
				lease: func(next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
					list, err := next.Lease(ctx, token, now, until, limit)
					for i := range list {
						list[i].Data = data[list[i].ID]
					}
					return list, err
				},
			}
		}},
		{name: "data shared with the reader", rules: []string{"OUT-3"}, hooks: func() hooks {
			data := map[string][]byte{}
			return onLease(func(list []storage.Event) []storage.Event {
				for i, e := range list {
					if data[e.ID] == nil {
						data[e.ID] = e.Data
					}
					list[i].Data = data[e.ID]
				}
				return list
			})()
		}},
		{name: "IDs are not unique", rules: []string{"OUT-4", "TX-17"}, hooks: func() hooks {
			n := 0
			return onAppend(func(e *storage.Event) {
				n++
				e.ID = fmt.Sprint(e.ID, n)
			})()
		}},
		{name: "delivered IDs are free again", rules: []string{"OUT-4"}, hooks: func() hooks {
			return hooks{ack: func(next storage.Outbox, ctx context.Context, token string, seqs []int64) (int, error) {
				n, err := next.Ack(ctx, token, seqs)
				if err == nil {
					_, err = next.Purge(ctx, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 1000)
				}
				return n, err
			}}
		}},
		{name: "leased is not pending", rules: []string{"OUT-5"}, hooks: func() hooks {
			leased := map[int64]bool{}
			return hooks{
				lease: func(next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
					list, err := next.Lease(ctx, token, now, until, limit)
					for _, e := range list {
						leased[e.Seq] = true
					}
					return list, err
				},
				pending: func(next storage.Outbox, ctx context.Context) (int64, error) {
					n, err := next.Pending(ctx)
					return n - int64(len(leased)), err
				},
			}
		}},
		{name: "purge takes what waits", rules: []string{"OUT-6", "OUT-5"}, hooks: func() hooks {
			return hooks{purge: func(next storage.Outbox, ctx context.Context, before time.Time, limit int) (int, error) {
				list, err := next.Lease(ctx, "purge", before, before, limit)
				for _, e := range list {
					if _, err := next.Ack(ctx, "purge", []int64{e.Seq}); err != nil {
						return 0, err
					}
				}
				if err != nil {
					return 0, err
				}
				return next.Purge(ctx, before, limit)
			}}
		}},
		{name: "purge without a limit", rules: []string{"OUT-6"}, hooks: func() hooks {
			return hooks{purge: func(next storage.Outbox, ctx context.Context, before time.Time, _ int) (int, error) {
				return next.Purge(ctx, before, 1000)
			}}
		}},
		{name: "purge takes the instant itself", rules: []string{"OUT-6"}, hooks: func() hooks {
			return hooks{purge: func(next storage.Outbox, ctx context.Context, before time.Time, limit int) (int, error) {
				return next.Purge(ctx, before.Add(time.Microsecond), limit)
			}}
		}},
		{name: "nothing is an error", rules: []string{"OUT-7"}, hooks: func() hooks {
			return hooks{ack: func(next storage.Outbox, ctx context.Context, token string, seqs []int64) (int, error) {
				if len(seqs) == 0 {
					return 0, errors.New("syntax error at or near \")\"")
				}
				return next.Ack(ctx, token, seqs)
			}}
		}},
		{name: "one outbox for two stores", rules: []string{"OUT-9", "TX-11"}, make: same},
		{name: "newest first", rules: []string{"LEASE-1", "LEASE-10"}, hooks: onLease(func(list []storage.Event) []storage.Event {
			slices.Reverse(list)
			return list
		})},
		{name: "no limit", rules: []string{"LEASE-1", "LEASE-10"},
			hooks: withLease(func(token string, now, until time.Time, _ int) (string, time.Time, time.Time, int) {
				return token, now, until, 1000
			})},
		{name: "no order within a subject", rules: []string{"LEASE-2", "LEASE-3", "DRAIN-5"}, hooks: func() hooks {
			h := onAppend(func(e *storage.Event) { e.Subject += "#" + e.ID })()
			h.lease = onLease(func(list []storage.Event) []storage.Event {
				for i := range list {
					list[i].Subject, _, _ = strings.Cut(list[i].Subject, "#")
				}
				return list
			})().lease
			return h
		}},
		{name: "all subjects wait for one", rules: []string{"LEASE-2"}, hooks: func() hooks {
			var h hooks
			h.append = onAppend(func(e *storage.Event) { e.Type, e.Subject = e.Subject, "" })().append
			h.lease = onLease(func(list []storage.Event) []storage.Event {
				for i := range list {
					list[i].Subject = list[i].Type
				}
				return list
			})().lease
			return h
		}},
		{name: "release does not keep back", rules: []string{"LEASE-3", "DRAIN-2"}, hooks: func() hooks {
			return hooks{release: func(next storage.Outbox, ctx context.Context, token string, seqs []int64, _ time.Time, tried bool) error {
				return next.Release(ctx, token, seqs, time.Time{}, tried)
			}}
		}},
		{name: "kept back too long", rules: []string{"LEASE-3"}, hooks: func() hooks {
			return hooks{release: func(next storage.Outbox, ctx context.Context, token string, seqs []int64, until time.Time, tried bool) error {
				return next.Release(ctx, token, seqs, until.Add(time.Microsecond), tried)
			}}
		}},
		{name: "leases end too early", rules: []string{"LEASE-4"},
			hooks: withLease(func(token string, now, until time.Time, limit int) (string, time.Time, time.Time, int) {
				return token, now, until.Add(-time.Microsecond), limit
			})},
		{name: "leases never end", rules: []string{"LEASE-4", "DRAIN-3"},
			hooks: withLease(func(token string, now, until time.Time, limit int) (string, time.Time, time.Time, int) {
				return token, now, until.AddDate(1000, 0, 0), limit
			})},
		{name: "a lease does not lease", rules: []string{"LEASE-4", "DRAIN-3", "TX-18"}, hooks: func() hooks {
			return hooks{
				lease: func(next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
					list, err := next.Lease(ctx, token, now, until, limit)
					if err == nil {
						for _, e := range list {
							err = errors.Join(err, next.Release(ctx, token, []int64{e.Seq}, now, true))
						}
					}
					return list, err
				},
			}
		}},
		{name: "attempts are not counted", rules: []string{"LEASE-5", "DRAIN-2", "DRAIN-3"},
			hooks: onLease(func(list []storage.Event) []storage.Event {
				for i := range list {
					list[i].Attempts = 1
				}
				return list
			})},
		{name: "attempts that were none are counted", rules: []string{"LEASE-11", "DRAIN-6"}, hooks: func() hooks {
			return hooks{release: func(next storage.Outbox, ctx context.Context, token string, seqs []int64, until time.Time, _ bool) error {
				return next.Release(ctx, token, seqs, until, true)
			}}
		}},
		{name: "no release counts", rules: []string{"LEASE-5", "LEASE-11", "DRAIN-2", "DRAIN-6"}, hooks: func() hooks {
			return hooks{release: func(next storage.Outbox, ctx context.Context, token string, seqs []int64, until time.Time, _ bool) error {
				return next.Release(ctx, token, seqs, until, false)
			}}
		}},
		{name: "attempts of what was rolled back", rules: []string{"OUT-8"}, hooks: func() hooks {
			n := map[int64]int{}
			return onLease(func(list []storage.Event) []storage.Event {
				for i, e := range list {
					n[e.Seq]++
					list[i].Attempts = n[e.Seq]
				}
				return list
			})()
		}},
		{name: "any token acknowledges", rules: []string{"LEASE-6", "LEASE-9"}, hooks: func() hooks {
			k := newTokens()
			return hooks{lease: k.lease, ack: func(next storage.Outbox, ctx context.Context, _ string, seqs []int64) (int, error) {
				n := 0
				for _, seq := range seqs {
					for _, token := range k.tried(seq) {
						got, err := next.Ack(ctx, token, []int64{seq})
						if err != nil {
							return 0, err
						}
						n += got
					}
				}
				return n, nil
			}}
		}},
		{name: "acknowledgements counted by what was asked", rules: []string{"LEASE-6"}, hooks: func() hooks {
			return hooks{ack: func(next storage.Outbox, ctx context.Context, token string, seqs []int64) (int, error) {
				_, err := next.Ack(ctx, token, seqs)
				return len(seqs), err
			}}
		}},
		{name: "acknowledgements do not stick", rules: []string{"LEASE-6", "DRAIN-1", "DRAIN-4"}, hooks: func() hooks {
			return hooks{ack: func(next storage.Outbox, ctx context.Context, token string, seqs []int64) (int, error) {
				return len(seqs), next.Release(ctx, token, seqs, time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), true)
			}}
		}},
		{name: "old tokens count", rules: []string{"LEASE-7"}, hooks: func() hooks {
			k := newTokens()
			return hooks{lease: k.lease, ack: func(next storage.Outbox, ctx context.Context, token string, seqs []int64) (int, error) {
				n := 0
				for _, seq := range seqs {
					if tried := k.tried(seq); slices.Contains(tried, token) {
						got, err := next.Ack(ctx, tried[0], []int64{seq})
						if err != nil {
							return 0, err
						}
						n += got
					}
				}
				return n, nil
			}}
		}},
		{name: "late acknowledgements do not count", rules: []string{"LEASE-8"}, hooks: func() hooks {
			ended := map[string]bool{}
			return hooks{
				lease: func(next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
					ended[token] = until.Before(now)
					return next.Lease(ctx, token, now, until, limit)
				},
				ack: func(next storage.Outbox, ctx context.Context, token string, seqs []int64) (int, error) {
					if ended[token] {
						return 0, nil
					}
					return next.Ack(ctx, token, seqs)
				},
			}
		}},
		{name: "any token releases", rules: []string{"LEASE-7", "LEASE-9"}, hooks: func() hooks {
			k := newTokens()
			return hooks{lease: k.lease, release: func(
				next storage.Outbox, ctx context.Context, _ string, seqs []int64, until time.Time, tried bool,
			) error {
				for _, seq := range seqs {
					for _, token := range k.tried(seq) {
						if err := next.Release(ctx, token, []int64{seq}, until, tried); err != nil {
							return err
						}
					}
				}
				return nil
			}}
		}},
		{name: "the last of a batch is lost", rules: []string{"LEASE-10", "DRAIN-1"},
			hooks: onLease(func(list []storage.Event) []storage.Event {
				if len(list) > 1 {
					list = list[:len(list)-1]
				}
				return list
			})},
	}
}
