package billing

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// Codes of faults in a catalog, in the issues of a tierhost.Invalid.
const (
	FaultMissing        = "missing"           // a value must be given
	FaultTooLong        = "too_long"          // over 200 bytes, or not UTF-8
	FaultDuplicate      = "duplicate"         // given twice
	FaultUnknown        = "unknown"           // refers to something that is not there
	FaultNegative       = "negative"          // must be 0 or more
	FaultPercent        = "percent"           // must be 0 to 100
	FaultNotAStep       = "not_a_step"        // must be a multiple of the resource's step
	FaultMaxBelowFree   = "max_below_free"    // the maximum is below the free units
	FaultMaxBelowSignup = "max_below_signup"  // the maximum is below the quantity at signup
	FaultNoDayPrice     = "no_day_price"      // a period of days needs an explicit price
	FaultRollupKind     = "rollup_kind"       // only monthly resources roll up
	FaultRollupListed   = "rollup_listed"     // rolls up and is on the wholesale list too
	FaultRequired       = "required_line"     // only monthly lines of wholesale lists, and ones that roll up, are required
	FaultChargedTwice   = "charged_twice"     // another charged resource measures the same
	FaultNotOffered     = "period_not_listed" // for a period that the plan does not have
	FaultKind           = "kind"              // not one of the values there are
)

const maxName = 200

func checkName(is *tierhost.Issues, path, s string, required bool) {
	switch {
	case s == "" && required:
		is.Add(path, FaultMissing, "a value is needed")
	case len(s) > maxName || !utf8.ValidString(s):
		is.Add(path, FaultTooLong, "at most %d bytes of UTF-8", maxName)
	case strings.ContainsAny(s, "\x00\n\r"):
		is.Add(path, FaultKind, "no control characters")
	}
}

// checkNumber bounds what arithmetic will have to carry, before any is done.
func checkNumber(is *tierhost.Issues, path string, d decimal.Decimal) bool {
	if d.Exponent() < -18 || d.Exponent() > 18 || d.NumDigits() > 30 {
		is.Add(path, FaultTooLong, "at most 30 digits, 18 of them decimals")
		return false
	}
	return true
}

func checkPercent(is *tierhost.Issues, path string, p decimal.Decimal) {
	if !checkNumber(is, path, p) {
		return
	}
	if p.Sign() < 0 || p.Cmp(decimal.New(100, 0)) > 0 {
		is.Add(path, FaultPercent, "%s is not between 0 and 100", p)
	}
}

func checkNotNegative(is *tierhost.Issues, path string, d decimal.Decimal) {
	if checkNumber(is, path, d) && d.Sign() < 0 {
		is.Add(path, FaultNegative, "%s is negative", d)
	}
}

func validateResources(resources []Resource) error {
	var is tierhost.Issues
	seen := map[ResourceID]bool{}
	for i, r := range resources {
		path := tierhost.Path("resources", i)
		checkName(&is, tierhost.Path(path, "id"), string(r.ID), true)
		if seen[r.ID] {
			is.Add(tierhost.Path(path, "id"), FaultDuplicate, "resource %s is defined twice", r.ID)
		}
		seen[r.ID] = true
		switch r.Kind {
		case "", KindPeriod:
			if r.Aggregate != "" {
				is.Add(tierhost.Path(path, "aggregate"), FaultKind, "only monthly resources are metered")
			}
		case KindMonthly:
			switch r.Aggregate {
			case "", AggregateSum, AggregateMax, AggregateLast, AggregateAverage, AggregateP95:
			default:
				is.Add(tierhost.Path(path, "aggregate"), FaultKind, "%q is not sum, max, last, average or p95", r.Aggregate)
			}
		default:
			is.Add(tierhost.Path(path, "kind"), FaultKind, "%q is not period or monthly", r.Kind)
		}
		checkNotNegative(&is, tierhost.Path(path, "step"), r.Step)
		if r.Step.Exponent() < -12 {
			is.Add(tierhost.Path(path, "step"), FaultTooLong, "at most 12 decimals")
		}
		checkName(&is, tierhost.Path(path, "unit"), r.Unit, false)
		checkName(&is, tierhost.Path(path, "measures"), r.Measures, false)
	}
	return is.Err()
}

