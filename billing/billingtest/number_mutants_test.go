package billingtest_test

import (
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
)

type (
	seriesOf = func(d *billing.Document) any
	pageOf   = func(next billing.Rows, ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error)
)

// numbering gives out numbers of its own, one series for each value of of, which are
// never taken back.
func numbering(of seriesOf, all bool) func() hooks {
	return func() hooks {
		last, given := map[any]int64{}, map[billing.DocumentID]int64{}
		h := rewriting(nil, &change{document: func(d *billing.Document) { d.Number = given[d.ID()] }})
		h.write = func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
			if err := next.Write(ctx, b); err != nil {
				return err
			}
			for _, d := range b.Documents {
				if d.Numbered || all {
					last[of(d)]++
				}
				if d.Numbered {
					d.Number = last[of(d)]
					given[d.ID()] = d.Number
				}
			}
			return nil
		}
		return h
	}
}

func numberMutants() []mutant {
	type series struct {
		seller billing.SellerID
		kind   billing.DocumentKind
	}
	proper := func(d *billing.Document) any { return series{d.Seller, d.Kind} }
	paging := func(page pageOf) func() hooks { return func() hooks { return hooks{series: page} } }
	return []mutant{
		{name: "numbers with gaps after rollbacks", rules: []string{"NUM-2", "NUM-3", "REFUSE-5"}, hooks: func() hooks {
			// Drawn before it is known whether the write succeeds, as from a sequence.
			h := numbering(proper, false)()
			write, lost := h.write, int64(0)
			h.write = func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
				err := write(next, ctx, b)
				if err != nil {
					lost++
				}
				for _, d := range b.Documents {
					if d.Numbered && err == nil {
						d.Number += lost
					}
				}
				return err
			}
			return h
		}},
		{name: "numbers are used again", rules: []string{"NUM-1", "NUM-3", "WRITE-7"}, hooks: func() hooks {
			h := numbering(proper, false)()
			write := h.write
			h.write = func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
				err := write(next, ctx, b)
				for _, d := range b.Documents {
					d.Number = min(d.Number, 3)
				}
				return err
			}
			return h
		}},
		{name: "one series for all kinds", rules: []string{"NUM-1"}, hooks: numbering(func(d *billing.Document) any { return d.Seller }, false)},
		{name: "one series for all sellers", rules: []string{"NUM-1"}, hooks: numbering(func(d *billing.Document) any { return d.Kind }, false)},
		{name: "a series for each account", rules: []string{"NUM-1", "MODEL-1"}, hooks: numbering(func(d *billing.Document) any { return d.Account }, false)},
		{name: "documents without a number use one up", rules: []string{"NUM-1"}, hooks: numbering(proper, true)},
		{name: "numbers are not given back", rules: []string{"NUM-1", "WRITE-6"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			b.Documents, _ = eachPointer(b.Documents, nil, nil)
			return nil
		})},
		{name: "numbers backwards", rules: []string{"NUM-1"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			b.Documents = slices.Clone(b.Documents)
			slices.Reverse(b.Documents)
			return nil
		})},
		{name: "every document has a number", rules: []string{"NUM-1", "EXACT-2"}, hooks: writing(func(_ context.Context, _ billing.Rows, b *billing.Batch) error {
			for _, d := range b.Documents {
				d.Numbered = true
			}
			return nil
		})},
		{name: "a page of a series lacks its last row", rules: []string{"NUM-4"}, hooks: paging(
			func(next billing.Rows, ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
				page, err := next.Series(ctx, seller, kind, after, limit)
				if len(page) == limit && limit > 1 {
					page = page[:limit-1]
				}
				return page, err
			})},
		{name: "a page of a series begins with the last row again", rules: []string{"NUM-4"}, hooks: paging(
			func(next billing.Rows, ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
				return next.Series(ctx, seller, kind, after-1, limit)
			})},
		{name: "a series by date", rules: []string{"NUM-4"}, hooks: paging(
			func(next billing.Rows, ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
				page, err := next.Series(ctx, seller, kind, after, limit)
				slices.SortFunc(page, func(a, b billing.Document) int { return a.Date.Compare(b.Date) })
				return page, err
			})},
		{name: "a series of all sellers", rules: []string{"NUM-4"}, hooks: paging(
			func(next billing.Rows, ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
				page, err := next.Series(ctx, seller, kind, after, limit)
				if rest := limit - len(page); err == nil && rest > 0 {
					more, _ := next.Series(ctx, "reseller", kind, 0, rest)
					page = append(page, more...)
				}
				return page, err
			})},
	}
}
