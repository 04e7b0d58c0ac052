package wire

import (
	"encoding/binary"
	"errors"
)

// ErrFormat says that octets are not a message of DNS.
var ErrFormat = errors.New("not a well-formed message of DNS")

// Sizes of messages.
const (
	HeaderLen  = 12
	MaxMessage = 65535
	MaxName    = 255
	// MinUDP is what every client takes without EDNS.
	MinUDP = 512
)

// Bits of the header's second 16 bits.
const (
	FlagQR = 1 << 15
	FlagAA = 1 << 10
	FlagTC = 1 << 9
	FlagRD = 1 << 8
)

// Opcodes.
const (
	OpQuery  = 0
	OpNotify = 4
	OpUpdate = 5
)

// Response codes.
const (
	RcodeNoError  = 0
	RcodeFormErr  = 1
	RcodeServFail = 2
	RcodeNXDomain = 3
	RcodeNotImp   = 4
	RcodeRefused  = 5
	RcodeYXDomain = 6
	RcodeYXRRSet  = 7
	RcodeNXRRSet  = 8
	RcodeNotAuth  = 9
	RcodeNotZone  = 10
	RcodeBadVers  = 16 // extended, in EDNS
)

// Types and classes of the protocol.
const (
	TypeCNAME = 5
	TypeSOA   = 6
	TypeDNAME = 39
	TypeOPT   = 41
	TypeTSIG  = 250
	TypeIXFR  = 251
	TypeAXFR  = 252
	TypeANY   = 255

	ClassIN   = 1
	ClassNone = 254
	ClassANY  = 255
)

// RcodeText returns the mnemonic of a response code.
func RcodeText(code int) string {
	names := []string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"}
	if code >= 0 && code < len(names) {
		return names[code]
	}
	return "an unknown response code"
}

// Header is the header of a message.
type Header struct {
	ID                       uint16
	Flags                    uint16
	Questions, Answers       uint16
	Authorities, Additionals uint16
}

// ParseHeader reads the header.
func ParseHeader(msg []byte) (Header, error) {
	if len(msg) < HeaderLen {
		return Header{}, ErrFormat
	}
	u := binary.BigEndian.Uint16
	return Header{u(msg), u(msg[2:]), u(msg[4:]), u(msg[6:]), u(msg[8:]), u(msg[10:])}, nil
}

