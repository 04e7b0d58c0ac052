package dnstest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/fake"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// driver is the fake with methods replaced, over a connection that can break.
type driver struct {
	*fake.Driver
	apply  func(ctx context.Context, at dns.Place, c dns.Change) error
	fetch  func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error)
	remove func(ctx context.Context, at dns.Place, zone dns.Name) error
	serial func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Serial, bool, error)
	list   func(ctx context.Context, at dns.Place) iter.Seq2[dns.Name, error]
	probe  func(ctx context.Context, at dns.Place) error
	caps   func() dns.Capabilities
	hush   bool // nobody is told of changes
}

func (d *driver) Capabilities() dns.Capabilities { return d.caps() }
func (d *driver) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	return d.apply(ctx, at, c)
}
func (d *driver) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
	return d.fetch(ctx, at, zone)
}
func (d *driver) Remove(ctx context.Context, at dns.Place, zone dns.Name) error {
	return d.remove(ctx, at, zone)
}
func (d *driver) Serial(ctx context.Context, at dns.Place, zone dns.Name) (dns.Serial, bool, error) {
	return d.serial(ctx, at, zone)
}
func (d *driver) List(ctx context.Context, at dns.Place) iter.Seq2[dns.Name, error] {
	return d.list(ctx, at)
}
func (d *driver) Probe(ctx context.Context, at dns.Place) error { return d.probe(ctx, at) }

func sound() *driver {
	f := fake.New(fake.Options{})
	return &driver{Driver: f, apply: f.Apply, fetch: f.Fetch, remove: f.Remove, serial: f.Serial, list: f.List, probe: f.Probe, caps: f.Capabilities}
}

const secretText = "hunter2-hunter2"

// breaking stands for a connection: a call has a point before it and one after it.
type breaking struct {
	*driver
	point   int
	how     dnstest.Fault
	mu      sync.Mutex
	next    int
	broken  bool
	reached chan struct{}
}

// pass counts a point, and returns false if the connection does not work any more.
func (b *breaking) pass(ctx context.Context) bool {
	b.mu.Lock()
	if !b.broken && b.next == b.point {
		b.broken = true
		close(b.reached)
	}
	b.next++
	broken := b.broken
	b.mu.Unlock()
	if broken && b.how == dnstest.Hang {
		<-ctx.Done()
	}
	return !broken
}

func (b *breaking) through(ctx context.Context, call func() error) error {
	if !b.pass(ctx) {
		return fake.ErrUnreachable
	}
	err := call()
	if !b.pass(ctx) {
		return fake.ErrTimeout
	}
	return err
}

func (b *breaking) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	return b.through(ctx, func() error { return b.apply(ctx, at, c) })
}

func (b *breaking) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (p dns.Published, err error) {
	err = b.through(ctx, func() error { p, err = b.fetch(ctx, at, zone); return err })
	return p, err
}

// harness has a driver that change breaks; through changes the connection.
func harness(change func(*driver), through func(*breaking) dns.NameServer) dnstest.Harness {
	return dnstest.Harness{
		New: func(*testing.T) dnstest.Site {
			d := sound()
			if change != nil {
				change(d)
			}
			at, f := dns.Place{Server: "ns1"}, d.Driver
			f.SetDown("dead", true)
			var n atomic.Int64
			return dnstest.Site{
				Server: d, Place: at, Dead: &dns.Place{Server: "dead"}, Secrets: []string{secretText},
				Zone: func() dns.Name { return dns.Name(fmt.Sprintf("zone%d.example", n.Add(1))) },
				Ask:  func(_ context.Context, zone dns.Name) (dns.Published, error) { return f.Zone("ns1", zone), nil },
				Meddle: func(_ context.Context, zone dns.Name, records []dns.Record) error {
					return f.Edit("ns1", zone, records)
				},
				Notified: func(_ context.Context, zone dns.Name) ([]dns.Serial, error) {
					if d.hush {
						return nil, nil
					}
					return f.Notified("ns1", zone), nil
				},
				Break: func(_ *testing.T, point int, how dnstest.Fault) dnstest.Broken {
					b := &breaking{driver: d, point: point, how: how, reached: make(chan struct{})}
					broken := dnstest.Broken{Server: b, Reached: b.reached}
					if through != nil {
						broken.Server = through(b)
					}
					return broken
				},
			}
		},
		Features: dnstest.Features{Serials: true, Lists: true, Probes: true},
		Patience: 2 * time.Second,
	}
}

