package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

const (
	benchAccounts = 2000
	benchBatch    = 500
	benchHoldings = 2
	benchEntries  = 3
	// Rows that a night writes for an account: itself, its holdings, the new period,
	// its document with entries, an event.
	benchRows = 1 + benchHoldings + 1 + 1 + benchEntries + 1
)

// BenchmarkNight compares what the store does in a run (find who is due, read the
// accounts with their holdings, change them, write all that follows) with a bare
// insert of the same rows into the same tables, prepared and in transactions of the
// same size. "%floor" is the share of the bare rate that is left.
func BenchmarkNight(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "floor.db")
		st := open(b, path)
		for n := 0; b.Loop(); n++ {
			require.NoError(b, bareInsert(st.DB(), n))
		}
		b.ReportMetric(float64(b.N*benchAccounts*benchRows)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("store", func(b *testing.B) {
		st, _ := file(b)
		ctx := context.Background()
		require.NoError(b, signUp(ctx, st))
		on := day(2030, 7, 15)
		for b.Loop() {
			require.NoError(b, night(ctx, st, on))
			on = on.AddMonths(1)
		}
		b.ReportMetric(float64(b.N*benchAccounts*benchRows)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("both", func(b *testing.B) {
		ctx := context.Background()
		bare := open(b, filepath.Join(b.TempDir(), "floor.db"))
		st, _ := file(b)
		require.NoError(b, signUp(ctx, st))
		on := day(2030, 7, 15)
		var floor float64
		b.StopTimer()
		for n := range b.N {
			start := time.Now()
			require.NoError(b, bareInsert(bare.DB(), n))
			floor += time.Since(start).Seconds()
			b.StartTimer()
			require.NoError(b, night(ctx, st, on))
			b.StopTimer()
			on = on.AddMonths(1)
		}
		b.ReportMetric(100*floor/b.Elapsed().Seconds(), "%floor")
	})
}

// BenchmarkAction is one payment in a transaction of its own: load with lock and key,
// write account, entry, key and event.
func BenchmarkAction(b *testing.B) {
	st, _ := file(b)
	ctx := context.Background()
	require.NoError(b, signUp(ctx, st))
	for n := 0; b.Loop(); n++ {
		err := update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
			key := billing.KeyID{Scope: "account/1", Action: "payment", Key: fmt.Sprint(n)}
			got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait, Key: key})
			if err != nil {
				return err
			}
			a := got.States[0].Account
			a.Version++
			a.EntrySeq++
			return rows.Write(ctx, &billing.Batch{
				Accounts: []billing.Account{a},
				Entries:  []billing.Entry{entry(a.ID, a.EntrySeq, -1000)},
				Keys:     []billing.Key{{KeyID: key, Account: a.ID, EntryAfter: a.EntrySeq - 1, EntryLast: a.EntrySeq, Recorded: noon()}},
				Events:   []*storage.Event{event(fmt.Sprint("payment", n))},
				Final:    true,
			})
		})
		require.NoError(b, err)
	}
}

// signUp opens the accounts.
func signUp(ctx context.Context, st billing.Store) error {
	var batch billing.Batch
	for i := range benchAccounts {
		a := account(billing.AccountID(i + 1))
		batch.Accounts = append(batch.Accounts, a)
		for h := range benchHoldings {
			batch.Holdings = append(batch.Holdings, billing.Holding{
				Account: a.ID, Resource: billing.ResourceID(fmt.Sprintf("resource-%d", h)), Quantity: decimal.New(int64(h+10), 0),
			})
		}
	}
	return write(ctx, st, batch)
}

// night does for each account that is due what a renewal does.
func night(ctx context.Context, st billing.Store, on billing.Date) error {
	after, done := billing.AccountID(0), 0
	for {
		n := 0
		err := update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
			due, err := rows.Due(ctx, billing.DueQuery{Day: on}, after, benchBatch)
			if err != nil || len(due) == 0 {
				n = 0
				return err
			}
			ids := make([]billing.AccountID, len(due))
			for i, d := range due {
				ids[i] = d.ID
			}
			after, n = ids[len(ids)-1], len(ids)
			got, err := rows.Load(ctx, billing.LoadQuery{IDs: ids, Lock: billing.LockSkip, DueBy: on, Usage: true})
			if err != nil {
				return err
			}
			var batch billing.Batch
			for i := range got.States {
				renew(&got.States[i], on, &batch)
			}
			return rows.Write(ctx, &batch)
		})
		if err != nil {
			return err
		}
		if done += n; n == 0 {
			break
		}
	}
	if done != benchAccounts {
		return fmt.Errorf("%d accounts were due on %s", done, on)
	}
	return nil
}

