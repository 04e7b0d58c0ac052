package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

type reservationStatements struct {
	update *statement // id, token, doc, state, server, key, position, expires, ended: the token if it is written
	byID   *statement // ids
	byKey  *statement // key, seller
	due    *statement // now, limit
	purge  *statement // before, limit
}

func newReservationStatements(x sqlText) reservationStatements {
	const from = "SELECT doc FROM {{schema}}.provisioning_reservations WHERE "
	return reservationStatements{
		update: x.statement(`UPDATE {{schema}}.provisioning_reservations SET token = $2::bigint, doc = $3::json, state = $4::text,
			server = $5::text, key = nullif($6::text, ''), position = $7::bigint, expires = $8::timestamptz,
			ended = CASE WHEN $4::text IN ('held', 'committed') THEN NULL ELSE $9::timestamptz END
			WHERE id = $1::text AND token = $2::bigint - 1 RETURNING token`),
		byID:  x.statement(from + "id = ANY ($1::text[]) ORDER BY id"),
		byKey: x.statement(from + "key = $1::text AND coalesce(doc ->> 'seller', '') = $2::text ORDER BY position"),
		due:   x.statement(from + "state = 'held' AND expires <= $1::timestamptz ORDER BY expires, id LIMIT $2::bigint"),
		purge: x.statement(`WITH gone AS (DELETE FROM {{schema}}.provisioning_reservations WHERE id IN (
			SELECT id FROM {{schema}}.provisioning_reservations WHERE ended < $1::timestamptz ORDER BY ended, id LIMIT $2::bigint)
			RETURNING id) SELECT count(*) FROM gone`),
	}
}

// PutReservations implements [provisioning.ReservationRows].
func (r inventoryRows) PutReservations(ctx context.Context, rs []provisioning.Reservation) error {
	const op = "postgres.PutReservations"
	if err := r.tx.usable(ctx, true); err != nil || len(rs) == 0 {
		return err
	}
	var send round
	written := 0
	// In one order, so that two that change the same ones do not wait for each other.
	for _, x := range slices.SortedFunc(slices.Values(rs), func(a, b provisioning.Reservation) int {
		return cmp.Compare(a.ID, b.ID)
	}) {
		text, err := reservationText(&x)
		if err != nil {
			return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
		}
		var p params
		p.text(string(x.ID)).int(x.Token).text(text).text(string(x.State)).text(string(x.Server)).text(x.Key).
			int(int64(x.Position)).instant(x.Expires).instant(x.Ended)
		send.add(r.sql().reservations.update, p, func([][]byte) error {
			written++
			return nil
		})
	}
	if err := r.tx.run(ctx, op, &send, false); err != nil {
		return err
	}
	if written < len(rs) {
		return r.tx.abort(fmt.Errorf("%s: %d of %d have another token: %w", op, len(rs)-written, len(rs), storage.ErrConflict))
	}
	return nil
}

// ReservationsByID implements [provisioning.ReservationRows].
func (r inventoryRows) ReservationsByID(
	ctx context.Context, ids []provisioning.ReservationID,
) ([]provisioning.Reservation, error) {
	var p params
	texts(&p, ids)
	return versionedRows[provisioning.Reservation](ctx, r, "postgres.ReservationsByID", r.sql().reservations.byID, p)
}

// ReservationsByKey implements [provisioning.ReservationRows].
func (r inventoryRows) ReservationsByKey(ctx context.Context, seller, key string) ([]provisioning.Reservation, error) {
	var p params
	p.text(key).text(seller)
	return versionedRows[provisioning.Reservation](ctx, r, "postgres.ReservationsByKey", r.sql().reservations.byKey, p)
}

// ReservationsDue implements [provisioning.ReservationRows].
func (r inventoryRows) ReservationsDue(ctx context.Context, now time.Time, limit int) ([]provisioning.Reservation, error) {
	var p params
	p.instant(now).limit(limit)
	return versionedRows[provisioning.Reservation](ctx, r, "postgres.ReservationsDue", r.sql().reservations.due, p)
}

// Reservations implements [provisioning.ReservationRows].
func (r inventoryRows) Reservations(
	ctx context.Context, q provisioning.ReservationQuery, after provisioning.ReservationID, limit int,
) ([]provisioning.Reservation, error) {
	var f filter
	f.text("server = ?::text", string(q.Server))
	f.text("state = ?::text", string(q.State))
	return selected[provisioning.Reservation](ctx, r, "postgres.Reservations", "provisioning_reservations", &f, string(after), limit)
}

// PurgeReservations implements [provisioning.ReservationRows].
func (r inventoryRows) PurgeReservations(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := r.tx.usable(ctx, true); err != nil {
		return 0, err
	}
	var p params
	p.instant(before).limit(limit)
	n, err := single(query(ctx, r.tx, "postgres.PurgeReservations", r.sql().reservations.purge, p,
		func(s *scan, n *int64) { *n = s.int() }))
	return int(n), err
}
