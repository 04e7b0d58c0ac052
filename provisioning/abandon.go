package provisioning

import (
	"context"
	"errors"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// Abandon gives up what is left of a service on a server that will never come back, such
// as one that has burnt: the old place of a move, the new one of a move that is taken back
// by this, or, of a service whose removal has begun, all of it. Nothing is removed there
// any more, the room that it had there is free, and the event [LeftoverAbandoned] says so.
// What it has used there since its meters were read last is lost (event [UsageLost]).
// A service that was parked for it goes on. Should the server come back after all, a sweep
// finds what is there ([FoundOrphan]).
//
// A service of which nothing is left there is as it was. It is refused (server_not_down)
// unless the server, or its machine, is down ([Manager.SetMachineStatus]) or no more in the
// inventory, and (lives_there) if the server is where the service is and is to be: it has
// to be moved, without its content, or removed first.
func (m *Manager) Abandon(ctx context.Context, id ServiceID, server ServerID, reason string) (Service, error) {
	var c checker
	c.name("reason", reason)
	if err := c.Err(); err != nil {
		return Service{}, err
	}
	return m.alter(ctx, "provisioning.Abandon", id, func(ctx context.Context, u *unit, t *touched) error {
		return u.abandon(ctx, t, server, reason)
	})
}

// Abandoned is what [Manager.AbandonServer] has done.
type Abandoned struct {
	Services []ServiceID // of which something was given up, by ID
	// Living are the services that are on the server and wanted: each has to be moved,
	// without its content, or removed.
	Living []ServiceID
}

// AbandonServer is [Manager.Abandon] for every service of which something is left on a
// server. It reads all services there are. Each is given up in a transaction of its own,
// unless it is called in one of the host's; after an error, what was done until then is
// returned with it, and it can be called again.
func (m *Manager) AbandonServer(ctx context.Context, server ServerID, reason string) (Abandoned, error) {
	const op = "provisioning.AbandonServer"
	var done Abandoned
	for s, err := range m.Services(ctx, ServiceQuery{}) {
		if err != nil {
			return done, named(op, err)
		}
		switch {
		case s.livesOn(server):
			done.Living = append(done.Living, s.ID)
		case s.remainsOn(server):
			if _, err := m.Abandon(ctx, s.ID, server, reason); err != nil {
				return done, err
			}
			done.Services = append(done.Services, s.ID)
		}
	}
	return done, nil
}

// livesOn reports whether the service is on a server and is to be.
func (s *Service) livesOn(server ServerID) bool {
	return s.Server == server && s.Desired() != DesiredRemoved
}

// remainsOn reports whether something of the service may be on a server where it is not to
// be, or not yet.
func (s *Service) remainsOn(server ServerID) bool {
	return s.leftOn(server) || s.Server == server && s.Desired() == DesiredRemoved || s.Move != nil && s.Move.To == server
}

func (u *unit) abandon(ctx context.Context, t *touched, server ServerID, reason string) error {
	_, _, status, err := u.server(ctx, server)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err == nil && status != StatusDown {
		return refuse("server_not_down", "server %s is %s: what is there can still be removed", server, status)
	}
	v, given, err := t.Service.abandon(server, u.now)
	if err != nil || !given {
		return err
	}
	u.free(v.freed...)
	u.event(&t.Service, LeftoverAbandoned{
		Service: t.ID, Kind: t.Kind, Name: t.Name, Account: t.Account, Server: server, Reason: reason,
	})
	if err := u.lose(ctx, t, server, "given up: "+reason, false); err != nil {
		return err
	}
	return u.part(ctx, t, server, v)
}

// abandon forgets what may be of the service on a server, and reports whether there was
// anything.
func (s *Service) abandon(server ServerID, now time.Time) (v verdict, given bool, err error) {
	switch {
	case s.livesOn(server):
		return v, false, refuse("lives_there", "service %s is on %s: it has to be moved or removed first", s.ID, server)
	case !s.remainsOn(server):
		return v, false, nil
	}
	if s.Move != nil && s.Move.To == server {
		s.dropMove("move_cancelled")
	}
	if s.Operation != nil && s.Operation.Server == server {
		s.Operation = nil // nothing of it is looked at
	}
	s.want(now)
	for s.leftOn(server) {
		s.removedFrom(server, now, &v)
	}
	if s.Server == server {
		s.removedFrom(server, now, &v)
	}
	return v, true, nil
}
