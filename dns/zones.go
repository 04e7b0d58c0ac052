package dns

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// ZoneRequest asks for a zone.
type ZoneRequest struct {
	Name    Name
	Seller  string
	Account string
	Purpose Purpose // "": [PurposeDomain]
	// Open allows other accounts to have zones below it.
	Open bool
	// Templates and Sets are what it is made from, in their latest versions; nil: those
	// of the seller's settings. With Bare it has neither.
	Templates []TemplateID
	Sets      []SetID
	Bare      bool
	Vars      Vars // go before those of the sets
	// Servers are the name servers, the primary first; nil: they are picked, for a zone of
	// [PurposeThird] those of the zone above, if they get new zones.
	Servers []ServerID
	Custom  []Record // custom records that it has from the beginning
	// Leave are names of zones, above or below, whose owners have agreed to this one.
	Leave []Name
	// Registry: the host is the registry of the name, which others register names below: it
	// may be a public suffix (co.uk), or a name that reverse zones are below.
	Registry bool
	By       string // who asks for it, for staff
}

// Create makes a zone and has it published. It is named once: [ErrZoneExists] if it is
// there, whoever has it. It fails with [ErrForeignZone] if it is below or above a zone of
// another account, or of the service zone, unless that one is Open, or named in Leave;
// and below such a one if it has something there: records, an instant alias that is held or
// at rest, one of the [ReservedLabels] of a service zone. It fails
// with [ErrNoServers], [ErrNoTemplate], [ErrNoSet]; and with a [*tierhost.Invalid] that
// has all faults of the request or of the zone that it would be.
//
// A zone below another one that is kept here is delegated there where that is needed (see
// [Cut]): if something stands in the way in the zone above, the fault's path begins with
// "above". A zone above others takes their delegations over.
//
// A zone that is being removed, or was, can be made again at once: its serial goes on
// from where it was.
func (m *Manager) Create(ctx context.Context, r ZoneRequest) (z Zone, err error) {
	const op = "dns.Create"
	if r.Purpose == "" {
		r.Purpose = PurposeDomain
	}
	if err := r.check(); err != nil {
		return Zone{}, err
	}
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		if z, err = u.draft(ctx, &r); err != nil {
			return err
		}
		for _, record := range r.Custom {
			z.addCustom(record, r.By, u)
		}
		return u.revise(ctx, &z, nil, r.By)
	})
	return z.Clone(), err
}

// draft is the zone that a request asks for, without custom records and a revision of its
// own. What was there under the name goes on.
func (u *unit) draft(ctx context.Context, r *ZoneRequest) (z Zone, err error) {
	if err := u.rows.LockTree(ctx, top(r.Name)); err != nil {
		return z, err
	}
	old, err := u.row(ctx, r.Name)
	if err != nil && !errors.Is(err, ErrNoZone) {
		return z, err
	}
	if old.State == ZoneActive {
		return z, fmt.Errorf("%w: %s", ErrZoneExists, r.Name)
	}
	if err := u.mayExist(ctx, r); err != nil {
		return z, err
	}
	s, err := u.settings(ctx, r.Seller)
	if err != nil {
		return z, err
	}
	z = Zone{
		Name: r.Name, Version: old.Version, State: ZoneActive, Seller: r.Seller, Account: r.Account, Purpose: r.Purpose,
		Open: r.Open, Vars: r.Vars.Clone(), Drawn: old.Drawn, Revision: old.Revision, Serial: old.Serial, Created: u.now,
	}
	z.adopt(&s)
	if err := u.refer(ctx, &z, r, &s); err != nil {
		return z, err
	}
	servers, err := u.servers(ctx)
	if err != nil {
		return z, err
	}
	if r.Purpose == PurposeThird && len(r.Servers) == 0 {
		// On the servers of the zone above nothing has to be delegated.
		above, _, err := u.above(ctx, r.Name)
		if err != nil {
			return z, err
		}
		var same []ServerID
		for _, s := range above.Servers {
			same = append(same, s.Server)
		}
		if z.Servers, err = choose(servers, &s, same, u.m.opt.Waiver, u.m.dice.below); err == nil {
			return z, nil
		}
	}
	z.Servers, err = choose(servers, &s, r.Servers, u.m.opt.Waiver, u.m.dice.below)
	return z, err
}

