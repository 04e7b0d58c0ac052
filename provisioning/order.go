package provisioning

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// Order asks for services that belong together: a web account, a mailbox, a database. They
// are made one after the other, in the order given; see [Chain].
type Order struct {
	// Key makes the order repeatable: the same key with the same order returns what was
	// ordered. It is the seller's. "": no key.
	Key      string
	Seller   string // whose customer it is for
	Account  string
	Services []OrderedService
	// OnFailure says what becomes of the others when one fails for good.
	OnFailure OnFailure
	// Wait accepts the order although no server has room: the services then are pending
	// until there is. Else it fails with [ErrNoCapacity].
	Wait bool

	prepared bool
}

// OrderedService is one service of an [Order].
type OrderedService struct {
	ID   ServiceID // "": a new one
	Kind Kind
	Name string // what it is called on the server
	Spec json.RawMessage
	// Password is given to the driver when the thing is made. "": none.
	Password secret.Text
	// Reservation is room that was reserved before, such as by a signup before it
	// charged, and is committed with the order. Zero: room is found now.
	Reservation ReservationRef
	// Demand says where room is to be found, now if there is no Reservation, and for
	// moves. Its Kind is the service's, its Name "" the kind and the position.
	Demand Demand

	sealed []byte
	given  bool // the host gave the ID
}

// Ordered is what became of an order.
type Ordered struct {
	Chain    Chain
	Services []Service // in the order given
	// Replayed: the order was placed before, with the same key.
	Replayed bool
}

// Prepare checks an order, gives its services their IDs and seals their passwords, so that
// what it returns can be ordered in a transaction of the host's. It changes nothing in the
// store. It fails with a [*tierhost.Invalid] that lists all faults; passwords without
// [WorkOptions.Sealer] are one, with the code no_sealer.
func (m *Manager) Prepare(ctx context.Context, o Order) (Order, error) {
	o.Services = slices.Clone(o.Services)
	if err := m.checkOrder(o); err != nil {
		return Order{}, err
	}
	for i := range o.Services {
		s := &o.Services[i]
		s.Demand = s.Demand.Clone()
		if s.given = s.given || s.ID != ""; !s.given {
			s.ID = ServiceID(m.opt.IDs.NewID("svc"))
		}
		s.Demand.Kind = s.Kind
		if s.Demand.Name == "" {
			s.Demand.Name = defaultDemand(s.Kind, i)
		}
		s.Spec = compact(s.Spec)
		if s.sealed != nil || s.Password.Reveal() == "" {
			continue
		}
		sealed, err := m.opt.Work.Sealer.Seal(ctx, []byte(s.Password.Reveal()), passwordOf(s.ID))
		if err != nil {
			return Order{}, named("provisioning.Prepare", err)
		}
		s.sealed = sealed
	}
	o.prepared = true
	return o, nil
}

// passwordOf is what the password of a service is sealed for.
func passwordOf(id ServiceID) string { return "service/" + string(id) + "/password" }

func (m *Manager) checkOrder(o Order) error {
	var c checker
	c.text("key", o.Key, maxText)
	c.text("seller", o.Seller, maxText)
	c.text("account", o.Account, maxText)
	c.count("services", len(o.Services), maxDemands)
	if len(o.Services) == 0 {
		c.Add("services", "required", "an order needs a service")
	}
	if o.OnFailure != Undo && o.OnFailure != Park {
		c.Add("on_failure", "unknown", "%.40q is neither %q nor %q", o.OnFailure, Undo, Park)
	}
	ids, demands, rooms := map[ServiceID]bool{}, map[string]bool{}, map[ReservationID]bool{}
	for i, s := range o.Services {
		at := func(field string) string { return tierhost.Path("services", i, field) }
		c.name(at("kind"), string(s.Kind))
		c.serviceName(at("name"), s.Name)
		c.optional(at("id"), string(s.ID))
		if s.ID != "" && ids[s.ID] {
			c.Add(at("id"), "duplicate", "two services have the ID %q", s.ID)
		}
		ids[s.ID] = true
		if s.Reservation.ID != "" && rooms[s.Reservation.ID] {
			c.Add(at("reservation"), "duplicate", "two services have the room of %q", s.Reservation.ID)
		}
		rooms[s.Reservation.ID] = true
		name := cmp.Or(s.Demand.Name, defaultDemand(s.Kind, i))
		if demands[name] {
			c.Add(at("demand.name"), "duplicate", "two demands are called %q", name)
		}
		demands[name] = true
		if s.Demand.Kind != "" && s.Demand.Kind != s.Kind {
			c.Add(at("demand.kind"), "kind_mixed", "a service of kind %q cannot be on a server for %q", s.Kind, s.Demand.Kind)
		}
		c.config(at("spec"), s.Spec)
		if s.Password.Reveal() != "" && m.opt.Work.Sealer == nil {
			c.Add(at("password"), "no_sealer", "passwords need WorkOptions.Sealer")
		}
	}
	return c.Err()
}

