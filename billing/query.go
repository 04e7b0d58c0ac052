package billing

import (
	"context"
	"errors"
	"fmt"
	"github.com/tierhost/tierhost/storage"
	"iter"

	"github.com/tierhost/tierhost/money"
)

// pageSize is how many rows a listing reads at once; no transaction is held between
// the pages.
const pageSize = 500

// pages yields the rows of a keyset-paged read. An error is yielded once and ends the
// sequence.
func pages[T, K any](ctx context.Context, e *Engine, first K, key func(T) K, read func(context.Context, Rows, K) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for after := first; ; {
			var page []T
			err := e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
				page, err = read(ctx, rows, after)
				return err
			})
			if err != nil {
				yield(zero, err)
				return
			}
			for _, v := range page {
				if !yield(v, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			after = key(page[len(page)-1])
		}
	}
}

// Account returns an account, or ErrUnknownAccount.
func (e *Engine) Account(ctx context.Context, id AccountID) (Account, error) {
	st, err := e.state(ctx, id)
	return st.Account, err
}

// AccountByName returns the account that has a name at a seller, or ErrUnknownAccount.
func (e *Engine) AccountByName(ctx context.Context, seller SellerID, name string) (a Account, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		loaded, err := rows.Load(ctx, LoadQuery{Seller: seller, Name: name})
		if err != nil {
			return err
		}
		if loaded.Named == 0 || name == "" {
			return fmt.Errorf("billing: account %.60q of seller %s: %w", name, seller, ErrUnknownAccount)
		}
		if loaded, err = rows.Load(ctx, LoadQuery{IDs: []AccountID{loaded.Named}}); err != nil {
			return err
		}
		if len(loaded.States) == 1 {
			a = loaded.States[0].Account
		}
		return nil
	})
	return a, err
}

func (e *Engine) state(ctx context.Context, id AccountID) (st State, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{id}})
		if err != nil {
			return err
		}
		if len(loaded.States) == 0 {
			return fmt.Errorf("billing: account %d: %w", id, ErrUnknownAccount)
		}
		st = loaded.States[0]
		return nil
	})
	return st, err
}

// Holdings returns what an account holds, by resource; ErrUnknownAccount.
func (e *Engine) Holdings(ctx context.Context, id AccountID) ([]Holding, error) {
	st, err := e.state(ctx, id)
	return st.Holdings, err
}

// Accounts lists accounts by ID.
func (e *Engine) Accounts(ctx context.Context, q AccountQuery) iter.Seq2[Account, error] {
	return pages(ctx, e, 0, func(a Account) AccountID { return a.ID },
		func(ctx context.Context, rows Rows, after AccountID) ([]Account, error) {
			return rows.Accounts(ctx, q, after, pageSize)
		})
}

// Entries lists entries by account and number.
func (e *Engine) Entries(ctx context.Context, q EntryQuery) iter.Seq2[Entry, error] {
	return pages(ctx, e, EntryID{}, Entry.ID,
		func(ctx context.Context, rows Rows, after EntryID) ([]Entry, error) {
			return rows.Entries(ctx, q, after, pageSize)
		})
}

// Documents lists documents by account and number within it.
func (e *Engine) Documents(ctx context.Context, q DocumentQuery) iter.Seq2[Document, error] {
	return pages(ctx, e, DocumentID{}, Document.ID,
		func(ctx context.Context, rows Rows, after DocumentID) ([]Document, error) {
			return rows.Documents(ctx, q, after, pageSize)
		})
}

// Entry returns an entry, or ErrUnknownEntry.
func (e *Engine) Entry(ctx context.Context, id EntryID) (en Entry, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		page, err := rows.Entries(ctx, EntryQuery{Account: id.Account}, EntryID{id.Account, id.Seq - 1}, 1)
		if err != nil {
			return err
		}
		if len(page) != 1 || page[0].Seq != id.Seq {
			return fmt.Errorf("billing: entry %d of account %d: %w", id.Seq, id.Account, ErrUnknownEntry)
		}
		en = page[0]
		return nil
	})
	return en, err
}

// Document returns a document, or ErrUnknownDocument.
func (e *Engine) Document(ctx context.Context, id DocumentID) (d Document, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		page, err := rows.Documents(ctx, DocumentQuery{Account: id.Account}, DocumentID{id.Account, id.Seq - 1}, 1)
		if err != nil {
			return err
		}
		if len(page) != 1 || page[0].Seq != id.Seq {
			return fmt.Errorf("billing: document %d of account %d: %w", id.Seq, id.Account, ErrUnknownDocument)
		}
		d = page[0]
		return nil
	})
	return d, err
}

// Series lists a seller's numbered documents of a kind, by number.
func (e *Engine) Series(ctx context.Context, seller SellerID, kind DocumentKind) iter.Seq2[Document, error] {
	return pages(ctx, e, 0, func(d Document) int64 { return d.Number },
		func(ctx context.Context, rows Rows, after int64) ([]Document, error) {
			return rows.Series(ctx, seller, kind, after, pageSize)
		})
}

// Periods lists an account's billing periods.
func (e *Engine) Periods(ctx context.Context, id AccountID) iter.Seq2[PeriodRow, error] {
	return pages(ctx, e, 0, func(p PeriodRow) int64 { return p.Seq },
		func(ctx context.Context, rows Rows, after int64) ([]PeriodRow, error) {
			return rows.Periods(ctx, id, after, pageSize)
		})
}

