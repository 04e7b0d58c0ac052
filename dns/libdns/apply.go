package libdns

import (
	"context"
	"errors"
	"slices"

	lib "github.com/libdns/libdns"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// verb is a method of a provider that changes a zone.
type verb int

const (
	set verb = iota
	appends
	deletes
)

// call is one call of a provider.
type call struct {
	verb    verb
	records []lib.Record
}

// Apply implements [dns.NameServer].
func (d *Driver) Apply(ctx context.Context, _ dns.Place, c dns.Change) error {
	if err := d.check(c); err != nil {
		return err
	}
	s, err := d.fetch(ctx, c.Zone)
	switch {
	case err != nil:
		return err
	case !s.published.Present:
		return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, dns.ErrZoneMissing)
	}
	if done, err := c.Meets(s.published); done || err != nil {
		return err
	}
	// From what is there: an earlier attempt may have come half the way.
	plan, err := dns.NewPlan(dns.PlanInput{Zone: c.Zone, Observed: s.published, Revision: dns.Revision{Zone: c.Zone, Serial: c.Serial, Records: c.Desired}})
	if err != nil {
		return tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, err)
	}
	for i, call := range d.calls(s, plan, c.Desired) {
		if err := d.do(ctx, c.Zone, call); err != nil {
			err = d.classified(err, tierhost.EffectUnknown)
			if i > 0 && tierhost.EffectOf(err) == tierhost.EffectNone {
				err = tierhost.Fail(tierhost.KindOf(err), tierhost.EffectPartial, err)
			}
			return err
		}
	}
	return nil
}

// check refuses what cannot be sent, before anything is.
func (d *Driver) check(c dns.Change) error {
	if err := c.Check(d.Capabilities()); err != nil || d.opt.SOA {
		return err
	}
	var issues tierhost.Issues
	mark := d.mark(c.Zone)
	for i, r := range c.Desired {
		if r.Name == mark {
			issues.Add(tierhost.Path("records", i, "name"), "reserved_name", "%s has the revision's SOA", mark)
		}
	}
	if err := d.Capabilities().Check(marked(mark, c.Zone, c.Desired)); err != nil {
		issues.Add("records", "text_too_long", "the provider takes no text that is long enough for the SOA and the name servers")
	}
	return issues.Err()
}

// do makes one call.
func (d *Driver) do(ctx context.Context, zone dns.Name, c call) (err error) {
	if err := ctx.Err(); err != nil {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	switch c.verb {
	case set:
		_, err = d.set.SetRecords(ctx, zone.FQDN(), c.records)
	case appends:
		_, err = d.add.AppendRecords(ctx, zone.FQDN(), c.records)
	case deletes:
		_, err = d.source.DeleteRecords(ctx, zone.FQDN(), c.records)
	default:
		err = errors.New("no verb")
	}
	return err
}

// calls are what a plan takes, in its order; neighbours of one kind are one call.
func (d *Driver) calls(s state, plan dns.Plan, desired []dns.Record) []call {
	var calls []call
	add := func(v verb, records []dns.Record) {
		if len(records) == 0 {
			return
		}
		if n := len(calls); n == 0 || calls[n-1].verb != v {
			calls = append(calls, call{verb: v})
		}
		last := &calls[len(calls)-1]
		for _, r := range records {
			told, ok := s.told[r]
			if !ok || v != deletes {
				told = outward(plan.Zone, r)
			}
			last.records = append(last.records, told)
		}
	}
	replace := func(before, after []dns.Record) {
		switch {
		case d.set != nil && len(after) > 0:
			add(set, after)
		case d.set != nil || len(after) == 0:
			add(deletes, before)
		case alone(before, after):
			add(deletes, before)
			add(appends, after)
		default:
			add(appends, missing(after, before))
			add(deletes, missing(before, after))
		}
	}
	there := map[dns.Key][]dns.Record{}
	for _, r := range s.published.Records {
		there[r.Key()] = append(there[r.Key()], r)
	}
	for _, step := range plan.Steps {
		key := step.Key()
		switch {
		case d.opt.SOA || key.Name != plan.Zone || key.Type != dns.TypeSOA && key.Type != dns.TypeNS:
			replace(there[key], step.After.Records())
		case key.Type == dns.TypeSOA: // the last step: the text with both
			replace(s.marker, marked(d.mark(plan.Zone), plan.Zone, desired))
		}
	}
	return calls
}

// missing are the records of a list that another one does not have.
func missing(list, other []dns.Record) []dns.Record {
	return slices.DeleteFunc(slices.Clone(list), func(r dns.Record) bool { return slices.Contains(other, r) })
}

// alone reports whether a set cannot have records of before and of after at once: there is
// one of the type, the TTLs differ, or an empty text goes, which stands for any.
func alone(before, after []dns.Record) bool {
	for _, r := range slices.Concat(before, after) {
		switch r.Type() {
		case dns.TypeSOA, dns.TypeCNAME, dns.TypeDNAME:
			return true
		}
		if r.TTL != after[0].TTL || r.Data == (dns.TXT{}) {
			return true
		}
	}
	return false
}
