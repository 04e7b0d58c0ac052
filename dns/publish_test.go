package dns_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// run steps, and lets time pass where nothing is due, for as long.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); w.clock.Advance(time.Second) {
		w.settle()
	}
}

func (w *world) status(zone dns.Name, server dns.ServerID) dns.Publication {
	w.t.Helper()
	all, err := w.Status(w.t.Context(), zone)
	require.NoError(w.t, err)
	for _, p := range all {
		if p.Server == server {
			return p
		}
	}
	require.Fail(w.t, "not published there")
	return dns.Publication{}
}

// A server that is down holds up nobody, and has everything when it returns, however long
// that takes.
func TestAServerThatIsDownHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.net.fault = func(_ string, at dns.ServerID, _ dns.Name) error {
		if at == "ns1" {
			return errDown
		}
		return nil
	}
	for i := range 20 {
		w.create(dns.Name("z"+string(rune('a'+i))+".example"), "42")
	}
	w.settle()
	for i := range 20 {
		p := w.status(dns.Name("z"+string(rune('a'+i))+".example"), "ns2")
		require.Equal(t, dns.PublicationSettled, p.State)
		require.Equal(t, p.Desired, p.Observed)
	}
	require.LessOrEqual(t, w.net.count("fetch ns1 za.example"), 3, "it is left alone after some calls")
	w.clock.Advance(72 * time.Hour)
	w.run(20 * time.Minute)
	p := w.status("za.example", "ns1")
	require.Equal(t, dns.PublicationPending, p.State, "it is waited for")
	require.Equal(t, "fetch", p.Failure.Step)
	w.net.fault = nil
	w.run(20 * time.Minute)
	for i := range 20 {
		w.published(dns.Name("z" + string(rune('a'+i)) + ".example"))
	}
	open := 0
	for _, e := range w.events() {
		if b, ok := e.(dns.BreakerChanged); ok {
			require.Equal(t, dns.ServerID("ns1"), b.Server)
			if b.Open {
				open++
			} else {
				open--
			}
		}
	}
	require.Zero(t, open, "the breaker has closed as often as it opened")
}

// An answer that is lost after the change was made does not make it twice: the call is made
// again, and finds nothing to do.
func TestALostAnswerIsLookedUp(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42")
	lost := 0
	w.net.after = func(call string, at dns.ServerID, _ dns.Name) error {
		if call == "apply" && at == "ns1" && lost == 0 {
			lost++
			return context.DeadlineExceeded
		}
		return nil
	}
	w.run(time.Minute)
	w.published("example.com")
	require.Equal(t, 1, w.net.changes("apply ns1 example.com"))
	require.Equal(t, 2, w.net.count("apply ns1 example.com"))
}

// What somebody else changes between reading and writing is read again, and what is
// wanted is published after it.
func TestAConflictIsReadAgain(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42")
	w.settle()
	raced := false
	w.net.fault = func(call string, at dns.ServerID, zone dns.Name) error {
		if call == "apply" && at == "ns1" && !raced {
			raced = true
			k := dns.PublicationKey{Zone: zone, Server: at}
			p := w.net.zones[k]
			p.Serial += 1 << 20
			w.net.zones[k] = p
		}
		return nil
	}
	_, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add("a.example.com", addr("192.0.2.1"))}})
	require.NoError(t, err)
	w.run(time.Minute)
	require.True(t, raced)
	w.published("example.com")
}

// A check finds what somebody else has changed on a server, tells it and puts it right,
// under a serial after the one that was there; a zone that is as it should be is left alone.
func TestDriftIsFoundAndPutRight(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	z := w.create("example.com", "42")
	w.settle()
	w.events()
	w.clock.Advance(25 * time.Hour)
	require.Equal(t, 2, w.settle(), "both servers are asked once a day")
	require.Empty(t, w.events())
	same, err := w.Zone(t.Context(), "example.com")
	require.NoError(t, err)
	require.Equal(t, z.Serial, same.Serial)

	foreign := dns.Record{Name: "evil.example.com", TTL: 60, Data: addr("203.0.113.66")}
	w.net.edit("ns2", "example.com", func(p *dns.Published) { p.Serial += 5; p.Records = dns.Sorted(append(p.Records, foreign)) })
	require.Zero(t, w.settle())
	require.NoError(t, w.Check(t.Context(), "example.com"))
	w.settle()
	require.NotContains(t, w.published("example.com"), foreign)
	after, err := w.Zone(t.Context(), "example.com")
	require.NoError(t, err)
	require.True(t, after.Serial.After(z.Serial+5))
	require.Equal(t, z.Revision, after.Revision, "it is the same revision")
	var drift []dns.EventData
	for _, e := range w.events() {
		if _, ok := e.(dns.DriftFound); ok {
			drift = append(drift, e)
		}
	}
	require.Equal(t, []dns.EventData{dns.DriftFound{Zone: "example.com", Server: "ns2", Present: true, Observed: z.Serial + 5, Desired: z.Serial}}, drift)

	w.net.edit("ns1", "example.com", func(p *dns.Published) { *p = dns.Published{} })
	require.NoError(t, w.Check(t.Context(), "example.com"))
	w.settle()
	w.published("example.com")

	w.net.edit("ns1", "example.com", func(p *dns.Published) { p.Serial += 7 })
	require.NoError(t, w.Check(t.Context(), "example.com"))
	w.settle()
	w.published("example.com")
	adopted, err := w.Zone(t.Context(), "example.com")
	require.NoError(t, err)
	require.Equal(t, after.Serial+7, adopted.Serial, "a later serial of the same records becomes the zone's")
}

