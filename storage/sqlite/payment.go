package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
)

var _ gateways.Store = (*Store)(nil)

const (
	selectAccountsAt  = `SELECT doc FROM gateway_accounts `
	selectInstruments = `SELECT doc FROM gateway_instruments `
	selectPayments    = `SELECT doc FROM gateway_payments `

	queryRoutesDrop = `DELETE FROM gateway_routes WHERE account = ?`
	queryRouteAdd   = `INSERT INTO gateway_routes (seller, brand, place, account) VALUES (?, ?, ?, ?)`

	queryPaymentInsert = `INSERT INTO gateway_payments
(version, doc, seller, customer, account, instrument, phase, key, parked, available, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING`
	queryPaymentUpdate = `UPDATE gateway_payments SET version = ?1, doc = ?2, seller = ?3, customer = ?4, account = ?5,
instrument = ?6, phase = ?7, key = ?8, parked = ?9, available = ?10 WHERE id = ?11 AND version = ?1 - 1`
	queryPayment            = selectPayments + `WHERE id = ?`
	queryPaymentKeyed       = selectPayments + `WHERE seller = ? AND key = ?`
	queryPaymentOfOperation = selectPayments + `WHERE id = (SELECT payment FROM gateway_operations WHERE id = ?)`
	queryPaymentReferred    = selectPayments + `WHERE id = (SELECT min(payment) FROM gateway_references WHERE account = ? AND reference = ?)`
	queryPaymentsDue        = selectPayments + `WHERE available <= ? ORDER BY available, id LIMIT ?`
	queryPaymentNext        = `SELECT min(available) FROM gateway_payments WHERE available > ?`

	queryOperationsOf   = `SELECT id FROM gateway_operations WHERE payment = ?`
	queryOperationDrop  = `DELETE FROM gateway_operations WHERE id = ?`
	queryOperationAdd   = `INSERT INTO gateway_operations (id, payment) VALUES (?, ?)`
	queryReferencesOf   = `SELECT account, reference FROM gateway_references WHERE payment = ?`
	queryReferencesDrop = `DELETE FROM gateway_references WHERE payment = ?`
	queryReferenceAdd   = `INSERT INTO gateway_references (account, reference, payment) VALUES (?, ?, ?)`

	queryExchangeAdd = `INSERT INTO gateway_exchanges (payment, doc) VALUES (?, ?)`
	queryExchanges   = `SELECT number, doc FROM gateway_exchanges WHERE payment = ? AND number > ? ORDER BY number LIMIT ?`
	queryCount       = `INSERT INTO gateway_counts (account, day, brand, verb, outcome, currency, number, minor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account, day, brand, verb, outcome, currency) DO UPDATE SET number = number + excluded.number, minor = minor + excluded.minor`
	queryCounts = `SELECT account, day, brand, verb, outcome, currency, number, minor FROM gateway_counts
WHERE account = ? AND day >= ? AND day <= ? ORDER BY day, brand, verb, outcome, currency`
)

func accountAtTable() versioned {
	return newVersioned("account", "gateway_accounts", ", seller", ", ?", ", seller = ?")
}

func instrumentTable() versioned {
	return newVersioned("instrument", "gateway_instruments", ", seller, customer", ", ?, ?", ", seller = ?, customer = ?")
}

// gatewayQueries lists the statements that every connection keeps.
func gatewayQueries() []string {
	return slices.Concat(accountAtTable().queries(), instrumentTable().queries(), []string{
		queryPaymentInsert, queryPaymentUpdate, queryPayment, queryPaymentKeyed, queryPaymentOfOperation, queryPaymentReferred, queryPaymentsDue,
		queryPaymentNext, queryOperationsOf, queryOperationAdd, queryReferencesOf, queryReferencesDrop, queryReferenceAdd, queryExchangeAdd,
		queryExchanges, queryCount, queryCounts, queryNoticeInsert, queryNoticeUpdate, queryNotice, queryNoticesDue, queryNoticeNext,
	})
}