// serviceName checks what a thing is called on a server. Drivers know more about it.
func (c *checker) serviceName(path, s string) {
	if s == "" {
		c.Add(path, "required", "a service needs a name")
		return
	}
	c.text(path, s, maxText)
}

// Order places an order: it finds room for all services that have none, commits it, and
// stores the services, in one transaction. Nothing is done on servers yet; [Manager.Step]
// does that.
//
// In a transaction of the host's an order with passwords must have been given to
// [Manager.Prepare] first, because sealing may be slow.
//
// It fails with a [*tierhost.Invalid] that lists all faults, those of specs too;
// [ErrNoCapacity] unless the order waits; [ErrNoReservation] and [ErrFenced] for
// reservations that are not held any more; [ErrNameTaken] if another service of the kind
// has a name on the server; [ErrKeyReused] if the key was used for another order, and
// tierhost.ErrExists if a service has one of the IDs.
func (m *Manager) Order(ctx context.Context, o Order) (Ordered, error) {
	const op = "provisioning.Order"
	fingerprint := fingerprintOf(o)
	if !o.prepared {
		if m.tx != nil && slices.ContainsFunc(o.Services, func(s OrderedService) bool { return s.Password.Reveal() != "" }) {
			return Ordered{}, tierhost.E(op, tierhost.KindPrecondition, "not_prepared",
				errors.New("an order with passwords is prepared before the transaction"))
		}
		var err error
		if o, err = m.Prepare(ctx, o); err != nil {
			return Ordered{}, err
		}
	}
	var done Ordered
	place := func(ctx context.Context, u *unit) (err error) {
		done = Ordered{}
		if o.Key != "" {
			old, err := u.rows.ChainByKey(ctx, o.Seller, o.Key)
			if err == nil {
				done, err = u.replay(ctx, old, fingerprint)
				return err
			}
			if !errors.Is(err, storage.ErrNotFound) {
				return err
			}
		}
		done, err = u.order(ctx, o, fingerprint)
		return err
	}
	err := m.transact(ctx, place)
	if o.Key != "" && m.tx == nil && errors.Is(err, tierhost.ErrExists) {
		err = m.transact(ctx, place) // another was faster with the key: its order is there now
	}
	if err != nil {
		m.refused(ctx, ReserveRequest{Seller: o.Seller, Account: o.Account, Demands: demandsOf(o)}, err)
		return Ordered{}, named(op, err)
	}
	// As they were written.
	for i := range done.Services {
		done.Services[i] = done.Services[i].Clone()
	}
	return done, nil
}

// demandsOf are the demands of an order.
func demandsOf(o Order) []Demand {
	all := make([]Demand, len(o.Services))
	for i, s := range o.Services {
		all[i] = s.Demand
	}
	return all
}

// replay returns what an earlier order with the same key has made.
func (u *unit) replay(ctx context.Context, c Chain, fingerprint []byte) (Ordered, error) {
	if !bytes.Equal(c.Fingerprint, fingerprint) {
		return Ordered{}, ErrKeyReused
	}
	found, err := u.rows.Services(ctx, c.Services)
	if err != nil {
		return Ordered{}, err
	}
	slices.SortFunc(found, func(a, b Service) int { return cmp.Compare(a.Position, b.Position) })
	return Ordered{Chain: c, Services: found, Replayed: true}, nil
}

