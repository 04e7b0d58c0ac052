package placement_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tierhost/tierhost/provisioning/placement"
)

// bigFleet is n servers, four to a machine: half of them web servers of the group that
// is asked for, of which one in eight has SSDs; some machines are taken by resellers,
// some are draining. Each holds between a quarter and three quarters of what it can.
func bigFleet(n int) placement.Fleet {
	rng, f := rand.New(rand.NewPCG(1, uint64(n))), placement.Fleet{}
	groups := []string{"web-std", "mail-std", "web-std", "mysql-std"}
	for i := range n {
		if i%4 == 0 {
			m := placement.Machine{
				ID: fmt.Sprintf("iron%d", i/4), Platform: "debian", Domain: fmt.Sprintf("rack%d", i/160), Groups: groups[:],
				Tags: []string{"eu"}, Capacity: placement.Amounts{"disk_mb": 8_000_000}, Used: placement.Amounts{"disk_mb": 2_000_000 + rng.Int64N(2_000_000)},
			}
			switch i / 4 % 16 {
			case 1:
				m.Allocation, m.Seller = placement.Taken, fmt.Sprintf("reseller%d", i/64%10)
			case 2:
				m.Status = placement.Draining
			case 3, 4:
				m.Tags = append(m.Tags, "ssd")
			}
			f.Machines = append(f.Machines, m)
		}
		f.Servers = append(f.Servers, placement.Server{
			ID: fmt.Sprintf("s%06d", i), Machine: fmt.Sprintf("iron%d", i/4), Group: groups[i%4], Kind: groups[i%4][:3], Weight: 1 + int64(i/4%3),
			Capacity: placement.Amounts{"services": 2000, "disk_mb": 4_000_000},
			Used:     placement.Amounts{"services": 500 + rng.Int64N(1000), "disk_mb": 1_000_000 + rng.Int64N(2_000_000)},
		})
	}
	return f
}

func benchRequest(p placement.Picker) placement.Request {
	return placement.Request{
		Group: "web-std", Demand: placement.Amounts{"services": 1, "disk_mb": 5_000}, Platform: "debian",
		Require: []string{"eu"}, Forbid: []string{"old"}, Prefer: []string{"ssd"}, Seller: "meadow", Exclude: []string{"s000000"},
		Rules:  []placement.Rule{{Relation: placement.OtherMachine, Servers: []string{"s000001"}}},
		Policy: placement.Policy{Picker: p},
	}
}

// row is a server as a bare scan wants it: the figures alone, names as numbers.
type row struct {
	group, seller, platform, machine, id int32
	tags                                 uint32
	open                                 bool
	services, disk                       int64 // free
	load                                 float64
}

func rows(f placement.Fleet) []row {
	list := make([]row, len(f.Servers))
	for i, s := range f.Servers {
		m := f.Machines[i/4]
		r := row{id: int32(i), machine: int32(i / 4), open: m.Status != placement.Draining, tags: 1, load: placement.Candidate{Server: &s, Machine: &m}.Load()}
		if s.Group != "web-std" {
			r.group = 1
		}
		if m.Seller != "" {
			r.seller = 1
		}
		if len(m.Tags) > 1 {
			r.tags |= 2
		}
		r.services = s.Capacity["services"] - s.Used["services"]
		r.disk = min(s.Capacity["disk_mb"]-s.Used["disk_mb"], m.Capacity["disk_mb"]-m.Used["disk_mb"])
		list[i] = r
	}
	return list
}

// bareScan is what a loop over all servers costs that checks the same and takes the
// least used, with nothing around it.
func bareScan(list []row) int {
	best, bestRank := -1, uint32(0)
	for i := range list {
		r := &list[i]
		if r.group != 0 || r.seller != 0 || r.platform != 0 || !r.open || r.tags&1 == 0 || r.tags&4 != 0 ||
			r.id == 0 || r.machine == 0 || r.services < 1 || r.disk < 5000 {
			continue
		}
		if rank := r.tags & 2; best < 0 || rank > bestRank || rank == bestRank && r.load < list[best].load {
			best, bestRank = i, rank
		}
	}
	return best
}

