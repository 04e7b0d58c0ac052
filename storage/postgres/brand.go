package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
)

var _ label.Store = (*Store)(nil)

type brandStatements struct {
	insert, update *statement // seller, version, brand: the version if it is written
	remove         *statement // seller, version: likewise
	dropHosts      *statement // seller
	addHost        *statement // host, seller
	brand          *statement // seller
	byHost         *statement // host
	brands         *statement // after, limit
}

func newBrandStatements(x sqlText) brandStatements {
	return brandStatements{
		insert: x.statement(`INSERT INTO {{schema}}.label_brands (seller, version, brand)
			VALUES ($1::text, $2::bigint, $3::json) ON CONFLICT (seller) DO NOTHING RETURNING version`),
		update: x.statement(`UPDATE {{schema}}.label_brands SET version = $2::bigint, brand = $3::json
			WHERE seller = $1::text AND version = $2::bigint - 1 RETURNING version`),
		remove:    x.statement("DELETE FROM {{schema}}.label_brands WHERE seller = $1::text AND version = $2::bigint RETURNING version"),
		dropHosts: x.statement("DELETE FROM {{schema}}.label_hosts WHERE seller = $1::text"),
		addHost:   x.statement("INSERT INTO {{schema}}.label_hosts (host, seller) VALUES ($1::text, $2::text)"),
		brand:     x.statement("SELECT brand FROM {{schema}}.label_brands WHERE seller = $1::text"),
		byHost: x.statement(`SELECT b.brand FROM {{schema}}.label_hosts h
			JOIN {{schema}}.label_brands b ON b.seller = h.seller WHERE h.host = $1::text`),
		brands: x.statement("SELECT brand FROM {{schema}}.label_brands WHERE seller > $1::text ORDER BY seller LIMIT $2::bigint"),
	}
}

// brandRows is the rows of package label within a transaction.
type brandRows struct{ tx *txn }

// Label implements [label.Store].
func (s *Store) Label(tx storage.Tx) (label.Rows, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return brandRows{t}, nil
}

func (s *scan) brand(b *label.Brand) { s.json(b) }

// PutBrand implements [label.Rows].
func (r brandRows) PutBrand(ctx context.Context, b label.Brand) error {
	const op = "postgres.PutBrand"
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	sql := &r.tx.store.sql.brands
	b.Changed = b.Changed.UTC().Truncate(time.Microsecond)
	text, err := json.Marshal(b)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "brand_not_kept", err)
	}
	var p params
	p.text(string(b.Seller)).int(b.Version).text(string(text))
	write := sql.update
	if b.Version == 1 {
		write = sql.insert
	}
	if err := r.one(ctx, op, write, p); err != nil {
		return err
	}
	var hosts round
	p = nil
	p.text(string(b.Seller))
	hosts.add(sql.dropHosts, p, nil)
	// In one order, so that two that take the same names do not wait for each other.
	for _, host := range slices.Sorted(slices.Values(b.Hosts)) {
		var p params
		p.text(host).text(string(b.Seller))
		hosts.add(sql.addHost, p, nil)
	}
	err = r.tx.run(ctx, op, &hosts, false)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23505" && pg.TableName == "label_hosts" {
		return fmt.Errorf("%w: %w", label.ErrHostTaken, err)
	}
	return err
}

// one runs a statement that writes one row if its version is the one expected.
func (r brandRows) one(ctx context.Context, op string, st *statement, p params) error {
	var done round
	version := int64(0)
	done.add(st, p, readInt(&version))
	if err := r.tx.run(ctx, op, &done, false); err != nil {
		return err
	}
	if version == 0 {
		return r.tx.abort(fmt.Errorf("%s: the brand has another version: %w", op, storage.ErrConflict))
	}
	return nil
}

// Brand implements [label.Rows].
func (r brandRows) Brand(ctx context.Context, seller billing.SellerID) (label.Brand, error) {
	var p params
	p.text(string(seller))
	return single(query(ctx, r.tx, "postgres.Brand", r.tx.store.sql.brands.brand, p, (*scan).brand))
}

// BrandByHost implements [label.Rows].
func (r brandRows) BrandByHost(ctx context.Context, host string) (label.Brand, error) {
	var p params
	p.text(host)
	return single(query(ctx, r.tx, "postgres.BrandByHost", r.tx.store.sql.brands.byHost, p, (*scan).brand))
}

// Brands implements [label.Rows].
func (r brandRows) Brands(ctx context.Context, after billing.SellerID, limit int) ([]label.Brand, error) {
	var p params
	p.text(string(after)).limit(limit)
	return query(ctx, r.tx, "postgres.Brands", r.tx.store.sql.brands.brands, p, (*scan).brand)
}

// RemoveBrand implements [label.Rows].
func (r brandRows) RemoveBrand(ctx context.Context, seller billing.SellerID, version int64) error {
	const op = "postgres.RemoveBrand"
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	if _, err := r.Brand(ctx, seller); err != nil {
		return err
	}
	var p params
	p.text(string(seller)).int(version)
	if err := r.one(ctx, op, r.tx.store.sql.brands.remove, p); err != nil {
		return err
	}
	var hosts round
	p = nil
	p.text(string(seller))
	hosts.add(r.tx.store.sql.brands.dropHosts, p, nil)
	return r.tx.run(ctx, op, &hosts, false)
}