// Append appends the header.
func (h Header) Append(b []byte) []byte {
	for _, v := range []uint16{h.ID, h.Flags, h.Questions, h.Answers, h.Authorities, h.Additionals} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// Opcode returns what is asked for.
func (h Header) Opcode() int { return int(h.Flags>>11) & 15 }

// Rcode returns the response code, without its extension by EDNS.
func (h Header) Rcode() int { return int(h.Flags & 15) }

// Response reports whether the message is an answer.
func (h Header) Response() bool { return h.Flags&FlagQR != 0 }

// SkipName returns the offset after the name at off, which may be compressed.
func SkipName(msg []byte, off int) (int, error) {
	for off < len(msg) {
		switch n := int(msg[off]); {
		case n == 0:
			return off + 1, nil
		case n >= 0xc0:
			if off+2 > len(msg) {
				return 0, ErrFormat
			}
			return off + 2, nil
		case n >= 0x40:
			return 0, ErrFormat
		default:
			off += n + 1
		}
	}
	return 0, ErrFormat
}

// AppendName appends the name at off uncompressed, its letters as they are, and returns the
// offset after it in the message. Pointers must go back, as RFC 1035 has it, so no name is
// endless.
func AppendName(b, msg []byte, off int) (out []byte, next int, err error) {
	length, limit := 0, off
	for {
		if off >= len(msg) {
			return b, 0, ErrFormat
		}
		n := int(msg[off])
		switch {
		case n >= 0xc0:
			if off+2 > len(msg) {
				return b, 0, ErrFormat
			}
			to := (n&0x3f)<<8 | int(msg[off+1])
			if next == 0 {
				next = off + 2
			}
			if to >= limit {
				return b, 0, ErrFormat
			}
			off, limit = to, to
		case n >= 0x40 || off+1+n > len(msg):
			return b, 0, ErrFormat
		default:
			if length += n + 1; length > MaxName {
				return b, 0, ErrFormat
			}
			b = append(b, msg[off:off+1+n]...)
			off += n + 1
			if n == 0 {
				if next == 0 {
					next = off
				}
				return b, next, nil
			}
		}
	}
}

// Lower makes the letters of an uncompressed name lower case. Octets of lengths are below
// 64 and thus no letters.
func Lower(name []byte) {
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
}

// RR is a resource record as it is in a message.
type RR struct {
	Start int // offset of the owner
	Type  uint16
	Class uint16
	TTL   uint32
	Data  int // offset of the data
	End   int // offset after the data
}

// ParseRR reads the fixed part of the record at off.
func ParseRR(msg []byte, off int) (RR, error) {
	at, err := SkipName(msg, off)
	if err != nil {
		return RR{}, err
	}
	if at+10 > len(msg) {
		return RR{}, ErrFormat
	}
	rr := RR{Start: off, Type: binary.BigEndian.Uint16(msg[at:]), Class: binary.BigEndian.Uint16(msg[at+2:]), TTL: binary.BigEndian.Uint32(msg[at+4:]), Data: at + 10}
	rr.End = rr.Data + int(binary.BigEndian.Uint16(msg[at+8:]))
	if rr.End > len(msg) {
		return RR{}, ErrFormat
	}
	return rr, nil
}

// SkipQuestions returns the offset after the questions.
func SkipQuestions(msg []byte, n int) (off int, err error) {
	off = HeaderLen
	for range n {
		if off, err = SkipName(msg, off); err != nil {
			return 0, err
		}
		if off += 4; off > len(msg) {
			return 0, ErrFormat
		}
	}
	return off, nil
}

// names says where the data of a type has names that may be compressed: octets before them,
// how many there are, whether strings stand before them. These are the types of RFC 1035
// and those that RFC 3597, 4, wants uncompressed when read.
func names(t uint16) (skip, count, strs int) {
	switch t {
	case 2, 3, 4, 5, 7, 8, 9, 12, 39: // NS MD MF CNAME MB MG MR PTR DNAME
		return 0, 1, 0
	case 6, 14, 17: // SOA MINFO RP
		return 0, 2, 0
	case 15, 18, 21, 36: // MX AFSDB RT KX
		return 2, 1, 0
	case 26: // PX
		return 2, 2, 0
	case 33: // SRV
		return 6, 1, 0
	case 35: // NAPTR
		return 4, 1, 3
	case 24, 46: // SIG RRSIG
		return 18, 1, 0
	case 30, 47: // NXT NSEC
		return 0, 1, 0
	}
	return 0, 0, 0
}

// AppendData appends the data of a record without compression.
func AppendData(b, msg []byte, rr RR) ([]byte, error) {
	skip, count, strs := names(rr.Type)
	at := rr.Data
	if rr.Data == rr.End { // as in updates
		return b, nil
	}
	if at+skip > rr.End {
		return b, ErrFormat
	}
	b = append(b, msg[at:at+skip]...)
	at += skip
	for range strs {
		if at >= rr.End || at+1+int(msg[at]) > rr.End {
			return b, ErrFormat
		}
		n := 1 + int(msg[at])
		b = append(b, msg[at:at+n]...)
		at += n
	}
	var err error
	for range count {
		if b, at, err = AppendName(b, msg[:rr.End], at); err != nil {
			return b, err
		}
	}
	if at > rr.End {
		return b, ErrFormat
	}
	return append(b, msg[at:rr.End]...), nil
}

// AppendRR appends a record with an owner and data that are uncompressed.
func AppendRR(b, owner []byte, rrtype, class uint16, ttl uint32, data []byte) []byte {
	b = append(b, owner...)
	b = binary.BigEndian.AppendUint16(b, rrtype)
	b = binary.BigEndian.AppendUint16(b, class)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// Query appends a message with one question.
func Query(b []byte, id, flags uint16, name []byte, rrtype uint16) []byte {
	b = Header{ID: id, Flags: flags, Questions: 1}.Append(b)
	b = append(b, name...)
	b = binary.BigEndian.AppendUint16(b, rrtype)
	return binary.BigEndian.AppendUint16(b, ClassIN)
}

// SetCount sets the number of records of a section: 1 answers, 2 authorities, 3
// additionals (in updates: prerequisites, updates, additionals); 0 questions.
func SetCount(msg []byte, section int, n int) {
	binary.BigEndian.PutUint16(msg[4+2*section:], uint16(n))
}
