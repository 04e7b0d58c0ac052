package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// reservation is one that is held, on server "s".
func reservation(id provisioning.ReservationID, expires time.Duration) provisioning.Reservation {
	return provisioning.Reservation{
		ID: id, Token: 1, State: provisioning.ReservationHeld, Kind: "web", Group: "g", Server: "s", Machine: "m",
		Amounts: map[string]int64{services: 1}, Made: noon(), Expires: noon().Add(expires),
	}
}

// keyed is a reservation with a key.
func keyed(id provisioning.ReservationID, key string, position int) provisioning.Reservation {
	r := reservation(id, time.Minute)
	r.Key, r.Position, r.Request = key, position, "print"
	return r
}

// keyedOf is one of a seller's.
func keyedOf(seller string, id provisioning.ReservationID, key string, position int) provisioning.Reservation {
	r := keyed(id, key, position)
	r.Seller = seller
	return r
}

// ended is the next state of a reservation.
func ended(r provisioning.Reservation, state provisioning.ReservationState, at time.Duration) provisioning.Reservation {
	r.Token++
	r.State = state
	if !state.Occupies() {
		r.Ended = noon().Add(at)
	}
	return r
}

// reserve inserts reservations.
func reserve(all ...provisioning.Reservation) rowsFunc {
	return func(ctx context.Context, rows provisioning.Rows) error {
		got, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{Reservations: all, At: noon()})
		if err == nil && !got.Done {
			err = errRefused
		}
		return err
	}
}

func putReservations(all ...provisioning.Reservation) rowsFunc {
	return func(ctx context.Context, rows provisioning.Rows) error { return rows.PutReservations(ctx, all) }
}

func reservationIDs(all []provisioning.Reservation) (ids []string) {
	for _, r := range all {
		ids = append(ids, string(r.ID))
	}
	return ids
}

// reservations is all reservations, page by page.
func reservations(t *conformance.T, st provisioning.Store) (all []provisioning.Reservation) {
	t.Helper()
	view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
		all = nil
		for after, more := provisioning.ReservationID(""), true; more; {
			page, err := rows.Reservations(ctx, provisioning.ReservationQuery{}, after, 2)
			if err != nil {
				return err
			}
			all = append(all, page...)
			if more = len(page) == 2; more {
				after = page[1].ID
			}
		}
		return nil
	})
	return all
}

