package sqlite

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

func inReseller(t *testing.T, st *Store, fn func(ctx context.Context, rows reseller.Rows) error) {
	t.Helper()
	require.NoError(t, st.Update(context.Background(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Reseller(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	}))
}

// TestResellerRowsKeepEveryField is TestRowsKeepEveryField for package reseller. Each
// row is written twice: what is replaced is replaced whole.
func TestResellerRowsKeepEveryField(t *testing.T) {
	t.Parallel()
	st := openMemory(t)
	n := 0
	full := func(x any) { fill(t, reflect.ValueOf(x).Elem(), &n) }
	var batch reseller.Batch
	for range 2 {
		batch = reseller.Batch{
			Holdings: make([]reseller.Holding, 1), Stocks: make([]reseller.Stock, 1), Books: make([]reseller.Books, 1),
			Shadows: []*reseller.Shadow{{}}, Bills: make([]reseller.Bill, 1), Transfers: make([]reseller.Transfer, 1),
		}
		h, k, b, s, x := &batch.Holdings[0], &batch.Stocks[0], &batch.Books[0], batch.Shadows[0], &batch.Bills[0]
		full(h)
		full(k)
		full(b)
		full(s)
		full(x)
		full(&batch.Transfers[0])
		batch.Transfers[0].Account = 42
		h.Account, h.Seller, h.Resource = 42, "acme", "disk"
		k.Seller, k.Resource, b.Seller, s.Seller, x.Seller = "acme", "disk", "acme", "acme", "acme"
		inReseller(t, st, func(ctx context.Context, rows reseller.Rows) error { return rows.Write(ctx, &batch) })
	}
	require.EqualValues(t, 2, batch.Shadows[0].Seq)
	inReseller(t, st, func(ctx context.Context, rows reseller.Rows) error {
		got, err := rows.Load(ctx, reseller.LoadQuery{
			Accounts: []billing.AccountID{42, 41}, Sellers: []billing.SellerID{"none", "acme", "acme"}, Lock: true,
		})
		require.NoError(t, err)
		requireSame(t, reseller.Loaded{Holdings: batch.Holdings, Stocks: batch.Stocks, Books: batch.Books}, got)
		holdings, err := rows.Holdings(ctx, "acme", 0, "", 10)
		require.NoError(t, err)
		requireSame(t, batch.Holdings, holdings)
		after := batch.Shadows[0].ID()
		after.Seq--
		shadows, err := rows.Shadows(ctx, reseller.ShadowQuery{Seller: "acme"}, after, 10)
		require.NoError(t, err)
		requireSame(t, []reseller.Shadow{*batch.Shadows[0]}, shadows)
		bills, err := rows.Bills(ctx, reseller.BillQuery{Seller: "acme"}, before(batch.Bills[0].Day), "", 10)
		require.NoError(t, err)
		requireSame(t, batch.Bills, bills)
		transfer, err := rows.Transfer(ctx, 42)
		require.NoError(t, err)
		requireSame(t, batch.Transfers[0], transfer)
		transfers, err := rows.Transfers(ctx, transfer.State, 41, 10)
		require.NoError(t, err)
		requireSame(t, batch.Transfers, transfers)
		return nil
	})
}

// TestMigrationKeepsWhatIsThere migrates a file of the release before, with data.
func TestMigrationKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "books.db")
	old, err := Open(ctx, path, Options{ManualMigration: true})
	require.NoError(t, err)
	all, err := migrations()
	require.NoError(t, err)
	c, err := old.write.Conn(ctx)
	require.NoError(t, err)
	require.NoError(t, old.migrate(ctx, c, all[:2]))
	for _, statement := range []string{
		`INSERT INTO billing_sellers VALUES ('host', 'Host', 'USD:2', 'half_up', 'Europe/Berlin', NULL)`,
		`INSERT INTO billing_accounts (id, version, month_charged, stretches, balance, next, entry_seq, document_seq,
			period_seq, meter_scan, meter_seen, seller, name, plan, plan_version, period, status, lapsed, cancelling,
			pending_period, pending_plan, pending_version, refund_percent, money_back_days, suspended_for,
			suspended_by_role, suspended_by, suspended_note, exemption_code, currency, parked_code, parked_reason)
			VALUES (42, 7, 1, '[{"from":"2030-06-15","plan":"gold","version":3}]', -500, '2030-07-15', 1, 0, 1, 0, 0,
			'host', 'info', 'gold', 3, '1m', 'suspended', 0, 0, '', '', 0, '50', 30, 'debt', 'suspend_job', '', 'late',
			'', 'USD:2', '', '')`,
		`INSERT INTO billing_usage VALUES (42, 1, 'traffic', '2030-06-16', '1.5', 'k', 1907755200000000)`,
		`INSERT INTO billing_entries (account, seq, seller, date, document, kind, resource, quantity, amount, currency,
			corrects, recorded, reference, basis)
			VALUES (42, 1, 'host', '2030-06-15', 0, 'debit', '', '0', 500, 'USD:2', 0, 0, '', '{"cause":"manual"}')`,
	} {
		_, err := c.ExecContext(ctx, statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, c.Close())
	require.NoError(t, old.Close())

	st, err := Open(ctx, path, Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
		got, err := rows.Load(ctx, billing.LoadQuery{
			IDs: []billing.AccountID{42}, Lock: billing.LockWait, Usage: true, Above: billing.AboveShare,
		})
		require.NoError(t, err)
		require.Empty(t, got.Above)
		require.Len(t, got.States, 1)
		a := got.States[0].Account
		require.Equal(t, "-5.00", a.Balance.Digits())
		require.Equal(t, billing.Suspension{Reason: billing.ReasonDebt, By: billing.Actor{Role: billing.RoleSuspend}, Note: "late"}, a.Suspension)
		require.Len(t, a.Stretches, 1)
		require.Empty(t, a.Above)
		require.Empty(t, a.Sells)
		require.Len(t, got.States[0].Usage, 1)
		u := got.States[0].Usage[0]
		require.Equal(t, "k1.5", u.Key+u.Amount.String())
		require.Zero(t, u.Source)
		require.Empty(t, u.RolledUp)
		seller, err := rows.Seller(ctx, "host")
		require.NoError(t, err)
		require.Equal(t, "Europe/Berlin", seller.TimeZone)
		require.Zero(t, seller.Parent)
		require.Zero(t, seller.Double)
		sum, err := rows.Sum(ctx, 42, billing.Date{})
		require.NoError(t, err)
		require.EqualValues(t, 500, sum)
		due, err := rows.Due(ctx, billing.DueQuery{Day: a.Next, Sellers: []billing.SellerID{"host"}}, 0, 10)
		require.NoError(t, err)
		require.Equal(t, []billing.DueAccount{{ID: 42}}, due)
		a.Version++
		a.Suspension.Cause = 7
		return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{a}})
	})
}
