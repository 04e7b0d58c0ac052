package reseller

import (
	"context"
	"maps"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
)

// ErrTrialTooLong: a reseller's plan lets customers use for free, for longer than the
// host allows, what the host is not paid for.
var ErrTrialTooLong = tierhost.E("", tierhost.KindPrecondition, "trial_too_long", nil)

// Permit implements [billing.Part]: a reseller sells only what every reseller above it
// gets (spec section 6, Offer), and no more than they allow it.
func (p *part) Permit(ctx context.Context, ask billing.Ask) (*billing.Refusal, error) {
	doubles, err := p.above(ask.Account)
	if err != nil {
		return nil, err
	}
	if most := max(0, p.maxTrial); ask.TrialDays > most && len(doubles) > 0 {
		return billing.Refuse(ErrTrialTooLong, "", "trials of at most "+strconv.Itoa(most)+" days"), nil
	}
	var plan *billing.Terms
	if ask.Plan != nil && len(doubles) > 0 {
		if plan, err = p.j.Catalog.Terms(ctx, ask.Plan.Seller, ask.Plan.Plan, ask.Plan.Version); err != nil {
			return nil, err
		}
	}
	for _, d := range doubles {
		list, err := p.listOn(ctx, d, ask.On)
		if err != nil {
			return nil, err
		}
		for _, id := range ask.Resources {
			if !list.Offers(id, ask.Period) {
				return billing.Refuse(billing.ErrNotOffered, id, "not for sale here"), nil
			}
		}
		if plan == nil {
			continue
		}
		if unmet := list.Unmet(plan); len(unmet) > 0 {
			return billing.Refuse(billing.ErrNotOffered, unmet[0], "plans without it are not for sale here"), nil
		}
	}
	if ask.Plan != nil && ask.Account.Sells != "" {
		if r, err := p.fits(ctx, ask); r != nil || err != nil {
			return r, err
		}
	}
	asked := maps.Clone(p.asked)
	for _, d := range doubles {
		if r, err := p.within(ctx, d, ask, asked); r != nil || err != nil {
			return r, err
		}
	}
	p.asked = asked
	return nil, nil
}

// within checks the limits of a reseller. What is permitted is added to asked: it counts
// for what the same account asks for next.
func (p *part) within(ctx context.Context, d *double, ask billing.Ask, asked map[StockKey]decimal.Decimal) (*billing.Refusal, error) {
	grow := ask.Grow
	if ask.Opens {
		grow = append([]billing.Growth{{Resource: "", By: decimal.New(1, 0)}}, grow...)
	}
	for _, g := range grow {
		key := StockKey{d.account.Sells, g.Resource}
		if x := p.stocks[key]; x == nil || x.Limit == nil {
			continue
		}
		if !p.locked {
			sellers := make([]billing.SellerID, 0, len(ask.Account.Above))
			for _, id := range ask.Account.Above {
				sellers = append(sellers, p.doubles[id].account.Sells)
			}
			if err := p.lock(ctx, sellers, nil); err != nil {
				return nil, err
			}
		}
		x, by := p.stocks[key], asked[key].Add(g.By)
		if g.By.Sign() > 0 && x.Held.Add(by).Cmp(*x.Limit) > 0 {
			return billing.Refuse(billing.ErrOverLimit, g.Resource, "no more can be had at the moment"), nil
		}
		asked[key] = by
	}
	return nil, nil
}

// fits checks a plan to which a double would go: all that the open accounts below it
// hold, and everything monthly in their plans, must be on offer there, and what is
// required there be in their plans.
func (p *part) fits(ctx context.Context, ask billing.Ask) (*billing.Refusal, error) {
	list, err := p.j.Catalog.PriceList(ctx, ask.Plan.Seller, ask.Plan.Plan, ask.Plan.Version)
	if err != nil || list == nil {
		return nil, err
	}
	sellers, err := p.j.Catalog.Below(ctx, ask.Account.Sells)
	if err != nil {
		return nil, err
	}
	resources, err := p.j.Catalog.Resources(ctx)
	if err != nil {
		return nil, err
	}
	for _, seller := range append([]billing.SellerID{ask.Account.Sells}, sellers...) {
		const page = 500
		for after := billing.AccountID(0); ; {
			accounts, err := p.j.Rows.Accounts(ctx, billing.AccountQuery{Seller: seller, Open: true}, after, page)
			if err != nil {
				return nil, err
			}
			if r, err := p.fitAll(ctx, list, resources, accounts); r != nil || err != nil {
				return r, err
			}
			if len(accounts) < page {
				break
			}
			after = accounts[len(accounts)-1].ID
		}
	}
	return nil, nil
}

func (p *part) fitAll(ctx context.Context, list *billing.PriceList, resources map[billing.ResourceID]billing.Resource, accounts []billing.Account) (*billing.Refusal, error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	ids := make([]billing.AccountID, len(accounts))
	byID := make(map[billing.AccountID]*billing.Account, len(accounts))
	offers := func(id billing.ResourceID, a *billing.Account) bool { // for the period that it has, and the one that it is going to
		return list.Offers(id, a.Period) && (a.PendingPeriod.IsZero() || list.Offers(id, a.PendingPeriod))
	}
	for i := range accounts {
		a := &accounts[i]
		ids[i], byID[a.ID] = a.ID, a
		terms, err := p.j.Catalog.Terms(ctx, a.Seller, a.Plan, a.PlanVersion)
		if err != nil || terms == nil {
			return nil, err
		}
		if unmet := list.Unmet(terms); len(unmet) > 0 {
			return billing.Refuse(billing.ErrNotOffered, unmet[0], "customers' plans do not have it"), nil
		}
		for _, l := range terms.Resources {
			if resources[l.Resource].Kind == billing.KindMonthly && !offers(l.Resource, a) {
				return billing.Refuse(billing.ErrNotOffered, l.Resource, "customers have it in their plans"), nil
			}
		}
	}
	holdings, err := p.j.Rows.Holdings(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range holdings {
		if h := &holdings[i]; h.Quantity.Sign() > 0 && !offers(h.Resource, byID[h.Account]) {
			return billing.Refuse(billing.ErrNotOffered, h.Resource, "customers hold it"), nil
		}
	}
	return nil, nil
}
