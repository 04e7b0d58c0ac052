package resellertest

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// A store may send rows together with billing's that follow, or with the commit. So a
// refusal is looked for in three ways.
var endings = map[string]func(ctx context.Context, books billing.Rows) error{
	"the commit": func(context.Context, billing.Rows) error { return nil },
	"a write of billing's": func(ctx context.Context, books billing.Rows) error {
		return books.Write(ctx, &billing.Batch{Entries: []billing.Entry{entry(1, 77)}})
	},
	"a final write of billing's": func(ctx context.Context, books billing.Rows) error {
		return books.Write(ctx, &billing.Batch{Entries: []billing.Entry{entry(1, 77)}, Final: true})
	},
}

// checkRefused writes batches in one transaction and looks whether it fails with
// ErrExists, by its end, and leaves nothing.
func checkRefused(t *conformance.T, st reseller.Store, what string, batches ...*reseller.Batch) {
	t.Helper()
	before := dump(t, st)
	for ending, end := range endings {
		for _, heeds := range []bool{true, false} {
			runs := 0
			var told error
			err := st.Update(t.Context(), within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
				if runs++; runs > 1 {
					return errRefused
				}
				for _, b := range batches {
					if err := rows.Write(ctx, b); err != nil {
						told = err
						break
					}
				}
				if told == nil {
					told = end(ctx, books)
				}
				if heeds {
					return told
				}
				return nil // the function goes on as if it had succeeded
			}))
			switch {
			case heeds || told == nil:
				t.Is(err, storage.ErrExists, "Write of %s, then %s", what, ending)
			default:
				t.Is(told, storage.ErrExists, "Write of %s, then %s", what, ending)
				if err == nil {
					t.Errorf("Update succeeds after a Write of %s, then %s, that failed", what, ending)
				}
			}
			t.Equal(runs, 1, "runs of the function that writes %s", what)
			t.Equal(dump(t, st), before, "the store after a Write of %s, then %s", what, ending)
			t.OK(st.View(t.Context(), within(st, func(ctx context.Context, books billing.Rows, _ reseller.Rows) error {
				left, err := books.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, 10)
				t.Equal(len(left), 0, "entries after a Write of %s, then %s", what, ending)
				return err
			})), "View")
		}
	}
}

// refusalRules are about what Write refuses.
func refusalRules() []Rule {
	return []Rule{
		{
			ID: "REFUSE-1", Name: "a bill that exists",
			Text: "A bill of a seller, day and resource that is there, or is twice in a batch or a transaction, is storage.ErrExists: from Write, from the write of billing's rows that follows, or from the commit.",
			Why:  "A day that is closed twice is billed twice.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, &reseller.Batch{Bills: []reseller.Bill{bill(acme, 1, "mailbox", 5)}})
				one := func(b reseller.Bill) *reseller.Batch { return &reseller.Batch{Bills: []reseller.Bill{b}} }
				changed := bill(acme, 1, "mailbox", 6)
				changed.Document = 9
				checkRefused(t, st, "a bill that exists", one(bill(acme, 1, "mailbox", 5)))
				checkRefused(t, st, "a bill that exists, with another amount", one(changed))
				checkRefused(t, st, "a bill twice", &reseller.Batch{Bills: []reseller.Bill{bill(acme, 2, "mailbox", 5), bill(acme, 2, "mailbox", 6)}})
				checkRefused(t, st, "a bill in two batches", one(bill(acme, 2, "mailbox", 5)), one(bill(acme, 2, "mailbox", 5)))
				checkRefused(t, st, "a bill that exists among new ones", &reseller.Batch{Bills: []reseller.Bill{bill(acme, 2, "mailbox", 5), changed, bill(acme, 3, "mailbox", 5)}})
				write(t, st, &reseller.Batch{Bills: []reseller.Bill{
					bill(acme, 2, "mailbox", 5), bill(acme, 1, "Mailbox", 5), bill(acme, 1, "mailbox ", 5), bill(other, 1, "mailbox", 5), bill(below, 1, "mailbox", 5),
				}})
			},
		},
		{
			ID: "REFUSE-2", Name: "whole or not at all",
			Text: "A Write that fails, at whatever time it is told, leaves nothing of its batch, nor of what was written before or after it in the transaction, be it billing's.",
			Why:  "A day that is half closed is billed wrongly for ever.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, &reseller.Batch{
					Bills: []reseller.Bill{bill(acme, 1, "mailbox", 5)}, Stocks: []reseller.Stock{stock(acme, "mailbox", 1)},
					Holdings: []reseller.Holding{holding(acme, 1, "mailbox", 1)}, Books: []reseller.Books{books(acme, 1)},
					Transfers: []reseller.Transfer{transfer(1, reseller.TransferWaiting)},
				})
				rows := func(bills ...reseller.Bill) *reseller.Batch {
					return &reseller.Batch{
						Bills: bills, Stocks: []reseller.Stock{stock(acme, "mailbox", 2), stock(below, "mailbox", 2)},
						Holdings: []reseller.Holding{holding(acme, 1, "mailbox", 2), holding(acme, 2, "mailbox", 2)},
						Books:    []reseller.Books{books(acme, 2), books(other, 2)}, Shadows: []*reseller.Shadow{shadow(acme, 1, 5, 5)},
						Transfers: []reseller.Transfer{transfer(1, reseller.TransferDone), transfer(2, reseller.TransferWaiting)},
					}
				}
				there := bill(acme, 1, "mailbox", 5)
				checkRefused(t, st, "a bill that exists among rows of each kind", rows(bill(acme, 2, "mailbox", 5), there))
				checkRefused(t, st, "a bill that exists after rows of each kind", rows(), &reseller.Batch{Bills: []reseller.Bill{there}})
				checkRefused(t, st, "a bill that exists before rows of each kind", &reseller.Batch{Bills: []reseller.Bill{there}}, rows())
				write(t, st, rows(bill(acme, 2, "mailbox", 5)))
			},
		},
		{
			ID: "REFUSE-3", Name: "append-only",
			Text: "Shadows and bills that were written stay as they are: a shadow that is given with a number that is there is another one.",
			Why:  "They are the ledger of what a reseller owes; corrections are new shadows.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				first := shadow(acme, 1, 5, 7)
				write(t, st, &reseller.Batch{Shadows: []*reseller.Shadow{first}})
				kept := *first
				first.Amount, first.Quantity = usdOf(-7), dec("-1")
				write(t, st, &reseller.Batch{Shadows: []*reseller.Shadow{first}})
				twice := shadow(acme, 1, 5, 9)
				write(t, st, &reseller.Batch{Shadows: []*reseller.Shadow{twice}, Bills: []reseller.Bill{bill(acme, 5, "mailbox", 9)}, Books: []reseller.Books{books(acme, 5)}})
				t.Equal(shadowsOf(t, st, acme), []reseller.Shadow{kept, *first, *twice}, "shadows")
				if first.Seq == kept.Seq {
					t.Errorf("two shadows have the number %d", kept.Seq)
				}
				t.Equal(billsOf(t, st, acme), []reseller.Bill{bill(acme, 5, "mailbox", 9)}, "bills")
			},
		},
	}
}
