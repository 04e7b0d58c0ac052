package provisioning

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
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
type Status = placement.Status

// The statuses. Only an active server on an active machine is given new services; they
// differ in what becomes of those it has.
const (
	StatusActive   = placement.Active
	StatusDraining = placement.Draining // its services work and are being moved away
	StatusDisabled = placement.Disabled // its services work
	StatusDown     = placement.Down     // it does not answer: nothing is done on it until it does
)

// Allocation is how far a machine is set aside for a reseller.
type Allocation = placement.Allocation

// The states of an allocation, in their order.
const (
	Unassigned = placement.Shared    // everybody's
	Available  = placement.Available // waits for a reseller; nobody's services are placed there
	Taken      = placement.Taken     // a reseller's, whose customers' services alone are placed there
)

// MachineQuery selects machines; the zero value selects all.
type MachineQuery struct {
	Allocation Allocation // "": whatever it is
	Seller     string     // who has taken them; "": whoever
	// Since selects those written at a later revision.
	Since int64
}

// MachineRows are the rows of machines.
type MachineRows interface {
	// PutMachine inserts or replaces a machine, as PutGroup does a group.
	PutMachine(ctx context.Context, m Machine) error
	// Machine returns a machine, or storage.ErrNotFound.
	Machine(ctx context.Context, id MachineID) (Machine, error)
	// Machines returns up to limit machines after the given one, by ID.
	Machines(ctx context.Context, q MachineQuery, after MachineID, limit int) ([]Machine, error)
	// RemoveMachine deletes a machine, as RemoveGroup does a group. The revision tells so.
	RemoveMachine(ctx context.Context, id MachineID, version int64) error
}

// normal is the machine as it is kept, or all its faults.
func (m Machine) normal() (Machine, error) {
	m = m.Clone()
	var c checker
	c.name("id", string(m.ID))
	c.text("name", m.Name, maxText)
	c.addresses("addresses", m.Addresses)
	c.optional("platform", m.Platform)
	m.Tags = names(&c, "tags", m.Tags, maxTags)
	c.optional("domain", m.Domain)
	m.Status = c.status("status", m.Status)
	m.Groups = names(&c, "groups", m.Groups, maxList)
	c.amounts("capacity", m.Capacity)
	return m, c.Err()
}

// PutMachine makes or changes a machine and returns it as it is kept. m.Version is the
// version that was read, 0 for a new machine. Allocation, Seller and TakeKey stay what
// they are, whatever is given. Placement sees the change before its next decision, also
// one that is being made in another process at the same time.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrStale] if the
// machine has another version by now, and with [ErrInUse] if the capacity would be below
// what is used, or if a server on it is of a group that it would no longer carry.
func (m *Manager) PutMachine(ctx context.Context, machine Machine) (Machine, error) {
	const op = "provisioning.PutMachine"
	kept, err := machine.normal()
	if err != nil {
		return Machine{}, err
	}
	err = m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Machine(ctx, machine.ID)
		if err := known(op, err, old.Version, machine.Version); err != nil {
			return err
		}
		var issues tierhost.Issues
		for i, id := range machine.Groups {
			_, err := rows.Group(ctx, id)
			switch {
			case errors.Is(err, storage.ErrNotFound):
				issues.Add(tierhost.Path("groups", i), "unknown_group", "there is no group %.128q", id)
			case err != nil:
				return err
			}
		}
		if err := issues.Err(); err != nil {
			return err
		}
		if err := carries(ctx, op, rows, kept); err != nil {
			return err
		}
		kept.Allocation, kept.Seller, kept.TakeKey = old.Allocation, old.Seller, old.TakeKey
		return m.putMachine(ctx, op, rows, outbox, old, &kept)
	})
	return kept, err
}

// carries refuses a machine that does not carry the group of a server on it.
func carries(ctx context.Context, op string, rows Rows, machine Machine) error {
	return serversOn(ctx, rows, machine.ID, func(s Server) error {
		if !slices.Contains(machine.Groups, s.Group) {
			return inUse(op, "server %q on the machine is of group %q", s.ID, s.Group)
		}
		return nil
	})
}

