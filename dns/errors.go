package dns

import "github.com/tierhost/tierhost"

// Errors of this package, for errors.Is; each also is its kernel kind.
var (
	// ErrChanged: what a server publishes is not what the change was made from: somebody
	// else has changed it. Read it again and plan anew.
	ErrChanged error = tierhost.E("dns", tierhost.KindConflict, "zone_changed", nil)
	// ErrZoneMissing: the server does not have the zone, and the driver cannot create it
	// there.
	ErrZoneMissing error = tierhost.E("dns", tierhost.KindPrecondition, "zone_missing", nil)
)
