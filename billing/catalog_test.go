package billing_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// faults lists an error's issues as "path code".
func faults(err error) []string {
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	if !ok {
		return nil
	}
	var list []string
	for _, is := range inv.Issues {
		list = append(list, is.Path+" "+is.Code)
	}
	slices.Sort(list)
	return list
}

func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := faults(err); !slices.Equal(got, want) {
		t.Errorf("faults:\n  %s\nwant:\n  %s\n(%v)", strings.Join(got, "\n  "), strings.Join(want, "\n  "), err)
	}
}

// Every fault of a plan is reported at once, with its path.
func TestFaultsOfPlans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.e.PublishPlan(w.ctx, billing.Plan{Seller: host, Access: "club", Group: strings.Repeat("g", 201), From: []billing.PlanID{"none"}}, billing.Terms{
		Periods:       []billing.Period{per("1m"), per("7d"), {}, per("1m")},
		Discounts:     map[billing.Period]billing.Discounts{per("3m"): {Setup: dec("-1"), Recurring: dec("100.01"), Usage: dec("1000")}},
		RefundPercent: ref(dec("101")),
		MoneyBackDays: -1,
		Trial:         billing.Trial{Days: 3661},
		CreditLimit:   dec("-1"),
		Resources: []billing.Line{
			{Resource: "none"},
			{Resource: "mailbox", Free: dec("5"), AtSignup: dec("6.5"), Max: ref(dec("4")), Rollup: true,
				Prices:       billing.Prices{Setup: ref(dec("-1")), Recurring: ref(dec("0.0000000000000000001")), Usage: ref(dec("1"))},
				PeriodPrices: map[billing.Period]billing.PeriodPrices{per("7d"): {Setup: ref(dec("1")), Free: ref(dec("9"))}, per("12m"): {Recurring: ref(dec("-1"))}}},
			{Resource: "mailbox", Free: dec("-1"), AtSignup: dec("-1"), Max: ref(dec("-2"))},
			{Resource: "disk", Prices: billing.Prices{Usage: ref(dec("1"))}, PeriodPrices: map[billing.Period]billing.PeriodPrices{per("7d"): {Usage: ref(dec("1"))}}},
			{Resource: "disk_avg", PeriodPrices: map[billing.Period]billing.PeriodPrices{per("1m"): {Usage: ref(dec("1"))}}},
			{Resource: "traffic", Rollup: true},
		},
		Wholesale: &billing.Wholesale{
			RefundPercent: ref(dec("-1")),
			Discounts:     map[billing.Period]billing.Discounts{per("3m"): {Usage: dec("101")}},
			Resources:     []billing.Line{{Resource: "none"}, {Resource: "traffic"}, {Resource: "mailbox", Free: dec("-1")}, {Resource: "mailbox", Prices: billing.Prices{Setup: ref(dec("-1"))}}},
		},
	})
	wantFaults(t, err,
		"id missing", "group too_long", "access kind", "from[0] unknown",
		"periods[2] missing", "periods[3] duplicate",
		"discounts.3m period_not_listed", "discounts.3m.setup percent", "discounts.3m.recurring percent", "discounts.3m.usage percent",
		"refund_percent percent", "money_back_days negative", "trial.days negative", "credit_limit negative",
		"resources[0].id unknown",
		"resources[1].prices.setup negative", "resources[1].prices.recurring too_long", "resources[1].period_prices.12m period_not_listed",
		"resources[1].period_prices.12m.recurring negative", "resources[1].period_prices.7d.recurring no_day_price", "resources[1].period_prices.7d.usage no_day_price",
		"resources[1].at_signup not_a_step", "resources[1].max max_below_free", "resources[1].max max_below_signup", "resources[1].max max_below_free",
		"resources[1].rollup rollup_kind",
		"resources[2].id duplicate", "resources[2].free negative", "resources[2].at_signup negative", "resources[2].max negative", "resources[2].max max_below_free", "resources[2].max max_below_signup",
		"resources[4].prices charged_twice",
		"wholesale.refund_percent percent", "wholesale.discounts.3m.usage percent",
		"wholesale.resources[0].id unknown", "wholesale.resources[1].id rollup_listed", "wholesale.resources[2].free negative",
		"wholesale.resources[3].id duplicate", "wholesale.resources[3].prices.setup negative")
	if _, err := w.e.Plan(w.ctx, host, ""); !errors.Is(err, billing.ErrUnknownPlan) {
		t.Errorf("a faulty plan is there: %v", err)
	}
	_, err = w.e.PublishPlan(w.ctx, billing.Plan{Seller: host, ID: "p", Access: billing.AccessFrom}, billing.Terms{})
	wantFaults(t, err, "from missing")
	if err := terms(`{'resources':[{'id':'disk','prices':{'usage':'1'}},{'id':'disk_avg','prices':{'usage':'0'}}]}`).Validate(must(w.e.Resources(w.ctx))); err != nil {
		t.Errorf("two schemes of which one is free: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestFaultsOfResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := must(w.e.Resources(w.ctx))
	err := w.e.DefineResources(w.ctx,
		billing.Resource{},
		billing.Resource{ID: "x", Aggregate: billing.AggregateMax},
		billing.Resource{ID: "x", Kind: "yearly"},
		billing.Resource{ID: "y", Kind: billing.KindMonthly, Aggregate: "median", Step: dec("-1")},
		billing.Resource{ID: "z\n", Step: dec("0.0000000000001"), Unit: strings.Repeat("u", 201), Measures: "\x00"},
	)
	wantFaults(t, err, "resources[0].id missing", "resources[1].aggregate kind", "resources[2].id duplicate", "resources[2].kind kind",
		"resources[3].aggregate kind", "resources[3].step negative", "resources[4].id kind", "resources[4].step too_long", "resources[4].unit too_long", "resources[4].measures kind")
	if after := must(w.e.Resources(w.ctx)); len(after) != len(before) {
		t.Errorf("%d resources were defined", len(after)-len(before))
	}
}

// A resource means the same for ever: the same again is passed over, anything else
// refused, and then none of the others is added.
func TestResourcesAreDefinedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ok(w.e.DefineResources(w.ctx, billing.Resource{ID: "mailbox"}, billing.Resource{ID: "mailbox2"}))
	w.ok(w.e.DefineResources(w.ctx, billing.Resource{ID: "mailbox", Kind: billing.KindPeriod, Step: dec("1.0")})) // the defaults, spelled out
	for _, r := range []billing.Resource{
		{ID: "mailbox", Kind: billing.KindMonthly}, {ID: "mailbox", Step: dec("2")}, {ID: "mailbox", Measures: "disk"},
		{ID: "disk", Kind: billing.KindMonthly, Aggregate: billing.AggregateLast, Measures: "disk"},
	} {
		err := w.e.DefineResources(w.ctx, billing.Resource{ID: "fresh"}, r)
		if !errors.Is(err, billing.ErrResourceDefined) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, r := range must(w.e.Resources(w.ctx)) {
		if r.ID == "fresh" {
			t.Error("a resource was added beside one that was refused")
		}
		if r.Step.IsZero() || r.Kind == "" || (r.Aggregate == "") != (r.Kind == billing.KindPeriod) {
			t.Errorf("without its defaults: %+v", r)
		}
	}
}

func TestSellersKeepWhatBooksAreKeptIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := w.e.Seller(w.ctx, host)
	w.ok(err)
	for name, change := range map[string]func(*billing.Seller){
		"currency":  func(s *billing.Seller) { s.Currency = iso("EUR") },
		"rounding":  func(s *billing.Seller) { s.Rounding = money.HalfEven },
		"time zone": func(s *billing.Seller) { s.TimeZone = "Europe/Berlin" },
	} {
		x := s
		change(&x)
		if err := w.e.PutSeller(w.ctx, x); !errors.Is(err, billing.ErrSellerFixed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Name, s.Taxes = "Host & Co", []billing.Tax{{Name: "VAT", Percent: dec("20")}}
	w.ok(w.e.PutSeller(w.ctx, s))
	if got := must(w.e.Seller(w.ctx, host)); got.Name != s.Name || len(got.Taxes) != 1 || got.Currency != iso("USD") {
		t.Errorf("the seller is %+v", got)
	}
	err = w.e.PutSeller(w.ctx, billing.Seller{ID: "x", Rounding: 200, TimeZone: "Mars/Olympus", Name: "\n",
		Taxes: []billing.Tax{{Name: "a", Percent: dec("101")}, {Name: "a", Percent: dec("-1")}, {}}})
	wantFaults(t, err, "name kind", "currency unknown", "rounding kind", "time_zone unknown", "taxes[0].percent percent",
		"taxes[1].name duplicate", "taxes[1].percent percent", "taxes[2].name missing")
}

// A new plan is not open, the switch keeps everything else, and versions stay as they
// were published.
func TestPlansAndTheirVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := terms(`{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'5'}}]}`)
	v, err := w.e.PublishPlan(w.ctx, billing.Plan{Seller: host, ID: "p", Name: "Plan", Latest: 7}, first)
	w.ok(err)
	if v.Version != 1 || !v.Published.Equal(w.clock.Now()) {
		t.Errorf("version %d of %s", v.Version, v.Published)
	}
	w.refused(billing.Signup{Seller: host, Name: "a", Plan: "p"}, billing.ErrPlanNotOpen)
	w.ok(w.e.PutPlan(w.ctx, billing.Plan{Seller: host, ID: "p", Name: "Plan", Open: true, Latest: 9}))
	old := w.signup("a", "p")
	v = w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'6'}}]}`)
	if p := must(w.e.Plan(w.ctx, host, "p")); v.Version != 2 || p.Latest != 2 {
		t.Errorf("version %d, the newest is %d", v.Version, p.Latest)
	}
	// What the host does to its copies changes nothing that is published.
	first.Resources[0].Prices.Recurring = ref(dec("99"))
	if got := must(w.e.PlanVersion(w.ctx, host, "p", 1)); got.Terms.Resources[0].Prices.Recurring.String() != "5" {
		t.Errorf("version 1 now costs %s", got.Terms.Resources[0].Prices.Recurring)
	}
	w.at("2026-01-02")
	fresh := w.signup("b", "p")
	w.run("2026-03-03")
	if a, b := w.account(old), w.account(fresh); a.PlanVersion != 1 || b.PlanVersion != 2 {
		t.Errorf("the accounts are on versions %d and %d", a.PlanVersion, b.PlanVersion)
	}
	w.wantBalance(old, "-15.00")
	w.wantBalance(fresh, "-18.00")
	// Row 7 of the spec's invariants: the price of the time, also for what is bought late.
	w.ok(w.e.PutPlan(w.ctx, billing.Plan{Seller: host, ID: "p", Name: "Plan"}))
	w.refused(billing.Signup{Seller: host, Name: "c", Plan: "p"}, billing.ErrPlanNotOpen)
	if r := w.run("2026-04-02"); r.Billed != 2 {
		t.Errorf("after the switch was turned off %d were billed", r.Billed)
	}
}

// Access and groups bind customers; staff may choose any plan.
func TestWhoMayChooseAPlan(t *testing.T) {
	t.Parallel()
	const text = `{'resources':[{'id':'account','at_signup':'1'}]}`
	for _, c := range []struct {
		role     billing.Role
		plan     billing.PlanID
		existing bool
		signup   error
		change   error // from "web"
	}{
		{billing.RoleCustomer, "web2", false, nil, nil},
		{billing.RoleCustomer, "mail", false, nil, billing.ErrPlanGroup},
		{billing.RoleCustomer, "staff", true, billing.ErrPlanRestricted, billing.ErrPlanRestricted},
		{billing.RoleCustomer, "loyal", false, billing.ErrPlanRestricted, nil},
		{billing.RoleCustomer, "loyal", true, nil, nil},
		{billing.RoleCustomer, "mailers", true, billing.ErrPlanRestricted, billing.ErrPlanRestricted},
		{billing.RoleHost, "mail", false, nil, nil},
		{billing.RoleHost, "staff", false, nil, nil},
		{billing.RoleHost, "mailers", false, nil, nil},
		{billing.RoleSeller, "staff", false, nil, nil},
		{billing.RoleSeller, "mail", false, nil, nil},
	} {
		t.Run(fmt.Sprintf("%s %s %t", c.role, c.plan, c.existing), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.plan("web", text)
			w.plan("web2", text)
			w.plan("mail", text, func(p *billing.Plan) { p.Group = "mail" })
			w.plan("staff", text, func(p *billing.Plan) { p.Access = billing.AccessStaff })
			w.plan("loyal", text, func(p *billing.Plan) { p.Access, p.From = billing.AccessFrom, []billing.PlanID{"web"} })
			w.plan("mailers", text, func(p *billing.Plan) { p.Access, p.From = billing.AccessFrom, []billing.PlanID{"mail"} })
			id := w.signup("a", "web")
			x := billing.Signup{Request: by(c.role), Seller: host, Name: "b", Plan: c.plan}
			if c.existing {
				x.Existing = id
			}
			for _, y := range []struct {
				act  billing.Action
				want error
			}{{x, c.signup}, {billing.ChangePlan{Request: by(c.role), Account: id, Plan: c.plan}, c.change}} {
				if y.want != nil {
					w.refused(y.act, y.want)
				} else {
					w.do(y.act)
				}
			}
		})
	}
}

// An account that is closed, or of another seller, opens no door.
func TestAccessFromNeedsAnOpenAccountOfTheSeller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const text = `{'resources':[{'id':'account','at_signup':'1'}]}`
	w.plan("web", text)
	w.plan("loyal", text, func(p *billing.Plan) { p.Access, p.From = billing.AccessFrom, []billing.PlanID{"web"} })
	w.ok(w.e.PutSeller(w.ctx, billing.Seller{ID: "rival", Currency: iso("USD")}))
	must(w.e.PublishPlan(w.ctx, billing.Plan{Seller: "rival", ID: "web", Open: true}, terms(text)))
	gone := w.signup("a", "web")
	w.do(billing.Close{Account: gone})
	foreign := w.do(billing.Signup{Seller: "rival", Name: "a", Plan: "web"}).Account.ID
	for _, id := range []billing.AccountID{0, 999, gone, foreign} {
		w.refused(billing.Signup{Request: by(billing.RoleCustomer), Seller: host, Name: "b", Plan: "loyal", Existing: id}, billing.ErrPlanRestricted)
	}
}

// Only a monthly line of a wholesale list, or one that rolls up, can be required of the
// plans that are sold under it.
func TestWhatMayBeRequired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fine := billing.Terms{Resources: []billing.Line{{Resource: "disk", Rollup: true, Required: true}},
		Wholesale: &billing.Wholesale{Resources: []billing.Line{{Resource: "traffic", Required: true}}}}
	_, err := w.e.PublishPlan(w.ctx, billing.Plan{Seller: host, ID: "fine"}, fine)
	w.ok(err)
	if got := must(w.e.PlanVersion(w.ctx, host, "fine", 1)).Terms; !got.Resources[0].Required || !got.Wholesale.Resources[0].Required {
		t.Errorf("%+v", got)
	}
	list := must(w.e.PriceList(w.ctx, host, "fine", 1))
	if got := list.Unmet(&billing.Terms{Resources: []billing.Line{{Resource: "mailbox"}}}); !slices.Equal(got, []billing.ResourceID{"disk", "traffic"}) {
		t.Errorf("unmet are %q", got)
	}
	_, err = w.e.PublishPlan(w.ctx, billing.Plan{Seller: host, ID: "p"}, billing.Terms{
		Resources: []billing.Line{{Resource: "mailbox", Required: true}, {Resource: "traffic", Required: true}},
		Wholesale: &billing.Wholesale{Resources: []billing.Line{{Resource: "mailbox", Required: true}}},
	})
	wantFaults(t, err, "resources[0].required required_line", "resources[1].required required_line", "wholesale.resources[0].required required_line")
}
