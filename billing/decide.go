package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// decision is what an action comes to, before it is written.
type decision struct {
	book    *book
	before  State // as loaded
	created bool
	refused error
	replay  *Result
	key     *Key
	keyed   *UsageRecord
	catalog *CatalogChange // what is written with it
	part    Part           // the hook's; nil: nobody is above
}

// decide loads what an action needs and works it out. It looks for boundaries around the
// account that come first, and returns an errDue if there are some; cleared is the day up
// to which they have been handled. A quote foresees those of the doubles above.
func (e *Engine) decide(ctx context.Context, tx storage.Tx, rows Rows, act Action, lock Lock, cleared Date) (*decision, error) {
	if s, ok := act.(Signup); ok {
		return e.decideSignup(ctx, tx, rows, s, lock, cleared)
	}
	id := act.account()
	req := act.request()
	q := LoadQuery{IDs: []AccountID{id}, Lock: lock, Above: AboveShare}
	if lock == LockNone {
		q.Above = AboveRead
	}
	_, billed := act.(Bill)
	usage, isUsage := act.(RecordUsage)
	if isUsage && req.Key != "" {
		q.UsageResource, q.UsageKey = usage.Resource, req.Key
	} else {
		q.Key = keyID(act)
	}
	switch act.(type) {
	case Close, Resume, Convert, Cancel:
		q.Usage = true // these settle the month
	}
	loaded, err := rows.Load(ctx, q)
	if err != nil {
		return nil, err
	}
	unknown := &Refusal{Action: act.name(), Account: id, sentinel: ErrUnknownAccount}
	if len(loaded.States) == 0 {
		return &decision{refused: unknown}, nil
	}
	st := loaded.States[0]
	gen := e.cache.at(loaded.Revision)
	seller, err := gen.sellerOf(ctx, rows, st.Account.Seller)
	if err != nil {
		return nil, err
	}
	d := &decision{before: st, keyed: loaded.Keyed}
	today, err := e.today(seller)
	if err != nil {
		return nil, err
	}
	latest := today
	if st.Account.Sells != "" && !onMoney(act) {
		if latest, err = e.latest(ctx, gen, rows, &st.Account, today); err != nil {
			return nil, err
		}
	}
	day, err := dayOf(req.On, latest)
	if errors.Is(err, ErrDayInFuture) {
		d.refused = &Refusal{Action: act.name(), Account: id, Detail: err.Error(), sentinel: ErrDayInFuture}
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	if req.Key != "" && !isUsage {
		if done, err := e.claim(ctx, rows, act, &st.Account, loaded.Key, d); err != nil || done {
			if x, ok := act.(Close); ok && err == nil && d.replay != nil {
				err = e.replayCollect(ctx, gen, rows, x, loaded.Key, d.replay)
			}
			return d, err
		}
	}
	if e.present && day.Before(today) {
		d.refused = &Refusal{Action: act.name(), Account: id, Detail: "it is " + today.String() + " today", sentinel: ErrDayPassed}
		return d, nil
	}
	if lock != LockNone && !billed && cleared.Before(day) {
		if err := e.around(ctx, gen, rows, &st.Account, loaded.Above, day); err != nil {
			return nil, err
		}
		if e.upTo(&st.Account, day) != day {
			return nil, &errDue{st.Account, day}
		}
	}
	j := Joint{Tx: tx, Rows: rows, Catalog: &Catalog{gen, rows}, ReadOnly: lock == LockNone, Many: st.Account.Sells != ""}
	if lock == LockNone && !billed {
		d.part, err = e.foresee(ctx, j, []Account{st.Account}, loaded.Above, day, false)
	} else {
		d.part, err = e.join(ctx, j, []Account{st.Account}, loaded.Above)
	}
	if err != nil {
		return nil, err
	}
	if due := st.Account.Next; !due.IsZero() && !due.After(day) && !billed {
		if st.Account.Parked.Code != "" {
			if !whileParked(act) {
				d.refused = &Refusal{Action: act.name(), Account: id, sentinel: ErrAccountParked,
					Detail: st.Account.Parked.Code + " since " + st.Account.Parked.On.String() + "; unpark it first"}
				return d, nil
			}
		} else if !q.Usage {
			again, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{id}, Lock: lock, Usage: true})
			if err != nil {
				return nil, err
			}
			if len(again.States) == 1 {
				st = again.States[0]
				d.before = st
			}
		}
	}
	want, err := e.want(ctx, gen, rows, act, &st.Account)
	if err != nil {
		return nil, err
	}
	want.keyed = loaded.Keyed
	d.book, err = e.newBook(ctx, gen, rows, seller, st, today, want.target)
	if err != nil {
		return nil, err
	}
	guard(ctx, d.book, d.part)
	until := day
	if lock != LockNone {
		if r := e.lingers(act, &st.Account, day); r != nil {
			d.refused, d.key, d.book = r, nil, nil
			return d, nil
		}
		until = e.upTo(&st.Account, day)
		if _, ok := act.(Keep); ok && st.Account.leaves(day) { // it has not left yet, and stays
			until = st.Account.PeriodTo.AddDays(-1)
		}
	}
	if st.Account.Parked.Code == "" && !billed {
		if err := d.book.advance(until); err != nil {
			return nil, err
		}
		if err := d.book.check(); err != nil {
			return nil, err
		}
	}
	if err := e.below(ctx, rows, act, d.book, loaded.Above); err != nil {
		return nil, err
	}
	// What a refused action leaves is the book as it was after its boundaries.
	handled := *d.book
	handled.acct.TaxCharged = slices.Clone(d.book.acct.TaxCharged)
	advanced := d.book.acct.Next != st.Account.Next
	holds := cloneHolds(d.book.holds)
	refusal, err := d.book.apply(act, day, want)
	if err == nil && refusal == nil {
		if st.Account.Parked.Code == "" || !whileParked(act) { // they may be booked whatever is wrong
			err = d.book.check()
		}
		if err == nil {
			err = d.apply(ctx)
		}
		if errors.Is(err, money.ErrOverflow) { // those above cannot hold it
			refusal, err = d.book.tooLarge(), nil
			refusal.Action = act.name()
		}
	}
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		d.refused, d.key = refusal, nil
		d.book = nil
		if advanced {
			handled.holds = holds
			d.book = &handled
			err = d.apply(ctx)
		}
		return d, err
	}
	return d, e.follow(ctx, gen, rows, d, act, loaded.Above, lock)
}

