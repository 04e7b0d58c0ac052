// Package libdns joins zones to github.com/libdns/libdns, the interfaces that many DNS
// companies' clients and many ACME clients are written to. It works in both directions.
//
// # Their servers, our zones
//
// [New] makes a [dns.NameServer] of a libdns provider that can get records, delete them, and
// set or append them. The contract of [dns.NameServer] holds with these exceptions, which
// come from what libdns has no words for:
//
//   - A zone is neither made nor removed ([dns.Capabilities] without Creates).
//   - Nothing is conditional: between the look at the serial and the change somebody else
//     may change the zone.
//   - A change takes several calls. Sets are changed whole if the provider says so
//     ([Options.Atomic]), else record by record; the order is that of [dns.Plan], and the
//     serial comes last, so that what was left half done is seen and finished.
//   - Most providers keep SOA and the zone's own name servers to themselves. Unless
//     [Options.SOA] says otherwise the driver leaves both alone, and keeps the SOA and name
//     servers of the revision in a text record of the zone instead. A resolver then sees the
//     provider's serial; [dns.Manager] sees ours, and notices drift as everywhere else.
//   - Secondaries are told, calls end with their context, and errors keep keys to themselves
//     as far as the provider does that. [Options.Classify] can say what an error means and
//     take out what must not be shown.
//   - A provider that changes what it is given (a least TTL, a text in quotes) never comes to
//     publish the revision: the publication fails with code not_published, and parks.
//
// # Our zones, their clients
//
// [NewProvider] offers the zones of an account, or all, as a libdns provider. What it is
// given become custom records, checked and validated as by [dns.Manager.Edit], whole or not
// at all; what templates make can be replaced and deleted, what the system makes cannot.
package libdns
