package billing

import (
	"cmp"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// EntryKind says what an entry is for.
type EntryKind string

// The kinds of entries (spec/scenario.md).
const (
	EntrySetup     EntryKind = "setup"
	EntryRecurring EntryKind = "recurring"
	EntryUsage     EntryKind = "usage"
	EntryRefund    EntryKind = "refund"
	EntryDiscount  EntryKind = "discount"
	EntryTax       EntryKind = "tax"
	EntryWholesale EntryKind = "wholesale"
	EntryPayment   EntryKind = "payment"
	EntryCredit    EntryKind = "credit"
	EntryDebit     EntryKind = "debit"
)

// EntryID identifies an entry: the Seq-th of its account.
type EntryID struct {
	Account AccountID
	Seq     int64
}

// Compare orders entries by account and number.
func (id EntryID) Compare(o EntryID) int {
	return cmp.Or(cmp.Compare(id.Account, o.Account), cmp.Compare(id.Seq, o.Seq))
}

// Entry is one immutable line of the ledger. A charge is positive; a refund,
// discount, payment or credit negative. The account's balance is minus the sum of
// its entries.
type Entry struct {
	Account AccountID
	Seq     int64 // dense from 1 within the account
	Seller  SellerID
	Date    Date
	// Document is the DocumentID.Seq of the document it is on; 0: on none.
	Document int64
	Kind     EntryKind
	Resource ResourceID // of a tax, its name
	Quantity decimal.Decimal
	From, To Date // half-open interval that it is for; zero where it has none
	Amount   money.Money
	// Reference is free text of a payment, credit or debit.
	Reference string
	// Corrects is the Seq of the entry that this one reverses, 0: none.
	Corrects int64
	Basis    Basis
	Recorded time.Time
}

// ID returns the entry's identity.
func (e Entry) ID() EntryID { return EntryID{e.Account, e.Seq} }

// DocumentKind is an invoice or a credit note.
type DocumentKind string

// The kinds of documents.
const (
	Invoice    DocumentKind = "invoice"
	CreditNote DocumentKind = "credit_note"
)

// DocumentID identifies a document: the Seq-th of its account.
type DocumentID struct {
	Account AccountID
	Seq     int64
}

// Document is the entries that one action or boundary made for an account.
type Document struct {
	Account AccountID
	Seq     int64 // dense from 1 within the account
	Seller  SellerID
	Kind    DocumentKind
	// Number is dense from 1 per seller and kind, in the order of issue; the store
	// assigns it. A document whose total is zero has none: 0.
	Number          int64
	Date            Date // the boundary's or the action's day
	Issued          Date // the day it was made
	Net, Tax, Total money.Money
	// FirstEntry and LastEntry are the Seqs of its entries, which are consecutive.
	FirstEntry, LastEntry int64
	// Numbered tells the store to assign the next number.
	Numbered bool
	Recorded time.Time
}

// ID returns the document's identity.
func (d Document) ID() DocumentID { return DocumentID{d.Account, d.Seq} }
