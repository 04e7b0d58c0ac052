package dns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tierhost/tierhost"
)

// ZoneRequest asks for a zone.
type ZoneRequest struct {
	Name    Name
	Seller  string
	Account string
	Purpose Purpose // "": [PurposeDomain]
	// Open allows other accounts to have zones below it.
	Open bool
	// Templates and Sets are what it is made from, in their latest versions; nil: those
	// of the seller's settings. With Bare it has neither.
	Templates []TemplateID
	Sets      []SetID
	Bare      bool
	Vars      Vars // go before those of the sets
	// Servers are the name servers, the primary first; nil: they are picked, for a zone of
	// [PurposeThird] those of the zone above, if they get new zones.
	Servers []ServerID
	Custom  []Record // custom records that it has from the beginning
	// Leave are names of zones, above or below, whose owners have agreed to this one.
	Leave []Name
	// Registry: the host is the registry of the name, which others register names below: it
	// may be a public suffix (co.uk), or a name that reverse zones are below.
	Registry bool
	// Key, if not "", names the request: sent again, it is not done again. Each zone has the
	// key that it was made with.
	Key string
	By  string // who asks for it, for staff
}

// Create makes a zone and has it published. It is named once: [ErrZoneExists] if it is
// there, whoever has it. It fails with [ErrForeignZone] if it is below or above a zone of
// another account, or of the service zone, unless that one is Open, or named in Leave;
// and below such a one if it has something there: records, an instant alias that is held or
// at rest, one of the [ReservedLabels] of a service zone. It fails
// with [ErrNoServers], [ErrNoTemplate], [ErrNoSet]; and with a [*tierhost.Invalid] that
// has all faults of the request or of the zone that it would be.
//
// A zone below another one that is kept here is delegated there where that is needed (see
// [Cut]): if something stands in the way in the zone above, the fault's path begins with
// "above". A zone above others takes their delegations over.
//
// A zone that is being removed, or was, can be made again at once: its serial goes on
// from where it was.
//
// A request with the Key of the zone that is there, of the same account, makes nothing: it
// returns the zone as it is by now, [ErrNoZone] if it was removed since, and [ErrKeyReused]
// if the request is another one.
func (m *Manager) Create(ctx context.Context, r ZoneRequest) (z Zone, err error) {
	const op = "dns.Create"
	if r.Purpose == "" {
		r.Purpose = PurposeDomain
	}
	if err := r.check(); err != nil {
		return Zone{}, err
	}
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		var done bool
		if z, done, err = u.made(ctx, &r); err != nil || done {
			return err
		}
		if z, err = u.draft(ctx, &r); err != nil {
			return err
		}
		z.Key, z.Asked = r.Key, r.digest()
		for _, record := range r.Custom {
			z.addCustom(record, r.By, u)
		}
		return u.revise(ctx, &z, nil, r.By)
	})
	return z.Clone(), err
}

// made returns the zone that an earlier attempt of the request has made.
func (u *unit) made(ctx context.Context, r *ZoneRequest) (z Zone, done bool, err error) {
	if r.Key == "" {
		return z, false, nil
	}
	if err := u.rows.LockTree(ctx, top(r.Name)); err != nil {
		return z, false, err
	}
	switch z, err = u.row(ctx, r.Name); {
	case errors.Is(err, ErrNoZone):
		return z, false, nil
	case err != nil || z.Key != r.Key || !z.OwnedBy(r.Seller, r.Account):
		return z, false, err
	case z.Asked != r.digest():
		return z, false, fmt.Errorf("%w: %s", ErrKeyReused, r.Name)
	case z.State == ZoneRemoved:
		return z, false, fmt.Errorf("%w: %s was removed since", ErrNoZone, r.Name)
	}
	return z, true, nil
}

