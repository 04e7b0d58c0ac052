package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
)

// placers is so many processes that place services on the same machines.
type placers struct {
	t      *testing.T
	clock  *tierhost.TestClock
	stores []provisioning.Store
	all    []*provisioning.Manager
}

// newPlacers opens a store as n processes would: each has a manager that knows only what
// it reads. Those of PostgreSQL have a pool each.
func newPlacers(t *testing.T, k kind, n int) *placers {
	t.Helper()
	p := &placers{t: t, clock: tierhost.NewTestClock(time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC))}
	var open func() provisioning.Store
	switch k.name {
	case "postgres":
		dsn, schema := k.dsn, "placers"
		if dsn == "" {
			dsn, schema = lent(t)
		}
		open = func() provisioning.Store { return openSchema(t, dsn, schema) }
	default:
		one := k.open(t).(provisioning.Store)
		open = func() provisioning.Store { return one }
	}
	for i := range n {
		st := open()
		m, err := provisioning.New(st, provisioning.Options{
			Clock: p.clock, Seed: uint64(i + 1), Hold: time.Minute, Policy: placement.Policy{Picker: placement.PowerOfTwo{}},
		})
		require.NoError(t, err)
		p.stores, p.all = append(p.stores, st), append(p.all, m)
	}
	return p
}

// fleet makes machines that carry web and mail, with a server of each.
func (p *placers) fleet(machines int, services, disk int64) {
	p.t.Helper()
	ctx := p.t.Context()
	for _, g := range []string{"web", "mail"} {
		_, err := p.all[0].PutGroup(ctx, provisioning.Group{ID: provisioning.GroupID(g), Kind: provisioning.Kind(g)})
		require.NoError(p.t, err)
	}
	for i := range machines {
		id := provisioning.MachineID(fmt.Sprint("m", i))
		_, err := p.all[0].PutMachine(ctx, provisioning.Machine{
			ID: id, Groups: []provisioning.GroupID{"web", "mail"}, Capacity: map[string]int64{"disk": disk},
		})
		require.NoError(p.t, err)
		for _, g := range []string{"web", "mail"} {
			_, err := p.all[0].PutServer(ctx, provisioning.Server{
				ID: provisioning.ServerID(g + string(id)), Machine: id, Group: provisioning.GroupID(g),
				Capacity: map[string]int64{provisioning.DimensionServices: services},
			})
			require.NoError(p.t, err)
		}
	}
}

// sound fails unless every load is what the reservations take, and within its capacity.
func (p *placers) sound() {
	p.t.Helper()
	faults, err := p.all[0].VerifyRoom(p.t.Context())
	require.NoError(p.t, err)
	require.Empty(p.t, faults)
}

// S1 and row 100: a thousand orders by sixteen placers in four processes, for machines
// that have room for fewer: each place is given out once, none too many, and none is
// left while an order is refused.
func TestThousandOrdersAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		p := newPlacers(t, k, 4)
		const machines, each, orders = 14, 50, 1000
		p.fleet(machines, each, 1<<40)
		var next, got, refused atomic.Int64
		p.atOnce(16, func(i int, m *provisioning.Manager) error {
			for next.Add(1) <= orders {
				_, err := m.Reserve(t.Context(), provisioning.ReserveRequest{Demands: []provisioning.Demand{{Group: "web"}}})
				switch {
				case err == nil:
					got.Add(1)
				case errors.Is(err, provisioning.ErrNoCapacity):
					refused.Add(1)
				default:
					return err
				}
			}
			return nil
		})
		require.Equal(t, [2]int64{machines * each, orders - machines*each}, [2]int64{got.Load(), refused.Load()})
		p.sound()
	})
}

// atOnce runs fn in goroutines that share the managers.
func (p *placers) atOnce(n int, fn func(i int, m *provisioning.Manager) error) {
	p.t.Helper()
	var wg sync.WaitGroup
	failed := make([]error, n)
	for i := range n {
		wg.Go(func() { failed[i] = fn(i, p.all[i%len(p.all)]) })
	}
	wg.Wait()
	require.NoError(p.t, errors.Join(failed...))
}