func (u *unit) order(ctx context.Context, o Order, fingerprint []byte) (Ordered, error) {
	c := &touchedChain{Chain: Chain{
		ID: ChainID(u.m.opt.IDs.NewID("ord")), Seller: o.Seller, Account: o.Account, Key: o.Key, Fingerprint: fingerprint,
		Ordered: u.now, OnFailure: o.OnFailure, State: ChainBuilding,
	}, dirty: true}
	u.chains = append(u.chains, c)
	if err := u.idsFree(ctx, o.Services); err != nil {
		return Ordered{}, err
	}
	var all []*touched
	for i, s := range o.Services {
		c.Services = append(c.Services, s.ID)
		svc := Service{
			ID: s.ID, Kind: s.Kind, Name: s.Name, Seller: o.Seller, Account: o.Account, Ordered: u.now,
			Chain: c.ID, Position: i, Waiting: i > 0, Generation: 1, Spec: s.Spec, SpecAt: 1, Password: s.sealed,
			Demand: s.Demand.Clone(), Reservation: s.Reservation, Due: u.now,
		}
		if len(s.sealed) > 0 {
			svc.PasswordAt = 1
		}
		all = append(all, u.add(svc))
	}
	if err := u.settleIn(ctx, all, o.Wait); err != nil {
		return Ordered{}, err
	}
	if err := u.checkSpecs(ctx, all, ""); err != nil {
		return Ordered{}, err
	}
	if err := u.flush(ctx); err != nil {
		return Ordered{}, err
	}
	done := Ordered{Chain: c.Chain.Clone()}
	for _, t := range all {
		done.Services = append(done.Services, t.Service)
	}
	u.services, u.chains, u.events, u.freed = nil, nil, nil, nil // they are written
	return done, nil
}

