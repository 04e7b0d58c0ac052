package billing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// catalog caches sellers, plans and resources. What can change is dropped when the
// store's revision does; plan versions never change and stay. Rows that are read
// before a transaction commits go to a private copy only.
type catalog struct {
	mu        sync.Mutex
	shared    *catalog // of a private one
	revision  int64
	fresh     bool
	sellers   map[SellerID]*Seller
	heads     map[headRef]*Plan
	resources map[ResourceID]Resource
	versions  map[versionRef]*pricedPlan
}

type headRef struct {
	seller SellerID
	plan   PlanID
}

type versionRef struct {
	headRef
	version int
}

func newCatalog() *catalog {
	c := &catalog{versions: map[versionRef]*pricedPlan{}}
	c.reset()
	return c
}

func (c *catalog) reset() {
	c.sellers, c.heads, c.resources = map[SellerID]*Seller{}, map[headRef]*Plan{}, nil
}

// private returns a cache for a transaction whose catalog may never be committed.
func (c *catalog) private() *catalog {
	p := newCatalog()
	p.shared = c
	return p
}

// at makes the cache speak of a revision of the catalog. A private cache takes over
// what the shared one knows of the same revision.
func (c *catalog) at(revision int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fresh && c.revision == revision {
		return
	}
	c.reset()
	c.revision, c.fresh = revision, true
	if s := c.shared; s != nil {
		c.versions = map[versionRef]*pricedPlan{}
		s.mu.Lock()
		if s.fresh && s.revision == revision {
			c.sellers, c.heads = maps.Clone(s.sellers), maps.Clone(s.heads)
			c.resources, c.versions = s.resources, maps.Clone(s.versions)
		}
		s.mu.Unlock()
	}
}

// lookup returns what get finds in the cache, else reads it and keeps it with put.
func lookup[T any](c *catalog, get func() (T, bool), read func() (T, error), put func(T)) (T, error) {
	c.mu.Lock()
	v, ok := get()
	rev := c.revision
	c.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := read()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	if c.revision == rev {
		put(v)
	}
	c.mu.Unlock()
	return v, nil
}

func (c *catalog) allResources(ctx context.Context, rows Rows) (map[ResourceID]Resource, error) {
	return lookup(c,
		func() (map[ResourceID]Resource, bool) { return c.resources, c.resources != nil },
		func() (map[ResourceID]Resource, error) {
			list, err := rows.Resources(ctx)
			m := make(map[ResourceID]Resource, len(list))
			for _, r := range list {
				m[r.ID] = r
			}
			return m, err
		},
		func(m map[ResourceID]Resource) { c.resources = m })
}

// seller returns a seller; nil if there is none.
func (c *catalog) seller(ctx context.Context, rows Rows, id SellerID) (*Seller, error) {
	return lookup(c,
		func() (*Seller, bool) { s, ok := c.sellers[id]; return s, ok },
		func() (*Seller, error) {
			s, err := rows.Seller(ctx, id)
			return orNil(&s, err)
		},
		func(s *Seller) {
			if s != nil { // what is not there is not kept: anybody can ask for anything
				c.sellers[id] = s
			}
		})
}

// head returns a plan; nil if the seller has none of that name.
func (c *catalog) head(ctx context.Context, rows Rows, seller SellerID, id PlanID) (*Plan, error) {
	ref := headRef{seller, id}
	return lookup(c,
		func() (*Plan, bool) { p, ok := c.heads[ref]; return p, ok },
		func() (*Plan, error) {
			p, err := rows.Plan(ctx, seller, id)
			return orNil(&p, err)
		},
		func(p *Plan) {
			if p != nil {
				c.heads[ref] = p
			}
		})
}

