package dns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// ReservedLabels are first labels that no instant alias gets, by themselves or with a
// number behind them: people take the hosts that have them for the seller's own.
func ReservedLabels() []string {
	return []string{
		"admin", "autoconfig", "autodiscover", "billing", "cp", "dns", "ftp", "host", "hostmaster", "imap", "localhost", "login", "mail", "mta-sts",
		"mx", "mysql", "news", "ns", "panel", "pop", "postmaster", "root", "secure", "smtp", "ssh", "ssl", "status", "support", "webmail", "wpad", "www", "web",
	}
}

// AliasRequest asks for an instant alias.
type AliasRequest struct {
	Seller  string
	Account string
	Site    string // what it is for, in the caller's words
	// Data are the records that it has: addresses, or a CNAME.
	Data []RData
	TTL  uint32 // 0: 5 minutes
	By   string
}

// TakeAlias gives a site an instant alias: a name below its seller's service zone that
// nobody can guess or choose. A site has one: asked again it is the same, with the records
// of the last request. The name is of nobody else, is none of [ReservedLabels] and of
// [Settings.Reserved], and was at rest for [Options.Rest] if somebody had it before.
//
// It fails with tierhost.ErrPrecondition (code no_service_zone) if the seller has no
// service zone, or it was not created, or the name is somebody else's by now; and with a [*tierhost.Invalid].
func (m *Manager) TakeAlias(ctx context.Context, r AliasRequest) (a Alias, err error) {
	const op = "dns.TakeAlias"
	if r.TTL == 0 {
		r.TTL = 300
	}
	if err := r.check(); err != nil {
		return Alias{}, err
	}
	err = m.transact(ctx, op, func(ctx context.Context, u *unit) error {
		s, err := u.settings(ctx, r.Seller)
		if err != nil {
			return err
		}
		a, err = u.rows.AliasOf(ctx, r.Seller, r.Account, r.Site)
		isNew := errors.Is(err, storage.ErrNotFound)
		if err != nil && !isNew {
			return err
		}
		if isNew {
			a.Zone = s.ServiceZone
		}
		before, err := u.zone(ctx, a.Zone, 0)
		if errors.Is(err, ErrNoZone) || err == nil && !before.serves(r.Seller) {
			return tierhost.E(op, tierhost.KindPrecondition, "no_service_zone", fmt.Errorf("seller %.128q has no service zone", r.Seller))
		}
		if err != nil {
			return err
		}
		z := before.Clone()
		if isNew {
			if a, err = u.freeAlias(ctx, &z, &s); err != nil {
				return err
			}
			a.Seller, a.Account, a.Site, a.Made, a.Released, a.Rested = r.Seller, r.Account, r.Site, u.now, time.Time{}, time.Time{}
		} else if a.same(&z, &r) {
			return nil
		}
		a.drop(&z)
		for _, d := range r.Data {
			a.Records = append(a.Records, z.addCustom(Record{Name: a.Name, TTL: r.TTL, Data: d}, r.By, u))
		}
		if err := u.revise(ctx, &z, &before, r.By); err != nil {
			return err
		}
		if a.Version++; isNew {
			u.event(a.Seller, "alias/"+string(a.Name), AliasChanged{Alias: a.Name, Account: a.Account, Site: a.Site})
		}
		return u.rows.PutAlias(ctx, a)
	})
	if err != nil {
		return Alias{}, err
	}
	return a.Clone(), nil
}

// serves reports whether a zone is the service zone of a seller.
func (z *Zone) serves(seller string) bool { return z.Purpose == PurposeService && z.Seller == seller }

func (r *AliasRequest) check() error {
	var issues tierhost.Issues
	checkWord(&issues, "seller", r.Seller)
	checkID(&issues, "account", r.Account)
	checkID(&issues, "site", r.Site)
	checkWord(&issues, "by", r.By)
	if r.TTL > MaxTTL {
		issues.Add("ttl", "too_large", "%d seconds are more than %d", r.TTL, uint32(MaxTTL))
	}
	if len(r.Data) == 0 {
		issues.Add("data", "required", "an alias leads somewhere")
	}
	for i, d := range r.Data {
		path := tierhost.Path("data", i)
		switch d.(type) {
		case A, AAAA, CNAME:
			addIssues(&issues, path, CheckRData(d))
		default:
			issues.Add(path, "unsupported_type", "an alias has addresses or a CNAME")
		}
		if slices.Contains(r.Data[:i], d) {
			issues.Add(path, "duplicate", "it is there already")
		}
	}
	return issues.Err()
}

