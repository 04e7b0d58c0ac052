package provisioning

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// Group is a server group: logical servers of one kind that plans are sold on, such as
// "web" and "priority web". It may span many machines.
type Group struct {
	ID GroupID `json:"id"`
	// Version counts the changes, from 1. In [Manager.PutGroup] it is the version that
	// was read; 0: a new group.
	Version int64     `json:"version"`
	Changed time.Time `json:"changed"`        // set by PutGroup
	Name    string    `json:"name,omitempty"` // for people
	// Kind is what all its servers are. It does not change while the group has any.
	Kind Kind `json:"kind"`
}

// GroupRows are the rows of groups.
type GroupRows interface {
	// PutGroup inserts the group if its Version is 1, else replaces the one with the
	// Version before. It MUST fail with storage.ErrConflict when the stored version is
	// another one (for Version 1: when there is such a group).
	PutGroup(ctx context.Context, g Group) error
	// Group returns a group, or storage.ErrNotFound.
	Group(ctx context.Context, id GroupID) (Group, error)
	// Groups returns up to limit groups after the given one, by ID.
	Groups(ctx context.Context, after GroupID, limit int) ([]Group, error)
	// RemoveGroup deletes a group. It is storage.ErrNotFound if there is none,
	// storage.ErrConflict if it has another version.
	RemoveGroup(ctx context.Context, id GroupID, version int64) error
}

// normal is the group as it is kept, or all its faults.
func (g Group) normal() (Group, error) {
	var c checker
	c.name("id", string(g.ID))
	c.name("kind", string(g.Kind))
	c.text("name", g.Name, maxText)
	return g, c.Err()
}

// PutGroup makes or changes a group and returns it as it is kept. g.Version is the
// version that was read, 0 for a new group.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrStale] if the group
// has another version by now, and with [ErrInUse] if the kind of a group with servers
// was to change.
func (m *Manager) PutGroup(ctx context.Context, g Group) (Group, error) {
	const op = "provisioning.PutGroup"
	kept, err := g.normal()
	if err != nil {
		return Group{}, err
	}
	err = m.change(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		old, err := rows.Group(ctx, g.ID)
		if err := known(op, err, old.Version, g.Version); err != nil {
			return err
		}
		if old.Version > 0 && old.Kind != g.Kind {
			page, err := rows.Servers(ctx, ServerQuery{Group: g.ID}, "", 1)
			if err != nil {
				return err
			}
			if len(page) > 0 {
				return inUse(op, "server %q is in the group, which is of kind %q", page[0].ID, old.Kind)
			}
		}
		kept.Version, kept.Changed = g.Version+1, m.now()
		return rows.PutGroup(ctx, kept)
	})
	return kept, err
}

// Group returns a group, or [ErrNoGroup].
func (m *Manager) Group(ctx context.Context, id GroupID) (g Group, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		g, err = rows.Group(ctx, id)
		return err
	})
	return g, missing("provisioning.Group", ErrNoGroup, err)
}

// Groups yields all groups, by ID. An error is yielded once and ends the sequence. No
// transaction is held meanwhile; each range starts anew.
func (m *Manager) Groups(ctx context.Context) iter.Seq2[Group, error] {
	return pages(ctx, m, func(g Group) GroupID { return g.ID },
		func(ctx context.Context, rows Rows, after GroupID) ([]Group, error) {
			return rows.Groups(ctx, after, pageSize)
		})
}

// RemoveGroup deletes a group. version is the one that was read. It fails with
// [ErrNoGroup], [ErrStale], and [ErrInUse] while there are servers in it or machines that
// carry it.
func (m *Manager) RemoveGroup(ctx context.Context, id GroupID, version int64) error {
	const op = "provisioning.RemoveGroup"
	return m.change(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		old, err := rows.Group(ctx, id)
		if err != nil {
			return missing(op, ErrNoGroup, err)
		}
		if err := known(op, nil, old.Version, version); err != nil {
			return err
		}
		page, err := rows.Servers(ctx, ServerQuery{Group: id}, "", 1)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			return inUse(op, "server %q is in the group", page[0].ID)
		}
		carrier := MachineID("")
		err = machinesOf(ctx, rows, MachineQuery{}, func(machine Machine) bool {
			if slices.Contains(machine.Groups, id) {
				carrier = machine.ID
			}
			return carrier == ""
		})
		if err != nil {
			return err
		}
		if carrier != "" {
			return inUse(op, "machine %q carries the group", carrier)
		}
		return rows.RemoveGroup(ctx, id, version)
	})
}