// check finds the faults of a request that need no store.
func (r *ZoneRequest) check() error {
	var issues tierhost.Issues
	checkZoneName(&issues, "name", r.Name)
	checkWord(&issues, "seller", r.Seller)
	checkWord(&issues, "account", r.Account)
	checkWord(&issues, "by", r.By)
	if len(issues) == 0 && !r.Registry {
		checkRegistered(&issues, "name", r.Name, r.Purpose)
	}
	switch r.Purpose {
	case PurposeDomain, PurposeService, PurposeReverse, PurposeParked, PurposeThird:
	default:
		issues.Add("purpose", "unknown_purpose", "there is no purpose %.40q", r.Purpose)
	}
	if r.Bare && (len(r.Templates) > 0 || len(r.Sets) > 0) {
		issues.Add("bare", "contradiction", "a zone that is bare has no templates and no sets")
	}
	checkVars(&issues, "vars", r.Vars)
	for i, id := range r.Servers {
		if slices.Contains(r.Servers[:i], id) {
			issues.Add(tierhost.Path("servers", i), "duplicate", "%.128q is listed already", id)
		}
	}
	for i := range r.Custom {
		checkCustom(&issues, tierhost.Path("custom", i), r.Name, r.Custom[i])
	}
	return issues.Err()
}

// adopt takes over what a zone has of its seller's settings.
func (z *Zone) adopt(s *Settings) {
	z.SettingsVersion, z.Contact, z.Timers, z.Scheme = s.Version, s.Contact, s.Timers, s.Scheme
}

// refer sets the template and the sets that a request asks for.
func (u *unit) refer(ctx context.Context, z *Zone, r *ZoneRequest, s *Settings) error {
	if r.Bare {
		return nil
	}
	templates, sets := r.Templates, r.Sets
	if templates == nil {
		templates = s.Templates
	}
	if sets == nil {
		sets = s.Sets
	}
	if err := u.referTemplates(ctx, z, templates); err != nil {
		return err
	}
	return u.referSets(ctx, z, sets)
}

// referTemplates has a zone refer to the latest versions of templates.
func (u *unit) referTemplates(ctx context.Context, z *Zone, templates []TemplateID) error {
	z.Templates = nil
	for _, id := range templates {
		t, err := u.template(ctx, TemplateRef{ID: id})
		if err != nil {
			return err
		}
		z.Templates = append(z.Templates, TemplateRef{ID: id, Version: t.Version})
	}
	return nil
}

// referSets has a zone refer to the latest versions of sets.
func (u *unit) referSets(ctx context.Context, z *Zone, sets []SetID) error {
	z.Sets = nil
	for _, id := range sets {
		v, err := u.set(ctx, SetRef{ID: id})
		if err != nil {
			return err
		}
		z.Sets = append(z.Sets, SetRef{ID: id, Version: v.Version})
	}
	return nil
}

// top is the last label of a name: all zones that may be above or below one another have
// it in common.
func top(n Name) Name {
	for n.NumLabels() > 1 {
		n = n.Parent()
	}
	return n
}

// mayExist refuses a zone that is above or below one of somebody else, who has not allowed
// it (Z10). Whose zone it is, is not told.
func (u *unit) mayExist(ctx context.Context, r *ZoneRequest) error {
	// The nearest one decides: it had to be allowed itself.
	nearest, found, err := u.above(ctx, r.Name)
	switch {
	case err != nil:
		return err
	case found && !nearest.lets(r):
		return fmt.Errorf("%w: %s", ErrForeignZone, r.Name)
	case !found && r.Purpose == PurposeThird:
		return fmt.Errorf("%w: %s is below no zone", ErrForeignZone, r.Name)
	}
	if found && !nearest.OwnedBy(r.Seller, r.Account) && !slices.Contains(r.Leave, nearest.Name) {
		if err := u.vacant(ctx, &nearest, r.Name); err != nil {
			return err
		}
	}
	children, err := u.rows.ZonesBelow(ctx, r.Name, mostBelow)
	if err != nil {
		return err
	}
	if len(children) == mostBelow {
		return tooManyBelow(r.Name)
	}
	foreign := func(z Zone) bool {
		return !slices.Contains(r.Leave, z.Name) && (z.Purpose == PurposeService && r.Purpose != PurposeService || !z.OwnedBy(r.Seller, r.Account))
	}
	if slices.ContainsFunc(children, foreign) {
		return fmt.Errorf("%w: %s", ErrForeignZone, r.Name)
	}
	return nil
}

