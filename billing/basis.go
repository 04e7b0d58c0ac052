package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// Cause is the event that made an entry (the rows of the table in spec section 4).
type Cause string

// The causes.
const (
	CauseRise       Cause = "rise"        // the quantity rose
	CauseFall       Cause = "fall"        // the quantity fell
	CauseOpen       Cause = "open"        // a period or month opened
	CauseResume     Cause = "resume"      // a late resume opened a stretch
	CauseSettle     Cause = "settle"      // a month was settled
	CausePlanChange Cause = "plan_change" // the plan changed within a period
	CauseRenewal    Cause = "renewal"     // setup due because a period opened on another plan or version
	CauseMoneyBack  Cause = "money_back"  // closed within the money-back window
	CauseTrial      Cause = "trial"       // a trial was converted
	CauseTax        Cause = "tax"         // tax of a document
	CauseManual     Cause = "manual"      // payment, credit, debit
	CauseReversal   Cause = "reversal"    // reverses another entry
	CauseDayClose   Cause = "day_close"   // a reseller's day was closed
)

// Basis is how an entry's amount came about: every figure that went into it, so that
// it can be recomputed by hand. Fields that play no part are zero. See
// [Engine.Explain].
type Basis struct {
	Cause   Cause  `json:"cause"`
	Plan    PlanID `json:"plan,omitempty"` // the price list ...
	Version int    `json:"version,omitempty"`
	Period  Period `json:"period,omitzero"` // ... and the period it was read for

	Held      decimal.Decimal `json:"held,omitzero"`  // quantity held after the event
	Free      decimal.Decimal `json:"free,omitzero"`  // free units of it
	Units     money.Rat       `json:"units,omitzero"` // units charged or given back
	UnitPrice money.Rat       `json:"unit_price,omitzero"`

	Days    int             `json:"days,omitempty"` // the fraction: days over days; 0/0: whole
	OfDays  int             `json:"of_days,omitempty"`
	Percent decimal.Decimal `json:"percent,omitzero"` // of a refund, tax or discount, 0/0: whole
	// Factor further scales a refund at a change of plan (spec section 4, step 2).
	Factor money.Rat `json:"factor,omitzero"`
	// Of is the exact amount that a discount or a tax is taken from.
	Of money.Rat `json:"of,omitzero"`

	// Parts of a month's usage, one for each stretch.
	Parts []UsagePart `json:"parts,omitempty"`

	// Exact is the amount before rounding, Before the exact running total to which it
	// was added. The entry is round(Before + Exact) - round(Before).
	Exact    money.Rat      `json:"exact,omitzero"`
	Before   money.Rat      `json:"before,omitzero"`
	Rounding money.Rounding `json:"rounding,omitempty"`
	// Capped: a refund of tax was held to what had been charged of it.
	Capped bool `json:"capped,omitempty"`
}

// UsagePart is the share of one stretch in a month's usage.
type UsagePart struct {
	From      Date            `json:"from"`
	To        Date            `json:"to"`
	Plan      PlanID          `json:"plan"`
	Version   int             `json:"version"`
	Used      money.Rat       `json:"used"` // the records' figure
	Limit     decimal.Decimal `json:"limit"`
	Counted   money.Rat       `json:"counted"` // limit times share of the month
	Days      int             `json:"days"`    // the share: days over days
	OfDays    int             `json:"of_days"`
	UnitPrice money.Rat       `json:"unit_price"`
	Over      money.Rat       `json:"over"` // used above the limit
	Level     bool            `json:"level,omitempty"`
}
