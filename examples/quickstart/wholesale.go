package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

// resellersYear tells what the year brought to resellers.
func resellersYear(_ context.Context, c *company, w io.Writer) error {
	title(w, "Resellers: the year")
	t := newTable("lll", "day", "reseller", "what")
	for _, n := range c.done.notes {
		t.add(n.day.String(), string(n.seller), n.text)
	}
	t.writeTo(w)
	return nil
}

// wholesaleYear prints what resellers were billed in the year.
func wholesaleYear(ctx context.Context, c *company, w io.Writer) error {
	title(w, "Wholesale bills of 2025: what customers had, at their resellers' prices")
	t := newTable("lllr", "reseller", "billed by", "resource", "amount")
	for _, p := range c.partners {
		s, err := c.manager.Statement(ctx, p.id, firstDay(), lastDay())
		if err != nil {
			return err
		}
		for _, total := range s.Totals {
			t.add(string(p.id), string(p.parent), string(total.Resource), total.Amount.String())
		}
		t.add(string(p.id), "", "all", s.Total.String())
	}
	t.writeTo(w)
	return nil
}

// wholesaleMonth prints one reseller's bills day by day, as its own panel shows them.
func wholesaleMonth(ctx context.Context, c *company, w io.Writer) error {
	from, to := billing.NewDate(2025, time.April, 1), billing.NewDate(2025, time.April, 30)
	title(w, "The bills of %s, day by day, from %s to %s", dockyard, from, to)
	t := newTable("llrrr", "day", "resource", "shadows", "amount", "document")
	for b, err := range c.manager.Desk(dockyard).Bills(ctx, reseller.BillQuery{Since: from, Until: to}) {
		if err != nil {
			return err
		}
		t.add(b.Day.String(), string(b.Resource), number(b.Shadows), b.Amount.Digits(), number(b.Document))
	}
	t.writeTo(w)
	return nil
}

// margins sets what resellers charged against what they pay.
func margins(ctx context.Context, c *company, w io.Writer) error {
	title(w, "Margins of 2025, net of taxes")
	t := newTable("llrrrr", "reseller", "resource", "retail", "wholesale", "margin", "percent")
	for _, p := range c.partners {
		for _, by := range []reseller.MarginBy{reseller.ByResource, reseller.ByNothing} {
			list, err := c.manager.Margins(ctx, reseller.MarginQuery{Seller: p.id, By: by, Since: firstDay(), Until: lastDay(), Rate: p.rate})
			if err != nil {
				return err
			}
			for _, m := range list {
				percent, what := "", string(m.Resource)
				if m.Percent != nil {
					percent = m.Percent.StringFixed(2)
				}
				if by == reseller.ByNothing {
					what = "all"
				}
				t.add(string(p.id), what, m.Retail.String(), m.CostRetail.Digits(), m.Margin.Digits(), percent)
			}
		}
	}
	t.writeTo(w)
	for _, p := range c.partners {
		if p.rate != nil {
			fmt.Fprintf(w, "\n  %s: 1 %s = %s %s (%s, %s)\n", p.id, p.rate.From.Code, p.rate.Rate, p.rate.To.Code,
				p.rate.Source, p.rate.At.Format(time.DateOnly))
		}
	}
	return nil
}

// oneSale prints what a customer bought on a day, and its shadows for the two resellers
// above.
func oneSale(ctx context.Context, c *company, w io.Writer) error {
	account, err := c.books.AccountByName(ctx, dockyard, pension().name)
	if err != nil {
		return err
	}
	day := billing.NewDate(2025, time.March, 20)
	title(w, "What %s bought on %s, and its shadows", account.Name, day)
	for e, err := range c.books.Entries(ctx, billing.EntryQuery{Account: account.ID, Since: day, Until: day}) {
		if err != nil {
			return err
		}
		if e.Kind != billing.EntryTax {
			fmt.Fprintf(w, "  %s charges: %s\n", dockyard, billing.ExplainEntry(e))
		}
	}
	for _, id := range []billing.SellerID{dockyard, harbour} {
		for s, err := range c.manager.Shadows(ctx, reseller.ShadowQuery{Seller: id, Account: account.ID}) {
			if err != nil {
				return err
			}
			if s.Date == day {
				fmt.Fprintf(w, "  %s pays: %s\n", id, s.Explain())
			}
		}
	}
	return nil
}

// trialBalance adds everything up, as a bookkeeper would.
func trialBalance(ctx context.Context, c *company, w io.Writer) error {
	lines, err := c.manager.TrialBalance(ctx)
	if err != nil {
		return err
	}
	title(w, "Trial balance")
	t := newTable("llrrrrrrr", "seller", "", "accounts", "charges", "wholesale", "taxes", "paid, credited", "balances", "difference")
	for _, l := range lines {
		charges, err := sum(l.Setup, l.Recurring, l.Usage, l.Refund, l.Discount)
		if err != nil {
			return err
		}
		paid, err := sum(l.Payment, l.Credit, l.Debit)
		if err != nil {
			return err
		}
		name := string(l.Seller)
		if l.Total {
			name = "all"
		}
		t.add(name, l.Currency.Code, number(l.Accounts), charges.Digits(), l.Wholesale.Digits(), l.Tax.Digits(), paid.Digits(),
			l.Balances.Digits(), l.Difference.Digits())
	}
	t.writeTo(w)
	return nil
}

func sum(first money.Money, rest ...money.Money) (money.Money, error) {
	var err error
	for _, m := range rest {
		if first, err = first.Add(m); err != nil {
			break
		}
	}
	return first, err
}
