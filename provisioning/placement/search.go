package placement

import (
	"cmp"
	"slices"

	"github.com/tierhost/tierhost"
)

// ErrSearchLimit: PlaceAll gave up before it knew whether there is a solution. The error
// is a [*NoCandidateError].
var ErrSearchLimit error = tierhost.E("", tierhost.KindPrecondition, "search_limit", nil)

// PlaceAll chooses servers for all requests together, so that the rules between them
// hold and what they demand of the same server or machine has room: all are placed, or
// none. Each is picked by its own policy; where a pick leaves another request without a
// server, others are tried, until there is a solution, or there is none, or the search
// has taken [Options.SearchLimit] steps. Of the waivable rules as few as possible are
// waived. Like Place it reserves nothing.
//
// Decisions are in the order of the requests. Requests that rules refer to need names,
// which are unique.
//
// Errors: a *tierhost.Invalid, a [*NoCandidateError] about the request that most of the
// others could be placed without, which wraps [ErrNoCandidate], or [ErrSearchLimit] if the
// search was cut short; [ErrPicker].
func (ix *Index) PlaceAll(requests []Request) ([]Decision, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if len(requests) == 1 {
		d, err := ix.place(tierhost.Path("requests", 0), requests[0])
		if err != nil {
			return nil, err
		}
		return []Decision{d}, nil
	}
	s := search{ix: ix}
	if err := s.set(requests); err != nil {
		return nil, err
	}
	cut := false
	for budget := 0; budget <= s.waivable; budget++ {
		s.steps, s.cut, s.last = ix.opt.SearchLimit, false, budget == s.waivable
		if found, err := s.place(budget, 0); found || err != nil {
			return s.decisions, err
		}
		cut = cut || s.cut
	}
	if s.stuck == nil {
		s.stuck = &NoCandidateError{}
	}
	if cut {
		s.stuck.sentinel = ErrSearchLimit
	}
	return nil, s.stuck
}

// maxRequests is how many requests PlaceAll takes.
const maxRequests = 256

// search is a depth-first search for servers for several requests.
type search struct {
	ix       *Index
	items    []*item
	rules    []itemRule // by item and index
	waivable int        // how many rules are
	last     bool       // all of them may be waived now
	steps    int
	cut      bool // the search ended early

	decisions []Decision // of the solution
	stuck     *NoCandidateError
	depth     int // of stuck: how many were placed
}

// item is one request of a search.
type item struct {
	query
	at    int
	width int   // how many servers it could go to at first
	place *slot // nil: not placed
}

// itemRule is a rule between a request and a server, or another request.
type itemRule struct {
	boundRule // index is that in Request.Rules
	item      *item
	other     *item // nil: a server
	waived    bool
}

func (s *search) set(requests []Request) error {
	var issues tierhost.Issues
	if len(requests) > maxRequests {
		issues.Add("requests", "too_many", "at most %d requests are placed together, not %d", maxRequests, len(requests))
		return issues.Err()
	}
	named := map[string]*item{}
	for i := range requests {
		r, it := &requests[i], &item{query: query{ix: s.ix}, at: i}
		s.items = append(s.items, it)
		if named[r.Name] == nil {
			named[r.Name] = it
		} else if r.Name != "" {
			issues.Add(tierhost.Path("requests", i, "name"), "exists", "there are two requests %q", r.Name)
		}
		it.set(tierhost.Path("requests", i), r, &issues)
	}
	for i, it := range s.items {
		for _, rule := range it.bound.rules {
			s.rules = append(s.rules, itemRule{boundRule: rule, item: it})
		}
		for j, rule := range it.Rules {
			if rule.Waivable {
				s.waivable++
			}
			for k, name := range rule.Requests {
				other := named[name]
				if other == nil || name == "" || other == it {
					issues.Add(tierhost.Path("requests", i, "rules", j, "requests", k), "unknown_request", "there is no other request %q", name)
					continue
				}
				s.rules = append(s.rules, itemRule{boundRule: boundRule{index: j, relation: rule.Relation, waivable: rule.Waivable}, item: it, other: other})
			}
		}
	}
	slices.SortStableFunc(s.rules, func(a, b itemRule) int {
		return cmp.Or(cmp.Compare(a.item.at, b.item.at), cmp.Compare(a.index, b.index))
	})
	for _, it := range s.items {
		it.gather()
		for _, l := range it.cells {
			it.width += len(l.slots)
		}
	}
	return issues.Err()
}

