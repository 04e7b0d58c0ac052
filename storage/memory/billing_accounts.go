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
	if r.tx.own == nil && (q.Lock != billing.LockNone || q.Above == billing.AboveShare || q.NewID) {
		return billing.Loaded{}, storage.ErrReadOnly
	}
	st := r.state()
	out := billing.Loaded{Revision: st.revision, Above: r.above(&q)}
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

// above returns the accounts above those asked for, whether these are due or not: a
// database may read them first.
func (r billingRows) above(q *billing.LoadQuery) []billing.Account {
	if q.Above == billing.AboveNone {
		return nil
	}
	books := &r.state().books
	ids := slices.Clone(q.AboveToo)
	for _, id := range q.IDs {
		if b, ok := books.get(id); ok {
			ids = append(ids, b.account.Above...)
		}
	}
	var all []billing.Account
	for _, id := range ordered(ids) {
		if b, ok := books.get(id); ok {
			all = append(all, cloneAccount(b.account))
		}
	}
	return all
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
	ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int,
) ([]billing.DueAccount, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []billing.DueAccount
	for id, b := range r.state().books.after(after) {
		if len(page) >= limit {
			break
		}
		a := &b.account
		if !due(a, q.Day) || len(q.Sellers) > 0 && !slices.Contains(q.Sellers, a.Seller) {
			continue
		}
		d := billing.DueAccount{ID: id}
		if len(a.Above) > 0 {
			d.Top = a.Above[0]
		}
		page = append(page, d)
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
		(!q.Open || a.Status != billing.Closed) &&
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
