package powerdns

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/secret"
)

// Options are what the driver needs besides the place.
type Options struct {
	// Keys are the API keys by the names that places have for them.
	Keys map[string]secret.Text
	// Client sends the requests; nil: one of the driver's own, without redirections.
	Client *http.Client
	// Alias: the servers have expand-alias switched on, so records of type ALIAS can be
	// published.
	Alias bool
}

// Config is what dns.Place.Config holds.
type Config struct {
	// URL is where the API is, such as "https://ns1.example.net:8081".
	URL string `json:"url"`
	// Key is the name of the API key.
	Key string `json:"key"`
	// Server is PowerDNS's own name of the server; "": localhost, the only one that it has.
	Server string `json:"server,omitempty"`
	// Kind is what zones are made as: "Master" (""), whose secondaries are notified, or
	// "Native", whose database is replicated.
	Kind string `json:"kind,omitempty"`
}

// Driver changes zones by the API. It is safe for concurrent use.
type Driver struct {
	keys  map[string]secret.Text
	http  *http.Client
	alias bool
}

var (
	_ dns.NameServer   = (*Driver)(nil)
	_ dns.SerialReader = (*Driver)(nil)
	_ dns.Lister       = (*Driver)(nil)
	_ dns.Prober       = (*Driver)(nil)
)

// New makes a driver.
func New(opt Options) *Driver {
	d := &Driver{keys: opt.Keys, http: opt.Client, alias: opt.Alias}
	if d.http == nil {
		d.http = &http.Client{
			// The key goes to nobody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return d
}

// Capabilities tells what the API can do: whole zones at once, made and removed, but
// without a condition, and without the types that PowerDNS knows and [dns.Type.Known] does
// not: it does not take them by number.
func (d *Driver) Capabilities() dns.Capabilities {
	return dns.Capabilities{Atomic: dns.AtomicZone, Creates: true, Alias: d.alias, Except: namedTypes()}
}

// Fetch implements [dns.NameServer]. A zone with a record of a type that is not known here
// (HINFO, LOC, LUA and others that the API has by mnemonics), or that cannot be read, is
// refused with [tierhost.KindPrecondition] and code "unreadable_record".
func (d *Driver) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
	c, err := d.client(at)
	if err != nil {
		return dns.Published{}, err
	}
	return c.fetch(ctx, zone)
}

func (c *client) fetch(ctx context.Context, zone dns.Name) (dns.Published, error) {
	var z zoneJSON
	err := c.do(ctx, http.MethodGet, zonePath(zone), nil, &z)
	if status(err) == http.StatusNotFound {
		return dns.Published{}, nil
	}
	if err != nil {
		return dns.Published{}, err
	}
	p := dns.Published{Present: true}
	if p.Records, err = z.records(); err != nil {
		// Not unavailable: it is the zone that is at fault, not the server.
		return dns.Published{}, &tierhost.Error{Kind: tierhost.KindPrecondition, Code: "unreadable_record", Effect: tierhost.EffectNone,
			Err: fmt.Errorf("a record of %s cannot be read: %w", zone, err)}
	}
	for _, r := range p.Records {
		if soa, ok := r.Data.(dns.SOA); ok && r.Name == zone {
			p.Serial = soa.Serial
		}
	}
	return p, nil
}

// head reads what a zone is, without its records; nil: it is not there.
func (c *client) head(ctx context.Context, zone dns.Name) (*zoneJSON, error) {
	var z zoneJSON
	err := c.do(ctx, http.MethodGet, zonePath(zone)+"?rrsets=false", nil, &z)
	if status(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &z, nil
}

// Serial implements [dns.SerialReader].
func (d *Driver) Serial(ctx context.Context, at dns.Place, zone dns.Name) (dns.Serial, bool, error) {
	c, err := d.client(at)
	if err != nil {
		return 0, false, err
	}
	z, err := c.head(ctx, zone)
	if err != nil || z == nil {
		return 0, false, err
	}
	return dns.Serial(z.Serial), true, nil
}

// Apply implements [dns.NameServer]. What the server fails at with a status from 500 on, as
// it does when its database is locked by another of its threads, is tried again a few times,
// each time from what is there then.
func (d *Driver) Apply(ctx context.Context, at dns.Place, change dns.Change) error {
	c, err := d.client(at)
	if err == nil {
		err = change.Check(d.Capabilities())
	}
	if err != nil {
		return err
	}
	return again(ctx, func() error { return c.apply(ctx, change) })
}

// How long is waited before the tries after the first.
const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = 1500 * time.Millisecond
)

// again makes a call that can be repeated, until the server does not fail at it.
func again(ctx context.Context, call func() error) error {
	for wait := firstRetry; ; wait *= 2 {
		err := call()
		if status(err) < 500 || wait > lastRetry {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait/2 + rand.N(wait)): // not all in step
		}
	}
}