// median calls batch, which does n things, for a while and returns how long one of them
// takes in half of the calls: what other programs take away meanwhile does not count.
func median(n int, batch func()) time.Duration {
	var took []time.Duration
	for began := time.Now(); len(took) < 5 || time.Since(began) < 200*time.Millisecond; {
		at := time.Now()
		batch()
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	return took[len(took)/2] / time.Duration(n)
}

// BenchmarkPlace decides with all checks, and then again with a use that is noted and
// given back, which changes the figures of four servers each time. Besides the
// mean it reports the median of batches, and the ratio to the bare scan of the same
// servers in the same run: how many decisions take as long as one scan.
func BenchmarkPlace(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		f := bigFleet(n)
		list := rows(f)
		for _, p := range pickers[1:] {
			ix, err := placement.NewIndex(f, placement.Options{})
			if err != nil {
				b.Fatal(err)
			}
			r := benchRequest(p)
			place := func() {
				if _, err := ix.Place(r); err != nil {
					b.Fatal(err)
				}
			}
			name := fmt.Sprintf("%d/%s", n, strings.TrimPrefix(fmt.Sprintf("%T", p), "placement."))
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					place()
				}
				b.StopTimer()
				one := median(50, func() {
					for range 50 {
						place()
					}
				})
				scan := median(1, func() { bareScan(list) })
				b.ReportMetric(float64(one), "ns/median")
				b.ReportMetric(float64(scan)/float64(one), "per_scan")
			})
			b.Run(name+"+2Use", func(b *testing.B) {
				b.ReportAllocs()
				one, back := placement.Amounts{"services": 1, "disk_mb": 5_000}, placement.Amounts{"services": -1, "disk_mb": -5_000}
				turn := func() {
					d, err := ix.Place(r)
					if err == nil {
						err = errors.Join(ix.Use(d.Server, one), ix.Use(d.Server, back))
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					turn()
				}
				b.StopTimer()
				b.ReportMetric(float64(median(50, func() {
					for range 50 {
						turn()
					}
				})), "ns/median")
			})
		}
	}
}

// BenchmarkPlaceTight decides where few servers are possible, with two choices: where 99 %
// are full, which costs nothing; where 5 % or 1 % have room for so large a demand, so that
// many are drawn or all are listed; and where one domain of many is asked for.
func BenchmarkPlaceTight(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		for name, tc := range map[string]struct {
			change func(i int, s *placement.Server)
			r      placement.Request
		}{
			"99% full":        {func(i int, s *placement.Server) { s.Used["services"] += 1_000_000 * int64(min(i%100, 1)) }, web(placement.PowerOfTwo{})},
			"5% have room":    {func(i int, s *placement.Server) { s.Used["services"] += 999_950 * int64(min(i%20, 1)) }, web(placement.PowerOfTwo{})},
			"1% have room":    {func(i int, s *placement.Server) { s.Used["services"] += 999_950 * int64(min(i%100, 1)) }, web(placement.PowerOfTwo{})},
			"1% least used":   {func(i int, s *placement.Server) { s.Used["services"] += 999_950 * int64(min(i%100, 1)) }, web(placement.LeastUsed{})},
			"a rack of 40":    {func(int, *placement.Server) {}, web(placement.PowerOfTwo{})},
			"nothing is left": {func(_ int, s *placement.Server) { s.Used["services"] = 1_000_000 }, web(placement.PowerOfTwo{})},
		} {
			f := even(n, func(i int, s *placement.Server) {
				s.Used = placement.Amounts{"services": 0}
				tc.change(i, s)
			})
			for i := range f.Machines {
				f.Machines[i].Domain = fmt.Sprint("rack", i/40)
			}
			r := tc.r
			r.Demand = placement.Amounts{"services": 100}
			if name == "a rack of 40" {
				r.Rules = []placement.Rule{{Relation: placement.SameDomain, Servers: []string{f.Servers[n/2].ID}}}
			}
			ix, err := placement.NewIndex(f, placement.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				place := func() {
					if _, err := ix.Place(r); err != nil && name != "nothing is left" {
						b.Fatal(err)
					}
				}
				for b.Loop() {
					place()
				}
				b.StopTimer()
				b.ReportMetric(float64(median(4, func() {
					for range 4 {
						place()
					}
				})), "ns/median")
			})
		}
	}
}

// BenchmarkPlaceAll places a signup: web, mail and database on one machine, and two name
// servers apart.
func BenchmarkPlaceAll(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		ix, err := placement.NewIndex(bigFleet(n), placement.Options{})
		if err != nil {
			b.Fatal(err)
		}
		one := placement.Amounts{"services": 1, "disk_mb": 5_000}
		near := []placement.Rule{{Relation: placement.SameMachine, Requests: []string{"web"}}}
		requests := []placement.Request{
			{Name: "web", Group: "web-std", Demand: one}, {Name: "mail", Group: "mail-std", Demand: one, Rules: near}, {Name: "database", Group: "mysql-std", Demand: one, Rules: near},
			{Name: "backup", Group: "mysql-std", Demand: one, Rules: []placement.Rule{{Relation: placement.OtherDomain, Requests: []string{"database"}}}},
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := ix.PlaceAll(requests); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
