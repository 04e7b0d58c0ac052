package sqlite

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

const (
	keyColumns = "scope, action, key, fingerprint, account, entry_after, entry_last, document_after, document_last, recorded"
	keyCount   = 10
	queryKey   = "SELECT " + keyColumns + " FROM billing_keys WHERE scope = ? AND action = ? AND key = ?"
)

// Write implements [billing.AccountRows].
func (r billingRows) Write(ctx context.Context, batch *billing.Batch) error {
	err := r.atomically(ctx, "Write", func() error {
		// What fails with ErrConflict comes first: whoever is late also finds the numbers
		// of its entries taken, and must be told to decide anew.
		if err := r.writeAccounts(batch.Accounts); err != nil {
			return err
		}
		if err := r.writeKeys(batch.Keys); err != nil {
			return err
		}
		if err := r.writeHoldings(batch.Holdings); err != nil {
			return err
		}
		if err := r.writePeriods(batch.Periods); err != nil {
			return err
		}
		if err := r.writeUsage(batch.Usage); err != nil {
			return err
		}
		if err := r.writeEntries(batch.Entries); err != nil {
			return err
		}
		if err := r.appendEvents(batch.Events); err != nil {
			return err
		}
		return r.writeDocuments(batch.Documents)
	})
	if err == nil && batch.Final && r.host == nil {
		r.phase.CompareAndSwap(txOpen, txFinal)
	}
	return err
}

func bindKey(b *binder, k *billing.Key) {
	b.string(k.Scope)
	b.string(k.Action)
	b.string(k.KeyID.Key)
	b.blob(k.Fingerprint)
	b.int(int64(k.Account))
	b.int(k.EntryAfter)
	b.int(k.EntryLast)
	b.int(k.DocumentAfter)
	b.int(k.DocumentLast)
	b.instant(k.Recorded)
}

func (t *tx) writeKeys(keys []billing.Key) error {
	err := insertRows(t, &t.store.inserts.key, &t.work.key, keys, bindKey)
	if taken(err) {
		return conflict("sqlite.Write", fmt.Errorf("an idempotency key is there already: %w", err))
	}
	return err
}

// key returns nil if there is no such key.
func (r billingRows) key(id billing.KeyID) (found *billing.Key, err error) {
	b := r.work.misc.start()
	b.string(id.Scope)
	b.string(id.Action)
	b.string(id.Key)
	err = r.each(queryKey, b, keyCount, func(row *row) {
		found = &billing.Key{
			KeyID: billing.KeyID{
				Scope:  row.string(),
				Action: row.string(),
				Key:    row.string(),
			},
			Fingerprint:   row.blob(),
			Account:       billing.AccountID(row.int()),
			EntryAfter:    row.int(),
			EntryLast:     row.int(),
			DocumentAfter: row.int(),
			DocumentLast:  row.int(),
			Recorded:      row.instant(),
		}
	})
	return found, err
}

// exists turns the refusal of a unique index into storage.ErrExists.
func exists(what string, err error) error {
	if taken(err) {
		return fmt.Errorf("%s: %w: %w", what, storage.ErrExists, err)
	}
	return err
}
