package libdns

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	lib "github.com/libdns/libdns"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// Source is what a provider can do at least. It also is a lib.RecordSetter or a
// lib.RecordAppender, and may be a lib.ZoneLister. It is safe for concurrent use.
type Source interface {
	lib.RecordGetter
	lib.RecordDeleter
}

// Options say what a provider is like. The zero value is for one that keeps the SOA and the
// zone's own name servers to itself.
type Options struct {
	// SOA: the provider takes SOA and the name servers at the zone's name like any other
	// records.
	SOA bool
	// Label is the first label of the name whose text has the revision's SOA and name
	// servers, without SOA; "": "_revision".
	Label string
	// Atomic is [dns.AtomicSet] for a provider whose SetRecords changes each set at once;
	// "": record by record.
	Atomic dns.Atomicity
	// Types are the types of records that the provider takes; nil: those that libdns has a
	// type for.
	Types []dns.Type
	// MaxRecords bounds a zone, MaxText the octets of a text; 0: no bound.
	MaxRecords, MaxText int
	// Classify, if not nil, gives an error of the provider a kind and an effect
	// (tierhost.Fail), and takes out what must not be shown. One of tierhost.KindNotFound
	// says that there is no such zone. What has no kind is unavailable, with effect unknown
	// after a change.
	Classify func(error) error
}

// Driver has zones published by a libdns provider. It is safe for concurrent use, and keeps
// nothing in memory.
type Driver struct {
	source Source
	set    lib.RecordSetter
	add    lib.RecordAppender // if there is no set
	zones  lib.ZoneLister     // or nil
	opt    Options
	marker dns.Name // a label
}

var _ dns.NameServer = (*Driver)(nil)

// listing is a driver of a provider that lists its zones.
type listing struct{ *Driver }

var _ dns.Lister = listing{}

