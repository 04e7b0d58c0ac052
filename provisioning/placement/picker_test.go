package placement_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// even is n servers on machines of their own, with room for many services.
func even(n int, change func(i int, s *placement.Server)) placement.Fleet {
	var f placement.Fleet
	for i := range n {
		id := fmt.Sprintf("%05d", i)
		f.Machines = append(f.Machines, placement.Machine{ID: "m" + id, Groups: []string{"web"}})
		s := placement.Server{ID: "s" + id, Machine: "m" + id, Group: "web", Kind: "web", Capacity: placement.Amounts{"services": 1_000_000}}
		if change != nil {
			change(i, &s)
		}
		f.Servers = append(f.Servers, s)
	}
	return f
}

// placed decides times often, and notes each use if used. It returns how often each
// server was chosen.
func placed(t *testing.T, f placement.Fleet, r placement.Request, times int, used bool) map[string]int {
	t.Helper()
	ix, err := placement.NewIndex(f, placement.Options{Seed: 42})
	require.NoError(t, err)
	n := map[string]int{}
	one := placement.Amounts{"services": 1}
	for range times {
		d, err := ix.Place(r)
		require.NoError(t, err)
		n[d.Server]++
		if used {
			require.NoError(t, ix.Use(d.Server, one))
		}
	}
	return n
}

func web(p placement.Picker) placement.Request {
	return placement.Request{Group: "web", Demand: placement.Amounts{"services": 1}, Policy: placement.Policy{Picker: p}}
}

// chiSquare is the probability that counts as uneven as these, or more so, come from the
// given shares (Wilson and Hilferty's approximation).
func chiSquare(n map[string]int, shares map[string]float64) float64 {
	total := 0
	for _, k := range n {
		total += k
	}
	var x float64
	for id, share := range shares {
		want := share * float64(total)
		x += (float64(n[id]) - want) * (float64(n[id]) - want) / want
	}
	k := float64(len(shares) - 1)
	z := (math.Cbrt(x/k) - (1 - 2/(9*k))) / math.Sqrt(2/(9*k))
	return math.Erfc(z/math.Sqrt2) / 2
}

func evenShares(f placement.Fleet, may func(s placement.Server) bool) map[string]float64 {
	shares := map[string]float64{}
	for _, s := range f.Servers {
		if may(s) {
			shares[s.ID] = 1
		}
	}
	for id := range shares {
		shares[id] = 1 / float64(len(shares))
	}
	return shares
}

// S9: 100,000 random placements are spread as chance spreads them, p > 0.001: also where
// most servers are full, so that few can be drawn, and where so few have room for the
// demand that they are listed.
func TestRandomIsUniform(t *testing.T) {
	t.Parallel()
	anyone := func(placement.Server) bool { return true }
	for name, tc := range map[string]struct {
		fleet  placement.Fleet
		demand int64
		may    func(placement.Server) bool
		filter placement.Filter
		times  int // 0: 100,000
	}{
		"all have room": {fleet: even(50, nil), may: anyone},
		"different sorts": {fleet: even(50, func(i int, s *placement.Server) {
			s.Tags, s.Kind = []string{fmt.Sprint("sort", i%7)}, fmt.Sprint("kind", i%3)
		}), may: anyone},
		"most are full": {fleet: even(400, func(i int, s *placement.Server) {
			if i%40 != 7 {
				s.Used = placement.Amounts{"services": 1_000_000}
			}
		}), may: func(s placement.Server) bool { return s.Used == nil }},
		"few have room for so much": {fleet: even(2000, func(i int, s *placement.Server) {
			if s.Capacity["services"] = 10; i%97 == 7 {
				s.Capacity["services"] = 100
			}
		}), demand: 50, may: func(s placement.Server) bool { return s.Capacity["services"] == 100 }},
		"a filter lets few through": {fleet: even(1000, func(i int, s *placement.Server) { s.Weight = 1 + 2*int64(i%41) }), may: func(s placement.Server) bool { return s.Weight == 21 },
			times: 20_000, filter: placement.FilterFunc(func(_ *placement.Request, c placement.Candidate) placement.Refusal {
				if c.Server.Weight != 21 {
					return placement.Refusal{Code: "not_21"}
				}
				return placement.Refusal{}
			})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := web(nil)
			r.Demand["services"] = max(tc.demand, 1)
			if tc.filter != nil {
				r.Policy.Filters = append(r.Policy.Filters, tc.filter)
			}
			n := placed(t, tc.fleet, r, cmp.Or(tc.times, 100_000), false)
			shares := evenShares(tc.fleet, tc.may)
			require.Len(t, n, len(shares))
			p := chiSquare(n, shares)
			require.Greater(t, p, 0.001, "p = %.5f", p)
			require.Less(t, p, 0.999, "too even for chance: p = %.5f", p)
		})
	}

	// The scan as well, with a seed for each decision.
	f, n := even(20, nil), map[string]int{}
	for seed := range uint64(20_000) {
		d, err := f.Place(web(nil), seed)
		require.NoError(t, err)
		n[d.Server]++
	}
	require.Greater(t, chiSquare(n, evenShares(f, anyone)), 0.001)
}

