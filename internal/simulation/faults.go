package simulation

import (
	"context"
	"errors"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Fault is a way for a call of a store to fail.
type Fault uint8

// The faults. Where one makes no sense at a call it does nothing.
const (
	NoFault Fault = iota
	// FaultBefore: the call fails and has done nothing; at a commit, nothing is committed.
	FaultBefore
	// FaultAfter: the call does its work in the transaction, then fails.
	FaultAfter
	// FaultDefect is FaultBefore with an error that says nothing of its kind.
	FaultDefect
	// FaultConflict: storage.ErrConflict. The store runs the transaction again; at its
	// begin, it has given up doing so.
	FaultConflict
	// FaultCancel: the context ends during the call.
	FaultCancel
	// FaultLost: the transaction is committed and the answer is lost.
	FaultLost
)

// Faults lists all faults.
func Faults() []Fault {
	return []Fault{FaultBefore, FaultAfter, FaultDefect, FaultConflict, FaultCancel, FaultLost}
}

// String names the fault.
func (f Fault) String() string {
	return [...]string{"none", "before", "after", "defect", "conflict", "cancel", "lost"}[f]
}

// ErrInjected is in every error that a [Faulty] store makes, conflicts apart.
var ErrInjected = errors.New("injected fault")

// Faulty is a store whose calls fail on request. Every call of the store, and every
// begin and commit of a transaction, is a point, counted from 1.
type Faulty struct {
	billing.Store

	mu     sync.Mutex
	count  int
	decide func(n int, call string) Fault
	fired  int
	calls  map[string]int // points by the name of the call
}

// NewFaulty returns a store that works like the inner one until it is told otherwise.
func NewFaulty(inner billing.Store) *Faulty { return &Faulty{Store: inner, calls: map[string]int{}} }

// Decide counts anew from here, and asks the function at every point which fault
// there is; nil: none.
func (f *Faulty) Decide(decide func(n int, call string) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count, f.fired, f.decide = 0, 0, decide
}

// At makes the n-th point from here fail, once.
func (f *Faulty) At(n int, fault Fault) {
	f.Decide(func(at int, _ string) Fault {
		if at == n {
			return fault
		}
		return NoFault
	})
}

// Points returns how many points there were, and how many faults took place, since
// the last Decide.
func (f *Faulty) Points() (points, fired int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count, f.fired
}

// Calls returns how often each point was passed since the store was made, by name.
func (f *Faulty) Calls() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[string]int, len(f.calls))
	for name, n := range f.calls {
		out[name] = n
	}
	return out
}

// point passes a point and returns the fault there, if it is one of those that make
// sense at it.
func (f *Faulty) point(call string, sensible ...Fault) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	f.calls[call]++
	if f.decide == nil {
		return NoFault
	}
	fault := f.decide(f.count, call)
	for _, s := range sensible {
		if s == fault {
			f.fired++
			return fault
		}
	}
	return NoFault
}

func injected(f Fault) error {
	switch f {
	case FaultDefect:
		return ErrInjected
	case FaultConflict:
		return storage.ErrConflict
	case FaultLost:
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, ErrInjected)
	}
	return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, ErrInjected)
}

// faultyTx is a transaction of the inner store with what is decided about its end.
type faultyTx struct {
	storage.Tx
	cancel  context.CancelFunc
	decided bool  // the fault at the commit was asked for early
	commit  Fault // at the commit
}

// Update implements [storage.Transactor].
func (f *Faulty) Update(ctx context.Context, fn func(context.Context, storage.Tx) error) error {
	return f.transact(ctx, "Update", f.Store.Update, fn)
}

// View implements [storage.Transactor].
func (f *Faulty) View(ctx context.Context, fn func(context.Context, storage.Tx) error) error {
	return f.transact(ctx, "View", f.Store.View, fn)
}

func (f *Faulty) transact(ctx context.Context, name string,
	run func(context.Context, func(context.Context, storage.Tx) error) error, fn func(context.Context, storage.Tx) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch fault := f.point(name, FaultBefore, FaultDefect, FaultConflict, FaultCancel); fault {
	case NoFault:
	case FaultCancel:
		cancel()
	default:
		return injected(fault)
	}
	err := run(ctx, func(ctx context.Context, tx storage.Tx) error {
		t := &faultyTx{Tx: tx, cancel: cancel}
		if err := fn(ctx, t); err != nil {
			return err
		}
		if name == "View" {
			return nil
		}
		f.decideCommit(t)
		switch t.commit {
		case NoFault:
			return nil
		case FaultCancel:
			cancel()
			return nil
		}
		return injected(t.commit)
	})
	if err != nil {
		return err
	}
	if fault := f.point(name+" answer", FaultLost); fault != NoFault {
		return injected(fault)
	}
	return nil
}

func (f *Faulty) decideCommit(t *faultyTx) {
	if !t.decided {
		t.decided, t.commit = true, f.point("commit", FaultBefore, FaultDefect, FaultConflict, FaultCancel)
	}
}

// Billing implements [billing.Store].
func (f *Faulty) Billing(tx storage.Tx) (billing.Rows, error) {
	t, ok := tx.(*faultyTx)
	if !ok { // made by a Wrap of the inner store
		return f.Store.Billing(tx)
	}
	if fault := f.point("Billing", FaultBefore, FaultDefect, FaultConflict); fault != NoFault {
		return nil, injected(fault)
	}
	rows, err := f.Store.Billing(t.Tx)
	if err != nil {
		return nil, err
	}
	return faultyRows{rows, f, t}, nil
}

