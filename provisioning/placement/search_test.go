package placement_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
)

// fewestWaived tries every way to place the requests and returns with how few waived
// rules it can be done; -1: not at all.
func fewestWaived(f placement.Fleet, requests []placement.Request) int {
	best := -1
	chosen := make([]string, len(requests))
	var try func(i int)
	try = func(i int) {
		if i == len(requests) {
			if n := broken(f, requests, chosen); n >= 0 && (best < 0 || n < best) {
				best = n
			}
			return
		}
		for _, s := range f.Servers {
			chosen[i] = s.ID
			try(i + 1)
		}
	}
	try(0)
	return best
}

// broken is how many waivable rules a solution breaks; -1: it is none.
func broken(f placement.Fleet, requests []placement.Request, chosen []string) int {
	m := &model{Fleet: placement.Fleet{Machines: slices.Clone(f.Machines), Servers: slices.Clone(f.Servers)}}
	named := map[string]string{}
	for i, r := range requests {
		named[r.Name] = chosen[i]
	}
	n := 0
	for i, r := range requests {
		s := m.server(chosen[i])
		// What the scan says of it, without the rules, and with what was placed before.
		rules := r.Rules
		r.Rules, r.Server, r.Policy = nil, s.ID, placement.Policy{}
		if _, err := m.Place(r, 0); err != nil {
			return -1
		}
		on := m.machine(s.Machine)
		s.Used, on.Used = plus(s.Used, r.Demand), plus(on.Used, r.Demand)
		for _, rule := range rules {
			holds := true
			for _, name := range rule.Requests {
				holds = holds && related(m, rule.Relation, on, m.machine(m.server(named[name]).Machine))
			}
			for _, id := range rule.Servers {
				holds = holds && related(m, rule.Relation, on, m.machine(m.server(id).Machine))
			}
			switch {
			case holds:
			case rule.Waivable:
				n++
			default:
				return -1
			}
		}
	}
	return n
}

func plus(a, b placement.Amounts) placement.Amounts {
	sum := maps.Clone(a)
	if sum == nil {
		sum = placement.Amounts{}
	}
	for d, n := range b {
		sum[d] += n
	}
	return sum
}

func related(_ *model, r placement.Relation, a, b *placement.Machine) bool {
	sameDomain := a.ID == b.ID || a.Domain != "" && a.Domain == b.Domain
	switch r {
	case placement.SameMachine:
		return a.ID == b.ID
	case placement.OtherMachine:
		return a.ID != b.ID
	case placement.SameDomain:
		return sameDomain
	}
	return !sameDomain
}

// PlaceAll finds a solution if and only if there is one, waives as few rules as can be,
// and leaves the index as it was.
func TestPlaceAllFindsWhatThereIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFleet(t, 4, 6)
		if len(f.Servers) == 0 {
			return
		}
		var requests []placement.Request
		for i := range rapid.IntRange(1, 4).Draw(t, "requests") {
			r := placement.Request{
				Name: fmt.Sprint("r", i), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Demand: amounts(3).Draw(t, "demand"),
				Policy: placement.Policy{Picker: rapid.SampledFrom(pickers).Draw(t, "picker")},
			}
			for range rapid.IntRange(0, 2).Draw(t, "rules") {
				rule := placement.Rule{Relation: drawRelation(t), Waivable: rapid.Bool().Draw(t, "waivable")}
				if i > 0 && rapid.IntRange(0, 3).Draw(t, "to request") > 0 {
					rule.Requests = []string{fmt.Sprint("r", rapid.IntRange(0, i-1).Draw(t, "request"))}
				} else {
					rule.Servers = []string{rapid.SampledFrom(ids(f)).Draw(t, "server")}
				}
				r.Rules = append(r.Rules, rule)
			}
			requests = append(requests, r)
		}
		// Rules look both ways.
		slices.Reverse(requests[:len(requests)/2])
		ix, err := placement.NewIndex(f, placement.Options{Seed: rapid.Uint64().Draw(t, "seed")})
		require.NoError(t, err)
		got, err := ix.PlaceAll(requests)
		want := fewestWaived(f, requests)
		if want < 0 {
			require.ErrorIs(t, err, placement.ErrNoCandidate)
		} else {
			require.NoError(t, err)
			var chosen []string
			waived := 0
			for _, d := range got {
				chosen = append(chosen, d.Server)
				waived += len(d.Waived)
			}
			require.Equal(t, want, broken(f, requests, chosen), "%v", got)
			require.Equal(t, want, waived)
		}
		require.NoError(t, placement.CheckIndex(ix))
		m := &model{Fleet: f}
		for _, s := range ix.Fleet().Servers {
			sameAmounts(t, m.server(s.ID).Used, s.Used)
		}
	})
}

