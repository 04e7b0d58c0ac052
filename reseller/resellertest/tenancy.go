package resellertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// tenancyRules are about sellers that must not see each other.
func tenancyRules() []Rule {
	return []Rule{
		{
			ID: "TENANCY-1", Name: "no row of another seller",
			Text: "Every read that has the scope of a seller, of reseller.Rows and of billing.Rows, answers as if no other seller were there.",
			Why:  "One reseller that sees a customer of another has lost all of them.",
			Check: func(t *conformance.T, h Harness) {
				for what, missing := range map[string][]string{
					"reseller.Rows": mismatch(reflect.TypeFor[reseller.Rows](), resellerReads()),
					"billing.Rows":  mismatch(reflect.TypeFor[billing.Rows](), billingReads()),
				} {
					for _, m := range missing {
						t.Errorf("%s: %s", what, m)
					}
				}
				if t.Recording() { // no shrinking, and no files of failed cases
					for seed := range 40 {
						if diff := isolated(t.Test(), h, tenancies().Example(seed)); diff != "" {
							t.Errorf("%s", diff)
							return
						}
					}
					return
				}
				rapid.Check(t, func(rt *rapid.T) {
					if diff := isolated(t.Test(), h, tenancies().Draw(rt, "tenancy")); diff != "" {
						rt.Fatalf("%s", diff)
					}
				})
			},
		},
	}
}

// tenants are the sellers of the rule; nobody is asked about base, whose accounts are
// customers of all.
func tenants() []billing.SellerID { return []billing.SellerID{"acme", "Acme", "acme2", "é"} }

const base billing.SellerID = "base"

// tenancy is rows of several sellers, and what is asked about one of them.
type tenancy struct {
	Facts     []fact
	Questions []question
}

// fact is a row of a seller. Its values are from a small space, so that sellers have
// rows that differ in nothing but the seller.
type fact struct {
	Kind     string
	Seller   int
	Account  billing.AccountID // 1 to 3
	Resource billing.ResourceID
	Day      int
	Minor    int64
}

// question is what one seller asks.
type question struct {
	Seller       int
	Account      billing.AccountID // 1 to 3
	Resource     billing.ResourceID
	Since, Until int // -1: none
	After        int
	Limit        int
	Filter       bool
}

func (q question) seller() billing.SellerID { return tenants()[q.Seller] }

// own is one of the seller's own customers.
func (q question) own() billing.AccountID { return customer(q.Seller, q.Account) }

func customer(seller int, n billing.AccountID) billing.AccountID {
	return billing.AccountID(10*(seller+1)) + n
}

func (q question) between() (since, until billing.Date) {
	if q.Since >= 0 {
		since = day(q.Since)
	}
	if q.Until >= 0 {
		until = day(q.Until)
	}
	return since, until
}

func tenancies() *rapid.Generator[tenancy] {
	seller := rapid.IntRange(0, len(tenants())-1)
	account := rapid.Custom(func(t *rapid.T) billing.AccountID { return billing.AccountID(rapid.IntRange(1, 3).Draw(t, "n")) })
	resource := rapid.SampledFrom([]billing.ResourceID{"a", "A", "b"})
	facts := rapid.Custom(func(t *rapid.T) fact {
		return fact{
			Kind: rapid.SampledFrom([]string{
				"wholesale", "wholesale", "stock", "books", "shadow", "shadow", "shadow", "bill", "bill",
				"plan", "entry", "entry", "document", "period", "usage", "holding",
			}).Draw(t, "kind"),
			Seller: seller.Draw(t, "seller"), Account: account.Draw(t, "account"), Resource: resource.Draw(t, "resource"),
			Day: rapid.IntRange(0, 3).Draw(t, "day"), Minor: rapid.Int64Range(-1000, 1000).Draw(t, "minor"),
		}
	})
	questions := rapid.Custom(func(t *rapid.T) question {
		return question{
			Seller: seller.Draw(t, "seller"), Account: account.Draw(t, "account"), Resource: resource.Draw(t, "resource"),
			Since: rapid.IntRange(-1, 3).Draw(t, "since"), Until: rapid.IntRange(-1, 3).Draw(t, "until"),
			After: rapid.IntRange(-1, 3).Draw(t, "after"), Limit: rapid.SampledFrom([]int{1, 3, 100}).Draw(t, "limit"), Filter: rapid.Bool().Draw(t, "filter"),
		}
	})
	return rapid.Custom(func(t *rapid.T) tenancy {
		return tenancy{rapid.SliceOfN(facts, 10, 60).Draw(t, "facts"), rapid.SliceOfN(questions, 1, 6).Draw(t, "questions")}
	})
}

