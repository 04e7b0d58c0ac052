package sqlite

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

const (
	wholesaleColumns = "account, seller, resource, pooled, billable, charged, list_plan, list_version, limits, " +
		"setup_total, recurring_total"
	wholesaleCount    = 11
	wholesaleConflict = "ON CONFLICT (account, seller, resource) DO UPDATE SET pooled = excluded.pooled, " +
		"billable = excluded.billable, charged = excluded.charged, list_plan = excluded.list_plan, " +
		"list_version = excluded.list_version, limits = excluded.limits, setup_total = excluded.setup_total, " +
		"recurring_total = excluded.recurring_total"

	selectWholesale     = "SELECT " + wholesaleColumns + " FROM reseller_holdings "
	orderWholesale      = " ORDER BY account, seller, resource"
	queryWholesale      = selectWholesale + "WHERE account = ?" + orderWholesale
	queryWholesaleRange = selectWholesale + "WHERE account" + inRange + orderWholesale
	queryWholesaleList  = selectWholesale + "WHERE account" + inList + orderWholesale
	queryWholesalePage  = selectWholesale + "WHERE seller = ? AND (account, resource) > (?, ?) ORDER BY account, resource LIMIT ?"
)

func bindWholesale(b *binder, h *reseller.Holding) {
	b.int(int64(h.Account))
	b.string(string(h.Seller))
	b.string(string(h.Resource))
	b.decimal(h.Pooled)
	b.decimal(h.Billable)
	b.decimal(h.Charged)
	b.string(string(h.List.Plan))
	b.int(int64(h.List.Version))
	b.text = appendCovers(b.text[:0], h.Limits)
	b.bytes(b.text)
	b.rat(h.SetupTotal)
	b.rat(h.RecurringTotal)
}

// wholesale reads wholesaleColumns.
func (r *row) wholesale(h *reseller.Holding) {
	h.Account = billing.AccountID(r.int())
	h.Seller = billing.SellerID(r.string())
	h.Resource = billing.ResourceID(r.string())
	h.Pooled = r.decimal()
	h.Billable = r.decimal()
	h.Charged = r.decimal()
	h.List.Plan = billing.PlanID(r.string())
	h.List.Version = int(r.int())
	h.Limits = read(r, parseCovers)
	h.SetupTotal = r.rat()
	h.RecurringTotal = r.rat()
}

// loadWholesale reads the holdings of accounts, at every seller.
func (r resellerRows) loadWholesale(accounts []billing.AccountID) (all []reseller.Holding, err error) {
	ids := ordered(accounts)
	if len(ids) == 0 {
		return nil, nil
	}
	b := r.work.misc.start()
	query := byIDs{queryWholesale, queryWholesaleRange, queryWholesaleList}.bind(b, ids)
	wanted := ids
	err = r.each(query, b, wholesaleCount, func(row *row) {
		if wants(&wanted, row) {
			all = append(all, reseller.Holding{})
			row.wholesale(&all[len(all)-1])
		}
	})
	return all, err
}

// Holdings implements [reseller.Rows].
func (r resellerRows) Holdings(
	ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int,
) (page []reseller.Holding, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.string(string(seller))
	b.int(int64(account))
	b.string(string(resource))
	b.int(int64(limit))
	err = r.list(ctx, queryWholesalePage, b, wholesaleCount, func(row *row) {
		page = append(page, reseller.Holding{})
		row.wholesale(&page[len(page)-1])
	})
	return page, failure(ctx, "Holdings", err)
}

func appendCovers(b []byte, list []reseller.Limit) []byte {
	for i, x := range list {
		b = append(b, separator(i)...)
		b = append(b, `{"stretch":`...)
		b = strconv.AppendInt(b, int64(x.Stretch), 10)
		b = append(b, `,"units":"`...)
		b = appendDecimal(b, x.Units)
		b = append(b, '"')
		if x.List != (reseller.List{}) {
			b = append(b, `,"list":{"plan":`...)
			b = appendQuoted(b, string(x.List.Plan))
			b = append(b, `,"version":`...)
			b = strconv.AppendInt(b, int64(x.List.Version), 10)
			b = append(b, '}')
		}
		b = append(b, '}')
	}
	return closed(b, len(list))
}

func parseCovers(s string) (list []reseller.Limit, err error) {
	err = json.Unmarshal([]byte(s), &list)
	return list, err
}
