// Package daemon starts throwaway name servers for tests: BIND 9 (named), Knot (knotd),
// NSD (nsd) and PowerDNS (pdns_server with SQLite).
//
// A server listens on a free port of a loopback address only, keeps its files in a folder
// of its own, and runs as its usual user or "nobody" if the test runs as root. Nothing of the
// system's own configuration is read. It ends with the test, and never outlives the process
// (on Linux).
//
// [Setup] says what a server holds: zones of its own, which may be changed with a TSIG key,
// zones that it takes from a primary, and a catalog of such zones where it can (not NSD
// before 4.9: there [Server.Add] does it by nsd-control).
//
// Where the programs are missing the test is skipped, unless the environment variable CI is
// "true": then it fails. Debian's packages are bind9, knot, nsd, pdns-server and
// pdns-backend-sqlite3; bind9-dnsutils has dig, knot-dnsutils has kdig.
package daemon
