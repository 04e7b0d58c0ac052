package placement

import "slices"

// machine is a machine in an index. Its amounts are in limit and used, by column, and
// are copied to Used when somebody wants to read them.
type machine struct {
	Machine
	amounts
	slots []*slot
}

// slot is a server in an index.
type slot struct {
	Server
	amounts
	on    *machine
	tie   uint64
	tags  *tagSet
	class *class // nil: the machine does not carry the group, or waits for a seller
	cell  *cell  // nil: not open
	at    int    // in the cell
}

// amounts are capacities and what is used of them by column: one of the index's
// dimensions each.
type amounts struct {
	limit, used []int64
	stale       bool // used is ahead of the map
}

// set reads the maps.
func (a *amounts) set(ix *Index, capacity, used Amounts) {
	a.limit, a.used, a.stale = make([]int64, len(ix.dimensions)), make([]int64, len(ix.dimensions)), false
	for i, d := range ix.dimensions {
		a.limit[i], a.used[i] = unlimited, used[d]
		if limit, ok := capacity[d]; ok {
			a.limit[i] = limit
		}
	}
}

// widen makes room for new columns, of which nothing is known.
func (a *amounts) widen(columns int) {
	for len(a.limit) < columns {
		a.limit, a.used = append(a.limit, unlimited), append(a.used, 0)
	}
}

// sync writes what is used to the map.
func (a *amounts) sync(ix *Index, used *Amounts) {
	if !a.stale {
		return
	}
	a.stale = false
	if *used == nil {
		*used = Amounts{}
	}
	for i, d := range ix.dimensions {
		if _, ok := (*used)[d]; ok || a.used[i] != 0 {
			(*used)[d] = a.used[i]
		}
	}
}

func (a *amounts) free(column int) int64 {
	if a.limit[column] == unlimited {
		return unlimited
	}
	return a.limit[column] - a.used[column]
}

// limited reports whether there is a capacity in any dimension.
func (a *amounts) limited() bool {
	return slices.ContainsFunc(a.limit, func(limit int64) bool { return limit != unlimited })
}

// candidate is the server as filters of the host see it.
func (ix *Index) candidate(s *slot) Candidate {
	s.sync(ix, &s.Server.Used)
	s.on.sync(ix, &s.on.Machine.Used)
	return Candidate{&s.Server, &s.on.Machine}
}

// load is [Candidate.Load], from the columns.
func (s *slot) load() float64 {
	var share float64
	for i, used := range s.used {
		limit := s.limit[i]
		if limit == unlimited {
			limit = nominal
		}
		share = max(share, ratio(used, limit))
		if limit = s.on.limit[i]; limit != unlimited {
			share = max(share, ratio(s.on.used[i], limit))
		}
	}
	return share / float64(s.weight())
}

// room is what is free of a column on the server and on its machine.
func (s *slot) room(column int) int64 { return min(s.free(column), s.on.free(column)) }

// full are the columns of which nothing is free. A demand for any of them cannot be met,
// so servers with the same full columns are kept together. Columns after the first 64
// count as not full here; they are looked at like the rest.
func (s *slot) full() uint64 {
	var mask uint64
	for i := range min(len(s.limit), 64) {
		if s.room(i) <= 0 {
			mask |= 1 << i
		}
	}
	return mask
}

// class is the servers of one group on machines for one seller, or for everybody.
type class struct {
	group, seller string
	kinds         map[string]int // servers of each kind, open or not
	cells         []*cell
	byKey         map[cellKey]*cell
}

// classes are those of a group, or those with servers of a kind: shared ones, and those
// of sellers.
type classes struct {
	shared []*class
	taken  map[string][]*class
}

func (c *classes) sellers(seller string) []*class {
	switch {
	case c == nil:
		return nil
	case seller == "":
		return c.shared
	}
	return c.taken[seller]
}

