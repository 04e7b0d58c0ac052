package authorizenet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// What may still be settled is no decline: it would be charged again.
func TestFailedSettlementIsNoDecline(t *testing.T) {
	t.Parallel()
	c := caller{config: Config{Currency: "USD"}}
	for status, want := range map[string]gateways.Outcome{"declined": gateways.Declined, "expired": gateways.Declined, "settledSuccessfully": gateways.Approved, "settlementError": ""} {
		r, err := c.result(gateways.Operation{Verb: gateways.VerbCharge}, &details{TransID: "60000000001", Status: status, Auth: "10.00", Settle: "10.00", Reason: "2"})
		if want == "" {
			require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), status)
			continue
		}
		require.NoError(t, err, status)
		require.Equal(t, want, r.Outcome, status)
	}
}
