package provisioningtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// kind is one sort of rows that have an ID and a version.
type kind[V any] struct {
	prefix, noun string
	id           func(*V) *string
	version      func(*V) *int64
	// plain makes a row with little in it, strange one with text that encodings stumble
	// over.
	plain   func(id string) V
	strange func(v *V)
	put     func(ctx context.Context, rows provisioning.Rows, v V) error
	find    func(ctx context.Context, rows provisioning.Rows, id string) (V, error)
	list    func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]V, error)
	remove  func(ctx context.Context, rows provisioning.Rows, id string, version int64) error
}

func groupKind() kind[provisioning.Group] {
	return kind[provisioning.Group]{
		prefix: "GROUP", noun: "group",
		id:      func(g *provisioning.Group) *string { return (*string)(&g.ID) },
		version: func(g *provisioning.Group) *int64 { return &g.Version },
		plain: func(id string) provisioning.Group {
			return provisioning.Group{ID: provisioning.GroupID(id), Kind: "web"}
		},
		strange: func(g *provisioning.Group) { g.Name = odd },
		put: func(ctx context.Context, rows provisioning.Rows, g provisioning.Group) error {
			return rows.PutGroup(ctx, g)
		},
		find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Group, error) {
			return rows.Group(ctx, provisioning.GroupID(id))
		},
		list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Group, error) {
			return rows.Groups(ctx, provisioning.GroupID(after), limit)
		},
		remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
			return rows.RemoveGroup(ctx, provisioning.GroupID(id), version)
		},
	}
}

func machineKind() kind[provisioning.Machine] {
	return kind[provisioning.Machine]{
		prefix: "MACHINE", noun: "machine",
		id:      func(m *provisioning.Machine) *string { return (*string)(&m.ID) },
		version: func(m *provisioning.Machine) *int64 { return &m.Version },
		plain: func(id string) provisioning.Machine {
			return provisioning.Machine{ID: provisioning.MachineID(id), Status: provisioning.StatusActive}
		},
		strange: func(m *provisioning.Machine) {
			m.Name, m.Seller, m.TakeKey, m.Tags = odd, odd, odd, []string{strings.Repeat("ä", 20_000), ""}
			m.Capacity = map[string]int64{"": 0, odd: 1<<63 - 1}
		},
		put: func(ctx context.Context, rows provisioning.Rows, m provisioning.Machine) error {
			return rows.PutMachine(ctx, m)
		},
		find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Machine, error) {
			return rows.Machine(ctx, provisioning.MachineID(id))
		},
		list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Machine, error) {
			return rows.Machines(ctx, provisioning.MachineQuery{}, provisioning.MachineID(after), limit)
		},
		remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
			return rows.RemoveMachine(ctx, provisioning.MachineID(id), version)
		},
	}
}

func serverKind() kind[provisioning.Server] {
	return kind[provisioning.Server]{
		prefix: "SERVER", noun: "server",
		id:      func(s *provisioning.Server) *string { return (*string)(&s.ID) },
		version: func(s *provisioning.Server) *int64 { return &s.Version },
		plain: func(id string) provisioning.Server {
			return provisioning.Server{ID: provisioning.ServerID(id), Machine: "m", Group: "g", Kind: "web", Status: provisioning.StatusActive}
		},
		strange: func(s *provisioning.Server) {
			s.Name, s.Driver = odd, odd
			s.Config = json.RawMessage(`{"a<b": [1e400, "\u2028", null]}`)
		},
		put: func(ctx context.Context, rows provisioning.Rows, s provisioning.Server) error {
			return rows.PutServer(ctx, s)
		},
		find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Server, error) {
			return rows.Server(ctx, provisioning.ServerID(id))
		},
		list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Server, error) {
			return rows.Servers(ctx, provisioning.ServerQuery{}, provisioning.ServerID(after), limit)
		},
		remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
			return rows.RemoveServer(ctx, provisioning.ServerID(id), version)
		},
	}
}

func poolKind() kind[provisioning.Pool] {
	return kind[provisioning.Pool]{
		prefix: "POOL", noun: "pool",
		id:      func(p *provisioning.Pool) *string { return (*string)(&p.ID) },
		version: func(p *provisioning.Pool) *int64 { return &p.Version },
		plain: func(id string) provisioning.Pool {
			return provisioning.Pool{ID: provisioning.PoolID(id), Server: "s", Kind: provisioning.AddressDedicated}
		},
		strange: func(p *provisioning.Pool) { p.Network, p.Most = odd, 1<<62 },
		put: func(ctx context.Context, rows provisioning.Rows, p provisioning.Pool) error {
			return rows.PutPool(ctx, p)
		},
		find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Pool, error) {
			return rows.Pool(ctx, provisioning.PoolID(id))
		},
		list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Pool, error) {
			return rows.Pools(ctx, "", provisioning.PoolID(after), limit)
		},
		remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
			return rows.RemovePool(ctx, provisioning.PoolID(id), version)
		},
	}
}

