package billing

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// Store is where the engine keeps its books. Its rows obey no business rule: the
// engine decides, the store keeps.
//
// Within v1 new abilities arrive as further interfaces.
type Store interface {
	storage.OutboxStore
	// Billing returns the billing rows within tx. It returns storage.ErrForeignTx for
	// a transaction of another store and storage.ErrTxDone for one that has ended.
	Billing(tx storage.Tx) (Rows, error)
}

// Rows are the billing rows within one transaction. Values given and returned are
// copies: neither side MUST see later changes of the other's. Slices returned in one
// call are ordered as stated; lookups of a single row that is not there return
// storage.ErrNotFound. Every read sees the transaction's own writes.
//
// "By ID" is the order of bytes. Texts hold no NUL. Locking, drawing an ID and writing
// in a View are storage.ErrReadOnly.
//
// Money amounts are whole minor units, and money.Money{} is not zero of a currency; quantities, percents and money.Rat values
// MUST come back exactly equal; times MUST be kept to the microsecond, in UTC.
type Rows interface {
	CatalogRows
	AccountRows
	BookRows
}

// CatalogRows are resources, sellers, plans and their versions.
type CatalogRows interface {
	// PutCatalog writes all of c, and makes Loaded.Revision differ from all earlier
	// ones, those of transactions that were rolled back included. A resource or plan version that is there already is storage.ErrExists;
	// sellers and plans are inserted or replaced.
	PutCatalog(ctx context.Context, c CatalogChange) error
	Revision(ctx context.Context) (int64, error)
	// Resources returns all resources, by ID.
	Resources(ctx context.Context) ([]Resource, error)
	Seller(ctx context.Context, id SellerID) (Seller, error)
	// Sellers returns up to limit sellers with an ID after the given one, by ID.
	Sellers(ctx context.Context, after SellerID, limit int) ([]Seller, error)
	Plan(ctx context.Context, seller SellerID, id PlanID) (Plan, error)
	// Plans returns up to limit plans of a seller with an ID after the given one, by ID.
	Plans(ctx context.Context, seller SellerID, after PlanID, limit int) ([]Plan, error)
	PlanVersion(ctx context.Context, seller SellerID, id PlanID, version int) (PlanVersion, error)
}

// CatalogChange is what PutCatalog writes.
type CatalogChange struct {
	// Base, if not nil, is the revision on which the change was decided. If the catalog
	// has another one by now PutCatalog writes nothing and returns storage.ErrConflict,
	// before it looks at anything else.
	Base      *int64
	Resources []Resource
	Sellers   []Seller
	Plans     []Plan
	Versions  []PlanVersion
}

// AccountRows are accounts with their holdings, and the writes of the ledger.
type AccountRows interface {
	// Load reads accounts for an action or the run, in one round trip where it can.
	Load(ctx context.Context, q LoadQuery) (Loaded, error)
	// Write writes all of b. It MUST fail whole, with
	//   - storage.ErrConflict when an account's stored Version is not one less than
	//     the given one, or an account with Version 1 has an ID or a name within its
	//     seller that is taken, or a key is there already: another transaction was
	//     faster, and the action is decided anew;
	//   - storage.ErrExists when an entry, document, period, event or usage key exists
	//     (a conflict comes before it).
	// It assigns UsageRecord.Seq, and Document.Number to those that are Numbered: the
	// next number of the series (seller, kind) in slice order, without gaps once the
	// transaction commits; counters are locked as late and as short as possible. Both
	// are set in the given rows when Write returns.
	Write(ctx context.Context, b *Batch) error
	// Due returns up to limit accounts with an ID greater than after whose Next is on or
	// before the day and which are not parked, by ID.
	Due(ctx context.Context, q DueQuery, after AccountID, limit int) ([]DueAccount, error)
	// Accounts returns up to limit accounts that match, with an ID greater than after,
	// by ID.
	Accounts(ctx context.Context, q AccountQuery, after AccountID, limit int) ([]Account, error)
	// Holdings returns the holdings of accounts, by account and resource.
	Holdings(ctx context.Context, ids []AccountID) ([]Holding, error)
}

// DueQuery selects accounts that are due.
type DueQuery struct {
	Day Date
	// Sellers, if not empty, selects their accounts only.
	Sellers []SellerID
}

// DueAccount is an account that is due, and the highest of those above it.
type DueAccount struct {
	ID  AccountID
	Top AccountID // Account.Above[0]; 0: nobody is above it
}

// LoadQuery says what Load reads.
type LoadQuery struct {
	IDs []AccountID
	// Lock says whether the accounts' rows are locked until the transaction ends, and
	// so every writer of the same accounts held off. Rows are locked in order of ID.
	Lock Lock
	// DueBy, if not zero, leaves out accounts that are not due by then or are parked,
	// judged when the row is locked.
	DueBy Date
	// Usage also reads the unsettled usage records: those with Seq > MeterScan. Writers
	// of usage hold the account's lock, perhaps shared, so that none with a smaller Seq
	// commits when its holder has read.
	Usage bool
	// Key, if its Key is not empty, also looks up that idempotency key.
	Key KeyID
	// Above also reads the accounts above those of IDs ([Account.Above]) and those of
	// AboveToo, and may lock them before IDs.
	Above    Above
	AboveToo []AccountID
	// UsageKey, if not empty, also looks up the usage record of the first of IDs with
	// that resource and key.
	UsageResource ResourceID
	UsageKey      string
	// Name, if not empty, also looks up the account of that name of Seller.
	Seller SellerID
	Name   string
	// NewID also draws a fresh account ID, larger than all earlier ones. One that is
	// not used is lost.
	NewID bool
}

