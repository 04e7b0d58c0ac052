package gateways

import (
	"maps"
	"time"
)

// Inbound is a notice in the inbox. It is done when what it is about was found out and
// kept, not when it came: one that failed is tried again, and only one that is done is a
// duplicate.
type Inbound struct {
	Account AccountID   `json:"account"`
	Event   string      `json:"event"` // the provider's name of it, or a digest where it gives none
	Version int64       `json:"version"`
	Kind    string      `json:"kind,omitempty"`
	Came    time.Time   `json:"came"` // the first time
	Payment PaymentID   `json:"payment,omitempty"`
	State   NoticeState `json:"state"`
	Notice  Notice      `json:"notice"`
	Tries   int         `json:"tries,omitempty"`
	Failure string      `json:"failure,omitempty"`
	Due     time.Time   `json:"due,omitzero"`
	Done    time.Time   `json:"done,omitzero"`
}

// NoticeState is how far a notice is.
type NoticeState string

// The states of notices.
const (
	NoticeReceived NoticeState = "received" // it came, and is being worked on or will be
	NoticeDone     NoticeState = "done"
	NoticeIgnored  NoticeState = "ignored" // it is about nothing that we know; done
	NoticeParked   NoticeState = "parked"  // it failed too often
)

// Clone returns a copy that shares nothing with n.
func (n Inbound) Clone() Inbound {
	if r := n.Notice.Result; r != nil {
		copied := *r
		copied.Facts = maps.Clone(r.Facts)
		if r.Action != nil {
			a := r.Action.clone()
			copied.Action = &a
		}
		n.Notice.Result = &copied
	}
	if d := n.Notice.Dispute; d != nil {
		copied := *d
		n.Notice.Dispute = &copied
	}
	return n
}
