package memory

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
)

// The store keeps the rows of package gateways.
var _ gateways.Store = (*Store)(nil)

// gatewayState is the accounts at providers, and what was paid through them.
type gatewayState struct {
	accounts    tree[gateways.AccountID, gateways.Account]
	instruments tree[gateways.InstrumentID, gateways.Instrument]
	payments    tree[gateways.PaymentID, gateways.Payment]
	keyed       tree[paymentKey, gateways.PaymentID]
	operations  tree[gateways.OperationID, gateways.PaymentID]
	references  tree[referenceKey, struct{}]
	due         tree[paymentTime, struct{}]
	number      int64 // of the last exchange
	exchanges   tree[exchangeKey, gateways.LogEntry]
	counts      tree[countKey, gateways.Count]
	notices     tree[noticeKey, gateways.Inbound]
	noticesDue  tree[noticeTime, struct{}]
}

type paymentKey struct{ seller, key string }

// referenceKey is what a provider calls a payment, at the account through which it is paid.
type referenceKey struct {
	account   gateways.AccountID
	reference string
	payment   gateways.PaymentID
}

type paymentTime struct {
	at time.Time
	id gateways.PaymentID
}

type exchangeKey struct {
	payment gateways.PaymentID
	number  int64
}

type countKey struct {
	account  gateways.AccountID
	day      string
	brand    gateways.Brand
	verb     gateways.Verb
	outcome  string
	currency string
}

type noticeKey struct {
	account gateways.AccountID
	event   string
}

type noticeTime struct {
	at time.Time
	noticeKey
}

func compareNotices(a, b noticeKey) int {
	return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.event, b.event))
}

func newGatewayState() gatewayState {
	return gatewayState{
		accounts:    newTree[gateways.AccountID, gateways.Account](cmp.Compare[gateways.AccountID]),
		instruments: newTree[gateways.InstrumentID, gateways.Instrument](cmp.Compare[gateways.InstrumentID]),
		payments:    newTree[gateways.PaymentID, gateways.Payment](cmp.Compare[gateways.PaymentID]),
		keyed: newTree[paymentKey, gateways.PaymentID](func(a, b paymentKey) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.key, b.key))
		}),
		operations: newTree[gateways.OperationID, gateways.PaymentID](cmp.Compare[gateways.OperationID]),
		references: newTree[referenceKey, struct{}](func(a, b referenceKey) int {
			return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.reference, b.reference), cmp.Compare(a.payment, b.payment))
		}),
		due: newTree[paymentTime, struct{}](func(a, b paymentTime) int {
			return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
		}),
		exchanges: newTree[exchangeKey, gateways.LogEntry](func(a, b exchangeKey) int {
			return cmp.Or(cmp.Compare(a.payment, b.payment), cmp.Compare(a.number, b.number))
		}),
		counts: newTree[countKey, gateways.Count](func(a, b countKey) int {
			return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.day, b.day), cmp.Compare(a.brand, b.brand),
				cmp.Compare(a.verb, b.verb), cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.currency, b.currency))
		}),
		notices: newTree[noticeKey, gateways.Inbound](compareNotices),
		noticesDue: newTree[noticeTime, struct{}](func(a, b noticeTime) int {
			return cmp.Or(a.at.Compare(b.at), compareNotices(a.noticeKey, b.noticeKey))
		}),
	}
}

// Gateways implements [gateways.Store].
func (s *Store) Gateways(x storage.Tx) (gateways.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return gatewayRows{t}, nil
}

// gatewayRows is the rows of package gateways within a transaction.
type gatewayRows struct{ tx *tx }

func (r gatewayRows) state() *gatewayState { return &r.tx.state.gateways }

func (r gatewayRows) accounts() versioned[gateways.AccountID, gateways.Account] {
	return versioned[gateways.AccountID, gateways.Account]{
		r.tx, &r.state().accounts, "account",
		func(a gateways.Account) int64 { return a.Version }, gateways.Account.Clone,
	}
}

func (r gatewayRows) PutAccount(ctx context.Context, a gateways.Account) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	for _, other := range r.state().accounts.all() {
		if !a.Active || !other.Active || other.Seller != a.Seller || other.ID == a.ID {
			continue
		}
		for brand, order := range a.Brands {
			if at, has := other.Brands[brand]; has && at == order {
				return r.tx.abort(fmt.Errorf("account %.128q has %.32q: %w", other.ID, brand, storage.ErrExists))
			}
		}
	}
	return r.accounts().put(ctx, a.ID, a)
}

