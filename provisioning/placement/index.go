package placement

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/tierhost/tierhost"
)

// Options are the settings of an [Index]. The zero value works.
type Options struct {
	// Seed is where randomness starts, and orders what is equal. The same seed, changes
	// and requests in the same order give the same decisions.
	Seed uint64
	// SearchLimit is after how many steps PlaceAll gives up; 0: 20,000. A step takes a few
	// microseconds, during which the index is locked.
	SearchLimit int
}

// Index keeps a fleet ready for decisions, which then look at a few servers instead of
// all. Load and status are changed in O(log n) for each server of the machine concerned.
// It decides as [Fleet.Place] does, and with the same probabilities.
//
// An Index is safe for concurrent use; one thing is done at a time.
type Index struct {
	mu  sync.Mutex
	opt Options
	rng *rand.Rand

	dimensions []string
	column     map[string]int // of each dimension
	machines   map[string]*machine
	servers    map[string]*slot
	zones      map[domain]*zone
	groups     map[string]*classes // by the group's name: at most one for each seller
	kinds      map[string]*classes
	tags       map[string]*tagSet

	turn    uint64 // of RoundRobin
	stamp   uint64 // of queries
	query   query  // of Place, kept for its memory
	request Request
	needs   []need
	nearby  []*slot
}

// zone is a failure domain.
type zone struct {
	machines []*machine
	servers  int
}

// The refusals of an index.
var (
	ErrInUse         error = tierhost.E("", tierhost.KindPrecondition, "in_use", nil)
	ErrUnknownServer error = tierhost.E("", tierhost.KindNotFound, "unknown_server", nil)
	ErrOutOfRange    error = tierhost.E("", tierhost.KindPrecondition, "out_of_range", nil)
)

// NewIndex returns an index of a fleet, which may be empty.
//
// Errors: a *tierhost.Invalid.
func NewIndex(f Fleet, o Options) (*Index, error) {
	if _, _, err := f.bind(&Request{Kind: "any"}); err != nil {
		return nil, err
	}
	if o.SearchLimit == 0 {
		o.SearchLimit = 20_000
	}
	ix := &Index{
		opt: o, rng: rand.New(rand.NewPCG(o.Seed, o.Seed)),
		column: map[string]int{}, machines: map[string]*machine{}, servers: map[string]*slot{}, zones: map[domain]*zone{},
		groups: map[string]*classes{}, kinds: map[string]*classes{}, tags: map[string]*tagSet{},
	}
	ix.query.ix = ix
	// All dimensions first: a new one later on means to lay out every row anew.
	for i := range f.Machines {
		ix.learn(f.Machines[i].Capacity, f.Machines[i].Used)
	}
	for i := range f.Servers {
		ix.learn(f.Servers[i].Capacity, f.Servers[i].Used)
	}
	for i := range f.Machines {
		ix.putMachine(&f.Machines[i])
	}
	for i := range f.Servers {
		ix.putServer(&f.Servers[i])
	}
	return ix, nil
}

// learn makes columns for the dimensions that are new.
func (ix *Index) learn(amounts ...Amounts) {
	before := len(ix.dimensions)
	for _, a := range amounts {
		for _, d := range a.dimensions() {
			if _, known := ix.column[d]; !known {
				ix.column[d] = len(ix.dimensions)
				ix.dimensions = append(ix.dimensions, d)
			}
		}
	}
	if before == len(ix.dimensions) {
		return
	}
	for _, m := range ix.machines {
		m.widen(len(ix.dimensions))
	}
	for _, s := range ix.servers {
		s.widen(len(ix.dimensions))
	}
	for c := range ix.classes() {
		for _, l := range c.cells {
			l.columns()
		}
	}
}

