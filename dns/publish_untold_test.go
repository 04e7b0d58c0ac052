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
