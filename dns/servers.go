package dns

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// PutServer keeps a name server: a new one if its Version is 0, else the change of the one
// that was read. Zones keep the names and addresses that they were made with until
// [Manager.Apply] brings them the new ones ([Scope].Server). With another Driver or Config it
// may be another server: its zones are looked at anew, as [Manager.CheckServer] does; if that
// fails the server is kept and CheckServer has to be called again. It fails with [ErrStale], and with a
// [*tierhost.Invalid] for a server that cannot be kept; a driver that this manager has not
// got is allowed.
func (m *Manager) PutServer(ctx context.Context, s Server) (Server, error) {
	var issues tierhost.Issues
	checkID(&issues, "id", string(s.ID))
	checkHost(&issues, "name", s.Name)
	checkID(&issues, "machine", string(s.Machine))
	checkWord(&issues, "domain", string(s.Domain))
	checkID(&issues, "driver", s.Driver)
	if s.Role == "" {
		s.Role = RoleAny
	}
	if s.Status == "" {
		s.Status = ServerActive
	}
	if s.Role != RoleAny && s.Role != RolePrimary && s.Role != RoleSecondary {
		issues.Add("role", "unknown_role", "there is no role %.40q", s.Role)
	}
	if s.Status != ServerActive && s.Status != ServerDraining && s.Status != ServerDown {
		issues.Add("status", "unknown_status", "there is no status %.40q", s.Status)
	}
	for i, a := range s.Addresses {
		switch {
		case !a.IsValid() || a.IsUnspecified() || a.Is4In6() || a.Zone() != "":
			issues.Add(tierhost.Path("addresses", i), "invalid_address", "%s is not the address of a host", a)
		case slices.Contains(s.Addresses[:i], a):
			issues.Add(tierhost.Path("addresses", i), "duplicate", "%s is listed already", a)
		}
	}
	if len(s.Config) > 0 {
		config, err := compact(s.Config)
		if err != nil {
			issues.Add("config", "invalid_json", "%v", err)
		}
		s.Config = config
	}
	if err := issues.Err(); err != nil {
		return Server{}, err
	}
	s = s.Clone()
	another := false
	err := m.put(ctx, "dns.PutServer", func(ctx context.Context, u *unit) error {
		before, err := u.rows.Server(ctx, s.ID)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		another = err == nil && (before.Driver != s.Driver || string(before.Config) != string(s.Config))
		kept := s.Clone()
		kept.Version++
		return u.rows.PutServer(ctx, kept)
	})
	s.Version++
	if err == nil && another {
		err = m.CheckServer(ctx, s.ID)
	}
	return s, err
}

// put writes a row at the version after the one that was read; another one is ErrStale at
// once, and not tried again.
func (m *Manager) put(ctx context.Context, op string, fn func(ctx context.Context, u *unit) error) error {
	return m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		err := fn(ctx, u)
		if errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("%w: %v", ErrStale, err)
		}
		return err
	})
}

// Server returns a name server, or [ErrNoServer].
func (m *Manager) Server(ctx context.Context, id ServerID) (s Server, err error) {
	err = m.view(ctx, "dns.Server", func(ctx context.Context, u *unit) error {
		s, err = u.rows.Server(ctx, id)
		return missing(err, ErrNoServer)
	})
	return s, err
}

// missing has the error of a row that is not there be one of this package.
func missing(err, as error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%w: %v", as, err)
	}
	return err
}

// Servers yields the name servers in the order of their IDs; see [Manager.Zones].
func (m *Manager) Servers(ctx context.Context) iter.Seq2[Server, error] {
	return paged(func(after ServerID, size int) (page []Server, err error) {
		err = m.view(ctx, "dns.Servers", func(ctx context.Context, u *unit) error {
			page, err = u.rows.Servers(ctx, after, size)
			return err
		})
		return page, err
	}, func(s Server) ServerID { return s.ID })
}

// RemoveServer forgets a name server that no zone is on, nor is being removed from: one that
// is dead for good needs [Manager.Forget] for each before. It fails with [ErrNoServer],
// [ErrStale] and [ErrInUse].
func (m *Manager) RemoveServer(ctx context.Context, id ServerID, version int64) error {
	return m.put(ctx, "dns.RemoveServer", func(ctx context.Context, u *unit) error {
		on, err := u.rows.PublicationPage(ctx, PublicationQuery{Server: id}, PublicationKey{}, 1)
		switch {
		case err != nil:
			return err
		case len(on) > 0:
			return fmt.Errorf("%w: %.255q", ErrInUse, on[0].Zone)
		}
		return missing(u.rows.RemoveServer(ctx, id, version), ErrNoServer)
	})
}

