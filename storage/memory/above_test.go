package memory_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// The accounts above come once each, in order, and also those above one that is not
// due; the lowest of a chain is due below the highest.
func TestAbove(t *testing.T) {
	t.Parallel()
	st := memory.New()
	b := billing.Batch{Accounts: []billing.Account{
		account(1, "top", 1), account(2, "middle", 1), account(3, "other", 1), account(4, "low", 1), account(5, "late", 1),
	}}
	b.Accounts[1].Above = []billing.AccountID{1}
	b.Accounts[3].Above, b.Accounts[3].Next, b.Accounts[3].Seller = []billing.AccountID{1, 2}, june(1), "middle"
	b.Accounts[4].Above, b.Accounts[4].Next = []billing.AccountID{3}, june(9)
	b.Accounts[4].Status = billing.Closed
	if err := write(t, st, &b); err != nil {
		t.Fatal(err)
	}
	b.Accounts[3].Above[0] = 99 // not what is kept
	ids := func(list []billing.Account) (ids []billing.AccountID) {
		for _, a := range list {
			ids = append(ids, a.ID)
		}
		return ids
	}
	q := billing.LoadQuery{IDs: []billing.AccountID{5, 4}, DueBy: june(1), Above: billing.AboveShare, AboveToo: []billing.AccountID{2, 77}}
	err := withRows(t, st, func(ctx context.Context, rows billing.Rows) error {
		got, err := rows.Load(ctx, q)
		if err != nil {
			return err
		}
		if above := ids(got.Above); !slices.Equal(above, []billing.AccountID{1, 2, 3}) || len(got.States) != 1 {
			t.Errorf("above %v of %d accounts", above, len(got.States))
		}
		for _, c := range []struct {
			q    billing.DueQuery
			want []billing.DueAccount
		}{
			{billing.DueQuery{Day: june(9)}, []billing.DueAccount{{ID: 4, Top: 1}, {ID: 5, Top: 3}}},
			{billing.DueQuery{Day: june(9), Sellers: []billing.SellerID{"x", "middle"}}, []billing.DueAccount{{ID: 4, Top: 1}}},
		} {
			if due, err := rows.Due(ctx, c.q, 0, 9); err != nil || !slices.Equal(due, c.want) {
				t.Errorf("due %v, want %v (%v)", due, c.want, err)
			}
		}
		open, err := rows.Accounts(ctx, billing.AccountQuery{Open: true}, 0, 9)
		if got := ids(open); !slices.Equal(got, []billing.AccountID{1, 2, 3, 4}) {
			t.Errorf("open accounts %v", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = st.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return err
		}
		_, err = rows.Load(ctx, q)
		return err
	})
	if !errors.Is(err, storage.ErrReadOnly) {
		t.Errorf("a lock in a View: %v", err)
	}
}
