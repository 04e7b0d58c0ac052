package reseller_test

import (
	"context"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

func TestTransfer(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.enroll("bit", "host")
	s.to(1, 10)
	alice := s.signup("acme", "alice")
	require.NoError(t, s.set(alice, "mailbox", 8))
	s.do(billing.Pay{Account: alice, Amount: mustMoney(t, s, "3")})
	_, err := s.m.Transfer(s.ctx, reseller.TransferRequest{Account: alice, To: "bit", Plan: "home"})
	require.NoError(t, err)
	require.NoError(t, s.set(alice, "mailbox", 9), "it goes on as before until then")
	s.do(billing.RecordUsage{Account: alice, Resource: "traffic", Amount: decimal.NewFromInt(4)})
	balance := func() string { return s.account(alice).Balance.Digits() }
	s.to(2, 9)
	require.Equal(t, billing.Active, s.account(alice).Status)
	before := balance()
	s.to(2, 15) // the run comes late

	tr, err := s.m.TransferOf(s.ctx, alice)
	require.NoError(t, err)
	require.Equal(t, reseller.TransferDone, tr.State)
	old, moved := s.account(alice), s.account(tr.Opened)
	require.Equal(t, billing.Closed, old.Status)
	require.Equal(t, "2026-02-10", old.Closed.String())
	require.Equal(t, "-20.00", before)
	require.Equal(t, "-29.00", balance(), "its usage was charged there, nothing was refunded")
	require.Equal(t, billing.SellerID("bit"), moved.Seller)
	require.Equal(t, "2026-02-10", moved.SignedUp.String())
	held, err := s.e.Holdings(s.ctx, moved.ID)
	require.NoError(t, err)
	require.Len(t, held, 2)
	require.Equal(t, "9", held[1].Quantity.String())
	require.Equal(t, []string{
		"2026-02-10 alice recurring account 1 1.00",
		"2026-02-10 alice setup mailbox 4 0.40",
		"2026-02-10 alice recurring mailbox 4 0.80",
	}, s.shadows("bit"))
	pools, err := s.m.Pools(s.ctx, "acme", billing.NewDate(2026, 2, 15))
	require.NoError(t, err)
	require.Empty(t, pools, "the pool of the old seller has its units back")
	s.to(2, 20)
	s.sound()
}

func TestATransferThatCannotBeIsDropped(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	bit := s.enroll("bit", "host")
	alice := s.signup("acme", "alice")
	_, err := s.m.Transfer(s.ctx, reseller.TransferRequest{Account: bit.ID, To: "acme", Plan: "home"})
	require.ErrorIs(t, err, reseller.ErrNotTransferable)
	_, err = s.m.Transfer(s.ctx, reseller.TransferRequest{Account: alice, To: "bit", Plan: "nope"})
	require.ErrorIs(t, err, billing.ErrUnknownPlan)
	require.False(t, s.account(alice).Cancelling)
	_, err = s.m.Transfer(s.ctx, reseller.TransferRequest{Account: alice, To: "bit", Plan: "home"})
	require.NoError(t, err)
	s.do(billing.Suspend{Account: bit.ID})
	s.to(2, 3)
	tr, err := s.m.TransferOf(s.ctx, alice)
	require.NoError(t, err)
	require.Equal(t, reseller.TransferFailed, tr.State)
	require.Equal(t, "seller_inactive", tr.Reason)
	a := s.account(alice)
	require.Equal(t, billing.Active, a.Status)
	require.Equal(t, "2026-03-01", a.PeriodTo.String(), "it was renewed where it is")
	s.sound()
}

func TestATransferIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.enroll("bit", "host")
	alice := s.signup("acme", "alice")
	require.ErrorIs(t, s.m.KeepHere(s.ctx, alice, billing.Actor{}), reseller.ErrUnknownTransfer)
	_, err := s.m.Transfer(s.ctx, reseller.TransferRequest{Account: alice, To: "bit", Plan: "home"})
	require.NoError(t, err)
	require.NoError(t, s.m.KeepHere(s.ctx, alice, billing.Actor{}))
	s.to(2, 3)
	require.Equal(t, billing.Active, s.account(alice).Status)
	require.Empty(t, s.shadows("bit"))
}

// In the host's transaction the end of a period may come with the transfer itself: an account
// that has lapsed by it stays as it is.
func TestATransferInATransactionClosesNobody(t *testing.T) {
	t.Parallel()
	s := newShop(t, 1)
	s.enroll("acme", "host")
	s.enroll("bit", "host")
	alice := s.signup("acme", "alice")
	s.do(billing.Suspend{Account: s.account(alice).Above[0]})
	s.clock.Set(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)) // its period has ended, and nothing has run
	before := s.account(alice)
	require.False(t, before.Lapsed)
	err := s.store.Update(s.ctx, func(ctx context.Context, tx storage.Tx) error {
		_, err := s.m.In(tx).Transfer(ctx, reseller.TransferRequest{Account: alice, To: "bit", Plan: "home"})
		return err
	})
	require.ErrorIs(t, err, reseller.ErrNotTransferable)
	require.Equal(t, before, s.account(alice))
	_, err = s.m.Transfer(s.ctx, reseller.TransferRequest{Account: alice, To: "bit", Plan: "home"})
	require.ErrorIs(t, err, reseller.ErrNotTransferable)
	require.Equal(t, billing.Suspended, s.account(alice).Status)
}