// place places the items that are left, with at most budget rules waived.
func (s *search) place(budget, placed int) (bool, error) {
	if placed == len(s.items) {
		s.solved()
		return true, nil
	}
	it := s.next()
	it.tried = map[*slot]bool{}
	defer func() { it.tried = nil }()
	// The policy's own picks first. When they fail, the rest in a random order.
	const picks = 8
	for range picks {
		s.bind(it)
		slot, err := it.choose(budget)
		if err != nil {
			return false, err
		}
		if slot == nil {
			s.failed(it, placed)
			return false, nil
		}
		if found, err := s.try(it, slot, budget, placed); found || err != nil || s.cut {
			return found, err
		}
		it.tried[slot] = true
	}
	s.bind(it)
	rest := it.rest(budget)
	s.ix.rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	for _, slot := range rest {
		s.bind(it)
		if found, err := s.try(it, slot, budget, placed); found || err != nil || s.cut {
			return found, err
		}
	}
	return false, nil
}

// next is the request to place next: one that has to be where another one is, or else
// the one with the fewest servers to go to.
func (s *search) next() *item {
	var best *item
	var bestTie int
	for _, it := range s.items {
		if it.place != nil {
			continue
		}
		tie := it.width
		for i := range s.rules {
			r := &s.rules[i]
			if r.relation == SameMachine && (r.item == it && (r.other == nil || r.other.place != nil) || r.other == it && r.item.place != nil) {
				tie = 0
			}
		}
		if best == nil || tie < bestTie {
			best, bestTie = it, tie
		}
	}
	return best
}

// bind gives a request the rules that concern it, seen from what is placed. Each of all
// rules has an index of its own then.
func (s *search) bind(it *item) {
	it.bound.rules = it.bound.rules[:0]
	for _, r := range s.rules {
		b := r.boundRule
		b.index |= r.item.at << 16
		switch {
		case r.waived:
			continue
		case r.item == it && r.other == nil:
		case r.item == it && r.other.place != nil:
			b.to(&r.other.place.on.Machine)
		case r.other == it && r.item.place != nil:
			b.to(&r.item.place.on.Machine)
		default:
			continue
		}
		it.bound.rules = append(it.bound.rules, b)
	}
}

// try places one request, and then the others. The index is afterwards as it was, but
// for the turns of a solution.
func (s *search) try(it *item, on *slot, budget, placed int) (bool, error) {
	if s.steps--; s.steps < 0 {
		s.cut = true
		return false, nil
	}
	waived := it.waived(&on.on.Machine)
	s.setWaived(waived, true)
	turn := on.Turn
	if _, ok := it.Policy.Picker.(RoundRobin); ok {
		s.ix.turn++
		on.took(s.ix.turn)
	}
	s.ix.use(on, it.needs, 1)
	it.place = on
	found, err := s.place(budget-len(waived), placed+1)
	it.place = nil
	s.ix.use(on, it.needs, -1)
	s.setWaived(waived, false)
	if !found && on.Turn != turn {
		on.took(turn)
	}
	return found, err
}

func (s *search) setWaived(indexes []int, waived bool) {
	for i := range s.rules {
		r := &s.rules[i]
		if slices.Contains(indexes, r.index|r.item.at<<16) {
			r.waived = waived
		}
	}
}

func (s *search) solved() {
	for _, it := range s.items {
		d := Decision{Server: it.place.ID, Machine: it.place.Machine, Candidates: it.count}
		for _, r := range s.rules {
			if r.item == it && r.waived && !slices.Contains(d.Waived, r.index) {
				d.Waived = append(d.Waived, r.index)
			}
		}
		s.decisions = append(s.decisions, d)
	}
}

// failed notes why a request had no server, if no other one came further.
func (s *search) failed(it *item, placed int) {
	if len(it.tried) > 0 || !s.last || s.stuck != nil && s.depth >= placed {
		return
	}
	s.stuck, s.depth = it.noCandidate(s.ix.all()), placed
}

// rest lists all servers that are possible, those that were tried left out.
func (q *query) rest(most int) []*slot {
	q.gather()
	q.plain, q.waive = false, most
	q.list = q.list[:0]
	near, few := q.near()
	for rank := q.top; rank >= 0; rank-- {
		q.enlist(rank, near, few)
	}
	return slices.Clone(q.list)
}
