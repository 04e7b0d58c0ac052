package provisioning

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// fleet is what placement goes by: the machines and servers that the store had when it
// was looked at, and what this process has changed since. It is kept between decisions
// and shared by a manager and those that its In returns.
//
// It may be out of date, or hold what a transaction has written that was rolled back
// later. A reservation names the versions of the server and the machine that it was
// decided by, and the store refuses it if they have others, or no room: so wrong
// knowledge costs a second try.
type fleet struct {
	seed uint64

	mu       sync.Mutex
	index    *placement.Index // nil before the store was read
	revision Revision
	machines map[MachineID]*holder
	servers  map[ServerID]*holder
	due      bool      // the store is to be read before the next decision
	looked   time.Time // when it was read last
	whole    time.Time // when all of it was read last
}

// holder is what is known of one machine, or of one server.
type holder struct {
	version int64
	machine Machine
	server  Server // with an ID: it is a server
	loads   map[string]*holding
}

// holding is what is known of one load.
type holding struct {
	used    int64 // in the store
	flying  int64 // decided here, and not yet in the store
	shown   int64 // in the index
	changed time.Time
}

func newFleet(seed uint64) *fleet { return &fleet{seed: seed} }

// expire has the store read before the next decision.
func (f *fleet) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due = true
}

const (
	// overlap is how far back changes of loads are read again: longer than transactions
	// take, and than the clocks of processes differ.
	overlap = time.Minute
	// wholeEvery is after how many times Options.Refresh everything is read again.
	wholeEvery = 120
	// loadPage is how many servers or loads are read at once.
	loadPage = 5000
)

// stale says if the store is to be read before a decision, and if all of it.
func (f *fleet) stale(now time.Time, every time.Duration) (yes, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	whole = f.index == nil || now.Sub(f.whole) >= wholeEvery*every
	return whole || f.due || now.Sub(f.looked) >= every || now.Before(f.looked), whole
}

// snapshot is what was read of the store in one transaction.
type snapshot struct {
	at       time.Time
	whole    bool
	revision Revision
	machines []Machine
	servers  []Server
	loads    []Load
}

// read reads what has changed since the store was read last, or all.
func (f *fleet) read(ctx context.Context, rows Rows, now time.Time, whole bool) (s snapshot, err error) {
	f.mu.Lock()
	known, since, loaded := f.revision, f.looked.Add(-overlap), f.index != nil
	f.mu.Unlock()
	s = snapshot{at: now}
	if s.revision, err = rows.Revision(ctx); err != nil {
		return s, err
	}
	s.whole = whole || !loaded || s.revision.Removal > known.Number || s.revision.Number < known.Number
	if s.whole {
		since, known = time.Time{}, Revision{}
	}
	if s.revision.Number > known.Number {
		err := machinesOf(ctx, rows, MachineQuery{Since: known.Number}, func(m Machine) bool {
			s.machines = append(s.machines, m)
			return true
		})
		if err != nil {
			return s, err
		}
		for after, more := ServerID(""), true; more; {
			page, err := rows.Servers(ctx, ServerQuery{Since: known.Number}, after, loadPage)
			if err != nil {
				return s, err
			}
			s.servers = append(s.servers, page...)
			if more = len(page) == loadPage; more {
				after = page[len(page)-1].ID
			}
		}
	}
	for after, more := (LoadKey{}), true; more; {
		page, err := rows.Loads(ctx, since, after, loadPage)
		if err != nil {
			return s, err
		}
		s.loads = append(s.loads, page...)
		if more = len(page) == loadPage; more {
			after = page[len(page)-1].LoadKey
		}
	}
	return s, nil
}

// take takes over what was read.
func (f *fleet) take(s snapshot) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.whole {
		index, err := placement.NewIndex(placement.Fleet{}, placement.Options{Seed: f.seed})
		if err != nil {
			return err
		}
		f.index, f.machines, f.servers = index, map[MachineID]*holder{}, map[ServerID]*holder{}
		f.whole, f.revision = s.at, Revision{}
	}
	changed := map[*holder]bool{}
	for _, m := range s.machines {
		if h := found(f.machines, m.ID); m.Version >= h.version {
			h.version, h.machine, changed[h] = m.Version, m, true
		}
	}
	for _, x := range s.servers {
		if h := found(f.servers, x.ID); x.Version >= h.version {
			h.version, h.server, changed[h] = x.Version, x, true
		}
	}
	f.note(s.loads, changed)
	if s.revision.Number > f.revision.Number {
		f.revision = s.revision
	}
	f.looked, f.due = s.at, false
	return f.show(changed)
}

func found[K comparable](holders map[K]*holder, id K) *holder {
	h := holders[id]
	if h == nil {
		h = &holder{loads: map[string]*holding{}}
		holders[id] = h
	}
	return h
}

