package memory

import (
	"slices"

	"github.com/tierhost/tierhost/reseller"
)

func cloneWholesale(h reseller.Holding) reseller.Holding {
	h.Limits = slices.Clone(h.Limits)
	return h
}

func cloneStock(s reseller.Stock) reseller.Stock {
	s.Returns = slices.Clone(s.Returns)
	s.Limit = clonePointer(s.Limit)
	return s
}

func cloneShadow(s reseller.Shadow) reseller.Shadow {
	s.Recorded = instant(s.Recorded)
	s.Basis.Parts = slices.Clone(s.Basis.Parts)
	return s
}

func cloneBill(b reseller.Bill) reseller.Bill {
	b.Recorded = instant(b.Recorded)
	return b
}
