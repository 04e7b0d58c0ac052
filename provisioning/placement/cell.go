package placement

// cellKey is what the servers of a cell have in common.
type cellKey struct {
	kind     string
	platform string
	tags     *tagSet
	full     uint64
}

// cell is the open servers of a class that are alike for every request: of one kind and
// platform, with the same tags, full in the same dimensions. They lie in dense arrays, in
// any order; pyramids over them are made when they are needed first.
type cell struct {
	cellKey
	ix     *Index
	slots  []*slot
	load   []float64
	tie    []uint64
	turn   []uint64
	weight []int64
	room   []int64 // a row of columns each
	stride int

	peaks   *pyramid // of room
	peak    *peaks
	shares  *pyramid // of weight
	share   *sums
	ordered [orders]*pyramid
	first   [orders]*firsts

	asked uint64 // the last query that this cell is of; see query.gather
	rank  int    // how many preferred tags it has there
}

func newCell(ix *Index, key cellKey) *cell {
	return &cell{cellKey: key, ix: ix, stride: len(ix.dimensions)}
}

// add appends a server.
func (c *cell) add(s *slot) {
	s.cell, s.at = c, len(c.slots)
	c.slots = append(c.slots, s)
	c.load = append(c.load, 0)
	c.tie = append(c.tie, s.tie)
	c.turn = append(c.turn, s.Turn)
	c.weight = append(c.weight, s.Server.weight())
	for range c.stride {
		c.room = append(c.room, 0)
	}
	c.read(s)
	c.resize()
}

// remove takes a server out; the last one takes its place.
func (c *cell) remove(s *slot) {
	at, last := s.at, len(c.slots)-1
	s.cell = nil
	c.slots[at] = c.slots[last]
	c.slots[at].at = at
	c.load[at], c.tie[at], c.turn[at], c.weight[at] = c.load[last], c.tie[last], c.turn[last], c.weight[last]
	copy(c.room[at*c.stride:(at+1)*c.stride], c.room[last*c.stride:])
	c.slots[last] = nil
	c.slots, c.load, c.tie, c.turn, c.weight = c.slots[:last], c.load[:last], c.tie[:last], c.turn[:last], c.weight[:last]
	c.room = c.room[:last*c.stride]
	c.resize()
	if at < last {
		c.changed(at)
	}
}

// read takes over a server's figures.
func (c *cell) read(s *slot) {
	c.load[s.at] = s.load()
	for i := range c.stride {
		c.room[s.at*c.stride+i] = s.room(i)
	}
}

// update takes over a server's figures when they have changed.
func (c *cell) update(s *slot) {
	c.read(s)
	c.changed(s.at)
}

func (c *cell) changed(at int) {
	n := len(c.slots)
	for _, p := range c.pyramids() {
		if p != nil {
			p.update(at, n)
		}
	}
}

func (c *cell) resize() {
	for _, p := range c.pyramids() {
		if p != nil {
			p.resize(len(c.slots))
		}
	}
}

func (c *cell) pyramids() [orders + 2]*pyramid {
	return [...]*pyramid{c.ordered[0], c.ordered[1], c.ordered[2], c.ordered[3], c.peaks, c.shares}
}

// columns is called when the index has got a new dimension.
func (c *cell) columns() {
	c.stride = len(c.ix.dimensions)
	c.room = make([]int64, c.stride*len(c.slots))
	c.peaks, c.peak = nil, nil
	for _, s := range c.slots {
		c.read(s)
	}
}

func (c *cell) needPeaks() {
	if c.peaks == nil {
		c.peak = &peaks{stride: c.stride, rows: &c.room}
		c.peaks = &pyramid{levels: c.peak}
		c.peaks.resize(len(c.slots))
	}
}

func (c *cell) needShares() {
	if c.shares == nil {
		c.share = &sums{numbers: &c.weight}
		c.shares = &pyramid{levels: c.share}
		c.shares.resize(len(c.slots))
	}
}
