package postgres

import (
	"context"

	"github.com/tierhost/tierhost/provisioning"
)

// PutGroup implements [provisioning.GroupRows].
func (r inventoryRows) PutGroup(ctx context.Context, g provisioning.Group) error {
	g.Changed = kept(g.Changed)
	return r.put(ctx, "postgres.PutGroup", &r.sql().groups, string(g.ID), g.Version, g)
}

// Group implements [provisioning.GroupRows].
func (r inventoryRows) Group(ctx context.Context, id provisioning.GroupID) (provisioning.Group, error) {
	return versionedRow[provisioning.Group](ctx, r, "postgres.Group", &r.sql().groups, string(id))
}

// Groups implements [provisioning.GroupRows].
func (r inventoryRows) Groups(ctx context.Context, after provisioning.GroupID, limit int) ([]provisioning.Group, error) {
	var p params
	p.text(string(after)).limit(limit)
	return versionedRows[provisioning.Group](ctx, r, "postgres.Groups", r.sql().groupPage, p)
}

// RemoveGroup implements [provisioning.GroupRows].
func (r inventoryRows) RemoveGroup(ctx context.Context, id provisioning.GroupID, version int64) error {
	return r.remove(ctx, "postgres.RemoveGroup", &r.sql().groups, string(id), version)
}

// PutMachine implements [provisioning.MachineRows].
func (r inventoryRows) PutMachine(ctx context.Context, m provisioning.Machine) error {
	m.Changed = kept(m.Changed)
	return r.put(ctx, "postgres.PutMachine", &r.sql().machines, string(m.ID), m.Version, m, string(m.Allocation), m.Seller)
}

// Machine implements [provisioning.MachineRows].
func (r inventoryRows) Machine(ctx context.Context, id provisioning.MachineID) (provisioning.Machine, error) {
	return versionedRow[provisioning.Machine](ctx, r, "postgres.Machine", &r.sql().machines, string(id))
}

// Machines implements [provisioning.MachineRows].
func (r inventoryRows) Machines(
	ctx context.Context, q provisioning.MachineQuery, after provisioning.MachineID, limit int,
) ([]provisioning.Machine, error) {
	var f filter
	f.text("allocation = ?::text", string(q.Allocation))
	f.text("seller = ?::text", q.Seller)
	f.since("provisioning_machines", q.Since)
	return selected[provisioning.Machine](ctx, r, "postgres.Machines", "provisioning_machines", &f, string(after), limit)
}

// since adds a condition on the revision at which rows were written; 0 is none. They are
// few, so they are looked up by the revision first, whatever the order by ID suggests.
func (f *filter) since(table string, revision int64) {
	if revision > 0 {
		f.params.int(revision)
		f.add("id = ANY (ARRAY(SELECT id FROM {{schema}}." + table + " WHERE revision > ?::bigint))")
	}
}

// RemoveMachine implements [provisioning.MachineRows].
func (r inventoryRows) RemoveMachine(ctx context.Context, id provisioning.MachineID, version int64) error {
	return r.remove(ctx, "postgres.RemoveMachine", &r.sql().machines, string(id), version, r.sql().removed)
}

// PutServer implements [provisioning.ServerRows].
func (r inventoryRows) PutServer(ctx context.Context, s provisioning.Server) error {
	s.Changed = kept(s.Changed)
	return r.put(ctx, "postgres.PutServer", &r.sql().servers, string(s.ID), s.Version, s, string(s.Machine), string(s.Group))
}

// Server implements [provisioning.ServerRows].
func (r inventoryRows) Server(ctx context.Context, id provisioning.ServerID) (provisioning.Server, error) {
	return versionedRow[provisioning.Server](ctx, r, "postgres.Server", &r.sql().servers, string(id))
}

// Servers implements [provisioning.ServerRows].
func (r inventoryRows) Servers(
	ctx context.Context, q provisioning.ServerQuery, after provisioning.ServerID, limit int,
) ([]provisioning.Server, error) {
	var f filter
	f.text("machine = ?::text", string(q.Machine))
	f.text("group_id = ?::text", string(q.Group))
	f.since("provisioning_servers", q.Since)
	return selected[provisioning.Server](ctx, r, "postgres.Servers", "provisioning_servers", &f, string(after), limit)
}

// RemoveServer implements [provisioning.ServerRows].
func (r inventoryRows) RemoveServer(ctx context.Context, id provisioning.ServerID, version int64) error {
	return r.remove(ctx, "postgres.RemoveServer", &r.sql().servers, string(id), version, r.sql().removed)
}