// PutMachine adds a machine, or replaces what is known of it.
//
// Errors: a *tierhost.Invalid.
func (ix *Index) PutMachine(m Machine) error {
	var issues tierhost.Issues
	if m.check("", &issues); len(issues) > 0 {
		return issues.Err()
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.learn(m.Capacity, m.Used)
	ix.putMachine(&m)
	return nil
}

func (ix *Index) putMachine(from *Machine) {
	m := ix.machines[from.ID]
	if m == nil {
		m = &machine{}
		ix.machines[from.ID] = m
	} else {
		for _, s := range m.slots {
			ix.leave(s)
		}
		ix.leaveZone(m)
	}
	m.Machine = from.clone()
	m.set(ix, m.Capacity, m.Used)
	z := ix.zones[m.domain()]
	if z == nil {
		z = &zone{}
		ix.zones[m.domain()] = z
	}
	z.machines, z.servers = append(z.machines, m), z.servers+len(m.slots)
	for _, s := range m.slots {
		ix.enter(s)
	}
}

func (ix *Index) leaveZone(m *machine) {
	z := ix.zones[m.domain()]
	z.machines = slices.DeleteFunc(z.machines, func(of *machine) bool { return of == m })
	z.servers -= len(m.slots)
	if len(z.machines) == 0 {
		delete(ix.zones, m.domain())
	}
}

// RemoveMachine forgets a machine; one that is not known is no error.
//
// Errors: [ErrInUse] while there are servers on it.
func (ix *Index) RemoveMachine(id string) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	m := ix.machines[id]
	if m == nil {
		return nil
	}
	if len(m.slots) > 0 {
		return fmt.Errorf("%w: server %s is on machine %s", ErrInUse, m.slots[0].ID, id)
	}
	ix.leaveZone(m)
	delete(ix.machines, id)
	return nil
}

// PutServer adds a server, or replaces what is known of it; its turn is then the later of
// the two. Its machine must be known.
//
// Errors: a *tierhost.Invalid, with the code unknown_machine if the machine is not known.
func (ix *Index) PutServer(s Server) error {
	var issues tierhost.Issues
	if s.check("", &issues); len(issues) > 0 {
		return issues.Err()
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.machines[s.Machine] == nil {
		issues.Add("machine", "unknown_machine", "there is no machine %q", s.Machine)
		return issues.Err()
	}
	ix.learn(s.Capacity, s.Used)
	ix.putServer(&s)
	return nil
}

func (ix *Index) putServer(from *Server) {
	s := ix.servers[from.ID]
	if s == nil {
		s = &slot{tie: tieOf(ix.opt.Seed, from.ID)}
		ix.servers[from.ID] = s
	} else {
		ix.leave(s)
		ix.leaveMachine(s)
	}
	turn := max(s.Turn, from.Turn)
	s.Server, s.on = from.clone(), ix.machines[from.Machine]
	s.Turn, ix.turn = turn, max(ix.turn, turn)
	s.set(ix, s.Capacity, s.Used)
	s.on.slots = append(s.on.slots, s)
	ix.zones[s.on.domain()].servers++
	ix.enter(s)
}

func (ix *Index) leaveMachine(s *slot) {
	s.on.slots = slices.DeleteFunc(s.on.slots, func(of *slot) bool { return of == s })
	ix.zones[s.on.domain()].servers--
}

// RemoveServer forgets a server; one that is not known is no error. What it used of its
// machine stays used: see [Index.Use] and [Index.PutMachine].
func (ix *Index) RemoveServer(id string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if s := ix.servers[id]; s != nil {
		ix.leave(s)
		ix.leaveMachine(s)
		delete(ix.servers, id)
	}
}

// Use adds to what is used of a server and of its machine; negative numbers give back.
// It does not look at capacities: what was reserved in the store is so.
//
// Errors, which change nothing: [ErrUnknownServer], and [ErrOutOfRange] if less than
// nothing or more than [MaxAmount] would be used. Whoever gets the latter knows less than the
// store, and puts server and machine anew.
func (ix *Index) Use(server string, n Amounts) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	s := ix.servers[server]
	if s == nil {
		return fmt.Errorf("%w: %s", ErrUnknownServer, server)
	}
	for d := range n {
		if _, known := ix.column[d]; !known {
			ix.learn(n)
			break
		}
	}
	ix.needs = ix.needs[:0]
	for d, n := range n {
		column := ix.column[d]
		for _, used := range [...]int64{s.used[column], s.on.used[column]} {
			if n < -used || n > MaxAmount-used {
				return fmt.Errorf("%w: %s of %s: %d used, %+d", ErrOutOfRange, d, server, used, n)
			}
		}
		ix.needs = append(ix.needs, need{column, n})
	}
	ix.use(s, ix.needs, 1)
	return nil
}