func (r gatewayRows) Account(ctx context.Context, id gateways.AccountID) (gateways.Account, error) {
	return r.accounts().find(ctx, id)
}

func (r gatewayRows) Accounts(ctx context.Context, seller string, after gateways.AccountID, limit int) ([]gateways.Account, error) {
	return r.accounts().page(ctx, after, limit, func(a gateways.Account) bool { return seller == "" || a.Seller == seller })
}

func (r gatewayRows) instruments() versioned[gateways.InstrumentID, gateways.Instrument] {
	return versioned[gateways.InstrumentID, gateways.Instrument]{
		r.tx, &r.state().instruments, "instrument",
		func(i gateways.Instrument) int64 { return i.Version },
		func(i gateways.Instrument) gateways.Instrument {
			i = i.Clone()
			i.Made, i.Removed, i.Waits = instant(i.Made), instant(i.Removed), instant(i.Waits)
			if i.Handover != nil {
				i.Handover.Until = instant(i.Handover.Until)
			}
			return i
		},
	}
}

func (r gatewayRows) PutInstrument(ctx context.Context, i gateways.Instrument) error {
	return r.instruments().put(ctx, i.ID, i)
}

func (r gatewayRows) Instrument(ctx context.Context, id gateways.InstrumentID) (gateways.Instrument, error) {
	return r.instruments().find(ctx, id)
}

func (r gatewayRows) Instruments(
	ctx context.Context, q gateways.InstrumentQuery, after gateways.InstrumentID, limit int,
) ([]gateways.Instrument, error) {
	return r.instruments().page(ctx, after, limit, func(i gateways.Instrument) bool {
		return q.All || i.Seller == q.Seller && i.Customer == q.Customer
	})
}

func (r gatewayRows) payments() versioned[gateways.PaymentID, gateways.Payment] {
	return versioned[gateways.PaymentID, gateways.Payment]{
		r.tx, &r.state().payments, "payment",
		func(p gateways.Payment) int64 { return p.Version },
		func(p gateways.Payment) gateways.Payment {
			p = p.Clone()
			p.Made, p.Expires, p.Again = instant(p.Made), instant(p.Expires), instant(p.Again)
			p.Due, p.Lease.Until = instant(p.Due), instant(p.Lease.Until)
			for n := range p.Attempts {
				a := &p.Attempts[n]
				a.Begun, a.Ended, a.Called, a.Until = instant(a.Begun), instant(a.Ended), instant(a.Called), instant(a.Until)
			}
			if p.Parked != nil {
				p.Parked.At = instant(p.Parked.At)
			}
			for n := range p.Also {
				p.Also[n].At = instant(p.Also[n].At)
			}
			return p
		},
	}
}

func (r gatewayRows) PutPayment(ctx context.Context, p gateways.Payment) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	if p.Key != "" {
		if id, taken := st.keyed.get(paymentKey{p.Seller, p.Key}); taken && id != p.ID {
			return r.tx.abort(fmt.Errorf("payment %.128q has the key: %w", id, storage.ErrConflict))
		}
	}
	for _, a := range p.Attempts {
		if id, taken := st.operations.get(a.ID); taken && id != p.ID {
			return r.tx.abort(fmt.Errorf("payment %.128q has operation %.128q: %w", id, a.ID, storage.ErrConflict))
		}
	}
	old, there := st.payments.get(p.ID)
	if err := r.payments().put(ctx, p.ID, p); err != nil {
		return err
	}
	p, _ = st.payments.get(p.ID)
	if there {
		for _, a := range old.Attempts {
			st.operations.delete(r.tx.own, a.ID)
		}
		for _, k := range old.References() {
			st.references.delete(r.tx.own, referenceKey{k.Account, k.Value, old.ID})
		}
		if at := old.Available(); !at.IsZero() {
			st.due.delete(r.tx.own, paymentTime{at, old.ID})
		}
	}
	if p.Key != "" {
		st.keyed.set(r.tx.own, paymentKey{p.Seller, p.Key}, p.ID)
	}
	for _, a := range p.Attempts {
		st.operations.set(r.tx.own, a.ID, p.ID)
	}
	for _, k := range p.References() {
		st.references.set(r.tx.own, referenceKey{k.Account, k.Value, p.ID}, struct{}{})
	}
	if at := p.Available(); !at.IsZero() {
		st.due.set(r.tx.own, paymentTime{at, p.ID}, struct{}{})
	}
	return nil
}

