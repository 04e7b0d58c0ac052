// Package provisioningtest tests what hosts plug into package provisioning.
//
// # Drivers
//
// [TestDriver] runs the rules of provisioning.Driver and its optional abilities against a
// driver and a server on which it may make and remove things:
//
//	func TestDriver(t *testing.T) {
//		provisioningtest.TestDriver(t, provisioningtest.DriverHarness{
//			New:      func(t *testing.T) provisioningtest.Site { return site(t) },
//			Features: provisioningtest.Features{Lists: true, Passwords: true},
//		})
//	}
//
// A [Site] is the server and what can be done there past the driver: log in as the
// customer, look what is left, put another's thing in the way. Each rule is a subtest of
// its own; a failure prints the rule and the reason for it. Rules about abilities that a
// driver does not declare are skipped with that reason; those that a server cannot be
// tested for are named in [DriverHarness.Without].
//
// To break off half-way the suite asks the site for a driver whose connection fails at
// the n-th point, for n = 0, 1, 2, … until the call comes through. [Wire] does that for
// servers that are reached by a socket.
//
// # Stores
//
// [TestStore] runs the rules of provisioning.Rows against a store:
//
//	func TestProvisioning(t *testing.T) {
//		provisioningtest.TestStore(t, provisioningtest.StoreHarness{
//			New: func(t *testing.T) provisioning.Store { return openEmpty(t) },
//		})
//	}
//
// It is about the rows: transactions and events are tested by storagetest, which the
// store has to pass as well. [BenchmarkReserve] measures a store beside the bare update.
//
// Both suites are themselves tested with drivers and stores that are broken on purpose.
package provisioningtest
