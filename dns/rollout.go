package dns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// Scope says what is brought to the zones that were made from something older: exactly one
// of its fields is set.
type Scope struct {
	Template TemplateID // its latest version
	Set      SetID      // its latest version
	// Settings: the seller's present settings, and the present names and addresses of the
	// name servers.
	Settings bool
	Seller   string // with Settings; "": the host
	// Server: the present name and addresses of a name server, in the zones of all sellers
	// that are on it.
	Server ServerID
}

// ZonePreview is what a [Scope] does to a zone: its plan, between what it publishes and
// what it would. A zone with faults cannot be brought there.
type ZonePreview struct {
	Zone   Name
	Plan   Plan
	Faults []tierhost.Issue

	version int64 // of the zone
}

// Preview sums up what a [Scope] does to all zones that are concerned: those that refer to
// the template or the set, or are the seller's, in an older version.
type Preview struct {
	Zones   int    // how many are concerned
	Changed int    // how many of them would publish something else
	Guarded int    // how many of those have guards
	Faulty  int    // how many cannot be brought there
	Counts  Counts // of records, over all zones
	// Token is what [Manager.Apply] takes: it stands for every plan.
	Token string
}

// target is what a scope means now.
type target struct {
	scope    Scope
	template TemplateVersion
	set      SetVersion
	settings Settings
	sellers  map[string]Settings // with Scope.Server
	servers  map[ServerID]Server
	parts    *parts
}

func (s Scope) check() error {
	n := 0
	for _, set := range []bool{s.Template != "", s.Set != "", s.Settings, s.Server != ""} {
		if set {
			n++
		}
	}
	if n != 1 || s.Seller != "" && !s.Settings {
		var issues tierhost.Issues
		issues.Add("scope", "not_one", "it is about a template, a set, the settings of a seller or a name server")
		return issues.Err()
	}
	return nil
}

// target reads what a scope means.
func (m *Manager) target(ctx context.Context, op string, s Scope) (t target, err error) {
	if err := s.check(); err != nil {
		return t, err
	}
	err = m.view(ctx, op, func(ctx context.Context, u *unit) (err error) {
		t = target{scope: s, parts: newParts(), servers: map[ServerID]Server{}, sellers: map[string]Settings{}}
		switch {
		case s.Template != "":
			t.template, err = u.template(ctx, TemplateRef{ID: s.Template})
		case s.Set != "":
			t.set, err = u.set(ctx, SetRef{ID: s.Set})
		case s.Server != "":
			var server Server
			server, err = u.rows.Server(ctx, s.Server)
			t.servers[s.Server], err = server, missing(err, ErrNoServer)
		default:
			if t.settings, err = u.settings(ctx, s.Seller); err != nil {
				return err
			}
			var all []Server
			all, err = u.servers(ctx)
			for _, server := range all {
				t.servers[server.ID] = server
			}
		}
		return err
	})
	return t, err
}

// page returns up to limit zones after a name that may be concerned, in the order of names,
// and the last name that was looked at; more: there may be others.
func (t *target) page(ctx context.Context, u *unit, after Name, limit int) (zones []Zone, last Name, more bool, err error) {
	if t.scope.Server == "" {
		zones, err = u.rows.ZonePage(ctx, t.query(), after, limit)
		if len(zones) > 0 {
			last = zones[len(zones)-1].Name
		}
		return zones, last, len(zones) == limit, err
	}
	on, err := u.rows.PublicationPage(ctx, PublicationQuery{Server: t.scope.Server}, PublicationKey{Zone: after, Server: t.scope.Server}, limit)
	if err != nil || len(on) == 0 {
		return nil, after, false, err
	}
	var names []Name
	for _, p := range on {
		names = append(names, p.Zone)
	}
	zones, err = u.rows.Zones(ctx, names)
	zones = slices.DeleteFunc(zones, func(z Zone) bool { return z.State != ZoneActive })
	slices.SortFunc(zones, func(a, b Zone) int { return strings.Compare(string(a.Name), string(b.Name)) })
	for _, z := range zones {
		if _, ok := t.sellers[z.Seller]; !ok && err == nil {
			t.sellers[z.Seller], err = u.settings(ctx, z.Seller)
		}
	}
	return zones, on[len(on)-1].Zone, len(on) == limit, err
}