func (r gatewayRows) Payment(ctx context.Context, id gateways.PaymentID) (gateways.Payment, error) {
	return r.payments().find(ctx, id)
}

func (r gatewayRows) PaymentByKey(ctx context.Context, seller, key string) (gateways.Payment, error) {
	id, _ := r.state().keyed.get(paymentKey{seller, key})
	return r.Payment(ctx, id)
}

func (r gatewayRows) PaymentByOperation(ctx context.Context, op gateways.OperationID) (gateways.Payment, error) {
	id, _ := r.state().operations.get(op)
	return r.Payment(ctx, id)
}

func (r gatewayRows) PaymentByReference(ctx context.Context, account gateways.AccountID, reference string) (gateways.Payment, error) {
	var id gateways.PaymentID
	for k := range r.state().references.after(referenceKey{account: account, reference: reference}) {
		if k.account == account && k.reference == reference && reference != "" {
			id = k.payment
		}
		break
	}
	return r.Payment(ctx, id)
}

func (r gatewayRows) Payments(
	ctx context.Context, q gateways.PaymentQuery, after gateways.PaymentID, limit int,
) ([]gateways.Payment, error) {
	match := func(p gateways.Payment) bool {
		return (q.AllSellers || p.Seller == q.Seller) && (q.Customer == "" || p.Customer == q.Customer) &&
			(q.Account == "" || p.Account == q.Account) && (q.Instrument == "" || p.Instrument == q.Instrument) &&
			(q.Phase == "" || p.Phase == q.Phase) && (!q.Parked || p.Parked != nil)
	}
	if q.Reference == (gateways.Reference{}) {
		return r.payments().page(ctx, after, limit, match)
	}
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []gateways.Payment
	for k := range r.state().references.after(referenceKey{q.Reference.Account, q.Reference.Value, after}) {
		if k.account != q.Reference.Account || k.reference != q.Reference.Value || len(page) >= limit {
			break
		}
		if p, err := r.Payment(ctx, k.payment); err != nil {
			return nil, err
		} else if match(p) {
			page = append(page, p)
		}
	}
	return page, nil
}

func (r gatewayRows) DuePayments(ctx context.Context, now time.Time, limit int) (all []gateways.Payment, err error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	for k := range r.state().due.all() {
		if k.at.After(now) || len(all) >= limit {
			break
		}
		p, err := r.Payment(ctx, k.id)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (r gatewayRows) AddExchanges(ctx context.Context, all []gateways.LogEntry) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	for _, e := range all {
		st.number++
		e.Number, e.At = st.number, instant(e.At)
		st.exchanges.set(r.tx.own, exchangeKey{e.Payment, e.Number}, e)
	}
	return nil
}

func (r gatewayRows) Exchanges(ctx context.Context, id gateways.PaymentID, after int64, limit int) (all []gateways.LogEntry, err error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	for k, e := range r.state().exchanges.after(exchangeKey{id, after}) {
		if k.payment != id || len(all) >= limit {
			break
		}
		all = append(all, e)
	}
	return all, nil
}

func (r gatewayRows) Count(ctx context.Context, c gateways.Count) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	currency, err := c.Currency.MarshalText()
	if err != nil {
		return err
	}
	k := countKey{c.Account, c.Day, c.Brand, c.Verb, c.Outcome, string(currency)}
	old, _ := r.state().counts.get(k)
	c.Number += old.Number
	c.Minor += old.Minor
	r.state().counts.set(r.tx.own, k, c)
	return nil
}

func (r gatewayRows) Counts(ctx context.Context, account gateways.AccountID, from, to string) (all []gateways.Count, err error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	for k, c := range r.state().counts.after(countKey{account: account, day: from}) {
		if k.account != account || k.day > to {
			break
		}
		all = append(all, c)
	}
	return all, nil
}
