package billing

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/storage"
)

// Rates returns what one unit of a line of the terms costs in a period, with the
// period's discounts: setup once, recurring and usage for the period, of a monthly
// resource for its month; and how many units are free. The terms are valid
// ([Terms.Validate]).
func (t Terms) Rates(l Line, kind ResourceKind, period Period) (r Rates, free decimal.Decimal) {
	return lineRates(l, t.Discounts, kind, period)
}

// Rates is [Terms.Rates] for a line of a wholesale list; its free units are the pool.
func (w Wholesale) Rates(l Line, kind ResourceKind, period Period) (r Rates, free decimal.Decimal) {
	r, _ = lineRates(l, w.Discounts, kind, period)
	return r, l.Free
}

func lineRates(l Line, discounts map[Period]Discounts, kind ResourceKind, period Period) (Rates, decimal.Decimal) {
	r := resolveRates(l, discounts, period, kind)
	free := l.Free
	if own := l.PeriodPrices[period].Free; own != nil {
		free = *own
	}
	return Rates{Setup: r.setup, Recurring: r.recurring, Usage: r.usage}, free
}

// PriceList returns the wholesale side of a version of a plan, or ErrUnknownVersion.
func (e *Engine) PriceList(ctx context.Context, seller SellerID, plan PlanID, version int) (list *PriceList, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		rev, err := rows.Revision(ctx)
		if err != nil {
			return err
		}
		p, err := e.cache.at(rev).version(ctx, rows, seller, plan, version)
		if err != nil {
			return err
		}
		if p == nil {
			return fmt.Errorf("billing: %s version %d: %w", plan, version, ErrUnknownVersion)
		}
		list = p.wholesale
		return nil
	})
	return list, err
}
