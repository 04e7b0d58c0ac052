package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

const (
	resourceColumns = "id, kind, step, aggregate, unit, measures"
	sellerColumns   = "id, name, currency, rounding, time_zone, taxes, parent, double"
	planColumns     = "seller, id, name, open, plan_group, access, from_plans, latest"
	versionColumns  = "seller, plan, version, published, terms"

	resourceCount, sellerCount, planCount, versionCount = 6, 8, 8, 5

	queryRevision    = `SELECT revision FROM billing_meta WHERE id = 1`
	querySetRevision = `UPDATE billing_meta SET revision = ? WHERE id = 1`

	putResource = "INSERT INTO billing_resources (" + resourceColumns + ") VALUES (?, ?, ?, ?, ?, ?)"
	putSeller   = "INSERT OR REPLACE INTO billing_sellers (" + sellerColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	putPlan     = "INSERT OR REPLACE INTO billing_plans (" + planColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	putVersion  = "INSERT INTO billing_plan_versions (" + versionColumns + ") VALUES (?, ?, ?, ?, ?)"

	selectSellers = "SELECT " + sellerColumns + " FROM billing_sellers "
	selectPlans   = "SELECT " + planColumns + " FROM billing_plans "
)

// PutCatalog implements [billing.CatalogRows].
func (r billingRows) PutCatalog(ctx context.Context, c billing.CatalogChange) error {
	return r.atomically(ctx, "PutCatalog", func() error {
		now, err := r.lockedRevision()
		if err != nil {
			return err
		}
		if c.Base != nil && *c.Base != now {
			return fmt.Errorf("sqlite.PutCatalog: the catalog is at revision %d, not at %d: %w",
				now, *c.Base, storage.ErrConflict)
		}
		for i := range c.Resources {
			if err := r.putResource(&c.Resources[i]); err != nil {
				return err
			}
		}
		for i := range c.Sellers {
			if err := r.putSeller(&c.Sellers[i]); err != nil {
				return err
			}
		}
		for i := range c.Plans {
			if err := r.putPlan(&c.Plans[i]); err != nil {
				return err
			}
		}
		for i := range c.Versions {
			if err := r.putVersion(&c.Versions[i]); err != nil {
				return err
			}
		}
		return r.setRevision(newRevision(now))
	})
}

func (t *tx) putResource(x *billing.Resource) error {
	b := t.work.misc.start()
	b.string(string(x.ID))
	b.string(string(x.Kind))
	b.decimal(x.Step)
	b.string(string(x.Aggregate))
	b.string(x.Unit)
	b.string(x.Measures)
	_, err := t.exec(putResource, b)
	return exists("resource "+string(x.ID), err)
}

func (t *tx) putSeller(x *billing.Seller) error {
	b := t.work.misc.start()
	b.string(string(x.ID))
	b.string(x.Name)
	b.currency(x.Currency)
	name, err := x.Rounding.MarshalText()
	b.fail(err)
	b.string(string(name))
	b.string(x.TimeZone)
	b.bytes(appendTaxes(nil, x.Taxes))
	b.string(string(x.Parent))
	b.int(int64(x.Double))
	_, err = t.exec(putSeller, b)
	return err
}

func (t *tx) putPlan(x *billing.Plan) error {
	b := t.work.misc.start()
	b.string(string(x.Seller))
	b.string(string(x.ID))
	b.string(x.Name)
	b.flag(x.Open)
	b.string(x.Group)
	b.string(string(x.Access))
	b.bytes(appendPlanIDs(nil, x.From))
	b.int(int64(x.Latest))
	_, err := t.exec(putPlan, b)
	return err
}

func (t *tx) putVersion(x *billing.PlanVersion) error {
	terms, err := json.Marshal(&x.Terms)
	if err != nil {
		return tierhost.E("sqlite.PutCatalog", tierhost.KindInvalid, "terms_not_kept", err)
	}
	b := t.work.misc.start()
	b.string(string(x.Seller))
	b.string(string(x.Plan))
	b.int(int64(x.Version))
	b.instant(x.Published)
	b.bytes(terms)
	_, err = t.exec(putVersion, b)
	return exists("version of plan "+string(x.Plan), err)
}

// lockedRevision returns the revision at which the catalog stays until the transaction
// ends, but for what this one writes.
func (t *tx) lockedRevision() (int64, error) {
	if err := t.lock(); err != nil {
		return 0, err
	}
	return t.revision()
}

func (t *tx) setRevision(n int64) error {
	b := t.work.misc.start()
	b.int(n)
	_, err := t.exec(querySetRevision, b)
	return err
}

// newRevision draws a revision by chance: one that a transaction saw which was rolled
// back, in whatever process, must not come to mean another catalog, and such
// transactions leave nothing to count from.
func newRevision(now int64) int64 {
	for {
		var random [8]byte
		_, _ = rand.Read(random[:]) // never fails
		if n := int64(binary.LittleEndian.Uint64(random[:]) >> 1); n != 0 && n != now {
			return n
		}
	}
}

