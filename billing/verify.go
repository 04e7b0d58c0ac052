package billing

import (
	"context"
	"fmt"
	"github.com/tierhost/tierhost/storage"
	"iter"
	"math"

	"github.com/tierhost/tierhost/money"
)

// Finding is something in the books that must not be.
type Finding struct {
	Seller  SellerID
	Account AccountID // 0: it concerns a series of documents
	Code    string    // one of the Finding codes
	Entry   int64     // Seq of the entry, where it concerns one
	Detail  string
}

// String returns the finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("seller %s account %d entry %d: %s: %s", f.Seller, f.Account, f.Entry, f.Code, f.Detail)
}

// Codes of findings.
const (
	FindingBalance         = "balance"          // the balance is not minus the sum of the entries
	FindingEntryGap        = "entry_gap"        // entries are not numbered without gaps
	FindingDocumentGap     = "document_gap"     // an account's documents are not
	FindingNumberGap       = "number_gap"       // a seller's series is not
	FindingDocumentTotal   = "document_total"   // a document is not the sum of its entries
	FindingCurrency        = "currency"         // an amount in another currency, or with too many digits
	FindingBasis           = "basis"            // an amount is not what its figures give
	FindingTaxTotal        = "tax_total"        // what was charged of a tax is not the sum of its entries
	FindingPeriods         = "periods"          // periods overlap or leave a gap
	FindingDuplicateCharge = "duplicate_charge" // an interval was charged twice
)

// VerifyOptions select what [Engine.Verify] looks at. The zero value is everything.
type VerifyOptions struct {
	Seller SellerID  // only this seller's books
	After  AccountID // only accounts with a larger ID
	Limit  int       // accounts a page; 0: 100
}

// VerifiedPage is what [Engine.VerifyPage] found.
type VerifiedPage struct {
	Findings []Finding
	Last     AccountID // the last account looked at: VerifyOptions.After of the next page
	Done     bool      // no account is left; the series of documents were checked too
}

// VerifyPage verifies one page of accounts, in one consistent view, and after the last
// one the series of documents.
func (e *Engine) VerifyPage(ctx context.Context, o VerifyOptions) (VerifiedPage, error) {
	if o.Limit <= 0 {
		o.Limit = 100
	}
	v := &verifier{e: e, o: o}
	found, last, more, err := v.page(ctx, o.After, o.Limit)
	p := VerifiedPage{Findings: found, Last: max(last, o.After), Done: !more}
	if err != nil || more {
		return p, err
	}
	v.series(ctx, func(f Finding, ferr error) bool {
		if ferr != nil {
			err = ferr
			return false
		}
		p.Findings = append(p.Findings, f)
		return true
	})
	return p, err
}

// Verify looks for anything in the books that must not be: balances against entries,
// amounts against the figures they came from, totals of documents and taxes, numbering
// without gaps, periods that tile, nothing charged twice. It reads live data, page by
// page (see [Engine.VerifyPage]), and changes nothing. Nothing is yielded when all is
// well.
func (e *Engine) Verify(ctx context.Context, o VerifyOptions) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for o := o; ; {
			page, err := e.VerifyPage(ctx, o)
			if err != nil {
				yield(Finding{}, err)
				return
			}
			for _, f := range page.Findings {
				if !yield(f, nil) {
					return
				}
			}
			if page.Done {
				return
			}
			o.After = page.Last
		}
	}
}

type verifier struct {
	e *Engine
	o VerifyOptions
}

// page verifies up to n accounts after an ID; more is false when there were fewer.
func (v *verifier) page(ctx context.Context, after AccountID, n int) (found []Finding, last AccountID, more bool, err error) {
	err = v.e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		found = nil
		accounts, err := rows.Accounts(ctx, AccountQuery{Seller: v.o.Seller}, after, n)
		if err != nil || len(accounts) == 0 {
			return err
		}
		last, more = accounts[len(accounts)-1].ID, len(accounts) == n
		books := make(map[AccountID]*verified, len(accounts))
		for i := range accounts {
			books[accounts[i].ID] = newVerified(&accounts[i])
		}
		if err := eachEntry(ctx, rows, v.o.Seller, after, last, func(en Entry) {
			if b := books[en.Account]; b != nil {
				b.entry(en)
			}
		}); err != nil {
			return err
		}
		if err := eachDocument(ctx, rows, v.o.Seller, after, last, func(d Document) {
			if b := books[d.Account]; b != nil {
				b.document(d)
			}
		}); err != nil {
			return err
		}
		for i := range accounts {
			b := books[accounts[i].ID]
			if err := eachPeriod(ctx, rows, accounts[i].ID, b.period); err != nil {
				return err
			}
			b.end()
			found = append(found, b.found...)
		}
		return nil
	})
	return found, last, more, err
}

