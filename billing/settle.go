package billing

import (
	"cmp"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// settling says on what occasion a month is settled.
type settling uint8

const (
	settleMonthEnd settling = iota // at the month's end
	settleClose                    // at close: that day's records count too
	settleResume                   // when a lapsed account is resumed: they do not
	settleTrial                    // for those above, at a trial's end: its records wait for the conversion
)

// settle charges the month's usage, up to a day (spec section 4, Usage).
func (b *book) settle(end Date, why settling) error {
	if len(b.usage) == 0 {
		return nil
	}
	// Records that a lapsed account made on the day of its resumption belong to the
	// month that opens then. Records up to MeterSeen that are dated before the month
	// were settled with an earlier one.
	inMonth := func(r UsageRecord) bool {
		if why != settleClose && !r.Day.Before(end) {
			return false
		}
		return r.Seq > b.acct.MeterSeen || !r.Day.Before(b.acct.MonthFrom)
	}
	done := map[ResourceID]bool{}
	var ids []ResourceID
	for _, h := range b.inOrder() {
		ids = append(ids, h.Resource)
	}
	for _, r := range b.usage {
		ids = append(ids, r.Resource) // recorded for a resource that was never held
	}
	for _, id := range ids {
		if done[id] {
			continue
		}
		done[id] = true
		var records []UsageRecord
		for _, r := range b.usage {
			if r.Resource == id && inMonth(r) {
				records = append(records, r)
			}
		}
		if len(records) == 0 {
			continue
		}
		if err := b.settleResource(id, records, end, why); err != nil {
			return err
		}
	}
	if why == settleTrial {
		return nil
	}
	b.consume(func(r UsageRecord) bool {
		return inMonth(r) || r.Day.Before(end) || why == settleClose
	})
	return nil
}

func (b *book) settleResource(id ResourceID, records []UsageRecord, end Date, why settling) error {
	parts, from, res := b.usageParts(id, end, why)
	if len(parts) == 0 {
		return nil // recorded before a change of plan on the month's first day: no plan of it has a price
	}
	stable := slices.Clone(records)
	slices.SortStableFunc(stable, func(x, y UsageRecord) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), x.Day.Compare(y.Day))
	})
	perPart := make([][]UsageRecord, len(parts))
	for _, r := range stable {
		i := b.partOf(parts, r.Day)
		perPart[i] = append(perPart[i], r)
	}
	for i := range parts {
		parts[i].Used = usedBySource(res.Aggregate, perPart[i])
	}
	h := b.holding(id)
	if h == nil {
		h = &hold{Holding: Holding{Account: b.acct.ID, Resource: id}, res: &res}
	}
	mark := len(b.drafts)
	if err := b.chargeUsage(h, parts, from, end); err != nil {
		return err
	}
	if b.hooked() {
		b.moveUsage(h, parts, perPart, from, end, why, mark)
	}
	return nil
}

// usedBySource is what was used: the records of each account, ordered by source and
// day, are aggregated by themselves and the figures added. Averages over as many counts of
// records have ever longer denominators.
func usedBySource(how Aggregate, records []UsageRecord) money.Rat {
	var sum money.Rat
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].Source == records[0].Source {
			n++
		}
		sum = bounded(sum.Add(aggregate(how, amounts(records[:n]))))
		records = records[n:]
	}
	return sum
}

func amounts(records []UsageRecord) []decimal.Decimal {
	out := make([]decimal.Decimal, len(records))
	for i := range records {
		out[i] = records[i].Amount
	}
	return out
}

// moveUsage notes that a month's usage was settled: the account's own. What was known of a
// trial when it ended by itself was noted then; only what came after is new.
func (b *book) moveUsage(h *hold, parts []UsagePart, records [][]UsageRecord, from, end Date, why settling, mark int) {
	var tried Date
	if b.acct.tried() {
		tried = b.acct.TrialEnds
	}
	m := b.move(MoveSettle, h, h.Quantity, later(from, tried), fraction{}, mark)
	m.To, m.OfDays, m.Closing = end, parts[0].OfDays, why == settleClose
	k := 0
	for i, s := range b.acct.Stretches {
		if k == len(parts) || parts[k].From != s.From || parts[k].Plan != s.Plan || parts[k].Version != s.Version {
			continue
		}
		part := MovementPart{Stretch: i, From: later(parts[k].From, tried), To: later(parts[k].To, tried),
			RolledUp: b.acct.Sells != "" && b.plans[planRef{s.Plan, s.Version}].rollsUp(h.Resource)}
		for _, r := range records[k] {
			if r.Source == 0 && (r.Seq > b.acct.MeterSeen || !r.Day.Before(tried)) {
				part.Records = append(part.Records, r)
			}
		}
		m.Parts = append(m.Parts, part)
		k++
	}
}

