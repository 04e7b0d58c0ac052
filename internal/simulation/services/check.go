package services

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// Check looks at what must hold at every moment.
func (w *World) Check(ctx context.Context) error {
	if len(w.broken) > 0 {
		return errors.New(w.broken[0])
	}
	if w.checked == w.happened {
		return nil
	}
	w.checked = w.happened
	all, err := w.all(ctx)
	if err != nil {
		return err
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	byID := map[provisioning.ServiceID]provisioning.Service{}
	for _, s := range all {
		byID[s.ID] = s
		if w.versions[s.ID] == s.Version {
			continue
		}
		w.versions[s.ID] = s.Version
		if w.opt.Trace != nil {
			w.trace("  %s %s %s on %q: %s", s.ID, s.Kind, s.Phase, s.Server, brief(&s))
		}
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if bytes.Contains(text, []byte(canary)) || bytes.Contains(s.Password, []byte(canary)) {
			fail("%s shows its password", s.ID)
		}
		if s.Phase == provisioning.PhaseParked && s.Parked.Reason == "" {
			fail("%s is parked without a reason", s.ID)
		}
		if s.Phase == provisioning.PhaseParked && (s.Parked.Reason == provisioning.ParkInternal || s.Parked.Reason == provisioning.ParkNoDriver) {
			fail("%s is parked: %s", s.ID, s.Parked.Text)
		}
	}
	for _, on := range w.servers {
		for _, t := range w.site.Things(on) {
			s, ours := byID[t.Owner]
			switch {
			case !ours && t.Owner != "":
				fail("a thing %s on %s is of an unknown service %s", t.Name, on, t.Owner)
			case ours && !w.swarm.late && !w.swarm.vandals && !w.unheard[s.ID] && !known(&s, on):
				fail("%s (%s, on %q) has a thing on %s that nobody knows of", s.ID, s.Phase, s.Server, on)
			case ours && t.Password != "" && !strings.HasPrefix(t.Password, canary):
				fail("%s has the password %q", t.Name, t.Password)
			}
		}
	}
	for _, s := range all {
		// Who was told that it works has something that works, whatever is being done.
		if (s.Phase == provisioning.PhaseActive || s.Phase == provisioning.PhaseMoving || s.Phase == provisioning.PhaseChanging) &&
			!w.swarm.late && !w.swarm.vandals && !w.unheard[s.ID] && w.swarm.lag == 0 && s.Desired() == provisioning.DesiredActive && s.Lease.Token == "" && !s.Recheck &&
			(s.Operation == nil || s.Operation.Verb == provisioning.VerbRead) {
			t, there := w.site.Thing(s.Server, s.Kind, s.Name)
			if !there || t.Owner != s.ID || t.Suspended || t.Partial {
				fail("%s is %s, and on %s is %+v", s.ID, s.Phase, s.Server, t)
			}
		}
	}
	errs = append(errs, w.room(ctx, all)...)
	for on, foreign := range w.foreign {
		for _, want := range foreign {
			if got, there := w.site.Thing(on, want.Kind, want.Name); !there || got.Owner != "" || got.Content != want.Content || got.Plan != want.Plan {
				fail("somebody else's %s on %s has become %+v", want.Name, on, got)
			}
		}
	}
	return errors.Join(errs...)
}

// brief tells what is going on with a service.
func brief(s *provisioning.Service) string {
	text := fmt.Sprintf("generation %d, %q spec %d of %d, password %d of %d", s.Generation, s.Observed.Presence,
		s.Observed.SpecAt, s.SpecAt, s.Observed.PasswordAt, s.PasswordAt)
	if s.Waiting {
		text += ", waiting"
	}
	if s.Recheck {
		text += ", recheck"
	}
	if op := s.Operation; op != nil {
		text += fmt.Sprintf(", %s %+v", op.ID, *op)
	}
	if s.Lease.Token != "" {
		text += ", leased until " + s.Lease.Until.Format(time.TimeOnly)
	}
	if s.Move != nil {
		text += fmt.Sprintf(", %s to %s", s.Move.Stage, s.Move.To)
	}
	for _, l := range s.Leftovers {
		text += fmt.Sprintf(", left on %s (%s)", l.Server, l.Why)
	}
	if s.Removal != nil {
		text += fmt.Sprintf(", removal %+v", *s.Removal)
	}
	if s.Failure != nil {
		text += ", failed: " + s.Failure.Text
	}
	if s.Parked != nil {
		text += ", parked: " + s.Parked.Text
	}
	return text
}

// known reports whether the record of a service tells that something of it may be there.
func known(s *provisioning.Service, on provisioning.ServerID) bool {
	return s.Server == on || s.Move != nil && s.Move.To == on ||
		slices.ContainsFunc(s.Leftovers, func(l provisioning.Leftover) bool { return l.Server == on })
}

// room looks whether no server and no machine holds more than it may.
func (w *World) room(ctx context.Context, all []provisioning.Service) (errs []error) {
	err := w.inner.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		errs = nil
		rows, err := w.inner.Provisioning(tx)
		if err != nil {
			return err
		}
		loads, err := rows.Loads(ctx, time.Time{}, provisioning.LoadKey{}, 1000)
		for _, l := range loads {
			if l.Limited && l.Used > l.Capacity {
				errs = append(errs, fmt.Errorf("%s%s holds %d of %d", l.Machine, l.Server, l.Used, l.Capacity))
			}
		}
		if err != nil {
			return err
		}
		unfit, err := w.fitting(ctx, rows, all)
		errs = append(errs, unfit...)
		return err
	})
	// And by what the services say they take.
	taken := map[provisioning.ServerID]int64{}
	for i := range all {
		for r, on := range room(&all[i]) {
			if r.ID != "" {
				taken[on]++
			}
		}
	}
	for on, n := range taken {
		if n > w.capacity[on] {
			errs = append(errs, fmt.Errorf("%d services have room on %s, which has %d", n, on, w.capacity[on]))
		}
	}
	return append(errs, err)
}

// fitting looks whether no thing is larger than the room that its service has there.
func (w *World) fitting(ctx context.Context, rows provisioning.Rows, all []provisioning.Service) (errs []error, _ error) {
	if w.swarm.late || w.swarm.vandals { // which make things what they were once
		return nil, nil
	}
	for i := range all {
		s := &all[i]
		if w.outlived[s.ID] {
			continue
		}
		for ref, on := range room(s) {
			t, there := w.site.Thing(on, s.Kind, s.Name)
			if ref.ID == "" || !there || t.Owner != s.ID {
				continue
			}
			found, err := rows.ReservationsByID(ctx, []provisioning.ReservationID{ref.ID})
			if err != nil {
				return nil, err
			}
			switch r := found[0]; {
			case t.Quota > r.Amounts["disk"]:
				errs = append(errs, fmt.Errorf("%s takes %d of disk on %s, and has room for %d", s.ID, t.Quota, on, r.Amounts["disk"]))
			case ref.Token != r.Token:
				errs = append(errs, fmt.Errorf("%s knows reservation %s by token %d, which is %d", s.ID, r.ID, ref.Token, r.Token))
			}
		}
	}
	return errs, nil
}

// room yields the room that a service has on servers.
func room(s *provisioning.Service) iter.Seq2[provisioning.ReservationRef, provisioning.ServerID] {
	return func(yield func(provisioning.ReservationRef, provisioning.ServerID) bool) {
		if !yield(s.Reservation, s.Server) || s.Move != nil && !yield(s.Move.Reservation, s.Move.To) {
			return
		}
		for _, l := range s.Leftovers {
			if !yield(l.Reservation, l.Server) {
				return
			}
		}
	}
}
