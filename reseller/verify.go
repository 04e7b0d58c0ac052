package reseller

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Finding is something in the wholesale books that must not be.
type Finding struct {
	Seller  billing.SellerID
	Code    string // one of the Finding codes
	Account billing.AccountID
	Detail  string
}

// String returns the finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("seller %s account %d: %s: %s", f.Seller, f.Account, f.Code, f.Detail)
}

// Codes of findings.
const (
	FindingBill    = "bill"    // a bill is not the sum of its day's shadows, or is missing
	FindingEntry   = "entry"   // a bill is not what its entry on the double says
	FindingShadow  = "shadow"  // a shadow's amount is not what its figures give, or its currency is not the parent's
	FindingRetail  = "retail"  // a shadow names a retail entry that is another event's
	FindingPool    = "pool"    // what is drawn from a pool is not what holdings have, and what comes back
	FindingLimit   = "limit"   // what counts for a limit is not what customers hold
	FindingForeign = "foreign" // a shadow of an account that is not below the reseller
	FindingLost    = "lost"    // shadows of a holding do not come to what it has been charged
)

// Verify looks for anything in the wholesale books that must not be: for every closed
// day of every reseller the sums of shadows against the bills and the double's entries,
// amounts against the figures they came from, what holdings have been charged (setup over
// their life, recurring in their running interval) against their shadows, pools and limits
// against what is held. It
// reads live data, reseller by reseller and page by page, each page in a view of its
// own, and changes nothing. Shadows of days that are open are checked one by one, and
// not added up. Pools and limits change meanwhile: where they do not agree they are
// looked at again in one view. Nothing is yielded when all is well. See also billing's
// Verify, which looks at the retail side.
func (m *Manager) Verify(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		sellers, err := m.engine.SellersBelow(ctx, "")
		if err != nil {
			yield(Finding{}, err)
			return
		}
		byID := map[billing.SellerID]billing.Seller{}
		for _, s := range sellers {
			byID[s.ID] = s
		}
		for _, s := range sellers {
			if s.Double == 0 {
				continue
			}
			v := &verifier{m: m, seller: s, parent: byID[s.Parent], sums: map[dayResource]money.Money{},
				below: map[billing.AccountID]bool{}, charged: map[chargeKey]charge{}}
			err := v.verify(ctx)
			for _, f := range v.found {
				if !yield(f, nil) {
					return
				}
			}
			if err != nil {
				yield(Finding{}, err)
				return
			}
		}
	}
}

type verifier struct {
	m              *Manager
	seller, parent billing.Seller
	found          []Finding

	through billing.Date // the last day that was closed when it began
	sums    map[dayResource]money.Money
	below   map[billing.AccountID]bool // of the accounts of shadows: whether they are below the seller
	charged map[chargeKey]charge       // what shadows have charged
}

type dayResource struct {
	day      billing.Date
	resource billing.ResourceID
}

func (v *verifier) add(code string, account billing.AccountID, format string, args ...any) {
	v.found = append(v.found, Finding{v.seller.ID, code, account, fmt.Sprintf(format, args...)})
}

func (v *verifier) verify(ctx context.Context) (err error) {
	if v.through, err = v.m.ClosedThrough(ctx, v.seller.ID); err != nil {
		return err
	}
	if err := v.shadows(ctx); err != nil {
		return err
	}
	if err := v.bills(ctx); err != nil {
		return err
	}
	if err := v.lost(ctx); err != nil {
		return err
	}
	return v.stocks(ctx)
}

// viewer runs fn in a view.
type viewer func(ctx context.Context, fn func(ctx context.Context, rows Rows, books billing.Rows) error) error

// page is a viewer that makes a view of each call.
func (v *verifier) page(ctx context.Context, fn func(ctx context.Context, rows Rows, books billing.Rows) error) error {
	return v.m.view(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		books, err := v.m.store.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows, books)
	})
}

