package billing

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// AccountID is the number of an account, from 1 in the order of creation, unique in
// the installation.
type AccountID int64

// Account is one instance of a plan: the billing unit. It is a row; only the engine
// changes it.
type Account struct {
	ID      AccountID
	Seller  SellerID
	Name    string // the host's own name for it, unique per seller
	Version int64  // counts the writes; 1 when created

	// Above are the doubles of the sellers above: of its own seller, if that is a
	// reseller, of that one's parent, and so on; the highest first. They never change,
	// and their IDs are smaller than this one.
	Above []AccountID
	// Sells is the seller whose double this account is; "": it is nobody's.
	Sells SellerID

	Plan        PlanID
	PlanVersion int
	Period      Period
	Status      Status

	SignedUp  Date // day of signup
	Activated Date // day of signup or of the trial's conversion; zero while in trial
	Anchor    Date // from which boundaries are counted
	Closed    Date // zero while open

	PeriodFrom, PeriodTo Date // of the running period; while lapsed, of the last one
	MonthFrom, MonthTo   Date // of the running billing month
	MonthCharged         bool // whether the month opened charged
	Lapsed               bool // suspended when its period ended: no period is open
	Cancelling           bool // closes when its paid period ends
	Leaving              bool // Cancelling, and goes on elsewhere: a [Leaver] closes it
	TrialEnds            Date // the day a trial ends; zero when not in trial

	PendingPeriod  Period // change of period asked for, zero: none
	PendingPlan    PlanID // plan and version to which it moves at its next period
	PendingVersion int

	RefundPercent decimal.Decimal // the smallest of its plans since the period opened
	MoneyBackDays int             // the smallest of all its plans

	Suspension Suspension // while suspended

	Stretches  []Stretch   // parts of the running month, by plan
	Promotions []Promotion // in force or over
	Exemption  Exemption   // from taxes
	TaxCharged []TaxTotal  // taxes charged so far, net of those given back

	Balance     money.Money      // what the account has; negative is debt
	CreditLimit *decimal.Decimal // its own, else the plan's

	// Next is the day of the next boundary that the run has to handle; zero: none.
	Next Date
	// Parked, if its Code is not empty, keeps the account out of the run.
	Parked Parking

	EntrySeq    int64 // number of the last entry
	DocumentSeq int64 // number of the last document within the account
	PeriodSeq   int64 // number of the running period, from 1
	MeterScan   int64 // usage records up to this Seq are settled, see UsageRecord
	MeterSeen   int64 // the last usage record that was there when the month opened

	// LastRun is the sum of the account's last boundary document and its day.
	LastRun   money.Money
	LastRunOn Date
	// ActedOn is the day of the last action that changed what the account holds or is;
	// its books do not go back behind it.
	ActedOn Date
	// DebtSince is the date of the entry that made the balance negative; zero while it
	// is not.
	DebtSince Date
}

// Status of an account.
type Status string

// The statuses.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Closed    Status = "closed"
)

// Stretch is a part of a billing month that was spent on one version of one plan; it
// runs to the next stretch or to the month's end.
type Stretch struct {
	From    Date   `json:"from"`
	Plan    PlanID `json:"plan"`
	Version int    `json:"version"`
}

// Promotion is a discount that an account was granted at signup.
type Promotion struct {
	Code      string          `json:"code"`
	Percent   decimal.Decimal `json:"percent"`
	Setup     bool            `json:"setup,omitempty"`
	Recurring bool            `json:"recurring,omitempty"`
	Usage     bool            `json:"usage,omitempty"`
	Until     Date            `json:"until,omitzero"` // first day without it; zero: for ever
}

// Exemption frees an account from taxes. The zero value is none.
type Exemption struct {
	Code string // certificate or registration number; "" is no exemption
	From Date   // first day of documents without taxes
}

// TaxTotal is what an account has been charged of one tax, net.
type TaxTotal struct {
	Name  string `json:"name"`
	Minor int64  `json:"minor"` // minor units of the account's currency
}

// Parking says why the run leaves an account alone until it is unparked.
type Parking struct {
	Code   string // stable: "too_many_entries", "broken_invariant", ...
	Reason string
	On     Date // the boundary that could not be handled
}

// PeriodRow is one billing period of an account, written when it opens. The periods
// of an account tile: each opens where the last ended, unless the account had lapsed
// between them.
type PeriodRow struct {
	Account     AccountID
	Seq         int64 // from 1
	From, To    Date
	Period      Period
	Plan        PlanID
	PlanVersion int
	// Opened says why: OpenedSignup, OpenedRenewal, OpenedResume.
	Opened string
}

// Why a period opened.
const (
	OpenedSignup  = "signup"  // or a trial's conversion
	OpenedRenewal = "renewal" // where the last one ended
	OpenedResume  = "resume"  // after a lapse
)

// Holding is the quantity of a resource that an account has, with what is charged for
// it. It is a row; only the engine changes it. A holding that was once there stays,
// with quantity 0.
type Holding struct {
	Account  AccountID
	Resource ResourceID
	Quantity decimal.Decimal
	Paid     decimal.Decimal // units charged for the running interval
	Top      decimal.Decimal // largest quantity held in the month (monthly resources)
	// Limits are the largest quantities held in each stretch of the month (monthly
	// resources); missing ones are 0.
	Limits []decimal.Decimal

	SetupUnits decimal.Decimal // units for which setup is settled
	SetupPaid  money.Rat       // the money paid for them

	// Exact running totals, on which entries are rounded (spec section 3).
	SetupTotal        money.Rat // over the holding's life
	SetupDiscount     money.Rat
	RecurringTotal    money.Rat // over the interval
	RecurringDiscount money.Rat

	// Kept is what was charged for the period resource within the money-back window,
	// recurring net of refunds and discounts, in minor units: what money-back gives back.
	Kept int64
	// TrialUse counts billable units times days of a trial.
	TrialUse decimal.Decimal
}

// UsageRecord is one measurement of a monthly resource.
type UsageRecord struct {
	// Seq is assigned by the store, growing within an account.
	Seq      int64
	Account  AccountID
	Resource ResourceID
	Day      Date
	Amount   decimal.Decimal
	// Key, if not empty, is unique per account and resource.
	Key string
	// Source is the account below which the record comes from, rolled up; 0: its own.
	Source AccountID
	// RolledUp are the doubles above that got a copy, the highest first.
	RolledUp []AccountID
	Recorded time.Time
}
