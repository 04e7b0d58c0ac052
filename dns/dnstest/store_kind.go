package dnstest

import (
	"context"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

// names are IDs that are names of zones, in their order.
func names() []string { return []string{"0", "a", "a-b", "a.b", "aa", "b", "xn--9ca"} }

func serverKind() kind[dns.Server] {
	return kind[dns.Server]{
		Rows: rowsOf(), Prefix: "SERVER", What: "name server", Lost: "A field that is lost is a zone that changes by itself.",
		Row: func(id string) dns.Server {
			return dns.Server{ID: dns.ServerID(id), Version: 1, Name: "ns.example", Machine: "m", Role: dns.RoleAny, Status: dns.ServerActive, Driver: "d"}
		},
		Full: func() dns.Server {
			s := filled[dns.Server]()
			s.ID, s.Version = odd, 1
			return s
		},
		Version: func(s *dns.Server) *int64 { return &s.Version },
		Change:  func(s *dns.Server) { s.Machine = "other" },
		Put:     func(ctx context.Context, rows dns.Rows, s dns.Server) error { return rows.PutServer(ctx, s) },
		Find: func(ctx context.Context, rows dns.Rows, s dns.Server) (dns.Server, error) {
			return rows.Server(ctx, s.ID)
		},
		Page: func(ctx context.Context, rows dns.Rows, after *dns.Server, limit int) ([]dns.Server, error) {
			if after == nil {
				after = &dns.Server{}
			}
			return rows.Servers(ctx, after.ID, limit)
		},
		Remove: func(ctx context.Context, rows dns.Rows, s dns.Server) error {
			return rows.RemoveServer(ctx, s.ID, s.Version)
		},
	}
}

func settingsKind() kind[dns.Settings] {
	return kind[dns.Settings]{
		Rows: rowsOf(), Prefix: "SETTINGS", What: "seller's settings", Lost: "A field that is lost is a zone that changes by itself.",
		Row: func(id string) dns.Settings { return dns.Settings{Seller: id, Version: 1} },
		Full: func() dns.Settings {
			s := filled[dns.Settings]()
			s.Seller, s.Version = "", 1 // the host's
			return s
		},
		Version: func(s *dns.Settings) *int64 { return &s.Version },
		Change:  func(s *dns.Settings) { s.Contact = "other.example" },
		Put:     func(ctx context.Context, rows dns.Rows, s dns.Settings) error { return rows.PutSettings(ctx, s) },
		Find: func(ctx context.Context, rows dns.Rows, s dns.Settings) (dns.Settings, error) {
			return rows.Settings(ctx, s.Seller)
		},
	}
}

func aliasKind() kind[dns.Alias] {
	return kind[dns.Alias]{
		Rows: rowsOf(), Prefix: "ALIAS", What: "alias", Lost: "A field that is lost is a zone that changes by itself.",
		Row: func(id string) dns.Alias {
			return dns.Alias{Name: dns.Name(id), Version: 1, Zone: "service.example", Account: "account", Site: "site of " + id, Made: noon()}
		},
		Full: func() dns.Alias {
			a := filled[dns.Alias]()
			a.Version, a.Site = 1, odd
			return a
		},
		Version: func(a *dns.Alias) *int64 { return &a.Version },
		Change:  func(a *dns.Alias) { a.Made = a.Made.AddDate(1, 0, 0) },
		Put:     func(ctx context.Context, rows dns.Rows, a dns.Alias) error { return rows.PutAlias(ctx, a) },
		Find: func(ctx context.Context, rows dns.Rows, a dns.Alias) (dns.Alias, error) {
			return rows.Alias(ctx, a.Name)
		},
	}
}

func zoneKind() kind[dns.Zone] {
	return kind[dns.Zone]{
		Rows: rowsOf(), Names: names(), Prefix: "ZONE", What: "zone", Lost: "A field that is lost is a zone that changes by itself.",
		Row: func(id string) dns.Zone {
			return dns.Zone{
				Name: dns.Name(id), Version: 1, State: dns.ZoneActive, Seller: "seller", Account: "account", Purpose: dns.PurposeDomain,
				Revision: 1, Serial: 7, Created: noon(), Changed: noon(),
			}
		},
		Full: func() dns.Zone {
			z := filled[dns.Zone]()
			z.Version, z.State, z.Serial = 1, dns.ZoneActive, 4294967295
			return z
		},
		Version: func(z *dns.Zone) *int64 { return &z.Version },
		Change:  func(z *dns.Zone) { z.Serial++ },
		Put:     func(ctx context.Context, rows dns.Rows, z dns.Zone) error { return rows.PutZones(ctx, []dns.Zone{z}) },
		Find: func(ctx context.Context, rows dns.Rows, z dns.Zone) (dns.Zone, error) {
			return only(rows.Zones(ctx, []dns.Name{z.Name, "else.example"}))
		},
		Page: func(ctx context.Context, rows dns.Rows, after *dns.Zone, limit int) ([]dns.Zone, error) {
			if after == nil {
				after = &dns.Zone{}
			}
			return rows.ZonePage(ctx, dns.ZoneQuery{}, after.Name, limit)
		},
	}
}

// only is the one row of those found.
func only[V any](found []V, err error) (one V, _ error) {
	switch {
	case err != nil:
		return one, err
	case len(found) != 1:
		return one, storage.ErrNotFound
	}
	return found[0], nil
}

func publicationKind() kind[dns.Publication] {
	return kind[dns.Publication]{
		Rows: rowsOf(), Names: names(), Prefix: "PUBLICATION", What: "publication", Lost: "A field that is lost is a zone that changes by itself.",
		Row: func(id string) dns.Publication {
			return dns.Publication{Zone: dns.Name(id), Server: "s", Version: 1, State: dns.PublicationPending, Revision: 1, Desired: 7, Due: noon()}
		},
		Full: func() dns.Publication {
			p := filled[dns.Publication]()
			p.Version = 1
			return p
		},
		Version: func(p *dns.Publication) *int64 { return &p.Version },
		Change:  func(p *dns.Publication) { p.State, p.Lease = dns.PublicationSettled, dns.Lease{} },
		Put: func(ctx context.Context, rows dns.Rows, p dns.Publication) error {
			return rows.PutPublications(ctx, []dns.Publication{p})
		},
		Find: func(ctx context.Context, rows dns.Rows, p dns.Publication) (dns.Publication, error) {
			return only(rows.Publications(ctx, []dns.Name{p.Zone, "else.example"}))
		},
		Page: func(ctx context.Context, rows dns.Rows, after *dns.Publication, limit int) ([]dns.Publication, error) {
			if after == nil {
				after = &dns.Publication{}
			}
			return rows.PublicationPage(ctx, dns.PublicationQuery{}, after.Key(), limit)
		},
		Remove: func(ctx context.Context, rows dns.Rows, p dns.Publication) error {
			return rows.RemovePublication(ctx, p.Key(), p.Version)
		},
	}
}

func templateKind() edition[dns.TemplateVersion] {
	return edition[dns.TemplateVersion]{
		prefix: "TEMPLATE", what: "template",
		row: func(id string, version int64) dns.TemplateVersion {
			return dns.TemplateVersion{ID: dns.TemplateID(id), Version: version, By: id, At: noon()}
		},
		full: func() dns.TemplateVersion {
			t := filled[dns.TemplateVersion]()
			t.ID, t.Version = odd, 1
			return t
		},
		key: func(t dns.TemplateVersion) (string, int64) { return string(t.ID), t.Version },
		add: func(ctx context.Context, rows dns.Rows, t dns.TemplateVersion) error { return rows.AddTemplate(ctx, t) },
		find: func(ctx context.Context, rows dns.Rows, id string, version int64) (dns.TemplateVersion, error) {
			return rows.Template(ctx, dns.TemplateID(id), version)
		},
		latest: func(ctx context.Context, rows dns.Rows, after string, limit int) ([]dns.TemplateVersion, error) {
			return rows.Templates(ctx, dns.TemplateID(after), limit)
		},
	}
}

func setKind() edition[dns.SetVersion] {
	return edition[dns.SetVersion]{
		prefix: "SET", what: "set of variables",
		row: func(id string, version int64) dns.SetVersion {
			return dns.SetVersion{ID: dns.SetID(id), Version: version, By: id, At: noon()}
		},
		full: func() dns.SetVersion {
			s := filled[dns.SetVersion]()
			s.ID, s.Version = odd, 1
			return s
		},
		key: func(s dns.SetVersion) (string, int64) { return string(s.ID), s.Version },
		add: func(ctx context.Context, rows dns.Rows, s dns.SetVersion) error { return rows.AddSet(ctx, s) },
		find: func(ctx context.Context, rows dns.Rows, id string, version int64) (dns.SetVersion, error) {
			return rows.Set(ctx, dns.SetID(id), version)
		},
		latest: func(ctx context.Context, rows dns.Rows, after string, limit int) ([]dns.SetVersion, error) {
			return rows.Sets(ctx, dns.SetID(after), limit)
		},
	}
}