// What a server has already, and did not get from here, is not overwritten without
// approval of that very plan, if much of it would go.
func TestAPlanThatWouldDoMuchWaitsForApproval(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	var old dns.Published
	old.Present, old.Serial = true, 4000000000
	old.Records = []dns.Record{
		{Name: "example.com", TTL: 60, Data: dns.SOA{Primary: "ns.old.example", Mailbox: "x.old.example", Serial: old.Serial, Refresh: 1, Retry: 1, Expire: 1, Minimum: 1}},
		{Name: "example.com", TTL: 60, Data: dns.NS{Host: "ns.old.example"}},
	}
	for i := range 12 {
		old.Records = append(old.Records, dns.Record{Name: dns.Name("h" + string(rune('a'+i)) + ".example.com"), TTL: 60, Data: addr("192.0.2.1")})
	}
	w.net.edit("ns1", "example.com", func(p *dns.Published) { *p = old })
	w.create("example.com", "42")
	w.settle()
	p := w.status("example.com", "ns1")
	require.Equal(t, dns.PublicationGuarded, p.State)
	require.Equal(t, []dns.GuardCode{dns.GuardManyChanges, dns.GuardApexNS}, []dns.GuardCode{p.Guards[0].Code, p.Guards[1].Code})
	require.Equal(t, dns.PublicationSettled, w.status("example.com", "ns2").State, "the other server does not wait")
	require.Len(t, w.net.at("ns1", "example.com").Records, 14)

	require.ErrorIs(t, w.Approve(t.Context(), "example.com", "ns1", "something"), dns.ErrToken)
	require.ErrorIs(t, w.Approve(t.Context(), "example.com", "ns9", p.Token), dns.ErrNoZone)
	w.net.edit("ns1", "example.com", func(p *dns.Published) {
		p.Records = dns.Sorted(append(p.Records[:len(p.Records):len(p.Records)], old.Records[5]))
	})
	w.net.edit("ns1", "example.com", func(p *dns.Published) { p.Records = p.Records[:10]; p.Serial++ })
	require.NoError(t, w.Approve(t.Context(), "example.com", "ns1", p.Token))
	w.settle()
	again := w.status("example.com", "ns1")
	require.Equal(t, dns.PublicationGuarded, again.State, "it is another plan by now")
	require.NotEqual(t, p.Token, again.Token)
	require.NoError(t, w.Approve(t.Context(), "example.com", "ns1", again.Token))
	w.settle()
	w.published("example.com")
}

// What a driver cannot publish is parked with the reason, and published once it can be.
func TestWhatCannotBePublishedIsParked(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.net.texts = 7000 // which the next version of the driver does not take any more
	long := make([]byte, 6000)
	for i := range long {
		long[i] = 'x'
	}
	z := w.create("example.com", "42", func(r *dns.ZoneRequest) {
		r.Custom = []dns.Record{{Name: "t.example.com", TTL: 60, Data: dns.TXT{Text: string(long)}}}
	})
	w.net.texts = 0
	w.settle()
	p := w.status("example.com", "ns1")
	require.Equal(t, dns.PublicationParked, p.State)
	require.Equal(t, "not_publishable", p.Failure.Code)
	require.Zero(t, w.net.count("apply ns1 example.com"))
	_, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{{Action: dns.EditDelete, ID: z.Custom[0].ID}}})
	require.NoError(t, err)
	w.settle()
	w.published("example.com")

	refuses := tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("no such view"))
	w.net.fault = func(call string, at dns.ServerID, _ dns.Name) error {
		if call == "apply" && at == "ns1" {
			return refuses
		}
		return nil
	}
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add("a.example.com", addr("192.0.2.1"))}})
	require.NoError(t, err)
	w.run(time.Hour)
	require.Equal(t, dns.PublicationParked, w.status("example.com", "ns1").State)
	w.net.fault = nil
	w.run(time.Minute)
	require.Equal(t, dns.PublicationParked, w.status("example.com", "ns1").State)
	require.NoError(t, w.Retry(t.Context(), "example.com", "ns1"))
	w.settle()
	w.published("example.com")
}

