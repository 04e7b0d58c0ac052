package reseller

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// MarginBy says what margins are grouped by.
type MarginBy string

// The groupings of margins.
const (
	ByCustomer MarginBy = ""         // the seller's own accounts
	ByPlan     MarginBy = "plan"     // the seller's plans
	ByResource MarginBy = "resource" //
	ByDay      MarginBy = "day"      // the dates of the events
	ByNothing  MarginBy = "nothing"  // one line
)

// MarginQuery selects what margins are made of. Empty fields select all; dates are
// those of the events, and inclusive.
type MarginQuery struct {
	Seller   billing.SellerID // required
	By       MarginBy
	Account  billing.AccountID // one of the seller's own
	Resource billing.ResourceID
	Plan     billing.PlanID // one of the seller's own
	Since    billing.Date
	Until    billing.Date
	// Rate turns the parent's currency into the seller's; needed where they differ.
	Rate *ExchangeRate
	// ClosedOnly is the reseller's own view: only what belongs to days that are closed.
	// The host itself closes no days.
	ClosedOnly bool
}

// Margin is retail set against wholesale. Of Account, Plan, Resource and Day one is set,
// as the query groups.
type Margin struct {
	Account  billing.AccountID
	Plan     billing.PlanID
	Resource billing.ResourceID
	Day      billing.Date

	// Retail is what the seller has charged, less refunds and discounts, without taxes;
	// what it charges resellers at wholesale is part of it.
	Retail money.Money
	// Cost is what the seller pays for it, in its parent's currency.
	Cost money.Money
	// CostRetail is the cost in the seller's currency; the sum is converted, not its
	// lines, so that lines may differ from a total of theirs by roundings.
	CostRetail money.Money
	Margin     money.Money // Retail less CostRetail
	// Percent is the margin in percent of retail, to two decimals; nil where retail is
	// zero or negative.
	Percent *decimal.Decimal
}

// Margins sets what a seller charges against what it pays, see [MarginQuery], in the
// order of the key that it is grouped by. What lies below a reseller of the seller's is
// attributed to that reseller's account. All is read in one view; the order of events
// within a day plays no part. Wholesale charged to resellers below counts when their day
// has closed, the cost of it at once.
//
// Errors: billing.ErrUnknownSeller, billing.ErrUnknownAccount, [ErrRateNeeded],
// [ErrRateCurrency], tierhost.Invalid.
func (m *Manager) Margins(ctx context.Context, q MarginQuery) (list []Margin, err error) {
	switch q.By {
	case ByCustomer, ByPlan, ByResource, ByDay, ByNothing:
	default:
		var is tierhost.Issues
		is.Add("by", billing.FaultKind, "margins are not grouped by %.40q", string(q.By))
		return nil, is.Err()
	}
	err = m.view(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) error {
		b := &marginBook{q: q, m: m.In(tx), lines: map[marginKey]*Margin{}, owner: map[billing.AccountID]billing.AccountID{},
			own: map[billing.AccountID]*ownAccount{}}
		if err := b.read(ctx); err != nil {
			return err
		}
		list, err = b.result()
		return err
	})
	return list, err
}

type marginKey struct {
	account  billing.AccountID
	plan     billing.PlanID
	resource billing.ResourceID
	day      billing.Date
}

// ownAccount is one of the seller's own accounts.
type ownAccount struct {
	plan    billing.PlanID // the present one
	loaded  bool
	periods []billing.PeriodRow
}

// marginBook adds up the margins of a seller.
type marginBook struct {
	q      MarginQuery
	m      *Manager
	seller billing.Seller
	cost   money.Currency
	rate   money.Rat
	lines  map[marginKey]*Margin
	// owner names the seller's own account that one below it belongs to.
	owner map[billing.AccountID]billing.AccountID
	own   map[billing.AccountID]*ownAccount
	// through is the last day that counts, of ClosedOnly.
	through billing.Date
	// open are documents of closed days whose shadows are billed with an open one.
	open map[billing.DocumentID]bool
}

func (b *marginBook) read(ctx context.Context) (err error) {
	if b.seller, b.cost, err = b.m.costCurrency(ctx, b.q.Seller); err != nil {
		return err
	}
	if b.rate, err = between(b.cost, b.seller.Currency, b.q.Rate); err != nil {
		return err
	}
	if err := b.accounts(ctx); err != nil {
		return err
	}
	if b.q.ClosedOnly && b.seller.Parent != "" {
		if b.through, err = b.m.ClosedThrough(ctx, b.seller.ID); err != nil || b.through.IsZero() {
			return err
		}
		if err := b.findOpen(ctx); err != nil {
			return err
		}
	}
	if err := b.retail(ctx); err != nil || b.seller.Double == 0 {
		return err
	}
	return b.shadows(ctx)
}

