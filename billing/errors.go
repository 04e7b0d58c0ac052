package billing

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost"
)

// The refusals of spec section 8, and those of what goes beyond it. A refused action
// changes nothing, but the boundaries that were due before it stay handled. The
// error returned is a [*Refusal], which errors.Is finds by these values.
var (
	ErrAccountExists    = code(tierhost.KindExists, "account_exists")
	ErrUnknownAccount   = code(tierhost.KindNotFound, "unknown_account")
	ErrAccountClosed    = code(tierhost.KindPrecondition, "account_closed")
	ErrAccountSuspended = code(tierhost.KindPrecondition, "account_suspended")
	ErrNotSuspended     = code(tierhost.KindPrecondition, "not_suspended")
	ErrUnknownPlan      = code(tierhost.KindNotFound, "unknown_plan")
	ErrUnknownPeriod    = code(tierhost.KindNotFound, "unknown_period")
	ErrNotInPlan        = code(tierhost.KindPrecondition, "not_in_plan")
	ErrInvalidQuantity  = code(tierhost.KindInvalid, "invalid_quantity")
	ErrOverMax          = code(tierhost.KindLimited, "over_max")
	ErrInvalidAmount    = code(tierhost.KindInvalid, "invalid_amount")
	ErrNotMetered       = code(tierhost.KindPrecondition, "not_metered")
	ErrKeyReused        = code(tierhost.KindConflict, "key_reused")

	ErrNotOffered     = code(tierhost.KindPrecondition, "not_offered")
	ErrSellerInactive = code(tierhost.KindPrecondition, "seller_inactive")
	ErrHasCustomers   = code(tierhost.KindPrecondition, "has_customers")
	// ErrOverLimit: a limit that those above have set for all customers together.
	ErrOverLimit = code(tierhost.KindLimited, "over_limit")

	ErrUnknownSeller   = code(tierhost.KindNotFound, "unknown_seller")
	ErrUnknownVersion  = code(tierhost.KindNotFound, "unknown_version")
	ErrUnknownEntry    = code(tierhost.KindNotFound, "unknown_entry")
	ErrUnknownDocument = code(tierhost.KindNotFound, "unknown_document")
	ErrNotReversible   = code(tierhost.KindPrecondition, "not_reversible")
	ErrPlanNotOpen     = code(tierhost.KindDenied, "plan_not_open")   // signup is switched off
	ErrPlanRestricted  = code(tierhost.KindDenied, "plan_restricted") // the plan's Access
	ErrPlanGroup       = code(tierhost.KindDenied, "plan_group")      // not in the same plan group
	ErrMayNotResume    = code(tierhost.KindDenied, "may_not_resume")
	ErrNotInTrial      = code(tierhost.KindPrecondition, "not_in_trial")
	ErrDayPassed       = code(tierhost.KindPrecondition, "day_passed")
	ErrDayInFuture     = code(tierhost.KindInvalid, "day_in_future")
	ErrAccountParked   = code(tierhost.KindPrecondition, "account_parked")
	ErrInvalidInput    = code(tierhost.KindInvalid, "invalid_input")
)

func code(kind tierhost.Kind, c string) error { return tierhost.E("", kind, c, nil) }

// Refusal is why an action was refused. It is found by errors.As; errors.Is matches
// it with one of the sentinels above and with its kernel kind.
type Refusal struct {
	Action   string // "set", "change_plan", ...
	Account  AccountID
	Resource ResourceID // where it concerns one
	Detail   string     // what to do about it, one line
	sentinel error
}

// Code returns the stable code of spec section 8, "over_max".
func (r *Refusal) Code() string { return tierhost.CodeOf(r.sentinel) }

// Error returns one line that names action, account, rule and what to do.
func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "billing: %s", r.Action)
	if r.Account != 0 {
		fmt.Fprintf(&b, " account %d", r.Account)
	}
	fmt.Fprintf(&b, " refused: %s", r.Code())
	if r.Resource != "" {
		fmt.Fprintf(&b, " (%s)", r.Resource)
	}
	if r.Detail != "" {
		fmt.Fprintf(&b, ": %s", r.Detail)
	}
	return b.String()
}

// Unwrap returns the sentinel.
func (r *Refusal) Unwrap() error { return r.sentinel }

// asRefusal finds a refusal in an error.
func asRefusal(err error) (*Refusal, bool) { return errors.AsType[*Refusal](err) }
