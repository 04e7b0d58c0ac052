package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
)

var _ gateways.Store = (*Store)(nil)

type gatewayStatements struct {
	accounts, instruments versionedStatements // and seller; seller, customer
	dropRoutes            *statement          // account
	addRoutes             *statement          // account, seller, brands, places
	lockInstrument        *statement          // id

	// id, version, doc, seller, customer, account, instrument, phase, key, parked,
	// available: the version if it is written
	insert, update                 *statement
	payment, keyed, done, referred *statement // id; seller, key; operation; account, reference
	due, take                      *statement // now, limit; take locks
	next                           *statement // now
	dropOperations                 *statement // payment, and those that it keeps
	addOperations                  *statement // payment, operations
	dropReferences, addReferences  *statement // payment, accounts, references

	addExchanges *statement // payments, docs
	exchanges    *statement // payment, after, limit
	count        *statement // account, day, brand, verb, outcome, currency, number, minor
	counts       *statement // account, from, to

	notices noticeStatements
}

func newGatewayStatements(x sqlText) gatewayStatements {
	const (
		from       = "SELECT doc FROM {{schema}}.gateway_payments WHERE "
		due        = from + "available <= $1::timestamptz ORDER BY available, id LIMIT $2::bigint"
		references = "unnest($2::text[], $3::text[]) AS c (account, reference)"
	)
	return gatewayStatements{
		accounts:       newVersionedStatements(x, "gateway_accounts", column{"seller", textType}),
		instruments:    newVersionedStatements(x, "gateway_instruments", column{"seller", textType}, column{"customer", textType}),
		lockInstrument: x.statement("SELECT doc FROM {{schema}}.gateway_instruments WHERE id = $1::text FOR NO KEY UPDATE"),
		dropRoutes:     x.statement("DELETE FROM {{schema}}.gateway_routes WHERE account = $1::text"),
		addRoutes: x.statement(`INSERT INTO {{schema}}.gateway_routes (seller, brand, place, account)
			SELECT $2::text, c.brand, c.place, $1::text FROM unnest($3::text[], $4::bigint[]) AS c (brand, place)`),

		insert: x.statement(`INSERT INTO {{schema}}.gateway_payments
			(id, version, doc, seller, customer, account, instrument, phase, key, parked, available) VALUES ($1::text, $2::bigint,
			$3::json, $4::text, $5::text, $6::text, $7::text, $8::text, nullif($9::text, ''), nullif($10::bigint, 0) = 1, $11::timestamptz)
			ON CONFLICT (id) DO NOTHING RETURNING version`),
		update: x.statement(`UPDATE {{schema}}.gateway_payments SET version = $2::bigint, doc = $3::json, seller = $4::text,
			customer = $5::text, account = $6::text, instrument = $7::text, phase = $8::text, key = nullif($9::text, ''),
			parked = nullif($10::bigint, 0) = 1, available = $11::timestamptz WHERE id = $1::text AND version = $2::bigint - 1 RETURNING version`),
		payment:  x.statement(from + "id = $1::text"),
		keyed:    x.statement(from + "seller = $1::text AND key = $2::text"),
		done:     x.statement(from + "id = (SELECT payment FROM {{schema}}.gateway_operations WHERE id = $1::text)"),
		referred: x.statement(from + "id = (SELECT min(payment) FROM {{schema}}.gateway_references WHERE account = $1::text AND reference = $2::text)"),
		due:      x.statement(due),
		take:     x.statement(due + " FOR UPDATE SKIP LOCKED"),
		next: x.statement(`SELECT at FROM (
			(SELECT available AS at FROM {{schema}}.gateway_payments WHERE available > $1::timestamptz ORDER BY available LIMIT 1) UNION ALL
			(SELECT due FROM {{schema}}.gateway_notices WHERE due > $1::timestamptz ORDER BY due LIMIT 1)) AS n ORDER BY at LIMIT 1`),
		dropOperations: x.statement("DELETE FROM {{schema}}.gateway_operations WHERE payment = $1::text AND id <> ALL ($2::text[])"),
		// What is there is not written again. One that is another payment's violates the key.
		addOperations: x.statement(`INSERT INTO {{schema}}.gateway_operations (id, payment)
			SELECT c.id, $1::text FROM unnest($2::text[]) AS c (id) WHERE NOT EXISTS
			(SELECT FROM {{schema}}.gateway_operations o WHERE o.id = c.id AND o.payment = $1::text) ORDER BY 1`),
		dropReferences: x.statement(`DELETE FROM {{schema}}.gateway_references r WHERE r.payment = $1::text AND NOT EXISTS
			(SELECT FROM ` + references + ` WHERE c.account = r.account AND c.reference = r.reference)`),
		addReferences: x.statement(`INSERT INTO {{schema}}.gateway_references (account, reference, payment)
			SELECT c.account, c.reference, $1::text FROM ` + references + ` ORDER BY 1, 2 ON CONFLICT DO NOTHING`),

		addExchanges: x.statement(`INSERT INTO {{schema}}.gateway_exchanges (payment, doc)
			SELECT c.payment, c.doc::json FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c (payment, doc, n) ORDER BY n`),
		exchanges: x.statement(`SELECT number, doc FROM {{schema}}.gateway_exchanges WHERE payment = $1::text AND number > $2::bigint
			ORDER BY number LIMIT $3::bigint`),
		count: x.statement(`INSERT INTO {{schema}}.gateway_counts (account, day, brand, verb, outcome, currency, slot, number, minor)
			VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, pg_catalog.pg_backend_pid() % 64, $7::bigint, $8::bigint)
			ON CONFLICT (account, day, brand, verb, outcome, currency, slot)
			DO UPDATE SET number = gateway_counts.number + excluded.number, minor = gateway_counts.minor + excluded.minor`),
		counts: x.statement(`SELECT account, day, brand, verb, outcome, currency, sum(number)::bigint, sum(minor)::bigint
			FROM {{schema}}.gateway_counts WHERE account = $1::text AND day >= $2::text AND day <= $3::text
			GROUP BY account, day, brand, verb, outcome, currency ORDER BY day, brand, verb, outcome, currency`),

		notices: newNoticeStatements(x),
	}
}