// query finds the zones that may be concerned.
func (t *target) query() ZoneQuery {
	return ZoneQuery{State: ZoneActive, Seller: t.scope.Seller, Source: Source{Template: t.scope.Template, Set: t.scope.Set}}
}

// bring changes a zone as the scope says, and reports whether there is anything to change.
func (t *target) bring(z *Zone) (concerned bool, err error) {
	for i := range z.Templates {
		if r := &z.Templates[i]; r.ID == t.scope.Template && r.Version != t.template.Version {
			r.Version, concerned = t.template.Version, true
		}
	}
	for i := range z.Sets {
		if r := &z.Sets[i]; r.ID == t.scope.Set && r.Version != t.set.Version {
			r.Version, concerned = t.set.Version, true
		}
	}
	settings := t.settings
	switch {
	case t.scope.Server != "":
		settings = t.sellers[z.Seller]
	case !t.scope.Settings || z.Seller != t.scope.Seller:
		return concerned, nil
	}
	was := z.Clone()
	if t.scope.Settings {
		z.adopt(&settings)
	}
	var issues tierhost.Issues
	for i := range z.Servers {
		s := &z.Servers[i]
		if t.scope.Server != "" && s.Server != t.scope.Server {
			continue
		}
		path := tierhost.Path("servers", i)
		server, ok := t.servers[s.Server]
		if !ok {
			issues.Add(path, "no_server", "there is no name server %.128q", s.Server)
			continue
		}
		name, ok := settings.nameOf(server)
		if !ok {
			issues.Add(path, "no_name", "the seller has no name for %.128q: the zone has to be put on other servers", s.Server)
			continue
		}
		s.Name, s.Addresses = name, server.Clone().Addresses
	}
	same := was.SettingsVersion == z.SettingsVersion
	for i := range z.Servers {
		a, b := &was.Servers[i], &z.Servers[i]
		same = same && a.Name == b.Name && fmt.Sprint(a.Addresses) == fmt.Sprint(b.Addresses)
	}
	return !same || issues.Err() != nil, issues.Err()
}

// preview returns what the scope does to a zone, and the zone as it would be.
func (t *target) preview(ctx context.Context, u *unit, z *Zone) (p ZonePreview, after Zone, concerned bool, err error) {
	u.parts = t.parts
	after = z.Clone()
	p.Zone, p.version = z.Name, z.Version
	faulty := func(err error) (ZonePreview, Zone, bool, error) {
		inv, ok := errors.AsType[*tierhost.Invalid](err)
		if !ok {
			return p, after, true, err
		}
		p.Faults = inv.Issues
		return p, after, true, nil
	}
	concerned, err = t.bring(&after)
	switch {
	case err != nil:
		return faulty(err)
	case !concerned:
		return p, after, false, nil
	}
	was, err := u.published(ctx, z)
	if err != nil {
		return p, after, true, err
	}
	e, err := u.render(ctx, &after)
	if err == nil {
		err = u.publishable(ctx, &after, e)
	}
	if err != nil {
		return faulty(err)
	}
	p.Plan, err = NewPlan(PlanInput{
		Zone: z.Name, Observed: was, Guards: u.m.opt.Guards, Revision: Revision{Zone: z.Name, Serial: z.Serial + 1, Records: e.Records()},
	})
	return p, after, true, err
}

// changes reports whether something else would be published: every plan has the serial.
func (p *ZonePreview) changes() bool {
	return len(p.Faults) == 0 && (p.Plan.Counts.Added > 0 || p.Plan.Counts.Removed > 0 || p.Plan.Counts.Changed > 0 || soaDiffers(p.Plan))
}