// Place chooses a server for r. It reserves nothing: [Index.Use] is called when that is
// done. With the pickers of this package and without scorers it looks at a few servers
// and allocates nothing; filters are asked about those that are drawn. A picker or scorers
// of the host are given all servers of the kind or group that are possible, and so is the
// picker where a demand, rules or filters leave too few to be drawn.
//
// Errors: a *tierhost.Invalid, a [*NoCandidateError] that wraps [ErrNoCandidate] (for
// which all servers are looked at), [ErrPicker].
func (ix *Index) Place(r Request) (Decision, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.place("", r)
}

func (ix *Index) place(path string, r Request) (Decision, error) {
	ix.request = r // not r itself, which would be allocated for the filters
	q, issues := &ix.query, tierhost.Issues(nil)
	q.set(path, &ix.request, &issues)
	if q.alone(path, &issues); len(issues) > 0 {
		return Decision{}, issues.Err()
	}
	s, err := q.choose(q.waivable())
	switch {
	case err != nil:
		return Decision{}, err
	case s == nil:
		return Decision{}, q.noCandidate(ix.all())
	}
	if _, ok := r.Policy.Picker.(RoundRobin); ok {
		ix.turn++
		s.took(ix.turn)
	}
	return Decision{Server: s.ID, Machine: s.Machine, Candidates: q.count, Waived: q.waived(&s.on.Machine)}, nil
}

// Explain says of each server why it was not chosen when r was decided as d. With the
// zero Decision it says what keeps each server from being chosen. It looks at all
// servers.
//
// Errors: a *tierhost.Invalid.
func (ix *Index) Explain(r Request, d Decision) (Explanation, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	q, issues := query{ix: ix}, tierhost.Issues(nil)
	q.set("", &r, &issues)
	if q.alone("", &issues); len(issues) > 0 {
		return Explanation{}, issues.Err()
	}
	q.gather()
	return q.explain(ix.all(), d), nil
}

// Fleet returns a copy of what the index knows, sorted by ID.
func (ix *Index) Fleet() Fleet {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	var f Fleet
	for _, s := range ix.servers {
		s.sync(ix, &s.Server.Used)
		f.Servers = append(f.Servers, s.Server.clone())
	}
	slices.SortFunc(f.Servers, func(a, b Server) int { return strings.Compare(a.ID, b.ID) })
	for _, m := range ix.machines {
		m.sync(ix, &m.Machine.Used)
		f.Machines = append(f.Machines, m.Machine.clone())
	}
	slices.SortFunc(f.Machines, func(a, b Machine) int { return strings.Compare(a.ID, b.ID) })
	return f
}

// classes are all classes, in any order.
func (ix *Index) classes() iter.Seq[*class] {
	return func(yield func(*class) bool) {
		for _, of := range ix.groups {
			for _, c := range of.shared {
				if !yield(c) {
					return
				}
			}
			for _, list := range of.taken {
				for _, c := range list {
					if !yield(c) {
						return
					}
				}
			}
		}
	}
}

// all lists all servers, in any order.
func (ix *Index) all() []Candidate {
	all := make([]Candidate, 0, len(ix.servers))
	for _, s := range ix.servers {
		all = append(all, ix.candidate(s))
	}
	return all
}
