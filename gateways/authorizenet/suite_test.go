package authorizenet_test

import (
	"testing"

	"github.com/tierhost/tierhost/gateways/authorizenet"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, gatewaytest.Harness{
		New: func(t *testing.T) gatewaytest.Site { return newPeer(t).site() },
		Features: gatewaytest.Features{
			Capabilities: authorizenet.New(authorizenet.Options{}).Capabilities(), Charges: true, Notifies: true, Signs: true, Keeps: true, Checks: true,
		},
		Without: map[string]string{
			"CAP-1": "a capture has no name of its own at Authorize.Net, so that another one is the same; see TestACaptureIsMadeOnce",
			"SIG-2": "a notification is sent again for three days, with the date of the event",
		},
	})
}
