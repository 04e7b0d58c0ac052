package stripe_test

import (
	"testing"

	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/stripe"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, gatewaytest.Harness{
		New: func(t *testing.T) gatewaytest.Site { return newPeer(t).site() },
		Features: gatewaytest.Features{
			Capabilities: stripe.New(stripe.Options{}).Capabilities(), Charges: true, Notifies: true, Signs: true, Keeps: true, Checks: true,
		},
	})
}