// The panic of a driver is the failure of one call, and of one zone.
func TestAPanicOfADriverEndsNoWorker(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{Work: dns.WorkOptions{Attempts: 3}})
	w.create("bad.example", "42")
	w.create("good.example", "42")
	w.net.fault = func(_ string, _ dns.ServerID, zone dns.Name) error {
		if zone == "bad.example" {
			panic("oops")
		}
		return nil
	}
	w.run(10 * time.Minute)
	w.published("good.example")
	p := w.status("bad.example", "ns1")
	require.Equal(t, dns.PublicationParked, p.State)
	require.Equal(t, 3, p.Attempts)
}

// A zone is removed from each server once; a name that was removed and made again is
// there, and its serial goes on (row 124).
func TestRemoval(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	z := w.create("example.com", "42")
	w.settle()
	err := w.Remove(t.Context(), dns.RemoveRequest{Name: "example.com"})
	guarded, ok := errors.AsType[*dns.GuardedError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, dns.GuardZoneRemoval, guarded.Plan.Guards[0].Code)
	token := guarded.Plan.Token()
	require.ErrorIs(t, w.Remove(t.Context(), dns.RemoveRequest{Name: "example.com", Token: "x"}), dns.ErrToken)
	require.NoError(t, w.Remove(t.Context(), dns.RemoveRequest{Name: "example.com", Token: token}))
	require.ErrorIs(t, w.Remove(t.Context(), dns.RemoveRequest{Name: "example.com", Token: token}), dns.ErrNoZone)
	_, err = w.Zone(t.Context(), "example.com")
	require.ErrorIs(t, err, dns.ErrNoZone)
	failed := false
	w.net.after = func(call string, at dns.ServerID, _ dns.Name) error {
		if call == "remove" && at == "ns1" && !failed {
			failed = true
			return errors.New("the answer was lost")
		}
		return nil
	}
	w.run(time.Minute)
	for _, s := range []dns.ServerID{"ns1", "ns2"} {
		require.False(t, w.net.at(s, "example.com").Present)
		require.Equal(t, 1, w.net.changes("remove "+string(s)+" example.com"))
	}
	all, err := w.Status(t.Context(), "example.com")
	require.NoError(t, err)
	require.Empty(t, all)

	again := w.create("example.com", "43")
	require.True(t, again.Serial.After(z.Serial))
	require.Greater(t, again.Revision, z.Revision)
	require.Empty(t, again.Custom)
	w.settle()
	w.published("example.com")
}

// A zone that is made again while it is being removed ends present.
func TestMakingAZoneAgainDuringItsRemoval(t *testing.T) {
	t.Parallel()
	for _, during := range []string{"before", "fetch", "remove", "verify"} {
		w := open(t, dns.Options{})
		w.create("example.com", "42")
		w.settle()
		err := w.Remove(t.Context(), dns.RemoveRequest{Name: "example.com"})
		guarded, _ := errors.AsType[*dns.GuardedError](err)
		require.NoError(t, w.Remove(t.Context(), dns.RemoveRequest{Name: "example.com", Token: guarded.Plan.Token()}))
		made, calls := false, 0
		again := func() {
			if !made {
				made = true
				w.create("example.com", "42")
			}
		}
		w.net.after = func(call string, _ dns.ServerID, _ dns.Name) error {
			calls++
			if call == during || during == "verify" && calls == 3 {
				again()
			}
			return nil
		}
		if during == "before" {
			again()
		}
		w.run(time.Minute)
		require.True(t, made)
		w.published("example.com")
	}
}

// A worker that ends in the middle leaves a lease behind, after which another one goes on;
// what the first one does too late changes nothing that was stored since.
func TestAWorkerThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42")
	late := false
	w.net.fault = func(call string, at dns.ServerID, _ dns.Name) error {
		if call == "fetch" && at == "ns1" && !late {
			late = true
			w.clock.Advance(10 * time.Minute) // the lease is over
			w.net.mu.Unlock()
			defer w.net.mu.Lock()
			w.settle()
			w.published("example.com")
			return errDown
		}
		return nil
	}
	w.settle()
	require.True(t, late)
	w.published("example.com")
}

// What waits for a server that is left alone for a while is due when that is over.
func TestTheNextThingDueIsBehindAClosedGate(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{Work: dns.WorkOptions{Trip: 1, TripFirst: 10 * time.Second, First: time.Hour, Max: 2 * time.Hour}})
	w.net.fault = func(_ string, at dns.ServerID, _ dns.Name) error {
		if at == "ns1" {
			return errDown
		}
		return nil
	}
	w.create("a.example", "42")
	w.create("b.example", "42")
	w.settle()
	next, err := w.NextDue(t.Context())
	require.NoError(t, err)
	require.True(t, next.After(w.clock.Now()) && !next.After(w.clock.Now().Add(10*time.Second)), "%s at %s", next, w.clock.Now())
	w.net.fault = nil
	w.clock.Set(next)
	w.settle()
	next, err = w.NextDue(t.Context())
	require.NoError(t, err)
	require.Greater(t, next.Sub(w.clock.Now()), time.Minute, "nothing is behind it any more")
}
