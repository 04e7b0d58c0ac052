package dns_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

func (w *world) drift() (n int) {
	for _, e := range w.events() {
		if _, ok := e.(dns.DriftFound); ok {
			n++
		}
	}
	return n
}

// A server that has lost everything, as one that keeps zones in memory does when it is
// started anew, gets all of it at once, without an event for each zone; a server that is not
// concerned is left alone.
func TestAServerThatHasLostEverything(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	for i := range 250 { // more than a page
		w.create(dns.Name(fmt.Sprintf("z%03d.example", i)), "42")
	}
	w.settle()
	w.events()
	st, err := w.Standing(t.Context(), "ns1")
	require.NoError(t, err)
	require.Equal(t, dns.Standing{Settled: 250}, st)
	for i := range 249 {
		w.net.edit("ns1", dns.Name(fmt.Sprintf("z%03d.example", i)), func(p *dns.Published) { *p = dns.Published{} })
	}
	w.net.edit("ns1", "z249.example", func(p *dns.Published) {
		p.Records = dns.Sorted(append(p.Records, dns.Record{Name: "evil.z249.example", TTL: 60, Data: addr("203.0.113.66")}))
	})
	w.net.mu.Lock()
	w.net.calls = nil
	w.net.mu.Unlock()
	require.Zero(t, w.settle(), "nobody has looked")
	require.NoError(t, w.CheckServer(t.Context(), "ns1"))
	st, err = w.Standing(t.Context(), "ns1")
	require.NoError(t, err)
	require.Equal(t, dns.Standing{Pending: 250}, st)
	require.False(t, st.AllSettled())
	w.run(time.Minute)
	for i := range 250 {
		w.published(dns.Name(fmt.Sprintf("z%03d.example", i)))
	}
	st, err = w.Standing(t.Context(), "ns1")
	require.NoError(t, err)
	require.True(t, st.AllSettled())
	require.Equal(t, 1, w.drift(), "what somebody has added is drift, and what was lost is not")
	require.ErrorIs(t, w.CheckServer(t.Context(), "ns9"), dns.ErrNoServer)
	_, err = w.Standing(t.Context(), "ns9")
	require.ErrorIs(t, err, dns.ErrNoServer)
}

// A server with another configuration may be another server.
func TestAServerWithAnotherConfigurationIsLookedAt(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42")
	w.settle()
	s, err := w.Server(t.Context(), "ns1")
	require.NoError(t, err)
	w.net.edit("ns1", "example.com", func(p *dns.Published) { *p = dns.Published{} })
	s, err = w.PutServer(t.Context(), s)
	require.NoError(t, err)
	require.Zero(t, w.settle(), "it is the same")
	s.Config = []byte(`{"addr":"192.0.2.99:53"}`)
	_, err = w.PutServer(t.Context(), s)
	require.NoError(t, err)
	require.NotZero(t, w.settle())
	w.published("example.com")
}

// A server that returns is not waited for: its breaker closes.
func TestCheckServerClosesTheBreaker(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.net.fault = func(_ string, at dns.ServerID, _ dns.Name) error {
		return map[dns.ServerID]error{"ns1": errDown}[at]
	}
	for i := range 5 {
		w.create(dns.Name(fmt.Sprintf("z%d.example", i)), "42")
	}
	w.run(time.Hour)
	w.net.fault = nil
	require.NoError(t, w.CheckServer(t.Context(), "ns1"))
	w.settle()
	for i := range 5 {
		w.published(dns.Name(fmt.Sprintf("z%d.example", i)))
	}
}
