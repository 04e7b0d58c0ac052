// Package powerdns is a driver for the HTTP API of PowerDNS Authoritative Server, from
// version 4.3 on.
//
// A zone is made whole, with all its name servers, in one request, and changed set by set
// in one request, which the server does as one transaction of its database. The API has no
// condition, so the driver reads the serial first; whoever else changes zones should not do
// so at the same moment. SOA-EDIT-API is switched off for zones that the driver makes or
// changes: the serial is ours. Zones of kind Master have their secondaries notified within
// Apply.
//
// Records that are disabled in PowerDNS are not published, and so are not seen here. Comments
// stay as they are. Types that PowerDNS knows by mnemonics and package dns does not, such as
// HINFO, CERT, URI and its own LUA, it does not take by number: they are refused, and a zone
// that has some cannot be read.
//
// [Config] is what dns.Place.Config holds. API keys are given to [New] by name; they are
// sent in a header and are in no error.
package powerdns
