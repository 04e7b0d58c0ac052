package simulation

import (
	"context"
	"errors"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
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
	reseller.Store

	mu     sync.Mutex
	count  int
	decide func(n int, call string) Fault
	fired  int
	calls  map[string]int // points by the name of the call
}

// NewFaulty returns a store that works like the inner one until it is told otherwise.
func NewFaulty(inner reseller.Store) *Faulty { return &Faulty{Store: inner, calls: map[string]int{}} }

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
	return faultyRows{rows, points{f, t}}, nil
}

// Reseller implements [reseller.Store].
func (f *Faulty) Reseller(tx storage.Tx) (reseller.Rows, error) {
	t, ok := tx.(*faultyTx)
	if !ok { // made by a Wrap of the inner store
		return f.Store.Reseller(tx)
	}
	if fault := f.point("Reseller", FaultBefore, FaultDefect, FaultConflict); fault != NoFault {
		return nil, injected(fault)
	}
	rows, err := f.Store.Reseller(t.Tx)
	if err != nil {
		return nil, err
	}
	return faultyWholesale{rows, points{f, t}}, nil
}

// Outbox implements [storage.OutboxStore]. Its calls do not fail.
func (f *Faulty) Outbox(tx storage.Tx) (storage.Outbox, error) {
	if t, ok := tx.(*faultyTx); ok {
		tx = t.Tx
	}
	return f.Store.Outbox(tx)
}

// points are those of the calls within a transaction.
type points struct {
	f *Faulty
	t *faultyTx
}

// faultyRows are the rows of the inner store within a transaction.
type faultyRows struct {
	inner billing.Rows
	points
}

// through makes a call with the fault that there is at it.
func through[T any](r points, name string, call func() (T, error)) (T, error) {
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
	_, err := through(r.points, "PutCatalog", func() (struct{}, error) { return struct{}{}, r.inner.PutCatalog(ctx, c) })
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
	return through(r.points, "Revision", func() (int64, error) { return r.inner.Revision(ctx) })
}

func (r faultyRows) Resources(ctx context.Context) ([]billing.Resource, error) {
	return through(r.points, "Resources", func() ([]billing.Resource, error) { return r.inner.Resources(ctx) })
}

func (r faultyRows) Seller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	return through(r.points, "Seller", func() (billing.Seller, error) { return r.inner.Seller(ctx, id) })
}

func (r faultyRows) Sellers(ctx context.Context, after billing.SellerID, limit int) ([]billing.Seller, error) {
	return through(r.points, "Sellers", func() ([]billing.Seller, error) { return r.inner.Sellers(ctx, after, limit) })
}

func (r faultyRows) Plan(ctx context.Context, seller billing.SellerID, id billing.PlanID) (billing.Plan, error) {
	return through(r.points, "Plan", func() (billing.Plan, error) { return r.inner.Plan(ctx, seller, id) })
}

func (r faultyRows) Plans(ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int) ([]billing.Plan, error) {
	return through(r.points, "Plans", func() ([]billing.Plan, error) { return r.inner.Plans(ctx, seller, after, limit) })
}

func (r faultyRows) PlanVersion(ctx context.Context, seller billing.SellerID, id billing.PlanID, version int) (billing.PlanVersion, error) {
	return through(r.points, "PlanVersion", func() (billing.PlanVersion, error) { return r.inner.PlanVersion(ctx, seller, id, version) })
}

func (r faultyRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	return through(r.points, "Load", func() (billing.Loaded, error) { return r.inner.Load(ctx, q) })
}

func (r faultyRows) Due(ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
	return through(r.points, "Due", func() ([]billing.DueAccount, error) { return r.inner.Due(ctx, q, after, limit) })
}

func (r faultyRows) Accounts(ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
	return through(r.points, "Accounts", func() ([]billing.Account, error) { return r.inner.Accounts(ctx, q, after, limit) })
}

func (r faultyRows) Holdings(ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
	return through(r.points, "Holdings", func() ([]billing.Holding, error) { return r.inner.Holdings(ctx, ids) })
}

