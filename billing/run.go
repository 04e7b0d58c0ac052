package billing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
// leaves accounts of sellers further west to the next one; that of a double once its day
// has begun at any seller below it too. The end of a Leaving account's
// period is the hook's to handle ([Leaver]), which may have to leave it due for now. A day that has begun
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
	if err == nil && len(r.leaving) > 0 {
		// Those that leave come last, and what they leave to be done: they stay after all,
		// or have gone on in accounts that are due.
		if err = r.leave(ctx, &report); err == nil {
			err = r.pass(ctx, &report, LockWait)
		}
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
	leaving   []AccountID
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

// pass goes once over all due accounts: first over those that nobody is above, the
// highest doubles among them, then over the others, reseller by reseller.
func (r *runner) pass(ctx context.Context, report *RunReport, lock Lock) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	below := map[AccountID][]DueAccount{}
	err := r.work(ctx, cancel, report, lock, func(hand func(...unit) bool) error {
		return r.feed(ctx, hand, below)
	})
	if err != nil || len(below) == 0 {
		return err
	}
	return r.work(ctx, cancel, report, lock, func(hand func(...unit) bool) error {
		for _, units := range pack(below, r.o.Batch) {
			if !hand(units...) {
				return nil
			}
		}
		return nil
	})
}

// leave has the accounts leave that a pass has left to it. One that cannot does not hold
// up the others.
func (r *runner) leave(ctx context.Context, report *RunReport) error {
	slices.Sort(r.leaving)
	for _, id := range slices.Compact(r.leaving) {
		part, err := r.e.depart(ctx, id, r.day)
		report.add(part)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			r.fail(fmt.Errorf("billing.Run: account %d, which leaves: %w", id, err))
		}
	}
	return nil
}

// unit is accounts that are billed in one transaction, by ID.
type unit []DueAccount

