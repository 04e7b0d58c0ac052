package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

type serviceStatements struct {
	// id, version, doc, seller, account, server, kind, phase, chain, queue, available: the
	// version if it is written
	insert, update *statement
	byID           *statement // ids
	byName         *statement // server, kind, name
	due, take      *statement // now, except, limit; take locks
	next           *statement // now
	dropNames      *statement // service, and the servers, kinds, names that it keeps
	addNames       *statement // service, servers, kinds, names
	names          *statement // the same: how many it has

	chainInsert, chainUpdate *statement // id, version, doc, state, seller, key: likewise
	chain                    *statement // id
	chainByKey               *statement // seller, key

	gate, lockGate, gates, closedGates *statement // server; after, limit; after, closed at, limit
	makeGate                           *statement // server, doc
	putGate                            *statement // server, doc, closed until

	samples sampleStatements
}

func newServiceStatements(x sqlText) serviceStatements {
	const (
		from   = "SELECT doc FROM {{schema}}.provisioning_services "
		chains = "SELECT doc FROM {{schema}}.provisioning_chains WHERE "
		gates  = "SELECT doc FROM {{schema}}.provisioning_gates WHERE "
		claims = "unnest($2::text[], $3::text[], $4::text[]) AS c (server, kind, name)"
		due    = from + `WHERE available <= $1::timestamptz AND queue <> ALL ($2::text[])
			ORDER BY available, id LIMIT $3::bigint`
	)
	return serviceStatements{
		insert: x.statement(`INSERT INTO {{schema}}.provisioning_services
			(id, version, doc, seller, account, server, kind, phase, chain, queue, available) VALUES ($1::text, $2::bigint,
			$3::json, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text, $11::timestamptz)
			ON CONFLICT (id) DO NOTHING RETURNING version`),
		update: x.statement(`UPDATE {{schema}}.provisioning_services SET version = $2::bigint, doc = $3::json, seller = $4::text,
			account = $5::text, server = $6::text, kind = $7::text, phase = $8::text, chain = $9::text, queue = $10::text,
			available = $11::timestamptz WHERE id = $1::text AND version = $2::bigint - 1 RETURNING version`),
		byID: x.statement(from + "WHERE id = ANY ($1::text[])"),
		byName: x.statement(from + `WHERE id = (SELECT service FROM {{schema}}.provisioning_names
			WHERE server = $1::text AND kind = $2::text AND name = $3::text)`),
		due:  x.statement(due),
		take: x.statement(due + " FOR UPDATE SKIP LOCKED"),
		next: x.statement(`SELECT available FROM {{schema}}.provisioning_services WHERE available > $1::timestamptz
			ORDER BY available LIMIT 1`),
		dropNames: x.statement(`DELETE FROM {{schema}}.provisioning_names n WHERE n.service = $1::text AND NOT EXISTS
			(SELECT FROM ` + claims + ` WHERE c.server = n.server AND c.kind = n.kind AND c.name = n.name)`),
		// What is there is not written again: most writes of a service leave its names alone.
		addNames: x.statement(`INSERT INTO {{schema}}.provisioning_names (server, kind, name, service)
			SELECT c.server, c.kind, c.name, $1::text FROM ` + claims + ` ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING`),
		names: x.statement(`SELECT count(*) FROM ` + claims + ` JOIN {{schema}}.provisioning_names n
			ON n.server = c.server AND n.kind = c.kind AND n.name = c.name WHERE n.service = $1::text`),

		chainInsert: x.statement(`INSERT INTO {{schema}}.provisioning_chains (id, version, doc, state, seller, key)
			VALUES ($1::text, $2::bigint, $3::json, $4::text, $5::text, nullif($6::text, ''))
			ON CONFLICT (id) DO NOTHING RETURNING version`),
		chainUpdate: x.statement(`UPDATE {{schema}}.provisioning_chains SET version = $2::bigint, doc = $3::json, state = $4::text,
			seller = $5::text, key = nullif($6::text, '') WHERE id = $1::text AND version = $2::bigint - 1 RETURNING version`),
		chain:      x.statement(chains + "id = $1::text"),
		chainByKey: x.statement(chains + "seller = $1::text AND key = $2::text"),

		gate:     x.statement(gates + "server = $1::text"),
		lockGate: x.statement(gates + "server = $1::text FOR UPDATE"),
		gates:    x.statement(gates + "server > $1::text ORDER BY server LIMIT $2::bigint"),
		closedGates: x.statement(gates + `server > $1::text AND closed_until > $2::timestamptz
			ORDER BY server LIMIT $3::bigint`),
		makeGate: x.statement(`INSERT INTO {{schema}}.provisioning_gates (server, doc) VALUES ($1::text, $2::json)
			ON CONFLICT (server) DO NOTHING`),
		putGate: x.statement(`INSERT INTO {{schema}}.provisioning_gates (server, doc, closed_until)
			VALUES ($1::text, $2::json, $3::timestamptz)
			ON CONFLICT (server) DO UPDATE SET doc = excluded.doc, closed_until = excluded.closed_until`),

		samples: newSampleStatements(x),
	}
}

// serviceRows is the rows of services within a transaction.
type serviceRows struct{ inventoryRows }

