package provisioning

import (
	"bytes"
	"slices"
	"time"
)

// ChainID names an order.
type ChainID string

// ChainState is how far the services of an order have come.
type ChainState string

// The states of a chain. Building becomes done, or undoing and then undone, or parked.
const (
	ChainBuilding ChainState = "building" // the services are made, one after the other
	ChainDone     ChainState = "done"     // all are there
	ChainUndoing  ChainState = "undoing"  // one failed; what was made is removed, the last first
	ChainUndone   ChainState = "undone"   // nothing is left of it
	ChainParked   ChainState = "parked"   // one failed; Leftovers lists what is there
)

// OnFailure says what becomes of an order of which one service fails for good.
type OnFailure string

// What may become of it.
const (
	Undo OnFailure = ""     // those already made are removed, in reverse order
	Park OnFailure = "park" // they are kept, and the chain is parked
)

// Chain is the services that were ordered together. They are made one after the other;
// once it is done each goes its own way.
type Chain struct {
	ID ChainID `json:"id"`
	// Version counts the writes of the row, from 1.
	Version int64  `json:"version"`
	Seller  string `json:"seller"`
	Account string `json:"account"`
	// Key is the idempotency key of the order, unique for the seller if not empty;
	// Fingerprint is of what was ordered.
	Key         string      `json:"key,omitempty"`
	Fingerprint []byte      `json:"fingerprint,omitempty"`
	Ordered     time.Time   `json:"ordered"`
	Services    []ServiceID `json:"services"`
	OnFailure   OnFailure   `json:"on_failure,omitempty"`
	State       ChainState  `json:"state"`
	// At is the position of the service that is being made, or removed while undoing.
	At int `json:"at"`
	// Failed is the service that failed, and Reason why.
	Failed ServiceID `json:"failed,omitempty"`
	Reason string    `json:"reason,omitempty"`
	// Leftovers are the services of which something may still be there though the
	// order failed, in the order they were made.
	Leftovers []ServiceID `json:"leftovers,omitempty"`
}

// Clone returns a copy that shares no memory with c.
func (c Chain) Clone() Chain {
	c.Fingerprint = bytes.Clone(c.Fingerprint)
	c.Services, c.Leftovers = slices.Clone(c.Services), slices.Clone(c.Leftovers)
	return c
}