// tops are the highest of those above the accounts, each once, by ID.
func (u unit) tops() []AccountID {
	var out []AccountID
	for i, d := range u {
		if d.Top != 0 && (i == 0 || d.Top != u[i-1].Top) {
			out = append(out, d.Top)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (u unit) ids() []AccountID {
	out := make([]AccountID, len(u))
	for i := range u {
		out[i] = u[i].ID
	}
	return out
}

// pack makes units of the accounts below each of the highest doubles. Those below one
// double are billed one after the other, by one worker, so that what they draw together
// is drawn in their order; small groups share a transaction.
func pack(below map[AccountID][]DueAccount, batch int) [][]unit {
	var out [][]unit
	var shared unit
	for _, top := range slices.Sorted(maps.Keys(below)) {
		group := below[top]
		if len(shared) > 0 && len(shared)+len(group) > batch {
			out = append(out, []unit{sorted(shared)})
			shared = nil
		}
		if len(group) < batch {
			shared = append(shared, group...)
			continue
		}
		var units []unit
		for part := range slices.Chunk(group, batch) {
			units = append(units, part)
		}
		out = append(out, units)
	}
	if len(shared) > 0 {
		out = append(out, []unit{sorted(shared)})
	}
	return out
}

func sorted(u unit) unit {
	slices.SortFunc(u, func(a, b DueAccount) int { return cmp.Compare(a.ID, b.ID) })
	return u
}

// work runs the workers on what feed hands out.
func (r *runner) work(ctx context.Context, cancel context.CancelCauseFunc, report *RunReport, lock Lock, feed func(hand func(...unit) bool) error) error {
	work := make(chan []unit)
	var wg sync.WaitGroup
	for range r.o.Workers {
		wg.Go(func() {
			for units := range work {
				for _, u := range units {
					part, err := r.batch(ctx, u, lock)
					r.mu.Lock()
					report.add(part)
					r.done += int64(len(u))
					if err == nil && r.o.Progress != nil {
						r.o.Progress(RunProgress{Done: r.done, Due: r.due})
					}
					r.mu.Unlock()
					if err != nil {
						cancel(err)
						break
					}
				}
			}
		})
	}
	err := feed(func(units ...unit) bool {
		select {
		case work <- units:
			return true
		case <-ctx.Done():
			return false // the cause is known
		}
	})
	close(work)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// feed lists the due accounts, page by page, hands out those that nobody is above and
// keeps the others.
func (r *runner) feed(ctx context.Context, hand func(...unit) bool, below map[AccountID][]DueAccount) error {
	const page = 10_000
	for after := AccountID(0); ; {
		var due []DueAccount
		err := r.e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
			due, err = rows.Due(ctx, DueQuery{Day: r.day}, after, page)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		r.mu.Lock()
		r.due += int64(len(due))
		r.mu.Unlock()
		after = due[len(due)-1].ID
		var free unit
		for _, d := range due {
			if d.Top == 0 {
				free = append(free, d)
			} else {
				below[d.Top] = append(below[d.Top], d)
			}
		}
		for u := range slices.Chunk(free, r.o.Batch) {
			if !hand(u) {
				return nil
			}
		}
		if len(due) < page {
			return nil
		}
	}
}

// batch bills accounts in one transaction. One that cannot be billed for a reason of
// its own is parked in it.
func (r *runner) batch(ctx context.Context, u unit, lock Lock) (RunReport, error) {
	part, err := r.attempt(ctx, u, lock)
	if err == nil || ctx.Err() != nil || errors.Is(err, storage.ErrConflict) || tierhost.KindOf(err) == tierhost.KindUnavailable {
		return part, err
	}
	// Something in the batch cannot even be read or written: find out what.
	part = RunReport{}
	for i := range u {
		one, oneErr := r.attempt(ctx, u[i:i+1], lock)
		if ctx.Err() != nil {
			return part, oneErr
		}
		if oneErr != nil {
			// The others are billed all the same; the run reports the failure at its end.
			r.fail(fmt.Errorf("billing.Run: account %d: %w", u[i].ID, oneErr))
			continue
		}
		part.add(one)
	}
	return part, nil
}

func (r *runner) attempt(ctx context.Context, u unit, lock Lock) (RunReport, error) {
	var part RunReport
	var leaving []AccountID
	err := r.e.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows, final bool) error {
		part, leaving = RunReport{}, nil
		ids, err := r.claim(ctx, rows, u, lock)
		if err != nil || len(ids) == 0 {
			return err
		}
		loaded, err := rows.Load(ctx, LoadQuery{IDs: ids, Lock: lock, DueBy: r.day, Usage: true, Above: AboveRead})
		if err != nil {
			return err
		}
		if len(loaded.States) < len(ids) && lock == LockSkip {
			r.skipped.Store(true) // held by others, or done by them meanwhile
		}
		if len(loaded.States) == 0 {
			return nil
		}
		if lock == LockSkip {
			loaded.States = r.afterAbove(loaded)
		}
		w, err := r.open(ctx, tx, rows, loaded)
		if err != nil {
			return err
		}
		for i := range loaded.States {
			if err := r.account(ctx, w, loaded.States[i], &part); err != nil {
				return err
			}
		}
		leaving = w.leaving
		return w.write(ctx, final)
	})
	if err != nil {
		return RunReport{}, err
	}
	r.mu.Lock()
	r.leaving = append(r.leaving, leaving...)
	r.mu.Unlock()
	return part, nil
}

// claim locks the highest doubles above the accounts: whoever has them has all that is
// below. It returns the accounts that may be worked on.
func (r *runner) claim(ctx context.Context, rows Rows, u unit, lock Lock) ([]AccountID, error) {
	tops := u.tops()
	if len(tops) == 0 {
		return u.ids(), nil
	}
	loaded, err := rows.Load(ctx, LoadQuery{IDs: tops, Lock: lock})
	if err != nil || len(loaded.States) == len(tops) {
		return u.ids(), err
	}
	r.skipped.Store(true)
	var ids []AccountID
	for _, d := range u {
		if d.Top == 0 || slices.ContainsFunc(loaded.States, func(st State) bool { return st.Account.ID == d.Top }) {
			ids = append(ids, d.ID)
		}
	}
	return ids, nil
}

// afterAbove leaves out accounts below a double that is due and was passed over because
// others held it: it comes before them.
func (r *runner) afterAbove(loaded Loaded) []State {
	var busy []AccountID
	for i := range loaded.Above {
		a := &loaded.Above[i]
		if a.due(r.day) && !slices.ContainsFunc(loaded.States, func(st State) bool { return st.Account.ID == a.ID }) {
			busy = append(busy, a.ID)
		}
	}
	if len(busy) == 0 {
		return loaded.States
	}
	r.skipped.Store(true)
	return slices.DeleteFunc(loaded.States, func(st State) bool {
		return slices.ContainsFunc(st.Account.Above, func(id AccountID) bool { return slices.Contains(busy, id) })
	})
}

// work is what one transaction of a run works with.
type work struct {
	gen   *generation
	rows  Rows
	part  Part // the hook's; nil: nobody is above the accounts
	batch *Batch
	// leaving are those whose period has ended: they are a [Leaver]'s.
	leaving []AccountID
}

func (r *runner) open(ctx context.Context, tx storage.Tx, rows Rows, loaded Loaded) (*work, error) {
	n := len(loaded.States)
	w := &work{gen: r.e.cache.at(loaded.Revision), rows: rows}
	w.batch = &Batch{Accounts: make([]Account, 0, n), Documents: make([]*Document, 0, n),
		Entries: make([]Entry, 0, 4*n), Events: make([]*storage.Event, 0, n)}
	accounts := make([]Account, n)
	for i := range loaded.States {
		accounts[i] = loaded.States[i].Account
	}
	var err error
	w.part, err = r.e.join(ctx, Joint{Tx: tx, Rows: rows, Catalog: &Catalog{w.gen, rows}, Many: true}, accounts, loaded.Above)
	return w, err
}

func (w *work) write(ctx context.Context, final bool) error {
	if w.batch.empty() {
		return nil
	}
	if w.part != nil {
		if err := w.part.Write(ctx); err != nil {
			return err
		}
	}
	w.batch.Final = final
	return w.rows.Write(ctx, w.batch)
}

// account bills one account into the batch, or parks it.
func (r *runner) account(ctx context.Context, w *work, st State, part *RunReport) error {
	day, err := r.until(ctx, w, &st.Account)
	if err != nil {
		return err
	}
	b, n, at, err := r.e.bill(ctx, w.gen, w.rows, w.part, st, day, false)
	if err == nil && w.part != nil {
		if err = w.part.Apply(ctx, b.happened(false)); err != nil {
			n, at = 0, st.Account.Next // nothing of it is kept
		}
	}
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
			good, m, _, err := r.e.bill(ctx, w.gen, w.rows, w.part, st, at.AddDays(-1), false)
			if err == nil && w.part != nil {
				err = w.part.Apply(ctx, good.happened(false))
			}
			if err == nil {
				b, n = good, m
				part.add(RunReport{Boundary: int64(n), Documents: int64(len(b.documents)), Entries: int64(len(b.entries))})
			}
		}
		b.acct.Parked = park
		b.event(AccountParkedEvent{Account: st.Account.ID, Code: park.Code, Reason: park.Reason, On: park.On})
		part.Parked = append(part.Parked, ParkedAccount{st.Account.ID, park})
		r.e.opt.Logger.WarnContext(ctx, "account parked", "account", int64(st.Account.ID), "code", park.Code, "reason", park.Reason)
	} else {
		if r.unpark && b.acct.Status == Suspended {
			b.acct.ActedOn = later(b.acct.ActedOn, b.acct.Suspension.On) // it followed while it was parked
		}
		part.Boundary += int64(n)
		part.Documents += int64(len(b.documents))
		part.Entries += int64(len(b.entries))
		if len(b.documents) > 0 {
			part.Billed++
		} else {
			part.Unchanged++
		}
	}
	b.rows(w.batch, r.e.opt.IDs, false)
	return nil
}

