package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
	"github.com/tierhost/tierhost/storage"
)

// outcomeTime is how long the outcome of a call may take to be stored when the caller has
// given up already.
const outcomeTime = 30 * time.Second

// task is what a worker has leased: a call for a service, or a probe of a server.
type task struct {
	lease   Lease
	begun   time.Time
	server  ServerID
	place   Place
	from    Place // the old place of a move
	driver  Driver
	service Service // as leased; none for a probe
	read    bool
	measure bool // the meters are read, before a removal
	probe   bool
}

// Step brings one service that is due one call nearer to what is wanted of it, and reports
// whether there was anything to do: it leases the service and stores what is about to be
// done, calls the driver, and stores the outcome. A call that failed is not an error of
// Step, which is one of the store's: what failed is tried again or parked (see
// [Service.Failure], [Service.Parked]).
//
// Any number of goroutines and processes may call it. Services whose server answers no
// calls, or has as many as it may, are passed over; the others come in the order in which
// they became due. A worker that ends in the middle leaves a lease behind, after which
// another one reads what was done before it does anything. The driver is never called
// within a transaction; during calls that may take longer than the lease Step renews it
// from a goroutine, which ends before Step returns. In a transaction of the host's it is
// refused (tierhost.ErrUnsupported).
func (m *Manager) Step(ctx context.Context) (worked bool, err error) {
	const op = "provisioning.Step"
	if err := m.outside(op); err != nil {
		return false, err
	}
	t, worked, err := m.take(ctx)
	if err != nil || t == nil {
		return worked, named(op, err)
	}
	if t.probe {
		err = m.probe(ctx, t)
	} else {
		c := m.call(ctx, t)
		c.ended = c.err != nil && ctx.Err() != nil
		if err = m.record(ctx, t, c); err != nil {
			err = m.setAside(ctx, t.service.ID, err)
		}
	}
	return true, named(op, err)
}

// take leases what is to be done next. Work that needs no call is done in the same
// transaction; then there is no task.
func (m *Manager) take(ctx context.Context) (t *task, worked bool, err error) {
	var passed []ServerID
	for tries := 1; ; {
		got, err := m.takeOnce(ctx, passed)
		switch {
		case err == nil && got.passed != "":
			passed = append(passed, got.passed)
		case err == nil:
			return got.task, got.worked, nil
		case errors.Is(err, ErrNameTaken) && tries < namesTried:
			tries++ // somebody took the name since it was seen to be free: the next try sees that
		default:
			return nil, false, m.setAside(ctx, got.tried, err)
		}
	}
}

// namesTried is how often a place is looked for while others take the name there.
const namesTried = 5

// taken is what a look for something to do has led to.
type taken struct {
	task   *task
	worked bool
	tried  ServiceID // the last one that was looked at
	// passed is a server that was passed over by its gate, which is locked: the
	// transaction ends with it, because room is never changed after a gate is locked.
	passed ServerID
}

// takeOnce is take in one transaction, past the servers given.
func (m *Manager) takeOnce(ctx context.Context, passed []ServerID) (got taken, err error) {
	token := m.opt.IDs.NewID("lease")
	err = m.transact(ctx, func(ctx context.Context, u *unit) error {
		got = taken{}
		closed, err := closedGates(ctx, u.rows, u.now)
		if err != nil {
			return err
		}
		except := slices.Clone(passed)
		for _, g := range closed {
			except = append(except, g.Server)
		}
		for {
			due, err := u.rows.DueServices(ctx, u.now, except, 1)
			if err != nil || len(due) == 0 {
				return err
			}
			var pass ServerID
			got.tried = due[0].ID
			if got.task, pass, err = u.lease(ctx, due[0], token); err != nil {
				return err
			}
			switch {
			case pass == "":
				got.worked = true
				return nil
			case u.gated:
				got.passed = pass
				return nil
			}
			except = append(except, pass)
		}
	})
	return got, err
}

