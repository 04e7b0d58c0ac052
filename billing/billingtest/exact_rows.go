package billingtest

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// checkRows writes a batch and looks whether each of its rows is there as it was
// written.
func checkRows(t *conformance.T, st billing.Store, what string, b *billing.Batch) {
	t.Helper()
	write(t, st, b)
	err := view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error { return compareRows(t, ctx, rows, what, b) })
	t.OK(err, "read back rows %s", what)
}

func compareRows(t *conformance.T, ctx context.Context, rows billing.Rows, what string, b *billing.Batch) error {
	for _, want := range b.Accounts {
		got, err := rows.Accounts(ctx, billing.AccountQuery{}, want.ID-1, 1)
		if err != nil {
			return err
		}
		t.Equal(got, []billing.Account{want}, "account %s", what)
		loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{want.ID}})
		if err != nil {
			return err
		}
		if len(loaded.States) == 1 {
			t.Equal(loaded.States[0].Account, want, "loaded account %s", what)
		}
	}
	for _, want := range b.Holdings {
		got, err := rows.Holdings(ctx, []billing.AccountID{want.Account})
		if err != nil {
			return err
		}
		t.Equal(got, []billing.Holding{want}, "holding %s", what)
	}
	for _, want := range b.Periods {
		got, err := rows.Periods(ctx, want.Account, want.Seq-1, 1)
		if err != nil {
			return err
		}
		t.Equal(got, []billing.PeriodRow{want}, "period %s", what)
	}
	for _, u := range b.Usage {
		want := *u
		want.Recorded = want.Recorded.UTC()
		got, err := rows.Usage(ctx, u.Account, u.Seq-1, 1)
		if err != nil {
			return err
		}
		t.Equal(got, []billing.UsageRecord{want}, "usage record %s", what)
	}
	for _, d := range b.Documents {
		want := *d
		want.Recorded = want.Recorded.UTC()
		got, err := rows.Documents(ctx, billing.DocumentQuery{Account: d.Account}, billing.DocumentID{Account: d.Account, Seq: d.Seq - 1}, 1)
		if err != nil {
			return err
		}
		t.Equal(got, []billing.Document{want}, "document %s", what)
	}
	for _, want := range b.Entries {
		want.Recorded = want.Recorded.UTC()
		got, err := rows.Entries(ctx, billing.EntryQuery{}, billing.EntryID{Account: want.Account, Seq: want.Seq - 1}, 1)
		if err != nil {
			return err
		}
		t.Equal(got, []billing.Entry{want}, "entry %s", what)
	}
	for _, want := range b.Keys {
		want.Recorded = want.Recorded.UTC()
		loaded, err := rows.Load(ctx, billing.LoadQuery{Key: want.KeyID})
		if err != nil {
			return err
		}
		t.Equal(loaded.Key, want, "key %s", what)
	}
	return nil
}

// checkEveryField writes one row of each kind in which no field is zero.
func checkEveryField(t *conformance.T, h Harness) {
	st := h.New(t.Test())
	seller := filled(func(s *billing.Seller) { s.ID = host })
	resource := filled(func(r *billing.Resource) { r.ID = "r" })
	plan := filled(func(p *billing.Plan) { p.Seller, p.ID = host, "p" })
	version := filled(func(v *billing.PlanVersion) { v.Seller, v.Plan, v.Version = host, "p", 3 })
	put(t, st, billing.CatalogChange{
		Sellers: []billing.Seller{seller}, Resources: []billing.Resource{resource}, Plans: []billing.Plan{plan}, Versions: []billing.PlanVersion{version},
	})
	t.OK(view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
		gotResources, err := rows.Resources(ctx)
		if err != nil {
			return err
		}
		t.Equal(gotResources, []billing.Resource{resource}, "resource")
		gotSeller, err := rows.Seller(ctx, host)
		if err != nil {
			return err
		}
		t.Equal(gotSeller, seller, "seller")
		gotPlan, err := rows.Plan(ctx, host, "p")
		if err != nil {
			return err
		}
		t.Equal(gotPlan, plan, "plan")
		gotVersion, err := rows.PlanVersion(ctx, host, "p", 3)
		t.Equal(gotVersion, version, "plan version")
		return err
	}), "read the catalog")

	key := filled(func(k *billing.Key) { k.Account = 1 })
	b := &billing.Batch{
		Accounts: []billing.Account{filled(func(a *billing.Account) { a.ID, a.Seller, a.Version = 1, host, 1 })},
		Holdings: []billing.Holding{filled(func(h *billing.Holding) { h.Account = 1 })},
		Periods:  []billing.PeriodRow{filled(func(p *billing.PeriodRow) { p.Account = 1 })},
		Usage:    []*billing.UsageRecord{new(filled(func(u *billing.UsageRecord) { u.Account = 1 }))},
		Documents: []*billing.Document{new(filled(func(d *billing.Document) {
			d.Account, d.Seller, d.Numbered = 1, host, true
		}))},
		Entries: []billing.Entry{filled(func(e *billing.Entry) { e.Account, e.Seller = 1, host })},
		Keys:    []billing.Key{key},
	}
	checkRows(t, st, "with every field", b)
	// An update writes other columns than an insert, perhaps.
	a := b.Accounts[0]
	var other billing.Account
	f := filler()
	for range 2 { // the second time all values are others
		f.Fill(&other)
	}
	other.ID, other.Seller, other.Version, other.Name = a.ID, a.Seller, 2, a.Name
	checkRows(t, st, "that is updated", &billing.Batch{Accounts: []billing.Account{other}})
	a.Version = 3
	checkRows(t, st, "that is updated back", &billing.Batch{Accounts: []billing.Account{a}})
	least := billing.Account{ID: a.ID, Seller: a.Seller, Name: a.Name, Version: 4, Status: billing.Active, Balance: money.Zero(usd())}
	checkRows(t, st, "whose fields are cleared", &billing.Batch{
		Accounts: []billing.Account{least}, Holdings: []billing.Holding{{Account: 1, Resource: b.Holdings[0].Resource}},
	})
}

