package placement

import (
	"fmt"
	"math"
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
}

// Index keeps servers and machines ready for decisions. It is safe for concurrent use.
type Index struct {
	mu       sync.Mutex
	opt      Options
	rng      *rand.Rand
	turn     uint64
	machines map[string]*Machine
	servers  map[string]*Server
}

// NewIndex returns an index of a fleet.
//
// Errors: a *tierhost.Invalid.
func NewIndex(f Fleet, o Options) (*Index, error) {
	ix := &Index{opt: o, rng: rand.New(rand.NewPCG(o.Seed, o.Seed)), machines: map[string]*Machine{}, servers: map[string]*Server{}}
	if _, _, err := f.bind(&Request{Kind: "any"}); err != nil {
		return nil, err
	}
	for i := range f.Machines {
		if err := ix.PutMachine(f.Machines[i]); err != nil {
			return nil, err
		}
	}
	for i := range f.Servers {
		if err := ix.PutServer(f.Servers[i]); err != nil {
			return nil, err
		}
	}
	return ix, nil
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
	m = m.clone()
	ix.machines[m.ID] = &m
	return nil
}

// RemoveMachine forgets a machine; one that is not known is no error.
//
// Errors: [ErrInUse] while there are servers on it.
func (ix *Index) RemoveMachine(id string) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, s := range ix.servers {
		if s.Machine == id {
			return fmt.Errorf("%w: server %s", ErrInUse, s.ID)
		}
	}
	delete(ix.machines, id)
	return nil
}

// PutServer adds a server, or replaces what is known of it. Its machine must be known.
//
// Errors: a *tierhost.Invalid, with the code unknown_machine also for a machine that is
// not known.
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
	s = s.clone()
	ix.servers[s.ID] = &s
	return nil
}

// RemoveServer forgets a server; one that is not known is no error.
func (ix *Index) RemoveServer(id string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	delete(ix.servers, id)
}

// Use adds to what is used of a server and of its machine; negative numbers give back.
// It does not look at capacities: what was reserved in the store is so.
//
// Errors, which change nothing: [ErrUnknownServer]; [ErrBelowZero] if more is given back than is used: the
// server is to be put anew from the store.
func (ix *Index) Use(server string, n Amounts) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	s := ix.servers[server]
	if s == nil {
		return fmt.Errorf("%w: %s", ErrUnknownServer, server)
	}
	m := ix.machines[s.Machine]
	for d, n := range n {
		if n < 0 && (s.Used[d]+n < 0 || m.Used[d]+n < 0) || n > math.MaxInt64-max(s.Used[d], m.Used[d]) {
			return fmt.Errorf("%w: %s of %s", ErrBelowZero, d, server)
		}
	}
	for d, n := range n {
		if s.Used == nil {
			s.Used = Amounts{}
		}
		if m.Used == nil {
			m.Used = Amounts{}
		}
		s.Used[d] += n
		m.Used[d] += n
	}
	return nil
}

// The refusals of an index.
var (
	ErrInUse         error = tierhost.E("", tierhost.KindPrecondition, "in_use", nil)
	ErrUnknownServer error = tierhost.E("", tierhost.KindNotFound, "unknown_server", nil)
	ErrBelowZero     error = tierhost.E("", tierhost.KindPrecondition, "below_zero", nil)
)

// Place chooses a server for r. It reserves nothing: call [Index.Use] when that is done.
//
// Errors: a *tierhost.Invalid, a [*NoCandidateError] that wraps [ErrNoCandidate],
// [ErrPicker].
func (ix *Index) Place(r Request) (Decision, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	b, all, err := ix.bind(&r)
	if err != nil {
		return Decision{}, err
	}
	d, err := b.place(all, ix.rng, ix.opt.Seed)
	if err == nil {
		ix.turn++
		ix.servers[d.Server].Turn = ix.turn
	}
	return d, err
}

// Explain says of each server why it was not chosen when r was decided as d. With the
// zero Decision it says what keeps each server from being chosen. It looks at all
// servers.
//
// Errors: a *tierhost.Invalid.
func (ix *Index) Explain(r Request, d Decision) (Explanation, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	b, all, err := ix.bind(&r)
	if err != nil {
		return Explanation{}, err
	}
	return b.explain(all, d), nil
}

func (ix *Index) bind(r *Request) (bound, []Candidate, error) {
	b, err := bind(r, func(id string) *Machine {
		if s := ix.servers[id]; s != nil {
			return ix.machines[s.Machine]
		}
		return nil
	})
	var all []Candidate
	for _, s := range ix.servers {
		m := ix.machines[s.Machine]
		all = append(all, Candidate{s, m})
		b.own = b.own || r.owned(s, m)
	}
	slices.SortFunc(all, func(a, b Candidate) int { return strings.Compare(a.Server.ID, b.Server.ID) })
	return b, all, err
}
