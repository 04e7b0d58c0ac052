package provisioningtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// A driver without a fault passes, through the same wrapper as those with one.
func TestSoundDriver(t *testing.T) {
	t.Parallel()
	provisioningtest.TestDriver(t, harness(t, func(f *faults) {
		f.wrap = func(m *model) provisioning.Driver { return through(m, func(*changed) {}) }
	}))
}

// A rule that every server can be tested for cannot be left out.
func TestWithout(t *testing.T) {
	t.Parallel()
	h := harness(t, func(*faults) {})
	h.Without = map[string]string{"CUT-1": "no proxy"}
	report := conformance.Record(t, h, provisioningtest.DriverRules())
	if report.Skipped["CUT-1"] != "no proxy" || len(report.Skipped) != 1 || len(report.Failed) != 0 {
		t.Errorf("skipped %v, failed %v", report.Skipped, report.Failed)
	}
	h = provisioningtest.DriverHarness{New: h.New} // declares nothing
	report = conformance.Record(t, h, provisioningtest.DriverRules())
	if len(report.Failed["ABL-1"]) == 0 || report.Skipped["MOV-1"] == "" {
		t.Errorf("skipped %v, failed %v", report.Skipped, report.Failed)
	}
}

// Whoever begins is told what the site lacks, and a rule is not passed by a site that has
// nothing to test it with.
func TestBareSite(t *testing.T) {
	t.Parallel()
	h := harness(t, func(*faults) {})
	full := h.New
	h.New = func(t *testing.T) provisioningtest.Site {
		s := full(t)
		return provisioningtest.Site{Driver: s.Driver, Place: s.Place, Kind: s.Kind, A: s.A, B: s.B}
	}
	report := conformance.Record(t, h, provisioningtest.DriverRules())
	if got, want := report.Failed["ENS-1"], "the site has no Check, Get, Left, Name, Put, Use"; len(got) != 1 || got[0] != want {
		t.Errorf("ENS-1 says %q, want %q", got, want)
	}
	h.New = func(t *testing.T) provisioningtest.Site {
		s := full(t)
		s.Silent, s.Halves, s.Foreign, s.Trespass, s.Escape, s.Break, s.Dead, s.Logs, s.Fill, s.Target = nil, nil, nil, nil, nil, nil, nil, nil, nil, nil
		return s
	}
	report = conformance.Record(t, h, provisioningtest.DriverRules())
	for _, id := range []string{"ENS-4", "ENS-6", "ISO-1", "SUS-3", "REM-3", "REM-5", "OWN-2", "OWN-3", "SEC-2", "CUT-1", "CUT-2", "CUT-3", "CUT-4", "CUT-5", "CTX-2",
		"PRB-2", "USE-2", "USE-3", "USE-4", "MOV-1", "MOV-2", "MOV-3", "MOV-4"} {
		if len(report.Failed[id]) == 0 {
			t.Errorf("rule %s passes without what it needs", id)
		}
	}
}

// faults are what a broken driver does instead.
type faults struct {
	// Within the model.
	adopts                                                            adoption
	deaf, boasts, confused, roots, negative, cutsIDs, once            bool
	halves, fixed, logs, trims, empties, hasty, wholes, leaves, twins bool
	overtakes                                                         bool
	stuck                                                             chan struct{}
	patience                                                          time.Duration
	// Around it.
	wrap func(m *model) provisioning.Driver
}

type adoption int

const (
	adoptNothing adoption = iota
	adoptAll
	adoptNobodys
	adoptHalves
)

// changed is the model with methods replaced.
type changed struct {
	*model
	ensure   func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error)
	read     func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error)
	suspend  func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error)
	resume   func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error)
	remove   func(ctx context.Context, c provisioning.Call) error
	password func(ctx context.Context, c provisioning.Call) error
	check    func(kind provisioning.Kind, name string, spec json.RawMessage) error
	probe    func(ctx context.Context, on provisioning.Place) error
	list     func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Observation, error]
	usage    func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Sample, error]
	meters   func(c provisioning.Call, s provisioning.Sample) bool
	copy     func(ctx context.Context, from provisioning.Place, c provisioning.Call) error
	verify   func(ctx context.Context, from provisioning.Place, c provisioning.Call) error
}