// setAside parks a service whose record cannot be worked on, so that it does not hold up
// the others. It returns the error, which is a defect of ours or of the store. Failures
// of the store that pass are left alone.
func (m *Manager) setAside(ctx context.Context, id ServiceID, cause error) error {
	switch tierhost.KindOf(cause) {
	case tierhost.KindInternal, tierhost.KindInvalid, tierhost.KindExists, tierhost.KindNotFound, tierhost.KindConflict:
	default:
		return cause
	}
	if id == "" || errors.Is(cause, storage.ErrConflict) {
		return cause
	}
	m.opt.Logger.ErrorContext(ctx, "a service cannot be worked on", "service", id, "error", cause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	return errors.Join(cause, m.transact(ctx, func(ctx context.Context, u *unit) error {
		s, err := u.service(ctx, id)
		if err == nil {
			s.Lease, s.Operation = Lease{}, nil
			s.Parked = &Parking{Reason: ParkInternal, Text: shortened(cause.Error()), At: u.now}
		}
		return err
	}))
}

// closedGates returns the gates of servers to which no call may be made now.
func closedGates(ctx context.Context, rows Rows, now time.Time) ([]Gate, error) {
	const size = 500
	var closed []Gate
	for after := ServerID(""); ; {
		page, err := rows.Gates(ctx, now, after, size)
		if err != nil {
			return nil, err
		}
		closed = append(closed, page...)
		if len(page) < size {
			return closed, nil
		}
		after = page[size-1].Server
	}
}

// lease takes a service that is due. If nothing can be done on its server now, it returns
// the server, to be passed over.
func (u *unit) lease(ctx context.Context, due Service, token string) (t *task, pass ServerID, err error) {
	o := u.m.opt.Work
	s := &due
	if r := s.Removal; r != nil && !r.Begun && !u.now.Before(r.At) {
		u.free(s.beginRemoval(u.now)...)
		u.touch(due).before = due.Phase
		return nil, "", nil
	}
	verb, on := s.next()
	switch verb {
	case "":
		u.touch(due)
		return nil, "", nil
	case VerbPlace:
		return nil, "", u.housePending(ctx, u.touch(due))
	}
	place, driver, status, err := u.server(ctx, on)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		touched := u.touch(due)
		touched.Parked = &Parking{Reason: ParkNoDriver, Text: fmt.Sprintf("there is no server %q", on), At: u.now}
		return nil, "", nil
	case err != nil:
		return nil, "", err
	case driver == nil: // a worker that has the driver will come
		if s.Failure == nil {
			u.touch(due).Failure = &Failure{
				At: u.now, Verb: verb, Server: on, Class: ClassTransient, Code: ParkNoDriver,
				Text: fmt.Sprintf("a worker that has passed by has no driver for %q", on),
			}
		}
		return nil, on, nil
	}
	g, err := u.lockGate(ctx, on)
	if err != nil {
		return nil, "", err
	}
	if status == StatusDown {
		if g.OpenUntil = u.now.Add(o.TripFirst); g.Trips == 0 {
			g.Failures = 0
		}
		g.refresh(u.now, o.Concurrency)
		return nil, on, u.rows.PutGate(ctx, g)
	}
	if !g.open(u.now, o.Concurrency) {
		return nil, on, nil
	}
	t = &task{lease: Lease{Token: token, Until: u.now.Add(o.Lease)}, begun: u.now, server: on, place: place, driver: driver}
	if _, probes := As[Prober](driver); probes && g.Trips > 0 {
		t.probe = true
	} else {
		touched := u.touch(due)
		t.read = touched.begin(verb, on, u.now, func() string { return u.m.opt.IDs.NewID("op") })
		if _, measures := As[UsageReader](driver); measures {
			t.measure = !t.read && touched.unmeasured()
		}
		touched.Lease = t.lease
		t.service = touched.Service.Clone()
		if s.Move != nil && on == s.Move.To {
			if t.from, _, _, err = u.server(ctx, s.Server); err != nil && !errors.Is(err, storage.ErrNotFound) {
				return nil, "", err
			}
		}
	}
	g.enter(t.lease, u.now, o.Concurrency)
	return t, "", u.rows.PutGate(ctx, g)
}