// isolated asks a store with the rows of all sellers, and the reference with those of
// the one that asks alone, and returns where they differ.
func isolated(t *testing.T, h Harness, x tenancy) (diff string) {
	// A subtest, so that what the harness opened is closed each time.
	t.Run("tenancy", func(t *testing.T) {
		diff = x.compare(t.Context(), h.New(t))
	})
	return diff
}

func (x tenancy) compare(ctx context.Context, st reseller.Store) string {
	if err := x.fill(ctx, st, -1); err != nil {
		return err.Error()
	}
	for _, q := range x.Questions {
		alone := memory.New()
		if err := x.fill(ctx, alone, q.Seller); err != nil {
			return err.Error()
		}
		for _, name := range slices.Sorted(maps.Keys(resellerReads())) {
			look := resellerReads()[name].look
			if look == nil {
				continue
			}
			ask := func(st reseller.Store) (any, error) {
				var got any
				err := update(ctx, st, func(ctx context.Context, rows reseller.Rows) (err error) {
					if got, err = look(ctx, rows, q); err == nil {
						err = errRefused // what Lock has made is not to stay
					}
					return err
				})
				return got, err
			}
			if diff := differ("reseller.Rows."+name, q, ask, st, alone); diff != "" {
				return diff
			}
		}
		for _, name := range slices.Sorted(maps.Keys(billingReads())) {
			look := billingReads()[name].look
			if look == nil {
				continue
			}
			ask := func(st reseller.Store) (got any, err error) {
				err = st.View(ctx, within(st, func(ctx context.Context, books billing.Rows, _ reseller.Rows) (err error) {
					got, err = look(ctx, books, q)
					return err
				}))
				return got, err
			}
			if diff := differ("billing.Rows."+name, q, ask, st, alone); diff != "" {
				return diff
			}
		}
	}
	return ""
}

// differ asks both stores.
func differ(name string, q question, ask func(reseller.Store) (any, error), all, alone reseller.Store) string {
	text := func(st reseller.Store) (any, string) {
		got, err := ask(st)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return nil, "not found"
		case err != nil && !errors.Is(err, errRefused):
			return nil, err.Error()
		}
		return got, conformance.Text(got)
	}
	rows, got := text(all)
	_, want := text(alone)
	if got != want {
		return fmt.Sprintf("%s of %q, asked %s:\n got %s\nwant %s, as in a store without other sellers", name, q.seller(), conformance.Text(q), got, want)
	}
	if s := stranger(reflect.ValueOf(rows), q.seller()); s != "" {
		return fmt.Sprintf("%s of %q, asked %s, returns a row of %q: %s", name, q.seller(), conformance.Text(q), s, got)
	}
	return ""
}

// stranger finds a field Seller of another seller.
func stranger(v reflect.Value, seller billing.SellerID) billing.SellerID {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return stranger(v.Elem(), seller)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if s := stranger(v.Index(i), seller); s != "" {
				return s
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			if id, ok := v.Field(i).Interface().(billing.SellerID); ok && field.Name == "Seller" && id != seller {
				return id
			}
			if s := stranger(v.Field(i), seller); s != "" {
				return s
			}
		}
	}
	return ""
}

// reading is a method of an interface R of rows: how one seller's question is put to
// it, or why it has no scope of a seller.
type reading[R any] struct {
	look func(ctx context.Context, rows R, q question) (any, error)
	why  string
}

