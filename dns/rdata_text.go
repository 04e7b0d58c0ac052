package dns

import (
	"encoding/hex"
	"net/netip"
	"strconv"
)

// appendQuoted writes a string in quotes. It stays one word in one line whatever it holds.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		if start = i + 1; c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = appendDecimal(b, c)
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendWord writes a string without quotes.
func appendWord(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b = append(b, c)
		} else {
			b = appendDecimal(b, c)
		}
	}
	return b
}

func appendUint(b []byte, n uint32) []byte { return strconv.AppendUint(b, uint64(n), 10) }

func appendUints(b []byte, ns ...uint32) []byte {
	for _, n := range ns {
		b = append(appendUint(b, n), ' ')
	}
	return b
}

func appendHex(b []byte, o Octets) []byte { return hex.AppendEncode(b, []byte(o)) }

// appendAddr leaves the zone out, which may hold anything.
func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, "invalid"...)
	}
	return a.WithZone("").AppendTo(b)
}

func (d A) appendText(b []byte) []byte     { return appendAddr(b, d.Addr) }
func (d AAAA) appendText(b []byte) []byte  { return appendAddr(b, d.Addr) }
func (d CNAME) appendText(b []byte) []byte { return d.Target.appendText(b) }
func (d DNAME) appendText(b []byte) []byte { return d.Target.appendText(b) }
func (d ALIAS) appendText(b []byte) []byte { return d.Target.appendText(b) }
func (d NS) appendText(b []byte) []byte    { return d.Host.appendText(b) }
func (d PTR) appendText(b []byte) []byte   { return d.Target.appendText(b) }
func (d MX) appendText(b []byte) []byte {
	return d.Host.appendText(appendUints(b, uint32(d.Preference)))
}

func (d TXT) appendText(b []byte) []byte {
	rest := d.Text
	for len(rest) > 255 {
		b = append(appendQuoted(b, rest[:255]), ' ')
		rest = rest[255:]
	}
	return appendQuoted(b, rest)
}

func (d SRV) appendText(b []byte) []byte {
	return d.Target.appendText(appendUints(b, uint32(d.Priority), uint32(d.Weight), uint32(d.Port)))
}

func (d CAA) appendText(b []byte) []byte {
	b = appendWord(appendUints(b, uint32(d.Flags)), d.Tag)
	return appendQuoted(append(b, ' '), d.Value)
}

func appendSvcText(b []byte, priority uint16, target Name, params SvcParams) []byte {
	b = target.appendText(appendUints(b, uint32(priority)))
	if params == "" {
		return b
	}
	return params.appendText(append(b, ' '))
}

func (d SVCB) appendText(b []byte) []byte {
	return appendSvcText(b, d.Priority, d.Target, d.Params)
}
func (d HTTPS) appendText(b []byte) []byte {
	return appendSvcText(b, d.Priority, d.Target, d.Params)
}

func (d TLSA) appendText(b []byte) []byte {
	return appendHex(appendUints(b, uint32(d.Usage), uint32(d.Selector), uint32(d.Matching)), d.Data)
}

func (d SSHFP) appendText(b []byte) []byte {
	return appendHex(appendUints(b, uint32(d.Algorithm), uint32(d.Hash)), d.Fingerprint)
}

func (d NAPTR) appendText(b []byte) []byte {
	b = appendUints(b, uint32(d.Order), uint32(d.Preference))
	for _, s := range [...]string{d.Flags, d.Service, d.Regexp} {
		b = append(appendQuoted(b, s), ' ')
	}
	return d.Replacement.appendText(b)
}

func (d DS) appendText(b []byte) []byte {
	return appendHex(appendUints(b, uint32(d.KeyTag), uint32(d.Algorithm), uint32(d.DigestType)), d.Digest)
}

func (d SOA) appendText(b []byte) []byte {
	b = append(d.Primary.appendText(b), ' ')
	b = append(d.Mailbox.appendText(b), ' ')
	return appendUint(appendUints(b, uint32(d.Serial), d.Refresh, d.Retry, d.Expire), d.Minimum)
}

func (d Unknown) appendText(b []byte) []byte {
	b = append(b, `\# `...)
	b = strconv.AppendInt(b, int64(len(d.Data)), 10)
	if d.Data == "" {
		return b
	}
	return appendHex(append(b, ' '), d.Data)
}

func text(d RData) string { return string(d.appendText(make([]byte, 0, 64))) }

// String returns the address.
func (d A) String() string { return text(d) }

// String returns the address.
func (d AAAA) String() string { return text(d) }

// String returns the target.
func (d CNAME) String() string { return text(d) }

// String returns the target.
func (d DNAME) String() string { return text(d) }

// String returns the target.
func (d ALIAS) String() string { return text(d) }

// String returns the host.
func (d NS) String() string { return text(d) }

// String returns the target.
func (d PTR) String() string { return text(d) }

// String returns preference and host.
func (d MX) String() string { return text(d) }

// String returns the text in quotes, in strings of 255 octets.
func (d TXT) String() string { return text(d) }

// String returns priority, weight, port and target.
func (d SRV) String() string { return text(d) }

// String returns flags, tag and value.
func (d CAA) String() string { return text(d) }

// String returns priority, target and parameters.
func (d SVCB) String() string { return text(d) }

// String returns priority, target and parameters.
func (d HTTPS) String() string { return text(d) }

// String returns usage, selector, matching type and data.
func (d TLSA) String() string { return text(d) }

// String returns algorithm, hash and fingerprint.
func (d SSHFP) String() string { return text(d) }

// String returns order, preference, flags, service, expression and replacement.
func (d NAPTR) String() string { return text(d) }

// String returns key tag, algorithm, digest type and digest.
func (d DS) String() string { return text(d) }

// String returns the names, the serial and the times in seconds.
func (d SOA) String() string { return text(d) }

// String returns the form of RFC 3597.
func (d Unknown) String() string { return text(d) }
