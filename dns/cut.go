package dns

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost"
)

// Cut is where a zone ends because another zone here begins: what it publishes of that one.
// It is needed where one of its name servers does not have the zone below, and would deny
// that there is such a name, and where one of the two is signed: resolvers want the DS, or
// proof that there is none beside an NS (RFC 4035, 5.2). Where all servers have both, and
// neither is signed, each answers for the zone below itself.
type Cut struct {
	Zone Name `json:"zone"` // the one below
	// Records are the delegation: its NS, the addresses of those that are within it, and DS.
	Records []Record `json:"records"`
}

// Clone returns a copy that shares no memory with c.
func (c Cut) Clone() Cut {
	c.Records = slices.Clone(c.Records)
	return c
}

// cut is what z publishes of a zone below it; ok is false if it need not.
func (z *Zone) cut(below *Zone) (c Cut, ok bool) {
	lacks := func(s ApexServer) bool {
		return !slices.ContainsFunc(below.Servers, func(o ApexServer) bool { return o.Server == s.Server })
	}
	if len(below.Servers) == 0 || len(z.Keys) == 0 && len(below.Keys) == 0 && !slices.ContainsFunc(z.Servers, lacks) {
		return c, false
	}
	ttl := z.Timers.withDefaults().TTL
	c = Cut{Zone: below.Name}
	for _, s := range below.Servers {
		c.Records = append(c.Records, Record{Name: below.Name, TTL: ttl, Data: NS{Host: s.Name}})
	}
	for _, s := range below.Servers {
		if s.Name.Within(below.Name) {
			c.Records = append(c.Records, s.glue(ttl)...)
		}
	}
	for _, r := range below.Keys {
		r.TTL = ttl
		c.Records = append(c.Records, r)
	}
	return c, true
}

// glue are the addresses of a name server.
func (s *ApexServer) glue(ttl uint32) []Record {
	var out []Record
	for _, a := range s.Addresses {
		var data RData = AAAA{Addr: a}
		if a.Is4() {
			data = A{Addr: a}
		}
		out = append(out, Record{Name: s.Name, TTL: ttl, Data: data})
	}
	return out
}

// delegate sets what z publishes of zones below it, and reports whether that is anything
// else than before.
func (z *Zone) delegate(below ...*Zone) (changed bool) {
	was := z.Cuts
	z.Cuts = slices.Clone(z.Cuts)
	for _, b := range below {
		z.Cuts = slices.DeleteFunc(z.Cuts, func(c Cut) bool { return c.Zone == b.Name })
		if c, ok := z.cut(b); ok && b.State == ZoneActive {
			z.Cuts = append(z.Cuts, c)
		}
	}
	slices.SortFunc(z.Cuts, func(a, b Cut) int { return a.Zone.Compare(b.Zone) })
	return !slices.EqualFunc(was, z.Cuts, func(a, b Cut) bool { return a.Zone == b.Zone && slices.Equal(a.Records, b.Records) })
}

// above returns the zone that is the nearest above a name; ok is false if there is none.
func (u *unit) above(ctx context.Context, name Name) (z Zone, ok bool, err error) {
	var names []Name
	for n := name; n.NumLabels() > 1; {
		n = n.Parent()
		names = append(names, n)
	}
	found, err := u.rows.Zones(ctx, names)
	if err != nil {
		return z, false, err
	}
	found = slices.DeleteFunc(found, func(z Zone) bool { return z.State != ZoneActive })
	if len(found) == 0 {
		return z, false, nil
	}
	return slices.MaxFunc(found, func(a, b Zone) int { return a.Name.NumLabels() - b.Name.NumLabels() }), true, nil
}

// mostBelow bounds how many zones are looked at below a name.
const mostBelow = 10_000

func tooManyBelow(name Name) error {
	return tierhost.E("dns", tierhost.KindLimited, "too_many_below", fmt.Errorf("%d zones or more are below %s", mostBelow, name))
}

// below returns the zones that are below a name and below no other zone that is.
func (u *unit) below(ctx context.Context, name Name) ([]*Zone, error) {
	found, err := u.rows.ZonesBelow(ctx, name, mostBelow)
	if err != nil {
		return nil, err
	}
	if len(found) == mostBelow {
		return nil, tooManyBelow(name)
	}
	var next []*Zone
	for i := range found { // those below a zone come right after it
		if n := len(next); n == 0 || !found[i].Name.Below(next[n-1].Name) {
			next = append(next, &found[i])
		}
	}
	return next, nil
}

// cutsOf sets what a zone that is new, on other servers, or has other keys, publishes of those
// below it.
func (u *unit) cutsOf(ctx context.Context, z *Zone) error {
	below, err := u.below(ctx, z.Name)
	if err != nil {
		return err
	}
	z.Cuts = nil
	z.delegate(below...)
	return nil
}

// tellAbove has the zone above publish what has become of z: it is new, gone, or on other
// servers.
func (u *unit) tellAbove(ctx context.Context, z *Zone, by string) error {
	above, ok, err := u.above(ctx, z.Name)
	if err != nil || !ok {
		return err
	}
	next := above.Clone()
	below := []*Zone{z}
	if z.State == ZoneActive {
		// What is below z is for z to delegate.
		next.Cuts = slices.DeleteFunc(next.Cuts, func(c Cut) bool { return c.Zone.Below(z.Name) })
	} else {
		orphans, err := u.below(ctx, z.Name)
		if err != nil {
			return err
		}
		below = append(below, orphans...)
	}
	if !next.delegate(below...) && len(next.Cuts) == len(above.Cuts) {
		return nil
	}
	from := above.Version
	if t, ok := u.touched[above.Name]; ok && t.to == from {
		from = t.from
	}
	err = u.revise(ctx, &next, &above, by)
	if invalid, ok := errors.AsType[*tierhost.Invalid](err); ok {
		var issues tierhost.Issues
		for _, i := range invalid.Issues {
			issues.Add(tierhost.Path("above", i.Path), i.Code, "in %s, which has to delegate %s: %s", above.Name, z.Name, i.Message)
		}
		return issues.Err()
	}
	u.touched[next.Name] = touch{from, next.Version}
	return err
}

// sameApex reports whether two states of a zone are on the same servers, under the same
// names and with the same keys.
func sameApex(a, b *Zone) bool {
	return slices.Equal(a.Keys, b.Keys) && slices.EqualFunc(a.Servers, b.Servers, func(a, b ApexServer) bool {
		return a.Server == b.Server && a.Name == b.Name && slices.Equal(a.Addresses, b.Addresses)
	})
}