// soaDiffers reports whether a plan changes more of the SOA than its serial.
func soaDiffers(p Plan) bool {
	for _, s := range p.Steps {
		if s.Key().Type != TypeSOA {
			continue
		}
		before, after := s.Before, s.After
		if len(before.Data) != 1 || len(after.Data) != 1 || before.TTL != after.TTL {
			return true
		}
		a, okA := before.Data[0].(SOA)
		b, okB := after.Data[0].(SOA)
		a.Serial, b.Serial = 0, 0
		return !okA || !okB || a != b
	}
	return false
}

// digest stands for what somebody has seen of the preview.
func (p *ZonePreview) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "dns.ZonePreview/1\x00%q %q", p.Zone, p.Plan.Checksum)
	for _, i := range p.Faults {
		fmt.Fprintf(h, "\x00%q %q", i.Path, i.Code)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Plans yields what a scope does to each zone that is concerned, in the order of their
// names' bytes, page by page; see [Manager.Zones]. It fails with [ErrNoTemplate],
// [ErrNoSet], and with a [*tierhost.Invalid] for a scope that is not one.
func (m *Manager) Plans(ctx context.Context, s Scope) iter.Seq2[ZonePreview, error] {
	return func(yield func(ZonePreview, error) bool) {
		t, err := m.target(ctx, "dns.Plans", s)
		if err != nil {
			yield(ZonePreview{}, err)
			return
		}
		for p, err := range m.plans(ctx, t) {
			if !yield(p, err) {
				return
			}
		}
	}
}

func (m *Manager) plans(ctx context.Context, t target) iter.Seq2[ZonePreview, error] {
	return func(yield func(ZonePreview, error) bool) {
		for after, more := Name(""), true; more; {
			var zones []Zone
			var found []ZonePreview
			var last Name
			err := m.view(ctx, "dns.Plans", func(ctx context.Context, u *unit) (err error) {
				if zones, last, more, err = t.page(ctx, u, after, pageSize); err != nil {
					return err
				}
				found = nil
				for i := range zones {
					p, _, concerned, err := t.preview(ctx, u, &zones[i])
					if err != nil {
						return err
					}
					if concerned {
						found = append(found, p)
					}
				}
				return nil
			})
			if err != nil {
				yield(ZonePreview{}, err)
				return
			}
			for _, p := range found {
				if !yield(p, nil) {
					return
				}
			}
			after = last
		}
	}
}

// Preview sums up what a scope does; [Manager.Plans] shows each zone.
func (m *Manager) Preview(ctx context.Context, s Scope) (Preview, error) {
	t, err := m.target(ctx, "dns.Preview", s)
	if err != nil {
		return Preview{}, err
	}
	p, _, err := m.preview(ctx, t)
	return p, err
}

// previewed is what somebody has seen of a zone.
type previewed struct {
	digest          string
	version         int64
	faulty, guarded bool
}

// preview also returns what was seen of the zones.
func (m *Manager) preview(ctx context.Context, t target) (sum Preview, seen map[Name]previewed, err error) {
	seen = map[Name]previewed{}
	h := sha256.New()
	fmt.Fprintf(h, "dns.Preview/1\x00%+v %d %d %d", t.scope, t.template.Version, t.set.Version, t.settings.Version)
	for p, err := range m.plans(ctx, t) {
		if err != nil {
			return Preview{}, nil, err
		}
		digest := p.digest()
		seen[p.Zone] = previewed{digest, p.version, len(p.Faults) > 0, len(p.Plan.Guards) > 0}
		fmt.Fprintf(h, "\x00%s", digest)
		sum.Zones++
		if len(p.Faults) > 0 {
			sum.Faulty++
			continue
		}
		if p.changes() {
			sum.Changed++
		}
		if len(p.Plan.Guards) > 0 {
			sum.Guarded++
		}
		c := &sum.Counts
		c.Added, c.Removed, c.Changed, c.Unchanged = c.Added+p.Plan.Counts.Added, c.Removed+p.Plan.Counts.Removed,
			c.Changed+p.Plan.Counts.Changed, c.Unchanged+p.Plan.Counts.Unchanged
	}
	sum.Token = hex.EncodeToString(h.Sum(nil)[:16])
	return sum, seen, nil
}

// again looks at a zone once more: it is planned anew only if it has changed since it was
// seen. next is the zone as it would be.
func (t *target) again(ctx context.Context, u *unit, z *Zone, seen previewed) (next Zone, now previewed, concerned bool, err error) {
	if seen.version == z.Version {
		next, u.parts = z.Clone(), t.parts
		if _, err := t.bring(&next); err != nil && !seen.faulty {
			return next, seen, true, err
		}
		return next, seen, true, nil
	}
	p, next, concerned, err := t.preview(ctx, u, z)
	return next, previewed{p.digest(), p.version, len(p.Faults) > 0, len(p.Plan.Guards) > 0}, concerned, err
}

// ApplyRequest asks for a scope to be applied.
type ApplyRequest struct {
	Scope Scope
	Token string // of the [Preview] that somebody has seen
	// Guarded also brings zones there whose plans have guards.
	Guarded bool
	By      string
}

// Applied is what [Manager.Apply] has done.
type Applied struct {
	Zones   int // that were brought there
	Changed int // of them, those that publish something else
	// Left are the zones that were not, with a code: faulty, guarded, changed_meanwhile.
	Left map[Name]string
}

// Apply brings a scope to the zones, as its preview has shown: it fails with [ErrToken],
// and changes nothing, if it would do anything else by now. Each zone is brought there
// whole or not at all; zones that change while it runs are left, and so are those that
// are guarded, unless the request says otherwise. One that the zone above cannot delegate as
// it would be is left as faulty, though its preview, which is of the zone alone, shows no
// fault. What is left, also after an interruption, is what the next preview shows.
func (m *Manager) Apply(ctx context.Context, r ApplyRequest) (done Applied, err error) {
	const op = "dns.Apply"
	if err := m.outside(op); err != nil {
		return done, err
	}
	t, err := m.target(ctx, op, r.Scope)
	if err != nil {
		return done, err
	}
	sum, seen, err := m.preview(ctx, t)
	switch {
	case err != nil:
		return done, err
	case r.Token != sum.Token:
		return done, named(op, ErrToken)
	}
	done.Left = map[Name]string{}
	touched := map[Name]touch{} // by this call, where a zone below was brought there
	refused := map[Name]bool{}  // what stands in their way shows only when they are brought there
	const batch = 20            // zones in a transaction
	for after, more := Name(""), true; more; {
		var trying Name
		var zones []Zone
		var reached Name
		var page Applied
		var last *unit
		err := m.transact(ctx, op, func(ctx context.Context, u *unit) (err error) {
			last, trying = u, ""
			maps.Copy(u.touched, touched)
			page = Applied{Left: map[Name]string{}}
			if zones, reached, more, err = t.page(ctx, u, after, batch); err != nil {
				return err
			}
			for i := range zones {
				z := &zones[i]
				if refused[z.Name] {
					page.Left[z.Name] = "faulty"
					continue
				}
				trying = z.Name
				chain, ours := u.touched[z.Name]
				if ours {
					if *z, err = u.row(ctx, z.Name); err != nil {
						return err
					}
					ours = chain == touch{seen[z.Name].version, z.Version}
				}
				next, now, concerned, err := t.again(ctx, u, z, seen[z.Name])
				switch {
				case err != nil:
					return err
				case !concerned:
				case now.digest != seen[z.Name].digest && !ours:
					page.Left[z.Name] = "changed_meanwhile"
				case now.faulty:
					page.Left[z.Name] = "faulty"
				case now.guarded && !r.Guarded:
					page.Left[z.Name] = "guarded"
				default:
					if err := u.revise(ctx, &next, z, r.By); err != nil {
						return err
					}
					if page.Zones++; next.Revision != z.Revision {
						page.Changed++
					}
				}
			}
			return nil
		})
		if _, invalid := errors.AsType[*tierhost.Invalid](err); invalid && trying != "" {
			refused[trying], more = true, true // nothing of these zones was kept: again without it
			continue
		}
		if err != nil {
			return done, err
		}
		touched = last.touched
		done.Zones, done.Changed = done.Zones+page.Zones, done.Changed+page.Changed
		for name, code := range page.Left {
			done.Left[name] = code
		}
		after = reached
	}
	return done, nil
}
