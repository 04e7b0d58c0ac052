package postgres

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// filled returns a row with something in every field.
func filled[T any](r *rand.Rand, fix func(*T)) T {
	var x T
	fill(reflect.ValueOf(&x).Elem(), r, 0)
	fix(&x)
	return x
}

// same compares rows whose numbers are written in other ways.
func same(t *testing.T, want, got any) {
	t.Helper()
	plain := func(x any) string {
		text := ""
		var walk func(v reflect.Value)
		walk = func(v reflect.Value) {
			if x, ok := v.Interface().(fmt.Stringer); ok {
				text += x.String() + "; "
				return
			}
			switch v.Kind() {
			case reflect.Slice:
				for i := range v.Len() {
					walk(v.Index(i))
				}
			case reflect.Pointer:
				walk(v.Elem())
			case reflect.Struct:
				for i := range v.NumField() {
					text += v.Type().Field(i).Name + ": "
					walk(v.Field(i))
				}
			default:
				text += fmt.Sprint(v.Interface(), "; ")
			}
		}
		walk(reflect.ValueOf(x))
		return text
	}
	require.Equal(t, plain(want), plain(got))
}

// Every field of a row that this version adds comes back, however many rows go at once.
func TestResellersRowsComeBack(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	s, err := Open(t.Context(), dsn, Options{Schema: schema})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	r := rand.New(rand.NewPCG(5, 6))
	after := int64(0)
	for round, n := range []int{1, 3, 7, many + 3} {
		seller := billing.SellerID(fmt.Sprint("seller", round))
		var batch reseller.Batch
		var want []reseller.Shadow
		for i := range n {
			resource := billing.ResourceID(fmt.Sprintf("%06d", i))
			batch.Holdings = append(batch.Holdings, filled(r, func(x *reseller.Holding) {
				x.Seller, x.Account, x.Resource = seller, billing.AccountID(round), resource
			}))
			batch.Stocks = append(batch.Stocks, filled(r, func(x *reseller.Stock) { x.Seller, x.Resource = seller, resource }))
			batch.Bills = append(batch.Bills, filled(r, func(x *reseller.Bill) {
				x.Seller, x.Resource, x.Day = seller, resource, billing.NewDate(2030, 1, 1)
			}))
			batch.Transfers = append(batch.Transfers, filled(r, func(x *reseller.Transfer) {
				x.Account, x.State = billing.AccountID(1000*round+i), reseller.TransferState(seller)
			}))
			want = append(want, filled(r, func(x *reseller.Shadow) { x.Seller = seller }))
			shadow := want[i]
			batch.Shadows = append(batch.Shadows, &shadow)
		}
		batch.Books = []reseller.Books{{Seller: seller, Through: billing.NewDate(2030, 1, 1)}}
		require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			rows, err := s.Reseller(tx)
			require.NoError(t, err)
			require.NoError(t, rows.Write(ctx, &batch))
			require.False(t, tx.(*txn).begun, "nothing is sent")
			return nil
		}))
		for i := range want {
			want[i].Seq = batch.Shadows[i].Seq
			require.Greater(t, want[i].Seq, after)
			after = want[i].Seq
		}
		require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			rows, err := s.Reseller(tx)
			require.NoError(t, err)
			loaded, err := rows.Load(ctx, reseller.LoadQuery{
				Accounts: []billing.AccountID{billing.AccountID(round), -1}, Sellers: []billing.SellerID{seller, "a", "b", "c", "d"},
			})
			require.NoError(t, err)
			same(t, reseller.Loaded{Holdings: batch.Holdings, Stocks: batch.Stocks, Books: batch.Books}, loaded)
			bills, err := rows.Bills(ctx, reseller.BillQuery{Seller: seller, Since: billing.NewDate(2030, 1, 1)}, billing.Date{}, "", 1000)
			require.NoError(t, err)
			same(t, batch.Bills, bills)
			transfers, err := rows.Transfers(ctx, reseller.TransferState(seller), billing.AccountID(1000*round-1), 1000)
			require.NoError(t, err)
			same(t, batch.Transfers, transfers)
			transfer, err := rows.Transfer(ctx, billing.AccountID(1000*round))
			require.NoError(t, err)
			same(t, batch.Transfers[0], transfer)
			slices.SortFunc(want, func(a, b reseller.Shadow) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Seq, b.Seq)) })
			got, err := rows.Shadows(ctx, reseller.ShadowQuery{Seller: seller}, reseller.ShadowID{}, 1000)
			require.NoError(t, err)
			same(t, want, got)
			return nil
		}))
	}
	account := filled(r, func(a *billing.Account) { a.ID, a.Version, a.Above = 7, 1, []billing.AccountID{1, 20, 300} })
	use := filled(r, func(u *billing.UsageRecord) { u.Account, u.RolledUp = 7, []billing.AccountID{5} })
	seller := filled(r, func(*billing.Seller) {})
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Billing(tx)
		require.NoError(t, err)
		require.NoError(t, rows.PutCatalog(ctx, billing.CatalogChange{Sellers: []billing.Seller{seller}}))
		require.NoError(t, rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{account}, Usage: []*billing.UsageRecord{&use}}))
		got, err := rows.Seller(ctx, seller.ID)
		require.NoError(t, err)
		same(t, seller, got)
		loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{7}})
		require.NoError(t, err)
		same(t, account, loaded.States[0].Account)
		// A change of nothing but these is no change of figures.
		for _, change := range []func(a *billing.Account){
			func(a *billing.Account) { a.Suspension.Cause++ },
			func(a *billing.Account) { a.Sells += "x" },
			func(a *billing.Account) { a.Above[2]++ },
		} {
			loaded.States[0].Account.Version++
			change(&loaded.States[0].Account)
			require.NoError(t, rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{loaded.States[0].Account}}))
			again, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{7}})
			require.NoError(t, err)
			same(t, loaded.States[0].Account, again.States[0].Account)
		}
		records, err := rows.Usage(ctx, 7, 0, 10)
		require.NoError(t, err)
		same(t, []billing.UsageRecord{use}, records)
		return nil
	}))
}

