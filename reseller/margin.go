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
	ByNothing  MarginBy = "nothing"  // one line, and one of its own costs
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
	// Own is what the seller pays for its own account at its parent, usage rolled up to it
	// among it: no customer is the cause of it. Its Retail is zero.
	Own bool

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
// attributed to that reseller's account. Wholesale charged to resellers below counts when
// their day has closed, the cost of it at once. What the seller pays for its own account
// is in lines of their own, the last, unless a customer or a plan is asked for; by
// resource or day where margins are grouped so. So the costs of a time whose days are
// closed are what the seller was charged in it: its bills, and what its own account was
// charged, without taxes.
//
// It is read page by page, each in a view of its own: events that come meanwhile may be
// counted on one side only. Ask for days that are over, or in a transaction ([Manager.In]).
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
	b := &marginBook{q: q, m: m, lines: map[marginKey]*Margin{}, owner: map[billing.AccountID]billing.AccountID{},
		own: map[billing.AccountID]*ownAccount{}}
	if err := b.read(ctx); err != nil {
		return nil, err
	}
	return b.result()
}

type marginKey struct {
	account  billing.AccountID
	plan     billing.PlanID
	resource billing.ResourceID
	day      billing.Date
	own      bool
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
	if err := b.shadows(ctx); err != nil || b.q.Account != 0 || b.q.Plan != "" {
		return err
	}
	return b.ownCosts(ctx)
}

// ownCosts adds what the seller's own account was charged, but for its customers.
func (b *marginBook) ownCosts(ctx context.Context) error {
	q := billing.EntryQuery{Account: b.seller.Double, Resource: b.q.Resource, Since: b.q.Since, Until: b.until()}
	for en, err := range b.m.engine.Entries(ctx, q) {
		if err != nil {
			return err
		}
		if !isRetail(en.Kind) || en.Kind == billing.EntryWholesale {
			continue
		}
		key := marginKey{own: true}
		switch b.q.By {
		case ByResource:
			key.resource = en.Resource
		case ByDay:
			key.day = en.Date
		}
		line := b.at(key)
		if line.Cost, err = line.Cost.Add(en.Amount); err != nil {
			return err
		}
	}
	return nil
}

// until is the last day that counts; the zero Date: all do.
func (b *marginBook) until() billing.Date {
	if !b.through.IsZero() && (b.q.Until.IsZero() || b.through.Before(b.q.Until)) {
		return b.through
	}
	return b.q.Until
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
	var ids []billing.EntryID
	look := func() error {
		err := b.m.view(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) error {
			books, err := b.m.store.Billing(tx)
			if err != nil {
				return err
			}
			entries, err := entriesOf(ctx, books, ids)
			for _, en := range entries {
				if en.Seller == b.seller.ID && en.Document != 0 {
					b.open[billing.DocumentID{Account: en.Account, Seq: en.Document}] = true
				}
			}
			return err
		})
		ids = ids[:0]
		return err
	}
	for s, err := range b.m.Shadows(ctx, ShadowQuery{Seller: b.seller.ID, Since: b.through.AddDays(1)}) {
		if err != nil {
			return err
		}
		if s.Date.After(b.through) || s.Entry == 0 {
			continue
		}
		if ids = append(ids, billing.EntryID{Account: s.Account, Seq: s.Entry}); len(ids) == pageSize {
			if err := look(); err != nil {
				return err
			}
		}
	}
	return look()
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
	q := billing.EntryQuery{Seller: b.seller.ID, Account: b.q.Account, Resource: b.q.Resource, Since: b.q.Since, Until: b.until()}
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
	return b.at(key), nil
}

// at returns the line of a key.
func (b *marginBook) at(key marginKey) *Margin {
	line := b.lines[key]
	if line == nil {
		line = &Margin{Account: key.account, Plan: key.plan, Resource: key.resource, Day: key.day, Own: key.own,
			Retail: money.Zero(b.seller.Currency), Cost: money.Zero(b.cost)}
		b.lines[key] = line
	}
	return line
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

// result finishes the lines, in the order of their keys, own costs last.
func (b *marginBook) result() ([]Margin, error) {
	list := make([]Margin, 0, len(b.lines))
	for _, line := range b.lines {
		if err := line.finish(b.seller.Currency, b.rate); err != nil {
			return nil, err
		}
		list = append(list, *line)
	}
	slices.SortFunc(list, func(x, y Margin) int {
		if x.Own != y.Own {
			if x.Own {
				return 1
			}
			return -1
		}
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
