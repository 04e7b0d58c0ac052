package reseller

import (
	"context"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
)

// hook joins the transactions of a billing engine, see [billing.Hook], and has accounts
// leave, see [billing.Leaver].
type hook struct {
	store      Store
	maxTrial   int
	freeTrials bool
	m          *Manager
}

// Join implements [billing.Hook].
func (h hook) Join(_ context.Context, j billing.Joint) (billing.Part, error) {
	rows, err := h.store.Reseller(j.Tx)
	if err != nil {
		return nil, err
	}
	return &part{j: j, rows: rows, maxTrial: h.maxTrial, freeTrials: h.freeTrials, doubles: map[billing.AccountID]*double{}, holdings: map[holdingKey]*Holding{}, held: map[billing.AccountID][]holdingKey{},
		noted:  map[holdingKey]bool{},
		stocks: map[StockKey]*stock{}, books: map[billing.SellerID]billing.Date{}, asked: map[StockKey]decimal.Decimal{}}, nil
}

// part is the wholesale side of one transaction.
type part struct {
	j    billing.Joint
	rows Rows

	maxTrial   int
	freeTrials bool

	doubles  map[billing.AccountID]*double
	holdings map[holdingKey]*Holding
	held     map[billing.AccountID][]holdingKey // the keys of holdings
	stocks   map[StockKey]*stock
	books    map[billing.SellerID]billing.Date // closed through
	locked   bool                              // the stocks are locked
	asked    map[StockKey]decimal.Decimal      // what the account at hand has been permitted

	changed []holdingKey        // in the order of their first change
	noted   map[holdingKey]bool // the keys of changed
	moved   []StockKey
	shadows []*Shadow
}

type holdingKey struct {
	account  billing.AccountID
	seller   billing.SellerID
	resource billing.ResourceID
}

// stock is a Stock, as it was read or is locked.
type stock struct {
	Stock
	changed bool
}

// double is an account above: the reseller's own, whose plan is its price list.
type double struct {
	account billing.Account
	parent  *billing.Seller
	loaded  bool                // the periods before the running one are read
	periods []billing.PeriodRow // by From
}

// Load implements [billing.Part].
func (p *part) Load(ctx context.Context, accounts []billing.Account, above []billing.Account) error {
	for i := range above {
		if err := p.know(ctx, &above[i]); err != nil {
			return err
		}
	}
	q := LoadQuery{Accounts: make([]billing.AccountID, 0, len(accounts)), Lock: p.j.Many && !p.j.ReadOnly}
	for i := range accounts {
		if len(accounts[i].Above) == 0 {
			continue
		}
		q.Accounts = append(q.Accounts, accounts[i].ID)
		for _, id := range accounts[i].Above {
			d := p.doubles[id]
			if d == nil {
				return fmt.Errorf("reseller: account %d stands below account %d, which is not there: %w", accounts[i].ID, id, billing.ErrBroken)
			}
			if !slices.Contains(q.Sellers, d.account.Sells) {
				q.Sellers = append(q.Sellers, d.account.Sells)
			}
		}
	}
	if len(q.Accounts) == 0 {
		return nil
	}
	slices.Sort(q.Sellers)
	slices.Sort(q.Accounts)
	loaded, err := p.rows.Load(ctx, q)
	if err != nil {
		return err
	}
	for i := range loaded.Holdings {
		h := &loaded.Holdings[i]
		p.hold(holdingKey{h.Account, h.Seller, h.Resource}, h)
	}
	for _, s := range loaded.Stocks {
		if p.stocks[s.Key()] == nil {
			p.stocks[s.Key()] = &stock{Stock: s}
		}
	}
	for _, b := range loaded.Books {
		p.books[b.Seller] = b.Through
	}
	if q.Lock {
		return p.lock(ctx, q.Sellers, nil)
	}
	return nil
}

// hold keeps a holding as it is now.
func (p *part) hold(k holdingKey, h *Holding) {
	if p.holdings[k] == nil {
		p.held[k.account] = append(p.held[k.account], k)
	}
	p.holdings[k] = h
}

// know keeps an account above as it is now.
func (p *part) know(ctx context.Context, a *billing.Account) error {
	if d := p.doubles[a.ID]; d != nil {
		if d.account.Version <= a.Version {
			d.account = *a
		}
		return nil
	}
	parent, err := p.j.Catalog.Seller(ctx, a.Seller)
	if err != nil {
		return err
	}
	if parent == nil {
		return fmt.Errorf("reseller: seller %s is not there: %w", a.Seller, billing.ErrBroken)
	}
	p.doubles[a.ID] = &double{account: *a, parent: parent}
	return nil
}

