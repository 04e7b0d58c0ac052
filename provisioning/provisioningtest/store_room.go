package provisioningtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

const services = provisioning.DimensionServices

func onServer(id provisioning.ServerID, dimension string) provisioning.LoadKey {
	return provisioning.LoadKey{Server: id, Dimension: dimension}
}

func onMachine(id provisioning.MachineID, dimension string) provisioning.LoadKey {
	return provisioning.LoadKey{Machine: id, Dimension: dimension}
}

// room writes the room of a server or machine.
func room(t *conformance.T, st provisioning.Store, of provisioning.LoadKey, version int64, capacity map[string]int64) {
	t.Helper()
	update(t, st, "put room", func(ctx context.Context, rows provisioning.Rows) error {
		return rows.PutRoom(ctx, of, version, capacity, noon())
	})
}

// by is a change of a load, for any version.
func by(key provisioning.LoadKey, n int64) provisioning.LoadChange {
	return provisioning.LoadChange{LoadKey: key, By: n}
}

// at is a change of a load that must have a version.
func at(key provisioning.LoadKey, version, n int64) provisioning.LoadChange {
	return provisioning.LoadChange{LoadKey: key, By: n, Version: version}
}

// change changes loads in a transaction of its own.
func change(t *conformance.T, st provisioning.Store, final bool, all ...provisioning.LoadChange) (result provisioning.LoadResult) {
	t.Helper()
	update(t, st, "change loads", func(ctx context.Context, rows provisioning.Rows) (err error) {
		result, err = rows.ChangeLoads(ctx, provisioning.LoadBatch{Changes: all, At: noon(), Final: final})
		return err
	})
	return result
}

// loads is all loads, page by page.
func loads(t *conformance.T, st provisioning.Store) (all []provisioning.Load) {
	t.Helper()
	view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
		all = nil
		for key, more := (provisioning.LoadKey{}), true; more; {
			page, err := rows.Loads(ctx, time.Time{}, key, 3)
			if err != nil {
				return err
			}
			all = append(all, page...)
			if more = len(page) == 3; more {
				key = page[2].LoadKey
			}
		}
		return nil
	})
	return all
}

// load is a load as it should be; a capacity below 0 is none.
func load(key provisioning.LoadKey, version, used, capacity int64) provisioning.Load {
	l := provisioning.Load{LoadKey: key, Version: version, Used: used, Changed: noon()}
	if capacity >= 0 {
		l.Capacity, l.Limited = capacity, true
	}
	return l
}