// A driver without a fault passes, by the same wrapper as those with one.
func TestSoundDriver(t *testing.T) {
	t.Parallel()
	h := harness(nil, nil)
	h.Patience = 0
	dnstest.TestNameServer(t, h)
}

// Rules are told what they lack, and are not passed by a site that has nothing to test
// them with.
func TestBareSite(t *testing.T) {
	t.Parallel()
	h := harness(nil, nil)
	full := h.New
	h.New = func(t *testing.T) dnstest.Site {
		s := full(t)
		s.Dead, s.Meddle, s.Notified, s.Break = nil, nil, nil, nil
		return s
	}
	report := conformance.Record(t, h, dnstest.NameServerRules())
	for _, id := range []string{"APP-6", "NOT-1", "CUT-1", "CUT-2", "CTX-2", "PRB-2"} {
		require.NotEmpty(t, report.Failed[id], "rule %s passes without what it needs", id)
	}
	require.Len(t, report.Failed, 6)
	h.Without = map[string]string{"NOT-1": "it tells nobody"}
	report = conformance.Record(t, h, dnstest.NameServerRules())
	require.Equal(t, map[string]string{"NOT-1": "it tells nobody"}, report.Skipped)
}

// over has the driver apply a change other than the one it was given.
func over(change func(d *driver, c *dns.Change)) func(*driver) {
	return func(d *driver) {
		d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
			c.Desired = slices.Clone(c.Desired)
			change(d, &c)
			return d.Driver.Apply(ctx, at, c)
		}
	}
}

// records has the driver publish other records than it was given.
func records(change func(c dns.Change, list []dns.Record) []dns.Record) func(*driver) {
	return over(func(_ *driver, c *dns.Change) { c.Desired = change(*c, c.Desired) })
}

// each has the driver publish another record than it was given.
func each(change func(r dns.Record) dns.Record) func(*driver) {
	return records(func(_ dns.Change, list []dns.Record) []dns.Record {
		for i := range list {
			list[i] = change(list[i])
		}
		return list
	})
}

func text(change func(string) string) func(*driver) {
	return each(func(r dns.Record) dns.Record {
		if txt, ok := r.Data.(dns.TXT); ok {
			r.Data = dns.TXT{Text: change(txt.Text)}
		}
		return r
	})
}

