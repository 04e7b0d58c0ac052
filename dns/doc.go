// Package dns holds the zones of a hosting company: names and records, the layers that a
// zone is made of, its validation, and plans between what name servers publish and what
// they should.
//
// Nothing here touches the outside world but the drivers behind [NameServer]. All else are
// pure functions of values, safe for concurrent use as long as nobody changes the values.
//
// # Names and records
//
// A [Name] has one stored form; [ParseName] makes it from what people write. A [Record] is
// a name, a TTL and data of one of the types that [RData] lists. What a customer types goes
// through [ParseRData], what other programs wrote through [ReadZone]; [WriteZone] and
// String write it. Text that comes from outside is one record or an error, and what is
// written is one line whatever it holds.
//
// # Layers
//
// A zone is made of a system layer (SOA, name servers), a template layer, which [Expand]
// makes from templates and variables, and what the customer has written. [Merge] puts them
// together: an [Effective] zone knows of each record which layer and owner it has, and of
// each entry that is not published why. [Validate] then looks at the zone as a whole.
//
// # Plan and apply
//
// [Revise] gives changed content a later serial. [NewPlan] compares what a server publishes
// with a [Revision]: a [Plan] is data with a checksum, and wants the token of its review
// where it would do damage. [Plan.Change] is what a [NameServer] applies. The next plan is
// empty.
//
// # Errors
//
// What is wrong with names, records, templates and zones comes as a
// [github.com/tierhost/tierhost.Invalid] with every fault, its path and a stable code;
// docs/dns.md lists the codes of validation. Drivers' errors have a kind and an effect.
//
// # Implementing a name server
//
// The comments of [NameServer] are normative. Whoever implements it checks it with
// dnstest.TestNameServer.
package dns
