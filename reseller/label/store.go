package label

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Store is where brands are kept. Its rows obey no rule but those stated: the manager
// decides, the store keeps.
//
// Within v1 new abilities arrive as further interfaces.
type Store interface {
	storage.OutboxStore
	// Label returns this package's rows within tx. It returns storage.ErrForeignTx for a
	// transaction of another store and storage.ErrTxDone for one that has ended.
	Label(tx storage.Tx) (Rows, error)
}

// Rows are the brands within one transaction. Values given and returned are copies:
// neither side MUST see later changes of the other's. All fields MUST come back equal,
// where an empty list or map may come back as none; times are kept to the microsecond,
// in UTC. Every read sees the transaction's own writes. Texts are UTF-8 without NUL. Writing in a
// View is storage.ErrReadOnly.
//
// Host names are given in the form of [ParseHost] and compared byte by byte.
//
// Within v1 no method will be added to this interface.
type Rows interface {
	// PutBrand inserts the brand if its Version is 1, else replaces the one with the
	// Version before; the brand's hosts are those of b from then on. It MUST fail whole,
	// with
	//   - storage.ErrConflict when the stored version is another one (for Version 1: when
	//     there is a brand): another transaction was faster;
	//   - ErrHostTaken when a host belongs to another seller's brand, also if that one is
	//     written by a transaction at the same time (a conflict comes before it).
	PutBrand(ctx context.Context, b Brand) error
	// Brand returns a seller's brand, or storage.ErrNotFound.
	Brand(ctx context.Context, seller billing.SellerID) (Brand, error)
	// BrandByHost returns the brand to which the host belongs, or storage.ErrNotFound.
	BrandByHost(ctx context.Context, host string) (Brand, error)
	// Brands returns up to limit brands of sellers after the given one, in order of the
	// seller's bytes. A limit below 1 is none.
	Brands(ctx context.Context, after billing.SellerID, limit int) ([]Brand, error)
	// RemoveBrand deletes a brand, whose hosts are free from then on. It is
	// storage.ErrNotFound if there is none, storage.ErrConflict if it has another
	// version.
	RemoveBrand(ctx context.Context, seller billing.SellerID, version int64) error
}
