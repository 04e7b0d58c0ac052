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
	ctx context.Context, q reseller.ShadowQuery, after int64, limit int,
) ([]reseller.Shadow, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []reseller.Shadow
	for s := range r.candidates(&q, after) {
		if len(page) >= limit {
			break
		}
		if selectsShadow(&q, s) {
			page = append(page, cloneShadow(*s))
		}
	}
	return page, nil
}

// candidates yields shadows of the seller with a Seq greater than after, by Seq: from
// the index that leaves out most of those that do not match.
func (r resellerRows) candidates(q *reseller.ShadowQuery, after int64) iter.Seq[*reseller.Shadow] {
	st := r.state()
	return func(yield func(*reseller.Shadow) bool) {
		switch {
		case q.Account != 0:
			for k, s := range st.byAccount.after(accountShadow{q.Seller, q.Account, after}) {
				if k.seller != q.Seller || k.account != q.Account || !yield(s) {
					return
				}
			}
		case !q.Since.IsZero() && q.Since == q.Until:
			day := sellerDay{q.Seller, q.Since}
			for k, s := range st.byDay.after(dayShadow{day, after}) {
				if k.sellerDay != day || !yield(s) {
					return
				}
			}
		default:
			for k, s := range st.shadows.after(shadowKey{q.Seller, after}) {
				if k.seller != q.Seller || !yield(s) {
					return
				}
			}
		}
	}
}

func selectsShadow(q *reseller.ShadowQuery, s *reseller.Shadow) bool {
	return (q.Resource == "" || s.Resource == q.Resource) && between(q.Since, s.Day, q.Until)
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
