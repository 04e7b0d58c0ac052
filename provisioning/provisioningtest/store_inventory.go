package provisioningtest

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// ids are those of rows, in their order.
func ids[V any](k kind[V], rows []V) (all []string) {
	for i := range rows {
		all = append(all, *k.id(&rows[i]))
	}
	return all
}

func queryRules() []StoreRule {
	return []StoreRule{
		{
			ID: "QUERY-1", Name: "machines",
			Text: "Machines returns those of the allocation and the seller asked for.",
			Why:  "A machine that is taken would be given to a second reseller.",
			Check: func(t *conformance.T, h StoreHarness) {
				st, k := h.New(t.Test()), machineKind()
				machine := func(id string, a provisioning.Allocation, seller string) provisioning.Machine {
					m := k.first(id)
					m.Allocation, m.Seller = a, seller
					return m
				}
				k.write(t, st, machine("a", provisioning.Unassigned, ""), machine("b", provisioning.Available, ""),
					machine("c", provisioning.Taken, "x"), machine("d", provisioning.Taken, "y"), machine("e", provisioning.Taken, "x"))
				back := machine("e", provisioning.Available, "")
				back.Version = 2
				k.write(t, st, back)
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					for _, c := range []struct {
						q     provisioning.MachineQuery
						after provisioning.MachineID
						want  []string
					}{
						{provisioning.MachineQuery{}, "", []string{"a", "b", "c", "d", "e"}},
						{provisioning.MachineQuery{Allocation: provisioning.Available}, "", []string{"b", "e"}},
						{provisioning.MachineQuery{Allocation: provisioning.Available}, "b", []string{"e"}},
						{provisioning.MachineQuery{Allocation: provisioning.Taken}, "", []string{"c", "d"}},
						{provisioning.MachineQuery{Seller: "x"}, "", []string{"c"}},
						{provisioning.MachineQuery{Allocation: provisioning.Available, Seller: "x"}, "", nil},
						{provisioning.MachineQuery{Seller: "X"}, "", nil},
					} {
						got, err := rows.Machines(ctx, c.q, c.after, 10)
						if err != nil {
							return err
						}
						t.Equal(ids(k, got), c.want, "machines of %+v after %q", c.q, c.after)
					}
					return nil
				})
			},
		},
		{
			ID: "QUERY-2", Name: "servers and pools",
			Text: "Servers returns those of the machine and the group asked for, Pools those of the server.",
			Why:  "A machine would be set aside, or a server removed, while something depends on it.",
			Check: func(t *conformance.T, h StoreHarness) {
				st, k, p := h.New(t.Test()), serverKind(), poolKind()
				server := func(id string, version int64, m provisioning.MachineID, g provisioning.GroupID) provisioning.Server {
					s := k.first(id)
					s.Version, s.Machine, s.Group = version, m, g
					return s
				}
				k.write(t, st, server("a", 1, "m", "g"), server("b", 1, "m", "h"), server("c", 1, "n", "g"), server("d", 1, "n", "g"))
				k.write(t, st, server("d", 2, "m", "h"))
				pool := p.first("q")
				pool.Server = "t"
				p.write(t, st, p.first("p"), pool, p.first("r"))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					for _, c := range []struct {
						q    provisioning.ServerQuery
						want []string
					}{
						{provisioning.ServerQuery{Machine: "m"}, []string{"a", "b", "d"}},
						{provisioning.ServerQuery{Machine: "n"}, []string{"c"}},
						{provisioning.ServerQuery{Group: "g"}, []string{"a", "c"}},
						{provisioning.ServerQuery{Machine: "m", Group: "h"}, []string{"b", "d"}},
						{provisioning.ServerQuery{Machine: "M"}, nil},
					} {
						got, err := rows.Servers(ctx, c.q, "", 10)
						if err != nil {
							return err
						}
						t.Equal(ids(k, got), c.want, "servers of %+v", c.q)
					}
					got, err := rows.Pools(ctx, "s", "", 10)
					if err != nil {
						return err
					}
					t.Equal(ids(p, got), []string{"p", "r"}, "pools of a server")
					got, err = rows.Pools(ctx, "s", "p", 10)
					t.Equal(ids(p, got), []string{"r"}, "pools of a server after one")
					return err
				})
			},
		},
	}
}

