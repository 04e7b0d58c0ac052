package provisioning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// ReconcileRequest says what [Manager.Reconcile] looks at, and what it may do. The zero
// value looks at everything and does nothing.
type ReconcileRequest struct {
	Servers []ServerID // empty: all
	// Deep reads every service, and so finds those that are not as their spec says. Else
	// only what differs by the server's list is read.
	Deep bool
	// Fix has services that are missing, drifted, or wrongly suspended or not, put right
	// by [Manager.Step].
	Fix bool
	// RemoveOrphans has things removed that carry the ID of one of our services which is
	// removed. Nothing else is ever removed: neither what carries no ID or an unknown one,
	// nor what is of a living service.
	RemoveOrphans bool
}

// Reconciled is what [Manager.Reconcile] has found.
type Reconciled struct {
	Findings []Finding // by server, then by name
	Servers  int       // that were looked at
	Things   int       // that were listed there
	Services int       // that were compared
	// Skipped are the servers that could not be looked at, and why: down, no_driver,
	// breaker_open, or what the driver said.
	Skipped map[ServerID]string
}

// Reconcile compares what servers hold with the services that should be there, and
// reports what differs. Services on which work is under way are left out. What a server's
// list says is read again before it is reported, because lists lag. Each finding is also
// told by the event [DriftFound].
//
// A server that fails is skipped and the others are looked at. An error is one of the
// store's, or of ctx; what was found until then is returned with it. Servers whose driver
// is no [Lister] are compared service by service, and nothing is found there that no
// service knows of. It is refused in a transaction of the host's.
func (m *Manager) Reconcile(ctx context.Context, r ReconcileRequest) (Reconciled, error) {
	const op = "provisioning.Reconcile"
	done := Reconciled{Skipped: map[ServerID]string{}}
	err := m.scan(ctx, op, r.Servers, done.Skipped, func(ctx context.Context, at site) error {
		s := sweep{m: m, r: r, site: at, done: &done}
		done.Servers++
		return s.run(ctx)
	})
	return done, named(op, err)
}

// site is a server that is looked at.
type site struct {
	place  Place
	driver Driver
}

// scan calls fn for each server that can be looked at. What fn says of the server rather
// than of the store or ctx has it skipped.
func (m *Manager) scan(ctx context.Context, op string, only []ServerID, skipped map[ServerID]string, fn func(ctx context.Context, at site) error) error {
	if err := m.outside(op); err != nil {
		return err
	}
	ids := only
	if len(ids) == 0 {
		for s, err := range m.Servers(ctx, ServerQuery{}) {
			if err != nil {
				return err
			}
			ids = append(ids, s.ID)
		}
	}
	for _, id := range ids {
		var at site
		var gate Gate
		why := ""
		err := m.view(ctx, func(ctx context.Context, rows Rows) error {
			u := unit{m: m, rows: rows, now: m.now()}
			place, driver, status, err := u.server(ctx, id)
			if errors.Is(err, storage.ErrNotFound) {
				return fmt.Errorf("%w: %.128q", ErrNoServer, id)
			}
			if err != nil {
				return err
			}
			gate, err = rows.Gate(ctx, id)
			switch at = (site{place, m.guard(driver, id)}); {
			case driver == nil:
				why = "no_driver"
			case status == StatusDown:
				why = "down"
			case u.now.Before(gate.OpenUntil):
				why = "breaker_open"
			default:
				why = ""
			}
			return err
		})
		if err == nil && why == "" {
			err = fn(ctx, at)
			if gate.Trips > 0 && ctx.Err() == nil {
				if unheard := m.heard(ctx, id, err); unheard != nil {
					return unheard
				}
			}
			if err != nil {
				if failed, ok := errors.AsType[*driverFailure](err); ok && ctx.Err() == nil {
					why, err = shortened(failed.err.Error()), nil
				}
			}
		}
		if err != nil {
			return err
		}
		if why != "" {
			skipped[id] = why
		}
	}
	return nil
}

// heard tells the circuit breaker of a server, which has been open, how the scan went: no
// service may be due there whose call would tell.
func (m *Manager) heard(ctx context.Context, id ServerID, scanned error) error {
	failed, ok := errors.AsType[*driverFailure](scanned)
	if scanned != nil && !ok {
		return nil // it says nothing about the server
	}
	return m.transact(ctx, func(ctx context.Context, u *unit) error {
		return u.pass(ctx, &task{server: id}, failed == nil || !unanswered(failed.err))
	})
}

// driverFailure is what a driver said, to be told from failures of the store.
type driverFailure struct{ err error }

func (f *driverFailure) Error() string { return f.err.Error() }
func (f *driverFailure) Unwrap() error { return f.err }

// sweep is the comparison of one server.
type sweep struct {
	m    *Manager
	r    ReconcileRequest
	site site
	done *Reconciled
}

func (s *sweep) run(ctx context.Context) error {
	server, kind := s.site.place.Server, s.site.place.Kind
	began := s.m.now()
	listed, lists, err := s.list(ctx)
	if err != nil {
		return err
	}
	s.done.Things += len(listed)
	var found []Finding
	for svc, err := range s.m.Services(ctx, ServiceQuery{Server: server, Kind: kind}) {
		if err != nil {
			return err
		}
		thing, there := listed[svc.Name]
		delete(listed, svc.Name)
		if !svc.restful(began) {
			continue
		}
		s.done.Services++
		if !there {
			thing = Observation{Presence: Absent}
		}
		if lists && !s.r.Deep && svc.compare(thing, false) == "" {
			continue
		}
		// A read is newer than a list, and knows the spec.
		if thing, err = s.read(ctx, &svc); err != nil {
			return err
		}
		if k := svc.compare(thing, true); k != "" {
			found = append(found, Finding{
				Kind: k, Server: server, Of: kind, Name: svc.Name, Owner: thing.Owner, Service: svc.ID, Want: string(svc.Phase), Got: thing.Presence,
			})
		}
	}
	others, err := s.others(ctx, listed)
	if err != nil {
		return err
	}
	found = append(found, others...)
	slices.SortStableFunc(found, func(a, b Finding) int { return strings.Compare(a.Name, b.Name) })
	return s.report(ctx, found)
}

