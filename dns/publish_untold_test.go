package dns_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// dies has a worker end in the middle of a call: nothing of its step is stored.
func (w *world) dies() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for worked := true; worked; worked, _ = w.Step(context.Background()) {
		}
	}()
	<-done
}

// A server of which only half of a change was made, the file and not that it was told, has
// the call again until that ends well, whatever became of the worker and of the failure
// meanwhile.
func TestAServerThatWasNotToldIsTold(t *testing.T) {
	t.Parallel()
	half := tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectApplied, errors.New("the server was not told"))
	for name, lose := range map[string]func(w *world){
		"the worker dies": func(w *world) { w.clock.Advance(10 * time.Minute) },
		"it is retried": func(w *world) {
			w.settle()
			require.NoError(w.t, w.Retry(w.t.Context(), "example.com", "ns1"))
		},
		"the server is looked at": func(w *world) {
			w.settle()
			require.NoError(w.t, w.CheckServer(w.t.Context(), "ns1"))
		},
		"it does not answer then": func(w *world) {
			w.settle()
			failed := false
			w.net.fault = func(call string, at dns.ServerID, _ dns.Name) error {
				if call == "fetch" && at == "ns1" && !failed {
					failed = true
					return errDown
				}
				return nil
			}
		},
	} {
		for _, call := range []string{"apply", "apply again", "remove"} {
			t.Run(name+", "+call, func(t *testing.T) {
				t.Parallel()
				w := open(t, dns.Options{})
				w.create("example.com", "42")
				if call != "apply" {
					w.settle()
				}
				lost, told := false, 0
				w.net.after = func(c string, at dns.ServerID, _ dns.Name) error {
					switch {
					case at != "ns1" || c != "apply" && c != "remove":
					case !lost:
						if lost = true; name == "the worker dies" {
							runtime.Goexit()
						}
						return half
					default:
						told++
					}
					return nil
				}
				switch call {
				case "remove":
					w.remove("example.com")
				case "apply again": // the zone is gone from the server, and comes with the serial that it had
					w.net.edit("ns1", "example.com", func(p *dns.Published) { *p = dns.Published{} })
					require.NoError(t, w.Check(t.Context(), "example.com"))
				}
				if name == "the worker dies" {
					w.dies()
				}
				lose(w)
				w.run(time.Minute)
				require.Equal(t, 1, told)
				if call != "remove" {
					w.published("example.com")
					require.NoError(t, w.Check(t.Context(), "example.com"))
					w.run(time.Minute)
					require.Equal(t, 1, told, "it is known to be told")
					return
				}
				all, err := w.Status(t.Context(), "example.com")
				require.NoError(t, err)
				require.Empty(t, all)
			})
		}
	}
}

// A server that takes changes and publishes something else is parked and told: the zone gets
// no serial after serial, and its other servers are left alone.
func TestAServerThatPublishesSomethingElseIsParked(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		w := open(t, dns.Options{})
		rewrites := func(call string, at dns.ServerID, zone dns.Name) error {
			if k := (dns.PublicationKey{Zone: zone, Server: at}); call == "apply" && at == "ns1" {
				p := w.net.zones[k]
				p.Records = dns.Sorted(append(p.Records[:len(p.Records):len(p.Records)], dns.Record{Name: zone, TTL: 60, Data: dns.TXT{Text: "added"}}))
				w.net.zones[k] = p
			}
			return nil
		}
		if first {
			w.net.after = rewrites
		}
		z := w.create("example.com", "42")
		edit := func(host dns.Name) {
			var err error
			z, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add(host, addr("192.0.2.1"))}})
			require.NoError(t, err)
		}
		calls := 1
		if !first {
			w.settle()
			w.net.after = rewrites
			edit("a.example.com")
			calls++
		}
		w.run(5 * time.Hour)
		p := w.status("example.com", "ns1")
		require.Equal(t, dns.PublicationParked, p.State)
		require.Equal(t, "verify not_published", p.Failure.Step+" "+p.Failure.Code)
		now, err := w.Zone(t.Context(), "example.com")
		require.NoError(t, err)
		require.Equal(t, z.Serial, now.Serial)
		require.Equal(t, calls, w.net.count("apply ns2 example.com"))
		parked := 0
		for _, e := range w.events() {
			if c, ok := e.(dns.PublicationChanged); ok && c.To == dns.PublicationParked {
				parked++
				require.Equal(t, "not_published", c.Code)
			}
		}
		require.Equal(t, 1, parked)
		w.net.after = nil
		if first { // it took the zone from here, so that nobody has to approve the next revision
			edit("b.example.com")
		} else {
			require.NoError(t, w.Retry(t.Context(), "example.com", "ns1"))
		}
		w.settle()
		w.published("example.com")
	}
}

// Nor is a server asked for ever that says it has removed a zone, and serves it.
func TestAServerThatRemovesNothingIsParked(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42")
	w.settle()
	had := w.net.at("ns1", "example.com")
	w.net.after = func(call string, at dns.ServerID, zone dns.Name) error {
		if call == "remove" && at == "ns1" {
			w.net.zones[dns.PublicationKey{Zone: zone, Server: at}] = had
		}
		return nil
	}
	w.remove("example.com")
	w.run(5 * time.Hour)
	p := w.status("example.com", "ns1")
	require.Equal(t, dns.PublicationParked, p.State)
	require.Equal(t, "not_removed", p.Failure.Code)
}
