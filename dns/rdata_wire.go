package dns

import (
	"encoding/binary"
	"net/netip"
)

// AppendWireRData appends the data as they are sent, names uncompressed (RFC 3597, 4), or
// fails as [CheckRData] does.
func AppendWireRData(b []byte, d RData) ([]byte, error) {
	if err := CheckRData(d); err != nil {
		return b, err
	}
	return d.appendWire(b), nil
}

func (d A) appendWire(b []byte) []byte {
	a := d.Addr.As4()
	return append(b, a[:]...)
}

func (d AAAA) appendWire(b []byte) []byte {
	a := d.Addr.As16()
	return append(b, a[:]...)
}

func (d CNAME) appendWire(b []byte) []byte { return d.Target.appendWire(b) }
func (d DNAME) appendWire(b []byte) []byte { return d.Target.appendWire(b) }
func (d ALIAS) appendWire(b []byte) []byte { return d.Target.appendWire(b) }
func (d NS) appendWire(b []byte) []byte    { return d.Host.appendWire(b) }
func (d PTR) appendWire(b []byte) []byte   { return d.Target.appendWire(b) }
func (d MX) appendWire(b []byte) []byte {
	return d.Host.appendWire(binary.BigEndian.AppendUint16(b, d.Preference))
}

func appendString(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

func (d TXT) appendWire(b []byte) []byte {
	rest := d.Text
	for len(rest) > 255 {
		b = appendString(b, rest[:255])
		rest = rest[255:]
	}
	return appendString(b, rest)
}

func (d SRV) appendWire(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, d.Priority)
	b = binary.BigEndian.AppendUint16(b, d.Weight)
	b = binary.BigEndian.AppendUint16(b, d.Port)
	return d.Target.appendWire(b)
}

func (d CAA) appendWire(b []byte) []byte {
	return append(appendString(append(b, d.Flags), d.Tag), d.Value...)
}

func appendSvcWire(b []byte, priority uint16, target Name, params SvcParams) []byte {
	return append(target.appendWire(binary.BigEndian.AppendUint16(b, priority)), params...)
}

func (d SVCB) appendWire(b []byte) []byte {
	return appendSvcWire(b, d.Priority, d.Target, d.Params)
}
func (d HTTPS) appendWire(b []byte) []byte {
	return appendSvcWire(b, d.Priority, d.Target, d.Params)
}

func (d TLSA) appendWire(b []byte) []byte {
	return append(append(b, d.Usage, d.Selector, d.Matching), d.Data...)
}

func (d SSHFP) appendWire(b []byte) []byte {
	return append(append(b, d.Algorithm, d.Hash), d.Fingerprint...)
}

func (d NAPTR) appendWire(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, d.Order)
	b = binary.BigEndian.AppendUint16(b, d.Preference)
	b = appendString(appendString(appendString(b, d.Flags), d.Service), d.Regexp)
	return d.Replacement.appendWire(b)
}

func (d DS) appendWire(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, d.KeyTag)
	return append(append(b, d.Algorithm, d.DigestType), d.Digest...)
}

func (d SOA) appendWire(b []byte) []byte {
	b = d.Mailbox.appendWire(d.Primary.appendWire(b))
	for _, n := range [...]uint32{uint32(d.Serial), d.Refresh, d.Retry, d.Expire, d.Minimum} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func (d Unknown) appendWire(b []byte) []byte { return append(b, d.Data...) }

// ParseWireRData reads the data of a record of type t as they are sent, names
// uncompressed. The strings of a TXT are joined. Data of a type without a Go type become
// [Unknown]. Returns a [*tierhost.Invalid].
func ParseWireRData(t Type, b []byte) (RData, error) {
	r := wireReader{b: b}
	var d RData
	switch t {
	case TypeA:
		a, _ := netip.AddrFromSlice(r.take(4))
		d = A{a}
	case TypeAAAA:
		a, _ := netip.AddrFromSlice(r.take(16))
		d = AAAA{a}
	case TypeCNAME:
		d = CNAME{r.name()}
	case TypeDNAME:
		d = DNAME{r.name()}
	case TypeALIAS:
		d = ALIAS{r.name()}
	case TypeNS:
		d = NS{r.name()}
	case TypePTR:
		d = PTR{r.name()}
	case TypeMX:
		d = MX{r.uint16(), r.name()}
	case TypeTXT:
		text := []byte(r.string())
		for len(r.b) > 0 && !r.bad {
			text = append(text, r.string()...)
		}
		d = TXT{string(text)}
	case TypeSRV:
		d = SRV{r.uint16(), r.uint16(), r.uint16(), r.name()}
	case TypeCAA:
		d = CAA{r.uint8(), lowerASCII(r.string()), r.rest()}
	case TypeSVCB:
		d = SVCB{r.uint16(), r.name(), SvcParams(r.rest())}
	case TypeHTTPS:
		d = HTTPS{r.uint16(), r.name(), SvcParams(r.rest())}
	case TypeTLSA:
		d = TLSA{r.uint8(), r.uint8(), r.uint8(), Octets(r.rest())}
	case TypeSSHFP:
		d = SSHFP{r.uint8(), r.uint8(), Octets(r.rest())}
	case TypeNAPTR:
		d = NAPTR{r.uint16(), r.uint16(), r.string(), r.string(), r.string(), r.name()}
	case TypeDS:
		d = DS{r.uint16(), r.uint8(), r.uint8(), Octets(r.rest())}
	case TypeSOA:
		d = SOA{r.name(), r.name(), Serial(r.uint32()), r.uint32(), r.uint32(), r.uint32(), r.uint32()}
	default:
		d = Unknown{t, Octets(r.rest())}
	}
	if r.bad || len(r.b) > 0 {
		return nil, nameless("", "bad_wire", "the octets are not those of a record of type %s", t)
	}
	if err := CheckRData(d); err != nil {
		return nil, err
	}
	return d, nil
}

type wireReader struct {
	b   []byte
	bad bool
}

func (r *wireReader) take(n int) []byte {
	if len(r.b) < n {
		r.bad = true
		r.b = nil
		return make([]byte, n)
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *wireReader) uint8() uint8   { return r.take(1)[0] }
func (r *wireReader) uint16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *wireReader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *wireReader) string() string { return string(r.take(int(r.uint8()))) }
func (r *wireReader) rest() string   { return string(r.take(len(r.b))) }

func (r *wireReader) name() Name {
	n, used, err := ParseWireName(r.b)
	if err != nil {
		r.bad = true
		r.b = nil
		return Root
	}
	r.b = r.b[used:]
	return n
}