// digest stands for what is asked for, whoever asks; "" for a request without a key.
func (r *ZoneRequest) digest() string {
	if r.Key == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "dns.ZoneRequest/1\x00%q %q %q %q %t %q %q %t %q %q", r.Name, r.Seller, r.Account, r.Purpose, r.Open, r.Templates, r.Sets, r.Bare,
		r.Servers, slices.Sorted(slices.Values(r.Leave)))
	for _, name := range slices.Sorted(maps.Keys(r.Vars)) {
		fmt.Fprintf(h, "\x00%q %q", name, r.Vars[name])
	}
	for _, record := range r.Custom {
		fmt.Fprintf(h, "\x00%q", record.String())
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// draft is the zone that a request asks for, without custom records and a revision of its
// own, but with what it has to delegate. What was there under the name goes on.
func (u *unit) draft(ctx context.Context, r *ZoneRequest) (z Zone, err error) {
	if err := u.rows.LockTree(ctx, top(r.Name)); err != nil {
		return z, err
	}
	old, err := u.row(ctx, r.Name)
	if err != nil && !errors.Is(err, ErrNoZone) {
		return z, err
	}
	if old.State == ZoneActive {
		return z, fmt.Errorf("%w: %s", ErrZoneExists, r.Name)
	}
	if err := u.mayExist(ctx, r); err != nil {
		return z, err
	}
	s, err := u.settings(ctx, r.Seller)
	if err != nil {
		return z, err
	}
	z = Zone{
		Name: r.Name, Version: old.Version, State: ZoneActive, Seller: r.Seller, Account: r.Account, Purpose: r.Purpose,
		Open: r.Open, Vars: r.Vars.Clone(), Drawn: old.Drawn, Revision: old.Revision, Serial: old.Serial, Created: u.now,
	}
	z.adopt(&s)
	if err := u.refer(ctx, &z, r, &s); err != nil {
		return z, err
	}
	servers, err := u.servers(ctx)
	if err != nil {
		return z, err
	}
	if r.Purpose == PurposeThird && len(r.Servers) == 0 {
		// On the servers of the zone above nothing has to be delegated.
		above, _, err := u.above(ctx, r.Name)
		if err != nil {
			return z, err
		}
		var same []ServerID
		for _, s := range above.Servers {
			same = append(same, s.Server)
		}
		if z.Servers, err = choose(servers, &s, same, u.m.opt.Waiver, u.m.dice.below); err == nil {
			return z, u.cutsOf(ctx, &z)
		}
	}
	if z.Servers, err = choose(servers, &s, r.Servers, u.m.opt.Waiver, u.m.dice.below); err != nil {
		return z, err
	}
	return z, u.cutsOf(ctx, &z)
}

// check finds the faults of a request that need no store.
func (r *ZoneRequest) check() error {
	var issues tierhost.Issues
	checkZoneName(&issues, "name", r.Name)
	checkWord(&issues, "seller", r.Seller)
	checkWord(&issues, "account", r.Account)
	checkWord(&issues, "key", r.Key)
	checkWord(&issues, "by", r.By)
	if len(issues) == 0 && !r.Registry {
		checkRegistered(&issues, "name", r.Name, r.Purpose)
	}
	switch r.Purpose {
	case PurposeDomain, PurposeService, PurposeReverse, PurposeParked, PurposeThird:
	default:
		issues.Add("purpose", "unknown_purpose", "there is no purpose %.40q", r.Purpose)
	}
	if r.Bare && (len(r.Templates) > 0 || len(r.Sets) > 0) {
		issues.Add("bare", "contradiction", "a zone that is bare has no templates and no sets")
	}
	checkVars(&issues, "vars", r.Vars)
	for i, id := range r.Servers {
		if slices.Contains(r.Servers[:i], id) {
			issues.Add(tierhost.Path("servers", i), "duplicate", "%.128q is listed already", id)
		}
	}
	for i := range r.Custom {
		checkCustom(&issues, tierhost.Path("custom", i), r.Name, r.Custom[i])
	}
	return issues.Err()
}

// adopt takes over what a zone has of its seller's settings.
func (z *Zone) adopt(s *Settings) {
	z.SettingsVersion, z.Contact, z.Timers, z.Scheme = s.Version, s.Contact, s.Timers, s.Scheme
}

// refer sets the template and the sets that a request asks for.
func (u *unit) refer(ctx context.Context, z *Zone, r *ZoneRequest, s *Settings) error {
	if r.Bare {
		return nil
	}
	templates, sets := r.Templates, r.Sets
	if templates == nil {
		templates = s.Templates
	}
	if sets == nil {
		sets = s.Sets
	}
	if err := u.referTemplates(ctx, z, templates); err != nil {
		return err
	}
	return u.referSets(ctx, z, sets)
}

// referTemplates has a zone refer to the latest versions of templates.
func (u *unit) referTemplates(ctx context.Context, z *Zone, templates []TemplateID) error {
	z.Templates = nil
	for _, id := range templates {
		t, err := u.template(ctx, TemplateRef{ID: id})
		if err != nil {
			return err
		}
		z.Templates = append(z.Templates, TemplateRef{ID: id, Version: t.Version})
	}
	return nil
}

// referSets has a zone refer to the latest versions of sets.
func (u *unit) referSets(ctx context.Context, z *Zone, sets []SetID) error {
	z.Sets = nil
	for _, id := range sets {
		v, err := u.set(ctx, SetRef{ID: id})
		if err != nil {
			return err
		}
		z.Sets = append(z.Sets, SetRef{ID: id, Version: v.Version})
	}
	return nil
}

// top is the last label of a name: all zones that may be above or below one another have
// it in common.
func top(n Name) Name {
	for n.NumLabels() > 1 {
		n = n.Parent()
	}
	return n
}

// mayExist refuses a zone that is above or below one of somebody else, who has not allowed
// it (Z10). Whose zone it is, is not told.
func (u *unit) mayExist(ctx context.Context, r *ZoneRequest) error {
	// The nearest one decides: it had to be allowed itself.
	nearest, found, err := u.above(ctx, r.Name)
	switch {
	case err != nil:
		return err
	case found && !nearest.lets(r):
		return fmt.Errorf("%w: %s", ErrForeignZone, r.Name)
	case !found && r.Purpose == PurposeThird:
		return fmt.Errorf("%w: %s is below no zone", ErrForeignZone, r.Name)
	}
	if found && !nearest.OwnedBy(r.Seller, r.Account) && !slices.Contains(r.Leave, nearest.Name) {
		if err := u.vacant(ctx, &nearest, r.Name); err != nil {
			return err
		}
	}
	children, err := u.rows.ZonesBelow(ctx, r.Name, mostBelow)
	if err != nil {
		return err
	}
	if len(children) == mostBelow {
		return tooManyBelow(r.Name)
	}
	foreign := func(z Zone) bool {
		return !slices.Contains(r.Leave, z.Name) && (z.Purpose == PurposeService && r.Purpose != PurposeService || !z.OwnedBy(r.Seller, r.Account))
	}
	if slices.ContainsFunc(children, foreign) {
		return fmt.Errorf("%w: %s", ErrForeignZone, r.Name)
	}
	return nil
}

// lets reports whether a zone may be made right below z.
func (z *Zone) lets(r *ZoneRequest) bool {
	switch {
	case z.Open, slices.Contains(r.Leave, z.Name):
		return true
	case z.Purpose == PurposeService:
		return r.Purpose == PurposeService && z.OwnedBy(r.Seller, r.Account)
	}
	return z.OwnedBy(r.Seller, r.Account)
}
