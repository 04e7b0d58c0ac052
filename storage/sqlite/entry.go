package sqlite

import (
	"context"
	"slices"
	"strconv"

	"github.com/tierhost/tierhost/billing"
)

const (
	entryColumns = "account, seq, seller, date, document, kind, resource, quantity, starts, ends, " +
		"amount, currency, corrects, recorded, reference, basis"
	entryCount = 16

	selectEntries = "SELECT " + entryColumns + " FROM billing_entries "
	// The list, of pairs, is in the order of what is found; the join goes by it.
	queryEntriesByID = "SELECT " + entryColumns + ` FROM json_each(?) AS wanted CROSS JOIN billing_entries
ON account = json_extract(wanted.value, '$[0]') AND seq = json_extract(wanted.value, '$[1]') ORDER BY account, seq`
	querySum      = `SELECT coalesce(sum(amount), 0) FROM billing_entries WHERE account = ?`
	querySumUntil = querySum + ` AND (date IS NULL OR date <= ?)`
)

func bindEntry(b *binder, e *billing.Entry) {
	b.int(int64(e.Account))
	b.int(e.Seq)
	b.string(string(e.Seller))
	b.date(e.Date)
	b.int(e.Document)
	b.string(string(e.Kind))
	b.string(string(e.Resource))
	b.decimal(e.Quantity)
	b.date(e.From)
	b.date(e.To)
	c := e.Amount.Currency()
	b.amount(e.Amount, c)
	b.currency(c)
	b.int(e.Corrects)
	b.instant(e.Recorded)
	b.string(e.Reference)
	b.basis(&e.Basis)
}

// entry reads entryColumns.
func (r *row) entry(e *billing.Entry) {
	e.Account = billing.AccountID(r.int())
	e.Seq = r.int()
	e.Seller = billing.SellerID(r.string())
	e.Date = r.date()
	e.Document = r.int()
	e.Kind = billing.EntryKind(r.string())
	e.Resource = billing.ResourceID(r.string())
	e.Quantity = r.decimal()
	e.From = r.date()
	e.To = r.date()
	minor, ok := r.minor()
	e.Amount = amount(minor, ok, r.currency())
	e.Corrects = r.int()
	e.Recorded = r.instant()
	e.Reference = r.string()
	e.Basis = read(r, parseBasis)
}

func (t *tx) writeEntries(entries []billing.Entry) error {
	return exists("entry", insertRows(t, &t.store.inserts.entry, &t.work.entry, entries, bindEntry))
}

// EntriesByID implements [billing.BookRows].
func (r billingRows) EntriesByID(ctx context.Context, ids []billing.EntryID) (all []billing.Entry, err error) {
	if err := r.reading(ctx); err != nil || len(ids) == 0 {
		return nil, err
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, billing.EntryID.Compare)
	b := r.work.misc.start()
	b.text = append(b.text[:0], '[')
	for i, id := range slices.Compact(ids) {
		if i > 0 {
			b.text = append(b.text, ',')
		}
		b.text = append(b.text, '[')
		b.text = strconv.AppendInt(b.text, int64(id.Account), 10)
		b.text = append(b.text, ',')
		b.text = strconv.AppendInt(b.text, id.Seq, 10)
		b.text = append(b.text, ']')
	}
	b.text = append(b.text, ']')
	b.bytes(b.text)
	err = r.list(ctx, queryEntriesByID, b, entryCount, func(row *row) {
		all = append(all, billing.Entry{})
		row.entry(&all[len(all)-1])
	})
	return all, failure(ctx, "EntriesByID", err)
}

// Entries implements [billing.BookRows]. Of a seller and a range of days, the index by
// seller and day finds the entries; else they are read in their order.
func (r billingRows) Entries(
	ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int,
) (page []billing.Entry, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectEntries, r.work)
	if !f.book(q.Account, after.Account, after.Seq) {
		return nil, nil
	}
	f.dated(q.Account, q.Seller, q.Since, q.Until)
	if q.Document != 0 {
		f.where("document = ?").int(q.Document)
	}
	if q.Kind != "" {
		f.where("kind = ?").string(string(q.Kind))
	}
	if q.Resource != "" {
		f.where("resource = ?").string(string(q.Resource))
	}
	err = r.list(ctx, f.query("account, seq", limit), f.b, entryCount, func(row *row) {
		page = append(page, billing.Entry{})
		row.entry(&page[len(page)-1])
	})
	return page, failure(ctx, "Entries", err)
}

// Sum implements [billing.BookRows].
func (r billingRows) Sum(ctx context.Context, account billing.AccountID, until billing.Date) (sum int64, err error) {
	if err := r.reading(ctx); err != nil {
		return 0, err
	}
	b := r.work.misc.start()
	b.int(int64(account))
	query := querySum
	if !until.IsZero() {
		query = querySumUntil
		b.date(until)
	}
	err = r.list(ctx, query, b, 1, func(row *row) { sum = row.int() })
	return sum, failure(ctx, "Sum", err)
}

// book keeps to the rows of one account (0: of all) after the given one. It is false
// if there can be none.
func (f *filter) book(only, after billing.AccountID, seq int64) bool {
	switch {
	case only == 0:
		f.where("(account, seq) > (?, ?)").int(int64(after))
		f.b.int(seq)
	case only < after:
		return false
	case only == after:
		f.where("account = ?").int(int64(only))
		f.where("seq > ?").int(seq)
	default:
		f.where("account = ?").int(int64(only))
	}
	return true
}

// dated keeps to a seller and a range of days. The unary plus takes the index by
// seller and day away from queries that are better off without: it would have to sort
// all of a seller's rows for each page.
func (f *filter) dated(account billing.AccountID, seller billing.SellerID, since, until billing.Date) {
	plus := "+"
	if account == 0 && !since.IsZero() && !until.IsZero() {
		plus = ""
	}
	if seller != "" {
		f.where(plus + "seller = ?").string(string(seller))
	}
	if !since.IsZero() && since == until {
		f.where(plus + "date = ?").date(since) // comes in order
		return
	}
	if !since.IsZero() {
		f.where(plus + "date >= ?").date(since)
	}
	if !until.IsZero() {
		f.where(plus + "date <= ?").date(until)
	}
}