func (t *tx) revision() (n int64, err error) {
	err = t.each(queryRevision, t.work.misc.start(), 1, func(row *row) { n = row.int() })
	return n, err
}

// Revision implements [billing.CatalogRows].
func (r billingRows) Revision(ctx context.Context) (int64, error) {
	if err := r.reading(ctx); err != nil {
		return 0, err
	}
	n, err := r.revision()
	return n, failure(ctx, "Revision", err)
}

// Resources implements [billing.CatalogRows].
func (r billingRows) Resources(ctx context.Context) (all []billing.Resource, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	const query = "SELECT " + resourceColumns + " FROM billing_resources ORDER BY id"
	err = r.list(ctx, query, r.work.misc.start(), resourceCount, func(row *row) {
		all = append(all, billing.Resource{
			ID:        billing.ResourceID(row.string()),
			Kind:      billing.ResourceKind(row.string()),
			Step:      row.decimal(),
			Aggregate: billing.Aggregate(row.string()),
			Unit:      row.string(),
			Measures:  row.string(),
		})
	})
	return all, failure(ctx, "Resources", err)
}

// seller reads sellerColumns.
func (r *row) seller() billing.Seller {
	return billing.Seller{
		ID:       billing.SellerID(r.string()),
		Name:     r.string(),
		Currency: r.currency(),
		Rounding: read(r, parseRounding),
		TimeZone: r.string(),
		Taxes:    read(r, parseTaxes),
		Parent:   billing.SellerID(r.string()),
		Double:   billing.AccountID(r.int()),
	}
}

// Seller implements [billing.CatalogRows].
func (r billingRows) Seller(ctx context.Context, id billing.SellerID) (x billing.Seller, err error) {
	if err := r.reading(ctx); err != nil {
		return x, err
	}
	b := r.work.misc.start()
	b.string(string(id))
	found := false
	err = r.each(selectSellers+"WHERE id = ?", b, sellerCount, func(row *row) { x, found = row.seller(), true })
	if err == nil && !found {
		return x, errNotFound("seller %.80q", id)
	}
	return x, failure(ctx, "Seller", err)
}

// Sellers implements [billing.CatalogRows].
func (r billingRows) Sellers(ctx context.Context, after billing.SellerID, limit int) (page []billing.Seller, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectSellers, r.work)
	f.where("id > ?").string(string(after))
	err = r.list(ctx, f.query("id", limit), f.b, sellerCount, func(row *row) { page = append(page, row.seller()) })
	return page, failure(ctx, "Sellers", err)
}

// plan reads planColumns.
func (r *row) plan() billing.Plan {
	return billing.Plan{
		Seller: billing.SellerID(r.string()),
		ID:     billing.PlanID(r.string()),
		Name:   r.string(),
		Open:   r.flag(),
		Group:  r.string(),
		Access: billing.Access(r.string()),
		From:   read(r, parsePlanIDs),
		Latest: int(r.int()),
	}
}

// Plan implements [billing.CatalogRows].
func (r billingRows) Plan(ctx context.Context, seller billing.SellerID, id billing.PlanID) (x billing.Plan, err error) {
	if err := r.reading(ctx); err != nil {
		return x, err
	}
	b := r.work.misc.start()
	b.string(string(seller))
	b.string(string(id))
	found := false
	err = r.each(selectPlans+"WHERE seller = ? AND id = ?", b, planCount, func(row *row) { x, found = row.plan(), true })
	if err == nil && !found {
		return x, errNotFound("plan %.80q of seller %.80q", id, seller)
	}
	return x, failure(ctx, "Plan", err)
}

// Plans implements [billing.CatalogRows].
func (r billingRows) Plans(
	ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int,
) (page []billing.Plan, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectPlans, r.work)
	f.where("seller = ?").string(string(seller))
	f.where("id > ?").string(string(after))
	err = r.list(ctx, f.query("id", limit), f.b, planCount, func(row *row) { page = append(page, row.plan()) })
	return page, failure(ctx, "Plans", err)
}

func parseTerms(s string) (x billing.Terms, err error) {
	err = json.Unmarshal([]byte(s), &x)
	return x, err
}

// PlanVersion implements [billing.CatalogRows].
func (r billingRows) PlanVersion(
	ctx context.Context, seller billing.SellerID, id billing.PlanID, version int,
) (x billing.PlanVersion, err error) {
	if err := r.reading(ctx); err != nil {
		return x, err
	}
	const query = "SELECT " + versionColumns + " FROM billing_plan_versions WHERE seller = ? AND plan = ? AND version = ?"
	b := r.work.misc.start()
	b.string(string(seller))
	b.string(string(id))
	b.int(int64(version))
	found := false
	err = r.each(query, b, versionCount, func(row *row) {
		found = true
		x = billing.PlanVersion{
			Seller:    billing.SellerID(row.string()),
			Plan:      billing.PlanID(row.string()),
			Version:   int(row.int()),
			Published: row.instant(),
			Terms:     read(row, parseTerms),
		}
	})
	if err == nil && !found {
		return x, errNotFound("version %d of plan %.80q of seller %.80q", version, id, seller)
	}
	return x, failure(ctx, "PlanVersion", err)
}
