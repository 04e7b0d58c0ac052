package memory

import (
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

func (r billingRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	if err := r.tx.reading(ctx); err != nil {
		return billing.Loaded{}, err
	}
	// A database locks and draws numbers in writing transactions only.
	if r.tx.own == nil && (q.Lock != billing.LockNone || q.NewID) {
		return billing.Loaded{}, storage.ErrReadOnly
	}
	st := r.state()
	out := billing.Loaded{Revision: st.revision}
	for _, id := range ordered(q.IDs) {
		b, ok := st.books.get(id)
		if !ok || !q.DueBy.IsZero() && !due(&b.account, q.DueBy) {
			continue
		}
		s := billing.State{Account: cloneAccount(b.account), Holdings: cloneEach(b.holdings, cloneHolding)}
		if q.Usage {
			s.Usage = cloneEach(behind(b.usage, b.account.MeterScan, usageSeq), cloneUsage)
		}
		out.States = append(out.States, s)
	}
	if q.Key.Key != "" {
		if k, ok := st.keys.get(q.Key); ok {
			c := cloneKey(*k)
			out.Key = &c
		}
	}
	if q.UsageKey != "" && len(q.IDs) > 0 {
		if seq, ok := st.measured.get(measureKey{q.IDs[0], q.UsageResource, q.UsageKey}); ok {
			b, _ := st.books.get(q.IDs[0])
			i, _ := search(b.usage, seq, usageSeq)
			u := cloneUsage(b.usage[i])
			out.Keyed = &u
		}
	}
	if q.Name != "" {
		out.Named, _ = st.names.get(nameKey{q.Seller, q.Name})
	}
	if q.NewID {
		out.NewID = billing.AccountID(r.tx.store.lastID.Add(1))
	}
	return out, nil
}

// ordered returns the distinct IDs in order.
func ordered(ids []billing.AccountID) []billing.AccountID {
	if len(ids) < 2 {
		return ids
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func due(a *billing.Account, day billing.Date) bool {
	return !a.Next.IsZero() && !a.Next.After(day) && a.Parked.Code == ""
}

func (r billingRows) Due(
	ctx context.Context, day billing.Date, after billing.AccountID, limit int,
) ([]billing.AccountID, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []billing.AccountID
	for id, b := range r.state().books.after(after) {
		if len(page) >= limit {
			break
		}
		if due(&b.account, day) {
			page = append(page, id)
		}
	}
	return page, nil
}

func (r billingRows) Accounts(
	ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int,
) ([]billing.Account, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []billing.Account
	for _, b := range r.state().books.after(after) {
		if len(page) >= limit {
			break
		}
		if a := &b.account; selects(q, a) {
			page = append(page, cloneAccount(*a))
		}
	}
	return page, nil
}

func selects(q billing.AccountQuery, a *billing.Account) bool {
	return (q.Seller == "" || a.Seller == q.Seller) &&
		(q.Plan == "" || a.Plan == q.Plan) &&
		(q.Status == "" || a.Status == q.Status) &&
		(!q.Parked || a.Parked.Code != "") &&
		(!q.InDebt || a.Balance.Sign() < 0)
}

func (r billingRows) Holdings(ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var all []billing.Holding
	for _, id := range ordered(ids) {
		if b, ok := r.state().books.get(id); ok {
			all = append(all, cloneEach(b.holdings, cloneHolding)...)
		}
	}
	return all, nil
}