// mismatch returns which methods of an interface are not in the table, and what else is.
func mismatch[R any](typ reflect.Type, table map[string]reading[R]) (out []string) {
	for i := range typ.NumMethod() {
		name := typ.Method(i).Name
		if r, ok := table[name]; !ok {
			out = append(out, "the method "+name+" is not in the table of the rule TENANCY-1: add how it is asked about one seller, or why it is not")
		} else if (r.look == nil) == (r.why == "") {
			out = append(out, name+" needs either a look or a reason in the table of the rule TENANCY-1")
		}
	}
	for name := range table {
		if _, ok := typ.MethodByName(name); !ok {
			out = append(out, "there is no method "+name+", which is in the table of the rule TENANCY-1")
		}
	}
	slices.Sort(out)
	return out
}

// resellerReads is the table for reseller.Rows.
func resellerReads() map[string]reading[reseller.Rows] {
	type rows = reseller.Rows
	return map[string]reading[rows]{
		"Write":     {why: "it writes"},
		"Transfer":  {why: "it is of an account, which the caller has looked up at its seller"},
		"Transfers": {why: "it is the run's, over all sellers"},
		"OpenDays":  {why: "it is the day close's, over all sellers"},
		"Load": {look: func(ctx context.Context, r rows, q question) (any, error) {
			// An account's holdings are those at every seller above, which is what is asked for.
			loaded, err := r.Load(ctx, reseller.LoadQuery{Accounts: []billing.AccountID{q.Account}, Sellers: []billing.SellerID{q.seller()}, Lock: q.Filter})
			loaded.Holdings = keep(loaded.Holdings, func(h reseller.Holding) bool { return h.Seller == q.seller() || h.Account != q.Account })
			return loaded, err
		}},
		"Lock": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.Lock(ctx, []reseller.StockKey{{Seller: q.seller(), Resource: q.Resource}, {Seller: q.seller(), Resource: "new"}})
		}},
		"Shadows": {look: func(ctx context.Context, r rows, q question) (any, error) {
			s := reseller.ShadowQuery{Seller: q.seller()}
			s.Since, s.Until = q.between()
			if q.Filter {
				s.Account = q.Account
			}
			if q.Limit == 3 {
				s.Resource = q.Resource
			}
			var after reseller.ShadowID
			if q.After >= 0 {
				after.Day = day(q.After)
			}
			page, err := r.Shadows(ctx, s, after, q.Limit)
			for i := range page {
				page[i].Seq = 0 // drawn by all sellers together
			}
			return page, err
		}},
		"Holdings": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.Holdings(ctx, q.seller(), billing.AccountID(max(q.After, 0)), q.Resource, q.Limit)
		}},
		"Stocks": {look: func(ctx context.Context, r rows, q question) (any, error) { return r.Stocks(ctx, q.seller()) }},
		"Books":  {look: func(ctx context.Context, r rows, q question) (any, error) { return r.Books(ctx, q.seller()) }},
		"Bills": {look: func(ctx context.Context, r rows, q question) (any, error) {
			b := reseller.BillQuery{Seller: q.seller()}
			b.Since, b.Until = q.between()
			var after billing.Date
			if q.After >= 0 {
				after = day(q.After)
			}
			return r.Bills(ctx, b, after, q.Resource, q.Limit)
		}},
		"Sums": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.Sums(ctx, q.seller(), day(max(q.After, 0)))
		}},
	}
}

