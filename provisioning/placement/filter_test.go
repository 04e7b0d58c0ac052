package placement_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
)

// plain is a fleet of one server that may take anything, and beside of it another one in
// the same rack and one elsewhere, for rules to refer to.
func plain() placement.Fleet {
	groups := []string{"web", "dns"}
	return placement.Fleet{
		Machines: []placement.Machine{
			{ID: "iron1", Platform: "debian", Domain: "rack1", Tags: []string{"ssd"}, Groups: groups},
			{ID: "iron2", Platform: "debian", Domain: "rack1", Groups: groups},
			{ID: "iron3", Platform: "debian", Domain: "rack2", Groups: groups},
		},
		Servers: []placement.Server{
			{ID: "web1", Machine: "iron1", Group: "web", Kind: "web", Tags: []string{"php"}},
			{ID: "near", Machine: "iron2", Group: "dns", Kind: "dns"},
			{ID: "far", Machine: "iron3", Group: "dns", Kind: "dns"},
			{ID: "beside", Machine: "iron1", Group: "dns", Kind: "dns"},
		},
	}
}

// Every reason for which a server is not chosen, and its figures.
func TestFilters(t *testing.T) {
	t.Parallel()
	type fleet = placement.Fleet
	type request = placement.Request
	for name, tc := range map[string]struct {
		change func(f *fleet, m *placement.Machine, s *placement.Server, r *request)
		want   placement.Refusal // zero: chosen
		text   string
	}{
		"nothing is wrong":     {},
		"kind":                 {func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) { r.Group, r.Kind = "", "mail" }, placement.Refusal{Code: placement.OtherKind, Subject: "web"}, "web1: is of kind web"},
		"group":                {func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) { r.Group = "gold" }, placement.Refusal{Code: placement.OtherGroup, Subject: "web"}, "web1: is in group web"},
		"group is not carried": {func(_ *fleet, m *placement.Machine, _ *placement.Server, _ *request) { m.Groups = []string{"dns"} }, placement.Refusal{Code: placement.NotCarried, Subject: "web"}, "web1: its machine does not carry group web"},
		"server is draining":   {func(_ *fleet, _ *placement.Machine, s *placement.Server, _ *request) { s.Status = placement.Draining }, placement.Refusal{Code: placement.ServerStatus, Subject: "draining"}, "web1: is draining"},
		"server is disabled":   {func(_ *fleet, _ *placement.Machine, s *placement.Server, _ *request) { s.Status = placement.Disabled }, placement.Refusal{Code: placement.ServerStatus, Subject: "disabled"}, "web1: is disabled"},
		"machine is down":      {func(_ *fleet, m *placement.Machine, _ *placement.Server, _ *request) { m.Status = placement.Down }, placement.Refusal{Code: placement.MachineStatus, Subject: "down"}, "web1: its machine is down"},
		"offered to sellers": {func(_ *fleet, m *placement.Machine, _ *placement.Server, _ *request) {
			m.Allocation = placement.Available
		}, placement.Refusal{Code: placement.SetAside}, "web1: its machine is set aside"},
		"taken by another seller": {func(_ *fleet, m *placement.Machine, _ *placement.Server, _ *request) {
			m.Allocation, m.Seller = placement.Taken, "kessler"
		}, placement.Refusal{Code: placement.SetAside}, "web1: its machine is set aside"},
		"taken, for nobody's": {func(_ *fleet, m *placement.Machine, _ *placement.Server, r *request) {
			m.Allocation, m.Seller, r.Seller = placement.Taken, "kessler", ""
		}, placement.Refusal{Code: placement.SetAside}, "web1: its machine is set aside"},
		"taken by the seller": {change: func(_ *fleet, m *placement.Machine, _ *placement.Server, _ *request) {
			m.Allocation, m.Seller = placement.Taken, "meadow"
		}},
		"the seller has its own":   {ownElsewhere("web", placement.Down), placement.Refusal{Code: placement.NotOwn}, "web1: the seller has machines of its own"},
		"its own are of other use": {change: ownElsewhere("dns", placement.Active)},
		"platform":                 {func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) { r.Platform = "windows" }, placement.Refusal{Code: placement.OtherPlatform, Subject: "debian"}, "web1: its platform is debian"},
		"tag is missing": {func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) {
			r.Require = []string{"php", "eu"}
		}, placement.Refusal{Code: placement.TagMissing, Subject: "eu"}, "web1: lacks the tag eu"},
		"tags of both": {change: func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) {
			r.Require = []string{"php", "ssd"}
		}},
		"machine's tag forbidden": {func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) { r.Forbid = []string{"ssd"} }, placement.Refusal{Code: placement.TagForbidden, Subject: "ssd"}, "web1: has the tag ssd"},
		"another server":          {func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) { r.Server = "web2" }, placement.Refusal{Code: placement.OtherServer}, "web1: another server is asked for"},
		"this server":             {change: func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) { r.Server = "web1" }},
		"excluded": {func(_ *fleet, _ *placement.Machine, _ *placement.Server, r *request) {
			r.Exclude = []string{"x", "web1"}
		}, placement.Refusal{Code: placement.Excluded}, "web1: is excluded"},
		"other machine":        {rule(placement.OtherMachine, "beside"), placement.Refusal{Code: placement.RuleBroken, Subject: "other_machine"}, "web1: breaks the rule other_machine"},
		"other machine, near":  {change: rule(placement.OtherMachine, "near")},
		"other domain":         {rule(placement.OtherDomain, "near"), placement.Refusal{Code: placement.RuleBroken, Subject: "other_domain"}, "web1: breaks the rule other_domain"},
		"other domain, far":    {change: rule(placement.OtherDomain, "far")},
		"same machine":         {rule(placement.SameMachine, "near"), placement.Refusal{Code: placement.RuleBroken, Subject: "same_machine"}, "web1: breaks the rule same_machine"},
		"same machine, beside": {change: rule(placement.SameMachine, "beside")},
		"same domain":          {rule(placement.SameDomain, "far"), placement.Refusal{Code: placement.RuleBroken, Subject: "same_domain"}, "web1: breaks the rule same_domain"},
		"same domain, near":    {change: rule(placement.SameDomain, "near")},
		"all of several":       {rule(placement.OtherMachine, "far", "beside"), placement.Refusal{Code: placement.RuleBroken, Subject: "other_machine"}, "web1: breaks the rule other_machine"},
		"no domain is one of its own": {change: func(f *fleet, m *placement.Machine, _ *placement.Server, r *request) {
			m.Domain, f.Machines[1].Domain = "", ""
			r.Rules = []placement.Rule{{Relation: placement.OtherDomain, Servers: []string{"near"}}}
		}},
		"no room": {func(_ *fleet, _ *placement.Machine, s *placement.Server, r *request) {
			s.Capacity, s.Used, r.Demand = placement.Amounts{"disk_mb": 100, "services": 2}, placement.Amounts{"disk_mb": 60, "services": 1}, placement.Amounts{"disk_mb": 41, "services": 1}
		}, placement.Refusal{Code: placement.NoRoom, Subject: "disk_mb", Need: 41, Have: 40}, "web1: disk_mb: 41 needed, 40 free"},
		"just enough": {change: func(_ *fleet, _ *placement.Machine, s *placement.Server, r *request) {
			s.Capacity, s.Used, r.Demand = placement.Amounts{"disk_mb": 100}, placement.Amounts{"disk_mb": 60}, placement.Amounts{"disk_mb": 40, "services": 1}
		}},
		"no room on the machine": {func(_ *fleet, m *placement.Machine, _ *placement.Server, r *request) {
			m.Capacity, m.Used, r.Demand = placement.Amounts{"disk_mb": 100}, placement.Amounts{"disk_mb": 120}, placement.Amounts{"disk_mb": 1}
		}, placement.Refusal{Code: placement.MachineNoRoom, Subject: "disk_mb", Need: 1, Have: -20}, "web1: disk_mb of its machine: 1 needed, -20 free"},
		"no demand, no harm": {change: func(_ *fleet, m *placement.Machine, _ *placement.Server, r *request) {
			m.Capacity, m.Used, r.Demand = placement.Amounts{"disk_mb": 100}, placement.Amounts{"disk_mb": 120}, placement.Amounts{"disk_mb": 0}
		}},
		"the host's filter": {func(_ *fleet, _ *placement.Machine, s *placement.Server, r *request) {
			s.Weight, r.Policy.Filters = 3, []placement.Filter{placement.FilterFunc(evenWeight)}
		}, placement.Refusal{Code: "odd_weight", Have: 3}, "web1: odd_weight"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, r := plain(), placement.Request{Group: "web", Seller: "meadow"}
			if tc.change != nil {
				tc.change(&f, &f.Machines[0], &f.Servers[0], &r)
			}
			ix, err := placement.NewIndex(f, placement.Options{})
			require.NoError(t, err)
			byIndex, indexErr := ix.Place(r)
			d, err := f.Place(r, 1)
			require.Equal(t, err == nil, indexErr == nil)
			require.Equal(t, d, byIndex)
			e, explainErr := ix.Explain(r, d)
			require.NoError(t, explainErr)
			for _, v := range e.Verdicts {
				if v.Server != "web1" {
					continue
				}
				if tc.want.Code == "" {
					require.NoError(t, err)
					require.Equal(t, "web1: chosen", v.String())
					return
				}
				require.ErrorIs(t, err, placement.ErrNoCandidate)
				require.Equal(t, tierhost.KindPrecondition, tierhost.KindOf(err))
				require.Equal(t, tc.want, v.Refusal)
				require.Equal(t, tc.text, v.String())
				return
			}
			t.Fatal("no verdict")
		})
	}
}

