package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// report prints what the books know after the year. All money comes from queries;
// nothing of it was kept by the simulation.
func report(ctx context.Context, c *company, w io.Writer) error {
	var out bytes.Buffer
	for _, part := range []func(context.Context, *company, io.Writer) error{
		revenue, oneCustomer, debtors, counts, forecast,
		servers, resellersYear, wholesaleYear, wholesaleMonth, margins, oneSale, oneZone, trialBalance, verify,
	} {
		if err := part(ctx, c, &out); err != nil {
			return err
		}
	}
	_, err := out.WriteTo(w)
	return err
}

func title(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "\n"+format+"\n\n", args...)
}

// revenue adds up the ledger: what the company's own customers were charged for each
// resource in each month, net of refunds and discounts, without taxes.
func revenue(ctx context.Context, c *company, w io.Writer) error {
	us, err := c.books.Seller(ctx, seller)
	if err != nil {
		return err
	}
	type cell struct {
		month    time.Month // 0: the year
		resource billing.ResourceID
	}
	sums := map[cell]int64{} // in cents
	for e, err := range c.books.Entries(ctx, billing.EntryQuery{Seller: seller, Since: firstDay(), Until: lastDay()}) {
		if err != nil {
			return err
		}
		switch e.Kind {
		case billing.EntrySetup, billing.EntryRecurring, billing.EntryUsage, billing.EntryRefund, billing.EntryDiscount:
		default:
			continue
		}
		if c.byID[e.Account].reseller {
			continue
		}
		cents, err := e.Amount.Minor()
		if err != nil {
			return err
		}
		_, month, _ := e.Date.YMD()
		for _, m := range []time.Month{month, 0} {
			sums[cell{m, e.Resource}] += cents
			sums[cell{m, ""}] += cents
		}
	}

	title(w, "%s: revenue of 2025 in %s, net, from customers of its own", us.Name, us.Currency)
	columns := []billing.ResourceID{rAccount, rDomain, rMailbox, rIP, rDatabase, rTraffic, rDisk, rMailstore, ""}
	head, align := []string{"month"}, "l"
	for _, id := range columns {
		head, align = append(head, cmp.Or(string(id), "total")), align+"r"
	}
	t := newTable(align, head...)
	row := func(name string, month time.Month) {
		cells := []string{name}
		for _, id := range columns {
			cells = append(cells, money.FromMinor(sums[cell{month, id}], us.Currency).Digits())
		}
		t.add(cells...)
	}
	for month := time.January; month <= time.December; month++ {
		row(month.String(), month)
	}
	t.rule()
	row("year", 0)
	t.writeTo(w)

	// The documents tell the same money in another way.
	billed := money.Zero(us.Currency)
	for d, err := range c.books.Documents(ctx, billing.DocumentQuery{Seller: seller, Since: firstDay(), Until: lastDay()}) {
		if err != nil {
			return err
		}
		if c.byID[d.Account].reseller {
			continue
		}
		if billed, err = billed.Add(d.Net); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\n  On invoices less credit notes: %s\n", billed)
	return nil
}

// oneCustomer prints the bakery's documents, a quarter of its ledger, and why one of
// the amounts is what it is.
func oneCustomer(ctx context.Context, c *company, w io.Writer) error {
	account, err := c.books.AccountByName(ctx, seller, bakery().name)
	if err != nil {
		return err
	}
	title(w, "Documents of account %d, %s (plan %s version %d, every %s)",
		account.ID, account.Name, account.Plan, account.PlanVersion, account.Period)
	t := newTable("llrrrr", "date", "document", "number", "net", "VAT", "total")
	for d, err := range c.books.Documents(ctx, billing.DocumentQuery{Account: account.ID}) {
		if err != nil {
			return err
		}
		if d.Number > 0 { // else its total is zero: nobody gets it
			t.add(d.Date.String(), string(d.Kind), number(d.Number), d.Net.Digits(), d.Tax.Digits(), d.Total.Digits())
		}
	}
	t.writeTo(w)

	from, to := billing.NewDate(2025, time.May, 1), billing.NewDate(2025, time.July, 31)
	s, err := c.books.Statement(ctx, account.ID, from, to)
	if err != nil {
		return err
	}
	title(w, "Its statement from %s to %s", from, to)
	t = newTable("llllrrr", "date", "what", "of", "for", "units", "amount", "balance")
	t.add("", "balance brought forward", "", "", "", "", s.Opening.Digits())
	var example billing.Entry
	for _, l := range s.Lines {
		e := l.Entry
		if e.Amount.IsZero() {
			continue
		}
		span, units := "", ""
		if !e.From.IsZero() && e.From != e.To {
			span = e.From.String() + ".." + e.To.String()
		}
		if !e.Quantity.IsZero() {
			units = e.Quantity.String()
		}
		t.add(e.Date.String(), string(e.Kind), cmp.Or(string(e.Resource), e.Reference), span, units,
			e.Amount.Digits(), l.Balance.Digits())
		if e.Kind == billing.EntryUsage {
			example = e
		}
	}
	t.writeTo(w)
	if example.Seq == 0 {
		return nil
	}
	why, err := c.books.Explain(ctx, example.ID())
	if err != nil {
		return err
	}
	title(w, "Why %s for %s?", example.Amount, example.Resource)
	fmt.Fprintf(w, "  %s\n", why)
	return nil
}

// debtors lists who owes most, and since when.
func debtors(ctx context.Context, c *company, w io.Writer) error {
	const most = 12
	var list []billing.Account
	total := int64(0)
	for a, err := range c.books.Accounts(ctx, billing.AccountQuery{Seller: seller, InDebt: true}) {
		if err != nil {
			return err
		}
		if a.Sells != "" {
			continue
		}
		list = append(list, a)
		cents, err := a.Balance.Minor()
		if err != nil {
			return err
		}
		total -= cents
	}
	title(w, "Debts on %s: %d accounts, resellers not counted", lastDay(), len(list))
	slices.SortFunc(list, func(a, b billing.Account) int {
		return cmp.Or(a.Balance.Amount().Cmp(b.Balance.Amount()), cmp.Compare(a.ID, b.ID))
	})
	t := newTable("rllrlr", "account", "name", "status", "owes", "since", "days")
	shown := list[:min(most, len(list))]
	for _, a := range shown {
		status := string(a.Status)
		if a.Status == billing.Suspended {
			status += " (" + string(a.Suspension.Reason) + ")"
		}
		t.add(number(int64(a.ID)), a.Name, status, a.Balance.Neg().Digits(),
			a.DebtSince.String(), number(int64(lastDay().Sub(a.DebtSince))))
		cents, err := a.Balance.Minor()
		if err != nil {
			return err
		}
		total += cents
	}
	if len(list) > most {
		rest := money.FromMinor(total, list[0].Balance.Currency())
		t.add("", fmt.Sprintf("%d more", len(list)-most), "", rest.Digits())
	}
	t.writeTo(w)
	return nil
}

// counts says how much of everything there is at all sellers, and what was done.
func counts(ctx context.Context, c *company, w io.Writer) error {
	accounts, documents, entries := map[string]int{}, map[string]int{}, map[string]int{}
	for a, err := range c.books.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			return err
		}
		accounts[string(a.Status)]++
	}
	for _, id := range c.sellers() {
		for _, kind := range []billing.DocumentKind{billing.Invoice, billing.CreditNote} {
			for _, err := range c.books.Series(ctx, id, kind) {
				if err != nil {
					return err
				}
				documents[string(kind)]++
			}
		}
	}
	for e, err := range c.books.Entries(ctx, billing.EntryQuery{}) {
		if err != nil {
			return err
		}
		entries[string(e.Kind)]++
	}
	title(w, "Counts, of all sellers, resellers' own accounts included")
	t := newTable("lrl", "what", "all", "of them")
	for _, row := range []struct {
		what  string
		count map[string]int
	}{
		{"accounts", accounts},
		{"documents", documents},
		{"entries", entries},
		{"events delivered", c.done.events},
		{"actions", c.done.acted},
		{"wishes refused", c.done.refused},
	} {
		all, parts := 0, []string{}
		for _, kind := range slices.Sorted(maps.Keys(row.count)) {
			all += row.count[kind]
			parts = append(parts, fmt.Sprintf("%d %s", row.count[kind], kind))
		}
		what, sum := row.what, strconv.Itoa(all)
		for some := range slices.Chunk(parts, 6) {
			t.add(what, sum, strings.Join(some, ", "))
			what, sum = "", "" // goes on below
		}
	}
	t.writeTo(w)
	return nil
}

// forecast is what the coming month's nightly runs would bill, if nobody did anything.
func forecast(ctx context.Context, c *company, w io.Writer) error {
	day := lastDay().AddDays(31)
	p, err := c.books.Preview(ctx, day)
	if err != nil {
		return err
	}
	title(w, "What the nightly runs until %s would bill, as things are, resellers' own accounts included", day)
	t := newTable("llrr", "kind", "resource", "entries", "amount")
	entries := map[billing.SellerID]int64{}
	for _, total := range p.Totals {
		entries[total.Seller] += total.Entries
		if total.Seller == seller {
			t.add(string(total.Kind), string(total.Resource), number(total.Entries), total.Amount.Digits())
		}
	}
	t.rule()
	for _, s := range p.Sellers {
		t.add(string(s.Seller), "all", number(entries[s.Seller]), s.Now.String())
	}
	t.writeTo(w)
	fmt.Fprintf(w, "\n  %d documents of all sellers. The bills of resellers' days are not foreseen.\n", p.Documents)
	return nil
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
