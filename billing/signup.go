package billing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// decideSignup loads what a signup needs and works it out.
func (e *Engine) decideSignup(ctx context.Context, tx storage.Tx, rows Rows, x Signup, lock Lock, cleared Date) (*decision, error) {
	q := LoadQuery{Seller: x.Seller, Name: x.Name, NewID: lock != LockNone, Above: AboveShare, AboveToo: e.cache.chainHint(x.Seller)}
	if lock == LockNone {
		q.Above = AboveRead
	}
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
	gen := e.cache.at(loaded.Revision)
	d := &decision{created: true}
	refuse := func(sentinel error, detail string) (*decision, error) {
		d.refused = &Refusal{Action: x.name(), Detail: detail, sentinel: sentinel}
		return d, nil
	}
	seller, err := gen.seller(ctx, rows, x.Seller)
	if err != nil {
		return nil, err
	}
	if seller == nil {
		return refuse(ErrUnknownSeller, "there is no seller "+string(x.Seller))
	}
	today, err := e.today(seller)
	if err != nil {
		return nil, err
	}
	day, err := dayOf(x.On, today)
	if err != nil {
		return refuse(ErrDayInFuture, err.Error())
	}
	chain, appointed, err := gen.chain(ctx, rows, seller)
	if err != nil {
		return nil, err
	}
	above := loaded.Above
	if !slices.Equal(chain, q.AboveToo) {
		again, err := rows.Load(ctx, LoadQuery{Above: q.Above, AboveToo: chain})
		if err != nil {
			return nil, err
		}
		above = again.Above
	}
	print := fingerprint(x)
	if k := loaded.Key; k != nil {
		if !bytes.Equal(k.Fingerprint, print) {
			return refuse(ErrKeyReused, "the key was used on another input")
		}
		d.replay, err = replay(ctx, rows, k)
		return d, err
	}
	if e.present && day.Before(today) {
		return refuse(ErrDayPassed, "it is "+today.String()+" today")
	}
	if lock != LockNone && cleared.Before(day) {
		if err := e.around(ctx, gen, rows, &Account{Above: chain}, above, day); err != nil {
			return nil, err
		}
	}
	if loaded.Named != 0 {
		return refuse(ErrAccountExists, fmt.Sprintf("account %d has the name %s", loaded.Named, x.Name))
	}
	head, err := gen.head(ctx, rows, x.Seller, x.Plan)
	if err != nil {
		return nil, err
	}
	if head == nil {
		return refuse(ErrUnknownPlan, "the seller has no plan "+string(x.Plan))
	}
	plan, err := gen.version(ctx, rows, x.Seller, x.Plan, head.Latest)
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
	if !appointed {
		return refuse(ErrSellerInactive, "seller "+string(x.Seller)+" has no account at its parent yet")
	}
	if day.Before(today) && precedes(day, above) {
		return refuse(ErrDayPassed, "the seller was not there on "+day.String())
	}
	if asleep := awake(chain, above); asleep != "" {
		return refuse(ErrSellerInactive, asleep)
	}
	if !head.Open {
		return refuse(ErrPlanNotOpen, "signup for plan "+string(x.Plan)+" is switched off")
	}
	a := newAccount(loaded.NewID, x, seller, plan, period, day)
	a.Above = chain
	if x.Sells != "" {
		sells, err := gen.seller(ctx, rows, x.Sells)
		if err != nil {
			return nil, err
		}
		if sells == nil || sells.Parent != x.Seller || sells.Double != 0 {
			return refuse(ErrNotDouble, "seller "+string(x.Sells)+" is no reseller of seller "+string(x.Seller)+" without an account")
		}
		appointed := *sells
		appointed.Double, a.Sells = a.ID, x.Sells
		d.catalog = &CatalogChange{Base: &loaded.Revision, Sellers: []Seller{appointed}}
	}
	j := Joint{Tx: tx, Rows: rows, Catalog: &Catalog{gen, rows}, ReadOnly: lock == LockNone}
	if lock == LockNone {
		d.part, err = e.foresee(ctx, j, []Account{a}, above, day, false)
	} else {
		d.part, err = e.join(ctx, j, []Account{a}, above)
	}
	if err != nil {
		return nil, err
	}
	d.book, err = e.newBook(ctx, gen, rows, seller, State{Account: a}, today, plan)
	if err != nil {
		return nil, err
	}
	if r := d.book.maySignUp(x.By, head, loaded.States); r != nil {
		r.Action, r.Account, d.refused, d.book = x.name(), 0, r, nil // the number drawn stays unused
		return d, nil
	}
	guard(ctx, d.book, d.part)
	if r, err := d.book.askSignup(x.name(), plan, day); r != nil || err != nil {
		if r != nil {
			r.Account, d.refused, d.book = 0, r, nil
		}
		return d, err
	}
	if x.Key != "" {
		d.key = &Key{KeyID: q.Key, Fingerprint: print, Account: loaded.NewID, Recorded: e.now()}
	}
	refusal, err := d.book.apply(x, day, wanted{})
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		refusal.Account = 0
		d.refused, d.book, d.key = refusal, nil, nil
		return d, nil
	}
	if x.Sells != "" {
		d.book.event(SellerAppointed{Account: a.ID, Seller: x.Sells})
	}
	if err := d.book.check(); err != nil {
		return nil, err
	}
	err = d.apply(ctx)
	if errors.Is(err, money.ErrOverflow) {
		r := d.book.tooLarge()
		r.Action, r.Account = x.name(), 0
		d.refused, d.book, d.key, d.catalog, err = r, nil, nil, nil, nil
	}
	return d, err
}