func revisionRules() []StoreRule {
	revision := func(t *conformance.T, st provisioning.Store) (v provisioning.Revision) {
		t.Helper()
		view(t, st, func(ctx context.Context, rows provisioning.Rows) (err error) {
			v, err = rows.Revision(ctx)
			return err
		})
		return v
	}
	return []StoreRule{
		{
			ID: "REVISION-1", Name: "grows",
			Text: "The revision is zero at first, grows with each transaction that locks the inventory and commits, and tells removals of machines and servers.",
			Why:  "Other processes would go on placing on what is gone.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				t.Equal(revision(t, st), provisioning.Revision{}, "of an empty store")
				machineKind().write(t, st, machineKind().first("a"), machineKind().first("b"))
				one := revision(t, st)
				if one.Number < 1 || one.Removal != 0 {
					t.Errorf("revision %+v after a write, want one above 0 without a removal", one)
				}
				serverKind().write(t, st, serverKind().first("s"))
				two := revision(t, st)
				if two.Number <= one.Number || two.Removal != 0 {
					t.Errorf("revision %+v after another write, want one above %+v without a removal", two, one)
				}
				fails(t, st, errRefused, "a function that locks and refuses", locked(func(context.Context, provisioning.Rows) error { return errRefused }))
				t.Equal(revision(t, st), two, "after a rollback")
				last := two
				for _, remove := range []rowsFunc{
					func(ctx context.Context, rows provisioning.Rows) error { return rows.RemoveServer(ctx, "s", 1) },
					func(ctx context.Context, rows provisioning.Rows) error { return rows.RemoveMachine(ctx, "a", 1) },
				} {
					update(t, st, "remove", locked(remove))
					now := revision(t, st)
					if now.Number <= last.Number || now.Removal != now.Number {
						t.Errorf("revision %+v after a removal, want one above %+v that is one of a removal", now, last)
					}
					last = now
				}
			},
		},
		{
			ID: "REVISION-2", Name: "since",
			Text: "Machines and Servers with Since return those written at a later revision, however often they were written before.",
			Why:  "Other processes would not see the change, or would read everything for each.",
			Check: func(t *conformance.T, h StoreHarness) {
				st, m, s := h.New(t.Test()), machineKind(), serverKind()
				m.write(t, st, m.first("a"), m.first("b"), m.first("c"))
				s.write(t, st, s.first("a"), s.first("b"))
				since := revision(t, st).Number
				two, other := m.first("b"), s.first("a")
				two.Version, other.Version = 2, 2
				m.write(t, st, two, m.first("d"))
				s.write(t, st, other)
				check := func(since int64, machines, servers []string) {
					t.Helper()
					view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						gotM, err := rows.Machines(ctx, provisioning.MachineQuery{Since: since}, "", 10)
						if err != nil {
							return err
						}
						gotS, err := rows.Servers(ctx, provisioning.ServerQuery{Since: since}, "", 10)
						t.Equal(ids(m, gotM), machines, "machines since %d", since)
						t.Equal(ids(s, gotS), servers, "servers since %d", since)
						return err
					})
				}
				check(0, []string{"a", "b", "c", "d"}, []string{"a", "b"})
				check(since, []string{"b", "d"}, []string{"a"})
				check(revision(t, st).Number, nil, nil)
			},
		},
		{
			ID: "REVISION-3", Name: "one at a time",
			Text: "LockInventory makes writers wait for each other, and what is read after it is what those before have left.",
			Why:  "A server would be put in a group that is being removed, a machine given to two resellers.",
			Check: func(t *conformance.T, h StoreHarness) {
				st, k := h.New(t.Test()), groupKind()
				const n, each = 4, 4
				failed := make([]error, n)
				h.AtOnce(t, n, func(i int) {
					for range each {
						failed[i] = tried(t, st, locked(func(ctx context.Context, rows provisioning.Rows) error {
							all, err := rows.Groups(ctx, "", 100)
							if err != nil {
								return err
							}
							return rows.PutGroup(ctx, k.first(fmt.Sprintf("%03d", len(all))))
						}))
						if failed[i] != nil {
							return
						}
					}
				})
				for i, err := range failed {
					t.OK(err, "writer %d", i)
				}
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					all, err := rows.Groups(ctx, "", 100)
					t.Equal(len(all), n*each, "groups")
					return err
				})
			},
		},
	}
}
