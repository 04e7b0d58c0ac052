package provisioning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// ReservationID names a reservation.
type ReservationID string

// Reservation is room for one service on one server. Held, it ends in exactly one of
// three ways: committed, released or expired. Committed, it keeps the room until it is
// freed.
type Reservation struct {
	ID ReservationID `json:"id"`
	// Token fences: it grows with every change of the reservation, and who brings an older
	// one is refused.
	Token int64            `json:"token"`
	State ReservationState `json:"state"`
	// Turned is the token with which it came into its state.
	Turned int64 `json:"turned"`
	// Key and Position name it in the request of its seller that made it; Request is what
	// the request was. Without a key, all are empty.
	Key      string `json:"key,omitempty"`
	Position int    `json:"position,omitempty"`
	Request  string `json:"request,omitempty"`
	// Seller and Account are for whom it is.
	Seller  string `json:"seller,omitempty"`
	Account string `json:"account,omitempty"`
	// Service is the one that uses it; "": none of the manager's.
	Service ServiceID `json:"service,omitempty"`
	// Name is the demand's.
	Name    string    `json:"name,omitempty"`
	Kind    Kind      `json:"kind"`
	Group   GroupID   `json:"group"`
	Server  ServerID  `json:"server"`
	Machine MachineID `json:"machine"`
	// Amounts are what it takes, by dimension; DimensionServices is always among them.
	Amounts map[string]int64 `json:"amounts"`
	// Degraded says that a demand to be near or apart could not be met and was waived.
	Degraded bool      `json:"degraded,omitempty"`
	Made     time.Time `json:"made"`
	Expires  time.Time `json:"expires"` // while it is held
	Ended    time.Time `json:"ended"`   // released, expired or freed; else zero
}

// Ref returns what names the reservation to whoever holds it.
func (r Reservation) Ref() ReservationRef { return ReservationRef{r.ID, r.Token} }

// Clone returns a copy that shares nothing with r.
func (r Reservation) Clone() Reservation {
	r.Amounts = maps.Clone(r.Amounts)
	return r
}

// ReservationRef is a reservation as its holder knows it.
type ReservationRef struct {
	ID    ReservationID `json:"id"`
	Token int64         `json:"token"`
}

// ReservationState is what has become of a reservation.
type ReservationState string

// The states of a reservation.
const (
	ReservationHeld      ReservationState = "held"      // until it expires
	ReservationCommitted ReservationState = "committed" // a service uses the room
	ReservationReleased  ReservationState = "released"  // given up before it was committed
	ReservationExpired   ReservationState = "expired"   // neither committed nor released in time
	ReservationFreed     ReservationState = "freed"     // the service that used it is gone
)

// Occupies reports whether a reservation in this state takes room.
func (s ReservationState) Occupies() bool {
	return s == ReservationHeld || s == ReservationCommitted
}

// ReservationQuery selects reservations; the zero value selects all.
type ReservationQuery struct {
	Server ServerID         // "": on any
	State  ReservationState // "": in any
}

// ReservationRows are the rows of reservations. They are inserted by
// [LoadRows.ChangeLoads].
type ReservationRows interface {
	// PutReservations replaces reservations. It MUST fail with storage.ErrConflict, whole,
	// when one is not there or its stored Token is not the one before.
	PutReservations(ctx context.Context, rs []Reservation) error
	// ReservationsByID returns those of the IDs that are there, by ID.
	ReservationsByID(ctx context.Context, ids []ReservationID) ([]Reservation, error)
	// ReservationsByKey returns those of a seller that were made with the key, which is
	// not empty, by Position.
	ReservationsByKey(ctx context.Context, seller, key string) ([]Reservation, error)
	// ReservationsDue returns up to limit reservations that are held and whose Expires is
	// not after now, by Expires and ID.
	ReservationsDue(ctx context.Context, now time.Time, limit int) ([]Reservation, error)
	// Reservations returns up to limit reservations after the given one, by ID.
	Reservations(ctx context.Context, q ReservationQuery, after ReservationID, limit int) ([]Reservation, error)
	// PurgeReservations deletes up to limit reservations that ended before the given time
	// and returns how many.
	PurgeReservations(ctx context.Context, before time.Time, limit int) (int, error)
}