// gatewayRows is the rows of package gateways within a transaction.
type gatewayRows struct{ rows inventoryRows }

// Gateways implements [gateways.Store].
func (s *Store) Gateways(tx storage.Tx) (gateways.Rows, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return gatewayRows{inventoryRows{t}}, nil
}

func (r gatewayRows) own() *gatewayStatements { return &r.rows.tx.store.sql.gateways }

// PutAccount implements [gateways.AccountRows].
func (r gatewayRows) PutAccount(ctx context.Context, a gateways.Account) error {
	const op = "postgres.PutAccount"
	if err := r.rows.put(ctx, op, &r.own().accounts, string(a.ID), a.Version, a, a.Seller); err != nil {
		return err
	}
	var send round
	var drop, add params
	drop.text(string(a.ID))
	send.add(r.own().dropRoutes, drop, nil)
	if a.Active && len(a.Brands) > 0 {
		// In one order, so that two accounts do not wait for each other.
		brands := slices.Sorted(maps.Keys(a.Brands))
		places := make([]int64, len(brands))
		for i, b := range brands {
			places[i] = int64(a.Brands[b])
		}
		add.text(string(a.ID)).text(a.Seller)
		texts(&add, brands)
		ints(&add, places)
		send.add(r.own().addRoutes, add, nil)
	}
	return r.rows.tx.run(ctx, op, &send, false)
}

// Account implements [gateways.AccountRows].
func (r gatewayRows) Account(ctx context.Context, id gateways.AccountID) (gateways.Account, error) {
	return versionedRow[gateways.Account](ctx, r.rows, "postgres.Account", &r.own().accounts, string(id))
}

// Accounts implements [gateways.AccountRows].
func (r gatewayRows) Accounts(ctx context.Context, seller string, after gateways.AccountID, limit int) ([]gateways.Account, error) {
	var f filter
	f.text("seller = ?::text", seller)
	return selected[gateways.Account](ctx, r.rows, "postgres.Accounts", "gateway_accounts", &f, string(after), limit)
}

// PutInstrument implements [gateways.InstrumentRows].
func (r gatewayRows) PutInstrument(ctx context.Context, i gateways.Instrument) error {
	return r.rows.put(ctx, "postgres.PutInstrument", &r.own().instruments, string(i.ID), i.Version, i, i.Seller, i.Customer)
}

