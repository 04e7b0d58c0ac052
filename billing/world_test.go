package billing_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// tb is what the fixture needs of *testing.T, *testing.F and *rapid.T.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// world is an engine on a store of its own, with a clock that the test moves.
type world struct {
	t     tb
	ctx   context.Context
	clock *tierhost.TestClock
	store billing.Store
	e     *billing.Engine
	cur   money.Currency
}

const (
	host billing.SellerID = "host"
	noon                  = 12 * time.Hour
)

// newWorld has the resources of the tests and the seller "host", in USD and UTC
// unless set says otherwise. It is noon of 1 January 2026.
func newWorld(t tb, set ...func(*billing.Seller, *billing.Options)) *world {
	t.Helper()
	return newWorldOn(t, memory.New(), set...)
}

func newWorldOn(t tb, store billing.Store, set ...func(*billing.Seller, *billing.Options)) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), store: store, clock: tierhost.NewTestClock(day("2026-01-01").Start(time.UTC).Add(noon))}
	s := billing.Seller{ID: host, Currency: iso("USD")}
	o := billing.Options{Clock: w.clock, IDs: tierhost.NewSequenceIDs()}
	for _, f := range set {
		f(&s, &o)
	}
	w.cur = s.Currency
	var err error
	if w.e, err = billing.New(w.store, o); err != nil {
		t.Fatalf("New: %v", err)
	}
	w.ok(w.e.DefineResources(w.ctx,
		billing.Resource{ID: "account"}, billing.Resource{ID: "mailbox", Unit: "mailboxes"}, billing.Resource{ID: "domain"},
		billing.Resource{ID: "slice", Step: dec("0.25")},
		billing.Resource{ID: "traffic", Kind: billing.KindMonthly, Unit: "GB"},
		billing.Resource{ID: "disk", Kind: billing.KindMonthly, Aggregate: billing.AggregateMax, Measures: "disk"},
		billing.Resource{ID: "disk_avg", Kind: billing.KindMonthly, Aggregate: billing.AggregateAverage, Measures: "disk"},
		billing.Resource{ID: "disk_last", Kind: billing.KindMonthly, Aggregate: billing.AggregateLast},
		billing.Resource{ID: "disk_p95", Kind: billing.KindMonthly, Aggregate: billing.AggregateP95},
	))
	w.ok(w.e.PutSeller(w.ctx, s))
	return w
}

func currency(code string) func(*billing.Seller, *billing.Options) {
	return func(s *billing.Seller, _ *billing.Options) { s.Currency = iso(code) }
}

func zone(name string) func(*billing.Seller, *billing.Options) {
	return func(s *billing.Seller, _ *billing.Options) { s.TimeZone = name }
}

// taxed takes "VAT 20", "city 1.5".
func taxed(taxes ...string) func(*billing.Seller, *billing.Options) {
	return func(s *billing.Seller, _ *billing.Options) {
		for _, x := range taxes {
			name, percent, _ := strings.Cut(x, " ")
			s.Taxes = append(s.Taxes, billing.Tax{Name: name, Percent: dec(percent)})
		}
	}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("unexpected error: %v", err)
	}
}

// at sets the clock to noon, UTC, of a day.
func (w *world) at(d string) *world {
	w.clock.Set(day(d).Start(time.UTC).Add(noon))
	return w
}

// terms reads a plan's terms from JSON. Double quotes may be written as single ones.
func terms(text string) billing.Terms {
	var x billing.Terms
	d := json.NewDecoder(strings.NewReader(strings.ReplaceAll(text, "'", `"`)))
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil {
		panic(fmt.Sprintf("terms %s: %v", text, err))
	}
	return x
}

// plan publishes a version of an open plan of the host.
func (w *world) plan(id billing.PlanID, text string, set ...func(*billing.Plan)) billing.PlanVersion {
	w.t.Helper()
	p := billing.Plan{Seller: host, ID: id, Open: true}
	for _, f := range set {
		f(&p)
	}
	v, err := w.e.PublishPlan(w.ctx, p, terms(text))
	if err != nil {
		w.t.Fatalf("plan %s: %v", id, err)
	}
	return v
}

// signup opens an account today.
func (w *world) signup(name string, plan billing.PlanID, set ...func(*billing.Signup)) billing.AccountID {
	w.t.Helper()
	x := billing.Signup{Seller: host, Name: name, Plan: plan}
	for _, f := range set {
		f(&x)
	}
	return w.do(x).Account.ID
}

