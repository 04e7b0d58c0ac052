package reseller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// CloseReport says what a close of days did.
type CloseReport struct {
	Until     billing.Date
	Days      int64 // days of resellers that had shadows
	Bills     int64
	Documents int64
}

// Close closes the days of all resellers up to and including one: each day's shadows
// are summed per reseller and resource, one bill each, together one document of the
// reseller's double, dated that day, with its seller's taxes; days one after the other,
// resellers in the order in which they were made, resources by name. A day is closed
// once it is over where the reseller is and where its parent is; a day that is closed
// never changes: a shadow that comes late is billed with the first open day. Closing
// again, or by several processes at once, changes nothing.
//
// Each reseller's day is one transaction, which waits for those that work on its
// customers. One that fails does not hold up the others, and is named in the error.
func (m *Manager) Close(ctx context.Context, until billing.Date) (CloseReport, error) {
	report := CloseReport{Until: until}
	resellers, failed, err := m.resellers(ctx)
	if err != nil {
		return report, err
	}
	days, err := m.openDays(ctx, until)
	if err != nil {
		return report, err
	}
	slices.SortStableFunc(days, func(a, b OpenDay) int {
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(resellers[a.Seller].seller.Double, resellers[b.Seller].seller.Double))
	})
	stuck := map[billing.SellerID]bool{}
	for _, d := range days {
		r, ok := resellers[d.Seller]
		if !ok && !stuck[d.Seller] {
			stuck[d.Seller] = true
			failed = append(failed, fmt.Errorf("reseller.Close: day %s of seller %s: %w", d.Day, d.Seller, ErrNotReseller))
		}
		if stuck[d.Seller] || r.today(m.clock.Now()).Compare(d.Day) <= 0 {
			continue
		}
		for closed := (billing.Date{}); closed.Before(d.Day); {
			var bills int
			closed, bills, err = m.closeDay(ctx, r, d.Day)
			if err != nil {
				if ctx.Err() != nil {
					return report, err
				}
				stuck[d.Seller] = true // its days go one after the other
				failed = append(failed, fmt.Errorf("reseller.Close: day %s of seller %s: %w", d.Day, d.Seller, err))
				break
			}
			if bills >= 0 {
				report.Days++
				report.Bills += int64(bills)
				report.Documents++
			}
		}
	}
	for id := range stuck {
		delete(resellers, id)
	}
	for _, id := range sortedKeys(resellers) {
		if err := m.passDays(ctx, resellers[id], until); err != nil {
			if ctx.Err() != nil {
				return report, err
			}
			failed = append(failed, fmt.Errorf("reseller.Close: seller %s: %w", id, err))
		}
	}
	return report, errors.Join(failed...)
}

// Run closes the days before a day, then runs the engine up to the day (spec section 7),
// and ends the transfers of customers who do not leave any more. It may be run late, again
// and by several processes at once, as the engine's run. A reseller whose days cannot be closed
// holds up neither the others nor its own customers: their boundaries are handled, and
// what is late is billed with the first day that is open, as always, which then is an
// earlier one. What the reseller owes in all is the same.
func (m *Manager) Run(ctx context.Context, day billing.Date, o billing.RunOptions) (billing.RunReport, error) {
	if m.tx != nil {
		return billing.RunReport{Day: day}, fmt.Errorf("reseller.Run: runs in transactions of its own: %w", storage.ErrNestedTx)
	}
	_, closed := m.Close(ctx, day.AddDays(-1))
	if closed != nil && ctx.Err() != nil {
		return billing.RunReport{Day: day}, closed
	}
	report, err := m.engine.Run(ctx, day, o)
	if err != nil && ctx.Err() != nil {
		return report, err
	}
	return report, errors.Join(closed, err, m.endTransfers(ctx, day))
}

// resellerOf is a reseller with the time zones that its days end in.
type resellerOf struct {
	seller      billing.Seller
	parent      billing.Seller
	own, theirs *time.Location
}

// today is the earlier of the dates that it is where the reseller and its parent are:
// days before it are over.
func (r resellerOf) today(now time.Time) billing.Date {
	a, b := billing.DateIn(now, r.own), billing.DateIn(now, r.theirs)
	if b.Before(a) {
		return b
	}
	return a
}

// resellers returns all resellers that have a double; failed says of which the days
// cannot be told, because this machine does not know a time zone.
func (m *Manager) resellers(ctx context.Context) (out map[billing.SellerID]resellerOf, failed []error, err error) {
	list, err := m.engine.SellersBelow(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	byID := map[billing.SellerID]billing.Seller{}
	for _, s := range list {
		byID[s.ID] = s
	}
	out = map[billing.SellerID]resellerOf{}
	for _, s := range list {
		if s.Double == 0 {
			continue
		}
		r := resellerOf{seller: s, parent: byID[s.Parent]}
		r.own, err = zone(s.TimeZone)
		if err == nil {
			r.theirs, err = zone(r.parent.TimeZone)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("reseller.Close: seller %s: %w", s.ID, err))
			continue
		}
		out[s.ID] = r
	}
	return out, failed, nil
}

func zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, tierhost.E("reseller", tierhost.KindUnavailable, "time_zone_unknown", err)
	}
	return loc, nil
}

// openDays lists the days that have shadows and are not closed.
func (m *Manager) openDays(ctx context.Context, until billing.Date) (days []OpenDay, err error) {
	const page = 1000
	for after := (OpenDay{}); ; {
		var rows []OpenDay
		err := m.view(ctx, func(ctx context.Context, _ storage.Tx, r Rows) (err error) {
			rows, err = r.OpenDays(ctx, until, after, page)
			return err
		})
		if err != nil {
			return nil, err
		}
		days = append(days, rows...)
		if len(rows) < page {
			return days, nil
		}
		after = rows[len(rows)-1]
	}
}

// closeDay closes a day of one reseller, or an open day before it that has got shadows since
// the days were listed, and returns which, and how many bills that made; -1 if the day was
// closed already.
func (m *Manager) closeDay(ctx context.Context, r resellerOf, until billing.Date) (day billing.Date, bills int, err error) {
	err = m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		day, bills = until, -1
		if err := m.hold(ctx, tx, r.seller.Double); err != nil {
			return err
		}
		books, err := rows.Books(ctx, r.seller.ID)
		if err != nil && !isNotFound(err) {
			return err
		}
		if !books.Through.Before(day) {
			return nil
		}
		for found := true; found; {
			var before billing.Date
			if before, found, err = openDay(ctx, rows, r.seller.ID, books, day.AddDays(-1)); err != nil {
				return err
			} else if found {
				day = before
			}
		}
		sums, err := rows.Sums(ctx, r.seller.ID, day)
		if err != nil {
			return err
		}
		bills = len(sums)
		act := billing.Bill{Request: billing.Request{On: day}, Account: r.seller.Double}
		for _, s := range sums {
			act.Lines = append(act.Lines, billing.BillLine{Resource: s.Resource, Amount: money.FromMinor(s.Minor, s.Currency)})
		}
		res, err := m.engine.In(tx).Do(ctx, act)
		if err != nil {
			return err
		}
		now := m.clock.Now().UTC().Truncate(time.Microsecond)
		b := &Batch{Books: []Books{{Seller: r.seller.ID, Through: day}}}
		for i, s := range sums {
			bill := Bill{Seller: r.seller.ID, Day: day, Resource: s.Resource, Amount: act.Lines[i].Amount,
				Shadows: s.Shadows, Account: r.seller.Double, Recorded: now}
			for _, e := range res.Entries {
				if e.Kind == billing.EntryWholesale && e.Resource == s.Resource {
					bill.Document, bill.Entry = e.Document, e.Seq
				}
			}
			b.Bills = append(b.Bills, bill)
		}
		return rows.Write(ctx, b)
	})
	return day, bills, err
}

// openDay returns a day, not the first, up to one that has shadows and is not closed.
func openDay(ctx context.Context, rows Rows, id billing.SellerID, books Books, until billing.Date) (day billing.Date, found bool, err error) {
	q := ShadowQuery{Seller: id, Until: until}
	if !books.Through.IsZero() {
		if q.Since = books.Through.AddDays(1); until.Before(q.Since) {
			return day, false, nil
		}
	}
	open, err := rows.Shadows(ctx, q, ShadowID{}, 1)
	if err != nil || len(open) == 0 {
		return day, false, err
	}
	return open[0].Day, true, nil
}

// hold locks a reseller's double: nobody writes shadows for it meanwhile.
func (m *Manager) hold(ctx context.Context, tx storage.Tx, double billing.AccountID) error {
	rows, err := m.store.Billing(tx)
	if err != nil {
		return err
	}
	loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{double}, Lock: billing.LockWait, Above: billing.AboveShare})
	if err == nil && len(loaded.States) == 0 {
		err = fmt.Errorf("reseller: account %d: %w", double, billing.ErrUnknownAccount)
	}
	return err
}

// passDays closes the days without shadows of a reseller up to one.
func (m *Manager) passDays(ctx context.Context, r resellerOf, until billing.Date) error {
	id, through := r.seller.ID, until
	if last := r.today(m.clock.Now()).AddDays(-1); last.Before(through) {
		through = last
	}
	var books Books
	err := m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
		books, err = rows.Books(ctx, id)
		return err
	})
	if isNotFound(err) {
		err = nil
	}
	if err != nil || !books.Through.Before(through) {
		return err
	}
	return m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		if err := m.hold(ctx, tx, r.seller.Double); err != nil {
			return err
		}
		now, err := rows.Books(ctx, id)
		if err != nil && !isNotFound(err) {
			return err
		}
		if !now.Through.Before(through) {
			return nil
		}
		// A shadow may have been written since the days were listed: its day stays open.
		if _, open, err := openDay(ctx, rows, id, now, through); err != nil || open {
			return err
		}
		return rows.Write(ctx, &Batch{Books: []Books{{Seller: id, Through: through}}})
	})
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