// gatewayRows is the rows of package gateways within a transaction.
type gatewayRows struct{ rows inventoryRows }

// Gateways implements [gateways.Store].
func (s *Store) Gateways(x storage.Tx) (gateways.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return gatewayRows{inventoryRows{t}}, nil
}

// PutAccount implements [gateways.AccountRows].
func (r gatewayRows) PutAccount(ctx context.Context, a gateways.Account) error {
	if err := r.rows.put(ctx, "PutAccount", accountAtTable(), string(a.ID), a.Version, a, func(b *binder) { b.string(a.Seller) }); err != nil {
		return err
	}
	return r.rows.atomically(ctx, "PutAccount", func() error {
		if _, err := r.rows.exec(queryRoutesDrop, r.rows.key(string(a.ID))); err != nil || !a.Active {
			return err
		}
		for brand, place := range a.Brands {
			b := r.rows.key(a.Seller)
			b.string(string(brand))
			b.int(int64(place))
			b.string(string(a.ID))
			if _, err := r.rows.exec(queryRouteAdd, b); err != nil {
				if taken(err) {
					err = fmt.Errorf("another account has %.32q: %w: %w", brand, storage.ErrExists, err)
				}
				return err
			}
		}
		return nil
	})
}

// Account implements [gateways.AccountRows].
func (r gatewayRows) Account(ctx context.Context, id gateways.AccountID) (gateways.Account, error) {
	return versionedRow[gateways.Account](ctx, r.rows, "Account", accountAtTable(), string(id))
}

// Accounts implements [gateways.AccountRows].
func (r gatewayRows) Accounts(ctx context.Context, seller string, after gateways.AccountID, limit int) ([]gateways.Account, error) {
	f := newFilter(selectAccountsAt, r.rows.work)
	if seller != "" {
		f.where("seller = ?").string(seller)
	}
	return following[gateways.Account](ctx, dnsRows(r), "Accounts", f, "id", string(after), limit)
}

// PutInstrument implements [gateways.InstrumentRows].
func (r gatewayRows) PutInstrument(ctx context.Context, i gateways.Instrument) error {
	return r.rows.put(ctx, "PutInstrument", instrumentTable(), string(i.ID), i.Version, i, func(b *binder) {
		b.string(i.Seller)
		b.string(i.Customer)
	})
}

// Instrument implements [gateways.InstrumentRows].
func (r gatewayRows) Instrument(ctx context.Context, id gateways.InstrumentID) (gateways.Instrument, error) {
	return versionedRow[gateways.Instrument](ctx, r.rows, "Instrument", instrumentTable(), string(id))
}

// Instruments implements [gateways.InstrumentRows].
func (r gatewayRows) Instruments(
	ctx context.Context, q gateways.InstrumentQuery, after gateways.InstrumentID, limit int,
) ([]gateways.Instrument, error) {
	f := newFilter(selectInstruments, r.rows.work)
	if !q.All {
		f.where("seller = ?").string(q.Seller)
		f.where("customer = ?").string(q.Customer)
	}
	return following[gateways.Instrument](ctx, dnsRows(r), "Instruments", f, "id", string(after), limit)
}

// PutPayment implements [gateways.PaymentRows].
func (r gatewayRows) PutPayment(ctx context.Context, p gateways.Payment) error {
	text, err := encoded("PutPayment", &p)
	if err != nil {
		return err
	}
	return r.rows.atomically(ctx, "PutPayment", func() error {
		if err := r.rows.lock(); err != nil {
			return err
		}
		query := queryPaymentUpdate
		if p.Version == 1 {
			query = queryPaymentInsert
		}
		n, err := r.rows.run(query, r.bound(&p, text))
		switch {
		case taken(err):
			return fmt.Errorf("a payment with the key %.128q: %w: %w", p.Key, storage.ErrConflict, err)
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("payment %.128q is not at version %d: %w", p.ID, p.Version-1, storage.ErrConflict)
		}
		if err := r.putOperations(&p); err != nil {
			return err
		}
		return r.putReferences(&p)
	})
}

