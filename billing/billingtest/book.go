package billingtest

import (
	"cmp"
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// openBooks returns a store with accounts 1, 2 and 12 of the host and 3 of the
// reseller.
func openBooks(t *conformance.T, h Harness) billing.Store {
	t.Helper()
	st := open(t, h, 2)
	write(t, st, &billing.Batch{Accounts: []billing.Account{account(12, host), account(3, reseller)}})
	return st
}

func sellerOf(id billing.AccountID) billing.SellerID {
	if id == 3 {
		return reseller
	}
	return host
}

func checkEntries(t *conformance.T, h Harness) {
	st := openBooks(t, h)
	kinds := []billing.EntryKind{billing.EntryRecurring, billing.EntryUsage, billing.EntryTax}
	var all []billing.Entry
	for i := range 24 {
		id := []billing.AccountID{12, 3, 1, 2}[i%4]
		seq := int64((i*7)%24 + 1) // not in order, with gaps
		e := entryOf(sellerOf(id), id, seq, int64(i))
		e.Kind, e.Date, e.Document = kinds[i%3], day(24-i), int64(i%5)
		if i%2 == 0 {
			e.Resource = "traffic"
		}
		all = append(all, e)
	}
	write(t, st, &billing.Batch{Entries: all[:10]})
	write(t, st, &billing.Batch{Entries: all[10:]})
	all = sorted(all, func(a, b billing.Entry) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Seq, b.Seq))
	})
	for _, q := range []billing.EntryQuery{
		{}, {Account: 1}, {Account: 12}, {Account: 99}, {Seller: host}, {Seller: reseller}, {Seller: "nobody"}, {Seller: reseller, Account: 1},
		{Account: 12, Document: 2}, {Kind: billing.EntryUsage}, {Kind: billing.EntrySetup}, {Resource: "traffic"}, {Resource: "Traffic"},
		{Since: day(10)}, {Until: day(10)}, {Since: day(5), Until: day(20)}, {Since: day(10), Until: day(10)}, {Since: day(20), Until: day(5)},
		{Seller: host, Kind: billing.EntryTax, Since: day(3), Until: day(22)}, {Account: 1, Resource: "traffic", Since: day(2)},
		{Seller: host, Account: 12, Kind: billing.EntryRecurring, Resource: "traffic", Since: day(1), Until: day(24)},
	} {
		var want []billing.EntryID
		rows := map[billing.EntryID]billing.Entry{}
		for _, e := range all {
			if (q.Seller == "" || q.Seller == e.Seller) && (q.Account == 0 || q.Account == e.Account) && (q.Document == 0 || q.Document == e.Document) &&
				(q.Kind == "" || q.Kind == e.Kind) && (q.Resource == "" || q.Resource == e.Resource) && between(q.Since, e.Date, q.Until) {
				want = append(want, e.ID())
				rows[e.ID()] = e
			}
		}
		next := func(ctx context.Context, r billing.Rows, after billing.EntryID, limit int) ([]billing.EntryID, error) {
			page, err := r.Entries(ctx, q, after, limit)
			for _, e := range page {
				t.Equal(e, rows[e.ID()], "entry %v of %s", e.ID(), conformance.Text(q))
			}
			return idsOf(page, billing.Entry.ID), err
		}
		checkPages(t, st, "entries "+conformance.Text(q), want, next)
		t.OK(view(t.Context(), st, func(ctx context.Context, r billing.Rows) error {
			// A cut that is no entry: between two accounts, or behind a filter's hits.
			for _, after := range []billing.EntryID{{Account: 2, Seq: 1000}, {Account: 5}, {Account: 12}, {Account: 100, Seq: 1}} {
				from := 0
				for from < len(want) && (want[from].Account < after.Account || want[from].Account == after.Account && want[from].Seq <= after.Seq) {
					from++
				}
				got, err := next(ctx, r, after, 100)
				if err != nil {
					return err
				}
				t.Equal(got, want[from:], "entries %s after %v", conformance.Text(q), after)
			}
			return nil
		}), "View")
	}
}

func between(since, day, until billing.Date) bool {
	return (since.IsZero() || !day.Before(since)) && (until.IsZero() || !day.After(until))
}

func checkDocuments(t *conformance.T, h Harness) {
	st := openBooks(t, h)
	b := &billing.Batch{}
	for i := range 20 {
		id := []billing.AccountID{12, 3, 1, 2}[i%4]
		kind := billing.Invoice
		if i%3 == 0 {
			kind = billing.CreditNote
		}
		d := documentOf(sellerOf(id), id, int64((i*7)%20+1), kind)
		d.Date, d.Issued, d.Numbered = day(20-i), day(30+i), i%5 != 0
		b.Documents = append(b.Documents, d)
	}
	write(t, st, b)
	all := sorted(b.Documents, func(a, b *billing.Document) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Seq, b.Seq))
	})
	for _, q := range []billing.DocumentQuery{
		{}, {Account: 1}, {Account: 99}, {Seller: host}, {Seller: reseller}, {Seller: host, Account: 3}, {Kind: billing.CreditNote}, {Kind: billing.Invoice, Account: 12},
		{Since: day(8)}, {Until: day(8)}, {Since: day(8), Until: day(8)}, {Since: day(5), Until: day(15), Seller: host}, {Since: day(30)},
		{Seller: reseller, Account: 3, Kind: billing.Invoice, Since: day(2), Until: day(19)},
	} {
		var want []billing.DocumentID
		rows := map[billing.DocumentID]*billing.Document{}
		for _, d := range all {
			if (q.Seller == "" || q.Seller == d.Seller) && (q.Account == 0 || q.Account == d.Account) && (q.Kind == "" || q.Kind == d.Kind) && between(q.Since, d.Date, q.Until) {
				want = append(want, d.ID())
				rows[d.ID()] = d
			}
		}
		checkPages(t, st, "documents "+conformance.Text(q), want, func(ctx context.Context, r billing.Rows, after billing.DocumentID, limit int) ([]billing.DocumentID, error) {
			page, err := r.Documents(ctx, q, after, limit)
			for _, d := range page {
				t.Equal(d, rows[d.ID()], "document %v of %s", d.ID(), conformance.Text(q))
			}
			return idsOf(page, billing.Document.ID), err
		})
	}
}
