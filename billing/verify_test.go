package billing_test

import (
	"slices"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/memory"
)

// Every code of a finding is found in rows that were altered so, and nowhere else.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	// Account 1: entries 1 to 4 (two documents with a charge and a tax each), 5 a payment.
	entry := func(seq int64, change func(*billing.Entry)) func(*bent) {
		return func(s *bent) {
			s.entries = func(l []billing.Entry) []billing.Entry {
				for i := range l {
					if l[i].Account == 1 && l[i].Seq == seq {
						change(&l[i])
					}
				}
				return l
			}
		}
	}
	document := func(change func(*billing.Document)) func(*bent) {
		return func(s *bent) {
			s.documents = func(l []billing.Document) []billing.Document {
				for i := range l {
					if l[i].Account == 1 && l[i].Seq == 2 {
						change(&l[i])
					}
				}
				return l
			}
		}
	}
	account := func(change func(*billing.Account)) func(*bent) {
		return func(s *bent) {
			s.accounts = func(l []billing.Account) []billing.Account {
				for i := range l {
					if l[i].ID == 1 {
						change(&l[i])
					}
				}
				return l
			}
		}
	}
	row := func(change func(*billing.PeriodRow)) func(*bent) {
		return func(s *bent) {
			s.periods = func(l []billing.PeriodRow) []billing.PeriodRow {
				for i := range l {
					if l[i].Account == 1 && l[i].Seq == 2 {
						change(&l[i])
					}
				}
				return l
			}
		}
	}
	for _, c := range []struct {
		name string
		bend func(*bent)
		want []string // the first is what it is about
	}{
		{"nothing", func(*bent) {}, nil},
		{"balance", account(func(a *billing.Account) { a.Balance = usd("1000000") }), []string{billing.FindingBalance}},
		{"an entry is missing", func(s *bent) {
			s.entries = func(l []billing.Entry) []billing.Entry {
				return slices.DeleteFunc(l, func(e billing.Entry) bool { return e.Account == 1 && e.Seq == 5 })
			}
		}, []string{billing.FindingEntryGap, billing.FindingBalance}},
		{"an entry in the middle is missing", func(s *bent) {
			s.entries = func(l []billing.Entry) []billing.Entry {
				return slices.DeleteFunc(l, func(e billing.Entry) bool { return e.Account == 1 && e.Seq == 3 })
			}
		}, []string{billing.FindingEntryGap, billing.FindingBalance, billing.FindingDocumentTotal}},
		{"a document is missing", func(s *bent) {
			s.documents = func(l []billing.Document) []billing.Document {
				return slices.DeleteFunc(l, func(d billing.Document) bool { return d.Account == 1 && d.Seq == 1 })
			}
		}, []string{billing.FindingDocumentGap, billing.FindingDocumentTotal}},
		{"a number is missing", func(s *bent) {
			s.series = func(l []billing.Document) []billing.Document {
				return slices.DeleteFunc(l, func(d billing.Document) bool { return d.Number == 2 })
			}
		}, []string{billing.FindingNumberGap}},
		{"the first number is missing", func(s *bent) {
			s.series = func(l []billing.Document) []billing.Document {
				return slices.DeleteFunc(l, func(d billing.Document) bool { return d.Number == 1 })
			}
		}, []string{billing.FindingNumberGap}},
		{"a document without a number", document(func(d *billing.Document) { d.Number = 0 }), []string{billing.FindingNumberGap}},
		{"another total", document(func(d *billing.Document) { d.Total = usd("1.00") }), []string{billing.FindingDocumentTotal}},
		{"another net", document(func(d *billing.Document) { d.Net = usd("1.00") }), []string{billing.FindingDocumentTotal}},
		{"another tax", document(func(d *billing.Document) { d.Tax = usd("1.00") }), []string{billing.FindingDocumentTotal}},
		{"other entries", document(func(d *billing.Document) { d.LastEntry++ }), []string{billing.FindingDocumentTotal}},
		{"an entry on no document", entry(3, func(e *billing.Entry) { e.Document = 0 }), []string{billing.FindingDocumentTotal}},
		{"an entry on a document that is not there", entry(5, func(e *billing.Entry) { e.Document = 9 }), []string{billing.FindingDocumentTotal}},
		{"another currency", entry(5, func(e *billing.Entry) { e.Amount = money.FromMinor(-100, iso("EUR")) }), []string{billing.FindingCurrency, billing.FindingBalance}},
		{"half a cent", entry(5, func(e *billing.Entry) { e.Amount = e.Amount.Mul(dec("0.001")) }), []string{billing.FindingCurrency, billing.FindingBalance}},
		{"another seller", entry(5, func(e *billing.Entry) { e.Seller = "rival" }), []string{billing.FindingCurrency, billing.FindingBalance}},
		{"another amount", entry(1, func(e *billing.Entry) { e.Amount = usd("11.00") }), []string{billing.FindingBasis, billing.FindingBalance, billing.FindingDocumentTotal}},
		{"other figures", entry(1, func(e *billing.Entry) { e.Basis.Units = money.RatInt(2) }), []string{billing.FindingBasis}},
		{"other figures of a tax", entry(2, func(e *billing.Entry) { e.Basis.Percent = dec("19") }), []string{billing.FindingBasis}},
		{"another running total", entry(1, func(e *billing.Entry) { e.Basis.Before = money.RatOf(dec("0.006")) }), nil}, // rounds alike
		{"tax that was not noted", account(func(a *billing.Account) { a.TaxCharged = nil }), []string{billing.FindingTaxTotal}},
		{"less tax than noted", account(func(a *billing.Account) { a.TaxCharged[0].Minor++ }), []string{billing.FindingTaxTotal}},
		{"periods with a gap", row(func(p *billing.PeriodRow) { p.From = p.From.AddDays(1) }), []string{billing.FindingPeriods}},
		{"periods that overlap", row(func(p *billing.PeriodRow) { p.From, p.Opened = p.From.AddDays(-1), billing.OpenedResume }), []string{billing.FindingPeriods}},
		{"a period of no days", row(func(p *billing.PeriodRow) { p.To = p.From }), []string{billing.FindingPeriods}},
		{"a period is missing", func(s *bent) {
			s.periods = func(l []billing.PeriodRow) []billing.PeriodRow {
				return slices.DeleteFunc(l, func(p billing.PeriodRow) bool { return p.Account == 1 && p.Seq == 1 })
			}
		}, []string{billing.FindingPeriods}},
		{"the running period is another", account(func(a *billing.Account) { a.PeriodTo = a.PeriodTo.AddDays(1) }), []string{billing.FindingPeriods}},
		{"charged twice", entry(3, func(e *billing.Entry) { e.From, e.To = day("2026-01-01"), day("2026-02-01") }), nil}, // signup is no opening
		{"an interval charged twice", entry(6, func(e *billing.Entry) { e.From, e.To = day("2026-02-01"), day("2026-03-01") }), []string{billing.FindingDuplicateCharge}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := &bent{Store: memory.New()}
			w := newWorldOn(t, store, taxed("VAT 20"))
			w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
			id := w.signup("a", "p")
			w.signup("b", "p")
			w.run("2026-02-01")
			w.do(billing.Pay{Account: id, Amount: usd("5")})
			w.run("2026-03-01")
			w.verified()
			c.bend(store)
			found := map[string]bool{}
			for f, err := range w.e.Verify(w.ctx, billing.VerifyOptions{}) {
				w.ok(err)
				found[f.Code] = true
				if f.Seller != host || f.Detail == "" || f.Account != 1 && f.Code != billing.FindingNumberGap || f.String() == "" {
					t.Errorf("%+v", f)
				}
				if !slices.Contains(c.want, f.Code) {
					t.Errorf("%s", f)
				}
			}
			for _, code := range c.want {
				if !found[code] {
					t.Errorf("no %s was found", code)
				}
			}
		})
	}
}

