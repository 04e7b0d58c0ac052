package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
)

// Finish stops all faults, has everything worked on until nothing is left to do, and
// compares the services with the servers.
func (w *World) Finish(ctx context.Context) error {
	w.calm = true
	w.trace("the faults stop")
	w.site.SetLag(0)
	clear(w.sick)
	for _, on := range w.servers {
		w.site.SetDown(on, false)
		if _, err := w.front.SetServerStatus(ctx, on, provisioning.StatusActive); err != nil {
			return err
		}
	}
	w.site.Settle()
	p, err := w.process("last")
	if err != nil {
		return err
	}
	// The first sweep finds what lost answers and vandals have left, the second nothing.
	for sweep := range 3 {
		if err := w.work(ctx, p); err != nil {
			return err
		}
		w.clock.Advance(time.Second) // what was seen at this very moment is not looked at
		got, err := p.Reconcile(ctx, provisioning.ReconcileRequest{Fix: true, RemoveOrphans: true, Deep: true})
		if err != nil {
			return err
		}
		if len(got.Skipped) > 0 {
			return fmt.Errorf("servers were skipped: %v", got.Skipped)
		}
		w.trace("sweep %d finds %+v", sweep, got.Findings)
		woken := 0
		// Where nothing happens that nobody is told of, and reads tell what is there, nothing
		// is left for a sweep.
		told := w.swarm.lag == 0 && !w.swarm.late && !w.swarm.vandals && !w.swarm.deaths && w.swarm.store == 0
		for _, f := range got.Findings {
			if told && f.Kind != provisioning.FoundForeign && f.Kind != provisioning.FoundTaken {
				return fmt.Errorf("only the sweep has noticed %+v", f)
			}
			if f.Woken {
				woken++
			} else if f.Kind != provisioning.FoundForeign && !w.excused(ctx, f) {
				return fmt.Errorf("nobody cares for %+v", f)
			}
		}
		if woken == 0 {
			break
		}
		if sweep == 2 {
			return fmt.Errorf("a third sweep still finds something: %+v", got.Findings)
		}
	}
	if err := w.work(ctx, p); err != nil {
		return err
	}
	faults, err := p.VerifyRoom(ctx)
	if len(faults) > 0 {
		return fmt.Errorf("loads are not what is reserved: %+v", faults)
	}
	return errors.Join(err, w.Check(ctx), w.compare(ctx, p), w.events(ctx))
}

// excused reports whether a finding may stay: what a parked service has left waits for a
// decision, and a living service's thing elsewhere is never removed.
func (w *World) excused(ctx context.Context, f provisioning.Finding) bool {
	if f.Kind == provisioning.FoundTaken {
		return true
	}
	s, err := w.front.Service(ctx, f.Service)
	return err == nil && f.Kind == provisioning.FoundOrphan && s.Phase != provisioning.PhaseRemoved &&
		(w.swarm.late || w.swarm.vandals || w.unheard[s.ID] || s.Phase == provisioning.PhaseParked)
}

// squatted reports whether a server that was restored from a backup has, in the place of a
// service, what another one had there before it: [provisioning.FoundTaken].
func (w *World) squatted(s *provisioning.Service) bool {
	t, there := w.site.Thing(s.Server, s.Kind, s.Name)
	return there && t.Owner != "" && t.Owner != s.ID && w.Stats["restored"] > 0
}

// work has one worker do all there is, as time passes. It ends when all that is left
// waits for room, and has looked for it since anything else was done.
func (w *World) work(ctx context.Context, p *process) error {
	var stuck time.Time // since when there is nothing but those
	for i := 0; ; i++ {
		if i > 5_000 {
			return errors.New("the work does not end")
		}
		worked, err := p.Step(ctx)
		if err != nil {
			return fmt.Errorf("without faults: %w", err)
		}
		if worked {
			continue
		}
		if err := w.Check(ctx); err != nil {
			return err
		}
		waiting, oldest, err := w.waiting(ctx)
		if err != nil {
			return err
		}
		switch {
		case !waiting:
			stuck = time.Time{}
		case stuck.IsZero():
			stuck = w.clock.Now()
		case oldest.After(stuck):
			return nil
		}
		next, err := p.NextDue(ctx)
		if err != nil {
			return err
		}
		if next.IsZero() {
			return nil
		}
		w.clock.Set(next)
	}
}