// version returns a plan version, priced; nil if there is none.
func (c *catalog) version(ctx context.Context, rows Rows, seller SellerID, id PlanID, n int) (*pricedPlan, error) {
	resources, err := c.allResources(ctx, rows)
	if err != nil {
		return nil, err
	}
	ref := versionRef{headRef{seller, id}, n}
	return lookup(c,
		func() (*pricedPlan, bool) { p, ok := c.versions[ref]; return p, ok && p != nil },
		func() (*pricedPlan, error) {
			v, err := rows.PlanVersion(ctx, seller, id, n)
			if err != nil {
				return orNil((*pricedPlan)(nil), err)
			}
			return pricePlan(v, resources)
		},
		func(p *pricedPlan) {
			if p != nil {
				c.versions[ref] = p
			}
		})
}

// orNil makes "not found" a nil value.
func orNil[T any](v *T, err error) (*T, error) {
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// DefineResources adds resources to the installation's catalog. One that is defined
// already in the same way is passed over; in another way it is ErrResourceDefined:
// a resource means the same in all plans, for ever. Faults are tierhost.Invalid.
func (e *Engine) DefineResources(ctx context.Context, resources ...Resource) error {
	if err := validateResources(resources); err != nil {
		return err
	}
	return e.update(ctx, func(ctx context.Context, rows Rows, final bool) error {
		present, err := rows.Resources(ctx)
		if err != nil {
			return err
		}
		known := map[ResourceID]Resource{}
		for _, r := range present {
			known[r.ID] = r
		}
		var add []Resource
		for _, r := range resources {
			r = r.withDefaults()
			old, ok := known[r.ID]
			switch {
			case !ok:
				known[r.ID] = r
				add = append(add, r)
			case !old.same(r):
				return fmt.Errorf("resource %s: %w", r.ID, ErrResourceDefined)
			}
		}
		if len(add) == 0 {
			return nil
		}
		return rows.PutCatalog(ctx, CatalogChange{Resources: add})
	})
}

// ErrResourceDefined: the resource is defined already, and differently.
var ErrResourceDefined = code(tierhost.KindExists, "resource_defined")

// ErrSellerFixed: a seller's currency, rounding and time zone cannot change.
var ErrSellerFixed = code(tierhost.KindPrecondition, "seller_fixed")

func (r Resource) same(o Resource) bool {
	return r.Kind == o.Kind && r.Step.Equal(o.Step) && r.Aggregate == o.Aggregate && r.Measures == o.Measures
}

// PutSeller adds a seller, or changes its name and taxes. Its currency, rounding and
// time zone are fixed: another value is ErrSellerFixed. Faults are tierhost.Invalid.
func (e *Engine) PutSeller(ctx context.Context, s Seller) error {
	if err := s.validate(); err != nil {
		return err
	}
	return e.update(ctx, func(ctx context.Context, rows Rows, final bool) error {
		old, err := rows.Seller(ctx, s.ID)
		switch {
		case errors.Is(err, storage.ErrNotFound):
		case err != nil:
			return err
		case old.Currency != s.Currency || old.Rounding != s.Rounding || old.TimeZone != s.TimeZone:
			return fmt.Errorf("seller %s: %w", s.ID, ErrSellerFixed)
		}
		return rows.PutCatalog(ctx, CatalogChange{Sellers: []Seller{s}})
	})
}

// Seller returns a seller, or ErrUnknownSeller.
func (e *Engine) Seller(ctx context.Context, id SellerID) (s Seller, err error) {
	err = e.view(ctx, func(ctx context.Context, rows Rows) error {
		s, err = rows.Seller(ctx, id)
		return notFound(err, ErrUnknownSeller, string(id))
	})
	return s, err
}

// PublishPlan makes terms the newest version of a plan, which is made if it is new,
// and returns the version. head gives its name, access and group; head.Latest is
// ignored. Accounts stay on their versions. Publishing the terms of the newest version
// again makes no other one, so that a repeated call does no harm. Faults of the terms are tierhost.Invalid,
// all at once, each with its path and code, see [Terms.Validate].
func (e *Engine) PublishPlan(ctx context.Context, head Plan, terms Terms) (PlanVersion, error) {
	var v PlanVersion
	err := e.update(ctx, func(ctx context.Context, rows Rows, final bool) error {
		seller, err := rows.Seller(ctx, head.Seller)
		if err != nil {
			return notFound(err, ErrUnknownSeller, string(head.Seller))
		}
		list, err := rows.Resources(ctx)
		if err != nil {
			return err
		}
		plans, err := allPlans(ctx, rows, seller.ID)
		if err != nil {
			return err
		}
		if err := validatePlan(head, terms, list, plans); err != nil {
			return err
		}
		head.Latest = 1
		for _, p := range plans {
			if p.ID != head.ID {
				continue
			}
			newest, err := rows.PlanVersion(ctx, head.Seller, head.ID, p.Latest)
			if err != nil {
				return err
			}
			same, err := newest.Terms.same(terms)
			if err != nil {
				return err
			}
			head.Latest = p.Latest
			if same {
				v = newest
				return rows.PutCatalog(ctx, CatalogChange{Plans: []Plan{head}})
			}
			head.Latest++
		}
		v = PlanVersion{Seller: head.Seller, Plan: head.ID, Version: head.Latest, Published: e.now(), Terms: terms}
		return rows.PutCatalog(ctx, CatalogChange{Plans: []Plan{head}, Versions: []PlanVersion{v}})
	})
	if err != nil {
		return PlanVersion{}, err
	}
	return v, nil
}

// PutPlan changes how a plan may be had: its name, signup switch, group and access.
// p.Latest is ignored. ErrUnknownPlan if there is none.
func (e *Engine) PutPlan(ctx context.Context, p Plan) error {
	return e.update(ctx, func(ctx context.Context, rows Rows, final bool) error {
		old, err := rows.Plan(ctx, p.Seller, p.ID)
		if err != nil {
			return notFound(err, ErrUnknownPlan, string(p.ID))
		}
		plans, err := allPlans(ctx, rows, p.Seller)
		if err != nil {
			return err
		}
		var is tierhost.Issues
		p.validate(&is, plans)
		if err := is.Err(); err != nil {
			return err
		}
		p.Latest = old.Latest
		return rows.PutCatalog(ctx, CatalogChange{Plans: []Plan{p}})
	})
}

// Plan returns a plan, or ErrUnknownPlan.
func (e *Engine) Plan(ctx context.Context, seller SellerID, id PlanID) (p Plan, err error) {
	err = e.view(ctx, func(ctx context.Context, rows Rows) error {
		p, err = rows.Plan(ctx, seller, id)
		return notFound(err, ErrUnknownPlan, string(id))
	})
	return p, err
}

// PlanVersion returns a version of a plan (0: the newest), or ErrUnknownPlan or
// ErrUnknownVersion.
func (e *Engine) PlanVersion(ctx context.Context, seller SellerID, id PlanID, version int) (v PlanVersion, err error) {
	err = e.view(ctx, func(ctx context.Context, rows Rows) error {
		if version == 0 {
			p, err := rows.Plan(ctx, seller, id)
			if err != nil {
				return notFound(err, ErrUnknownPlan, string(id))
			}
			version = p.Latest
		}
		v, err = rows.PlanVersion(ctx, seller, id, version)
		return notFound(err, ErrUnknownVersion, fmt.Sprintf("%s version %d", id, version))
	})
	return v, err
}

// same reports whether two terms say the same, numbers compared by value.
func (t Terms) same(o Terms) (bool, error) {
	a, err := json.Marshal(t)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(o)
	return bytes.Equal(a, b), err
}

func allPlans(ctx context.Context, rows Rows, seller SellerID) ([]Plan, error) {
	const page = 200
	var all []Plan
	for after := PlanID(""); ; {
		list, err := rows.Plans(ctx, seller, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) < page {
			return all, nil
		}
		after = list[len(list)-1].ID
	}
}

// notFound turns the store's error for a missing row into the domain's.
func notFound(err, sentinel error, what string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("billing: %s: %w", what, sentinel)
	}
	return err
}

func (e *Engine) now() time.Time { return e.opt.Clock.Now().UTC().Truncate(time.Microsecond) }
