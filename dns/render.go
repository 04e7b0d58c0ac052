package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tierhost/tierhost/storage"
)

// parts are the versions of templates and sets that zones are made from, and the servers
// that they are on, read once.
type parts struct {
	templates map[TemplateRef]TemplateVersion
	sets      map[SetRef]SetVersion
	servers   map[ServerID]Server
}

func newParts() *parts {
	return &parts{templates: map[TemplateRef]TemplateVersion{}, sets: map[SetRef]SetVersion{}, servers: map[ServerID]Server{}}
}

// template returns a version of a template, the latest for 0.
func (u *unit) template(ctx context.Context, ref TemplateRef) (TemplateVersion, error) {
	if t, ok := u.parts.templates[ref]; ok {
		return t, nil
	}
	t, err := u.rows.Template(ctx, ref.ID, ref.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("%w: %.128q, version %d", ErrNoTemplate, ref.ID, ref.Version)
	}
	if err == nil && ref.Version != 0 {
		u.parts.templates[ref] = t
	}
	return t, err
}

// set returns a version of a set, the latest for 0.
func (u *unit) set(ctx context.Context, ref SetRef) (SetVersion, error) {
	if s, ok := u.parts.sets[ref]; ok {
		return s, nil
	}
	s, err := u.rows.Set(ctx, ref.ID, ref.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("%w: %.128q, version %d", ErrNoSet, ref.ID, ref.Version)
	}
	if err == nil && ref.Version != 0 {
		u.parts.sets[ref] = s
	}
	return s, err
}

// server returns a name server.
func (u *unit) server(ctx context.Context, id ServerID) (Server, error) {
	if s, ok := u.parts.servers[id]; ok {
		return s, nil
	}
	s, err := u.rows.Server(ctx, id)
	if err == nil {
		u.parts.servers[id] = s
	}
	return s, err
}

// sources are what a zone is made from, besides itself.
type sources struct {
	templates []Template
	vars      Vars
}

// sources reads what a zone is made from.
func (u *unit) sources(ctx context.Context, z *Zone) (s sources, err error) {
	for _, ref := range z.Templates {
		t, err := u.template(ctx, ref)
		if err != nil {
			return s, err
		}
		s.templates = append(s.templates, t.Template)
	}
	s.vars = Vars{}
	for _, ref := range z.Sets {
		set, err := u.set(ctx, ref)
		if err != nil {
			return s, err
		}
		maps.Copy(s.vars, set.Vars)
	}
	maps.Copy(s.vars, z.Vars)
	return s, nil
}

// render returns what a zone publishes, with the layers of its records. Faults are a
// [*tierhost.Invalid].
func (u *unit) render(ctx context.Context, z *Zone) (Effective, error) {
	s, err := u.sources(ctx, z)
	if err != nil {
		return Effective{}, err
	}
	layers, err := layersOf(z, s)
	if err != nil {
		return Effective{}, err
	}
	e, opt := Merge(layers), z.validation()
	fault := Validate(e, opt)
	if fault == nil {
		return e, nil
	}
	if opt.Below, err = u.holding(ctx, targetsOf(z.Name, e.Records())); err != nil || len(opt.Below) == 0 {
		return e, cmp.Or(err, fault)
	}
	return e, Validate(e, opt)
}

// render is pure: it follows from the zone and from versions that never change. That names in
// the zone which records lead to are there, or in a zone below, was asked when it was kept.
func render(z *Zone, s sources) (Effective, error) {
	layers, err := layersOf(z, s)
	if err != nil {
		return Effective{}, err
	}
	e, opt := Merge(layers), z.validation()
	opt.Below = targetsOf(z.Name, e.Records())
	return e, Validate(e, opt)
}

// targetsOf are the names below a zone's own that its records lead to, each once, and those
// between the two.
func targetsOf(zone Name, records []Record) []Name {
	var names []Name
	seen := map[Name]bool{}
	for _, r := range records {
		name, ok := Target(r.Data)
		for n := name; ok && n.Below(zone) && !seen[n]; n = n.Parent() {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}

// holding returns those of the names that are zones.
func (u *unit) holding(ctx context.Context, names []Name) (zones []Name, err error) {
	for page := range slices.Chunk(names, pageSize) {
		found, err := u.rows.Zones(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, z := range found {
			if z.State == ZoneActive {
				zones = append(zones, z.Name)
			}
		}
	}
	return zones, nil
}

// validation is what is asked of the zone: that it is on one name server was decided when
// that was chosen.
func (z *Zone) validation() ValidateOptions {
	return ValidateOptions{OneNameServer: len(z.Servers) < 2}
}

// layersOf are the layers that a zone is made of.
func layersOf(z *Zone, s sources) (Layers, error) {
	layers := Layers{Zone: z.Name, System: systemEntries(z)}
	var err error
	if layers.Template, err = Expand(z.Name, s.templates, s.vars); err != nil {
		return Layers{}, err
	}
	for _, c := range z.Custom {
		layers.Custom = append(layers.Custom, Entry{ID: string(c.ID), Layer: LayerCustom, Owner: c.By, Record: c.Record, Disabled: c.Disabled})
	}
	for _, id := range z.Removed {
		layers.Removed = append(layers.Removed, string(id))
	}
	return layers, nil
}

// contentOf is the digest of what a zone publishes, whatever its serial and whatever the
// server that signs it has added.
func contentOf(zone Name, records []Record) string {
	flat := make([]Record, 0, len(records))
	for _, r := range Sorted(records) {
		if soa, ok := r.Data.(SOA); ok && r.Name == zone {
			soa.Serial = 0
			r.Data = soa
		}
		if n := len(flat); !r.Type().Signing() && (n == 0 || flat[n-1] != r) {
			flat = append(flat, r)
		}
	}
	return Digest(flat)
}
