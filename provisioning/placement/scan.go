package placement

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/tierhost/tierhost"
)

// ErrPicker: a picker of the host chose what is not there.
var ErrPicker error = tierhost.E("", tierhost.KindInternal, "bad_pick", nil)

// place looks at every server, sorted by ID.
func (b *bound) place(all []Candidate, rng *rand.Rand, seed uint64) (Decision, error) {
	best, n := b.best(all, nil)
	if len(best) == 0 {
		return Decision{}, b.noCandidate(all)
	}
	at, err := b.pick(best, rng, seed)
	if err != nil {
		return Decision{}, err
	}
	m := best[at].Machine
	return Decision{Server: best[at].Server.ID, Machine: m.ID, Candidates: n, Waived: b.waived(m)}, nil
}

func (b *bound) pick(best []Candidate, rng *rand.Rand, seed uint64) (int, error) {
	picker := b.Policy.Picker
	if picker == nil {
		picker = Random{}
	}
	at := picker.Pick(Choice{Request: b.Request, Candidates: best, Rand: rng, Seed: seed})
	if at < 0 || at >= len(best) {
		return 0, fmt.Errorf("%w: %d of %d candidates", ErrPicker, at, len(best))
	}
	return at, nil
}

func (b *bound) noCandidate(all []Candidate) *NoCandidateError {
	e := explanation{limit: NearestMisses}
	b.best(all, &e)
	return &NoCandidateError{e.of(b.Request), ErrNoCandidate}
}

func (b *bound) explain(all []Candidate, d Decision) Explanation {
	e := explanation{chosen: d.Server}
	best, _ := b.best(all, &e)
	for _, c := range best {
		if d.Server == "" {
			e.add(c, Refusal{Code: Possible})
		} else {
			e.add(c, Refusal{Code: NotPicked})
		}
	}
	return e.of(b.Request)
}

// best returns those of all servers that the picker chooses from, in the same order, and
// how many are right for requests of this sort. The others get their verdicts in e.
func (b *bound) best(all []Candidate, e *explanation) (best []Candidate, n int) {
	b.dimensions = b.Demand.dimensions()
	for _, c := range all {
		refusal := b.sort(c)
		if refusal.Code == "" {
			n++
			refusal = b.here(c)
		}
		if refusal.Code == "" {
			best = append(best, c)
		} else {
			e.add(c, refusal)
		}
	}
	best = keepBest(best, func(c Candidate) int { return -len(b.waived(c.Machine)) }, func(c Candidate, has, others int) {
		e.add(c, Refusal{Code: MoreWaived, Have: int64(-has), Need: int64(-others)})
	})
	best = keepBest(best, b.preferred, func(c Candidate, has, others int) {
		e.add(c, Refusal{Code: LessPreferred, Have: int64(has), Need: int64(others)})
	})
	if len(b.Policy.Scorers) > 0 {
		best = keepBest(best, b.score, func(c Candidate, has, others float64) {
			e.add(c, Refusal{Code: Outscored, Subject: points(has) + " points, others " + points(others)})
		})
	}
	return best, n
}

func points(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// score is the sum of what the host's scorers say; a score that is no number is the
// lowest there is.
func (b *bound) score(c Candidate) float64 {
	var sum float64
	for _, s := range b.Policy.Scorers {
		sum += s.Score(b.Request, c)
	}
	if math.IsNaN(sum) {
		return math.Inf(-1)
	}
	return sum
}

// keepBest returns those of list that have the highest rank, and tells of the others.
func keepBest[R int | float64](list []Candidate, rank func(Candidate) R, lost func(c Candidate, has, others R)) []Candidate {
	if len(list) == 0 {
		return nil
	}
	ranks, top := make([]R, len(list)), rank(list[0])
	for i, c := range list {
		ranks[i] = rank(c)
		top = max(top, ranks[i])
	}
	at := -1
	return slices.DeleteFunc(list, func(c Candidate) bool {
		if at++; ranks[at] == top {
			return false
		}
		lost(c, ranks[at], top)
		return true
	})
}