// chiSquare tells a crooked die from a straight one.
func TestChiSquare(t *testing.T) {
	t.Parallel()
	die := map[string]float64{"1": 1. / 6, "2": 1. / 6, "3": 1. / 6, "4": 1. / 6, "5": 1. / 6, "6": 1. / 6}
	// 11.07 is the 95th percentile for five degrees of freedom.
	require.InDelta(t, 0.05, chiSquare(map[string]int{"1": 1000 + 74, "2": 1000 - 75, "3": 1000, "4": 1000, "5": 1000, "6": 1000 + 1}, die), 0.003)
	require.Less(t, chiSquare(map[string]int{"1": 1150, "2": 850, "3": 1000, "4": 1000, "5": 1000, "6": 1000}, die), 0.001)
}

// S9: servers are chosen as their weights say, within 2 %, also over sorts and where the
// heaviest are full.
func TestWeightedFollowsWeights(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]func(i int) bool{
		"all have room":       func(int) bool { return false },
		"the heaviest is not": func(i int) bool { return i%5 == 4 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := even(40, func(i int, s *placement.Server) {
				s.Weight, s.Tags = 1+int64(i%5), []string{fmt.Sprint("sort", i%3)}
				if full(i) {
					s.Capacity["services"] = 1 // not full, but without room for two
				}
			})
			r := web(placement.Weighted{})
			r.Demand["services"] = 2
			n := placed(t, f, r, 400_000, false)
			byWeight, total := map[int64]float64{}, 0.0
			for i, s := range f.Servers {
				if full(i) {
					require.Zero(t, n[s.ID])
					continue
				}
				byWeight[s.Weight] += float64(n[s.ID])
				total += float64(s.Weight)
			}
			for weight, got := range byWeight {
				want := 400_000 * 8 * float64(weight) / total
				require.InEpsilon(t, want, got, 0.02, "weight %d", weight)
			}
		})
	}
}

// maxOverMean is how much more than its share the fullest server got.
func maxOverMean(n map[string]int, servers int) float64 {
	most, total := 0, 0
	for _, k := range n {
		most, total = max(most, k), total+k
	}
	return float64(most) * float64(servers) / float64(total)
}

// S9: two choices leave the fullest server at most 5 % above the mean at 20 servers of
// 500 services, and the exact picker at most 0.1 % at 10,000 servers and a million
// services. With two choices that many end at 2 %: theory has the fullest server at 102
// or 103 of a mean of 100, by the seed.
func TestPowerOfTwoIsEven(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, maxOverMean(placed(t, even(20, nil), web(placement.PowerOfTwo{}), 20*500, true), 20), 1.05)
	random := maxOverMean(placed(t, even(20, nil), web(nil), 20*500, true), 20)
	require.Greater(t, random, 1.05, "chance alone is not that even")
	servers := 10_000
	if raceEnabled {
		servers = 2000 // the race detector takes half a minute for more
	}
	f := even(servers, nil)
	require.LessOrEqual(t, maxOverMean(placed(t, f, web(placement.PowerOfTwo{}), servers*100, true), servers), 1.02)
	require.LessOrEqual(t, maxOverMean(placed(t, f, web(placement.LeastUsed{}), servers*100, true), servers), 1.001)
}

