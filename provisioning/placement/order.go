package placement

// order is one in which servers can be chosen.
type order int

const (
	leastUsed order = iota
	bestFit
	roundRobin
	fillFirst
	orders
)

// before reports whether a server comes before another one in an order. There are no
// equals.
func before(o order, a *cell, i int, b *cell, j int) bool {
	switch o {
	case leastUsed:
		if a.load[i] != b.load[j] {
			return a.load[i] < b.load[j]
		}
	case bestFit:
		if a.load[i] != b.load[j] {
			return a.load[i] > b.load[j]
		}
	case roundRobin:
		if a.turn[i] != b.turn[j] {
			return a.turn[i] < b.turn[j]
		}
	case fillFirst:
		if a.weight[i] != b.weight[j] {
			return a.weight[i] > b.weight[j]
		}
		return a.slots[i].ID < b.slots[j].ID
	}
	if a.tie[i] != b.tie[j] {
		return a.tie[i] < b.tie[j]
	}
	return a.slots[i].ID < b.slots[j].ID
}

// needOrder makes what finds the first of an order, on its first use.
func (c *cell) needOrder(o order) {
	if c.ordered[o] == nil {
		c.first[o] = &firsts{before: func(a, b int32) bool { return before(o, c, int(a), c, int(b)) }}
		c.ordered[o] = &pyramid{levels: c.first[o]}
		c.ordered[o].resize(len(c.slots))
	}
}

// first returns the first possible server in an order.
func (q *query) first(o order, rank int) *slot {
	var in *cell
	var at int
	for _, l := range q.cells {
		if l.rank != rank {
			continue
		}
		l.needOrder(o)
		if len(q.needs) > 0 {
			l.needPeaks()
		}
		in, at = q.firstBelow(o, l, len(l.ordered[o].sizes)-1, 0, in, at)
	}
	if in == nil {
		return nil
	}
	return in.slots[at]
}

// firstBelow returns the first possible server below a node, or the one given if that
// comes before.
func (q *query) firstBelow(o order, l *cell, level, node int, in *cell, at int) (*cell, int) {
	first := int(l.first[o].at[level][node])
	if in != nil && !before(o, l, first, in, at) {
		return in, at
	}
	if q.possible(l, first) {
		return l, first
	}
	if !q.roomBelow(l, level, node) {
		return in, at
	}
	if level > 0 {
		for from, to := span(node, l.ordered[o].sizes[level-1]); from < to; from++ {
			in, at = q.firstBelow(o, l, level-1, from, in, at)
		}
		return in, at
	}
	for i, to := span(node, len(l.slots)); i < to; i++ {
		if i != first && (in == nil || before(o, l, i, in, at)) && q.possible(l, i) {
			in, at = l, i
		}
	}
	return in, at
}
