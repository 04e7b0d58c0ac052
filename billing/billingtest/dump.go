package billingtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// dumpPage is how many rows Dump reads at once.
const dumpPage = 500

// Dump returns all billing rows of a store as text, one line for each row: two stores
// hold the same books exactly when their dumps are equal.
//
// Idempotency keys cannot be listed; those given are looked up. Plans are those of
// the sellers that are there, versions those up to Plan.Latest. Left out are the
// catalog's revision and the events. The numbers of usage records, which stores may
// choose, are written as their places within the account, and Account.MeterScan and
// MeterSeen as how many records lie up to them.
func Dump(ctx context.Context, st billing.Store, keys ...billing.KeyID) (string, error) {
	var d dumper
	err := view(ctx, st, func(ctx context.Context, rows billing.Rows) error {
		d = dumper{ctx: ctx, rows: rows}
		return errors.Join(d.catalog(), d.accounts(), d.books(), d.keys(keys))
	})
	if err != nil {
		return "", fmt.Errorf("billingtest.Dump: %w", err)
	}
	return d.text.String(), nil
}

type dumper struct {
	ctx  context.Context
	rows billing.Rows
	text strings.Builder
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

func (d *dumper) catalog() error {
	resources, err := d.rows.Resources(d.ctx)
	if err != nil {
		return err
	}
	for _, r := range resources {
		d.line("resource", r)
	}
	var sellers []billing.SellerID
	err = pages("", func(after billing.SellerID, limit int) ([]billing.Seller, error) {
		return d.rows.Sellers(d.ctx, after, limit)
	}, func(s billing.Seller) billing.SellerID { return s.ID }, func(s billing.Seller) {
		sellers = append(sellers, s.ID)
		d.line("seller", s)
	})
	if err != nil {
		return err
	}
	for _, seller := range sellers {
		var plans []billing.Plan
		err := pages("", func(after billing.PlanID, limit int) ([]billing.Plan, error) {
			return d.rows.Plans(d.ctx, seller, after, limit)
		}, func(p billing.Plan) billing.PlanID { return p.ID }, func(p billing.Plan) { plans = append(plans, p) })
		if err != nil {
			return err
		}
		for _, p := range plans {
			d.line("plan", p)
			for version := 1; version <= p.Latest; version++ {
				v, err := d.rows.PlanVersion(d.ctx, seller, p.ID, version)
				if errors.Is(err, storage.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				d.line("version", v)
			}
		}
	}
	return nil
}

func (d *dumper) accounts() error {
	var accounts []billing.Account
	err := pages(0, func(after billing.AccountID, limit int) ([]billing.Account, error) {
		return d.rows.Accounts(d.ctx, billing.AccountQuery{}, after, limit)
	}, func(a billing.Account) billing.AccountID { return a.ID }, func(a billing.Account) { accounts = append(accounts, a) })
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if err := d.account(a); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) account(a billing.Account) error {
	var seqs []int64
	var records []billing.UsageRecord
	err := pages(math.MinInt64, func(after int64, limit int) ([]billing.UsageRecord, error) {
		return d.rows.Usage(d.ctx, a.ID, after, limit)
	}, func(u billing.UsageRecord) int64 { return u.Seq }, func(u billing.UsageRecord) {
		seqs = append(seqs, u.Seq)
		u.Seq = int64(len(seqs))
		records = append(records, u)
	})
	if err != nil {
		return err
	}
	a.MeterScan, a.MeterSeen = upTo(seqs, a.MeterScan), upTo(seqs, a.MeterSeen)
	d.line("account", a)
	holdings, err := d.rows.Holdings(d.ctx, []billing.AccountID{a.ID})
	if err != nil {
		return err
	}
	for _, h := range holdings {
		d.line("holding", h)
	}
	for _, u := range records {
		d.line("usage", u)
	}
	return pages(math.MinInt64, func(after int64, limit int) ([]billing.PeriodRow, error) {
		return d.rows.Periods(d.ctx, a.ID, after, limit)
	}, func(p billing.PeriodRow) int64 { return p.Seq }, func(p billing.PeriodRow) { d.line("period", p) })
}

// upTo returns how many of the ordered numbers are at most n.
func upTo(seqs []int64, n int64) int64 {
	i, found := slices.BinarySearch(seqs, n)
	if found {
		i++
	}
	return int64(i)
}

func (d *dumper) books() error {
	err := pages(billing.DocumentID{}, func(after billing.DocumentID, limit int) ([]billing.Document, error) {
		return d.rows.Documents(d.ctx, billing.DocumentQuery{}, after, limit)
	}, billing.Document.ID, func(x billing.Document) { d.line("document", x) })
	if err != nil {
		return err
	}
	return pages(billing.EntryID{}, func(after billing.EntryID, limit int) ([]billing.Entry, error) {
		return d.rows.Entries(d.ctx, billing.EntryQuery{}, after, limit)
	}, billing.Entry.ID, func(e billing.Entry) { d.line("entry", e) })
}

func (d *dumper) keys(ids []billing.KeyID) error {
	for _, id := range ids {
		loaded, err := d.rows.Load(d.ctx, billing.LoadQuery{Key: id})
		if err != nil {
			return err
		}
		if loaded.Key != nil {
			d.line("key", *loaded.Key)
		}
	}
	return nil
}
