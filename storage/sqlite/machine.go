package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/provisioning"
)

const theRevision = "(SELECT number FROM provisioning_inventory)"

func versionedGroups() versioned { return newVersioned("group", "provisioning_groups", "", "", "") }

func versionedMachines() versioned {
	return newVersioned("machine", "provisioning_machines", ", allocation, seller, revision", ", ?, ?, "+theRevision,
		", allocation = ?, seller = ?, revision = "+theRevision)
}

func versionedServers() versioned {
	return newVersioned("server", "provisioning_servers", ", machine, group_id, revision", ", ?, ?, "+theRevision,
		", machine = ?, group_id = ?, revision = "+theRevision)
}

const (
	queryGroups    = `SELECT doc FROM provisioning_groups WHERE id > ? ORDER BY id LIMIT ?`
	selectMachines = `SELECT doc FROM provisioning_machines `
	selectServers  = `SELECT doc FROM provisioning_servers `
)

// PutGroup implements [provisioning.GroupRows].
func (r inventoryRows) PutGroup(ctx context.Context, g provisioning.Group) error {
	g.Changed = instant(micros(g.Changed))
	return r.put(ctx, "PutGroup", versionedGroups(), string(g.ID), g.Version, g, func(*binder) {})
}

// Group implements [provisioning.GroupRows].
func (r inventoryRows) Group(ctx context.Context, id provisioning.GroupID) (provisioning.Group, error) {
	return versionedRow[provisioning.Group](ctx, r, "Group", versionedGroups(), string(id))
}

// Groups implements [provisioning.GroupRows].
func (r inventoryRows) Groups(ctx context.Context, after provisioning.GroupID, limit int) ([]provisioning.Group, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.key(string(after))
	b.int(int64(limit))
	return page[provisioning.Group](ctx, r, "Groups", queryGroups, b)
}

// RemoveGroup implements [provisioning.GroupRows].
func (r inventoryRows) RemoveGroup(ctx context.Context, id provisioning.GroupID, version int64) error {
	return r.remove(ctx, "RemoveGroup", versionedGroups(), string(id), version)
}

// PutMachine implements [provisioning.MachineRows].
func (r inventoryRows) PutMachine(ctx context.Context, m provisioning.Machine) error {
	m.Changed = instant(micros(m.Changed))
	return r.put(ctx, "PutMachine", versionedMachines(), string(m.ID), m.Version, m, func(b *binder) {
		b.string(string(m.Allocation))
		b.string(m.Seller)
	})
}

// Machine implements [provisioning.MachineRows].
func (r inventoryRows) Machine(ctx context.Context, id provisioning.MachineID) (provisioning.Machine, error) {
	return versionedRow[provisioning.Machine](ctx, r, "Machine", versionedMachines(), string(id))
}

// Machines implements [provisioning.MachineRows].
func (r inventoryRows) Machines(
	ctx context.Context, q provisioning.MachineQuery, after provisioning.MachineID, limit int,
) ([]provisioning.Machine, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectMachines, r.work)
	if q.Allocation != "" {
		f.where("allocation = ?").string(string(q.Allocation))
	}
	if q.Seller != "" {
		f.where("seller = ?").string(q.Seller)
	}
	if q.Since > 0 {
		f.where("id IN (SELECT id FROM provisioning_machines WHERE revision > ?)").int(q.Since)
	}
	f.where("id > ?").string(string(after))
	return page[provisioning.Machine](ctx, r, "Machines", f.query("id", limit), f.b)
}

// RemoveMachine implements [provisioning.MachineRows].
func (r inventoryRows) RemoveMachine(ctx context.Context, id provisioning.MachineID, version int64) error {
	return r.remove(ctx, "RemoveMachine", versionedMachines(), string(id), version, queryRemoved)
}

// PutServer implements [provisioning.ServerRows].
func (r inventoryRows) PutServer(ctx context.Context, s provisioning.Server) error {
	s.Changed = instant(micros(s.Changed))
	return r.put(ctx, "PutServer", versionedServers(), string(s.ID), s.Version, s, func(b *binder) {
		b.string(string(s.Machine))
		b.string(string(s.Group))
	})
}

// Server implements [provisioning.ServerRows].
func (r inventoryRows) Server(ctx context.Context, id provisioning.ServerID) (provisioning.Server, error) {
	return versionedRow[provisioning.Server](ctx, r, "Server", versionedServers(), string(id))
}

// Servers implements [provisioning.ServerRows].
func (r inventoryRows) Servers(
	ctx context.Context, q provisioning.ServerQuery, after provisioning.ServerID, limit int,
) ([]provisioning.Server, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectServers, r.work)
	if q.Machine != "" {
		f.where("machine = ?").string(string(q.Machine))
	}
	if q.Group != "" {
		f.where("group_id = ?").string(string(q.Group))
	}
	if q.Since > 0 {
		f.where("id IN (SELECT id FROM provisioning_servers WHERE revision > ?)").int(q.Since)
	}
	f.where("id > ?").string(string(after))
	return page[provisioning.Server](ctx, r, "Servers", f.query("id", limit), f.b)
}

// RemoveServer implements [provisioning.ServerRows].
func (r inventoryRows) RemoveServer(ctx context.Context, id provisioning.ServerID, version int64) error {
	return r.remove(ctx, "RemoveServer", versionedServers(), string(id), version, queryRemoved)
}