func (r gatewayRows) bound(p *gateways.Payment, text []byte) *binder {
	b := r.rows.work.misc.start()
	b.int(p.Version)
	b.bytes(text)
	b.string(p.Seller)
	b.string(p.Customer)
	b.string(string(p.Account))
	b.string(string(p.Instrument))
	b.string(string(p.Phase))
	if p.Key == "" {
		b.null()
	} else {
		b.string(p.Key)
	}
	if p.Parked == nil {
		b.null()
	} else {
		b.int(1)
	}
	instantOrNull(b, p.Available())
	b.string(string(p.ID))
	return b
}

// putOperations keeps whose the attempts of a payment are.
func (r gatewayRows) putOperations(p *gateways.Payment) error {
	have := map[string]bool{}
	if err := r.rows.each(queryOperationsOf, r.rows.key(string(p.ID)), 1, func(row *row) { have[row.string()] = true }); err != nil {
		return err
	}
	for i := range p.Attempts {
		id := string(p.Attempts[i].ID)
		if have[id] {
			delete(have, id)
			continue
		}
		b := r.rows.key(id)
		b.string(string(p.ID))
		if _, err := r.rows.exec(queryOperationAdd, b); err != nil {
			if taken(err) {
				err = fmt.Errorf("another payment has operation %.128q: %w: %w", id, storage.ErrConflict, err)
			}
			return err
		}
	}
	for id := range have {
		if _, err := r.rows.exec(queryOperationDrop, r.rows.key(id)); err != nil {
			return err
		}
	}
	return nil
}

// putReferences keeps what providers call a payment.
func (r gatewayRows) putReferences(p *gateways.Payment) error {
	want, have := p.References(), map[gateways.Reference]bool{}
	if err := r.rows.each(queryReferencesOf, r.rows.key(string(p.ID)), 2, func(row *row) {
		have[gateways.Reference{Account: gateways.AccountID(row.string()), Value: row.string()}] = true
	}); err != nil {
		return err
	}
	if len(have) == len(want) && !slices.ContainsFunc(want, func(k gateways.Reference) bool { return !have[k] }) {
		return nil
	}
	if len(have) > 0 {
		if _, err := r.rows.exec(queryReferencesDrop, r.rows.key(string(p.ID))); err != nil {
			return err
		}
	}
	for _, k := range want {
		b := r.rows.key(string(k.Account))
		b.string(k.Value)
		b.string(string(p.ID))
		if _, err := r.rows.exec(queryReferenceAdd, b); err != nil {
			return err
		}
	}
	return nil
}

// payment returns the payment that a query finds.
func (r gatewayRows) payment(ctx context.Context, op, query string, b *binder) (gateways.Payment, error) {
	return onlyRow[gateways.Payment](ctx, serviceRows{r.rows}, op, query, b)
}

// Payment implements [gateways.PaymentRows].
func (r gatewayRows) Payment(ctx context.Context, id gateways.PaymentID) (gateways.Payment, error) {
	return r.payment(ctx, "Payment", queryPayment, r.rows.key(string(id)))
}

// PaymentByKey implements [gateways.PaymentRows].
func (r gatewayRows) PaymentByKey(ctx context.Context, seller, key string) (gateways.Payment, error) {
	b := r.rows.key(seller)
	b.string(key)
	return r.payment(ctx, "PaymentByKey", queryPaymentKeyed, b)
}

// PaymentByOperation implements [gateways.PaymentRows].
func (r gatewayRows) PaymentByOperation(ctx context.Context, id gateways.OperationID) (gateways.Payment, error) {
	return r.payment(ctx, "PaymentByOperation", queryPaymentOfOperation, r.rows.key(string(id)))
}

// PaymentByReference implements [gateways.PaymentRows].
func (r gatewayRows) PaymentByReference(ctx context.Context, account gateways.AccountID, reference string) (gateways.Payment, error) {
	b := r.rows.key(string(account))
	b.string(reference)
	return r.payment(ctx, "PaymentByReference", queryPaymentReferred, b)
}