func through(m *model, change func(c *changed)) *changed {
	c := &changed{model: m, ensure: m.Ensure, read: m.Read, suspend: m.Suspend, resume: m.Resume, remove: m.Remove, password: m.ChangePassword,
		check: m.CheckSpec, probe: m.Probe, copy: m.Copy, verify: m.Verify,
		list: func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Observation, error] {
			return m.List(ctx, on, "box")
		},
		usage: func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Sample, error] {
			return m.Usage(ctx, on, "box", time.Time{})
		},
		meters: func(c provisioning.Call, s provisioning.Sample) bool { return s.Service == c.Service.ID },
	}
	change(c)
	return c
}

func (d *changed) Ensure(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.ensure(ctx, c)
}

func (d *changed) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.read(ctx, c)
}

func (d *changed) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.suspend(ctx, c)
}

func (d *changed) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.resume(ctx, c)
}

func (d *changed) Remove(ctx context.Context, c provisioning.Call) error { return d.remove(ctx, c) }

func (d *changed) ChangePassword(ctx context.Context, c provisioning.Call) error {
	return d.password(ctx, c)
}

func (d *changed) CheckSpec(kind provisioning.Kind, name string, spec json.RawMessage) error {
	return d.check(kind, name, spec)
}

func (d *changed) Probe(ctx context.Context, on provisioning.Place) error { return d.probe(ctx, on) }

func (d *changed) List(ctx context.Context, on provisioning.Place, _ provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return d.list(ctx, on)
}

func (d *changed) Usage(ctx context.Context, on provisioning.Place, _ provisioning.Kind, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return d.usage(ctx, on)
}

func (d *changed) ReadMeters(ctx context.Context, c provisioning.Call, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		for sample, err := range d.usage(ctx, c.Server) {
			if (err != nil || d.meters(c, sample)) && !yield(sample, err) {
				return
			}
		}
	}
}

func (d *changed) Copy(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return d.copy(ctx, from, c)
}

func (d *changed) Verify(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return d.verify(ctx, from, c)
}

