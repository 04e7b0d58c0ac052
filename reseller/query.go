package reseller

import (
	"context"
	"errors"
	"iter"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// pageSize is how many rows a listing reads at once; no transaction is held between
// the pages.
const pageSize = 500

// Shadows lists a reseller's shadows by the day with which they are billed. It is the
// host's view: a reseller sees a day when it has closed, see [Manager.Bills].
func (m *Manager) Shadows(ctx context.Context, q ShadowQuery) iter.Seq2[Shadow, error] {
	return func(yield func(Shadow, error) bool) {
		for after := (ShadowID{}); ; {
			var page []Shadow
			err := m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
				page, err = rows.Shadows(ctx, q, after, pageSize)
				return err
			})
			if err != nil {
				yield(Shadow{}, err)
				return
			}
			for _, s := range page {
				if !yield(s, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			after = page[len(page)-1].ID()
		}
	}
}

// Bills lists a reseller's bills by day and resource: those of closed days.
func (m *Manager) Bills(ctx context.Context, q BillQuery) iter.Seq2[Bill, error] {
	return func(yield func(Bill, error) bool) {
		var day billing.Date
		var resource billing.ResourceID
		for {
			var page []Bill
			err := m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
				page, err = rows.Bills(ctx, q, day, resource, pageSize)
				return err
			})
			if err != nil {
				yield(Bill{}, err)
				return
			}
			for _, b := range page {
				if !yield(b, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			day, resource = page[len(page)-1].Day, page[len(page)-1].Resource
		}
	}
}

// Explain says in one line how the shadow's amount came about.
func (s Shadow) Explain() string {
	return billing.ExplainEntry(billing.Entry{Account: s.Account, Date: s.Date, Kind: s.Kind, Resource: s.Resource,
		Quantity: s.Quantity, From: s.From, To: s.To, Amount: s.Amount, Basis: s.Basis})
}

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }

// ClosedThrough returns the last day of a reseller that is closed; the zero Date if
// none is. billing.ErrUnknownSeller if there is no such seller.
func (m *Manager) ClosedThrough(ctx context.Context, seller billing.SellerID) (billing.Date, error) {
	if _, err := m.engine.Seller(ctx, seller); err != nil {
		return billing.Date{}, err
	}
	var books Books
	err := m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
		books, err = rows.Books(ctx, seller)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return billing.Date{}, nil
	}
	return books.Through, err
}

// Open adds up what a reseller owes for days that are not closed yet ("since
// midnight"), by resource, as the host may ask at any time. billing.ErrUnknownSeller if
// there is no such seller.
func (m *Manager) Open(ctx context.Context, seller billing.SellerID) ([]OpenSum, error) {
	through, err := m.ClosedThrough(ctx, seller)
	if err != nil {
		return nil, err
	}
	q := ShadowQuery{Seller: seller}
	if !through.IsZero() {
		q.Since = through.AddDays(1)
	}
	sums := map[billing.ResourceID]*OpenSum{}
	for s, err := range m.Shadows(ctx, q) {
		if err != nil {
			return nil, err
		}
		x := sums[s.Resource]
		if x == nil {
			x = &OpenSum{Resource: s.Resource, Amount: money.Zero(s.Amount.Currency())}
			sums[s.Resource] = x
		}
		x.Shadows++
		if x.Amount, err = x.Amount.Add(s.Amount); err != nil {
			return nil, err
		}
	}
	return sortedSums(sums), nil
}

// OpenSum is what a reseller's shadows of a resource that are not billed yet come to.
type OpenSum struct {
	Resource billing.ResourceID
	Amount   money.Money
	Shadows  int64
}

func sortedSums(sums map[billing.ResourceID]*OpenSum) []OpenSum {
	out := make([]OpenSum, 0, len(sums))
	for _, id := range sortedKeys(sums) {
		out = append(out, *sums[id])
	}
	return out
}
