// Package primary is a name server in the process: the hidden primary that other name
// servers take the zones of a hosting company from, and where that is enough the one that
// answers.
//
//	server, err := primary.New(primary.Options{
//		Keys:    []primary.Key{{Name: "transfer", Secret: tsig}},
//		Peers:   []primary.Peer{{Key: "transfer", Notify: secondaries}},
//		Catalog: "catalog.invalid",
//	})
//	err = server.Apply(ctx, dns.Place{}, change) // for every zone there is
//	server.Open()
//	err = server.Run(ctx, ":53")
//
// # As a driver
//
// A [Server] is the dns.NameServer of itself: [Server.Apply] publishes a zone at once and
// tells the peers. Zones are in memory only; after a start they are applied again, with
// serials that are not before the last ones, as dns.Revise gives them.
//
// Where dns.Manager keeps the zones it does that: after a start call its CheckServer for the
// server that this one is, let it work, and Open when its Standing says that all is settled.
// What is guarded or parked then is not served: somebody has to look at it before the
// catalog is, or the peers drop it.
//
// # Transfers
//
// A revision of a zone never changes, and a transfer sends one revision, whatever is applied
// meanwhile. AXFR is sent in messages of 32 KiB over TCP (RFC 5936). IXFR (RFC 1995) comes
// from a journal that is bounded by [Options].Journal and by the size of the zone; who is
// behind it gets the whole zone. Transfers are for peers, which sign with TSIG (RFC 8945;
// SHA-256 and longer) unless [Options].Unsigned waives it. A signed request for a transfer
// is good once, so nobody who has listened gets a later revision with it.
//
// # Notifications
//
// Each address of a peer has a queue of its own, in which a zone is once: a burst of changes
// is one message, and an address that does not answer holds nobody back. It is asked from
// time to time whether it is back, and then told all that it missed. [Server.Queues] tells
// how things stand.
//
// # Catalog
//
// The catalog (RFC 9432) lists the zones, and secondaries that read it (BIND, Knot, NSD from
// 4.9 on, PowerDNS) make and remove them by themselves. It is not served before
// [Server.Open], because a secondary drops what a catalog does not list. It has one revision
// a second at most; its serial is the time, so that it does not go back after a start, unless
// the clock has: after a start with a clock that was set back peers keep the catalog that they
// have until the time has come.
// Members have the same label always ([MemberID]).
//
// # Answers
//
// With [Options].Public everybody's questions are answered: wildcards by RFC 4592, chains of
// aliases through all its zones (RFC 1034, 4.3.2), DNAME, delegations with their addresses,
// negative answers with the SOA, EDNS, at most 1232 octets over UDP, one set for ANY (RFC
// 8482). A zone need not be delegated by the one above, if that is here too. Everything that
// is not of its zones is refused. Answers over UDP are bounded per network
// ([Options].Rate). Zones are not signed; a zone that needs DNSSEC is signed by a secondary.
//
// # Goroutines
//
// [Server.Run] and its parts, [Server.Serve] and [Server.Notify], run until their context
// ends; nothing else runs. A message at which the server panics is not answered and is logged;
// it does not end the process.
package primary
