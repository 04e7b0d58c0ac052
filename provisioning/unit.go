package provisioning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// unit is what one transaction does to services: those that it touches are loaded once,
// settled and written once, with all that follows from it.
//
// Transactions lock rows in one order, so that no two wait for each other: services,
// orders, reservations, loads, and gates last. A transaction that has locked a gate
// changes no room after it, and one that takes room for a service that is there already
// writes the service first (hold).
type unit struct {
	m      *Manager
	tx     storage.Tx
	rows   Rows
	outbox storage.Outbox
	now    time.Time

	services []*touched
	chains   []*touchedChain
	freed    []ReservationRef
	resized  []resized
	stays    []Stay // written apart, under the gate of their server
	events   []*storage.Event
	gated    bool // a gate is locked
}

// touched is a service as it was and as it is now.
type touched struct {
	Service
	before Phase
	isNew  bool
}

type touchedChain struct {
	Chain
	before ChainState
	dirty  bool
}

// transact runs fn in a transaction that writes, the host's or one of its own, and then
// writes what it has touched. fn may run several times.
func (m *Manager) transact(ctx context.Context, fn func(ctx context.Context, u *unit) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Provisioning(tx)
		if err != nil {
			return err
		}
		outbox, err := m.store.Outbox(tx)
		if err != nil {
			return err
		}
		u := &unit{m: m, tx: tx, rows: rows, outbox: outbox, now: m.now()}
		if err := fn(ctx, u); err != nil {
			return err
		}
		return u.flush(ctx)
	}
	if m.tx != nil {
		return within(ctx, m.tx)
	}
	return m.store.Update(ctx, within)
}

