package gatewaytest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

type (
	call    = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error)
	notices = func(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error)
)

// doing replaces Do by a function that gets the model's own.
func doing(fn func(m *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error)) func(m *model) {
	return func(m *model) {
		do := m.do
		m.do = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			return fn(m, do, ctx, at, o)
		}
	}
}

// when replaces Do where the situation is the given one.
func when(s gatewaytest.Situation, fn func(o gateways.Operation, r gateways.Result, err error) (gateways.Result, error)) func(m *model) {
	return doing(func(m *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := do(ctx, at, o)
		if m.last == s {
			return fn(o, r, err)
		}
		return r, err
	})
}

// of replaces Do for one verb.
func of(v gateways.Verb, fn func(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error)) func(m *model) {
	return doing(func(_ *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		if o.Verb == v {
			return fn(do, ctx, at, o)
		}
		return do(ctx, at, o)
	})
}

// anew does an operation under an ID of its own.
func anew(do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	o.ID = gateways.OperationID(strings.ReplaceAll(tierhost.UUIDs().NewID("x"), "_", "-"))
	return do(ctx, at, o)
}

func finding(fn func(find call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error)) func(m *model) {
	return func(m *model) {
		find := m.find
		m.find = func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
			return fn(find, ctx, at, o)
		}
	}
}

func noticing(fn func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error)) func(m *model) {
	return func(m *model) {
		read := m.notices
		m.notices = func(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
			return fn(read, ctx, at, in, now)
		}
	}
}

// approving takes whatever has happened for a success.
func approving(o gateways.Operation, _ gateways.Result, _ error) (gateways.Result, error) {
	return gateways.Result{Outcome: gateways.Approved, Reference: "x", Amount: o.Amount}, nil
}

// declining takes whatever has happened for a decline.
func declining(o gateways.Operation, _ gateways.Result, _ error) (gateways.Result, error) {
	return gateways.Result{Outcome: gateways.Declined, Amount: o.Amount, Decline: gateways.Decline{Code: "declined"}}, nil
}

// harmless says that nothing was done.
func harmless(_ gateways.Operation, _ gateways.Result, err error) (gateways.Result, error) {
	return gateways.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("it did not work"))
}

// forgetting is a gateway of a provider without keys that does not look first.
func forgetting(s gatewaytest.Situation) func(m *model) {
	return doing(func(m *model, do call, ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
		r, err := do(ctx, at, o)
		if m.last == s && err == nil {
			return anew(do, ctx, at, o)
		}
		return r, err
	})
}

// Each rule notices what breaks it, and a rule that notices nothing is none.
func TestBrokenGateways(t *testing.T) {
	t.Parallel()
	var all []conformance.Broken[gatewaytest.Harness]
	for _, m := range mutants {
		all = append(all, conformance.Broken[gatewaytest.Harness]{Rule: m.rule, Name: m.name, Harness: func(t *testing.T) gatewaytest.Harness { return harness(t, m.break_) }})
	}
	require.Equal(t, []string{"SIG-3"}, conformance.Finds(t, gatewaytest.Rules(), all), "that is for providers that do not sign: see below")
}

// A provider that does not sign has notices that say so.
func TestUnsignedNotices(t *testing.T) {
	t.Parallel()
	for _, says := range []bool{true, false} {
		h := harness(t, noticing(func(read notices, ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
			all, err := read(ctx, at, in, now)
			for i := range all {
				all[i].Unsigned = says
			}
			return all, err
		}))
		h.Features.Signs = false
		report := conformance.Record(t, h, gatewaytest.Rules())
		for _, id := range []string{"SIG-3", "NOT-1"} {
			if failed := len(report.Failed[id]) > 0; failed == says {
				t.Errorf("rule %s fails: %t; the notices say that they are unsigned: %t", id, failed, says)
			}
		}
	}
}