// A schema of the version before resellers keeps its rows, and they come back as
// accounts, sellers and usage that have nothing to do with any.
func TestMigrationKeepsRows(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	steps, err := migrations()
	require.NoError(t, err)
	x := sqlText{quoted(schema)}
	exec := func(sql string) {
		t.Helper()
		_, err := conn.PgConn().Exec(t.Context(), x.statement(sql).sql).ReadAll()
		require.NoError(t, err)
	}
	exec("CREATE SCHEMA {{schema}}")
	exec("CREATE TABLE {{schema}}.tierhost_migrations (version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied timestamptz NOT NULL DEFAULT now())")
	for i, step := range steps[:2] {
		exec(step.sql)
		exec(fmt.Sprintf("INSERT INTO {{schema}}.tierhost_migrations VALUES (%d, '%s', '%s')", i+1, step.name, step.checksum))
	}
	exec("INSERT INTO {{schema}}.billing_sellers VALUES ('host', 'Host', 'USD:2', 'half_even', 'UTC', NULL)")
	exec(`INSERT INTO {{schema}}.billing_accounts (id, seller, name, version, plan, plan_version, period, status, month_charged, lapsed, cancelling,
		pending_period, pending_plan, pending_version, refund_percent, money_back_days, suspended_for, suspended_by_role, suspended_by,
		suspended_note, exemption_code, currency, balance, next, parked_code, parked_reason, entry_seq, document_seq, period_seq, meter_scan, meter_seen)
		SELECT i, 'host', 'name' || i, 4, 'plan', 1, '1m', 'active', true, false, false, '', '', 0, 100, 30, '', '', '', '', '', 'USD:2', -5,
		'2030-01-01', '', '', 1, 2, 3, 0, 0 FROM generate_series(1, 100) i`)
	exec("INSERT INTO {{schema}}.billing_usage (account, resource, day, amount, key, recorded) VALUES (1, 'traffic', '2030-01-01', 7.5, 'k', now())")

	s, err := Open(t.Context(), dsn, Options{Schema: schema})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, s.Check(t.Context()))
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Billing(tx)
		require.NoError(t, err)
		seller, err := rows.Seller(ctx, "host")
		require.NoError(t, err)
		require.Equal(t, billing.Seller{ID: "host", Name: "Host", Currency: money.Currency{Code: "USD", Exponent: 2}, Rounding: money.HalfEven, TimeZone: "UTC"}, seller)
		due, err := rows.Due(ctx, billing.DueQuery{Day: billing.NewDate(2030, 1, 1)}, 0, 1000)
		require.NoError(t, err)
		require.Len(t, due, 100)
		require.Equal(t, billing.DueAccount{ID: 1}, due[0])
		loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait, Above: billing.AboveShare, Usage: true})
		require.NoError(t, err)
		require.Empty(t, loaded.Above)
		a := loaded.States[0].Account
		require.Equal(t, "name1", a.Name)
		require.Equal(t, int64(4), a.Version)
		require.Nil(t, a.Above)
		require.Zero(t, a.Sells)
		require.Zero(t, a.Suspension)
		require.Len(t, loaded.States[0].Usage, 1)
		require.Nil(t, loaded.States[0].Usage[0].RolledUp)
		require.Zero(t, loaded.States[0].Usage[0].Source)
		a.Version, a.Suspension.Cause = 5, 3
		return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{a}})
	}))
}
