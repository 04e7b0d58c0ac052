package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// serviceState is services and what they are worked on with.
type serviceState struct {
	services  tree[provisioning.ServiceID, provisioning.Service]
	names     tree[provisioning.Claim, provisioning.ServiceID]
	available tree[serviceTime, provisioning.ServerID] // those that are not never; the server is Queue

	chains    tree[provisioning.ChainID, provisioning.Chain]
	chainKeys tree[chainKey, provisioning.ChainID]
	gates     tree[provisioning.ServerID, provisioning.Gate]

	samples   tree[provisioning.SampleKey, struct{}]
	readings  tree[provisioning.SampleKey, provisioning.Reading] // without At
	collected tree[collectedKey, time.Time]
	stays     stayState
}

func newServiceState() serviceState {
	return serviceState{
		services: newTree[provisioning.ServiceID, provisioning.Service](cmp.Compare[provisioning.ServiceID]),
		names: newTree[provisioning.Claim, provisioning.ServiceID](func(a, b provisioning.Claim) int {
			return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
		}),
		available: newTree[serviceTime, provisioning.ServerID](func(a, b serviceTime) int {
			return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
		}),
		chains: newTree[provisioning.ChainID, provisioning.Chain](cmp.Compare[provisioning.ChainID]),
		chainKeys: newTree[chainKey, provisioning.ChainID](func(a, b chainKey) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.key, b.key))
		}),
		gates:    newTree[provisioning.ServerID, provisioning.Gate](cmp.Compare[provisioning.ServerID]),
		samples:  newTree[provisioning.SampleKey, struct{}](compareSamples),
		readings: newTree[provisioning.SampleKey, provisioning.Reading](compareSamples),
		collected: newTree[collectedKey, time.Time](func(a, b collectedKey) int {
			return cmp.Or(cmp.Compare(a.server, b.server), cmp.Compare(a.kind, b.kind))
		}),
		stays: newStayState(),
	}
}

type serviceTime struct {
	at time.Time
	id provisioning.ServiceID
}

type chainKey struct{ seller, key string }

type collectedKey struct {
	server provisioning.ServerID
	kind   provisioning.Kind
}

func compareSamples(a, b provisioning.SampleKey) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Meter, b.Meter), a.At.Compare(b.At))
}

// serviceRows is the rows of services within a transaction.
type serviceRows struct{ tx *tx }

func (r serviceRows) state() *serviceState { return &r.tx.state.services }

// PutServices implements [provisioning.ServiceRows].
func (r serviceRows) PutServices(ctx context.Context, services []provisioning.Service) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	for _, s := range services {
		old, _ := st.services.get(s.ID)
		if old.Version != s.Version-1 {
			return r.tx.abort(fmt.Errorf("service %.128q is at version %d: %w", s.ID, old.Version, storage.ErrConflict))
		}
		for _, c := range old.Claims() {
			st.names.delete(r.tx.own, c)
		}
		if at := old.Available(); !at.IsZero() {
			st.available.delete(r.tx.own, serviceTime{at, s.ID})
		}
	}
	for _, s := range services {
		for _, c := range s.Claims() {
			if st.names.has(c) {
				return r.tx.abort(fmt.Errorf("%w: %.255q on %.128q", provisioning.ErrNameTaken, c.Name, c.Server))
			}
			st.names.set(r.tx.own, c, s.ID)
		}
		s = s.Clone()
		if at := s.Available(); !at.IsZero() {
			st.available.set(r.tx.own, serviceTime{at, s.ID}, s.Queue)
		}
		st.services.set(r.tx.own, s.ID, s)
	}
	return nil
}

// Services implements [provisioning.ServiceRows].
func (r serviceRows) Services(ctx context.Context, ids []provisioning.ServiceID) ([]provisioning.Service, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var found []provisioning.Service
	for _, id := range ids {
		if s, ok := r.state().services.get(id); ok {
			found = append(found, s.Clone())
		}
	}
	return found, nil
}

// ServiceByName implements [provisioning.ServiceRows].
func (r serviceRows) ServiceByName(ctx context.Context, name provisioning.Claim) (provisioning.Service, error) {
	if err := r.tx.reading(ctx); err != nil {
		return provisioning.Service{}, err
	}
	id, ok := r.state().names.get(name)
	if !ok {
		return provisioning.Service{}, fmt.Errorf("service %.255q on %.128q: %w", name.Name, name.Server, storage.ErrNotFound)
	}
	s, _ := r.state().services.get(id)
	return s.Clone(), nil
}

// ServicePage implements [provisioning.ServiceRows].
func (r serviceRows) ServicePage(
	ctx context.Context, q provisioning.ServiceQuery, after provisioning.ServiceID, limit int,
) ([]provisioning.Service, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []provisioning.Service
	for _, s := range r.state().services.after(after) {
		if len(page) >= limit {
			break
		}
		if (q.Seller == "" || q.Seller == s.Seller) && (q.Account == "" || q.Account == s.Account) &&
			(q.Server == "" || q.Server == s.Server) && (q.Kind == "" || q.Kind == s.Kind) &&
			(q.Phase == "" || q.Phase == s.Phase) && (q.Chain == "" || q.Chain == s.Chain) {
			page = append(page, s.Clone())
		}
	}
	return page, nil
}

