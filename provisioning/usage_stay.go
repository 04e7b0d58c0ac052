package provisioning

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// attribute finds the services of a batch, the service of each sample that names none,
// and the stay in which each was taken.
func (c *counting) attribute(ctx context.Context, batch []sampled) error {
	names, holders := map[Claim]bool{}, map[ServiceID]bool{}
	for _, s := range batch {
		if s.Service == "" {
			names[Claim{c.on, s.Kind, s.Name}] = true
		} else {
			holders[s.Service] = true
		}
	}
	for name := range names {
		svc, err := c.u.rows.ServiceByName(ctx, name)
		if err == nil {
			c.services[svc.ID] = svc
		} else if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	if err := c.find(ctx, holders); err != nil || c.last {
		return err
	}
	for _, svc := range c.services {
		names[Claim{c.on, svc.Kind, svc.Name}] = true
	}
	stays, err := c.stays(ctx, names)
	if err != nil {
		return err
	}
	clear(holders)
	for i := range batch {
		s := &batch[i]
		if s.Service == "" {
			stay, known := staying(stays[Claim{c.on, s.Kind, s.Name}], s.At)
			if !known {
				continue
			}
			s.Service, s.stay = stay.Service, stay.Number
			holders[s.Service] = true
			continue
		}
		svc, first := c.services[s.Service], true
		for _, stay := range stays[Claim{c.on, svc.Kind, svc.Name}] {
			if stay.Service == s.Service && (stay.Since.Before(s.At) || first) {
				s.stay, first = stay.Number, false
			}
		}
	}
	return c.find(ctx, holders)
}

// find loads services that were not loaded yet.
func (c *counting) find(ctx context.Context, wanted map[ServiceID]bool) error {
	var ids []ServiceID
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if _, has := c.services[id]; !has {
			ids = append(ids, id)
		}
	}
	found, err := c.u.rows.Services(ctx, ids)
	for _, svc := range found {
		c.services[svc.ID] = svc
	}
	return err
}

// stays returns who has had names on the server, the earlier first.
func (c *counting) stays(ctx context.Context, names map[Claim]bool) (map[Claim][]Stay, error) {
	past, err := c.u.rows.Stays(ctx, slices.Collect(maps.Keys(names)))
	if err != nil {
		return nil, err
	}
	all := map[Claim][]Stay{}
	add := func(s Stay) {
		name := Claim{s.Server, s.Kind, s.Name}
		if !slices.ContainsFunc(all[name], func(o Stay) bool { return o.Service == s.Service && o.Number == s.Number }) {
			all[name] = append(all[name], s)
		}
	}
	for _, stay := range past {
		add(stay)
	}
	for _, svc := range c.services {
		if stay, there := svc.stay(c.on); there {
			add(stay)
		}
	}
	for _, some := range all {
		slices.SortFunc(some, func(a, b Stay) int {
			return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Number, b.Number))
		})
	}
	return all, nil
}

// staying returns whose a name was at an instant, by the server's clock. What was measured
// in the moment in which a stay begins is of what was before.
func staying(stays []Stay, at time.Time) (stay Stay, known bool) {
	for i, s := range stays {
		switch {
		case s.Since.Before(at):
			stay, known = s, s.Until.IsZero() || !at.After(s.Until.Add(clockSkew))
		case i == 0: // nobody was there before: the server's clock is slow
			stay, known = s, !at.Before(s.Since.Add(-clockSkew))
		}
	}
	return stay, known
}