// server returns a server as drivers see it, its driver (nil if this manager has not got
// it) and its status, which is down if its machine's is.
func (u *unit) server(ctx context.Context, id ServerID) (Place, Driver, Status, error) {
	server, err := u.rows.Server(ctx, id)
	if err != nil {
		return Place{}, nil, "", err
	}
	machine, err := u.rows.Machine(ctx, server.Machine)
	if err != nil {
		return Place{}, nil, "", err
	}
	status := server.Status
	if machine.Status == StatusDown {
		status = StatusDown
	}
	return server.Place(machine), u.m.opt.Drivers[server.Driver], status, nil
}

// housePending looks for room for a service that has none, and for the others of its
// order. If there is none, or none where its name is free, it waits.
func (u *unit) housePending(ctx context.Context, t *touched) error {
	all := []*touched{t}
	if t.Chain != "" {
		c, err := u.chain(ctx, t.Chain)
		if err != nil {
			return err
		}
		for _, id := range c.Services {
			s, err := u.service(ctx, id)
			if err != nil {
				return err
			}
			if s != t && s.Server == "" && s.Desired() != DesiredRemoved {
				all = append(all, s)
			}
		}
	}
	err := u.house(ctx, all)
	if errors.Is(err, ErrNoCapacity) || errors.Is(err, ErrNameTaken) {
		tries := 1
		if t.Operation != nil && t.Operation.Verb == VerbPlace {
			tries = t.Operation.Failures + 1
		}
		if tries == 1 {
			if e, lacks := noRoom(t.Seller, t.Account, []Demand{t.Demand}, err); lacks {
				u.events = append(u.events, u.m.event(u.now, e))
			}
		}
		t.Operation = &Operation{Verb: VerbPlace, Generation: t.Generation, Begun: u.now, Calls: tries, Failures: tries}
		t.Failure = failureOf(err, VerbPlace, "", u.now)
		t.Due = u.now.Add(u.m.opt.Work.jittered(worker.Doubled(u.m.opt.Work.First, u.m.opt.Work.Max, tries)))
		return nil
	}
	t.Operation, t.Failure, t.Due = nil, nil, u.now
	return err
}

// record stores the outcome of a call, if the lease still holds. If it does not, another
// worker may have gone on: what the call did is looked for.
func (m *Manager) record(ctx context.Context, t *task, c made) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	return m.transact(ctx, func(ctx context.Context, u *unit) error {
		s, err := u.service(ctx, t.service.ID)
		if err != nil {
			return err
		}
		if s.Lease.Token != t.lease.Token {
			if !c.harmless() {
				s.late(t.server, c.password && t.service.PasswordAt < s.PasswordAt, u.now)
				u.event(&s.Service, LateOutcome{Service: s.ID, Server: t.server, Verb: c.verb, Begun: t.begun})
			}
		} else {
			s.Lease = Lease{}
			if err := u.conclude(ctx, s, t, c); err != nil {
				return err
			}
		}
		if err := u.flush(ctx); err != nil {
			return err
		}
		u.clear()
		if c.uncalled || c.ended { // which says nothing about the server
			return u.leave(ctx, t)
		}
		if c.err != nil && (c.verb == VerbCopy || c.verb == VerbVerify || c.verb == VerbUsage) {
			// The old server may be the one that does not answer, and meters may be slow.
			return u.leave(ctx, t)
		}
		return u.pass(ctx, t, !unanswered(c.err))
	})
}

// clear forgets what was written.
func (u *unit) clear() {
	u.services, u.chains, u.freed, u.resized, u.events, u.stays = nil, nil, nil, nil, nil, nil
}

// leave gives the slot of a task back.
func (u *unit) leave(ctx context.Context, t *task) error {
	g, err := u.lockGate(ctx, t.server)
	if err != nil {
		return err
	}
	g.leave(t.lease.Token)
	g.refresh(u.now, u.m.opt.Work.Concurrency)
	return u.rows.PutGate(ctx, g)
}