// Lock says how Load locks.
type Lock uint8

// The ways to lock.
const (
	LockNone Lock = iota // reads only
	LockWait             // waits for other holders of the lock
	LockSkip             // leaves out accounts that others have locked
)

// Above says how Load treats the accounts above.
type Above uint8

// The ways to treat the accounts above.
const (
	AboveNone  Above = iota // not read
	AboveRead               // read, not locked
	AboveShare              // locked before IDs, by ID, until the transaction ends: others may lock them so too, nobody writes them
)

// Loaded is what Load found.
type Loaded struct {
	// Revision changes whenever the catalog does.
	Revision int64
	// Above are the accounts above, where asked for, by ID, without what they hold.
	Above []Account
	// States of the accounts that are there (and due, and not skipped), by ID.
	States []State
	Key    *Key // nil: not there
	// Keyed is the usage record asked for by key; nil: not there.
	Keyed *UsageRecord
	// Named is the ID of the account asked for by name; 0: not there.
	Named AccountID
	NewID AccountID
}

// State is an account with its holdings (by resource) and, where asked for, its
// unsettled usage records (by Seq).
type State struct {
	Account  Account
	Holdings []Holding
	Usage    []UsageRecord
}

// Batch is a set of rows written together. Rows with pointers get values assigned by
// the store.
type Batch struct {
	Accounts  []Account // Version 1: insert; else update of the row with Version-1
	Holdings  []Holding // insert or replace
	Periods   []PeriodRow
	Usage     []*UsageRecord
	Documents []*Document
	Entries   []Entry
	Keys      []Key
	Events    []*storage.Event // as Outbox.Append
	// Final promises that the transaction ends with this write and that its function
	// returns nil if it succeeds, so that a store may commit in the same round trip.
	Final bool
}

// KeyID identifies an idempotency key: the keys of one scope (a seller's signups, or
// one account) for one kind of action.
type KeyID struct {
	Scope  string // "seller/acme", "account/42"
	Action string
	Key    string
}

// Key is an idempotency key that was used, with what its action did.
type Key struct {
	KeyID
	// Fingerprint is a hash of the action's input.
	Fingerprint []byte
	Account     AccountID
	// The entries and documents that the action made: Seq in (After, Last].
	EntryAfter, EntryLast       int64
	DocumentAfter, DocumentLast int64
	Recorded                    time.Time
}

// AccountQuery selects accounts. Empty fields select all.
type AccountQuery struct {
	Seller SellerID
	Plan   PlanID
	Status Status
	Open   bool // only those that are not closed
	Parked bool // only parked ones
	InDebt bool // only those with a negative balance
}

// BookRows are the ledger's entries, documents, periods and usage, for reading.
type BookRows interface {
	// Entries returns up to limit entries that match, with an ID after the given one,
	// by account and Seq.
	Entries(ctx context.Context, q EntryQuery, after EntryID, limit int) ([]Entry, error)
	// EntriesByID returns those of some entries that are there, each once, by account and
	// Seq.
	EntriesByID(ctx context.Context, ids []EntryID) ([]Entry, error)
	// Documents returns up to limit documents that match, with an ID after the given
	// one, by account and Seq.
	Documents(ctx context.Context, q DocumentQuery, after DocumentID, limit int) ([]Document, error)
	// Series returns up to limit numbered documents of a seller and kind with a number
	// greater than after, by number.
	Series(ctx context.Context, seller SellerID, kind DocumentKind, after int64, limit int) ([]Document, error)
	// Periods returns up to limit periods of an account with a Seq greater than after.
	Periods(ctx context.Context, account AccountID, after int64, limit int) ([]PeriodRow, error)
	// Usage returns up to limit usage records of an account with a Seq greater than
	// after, by Seq.
	Usage(ctx context.Context, account AccountID, after int64, limit int) ([]UsageRecord, error)
	// Sum returns the sum of an account's entries dated on or before the day (zero:
	// all), in minor units.
	Sum(ctx context.Context, account AccountID, until Date) (int64, error)
}

// EntryQuery selects entries. Empty fields select all; dates are inclusive.
type EntryQuery struct {
	Seller   SellerID
	Account  AccountID
	Document int64 // with Account
	Kind     EntryKind
	Resource ResourceID
	Since    Date // dated on or after
	Until    Date // dated on or before
}

// DocumentQuery selects documents. Empty fields select all; dates are inclusive.
type DocumentQuery struct {
	Seller  SellerID
	Account AccountID
	Kind    DocumentKind
	Since   Date // dated on or after
	Until   Date // dated on or before
}
