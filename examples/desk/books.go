package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// books are what the support desks know of billing: who is above whom, and where custom
// jobs are billed. Accounts are billing's numbers.
type books struct{ engine *billing.Engine }

// Parent implements [support.Parents]: the tree of sellers is billing's, and a reseller's
// account at its parent is its double.
func (b books) Parent(ctx context.Context, tx storage.Tx, seller string) (support.Parent, error) {
	s, err := b.engine.In(tx).Seller(ctx, billing.SellerID(seller))
	if err != nil {
		return support.Parent{}, err
	}
	if s.Parent == "" || s.Double == 0 {
		return support.Parent{}, support.ErrNoParent
	}
	return support.Parent{Seller: string(s.Parent), Account: name(s.Double)}, nil
}

// BillJob implements [support.Biller]: debits in the transaction that marks the job as
// billed. The reseller's comes first, since accounts are locked from the top down.
func (b books) BillJob(ctx context.Context, tx storage.Tx, j support.JobBill) error {
	if j.Wholesale != nil {
		if err := b.debit(ctx, tx, j, *j.Wholesale); err != nil {
			return fmt.Errorf("what the reseller owes: %w", err)
		}
	}
	return b.debit(ctx, tx, j, j.Retail)
}

func (b books) debit(ctx context.Context, tx storage.Tx, j support.JobBill, c support.Charge) error {
	id, err := number(c.Account)
	if err != nil {
		return err
	}
	engine := b.engine.In(tx)
	account, err := engine.Account(ctx, id)
	switch {
	case err != nil:
		return err
	case account.Seller != billing.SellerID(c.Seller):
		// It has moved to another seller since, or the job is for a wrong one.
		return tierhost.E("desk", tierhost.KindPrecondition, "other_seller", fmt.Errorf("account %d is not one of %s's", id, c.Seller))
	case c.Amount.Sign() == 0:
		return nil // work that costs nothing
	}
	// The key is that of the job: an account is debited for it once, whatever happens.
	_, err = engine.Do(ctx, billing.Debit{Request: billing.Request{Key: j.Key}, Account: id, Amount: c.Amount, Reference: j.Subject})
	return err
}

// name is an account as the desks name it.
func name(id billing.AccountID) string { return strconv.FormatInt(int64(id), 10) }

func number(account string) (billing.AccountID, error) {
	n, err := strconv.ParseInt(account, 10, 64)
	if err != nil {
		return 0, tierhost.E("desk", tierhost.KindInvalid, "no_account", errors.New("accounts are numbers"))
	}
	return billing.AccountID(n), nil
}
