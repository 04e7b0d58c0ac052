package placement

import (
	"maps"
	"slices"

	"github.com/tierhost/tierhost"
)

// Amounts are numbers per dimension: "services", "disk_mb", whatever the host counts.
// They are between 0 and [MaxAmount].
type Amounts map[string]int64

// MaxAmount is the greatest amount. Sums of hundreds of them do not overflow, and shares
// of them are exact.
const MaxAmount = 1 << 53

func fineAmount(d string, n int64) bool { return d != "" && n >= 0 && n <= MaxAmount }

func (a Amounts) check(path, name string, issues *tierhost.Issues) {
	fine := true
	for d, n := range a {
		fine = fine && fineAmount(d, n)
	}
	if fine {
		return
	}
	for _, d := range a.dimensions() {
		at := tierhost.Path(path, name, d)
		switch n := a[d]; {
		case d == "":
			issues.Add(at, "required", "a dimension needs a name")
		case n < 0:
			issues.Add(at, "negative", "an amount is not negative: %d", n)
		case n > MaxAmount:
			issues.Add(at, "out_of_range", "an amount is at most 2^53, not %d", n)
		}
	}
}

// dimensions are the names in a, sorted.
func (a Amounts) dimensions() []string {
	if len(a) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(a))
}
