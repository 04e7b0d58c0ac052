package simulation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// DumpOptions say what a dump leaves out.
type DumpOptions struct {
	// NoIssue leaves out what depends on when and by whom documents are issued: their
	// numbers and days of issue, and when rows were recorded.
	NoIssue bool
	// NoNumbers leaves out documents' numbers: an account that the store could not read
	// in one run is billed, and numbered, by the next.
	NoNumbers bool
	// Ledger writes entries, documents and balances only.
	Ledger bool
	// NoOrder leaves out in which order a double's entries and documents were made: a
	// day that could not be closed in one run is billed by the next. It implies NoNumbers.
	NoOrder bool
	// Retail leaves out the wholesale side and what it makes of the doubles: their taxes,
	// documents, balances and the numbers of their entries. It is what does not depend on
	// how late the run comes.
	Retail bool
}

// Dump returns the books as text: the catalog, and of every account, by name, its
// state, holdings, periods, usage, entries and documents. Numbers that stores give out
// as they like do not appear in it, so equal books have equal dumps on all stores.
func Dump(ctx context.Context, w *World, o DumpOptions) (string, error) {
	o.NoNumbers = o.NoNumbers || o.NoOrder
	d := &dumper{w: w, e: w.Engine, o: o, parts: map[billing.AccountID]*strings.Builder{}, names: map[billing.AccountID]string{},
		doubles: map[billing.AccountID]bool{}}
	if err := d.accounts(ctx); err != nil {
		return "", err
	}
	if err := d.ledger(ctx); err != nil {
		return "", err
	}
	var b strings.Builder
	if !o.Ledger {
		if err := d.catalog(ctx, &b); err != nil {
			return "", err
		}
	}
	for _, a := range d.list {
		part := d.parts[a.ID].String()
		if o.NoOrder && a.Sells != "" {
			lines := strings.Split(part, "\n")
			slices.Sort(lines)
			part = strings.Join(lines, "\n")
		}
		b.WriteString(part)
	}
	lines, err := d.transfers(ctx)
	if err != nil {
		return "", err
	}
	slices.Sort(lines)
	for _, line := range lines {
		put(&b, line)
	}
	if !o.Retail {
		if err := d.wholesale(ctx, &b); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

type dumper struct {
	w       *World
	names   map[billing.AccountID]string
	doubles map[billing.AccountID]bool
	e       *billing.Engine
	o       DumpOptions
	list    []billing.Account
	parts   map[billing.AccountID]*strings.Builder
}

// put writes a line of words; empty words are left out.
func put(w io.Writer, words ...any) {
	for i, v := range words {
		if i > 0 {
			_, _ = io.WriteString(w, " ")
		}
		_, _ = fmt.Fprint(w, v)
	}
	_, _ = io.WriteString(w, "\n")
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(b), "[]", "null") // a store may return either for nothing
}

func (d *dumper) catalog(ctx context.Context, w io.Writer) error {
	resources, err := d.e.Resources(ctx)
	if err != nil {
		return err
	}
	for _, r := range resources {
		put(w, "resource", r.ID, r.Kind, r.Step, r.Aggregate, r.Unit, r.Measures)
	}
	for s, err := range d.e.Sellers(ctx) {
		if err != nil {
			return err
		}
		put(w, "seller", s.ID, s.Parent, d.names[s.Double], s.Name, s.Currency, s.Currency.Exponent, s.Rounding, s.TimeZone, text(s.Taxes))
		for p, err := range d.e.Plans(ctx, s.ID) {
			if err != nil {
				return err
			}
			put(w, "plan", text(p))
			for n := 1; n <= p.Latest; n++ {
				v, err := d.e.PlanVersion(ctx, s.ID, p.ID, n)
				if err != nil {
					return err
				}
				put(w, "version", v.Seller, v.Plan, v.Version, v.Published.UTC(), text(v.Terms))
			}
		}
	}
	return nil
}

func (d *dumper) accounts(ctx context.Context) error {
	for a, err := range d.e.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			return err
		}
		d.list = append(d.list, a)
		d.names[a.ID], d.doubles[a.ID] = a.Name, a.Sells != ""
	}
	slices.SortFunc(d.list, func(a, b billing.Account) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Name, b.Name))
	})
	for i := range d.list {
		a := &d.list[i]
		w := &strings.Builder{}
		d.parts[a.ID] = w
		if d.o.Retail && a.Sells != "" {
			put(w, "account", a.Seller, a.Name, a.Status, a.Plan, a.PlanVersion, a.PeriodFrom, a.MonthFrom)
		} else {
			put(w, "account", a.Seller, a.Name, a.Status, "balance", a.Balance)
		}
		if d.o.Ledger {
			continue
		}
		row := *a // whole, so that a new field cannot be forgotten
		row.ID, row.Version, row.MeterScan, row.MeterSeen, row.Above, row.Suspension.Cause = 0, 0, 0, 0, nil, 0
		if d.o.NoOrder && a.Sells != "" {
			row.DebtSince = billing.Date{}
		}
		if !d.o.Retail || a.Sells == "" {
			put(w, " row", text(row), "above", d.named(a.Above), "because of", d.names[a.Suspension.Cause])
		}
		if err := d.details(ctx, a, w); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) details(ctx context.Context, a *billing.Account, w io.Writer) error {
	holdings, err := d.e.Holdings(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, h := range holdings {
		h.Account = 0
		put(w, " holding", text(h))
	}
	for p, err := range d.e.Periods(ctx, a.ID) {
		if err != nil {
			return err
		}
		p.Account = 0
		put(w, " period", text(p))
	}
	for u, err := range d.e.Usage(ctx, a.ID) {
		if err != nil {
			return err
		}
		source, above := d.names[u.Source], d.named(u.RolledUp)
		u.Account, u.Seq, u.Recorded, u.Source, u.RolledUp = 0, 0, u.Recorded.UTC(), 0, nil
		put(w, " usage", text(u), source, above)
	}
	return nil
}

// named turns numbers of accounts into their names.
func (d *dumper) named(ids []billing.AccountID) string {
	var names []string
	for _, id := range ids {
		names = append(names, d.names[id])
	}
	return strings.Join(names, ">")
}

func (d *dumper) ledger(ctx context.Context) error {
	for e, err := range d.e.Entries(ctx, billing.EntryQuery{}) {
		if err != nil {
			return err
		}
		w := d.parts[e.Account]
		if w == nil {
			return fmt.Errorf("entry %d of account %d, which is not there", e.Seq, e.Account)
		}
		if d.o.Retail && d.doubles[e.Account] {
			if e.Kind == billing.EntryWholesale || e.Kind == billing.EntryTax {
				continue
			}
			e.Seq, e.Document, e.Corrects = 0, 0, 0
		}
		if d.o.NoOrder && d.doubles[e.Account] {
			e.Seq, e.Document, e.Corrects = 0, 0, 0
		}
		if e.Account, e.Recorded = 0, e.Recorded.UTC(); d.o.NoIssue {
			e.Recorded = time.Time{}
		}
		put(w, " entry", e.Seq, e.Date, e.Kind, e.Resource, e.Amount, text(e))
	}
	for doc, err := range d.e.Documents(ctx, billing.DocumentQuery{}) {
		if err != nil {
			return err
		}
		w := d.parts[doc.Account]
		if w == nil {
			return fmt.Errorf("document %d of account %d, which is not there", doc.Seq, doc.Account)
		}
		if d.o.Retail && d.doubles[doc.Account] {
			continue
		}
		if d.o.NoOrder && d.doubles[doc.Account] {
			doc.Seq, doc.FirstEntry, doc.LastEntry = 0, 0, 0
		}
		if d.o.NoNumbers {
			doc.Number = 0
		}
		if doc.Account, doc.Recorded = 0, doc.Recorded.UTC(); d.o.NoIssue {
			doc.Number, doc.Issued, doc.Recorded = 0, billing.Date{}, time.Time{}
		}
		put(w, " document", doc.Seq, doc.Kind, doc.Date, doc.Total, text(doc))
	}
	return nil
}

// wholesale writes the books of the resellers: what they have of their parents.
func (d *dumper) wholesale(ctx context.Context, w io.Writer) error {
	sellers, err := d.w.Manager.Sellers(ctx, "")
	if err != nil {
		return err
	}
	slices.SortFunc(sellers, func(a, b billing.Seller) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range sellers {
		if s.Double == 0 {
			continue
		}
		through, err := d.w.Manager.ClosedThrough(ctx, s.ID)
		if err != nil {
			return err
		}
		put(w, "account wholesale of", s.ID, "closed through", through)
		if !d.o.Ledger {
			if err := d.stocks(ctx, s.ID, w); err != nil {
				return err
			}
		}
		if err := d.shadows(ctx, s.ID, w); err != nil {
			return err
		}
		for b, err := range d.w.Manager.Bills(ctx, reseller.BillQuery{Seller: s.ID}) {
			if err != nil {
				return err
			}
			if b.Seller != s.ID || b.Account != s.Double {
				return fmt.Errorf("a bill of seller %s and account %d among those of seller %s, account %d", b.Seller, b.Account, s.ID, s.Double)
			}
			if d.o.NoOrder {
				b.Document, b.Entry = 0, 0
			}
			b.Account, b.Recorded = 0, b.Recorded.UTC()
			if d.o.NoIssue {
				b.Recorded = time.Time{}
			}
			put(w, " bill", b.Day, b.Resource, b.Amount, text(b))
		}
	}
	return nil
}

// shadows writes the shadows of a seller, by account and in the order of each account.
func (d *dumper) shadows(ctx context.Context, seller billing.SellerID, w io.Writer) error {
	parts := map[string]*strings.Builder{}
	var last reseller.ShadowID
	for sh, err := range d.w.Manager.Shadows(ctx, reseller.ShadowQuery{Seller: seller}) {
		if err != nil {
			return err
		}
		if id := sh.ID(); sh.Seller != seller || id.Day.Before(last.Day) || id.Day == last.Day && id.Seq <= last.Seq {
			return fmt.Errorf("shadow %v of seller %s comes after %v among those of seller %s", id, sh.Seller, last, seller)
		}
		last = sh.ID()
		name := d.names[sh.Account]
		if d.o.NoOrder && d.doubles[sh.Account] {
			sh.Entry = 0
		}
		if parts[name] == nil {
			parts[name] = &strings.Builder{}
		}
		if sh.Seq, sh.Account, sh.Recorded = 0, 0, sh.Recorded.UTC(); d.o.NoIssue {
			sh.Recorded = time.Time{}
		}
		put(parts[name], " shadow", name, sh.Date, sh.Kind, sh.Resource, sh.Amount, text(sh))
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		put(w, parts[name].String())
	}
	return nil
}

// stocks writes what a seller's customers have together, and each of them.
func (d *dumper) stocks(ctx context.Context, seller billing.SellerID, w io.Writer) error {
	stocks, holdings, err := Stocks(ctx, d.w.Store, seller)
	if err != nil {
		return err
	}
	for _, s := range stocks {
		if s.Limit != nil || !s.Pooled.IsZero() || len(s.Returns) > 0 { // one that was only locked may be there or not
			put(w, " stock", text(s))
		}
	}
	var lines []string
	for _, h := range holdings {
		name := d.names[h.Account]
		h.Account = 0
		lines = append(lines, fmt.Sprint(" has ", name, " ", h.Resource, " ", text(h)))
	}
	slices.Sort(lines)
	for _, line := range lines {
		put(w, line)
	}
	return nil
}

// Stocks reads the stocks and the wholesale holdings of a seller.
func Stocks(ctx context.Context, store reseller.Store, seller billing.SellerID) (stocks []reseller.Stock, holdings []reseller.Holding, err error) {
	err = store.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := store.Reseller(tx)
		if err != nil {
			return err
		}
		if stocks, err = rows.Stocks(ctx, seller); err != nil {
			return err
		}
		holdings = nil
		const page = 50
		for after := (reseller.Holding{}); ; after = holdings[len(holdings)-1] {
			list, err := rows.Holdings(ctx, seller, after.Account, after.Resource, page)
			if err != nil {
				return err
			}
			holdings = append(holdings, list...)
			if len(list) < page {
				break
			}
		}
		for _, s := range stocks {
			if s.Seller != seller {
				return fmt.Errorf("a stock of seller %s among those of seller %s", s.Seller, seller)
			}
		}
		for _, h := range holdings {
			if h.Seller != seller {
				return fmt.Errorf("a holding of seller %s among those of seller %s", h.Seller, seller)
			}
		}
		return nil
	})
	return stocks, holdings, err
}

