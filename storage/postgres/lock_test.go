package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
)

// locking is a store that tells when room is changed, and counts deadlocks.
type locking struct {
	*postgres.Store
	before, after func() // of the first change of room
	deadlocks     *atomic.Int32
}

func (s locking) Provisioning(tx storage.Tx) (provisioning.Rows, error) {
	rows, err := s.Store.Provisioning(tx)
	return lockingRows{rows, s}, err
}

type lockingRows struct {
	provisioning.Rows
	store locking
}

func (r lockingRows) seen(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "40P01" {
		r.store.deadlocks.Add(1)
	}
	return err
}

func (r lockingRows) ChangeLoads(ctx context.Context, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
	r.store.before()
	b.Final = false
	got, err := r.Rows.ChangeLoads(ctx, b)
	r.store.after()
	return got, r.seen(err)
}

func (r lockingRows) PutServices(ctx context.Context, all []provisioning.Service) error {
	return r.seen(r.Rows.PutServices(ctx, all))
}

func (r lockingRows) LockGate(ctx context.Context, on provisioning.ServerID) (provisioning.Gate, error) {
	g, err := r.Rows.LockGate(ctx, on)
	return g, r.seen(err)
}

// rivals are two managers on one schema, the first of which tells when it changes room,
// with the servers s1 and s2.
type rivals struct {
	*provisioning.Manager
	rival locking
	pool  *pgxpool.Pool // of the rival
}

func newRivals(t *testing.T, before, after func()) *rivals {
	t.Helper()
	dsn, schema := lent(t)
	conf, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	conf.ConnConfig.RuntimeParams["application_name"] = schema
	pool, err := pgxpool.NewWithConfig(t.Context(), conf)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := reopen(t, dsn, postgres.Options{Schema: schema})
	other, err := postgres.New(pool, postgres.Options{Schema: schema})
	require.NoError(t, err)
	met := &atomic.Int32{}
	none := func() {}
	r := &rivals{rival: locking{other, none, none, met}, pool: pool}
	d := fake.New(fake.Options{})
	r.Manager, err = provisioning.New(locking{s, before, after, met}, provisioning.Options{Drivers: map[string]provisioning.Driver{"": d}})
	require.NoError(t, err)
	twoServersOf(t, r.Manager)
	return r
}

// crossing is a rival that writes a row and then changes room, while the manager, which has
// changed room, is held until the rival has the row or waits for it.
type crossing struct {
	*rivals
	armed               atomic.Bool
	taken, putting, put chan struct{}
	over                chan error
}

func newCrossing(t *testing.T) (*rivals, *crossing) {
	t.Helper()
	c := &crossing{taken: make(chan struct{}), putting: make(chan struct{}), put: make(chan struct{}), over: make(chan error, 1)}
	var once sync.Once
	c.rivals = newRivals(t, func() {}, func() {
		if !c.armed.Load() {
			return
		}
		once.Do(func() {
			close(c.taken)
			<-c.putting
			for !c.stuck(context.WithoutCancel(t.Context())) {
				select {
				case <-c.put:
					return
				default:
				}
			}
		})
	})
	return c.rivals, c
}

// meet has the rival do what row returns, and then change room, once the manager has changed
// room.
func (c *crossing) meet(t *testing.T, row func(ctx context.Context, rows provisioning.Rows) (func() error, error), then provisioning.LoadBatch) {
	c.armed.Store(true)
	go func() {
		<-c.taken
		var first, second sync.Once
		c.over <- c.update(t.Context(), func(ctx context.Context, rows provisioning.Rows) error {
			write, err := row(ctx, rows)
			first.Do(func() { close(c.putting) })
			if err != nil {
				return err
			}
			err = write()
			second.Do(func() { close(c.put) })
			if err == nil {
				_, err = rows.ChangeLoads(ctx, then)
			}
			return err
		})
	}()
}

// end is how it went for the rival.
func (c *crossing) end() error { return <-c.over }

