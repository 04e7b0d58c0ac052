// Package scenario plays dated steps against a billing engine on a test clock and
// returns the books that come out: entries, documents and balances. Hosts use it to
// check a price list before they sell it; the project's tests use it to check the
// engine.
//
// A scenario is a JSON file with resources, sellers, plans and steps; its form stands
// in docs/scenarios.md. [Parse] reads one strictly, [File.Play] plays it on any store,
// and [Compare] lists the differences between two results.
package scenario