func rule(relation placement.Relation, servers ...string) func(*placement.Fleet, *placement.Machine, *placement.Server, *placement.Request) {
	return func(_ *placement.Fleet, _ *placement.Machine, _ *placement.Server, r *placement.Request) {
		r.Rules = []placement.Rule{{Relation: relation, Servers: servers}}
	}
}

// ownElsewhere sets a machine with a server of a group aside for the seller.
func ownElsewhere(group string, status placement.Status) func(*placement.Fleet, *placement.Machine, *placement.Server, *placement.Request) {
	return func(f *placement.Fleet, _ *placement.Machine, _ *placement.Server, _ *placement.Request) {
		f.Machines = append(f.Machines, placement.Machine{ID: "own", Groups: []string{"web", "dns"}, Allocation: placement.Taken, Seller: "meadow", Status: status})
		f.Servers = append(f.Servers, placement.Server{ID: "zzz", Machine: "own", Group: group, Kind: group})
	}
}

// Among those that are possible, some are better than others, and Explain says how.
func TestRanks(t *testing.T) {
	t.Parallel()
	groups := []string{"web"}
	f := placement.Fleet{
		Machines: []placement.Machine{{ID: "m1", Groups: groups}, {ID: "m2", Groups: groups, Tags: []string{"ssd", "eu"}}, {ID: "m3", Groups: groups, Tags: []string{"ssd"}}},
		Servers: []placement.Server{
			{ID: "a", Machine: "m1", Group: "web", Kind: "web", Weight: 9},
			{ID: "b", Machine: "m2", Group: "web", Kind: "web", Weight: 1},
			{ID: "c", Machine: "m3", Group: "web", Kind: "web", Weight: 2},
			{ID: "d", Machine: "m2", Group: "web", Kind: "web", Weight: 1},
		},
	}
	ix, err := placement.NewIndex(f, placement.Options{})
	require.NoError(t, err)
	explain := func(r placement.Request) (string, []string) {
		d, err := ix.Place(r)
		require.NoError(t, err)
		e, err := ix.Explain(r, d)
		require.NoError(t, err)
		var list []string
		for _, v := range e.Verdicts {
			list = append(list, v.String())
		}
		return d.Server, list
	}
	score := func(_ *placement.Request, c placement.Candidate) float64 {
		if c.Server.ID == "d" {
			return math.NaN() // the lowest there is
		}
		return 1 / float64(c.Server.Weight)
	}

	chosen, why := explain(placement.Request{Kind: "web", Prefer: []string{"ssd", "eu"}, Policy: placement.Policy{Scorers: []placement.Scorer{placement.ScorerFunc(score)}}})
	require.Equal(t, "b", chosen)
	require.Equal(t, []string{
		"a: has 0 of the preferred tags, others 2", "b: chosen",
		"c: has 1 of the preferred tags, others 2", "d: has -Inf points, others 1",
	}, why)

	chosen, why = explain(placement.Request{Kind: "web", Policy: placement.Policy{Picker: placement.FillFirst{}},
		Rules: []placement.Rule{
			{Relation: placement.SameMachine, Servers: []string{"b"}, Waivable: true},
			{Relation: placement.OtherDomain, Servers: []string{"a", "b"}, Waivable: true},
		}})
	require.Equal(t, "c", chosen)
	require.Equal(t, []string{"a: breaks 2 rules, others 1", "b: another was picked", "c: chosen", "d: another was picked"}, why)
}