// Outbox implements [storage.OutboxStore]. Its calls do not fail.
func (f *Faulty) Outbox(tx storage.Tx) (storage.Outbox, error) {
	if t, ok := tx.(*faultyTx); ok {
		tx = t.Tx
	}
	return f.Store.Outbox(tx)
}

// faultyRows are the rows of the inner store within a transaction.
type faultyRows struct {
	inner billing.Rows
	f     *Faulty
	t     *faultyTx
}

// through makes a call with the fault that there is at it.
func through[T any](r faultyRows, name string, call func() (T, error)) (T, error) {
	var zero T
	fault := r.f.point(name, FaultBefore, FaultAfter, FaultDefect, FaultConflict, FaultCancel)
	switch fault {
	case NoFault:
		return call()
	case FaultCancel:
		r.t.cancel()
		return call()
	case FaultAfter:
		if _, err := call(); err != nil {
			return zero, err
		}
	}
	return zero, injected(fault)
}

func (r faultyRows) PutCatalog(ctx context.Context, c billing.CatalogChange) error {
	_, err := through(r, "PutCatalog", func() (struct{}, error) { return struct{}{}, r.inner.PutCatalog(ctx, c) })
	return err
}

// Write asks for the faults at the write and at the commit together: a store may
// commit in the same round trip, which must not happen if the transaction is to fail.
func (r faultyRows) Write(ctx context.Context, b *billing.Batch) error {
	fault := r.f.point("Write", FaultBefore, FaultAfter, FaultDefect, FaultConflict, FaultCancel)
	switch fault {
	case NoFault:
	case FaultCancel:
		r.t.cancel()
	case FaultAfter:
		open := *b
		open.Final = false
		if err := r.inner.Write(ctx, &open); err != nil {
			return err
		}
		return injected(fault)
	default:
		return injected(fault)
	}
	if b.Final {
		if r.f.decideCommit(r.t); r.t.commit != NoFault {
			open := *b
			open.Final = false
			return r.inner.Write(ctx, &open)
		}
	}
	return r.inner.Write(ctx, b)
}

func (r faultyRows) Revision(ctx context.Context) (int64, error) {
	return through(r, "Revision", func() (int64, error) { return r.inner.Revision(ctx) })
}

func (r faultyRows) Resources(ctx context.Context) ([]billing.Resource, error) {
	return through(r, "Resources", func() ([]billing.Resource, error) { return r.inner.Resources(ctx) })
}

func (r faultyRows) Seller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	return through(r, "Seller", func() (billing.Seller, error) { return r.inner.Seller(ctx, id) })
}

func (r faultyRows) Sellers(ctx context.Context, after billing.SellerID, limit int) ([]billing.Seller, error) {
	return through(r, "Sellers", func() ([]billing.Seller, error) { return r.inner.Sellers(ctx, after, limit) })
}

func (r faultyRows) Plan(ctx context.Context, seller billing.SellerID, id billing.PlanID) (billing.Plan, error) {
	return through(r, "Plan", func() (billing.Plan, error) { return r.inner.Plan(ctx, seller, id) })
}

func (r faultyRows) Plans(ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int) ([]billing.Plan, error) {
	return through(r, "Plans", func() ([]billing.Plan, error) { return r.inner.Plans(ctx, seller, after, limit) })
}

func (r faultyRows) PlanVersion(ctx context.Context, seller billing.SellerID, id billing.PlanID, version int) (billing.PlanVersion, error) {
	return through(r, "PlanVersion", func() (billing.PlanVersion, error) { return r.inner.PlanVersion(ctx, seller, id, version) })
}

func (r faultyRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	return through(r, "Load", func() (billing.Loaded, error) { return r.inner.Load(ctx, q) })
}

func (r faultyRows) Due(ctx context.Context, day billing.Date, after billing.AccountID, limit int) ([]billing.AccountID, error) {
	return through(r, "Due", func() ([]billing.AccountID, error) { return r.inner.Due(ctx, day, after, limit) })
}

func (r faultyRows) Accounts(ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
	return through(r, "Accounts", func() ([]billing.Account, error) { return r.inner.Accounts(ctx, q, after, limit) })
}

func (r faultyRows) Holdings(ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
	return through(r, "Holdings", func() ([]billing.Holding, error) { return r.inner.Holdings(ctx, ids) })
}

func (r faultyRows) Entries(ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
	return through(r, "Entries", func() ([]billing.Entry, error) { return r.inner.Entries(ctx, q, after, limit) })
}

func (r faultyRows) Documents(ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
	return through(r, "Documents", func() ([]billing.Document, error) { return r.inner.Documents(ctx, q, after, limit) })
}

func (r faultyRows) Series(ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
	return through(r, "Series", func() ([]billing.Document, error) { return r.inner.Series(ctx, seller, kind, after, limit) })
}

func (r faultyRows) Periods(ctx context.Context, account billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error) {
	return through(r, "Periods", func() ([]billing.PeriodRow, error) { return r.inner.Periods(ctx, account, after, limit) })
}

func (r faultyRows) Usage(ctx context.Context, account billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error) {
	return through(r, "Usage", func() ([]billing.UsageRecord, error) { return r.inner.Usage(ctx, account, after, limit) })
}

func (r faultyRows) Sum(ctx context.Context, account billing.AccountID, until billing.Date) (int64, error) {
	return through(r, "Sum", func() (int64, error) { return r.inner.Sum(ctx, account, until) })
}
