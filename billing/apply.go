package billing

import (
	"errors"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// wanted is what an action needs beyond the account: read before it is applied.
type wanted struct {
	target   *pricedPlan // plan or version that it names; nil: there is none
	head     *Plan
	present  *Plan        // the plan that the account is on, where the action names another
	keyed    *UsageRecord // record with the key of a RecordUsage
	entry    *Entry       // entry that a Reverse names
	reversed bool
}

// refuse makes a refusal; apply fills in the action.
func (b *book) refuse(sentinel error, id ResourceID, detail string) *Refusal {
	return &Refusal{Account: b.acct.ID, Resource: id, Detail: detail, sentinel: sentinel}
}

// apply does an action on a day. The boundaries up to that day have been handled. A
// refusal leaves the book useless; the caller drops it.
func (b *book) apply(act Action, day Date, want wanted) (*Refusal, error) {
	b.begin(day)
	refusal, err := b.act(act, day, want)
	if err == nil && refusal == nil {
		err = b.finish()
	}
	if errors.Is(err, money.ErrOverflow) {
		refusal, err = b.tooLarge(), nil
	}
	if refusal != nil || err != nil {
		if refusal != nil {
			refusal.Action = act.name()
		}
		return refusal, err
	}
	if !onMoney(act) {
		_, usage := act.(RecordUsage)
		follows := b.cause != 0 && b.acct.Parked.Code != "" // days before stay open to correct it
		if !usage && !follows {
			b.acct.ActedOn = day
		}
	}
	b.schedule()
	return nil, nil
}

// tooLarge refuses what would take an amount, a total or the balance beyond what a ledger
// can hold.
func (b *book) tooLarge() *Refusal {
	return b.refuse(ErrInvalidAmount, "", "an amount, a total or the balance would be larger than a ledger can hold")
}

func (b *book) act(act Action, day Date, want wanted) (*Refusal, error) {
	if r := b.timely(act, day); r != nil {
		return r, nil
	}
	switch x := act.(type) {
	case Signup:
		return nil, b.signup(day)
	case SetQuantity:
		return b.setQuantity(x, day)
	case RecordUsage:
		return b.recordUsage(x, day, want.keyed)
	case ChangePlan:
		return b.changePlanAction(x, day, want)
	case MoveVersion:
		return b.moveVersion(want.target, day)
	case ChangePeriod:
		return b.changePeriod(x, day)
	case Cancel:
		return b.cancel(x, day)
	case Keep:
		if r := b.mustBeOpen(false); r != nil {
			return r, nil
		}
		b.acct.Cancelling, b.acct.Leaving = false, false
		return nil, nil
	case Suspend:
		return b.suspend(x, day), nil
	case Resume:
		return b.resumeAction(x, day)
	case Convert:
		return b.convertAction(day)
	case Close:
		return b.closeAction(x, day)
	case Pay:
		return b.money(EntryPayment, x.Amount, -1, x.Reference, day)
	case Credit:
		return b.money(EntryCredit, x.Amount, -1, x.Reference, day)
	case Debit:
		return b.money(EntryDebit, x.Amount, 1, x.Reference, day)
	case Bill:
		return b.bill(x)
	case Reverse:
		return b.reverse(x, day, want)
	case Exempt:
		return b.exempt(x, day), nil
	case SetCreditLimit:
		if x.Limit != nil && x.Limit.Sign() < 0 {
			return b.refuse(ErrInvalidAmount, "", "a credit limit is not negative"), nil
		}
		b.acct.CreditLimit = x.Limit
		return nil, nil
	}
	return nil, brokenf("unknown action %T", act)
}

// mustBeOpen refuses closed and, where it matters, suspended accounts.
func (b *book) mustBeOpen(active bool) *Refusal {
	switch {
	case b.acct.Status == Closed:
		return b.refuse(ErrAccountClosed, "", "closed on "+b.acct.Closed.String())
	case active && b.acct.Status == Suspended:
		return b.refuse(ErrAccountSuspended, "", "resume it first")
	}
	return nil
}

// timely refuses days that the account's books have left behind. Usage may be late:
// it counts in the running month. Money may be of any day since the signup. A reseller's
// bill is of the day on which its customers bought, which where it is may be the day
// before the one on which its account was opened.
func (b *book) timely(act Action, day Date) *Refusal {
	a := &b.acct
	first := a.SignedUp
	switch act.(type) {
	case Bill:
		return nil
	case Signup, RecordUsage, Pay, Credit, Debit, Reverse:
	default:
		if a.Status == Closed {
			return nil // refused for being closed
		}
		first = b.openFrom()
		if _, resume := act.(Resume); resume && a.Suspension.Cause != 0 {
			first = later(first, a.Suspension.On)
		}
	}
	if day.Before(first) {
		return b.refuse(ErrDayPassed, "", "the books are open from "+first.String()+" on")
	}
	return nil
}

// openFrom is the first day that an action may be of.
func (b *book) openFrom() Date {
	if b.acct.MonthFrom.Before(b.acct.ActedOn) {
		return b.acct.ActedOn
	}
	return b.acct.MonthFrom
}

func (b *book) setQuantity(x SetQuantity, day Date) (*Refusal, error) {
	if r := b.mustBeOpen(true); r != nil {
		return r, nil
	}
	line := b.plan().line(x.Resource)
	if line == nil {
		return b.refuse(ErrNotInPlan, x.Resource, "plan "+string(b.acct.Plan)+" does not have it"), nil
	}
	q := money.RatOf(x.Quantity)
	if q.Sign() < 0 || !over(q, money.RatOf(line.resource.Step)).IsInt() {
		return b.refuse(ErrInvalidQuantity, x.Resource, "it is counted from 0 in steps of "+line.resource.Step.String()), nil
	}
	if line.Max != nil && q.Cmp(line.max) > 0 {
		return b.refuse(ErrOverMax, x.Resource, "the plan allows "+line.Max.String()), nil
	}
	var present decimal.Decimal
	if h := b.holding(x.Resource); h != nil {
		present = h.Quantity
	}
	held := money.RatOf(present)
	if q.Equal(held) {
		return nil, nil
	}
	ask := Ask{Action: x.name(), On: day, Period: b.acct.Period, Grow: []Growth{{x.Resource, x.Quantity.Sub(present)}}}
	if q.Cmp(held) > 0 {
		ask.Resources = []ResourceID{x.Resource}
	}
	if r, err := b.ask(ask); r != nil || err != nil {
		return r, err
	}
	h := b.acquire(line.resource)
	switch {
	case !b.acct.TrialEnds.IsZero():
		b.trialSet(h, q, day)
		return nil, nil
	case q.Cmp(held) > 0:
		return nil, b.rise(CauseRise, h, q, day)
	}
	return nil, b.fall(h, q, day)
}

func (b *book) recordUsage(x RecordUsage, day Date, keyed *UsageRecord) (*Refusal, error) {
	if r := b.mustBeOpen(false); r != nil {
		return r, nil
	}
	line := b.plan().line(x.Resource)
	switch {
	case line == nil:
		return b.refuse(ErrNotInPlan, x.Resource, "plan "+string(b.acct.Plan)+" does not have it"), nil
	case line.resource.Kind != KindMonthly:
		return b.refuse(ErrNotMetered, x.Resource, "only monthly resources are metered"), nil
	case x.Amount.Sign() < 0:
		return b.refuse(ErrInvalidQuantity, x.Resource, "usage is not negative"), nil
	case keyed != nil && (keyed.Day != day && !x.On.IsZero() || !keyed.Amount.Equal(x.Amount)):
		return b.refuse(ErrKeyReused, x.Resource, "the key was used on "+keyed.Day.String()+" for "+keyed.Amount.String()), nil
	case keyed != nil:
		return nil, nil
	}
	r := &UsageRecord{Account: b.acct.ID, Resource: x.Resource, Day: day, Amount: x.Amount, Key: x.Key, Recorded: b.now}
	if b.rollup != nil && len(b.acct.Above) > 0 {
		var err error
		if r.RolledUp, err = b.rollup(x.Resource, day); err != nil {
			return nil, err
		}
	}
	b.records = append(b.records, r)
	for _, double := range r.RolledUp {
		b.records = append(b.records, &UsageRecord{Account: double, Source: b.acct.ID, Resource: x.Resource,
			Day: day, Amount: x.Amount, Recorded: b.now})
	}
	return nil, nil
}

// ask asks those above whether the account may have something.
func (b *book) ask(ask Ask) (*Refusal, error) {
	if b.permit == nil || len(b.acct.Above) == 0 && b.acct.Sells == "" {
		return nil, nil
	}
	ask.Account = &b.acct
	r, err := b.permit(ask)
	if r != nil {
		r.Action, r.Account = ask.Action, b.acct.ID
	}
	return r, err
}

// askPlan asks whether the account may go to a plan: everything monthly that the plan
// has, what it holds and what it would acquire must be on offer; of a double, all that
// the accounts below it have too.
func (b *book) askPlan(action string, to *pricedPlan, period Period, day Date) (*Refusal, error) {
	ask := Ask{Action: action, On: day, Period: period, Resources: to.monthly(), Plan: to.ref()}
	for _, h := range b.holds {
		if h.Quantity.Sign() > 0 && !slices.Contains(ask.Resources, h.Resource) {
			ask.Resources = append(ask.Resources, h.Resource)
		}
	}
	for _, l := range b.newLines(b.plan(), to) {
		if !slices.Contains(ask.Resources, l.Resource) {
			ask.Resources = append(ask.Resources, l.Resource)
		}
		by := l.AtSignup
		if h := b.holding(l.Resource); h != nil {
			by = by.Sub(h.Quantity)
		}
		if by.Sign() > 0 {
			ask.Grow = append(ask.Grow, Growth{l.Resource, by})
		}
	}
	return b.ask(ask)
}

func (b *book) changePlanAction(x ChangePlan, day Date, want wanted) (*Refusal, error) {
	if r := b.mustBeOpen(true); r != nil {
		return r, nil
	}
	if want.target == nil {
		return b.refuse(ErrUnknownPlan, "", "the seller has no plan "+string(x.Plan)), nil
	}
	if r := b.mayChoose(x.By, want.head, want.present); r != nil {
		return r, nil
	}
	if r := b.fits(want.target, b.acct.Period, b.acct.PendingPeriod); r != nil {
		return r, nil
	}
	if r, err := b.askPlan(x.name(), want.target, b.acct.Period, day); r != nil || err != nil {
		return r, err
	}
	if b.acct.Sells != "" { // a double's change waits for its next period
		b.acct.PendingPlan, b.acct.PendingVersion = want.target.id, want.target.version
		if want.target.id == b.acct.Plan {
			b.acct.PendingPlan, b.acct.PendingVersion = "", 0
		}
		return nil, nil
	}
	b.event(PlanChanged{Account: b.acct.ID, Plan: want.target.id, Version: want.target.version, On: day})
	if b.acct.TrialEnds.IsZero() {
		return nil, b.changePlan(want.target, day)
	}
	return nil, b.changeTrialPlan(want.target, day)
}

// mayChoose applies the plan's access and group to who asks for a plan. Staff of the
// host and of the seller may choose any.
func (b *book) mayChoose(by Actor, head, present *Plan) *Refusal {
	if by.Role == RoleHost || by.Role == RoleSeller {
		return nil
	}
	switch {
	case head.Access == AccessStaff:
		return b.refuse(ErrPlanRestricted, "", "staff chooses plan "+string(head.ID))
	case present != nil && head.Group != present.Group:
		return b.refuse(ErrPlanGroup, "", "plan "+string(head.ID)+" is not in the group of plan "+string(present.ID))
	case head.Access == AccessFrom && (present == nil || !slices.Contains(head.From, present.ID)):
		return b.refuse(ErrPlanRestricted, "", "plan "+string(head.ID)+" is for customers of certain plans only")
	}
	return nil
}

func (b *book) moveVersion(target *pricedPlan, day Date) (*Refusal, error) {
	if r := b.mustBeOpen(false); r != nil {
		return r, nil
	}
	a := &b.acct
	if target == nil || target.id != a.Plan {
		return b.refuse(ErrUnknownVersion, "", "plan "+string(a.Plan)+" has no such version"), nil
	}
	if target.version == a.PlanVersion {
		a.PendingPlan, a.PendingVersion = "", 0
		return nil, nil
	}
	if r := b.fits(target, a.Period, a.PendingPeriod); r != nil {
		return r, nil
	}
	if r, err := b.askPlan(MoveVersion{}.name(), target, a.Period, day); r != nil || err != nil {
		return r, err
	}
	if !a.TrialEnds.IsZero() { // no period is open yet: the trial goes on at the new version
		return nil, b.changeTrialPlan(target, day)
	}
	a.PendingPlan, a.PendingVersion = target.id, target.version
	return nil, nil
}

func (b *book) changePeriod(x ChangePeriod, day Date) (*Refusal, error) {
	if r := b.mustBeOpen(false); r != nil {
		return r, nil
	}
	a := &b.acct
	if !b.plan().hasPeriod(x.Period) {
		return b.refuse(ErrUnknownPeriod, "", "plan "+string(a.Plan)+" has no period "+x.Period.String()), nil
	}
	if r, err := b.askPeriod(x.name(), x.Period, day); r != nil || err != nil {
		return r, err
	}
	switch {
	case x.Period == a.Period:
		a.PendingPeriod = Period{}
	case !a.TrialEnds.IsZero():
		b.tryAnew(day, func() { a.Period = x.Period })
	default:
		a.PendingPeriod = x.Period
	}
	return nil, nil
}

// askPeriod asks whether the account may have what it has for another period.
func (b *book) askPeriod(action string, period Period, day Date) (*Refusal, error) {
	ask := Ask{Action: action, On: day, Period: period, Resources: b.plan().monthly()}
	for _, h := range b.holds {
		if h.Quantity.Sign() > 0 && !h.monthly() {
			ask.Resources = append(ask.Resources, h.Resource)
		}
	}
	return b.ask(ask)
}

func (b *book) cancel(x Cancel, day Date) (*Refusal, error) {
	if r := b.mustBeOpen(false); r != nil {
		return r, nil
	}
	if b.acct.Sells != "" {
		return b.refuse(ErrHasCustomers, "", "a reseller is closed when its customers are"), nil
	}
	if b.acct.Lapsed || !b.acct.TrialEnds.IsZero() {
		if x.Leaving {
			return b.refuse(ErrNoPeriod, "", "it would be closed at once"), nil
		}
		return nil, b.closeAccount(day)
	}
	b.acct.Cancelling, b.acct.Leaving = true, x.Leaving
	return nil, nil
}

func (b *book) suspend(x Suspend, day Date) *Refusal {
	if r := b.mustBeOpen(true); r != nil {
		return r
	}
	reason := x.Reason
	if reason == "" {
		switch x.By.Role {
		case RoleSeller:
			reason = ReasonSeller
		case RoleCustomer:
			reason = ReasonCustomer
		case RoleOverlimit:
			reason = ReasonOverlimit
		case RoleSuspend:
			reason = ReasonDebt
		case RoleTrial:
			reason = ReasonTrial
		default:
			reason = ReasonHost
		}
	}
	b.acct.Status = Suspended
	b.acct.Suspension = Suspension{Reason: reason, Cause: b.cause, By: x.By, On: day, Note: x.Note}
	b.event(AccountSuspended{Account: b.acct.ID, Reason: reason, On: day})
	return nil
}

func (b *book) resumeAction(x Resume, day Date) (*Refusal, error) {
	if r := b.mustBeOpen(false); r != nil {
		return r, nil
	}
	a := &b.acct
	if a.Status != Suspended {
		return b.refuse(ErrNotSuspended, "", ""), nil
	}
	if b.asleep != "" {
		return b.refuse(ErrSellerInactive, "", b.asleep), nil
	}
	if b.cause == 0 && !MayResume(x.By.Role, a.Suspension.Reason) {
		return b.refuse(ErrMayNotResume, "", "it is suspended for the reason "+string(a.Suspension.Reason)), nil
	}
	if b.cause != 0 && a.tried() && !b.plan().terms.Trial.Convert {
		// Its seller wakes up, and nobody has said that it buys what it has tried.
		a.Suspension = Suspension{Reason: ReasonTrial, By: Actor{Role: RoleTrial}, On: day}
		b.event(AccountSuspended{Account: a.ID, Reason: ReasonTrial, On: day})
		return nil, nil
	}
	b.event(AccountResumed{Account: a.ID, On: day})
	switch {
	case a.TrialEnds.IsZero():
		return nil, b.resume(day)
	case day.Before(a.TrialEnds):
		a.Status, a.Suspension = Active, Suspension{}
		return nil, nil
	}
	return nil, b.convert(day)
}

func (b *book) convertAction(day Date) (*Refusal, error) {
	if r := b.mustBeOpen(false); r != nil {
		return r, nil
	}
	a := &b.acct
	switch {
	case a.TrialEnds.IsZero():
		return b.refuse(ErrNotInTrial, "", ""), nil
	case a.Status == Suspended && b.asleep != "":
		return b.refuse(ErrSellerInactive, "", b.asleep), nil
	case a.Status == Suspended && a.Suspension.Reason != ReasonTrial:
		return b.refuse(ErrAccountSuspended, "", "it is suspended for the reason "+string(a.Suspension.Reason)), nil
	}
	return nil, b.convert(day)
}

func (b *book) closeAction(x Close, day Date) (*Refusal, error) {
	if r := b.mustBeOpen(false); r != nil {
		return r, nil
	}
	if b.customers {
		return b.refuse(ErrHasCustomers, "", "close its customers first"), nil
	}
	b.silent = x.Billing == CloseNoBilling || x.Billing == CloseCollectOnly
	if err := b.closeAccount(day); err != nil || x.Billing == CloseAccrue || x.Billing == CloseNoBilling {
		return nil, err
	}
	// The document's taxes count too: finish it before looking at the balance.
	if err := b.finish(); err != nil {
		return nil, err
	}
	b.begin(day)
	if debt := b.acct.Balance.Neg(); collects(x.Billing, debt, &b.acct, b.plan()) {
		b.collect = debt
		b.event(CollectionRequested{Account: b.acct.ID, Amount: debt, On: day})
	}
	return nil, nil
}

// collects reports whether closing with a debt asks for it to be collected.
func collects(how CloseBilling, debt money.Money, a *Account, plan *pricedPlan) bool {
	limit := plan.terms.CreditLimit
	if a.CreditLimit != nil {
		limit = *a.CreditLimit
	}
	return debt.Sign() > 0 && (how == CloseCollectOnly || how == CloseCollect && debt.Amount().Cmp(limit) >= 0)
}

func (b *book) exempt(x Exempt, day Date) *Refusal {
	if r := b.mustBeOpen(false); r != nil {
		return r
	}
	b.acct.Exemption = Exemption{}
	if x.Code != "" {
		b.acct.Exemption = Exemption{Code: x.Code, From: day}
	}
	return nil
}
