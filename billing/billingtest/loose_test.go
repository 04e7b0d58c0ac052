package billingtest_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/billing/billingtest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func looseMutants() []mutant {
	concurrent := func(h *billingtest.Harness) { h.Concurrent = true }
	of := func(fault string) func() billing.Store { return func() billing.Store { return newLoose(fault) } }
	return []mutant{
		{name: "neither locks nor versions", rules: []string{"LOCK-1", "LOCK-2"}, shape: concurrent, make: of("no locks, no versions")},
		{name: "no locks", rules: []string{"LOCK-2", "LOCK-3", "LOCK-4"}, shape: concurrent, make: of("no locks")},
		{name: "due is judged before the lock", rules: []string{"LOCK-3"}, shape: concurrent, make: of("judges early")},
		{name: "skipping waits", rules: []string{"LOCK-4"}, shape: concurrent, make: of("skip waits")},
		{name: "skipping does not lock", rules: []string{"LOCK-4"}, shape: concurrent, make: of("skip does not lock")},
		{name: "all wait for one", rules: []string{"LOCK-5"}, shape: concurrent, make: func() billing.Store { return memory.New() }},
		{name: "locks in any order", rules: []string{"LOCK-6"}, shape: concurrent, make: of("any order")},
	}
}

// loose is a store in which transactions really run at the same time: they lock
// accounts, read what is committed, and keep what they write until the commit. It is
// as much of a store as the rules about locks need.
type loose struct {
	*memory.Store
	fault string

	mu     sync.Mutex
	locked map[billing.AccountID]*looseTx
	freed  chan struct{} // closed and replaced when locks are freed
}

type looseTx struct {
	billing.Rows // nil: what is not needed
	st           *loose
	writes       []*billing.Batch
	changes      []billing.CatalogChange
}

func newLoose(fault string) *loose {
	return &loose{Store: memory.New(), fault: fault, locked: map[billing.AccountID]*looseTx{}, freed: make(chan struct{})}
}

func (t *looseTx) StoreID() any { return t.st }

func (s *loose) Update(ctx context.Context, fn txFunc) error {
	ctx, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		if err = s.once(ctx, fn); try >= 20 || !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
}

func (s *loose) once(ctx context.Context, fn txFunc) error {
	t := &looseTx{st: s}
	defer s.unlock(t)
	if err := fn(ctx, t); err != nil {
		return err
	}
	return s.Store.Update(unmarked{ctx}, func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Store.Billing(tx)
		if err != nil {
			return err
		}
		for _, c := range t.changes {
			if err := rows.PutCatalog(ctx, c); err != nil {
				return err
			}
		}
		for _, b := range t.writes {
			if s.fault == "no locks, no versions" {
				b = &billing.Batch{Accounts: each(b.Accounts, func(a *billing.Account) {
					if old, ok := stored(ctx, rows, a.ID); ok {
						a.Version = old.Version + 1
					}
				}), Entries: without(b.Entries, func(e billing.Entry) bool { return entryThere(ctx, rows, e.ID()) })}
			}
			if err := rows.Write(ctx, b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *loose) unlock(t *looseTx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, holder := range s.locked {
		if holder == t {
			delete(s.locked, id)
		}
	}
	close(s.freed)
	s.freed = make(chan struct{})
}

func (s *loose) Billing(tx storage.Tx) (billing.Rows, error) {
	if t, ok := tx.(*looseTx); ok {
		return t, nil
	}
	return s.Store.Billing(tx)
}

// lock locks an account, or reports false if it is to be skipped.
func (t *looseTx) lock(ctx context.Context, id billing.AccountID, how billing.Lock) (bool, error) {
	patience := 10 * time.Second
	if t.st.fault == "any order" {
		patience = 300 * time.Millisecond // two that wait for each other give up
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t.st.mu.Lock()
		holder, freed := t.st.locked[id], t.st.freed
		if holder == nil || holder == t {
			if how == billing.LockWait || t.st.fault != "skip does not lock" {
				t.st.locked[id] = t
			}
			t.st.mu.Unlock()
			return true, nil
		}
		t.st.mu.Unlock()
		if how == billing.LockSkip && t.st.fault != "skip waits" {
			return false, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (t *looseTx) Load(ctx context.Context, q billing.LoadQuery) (l billing.Loaded, err error) {
	how, ids := q.Lock, slices.Clone(q.IDs)
	q.Lock = billing.LockNone
	if t.st.fault == "judges early" && !q.DueBy.IsZero() {
		if err := aside(t.st.Store, ctx, func(ctx context.Context, rows billing.Rows) (err error) {
			l, err = rows.Load(ctx, q)
			return err
		}); err != nil {
			return l, err
		}
		ids, q.DueBy = nil, billing.Date{}
		for _, s := range l.States {
			ids = append(ids, s.Account.ID)
		}
	}
	if how != billing.LockNone && t.st.fault != "no locks" && t.st.fault != "no locks, no versions" {
		if t.st.fault != "any order" {
			slices.Sort(ids)
		}
		var got []billing.AccountID
		for _, id := range ids {
			if t.st.fault == "any order" {
				yield()
			}
			ok, err := t.lock(ctx, id, how)
			if err != nil {
				return l, err
			}
			if ok {
				got = append(got, id)
			}
		}
		ids = got
	}
	q.IDs = ids
	err = aside(t.st.Store, ctx, func(ctx context.Context, rows billing.Rows) (err error) {
		l, err = rows.Load(ctx, q)
		return err
	})
	if t.st.fault == "no locks, no versions" {
		yield()
	}
	return l, err
}

// yield lets the rivals go on.
func yield() {
	for range 50 {
		runtime.Gosched()
	}
}

func (t *looseTx) Write(_ context.Context, b *billing.Batch) error {
	t.writes = append(t.writes, b)
	return nil
}

func (t *looseTx) PutCatalog(_ context.Context, c billing.CatalogChange) error {
	t.changes = append(t.changes, c)
	return nil
}
