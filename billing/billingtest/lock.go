package billingtest

import (
	"context"
	"fmt"
	"sync"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// lockRules are about transactions that want the same accounts at the same time.
func lockRules() []Rule {
	ids := func(list ...billing.AccountID) []billing.AccountID { return list }
	return []Rule{
		{
			ID: "LOCK-1", Name: "no lost update",
			Text: "Writers of one account that load it with LockWait take effect one after the other; none is lost and none fails.",
			Why:  "Two payments at the same second are two payments.",
			Check: func(t *conformance.T, h Harness) {
				const writers, each = 5, 6
				st := open(t, h, 1)
				failures := make(chan error, writers)
				var group sync.WaitGroup
				for range writers {
					group.Go(func() {
						for range each {
							if err := update(t.Context(), st, pay(1)); err != nil {
								failures <- err
								return
							}
						}
					})
				}
				group.Wait()
				close(failures)
				for err := range failures {
					t.Errorf("a writer failed: %v", err)
				}
				a := accountAt(t, st, 1)
				t.Equal(a.Version, int64(1+writers*each), "version")
				t.Equal(a.Balance, entry(1, 1, writers*each).Amount, "balance")
				t.Equal(idsOf(entries(t, st, billing.EntryQuery{Account: 1}), func(e billing.Entry) int64 { return e.Seq }),
					counting(writers*each), "entries")
			},
		},
		{
			ID: "LOCK-2", Name: "waiting",
			Text: "LockWait waits while another transaction holds the lock, and then reads what that one left.",
			Why:  "A decision on a balance that is about to change is wrong.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				first := hold(t, st, pay(1))
				var got []billing.AccountID
				var version int64
				done, failed := make(chan struct{}), error(nil)
				go func() {
					defer close(done)
					failed = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
						loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: ids(1), Lock: billing.LockWait})
						if got = stateIDs(loaded); len(got) == 1 {
							version = loaded.States[0].Account.Version
						}
						return err
					})
				}()
				if conformance.Closed(done, moment) {
					t.Errorf("LockWait did not wait for the transaction that holds account 1")
				}
				first.end(t, h)
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("LockWait still waits after the other transaction has ended")
				}
				t.OK(failed, "the transaction that waited")
				t.Equal(got, ids(1), "accounts after the wait")
				t.Equal(version, int64(2), "version after the wait")
			},
		},
		{
			ID: "LOCK-3", Name: "judged under the lock",
			Text: "Whether an account is due is judged when its row is locked, not before.",
			Why:  "Two runners that found the same account due would otherwise both bill it.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				list := dueAccounts()[:2]
				write(t, st, &billing.Batch{Accounts: list})
				first := hold(t, st, func(ctx context.Context, rows billing.Rows) error {
					loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: ids(1, 2), Lock: billing.LockWait, DueBy: day(10)})
					if err != nil {
						return err
					}
					if len(loaded.States) != 2 {
						return fmt.Errorf("%w: %d accounts are due", errRefused, len(loaded.States))
					}
					a, b := later(loaded.States[0].Account), later(loaded.States[1].Account)
					a.Next, b.Parked = day(40), billing.Parking{Code: "code"}
					return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{a, b}})
				})
				var got billing.Loaded
				done, failed := make(chan struct{}), error(nil)
				go func() {
					defer close(done)
					failed = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
						got, err = rows.Load(ctx, billing.LoadQuery{IDs: ids(1, 2), Lock: billing.LockWait, DueBy: day(10)})
						return err
					})
				}()
				conformance.Closed(done, moment)
				first.end(t, h)
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("LockWait still waits after the other transaction has ended")
				}
				t.OK(failed, "the transaction that waited")
				t.Equal(stateIDs(got), ids(), "accounts still due after the other transaction")
			},
		},
		{
			ID: "LOCK-4", Name: "skipping", Skip: notConcurrent,
			Text: "LockSkip leaves out the accounts that another transaction has locked, does not wait for them, and locks the others.",
			Why:  "Runners share the night's work this way, without a coordinator.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 3)
				first := hold(t, st, pay(2))
				var got []billing.AccountID
				done, failed := make(chan struct{}), error(nil)
				go func() {
					defer close(done)
					failed = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
						loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: ids(1, 2, 3), Lock: billing.LockSkip})
						if err != nil {
							return err
						}
						got = stateIDs(loaded)
						for _, s := range loaded.States {
							if err := rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{later(s.Account)}}); err != nil {
								return err
							}
						}
						return nil
					})
				}()
				if !conformance.Closed(done, h.patience()) {
					t.Errorf("LockSkip waits for an account that is locked")
				}
				first.end(t, h)
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("LockSkip still waits after the other transaction has ended")
				}
				t.OK(failed, "the transaction that skips")
				t.Equal(got, ids(1, 3), "accounts that were not locked")
				third := hold(t, st, func(ctx context.Context, rows billing.Rows) error {
					loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: ids(1, 2, 3), Lock: billing.LockSkip})
					if err == nil && len(loaded.States) != 3 {
						err = fmt.Errorf("%w: %d accounts are free", errRefused, len(loaded.States))
					}
					return err
				})
				var rest billing.Loaded
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
					rest, err = rows.Load(ctx, billing.LoadQuery{IDs: ids(1, 2, 3), Lock: billing.LockSkip})
					return err
				}), "skip what another LockSkip has locked")
				third.end(t, h)
				t.Equal(stateIDs(rest), ids(), "accounts that another LockSkip has locked")
			},
		},
		{
			ID: "LOCK-5", Name: "others do not wait", Skip: notConcurrent,
			Text: "Transactions on different accounts do not wait for each other, also when both write.",
			Why:  "One slow customer must not stop the others.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				first := hold(t, st, pay(1))
				done, failed := make(chan struct{}), error(nil)
				go func() {
					defer close(done)
					failed = update(t.Context(), st, pay(2))
				}()
				if !conformance.Closed(done, h.patience()) {
					t.Errorf("a payment of account 2 waits for the transaction that holds account 1")
				}
				first.end(t, h)
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("a payment of account 2 is stuck")
				}
				t.OK(failed, "the second payment")
				t.Equal(accountAt(t, st, 1).Version+accountAt(t, st, 2).Version, int64(4), "versions of both")
			},
		},
		{
			ID: "LOCK-6", Name: "order of locking",
			Text: "Rows are locked in order of ID, whatever the order of the query: writers of overlapping lists all succeed.",
			Why:  "Batches that lock in different orders end in deadlocks every night.",
			Check: func(t *conformance.T, h Harness) {
				const each = 6
				st := open(t, h, 6)
				lists := [][]billing.AccountID{ids(1, 2, 3, 4, 5, 6), ids(6, 5, 4, 3, 2, 1), ids(3, 6, 1), ids(5, 2, 4, 3)}
				want := map[billing.AccountID]int64{}
				failures := make(chan error, len(lists))
				var group sync.WaitGroup
				for _, list := range lists {
					for _, id := range list {
						want[id] += each
					}
					group.Go(func() {
						for range each {
							if err := update(t.Context(), st, pay(list...)); err != nil {
								failures <- err
								return
							}
						}
					})
				}
				group.Wait()
				close(failures)
				for err := range failures {
					t.Errorf("a writer failed: %v", err)
				}
				for id, n := range want {
					t.Equal(accountAt(t, st, id).Version, n+1, "version of account %d", id)
				}
			},
		},
		{
			ID: "LOCK-7", Name: "shared above",
			Text: "Two transactions may hold AboveShare on the same account at once; where several Updates can be open neither waits for the other, and both can write below it.",
			Why:  "All customers of a reseller would otherwise be billed one after the other.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				write(t, st, &billing.Batch{Accounts: family()})
				first := hold(t, st, below(10))
				done, failed := make(chan struct{}), error(nil)
				go func() {
					defer close(done)
					failed = update(t.Context(), st, below(11))
				}()
				if h.Concurrent && !conformance.Closed(done, h.patience()) {
					t.Errorf("AboveShare waits for another AboveShare")
				}
				first.end(t, h)
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("AboveShare still waits after the other transaction has ended")
				}
				t.OK(failed, "the second transaction")
				t.Equal(accountAt(t, st, 10).Version+accountAt(t, st, 11).Version, int64(4), "versions of both accounts below")
				t.Equal(accountAt(t, st, 1).Version, int64(1), "version of the account above")
			},
		},
		{
			ID: "LOCK-8", Name: "nobody writes what is shared",
			Text: "While a transaction holds AboveShare on an account, one that locks or writes it waits; with LockSkip it is left out.",
			Why:  "A customer that is opened while its reseller is being suspended would stay active.",
			Check: func(t *conformance.T, h Harness) {
				for what, q := range map[string]billing.LoadQuery{
					"above": {IDs: ids(10), Lock: billing.LockWait, Above: billing.AboveShare}, "of AboveToo": {AboveToo: ids(1), Above: billing.AboveShare},
				} {
					st := open(t, h, 0)
					write(t, st, &billing.Batch{Accounts: family()})
					share := func(ctx context.Context, rows billing.Rows) error { _, err := rows.Load(ctx, q); return err }
					version := int64(1)
					for how, change := range map[string]rowsFunc{
						"locks": pay(1),
						"writes": func(ctx context.Context, rows billing.Rows) error {
							loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: ids(1)})
							if err != nil || len(loaded.States) != 1 {
								return fmt.Errorf("%w: %d states, %v", errRefused, len(loaded.States), err)
							}
							return rows.Write(ctx, &billing.Batch{Accounts: []billing.Account{later(loaded.States[0].Account)}})
						},
					} {
						first := hold(t, st, share)
						done, failed := make(chan struct{}), error(nil)
						go func() {
							defer close(done)
							failed = update(t.Context(), st, change)
						}()
						if conformance.Closed(done, moment) {
							t.Errorf("one that %s an account did not wait for the transaction that shares it %s", how, what)
						}
						first.end(t, h)
						if !conformance.Closed(done, h.patience()) {
							t.Fatalf("one that %s an account still waits after the transaction that shared it %s has ended", how, what)
						}
						t.OK(failed, "the transaction that %s an account", how)
						version++
						t.Equal(accountAt(t, st, 1).Version, version, "version of the account that was shared")
					}
					if !h.Concurrent {
						continue
					}
					first := hold(t, st, share)
					var got billing.Loaded
					done, failed := make(chan struct{}), error(nil)
					go func() {
						defer close(done)
						failed = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
							got, err = rows.Load(ctx, billing.LoadQuery{IDs: ids(1, 3), Lock: billing.LockSkip})
							return err
						})
					}()
					skipped := conformance.Closed(done, h.patience())
					first.end(t, h)
					if !skipped {
						t.Fatalf("LockSkip waits for an account that is shared %s", what)
					}
					t.OK(failed, "the transaction that skips")
					t.Equal(stateIDs(got), ids(3), "accounts that are not shared %s", what)
				}
			},
		},
		{
			ID: "LOCK-9", Name: "sharing waits",
			Text: "AboveShare waits while another transaction holds the account's lock, and then reads what that one left.",
			Why:  "A reseller that was suspended a moment ago must be seen as suspended.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				write(t, st, &billing.Batch{Accounts: family()})
				first := hold(t, st, pay(1))
				var got billing.Loaded
				done, failed := make(chan struct{}), error(nil)
				go func() {
					defer close(done)
					failed = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
						got, err = rows.Load(ctx, billing.LoadQuery{IDs: ids(11), Lock: billing.LockWait, Above: billing.AboveShare})
						return err
					})
				}()
				if conformance.Closed(done, moment) {
					t.Errorf("AboveShare did not wait for the transaction that holds the account above")
				}
				first.end(t, h)
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("AboveShare still waits after the other transaction has ended")
				}
				t.OK(failed, "the transaction that waited")
				t.Equal(aboveIDs(got), ids(1, 2), "accounts above")
				t.Equal(got.Above, []billing.Account{accountAt(t, st, 1), accountAt(t, st, 2)}, "accounts above after the wait")
			},
		},
		{
			ID: "LOCK-10", Name: "order above and below",
			Text: "The accounts above are locked before those of IDs, by ID: writers of customers and of the doubles above them all succeed.",
			Why:  "A suspension of a reseller would otherwise deadlock with the night's run.",
			Check: func(t *conformance.T, h Harness) {
				const each = 5
				st := open(t, h, 0)
				write(t, st, &billing.Batch{Accounts: family()})
				failures := make(chan error, 5)
				var group sync.WaitGroup
				for _, change := range []rowsFunc{below(10), below(12, 11), below(11, 10), pay(1, 10, 11), pay(11, 3, 2)} {
					group.Go(func() {
						for range each {
							if err := update(t.Context(), st, change); err != nil {
								failures <- err
								return
							}
						}
					})
				}
				group.Wait()
				close(failures)
				for err := range failures {
					t.Errorf("a writer failed: %v", err)
				}
				for id, n := range map[billing.AccountID]int64{1: 1, 2: 1, 3: 1, 10: 3, 11: 4, 12: 1} {
					t.Equal(accountAt(t, st, id).Version, n*each+1, "version of account %d", id)
				}
			},
		},
	}
}

