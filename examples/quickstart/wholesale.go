package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

// resellersYear tells what the year brought to resellers.
func resellersYear(_ context.Context, c *company, w io.Writer) error {
	title(w, "Resellers: what happened in 2025")
	t := newTable("lll", "day", "reseller", "what")
	for _, n := range c.done.notes {
		t.add(n.day.String(), string(n.seller), n.text)
	}
	t.writeTo(w)
	return nil
}

// onLists are the resources that resellers buy.
func onLists() []billing.ResourceID {
	return []billing.ResourceID{rAccount, rDomain, rMailbox, rDatabase, rTraffic, rDisk}
}

// resourceTable returns a table with some columns, one for each resource that resellers
// buy, and one for their total.
func resourceTable(first ...string) *table {
	head := first
	for _, id := range onLists() {
		head = append(head, string(id))
	}
	return newTable(strings.Repeat("l", len(first))+strings.Repeat("r", len(onLists())+1), append(head, "total")...)
}

// addAmounts adds a row to such a table; what has no amount stays empty.
func (t *table) addAmounts(amounts map[billing.ResourceID]money.Money, total money.Money, first ...string) {
	row := first
	for _, id := range onLists() {
		cell := ""
		if amount, ok := amounts[id]; ok {
			cell = amount.Digits()
		}
		row = append(row, cell)
	}
	t.add(append(row, total.Digits())...)
}

// wholesaleYear prints what resellers were billed in the year for what their customers
// had.
func wholesaleYear(ctx context.Context, c *company, w io.Writer) error {
	title(w, "Resellers: wholesale bills of 2025 in EUR, net")
	t := resourceTable("reseller", "billed by", "days")
	for _, p := range c.partners {
		s, err := c.manager.Statement(ctx, p.id, firstDay(), lastDay())
		if err != nil {
			return err
		}
		amounts := map[billing.ResourceID]money.Money{}
		for _, total := range s.Totals {
			amounts[total.Resource] = total.Amount
		}
		t.addAmounts(amounts, s.Total, string(p.id), string(p.parent), number(int64(len(s.Days))))
	}
	t.writeTo(w)
	fmt.Fprintf(w, "\n  Traffic on plan %s is rolled up: it is on the reseller's own account, not here.\n", pPartnerPlus)
	return nil
}

// wholesaleMonth prints the bills of the month in which a reseller's new list begins,
// day by day, as its own panel shows them.
func wholesaleMonth(ctx context.Context, c *company, w io.Writer) error {
	from, to := billing.NewDate(2025, time.July, 1), billing.NewDate(2025, time.July, 31)
	s, err := c.manager.Desk(meadow).Statement(ctx, from, to)
	if err != nil {
		return err
	}
	title(w, "Days of %s from %s to %s in %s, net: the first month at its new list", meadow, from, to, s.Total.Currency())
	t := resourceTable("day")
	for _, day := range s.Days {
		amounts := map[billing.ResourceID]money.Money{}
		for _, b := range day.Bills {
			amounts[b.Resource] = b.Amount
		}
		t.addAmounts(amounts, day.Total, day.Day.String())
	}
	t.writeTo(w)
	return nil
}

// margins sets what resellers charged against what they pay.
func margins(ctx context.Context, c *company, w io.Writer) error {
	sums := newTable("lrrrrr", "reseller", "retail", "wholesale", "the same", "margin", "percent")
	parts := resourceTable("reseller", "in")
	for _, p := range c.partners {
		q := reseller.MarginQuery{Seller: p.id, By: reseller.ByResource, Since: firstDay(), Until: lastDay(), Rate: p.rate}
		list, err := c.manager.Margins(ctx, q)
		if err != nil {
			return err
		}
		amounts := map[billing.ResourceID]money.Money{}
		for _, m := range list {
			if !m.Own {
				amounts[m.Resource] = m.Margin
			}
		}
		q.By = reseller.ByNothing
		if list, err = c.manager.Margins(ctx, q); err != nil {
			return err
		}
		for _, m := range list { // what was sold, and what its own account cost
			if m.Own {
				sums.add(string(p.id)+", own account", "", m.Cost.String(), m.CostRetail.String(), m.Margin.String(), "")
				continue
			}
			percent := ""
			if m.Percent != nil {
				percent = m.Percent.StringFixed(2)
			}
			sums.add(string(p.id), m.Retail.String(), m.Cost.String(), m.CostRetail.String(), m.Margin.String(), percent)
			parts.addAmounts(amounts, m.Margin, string(p.id), p.currency)
		}
	}
	title(w, "Resellers: margins of 2025, net")
	sums.writeTo(w)
	for _, p := range c.partners {
		if p.rate != nil {
			fmt.Fprintf(w, "\n  Costs of %s are set against its prices at %s.\n", p.id, p.rate)
		}
	}
	fmt.Fprintln(w, "  What was used on days that are not closed yet is in it. The fee of a reseller's own account, and the traffic rolled up to it, are in lines of their own.")
	title(w, "Resellers: margins of 2025 by resource")
	parts.writeTo(w)
	return nil
}

