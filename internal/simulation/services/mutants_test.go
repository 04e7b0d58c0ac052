package services_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/simulation/histories"
	"github.com/tierhost/tierhost/internal/simulation/services"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// mutantStore is a store whose rows do something else.
type mutantStore struct {
	provisioning.Store
	rows func(r provisioning.Rows) provisioning.Rows
}

func (s mutantStore) Provisioning(tx storage.Tx) (provisioning.Rows, error) {
	r, err := s.Store.Provisioning(tx)
	if err != nil {
		return nil, err
	}
	return s.rows(r), nil
}

func onRows(f func(r provisioning.Rows) provisioning.Rows) func(provisioning.Store) provisioning.Store {
	return func(st provisioning.Store) provisioning.Store { return mutantStore{st, f} }
}

// writes changes services as they are written.
type writes struct {
	provisioning.Rows
	change func(s *provisioning.Service)
}

func (r writes) PutServices(ctx context.Context, all []provisioning.Service) error {
	all = slices.Clone(all)
	for i := range all {
		all[i] = all[i].Clone()
		r.change(&all[i])
	}
	return r.Rows.PutServices(ctx, all)
}

func writing(change func(s *provisioning.Service)) func(provisioning.Store) provisioning.Store {
	return onRows(func(r provisioning.Rows) provisioning.Rows { return writes{r, change} })
}

// noGates knows of no calls under way.
type noGates struct{ provisioning.Rows }

func (noGates) Gates(context.Context, time.Time, provisioning.ServerID, int) ([]provisioning.Gate, error) {
	return nil, nil
}

func (r noGates) LockGate(ctx context.Context, on provisioning.ServerID) (provisioning.Gate, error) {
	_, err := r.Rows.LockGate(ctx, on)
	return provisioning.Gate{Server: on}, err
}

// noLeases gives out what somebody has leased.
type noLeases struct{ provisioning.Rows }

func (r noLeases) DueServices(ctx context.Context, now time.Time, except []provisioning.ServerID, limit int) ([]provisioning.Service, error) {
	found, err := r.Rows.DueServices(ctx, now.Add(2*time.Minute), except, 1000)
	found = slices.DeleteFunc(found, func(s provisioning.Service) bool { return s.Due.After(now) })
	return found[:min(len(found), limit)], err
}

// roomy believes that servers hold more than they do.
type roomy struct{ provisioning.Rows }

func (r roomy) PutRoom(ctx context.Context, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time) error {
	capacity = maps.Clone(capacity)
	for dimension := range capacity {
		capacity[dimension] += 5
	}
	return r.Rows.PutRoom(ctx, of, version, capacity, at)
}

func (r roomy) PutServer(ctx context.Context, s provisioning.Server) error {
	s = s.Clone()
	for dimension := range s.Capacity {
		s.Capacity[dimension] += 5
	}
	return r.Rows.PutServer(ctx, s)
}

// noRelease forgets to give room back.
type noRelease struct{ provisioning.Rows }

func (r noRelease) ChangeLoads(ctx context.Context, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
	b.Changes = slices.Clone(b.Changes)
	for i := range b.Changes {
		b.Changes[i].By = max(b.Changes[i].By, 0)
	}
	return r.Rows.ChangeLoads(ctx, b)
}

// elsewhere makes things on another server when it is asked again.
type elsewhere struct{ *fake.Driver }

func (d elsewhere) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	o, err := d.Driver.Ensure(ctx, c)
	if err != nil {
		c.Server.Server = provisioning.ServerID(c.Server.Kind) + "1"
		return d.Driver.Ensure(ctx, c)
	}
	return o, err
}

// blind says that everything is as it is wanted.
type blind struct{ *fake.Driver }

func (d blind) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	o, err := d.Driver.Read(ctx, c)
	if err == nil && (o.Owner == "" || o.Owner == c.Service.ID) {
		o.Owner, o.Matches = c.Service.ID, true
		if o.Presence == provisioning.Absent || o.Presence == provisioning.Partial {
			o.Presence = provisioning.Present
		}
	}
	return o, err
}