// until is the day up to which an account's boundaries are handled here: the end of a
// period with which it leaves, where that has begun, is left to a [Leaver].
func (r *runner) until(ctx context.Context, w *work, a *Account) (Date, error) {
	until := r.e.upTo(a, r.day)
	if until == r.day {
		return until, nil
	}
	seller, err := w.gen.sellerOf(ctx, w.rows, a.Seller)
	if err != nil {
		return until, err
	}
	today, err := r.e.today(seller)
	if err == nil && !a.PeriodTo.After(today) {
		w.leaving = append(w.leaving, a.ID)
	}
	return until, err
}

// bill works out an account's boundaries up to a day, or up to today in its seller's
// zone (of a double: the latest below it) if that is earlier, issued today; n is how many,
// at the last one looked at. When ahead is true, the day itself counts as today.
func (e *Engine) bill(ctx context.Context, gen *generation, rows Rows, part Part, st State, day Date, ahead bool) (b *book, n int, at Date, err error) {
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
	latest, err := e.latest(ctx, gen, rows, &st.Account, today)
	if err != nil {
		return nil, 0, at, err
	}
	if latest.Before(day) {
		day = latest
	}
	if b, err = e.newBook(ctx, gen, rows, seller, st, today, nil); err != nil {
		return nil, 0, at, err
	}
	guard(ctx, b, part)
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
