package billing

import (
	"time"

	"github.com/shopspring/decimal"
)

// PlanID names a plan of a seller.
type PlanID string

// Plan is what a seller offers under one name: how it may be had, and its newest
// version. What is in it stands in its versions, see [PlanVersion].
type Plan struct {
	Seller SellerID
	ID     PlanID
	Name   string
	// Open tells whether new accounts may sign up; a new plan is not open.
	Open bool
	// Group is the plan group. Accounts change between plans of the same group only
	// ("" is a group too); staff may change an account to any plan.
	Group string
	// Access says who may choose the plan.
	Access Access
	// From lists the plans from which one may come when Access is AccessFrom.
	From []PlanID
	// Latest is the number of the newest version, which new accounts get.
	Latest int
}

// Access says who may choose a plan.
type Access string

// The kinds of access to a plan.
const (
	AccessPublic Access = ""      // everybody, also from the street
	AccessStaff  Access = "staff" // only staff of the host or the seller chooses it for a customer
	AccessFrom   Access = "from"  // only customers who are on one of Plan.From
)

// PlanVersion is one immutable version of a plan. An account stays on the version it
// signed up to until it is moved, at a renewal.
type PlanVersion struct {
	Seller    SellerID
	Plan      PlanID
	Version   int // from 1
	Published time.Time
	Terms     Terms
}

// Terms are the content of a plan: resources, prices, settings. Amounts are in the
// seller's currency, prices per unit with any number of digits.
type Terms struct {
	// Periods lists the periods that customers may choose; empty: one month.
	Periods []Period `json:"periods,omitempty"`
	// Discounts per period and kind apply to prices derived from base prices.
	Discounts map[Period]Discounts `json:"discounts,omitempty"`
	// RefundPercent of what is given back is credited; nil: 100.
	RefundPercent *decimal.Decimal `json:"refund_percent,omitempty"`
	// MoneyBackDays is the money-back window; 0: none.
	MoneyBackDays int `json:"money_back_days,omitempty"`
	// Trial, if its Days are not 0, lets accounts be used before they pay.
	Trial Trial `json:"trial,omitzero"`
	// CreditLimit is how deep in debt an account may be before closing collects the
	// debt (CloseCollect); accounts may have their own.
	CreditLimit decimal.Decimal `json:"credit_limit,omitzero"`
	// Resources in the order in which they are charged and listed.
	Resources []Line `json:"resources"`
	// Wholesale makes the plan a reseller's: the price list at which it buys.
	Wholesale *Wholesale `json:"wholesale,omitempty"`
}

// Trial lets a new account be used unpaid for some days. Its use is logged; when it
// is converted the recurring prices of the days used are charged, then the first
// period opens. At the end it is converted or suspended.
type Trial struct {
	Days    int  `json:"days,omitempty"`
	Free    bool `json:"free,omitempty"`    // the use is not charged at the conversion
	Convert bool `json:"convert,omitempty"` // converted at the end, not suspended
}

// Line is a resource in a plan or a wholesale list.
type Line struct {
	Resource ResourceID `json:"id"`
	// Free units are not charged; of a monthly resource, per billing month.
	Free decimal.Decimal `json:"free,omitzero"`
	// Max units an account may hold; nil: no bound.
	Max *decimal.Decimal `json:"max,omitempty"`
	// AtSignup units are acquired when an account opens.
	AtSignup decimal.Decimal `json:"at_signup,omitzero"`
	// Prices are the base prices: per unit and month; setup per unit.
	Prices Prices `json:"prices,omitzero"`
	// PeriodPrices are for the whole period, and never discounted.
	PeriodPrices map[Period]PeriodPrices `json:"period_prices,omitempty"`
	// Rollup, of a monthly resource in a reseller's plan: its customers' usage counts
	// as its own.
	Rollup bool `json:"rollup,omitempty"`
	// Required, of a monthly line of a wholesale list or one that rolls up: every plan that
	// is sold under the list must have the resource, so that nobody uses it unmeasured.
	Required bool `json:"required,omitempty"`
}

// Prices per charge kind; nil: no price of that kind (nothing is charged).
type Prices struct {
	Setup     *decimal.Decimal `json:"setup,omitempty"`
	Recurring *decimal.Decimal `json:"recurring,omitempty"`
	Usage     *decimal.Decimal `json:"usage,omitempty"`
}

// PeriodPrices are explicit prices, and free units, of one period.
type PeriodPrices struct {
	Setup     *decimal.Decimal `json:"setup,omitempty"`
	Recurring *decimal.Decimal `json:"recurring,omitempty"`
	Usage     *decimal.Decimal `json:"usage,omitempty"`
	Free      *decimal.Decimal `json:"free,omitempty"`
}

// Discounts in percent per charge kind.
type Discounts struct {
	Setup     decimal.Decimal `json:"setup,omitzero"`
	Recurring decimal.Decimal `json:"recurring,omitzero"`
	Usage     decimal.Decimal `json:"usage,omitzero"`
}

// Wholesale is the price list at which a reseller buys what its customers hold, in
// the currency of the seller of the plan. Free is the reseller's pool of free units;
// free units of a period, Max and AtSignup mean nothing here.
type Wholesale struct {
	Resources     []Line               `json:"resources"`
	Discounts     map[Period]Discounts `json:"discounts,omitempty"`
	RefundPercent *decimal.Decimal     `json:"refund_percent,omitempty"` // nil: 100
}