// all places requests on a fleet and returns the servers in order.
func all(t *testing.T, f placement.Fleet, o placement.Options, requests ...placement.Request) ([]placement.Decision, error) {
	t.Helper()
	ix, err := placement.NewIndex(f, o)
	require.NoError(t, err)
	return ix.PlaceAll(requests)
}

func together(name string) []placement.Rule {
	return []placement.Rule{{Relation: placement.SameMachine, Requests: []string{name}}}
}

func apart(name string, waivable bool) []placement.Rule {
	return []placement.Rule{{Relation: placement.OtherMachine, Requests: []string{name}, Waivable: waivable}}
}

// Only one of a thousand machines has both web and mail with room: whoever takes the
// first web server that comes has no mail server beside it.
func TestPlaceAllIsNotGreedy(t *testing.T) {
	t.Parallel()
	for _, both := range []string{"mail is rare", "mail is full"} {
		t.Run(both, func(t *testing.T) {
			t.Parallel()
			f := even(1000, nil)
			for i := range f.Machines {
				f.Machines[i].Groups = []string{"web", "mail"}
				s := placement.Server{ID: fmt.Sprintf("mail%d", i), Machine: f.Machines[i].ID, Group: "mail", Kind: "mail", Capacity: placement.Amounts{"services": 1}}
				if i != 777 && both == "mail is full" {
					s.Used = placement.Amounts{"services": 1}
				}
				if i == 777 || both == "mail is full" {
					f.Servers = append(f.Servers, s)
				}
			}
			for seed := range uint64(20) {
				one := placement.Amounts{"services": 1}
				got, err := all(t, f, placement.Options{Seed: seed, SearchLimit: 2500},
					placement.Request{Name: "web", Group: "web", Demand: one, Rules: together("mail")},
					placement.Request{Name: "mail", Group: "mail", Demand: one})
				require.NoError(t, err)
				require.Equal(t, "mail777", got[1].Server)
				require.Equal(t, "s00777", got[0].Server)
			}
		})
	}
}

// S10: primary and secondary DNS are on different machines, or the decision says that it
// was waived.
func TestAntiAffinity(t *testing.T) {
	t.Parallel()
	dns := func(machines int) placement.Fleet {
		var f placement.Fleet
		for i := range machines {
			id := fmt.Sprint("m", i)
			f.Machines = append(f.Machines, placement.Machine{ID: id, Groups: []string{"dns"}})
			f.Servers = append(f.Servers, placement.Server{ID: "ns-" + id, Machine: id, Group: "dns", Kind: "dns"}, placement.Server{ID: "second-on-" + id, Machine: id, Group: "dns", Kind: "dns"})
		}
		return f
	}
	primary := placement.Request{Name: "primary", Kind: "dns"}
	secondary := func(waivable bool) placement.Request {
		return placement.Request{Name: "secondary", Kind: "dns", Rules: apart("primary", waivable)}
	}
	for seed := range uint64(50) {
		got, err := all(t, dns(2), placement.Options{Seed: seed}, primary, secondary(true))
		require.NoError(t, err)
		require.NotEqual(t, got[0].Machine, got[1].Machine)
		require.False(t, got[0].Degraded() || got[1].Degraded())
	}
	_, err := all(t, dns(1), placement.Options{}, primary, secondary(false))
	require.ErrorIs(t, err, placement.ErrNoCandidate)
	require.ErrorContains(t, err, "no server for secondary: 2 rule")
	got, err := all(t, dns(1), placement.Options{}, primary, secondary(true))
	require.NoError(t, err)
	require.False(t, got[0].Degraded())
	require.Equal(t, []int{0}, got[1].Waived)
}

