package gateways

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Store keeps this package's rows. tierhost's stores implement it; hosts with one of
// their own check it with gatewaytest.TestStore. Within v1 no method will be added.
type Store interface {
	storage.OutboxStore
	// Gateways returns this package's rows within tx. It returns storage.ErrForeignTx for
	// a transaction of another store and storage.ErrTxDone for one that has ended.
	Gateways(tx storage.Tx) (Rows, error)
}

// Rows are this package's rows within one transaction. Values given and returned are
// copies: neither side MUST see later changes of the other's. All fields MUST come back
// equal, where an empty list or map may come back as none; times are kept to the
// microsecond, in UTC. Every read sees the transaction's own writes. Names are compared
// byte by byte and listed in the order of their bytes. Texts are UTF-8 without NUL. A
// limit below 1 is none. Writing in a View is storage.ErrReadOnly.
//
// What has a Version is inserted at version 1 and replaced from the version before only;
// else it MUST fail whole with storage.ErrConflict.
//
// Within v1 no method will be added to this interface.
type Rows interface {
	AccountRows
	InstrumentRows
	PaymentRows
	NoticeRows
	// NextDue returns when the next payment becomes available, or the next notice due,
	// after the given time; the zero time: none ever does.
	NextDue(ctx context.Context, now time.Time) (time.Time, error)
}

// AccountRows are the rows of accounts at providers.
type AccountRows interface {
	// PutAccount writes an account. It MUST fail whole with storage.ErrExists if another
	// active account of the seller has one of the Brands of an active one at its order.
	PutAccount(ctx context.Context, a Account) error
	// Account returns an account, or storage.ErrNotFound.
	Account(ctx context.Context, id AccountID) (Account, error)
	// Accounts returns up to limit accounts of a seller ("": of everybody) after the given
	// one, by ID.
	Accounts(ctx context.Context, seller string, after AccountID, limit int) ([]Account, error)
}

// InstrumentRows are the rows of instruments.
type InstrumentRows interface {
	PutInstrument(ctx context.Context, i Instrument) error
	// Instrument returns an instrument, or storage.ErrNotFound. In a transaction that writes
	// nobody else changes it from then until the end: whoever wants to waits, or one of the
	// two fails with storage.ErrConflict.
	Instrument(ctx context.Context, id InstrumentID) (Instrument, error)
	// Instruments returns up to limit instruments that match after the given one, by ID.
	Instruments(ctx context.Context, q InstrumentQuery, after InstrumentID, limit int) ([]Instrument, error)
}

// InstrumentQuery selects the instruments of a seller's customer.
type InstrumentQuery struct {
	Seller   string
	Customer string
	All      bool // everybody's, whatever the other fields say
}

// PaymentQuery selects payments.
type PaymentQuery struct {
	// Seller is whose; "" is the host itself. AllSellers: everybody's.
	Seller     string
	AllSellers bool
	Customer   string
	Account    AccountID
	Instrument InstrumentID
	Phase      Phase
	Parked     bool // only those that staff has to look at
	// Reference selects those that have it among [Payment.References]; the zero Reference:
	// all.
	Reference Reference
}

// PaymentRows are the rows of payments and of what was said about them.
type PaymentRows interface {
	// PutPayment writes a payment. It MUST fail whole with storage.ErrConflict also when
	// another payment of the seller has its Key, or any payment has one of its operations.
	PutPayment(ctx context.Context, p Payment) error
	// Payment returns a payment, or storage.ErrNotFound.
	Payment(ctx context.Context, id PaymentID) (Payment, error)
	// PaymentByKey, PaymentByOperation and PaymentByReference return the payment that has
	// it, or storage.ErrNotFound. A reference is that of the payment or of one of its
	// attempts, at the account through which it is paid; of several payments it is the
	// first by ID.
	PaymentByKey(ctx context.Context, seller, key string) (Payment, error)
	PaymentByOperation(ctx context.Context, id OperationID) (Payment, error)
	PaymentByReference(ctx context.Context, account AccountID, reference string) (Payment, error)
	// Payments returns up to limit payments that match, after the given one, by ID. Of two
	// transactions that write and ask for the same Reference one MUST wait until the other
	// has ended, and see what that has written, or fail with storage.ErrConflict: what the
	// provider calls by one name is not to pay two payments.
	Payments(ctx context.Context, q PaymentQuery, after PaymentID, limit int) ([]Payment, error)
	// DuePayments returns up to limit payments that are available at a time (see
	// [Payment.Available]), those that became so first, then by ID.
	// No other transaction at the same time gets the same ones to write: it waits, passes
	// them over, or fails with storage.ErrConflict when it writes.
	DuePayments(ctx context.Context, now time.Time, limit int) ([]Payment, error)
	// AddExchanges appends to the charge log.
	AddExchanges(ctx context.Context, all []LogEntry) error
	// Exchanges returns up to limit entries of a payment's charge log after the given
	// number, in the order in which they were added.
	Exchanges(ctx context.Context, id PaymentID, after int64, limit int) ([]LogEntry, error)
	// Count adds to the statistics of an account's day.
	Count(ctx context.Context, c Count) error
	// Counts returns the statistics of an account from a day to a day, both included, by day,
	// brand, verb, outcome and currency.
	Counts(ctx context.Context, account AccountID, from, to string) ([]Count, error)
}

// LogEntry is one exchange with a provider, in the charge log.
type LogEntry struct {
	// Number orders the entries of a payment; the store assigns it on append.
	Number int64
	// Payment is what it is about: for what was said to have an instrument kept, the ID of
	// that.
	Payment   PaymentID
	Operation OperationID
	Account   AccountID
	Verb      Verb
	Look      bool // it asked what became of the operation
	Exchange
}

// Count is how often, on one day, something had one outcome at an account.
type Count struct {
	Account  AccountID
	Day      string // UTC, "2006-01-02"
	Brand    Brand
	Verb     Verb
	Outcome  string // an [Outcome], "failed" or "undone"
	Currency money.Currency
	Number   int64
	Minor    int64 // the sum, in minor units
}

// NoticeRows are the inbox of notifications.
type NoticeRows interface {
	// PutNotice writes a notice at its version.
	PutNotice(ctx context.Context, n Inbound) error
	// Notice returns the notice of an account's event, or storage.ErrNotFound.
	Notice(ctx context.Context, account AccountID, event string) (Inbound, error)
	// Notices returns up to limit notices of an account after the given event, by event;
	// parked: only those that are neither due nor done.
	Notices(ctx context.Context, account AccountID, parked bool, after string, limit int) ([]Inbound, error)
	// DueNotices returns up to limit notices that are due at a time: those due first, then
	// by account and event.
	DueNotices(ctx context.Context, now time.Time, limit int) ([]Inbound, error)
	// PurgeNotices deletes up to limit notices that were done before the given time.
	PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error)
}
