package billing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// RunOptions are the settings of [Engine.Run]. The zero value works.
type RunOptions struct {
	// Workers work at once, each in transactions of its own; 0: 1. More than one helps
	// where the store takes several writers (PostgreSQL).
	Workers int
	// Batch is how many accounts share a transaction; 0: 500.
	Batch int
	// Progress, if not nil, is called after each batch, by one goroutine at a time.
	Progress func(RunProgress)
}

// RunProgress says how far a run has come.
type RunProgress struct {
	Done int64 // accounts handled so far
	Due  int64 // accounts found due so far, those handled included
}

// RunReport says what a run did.
type RunReport struct {
	Day       Date
	Accounts  int64 // accounts whose boundaries were handled, or that were parked
	Billed    int64 // of them: a document was made
	Unchanged int64 // nothing to charge
	Boundary  int64 // boundaries handled
	Documents int64
	Entries   int64
	// Parked lists the accounts that the run parked; nobody bills them until they are
	// unparked.
	Parked []ParkedAccount
}

// ParkedAccount is an account that the run leaves alone, and why.
type ParkedAccount struct {
	Account AccountID
	Parking Parking
}

func (r *RunReport) add(o RunReport) {
	r.Accounts += o.Accounts
	r.Billed += o.Billed
	r.Unchanged += o.Unchanged
	r.Boundary += o.Boundary
	r.Documents += o.Documents
	r.Entries += o.Entries
	r.Parked = append(r.Parked, o.Parked...)
}

// Run handles every boundary up to and including a day: account by account in the
// order of creation, each account's boundaries by date, each document dated at its
// boundary and issued on day. It may be run late, again, by several processes at once,
// and be killed anywhere: the entries are the same, and when it returns nil no account
// that is not parked is due. Accounts are claimed and committed in batches; an account
// that cannot be billed is parked and reported, the others go on. An account whose rows
// the store cannot read or write stays due, and is named in the error.
//
// A boundary is handled once its day has begun in the seller's zone, so a run in UTC
// leaves accounts of sellers further west to the next one. A day that has begun
// nowhere yet is [ErrDayInFuture]. On an error the report says what was done until then.
func (e *Engine) Run(ctx context.Context, day Date, o RunOptions) (RunReport, error) {
	report := RunReport{Day: day}
	if e.tx != nil {
		return report, fmt.Errorf("billing.Run: runs in transactions of its own: %w", storage.ErrNestedTx)
	}
	began := e.opt.Clock.Now()
	if day.After(DateIn(began.Add(14*time.Hour), time.UTC)) { // the earliest zone's date
		return report, fmt.Errorf("billing.Run: %s: %w", day, ErrDayInFuture)
	}
	r := &runner{e: e, day: day, o: o}
	if r.o.Batch <= 0 {
		r.o.Batch = 500
	}
	r.o.Workers = max(1, r.o.Workers)
	// One pass takes what nobody else holds; the next waits for what others held, so
	// that nothing is due when we return.
	err := r.pass(ctx, &report, LockSkip)
	if err == nil && r.skipped.Load() {
		r.failed = nil // they are tried again
		err = r.pass(ctx, &report, LockWait)
	}
	err = errors.Join(append([]error{err}, r.failed...)...)
	if e.opt.Observer != nil {
		e.opt.Observer.Ran(report, e.opt.Clock.Now().Sub(began), err)
	}
	return report, err
}

type runner struct {
	e       *Engine
	day     Date
	o       RunOptions
	unpark  bool // write the account even if it has no boundary
	skipped atomic.Bool

	mu        sync.Mutex // guards the report and the progress
	done, due int64
	failed    []error // accounts that could not be read or written
}

// fail notes an account that could not be billed for a reason outside its books.
func (r *runner) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	const most = 20 // enough to see what is wrong
	if len(r.failed) < most {
		r.failed = append(r.failed, err)
	}
}

