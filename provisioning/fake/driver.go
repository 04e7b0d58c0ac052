package fake

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

// Spec is what the driver's things are like. Fields that are not set are left as they
// are; a new thing has plan "basic" and no quota.
type Spec struct {
	Plan  *string `json:"plan,omitempty"`
	Quota *int64  `json:"quota,omitempty"` // megabytes
}

// Options are the settings of a [Driver]. The zero value works.
type Options struct {
	Clock tierhost.Clock // nil: the system's; for samples
	// Decide is asked at every call which fault there is. It is called by the goroutine
	// that calls the driver, and may call the driver itself. nil: none but those of
	// [Driver.Next].
	Decide func(c Called) Fault
}

// Called is a call of the driver.
type Called struct {
	Verb      provisioning.Verb
	Server    provisioning.ServerID
	Service   provisioning.ServiceID // none for VerbList and VerbProbe, and for VerbUsage of a server
	Name      string
	Operation string
	Password  bool // there was one
}

// The verbs of calls that are not about one service.
const (
	VerbList  provisioning.Verb = "list"
	VerbUsage                   = provisioning.VerbUsage // of one service before it is removed
	VerbProbe provisioning.Verb = "probe"
)

// Driver is the driver and its servers. Make one with [New]. It is safe for concurrent
// use.
type Driver struct {
	opt Options
	*site
}

// site is what drivers of the same servers share.
type site struct {
	mu      sync.Mutex
	servers map[provisioning.ServerID]*server
	lag     int
	next    []scripted
	calls   []Called
	late    []lateEffect
}

var (
	_ provisioning.Driver          = (*Driver)(nil)
	_ provisioning.Lister          = (*Driver)(nil)
	_ provisioning.Prober          = (*Driver)(nil)
	_ provisioning.PasswordChanger = (*Driver)(nil)
	_ provisioning.Mover           = (*Driver)(nil)
	_ provisioning.SpecChecker     = (*Driver)(nil)
	_ provisioning.UsageReader     = (*Driver)(nil)
	_ provisioning.MeterReader     = (*Driver)(nil)
)

// New returns a driver without servers.
func New(o Options) *Driver {
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	return &Driver{o, &site{servers: map[provisioning.ServerID]*server{}}}
}

// Again returns another driver of the same servers, as in another process.
func (d *Driver) Again(o Options) *Driver {
	if o.Clock == nil {
		o.Clock = d.opt.Clock
	}
	return &Driver{o, d.site}
}

// CheckSpec implements [provisioning.SpecChecker].
func (d *Driver) CheckSpec(_ provisioning.Kind, name string, spec json.RawMessage) error {
	_, err := checked(name, spec)
	return err
}

func checked(name string, text json.RawMessage) (Spec, error) {
	var issues tierhost.Issues
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		issues.Add("name", "bad_name", "a name is up to 255 bytes of printable text")
	}
	spec, err := provisioning.DecodeSpec[Spec](text)
	if inv, ok := errors.AsType[*tierhost.Invalid](err); ok {
		issues = append(issues, inv.Issues...)
	}
	if spec.Quota != nil && *spec.Quota < 0 {
		issues.Add("quota", "negative", "a quota is not below 0")
	}
	if spec.Plan != nil && *spec.Plan == "" {
		issues.Add("plan", "required", "a plan has a name")
	}
	return spec, issues.Err()
}

func checkedPassword(c provisioning.Call, needed bool) error {
	var issues tierhost.Issues
	switch pw := c.Password.Reveal(); {
	case needed && pw == "":
		issues.Add("password", "required", "a password is needed")
	case !utf8.ValidString(pw) || strings.ContainsRune(pw, 0):
		issues.Add("password", "bad_password", "a password is UTF-8 without NUL")
	}
	return issues.Err()
}

// Ensure implements [provisioning.Driver].
func (d *Driver) Ensure(ctx context.Context, c provisioning.Call) (o provisioning.Observation, err error) {
	spec, err := checked(c.Service.Name, c.Spec)
	if err == nil {
		err = checkedPassword(c, false)
	}
	if err != nil {
		return o, err
	}
	err = d.do(ctx, provisioning.VerbEnsure, c, func(s *server, half bool) error {
		t, err := s.ours(c, tierhost.KindExists)
		if err != nil {
			return err
		}
		if t == nil {
			t = s.make(c)
		}
		if t.Partial = half; half {
			return nil
		}
		t.change(spec)
		if c.Password.Reveal() != "" {
			t.Password = c.Password.Reveal()
		}
		o = t.observe(spec)
		return nil
	})
	return o, err
}

