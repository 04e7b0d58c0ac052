package billingtest_test

import (
	"context"
	"errors"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// change is what happens to rows on their way; nil fields change nothing.
type change struct {
	resource func(*billing.Resource)
	seller   func(*billing.Seller)
	plan     func(*billing.Plan)
	version  func(*billing.PlanVersion)
	account  func(*billing.Account)
	holding  func(*billing.Holding)
	period   func(*billing.PeriodRow)
	usage    func(*billing.UsageRecord)
	document func(*billing.Document)
	entry    func(*billing.Entry)
	key      func(*billing.Key)
}

// each applies f to copies of the rows.
func each[R any](rows []R, f func(*R)) []R {
	out := append([]R(nil), rows...)
	for i := range out {
		if f != nil {
			f(&out[i])
		}
	}
	return out
}

// eachPointer applies f to copies of the rows, and returns how to bring what the
// store assigned back to the given ones.
func eachPointer[R any](rows []*R, f func(*R), assign func(to, from *R)) (changed []*R, back func()) {
	for _, r := range rows {
		c := *r
		if f != nil {
			f(&c)
		}
		changed = append(changed, &c)
	}
	return changed, func() {
		for i, r := range rows {
			assign(r, changed[i])
		}
	}
}

// rewriting changes rows on their way in and out.
func rewriting(in, out *change) hooks {
	var h hooks
	if in == nil {
		in = &change{}
	}
	if out == nil {
		out = &change{}
	}
	h.putCatalog = func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
		c.Resources, c.Sellers = each(c.Resources, in.resource), each(c.Sellers, in.seller)
		c.Plans, c.Versions = each(c.Plans, in.plan), each(c.Versions, in.version)
		return next.PutCatalog(ctx, c)
	}
	h.write = func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
		c := *b
		var documents, usage func()
		c.Accounts, c.Holdings, c.Periods = each(b.Accounts, in.account), each(b.Holdings, in.holding), each(b.Periods, in.period)
		c.Entries, c.Keys = each(b.Entries, in.entry), each(b.Keys, in.key)
		c.Documents, documents = eachPointer(b.Documents, in.document, func(to, from *billing.Document) { to.Number = from.Number })
		c.Usage, usage = eachPointer(b.Usage, in.usage, func(to, from *billing.UsageRecord) { to.Seq = from.Seq })
		err := next.Write(ctx, &c)
		documents()
		usage()
		return err
	}
	h.seller = func(next billing.Rows, ctx context.Context, id billing.SellerID) (billing.Seller, error) {
		s, err := next.Seller(ctx, id)
		return each([]billing.Seller{s}, out.seller)[0], err
	}
	h.load = func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
		l, err := next.Load(ctx, q)
		for i := range l.States {
			s := &l.States[i]
			s.Account = each([]billing.Account{s.Account}, out.account)[0]
			s.Holdings, s.Usage = each(s.Holdings, out.holding), each(s.Usage, out.usage)
		}
		l.Above = each(l.Above, out.account)
		if l.Key != nil && out.key != nil {
			out.key(l.Key)
		}
		if l.Keyed != nil && out.usage != nil {
			out.usage(l.Keyed)
		}
		return l, err
	}
	h.accounts = func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
		page, err := next.Accounts(ctx, q, after, limit)
		return each(page, out.account), err
	}
	h.usage = func(next billing.Rows, ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error) {
		page, err := next.Usage(ctx, id, after, limit)
		return each(page, out.usage), err
	}
	h.entriesByID = func(next billing.Rows, ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error) {
		all, err := next.EntriesByID(ctx, ids)
		return each(all, out.entry), err
	}
	h.entries = func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
		page, err := next.Entries(ctx, q, after, limit)
		return each(page, out.entry), err
	}
	h.documents = func(next billing.Rows, ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
		page, err := next.Documents(ctx, q, after, limit)
		return each(page, out.document), err
	}
	h.series = func(next billing.Rows, ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
		page, err := next.Series(ctx, seller, kind, after, limit)
		return each(page, out.document), err
	}
	return h
}

func rewritingIn(c change) func() hooks  { return func() hooks { return rewriting(&c, nil) } }
func rewritingOut(c change) func() hooks { return func() hooks { return rewriting(nil, &c) } }

// writing replaces Write by one that changes a copy of the batch.
func writing(change func(ctx context.Context, rows billing.Rows, b *billing.Batch) error) func() hooks {
	return func() hooks {
		return hooks{write: func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
			c := *b
			if err := change(ctx, next, &c); err != nil {
				return err
			}
			return next.Write(ctx, &c)
		}}
	}
}

// without returns the rows for which there is none yet.
func without[R any](rows []R, there func(R) bool) []R {
	var out []R
	for _, r := range rows {
		if !there(r) {
			out = append(out, r)
		}
	}
	return out
}

// entryThere reports whether an entry is there.
func entryThere(ctx context.Context, rows billing.Rows, id billing.EntryID) bool {
	page, err := rows.Entries(ctx, billing.EntryQuery{Account: id.Account}, billing.EntryID{Account: id.Account, Seq: id.Seq - 1}, 1)
	return err == nil && len(page) == 1 && page[0].Seq == id.Seq
}

// keyThere reports whether a key is there.
func keyThere(ctx context.Context, rows billing.Rows, id billing.KeyID) bool {
	l, err := rows.Load(ctx, billing.LoadQuery{Key: id})
	return err == nil && l.Key != nil
}

// stored returns an account as it is stored.
func stored(ctx context.Context, rows billing.Rows, id billing.AccountID) (billing.Account, bool) {
	l, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{id}})
	if err != nil || len(l.States) == 0 {
		return billing.Account{}, false
	}
	return l.States[0].Account, true
}

// masked returns err without one of its kinds.
func masked(err, kind, instead error) error {
	if errors.Is(err, kind) {
		return instead
	}
	return err
}

// unmarked hides what a context carries, the mark against nesting included.
type unmarked struct{ context.Context }

func (unmarked) Value(any) any { return nil }

// aside runs fn on the rows in a View of its own, as committed.
func aside(st billing.Store, ctx context.Context, fn func(ctx context.Context, rows billing.Rows) error) error {
	return st.View(unmarked{ctx}, func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}