// file adds a class under a name, or removes it from there.
func file(in map[string]*classes, name string, c *class, add bool) {
	at := in[name]
	if at == nil {
		at = &classes{taken: map[string][]*class{}}
		in[name] = at
	}
	list := at.sellers(c.seller)
	if add {
		list = append(list, c)
	} else {
		list = slices.DeleteFunc(list, func(of *class) bool { return of == c })
	}
	switch {
	case c.seller == "":
		at.shared = list
	case len(list) > 0:
		at.taken[c.seller] = list
	default:
		delete(at.taken, c.seller)
	}
	if len(at.shared)+len(at.taken) == 0 {
		delete(in, name)
	}
}

// enter puts a server among the candidates, as far as it is one.
func (ix *Index) enter(s *slot) {
	m := s.on
	if m.Allocation == Available || !slices.Contains(m.Groups, s.Group) {
		return
	}
	var c *class
	if there := ix.groups[s.Group].sellers(m.Seller); len(there) > 0 {
		c = there[0]
	} else {
		c = &class{group: s.Group, seller: m.Seller, kinds: map[string]int{}, byKey: map[cellKey]*cell{}}
		file(ix.groups, s.Group, c, true)
	}
	if c.kinds[s.Kind]++; c.kinds[s.Kind] == 1 {
		file(ix.kinds, s.Kind, c, true)
	}
	s.class, s.tags = c, ix.tagSet(s)
	if s.Status.open() && m.Status.open() {
		ix.open(s)
	}
}

// leave takes a server from the candidates.
func (ix *Index) leave(s *slot) {
	c := s.class
	if c == nil {
		return
	}
	if s.cell != nil {
		s.cell.remove(s)
	}
	s.class = nil
	if c.kinds[s.Kind]--; c.kinds[s.Kind] > 0 {
		return
	}
	delete(c.kinds, s.Kind)
	file(ix.kinds, s.Kind, c, false)
	if len(c.kinds) == 0 {
		file(ix.groups, s.Group, c, false)
	}
}

// open puts a server into the cell that it belongs to.
func (ix *Index) open(s *slot) {
	c, key := s.class, cellKey{kind: s.Kind, platform: s.on.Platform, tags: s.tags, full: s.full()}
	to := c.byKey[key]
	if to == nil {
		if len(c.cells) >= 64 {
			c.dropEmpty()
		}
		to = newCell(ix, key)
		c.byKey[key] = to
		c.cells = append(c.cells, to)
	}
	to.add(s)
}

func (c *class) dropEmpty() {
	c.cells = slices.DeleteFunc(c.cells, func(l *cell) bool {
		if len(l.slots) == 0 {
			delete(c.byKey, l.cellKey)
		}
		return len(l.slots) == 0
	})
}

// refresh takes over what has changed of the amounts.
func (ix *Index) refresh(s *slot) {
	switch {
	case s.cell == nil:
	case s.cell.full != s.full():
		s.cell.remove(s)
		ix.open(s)
	default:
		s.cell.update(s)
	}
}

// took notes whose turn it was.
func (s *slot) took(turn uint64) {
	s.Turn = turn
	if l := s.cell; l != nil {
		l.turn[s.at] = turn
		if p := l.ordered[roundRobin]; p != nil {
			p.update(s.at, len(l.slots))
		}
	}
}

// use adds n times the amounts to a server and its machine.
func (ix *Index) use(s *slot, n []need, times int64) {
	m := s.on
	for _, n := range n {
		s.used[n.column] += times * n.amount
		m.used[n.column] += times * n.amount
	}
	s.stale, m.stale = true, true
	if !m.limited() {
		ix.refresh(s)
		return
	}
	for _, other := range m.slots {
		ix.refresh(other)
	}
}

// need is how much is demanded of a column.
type need struct {
	column int
	amount int64
}

// columns are the bits of needs.
func columns(n []need) uint64 {
	var mask uint64
	for _, n := range n {
		if n.column < 64 {
			mask |= 1 << n.column
		}
	}
	return mask
}
