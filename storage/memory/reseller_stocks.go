package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

func (r resellerRows) Load(ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
	if err := r.tx.reading(ctx); err != nil {
		return reseller.Loaded{}, err
	}
	if r.tx.own == nil && q.Lock {
		return reseller.Loaded{}, storage.ErrReadOnly
	}
	st := r.state()
	var out reseller.Loaded
	for _, id := range ordered(q.Accounts) {
		for k, h := range st.holdings.from(customerHolding{account: id}) {
			if k.account != id {
				break
			}
			out.Holdings = append(out.Holdings, cloneWholesale(h))
		}
	}
	sellers := slices.Clone(q.Sellers)
	slices.Sort(sellers)
	for _, id := range slices.Compact(sellers) {
		out.Stocks = append(out.Stocks, r.stocks(id)...)
		if day, ok := st.through.get(id); ok {
			out.Books = append(out.Books, reseller.Books{Seller: id, Through: day})
		}
	}
	return out, nil
}

func (r resellerRows) Lock(ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
	if err := r.tx.writing(ctx); err != nil {
		return nil, err
	}
	st := r.state()
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compareStocks)
	var all []reseller.Stock
	for _, k := range slices.Compact(keys) {
		s, ok := st.stocks.get(k)
		if !ok {
			s = reseller.Stock{Seller: k.Seller, Resource: k.Resource}
			st.stocks.set(r.tx.own, k, s)
		}
		all = append(all, cloneStock(s))
	}
	return all, nil
}

func (r resellerRows) Holdings(
	ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int,
) ([]reseller.Holding, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	st := r.state()
	var page []reseller.Holding
	for k := range st.held.after(sellerHolding{seller, account, resource}) {
		if len(page) >= limit || k.seller != seller {
			break
		}
		h, _ := st.holdings.get(customerHolding{k.account, k.seller, k.resource})
		page = append(page, cloneWholesale(h))
	}
	return page, nil
}

func (r resellerRows) Stocks(ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	return r.stocks(seller), nil
}

func (r resellerRows) stocks(seller billing.SellerID) []reseller.Stock {
	var all []reseller.Stock
	for k, s := range r.state().stocks.from(reseller.StockKey{Seller: seller}) {
		if k.Seller != seller {
			break
		}
		all = append(all, cloneStock(s))
	}
	return all
}

func (r resellerRows) Books(ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
	if err := r.tx.reading(ctx); err != nil {
		return reseller.Books{}, err
	}
	day, ok := r.state().through.get(seller)
	if !ok {
		return reseller.Books{}, fmt.Errorf("books of seller %.80q: %w", seller, storage.ErrNotFound)
	}
	return reseller.Books{Seller: seller, Through: day}, nil
}

func (r resellerRows) Bills(
	ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int,
) ([]reseller.Bill, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	bills := &r.state().bills
	rest := bills.after(billKey{q.Seller, day, resource})
	if day.Before(q.Since) {
		rest = bills.from(billKey{seller: q.Seller, day: q.Since})
	}
	var page []reseller.Bill
	for k, b := range rest {
		if len(page) >= limit || k.seller != q.Seller || !q.Until.IsZero() && k.day.After(q.Until) {
			break
		}
		page = append(page, cloneBill(b))
	}
	return page, nil
}

func (r resellerRows) Transfer(ctx context.Context, account billing.AccountID) (reseller.Transfer, error) {
	if err := r.tx.reading(ctx); err != nil {
		return reseller.Transfer{}, err
	}
	t, ok := r.state().transfers.get(account)
	if !ok {
		return reseller.Transfer{}, fmt.Errorf("transfer of account %d: %w", account, storage.ErrNotFound)
	}
	return t, nil
}

func (r resellerRows) Transfers(
	ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int,
) ([]reseller.Transfer, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []reseller.Transfer
	for k := range r.state().transferred.after(stateTransfer{state, after}) {
		if len(page) >= limit || k.state != state {
			break
		}
		t, _ := r.state().transfers.get(k.account)
		page = append(page, t)
	}
	return page, nil
}
