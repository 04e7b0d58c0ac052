package provisioningtest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// serviceFaults are what a broken store does to services instead.
type serviceFaults struct {
	mu sync.Mutex // of what a fault remembers

	put       func(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) error
	services  func(all []provisioning.Service) []provisioning.Service
	byName    func(ctx context.Context, rows provisioning.Rows, c provisioning.Claim) (provisioning.Service, error)
	page      func(q *provisioning.ServiceQuery, limit *int)
	paged     func(all []provisioning.Service) []provisioning.Service
	due       func(ctx context.Context, rows provisioning.Rows, now time.Time, except []provisioning.ServerID, limit int) ([]provisioning.Service, error)
	next      func(at time.Time, now time.Time) time.Time
	putChain  func(ctx context.Context, rows provisioning.Rows, c provisioning.Chain) error
	chain     func(c provisioning.Chain) provisioning.Chain
	lockGate  func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID) (provisioning.Gate, error)
	putGate   func(ctx context.Context, rows provisioning.Rows, g provisioning.Gate) error
	gates     func(ctx context.Context, rows provisioning.Rows, closedAt time.Time, after provisioning.ServerID, limit int) ([]provisioning.Gate, error)
	add       func(ctx context.Context, rows provisioning.Rows, all []provisioning.SampleKey) ([]provisioning.SampleKey, error)
	purge     func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, before time.Time, limit int) (int, error)
	putStays  func(all []provisioning.Stay) []provisioning.Stay
	stays     func(names []provisioning.Claim) []provisioning.Claim
	uncounted func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, limit int) ([]provisioning.Stay, error)
	forget    func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, before time.Time, limit int) (int, error)
	readings  func(all []provisioning.Reading) []provisioning.Reading
	collected func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, kind provisioning.Kind) (time.Time, error)
}

func (r brokenRows) PutServices(ctx context.Context, all []provisioning.Service) error {
	if f := r.f.services.put; f != nil {
		return f(ctx, r.Rows, all)
	}
	return r.Rows.PutServices(ctx, all)
}

func (r brokenRows) Services(ctx context.Context, ids []provisioning.ServiceID) ([]provisioning.Service, error) {
	all, err := r.Rows.Services(ctx, ids)
	if f := r.f.services.services; f != nil {
		all = f(all)
	}
	return all, err
}

func (r brokenRows) ServiceByName(ctx context.Context, c provisioning.Claim) (provisioning.Service, error) {
	if f := r.f.services.byName; f != nil {
		return f(ctx, r.Rows, c)
	}
	return r.Rows.ServiceByName(ctx, c)
}

func (r brokenRows) ServicePage(ctx context.Context, q provisioning.ServiceQuery, after provisioning.ServiceID, limit int) ([]provisioning.Service, error) {
	if f := r.f.services.page; f != nil {
		f(&q, &limit)
	}
	all, err := r.Rows.ServicePage(ctx, q, after, limit)
	if f := r.f.services.paged; f != nil {
		all = f(all)
	}
	return all, err
}

func (r brokenRows) DueServices(ctx context.Context, now time.Time, except []provisioning.ServerID, limit int) ([]provisioning.Service, error) {
	if f := r.f.services.due; f != nil {
		return f(ctx, r.Rows, now, except, limit)
	}
	return r.Rows.DueServices(ctx, now, except, limit)
}

func (r brokenRows) NextDue(ctx context.Context, now time.Time) (time.Time, error) {
	at, err := r.Rows.NextDue(ctx, now)
	if f := r.f.services.next; f != nil {
		at = f(at, now)
	}
	return at, err
}

func (r brokenRows) PutChain(ctx context.Context, c provisioning.Chain) error {
	if f := r.f.services.putChain; f != nil {
		return f(ctx, r.Rows, c)
	}
	return r.Rows.PutChain(ctx, c)
}