// Commit makes reservations that are held lasting, all of them or none: services use the
// room from now on. It returns them with their new tokens, in the order given. One that
// was committed with the same token before is fine.
//
// It fails with [ErrNoReservation], and with [ErrFenced] if one has expired (also if
// nobody has noticed yet), was released, or has another token.
func (m *Manager) Commit(ctx context.Context, refs ...ReservationRef) ([]Reservation, error) {
	return m.turn(ctx, "provisioning.Commit", refs, func(r *Reservation, now time.Time) bool {
		if r.State != ReservationHeld || !now.Before(r.Expires) {
			return false
		}
		r.State = ReservationCommitted
		return true
	}, ReservationCommitted)
}

// Release gives up reservations that are held, all of them or none; their room is free
// again. It returns them as they are now, in the order given. One that was released with
// the same token before is fine.
//
// It fails with [ErrNoReservation], and with [ErrFenced] if one has expired, was
// committed, or has another token.
func (m *Manager) Release(ctx context.Context, refs ...ReservationRef) ([]Reservation, error) {
	return m.turn(ctx, "provisioning.Release", refs, func(r *Reservation, now time.Time) bool {
		if r.State != ReservationHeld {
			return false
		}
		r.State, r.Ended = ReservationReleased, now
		return true
	}, ReservationReleased)
}

// Free gives the room of committed reservations back, all of them or none: the services
// that used it are gone. It returns them as they are now, in the order given. One that
// was freed with the same token before is fine.
//
// It fails with [ErrNoReservation], and with [ErrFenced] if one is not committed or has
// another token.
func (m *Manager) Free(ctx context.Context, refs ...ReservationRef) ([]Reservation, error) {
	return m.turn(ctx, "provisioning.Free", refs, func(r *Reservation, now time.Time) bool {
		if r.State != ReservationCommitted {
			return false
		}
		r.State, r.Ended = ReservationFreed, now
		return true
	}, ReservationFreed)
}

// Extend holds a reservation that is held until the given time, if that is later. It
// returns it with its new token: whoever has the old one can no longer commit or release
// it.
//
// It fails with [ErrNoReservation], and with [ErrFenced] if it has expired, was released
// or committed, or has another token.
func (m *Manager) Extend(ctx context.Context, ref ReservationRef, until time.Time) (Reservation, error) {
	got, err := m.turn(ctx, "provisioning.Extend", []ReservationRef{ref}, func(r *Reservation, now time.Time) bool {
		if r.State != ReservationHeld || !now.Before(r.Expires) {
			return false
		}
		if until = until.UTC().Truncate(time.Microsecond); until.After(r.Expires) {
			r.Expires = until
		}
		return true
	}, "")
	if err != nil {
		return Reservation{}, err
	}
	return got[0], nil
}