// on changes something on the server that c is for.
func (d *changed) on(c provisioning.Call, change func(s *server)) {
	s := d.servers[c.Server.Server]
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// around is a fault outside of the model.
func around(change func(d *changed)) func(f *faults) {
	return func(f *faults) {
		f.wrap = func(m *model) provisioning.Driver { return through(m, change) }
	}
}

// plain is a driver without any ability.
type plain struct{ provisioning.Driver }

// mutants are drivers that break one rule at least: the one named.
var mutants = []struct {
	name, rule string
	break_     func(f *faults)
}{
	{"hides its abilities", "ABL-1", func(f *faults) { f.wrap = func(m *model) provisioning.Driver { return plain{m} } }},
	{"is never well", "PRB-1", around(func(d *changed) {
		d.probe = func(context.Context, provisioning.Place) error {
			return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, nil)
		}
	})},
	{"is always well", "PRB-2", around(func(d *changed) {
		d.probe = func(context.Context, provisioning.Place) error { return nil }
	})},
	{"accepts a bad spec", "SPC-1", func(f *faults) { f.negative = true }},
	{"says only that a spec is bad", "SPC-1", around(func(d *changed) {
		d.check = func(kind provisioning.Kind, name string, spec json.RawMessage) error {
			if d.model.CheckSpec(kind, name, spec) != nil {
				return tierhost.ErrInvalid
			}
			return nil
		}
	})},
	{"refuses a good spec", "SPC-2", around(func(d *changed) {
		d.check = func(_ provisioning.Kind, _ string, spec json.RawMessage) error {
			if string(spec) == `{}` {
				return tierhost.ErrInvalid
			}
			return nil
		}
	})},
	{"sets no password", "ENS-1", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			c.Password = secret.Text{}
			return d.model.Ensure(ctx, c)
		}
	})},
	{"makes only half", "ENS-1", func(f *faults) { f.halves = true }},
	{"makes it anew", "ENS-2", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			if err := d.model.Remove(ctx, c); err != nil {
				return provisioning.Observation{}, err
			}
			return d.model.Ensure(ctx, c)
		}
	})},
	{"fails if it is there", "ENS-2", func(f *faults) { f.once = true }},
	{"never changes", "ENS-3", func(f *faults) { f.fixed = true }},
	{"says that all matches", "ENS-3", around(func(d *changed) {
		d.read = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Read(ctx, c)
			o.Matches = true
			return o, err
		}
	})},
	{"loses content in a change", "ENS-3", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Read(ctx, c)
			if err == nil && o.Presence == provisioning.Present && !o.Matches {
				d.on(c, func(s *server) { s.boxes[c.Service.Name].content = "" })
			}
			return d.model.Ensure(ctx, c)
		}
	})},
	{"takes a half for the whole", "ENS-4", around(func(d *changed) {
		d.read = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Read(ctx, c)
			if o.Presence == provisioning.Partial {
				o.Presence = provisioning.Present
			}
			return o, err
		}
	})},
	{"leaves a half as it is", "ENS-4", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			if o, err := d.model.Read(ctx, c); err == nil && o.Presence == provisioning.Partial {
				return o, nil
			}
			return d.model.Ensure(ctx, c)
		}
	})},
	{"changes when it reads", "ENS-5", around(func(d *changed) {
		d.read = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			if o, err := d.model.Read(ctx, c); err != nil || o.Presence == provisioning.Absent {
				return o, err
			}
			return d.model.Ensure(ctx, c)
		}
	})},
	{"makes when it reads", "ENS-5", around(func(d *changed) {
		d.read = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Read(ctx, c)
			d.on(c, func(s *server) { s.boxes[c.Service.Name] = or(s.boxes[c.Service.Name]) })
			return o, err
		}
	})},
	{"takes silence for a default", "ENS-6", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			if string(c.Spec) == `{}` {
				c.Spec = json.RawMessage(`{"size":0,"colour":"grey"}`)
			}
			return d.model.Ensure(ctx, c)
		}
	})},
	{"mixes services up", "ENS-7", func(f *faults) {
		var mu sync.Mutex
		last, waiting := "", 0
		both := make(chan struct{})
		f.wrap = func(m *model) provisioning.Driver {
			return through(m, func(d *changed) {
				d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
					mu.Lock()
					if c.Password.Reveal() == "" {
						mu.Unlock()
						return d.model.Ensure(ctx, c)
					}
					last = c.Password.Reveal()
					if waiting++; waiting == 2 {
						close(both) // two calls are under way
					}
					mu.Unlock()
					select {
					case <-both:
					case <-ctx.Done():
					}
					mu.Lock()
					c.Password = secret.New(last)
					mu.Unlock()
					return d.model.Ensure(ctx, c)
				}
			})
		}
	}},
	{"takes _ for any character", "ISO-1", func(f *faults) { f.twins = true }},
	{"keeps the old password", "PWD-1", around(func(d *changed) {
		d.password = func(context.Context, provisioning.Call) error { return nil }
	})},
	{"trims passwords", "PWD-2", func(f *faults) { f.trims = true }},
	{"refuses spaces", "PWD-2", around(func(d *changed) {
		d.password = func(ctx context.Context, c provisioning.Call) error {
			if slices.Contains([]byte(c.Password.Reveal()), ' ') {
				return tierhost.ErrInvalid
			}
			return d.model.ChangePassword(ctx, c)
		}
	})},
	{"resumes with a new password", "PWD-3", around(func(d *changed) {
		d.password = func(ctx context.Context, c provisioning.Call) error {
			if err := d.model.ChangePassword(ctx, c); err != nil {
				return err
			}
			_, err := d.model.Resume(ctx, c)
			return err
		}
	})},
	{"sets empty passwords", "PWD-4", func(f *faults) { f.empties = true }},
	{"suspends nothing", "SUS-1", around(func(d *changed) {
		d.suspend = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Read(ctx, c)
			o.Presence = provisioning.Suspended
			return o, err
		}
	})},
	{"suspends by deleting", "SUS-1", around(func(d *changed) {
		d.suspend = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			d.on(c, func(s *server) { or(s.boxes[c.Service.Name]).content = "" })
			return d.model.Suspend(ctx, c)
		}
	})},
	{"suspends only once", "SUS-2", around(func(d *changed) {
		d.suspend = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			if o, _ := d.model.Read(ctx, c); o.Presence == provisioning.Suspended {
				return o, tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, nil)
			}
			return d.model.Suspend(ctx, c)
		}
	})},
	{"leaves sessions open", "SUS-3", around(func(d *changed) {
		d.suspend = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			open := false
			d.on(c, func(s *server) { open = s.sessions[c.Service.Name] })
			o, err := d.model.Suspend(ctx, c)
			d.on(c, func(s *server) { s.sessions[c.Service.Name] = open })
			return o, err
		}
	})},
	{"resumes with a change", "SUS-4", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			if _, err := d.model.Ensure(ctx, c); err != nil {
				return provisioning.Observation{}, err
			}
			return d.model.Resume(ctx, c)
		}
	})},
	{"suspends what is not there", "SUS-5", around(func(d *changed) {
		d.suspend = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			if o, err := d.model.Read(ctx, c); err != nil || o.Presence == provisioning.Absent {
				return o, err
			}
			return d.model.Suspend(ctx, c)
		}
	})},
	{"leaves something", "REM-1", func(f *faults) { f.leaves = true }},
	{"fails if it is gone", "REM-1", around(func(d *changed) {
		d.remove = func(ctx context.Context, c provisioning.Call) error {
			if o, err := d.model.Read(ctx, c); err == nil && o.Presence == provisioning.Absent {
				return tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, nil)
			}
			return d.model.Remove(ctx, c)
		}
	})},
	{"does not remove what is suspended", "REM-2", around(func(d *changed) {
		d.remove = func(ctx context.Context, c provisioning.Call) error {
			if o, err := d.model.Read(ctx, c); err == nil && o.Presence == provisioning.Suspended {
				return nil
			}
			return d.model.Remove(ctx, c)
		}
	})},
	{"does not remove halves", "REM-3", func(f *faults) { f.wholes = true }},
	{"gives back the last content", "REM-4", func(f *faults) {
		kept := map[string]string{}
		var mu sync.Mutex
		f.wrap = func(m *model) provisioning.Driver {
			return through(m, func(d *changed) {
				d.remove = func(ctx context.Context, c provisioning.Call) error {
					d.on(c, func(s *server) {
						mu.Lock()
						defer mu.Unlock()
						kept[c.Service.Name] = or(s.boxes[c.Service.Name]).content
					})
					return d.model.Remove(ctx, c)
				}
				d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
					o, err := d.model.Ensure(ctx, c)
					d.on(c, func(s *server) {
						mu.Lock()
						defer mu.Unlock()
						if text := kept[c.Service.Name]; text != "" && err == nil {
							s.boxes[c.Service.Name].content = text
						}
					})
					return o, err
				}
			})
		}
	}},
	{"waits for its users", "REM-5", around(func(d *changed) {
		d.remove = func(ctx context.Context, c provisioning.Call) error {
			busy := false
			d.on(c, func(s *server) { busy = s.sessions[c.Service.Name] })
			if busy {
				return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, nil)
			}
			return d.model.Remove(ctx, c)
		}
	})},
	{"takes over another's", "OWN-1", func(f *faults) { f.adopts = adoptAll }},
	{"changes another's before it refuses", "OWN-1", around(func(d *changed) {
		d.suspend = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			d.on(c, func(s *server) { or(s.boxes[c.Service.Name]).content = "spoilt" })
			return d.model.Suspend(ctx, c)
		}
	})},
	{"takes over nobody's", "OWN-2", func(f *faults) { f.adopts = adoptNobodys }},
	{"takes over another's half", "OWN-3", func(f *faults) { f.adopts = adoptHalves }},
	{"cuts IDs", "OWN-4", func(f *faults) { f.cutsIDs = true }},
	{"takes names of the server's own", "NAM-1", func(f *faults) { f.roots, f.adopts = true, adoptNobodys }},
	{"has another idea of names in CheckSpec", "NAM-1", around(func(d *changed) {
		d.check = func(kind provisioning.Kind, _ string, spec json.RawMessage) error {
			return d.model.CheckSpec(kind, "good", spec)
		}
	})},
	{"does not list what is suspended", "LIS-1", around(func(d *changed) {
		d.list = func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Observation, error] {
			return func(yield func(provisioning.Observation, error) bool) {
				for o, err := range d.model.List(ctx, on, "box") {
					if o.Presence != provisioning.Suspended && !yield(o, err) {
						return
					}
				}
			}
		}
	})},
	{"lists twice", "LIS-1", around(func(d *changed) {
		d.list = func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Observation, error] {
			return func(yield func(provisioning.Observation, error) bool) {
				for o, err := range d.model.List(ctx, on, "box") {
					for range 2 {
						if !yield(o, err) {
							return
						}
					}
				}
			}
		}
	})},
	{"lists nothing where it fails", "LIS-2", around(func(d *changed) {
		d.list = func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Observation, error] {
			return func(yield func(provisioning.Observation, error) bool) {
				for o, err := range d.model.List(ctx, on, "box") {
					if err != nil || !yield(o, nil) {
						return
					}
				}
			}
		}
	})},
	{"does not hear that it is cancelled", "CTX-1", func(f *faults) { f.deaf = true }},
	{"hangs with its server", "CTX-2", func(f *faults) { f.stuck, f.patience = make(chan struct{}), 100*time.Millisecond }},
	{"says that nothing has happened", "CUT-1", func(f *faults) { f.boasts = true }},
	{"takes a broken connection for a defect", "CUT-1", func(f *faults) { f.confused = true }},
	{"does not complete", "CUT-1", func(f *faults) { f.once = true }},
	{"says that nothing has happened", "CUT-2", func(f *faults) { f.boasts = true }},
	{"says that nothing has happened", "CUT-3", func(f *faults) { f.boasts = true }},
	{"does not remove halves", "CUT-4", func(f *faults) { f.wholes = true }},
	{"does not wait for what goes on", "CUT-5", func(f *faults) { f.overtakes = true }},
	{"does not measure what is suspended", "USE-1", around(func(d *changed) {
		d.usage = samples(d, func(s *provisioning.Sample, u user) bool { return !u.suspended })
	})},
	{"measures without IDs", "USE-1", around(func(d *changed) {
		d.usage = samples(d, func(s *provisioning.Sample, _ user) bool { s.Service = ""; return true })
	})},
	{"measures everybody for one", "USE-1", around(func(d *changed) {
		d.meters = func(provisioning.Call, provisioning.Sample) bool { return true }
	})},
	{"measures nothing for one", "USE-1", around(func(d *changed) {
		d.meters = func(provisioning.Call, provisioning.Sample) bool { return false }
	})},
	{"always measures the same", "USE-2", around(func(d *changed) {
		d.usage = samples(d, func(s *provisioning.Sample, _ user) bool { s.Value = decimal.NewFromInt(7); return true })
	})},
	{"counts anew", "USE-3", around(func(d *changed) {
		d.suspend = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			d.on(c, func(s *server) { or(s.users[c.Service.Name]).requests = 0 })
			return d.model.Suspend(ctx, c)
		}
	})},
	{"stops measuring at halves", "USE-4", around(func(d *changed) {
		d.usage = func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Sample, error] {
			half := false
			d.on(provisioning.Call{Server: on}, func(s *server) {
				for name := range s.users {
					half = half || s.boxes[name] == nil
				}
			})
			if !half {
				return d.model.Usage(ctx, on, "box", time.Time{})
			}
			return func(yield func(provisioning.Sample, error) bool) {
				yield(provisioning.Sample{}, errors.New("a user has no box"))
			}
		}
	})},
	{"tells the password in errors", "SEC-1", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Ensure(ctx, c)
			if err != nil {
				err = fmt.Errorf("password %s: %w", c.Password.Reveal(), err)
			}
			return o, err
		}
	})},
	{"tells the password in facts", "SEC-1", around(func(d *changed) {
		d.ensure = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Ensure(ctx, c)
			o.Facts, _ = json.Marshal(c.Password.Reveal())
			return o, err
		}
	})},
	{"tells the customer the seller", "SEC-1", around(func(d *changed) {
		d.read = func(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
			o, err := d.model.Read(ctx, c)
			o.Facts, _ = json.Marshal(c.Service.Seller)
			return o, err
		}
	})},
	{"logs passwords", "SEC-2", func(f *faults) { f.logs = true }},
	{"copies once", "MOV-1", around(func(d *changed) {
		d.copy = func(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
			if d.model.Verify(ctx, from, c) == nil {
				return nil
			}
			done := false
			d.on(c, func(s *server) { done = or(s.boxes[c.Service.Name]).content != "" })
			if done {
				return nil
			}
			return d.model.Copy(ctx, from, c)
		}
	})},
	{"verifies nothing", "MOV-2", around(func(d *changed) {
		d.verify = func(context.Context, provisioning.Place, provisioning.Call) error { return nil }
	})},
	{"has what it copied used", "MOV-4", around(func(d *changed) {
		d.copy = func(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
			if err := d.model.Copy(ctx, from, c); err != nil {
				return err
			}
			_, err := d.model.Resume(ctx, c)
			return err
		}
	})},
	{"copies over another's", "MOV-3", func(f *faults) { f.adopts = adoptAll }},
}