// update runs fn in a transaction of the rival's.
func (r *rivals) update(ctx context.Context, fn func(ctx context.Context, rows provisioning.Rows) error) error {
	return r.rival.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := r.rival.Provisioning(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

// stuck reports whether the rival waits for a lock.
func (r *rivals) stuck(ctx context.Context) (is bool) {
	err := r.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock')`,
		r.pool.Config().ConnConfig.RuntimeParams["application_name"]).Scan(&is)
	return is && err == nil
}

// loadsOf are the changes by which a service more is on a server and its machine.
func loadsOf(server provisioning.ServerID, machine provisioning.MachineID) provisioning.LoadBatch {
	return provisioning.LoadBatch{At: time.Now(), Changes: []provisioning.LoadChange{
		{LoadKey: provisioning.LoadKey{Machine: machine, Dimension: provisioning.DimensionServices}, By: 1},
		{LoadKey: provisioning.LoadKey{Server: server, Dimension: provisioning.DimensionServices}, By: 1},
	}}
}

func orderOn(on provisioning.ServerID, name string) provisioning.Order {
	return provisioning.Order{Seller: "host", Account: "a", Wait: true, Services: []provisioning.OrderedService{
		{Kind: "web", Name: name, Demand: provisioning.Demand{Server: on}},
	}}
}

// A worker that passes a server by and then places a service on another does not wait for
// one that gives room back and then the slot of its call.
func TestGatesAreLockedAfterRoom(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	var once sync.Once
	at, loaded := make(chan struct{}), make(chan struct{})
	r := newRivals(t, func() {
		if armed.Load() {
			once.Do(func() { close(at) })
			<-loaded
		}
	}, func() {})
	ctx := t.Context()
	_, err := r.Order(ctx, orderOn("s1", "passed"))
	require.NoError(t, err)
	full, err := r.Server(ctx, "s2")
	require.NoError(t, err)
	full.Capacity = map[string]int64{provisioning.DimensionServices: 0}
	full, err = r.PutServer(ctx, full)
	require.NoError(t, err)
	got, err := r.Order(ctx, orderOn("s2", "placed"))
	require.NoError(t, err)
	require.Equal(t, provisioning.PhasePending, got.Services[0].Phase)
	full.Capacity = map[string]int64{provisioning.DimensionServices: 5}
	_, err = r.PutServer(ctx, full)
	require.NoError(t, err)
	_, err = r.SetServerStatus(ctx, "s1", provisioning.StatusDown)
	require.NoError(t, err)

	armed.Store(true)
	var running sync.WaitGroup
	running.Go(func() {
		<-at
		var told sync.Once
		err := r.update(ctx, func(ctx context.Context, rows provisioning.Rows) error {
			if _, err := rows.ChangeLoads(ctx, loadsOf("s2", "m2")); err != nil {
				return err
			}
			told.Do(func() { close(loaded) })
			_, err := rows.LockGate(ctx, "s1")
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	worked, err := r.Step(ctx)
	running.Wait()
	require.NoError(t, err)
	require.True(t, worked)
	s, err := r.Service(ctx, got.Services[0].ID)
	require.NoError(t, err)
	require.Equal(t, provisioning.ServerID("s2"), s.Server)
	require.Zero(t, r.rival.deadlocks.Load())
}

// A move takes room for a service, and does not wait for a worker who writes the service
// and then gives room back.
func TestServicesAreLockedBeforeRoom(t *testing.T) {
	t.Parallel()
	r, crossing := newCrossing(t)
	ctx := t.Context()
	got, err := r.Order(ctx, orderOn("s1", "shop"))
	require.NoError(t, err)
	id := got.Services[0].ID
	for worked := true; worked; {
		worked, err = r.Step(ctx)
		require.NoError(t, err)
	}
	crossing.meet(t, func(ctx context.Context, rows provisioning.Rows) (func() error, error) {
		all, err := rows.Services(ctx, []provisioning.ServiceID{id})
		if err != nil {
			return nil, err
		}
		all[0].Version++
		return func() error { return rows.PutServices(ctx, all) }, nil
	}, loadsOf("s2", "m2"))
	s, err := r.Move(ctx, provisioning.MoveRequest{Service: id, To: "s2"})
	require.NoError(t, err)
	require.NoError(t, crossing.end())
	require.Equal(t, provisioning.ServerID("s2"), s.Move.To)
	require.Zero(t, r.rival.deadlocks.Load())
}

// A transaction of the host's that was refused one place and tries another does not hold
// the first: two that are refused what the other has tried would wait for each other.
func TestRefusedPlacesAreNotHeld(t *testing.T) {
	t.Parallel()
	none := func() {}
	r := newRivals(t, none, none)
	reserving := func(id string, batch provisioning.LoadBatch, version int64) provisioning.LoadBatch {
		for i := range batch.Changes {
			batch.Changes[i].Version = version
		}
		batch.Reservations = []provisioning.Reservation{{
			ID: provisioning.ReservationID(id), Token: 1, Turned: 1, State: provisioning.ReservationHeld, Made: batch.At, Expires: batch.At.Add(time.Hour),
		}}
		return batch
	}
	err := r.update(t.Context(), func(ctx context.Context, rows provisioning.Rows) error {
		refused, err := rows.ChangeLoads(ctx, reserving("r1", loadsOf("s1", "m1"), 99))
		if err != nil || refused.Done {
			return fmt.Errorf("%v, %w", refused.Done, err)
		}
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		m, err := r.Reserve(ctx, provisioning.ReserveRequest{Demands: []provisioning.Demand{{Group: "web", Server: "s1"}}})
		if err != nil {
			return fmt.Errorf("another waits for what was refused: %w", err)
		}
		if _, err := r.Release(ctx, m.Reservations[0].Ref()); err != nil {
			return err
		}
		got, err := rows.ChangeLoads(ctx, reserving("r1", loadsOf("s1", "m1"), 0))
		if err == nil && !got.Done {
			err = errors.New("refused again")
		}
		return err
	})
	require.NoError(t, err)
	loads, err := r.ServerLoads(t.Context(), "s1")
	require.NoError(t, err)
	require.Equal(t, int64(1), loads[0].Used)
}

// Whoever changes what a reservation takes does not wait for one who ends it and then
// frees its room.
func TestReservationsAreLockedBeforeRoom(t *testing.T) {
	t.Parallel()
	r, crossing := newCrossing(t)
	ctx := t.Context()
	got, err := r.Reserve(ctx, provisioning.ReserveRequest{Demands: []provisioning.Demand{{Group: "web", Server: "s1"}}})
	require.NoError(t, err)
	held := got.Reservations[0]
	crossing.meet(t, func(ctx context.Context, rows provisioning.Rows) (func() error, error) {
		ended := held.Clone()
		ended.State, ended.Token = provisioning.ReservationReleased, held.Token+1
		return func() error { return rows.PutReservations(ctx, []provisioning.Reservation{ended}) }, nil
	}, loadsOf("s1", "m1"))
	_, err = r.Resize(ctx, held.Ref(), map[string]int64{"disk": 3})
	require.NoError(t, err)
	if err := crossing.end(); !errors.Is(err, storage.ErrConflict) {
		require.NoError(t, err)
	}
	require.Zero(t, r.rival.deadlocks.Load())
}
