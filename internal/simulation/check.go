package simulation

import (
	"context"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// Check holds the books against rules that need no second engine, and returns what
// breaks them:
//
//   - Verify has no findings, and nobody is due or parked after the last run;
//   - a balance is minus the sum of the entries, which are numbered without gaps;
//   - documents are the sums of their entries, each seller's numbers run from 1;
//   - nothing is rated twice: prepaid intervals of a holding do not overlap, nor do
//     settled ones;
//   - each document's taxes are its seller's percents of it (where the catalog's taxes
//     never change);
//   - what was acknowledged is there once, what was refused is not there: money,
//     usage records, signups;
//   - a closed account holds nothing;
//   - the wholesale side stands the checks of [World.Wholesale].
func (w *World) Check(ctx context.Context) ([]string, error) {
	c := &checker{w: w, sums: map[billing.AccountID]int64{}, last: map[billing.AccountID]int64{},
		docs: map[billing.DocumentID]*docTotals{}, rated: map[ratedKey][]interval{}, references: map[string]int{}, usage: map[string]int{}}
	for _, step := range []func(context.Context) error{c.verify, c.entries, c.accounts, c.documents, c.numbers, c.wholesale} {
		if err := step(ctx); err != nil {
			return c.wrong, err
		}
	}
	c.acknowledged()
	return c.wrong, nil
}

type checker struct {
	w          *World
	wrong      []string
	names      map[string]bool
	sums       map[billing.AccountID]int64
	last       map[billing.AccountID]int64
	docs       map[billing.DocumentID]*docTotals
	rated      map[ratedKey][]interval
	references map[string]int
	usage      map[string]int
}

type docTotals struct{ net, tax money.Money }

type ratedKey struct {
	account  billing.AccountID
	resource billing.ResourceID
	kind     billing.EntryKind
}

type interval struct{ from, to billing.Date }

func (c *checker) fail(format string, args ...any) {
	if len(c.wrong) < 20 {
		c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
	}
}

func (c *checker) verify(ctx context.Context) error {
	for f, err := range c.w.Engine.Verify(ctx, billing.VerifyOptions{}) {
		if err != nil {
			return err
		}
		c.fail("Verify: %s", f)
	}
	return nil
}

func (c *checker) entries(ctx context.Context) error {
	for e, err := range c.w.Engine.Entries(ctx, billing.EntryQuery{}) {
		if err != nil {
			return err
		}
		minor, err := e.Amount.Minor()
		if err != nil {
			return err
		}
		c.sums[e.Account] += minor
		if c.last[e.Account]++; e.Seq != c.last[e.Account] {
			c.fail("account %d: entry %d comes where %d should", e.Account, e.Seq, c.last[e.Account])
		}
		if e.Reference != "" {
			c.references[e.Reference]++
		}
		if e.Document != 0 {
			if err := c.onDocument(e); err != nil {
				return err
			}
		}
		if e.Kind == billing.EntryUsage || e.Kind == billing.EntryRecurring && e.Basis.Cause == billing.CauseOpen {
			c.once(e)
		}
	}
	return nil
}

func (c *checker) onDocument(e billing.Entry) (err error) {
	id := billing.DocumentID{Account: e.Account, Seq: e.Document}
	d := c.docs[id]
	if d == nil {
		d = &docTotals{net: money.Zero(e.Amount.Currency()), tax: money.Zero(e.Amount.Currency())}
		c.docs[id] = d
	}
	if e.Kind == billing.EntryTax {
		d.tax, err = d.tax.Add(e.Amount)
	} else {
		d.net, err = d.net.Add(e.Amount)
	}
	return err
}

// once checks that no part of an interval is rated twice.
func (c *checker) once(e billing.Entry) {
	k := ratedKey{account: e.Account, resource: e.Resource, kind: e.Kind}
	for _, o := range c.rated[k] {
		if e.From.Before(o.to) && o.from.Before(e.To) {
			c.fail("account %d entry %d: %s of %s from %s to %s overlaps what was rated from %s to %s",
				e.Account, e.Seq, e.Kind, e.Resource, e.From, e.To, o.from, o.to)
		}
	}
	c.rated[k] = append(c.rated[k], interval{e.From, e.To})
}

func (c *checker) accounts(ctx context.Context) error {
	c.names = map[string]bool{}
	for a, err := range c.w.Engine.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			return err
		}
		if c.names[a.Name] {
			c.fail("account %s is there twice", a.Name)
		}
		c.names[a.Name] = true
		balance, err := a.Balance.Minor()
		if err != nil {
			return err
		}
		if balance != -c.sums[a.ID] {
			c.fail("account %s: balance %s, entries come to %d minor units", a.Name, a.Balance, c.sums[a.ID])
		}
		if a.Parked.Code != "" {
			c.fail("account %s is parked: %s", a.Name, a.Parked.Reason)
		}
		if !a.Next.IsZero() && !a.Next.After(c.w.Script.Last) {
			c.fail("account %s is still due on %s", a.Name, a.Next)
		}
		if err := c.holdings(ctx, a); err != nil {
			return err
		}
		for u, err := range c.w.Engine.Usage(ctx, a.ID) {
			if err != nil {
				return err
			}
			if u.Source == 0 { // its own
				c.usage[u.Key]++
			}
		}
	}
	return nil
}