// oneSale prints what a customer was charged on a day next to its shadows for the two
// resellers above, and why one of the lines is what it is.
func oneSale(ctx context.Context, c *company, w io.Writer) error {
	account, err := c.books.AccountByName(ctx, dockyard, pension().name)
	if err != nil {
		return err
	}
	type what struct {
		kind     billing.EntryKind
		resource billing.ResourceID
	}
	day, example := billing.NewDate(2025, time.April, 15), what{billing.EntryRecurring, rMailbox}
	var lines []what
	var why []string
	cells := map[what]*[3]string{} // of the customer, dockyard and harbour
	put := func(column int, x what, amount money.Money, text string) {
		if cells[x] == nil {
			cells[x] = &[3]string{}
			lines = append(lines, x)
		}
		cells[x][column] = amount.Digits()
		if x == example {
			why = append(why, text)
		}
	}
	for e, err := range c.books.Entries(ctx, billing.EntryQuery{Account: account.ID, Since: day, Until: day}) {
		if err != nil {
			return err
		}
		text, err := c.books.Explain(ctx, e.ID())
		if err != nil {
			return err
		}
		if e.Kind != billing.EntryTax {
			put(0, what{e.Kind, e.Resource}, e.Amount, text.String())
		}
	}
	for i, above := range []billing.SellerID{dockyard, harbour} {
		for s, err := range c.manager.Shadows(ctx, reseller.ShadowQuery{Seller: above, Account: account.ID, Since: day, Until: day}) {
			if err != nil {
				return err
			}
			put(i+1, what{s.Kind, s.Resource}, s.Amount, s.Explain())
		}
	}
	title(w, "%s on %s: what it pays %s, what that pays %s, and that %s", account.Name, day, dockyard, harbour, seller)
	t := newTable("llrrr", "what", "of", account.Name, string(dockyard), string(harbour))
	for _, x := range lines {
		t.add(string(x.kind), string(x.resource), cells[x][0], cells[x][1], cells[x][2])
	}
	t.writeTo(w)
	fmt.Fprintln(w, "\n  Free units are free for the customer, or of a pool; what is rolled up is nobody's shadow.")
	title(w, "Why these for %s, retail and wholesale?", example.resource)
	for _, text := range why {
		fmt.Fprintf(w, "  %s\n", text)
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
	t := newTable("llrrrrrrrrrl", "seller", "in", "accounts", "charges", "wholesale", "taxes", "paid", "balances", "difference",
		"billed to it", "still open", "")
	for i, l := range lines {
		charges, err := sum(l.Setup, l.Recurring, l.Usage, l.Refund, l.Discount)
		if err != nil {
			return err
		}
		paid, err := sum(l.Payment, l.Credit, l.Debit)
		if err != nil {
			return err
		}
		name, sound := string(l.Seller), "sound"
		if l.Total {
			name = "all"
			if i > 0 && !lines[i-1].Total {
				t.rule()
			}
		}
		if !l.Sound() {
			sound = "WRONG"
		}
		t.add(name, l.Currency.Code, number(l.Accounts), charges.Digits(), l.Wholesale.Digits(), l.Tax.Digits(), paid.Digits(),
			l.Balances.Digits(), l.Difference.Digits(), l.Billed.Digits(), l.Unbilled.Digits(), sound)
	}
	t.writeTo(w)
	return nil
}

// sum adds amounts of one currency up.
func sum(first money.Money, rest ...money.Money) (money.Money, error) {
	var err error
	for _, m := range rest {
		if first, err = first.Add(m); err != nil {
			break
		}
	}
	return first, err
}

// verify goes over the books: every balance, total, number and rounding; and over their
// wholesale side: every shadow, bill, pool and limit.
func verify(ctx context.Context, c *company, w io.Writer) error {
	title(w, "Verification of the books, retail and wholesale")
	found := 0
	for f, err := range c.books.Verify(ctx, billing.VerifyOptions{}) {
		if err != nil {
			return err
		}
		fmt.Fprintln(w, " ", f)
		found++
	}
	for f, err := range c.manager.Verify(ctx) {
		if err != nil {
			return err
		}
		fmt.Fprintln(w, " ", f)
		found++
	}
	if found == 0 {
		fmt.Fprintln(w, "  no findings")
	}
	return nil
}
