package billing_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// Tax is on the document, rounded once: rows 54 and 58 to 60 of peers.md, and the
// worked numbers 2 and 3 of hsphere.md section 2.4.
func TestTaxOfADocument(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, prices    string
		taxes           []string
		net, tax, total string
	}{
		{"three lines of 0.83 at 20% (row 60)", "0.83 0.83 0.83", []string{"VAT 20"}, "2.49", "0.50", "2.99"},
		{"one line of three at 0.83333 (row 60)", "2.49999", []string{"VAT 20"}, "2.50", "0.50", "3.00"},
		{"7 lines of 0.13 at 21%, per total", "0.13 0.13 0.13 0.13 0.13 0.13 0.13", []string{"VAT 21"}, "0.91", "0.19", "1.10"},
		{"the tax is rounded, the total its sum (row 59)", "48.17 48.17", []string{"VAT 20"}, "96.34", "19.27", "115.61"},
		{"four lines of 0.83, by line it were 4.00 (row 58)", "0.83 0.83 0.83 0.83", []string{"VAT 20"}, "3.32", "0.66", "3.98"},
		{"15% and 20% on 14.04 (number 2)", "14.04", []string{"a 15", "b 20"}, "14.04", "4.92", "18.96"},
		{"35% on 36.45 (number 3)", "36.45", []string{"one 35"}, "36.45", "12.76", "49.21"},
		{"rounded where it is charged (row 54)", "241.665", []string{"VAT 0"}, "241.67", "0.00", "241.67"},
		{"99.9999 is not cut to 99 (row 55)", "99.9999", []string{"VAT 10"}, "100.00", "10.00", "110.00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, taxed(c.taxes...))
			var lines []string
			for i, p := range strings.Fields(c.prices) {
				id := fmt.Sprintf("r%d", i)
				w.ok(w.e.DefineResources(w.ctx, billing.Resource{ID: billing.ResourceID(id)}))
				lines = append(lines, `{'id':'`+id+`','at_signup':'1','prices':{'recurring':'`+p+`'}}`)
			}
			w.plan("p", `{'resources':[`+strings.Join(lines, ",")+`]}`)
			res := w.do(billing.Signup{Seller: host, Name: "a", Plan: "p"})
			d := res.Documents[0]
			if d.Net.Digits() != c.net || d.Tax.Digits() != c.tax || d.Total.Digits() != c.total {
				t.Errorf("%s + %s = %s, want %s + %s = %s", d.Net, d.Tax, d.Total, c.net, c.tax, c.total)
			}
			w.verified()
		})
	}
}

// Taxes are never on each other, and each has its own entry.
func TestTaxesAreEachOnTheUntaxedSum(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("city 1.5", "state 10", "none 0"))
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'100'}}]}`)
	w.made(w.entries(w.signup("a", "p")), "2026-01-01 recurring account 1 2026-01-01/2026-02-01 100.00",
		"2026-01-01 tax city 1.50", "2026-01-01 tax state 10.00")
}

// An exempt account has none, from a day on, until that ends.
func TestExemption(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("VAT 20"))
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}},{'id':'mailbox','prices':{'recurring':'31'}}]}`)
	exempt := w.signup("exempt", "p", func(x *billing.Signup) { x.Exemption = "EU123" })
	later := w.signup("later", "p")
	w.wantBalance(exempt, "-10.00")
	w.wantBalance(later, "-12.00")
	w.at("2026-01-15").do(billing.Exempt{Account: later, Code: "EU456"})
	w.do(billing.Exempt{Account: exempt})
	w.run("2026-02-01")
	w.wantBalance(exempt, "-22.00")
	w.wantBalance(later, "-22.00")
	if a := w.account(later); a.Exemption != (billing.Exemption{Code: "EU456", From: day("2026-01-15")}) {
		t.Errorf("%+v", a.Exemption)
	}
	w.verified()
}