// lets reports whether a zone may be made right below z.
func (z *Zone) lets(r *ZoneRequest) bool {
	switch {
	case z.Open, slices.Contains(r.Leave, z.Name):
		return true
	case z.Purpose == PurposeService:
		return r.Purpose == PurposeService && z.OwnedBy(r.Seller, r.Account)
	}
	return z.OwnedBy(r.Seller, r.Account)
}

// row returns a zone, removed or not; ErrNoZone if there never was one.
func (u *unit) row(ctx context.Context, name Name) (Zone, error) {
	found, err := u.rows.Zones(ctx, []Name{name})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: %.255q", ErrNoZone, name)
	}
	if err != nil {
		return Zone{}, err
	}
	return found[0], nil
}

// zone returns a zone that is there. version is the one that it must have; 0: any.
func (u *unit) zone(ctx context.Context, name Name, version int64) (Zone, error) {
	z, err := u.row(ctx, name)
	switch {
	case err != nil:
		return Zone{}, err
	case z.State == ZoneRemoved:
		return Zone{}, fmt.Errorf("%w: %.255q", ErrNoZone, name)
	case version != 0 && z.Version != version:
		return Zone{}, fmt.Errorf("%w: %s is at version %d", ErrStale, name, z.Version)
	}
	return z, nil
}

// servers are all name servers.
func (u *unit) servers(ctx context.Context) ([]Server, error) {
	const size = 500
	var all []Server
	for after := ServerID(""); ; {
		page, err := u.rows.Servers(ctx, after, size)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < size {
			return all, nil
		}
		after = page[len(page)-1].ID
	}
}

// settings are those of a seller; one without has none but the defaults.
func (u *unit) settings(ctx context.Context, seller string) (Settings, error) {
	s, err := u.rows.Settings(ctx, seller)
	if errors.Is(err, storage.ErrNotFound) {
		return Settings{Seller: seller}, nil
	}
	return s, err
}

// revise finishes a change of a zone: the result is rendered and validated as a whole,
// the revision and the serial grow if anything else is published than before, and the
// zone is written and brought to its servers. before is what was published, nil for a new
// zone.
func (u *unit) revise(ctx context.Context, z *Zone, before *Zone, by string) error {
	moved := before != nil && !slices.EqualFunc(z.Servers, before.Servers, func(a, b ApexServer) bool { return a.Server == b.Server })
	if before == nil || moved {
		if err := u.cutsOf(ctx, z); err != nil {
			return err
		}
	}
	e, err := u.render(ctx, z)
	if err != nil {
		return err
	}
	if err := u.mayHold(ctx, z, before, e); err != nil {
		return err
	}
	content := contentOf(z.Name, e.Records())
	changed := before == nil || content != before.Content
	if changed {
		z.Revision++
		z.Serial = NextSerial(z.Scheme, z.Serial, u.now)
		z.Content, z.Changed, z.By = content, u.now, by
		u.event(z.Seller, "zone/"+string(z.Name), ZoneChanged{
			Zone: z.Name, Account: z.Account, Revision: z.Revision, Serial: z.Serial, Made: before == nil, By: by,
		})
	}
	z.Version++
	if err := u.rows.PutZones(ctx, []Zone{*z}); err != nil {
		return err
	}
	if before == nil || !sameApex(z, before) {
		if err := u.tellAbove(ctx, z, by); err != nil {
			return err
		}
	}
	if !changed && !moved {
		return nil
	}
	return u.publish(ctx, z, changed)
}