func (r faultyRows) Entries(ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
	return through(r.points, "Entries", func() ([]billing.Entry, error) { return r.inner.Entries(ctx, q, after, limit) })
}

func (r faultyRows) EntriesByID(ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error) {
	return through(r.points, "EntriesByID", func() ([]billing.Entry, error) { return r.inner.EntriesByID(ctx, ids) })
}

func (r faultyRows) Documents(ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
	return through(r.points, "Documents", func() ([]billing.Document, error) { return r.inner.Documents(ctx, q, after, limit) })
}

func (r faultyRows) Series(ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
	return through(r.points, "Series", func() ([]billing.Document, error) { return r.inner.Series(ctx, seller, kind, after, limit) })
}

func (r faultyRows) Periods(ctx context.Context, account billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error) {
	return through(r.points, "Periods", func() ([]billing.PeriodRow, error) { return r.inner.Periods(ctx, account, after, limit) })
}

func (r faultyRows) Usage(ctx context.Context, account billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error) {
	return through(r.points, "Usage", func() ([]billing.UsageRecord, error) { return r.inner.Usage(ctx, account, after, limit) })
}

func (r faultyRows) Sum(ctx context.Context, account billing.AccountID, until billing.Date) (int64, error) {
	return through(r.points, "Sum", func() (int64, error) { return r.inner.Sum(ctx, account, until) })
}

// faultyWholesale are the rows of package reseller within a transaction. The points of
// its calls are named "Wholesale ...".
type faultyWholesale struct {
	inner reseller.Rows
	points
}

func (r faultyWholesale) Load(ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
	return through(r.points, "Wholesale Load", func() (reseller.Loaded, error) { return r.inner.Load(ctx, q) })
}

func (r faultyWholesale) Lock(ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
	return through(r.points, "Wholesale Lock", func() ([]reseller.Stock, error) { return r.inner.Lock(ctx, keys) })
}

func (r faultyWholesale) Write(ctx context.Context, b *reseller.Batch) error {
	_, err := through(r.points, "Wholesale Write", func() (struct{}, error) { return struct{}{}, r.inner.Write(ctx, b) })
	return err
}

func (r faultyWholesale) Shadows(ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
	return through(r.points, "Wholesale Shadows", func() ([]reseller.Shadow, error) { return r.inner.Shadows(ctx, q, after, limit) })
}

func (r faultyWholesale) Holdings(ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error) {
	return through(r.points, "Wholesale Holdings", func() ([]reseller.Holding, error) {
		return r.inner.Holdings(ctx, seller, account, resource, limit)
	})
}

func (r faultyWholesale) Stocks(ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
	return through(r.points, "Wholesale Stocks", func() ([]reseller.Stock, error) { return r.inner.Stocks(ctx, seller) })
}

func (r faultyWholesale) Books(ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
	return through(r.points, "Wholesale Books", func() (reseller.Books, error) { return r.inner.Books(ctx, seller) })
}

func (r faultyWholesale) Bills(ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error) {
	return through(r.points, "Wholesale Bills", func() ([]reseller.Bill, error) { return r.inner.Bills(ctx, q, day, resource, limit) })
}

func (r faultyWholesale) Sums(ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
	return through(r.points, "Wholesale Sums", func() ([]reseller.Sum, error) { return r.inner.Sums(ctx, seller, day) })
}

func (r faultyWholesale) OpenDays(ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
	return through(r.points, "Wholesale OpenDays", func() ([]reseller.OpenDay, error) { return r.inner.OpenDays(ctx, until, after, limit) })
}

func (r faultyWholesale) Transfer(ctx context.Context, account billing.AccountID) (reseller.Transfer, error) {
	return through(r.points, "Wholesale Transfer", func() (reseller.Transfer, error) { return r.inner.Transfer(ctx, account) })
}

func (r faultyWholesale) Transfers(ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
	return through(r.points, "Wholesale Transfers", func() ([]reseller.Transfer, error) { return r.inner.Transfers(ctx, state, after, limit) })
}