// apply tells the hook what happened to the account.
func (d *decision) apply(ctx context.Context) error {
	if d.part == nil {
		return nil
	}
	return d.part.Apply(ctx, d.book.happened(d.created))
}

// below tells a book what an action has to know of the accounts around it: whether a
// double has open accounts below, and whether those above are active.
func (e *Engine) below(ctx context.Context, rows Rows, act Action, b *book, above []Account) error {
	switch act.(type) {
	case Close:
		if b.acct.Sells == "" {
			return nil
		}
		open, err := rows.Accounts(ctx, AccountQuery{Seller: b.acct.Sells, Open: true}, 0, 1)
		b.customers = len(open) > 0
		return err
	case Resume, Convert:
		b.asleep = awake(b.acct.Above, above)
	}
	return nil
}

func cloneHolds(holds []*hold) []*hold {
	out := make([]*hold, len(holds))
	for i, h := range holds {
		c := *h
		out[i] = &c
	}
	return out
}

// whileParked reports whether an action needs none of the boundaries that a parked account
// has not handled: money, and measurements, which would be lost otherwise.
func whileParked(act Action) bool {
	_, usage := act.(RecordUsage)
	return usage || onMoney(act)
}

// onMoney reports whether an action only books money.
func onMoney(act Action) bool {
	switch act.(type) {
	case Pay, Credit, Debit, Reverse, Bill:
		return true
	}
	return false
}