// waiting reports whether all that is due at any time waits for room, and which of it was
// tried longest ago.
func (w *World) waiting(ctx context.Context) (waiting bool, oldest time.Time, err error) {
	all, err := w.all(ctx)
	for _, s := range all {
		switch {
		case s.Due.IsZero():
		case s.Phase != provisioning.PhasePending || s.Failure == nil:
			return false, oldest, err
		case oldest.IsZero() || s.Failure.At.Before(oldest):
			oldest = s.Failure.At
		}
	}
	return !oldest.IsZero(), oldest, err
}

// compare looks at what must hold when nothing is left to do.
func (w *World) compare(ctx context.Context, p *process) error {
	all, err := w.all(ctx)
	if err != nil {
		return err
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	referenced := map[provisioning.ReservationID]provisioning.ServiceID{}
	chains := map[provisioning.ChainID]provisioning.Chain{}
	for c, err := range p.Chains(ctx, "") {
		if err != nil {
			return err
		}
		chains[c.ID] = c
	}
	for _, s := range all {
		w.Stats["end "+string(s.Phase)]++
		for r := range room(&s) {
			if other, twice := referenced[r.ID]; twice && r.ID != "" {
				fail("reservation %s is held by %s and %s", r.ID, other, s.ID)
			}
			referenced[r.ID] = s.ID
		}
		on := w.where(s.ID)
		switch s.Phase {
		case provisioning.PhaseActive, provisioning.PhaseSuspended:
			t, there := w.site.Thing(s.Server, s.Kind, s.Name)
			if w.squatted(&s) {
				break // by what a backup has brought back: the sweep tells, staff decides
			}
			if !there || t.Owner != s.ID || t.Partial || t.Suspended != (s.Phase == provisioning.PhaseSuspended) {
				fail("%s is %s, and on %s is %+v", s.ID, s.Phase, s.Server, t)
			}
			if want := fmt.Sprintf(`{"plan":"%s","quota":%d}`, t.Plan, t.Quota); string(s.Spec) != want {
				fail("%s should be %s and is %s", s.ID, s.Spec, want)
			}
			if len(s.Password) > 0 {
				plain, err := w.opt.Sealer.Open(ctx, s.Password, "service/"+string(s.ID)+"/password")
				// A server that is restored has the old password, which nobody can see; and what
				// vanishes between a read and the change that follows it is made again without
				// one: see docs/provisioning.md.
				if err != nil || string(plain) != t.Password && !w.unsure[s.ID] {
					fail("%s has the password %q, want %q (%v)", s.ID, t.Password, plain, err)
				}
			}
			if len(on) != 1 && !w.swarm.late && !w.swarm.vandals && !w.unheard[s.ID] {
				fail("%s is on %v", s.ID, on)
			}
			if r, err := w.front.Reservation(ctx, s.Reservation.ID); err != nil || !maps.Equal(r.Amounts, s.Demand.Amounts) || s.Oversized {
				fail("%s should take %v and takes %v (%v)", s.ID, s.Demand.Amounts, r.Amounts, err)
			}
			if s.Lease.Token != "" || s.Operation != nil || len(s.Leftovers) > 0 || s.Recheck {
				fail("%s is %s and not at rest: %+v", s.ID, s.Phase, s)
			}
		case provisioning.PhaseRemoved:
			squats := slices.ContainsFunc(all, func(o provisioning.Service) bool {
				return o.Kind == s.Kind && o.Name == s.Name && slices.Contains(on, o.Server) && w.squatted(&o)
			})
			if len(on) > 0 && !squats {
				fail("%s is removed and on %v", s.ID, on)
			}
		case provisioning.PhaseParked:
			w.Stats["parked "+s.Parked.Reason]++
			if s.Parked.Text == "" {
				fail("%s is parked without a word", s.ID)
			}
			for _, server := range on {
				if !known(&s, server) && !w.swarm.late && !w.swarm.vandals && !w.unheard[s.ID] {
					fail("%s is parked, and has something on %s that nobody knows of", s.ID, server)
				}
			}
		case provisioning.PhasePending:
			c := chains[s.Chain]
			switch {
			case s.Waiting && (c.State == provisioning.ChainParked || c.State == provisioning.ChainBuilding): // for the others
			case s.Failure != nil && (s.Failure.Code == "no_capacity" || s.Failure.Code == "name_taken") && !w.fits(ctx, &s, all):
			default:
				fail("%s is pending for no reason; its order is %s: %+v", s.ID, c.State, s.Failure)
			}
		default:
			fail("%s stays %s: %+v", s.ID, s.Phase, s.Failure)
		}
	}
	delete(referenced, "")
	errs = append(errs, w.reservations(ctx, referenced)...)
	errs = append(errs, w.orders(chains, all)...)
	return errors.Join(errs...)
}

// fits reports whether there is a place for a service, and for whoever of its order has
// none either: looked at one by one, so it may say no wrongly, never yes, unless two of
// them want the same.
func (w *World) fits(ctx context.Context, s *provisioning.Service, all []provisioning.Service) bool {
	alone := true
	used := map[provisioning.ServerID]int64{}
	for _, x := range all {
		alone = alone && (x.ID == s.ID || x.Chain != s.Chain || x.Server != "" || x.Desired() == provisioning.DesiredRemoved)
		for _, c := range x.Claims() {
			if c.Kind == s.Kind {
				used[c.Server]++
				if c.Name == s.Name {
					used[c.Server] += 1000
				}
			}
		}
		for _, l := range x.Leftovers {
			if l.Reservation.ID != "" {
				used[l.Server]++
			}
			if x.ID == s.ID {
				used[l.Server] += 1000
			}
		}
	}
	if !alone {
		return false
	}
	for server, capacity := range w.capacity {
		if strings.HasPrefix(string(server), string(s.Kind)) && used[server] < capacity && w.disk(ctx, server) >= s.Demand.Amounts["disk"] {
			return true
		}
	}
	return false
}

// disk is how much a server has left.
func (w *World) disk(ctx context.Context, on provisioning.ServerID) int64 {
	loads, err := w.front.ServerLoads(ctx, on)
	if err != nil {
		w.breach("the loads of %s: %v", on, err)
	}
	for _, l := range loads {
		if l.Dimension == "disk" {
			return l.Capacity - l.Used
		}
	}
	return 0
}

// events looks at what was told, and counts it.
func (w *World) events(ctx context.Context) error {
	_, err := storage.Drain(ctx, w.inner, func(_ context.Context, e storage.Event) error {
		w.Stats["event "+e.Type]++
		if bytes.Contains(e.Data, []byte(canary)) {
			return fmt.Errorf("an event shows a password: %s", e.Data)
		}
		_, err := provisioning.DecodeEvent(e)
		return err
	}, storage.DrainOptions{Clock: w.clock})
	return err
}

// where are the servers that have something of a service.
func (w *World) where(id provisioning.ServiceID) (on []provisioning.ServerID) {
	for _, server := range w.servers {
		if slices.ContainsFunc(w.site.Things(server), func(t fake.Thing) bool { return t.Owner == id }) {
			on = append(on, server)
		}
	}
	return on
}

// reservations looks whether room is taken exactly for the services that use it.
func (w *World) reservations(ctx context.Context, referenced map[provisioning.ReservationID]provisioning.ServiceID) (errs []error) {
	for r, err := range w.front.Reservations(ctx, provisioning.ReservationQuery{State: provisioning.ReservationCommitted}) {
		if err != nil {
			return []error{err}
		}
		if _, used := referenced[r.ID]; !used {
			errs = append(errs, fmt.Errorf("reservation %s on %s is of nobody", r.ID, r.Server))
		}
		delete(referenced, r.ID)
	}
	for id, s := range referenced {
		errs = append(errs, fmt.Errorf("%s relies on reservation %s, which is not committed", s, id))
	}
	return errs
}

// orders looks whether the orders tell what has become of their services.
func (w *World) orders(chains map[provisioning.ChainID]provisioning.Chain, all []provisioning.Service) (errs []error) {
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	byID := map[provisioning.ServiceID]provisioning.Service{}
	for _, s := range all {
		byID[s.ID] = s
	}
	for _, c := range chains {
		w.Stats["chain "+string(c.State)]++
		left := 0
		for _, id := range c.Services {
			if s := byID[id]; s.Phase != provisioning.PhaseRemoved {
				left++
			}
		}
		switch c.State {
		case provisioning.ChainUndone:
			if left > 0 {
				fail("order %s is undone, and %d of its services are not removed", c.ID, left)
			}
		case provisioning.ChainUndoing:
			fail("order %s stays undoing", c.ID)
		case provisioning.ChainParked:
			if c.Failed == "" || c.Reason == "" {
				fail("order %s is parked without a reason", c.ID)
			}
			if c.OnFailure == provisioning.Undo {
				var want []provisioning.ServiceID
				for _, id := range c.Services {
					if byID[id].Phase != provisioning.PhaseRemoved {
						want = append(want, id)
					}
				}
				if !slices.Equal(want, c.Leftovers) {
					fail("order %s says that %v is left over, and it is %v", c.ID, c.Leftovers, want)
				}
			}
		case provisioning.ChainBuilding:
			if s := byID[c.Services[c.At]]; s.Phase != provisioning.PhasePending {
				fail("order %s stays building, though %s is %s", c.ID, s.ID, s.Phase)
			}
		}
	}
	return errs
}
