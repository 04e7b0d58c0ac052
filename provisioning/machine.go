package provisioning

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Machine is a physical server. Logical servers ([Server]) run on it.
type Machine struct {
	ID MachineID `json:"id"`
	// Version counts the changes, from 1. In [Manager.PutMachine] it is the version that
	// was read; 0: a new machine.
	Version   int64        `json:"version"`
	Changed   time.Time    `json:"changed"`        // set by the manager
	Name      string       `json:"name,omitempty"` // for people
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Platform  string       `json:"platform,omitempty"` // any word the host uses: "debian-12"
	Tags      []string     `json:"tags,omitempty"`     // sorted
	// Domain is the failure domain: what fails together, such as a rack or a data centre.
	Domain string `json:"domain,omitempty"`
	Status Status `json:"status"` // "" is StatusActive
	// Groups are the server groups that the machine carries: a server of another group
	// is not put on it.
	Groups []GroupID `json:"groups,omitempty"` // sorted
	// Capacity is how much all servers of the machine together may hold, by dimension; a
	// dimension that is not there is not limited. See [Server.Capacity].
	Capacity map[string]int64 `json:"capacity,omitempty"`
	// Allocation and Seller say for whom the machine is set aside. PutMachine leaves
	// them alone: see [Manager.Offer], [Manager.Take], [Manager.GiveBack] and
	// [Manager.Withdraw].
	Allocation Allocation `json:"allocation,omitempty"`
	Seller     string     `json:"seller,omitempty"`   // who has taken it
	TakeKey    string     `json:"take_key,omitempty"` // of the Take that took it
}

// Clone returns a copy that shares nothing with m.
func (m Machine) Clone() Machine {
	m.Addresses = slices.Clone(m.Addresses)
	m.Tags = slices.Clone(m.Tags)
	m.Groups = slices.Clone(m.Groups)
	m.Capacity = maps.Clone(m.Capacity)
	return m
}

// Status says if a machine or server takes new services. What a machine may not do, none
// of its servers may.
type Status string

// The statuses. Only an active server on an active machine is given new services; they
// differ in what becomes of those it has.
const (
	StatusActive   Status = "active"
	StatusDraining Status = "draining" // its services work and are being moved away
	StatusDisabled Status = "disabled" // its services work
	StatusDown     Status = "down"     // it does not answer: nothing is done on it until it does
)

// Allocation is how far a machine is set aside for a reseller.
type Allocation string

// The states of an allocation, in their order.
const (
	Unassigned Allocation = ""          // everybody's
	Available  Allocation = "available" // waits for a reseller; nobody's services are placed there
	Taken      Allocation = "taken"     // a reseller's, whose customers' services alone are placed there
)

// MachineQuery selects machines; the zero value selects all.
type MachineQuery struct {
	Allocation Allocation // "": whatever it is
	Seller     string     // who has taken them; "": whoever
}

// MachineRows are the rows of machines.
type MachineRows interface {
	// PutMachine inserts or replaces a machine, as PutGroup does a group.
	PutMachine(ctx context.Context, m Machine) error
	// Machine returns a machine, or storage.ErrNotFound.
	Machine(ctx context.Context, id MachineID) (Machine, error)
	// Machines returns up to limit machines after the given one, by ID.
	Machines(ctx context.Context, q MachineQuery, after MachineID, limit int) ([]Machine, error)
	// RemoveMachine deletes a machine, as RemoveGroup does a group.
	RemoveMachine(ctx context.Context, id MachineID, version int64) error
}