// note takes over loads, and adds to changed whose they are, where the index has others.
func (f *fleet) note(loads []Load, changed map[*holder]bool) {
	for _, load := range loads {
		h := f.machines[load.Machine]
		if load.Server != "" {
			h = f.servers[load.Server]
		}
		if h == nil {
			continue
		}
		x := h.loads[load.Dimension]
		if x == nil {
			x = &holding{}
			h.loads[load.Dimension] = x
		}
		if !load.Changed.Before(x.changed) {
			x.used, x.changed = load.Used, load.Changed
			if x.used+x.flying != x.shown {
				changed[h] = true
			}
		}
	}
}

// show puts what has changed into the index: machines first, which servers need.
func (f *fleet) show(changed map[*holder]bool) error {
	all := slices.SortedFunc(maps.Keys(changed), func(a, b *holder) int {
		return cmp.Or(cmp.Compare(a.server.ID, b.server.ID), cmp.Compare(a.machine.ID, b.machine.ID))
	})
	for _, h := range all {
		used := make(map[string]int64, len(h.loads))
		for dimension, x := range h.loads {
			x.shown = max(0, x.used+x.flying)
			used[dimension] = x.shown
		}
		var err error
		if h.server.ID == "" {
			err = f.index.PutMachine(h.machine.placed(used))
		} else if f.machines[h.server.Machine] != nil {
			err = f.index.PutServer(h.server.placed(used))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// placed is the machine as placement sees it.
func (m Machine) placed(used map[string]int64) placement.Machine {
	groups := make([]string, len(m.Groups))
	for i, g := range m.Groups {
		groups[i] = string(g)
	}
	return placement.Machine{
		ID: string(m.ID), Platform: m.Platform, Domain: m.Domain, Tags: m.Tags, Groups: groups, Status: m.Status,
		Allocation: m.Allocation, Seller: m.Seller, Capacity: m.Capacity, Used: used,
	}
}

// placed is the server as placement sees it.
func (s Server) placed(used map[string]int64) placement.Server {
	return placement.Server{
		ID: string(s.ID), Machine: string(s.Machine), Group: string(s.Group), Kind: string(s.Kind), Tags: s.Tags,
		Status: s.Status, Weight: s.Weight, Capacity: s.Capacity, Used: used,
	}
}

// seat is the place that was decided for a demand.
type seat struct {
	amounts  map[string]int64
	server   Server // as it was when it was decided
	machine  MachineID
	versions [2]int64 // of the server and of the machine
	degraded bool
}

// place decides where requests go, all of them or none, and counts them as flying, so
// that the next decision goes by it, until land is called.
func (f *fleet) place(requests []placement.Request) ([]seat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	decisions, err := f.index.PlaceAll(requests)
	if err != nil {
		return nil, err
	}
	seats := make([]seat, len(decisions))
	for i, d := range decisions {
		server, machine := f.servers[ServerID(d.Server)], f.machines[MachineID(d.Machine)]
		seats[i] = seat{
			amounts: requests[i].Demand, server: server.server, machine: machine.machine.ID,
			versions: [2]int64{server.version, machine.version}, degraded: d.Degraded(),
		}
		f.fly(seats[i], 1)
		if err := f.index.Use(d.Server, requests[i].Demand); err != nil {
			return seats, err
		}
		for _, h := range []*holder{server, machine} {
			for dimension, n := range requests[i].Demand {
				h.loads[dimension].shown += n
			}
		}
	}
	return seats, nil
}

// fly adds a seat to what is flying, or takes it out with a sign of -1.
func (f *fleet) fly(s seat, sign int64) {
	for _, h := range []*holder{f.servers[s.server.ID], f.machines[s.machine]} {
		if h == nil {
			continue
		}
		for dimension, n := range s.amounts {
			x := h.loads[dimension]
			if x == nil {
				x = &holding{}
				h.loads[dimension] = x
			}
			x.flying = max(0, x.flying+sign*n) // all was read anew in between
		}
	}
}

// land ends the flight of seats; loads are what the store says of them, if it does.
func (f *fleet) land(seats []seat, loads []Load) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := map[*holder]bool{}
	f.note(loads, changed)
	for _, s := range seats {
		f.fly(s, -1)
	}
	for _, s := range seats {
		for _, h := range []*holder{f.servers[s.server.ID], f.machines[s.machine]} {
			if h != nil {
				changed[h] = true
			}
		}
	}
	maps.DeleteFunc(changed, func(h *holder, _ bool) bool {
		for _, x := range h.loads {
			if max(0, x.used+x.flying) != x.shown {
				return false
			}
		}
		return true
	})
	return f.show(changed)
}

// learn takes over what the store says of loads.
func (f *fleet) learn(loads []Load) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.index == nil || len(loads) == 0 {
		return
	}
	changed := map[*holder]bool{}
	f.note(loads, changed)
	f.due = f.show(changed) != nil || f.due
}
