// Package simulation plays the random life of a hosting company against a billing
// engine. From one seed comes a [Script]: a catalog with all sorts of plans, and dated
// actions of customers and staff. A [World] plays it on any store, step by step, on a
// test clock. The same script gives the same books on every store, however late the
// nightly run comes, and whatever fails on the way: [Dump] writes the books as text
// for comparison, [World.Check] holds them against rules that need no second engine.
//
// [Faulty] makes the calls of a store fail, before or after their effect, and
// [Minimise] drops what a failure does not need.
//
// The package does not import testing: benchmarks and programs use it too.
package simulation
