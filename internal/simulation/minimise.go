package simulation

import "context"

// Minimise drops steps that a failure does not need: it returns a script with as few
// steps as it could find for which fails is still true, in at most so many tries.
func Minimise(ctx context.Context, s *Script, tries int, fails func(*Script) bool) *Script {
	for size := max(1, len(s.Steps)/2); ; {
		dropped := false
		for from := 0; from < len(s.Steps); {
			if tries--; tries < 0 || ctx.Err() != nil {
				return s
			}
			to := min(from+size, len(s.Steps))
			if c := s.without(func(i int) bool { return i >= from && i < to }); fails(c) {
				s, dropped = c, true
			} else {
				from = to
			}
		}
		switch {
		case size > 1:
			size /= 2
		case !dropped:
			return s
		}
	}
}
