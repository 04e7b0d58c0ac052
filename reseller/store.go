package reseller

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Store is where resellers' books are kept: billing's, and the rows of this package in
// the same transactions.
//
// Within v1 new abilities arrive as further interfaces.
type Store interface {
	billing.Store
	// Reseller returns this package's rows within tx. It returns storage.ErrForeignTx
	// for a transaction of another store and storage.ErrTxDone for one that has ended.
	Reseller(tx storage.Tx) (Rows, error)
}

// Rows are this package's rows within one transaction. What [billing.Rows] says of
// copies, order, exactness, times and reading one's own writes holds here too. All
// reads but Load and Lock, which are given accounts and sellers, are of one seller:
// they MUST NOT return a row of another.
type Rows interface {
	// Load reads what the shadows of some accounts need, in one round trip where it can.
	Load(ctx context.Context, q LoadQuery) (Loaded, error)
	// Lock locks stocks exclusively until the transaction ends and returns them as they
	// are then, by seller and resource. They are locked in that order; one that is not
	// there is made, empty, so that it can be locked. In a View it is
	// storage.ErrReadOnly.
	Lock(ctx context.Context, keys []StockKey) ([]Stock, error)
	// Write writes all of b. It assigns Shadow.Seq. It MUST fail whole with
	// storage.ErrExists when a bill exists. It may be sent together with the write of
	// billing's rows that follows in the transaction; then errors surface there, or at
	// the commit at the latest, and Seq is set by then.
	Write(ctx context.Context, b *Batch) error

	// Shadows returns up to limit shadows that match, with an ID after the given one, by
	// ID: by the day with which they are billed, then by Seq.
	Shadows(ctx context.Context, q ShadowQuery, after ShadowID, limit int) ([]Shadow, error)
	// Holdings returns up to limit holdings of a seller after the given account and
	// resource, by account and resource.
	Holdings(ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]Holding, error)
	// Stocks returns all stocks of a seller, by resource.
	Stocks(ctx context.Context, seller billing.SellerID) ([]Stock, error)
	// Books returns a seller's books, or storage.ErrNotFound.
	Books(ctx context.Context, seller billing.SellerID) (Books, error)
	// Bills returns up to limit bills of a seller that match, after the given day and
	// resource, by day and resource.
	Bills(ctx context.Context, q BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]Bill, error)
	// Sums adds up the shadows of a seller that are billed on a day, by resource.
	Sums(ctx context.Context, seller billing.SellerID, day billing.Date) ([]Sum, error)

	// Transfer returns the last transfer of an account, or storage.ErrNotFound.
	Transfer(ctx context.Context, account billing.AccountID) (Transfer, error)
	// Transfers returns up to limit transfers in a state, with an Account greater than
	// after, by Account. It is the run's, over all sellers.
	Transfers(ctx context.Context, state TransferState, after billing.AccountID, limit int) ([]Transfer, error)
	// OpenDays returns up to limit days, on or before until, on which shadows are to be
	// billed whose seller has not closed that day: after the given one, by day and
	// seller. It is the day close's, over all sellers.
	OpenDays(ctx context.Context, until billing.Date, after OpenDay, limit int) ([]OpenDay, error)
}

// LoadQuery says what Load reads.
type LoadQuery struct {
	Accounts []billing.AccountID // whose holdings are read, at every seller above
	Sellers  []billing.SellerID  // whose stocks and books are read
	// Lock locks the stocks that are there as [Rows.Lock] does, those of all sellers in
	// one order.
	Lock bool
}

// Loaded is what Load found.
type Loaded struct {
	Holdings []Holding // by account, seller and resource
	Stocks   []Stock   // by seller and resource
	Books    []Books   // by seller
}

// Batch is a set of rows written together.
type Batch struct {
	Holdings []Holding // insert or replace
	Stocks   []Stock   // insert or replace
	Books    []Books   // insert or replace
	Shadows  []*Shadow // insert; Seq is assigned, growing in slice order
	Bills    []Bill    // insert
	// Transfers, insert or replace by Account.
	Transfers []Transfer
}

// Holding is the wholesale side of what a customer holds: what one reseller above pays
// for it. One that was once there stays.
type Holding struct {
	Seller   billing.SellerID  // the reseller whose cost it is
	Account  billing.AccountID // the customer's
	Resource billing.ResourceID

	Pooled   decimal.Decimal // units drawn from the reseller's pool
	Billable decimal.Decimal // units outside it
	Charged  decimal.Decimal // units charged for the running interval
	// List is the price list that prices the running interval; zero: it has drawn on
	// none yet.
	List List
	// Limits are what a monthly holding covers (pooled and charged units), each from a
	// stretch of the month on; in a trial one, what is held on the mean of its days.
	Limits []Limit

	// Exact running totals, on which shadows are rounded (spec section 3).
	SetupTotal     money.Rat // over the holding's life
	RecurringTotal money.Rat // over the interval; in a trial what will be charged at its end
}

