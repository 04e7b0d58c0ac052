package fake

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Thing is what there is on a server.
type Thing struct {
	Kind      provisioning.Kind
	Name      string
	Owner     provisioning.ServiceID // "": nobody's
	Partial   bool
	Suspended bool
	Plan      string
	Quota     int64
	Password  string
	Content   string
	// Made counts how often the owner's thing was made on this server.
	Made int

	meters map[string]*meter
}

type key struct {
	kind provisioning.Kind
	name string
}

// server is one server.
type server struct {
	down   bool
	things map[key]*Thing
	stale  map[key]*stale
	made   map[provisioning.ServiceID]int
	epoch  int
}

// stale is what reads still tell of a thing.
type stale struct {
	thing *Thing // nil: nothing was there
	reads int
}

// server returns a server, which is there once it is named. The lock is held.
func (d *site) server(id provisioning.ServerID) *server {
	s := d.servers[id]
	if s == nil {
		s = &server{things: map[key]*Thing{}, stale: map[key]*stale{}, made: map[provisioning.ServiceID]int{}, epoch: 1}
		d.servers[id] = s
	}
	return s
}

func keyOf(c provisioning.Call) key { return key{c.Service.Kind, c.Service.Name} }

// ours returns the thing of a call, nil if there is none. Another's is an error.
func (s *server) ours(c provisioning.Call, foreign tierhost.Kind) (*Thing, error) {
	t := s.things[keyOf(c)]
	if t != nil && t.Owner != c.Service.ID {
		return nil, tierhost.Fail(foreign, tierhost.EffectNone, errors.New("there is another's thing of that name"))
	}
	return t, nil
}

func (s *server) make(c provisioning.Call) *Thing {
	s.made[c.Service.ID]++
	t := &Thing{
		Kind: c.Service.Kind, Name: c.Service.Name, Owner: c.Service.ID, Plan: "basic", Made: s.made[c.Service.ID],
		meters: map[string]*meter{
			MeterBytes:    {metric: provisioning.Gauge},
			MeterRequests: {metric: provisioning.Counter, epoch: strconv.Itoa(s.epoch)},
		},
	}
	s.things[keyOf(c)] = t
	return t
}

func (s *server) remove(c provisioning.Call) { delete(s.things, keyOf(c)) }

// copyOf returns the thing of a call as it is, before something may change it.
func (s *server) copyOf(c provisioning.Call) *Thing {
	t := s.things[keyOf(c)]
	if t == nil {
		return nil
	}
	return t.clone()
}

// restore makes the thing of a call what it was.
func (s *server) restore(c provisioning.Call, before *Thing) {
	if s.remove(c); before != nil {
		s.things[keyOf(c)] = before.clone()
	}
}

func (t *Thing) clone() *Thing {
	c := *t
	c.meters = map[string]*meter{}
	for name, m := range t.meters {
		c.meters[name] = m.clone()
	}
	return &c
}

// changed notes what reads are to tell for a while, if the thing was changed.
func (s *server) changed(c provisioning.Call, before *Thing, lag int) {
	now := s.things[keyOf(c)]
	same := (now == nil) == (before == nil) &&
		(now == nil || now.observe(Spec{}).Presence == before.observe(Spec{}).Presence && now.Plan == before.Plan && now.Quota == before.Quota)
	if lag > 0 && !same {
		s.stale[keyOf(c)] = &stale{before, lag}
	}
}

// seen is what a read tells.
func (s *server) seen(c provisioning.Call, want Spec) provisioning.Observation {
	t := s.things[keyOf(c)]
	if old := s.stale[keyOf(c)]; old != nil {
		t = old.thing
		if old.reads--; old.reads <= 0 {
			delete(s.stale, keyOf(c))
		}
	}
	if t == nil {
		return provisioning.Observation{Presence: provisioning.Absent}
	}
	return t.observe(want)
}

func (s *server) list(kind provisioning.Kind) []provisioning.Observation {
	var all []provisioning.Observation
	for _, t := range s.sorted() {
		if t.Kind == kind {
			all = append(all, t.observe(Spec{}))
		}
	}
	return all
}

func (s *server) sorted() []*Thing {
	return slices.SortedFunc(maps.Values(s.things), func(a, b *Thing) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

func (t *Thing) change(to Spec) {
	if to.Plan != nil {
		t.Plan = *to.Plan
	}
	if to.Quota != nil {
		t.Quota = *to.Quota
	}
}

func (t *Thing) observe(want Spec) provisioning.Observation {
	o := provisioning.Observation{
		Presence: provisioning.Present, Name: t.Name, Owner: t.Owner,
		Matches: (want.Plan == nil || *want.Plan == t.Plan) && (want.Quota == nil || *want.Quota == t.Quota),
	}
	switch {
	case t.Partial:
		o.Presence, o.Matches = provisioning.Partial, false
		return o
	case t.Suspended:
		o.Presence = provisioning.Suspended
	}
	o.Spec = encoded(Spec{&t.Plan, &t.Quota})
	o.Facts = encoded(map[string]string{"user": t.Name})
	return o
}

func encoded(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil { // strings and numbers always marshal
		return nil
	}
	return text
}

// Things returns what there is on a server, by kind and name.
func (d *Driver) Things(on provisioning.ServerID) []Thing {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Thing
	for _, t := range d.server(on).sorted() {
		all = append(all, *t.clone())
	}
	return all
}

// Thing returns one thing, and whether it is there.
func (d *Driver) Thing(on provisioning.ServerID, kind provisioning.Kind, name string) (Thing, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.server(on).things[key{kind, name}]
	if t == nil {
		return Thing{}, false
	}
	return *t.clone(), true
}

// Put makes a thing be there, as if by other hands: a foreign one, one with another
// content or state. What is there of that name is replaced.
func (d *Driver) Put(on provisioning.ServerID, t Thing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server(on).things[key{t.Kind, t.Name}] = t.clone()
}

// Write has a customer change the content of a thing; it reports whether that is there
// and not suspended.
func (d *Driver) Write(on provisioning.ServerID, kind provisioning.Kind, name, content string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.server(on).things[key{kind, name}]
	if t == nil || t.Partial || t.Suspended {
		return false
	}
	t.Content = content
	if m := t.meters[MeterBytes]; m != nil {
		m.value = decimal.NewFromInt(int64(len(content)))
	}
	return true
}

// Delete removes a thing, as if by other hands.
func (d *Driver) Delete(on provisioning.ServerID, kind provisioning.Kind, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.server(on).things, key{kind, name})
}

// SetDown has a server answer no calls, or answer them again.
func (d *Driver) SetDown(on provisioning.ServerID, down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server(on).down = down
}

// Backup takes a copy of a server; the function returned restores it, and with it every
// thing that was there then and no other.
func (d *Driver) Backup(on provisioning.ServerID) (restore func()) {
	copied := func(all map[key]*Thing) map[key]*Thing {
		c := make(map[key]*Thing, len(all))
		for k, t := range all {
			c[k] = t.clone()
		}
		return c
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := copied(d.server(on).things)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.server(on).things = copied(kept)
	}
}