func (r brokenRows) Chain(ctx context.Context, id provisioning.ChainID) (provisioning.Chain, error) {
	c, err := r.Rows.Chain(ctx, id)
	if f := r.f.services.chain; f != nil {
		c = f(c)
	}
	return c, err
}

func (r brokenRows) LockGate(ctx context.Context, server provisioning.ServerID) (provisioning.Gate, error) {
	if f := r.f.services.lockGate; f != nil {
		return f(ctx, r.Rows, server)
	}
	return r.Rows.LockGate(ctx, server)
}

func (r brokenRows) PutGate(ctx context.Context, g provisioning.Gate) error {
	if f := r.f.services.putGate; f != nil {
		return f(ctx, r.Rows, g)
	}
	return r.Rows.PutGate(ctx, g)
}

func (r brokenRows) Gates(ctx context.Context, closedAt time.Time, after provisioning.ServerID, limit int) ([]provisioning.Gate, error) {
	if f := r.f.services.gates; f != nil {
		return f(ctx, r.Rows, closedAt, after, limit)
	}
	return r.Rows.Gates(ctx, closedAt, after, limit)
}

func (r brokenRows) AddSamples(ctx context.Context, all []provisioning.SampleKey) ([]provisioning.SampleKey, error) {
	if f := r.f.services.add; f != nil {
		return f(ctx, r.Rows, all)
	}
	return r.Rows.AddSamples(ctx, all)
}

func (r brokenRows) PurgeSamples(ctx context.Context, server provisioning.ServerID, before time.Time, limit int) (int, error) {
	if f := r.f.services.purge; f != nil {
		return f(ctx, r.Rows, server, before, limit)
	}
	return r.Rows.PurgeSamples(ctx, server, before, limit)
}

func (r brokenRows) PutStays(ctx context.Context, all []provisioning.Stay) error {
	if f := r.f.services.putStays; f != nil {
		all = f(slices.Clone(all))
	}
	return r.Rows.PutStays(ctx, all)
}

func (r brokenRows) Stays(ctx context.Context, names []provisioning.Claim) ([]provisioning.Stay, error) {
	if f := r.f.services.stays; f != nil {
		names = f(names)
	}
	return r.Rows.Stays(ctx, names)
}

func (r brokenRows) UncountedStays(ctx context.Context, server provisioning.ServerID, limit int) ([]provisioning.Stay, error) {
	if f := r.f.services.uncounted; f != nil {
		return f(ctx, r.Rows, server, limit)
	}
	return r.Rows.UncountedStays(ctx, server, limit)
}

func (r brokenRows) PurgeStays(ctx context.Context, server provisioning.ServerID, before time.Time, limit int) (int, error) {
	if f := r.f.services.forget; f != nil {
		return f(ctx, r.Rows, server, before, limit)
	}
	return r.Rows.PurgeStays(ctx, server, before, limit)
}

func (r brokenRows) Readings(ctx context.Context, ids []provisioning.ServiceID) ([]provisioning.Reading, error) {
	all, err := r.Rows.Readings(ctx, ids)
	if f := r.f.services.readings; f != nil {
		all = f(all)
	}
	return all, err
}

func (r brokenRows) Collected(ctx context.Context, server provisioning.ServerID, kind provisioning.Kind) (time.Time, error) {
	if f := r.f.services.collected; f != nil {
		return f(ctx, r.Rows, server, kind)
	}
	return r.Rows.Collected(ctx, server, kind)
}

// old returns a service as it is, the zero Service if there is none.
func old(ctx context.Context, rows provisioning.Rows, id provisioning.ServiceID) provisioning.Service {
	found, err := rows.Services(ctx, []provisioning.ServiceID{id})
	if err != nil || len(found) == 0 {
		return provisioning.Service{}
	}
	return found[0]
}

// changing has services changed before they are put.
func changing(change func(ctx context.Context, rows provisioning.Rows, s *provisioning.Service)) func(f *storeFaults) {
	return func(f *storeFaults) {
		f.services.put = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) error {
			all = slices.Clone(all)
			for i := range all {
				all[i] = all[i].Clone()
				change(ctx, rows, &all[i])
			}
			return rows.PutServices(ctx, all)
		}
	}
}

