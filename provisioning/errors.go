package provisioning

import "github.com/tierhost/tierhost"

// Errors of this package, for errors.Is; each also is its kernel kind.
var (
	// ErrNoMachine: there is no such machine, or none that can be taken.
	ErrNoMachine error = tierhost.E("provisioning", tierhost.KindNotFound, "no_machine", nil)
	// ErrNoServer: there is no such server.
	ErrNoServer error = tierhost.E("provisioning", tierhost.KindNotFound, "no_server", nil)
	// ErrNoGroup: there is no such group.
	ErrNoGroup error = tierhost.E("provisioning", tierhost.KindNotFound, "no_group", nil)
	// ErrNoPool: there is no such pool of addresses.
	ErrNoPool error = tierhost.E("provisioning", tierhost.KindNotFound, "no_pool", nil)
	// ErrNoReservation: there is no such reservation, or it ended so long ago that it was
	// purged.
	ErrNoReservation error = tierhost.E("provisioning", tierhost.KindNotFound, "no_reservation", nil)
	// ErrStale: what was to be changed is not at the version that was read; read it again.
	ErrStale error = tierhost.E("provisioning", tierhost.KindConflict, "inventory_changed", nil)
	// ErrInUse: something depends on what was to be removed or set aside, or the capacity
	// would be below what is used.
	ErrInUse error = tierhost.E("provisioning", tierhost.KindPrecondition, "in_use", nil)
	// ErrGroupNotCarried: a server was to be put on a machine that does not carry its
	// group.
	ErrGroupNotCarried error = tierhost.E("provisioning", tierhost.KindPrecondition, "group_not_carried", nil)
	// ErrNotEligible: the machine cannot be set aside for a reseller as it is.
	ErrNotEligible error = tierhost.E("provisioning", tierhost.KindPrecondition, "not_eligible", nil)
	// ErrNoCapacity: no server can take what was asked for; see [Manager.Reserve].
	ErrNoCapacity error = tierhost.E("provisioning", tierhost.KindLimited, "no_capacity", nil)
	// ErrNoAddress: the server's pools have no free address of the kind; see [NoAddressError].
	ErrNoAddress error = tierhost.E("provisioning", tierhost.KindLimited, "no_address", nil)
	// ErrFenced: the token is out of date: the reservation was extended by another holder,
	// or has ended in another way.
	ErrFenced error = tierhost.E("provisioning", tierhost.KindConflict, "fenced", nil)
	// ErrKeyReused: the key was used with another request.
	ErrKeyReused error = tierhost.E("provisioning", tierhost.KindConflict, "key_reused", nil)
)
