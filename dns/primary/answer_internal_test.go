package primary

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"testing"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// What a message of a stranger breaks, if there is such a one, is that message.
func TestQuestionThatPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s, err := New(Options{Public: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	s.zones["\x01e\x00"] = &zone{now: &snapshot{}} // such as none is made
	var q question
	var name [wire.MaxName]byte
	for range 2 {
		answer, transfer := s.hear(nil, wire.Query(nil, 1, 0, []byte("\x01e\x00"), wire.TypeSOA), &q, name[:], &client{from: netip.MustParseAddr("192.0.2.1")})
		require.Nil(t, answer)
		require.False(t, transfer)
		require.True(t, s.mu.TryLock(), "a lock was kept")
		s.mu.Unlock()
	}
	require.Contains(t, log.String(), "panicked")
	require.Contains(t, log.String(), "from=192.0.2.1")
}

// FuzzAnswer: whatever comes in, the server goes on, and what it answers is a message.
func FuzzAnswer(f *testing.F) {
	s, err := New(Options{Public: true, Catalog: "catalog.invalid"})
	if err != nil {
		f.Fatal(err)
	}
	s.Open()
	soa := dns.SOA{Primary: "ns1.example.net", Mailbox: "h.example.net", Serial: 1}
	records := []dns.Record{
		{Name: "e", TTL: 1, Data: soa}, {Name: "e", TTL: 1, Data: dns.NS{Host: "ns.e"}}, {Name: "ns.e", TTL: 1, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.1")}},
		{Name: "*.e", TTL: 1, Data: dns.CNAME{Target: "b.e"}}, {Name: "b.e", TTL: 1, Data: dns.CNAME{Target: "x.y.b.e"}}, {Name: "d.e", TTL: 1, Data: dns.DNAME{Target: "d.d.d.e"}},
		{Name: "s.e", TTL: 1, Data: dns.NS{Host: "ns.s.e"}}, {Name: "ns.s.e", TTL: 1, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.1")}}, {Name: "t.e", TTL: 1, Data: dns.TXT{Text: "t"}},
	}
	if err := s.Apply(context.Background(), dns.Place{}, dns.Change{Zone: "e", Serial: 1, Desired: records}); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"e.", "x.e.", "a.d.e.", "a.s.e.", "T.e.", "b.e.", "version.catalog.invalid."} {
		for _, rrtype := range []uint16{miekg.TypeA, miekg.TypeANY, miekg.TypeAXFR, miekg.TypeDS} {
			m := new(miekg.Msg)
			m.SetQuestion(name, rrtype)
			m.SetEdns0(1232, true)
			b, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, false)
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte, stream bool) {
		if len(msg) > 4096 {
			return
		}
		var q question
		var name [wire.MaxName]byte
		c := client{from: netip.MustParseAddr("192.0.2.1"), stream: stream}
		answer, transfer := s.answer(make([]byte, 0, 4096), msg, &q, name[:], &c)
		if transfer {
			t.Error("the public gets a transfer")
		}
		if answer == nil {
			return
		}
		if !stream && len(answer) > maxUDP {
			t.Errorf("an answer of %d octets", len(answer))
		}
		if err := new(miekg.Msg).Unpack(answer); err != nil {
			t.Errorf("the answer is no message: %v\n%x\n%x", err, msg, answer)
		}
	})
}
