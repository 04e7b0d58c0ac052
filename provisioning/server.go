package provisioning

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
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
	// Since selects those written at a later revision.
	Since int64
}

// ServerRows are the rows of servers.
type ServerRows interface {
	// PutServer inserts or replaces a server, as PutGroup does a group.
	PutServer(ctx context.Context, s Server) error
	// Server returns a server, or storage.ErrNotFound.
	Server(ctx context.Context, id ServerID) (Server, error)
	// Servers returns up to limit servers after the given one, by ID.
	Servers(ctx context.Context, q ServerQuery, after ServerID, limit int) ([]Server, error)
	// RemoveServer deletes a server, as RemoveGroup does a group. The revision tells so.
	RemoveServer(ctx context.Context, id ServerID, version int64) error
}

// normal is the server as it is kept, or all its faults.
func (s Server) normal(o Options) (Server, error) {
	s = s.Clone()
	var c checker
	c.name("id", string(s.ID))
	c.text("name", s.Name, maxText)
	c.name("machine", string(s.Machine))
	c.name("group", string(s.Group))
	c.optional("driver", s.Driver)
	if s.Driver != "" && o.Drivers != nil && o.Drivers[s.Driver] == nil {
		c.Add("driver", "unknown_driver", "there is no driver %.128q", s.Driver)
	}
	c.config("config", s.Config)
	c.addresses("addresses", s.Addresses)
	c.amounts("capacity", s.Capacity)
	if s.Weight < 0 || s.Weight > placement.MaxWeight {
		c.Add("weight", "out_of_range", "%d is not from 0 to %d", s.Weight, placement.MaxWeight)
	}
	s.Tags = names(&c, "tags", s.Tags, maxTags)
	s.Status = c.status("status", s.Status)
	return s, c.Err()
}

// PutServer makes or changes a server and returns it as it is kept. s.Version is the
// version that was read, 0 for a new server. Kind becomes that of the group.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrNoMachine] and
// [ErrNoGroup], with [ErrGroupNotCarried] if the machine does not carry the group, with
// [ErrStale] if the server has another version by now, and with [ErrInUse] if the
// capacity would be below what is used, or if the machine or group of a server was to
// change that holds something or has pools of addresses.
func (m *Manager) PutServer(ctx context.Context, s Server) (Server, error) {
	const op = "provisioning.PutServer"
	kept, err := s.normal(m.opt)
	if err != nil {
		return Server{}, err
	}
	err = m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Server(ctx, s.ID)
		if err := known(op, err, old.Version, s.Version); err != nil {
			return err
		}
		group, err := rows.Group(ctx, s.Group)
		if err != nil {
			return missing(op, ErrNoGroup, err)
		}
		machine, err := rows.Machine(ctx, s.Machine)
		if err != nil {
			return missing(op, ErrNoMachine, err)
		}
		if !slices.Contains(machine.Groups, s.Group) {
			return tierhost.E(op, 0, "", fmt.Errorf("%w: machine %q, group %q", ErrGroupNotCarried, s.Machine, s.Group))
		}
		kept.Kind = group.Kind
		moved := old.Version > 0 && (old.Machine != s.Machine || old.Group != s.Group)
		return m.putServer(ctx, op, rows, outbox, old, &kept, moved)
	})
	return kept, err
}

// putServer writes the next version of a server with its room, and tells. One that is to
// be empty is refused if it is not.
func (m *Manager) putServer(
	ctx context.Context, op string, rows Rows, outbox storage.Outbox, old Server, kept *Server, empty bool,
) error {
	kept.Version, kept.Changed = old.Version+1, m.now()
	if err := rows.PutServer(ctx, *kept); err != nil {
		return err
	}
	of := LoadKey{Server: kept.ID}
	if err := putRoom(ctx, op, rows, of, kept.Version, kept.Capacity, kept.Changed); err != nil {
		return err
	}
	if empty {
		if err := isEmpty(ctx, op, rows, of); err != nil {
			return err
		}
	}
	event := ServerChanged{
		Server: kept.ID, Version: kept.Version, Machine: kept.Machine, Group: kept.Group, Kind: kept.Kind, Status: kept.Status,
	}
	if old.Version > 0 {
		event.Was = old.Status
	}
	return m.tell(ctx, outbox, kept.Changed, event)
}

// isEmpty refuses a server or machine that holds something. Its room was written in the
// transaction.
func isEmpty(ctx context.Context, op string, rows Rows, of LoadKey) error {
	loads, err := rows.LoadsOf(ctx, of)
	if err != nil {
		return err
	}
	for _, load := range loads {
		if load.Used != 0 {
			return inUse(op, "it holds %d of %q", load.Used, load.Dimension)
		}
	}
	return nil
}

// SetServerStatus changes nothing but the status of a server, whatever its version. A
// server that has the status already is left alone.
//
// It fails with [ErrNoServer] and with a [*tierhost.Invalid] for a status there is not.
func (m *Manager) SetServerStatus(ctx context.Context, id ServerID, status Status) (kept Server, err error) {
	const op = "provisioning.SetServerStatus"
	var c checker
	status = c.status("status", status)
	if err := c.Err(); err != nil {
		return Server{}, err
	}
	err = m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Server(ctx, id)
		if err != nil {
			return missing(op, ErrNoServer, err)
		}
		if kept = old.Clone(); old.Status == status {
			return nil
		}
		kept.Status = status
		return m.putServer(ctx, op, rows, outbox, old, &kept, false)
	})
	return kept, err
}

// Server returns a server, or [ErrNoServer].
func (m *Manager) Server(ctx context.Context, id ServerID) (s Server, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		s, err = rows.Server(ctx, id)
		return err
	})
	return s, missing("provisioning.Server", ErrNoServer, err)
}

// Servers yields the servers that match, by ID. An error is yielded once and ends the
// sequence. No transaction is held meanwhile; each range starts anew.
func (m *Manager) Servers(ctx context.Context, q ServerQuery) iter.Seq2[Server, error] {
	return pages(ctx, m, func(x Server) ServerID { return x.ID },
		func(ctx context.Context, rows Rows, after ServerID) ([]Server, error) {
			return rows.Servers(ctx, q, after, pageSize)
		})
}

// RemoveServer deletes a server. version is the one that was read. It fails with
// [ErrNoServer], [ErrStale], and [ErrInUse] while it holds something or has pools of
// addresses.
func (m *Manager) RemoveServer(ctx context.Context, id ServerID, version int64) error {
	const op = "provisioning.RemoveServer"
	return m.change(ctx, func(ctx context.Context, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Server(ctx, id)
		if err != nil {
			return missing(op, ErrNoServer, err)
		}
		if err := known(op, nil, old.Version, version); err != nil {
			return err
		}
		pools, err := rows.Pools(ctx, id, "", 1)
		if err != nil {
			return err
		}
		if len(pools) > 0 {
			return inUse(op, "the server has pool %q", pools[0].ID)
		}
		if err := rows.RemoveRoom(ctx, LoadKey{Server: id}); err != nil {
			return err
		}
		if err := rows.RemoveServer(ctx, id, version); err != nil {
			return err
		}
		return m.tell(ctx, outbox, m.now(), ServerRemoved{Server: id})
	})
}

// ServerLoads returns how full a server is, by dimension, or [ErrNoServer].
func (m *Manager) ServerLoads(ctx context.Context, id ServerID) (loads []Load, err error) {
	return m.loadsOf(ctx, LoadKey{Server: id}, fmt.Errorf("%w: %.128q", ErrNoServer, id))
}
