package memory_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// BenchmarkAction is what an action costs the store: a Load with a lock, and a Write
// of the account, a holding, an entry, a document, a key and an event.
func BenchmarkAction(b *testing.B) {
	for _, accounts := range []int{1, 1000, 100_000} {
		b.Run(strconv.Itoa(accounts)+" accounts", func(b *testing.B) {
			st := memory.New()
			seed := &billing.Batch{}
			for i := range accounts {
				seed.Accounts = append(seed.Accounts, account(billing.AccountID(i+1), strconv.Itoa(i), 1))
			}
			if err := update(b.Context(), st, func(ctx context.Context, rows billing.Rows) error { return rows.Write(ctx, seed) }); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				id := billing.AccountID(n*7919%accounts + 1)
				err := update(b.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					l, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{id}, Lock: billing.LockWait, Usage: true})
					if err != nil {
						return err
					}
					a := l.States[0].Account
					a.Version++
					a.EntrySeq++
					name := strconv.Itoa(n)
					return rows.Write(ctx, &billing.Batch{
						Accounts:  []billing.Account{a},
						Holdings:  []billing.Holding{{Account: id, Resource: "mailbox", Quantity: decimal.New(a.Version, 0)}},
						Entries:   []billing.Entry{entry(id, a.EntrySeq, money.FromMinor(1, usd()))},
						Documents: []*billing.Document{{Account: id, Seq: a.EntrySeq, Seller: "host", Kind: billing.Invoice, Numbered: true}},
						Keys:      []billing.Key{{KeyID: billing.KeyID{Scope: "account", Action: "set", Key: name}, Account: id}},
						Events:    []*storage.Event{{ID: name, Subject: "account"}},
						Final:     true,
					})
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func update(ctx context.Context, st *memory.Store, fn func(ctx context.Context, rows billing.Rows) error) error {
	return st.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}
