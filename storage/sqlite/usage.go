package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/billing"
)

const (
	usageColumns = "account, seq, resource, day, amount, key, recorded, source, rolled_up"
	usageCount   = 9

	selectUsage = "SELECT " + usageColumns + " FROM billing_usage "
	// Of each account the records that are not settled. CROSS JOIN keeps the order.
	selectUnsettled = "SELECT u.account, u.seq, u.resource, u.day, u.amount, u.key, u.recorded, u.source, u.rolled_up " +
		"FROM billing_accounts AS a CROSS JOIN billing_usage AS u ON u.account = a.id AND u.seq > a.meter_scan "
	orderUsage      = " ORDER BY a.id, u.seq"
	queryUsage      = selectUnsettled + "WHERE a.id = ?" + orderUsage
	queryUsageRange = selectUnsettled + "WHERE a.id" + inRange + orderUsage
	queryUsageList  = selectUnsettled + "WHERE a.id" + inList + orderUsage
	queryUsageKey   = selectUsage + "WHERE account = ? AND resource = ? AND key = ? AND key <> ''"
	queryUsageLast  = `SELECT max(seq) FROM billing_usage WHERE account = ?`
	queryUsagePage  = selectUsage + "WHERE account = ? AND seq > ? ORDER BY seq LIMIT ?"
)

func bindUsage(b *binder, p **billing.UsageRecord) {
	u := *p
	b.int(int64(u.Account))
	b.int(u.Seq)
	b.string(string(u.Resource))
	b.date(u.Day)
	b.decimal(u.Amount)
	b.string(u.Key)
	b.instant(u.Recorded)
	b.int(int64(u.Source))
	b.ids(u.RolledUp)
}

// usage reads usageColumns.
func (r *row) usage(u *billing.UsageRecord) {
	u.Account = billing.AccountID(r.int())
	u.Seq = r.int()
	u.Resource = billing.ResourceID(r.string())
	u.Day = r.date()
	u.Amount = r.decimal()
	u.Key = r.string()
	u.Recorded = r.instant()
	u.Source = billing.AccountID(r.int())
	u.RolledUp = read(r, parseIDs)
}

// writeUsage numbers the records of each account from its last one on.
func (t *tx) writeUsage(records []*billing.UsageRecord) error {
	if len(records) == 0 {
		return nil
	}
	last := make(map[billing.AccountID]int64, 1)
	for _, u := range records {
		seq, ok := last[u.Account]
		if !ok {
			b := t.work.misc.start()
			b.int(int64(u.Account))
			if err := t.each(queryUsageLast, b, 1, func(row *row) { seq = row.int() }); err != nil {
				return err
			}
		}
		u.Seq = seq + 1
		last[u.Account] = u.Seq
	}
	err := insertRows(t, &t.store.inserts.usage, &t.work.usage, records, bindUsage)
	return exists("usage record", err)
}

// unsettled reads the records with Seq > MeterScan of accounts, which are distinct
// and in order.
func (r billingRows) unsettled(ids []billing.AccountID) (all []billing.UsageRecord, err error) {
	b := r.work.misc.start()
	query := byIDs{queryUsage, queryUsageRange, queryUsageList}.bind(b, ids)
	wanted := ids
	err = r.each(query, b, usageCount, func(row *row) {
		if wants(&wanted, row) {
			all = append(all, billing.UsageRecord{})
			row.usage(&all[len(all)-1])
		}
	})
	return all, err
}

// usageByKey returns nil if there is no such record.
func (r billingRows) usageByKey(
	account billing.AccountID, resource billing.ResourceID, key string,
) (found *billing.UsageRecord, err error) {
	b := r.work.misc.start()
	b.int(int64(account))
	b.string(string(resource))
	b.string(key)
	err = r.each(queryUsageKey, b, usageCount, func(row *row) {
		found = new(billing.UsageRecord)
		row.usage(found)
	})
	return found, err
}

// Usage implements [billing.BookRows].
func (r billingRows) Usage(
	ctx context.Context, account billing.AccountID, after int64, limit int,
) (page []billing.UsageRecord, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.int(int64(account))
	b.int(after)
	b.int(int64(limit))
	err = r.list(ctx, queryUsagePage, b, usageCount, func(row *row) {
		page = append(page, billing.UsageRecord{})
		row.usage(&page[len(page)-1])
	})
	return page, failure(ctx, "Usage", err)
}
