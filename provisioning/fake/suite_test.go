package fake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

// The fake does all that a driver must, faults apart.
func TestDriver(t *testing.T) {
	t.Parallel()
	provisioningtest.TestDriver(t, provisioningtest.DriverHarness{
		New: func(*testing.T) provisioningtest.Site { return site() },
		Features: provisioningtest.Features{
			Lists: true, Probes: true, Passwords: true, Moves: true, ChecksSpecs: true,
			Meters: map[string]provisioning.Metric{fake.MeterBytes: provisioning.Gauge, fake.MeterRequests: provisioning.Counter},
		},
		Without: map[string]string{"SUS-3": "there are no sessions", "REM-5": "there are no sessions"},
	})
}

func site() provisioningtest.Site {
	clock := tierhost.NewTestClock(time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC))
	d := fake.New(fake.Options{Clock: clock})
	place := func(s provisioning.ServerID) provisioning.Place {
		return provisioning.Place{Server: s, Machine: "m", Kind: "web"}
	}
	target, dead := place("new"), place("dead")
	d.SetDown("dead", true)
	thing := func(c provisioning.Call) (fake.Thing, bool) {
		return d.Thing(c.Server.Server, c.Service.Kind, c.Service.Name)
	}
	var n atomic.Int64
	s := provisioningtest.Site{
		Driver: d, Place: place("old"), Kind: "web", Target: &target, Dead: &dead,
		Again: func() provisioning.Driver { return d.Again(fake.Options{}) },
		Name:  func() string { return "name" + strconv.FormatInt(n.Add(1), 10) },
		A:     json.RawMessage(`{"plan":"gold","quota":100}`), B: json.RawMessage(`{"plan":"iron","quota":5}`),
		Silent: json.RawMessage(`{}`),
		Bad:    []json.RawMessage{json.RawMessage(`{"quota":-1}`), json.RawMessage(`{"plan":""}`)},
	}
	s.Use = func(_ context.Context, c provisioning.Call, password string) error {
		t, ok := thing(c)
		if !ok || t.Partial || t.Suspended || t.Password != password {
			return provisioningtest.ErrRefused
		}
		return nil
	}
	s.Put = func(_ context.Context, c provisioning.Call, text string) error {
		t, ok := thing(c)
		if !ok {
			return errors.New("not there")
		}
		t.Content = text
		d.Put(c.Server.Server, t)
		return nil
	}
	s.Get = func(_ context.Context, c provisioning.Call) (string, error) {
		t, ok := thing(c)
		if !ok {
			return "", errors.New("not there")
		}
		return t.Content, nil
	}
	s.Check = func(_ context.Context, c provisioning.Call) error {
		var want fake.Spec
		if err := json.Unmarshal(c.Spec, &want); err != nil {
			return err
		}
		t, ok := thing(c)
		if !ok || want.Plan != nil && *want.Plan != t.Plan || want.Quota != nil && *want.Quota != t.Quota {
			return fmt.Errorf("it is %+v", t)
		}
		return nil
	}
	s.Left = func(_ context.Context, name string) ([]string, error) {
		var left []string
		for _, t := range d.Things("old") {
			if t.Name == name {
				left = append(left, fmt.Sprintf("%s %s of %q, partial %t, suspended %t, %s %d, %s",
					t.Kind, t.Name, t.Owner, t.Partial, t.Suspended, t.Plan, t.Quota, t.Content))
			}
		}
		return left, nil
	}
	s.Halves = map[string]func(context.Context, provisioning.Call) error{
		"half": func(_ context.Context, c provisioning.Call) error {
			t, ok := thing(c)
			if !ok {
				t = fake.Thing{Kind: c.Service.Kind, Name: c.Service.Name, Owner: c.Service.ID, Plan: "basic"}
			}
			t.Partial = true
			d.Put(c.Server.Server, t)
			return nil
		},
	}
	s.Foreign = func(_ context.Context, c provisioning.Call) error {
		d.Put(c.Server.Server, fake.Thing{Kind: c.Service.Kind, Name: c.Service.Name, Plan: "basic"})
		return nil
	}
	s.Trespass = func(_ context.Context, as provisioning.Call, password string, other provisioning.Call) error {
		if t, ok := thing(other); ok && t.Password == password && password != "" {
			return errors.New("the password opens another's")
		}
		return provisioningtest.ErrRefused
	}
	s.Fill = func(_ context.Context, c provisioning.Call, _ string) error {
		clock.Advance(time.Second)
		d.Use(c.Server.Server, c.Service.Kind, c.Service.Name, fake.MeterRequests, decimal.NewFromInt(3))
		if !d.Write(c.Server.Server, c.Service.Kind, c.Service.Name, "more than before "+strconv.FormatInt(n.Add(1), 10)) {
			return errors.New("it cannot be used")
		}
		return nil
	}
	s.Logs = func(context.Context) (string, error) { return fmt.Sprintf("%+v", d.Calls()), nil }
	// A call has three points: it is sent, it is done by half, it is done and unanswered.
	s.Break = func(_ *testing.T, point int, how provisioningtest.Fault) provisioningtest.Broken {
		reached := make(chan struct{})
		stop := func(ctx context.Context) {
			close(reached)
			if how == provisioningtest.Hang {
				<-ctx.Done()
			}
		}
		faults := []fake.Fault{
			{Before: fake.ErrUnreachable, Meanwhile: stop},
			{Half: true, Afterwards: stop},
			{After: fake.ErrTimeout, Afterwards: stop},
		}
		used := false
		return provisioningtest.Broken{Reached: reached, Driver: d.Again(fake.Options{Decide: func(fake.Called) fake.Fault {
			if used || point >= len(faults) {
				return fake.Fault{}
			}
			used = true
			return faults[point]
		}})}
	}
	return s
}
