package placement_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// model is what an index should know, as a plain list, and whom a scan would choose.
type model struct {
	placement.Fleet
	turn uint64
}

func (m *model) server(id string) *placement.Server {
	for i := range m.Servers {
		if m.Servers[i].ID == id {
			return &m.Servers[i]
		}
	}
	return nil
}

func (m *model) machine(id string) *placement.Machine {
	for i := range m.Machines {
		if m.Machines[i].ID == id {
			return &m.Machines[i]
		}
	}
	return nil
}

// An index decides as a scan of all servers does, whatever has happened to it: it
// chooses only what the scan finds possible, it finds something if the scan does, and
// with pickers that are exact it chooses the very same server.
func TestIndexAgreesWithScan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, agrees)
}

// FuzzIndex looks for disagreements further afield.
func FuzzIndex(f *testing.F) { f.Fuzz(rapid.MakeFuzz(agrees)) }

func agrees(t *rapid.T) {
	const seed = 7
	m := &model{Fleet: drawFleet(t, 6, 14)}
	ix, err := placement.NewIndex(m.Fleet, placement.Options{Seed: seed})
	require.NoError(t, err)
	t.Repeat(map[string]func(*rapid.T){
		"place": func(t *rapid.T) {
			r := drawRequest(t, m.Fleet)
			why, err := m.Explain(r, placement.Decision{})
			require.NoError(t, err)
			got, err := ix.Place(r)
			want, wantErr := m.Place(r, seed)
			if wantErr != nil {
				require.ErrorIs(t, err, placement.ErrNoCandidate, "%+v: %v, of %+v", r, got, m.Fleet)
				require.Equal(t, wantErr.Error(), err.Error())
				return
			}
			require.NoError(t, err)
			at := slices.IndexFunc(why.Verdicts, func(v placement.Verdict) bool { return v.Server == got.Server })
			require.Equal(t, placement.Possible, why.Verdicts[at].Code, "%s", why.Verdicts[at])
			s := m.server(got.Server)
			require.Equal(t, s.Machine, got.Machine)
			require.Equal(t, want.Candidates, got.Candidates)
			require.Len(t, got.Waived, len(want.Waived))
			switch r.Policy.Picker.(type) {
			case placement.LeastUsed, placement.BestFit, placement.FillFirst, placement.RoundRobin, placement.PickerFunc:
				require.Equal(t, want, got)
			}
			if _, ok := r.Policy.Picker.(placement.RoundRobin); ok {
				m.turn++
				s.Turn = m.turn
			}
			checkPromises(t, m, r, got)
		},
		"use": func(t *rapid.T) {
			if len(m.Servers) == 0 {
				t.Skip("nothing to use")
			}
			s := &m.Servers[rapid.IntRange(0, len(m.Servers)-1).Draw(t, "server")]
			n := placement.Amounts{}
			for d, amount := range amounts(3).Draw(t, "amounts") {
				if n[d] = amount; rapid.Bool().Draw(t, "back") {
					n[d] = -amount
				}
			}
			on, fits := m.machine(s.Machine), true
			for d, n := range n {
				fits = fits && s.Used[d]+n >= 0 && on.Used[d]+n >= 0
			}
			if err := ix.Use(s.ID, n); !fits {
				require.ErrorIs(t, err, placement.ErrOutOfRange)
				return
			} else {
				require.NoError(t, err)
			}
			for d, n := range n {
				s.Used[d] += n
				on.Used[d] += n
			}
		},
		"put machine": func(t *rapid.T) {
			id := fmt.Sprintf("m%d", rapid.IntRange(0, 7).Draw(t, "machine"))
			put := drawMachine(t, id)
			require.NoError(t, ix.PutMachine(put))
			if old := m.machine(id); old != nil {
				*old = put
			} else {
				m.Machines = append(m.Machines, put)
			}
		},
		"put server": func(t *rapid.T) {
			id := fmt.Sprintf("s%d", rapid.IntRange(0, 15).Draw(t, "server"))
			put := drawServer(t, id, m.Machines)
			require.NoError(t, ix.PutServer(put))
			if old := m.server(id); old != nil {
				put.Turn = old.Turn
				*old = put
			} else {
				m.Servers = append(m.Servers, put)
			}
		},
		"remove server": func(t *rapid.T) {
			id := fmt.Sprintf("s%d", rapid.IntRange(0, 15).Draw(t, "server"))
			ix.RemoveServer(id)
			m.Servers = slices.DeleteFunc(m.Servers, func(s placement.Server) bool { return s.ID == id })
		},
		"remove machine": func(t *rapid.T) {
			if len(m.Machines) == 1 {
				t.Skip("the last one")
			}
			id := fmt.Sprintf("m%d", rapid.IntRange(0, 7).Draw(t, "machine"))
			err := ix.RemoveMachine(id)
			if slices.ContainsFunc(m.Servers, func(s placement.Server) bool { return s.Machine == id }) {
				require.ErrorIs(t, err, placement.ErrInUse)
				return
			}
			require.NoError(t, err)
			m.Machines = slices.DeleteFunc(m.Machines, func(m placement.Machine) bool { return m.ID == id })
		},
		"new dimension": func(t *rapid.T) {
			if len(m.Servers) == 0 {
				t.Skip("nothing to use")
			}
			s, d := &m.Servers[0], rapid.SampledFrom([]string{"cpu", "mailboxes"}).Draw(t, "dimension")
			require.NoError(t, ix.Use(s.ID, placement.Amounts{d: 1}))
			s.Used[d]++
			m.machine(s.Machine).Used[d]++
		},
		"": func(t *rapid.T) { sameFleet(t, m, ix) },
	})
}

