// Package gatewaytest tests what hosts plug into package gateways.
//
// # Gateways
//
// [TestGateway] runs the rules of gateways.Gateway and its optional abilities against a
// gateway and a provider, or what stands for one:
//
//	func TestGateway(t *testing.T) {
//		gatewaytest.TestGateway(t, gatewaytest.Harness{
//			New:      func(t *testing.T) gatewaytest.Site { return site(t) },
//			Features: gatewaytest.Features{Capabilities: acme.Capabilities(), Charges: true},
//		})
//	}
//
// A [Site] is a new account at the provider and what can be done there past the gateway:
// have the next call go wrong in one of the [Situations], pay on its page, have it send a
// notification, look into its books. Each rule is a subtest of its own; a failure prints
// the rule and the reason for it. Rules about abilities that a gateway does not declare are
// skipped with that reason; those that a provider cannot be tested for are named in
// [Harness.Without] with the reason for it, which is what the gateway's documentation has
// to say as well.
//
// The suite is itself tested with gateways that are broken on purpose.
package gatewaytest
