package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/billing"
)

const (
	documentColumns = "account, seq, seller, kind, number, date, issued, currency, net, tax, total, " +
		"first_entry, last_entry, recorded"
	documentCount = 14

	selectDocuments = "SELECT " + documentColumns + " FROM billing_documents "
	querySeries     = selectDocuments + "WHERE seller = ? AND kind = ? AND number > ? ORDER BY number LIMIT ?"
	// Takes so many numbers at once.
	queryNumbers = `INSERT INTO billing_series (seller, kind, last) VALUES (?, ?, ?)
ON CONFLICT (seller, kind) DO UPDATE SET last = last + excluded.last RETURNING last`
)

func bindDocument(b *binder, p **billing.Document) {
	d := *p
	c := shared(d.Total, d.Net, d.Tax)
	b.int(int64(d.Account))
	b.int(d.Seq)
	b.string(string(d.Seller))
	b.string(string(d.Kind))
	if d.Number == 0 {
		b.null()
	} else {
		b.int(d.Number)
	}
	b.date(d.Date)
	b.date(d.Issued)
	b.currency(c)
	b.amount(d.Net, c)
	b.amount(d.Tax, c)
	b.amount(d.Total, c)
	b.int(d.FirstEntry)
	b.int(d.LastEntry)
	b.instant(d.Recorded)
}

// document reads documentColumns.
func (r *row) document(d *billing.Document) {
	d.Account = billing.AccountID(r.int())
	d.Seq = r.int()
	d.Seller = billing.SellerID(r.string())
	d.Kind = billing.DocumentKind(r.string())
	d.Number = r.int()
	d.Numbered = d.Number != 0
	d.Date = r.date()
	d.Issued = r.date()
	c := r.currency()
	net, hasNet := r.minor()
	tax, hasTax := r.minor()
	total, hasTotal := r.minor()
	d.Net, d.Tax, d.Total = amount(net, hasNet, c), amount(tax, hasTax, c), amount(total, hasTotal, c)
	d.FirstEntry = r.int()
	d.LastEntry = r.int()
	d.Recorded = r.instant()
}

type series struct {
	seller billing.SellerID
	kind   billing.DocumentKind
}

// writeDocuments numbers documents and inserts them. The numbers of one series are
// taken together; they roll back with the transaction.
func (t *tx) writeDocuments(documents []*billing.Document) error {
	if len(documents) == 0 {
		return nil
	}
	wanted := make(map[series]int64, 1)
	for _, d := range documents {
		if d.Number = 0; d.Numbered {
			wanted[series{d.Seller, d.Kind}]++
		}
	}
	for s, n := range wanted {
		b := t.work.misc.start()
		b.string(string(s.seller))
		b.string(string(s.kind))
		b.int(n)
		err := t.each(queryNumbers, b, 1, func(row *row) { wanted[s] = row.int() - n })
		if err != nil {
			return err
		}
	}
	for _, d := range documents {
		if d.Numbered {
			s := series{d.Seller, d.Kind}
			wanted[s]++
			d.Number = wanted[s]
		}
	}
	return exists("document", insertRows(t, &t.store.inserts.document, &t.work.document, documents, bindDocument))
}

// Documents implements [billing.BookRows].
func (r billingRows) Documents(
	ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int,
) (page []billing.Document, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectDocuments, r.work)
	if !f.book(q.Account, after.Account, after.Seq) {
		return nil, nil
	}
	f.dated(q.Account, q.Seller, q.Since, q.Until)
	if q.Kind != "" {
		f.where("kind = ?").string(string(q.Kind))
	}
	err = r.list(ctx, f.query("account, seq", limit), f.b, documentCount, func(row *row) {
		page = append(page, billing.Document{})
		row.document(&page[len(page)-1])
	})
	return page, failure(ctx, "Documents", err)
}

// Series implements [billing.BookRows].
func (r billingRows) Series(
	ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int,
) (page []billing.Document, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.string(string(seller))
	b.string(string(kind))
	b.int(after)
	b.int(int64(limit))
	err = r.list(ctx, querySeries, b, documentCount, func(row *row) {
		page = append(page, billing.Document{})
		row.document(&page[len(page)-1])
	})
	return page, failure(ctx, "Series", err)
}