// Payments implements [gateways.PaymentRows].
func (r gatewayRows) Payments(
	ctx context.Context, q gateways.PaymentQuery, after gateways.PaymentID, limit int,
) ([]gateways.Payment, error) {
	f := newFilter(selectPayments, r.rows.work)
	if !q.AllSellers {
		f.where("seller = ?").string(q.Seller)
	}
	for _, c := range [][2]string{
		{"customer = ?", q.Customer}, {"account = ?", string(q.Account)}, {"instrument = ?", string(q.Instrument)}, {"phase = ?", string(q.Phase)},
	} {
		if c[1] != "" {
			f.where(c[0]).string(c[1])
		}
	}
	if q.Parked {
		f.where("parked IS NOT NULL")
	}
	if q.Reference != (gateways.Reference{}) {
		b := f.where("id IN (SELECT payment FROM gateway_references WHERE account = ? AND reference = ?)")
		b.string(string(q.Reference.Account))
		b.string(q.Reference.Value)
	}
	return following[gateways.Payment](ctx, dnsRows(r), "Payments", f, "id", string(after), limit)
}

// DuePayments implements [gateways.PaymentRows]. Whoever may write holds the only lock
// there is.
func (r gatewayRows) DuePayments(ctx context.Context, now time.Time, limit int) ([]gateways.Payment, error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.rows.work.misc.start()
	b.instant(now)
	b.int(int64(limit))
	return page[gateways.Payment](ctx, r.rows, "DuePayments", queryPaymentsDue, b)
}

// AddExchanges implements [gateways.PaymentRows].
func (r gatewayRows) AddExchanges(ctx context.Context, all []gateways.LogEntry) error {
	return r.rows.atomically(ctx, "AddExchanges", func() error {
		for i := range all {
			text, err := encoded("AddExchanges", &all[i])
			if err != nil {
				return err
			}
			b := r.rows.key(string(all[i].Payment))
			b.bytes(text)
			if _, err := r.rows.exec(queryExchangeAdd, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// Exchanges implements [gateways.PaymentRows].
func (r gatewayRows) Exchanges(ctx context.Context, id gateways.PaymentID, after int64, limit int) (all []gateways.LogEntry, err error) {
	if err := r.rows.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.rows.key(string(id))
	b.int(after)
	b.int(int64(limit))
	err = r.rows.list(ctx, queryExchanges, b, 2, func(row *row) {
		number := row.int()
		e := read(row, decoded[gateways.LogEntry])
		e.Number = number
		all = append(all, e)
	})
	return all, failure(ctx, "Exchanges", err)
}

// Count implements [gateways.PaymentRows].
func (r gatewayRows) Count(ctx context.Context, c gateways.Count) error {
	return r.rows.atomically(ctx, "Count", func() error {
		b := r.rows.key(string(c.Account))
		b.string(c.Day)
		b.string(string(c.Brand))
		b.string(string(c.Verb))
		b.string(c.Outcome)
		b.currency(c.Currency)
		b.int(c.Number)
		b.int(c.Minor)
		_, err := r.rows.exec(queryCount, b)
		return err
	})
}

// Counts implements [gateways.PaymentRows].
func (r gatewayRows) Counts(ctx context.Context, account gateways.AccountID, from, to string) (all []gateways.Count, err error) {
	if err := r.rows.reading(ctx); err != nil {
		return nil, err
	}
	b := r.rows.key(string(account))
	b.string(from)
	b.string(to)
	err = r.rows.list(ctx, queryCounts, b, 8, func(row *row) {
		all = append(all, gateways.Count{
			Account: gateways.AccountID(row.string()), Day: row.string(), Brand: gateways.Brand(row.string()), Verb: gateways.Verb(row.string()),
			Outcome: row.string(), Currency: row.currency(), Number: row.int(), Minor: row.int(),
		})
	})
	return all, failure(ctx, "Counts", err)
}
