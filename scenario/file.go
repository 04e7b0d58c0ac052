package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
)

// File is a scenario.
type File struct {
	Scenario  string     `json:"scenario"` // free text
	About     string     `json:"about"`    // free text
	Resources []Resource `json:"resources"`
	Sellers   []Seller   `json:"sellers"`
	Plans     []Plan     `json:"plans"`
	Steps     []Step     `json:"steps"`
	// Until is the last day played, steps after it are not; zero: the last step's.
	Until billing.Date `json:"until"`
	// RunEvery is the nightly run's rhythm in days, counted from the first step; 0: 1.
	RunEvery int `json:"run_every"`
}

// Resource is a resource of the catalog.
type Resource struct {
	ID        billing.ResourceID   `json:"id"`
	Kind      billing.ResourceKind `json:"kind"`
	Step      decimal.Decimal      `json:"step"`
	Aggregate billing.Aggregate    `json:"aggregate"`
}

// Seller is a seller. One with a Parent is a reseller; Account is its double.
type Seller struct {
	ID       billing.SellerID `json:"id"`
	Currency string           `json:"currency"`
	Rounding string           `json:"rounding"`
	Taxes    []billing.Tax    `json:"taxes"`
	Parent   billing.SellerID `json:"parent"`
	Account  string           `json:"account"`
}

// Plan is a plan of a seller.
type Plan struct {
	ID            billing.PlanID                       `json:"id"`
	Seller        billing.SellerID                     `json:"seller"`
	Periods       []billing.Period                     `json:"periods"`
	Discounts     map[billing.Period]billing.Discounts `json:"discounts"`
	RefundPercent *decimal.Decimal                     `json:"refund_percent"`
	MoneyBackDays int                                  `json:"money_back_days"`
	Resources     []billing.Line                       `json:"resources"`
	Wholesale     *billing.Wholesale                   `json:"wholesale"`
}

// Step is one dated action. Error, if not empty, is the code with which it must be
// refused.
type Step struct {
	On         billing.Date       `json:"on"`
	Do         string             `json:"do"`
	Account    string             `json:"account"`
	Plan       billing.PlanID     `json:"plan"`
	Period     billing.Period     `json:"period"`
	Promotions []Promotion        `json:"promotions"`
	Resource   billing.ResourceID `json:"resource"`
	Quantity   decimal.Decimal    `json:"quantity"`
	Amount     decimal.Decimal    `json:"amount"`
	Key        string             `json:"key"`
	Error      string             `json:"error"`
}

// Promotion is a promotion granted at signup.
type Promotion struct {
	Code    string              `json:"code"`
	Percent decimal.Decimal     `json:"percent"`
	Kinds   []billing.EntryKind `json:"kinds"`
	Periods int                 `json:"periods"`
}

// Parse reads a scenario. Unknown fields, trailing data and faults of its form are
// errors that say where; what its plans say is checked when it is played.
func Parse(data []byte) (*File, error) {
	var f File
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("scenario: something follows the end of the file's object")
	}
	return &f, f.check()
}

func (f *File) check() error {
	var is tierhost.Issues
	if len(f.Sellers) == 0 {
		is.Add("sellers", billing.FaultMissing, "at least one seller")
	}
	for i, s := range f.Steps {
		path := tierhost.Path("steps", i)
		switch {
		case s.On.IsZero():
			is.Add(path+".on", billing.FaultMissing, "a date is needed")
		case i > 0 && s.On.Before(f.Steps[i-1].On):
			is.Add(path+".on", "order", "%s comes after a step of %s", s.On, f.Steps[i-1].On)
		}
		if s.Account == "" {
			is.Add(path+".account", billing.FaultMissing, "an account is needed")
		}
		switch s.Do {
		case "signup", "set", "usage", "change_plan", "change_period", "cancel", "keep",
			"suspend", "resume", "close", "pay", "credit", "debit":
		default:
			is.Add(path+".do", billing.FaultUnknown, "%q is no action", s.Do)
		}
	}
	if f.RunEvery < 0 {
		is.Add("run_every", billing.FaultNegative, "%d is negative", f.RunEvery)
	}
	if n := len(f.Steps); n > 0 && max(f.Steps[n-1].On.Days(), f.Until.Days())-f.Steps[0].On.Days() > 366*200 {
		is.Add("steps", billing.FaultTooLong, "at most 200 years")
	}
	return is.Err()
}