func (s Seller) validate() error {
	var is tierhost.Issues
	checkName(&is, "id", string(s.ID), true)
	checkName(&is, "name", s.Name, false)
	if err := s.Currency.Validate(); err != nil {
		is.Add("currency", FaultUnknown, "%v", err)
	}
	if s.Rounding != money.HalfUp && s.Rounding != money.HalfEven {
		is.Add("rounding", FaultKind, "half_up or half_even")
	}
	if _, err := s.location(); err != nil {
		is.Add("time_zone", FaultUnknown, "%v", err)
	}
	seen := map[string]bool{}
	for i, t := range s.Taxes {
		path := tierhost.Path("taxes", i)
		checkName(&is, tierhost.Path(path, "name"), t.Name, true)
		if seen[t.Name] {
			is.Add(tierhost.Path(path, "name"), FaultDuplicate, "tax %s is there twice", t.Name)
		}
		seen[t.Name] = true
		checkPercent(&is, tierhost.Path(path, "percent"), t.Percent)
	}
	return is.Err()
}

func (p Plan) validate(is *tierhost.Issues, plans []Plan) {
	checkName(is, "id", string(p.ID), true)
	checkName(is, "seller", string(p.Seller), true)
	checkName(is, "name", p.Name, false)
	checkName(is, "group", p.Group, false)
	switch p.Access {
	case AccessPublic, AccessStaff, AccessFrom:
	default:
		is.Add("access", FaultKind, "%q is not public (empty), staff or from", p.Access)
	}
	if p.Access == AccessFrom && len(p.From) == 0 {
		is.Add("from", FaultMissing, "access from named plans needs their names")
	}
	for i, from := range p.From {
		if from != p.ID && !slices.ContainsFunc(plans, func(x Plan) bool { return x.ID == from }) {
			is.Add(tierhost.Path("from", i), FaultUnknown, "the seller has no plan %s", from)
		}
	}
}

func validatePlan(head Plan, terms Terms, resources []Resource, plans []Plan) error {
	var is tierhost.Issues
	head.validate(&is, plans)
	terms.validate(&is, resources)
	return is.Err()
}

// Validate checks the terms against the resources that are defined. The error is a
// tierhost.Invalid with all faults, each with its path ("resources[2].max") and one of
// the Fault codes.
func (t Terms) Validate(resources []Resource) error {
	var is tierhost.Issues
	t.validate(&is, resources)
	return is.Err()
}

func (t Terms) validate(is *tierhost.Issues, resources []Resource) {
	known := make(map[ResourceID]Resource, len(resources))
	for _, r := range resources {
		known[r.ID] = r.withDefaults()
	}
	offered := map[Period]bool{}
	for i, p := range t.Periods {
		switch {
		case p.IsZero():
			is.Add(tierhost.Path("periods", i), FaultMissing, "a period is needed")
		case offered[p]:
			is.Add(tierhost.Path("periods", i), FaultDuplicate, "period %s is there twice", p)
		}
		offered[p] = true
	}
	if len(t.Periods) == 0 {
		offered[Months(1)] = true
	}
	checkDiscounts(is, "discounts", t.Discounts, offered)
	checkPercent(is, "refund_percent", percentOr100(t.RefundPercent))
	if t.MoneyBackDays < 0 {
		is.Add("money_back_days", FaultNegative, "%d is negative", t.MoneyBackDays)
	}
	if t.Trial.Days < 0 || t.Trial.Days > 3660 {
		is.Add("trial.days", FaultNegative, "0 to 3660")
	}
	checkNotNegative(is, "credit_limit", t.CreditLimit)
	t.validateLines(is, known, offered)
	t.validateWholesale(is, known)
}

func checkDiscounts(is *tierhost.Issues, at string, discounts map[Period]Discounts, offered map[Period]bool) {
	for _, period := range slices.SortedFunc(maps.Keys(discounts), comparePeriods) {
		path := at + "." + period.String()
		if offered != nil && !offered[period] {
			is.Add(path, FaultNotOffered, "the plan has no period %s", period)
		}
		d := discounts[period]
		checkPercent(is, path+".setup", d.Setup)
		checkPercent(is, path+".recurring", d.Recurring)
		checkPercent(is, path+".usage", d.Usage)
	}
}

func comparePeriods(a, b Period) int { return strings.Compare(a.String(), b.String()) }

func (t Terms) validateLines(is *tierhost.Issues, known map[ResourceID]Resource, offered map[Period]bool) {
	seen := map[ResourceID]bool{}
	measured := map[string]ResourceID{}
	for i, l := range t.Resources {
		path := tierhost.Path("resources", i)
		res, ok := known[l.Resource]
		if !ok {
			is.Add(path+".id", FaultUnknown, "resource %q is not defined", l.Resource)
		}
		if seen[l.Resource] {
			is.Add(path+".id", FaultDuplicate, "resource %s is there twice", l.Resource)
		}
		seen[l.Resource] = true
		l.validatePrices(is, path, offered)
		l.validateDayPrices(is, path, offered)
		l.validateQuantities(is, path, res, ok)
		if l.Rollup && ok && res.Kind != KindMonthly {
			is.Add(path+".rollup", FaultRollupKind, "%s is not monthly", l.Resource)
		}
		if l.Required && !l.Rollup {
			is.Add(path+".required", FaultRequired, "%s does not roll up: nobody sells it under this line", l.Resource)
		}
		if ok && res.Measures != "" && l.charged() {
			if other, twice := measured[res.Measures]; twice {
				is.Add(path+".prices", FaultChargedTwice, "%s and %s both charge for %s", other, l.Resource, res.Measures)
			} else {
				measured[res.Measures] = l.Resource
			}
		}
	}
}

