package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// TestResellerAgreesWithMemory writes the same rows by chance to this store and to the
// reference, which keeps other indexes, and compares what both return.
func TestResellerAgreesWithMemory(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			ours, reference := open(t, ":memory:"), memory.New()
			d := dice{rand.New(rand.NewPCG(seed, 1))}
			for range 60 {
				b := d.batch()
				keys := []reseller.StockKey{{Seller: d.seller(), Resource: d.resource()}, {Seller: d.seller()}}
				q := d.questions()
				var said [2]string
				for i, st := range []reseller.Store{ours, reference} {
					require.NoError(t, st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
						rows, err := st.Reseller(tx)
						if err != nil {
							return err
						}
						locked, err := rows.Lock(ctx, keys)
						if err != nil {
							return err
						}
						if err := rows.Write(ctx, &b); err != nil {
							return err
						}
						said[i] = fmt.Sprintln(locked, b.Shadows) + answers(t, ctx, rows, q)
						return nil
					}))
				}
				require.Equal(t, said[1], said[0])
			}
		})
	}
}

type dice struct{ *rand.Rand }

func (d dice) seller() billing.SellerID {
	return []billing.SellerID{"a", "b", "B", "ä", "\"c\""}[d.IntN(5)]
}
func (d dice) resource() billing.ResourceID {
	return []billing.ResourceID{"", "disk", "mail", "tr\"<"}[d.IntN(4)]
}
func (d dice) account() billing.AccountID { return billing.AccountID(1 + d.IntN(12)) }
func (d dice) day() billing.Date          { return day(2030, 6, 1+d.IntN(12)) }
func (d dice) number() decimal.Decimal    { return decimal.New(int64(d.IntN(100)-50), -1) }

func (d dice) state() reseller.TransferState {
	return []reseller.TransferState{reseller.TransferWaiting, reseller.TransferDone, reseller.TransferFailed}[d.IntN(3)]
}

// maybe returns a day or none.
func (d dice) maybe() billing.Date {
	if d.IntN(2) == 0 {
		return billing.Date{}
	}
	return d.day()
}

func (d dice) batch() (b reseller.Batch) {
	for range d.IntN(3) {
		h := reseller.Holding{Seller: d.seller(), Account: d.account(), Resource: d.resource(), Pooled: d.number(), Charged: d.number()}
		for i := range d.IntN(3) {
			h.Limits = append(h.Limits, reseller.Limit{Stretch: i, Units: d.number(), List: reseller.List{Plan: "gold", Version: d.IntN(2)}})
		}
		b.Holdings = append(b.Holdings, h)
		s := reseller.Stock{Seller: d.seller(), Resource: d.resource(), Pooled: d.number()}
		for range d.IntN(3) {
			s.Returns = append(s.Returns, reseller.Return{On: d.maybe(), Units: d.number()})
		}
		b.Stocks = append(b.Stocks, s)
	}
	for range d.IntN(8) {
		b.Shadows = append(b.Shadows, &reseller.Shadow{
			Seller: d.seller(), Account: d.account(), Day: d.day(), Resource: d.resource(),
			Amount: money.FromMinor(int64(d.IntN(2000)-1000), usd()), Recorded: noon(),
		})
	}
	for i := range d.IntN(3) {
		b.Transfers = append(b.Transfers, reseller.Transfer{
			Account: billing.AccountID(1 + 6*i + d.IntN(6)), From: d.seller(), State: d.state(), Ended: d.maybe(),
		})
	}
	if d.IntN(3) == 0 {
		b.Books = append(b.Books, reseller.Books{Seller: d.seller(), Through: d.maybe()})
	}
	return b
}

type questions struct {
	load    reseller.LoadQuery
	shadows reseller.ShadowQuery
	after   reseller.ShadowID
	limit   int
	until   billing.Date
	state   reseller.TransferState
	open    reseller.OpenDay
}

