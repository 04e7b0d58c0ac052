package provisioningtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

// server is a server in memory: users, boxes of the same name, sessions.
type server struct {
	mu       sync.Mutex
	users    map[string]*user
	boxes    map[string]*box
	sessions map[string]bool // of users, open
	working  func(s *server) // what it still does for somebody who is gone
	log      strings.Builder
	clock    *tierhost.TestClock
}

type user struct {
	owner     string
	password  string
	suspended bool
	boot      string // epoch of requests
	requests  int64
}

type box struct {
	content string
	size    int
	colour  string
}

// boxSpec is the spec of a box.
type boxSpec struct {
	Size   *int    `json:"size,omitempty"`
	Colour *string `json:"colour,omitempty"`
}

func newServer() *server {
	return &server{users: map[string]*user{"root": {password: "root"}}, boxes: map[string]*box{}, sessions: map[string]bool{},
		clock: tierhost.NewTestClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
}

// net is a driver's connection, which may break.
type net struct {
	point   int // the next one
	breaks  int // at which it breaks; negative: never
	how     provisioningtest.Fault
	reached chan struct{}
	broken  bool
}

// model is a sound driver of such servers. Faults make it a broken one.
type model struct {
	servers map[provisioning.ServerID]*server
	mu      *sync.Mutex
	net     *net
	faults  *faults
}

var errCut = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errors.New("the connection is closed"))

// step does something on the server; the connection may break before and after it.
func (d *model) step(ctx context.Context, on provisioning.Place, do func(s *server)) error {
	s, ok := d.servers[on.Server]
	if !ok {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("nobody answers"))
	}
	for _, effect := range []bool{false, true} {
		if err := ctx.Err(); err != nil && !d.faults.deaf {
			return err
		}
		if err := d.arrive(ctx); err != nil {
			return err
		}
		if effect {
			continue
		}
		s.mu.Lock()
		if !d.faults.overtakes {
			s.finish() // the server does one thing after the other
		}
		left := d.leaves()
		if left {
			s.working = do
		} else {
			do(s)
		}
		s.mu.Unlock()
		if left {
			return errCut
		}
	}
	return nil
}

// finish ends what the server still does.
func (s *server) finish() {
	if do := s.working; do != nil {
		s.working = nil
		do(s)
	}
}

// leaves reports whether the driver's process ends now that it has asked.
func (d *model) leaves() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.net; n != nil && n.how == provisioningtest.Leave && n.point == n.breaks && !n.broken {
		n.broken = true
		close(n.reached)
		return true
	}
	return false
}

func (d *model) arrive(ctx context.Context) error {
	d.mu.Lock()
	n := d.net
	if n == nil {
		d.mu.Unlock()
		return nil
	}
	if n.point == n.breaks && !n.broken {
		n.broken = true
		close(n.reached)
	}
	n.point++
	broken := n.broken
	d.mu.Unlock()
	switch {
	case !broken:
		return nil
	case n.how != provisioningtest.Hang:
		if d.faults.boasts {
			return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errCut.Err)
		}
		if d.faults.confused {
			return tierhost.Fail(tierhost.KindInternal, tierhost.EffectUnknown, errCut.Err)
		}
		return errCut
	case d.faults.stuck != nil:
		<-d.faults.stuck
	}
	<-ctx.Done()
	return ctx.Err()
}

// check refuses bad names, specs and passwords.
func (d *model) check(name string, spec json.RawMessage) (boxSpec, error) {
	var issues tierhost.Issues
	if name == "root" && !d.faults.roots || name == "" || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_'") != "" {
		issues.Add("name", "bad_name", "a name has up to 32 of a-z, 0-9, _ and '")
	}
	want, err := provisioning.DecodeSpec[boxSpec](spec)
	if invalid, ok := errors.AsType[*tierhost.Invalid](err); ok {
		issues = append(issues, invalid.Issues...)
	}
	if want.Size != nil && *want.Size < 0 && !d.faults.negative {
		issues.Add("size", "negative", "a size is not below zero")
	}
	return want, issues.Err()
}

