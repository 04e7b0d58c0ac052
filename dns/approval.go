package dns

import (
	"context"
	"fmt"
)

// Approve allows a plan that is guarded to be applied to a server, by the token that
// [Publication.Token] has: only that very plan. It fails with [ErrToken] if the plan is
// another one by now, and with [ErrNoZone] if the zone is not published there.
func (m *Manager) Approve(ctx context.Context, zone Name, server ServerID, token string) error {
	return m.alter(ctx, "dns.Approve", zone, server, func(u *unit, p *Publication) error {
		if token == "" || p.Token != token {
			return ErrToken
		}
		p.wake(u.now)
		p.Approved = token
		return nil
	})
}

// Retry has a publication tried again now that is parked, or waits for its next attempt.
// With one that is settled it is [Manager.Check]. It fails with [ErrNoZone].
func (m *Manager) Retry(ctx context.Context, zone Name, server ServerID) error {
	return m.alter(ctx, "dns.Retry", zone, server, func(u *unit, p *Publication) error {
		if p.State == PublicationSettled {
			p.Due = u.now
			return nil
		}
		p.wake(u.now)
		return nil
	})
}

// Check has the servers of a zone asked again by the next [Manager.Step], without waiting
// for [WorkOptions.CheckEvery]. Drift is told and put right then.
func (m *Manager) Check(ctx context.Context, zone Name) error {
	return m.alter(ctx, "dns.Check", zone, "", func(u *unit, p *Publication) error {
		if p.Due.IsZero() || p.Due.After(u.now) {
			p.Due = u.now
		}
		return nil
	})
}

// Forget ends the publication of a zone on a server that it is being removed from, without
// asking the server: for one that will never answer again. Whatever the server publishes
// stays. It fails with [ErrInUse] if the zone is to be served there: it has to be put on
// other servers before ([Manager.Change]); and with [ErrNoZone].
func (m *Manager) Forget(ctx context.Context, zone Name, server ServerID) error {
	return m.transact(ctx, "dns.Forget", func(ctx context.Context, u *unit) error {
		have, err := u.rows.Publications(ctx, []Name{zone})
		if err != nil {
			return err
		}
		for _, p := range have {
			switch {
			case p.Server != server:
				continue
			case !p.Remove:
				return fmt.Errorf("%w: %s is to be served there", ErrInUse, zone)
			}
			u.event("", "zone/"+string(p.Zone), PublicationChanged{
				Zone: p.Zone, Server: p.Server, From: p.State, To: PublicationSettled, Desired: p.Desired, Removed: true, Code: "forgotten",
			})
			return u.rows.RemovePublication(ctx, p.Key(), p.Version)
		}
		return fmt.Errorf("%w: %.255q is not published there", ErrNoZone, zone)
	})
}

// alter changes the publications of a zone; those of one server if it is named.
func (m *Manager) alter(ctx context.Context, op string, zone Name, server ServerID, change func(u *unit, p *Publication) error) error {
	return m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		have, err := u.rows.Publications(ctx, []Name{zone})
		if err != nil {
			return err
		}
		var out []Publication
		for _, p := range have {
			if server != "" && p.Server != server {
				continue
			}
			from := p.State
			if err := change(u, &p); err != nil {
				return err
			}
			p.Version++
			u.told(&p, from)
			out = append(out, p)
		}
		if len(out) == 0 {
			return fmt.Errorf("%w: %.255q is not published there", ErrNoZone, zone)
		}
		return u.rows.PutPublications(ctx, out)
	})
}