// Usage lists an account's usage records in the order in which they were recorded.
func (e *Engine) Usage(ctx context.Context, id AccountID) iter.Seq2[UsageRecord, error] {
	return pages(ctx, e, 0, func(r UsageRecord) int64 { return r.Seq },
		func(ctx context.Context, rows Rows, after int64) ([]UsageRecord, error) {
			return rows.Usage(ctx, id, after, pageSize)
		})
}

// Sellers lists all sellers, by ID.
func (e *Engine) Sellers(ctx context.Context) iter.Seq2[Seller, error] {
	return pages(ctx, e, "", func(s Seller) SellerID { return s.ID },
		func(ctx context.Context, rows Rows, after SellerID) ([]Seller, error) {
			return rows.Sellers(ctx, after, pageSize)
		})
}

// Plans lists a seller's plans, by ID.
func (e *Engine) Plans(ctx context.Context, seller SellerID) iter.Seq2[Plan, error] {
	return pages(ctx, e, "", func(p Plan) PlanID { return p.ID },
		func(ctx context.Context, rows Rows, after PlanID) ([]Plan, error) {
			return rows.Plans(ctx, seller, after, pageSize)
		})
}

// Resources lists the catalog's resources, by ID.
func (e *Engine) Resources(ctx context.Context) (list []Resource, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		list, err = rows.Resources(ctx)
		return err
	})
	return list, err
}

// Balance is what an account has after all entries dated on or before a day (zero
// Date: all): minus their sum; negative is debt. ErrUnknownAccount.
func (e *Engine) Balance(ctx context.Context, id AccountID, at Date) (m money.Money, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{id}})
		if err != nil {
			return err
		}
		if len(loaded.States) == 0 {
			return fmt.Errorf("billing: account %d: %w", id, ErrUnknownAccount)
		}
		m = loaded.States[0].Account.Balance
		if at.IsZero() {
			return nil
		}
		sum, err := rows.Sum(ctx, id, at)
		if err != nil {
			return err
		}
		m = money.FromMinor(-sum, m.Currency())
		return nil
	})
	return m, err
}

// Statement is an account's ledger over some days.
type Statement struct {
	Account  AccountID
	From, To Date        // inclusive
	Opening  money.Money // balance before From
	Lines    []StatementLine
	Closing  money.Money // balance after To
}

// StatementLine is an entry with the balance after it.
type StatementLine struct {
	Entry   Entry
	Balance money.Money
}

// Statement returns the entries of an account dated from one day to another, both
// included, with running balances. All of it is read at once: for long histories
// range over [Engine.Entries].
func (e *Engine) Statement(ctx context.Context, id AccountID, from, to Date) (Statement, error) {
	s := Statement{Account: id, From: from, To: to}
	err := e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		s.Lines = nil
		loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{id}})
		if err != nil {
			return err
		}
		if len(loaded.States) == 0 {
			return fmt.Errorf("billing: account %d: %w", id, ErrUnknownAccount)
		}
		before, err := rows.Sum(ctx, id, from.AddDays(-1))
		if err != nil {
			return err
		}
		cur := loaded.States[0].Account.Balance.Currency()
		s.Opening = money.FromMinor(-before, cur)
		s.Closing = s.Opening
		for after := (EntryID{}); ; {
			page, err := rows.Entries(ctx, EntryQuery{Account: id, Since: from, Until: to}, after, pageSize)
			if err != nil {
				return err
			}
			for _, en := range page {
				if s.Closing, err = s.Closing.Sub(en.Amount); err != nil {
					return err
				}
				s.Lines = append(s.Lines, StatementLine{Entry: en, Balance: s.Closing})
			}
			if len(page) < pageSize {
				return nil
			}
			after = page[len(page)-1].ID()
		}
	})
	return s, err
}

// MoveVersions notes for every open account of a plan that it goes to a version
// (0: the newest) when its next period opens: [MoveVersion] for each, in transactions
// of their own. It returns how many were noted and, by account, those whose holdings
// do not fit; running it again is harmless. Accounts that are on it already, or go to
// it, are passed over.
func (e *Engine) MoveVersions(ctx context.Context, seller SellerID, plan PlanID, version int) (moved int, refused []*Refusal, err error) {
	if version == 0 {
		head, err := e.Plan(ctx, seller, plan)
		if err != nil {
			return 0, nil, err
		}
		version = head.Latest
	}
	for a, err := range e.Accounts(ctx, AccountQuery{Seller: seller, Open: true}) {
		if err != nil {
			return moved, refused, err
		}
		comes := a.Plan != plan && a.PendingPlan == plan // at a boundary that may be due
		if a.Plan != plan && !comes {
			continue
		}
		if a.PlanVersion == version && a.PendingPlan == "" || a.PendingPlan == plan && a.PendingVersion == version {
			continue
		}
		_, err := e.Do(ctx, MoveVersion{Account: a.ID, Plan: plan, Version: version})
		if comes && errors.Is(err, ErrUnknownVersion) {
			continue // it is not there yet
		}
		if r, ok := asRefusal(err); ok {
			refused = append(refused, r)
			continue
		}
		if err != nil {
			return moved, refused, err
		}
		moved++
	}
	return moved, refused, nil
}