// Read implements [provisioning.Driver].
func (d *Driver) Read(ctx context.Context, c provisioning.Call) (o provisioning.Observation, err error) {
	spec, err := checked(c.Service.Name, c.Spec)
	if err != nil {
		return o, err
	}
	err = d.do(ctx, provisioning.VerbRead, c, func(s *server, _ bool) error {
		o = s.seen(c, spec)
		return nil
	})
	return o, err
}

// Suspend implements [provisioning.Driver].
func (d *Driver) Suspend(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.suspend(ctx, provisioning.VerbSuspend, c, true)
}

// Resume implements [provisioning.Driver].
func (d *Driver) Resume(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.suspend(ctx, provisioning.VerbResume, c, false)
}

func (d *Driver) suspend(ctx context.Context, verb provisioning.Verb, c provisioning.Call, to bool) (o provisioning.Observation, err error) {
	spec, err := checked(c.Service.Name, c.Spec)
	if err != nil {
		return o, err
	}
	err = d.do(ctx, verb, c, func(s *server, half bool) error {
		t, err := s.ours(c, tierhost.KindExists)
		if err != nil {
			return err
		}
		if t == nil || t.Partial {
			return tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, errors.New("there is no such thing"))
		}
		if !half {
			t.Suspended = to
		}
		o = t.observe(spec)
		return nil
	})
	return o, err
}

// Remove implements [provisioning.Driver].
func (d *Driver) Remove(ctx context.Context, c provisioning.Call) error {
	if _, err := checked(c.Service.Name, nil); err != nil {
		return err
	}
	return d.do(ctx, provisioning.VerbRemove, c, func(s *server, half bool) error {
		t, err := s.ours(c, tierhost.KindPrecondition)
		switch {
		case err != nil || t == nil:
			return err
		case half:
			t.Partial = true
		default:
			s.remove(c)
		}
		return nil
	})
}

// ChangePassword implements [provisioning.PasswordChanger].
func (d *Driver) ChangePassword(ctx context.Context, c provisioning.Call) error {
	_, err := checked(c.Service.Name, nil)
	if err == nil {
		err = checkedPassword(c, true)
	}
	if err != nil {
		return err
	}
	return d.do(ctx, provisioning.VerbPassword, c, func(s *server, half bool) error {
		t, err := s.ours(c, tierhost.KindExists)
		if err == nil && (t == nil || t.Partial) {
			err = tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, errors.New("there is no such thing"))
		}
		if err == nil && !half {
			t.Password = c.Password.Reveal()
		}
		return err
	})
}

// Copy implements [provisioning.Mover].
func (d *Driver) Copy(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return d.both(ctx, provisioning.VerbCopy, from, c, func(old, new *Thing) error {
		new.Content = old.Content
		return nil
	})
}

// Verify implements [provisioning.Mover].
func (d *Driver) Verify(ctx context.Context, from provisioning.Place, c provisioning.Call) error {
	return d.both(ctx, provisioning.VerbVerify, from, c, func(old, new *Thing) error {
		if old.Content != new.Content {
			return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, errors.New("the content differs"))
		}
		return nil
	})
}

// both does something with a thing and with the one that is to take over.
func (d *Driver) both(ctx context.Context, verb provisioning.Verb, from provisioning.Place, c provisioning.Call, do func(old, new *Thing) error) error {
	if _, err := checked(c.Service.Name, nil); err != nil {
		return err
	}
	return d.do(ctx, verb, c, func(s *server, _ bool) error {
		there, err := s.ours(c, tierhost.KindExists)
		if err != nil {
			return err
		}
		here, err := d.server(from.Server).ours(c, tierhost.KindExists)
		if err != nil {
			return err
		}
		if here == nil || there == nil || here.Partial || there.Partial {
			kind := tierhost.KindNotFound
			if verb == provisioning.VerbVerify {
				kind = tierhost.KindPrecondition
			}
			return tierhost.Fail(kind, tierhost.EffectNone, errors.New("there is no such thing"))
		}
		return do(here, there)
	})
}

// Probe implements [provisioning.Prober].
func (d *Driver) Probe(ctx context.Context, on provisioning.Place) error {
	return d.do(ctx, VerbProbe, provisioning.Call{Server: on}, func(*server, bool) error { return nil })
}

// List implements [provisioning.Lister]. Things are listed by name.
func (d *Driver) List(ctx context.Context, on provisioning.Place, kind provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return func(yield func(provisioning.Observation, error) bool) {
		var all []provisioning.Observation
		err := d.do(ctx, VerbList, provisioning.Call{Server: on}, func(s *server, _ bool) error {
			all = s.list(kind)
			return nil
		})
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