// New makes a driver of a provider; it is a [dns.Lister] if the provider lists zones. One
// that can neither set nor append, and options that contradict, are a *tierhost.Invalid.
func New(source Source, opt Options) (dns.NameServer, error) {
	var issues tierhost.Issues
	if source == nil {
		issues.Add("source", "required", "there is no provider")
		return nil, issues.Err()
	}
	d := &Driver{source: source, opt: opt}
	d.set, _ = source.(lib.RecordSetter)
	d.add, _ = source.(lib.RecordAppender)
	d.zones, _ = source.(lib.ZoneLister)
	if d.set == nil && d.add == nil {
		issues.Add("source", "cannot_write", "the provider neither sets nor appends records")
	}
	switch {
	case d.opt.Atomic == "":
		d.opt.Atomic = dns.AtomicRecord
	case d.opt.Atomic == dns.AtomicRecord:
	case d.opt.Atomic != dns.AtomicSet || d.set == nil:
		issues.Add("atomic", "not_possible", "%.40q needs a provider that sets records, and whole zones at once are nothing that libdns has", d.opt.Atomic)
	}
	if opt.Label == "" {
		opt.Label = "_revision"
	}
	marker, err := dns.ParseName(opt.Label)
	if err != nil || marker.NumLabels() != 1 || marker.Wildcard() {
		issues.Add("label", "bad_name", "%.80q is no label", opt.Label)
	}
	d.marker = marker
	if d.opt.Types == nil {
		d.opt.Types = []dns.Type{dns.TypeA, dns.TypeAAAA, dns.TypeCAA, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeMX, dns.TypeSRV, dns.TypeSVCB, dns.TypeTXT}
	}
	if !d.opt.SOA && !slices.Contains(d.opt.Types, dns.TypeTXT) {
		issues.Add("types", "no_texts", "the revision's SOA is kept in a text, which the provider does not take")
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if d.zones != nil {
		return listing{d}, nil
	}
	return d, nil
}

// Capabilities implements [dns.NameServer].
func (d *Driver) Capabilities() dns.Capabilities {
	return dns.Capabilities{Atomic: d.opt.Atomic, Types: slices.Clone(d.opt.Types), MaxRecords: d.opt.MaxRecords, MaxText: d.opt.MaxText}
}

// classified is an error of the provider with a kind and an effect.
func (d *Driver) classified(err error, effect tierhost.Effect) error {
	if d.opt.Classify != nil {
		err = d.opt.Classify(err)
	}
	if e, ok := errors.AsType[*tierhost.Error](err); ok {
		if effect != tierhost.EffectUnknown {
			return &tierhost.Error{Kind: e.Kind, Code: e.Code, Effect: effect, RetryAfter: e.RetryAfter, Err: err}
		}
		return err
	}
	return tierhost.Fail(tierhost.KindUnavailable, effect, err)
}

// Fetch implements [dns.NameServer].
func (d *Driver) Fetch(ctx context.Context, _ dns.Place, zone dns.Name) (dns.Published, error) {
	s, err := d.fetch(ctx, zone)
	return s.published, err
}

// state is a zone at the provider.
type state struct {
	published dns.Published
	marker    []dns.Record // the texts that have SOA and name servers
	// told are the records as the provider tells them: it finds what is to be deleted by
	// what it has itself, such as a name without the dot.
	told map[dns.Record]lib.Record
}

func (d *Driver) fetch(ctx context.Context, zone dns.Name) (s state, err error) {
	if err := ctx.Err(); err != nil {
		return s, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	list, err := d.source.GetRecords(ctx, zone.FQDN())
	if err != nil || len(list) == 0 {
		there, known := d.lists(ctx, zone)
		switch {
		case known && !there:
			return s, nil
		case err != nil:
			if err = d.classified(err, tierhost.EffectNone); tierhost.KindOf(err) == tierhost.KindNotFound {
				return s, nil
			}
			return s, err
		case !known && d.opt.SOA:
			return s, nil // a zone has its SOA
		}
	}
	records := make([]dns.Record, 0, len(list))
	s.told = make(map[dns.Record]lib.Record, len(list))
	for _, r := range list {
		record, err := inward(zone, r)
		if err != nil {
			return state{}, &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "unreadable_record", Effect: tierhost.EffectNone,
				Err: fmt.Errorf("a record of %s cannot be read: %w", zone, err)}
		}
		records = append(records, record)
		s.told[record] = r
	}
	s.published = dns.Published{Present: true, Records: slices.Compact(dns.Sorted(records))}
	if !d.opt.SOA {
		s.unmark(d.mark(zone), zone)
	}
	if serial := serialOf(s.published.Records); serial != 0 {
		s.published.Serial = serial
	}
	return s, nil
}

// lists asks whether the provider has a zone; known is false if it does not tell.
func (d *Driver) lists(ctx context.Context, zone dns.Name) (there, known bool) {
	if d.zones == nil {
		return false, false
	}
	list, err := d.zones.ListZones(ctx)
	if err != nil {
		return false, false
	}
	return slices.ContainsFunc(list, func(z lib.Zone) bool {
		name, err := dns.ParseAnyName(z.Name, dns.Root)
		return err == nil && name == zone
	}), true
}

// List implements [dns.Lister].
func (d listing) List(ctx context.Context, _ dns.Place) iter.Seq2[dns.Name, error] {
	return func(yield func(dns.Name, error) bool) {
		list, err := d.zones.ListZones(ctx)
		if err != nil {
			yield("", d.classified(err, tierhost.EffectNone))
			return
		}
		for _, z := range list {
			name, err := dns.ParseAnyName(z.Name, dns.Root)
			if err != nil {
				err = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
			}
			if !yield(name, err) || err != nil {
				return
			}
		}
	}
}

// Remove fails as unsupported, unless the zone is not there.
func (d *Driver) Remove(ctx context.Context, at dns.Place, zone dns.Name) error {
	p, err := d.Fetch(ctx, at, zone)
	if err != nil || !p.Present {
		return err
	}
	return tierhost.Fail(tierhost.KindUnsupported, tierhost.EffectNone, errors.New("libdns has no removal of zones"))
}
