package dns_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

// faulty is a store whose transactions fail at times: before they begin, and after they
// have committed.
type faulty struct {
	dns.Store
	fails func() error
}

func (f *faulty) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	if err := f.fails(); err != nil {
		return err
	}
	if err := f.Store.Update(ctx, fn); err != nil {
		return err
	}
	return f.fails() // it has committed, and nobody is told
}

// Zones are made, edited, removed and made again by several workers' managers while the
// store fails, calls fail before and after they have had an effect, one server is away for
// long, and somebody else edits zones on the servers. Serials never go back on any server,
// the server that works is never held up for long, and when the faults end everything
// converges to what is wanted.
func TestSimulation(t *testing.T) {
	t.Parallel()
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulate(t, uint64(seed), mutant{}) })
	}
}

// mutant is what is wrong in a simulation. What is nil is as it should be.
type mutant struct {
	store  func(s dns.Store) dns.Store
	driver func(d dns.NameServer) dns.NameServer
}

func simulate(t tester, seed uint64, wrong mutant) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := open(t, dns.Options{})
	faults, away := true, dns.ServerID("ns2")
	chance := func(percent int) bool { return faults && rnd.IntN(100) < percent }
	lost := errors.New("the database went away")
	kept, net := w.store, dns.NameServer(w.net)
	if wrong.store != nil {
		kept = wrong.store(kept)
	}
	if wrong.driver != nil {
		net = wrong.driver(net)
	}
	var err error
	w.Manager, err = dns.NewManager(kept, dns.Options{
		Clock: w.clock, IDs: tierhost.NewSequenceIDs(), Seed: 1, Drivers: map[string]dns.NameServer{"mem": net},
	})
	require.NoError(t, err)
	if seed%2 == 1 { // serials that the clock does not save from going back
		settings, err := w.Settings(t.Context(), "")
		require.NoError(t, err)
		settings.Scheme = dns.SerialCounter
		_, err = w.PutSettings(t.Context(), settings)
		require.NoError(t, err)
	}
	store := &faulty{Store: kept, fails: func() error {
		if chance(4) {
			return tierhost.E("test", tierhost.KindUnavailable, "away", lost)
		}
		return nil
	}}
	var workers []*dns.Manager
	for range 3 {
		m, err := dns.NewManager(store, dns.Options{
			Clock: w.clock, Seed: seed + 1, Drivers: map[string]dns.NameServer{"mem": net}, Work: dns.WorkOptions{Rand: rnd.Float64},
		})
		require.NoError(t, err)
		workers = append(workers, m)
	}
	var nested int
	w.net.fault = func(_ string, at dns.ServerID, _ dns.Name) error {
		switch {
		case faults && at == away:
			return errDown
		case chance(8):
			return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errors.New("lost on the way"))
		case chance(5) && nested < 2: // another worker is at it at the same time
			nested++
			w.net.mu.Unlock()
			_, err := workers[rnd.IntN(3)].Step(t.Context())
			w.net.mu.Lock()
			nested--
			if err != nil {
				require.ErrorIs(t, err, lost)
			}
		case chance(2):
			w.clock.Advance(3 * time.Minute) // the lease is over
		}
		return nil
	}
	w.net.after = func(_ string, _ dns.ServerID, _ dns.Name) error {
		if chance(8) {
			return context.DeadlineExceeded
		}
		return nil
	}
	names := []dns.Name{"a.example", "b.example", "c.example", "d.example"}
	highest := map[dns.Name]dns.Serial{}
	note := func() {
		for _, name := range names {
			z, err := w.Zone(t.Context(), name)
			if errors.Is(err, dns.ErrNoZone) {
				continue
			}
			require.NoError(t, err)
			if last, ok := highest[name]; ok && last != z.Serial {
				require.True(t, z.Serial.After(last), "seed %d: %s goes from %s to %s", seed, name, last, z.Serial)
			}
			highest[name] = z.Serial
		}
	}
	do := func(name dns.Name) {
		m := workers[rnd.IntN(3)]
		var err error
		switch rnd.IntN(8) {
		case 0, 1:
			_, err = m.Create(t.Context(), dns.ZoneRequest{Name: name, Account: "42"})
		case 2:
			err = m.Remove(t.Context(), dns.RemoveRequest{Name: name})
			if guarded, ok := errors.AsType[*dns.GuardedError](err); ok {
				err = m.Remove(t.Context(), dns.RemoveRequest{Name: name, Token: guarded.Plan.Token()})
			}
		case 3:
			err = m.Check(t.Context(), name)
		case 4: // somebody else
			at := dns.ServerID(fmt.Sprintf("ns%d", 1+rnd.IntN(2)))
			w.net.edit(at, name, func(p *dns.Published) {
				switch {
				case !p.Present:
				case rnd.IntN(4) == 0:
					*p = dns.Published{}
				default:
					p.Serial += dns.Serial(rnd.IntN(3))
					p.Records = dns.Sorted(append(p.Records, dns.Record{Name: name, TTL: 60, Data: dns.TXT{Text: fmt.Sprint(rnd.IntN(1000))}}))
				}
			})
		default:
			_, err = m.Edit(t.Context(), dns.EditRequest{Name: name, Edits: []dns.Edit{add("x."+name, dns.TXT{Text: fmt.Sprint(rnd.IntN(1 << 30))})}})
		}
		switch {
		case err == nil, errors.Is(err, lost), errors.Is(err, dns.ErrNoZone), errors.Is(err, dns.ErrZoneExists), errors.Is(err, dns.ErrToken), errors.Is(err, dns.ErrGuarded):
		default:
			require.NoError(t, err, "seed %d", seed)
		}
	}
	for round := range 120 {
		if rnd.IntN(3) == 0 {
			do(names[rnd.IntN(len(names))])
		}
		for range rnd.IntN(6) {
			if _, err := workers[rnd.IntN(3)].Step(t.Context()); err != nil {
				require.ErrorIs(t, err, lost, "seed %d", seed)
			}
		}
		note()
		w.clock.Advance(time.Duration(rnd.IntN(20_000)) * time.Millisecond)
		if round == 90 {
			away = ""
		}
	}
	// A server that works is not held up by the other.
	faults = false
	w.run(15 * time.Minute)
	note()
	require.Empty(t, w.net.wrong)
	check := func() {
		for _, name := range names {
			require.NoError(t, ignore(w.Check(t.Context(), name), dns.ErrNoZone))
		}
		w.run(2 * time.Minute)
	}
	check() // what waits for approval is what is there now
	for _, name := range names {
		all, err := w.Status(t.Context(), name)
		require.NoError(t, err)
		for _, p := range all {
			if p.State == dns.PublicationGuarded {
				require.NoError(t, w.Approve(t.Context(), name, p.Server, p.Token))
			}
		}
	}
	check()
	for _, name := range names {
		if _, err := w.Zone(t.Context(), name); err == nil {
			w.published(name)
			continue
		}
		for _, at := range []dns.ServerID{"ns1", "ns2"} {
			require.False(t, w.net.at(at, name).Present, "seed %d: %s is still on %s", seed, name, at)
		}
	}
	require.False(t, slices.ContainsFunc(w.events(), func(e dns.EventData) bool {
		p, ok := e.(dns.PublicationChanged)
		return ok && p.To == dns.PublicationParked
	}), "seed %d: something was parked", seed)
}

func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}
