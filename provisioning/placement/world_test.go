package placement_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// Generators of small fleets in which everything occurs often.

var (
	kinds     = []string{"web", "mail"}
	groups    = []string{"web-std", "web-gold", "mail-std"}
	tags      = []string{"ssd", "eu", "old"}
	platforms = []string{"debian", "windows"}
	sellers   = []string{"", "meadow", "kessler"}
	domains   = []string{"", "north", "south"}
	dims      = []string{"services", "disk_mb", "ip"}
)

func amounts(most int64) *rapid.Generator[placement.Amounts] {
	return rapid.Custom(func(t *rapid.T) placement.Amounts {
		a := placement.Amounts{}
		for _, d := range rapid.SliceOfDistinct(rapid.SampledFrom(dims), rapid.ID).Draw(t, "dimensions") {
			a[d] = rapid.Int64Range(0, most).Draw(t, d)
		}
		return a
	})
}

func some[T comparable](from []T, most int) *rapid.Generator[[]T] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, most, rapid.ID)
}

// mostly draws the first of values three times out of four.
func mostly[T any](values ...T) *rapid.Generator[T] {
	return rapid.Custom(func(t *rapid.T) T {
		if rapid.IntRange(0, 3).Draw(t, "usual") > 0 {
			return values[0]
		}
		return rapid.SampledFrom(values).Draw(t, "value")
	})
}

func status() *rapid.Generator[placement.Status] {
	return mostly(placement.Active, "", placement.Draining, placement.Disabled, placement.Down)
}

func drawMachine(t *rapid.T, id string) placement.Machine {
	m := placement.Machine{
		ID:       id,
		Platform: mostly(platforms...).Draw(t, "platform"),
		Domain:   rapid.SampledFrom(domains).Draw(t, "domain"),
		Tags:     some(tags, 2).Draw(t, "tags"),
		Groups:   groups,
		Status:   status().Draw(t, "status"),
		Capacity: amounts(12).Draw(t, "capacity"),
		Used:     amounts(8).Draw(t, "used"),
	}
	if rapid.IntRange(0, 3).Draw(t, "carries all") == 0 {
		m.Groups = some(groups, 2).Draw(t, "groups")
	}
	if m.Allocation = mostly(placement.Shared, placement.Available, placement.Taken, placement.Taken).Draw(t, "allocation"); m.Allocation == placement.Taken {
		m.Seller = rapid.SampledFrom(sellers[1:]).Draw(t, "seller")
	}
	return m
}

func drawServer(t *rapid.T, id string, machines []placement.Machine) placement.Server {
	return placement.Server{
		ID:       id,
		Machine:  rapid.SampledFrom(machines).Draw(t, "machine").ID,
		Group:    rapid.SampledFrom(groups).Draw(t, "group"),
		Kind:     mostly(kinds...).Draw(t, "kind"),
		Tags:     some(tags, 1).Draw(t, "tags"),
		Status:   status().Draw(t, "status"),
		Weight:   rapid.Int64Range(0, 4).Draw(t, "weight"),
		Capacity: amounts(6).Draw(t, "capacity"),
		Used:     amounts(4).Draw(t, "used"),
	}
}

func drawFleet(t *rapid.T, machines, servers int) placement.Fleet {
	var f placement.Fleet
	for i := range rapid.IntRange(1, machines).Draw(t, "machines") {
		f.Machines = append(f.Machines, drawMachine(t, fmt.Sprintf("m%d", i)))
	}
	for i := range rapid.IntRange(0, servers).Draw(t, "servers") {
		f.Servers = append(f.Servers, drawServer(t, fmt.Sprintf("s%d", i), f.Machines))
	}
	return f
}

func ids(f placement.Fleet) []string {
	var list []string
	for _, s := range f.Servers {
		list = append(list, s.ID)
	}
	return list
}

var pickers = []placement.Picker{
	nil, placement.Random{}, placement.RoundRobin{}, placement.LeastUsed{}, placement.Weighted{},
	placement.PowerOfTwo{}, placement.FillFirst{}, placement.BestFit{},
}

func drawRequest(t *rapid.T, f placement.Fleet) placement.Request {
	r := placement.Request{
		Demand:   amounts(3).Draw(t, "demand"),
		Platform: mostly("", "debian", "windows").Draw(t, "platform"),
		Seller:   rapid.SampledFrom(sellers).Draw(t, "seller"),
		Prefer:   some(tags, 2).Draw(t, "prefer"),
		Policy:   placement.Policy{Picker: rapid.SampledFrom(pickers).Draw(t, "picker")},
	}
	switch rapid.IntRange(0, 2).Draw(t, "by") {
	case 0:
		r.Group = rapid.SampledFrom(groups).Draw(t, "group")
	case 1:
		r.Kind = rapid.SampledFrom(kinds).Draw(t, "kind")
	case 2:
		r.Kind, r.Group = mostly("web", "mail").Draw(t, "kind"), mostly("web-std", "web-gold", "mail-std").Draw(t, "group")
	}
	if rapid.Bool().Draw(t, "tagged") {
		r.Require = some(tags, 1).Draw(t, "require")
		r.Forbid = slices.DeleteFunc(some(tags, 1).Draw(t, "forbid"), func(tag string) bool { return slices.Contains(r.Require, tag) })
	}
	all := ids(f)
	if len(all) == 0 {
		return r
	}
	if rapid.IntRange(0, 2).Draw(t, "related") == 0 {
		r.Exclude = some(append(all, "nobody"), 2).Draw(t, "exclude")
		r.Server = mostly("", rapid.SampledFrom(all).Draw(t, "server")).Draw(t, "pinned")
		for range rapid.IntRange(0, 2).Draw(t, "rules") {
			r.Rules = append(r.Rules, placement.Rule{
				Relation: drawRelation(t), Servers: []string{rapid.SampledFrom(all).Draw(t, "with")}, Waivable: rapid.Bool().Draw(t, "waivable"),
			})
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, "host") {
	case 0:
		r.Policy.Filters = []placement.Filter{placement.FilterFunc(evenWeight)}
	case 1:
		r.Policy.Scorers = []placement.Scorer{placement.ScorerFunc(byWeight)}
	case 2:
		r.Policy.Picker = placement.PickerFunc(func(c placement.Choice) int { return len(c.Candidates) - 1 })
	}
	return r
}

func drawRelation(t *rapid.T) placement.Relation {
	return rapid.SampledFrom([]placement.Relation{placement.SameMachine, placement.SameDomain, placement.OtherMachine, placement.OtherDomain}).Draw(t, "relation")
}

// evenWeight is a filter of a host's own.
func evenWeight(_ *placement.Request, c placement.Candidate) placement.Refusal {
	if c.Server.Weight%2 != 0 {
		return placement.Refusal{Code: "odd_weight", Have: c.Server.Weight}
	}
	return placement.Refusal{}
}

// byWeight is a scorer of a host's own.
func byWeight(_ *placement.Request, c placement.Candidate) float64 { return float64(c.Server.Weight) }
