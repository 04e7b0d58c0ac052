package memory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

func (r resellerRows) Shadows(
	ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int,
) ([]reseller.Shadow, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	if after.Day.Before(q.Since) {
		after = reseller.ShadowID{Day: q.Since}
	}
	var page []reseller.Shadow
	for s := range r.candidates(&q, after) {
		if len(page) >= limit || !q.Until.IsZero() && s.Day.After(q.Until) {
			break
		}
		if q.Resource == "" || s.Resource == q.Resource {
			page = append(page, cloneShadow(*s))
		}
	}
	return page, nil
}

// candidates yields the shadows of the seller, or of an account there, after an ID.
func (r resellerRows) candidates(q *reseller.ShadowQuery, after reseller.ShadowID) iter.Seq[*reseller.Shadow] {
	st, start := r.state(), dayShadow{sellerDay{q.Seller, after.Day}, after.Seq}
	return func(yield func(*reseller.Shadow) bool) {
		if q.Account != 0 {
			for k, s := range st.byAccount.after(accountShadow{q.Account, start}) {
				if k.seller != q.Seller || k.account != q.Account || !yield(s) {
					return
				}
			}
			return
		}
		for k, s := range st.byDay.after(start) {
			if k.seller != q.Seller || !yield(s) {
				return
			}
		}
	}
}

func (r resellerRows) Sums(
	ctx context.Context, seller billing.SellerID, day billing.Date,
) ([]reseller.Sum, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	type group struct {
		resource billing.ResourceID
		currency money.Currency
	}
	sums := make(map[group]*reseller.Sum)
	of := sellerDay{seller, day}
	for k, s := range r.state().byDay.from(dayShadow{sellerDay: of}) {
		if k.sellerDay != of {
			break
		}
		g := group{s.Resource, s.Amount.Currency()}
		sum := sums[g]
		if sum == nil {
			sum = &reseller.Sum{Resource: g.resource, Currency: g.currency}
			sums[g] = sum
		}
		minor, err := s.Amount.Minor()
		if err != nil {
			return nil, err // Write has let no such shadow pass
		}
		next := sum.Minor + minor
		if next > sum.Minor != (minor > 0) {
			return nil, fmt.Errorf("shadows of seller %.80q on %v: %w", seller, day, money.ErrOverflow)
		}
		sum.Minor = next
		sum.Shadows++
	}
	var all []reseller.Sum
	for _, sum := range sums {
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b reseller.Sum) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Currency.Code, b.Currency.Code), cmp.Compare(a.Currency.Exponent, b.Currency.Exponent))
	})
	return all, nil
}

func (r resellerRows) OpenDays(
	ctx context.Context, until billing.Date, after reseller.OpenDay, limit int,
) ([]reseller.OpenDay, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []reseller.OpenDay
	for d := range r.state().shadowsOpen.after(after) {
		if len(page) >= limit || d.Day.After(until) {
			break
		}
		page = append(page, d)
	}
	return page, nil
}
