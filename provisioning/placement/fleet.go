package placement

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// Fleet is the servers there are, with their machines. Its methods look at every server
// and change nothing; where there are many servers or many decisions an [Index] answers
// the same sooner.
type Fleet struct {
	Machines []Machine
	Servers  []Server
}

// Place chooses a server for r. The same fleet, request and seed give the same decision.
//
// Errors: a *tierhost.Invalid with the faults of the request and of the fleet, a
// [*NoCandidateError] that wraps [ErrNoCandidate], [ErrPicker].
func (f Fleet) Place(r Request, seed uint64) (Decision, error) {
	b, all, err := f.bind(&r)
	if err != nil {
		return Decision{}, err
	}
	return b.place(all, rand.New(rand.NewPCG(seed, seed)), seed)
}

// Explain says of each server why it was not chosen when r was decided as d. With the
// zero Decision it says what keeps each server from being chosen.
//
// Errors: a *tierhost.Invalid.
func (f Fleet) Explain(r Request, d Decision) (Explanation, error) {
	b, all, err := f.bind(&r)
	if err != nil {
		return Explanation{}, err
	}
	return b.explain(all, d), nil
}

// bind looks up what r refers to, and lists all servers by ID.
func (f Fleet) bind(r *Request) (bound, []Candidate, error) {
	var issues tierhost.Issues
	machines := make(map[string]*Machine, len(f.Machines))
	for i := range f.Machines {
		m, path := &f.Machines[i], tierhost.Path("machines", i)
		m.check(path, &issues)
		if machines[m.ID] != nil {
			issues.Add(tierhost.Path(path, "id"), "exists", "there are two machines %q", m.ID)
		}
		machines[m.ID] = m
	}
	all, on := make([]Candidate, 0, len(f.Servers)), make(map[string]*Machine, len(f.Servers))
	own := false
	for i := range f.Servers {
		s, path := &f.Servers[i], tierhost.Path("servers", i)
		s.check(path, &issues)
		if on[s.ID] != nil {
			issues.Add(tierhost.Path(path, "id"), "exists", "there are two servers %q", s.ID)
		}
		m := machines[s.Machine]
		if m == nil {
			issues.Add(tierhost.Path(path, "machine"), "unknown_machine", "there is no machine %q", s.Machine)
			continue
		}
		on[s.ID] = m
		all = append(all, Candidate{s, m})
		own = own || r.owned(s, m)
	}
	slices.SortFunc(all, byID)
	b := bound{own: own}
	b.bind("", r, func(id string) *Machine { return on[id] }, &issues)
	r.Demand.check("", "demand", &issues)
	r.alone("", &issues)
	return b, all, issues.Err()
}

func byID(a, b Candidate) int { return strings.Compare(a.Server.ID, b.Server.ID) }
