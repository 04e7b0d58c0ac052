package provisioningtest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// stay is one that has ended and was counted, of the name of its service.
func stay(service provisioning.ServiceID, number int64, server provisioning.ServerID) provisioning.Stay {
	return provisioning.Stay{
		Service: service, Number: number, Server: server, Kind: "web", Name: string(service), Since: noon(), Until: noon().Add(time.Hour),
	}
}

// uncounted is a stay of which something is not counted yet.
func uncounted(s provisioning.Stay) provisioning.Stay {
	s.Last = filled[provisioning.Stay]().Last
	return s
}

func putStays(all ...provisioning.Stay) rowsFunc {
	return func(ctx context.Context, rows provisioning.Rows) error { return rows.PutStays(ctx, all) }
}

func named(all ...provisioning.Stay) (names []provisioning.Claim) {
	for _, s := range all {
		names = append(names, provisioning.Claim{Server: s.Server, Kind: s.Kind, Name: s.Name})
	}
	return names
}

// stays are those of the names, by service and number.
func stays(t *conformance.T, st provisioning.Store, names ...provisioning.Claim) (all []provisioning.Stay) {
	t.Helper()
	view(t, st, func(ctx context.Context, rows provisioning.Rows) (err error) {
		all, err = rows.Stays(ctx, names)
		return err
	})
	slices.SortFunc(all, func(a, b provisioning.Stay) int {
		return cmp.Or(strings.Compare(string(a.Service), string(b.Service)), cmp.Compare(a.Number, b.Number))
	})
	return all
}

func stayRules() []StoreRule {
	return []StoreRule{
		{
			ID: "STAY-1", Name: "read back",
			Text: "A stay comes back by the name that the service has there, with every field equal, and as it was written last.",
			Why:  "What is measured is somebody's by it.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := filled[provisioning.Stay]()
				full.Name = odd
				again, other := stay("a", 1<<40, "s"), stay("b", 1, "s")
				other.Name = "a"
				update(t, st, "write", putStays(full, stay("a", 1, "s"), again, other, stay("a", 2, "t")))
				t.Equal(stays(t, st, named(full)...), []provisioning.Stay{full}, "one with every field")
				t.Equal(stays(t, st, named(again)...), []provisioning.Stay{stay("a", 1, "s"), again, other}, "those of a name")
				t.Equal(len(stays(t, st, named(again, full, stay("a", 2, "t"))...)), 5, "those of three")
				t.Equal(len(stays(t, st)), 0, "of none")
				for _, c := range []provisioning.Claim{{Server: "u", Kind: "web", Name: "a"}, {Server: "s", Kind: "Web", Name: "a"}, {Server: "s", Kind: "web", Name: "A"}} {
					t.Equal(len(stays(t, st, c)), 0, "of %+v", c)
				}
				again.Until, again.Since = time.Time{}, time.Time{}
				update(t, st, "write again", putStays(uncounted(again)))
				t.Equal(stays(t, st, named(again)...), []provisioning.Stay{stay("a", 1, "s"), uncounted(again), other}, "as written last")
			},
		},
		{
			ID: "STAY-2", Name: "uncounted",
			Text: "UncountedStays are those that have a Last, by server, service and number: on a server or on any, as many as allowed.",
			Why:  "What was used before a removal is billed once it is counted, and then no more.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				running := uncounted(stay("b", 2, "t"))
				running.Until = time.Time{}
				all := []provisioning.Stay{uncounted(stay("c", 1, "s")), uncounted(stay("a", 3, "t")), running, uncounted(stay("b", 10, "t"))}
				update(t, st, "write", putStays(all[3], all[1], stay("a", 9, "s"), all[2], all[0]))
				list := func(server provisioning.ServerID, limit int) (got []provisioning.Stay) {
					view(t, st, func(ctx context.Context, rows provisioning.Rows) (err error) {
						got, err = rows.UncountedStays(ctx, server, limit)
						return err
					})
					return got
				}
				t.Equal(list("", 9), all, "on any server")
				t.Equal(list("", 2), all[:2], "two of them")
				t.Equal(list("t", 9), all[1:], "on one")
				t.Equal(list("t", 1), all[1:2], "one on one")
				t.Equal(len(list("t", 0)), 0, "none")
				t.Equal(len(list("u", 9)), 0, "on another")
				counted := all[1]
				counted.Last = nil
				update(t, st, "count one", putStays(counted))
				t.Equal(list("t", 9), all[2:], "those that are left")
			},
		},
		{
			ID: "STAY-3", Name: "purge",
			Text: "PurgeStays deletes stays on a server that ended before the instant, as many as allowed, and counts them; none that has a Last, or has not ended.",
			Why:  "What was used and is not billed yet must not be forgotten.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				open := stay("a", 4, "s")
				open.Until = time.Time{}
				late := stay("a", 5, "s")
				late.Until = noon().Add(2 * time.Hour)
				kept := []provisioning.Stay{uncounted(stay("a", 3, "s")), open, late}
				update(t, st, "write", putStays(append(kept, stay("a", 1, "s"), stay("a", 2, "s"), stay("a", 6, "t"))...))
				purge := func(before time.Time, limit int) (n int) {
					update(t, st, "purge", func(ctx context.Context, rows provisioning.Rows) (err error) {
						n, err = rows.PurgeStays(ctx, "s", before, limit)
						return err
					})
					return n
				}
				t.Equal(purge(noon().Add(time.Hour), 9), 0, "at the end of the first")
				t.Equal(purge(noon().Add(2*time.Hour), 0), 0, "none of them")
				t.Equal(purge(noon().Add(2*time.Hour), 1), 1, "one of two")
				t.Equal(purge(noon().Add(2*time.Hour), 9), 1, "the other")
				t.Equal(stays(t, st, named(open)...), kept, "what is left")
				t.Equal(len(stays(t, st, named(stay("a", 6, "t"))...)), 1, "what is of another server")
			},
		},
	}
}