// DueServices implements [provisioning.ServiceRows].
func (r serviceRows) DueServices(
	ctx context.Context, now time.Time, except []provisioning.ServerID, limit int,
) ([]provisioning.Service, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var due []provisioning.Service
	for at, queue := range r.state().available.all() {
		if len(due) >= limit || at.at.After(now) {
			break
		}
		if !slices.Contains(except, queue) {
			s, _ := r.state().services.get(at.id)
			due = append(due, s.Clone())
		}
	}
	return due, nil
}

// NextDue implements [provisioning.ServiceRows].
func (r serviceRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	if err := r.tx.reading(ctx); err != nil {
		return time.Time{}, err
	}
	for at := range r.state().available.from(serviceTime{at: now.Add(1)}) {
		return at.at, nil
	}
	return time.Time{}, nil
}

// PutChain implements [provisioning.ServiceRows].
func (r serviceRows) PutChain(ctx context.Context, c provisioning.Chain) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	old, _ := st.chains.get(c.ID)
	if old.Version != c.Version-1 {
		return r.tx.abort(fmt.Errorf("order %.128q is at version %d: %w", c.ID, old.Version, storage.ErrConflict))
	}
	if old.Key != "" {
		st.chainKeys.delete(r.tx.own, chainKey{old.Seller, old.Key})
	}
	if c.Key != "" {
		k := chainKey{c.Seller, c.Key}
		if st.chainKeys.has(k) {
			return r.tx.abort(fmt.Errorf("an order with key %.255q: %w", c.Key, storage.ErrExists))
		}
		st.chainKeys.set(r.tx.own, k, c.ID)
	}
	st.chains.set(r.tx.own, c.ID, c.Clone())
	return nil
}

// Chain implements [provisioning.ServiceRows].
func (r serviceRows) Chain(ctx context.Context, id provisioning.ChainID) (provisioning.Chain, error) {
	if err := r.tx.reading(ctx); err != nil {
		return provisioning.Chain{}, err
	}
	c, ok := r.state().chains.get(id)
	if !ok {
		return provisioning.Chain{}, fmt.Errorf("order %.128q: %w", id, storage.ErrNotFound)
	}
	return c.Clone(), nil
}

// ChainByKey implements [provisioning.ServiceRows].
func (r serviceRows) ChainByKey(ctx context.Context, seller, key string) (provisioning.Chain, error) {
	if err := r.tx.reading(ctx); err != nil {
		return provisioning.Chain{}, err
	}
	id, ok := r.state().chainKeys.get(chainKey{seller, key})
	if !ok {
		return provisioning.Chain{}, fmt.Errorf("order with key %.255q: %w", key, storage.ErrNotFound)
	}
	return r.Chain(ctx, id)
}

// ChainPage implements [provisioning.ServiceRows].
func (r serviceRows) ChainPage(
	ctx context.Context, state provisioning.ChainState, after provisioning.ChainID, limit int,
) ([]provisioning.Chain, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []provisioning.Chain
	for _, c := range r.state().chains.after(after) {
		if len(page) >= limit {
			break
		}
		if state == "" || state == c.State {
			page = append(page, c.Clone())
		}
	}
	return page, nil
}

// LockGate has nothing to lock: writers take turns.
func (r serviceRows) LockGate(ctx context.Context, server provisioning.ServerID) (provisioning.Gate, error) {
	if err := r.tx.writing(ctx); err != nil {
		return provisioning.Gate{}, err
	}
	return r.Gate(ctx, server)
}

// Gate implements [provisioning.ServiceRows].
func (r serviceRows) Gate(ctx context.Context, server provisioning.ServerID) (provisioning.Gate, error) {
	if err := r.tx.reading(ctx); err != nil {
		return provisioning.Gate{}, err
	}
	g, ok := r.state().gates.get(server)
	if !ok {
		return provisioning.Gate{Server: server}, nil
	}
	return g.Clone(), nil
}

// PutGate implements [provisioning.ServiceRows].
func (r serviceRows) PutGate(ctx context.Context, g provisioning.Gate) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	r.state().gates.set(r.tx.own, g.Server, g.Clone())
	return nil
}

// Gates implements [provisioning.ServiceRows].
func (r serviceRows) Gates(
	ctx context.Context, closedAt time.Time, after provisioning.ServerID, limit int,
) ([]provisioning.Gate, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []provisioning.Gate
	for _, g := range r.state().gates.after(after) {
		if len(page) >= limit {
			break
		}
		if closedAt.IsZero() || g.ClosedUntil.After(closedAt) {
			page = append(page, g.Clone())
		}
	}
	return page, nil
}