func (l Line) validateQuantities(is *tierhost.Issues, path string, res Resource, known bool) {
	checkNotNegative(is, path+".free", l.Free)
	checkNotNegative(is, path+".at_signup", l.AtSignup)
	if known && !over(money.RatOf(l.AtSignup), money.RatOf(res.Step)).IsInt() {
		is.Add(path+".at_signup", FaultNotAStep, "%s is no multiple of the step %s", l.AtSignup, res.Step)
	}
	if l.Max == nil {
		return
	}
	checkNotNegative(is, path+".max", *l.Max)
	if l.Max.Cmp(l.Free) < 0 {
		is.Add(path+".max", FaultMaxBelowFree, "%s is below the free units %s", l.Max, l.Free)
	}
	if l.Max.Cmp(l.AtSignup) < 0 {
		is.Add(path+".max", FaultMaxBelowSignup, "%s is below the quantity at signup %s", l.Max, l.AtSignup)
	}
	for _, period := range slices.SortedFunc(maps.Keys(l.PeriodPrices), comparePeriods) {
		if f := l.PeriodPrices[period].Free; f != nil && l.Max.Cmp(*f) < 0 {
			is.Add(path+".max", FaultMaxBelowFree, "%s is below the free units %s of period %s", l.Max, f, period)
		}
	}
}

func (l Line) validatePrices(is *tierhost.Issues, path string, offered map[Period]bool) {
	check := func(path string, d *decimal.Decimal) {
		if d != nil {
			checkNotNegative(is, path, *d)
		}
	}
	check(path+".prices.setup", l.Prices.Setup)
	check(path+".prices.recurring", l.Prices.Recurring)
	check(path+".prices.usage", l.Prices.Usage)
	for _, period := range slices.SortedFunc(maps.Keys(l.PeriodPrices), comparePeriods) {
		at := path + ".period_prices." + period.String()
		if offered != nil && !offered[period] {
			is.Add(at, FaultNotOffered, "the plan has no period %s", period)
		}
		p := l.PeriodPrices[period]
		check(at+".setup", p.Setup)
		check(at+".recurring", p.Recurring)
		check(at+".usage", p.Usage)
		check(at+".free", p.Free)
	}
}

// validateDayPrices: a period of days needs an explicit price for every kind that has
// a base price (spec section 3).
func (l Line) validateDayPrices(is *tierhost.Issues, path string, offered map[Period]bool) {
	for _, period := range slices.SortedFunc(maps.Keys(offered), comparePeriods) {
		if !period.InDays() {
			continue
		}
		at, p := path+".period_prices."+period.String(), l.PeriodPrices[period]
		for _, k := range []struct {
			kind           string
			base, explicit *decimal.Decimal
		}{
			{"setup", l.Prices.Setup, p.Setup},
			{"recurring", l.Prices.Recurring, p.Recurring},
			{"usage", l.Prices.Usage, p.Usage},
		} {
			if k.base != nil && k.explicit == nil {
				is.Add(at+"."+k.kind, FaultNoDayPrice, "%s has a base price, so a period of days needs its own", k.kind)
			}
		}
	}
}

// charged reports whether the line has a price that is not zero.
func (l Line) charged() bool {
	some := func(ds ...*decimal.Decimal) bool {
		return slices.ContainsFunc(ds, func(d *decimal.Decimal) bool { return d != nil && !d.IsZero() })
	}
	if some(l.Prices.Setup, l.Prices.Recurring, l.Prices.Usage) {
		return true
	}
	for _, p := range l.PeriodPrices {
		if some(p.Setup, p.Recurring, p.Usage) {
			return true
		}
	}
	return false
}

