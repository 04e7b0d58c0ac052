package authorizenet

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// TestWhatStatusesMean: each status of a transaction that the schema lists, and one that it
// does not, for the operation that made it, for a capture and a void of it. What may still be
// settled is no decline: it would be charged again.
func TestWhatStatusesMean(t *testing.T) {
	t.Parallel()
	const none, unclear = gateways.Outcome("no such operation"), gateways.Outcome("unclear")
	const yes, no, wait = gateways.Approved, gateways.Declined, gateways.Pending
	for status, want := range map[string][4]gateways.Outcome{ // charge or refund, authorize, capture, void
		"authorizedPendingCapture":   {unclear, yes, none, none},
		"capturedPendingSettlement":  {yes, yes, yes, none},
		"settledSuccessfully":        {yes, yes, yes, none},
		"approvedReview":             {yes, yes, yes, none},
		"pendingFinalSettlement":     {yes, yes, yes, none},
		"pendingSettlement":          {yes, yes, yes, none},
		"updatingSettlement":         {yes, yes, yes, none},
		"refundPendingSettlement":    {yes, yes, yes, none},
		"refundSettledSuccessfully":  {yes, yes, yes, none},
		"returnedItem":               {yes, yes, yes, none},
		"chargeback":                 {yes, yes, yes, none},
		"chargebackReversal":         {yes, yes, yes, none},
		"underReview":                {wait, wait, wait, wait},
		"FDSPendingReview":           {wait, wait, wait, wait},
		"FDSAuthorizedPendingReview": {wait, wait, wait, wait},
		"authorizedPendingRelease":   {wait, wait, wait, wait},
		"declined":                   {no, no, no, no},
		"expired":                    {no, no, no, no},
		"failedReview":               {no, no, no, no},
		"communicationError":         {no, no, no, no},
		"generalError":               {no, no, no, no},
		"voided":                     {no, no, no, yes},
		"settlementError":            {unclear, unclear, unclear, unclear},
		"couldNotVoid":               {unclear, unclear, unclear, unclear},
		"levitating":                 {unclear, unclear, unclear, unclear},
		"":                           {unclear, unclear, unclear, unclear},
	} {
		c := caller{config: Config{Currency: "USD"}}
		for i, verb := range []gateways.Verb{gateways.VerbCharge, gateways.VerbAuthorize, gateways.VerbCapture, gateways.VerbVoid} {
			r, err := c.result(gateways.Operation{Verb: verb}, &details{TransID: "60000000001", Status: status, Auth: "10.00", Settle: "10.00", Reason: "2"})
			switch {
			case errors.Is(err, gateways.ErrNoOperation):
				r.Outcome = none
			case err != nil:
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), status)
				r.Outcome = unclear
			}
			require.Equal(t, want[i], r.Outcome, "%s of what is %s", verb, status)
		}
	}
}