func renew(s *billing.State, on billing.Date, batch *billing.Batch) {
	a := &s.Account
	next := on.AddMonths(1)
	a.Version++
	a.PeriodFrom, a.PeriodTo, a.MonthFrom, a.MonthTo, a.Next = on, next, on, next, next
	a.Stretches = []billing.Stretch{{From: on, Plan: a.Plan, Version: a.PlanVersion}}
	a.PeriodSeq++
	a.DocumentSeq++
	batch.Periods = append(batch.Periods, billing.PeriodRow{
		Account: a.ID, Seq: a.PeriodSeq, From: on, To: next, Period: a.Period, Plan: a.Plan, PlanVersion: a.PlanVersion,
		Opened: billing.OpenedRenewal,
	})
	for i := range s.Holdings {
		h := &s.Holdings[i]
		h.Paid = h.Quantity
		h.RecurringTotal, h.RecurringDiscount = money.RatInt(int64(3*on.Days()%700)), money.Rat{}
		h.Kept += 300
		batch.Holdings = append(batch.Holdings, *h)
	}
	first := a.EntrySeq + 1
	for range benchEntries {
		a.EntrySeq++
		batch.Entries = append(batch.Entries, billing.Entry{
			Account: a.ID, Seq: a.EntrySeq, Seller: a.Seller, Date: on, Document: a.DocumentSeq,
			Kind: billing.EntryRecurring, Resource: "resource-0", Quantity: decimal.New(2, 0), From: on, To: next,
			Amount: money.FromMinor(300, usd()), Recorded: noon(),
			Basis: billing.Basis{
				Cause: billing.CauseOpen, Plan: a.Plan, Version: a.PlanVersion, Period: a.Period,
				UnitPrice: money.RatInt(3), Exact: money.RatInt(3),
			},
		})
	}
	a.Balance = money.FromMinor(-int64(a.EntrySeq)*300, usd())
	a.LastRun, a.LastRunOn = money.FromMinor(900, usd()), on
	batch.Accounts = append(batch.Accounts, *a)
	batch.Documents = append(batch.Documents, &billing.Document{
		Account: a.ID, Seq: a.DocumentSeq, Seller: a.Seller, Kind: billing.Invoice, Date: on, Issued: on,
		Net: money.FromMinor(900, usd()), Tax: money.Zero(usd()), Total: money.FromMinor(900, usd()),
		FirstEntry: first, LastEntry: a.EntrySeq, Numbered: true, Recorded: noon(),
	})
	batch.Events = append(batch.Events, &storage.Event{
		ID: fmt.Sprintf("evt_%032d", int64(a.ID)<<20|a.DocumentSeq), Type: "billing.document.issued", Version: 1, At: noon(),
		Seller: "host", Subject: fmt.Sprintf("account/%d", a.ID),
		Data: []byte(`{"account":42,"document":7,"kind":"invoice","date":"2030-07-15","total":{"amount":"9.00","currency":"USD"}}`),
	})
}

// bareInsert inserts rows like those of a night, as plain values.
func bareInsert(db *sql.DB, n int) error {
	ctx := context.Background()
	for from := 0; from < benchAccounts; from += benchBatch {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := bareBatch(ctx, tx, int64(n)*benchAccounts+int64(from), n); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func bareBatch(ctx context.Context, tx *sql.Tx, from int64, n int) (err error) {
	prepare := func(table string, columns int) *sql.Stmt {
		var st *sql.Stmt
		if err == nil {
			st, err = tx.PrepareContext(ctx, "INSERT INTO "+table+" VALUES (?"+strings.Repeat(", ?", columns-1)+")")
		}
		return st
	}
	account := prepare("billing_accounts", 55)
	holding := prepare("billing_holdings", 14)
	period := prepare("billing_periods", 8)
	entry := prepare("billing_entries", 16)
	document := prepare("billing_documents", 14)
	event := prepare("outbox", 12)
	exec := func(st *sql.Stmt, args ...any) {
		if err == nil {
			_, err = st.ExecContext(ctx, args...)
		}
	}
	const on, next, recorded = "2030-07-15", "2030-08-15", int64(1907841600000000)
	for i := int64(0); i < benchBatch; i++ {
		id := from + i + 1
		exec(account, id, 2, on, next, on, next, 1, `[{"from":"2030-07-15","plan":"gold","version":3}]`, nil, -900, next, 3, 1, 2, 0, 0, 900, on, nil, nil,
			"host", fmt.Sprintf("account-%d", id), "gold", 3, "1m", "active", "2030-06-15", "2030-06-15", "2030-06-15", nil,
			0, 0, nil, "", "", 0, "0", 0, "", "", "", nil, "", nil, "", nil, "USD:2", nil, "", "", nil, nil, "", 0, 0)
		for h := range benchHoldings {
			exec(holding, id, fmt.Sprintf("resource-%d", h), "10", "10", "0", nil, "0", "0", "0", "0", "345", "0", 300, "0")
		}
		exec(period, id, 2, on, next, "1m", "gold", 3, "renewal")
		for e := range benchEntries {
			exec(entry, id, e+1, "host", on, 1, "recurring", "resource-0", "2", on, next, 300, "USD:2", 0, recorded, "",
				`{"cause":"open","plan":"gold","version":3,"period":"1m","unit_price":"3","exact":"3"}`)
		}
		exec(document, id, 1, "host", "invoice", id, on, on, "USD:2", 900, 0, 900, 1, 3, recorded)
		exec(event, nil, 0, 0, nil, nil, recorded, fmt.Sprintf("evt_%032d", id<<20|int64(n)), "billing.document.issued", 1, "host",
			fmt.Sprintf("account/%d", id),
			`{"account":42,"document":7,"kind":"invoice","date":"2030-07-15","total":{"amount":"9.00","currency":"USD"}}`)
	}
	return err
}