// billingReads is the table for billing.Rows.
func billingReads() map[string]reading[billing.Rows] {
	type rows = billing.Rows
	ids := func(q question) []billing.AccountID { return []billing.AccountID{q.own()} }
	return map[string]reading[rows]{
		"PutCatalog": {why: "it writes"},
		"Write":      {why: "it writes"},
		"Revision":   {why: "the catalog has one revision"},
		"Resources":  {why: "all sellers sell the same resources"},
		"Sellers":    {why: "it lists the sellers"},
		"Seller": {look: func(ctx context.Context, r rows, q question) (any, error) {
			s, err := r.Seller(ctx, q.seller())
			return s, err
		}},
		"Plan": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.Plan(ctx, q.seller(), billing.PlanID(q.Resource))
		}},
		"Plans": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.Plans(ctx, q.seller(), billing.PlanID(q.Resource[:max(q.After, 0)%2]), q.Limit)
		}},
		"PlanVersion": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.PlanVersion(ctx, q.seller(), billing.PlanID(q.Resource), 1)
		}},
		"Load": {look: func(ctx context.Context, r rows, q question) (any, error) {
			loaded, err := r.Load(ctx, billing.LoadQuery{
				IDs: ids(q), Usage: true, UsageResource: q.Resource, UsageKey: "key", Seller: q.seller(), Name: fmt.Sprint("customer ", q.Account),
				Above: billing.AboveRead, Key: billing.KeyID{Scope: "seller/" + string(q.seller()), Action: "signup", Key: "key"},
			})
			loaded.Revision = 0
			for i := range loaded.States {
				unnumbered(loaded.States[i].Usage)
			}
			if loaded.Keyed != nil {
				loaded.Keyed.Seq = 0
			}
			return loaded, err
		}},
		"Due": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.Due(ctx, billing.DueQuery{Day: day(max(q.Until, 0)), Sellers: []billing.SellerID{q.seller()}}, q.own()-2, q.Limit)
		}},
		"Accounts": {look: func(ctx context.Context, r rows, q question) (any, error) {
			a := billing.AccountQuery{Seller: q.seller(), Open: q.Filter}
			if q.Since > 0 {
				a.Plan = billing.PlanID(q.Resource)
			}
			return r.Accounts(ctx, a, billing.AccountID(10*max(q.After, 0)), q.Limit)
		}},
		"Holdings": {look: func(ctx context.Context, r rows, q question) (any, error) { return r.Holdings(ctx, ids(q)) }},
		"Entries": {look: func(ctx context.Context, r rows, q question) (any, error) {
			e := billing.EntryQuery{Seller: q.seller()}
			e.Since, e.Until = q.between()
			if q.Filter {
				e.Account = q.own()
			}
			if q.Limit == 3 {
				e.Resource = q.Resource
			}
			return r.Entries(ctx, e, billing.EntryID{Account: billing.AccountID(10 * max(q.After, 0))}, q.Limit)
		}},
		"EntriesByID": {why: "it is of entries that the caller has found at their seller"},
		"Documents": {look: func(ctx context.Context, r rows, q question) (any, error) {
			d := billing.DocumentQuery{Seller: q.seller()}
			d.Since, d.Until = q.between()
			if q.Filter {
				d.Account = q.own()
			}
			return r.Documents(ctx, d, billing.DocumentID{Account: billing.AccountID(10 * max(q.After, 0))}, q.Limit)
		}},
		"Series": {look: func(ctx context.Context, r rows, q question) (any, error) {
			return r.Series(ctx, q.seller(), billing.Invoice, int64(max(q.After, 0)), q.Limit)
		}},
		"Periods": {look: func(ctx context.Context, r rows, q question) (any, error) { return r.Periods(ctx, q.own(), 0, q.Limit) }},
		"Usage": {look: func(ctx context.Context, r rows, q question) (any, error) {
			page, err := r.Usage(ctx, q.own(), 0, q.Limit)
			return unnumbered(page), err
		}},
		"Sum": {look: func(ctx context.Context, r rows, q question) (any, error) {
			_, until := q.between()
			return r.Sum(ctx, q.own(), until)
		}},
	}
}

// unnumbered takes the numbers of usage records away, which stores may choose.
func unnumbered(list []billing.UsageRecord) []billing.UsageRecord {
	for i := range list {
		list[i].Seq = 0
	}
	return list
}

// fill writes the facts of one seller, or of all with -1.
func (x tenancy) fill(ctx context.Context, st reseller.Store, only int) error {
	c, b, r := x.rows(only)
	return st.Update(ctx, within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
		return errors.Join(books.PutCatalog(ctx, c), books.Write(ctx, b), rows.Write(ctx, r))
	}))
}

