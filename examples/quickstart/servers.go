package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// The groups of servers: what a plan is sold on.
const (
	gUnix    provisioning.GroupID = "web-unix"
	gWindows provisioning.GroupID = "web-windows"
	gMail    provisioning.GroupID = "mail"
)

// What servers are filled with, besides services.
const diskGB = "disk_gb"

// box is a machine with the logical servers on it.
type box struct {
	machine provisioning.Machine
	servers []provisioning.Server
}

// logical is a server for so many services.
func logical(id provisioning.ServerID, group provisioning.GroupID, services int64) provisioning.Server {
	return provisioning.Server{ID: id, Group: group, Capacity: map[string]int64{provisioning.DimensionServices: services}}
}

// newBox puts servers on a machine, which carries their groups.
func newBox(id provisioning.MachineID, platform, rack string, disk int64, servers ...provisioning.Server) box {
	b := box{machine: provisioning.Machine{ID: id, Platform: platform, Domain: rack, Capacity: map[string]int64{diskGB: disk}}}
	for _, s := range servers {
		s.Machine = id
		b.machine.Groups = append(b.machine.Groups, s.Group)
		b.servers = append(b.servers, s)
	}
	return b
}

// boxes are the machines there are on 1 January.
func boxes() []box {
	return []box{
		newBox("iron1", "debian", "rack1", 1200, logical("web1", gUnix, 60), logical("mail1", gMail, 40)),
		newBox("iron2", "debian", "rack1", 1200, logical("web2", gUnix, 60)),
		newBox("iron3", "debian", "rack2", 1200, logical("web3", gUnix, 60), logical("mail2", gMail, 40)),
		newBox("iron4", "windows", "rack2", 1600, logical("win1", gWindows, 60)),
		newBox("iron5", "debian", "rack2", 600, logical("web5", gUnix, 20)),
	}
}

// openServers writes the inventory. Meadow Sites has a machine of its own: its
// customers go there and nowhere else, and nobody else's do.
func (c *company) openServers(ctx context.Context) error {
	for _, g := range []provisioning.Group{{ID: gUnix, Kind: "web"}, {ID: gWindows, Kind: "web"}, {ID: gMail, Kind: "mail"}} {
		if _, err := c.inventory.PutGroup(ctx, g); err != nil {
			return err
		}
	}
	for _, b := range boxes() {
		if err := c.mount(ctx, b); err != nil {
			return err
		}
	}
	offered, err := c.inventory.Machine(ctx, "iron5")
	if err != nil {
		return err
	}
	if _, err := c.inventory.Offer(ctx, offered.ID, offered.Version); err != nil {
		return err
	}
	_, err = c.inventory.Take(ctx, provisioning.TakeRequest{Seller: string(meadow)})
	return err
}

