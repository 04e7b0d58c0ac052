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
}

// Dump returns the books as text: the catalog, and of every account, by name, its
// state, holdings, periods, usage, entries and documents. Numbers that stores give out
// as they like do not appear in it, so equal books have equal dumps on all stores.
func Dump(ctx context.Context, e *billing.Engine, o DumpOptions) (string, error) {
	d := &dumper{e: e, o: o, parts: map[billing.AccountID]*strings.Builder{}}
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
		b.WriteString(d.parts[a.ID].String())
	}
	return b.String(), nil
}

type dumper struct {
	e     *billing.Engine
	o     DumpOptions
	list  []billing.Account
	parts map[billing.AccountID]*strings.Builder
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
		put(w, "seller", s.ID, s.Name, s.Currency, s.Currency.Exponent, s.Rounding, s.TimeZone, text(s.Taxes))
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
	}
	slices.SortFunc(d.list, func(a, b billing.Account) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Name, b.Name))
	})
	for i := range d.list {
		a := &d.list[i]
		w := &strings.Builder{}
		d.parts[a.ID] = w
		put(w, "account", a.Seller, a.Name, a.Status, "balance", a.Balance)
		if d.o.Ledger {
			continue
		}
		row := *a // whole, so that a new field cannot be forgotten
		row.ID, row.Version, row.MeterScan, row.MeterSeen = 0, 0, 0, 0
		put(w, " row", text(row))
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
		u.Account, u.Seq, u.Recorded = 0, 0, u.Recorded.UTC()
		put(w, " usage", text(u))
	}
	return nil
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
		delete(data, "account")
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
