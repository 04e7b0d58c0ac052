package payflow_test

import (
	"testing"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
)

func clocked(t *testing.T) (gatewaytest.Site, *tierhost.TestClock) {
	p := newPeer(t)
	return p.site(), p.clock
}

func TestAPageIsPaidOnce(t *testing.T) {
	t.Parallel()
	peertest.PaysOnce(t, clocked)
}

func TestACardIsChargedOnce(t *testing.T) {
	t.Parallel()
	peertest.ChargesOnce(t, clocked, gatewaytest.LostAfter, gatewaytest.LostBefore, gatewaytest.Fails, gatewaytest.Garbles, gatewaytest.Strange, gatewaytest.DeclinesSoft)
}

func TestNobodyPays(t *testing.T) {
	t.Parallel()
	peertest.NobodyPays(t, clocked)
}
