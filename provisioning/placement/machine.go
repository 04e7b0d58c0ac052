package placement

import (
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

// Amounts are numbers per dimension: "services", "disk_mb", whatever the host counts.
// They are between 0 and [MaxAmount].
type Amounts map[string]int64

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

// Server is a logical server: a candidate.
type Server struct {
	ID      string
	Machine string
	Group   string
	Kind    string
	Tags    []string // besides the machine's
	Status  Status
	// Weight is its share beside other servers; 0 counts as 1, the most is [MaxWeight].
	Weight int64
	// Capacity limits what is used. A dimension that is not there has no limit.
	Capacity Amounts
	Used     Amounts
	// Turn is when [RoundRobin] chose it last, by any count that grows; 0: never. An
	// [Index] counts by itself and starts from the turns that it is given.
	Turn uint64
}

// MaxWeight is the greatest weight of a server.
const MaxWeight = 1 << 20

func (m *Machine) clone() Machine {
	c := *m
	c.Tags, c.Groups = slices.Clone(m.Tags), slices.Clone(m.Groups)
	c.Capacity, c.Used = m.Capacity.clone(), m.Used.clone()
	return c
}

func (s *Server) clone() Server {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	c.Capacity, c.Used = s.Capacity.clone(), s.Used.clone()
	return c
}

func (a Amounts) clone() Amounts {
	if a == nil {
		return nil
	}
	c := make(Amounts, len(a))
	for d, n := range a {
		c[d] = n
	}
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

func (s *Server) weight() int64 { return max(s.Weight, 1) }

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

func (s *Server) check(path string, issues *tierhost.Issues) {
	required(issues, path, "id", s.ID)
	required(issues, path, "machine", s.Machine)
	required(issues, path, "group", s.Group)
	required(issues, path, "kind", s.Kind)
	if !s.Status.known() {
		issues.Add(tierhost.Path(path, "status"), "unknown_status", "there is no status %q", s.Status)
	}
	if s.Weight < 0 || s.Weight > MaxWeight {
		issues.Add(tierhost.Path(path, "weight"), "out_of_range", "a weight is between 0 and %d, not %d", MaxWeight, s.Weight)
	}
	s.Capacity.check(path, "capacity", issues)
	s.Used.check(path, "used", issues)
}

func required(issues *tierhost.Issues, path, name, value string) {
	if value == "" {
		issues.Add(tierhost.Path(path, name), "required", "%s is missing", name)
	}
}

// MaxAmount is the greatest amount. Sums of hundreds of them do not overflow, and shares
// of them are exact.
const MaxAmount = 1 << 53

func fineAmount(d string, n int64) bool { return d != "" && n >= 0 && n <= MaxAmount }

func (a Amounts) check(path, name string, issues *tierhost.Issues) {
	fine := true
	for d, n := range a {
		fine = fine && fineAmount(d, n)
	}
	if fine {
		return
	}
	for _, d := range a.dimensions() {
		at := tierhost.Path(path, name, d)
		switch n := a[d]; {
		case d == "":
			issues.Add(at, "required", "a dimension needs a name")
		case n < 0:
			issues.Add(at, "negative", "an amount is not negative: %d", n)
		case n > MaxAmount:
			issues.Add(at, "out_of_range", "an amount is at most 2^53, not %d", n)
		}
	}
}

// dimensions are the names in a, sorted.
func (a Amounts) dimensions() []string {
	if len(a) == 0 {
		return nil
	}
	names := make([]string, 0, len(a))
	for d := range a {
		names = append(names, d)
	}
	slices.Sort(names)
	return names
}
