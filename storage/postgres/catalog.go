package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

func resourceTable() table {
	return table{"billing_resources", columns(textType, "id kind", numericType, "step", textType, "aggregate unit measures")}
}

func (rs *rowset) resource(x *billing.Resource) {
	rs.begin()
	rs.text(string(x.ID))
	rs.text(string(x.Kind))
	rs.numeric(x.Step)
	rs.text(string(x.Aggregate))
	rs.text(x.Unit)
	rs.text(x.Measures)
}

func (s *scan) resource(x *billing.Resource) {
	x.ID = billing.ResourceID(s.text())
	x.Kind = billing.ResourceKind(s.text())
	x.Step = s.numeric()
	x.Aggregate = billing.Aggregate(s.text())
	x.Unit = s.text()
	x.Measures = s.text()
}

func sellerTable() table {
	return table{"billing_sellers", columns(textType, "id name parent", bigintType, "account", textType, "currency rounding time_zone taxes")}
}

func (rs *rowset) seller(x *billing.Seller) {
	rs.begin()
	rs.text(string(x.ID))
	rs.text(x.Name)
	rs.text(string(x.Parent))
	rs.int(int64(x.Double))
	b, start := rs.open()
	*b = appendCurrency(*b, x.Currency)
	rs.close(b, start)
	rounding, err := x.Rounding.MarshalText()
	if err != nil {
		rs.fail("rounding", err)
	} else {
		rs.bytes(rounding)
	}
	rs.text(x.TimeZone)
	rs.json(x.Taxes, x.Taxes == nil)
}

func (s *scan) seller(x *billing.Seller) {
	x.ID = billing.SellerID(s.text())
	x.Name = s.text()
	x.Parent = billing.SellerID(s.text())
	x.Double = billing.AccountID(s.int())
	x.Currency = s.currency()
	if err := x.Rounding.UnmarshalText(s.value()); err != nil {
		s.fail(err)
	}
	x.TimeZone = s.text()
	s.json(&x.Taxes)
}

func planTable() table {
	return table{"billing_plans", columns(
		textType, "seller id name", boolType, "open", textType, "plan_group access from_plans", bigintType, "latest")}
}

func (rs *rowset) plan(x *billing.Plan) {
	rs.begin()
	rs.text(string(x.Seller))
	rs.text(string(x.ID))
	rs.text(x.Name)
	rs.bool(x.Open)
	rs.text(x.Group)
	rs.text(string(x.Access))
	rs.json(x.From, x.From == nil)
	rs.int(int64(x.Latest))
}

func (s *scan) plan(x *billing.Plan) {
	x.Seller = billing.SellerID(s.text())
	x.ID = billing.PlanID(s.text())
	x.Name = s.text()
	x.Open = s.bool()
	x.Group = s.text()
	x.Access = billing.Access(s.text())
	s.json(&x.From)
	x.Latest = int(s.int())
}

func versionTable() table {
	return table{"billing_plan_versions", columns(
		textType, "seller plan", bigintType, "version", instantType, "published", jsonType, "terms")}
}

func (rs *rowset) version(x *billing.PlanVersion) {
	rs.begin()
	rs.text(string(x.Seller))
	rs.text(string(x.Plan))
	rs.int(int64(x.Version))
	rs.instant(x.Published)
	rs.json(&x.Terms, false)
}

func (s *scan) version(x *billing.PlanVersion) {
	x.Seller = billing.SellerID(s.text())
	x.Plan = billing.PlanID(s.text())
	x.Version = int(s.int())
	x.Published = s.instant()
	s.json(&x.Terms)
}

// json writes what changes rarely and may take its time.
func (rs *rowset) json(x any, null bool) {
	if null {
		rs.null()
		return
	}
	text, err := json.Marshal(x)
	if err != nil {
		rs.fail("json", err)
		return
	}
	rs.bytes(text)
}

type catalogStatements struct {
	resourceTable, sellerTable, planTable, versionTable table
	putResource, putSeller, putPlan, putVersion         *statement
	putRevision                                         *statement // revision expected, or NULL
	revision                                            *statement
	resources                                           *statement
	seller, sellers                                     *statement // ID; after, limit
	plan, plans                                         *statement // seller, ID; seller, after, limit
	version                                             *statement // seller, plan, version
}

func newCatalogStatements(x sqlText) catalogStatements {
	resources, sellers, plans, versions := resourceTable(), sellerTable(), planTable(), versionTable()
	from := func(t table, rest string) *statement {
		return x.statement("SELECT " + t.names("") + " FROM {{schema}}." + t.name + " " + rest)
	}
	return catalogStatements{
		resourceTable: resources, sellerTable: sellers, planTable: plans, versionTable: versions,
		putResource: x.statement(resources.insert(false)),
		putSeller:   x.statement(sellers.insert(false) + " ON CONFLICT (id) DO UPDATE SET " + sellers.assignExcluded(1)),
		// Plans are replaced whole, but a change that was decided before a version was
		// published does not unpublish it.
		putPlan: x.statement(plans.insert(false) + " ON CONFLICT (seller, id) DO UPDATE SET " + strings.Replace(plans.assignExcluded(2),
			"latest = EXCLUDED.latest", `latest = GREATEST(EXCLUDED.latest, (SELECT max(v.version) FROM {{schema}}.billing_plan_versions v
				WHERE v.seller = EXCLUDED.seller AND v.plan = EXCLUDED.id))`, 1)),
		putVersion: x.statement(versions.insert(false)),
		// From a sequence, so that a revision that was rolled back never comes again; on one
		// row, so that changes of the catalog follow each other. Whoever waits for another's
		// change compares with the revision that it has left.
		putRevision: x.statement(`UPDATE {{schema}}.billing_meta SET revision =
			CASE WHEN $1::bigint IS NULL OR revision = $1 THEN nextval('{{schema}}.billing_revisions') ELSE {{schema}}.tierhost_conflict(0, 0) END
			WHERE id = 1`),
		revision:  x.statement("SELECT revision FROM {{schema}}.billing_meta WHERE id = 1"),
		resources: from(resources, "ORDER BY id"),
		seller:    from(sellers, "WHERE id = $1::text"),
		sellers:   from(sellers, "WHERE id > $1::text ORDER BY id LIMIT $2::bigint"),
		plan:      from(plans, "WHERE seller = $1::text AND id = $2::text"),
		plans:     from(plans, "WHERE seller = $1::text AND id > $2::text ORDER BY id LIMIT $3::bigint"),
		version:   from(versions, "WHERE seller = $1::text AND plan = $2::text AND version = $3::bigint"),
	}
}

