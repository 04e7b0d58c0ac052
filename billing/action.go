package billing

import (
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// Action is something a person or job does to an account. Give one to [Engine.Do] to
// do it, or to [Engine.Quote] to see what it would make. The actions are the types of
// this package that embed [Request].
type Action interface {
	name() string
	request() Request
	account() AccountID
	by(Actor) Action
	// encode appends the input's canonical form for the fingerprint of its key.
	encode(e *encoder)
}

// Request is what all actions have in common. The zero value works.
type Request struct {
	// On is the day of the action in the seller's calendar; zero: today. A day before
	// the account's running month, or after today, is refused.
	On Date
	// Key, if not empty, makes the action idempotent: the same key with the same input
	// returns the first result and does nothing, with another input it is ErrKeyReused.
	// It is unique per account and kind of action (of signups: per seller; of usage: per
	// account and resource), at most 255 bytes, and kept for ever. A refused action
	// leaves its key unused.
	Key string
	// By is who acts; the zero Actor is the host's staff.
	By Actor
}

func (r Request) request() Request { return r }

// Signup opens an account on a plan's newest version.
type Signup struct {
	Request
	Seller SellerID
	Name   string // the host's own name for the account, unique per seller
	Plan   PlanID
	Period Period // zero: the plan's first
	// Promotions granted; see [PromotionGrant].
	Promotions []PromotionGrant
	// Existing is an account of the same customer, for plans with AccessFrom.
	Existing AccountID
	// Exemption code, if any, frees the account from taxes.
	Exemption string
	// Sells opens the account as the double of a reseller of this Seller that has none
	// yet, see [Engine.Appoint], and without a trial; ErrNotDouble if there is no such
	// reseller.
	Sells SellerID
	// SkipTrial opens the first period at once although the plan has a trial.
	SkipTrial bool
}

// PromotionGrant is a promotion as it is granted at signup: percent off the charges of
// some kinds, for a number of periods of the signup length (0: for ever).
type PromotionGrant struct {
	Code    string
	Percent decimal.Decimal
	Kinds   []EntryKind // of EntrySetup, EntryRecurring, EntryUsage
	Periods int
}

// SetQuantity changes how much of a resource an account holds.
type SetQuantity struct {
	Request
	Account  AccountID
	Resource ResourceID
	Quantity decimal.Decimal
}

// RecordUsage records one measurement of a monthly resource. On is the day that was
// measured; a record for a month that is settled counts in the running one.
type RecordUsage struct {
	Request
	Account  AccountID
	Resource ResourceID
	Amount   decimal.Decimal
}

// ChangePlan moves an account to the newest version of another plan, at once; the
// periods go on.
type ChangePlan struct {
	Request
	Account AccountID
	Plan    PlanID
}

// MoveVersion notes that an account goes to a version of its plan when its next
// period opens; the present version takes a noted move back. See also
// [Engine.MoveVersions].
type MoveVersion struct {
	Request
	Account AccountID
	Plan    PlanID // if not empty, an account that is on another plan is refused
	Version int    // 0: the newest
}

// ChangePeriod notes the billing period to which an account goes at its next renewal;
// the present period takes a noted change back.
type ChangePeriod struct {
	Request
	Account AccountID
	Period  Period
}

// Cancel closes an account when its paid period ends; a lapsed account or a trial
// closes at once.
type Cancel struct {
	Request
	Account AccountID
	// Leaving: the customer goes on in another account, see [Leaver]. A later Cancel
	// without it only cancels. ErrNoPeriod for what would be closed at once.
	Leaving bool
}

// Keep takes a Cancel back.
type Keep struct {
	Request
	Account AccountID
}

// Suspend takes an account out of service. Nothing is refunded.
type Suspend struct {
	Request
	Account AccountID
	Reason  Reason // "": ReasonHost, or ReasonSeller, ... by the actor's role
	Note    string
}

// Resume brings a suspended account back. Who may do that depends on the reason, see
// [MayResume]. Resuming an account whose trial ended converts it.
type Resume struct {
	Request
	Account AccountID
}

// Convert ends an account's trial and opens its first period.
type Convert struct {
	Request
	Account AccountID
}

// Close ends an account.
type Close struct {
	Request
	Account AccountID
	Billing CloseBilling
}

// CloseBilling says what closing does to the books (hsphere.md section 2.9).
type CloseBilling string

// The four options of closing.
const (
	// CloseAccrue makes the refunds and charges usage; nothing is collected.
	CloseAccrue CloseBilling = ""
	// CloseNoBilling makes no entries on the account. What resellers above it owe for it
	// follows the usual rule.
	CloseNoBilling CloseBilling = "no_billing"
	// CloseCollect accrues, then requests collection of the debt if it has reached the
	// credit limit.
	CloseCollect CloseBilling = "collect"
	// CloseCollectOnly makes no entries on the account either, and requests collection of the debt there is.
	CloseCollectOnly CloseBilling = "collect_only"
)

// Pay books money received.
type Pay struct {
	Request
	Account   AccountID
	Amount    money.Money
	Reference string
}

// Credit books money granted.
type Credit struct {
	Request
	Account   AccountID
	Amount    money.Money
	Reference string
}

// Debit books a charge outside the price list.
type Debit struct {
	Request
	Account   AccountID
	Amount    money.Money
	Reference string
}

// Bill books the sums that package reseller has made of a reseller's shadows, on its
// double: one wholesale entry per resource, together one document with the seller's
// taxes, dated On. Boundaries that are due are not handled first, and it is booked
// whatever state the account is in.
type Bill struct {
	Request
	Account AccountID
	Lines   []BillLine
}

// BillLine is one resource's sum; one of zero makes no entry.
type BillLine struct {
	Resource ResourceID
	Amount   money.Money // negative: the reseller gets back
}

// Reverse undoes a payment, credit or debit by an entry of the opposite amount that
// names it. An entry is reversed once at most.
type Reverse struct {
	Request
	Account   AccountID
	Entry     int64 // Seq of the entry
	Reference string
}

// Exempt frees an account from taxes from a day on, or, with an empty code, ends that.
type Exempt struct {
	Request
	Account AccountID
	Code    string
}

// SetCreditLimit gives an account its own credit limit, or with nil the plan's.
type SetCreditLimit struct {
	Request
	Account AccountID
	Limit   *decimal.Decimal
}

func (Signup) name() string         { return "signup" }
func (SetQuantity) name() string    { return "set" }
func (RecordUsage) name() string    { return "usage" }
func (ChangePlan) name() string     { return "change_plan" }
func (MoveVersion) name() string    { return "move_version" }
func (ChangePeriod) name() string   { return "change_period" }
func (Cancel) name() string         { return "cancel" }
func (Keep) name() string           { return "keep" }
func (Suspend) name() string        { return "suspend" }
func (Resume) name() string         { return "resume" }
func (Convert) name() string        { return "convert" }
func (Close) name() string          { return "close" }
func (Pay) name() string            { return "pay" }
func (Credit) name() string         { return "credit" }
func (Debit) name() string          { return "debit" }
func (Bill) name() string           { return "bill" }
func (Reverse) name() string        { return "reverse" }
func (Exempt) name() string         { return "exempt" }
func (SetCreditLimit) name() string { return "set_credit_limit" }

func (Signup) account() AccountID           { return 0 }
func (a SetQuantity) account() AccountID    { return a.Account }
func (a RecordUsage) account() AccountID    { return a.Account }
func (a ChangePlan) account() AccountID     { return a.Account }
func (a MoveVersion) account() AccountID    { return a.Account }
func (a ChangePeriod) account() AccountID   { return a.Account }
func (a Cancel) account() AccountID         { return a.Account }
func (a Keep) account() AccountID           { return a.Account }
func (a Suspend) account() AccountID        { return a.Account }
func (a Resume) account() AccountID         { return a.Account }
func (a Convert) account() AccountID        { return a.Account }
func (a Close) account() AccountID          { return a.Account }
func (a Pay) account() AccountID            { return a.Account }
func (a Credit) account() AccountID         { return a.Account }
func (a Debit) account() AccountID          { return a.Account }
func (a Bill) account() AccountID           { return a.Account }
func (a Reverse) account() AccountID        { return a.Account }
func (a Exempt) account() AccountID         { return a.Account }
func (a SetCreditLimit) account() AccountID { return a.Account }

// Plain returns an action as a value of one of the types of this package: a pointer to one
// is what it points to, and a type that embeds one is what it embeds, so that whoever looks
// at the type sees what will be done. No action, or a nil pointer, is [ErrInvalidInput].
func Plain(act Action) (plain Action, err error) {
	defer func() {
		if recover() != nil { // a pointer to nothing
			plain, err = nil, fmt.Errorf("billing: no action: %w", ErrInvalidInput)
		}
	}()
	return act.by(act.request().By), nil
}

// AccountOf returns the account that an action is for; 0 for a signup.
func AccountOf(act Action) AccountID { return act.account() }

// NameOf returns the name of an action: "signup", "set", "change_plan", ...
func NameOf(act Action) string { return act.name() }

// ActorOf returns who an action says acts.
func ActorOf(act Action) Actor { return act.request().By }

// By returns an action with another actor.
func By(act Action, by Actor) Action { return act.by(by) }

func (a Signup) by(x Actor) Action         { a.By = x; return a }
func (a SetQuantity) by(x Actor) Action    { a.By = x; return a }
func (a RecordUsage) by(x Actor) Action    { a.By = x; return a }
func (a ChangePlan) by(x Actor) Action     { a.By = x; return a }
func (a MoveVersion) by(x Actor) Action    { a.By = x; return a }
func (a ChangePeriod) by(x Actor) Action   { a.By = x; return a }
func (a Cancel) by(x Actor) Action         { a.By = x; return a }
func (a Keep) by(x Actor) Action           { a.By = x; return a }
func (a Suspend) by(x Actor) Action        { a.By = x; return a }
func (a Resume) by(x Actor) Action         { a.By = x; return a }
func (a Convert) by(x Actor) Action        { a.By = x; return a }
func (a Close) by(x Actor) Action          { a.By = x; return a }
func (a Pay) by(x Actor) Action            { a.By = x; return a }
func (a Credit) by(x Actor) Action         { a.By = x; return a }
func (a Debit) by(x Actor) Action          { a.By = x; return a }
func (a Bill) by(x Actor) Action           { a.By = x; return a }
func (a Reverse) by(x Actor) Action        { a.By = x; return a }
func (a Exempt) by(x Actor) Action         { a.By = x; return a }
func (a SetCreditLimit) by(x Actor) Action { a.By = x; return a }
