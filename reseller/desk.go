package reseller

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// Desk is one seller's view of the books, and its hand in them: nothing of another
// seller can be read or done through it, whatever is asked for. What is not the seller's
// is reported as not there. It is what a reseller's panel is built on. It acts as the
// seller's staff, by the table of [Can]; what staff with a narrower task, and customers,
// may do is to be asked there before.
type Desk struct {
	m      *Manager
	seller billing.SellerID
}

// Desk returns a seller's view. One of no seller at all shows and does nothing: it fails
// with billing.ErrUnknownSeller.
func (m *Manager) Desk(seller billing.SellerID) *Desk { return &Desk{m, seller} }

// ErrNotHere: the action is not one that a seller's staff does, see [Can].
var ErrNotHere = tierhost.E("", tierhost.KindDenied, "not_here", nil)

// Seller returns the seller itself, without its place in the tree.
func (d *Desk) Seller(ctx context.Context) (billing.Seller, error) {
	s, err := d.m.engine.Seller(ctx, d.seller)
	s.Parent, s.Double = "", 0
	return s, err
}

// own returns one of the seller's accounts, or ErrUnknownAccount.
func (d *Desk) own(ctx context.Context, id billing.AccountID) (billing.Account, error) {
	a, err := d.m.engine.Account(ctx, id)
	if err == nil && a.Seller != d.seller {
		err = fmt.Errorf("billing: account %d: %w", id, billing.ErrUnknownAccount)
	}
	if err != nil {
		return billing.Account{}, err
	}
	return d.shown(a), nil
}

// shown leaves out of an account what is a matter of those above.
func (d *Desk) shown(a billing.Account) billing.Account {
	a.Above = nil
	by := a.Suspension.By.Role
	if a.Suspension.Cause != 0 || by != billing.RoleSeller && by != billing.RoleCustomer {
		a.Suspension.By.Name, a.Suspension.Note = "", "" // whoever did it, it was above
	}
	a.Suspension.Cause, a.Parked.Reason = 0, ""
	return a
}

// parkedText is all that a seller is told of books that are broken: the reason may name
// those above.
const parkedText = "the books of this account are being looked at"

// masked keeps back what an error says of those above: what broke, and where, is for the
// log of the host. Kind and code stay.
func (d *Desk) masked(ctx context.Context, err error) error {
	if r, ok := errors.AsType[*billing.Refusal](err); ok {
		if !errors.Is(err, billing.ErrAccountParked) {
			return err
		}
		r = billing.Refuse(billing.ErrAccountParked, r.Resource, parkedText)
		was, _ := errors.AsType[*billing.Refusal](err)
		r.Action, r.Account = was.Action, was.Account
		return r
	}
	switch kind := tierhost.KindOf(err); kind {
	case tierhost.KindInternal, tierhost.KindUnavailable:
		if ctx.Err() != nil {
			return err
		}
		d.m.log.ErrorContext(ctx, "reseller: a desk could not do it", "seller", d.seller, "error", err)
		return tierhost.E("reseller.Desk", kind, tierhost.CodeOf(err), nil)
	}
	return err
}

// known fails for a desk of no seller: where a query is scoped to a seller, none would
// mean all.
func (d *Desk) known() error {
	if d.seller == "" {
		return fmt.Errorf("reseller: a desk of no seller: %w", billing.ErrUnknownSeller)
	}
	return nil
}

// Account returns one of the seller's accounts, or billing.ErrUnknownAccount.
func (d *Desk) Account(ctx context.Context, id billing.AccountID) (billing.Account, error) {
	return d.own(ctx, id)
}

// AccountByName returns the seller's account of a name, or billing.ErrUnknownAccount.
func (d *Desk) AccountByName(ctx context.Context, name string) (billing.Account, error) {
	a, err := d.m.engine.AccountByName(ctx, d.seller, name)
	return d.shown(a), err
}

// Accounts lists the seller's accounts; q.Seller is ignored.
func (d *Desk) Accounts(ctx context.Context, q billing.AccountQuery) iter.Seq2[billing.Account, error] {
	q.Seller = d.seller
	if err := d.known(); err != nil {
		return failing[billing.Account](err)
	}
	return func(yield func(billing.Account, error) bool) {
		for a, err := range d.m.engine.Accounts(ctx, q) {
			if !yield(d.shown(a), err) {
				return
			}
		}
	}
}

// Holdings returns what one of the seller's accounts holds.
func (d *Desk) Holdings(ctx context.Context, id billing.AccountID) ([]billing.Holding, error) {
	if _, err := d.own(ctx, id); err != nil {
		return nil, err
	}
	return d.m.engine.Holdings(ctx, id)
}

