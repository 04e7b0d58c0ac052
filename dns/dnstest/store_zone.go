package dnstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func zone(name string, change func(z *dns.Zone)) dns.Zone {
	z := zoneKind().Row(name)
	if change != nil {
		change(&z)
	}
	return z
}

func zoneNames(all []dns.Zone) (names []string) {
	for _, z := range all {
		names = append(names, string(z.Name))
	}
	return names
}

func zoneRules() []StoreRule {
	return []StoreRule{
		{
			ID: "ZONE-4", Name: "queries",
			Text: "A query finds the zones whose fields are those of the query; by a template or a set those that refer to it now.",
			Why:  "A zone that is not found keeps the old mail server.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				update(t, st, "write", func(ctx context.Context, rows dns.Rows) error {
					return rows.PutZones(ctx, []dns.Zone{
						zone("a", func(z *dns.Zone) {
							z.Templates = []dns.TemplateRef{{ID: "x", Version: 1}, {ID: "x", Version: 2}, {ID: "y", Version: 1}}
						}),
						zone("b", func(z *dns.Zone) { z.Seller, z.Sets = "other", []dns.SetRef{{ID: "x", Version: 3}} }),
						zone("c", func(z *dns.Zone) {
							z.Account, z.Sets = "other", []dns.SetRef{{ID: "s", Version: 1}, {ID: "x", Version: 1}}
						}),
						zone("d", func(z *dns.Zone) { z.State, z.Sets = dns.ZoneRemoved, []dns.SetRef{{ID: "x", Version: 1}} }),
					})
				})
				ask := func(q dns.ZoneQuery, after dns.Name, limit int) (names []string) {
					view(t, st, func(ctx context.Context, rows dns.Rows) error {
						found, err := rows.ZonePage(ctx, q, after, limit)
						names = zoneNames(found)
						return err
					})
					return names
				}
				for what, c := range map[string]struct {
					q    dns.ZoneQuery
					want string
				}{
					"all":                      {dns.ZoneQuery{}, "a b c d"},
					"of a seller":              {dns.ZoneQuery{Seller: "seller"}, "a c d"},
					"of an account":            {dns.ZoneQuery{Seller: "seller", Account: "account"}, "a d"},
					"active ones":              {dns.ZoneQuery{State: dns.ZoneActive}, "a b c"},
					"removed ones":             {dns.ZoneQuery{State: dns.ZoneRemoved}, "d"},
					"by template x":            {dns.ZoneQuery{Source: dns.Source{Template: "x"}}, "a"},
					"by template y":            {dns.ZoneQuery{Source: dns.Source{Template: "y"}}, "a"},
					"by set x":                 {dns.ZoneQuery{Source: dns.Source{Set: "x"}}, "b c"},
					"by set s":                 {dns.ZoneQuery{Source: dns.Source{Set: "s"}}, "c"},
					"by set x of a seller":     {dns.ZoneQuery{Seller: "other", Source: dns.Source{Set: "x"}}, "b"},
					"by a set that is not one": {dns.ZoneQuery{Source: dns.Source{Set: "y"}}, ""},
				} {
					t.Equal(strings.Join(ask(c.q, "", 10), " "), c.want, "%s", what)
				}
				bySet := dns.ZoneQuery{Source: dns.Source{Set: "x"}}
				t.Equal(ask(bySet, "", 1), []string{"b"}, "the first by set x")
				t.Equal(ask(bySet, "b", 1), []string{"c"}, "those after it")
				t.Equal(len(ask(bySet, "", 0)), 0, "a limit of 0")
				update(t, st, "refer to something else", func(ctx context.Context, rows dns.Rows) error {
					return rows.PutZones(ctx, []dns.Zone{zone("c", func(z *dns.Zone) { z.Version, z.Sets = 2, []dns.SetRef{{ID: "s", Version: 1}} })})
				})
				t.Equal(strings.Join(ask(bySet, "", 10), " "), "b", "by set x, when c refers to it no more")
			},
		},
		{
			ID: "ZONE-5", Name: "below",
			Text: "The zones below a name are found, in the order of their labels from the right, without removed ones and those that only look alike.",
			Why:  "Nobody gets a zone above somebody else's.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				update(t, st, "write", func(ctx context.Context, rows dns.Rows) error {
					return rows.PutZones(ctx, []dns.Zone{
						zone("example.com", nil), zone("b.example.com", nil), zone("c.b.example.com", nil), zone("a-b.example.com", nil),
						zone("xexample.com", nil), zone("example.comx", nil), zone("example.org", nil), zone("0/25.2.0.192.in-addr.arpa", nil),
						zone("gone.example.com", func(z *dns.Zone) { z.State = dns.ZoneRemoved }), zone("com.example", nil),
					})
				})
				below := func(name dns.Name, limit int) string {
					var names []string
					view(t, st, func(ctx context.Context, rows dns.Rows) error {
						found, err := rows.ZonesBelow(ctx, name, limit)
						names = zoneNames(found)
						return err
					})
					return strings.Join(names, " ")
				}
				t.Equal(below("example.com", 10), "a-b.example.com b.example.com c.b.example.com", "below example.com")
				t.Equal(below("example.com", 2), "a-b.example.com b.example.com", "two of them")
				t.Equal(below("example.com", 0), "", "a limit of 0")
				t.Equal(below("b.example.com", 10), "c.b.example.com", "below b.example.com")
				t.Equal(below("a.example.com", 10), "", "below a name without zones")
				t.Equal(below("com", 10), "example.com a-b.example.com b.example.com c.b.example.com xexample.com", "below com")
				t.Equal(below("arpa", 10), "0/25.2.0.192.in-addr.arpa", "below arpa")
				update(t, st, "make it again", func(ctx context.Context, rows dns.Rows) error {
					return rows.PutZones(ctx, []dns.Zone{zone("gone.example.com", func(z *dns.Zone) { z.Version = 2 })})
				})
				t.Equal(below("example.com", 10), "a-b.example.com b.example.com c.b.example.com gone.example.com", "when a removed one is there again")
			},
		},
		{
			ID: "ZONE-6", Name: "whole",
			Text: "Several zones, or publications, are written whole or not at all.",
			Why:  "A zone without its publications is served nowhere.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				update(t, st, "write", func(ctx context.Context, rows dns.Rows) error {
					return errors.Join(rows.PutZones(ctx, []dns.Zone{zone("b", nil)}), rows.PutPublications(ctx, []dns.Publication{publicationKind().Row("b")}))
				})
				before := dump(t, st)
				for _, names := range [][]string{{"a", "b"}, {"b", "c"}} {
					fails(t, st, storage.ErrConflict, "zones of which one is there", func(ctx context.Context, rows dns.Rows) error {
						return rows.PutZones(ctx, []dns.Zone{zone(names[0], nil), zone(names[1], nil)})
					})
					fails(t, st, storage.ErrConflict, "publications of which one is there", func(ctx context.Context, rows dns.Rows) error {
						return rows.PutPublications(ctx, []dns.Publication{publicationKind().Row(names[0]), publicationKind().Row(names[1])})
					})
				}
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "TREE-1", Name: "lock",
			Text: "Of transactions that lock the same name one runs at a time, and reads what those before have left.",
			Why:  "Two who make a zone and one below it at the same time would not see each other.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var inside, most atomic.Int32
				const n = 6
				h.AtOnce(t, n, func(i int) {
					t.OK(st.Update(t.Context(), rowsOf().Within(st, func(ctx context.Context, rows dns.Rows) error {
						if err := rows.LockTree(ctx, "com"); err != nil {
							return err
						}
						most.Store(max(most.Load(), inside.Add(1)))
						defer inside.Add(-1)
						found, err := rows.ZonesBelow(ctx, "com", 100)
						if err != nil {
							return err
						}
						return rows.PutZones(ctx, []dns.Zone{zone(fmt.Sprintf("z%d.com", len(found)), nil)})
					})), "transaction %d", i)
				})
				t.Equal(most.Load(), int32(1), "how many were inside at once")
				view(t, st, func(ctx context.Context, rows dns.Rows) error {
					found, err := rows.ZonesBelow(ctx, "com", 100)
					t.Equal(len(found), n, "zones, each named by how many there were")
					return err
				})
			},
		},
	}
}

