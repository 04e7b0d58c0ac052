package main

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/provisioning"
)

// box is a machine with the servers on it.
type box struct {
	machine provisioning.Machine
	servers []provisioning.Server
}

const diskGB = "disk_gb"

// boxes are the machines in memory. The second is full but for its database server; the
// third is being emptied.
func boxes() []box {
	groups := []provisioning.GroupID{"web", "mail", "database"}
	machine := func(id provisioning.MachineID, rack string, disk int64) provisioning.Machine {
		return provisioning.Machine{ID: id, Domain: rack, Groups: groups, Capacity: map[string]int64{diskGB: disk}}
	}
	server := func(id provisioning.ServerID, group provisioning.GroupID, services int64) provisioning.Server {
		return provisioning.Server{ID: id, Group: group, Driver: string(group), Capacity: map[string]int64{provisioning.DimensionServices: services}}
	}
	iron3 := machine("iron3", "rack2", 1000)
	iron3.Status = provisioning.StatusDraining
	return []box{
		{machine("iron1", "rack1", 100), []provisioning.Server{server("web1", "web", 50), server("mail1", "mail", 50), server("db1", "database", 50)}},
		{machine("iron2", "rack1", 100), []provisioning.Server{server("web2", "web", 50), server("mail2", "mail", 0), server("db2", "database", 50)}},
		{iron3, []provisioning.Server{server("web3", "web", 50), server("mail3", "mail", 50), server("db3", "database", 50)}},
	}
}

// mount writes the inventory.
func (h *hosting) mount(ctx context.Context, boxes []box) error {
	for _, kind := range []string{"web", "mail", "database"} {
		if _, err := h.manager.PutGroup(ctx, provisioning.Group{ID: provisioning.GroupID(kind), Kind: provisioning.Kind(kind)}); err != nil {
			return err
		}
	}
	for _, b := range boxes {
		if _, err := h.manager.PutMachine(ctx, b.machine); err != nil {
			return err
		}
		for _, s := range b.servers {
			s.Machine = b.machine.ID
			if _, err := h.manager.PutServer(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// loads prints what is reserved on each server.
func (h *hosting) loads(ctx context.Context) error {
	for s, err := range h.manager.Servers(ctx, provisioning.ServerQuery{}) {
		if err != nil {
			return err
		}
		list, err := h.manager.ServerLoads(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, l := range list {
			if l.Dimension == provisioning.DimensionServices {
				fmt.Fprintf(h.out, "  %-6s %d of %d services\n", s.ID, l.Used, l.Capacity)
			}
		}
	}
	return nil
}
