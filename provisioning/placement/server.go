package placement

import (
	"maps"
	"slices"

	"github.com/tierhost/tierhost"
)

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

func (s *Server) weight() int64 { return max(s.Weight, 1) }

func (s *Server) clone() Server {
	c := *s
	c.Tags = slices.Clone(s.Tags)
	c.Capacity, c.Used = maps.Clone(s.Capacity), maps.Clone(s.Used)
	return c
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
