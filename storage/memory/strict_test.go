package memory_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func usd() money.Currency { return money.Currency{Code: "USD", Exponent: 2} }

func account(id billing.AccountID, name string, version int64) billing.Account {
	return billing.Account{ID: id, Seller: "host", Name: name, Version: version, Balance: money.Zero(usd())}
}

func entry(id billing.AccountID, seq int64, amount money.Money) billing.Entry {
	return billing.Entry{Account: id, Seq: seq, Seller: "host", Amount: amount}
}

// withRows runs fn with the billing rows in an Update.
func withRows(t *testing.T, st *memory.Store, fn func(ctx context.Context, rows billing.Rows) error) error {
	t.Helper()
	return st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

func write(t *testing.T, st *memory.Store, b *billing.Batch) error {
	t.Helper()
	return withRows(t, st, func(ctx context.Context, rows billing.Rows) error { return rows.Write(ctx, b) })
}

// What a database may refuse, the reference refuses.
func TestStrictness(t *testing.T) {
	t.Parallel()
	third, err := money.New(decimal.New(12345, -3), usd())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		batch billing.Batch
		want  error
	}{
		{"an account twice", billing.Batch{Accounts: []billing.Account{account(1, "a", 2), account(1, "a", 3)}}, storage.ErrConflict},
		{"a name that is taken", billing.Batch{Accounts: []billing.Account{account(1, "b", 2)}}, storage.ErrConflict},
		{"rows of no account", billing.Batch{Entries: []billing.Entry{entry(9, 1, money.Zero(usd()))}}, storage.ErrNotFound},
		{"a part of a cent", billing.Batch{Entries: []billing.Entry{entry(1, 1, third)}}, tierhost.ErrInvalid},
		{"a balance with a part of a cent", billing.Batch{Accounts: []billing.Account{{ID: 3, Seller: "host", Name: "c", Version: 1, Balance: third}}}, tierhost.ErrInvalid},
		{"a document with a part of a cent", billing.Batch{Documents: []*billing.Document{{Account: 1, Seq: 1, Net: third}}}, tierhost.ErrInvalid},
		{"another name", billing.Batch{Accounts: []billing.Account{account(1, "z", 2)}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := memory.New()
			if err := write(t, st, &billing.Batch{Accounts: []billing.Account{account(1, "a", 1), account(2, "b", 1)}}); err != nil {
				t.Fatal(err)
			}
			if err := write(t, st, &c.batch); !errors.Is(err, c.want) {
				t.Errorf("Write: %v, want %v", err, c.want)
			}
		})
	}
}

// A renamed account leaves its name to others.
func TestRename(t *testing.T) {
	t.Parallel()
	st := memory.New()
	for _, a := range []billing.Account{account(1, "a", 1), account(1, "b", 2), account(2, "a", 1)} {
		if err := write(t, st, &billing.Batch{Accounts: []billing.Account{a}}); err != nil {
			t.Fatal(err)
		}
	}
	err := withRows(t, st, func(ctx context.Context, rows billing.Rows) error {
		for name, want := range map[string]billing.AccountID{"a": 2, "b": 1} {
			l, err := rows.Load(ctx, billing.LoadQuery{Seller: "host", Name: name})
			if err != nil {
				return err
			}
			if l.Named != want {
				t.Errorf("%q is account %d, want %d", name, l.Named, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// After a failed write nothing works any more, and the failure cannot be ignored.
func TestFailedWriteAborts(t *testing.T) {
	t.Parallel()
	st := memory.New()
	if err := write(t, st, &billing.Batch{
		Accounts: []billing.Account{account(1, "a", 1)}, Entries: []billing.Entry{entry(1, 1, money.Zero(usd()))},
	}); err != nil {
		t.Fatal(err)
	}
	var afterwards error
	err := withRows(t, st, func(ctx context.Context, rows billing.Rows) error {
		if err := rows.Write(ctx, &billing.Batch{Entries: []billing.Entry{entry(1, 2, money.Zero(usd()))}}); err != nil {
			return err
		}
		_ = rows.Write(ctx, &billing.Batch{Entries: []billing.Entry{entry(1, 1, money.Zero(usd()))}})
		_, afterwards = rows.Sum(ctx, 1, billing.Date{})
		return nil
	})
	if !errors.Is(err, storage.ErrExists) {
		t.Errorf("Update: %v, want the error that the function ignored", err)
	}
	if !errors.Is(afterwards, storage.ErrTxDone) {
		t.Errorf("a read after the failed write: %v, want %v", afterwards, storage.ErrTxDone)
	}
	if err := write(t, st, &billing.Batch{Entries: []billing.Entry{entry(1, 2, money.Zero(usd()))}}); err != nil {
		t.Errorf("the entry before the failed write was kept: %v", err)
	}
}

// After a final write nothing may follow, but the function may still fail.
func TestFinal(t *testing.T) {
	t.Parallel()
	st := memory.New()
	refused := errors.New("refused")
	for _, end := range []error{refused, nil} {
		var afterwards error
		err := withRows(t, st, func(ctx context.Context, rows billing.Rows) error {
			if err := rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(1, "a", 1)}, Final: true}); err != nil {
				return err
			}
			_, afterwards = rows.Revision(ctx)
			return end
		})
		if !errors.Is(err, end) {
			t.Errorf("Update: %v, want %v", err, end)
		}
		if !errors.Is(afterwards, storage.ErrTxDone) {
			t.Errorf("a read after the final write: %v, want %v", afterwards, storage.ErrTxDone)
		}
	}
}

// A View neither waits for an open Update nor holds one up; an Update that waits for
// its turn gives up with its context; a goroutine that ends in a transaction frees it.
func TestWaiting(t *testing.T) {
	t.Parallel()
	st := memory.New()
	nothing := func(context.Context, storage.Tx) error { return nil }
	err := st.Update(t.Context(), func(context.Context, storage.Tx) error {
		done := make(chan error, 1)
		go func() {
			done <- st.View(context.Background(), func(context.Context, storage.Tx) error {
				return st.View(context.Background(), nothing)
			})
		}()
		if err := <-done; err != nil {
			t.Errorf("View beside an open Update: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		go func() { done <- st.Update(ctx, nothing) }()
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Update beside an open Update: %v, want it to wait until its deadline", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.View(t.Context(), func(context.Context, storage.Tx) error {
		return st.Update(context.Background(), nothing)
	}); err != nil {
		t.Errorf("Update beside an open View: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = st.Update(context.Background(), func(context.Context, storage.Tx) error {
			runtime.Goexit()
			return nil
		})
	}()
	<-ended
	if err := st.Update(t.Context(), nothing); err != nil {
		t.Errorf("Update after one whose goroutine ended: %v", err)
	}
}