// Verify goes by pages, by seller, and stops when it is told to.
func TestVerifyByPages(t *testing.T) {
	t.Parallel()
	store := &bent{Store: memory.New()}
	w := newWorldOn(t, store)
	w.ok(w.e.PutSeller(w.ctx, billing.Seller{ID: "rival", Currency: iso("USD")}))
	const text = `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`
	w.plan("p", text)
	must(w.e.PublishPlan(w.ctx, billing.Plan{Seller: "rival", ID: "p", Open: true}, terms(text)))
	for i := range 230 {
		s := host
		if i%3 == 0 {
			s = "rival"
		}
		w.do(billing.Signup{Seller: s, Name: string(rune('a'+i%26)) + string(rune('a'+i/26)), Plan: "p"})
	}
	before := w.dump()
	store.accounts = func(l []billing.Account) []billing.Account {
		for i := range l {
			l[i].Balance = usd("1")
		}
		return l
	}
	count := func(o billing.VerifyOptions) (n int, last billing.AccountID) {
		for f, err := range w.e.Verify(w.ctx, o) {
			w.ok(err)
			if f.Account <= last {
				t.Fatalf("account %d after %d", f.Account, last)
			}
			n, last = n+1, f.Account
		}
		return n, last
	}
	if n, _ := count(billing.VerifyOptions{}); n != 230 {
		t.Errorf("%d of 230", n)
	}
	if n, _ := count(billing.VerifyOptions{Seller: "rival"}); n != 77 {
		t.Errorf("%d of the rival's 77", n)
	}
	total, after := 0, billing.AccountID(0)
	for {
		n, last := count(billing.VerifyOptions{After: after, Limit: 37})
		if n == 0 {
			break
		}
		total, after = total+n, last
	}
	if total != 230 {
		t.Errorf("%d by pages", total)
	}
	for range w.e.Verify(w.ctx, billing.VerifyOptions{}) {
		break
	}
	store.accounts = nil
	if w.dump() != before {
		t.Error("it wrote")
	}
}
