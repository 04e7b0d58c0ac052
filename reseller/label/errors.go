package label

import "github.com/tierhost/tierhost"

// Errors of this package, for errors.Is; each also is its kernel kind.
var (
	// ErrNoBrand: the seller has no brand, or the host belongs to none.
	ErrNoBrand error = tierhost.E("label", tierhost.KindNotFound, "no_brand", nil)
	// ErrHostTaken: a host name belongs to another brand. Whose is not told.
	ErrHostTaken error = tierhost.E("label", tierhost.KindExists, "host_taken", nil)
	// ErrNoWords: a leak test has nothing to look for, or nothing of one of the parents.
	ErrNoWords error = tierhost.E("label", tierhost.KindPrecondition, "no_words", nil)
	// ErrStale: the brand is not at the version that was read; read it again.
	ErrStale error = tierhost.E("label", tierhost.KindConflict, "brand_changed", nil)
)
