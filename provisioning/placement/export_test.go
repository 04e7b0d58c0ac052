package placement

import "fmt"

// CheckIndex computes all that an index keeps anew and compares.
func CheckIndex(ix *Index) error {
	open := 0
	for c := range ix.classes() {
		key := c.group + " of " + c.seller
		if len(c.cells) != len(c.byKey) {
			return fmt.Errorf("class %v has %d cells, %d by key", key, len(c.cells), len(c.byKey))
		}
		for _, l := range c.cells {
			open += len(l.slots)
			if err := l.check(); err != nil {
				return fmt.Errorf("class %v, cell %v: %w", key, l.cellKey, err)
			}
		}
	}
	for _, s := range ix.servers {
		if s.cell != nil {
			open--
		}
	}
	if open != 0 {
		return fmt.Errorf("%d more servers in cells than that know it", open)
	}
	for d, z := range ix.zones {
		n := 0
		for _, m := range z.machines {
			n += len(m.slots)
		}
		if n != z.servers {
			return fmt.Errorf("domain %v has %d servers, not %d", d, n, z.servers)
		}
	}
	return nil
}

func (c *cell) check() error {
	fresh := newCell(c.ix, c.cellKey)
	for at, s := range c.slots {
		if s.cell != c || s.at != at || s.full() != c.full || s.tags != c.tags || s.Kind != c.kind || s.on.Platform != c.platform {
			return fmt.Errorf("server %s is in the wrong place", s.ID)
		}
		fresh.add(s)
	}
	for _, s := range c.slots {
		s.cell = c
	}
	fresh.needPeaks()
	fresh.needShares()
	same := fmt.Sprint(c.load, c.tie, c.turn, c.weight, c.room) == fmt.Sprint(fresh.load, fresh.tie, fresh.turn, fresh.weight, fresh.room)
	if c.peaks != nil {
		same = same && fmt.Sprint(c.peak.at) == fmt.Sprint(fresh.peak.at)
	}
	if c.shares != nil {
		same = same && fmt.Sprint(c.share.at) == fmt.Sprint(fresh.share.at)
	}
	for o := range orders {
		if c.ordered[o] != nil {
			fresh.needOrder(o)
			same = same && fmt.Sprint(c.first[o].at) == fmt.Sprint(fresh.first[o].at)
		}
	}
	if !same {
		return fmt.Errorf("what is kept is not what is there")
	}
	return nil
}

// Sorts is how many cells and sets of tags an index keeps.
func Sorts(ix *Index) (cells, tags int) {
	for c := range ix.classes() {
		cells += len(c.cells)
	}
	return cells, len(ix.tags)
}
