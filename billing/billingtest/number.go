package billingtest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// numberRules are about the numbers of documents.
func numberRules() []Rule {
	return []Rule{
		{
			ID: "NUM-1", Name: "series",
			Text: "Write gives the documents that are Numbered the next numbers of their seller and kind, from 1 in slice order, and sets them in the given rows.",
			Why:  "Tax offices require it, and invoices are named by it.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 3)
				other := account(4, reseller)
				write(t, st, &billing.Batch{Accounts: []billing.Account{other}})
				unnumbered := func(id billing.AccountID, seq int64) *billing.Document {
					d := document(id, seq)
					d.Numbered = false
					return d
				}
				list := []*billing.Document{
					document(3, 1), document(1, 1), unnumbered(1, 2), documentOf(host, 2, 1, billing.CreditNote), document(2, 2),
					documentOf(reseller, 4, 1, billing.Invoice), documentOf(host, 1, 3, billing.CreditNote), unnumbered(2, 3), document(1, 4),
				}
				want := []int64{1, 2, 0, 1, 3, 1, 2, 0, 4}
				for _, d := range list {
					if d.Numbered {
						d.Number = 77 // what the caller left there does not count
					}
				}
				write(t, st, &billing.Batch{Documents: list})
				t.Equal(numbers(list), want, "numbers in the given rows")
				more := []*billing.Document{document(1, 5), documentOf(reseller, 4, 2, billing.Invoice), documentOf(reseller, 4, 3, billing.CreditNote)}
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					if err := rows.Write(ctx, &billing.Batch{Documents: more[:1]}); err != nil {
						return err
					}
					return rows.Write(ctx, &billing.Batch{Documents: more[1:]})
				}), "write twice in a transaction")
				t.Equal(numbers(more), []int64{5, 2, 1}, "numbers in the next transaction")
				stored := map[billing.DocumentID]int64{}
				for _, d := range documents(t, st, billing.DocumentQuery{}) {
					stored[d.ID()] = d.Number
				}
				for _, d := range slices.Concat(list, more) {
					t.Equal(stored[d.ID()], d.Number, "stored number of document %v", d.ID())
				}
			},
		},
		{
			ID: "NUM-2", Name: "no gaps after rollbacks",
			Text: "Numbers of a transaction that was rolled back, for whatever reason, are given out again.",
			Why:  "A missing number is taken for a hidden invoice.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				next := func(seq int64, want int64) {
					d := document(1, seq)
					write(t, st, &billing.Batch{Documents: []*billing.Document{d}})
					t.Equal(d.Number, want, "number of document %d", seq)
				}
				next(1, 1)
				lost := func() *billing.Batch {
					return &billing.Batch{Documents: []*billing.Document{document(1, 2), document(1, 3)}}
				}
				t.OK(refused(t, st, lost()), "write what is rolled back")
				next(2, 2)
				_ = recovered(func() {
					_ = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
						if err := rows.Write(ctx, &billing.Batch{Documents: []*billing.Document{document(1, 3)}}); err != nil {
							return err
						}
						panic(errRefused)
					})
				})
				next(3, 3)
				if err := refused(t, st, &billing.Batch{Documents: []*billing.Document{document(1, 4), document(1, 3)}}); err == nil {
					t.Errorf("a document that exists was written")
				}
				next(4, 4)
				ctx, cancel := context.WithCancel(t.Context())
				if err := update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
					err := rows.Write(ctx, &billing.Batch{Documents: []*billing.Document{document(1, 5)}})
					cancel()
					return err
				}); err == nil {
					t.Errorf("an Update that was cancelled succeeded")
				}
				next(5, 5)
			},
		},
		{
			ID: "NUM-3", Name: "no gaps among rivals",
			Text: "Transactions that number documents of one series at the same time get numbers without gaps, each once, also if some of them fail.",
			Why:  "Several runners bill at once.",
			Check: func(t *conformance.T, h Harness) {
				const writers, each = 4, 8
				st := open(t, h, writers)
				failures := make(chan error, writers)
				got := make(chan int64, 2*writers*each)
				var group sync.WaitGroup
				for w := range writers {
					id := billing.AccountID(w + 1)
					group.Go(func() {
						for i := range each {
							list := []*billing.Document{document(id, int64(2*i+1)), document(id, int64(2*i+2))}
							fail := i%3 == w%3
							err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
								if err := rows.Write(ctx, &billing.Batch{Documents: list}); err != nil {
									return err
								}
								if fail {
									return errRefused
								}
								return nil
							})
							switch {
							case fail:
							case err != nil:
								failures <- err
								return
							default:
								got <- list[0].Number
								got <- list[1].Number
							}
						}
					})
				}
				group.Wait()
				close(got)
				close(failures)
				for err := range failures {
					t.Errorf("a writer failed: %v", err)
				}
				var all []int64
				for n := range got {
					all = append(all, n)
				}
				slices.Sort(all)
				t.Equal(all, counting(len(all)), "numbers that were given out")
				t.Equal(len(documents(t, st, billing.DocumentQuery{})), len(all), "documents that are there")
			},
		},
		{
			ID: "NUM-4", Name: "pages of a series",
			Text: "Series returns the numbered documents of a seller and kind by number; a page goes on exactly where the last one ended.",
			Why:  "It is the list that an auditor is given.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 3)
				other := account(4, reseller)
				write(t, st, &billing.Batch{Accounts: []billing.Account{other}})
				var want []*billing.Document
				b := &billing.Batch{}
				for i := range 12 {
					d := document(billing.AccountID(3-i%3), int64(i+1))
					d.Numbered = i != 5
					d.Date = day(-i)
					b.Documents = append(b.Documents, d, documentOf(host, 1, int64(i+101), billing.CreditNote), documentOf(reseller, 4, int64(i+1), billing.Invoice))
					if d.Numbered {
						want = append(want, d)
					}
				}
				write(t, st, b)
				checkPages(t, st, "series", counting(len(want)), func(ctx context.Context, rows billing.Rows, after int64, limit int) ([]int64, error) {
					page, err := rows.Series(ctx, host, billing.Invoice, after, limit)
					for i, d := range page {
						if at := after + int64(i); at < int64(len(want)) {
							t.Equal(d, want[at], "document number %d", at+1)
						}
					}
					return idsOf(page, func(d billing.Document) int64 { return d.Number }), err
				})
				none := read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Document, error) {
					return rows.Series(ctx, reseller, billing.CreditNote, 0, 10)
				})
				t.Equal(len(none), 0, "documents of a series that was never begun")
			},
		},
	}
}

func numbers(list []*billing.Document) []int64 {
	return idsOf(list, func(d *billing.Document) int64 { return d.Number })
}

// counting returns 1 to n.
func counting(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i + 1)
	}
	return out
}

// documents returns all documents that match.
func documents(t *conformance.T, st billing.Store, q billing.DocumentQuery) []billing.Document {
	t.Helper()
	return read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Document, error) {
		return rows.Documents(ctx, q, billing.DocumentID{}, 10_000)
	})
}

// entries returns all entries that match.
func entries(t *conformance.T, st billing.Store, q billing.EntryQuery) []billing.Entry {
	t.Helper()
	return read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Entry, error) {
		return rows.Entries(ctx, q, billing.EntryID{}, 10_000)
	})
}

// recovered returns what fn panics with, as text.
func recovered(fn func()) (value string) {
	defer func() {
		if p := recover(); p != nil {
			value = fmt.Sprint(p)
		}
	}()
	fn()
	return ""
}