// Entries lists entries of the seller's accounts; q.Seller is ignored.
func (d *Desk) Entries(ctx context.Context, q billing.EntryQuery) iter.Seq2[billing.Entry, error] {
	q.Seller = d.seller
	if err := d.known(); err != nil {
		return failing[billing.Entry](err)
	}
	return d.m.engine.Entries(ctx, q)
}

// Explain says how an entry of one of the seller's accounts came about.
func (d *Desk) Explain(ctx context.Context, id billing.EntryID) (billing.Explanation, error) {
	if _, err := d.own(ctx, id.Account); err != nil {
		return billing.Explanation{}, err
	}
	return d.m.engine.Explain(ctx, id)
}

// Documents lists documents of the seller's accounts; q.Seller is ignored.
func (d *Desk) Documents(ctx context.Context, q billing.DocumentQuery) iter.Seq2[billing.Document, error] {
	q.Seller = d.seller
	if err := d.known(); err != nil {
		return failing[billing.Document](err)
	}
	return d.m.engine.Documents(ctx, q)
}

// Document returns a document of one of the seller's accounts.
func (d *Desk) Document(ctx context.Context, id billing.DocumentID) (billing.Document, error) {
	if _, err := d.own(ctx, id.Account); err != nil {
		return billing.Document{}, err
	}
	return d.m.engine.Document(ctx, id)
}

// Series lists the seller's numbered documents of a kind.
func (d *Desk) Series(ctx context.Context, kind billing.DocumentKind) iter.Seq2[billing.Document, error] {
	if err := d.known(); err != nil {
		return failing[billing.Document](err)
	}
	return d.m.engine.Series(ctx, d.seller, kind)
}

// Periods lists the periods of one of the seller's accounts.
func (d *Desk) Periods(ctx context.Context, id billing.AccountID) iter.Seq2[billing.PeriodRow, error] {
	if _, err := d.own(ctx, id); err != nil {
		return failing[billing.PeriodRow](err)
	}
	return d.m.engine.Periods(ctx, id)
}

// Usage lists the usage records of one of the seller's accounts.
func (d *Desk) Usage(ctx context.Context, id billing.AccountID) iter.Seq2[billing.UsageRecord, error] {
	if _, err := d.own(ctx, id); err != nil {
		return failing[billing.UsageRecord](err)
	}
	return func(yield func(billing.UsageRecord, error) bool) {
		for u, err := range d.m.engine.Usage(ctx, id) {
			u.RolledUp, u.Source = nil, 0
			if !yield(u, err) {
				return
			}
		}
	}
}

func failing[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}

// Balance returns what one of the seller's accounts had at the end of a day.
func (d *Desk) Balance(ctx context.Context, id billing.AccountID, at billing.Date) (money.Money, error) {
	if _, err := d.own(ctx, id); err != nil {
		return money.Money{}, err
	}
	return d.m.engine.Balance(ctx, id, at)
}

// AccountStatement returns a statement of one of the seller's accounts.
func (d *Desk) AccountStatement(ctx context.Context, id billing.AccountID, from, to billing.Date) (billing.Statement, error) {
	if _, err := d.own(ctx, id); err != nil {
		return billing.Statement{}, err
	}
	return d.m.engine.Statement(ctx, id, from, to)
}

// Plans lists the seller's plans.
func (d *Desk) Plans(ctx context.Context) iter.Seq2[billing.Plan, error] {
	if err := d.known(); err != nil {
		return failing[billing.Plan](err)
	}
	return d.m.engine.Plans(ctx, d.seller)
}

// PlanVersion returns a version of one of the seller's plans (0: the newest).
func (d *Desk) PlanVersion(ctx context.Context, plan billing.PlanID, version int) (billing.PlanVersion, error) {
	return d.m.engine.PlanVersion(ctx, d.seller, plan, version)
}

// Bills lists what the seller was billed at wholesale, by day and resource: closed days.
// q.Seller is ignored.
func (d *Desk) Bills(ctx context.Context, q BillQuery) iter.Seq2[Bill, error] {
	q.Seller = d.seller
	if err := d.known(); err != nil {
		return failing[Bill](err)
	}
	return d.m.Bills(ctx, q)
}

// Limits returns the bounds that those above have set the seller.
func (d *Desk) Limits(ctx context.Context) ([]LimitUse, error) { return d.m.Limits(ctx, d.seller) }

// Pools returns what of the seller's pools of free units is drawn on a day.
func (d *Desk) Pools(ctx context.Context, day billing.Date) ([]PoolUse, error) {
	return d.m.Pools(ctx, d.seller, day)
}