// Each driver breaks one rule, which must find it.
func TestMutants(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, m := range map[string]struct {
		rule   string
		change func(*driver)
		wire   func(*breaking) dns.NameServer
	}{
		"no zone is an error": {"FET-1", func(d *driver) {
			d.fetch = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := d.Driver.Fetch(ctx, at, zone)
				if err == nil && !p.Present {
					err = tierhost.ErrNotFound
				}
				return p, err
			}
		}, nil},
		"a record is fetched twice": {"FET-2", func(d *driver) {
			d.fetch = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := d.Driver.Fetch(ctx, at, zone)
				if len(p.Records) > 0 {
					p.Records = append(p.Records, p.Records[0])
				}
				return p, err
			}
		}, nil},
		"the SOA is not fetched": {"FET-2", func(d *driver) {
			d.fetch = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := d.Driver.Fetch(ctx, at, zone)
				p.Records = slices.DeleteFunc(p.Records, func(r dns.Record) bool { return r.Type() == dns.TypeSOA })
				return p, err
			}
		}, nil},
		"a new zone has one name server": {"APP-1", records(func(c dns.Change, list []dns.Record) []dns.Record {
			seen := false
			return slices.DeleteFunc(list, func(r dns.Record) bool {
				again := seen && r.Type() == dns.TypeNS && !c.Expect.Present
				seen = seen || r.Type() == dns.TypeNS
				return again
			})
		}), nil},
		"name servers are never changed": {"APP-2", func(d *driver) {
			over(func(d *driver, c *dns.Change) {
				p := d.Zone("ns1", c.Zone)
				if !p.Present {
					return
				}
				apexNS := func(r dns.Record) bool { return r.Type() == dns.TypeNS && r.Name == c.Zone }
				c.Desired = slices.DeleteFunc(c.Desired, apexNS)
				for _, r := range p.Records {
					if apexNS(r) {
						c.Desired = append(c.Desired, r)
					}
				}
			})(d)
		}, nil},
		"dropped records stay": {"APP-2", over(func(d *driver, c *dns.Change) {
			for _, r := range d.Zone("ns1", c.Zone).Records {
				if r.Type() != dns.TypeSOA && !slices.Contains(c.Desired, r) {
					c.Desired = append(c.Desired, r)
				}
			}
		}), nil},
		"a TTL alone is no change": {"APP-2", over(func(d *driver, c *dns.Change) {
			for _, old := range d.Zone("ns1", c.Zone).Records {
				for i, r := range c.Desired {
					if r.Name == old.Name && r.Data == old.Data {
						c.Desired[i].TTL = old.TTL
					}
				}
			}
		}), nil},
		"the SOA keeps its times": {"APP-2", each(func(r dns.Record) dns.Record {
			if soa, ok := r.Data.(dns.SOA); ok {
				soa.Minimum = 300
				r.Data = soa
			}
			return r
		}), nil},
		"the second time is a conflict": {"APP-3", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if p := d.Zone("ns1", c.Zone); p.Present && p.Serial == c.Serial {
					return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, dns.ErrChanged)
				}
				return d.Driver.Apply(ctx, at, c)
			}
		}, nil},
		"the server counts itself": {"APP-7", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if c.Expect.Present && c.Serial-c.Expect.Serial > 1 {
					c.Serial = c.Expect.Serial + 1
					c.Desired = slices.Clone(c.Desired)
					for i, r := range c.Desired {
						if soa, ok := r.Data.(dns.SOA); ok {
							soa.Serial = c.Serial
							c.Desired[i].Data = soa
						}
					}
				}
				return d.Driver.Apply(ctx, at, c)
			}
		}, nil},
		"serials do not wrap": {"APP-7", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if c.Expect.Present && c.Serial < c.Expect.Serial {
					return tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, refused)
				}
				return d.Driver.Apply(ctx, at, c)
			}
		}, nil},
		"one change for all": {"APP-8", func(d *driver) {
			var busy atomic.Bool
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if !busy.CompareAndSwap(false, true) {
					return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, refused)
				}
				defer busy.Store(false)
				time.Sleep(5 * time.Millisecond)
				return d.Driver.Apply(ctx, at, c)
			}
		}, nil},
		"a large zone is cut": {"APP-9", records(func(_ dns.Change, list []dns.Record) []dns.Record { return list[:min(len(list), 5000)] }), nil},
		"a large zone is half changed": {"APP-9", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if len(c.Desired) > 5000 {
					c.Desired = c.Desired[:5000]
					_ = d.Driver.Apply(ctx, at, c)
					return tierhost.Fail(tierhost.KindUnsupported, tierhost.EffectNone, refused)
				}
				return d.Driver.Apply(ctx, at, c)
			}
		}, nil},
		"texts are cut at 255":      {"TXT-1", text(func(s string) string { return s[:min(len(s), 255)] }), nil},
		"a semicolon is a comment":  {"TXT-1", text(func(s string) string { return cut(s, ";") }), nil},
		"quotes are lost":           {"TXT-1", text(func(s string) string { return drop(s, `"`) }), nil},
		"a line break ends a text":  {"TXT-1", text(func(s string) string { return cut(s, "\n") }), nil},
		"backslashes are doubled":   {"TXT-1", text(func(s string) string { return double(s, '\\') }), nil},
		"octets are made UTF-8":     {"TXT-1", text(func(s string) string { return string([]rune(s)) }), nil},
		"spaces are trimmed":        {"TXT-1", text(func(s string) string { return trim(s) }), nil},
		"an empty text is dropped":  {"TXT-1", records(func(_ dns.Change, l []dns.Record) []dns.Record { return without(l, dns.TXT{}) }), nil},
		"TTL 0 is none":             {"TXT-1", each(func(r dns.Record) dns.Record { r.TTL = max(r.TTL, 1); return r }), nil},
		"a weight is cut":           {"TXT-1", each(weight), nil},
		"types without a name fail": {"TXT-1", records(func(_ dns.Change, l []dns.Record) []dns.Record { return known(l) }), nil},
		"what is out of the zone is left out": {"TXT-2", records(func(c dns.Change, l []dns.Record) []dns.Record {
			return slices.DeleteFunc(l, func(r dns.Record) bool { return !r.Name.Within(c.Zone) })
		}), nil},
		"an ALIAS is left out": {"TXT-2", records(func(_ dns.Change, l []dns.Record) []dns.Record {
			return slices.DeleteFunc(l, func(r dns.Record) bool { return r.Type() == dns.TypeALIAS })
		}), nil},
		"what is expected is not looked at": {"APP-4", over(func(d *driver, c *dns.Change) {
			p := d.Zone("ns1", c.Zone)
			c.Expect = dns.Expect{Present: p.Present, Serial: p.Serial}
		}), nil},
		"later is enough": {"APP-4", over(func(d *driver, c *dns.Change) {
			if p := d.Zone("ns1", c.Zone); p.Present && c.Expect.Present && p.Serial.After(c.Expect.Serial) {
				c.Expect.Serial = p.Serial
			}
		}), nil},
		"a conflict without its name": {"APP-4", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				err := d.Driver.Apply(ctx, at, c)
				if errors.Is(err, dns.ErrChanged) {
					return tierhost.Fail(tierhost.KindConflict, tierhost.EffectNone, refused)
				}
				return err
			}
		}, nil},
		"a conflict of unknown effect": {"APP-4", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				err := d.Driver.Apply(ctx, at, c)
				if errors.Is(err, dns.ErrChanged) {
					return tierhost.Fail(tierhost.KindConflict, tierhost.EffectUnknown, dns.ErrChanged)
				}
				return err
			}
		}, nil},
		"a creation overwrites": {"APP-5", over(func(d *driver, c *dns.Change) {
			if p := d.Zone("ns1", c.Zone); !c.Expect.Present {
				c.Expect = dns.Expect{Present: p.Present, Serial: p.Serial}
			}
		}), nil},
		"an edit creates": {"APP-5", over(func(d *driver, c *dns.Change) {
			if p := d.Zone("ns1", c.Zone); !p.Present {
				c.Expect = dns.Expect{}
			}
		}), nil},
		"somebody's change is overwritten": {"APP-6", over(func(d *driver, c *dns.Change) {
			if p := d.Zone("ns1", c.Zone); p.Present {
				for _, r := range p.Records {
					if r.Name == "byhand."+c.Zone {
						c.Expect.Serial = p.Serial
					}
				}
			}
		}), nil},
		"nobody is told": {"NOT-1", func(d *driver) { d.hush = true }, nil},
		"what is gone cannot be removed": {"REM-1", func(d *driver) {
			d.remove = func(ctx context.Context, at dns.Place, zone dns.Name) error {
				if !d.Zone("ns1", zone).Present {
					return tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, refused)
				}
				return d.Driver.Remove(ctx, at, zone)
			}
		}, nil},
		"removed zones stay": {"REM-1", func(d *driver) {
			d.remove = func(ctx context.Context, _ dns.Place, _ dns.Name) error { return ctx.Err() }
		}, nil},
		"a zone comes once": {"REM-2", func(d *driver) {
			var mu sync.Mutex
			gone := map[dns.Name]bool{}
			d.remove = func(ctx context.Context, at dns.Place, zone dns.Name) error {
				mu.Lock()
				gone[zone] = true
				mu.Unlock()
				return d.Driver.Remove(ctx, at, zone)
			}
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				mu.Lock()
				defer mu.Unlock()
				if gone[c.Zone] {
					return tierhost.Fail(tierhost.KindExists, tierhost.EffectNone, refused)
				}
				return d.Driver.Apply(ctx, at, c)
			}
		}, nil},
		"zones below go too": {"REM-3", func(d *driver) {
			d.remove = func(ctx context.Context, at dns.Place, zone dns.Name) error {
				for name := range d.Driver.List(ctx, at) {
					if name.Below(zone) {
						_ = d.Driver.Remove(ctx, at, name)
					}
				}
				return d.Driver.Remove(ctx, at, zone)
			}
		}, nil},
		"contexts are not looked at": {"CTX-1", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				return d.Driver.Apply(context.WithoutCancel(ctx), at, c)
			}
		}, nil},
		"a call that hangs": {"CTX-2", nil, func(b *breaking) dns.NameServer {
			return &wired{b, func(_ context.Context, at dns.Place, c dns.Change) error { return b.Apply(context.Background(), at, c) }, b.Fetch}
		}},
		"after an effect nothing was done": {"CUT-1", nil, func(b *breaking) dns.NameServer {
			return &wired{b, func(ctx context.Context, at dns.Place, c dns.Change) error {
				if err := b.Apply(ctx, at, c); err != nil {
					return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, refused)
				}
				return nil
			}, b.Fetch}
		}},
		"a lost call is a success": {"CUT-1", nil, func(b *breaking) dns.NameServer {
			return &wired{b, func(ctx context.Context, at dns.Place, c dns.Change) error { _ = b.Apply(ctx, at, c); return nil }, b.Fetch}
		}},
		"what cannot be read is not there": {"CUT-2", nil, func(b *breaking) dns.NameServer {
			return &wired{b, b.Apply, func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := b.Fetch(ctx, at, zone)
				if err != nil {
					return dns.Published{}, nil
				}
				return p, nil
			}}
		}},
		"what was read in part is all": {"CUT-2", nil, func(b *breaking) dns.NameServer {
			return &wired{b, b.Apply, func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := b.Fetch(ctx, at, zone)
				if err != nil && p.Present {
					p.Records, err = p.Records[:len(p.Records)/2], nil
				}
				return p, err
			}}
		}},
		"capabilities of the moment": {"ABL-1", func(d *driver) {
			n := 0
			d.caps = func() dns.Capabilities {
				n++
				return dns.Capabilities{Atomic: dns.AtomicZone, Creates: true, MaxText: 10000 + n}
			}
		}, nil},
		"the serial is an old one": {"SER-1", func(d *driver) {
			first := map[dns.Name]dns.Serial{}
			d.serial = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Serial, bool, error) {
				n, ok, err := d.Driver.Serial(ctx, at, zone)
				if old, was := first[zone]; was {
					return old, ok, err
				}
				first[zone] = n
				return n, ok, err
			}
		}, nil},
		"a serial of nothing": {"SER-1", func(d *driver) {
			d.serial = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Serial, bool, error) {
				n, _, err := d.Driver.Serial(ctx, at, zone)
				return n, true, err
			}
		}, nil},
		"zones are listed twice": {"LIS-1", func(d *driver) {
			d.list = func(ctx context.Context, at dns.Place) iter.Seq2[dns.Name, error] {
				return func(yield func(dns.Name, error) bool) {
					for range 2 {
						for name, err := range d.Driver.List(ctx, at) {
							if !yield(name, err) {
								return
							}
						}
					}
				}
			}
		}, nil},
		"nothing works": {"PRB-1", func(d *driver) { d.probe = func(context.Context, dns.Place) error { return refused } }, nil},
		"everything works": {"PRB-2", func(d *driver) {
			d.probe = func(context.Context, dns.Place) error { return nil }
		}, nil},
		"a dead server has no zones": {"PRB-2", func(d *driver) {
			d.fetch = func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
				p, err := d.Driver.Fetch(ctx, at, zone)
				if errors.Is(err, fake.ErrUnreachable) {
					err = nil
				}
				return p, err
			}
		}, nil},
		"an error tells the key": {"APP-4", func(d *driver) {
			d.apply = func(ctx context.Context, at dns.Place, c dns.Change) error {
				if err := d.Driver.Apply(ctx, at, c); err != nil {
					return fmt.Errorf("with key %s: %w", secretText, err)
				}
				return nil
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := slices.DeleteFunc(dnstest.NameServerRules(), func(r dnstest.Rule) bool { return r.ID != m.rule })
			require.Len(t, rules, 1)
			report := conformance.Record(t, harness(m.change, m.wire), rules)
			require.NotEmpty(t, report.Failed[m.rule], "rule %s does not find it", m.rule)
		})
	}
}

// wired is a broken connection whose driver is broken too.
type wired struct {
	*breaking
	apply func(ctx context.Context, at dns.Place, c dns.Change) error
	fetch func(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error)
}

func (w *wired) Apply(ctx context.Context, at dns.Place, c dns.Change) error {
	return w.apply(ctx, at, c)
}
func (w *wired) Fetch(ctx context.Context, at dns.Place, zone dns.Name) (dns.Published, error) {
	return w.fetch(ctx, at, zone)
}
