package billing

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Hook takes part in an engine's transactions, for accounts that others stand above.
// Package reseller is one: it writes the wholesale twin of every movement. It is safe
// for concurrent use.
type Hook interface {
	// Join begins the hook's part in one transaction, or in one attempt at it.
	Join(ctx context.Context, j Joint) (Part, error)
}

// Joint is the transaction that a hook joins.
type Joint struct {
	Tx      storage.Tx
	Rows    Rows
	Catalog *Catalog
	Now     time.Time
	// Many says that the part will be told of several accounts: what it locks, it locks
	// for all of them in Load, in one order.
	Many bool
	// ReadOnly: nothing is written and nothing locked; a quote or a preview.
	ReadOnly bool
}

// Part is a hook's part in one transaction. It is used by one goroutine. Its errors end
// the transaction; one that is a [Refusal] refuses the action.
type Part interface {
	// Load is called before anything else with the accounts that the transaction works
	// on, which are locked, and those above them, which do not change meanwhile.
	Load(ctx context.Context, accounts []Account, above []Account) error
	// Begin is called before each account is worked on, and again before it is worked on
	// anew: what was permitted since the last Apply came to nothing.
	Begin()
	// Permit says whether an account may have what it asks for: nil, or a refusal.
	Permit(ctx context.Context, ask Ask) (*Refusal, error)
	// Rollup returns the doubles above to which a record of a resource is rolled up.
	Rollup(ctx context.Context, account *Account, resource ResourceID, day Date) ([]AccountID, error)
	// Apply is told what happened to an account, one account after the other. On an
	// error nothing of it is kept; one of [ErrBroken] or money.ErrOverflow parks the
	// account.
	Apply(ctx context.Context, h Happened) error
	// Write writes what the part has to write, before the engine's own rows of the same
	// accounts. The engine may go on with others, which it loads first.
	Write(ctx context.Context) error
}

// Happened is what happened to an account in a transaction.
type Happened struct {
	Account *Account // as it is now
	Moves   []Movement
	// Grow says by how much its holdings have grown in all.
	Grow           []Growth
	Opened, Closed bool // it is a new account; it was closed
	// Periods that it opened.
	Periods []PeriodRow
}

// join begins the hook's part for accounts, if anybody is above them; nil: nobody is.
func (e *Engine) join(ctx context.Context, j Joint, accounts []Account, above []Account) (Part, error) {
	needed := false
	for i := range accounts {
		needed = needed || len(accounts[i].Above) > 0 || accounts[i].Sells != ""
	}
	if !needed {
		return nil, nil
	}
	if e.opt.Hook == nil {
		return nil, ErrNoHook
	}
	j.Now = e.now()
	part, err := e.opt.Hook.Join(ctx, j)
	if err != nil {
		return nil, err
	}
	return part, part.Load(ctx, accounts, above)
}

// guard lets a book ask those above.
func guard(ctx context.Context, b *book, part Part) {
	if part == nil {
		return
	}
	part.Begin()
	b.permit = func(ask Ask) (*Refusal, error) { return part.Permit(ctx, ask) }
	b.rollup = func(id ResourceID, day Date) ([]AccountID, error) {
		return part.Rollup(ctx, &b.acct, id, day)
	}
}

// Ask is what an account asks for, see [Part].Permit.
type Ask struct {
	Action  string
	Account *Account
	On      Date
	Period  Period // for which prices are wanted
	// Resources that everybody above must have on offer.
	Resources []ResourceID
	// Grow says by how much its holdings grow.
	Grow []Growth
	// Opens: it is a new account.
	Opens bool
	// TrialDays are the days that it would be used unpaid.
	TrialDays int
	// Plan is the version of a plan on which it would be, nil where it stays on its own: it
	// must have all that those above require. If the account is a double, what all accounts
	// below it hold, and what their plans have, must suit the list of that version.
	Plan *PlanVersion
}

// Growth is by how much a holding grows; negative: falls.
type Growth struct {
	Resource ResourceID
	By       decimal.Decimal
}

// ErrBroken is the error of a broken invariant: the account is parked, nobody guesses.
// Errors of hooks wrap it.
var ErrBroken = code(tierhost.KindInternal, "broken_invariant")

// ErrNoHook: the account stands below a reseller, and the engine has no hook that
// writes what the reseller owes.
var ErrNoHook = code(tierhost.KindPrecondition, "no_hook")

// Refuse makes the refusal of an action for a hook; the engine fills in the account.
func Refuse(sentinel error, resource ResourceID, detail string) *Refusal {
	return &Refusal{Resource: resource, Detail: detail, sentinel: sentinel}
}

// Catalog is what a hook reads of the catalog, as the transaction sees it.
type Catalog struct {
	gen  *generation
	rows Rows
}

// Seller returns a seller; nil if there is none.
func (c *Catalog) Seller(ctx context.Context, id SellerID) (*Seller, error) {
	return c.gen.seller(ctx, c.rows, id)
}

// Below returns the sellers below one, at any depth, parents first.
func (c *Catalog) Below(ctx context.Context, id SellerID) ([]SellerID, error) {
	return c.gen.below(ctx, c.rows, id)
}

// Resources returns all resources.
func (c *Catalog) Resources(ctx context.Context) (map[ResourceID]Resource, error) {
	return c.gen.allResources(ctx, c.rows)
}

// PriceList returns what a version of a plan of a seller sells at wholesale, and what
// it rolls up; nil if there is no such version.
func (c *Catalog) PriceList(ctx context.Context, seller SellerID, plan PlanID, version int) (*PriceList, error) {
	p, err := c.gen.version(ctx, c.rows, seller, plan, version)
	if err != nil || p == nil {
		return nil, err
	}
	return p.wholesale, nil
}

// Head returns a plan; nil if the seller has none of that name.
func (c *Catalog) Head(ctx context.Context, seller SellerID, plan PlanID) (*Plan, error) {
	return c.gen.head(ctx, c.rows, seller, plan)
}

// Terms returns the terms of a version of a plan, which nobody changes; nil if there is
// no such version.
func (c *Catalog) Terms(ctx context.Context, seller SellerID, plan PlanID, version int) (*Terms, error) {
	p, err := c.gen.version(ctx, c.rows, seller, plan, version)
	if err != nil || p == nil {
		return nil, err
	}
	return p.terms, nil
}
