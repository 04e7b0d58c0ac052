package payments_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/internal/simulation/histories"
	"github.com/tierhost/tierhost/internal/simulation/payments"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// mutantStore is a store whose rows do something else, as the engine would have them.
type mutantStore struct {
	gateways.Store
	rows func(r gateways.Rows) gateways.Rows
}

func (s mutantStore) Gateways(tx storage.Tx) (gateways.Rows, error) {
	r, err := s.Store.Gateways(tx)
	if err != nil {
		return nil, err
	}
	return s.rows(r), nil
}

// mutantRows changes what is written.
type mutantRows struct {
	gateways.Rows
	payment func(p *gateways.Payment)
	notice  func(n *gateways.Inbound)
}

func (r mutantRows) PutPayment(ctx context.Context, p gateways.Payment) error {
	if r.payment != nil {
		p = p.Clone()
		r.payment(&p)
	}
	return r.Rows.PutPayment(ctx, p)
}

func (r mutantRows) PutNotice(ctx context.Context, n gateways.Inbound) error {
	if r.notice != nil {
		n = n.Clone()
		r.notice(&n)
	}
	return r.Rows.PutNotice(ctx, n)
}

func with(m mutantRows) func(o *payments.Options) {
	return func(o *payments.Options) {
		o.Store = func(st gateways.Store) gateways.Store {
			return mutantStore{st, func(r gateways.Rows) gateways.Rows {
				m.Rows = r
				return m
			}}
		}
	}
}

func attempts(change func(a *gateways.Attempt)) func(o *payments.Options) {
	return with(mutantRows{payment: func(p *gateways.Payment) {
		for i := range p.Attempts {
			change(&p.Attempts[i])
		}
	}})
}

func settling(drop func(s gateways.Settlement) bool) func(o *payments.Options) {
	return func(o *payments.Options) {
		o.Settle = func(next gateways.Settler) gateways.Settler {
			return gateways.SettlerFunc(func(ctx context.Context, tx storage.Tx, s gateways.Settlement) error {
				if drop(s) {
					return nil
				}
				return next.Settled(ctx, tx, s)
			})
		}
	}
}

// An engine that forgets a rule is noticed, each by what it does wrong.
func TestMutants(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name   string
		change func(o *payments.Options)
		seeds  uint64
		want   []string
	}{
		{"nobody is told what is parked", with(mutantRows{payment: func(p *gateways.Payment) { p.Parked, p.Also = nil, nil }}), 40, []string{"stays", "nobody was told"}},
		{"it is never looked up", with(mutantRows{payment: func(p *gateways.Payment) { p.Due = time.Time{} }}), 40, []string{"stays", "we have", "was done by the provider", "is kept"}},
		{"what is open is only looked up while it is leased", with(mutantRows{payment: func(p *gateways.Payment) {
			if p.Lease.Token == "" {
				p.Due = time.Time{}
			}
		}}), 40, []string{"stays", "we have", "was done by the provider", "is kept"}},
		{"attempts that were given up are forgotten", with(mutantRows{payment: func(p *gateways.Payment) {
			p.Attempts = slices.DeleteFunc(p.Attempts, func(a gateways.Attempt) bool { return a.State == gateways.AttemptFailed })
		}}), 40, []string{"nothing is known", "attempt_lost", "was done by the provider", "there is no such"}},
		{"a refund that comes back is ignored", attempts(func(a *gateways.Attempt) {
			if a.State == gateways.AttemptUndone && a.Verb == gateways.VerbRefund {
				a.State = gateways.AttemptApproved
			}
		}), 40, []string{"is approved, and declined", "booked twice"}},
		{"a refund that comes back is not booked", settling(func(s gateways.Settlement) bool { return s.Kind == gateways.Undone }), 40, []string{"is booked, the provider has"}},
		{"a lost dispute is not booked", settling(func(s gateways.Settlement) bool { return s.Kind == gateways.Lost }), 40, []string{"is booked, the provider has"}},
		{"a dispute that is won is not booked", settling(func(s gateways.Settlement) bool { return s.Kind == gateways.Regained }), 40, []string{"is booked, the provider has"}},
		{"a capture is not booked", settling(func(s gateways.Settlement) bool {
			return s.Kind == gateways.Received && s.Payment[len(s.Payment)-1] == '7'
		}), 40, []string{"is booked, the provider has"}},
		{"suspense is taken for approved", attempts(func(a *gateways.Attempt) {
			if a.State == gateways.AttemptSuspense {
				a.State = gateways.AttemptApproved
			}
		}), 40, []string{"is booked, the provider has", "wrong_phase", "rounds of staff"}},
		{"what is unknown is taken for failed", attempts(func(a *gateways.Attempt) {
			if a.State == gateways.AttemptUnknown {
				a.State = gateways.AttemptFailed
			}
		}), 40, []string{"was done by the provider", "was paid", "we have"}},
		{"notices are done when they have come", with(mutantRows{notice: func(n *gateways.Inbound) {
			if n.State == gateways.NoticeReceived {
				n.State, n.Done, n.Due = gateways.NoticeDone, n.Came, time.Time{}
			}
		}}), 40, []string{"we have", "is approved, and declined", "was done by the provider"}},
		{"notices are forgotten when they have failed", with(mutantRows{notice: func(n *gateways.Inbound) {
			if n.Failure != "" {
				n.Done, n.Due = n.Came, time.Time{}
			}
		}}), 40, []string{"we have", "is approved, and declined", "was done by the provider"}},
		{"what has run out is kept", with(mutantRows{payment: func(p *gateways.Payment) {
			if p.Phase == gateways.PhaseAuthorized && p.Due.Equal(p.Expires) {
				p.Due = time.Time{}
			}
		}}), 40, []string{"and is kept", "is approved, and declined"}},
		{"what is canceled is tried again", with(mutantRows{payment: func(p *gateways.Payment) {
			if !p.Canceled.IsZero() && p.Phase.Over() && p.Lease.Token == "" {
				p.Again = p.Canceled.Add(time.Hour)
				p.Due, p.Phase = p.Again, gateways.PhaseWaiting
			}
		}}), 40, []string{"was canceled"}},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			ring := histories.Keyring(t)
			for seed := uint64(1); seed <= m.seeds; seed++ {
				o := payments.Options{Seed: seed, Sealer: ring}
				m.change(&o)
				_, err := simulate(t, memory.New(), o)
				if err == nil {
					continue
				}
				require.True(t, slices.ContainsFunc(m.want, func(w string) bool { return strings.Contains(err.Error(), w) }),
					"seed %d: %v is none of %q", seed, err, m.want)
				t.Logf("noticed with seed %d: %.150s", seed, err.Error())
				return
			}
			t.Fatalf("not noticed within %d seeds", m.seeds)
		})
	}
}