// checkEmptyFields writes one row of each kind in which every field is zero that may
// be.
func checkEmptyFields(t *conformance.T, h Harness) {
	st := h.New(t.Test())
	zero := dec("0")
	empty := billing.PlanVersion{Seller: host, Plan: "p", Version: 1, Published: now()}
	zeros := empty
	zeros.Version = 2
	zeros.Terms = billing.Terms{RefundPercent: &zero, Resources: []billing.Line{{
		Resource: "r", Max: &zero, Prices: billing.Prices{Setup: &zero, Recurring: &zero, Usage: &zero},
		PeriodPrices: map[billing.Period]billing.PeriodPrices{billing.Months(1): {Setup: &zero, Free: &zero}, billing.Days(7): {}},
	}, {}}, Wholesale: &billing.Wholesale{}, Discounts: map[billing.Period]billing.Discounts{billing.Months(3): {}}}
	seller := billing.Seller{ID: host, Currency: usd()}
	put(t, st, billing.CatalogChange{
		Sellers: []billing.Seller{seller}, Plans: []billing.Plan{{Seller: host, ID: "p"}},
		Resources: []billing.Resource{{ID: "r"}}, Versions: []billing.PlanVersion{empty, zeros},
	})
	t.OK(view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
		gotSeller, err := rows.Seller(ctx, host)
		if err != nil {
			return err
		}
		t.Equal(gotSeller, seller, "seller")
		for _, want := range []billing.PlanVersion{empty, zeros} {
			got, err := rows.PlanVersion(ctx, host, "p", want.Version)
			if err != nil {
				return err
			}
			t.Equal(got, want, "plan version")
		}
		resources, err := rows.Resources(ctx)
		t.Equal(resources, []billing.Resource{{ID: "r"}}, "resources")
		return err
	}), "read the catalog")

	none := money.Zero(usd())
	a := billing.Account{ID: 1, Seller: host, Name: "n", Version: 1, Status: billing.Active, Balance: none}
	limited := billing.Account{ID: 2, Seller: host, Name: "m", Version: 1, Status: billing.Active, Balance: none, LastRun: none, CreditLimit: &zero}
	unnumbered := &billing.Document{Account: 1, Seq: 1, Seller: host, Kind: billing.Invoice, Net: none, Tax: none, Total: none, Recorded: now()}
	checkRows(t, st, "with empty fields", &billing.Batch{
		Accounts: []billing.Account{a, limited}, Holdings: []billing.Holding{{Account: 1, Resource: "r"}},
		Periods:   []billing.PeriodRow{{Account: 1, Seq: 1}},
		Usage:     []*billing.UsageRecord{{Account: 1, Resource: "r", Recorded: now()}},
		Documents: []*billing.Document{unnumbered},
		Entries:   []billing.Entry{{Account: 1, Seq: 1, Seller: host, Kind: billing.EntryDebit, Amount: none, Recorded: now()}},
		Keys:      []billing.Key{{KeyID: billing.KeyID{Scope: "s", Action: "a", Key: "k"}, Recorded: now()}},
	})
	t.Equal(unnumbered.Number, int64(0), "number of a document that asks for none")
	if last := load(t, st, billing.LoadQuery{IDs: []billing.AccountID{1, 2}}).States; len(last) == 2 {
		t.Equal(fmt.Sprint(last[0].Account.LastRun.Currency(), last[1].Account.LastRun.Currency()), fmt.Sprint(money.Currency{}, usd()),
			"currencies of no amount and of an amount of 0")
	}
}
