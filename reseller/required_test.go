package reseller_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// metered is a plan that sells to resellers and requires that traffic be in their plans;
// rolls says that it takes it together as the reseller's own.
func metered(rolls bool) billing.Terms {
	t := wholesale("1", "0.20")
	if rolls {
		t.Resources[2].Rollup, t.Resources[2].Required = true, true
		t.Wholesale.Resources = t.Wholesale.Resources[:2]
	} else {
		t.Wholesale.Resources[2].Required = true
	}
	return t
}

// unmetered is a plan whose customers' traffic nobody would count.
func unmetered() billing.Terms {
	return billing.Terms{Resources: []billing.Line{{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("9")}}}}
}

// What a list requires every plan below it has: at the signup, at each change of plan and
// version, and when the list itself comes by a change of the reseller's plan or version.
func TestPlansBelowHaveWhatIsRequired(t *testing.T) {
	t.Parallel()
	for _, rolls := range []bool{false, true} {
		for _, seller := range []billing.SellerID{"acme", "bit"} {
			s := newShop(t, 2)
			s.publish("host", "free", wholesale("1", "0.20"))
			s.publish("host", "reseller", metered(rolls))
			s.enroll("acme", "host")
			if seller == "bit" {
				s.enroll("bit", "acme")
			}
			s.publish(seller, "bare", unmetered())
			s.publish(seller, "home", must(s.e.PlanVersion(s.ctx, seller, "home", 0)).Terms)
			_, err := s.e.Do(s.ctx, billing.Signup{Seller: seller, Name: "x", Plan: "bare"})
			require.ErrorIs(t, err, billing.ErrNotOffered)
			require.NotContains(t, err.Error(), "host")
			alice := s.signup(seller, "alice")
			_, err = s.e.Do(s.ctx, billing.ChangePlan{Account: alice, Plan: "bare"})
			require.ErrorIs(t, err, billing.ErrNotOffered)
			s.publish(seller, "home", unmetered())
			_, err = s.e.Do(s.ctx, billing.MoveVersion{Account: alice})
			require.ErrorIs(t, err, billing.ErrNotOffered)

			// The check before a plan is published names it, to the seller only.
			below, err := s.m.CheckMargins(s.ctx, seller, unmetered(), nil)
			require.NoError(t, err)
			require.Equal(t, []string{"traffic: plans without it are not for sale here"}, texts(below))
			_, _, err = s.under(reseller.MarginRefuse).PublishPlan(s.ctx, billing.Plan{Seller: seller, ID: "other"}, unmetered(), nil)
			require.ErrorIs(t, err, reseller.ErrBelowCost)
			s.sound()
		}
	}
}

func TestAListThatRequiresWaitsForThePlansBelow(t *testing.T) {
	t.Parallel()
	for _, rolls := range []bool{false, true} {
		s := newShop(t, 1)
		acme := s.enroll("acme", "host")
		s.publish("acme", "bare", unmetered())
		bare := s.do(billing.Signup{Seller: "acme", Name: "alice", Plan: "bare"}).Account.ID
		s.publish("host", "metered", metered(rolls))
		s.publish("host", "reseller", metered(rolls))
		for _, act := range []billing.Action{billing.ChangePlan{Account: acme.ID, Plan: "metered"}, billing.MoveVersion{Account: acme.ID}} {
			_, err := s.e.Do(s.ctx, act)
			require.ErrorIs(t, err, billing.ErrNotOffered)
		}
		s.do(billing.Close{Account: bare})
		s.do(billing.MoveVersion{Account: acme.ID})
		again := s.do(billing.Signup{Seller: "acme", Name: "bob", Plan: "bare"}).Account.ID // the list of today does not mind
		s.to(2, 1)
		require.Equal(t, 1, s.account(acme.ID).PlanVersion, "dropped: bob could not go on")
		s.do(billing.ChangePlan{Account: again, Plan: "home"})
		s.do(billing.MoveVersion{Account: acme.ID})
		// A move that was noted before the list came is not made after it.
		s.publish("acme", "home", unmetered())
		s.do(billing.MoveVersion{Account: again})
		s.to(3, 1)
		require.Equal(t, 2, s.account(acme.ID).PlanVersion)
		require.Equal(t, 1, s.account(again).PlanVersion)
		s.do(billing.RecordUsage{Account: again, Resource: "traffic", Amount: decimal.NewFromInt(5)})
		s.to(4, 1)
		s.sound()
	}
}
