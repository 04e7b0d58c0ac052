package dns_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/zonefile"
)

// waits is how long a zone that is made now waits until a server has it.
func (w *world) waits(name dns.Name) time.Duration {
	w.t.Helper()
	began := w.clock.Now()
	w.create(name, "42")
	for w.status(name, "ns1").State != dns.PublicationSettled {
		w.settle()
		w.clock.Advance(time.Second)
		require.Less(w.t, w.clock.Now().Sub(began), time.Hour, "%s waits too long", name)
	}
	return w.clock.Now().Sub(began)
}

func (w *world) tripped() bool {
	for _, e := range w.events() {
		if b, ok := e.(dns.BreakerChanged); ok && b.Open {
			return true
		}
	}
	return false
}

// Zones that a server does not take hold up no others on it.
func TestZonesThatFailHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	for what, fault := range map[string]func(call string) error{
		"refused": func(string) error {
			return tierhost.Fail(tierhost.KindDenied, tierhost.EffectNone, errors.New("REFUSED"))
		},
		"changes fail":      func(call string) error { return map[string]error{"apply": errDown}[call] },
		"changes are wrong": func(call string) error { return map[string]error{"apply": errors.New("broken")}[call] },
	} {
		w := open(t, dns.Options{})
		w.net.fault = func(call string, _ dns.ServerID, z dns.Name) error {
			if strings.HasPrefix(string(z), "bad") {
				return fault(call)
			}
			return nil
		}
		for i := range 20 {
			w.create(dns.Name(fmt.Sprintf("bad%d.example", i)), "1")
		}
		w.run(10 * time.Minute)
		require.LessOrEqual(t, w.waits("honest.example"), time.Second, what)
		require.False(t, w.tripped(), what)
	}
}

// A name that is too long for a file is refused once, and holds up nobody.
func TestANameTooLongForAFile(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{Drivers: map[string]dns.NameServer{"mem": zonefile.New(zonefile.Options{})}})
	dir := t.TempDir()
	for _, id := range []dns.ServerID{"ns1", "ns2"} {
		s, err := w.Server(t.Context(), id)
		require.NoError(t, err)
		s.Config = fmt.Appendf(nil, `{"dir":%q}`, dir+"/"+string(id))
		require.NoError(t, os.Mkdir(dir+"/"+string(id), 0o755))
		_, err = w.PutServer(t.Context(), s)
		require.NoError(t, err)
	}
	l := strings.Repeat("a", 56)
	longest := dns.Name(strings.Repeat("b", 14) + "." + l + "." + l + "." + l + "." + l + ".example") // 255 octets with ".zone"
	bare := func(r *dns.ZoneRequest) { r.Bare = true }
	w.create(longest, "1", bare)
	for i := range 5 {
		w.create(dns.Name(fmt.Sprintf("x%016d.%s.%s.%s.%s.example", i, l, l, l, l)), "1", bare)
	}
	w.run(time.Minute)
	p := w.status(dns.Name(fmt.Sprintf("x%016d.%s.%s.%s.%s.example", 1, l, l, l, l)), "ns1")
	require.Equal(t, dns.PublicationParked, p.State)
	require.Equal(t, "unsupported", p.Failure.Code)
	require.Equal(t, dns.PublicationSettled, w.status(longest, "ns1").State)
	require.LessOrEqual(t, w.waits("honest.example"), time.Second)
}

// A server that answers questions and hangs at changes is left alone as one that hangs: each
// call costs its whole time.
func TestAServerThatHangsAtChangesTripsTheBreaker(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.net.fault = func(call string, at dns.ServerID, _ dns.Name) error {
		if call == "apply" && at == "ns1" {
			return os.ErrDeadlineExceeded
		}
		return nil
	}
	for i := range 20 {
		w.create(dns.Name(fmt.Sprintf("z%d.example", i)), "42")
	}
	w.settle()
	calls := 0
	for i := range 20 {
		calls += w.net.count(fmt.Sprintf("apply ns1 z%d.example", i))
		require.Equal(t, dns.PublicationSettled, w.status(dns.Name(fmt.Sprintf("z%d.example", i)), "ns2").State)
	}
	require.Equal(t, 3, calls)
	require.True(t, w.tripped())
	w.net.fault = nil
	w.run(20 * time.Minute)
	for i := range 20 {
		w.published(dns.Name(fmt.Sprintf("z%d.example", i)))
	}
}

// A change that was made without all that belongs to it is made again, though nothing
// differs: a file was written and the server was not told.
func TestWhatWasAppliedHalfIsRepeated(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	left := map[string]int{"apply": 2, "remove": 2}
	w.net.after = func(call string, at dns.ServerID, _ dns.Name) error {
		if at == "ns1" && left[call] > 0 {
			left[call]--
			return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectApplied, errors.New("the server was not told"))
		}
		return nil
	}
	w.create("example.com", "42")
	w.run(time.Minute)
	w.published("example.com")
	require.Equal(t, 3, w.net.count("apply ns1 example.com"))
	require.Equal(t, 1, w.net.count("apply ns2 example.com"))
	w.remove("example.com")
	w.run(time.Minute)
	require.False(t, w.net.at("ns1", "example.com").Present)
	require.Equal(t, 3, w.net.count("remove ns1 example.com"))
	require.Equal(t, 1, w.net.count("remove ns2 example.com"))
	all, err := w.Status(t.Context(), "example.com")
	require.NoError(t, err)
	require.Empty(t, all)
}