// What one request will use, the next has no longer.
func TestPlaceAllCountsWhatIsTaken(t *testing.T) {
	t.Parallel()
	f := even(3, func(_ int, s *placement.Server) { s.Capacity = placement.Amounts{"services": 2} })
	for i := range f.Machines {
		f.Machines[i].Capacity = placement.Amounts{"disk": 10}
	}
	var requests []placement.Request
	for i := range 6 {
		requests = append(requests, placement.Request{Name: fmt.Sprint(i), Kind: "web", Demand: placement.Amounts{"services": 1, "disk": 5}})
	}
	for _, p := range pickers {
		for i := range requests {
			requests[i].Policy.Picker = p
		}
		got, err := all(t, f, placement.Options{}, requests...)
		require.NoError(t, err)
		n := map[string]int{}
		for _, d := range got {
			n[d.Server]++
		}
		require.Equal(t, map[string]int{"s00000": 2, "s00001": 2, "s00002": 2}, n, "%T", p)
	}
	_, err := all(t, f, placement.Options{}, append(requests, placement.Request{Kind: "web", Demand: placement.Amounts{"services": 1}})...)
	require.ErrorIs(t, err, placement.ErrNoCandidate)
	require.ErrorContains(t, err, "3 no_room")
}

// A search that is cut short says so: it does not know.
func TestSearchLimit(t *testing.T) {
	t.Parallel()
	// Five requests for four machines, each on another one: to see that there is no
	// solution takes 4! ways.
	var requests []placement.Request
	for i := range 5 {
		r := placement.Request{Name: fmt.Sprint(i), Kind: "web"}
		for j := range i {
			r.Rules = append(r.Rules, apart(fmt.Sprint(j), false)...)
		}
		requests = append(requests, r)
	}
	_, err := all(t, even(4, nil), placement.Options{SearchLimit: 10}, requests...)
	require.ErrorIs(t, err, placement.ErrSearchLimit)
	require.NotErrorIs(t, err, placement.ErrNoCandidate)
	_, err = all(t, even(4, nil), placement.Options{}, requests...)
	require.ErrorIs(t, err, placement.ErrNoCandidate)
	got, err := all(t, even(5, nil), placement.Options{SearchLimit: 5}, requests...)
	require.NoError(t, err)
	require.Len(t, got, 5)
	got, err = all(t, even(5, nil), placement.Options{})
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestPlaceAllFaults(t *testing.T) {
	t.Parallel()
	_, err := all(t, even(1, nil), placement.Options{},
		placement.Request{Name: "a", Kind: "web", Rules: together("a")},
		placement.Request{Name: "a", Rules: together("b"), Demand: placement.Amounts{"x": -1}},
	)
	var invalid *tierhost.Invalid
	require.ErrorAs(t, err, &invalid)
	var list []string
	for _, i := range invalid.Issues {
		list = append(list, i.Path+" "+i.Code)
	}
	require.ElementsMatch(t, []string{
		"requests[1].name exists", "requests[1].kind required", "requests[1].demand.x negative",
		"requests[1].rules[0].requests[0] unknown_request", "requests[0].rules[0].requests[0] unknown_request",
	}, list)
	_, err = all(t, even(1, nil), placement.Options{}, make([]placement.Request, 257)...)
	require.ErrorContains(t, err, "too_many")
	_, err = all(t, even(1, nil), placement.Options{}, placement.Request{Kind: "web", Policy: placement.Policy{Picker: placement.PickerFunc(func(placement.Choice) int { return -1 })}})
	require.ErrorIs(t, err, placement.ErrPicker)
}