// Sixteen placers in four processes do everything that can be done with room, in any
// order, while staff drains machines and changes capacities: nothing is ever over its
// capacity, nothing is counted that nobody has, nothing is placed on what takes nothing,
// each reservation ends once, and nobody waits in a circle.
func TestPlacersAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		for _, seed := range seeds(t, 2) {
			t.Run(named("seed", seed), func(t *testing.T) {
				k := alone(t, k)
				p := newPlacers(t, k, 4)
				p.fleet(6, 8, 120)
				p.atOnce(16, func(i int, m *provisioning.Manager) error {
					w := &worker{p: p, m: m, store: p.stores[i%len(p.stores)], rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
					for range 25 {
						if err := w.step(t.Context(), i); err != nil {
							return err
						}
					}
					return nil
				})
				p.sound()
				p.clock.Advance(time.Hour)
				p.atOnce(4, func(_ int, m *provisioning.Manager) error {
					_, err := m.ExpireReservations(t.Context())
					return err
				})
				p.sound()
				for r, err := range p.all[0].Reservations(t.Context(), provisioning.ReservationQuery{}) {
					require.NoError(t, err)
					require.NotEqual(t, provisioning.ReservationHeld, r.State, "its time is over")
				}
				noDeadlocks(t, k)
			})
		}
	})
}

// worker is one placer with what it has reserved.
type worker struct {
	p     *placers
	m     *provisioning.Manager
	store provisioning.Store
	rnd   *rand.Rand
	held  []provisioning.Reservation
	kept  []provisioning.Reservation
}

var errCharge = errors.New("the charge fails")

// step does one thing. That there is no room, that others were faster, and that a
// reservation is over are no failures.
func (w *worker) step(ctx context.Context, i int) error {
	pop := func(from *[]provisioning.Reservation) provisioning.Reservation {
		r := (*from)[0]
		*from = (*from)[1:]
		return r
	}
	var err error
	switch n := w.rnd.IntN(12); {
	case n < 4:
		err = w.reserve(ctx)
	case n == 4: // a signup whose charge fails
		held := len(w.held)
		err = w.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
			w.held = w.held[:held]
			inner := *w
			inner.m = w.m.In(tx)
			return errors.Join(inner.reserve(ctx), errCharge)
		})
		if errors.Is(err, errCharge) {
			err = nil
		}
	case n < 7 && len(w.held) > 0:
		var all []provisioning.Reservation
		if all, err = w.m.Commit(ctx, pop(&w.held).Ref()); err == nil {
			w.kept = append(w.kept, all...)
		}
	case n == 7 && len(w.held) > 0:
		_, err = w.m.Release(ctx, pop(&w.held).Ref())
	case n == 8 && len(w.kept) > 0:
		_, err = w.m.Free(ctx, pop(&w.kept).Ref())
	case n == 9 && len(w.kept) > 0:
		r := pop(&w.kept)
		var next provisioning.Reservation
		if next, err = w.m.Resize(ctx, r.Ref(), map[string]int64{"disk": w.rnd.Int64N(15)}); err == nil {
			r = next
		}
		w.kept = append(w.kept, r)
	case n == 10:
		w.p.clock.Advance(5 * time.Second)
		_, err = w.m.ExpireReservations(ctx)
	case n == 11 && i < 3:
		err = w.staff(ctx)
	}
	if errors.Is(err, provisioning.ErrNoCapacity) || errors.Is(err, provisioning.ErrFenced) || errors.Is(err, storage.ErrConflict) {
		return nil
	}
	return err
}

