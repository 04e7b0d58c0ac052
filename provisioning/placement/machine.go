package placement

import (
	"maps"
	"slices"

	"github.com/tierhost/tierhost"
)

// Status is whether a server or a machine takes new services. "" is Active.
type Status string

// What a server or a machine may be. Only active servers on active machines are chosen.
const (
	Active   Status = "active"
	Draining Status = "draining" // serves what it has, takes nothing new
	Disabled Status = "disabled" // switched off by staff
	Down     Status = "down"     // does not answer
)

func (s Status) open() bool { return s == Active || s == "" }

func (s Status) known() bool {
	return s == "" || s == Active || s == Draining || s == Disabled || s == Down
}

// Allocation is whether a machine is set aside for a seller.
type Allocation string

// The steps of setting a machine aside.
const (
	Shared    Allocation = ""          // for everybody who has no machine of their own
	Available Allocation = "available" // set aside, but nobody has taken it: nothing is placed on it
	Taken     Allocation = "taken"     // for Machine.Seller only
)

// Machine is a physical server as far as placement needs to know it.
type Machine struct {
	ID       string
	Platform string
	// Domain is what fails together with it: a rack, a power feed, a site. "": the machine
	// is a domain by itself.
	Domain string
	Tags   []string
	// Groups are the server groups that it carries: a server of another group on it is
	// never chosen.
	Groups []string
	Status Status
	// Allocation and Seller say for whom it is set aside.
	Allocation Allocation
	Seller     string
	// Capacity limits what all servers on it use together. A dimension that is not there
	// has no limit.
	Capacity Amounts
	Used     Amounts
}

func (m *Machine) clone() Machine {
	c := *m
	c.Tags, c.Groups = slices.Clone(m.Tags), slices.Clone(m.Groups)
	c.Capacity, c.Used = maps.Clone(m.Capacity), maps.Clone(m.Used)
	return c
}

// domain is the name of what fails together with m.
func (m *Machine) domain() domain {
	if m.Domain == "" {
		return domain{m.ID, true}
	}
	return domain{m.Domain, false}
}

// domain is a failure domain: a named one, or a machine by itself.
type domain struct {
	name    string
	machine bool
}

func (m *Machine) check(path string, issues *tierhost.Issues) {
	required(issues, path, "id", m.ID)
	if !m.Status.known() {
		issues.Add(tierhost.Path(path, "status"), "unknown_status", "there is no status %q", m.Status)
	}
	switch {
	case m.Allocation != Shared && m.Allocation != Available && m.Allocation != Taken:
		issues.Add(tierhost.Path(path, "allocation"), "unknown_allocation", "there is no allocation %q", m.Allocation)
	case m.Allocation == Taken && m.Seller == "":
		issues.Add(tierhost.Path(path, "seller"), "required", "a machine that is taken needs a seller")
	case m.Allocation != Taken && m.Seller != "":
		issues.Add(tierhost.Path(path, "seller"), "not_taken", "only a machine that is taken has a seller")
	}
	m.Capacity.check(path, "capacity", issues)
	m.Used.check(path, "used", issues)
}

func required(issues *tierhost.Issues, path, name, value string) {
	if value == "" {
		issues.Add(tierhost.Path(path, name), "required", "%s is missing", name)
	}
}
