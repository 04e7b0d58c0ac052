package provisioning

import (
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Offer sets a machine aside for resellers: from now on nobody's services are placed on
// it, and [Manager.Take] may find it. version is the one that was read.
//
// Source: the H-Sphere rule for allocated servers: nothing is on it, also nothing that is
// being moved or reserved, and it has a server of each group that it carries.
//
// It fails with [ErrNoMachine], [ErrStale], and [ErrNotEligible] if the machine is set
// aside already, holds something, is not active, carries no group, or has no server of a
// group that it carries.
func (m *Manager) Offer(ctx context.Context, id MachineID, version int64) (Machine, error) {
	const op = "provisioning.Offer"
	return m.allocate(ctx, op, id, version, Unassigned, func(ctx context.Context, rows Rows, machine *Machine) error {
		if machine.Status != StatusActive {
			return notEligible(op, "it is %s", machine.Status)
		}
		if len(machine.Groups) == 0 {
			return notEligible(op, "it carries no group")
		}
		lacking := slices.Clone(machine.Groups)
		err := serversOn(ctx, rows, id, func(s Server) error {
			lacking = slices.DeleteFunc(lacking, func(g GroupID) bool { return g == s.Group })
			return nil
		})
		if err != nil {
			return err
		}
		if len(lacking) > 0 {
			return notEligible(op, "it carries group %q, but has no server of it", lacking[0])
		}
		machine.Allocation = Available
		return nil
	})
}

// Withdraw takes an offer back: the machine is everybody's again. It fails with
// [ErrNoMachine], [ErrStale], and [ErrNotEligible] if the machine is not available.
func (m *Manager) Withdraw(ctx context.Context, id MachineID, version int64) (Machine, error) {
	return m.allocate(ctx, "provisioning.Withdraw", id, version, Available,
		func(_ context.Context, _ Rows, machine *Machine) error {
			machine.Allocation = Unassigned
			return nil
		})
}

// GiveBack takes a machine from the reseller that has it; it is available again. It fails
// with [ErrNoMachine], [ErrStale], and [ErrNotEligible] if nobody has the machine or if
// something is on it.
func (m *Manager) GiveBack(ctx context.Context, id MachineID, version int64) (Machine, error) {
	return m.allocate(ctx, "provisioning.GiveBack", id, version, Taken,
		func(_ context.Context, _ Rows, machine *Machine) error {
			machine.Allocation, machine.Seller, machine.TakeKey = Available, "", ""
			return nil
		})
}

// allocate changes the allocation of a machine that must be in the given one and empty.
func (m *Manager) allocate(
	ctx context.Context, op string, id MachineID, version int64, from Allocation,
	to func(ctx context.Context, rows Rows, machine *Machine) error,
) (kept Machine, err error) {
	err = m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Machine(ctx, id)
		if err != nil {
			return missing(op, ErrNoMachine, err)
		}
		if err := known(op, nil, old.Version, version); err != nil {
			return err
		}
		if old.Allocation != from {
			return notEligible(op, "it is %s", allocationName(old.Allocation))
		}
		kept = old.Clone()
		if err := to(ctx, rows, &kept); err != nil {
			return err
		}
		if err := m.putMachine(ctx, op, rows, outbox, old, &kept); err != nil {
			return err
		}
		// After its room was written: who reserved on it before is counted by now, and
		// who has not yet sees the new version.
		if err := isEmpty(ctx, op, rows, LoadKey{Machine: id}); err != nil {
			return notEligible(op, "%w", err)
		}
		return nil
	})
	return kept, err
}

func allocationName(a Allocation) string {
	if a == Unassigned {
		return "not set aside"
	}
	return string(a)
}

func notEligible(op, format string, args ...any) error {
	return tierhost.E(op, 0, "", fmt.Errorf("%w: %w", ErrNotEligible, fmt.Errorf(format, args...)))
}

// TakeRequest asks for a machine of a reseller's own.
type TakeRequest struct {
	// Key makes the request repeatable: the seller's machine that was taken with the key
	// is returned. "": another machine is taken each time.
	Key      string
	Seller   string
	Platform string    // "": any
	Tags     []string  // that the machine must all have
	Groups   []GroupID // that it must carry
}

// Take gives a machine that is available to a reseller, whose customers' services are
// placed on its machines only from then on. Of several that match it is the first by ID.
// Of several callers that want one at the same time each gets another.
//
// It fails with [ErrNoMachine] if none is available that matches; who enrols a reseller
// then leaves the enrolment to staff.
func (m *Manager) Take(ctx context.Context, q TakeRequest) (kept Machine, err error) {
	const op = "provisioning.Take"
	var c checker
	c.text("key", q.Key, maxText)
	if q.Seller == "" {
		c.Add("seller", "required", "a machine is taken by a seller")
	}
	c.text("seller", q.Seller, maxText)
	if err := c.Err(); err != nil {
		return Machine{}, err
	}
	err = m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		if q.Key != "" {
			kept = Machine{}
			err := machinesOf(ctx, rows, MachineQuery{Allocation: Taken, Seller: q.Seller}, func(machine Machine) bool {
				if machine.TakeKey == q.Key {
					kept = machine
				}
				return kept.ID == ""
			})
			if err != nil || kept.ID != "" {
				return err
			}
		}
		var old Machine
		err := machinesOf(ctx, rows, MachineQuery{Allocation: Available}, func(machine Machine) bool {
			if q.matches(machine) {
				old = machine
			}
			return old.ID == ""
		})
		if err != nil {
			return err
		}
		if old.ID == "" {
			return tierhost.E(op, 0, "", fmt.Errorf("%w: none is available that matches", ErrNoMachine))
		}
		kept = old.Clone()
		kept.Allocation, kept.Seller, kept.TakeKey = Taken, q.Seller, q.Key
		return m.putMachine(ctx, op, rows, outbox, old, &kept)
	})
	return kept, err
}

func (q *TakeRequest) matches(machine Machine) bool {
	has := func(tag string) bool { return slices.Contains(machine.Tags, tag) }
	carries := func(g GroupID) bool { return slices.Contains(machine.Groups, g) }
	return machine.Status == StatusActive && (q.Platform == "" || machine.Platform == q.Platform) &&
		all(q.Tags, has) && all(q.Groups, carries)
}

func all[T any](list []T, is func(T) bool) bool {
	return !slices.ContainsFunc(list, func(x T) bool { return !is(x) })
}

// machinesOf calls fn for the machines that match until it returns false.
func machinesOf(ctx context.Context, rows Rows, q MachineQuery, fn func(Machine) bool) error {
	for after := MachineID(""); ; {
		page, err := rows.Machines(ctx, q, after, pageSize)
		if err != nil {
			return err
		}
		for _, machine := range page {
			if !fn(machine) {
				return nil
			}
			after = machine.ID
		}
		if len(page) < pageSize {
			return nil
		}
	}
}