// Instrument implements [gateways.InstrumentRows].
func (r gatewayRows) Instrument(ctx context.Context, id gateways.InstrumentID) (gateways.Instrument, error) {
	st := r.own().lockInstrument
	if r.rows.tx.readOnly {
		st = r.own().instruments.find
	}
	var p params
	p.text(string(id))
	return single(versionedRows[gateways.Instrument](ctx, r.rows, "postgres.Instrument", st, p))
}

// Instruments implements [gateways.InstrumentRows].
func (r gatewayRows) Instruments(
	ctx context.Context, q gateways.InstrumentQuery, after gateways.InstrumentID, limit int,
) ([]gateways.Instrument, error) {
	var f filter
	if !q.All {
		f.params.text(q.Seller)
		f.add("seller = ?::text")
		f.params.text(q.Customer)
		f.add("customer = ?::text")
	}
	return selected[gateways.Instrument](ctx, r.rows, "postgres.Instruments", "gateway_instruments", &f, string(after), limit)
}

// PutPayment implements [gateways.PaymentRows].
func (r gatewayRows) PutPayment(ctx context.Context, p gateways.Payment) error {
	const op = "postgres.PutPayment"
	if err := r.rows.tx.usable(ctx, true); err != nil {
		return err
	}
	text, err := json.Marshal(&p)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	parked := int64(0)
	if p.Parked != nil {
		parked = 1
	}
	var row, operations, references params
	row.text(string(p.ID)).int(p.Version).text(string(text)).text(p.Seller).text(p.Customer).text(string(p.Account)).text(string(p.Instrument)).
		text(string(p.Phase)).text(p.Key).int(parked).instantOrNull(p.Available())
	ids := make([]string, len(p.Attempts))
	for i := range p.Attempts {
		ids[i] = string(p.Attempts[i].ID)
	}
	operations.text(string(p.ID))
	texts(&operations, ids)
	known := p.References()
	accounts, values := make([]string, len(known)), make([]string, len(known))
	for i, k := range known {
		accounts[i], values[i] = string(k.Account), k.Value
	}
	references.text(string(p.ID))
	texts(&references, accounts)
	texts(&references, values)

	var send round
	written := 0
	write := r.own().update
	if p.Version == 1 {
		write = r.own().insert
	}
	send.add(write, row, func([][]byte) error { written++; return nil })
	if p.Version > 1 {
		send.add(r.own().dropOperations, operations, nil)
		send.add(r.own().dropReferences, references, nil)
	}
	if len(ids) > 0 {
		send.add(r.own().addOperations, operations, nil)
	}
	if len(known) > 0 {
		send.add(r.own().addReferences, references, nil)
	}
	if err := r.rows.tx.run(ctx, op, &send, false); err != nil {
		return err
	}
	if written == 0 {
		return r.rows.tx.abort(fmt.Errorf("%s: it has another version: %w", op, storage.ErrConflict))
	}
	return nil
}

// found returns the payment that a statement finds.
func (r gatewayRows) found(ctx context.Context, op string, st *statement, keys ...string) (gateways.Payment, error) {
	var p params
	for _, k := range keys {
		p.text(k)
	}
	return single(versionedRows[gateways.Payment](ctx, r.rows, op, st, p))
}

// Payment implements [gateways.PaymentRows].
func (r gatewayRows) Payment(ctx context.Context, id gateways.PaymentID) (gateways.Payment, error) {
	return r.found(ctx, "postgres.Payment", r.own().payment, string(id))
}

// PaymentByKey implements [gateways.PaymentRows].
func (r gatewayRows) PaymentByKey(ctx context.Context, seller, key string) (gateways.Payment, error) {
	return r.found(ctx, "postgres.PaymentByKey", r.own().keyed, seller, key)
}

// PaymentByOperation implements [gateways.PaymentRows].
func (r gatewayRows) PaymentByOperation(ctx context.Context, id gateways.OperationID) (gateways.Payment, error) {
	return r.found(ctx, "postgres.PaymentByOperation", r.own().done, string(id))
}

// PaymentByReference implements [gateways.PaymentRows].
func (r gatewayRows) PaymentByReference(ctx context.Context, account gateways.AccountID, reference string) (gateways.Payment, error) {
	return r.found(ctx, "postgres.PaymentByReference", r.own().referred, string(account), reference)
}

