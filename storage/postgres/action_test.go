package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// act does one action on an account, as an engine does.
func act(ctx context.Context, s *postgres.Store, id billing.AccountID, key string) error {
	return update(ctx, s, func(ctx context.Context, rows billing.Rows) error {
		return actIn(ctx, rows, id, key, true)
	})
}

func actIn(ctx context.Context, rows billing.Rows, id billing.AccountID, key string, final bool) error {
	k := billing.KeyID{Scope: fmt.Sprint("account/", id), Action: "set", Key: key}
	loaded, err := rows.Load(ctx, billing.LoadQuery{
		IDs: []billing.AccountID{id}, Lock: billing.LockWait, Usage: true, Key: k,
	})
	if err != nil {
		return err
	}
	if loaded.Key != nil || len(loaded.States) != 1 {
		return fmt.Errorf("account %d, key %q: %d accounts, key %v", id, key, len(loaded.States), loaded.Key)
	}
	a := loaded.States[0].Account
	a.Version++
	a.EntrySeq++
	a.DocumentSeq++
	d, e := document(id, a.DocumentSeq), entry(id, a.EntrySeq)
	return rows.Write(ctx, &billing.Batch{
		Accounts: []billing.Account{a},
		Holdings: []billing.Holding{{
			Account: id, Resource: "mailbox", Quantity: decimal.New(a.Version, 0), Paid: decimal.New(a.Version, 0),
			RecurringTotal: ratio(a.Version, 3), SetupPaid: money.RatInt(5),
		}},
		Entries: []billing.Entry{e}, Documents: []*billing.Document{d},
		Keys: []billing.Key{{
			KeyID: k, Fingerprint: []byte("0123456789abcdef"), Account: id,
			EntryLast: a.EntrySeq, DocumentLast: a.DocumentSeq, Recorded: noon,
		}},
		Events: []*storage.Event{event(id, a.EntrySeq)},
		Final:  final,
	})
}

func benchAction(b *testing.B, clients int) {
	dsn, schema := postgrestest.Schema(b)
	s := reopen(b, dsn+"&pool_max_conns=8", postgres.Options{Schema: schema})
	const accounts = 2000
	signUp(b, s, 1, accounts)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				if err := act(b.Context(), s, billing.AccountID(n%accounts+1), fmt.Sprint("key", n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "actions/s")
}
