package scenario_test

// line is the plan's line of a resource, nil if the plan does not have it.
func (p *oraclePlan) line(resource string) *oracleLine {
	for i := range p.Resources {
		if p.Resources[i].ID == resource {
			return &p.Resources[i]
		}
	}
	return nil
}

func (p *oraclePlan) sells(period length) bool {
	if len(p.Periods) == 0 {
		return period == length{n: 1}
	}
	for _, s := range p.Periods {
		if lengthOf(s) == period {
			return true
		}
	}
	return false
}

// refund is the plan's refund percent.
func (p *oraclePlan) refund() ratio {
	if p.RefundPercent == nil {
		return whole(100)
	}
	return number(*p.RefundPercent)
}

// price is what a unit costs under a plan, section 3: setup and a period resource's
// recurring price for the whole period, a monthly resource's recurring and usage
// price for a month.
func (p *oraclePlan) price(resource, kind string, monthly bool, period length) ratio {
	line := p.line(resource)
	if line == nil {
		return whole(0)
	}
	months := 1
	if !period.days {
		months = period.n
	}
	var whole ratio
	if s, ok := line.PeriodPrices[period.text()][kind]; ok {
		whole = number(s)
	} else {
		off := percent(number(p.Discounts[period.text()][kind]))
		whole = times(number(line.Prices[kind]), minus(part(1, 1), off))
		if kind != "setup" {
			whole = times(whole, part(months, 1))
		}
	}
	if monthly && kind != "setup" {
		return over(whole, part(months, 1))
	}
	return whole
}

// free are the units of a resource that cost nothing.
func (p *oraclePlan) free(resource string, period length) ratio {
	line := p.line(resource)
	if line == nil {
		return whole(0)
	}
	if s, ok := line.PeriodPrices[period.text()]["free"]; ok {
		return number(s)
	}
	return number(line.Free)
}

// billable is b(Q).
func (p *oraclePlan) billable(resource string, period length, quantity ratio) ratio {
	return positive(minus(quantity, p.free(resource, period)))
}