// checkPromises looks at a decision with eyes of its own.
func checkPromises(t *rapid.T, m *model, r placement.Request, d placement.Decision) {
	s, on := m.server(d.Server), m.machine(d.Machine)
	open := func(s placement.Status) bool { return s == "" || s == placement.Active }
	require.True(t, open(s.Status) && open(on.Status), "S10: %s on a machine that is %s", s.Status, on.Status)
	require.Contains(t, on.Groups, s.Group)
	if r.Group != "" {
		require.Equal(t, r.Group, s.Group)
	}
	if r.Kind != "" {
		require.Equal(t, r.Kind, s.Kind)
	}
	require.Contains(t, []string{"", r.Seller}, on.Seller)
	require.NotEqual(t, placement.Available, on.Allocation)
	require.NotContains(t, r.Exclude, s.ID)
	for dim, n := range r.Demand {
		for _, side := range []struct{ capacity, used placement.Amounts }{{s.Capacity, s.Used}, {on.Capacity, on.Used}} {
			if limit, limited := side.capacity[dim]; limited && n > 0 {
				require.LessOrEqual(t, side.used[dim]+n, limit, "S1: %s", dim)
			}
		}
	}
	for i, rule := range r.Rules {
		if !slices.Contains(d.Waived, i) {
			continue
		}
		require.True(t, rule.Waivable)
	}
}

// sameFleet compares what the index knows with the model.
func sameFleet(t *rapid.T, m *model, ix *placement.Index) {
	got := ix.Fleet()
	require.Len(t, got.Servers, len(m.Servers))
	for _, s := range got.Servers {
		want := m.server(s.ID)
		require.NotNil(t, want)
		sameAmounts(t, want.Used, s.Used)
		s.Used = want.Used
		require.Equal(t, *want, s)
	}
	require.Len(t, got.Machines, len(m.Machines))
	for _, on := range got.Machines {
		want := m.machine(on.ID)
		require.NotNil(t, want)
		sameAmounts(t, want.Used, on.Used)
		on.Used = want.Used
		require.Equal(t, *want, on)
	}
	require.NoError(t, placement.CheckIndex(ix))
}

// sameAmounts: what is not there is 0.
func sameAmounts(t *rapid.T, want, got placement.Amounts) {
	for _, d := range append(dims, "cpu", "mailboxes") {
		require.Equal(t, want[d], got[d], d)
	}
}

// The error of an index says the same as that of a scan, and can be taken apart.
func TestNoCandidate(t *testing.T) {
	t.Parallel()
	var f placement.Fleet
	for i := range 40 {
		id := fmt.Sprintf("%02d", i)
		f.Machines = append(f.Machines, placement.Machine{ID: "m" + id, Groups: []string{"web"}, Status: []placement.Status{placement.Down, placement.Active}[i%2]})
		f.Servers = append(f.Servers, placement.Server{ID: "s" + id, Machine: "m" + id, Group: "web", Kind: "web", Capacity: placement.Amounts{"services": int64(i)}})
	}
	ix, err := placement.NewIndex(f, placement.Options{})
	require.NoError(t, err)
	_, err = ix.Place(placement.Request{Group: "web", Demand: placement.Amounts{"services": 100}})
	e, ok := errors.AsType[*placement.NoCandidateError](err)
	require.True(t, ok)
	require.ErrorIs(t, err, placement.ErrNoCandidate)
	require.Equal(t, []placement.Count{{Code: placement.MachineStatus, Servers: 20}, {Code: placement.NoRoom, Servers: 20}}, e.Counts)
	require.Len(t, e.Verdicts, placement.NearestMisses)
	require.Equal(t, placement.NoRoom, e.Verdicts[15].Code)
	require.Equal(t, "placement: no server for web: 20 machine_status, 20 no_room; nearest: s01: services: 100 needed, 1 free", err.Error())
}
