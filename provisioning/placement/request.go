package placement

import (
	"slices"

	"github.com/tierhost/tierhost"
)

// Request is what a place is wanted for. A kind or a group is needed, the rest may be
// left out.
type Request struct {
	// Name tells the requests of one [Index.PlaceAll] apart; rules refer to it.
	Name string
	// Group is the server group to choose from, Kind the kind of servers; with both, the
	// servers of the group that are of the kind.
	Group string
	Kind  string
	// Demand is what will be used of the server, and of its machine. Dimensions of which
	// nothing is demanded are not looked at.
	Demand   Amounts
	Platform string   // of the machine; "": any
	Require  []string // tags that the server or its machine must all have
	Forbid   []string // tags that neither may have
	// Prefer are tags of which as many as possible are wanted: servers with fewer of them
	// are chosen only if no other has room.
	Prefer []string
	// Seller is whose customer it is for. If servers of the kind or group are on machines
	// taken by the seller only these are chosen from, also when they are all full;
	// otherwise only those on machines that are set aside for nobody. For a customer of a
	// seller's seller the host says whose machines count.
	Seller  string
	Server  string   // the only server that comes into question, by ID; "": any
	Exclude []string // IDs of servers not to choose
	// Rules relate the place to others.
	Rules []Rule
	// Policy is how to choose among what is possible.
	Policy Policy
}

// Relation is where a place is to be, seen from others.
type Relation string

// The relations. A machine without a domain is a domain by itself.
const (
	SameMachine  Relation = "same_machine"
	SameDomain   Relation = "same_domain"
	OtherMachine Relation = "other_machine"
	OtherDomain  Relation = "other_domain"
)

// Rule says where a place has to be, seen from each of the servers that were chosen
// before and from each of the other requests of the same [Index.PlaceAll].
type Rule struct {
	Relation Relation
	Servers  []string // IDs
	Requests []string // names
	// Waivable: better a place that breaks the rule than none. As few rules as possible
	// are waived, and the decision says which ([Decision.Waived]).
	Waivable bool
}

// check looks at all but the demand.
func (r *Request) check(path string, issues *tierhost.Issues) {
	if r.Kind == "" && r.Group == "" {
		issues.Add(tierhost.Path(path, "kind"), "required", "a kind or a group is needed")
	}
	for i, tag := range r.Require {
		if slices.Contains(r.Forbid, tag) {
			issues.Add(tierhost.Path(path, "require", i), "contradiction", "the tag %q is also forbidden", tag)
		}
	}
	for i, rule := range r.Rules {
		switch rule.Relation {
		case SameMachine, SameDomain, OtherMachine, OtherDomain:
		default:
			issues.Add(tierhost.Path(path, "rules", i, "relation"), "unknown_relation", "there is no relation %q", rule.Relation)
		}
		if len(rule.Servers)+len(rule.Requests) == 0 {
			issues.Add(tierhost.Path(path, "rules", i), "required", "a rule needs servers or requests that it refers to")
		}
	}
}
