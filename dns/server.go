package dns

import (
	"encoding/json"
	"net/netip"
	"slices"
)

// MachineID names the machine that a name server runs on, and Domain what machines fail
// together in: a rack, a site. Both are opaque: they only say what is different.
type (
	MachineID string
	Domain    string
)

// Role is what a name server may be for a zone.
type Role string

// The roles. Zones get a server that may be primary and one that may be secondary.
const (
	RoleAny       Role = "any"
	RolePrimary   Role = "primary"
	RoleSecondary Role = "secondary"
)

// ServerStatus says what a name server is used for.
type ServerStatus string

// The states of a server.
const (
	ServerActive   ServerStatus = "active"   // it gets new zones
	ServerDraining ServerStatus = "draining" // it keeps its zones and gets no new ones
	ServerDown     ServerStatus = "down"     // it is not called: its zones wait
)

// Server is a name server that zones are published on.
type Server struct {
	ID      ServerID `json:"id"`
	Version int64    `json:"version"`
	// Name is the host name that NS records have, unless a seller has its own for it.
	Name      Name            `json:"name"`
	Addresses []netip.Addr    `json:"addresses,omitempty"` // for glue, and for drivers
	Machine   MachineID       `json:"machine"`
	Domain    Domain          `json:"domain,omitempty"`
	Role      Role            `json:"role"`
	Status    ServerStatus    `json:"status"`
	Driver    string          `json:"driver"` // in [Options.Drivers]
	Config    json.RawMessage `json:"config,omitempty"`
}

// Clone returns a copy that shares no memory with s.
func (s Server) Clone() Server {
	s.Addresses = slices.Clone(s.Addresses)
	s.Config = slices.Clone(s.Config)
	return s
}

// Place is the server as drivers see it.
func (s Server) Place() Place {
	c := s.Clone()
	return Place{Server: c.ID, Name: c.Name, Addresses: c.Addresses, Config: c.Config}
}

func (s *Server) may(r Role) bool { return s.Role == RoleAny || s.Role == r }
