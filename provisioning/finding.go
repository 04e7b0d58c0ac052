package provisioning

// FindingKind is what is not as it should be.
type FindingKind string

// What [Manager.Reconcile] finds.
const (
	// FoundMissing: a service's thing is not there, or only in part.
	FoundMissing FindingKind = "missing"
	// FoundSuspension: a thing is usable and should be suspended, or the other way round.
	FoundSuspension FindingKind = "suspension"
	// FoundDrift: a thing is not as its service's spec says.
	FoundDrift FindingKind = "drift"
	// FoundOrphan: a thing carries the ID of one of our services, which is gone or
	// elsewhere.
	FoundOrphan FindingKind = "orphan"
	// FoundTaken: a thing has the name of a service and is not of that service.
	FoundTaken FindingKind = "taken"
	// FoundForeign: a thing carries no ID, or one that is not known here.
	FoundForeign FindingKind = "foreign"
)

// Finding is one thing on a server that is not as it should be.
type Finding struct {
	Kind    FindingKind `json:"kind"`
	Server  ServerID    `json:"server"`
	Of      Kind        `json:"of"`                // what sort of thing
	Name    string      `json:"name"`              // on the server
	Owner   ServiceID   `json:"owner,omitempty"`   // the ID that it carries
	Service ServiceID   `json:"service,omitempty"` // the service concerned, if there is one
	Want    string      `json:"want,omitempty"`    // the phase of that service
	Got     Presence    `json:"got"`
	// Woken: the manager was told to put it right, and will.
	Woken bool `json:"woken,omitempty"`
}