// trusting believes of a suspension that has succeeded that the thing is suspended.
type trusting struct {
	*fake.Driver
	suspended map[string]bool // by server and service
}

func (d trusting) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	o, err := d.Driver.Suspend(ctx, c)
	d.suspended[string(c.Server.Server)+" "+string(c.Service.ID)] = err == nil
	return o, err
}

func (d trusting) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	o, err := d.Driver.Read(ctx, c)
	of := string(c.Server.Server) + " " + string(c.Service.ID)
	if err == nil && d.suspended[of] && o.Presence == provisioning.Present {
		o.Presence = provisioning.Suspended
	}
	delete(d.suspended, of)
	return o, err
}

// deaf is a store in which a call that comes back late changes nothing.
type deaf struct {
	provisioning.Store
	before map[provisioning.ServiceID]provisioning.Service // the last write of each
}

func (s deaf) Provisioning(tx storage.Tx) (provisioning.Rows, error) {
	rows, err := s.Store.Provisioning(tx)
	return deafRows{rows, s}, err
}

func (s deaf) Outbox(tx storage.Tx) (storage.Outbox, error) {
	outbox, err := s.Store.Outbox(tx)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Provisioning(tx)
	return deafOutbox{outbox, rows, s}, err
}

type deafRows struct {
	provisioning.Rows
	store deaf
}

func (r deafRows) PutServices(ctx context.Context, all []provisioning.Service) error {
	for _, s := range all {
		old, err := r.Rows.Services(ctx, []provisioning.ServiceID{s.ID})
		if err != nil {
			return err
		}
		delete(r.store.before, s.ID)
		if len(old) > 0 {
			r.store.before[s.ID] = old[0]
		}
	}
	return r.Rows.PutServices(ctx, all)
}

type deafOutbox struct {
	storage.Outbox
	rows  provisioning.Rows
	store deaf
}

func (o deafOutbox) Append(ctx context.Context, events []*storage.Event) error {
	for _, e := range events {
		d, err := provisioning.DecodeEvent(*e)
		if err != nil {
			return err
		}
		late, is := d.(provisioning.LateOutcome)
		if !is {
			continue
		}
		now, err := o.rows.Services(ctx, []provisioning.ServiceID{late.Service})
		if err != nil {
			return err
		}
		old := o.store.before[late.Service]
		old.Version = now[0].Version + 1
		if err := o.rows.PutServices(ctx, []provisioning.Service{old}); err != nil {
			return err
		}
	}
	return o.Outbox.Append(ctx, events)
}

// ruthless takes the names of others. (One that removes what is of others on request is
// not asked to: a name that was taken is not the service's to remove.)
type ruthless struct{ *fake.Driver }

func (d ruthless) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	o, err := d.Driver.Ensure(ctx, c)
	if tierhost.KindOf(err) == tierhost.KindExists {
		d.Delete(c.Server.Server, c.Service.Kind, c.Service.Name)
		return d.Driver.Ensure(ctx, c)
	}
	return o, err
}

// careless forgets passwords.
type careless struct{ *fake.Driver }

func (d careless) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	var none provisioning.Call
	c.Password = none.Password
	return d.Driver.Ensure(ctx, c)
}

// plain seals nothing.
type plain struct{}

func (plain) Seal(_ context.Context, text []byte, _ string) ([]byte, error)   { return text, nil }
func (plain) Open(_ context.Context, sealed []byte, _ string) ([]byte, error) { return sealed, nil }

