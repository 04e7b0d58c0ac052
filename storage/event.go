package storage

import (
	"context"
	"encoding/json"
	"time"
)

// Event tells other parts of the system, after the commit, that something happened.
type Event struct {
	// ID is unique for ever; consumers drop what they have seen.
	ID string
	// Seq orders the events of one subject. The store assigns it on append; it grows,
	// but is neither dense nor the order of commits across subjects.
	Seq int64
	// Type names what happened, with the package in front: "billing.document.issued".
	Type string
	// Version is the version of Data's form for this Type, from 1.
	Version int
	// At is the time of the transaction, UTC.
	At time.Time
	// Seller is the seller in whose books it happened; consumers use it to keep
	// tenants apart.
	Seller string
	// Subject is what it happened to ("account/42"); events of one subject are
	// delivered in the order of Seq.
	Subject string
	// Data is the typed content as JSON.
	Data json.RawMessage
	// Attempts counts the leases under which the event was tried, this one included, and
	// those whose holder was never heard of again.
	Attempts int
}

// OutboxStore is a store with an outbox.
type OutboxStore interface {
	Transactor
	// Outbox returns the outbox within tx. It returns [ErrForeignTx] or [ErrTxDone].
	Outbox(tx Tx) (Outbox, error)
}

// Outbox holds the events that are still to be delivered. It is one queue: a host
// with several consumers fans out in its sink.
//
// Within v1 new abilities arrive as further interfaces.
type Outbox interface {
	// Append adds events in the transaction and sets their Seq. An ID that is there
	// already is [ErrExists]. Texts hold no NUL.
	Append(ctx context.Context, events []*Event) error

	// Lease returns up to limit undelivered events, ordered by Seq, that are neither
	// leased nor held back at now (both end exactly at their instant), leases them under token until the given instant and
	// counts one attempt. An event MUST be returned only together with, or after the
	// delivery of, all earlier events of its subject. An event that commits late,
	// after events with a larger Seq were delivered, MUST still be returned.
	Lease(ctx context.Context, token string, now, until time.Time, limit int) ([]Event, error)

	// Ack marks events, given by Seq, as delivered. Those not leased under token are
	// left alone and not counted; it returns how many were marked. A late Ack counts
	// while nobody else has leased the event.
	Ack(ctx context.Context, token string, seqs []int64) (int, error)

	// Release ends the leases under token of the given events and keeps them back
	// until the given instant. Where tried is false the events were not tried: the
	// attempt that their lease counted is taken back.
	Release(ctx context.Context, token string, seqs []int64, until time.Time, tried bool) error

	// Purge deletes events that were delivered and whose At lies before the instant, at
	// most limit of them, and returns how many.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)

	// Pending counts undelivered events.
	Pending(ctx context.Context) (int64, error)
}
