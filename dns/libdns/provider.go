package libdns

import (
	"context"
	"errors"
	"fmt"
	"slices"

	lib "github.com/libdns/libdns"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

// ProviderOptions say what a [Provider] shows and lets happen. With the zero value it has
// the host's own zones: those of no seller and no account.
type ProviderOptions struct {
	// Seller and Account are whose zones it has; All: every zone there is.
	Seller, Account string
	All             bool
	// Allow, if not nil, says which records may be added and removed; see
	// [OnlyChallenges]. All are shown.
	Allow func(zone dns.Name, r dns.Record) bool
	// TTL, in seconds, is what records get that come without one; 0: 5 minutes.
	TTL uint32
	By  string // who acts, for staff
}

// OnlyChallenges allows what an ACME client needs (RFC 8555, section 8.4): texts at names
// that begin with _acme-challenge.
func OnlyChallenges(_ dns.Name, r dns.Record) bool {
	return r.Type() == dns.TypeTXT && r.Name.First() == "_acme-challenge"
}

// Provider offers the zones of a [dns.Manager] as a libdns provider. It is safe for
// concurrent use: each method changes the zone it has read or reads it again, so no update
// is lost. Each is one change of the zone, whole or not at all, as by [dns.Manager.Edit],
// whose errors it has; a change that needs approval is refused. That the servers have it is
// told by [dns.Manager.Status]: the methods do not wait for them.
//
// The rules of libdns hold with the zone's layers: what comes in become custom records, with
// a set's other records beside them. A record of a template that is to go is deleted as by
// [dns.EditDelete], and can be restored. What the system makes can be neither set nor
// deleted. All records of a set have one TTL: one that is appended takes that of the set.
type Provider struct {
	manager *dns.Manager
	opt     ProviderOptions
}

var (
	_ lib.RecordGetter   = (*Provider)(nil)
	_ lib.RecordAppender = (*Provider)(nil)
	_ lib.RecordSetter   = (*Provider)(nil)
	_ lib.RecordDeleter  = (*Provider)(nil)
	_ lib.ZoneLister     = (*Provider)(nil)
)

// NewProvider makes a provider of a manager's zones.
func NewProvider(m *dns.Manager, opt ProviderOptions) (*Provider, error) {
	var issues tierhost.Issues
	if m == nil {
		issues.Add("manager", "required", "there is no manager")
	}
	if opt.TTL > dns.MaxTTL {
		issues.Add("ttl", "too_large", "%d seconds are more than %d", opt.TTL, uint32(dns.MaxTTL))
	}
	if opt.All && (opt.Seller != "" || opt.Account != "") {
		issues.Add("all", "contradiction", "all zones are not those of a seller or an account")
	}
	if opt.TTL == 0 {
		opt.TTL = 300
	}
	return &Provider{manager: m, opt: opt}, issues.Err()
}

// ListZones implements lib.ZoneLister. Names have a dot at the end.
func (p *Provider) ListZones(ctx context.Context) (zones []lib.Zone, err error) {
	q := dns.ZoneQuery{State: dns.ZoneActive, Seller: p.opt.Seller, Account: p.opt.Account}
	for z, err := range p.manager.Zones(ctx, q) {
		if err != nil {
			return nil, err
		}
		if p.has(&z) {
			zones = append(zones, lib.Zone{Name: z.Name.FQDN()})
		}
	}
	return zones, nil
}

func (p *Provider) has(z *dns.Zone) bool { return p.opt.All || z.OwnedBy(p.opt.Seller, p.opt.Account) }

// GetRecords implements lib.RecordGetter: all that the zone publishes, with SOA and NS. A
// zone that is not there, or somebody else's, is [dns.ErrNoZone].
func (p *Provider) GetRecords(ctx context.Context, zone string) ([]lib.Record, error) {
	z, err := p.read(ctx, zone)
	if err != nil {
		return nil, err
	}
	return z.out(z.records()), nil
}

// AppendRecords implements lib.RecordAppender. Records that are there already are no error,
// and are left out of what is returned.
func (p *Provider) AppendRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return p.change(ctx, zone, func(z *view) ([]dns.Record, error) {
		in, err := p.given(z, recs)
		if err != nil {
			return nil, err
		}
		ttl := map[dns.Key]uint32{}
		for _, r := range z.want {
			ttl[r.Key()] = r.TTL
		}
		var added []dns.Record
		for _, r := range in {
			if t, ok := ttl[r.Key()]; ok {
				r.TTL = t
			}
			ttl[r.Key()] = r.TTL
			if !slices.Contains(z.want, r) {
				z.want, added = append(z.want, r), append(added, r)
			}
		}
		return added, nil
	})
}