func eachEntry(ctx context.Context, rows Rows, seller SellerID, after, last AccountID, fn func(Entry)) error {
	for from := (EntryID{after, math.MaxInt64}); ; {
		page, err := rows.Entries(ctx, EntryQuery{Seller: seller}, from, 2000)
		if err != nil {
			return err
		}
		for _, en := range page {
			if en.Account > last {
				return nil
			}
			fn(en)
		}
		if len(page) < 2000 {
			return nil
		}
		from = page[len(page)-1].ID()
	}
}

func eachDocument(ctx context.Context, rows Rows, seller SellerID, after, last AccountID, fn func(Document)) error {
	for from := (DocumentID{after, math.MaxInt64}); ; {
		page, err := rows.Documents(ctx, DocumentQuery{Seller: seller}, from, 2000)
		if err != nil {
			return err
		}
		for _, d := range page {
			if d.Account > last {
				return nil
			}
			fn(d)
		}
		if len(page) < 2000 {
			return nil
		}
		from = page[len(page)-1].ID()
	}
}

func eachPeriod(ctx context.Context, rows Rows, id AccountID, fn func(PeriodRow)) error {
	for after := int64(0); ; {
		page, err := rows.Periods(ctx, id, after, pageSize)
		if err != nil {
			return err
		}
		for _, p := range page {
			fn(p)
		}
		if len(page) < pageSize {
			return nil
		}
		after = page[len(page)-1].Seq
	}
}

// verified is one account's books being looked at.
type verified struct {
	a         *Account
	found     []Finding
	sum       int64
	entries   int64
	documents int64
	byDoc     map[int64]*docSum
	taxes     map[string]int64
	charged   map[charged]int64 // entry that charged it
	last      PeriodRow
}

type docSum struct{ net, tax, first, last int64 }

// charged is an interval of a resource that can be charged once only: its opening, or
// the settlement of its month.
type charged struct {
	cause    Cause
	resource ResourceID
	from, to Date
	document int64 // of months without days
}

func newVerified(a *Account) *verified {
	return &verified{a: a, byDoc: map[int64]*docSum{}, taxes: map[string]int64{}, charged: map[charged]int64{}}
}

func (v *verified) add(code string, entry int64, format string, args ...any) {
	v.found = append(v.found, Finding{Seller: v.a.Seller, Account: v.a.ID, Code: code, Entry: entry, Detail: fmt.Sprintf(format, args...)})
}

func (v *verified) entry(e Entry) {
	v.entries++
	if e.Seq != v.entries {
		v.add(FindingEntryGap, e.Seq, "entry %d comes where %d should", e.Seq, v.entries)
		v.entries = e.Seq
	}
	minor, err := e.Amount.Minor()
	if err != nil || e.Amount.Currency() != v.a.Balance.Currency() || e.Seller != v.a.Seller {
		v.add(FindingCurrency, e.Seq, "%s is no amount of this account", e.Amount)
		return
	}
	v.sum += minor
	if wrong := checkBasis(e); wrong != "" {
		v.add(FindingBasis, e.Seq, "%s", wrong)
	}
	if e.Kind == EntryTax {
		v.taxes[string(e.Resource)] += minor
	}
	if e.Document != 0 {
		d := v.byDoc[e.Document]
		if d == nil {
			d = &docSum{first: e.Seq}
			v.byDoc[e.Document] = d
		}
		d.last = e.Seq
		if e.Kind == EntryTax {
			d.tax += minor
		} else {
			d.net += minor
		}
	}
	opening := e.Kind == EntryRecurring && e.Basis.Cause == CauseOpen
	if opening || e.Kind == EntryUsage {
		k := charged{cause: e.Basis.Cause, resource: e.Resource, from: e.From, to: e.To}
		if e.From == e.To {
			k.document = e.Document
		}
		if before, twice := v.charged[k]; twice {
			v.add(FindingDuplicateCharge, e.Seq, "%s from %s to %s was charged by entry %d", e.Resource, e.From, e.To, before)
		}
		v.charged[k] = e.Seq
	}
}