// chargeUsage charges what was used above the limits.
func (b *book) chargeUsage(h *hold, parts []UsagePart, from, end Date) error {
	quantity, exact := rateUsage(parts)
	if exact.IsZero() {
		return nil
	}
	basis := Basis{Cause: CauseSettle, Plan: b.acct.Plan, Version: b.acct.PlanVersion, Period: b.acct.Period,
		Units: quantity, Parts: parts}
	var total, discount money.Rat // usage is rounded once per month and resource
	if _, err := b.post(EntryUsage, h, quantity, from, end, exact, &total, basis); err != nil {
		return err
	}
	_, err := b.discount(EntryUsage, h, quantity, from, end, exact, &discount, basis)
	return err
}

// usageParts returns the month's stretches whose plans have the resource, with limits,
// shares and prices, and the day the first of them began.
func (b *book) usageParts(id ResourceID, end Date, why settling) ([]UsagePart, Date, Resource) {
	a := &b.acct
	h := b.holding(id)
	var parts []UsagePart
	var from Date
	var res Resource
	month := b.monthDays()
	if !a.TrialEnds.IsZero() { // a trial is measured by the month that it stands in for
		_, month = a.trialInterval()
	}
	for i, s := range a.Stretches {
		p := b.plans[planRef{s.Plan, s.Version}]
		line := p.line(id)
		if line == nil {
			continue
		}
		res = line.resource
		last := i == len(a.Stretches)-1
		to := end
		if !last {
			to = a.Stretches[i+1].From
		}
		r := p.rates(id, a.Period)
		held := decimal.Decimal{}
		if h != nil && i < len(h.Limits) {
			held = h.Limits[i]
		}
		limit := money.RatMax(r.free, money.RatOf(held))
		part := UsagePart{
			From: s.From, To: to, Plan: s.Plan, Version: s.Version, Limit: dec(limit),
			Days: to.Sub(s.From), OfDays: month, UnitPrice: r.usage,
			Level: res.Aggregate != AggregateSum,
		}
		part.Counted = limit.Mul(ratio(part.Days, month))
		if why == settleClose && last && a.MonthCharged && a.TrialEnds.IsZero() {
			// What was bought of a flow's limit stays whole; the free units do not.
			bought := limit.Sub(r.free).Mul(ratio(a.MonthTo.Sub(s.From), month))
			part.Counted = r.free.Mul(ratio(part.Days, month)).Add(bought)
		}
		if len(parts) == 0 {
			from = s.From
		}
		parts = append(parts, part)
	}
	return parts, from, res
}

// partOf finds the part that a record belongs to: the first stretch that ends after
// its day; where that one's plan lacks the resource, the one before it that has it.
func (b *book) partOf(parts []UsagePart, day Date) int {
	stretches := b.acct.Stretches
	at := len(stretches) - 1
	for i := 0; i < len(stretches)-1; i++ {
		if stretches[i+1].From.After(day) {
			at = i
			break
		}
	}
	// parts are the stretches whose plans have the resource, in the same order; their
	// places among the stretches are found by counting.
	best, k := 0, 0
	for i := 0; i <= at; i++ {
		if k < len(parts) && parts[k].From == stretches[i].From && parts[k].Plan == stretches[i].Plan && parts[k].Version == stretches[i].Version {
			best = k
			k++
		}
	}
	return best
}

// aggregate makes one figure of a stretch's records, ordered by day.
func aggregate(how Aggregate, amounts []decimal.Decimal) money.Rat {
	n := len(amounts)
	if n == 0 {
		return money.Rat{}
	}
	switch how {
	case AggregateMax:
		return money.RatOf(slices.MaxFunc(amounts, decimal.Decimal.Cmp))
	case AggregateLast:
		return money.RatOf(amounts[n-1])
	case AggregateP95:
		sorted := slices.Clone(amounts)
		slices.SortFunc(sorted, decimal.Decimal.Cmp)
		return money.RatOf(sorted[(95*n+99)/100-1]) // rank ceil(0.95 n)
	}
	sum := money.Rat{}
	for _, x := range amounts {
		sum = sum.Add(money.RatOf(x))
	}
	if how == AggregateAverage {
		return bounded(over(sum, money.RatInt(int64(n))))
	}
	return sum
}

// rateUsage is the usage above the limits of a month's parts and its exact price. A
// flow is added up over the month and charged at the mean of the prices, weighted by
// where it went over; a level is charged part by part.
func rateUsage(parts []UsagePart) (quantity, exact money.Rat) {
	if parts[0].Level {
		for i := range parts {
			p := &parts[i]
			above := p.Used.Sub(money.RatOf(p.Limit))
			if above.Sign() <= 0 {
				continue
			}
			p.Over = above.Mul(ratio(p.Days, p.OfDays))
			quantity = quantity.Add(p.Over)
			exact = exact.Add(p.Over.Mul(p.UnitPrice))
		}
		return quantity, exact
	}
	var weights, weighted money.Rat
	for i := range parts {
		p := &parts[i]
		p.Over = money.RatMax(money.Rat{}, p.Used.Sub(p.Counted))
		quantity = quantity.Add(p.Used).Sub(p.Counted)
		weights = weights.Add(p.Over)
		weighted = weighted.Add(p.Over.Mul(p.UnitPrice))
	}
	if quantity.Sign() <= 0 || weights.IsZero() {
		return money.Rat{}, money.Rat{}
	}
	return quantity, quantity.Mul(over(weighted, weights))
}