// precedes reports whether a day is before one of the accounts above was opened. Of today
// that is only the difference of time zones; of an earlier day, nobody sold anything then.
func precedes(day Date, above []Account) bool {
	return slices.ContainsFunc(above, func(a Account) bool { return day.Before(a.SignedUp) })
}

// askSignup asks those above for all that a new account gets.
func (b *book) askSignup(action string, p *pricedPlan, day Date) (*Refusal, error) {
	ask := Ask{Action: action, On: day, Period: b.acct.Period, Resources: p.monthly(), Plan: p.ref(), Opens: true}
	if b.acct.TrialEnds.IsZero() && b.acct.Sells == "" {
		ask.TrialDays = p.terms.Trial.Days
	}
	for i := range p.lines {
		if l := &p.lines[i]; l.atSignup.Sign() > 0 {
			if l.resource.Kind != KindMonthly {
				ask.Resources = append(ask.Resources, l.Resource)
			}
			ask.Grow = append(ask.Grow, Growth{l.Resource, l.AtSignup})
		}
	}
	return b.ask(ask)
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

// signup opens the account, whose plan, period and promotions are set.
func (b *book) signup(day Date) error {
	a := &b.acct
	p := b.plan()
	a.RefundPercent, a.MoneyBackDays = p.refund, p.terms.MoneyBackDays
	trial := p.terms.Trial.Days > 0 && a.TrialEnds.IsZero() && a.Sells == "" // those who sell, buy
	b.event(AccountOpened{Account: a.ID, Plan: a.Plan, On: day, Trial: trial})
	if trial {
		b.startTrial(day)
		return nil
	}
	a.TrialEnds = Date{}
	b.activate(day)
	for i := range p.lines {
		l := &p.lines[i]
		if l.atSignup.Sign() > 0 {
			if err := b.rise(CauseRise, b.acquire(l.resource), l.atSignup, day); err != nil {
				return err
			}
		}
	}
	return nil
}

// newAccount is the row of an account that signs up.
func newAccount(id AccountID, x Signup, seller *Seller, plan *pricedPlan, period Period, day Date) Account {
	a := Account{
		ID: id, Seller: x.Seller, Name: x.Name, Plan: plan.id, PlanVersion: plan.version,
		Period: period, Status: Active, SignedUp: day,
		RefundPercent: decimal.New(100, 0),
		Balance:       money.Zero(seller.Currency), LastRun: money.Zero(seller.Currency),
		Promotions: promotionsAt(x.Promotions, day, period),
	}
	if x.Exemption != "" {
		a.Exemption = Exemption{Code: x.Exemption, From: day}
	}
	if x.SkipTrial {
		a.TrialEnds = day // marks the choice; signup clears it
	}
	return a
}

// promotionsAt makes an account's promotions of the grants at signup.
func promotionsAt(grants []PromotionGrant, signup Date, period Period) []Promotion {
	var out []Promotion
	for _, g := range grants {
		p := Promotion{Code: g.Code, Percent: g.Percent}
		for _, k := range g.Kinds {
			p.Setup = p.Setup || k == EntrySetup
			p.Recurring = p.Recurring || k == EntryRecurring
			p.Usage = p.Usage || k == EntryUsage
		}
		switch n := g.Periods * period.Count(); {
		case n <= 0: // for ever, as is what would end after the last day
		case !period.InDays():
			p.Until = signup.AddMonths(n)
		case n <= NewDate(9999, time.December, 31).Sub(signup):
			p.Until = signup.AddDays(n)
		}
		out = append(out, p)
	}
	return out
}