func (v *verified) document(d Document) {
	v.documents++
	if d.Seq != v.documents {
		v.add(FindingDocumentGap, 0, "document %d comes where %d should", d.Seq, v.documents)
		v.documents = d.Seq
	}
	sum := v.byDoc[d.Seq]
	if sum == nil {
		v.add(FindingDocumentTotal, 0, "document %d has no entries", d.Seq)
		return
	}
	delete(v.byDoc, d.Seq)
	cur := v.a.Balance.Currency()
	net, tax := money.FromMinor(sum.net, cur), money.FromMinor(sum.tax, cur)
	if !d.Net.Equal(net) || !d.Tax.Equal(tax) || !d.Total.Equal(money.FromMinor(sum.net+sum.tax, cur)) ||
		d.FirstEntry != sum.first || d.LastEntry != sum.last {
		v.add(FindingDocumentTotal, sum.first, "document %d says %s + %s = %s, its entries %s + %s", d.Seq, d.Net, d.Tax, d.Total, net, tax)
	}
	if (d.Number != 0) != (d.Total.Sign() != 0) {
		v.add(FindingNumberGap, 0, "document %d of total %s has number %d", d.Seq, d.Total, d.Number)
	}
}

func (v *verified) period(p PeriodRow) {
	switch {
	case p.Seq != v.last.Seq+1:
		v.add(FindingPeriods, 0, "period %d comes where %d should", p.Seq, v.last.Seq+1)
	case !p.From.Before(p.To):
		v.add(FindingPeriods, 0, "period %d from %s to %s has no days", p.Seq, p.From, p.To)
	case p.Seq == 1:
	case p.Opened == OpenedRenewal && p.From != v.last.To, p.From.Before(v.last.To):
		v.add(FindingPeriods, 0, "period %d from %s follows one that ends on %s", p.Seq, p.From, v.last.To)
	}
	v.last = p
}

// end compares the account's row with what its rows came to.
func (v *verified) end() {
	a := v.a
	if balance, err := a.Balance.Minor(); err != nil || balance != -v.sum {
		v.add(FindingBalance, 0, "the balance is %s, the entries come to %s", a.Balance, money.FromMinor(-v.sum, a.Balance.Currency()))
	}
	if v.entries != a.EntrySeq {
		v.add(FindingEntryGap, 0, "the last entry is %d, not %d", v.entries, a.EntrySeq)
	}
	if v.documents != a.DocumentSeq {
		v.add(FindingDocumentGap, 0, "the last document is %d, not %d", v.documents, a.DocumentSeq)
	}
	for seq := range v.byDoc {
		v.add(FindingDocumentTotal, 0, "entries are on document %d, which is not there", seq)
	}
	for _, t := range a.TaxCharged {
		if v.taxes[t.Name] != t.Minor {
			v.add(FindingTaxTotal, 0, "%s: %d minor units are noted, the entries come to %d", t.Name, t.Minor, v.taxes[t.Name])
		}
		delete(v.taxes, t.Name)
	}
	for name := range v.taxes {
		v.add(FindingTaxTotal, 0, "%s was charged and is not noted", name)
	}
	if v.last.Seq != a.PeriodSeq || a.PeriodSeq > 0 && (v.last.From != a.PeriodFrom || v.last.To != a.PeriodTo) {
		v.add(FindingPeriods, 0, "the last period is %d from %s to %s, the account says %d from %s to %s",
			v.last.Seq, v.last.From, v.last.To, a.PeriodSeq, a.PeriodFrom, a.PeriodTo)
	}
}

// series checks that each seller's numbers run without gaps from 1.
func (v *verifier) series(ctx context.Context, yield func(Finding, error) bool) {
	for s, err := range v.e.Sellers(ctx) {
		if err != nil {
			yield(Finding{}, err)
			return
		}
		if v.o.Seller != "" && s.ID != v.o.Seller {
			continue
		}
		for _, kind := range []DocumentKind{Invoice, CreditNote} {
			next := int64(1)
			for d, err := range v.e.Series(ctx, s.ID, kind) {
				if err != nil {
					yield(Finding{}, err)
					return
				}
				if d.Number != next {
					f := Finding{Seller: s.ID, Code: FindingNumberGap, Detail: fmt.Sprintf("%s %d comes where %d should", kind, d.Number, next)}
					if !yield(f, nil) {
						return
					}
				}
				next = d.Number + 1
			}
		}
	}
}