func gateRules() []StoreRule {
	return []StoreRule{
		{
			ID: "GATE-1", Name: "gates",
			Text: "A gate comes back as it was written, empty if it never was; those that are closed at a time are listed.",
			Why:  "A gate that is forgotten lets every worker hang at the server that is down.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := filled[dns.Gate]()
				full.Server = "b"
				update(t, st, "write", func(ctx context.Context, rows dns.Rows) error {
					g, err := rows.LockGate(ctx, "b")
					t.Equal(g, dns.Gate{Server: "b"}, "a gate that was never written")
					_, err2 := rows.LockGate(ctx, "a")
					_, err3 := rows.LockGate(ctx, "c")
					return errors.Join(err, err2, err3, rows.PutGate(ctx, full), rows.PutGate(ctx, dns.Gate{Server: "a", Failures: 1}),
						rows.PutGate(ctx, dns.Gate{Server: "c", ClosedUntil: noon()}))
				})
				update(t, st, "read", func(ctx context.Context, rows dns.Rows) error {
					g, err := rows.LockGate(ctx, "b")
					t.Equal(g, full, "what was written")
					return err
				})
				closed := func(at time.Time, after dns.ServerID, limit int) (ids []string) {
					view(t, st, func(ctx context.Context, rows dns.Rows) error {
						found, err := rows.Gates(ctx, at, after, limit)
						for _, g := range found {
							ids = append(ids, string(g.Server))
						}
						return err
					})
					return ids
				}
				t.Equal(closed(time.Time{}, "", 10), []string{"a", "b", "c"}, "all")
				t.Equal(closed(time.Time{}, "a", 1), []string{"b"}, "one after a")
				t.Equal(closed(noon().Add(-time.Microsecond), "b", 10), []string{"c"}, "closed after b just before it opens")
				t.Equal(len(closed(noon(), "b", 10)), 0, "closed after b when it opens")
			},
		},
		{
			ID: "GATE-2", Name: "lock",
			Text: "Of transactions that lock a gate each sees what the one before has written.",
			Why:  "More calls than allowed would run at a server.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				const n = 8
				h.AtOnce(t, n, func(i int) {
					t.OK(st.Update(t.Context(), rowsOf().Within(st, func(ctx context.Context, rows dns.Rows) error {
						g, err := rows.LockGate(ctx, "s")
						if err != nil {
							return err
						}
						g.Failures++
						return rows.PutGate(ctx, g)
					})), "transaction %d", i)
				})
				update(t, st, "read", func(ctx context.Context, rows dns.Rows) error {
					g, err := rows.LockGate(ctx, "s")
					t.Equal(g.Failures, n, "failures, each counted once")
					return err
				})
			},
		},
	}
}