func roomRules() []StoreRule {
	return []StoreRule{
		{
			ID: "ROOM-1", Name: "put",
			Text: "PutRoom gives all loads of a server or machine the version and the limits given, makes those that are missing and the one of services, and keeps what is used.",
			Why:  "A change of a capacity would forget what is used, or be forgotten itself.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a, m := onServer("a", ""), onMachine("a", "")
				room(t, st, a, 1, map[string]int64{"disk": 10})
				room(t, st, m, 7, nil)
				t.Equal(loads(t, st), []provisioning.Load{
					load(onMachine("a", services), 7, 0, -1), load(onServer("a", "disk"), 1, 0, 10), load(onServer("a", services), 1, 0, -1),
				}, "new loads")
				change(t, st, false, by(onServer("a", "disk"), 4), by(onServer("a", services), 1), by(onServer("a", "cpu"), 2))
				room(t, st, a, 2, map[string]int64{services: 5, "ram": 0, "cpu": 3})
				t.Equal(loads(t, st), []provisioning.Load{
					load(onMachine("a", services), 7, 0, -1), load(onServer("a", "cpu"), 2, 2, 3), load(onServer("a", "disk"), 2, 4, -1),
					load(onServer("a", "ram"), 2, 0, 0), load(onServer("a", services), 2, 1, 5),
				}, "loads after a change")
			},
		},
		{
			ID: "ROOM-2", Name: "all or nothing",
			Text: "ChangeLoads does nothing, and returns the loads as they are, when one of them would exceed its capacity; the last unit can be taken.",
			Why:  "An order would be left with half of its room, or a server would hold more than it can.",
			Check: func(t *conformance.T, h StoreHarness) {
				for _, final := range []bool{false, true} {
					st := h.New(t.Test())
					room(t, st, onServer("a", ""), 1, map[string]int64{services: 2, "disk": 10})
					room(t, st, onMachine("m", ""), 1, map[string]int64{"disk": 12})
					take := func(disk int64) provisioning.LoadResult {
						return change(t, st, final, by(onServer("a", services), 1), by(onServer("a", "disk"), disk),
							by(onMachine("m", services), 1), by(onMachine("m", "disk"), disk), by(onServer("a", "new"), 1))
					}
					want := []provisioning.Load{
						load(onMachine("m", "disk"), 1, 9, 12), load(onMachine("m", services), 1, 1, -1), load(onServer("a", "disk"), 1, 9, 10),
						load(onServer("a", "new"), 0, 1, -1), load(onServer("a", services), 1, 1, 2),
					}
					got := take(9)
					t.Equal(got.Done, true, "a change that fits")
					t.Equal(sorted(got.Loads), want, "the loads returned")
					t.Equal(loads(t, st), want, "the loads")
					got = take(2)
					t.Equal(got.Done, false, "a change that does not fit")
					t.Equal(sorted(got.Loads), want, "the loads returned")
					t.Equal(loads(t, st), want, "the loads after a change that does not fit")
					t.Equal(take(1).Done, true, "a change that takes the last of it")
					t.Equal(take(0).Done, false, "a change for which the services are used up")
					t.Equal(change(t, st, final, by(onServer("a", services), -1), by(onServer("a", "disk"), -10)).Done, true, "a change that gives back")
					t.Equal(take(3).Done, false, "a change that the machine has not the room for")
					t.Equal(take(2).Done, true, "a change that it has")
				}
			},
		},
		{
			ID: "ROOM-3", Name: "versions",
			Text: "ChangeLoads does nothing when a load has another version than the change asks for, or when a load of services is not there; one of another dimension is made.",
			Why:  "Services would be placed on a machine that was drained or removed since it was chosen.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				room(t, st, onServer("a", ""), 3, nil)
				for _, c := range []struct {
					what string
					all  []provisioning.LoadChange
					done bool
				}{
					{"an older version", []provisioning.LoadChange{at(onServer("a", services), 2, 1)}, false},
					{"a newer version", []provisioning.LoadChange{at(onServer("a", services), 4, 1)}, false},
					{"an older version, to give back", []provisioning.LoadChange{at(onServer("a", services), 2, -1)}, false},
					{"the version", []provisioning.LoadChange{at(onServer("a", services), 3, 1)}, true},
					{"any version", []provisioning.LoadChange{by(onServer("a", services), 1)}, true},
					{"another server", []provisioning.LoadChange{by(onServer("b", services), 1)}, false},
					{"a machine of that name", []provisioning.LoadChange{by(onMachine("a", services), 1)}, false},
					{"one of two", []provisioning.LoadChange{at(onServer("a", services), 3, 1), at(onServer("b", services), 1, 1)}, false},
					{"a new dimension", []provisioning.LoadChange{at(onServer("a", services), 3, 0), by(onServer("a", "disk"), 5)}, true},
					{"a new dimension with the wrong version", []provisioning.LoadChange{at(onServer("a", services), 2, 0), by(onServer("a", "ram"), 5)}, false},
				} {
					t.Equal(change(t, st, true, c.all...).Done, c.done, "%s", c.what)
				}
				t.Equal(loads(t, st), []provisioning.Load{load(onServer("a", "disk"), 0, 5, -1), load(onServer("a", services), 3, 2, -1)}, "the loads")
			},
		},
		{
			ID: "ROOM-4", Name: "at once",
			Text: "However many transactions take room at once, no load exceeds its capacity, and none is refused while there is room.",
			Why:  "The look before the write does not help when two look at once.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				const n, each, capacity = 16, 3, 20
				room(t, st, onServer("a", ""), 1, map[string]int64{services: capacity})
				room(t, st, onServer("b", ""), 1, map[string]int64{services: capacity})
				room(t, st, onMachine("m", ""), 1, map[string]int64{services: capacity + capacity/2})
				var done [2]atomic.Int64
				failed := make([]error, n)
				h.AtOnce(t, n, func(i int) {
					server := provisioning.ServerID("ab"[i%2 : i%2+1])
					for range each {
						var result provisioning.LoadResult
						err := st.Update(t.Context(), inRows(st, func(ctx context.Context, rows provisioning.Rows) (err error) {
							result, err = rows.ChangeLoads(ctx, provisioning.LoadBatch{
								Changes: []provisioning.LoadChange{by(onServer(server, services), 1), by(onMachine("m", services), 1)},
								At:      noon(), Final: i%4 < 2,
							})
							return err
						}))
						if err != nil {
							failed[i] = err
							return
						}
						if result.Done {
							done[i%2].Add(1)
						}
					}
				})
				t.OK(errors.Join(failed...), "change loads at once")
				if a, b := done[0].Load(), done[1].Load(); a+b != capacity+capacity/2 || a > capacity || b > capacity {
					t.Errorf("%d and %d were taken, want %d in all and at most %d each", a, b, capacity+capacity/2, capacity)
				}
				t.Equal(loads(t, st), []provisioning.Load{
					load(onMachine("m", services), 1, done[0].Load()+done[1].Load(), capacity+capacity/2),
					load(onServer("a", services), 1, done[0].Load(), capacity), load(onServer("b", services), 1, done[1].Load(), capacity),
				}, "the loads")
			},
		},
		{
			ID: "ROOM-5", Name: "other orders",
			Text: "Transactions that change the same loads, given in other orders, do not block each other for ever; those that cannot go on are run again.",
			Why:  "Orders would fail while there is room.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				const n, each = 8, 4
				keys := []provisioning.LoadKey{onServer("a", services), onServer("b", services), onMachine("m", services), onServer("a", "x"), onServer("b", "y")}
				for _, of := range []provisioning.LoadKey{onServer("a", ""), onServer("b", ""), onMachine("m", "")} {
					room(t, st, of, 1, nil)
				}
				failed := make([]error, n)
				h.AtOnce(t, n, func(i int) {
					for j := range each {
						var all []provisioning.LoadChange
						for k := range keys {
							all = append(all, by(keys[(k*(1+i%4)+j)%len(keys)], 1))
						}
						failed[i] = st.Update(t.Context(), inRows(st, func(ctx context.Context, rows provisioning.Rows) error {
							_, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{Changes: all, At: noon()})
							return err
						}))
						if failed[i] != nil {
							return
						}
					}
				})
				t.OK(errors.Join(failed...), "change loads at once")
				for _, l := range loads(t, st) {
					t.Equal(l.Used, int64(n*each), "used of %+v", l.LoadKey)
				}
			},
		},
		{
			ID: "ROOM-6", Name: "capacity and loads at once",
			Text: "PutRoom and ChangeLoads at once: a capacity that is below what is used when it is read back was so before, also for a dimension that is new.",
			Why:  "A capacity that was just lowered would be exceeded by an order that came at the same moment.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				for round := range 8 {
					of, dimension := onServer("a", ""), fmt.Sprint("d", round)
					key := onServer("a", dimension)
					room(t, st, of, int64(2*round+1), nil)
					results := make([]error, 4)
					h.AtOnce(t, len(results), func(i int) {
						results[i] = tried(t, st, func(ctx context.Context, rows provisioning.Rows) error {
							if i == 0 {
								if err := rows.PutRoom(ctx, of, int64(2*round+2), map[string]int64{dimension: 2}, noon()); err != nil {
									return err
								}
								now, err := rows.LoadsOf(ctx, of)
								if err != nil {
									return err
								}
								for _, l := range now {
									if l.Dimension == dimension && l.Used > 2 {
										return errRefused
									}
								}
								return nil
							}
							got, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{At: noon(), Changes: []provisioning.LoadChange{by(onServer("a", services), 0), by(key, 1)}})
							if err == nil && !got.Done {
								err = errRefused
							}
							return err
						})
					})
					for i, err := range results {
						if err != nil && !errors.Is(err, errRefused) {
							t.OK(err, "transaction %d", i)
						}
					}
					for _, l := range loads(t, st) {
						if l.Limited && l.Used > l.Capacity {
							t.Errorf("round %d: %d of %d are used", round, l.Used, l.Capacity)
						}
					}
				}
			},
		},
		{
			ID: "ROOM-7", Name: "remove",
			Text: "RemoveRoom deletes the loads of a server or machine if all are 0, else it is ErrInUse and nothing is deleted; of a removal and a change at once one comes first.",
			Why:  "A server would be removed with services on it, or services be placed on one that is gone.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a := onServer("a", "")
				room(t, st, a, 1, map[string]int64{"disk": 5})
				room(t, st, onServer("ab", ""), 1, nil)
				remove := func(ctx context.Context, rows provisioning.Rows) error { return rows.RemoveRoom(ctx, a) }
				change(t, st, false, by(onServer("a", services), 1))
				fails(t, st, provisioning.ErrInUse, "loads that are not 0", remove)
				change(t, st, false, by(onServer("a", services), -1))
				update(t, st, "remove", remove)
				t.Equal(loads(t, st), []provisioning.Load{load(onServer("ab", services), 1, 0, -1)}, "the loads")
				update(t, st, "remove what is not there", remove)
				for round := range 8 {
					room(t, st, a, 1, nil)
					results := make([]error, 3)
					h.AtOnce(t, len(results), func(i int) {
						results[i] = tried(t, st, func(ctx context.Context, rows provisioning.Rows) error {
							if i == 0 {
								return rows.RemoveRoom(ctx, a)
							}
							got, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{At: noon(), Changes: []provisioning.LoadChange{by(onServer("a", services), 1)}})
							if err == nil && !got.Done {
								err = errRefused
							}
							return err
						})
					})
					used := int64(0)
					for _, err := range results[1:] {
						if err == nil {
							used++
						} else {
							t.Is(err, errRefused, "a change when the loads were removed")
						}
					}
					want := []provisioning.Load{load(onServer("a", services), 1, used, -1), load(onServer("ab", services), 1, 0, -1)}
					if results[0] == nil {
						t.Equal(used, int64(0), "taken in round %d although the loads were removed", round)
						want = want[1:]
					} else {
						t.Is(results[0], provisioning.ErrInUse, "a removal when something was taken")
					}
					t.Equal(loads(t, st), want, "the loads in round %d", round)
					if used > 0 {
						change(t, st, false, by(onServer("a", services), -used))
					}
				}
			},
		},
		{
			ID: "ROOM-8", Name: "below zero",
			Text: "A load that would be below 0 is an error of kind internal.",
			Why:  "Room that was given back twice would be given out twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				room(t, st, onServer("a", ""), 1, nil)
				change(t, st, false, by(onServer("a", services), 1))
				for _, key := range []provisioning.LoadKey{onServer("a", services), onServer("a", "new")} {
					err := tried(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						_, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{Changes: []provisioning.LoadChange{by(key, -2)}, At: noon()})
						return err
					})
					t.Equal(tierhost.KindOf(err), tierhost.KindInternal, "kind of %v", err)
				}
				t.Equal(loads(t, st), []provisioning.Load{load(onServer("a", services), 1, 1, -1)}, "the loads")
			},
		},
		{
			ID: "ROOM-9", Name: "list",
			Text: "Loads come machines first, then servers, by ID and dimension, after the one given, changed at or after the time given, no more than the limit; Changed never goes back.",
			Why:  "Placement goes by what it was told: a load that is skipped is wrong for a long time.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				for i, of := range []provisioning.LoadKey{onServer("a", ""), onMachine("b", ""), onServer("B", ""), onMachine("a", ""), onServer("é", "")} {
					update(t, st, "put room", func(ctx context.Context, rows provisioning.Rows) error {
						return rows.PutRoom(ctx, of, 1, map[string]int64{"x": 1}, noon().Add(time.Duration(i)*time.Second))
					})
				}
				update(t, st, "an older change", func(ctx context.Context, rows provisioning.Rows) error {
					_, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{
						Changes: []provisioning.LoadChange{by(onServer("é", services), 1), by(onServer("é", "y"), 1)}, At: noon().Add(-time.Hour),
					})
					return err
				})
				want := []provisioning.LoadKey{
					onMachine("a", services), onMachine("a", "x"), onMachine("b", services), onMachine("b", "x"),
					onServer("B", services), onServer("B", "x"), onServer("a", services), onServer("a", "x"),
					onServer("é", services), onServer("é", "x"), onServer("é", "y"),
				}
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					list := func(since time.Time, after provisioning.LoadKey, limit int, want []provisioning.LoadKey) {
						t.Helper()
						got, err := rows.Loads(ctx, since, after, limit)
						t.OK(err, "Loads")
						var keys []provisioning.LoadKey
						for _, l := range got {
							keys = append(keys, l.LoadKey)
						}
						t.Equal(keys, want, "up to %d loads after %+v since %s", limit, after, since)
					}
					for i := -1; i < len(want); i++ {
						after := provisioning.LoadKey{}
						if i >= 0 {
							after = want[i]
						}
						for _, limit := range []int{-1, 0, 1, 4, 100} {
							list(time.Time{}, after, limit, want[i+1:min(len(want), i+1+max(limit, 0))])
						}
					}
					list(noon().Add(3*time.Second), provisioning.LoadKey{}, 10, []provisioning.LoadKey{want[0], want[1], want[8], want[9]})
					got, err := rows.LoadsOf(ctx, onServer("é", ""))
					t.Equal(len(got), 3, "loads of a server")
					if len(got) == 3 {
						t.Equal([]any{got[0].Dimension, got[0].Changed}, []any{services, noon().Add(4 * time.Second)}, "the first of them")
						t.Equal([]any{got[2].Dimension, got[2].Changed}, []any{"y", noon().Add(-time.Hour)}, "the last of them")
					}
					return err
				})
			},
		},
	}
}

// sorted are loads in their order.
func sorted(all []provisioning.Load) []provisioning.Load {
	return slices.SortedFunc(slices.Values(all), func(a, b provisioning.Load) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Dimension, b.Dimension))
	})
}