// Statement is what the seller was billed, and paid, in a time; see
// [Manager.Statement].
func (d *Desk) Statement(ctx context.Context, from, to billing.Date) (Statement, error) {
	return d.m.Statement(ctx, d.seller, from, to)
}

// Margins sets what the seller charges against what it was billed for: closed days only;
// q.Seller is ignored.
func (d *Desk) Margins(ctx context.Context, q MarginQuery) ([]Margin, error) {
	q.Seller, q.ClosedOnly = d.seller, true
	return d.m.Margins(ctx, q)
}

// CheckMargins names the prices of a plan that lie below what they cost the seller.
func (d *Desk) CheckMargins(ctx context.Context, terms billing.Terms, rate *ExchangeRate) ([]BelowCost, error) {
	return d.m.CheckMargins(ctx, d.seller, terms, rate)
}

// PublishPlan makes terms the newest version of one of the seller's plans, see
// [Manager.PublishPlan]; head.Seller is ignored.
func (d *Desk) PublishPlan(ctx context.Context, head billing.Plan, terms billing.Terms, rate *ExchangeRate) (billing.PlanVersion, []BelowCost, error) {
	shop, err := d.m.SubjectOf(ctx, d.seller, 0)
	if err == nil {
		err = d.may(ActionPlans, shop)
	}
	if err != nil {
		return billing.PlanVersion{}, nil, err
	}
	head.Seller = d.seller
	return d.m.PublishPlan(ctx, head, terms, rate)
}

// check makes an action the seller's own, or refuses it.
func (d *Desk) check(ctx context.Context, act billing.Action) (billing.Action, error) {
	act, err := billing.Plain(act)
	if err != nil {
		return nil, err
	}
	subject, err := d.m.SubjectOf(ctx, d.seller, billing.AccountOf(act))
	if err == nil {
		err = d.may(Action(billing.NameOf(act)), subject)
	}
	if err != nil {
		return nil, err
	}
	x, ok := act.(billing.Signup)
	if !ok {
		return act, nil
	}
	x.Seller = d.seller
	if x.Existing != 0 {
		if _, err := d.own(ctx, x.Existing); err != nil {
			return nil, err
		}
	}
	if x.Sells != "" {
		if err := d.may(ActionResellers, subject); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// may is what the table of [Can] says of the seller's staff; of the host's own desk too,
// where it is what the staff of any seller may do.
func (d *Desk) may(action Action, subject Subject) error {
	staff := Actor{Role: RoleResellerStaff, Seller: d.seller}
	if len(subject.Above) == 0 {
		staff.Role = RoleHostStaff
	}
	why := Why(staff, action, subject)
	if roles, ok := action.roles(); why == nil && (!ok || roles&rs == 0) {
		why = ErrHostOnly
	}
	switch {
	case why == nil:
		return nil
	case tierhost.KindOf(why) == tierhost.KindPrecondition || errors.Is(why, billing.ErrMayNotResume):
		r := billing.Refuse(why, "", "") // as the engine would
		r.Action, r.Account = string(action), subject.Account
		return r
	}
	return fmt.Errorf("reseller: %s: %w: %w", action, ErrNotHere, why)
}

// Do does an action on one of the seller's accounts, or signs one up; see
// billing.Engine.Do. A desk takes what [Can] allows the seller's staff, else it is
// [ErrNotHere] (or a refusal, while the seller sleeps): it records no usage, and bills
// nobody. It acts today, where the seller is: a day that has passed is
// billing.ErrDayPassed. It is done by the seller's staff unless the action says that the
// customer does it, or one of the seller's jobs.
func (d *Desk) Do(ctx context.Context, act billing.Action) (billing.Result, error) {
	act, err := d.check(ctx, act)
	if err != nil {
		return billing.Result{}, err
	}
	res, err := d.m.engine.Present().Do(ctx, asSeller(act))
	res.Account = d.shown(res.Account)
	return res, d.masked(ctx, err)
}

// Quote returns what Do would do.
func (d *Desk) Quote(ctx context.Context, act billing.Action) (billing.Result, error) {
	act, err := d.check(ctx, act)
	if err != nil {
		return billing.Result{}, err
	}
	res, err := d.m.engine.Present().Quote(ctx, asSeller(act))
	res.Account = d.shown(res.Account)
	return res, d.masked(ctx, err)
}

// asSeller makes the host's role the seller's. The customer's stays, and those of jobs:
// what they may do is less.
func asSeller(act billing.Action) billing.Action {
	by := billing.ActorOf(act)
	if by.Role == billing.RoleHost {
		by.Role = billing.RoleSeller
	}
	return billing.By(act, by)
}
