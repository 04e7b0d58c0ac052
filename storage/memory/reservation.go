package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// keepReservation inserts or replaces a reservation and what finds it by time.
func (r inventoryRows) keepReservation(x provisioning.Reservation) {
	st := r.inventory()
	if old, ok := st.reservations.get(x.ID); ok {
		st.due.delete(r.tx.own, reservationTime{old.Expires, old.ID})
		st.ended.delete(r.tx.own, reservationTime{old.Ended, old.ID})
	}
	x = cloneReservation(x)
	st.reservations.set(r.tx.own, x.ID, x)
	switch {
	case x.State == provisioning.ReservationHeld:
		st.due.set(r.tx.own, reservationTime{x.Expires, x.ID}, struct{}{})
	case !x.State.Occupies():
		st.ended.set(r.tx.own, reservationTime{x.Ended, x.ID}, struct{}{})
	}
}

func cloneReservation(x provisioning.Reservation) provisioning.Reservation {
	x = x.Clone()
	x.Made, x.Expires, x.Ended = instant(x.Made), instant(x.Expires), instant(x.Ended)
	return x
}

func (r inventoryRows) PutReservations(ctx context.Context, rs []provisioning.Reservation) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	for _, x := range rs {
		old, ok := r.inventory().reservations.get(x.ID)
		if !ok || old.Token != x.Token-1 {
			return r.tx.abort(fmt.Errorf("reservation %.128q has token %d: %w", x.ID, old.Token, storage.ErrConflict))
		}
		r.keepReservation(x)
	}
	return nil
}

func (r inventoryRows) ReservationsByID(
	ctx context.Context, ids []provisioning.ReservationID,
) ([]provisioning.Reservation, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var all []provisioning.Reservation
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if x, ok := r.inventory().reservations.get(id); ok {
			all = append(all, cloneReservation(x))
		}
	}
	return all, nil
}

func (r inventoryRows) ReservationsByKey(ctx context.Context, seller, key string) ([]provisioning.Reservation, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	st := r.inventory()
	var all []provisioning.Reservation
	for k, id := range st.keyed.after(reservationKey{seller, key, -1}) {
		if k.seller != seller || k.key != key {
			break
		}
		x, _ := st.reservations.get(id)
		all = append(all, cloneReservation(x))
	}
	return all, nil
}

func (r inventoryRows) ReservationsDue(ctx context.Context, now time.Time, limit int) ([]provisioning.Reservation, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	st := r.inventory()
	var page []provisioning.Reservation
	for k := range st.due.all() {
		if len(page) >= limit || k.at.After(instant(now)) {
			break
		}
		x, _ := st.reservations.get(k.id)
		page = append(page, cloneReservation(x))
	}
	return page, nil
}

func (r inventoryRows) Reservations(
	ctx context.Context, q provisioning.ReservationQuery, after provisioning.ReservationID, limit int,
) ([]provisioning.Reservation, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []provisioning.Reservation
	for _, x := range r.inventory().reservations.after(after) {
		if len(page) >= limit {
			break
		}
		if (q.Server == "" || x.Server == q.Server) && (q.State == "" || x.State == q.State) {
			page = append(page, cloneReservation(x))
		}
	}
	return page, nil
}

func (r inventoryRows) PurgeReservations(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := r.tx.writing(ctx); err != nil {
		return 0, err
	}
	st := r.inventory()
	var old []reservationTime
	for k := range st.ended.all() {
		if len(old) >= limit || !k.at.Before(instant(before)) {
			break
		}
		old = append(old, k)
	}
	for _, k := range old {
		x, _ := st.reservations.get(k.id)
		st.keyed.delete(r.tx.own, reservationKey{x.Seller, x.Key, x.Position})
		st.reservations.delete(r.tx.own, k.id)
		st.ended.delete(r.tx.own, k)
	}
	return len(old), nil
}
