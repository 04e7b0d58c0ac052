package scenario_test

import (
	"slices"
)

// settle charges the usage of the running month on the document's day.
func (a *oracleAccount) settle(p *paper, closing bool) {
	var now, rest []record
	for _, r := range a.records {
		if r.day < p.date || closing {
			now = append(now, r)
		} else {
			rest = append(rest, r)
		}
	}
	a.records = rest
	for _, r := range a.o.file.Resources {
		if r.Kind == "monthly" {
			a.settleResource(p, r, now, closing)
			a.settleWholesale(p, r, now, closing)
		}
	}
}

// used is the usage of a resource in each stretch, by its place: each account's records
// make a figure of their own.
func (a *oracleAccount) used(resource oracleResource, records []record) map[int]ratio {
	type from struct {
		source  *oracleAccount
		stretch int
	}
	found := map[from][]ratio{}
	for _, r := range records {
		if r.resource != resource.ID {
			continue
		}
		i := 0
		for i+1 < len(a.stretches) && a.stretches[i+1].from <= r.day {
			i++
		}
		for i > 0 && a.stretches[i].plan.line(resource.ID) == nil {
			i--
		}
		found[from{r.source, i}] = append(found[from{r.source, i}], r.amount)
	}
	used := map[int]ratio{}
	for f, amounts := range found {
		if used[f.stretch] == nil {
			used[f.stretch] = whole(0)
		}
		used[f.stretch] = plus(used[f.stretch], aggregate(resource.Aggregate, amounts))
	}
	return used
}

// aggregate makes one figure of records in the order in which they came.
func aggregate(how string, amounts []ratio) ratio {
	sum := whole(0)
	for _, x := range amounts {
		sum = plus(sum, x)
	}
	sorted := slices.SortedFunc(slices.Values(amounts), func(a, b ratio) int { return a.Cmp(b) })
	switch how {
	case "max":
		return sorted[len(sorted)-1]
	case "last":
		return amounts[len(amounts)-1]
	case "average":
		return over(sum, whole(len(amounts)))
	case "p95":
		rank := 0 // the smallest whole number that is not below 0.95 n
		for 100*rank < 95*len(sorted) {
			rank++
		}
		return sorted[rank-1]
	}
	return sum
}

func (a *oracleAccount) settleResource(p *paper, resource oracleResource, records []record, closing bool) {
	flow := resource.Aggregate == "" || resource.Aggregate == "sum"
	used, days := a.used(resource, records), whole(a.monthTo-a.monthFrom)
	first := -1
	quantity, amount := whole(0), whole(0) // of a level
	usedAll, limitAll, weights, weighted := whole(0), whole(0), whole(0), whole(0)
	for i, s := range a.stretches {
		if s.plan.line(resource.ID) == nil {
			continue
		}
		if first < 0 {
			first = s.from
		}
		end, last := p.date, i+1 == len(a.stretches)
		if !last {
			end = a.stretches[i+1].from
		}
		share := over(whole(end-s.from), days)
		free := s.plan.free(resource.ID, s.period)
		limit := free
		if q := s.largest[resource.ID]; s.charged && q != nil {
			limit = larger(free, q)
		}
		u := used[i]
		if u == nil {
			u = whole(0)
		}
		price := s.plan.price(resource.ID, "usage", true, s.period)
		if !flow {
			o := times(positive(minus(u, limit)), share)
			quantity, amount = plus(quantity, o), plus(amount, times(o, price))
			continue
		}
		allowed := times(limit, share)
		if last && closing && s.charged {
			allowed = plus(times(free, share), times(minus(limit, free), over(whole(a.monthTo-s.from), days)))
		}
		usedAll, limitAll = plus(usedAll, u), plus(limitAll, allowed)
		weight := positive(minus(u, allowed))
		weights, weighted = plus(weights, weight), plus(weighted, times(weight, price))
	}
	if flow {
		quantity = positive(minus(usedAll, limitAll))
		if quantity.Sign() > 0 {
			amount = over(times(quantity, weighted), weights)
		}
	}
	if first >= 0 {
		p.post("usage", "usage", resource.ID, quantity, first, p.date, amount, &total{}, &total{})
	}
}