// PutCatalog implements [billing.CatalogRows] in one round trip.
func (r rows) PutCatalog(ctx context.Context, c billing.CatalogChange) error {
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	const op = "postgres.PutCatalog"
	sql := &r.tx.store.sql.catalog
	w := r.tx.store.scratch.get()
	defer r.tx.store.scratch.put(w)
	var base params
	if c.Base != nil {
		base.int(*c.Base)
	} else {
		base = params{nil}
	}
	w.round.add(sql.putRevision, base, nil)
	w.each(&sql.resourceTable, sql.putResource, len(c.Resources), func(rs *rowset, i int) { rs.resource(&c.Resources[i]) }, nil)
	w.each(&sql.sellerTable, sql.putSeller, len(c.Sellers), func(rs *rowset, i int) { rs.seller(&c.Sellers[i]) }, nil)
	w.each(&sql.planTable, sql.putPlan, len(c.Plans), func(rs *rowset, i int) { rs.plan(&c.Plans[i]) }, nil)
	w.each(&sql.versionTable, sql.putVersion, len(c.Versions), func(rs *rowset, i int) { rs.version(&c.Versions[i]) }, nil)
	if w.err != nil && c.Base != nil { // a change of the catalog comes before a value that cannot be written
		if err := r.tx.run(ctx, op, &round{commands: w.round.commands[:1]}, false); err != nil {
			return changed(err, *c.Base)
		}
	}
	err := r.tx.flush(ctx, op, w, false)
	if c.Base != nil {
		err = changed(err, *c.Base)
	}
	return err
}

// changed says of a conflict what it is about: the server speaks of accounts.
func changed(err error, base int64) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || !strings.Contains(pg.Where, "tierhost_conflict") {
		return err
	}
	return fmt.Errorf("postgres.PutCatalog: the catalog is no longer at revision %d: %w", base, storage.ErrConflict)
}

// Revision implements [billing.CatalogRows].
func (r rows) Revision(ctx context.Context) (int64, error) {
	revisions, err := query(ctx, r.tx, "postgres.Revision", r.tx.store.sql.catalog.revision, nil, func(s *scan, n *int64) { *n = s.int() })
	if err == nil && len(revisions) == 0 {
		err = tierhost.E("postgres.Revision", tierhost.KindInternal, "", fmt.Errorf("table billing_meta is empty"))
	}
	if err != nil {
		return 0, err
	}
	return revisions[0], nil
}

// Resources implements [billing.CatalogRows].
func (r rows) Resources(ctx context.Context) ([]billing.Resource, error) {
	return query(ctx, r.tx, "postgres.Resources", r.tx.store.sql.catalog.resources, nil, (*scan).resource)
}

// Seller implements [billing.CatalogRows].
func (r rows) Seller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	var p params
	p.text(string(id))
	return single(query(ctx, r.tx, "postgres.Seller", r.tx.store.sql.catalog.seller, p, (*scan).seller))
}

// Sellers implements [billing.CatalogRows].
func (r rows) Sellers(ctx context.Context, after billing.SellerID, limit int) ([]billing.Seller, error) {
	var p params
	p.text(string(after)).limit(limit)
	return query(ctx, r.tx, "postgres.Sellers", r.tx.store.sql.catalog.sellers, p, (*scan).seller)
}

// Plan implements [billing.CatalogRows].
func (r rows) Plan(ctx context.Context, seller billing.SellerID, id billing.PlanID) (billing.Plan, error) {
	var p params
	p.text(string(seller)).text(string(id))
	return single(query(ctx, r.tx, "postgres.Plan", r.tx.store.sql.catalog.plan, p, (*scan).plan))
}

// Plans implements [billing.CatalogRows].
func (r rows) Plans(ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int) ([]billing.Plan, error) {
	var p params
	p.text(string(seller)).text(string(after)).limit(limit)
	return query(ctx, r.tx, "postgres.Plans", r.tx.store.sql.catalog.plans, p, (*scan).plan)
}

// PlanVersion implements [billing.CatalogRows].
func (r rows) PlanVersion(ctx context.Context, seller billing.SellerID, id billing.PlanID, version int) (billing.PlanVersion, error) {
	var p params
	p.text(string(seller)).text(string(id)).int(int64(version))
	return single(query(ctx, r.tx, "postgres.PlanVersion", r.tx.store.sql.catalog.version, p, (*scan).version))
}

// single returns the one row of a look-up, or storage.ErrNotFound.
func single[T any](found []T, err error) (T, error) {
	var none T
	switch {
	case err != nil:
		return none, err
	case len(found) == 0:
		return none, storage.ErrNotFound
	}
	return found[0], nil
}
