package scenario_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

// reduce makes a scenario smaller for as long as it still fails.
func reduce(tb testing.TB, f *oracleFile, fails func(*oracleFile) bool) *oracleFile {
	tb.Helper()
	for smaller := true; smaller; {
		smaller = false
		for size := max(1, len(f.Steps)/2); size > 0; size /= 2 {
			for at := 0; at+size <= len(f.Steps); {
				g := f.copy(tb)
				g.Steps = slices.Delete(g.Steps, at, at+size)
				if len(g.Steps) > 0 && fails(g) {
					f, smaller = g, true
				} else {
					at++
				}
			}
		}
		for _, cut := range f.cuts() {
			g := f.copy(tb)
			if cut(g) && fails(g) {
				f, smaller = g, true
			}
		}
	}
	return f
}

func (f *oracleFile) copy(tb testing.TB) *oracleFile {
	tb.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	var g oracleFile
	if err := json.Unmarshal(data, &g); err != nil {
		tb.Fatal(err)
	}
	return &g
}

// cuts are the ways to make a scenario simpler; each says whether it found anything
// to cut. They are made for the scenario at hand, and checked on one that may have
// become smaller since.
func (f *oracleFile) cuts() []func(*oracleFile) bool {
	cuts := []func(*oracleFile) bool{
		func(g *oracleFile) bool { g.RunEvery = 0; return f.RunEvery != 0 },
		func(g *oracleFile) bool { g.Until = ""; return f.Until != "" },
		func(g *oracleFile) bool { g.Sellers[0].Taxes = nil; return f.Sellers[0].Taxes != nil },
		func(g *oracleFile) bool { g.Sellers[0].Rounding = ""; return f.Sellers[0].Rounding != "" },
		func(g *oracleFile) bool { g.Sellers[0].Currency = "USD"; return f.Sellers[0].Currency != "USD" },
	}
	for i := range slices.Backward(f.Sellers) {
		seller := func(cut func(g *oracleFile, s *oracleSeller) bool) {
			cuts = append(cuts, func(g *oracleFile) bool { return i > 0 && i < len(g.Sellers) && cut(g, &g.Sellers[i]) })
		}
		seller(func(g *oracleFile, s *oracleSeller) bool {
			used := slices.ContainsFunc(g.Plans, func(p oraclePlan) bool { return p.Seller == s.ID }) ||
				slices.ContainsFunc(g.Sellers, func(x oracleSeller) bool { return x.Parent == s.ID })
			g.Sellers = slices.Delete(g.Sellers, i, i+1)
			return !used
		})
		seller(func(_ *oracleFile, s *oracleSeller) bool { n := len(s.Taxes); s.Taxes = nil; return n > 0 })
		seller(func(_ *oracleFile, s *oracleSeller) bool { r := s.Rounding; s.Rounding = ""; return r != "" })
		seller(func(_ *oracleFile, s *oracleSeller) bool { c := s.Currency; s.Currency = "USD"; return c != "USD" })
	}
	for i := range slices.Backward(f.Plans) {
		cuts = append(cuts, func(g *oracleFile) bool {
			if len(g.Plans) <= i || len(g.Plans) == 1 {
				return false
			}
			g.Plans = slices.Delete(g.Plans, i, i+1)
			return true
		})
	}
	for i := range f.Plans {
		at := func(cut func(p *oraclePlan)) {
			cuts = append(cuts, func(g *oracleFile) bool {
				if len(g.Plans) <= i {
					return false
				}
				before, _ := json.Marshal(g.Plans[i])
				cut(&g.Plans[i])
				after, _ := json.Marshal(g.Plans[i])
				return string(before) != string(after)
			})
		}
		at(func(p *oraclePlan) { p.Discounts = nil })
		at(func(p *oraclePlan) { p.RefundPercent = nil })
		at(func(p *oraclePlan) { p.MoneyBackDays = 0 })
		for n := range slices.Backward(f.Plans[i].Periods) {
			at(func(p *oraclePlan) {
				if len(p.Periods) > max(n, 1) {
					p.Periods = slices.Delete(p.Periods, n, n+1)
				}
			})
		}
		f.wholesaleCuts(i, at)
		for _, l := range f.Plans[i].Resources {
			at(func(p *oraclePlan) {
				if len(p.Resources) > 1 {
					p.Resources = slices.DeleteFunc(p.Resources, func(x oracleLine) bool { return x.ID == l.ID })
				}
			})
			line := func(cut func(x *oracleLine)) {
				at(func(p *oraclePlan) {
					if x := p.line(l.ID); x != nil {
						cut(x)
					}
				})
			}
			line(func(x *oracleLine) { x.Free = "" })
			line(func(x *oracleLine) { x.Max = nil })
			line(func(x *oracleLine) { x.AtSignup = "" })
			line(func(x *oracleLine) { x.Rollup = false })
			line(func(x *oracleLine) { x.PeriodPrices = nil })
			for _, kind := range slices.Sorted(maps.Keys(l.Prices)) {
				line(func(x *oracleLine) { delete(x.Prices, kind) })
				line(func(x *oracleLine) {
					if _, ok := x.Prices[kind]; ok {
						x.Prices[kind] = "1"
					}
				})
			}
			for _, period := range slices.Sorted(maps.Keys(l.PeriodPrices)) {
				line(func(x *oracleLine) { delete(x.PeriodPrices, period) })
				for kind := range l.PeriodPrices[period] {
					line(func(x *oracleLine) { delete(x.PeriodPrices[period], kind) })
				}
			}
		}
	}
	for i := range f.Steps {
		for n := range slices.Backward(f.Steps[i].Promotions) {
			cuts = append(cuts, func(g *oracleFile) bool {
				if len(g.Steps) <= i || len(g.Steps[i].Promotions) <= n {
					return false
				}
				g.Steps[i].Promotions = slices.Delete(g.Steps[i].Promotions, n, n+1)
				return true
			})
		}
	}
	for _, r := range f.Resources {
		cuts = append(cuts, func(g *oracleFile) bool {
			n := len(g.Resources)
			g.Resources = slices.DeleteFunc(g.Resources, func(x oracleResource) bool { return x.ID == r.ID })
			for i := range g.Plans {
				if g.Plans[i].line(r.ID) != nil {
					return false
				}
			}
			return len(g.Resources) < n
		})
	}
	return cuts
}