// pass goes once over all due accounts.
func (r *runner) pass(ctx context.Context, report *RunReport, lock Lock) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan []AccountID)
	var wg sync.WaitGroup
	for range r.o.Workers {
		wg.Go(func() {
			for ids := range work {
				part, err := r.batch(ctx, ids, lock)
				r.mu.Lock()
				report.add(part)
				r.done += int64(len(ids))
				if err == nil && r.o.Progress != nil {
					r.o.Progress(RunProgress{Done: r.done, Due: r.due})
				}
				r.mu.Unlock()
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	err := r.feed(ctx, work)
	close(work)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// feed lists the due accounts, page by page, and hands them out in batches.
func (r *runner) feed(ctx context.Context, work chan<- []AccountID) error {
	const page = 10_000
	for after := AccountID(0); ; {
		var ids []AccountID
		err := r.e.view(ctx, func(ctx context.Context, rows Rows) (err error) {
			ids, err = rows.Due(ctx, r.day, after, page)
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		r.mu.Lock()
		r.due += int64(len(ids))
		r.mu.Unlock()
		after = ids[len(ids)-1]
		for rest := ids; len(rest) > 0; {
			n := min(len(rest), r.o.Batch)
			select {
			case work <- rest[:n]:
			case <-ctx.Done():
				return nil // the cause is known to pass
			}
			rest = rest[n:]
		}
		if len(ids) < page {
			return nil
		}
	}
}

// batch bills accounts in one transaction. One that cannot be billed for a reason of
// its own is parked in it.
func (r *runner) batch(ctx context.Context, ids []AccountID, lock Lock) (RunReport, error) {
	part, err := r.attempt(ctx, ids, lock)
	if err == nil || ctx.Err() != nil || errors.Is(err, storage.ErrConflict) || tierhost.KindOf(err) == tierhost.KindUnavailable {
		return part, err
	}
	// Something in the batch cannot even be read or written: find out what.
	part = RunReport{}
	for _, id := range ids {
		one, oneErr := r.attempt(ctx, []AccountID{id}, lock)
		if ctx.Err() != nil {
			return part, oneErr
		}
		if oneErr != nil {
			// The others are billed all the same; the run reports the failure at its end.
			r.fail(fmt.Errorf("billing.Run: account %d: %w", id, oneErr))
			continue
		}
		part.add(one)
	}
	return part, nil
}

func (r *runner) attempt(ctx context.Context, ids []AccountID, lock Lock) (RunReport, error) {
	var part RunReport
	err := r.e.update(ctx, func(ctx context.Context, rows Rows, final bool) error {
		part = RunReport{}
		loaded, err := rows.Load(ctx, LoadQuery{IDs: ids, Lock: lock, DueBy: r.day, Usage: true})
		if err != nil {
			return err
		}
		if len(loaded.States) < len(ids) && lock == LockSkip {
			r.skipped.Store(true) // held by others, or done by them meanwhile
		}
		if len(loaded.States) == 0 {
			return nil
		}
		gen := r.e.cache.at(loaded.Revision)
		n := len(loaded.States)
		batch := &Batch{Final: final, Accounts: make([]Account, 0, n), Documents: make([]*Document, 0, n),
			Entries: make([]Entry, 0, 4*n), Events: make([]*storage.Event, 0, n)}
		for i := range loaded.States {
			if err := r.account(ctx, gen, rows, loaded.States[i], batch, &part); err != nil {
				return err
			}
		}
		if batch.empty() {
			return nil
		}
		return rows.Write(ctx, batch)
	})
	if err != nil {
		return RunReport{}, err
	}
	return part, nil
}

// account bills one account into the batch, or parks it.
func (r *runner) account(ctx context.Context, gen *generation, rows Rows, st State, batch *Batch, part *RunReport) error {
	b, n, at, err := r.e.bill(ctx, gen, rows, st, r.day, false)
	code, own := parkable(err)
	if err != nil && !own {
		return err
	}
	if err == nil && n == 0 && !r.unpark {
		return nil // its day has not begun where its seller is
	}
	part.Accounts++
	if own {
		park := Parking{Code: code, Reason: err.Error(), On: at}
		b = &book{acct: st.Account, now: r.e.now()}
		if n > 0 { // the boundaries before it are billed, as by a run of their day
			if good, m, _, err := r.e.bill(ctx, gen, rows, st, at.AddDays(-1), false); err == nil {
				b, n = good, m
				part.add(RunReport{Boundary: int64(n), Documents: int64(len(b.documents)), Entries: int64(len(b.entries))})
			}
		}
		b.acct.Parked = park
		b.event(AccountParkedEvent{Account: st.Account.ID, Code: park.Code, Reason: park.Reason, On: park.On})
		part.Parked = append(part.Parked, ParkedAccount{st.Account.ID, park})
		r.e.opt.Logger.WarnContext(ctx, "account parked", "account", int64(st.Account.ID), "code", park.Code, "reason", park.Reason)
	} else {
		part.Boundary += int64(n)
		part.Documents += int64(len(b.documents))
		part.Entries += int64(len(b.entries))
		if len(b.documents) > 0 {
			part.Billed++
		} else {
			part.Unchanged++
		}
	}
	b.rows(batch, r.e.opt.IDs, false)
	return nil
}

// bill works out an account's boundaries up to a day, or up to today in its seller's
// zone if that is earlier, issued today; n is how many, at the last one looked at. When ahead is true, the day itself counts as
// today.
func (e *Engine) bill(ctx context.Context, gen *generation, rows Rows, st State, day Date, ahead bool) (b *book, n int, at Date, err error) {
	at = st.Account.Next
	seller, err := gen.sellerOf(ctx, rows, st.Account.Seller)
	if err != nil {
		return nil, 0, at, err
	}
	today, err := e.today(seller)
	if err != nil {
		return nil, 0, at, err
	}
	if ahead && today.Before(day) {
		today = day
	}
	if today.Before(day) {
		day = today
	}
	if b, err = e.newBook(ctx, gen, rows, seller, st, today, nil); err != nil {
		return nil, 0, at, err
	}
	for !b.acct.Next.IsZero() && !b.acct.Next.After(day) {
		at = b.acct.Next
		b.worst = 0
		if err := b.boundary(at); err != nil {
			return nil, n, at, err
		}
		if b.worst > e.opt.RunEntryBound {
			return nil, n, at, &bound{account: st.Account.ID, entries: b.worst, most: e.opt.RunEntryBound, on: at}
		}
		if err := b.check(); err != nil {
			return nil, n, at, err
		}
		n++
	}
	return b, n, at, nil
}

// bound is a run that would make too many entries for one account and day.
type bound struct {
	account       AccountID
	entries, most int
	on            Date
}

func (b *bound) Error() string {
	return fmt.Sprintf("billing: account %d would get %d entries on %s, more than the bound of %d; check its plan, or raise the bound, and unpark it",
		b.account, b.entries, b.on, b.most)
}

// Unpark lets the run have an account again, and handles its boundaries up to a day
// at once; an account that still cannot be billed stays parked and is in the report.
// ErrUnknownAccount if there is none; one that is not parked is left alone.
func (e *Engine) Unpark(ctx context.Context, id AccountID, day Date) (RunReport, error) {
	report := RunReport{Day: day}
	err := e.update(ctx, func(ctx context.Context, rows Rows, final bool) error {
		report = RunReport{Day: day}
		loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{id}, Lock: LockWait, Usage: true})
		if err != nil {
			return err
		}
		if len(loaded.States) == 0 {
			return &Refusal{Action: "unpark", Account: id, sentinel: ErrUnknownAccount}
		}
		st := loaded.States[0]
		if st.Account.Parked.Code == "" {
			return nil
		}
		gen := e.cache.at(loaded.Revision)
		st.Account.Parked = Parking{}
		r := &runner{e: e, day: day, unpark: true}
		batch := &Batch{Final: final}
		if err := r.account(ctx, gen, rows, st, batch, &report); err != nil {
			return err
		}
		return rows.Write(ctx, batch)
	})
	return report, err
}
