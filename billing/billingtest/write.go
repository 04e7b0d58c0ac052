package billingtest

import (
	"context"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// writeRules are about what Write writes.
func writeRules() []Rule {
	return []Rule{
		{
			ID: "WRITE-1", Name: "accounts",
			Text: "Write inserts an account with Version 1, and replaces the row whose Version is one less than the given one.",
			Why:  "The version is what tells a writer that somebody was faster.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				t.Equal(accountAt(t, st, 1), account(1, host), "the inserted account")
				a := account(1, host)
				for range 3 {
					a = later(a)
					a.Balance = entry(1, 1, -a.Version).Amount
					a.Status, a.Closed, a.Next = billing.Closed, day(int(a.Version)), billing.Date{}
					write(t, st, &billing.Batch{Accounts: []billing.Account{a}})
					t.Equal(accountAt(t, st, 1), a, "the account at version %d", a.Version)
				}
				t.Equal(accountAt(t, st, 2), account(2, host), "the other account")
			},
		},
		{
			ID: "WRITE-2", Name: "holdings",
			Text: "Write inserts or replaces holdings whole, and touches no others; one with quantity 0 stays.",
			Why:  "A holding that is gone has forgotten which setup was paid.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				rich := holding(1, "mailbox", 5)
				rich.Limits, rich.SetupPaid, rich.Kept = []decimal.Decimal{dec("1"), dec("2.5")}, frac(1, 3), 99
				write(t, st, &billing.Batch{Holdings: []billing.Holding{rich, holding(1, "traffic", 7), holding(2, "mailbox", 8)}})
				write(t, st, &billing.Batch{Holdings: []billing.Holding{holding(1, "mailbox", 0)}})
				got := read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Holding, error) {
					return rows.Holdings(ctx, []billing.AccountID{1, 2})
				})
				t.Equal(got, []billing.Holding{holding(1, "mailbox", 0), holding(1, "traffic", 7), holding(2, "mailbox", 8)}, "holdings")
			},
		},
		{
			ID: "WRITE-3", Name: "usage numbers",
			Text: "Write assigns UsageRecord.Seq, growing within an account in slice order, and sets it in the given rows.",
			Why:  "MeterScan divides the records into settled and unsettled ones by it.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				last := map[billing.AccountID]int64{}
				for round := range 3 {
					list := []*billing.UsageRecord{usage(1, "traffic", ""), usage(2, "disk", ""), usage(1, "disk", ""), usage(1, "traffic", "")}
					for i, u := range list {
						u.Seq, u.Day, u.Amount = 1<<50, day(-round*10-i), dec(fmt.Sprint(round, ".", i))
					}
					write(t, st, &billing.Batch{Usage: list})
					for i, u := range list {
						if u.Seq <= last[u.Account] || u.Seq == 1<<50 {
							t.Errorf("round %d: record %d of account %d has number %d after %d", round, i, u.Account, u.Seq, last[u.Account])
						}
						after := last[u.Account]
						last[u.Account] = u.Seq
						got := read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.UsageRecord, error) {
							return rows.Usage(ctx, u.Account, after, 1)
						})
						t.Equal(got, []billing.UsageRecord{*u}, "the record after %d of account %d", after, u.Account)
					}
				}
			},
		},
		{
			ID: "WRITE-4", Name: "events",
			Text: "Write appends Batch.Events to the outbox in the same transaction, and sets their Seq.",
			Why:  "A mail about an invoice that was rolled back, or none about one that was not.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				list := []*storage.Event{event("one"), event("two")}
				list[1].Subject = "account/2"
				write(t, st, &billing.Batch{Events: list})
				if list[0].Seq <= 0 || list[1].Seq <= list[0].Seq {
					t.Errorf("the events have the numbers %d and %d", list[0].Seq, list[1].Seq)
				}
				var got []storage.Event
				t.OK(st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
					ob, err := st.Outbox(tx)
					if err != nil {
						return err
					}
					got, err = ob.Lease(ctx, "token", now(), now(), 10)
					return err
				}), "lease")
				want := []storage.Event{*list[0], *list[1]}
				want[0].Attempts, want[1].Attempts = 1, 1
				t.Equal(got, want, "events in the outbox")
				t.Is(refused(t, st, &billing.Batch{Events: []*storage.Event{event("three"), event("one")}}), storage.ErrExists, "an event whose ID is there")
				t.Equal(pending(t, st), 2, "events that wait")
			},
		},
		{
			ID: "WRITE-5", Name: "nothing",
			Text: "A batch without rows succeeds and does nothing.",
			Why:  "A run that finds nothing to do writes nothing.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				before := dump(t, st)
				write(t, st, &billing.Batch{})
				write(t, st, &billing.Batch{Final: true})
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "WRITE-6", Name: "final",
			Text: "A batch that is Final is committed like any other; one that fails leaves nothing and its error reaches the caller.",
			Why:  "The store may commit with the write; it must neither commit half nor report too early.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				a := later(account(1, host))
				d := document(1, 1)
				write(t, st, &billing.Batch{
					Accounts: []billing.Account{a}, Documents: []*billing.Document{d}, Entries: []billing.Entry{entry(1, 1, 119)},
					Events: []*storage.Event{event("one")}, Usage: []*billing.UsageRecord{usage(1, "traffic", "u")}, Final: true,
				})
				t.Equal(d.Number, int64(1), "number of the document")
				before := dump(t, st)
				if !strings.Contains(before, "entry ") || !strings.Contains(before, "usage ") {
					t.Errorf("after a final write there is only:\n%s", before)
				}
				t.Equal(accountAt(t, st, 1), a, "the account")
				t.Is(tryWrite(t.Context(), st, &billing.Batch{
					Accounts: []billing.Account{later(a)}, Entries: []billing.Entry{entry(1, 2, 1), entry(1, 1, 1)}, Final: true,
				}), storage.ErrExists, "a final write with an entry that is there")
				err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					err := rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{a}, Entries: []billing.Entry{entry(1, 2, 1)}, Final: true})
					t.Is(err, storage.ErrConflict, "a final write of an account that is not new")
					return errRefused
				})
				t.Is(err, errRefused, "Update")
				t.Equal(dump(t, st), before, "the store after failed final writes")
			},
		},
		{
			ID: "WRITE-7", Name: "many at once",
			Text: "A batch of hundreds of accounts with their rows is written like hundreds of batches, and loaded in one Load.",
			Why:  "The nightly run does nothing else.",
			Check: func(t *conformance.T, h Harness) {
				const n = 500
				a, b := open(t, h, 0), open(t, h, 0)
				var ids []billing.AccountID
				for round := range 2 {
					all := &billing.Batch{}
					for i := range n {
						id := billing.AccountID(i + 1)
						if round == 0 {
							ids = append(ids, id)
						}
						one := manyRows(id, round)
						t.OK(tryWrite(t.Context(), b, one), "write one")
						one = manyRows(id, round)
						all.Accounts = append(all.Accounts, one.Accounts...)
						all.Holdings = append(all.Holdings, one.Holdings...)
						all.Periods = append(all.Periods, one.Periods...)
						all.Usage = append(all.Usage, one.Usage...)
						all.Documents = append(all.Documents, one.Documents...)
						all.Entries = append(all.Entries, one.Entries...)
						all.Keys = append(all.Keys, one.Keys...)
						all.Events = append(all.Events, one.Events...)
					}
					write(t, a, all)
					for i, d := range all.Documents {
						t.Equal(d.Number, int64(round*n+i+1), "number of document %d", i)
					}
				}
				t.Equal(dump(t, a), dump(t, b), "one batch of %d, compared with %d batches", n, n)
				t.Equal(pending(t, a), 2*n, "events")
				states := load(t, a, billing.LoadQuery{IDs: ids, Usage: true}).States
				t.Equal(len(states), n, "states")
				for _, s := range states {
					if len(s.Holdings) != 2 || len(s.Usage) != 2 || s.Account.Version != 2 {
						t.Errorf("account %d has %d holdings, %d usage records, version %d", s.Account.ID, len(s.Holdings), len(s.Usage), s.Account.Version)
						break
					}
				}
			},
		},
	}
}

// manyRows is a batch of one account, first opened, then charged.
func manyRows(id billing.AccountID, round int) *billing.Batch {
	a := account(id, host)
	a.Version = int64(round + 1)
	seq := int64(round + 1)
	name := fmt.Sprintf("%d/%d", id, round)
	e := event(name)
	e.Subject = fmt.Sprint("account/", id)
	u := usage(id, "traffic", name)
	u.Amount = dec(fmt.Sprint(id, ".", round))
	return &billing.Batch{
		Accounts: []billing.Account{a}, Holdings: []billing.Holding{holding(id, "mailbox", seq), holding(id, "traffic", int64(id))},
		Periods: []billing.PeriodRow{period(id, seq)}, Usage: []*billing.UsageRecord{u}, Documents: []*billing.Document{document(id, seq)},
		Entries: []billing.Entry{entry(id, 2*seq-1, int64(id)), entry(id, 2*seq, 1)}, Keys: []billing.Key{key("account", "set", name, id)},
		Events: []*storage.Event{e},
	}
}