func (c *client) apply(ctx context.Context, change dns.Change) error {
	z, err := c.head(ctx, change.Zone)
	if err != nil {
		return err
	}
	changed := tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
	switch {
	case z == nil && change.Expect.Present:
		return changed
	case z == nil:
		return c.create(ctx, change)
	case dns.Serial(z.Serial) == change.Serial:
		p, err := c.fetch(ctx, change.Zone)
		if err != nil {
			return err
		}
		if done, _ := change.Meets(p); !done {
			return changed
		}
		return c.notify(ctx, change.Zone, z.Kind) // the answer may have been lost before it
	case !change.Expect.Present || dns.Serial(z.Serial) != change.Expect.Serial:
		return changed
	}
	return c.edit(ctx, change, z)
}

// create makes a zone whole.
func (c *client) create(ctx context.Context, change dns.Change) error {
	off, none := "", []string{}
	z := zoneJSON{Name: change.Zone.FQDN(), Kind: c.kind, SOAEditAPI: &off, Nameservers: &none}
	for _, s := range dns.Sets(change.Desired) {
		z.RRsets = append(z.RRsets, set(s))
	}
	err := c.do(ctx, http.MethodPost, "/zones?rrsets=false", z, nil)
	if status(err) == http.StatusConflict {
		return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged) // somebody was faster
	}
	if err != nil {
		return err
	}
	return c.notify(ctx, change.Zone, c.kind)
}

// edit changes the sets that change. Removals come first: an alias beside other records is
// refused, also within a request.
func (c *client) edit(ctx context.Context, change dns.Change, z *zoneJSON) error {
	if z.SOAEditAPI != nil && *z.SOAEditAPI != "" {
		off := ""
		if err := c.do(ctx, http.MethodPut, zonePath(change.Zone), zoneJSON{SOAEditAPI: &off}, nil); err != nil {
			return err
		}
	}
	var patch zoneJSON
	for _, step := range change.Steps {
		if step.Action() == dns.ActionRemove {
			patch.RRsets = append(patch.RRsets, drop(step.Key()))
		}
	}
	for _, step := range change.Steps {
		if step.Action() != dns.ActionRemove {
			patch.RRsets = append(patch.RRsets, replace(step.After))
		}
	}
	err := c.do(ctx, http.MethodPatch, zonePath(change.Zone), patch, nil)
	if status(err) == http.StatusNotFound {
		return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
	}
	if err != nil {
		return err
	}
	return c.notify(ctx, change.Zone, z.Kind)
}

// notify tells the secondaries of a zone, where it is for PowerDNS to do that.
func (c *client) notify(ctx context.Context, zone dns.Name, kind string) error {
	if kind == "Native" {
		return nil
	}
	err := c.do(ctx, http.MethodPut, zonePath(zone)+"/notify", nil, nil)
	if err != nil && status(err) == 0 {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectApplied, err)
	}
	// A server that refuses, as one that is no primary, has nobody to tell.
	return nil
}

// Remove implements [dns.NameServer].
func (d *Driver) Remove(ctx context.Context, at dns.Place, zone dns.Name) error {
	c, err := d.client(at)
	if err != nil {
		return err
	}
	err = again(ctx, func() error { return c.do(ctx, http.MethodDelete, zonePath(zone), nil, nil) })
	if status(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// List implements [dns.Lister].
func (d *Driver) List(ctx context.Context, at dns.Place) iter.Seq2[dns.Name, error] {
	return func(yield func(dns.Name, error) bool) {
		var zones []zoneJSON
		c, err := d.client(at)
		if err == nil {
			err = c.do(ctx, http.MethodGet, "/zones?dnssec=false", nil, &zones)
		}
		if err != nil {
			yield("", err)
			return
		}
		for _, z := range zones {
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

// Probe implements [dns.Prober].
func (d *Driver) Probe(ctx context.Context, at dns.Place) error {
	c, err := d.client(at)
	if err != nil {
		return err
	}
	var server struct {
		ID string `json:"id"`
	}
	if err := c.do(ctx, http.MethodGet, "", nil, &server); err != nil {
		return err
	}
	if server.ID == "" {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("it is no API of PowerDNS"))
	}
	return nil
}