// turn changes the state of reservations. done is the state of those for which that was
// done before.
func (m *Manager) turn(
	ctx context.Context, op string, refs []ReservationRef, change func(r *Reservation, now time.Time) bool, done ReservationState,
) ([]Reservation, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	out := make([]Reservation, len(refs))
	var loads []Load
	err := m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		all, err := reservations(ctx, op, rows, refs)
		if err != nil {
			return err
		}
		now := m.now()
		var changed []Reservation
		var freed changes
		for i, ref := range refs {
			r := all[ref.ID]
			if r.Token == ref.Token+1 && r.Turned == r.Token && r.State == done {
				out[i] = *r
				continue
			}
			was := r.State
			if r.Token != ref.Token || !change(r, now) {
				return tierhost.E(op, 0, "", fmt.Errorf("%w: reservation %q is %s", ErrFenced, ref.ID, was))
			}
			if r.Token++; r.State != was {
				r.Turned = r.Token
			}
			changed, out[i] = append(changed, *r), *r
			if !r.State.Occupies() {
				freed.addAll(*r, -1)
			}
		}
		loads, err = write(ctx, op, rows, changed, freed, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	m.fleet.learn(loads)
	for i := range out {
		out[i] = out[i].Clone()
	}
	return out, nil
}

// reservations reads those that the refs name, by ID.
func reservations(ctx context.Context, op string, rows Rows, refs []ReservationRef) (map[ReservationID]*Reservation, error) {
	ids := make([]ReservationID, len(refs))
	for i, ref := range refs {
		ids[i] = ref.ID
	}
	found, err := rows.ReservationsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	all := make(map[ReservationID]*Reservation, len(found))
	for i := range found {
		all[found[i].ID] = &found[i]
	}
	for _, id := range ids {
		if all[id] == nil {
			return nil, tierhost.E(op, 0, "", fmt.Errorf("%w: %.128q", ErrNoReservation, id))
		}
	}
	return all, nil
}

// write writes reservations and gives back what they no longer take.
func write(ctx context.Context, op string, rows Rows, changed []Reservation, freed changes, now time.Time) ([]Load, error) {
	if len(changed) == 0 {
		return nil, nil
	}
	if err := rows.PutReservations(ctx, changed); err != nil {
		return nil, err
	}
	if len(freed) == 0 {
		return nil, nil
	}
	result, err := rows.ChangeLoads(ctx, LoadBatch{Changes: freed.sorted(), At: now})
	if err == nil && !result.Done {
		err = tierhost.E(op, tierhost.KindInternal, "room_not_freed", errors.New("the store refuses to free room"))
	}
	return result.Loads, err
}

// addAll adds what a reservation takes of its server and machine.
func (c *changes) addAll(r Reservation, sign int64) {
	c.add(LoadKey{Server: r.Server}, 0, r.Amounts, sign)
	c.add(LoadKey{Machine: r.Machine}, 0, r.Amounts, sign)
}

// Readmit makes a reservation that has expired a committed one after all, if its server
// still has room: somebody has made the service although the time was over. Whether the
// server takes new services does not matter. It returns it with its new token.
//
// It fails with [ErrNoReservation], with [ErrFenced] if it did not expire or if its token
// is not the one with which it did, and with [ErrNoCapacity] if there is no room: then
// the service has to be removed again. ref is the reservation as the holder knew it.
func (m *Manager) Readmit(ctx context.Context, ref ReservationRef) (out Reservation, err error) {
	const op = "provisioning.Readmit"
	var loads []Load
	err = m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		all, err := reservations(ctx, op, rows, []ReservationRef{ref})
		if err != nil {
			return err
		}
		r, now := all[ref.ID], m.now()
		switch {
		case r.State == ReservationExpired && r.Token == ref.Token+1:
			var taken changes
			taken.addAll(*r, 1)
			r.State, r.Ended = ReservationCommitted, time.Time{}
			r.Token++
			r.Turned = r.Token
			if err := rows.PutReservations(ctx, []Reservation{*r}); err != nil {
				return err
			}
			out = *r
			loads, err = grow(ctx, op, rows, taken, now)
			return err
		case r.State == ReservationHeld && r.Token == ref.Token: // nobody has noticed
			r.State = ReservationCommitted
			r.Token++
			r.Turned = r.Token
		case r.State == ReservationCommitted && r.Turned == r.Token && (r.Token == ref.Token+1 || r.Token == ref.Token+2): // done before
			out = *r
			return nil
		default:
			return tierhost.E(op, 0, "", fmt.Errorf("%w: reservation %q is %s", ErrFenced, ref.ID, r.State))
		}
		out = *r
		return rows.PutReservations(ctx, []Reservation{*r})
	})
	if err != nil {
		return Reservation{}, err
	}
	m.fleet.learn(loads)
	return out.Clone(), nil
}

// Resize changes what a reservation takes, held or committed, such as after a change of
// plan. It returns it with its new token. amounts are as in a [Demand].
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrNoReservation], with
// [ErrFenced] if it has ended or has another token, and with [ErrNoCapacity] if the server
// or its machine has not the room.
func (m *Manager) Resize(ctx context.Context, ref ReservationRef, amounts map[string]int64) (out Reservation, err error) {
	const op = "provisioning.Resize"
	var c checker
	if c.amounts("amounts", amounts); len(c.Issues) > 0 {
		return Reservation{}, c.Err()
	}
	amounts = withServices(amounts)
	var loads []Load
	err = m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		all, err := reservations(ctx, op, rows, []ReservationRef{ref})
		if err != nil {
			return err
		}
		r, now := all[ref.ID], m.now()
		if r.Token != ref.Token || !r.State.Occupies() || r.State == ReservationHeld && !now.Before(r.Expires) {
			return tierhost.E(op, 0, "", fmt.Errorf("%w: reservation %q is %s", ErrFenced, ref.ID, r.State))
		}
		var by changes
		by.addAll(*r, -1)
		r.Amounts = maps.Clone(amounts)
		r.Token++
		by.addAll(*r, 1)
		out = *r
		// Before the loads, as where a reservation ends: two do not wait for each other.
		if err := rows.PutReservations(ctx, []Reservation{*r}); err != nil {
			return err
		}
		loads, err = grow(ctx, op, rows, by, now)
		return err
	})
	if err != nil {
		return Reservation{}, err
	}
	m.fleet.learn(loads)
	return out.Clone(), nil
}

