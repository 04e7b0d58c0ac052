package placement

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// However elements come, go and change, a pyramid holds what one made anew would hold, at
// every size around a change of levels.
func TestPyramids(t *testing.T) {
	t.Parallel()
	for _, stride := range []int{0, 1, 3} {
		rng := rand.New(rand.NewPCG(1, uint64(stride)))
		var numbers, rows []int64
		firstOf := func(numbers *[]int64) *firsts {
			return &firsts{before: func(a, b int32) bool { x, y := (*numbers)[a], (*numbers)[b]; return x < y || x == y && a < b }}
		}
		s, f, p := &sums{numbers: &numbers}, firstOf(&numbers), &peaks{stride: stride, rows: &rows}
		kept := []*pyramid{{levels: s}, {levels: f}, {levels: p}}
		set := func(at int) {
			numbers[at] = rng.Int64N(50)
			for i := range stride {
				rows[at*stride+i] = rng.Int64N(1000)
			}
		}
		check := func() {
			t.Helper()
			s2, f2, p2 := &sums{numbers: &numbers}, firstOf(&numbers), &peaks{stride: stride, rows: &rows}
			for _, fresh := range []*pyramid{{levels: s2}, {levels: f2}, {levels: p2}} {
				fresh.resize(len(numbers))
			}
			require.Equal(t, fmt.Sprint(s2.at, f2.at, p2.at), fmt.Sprint(s.at, f.at, p.at), "%d elements", len(numbers))
			if len(numbers) > 0 {
				total, least := int64(0), numbers[0]
				for _, x := range numbers {
					total, least = total+x, min(least, x)
				}
				require.Equal(t, total, s.at[len(s.at)-1][0])
				require.Equal(t, least, numbers[f.at[len(f.at)-1][0]])
			}
		}
		for _, size := range []int{3, 0, 18, 15, 33, 1, 0, 300, 240, 260, 0, 20} {
			for len(numbers) != size {
				if len(numbers) < size {
					numbers, rows = append(numbers, 0), append(rows, make([]int64, stride)...)
					set(len(numbers) - 1)
				} else {
					// The last takes the place of another one.
					last, at := len(numbers)-1, rng.IntN(len(numbers))
					numbers[at] = numbers[last]
					copy(rows[at*stride:(at+1)*stride], rows[last*stride:])
					numbers, rows = numbers[:last], rows[:last*stride]
					for _, p := range kept {
						p.resize(last)
						if at < last {
							p.update(at, last)
						}
					}
					check()
					continue
				}
				for _, p := range kept {
					p.resize(len(numbers))
				}
				check()
				at := rng.IntN(len(numbers))
				set(at)
				for _, p := range kept {
					p.update(at, len(numbers))
				}
				check()
			}
		}
	}
}