func (t Terms) validateWholesale(is *tierhost.Issues, known map[ResourceID]Resource) {
	rolled := map[ResourceID]bool{}
	for _, l := range t.Resources {
		rolled[l.Resource] = l.Rollup
	}
	w := t.Wholesale
	if w == nil {
		return
	}
	checkPercent(is, "wholesale.refund_percent", percentOr100(w.RefundPercent))
	checkDiscounts(is, "wholesale.discounts", w.Discounts, nil)
	seen := map[ResourceID]bool{}
	for i, l := range w.Resources {
		path := tierhost.Path("wholesale.resources", i)
		res, ok := known[l.Resource]
		if !ok {
			is.Add(path+".id", FaultUnknown, "resource %q is not defined", l.Resource)
		}
		if seen[l.Resource] {
			is.Add(path+".id", FaultDuplicate, "resource %s is there twice", l.Resource)
		}
		seen[l.Resource] = true
		if l.Required && ok && res.Kind != KindMonthly {
			is.Add(path+".required", FaultRequired, "%s is not monthly: it costs nothing until it is acquired", l.Resource)
		}
		if rolled[l.Resource] {
			is.Add(path+".id", FaultRollupListed, "%s is rolled up by the plan, so it is not sold wholesale", l.Resource)
		}
		l.validatePrices(is, path, nil)
		checkNotNegative(is, path+".free", l.Free)
	}
}

// validate checks the shape of a signup; what it refers to is checked when it is done.
func (x Signup) validate() error {
	var is tierhost.Issues
	checkName(&is, "seller", string(x.Seller), true)
	checkName(&is, "name", x.Name, true)
	checkName(&is, "plan", string(x.Plan), false)
	checkName(&is, "sells", string(x.Sells), false)
	checkName(&is, "exemption", x.Exemption, false)
	for i, p := range x.Promotions {
		path := tierhost.Path("promotions", i)
		checkName(&is, path+".code", p.Code, false)
		checkPercent(&is, path+".percent", p.Percent)
		if len(p.Kinds) == 0 {
			is.Add(path+".kinds", FaultMissing, "at least one of setup, recurring, usage")
		}
		for j, k := range p.Kinds {
			if k != EntrySetup && k != EntryRecurring && k != EntryUsage {
				is.Add(tierhost.Path(path, "kinds", j), FaultKind, "%q is not setup, recurring or usage", k)
			}
		}
		if p.Periods < 0 || p.Periods > 1200 {
			is.Add(path+".periods", FaultNegative, "0 to 1200")
		}
	}
	return is.Err()
}

// validateAction checks the shape of an action's input before anything is read.
func validateAction(act Action) error {
	var is tierhost.Issues
	checkLength := func(path, s string, most int) {
		if len(s) > most || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			is.Add(path, FaultTooLong, "at most %d bytes of UTF-8", most)
		}
	}
	checkQuantity := func(path string, d decimal.Decimal) { checkNumber(&is, path, d) }
	r := act.request()
	checkLength("key", r.Key, 255)
	checkLength("by.name", r.By.Name, maxName)
	switch r.By.Role {
	case RoleHost, RoleSeller, RoleCustomer, RoleOverlimit, RoleSuspend, RoleTrial:
	default:
		is.Add("by.role", FaultKind, "%q is no role", r.By.Role)
	}
	switch x := act.(type) {
	case Signup:
		if err := x.validate(); err != nil {
			return err
		}
	case SetQuantity:
		checkLength("resource", string(x.Resource), maxName)
		checkQuantity("quantity", x.Quantity)
	case RecordUsage:
		checkLength("resource", string(x.Resource), maxName)
		checkQuantity("amount", x.Amount)
	case ChangePlan:
		checkLength("plan", string(x.Plan), maxName)
	case MoveVersion:
		checkLength("plan", string(x.Plan), maxName)
	case Suspend:
		checkLength("note", x.Note, 2000)
		switch x.Reason {
		case "", ReasonHost, ReasonSeller, ReasonCustomer, ReasonOverlimit, ReasonReseller, ReasonDebt, ReasonTrial, ReasonMoneyBack, ReasonExemption:
		default:
			is.Add("reason", FaultKind, "%q is no reason for a suspension", x.Reason)
		}
	case Close:
		switch x.Billing {
		case CloseAccrue, CloseNoBilling, CloseCollect, CloseCollectOnly:
		default:
			is.Add("billing", FaultKind, "%q is not one of the four options", x.Billing)
		}
	case Pay:
		checkLength("reference", x.Reference, 2000)
	case Credit:
		checkLength("reference", x.Reference, 2000)
	case Debit:
		checkLength("reference", x.Reference, 2000)
	case Bill:
		for i, l := range x.Lines {
			checkName(&is, tierhost.Path("lines", i)+".resource", string(l.Resource), true)
		}
	case Reverse:
		checkLength("reference", x.Reference, 2000)
	case Exempt:
		checkLength("code", x.Code, maxName)
	case SetCreditLimit:
		if x.Limit != nil {
			checkQuantity("limit", *x.Limit)
		}
	}
	return is.Err()
}
