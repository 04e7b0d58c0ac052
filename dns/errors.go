package dns

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// Errors of this package, for errors.Is; each also is its kernel kind.
var (
	// ErrChanged: what a server publishes is not what the change was made from: somebody
	// else has changed it. Read it again and plan anew.
	ErrChanged error = tierhost.E("dns", tierhost.KindConflict, "zone_changed", nil)
	// ErrZoneMissing: the server does not have the zone, and the driver cannot create it
	// there.
	ErrZoneMissing error = tierhost.E("dns", tierhost.KindPrecondition, "zone_missing", nil)
	// ErrNoZone: there is no such zone.
	ErrNoZone error = tierhost.E("dns", tierhost.KindNotFound, "no_zone", nil)
	// ErrNoServer: there is no such name server.
	ErrNoServer error = tierhost.E("dns", tierhost.KindNotFound, "no_server", nil)
	// ErrNoTemplate: there is no such template, or not the version.
	ErrNoTemplate error = tierhost.E("dns", tierhost.KindNotFound, "no_template", nil)
	// ErrNoSet: there is no such set of variables, or not the version.
	ErrNoSet error = tierhost.E("dns", tierhost.KindNotFound, "no_set", nil)
	// ErrNoAlias: there is no such instant alias.
	ErrNoAlias error = tierhost.E("dns", tierhost.KindNotFound, "no_alias", nil)
	// ErrZoneExists: there is a zone of that name already.
	ErrZoneExists error = tierhost.E("dns", tierhost.KindExists, "zone_exists", nil)
	// ErrKeyReused: the key was used for another request.
	ErrKeyReused error = tierhost.E("dns", tierhost.KindConflict, "key_reused", nil)
	// ErrForeignZone: the zone would be below or above one of somebody else, who has not
	// allowed it.
	ErrForeignZone error = tierhost.E("dns", tierhost.KindDenied, "foreign_zone", nil)
	// ErrNoServers: there are no name servers that the zone could be on; see
	// [NoServersError].
	ErrNoServers error = tierhost.E("dns", tierhost.KindLimited, "no_servers", nil)
	// ErrStale: what was to be changed is not at the version that was read; read it again.
	ErrStale error = tierhost.E("dns", tierhost.KindConflict, "changed_meanwhile", nil)
	// ErrInUse: zones are on the server that was to be removed.
	ErrInUse error = tierhost.E("dns", tierhost.KindPrecondition, "in_use", nil)
	// ErrToken: the token is that of another plan than the present one.
	ErrToken error = tierhost.E("dns", tierhost.KindConflict, "token_mismatch", nil)
)

// NoServersError says why name servers cannot have a zone. It is [ErrNoServers]. Why is for
// staff: what Error returns names no server, since customers may come to see it.
type NoServersError struct {
	// Why has a code for each server: status, no_name, role, machine, unknown.
	Why map[ServerID]string
}

// Error tells how many servers there are for each code.
func (e *NoServersError) Error() string {
	count := map[string]int{}
	for _, code := range e.Why {
		count[code]++
	}
	var b strings.Builder
	b.WriteString(ErrNoServers.Error())
	for _, code := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "; %s: %d", code, count[code])
	}
	return b.String()
}

// Unwrap returns [ErrNoServers].
func (e *NoServersError) Unwrap() error { return ErrNoServers }

// GuardedError is a change that needs approval: the plan is what somebody has to look at,
// and its Token what approves it. It is [ErrGuarded].
type GuardedError struct{ Plan Plan }

// Error lists the guards.
func (e *GuardedError) Error() string { return e.Plan.Allowed("").Error() }

// Unwrap returns [ErrGuarded].
func (e *GuardedError) Unwrap() error { return ErrGuarded }

// approved returns nil if a plan may be carried out with the token; a [*GuardedError]
// without one, and [ErrToken] with that of another plan.
func approved(p Plan, token string) error {
	switch {
	case p.Allowed(token) == nil:
		return nil
	case token == "":
		return &GuardedError{Plan: p}
	}
	return ErrToken
}