func (d *model) owned(ctx context.Context, c provisioning.Call, kind tierhost.Kind) (u user, b box, hasUser, hasBox bool, err error) {
	err = d.step(ctx, c.Server, func(s *server) {
		if p := s.users[c.Service.Name]; p != nil {
			u, hasUser = *p, true
		}
		if p := s.boxes[c.Service.Name]; p != nil {
			b, hasBox = *p, true
		}
	})
	foreign := hasUser && u.owner != d.id(c) || hasBox && !hasUser
	if hasUser && (d.faults.adopts == adoptAll || d.faults.adopts == adoptNobodys && u.owner == "" || d.faults.adopts == adoptHalves && !hasBox) {
		foreign = false
	}
	if err == nil && kind != 0 && foreign {
		err = tierhost.Fail(kind, tierhost.EffectNone, errors.New("it belongs to another"))
	}
	return u, b, hasUser, hasBox, err
}

func (d *model) id(c provisioning.Call) string {
	id := string(c.Service.ID)
	if d.faults.cutsIDs {
		id = id[:min(len(id), 64)]
	}
	return id
}

func (d *model) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	var none provisioning.Observation
	want, err := d.check(c.Service.Name, c.Spec)
	if err == nil {
		err = d.checkPassword(c, false)
	}
	if err != nil {
		return none, err
	}
	_, _, hasUser, hasBox, err := d.owned(ctx, c, tierhost.KindExists)
	if err != nil {
		return none, err
	}
	if !hasUser {
		err = d.step(ctx, c.Server, func(s *server) { s.users[c.Service.Name] = &user{owner: d.id(c), boot: "1"} })
	} else if d.faults.once {
		return none, tierhost.Fail(tierhost.KindExists, tierhost.EffectNone, nil)
	}
	if err == nil && !hasBox && !d.faults.halves {
		err = d.step(ctx, c.Server, func(s *server) { s.boxes[c.Service.Name] = &box{colour: "grey"} })
	}
	if err == nil && !d.faults.fixed {
		err = d.step(ctx, c.Server, func(s *server) {
			b := s.boxes[c.Service.Name]
			if b == nil {
				return
			}
			if want.Size != nil {
				b.size = *want.Size
			}
			if want.Colour != nil {
				b.colour = *want.Colour
			}
		})
	}
	if err == nil && c.Password.Reveal() != "" {
		err = d.setPassword(ctx, c)
	}
	if err != nil {
		return none, err
	}
	return d.Read(ctx, c)
}

func (d *model) checkPassword(c provisioning.Call, needed bool) error {
	pw := c.Password.Reveal()
	var issues tierhost.Issues
	if needed && pw == "" {
		issues.Add("password", "required", "a password is needed")
	}
	if !utf8.ValidString(pw) || strings.ContainsRune(pw, 0) {
		issues.Add("password", "bad_password", "a password is UTF-8 without NUL")
	}
	return issues.Err()
}

func (d *model) setPassword(ctx context.Context, c provisioning.Call) error {
	return d.step(ctx, c.Server, func(s *server) {
		pw := c.Password.Reveal()
		fmt.Fprintf(&s.log, "password of %s\n", c.Service.Name)
		if d.faults.logs {
			fmt.Fprintf(&s.log, "is %s\n", pw)
		}
		if d.faults.trims {
			pw = strings.TrimSpace(pw)
		}
		s.users[c.Service.Name].password = pw
	})
}

func (d *model) ChangePassword(ctx context.Context, c provisioning.Call) error {
	_, err := d.check(c.Service.Name, nil)
	if err == nil {
		err = d.checkPassword(c, !d.faults.empties)
	}
	if err != nil {
		return err
	}
	_, _, hasUser, _, err := d.owned(ctx, c, tierhost.KindExists)
	if err == nil && !hasUser {
		err = tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, nil)
	}
	if err == nil {
		err = d.setPassword(ctx, c)
	}
	return err
}

