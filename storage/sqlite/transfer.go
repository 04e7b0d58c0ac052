package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

const (
	transferColumns = "account, from_seller, to_seller, name, plan, period, state, opened, requested, ended, reason, " +
		"by_role, by_name"
	transferCount    = 13
	transferConflict = "ON CONFLICT (account) DO UPDATE SET from_seller = excluded.from_seller, " +
		"to_seller = excluded.to_seller, name = excluded.name, plan = excluded.plan, period = excluded.period, " +
		"state = excluded.state, opened = excluded.opened, requested = excluded.requested, ended = excluded.ended, " +
		"reason = excluded.reason, by_role = excluded.by_role, by_name = excluded.by_name"

	selectTransfers = "SELECT " + transferColumns + " FROM reseller_transfers "
	queryTransfer   = selectTransfers + "WHERE account = ?"
	queryTransfers  = selectTransfers + "WHERE state = ? AND account > ? ORDER BY account LIMIT ?"
)

func bindTransfer(b *binder, x *reseller.Transfer) {
	b.int(int64(x.Account))
	b.string(string(x.From))
	b.string(string(x.To))
	b.string(x.Name)
	b.string(string(x.Plan))
	b.period(x.Period)
	b.string(string(x.State))
	b.int(int64(x.Opened))
	b.date(x.Requested)
	b.date(x.Ended)
	b.string(x.Reason)
	b.string(string(x.By.Role))
	b.string(x.By.Name)
}

// transfer reads transferColumns.
func (r *row) transfer() reseller.Transfer {
	return reseller.Transfer{
		Account:   billing.AccountID(r.int()),
		From:      billing.SellerID(r.string()),
		To:        billing.SellerID(r.string()),
		Name:      r.string(),
		Plan:      billing.PlanID(r.string()),
		Period:    r.period(),
		State:     reseller.TransferState(r.string()),
		Opened:    billing.AccountID(r.int()),
		Requested: r.date(),
		Ended:     r.date(),
		Reason:    r.string(),
		By:        billing.Actor{Role: billing.Role(r.string()), Name: r.string()},
	}
}

// Transfer implements [reseller.Rows].
func (r resellerRows) Transfer(ctx context.Context, account billing.AccountID) (x reseller.Transfer, err error) {
	if err := r.reading(ctx); err != nil {
		return x, err
	}
	b := r.work.misc.start()
	b.int(int64(account))
	found := false
	err = r.each(queryTransfer, b, transferCount, func(row *row) { x, found = row.transfer(), true })
	if err == nil && !found {
		return x, errNotFound("transfer of account %d", account)
	}
	return x, failure(ctx, "Transfer", err)
}

// Transfers implements [reseller.Rows].
func (r resellerRows) Transfers(
	ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int,
) (page []reseller.Transfer, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.string(string(state))
	b.int(int64(after))
	b.int(int64(limit))
	err = r.list(ctx, queryTransfers, b, transferCount, func(row *row) { page = append(page, row.transfer()) })
	return page, failure(ctx, "Transfers", err)
}
