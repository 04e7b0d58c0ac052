package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
)

var _ label.Store = (*Store)(nil)

const (
	queryBrandVersion = `SELECT version FROM label_brands WHERE seller = ?`
	queryBrand        = `SELECT brand FROM label_brands WHERE seller = ?`
	queryBrandByHost  = `SELECT b.brand FROM label_hosts AS h JOIN label_brands AS b ON b.seller = h.seller WHERE h.host = ?`
	queryBrands       = `SELECT brand FROM label_brands WHERE seller > ? ORDER BY seller LIMIT ?`
	queryBrandInsert  = `INSERT INTO label_brands (version, brand, seller) VALUES (?, ?, ?)`
	queryBrandUpdate  = `UPDATE label_brands SET version = ?, brand = ? WHERE seller = ?`
	queryBrandDelete  = `DELETE FROM label_brands WHERE seller = ?`
	queryHostInsert   = `INSERT INTO label_hosts (host, seller) VALUES (?, ?)`
	queryHostsDelete  = `DELETE FROM label_hosts WHERE seller = ?`
)

// brandRows is the rows of package label within a transaction.
type brandRows struct{ *tx }

// Label implements [label.Store].
func (s *Store) Label(x storage.Tx) (label.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return brandRows{t}, nil
}

// PutBrand implements [label.Rows].
func (r brandRows) PutBrand(ctx context.Context, b label.Brand) error {
	b.Changed = instant(micros(b.Changed))
	text, err := json.Marshal(b)
	if err != nil {
		return tierhost.E("sqlite.PutBrand", tierhost.KindInvalid, "brand_not_kept", err)
	}
	return r.atomically(ctx, "PutBrand", func() error {
		if err := r.expect(b.Seller, b.Version-1); err != nil {
			return err
		}
		query := queryBrandUpdate
		if b.Version == 1 {
			query = queryBrandInsert
		}
		a := r.work.misc.start()
		a.int(b.Version)
		a.bytes(text)
		a.string(string(b.Seller))
		if _, err := r.exec(query, a); err != nil {
			return err
		}
		if _, err := r.bySeller(queryHostsDelete, b.Seller); err != nil {
			return err
		}
		for _, host := range b.Hosts {
			a := r.work.misc.start()
			a.string(host)
			a.string(string(b.Seller))
			if _, err := r.exec(queryHostInsert, a); err != nil {
				if taken(err) {
					err = fmt.Errorf("%w: %.300q: %w", label.ErrHostTaken, host, err)
				}
				return err
			}
		}
		return nil
	})
}

// expect locks, and returns ErrConflict if the brand has another version; 0 is none.
func (r brandRows) expect(seller billing.SellerID, version int64) error {
	if err := r.lock(); err != nil {
		return err
	}
	now := int64(0)
	a := r.work.misc.start()
	a.string(string(seller))
	if err := r.each(queryBrandVersion, a, 1, func(row *row) { now = row.int() }); err != nil {
		return err
	}
	switch {
	case now == version:
		return nil
	case now == 0 && version > 0:
		return fmt.Errorf("brand of seller %.80q is not there: %w", seller, storage.ErrConflict)
	}
	return fmt.Errorf("brand of seller %.80q is at version %d, not %d: %w", seller, now, version, storage.ErrConflict)
}

func (r brandRows) bySeller(query string, seller billing.SellerID) (driver.Result, error) {
	a := r.work.misc.start()
	a.string(string(seller))
	return r.exec(query, a)
}

func parseBrand(s string) (b label.Brand, err error) {
	err = json.Unmarshal([]byte(s), &b)
	return b, err
}

// Brand implements [label.Rows].
func (r brandRows) Brand(ctx context.Context, seller billing.SellerID) (label.Brand, error) {
	return r.one(ctx, "Brand", queryBrand, string(seller))
}

// BrandByHost implements [label.Rows].
func (r brandRows) BrandByHost(ctx context.Context, host string) (label.Brand, error) {
	return r.one(ctx, "BrandByHost", queryBrandByHost, host)
}

func (r brandRows) one(ctx context.Context, op, query, key string) (b label.Brand, err error) {
	if err := r.reading(ctx); err != nil {
		return b, err
	}
	a := r.work.misc.start()
	a.string(key)
	found := false
	err = r.each(query, a, 1, func(row *row) { b, found = read(row, parseBrand), true })
	if err == nil && !found {
		return b, errNotFound("brand of %.300q", key)
	}
	return b, failure(ctx, op, err)
}

// Brands implements [label.Rows].
func (r brandRows) Brands(ctx context.Context, after billing.SellerID, limit int) (page []label.Brand, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	a := r.work.misc.start()
	a.string(string(after))
	a.int(int64(limit))
	err = r.list(ctx, queryBrands, a, 1, func(row *row) { page = append(page, read(row, parseBrand)) })
	return page, failure(ctx, "Brands", err)
}

// RemoveBrand implements [label.Rows].
func (r brandRows) RemoveBrand(ctx context.Context, seller billing.SellerID, version int64) error {
	if err := r.writing(ctx); err != nil {
		return err
	}
	if _, err := r.Brand(ctx, seller); err != nil {
		return err
	}
	return r.atomically(ctx, "RemoveBrand", func() error {
		if err := r.expect(seller, version); err != nil {
			return err
		}
		if _, err := r.bySeller(queryHostsDelete, seller); err != nil {
			return err
		}
		_, err := r.bySeller(queryBrandDelete, seller)
		return err
	})
}