func (d *model) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	var none provisioning.Observation
	want, err := d.check(c.Service.Name, c.Spec)
	if err != nil {
		return none, err
	}
	u, b, hasUser, hasBox, err := d.owned(ctx, c, 0)
	if err != nil {
		return none, err
	}
	return observe(c.Service.Name, u, b, hasUser, hasBox, want), nil
}

func observe(name string, u user, b box, hasUser, hasBox bool, want boxSpec) provisioning.Observation {
	o := provisioning.Observation{Name: name, Owner: provisioning.ServiceID(u.owner), Presence: provisioning.Present}
	switch {
	case !hasUser && !hasBox:
		return provisioning.Observation{Presence: provisioning.Absent}
	case !hasUser || !hasBox:
		o.Presence = provisioning.Partial
		return o
	case u.suspended:
		o.Presence = provisioning.Suspended
	}
	o.Matches = (want.Size == nil || *want.Size == b.size) && (want.Colour == nil || *want.Colour == b.colour)
	o.Spec, _ = json.Marshal(boxSpec{&b.size, &b.colour})
	o.Facts, _ = json.Marshal(map[string]string{"user": name})
	return o
}

func (d *model) set(ctx context.Context, c provisioning.Call, suspended bool) (provisioning.Observation, error) {
	var none provisioning.Observation
	if _, err := d.check(c.Service.Name, c.Spec); err != nil {
		return none, err
	}
	u, _, hasUser, hasBox, err := d.owned(ctx, c, tierhost.KindExists)
	if err == nil && !(hasUser && hasBox) {
		err = tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, nil)
	}
	if err != nil {
		return none, err
	}
	if d.faults.hasty && u.suspended == suspended {
		return d.Read(ctx, c)
	}
	err = d.step(ctx, c.Server, func(s *server) { s.users[c.Service.Name].suspended = suspended })
	if err == nil && suspended {
		err = d.step(ctx, c.Server, func(s *server) { delete(s.sessions, c.Service.Name) })
	}
	if err != nil {
		return none, err
	}
	return d.Read(ctx, c)
}

func (d *model) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.set(ctx, c, true)
}

func (d *model) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.set(ctx, c, false)
}

func (d *model) Remove(ctx context.Context, c provisioning.Call) error {
	if _, err := d.check(c.Service.Name, nil); err != nil {
		return err
	}
	_, _, hasUser, hasBox, err := d.owned(ctx, c, tierhost.KindPrecondition)
	if err == nil && hasUser && !hasBox && d.faults.wholes {
		return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, nil)
	}
	if err == nil && hasBox {
		err = d.step(ctx, c.Server, func(s *server) { delete(s.boxes, c.Service.Name) })
	}
	if err == nil && hasUser {
		err = d.step(ctx, c.Server, func(s *server) {
			delete(s.sessions, c.Service.Name)
			if !d.faults.leaves {
				delete(s.users, c.Service.Name)
			}
		})
	}
	return err
}

func (d *model) CheckSpec(_ provisioning.Kind, name string, spec json.RawMessage) error {
	_, err := d.check(name, spec)
	return err
}

func (d *model) Probe(ctx context.Context, on provisioning.Place) error {
	return d.step(ctx, on, func(*server) {})
}

