package memory

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// Write writes at once. The accounts that the rows name need not be there: billing's
// write of them may follow.
func (r resellerRows) Write(ctx context.Context, b *reseller.Batch) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	for _, step := range []func(*reseller.Batch) error{r.writeBills, r.writeShadows} {
		if err := step(b); err != nil {
			return r.tx.abort(err)
		}
	}
	st, own := r.state(), r.tx.own
	for _, h := range b.Holdings {
		st.holdings.set(own, customerHolding{h.Account, h.Seller, h.Resource}, cloneWholesale(h))
		st.held.set(own, sellerHolding{h.Seller, h.Account, h.Resource}, struct{}{})
	}
	for _, s := range b.Stocks {
		st.stocks.set(own, s.Key(), cloneStock(s))
	}
	for _, k := range b.Books {
		r.close(k)
	}
	for _, t := range b.Transfers {
		if old, ok := st.transfers.get(t.Account); ok {
			st.transferred.delete(own, stateTransfer{old.State, t.Account})
		}
		st.transfers.set(own, t.Account, t)
		st.transferred.set(own, stateTransfer{t.State, t.Account}, struct{}{})
	}
	return nil
}

func (r resellerRows) writeBills(b *reseller.Batch) error {
	st := r.state()
	for _, x := range b.Bills {
		if err := whole(x.Amount); err != nil {
			return fmt.Errorf("bill of %.80q: %w", x.Seller, err)
		}
		k := billKey{x.Seller, x.Day, x.Resource}
		if st.bills.has(k) {
			return fmt.Errorf("bill of %.80q for %.80q on %v: %w", x.Seller, x.Resource, x.Day, storage.ErrExists)
		}
		st.bills.set(r.tx.own, k, cloneBill(x))
	}
	return nil
}

func (r resellerRows) writeShadows(b *reseller.Batch) error {
	st, own := r.state(), r.tx.own
	for _, x := range b.Shadows {
		if err := whole(x.Amount); err != nil {
			return fmt.Errorf("shadow of %.80q: %w", x.Seller, err)
		}
		st.lastShadow++
		x.Seq = st.lastShadow
		kept := cloneShadow(*x)
		day := sellerDay{x.Seller, x.Day}
		st.byAccount.set(own, accountShadow{x.Account, dayShadow{day, x.Seq}}, &kept)
		st.byDay.set(own, dayShadow{day, x.Seq}, &kept)
		if st.shadowed.has(day) {
			continue
		}
		st.shadowed.set(own, day, struct{}{})
		if through, _ := st.through.get(x.Seller); x.Day.After(through) {
			st.shadowsOpen.set(own, reseller.OpenDay{Day: x.Day, Seller: x.Seller}, struct{}{})
		}
	}
	return nil
}

// close keeps the last day that is closed, and the index of open days in step with it.
func (r resellerRows) close(b reseller.Books) {
	st, own := r.state(), r.tx.own
	was, _ := st.through.get(b.Seller)
	st.through.set(own, b.Seller, b.Through)
	for _, day := range r.shadowed(b.Seller, was, b.Through) {
		st.shadowsOpen.delete(own, reseller.OpenDay{Day: day, Seller: b.Seller})
	}
	for _, day := range r.shadowed(b.Seller, b.Through, was) {
		st.shadowsOpen.set(own, reseller.OpenDay{Day: day, Seller: b.Seller}, struct{}{})
	}
}

// shadowed returns the days with shadows after one day and up to another.
func (r resellerRows) shadowed(seller billing.SellerID, after, through billing.Date) []billing.Date {
	var days []billing.Date
	for k := range r.state().shadowed.after(sellerDay{seller, after}) {
		if k.seller != seller || k.day.After(through) {
			break
		}
		days = append(days, k.day)
	}
	return days
}
