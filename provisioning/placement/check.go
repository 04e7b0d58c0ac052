package placement

import (
	"slices"

	"github.com/tierhost/tierhost"
)

// bound is a request with what its rules refer to looked up.
type bound struct {
	*Request
	own        bool // the seller has servers of the kind or group on machines of its own
	rules      []boundRule
	dimensions []string // of the demand, sorted; made for scans
}

// boundRule is a rule and one server that it refers to.
type boundRule struct {
	index    int // in Request.Rules
	relation Relation
	waivable bool
	machine  string
	domain   domain
}

// of reports whether a server is of the request's kind and group.
func (r *Request) of(s *Server) bool {
	return (r.Kind == "" || r.Kind == s.Kind) && (r.Group == "" || r.Group == s.Group)
}

// owned reports whether a server makes the seller one with machines of its own.
func (r *Request) owned(s *Server, m *Machine) bool {
	return m.Allocation == Taken && m.Seller == r.Seller && r.of(s) && slices.Contains(m.Groups, s.Group)
}

// bind looks up what r refers to: lookup returns the machine of a server. The rules that
// refer to other requests are left to PlaceAll.
func (b *bound) bind(path string, r *Request, lookup func(server string) *Machine, issues *tierhost.Issues) {
	b.Request, b.rules = r, b.rules[:0]
	r.check(path, issues)
	for i := range r.Rules {
		rule := &r.Rules[i]
		for j, id := range rule.Servers {
			m := lookup(id)
			if m == nil {
				issues.Add(tierhost.Path(path, "rules", i, "servers", j), "unknown_server", "there is no server %q", id)
				continue
			}
			b.rules = append(b.rules, bindRule(i, rule, m))
		}
	}
}

func bindRule(index int, r *Rule, to *Machine) boundRule {
	b := boundRule{index: index, relation: r.Relation, waivable: r.Waivable}
	b.to(to)
	return b
}

func (r *boundRule) to(m *Machine) { r.machine, r.domain = m.ID, m.domain() }

// alone refuses rules that refer to other requests.
func (r *Request) alone(path string, issues *tierhost.Issues) {
	for i := range r.Rules {
		if len(r.Rules[i].Requests) > 0 {
			issues.Add(tierhost.Path(path, "rules", i, "requests"), "unknown_request", "there are no other requests")
		}
	}
}

// sort is what has to be right whatever is demanded: it tells which servers are
// candidates for requests of this sort.
func (b *bound) sort(c Candidate) Refusal {
	switch s, m := c.Server, c.Machine; {
	case b.Kind != "" && s.Kind != b.Kind:
		return Refusal{Code: OtherKind, Subject: s.Kind}
	case b.Group != "" && s.Group != b.Group:
		return Refusal{Code: OtherGroup, Subject: s.Group}
	case !slices.Contains(m.Groups, s.Group):
		return Refusal{Code: NotCarried, Subject: s.Group}
	case !s.Status.open():
		return Refusal{Code: ServerStatus, Subject: string(s.Status)}
	case !m.Status.open():
		return Refusal{Code: MachineStatus, Subject: string(m.Status)}
	case m.Allocation != Shared && (m.Allocation != Taken || m.Seller != b.Seller):
		return Refusal{Code: SetAside}
	case b.own && m.Allocation == Shared:
		return Refusal{Code: NotOwn}
	case b.Platform != "" && m.Platform != b.Platform:
		return Refusal{Code: OtherPlatform, Subject: m.Platform}
	}
	for _, tag := range b.Require {
		if !c.Has(tag) {
			return Refusal{Code: TagMissing, Subject: tag}
		}
	}
	for _, tag := range b.Forbid {
		if c.Has(tag) {
			return Refusal{Code: TagForbidden, Subject: tag}
		}
	}
	return Refusal{}
}

// here is what has to be right for this very request.
func (b *bound) here(c Candidate) Refusal {
	if b.Server != "" && b.Server != c.Server.ID {
		return Refusal{Code: OtherServer}
	}
	if slices.Contains(b.Exclude, c.Server.ID) {
		return Refusal{Code: Excluded}
	}
	for _, rule := range b.rules {
		if !rule.waivable && !rule.holds(c.Machine) {
			return Refusal{Code: RuleBroken, Subject: string(rule.relation)}
		}
	}
	for _, d := range b.dimensions {
		n := b.Demand[d]
		if n == 0 {
			continue // it does no harm where too much is used
		}
		if free := free(c.Server.Capacity, c.Server.Used, d); free < n {
			return Refusal{NoRoom, d, n, free}
		}
		if free := free(c.Machine.Capacity, c.Machine.Used, d); free < n {
			return Refusal{MachineNoRoom, d, n, free}
		}
	}
	for _, f := range b.Policy.Filters {
		if refusal := f.Check(b.Request, c); refusal.Code != "" {
			return refusal
		}
	}
	return Refusal{}
}

// holds reports whether a place on m is right.
func (r *boundRule) holds(m *Machine) bool {
	switch r.relation {
	case SameMachine:
		return m.ID == r.machine
	case SameDomain:
		return m.domain() == r.domain
	case OtherMachine:
		return m.ID != r.machine
	case OtherDomain:
		return m.domain() != r.domain
	}
	return false
}

// free is what is left of a dimension; less than 0 if too much is used.
func free(capacity, used Amounts, d string) int64 {
	limit, ok := capacity[d]
	if !ok {
		return unlimited
	}
	return limit - used[d]
}

// unlimited is what is free of a dimension without a limit.
const unlimited = 1<<63 - 1

// waived are the indexes of the waivable rules that a place on m breaks.
func (b *bound) waived(m *Machine) []int {
	var list []int
	for _, rule := range b.rules {
		if rule.waivable && !rule.holds(m) && (len(list) == 0 || list[len(list)-1] != rule.index) {
			list = append(list, rule.index)
		}
	}
	return list
}

// preferred is how many of the preferred tags c has.
func (b *bound) preferred(c Candidate) int {
	n := 0
	for _, tag := range b.Prefer {
		if c.Has(tag) {
			n++
		}
	}
	return n
}
