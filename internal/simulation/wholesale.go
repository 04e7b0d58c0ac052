package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// Wholesale holds the books of resellers against rules that need no second engine, and
// returns what breaks them:
//
//   - Verify has no findings;
//   - the shadows of a closed day come to its bills, resource by resource, and the bills
//     to the wholesale entries on the double, dated that day and on one document; there
//     are no bills of days that are open, and no other wholesale entries;
//   - shadows are in the parent's currency, of accounts below the reseller, billed on
//     their day or later, and name the retail entry of the same event;
//   - what is drawn from a pool is what holdings have of it and what comes back later;
//   - what counts for a limit is what the open accounts below hold;
//   - each customer that was moved has one account at the other seller, from the day on
//     which the old one was closed; the others have none.
func (w *World) Wholesale(ctx context.Context) ([]string, error) {
	c := &checker{w: w}
	err := c.wholesale(ctx)
	return c.wrong, err
}

// dayKey is a day of one resource.
type dayKey struct {
	day      billing.Date
	resource billing.ResourceID
}

func (c *checker) wholesale(ctx context.Context) error {
	for f, err := range c.w.Manager.Verify(ctx) {
		if err != nil {
			return err
		}
		c.fail("wholesale Verify: %s", f)
	}
	accounts := map[billing.AccountID]billing.Account{}
	for a, err := range c.w.Engine.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			return err
		}
		accounts[a.ID] = a
	}
	sellers := map[billing.SellerID]billing.Seller{}
	for s, err := range c.w.Engine.Sellers(ctx) {
		if err != nil {
			return err
		}
		sellers[s.ID] = s
	}
	for id, a := range accounts { // the tree
		var above []billing.AccountID
		for s := sellers[a.Seller]; s.Parent != ""; s = sellers[s.Parent] {
			above = append(above, s.Double)
		}
		slices.Reverse(above)
		if !slices.Equal(above, a.Above) {
			c.fail("account %s has %v above it, not %v", a.Name, a.Above, above)
		}
		if a.Sells != "" && sellers[a.Sells].Double != id {
			c.fail("account %s says that it sells for %s, whose account is %d", a.Name, a.Sells, sellers[a.Sells].Double)
		}
	}
	if err := c.transfers(ctx, accounts); err != nil {
		return err
	}
	for _, s := range sellers {
		if s.Double == 0 {
			continue
		}
		if a := accounts[s.Double]; a.Sells != s.ID || a.Seller != s.Parent {
			c.fail("seller %s has account %d, which is of %s and sells for %q", s.ID, s.Double, a.Seller, a.Sells)
		}
		r := &resellerCheck{c: c, seller: s, parent: sellers[s.Parent], accounts: accounts}
		if err := r.sums(ctx); err != nil {
			return err
		}
		if err := r.stocks(ctx); err != nil {
			return err
		}
	}
	for e, err := range c.w.Engine.Entries(ctx, billing.EntryQuery{Kind: billing.EntryWholesale}) {
		if err != nil {
			return err
		}
		if accounts[e.Account].Sells == "" {
			c.fail("account %s is no reseller's and has a wholesale entry", accounts[e.Account].Name)
		}
	}
	return nil
}

// resellerCheck checks one reseller.
type resellerCheck struct {
	c        *checker
	seller   billing.Seller
	parent   billing.Seller
	accounts map[billing.AccountID]billing.Account
}

func (r *resellerCheck) fail(format string, args ...any) {
	r.c.fail("reseller %s: %s", r.seller.ID, fmt.Sprintf(format, args...))
}

// day is what belongs to one day and resource.
type daySum struct {
	shadows, count, bill, entries int64
	billed                        bool
}

func (r *resellerCheck) sums(ctx context.Context) error {
	m, id := r.c.w.Manager, r.seller.ID
	through, err := m.ClosedThrough(ctx, id)
	if err != nil {
		return err
	}
	sums := map[dayKey]*daySum{}
	at := func(day billing.Date, resource billing.ResourceID) *daySum {
		k := dayKey{day, resource}
		if sums[k] == nil {
			sums[k] = &daySum{}
		}
		return sums[k]
	}
	for sh, err := range m.Shadows(ctx, reseller.ShadowQuery{Seller: id}) {
		if err != nil {
			return err
		}
		if err := r.shadow(ctx, sh); err != nil {
			return err
		}
		minor, err := sh.Amount.Minor()
		if err != nil {
			return err
		}
		x := at(sh.Day, sh.Resource)
		x.shadows += minor
		x.count++
	}
	documents := map[int64]billing.Date{}
	for e, err := range r.c.w.Engine.Entries(ctx, billing.EntryQuery{Account: r.seller.Double, Kind: billing.EntryWholesale}) {
		if err != nil {
			return err
		}
		minor, err := e.Amount.Minor()
		if err != nil {
			return err
		}
		at(e.Date, e.Resource).entries += minor
		if day, known := documents[e.Document]; known && day != e.Date {
			r.fail("document %d has wholesale entries of two days", e.Document)
		}
		documents[e.Document] = e.Date
	}
	days := map[billing.Date]bool{}
	for _, day := range documents {
		if days[day] {
			r.fail("%s has two documents", day)
		}
		days[day] = true
	}
	for b, err := range m.Bills(ctx, reseller.BillQuery{Seller: id}) {
		if err != nil {
			return err
		}
		x := at(b.Day, b.Resource)
		if x.billed {
			r.fail("%s is billed twice on %s", b.Resource, b.Day)
		}
		x.billed = true
		if x.bill, err = b.Amount.Minor(); err != nil {
			return err
		}
		if b.Shadows != x.count {
			r.fail("the bill of %s of %s counts %d shadows of %d", b.Resource, b.Day, b.Shadows, x.count)
		}
	}
	for k, x := range sums {
		if closed := !k.day.After(through); x.billed != closed {
			r.fail("%s of %s: billed %v, closed through %s", k.resource, k.day, x.billed, through)
		}
		if x.billed && (x.bill != x.shadows || x.bill != x.entries) || !x.billed && x.entries != 0 {
			r.fail("%s of %s: shadows come to %d, the bill to %d, the double's entries to %d", k.resource, k.day, x.shadows, x.bill, x.entries)
		}
	}
	return nil
}

