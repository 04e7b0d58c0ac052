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

// catalog caches sellers, plans and resources for an engine: one generation for each
// revision that a transaction sees, so that a reader of old data never shows it to
// others. Plan versions never change and stay. Rows that are read in a host's
// transaction, which may never be committed, go to a private catalog only.
type catalog struct {
	mu       sync.Mutex
	shared   *catalog // of a private one
	current  *generation
	versions map[versionRef]*pricedPlan
}

// generation is what is known of one revision of the catalog.
type generation struct {
	catalog   *catalog
	revision  int64
	mu        sync.Mutex
	sellers   map[SellerID]*Seller
	heads     map[headRef]*Plan
	resources map[ResourceID]Resource
	children  map[SellerID][]SellerID // nil: not read yet
}

type headRef struct {
	seller SellerID
	plan   PlanID
}

type versionRef struct {
	headRef
	version int
}

func newCatalog() *catalog { return &catalog{versions: map[versionRef]*pricedPlan{}} }

// private returns a cache for a transaction whose catalog may never be committed.
func (c *catalog) private() *catalog {
	p := newCatalog()
	p.shared = c
	return p
}

// at returns what is known of the revision that a transaction sees. It uses that
// generation until it ends. A private catalog begins with what the shared one knows of
// the same revision.
func (c *catalog) at(revision int64) *generation {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && c.current.revision == revision {
		return c.current
	}
	g := &generation{catalog: c, revision: revision, sellers: map[SellerID]*Seller{}, heads: map[headRef]*Plan{}}
	if c.shared != nil {
		c.versions = map[versionRef]*pricedPlan{}
		c.shared.copyTo(g)
	}
	c.current = g
	return g
}

// copyTo gives a private generation, whose catalog is locked, what is known of its
// revision.
func (c *catalog) copyTo(g *generation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.revision != g.revision {
		return
	}
	c.current.mu.Lock()
	defer c.current.mu.Unlock()
	g.sellers, g.heads = maps.Clone(c.current.sellers), maps.Clone(c.current.heads)
	g.resources, g.catalog.versions = c.current.resources, maps.Clone(c.versions)
	g.children = c.current.children
}

// lookup returns what get finds, else reads it and keeps it with put; both are called
// under mu. What is not there (nil) is not kept: anybody can ask for anything.
func lookup[T any](mu *sync.Mutex, get func() *T, read func() (*T, error), put func(*T)) (*T, error) {
	mu.Lock()
	v := get()
	mu.Unlock()
	if v != nil {
		return v, nil
	}
	v, err := read()
	if err != nil || v == nil {
		return nil, err
	}
	mu.Lock()
	put(v)
	mu.Unlock()
	return v, nil
}

func (g *generation) allResources(ctx context.Context, rows Rows) (map[ResourceID]Resource, error) {
	g.mu.Lock()
	known := g.resources
	g.mu.Unlock()
	if known != nil {
		return known, nil
	}
	list, err := rows.Resources(ctx)
	if err != nil {
		return nil, err
	}
	known = byID(list)
	g.mu.Lock()
	g.resources = known
	g.mu.Unlock()
	return known, nil
}

func byID(list []Resource) map[ResourceID]Resource {
	m := make(map[ResourceID]Resource, len(list))
	for _, r := range list {
		m[r.ID] = r
	}
	return m
}

// seller returns a seller; nil if there is none.
func (g *generation) seller(ctx context.Context, rows Rows, id SellerID) (*Seller, error) {
	return lookup(&g.mu,
		func() *Seller { return g.sellers[id] },
		func() (*Seller, error) {
			s, err := rows.Seller(ctx, id)
			return orNil(&s, err)
		},
		func(s *Seller) { g.sellers[id] = s })
}

// sellerOf returns the seller of an account, who must be there.
func (g *generation) sellerOf(ctx context.Context, rows Rows, id SellerID) (*Seller, error) {
	s, err := g.seller(ctx, rows, id)
	if err == nil && s == nil {
		err = brokenf("seller %s is not there", id)
	}
	return s, err
}

// head returns a plan; nil if the seller has none of that name.
func (g *generation) head(ctx context.Context, rows Rows, seller SellerID, id PlanID) (*Plan, error) {
	ref := headRef{seller, id}
	return lookup(&g.mu,
		func() *Plan { return g.heads[ref] },
		func() (*Plan, error) {
			p, err := rows.Plan(ctx, seller, id)
			return orNil(&p, err)
		},
		func(p *Plan) { g.heads[ref] = p })
}