// Rows 52 and 53: an invoice given back in any split and order comes to nothing or
// leaves cents, but more tax than was charged is never given back.
func TestTaxesGivenBackNeverExceedThoseCharged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, taxed("VAT "+rapid.SampledFrom([]string{"20", "19", "7.7", "33.333"}).Draw(rt, "percent"), "b 3"))
		w.plan("p", `{'resources':[{'id':'mailbox','prices':{'recurring':'0.07'}},{'id':'domain','prices':{'recurring':'1.01'}}]}`)
		id := w.signup("a", "p")
		w.set(id, "mailbox", "40")
		w.set(id, "domain", "40")
		charged := map[billing.ResourceID]money.Money{}
		steps := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 12).Draw(rt, "quantities")
		for _, q := range append(steps, 0) {
			r := rapid.SampledFrom([]billing.ResourceID{"mailbox", "domain"}).Draw(rt, "r")
			w.set(id, r, fmt.Sprint(q))
		}
		w.set(id, "mailbox", "0")
		w.set(id, "domain", "0")
		var net money.Money = w.money("0")
		for _, e := range w.entries(id) {
			if e.Kind != billing.EntryTax {
				net = must(net.Add(e.Amount))
				continue
			}
			if _, ok := charged[e.Resource]; !ok {
				charged[e.Resource] = w.money("0")
			}
			charged[e.Resource] = must(charged[e.Resource].Add(e.Amount))
			if charged[e.Resource].Sign() < 0 {
				rt.Fatalf("more of %s was given back than charged: %q", e.Resource, w.book(id))
			}
		}
		if !net.IsZero() {
			rt.Fatalf("what was bought and given back came to %s", net)
		}
		w.verified()
	})
}

// A change of the seller's taxes counts from then on.
func TestTaxesChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("VAT 20"))
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
	id := w.signup("a", "p")
	s := must(w.e.Seller(w.ctx, host))
	s.Taxes = []billing.Tax{{Name: "VAT", Percent: dec("21")}}
	w.ok(w.e.PutSeller(w.ctx, s))
	w.run("2026-02-01")
	w.made(w.entries(id),
		"2026-01-01 recurring account 1 2026-01-01/2026-02-01 10.00", "2026-01-01 tax VAT 2.00",
		"2026-02-01 recurring account 1 2026-02-01/2026-03-01 10.00", "2026-02-01 tax VAT 2.10")
}

// Rows 56, 61, 63, 68 and 72: documents are numbered per seller and kind without gaps,
// in the order of issue; one of nothing has no number.
func TestDocumentsAreNumberedWithoutGaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.e.PutSeller(w.ctx, billing.Seller{ID: "rival", Currency: iso("EUR")}))
	const text = `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'5'}},{'id':'mailbox','prices':{'setup':'3','recurring':'3'}}]}`
	w.plan("p", text)
	must(w.e.PublishPlan(w.ctx, billing.Plan{Seller: "rival", ID: "p", Open: true}, terms(text)))
	for i := range 5 {
		id := w.signup(fmt.Sprint(i), "p")
		w.set(id, "mailbox", "1")
		w.set(id, "mailbox", "0")
		w.do(billing.Signup{Seller: "rival", Name: fmt.Sprint(i), Plan: "p"})
		_, err := w.e.Do(w.ctx, billing.Signup{Seller: host, Name: fmt.Sprint(i), Plan: "p"})
		wantCode(t, err, "account_exists")
	}
	w.run("2026-04-15")
	for seller, want := range map[billing.SellerID][2]int{host: {25, 5}, "rival": {20, 0}} {
		for i, kind := range []billing.DocumentKind{billing.Invoice, billing.CreditNote} {
			docs := all(w, w.e.Series(w.ctx, seller, kind))
			if len(docs) != want[i] {
				t.Errorf("%s has %d of %s", seller, len(docs), kind)
			}
			for n, d := range docs {
				if d.Number != int64(n+1) || d.Kind != kind || (d.Total.Sign() > 0) != (kind == billing.Invoice) || n > 0 && d.Issued.Before(docs[n-1].Issued) {
					t.Errorf("%d: %+v", n, d)
				}
			}
		}
	}
	w.verified()
}
