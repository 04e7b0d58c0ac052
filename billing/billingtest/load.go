package billingtest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// loadRules are about Load.
func loadRules() []Rule {
	return []Rule{
		{
			ID: "LOAD-1", Name: "states",
			Text: "Load returns the accounts asked for that are there, each once and by ID, with their holdings by resource.",
			Why:  "The run handles accounts in the order of their creation; an account handled twice is charged twice.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 12)
				write(t, st, &billing.Batch{Holdings: []billing.Holding{
					holding(2, "traffic", 1), holding(2, "Mailbox", 2), holding(2, "mailbox", 3), holding(10, "mailbox", 0),
				}})
				got := load(t, st, billing.LoadQuery{IDs: []billing.AccountID{10, 2, 99, 9, 2, 10}})
				want := []billing.State{
					{Account: account(2, host), Holdings: []billing.Holding{
						holding(2, "Mailbox", 2), holding(2, "mailbox", 3), holding(2, "traffic", 1),
					}},
					{Account: account(9, host)},
					{Account: account(10, host), Holdings: []billing.Holding{holding(10, "mailbox", 0)}},
				}
				t.Equal(got.States, want, "states of 10, 2, 99, 9, 2, 10")
				t.Equal(len(load(t, st, billing.LoadQuery{}).States), 0, "states of no accounts")
			},
		},
		{
			ID: "LOAD-2", Name: "usage",
			Text: "With Usage, and only then, each state has the records with a Seq above its MeterScan, by Seq.",
			Why:  "A record that is loaded twice is charged twice, one that is not is free.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 3)
				records := []*billing.UsageRecord{usage(1, "traffic", ""), usage(1, "disk", ""), usage(2, "traffic", ""), usage(1, "traffic", "k")}
				for i, u := range records {
					u.Day, u.Amount = day(9-i), dec(fmt.Sprint(i))
				}
				write(t, st, &billing.Batch{Usage: records[:2]})
				write(t, st, &billing.Batch{Usage: records[2:]})
				of := func(q billing.LoadQuery) map[billing.AccountID][]billing.UsageRecord {
					got := map[billing.AccountID][]billing.UsageRecord{}
					for _, s := range load(t, st, q).States {
						got[s.Account.ID] = s.Usage
					}
					return got
				}
				all := []billing.AccountID{1, 2, 3}
				none := map[billing.AccountID][]billing.UsageRecord{1: nil, 2: nil, 3: nil}
				t.Equal(of(billing.LoadQuery{IDs: all}), none, "usage that was not asked for")
				t.Equal(of(billing.LoadQuery{IDs: all, Usage: true}), map[billing.AccountID][]billing.UsageRecord{
					1: {*records[0], *records[1], *records[3]}, 2: {*records[2]}, 3: nil,
				}, "usage")
				a := later(account(1, host))
				a.MeterScan = records[1].Seq
				write(t, st, &billing.Batch{Accounts: []billing.Account{a}})
				t.Equal(of(billing.LoadQuery{IDs: all, Usage: true}), map[billing.AccountID][]billing.UsageRecord{
					1: {*records[3]}, 2: {*records[2]}, 3: nil,
				}, "usage above MeterScan")
			},
		},
		{
			ID: "LOAD-3", Name: "due",
			Text: "With DueBy, accounts that are not due by then, or are parked, are left out.",
			Why:  "Two runners that get the same list must not both handle what one of them has handled.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				write(t, st, &billing.Batch{Accounts: dueAccounts()})
				ids := []billing.AccountID{1, 2, 3, 4, 5}
				for n, want := range map[int][]billing.AccountID{4: {}, 5: {1}, 6: {1, 2}, 100: {1, 2}} {
					got := load(t, st, billing.LoadQuery{IDs: ids, DueBy: day(n)})
					t.Equal(stateIDs(got), want, "due by day %d", n)
				}
				t.Equal(stateIDs(load(t, st, billing.LoadQuery{IDs: ids})), ids, "whether due or not")
			},
		},
		{
			ID: "LOAD-4", Name: "key",
			Text: "Load finds an idempotency key by scope, action and key, and nothing else by them.",
			Why:  "A key found in another scope answers one customer with what another did.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				keys := []billing.Key{
					key("account/1", "set", "k", 1), key("account/2", "set", "k", 2), key("account/1", "close", "k", 1),
					key("account/1", "set", "K", 1), key("account/1", "set", "", 1),
				}
				for i := range keys {
					keys[i].EntryLast = int64(i)
				}
				write(t, st, &billing.Batch{Keys: keys[:4]})
				for _, want := range keys[:4] {
					t.Equal(load(t, st, billing.LoadQuery{Key: want.KeyID}).Key, want, "key %v", want.KeyID)
				}
				for _, id := range []billing.KeyID{
					{Scope: "account/1", Action: "set", Key: "other"}, {Scope: "account/3", Action: "set", Key: "k"},
					{Scope: "account/1", Action: "open", Key: "k"}, {}, {Scope: "account/1", Action: "set"},
				} {
					if got := load(t, st, billing.LoadQuery{Key: id}).Key; got != nil {
						t.Errorf("key %v, which is not there: %s", id, conformance.Text(got))
					}
				}
			},
		},
		{
			ID: "LOAD-5", Name: "usage key",
			Text: "Load finds the usage record of the first of IDs with that resource and key.",
			Why:  "It is how a meter that reports twice is told so.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				list := []*billing.UsageRecord{usage(1, "traffic", "k"), usage(1, "disk", "k"), usage(2, "traffic", "k"), usage(1, "traffic", "")}
				for i, u := range list {
					u.Amount = dec(fmt.Sprint(i, ".5"))
				}
				write(t, st, &billing.Batch{Usage: list})
				settled := later(account(1, host))
				settled.MeterScan = list[3].Seq
				write(t, st, &billing.Batch{Accounts: []billing.Account{settled}})
				find := func(resource billing.ResourceID, key string, ids ...billing.AccountID) *billing.UsageRecord {
					return load(t, st, billing.LoadQuery{IDs: ids, UsageResource: resource, UsageKey: key}).Keyed
				}
				t.Equal(find("traffic", "k", 1), list[0], "of account 1")
				t.Equal(find("disk", "k", 1), list[1], "of the other resource")
				t.Equal(find("traffic", "k", 2, 1), list[2], "of 2, then 1")
				for what, got := range map[string]*billing.UsageRecord{
					"another key": find("traffic", "l", 1), "another resource": find("mail", "k", 1),
					"another account": find("disk", "k", 2), "no key": find("traffic", "", 1),
				} {
					if got != nil {
						t.Errorf("%s finds %s", what, conformance.Text(got))
					}
				}
			},
		},
		{
			ID: "LOAD-6", Name: "name",
			Text: "Load finds an account by its exact name within the seller.",
			Why:  "Names are the host's own keys; Ann and ann may be two customers, and each reseller has an info.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				names := []string{"info", "Info", "info ", " info", "e\u0301", "é", "日本🙂", "a'b\"c\\%_"}
				b := &billing.Batch{}
				for i, name := range names {
					a := account(billing.AccountID(i+1), host)
					a.Name = name
					b.Accounts = append(b.Accounts, a)
				}
				other := account(100, reseller)
				other.Name = "info"
				b.Accounts = append(b.Accounts, other)
				write(t, st, b)
				find := func(seller billing.SellerID, name string) billing.AccountID {
					return load(t, st, billing.LoadQuery{Seller: seller, Name: name}).Named
				}
				for i, name := range names {
					t.Equal(find(host, name), billing.AccountID(i+1), "account named %q", name)
				}
				t.Equal(find(reseller, "info"), other.ID, "account of the same name of another seller")
				t.Equal(find(reseller, "Info"), billing.AccountID(0), "a name that another seller has")
				for _, name := range []string{"%", "INFO", "é ", " é", "info\t"} {
					t.Equal(find(host, name), billing.AccountID(0), "the name %q, which is not there", name)
				}
				t.Equal(find(host, ""), billing.AccountID(0), "no name")
			},
		},
		{
			ID: "LOAD-7", Name: "fresh IDs",
			Text: "NewID draws an account ID larger than all that were drawn or used before, also when several draw at once.",
			Why:  "IDs tell the order of creation; one that is drawn twice makes one of two signups fail.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				draw := func(ctx context.Context, use bool) (id billing.AccountID, err error) {
					err = update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
						loaded, err := rows.Load(ctx, billing.LoadQuery{NewID: true, Lock: billing.LockWait})
						if err != nil {
							return err
						}
						if id = loaded.NewID; !use {
							return nil
						}
						return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(id, host)}})
					})
					return id, err
				}
				last := billing.AccountID(0)
				for i := range 6 {
					id, err := draw(t.Context(), i%2 == 0)
					t.OK(err, "draw")
					if id <= last {
						t.Errorf("the fresh ID is %d, after %d", id, last)
					}
					last = id
				}
				if id := load(t, st, billing.LoadQuery{IDs: []billing.AccountID{last}}).NewID; id != 0 {
					t.Errorf("a fresh ID %d that was not asked for", id)
				}
				const rivals = 6
				drawn := make(chan billing.AccountID, rivals)
				failures := make(chan error, rivals)
				var group sync.WaitGroup
				for range rivals {
					group.Go(func() {
						id, err := draw(t.Context(), true)
						if err != nil {
							failures <- err
							return
						}
						drawn <- id
					})
				}
				group.Wait()
				close(drawn)
				close(failures)
				for err := range failures {
					t.Errorf("one of several that draw at once: %v", err)
				}
				seen := map[billing.AccountID]bool{}
				for id := range drawn {
					if id <= last || seen[id] {
						t.Errorf("the ID %d was drawn twice, or after %d", id, last)
					}
					seen[id] = true
				}
			},
		},
		{
			ID: "LOAD-8", Name: "everything at once",
			Text: "One Load answers all its questions, whatever the others find.",
			Why:  "The engine asks once for each action.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				u, k := usage(1, "traffic", "u"), key("account/1", "set", "k", 1)
				write(t, st, &billing.Batch{
					Usage: []*billing.UsageRecord{u}, Keys: []billing.Key{k}, Holdings: []billing.Holding{holding(1, "mailbox", 1)},
				})
				q := billing.LoadQuery{
					IDs: []billing.AccountID{1}, Lock: billing.LockWait, Usage: true, Key: k.KeyID,
					UsageResource: "traffic", UsageKey: "u", Seller: host, Name: "account 2", NewID: true,
				}
				locked := func(q billing.LoadQuery) (got billing.Loaded) {
					t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
						got, err = rows.Load(ctx, q)
						return err
					}), "load")
					return got
				}
				got := locked(q)
				if got.NewID < 3 {
					t.Errorf("the fresh ID is %d", got.NewID)
				}
				want := billing.Loaded{
					Revision: load(t, st, billing.LoadQuery{}).Revision, NewID: got.NewID, Key: &k, Keyed: u, Named: 2,
					States: []billing.State{{
						Account: account(1, host), Holdings: []billing.Holding{holding(1, "mailbox", 1)}, Usage: []billing.UsageRecord{*u},
					}},
				}
				t.Equal(got, want, "all that is there")
				q.DueBy = day(1) // the account is left out, what else was asked for is not
				got = locked(q)
				want.States, want.NewID = nil, got.NewID
				t.Equal(got, want, "without the account, which is not due")
				q.IDs = nil
				got = locked(q)
				want.Keyed, want.NewID = nil, got.NewID
				t.Equal(got, want, "without an account")
			},
		},
		{
			ID: "LOAD-9", Name: "reads of the own writes",
			Text: "Load and all lists see what the transaction has written.",
			Why:  "An action that follows another in the host's transaction must see its balance.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				var got []string
				see := func(v any, err error) error {
					got = append(got, conformance.Text(v))
					return err
				}
				a := account(2, host)
				a.Balance = entry(2, 1, -5).Amount
				b := &billing.Batch{
					Accounts: []billing.Account{later(account(1, host)), a}, Holdings: []billing.Holding{holding(2, "mailbox", 1)},
					Periods: []billing.PeriodRow{period(2, 1)}, Usage: []*billing.UsageRecord{usage(2, "traffic", "u")},
					Documents: []*billing.Document{document(2, 1)}, Entries: []billing.Entry{entry(2, 1, 5)},
					Keys: []billing.Key{key("account/2", "set", "k", 2)},
				}
				looks := func(ctx context.Context, rows billing.Rows) error {
					got = nil
					loaded, err := rows.Load(ctx, billing.LoadQuery{
						IDs: []billing.AccountID{2, 1}, Usage: true, Key: b.Keys[0].KeyID, UsageResource: "traffic", UsageKey: "u",
						Seller: host, Name: "account 2",
					})
					if err := see(loaded, err); err != nil {
						return err
					}
					for _, look := range []func() (any, error){
						func() (any, error) { return rows.Due(ctx, billing.DueQuery{Day: day(31)}, 0, 10) },
						func() (any, error) { return rows.Accounts(ctx, billing.AccountQuery{InDebt: true}, 0, 10) },
						func() (any, error) { return rows.Holdings(ctx, []billing.AccountID{2}) },
						func() (any, error) { return rows.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, 10) },
						func() (any, error) {
							return rows.EntriesByID(ctx, []billing.EntryID{{Account: 2, Seq: 1}, {Account: 1, Seq: 1}})
						},
						func() (any, error) { return rows.Documents(ctx, billing.DocumentQuery{}, billing.DocumentID{}, 10) },
						func() (any, error) { return rows.Series(ctx, host, billing.Invoice, 0, 10) },
						func() (any, error) { return rows.Periods(ctx, 2, 0, 10) },
						func() (any, error) { return rows.Usage(ctx, 2, 0, 10) },
						func() (any, error) { return rows.Sum(ctx, 2, billing.Date{}) },
					} {
						v, err := look()
						if err := see(v, err); err != nil {
							return err
						}
					}
					return nil
				}
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					if err := rows.Write(ctx, b); err != nil {
						return err
					}
					return looks(ctx, rows)
				}), "write and look")
				within := slices.Clone(got)
				t.OK(view(t.Context(), st, looks), "look after the commit")
				t.Equal(within, got, "what the transaction saw, compared with what it left")
				for i, text := range got {
					if text == "[]" || text == "0" {
						t.Errorf("look %d found nothing: %s", i, text)
					}
				}
			},
		},
		{
			ID: "LOAD-10", Name: "not in a View",
			Text: "In a View, Load with a lock, be it shared, or NewID fails with storage.ErrReadOnly; without it works.",
			Why:  "A lock that is not held, and an ID that is drawn where nothing can be written, are mistakes.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				ids := []billing.AccountID{1}
				for what, q := range map[string]billing.LoadQuery{
					"LockWait": {IDs: ids, Lock: billing.LockWait}, "LockSkip": {IDs: ids, Lock: billing.LockSkip}, "NewID": {IDs: ids, NewID: true},
					"AboveShare": {IDs: ids, Above: billing.AboveShare}, "AboveShare of AboveToo alone": {Above: billing.AboveShare, AboveToo: ids},
				} {
					_, err := tryRead(t.Context(), st, func(ctx context.Context, rows billing.Rows) (billing.Loaded, error) { return rows.Load(ctx, q) })
					t.Is(err, storage.ErrReadOnly, "Load with %s in a View", what)
				}
				t.Equal(stateIDs(load(t, st, billing.LoadQuery{IDs: ids})), ids, "Load without")
				t.Equal(aboveIDs(load(t, st, billing.LoadQuery{Above: billing.AboveRead, AboveToo: ids})), ids, "Load of those above, without a lock")
			},
		},
		{
			ID: "LOAD-11", Name: "the accounts above",
			Text: "With Above, and only then, Load returns the accounts above those of IDs that are there, and those of AboveToo, each once and by ID, however they are locked and whether those of IDs are due or not.",
			Why:  "Whether a reseller is suspended, and what it pays, is read from its double; one that is missing lets its customers buy for nothing.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				all := family()
				write(t, st, &billing.Batch{Accounts: all, Holdings: []billing.Holding{holding(1, "mailbox", 1), holding(10, "mailbox", 1)}})
				stored := map[billing.AccountID]billing.Account{}
				for _, a := range all {
					stored[a.ID] = a
				}
				ids := func(list ...billing.AccountID) []billing.AccountID { return list }
				for _, c := range []struct{ ids, too, want []billing.AccountID }{
					{ids(10), nil, ids(1)}, {ids(11), nil, ids(1, 2)}, {ids(2), nil, ids(1)}, {ids(1), nil, nil}, {ids(13, 1, 3), nil, nil},
					{ids(12, 11, 10, 10, 99), nil, ids(1, 2, 3)}, {ids(2, 11, 1), nil, ids(1, 2)}, {nil, ids(3, 1, 3, 99), ids(1, 3)},
					{ids(10), ids(3, 1), ids(1, 3)}, {ids(12), ids(10, 2), ids(2, 3, 10)}, {ids(99), ids(1), ids(1)}, {nil, nil, nil},
				} {
					q := billing.LoadQuery{IDs: c.ids, AboveToo: c.too}
					what := fmt.Sprintf("of %v and %v", c.ids, c.too)
					plain := load(t, st, q)
					t.Equal(aboveIDs(plain), ids(), "accounts above %s that were not asked for", what)
					check := func(got billing.Loaded, how string) {
						t.Helper()
						t.Equal(aboveIDs(got), c.want, "IDs above %s, %s", what, how)
						for _, a := range got.Above {
							t.Equal(a, stored[a.ID], "account %d above %s, %s", a.ID, what, how)
						}
					}
					q.Above = billing.AboveRead
					got := load(t, st, q)
					check(got, "read")
					t.Equal(got.States, plain.States, "states %s, with those above", what)
					for _, lock := range []billing.Lock{billing.LockNone, billing.LockWait, billing.LockSkip} {
						for _, above := range []billing.Above{billing.AboveRead, billing.AboveShare} {
							q := q
							q.Lock, q.Above = lock, above
							t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
								got, err = rows.Load(ctx, q)
								return err
							}), "Load")
							check(got, fmt.Sprintf("with lock %d and above %d", lock, above))
							t.Equal(got.States, plain.States, "states %s, with lock %d and above %d", what, lock, above)
						}
					}
					q.DueBy = day(1) // nobody
					got = load(t, st, q)
					check(got, "of accounts that are not due")
					t.Equal(len(got.States), 0, "states of accounts that are not due")
				}
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					a := later(all[0])
					a.Status = billing.Suspended
					b := account(14, "first")
					b.Above = ids(1)
					if err := rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{a, b}}); err != nil {
						return err
					}
					for _, above := range []billing.Above{billing.AboveRead, billing.AboveShare} {
						got, err := rows.Load(ctx, billing.LoadQuery{IDs: ids(14), Above: above})
						if err != nil {
							return err
						}
						t.Equal(got.Above, []billing.Account{a}, "the account above, as the transaction has written it")
					}
					return nil
				}), "write and load")
			},
		},
	}
}

// dueAccounts are 1 due on day 5, 2 on day 6, 3 never, 4 parked since day 5, and 5
// parked and never due.
func dueAccounts() []billing.Account {
	var list []billing.Account
	for i, next := range []billing.Date{day(5), day(6), {}, day(5), {}} {
		a := account(billing.AccountID(i+1), host)
		a.Next = next
		if i >= 3 {
			a.Parked = billing.Parking{Code: "broken_invariant", Reason: "for the suite", On: day(5)}
		}
		list = append(list, a)
	}
	return list
}

func aboveIDs(l billing.Loaded) []billing.AccountID {
	return idsOf(l.Above, func(a billing.Account) billing.AccountID { return a.ID })
}

func stateIDs(l billing.Loaded) []billing.AccountID {
	return idsOf(l.States, func(s billing.State) billing.AccountID { return s.Account.ID })
}