func (r serviceRows) own() *serviceStatements { return &r.tx.store.sql.services }

// instantOrNull is NULL for the zero time.
func (p *params) instantOrNull(t time.Time) *params {
	if t.IsZero() {
		*p = append(*p, nil)
		return p
	}
	return p.instant(t)
}

// PutServices implements [provisioning.ServiceRows].
func (r serviceRows) PutServices(ctx context.Context, services []provisioning.Service) error {
	const op = "postgres.PutServices"
	if err := r.tx.usable(ctx, true); err != nil || len(services) == 0 {
		return err
	}
	// In one order, so that two that change the same ones do not wait for each other.
	sorted := slices.SortedFunc(slices.Values(services), func(a, b provisioning.Service) int { return cmp.Compare(a.ID, b.ID) })
	var rows, drop, add round
	written, held, claimed := 0, int64(0), 0
	for i := range sorted {
		s := &sorted[i]
		text, err := json.Marshal(s)
		if err != nil {
			return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
		}
		var p params
		p.text(string(s.ID)).int(s.Version).text(string(text)).text(s.Seller).text(s.Account).text(string(s.Server)).
			text(string(s.Kind)).text(string(s.Phase)).text(string(s.Chain)).text(string(s.Queue)).instantOrNull(s.Available())
		write := r.own().update
		if s.Version == 1 {
			write = r.own().insert
		}
		rows.add(write, p, func([][]byte) error { written++; return nil })

		claims := s.Claims()
		claimed += len(claims)
		names := claimParams(s.ID, claims)
		drop.add(r.own().dropNames, names, nil)
		if len(claims) > 0 {
			add.add(r.own().addNames, names, nil)
			n := int64(0)
			add.add(r.own().names, names, func(values [][]byte) error {
				if err := readInt(&n)(values); err != nil {
					return err
				}
				held += n
				return nil
			})
		}
	}
	// Names may pass from one service to another: all are let go before any is taken.
	rows.commands = append(append(rows.commands, drop.commands...), add.commands...)
	if err := r.tx.run(ctx, op, &rows, false); err != nil {
		return err
	}
	switch {
	case written < len(sorted):
		return r.tx.abort(fmt.Errorf("%s: %d of %d services have another version: %w", op, len(sorted)-written, len(sorted), storage.ErrConflict))
	case int(held) < claimed:
		return r.tx.abort(fmt.Errorf("%s: %w", op, provisioning.ErrNameTaken))
	}
	return nil
}

func claimParams(service provisioning.ServiceID, claims []provisioning.Claim) params {
	servers, kinds, names := make([]string, len(claims)), make([]string, len(claims)), make([]string, len(claims))
	for i, c := range claims {
		servers[i], kinds[i], names[i] = string(c.Server), string(c.Kind), c.Name
	}
	var p params
	p.text(string(service))
	texts(&p, servers)
	texts(&p, kinds)
	texts(&p, names)
	return p
}

// Services implements [provisioning.ServiceRows].
func (r serviceRows) Services(ctx context.Context, ids []provisioning.ServiceID) ([]provisioning.Service, error) {
	var p params
	texts(&p, ids)
	return versionedRows[provisioning.Service](ctx, r.inventoryRows, "postgres.Services", r.own().byID, p)
}

// ServiceByName implements [provisioning.ServiceRows].
func (r serviceRows) ServiceByName(ctx context.Context, name provisioning.Claim) (provisioning.Service, error) {
	var p params
	p.text(string(name.Server)).text(string(name.Kind)).text(name.Name)
	return single(versionedRows[provisioning.Service](ctx, r.inventoryRows, "postgres.ServiceByName", r.own().byName, p))
}

// ServicePage implements [provisioning.ServiceRows].
func (r serviceRows) ServicePage(
	ctx context.Context, q provisioning.ServiceQuery, after provisioning.ServiceID, limit int,
) ([]provisioning.Service, error) {
	var f filter
	f.text("seller = ?::text", q.Seller)
	f.text("account = ?::text", q.Account)
	f.text("server = ?::text", string(q.Server))
	f.text("kind = ?::text", string(q.Kind))
	f.text("phase = ?::text", string(q.Phase))
	f.text("chain = ?::text", string(q.Chain))
	return selected[provisioning.Service](ctx, r.inventoryRows, "postgres.ServicePage", "provisioning_services", &f, string(after), limit)
}

// DueServices implements [provisioning.ServiceRows].
func (r serviceRows) DueServices(
	ctx context.Context, now time.Time, except []provisioning.ServerID, limit int,
) ([]provisioning.Service, error) {
	st := r.own().take
	if r.tx.readOnly {
		st = r.own().due
	}
	var p params
	p.instant(now)
	texts(&p, except)
	p.limit(limit)
	return versionedRows[provisioning.Service](ctx, r.inventoryRows, "postgres.DueServices", st, p)
}

// NextDue implements [provisioning.ServiceRows].
func (r serviceRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	var p params
	p.instant(now)
	found, err := query(ctx, r.tx, "postgres.NextDue", r.own().next, p, func(s *scan, at *time.Time) { *at = s.instant() })
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
}
