package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
)

var (
	usd   = money.Currency{Code: "USD", Exponent: 2}
	day   = billing.NewDate(2030, time.June, 15)
	noon  = time.Date(2030, 6, 15, 12, 0, 0, 123456000, time.UTC)
	month = billing.Months(1)
)

// account returns an account as a month leaves it.
func account(id billing.AccountID, version int64) billing.Account {
	return billing.Account{
		ID: id, Seller: "host", Name: fmt.Sprintf("customer-%08d.example", id), Version: version,
		Plan: "standard", PlanVersion: 3, Period: month, Status: billing.Active,
		SignedUp: day.AddMonths(-12), Activated: day.AddMonths(-12), Anchor: day.AddMonths(-12),
		PeriodFrom: day, PeriodTo: day.AddMonths(1), MonthFrom: day, MonthTo: day.AddMonths(1), MonthCharged: true,
		RefundPercent: decimal.New(100, 0), MoneyBackDays: 30,
		Stretches:  []billing.Stretch{{From: day, Plan: "standard", Version: 3}},
		TaxCharged: []billing.TaxTotal{{Name: "vat", Minor: 1234}},
		Balance:    money.FromMinor(-1500, usd), Next: day.AddMonths(1),
		EntrySeq: 36, DocumentSeq: 12, PeriodSeq: 13, MeterScan: 100, MeterSeen: 100,
		LastRun: money.FromMinor(1500, usd), LastRunOn: day,
	}
}

func entry(id billing.AccountID, seq int64) billing.Entry {
	return billing.Entry{
		Account: id, Seq: seq, Seller: "host", Date: day, Document: 1, Kind: billing.EntryRecurring, Resource: "mailbox",
		Quantity: decimal.New(10, 0), From: day, To: day.AddMonths(1), Amount: money.FromMinor(500, usd), Recorded: noon,
		Basis: billing.Basis{
			Cause: billing.CauseOpen, Plan: "standard", Version: 3, Period: month, Held: decimal.New(15, 0), Free: decimal.New(5, 0),
			Units: money.RatInt(10), UnitPrice: ratio(1, 2), Days: 30, OfDays: 30, Exact: money.RatInt(5), Before: ratio(4, 3),
		},
	}
}

func document(id billing.AccountID, seq int64) *billing.Document {
	return &billing.Document{
		Account: id, Seq: seq, Seller: "host", Kind: billing.Invoice, Date: day, Issued: day, Numbered: true,
		Net: money.FromMinor(1250, usd), Tax: money.FromMinor(250, usd), Total: money.FromMinor(1500, usd),
		FirstEntry: 1, LastEntry: 3, Recorded: noon,
	}
}

func event(id billing.AccountID, n int64) *storage.Event {
	return &storage.Event{
		ID: fmt.Sprintf("evt_%016x%016x", id, n), Type: "billing.document.issued", Version: 1, At: noon, Seller: "host",
		Subject: fmt.Sprintf("account/%d", id),
		Data:    json.RawMessage(fmt.Sprintf(`{"account":%d,"document":%d,"total":"15.00","currency":"USD"}`, id, n)),
	}
}

func ratio(num, den int64) money.Rat {
	r, err := money.RatFrac(num, den)
	if err != nil {
		panic(err)
	}
	return r
}

// update runs fn with the billing rows in an Update.
func update(ctx context.Context, s *postgres.Store, fn func(ctx context.Context, rows billing.Rows) error) error {
	return s.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

// view runs fn with the billing rows in a View.
func view(ctx context.Context, s *postgres.Store, fn func(ctx context.Context, rows billing.Rows) error) error {
	return s.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

// write writes a batch in a transaction of its own.
func write(ctx context.Context, s *postgres.Store, b *billing.Batch) error {
	return update(ctx, s, func(ctx context.Context, rows billing.Rows) error { return rows.Write(ctx, b) })
}

// signUp inserts accounts with the IDs from first to last.
func signUp(t testing.TB, s *postgres.Store, first, last billing.AccountID) {
	t.Helper()
	for first <= last {
		b := &billing.Batch{Final: true}
		for ; first <= last && len(b.Accounts) < 1000; first++ {
			b.Accounts = append(b.Accounts, account(first, 1))
		}
		require.NoError(t, write(t.Context(), s, b))
	}
}