// reserve asks for a web account and a mailbox on one machine.
func (w *worker) reserve(ctx context.Context) error {
	got, err := w.m.Reserve(ctx, provisioning.ReserveRequest{Demands: []provisioning.Demand{
		{Name: "web", Group: "web", Amounts: map[string]int64{"disk": 1 + w.rnd.Int64N(9)}},
		{Name: "mail", Group: "mail", Amounts: map[string]int64{"disk": 1}, Rules: []placement.Rule{{Relation: placement.SameMachine, Requests: []string{"web"}}}},
	}})
	if err != nil {
		return err
	}
	if got.Reservations[0].Machine != got.Reservations[1].Machine {
		return fmt.Errorf("%s and %s are apart", got.Reservations[0].Server, got.Reservations[1].Server)
	}
	w.held = append(w.held, got.Reservations...)
	return nil
}

// staff drains a machine, or changes a capacity.
func (w *worker) staff(ctx context.Context) error {
	id := provisioning.MachineID(fmt.Sprint("m", w.rnd.IntN(6)))
	if w.rnd.IntN(2) == 0 {
		_, err := w.m.SetMachineStatus(ctx, id, []provisioning.Status{provisioning.StatusActive, provisioning.StatusDraining}[w.rnd.IntN(2)])
		return err
	}
	m, err := w.m.Machine(ctx, id)
	if err != nil {
		return err
	}
	m.Capacity = map[string]int64{"disk": 60 + w.rnd.Int64N(100), provisioning.DimensionServices: 10 + w.rnd.Int64N(10)}
	if _, err = w.m.PutMachine(ctx, m); errors.Is(err, provisioning.ErrInUse) || errors.Is(err, provisioning.ErrStale) {
		return nil
	}
	return err
}

// Nothing is placed on a machine once it was drained, whichever process has drained it.
func TestNothingIsPlacedOnADrainedMachine(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		p := newPlacers(t, k, 2)
		p.fleet(2, 1000, 1<<40)
		var drained atomic.Bool
		p.atOnce(8, func(i int, m *provisioning.Manager) error {
			for j := range 30 {
				if i == 0 && j == 10 {
					if _, err := m.SetMachineStatus(t.Context(), "m0", provisioning.StatusDraining); err != nil {
						return err
					}
					drained.Store(true)
				}
				before := drained.Load()
				got, err := m.Reserve(t.Context(), provisioning.ReserveRequest{Demands: []provisioning.Demand{{Group: "web"}}})
				if err != nil {
					return err
				}
				if before && got.Reservations[0].Machine == "m0" {
					return errors.New("placed on a machine that was drained before")
				}
			}
			return nil
		})
		p.sound()
	})
}

// Addresses on every store: sixteen takers, more owners than addresses.
func TestAddressesAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, k kind) {
		p := newPlacers(t, k, 4)
		p.fleet(1, 1, 1)
		const size, owners = 60, 96
		r, err := provisioning.ParseAddressRange(fmt.Sprintf("192.0.2.1-192.0.2.%d", size))
		require.NoError(t, err)
		for _, id := range []provisioning.PoolID{"p", "q"} { // which overlap
			_, err = p.all[0].PutPool(t.Context(), provisioning.Pool{
				ID: id, Server: "webm0", Kind: provisioning.AddressDedicated, Ranges: []provisioning.AddressRange{r},
			})
			require.NoError(t, err)
		}
		var mu sync.Mutex
		by := map[netip.Addr]string{}
		p.atOnce(16, func(i int, m *provisioning.Manager) error {
			for j := range owners / 8 { // each owner twice
				owner := fmt.Sprint((i*owners/8 + j) % owners)
				a, err := m.AllocateAddress(t.Context(), "webm0", provisioning.AddressDedicated, owner)
				if errors.Is(err, provisioning.ErrNoAddress) {
					continue
				}
				if err != nil {
					return err
				}
				mu.Lock()
				other, taken := by[a.Addr]
				by[a.Addr] = owner
				mu.Unlock()
				if taken && other != owner {
					return fmt.Errorf("%s and %s both have %s", owner, other, a.Addr)
				}
			}
			return nil
		})
		require.Len(t, by, size)
	})
}