// pass gives the slot of a task back and tells the circuit breaker how it went.
func (u *unit) pass(ctx context.Context, t *task, answered bool) error {
	o := u.m.opt.Work
	g, err := u.lockGate(ctx, t.server)
	if err != nil {
		return err
	}
	g.leave(t.lease.Token)
	opened, closed := g.note(answered, u.now, o)
	g.refresh(u.now, o.Concurrency)
	if opened || closed {
		e := BreakerChanged{Server: t.server, Open: opened}
		if opened {
			e.Until = g.OpenUntil
		}
		u.events = append(u.events, newEvent(u.m.opt.IDs.NewID("evt"), u.now, "", "server/"+string(t.server), e))
	}
	return u.rows.PutGate(ctx, g)
}

// conclude changes a service by the outcome of a call, and says what happened.
func (u *unit) conclude(ctx context.Context, s *touched, t *task, c made) error {
	v := s.Service.conclude(c, u.now, u.m.opt.Work.patience())
	if v.conflict {
		if err := u.conflict(ctx, s, t.server, v.rival, &v); err != nil {
			return err
		}
	}
	u.free(v.freed...)
	if err := u.part(ctx, s, t.server, v); err != nil {
		return err
	}
	if err := u.shrink(ctx, s); err != nil {
		return err
	}
	if v.missing {
		u.event(&s.Service, ServiceMissing{Service: s.ID, Kind: s.Kind, Name: s.Name, Account: s.Account, Server: t.server})
	}
	if v.movedFrom != "" {
		u.event(&s.Service, ServiceMoved{Service: s.ID, Kind: s.Kind, Name: s.Name, Account: s.Account, From: v.movedFrom, To: s.Server})
	}
	if v.moveFailed != "" {
		e := MoveFailed{Service: s.ID, Account: s.Account, To: v.moveFailed}
		if s.Failure != nil {
			e.Text = s.Failure.Text
		}
		u.event(&s.Service, e)
	}
	return nil
}

// conflict decides what becomes of a service whose name is taken on its server. If it is
// taken by what is left of another of our services, that is removed first; else the
// service has to wait for a decision.
func (u *unit) conflict(ctx context.Context, s *touched, on ServerID, rival ServiceID, v *verdict) error {
	text := fmt.Sprintf("%s has a %s named %.100q that is not of this service", on, s.Kind, s.Name)
	op := s.Operation
	if rival != "" {
		other, err := u.service(ctx, rival)
		if err != nil && !errors.Is(err, ErrNoService) {
			return err
		}
		if err == nil && (other.Server != on || other.Desired() == DesiredRemoved) && (other.Move == nil || other.Move.To != on) {
			if other.Server != on && !other.leftOn(on) {
				other.Leftovers = append(other.Leftovers, Leftover{Server: on, Why: "orphan"})
				other.Due = u.now
			}
			op.Check, op.Exists, op.Checks = true, false, 0
			// Whose it is the log says, not the service, which its own customer may see.
			u.m.opt.Logger.InfoContext(ctx, "a service waits for the removal of another's leftover", "service", s.ID, "other", rival, "server", on)
			s.later(op, &Failure{
				At: u.now, Verb: op.Verb, Server: on, Class: ClassExists, Code: ParkConflict, Text: text + " and is to be removed",
			}, 0, u.now, u.m.opt.Work.patience(), v)
			return nil
		}
	}
	s.Failure = &Failure{At: u.now, Verb: op.Verb, Server: on, Class: ClassExists, Code: ParkConflict, Text: text}
	s.giveUp(ParkConflict, text, u.now, v)
	return nil
}

// probe asks a server that did not answer whether it works again.
func (m *Manager) probe(ctx context.Context, t *task) error {
	prober, _ := As[Prober](t.driver)
	within, cancel := context.WithTimeout(ctx, m.opt.Work.Timeout)
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = m.panicked(ctx, p, tierhost.EffectNone, "server", t.server, "verb", "probe")
			}
		}()
		return prober.Probe(within, t.place)
	}()
	cancel()
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	return m.transact(ctx, func(ctx context.Context, u *unit) error { return u.pass(ctx, t, err == nil) })
}