// newBook prepares a loaded account with all plan versions it may need.
func (e *Engine) newBook(ctx context.Context, gen *generation, rows Rows, seller *Seller, st State, today Date, extra *pricedPlan) (*book, error) {
	resources, err := gen.allResources(ctx, rows)
	if err != nil {
		return nil, err
	}
	plans := make(map[planRef]*pricedPlan, 2)
	for _, ref := range refs(&st.Account) {
		if plans[ref] == nil {
			if plans[ref], err = gen.version(ctx, rows, st.Account.Seller, ref.id, ref.version); err != nil {
				return nil, err
			}
		}
	}
	if extra != nil {
		plans[planRef{extra.id, extra.version}] = extra
	}
	return newBook(seller, resources, plans, st, today, e.now())
}

// today is the day that it is in a seller's zone.
func (e *Engine) today(s *Seller) (Date, error) {
	loc, err := s.location()
	if err != nil {
		// The machine's fault, not the account's: nobody is parked for it.
		return Date{}, tierhost.E("billing", tierhost.KindUnavailable, "time_zone_unknown",
			fmt.Errorf("seller %s keeps its books in %q, which this machine does not know; import time/tzdata: %w", s.ID, s.TimeZone, err))
	}
	return DateIn(e.opt.Clock.Now(), loc), nil
}

// latest is the day that it is for a double: the latest of today in its seller's zone and
// in those of the sellers below it. Whoever sells at its list never comes before it.
func (e *Engine) latest(ctx context.Context, gen *generation, rows Rows, a *Account, today Date) (Date, error) {
	if a.Sells == "" {
		return today, nil
	}
	below, err := gen.below(ctx, rows, a.Sells)
	if err != nil {
		return today, err
	}
	for _, id := range append(below, a.Sells) {
		s, err := gen.sellerOf(ctx, rows, id)
		if err != nil {
			return today, err
		}
		there, err := e.today(s)
		if err != nil {
			return today, err
		}
		if there.After(today) {
			today = there
		}
	}
	return today, nil
}

// dayOf is the day of a request: today unless it says otherwise, and never later.
func dayOf(on, today Date) (Date, error) {
	switch {
	case on.IsZero():
		return today, nil
	case on.After(today):
		return on, fmt.Errorf("billing: %s is after today, %s: %w", on, today, ErrDayInFuture)
	}
	return on, nil
}

// want reads what an action refers to beyond its account.
func (e *Engine) want(ctx context.Context, gen *generation, rows Rows, act Action, a *Account) (w wanted, err error) {
	switch x := act.(type) {
	case ChangePlan:
		if w.head, err = gen.head(ctx, rows, a.Seller, x.Plan); err != nil || w.head == nil {
			return w, err
		}
		if w.present, err = gen.head(ctx, rows, a.Seller, a.Plan); err != nil {
			return w, err
		}
		w.target, err = gen.version(ctx, rows, a.Seller, x.Plan, w.head.Latest)
	case MoveVersion:
		plan := x.Plan // on which the account may be only after a boundary that is due
		if plan == "" {
			plan = a.Plan
		}
		n := x.Version
		if n == 0 {
			head, err := gen.head(ctx, rows, a.Seller, plan)
			if err != nil || head == nil {
				return w, err
			}
			n = head.Latest
		}
		w.target, err = gen.version(ctx, rows, a.Seller, plan, n)
	case Reverse:
		err = e.wantEntry(ctx, rows, x, &w)
	}
	return w, err
}