func (c *company) mount(ctx context.Context, b box) error {
	if _, err := c.inventory.PutMachine(ctx, b.machine); err != nil {
		return err // a tierhost.Invalid says everything that is wrong with it
	}
	for _, s := range b.servers {
		if _, err := c.inventory.PutServer(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// machineNews is what the year brings to machines.
func (c *company) machineNews(ctx context.Context, day billing.Date) error {
	switch day {
	case billing.NewDate(2025, time.September, 1):
		return c.mount(ctx, newBox("iron6", "debian", "rack3", 1200, logical("web6", gUnix, 60)))
	case billing.NewDate(2025, time.November, 3):
		// It is old: who is on it stays for now, nobody new comes.
		_, err := c.inventory.SetMachineStatus(ctx, "iron2", provisioning.StatusDraining)
		return err
	}
	return nil
}

// room is what an account on a plan needs of a server.
func room(plan billing.PlanID) provisioning.Demand {
	d := provisioning.Demand{Group: gUnix, Platform: "debian", Amounts: map[string]int64{diskGB: 5}}
	switch plan {
	case pPro:
		d.Amounts[diskGB] = 25
	case pWindows:
		d.Group, d.Platform, d.Amounts[diskGB] = gWindows, "windows", 20
	case pMail:
		d.Group, d.Amounts[diskGB] = gMail, 6
	}
	return d
}

// house finds room for a customer, in the transaction in which it signs up: if there is
// none nothing is charged, and if it is not let in nothing is taken.
func (c *company) house(ctx context.Context, tx storage.Tx, who *customer, plan billing.PlanID) (provisioning.Reservation, error) {
	got, err := c.inventory.In(tx).Reserve(ctx, provisioning.ReserveRequest{
		Seller: string(who.seller), Account: who.name, Demands: []provisioning.Demand{room(plan)},
		Commit: true, // here nobody has to make the account on the server first
	})
	if err != nil {
		return provisioning.Reservation{}, err
	}
	return got.Reservations[0], nil
}

// rehouse gives a customer the room that its plan needs now: where it is, or on another
// server if the plan or another seller wants that.
func (c *company) rehouse(ctx context.Context, who *customer, plan billing.PlanID) error {
	old, want := who.housed, room(plan)
	if old.Group == want.Group && old.Seller == string(who.seller) {
		resized, err := c.inventory.Resize(ctx, old.Ref(), want.Amounts)
		if err == nil {
			who.housed = resized
		}
		return err
	}
	return c.store.Update(ctx, func(ctx context.Context, tx storage.Tx) (err error) {
		if who.housed, err = c.house(ctx, tx, who, plan); err != nil || old.ID == "" {
			return err
		}
		_, err = c.inventory.In(tx).Free(ctx, old.Ref())
		return err
	})
}

// changed reads the letter that an account is on another plan.
func (c *company) changed(ctx context.Context, x billing.PlanChanged) error {
	who := c.byID[x.Account]
	if who.reseller || who.id != x.Account {
		return nil // has nothing on a server, or not any longer
	}
	return c.rehouse(ctx, who, x.Plan)
}

// closed reads the letter that an account is closed.
func (c *company) closed(ctx context.Context, x billing.AccountClosed) error {
	who := c.byID[x.Account]
	if who.reseller || who.id != x.Account || who.housed.ID == "" {
		return nil
	}
	_, err := c.inventory.Free(ctx, who.housed.Ref())
	who.housed = provisioning.Reservation{}
	return err
}

// servers prints what each server holds. All of it comes from the store.
func servers(ctx context.Context, c *company, w io.Writer) error {
	title(w, "Servers on %s", lastDay())
	t := newTable("llrrrlllrr", "server", "group", "services", "of", "disk GB", "machine", "rack", "takes", "disk GB", "of")
	for m, err := range c.inventory.Machines(ctx, provisioning.MachineQuery{}) {
		if err != nil {
			return err
		}
		held, err := loads(c.inventory.MachineLoads(ctx, m.ID))
		if err != nil {
			return err
		}
		takes := "everybody's"
		switch {
		case m.Status != provisioning.StatusActive:
			takes = "nobody's, " + string(m.Status)
		case m.Seller != "":
			takes = m.Seller + "'s"
		}
		machine := []string{string(m.ID), m.Domain, takes, number(held[diskGB]), number(m.Capacity[diskGB])}
		for s, err := range c.inventory.Servers(ctx, provisioning.ServerQuery{Machine: m.ID}) {
			if err != nil {
				return err
			}
			used, err := loads(c.inventory.ServerLoads(ctx, s.ID))
			if err != nil {
				return err
			}
			t.add(append([]string{
				string(s.ID), string(s.Group), number(used[provisioning.DimensionServices]), number(s.Capacity[provisioning.DimensionServices]), number(used[diskGB]),
			}, machine...)...)
			machine = []string{"", "", "", "", ""} // is said once
		}
	}
	t.writeTo(w)

	why, err := c.inventory.Explain(ctx, string(seller), room(pStart), "")
	if err != nil {
		return err
	}
	title(w, "Where would the next customer on %s go, and why not elsewhere?", pStart)
	for _, v := range why.Verdicts {
		fmt.Fprintf(w, "  %s\n", v)
	}
	return nil
}

func loads(list []provisioning.Load, err error) (map[string]int64, error) {
	used := map[string]int64{}
	for _, l := range list {
		used[l.Dimension] = l.Used
	}
	return used, err
}
