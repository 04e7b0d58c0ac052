package placement

// Decision is where a request goes.
type Decision struct {
	Server  string // ID
	Machine string // its machine's ID
	// Candidates is how many servers could take requests of this sort: the right kind or
	// group, platform and tags, open, for the seller. Some of them may be full or
	// excluded, or refused by rules and filters.
	Candidates int
	// Waived are the indexes of the request's rules that the place breaks, each of them
	// waivable.
	Waived []int
}

// Degraded reports whether a rule had to be waived.
func (d Decision) Degraded() bool { return len(d.Waived) > 0 }