// service returns a service for changing, or [ErrNoService].
func (u *unit) service(ctx context.Context, id ServiceID) (*touched, error) {
	for _, t := range u.services {
		if t.ID == id {
			return t, nil
		}
	}
	found, err := u.rows.Services(ctx, []ServiceID{id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %.128q", ErrNoService, id)
	}
	return u.touch(found[0]), nil
}

// hold keeps others from writing a service until the transaction ends, before anything is
// locked that comes after services.
func (u *unit) hold(ctx context.Context, t *touched) error {
	t.Version++
	return u.rows.PutServices(ctx, []Service{t.Service})
}

// lockGate locks the gate of a server, which is the last that a transaction locks.
func (u *unit) lockGate(ctx context.Context, server ServerID) (Gate, error) {
	u.gated = true
	return u.rows.LockGate(ctx, server)
}

// touch takes up a service that was read in the transaction.
func (u *unit) touch(s Service) *touched {
	t := &touched{Service: s, before: s.Phase}
	u.services = append(u.services, t)
	return t
}

// add takes up a new service.
func (u *unit) add(s Service) *touched {
	t := &touched{Service: s, isNew: true}
	u.services = append(u.services, t)
	return t
}

// chain returns an order for changing, or [ErrNoChain].
func (u *unit) chain(ctx context.Context, id ChainID) (*touchedChain, error) {
	for _, c := range u.chains {
		if c.ID == id {
			return c, nil
		}
	}
	c, err := u.rows.Chain(ctx, id)
	if err != nil {
		if errors.Is(err, storage.ErrNotFound) {
			return nil, fmt.Errorf("%w: %.128q", ErrNoChain, id)
		}
		return nil, err
	}
	t := &touchedChain{Chain: c, before: c.State}
	u.chains = append(u.chains, t)
	return t, nil
}

// event says what happened to a service.
func (u *unit) event(s *Service, d EventData) {
	u.events = append(u.events, newEvent(u.m.opt.IDs.NewID("evt"), u.now, s.Seller, "service/"+string(s.ID), d))
}

// free gives room back at the end of the transaction.
func (u *unit) free(refs ...ReservationRef) { u.freed = append(u.freed, refs...) }

// flush settles what was touched, lets orders go on, and writes everything.
func (u *unit) flush(ctx context.Context) error {
	for i := 0; i < len(u.services); i++ { // grows while orders go on
		t := u.services[i]
		from := t.Phase
		if err := t.settle(u.now); err != nil {
			return err
		}
		if t.Phase != from && t.Chain != "" && (t.Phase.Settled() || t.Phase == PhaseParked) {
			again, err := u.advance(ctx, t)
			if err != nil {
				return err
			}
			if again {
				i = -1
			}
		}
	}
	var written []Service
	for _, t := range u.services {
		t.Version++
		written = append(written, t.Service)
		if t.isNew || t.Phase != t.before {
			u.event(&t.Service, ServiceChanged{
				Service: t.ID, Kind: t.Kind, Name: t.Name, Account: t.Account, Chain: t.Chain, Server: t.Server,
				From: t.before, To: t.Phase, Reason: t.reason(),
			})
		}
	}
	// In one order, so that two transactions do not wait for each other.
	slices.SortFunc(written, func(a, b Service) int { return cmp.Compare(a.ID, b.ID) })
	if len(written) > 0 {
		if err := u.rows.PutServices(ctx, written); err != nil {
			return err
		}
	}
	for _, c := range u.chains {
		if !c.dirty {
			continue
		}
		c.Version++
		if err := u.rows.PutChain(ctx, c.Chain); err != nil {
			return err
		}
		if c.State != c.before {
			u.events = append(u.events, newEvent(u.m.opt.IDs.NewID("evt"), u.now, c.Seller, "chain/"+string(c.ID), ChainChanged{
				Chain: c.ID, Account: c.Account, From: c.before, To: c.State,
				Failed: c.Failed, Reason: c.Reason, Leftovers: c.Leftovers,
			}))
		}
	}
	if len(u.resized) > 0 {
		if err := u.resize(ctx); err != nil {
			return err
		}
	}
	if len(u.freed) > 0 {
		if err := u.vacate(ctx); err != nil {
			return err
		}
	}
	if len(u.events) > 0 {
		if err := u.outbox.Append(ctx, u.events); err != nil {
			return err
		}
	}
	return u.putStays(ctx) // last, since it locks gates
}

// vacate gives the room of services back. It is theirs whatever its token: a host may have
// changed its size meanwhile.
func (u *unit) vacate(ctx context.Context) error {
	if u.gated {
		return tierhost.E("provisioning", tierhost.KindInternal, "room_after_gate", errors.New("room is freed after a gate was locked"))
	}
	found, err := reservations(ctx, "", u.rows, u.freed)
	if err != nil {
		return err
	}
	refs := make([]ReservationRef, 0, len(u.freed))
	for _, ref := range u.freed {
		refs = append(refs, found[ref.ID].Ref())
	}
	_, err = u.m.In(u.tx).Free(ctx, refs...)
	return err
}

// reason is why the service is in its phase, if that needs one.
func (s *Service) reason() string {
	switch {
	case s.Parked != nil:
		return s.Parked.Reason
	case s.Removal != nil:
		return s.Removal.Reason
	case len(s.Suspensions) > 0:
		return s.Suspensions[0].Reason
	}
	return ""
}

// alter loads one service, changes it and writes it.
func (m *Manager) alter(ctx context.Context, op string, id ServiceID, fn func(ctx context.Context, u *unit, s *touched) error) (after Service, err error) {
	var t *touched
	err = m.transact(ctx, func(ctx context.Context, u *unit) (err error) {
		if t, err = u.service(ctx, id); err != nil {
			return err
		}
		return fn(ctx, u, t)
	})
	if err != nil {
		return Service{}, named(op, err)
	}
	return t.Service.Clone(), nil
}

// named adds the operation to an error of this package.
func named(op string, err error) error {
	if err == nil || errors.Is(err, storage.ErrConflict) {
		return err
	}
	if _, ok := errors.AsType[*tierhost.Invalid](err); ok {
		return err
	}
	if e, ok := errors.AsType[*tierhost.Error](err); ok && e.Op != "" && e.Op != "provisioning" {
		return err
	}
	return tierhost.E(op, 0, "", err)
}