// shadows checks each shadow, and adds up those of closed days.
func (v *verifier) shadows(ctx context.Context) error {
	for after := (ShadowID{}); ; {
		var page []Shadow
		var entries map[billing.EntryID]*billing.Entry
		err := v.page(ctx, func(ctx context.Context, rows Rows, books billing.Rows) (err error) {
			if page, err = rows.Shadows(ctx, ShadowQuery{Seller: v.seller.ID}, after, pageSize); err != nil {
				return err
			}
			var ids []billing.EntryID
			var unknown []billing.AccountID
			for i := range page {
				if s := &page[i]; s.Entry != 0 {
					ids = append(ids, billing.EntryID{Account: s.Account, Seq: s.Entry})
				}
				if _, known := v.below[page[i].Account]; !known {
					unknown = append(unknown, page[i].Account)
				}
			}
			if err := v.place(ctx, books, unknown); err != nil {
				return err
			}
			entries, err = entriesOf(ctx, books, ids)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			s := &page[i]
			if !v.below[s.Account] {
				v.add(FindingForeign, s.Account, "shadow %d is of an account that is not below it", s.Seq)
			}
			if err := v.shadow(s, entries[billing.EntryID{Account: s.Account, Seq: s.Entry}]); err != nil {
				return err
			}
			if err := v.sum(s); err != nil {
				return err
			}
			if err := tally(v.charged, s); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
		after = page[len(page)-1].ID()
	}
}

// place notes which accounts are below the seller.
func (v *verifier) place(ctx context.Context, books billing.Rows, ids []billing.AccountID) error {
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	loaded, err := books.Load(ctx, billing.LoadQuery{IDs: ids})
	if err != nil {
		return err
	}
	for _, id := range ids {
		v.below[id] = false
	}
	for i := range loaded.States {
		a := &loaded.States[i].Account
		v.below[a.ID] = slices.Contains(a.Above, v.seller.Double)
	}
	return nil
}

// entriesOf reads entries, by their IDs.
func entriesOf(ctx context.Context, books billing.Rows, ids []billing.EntryID) (map[billing.EntryID]*billing.Entry, error) {
	out := make(map[billing.EntryID]*billing.Entry, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	list, err := books.EntriesByID(ctx, ids)
	for i := range list {
		out[list[i].ID()] = &list[i]
	}
	return out, err
}

// sum adds a shadow to those of its day, if that was closed when the verification
// began: then no other comes.
func (v *verifier) sum(s *Shadow) (err error) {
	if s.Day.After(v.through) {
		return nil
	}
	key := dayResource{s.Day, s.Resource}
	sum, ok := v.sums[key]
	if !ok {
		sum = money.Zero(v.parent.Currency)
	}
	if s.Amount.Currency() == v.parent.Currency {
		sum, err = sum.Add(s.Amount)
	}
	v.sums[key] = sum
	return err
}

// shadow checks one shadow; en is the entry that it names, nil if that is not there.
func (v *verifier) shadow(s *Shadow, en *billing.Entry) error {
	cur := v.parent.Currency
	if s.Amount.Currency() != cur || !s.Amount.IsWhole() {
		v.add(FindingShadow, s.Account, "shadow %d is %s, the parent keeps its books in %s", s.Seq, s.Amount, cur.Code)
		return nil
	}
	before, err := s.Basis.Before.RoundMinor(cur.Exponent, s.Basis.Rounding)
	if err != nil {
		return err
	}
	after, err := compact(s.Basis.Before.Add(s.Basis.Exact)).RoundMinor(cur.Exponent, s.Basis.Rounding)
	if err != nil {
		return err
	}
	if want := money.FromMinor(after-before, cur); !want.Equal(s.Amount) {
		v.add(FindingShadow, s.Account, "shadow %d is %s, its figures give %s", s.Seq, s.Amount, want)
	}
	if x := s.Basis.Recompute(); !x.Equal(s.Basis.Exact) {
		v.add(FindingShadow, s.Account, "the figures of shadow %d give %s, not %s", s.Seq, x, s.Basis.Exact)
	}
	if s.Day.Before(s.Date) {
		v.add(FindingShadow, s.Account, "shadow %d of %s is billed on %s", s.Seq, s.Date, s.Day)
	}
	if s.Entry != 0 && (en == nil || en.Resource != s.Resource || en.Kind != s.Kind || en.Date != s.Date) {
		v.add(FindingRetail, s.Account, "shadow %d names entry %d, which is not of its event", s.Seq, s.Entry)
	}
	return nil
}

// bills checks the bills of closed days against the sums and the double's entries.
func (v *verifier) bills(ctx context.Context) error {
	var day billing.Date
	var resource billing.ResourceID
	for {
		var page []Bill
		var entries map[billing.EntryID]*billing.Entry
		var through billing.Date
		err := v.page(ctx, func(ctx context.Context, rows Rows, books billing.Rows) (err error) {
			if page, err = rows.Bills(ctx, BillQuery{Seller: v.seller.ID}, day, resource, pageSize); err != nil {
				return err
			}
			b, err := rows.Books(ctx, v.seller.ID)
			if err != nil && !isNotFound(err) {
				return err
			}
			through = b.Through
			var ids []billing.EntryID
			for i := range page {
				if page[i].Entry != 0 {
					ids = append(ids, billing.EntryID{Account: page[i].Account, Seq: page[i].Entry})
				}
			}
			entries, err = entriesOf(ctx, books, ids)
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			b := &page[i]
			v.bill(b, through, entries[billing.EntryID{Account: b.Account, Seq: b.Entry}])
		}
		if len(page) < pageSize {
			break
		}
		day, resource = page[len(page)-1].Day, page[len(page)-1].Resource
	}
	for key, sum := range v.sums {
		v.add(FindingBill, v.seller.Double, "day %s is closed, %s of %s is not billed", key.day, sum, key.resource)
	}
	return nil
}

// bill checks one bill, and takes its sum off those that are to be billed. through is
// the last day that is closed, en the entry that the bill names, nil if that is not
// there.
func (v *verifier) bill(b *Bill, through billing.Date, en *billing.Entry) {
	key := dayResource{b.Day, b.Resource}
	sum, ok := v.sums[key]
	delete(v.sums, key)
	switch {
	case b.Day.After(through):
		v.add(FindingBill, b.Account, "the bill of %s for %s is there before the day is closed", b.Day, b.Resource)
	case b.Day.After(v.through): // closed meanwhile
	case !ok:
		v.add(FindingBill, b.Account, "the bill of %s for %s has no shadows", b.Day, b.Resource)
	case !sum.Equal(b.Amount):
		v.add(FindingBill, b.Account, "the bill of %s for %s is %s, its shadows are %s", b.Day, b.Resource, b.Amount, sum)
	}
	switch {
	case b.Entry == 0:
		if b.Amount.Sign() != 0 {
			v.add(FindingEntry, b.Account, "the bill of %s for %s has no entry", b.Day, b.Resource)
		}
	case en == nil || en.Kind != billing.EntryWholesale || en.Resource != b.Resource || en.Date != b.Day || !en.Amount.Equal(b.Amount):
		v.add(FindingEntry, b.Account, "the bill of %s for %s is not what entry %d says", b.Day, b.Resource, b.Entry)
	}
}

// stocks checks pools and limits against what is held: page by page, and if something
// does not agree in one view, as it may have changed from page to page.
func (v *verifier) stocks(ctx context.Context) error {
	before := len(v.found)
	if err := v.stocksIn(ctx, v.page); err != nil || len(v.found) == before {
		return err
	}
	whole := *v
	err := v.m.view(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		books, err := v.m.store.Billing(tx)
		if err != nil {
			return err
		}
		whole.m, whole.found = v.m.In(tx), v.found[:before:before]
		return whole.stocksIn(ctx, func(ctx context.Context, fn func(context.Context, Rows, billing.Rows) error) error {
			return fn(ctx, rows, books)
		})
	})
	v.found = whole.found
	return err
}

func (v *verifier) stocksIn(ctx context.Context, view viewer) error {
	pooled, err := v.pooled(ctx, view)
	if err != nil {
		return err
	}
	var stocks []Stock
	err = view(ctx, func(ctx context.Context, rows Rows, _ billing.Rows) (err error) {
		stocks, err = rows.Stocks(ctx, v.seller.ID)
		return err
	})
	if err != nil {
		return err
	}
	for i := range stocks {
		s := &stocks[i]
		want := pooled[s.Resource]
		for _, r := range s.Returns {
			want = want.Add(r.Units)
		}
		if !want.Equal(s.Pooled) {
			v.add(FindingPool, v.seller.Double, "%s of %s is drawn, holdings and returns have %s", s.Pooled, s.Resource, want)
		}
		delete(pooled, s.Resource)
		if s.Limit == nil {
			continue
		}
		held, err := v.m.heldBelow(ctx, view, v.seller.ID, s.Resource)
		if err != nil {
			return err
		}
		if !held.Equal(s.Held) {
			v.add(FindingLimit, v.seller.Double, "%s of %s counts, customers hold %s", s.Held, s.Resource, held)
		}
	}
	for _, id := range sortedKeys(pooled) {
		if pooled[id].Sign() != 0 {
			v.add(FindingPool, v.seller.Double, "holdings have %s of %s, none is drawn", pooled[id], id)
		}
	}
	return nil
}

// pooled adds up what holdings have drawn, by resource.
func (v *verifier) pooled(ctx context.Context, view viewer) (map[billing.ResourceID]decimal.Decimal, error) {
	sums := map[billing.ResourceID]decimal.Decimal{}
	var account billing.AccountID
	var resource billing.ResourceID
	for {
		var page []Holding
		err := view(ctx, func(ctx context.Context, rows Rows, _ billing.Rows) (err error) {
			page, err = rows.Holdings(ctx, v.seller.ID, account, resource, pageSize)
			return err
		})
		if err != nil {
			return nil, err
		}
		for i := range page {
			sums[page[i].Resource] = sums[page[i].Resource].Add(page[i].Pooled)
		}
		if len(page) < pageSize {
			return sums, nil
		}
		account, resource = page[len(page)-1].Account, page[len(page)-1].Resource
	}
}