// Each thing that the simulation is there to notice is noticed, and for that reason.
func TestFaultsAreNoticed(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name   string
		change func(o *services.Options)
		seeds  uint64   // within which it has to be noticed
		want   []string // any of them
	}{
		{"made on another server at the second try", func(o *services.Options) {
			o.Driver = func(d *fake.Driver) provisioning.Driver { return elsewhere{d} }
		}, 20, []string{"that nobody knows of"}},
		{"leftovers are forgotten", func(o *services.Options) {
			o.Store = writing(func(s *provisioning.Service) { s.Leftovers = nil })
		}, 20, []string{"that nobody knows of", "is of nobody"}},
		{"the server is forgotten when a service is removed", func(o *services.Options) {
			o.Store = writing(func(s *provisioning.Service) {
				if s.Removal != nil && s.Removal.Begun {
					s.Server, s.Phase, s.Due, s.Queue, s.Operation = "", provisioning.PhaseRemoved, time.Time{}, "", nil
					s.Reservation = provisioning.ReservationRef{}
				}
			})
		}, 20, []string{"is removed and on", "that nobody knows of"}},
		{"leases are ignored", func(o *services.Options) {
			o.Store = onRows(func(r provisioning.Rows) provisioning.Rows { return noLeases{r} })
		}, 50, []string{" is called for "}},
		{"calls under way are not counted", func(o *services.Options) {
			o.Store = onRows(func(r provisioning.Rows) provisioning.Rows { return noGates{r} })
		}, 200, []string{"calls at once on"}},
		{"what succeeded is not looked at", func(o *services.Options) {
			o.Driver = func(d *fake.Driver) provisioning.Driver { return blind{d} }
		}, 20, []string{"should be", ", and on ", ", and has room for "}},
		{"servers hold more than they may", func(o *services.Options) {
			o.Store = onRows(func(r provisioning.Rows) provisioning.Rows { return roomy{r} })
		}, 20, []string{"services have room on"}},
		{"room is not given back", func(o *services.Options) {
			o.Store = onRows(func(r provisioning.Rows) provisioning.Rows { return noRelease{r} })
		}, 20, []string{"loads are not what is reserved"}},
		{"what is of others is taken", func(o *services.Options) {
			o.Driver = func(d *fake.Driver) provisioning.Driver { return ruthless{d} }
		}, 200, []string{"somebody else's"}},
		{"passwords are not set", func(o *services.Options) {
			o.Driver = func(d *fake.Driver) provisioning.Driver { return careless{d} }
		}, 20, []string{"has the password"}},
		{"passwords are not sealed", func(o *services.Options) { o.Sealer = plain{} }, 20, []string{"shows its password"}},
		{"suspensions are forgotten", func(o *services.Options) {
			o.Store = writing(func(s *provisioning.Service) {
				if s.Phase == provisioning.PhaseSuspending {
					s.Phase, s.Due, s.Queue = provisioning.PhaseSuspended, time.Time{}, ""
				}
			})
		}, 20, []string{"is suspended, and on"}},
		{"suspensions are not looked at", func(o *services.Options) {
			suspended := map[string]bool{} // whichever worker looks
			o.Driver = func(d *fake.Driver) provisioning.Driver { return trusting{d, suspended} }
		}, 200, []string{"is suspended, and on", "only the sweep has noticed", "still finds something"}},
		{"what comes late is ignored", func(o *services.Options) {
			o.Store = func(st provisioning.Store) provisioning.Store {
				return deaf{st, map[provisioning.ServiceID]provisioning.Service{}}
			}
		}, 200, []string{"only the sweep has noticed", "that nobody knows of", "has the password"}},
		{"room that is too large is forgotten", func(o *services.Options) {
			o.Store = writing(func(s *provisioning.Service) { s.Oversized = false })
		}, 20, []string{"should take"}},
		{"what was under way is not looked at", func(o *services.Options) {
			o.Store = writing(func(s *provisioning.Service) { s.Recheck = false })
		}, 50, []string{"still finds something", "is active, and on"}},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			ring := histories.Keyring(t)
			for seed := uint64(1); seed <= m.seeds; seed++ {
				o := services.Options{Seed: seed, Sealer: ring}
				m.change(&o)
				_, err := simulate(t, memory.New(), o)
				if err == nil {
					continue
				}
				require.True(t, slices.ContainsFunc(m.want, func(w string) bool { return strings.Contains(err.Error(), w) }),
					"seed %d: %v is none of %q", seed, err, m.want)
				t.Logf("noticed with seed %d: %.150s", seed, err.Error())
				return
			}
			t.Fatalf("not noticed within %d seeds", m.seeds)
		})
	}
}
