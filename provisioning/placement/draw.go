package placement

// tries is how often a server is drawn of n before all that are possible are listed,
// which looks at n servers in the worst case. Full servers are in cells of their own and
// not drawn; the tries are for demands larger than what is left on most, for rules and
// for filters.
func tries(n int) int { return min(max(n/16, 64), 1024) }

// easy is how many tries are made before nodes without room are looked out for.
const easy = 8

// dry reports whether it is known that nobody near a server has room, which is sooner seen
// than whether the server itself has.
func (q *query) dry(l *cell, at, try int) bool {
	if try < easy || len(q.needs) == 0 {
		return false
	}
	l.needPeaks()
	return !q.roomBelow(l, 0, at/fan)
}

// drawable counts the servers that can be drawn.
func (q *query) drawable(rank int) int {
	n := 0
	for _, l := range q.cells {
		if l.rank == rank {
			n += len(l.slots)
		}
	}
	return n
}

// draw returns a possible server, each with the same probability; nil if it has not met
// one. but is not returned.
func (q *query) draw(rank int, but *slot) *slot {
	n := q.drawable(rank)
	if n == 0 {
		return nil
	}
	for try := range tries(n) {
		l, at := q.at(rank, q.ix.rng.IntN(n))
		if !q.dry(l, at, try) && q.possible(l, at) && l.slots[at] != but {
			return l.slots[at]
		}
	}
	return nil
}

// at returns the i-th server of the cells.
func (q *query) at(rank, i int) (*cell, int) {
	for _, l := range q.cells {
		if l.rank != rank {
			continue
		}
		if i < len(l.slots) {
			return l, i
		}
		i -= len(l.slots)
	}
	return nil, 0
}

// drawTwo returns the lighter of two possible servers, each two with the same
// probability; nil if it has not met two.
func (q *query) drawTwo(rank int) *slot {
	a := q.draw(rank, nil)
	if a == nil {
		return nil
	}
	if q.drawable(rank) == 1 {
		return a
	}
	b := q.draw(rank, a)
	if b == nil {
		return nil
	}
	return lighter(a, b)
}

// drawWeighted returns a possible server, each as likely as its weight says; nil if it
// has not met one.
func (q *query) drawWeighted(rank int) *slot {
	var total int64
	for _, l := range q.cells {
		if l.rank == rank {
			l.needShares()
			total += l.shareOf(len(l.shares.sizes)-1, 0)
		}
	}
	if total == 0 {
		return nil
	}
	for try := range tries(q.drawable(rank)) {
		at := q.ix.rng.Int64N(total)
		for _, l := range q.cells {
			if l.rank != rank {
				continue
			}
			if share := l.shareOf(len(l.shares.sizes)-1, 0); at >= share {
				at -= share
				continue
			}
			if i := l.weighted(at); !q.dry(l, i, try) && q.possible(l, i) {
				return l.slots[i]
			}
			break
		}
	}
	return nil
}

// shareOf is the weight below a node; level -1 are the servers.
func (c *cell) shareOf(level, node int) int64 {
	if level < 0 {
		return c.weight[node]
	}
	return c.share.at[level][node]
}

// weighted returns the server that a number below the cell's weight falls on.
func (c *cell) weighted(at int64) int {
	node := 0
	for level := len(c.shares.sizes) - 2; level >= -1; level-- {
		node *= fan
		for at >= c.shareOf(level, node) {
			at -= c.shareOf(level, node)
			node++
		}
	}
	return node
}
