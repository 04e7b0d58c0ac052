package placement

import (
	"slices"

	"github.com/tierhost/tierhost"
)

// query is a request as an index answers it.
type query struct {
	bound
	ix    *Index
	needs []need
	mask  uint64         // of the needs' columns
	tried map[*slot]bool // by PlaceAll; nil: none
	plain bool           // room is all that is to be looked at
	waive int            // how many waivable rules may be broken

	stamp uint64
	cells []*cell // with servers of the right sort
	count int     // servers in them
	top   int     // the most preferred tags that a cell has

	list []*slot     // those possible, where a list is needed
	all  []Candidate // the same for filters and pickers of the host
}

// set makes q one for a request.
func (q *query) set(path string, r *Request, issues *tierhost.Issues) {
	ix := q.ix
	q.bind(path, r, ix.machineOf, issues)
	q.needs, q.tried = q.needs[:0], nil
	fine := true
	for d, n := range r.Demand {
		// What nobody has a limit for is not looked at.
		if column, ok := ix.column[d]; ok && n > 0 {
			q.needs = append(q.needs, need{column, n})
		}
		fine = fine && fineAmount(d, n)
	}
	if !fine {
		r.Demand.check(path, "demand", issues)
	}
	q.mask = columns(q.needs)
}

// machineOf returns the machine of a server, nil if the server is not known.
func (ix *Index) machineOf(server string) *Machine {
	if s := ix.servers[server]; s != nil {
		return &s.on.Machine
	}
	return nil
}

// waivable is how many rules can be waived.
func (q *query) waivable() int {
	n := 0
	for i := range q.Rules {
		if q.Rules[i].Waivable {
			n++
		}
	}
	return n
}

// gather finds the cells with servers of the right sort.
func (q *query) gather() {
	ix := q.ix
	ix.stamp++
	q.stamp, q.cells, q.count, q.top = ix.stamp, q.cells[:0], 0, 0
	in := ix.groups[q.Group]
	if q.Group == "" {
		in = ix.kinds[q.Kind]
	}
	list := in.sellers("")
	q.own = false
	if q.Seller != "" {
		// A group's class may have servers of other kinds only.
		for _, c := range in.sellers(q.Seller) {
			if q.Kind == "" || c.kinds[q.Kind] > 0 {
				q.own, list = true, in.sellers(q.Seller)
			}
		}
	}
	for _, c := range list {
		q.gatherClass(c)
	}
}

func (q *query) gatherClass(c *class) {
	for _, l := range c.cells {
		if len(l.slots) == 0 || q.Kind != "" && l.kind != q.Kind || q.Platform != "" && l.platform != q.Platform || !q.tagged(l) {
			continue
		}
		q.count += len(l.slots)
		if l.full&q.mask != 0 {
			continue
		}
		l.rank = 0
		for _, tag := range q.Prefer {
			if l.tags.has(tag) {
				l.rank++
			}
		}
		l.asked, q.top = q.stamp, max(q.top, l.rank)
		q.cells = append(q.cells, l)
	}
}

func (q *query) tagged(l *cell) bool {
	for _, tag := range q.Require {
		if !l.tags.has(tag) {
			return false
		}
	}
	for _, tag := range q.Forbid {
		if l.tags.has(tag) {
			return false
		}
	}
	return true
}

// choose returns the server that the policy picks, nil if none is possible. Its rules
// may break up to most waivable ones, and do so only if it must be.
func (q *query) choose(most int) (*slot, error) {
	q.gather()
	q.plain = q.Server == "" && len(q.Exclude) == 0 && len(q.tried) == 0 && len(q.rules) == 0 && len(q.Policy.Filters) == 0
	for q.waive = 0; q.waive <= most; q.waive++ {
		near, few := q.near()
		for rank := q.top; rank >= 0; rank-- {
			s, err := q.pick(rank, near, few)
			if s != nil || err != nil {
				return s, err
			}
		}
	}
	return nil, nil
}

// near returns the servers that come into question, if these are few for certain.
func (q *query) near() (list []*slot, few bool) {
	ix := q.ix
	if q.Server != "" {
		list = ix.nearby[:0]
		if s := ix.servers[q.Server]; s != nil {
			list = append(list, s)
		}
		ix.nearby = list
		return list, true
	}
	for _, rule := range q.rules {
		if rule.waivable && q.waive > 0 {
			continue
		}
		switch rule.relation {
		case SameMachine:
			return ix.machines[rule.machine].slots, true
		case SameDomain:
			zone := ix.zones[rule.domain]
			if zone.servers*10 > q.count {
				continue // drawing finds one sooner
			}
			list = ix.nearby[:0]
			for _, m := range zone.machines {
				list = append(list, m.slots...)
			}
			ix.nearby = list
			return list, true
		}
	}
	return nil, false
}

