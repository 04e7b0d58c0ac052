package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"
)

// Errors of TSIG, with their codes of RFC 8945.
var (
	ErrBadSig    = errors.New("the signature is wrong (BADSIG)")
	ErrBadKey    = errors.New("the key is not known (BADKEY)")
	ErrBadTime   = errors.New("the time of the signature is too far away (BADTIME)")
	ErrUnsigned  = errors.New("the message is not signed")
	ErrAlgorithm = errors.New("not an algorithm for TSIG")
)

// Error codes of a TSIG record.
const (
	codeBadSig  = 16
	codeBadKey  = 17
	codeBadTime = 18
)

// Fudge is how far the clocks of both sides may be apart.
const Fudge = 300 * time.Second

// Algorithms by their names. SHA-1 and MD5 are left out on purpose.
func algorithm(name string) func() hash.Hash {
	switch name {
	case "hmac-sha256":
		return sha256.New
	case "hmac-sha384":
		return sha512.New384
	case "hmac-sha512":
		return sha512.New
	}
	return nil
}

// Key is a key that both sides have.
type Key struct {
	name, algorithm []byte // uncompressed, lower case
	secret          []byte
	hash            func() hash.Hash
}

// NewKey makes a key. The name is uncompressed. Algorithms are "hmac-sha256",
// "hmac-sha384" and "hmac-sha512".
func NewKey(name []byte, algo string, secret []byte) (*Key, error) {
	h := algorithm(algo)
	if h == nil {
		return nil, ErrAlgorithm
	}
	k := &Key{name: append([]byte(nil), name...), algorithm: append(append([]byte{byte(len(algo))}, algo...), 0), secret: append([]byte(nil), secret...), hash: h}
	Lower(k.name)
	return k, nil
}

// Name returns the key's name, uncompressed and in lower case.
func (k *Key) Name() string { return string(k.name) }

// Signature is the TSIG record of a message.
type Signature struct {
	Key   *Key
	MAC   []byte
	Time  uint64 // seconds since 1970
	fudge uint16
	id    uint16
	Code  uint16 // what the other side says is wrong
	other []byte
	start int
}

// findTSIG returns where the message's TSIG record begins, 0 if it has none.
func findTSIG(msg []byte) (RR, bool, error) {
	h, err := ParseHeader(msg)
	if err != nil || h.Additionals == 0 {
		return RR{}, false, err
	}
	off, err := SkipQuestions(msg, int(h.Questions))
	if err != nil {
		return RR{}, false, err
	}
	var rr RR
	for i := range int(h.Answers) + int(h.Authorities) + int(h.Additionals) {
		if rr, err = ParseRR(msg, off); err != nil {
			return RR{}, false, err
		}
		if rr.Type == TypeTSIG && i != int(h.Answers)+int(h.Authorities)+int(h.Additionals)-1 {
			return RR{}, false, ErrFormat // it must be the last
		}
		off = rr.End
	}
	if off != len(msg) {
		return RR{}, false, ErrFormat
	}
	return rr, rr.Type == TypeTSIG, nil
}

// Signed reports whether a message has a TSIG record.
func Signed(msg []byte) (bool, error) {
	_, signed, err := findTSIG(msg)
	return signed, err
}

// parseTSIG reads the record and the name of its key.
func parseTSIG(msg []byte, rr RR) (s Signature, key, algo []byte, err error) {
	if rr.Class != ClassANY || rr.TTL != 0 {
		return s, nil, nil, ErrFormat
	}
	if key, _, err = AppendName(nil, msg, rr.Start); err != nil {
		return s, nil, nil, err
	}
	algo, at, err := AppendName(nil, msg[:rr.End], rr.Data)
	if err != nil {
		return s, nil, nil, err
	}
	Lower(key)
	Lower(algo)
	d := msg[at:rr.End]
	if len(d) < 16 {
		return s, nil, nil, ErrFormat
	}
	s.start = rr.Start
	s.Time = uint64(binary.BigEndian.Uint16(d))<<32 | uint64(binary.BigEndian.Uint32(d[2:]))
	s.fudge = binary.BigEndian.Uint16(d[6:])
	size := int(binary.BigEndian.Uint16(d[8:]))
	if len(d) < 16+size {
		return s, nil, nil, ErrFormat
	}
	s.MAC, d = d[10:10+size], d[10+size:]
	s.id, s.Code = binary.BigEndian.Uint16(d), binary.BigEndian.Uint16(d[2:])
	if other := int(binary.BigEndian.Uint16(d[4:])); other != len(d)-6 {
		return s, nil, nil, ErrFormat
	}
	s.other = d[6:]
	return s, key, algo, nil
}

