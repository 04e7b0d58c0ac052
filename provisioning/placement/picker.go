package placement

import "math/rand/v2"

// Random chooses any candidate, each as likely as the next, as H-Sphere does. It needs no
// figures, so stale ones do no harm; the fullest server gets somewhat more than its
// share.
type Random struct{}

// RoundRobin chooses the candidate whose turn was longest ago ([Server.Turn]): while the
// candidates stay the same, no server is chosen twice more often than another. Weights
// do not count.
type RoundRobin struct{}

// LeastUsed chooses the candidate with the lowest [Candidate.Load]. It is exact, and
// sends everything to one server while the figures are stale: see [PowerOfTwo].
type LeastUsed struct{}

// Weighted chooses at random, each server as often as its weight says.
type Weighted struct{}

// PowerOfTwo draws two candidates at random and takes the one with the lower
// [Candidate.Load]; of equals the first drawn. Nearly as even as LeastUsed, also when
// figures are stale or several processes choose at the same time.
type PowerOfTwo struct{}

// FillFirst chooses the candidate with the greatest weight, of equals the first by ID:
// one server is filled after the other, in an order that staff can tell beforehand.
type FillFirst struct{}

// BestFit chooses the candidate with the highest [Candidate.Load]: the fullest that has
// room. It keeps others free for large demands.
type BestFit struct{}

// Pick implements [Picker].
func (Random) Pick(c Choice) int { return c.Rand.IntN(len(c.Candidates)) }

// Pick implements [Picker].
func (Weighted) Pick(c Choice) int {
	return weighted(c.Rand, len(c.Candidates), func(i int) int64 { return c.Candidates[i].Server.weight() })
}

// weighted draws one of n by weight.
func weighted(rng *rand.Rand, n int, weight func(i int) int64) int {
	var total int64
	for i := range n {
		total += weight(i)
	}
	at := rng.Int64N(total)
	for i := range n {
		if at -= weight(i); at < 0 {
			return i
		}
	}
	return 0
}

// Pick implements [Picker].
func (PowerOfTwo) Pick(c Choice) int {
	i, j := two(c.Rand, len(c.Candidates))
	if c.Candidates[j].Load() < c.Candidates[i].Load() {
		return j
	}
	return i
}

// two draws two of n; one twice if there is only one.
func two(rng *rand.Rand, n int) (i, j int) {
	i = rng.IntN(n)
	if n == 1 {
		return i, i
	}
	if j = rng.IntN(n - 1); j >= i {
		j++
	}
	return i, j
}

// Pick implements [Picker].
func (RoundRobin) Pick(c Choice) int {
	return c.First(func(from Candidate) float64 { return float64(from.Server.Turn) })
}

// Pick implements [Picker].
func (LeastUsed) Pick(c Choice) int { return c.First(Candidate.Load) }

// Pick implements [Picker].
func (BestFit) Pick(c Choice) int {
	return c.First(func(from Candidate) float64 { return -from.Load() })
}

// Pick implements [Picker].
func (FillFirst) Pick(c Choice) int {
	best := 0
	for i, from := range c.Candidates {
		if from.Server.weight() > c.Candidates[best].Server.weight() {
			best = i
		}
	}
	return best
}

// tieOf is the place of a server in the seeded order.
func tieOf(seed uint64, id string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	x := uint64(offset)
	for i := range len(id) {
		x = (x ^ uint64(id[i])) * prime
	}
	// The finisher of splitmix64: neighbouring names and seeds end far apart.
	x ^= seed
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
