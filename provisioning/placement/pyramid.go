package placement

// fan is how many nodes of a pyramid are combined into one: two cache lines of numbers.
const fan = 16

// pyramid keeps something combined over a dense array, such as a sum: level 0 combines
// fan elements into a node each, level 1 fan nodes of level 0, and so on up to one
// node. A change of an element is carried up in as many steps as there are levels.
type pyramid struct {
	levels levels
	sizes  []int // nodes of each level
}

// levels is what a pyramid combines.
type levels interface {
	// resize makes a level n nodes long; 0 removes it, the last first.
	resize(level, n int)
	// combine makes a node from those below it, of which there are n in the level (or
	// elements, below level 0), and reports whether what is above depends on it anew.
	// The change comes from element at.
	combine(level, node, n, at int) bool
}

// resize makes the pyramid one over n elements: one more or one less than before at the
// end, or any number of elements if it was empty.
func (p *pyramid) resize(n int) {
	level := 0
	for size := n; size > 1 || level == 0 && size > 0; level++ {
		size = (size + fan - 1) / fan
		p.levels.resize(level, size)
		if level < len(p.sizes) {
			p.sizes[level] = size
		} else {
			p.sizes = append(p.sizes, size)
			p.fill(level, n)
		}
	}
	for i := len(p.sizes) - 1; i >= level; i-- {
		p.levels.resize(i, 0)
		p.sizes = p.sizes[:i]
	}
	if n > 0 {
		p.up(n-1, n, true)
	}
}

// fill combines a whole level.
func (p *pyramid) fill(level, n int) {
	below := n
	if level > 0 {
		below = p.sizes[level-1]
	}
	for node := range p.sizes[level] {
		p.levels.combine(level, node, below, -1)
	}
}

// update carries a change of element at, of n, up.
func (p *pyramid) update(at, n int) { p.up(at, n, false) }

func (p *pyramid) up(at, n int, all bool) {
	node, below := at, n
	for level, size := range p.sizes {
		node /= fan
		if !p.levels.combine(level, node, below, at) && !all {
			return
		}
		below = size
	}
}

// span is the range of nodes below a node, of n in all.
func span(node, n int) (from, to int) { return node * fan, min((node+1)*fan, n) }

// peaks are the greatest of each column of rows of numbers.
type peaks struct {
	stride int
	rows   *[]int64
	at     [][]int64 // per level
}

func (p *peaks) resize(level, n int) { p.at = resized(p.at, level, n, p.stride) }

func (p *peaks) combine(level, node, n, _ int) bool {
	below := *p.rows
	if level > 0 {
		below = p.at[level-1]
	}
	from, to := span(node, n)
	out, changed := p.at[level][node*p.stride:(node+1)*p.stride], false
	for d := range out {
		top := below[from*p.stride+d]
		for i := from + 1; i < to; i++ {
			top = max(top, below[i*p.stride+d])
		}
		if out[d] != top {
			out[d], changed = top, true
		}
	}
	return changed
}

// sums are the sums of numbers.
type sums struct {
	numbers *[]int64
	at      [][]int64
}

func (s *sums) resize(level, n int) { s.at = resized(s.at, level, n, 1) }

func (s *sums) combine(level, node, n, _ int) bool {
	below := *s.numbers
	if level > 0 {
		below = s.at[level-1]
	}
	from, to := span(node, n)
	var sum int64
	for _, x := range below[from:to] {
		sum += x
	}
	changed := s.at[level][node] != sum
	s.at[level][node] = sum
	return changed
}

// firsts are the elements that come first in an order.
type firsts struct {
	before func(a, b int32) bool
	at     [][]int32
}

func (f *firsts) resize(level, n int) { f.at = resized(f.at, level, n, 1) }

func (f *firsts) combine(level, node, n, at int) bool {
	from, to := span(node, n)
	first := int32(from)
	if level == 0 {
		for i := int32(from) + 1; i < int32(to); i++ {
			if f.before(i, first) {
				first = i
			}
		}
	} else {
		below := f.at[level-1]
		first = below[from]
		for _, i := range below[from+1 : to] {
			if f.before(i, first) {
				first = i
			}
		}
	}
	// The same element may have got another rank.
	changed := f.at[level][node] != first || int(first) == at
	f.at[level][node] = first
	return changed
}

// resized makes a level n nodes of some width; without nodes it is taken away.
func resized[T any](levels [][]T, level, n, width int) [][]T {
	switch {
	case n == 0:
		return levels[:level]
	case level == len(levels):
		return append(levels, make([]T, n*width))
	}
	l := levels[level]
	for len(l) < n*width {
		var zero T
		l = append(l, zero)
	}
	levels[level] = l[:n*width]
	return levels
}