// samples changes or leaves out what Usage yields.
func samples(d *changed, keep func(s *provisioning.Sample, u user) bool) func(context.Context, provisioning.Place) iter.Seq2[provisioning.Sample, error] {
	return func(ctx context.Context, on provisioning.Place) iter.Seq2[provisioning.Sample, error] {
		return func(yield func(provisioning.Sample, error) bool) {
			for sample, err := range d.model.Usage(ctx, on, "box", time.Time{}) {
				var u user
				d.on(provisioning.Call{Server: on}, func(s *server) { u = *or(s.users[sample.Name]) })
				if err == nil && !keep(&sample, u) {
					continue
				}
				if !yield(sample, err) {
					return
				}
			}
		}
	}
}

// Each broken driver fails in the rule that is about what is broken, and each rule finds
// at least one of them.
func TestMutants(t *testing.T) {
	t.Parallel()
	var all []conformance.Broken[provisioningtest.DriverHarness]
	for _, m := range mutants {
		all = append(all, conformance.Broken[provisioningtest.DriverHarness]{Rule: m.rule, Name: m.name, Harness: func(t *testing.T) provisioningtest.DriverHarness { return harness(t, m.break_) }})
	}
	require.Empty(t, conformance.Finds(t, provisioningtest.DriverRules(), all))
}
