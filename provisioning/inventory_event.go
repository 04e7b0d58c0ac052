package provisioning

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
)

// MachineChanged is the event "provisioning.machine.changed": a machine was made or
// changed. One that went down is told by Status and Was.
type MachineChanged struct {
	Machine    MachineID  `json:"machine"`
	Version    int64      `json:"version"`
	Status     Status     `json:"status"`
	Was        Status     `json:"was,omitempty"` // the status before; "": it is new
	Allocation Allocation `json:"allocation,omitempty"`
	Seller     string     `json:"seller,omitempty"` // who has taken it
}

// MachineRemoved is the event "provisioning.machine.removed".
type MachineRemoved struct {
	Machine MachineID `json:"machine"`
}

// ServerChanged is the event "provisioning.server.changed": a server was made or changed.
type ServerChanged struct {
	Server  ServerID  `json:"server"`
	Version int64     `json:"version"`
	Machine MachineID `json:"machine"`
	Group   GroupID   `json:"group"`
	Kind    Kind      `json:"kind"`
	Status  Status    `json:"status"`
	Was     Status    `json:"was,omitempty"` // the status before; "": it is new
}

// ServerRemoved is the event "provisioning.server.removed".
type ServerRemoved struct {
	Server ServerID `json:"server"`
}

// NoRoom is the event "provisioning.no_room": a request for room was refused, as no
// server could take it. It is not told for requests within a transaction of the host's,
// which is rolled back.
type NoRoom struct {
	Seller  string           `json:"seller,omitempty"`
	Account string           `json:"account,omitempty"`
	Group   GroupID          `json:"group,omitempty"`
	Kind    Kind             `json:"kind,omitempty"`
	Amounts map[string]int64 `json:"amounts"`
	// Why counts the servers by what keeps them from being chosen.
	Why map[placement.Code]int `json:"why,omitempty"`
}

// AddressesExhausted is the event "provisioning.addresses.exhausted": an owner got no
// address, as all that the server has of the kind are held or resting.
type AddressesExhausted struct {
	Server ServerID    `json:"server"`
	Kind   AddressKind `json:"kind"`
	Owner  string      `json:"owner"`
	Counts PoolCounts  `json:"counts"`
}

// RoomExpired is the event "provisioning.reservation.expired": a reservation was
// neither committed nor released in time, and its room is free again.
type RoomExpired struct {
	Reservation ReservationID    `json:"reservation"`
	Server      ServerID         `json:"server"`
	Seller      string           `json:"seller,omitempty"`
	Account     string           `json:"account,omitempty"`
	Name        string           `json:"name,omitempty"`
	Amounts     map[string]int64 `json:"amounts"`
}

func (MachineChanged) event() (string, int)     { return "provisioning.machine.changed", 1 }
func (MachineRemoved) event() (string, int)     { return "provisioning.machine.removed", 1 }
func (ServerChanged) event() (string, int)      { return "provisioning.server.changed", 1 }
func (ServerRemoved) event() (string, int)      { return "provisioning.server.removed", 1 }
func (NoRoom) event() (string, int)             { return "provisioning.no_room", 1 }
func (AddressesExhausted) event() (string, int) { return "provisioning.addresses.exhausted", 1 }
func (RoomExpired) event() (string, int)        { return "provisioning.reservation.expired", 1 }

// subject is in whose books an event of the inventory is, and what it is about. A
// machine's are the host's, whoever has it: a reseller need not know of machines.
func subject(d EventData) (seller, about string) {
	switch d := d.(type) {
	case MachineChanged:
		return "", "machine/" + string(d.Machine)
	case MachineRemoved:
		return "", "machine/" + string(d.Machine)
	case ServerChanged:
		return "", "server/" + string(d.Server)
	case ServerRemoved:
		return "", "server/" + string(d.Server)
	case AddressesExhausted:
		return "", "server/" + string(d.Server)
	case NoRoom:
		return d.Seller, "room/" + string(d.Group) + "/" + string(d.Kind)
	case RoomExpired:
		return d.Seller, "reservation/" + string(d.Reservation)
	}
	return "", ""
}

// event is an event of the inventory.
func (m *Manager) event(at time.Time, d EventData) *storage.Event {
	seller, about := subject(d)
	return newEvent(m.opt.IDs.NewID("evt"), at, seller, about, d)
}

// tell appends an event of the inventory to the outbox.
func (m *Manager) tell(ctx context.Context, outbox storage.Outbox, at time.Time, d EventData) error {
	return outbox.Append(ctx, []*storage.Event{m.event(at, d)})
}