// serviceMutants are stores that keep services badly.
func serviceMutants() []storeMutant {
	return []storeMutant{
		{"loses a field", "SERVICE-1", changing(func(_ context.Context, _ provisioning.Rows, s *provisioning.Service) { s.Repairs = 0 })},
		{"keeps half of a nested field", "SERVICE-1", changing(func(_ context.Context, _ provisioning.Rows, s *provisioning.Service) {
			if s.Operation != nil {
				s.Operation.Exists = false
			}
		})},
		{"keeps a lease", "SERVICE-2", changing(func(ctx context.Context, rows provisioning.Rows, s *provisioning.Service) {
			if was := old(ctx, rows, s.ID); s.Lease.Token == "" {
				s.Lease = was.Lease
			}
		})},
		{"writes any version", "SERVICE-3", changing(func(ctx context.Context, rows provisioning.Rows, s *provisioning.Service) {
			s.Version = old(ctx, rows, s.ID).Version + 1
		})},
		{"writes half of a batch", "SERVICE-3", func(f *storeFaults) {
			f.services.put = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) error {
				for _, s := range all {
					if was := old(ctx, rows, s.ID); was.Version != s.Version-1 {
						return fmt.Errorf("late: %w", storage.ErrConflict)
					}
					if err := rows.PutServices(ctx, []provisioning.Service{s}); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{"says that a name is taken before a conflict", "SERVICE-3", func(f *storeFaults) {
			f.services.put = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) error {
				for _, s := range all {
					for _, c := range s.Claims() {
						if has, err := rows.ServiceByName(ctx, c); err == nil && has.ID != s.ID {
							return provisioning.ErrNameTaken
						}
					}
				}
				return rows.PutServices(ctx, all)
			}
		}},
		{"lets the last one win", "SERVICE-4", changing(func(ctx context.Context, rows provisioning.Rows, s *provisioning.Service) {
			if was := old(ctx, rows, s.ID); was.Version > 0 {
				s.Version = was.Version + 1
			}
		})},
		{"pages one more", "SERVICE-5", func(f *storeFaults) {
			f.services.page = func(_ *provisioning.ServiceQuery, limit *int) { *limit++ }
		}},
		{"pages backwards", "SERVICE-5", func(f *storeFaults) {
			f.services.paged = func(all []provisioning.Service) []provisioning.Service { slices.Reverse(all); return all }
		}},
		{"shows every seller's", "SERVICE-5", func(f *storeFaults) {
			f.services.page = func(q *provisioning.ServiceQuery, _ *int) { q.Seller = "" }
		}},
		{"forgets the chain of a query", "SERVICE-5", func(f *storeFaults) {
			f.services.page = func(q *provisioning.ServiceQuery, _ *int) { q.Chain = "" }
		}},
		{"shares what it returns", "SERVICE-6", func(f *storeFaults) {
			var kept []provisioning.Service
			f.services.services = func(all []provisioning.Service) []provisioning.Service {
				f.services.mu.Lock()
				defer f.services.mu.Unlock()
				if kept == nil {
					kept = all
				}
				return kept
			}
			f.services.byName = func(ctx context.Context, rows provisioning.Rows, c provisioning.Claim) (provisioning.Service, error) {
				s, err := rows.ServiceByName(ctx, c)
				f.services.mu.Lock()
				defer f.services.mu.Unlock()
				if kept == nil {
					kept = []provisioning.Service{s}
				}
				return kept[0], err
			}
		}},
		{"shares a chain", "SERVICE-6", func(f *storeFaults) {
			var kept *provisioning.Chain
			f.services.chain = func(c provisioning.Chain) provisioning.Chain {
				f.services.mu.Lock()
				defer f.services.mu.Unlock()
				if kept == nil {
					kept = &c
				}
				return *kept
			}
		}},
		{"gives a name to the last", "NAME-1", func(f *storeFaults) {
			f.services.put = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) error {
				for _, s := range all {
					for _, c := range s.Claims() {
						if has, err := rows.ServiceByName(ctx, c); err == nil && has.ID != s.ID {
							has.Version++
							has.Server, has.Move = "", nil
							if err := rows.PutServices(ctx, []provisioning.Service{has}); err != nil {
								return err
							}
						}
					}
				}
				return rows.PutServices(ctx, all)
			}
		}},
		{"folds the case of names", "NAME-1", changing(func(_ context.Context, _ provisioning.Rows, s *provisioning.Service) {
			if s.Name == "shop" {
				s.Name = "Shop"
			}
		})},
		{"never frees a name", "NAME-2", func(f *storeFaults) {
			f.services.byName = func(ctx context.Context, rows provisioning.Rows, c provisioning.Claim) (provisioning.Service, error) {
				s, err := rows.ServiceByName(ctx, c)
				if err != nil && c.Server == "s" && c.Name == "a" {
					return provisioning.Service{ID: "a"}, nil
				}
				return s, err
			}
		}},
		{"swaps no names", "NAME-2", func(f *storeFaults) {
			f.services.put = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) error {
				for _, s := range all {
					if err := rows.PutServices(ctx, []provisioning.Service{s}); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{"looks for names before", "NAME-3", func(f *storeFaults) {
			f.services.put = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) error {
				all = slices.Clone(all)
				for i := range all { // each gets a name of its own, and all think they have it
					if all[i].Name == "wanted" {
						all[i].Name += string(all[i].ID)
					}
				}
				return rows.PutServices(ctx, all)
			}
		}},
		{"is late by a moment", "DUE-1", func(f *storeFaults) {
			f.services.due = func(ctx context.Context, rows provisioning.Rows, now time.Time, except []provisioning.ServerID, limit int) ([]provisioning.Service, error) {
				return rows.DueServices(ctx, now.Add(-time.Microsecond), except, limit)
			}
		}},
		{"passes nobody over", "DUE-1", func(f *storeFaults) {
			f.services.due = func(ctx context.Context, rows provisioning.Rows, now time.Time, _ []provisioning.ServerID, limit int) ([]provisioning.Service, error) {
				return rows.DueServices(ctx, now, nil, limit)
			}
		}},
		{"filters after the limit", "DUE-1", func(f *storeFaults) {
			f.services.due = func(ctx context.Context, rows provisioning.Rows, now time.Time, except []provisioning.ServerID, limit int) ([]provisioning.Service, error) {
				all, err := rows.DueServices(ctx, now, nil, limit)
				return slices.DeleteFunc(all, func(s provisioning.Service) bool { return slices.Contains(except, s.Queue) }), err
			}
		}},
		{"sorts by ID", "DUE-1", func(f *storeFaults) {
			f.services.due = func(ctx context.Context, rows provisioning.Rows, now time.Time, except []provisioning.ServerID, limit int) ([]provisioning.Service, error) {
				all, err := rows.DueServices(ctx, now, except, limit)
				slices.SortFunc(all, func(a, b provisioning.Service) int {
					if a.ID < b.ID {
						return -1
					}
					return 1
				})
				return all, err
			}
		}},
		{"wakes up at once", "DUE-2", func(f *storeFaults) {
			f.services.next = func(at, now time.Time) time.Time {
				if at.IsZero() {
					return now
				}
				return at
			}
		}},
		{"leases to everybody", "DUE-3", changing(func(ctx context.Context, rows provisioning.Rows, s *provisioning.Service) {
			if was := old(ctx, rows, s.ID); was.Version > 0 {
				s.Version, s.Lease = was.Version+1, provisioning.Lease{}
			}
		})},
		{"loses the reason of a chain", "CHAIN-1", func(f *storeFaults) {
			f.services.chain = func(c provisioning.Chain) provisioning.Chain { c.Reason = ""; return c }
		}},
		{"has one key for all sellers", "CHAIN-2", func(f *storeFaults) {
			f.services.putChain = func(ctx context.Context, rows provisioning.Rows, c provisioning.Chain) error {
				if c.Seller == "other" {
					c.Seller = "seller"
				}
				return rows.PutChain(ctx, c)
			}
		}},
		{"takes a key twice", "CHAIN-2", func(f *storeFaults) {
			f.services.putChain = func(ctx context.Context, rows provisioning.Rows, c provisioning.Chain) error {
				if _, err := rows.ChainByKey(ctx, c.Seller, c.Key); err == nil {
					c.Key = ""
				}
				return rows.PutChain(ctx, c)
			}
		}},
		{"loses slots", "GATE-1", func(f *storeFaults) {
			f.services.putGate = func(ctx context.Context, rows provisioning.Rows, g provisioning.Gate) error {
				g.Slots = nil
				return rows.PutGate(ctx, g)
			}
		}},
		{"opens gates late", "GATE-1", func(f *storeFaults) {
			f.services.gates = func(ctx context.Context, rows provisioning.Rows, closedAt time.Time, after provisioning.ServerID, limit int) ([]provisioning.Gate, error) {
				if !closedAt.IsZero() {
					closedAt = closedAt.Add(-time.Microsecond)
				}
				return rows.Gates(ctx, closedAt, after, limit)
			}
		}},
		{"forgets what others have counted", "GATE-2", func(f *storeFaults) {
			f.services.lockGate = func(_ context.Context, _ provisioning.Rows, server provisioning.ServerID) (provisioning.Gate, error) {
				return provisioning.Gate{Server: server}, nil
			}
		}},
		{"counts samples twice", "SAMPLE-1", func(f *storeFaults) {
			f.services.add = func(ctx context.Context, rows provisioning.Rows, all []provisioning.SampleKey) ([]provisioning.SampleKey, error) {
				_, err := rows.AddSamples(ctx, all)
				return all, err
			}
		}},
		{"keeps samples to the second", "SAMPLE-1", func(f *storeFaults) {
			f.services.add = func(ctx context.Context, rows provisioning.Rows, all []provisioning.SampleKey) ([]provisioning.SampleKey, error) {
				all = slices.Clone(all)
				for i := range all {
					all[i].At = all[i].At.Truncate(time.Second)
				}
				return rows.AddSamples(ctx, all)
			}
		}},
		{"tells everybody that a sample is new", "SAMPLE-2", func(f *storeFaults) {
			f.services.add = func(ctx context.Context, rows provisioning.Rows, all []provisioning.SampleKey) ([]provisioning.SampleKey, error) {
				_, err := rows.AddSamples(ctx, all)
				return all, err
			}
		}},
		{"purges more than allowed", "SAMPLE-3", func(f *storeFaults) {
			f.services.purge = func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, before time.Time, limit int) (int, error) {
				return rows.PurgeSamples(ctx, server, before, limit+1)
			}
		}},
		{"purges what is of others", "SAMPLE-3", func(f *storeFaults) {
			f.services.purge = func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, before time.Time, limit int) (int, error) {
				n, err := rows.PurgeSamples(ctx, server, before, limit)
				if err != nil || n >= limit {
					return n, err
				}
				more, err := rows.PurgeSamples(ctx, "t", before, limit-n)
				return n + more, err
			}
		}},
		{"forgets in which stay it was read", "READING-1", func(f *storeFaults) {
			f.services.readings = func(all []provisioning.Reading) []provisioning.Reading {
				for i := range all {
					all[i].Stay = 0
				}
				return all
			}
		}},
		{"loses what was read last", "STAY-1", func(f *storeFaults) {
			f.services.putStays = func(all []provisioning.Stay) []provisioning.Stay {
				for i := range all {
					all[i].Last = nil
				}
				return all
			}
		}},
		{"keeps one stay of a service", "STAY-1", func(f *storeFaults) {
			f.services.putStays = func(all []provisioning.Stay) []provisioning.Stay {
				for i := range all {
					all[i].Number = 1
				}
				return all
			}
		}},
		{"finds the first name only", "STAY-1", func(f *storeFaults) {
			f.services.stays = func(names []provisioning.Claim) []provisioning.Claim { return names[:min(1, len(names))] }
		}},
		{"counts on any server", "STAY-2", func(f *storeFaults) {
			f.services.uncounted = func(ctx context.Context, rows provisioning.Rows, _ provisioning.ServerID, limit int) ([]provisioning.Stay, error) {
				return rows.UncountedStays(ctx, "", limit)
			}
		}},
		{"counts more than allowed", "STAY-2", func(f *storeFaults) {
			f.services.uncounted = func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, limit int) ([]provisioning.Stay, error) {
				return rows.UncountedStays(ctx, server, limit+1)
			}
		}},
		{"forgets the stay that ends now", "STAY-3", func(f *storeFaults) {
			f.services.forget = func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, before time.Time, limit int) (int, error) {
				return rows.PurgeStays(ctx, server, before.Add(time.Microsecond), limit)
			}
		}},
		{"forgets what is not counted", "STAY-3", func(f *storeFaults) {
			f.services.forget = func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, before time.Time, limit int) (int, error) {
				waiting, err := rows.UncountedStays(ctx, server, 9)
				if err != nil {
					return 0, err
				}
				for i := range waiting {
					waiting[i].Last = nil
				}
				if err := rows.PutStays(ctx, waiting); err != nil {
					return 0, err
				}
				return rows.PurgeStays(ctx, server, before, limit)
			}
		}},
		{"rounds readings", "READING-1", func(f *storeFaults) {
			f.services.readings = func(all []provisioning.Reading) []provisioning.Reading {
				for i := range all {
					v, _ := all[i].Value.Float64()
					all[i].Value = decimal.NewFromFloat(v)
				}
				return all
			}
		}},
		{"collects all kinds together", "READING-2", func(f *storeFaults) {
			f.services.collected = func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, _ provisioning.Kind) (time.Time, error) {
				return rows.Collected(ctx, server, "mail")
			}
		}},
		{"answers after the end", "TX-2", func(f *storeFaults) {
			f.services.byName = func(ctx context.Context, rows provisioning.Rows, c provisioning.Claim) (provisioning.Service, error) {
				s, err := rows.ServiceByName(ctx, c)
				if err != nil {
					return s, storage.ErrNotFound
				}
				return s, nil
			}
		}},
		{"swallows a write in a View", "TX-3", func(f *storeFaults) {
			f.services.putGate = func(ctx context.Context, rows provisioning.Rows, g provisioning.Gate) error {
				_ = rows.PutGate(ctx, g)
				return nil
			}
		}},
		{"remembers samples that were rolled back", "SAMPLE-4", func(f *storeFaults) {
			seen := map[provisioning.SampleKey]bool{}
			f.services.add = func(ctx context.Context, rows provisioning.Rows, all []provisioning.SampleKey) ([]provisioning.SampleKey, error) {
				f.services.mu.Lock()
				defer f.services.mu.Unlock()
				added, err := rows.AddSamples(ctx, all)
				var fresh []provisioning.SampleKey
				for _, k := range added {
					if !seen[k] {
						fresh = append(fresh, k)
					}
					seen[k] = true
				}
				return fresh, err
			}
		}},
		{"does not see its own writes", "TX-6", func(f *storeFaults) {
			f.services.due = func(context.Context, provisioning.Rows, time.Time, []provisioning.ServerID, int) ([]provisioning.Service, error) {
				return nil, nil
			}
		}},
		{"answers otherwise", "MODEL-2", changing(func(_ context.Context, _ provisioning.Rows, s *provisioning.Service) { s.Move = nil })},
	}
}
