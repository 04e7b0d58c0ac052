package memory

import (
	"context"

	"github.com/tierhost/tierhost/provisioning"
)

func (r inventoryRows) groups() versioned[provisioning.GroupID, provisioning.Group] {
	return versioned[provisioning.GroupID, provisioning.Group]{
		r.tx, &r.inventory().groups, "group",
		func(g provisioning.Group) int64 { return g.Version },
		func(g provisioning.Group) provisioning.Group { g.Changed = instant(g.Changed); return g },
	}
}

func (r inventoryRows) PutGroup(ctx context.Context, g provisioning.Group) error {
	return r.groups().put(ctx, g.ID, g)
}

func (r inventoryRows) Group(ctx context.Context, id provisioning.GroupID) (provisioning.Group, error) {
	return r.groups().find(ctx, id)
}

func (r inventoryRows) Groups(ctx context.Context, after provisioning.GroupID, limit int) ([]provisioning.Group, error) {
	return r.groups().page(ctx, after, limit, func(provisioning.Group) bool { return true })
}

func (r inventoryRows) RemoveGroup(ctx context.Context, id provisioning.GroupID, version int64) error {
	return r.groups().remove(ctx, id, version)
}

// wrote notes at which revision a machine or server was written.
func (r inventoryRows) wrote(key writtenKey) {
	st := r.inventory()
	st.written.set(r.tx.own, key, st.revision.Number)
}

func (r inventoryRows) removed(key writtenKey) {
	st := r.inventory()
	st.written.delete(r.tx.own, key)
	st.revision.Removal = st.revision.Number
}

func (r inventoryRows) writtenAfter(key writtenKey, since int64) bool {
	at, _ := r.inventory().written.get(key)
	return at > since || since <= 0
}

func (r inventoryRows) machines() versioned[provisioning.MachineID, provisioning.Machine] {
	return versioned[provisioning.MachineID, provisioning.Machine]{
		r.tx, &r.inventory().machines, "machine",
		func(m provisioning.Machine) int64 { return m.Version },
		func(m provisioning.Machine) provisioning.Machine {
			m = m.Clone()
			m.Changed = instant(m.Changed)
			return m
		},
	}
}

func (r inventoryRows) PutMachine(ctx context.Context, m provisioning.Machine) error {
	err := r.machines().put(ctx, m.ID, m)
	if err == nil {
		r.wrote(writtenKey{machine: m.ID})
	}
	return err
}

func (r inventoryRows) Machine(ctx context.Context, id provisioning.MachineID) (provisioning.Machine, error) {
	return r.machines().find(ctx, id)
}

func (r inventoryRows) Machines(
	ctx context.Context, q provisioning.MachineQuery, after provisioning.MachineID, limit int,
) ([]provisioning.Machine, error) {
	return r.machines().page(ctx, after, limit, func(m provisioning.Machine) bool {
		return (q.Allocation == "" || m.Allocation == q.Allocation) && (q.Seller == "" || m.Seller == q.Seller) &&
			r.writtenAfter(writtenKey{machine: m.ID}, q.Since)
	})
}

func (r inventoryRows) RemoveMachine(ctx context.Context, id provisioning.MachineID, version int64) error {
	err := r.machines().remove(ctx, id, version)
	if err == nil {
		r.removed(writtenKey{machine: id})
	}
	return err
}

func (r inventoryRows) servers() versioned[provisioning.ServerID, provisioning.Server] {
	return versioned[provisioning.ServerID, provisioning.Server]{
		r.tx, &r.inventory().servers, "server",
		func(s provisioning.Server) int64 { return s.Version },
		func(s provisioning.Server) provisioning.Server {
			s = s.Clone()
			s.Changed = instant(s.Changed)
			return s
		},
	}
}

func (r inventoryRows) PutServer(ctx context.Context, s provisioning.Server) error {
	err := r.servers().put(ctx, s.ID, s)
	if err == nil {
		r.wrote(writtenKey{server: s.ID})
	}
	return err
}

func (r inventoryRows) Server(ctx context.Context, id provisioning.ServerID) (provisioning.Server, error) {
	return r.servers().find(ctx, id)
}

func (r inventoryRows) Servers(
	ctx context.Context, q provisioning.ServerQuery, after provisioning.ServerID, limit int,
) ([]provisioning.Server, error) {
	return r.servers().page(ctx, after, limit, func(s provisioning.Server) bool {
		return (q.Machine == "" || s.Machine == q.Machine) && (q.Group == "" || s.Group == q.Group) &&
			r.writtenAfter(writtenKey{server: s.ID}, q.Since)
	})
}

func (r inventoryRows) RemoveServer(ctx context.Context, id provisioning.ServerID, version int64) error {
	err := r.servers().remove(ctx, id, version)
	if err == nil {
		r.removed(writtenKey{server: id})
	}
	return err
}