// listOn returns the price list that was in force on a day: the plan of the period that
// ran then, the last one while lapsed.
func (p *part) listOn(ctx context.Context, d *double, day billing.Date) (*billing.PriceList, error) {
	plan, version := d.account.Plan, d.account.PlanVersion
	if !d.account.PeriodFrom.IsZero() && day.Before(d.account.PeriodFrom) {
		if err := p.history(ctx, d); err != nil {
			return nil, err
		}
		for i := range d.periods {
			if i == 0 || !day.Before(d.periods[i].From) {
				plan, version = d.periods[i].Plan, d.periods[i].PlanVersion
			}
		}
	}
	list, err := p.j.Catalog.PriceList(ctx, d.account.Seller, plan, version)
	if err == nil && list == nil {
		err = fmt.Errorf("reseller: account %d was on plan %s version %d, which is not there: %w", d.account.ID, plan, version, billing.ErrBroken)
	}
	return list, err
}

// history reads a double's periods.
func (p *part) history(ctx context.Context, d *double) error {
	if d.loaded {
		return nil
	}
	opened := d.periods
	d.periods = nil
	const page = 200
	for after := int64(0); ; {
		rows, err := p.j.Rows.Periods(ctx, d.account.ID, after, page)
		if err != nil {
			return err
		}
		d.periods = append(d.periods, rows...)
		if len(rows) < page {
			break
		}
		after = rows[len(rows)-1].Seq
	}
	d.loaded = true
	d.periods = append(d.periods, opened...)
	return nil
}

// named returns a list that a holding names.
func (p *part) named(ctx context.Context, d *double, l List) (*billing.PriceList, error) {
	list, err := p.j.Catalog.PriceList(ctx, d.account.Seller, l.Plan, l.Version)
	if err == nil && list == nil {
		err = fmt.Errorf("reseller: plan %s version %d of seller %s is not there: %w", l.Plan, l.Version, d.account.Seller, billing.ErrBroken)
	}
	return list, err
}

// above returns the doubles above an account, the highest first.
func (p *part) above(a *billing.Account) ([]*double, error) {
	out := make([]*double, 0, len(a.Above))
	for _, id := range a.Above {
		d := p.doubles[id]
		if d == nil {
			return nil, fmt.Errorf("reseller: account %d stands below account %d, which was not read: %w", a.ID, id, billing.ErrBroken)
		}
		out = append(out, d)
	}
	return out, nil
}

// Rollup implements [billing.Part]: the record counts as the own of every reseller
// above whose plan rolls the resource up.
func (p *part) Rollup(ctx context.Context, a *billing.Account, resource billing.ResourceID, day billing.Date) ([]billing.AccountID, error) {
	doubles, err := p.above(a)
	if err != nil {
		return nil, err
	}
	var out []billing.AccountID
	for _, d := range doubles {
		list, err := p.listOn(ctx, d, day)
		if err != nil {
			return nil, err
		}
		if list.RollsUp(resource) {
			out = append(out, d.account.ID)
		}
	}
	return out, nil
}

// Begin implements [billing.Part].
func (p *part) Begin() { clear(p.asked) }

// Apply implements [billing.Part].
func (p *part) Apply(ctx context.Context, h billing.Happened) error {
	a := h.Account
	p.Begin() // what it had been permitted is now what it has
	s := &step{part: p, holdings: map[holdingKey]*Holding{}, stocks: map[StockKey]*Stock{}}
	doubles, err := p.above(a)
	if err != nil {
		return err
	}
	for _, d := range doubles {
		for i := range h.Moves {
			if err := s.move(ctx, d, a, &h.Moves[i]); err != nil {
				return err
			}
		}
		if err := s.count(ctx, d, a, h); err != nil {
			return err
		}
	}
	if a.Sells != "" { // it may stand above others
		if err := p.know(ctx, a); err != nil {
			return err
		}
	}
	s.keep()
	if d := p.doubles[a.ID]; d != nil && a.Sells != "" { // they see what it is now
		d.account = *a
		d.periods = append(d.periods, h.Periods...)
	}
	return nil
}

// Write implements [billing.Part].
func (p *part) Write(ctx context.Context) error {
	if p.j.ReadOnly || len(p.changed)+len(p.moved)+len(p.shadows) == 0 {
		return nil
	}
	b := &Batch{Shadows: p.shadows, Holdings: make([]Holding, 0, len(p.changed)), Stocks: make([]Stock, 0, len(p.moved))}
	for _, k := range p.changed {
		b.Holdings = append(b.Holdings, *p.holdings[k])
	}
	for _, k := range p.moved {
		b.Stocks = append(b.Stocks, p.stocks[k].Stock)
	}
	if err := p.rows.Write(ctx, b); err != nil {
		return err
	}
	// Others may come: these are done with.
	p.changed, p.moved, p.shadows = nil, nil, nil
	clear(p.noted)
	clear(p.holdings)
	clear(p.held)
	return nil
}