func (r *resellerCheck) shadow(ctx context.Context, sh reseller.Shadow) error {
	a := r.accounts[sh.Account]
	if !slices.Contains(a.Above, r.seller.Double) {
		r.fail("a shadow is of account %s, which is not below it", a.Name)
	}
	if sh.Amount.Currency() != r.parent.Currency || sh.Amount.Sign() == 0 || sh.Day.Before(sh.Date) {
		r.fail("shadow %d of %s: %s, dated %s, billed %s", sh.Seq, a.Name, sh.Amount, sh.Date, sh.Day)
	}
	if sh.Entry == 0 {
		return nil
	}
	e, err := r.c.w.Engine.Entry(ctx, billing.EntryID{Account: sh.Account, Seq: sh.Entry})
	if err != nil {
		return err
	}
	if e.Date != sh.Date || e.Resource != sh.Resource || e.Kind != sh.Kind && e.Kind != billing.EntryRefund {
		r.fail("shadow %d (%s %s of %s) names entry %d of %s: %s %s of %s", sh.Seq, sh.Date, sh.Kind, sh.Resource, sh.Entry, a.Name, e.Date, e.Kind, e.Resource)
	}
	return nil
}

func (r *resellerCheck) stocks(ctx context.Context) error {
	stocks, holdings, err := Stocks(ctx, r.c.w.Store, r.seller.ID)
	if err != nil {
		return err
	}
	pooled := map[billing.ResourceID]decimal.Decimal{}
	for _, h := range holdings {
		a := r.accounts[h.Account]
		if !slices.Contains(a.Above, r.seller.Double) {
			r.fail("account %s has wholesale holdings and is not below it", a.Name)
		}
		if h.Pooled.Sign() < 0 || h.Billable.Sign() < 0 || h.Charged.Sign() < 0 {
			r.fail("account %s has %s of %s pooled, %s billable, %s charged", a.Name, h.Pooled, h.Resource, h.Billable, h.Charged)
		}
		if a.Status == billing.Closed && !(h.Pooled.IsZero() && h.Billable.IsZero()) {
			r.fail("account %s is closed and has %s of %s pooled, %s billable", a.Name, h.Pooled, h.Resource, h.Billable)
		}
		pooled[h.Resource] = pooled[h.Resource].Add(h.Pooled)
	}
	held := map[billing.ResourceID]decimal.Decimal{}
	for _, a := range r.accounts {
		if a.Status == billing.Closed || !slices.Contains(a.Above, r.seller.Double) {
			continue
		}
		held[""] = held[""].Add(decimal.New(1, 0))
		list, err := r.c.w.Engine.Holdings(ctx, a.ID)
		if err != nil {
			return err
		}
		for _, h := range list {
			held[h.Resource] = held[h.Resource].Add(h.Quantity)
		}
	}
	for _, s := range stocks {
		sum := pooled[s.Resource]
		for _, x := range s.Returns {
			sum = sum.Add(x.Units)
		}
		if !sum.Equal(s.Pooled) {
			r.fail("of the pool of %s %s are drawn, and %s held or to come back", s.Resource, s.Pooled, sum)
		}
		delete(pooled, s.Resource)
		if s.Limit != nil && !s.Held.Equal(held[s.Resource]) {
			r.fail("%s of %q count for the limit of %s, and %s are held", s.Held, s.Resource, s.Limit, held[s.Resource])
		}
	}
	for id, units := range pooled {
		if units.Sign() != 0 {
			r.fail("%s of %s are drawn from a pool that is not there", units, id)
		}
	}
	return nil
}

// ClosedDays writes what is closed of the resellers' books: bills and their shadows, as
// they must stay.
func (w *World) ClosedDays(ctx context.Context) (string, error) {
	sellers, err := w.Manager.Sellers(ctx, "")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range sellers {
		if s.Double == 0 {
			continue
		}
		through, err := w.Manager.ClosedThrough(ctx, s.ID)
		if err != nil {
			return "", err
		}
		for x, err := range w.Manager.Bills(ctx, reseller.BillQuery{Seller: s.ID}) {
			if err != nil {
				return "", err
			}
			put(&b, "bill", text(x))
		}
		if through.IsZero() {
			continue
		}
		for x, err := range w.Manager.Shadows(ctx, reseller.ShadowQuery{Seller: s.ID, Until: through}) {
			if err != nil {
				return "", err
			}
			put(&b, "shadow", text(x))
		}
	}
	return b.String(), nil
}
