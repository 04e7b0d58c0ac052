package labeltest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// Harness describes a store to the suite.
type Harness = conformance.StoreHarness[label.Store]

// TestStore runs every rule of label.Rows against the store.
func TestStore(t *testing.T, h Harness) {
	t.Helper()
	conformance.Run(t, h, Rules())
}

// Rule is a rule about label.Rows.
type Rule = conformance.Rule[Harness]

// Rules returns the rules that [TestStore] runs.
func Rules() []Rule {
	return slices.Concat(rowRules(), hostRules(), txRules(), modelRules(), rowsOf().Rules())
}

type rowsFunc = func(ctx context.Context, rows label.Rows) error

const errRefused = conformance.ErrRefused

func within(st label.Store, fn rowsFunc) func(context.Context, storage.Tx) error {
	return rowsOf().Within(st, fn)
}

// put writes brands and commits.
func put(t *conformance.T, st label.Store, all ...label.Brand) {
	t.Helper()
	t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
		for _, b := range all {
			if err := rows.PutBrand(ctx, b); err != nil {
				return err
			}
		}
		return nil
	})), "put brands")
}

// fails runs fn, which must fail with want, in a transaction that is rolled back.
func fails(t *conformance.T, st label.Store, want error, what string, fn rowsFunc) {
	t.Helper()
	rowsOf().Fails(t, st, want, what, fn)
}

// dump is all brands, as canonical text, and what their hosts lead to.
func dump(t *conformance.T, st label.Store, hosts ...string) string {
	t.Helper()
	text, err := state(t.Context(), st, hosts...)
	t.OK(err, "read")
	return text
}

func state(ctx context.Context, st label.Store, hosts ...string) (text string, err error) {
	err = st.View(ctx, within(st, func(ctx context.Context, rows label.Rows) error {
		text = ""
		after := billing.SellerID("")
		for {
			page, err := rows.Brands(ctx, after, 2)
			if err != nil {
				return err
			}
			for _, b := range page {
				text += conformance.Text(b) + "\n"
				after = b.Seller
				for _, h := range b.Hosts {
					owner, err := rows.BrandByHost(ctx, h)
					if err != nil {
						return err
					}
					text += h + ": " + string(owner.Seller) + "\n"
				}
			}
			if len(page) < 2 {
				break
			}
		}
		for _, h := range hosts {
			b, err := rows.BrandByHost(ctx, h)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			text += h + ": " + string(b.Seller) + "\n"
		}
		return nil
	}))
	return text, err
}

// brand is a brand at its first version.
func brand(seller billing.SellerID, hosts ...string) label.Brand {
	return label.Brand{
		Seller: seller, Version: 1, Changed: time.Date(2031, 2, 3, 4, 5, 6, 7000, time.UTC),
		Hosts: hosts, Company: label.Company{Name: "Company " + string(seller)},
	}
}

// next is the brand's next version.
func next(b label.Brand, hosts ...string) label.Brand {
	b = b.Clone()
	b.Version++
	b.Hosts = hosts
	return b
}