// PutSettings keeps the settings of a seller: new ones if the Version is 0, else a change
// of those that were read. Zones that there are keep theirs until [Manager.Apply]. It
// fails with [ErrStale], and with a [*tierhost.Invalid]; servers, templates and sets that
// are named must be there.
func (m *Manager) PutSettings(ctx context.Context, s Settings) (Settings, error) {
	s = s.Clone()
	err := m.put(ctx, "dns.PutSettings", func(ctx context.Context, u *unit) error {
		if err := u.checkSettings(ctx, &s); err != nil {
			return err
		}
		kept := s.Clone()
		kept.Version++
		return u.rows.PutSettings(ctx, kept)
	})
	s.Version++
	return s, err
}

func (u *unit) checkSettings(ctx context.Context, s *Settings) error {
	var issues tierhost.Issues
	checkWord(&issues, "seller", s.Seller)
	if s.ServiceZone != "" {
		checkZoneName(&issues, "service_zone", s.ServiceZone)
		z, err := u.zone(ctx, s.ServiceZone, 0)
		switch {
		case err == nil && !z.serves(s.Seller):
			issues.Add("service_zone", "not_a_service_zone", "%s is there and is not a service zone of the seller", s.ServiceZone)
		case err != nil && !errors.Is(err, ErrNoZone):
			return err
		}
	}
	if s.Contact != "" {
		if err := s.Contact.Check(); err != nil {
			addIssues(&issues, "contact", err)
		}
	}
	if s.AliasLabel != "" {
		label, err := ParseName(s.aliasLabel("a234567890"))
		if err != nil || label.NumLabels() != 1 || label.Wildcard() || strings.Count(s.AliasLabel, AliasRandom) != 1 {
			issues.Add("alias_label", "bad_pattern", "it is a label with one %s", AliasRandom)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.NameServers)) {
		path := tierhost.Path("name_servers", string(id))
		checkHost(&issues, path, s.NameServers[id])
		switch _, err := u.rows.Server(ctx, id); {
		case errors.Is(err, storage.ErrNotFound):
			issues.Add(path, "no_server", "there is no name server %.128q", id)
		case err != nil:
			return err
		}
	}
	names := slices.Sorted(maps.Values(s.NameServers))
	if len(slices.Compact(names)) < len(s.NameServers) {
		issues.Add("name_servers", "duplicate", "two servers have one name")
	}
	for i, id := range s.Templates {
		switch _, err := u.rows.Template(ctx, id, 0); {
		case errors.Is(err, storage.ErrNotFound):
			issues.Add(tierhost.Path("templates", i), "no_template", "there is no template %.128q", id)
		case err != nil:
			return err
		}
	}
	for i, id := range s.Sets {
		switch _, err := u.rows.Set(ctx, id, 0); {
		case errors.Is(err, storage.ErrNotFound):
			issues.Add(tierhost.Path("sets", i), "no_set", "there is no set %.128q", id)
		case err != nil:
			return err
		}
	}
	for _, t := range []struct {
		path  string
		value uint32
	}{
		{"refresh", s.Timers.Refresh}, {"retry", s.Timers.Retry}, {"expire", s.Timers.Expire}, {"minimum", s.Timers.Minimum}, {"ttl", s.Timers.TTL},
	} {
		if t.value > MaxTTL {
			issues.Add(tierhost.Path("timers", t.path), "too_large", "%d seconds are more than %d", t.value, uint32(MaxTTL))
		}
	}
	if t := s.Timers.withDefaults(); soaTimes(t.Refresh, t.Retry, t.Expire) {
		issues.Add("timers", "soa_times", "secondaries would stop answering before they ask again: expire %d is not after refresh %d and retry %d", t.Expire, t.Refresh, t.Retry)
	}
	switch s.Scheme {
	case "", SerialUnix, SerialCounter, SerialDate:
	default:
		issues.Add("scheme", "unknown_scheme", "there is no scheme %.40q", s.Scheme)
	}
	for i, label := range s.Reserved {
		checkID(&issues, tierhost.Path("reserved", i), label)
	}
	return issues.Err()
}

// Settings returns the settings of a seller; one that has none has those of the zero
// value, at Version 0.
func (m *Manager) Settings(ctx context.Context, seller string) (s Settings, err error) {
	err = m.view(ctx, "dns.Settings", func(ctx context.Context, u *unit) error {
		s, err = u.settings(ctx, seller)
		return err
	})
	return s, err
}