func publicationRules() []StoreRule {
	at := func(zone dns.Name, server dns.ServerID, due time.Time, lease time.Time) dns.Publication {
		p := publicationKind().Row(string(zone))
		p.Server, p.Due = server, due
		if !lease.IsZero() {
			p.Lease = dns.Lease{Token: "t", Until: lease}
		}
		return p
	}
	keys := func(all []dns.Publication) (out []string) {
		for _, p := range all {
			out = append(out, string(p.Zone)+"@"+string(p.Server))
		}
		return out
	}
	return []StoreRule{
		{
			ID: "PUBLICATION-5", Name: "those due",
			Text: "Those due are found in order of when a worker may take them, without those of the servers that are passed over, and the next after a time is told.",
			Why:  "Who is not found is never published, and who waits longest comes first.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				all := []dns.Publication{
					at("a", "s1", noon().Add(2), time.Time{}), at("a", "s2", noon().Add(-2*time.Hour), noon().Add(-time.Minute)),
					at("b", "s1", noon(), time.Time{}), at("b", "s2", noon().Add(-time.Hour), time.Time{}), at("c", "s1", time.Time{}, noon()),
					at("c", "s3", noon().Add(time.Microsecond), time.Time{}), at("d", "s1", noon().Add(-time.Minute), time.Time{}),
				}
				all[0].Due = noon().Add(time.Hour)
				update(t, st, "write", func(ctx context.Context, rows dns.Rows) error { return rows.PutPublications(ctx, all) })
				due := func(now time.Time, limit int, except ...dns.ServerID) (out []string) {
					view(t, st, func(ctx context.Context, rows dns.Rows) error {
						found, err := rows.DuePublications(ctx, now, except, limit)
						out = keys(found)
						return err
					})
					return out
				}
				t.Equal(due(noon(), 10), []string{"b@s2", "a@s2", "d@s1", "b@s1"}, "at noon")
				t.Equal(due(noon(), 2), []string{"b@s2", "a@s2"}, "the first two")
				t.Equal(due(noon(), 10, "s2", "s9"), []string{"d@s1", "b@s1"}, "without s2")
				t.Equal(len(due(noon(), 0)), 0, "a limit of 0")
				t.Equal(len(due(noon().Add(-3*time.Hour), 10)), 0, "too early")
				next := func(now time.Time) (at time.Time) {
					view(t, st, func(ctx context.Context, rows dns.Rows) (err error) {
						at, err = rows.NextDue(ctx, now)
						return err
					})
					return at
				}
				t.Equal(next(noon()), noon().Add(time.Microsecond), "the next after noon")
				t.Equal(next(noon().Add(time.Microsecond)), noon().Add(time.Hour), "the one after that")
				t.Equal(next(noon().Add(time.Hour)), time.Time{}, "none after the last")
				update(t, st, "settle one", func(ctx context.Context, rows dns.Rows) error {
					p := all[3]
					p.Version, p.Due = 2, time.Time{}
					return errors.Join(rows.PutPublications(ctx, []dns.Publication{p}), rows.RemovePublication(ctx, all[1].Key(), 1))
				})
				t.Equal(due(noon(), 10), []string{"d@s1", "b@s1"}, "when one is never due and one is removed")
				var taken []string
				update(t, st, "take within a transaction", func(ctx context.Context, rows dns.Rows) error {
					found, err := rows.DuePublications(ctx, noon(), nil, 10)
					taken = keys(found)
					return err
				})
				t.Equal(taken, []string{"d@s1", "b@s1"}, "in a transaction that writes")
			},
		},
		{
			ID: "PUBLICATION-6", Name: "queries",
			Text: "Publications are found by zone, by server and by state, in order of zone and server.",
			Why:  "Nobody removes a server that a zone is on.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var all []dns.Publication
				for _, z := range []dns.Name{"a", "b", "c"} {
					for _, s := range []dns.ServerID{"s1", "s2"} {
						p := at(z, s, noon(), time.Time{})
						if z == "b" {
							p.State = dns.PublicationParked
						}
						all = append(all, p)
					}
				}
				update(t, st, "write", func(ctx context.Context, rows dns.Rows) error { return rows.PutPublications(ctx, all) })
				view(t, st, func(ctx context.Context, rows dns.Rows) error {
					of, err := rows.Publications(ctx, []dns.Name{"c", "a", "c", "x"})
					t.Equal(keys(of), []string{"a@s1", "a@s2", "c@s1", "c@s2"}, "of two zones")
					for _, c := range []struct {
						q     dns.PublicationQuery
						after dns.PublicationKey
						limit int
						want  string
					}{
						{dns.PublicationQuery{}, dns.PublicationKey{}, 10, "a@s1 a@s2 b@s1 b@s2 c@s1 c@s2"},
						{dns.PublicationQuery{}, dns.PublicationKey{Zone: "a", Server: "s1"}, 2, "a@s2 b@s1"},
						{dns.PublicationQuery{Server: "s2"}, dns.PublicationKey{}, 10, "a@s2 b@s2 c@s2"},
						{dns.PublicationQuery{Server: "s2"}, dns.PublicationKey{Zone: "a", Server: "s2"}, 1, "b@s2"},
						{dns.PublicationQuery{Server: "s2"}, dns.PublicationKey{Zone: "a", Server: "s1"}, 10, "a@s2 b@s2 c@s2"},
						{dns.PublicationQuery{State: dns.PublicationParked}, dns.PublicationKey{}, 10, "b@s1 b@s2"},
						{dns.PublicationQuery{Server: "s1", State: dns.PublicationParked}, dns.PublicationKey{}, 10, "b@s1"},
						{dns.PublicationQuery{Server: "s3"}, dns.PublicationKey{}, 10, ""},
					} {
						found, err2 := rows.PublicationPage(ctx, c.q, c.after, c.limit)
						t.Equal(strings.Join(keys(found), " "), c.want, "%+v after %+v", c.q, c.after)
						err = errors.Join(err, err2)
					}
					return err
				})
			},
		},
	}
}