// wholesaleCuts are those of a plan's wholesale list.
func (f *oracleFile) wholesaleCuts(i int, at func(cut func(p *oraclePlan))) {
	if f.Plans[i].Wholesale == nil {
		return
	}
	at(func(p *oraclePlan) { p.Wholesale = nil })
	list := func(cut func(w *oracleWholesale)) {
		at(func(p *oraclePlan) {
			if p.Wholesale != nil {
				cut(p.Wholesale)
			}
		})
	}
	list(func(w *oracleWholesale) { w.Discounts = nil })
	list(func(w *oracleWholesale) { w.RefundPercent = nil })
	for _, l := range f.Plans[i].Wholesale.Resources {
		list(func(w *oracleWholesale) {
			w.Resources = slices.DeleteFunc(w.Resources, func(x oracleLine) bool { return x.ID == l.ID })
		})
		line := func(cut func(x *oracleLine)) {
			list(func(w *oracleWholesale) {
				for n := range w.Resources {
					if w.Resources[n].ID == l.ID {
						cut(&w.Resources[n])
					}
				}
			})
		}
		line(func(x *oracleLine) { x.Free = "" })
		line(func(x *oracleLine) { x.PeriodPrices = nil })
		for _, kind := range slices.Sorted(maps.Keys(l.Prices)) {
			line(func(x *oracleLine) { delete(x.Prices, kind) })
			line(func(x *oracleLine) {
				if _, ok := x.Prices[kind]; ok {
					x.Prices[kind] = "1"
				}
			})
		}
	}
}
