package dnstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// call is a method of the rows.
type call = conformance.Call[dns.Rows]

// calls are all methods of dns.Rows. The store has what [seed] writes.
func calls() []call {
	err2 := func(_ any, err error) error { return err }
	writes := func(name string, plain bool, do rowsFunc) call {
		return call{Name: name, Writes: true, Plain: plain, Do: do}
	}
	return []call{
		writes("PutServer", true, func(ctx context.Context, rows dns.Rows) error { return rows.PutServer(ctx, serverKind().Row("new")) }),
		writes("RemoveServer", false, func(ctx context.Context, rows dns.Rows) error { return rows.RemoveServer(ctx, "s", 1) }),
		writes("LockGate", false, func(ctx context.Context, rows dns.Rows) error { return err2(rows.LockGate(ctx, "s")) }),
		writes("PutGate", true, func(ctx context.Context, rows dns.Rows) error {
			return rows.PutGate(ctx, dns.Gate{Server: "s", Failures: 9})
		}),
		writes("PutSettings", true, func(ctx context.Context, rows dns.Rows) error {
			return rows.PutSettings(ctx, dns.Settings{Seller: "seller", Version: 2, Contact: "new.example"})
		}),
		writes("AddTemplate", true, func(ctx context.Context, rows dns.Rows) error {
			return rows.AddTemplate(ctx, templateKind().row("t", 2))
		}),
		writes("AddSet", true, func(ctx context.Context, rows dns.Rows) error { return rows.AddSet(ctx, setKind().row("s", 2)) }),
		writes("LockTree", false, func(ctx context.Context, rows dns.Rows) error { return rows.LockTree(ctx, "com") }),
		writes("PutZones", true, func(ctx context.Context, rows dns.Rows) error {
			return rows.PutZones(ctx, []dns.Zone{zone("new", nil)})
		}),
		writes("PutPublications", true, func(ctx context.Context, rows dns.Rows) error {
			return rows.PutPublications(ctx, []dns.Publication{publicationKind().Row("new")})
		}),
		writes("RemovePublication", false, func(ctx context.Context, rows dns.Rows) error {
			return rows.RemovePublication(ctx, dns.PublicationKey{Zone: "a.example", Server: "s"}, 1)
		}),
		writes("PutAlias", true, func(ctx context.Context, rows dns.Rows) error { return rows.PutAlias(ctx, aliasKind().Row("new")) }),
		{Name: "Server", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Server(ctx, "s")) }},
		{Name: "Servers", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Servers(ctx, "", 1)) }},
		{Name: "Gates", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Gates(ctx, noon(), "", 1)) }},
		{Name: "Settings", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Settings(ctx, "seller")) }},
		{Name: "Template", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Template(ctx, "t", 0)) }},
		{Name: "Templates", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Templates(ctx, "", 1)) }},
		{Name: "Set", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Set(ctx, "s", 1)) }},
		{Name: "Sets", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Sets(ctx, "", 1)) }},
		{Name: "Zones", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Zones(ctx, []dns.Name{"a.example"})) }},
		{Name: "ZonePage", Do: func(ctx context.Context, rows dns.Rows) error {
			return err2(rows.ZonePage(ctx, dns.ZoneQuery{Source: dns.Source{Set: "s"}}, "", 1))
		}},
		{Name: "ZonesBelow", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.ZonesBelow(ctx, "example", 1)) }},
		{Name: "Publications", Do: func(ctx context.Context, rows dns.Rows) error {
			return err2(rows.Publications(ctx, []dns.Name{"a.example"}))
		}},
		{Name: "PublicationPage", Do: func(ctx context.Context, rows dns.Rows) error {
			return err2(rows.PublicationPage(ctx, dns.PublicationQuery{}, dns.PublicationKey{}, 1))
		}},
		{Name: "DuePublications", Do: func(ctx context.Context, rows dns.Rows) error {
			return err2(rows.DuePublications(ctx, noon(), nil, 1))
		}},
		{Name: "NextDue", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.NextDue(ctx, noon())) }},
		{Name: "Alias", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Alias(ctx, "al")) }},
		{Name: "AliasOf", Do: func(ctx context.Context, rows dns.Rows) error {
			return err2(rows.AliasOf(ctx, "", "account", "site of al"))
		}},
		{Name: "Aliases", Do: func(ctx context.Context, rows dns.Rows) error { return err2(rows.Aliases(ctx, "z", "", 1)) }},
	}
}

// seed writes a row of each sort.
func seed(t *conformance.T, st dns.Store) {
	t.Helper()
	update(t, st, "seed", func(ctx context.Context, rows dns.Rows) error {
		_, err := rows.LockGate(ctx, "s")
		return errors.Join(err, rows.PutGate(ctx, dns.Gate{Server: "s", Failures: 1}), rows.PutServer(ctx, serverKind().Row("s")),
			rows.PutSettings(ctx, dns.Settings{Seller: "seller", Version: 1}), rows.AddTemplate(ctx, templateKind().full()),
			rows.AddTemplate(ctx, templateKind().row("t", 1)), rows.AddSet(ctx, setKind().row("s", 1)),
			rows.PutZones(ctx, []dns.Zone{zone("a.example", func(z *dns.Zone) { z.Sets = []dns.SetRef{{ID: "s", Version: 1}} }), zoneKind().Full()}),
			rows.PutPublications(ctx, []dns.Publication{publicationKind().Row("a.example"), publicationKind().Full()}),
			rows.PutAlias(ctx, aliasKind().Row("al")), rows.PutAlias(ctx, aliasKind().Full()))
	})
}

