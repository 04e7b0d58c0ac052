package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

const (
	reservationColumns = "token, doc, state, server, key, position, expires, ended, id"

	selectReservations     = `SELECT doc FROM provisioning_reservations `
	queryReservation       = selectReservations + `WHERE id = ?`
	queryReservationsKeyed = selectReservations + `WHERE key = ? AND ifnull(json_extract(doc, '$.seller'), '') = ? ORDER BY position`
	queryReservationsDue   = selectReservations + `WHERE state = 'held' AND expires <= ? ORDER BY expires, id LIMIT ?`
	queryReservationUpdate = `UPDATE provisioning_reservations SET token = ?1, doc = ?2, state = ?3, server = ?4, key = ?5,
position = ?6, expires = ?7, ended = ?8 WHERE id = ?9 AND token = ?1 - 1`
	queryReservationsPurge = `DELETE FROM provisioning_reservations WHERE id IN
(SELECT id FROM provisioning_reservations WHERE ended < ? ORDER BY ended, id LIMIT ?)`
)

// bindReservation binds reservationColumns.
func bindReservation(b *binder, x *provisioning.Reservation) {
	kept := *x
	kept.Made, kept.Expires, kept.Ended = instant(micros(x.Made)), instant(micros(x.Expires)), instant(micros(x.Ended))
	text, err := json.Marshal(kept)
	if err != nil {
		b.fail(tierhost.E("sqlite.Reservation", tierhost.KindInvalid, "row_not_kept", err))
	}
	b.int(x.Token)
	b.bytes(text)
	b.string(string(x.State))
	b.string(string(x.Server))
	if x.Key == "" {
		b.null()
	} else {
		b.string(x.Key)
	}
	b.int(int64(x.Position))
	b.instant(x.Expires)
	if x.State.Occupies() {
		b.null()
	} else {
		b.instant(x.Ended)
	}
	b.string(string(x.ID))
}

// PutReservations implements [provisioning.ReservationRows].
func (r inventoryRows) PutReservations(ctx context.Context, rs []provisioning.Reservation) error {
	return r.atomically(ctx, "PutReservations", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		for i := range rs {
			b := r.work.reservation.start()
			bindReservation(b, &rs[i])
			n, err := r.run(queryReservationUpdate, b)
			if err != nil {
				return err
			}
			if n == 0 {
				return fmt.Errorf("reservation %.128q has not token %d: %w", rs[i].ID, rs[i].Token-1, storage.ErrConflict)
			}
		}
		return nil
	})
}

// ReservationsByID implements [provisioning.ReservationRows].
func (r inventoryRows) ReservationsByID(
	ctx context.Context, ids []provisioning.ReservationID,
) (all []provisioning.Reservation, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		some, err := page[provisioning.Reservation](ctx, r, "ReservationsByID", queryReservation, r.key(string(id)))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// ReservationsByKey implements [provisioning.ReservationRows].
func (r inventoryRows) ReservationsByKey(ctx context.Context, seller, key string) ([]provisioning.Reservation, error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	b := r.work.misc.start()
	b.string(key)
	b.string(seller)
	return page[provisioning.Reservation](ctx, r, "ReservationsByKey", queryReservationsKeyed, b)
}

// ReservationsDue implements [provisioning.ReservationRows].
func (r inventoryRows) ReservationsDue(ctx context.Context, now time.Time, limit int) ([]provisioning.Reservation, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.instant(now)
	b.int(int64(limit))
	return page[provisioning.Reservation](ctx, r, "ReservationsDue", queryReservationsDue, b)
}

// Reservations implements [provisioning.ReservationRows].
func (r inventoryRows) Reservations(
	ctx context.Context, q provisioning.ReservationQuery, after provisioning.ReservationID, limit int,
) ([]provisioning.Reservation, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectReservations, r.work)
	if q.Server != "" {
		f.where("server = ?").string(string(q.Server))
	}
	if q.State != "" {
		f.where("state = ?").string(string(q.State))
	}
	f.where("id > ?").string(string(after))
	return page[provisioning.Reservation](ctx, r, "Reservations", f.query("id", limit), f.b)
}

// PurgeReservations implements [provisioning.ReservationRows].
func (r inventoryRows) PurgeReservations(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = r.atomically(ctx, "PurgeReservations", func() error {
		b := r.work.misc.start()
		b.instant(before)
		b.int(int64(max(limit, 0)))
		deleted, err := r.run(queryReservationsPurge, b)
		n = int(deleted)
		return err
	})
	return n, err
}