// Payments implements [gateways.PaymentRows].
func (r gatewayRows) Payments(
	ctx context.Context, q gateways.PaymentQuery, after gateways.PaymentID, limit int,
) ([]gateways.Payment, error) {
	var f filter
	if !q.AllSellers {
		f.params.text(q.Seller)
		f.add("seller = ?::text")
	}
	f.text("customer = ?::text", q.Customer)
	f.text("account = ?::text", string(q.Account))
	f.text("instrument = ?::text", string(q.Instrument))
	f.text("phase = ?::text", string(q.Phase))
	if q.Parked {
		f.add("parked")
	}
	if q.Reference != (gateways.Reference{}) {
		if !r.rows.tx.readOnly {
			if err := r.holdReference(ctx, q.Reference); err != nil {
				return nil, err
			}
		}
		f.params.text(q.Reference.Value)
		value := strconv.Itoa(len(f.params))
		f.params.text(string(q.Reference.Account))
		f.add("id IN (SELECT payment FROM {{schema}}.gateway_references WHERE reference = $" + value + "::text AND account = ?::text)")
	}
	return selected[gateways.Payment](ctx, r.rows, "postgres.Payments", "gateway_payments", &f, string(after), limit)
}

// holdReference has others who ask for a reference wait until the transaction has ended.
func (r gatewayRows) holdReference(ctx context.Context, of gateways.Reference) error {
	var p params
	p.int(lockKey(r.rows.tx.store.options.Schema + "/" + string(of.Account) + "/" + of.Value))
	return r.rows.exec(ctx, "postgres.Payments", r.rows.tx.store.sql.outbox.lock, p)
}

// DuePayments implements [gateways.PaymentRows].
func (r gatewayRows) DuePayments(ctx context.Context, now time.Time, limit int) ([]gateways.Payment, error) {
	st := r.own().take
	if r.rows.tx.readOnly {
		st = r.own().due
	}
	var p params
	p.instant(now).limit(limit)
	return versionedRows[gateways.Payment](ctx, r.rows, "postgres.DuePayments", st, p)
}

// AddExchanges implements [gateways.PaymentRows].
func (r gatewayRows) AddExchanges(ctx context.Context, all []gateways.LogEntry) error {
	const op = "postgres.AddExchanges"
	if err := r.rows.tx.usable(ctx, true); err != nil || len(all) == 0 {
		return err
	}
	payments, docs := make([]string, len(all)), make([]string, len(all))
	for i := range all {
		text, err := json.Marshal(&all[i])
		if err != nil {
			return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
		}
		payments[i], docs[i] = string(all[i].Payment), string(text)
	}
	var p params
	texts(&p, payments)
	texts(&p, docs)
	return r.rows.exec(ctx, op, r.own().addExchanges, p)
}

// Exchanges implements [gateways.PaymentRows].
func (r gatewayRows) Exchanges(ctx context.Context, id gateways.PaymentID, after int64, limit int) ([]gateways.LogEntry, error) {
	var p params
	p.text(string(id)).int(after).limit(limit)
	return query(ctx, r.rows.tx, "postgres.Exchanges", r.own().exchanges, p, func(s *scan, e *gateways.LogEntry) {
		number := s.int()
		s.json(e)
		e.Number = number
	})
}

// Count implements [gateways.PaymentRows].
func (r gatewayRows) Count(ctx context.Context, c gateways.Count) error {
	const op = "postgres.Count"
	currency, err := c.Currency.MarshalText()
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(string(c.Account)).text(c.Day).text(string(c.Brand)).text(string(c.Verb)).text(c.Outcome).text(string(currency)).int(c.Number).int(c.Minor)
	return r.rows.exec(ctx, op, r.own().count, p)
}

// Counts implements [gateways.PaymentRows].
func (r gatewayRows) Counts(ctx context.Context, account gateways.AccountID, from, to string) ([]gateways.Count, error) {
	var p params
	p.text(string(account)).text(from).text(to)
	return query(ctx, r.rows.tx, "postgres.Counts", r.own().counts, p, func(s *scan, c *gateways.Count) {
		c.Account, c.Day, c.Brand, c.Verb = gateways.AccountID(s.text()), s.text(), gateways.Brand(s.text()), gateways.Verb(s.text())
		c.Outcome = s.text()
		if err := c.Currency.UnmarshalText([]byte(s.text())); err != nil {
			s.fail(err)
		}
		c.Number, c.Minor = s.int(), s.int()
	})
}
