package worker

import "time"

// Doubled returns the n-th wait, from 1, of those that double up to the longest.
func Doubled(first, longest time.Duration, n int) time.Duration {
	d := first
	for i := 1; i < n && d < longest; i++ {
		d *= 2
	}
	return min(d, longest)
}

// Jittered shortens d at random by up to half, so that rivals spread out. rnd yields
// numbers in [0,1).
func Jittered(d time.Duration, rnd func() float64) time.Duration {
	return (d - time.Duration(rnd()*float64(d)/2)).Truncate(time.Microsecond)
}