// pick picks among the servers that have rank preferred tags.
func (q *query) pick(rank int, near []*slot, few bool) (*slot, error) {
	if !few && len(q.Policy.Scorers) == 0 {
		switch q.Policy.Picker.(type) {
		case nil, Random:
			if s := q.draw(rank, nil); s != nil {
				return s, nil
			}
		case PowerOfTwo:
			if s := q.drawTwo(rank); s != nil {
				return s, nil
			}
		case Weighted:
			if s := q.drawWeighted(rank); s != nil {
				return s, nil
			}
		case LeastUsed:
			return q.first(leastUsed, rank), nil
		case BestFit:
			return q.first(bestFit, rank), nil
		case RoundRobin:
			return q.first(roundRobin, rank), nil
		case FillFirst:
			return q.first(fillFirst, rank), nil
		}
	}
	q.list = q.list[:0]
	q.enlist(rank, near, few)
	return q.pickListed()
}

// enlist lists the possible servers that have rank preferred tags.
func (q *query) enlist(rank int, near []*slot, few bool) {
	if few {
		for _, s := range near {
			if l := s.cell; l != nil && l.asked == q.stamp && l.rank == rank && q.possible(l, s.at) {
				q.list = append(q.list, s)
			}
		}
		return
	}
	for _, l := range q.cells {
		if l.rank == rank {
			q.collect(l)
		}
	}
}

// pickListed picks one of the list.
func (q *query) pickListed() (*slot, error) {
	if len(q.list) == 0 {
		return nil, nil
	}
	if len(q.Policy.Scorers) == 0 {
		rng := q.ix.rng
		switch q.Policy.Picker.(type) {
		case nil, Random:
			return q.list[rng.IntN(len(q.list))], nil
		case PowerOfTwo:
			i, j := two(rng, len(q.list))
			return lighter(q.list[i], q.list[j]), nil
		case Weighted:
			return q.list[weighted(rng, len(q.list), func(i int) int64 { return q.list[i].Server.weight() })], nil
		}
	}
	q.all = q.all[:0]
	for _, s := range q.list {
		q.all = append(q.all, q.ix.candidate(s))
	}
	best := q.all
	if len(q.Policy.Scorers) > 0 {
		best = keepBest(best, q.score, func(Candidate, float64, float64) {})
	}
	slices.SortFunc(best, byID)
	at, err := q.bound.pick(best, q.ix.rng, q.ix.opt.Seed)
	if err != nil {
		return nil, err
	}
	return q.ix.servers[best[at].Server.ID], nil
}

func lighter(a, b *slot) *slot {
	if b.cell.load[b.at] < a.cell.load[a.at] {
		return b
	}
	return a
}

// possible reports whether a server is.
func (q *query) possible(l *cell, at int) bool {
	for _, n := range q.needs {
		if l.room[at*l.stride+n.column] < n.amount {
			return false
		}
	}
	return q.plain || q.allowed(l.slots[at])
}

// allowed looks at what is not the same for all servers of a cell, but room.
func (q *query) allowed(s *slot) bool {
	if q.Server != "" && s.ID != q.Server || len(q.Exclude) > 0 && slices.Contains(q.Exclude, s.ID) || len(q.tried) > 0 && q.tried[s] {
		return false
	}
	if len(q.rules) > 0 {
		broken, last := 0, -1
		for i := range q.rules {
			rule := &q.rules[i]
			if rule.holds(&s.on.Machine) {
				continue
			}
			if !rule.waivable {
				return false
			}
			if rule.index != last {
				broken, last = broken+1, rule.index
			}
		}
		if broken > q.waive {
			return false
		}
	}
	for _, f := range q.Policy.Filters {
		if f.Check(q.Request, q.ix.candidate(s)).Code != "" {
			return false
		}
	}
	return true
}

// collect lists all servers of a cell that are possible.
func (q *query) collect(l *cell) {
	if len(q.needs) == 0 {
		for at, s := range l.slots {
			if q.possible(l, at) {
				q.list = append(q.list, s)
			}
		}
		return
	}
	l.needPeaks()
	q.collectBelow(l, len(l.peaks.sizes)-1, 0)
}

// collectBelow does so for a node, if there is room in it.
func (q *query) collectBelow(l *cell, level, node int) {
	if !q.roomBelow(l, level, node) {
		return
	}
	if level > 0 {
		for from, to := span(node, l.peaks.sizes[level-1]); from < to; from++ {
			q.collectBelow(l, level-1, from)
		}
		return
	}
	for from, to := span(node, len(l.slots)); from < to; from++ {
		if q.possible(l, from) {
			q.list = append(q.list, l.slots[from])
		}
	}
}

// roomBelow reports whether there may be a server with room below a node: for each
// column there is one, not always the same.
func (q *query) roomBelow(l *cell, level, node int) bool {
	for _, n := range q.needs {
		if l.peak.at[level][node*l.stride+n.column] < n.amount {
			return false
		}
	}
	return true
}
