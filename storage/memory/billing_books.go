package memory

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

func (r billingRows) Entries(
	ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int,
) ([]billing.Entry, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []billing.Entry
	for b, seq := range r.bookPages(q.Account, after.Account, after.Seq) {
		rows := behind(b.entries, seq, entrySeq)
		for i := range rows {
			if len(page) >= limit {
				return page, nil
			}
			if e := &rows[i]; selectsEntry(q, e) {
				page = append(page, cloneEntry(*e))
			}
		}
	}
	return page, nil
}

func (r billingRows) EntriesByID(ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, billing.EntryID.Compare)
	var all []billing.Entry
	for _, id := range slices.Compact(ids) {
		b, ok := r.state().books.get(id.Account)
		if !ok {
			continue
		}
		if rows := behind(b.entries, id.Seq-1, entrySeq); len(rows) > 0 && rows[0].Seq == id.Seq {
			all = append(all, cloneEntry(rows[0]))
		}
	}
	return all, nil
}

// bookPages yields the books of one account (0: of all, in order) that may have rows
// behind the given one, each with the number behind which its rows are asked for.
func (r billingRows) bookPages(only, after billing.AccountID, seq int64) iter.Seq2[*book, int64] {
	return func(yield func(*book, int64) bool) {
		books := &r.state().books
		if only != 0 {
			b, ok := books.get(only)
			switch {
			case !ok || only < after:
			case only == after:
				yield(b, seq)
			default:
				yield(b, math.MinInt64)
			}
			return
		}
		if b, ok := books.get(after); ok && !yield(b, seq) {
			return
		}
		for _, b := range books.after(after) {
			if !yield(b, math.MinInt64) {
				return
			}
		}
	}
}

func selectsEntry(q billing.EntryQuery, e *billing.Entry) bool {
	return (q.Seller == "" || e.Seller == q.Seller) &&
		(q.Document == 0 || e.Document == q.Document) &&
		(q.Kind == "" || e.Kind == q.Kind) &&
		(q.Resource == "" || e.Resource == q.Resource) &&
		between(q.Since, e.Date, q.Until)
}

func between(since, day, until billing.Date) bool {
	return (since.IsZero() || !day.Before(since)) && (until.IsZero() || !day.After(until))
}

func (r billingRows) Documents(
	ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int,
) ([]billing.Document, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []billing.Document
	for b, seq := range r.bookPages(q.Account, after.Account, after.Seq) {
		rows := behind(b.documents, seq, documentSeq)
		for i := range rows {
			if len(page) >= limit {
				return page, nil
			}
			if d := &rows[i]; selectsDocument(q, d) {
				page = append(page, cloneDocument(*d))
			}
		}
	}
	return page, nil
}

func selectsDocument(q billing.DocumentQuery, d *billing.Document) bool {
	return (q.Seller == "" || d.Seller == q.Seller) &&
		(q.Kind == "" || d.Kind == q.Kind) &&
		between(q.Since, d.Date, q.Until)
}

func (r billingRows) Series(
	ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int,
) ([]billing.Document, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	numbers, _ := r.state().series.get(seriesKey{seller, kind})
	var page []billing.Document
	for n := max(after, 0); n < int64(len(numbers)) && len(page) < limit; n++ {
		id := numbers[n]
		b, _ := r.state().books.get(id.Account)
		i, _ := search(b.documents, id.Seq, documentSeq)
		page = append(page, cloneDocument(b.documents[i]))
	}
	return page, nil
}

func (r billingRows) Periods(
	ctx context.Context, account billing.AccountID, after int64, limit int,
) ([]billing.PeriodRow, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	b, ok := r.state().books.get(account)
	if !ok {
		return nil, nil
	}
	rows := behind(b.periods, after, periodSeq)
	return cloneEach(rows[:bound(limit, len(rows))], func(p billing.PeriodRow) billing.PeriodRow { return p }), nil
}

func (r billingRows) Usage(
	ctx context.Context, account billing.AccountID, after int64, limit int,
) ([]billing.UsageRecord, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	b, ok := r.state().books.get(account)
	if !ok {
		return nil, nil
	}
	rows := behind(b.usage, after, usageSeq)
	return cloneEach(rows[:bound(limit, len(rows))], cloneUsage), nil
}

// bound returns how many of n rows a page of the given limit has.
func bound(limit, n int) int { return max(0, min(limit, n)) }

func (r billingRows) Sum(ctx context.Context, account billing.AccountID, until billing.Date) (int64, error) {
	if err := r.tx.reading(ctx); err != nil {
		return 0, err
	}
	b, ok := r.state().books.get(account)
	if !ok {
		return 0, nil
	}
	var sum int64
	for i := range b.entries {
		e := &b.entries[i]
		if !between(billing.Date{}, e.Date, until) {
			continue
		}
		minor, err := e.Amount.Minor()
		if err != nil {
			return 0, err // Write has let no such entry pass
		}
		next := sum + minor
		if next > sum != (minor > 0) {
			return 0, fmt.Errorf("sum of account %d: %w", account, money.ErrOverflow)
		}
		sum = next
	}
	return sum, nil
}