// Figures that are 500 services old do two choices little harm; whoever always takes the
// least used sends all 500 to one server.
func TestStaleFigures(t *testing.T) {
	t.Parallel()
	bursts := func(p placement.Picker) (ratio float64, servers int) {
		ix, err := placement.NewIndex(even(20, nil), placement.Options{Seed: 42})
		require.NoError(t, err)
		n := map[string]int{}
		for range 20 {
			burst := map[string]int{}
			for range 500 {
				d, err := ix.Place(web(p))
				require.NoError(t, err)
				burst[d.Server]++
			}
			for id, k := range burst {
				n[id] += k
				require.NoError(t, ix.Use(id, placement.Amounts{"services": int64(k)}))
			}
			servers = max(servers, len(burst))
		}
		return maxOverMean(n, 20), servers
	}
	ratio, servers := bursts(placement.PowerOfTwo{})
	require.LessOrEqual(t, ratio, 1.05)
	require.Greater(t, servers, 15)
	_, servers = bursts(placement.LeastUsed{})
	require.Equal(t, 1, servers)
}

// S9: round robin is exact, whatever the servers hold and weigh.
func TestRoundRobinIsExact(t *testing.T) {
	t.Parallel()
	f := even(37, func(i int, s *placement.Server) { s.Weight, s.Tags = int64(i), []string{fmt.Sprint(i % 4)} })
	n := placed(t, f, web(placement.RoundRobin{}), 37*270+11, true)
	var counts []int
	for _, k := range n {
		counts = append(counts, k)
	}
	require.Len(t, counts, 37)
	require.Equal(t, 270, slices.Min(counts))
	require.Equal(t, 271, slices.Max(counts))

	// One that is full for a while is not made up for: it comes in turn again.
	ix, err := placement.NewIndex(even(3, func(i int, s *placement.Server) { s.Capacity["services"] = 10 }), placement.Options{})
	require.NoError(t, err)
	sequence := func(times int) (list []string) {
		for range times {
			d, err := ix.Place(web(placement.RoundRobin{}))
			require.NoError(t, err)
			list = append(list, d.Server)
		}
		return list
	}
	first := sequence(3)
	require.NoError(t, ix.Use(first[1], placement.Amounts{"services": 10}))
	require.Equal(t, []string{first[0], first[2], first[0], first[2]}, sequence(4))
	require.NoError(t, ix.Use(first[1], placement.Amounts{"services": -1}))
	require.Equal(t, []string{first[1], first[0], first[2], first[1]}, sequence(4))
}

