package dns

import (
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
)

// Type is the type of a record, by its number in the registry of IANA.
type Type uint16

// The types that have a Go type in this package, and further ones that servers add
// themselves. Any other number is a Type too, with data of type [Unknown].
const (
	TypeA          Type = 1
	TypeNS         Type = 2
	TypeCNAME      Type = 5
	TypeSOA        Type = 6
	TypePTR        Type = 12
	TypeMX         Type = 15
	TypeTXT        Type = 16
	TypeKEY        Type = 25
	TypeAAAA       Type = 28
	TypeSRV        Type = 33
	TypeNAPTR      Type = 35
	TypeDNAME      Type = 39
	TypeDS         Type = 43
	TypeSSHFP      Type = 44
	TypeRRSIG      Type = 46
	TypeNSEC       Type = 47
	TypeDNSKEY     Type = 48
	TypeNSEC3      Type = 50
	TypeNSEC3PARAM Type = 51
	TypeTLSA       Type = 52
	TypeCDS        Type = 59
	TypeCDNSKEY    Type = 60
	TypeZONEMD     Type = 63
	TypeSVCB       Type = 64
	TypeHTTPS      Type = 65
	TypeCAA        Type = 257
	// TypeALIAS is answered with the addresses of another name. It is not a type of DNS;
	// the number is the one that PowerDNS uses, out of those for private use.
	TypeALIAS Type = 65401
)

var typeNames = map[Type]string{
	TypeA: "A", TypeNS: "NS", TypeCNAME: "CNAME", TypeSOA: "SOA", TypePTR: "PTR", TypeMX: "MX", TypeTXT: "TXT", TypeKEY: "KEY",
	TypeAAAA: "AAAA", TypeSRV: "SRV", TypeNAPTR: "NAPTR", TypeDNAME: "DNAME", TypeDS: "DS", TypeSSHFP: "SSHFP", TypeRRSIG: "RRSIG",
	TypeNSEC: "NSEC", TypeDNSKEY: "DNSKEY", TypeNSEC3: "NSEC3", TypeNSEC3PARAM: "NSEC3PARAM", TypeTLSA: "TLSA", TypeCDS: "CDS",
	TypeCDNSKEY: "CDNSKEY", TypeZONEMD: "ZONEMD", TypeSVCB: "SVCB", TypeHTTPS: "HTTPS", TypeCAA: "CAA", TypeALIAS: "ALIAS",
}

var typeNumbers = func() map[string]Type {
	m := make(map[string]Type, len(typeNames))
	for t, name := range typeNames {
		m[name] = t
	}
	return m
}()

func (t Type) digits() string { return strconv.Itoa(int(t)) }

// String returns the mnemonic, or TYPE123 for a type without one here (RFC 3597).
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return "TYPE" + t.digits()
}

// ParseType reads a mnemonic or TYPE123, in any case. Returns a [*tierhost.Invalid].
func ParseType(text string) (Type, error) {
	if t, ok := typeNumbers[text]; ok {
		return t, nil
	}
	upper := strings.ToUpper(text)
	if t, ok := typeNumbers[upper]; ok {
		return t, nil
	}
	if rest, ok := strings.CutPrefix(upper, "TYPE"); ok && rest != "" && rest[0] != '+' {
		if n, err := strconv.ParseUint(rest, 10, 16); err == nil {
			return Type(n), nil
		}
	}
	var issues tierhost.Issues
	issues.Add("", "unknown_type", "there is no record type %.40q", text)
	return 0, issues.Err()
}

// Known reports whether records of the type have a Go type of their own here.
func (t Type) Known() bool {
	switch t {
	case TypeA, TypeNS, TypeCNAME, TypeSOA, TypePTR, TypeMX, TypeTXT, TypeAAAA, TypeSRV, TypeNAPTR, TypeDNAME, TypeDS, TypeSSHFP,
		TypeTLSA, TypeSVCB, TypeHTTPS, TypeCAA, TypeALIAS:
		return true
	}
	return false
}

// Signing reports whether records of the type are made by a server that signs a zone:
// they are left out of what is compared, and are neither added nor removed by plans.
func (t Type) Signing() bool {
	switch t {
	case TypeRRSIG, TypeNSEC, TypeNSEC3, TypeNSEC3PARAM, TypeDNSKEY, TypeCDS, TypeCDNSKEY, TypeZONEMD:
		return true
	}
	return false
}

// meta: types of questions and transactions, which no zone holds.
func (t Type) meta() bool { return t == 0 || t == 41 || t >= 128 && t <= 255 }

// MarshalText returns the mnemonic.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what [ParseType] takes.
func (t *Type) UnmarshalText(text []byte) error {
	parsed, err := ParseType(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}
