package memory_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func june(d int) billing.Date { return billing.NewDate(2030, 6, d) }

// withReseller runs fn with the reseller's rows in an Update.
func withReseller(t *testing.T, st *memory.Store, fn func(ctx context.Context, rows reseller.Rows) error) error {
	t.Helper()
	return st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Reseller(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

func shadow(seller billing.SellerID, day int) *reseller.Shadow {
	return &reseller.Shadow{
		Seller: seller, Account: 7, Date: june(day), Day: june(day), Resource: "mailbox", Amount: money.FromMinor(100, usd()),
	}
}

// The index of open days follows the books, whichever way they go.
func TestOpenDays(t *testing.T) {
	t.Parallel()
	st := memory.New()
	open := func(want ...reseller.OpenDay) {
		t.Helper()
		err := withReseller(t, st, func(ctx context.Context, rows reseller.Rows) error {
			got, err := rows.OpenDays(ctx, june(20), reseller.OpenDay{}, 10)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("open days %v, want %v", got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(b reseller.Batch) {
		t.Helper()
		if err := withReseller(t, st, func(ctx context.Context, rows reseller.Rows) error { return rows.Write(ctx, &b) }); err != nil {
			t.Fatal(err)
		}
	}
	closed := func(seller billing.SellerID, through int) {
		t.Helper()
		put(reseller.Batch{Books: []reseller.Books{{Seller: seller, Through: june(through)}}})
	}
	open()
	put(reseller.Batch{Shadows: []*reseller.Shadow{shadow("b", 3), shadow("a", 3), shadow("a", 5), shadow("a", 3), shadow("a", 25)}})
	a3, b3, a5 := reseller.OpenDay{Day: june(3), Seller: "a"}, reseller.OpenDay{Day: june(3), Seller: "b"}, reseller.OpenDay{Day: june(5), Seller: "a"}
	open(a3, b3, a5)
	closed("a", 4)
	open(b3, a5)
	put(reseller.Batch{Shadows: []*reseller.Shadow{shadow("a", 4)}})
	open(b3, a5)
	closed("a", 3)
	open(b3, reseller.OpenDay{Day: june(4), Seller: "a"}, a5)
	closed("a", 30)
	closed("b", 2)
	open(b3)
	refused := errors.New("refused")
	if err := withReseller(t, st, func(ctx context.Context, rows reseller.Rows) error {
		if err := rows.Write(ctx, &reseller.Batch{Books: []reseller.Books{{Seller: "a"}, {Seller: "b", Through: june(9)}}}); err != nil {
			return err
		}
		return refused
	}); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	open(b3)
}

// What was given and what is returned share nothing with what is kept.
func TestResellerCopies(t *testing.T) {
	t.Parallel()
	st := memory.New()
	ten := decimal.NewFromInt(10)
	limit := ten
	s := shadow("a", 3)
	s.Basis.Parts = []billing.UsagePart{{Plan: "gold"}}
	b := reseller.Batch{
		Holdings: []reseller.Holding{{Seller: "a", Account: 7, Resource: "disk", Limits: []reseller.Limit{{Stretch: 1}}}},
		Stocks:   []reseller.Stock{{Seller: "a", Resource: "disk", Limit: &limit, Returns: []reseller.Return{{On: june(9)}}}},
		Shadows:  []*reseller.Shadow{s},
	}
	err := withReseller(t, st, func(ctx context.Context, rows reseller.Rows) error {
		if err := rows.Write(ctx, &b); err != nil {
			return err
		}
		h, k, p := &b.Holdings[0], &b.Stocks[0], s.Basis.Parts
		for range 2 {
			h.Limits[0].Stretch, *k.Limit, k.Returns[0].On, p[0].Plan = 9, decimal.NewFromInt(99), june(1), "silver"
			loaded, err := rows.Load(ctx, reseller.LoadQuery{
				Accounts: []billing.AccountID{7, 7}, Sellers: []billing.SellerID{"a", "none", "a"}, Lock: true,
			})
			if err != nil {
				return err
			}
			shadows, err := rows.Shadows(ctx, reseller.ShadowQuery{Seller: "a"}, reseller.ShadowID{}, 10)
			if err != nil {
				return err
			}
			if len(loaded.Holdings) != 1 || len(loaded.Stocks) != 1 || len(shadows) != 1 {
				t.Fatalf("%d holdings, %d stocks and %d shadows", len(loaded.Holdings), len(loaded.Stocks), len(shadows))
			}
			h, k, p = &loaded.Holdings[0], &loaded.Stocks[0], shadows[0].Basis.Parts
			if h.Limits[0].Stretch != 1 || !k.Limit.Equal(ten) || k.Returns[0].On != june(9) || p[0].Plan != "gold" {
				t.Errorf("changed from outside: %+v %+v %+v", *h, *k, p)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestResellerStrictness(t *testing.T) {
	t.Parallel()
	third, err := money.New(decimal.New(12345, -3), usd())
	if err != nil {
		t.Fatal(err)
	}
	broken := shadow("a", 3)
	broken.Amount = third
	bill := reseller.Bill{Seller: "a", Day: june(3), Resource: "disk", Amount: money.Zero(usd())}
	for _, c := range []struct {
		name  string
		batch reseller.Batch
		want  error
	}{
		{"a part of a cent", reseller.Batch{Shadows: []*reseller.Shadow{broken}}, tierhost.ErrInvalid},
		{"a bill with a part of a cent", reseller.Batch{Bills: []reseller.Bill{{Seller: "a", Amount: third}}}, tierhost.ErrInvalid},
		{"a bill twice", reseller.Batch{Bills: []reseller.Bill{bill, bill}}, storage.ErrExists},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := memory.New()
			var afterwards error
			err := withReseller(t, st, func(ctx context.Context, rows reseller.Rows) error {
				c.batch.Stocks = []reseller.Stock{{Seller: "a"}}
				if err := rows.Write(ctx, &c.batch); !errors.Is(err, c.want) {
					t.Errorf("Write: %v, want %v", err, c.want)
				}
				_, afterwards = rows.Stocks(ctx, "a")
				return nil
			})
			if !errors.Is(err, c.want) || !errors.Is(afterwards, storage.ErrTxDone) {
				t.Errorf("Update: %v, want %v; a read after the failed write: %v", err, c.want, afterwards)
			}
		})
	}
}
