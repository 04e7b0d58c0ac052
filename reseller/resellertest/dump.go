package resellertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// dumpPage is how many rows Dump reads at once.
const dumpPage = 500

// Dump returns all rows of package reseller as text, one line for each row, seller by
// seller: two stores hold the same books exactly when their dumps are equal.
//
// The sellers are those that are in the catalog. The numbers of shadows, which stores
// may choose, are written as their places among those of the seller. For the rows of
// package billing see billingtest.Dump.
func Dump(ctx context.Context, st reseller.Store) (string, error) {
	var d dumper
	err := st.View(ctx, within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
		d = dumper{ctx: ctx, books: books, rows: rows}
		return errors.Join(d.sellers(), d.transfers())
	}))
	if err != nil {
		return "", fmt.Errorf("resellertest.Dump: %w", err)
	}
	return d.text.String(), nil
}

type dumper struct {
	ctx   context.Context
	books billing.Rows
	rows  reseller.Rows
	text  strings.Builder
}

func (d *dumper) line(kind string, row any) {
	d.text.WriteString(kind + " " + conformance.Text(row) + "\n")
}

// pages calls next with where the last page ended until a page is short, and hands
// out what it returned.
func pages[R, K any](start K, next func(after K, limit int) ([]R, error), keyOf func(R) K, take func(R)) error {
	for after := start; ; {
		page, err := next(after, dumpPage)
		if err != nil {
			return err
		}
		for _, r := range page {
			take(r)
			after = keyOf(r)
		}
		if len(page) < dumpPage {
			return nil
		}
	}
}

func (d *dumper) sellers() error {
	var ids []billing.SellerID
	err := pages("", func(after billing.SellerID, limit int) ([]billing.Seller, error) {
		return d.books.Sellers(d.ctx, after, limit)
	}, func(s billing.Seller) billing.SellerID { return s.ID }, func(s billing.Seller) { ids = append(ids, s.ID) })
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := errors.Join(d.stocks(id), d.holdings(id), d.shadows(id), d.bills(id)); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) stocks(seller billing.SellerID) error {
	b, err := d.rows.Books(d.ctx, seller)
	switch {
	case err == nil:
		d.line("books", b)
	case !errors.Is(err, storage.ErrNotFound):
		return err
	}
	list, err := d.rows.Stocks(d.ctx, seller)
	for _, s := range list {
		d.line("stock", s)
	}
	return err
}

type customerResource struct {
	account  billing.AccountID
	resource billing.ResourceID
}

func (d *dumper) holdings(seller billing.SellerID) error {
	return pages(customerResource{}, func(after customerResource, limit int) ([]reseller.Holding, error) {
		return d.rows.Holdings(d.ctx, seller, after.account, after.resource, limit)
	}, func(h reseller.Holding) customerResource { return customerResource{h.Account, h.Resource} },
		func(h reseller.Holding) { d.line("holding", h) })
}

func (d *dumper) shadows(seller billing.SellerID) error {
	var list []reseller.Shadow
	var seqs []int64
	err := pages(reseller.ShadowID{}, func(after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
		return d.rows.Shadows(d.ctx, reseller.ShadowQuery{Seller: seller}, after, limit)
	}, reseller.Shadow.ID, func(s reseller.Shadow) {
		list, seqs = append(list, s), append(seqs, s.Seq)
	})
	slices.Sort(seqs)
	for _, s := range list {
		place, _ := slices.BinarySearch(seqs, s.Seq)
		s.Seq = int64(place + 1)
		d.line("shadow", s)
	}
	return err
}

type dayResource struct {
	day      billing.Date
	resource billing.ResourceID
}

func (d *dumper) bills(seller billing.SellerID) error {
	return pages(dayResource{}, func(after dayResource, limit int) ([]reseller.Bill, error) {
		return d.rows.Bills(d.ctx, reseller.BillQuery{Seller: seller}, after.day, after.resource, limit)
	}, func(b reseller.Bill) dayResource { return dayResource{b.Day, b.Resource} }, func(b reseller.Bill) { d.line("bill", b) })
}

func (d *dumper) transfers() error {
	for _, state := range []reseller.TransferState{reseller.TransferWaiting, reseller.TransferDone, reseller.TransferFailed} {
		err := pages(0, func(after billing.AccountID, limit int) ([]reseller.Transfer, error) {
			return d.rows.Transfers(d.ctx, state, after, limit)
		}, func(t reseller.Transfer) billing.AccountID { return t.Account }, func(t reseller.Transfer) { d.line("transfer", t) })
		if err != nil {
			return err
		}
	}
	return nil
}
