package reseller_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
)

// However a seller closes a customer's books, what it owes for the customer is the same:
// the usage of the month, less what falls back.
func TestClosingWithoutBillingCostsTheResellerAsMuch(t *testing.T) {
	t.Parallel()
	close := func(how billing.CloseBilling, lapsed bool) (shadows []string, retail int, pools string) {
		s := newShop(t, 1)
		s.enroll("acme", "host")
		alice := s.signup("acme", "alice")
		require.NoError(t, s.set(alice, "mailbox", 7))
		require.NoError(t, s.set(alice, "traffic", 2))
		s.to(1, 11)
		if lapsed {
			s.do(billing.Suspend{Account: alice})
			s.to(2, 11)
		}
		s.do(billing.RecordUsage{Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(10_000)})
		before := len(s.shadows("acme"))
		res, err := s.m.Desk("acme").Do(s.ctx, billing.Close{Account: alice, Billing: how})
		require.NoError(t, err)
		for _, h := range must(s.e.Holdings(s.ctx, alice)) {
			require.Zero(t, h.Quantity.Sign())
			require.Zero(t, h.Paid.Sign())
			require.Empty(t, h.Limits)
		}
		for _, p := range must(s.m.Pools(s.ctx, "acme", s.account(alice).Closed)) {
			pools += string(p.Resource) + " " + p.Drawn.String()
		}
		shadows = s.shadows("acme")[before:]
		s.to(2, 12)
		s.sound()
		return shadows, len(res.Entries), pools
	}
	for _, lapsed := range []bool{false, true} {
		want, entries, pools := close(billing.CloseAccrue, lapsed)
		require.NotEmpty(t, want)
		require.NotZero(t, entries)
		if !lapsed {
			require.Equal(t, []string{"2026-01-11 alice refund account 1 -0.68", "2026-01-11 alice refund mailbox 2 -0.27",
				"2026-01-11 alice usage traffic 9998 9998.00"}, want)
		}
		for _, how := range []billing.CloseBilling{billing.CloseNoBilling, billing.CloseCollect, billing.CloseCollectOnly} {
			got, n, left := close(how, lapsed)
			require.Equal(t, want, got, how)
			require.Equal(t, pools, left, how)
			if how != billing.CloseCollect {
				require.Zero(t, n, "%s makes no entries at retail", how)
			}
		}
	}
}

// A reseller that closes one of its own resellers without billing owes for it all the same.
func TestClosingAResellerWithoutBillingCostsItsParentAsMuch(t *testing.T) {
	t.Parallel()
	play := func(how billing.CloseBilling) []string {
		s := newShop(t, 2)
		s.enroll("acme", "host")
		bit := s.enroll("bit", "acme")
		s.to(1, 11)
		s.do(billing.RecordUsage{Account: bit.ID, Resource: "traffic", Amount: decimal.NewFromInt(500)})
		_, err := s.m.Desk("acme").Do(s.ctx, billing.Close{Account: bit.ID, Billing: how})
		require.NoError(t, err)
		s.to(1, 13)
		s.sound()
		return s.bills("acme")
	}
	require.Equal(t, play(billing.CloseAccrue), play(billing.CloseNoBilling))
	require.Contains(t, play(billing.CloseCollectOnly), "2026-01-11 traffic 500.00")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