// below writes accounts while it shares those above them.
func below(list ...billing.AccountID) rowsFunc {
	return func(ctx context.Context, rows billing.Rows) error {
		loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: list, Lock: billing.LockWait, Above: billing.AboveShare})
		if err != nil {
			return err
		}
		b := &billing.Batch{}
		for _, s := range loaded.States {
			b.Accounts = append(b.Accounts, later(s.Account))
		}
		return rows.Write(ctx, b)
	}
}

// pay locks accounts and writes one payment of a minor unit to each.
func pay(list ...billing.AccountID) rowsFunc {
	return func(ctx context.Context, rows billing.Rows) error {
		loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: list, Lock: billing.LockWait})
		if err != nil {
			return err
		}
		b := &billing.Batch{}
		for _, s := range loaded.States {
			a := later(s.Account)
			a.EntrySeq++
			e := entry(a.ID, a.EntrySeq, -1)
			e.Kind = billing.EntryPayment
			if a.Balance, err = a.Balance.Sub(e.Amount); err != nil {
				return err
			}
			b.Accounts, b.Entries = append(b.Accounts, a), append(b.Entries, e)
		}
		return rows.Write(ctx, b)
	}
}

// held is a transaction that is kept open on a goroutine of its own.
type held struct {
	release chan struct{}
	done    chan struct{}
	err     error
}

// hold runs fn in an Update and keeps it open until end is called.
func hold(t *conformance.T, st billing.Store, fn rowsFunc) *held {
	t.Helper()
	x := &held{release: make(chan struct{}), done: make(chan struct{})}
	ready := make(chan struct{}, 1)
	go func() {
		defer close(x.done)
		x.err = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			if err := fn(ctx, rows); err != nil {
				return err
			}
			select {
			case ready <- struct{}{}:
			default: // run again
			}
			select {
			case <-x.release:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	select {
	case <-ready:
	case <-x.done:
		t.Fatalf("the first transaction: %v", x.err)
	}
	return x
}

// end lets the transaction commit.
func (x *held) end(t *conformance.T, h Harness) {
	t.Helper()
	close(x.release)
	if !conformance.Closed(x.done, h.patience()) {
		t.Fatalf("the first transaction is stuck")
	}
	t.OK(x.err, "the first transaction")
}
