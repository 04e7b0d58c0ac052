package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tierhost/tierhost/billing"
)

// TestEveryFilter asks for lists in all ways: each is a statement, and a connection
// keeps a bounded number of them.
func TestEveryFilter(t *testing.T) {
	t.Parallel()
	st := openMemory(t)
	on := billing.NewDate(2030, 6, 15)
	var queries []billing.EntryQuery
	for bits := range 1 << 7 {
		pick := func(bit int) bool { return bits>>bit&1 == 1 }
		var q billing.EntryQuery
		if pick(0) {
			q.Seller = "host"
		}
		if pick(1) {
			q.Account = 7
		}
		if pick(2) {
			q.Document = 1
		}
		if pick(3) {
			q.Kind = billing.EntryTax
		}
		if pick(4) {
			q.Resource = "VAT"
		}
		if pick(5) {
			q.Since = on
		}
		if pick(6) {
			q.Until = on.AddDays(1)
		}
		queries = append(queries, q)
	}
	require.NoError(t, write(st, billing.Entry{
		Account: 7, Seq: 1, Seller: "host", Document: 1, Kind: billing.EntryTax, Resource: "VAT", Date: on,
	}))
	inUpdate(t, st, func(ctx context.Context, rows billing.Rows) error {
		for _, q := range queries {
			for _, after := range []billing.EntryID{{}, {Account: 6, Seq: 9}, {Account: 7}} {
				page, err := rows.Entries(ctx, q, after, 10)
				require.NoError(t, err)
				require.Len(t, page, 1, "%+v after %+v", q, after)
			}
			page, err := rows.Entries(ctx, q, billing.EntryID{Account: 7, Seq: 1}, 10)
			require.NoError(t, err)
			require.Empty(t, page)
			d := billing.DocumentQuery{Seller: q.Seller, Account: q.Account, Kind: billing.Invoice, Since: q.Since, Until: q.Until}
			_, err = rows.Documents(ctx, d, billing.DocumentID{}, 10)
			require.NoError(t, err)
		}
		return nil
	})
	c, err := st.DB().Conn(context.Background())
	require.NoError(t, err)
	require.NoError(t, c.Raw(func(x any) error {
		dc, ok := x.(*conn)
		require.True(t, ok)
		require.LessOrEqual(t, len(dc.statements), maxStatements)
		require.NotEqual(t, dc, dc.Unwrap())
		return nil
	}))
	require.NoError(t, c.Close())
}

func write(st *Store, entries ...billing.Entry) error {
	ctx := context.Background()
	tx, err := st.DB().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	rows, err := st.Billing(st.Wrap(tx))
	if err != nil {
		return err
	}
	if err := rows.Write(ctx, &billing.Batch{Entries: entries}); err != nil {
		return err
	}
	return tx.Commit()
}

// TestStatementsOutliveForgetting: those that a transaction of the host's holds are
// not closed while others make room.
func TestStatementsOutliveForgetting(t *testing.T) {
	t.Parallel()
	st := openMemory(t)
	c, err := st.DB().Conn(context.Background())
	require.NoError(t, err)
	require.NoError(t, c.Raw(func(x any) error {
		dc := x.(*conn)
		held, err := dc.PrepareContext(context.Background(), queryRevision)
		require.NoError(t, err)
		require.NoError(t, held.Close(), "which database/sql does at the end of the transaction")
		for i := range maxStatements + 10 {
			_, err := dc.prepare(context.Background(), "SELECT 1 -- "+string(rune('a'+i)))
			require.NoError(t, err)
		}
		require.LessOrEqual(t, len(dc.statements), maxStatements)
		require.Contains(t, dc.statements, queryRevision)
		return nil
	}))
	require.NoError(t, c.Close())
	var n int64
	require.NoError(t, st.DB().QueryRow(queryRevision).Scan(&n))
}

func TestWait(t *testing.T) {
	t.Parallel()
	busyErr := coded(sqlite3.SQLITE_BUSY)
	tries := 0
	require.NoError(t, wait(context.Background(), time.Minute, func() error {
		if tries++; tries < 3 {
			return busyErr
		}
		return nil
	}))
	require.Equal(t, 3, tries)
	require.ErrorIs(t, wait(context.Background(), time.Nanosecond, func() error { return busyErr }), busyErr)
	other := errors.New("other")
	require.ErrorIs(t, wait(context.Background(), time.Minute, func() error { return other }), other)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, wait(ctx, time.Minute, func() error { return busyErr }), context.Canceled)
}

func FuzzLists(f *testing.F) {
	f.Add(`[{"from":"2030-06-15","plan":"gold","version":3}]`)
	f.Add(`[{"name":"VAT","minor":-1}]`)
	f.Add(`["1.50","2"]`)
	f.Add(`["",]`)
	f.Fuzz(func(t *testing.T, s string) {
		if list, err := parseStretches(s); err == nil && len(list) > 0 {
			back, err := parseStretches(string(appendStretches(nil, list)))
			if err != nil || len(back) != len(list) {
				t.Fatalf("%q: %v, %v", s, back, err)
			}
		}
		_, _ = parseTaxTotals(s)
		_, _ = parseLimits(s)
		_, _ = parsePromotions(s)
		_, _ = parseBasis(s)
		_, _ = parseDate(s)
		_, _ = parseRat(s)
		_, _ = parseCurrency(s)
		if len(s) < 100 {
			_, _ = parseDecimal(s)
		}
	})
}
