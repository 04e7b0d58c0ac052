package authorizenet_test

import (
	"testing"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
)

func TestACardIsChargedOnce(t *testing.T) {
	t.Parallel()
	peertest.ChargesOnce(t, func(t *testing.T) (gatewaytest.Site, *tierhost.TestClock) {
		p := newPeer(t)
		return p.site(), p.clock
	}, gatewaytest.LostAfter, gatewaytest.LostBefore, gatewaytest.Fails, gatewaytest.Garbles, gatewaytest.Strange, gatewaytest.DeclinesSoft, gatewaytest.Overloaded)
}
