package scenario_test

import (
	"slices"

	"github.com/tierhost/tierhost/scenario"
)

// book is what the oracle writes: entries, documents, balances.
type book struct {
	*scenario.Result
	numbers map[string]int64 // by seller and kind

	open  int    // the first day that is not closed
	costs []cost // shadows that are not billed yet
}

// paper is a document being made.
type paper struct {
	o         *oracle
	a         *oracleAccount
	date      int
	issued    int
	net       ratio
	taxAmount ratio
}

func (o *oracle) paper(a *oracleAccount, date, issued int) *paper {
	return &paper{o: o, a: a, date: date, issued: issued, net: whole(0), taxAmount: whole(0)}
}

// total is a running total: exact amounts that are rounded together.
type total struct{ exact ratio }

func (t *total) add(amount ratio, round func(ratio) ratio) ratio {
	if t.exact == nil {
		t.exact = whole(0)
	}
	before := round(t.exact)
	t.exact = plus(t.exact, amount)
	return minus(round(t.exact), before)
}

// round rounds to the minor unit of the account's currency.
func (a *oracleAccount) round(r ratio) ratio {
	return roundTo(r, a.digits(), a.seller.Rounding == "half_even")
}

func (a *oracleAccount) digits() int {
	switch a.seller.Currency {
	case "JPY", "KRW", "VND":
		return 0
	case "KWD", "BHD", "TND":
		return 3
	}
	return 2
}

// note writes an entry, if it has an amount, and moves the balance.
func (o *oracle) note(a *oracleAccount, date int, kind, resource, quantity, from, to string, amount ratio) {
	if amount.Sign() == 0 {
		return
	}
	a.balance = minus(a.balance, amount)
	o.book.Entries = append(o.book.Entries, scenario.Entry{
		Date: dayText(date), Account: a.name, Kind: kind, Resource: resource, Quantity: quantity,
		From: from, To: to, Amount: amount.FloatString(a.digits()),
	})
}

// post writes a charge or refund over [from, to) and its discount, both rounded on
// their running totals, and returns what they come to together.
func (p *paper) post(kind, priced, resource string, quantity ratio, from, to int, exact ratio, charges, discounts *total) ratio {
	if exact.Sign() == 0 {
		return exact
	}
	amount := charges.add(exact, p.a.round)
	p.note(kind, resource, quantity, from, to, amount)
	off := negative(times(exact, p.a.discountShare(priced, from, to)))
	discount := discounts.add(off, p.a.round)
	p.note("discount", resource, quantity, from, to, discount)
	return plus(amount, discount)
}

func (p *paper) note(kind, resource string, quantity ratio, from, to int, amount ratio) {
	p.net = plus(p.net, amount)
	p.o.note(p.a, p.date, kind, resource, shown(quantity), dayText(from), dayText(to), amount)
}

// discountShare is the part of a charge of a kind over [from, to) that promotions
// take off: day by day, together at most the whole.
func (a *oracleAccount) discountShare(kind string, from, to int) ratio {
	var running []oraclePromotion
	var ends []int // 0: never
	for _, p := range a.promotions {
		if slices.Contains(p.Kinds, kind) {
			end := 0
			if p.Periods > 0 {
				end = a.signupPeriod.later(a.signup, p.Periods)
			}
			running, ends = append(running, p), append(ends, end)
		}
	}
	days, count := max(1, to-from), map[int]int{} // days, by the set of promotions in force
	for day := from; day < from+days; day++ {
		set := 0
		for i, end := range ends {
			if end == 0 || day < end {
				set |= 1 << i
			}
		}
		count[set]++
	}
	sum := whole(0)
	for set, n := range count {
		together := whole(0)
		for i, p := range running {
			if set>>i&1 == 1 {
				together = plus(together, percent(number(p.Percent)))
			}
		}
		sum = plus(sum, times(whole(n), smaller(together, whole(1))))
	}
	return over(sum, whole(days))
}

// issue adds the taxes and, if there is a total, numbers the document.
func (p *paper) issue() {
	a := p.a
	for _, t := range a.seller.Taxes {
		tax := a.round(times(p.net, percent(number(t.Percent))))
		had := a.taxed[t.Name]
		if had == nil {
			had = whole(0)
		}
		if less(plus(had, tax), whole(0)) {
			tax = negative(had)
		}
		a.taxed[t.Name] = plus(had, tax)
		p.taxAmount = plus(p.taxAmount, tax)
		p.o.note(a, p.date, "tax", t.Name, "0", "", "", tax)
	}
	sum := plus(p.net, p.taxAmount)
	if sum.Sign() == 0 {
		return
	}
	kind := "invoice"
	if sum.Sign() < 0 {
		kind = "credit_note"
	}
	p.o.book.numbers[a.seller.ID+" "+kind]++
	p.o.book.Documents = append(p.o.book.Documents, scenario.Document{
		Seller: a.seller.ID, Kind: kind, Number: p.o.book.numbers[a.seller.ID+" "+kind], Account: a.name,
		Date: dayText(p.date), Issued: dayText(p.issued), Net: p.net.FloatString(a.digits()),
		Tax: p.taxAmount.FloatString(a.digits()), Total: sum.FloatString(a.digits()),
	})
}
