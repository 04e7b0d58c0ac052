package provisioning

import (
	"maps"
	"slices"
	"time"
)

// ReserveRequest asks for room for the services of one order: all of it, or none.
type ReserveRequest struct {
	// Key makes the request repeatable: the same key with the same request returns what
	// was reserved. "": no key.
	Key     string
	Seller  string // whose customer it is for; decides which machines come into question
	Account string
	Demands []Demand
	// Hold is how long the reservations are held; 0: [Options.Hold].
	Hold time.Duration
}

// Demand asks for room for one service.
type Demand struct {
	// Name tells the demands of a request apart: "web", "ns2".
	Name string
	// Group is where the service belongs. "": any group of Kind.
	Group GroupID
	Kind  Kind
	// Amounts are how much it takes, by dimension; not negative. DimensionServices is 1 if
	// it is not there.
	Amounts map[string]int64

	Platform string   // "": any
	Require  []string // tags that the server or its machine must have
	Forbid   []string // tags that neither may have
	Server   ServerID // "": any
	Exclude  []ServerID
	// With and Apart are names of demands of the same request that are to be on the same
	// machine, or on other machines in other failure domains; WithServers and
	// ApartServers are servers that other services are on already.
	With, Apart               []string
	WithServers, ApartServers []ServerID
	// Waive allows to go without With and Apart where they cannot be met; the reservation
	// is then Degraded.
	Waive bool
}
// Clone returns a copy that shares nothing with d.
func (d Demand) Clone() Demand {
	d.Amounts = maps.Clone(d.Amounts)
	d.Require, d.Forbid = slices.Clone(d.Require), slices.Clone(d.Forbid)
	d.Exclude = slices.Clone(d.Exclude)
	d.With, d.Apart = slices.Clone(d.With), slices.Clone(d.Apart)
	d.WithServers, d.ApartServers = slices.Clone(d.WithServers), slices.Clone(d.ApartServers)
	return d
}