// Verify checks the TSIG record of a message and returns the message without it, which
// shares memory, and what the record says. prior is the MAC of the request, or of the
// message before in a sequence; later is true for all but the first message of a sequence,
// and between are the messages since prior that had no signature, one after the other.
// Errors are ErrUnsigned, ErrBadKey, ErrBadSig, ErrBadTime and ErrFormat; the signature is
// then as far known as [Refusal] needs it.
func Verify(msg []byte, key func(name string) *Key, prior, between []byte, later bool, now time.Time) ([]byte, *Signature, error) {
	rr, signed, err := findTSIG(msg)
	if err != nil {
		return nil, nil, err
	}
	if !signed {
		return nil, nil, ErrUnsigned
	}
	s, name, algo, err := parseTSIG(msg, rr)
	if err != nil {
		return nil, nil, err
	}
	if s.Key = key(string(name)); s.Key == nil || string(s.Key.algorithm) != string(algo) {
		s.Key = &Key{name: name, algorithm: algo}
		return nil, &s, ErrBadKey
	}
	stripped := append(make([]byte, 0, s.start), msg[:s.start]...)
	h, _ := ParseHeader(stripped)
	SetCount(stripped, 3, int(h.Additionals)-1)
	id := h.ID
	binary.BigEndian.PutUint16(stripped, s.id)
	// A truncated MAC is refused (RFC 8945, 5.2.2.1, lets one).
	if !hmac.Equal(s.Key.mac(append(between[:len(between):len(between)], stripped...), prior, later, &s), s.MAC) {
		return nil, &s, ErrBadSig
	}
	binary.BigEndian.PutUint16(stripped, id)
	if d := now.Unix() - int64(s.Time); d > int64(s.fudge) || -d > int64(s.fudge) || d > int64(Fudge/time.Second) || -d > int64(Fudge/time.Second) {
		return nil, &s, ErrBadTime
	}
	return stripped, &s, nil
}

// mac is the keyed hash over a message without its TSIG record: RFC 8945, 4.3.
func (k *Key) mac(msg, prior []byte, later bool, s *Signature) []byte {
	h := hmac.New(k.hash, k.secret)
	var b [16]byte
	if prior != nil {
		binary.BigEndian.PutUint16(b[:], uint16(len(prior)))
		h.Write(b[:2])
		h.Write(prior)
	}
	h.Write(msg)
	timers := append(b[:0], byte(s.Time>>40), byte(s.Time>>32), byte(s.Time>>24), byte(s.Time>>16), byte(s.Time>>8), byte(s.Time), byte(s.fudge>>8), byte(s.fudge))
	if !later {
		h.Write(k.name)
		h.Write([]byte{0, ClassANY, 0, 0, 0, 0})
		h.Write(k.algorithm)
		timers = append(timers, byte(s.Code>>8), byte(s.Code), byte(len(s.other)>>8), byte(len(s.other)))
	}
	h.Write(timers)
	if !later {
		h.Write(s.other)
	}
	return h.Sum(nil)
}

// Sign appends a TSIG record to a complete message and returns its MAC too. prior and later
// are as in [Verify].
func (k *Key) Sign(msg, prior []byte, later bool, now time.Time) (signed, mac []byte) {
	s := &Signature{Key: k, Time: uint64(max(now.Unix(), 0)), fudge: uint16(Fudge / time.Second), id: binary.BigEndian.Uint16(msg)}
	s.MAC = k.mac(msg, prior, later, s)
	return s.append(msg), s.MAC
}

func (s *Signature) append(msg []byte) []byte {
	h, _ := ParseHeader(msg)
	SetCount(msg, 3, int(h.Additionals)+1)
	msg = append(msg, s.Key.name...)
	msg = append(msg, 0, TypeTSIG, 0, ClassANY, 0, 0, 0, 0)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(s.Key.algorithm)+16+len(s.MAC)+len(s.other)))
	msg = append(msg, s.Key.algorithm...)
	msg = append(msg, byte(s.Time>>40), byte(s.Time>>32), byte(s.Time>>24), byte(s.Time>>16), byte(s.Time>>8), byte(s.Time))
	msg = binary.BigEndian.AppendUint16(msg, s.fudge)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(s.MAC)))
	msg = append(msg, s.MAC...)
	msg = binary.BigEndian.AppendUint16(msg, s.id)
	msg = binary.BigEndian.AppendUint16(msg, s.Code)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(s.other)))
	return append(msg, s.other...)
}

// SignedLen is how many octets [Key.Sign] adds.
func (k *Key) SignedLen() int {
	return len(k.name) + 10 + len(k.algorithm) + 16 + k.hash().Size()
}

// Refuse appends to an answer with response code NOTAUTH the TSIG record that tells why
// (RFC 8945, 5.3.2): unsigned for a wrong key or signature, signed with the server's time
// for a wrong time.
func (s *Signature) Refuse(msg []byte, why error, now time.Time) []byte {
	r := &Signature{Key: s.Key, Time: s.Time, fudge: s.fudge, id: s.id}
	switch why {
	case ErrBadKey:
		r.Code = codeBadKey
	case ErrBadTime:
		r.Code = codeBadTime
		t := uint64(max(now.Unix(), 0))
		r.other = []byte{byte(t >> 40), byte(t >> 32), byte(t >> 24), byte(t >> 16), byte(t >> 8), byte(t)}
		r.MAC = s.Key.mac(msg, s.MAC, false, r)
	default:
		r.Code = codeBadSig
	}
	return r.append(msg)
}

// CodeError returns what a signature says is wrong, nil if nothing.
func (s *Signature) CodeError() error {
	switch s.Code {
	case 0:
		return nil
	case codeBadSig:
		return ErrBadSig
	case codeBadKey:
		return ErrBadKey
	case codeBadTime:
		return ErrBadTime
	}
	return fmt.Errorf("error %d of TSIG", s.Code)
}
