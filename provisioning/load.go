package provisioning

import (
	"context"
	"time"
)

// Load is how much of one dimension a server, or all servers of a machine together,
// hold: what is reserved and what is committed.
type Load struct {
	LoadKey
	// Version is that of the server or machine whose capacity it is.
	Version int64
	Used    int64
	// Capacity bounds Used if Limited.
	Capacity int64
	Limited  bool
	Changed  time.Time
}

// LoadKey names a load. Either Machine or Server is set.
type LoadKey struct {
	Machine   MachineID
	Server    ServerID
	Dimension string
}

// LoadChange is by how much a load is to grow, or to shrink if By is below 0.
type LoadChange struct {
	LoadKey
	By int64
	// Version is the one that the load must have; 0: any.
	Version int64
}

// LoadBatch is changes of loads that happen together, and the reservations that they
// are made for.
type LoadBatch struct {
	// Changes are each of another load. That of DimensionServices is among them for every
	// server and machine.
	Changes      []LoadChange
	Reservations []Reservation // to be inserted
	At           time.Time
	// Final says that the transaction is to be committed, whatever the result, and that
	// nothing follows in it: a store may do so at once. It is a hint.
	Final bool
}

// LoadResult says what became of a [LoadBatch].
type LoadResult struct {
	Done bool
	// Loads are those of the changes that are there, as they are now: changed if Done.
	Loads []Load
}

// LoadRows are the rows of loads. Reservations depend on them: however many transactions
// write at once, no load grows over its capacity.
type LoadRows interface {
	// PutRoom makes the loads of a server or machine (a key without dimension) have the
	// version and the capacity given: loads that are not there are made, with nothing
	// used; those of other dimensions are kept, without a limit. It makes one of
	// [DimensionServices] in any case. What is read after it in the transaction MUST be
	// what those who changed these loads before have left, and others who want to change
	// that of DimensionServices wait.
	PutRoom(ctx context.Context, of LoadKey, version int64, capacity map[string]int64, at time.Time) error
	// RemoveRoom deletes the loads of a server or machine (a key without dimension). It
	// MUST fail with ErrInUse, whole, when any of them is not 0, also by a transaction at
	// the same time.
	RemoveRoom(ctx context.Context, of LoadKey) error
	// ChangeLoads changes all loads of the batch and inserts its reservations, or does
	// nothing. It does nothing, and says so, when a load has not the Version of its
	// change, would grow (By above 0) over its capacity, or is one of DimensionServices and
	// not there. That MUST hold whatever other transactions do at the same time. A load of
	// another dimension that is not there is made, with no limit and version 0. Changed becomes At if that is later. A load that would
	// then be below 0 is an error of kind internal. A reservation
	// whose ID is there, or whose Seller, Key and Position are, is storage.ErrConflict.
	// A batch with reservations that was refused SHOULD leave no lock behind: the
	// transaction tries other loads, in whatever order.
	ChangeLoads(ctx context.Context, b LoadBatch) (LoadResult, error)
	// Loads returns up to limit loads after the given one that were changed at or after
	// the given time, ordered by machine, server and dimension, where machines come
	// before servers. The zero LoadKey is before all.
	Loads(ctx context.Context, since time.Time, after LoadKey, limit int) ([]Load, error)
	// LoadsOf returns all loads of a server or machine (a key without dimension), by
	// dimension.
	LoadsOf(ctx context.Context, of LoadKey) ([]Load, error)
}
