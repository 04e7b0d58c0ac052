package provisioning

import (
	"context"
	"maps"
	"time"
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
	// Key and Position name it in the request that made it; Request is what the request
	// was. Without a key, all are empty.
	Key      string `json:"key,omitempty"`
	Position int    `json:"position,omitempty"`
	Request  string `json:"request,omitempty"`
	// Seller and Account are for whom it is.
	Seller  string `json:"seller,omitempty"`
	Account string `json:"account,omitempty"`
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
	// ReservationsByKey returns those that were made with the key, which is not empty, by
	// Position.
	ReservationsByKey(ctx context.Context, key string) ([]Reservation, error)
	// ReservationsDue returns up to limit reservations that are held and whose Expires is
	// not after now, by Expires and ID.
	ReservationsDue(ctx context.Context, now time.Time, limit int) ([]Reservation, error)
	// Reservations returns up to limit reservations after the given one, by ID.
	Reservations(ctx context.Context, q ReservationQuery, after ReservationID, limit int) ([]Reservation, error)
	// PurgeReservations deletes up to limit reservations that ended before the given time
	// and returns how many.
	PurgeReservations(ctx context.Context, before time.Time, limit int) (int, error)
}
