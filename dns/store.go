package dns

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// Store is where servers, settings, templates, zones and publications are kept. Its rows
// obey no rule but those stated: the manager decides, the store keeps.
//
// Within v1 new abilities arrive as further interfaces.
type Store interface {
	storage.OutboxStore
	// DNS returns this package's rows within tx. It returns storage.ErrForeignTx for a
	// transaction of another store and storage.ErrTxDone for one that has ended.
	DNS(tx storage.Tx) (Rows, error)
}

// Rows are this package's rows within one transaction. Values given and returned are
// copies: neither side MUST see later changes of the other's. All fields MUST come back
// equal, where an empty list or map may come back as none and JSON with other white
// space; times are kept to the microsecond, in UTC. Every read sees the transaction's own
// writes. Names and IDs are compared byte by byte and listed in the order of their bytes.
// Texts are UTF-8 without NUL. A limit below 1 is none. Writing in a View is
// storage.ErrReadOnly. A write that fails may abort the transaction (storage.Transactor).
//
// A row with a Version is inserted with Version 1 and replaced with the Version after the
// stored one; a write with any other Version MUST fail with storage.ErrConflict: another
// transaction was faster. That also holds for one that runs at the same time.
//
// Within v1 no method will be added to this interface.
type Rows interface {
	ServerRows
	SettingsRows
	TemplateRows
	ZoneRows
	PublicationRows
	AliasRows
}

// ServerRows are the name servers and their gates.
type ServerRows interface {
	// PutServer writes a server by its Version.
	PutServer(ctx context.Context, s Server) error
	// Server returns a server, or storage.ErrNotFound.
	Server(ctx context.Context, id ServerID) (Server, error)
	// Servers returns up to limit servers after the given one.
	Servers(ctx context.Context, after ServerID, limit int) ([]Server, error)
	// RemoveServer deletes a server at the version. One that is not there is
	// storage.ErrNotFound, one at another version storage.ErrConflict.
	RemoveServer(ctx context.Context, id ServerID, version int64) error

	// LockGate returns the gate of a server, one with nothing but its Server if there is
	// none yet, and keeps it from other transactions that lock it until this one ends.
	LockGate(ctx context.Context, server ServerID) (Gate, error)
	// PutGate writes a gate that this transaction has locked.
	PutGate(ctx context.Context, g Gate) error
	// Gates returns up to limit gates of servers after the given one whose ClosedUntil is
	// after the instant; the zero time: all.
	Gates(ctx context.Context, closedAt time.Time, after ServerID, limit int) ([]Gate, error)
}

// SettingsRows are the settings of sellers.
type SettingsRows interface {
	// PutSettings writes settings by their Version.
	PutSettings(ctx context.Context, s Settings) error
	// Settings returns the settings of a seller, or storage.ErrNotFound.
	Settings(ctx context.Context, seller string) (Settings, error)
}

// TemplateRows are the versions of templates and of sets of variables, which are never
// replaced: each write adds a version, the one after the latest.
type TemplateRows interface {
	// AddTemplate adds a version. It MUST fail with storage.ErrConflict unless it is 1 for
	// a template that is not there and the one after the latest else.
	AddTemplate(ctx context.Context, t TemplateVersion) error
	// Template returns a version, the latest for 0, or storage.ErrNotFound.
	Template(ctx context.Context, id TemplateID, version int64) (TemplateVersion, error)
	// Templates returns the latest versions of up to limit templates after the given one.
	Templates(ctx context.Context, after TemplateID, limit int) ([]TemplateVersion, error)
	// AddSet, Set and Sets are the same for sets.
	AddSet(ctx context.Context, s SetVersion) error
	Set(ctx context.Context, id SetID, version int64) (SetVersion, error)
	Sets(ctx context.Context, after SetID, limit int) ([]SetVersion, error)
}

// ZoneRows are the zones.
type ZoneRows interface {
	// LockTree makes transactions that lock the same name wait for each other until they
	// end. What is read after it MUST be what those before have left.
	LockTree(ctx context.Context, top Name) error
	// PutZones writes zones by their Version. They are different ones. It fails whole.
	PutZones(ctx context.Context, zones []Zone) error
	// Zones returns those of the named zones that there are, removed ones too, in no order.
	Zones(ctx context.Context, names []Name) ([]Zone, error)
	// ZonePage returns up to limit zones after the given one that match the query.
	ZonePage(ctx context.Context, q ZoneQuery, after Name, limit int) ([]Zone, error)
	// ZonesBelow returns up to limit zones below a name that are not removed, in the order
	// of [Name.Reversed].
	ZonesBelow(ctx context.Context, name Name, limit int) ([]Zone, error)
}

// ZoneQuery says which zones are meant. A field that is not set does not matter.
type ZoneQuery struct {
	Seller  string
	Account string    // of the seller
	Source  Source    // among [Zone.Sources]
	State   ZoneState // "": any
}

// PublicationRows are the zones on their servers.
type PublicationRows interface {
	// PutPublications writes publications by their Version. They are different ones. It
	// fails whole.
	PutPublications(ctx context.Context, all []Publication) error
	// RemovePublication deletes a publication at the version; see RemoveServer.
	RemovePublication(ctx context.Context, key PublicationKey, version int64) error
	// Publications returns those of the given zones, in order of zone and server.
	Publications(ctx context.Context, zones []Name) ([]Publication, error)
	// PublicationPage returns up to limit publications after the given one that match the
	// query, in order of zone and server.
	PublicationPage(ctx context.Context, q PublicationQuery, after PublicationKey, limit int) ([]Publication, error)
	// DuePublications returns up to limit publications whose [Publication.Available] is not
	// zero and not after now, and whose Server is none of the given, in order of Available,
	// then of zone and server. In a transaction that writes it may leave out some that
	// another transaction is writing, and keep others from taking those that it returns.
	DuePublications(ctx context.Context, now time.Time, except []ServerID, limit int) ([]Publication, error)
	// NextDue returns the earliest Available after now, or the zero time if there is none.
	NextDue(ctx context.Context, now time.Time) (time.Time, error)
}

// PublicationQuery says which publications are meant. A field that is not set does not
// matter.
type PublicationQuery struct {
	Server ServerID
	State  PublicationState
}

// AliasRows are the instant aliases.
type AliasRows interface {
	// PutAlias writes an alias by its Version. It fails with storage.ErrExists when
	// another alias that is held is of its Seller, Account and Site; a conflict comes first.
	PutAlias(ctx context.Context, a Alias) error
	// Alias returns an alias, held or not, or storage.ErrNotFound.
	Alias(ctx context.Context, name Name) (Alias, error)
	// AliasOf returns the alias that a site holds, or storage.ErrNotFound.
	AliasOf(ctx context.Context, seller, account, site string) (Alias, error)
	// Aliases returns up to limit aliases of a zone after the given one, held or not.
	Aliases(ctx context.Context, zone Name, after Name, limit int) ([]Alias, error)
}