// version returns a plan version, priced; nil if there is none.
func (g *generation) version(ctx context.Context, rows Rows, seller SellerID, id PlanID, n int) (*pricedPlan, error) {
	resources, err := g.allResources(ctx, rows)
	if err != nil {
		return nil, err
	}
	c, ref := g.catalog, versionRef{headRef{seller, id}, n}
	return lookup(&c.mu,
		func() *pricedPlan { return c.versions[ref] },
		func() (*pricedPlan, error) {
			v, err := rows.PlanVersion(ctx, seller, id, n)
			if err != nil {
				return orNil((*pricedPlan)(nil), err)
			}
			p, err := pricePlan(v, resources)
			if err == nil {
				return p, nil
			}
			// The version may be newer than what was read of the resources.
			list, lerr := rows.Resources(ctx)
			if lerr != nil {
				return nil, lerr
			}
			return pricePlan(v, byID(list))
		},
		func(p *pricedPlan) { c.versions[ref] = p })
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
// already in the same way is passed over (its unit, a text, stays); in another way it is ErrResourceDefined:
// a resource means the same in all plans, for ever. Faults are tierhost.Invalid.
func (e *Engine) DefineResources(ctx context.Context, resources ...Resource) error {
	if err := validateResources(resources); err != nil {
		return err
	}
	return e.changeCatalog(ctx, func(ctx context.Context, rows Rows, c *CatalogChange) error {
		present, err := rows.Resources(ctx)
		if err != nil {
			return err
		}
		known := byID(present)
		for _, r := range resources {
			r = r.withDefaults()
			old, ok := known[r.ID]
			switch {
			case !ok:
				known[r.ID] = r
				c.Resources = append(c.Resources, r)
			case !old.same(r):
				return fmt.Errorf("resource %s: %w", r.ID, ErrResourceDefined)
			}
		}
		return nil
	})
}

// changeCatalog runs fn, which reads what it decides on and fills the change, and
// writes it unless the catalog has changed meanwhile; then fn decides anew.
func (e *Engine) changeCatalog(ctx context.Context, fn func(ctx context.Context, rows Rows, c *CatalogChange) error) error {
	return e.update(ctx, func(ctx context.Context, _ storage.Tx, rows Rows, _ bool) error {
		base, err := rows.Revision(ctx)
		if err != nil {
			return err
		}
		c := CatalogChange{Base: &base}
		if err := fn(ctx, rows, &c); err != nil {
			return err
		}
		if len(c.Resources)+len(c.Sellers)+len(c.Plans)+len(c.Versions) == 0 {
			return nil
		}
		return rows.PutCatalog(ctx, c)
	})
}

// ErrResourceDefined: the resource is defined already, and differently.
var ErrResourceDefined = code(tierhost.KindExists, "resource_defined")

// ErrSellerFixed: a seller's currency, rounding and time zone cannot change.
var ErrSellerFixed = code(tierhost.KindPrecondition, "seller_fixed")

func (r Resource) same(o Resource) bool {
	return r.Kind == o.Kind && r.Step.Equal(o.Step) && r.Aggregate == o.Aggregate && r.Measures == o.Measures
}

// ErrTooDeep: the reseller would stand below more levels of resellers than the host
// allows.
var ErrTooDeep = code(tierhost.KindPrecondition, "too_deep")

// PutSeller adds a seller, or changes its name and taxes. Its parent, currency, rounding
// and time zone are fixed: another value is ErrSellerFixed. Its Double is ignored, see
// [Engine.Appoint]. A seller with a parent needs an engine with a hook, else it is
// ErrNoHook; deeper than Options.MaxDepth it is ErrTooDeep. Faults are tierhost.Invalid.
func (e *Engine) PutSeller(ctx context.Context, s Seller) error {
	if err := s.validate(); err != nil {
		return err
	}
	return e.changeCatalog(ctx, func(ctx context.Context, rows Rows, c *CatalogChange) error {
		old, err := rows.Seller(ctx, s.ID)
		switch {
		case errors.Is(err, storage.ErrNotFound):
		case err != nil:
			return err
		case old.Currency != s.Currency || old.Rounding != s.Rounding || old.TimeZone != s.TimeZone || old.Parent != s.Parent:
			return fmt.Errorf("seller %s: %w", s.ID, ErrSellerFixed)
		}
		s.Double = old.Double
		if s.Parent != "" {
			if e.opt.Hook == nil {
				return fmt.Errorf("billing: seller %s: %w", s.ID, ErrNoHook)
			}
			depth := 0
			for at := s.Parent; at != ""; depth++ {
				p, err := rows.Seller(ctx, at)
				if err != nil {
					return notFound(err, ErrUnknownSeller, string(at))
				}
				if depth == e.opt.MaxDepth {
					return fmt.Errorf("billing: seller %s: %w", s.ID, ErrTooDeep)
				}
				at = p.Parent
			}
		}
		c.Sellers = []Seller{s}
		return nil
	})
}

// Seller returns a seller, or ErrUnknownSeller.
func (e *Engine) Seller(ctx context.Context, id SellerID) (s Seller, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
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
	err := e.changeCatalog(ctx, func(ctx context.Context, rows Rows, c *CatalogChange) error {
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
				v, c.Plans = newest, []Plan{head}
				return nil
			}
			head.Latest++
		}
		v = PlanVersion{Seller: head.Seller, Plan: head.ID, Version: head.Latest, Published: e.now(), Terms: terms}
		c.Plans, c.Versions = []Plan{head}, []PlanVersion{v}
		return nil
	})
	if err != nil {
		return PlanVersion{}, err
	}
	return v, nil
}

// PutPlan changes how a plan may be had: its name, signup switch, group and access.
// p.Latest is ignored. ErrUnknownPlan if there is none.
func (e *Engine) PutPlan(ctx context.Context, p Plan) error {
	return e.changeCatalog(ctx, func(ctx context.Context, rows Rows, c *CatalogChange) error {
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
		c.Plans = []Plan{p}
		return nil
	})
}

// Plan returns a plan, or ErrUnknownPlan.
func (e *Engine) Plan(ctx context.Context, seller SellerID, id PlanID) (p Plan, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		p, err = rows.Plan(ctx, seller, id)
		return notFound(err, ErrUnknownPlan, string(id))
	})
	return p, err
}

// PlanVersion returns a version of a plan (0: the newest), or ErrUnknownPlan or
// ErrUnknownVersion.
func (e *Engine) PlanVersion(ctx context.Context, seller SellerID, id PlanID, version int) (v PlanVersion, err error) {
	err = e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
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
