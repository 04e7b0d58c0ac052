package provisioning

// Phase sums up where a service is between what is wanted and what was seen.
type Phase string

// The phases. The table of what may follow what is in docs/provisioning.md.
const (
	PhasePending    Phase = "pending"    // it has no place yet, or it is not its turn in the order
	PhaseCreating   Phase = "creating"   // it is being made for the first time
	PhaseRepairing  Phase = "repairing"  // it was there and is missing: it is being made again
	PhaseActive     Phase = "active"     // it was seen to be there, usable, and as wanted
	PhaseChanging   Phase = "changing"   // it is there; its spec or password is being changed
	PhaseSuspending Phase = "suspending" // it is usable and should not be
	PhaseSuspended  Phase = "suspended"  // it was seen to be suspended, and as wanted
	PhaseResuming   Phase = "resuming"   // it is suspended and should not be
	PhaseMoving     Phase = "moving"     // it is on its way to another server and works where it is
	PhaseRemoving   Phase = "removing"   // it, or a leftover of it, is being removed
	PhaseRemoved    Phase = "removed"    // nothing of it is left
	PhaseParked     Phase = "parked"     // nothing more is done until somebody decides; see Parking
)