// Full servers are filled in order, the least used first or the fullest first, by their
// tightest dimension, that of the machine included, and by weight.
func TestExactPickers(t *testing.T) {
	t.Parallel()
	groups := []string{"web"}
	f := placement.Fleet{
		Machines: []placement.Machine{
			{ID: "m1", Groups: groups}, {ID: "m2", Groups: groups},
			{ID: "m3", Groups: groups, Capacity: placement.Amounts{"disk": 100}, Used: placement.Amounts{"disk": 70}},
		},
		Servers: []placement.Server{
			{ID: "a", Machine: "m1", Group: "web", Kind: "web", Capacity: placement.Amounts{"services": 10, "disk": 100}, Used: placement.Amounts{"services": 5, "disk": 10}},                     // 0.5
			{ID: "b", Machine: "m2", Group: "web", Kind: "web", Capacity: placement.Amounts{"services": 10, "disk": 100}, Used: placement.Amounts{"services": 1, "disk": 60}},                     // 0.6
			{ID: "c", Machine: "m3", Group: "web", Kind: "web", Capacity: placement.Amounts{"services": 10}, Used: placement.Amounts{"services": 1}},                                              // 0.7, the machine's
			{ID: "d", Machine: "m2", Group: "web", Kind: "web", Weight: 2, Capacity: placement.Amounts{"services": 10, "x": 0}, Used: placement.Amounts{"services": 8}},                           // 0.8 / 2
			{ID: "e", Machine: "m2", Group: "web", Kind: "web", Capacity: placement.Amounts{"services": 10}, Used: placement.Amounts{"services": 10}, Status: placement.Draining, Weight: 7},      // not open
			{ID: "f", Machine: "m1", Group: "web", Kind: "web", Weight: 2, Capacity: placement.Amounts{"services": 5}, Used: placement.Amounts{"services": 5}, Tags: []string{"full, and first"}}, // full
		},
	}
	load := func(i int) float64 {
		for _, m := range f.Machines {
			if m.ID == f.Servers[i].Machine {
				return placement.Candidate{Server: &f.Servers[i], Machine: &m}.Load()
			}
		}
		return -1
	}
	require.InDeltaSlice(t, []float64{0.5, 0.6, 0.7, 0.4, 1.0 / 7, 0.5}, []float64{load(0), load(1), load(2), load(3), load(4), load(5)}, 1e-15)
	for _, tc := range []struct {
		picker placement.Picker
		want   string
	}{{placement.LeastUsed{}, "d"}, {placement.BestFit{}, "c"}, {placement.FillFirst{}, "d"}} {
		ix, err := placement.NewIndex(f, placement.Options{})
		require.NoError(t, err)
		d, err := ix.Place(web(tc.picker))
		require.NoError(t, err)
		require.Equal(t, tc.want, d.Server, "%T", tc.picker)
		require.Equal(t, 5, d.Candidates, "those that are open, full or not")
	}

	// Fill first: d until it is full, then a, b, c by name.
	ix, err := placement.NewIndex(f, placement.Options{})
	require.NoError(t, err)
	var order []string
	for {
		d, err := ix.Place(web(placement.FillFirst{}))
		if err != nil {
			require.ErrorIs(t, err, placement.ErrNoCandidate)
			break
		}
		require.NoError(t, ix.Use(d.Server, placement.Amounts{"services": 1}))
		order = append(order, d.Server)
	}
	require.Equal(t, []string{"d", "d", "a", "a", "a", "a", "a", "b", "b", "b", "b", "b", "b", "b", "b", "b", "c", "c", "c", "c", "c", "c", "c", "c", "c"}, order)
}

// Servers without any limit are balanced by what they hold, and come before those that
// have one.
func TestUnlimitedServersAreBalanced(t *testing.T) {
	t.Parallel()
	f := even(5, func(i int, s *placement.Server) {
		if s.Capacity = nil; i == 0 {
			s.Capacity = placement.Amounts{"services": 1000}
			s.Used = placement.Amounts{"services": 1}
		}
	})
	n := placed(t, f, web(placement.LeastUsed{}), 400, true)
	require.Equal(t, map[string]int{"s00001": 100, "s00002": 100, "s00003": 100, "s00004": 100}, n)
}

// The same seed gives the same decisions, another seed others.
func TestSeeds(t *testing.T) {
	t.Parallel()
	for _, p := range pickers {
		play := func(seed uint64) (list []string) {
			ix, err := placement.NewIndex(even(40, nil), placement.Options{Seed: seed})
			require.NoError(t, err)
			for range 30 {
				d, err := ix.Place(web(p))
				require.NoError(t, err)
				require.NoError(t, ix.Use(d.Server, placement.Amounts{"services": 1}))
				list = append(list, d.Server)
			}
			return list
		}
		require.Equal(t, play(1), play(1), "%T", p)
		switch p.(type) {
		case placement.FillFirst: // in the order of names
			require.Equal(t, play(1), play(2))
		default:
			require.NotEqual(t, play(1), play(2), "%T", p)
		}
	}
}