func aliasRules() []StoreRule {
	return []StoreRule{
		{
			ID: "ALIAS-3", Name: "one of a site",
			Text: "A site holds one alias; a second one is storage.ErrExists. One that was released is not the site's, and its name can be of another.",
			Why:  "The alias of a site is on its invoice and in its customer's bookmarks.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a := aliasKind().Row("a")
				a.Seller = "seller"
				b := a
				b.Name = "b"
				put := func(a dns.Alias) rowsFunc {
					return func(ctx context.Context, rows dns.Rows) error { return rows.PutAlias(ctx, a) }
				}
				update(t, st, "the first", put(a))
				fails(t, st, storage.ErrExists, "a second one", put(b))
				fails(t, st, storage.ErrConflict, "the same again", put(a))
				for _, change := range []func(*dns.Alias){
					func(a *dns.Alias) { a.Name, a.Seller = "c", "" }, func(a *dns.Alias) { a.Name, a.Account = "d", "other" },
					func(a *dns.Alias) { a.Name, a.Site = "e", "other" }, func(a *dns.Alias) { a.Name, a.Zone, a.Site = "f", "else.example", "" },
				} {
					other := a
					change(&other)
					update(t, st, "of another", put(other))
				}
				released := a
				released.Version, released.Released = 2, noon()
				update(t, st, "release", put(released))
				update(t, st, "the second one", put(b))
				again := a
				again.Version, again.Site = 3, "new"
				update(t, st, "the name for another site", put(again))
				view(t, st, func(ctx context.Context, rows dns.Rows) error {
					got, err := rows.AliasOf(ctx, "seller", "account", a.Site)
					t.Equal(got, b, "the site's")
					got, err2 := rows.AliasOf(ctx, "seller", "account", "new")
					t.Equal(got, again, "the other site's")
					for name, of := range map[dns.Name][2]string{"c": {"", "account"}, "d": {"seller", "other"}} {
						got, err := rows.AliasOf(ctx, of[0], of[1], a.Site)
						t.OK(err, "the alias of %q", of)
						t.Equal(got.Name, name, "the alias of a site of the same name, of %q", of)
					}
					_, none := rows.AliasOf(ctx, "seller", "account", "nowhere")
					t.Is(none, storage.ErrNotFound, "a site without one")
					all, err3 := rows.Aliases(ctx, "service.example", "", 10)
					var names []string
					for _, a := range all {
						names = append(names, string(a.Name))
					}
					t.Equal(names, []string{"a", "b", "c", "d", "e"}, "those of the zone")
					some, err4 := rows.Aliases(ctx, "service.example", "b", 1)
					t.Equal(len(some) == 1 && some[0].Name == "c", true, "one after b")
					return errors.Join(err, err2, err3, err4)
				})
			},
		},
	}
}
