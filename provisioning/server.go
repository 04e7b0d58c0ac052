package provisioning

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// DimensionServices is the dimension in which every service counts one.
const DimensionServices = "services"

// Server is a logical server: the software of one kind of service on one machine.
type Server struct {
	ID ServerID `json:"id"`
	// Version counts the changes, from 1. In [Manager.PutServer] it is the version that
	// was read; 0: a new server.
	Version int64     `json:"version"`
	Changed time.Time `json:"changed"`        // set by PutServer
	Name    string    `json:"name,omitempty"` // for people
	// Machine and Group may change while nothing is on the server. The machine must carry
	// the group.
	Machine MachineID `json:"machine"`
	Group   GroupID   `json:"group"`
	Kind    Kind      `json:"kind"` // the group's, set by PutServer
	// Driver names who works on the server, in [Options.Drivers].
	Driver string `json:"driver,omitempty"`
	// Config is what the driver needs to reach the server, as JSON of the driver's own
	// type, without secrets.
	Config    json.RawMessage `json:"config,omitempty"`
	Addresses []netip.Addr    `json:"addresses,omitempty"` // service addresses first
	// Capacity is how much the server may hold, by dimension: [DimensionServices], and
	// words of the host's such as "disk_mb", each in the unit that its demands use. A
	// dimension that is not there is not limited, but counted.
	Capacity map[string]int64 `json:"capacity,omitempty"`
	// Weight is the server's share of new services under a picker that goes by weight,
	// among those of its group; 0 is 1.
	Weight int64    `json:"weight,omitempty"`
	Tags   []string `json:"tags,omitempty"` // sorted; the machine's count as well
	Status Status   `json:"status"`         // "" is StatusActive
}

// Clone returns a copy that shares nothing with s.
func (s Server) Clone() Server {
	s.Config = slices.Clone(s.Config)
	s.Addresses = slices.Clone(s.Addresses)
	s.Capacity = maps.Clone(s.Capacity)
	s.Tags = slices.Clone(s.Tags)
	return s
}

// Place returns the server as drivers see it. m is its machine.
func (s Server) Place(m Machine) Place {
	s = s.Clone()
	return Place{Server: s.ID, Machine: s.Machine, Kind: s.Kind, Platform: m.Platform, Addresses: s.Addresses, Config: s.Config}
}

// ServerQuery selects servers; the zero value selects all.
type ServerQuery struct {
	Machine MachineID // "": of any
	Group   GroupID   // "": of any
}

// ServerRows are the rows of servers.
type ServerRows interface {
	// PutServer inserts or replaces a server, as PutGroup does a group.
	PutServer(ctx context.Context, s Server) error
	// Server returns a server, or storage.ErrNotFound.
	Server(ctx context.Context, id ServerID) (Server, error)
	// Servers returns up to limit servers after the given one, by ID.
	Servers(ctx context.Context, q ServerQuery, after ServerID, limit int) ([]Server, error)
	// RemoveServer deletes a server, as RemoveGroup does a group.
	RemoveServer(ctx context.Context, id ServerID, version int64) error
}
