package provisioning

import "github.com/tierhost/tierhost"

// Errors about services, for errors.Is; each also is its kernel kind.
var (
	// ErrNoService: there is no such service.
	ErrNoService error = tierhost.E("provisioning", tierhost.KindNotFound, "no_service", nil)
	// ErrNoChain: there is no such order.
	ErrNoChain error = tierhost.E("provisioning", tierhost.KindNotFound, "no_chain", nil)
	// ErrNameTaken: another service of the kind has the name on that server.
	ErrNameTaken error = tierhost.E("provisioning", tierhost.KindExists, "name_taken", nil)
)
