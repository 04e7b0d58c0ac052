// Package dnstest checks implementations of dns.NameServer and of dns.Store.
//
//	func TestDriver(t *testing.T) {
//		dnstest.TestNameServer(t, dnstest.Harness{New: site, Features: dnstest.Features{Lists: true}})
//	}
//
// A [Site] says where the driver is tested and what can be done there past it; the suite
// then runs [NameServerRules], each a subtest with the rule and the reason for it. What a
// server publishes is asked by the site, not by the driver: [Transfer] does it with a client
// that shares no code with the drivers.
//
// The suite is tested with drivers that are broken on purpose: each must fail the rule that
// is about what is broken.
//
// [TestStore] checks implementations of dns.Store: every rule of dns.Rows.
package dnstest