// same reports whether an alias has the records of a request.
func (a *Alias) same(z *Zone, r *AliasRequest) bool {
	var have []Record
	for _, c := range z.Custom {
		if slices.Contains(a.Records, c.ID) {
			have = append(have, c.Record)
		}
	}
	var want []Record
	for _, d := range r.Data {
		want = append(want, Record{Name: a.Name, TTL: r.TTL, Data: d})
	}
	return slices.Equal(Sorted(have), Sorted(want))
}

// drop takes the records of an alias out of its zone.
func (a *Alias) drop(z *Zone) {
	z.Custom = slices.DeleteFunc(z.Custom, func(c CustomRecord) bool { return slices.Contains(a.Records, c.ID) })
	a.Records = nil
}

// freeAlias finds a name that nobody has, had of late, or would be taken in by.
func (u *unit) freeAlias(ctx context.Context, z *Zone, s *Settings) (Alias, error) {
	const (
		letters = "abcdefghjkmnpqrstuvwxyz23456789" // without those that look alike
		length  = 10
		tries   = 50
	)
	e, err := u.render(ctx, z)
	if err != nil {
		return Alias{}, err
	}
	used := map[Name]bool{}
	for _, r := range e.Records() {
		for n := r.Name; n.Below(z.Name); n = n.Parent() {
			used[n] = true
		}
	}
	for range tries {
		random := make([]byte, length)
		random[0] = letters[u.m.dice.below(23)] // a letter
		for i := 1; i < length; i++ {
			random[i] = letters[u.m.dice.below(len(letters))]
		}
		label := s.aliasLabel(string(random))
		name, err := z.Name.Child(label)
		if err != nil {
			return Alias{}, err
		}
		if used[name] || reserved(label, s) {
			continue
		}
		a, err := u.rows.Alias(ctx, name)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return Alias{Name: name, Zone: z.Name}, nil
		case err != nil:
			return Alias{}, err
		case !a.Held() && !u.now.Before(a.Rested):
			a.Zone = z.Name
			return a, nil
		}
	}
	return Alias{}, tierhost.E("dns.TakeAlias", tierhost.KindLimited, "no_free_alias", fmt.Errorf("%d names below %s were taken", tries, z.Name))
}

// reserved reports whether a label may be taken for a host of the seller's.
func reserved(label string, s *Settings) bool {
	bare := strings.TrimRight(label, "0123456789-")
	return slices.Contains(ReservedLabels(), bare) || slices.Contains(ReservedLabels(), label) ||
		slices.ContainsFunc(s.Reserved, func(r string) bool { return strings.EqualFold(r, label) || strings.EqualFold(r, bare) })
}

// ReleaseAlias takes the alias of a site away: its records go, and nobody gets the name
// before [Options.Rest] is over. A site without one is left as it is.
func (m *Manager) ReleaseAlias(ctx context.Context, seller, account, site, by string) error {
	return m.transact(ctx, "dns.ReleaseAlias", func(ctx context.Context, u *unit) error {
		a, err := u.rows.AliasOf(ctx, seller, account, site)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		before, err := u.zone(ctx, a.Zone, 0)
		switch {
		case errors.Is(err, ErrNoZone), err == nil && !before.serves(a.Seller): // it went with its zone
			a.Records = nil
		case err != nil:
			return err
		default:
			z := before.Clone()
			a.drop(&z)
			if err := u.revise(ctx, &z, &before, by); err != nil {
				return err
			}
		}
		a.Version++
		a.Released, a.Rested = u.now, u.now.Add(u.m.opt.Rest)
		u.event(a.Seller, "alias/"+string(a.Name), AliasChanged{Alias: a.Name, Account: a.Account, Site: a.Site, Released: true})
		return u.rows.PutAlias(ctx, a)
	})
}

// AliasOf returns the alias that a site has, or [ErrNoAlias].
func (m *Manager) AliasOf(ctx context.Context, seller, account, site string) (a Alias, err error) {
	err = m.view(ctx, "dns.AliasOf", func(ctx context.Context, u *unit) error {
		a, err = u.rows.AliasOf(ctx, seller, account, site)
		return missing(err, ErrNoAlias)
	})
	return a, err
}
