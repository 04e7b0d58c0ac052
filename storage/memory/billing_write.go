package memory

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

func (r billingRows) Write(ctx context.Context, b *billing.Batch) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	// What fails with ErrConflict comes first: whoever is late also finds the numbers
	// of its entries taken, and must be told to decide anew.
	for _, step := range []func(*billing.Batch) error{
		r.writeAccounts, r.writeKeys, r.writeHoldings, r.writePeriods, r.writeUsage, r.writeDocuments, r.writeEntries,
	} {
		if err := step(b); err != nil {
			return r.tx.abort(err)
		}
	}
	if err := r.tx.appendEvents(b.Events); err != nil {
		return err
	}
	if b.Final {
		r.tx.finish()
	}
	return nil
}

func (r billingRows) writeAccounts(b *billing.Batch) error {
	var written map[billing.AccountID]bool
	if len(b.Accounts) > 1 {
		written = make(map[billing.AccountID]bool, len(b.Accounts))
	}
	for i := range b.Accounts {
		a := &b.Accounts[i]
		if written[a.ID] {
			return fmt.Errorf("account %d twice in a batch: %w", a.ID, storage.ErrConflict)
		}
		if written != nil {
			written[a.ID] = true
		}
		if err := r.writeAccount(a); err != nil {
			return err
		}
	}
	return nil
}

func (r billingRows) writeAccount(a *billing.Account) error {
	st, own := r.state(), r.tx.own
	if err := whole(a.Balance, a.LastRun); err != nil {
		return fmt.Errorf("account %d: %w", a.ID, err)
	}
	name := nameKey{a.Seller, a.Name}
	old, there := st.books.get(a.ID)
	switch {
	case a.Version == 1 && there:
		return fmt.Errorf("new account %d is there already: %w", a.ID, storage.ErrConflict)
	case a.Version != 1 && !there:
		return fmt.Errorf("account %d at version %d is not there: %w", a.ID, a.Version, storage.ErrConflict)
	case a.Version != 1 && old.account.Version != a.Version-1:
		return fmt.Errorf("account %d is at version %d, not before %d: %w",
			a.ID, old.account.Version, a.Version, storage.ErrConflict)
	}
	if holder, taken := st.names.get(name); taken && holder != a.ID {
		return fmt.Errorf("name %.80q of account %d is taken by %d: %w", a.Name, a.ID, holder, storage.ErrConflict)
	}
	if !there {
		st.books.set(own, a.ID, &book{own: own, account: cloneAccount(*a)})
		st.names.set(own, name, a.ID)
		r.tx.store.drawn(a.ID)
		return nil
	}
	book, err := r.tx.writable(a.ID)
	if err != nil {
		return err
	}
	if was := (nameKey{book.account.Seller, book.account.Name}); was != name {
		st.names.delete(own, was)
		st.names.set(own, name, a.ID)
	}
	book.account = cloneAccount(*a)
	return nil
}

func (r billingRows) writeKeys(b *billing.Batch) error {
	st := r.state()
	for i := range b.Keys {
		k := &b.Keys[i]
		if st.keys.has(k.KeyID) {
			return fmt.Errorf("key %.80q: %w", k.KeyID.Key, storage.ErrConflict)
		}
		kept := cloneKey(*k)
		st.keys.set(r.tx.own, k.KeyID, &kept)
	}
	return nil
}

func (r billingRows) writeHoldings(b *billing.Batch) error {
	for i := range b.Holdings {
		book, err := r.tx.writable(b.Holdings[i].Account)
		if err != nil {
			return err
		}
		book.hold(cloneHolding(b.Holdings[i]))
	}
	return nil
}

func (r billingRows) writePeriods(b *billing.Batch) error {
	for _, p := range b.Periods {
		book, err := r.tx.writable(p.Account)
		if err != nil {
			return err
		}
		var ok bool
		if book.periods, ok = place(book.periods, p, p.Seq, periodSeq); !ok {
			return fmt.Errorf("period %d of account %d: %w", p.Seq, p.Account, storage.ErrExists)
		}
	}
	return nil
}

func (r billingRows) writeUsage(b *billing.Batch) error {
	st := r.state()
	for _, u := range b.Usage {
		book, err := r.tx.writable(u.Account)
		if err != nil {
			return err
		}
		u.Seq = 1
		if n := len(book.usage); n > 0 {
			u.Seq = book.usage[n-1].Seq + 1
		}
		if u.Key != "" {
			key := measureKey{u.Account, u.Resource, u.Key}
			if st.measured.has(key) {
				return fmt.Errorf("usage key %.80q of account %d and %.80q: %w", u.Key, u.Account, u.Resource, storage.ErrExists)
			}
			st.measured.set(r.tx.own, key, u.Seq)
		}
		book.usage = append(book.usage, cloneUsage(*u))
	}
	return nil
}

func (r billingRows) writeDocuments(b *billing.Batch) error {
	st := r.state()
	for _, d := range b.Documents {
		if err := whole(d.Net, d.Tax, d.Total); err != nil {
			return fmt.Errorf("document %d of account %d: %w", d.Seq, d.Account, err)
		}
		book, err := r.tx.writable(d.Account)
		if err != nil {
			return err
		}
		d.Number = 0
		if d.Numbered {
			key := seriesKey{d.Seller, d.Kind}
			// As in a book, an append writes behind what others can read.
			numbers, _ := st.series.get(key)
			numbers = append(numbers, d.ID())
			st.series.set(r.tx.own, key, numbers)
			d.Number = int64(len(numbers))
		}
		var ok bool
		if book.documents, ok = place(book.documents, cloneDocument(*d), d.Seq, documentSeq); !ok {
			return fmt.Errorf("document %d of account %d: %w", d.Seq, d.Account, storage.ErrExists)
		}
	}
	return nil
}

func (r billingRows) writeEntries(b *billing.Batch) error {
	for i := range b.Entries {
		e := &b.Entries[i]
		if err := whole(e.Amount); err != nil {
			return fmt.Errorf("entry %d of account %d: %w", e.Seq, e.Account, err)
		}
		book, err := r.tx.writable(e.Account)
		if err != nil {
			return err
		}
		var ok bool
		if book.entries, ok = place(book.entries, cloneEntry(*e), e.Seq, entrySeq); !ok {
			return fmt.Errorf("entry %d of account %d: %w", e.Seq, e.Account, storage.ErrExists)
		}
	}
	return nil
}

// whole refuses amounts that are not whole minor units: a database that keeps
// integers could not keep them, and a caller should not find out only there.
func whole(amounts ...money.Money) error {
	for _, m := range amounts {
		if m.Amount().Exponent() == -int32(m.Currency().Exponent) {
			continue // as money.FromMinor makes it
		}
		if _, err := m.Minor(); err != nil {
			return tierhost.E("memory.Write", tierhost.KindInvalid, "amount_not_whole", err)
		}
	}
	return nil
}

// drawn makes sure that no fresh account ID is id or less.
func (s *Store) drawn(id billing.AccountID) {
	for {
		last := s.lastID.Load()
		if int64(id) <= last || s.lastID.CompareAndSwap(last, int64(id)) {
			return
		}
	}
}
