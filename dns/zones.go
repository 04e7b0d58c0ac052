package dns

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/tierhost/tierhost/storage"
)

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
	if moved || before != nil && !slices.Equal(z.Keys, before.Keys) {
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
		s, err := u.sources(ctx, &z)
		if err == nil {
			e, err = render(&z, s)
		}
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
