// Package dns holds the zones of a hosting company: names and records, the layers that a
// zone is made of, its validation, and plans between what name servers publish and what
// they should.
//
// Nothing here touches the outside world but the drivers behind [NameServer] and the store
// behind [Manager]. All else are pure functions of values, safe for concurrent use as long
// as nobody changes the values.
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
// # Keeping and publishing zones
//
// A [Manager] keeps zones in a [Store]. [Manager.Create] picks their name servers, by roles
// and on different machines; [Manager.Edit] changes their records, whole or not at all.
// Templates, sets of variables that many zones share, and the settings of sellers have
// versions: a new one reaches the zones that there are by [Manager.Preview], which shows
// what it does to each, and [Manager.Apply] with the token of that preview.
//
// [Manager.Step] brings one zone to one server: it reads, plans, applies, reads again. Any
// number of workers may call it. Each zone has a [Publication] for each of its servers,
// with the serials that are desired, were pushed, and were seen. A server that fails holds
// up nobody; what somebody else changes on a server is found and put right; a plan that
// would do damage to what is not ours waits for [Manager.Approve].
//
// # Transactions
//
// Each command is one transaction, with its events in the outbox; [Manager.In] joins one of
// the host's. Drivers are called outside of transactions.
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
//
// # Implementing a store
//
// The comments of [Rows] are normative; dnstest.TestStore checks them.
package dns
