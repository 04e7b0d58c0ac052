package libdns

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	lib "github.com/libdns/libdns"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// view is a zone as it was read.
type view struct {
	name    dns.Name
	version int64
	shown   []dns.Entry
	want    []dns.Record // what it is to publish
}

// read reads a zone.
func (p *Provider) read(ctx context.Context, zone string) (*view, error) {
	name, err := dns.ParseName(zone)
	if err != nil {
		return nil, err
	}
	z, err := p.manager.Zone(ctx, name)
	if err != nil {
		return nil, err
	}
	if !p.has(&z) {
		return nil, fmt.Errorf("%w: %.255q", dns.ErrNoZone, name) // whose it is, is not told
	}
	// Read after the version: what is changed meanwhile fails as stale.
	e, err := p.manager.Effective(ctx, name)
	if err != nil {
		return nil, err
	}
	return &view{name: name, version: z.Version, shown: e.Shown}, nil
}

func (z *view) records() []dns.Record {
	return dns.Effective{Shown: z.shown}.Records()
}

func (z *view) out(records []dns.Record) []lib.Record {
	out := make([]lib.Record, len(records))
	for i, r := range records {
		out[i] = outward(z.name, r)
	}
	return out
}

// matcher finds records that are equal in all that is given.
func (z *view) matcher(r lib.Record) (func(dns.Record) bool, error) {
	if r == nil || r.RR().Name == "" {
		return nil, fmt.Errorf("a record without a name; that of the zone is @")
	}
	rr := r.RR()
	name, err := dns.ParseName(lib.AbsoluteName(rr.Name, z.name.FQDN()))
	if err != nil {
		return nil, err
	}
	var t dns.Type
	var d dns.RData
	if rr.Type != "" {
		if t, err = dns.ParseType(rr.Type); err != nil {
			return nil, err
		}
		if rr.Data != "" {
			if d, err = data(r, rr); err != nil {
				return nil, err
			}
		}
	} else if rr.Data != "" {
		return nil, fmt.Errorf("data %.80q without a type", rr.Data)
	}
	ttl, err := seconds(rr.TTL)
	if err != nil {
		return nil, err
	}
	system := map[dns.Record]bool{}
	for _, e := range z.shown {
		system[e.Record] = e.Layer == dns.LayerSystem
	}
	return func(r dns.Record) bool {
		return r.Name == name && (t == 0 && !system[r] || t == r.Type()) && (rr.TTL == 0 || ttl == r.TTL) && (d == nil || d == r.Data)
	}, nil
}

// edits are what makes the zone publish what is wanted, and the records that go and come by
// them.
func (z *view) edits() (edits []dns.Edit, touched []dns.Record, err error) {
	var issues tierhost.Issues
	var custom []dns.Record // that are added
	shown := map[dns.Record]bool{}
	for _, e := range z.shown {
		shown[e.Record] = true
	}
	for _, r := range z.want {
		if !shown[r] {
			custom, touched = append(custom, r), append(touched, r)
		}
	}
	rules := map[string]bool{} // of templates, that are deleted
	for _, e := range z.shown {
		switch {
		case slices.Contains(z.want, e.Record):
			continue
		case e.Layer == dns.LayerSystem:
			issues.Add(tierhost.Path("records"), "system_only", "%s %s is the system's", e.Record.Name, e.Record.Type())
			continue
		case e.Layer == dns.LayerTemplate:
			if !rules[e.ID] {
				rules[e.ID] = true
				edits = append(edits, dns.Edit{Action: dns.EditDelete, ID: dns.RecordID(e.ID)})
			}
		default:
			edits = append(edits, dns.Edit{Action: dns.EditDelete, ID: dns.RecordID(e.ID)})
		}
		touched = append(touched, e.Record)
	}
	for _, r := range z.stay(custom, rules) {
		if !slices.Contains(custom, r) {
			custom = append(custom, r)
		}
	}
	for _, r := range custom {
		edits = append(edits, dns.Edit{Action: dns.EditAdd, Record: r})
	}
	return edits, touched, issues.Err()
}

// stay are records of templates that are wanted still, and would go with what is added or
// with what else their rule makes: they become custom records.
func (z *view) stay(custom []dns.Record, rules map[string]bool) []dns.Record {
	l := dns.Layers{Zone: z.name}
	var out []dns.Record
	for _, e := range z.shown {
		switch {
		case e.Layer != dns.LayerTemplate || !slices.Contains(z.want, e.Record):
		case rules[e.ID]:
			out = append(out, e.Record)
		default:
			l.Template = append(l.Template, e)
		}
	}
	for i, r := range slices.Concat(custom, out) {
		l.Custom = append(l.Custom, dns.Entry{ID: strconv.Itoa(i), Record: r})
	}
	for _, h := range dns.Merge(l).Hidden {
		i, _ := strconv.Atoi(h.By)
		by := l.Custom[i].Record
		if by.Name == h.Record.Name && by.Type() != dns.TypeCNAME && by.Type() != dns.TypeDNAME {
			out = append(out, h.Record)
		}
	}
	return out
}
