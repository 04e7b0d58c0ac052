package billing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// Result is what an action did.
type Result struct {
	// Account as it is after the action (of a replay: as it is now).
	Account Account
	// Entries and Documents that were made, those of boundaries that were due before
	// the action first.
	Entries   []Entry
	Documents []Document
	// Usage is the record that a RecordUsage made, or found.
	Usage *UsageRecord
	// Collect is what closing asks to be collected; zero: nothing.
	Collect money.Money
	// Replayed: the key had been used for this before; nothing was done.
	Replayed bool
}

// Do does an action, in one transaction with the boundaries that were due before it.
//
// Errors: a [*Refusal] when the rules do not allow it (nothing but the boundaries is
// written), tierhost.Invalid when the input is malformed (nothing is written),
// [ErrUnknownAccount], [ErrKeyReused], storage.ErrConflict when rivals were faster too
// often, else what the store reports, with its effect.
func (e *Engine) Do(ctx context.Context, act Action) (Result, error) {
	began := e.opt.Clock.Now()
	res, err := e.do(ctx, act)
	if e.opt.Observer != nil {
		e.opt.Observer.Acted(actionName(act), e.opt.Clock.Now().Sub(began), err)
	}
	return res, err
}

func (e *Engine) do(ctx context.Context, act Action) (Result, error) {
	if act == nil {
		return Result{}, fmt.Errorf("billing.Do: no action: %w", ErrInvalidInput)
	}
	if err := validateAction(act); err != nil {
		return Result{}, err
	}
	var res Result
	var refused error
	err := e.update(ctx, func(ctx context.Context, rows Rows, final bool) error {
		res, refused = Result{}, nil // the function may be run again
		d, err := e.decide(ctx, rows, act, LockWait)
		if err != nil {
			return err
		}
		if refused = d.refused; refused == nil && d.replay != nil {
			res = *d.replay
			return nil
		}
		batch := d.batch(e.opt.IDs)
		if !batch.empty() {
			batch.Final = final
			if err := rows.Write(ctx, batch); err != nil {
				return err
			}
		}
		if refused == nil {
			res = d.result()
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return Result{}, err
	}
	return res, nil
}

func actionName(act Action) string {
	if act == nil {
		return ""
	}
	return act.name()
}

// Quote returns exactly what [Engine.Do] would do now, and writes nothing: documents
// have no number yet, and a new account no ID. Its errors are those of Do.
func (e *Engine) Quote(ctx context.Context, act Action) (Result, error) {
	if act == nil {
		return Result{}, fmt.Errorf("billing.Quote: no action: %w", ErrInvalidInput)
	}
	if err := validateAction(act); err != nil {
		return Result{}, err
	}
	var res Result
	err := e.view(ctx, func(ctx context.Context, rows Rows) error {
		d, err := e.decide(ctx, rows, act, LockNone)
		switch {
		case err != nil:
			return err
		case d.refused != nil:
			return d.refused
		case d.replay != nil:
			res = *d.replay
			return nil
		}
		res = d.result()
		return nil
	})
	return res, err
}

// decision is what an action comes to, before it is written.
type decision struct {
	book    *book
	before  State // as loaded
	created bool
	refused error
	replay  *Result
	key     *Key
	keyed   *UsageRecord
}

// decide loads what an action needs and works it out.
func (e *Engine) decide(ctx context.Context, rows Rows, act Action, lock Lock) (*decision, error) {
	if s, ok := act.(Signup); ok {
		return e.decideSignup(ctx, rows, s, lock)
	}
	id := act.account()
	req := act.request()
	q := LoadQuery{IDs: []AccountID{id}, Lock: lock}
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
	e.cache.at(loaded.Revision)
	seller, err := e.sellerOf(ctx, rows, st.Account.Seller)
	if err != nil {
		return nil, err
	}
	d := &decision{before: st, keyed: loaded.Keyed}
	day, today, err := e.day(seller, req.On)
	if err != nil {
		return nil, err
	}
	if req.Key != "" && !isUsage {
		if done, err := e.claim(ctx, rows, act, &st.Account, loaded.Key, d); err != nil || done {
			return d, err
		}
	}
	if due := st.Account.Next; !due.IsZero() && !due.After(day) {
		if st.Account.Parked.Code != "" {
			if !onMoney(act) {
				d.refused = &Refusal{Action: act.name(), Account: id, sentinel: ErrAccountParked,
					Detail: st.Account.Parked.Reason + "; unpark it first"}
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
	want, err := e.want(ctx, rows, act, &st.Account)
	if err != nil {
		return nil, err
	}
	want.keyed = loaded.Keyed
	d.book, err = e.newBook(ctx, rows, seller, st, today, want.target)
	if err != nil {
		return nil, err
	}
	if st.Account.Parked.Code == "" {
		if err := d.book.advance(day); err != nil {
			return nil, err
		}
	}
	// What a refused action leaves is the book as it was after its boundaries.
	handled := *d.book
	handled.acct.TaxCharged = slices.Clone(d.book.acct.TaxCharged)
	advanced := !d.book.acct.Next.IsZero() && d.book.acct.Next != st.Account.Next || d.book.acct.Status != st.Account.Status
	holds := cloneHolds(d.book.holds)
	refusal, err := d.book.apply(act, day, want)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		d.refused, d.key = refusal, nil
		d.book = nil
		if advanced {
			handled.holds = holds
			d.book = &handled
		}
		return d, nil
	}
	if err := d.book.check(); err != nil {
		return nil, err
	}
	return d, nil
}

func cloneHolds(holds []*hold) []*hold {
	out := make([]*hold, len(holds))
	for i, h := range holds {
		c := *h
		out[i] = &c
	}
	return out
}

// onMoney reports whether an action only books money, which parked accounts allow.
func onMoney(act Action) bool {
	switch act.(type) {
	case Pay, Credit, Debit, Reverse:
		return true
	}
	return false
}

// newBook prepares a loaded account with all plan versions it may need.
func (e *Engine) newBook(ctx context.Context, rows Rows, seller *Seller, st State, today Date, extra *pricedPlan) (*book, error) {
	resources, err := e.cache.allResources(ctx, rows)
	if err != nil {
		return nil, err
	}
	plans := make(map[planRef]*pricedPlan, 2)
	for _, ref := range refs(&st.Account) {
		if plans[ref] == nil {
			if plans[ref], err = e.cache.version(ctx, rows, st.Account.Seller, ref.id, ref.version); err != nil {
				return nil, err
			}
		}
	}
	if extra != nil {
		plans[planRef{extra.id, extra.version}] = extra
	}
	return newBook(seller, resources, plans, st, today, e.now())
}

func (e *Engine) sellerOf(ctx context.Context, rows Rows, id SellerID) (*Seller, error) {
	s, err := e.cache.seller(ctx, rows, id)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, brokenf("seller %s is not there", id)
	}
	return s, nil
}

// today is the day that it is in a seller's zone.
func (e *Engine) today(s *Seller) (Date, error) {
	loc, err := s.location()
	if err != nil {
		return Date{}, brokenf("seller %s has the time zone %q, which is not known here", s.ID, s.TimeZone)
	}
	return DateIn(e.opt.Clock.Now(), loc), nil
}

// day is the day of a request, today unless it says otherwise and never later, and
// today.
func (e *Engine) day(s *Seller, on Date) (day, today Date, err error) {
	if today, err = e.today(s); err != nil || on.IsZero() {
		return today, today, err
	}
	if on.After(today) {
		return on, today, fmt.Errorf("billing: %s is after today, %s: %w", on, today, ErrDayInFuture)
	}
	return on, today, nil
}

// want reads what an action refers to beyond its account.
func (e *Engine) want(ctx context.Context, rows Rows, act Action, a *Account) (w wanted, err error) {
	switch x := act.(type) {
	case ChangePlan:
		if w.head, err = e.cache.head(ctx, rows, a.Seller, x.Plan); err != nil || w.head == nil {
			return w, err
		}
		if w.present, err = e.cache.head(ctx, rows, a.Seller, a.Plan); err != nil {
			return w, err
		}
		w.target, err = e.cache.version(ctx, rows, a.Seller, x.Plan, w.head.Latest)
	case MoveVersion:
		n := x.Version
		if n == 0 {
			head, err := e.cache.head(ctx, rows, a.Seller, a.Plan)
			if err != nil || head == nil {
				return w, err
			}
			n = head.Latest
		}
		w.target, err = e.cache.version(ctx, rows, a.Seller, a.Plan, n)
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

// keyID is where an action's key is kept; an action without one has the zero KeyID.
func keyID(act Action) KeyID {
	key := act.request().Key
	if key == "" {
		return KeyID{}
	}
	scope := "account/" + strconv.FormatInt(int64(act.account()), 10)
	if s, ok := act.(Signup); ok {
		scope = "seller/" + string(s.Seller)
	}
	return KeyID{Scope: scope, Action: act.name(), Key: key}
}

// claim looks at an action's key; done means that it was used before. Else the key is
// written with the action.
func (e *Engine) claim(ctx context.Context, rows Rows, act Action, a *Account, found *Key, d *decision) (done bool, err error) {
	print := fingerprint(act)
	if k := found; k != nil {
		if !bytes.Equal(k.Fingerprint, print) {
			d.refused = &Refusal{Action: act.name(), Account: act.account(), sentinel: ErrKeyReused,
				Detail: "the key was used on another input"}
			return true, nil
		}
		d.replay, err = replay(ctx, rows, k)
		return true, err
	}
	d.key = &Key{KeyID: keyID(act), Fingerprint: print, Account: a.ID,
		EntryAfter: a.EntrySeq, DocumentAfter: a.DocumentSeq, Recorded: e.now()}
	return false, nil
}

// replay reads back what a key's action did: its entries and documents, unchanged,
// with the account as it is now.
func replay(ctx context.Context, rows Rows, k *Key) (*Result, error) {
	loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{k.Account}})
	if err != nil {
		return nil, err
	}
	if len(loaded.States) == 0 {
		return nil, brokenf("key %q names account %d, which is not there", k.Key, k.Account)
	}
	res := &Result{Account: loaded.States[0].Account, Replayed: true}
	if n := int(k.EntryLast - k.EntryAfter); n > 0 {
		if res.Entries, err = rows.Entries(ctx, EntryQuery{Account: k.Account}, EntryID{k.Account, k.EntryAfter}, n); err != nil {
			return nil, err
		}
	}
	if n := int(k.DocumentLast - k.DocumentAfter); n > 0 {
		if res.Documents, err = rows.Documents(ctx, DocumentQuery{Account: k.Account}, DocumentID{k.Account, k.DocumentAfter}, n); err != nil {
			return nil, err
		}
	}
	return res, nil
}

func (e *Engine) decideSignup(ctx context.Context, rows Rows, x Signup, lock Lock) (*decision, error) {
	q := LoadQuery{Seller: x.Seller, Name: x.Name, NewID: lock != LockNone}
	if x.Key != "" {
		q.Key = keyID(x)
	}
	if x.Existing != 0 {
		q.IDs = []AccountID{x.Existing}
	}
	loaded, err := rows.Load(ctx, q)
	if err != nil {
		return nil, err
	}
	e.cache.at(loaded.Revision)
	d := &decision{created: true}
	refuse := func(sentinel error, detail string) (*decision, error) {
		d.refused = &Refusal{Action: x.name(), Detail: detail, sentinel: sentinel}
		return d, nil
	}
	seller, err := e.cache.seller(ctx, rows, x.Seller)
	if err != nil {
		return nil, err
	}
	if seller == nil {
		return refuse(ErrUnknownSeller, "there is no seller "+string(x.Seller))
	}
	day, today, err := e.day(seller, x.On)
	if err != nil {
		return nil, err
	}
	print := fingerprint(x)
	if k := loaded.Key; k != nil {
		if !bytes.Equal(k.Fingerprint, print) {
			return refuse(ErrKeyReused, "the key was used on another input")
		}
		d.replay, err = replay(ctx, rows, k)
		return d, err
	}
	if loaded.Named != 0 {
		return refuse(ErrAccountExists, fmt.Sprintf("account %d has the name %s", loaded.Named, x.Name))
	}
	head, err := e.cache.head(ctx, rows, x.Seller, x.Plan)
	if err != nil {
		return nil, err
	}
	if head == nil {
		return refuse(ErrUnknownPlan, "the seller has no plan "+string(x.Plan))
	}
	plan, err := e.cache.version(ctx, rows, x.Seller, x.Plan, head.Latest)
	if err != nil {
		return nil, err
	}
	if plan == nil {
		return nil, brokenf("plan %s version %d is not there", x.Plan, head.Latest)
	}
	period := x.Period
	if period.IsZero() {
		period = plan.periods[0]
	}
	if !plan.hasPeriod(period) {
		return refuse(ErrUnknownPeriod, "plan "+string(x.Plan)+" has no period "+period.String())
	}
	if !head.Open {
		return refuse(ErrPlanNotOpen, "signup for plan "+string(x.Plan)+" is switched off")
	}
	a := newAccount(loaded.NewID, x, seller, plan, period, day)
	d.book, err = e.newBook(ctx, rows, seller, State{Account: a}, today, plan)
	if err != nil {
		return nil, err
	}
	if r := d.book.maySignUp(x.By, head, loaded.States); r != nil {
		r.Action, d.refused, d.book = x.name(), r, nil
		return d, nil
	}
	if x.Key != "" {
		d.key = &Key{KeyID: q.Key, Fingerprint: print, Account: loaded.NewID, Recorded: e.now()}
	}
	refusal, err := d.book.apply(x, day, wanted{})
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		d.refused, d.book, d.key = refusal, nil, nil
		return d, nil
	}
	return d, d.book.check()
}

// maySignUp applies the plan's access to a new customer; existing is the account that
// the customer says to have.
func (b *book) maySignUp(by Actor, head *Plan, existing []State) *Refusal {
	var present *Plan
	if len(existing) == 1 && existing[0].Account.Seller == head.Seller && existing[0].Account.Status != Closed {
		// The group binds changes of plan, not a second account.
		present = &Plan{ID: existing[0].Account.Plan, Group: head.Group}
	}
	return b.mayChoose(by, head, present)
}

// result is what the decision did, for its caller.
func (d *decision) result() Result {
	b := d.book
	r := Result{Account: b.acct, Entries: b.entries, Collect: b.collect}
	for _, doc := range b.documents {
		r.Documents = append(r.Documents, *doc)
	}
	r.Usage = d.keyed
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
		a.Next != before.Next || a.Status != before.Status || a.Cancelling != before.Cancelling ||
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
	case errors.As(err, &b):
		return "broken_invariant", true
	case errors.Is(err, money.ErrOverflow):
		return "amount_too_large", true
	}
	return "", false
}