// publish has the servers of a zone brought to its revision, and those that it is no more
// on to nothing.
func (u *unit) publish(ctx context.Context, z *Zone, changed bool) error {
	have, err := u.rows.Publications(ctx, []Name{z.Name})
	if err != nil {
		return err
	}
	var out []Publication
	on := map[ServerID]bool{}
	if z.State == ZoneActive {
		for _, s := range z.Servers {
			on[s.Server] = true
		}
	}
	known := map[ServerID]bool{}
	for _, p := range have {
		known[p.Server] = true
		switch {
		case !on[p.Server]:
			if p.Remove {
				continue
			}
			p.want(z, u.now)
			p.Remove = true
		case changed || p.Remove:
			p.want(z, u.now)
		default:
			continue
		}
		p.Version++
		out = append(out, p)
	}
	if z.State == ZoneActive {
		for _, s := range z.Servers {
			if !known[s.Server] {
				p := Publication{Zone: z.Name, Server: s.Server, Version: 1}
				p.want(z, u.now)
				out = append(out, p)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return u.rows.PutPublications(ctx, out)
}

// RemoveRequest asks for the end of a zone.
type RemoveRequest struct {
	Name    Name
	Version int64  // the one that was read; 0: any
	Token   string // that of the plan which the caller has seen; see [Manager.Remove]
	By      string
}

// Remove ends a zone: it is removed from each of its servers. That nothing is left of a
// zone is a guarded change: without the token it fails with a [*GuardedError] that has
// it, and it fails with [ErrToken] once the zone is another one than the token was made
// for. The name may be used again at once; the serial goes on.
func (m *Manager) Remove(ctx context.Context, r RemoveRequest) error {
	return m.transact(ctx, "dns.Remove", func(ctx context.Context, u *unit) error {
		if err := u.rows.LockTree(ctx, top(r.Name)); err != nil {
			return err
		}
		z, err := u.zone(ctx, r.Name, r.Version)
		if err != nil {
			return err
		}
		was, err := u.published(ctx, &z)
		if err != nil {
			return err
		}
		plan, err := NewPlan(PlanInput{Zone: z.Name, Observed: was})
		if err != nil {
			return err
		}
		if err := approved(plan, r.Token); err != nil {
			return err
		}
		z.State, z.Custom, z.Removed, z.Templates, z.Sets, z.Vars, z.Open = ZoneRemoved, nil, nil, nil, nil, nil, false
		z.Content, z.Keys, z.Cuts = "", nil, nil
		z.Revision++
		z.Version++
		z.Changed, z.By = u.now, r.By
		u.event(z.Seller, "zone/"+string(z.Name), ZoneGone{Zone: z.Name, Account: z.Account, By: r.By})
		if err := u.rows.PutZones(ctx, []Zone{z}); err != nil {
			return err
		}
		if err := u.tellAbove(ctx, &z, r.By); err != nil {
			return err
		}
		return u.publish(ctx, &z, true)
	})
}

// Zone returns a zone, or [ErrNoZone].
func (m *Manager) Zone(ctx context.Context, name Name) (z Zone, err error) {
	err = m.view(ctx, "dns.Zone", func(ctx context.Context, u *unit) error {
		z, err = u.zone(ctx, name, 0)
		return err
	})
	return z, err
}

// Effective returns what a zone publishes, with the layers of its records, or [ErrNoZone].
func (m *Manager) Effective(ctx context.Context, name Name) (e Effective, err error) {
	err = m.view(ctx, "dns.Effective", func(ctx context.Context, u *unit) error {
		z, err := u.zone(ctx, name, 0)
		if err != nil {
			return err
		}
		e, err = u.render(ctx, &z)
		return err
	})
	return e, err
}

// Status returns how a zone stands on its servers, also on those that it is being
// removed from.
func (m *Manager) Status(ctx context.Context, name Name) (all []Publication, err error) {
	err = m.view(ctx, "dns.Status", func(ctx context.Context, u *unit) error {
		all, err = u.rows.Publications(ctx, []Name{name})
		return err
	})
	return all, err
}

// Zones yields the zones that match a query, in the order of their names' bytes. No
// transaction is open while the caller has one. An error is yielded once and ends it.
func (m *Manager) Zones(ctx context.Context, q ZoneQuery) iter.Seq2[Zone, error] {
	return paged(func(after Name, size int) (page []Zone, err error) {
		err = m.view(ctx, "dns.Zones", func(ctx context.Context, u *unit) error {
			page, err = u.rows.ZonePage(ctx, q, after, size)
			return err
		})
		return page, err
	}, func(z Zone) Name { return z.Name })
}

// Publications yields the publications that match a query, in the order of zone and
// server; see [Manager.Zones].
func (m *Manager) Publications(ctx context.Context, q PublicationQuery) iter.Seq2[Publication, error] {
	return paged(func(after PublicationKey, size int) (page []Publication, err error) {
		err = m.view(ctx, "dns.Publications", func(ctx context.Context, u *unit) error {
			page, err = u.rows.PublicationPage(ctx, q, after, size)
			return err
		})
		return page, err
	}, func(p Publication) PublicationKey { return p.Key() })
}

const pageSize = 200

// paged yields what pages have.
func paged[K, V any](page func(after K, size int) ([]V, error), key func(V) K) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var after K
		for {
			found, err := page(after, pageSize)
			if err != nil {
				var none V
				yield(none, err)
				return
			}
			for _, v := range found {
				if after = key(v); !yield(v, nil) {
					return
				}
			}
			if len(found) < pageSize {
				return
			}
		}
	}
}