func (c *checker) holdings(ctx context.Context, a billing.Account) error {
	if a.Status != billing.Closed {
		return nil
	}
	list, err := c.w.Engine.Holdings(ctx, a.ID)
	for _, h := range list {
		if !h.Quantity.IsZero() {
			c.fail("account %s is closed and holds %s of %s", a.Name, h.Quantity, h.Resource)
		}
	}
	return err
}

func (c *checker) documents(ctx context.Context) error {
	sellers := map[billing.SellerID]billing.Seller{}
	steady := true
	for _, s := range c.w.Script.Catalog.Sellers {
		sellers[s.ID] = s
	}
	exempted := map[string]bool{} // who was exempt at some time
	for i := range c.w.Script.Steps {
		st := &c.w.Script.Steps[i]
		steady = steady && st.seller == nil
		if x, ok := st.actionOf().(billing.Signup); ok && x.Exemption != "" || st.Name == "exempt" {
			exempted[st.Account] = true
		}
	}
	names := map[billing.AccountID]string{}
	for a, err := range c.w.Engine.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			return err
		}
		names[a.ID] = a.Name
	}
	for d, err := range c.w.Engine.Documents(ctx, billing.DocumentQuery{}) {
		if err != nil {
			return err
		}
		sum := c.docs[d.ID()]
		if sum == nil {
			c.fail("document %v has no entries", d.ID())
			continue
		}
		delete(c.docs, d.ID())
		if !d.Net.Equal(sum.net) || !d.Tax.Equal(sum.tax) {
			c.fail("document %v says %s and %s tax, its entries %s and %s", d.ID(), d.Net, d.Tax, sum.net, sum.tax)
		}
		if !steady || exempted[names[d.Account]] || d.Net.Sign() < 0 {
			continue
		}
		s, tax := sellers[d.Seller], money.Zero(d.Net.Currency())
		for _, t := range s.Taxes {
			part, err := d.Net.MulRatio(t.Percent, decimal.New(100, 0), s.Rounding)
			if err != nil {
				return err
			}
			if tax, err = tax.Add(part); err != nil {
				return err
			}
		}
		if !tax.Equal(d.Tax) {
			c.fail("document %v of %s has %s tax, not %s", d.ID(), d.Net, d.Tax, tax)
		}
	}
	for id := range c.docs {
		c.fail("entries are on document %v, which is not there", id)
	}
	return nil
}

// actionOf is the step's action, of nobody; nil for a step on the catalog.
func (s *Step) actionOf() billing.Action {
	if s.act == nil {
		return nil
	}
	return s.act(s.request, 0)
}

func (c *checker) numbers(ctx context.Context) error {
	for _, s := range c.w.Script.Catalog.Sellers {
		for _, kind := range []billing.DocumentKind{billing.Invoice, billing.CreditNote} {
			n := int64(0)
			for d, err := range c.w.Engine.Series(ctx, s.ID, kind) {
				if err != nil {
					return err
				}
				if n++; d.Number != n {
					c.fail("seller %s: %s %d comes where %d should", s.ID, kind, d.Number, n)
				}
			}
		}
	}
	return nil
}

// acknowledged compares the outcomes with what is there.
func (c *checker) acknowledged() {
	signups := map[string]bool{}
	money, usage := map[string]bool{}, map[string]bool{}
	for i := range c.w.Script.Steps {
		st := &c.w.Script.Steps[i]
		ok := strings.HasPrefix(c.w.Outcome(st.ID), "ok")
		if st.enroll != "" {
			signups[st.Account] = signups[st.Account] || ok
			continue
		}
		switch x := st.actionOf().(type) {
		case billing.Signup:
			signups[st.Account] = signups[st.Account] || ok
		case billing.Pay:
			money[x.Reference] = money[x.Reference] || ok
		case billing.Credit:
			money[x.Reference] = money[x.Reference] || ok
		case billing.Debit:
			money[x.Reference] = money[x.Reference] || ok
		case billing.RecordUsage:
			usage[x.Key] = usage[x.Key] || ok
		case nil:
			if st.reverses != 0 {
				money[key(st.ID)] = ok
			}
		}
	}
	once := func(what string, want map[string]bool, have func(string) int) {
		for k, ok := range want {
			n := have(k)
			if ok && n != 1 || !ok && n != 0 {
				c.fail("%s %s: acknowledged %v, there %d times", what, k, ok, n)
			}
		}
	}
	once("account", signups, func(k string) int {
		if c.names[k] {
			return 1
		}
		return 0
	})
	once("money", money, func(k string) int { return c.references[k] })
	once("usage", usage, func(k string) int { return c.usage[k] })
}