func period(p string) func(*billing.Signup) {
	return func(x *billing.Signup) { x.Period = per(p) }
}

// promo grants percent off some kinds ("setup recurring") for a number of periods.
func promo(percent, kinds string, periods int) func(*billing.Signup) {
	return func(x *billing.Signup) {
		g := billing.PromotionGrant{Code: "P" + percent, Percent: dec(percent), Periods: periods}
		for _, k := range strings.Fields(kinds) {
			g.Kinds = append(g.Kinds, billing.EntryKind(k))
		}
		x.Promotions = append(x.Promotions, g)
	}
}

func (w *world) do(act billing.Action) billing.Result {
	w.t.Helper()
	res, err := w.e.Do(w.ctx, act)
	if err != nil {
		w.t.Fatalf("%T: %v", act, err)
	}
	return res
}

func (w *world) set(id billing.AccountID, r billing.ResourceID, q string) billing.Result {
	w.t.Helper()
	return w.do(billing.SetQuantity{Account: id, Resource: r, Quantity: dec(q)})
}

func (w *world) use(id billing.AccountID, r billing.ResourceID, q string) billing.Result {
	w.t.Helper()
	return w.do(billing.RecordUsage{Account: id, Resource: r, Amount: dec(q)})
}

// refused asserts that an action is refused with a code, by Do and by Quote, and that
// no row changes.
func (w *world) refused(act billing.Action, want error) *billing.Refusal {
	w.t.Helper()
	before := w.dump()
	_, quoteErr := w.e.Quote(w.ctx, act)
	_, err := w.e.Do(w.ctx, act)
	if !errors.Is(err, want) {
		w.t.Fatalf("%T %+v: got %v, want %v", act, act, err, want)
	}
	if !errors.Is(quoteErr, want) {
		w.t.Fatalf("%T: the quote says %v, the deed %v", act, quoteErr, err)
	}
	if after := w.dump(); after != before {
		w.t.Fatalf("%T was refused (%v) and changed rows:\n%s", act, err, diff(before, after))
	}
	if tierhost.EffectOf(err) != tierhost.EffectNone {
		w.t.Errorf("%T: a refusal has the effect %s", act, tierhost.EffectOf(err))
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		w.t.Errorf("%T: the refusal is not one line: %q", act, err)
	}
	r, _ := errors.AsType[*billing.Refusal](err)
	return r
}

// run is the nightly run of a day, at noon of it; nothing may be parked.
func (w *world) run(d string) billing.RunReport {
	w.t.Helper()
	w.at(d)
	r, err := w.e.Run(w.ctx, day(d), billing.RunOptions{})
	if err != nil {
		w.t.Fatalf("run of %s: %v", d, err)
	}
	if len(r.Parked) > 0 {
		w.t.Fatalf("run of %s parked %+v", d, r.Parked)
	}
	return r
}

func (w *world) account(id billing.AccountID) billing.Account {
	w.t.Helper()
	a, err := w.e.Account(w.ctx, id)
	w.ok(err)
	return a
}

func (w *world) balance(id billing.AccountID) string { return w.account(id).Balance.Digits() }

// all collects a listing.
func all[T any](w *world, seq func(yield func(T, error) bool)) []T {
	w.t.Helper()
	var list []T
	for v, err := range seq {
		if err != nil {
			w.t.Fatalf("listing: %v", err)
		}
		list = append(list, v)
	}
	return list
}

func (w *world) entries(id billing.AccountID) []billing.Entry {
	w.t.Helper()
	return all(w, w.e.Entries(w.ctx, billing.EntryQuery{Account: id}))
}

// book is an account's ledger as lines.
func (w *world) book(id billing.AccountID) []string {
	w.t.Helper()
	return lines(w.entries(id))
}

// line is an entry in short: date kind resource quantity from/to amount.
func line(e billing.Entry) string {
	s := e.Date.String() + " " + string(e.Kind)
	if e.Resource != "" {
		s += " " + string(e.Resource)
	}
	if !e.From.IsZero() {
		s += fmt.Sprintf(" %s %s/%s", e.Quantity, e.From, e.To)
	}
	return s + " " + e.Amount.Digits()
}

