package paypal_test

import (
	"testing"

	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/paypal"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, gatewaytest.Harness{
		New:      func(t *testing.T) gatewaytest.Site { return newPeer(t).site() },
		Features: gatewaytest.Features{Capabilities: paypal.New(paypal.Options{}).Capabilities(), Web: true, Notifies: true, Signs: true, Checks: true},
		Without: map[string]string{
			"SIG-2": "PayPal sends a notification again for three days and does not say with which time",
		},
	})
}
