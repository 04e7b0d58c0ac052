package provisioning

import (
	"context"
	"time"
)

// Group is a server group: logical servers of one kind that plans are sold on, such as
// "web" and "priority web". It may span many machines.
type Group struct {
	ID GroupID `json:"id"`
	// Version counts the changes, from 1. In [Manager.PutGroup] it is the version that
	// was read; 0: a new group.
	Version int64     `json:"version"`
	Changed time.Time `json:"changed"`        // set by PutGroup
	Name    string    `json:"name,omitempty"` // for people
	// Kind is what all its servers are. It does not change while the group has any.
	Kind Kind `json:"kind"`
}

// GroupRows are the rows of groups.
type GroupRows interface {
	// PutGroup inserts the group if its Version is 1, else replaces the one with the
	// Version before. It MUST fail with storage.ErrConflict when the stored version is
	// another one (for Version 1: when there is such a group).
	PutGroup(ctx context.Context, g Group) error
	// Group returns a group, or storage.ErrNotFound.
	Group(ctx context.Context, id GroupID) (Group, error)
	// Groups returns up to limit groups after the given one, by ID.
	Groups(ctx context.Context, after GroupID, limit int) ([]Group, error)
	// RemoveGroup deletes a group. It is storage.ErrNotFound if there is none,
	// storage.ErrConflict if it has another version.
	RemoveGroup(ctx context.Context, id GroupID, version int64) error
}
