package placement_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// A decision with all checks allocates nothing, and neither does a use.
func TestDecisionsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates by itself")
	}
	for _, p := range pickers {
		t.Run(fmt.Sprintf("%T", p), func(t *testing.T) {
			ix, err := placement.NewIndex(bigFleet(1000), placement.Options{})
			require.NoError(t, err)
			r, one := benchRequest(p), placement.Amounts{"services": 1, "disk_mb": 10}
			require.Zero(t, testing.AllocsPerRun(200, func() {
				d, err := ix.Place(r)
				if err == nil {
					err = ix.Use(d.Server, one)
				}
				if err != nil {
					t.Fatal(err)
				}
			}))
		})
	}
}

// Many goroutines decide and note what they use; in the end the index knows all of it.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	ix, err := placement.NewIndex(even(50, nil), placement.Options{})
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	n, failed := map[string]int64{}, error(nil)
	for g := range 16 {
		wg.Go(func() {
			for i := range 200 {
				d, err := ix.Place(web(pickers[(g+i)%len(pickers)]))
				if err == nil {
					err = ix.Use(d.Server, placement.Amounts{"services": 1})
				}
				if _, explainErr := ix.Explain(web(nil), d); i%50 == 0 {
					err = errors.Join(err, explainErr, ix.PutMachine(placement.Machine{ID: fmt.Sprint("other", g), Groups: []string{"web"}}))
				}
				_, allErr := ix.PlaceAll([]placement.Request{web(nil), web(placement.RoundRobin{})})
				mu.Lock()
				n[d.Server]++
				failed = errors.Join(failed, err, allErr)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.NoError(t, failed)
	for _, s := range ix.Fleet().Servers {
		require.Equal(t, n[s.ID], s.Used["services"], s.ID)
	}
	require.NoError(t, placement.CheckIndex(ix))
}

// Whoever changes what was put in or what came out changes nothing of the index.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	f := bigFleet(8)
	ix, err := placement.NewIndex(f, placement.Options{})
	require.NoError(t, err)
	want := ix.Fleet()
	for _, spoil := range []placement.Fleet{f, ix.Fleet()} {
		for i := range spoil.Servers {
			spoil.Servers[i].Used["services"], spoil.Servers[i].Capacity["services"] = 7, 7
		}
		for i := range spoil.Machines {
			spoil.Machines[i].Used["disk_mb"], spoil.Machines[i].Groups[0], spoil.Machines[i].Tags[0] = 7, "x", "x"
		}
	}
	require.Equal(t, want, ix.Fleet())
}

// A status is seen by the next decision: draining, disabled and down get nothing.
func TestStatusIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	f := even(4, nil)
	ix, err := placement.NewIndex(f, placement.Options{})
	require.NoError(t, err)
	for _, status := range []placement.Status{placement.Draining, placement.Disabled, placement.Down} {
		server, machine := f.Servers[1], f.Machines[2]
		server.Status, machine.Status = status, status
		require.NoError(t, ix.PutServer(server))
		require.NoError(t, ix.PutMachine(machine))
		for _, p := range pickers {
			for range 50 {
				d, err := ix.Place(web(p))
				require.NoError(t, err)
				require.Contains(t, []string{"s00000", "s00003"}, d.Server)
			}
		}
		require.NoError(t, ix.PutServer(f.Servers[1]))
		require.NoError(t, ix.PutMachine(f.Machines[2]))
		d, err := ix.Place(web(nil))
		require.NoError(t, err)
		require.Equal(t, 4, d.Candidates)
	}
}

// Tags that come and go leave nothing behind for ever.
func TestManySorts(t *testing.T) {
	t.Parallel()
	f := even(3, nil)
	ix, err := placement.NewIndex(f, placement.Options{})
	require.NoError(t, err)
	for i := range 1000 {
		s := f.Servers[i%3]
		s.Tags = []string{fmt.Sprint("build-", i)}
		require.NoError(t, ix.PutServer(s))
		r := web(nil)
		r.Require = s.Tags
		d, err := ix.Place(r)
		require.NoError(t, err)
		require.Equal(t, s.ID, d.Server)
	}
	cells, tags := placement.Sorts(ix)
	require.Less(t, cells, 70)
	require.Less(t, tags, 80)
}