// idsFree fails if a service has one of the IDs that the host gave.
func (u *unit) idsFree(ctx context.Context, services []OrderedService) error {
	var ids []ServiceID
	for _, s := range services {
		if s.given {
			ids = append(ids, s.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := u.rows.Services(ctx, ids)
	if err == nil && len(found) > 0 {
		err = tierhost.E("", tierhost.KindExists, "service_exists", fmt.Errorf("there is a service %q", found[0].ID))
	}
	return err
}

// settleIn gives the services of an order their places: those that were reserved before,
// and new ones for the others, all at once.
func (u *unit) settleIn(ctx context.Context, all []*touched, wait bool) error {
	var refs []ReservationRef
	var homeless []*touched
	for _, t := range all {
		if t.Reservation.ID == "" {
			homeless = append(homeless, t)
		} else {
			refs = append(refs, t.Reservation)
		}
	}
	if len(refs) > 0 {
		if err := u.occupy(ctx, all, refs); err != nil {
			return err
		}
	}
	if len(homeless) == 0 {
		return nil
	}
	err := u.house(ctx, homeless)
	if wait && errors.Is(err, ErrNoCapacity) {
		return nil
	}
	return err
}

// occupy commits what was reserved for the services of an order, and notes whose it is:
// room is that of one service, for which it was reserved.
func (u *unit) occupy(ctx context.Context, all []*touched, refs []ReservationRef) error {
	committed, err := u.m.In(u.tx).Commit(ctx, refs...)
	if err != nil {
		return err
	}
	byID := map[ReservationID]Reservation{}
	for _, r := range committed {
		byID[r.ID] = r
	}
	var issues tierhost.Issues
	var used []Reservation
	for _, t := range all {
		r, has := byID[t.Reservation.ID]
		if !has {
			continue
		}
		at := tierhost.Path("services", t.Position, "reservation")
		switch {
		case r.Seller != t.Seller || r.Account != "" && r.Account != t.Account:
			issues.Add(at, "other_owner", "it is of another customer")
		case r.Kind != t.Kind:
			issues.Add(at, "other_kind", "it is room for a %s on %q", r.Kind, r.Server)
		case r.Service != "":
			return fmt.Errorf("%w: reservation %q is in use", ErrFenced, r.ID)
		}
		r.Service = t.ID
		r.Token++
		if t.Demand.Amounts == nil { // it moves with what it has
			t.Demand.Amounts = maps.Clone(r.Amounts)
		}
		t.Server, t.Reservation = r.Server, r.Ref()
		used = append(used, r)
	}
	if err := issues.Err(); err != nil {
		return err
	}
	slices.SortFunc(used, func(a, b Reservation) int { return cmp.Compare(a.ID, b.ID) })
	return u.rows.PutReservations(ctx, used)
}

// house finds room for services that have none, for all of them or for none, on servers
// where their names are free.
func (u *unit) house(ctx context.Context, homeless []*touched) error {
	req := ReserveRequest{Seller: homeless[0].Seller, Account: homeless[0].Account, Commit: true}
	for _, t := range homeless {
		d := t.Demand.Clone()
		d.Rules = rulesAmong(d.Rules, homeless)
		for _, l := range t.Leftovers {
			d.Exclude = append(d.Exclude, l.Server)
		}
		req.Demands, req.services = append(req.Demands, d), append(req.services, t.ID)
	}
	got, err := u.reserve(ctx, req, func(i int) Claim { return Claim{Kind: homeless[i].Kind, Name: homeless[i].Name} })
	if err != nil {
		return err
	}
	for i, t := range homeless {
		t.Server, t.Reservation = got[i].Server, got[i].Ref()
	}
	return nil
}

// reserve reserves and commits room on servers where the names are free. Where one is not,
// it looks further; if no server is left for that reason, it fails with ErrNameTaken.
func (u *unit) reserve(ctx context.Context, req ReserveRequest, name func(i int) Claim) ([]Reservation, error) {
	taken := error(nil)
	for range maxList {
		got, err := u.m.In(u.tx).Reserve(ctx, req)
		if err != nil {
			if taken != nil && errors.Is(err, ErrNoCapacity) {
				return nil, taken
			}
			return nil, err
		}
		free := true
		var claimed []Claim // two of one order may have one name
		for i, r := range got.Reservations {
			c := name(i)
			c.Server = r.Server
			is, err := !slices.Contains(claimed, c), error(nil)
			if is {
				claimed = append(claimed, c)
				is, err = u.nameFree(ctx, c)
			}
			if err != nil {
				return nil, err
			}
			if !is {
				free = false
				taken = fmt.Errorf("%w: %.255q on %.128q", ErrNameTaken, c.Name, c.Server)
				req.Demands[i].Exclude = append(req.Demands[i].Exclude, c.Server)
			}
		}
		if free {
			return got.Reservations, nil
		}
		refs := make([]ReservationRef, len(got.Reservations))
		for i, r := range got.Reservations {
			refs[i] = r.Ref()
		}
		if _, err := u.m.In(u.tx).Free(ctx, refs...); err != nil {
			return nil, err
		}
	}
	return nil, taken
}

// nameFree reports whether nobody holds a name, in the store or in this transaction.
func (u *unit) nameFree(ctx context.Context, c Claim) (bool, error) {
	for _, t := range u.services {
		if slices.Contains(t.Claims(), c) {
			return false, nil
		}
	}
	_, err := u.rows.ServiceByName(ctx, c)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	return false, err
}

// rulesAmong returns the rules as far as they concern the services given, and servers:
// others of the order may have a place already, or be gone.
func rulesAmong(rules []placement.Rule, all []*touched) []placement.Rule {
	var among []placement.Rule
	for _, r := range rules {
		r.Requests = slices.DeleteFunc(slices.Clone(r.Requests), func(name string) bool {
			return !slices.ContainsFunc(all, func(t *touched) bool { return t.Demand.Name == name })
		})
		if len(r.Requests)+len(r.Servers) > 0 {
			among = append(among, r)
		}
	}
	return among
}

// fingerprintOf is a hash of what is ordered. Passwords are left out but for whether there
// is one: sealed they differ each time.
func fingerprintOf(o Order) []byte {
	b := []byte("provisioning.Order/1")
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	str(o.Seller)
	str(o.Account)
	str(string(o.OnFailure))
	var demands []Demand
	for i, s := range o.Services {
		str(string(s.Kind))
		str(s.Name)
		str(string(compact(s.Spec)))
		str(string(s.Reservation.ID))
		b = append(b, byte(min(1, len(s.Password.Reveal())+len(s.sealed))))
		d := s.Demand
		d.Kind, d.Name = s.Kind, cmp.Or(d.Name, defaultDemand(s.Kind, i))
		demands = append(demands, d)
	}
	str((&ReserveRequest{Key: "order", Demands: demands}).fingerprint())
	sum := sha256.Sum256(b)
	return sum[:]
}