// first is a row at its first version.
func (k kind[V]) first(id string) V {
	v := k.plain(id)
	*k.version(&v) = 1
	return v
}

// full is a row with every field set, at its first version.
func (k kind[V]) full() V {
	v := filled[V]()
	*k.version(&v) = 1
	return v
}

// write puts rows, after the inventory was locked as it has to be, and commits.
func (k kind[V]) write(t *conformance.T, st provisioning.Store, all ...V) {
	t.Helper()
	update(t, st, "put "+k.noun, func(ctx context.Context, rows provisioning.Rows) error {
		if err := rows.LockInventory(ctx); err != nil {
			return err
		}
		for _, v := range all {
			if err := k.put(ctx, rows, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// locked is fn after the inventory was locked.
func locked(fn rowsFunc) rowsFunc {
	return func(ctx context.Context, rows provisioning.Rows) error {
		if err := rows.LockInventory(ctx); err != nil {
			return err
		}
		return fn(ctx, rows)
	}
}

// dump is all rows, as canonical text.
func (k kind[V]) dump(t *conformance.T, st provisioning.Store) (text string) {
	t.Helper()
	view(t, st, func(ctx context.Context, rows provisioning.Rows) (err error) {
		text, err = k.text(ctx, rows)
		return err
	})
	return text
}

func (k kind[V]) text(ctx context.Context, rows provisioning.Rows) (text string, err error) {
	for after, more := "", true; more; {
		page, err := k.list(ctx, rows, after, 2)
		if err != nil {
			return "", err
		}
		for _, v := range page {
			text += conformance.Text(v) + "\n"
			after = *k.id(&v)
		}
		more = len(page) == 2
	}
	return text, nil
}

func (k kind[V]) rules() []StoreRule {
	rule := func(n int, name, text, why string, check func(t *conformance.T, h StoreHarness)) StoreRule {
		r := strings.NewReplacer("NOUN", k.noun)
		return StoreRule{ID: fmt.Sprint(k.prefix, "-", n), Name: name, Text: r.Replace(text), Why: r.Replace(why), Check: check}
	}
	return []StoreRule{
		rule(1, "read back", "A NOUN comes back with every field equal, by ID and in the list.",
			"What is lost is missing where services are placed.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				rough := k.first(odd)
				k.strange(&rough)
				var all []V
				for _, v := range []V{k.full(), k.first("bare"), rough} {
					k.write(t, st, v)
					all = append(all, v)
					view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						got, err := k.find(ctx, rows, *k.id(&v))
						t.Equal(got, v, "the %s %q", k.noun, *k.id(&v))
						return err
					})
				}
				t.Equal(k.dump(t, st), conformance.Text(all[0])+"\n"+conformance.Text(all[1])+"\n"+conformance.Text(all[2])+"\n", "the list")
			}),
		rule(2, "replace", "A NOUN of the next version replaces all of the one before.",
			"What was taken out of a NOUN must not be used again.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				v := k.full()
				k.write(t, st, v, k.first("z"))
				bare := k.first(*k.id(&v))
				*k.version(&bare) = 2
				k.write(t, st, bare)
				t.Equal(k.dump(t, st), conformance.Text(bare)+"\n"+conformance.Text(k.first("z"))+"\n", "the store")
			}),
		rule(3, "versions", "A put with a version that is not the next one is storage.ErrConflict and changes nothing.",
			"Of two people who change a NOUN at once the second must see what the first has done.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				two := k.first("a")
				*k.version(&two) = 2
				k.write(t, st, k.first("a"))
				k.write(t, st, two)
				before := k.dump(t, st)
				for _, version := range []int64{1, 2, 4, 100} {
					v := k.full()
					*k.id(&v), *k.version(&v) = "a", version
					fails(t, st, storage.ErrConflict, fmt.Sprintf("version %d over version 2", version),
						locked(func(ctx context.Context, rows provisioning.Rows) error { return k.put(ctx, rows, v) }))
					if *k.id(&v) = "none"; version > 1 {
						fails(t, st, storage.ErrConflict, fmt.Sprintf("version %d over none", version),
							locked(func(ctx context.Context, rows provisioning.Rows) error { return k.put(ctx, rows, v) }))
					}
				}
				t.Equal(k.dump(t, st), before, "the store")
			}),
		rule(4, "not there", "A NOUN that is not there is storage.ErrNotFound; names are compared byte by byte.",
			"Whoever gets another NOUN works on the wrong one.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				k.write(t, st, k.first("ab"))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					for _, id := range []string{"", "a", "abc", "AB", "a%", "__", "ab "} {
						var none V
						got, err := k.find(ctx, rows, id)
						t.Is(err, storage.ErrNotFound, "%s %q", k.noun, id)
						t.Equal(got, none, "the %s %q", k.noun, id)
					}
					return nil
				})
			}),
		rule(5, "list", "Rows come after the given one, by the bytes of the ID, and no more than the limit.",
			"Pages are put together by the last NOUN seen: one out of order is skipped or shown twice.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				sorted := []string{"A", "B", "_", "a", "a-b", "aa", "b", "é", "\U0001f600"}
				for i := range sorted {
					k.write(t, st, k.first(sorted[(i*5)%len(sorted)]))
				}
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					for from := -1; from < len(sorted); from++ {
						after := ""
						if from >= 0 {
							after = sorted[from]
						}
						for _, limit := range []int{-1, 0, 1, 3, 100} {
							page, err := k.list(ctx, rows, after, limit)
							if err != nil {
								return err
							}
							var got []string
							for _, v := range page {
								got = append(got, *k.id(&v))
							}
							want := sorted[from+1:]
							t.Equal(got, want[:min(max(limit, 0), len(want))], "up to %d after %q", limit, after)
						}
					}
					return nil
				})
			}),
		rule(6, "remove", "A removal deletes the NOUN; storage.ErrNotFound if there is none, storage.ErrConflict if it has another version.",
			"A NOUN that somebody has just changed is not to be lost unseen.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				two := k.first("a")
				*k.version(&two) = 2
				k.write(t, st, k.first("a"), k.first("c"))
				k.write(t, st, two)
				remove := func(id string, version int64) rowsFunc {
					return locked(func(ctx context.Context, rows provisioning.Rows) error { return k.remove(ctx, rows, id, version) })
				}
				before := k.dump(t, st)
				fails(t, st, storage.ErrConflict, "an older version", remove("a", 1))
				fails(t, st, storage.ErrConflict, "a newer version", remove("a", 3))
				fails(t, st, storage.ErrNotFound, "none", remove("b", 1))
				fails(t, st, storage.ErrNotFound, "none, version 0", remove("b", 0))
				t.Equal(k.dump(t, st), before, "the store")
				update(t, st, "remove", remove("a", 2))
				t.Equal(k.dump(t, st), conformance.Text(k.first("c"))+"\n", "the store")
				fails(t, st, storage.ErrNotFound, "a second time", remove("a", 2))
				k.write(t, st, k.first("a"))
			}),
		rule(7, "copies", "Neither side sees later changes of what it has given or got.",
			"Whoever shows a NOUN would change that of all.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				v := k.full()
				update(t, st, "put", locked(func(ctx context.Context, rows provisioning.Rows) error {
					given := k.full()
					if err := k.put(ctx, rows, given); err != nil {
						return err
					}
					conformance.Scramble(given)
					return nil
				}))
				want := conformance.Text(v) + "\n"
				t.Equal(k.dump(t, st), want, "the store after a change of what was given")
				update(t, st, "read", func(ctx context.Context, rows provisioning.Rows) error {
					one, err := k.find(ctx, rows, *k.id(&v))
					t.OK(err, "find")
					list, err := k.list(ctx, rows, "", 10)
					t.OK(err, "list")
					conformance.Scramble(one)
					conformance.Scramble(list)
					again, err := k.find(ctx, rows, *k.id(&v))
					t.Equal(again, v, "the %s in the same transaction", k.noun)
					return err
				})
				t.Equal(k.dump(t, st), want, "the store after a change of what was got")
			}),
		rule(8, "one version", "Of several transactions that write the same next version exactly one succeeds; the others get storage.ErrConflict.",
			"The loser would overwrite what the winner has just changed.",
			func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				two := k.first("old")
				*k.version(&two) = 2
				k.write(t, st, k.first("old"))
				for _, v := range []V{k.first("new"), two} {
					const n = 4
					results := make([]error, n)
					h.AtOnce(t, n, func(i int) {
						results[i] = tried(t, st, locked(func(ctx context.Context, rows provisioning.Rows) error { return k.put(ctx, rows, v) }))
					})
					won := 0
					for i, err := range results {
						if err == nil {
							won++
						} else if !errors.Is(err, storage.ErrConflict) {
							t.Errorf("writer %d: %v, want a conflict", i, err)
						}
					}
					t.Equal(won, 1, "writers of version %d that succeed", *k.version(&v))
				}
			}),
	}
}