// dump is everything that a store has, as canonical text.
func dump(t *conformance.T, st dns.Store) string {
	t.Helper()
	var b strings.Builder
	view(t, st, func(ctx context.Context, rows dns.Rows) error {
		b.Reset()
		var errs []error
		line := func(v any, err error) {
			b.WriteString(conformance.Text(v) + "\n")
			errs = append(errs, err)
		}
		ignore := func(v any, err error) {
			if err == nil {
				b.WriteString(conformance.Text(v) + "\n")
			}
		}
		line(rows.Servers(ctx, "", 1000))
		line(rows.Gates(ctx, time.Time{}, "", 1000))
		ignore(rows.Settings(ctx, "seller"))
		ignore(rows.Settings(ctx, ""))
		line(rows.Templates(ctx, "", 1000))
		line(rows.Sets(ctx, "", 1000))
		line(rows.ZonePage(ctx, dns.ZoneQuery{}, "", 1000))
		below, err := rows.ZonesBelow(ctx, "example", 1000)
		line(zoneNames(below), err)
		for _, s := range []dns.Source{{Set: "s"}, {Set: "a"}, {Template: "a"}} {
			by, err := rows.ZonePage(ctx, dns.ZoneQuery{Source: s}, "", 1000)
			line(zoneNames(by), err)
		}
		line(rows.PublicationPage(ctx, dns.PublicationQuery{}, dns.PublicationKey{}, 1000))
		due, err := rows.DuePublications(ctx, noon().AddDate(1, 0, 0), nil, 1000)
		for _, p := range due {
			line(p.Key(), err)
		}
		for _, z := range []dns.Name{"service.example", aliasKind().Full().Zone} {
			line(rows.Aliases(ctx, z, "", 1000))
		}
		return errors.Join(errs...)
	})
	return b.String()
}

func modelRules() []StoreRule {
	return []StoreRule{{
		ID: "MODEL-1", Name: "as the reference",
		Text: "Random writes are answered, and leave behind, what they do in storage/memory.",
		Why:  "Rules that nobody has thought of hold as well.",
		Check: func(t *conformance.T, h StoreHarness) {
			rnd := rand.New(rand.NewPCG(3, 0))
			st, model := h.New(t.Test()), dns.Store(memory.New())
			for step := range 300 {
				name, op := randomWrite(rnd)
				got, want := rowsOf().Tried(t, st, op), rowsOf().Tried(t, model, op)
				t.Equal(sentinel(got), sentinel(want), "step %d: %s: %v", step, name, got)
				if step%50 == 49 {
					t.Equal(dump(t, st), dump(t, model), "what is left after step %d", step)
				}
				if t.Failed() {
					return
				}
			}
		},
	}}
}

// sentinel is which of the errors of rows it is.
func sentinel(err error) string {
	for _, s := range []error{storage.ErrConflict, storage.ErrExists, storage.ErrNotFound} {
		if errors.Is(err, s) {
			return s.Error()
		}
	}
	if err != nil {
		return "another error"
	}
	return ""
}

// randomWrite is a write, with what it is called.
func randomWrite(rnd *rand.Rand) (string, rowsFunc) {
	word := func() string { return string(rune('a' + rnd.IntN(4))) }
	version := int64(1 + rnd.IntN(4))
	at := noon().Add(time.Duration(rnd.IntN(4)) * time.Second)
	switch rnd.IntN(6) {
	case 0, 1:
		z := zone(word()+".example", func(z *dns.Zone) {
			z.Version = version
			if rnd.IntN(3) == 0 {
				z.State = dns.ZoneRemoved
			}
			if rnd.IntN(2) == 0 {
				z.Sets = []dns.SetRef{{ID: dns.SetID(word()), Version: 1}}
			}
			if rnd.IntN(2) == 0 {
				z.Templates = []dns.TemplateRef{{ID: dns.TemplateID(word()), Version: 1}}
			}
		})
		return fmt.Sprintf("zone %s/%d", z.Name, version), func(ctx context.Context, rows dns.Rows) error {
			return rows.PutZones(ctx, []dns.Zone{z})
		}
	case 2, 3:
		p := publicationKind().Row(word())
		if p.Server, p.Version, p.Due = dns.ServerID(word()), version, at; rnd.IntN(4) == 0 {
			p.Due = time.Time{}
		}
		if rnd.IntN(4) == 0 {
			return fmt.Sprintf("remove %v/%d", p.Key(), version), func(ctx context.Context, rows dns.Rows) error {
				return rows.RemovePublication(ctx, p.Key(), version)
			}
		}
		return fmt.Sprintf("publication %v/%d", p.Key(), version), func(ctx context.Context, rows dns.Rows) error {
			return rows.PutPublications(ctx, []dns.Publication{p})
		}
	case 4:
		a := aliasKind().Row(word())
		if a.Version, a.Site = version, word(); rnd.IntN(2) == 0 {
			a.Released = at
		}
		return fmt.Sprintf("alias %s/%d of %s", a.Name, version, a.Site), func(ctx context.Context, rows dns.Rows) error {
			return rows.PutAlias(ctx, a)
		}
	}
	v := templateKind().row(word(), version)
	return fmt.Sprintf("template %s/%d", v.ID, version), func(ctx context.Context, rows dns.Rows) error {
		return rows.AddTemplate(ctx, v)
	}
}