// Events drains a store's outbox and returns the events as text, by account and in
// the order of each account. What stores number as they like is left out.
func Events(ctx context.Context, e *billing.Engine, store storage.OutboxStore, clock tierhost.Clock) (string, error) {
	names := map[string]string{}
	for a, err := range e.Accounts(ctx, billing.AccountQuery{}) {
		if err != nil {
			return "", err
		}
		names[fmt.Sprintf("account/%d", a.ID)] = a.Name
	}
	parts := map[string]*strings.Builder{}
	seen := map[string]bool{}
	_, err := storage.Drain(ctx, store, func(_ context.Context, ev storage.Event) error {
		if seen[ev.ID] {
			return fmt.Errorf("event %s came twice", ev.ID)
		}
		seen[ev.ID] = true
		var data map[string]any
		if err := json.Unmarshal(ev.Data, &data); err != nil {
			return fmt.Errorf("event %s: %w", ev.ID, err)
		}
		for _, number := range []string{"account", "from", "to"} { // of accounts
			delete(data, number)
		}
		name, known := names[ev.Subject]
		if !known {
			return fmt.Errorf("event %s is about %s, which is not there", ev.ID, ev.Subject)
		}
		if parts[name] == nil {
			parts[name] = &strings.Builder{}
		}
		put(parts[name], "event", name, ev.Seller, ev.Type, ev.Version, ev.At.UTC(), text(data))
		return nil
	}, storage.DrainOptions{Clock: clock})
	if err != nil {
		return "", err
	}
	var pending int64
	err = store.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		ob, err := store.Outbox(tx)
		if err != nil {
			return err
		}
		pending, err = ob.Pending(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	if pending != 0 {
		return "", fmt.Errorf("%d events could not be delivered", pending)
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		b.WriteString(parts[name].String())
	}
	return b.String(), nil
}

// FirstDifference returns the first line in which two dumps differ, with the account
// that it belongs to; "" if they are equal.
func FirstDifference(a, b string) string {
	if a == b {
		return ""
	}
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	head := ""
	for i := range max(len(x), len(y)) {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			return fmt.Sprintf("line %d, in %q:\n- %s\n+ %s", i+1, head, l, r)
		}
		if strings.HasPrefix(l, "account ") {
			head = l
		}
	}
	return "the lines are equal"
}
