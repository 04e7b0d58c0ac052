package billingtest

import (
	"context"
	"errors"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// refusalRules are about what Write refuses.
func refusalRules() []Rule {
	conflict := func(t *conformance.T, st billing.Store, what string, b *billing.Batch) {
		t.Is(refused(t, st, b), storage.ErrConflict, "Write with %s", what)
	}
	exists := func(t *conformance.T, st billing.Store, what string, b *billing.Batch) {
		t.Is(refused(t, st, b), storage.ErrExists, "Write with %s", what)
	}
	return []Rule{
		{
			ID: "REFUSE-1", Name: "stale account",
			Text: "An account whose stored Version is not one less than the given one, or that is not there, is storage.ErrConflict.",
			Why:  "Two decisions on the same balance overdraw it.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 3)
				v2 := later(account(1, host))
				write(t, st, &billing.Batch{Accounts: []billing.Account{v2}})
				before := dump(t, st)
				for what, version := range map[string]int64{"the stored version": 2, "a version too far": 4, "the first version": 1, "version 0": 0} {
					a := account(1, host)
					a.Version = version
					conflict(t, st, what, &billing.Batch{Accounts: []billing.Account{a}})
				}
				conflict(t, st, "an account that is not there", &billing.Batch{Accounts: []billing.Account{later(account(9, host))}})
				conflict(t, st, "one stale account among good ones", &billing.Batch{
					Accounts: []billing.Account{later(account(2, host)), v2, later(account(3, host))},
				})
				t.Equal(dump(t, st), before, "the store")
				write(t, st, &billing.Batch{Accounts: []billing.Account{later(v2)}})
			},
		},
		{
			ID: "REFUSE-2", Name: "taken ID or name",
			Text: "A new account whose ID, or whose name within its seller, is taken is storage.ErrConflict; another seller may have the name.",
			Why:  "Two signups under one name must not both succeed; the second is decided anew and refused.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				other := account(1, host)
				other.Name = "another name"
				conflict(t, st, "a taken ID", &billing.Batch{Accounts: []billing.Account{other}})
				other.ID, other.Name = 3, "account 1"
				conflict(t, st, "a taken name", &billing.Batch{Accounts: []billing.Account{other}})
				twin := other
				twin.ID, twin.Name, other.Name = 4, "new", "new"
				conflict(t, st, "one name for two new accounts", &billing.Batch{Accounts: []billing.Account{other, twin}})
				other.Seller, other.Name, other.Balance = reseller, "account 1", account(3, reseller).Balance
				write(t, st, &billing.Batch{Accounts: []billing.Account{other}})
				write(t, st, &billing.Batch{Accounts: []billing.Account{later(account(1, host))}}) // its own name is not taken
			},
		},
		{
			ID: "REFUSE-3", Name: "used key",
			Text: "An idempotency key that is there already, or twice in a batch, is storage.ErrConflict; scope, action and key together make it.",
			Why:  "Of two requests with one key one acts, and the other then finds the key and answers the same.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				k := key("account/1", "set", "k", 1)
				write(t, st, &billing.Batch{Keys: []billing.Key{k}})
				changed := k
				changed.EntryLast, changed.Fingerprint = 99, []byte{9}
				conflict(t, st, "a used key", &billing.Batch{Keys: []billing.Key{key("account/1", "set", "new", 1), changed}})
				conflict(t, st, "a key twice", &billing.Batch{Keys: []billing.Key{key("account/1", "set", "new", 1), key("account/1", "set", "new", 1)}})
				t.Equal(load(t, st, billing.LoadQuery{Key: k.KeyID}).Key, k, "the key")
				write(t, st, &billing.Batch{Keys: []billing.Key{
					key("account/1", "close", "k", 1), key("account/2", "set", "k", 1), key("account/1", "set", "K", 1), key("account/1", "set", "new", 1),
				}})
			},
		},
		{
			ID: "REFUSE-4", Name: "existing rows",
			Text: "An entry, document, period or usage key that exists, or is twice in a batch, is storage.ErrExists.",
			Why:  "The ledger is append-only: a number used twice would hide what was charged.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				write(t, st, &billing.Batch{
					Entries: []billing.Entry{entry(1, 1, 5)}, Documents: []*billing.Document{document(1, 1)},
					Periods: []billing.PeriodRow{period(1, 1)}, Usage: []*billing.UsageRecord{usage(1, "traffic", "u")},
				})
				before := dump(t, st)
				changedEntry, changedPeriod := entry(1, 1, 6), period(1, 1)
				changedPeriod.Opened = billing.OpenedResume
				unnumbered := document(1, 1)
				unnumbered.Numbered = false
				otherDay := usage(1, "traffic", "u")
				otherDay.Day = day(20)
				exists(t, st, "an entry that exists", &billing.Batch{Entries: []billing.Entry{entry(1, 2, 1), changedEntry}})
				exists(t, st, "an entry twice", &billing.Batch{Entries: []billing.Entry{entry(1, 2, 1), entry(1, 2, 1)}})
				exists(t, st, "a document that exists", &billing.Batch{Documents: []*billing.Document{document(1, 1)}})
				exists(t, st, "a document without a number that exists", &billing.Batch{Documents: []*billing.Document{unnumbered}})
				exists(t, st, "a document twice", &billing.Batch{Documents: []*billing.Document{document(1, 2), document(1, 2)}})
				exists(t, st, "a period that exists", &billing.Batch{Periods: []billing.PeriodRow{changedPeriod}})
				exists(t, st, "a period twice", &billing.Batch{Periods: []billing.PeriodRow{period(1, 2), period(1, 2)}})
				exists(t, st, "a usage key that exists", &billing.Batch{Usage: []*billing.UsageRecord{otherDay}})
				exists(t, st, "a usage key twice", &billing.Batch{Usage: []*billing.UsageRecord{usage(1, "disk", "u"), usage(1, "disk", "u")}})
				t.Equal(dump(t, st), before, "the store")
				write(t, st, &billing.Batch{
					Entries: []billing.Entry{entry(2, 1, 5), entry(1, 2, 5)}, Documents: []*billing.Document{document(2, 1)},
					Periods: []billing.PeriodRow{period(2, 1)},
					Usage: []*billing.UsageRecord{
						usage(2, "traffic", "u"), usage(1, "disk", "u"), usage(1, "traffic", "v"), usage(1, "traffic", ""), usage(1, "traffic", ""),
					},
				})
			},
		},
		{
			ID: "REFUSE-5", Name: "whole or not at all",
			Text: "A Write that fails leaves nothing of its batch, even if the function goes on as if it had succeeded.",
			Why:  "A charge without its document, or a number without its invoice, cannot be repaired.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				write(t, st, &billing.Batch{
					Entries: []billing.Entry{entry(1, 1, 5)}, Documents: []*billing.Document{document(1, 1)}, Periods: []billing.PeriodRow{period(1, 1)},
					Usage: []*billing.UsageRecord{usage(1, "traffic", "u")}, Keys: []billing.Key{key("account/1", "set", "k", 1)},
					Events: []*storage.Event{event("there")}, Holdings: []billing.Holding{holding(1, "mailbox", 1)},
				})
				newKey := key("account/2", "set", "new", 2)
				before := dump(t, st, newKey.KeyID)
				for what, spoil := range map[string]func(b *billing.Batch){
					"a stale account": func(b *billing.Batch) { b.Accounts = append(b.Accounts, account(1, host)) },
					"a taken name": func(b *billing.Batch) {
						a := account(7, host)
						a.Name = "account 1"
						b.Accounts = append(b.Accounts, a)
					},
					"a used key":           func(b *billing.Batch) { b.Keys = append(b.Keys, key("account/1", "set", "k", 1)) },
					"an existing entry":    func(b *billing.Batch) { b.Entries = append(b.Entries, entry(1, 1, 6)) },
					"an existing document": func(b *billing.Batch) { b.Documents = append(b.Documents, document(1, 1)) },
					"an existing period":   func(b *billing.Batch) { b.Periods = append(b.Periods, period(1, 1)) },
					"a used usage key":     func(b *billing.Batch) { b.Usage = append(b.Usage, usage(1, "traffic", "u")) },
					"an existing event":    func(b *billing.Batch) { b.Events = append(b.Events, event("there")) },
				} {
					b := &billing.Batch{
						Accounts: []billing.Account{later(account(2, host)), account(3, host)}, Holdings: []billing.Holding{holding(1, "mailbox", 2), holding(2, "disk", 1)},
						Periods: []billing.PeriodRow{period(2, 1)}, Usage: []*billing.UsageRecord{usage(2, "traffic", "n")},
						Documents: []*billing.Document{document(2, 1)}, Entries: []billing.Entry{entry(2, 1, 1)}, Keys: []billing.Key{newKey},
						Events: []*storage.Event{event("new")},
					}
					spoil(b)
					var got error
					runs := 0
					// The store may refuse the commit, and may run the function again.
					err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
						if runs++; runs > 1 {
							return errRefused
						}
						got = rows.Write(ctx, b)
						return nil
					})
					if got == nil {
						t.Errorf("Write with %s succeeded (Update: %v)", what, err)
					}
					t.Equal(dump(t, st, newKey.KeyID), before, "the store after Write with %s", what)
					t.Equal(pending(t, st), 1, "events after Write with %s", what)
				}
				d := document(2, 1)
				write(t, st, &billing.Batch{Documents: []*billing.Document{d}})
				t.Equal(d.Number, int64(2), "the next number")
			},
		},
		{
			ID: "REFUSE-6", Name: "a conflict comes first",
			Text: "A batch with a stale account or a used key is storage.ErrConflict even if rows of it exist as well.",
			Why:  "Whoever was slower also finds its numbers taken; it must decide anew, not report a broken ledger.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				rows := func() *billing.Batch {
					return &billing.Batch{
						Accounts: []billing.Account{later(account(1, host))}, Entries: []billing.Entry{entry(1, 1, 5)},
						Documents: []*billing.Document{document(1, 1)}, Periods: []billing.PeriodRow{period(1, 1)},
						Usage: []*billing.UsageRecord{usage(1, "traffic", "u")}, Keys: []billing.Key{key("account/1", "set", "k", 1)},
						Events: []*storage.Event{event("one")},
					}
				}
				write(t, st, rows())
				conflict(t, st, "everything that is there already", rows())
				b := rows()
				b.Accounts = nil
				conflict(t, st, "a used key and rows that exist", b)
				b = rows()
				b.Keys = nil
				conflict(t, st, "a stale account and rows that exist", b)
			},
		},
		{
			ID: "REFUSE-7", Name: "conflicts are decided anew",
			Text: "A function that returns the conflict of Write is run again by Update, and sees what the faster one left.",
			Why:  "That is the whole of the engine's concurrency.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				stale := account(1, host) // as read long ago
				write(t, st, &billing.Batch{Accounts: []billing.Account{later(stale)}})
				runs := 0
				err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					a := stale
					if runs++; runs > 1 {
						loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait})
						if err != nil || len(loaded.States) != 1 {
							return errors.Join(errRefused, err)
						}
						a = loaded.States[0].Account
					}
					return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{later(a)}, Documents: []*billing.Document{document(1, 1)}, Final: true})
				})
				t.OK(err, "Update")
				t.Equal(runs, 2, "runs of the function")
				t.Equal(accountAt(t, st, 1).Version, int64(3), "version")
			},
		},
	}
}
