package provisioning

import (
	"context"

	"github.com/tierhost/tierhost/storage"
)

// Store is where machines, servers, addresses, reservations and services are kept. Its
// rows obey no rule but those stated: the manager decides, the store keeps.
//
// Within v1 new abilities arrive as further interfaces.
type Store interface {
	storage.OutboxStore
	// Provisioning returns this package's rows within tx. It returns
	// storage.ErrForeignTx for a transaction of another store and storage.ErrTxDone for
	// one that has ended.
	Provisioning(tx storage.Tx) (Rows, error)
}

// Rows are this package's rows within one transaction. Values given and returned are
// copies: neither side MUST see later changes of the other's. All fields MUST come back
// equal, where an empty list or map may come back as none; times are kept to the
// microsecond, in UTC. Every read sees the transaction's own writes. Names are compared
// byte by byte and listed in the order of their bytes. Texts are UTF-8 without NUL. A
// limit below 1 is none. Writing in a View is storage.ErrReadOnly.
//
// Within v1 no method will be added to this interface.
type Rows interface {
	InventoryRows
	ServiceRows
}

// Revision tells what has been written of the inventory.
type Revision struct {
	// Number grows with each transaction that writes.
	Number int64
	// Removal is the number at which a machine or a server was last removed.
	Removal int64
}

// InventoryRows are the rows of what there is to place services on.
type InventoryRows interface {
	// LockInventory makes writers of groups, machines, servers and pools wait for each
	// other until the transaction ends, and raises the number of the revision by 1 when it
	// is called for the first time in the transaction, by 1 or none later. What is read
	// after it MUST be what those before have left. It is called before any such write.
	LockInventory(ctx context.Context) error
	// Revision returns the present revision; at first it is zero.
	Revision(ctx context.Context) (Revision, error)

	GroupRows
	MachineRows
	ServerRows
	LoadRows
	ReservationRows
	PoolRows
	AddressRows
}