func (d *model) all(ctx context.Context, on provisioning.Place) ([]provisioning.Observation, error) {
	var all []provisioning.Observation
	err := d.step(ctx, on, func(s *server) {
		names := maps.Clone(s.users)
		delete(names, "root")
		for name := range s.boxes {
			if names[name] == nil {
				names[name] = nil
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			u, b := s.users[name], s.boxes[name]
			all = append(all, observe(name, *or(u), *or(b), u != nil, b != nil, boxSpec{}))
		}
	})
	return all, err
}

func or[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}

func (d *model) List(ctx context.Context, on provisioning.Place, _ provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return func(yield func(provisioning.Observation, error) bool) {
		all, err := d.all(ctx, on)
		if err != nil {
			yield(provisioning.Observation{}, err)
			return
		}
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (d *model) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		var samples []provisioning.Sample
		if err := d.step(ctx, on, func(s *server) {
			s.clock.Advance(time.Second)
			for name, u := range s.users {
				if b := s.boxes[name]; b != nil {
					sample := provisioning.Sample{Service: provisioning.ServiceID(u.owner), Kind: kind, Name: name, Meter: "bytes",
						Metric: provisioning.Gauge, Value: decimal.NewFromInt(int64(len(b.content))), At: s.clock.Now()}
					requests := sample
					requests.Meter, requests.Metric, requests.Value, requests.Epoch = "requests", provisioning.Counter, decimal.NewFromInt(u.requests), u.boot
					samples = append(samples, sample, requests)
				}
			}
		}); err != nil {
			yield(provisioning.Sample{}, err)
			return
		}
		for _, sample := range samples {
			if !yield(sample, nil) {
				return
			}
		}
	}
}

func (d *model) Copy(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	old := c
	old.Server = from
	_, b, _, hasBox, err := d.owned(ctx, old, tierhost.KindPrecondition)
	if err == nil && !hasBox {
		err = tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, nil)
	}
	if err == nil {
		_, _, _, hasBox, err = d.owned(ctx, c, tierhost.KindExists)
	}
	if err == nil && hasBox {
		err = d.step(ctx, c.Server, func(s *server) { s.boxes[c.Service.Name].content = b.content })
	}
	return err
}

func (d *model) Verify(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	old := c
	old.Server = from
	_, a, _, _, err := d.owned(ctx, old, tierhost.KindPrecondition)
	if err != nil {
		return err
	}
	_, b, _, hasBox, err := d.owned(ctx, c, tierhost.KindPrecondition)
	if err == nil && (!hasBox || a.content != b.content) {
		err = tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, errors.New("the contents differ"))
	}
	return err
}

// harness is one of the model, made broken by a function.
func harness(t *testing.T, break_ func(f *faults)) provisioningtest.DriverHarness {
	f := &faults{}
	break_(f)
	return provisioningtest.DriverHarness{
		New: func(t *testing.T) provisioningtest.Site { return newSite(t, f) },
		Features: provisioningtest.Features{Lists: true, Probes: true, Passwords: true, Moves: true, ChecksSpecs: true,
			Meters: map[string]provisioning.Metric{"bytes": provisioning.Gauge, "requests": provisioning.Counter}},
		Patience: f.patience,
	}
}

