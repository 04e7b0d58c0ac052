// Package lookup asks the name servers of the world what they have for a zone.
//
// [Resolver] is the [dns.Resolver] of [dns.CheckDelegation], which tells a customer what to
// set at the registrar. It needs a resolver that answers for the world, such as the one of
// the host's own network, and asks it only who serves the zone above. What that zone has is
// then asked of its own servers, one after the other until one answers, because a cache
// would still tell of yesterday when the customer has just corrected it:
//
//	r, err := lookup.New(lookup.Options{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}})
//	want := dns.WantedDelegation(zone, records, nil)
//	faults, err := dns.CheckDelegation(ctx, r, zone, want)
//
// Questions go over TCP (RFC 7766), so no answer is cut short and none can be forged without
// being on the way. Answers are not validated by DNSSEC: a delegation is not signed.
package lookup
