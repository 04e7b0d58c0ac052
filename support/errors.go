package support

import (
	"github.com/tierhost/tierhost"
)

// Errors of this package, for errors.Is; each also is its kernel kind. What belongs to
// another seller or another customer is not there: it has no error of its own.
var (
	// ErrNoTicket: there is no such ticket.
	ErrNoTicket error = tierhost.E("support", tierhost.KindNotFound, "no_ticket", nil)
	// ErrNoQueue: there is no such queue.
	ErrNoQueue error = tierhost.E("support", tierhost.KindNotFound, "no_queue", nil)
	// ErrNoMessage: there is no such message, note or file.
	ErrNoMessage error = tierhost.E("support", tierhost.KindNotFound, "no_message", nil)
	// ErrNoArticle: there is no such article or version, or not for this reader.
	ErrNoArticle error = tierhost.E("support", tierhost.KindNotFound, "no_article", nil)
	// ErrNoCategory: there is no such category.
	ErrNoCategory error = tierhost.E("support", tierhost.KindNotFound, "no_category", nil)
	// ErrNoCanned: there is no such canned answer.
	ErrNoCanned error = tierhost.E("support", tierhost.KindNotFound, "no_canned", nil)
	// ErrNoJob: there is no such custom job.
	ErrNoJob error = tierhost.E("support", tierhost.KindNotFound, "no_job", nil)
	// ErrTaken: somebody else has the ticket.
	ErrTaken error = tierhost.E("support", tierhost.KindConflict, "taken", nil)
	// ErrState: the state of the ticket or job does not allow it.
	ErrState error = tierhost.E("support", tierhost.KindPrecondition, "wrong_state", nil)
	// ErrMerged: the ticket was merged into another one.
	ErrMerged error = tierhost.E("support", tierhost.KindPrecondition, "merged", nil)
	// ErrErased: what was written to the ticket was erased; nothing more is.
	ErrErased error = tierhost.E("support", tierhost.KindPrecondition, "erased", nil)
	// ErrForeign: tickets of different customers are not merged.
	ErrForeign error = tierhost.E("support", tierhost.KindDenied, "other_customer", nil)
	// ErrNoParent: nobody is above the seller.
	ErrNoParent error = tierhost.E("support", tierhost.KindPrecondition, "no_parent", nil)
	// ErrPassed: the ticket was passed up already, or it was not.
	ErrPassed error = tierhost.E("support", tierhost.KindPrecondition, "passed", nil)
	// ErrKeyReused: the idempotency key was used for something else.
	ErrKeyReused error = tierhost.E("support", tierhost.KindConflict, "key_reused", nil)
	// ErrAddressTaken: another queue has the address.
	ErrAddressTaken error = tierhost.E("support", tierhost.KindExists, "address_taken", nil)
	// ErrStale: what was to be changed or accepted is not what was read; read it again.
	ErrStale error = tierhost.E("support", tierhost.KindConflict, "changed_meanwhile", nil)
	// ErrToken: the token is not one of ours, or for somebody else.
	ErrToken error = tierhost.E("support", tierhost.KindDenied, "bad_token", nil)
)