// serversOn calls fn for each server on a machine.
func serversOn(ctx context.Context, rows Rows, machine MachineID, fn func(Server) error) error {
	for after := ServerID(""); ; {
		page, err := rows.Servers(ctx, ServerQuery{Machine: machine}, after, pageSize)
		if err != nil {
			return err
		}
		for _, s := range page {
			if err := fn(s); err != nil {
				return err
			}
			after = s.ID
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// putMachine writes the next version of a machine with its room, and tells.
func (m *Manager) putMachine(ctx context.Context, op string, rows Rows, outbox storage.Outbox, old Machine, kept *Machine) error {
	kept.Version, kept.Changed = old.Version+1, m.now()
	if err := rows.PutMachine(ctx, *kept); err != nil {
		return err
	}
	if err := putRoom(ctx, op, rows, LoadKey{Machine: kept.ID}, kept.Version, kept.Capacity, kept.Changed); err != nil {
		return err
	}
	event := MachineChanged{Machine: kept.ID, Version: kept.Version, Status: kept.Status, Allocation: kept.Allocation, Seller: kept.Seller}
	if old.Version > 0 {
		event.Was = old.Status
	}
	return m.tell(ctx, outbox, kept.Changed, event)
}

// putRoom writes the room of a server or machine. Reservations wait for it from then on,
// so what is used then is what there is.
func putRoom(
	ctx context.Context, op string, rows Rows, of LoadKey, version int64, capacity map[string]int64, at time.Time,
) error {
	if err := rows.PutRoom(ctx, of, version, capacity, at); err != nil {
		return err
	}
	loads, err := rows.LoadsOf(ctx, of)
	if err != nil {
		return err
	}
	for _, load := range loads {
		if load.Limited && load.Used > load.Capacity {
			return inUse(op, "%d of %q are used, more than the capacity of %d", load.Used, load.Dimension, load.Capacity)
		}
	}
	return nil
}

// SetMachineStatus changes nothing but the status of a machine, whatever its version: it
// is for whoever watches machines. A machine that has the status already is left alone.
//
// It fails with [ErrNoMachine] and with a [*tierhost.Invalid] for a status there is not.
func (m *Manager) SetMachineStatus(ctx context.Context, id MachineID, status Status) (kept Machine, err error) {
	const op = "provisioning.SetMachineStatus"
	var c checker
	status = c.status("status", status)
	if err := c.Err(); err != nil {
		return Machine{}, err
	}
	err = m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Machine(ctx, id)
		if err != nil {
			return missing(op, ErrNoMachine, err)
		}
		if kept = old.Clone(); old.Status == status {
			return nil
		}
		kept.Status = status
		return m.putMachine(ctx, op, rows, outbox, old, &kept)
	})
	return kept, err
}

// Machine returns a machine, or [ErrNoMachine].
func (m *Manager) Machine(ctx context.Context, id MachineID) (machine Machine, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		machine, err = rows.Machine(ctx, id)
		return err
	})
	return machine, missing("provisioning.Machine", ErrNoMachine, err)
}

// Machines yields the machines that match, by ID. An error is yielded once and ends the
// sequence. No transaction is held meanwhile; each range starts anew.
func (m *Manager) Machines(ctx context.Context, q MachineQuery) iter.Seq2[Machine, error] {
	return pages(ctx, m, func(x Machine) MachineID { return x.ID },
		func(ctx context.Context, rows Rows, after MachineID) ([]Machine, error) {
			return rows.Machines(ctx, q, after, pageSize)
		})
}

// RemoveMachine deletes a machine. version is the one that was read. It fails with
// [ErrNoMachine], [ErrStale], and [ErrInUse] while there are servers on it or a reseller
// has it.
func (m *Manager) RemoveMachine(ctx context.Context, id MachineID, version int64) error {
	const op = "provisioning.RemoveMachine"
	return m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Machine(ctx, id)
		if err != nil {
			return missing(op, ErrNoMachine, err)
		}
		if err := known(op, nil, old.Version, version); err != nil {
			return err
		}
		if old.Allocation == Taken {
			return inUse(op, "seller %q has taken the machine", old.Seller)
		}
		if err := serversOn(ctx, rows, id, func(s Server) error { return inUse(op, "server %q is on the machine", s.ID) }); err != nil {
			return err
		}
		if err := rows.RemoveRoom(ctx, LoadKey{Machine: id}); err != nil {
			return err
		}
		if err := rows.RemoveMachine(ctx, id, version); err != nil {
			return err
		}
		return m.tell(ctx, outbox, m.now(), MachineRemoved{Machine: id})
	})
}

// MachineLoads returns how full a machine is, by dimension, or [ErrNoMachine].
func (m *Manager) MachineLoads(ctx context.Context, id MachineID) (loads []Load, err error) {
	return m.loadsOf(ctx, LoadKey{Machine: id}, fmt.Errorf("%w: %.128q", ErrNoMachine, id))
}

// loadsOf returns loads, of which there is one at least for what exists.
func (m *Manager) loadsOf(ctx context.Context, of LoadKey, none error) (loads []Load, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		loads, err = rows.LoadsOf(ctx, of)
		return err
	})
	if err == nil && len(loads) == 0 {
		err = tierhost.E("provisioning.Loads", 0, "", none)
	}
	return loads, err
}
