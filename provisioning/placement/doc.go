// Package placement decides on which server a new service goes: filter, score, pick. It
// is pure: no store, no clock, no goroutine, and randomness from a seed.
package placement
