package placement_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// Where servers are so many that what is kept has several levels, an index still decides
// as the scan does: with little room left, with most servers full, with large demands.
func TestLargeIndexAgreesWithScan(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			f := crowd(rng, 1200)
			ix, err := placement.NewIndex(f, placement.Options{Seed: seed})
			require.NoError(t, err)
			m, placed, refused := &model{Fleet: f}, 0, 0
			at := map[string]*placement.Server{}
			for i := range f.Servers {
				at[f.Servers[i].ID] = &f.Servers[i]
			}
			exact := []placement.Picker{placement.LeastUsed{}, placement.BestFit{}, placement.RoundRobin{}, placement.FillFirst{}}
			for i := range 240 {
				r := placement.Request{Group: "web", Demand: placement.Amounts{"services": rng.Int64N(2), "disk": rng.Int64N(60)}}
				if rng.IntN(20) == 0 {
					r.Demand["disk"] = 81 // more than is left anywhere
				}
				r.Policy.Picker = slices.Concat(exact, pickers)[rng.IntN(len(exact)+len(pickers))]
				if rng.IntN(4) == 0 {
					r.Rules = []placement.Rule{{Relation: placement.SameDomain, Servers: []string{f.Servers[rng.IntN(900)].ID}}}
				}
				d, err := ix.Place(r)
				want, wantErr := m.Place(r, seed)
				require.Equal(t, wantErr == nil, err == nil, "%+v: %v, %v", r, wantErr, err)
				if err != nil {
					require.Equal(t, wantErr.Error(), err.Error())
					refused++
					continue
				}
				s := at[d.Server]
				if slices.Contains(exact, r.Policy.Picker) {
					require.Equal(t, want, d, "%T", r.Policy.Picker)
				} else {
					why, err := m.Explain(r, placement.Decision{})
					require.NoError(t, err)
					at, _ := slices.BinarySearchFunc(why.Verdicts, d.Server, func(v placement.Verdict, id string) int {
						return slices.Compare([]string{v.Server}, []string{id})
					})
					require.Equal(t, placement.Possible, why.Verdicts[at].Code, "%T: %s", r.Policy.Picker, why.Verdicts[at])
				}
				if _, ok := r.Policy.Picker.(placement.RoundRobin); ok {
					m.turn++
					s.Turn = m.turn
				}
				require.NoError(t, ix.Use(d.Server, r.Demand))
				on := m.machine(s.Machine)
				for dim, n := range r.Demand {
					s.Used[dim] += n
					on.Used[dim] += n
				}
				placed++
				if i%40 == 0 {
					require.NoError(t, placement.CheckIndex(ix))
				}
				// Some of the servers come, go and change.
				change := &f.Servers[rng.IntN(900)]
				switch rng.IntN(3) {
				case 0:
					ix.RemoveServer(change.ID)
					require.NoError(t, ix.PutServer(*change))
					// It is forgotten whose turn it was.
				case 1:
					change.Weight = rng.Int64N(5)
					change.Status = []placement.Status{placement.Active, placement.Draining}[rng.IntN(2)]
					require.NoError(t, ix.PutServer(*change))
				}
			}
			require.NoError(t, placement.CheckIndex(ix))
			require.Greater(t, placed, 100)
			require.Positive(t, refused)
		})
	}
}

// crowd is a fleet of servers of which four in five are full, and the rest nearly so.
func crowd(rng *rand.Rand, n int) placement.Fleet {
	var f placement.Fleet
	for i := range n {
		if i%3 == 0 {
			f.Machines = append(f.Machines, placement.Machine{
				ID: fmt.Sprint("m", i/3), Domain: fmt.Sprint("rack", i/60), Groups: []string{"web"},
				Capacity: placement.Amounts{"disk": 300}, Used: placement.Amounts{"disk": 200 + rng.Int64N(60)},
			})
		}
		used := placement.Amounts{"services": 40, "disk": 20 + rng.Int64N(80)}
		if rng.IntN(5) == 0 {
			used["services"] = 35 + rng.Int64N(5)
		}
		f.Servers = append(f.Servers, placement.Server{
			ID: fmt.Sprint("s", i), Machine: fmt.Sprint("m", i/3), Group: "web", Kind: "web", Weight: rng.Int64N(4),
			Capacity: placement.Amounts{"services": 40, "disk": 100}, Used: used,
		})
	}
	return f
}
