// Package rfc2136 is a driver for name servers that take dynamic updates (RFC 2136) signed
// with TSIG (RFC 8945), such as BIND and Knot. It reads zones by transfer (RFC 5936).
//
// A change is one message: its prerequisite is the SOA that the change was made from, so
// the server itself refuses it if somebody was faster, and does all of it or nothing. The
// SOA of the change is in the message, so the serial is ours and the server's NOTIFY goes
// out with it.
//
// What does not fit into a message of 65,535 octets (some 2,000 records) is refused with
// tierhost.KindUnsupported and code "too_large", and nothing is done: in several messages
// it would be seen half done. Use another driver, or let whoever makes the zone fill it.
//
// Zones are not made or removed: whoever runs the server does that. At the server, allow
// both with the key:
//
//	zone "example.org" { type primary; file "example.org";
//		allow-update { key "tierhost"; }; allow-transfer { key "tierhost"; }; };
//
// [Config] is what dns.Place.Config holds; the keys are given to [New]. Everything goes over
// TCP.
package rfc2136