func reservationRules() []StoreRule {
	return []StoreRule{
		{
			ID: "RESERVATION-1", Name: "read back",
			Text: "A reservation comes back with every field equal: by ID, by key, among those due and in the list.",
			Why:  "Room that nobody can name any more is lost.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := filled[provisioning.Reservation]()
				full.ID, full.Token, full.State = "b", 1, provisioning.ReservationHeld
				bare := reservation("a", time.Hour)
				update(t, st, "reserve", reserve(full, bare))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.ReservationsByID(ctx, []provisioning.ReservationID{"b", "x", "a", "b"})
					t.OK(err, "ReservationsByID")
					t.Equal(got, []provisioning.Reservation{bare, full}, "by ID")
					got, err = rows.ReservationsByKey(ctx, full.Seller, full.Key)
					t.OK(err, "ReservationsByKey")
					t.Equal(got, []provisioning.Reservation{full}, "by key")
					got, err = rows.ReservationsDue(ctx, bare.Expires, 10)
					t.OK(err, "ReservationsDue")
					t.Equal(got, []provisioning.Reservation{full, bare}, "those due")
					none, err := rows.ReservationsByID(ctx, nil)
					t.Equal(len(none), 0, "by no ID")
					return err
				})
				t.Equal(reservations(t, st), []provisioning.Reservation{bare, full}, "the list")
			},
		},
		{
			ID: "RESERVATION-2", Name: "with its loads",
			Text: "ChangeLoads inserts reservations if it changes the loads, and only then; an ID, or a key and position, that is there is storage.ErrConflict, and nothing is changed.",
			Why:  "Room would be taken for nobody, or twice for one order.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				room(t, st, onServer("s", ""), 1, map[string]int64{services: 1})
				batch := func(n int64, all ...provisioning.Reservation) rowsFunc {
					return func(ctx context.Context, rows provisioning.Rows) error {
						got, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{
							Changes: []provisioning.LoadChange{by(onServer("s", services), n)}, Reservations: all, At: noon(), Final: true,
						})
						if err == nil && !got.Done {
							return errRefused
						}
						return err
					}
				}
				update(t, st, "what does not fit", func(ctx context.Context, rows provisioning.Rows) error {
					t.Is(batch(2, reservation("a", 0))(ctx, rows), errRefused, "a change that does not fit")
					return nil
				})
				t.Equal(len(reservations(t, st)), 0, "reservations of a change that did not fit")
				update(t, st, "reserve", batch(1, keyed("a", "k", 0), keyed("b", "k", 1), reservation("c", 0), reservation("d", 0)))
				before := reservations(t, st)
				for what, r := range map[string][]provisioning.Reservation{
					"an ID that is there":               {reservation("n", 0), reservation("c", 0)},
					"a key and position that are there": {reservation("n", 0), keyed("m", "k", 1)},
					"an ID twice":                       {reservation("n", 0), reservation("n", 0)},
				} {
					t.Is(tried(t, st, batch(-1, r...)), storage.ErrConflict, "%s", what)
				}
				t.Equal(reservations(t, st), before, "the reservations")
				t.Equal(loads(t, st), []provisioning.Load{load(onServer("s", services), 1, 1, 1)}, "the loads")
				update(t, st, "another position", batch(0, keyed("e", "k", 2), keyed("f", "K", 1)))
			},
		},
		{
			ID: "RESERVATION-3", Name: "tokens",
			Text: "PutReservations replaces reservations whose token is the one before; else it is storage.ErrConflict, whole.",
			Why:  "A reservation that has expired would be committed, and its room given out twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a, b := reservation("a", time.Minute), reservation("b", time.Minute)
				update(t, st, "reserve", reserve(a, b))
				a = ended(a, provisioning.ReservationCommitted, 0)
				a.Expires, a.Account = time.Time{}, "x"
				update(t, st, "commit", putReservations(a))
				t.Equal(reservations(t, st), []provisioning.Reservation{a, b}, "the reservations")
				for what, all := range map[string][]provisioning.Reservation{
					"the same token":        {ended(b, provisioning.ReservationReleased, 0), a},
					"a later one":           {ended(ended(b, provisioning.ReservationHeld, 0), provisioning.ReservationReleased, 0)},
					"one that is not there": {ended(b, provisioning.ReservationReleased, 0), ended(reservation("x", 0), provisioning.ReservationReleased, 0)},
				} {
					fails(t, st, storage.ErrConflict, what, putReservations(all...))
					t.Is(tried(t, st, putReservations(all...)), storage.ErrConflict, "%s", what)
				}
				t.Equal(reservations(t, st), []provisioning.Reservation{a, b}, "the reservations")
			},
		},
		{
			ID: "RESERVATION-4", Name: "one end",
			Text: "Of several transactions that end one reservation at once exactly one succeeds; the others get storage.ErrConflict.",
			Why:  "A reservation would be committed and expired, and its room given out while it is used.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				r := reservation("a", time.Minute)
				update(t, st, "reserve", reserve(r))
				states := []provisioning.ReservationState{
					provisioning.ReservationCommitted, provisioning.ReservationReleased, provisioning.ReservationExpired, provisioning.ReservationCommitted,
				}
				results := make([]error, len(states))
				h.AtOnce(t, len(states), func(i int) { results[i] = tried(t, st, putReservations(ended(r, states[i], 0))) })
				won := 0
				for i, err := range results {
					if err == nil {
						won++
						t.Equal(reservations(t, st)[0].State, states[i], "the state")
					} else {
						t.Is(err, storage.ErrConflict, "writer %d", i)
					}
				}
				t.Equal(won, 1, "writers that succeed")
			},
		},
		{
			ID: "RESERVATION-5", Name: "due",
			Text: "ReservationsDue returns those that are held and whose time is over, by that time and the ID, no more than the limit.",
			Why:  "Room would stay taken for ever, or be freed while it is held.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				c := reservation("c", 0)
				update(t, st, "reserve", reserve(reservation("a", 3), reservation("b", 2*time.Second), c, reservation("d", time.Second), reservation("e", time.Second)))
				update(t, st, "commit", putReservations(ended(c, provisioning.ReservationCommitted, 0)))
				longer := reservation("d", 3*time.Second)
				longer.Token = 2
				update(t, st, "extend", putReservations(longer))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					for _, x := range []struct {
						after time.Duration
						limit int
						want  []string
					}{
						{-time.Second, 10, nil},
						{0, 10, []string{"a"}}, // below a microsecond is cut off
						{time.Second - time.Microsecond, 10, []string{"a"}},
						{time.Second, 10, []string{"a", "e"}},
						{time.Hour, 10, []string{"a", "e", "b", "d"}},
						{time.Hour, 2, []string{"a", "e"}},
						{time.Hour, 0, nil},
						{time.Hour, -1, nil},
					} {
						got, err := rows.ReservationsDue(ctx, noon().Add(x.after), x.limit)
						if err != nil {
							return err
						}
						t.Equal(reservationIDs(got), x.want, "up to %d after %s", x.limit, x.after)
					}
					return nil
				})
			},
		},
		{
			ID: "RESERVATION-6", Name: "list",
			Text: "Reservations returns those of the server and in the state asked for, by ID, after the one given, no more than the limit; ReservationsByKey those of the key of a seller, by position. Each seller has keys of its own.",
			Why:  "What is on a server would be overlooked when it is drained.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				other := reservation("d", 0)
				other.Server = "t"
				b, e := reservation("b", 0), reservation("e", 0)
				update(t, st, "reserve", reserve(reservation("a", 0), b, keyed("C", "k", 2), other, e, keyed("f", "k", 0), keyed("g", "k", 1), keyed("h", "kk", 0),
					keyedOf("shop", "i", "k", 0), keyedOf("sho", "j", "pk", 0)))
				update(t, st, "end", putReservations(ended(b, provisioning.ReservationReleased, 0), ended(e, provisioning.ReservationCommitted, 0)))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					for _, x := range []struct {
						q     provisioning.ReservationQuery
						after provisioning.ReservationID
						limit int
						want  []string
					}{
						{provisioning.ReservationQuery{}, "", 10, []string{"C", "a", "b", "d", "e", "f", "g", "h", "i", "j"}},
						{provisioning.ReservationQuery{}, "C", 2, []string{"a", "b"}},
						{provisioning.ReservationQuery{}, "", 0, nil},
						{provisioning.ReservationQuery{}, "", -1, nil},
						{provisioning.ReservationQuery{Server: "t"}, "", 10, []string{"d"}},
						{provisioning.ReservationQuery{Server: "s"}, "b", 10, []string{"e", "f", "g", "h", "i", "j"}},
						{provisioning.ReservationQuery{State: provisioning.ReservationCommitted}, "", 10, []string{"e"}},
						{provisioning.ReservationQuery{Server: "s", State: provisioning.ReservationReleased}, "", 10, []string{"b"}},
						{provisioning.ReservationQuery{Server: "S"}, "", 10, nil},
					} {
						got, err := rows.Reservations(ctx, x.q, x.after, x.limit)
						if err != nil {
							return err
						}
						t.Equal(reservationIDs(got), x.want, "up to %d of %+v after %q", x.limit, x.q, x.after)
					}
					for _, x := range []struct {
						seller, key string
						want        []string
					}{
						{"", "k", []string{"f", "g", "C"}}, {"shop", "k", []string{"i"}}, {"", "K", nil}, {"shop", "kk", nil}, {"Shop", "k", nil},
						{"sho", "pk", []string{"j"}}, {"shop", "pk", nil},
					} {
						got, err := rows.ReservationsByKey(ctx, x.seller, x.key)
						t.OK(err, "ReservationsByKey")
						t.Equal(reservationIDs(got), x.want, "of %q by the key %q", x.seller, x.key)
					}
					return nil
				})
			},
		},
		{
			ID: "RESERVATION-7", Name: "purge",
			Text: "PurgeReservations deletes those that ended before the time given, the oldest first, no more than the limit, and says how many; their keys are free.",
			Why:  "The table would grow for ever, or lose what still takes room.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				a, b, c, d := keyed("a", "k", 0), reservation("b", 0), reservation("c", 0), reservation("d", 0)
				update(t, st, "reserve", reserve(a, b, c, d, reservation("e", -time.Hour)))
				update(t, st, "end", putReservations(ended(a, provisioning.ReservationReleased, 2*time.Second), ended(b, provisioning.ReservationExpired, time.Second),
					ended(c, provisioning.ReservationFreed, 3*time.Second), ended(d, provisioning.ReservationCommitted, 0)))
				purge := func(before time.Duration, limit, want int, left ...string) {
					t.Helper()
					update(t, st, "purge", func(ctx context.Context, rows provisioning.Rows) error {
						n, err := rows.PurgeReservations(ctx, noon().Add(before), limit)
						t.Equal(n, want, "purged")
						return err
					})
					t.Equal(reservationIDs(reservations(t, st)), left, "what is left")
				}
				purge(time.Second, 10, 0, "a", "b", "c", "d", "e")
				purge(time.Hour, 0, 0, "a", "b", "c", "d", "e")
				purge(time.Hour, -1, 0, "a", "b", "c", "d", "e")
				purge(time.Hour, 1, 1, "a", "c", "d", "e")
				purge(3*time.Second, 10, 1, "c", "d", "e")
				purge(time.Hour, 10, 1, "d", "e")
				update(t, st, "reserve with the key", reserve(keyed("a", "k", 0)))
				update(t, st, "reserve with the key of another seller", reserve(keyedOf("shop", "b", "k", 0)))
				update(t, st, "purge", func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.ReservationsByKey(ctx, "", "k")
					t.Equal(reservationIDs(got), []string{"a"}, "by the key")
					return err
				})
			},
		},
		{
			ID: "RESERVATION-8", Name: "copies",
			Text: "Neither side sees later changes of what it has given or got.",
			Why:  "What a reservation takes would change under it, and its room be given back wrong.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				given := keyed("a", "k", 0)
				want := conformance.Text([]provisioning.Reservation{given})
				update(t, st, "reserve", func(ctx context.Context, rows provisioning.Rows) error {
					err := reserve(given)(ctx, rows)
					conformance.Scramble(given)
					return err
				})
				t.Equal(conformance.Text(reservations(t, st)), want, "after a change of what was given")
				update(t, st, "read", func(ctx context.Context, rows provisioning.Rows) error {
					byID, err1 := rows.ReservationsByID(ctx, []provisioning.ReservationID{"a"})
					byKey, err2 := rows.ReservationsByKey(ctx, "", "k")
					due, err3 := rows.ReservationsDue(ctx, noon().Add(time.Hour), 1)
					list, err4 := rows.Reservations(ctx, provisioning.ReservationQuery{}, "", 1)
					for _, got := range [][]provisioning.Reservation{byID, byKey, due, list} {
						conformance.Scramble(got)
					}
					return errors.Join(err1, err2, err3, err4)
				})
				t.Equal(conformance.Text(reservations(t, st)), want, "after a change of what was got")
				next := ended(keyed("a", "k", 0), provisioning.ReservationCommitted, 0)
				want = conformance.Text([]provisioning.Reservation{next})
				update(t, st, "commit", func(ctx context.Context, rows provisioning.Rows) error {
					err := rows.PutReservations(ctx, []provisioning.Reservation{next})
					conformance.Scramble(next)
					return err
				})
				t.Equal(conformance.Text(reservations(t, st)), want, "after a change of what was put")
			},
		},
		{
			ID: "RESERVATION-9", Name: "one key",
			Text: "Of several transactions that reserve with one key at once exactly one succeeds; the others get storage.ErrConflict, after which they find what was reserved.",
			Why:  "A customer who clicks twice would be given, and charged for, two.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				const n = 4
				results := make([]error, n)
				h.AtOnce(t, n, func(i int) {
					results[i] = tried(t, st, reserve(keyed(provisioning.ReservationID(fmt.Sprint(i)), "k", 0)))
				})
				won := 0
				for i, err := range results {
					if err == nil {
						won++
					} else {
						t.Is(err, storage.ErrConflict, "writer %d", i)
					}
				}
				t.Equal(won, 1, "writers that succeed")
				t.Equal(len(reservations(t, st)), 1, "reservations")
			},
		},
	}
}