func (x tenancy) rows(only int) (billing.CatalogChange, *billing.Batch, *reseller.Batch) {
	c, b, r := billing.CatalogChange{Sellers: []billing.Seller{{ID: base, Currency: usd()}}}, &billing.Batch{}, &reseller.Batch{}
	for n := range billing.AccountID(3) {
		b.Accounts = append(b.Accounts, account(n+1, base))
	}
	for i, id := range tenants() {
		if only >= 0 && only != i {
			continue
		}
		c.Sellers = append(c.Sellers, billing.Seller{ID: id, Name: "reseller " + string(id), Parent: base, Double: 1, Currency: usd()})
		for n := range billing.AccountID(3) {
			a := account(customer(i, n+1), id)
			a.Name, a.Next, a.Above = fmt.Sprint("customer ", n+1), day(int(n)), []billing.AccountID{}
			a.Plan = billing.PlanID([]string{"a", "A", "b"}[n])
			b.Accounts = append(b.Accounts, a)
		}
		b.Keys = append(b.Keys, billing.Key{
			KeyID: billing.KeyID{Scope: "seller/" + string(id), Action: "signup", Key: "key"}, Account: customer(i, 1), Fingerprint: []byte{byte(i)}, Recorded: now(),
		})
	}
	seen := map[string]bool{}
	for i, f := range x.Facts {
		if only >= 0 && f.Seller != only {
			continue
		}
		f.add(int64(i+1), seen, &c, b, r)
	}
	return c, b, r
}

// add adds the fact's row, unless there is one already where there can be one only. Its
// number tells it from all others.
func (f fact) add(number int64, seen map[string]bool, c *billing.CatalogChange, b *billing.Batch, r *reseller.Batch) {
	seller, own := tenants()[f.Seller], customer(f.Seller, f.Account)
	units, amount := decimal.New(number, 0), money.FromMinor(f.Minor, usd())
	first := func(key ...any) bool {
		k := fmt.Sprint(f.Kind, seller, key)
		was := seen[k]
		seen[k] = true
		return !was
	}
	switch f.Kind {
	case "wholesale":
		if first(f.Account, f.Resource) {
			r.Holdings = append(r.Holdings, reseller.Holding{Seller: seller, Account: f.Account, Resource: f.Resource, Pooled: units})
		}
	case "stock":
		if first(f.Resource) {
			r.Stocks = append(r.Stocks, reseller.Stock{Seller: seller, Resource: f.Resource, Pooled: units})
		}
	case "books":
		if first() {
			r.Books = append(r.Books, reseller.Books{Seller: seller, Through: day(f.Day)})
		}
	case "shadow":
		s := shadow(seller, f.Account, f.Day, f.Minor)
		s.Amount, s.Resource, s.Entry = amount, f.Resource, number
		r.Shadows = append(r.Shadows, s)
	case "bill":
		if first(f.Day, f.Resource) {
			x := bill(seller, f.Day, f.Resource, f.Minor)
			x.Amount, x.Entry = amount, number
			r.Bills = append(r.Bills, x)
		}
	case "plan":
		if id := billing.PlanID(f.Resource); first(id) {
			c.Plans = append(c.Plans, billing.Plan{Seller: seller, ID: id, Name: fmt.Sprint("plan ", number), Latest: 1})
			c.Versions = append(c.Versions, billing.PlanVersion{Seller: seller, Plan: id, Version: 1, Published: now(), Terms: billing.Terms{MoneyBackDays: int(number)}})
		}
	case "entry":
		e := entry(own, number)
		e.Seller, e.Date, e.Resource, e.Amount = seller, day(f.Day), f.Resource, amount
		b.Entries = append(b.Entries, e)
	case "document":
		b.Documents = append(b.Documents, &billing.Document{
			Account: own, Seq: number, Seller: seller, Kind: billing.Invoice, Date: day(f.Day), Issued: day(f.Day),
			Net: amount, Tax: usdOf(0), Total: amount, Numbered: true, Recorded: now(),
		})
	case "period":
		b.Periods = append(b.Periods, billing.PeriodRow{Account: own, Seq: number, From: day(f.Day), To: day(f.Day + 31), Period: billing.Months(1), Plan: "a", PlanVersion: 1, Opened: billing.OpenedRenewal})
	case "usage":
		u := &billing.UsageRecord{Account: own, Resource: f.Resource, Day: day(f.Day), Amount: units, Recorded: now()}
		if first(own, f.Resource) {
			u.Key = "key"
		}
		b.Usage = append(b.Usage, u)
	case "holding":
		if first(own, f.Resource) {
			b.Holdings = append(b.Holdings, billing.Holding{Account: own, Resource: f.Resource, Quantity: units})
		}
	}
}
