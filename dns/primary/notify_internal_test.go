package primary

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// bench is a server and what it sends to a peer, without a socket: the test is the peer and
// the clock.
type bench struct {
	s     *Server
	to    *target
	clock *tierhost.TestClock
	have  map[dns.Name]dns.Serial
}

func newBench(t rapid.TB) *bench {
	t.Helper()
	b := &bench{clock: tierhost.NewTestClock(time.Unix(1_800_000_000, 0)), have: map[dns.Name]dns.Serial{}}
	var err error
	b.s, err = New(Options{Unsigned: true, Catalog: "catalog.invalid", Clock: b.clock, NotifyRetry: 2 * time.Second, Peers: []Peer{{
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Notify: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")},
	}}})
	require.NoError(t, err)
	b.to = b.s.notifier.targets[0]
	return b
}

// change publishes the next revision of a zone.
func (b *bench) change(t rapid.TB, zone dns.Name) {
	t.Helper()
	c := dns.Change{Zone: zone, Serial: b.have[zone] + 1, Expect: dns.Expect{Present: b.have[zone] > 0, Serial: b.have[zone]}}
	c.Desired = []dns.Record{{Name: zone, TTL: 1, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "h.example.net", Serial: c.Serial}}}
	require.NoError(t, b.s.Apply(context.Background(), dns.Place{}, c))
	b.have[zone]++
}

// pass lets time pass, as the sender counts it.
func (b *bench) pass(d time.Duration) {
	b.clock.Advance(d)
	b.to.mu.Lock()
	b.to.now += d
	b.to.mu.Unlock()
}

// sent are the zones of the messages that are sent now, by the messages' numbers.
func (b *bench) sent(t rapid.TB) map[uint16]dns.Name {
	t.Helper()
	all := map[uint16]dns.Name{}
	for _, msg := range b.to.due() {
		h, err := wire.ParseHeader(msg)
		require.NoError(t, err)
		zone, _, err := dns.ParseWireName(msg[wire.HeaderLen:])
		require.NoError(t, err)
		all[h.ID] = zone
	}
	return all
}

// next is the number of the next message, which is about a zone.
func (b *bench) next(t rapid.TB, zone dns.Name) uint16 {
	t.Helper()
	for range 1000 {
		for id, about := range b.sent(t) {
			require.Equal(t, zone, about)
			return id
		}
		b.pass(100 * time.Millisecond)
	}
	require.Fail(t, "nothing is sent")
	return 0
}

// answer has the peer answer a message.
func (b *bench) answer(id uint16, rcode int) {
	b.to.answer(wire.Query(nil, id, wire.FlagQR|wire.OpNotify<<11|uint16(rcode), []byte{0}, wire.TypeSOA))
}

// silence lets the peer be silent until that is noticed.
func (b *bench) silence(t rapid.TB) {
	t.Helper()
	for range 1000 {
		if b.sent(t); b.s.Queues()[0].Silent {
			return
		}
		b.pass(100 * time.Millisecond)
	}
	require.Fail(t, "it is never held to be silent")
}

// refuse has the peer refuse all there is to be told, and counts the messages.
func (b *bench) refuse(t rapid.TB, zone dns.Name) (times int) {
	t.Helper()
	for ; b.s.Queues()[0].Zones > 0 && times < 100; times++ {
		b.answer(b.next(t, zone), wire.RcodeNotAuth)
	}
	return times
}

// A peer that refuses is told five times of each change, whenever the change was.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const zone = "a.example"
	for what, before := range map[string]func(t rapid.TB, b *bench){
		"a change": func(t rapid.TB, b *bench) { b.change(t, zone) },
		"a change while the one before is on its way": func(t rapid.TB, b *bench) {
			b.change(t, zone)
			id := b.next(t, zone)
			b.change(t, zone)
			b.answer(id, wire.RcodeNotAuth)
		},
		"a peer that is back has answered none of what it missed": func(t rapid.TB, b *bench) {
			b.change(t, zone)
			b.silence(t)
		},
		"a change while the peer is silent": func(t rapid.TB, b *bench) {
			b.change(t, zone)
			b.silence(t)
			b.change(t, zone)
		},
		"a change while it is asked whether it is back": func(t rapid.TB, b *bench) {
			b.change(t, zone)
			b.silence(t)
			id := b.next(t, zone)
			b.change(t, zone)
			b.answer(id, wire.RcodeServFail)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			before(t, b)
			require.Equal(t, 5, b.refuse(t, zone))
		})
	}
}