// restful reports whether nothing is done or to be done about the service since then.
func (s *Service) restful(since time.Time) bool {
	return (s.Phase == PhaseActive || s.Phase == PhaseSuspended) && s.Lease.Token == "" && !s.Recheck && s.Observed.At.Before(since)
}

// compare says what is wrong with what was seen; "": nothing.
func (s *Service) compare(o Observation, spec bool) FindingKind {
	switch {
	case o.Presence != Absent && o.Owner != s.ID && (o.Owner != "" || !spec):
		return FoundTaken
	case o.Presence != Present && o.Presence != Suspended:
		return FoundMissing
	case (o.Presence == Suspended) != (s.Desired() == DesiredSuspended):
		return FoundSuspension
	case spec && !o.Matches:
		return FoundDrift
	}
	return ""
}

// list returns what the server holds, by name, if the driver can tell.
func (s *sweep) list(ctx context.Context) (map[string]Observation, bool, error) {
	lister, ok := As[Lister](s.site.driver)
	if !ok {
		return nil, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.m.opt.Work.ScanTimeout)
	defer cancel()
	all := map[string]Observation{}
	for o, err := range lister.List(ctx, s.site.place, s.site.place.Kind) {
		if err != nil {
			return nil, false, &driverFailure{tierhost.Classify("provisioning.list", err)}
		}
		all[o.Name] = o
	}
	return all, true, nil
}

// read looks at one thing.
func (s *sweep) read(ctx context.Context, svc *Service) (Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, s.m.opt.Work.Timeout)
	defer cancel()
	o, err := s.site.driver.Read(ctx, Call{
		Operation: s.m.opt.IDs.NewID("op"), Server: s.site.place, Spec: svc.Spec,
		Service: Subject{ID: svc.ID, Kind: svc.Kind, Name: svc.Name, Seller: svc.Seller, Account: svc.Account},
	})
	if err != nil {
		return o, &driverFailure{tierhost.Classify("provisioning.read", err)}
	}
	return o, nil
}

// others looks at what the services of the server do not account for.
func (s *sweep) others(ctx context.Context, listed map[string]Observation) ([]Finding, error) {
	server := s.site.place.Server
	var owners []ServiceID
	for _, o := range listed {
		if o.Owner != "" && storable(string(o.Owner)) {
			owners = append(owners, o.Owner)
		}
	}
	slices.Sort(owners)
	known := map[ServiceID]Service{}
	for ids := range slices.Chunk(slices.Compact(owners), pageSize) {
		err := s.m.view(ctx, func(ctx context.Context, rows Rows) error {
			got, err := rows.Services(ctx, ids)
			for _, svc := range got {
				known[svc.ID] = svc
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		o := listed[name]
		f := Finding{Kind: FoundForeign, Server: server, Of: s.site.place.Kind, Name: name, Owner: o.Owner, Got: o.Presence}
		if svc, ok := known[o.Owner]; ok {
			if svc.leftOn(server) || svc.Move != nil && svc.Move.To == server {
				continue // it is being made or removed
			}
			f.Kind, f.Service, f.Want = FoundOrphan, svc.ID, string(svc.Phase)
			if name == svc.Name {
				seen, err := s.read(ctx, &svc)
				if err != nil {
					return nil, err
				}
				if seen.Presence == Absent || seen.Owner != svc.ID {
					continue
				}
			}
		}
		found = append(found, f)
	}
	return found, nil
}

// report tells what was found, and has it put right if that was asked for.
func (s *sweep) report(ctx context.Context, found []Finding) error {
	for batch := range slices.Chunk(found, 50) {
		var told []Finding
		err := s.m.transact(ctx, func(ctx context.Context, u *unit) error {
			told = slices.Clone(batch)
			for i := range told {
				if err := s.wake(ctx, u, &told[i]); err != nil {
					return err
				}
				u.events = append(u.events, newEvent(s.m.opt.IDs.NewID("evt"), u.now, "", "server/"+string(s.site.place.Server), DriftFound{told[i]}))
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.done.Findings = append(s.done.Findings, told...)
	}
	return nil
}

// wake has a service put right.
func (s *sweep) wake(ctx context.Context, u *unit, f *Finding) error {
	switch f.Kind {
	case FoundMissing, FoundSuspension, FoundDrift:
		if !s.r.Fix {
			return nil
		}
		svc, err := u.service(ctx, f.Service)
		if err != nil {
			return err
		}
		if svc.Server == f.Server && svc.Desired() != DesiredRemoved && svc.Parked == nil {
			svc.Recheck, svc.Due, f.Woken = true, u.now, true
		}
	case FoundOrphan:
		if !s.r.RemoveOrphans {
			return nil
		}
		svc, err := u.service(ctx, f.Service)
		if err != nil {
			return err
		}
		if svc.Phase == PhaseRemoved && svc.Name == f.Name {
			svc.leave(Leftover{Server: f.Server, Why: "orphan"})
			svc.Due, f.Woken = u.now, true
		}
	}
	return nil
}