// costCurrency returns a seller, and the currency in which it pays: its parent's; the
// host's own.
func (m *Manager) costCurrency(ctx context.Context, id billing.SellerID) (billing.Seller, money.Currency, error) {
	s, err := m.engine.Seller(ctx, id)
	if err != nil || s.Parent == "" {
		return s, s.Currency, err
	}
	parent, err := m.engine.Seller(ctx, s.Parent)
	return s, parent.Currency, err
}

// accounts finds the seller's own accounts, and what lies below them.
func (b *marginBook) accounts(ctx context.Context) error {
	e := b.m.engine
	if b.q.Account != 0 {
		a, err := e.Account(ctx, b.q.Account)
		if err == nil && a.Seller != b.seller.ID {
			err = fmt.Errorf("billing: account %d: %w", b.q.Account, billing.ErrUnknownAccount) // as if it were not there
		}
		if err != nil {
			return err
		}
		b.own[a.ID] = &ownAccount{plan: a.Plan}
		b.owner[a.ID] = a.ID
		if a.Sells == "" || b.seller.Double == 0 {
			return nil
		}
		return b.below(ctx, a.Sells)
	}
	if b.q.Plan == "" && b.q.By != ByCustomer && b.q.By != ByPlan {
		return nil
	}
	for a, err := range e.Accounts(ctx, billing.AccountQuery{Seller: b.seller.ID}) {
		if err != nil {
			return err
		}
		b.own[a.ID] = &ownAccount{plan: a.Plan}
		b.owner[a.ID] = a.ID
	}
	if b.seller.Double == 0 {
		return nil
	}
	sellers, err := e.SellersBelow(ctx, b.seller.ID)
	for _, s := range sellers {
		if s.Parent == b.seller.ID && err == nil {
			err = b.below(ctx, s.ID)
		}
	}
	return err
}

// below attributes the accounts below a reseller of the seller's, at any depth.
func (b *marginBook) below(ctx context.Context, id billing.SellerID) error {
	sellers, err := b.m.engine.SellersBelow(ctx, id)
	if err != nil {
		return err
	}
	for _, s := range append([]billing.Seller{{ID: id}}, sellers...) {
		for a, err := range b.m.engine.Accounts(ctx, billing.AccountQuery{Seller: s.ID}) {
			if err != nil {
				return err
			}
			if i := slices.Index(a.Above, b.seller.Double); i >= 0 && i+1 < len(a.Above) {
				b.owner[a.ID] = a.Above[i+1]
			}
		}
	}
	return nil
}

// findOpen finds the documents of closed days that came late, so that their shadows are
// billed with a day that is still open.
func (b *marginBook) findOpen(ctx context.Context) error {
	b.open = map[billing.DocumentID]bool{}
	for s, err := range b.m.Shadows(ctx, ShadowQuery{Seller: b.seller.ID, Since: b.through.AddDays(1)}) {
		if err != nil {
			return err
		}
		if s.Date.After(b.through) || s.Entry == 0 {
			continue
		}
		en, err := b.m.engine.Entry(ctx, billing.EntryID{Account: s.Account, Seq: s.Entry})
		if err != nil {
			return err
		}
		if en.Seller == b.seller.ID && en.Document != 0 {
			b.open[billing.DocumentID{Account: en.Account, Seq: en.Document}] = true
		}
	}
	return nil
}

// isRetail reports whether entries of a kind are what a seller sells for.
func isRetail(kind billing.EntryKind) bool {
	switch kind {
	case billing.EntrySetup, billing.EntryRecurring, billing.EntryUsage, billing.EntryRefund, billing.EntryDiscount, billing.EntryWholesale:
		return true
	}
	return false
}

func (b *marginBook) retail(ctx context.Context) error {
	q := billing.EntryQuery{Seller: b.seller.ID, Account: b.q.Account, Resource: b.q.Resource, Since: b.q.Since, Until: b.q.Until}
	if !b.through.IsZero() && (q.Until.IsZero() || b.through.Before(q.Until)) {
		q.Until = b.through
	}
	for en, err := range b.m.engine.Entries(ctx, q) {
		if err != nil {
			return err
		}
		if !isRetail(en.Kind) || b.open[billing.DocumentID{Account: en.Account, Seq: en.Document}] {
			continue
		}
		line, err := b.line(ctx, en.Account, en.Basis.Plan, en.Resource, en.Date)
		if err != nil {
			return err
		}
		if line == nil {
			continue
		}
		if line.Retail, err = line.Retail.Add(en.Amount); err != nil {
			return err
		}
	}
	return nil
}

