package wire_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns/internal/wire"
)

var secret = []byte("sixteen bytes or more are needed")

const secretText = "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="

func key(t testing.TB) *wire.Key {
	k, err := wire.NewKey([]byte("\x01K\x00"), "hmac-sha256", secret)
	require.NoError(t, err)
	return k
}

func known(k *wire.Key) func(string) *wire.Key {
	return func(name string) *wire.Key {
		if name == k.Name() {
			return k
		}
		return nil
	}
}

// The other library takes our signatures, and we take its.
func TestSignature(t *testing.T) {
	t.Parallel()
	now, k := time.Now(), key(t)
	msg := wire.Query(nil, 7, 0, []byte("\x01a\x00"), 1)
	signed, mac := k.Sign(bytes.Clone(msg), nil, false, now)
	require.Len(t, signed, len(msg)+k.SignedLen())
	require.NoError(t, miekg.TsigVerify(bytes.Clone(signed), secretText, "", false))
	stripped, s, err := wire.Verify(signed, known(k), nil, nil, false, now)
	require.NoError(t, err)
	require.Equal(t, msg, stripped)
	require.Equal(t, mac, s.MAC)

	m := new(miekg.Msg)
	m.SetQuestion("a.", miekg.TypeA)
	m.SetTsig("k.", miekg.HmacSHA256, 300, now.Unix())
	theirs, _, err := miekg.TsigGenerate(m, secretText, "", false)
	require.NoError(t, err)
	_, _, err = wire.Verify(theirs, known(k), nil, nil, false, now)
	require.NoError(t, err)
	for d, want := range map[time.Duration]error{300 * time.Second: nil, 302 * time.Second: wire.ErrBadTime, -302 * time.Second: wire.ErrBadTime} {
		_, _, err = wire.Verify(theirs, known(k), nil, nil, false, now.Add(d))
		require.ErrorIs(t, err, want)
	}
	_, _, err = wire.Verify(msg, known(k), nil, nil, false, now)
	require.ErrorIs(t, err, wire.ErrUnsigned)
	_, _, err = wire.Verify(theirs, func(string) *wire.Key { return nil }, nil, nil, false, now)
	require.ErrorIs(t, err, wire.ErrBadKey)
	_, _, err = wire.Verify(theirs, known(k), []byte("another request"), nil, false, now)
	require.ErrorIs(t, err, wire.ErrBadSig)
}

// In a sequence a signature covers the messages since the last one that had one.
func TestSequence(t *testing.T) {
	t.Parallel()
	now, k := time.Now(), key(t)
	one := wire.Query(nil, 7, wire.FlagQR, []byte("\x01a\x00"), 252)
	_, mac := k.Sign(bytes.Clone(one), []byte("request"), false, now)
	between := append(bytes.Clone(one), one...)
	// What a server does that signs each third message.
	whole := append(bytes.Clone(between), one...)
	_, last := k.Sign(whole, mac, true, now)
	signed, _ := k.Sign(bytes.Clone(one), mac, true, now)
	forged := append(bytes.Clone(signed[:len(signed)-6-len(last)]), last...)
	forged = append(forged, signed[len(signed)-6:]...)
	_, _, err := wire.Verify(forged, known(k), mac, between, true, now)
	require.NoError(t, err)
	_, _, err = wire.Verify(forged, known(k), mac, one, true, now)
	require.ErrorIs(t, err, wire.ErrBadSig, "a message was left out")
}

// Pointers go back only.
func TestPointers(t *testing.T) {
	t.Parallel()
	header := make([]byte, wire.HeaderLen)
	for what, tail := range map[string][]byte{
		"to itself": {0xc0, 12}, "forward": {0xc0, 14, 0}, "in a circle": {1, 'a', 0xc0, 12}, "cut": {0xc0}, "endless": {5, 'a'}, "of a reserved kind": {0x80, 0},
	} {
		_, _, err := wire.AppendName(nil, append(bytes.Clone(header), tail...), wire.HeaderLen)
		require.ErrorIs(t, err, wire.ErrFormat, what)
	}
}

// FuzzMessage: octets of others neither stop the program nor read past their end, and what
// can be read of names is what the other library reads.
func FuzzMessage(f *testing.F) {
	m := new(miekg.Msg)
	m.SetQuestion("www.example.org.", miekg.TypeA)
	m.Compress = true
	m.Answer = []miekg.RR{
		&miekg.MX{Hdr: miekg.RR_Header{Name: "www.example.org.", Rrtype: miekg.TypeMX, Class: 1}, Mx: "mail.example.org."},
		&miekg.SOA{Hdr: miekg.RR_Header{Name: "example.org.", Rrtype: miekg.TypeSOA, Class: 1}, Ns: "ns.example.org.", Mbox: "h.example.org."},
	}
	b, err := m.Pack()
	require.NoError(f, err)
	f.Add(b)
	signed, _ := key(f).Sign(wire.Query(nil, 7, 0, []byte("\x01a\x00"), 1), nil, false, time.Unix(1, 0))
	f.Add(signed)
	f.Fuzz(func(t *testing.T, msg []byte) {
		k := key(t)
		if _, _, err := wire.Verify(msg, known(k), nil, nil, false, time.Unix(1, 0)); err == nil {
			if err := miekg.TsigVerify(bytes.Clone(msg), secretText, "", false); err != nil && !errors.Is(err, miekg.ErrTime) {
				t.Errorf("we take a signature that the other library does not: %v", err)
			}
		}
		h, err := wire.ParseHeader(msg)
		if err != nil {
			return
		}
		off, err := wire.SkipQuestions(msg, int(h.Questions))
		for range h.Answers {
			if err != nil {
				return
			}
			var rr wire.RR
			if rr, err = wire.ParseRR(msg, off); err != nil {
				return
			}
			off = rr.End
			name, _, nameErr := wire.AppendName(nil, msg, rr.Start)
			if len(name) > wire.MaxName {
				t.Errorf("a name of %d octets", len(name))
			}
			if nameErr == nil {
				if _, _, err := miekg.UnpackDomainName(msg, rr.Start); err != nil {
					t.Errorf("we read a name that the other library does not: %v", err)
				}
			}
			_, _ = wire.AppendData(nil, msg, rr)
		}
	})
}
