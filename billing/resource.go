package billing

import (
	"github.com/shopspring/decimal"
)

// ResourceID names a resource: "mailbox", "traffic". It is unique in the installation.
type ResourceID string

// ResourceKind says over which interval a resource is charged.
type ResourceKind string

// The kinds of resources (spec section 1).
const (
	// KindPeriod resources are prepaid for the billing period: mailboxes, domains, IPs.
	KindPeriod ResourceKind = "period"
	// KindMonthly resources have a limit that is prepaid for the billing month; use
	// above it is charged when the month ends: traffic, disk.
	KindMonthly ResourceKind = "monthly"
)

// Aggregate says how a month's usage records become one figure.
type Aggregate string

// The aggregates. Sum is for flows (gigabytes sent), the others for levels
// (gigabytes held). No record is 0.
const (
	AggregateSum     Aggregate = "sum"
	AggregateMax     Aggregate = "max"
	AggregateLast    Aggregate = "last"
	AggregateAverage Aggregate = "average" // mean of the records
	AggregateP95     Aggregate = "p95"     // the record of rank ceil(0.95 n), ascending
)

// Resource is one sellable thing, defined once for the whole installation: its kind,
// step and aggregate are the same in every plan and list, and never change.
type Resource struct {
	ID        ResourceID
	Kind      ResourceKind    // "": KindPeriod
	Step      decimal.Decimal // quantities are multiples of it; zero: 1, or 0.000001 if monthly
	Aggregate Aggregate       // monthly resources only; "": AggregateSum
	// Unit is what a quantity counts, for texts: "GB", "mailboxes". May be empty.
	Unit string
	// Measures names the physical thing that is metered ("disk"), when several
	// resources measure the same in different ways; a plan may charge for only one
	// of them.
	Measures string
}

// withDefaults returns r with every default filled in.
func (r Resource) withDefaults() Resource {
	if r.Kind == "" {
		r.Kind = KindPeriod
	}
	if r.Step.IsZero() {
		r.Step = decimal.New(1, 0)
		if r.Kind == KindMonthly {
			r.Step = decimal.New(1, -6)
		}
	}
	if r.Aggregate == "" && r.Kind == KindMonthly {
		r.Aggregate = AggregateSum
	}
	return r
}