// SetRecords implements lib.RecordSetter. It is atomic. Of one call all are set or none.
func (p *Provider) SetRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return p.change(ctx, zone, func(z *view) ([]dns.Record, error) {
		in, err := p.given(z, recs)
		if err != nil {
			return nil, err
		}
		sets := map[dns.Key]bool{}
		for _, r := range in {
			sets[r.Key()] = true
		}
		z.want = slices.DeleteFunc(z.want, func(r dns.Record) bool { return sets[r.Key()] })
		for _, r := range in {
			if !slices.Contains(z.want, r) {
				z.want = append(z.want, r)
			}
		}
		return in, nil
	})
}

// DeleteRecords implements lib.RecordDeleter: records that are equal in all that is given.
// Those of the system are passed over, unless their type is given.
func (p *Provider) DeleteRecords(ctx context.Context, zone string, recs []lib.Record) ([]lib.Record, error) {
	return p.change(ctx, zone, func(z *view) ([]dns.Record, error) {
		gone := map[dns.Record]bool{}
		for i, r := range recs {
			match, err := z.matcher(r)
			if err != nil {
				return nil, at(i, err)
			}
			for _, r := range z.want {
				if match(r) {
					gone[r] = true
				}
			}
		}
		var deleted []dns.Record
		z.want = slices.DeleteFunc(z.want, func(r dns.Record) bool {
			if gone[r] {
				deleted = append(deleted, r)
			}
			return gone[r]
		})
		return deleted, nil
	})
}

// at says which of several records an error is about.
func at(i int, err error) error {
	var issues tierhost.Issues
	if invalid, ok := errors.AsType[*tierhost.Invalid](err); ok {
		for _, issue := range invalid.Issues {
			issues.Add(tierhost.Path("records", i, issue.Path), issue.Code, "%s", issue.Message)
		}
	} else {
		issues.Add(tierhost.Path("records", i), "bad_record", "%v", err)
	}
	return issues.Err()
}

// given are records as a client has written them. Whether they may be in a zone is found
// out by the edit.
func (p *Provider) given(z *view, recs []lib.Record) ([]dns.Record, error) {
	var out []dns.Record
	var issues tierhost.Issues
	for i, r := range recs {
		record, err := entered(z.name, r)
		if err != nil {
			if invalid, ok := errors.AsType[*tierhost.Invalid](at(i, err)); ok {
				issues = append(issues, invalid.Issues...)
			}
			continue
		}
		if r.RR().TTL == 0 {
			record.TTL = p.opt.TTL
		}
		out = append(out, record)
	}
	return out, issues.Err()
}

// entered is a record as somebody has entered it: its name may be an IDN.
func entered(zone dns.Name, r lib.Record) (out dns.Record, err error) {
	if out, err = inward(zone, r); err != nil {
		return out, err
	}
	rr := r.RR()
	if rr.Name == "" {
		return out, errors.New("a record without a name; that of the zone is @")
	}
	out.Name, err = dns.ParseName(lib.AbsoluteName(rr.Name, zone.FQDN()))
	return out, err
}

// attempts is how often a zone is read again that somebody else changes at the same time.
const attempts = 20

// change has a zone publish what fn makes of it. fn may run several times.
func (p *Provider) change(ctx context.Context, zone string, fn func(z *view) ([]dns.Record, error)) ([]lib.Record, error) {
	for n := 1; ; n++ {
		z, err := p.read(ctx, zone)
		if err != nil {
			return nil, err
		}
		z.want = z.records()
		done, err := fn(z)
		if err != nil {
			return nil, err
		}
		edits, touched, err := z.edits()
		if err != nil || len(edits) == 0 {
			return z.out(done), err
		}
		for _, r := range touched {
			if p.opt.Allow != nil && !p.opt.Allow(z.name, r) {
				return nil, tierhost.E("libdns", tierhost.KindDenied, "not_allowed", fmt.Errorf("%s %s is not to be changed from here", r.Name, r.Type()))
			}
		}
		_, err = p.manager.Edit(ctx, dns.EditRequest{Name: z.name, Version: z.version, Edits: edits, By: p.opt.By})
		switch {
		case err == nil:
			return z.out(done), nil
		case n == attempts || !errors.Is(err, dns.ErrStale) && !errors.Is(err, storage.ErrConflict):
			return nil, err
		}
	}
}
