// Package tierhost is the kernel of an SDK for businesses that sell hosting in
// tiers: host, resellers, customers. It holds the few things that every other
// package speaks: classified errors, validation issues, the clock, identifiers
// and pages. It imports no other package of the module.
//
// # Errors
//
// Every failure a program may want to act on is an [*Error], or wraps one. Its
// [Kind] answers what went wrong, its Code which case of it, and its [Effect]
// what happened outside of the process before it failed:
//
//	switch {
//	case errors.Is(err, tierhost.ErrNotFound):
//		// ask for another name
//	case tierhost.EffectOf(err) == tierhost.EffectUnknown:
//		// read back before repeating anything
//	}
//
// Packages declare their own cases with [E] and wrap them with %w. Drivers
// report through [Fail]; whoever calls a driver passes what it returned through
// [Classify]. Input is checked as a whole: [Issues] collects every problem with
// its path, and fails with one [*Invalid].
//
// # Time and identifiers
//
// Services take a [Clock] and [IDs] and read the clock once per operation. All
// instants are UTC with microseconds, which is what every store keeps.
// [NewTestClock] and [NewSequenceIDs] make a test repeatable.
package tierhost
