package dns

import (
	"context"
)

// record stores the outcome of a task, if its lease still holds. If it does not, another
// worker has gone on, and has asked the server itself.
func (m *Manager) record(ctx context.Context, op string, t *task, o outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	return m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		if err := u.conclude(ctx, t, o); err != nil {
			return err
		}
		g, err := u.rows.LockGate(ctx, t.p.Server)
		if err != nil {
			return err
		}
		opened, closed := g.leave(t.p.Lease.Token, o.server, u.now, &m.opt.Work)
		if opened || closed {
			e := BreakerChanged{Server: t.p.Server, Open: opened}
			if opened {
				e.Until = g.OpenUntil
			}
			u.event("", "server/"+string(t.p.Server), e)
		}
		return u.rows.PutGate(ctx, g)
	})
}

// conclude changes a publication by the outcome of a task.
func (u *unit) conclude(ctx context.Context, t *task, o outcome) error {
	found, err := u.rows.Publications(ctx, []Name{t.p.Zone})
	if err != nil {
		return err
	}
	var p *Publication
	for i := range found {
		if found[i].Server == t.p.Server {
			p = &found[i]
		}
	}
	if p == nil || p.Lease.Token != t.p.Lease.Token {
		return nil
	}
	work := &u.m.opt.Work
	from := p.State
	p.Lease = Lease{}
	if o.seen {
		p.Observed, p.Present, p.ObservedAt = o.observed.Serial, o.observed.Present, u.now
	}
	if d := o.drift; d != nil {
		u.event("", "zone/"+string(p.Zone), DriftFound{
			Zone: p.Zone, Server: p.Server, Present: d.Present, Observed: d.Serial, Desired: p.Desired,
		})
	}
	if !o.sent {
		p.Sent = t.sent
	}
	if o.took && p.Content == "" {
		p.Content = t.content // whatever it makes of it
	}
	if o.done && !o.gone {
		p.Pushed, p.Content, p.Sent = t.zone.Serial, t.content, nil
	}
	// Something else may be wanted by now: then this was a step on the way.
	current := p.Revision == t.p.Revision && p.Remove == t.p.Remove && p.Desired == t.zone.Serial
	switch {
	case o.gone:
		p.Pushed, p.Content, p.Sent = 0, "", nil
		if current || p.Remove {
			u.event("", "zone/"+string(p.Zone), PublicationChanged{
				Zone: p.Zone, Server: p.Server, From: from, To: PublicationSettled, Desired: p.Desired, Removed: true,
			})
			return u.rows.RemovePublication(ctx, p.Key(), p.Version)
		}
	case !current:
	case o.done:
		p.State, p.Due = PublicationSettled, u.now.Add(work.jittered(work.CheckEvery))
		p.Operation, p.Attempts, p.Failure, p.Guards, p.Token, p.Approved = "", 0, nil, nil, "", ""
	case o.rival || o.adopt:
		p.State, p.Due = PublicationPending, u.now
		if err := u.reserial(ctx, t, o); err != nil {
			return err
		}
		// The zone's other publications were woken with the serial; so is this one.
		z, err := u.row(ctx, p.Zone)
		if err != nil {
			return err
		}
		p.Desired = z.Serial
	case o.again:
		p.failed(*o.failure, true, 0, u.now, work)
		if p.Attempts <= 3 {
			p.Due = u.now
		}
	case o.guards != nil:
		p.State, p.Due = PublicationGuarded, u.now.Add(work.jittered(work.CheckEvery))
		p.Guards, p.Token = o.guards, o.token
	case o.failure != nil:
		p.failed(*o.failure, o.answered, o.after, u.now, work)
	}
	p.Version++
	u.told(p, from)
	return u.rows.PutPublications(ctx, []Publication{*p})
}

// told notes that a publication is in another state.
func (u *unit) told(p *Publication, from PublicationState) {
	if p.State == from {
		return
	}
	e := PublicationChanged{Zone: p.Zone, Server: p.Server, From: from, To: p.State, Desired: p.Desired}
	if p.Failure != nil && p.State == PublicationParked {
		e.Code, e.Text = p.Failure.Code, p.Failure.Text
	}
	if p.State == PublicationGuarded && len(p.Guards) > 0 {
		e.Code, e.Text = string(p.Guards[0].Code), shortened(p.Guards[0].Message)
	}
	u.event("", "zone/"+string(p.Zone), e)
}

// reserial gives a zone a serial after the one that a server was seen with: a later one of
// somebody else, or ours with other records. If the server has our records with a later
// serial, that one becomes the zone's.
func (u *unit) reserial(ctx context.Context, t *task, o outcome) error {
	z, err := u.row(ctx, t.p.Zone)
	if err != nil {
		return err
	}
	if z.State == ZoneRemoved || z.Serial != t.zone.Serial {
		return nil // it has another one by now
	}
	if o.adopt {
		z.Serial = o.observed.Serial
	} else {
		z.Serial = NextSerial(z.Scheme, o.observed.Serial, u.now)
	}
	z.Version++
	if err := u.rows.PutZones(ctx, []Zone{z}); err != nil {
		return err
	}
	have, err := u.rows.Publications(ctx, []Name{z.Name})
	if err != nil {
		return err
	}
	var others []Publication
	for _, p := range have {
		if p.Server == t.p.Server || p.Remove {
			continue
		}
		p.Desired = z.Serial
		switch {
		case p.State == PublicationGuarded: // by a plan that is another one with this serial
			from := p.State
			p.wake(u.now)
			u.told(&p, from)
		case p.State != PublicationParked:
			p.State = PublicationPending
			if p.Attempts == 0 {
				p.Due = u.now
			}
		}
		p.Version++
		others = append(others, p)
	}
	if len(others) == 0 {
		return nil
	}
	return u.rows.PutPublications(ctx, others)
}
