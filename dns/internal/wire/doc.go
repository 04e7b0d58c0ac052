// Package wire reads and writes messages of DNS as octets (RFC 1035, 4), signs and verifies
// them with TSIG (RFC 8945), and exchanges them with servers. It knows messages, names and
// resource records as octets only; what is in a record is the business of package dns.
//
// Nothing here keeps a message that it was given: what is returned of one shares its memory
// where the comment says so.
package wire