// wantEntry reads the entry that a Reverse names, and whether it is reversed already.
func (e *Engine) wantEntry(ctx context.Context, rows Rows, x Reverse, w *wanted) error {
	if x.Entry < 1 {
		return nil
	}
	after := EntryID{x.Account, x.Entry - 1}
	for {
		page, err := rows.Entries(ctx, EntryQuery{Account: x.Account}, after, 200)
		if err != nil {
			return err
		}
		for i := range page {
			switch {
			case page[i].Seq == x.Entry:
				w.entry = &page[i]
			case page[i].Corrects == x.Entry:
				w.reversed = true
			}
		}
		if len(page) < 200 || w.entry == nil {
			return nil
		}
		after = page[len(page)-1].ID()
	}
}

// result is what the decision did, for its caller.
func (d *decision) result() Result {
	b := d.book
	r := Result{Account: b.acct, Entries: b.entries, Collect: b.collect}
	for _, doc := range b.documents {
		r.Documents = append(r.Documents, *doc)
	}
	r.Usage, r.Replayed = d.keyed, d.keyed != nil
	if len(b.records) > 0 {
		r.Usage = b.records[0]
	}
	return r
}

// batch is the rows that the decision writes.
func (d *decision) batch(ids tierhost.IDs) *Batch {
	out := &Batch{}
	if d.book == nil {
		return out
	}
	d.book.rows(out, ids, !d.created && !d.book.touched(&d.before.Account))
	if d.key != nil && d.refused == nil {
		d.key.EntryLast, d.key.DocumentLast = d.book.acct.EntrySeq, d.book.acct.DocumentSeq
		out.Keys = append(out.Keys, *d.key)
	}
	return out
}

// rows adds the book's rows to a batch, the account's unless it is unchanged.
func (b *book) rows(out *Batch, ids tierhost.IDs, unchanged bool) {
	if !unchanged {
		b.acct.Version++
		out.Accounts = append(out.Accounts, b.acct)
	}
	for _, h := range b.holds {
		if h.changed {
			out.Holdings = append(out.Holdings, h.Holding)
		}
	}
	for _, ev := range b.events {
		ev.ID = ids.NewID("evt")
	}
	out.Entries = append(out.Entries, b.entries...)
	out.Documents = append(out.Documents, b.documents...)
	out.Periods = append(out.Periods, b.periods...)
	out.Usage = append(out.Usage, b.records...)
	out.Events = append(out.Events, b.events...)
}

// touched reports whether the account's row differs from the loaded one.
func (b *book) touched(before *Account) bool {
	a := &b.acct
	return len(b.entries)+len(b.documents)+len(b.periods)+len(b.events) > 0 ||
		a.Next != before.Next || a.ActedOn != before.ActedOn || a.Status != before.Status || a.Cancelling != before.Cancelling || a.Leaving != before.Leaving ||
		a.PendingPeriod != before.PendingPeriod || a.PendingPlan != before.PendingPlan || a.PendingVersion != before.PendingVersion ||
		a.Period != before.Period || a.Exemption != before.Exemption || a.CreditLimit != before.CreditLimit ||
		a.Plan != before.Plan || a.PlanVersion != before.PlanVersion || a.Lapsed != before.Lapsed || a.MonthCharged != before.MonthCharged ||
		a.MeterScan != before.MeterScan || a.MeterSeen != before.MeterSeen || a.Parked != before.Parked || len(a.Stretches) != len(before.Stretches)
}

func (b *Batch) empty() bool {
	return len(b.Accounts)+len(b.Holdings)+len(b.Periods)+len(b.Usage)+len(b.Documents)+len(b.Entries)+len(b.Keys)+len(b.Events) == 0
}

// parkable reports whether an error is the account's own fault and not the outside's,
// and the code under which to park it.
func parkable(err error) (string, bool) {
	var b *broken
	var n *bound
	switch {
	case errors.As(err, &n):
		return "too_many_entries", true
	case errors.As(err, &b), errors.Is(err, ErrBroken):
		return "broken_invariant", true
	case errors.Is(err, money.ErrOverflow):
		return "amount_too_large", true
	}
	return "", false
}