func lines(entries []billing.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, line(e))
	}
	return out
}

// made asserts what entries an action or account has.
func (w *world) made(got []billing.Entry, want ...string) {
	w.t.Helper()
	if g := lines(got); !slices.Equal(g, want) {
		w.t.Errorf("entries:\n  %s\nwant:\n  %s", strings.Join(g, "\n  "), strings.Join(want, "\n  "))
	}
}

func (w *world) wantBalance(id billing.AccountID, want string) {
	w.t.Helper()
	if got := w.balance(id); got != want {
		w.t.Errorf("balance of account %d is %s, want %s", id, got, want)
	}
}

// dump is every row of the store as text.
func (w *world) dump() string {
	w.t.Helper()
	var b strings.Builder
	put := func(v any) {
		text, err := json.Marshal(v)
		w.ok(err)
		b.Write(text)
		b.WriteByte('\n')
	}
	for _, s := range all(w, w.e.Sellers(w.ctx)) {
		put(s)
		for _, p := range all(w, w.e.Plans(w.ctx, s.ID)) {
			put(p)
			for n := 1; n <= p.Latest; n++ {
				v, err := w.e.PlanVersion(w.ctx, s.ID, p.ID, n)
				w.ok(err)
				put(v)
			}
		}
	}
	for _, a := range all(w, w.e.Accounts(w.ctx, billing.AccountQuery{})) {
		put(a)
		holdings, err := w.e.Holdings(w.ctx, a.ID)
		w.ok(err)
		put(holdings)
		put(all(w, w.e.Periods(w.ctx, a.ID)))
		put(all(w, w.e.Usage(w.ctx, a.ID)))
	}
	for _, d := range all(w, w.e.Documents(w.ctx, billing.DocumentQuery{})) {
		put(d)
	}
	for _, e := range all(w, w.e.Entries(w.ctx, billing.EntryQuery{})) {
		put(e)
	}
	put(w.pending())
	return b.String()
}

func (w *world) pending() (n int64) {
	w.t.Helper()
	w.ok(w.store.View(w.ctx, func(ctx context.Context, tx storage.Tx) error {
		ob, err := w.store.Outbox(tx)
		if err != nil {
			return err
		}
		n, err = ob.Pending(ctx)
		return err
	}))
	return n
}

// events drains the outbox.
func (w *world) events() []billing.EventData {
	w.t.Helper()
	var list []billing.EventData
	_, err := storage.Drain(w.ctx, w.store, func(_ context.Context, e storage.Event) error {
		d, err := billing.DecodeEvent(e)
		list = append(list, d)
		return err
	}, storage.DrainOptions{Clock: w.clock})
	w.ok(err)
	return list
}

// verified asserts that nothing is wrong with the books.
func (w *world) verified() {
	w.t.Helper()
	for f, err := range w.e.Verify(w.ctx, billing.VerifyOptions{}) {
		w.ok(err)
		w.t.Errorf("%s", f)
	}
}

// diff is the lines in which two texts differ.
func diff(before, after string) string {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	var out []string
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, "- "+x)
		}
	}
	for _, x := range b {
		if !slices.Contains(a, x) {
			out = append(out, "+ "+x)
		}
	}
	return strings.Join(out, "\n")
}

func day(s string) billing.Date {
	d, err := billing.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func per(s string) billing.Period {
	p, err := billing.ParsePeriod(s)
	if err != nil {
		panic(err)
	}
	return p
}

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

func ref[T any](v T) *T { return &v }

func iso(code string) money.Currency {
	c, err := money.ISO(code)
	if err != nil {
		panic(err)
	}
	return c
}

func (w *world) money(s string) money.Money {
	m, err := money.Parse(s, w.cur)
	if err != nil {
		panic(err)
	}
	return m
}

func usd(s string) money.Money { return (&world{cur: iso("USD")}).money(s) }

// on dates a request.
func on(d string) billing.Request { return billing.Request{On: day(d)} }

// by names the role of who acts.
func by(r billing.Role) billing.Request { return billing.Request{By: billing.Actor{Role: r}} }

// keyed gives a request an idempotency key.
func keyed(k string) billing.Request { return billing.Request{Key: k} }

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if got := tierhost.CodeOf(err); got != code {
		t.Errorf("got the code %q (%v), want %q", got, err, code)
	}
}
