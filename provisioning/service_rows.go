package provisioning

import (
	"context"
	"time"
)

// ServiceRows are the services, chains, gates and what was measured within one transaction.
// Values given and returned are copies: neither side MUST see later changes of the
// other's. All fields MUST come back equal, where an empty list or map may come back as
// none and JSON with other white space; times are kept to the microsecond, in UTC. Every
// read sees the transaction's own writes. Texts are UTF-8 without NUL. Writing in a View
// is storage.ErrReadOnly. A limit below 1 is none.
//
// A write that fails may abort the transaction (storage.Transactor).
//
// Within v1 no method will be added to this interface.
type ServiceRows interface {
	// PutServices inserts those whose Version is 1 and replaces the others, which MUST be
	// stored with the Version before. The names that a service holds are those of
	// [Service.Claims] from then on. It MUST fail whole, with
	//   - storage.ErrConflict when a stored version is another one (for Version 1: when
	//     there is a service): another transaction was faster;
	//   - ErrNameTaken when another service holds a name, also if that one is written by
	//     a transaction at the same time (a conflict comes before it).
	//
	// The services are different ones. A name may pass from one of them to another.
	PutServices(ctx context.Context, services []Service) error
	// Services returns those of the given services that there are, in no order.
	Services(ctx context.Context, ids []ServiceID) ([]Service, error)
	// ServiceByName returns the service that holds a name, or storage.ErrNotFound.
	ServiceByName(ctx context.Context, name Claim) (Service, error)
	// ServicePage returns up to limit services after the given one that match the
	// query, in order of the ID's bytes.
	ServicePage(ctx context.Context, q ServiceQuery, after ServiceID, limit int) ([]Service, error)
	// DueServices returns up to limit services whose [Service.Available] is not zero and
	// not after now, and whose Queue is none of the given servers, in order of Available,
	// then of ID. In a transaction that writes it may leave out services that another
	// transaction is writing, and keep others from taking those that it returns.
	DueServices(ctx context.Context, now time.Time, except []ServerID, limit int) ([]Service, error)
	// NextDue returns the earliest Available after now, or the zero time if there is none.
	NextDue(ctx context.Context, now time.Time) (time.Time, error)

	// PutChain is PutServices for a chain. It fails with storage.ErrExists when another
	// chain of the seller has its Key, unless that is empty.
	PutChain(ctx context.Context, c Chain) error
	// Chain returns a chain, or storage.ErrNotFound.
	Chain(ctx context.Context, id ChainID) (Chain, error)
	// ChainByKey returns the chain of a seller with a key that is not empty, or
	// storage.ErrNotFound.
	ChainByKey(ctx context.Context, seller, key string) (Chain, error)
	// ChainPage returns up to limit chains after the given one that are in the state,
	// "" being any, in order of the ID's bytes.
	ChainPage(ctx context.Context, state ChainState, after ChainID, limit int) ([]Chain, error)

	// Gate returns the gate of a server, one with nothing but its Server if there is none
	// yet.
	Gate(ctx context.Context, server ServerID) (Gate, error)
	// LockGate is Gate, and keeps the gate from other transactions that lock it until
	// this one ends.
	LockGate(ctx context.Context, server ServerID) (Gate, error)
	// PutGate writes a gate that this transaction has locked.
	PutGate(ctx context.Context, g Gate) error
	// Gates returns up to limit gates of servers after the given one whose ClosedUntil
	// is after the instant, in order of the server's bytes; the zero time: all.
	Gates(ctx context.Context, closedAt time.Time, after ServerID, limit int) ([]Gate, error)

	UsageRows
}

// ServiceQuery says which services are meant. A field that is not set does not matter.
type ServiceQuery struct {
	Seller  string
	Account string // of the seller
	Server  ServerID
	Kind    Kind
	Phase   Phase
	Chain   ChainID
}
