package placement

import "math/rand/v2"

// Policy is how to choose among the servers that are possible. The zero value chooses
// any of them at random.
//
// Filters refuse, scorers rank, and the picker chooses one of those with the highest
// sum of scores. Filters, scorers and pickers MUST decide by what they are given alone;
// they are called any number of times, in any order, while the [Index] is locked, and
// must not call it.
type Policy struct {
	Filters []Filter
	Scorers []Scorer
	Picker  Picker // nil: Random
}

// Candidate is a server and its machine. Both are only to be read.
type Candidate struct {
	Server  *Server
	Machine *Machine
}

// Filter refuses servers.
type Filter interface {
	// Check returns why a server is not possible; the zero Refusal if it is.
	Check(r *Request, c Candidate) Refusal
}

// Scorer ranks servers.
type Scorer interface {
	// Score returns a number, more for the better.
	Score(r *Request, c Candidate) float64
}

// Picker chooses one of several servers. The pickers of this package are known to the
// [Index], which needs no list of candidates for them; for others it makes one.
type Picker interface {
	// Pick returns the position of the chosen one in c.Candidates.
	Pick(c Choice) int
}

// Choice is what a [Picker] chooses from.
type Choice struct {
	Request    *Request
	Candidates []Candidate // at least one, sorted by the servers' IDs
	Rand       *rand.Rand
	// Seed orders candidates that are equal otherwise; see [Choice.First].
	Seed uint64
}

// First returns the position of the candidate with the lowest key. Equals are ordered by
// a number made from the seed and the server's ID: in an order that stays the same and is
// not that of the names.
func (c Choice) First(key func(Candidate) float64) int {
	best, bestKey, bestTie := 0, 0.0, uint64(0)
	for i, from := range c.Candidates {
		k, tie := key(from), tieOf(c.Seed, from.Server.ID)
		if i == 0 || k < bestKey || k == bestKey && tie < bestTie {
			best, bestKey, bestTie = i, k, tie
		}
	}
	return best
}

// FilterFunc is a function as a [Filter].
type FilterFunc func(r *Request, c Candidate) Refusal

// Check calls f.
func (f FilterFunc) Check(r *Request, c Candidate) Refusal { return f(r, c) }

// ScorerFunc is a function as a [Scorer].
type ScorerFunc func(r *Request, c Candidate) float64

// Score calls f.
func (f ScorerFunc) Score(r *Request, c Candidate) float64 { return f(r, c) }

// PickerFunc is a function as a [Picker].
type PickerFunc func(c Choice) int

// Pick calls f.
func (f PickerFunc) Pick(c Choice) int { return f(c) }

// nominal is the capacity of a dimension without a limit, so that servers without
// limits can be compared by what they hold: it is large beside any that is written down.
const nominal = 1 << 40

// Load is how full the server is: the share of its tightest dimension that is used, or
// of its machine's if that is tighter, divided by the server's weight. A dimension
// without a limit counts as one of 2^40; one with a capacity of 0 does not count.
func (c Candidate) Load() float64 {
	var share float64
	for d, used := range c.Server.Used {
		limit, ok := c.Server.Capacity[d]
		if !ok {
			limit = nominal
		}
		share = max(share, ratio(used, limit))
	}
	for d, limit := range c.Machine.Capacity {
		share = max(share, ratio(c.Machine.Used[d], limit))
	}
	return share / float64(c.Server.weight())
}

func ratio(used, limit int64) float64 {
	if limit == 0 {
		return 0
	}
	return float64(used) / float64(limit)
}

// Has reports whether the server or its machine has a tag.
func (c Candidate) Has(tag string) bool {
	for _, t := range c.Server.Tags {
		if t == tag {
			return true
		}
	}
	for _, t := range c.Machine.Tags {
		if t == tag {
			return true
		}
	}
	return false
}
