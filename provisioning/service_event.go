package provisioning

import "time"

// ServiceChanged is the event "provisioning.service.changed": a service went from one
// phase to another. From is "" for a new one.
type ServiceChanged struct {
	Service ServiceID `json:"service"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Account string    `json:"account"`
	Chain   ChainID   `json:"chain,omitempty"`
	Server  ServerID  `json:"server,omitempty"`
	From    Phase     `json:"from,omitempty"`
	To      Phase     `json:"to"`
	// Reason is why a service is parked, suspended or removed: stable codes of this
	// package for the first, the host's words for the others.
	Reason string `json:"reason,omitempty"`
}

// ServiceMoved is the event "provisioning.service.moved": a service serves from another
// server now. What tells customers where it is follows from it.
type ServiceMoved struct {
	Service ServiceID `json:"service"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Account string    `json:"account"`
	From    ServerID  `json:"from"`
	To      ServerID  `json:"to"`
}

// MoveFailed is the event "provisioning.service.move_failed": a service stays where it
// is, and what was made on the other server is removed.
type MoveFailed struct {
	Service ServiceID `json:"service"`
	Account string    `json:"account"`
	To      ServerID  `json:"to"`
	Text    string    `json:"text,omitempty"`
}

// LeftoverAbandoned is the event "provisioning.service.abandoned": what is left of a
// service on a server was given up by staff ([Manager.Abandon]), and is not removed there.
type LeftoverAbandoned struct {
	Service ServiceID `json:"service"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Account string    `json:"account"`
	Server  ServerID  `json:"server"`
	Reason  string    `json:"reason"` // staff's words
}

// ServiceMissing is the event "provisioning.service.missing": a thing that should be
// there was not found, and is made anew. Its content is lost unless the host restores it.
type ServiceMissing struct {
	Service ServiceID `json:"service"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Account string    `json:"account"`
	Server  ServerID  `json:"server"`
}

// UsageLost is the event "provisioning.service.usage_lost": the meters of a service could
// not be read before it was removed from a server. What it has used there since the last
// reading that was counted may be lost.
type UsageLost struct {
	Service ServiceID `json:"service"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Account string    `json:"account"`
	Server  ServerID  `json:"server"`
	Since   time.Time `json:"since,omitzero"` // the zero time: it was never read there
	Text    string    `json:"text"`           // why
}

// LateOutcome is the event "provisioning.service.late_outcome": a call ended after its
// worker had lost the lease. What it did is looked for and put right.
type LateOutcome struct {
	Service ServiceID `json:"service"`
	Server  ServerID  `json:"server"`
	Verb    Verb      `json:"verb"`
	Begun   time.Time `json:"begun"`
}

// ChainChanged is the event "provisioning.chain.changed": an order is in another state.
// For one that has failed, Failed and Reason say by what, and Leftovers what is still
// there.
type ChainChanged struct {
	Chain     ChainID     `json:"chain"`
	Account   string      `json:"account"`
	From      ChainState  `json:"from,omitempty"`
	To        ChainState  `json:"to"`
	Failed    ServiceID   `json:"failed,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	Leftovers []ServiceID `json:"leftovers,omitempty"`
}

// BreakerChanged is the event "provisioning.server.breaker": calls to a server are held
// back because it does not answer, or are made again.
type BreakerChanged struct {
	Server ServerID  `json:"server"`
	Open   bool      `json:"open"`
	Until  time.Time `json:"until,omitzero"` // when one call is tried, if Open
}

// DriftFound is the event "provisioning.drift.found": [Manager.Reconcile] found something
// on a server that is not as it should be.
type DriftFound struct {
	Finding Finding `json:"finding"`
}

func (ServiceChanged) event() (string, int)    { return "provisioning.service.changed", 1 }
func (ServiceMoved) event() (string, int)      { return "provisioning.service.moved", 1 }
func (MoveFailed) event() (string, int)        { return "provisioning.service.move_failed", 1 }
func (LeftoverAbandoned) event() (string, int) { return "provisioning.service.abandoned", 1 }
func (ServiceMissing) event() (string, int)    { return "provisioning.service.missing", 1 }
func (UsageLost) event() (string, int)         { return "provisioning.service.usage_lost", 1 }
func (LateOutcome) event() (string, int)       { return "provisioning.service.late_outcome", 1 }
func (ChainChanged) event() (string, int)      { return "provisioning.chain.changed", 1 }
func (BreakerChanged) event() (string, int)    { return "provisioning.server.breaker", 1 }
func (DriftFound) event() (string, int)        { return "provisioning.drift.found", 1 }
