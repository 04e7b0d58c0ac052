package dns

import (
	"context"
	"fmt"
	"time"
)

// Standing is how the zones of a name server stand, by the state of their publications.
type Standing struct {
	Settled, Pending, Guarded, Parked int
	// Removing are those of them, in whatever state, that are to be served there no more.
	Removing int
}

// AllSettled reports whether every zone that is to be on the server was there, as it should
// be, when that was last looked at, and none that is to be removed.
func (s Standing) AllSettled() bool {
	return s.Pending == 0 && s.Guarded == 0 && s.Parked == 0 && s.Removing == 0
}

// Standing counts the publications of a name server, page by page; those that change
// meanwhile may be counted as they were before. After a start of a server that keeps
// nothing, such as dns/primary, it says when all is there again: call [Manager.CheckServer]
// before. Fails with [ErrNoServer].
func (m *Manager) Standing(ctx context.Context, id ServerID) (s Standing, err error) {
	if _, err := m.Server(ctx, id); err != nil {
		return s, err
	}
	for p, err := range m.Publications(ctx, PublicationQuery{Server: id}) {
		if err != nil {
			return Standing{}, err
		}
		switch p.State {
		case PublicationSettled:
			s.Settled++
		case PublicationPending:
			s.Pending++
		case PublicationGuarded:
			s.Guarded++
		case PublicationParked:
			s.Parked++
		}
		if p.Remove {
			s.Removing++
		}
	}
	return s, nil
}

// CheckServer has every zone of a name server looked at anew, and published where it is not
// there, by the next [Manager.Step]: after a server has lost its zones, or is another one
// than before. Those that are parked or wait for approval are planned anew. Zones that are
// gone from it are no drift then; what it has of somebody else's is. Calls to the server are
// made at once, whatever its circuit breaker has learned before.
//
// It goes page by page, each in a transaction of its own; one that fails in the middle can
// be called again. Fails with [ErrNoServer].
func (m *Manager) CheckServer(ctx context.Context, id ServerID) error {
	const op = "dns.CheckServer"
	err := m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		if _, err := u.rows.Server(ctx, id); err != nil {
			return missing(err, ErrNoServer)
		}
		g, err := u.rows.LockGate(ctx, id)
		if err != nil {
			return err
		}
		closed := g.Trips > 0
		g.Failures, g.Trips, g.OpenUntil = 0, 0, time.Time{}
		if g.refresh(u.now, m.opt.Work.Concurrency); closed {
			u.event("", "server/"+string(id), BreakerChanged{Server: id})
		}
		return u.rows.PutGate(ctx, g)
	})
	if err != nil {
		return err
	}
	for after, more := (PublicationKey{}), true; more; {
		var last PublicationKey
		err := m.transact(ctx, op, func(ctx context.Context, u *unit) error {
			page, err := u.rows.PublicationPage(ctx, PublicationQuery{Server: id}, after, pageSize)
			if err != nil {
				return err
			}
			for i := range page {
				p := &page[i]
				from := p.State
				p.wake(u.now)
				p.Version++
				u.told(p, from)
				last = p.Key()
			}
			more = len(page) == pageSize
			return u.rows.PutPublications(ctx, page)
		})
		if err != nil {
			return fmt.Errorf("from %s on: %w", after.Zone, err)
		}
		after = last
	}
	return nil
}