func (d dice) questions() questions {
	q := questions{
		load:    reseller.LoadQuery{Sellers: []billing.SellerID{d.seller(), d.seller()}, Lock: d.IntN(2) == 0},
		shadows: reseller.ShadowQuery{Seller: d.seller(), Since: d.maybe(), Until: d.maybe()},
		after:   reseller.ShadowID{Day: d.maybe(), Seq: int64(d.IntN(30))}, limit: d.IntN(20), until: d.maybe(),
		state: d.state(),
		open:  reseller.OpenDay{Day: d.maybe(), Seller: d.seller()},
	}
	for range d.IntN(5) {
		q.load.Accounts = append(q.load.Accounts, d.account())
	}
	if d.IntN(2) == 0 {
		q.shadows.Account = d.account()
	}
	if d.IntN(2) == 0 {
		q.shadows.Resource = d.resource()
	}
	if d.IntN(3) == 0 {
		q.shadows.Until = q.shadows.Since
	}
	return q
}

func answers(t *testing.T, ctx context.Context, rows reseller.Rows, q questions) string {
	t.Helper()
	text := ""
	add := func(x any, err error) {
		require.NoError(t, err)
		text += fmt.Sprintf("%+v\n", x)
	}
	loaded, err := rows.Load(ctx, q.load)
	add(loaded, err)
	shadows, err := rows.Shadows(ctx, q.shadows, q.after, q.limit)
	add(shadows, err)
	holdings, err := rows.Holdings(ctx, q.shadows.Seller, billing.AccountID(q.after.Seq%12), q.shadows.Resource, q.limit)
	add(holdings, err)
	stocks, err := rows.Stocks(ctx, q.shadows.Seller)
	add(stocks, err)
	sums, err := rows.Sums(ctx, q.shadows.Seller, q.shadows.Since)
	add(sums, err)
	transfers, err := rows.Transfers(ctx, q.state, billing.AccountID(q.after.Seq%6), q.limit)
	add(transfers, err)
	days, err := rows.OpenDays(ctx, q.until, q.open, q.limit)
	add(days, err)
	days, err = rows.OpenDays(ctx, day(2030, 7, 1), reseller.OpenDay{}, 100)
	add(days, err)
	return text
}

// TestBillsInPages reads bills page by page, from either end of a range.
func TestBillsInPages(t *testing.T) {
	t.Parallel()
	ours, reference := open(t, ":memory:"), memory.New()
	var all []reseller.Bill
	for d := range 6 {
		for _, r := range []billing.ResourceID{"", "disk", "mail"} {
			all = append(all, reseller.Bill{Seller: "b", Day: day(2030, 6, 1+d), Resource: r, Amount: money.FromMinor(int64(d), usd()), Recorded: noon()})
		}
	}
	others := []reseller.Bill{{Seller: "a", Day: day(2030, 6, 2), Recorded: noon()}, {Seller: "c", Day: day(2030, 6, 2), Recorded: noon()}}
	for _, st := range []reseller.Store{ours, reference} {
		require.NoError(t, st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			rows, err := st.Reseller(tx)
			require.NoError(t, err)
			require.NoError(t, rows.Write(ctx, &reseller.Batch{Bills: append(others[:2:2], all...)}))
			for from := range 7 {
				for to := range 7 {
					q := reseller.BillQuery{Seller: "b"}
					want := all
					if to > 0 {
						q.Until, want = day(2030, 6, to), want[:3*to]
					}
					if from > 0 {
						q.Since, want = day(2030, 6, from), want[min(3*(from-1), len(want)):]
					}
					var got []reseller.Bill
					for last := (reseller.Bill{}); ; last = got[len(got)-1] {
						page, err := rows.Bills(ctx, q, last.Day, last.Resource, 4)
						require.NoError(t, err)
						got = append(got, page...)
						if len(page) < 4 {
							break
						}
					}
					require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), "%v to %v", q.Since, q.Until)
				}
			}
			return nil
		}))
		err := st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			rows, err := st.Reseller(tx)
			require.NoError(t, err)
			return rows.Write(ctx, &reseller.Batch{Bills: all[:1], Books: []reseller.Books{{Seller: "b", Through: day(2030, 6, 1)}}})
		})
		require.ErrorIs(t, err, storage.ErrExists)
	}
}
