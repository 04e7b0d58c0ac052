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
		{name: "sharing excludes", rules: []string{"LOCK-7"}, shape: concurrent, make: of("share excludes")},
		{name: "sharing does not lock", rules: []string{"LOCK-8", "LOCK-9"}, shape: concurrent, make: of("share does not lock")},
		{name: "AboveToo is not locked", rules: []string{"LOCK-8"}, shape: concurrent, make: of("share forgets too")},
		{name: "sharing does not hold off writes", rules: []string{"LOCK-8"}, shape: concurrent, make: of("writes do not wait")},
		{name: "sharing is not skipped", rules: []string{"LOCK-8"}, shape: concurrent, make: of("skip ignores shares")},
		{name: "those above are read before the lock", rules: []string{"LOCK-9"}, shape: concurrent, make: of("above is read early")},
		{name: "those above are locked last", rules: []string{"LOCK-10"}, shape: concurrent, make: of("above last")},
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
	shared map[billing.AccountID]map[*looseTx]bool
	freed  chan struct{} // closed and replaced when locks are freed
}

type looseTx struct {
	billing.Rows // nil: what is not needed
	st           *loose
	writes       []*billing.Batch
	changes      []billing.CatalogChange
}

func newLoose(fault string) *loose {
	return &loose{Store: memory.New(), fault: fault, locked: map[billing.AccountID]*looseTx{}, shared: map[billing.AccountID]map[*looseTx]bool{}, freed: make(chan struct{})}
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
	for _, holders := range s.shared {
		delete(holders, t)
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
	if t.st.fault == "any order" || t.st.fault == "above last" {
		patience = 300 * time.Millisecond // two that wait for each other give up
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t.st.mu.Lock()
		holder, freed := t.st.locked[id], t.st.freed
		others := len(t.st.shared[id])
		if t.st.shared[id][t] {
			others--
		}
		if t.st.fault == "skip ignores shares" && how == billing.LockSkip {
			others = 0
		}
		if (holder == nil || holder == t) && others == 0 {
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

// share locks the accounts above, or else those of a list, so that nobody writes them.
func (t *looseTx) share(ctx context.Context, q billing.LoadQuery) error {
	q.Above, q.Lock, q.DueBy = billing.AboveRead, billing.LockNone, billing.Date{}
	if t.st.fault == "share forgets too" {
		q.AboveToo = nil
	}
	var above []billing.Account
	if err := aside(t.st.Store, ctx, func(ctx context.Context, rows billing.Rows) error {
		l, err := rows.Load(ctx, q)
		above = l.Above
		return err
	}); err != nil {
		return err
	}
	for _, a := range above {
		if err := t.shareOne(ctx, a.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *looseTx) shareOne(ctx context.Context, id billing.AccountID) error {
	if t.st.fault == "share excludes" {
		_, err := t.lock(ctx, id, billing.LockWait)
		return err
	}
	patience := 10 * time.Second
	if t.st.fault == "above last" {
		time.Sleep(2 * time.Millisecond) // so that it meets its rivals
		patience = 300 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t.st.mu.Lock()
		holder, freed := t.st.locked[id], t.st.freed
		if holder == nil || holder == t {
			if t.st.shared[id] == nil {
				t.st.shared[id] = map[*looseTx]bool{}
			}
			t.st.shared[id][t] = true
			t.st.mu.Unlock()
			return nil
		}
		t.st.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *looseTx) Load(ctx context.Context, q billing.LoadQuery) (l billing.Loaded, err error) {
	how, ids := q.Lock, slices.Clone(q.IDs)
	share := q.Above == billing.AboveShare && t.st.fault != "share does not lock"
	early := func() error {
		return aside(t.st.Store, ctx, func(ctx context.Context, rows billing.Rows) (err error) {
			q := q
			q.Above, q.Lock = min(q.Above, billing.AboveRead), billing.LockNone
			l, err = rows.Load(ctx, q)
			return err
		})
	}
	if t.st.fault == "above is read early" && q.Above != billing.AboveNone {
		if err := early(); err != nil {
			return l, err
		}
		above := l.Above
		defer func() { l.Above = above }()
	}
	whole := q
	if share && t.st.fault != "above last" {
		if err := t.share(ctx, whole); err != nil {
			return l, err
		}
	}
	q.Lock, q.Above = billing.LockNone, min(q.Above, billing.AboveRead)
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
	if share && t.st.fault == "above last" {
		if err := t.share(ctx, whole); err != nil {
			return l, err
		}
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

// Write locks the accounts that it writes, as a database does.
func (t *looseTx) Write(ctx context.Context, b *billing.Batch) error {
	if !slices.Contains([]string{"no locks", "no locks, no versions", "writes do not wait"}, t.st.fault) {
		for _, a := range b.Accounts {
			if _, err := t.lock(ctx, a.ID, billing.LockWait); err != nil {
				return err
			}
		}
	}
	t.writes = append(t.writes, b)
	return nil
}

func (t *looseTx) PutCatalog(_ context.Context, c billing.CatalogChange) error {
	t.changes = append(t.changes, c)
	return nil
}