// What is wrong with an input is told all at once, with paths and codes.
func TestFaults(t *testing.T) {
	t.Parallel()
	issues := func(err error) (list []string) {
		t.Helper()
		var invalid *tierhost.Invalid
		require.ErrorAs(t, err, &invalid)
		for _, i := range invalid.Issues {
			list = append(list, i.Path+" "+i.Code)
		}
		return list
	}
	_, err := placement.NewIndex(placement.Fleet{
		Machines: []placement.Machine{
			{Status: "asleep", Allocation: placement.Taken, Capacity: placement.Amounts{"disk": -1, "": 1}},
			{ID: "m", Allocation: "rented", Used: placement.Amounts{"disk": placement.MaxAmount + 1}},
			{ID: "m", Seller: "meadow"},
		},
		Servers: []placement.Server{{Machine: "m", Weight: -1}, {ID: "s", Machine: "nowhere", Group: "g", Kind: "k", Status: "off"}},
	}, placement.Options{})
	require.Equal(t, []string{
		"machines[0].id required", "machines[0].status unknown_status", "machines[0].seller required", "machines[0].capacity required", "machines[0].capacity.disk negative",
		"machines[1].allocation unknown_allocation", "machines[1].used.disk out_of_range", "machines[2].seller not_taken", "machines[2].id exists",
		"servers[0].id required", "servers[0].group required", "servers[0].kind required", "servers[0].weight out_of_range",
		"servers[1].status unknown_status", "servers[1].machine unknown_machine",
	}, issues(err))

	ix, err := placement.NewIndex(plain(), placement.Options{})
	require.NoError(t, err)
	bad := placement.Request{
		Demand: placement.Amounts{"disk": -1}, Require: []string{"a"}, Forbid: []string{"a"},
		Rules: []placement.Rule{{Relation: "above", Servers: []string{"web1"}}, {Relation: placement.SameMachine}, {Relation: placement.SameMachine, Servers: []string{"ghost"}, Requests: []string{"x"}}},
	}
	want := []string{
		"kind required", "require[0] contradiction", "rules[0].relation unknown_relation", "rules[1] required",
		"rules[2].servers[0] unknown_server", "demand.disk negative", "rules[2].requests unknown_request",
	}
	_, err = ix.Place(bad)
	require.Equal(t, want, issues(err))
	_, err = ix.Explain(bad, placement.Decision{})
	require.Equal(t, want, issues(err))
	_, err = plain().Place(bad, 1)
	require.Equal(t, want, issues(err))
	require.Equal(t, []string{"machine unknown_machine"}, issues(ix.PutServer(placement.Server{ID: "s", Machine: "nowhere", Group: "g", Kind: "k"})))
	require.Equal(t, []string{"id required"}, issues(ix.PutMachine(placement.Machine{})))

	require.ErrorIs(t, ix.Use("ghost", nil), placement.ErrUnknownServer)
	require.ErrorIs(t, ix.Use("web1", placement.Amounts{"disk": -1}), placement.ErrOutOfRange)
	require.ErrorIs(t, ix.Use("web1", placement.Amounts{"disk": math.MaxInt64}), placement.ErrOutOfRange)
	require.ErrorIs(t, ix.Use("web1", placement.Amounts{"disk": math.MinInt64}), placement.ErrOutOfRange)
	require.NoError(t, ix.RemoveMachine("ghost"))
	ix.RemoveServer("ghost")

	wild := placement.Request{Kind: "web", Policy: placement.Policy{Picker: placement.PickerFunc(func(c placement.Choice) int { return len(c.Candidates) })}}
	_, err = ix.Place(wild)
	require.ErrorIs(t, err, placement.ErrPicker)
	_, err = plain().Place(wild, 1)
	require.ErrorIs(t, err, placement.ErrPicker)
}