func newSite(_ *testing.T, f *faults) provisioningtest.Site {
	servers := map[provisioning.ServerID]*server{"one": newServer(), "two": newServer()}
	names := 0
	var mu sync.Mutex
	driver := func(n *net) provisioning.Driver {
		m := &model{servers: servers, mu: &sync.Mutex{}, net: n, faults: f}
		if f.wrap != nil {
			return f.wrap(m)
		}
		return m
	}
	locked := func(c provisioning.Call, fn func(s *server) error) error {
		s := servers[c.Server.Server]
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finish()
		return fn(s)
	}
	use := func(c provisioning.Call, password string) error {
		return locked(c, func(s *server) error {
			u := s.users[c.Service.Name]
			if u == nil || u.suspended || u.password != password || password == "" || s.boxes[c.Service.Name] == nil {
				return fmt.Errorf("login of %q: %w", c.Service.Name, provisioningtest.ErrRefused)
			}
			u.requests++
			return nil
		})
	}
	return provisioningtest.Site{
		Driver: driver(nil),
		Again:  func() provisioning.Driver { return driver(nil) },
		Place:  provisioning.Place{Server: "one"},
		Target: &provisioning.Place{Server: "two"},
		Dead:   &provisioning.Place{Server: "none"},
		Kind:   "box",
		Name: func() string {
			mu.Lock()
			defer mu.Unlock()
			names++
			return fmt.Sprint("n", names)
		},
		Twins: func() (string, string) { return "t_1", "tx1" },
		A:     json.RawMessage(`{"size":1,"colour":"red"}`), B: json.RawMessage(`{"size":2,"colour":"blue"}`), Silent: json.RawMessage(`{}`),
		Bad:     []json.RawMessage{json.RawMessage(`{"size":-1}`)},
		Hostile: []string{"root"},
		Use:     func(_ context.Context, c provisioning.Call, password string) error { return use(c, password) },
		Put: func(_ context.Context, c provisioning.Call, text string) error {
			return locked(c, func(s *server) error { s.boxes[c.Service.Name].content = text; return nil })
		},
		Get: func(_ context.Context, c provisioning.Call) (text string, err error) {
			err = locked(c, func(s *server) error {
				if s.boxes[c.Service.Name] == nil {
					return errors.New("no box")
				}
				text = s.boxes[c.Service.Name].content
				return nil
			})
			return text, err
		},
		Check: func(_ context.Context, c provisioning.Call) error {
			return locked(c, func(s *server) error {
				want, err := provisioning.DecodeSpec[boxSpec](c.Spec)
				if err != nil {
					return err
				}
				b := or(s.boxes[c.Service.Name])
				if want.Size != nil && *want.Size != b.size || want.Colour != nil && *want.Colour != b.colour {
					return fmt.Errorf("the box is %+v", *b)
				}
				return nil
			})
		},
		Left: func(_ context.Context, name string) (left []string, err error) {
			s := servers["one"]
			s.mu.Lock()
			defer s.mu.Unlock()
			s.finish()
			if s.users[name] != nil {
				left = append(left, "user")
			}
			if s.boxes[name] != nil {
				left = append(left, "box")
			}
			return left, nil
		},
		Halves: map[string]func(context.Context, provisioning.Call) error{
			"user without a box": func(_ context.Context, c provisioning.Call) error {
				return locked(c, func(s *server) error {
					s.users[c.Service.Name] = &user{owner: string(c.Service.ID), boot: "1"}
					return nil
				})
			},
		},
		Foreign: func(_ context.Context, c provisioning.Call) error {
			return locked(c, func(s *server) error {
				s.users[c.Service.Name], s.boxes[c.Service.Name] = &user{password: "other"}, &box{content: "other"}
				return nil
			})
		},
		Trespass: func(_ context.Context, as provisioning.Call, password string, other provisioning.Call) error {
			if err := use(as, password); err != nil {
				return errors.New("the customer cannot even log in")
			}
			if f.twins && strings.NewReplacer("_", "x").Replace(as.Service.Name) == other.Service.Name {
				return nil
			}
			return provisioningtest.ErrRefused
		},
		Escape: func(_ context.Context, c provisioning.Call, password string) (func(context.Context) error, error) {
			if err := use(c, password); err != nil {
				return nil, err
			}
			_ = locked(c, func(s *server) error { s.sessions[c.Service.Name] = true; return nil })
			return func(context.Context) error {
				return locked(c, func(s *server) error {
					if s.sessions[c.Service.Name] {
						return nil
					}
					return provisioningtest.ErrRefused
				})
			}, nil
		},
		Break: func(_ *testing.T, point int, how provisioningtest.Fault) provisioningtest.Broken {
			n := &net{breaks: point, how: how, reached: make(chan struct{})}
			return provisioningtest.Broken{Driver: driver(n), Reached: n.reached}
		},
		Logs: func(context.Context) (string, error) {
			s := servers["one"]
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.log.String(), nil
		},
		Fill: func(_ context.Context, c provisioning.Call, password string) error {
			if err := use(c, password); err != nil {
				return err
			}
			return locked(c, func(s *server) error { s.boxes[c.Service.Name].content += strings.Repeat("x", 1000); return nil })
		},
	}
}
