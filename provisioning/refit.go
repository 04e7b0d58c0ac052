package provisioning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// refit has the reservations of a service hold what it is to take: more at once, less once
// the thing is seen to be as wanted. The order of the updates is that of [unit.flush].
func (u *unit) refit(ctx context.Context, t *touched) error {
	want := withServices(t.Demand.Amounts)
	refs := []*ReservationRef{&t.Reservation}
	if t.Move != nil {
		refs = append(refs, &t.Move.Reservation)
	}
	t.Oversized = false
	for _, ref := range refs {
		if ref.ID == "" {
			t.Due = u.now // it has no place yet: perhaps there is room for this
			continue
		}
		found, err := reservations(ctx, "", u.rows, []ReservationRef{*ref})
		if err != nil {
			return err
		}
		r := *found[ref.ID]
		if !r.State.Occupies() {
			return fmt.Errorf("%w: reservation %q is %s", ErrFenced, r.ID, r.State)
		}
		to := want
		if !t.fits() {
			to = most(r.Amounts, want)
		}
		t.Oversized = t.Oversized || !maps.Equal(to, want)
		if maps.Equal(to, r.Amounts) {
			continue
		}
		after := r.Clone()
		after.Amounts = maps.Clone(to)
		after.Token++
		*ref = after.Ref()
		u.resized = append(u.resized, resized{r, after})
	}
	return nil
}

// fits reports whether the thing was seen to be as wanted, and so takes no more.
func (s *Service) fits() bool {
	return s.Move == nil && s.Parked == nil && !s.Recheck && s.Observed.there() && s.Observed.SpecAt >= s.SpecAt
}

// most has the larger amount of each dimension.
func most(a, b map[string]int64) map[string]int64 {
	all := maps.Clone(a)
	for dimension, n := range b {
		all[dimension] = max(all[dimension], n)
	}
	return all
}

// shrink gives back the room that a service needs no longer. That its reservation is gone
// is no reason to stop working on it.
func (u *unit) shrink(ctx context.Context, t *touched) error {
	if !t.Oversized || !t.fits() {
		return nil
	}
	err := u.refit(ctx, t)
	if errors.Is(err, ErrNoReservation) || errors.Is(err, ErrFenced) {
		u.m.opt.Logger.WarnContext(ctx, "the room of a service is not its own", "service", t.ID, "error", err)
		return nil
	}
	return err
}

// resized is a reservation as it was and as it is to be.
type resized struct{ before, after Reservation }

// resize writes the reservations that have another size, and what that takes.
func (u *unit) resize(ctx context.Context) error {
	slices.SortFunc(u.resized, func(a, b resized) int { return cmp.Compare(a.after.ID, b.after.ID) })
	var by changes
	written := make([]Reservation, 0, len(u.resized))
	for _, r := range u.resized {
		by.addAll(r.before, -1)
		by.addAll(r.after, 1)
		written = append(written, r.after)
	}
	if err := u.rows.PutReservations(ctx, written); err != nil {
		return err
	}
	loads, err := grow(ctx, "", u.rows, by, u.now)
	if err == nil {
		u.m.fleet.learn(loads)
	}
	return err
}