// A peer that has refused a change often is not told the later for it of the next.
func TestRefusedChangeDelaysNoOther(t *testing.T) {
	t.Parallel()
	const zone = "a.example"
	b := newBench(t)
	b.change(t, zone)
	for range 3 {
		b.answer(b.next(t, zone), wire.RcodeNotAuth)
	}
	id := b.next(t, zone)
	b.change(t, zone)
	b.answer(id, wire.RcodeNotAuth)
	b.pass(b.s.opt.NotifyRetry)
	require.Len(t, b.sent(t), 1)
}

// A change of the catalog while the one before is on its way is told when a peer that asks
// gets it: there is one revision a second.
func TestCatalogBurst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	listed := func() int { return b.s.catalog.zone().now.count() - 3 } // SOA, NS, version
	b.change(t, "a.example")
	for id := range b.sent(t) {
		b.answer(id, wire.RcodeNoError)
	}
	b.s.Open()
	id := b.next(t, "catalog.invalid")
	require.Equal(t, 1, listed())
	b.change(t, "b.example")
	for other, about := range b.sent(t) {
		require.Equal(t, dns.Name("b.example"), about)
		b.answer(other, wire.RcodeNoError)
	}
	b.answer(id, wire.RcodeNoError)
	b.answer(b.next(t, "catalog.invalid"), wire.RcodeNoError)
	require.Equal(t, 2, listed())
	require.Zero(t, b.s.Queues()[0].Zones)
}

// Whatever is changed, lost, late and refused: in the end nothing is left to be told, and a
// peer that asks when it is told, as they do, has all. Who refuses may have been given up.
func TestToldInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t)
		b.s.Open()
		refuses := rapid.Bool().Draw(t, "refuses")
		listed := 0 // that the peer knows of
		know := map[dns.Name]dns.Serial{}
		var air []uint16
		about := map[uint16]dns.Name{}
		send := func() {
			for id, zone := range b.sent(t) {
				air, about[id] = append(air, id), zone
			}
		}
		answer := func(id uint16) {
			if b.answer(id, wire.RcodeNoError); about[id] == "catalog.invalid" {
				listed = b.s.catalog.zone().now.count() - 3
			} else {
				know[about[id]] = b.have[about[id]]
			}
		}
		b.pass(time.Duration(rapid.IntRange(0, 49).Draw(t, "start")) * notifyTick)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { send() },
			"change": func(t *rapid.T) {
				b.change(t, dns.Name(rapid.StringMatching("[a-h]").Draw(t, "zone")+".example"))
			},
			"pass":      func(t *rapid.T) { b.pass(time.Duration(rapid.IntRange(1, 60).Draw(t, "ticks")) * notifyTick) },
			"long":      func(t *rapid.T) { b.pass(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second) },
			"other ask": func(*rapid.T) { b.s.catalog.zone() },
			"lost":      func(*rapid.T) { air = nil },
			"answer": func(t *rapid.T) {
				if len(air) == 0 {
					t.Skip("nothing was sent")
				}
				id := rapid.SampledFrom(air).Draw(t, "message")
				if refuses && rapid.Bool().Draw(t, "refuse") {
					b.answer(id, wire.RcodeServFail)
				} else {
					answer(id)
				}
			},
		})
		for i := 0; b.s.Queues()[0].Zones > 0; i++ {
			require.Less(t, i, 10000, "it does not end")
			send()
			for _, id := range air {
				answer(id)
			}
			air = nil
			b.pass(notifyTick)
		}
		if !refuses {
			require.Equal(t, b.have, know)
			require.Equal(t, len(b.have), listed)
		}
	})
}
