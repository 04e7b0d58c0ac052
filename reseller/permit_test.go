package reseller_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
)

// What was permitted to an account whose books then failed counts for nobody else.
func TestWhatAFailedAccountAskedForIsForgotten(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	ids := map[billing.PlanID]billing.AccountID{}
	for _, plan := range []billing.PlanID{"fails", "works"} {
		account := billing.Line{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("5")}}
		s.publish("acme", plan, billing.Terms{Resources: []billing.Line{account}})
		ids[plan] = s.do(billing.Signup{Seller: "acme", Name: string(plan), Plan: plan}).Account.ID
		if plan == "fails" { // two amounts that only just fit
			account.Prices = billing.Prices{Setup: price("90000000000000000"), Recurring: price("90000000000000000")}
		}
		s.publish("acme", plan, billing.Terms{Resources: []billing.Line{account, {Resource: "mailbox", AtSignup: decimal.NewFromInt(3)}}})
		s.do(billing.MoveVersion{Account: ids[plan]})
	}
	require.NoError(t, s.m.SetLimit(s.ctx, "acme", "mailbox", price("4")))
	s.to(2, 1)
	require.Equal(t, "amount_too_large", s.account(ids["fails"]).Parked.Code)
	require.Equal(t, 2, s.account(ids["works"]).PlanVersion, "the limit has room for it")
	s.sound()
}