func (b *marginBook) shadows(ctx context.Context) error {
	q := ShadowQuery{Seller: b.seller.ID, Resource: b.q.Resource, Since: b.q.Since, Until: b.through}
	if b.q.Account != 0 && len(b.owner) == 1 {
		q.Account = b.q.Account
	}
	for s, err := range b.m.Shadows(ctx, q) {
		if err != nil {
			return err
		}
		if s.Date.Before(b.q.Since) || !b.q.Until.IsZero() && s.Date.After(b.q.Until) {
			continue
		}
		account, plan := s.Account, s.Plan
		if len(b.own) > 0 { // else nobody asks whose it is
			if account = b.owner[s.Account]; account == 0 {
				if b.q.Account != 0 {
					continue
				}
				return fmt.Errorf("reseller: shadow %d of seller %s is of account %d, which is not below it: %w", s.Seq, s.Seller, s.Account, billing.ErrBroken)
			}
			if account != s.Account {
				plan = "" // that of its own seller
			}
		}
		line, err := b.line(ctx, account, plan, s.Resource, s.Date)
		if err != nil {
			return err
		}
		if line == nil {
			continue
		}
		if line.Cost, err = line.Cost.Add(s.Amount); err != nil {
			return err
		}
	}
	return nil
}

// line returns the line that an event counts in; nil: it is not asked for.
func (b *marginBook) line(ctx context.Context, account billing.AccountID, plan billing.PlanID, resource billing.ResourceID, day billing.Date) (*Margin, error) {
	if plan == "" && (b.q.By == ByPlan || b.q.Plan != "") {
		var err error
		if plan, err = b.planOn(ctx, account, day); err != nil {
			return nil, err
		}
	}
	if b.q.Plan != "" && plan != b.q.Plan {
		return nil, nil
	}
	var key marginKey
	switch b.q.By {
	case ByCustomer:
		key.account = account
	case ByPlan:
		key.plan = plan
	case ByResource:
		key.resource = resource
	case ByDay:
		key.day = day
	}
	line := b.lines[key]
	if line == nil {
		line = &Margin{Account: key.account, Plan: key.plan, Resource: key.resource, Day: key.day,
			Retail: money.Zero(b.seller.Currency), Cost: money.Zero(b.cost)}
		b.lines[key] = line
	}
	return line, nil
}

// planOn returns the plan that one of the seller's own accounts was on: what opened the
// last period until then.
func (b *marginBook) planOn(ctx context.Context, id billing.AccountID, day billing.Date) (billing.PlanID, error) {
	a := b.own[id]
	if a == nil {
		return "", fmt.Errorf("reseller: account %d is not one of seller %s: %w", id, b.seller.ID, billing.ErrBroken)
	}
	if !a.loaded {
		for p, err := range b.m.engine.Periods(ctx, id) {
			if err != nil {
				return "", err
			}
			a.periods = append(a.periods, p)
		}
		a.loaded = true
	}
	for _, p := range slices.Backward(a.periods) {
		if !p.From.After(day) {
			return p.Plan, nil
		}
	}
	return a.plan, nil
}

// result finishes the lines, in the order of their keys.
func (b *marginBook) result() ([]Margin, error) {
	list := make([]Margin, 0, len(b.lines))
	for _, line := range b.lines {
		if err := line.finish(b.seller.Currency, b.rate); err != nil {
			return nil, err
		}
		list = append(list, *line)
	}
	slices.SortFunc(list, func(x, y Margin) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Plan, y.Plan), cmp.Compare(x.Resource, y.Resource), x.Day.Compare(y.Day))
	})
	return list, nil
}

// finish works the margin out of the sums.
func (l *Margin) finish(retail money.Currency, rate money.Rat) (err error) {
	if l.CostRetail, err = money.RoundRat(l.Cost.Rat().Mul(rate), retail, money.HalfUp); err != nil {
		return err
	}
	if l.Margin, err = l.Retail.Sub(l.CostRetail); err != nil || l.Retail.Sign() <= 0 {
		return err
	}
	part, err := l.Margin.Rat().Mul(money.RatInt(100)).Quo(l.Retail.Rat())
	if err != nil {
		return err
	}
	percent := part.RoundTo(2, money.HalfUp)
	l.Percent = &percent
	return nil
}
