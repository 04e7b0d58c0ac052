package provisioning

import (
	"encoding/json"
	"net/netip"
)

// Names of things of this package. They are chosen by the host, are compared byte by
// byte, and are at most 128 bytes of UTF-8 without spaces and control characters.
type (
	// Kind is what a service or a server is: "web", "mail", "dns", "mysql", … any word
	// that the host uses.
	Kind string
	// MachineID names a physical server.
	MachineID string
	// ServerID names a logical server: one service's software on one machine.
	ServerID string
	// GroupID names a server group.
	GroupID string
	// ServiceID names a hosted thing.
	ServiceID string
)

// Place is a logical server, as far as drivers need to know it.
type Place struct {
	Server    ServerID
	Machine   MachineID
	Kind      Kind
	Platform  string       // the machine's
	Addresses []netip.Addr // the server's own, service addresses first
	// Config is what the driver needs to reach the server, as JSON of the driver's own
	// type. Secrets do not belong here: a driver is given them when it is made.
	Config json.RawMessage
}