// List is a wholesale price list: the one in a version of a plan of the reseller's
// parent.
type List struct {
	Plan    billing.PlanID `json:"plan,omitempty"`
	Version int            `json:"version,omitempty"`
}

// Limit is what a monthly holding covers from a stretch of its month on, and the list
// that prices usage above it.
type Limit struct {
	Stretch int             `json:"stretch"` // index of billing.Account.Stretches
	Units   decimal.Decimal `json:"units"`
	List    List            `json:"list,omitzero"`
}

// StockKey identifies a stock.
type StockKey struct {
	Seller   billing.SellerID
	Resource billing.ResourceID // "" counts customers
}

// Stock is what a reseller's customers, at any depth, have of a resource together: the
// pool of free wholesale units, and the reseller's limit.
type Stock struct {
	Seller   billing.SellerID
	Resource billing.ResourceID // "": open accounts below the reseller
	// Pooled are the units drawn from the pool, those of Returns included.
	Pooled decimal.Decimal
	// Returns are units that come back to the pool on a day, by day.
	Returns []Return
	// Limit is the most that all customers together may hold; nil: no bound.
	Limit *decimal.Decimal
	// Held is what they hold; kept only while there is a Limit.
	Held decimal.Decimal
}

// Key returns the stock's key.
func (s Stock) Key() StockKey { return StockKey{s.Seller, s.Resource} }

// Return is units that come back to a pool.
type Return struct {
	On    billing.Date    `json:"on"`
	Units decimal.Decimal `json:"units"`
}

// Books say how far a reseller's days are closed.
type Books struct {
	Seller  billing.SellerID
	Through billing.Date // the last day that is closed
}

// Shadow is the wholesale twin of a retail event: one immutable line of what a
// reseller owes its parent. A charge is positive, a refund negative.
type Shadow struct {
	Seq     int64             // assigned by the store, growing
	Seller  billing.SellerID  // the reseller whose cost it is
	Account billing.AccountID // the customer's
	Date    billing.Date      // of the retail event
	// Day is the day with which it is billed: Date, or the first day that was open if
	// that had been closed.
	Day      billing.Date
	Kind     billing.EntryKind // setup, recurring, usage or refund
	Resource billing.ResourceID
	Quantity decimal.Decimal
	From, To billing.Date
	Amount   money.Money // in the parent's currency
	// Entry is the Seq of the retail entry that the same event made; 0: it made none.
	Entry int64
	// Plan and PlanVersion are the customer's.
	Plan        billing.PlanID
	PlanVersion int
	// Basis names the price list, and how the amount came about.
	Basis    billing.Basis
	Recorded time.Time
}

// ShadowID identifies a shadow, in the order in which they are listed.
type ShadowID struct {
	Day billing.Date
	Seq int64
}

// ID returns the shadow's identity.
func (s Shadow) ID() ShadowID { return ShadowID{s.Day, s.Seq} }

// Transfer is the move of a customer to another seller when its period ends.
type Transfer struct {
	Account  billing.AccountID // that closes
	From, To billing.SellerID
	// Name, Plan and Period are those of the account that opens.
	Name   string
	Plan   billing.PlanID
	Period billing.Period
	State  TransferState
	// Opened is the account that opened, when the transfer is done.
	Opened    billing.AccountID
	Requested billing.Date
	Ended     billing.Date // when it was done or failed
	// Reason is why it failed, a stable code: what the new seller refused it for, as
	// "seller_inactive"; "account_suspended"; or what became of the account meanwhile:
	// "closed", "cancelled", "kept".
	Reason string
	By     billing.Actor
}

// TransferState is how far a transfer has come.
type TransferState string

// The states of a transfer.
const (
	TransferWaiting TransferState = "waiting" // for the period's end
	TransferDone    TransferState = "done"
	TransferFailed  TransferState = "failed" // it came to nothing
)

// Bill is the sum of a reseller's shadows of one resource that are billed with a day.
type Bill struct {
	Seller   billing.SellerID
	Day      billing.Date
	Resource billing.ResourceID
	Amount   money.Money // in the parent's currency
	Shadows  int64       // how many
	// Account is the reseller's double, Document and Entry what was made there; 0: the
	// sum is zero.
	Account  billing.AccountID
	Document int64
	Entry    int64
	Recorded time.Time
}

// ShadowQuery selects shadows of a seller. Empty fields select all; days are
// inclusive.
type ShadowQuery struct {
	Seller   billing.SellerID // required
	Account  billing.AccountID
	Resource billing.ResourceID
	Since    billing.Date // billed with that day or later
	Until    billing.Date // billed with that day or earlier
}

// BillQuery selects bills of a seller. Empty fields select all; days are inclusive.
type BillQuery struct {
	Seller       billing.SellerID // required
	Since, Until billing.Date
}

// Sum is what a seller's shadows of a resource come to.
type Sum struct {
	Resource billing.ResourceID
	Currency money.Currency
	Minor    int64 // minor units
	Shadows  int64
}

// OpenDay is a day on which shadows are to be billed.
type OpenDay struct {
	Day    billing.Date
	Seller billing.SellerID
}