// grow changes loads by what depends on no version.
func grow(ctx context.Context, op string, rows Rows, by changes, now time.Time) ([]Load, error) {
	// The load of DimensionServices is among them: a change of the capacity waits for it.
	result, err := rows.ChangeLoads(ctx, LoadBatch{Changes: by.sorted(), At: now})
	if err != nil {
		return nil, err
	}
	if result.Done {
		return result.Loads, nil
	}
	for _, load := range result.Loads {
		if n := by[load.LoadKey].By; n > 0 && load.Limited && n > load.Capacity-load.Used {
			return nil, tierhost.E(op, 0, "", fmt.Errorf("%w: %d more of %q, %d of %d are used",
				ErrNoCapacity, n, load.Dimension, load.Used, load.Capacity))
		}
	}
	return nil, tierhost.E(op, 0, "", ErrNoCapacity)
}

// expireBatch is how many reservations expire in one transaction.
const expireBatch = 200

// ExpireReservations ends the reservations whose time is over and frees their room. It
// returns how many there were. Several processes may call it at once; it goes by the
// clock of the manager, once a minute say. Each has an event.
func (m *Manager) ExpireReservations(ctx context.Context) (n int, err error) {
	const op = "provisioning.ExpireReservations"
	for {
		var expired []Reservation
		var loads []Load
		err := m.update(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
			now := m.now()
			expired = nil
			due, err := rows.ReservationsDue(ctx, now, expireBatch)
			if err != nil {
				return err
			}
			var freed changes
			var events []*storage.Event
			for _, r := range due {
				r.State, r.Ended = ReservationExpired, now
				r.Token++
				r.Turned = r.Token
				expired = append(expired, r)
				freed.addAll(r, -1)
				events = append(events, m.event(now, RoomExpired{
					Reservation: r.ID, Server: r.Server, Seller: r.Seller, Account: r.Account, Name: r.Name, Amounts: r.Amounts,
				}))
			}
			if len(due) == 0 {
				return nil
			}
			slices.SortFunc(expired, func(a, b Reservation) int { return cmp.Compare(a.ID, b.ID) })
			if loads, err = write(ctx, op, rows, expired, freed, now); err != nil {
				return err
			}
			return outbox.Append(ctx, events)
		})
		if err != nil {
			return n, err
		}
		m.fleet.learn(loads)
		if n += len(expired); len(expired) < expireBatch {
			return n, nil
		}
	}
}

// Reservation returns a reservation, or [ErrNoReservation].
func (m *Manager) Reservation(ctx context.Context, id ReservationID) (r Reservation, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		all, err := reservations(ctx, "provisioning.Reservation", rows, []ReservationRef{{ID: id}})
		if err == nil {
			r = *all[id]
		}
		return err
	})
	return r, err
}

// Reservations yields the reservations that match, by ID. An error is yielded once and
// ends the sequence. No transaction is held meanwhile; each range starts anew.
func (m *Manager) Reservations(ctx context.Context, q ReservationQuery) iter.Seq2[Reservation, error] {
	return pages(ctx, m, func(r Reservation) ReservationID { return r.ID },
		func(ctx context.Context, rows Rows, after ReservationID) ([]Reservation, error) {
			return rows.Reservations(ctx, q, after, pageSize)
		})
}

// PurgeReservations deletes reservations that ended before the given time, and returns
// how many. Their keys can be used again, and whoever comes late for one gets
// [ErrNoReservation].
func (m *Manager) PurgeReservations(ctx context.Context, before time.Time) (n int, err error) {
	for {
		var some int
		err := m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) (err error) {
			some, err = rows.PurgeReservations(ctx, before, pageSize)
			return err
		})
		if n += some; err != nil || some < pageSize {
			return n, err
		}
	}
}
