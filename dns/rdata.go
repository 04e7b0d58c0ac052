package dns

import (
	"net/netip"

	"github.com/tierhost/tierhost"
)

// RData is the data of a record: one of [A], [AAAA], [ALIAS], [CAA], [CNAME], [DNAME],
// [DS], [HTTPS], [MX], [NAPTR], [NS], [PTR], [SOA], [SRV], [SSHFP], [SVCB], [TLSA], [TXT]
// and [Unknown], as values. They are comparable: two are the same data if they are equal.
// The interface is closed.
type RData interface {
	// Type is the type of the record.
	Type() Type
	// String returns the data as zone files write it, in one line, with names that end
	// with a dot. Whatever the data hold, the line is one record's: no second line, no
	// comment and no further word come out of it. Data that [CheckRData] refuses may not
	// read back.
	String() string

	appendText(b []byte) []byte
	appendWire(b []byte) []byte
	check(c *dataCheck)
}

// Octets are octets that zone files write in hexadecimal (or base64 within SVCB). The
// value is the octets themselves.
type Octets string

// A is the IPv4 address of a host.
type A struct{ Addr netip.Addr }

// AAAA is the IPv6 address of a host.
type AAAA struct{ Addr netip.Addr }

// CNAME says that the owner is another name for the target.
type CNAME struct{ Target Name }

// DNAME says that the names below the owner are those below the target.
type DNAME struct{ Target Name }

// ALIAS has the addresses of the target, also beside other records and at the apex.
// Servers that cannot do it themselves get it flattened: addresses in its place.
type ALIAS struct{ Target Name }

// NS names a name server of the owner's zone.
type NS struct{ Host Name }

// PTR points to a name: that of a host in reverse zones.
type PTR struct{ Target Name }

// MX names a mail server. [Root] as the only host says that the owner takes no mail
// (RFC 7505).
type MX struct {
	Preference uint16
	Host       Name
}

// TXT is text of any length: octets, usually UTF-8. It is written as strings of 255
// octets, and the strings of one record are joined when it is read.
type TXT struct{ Text string }

// SRV names the host and port of a service. [Root] says that there is none.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 Name
}

// CAA says which authority may issue certificates (RFC 8659).
type CAA struct {
	Flags uint8 // 0, or 128: critical
	Tag   string
	Value string
}

// SVCB and [HTTPS] say how to connect to a service (RFC 9460). Priority 0 is the alias
// form.
type SVCB struct {
	Priority uint16
	Target   Name
	Params   SvcParams
}

// HTTPS is [SVCB] for HTTP.
type HTTPS struct {
	Priority uint16
	Target   Name
	Params   SvcParams
}

// TLSA ties a service to a certificate (RFC 6698).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      Octets
}

// SSHFP is the fingerprint of a host's SSH key (RFC 4255).
type SSHFP struct {
	Algorithm, Hash uint8
	Fingerprint     Octets
}

// NAPTR is a rule for rewriting names (RFC 3403).
type NAPTR struct {
	Order, Preference      uint16
	Flags, Service, Regexp string
	Replacement            Name
}

// DS is the digest of the key that signs a delegated zone.
type DS struct {
	KeyTag                uint16
	Algorithm, DigestType uint8
	Digest                Octets
}

// SOA is the start of a zone's authority. Times are in seconds.
type SOA struct {
	Primary Name // the name server that has the master copy
	Mailbox Name // the address of whoever is responsible, with a dot for the @
	Serial  Serial
	Refresh uint32 // after which secondaries ask again
	Retry   uint32 // the same after a failure
	Expire  uint32 // after which secondaries stop answering
	Minimum uint32 // how long a "no such name" is kept: RFC 2308
}

// Unknown is the data of a record whose type has no Go type here (RFC 3597).
type Unknown struct {
	RType Type
	Data  Octets
}

// Type returns [TypeA].
func (A) Type() Type { return TypeA }

// Type returns [TypeAAAA].
func (AAAA) Type() Type { return TypeAAAA }

// Type returns [TypeCNAME].
func (CNAME) Type() Type { return TypeCNAME }

// Type returns [TypeDNAME].
func (DNAME) Type() Type { return TypeDNAME }

// Type returns [TypeALIAS].
func (ALIAS) Type() Type { return TypeALIAS }

// Type returns [TypeNS].
func (NS) Type() Type { return TypeNS }

// Type returns [TypePTR].
func (PTR) Type() Type { return TypePTR }

// Type returns [TypeMX].
func (MX) Type() Type { return TypeMX }

// Type returns [TypeTXT].
func (TXT) Type() Type { return TypeTXT }

// Type returns [TypeSRV].
func (SRV) Type() Type { return TypeSRV }

// Type returns [TypeCAA].
func (CAA) Type() Type { return TypeCAA }

// Type returns [TypeSVCB].
func (SVCB) Type() Type { return TypeSVCB }

// Type returns [TypeHTTPS].
func (HTTPS) Type() Type { return TypeHTTPS }

// Type returns [TypeTLSA].
func (TLSA) Type() Type { return TypeTLSA }

// Type returns [TypeSSHFP].
func (SSHFP) Type() Type { return TypeSSHFP }

// Type returns [TypeNAPTR].
func (NAPTR) Type() Type { return TypeNAPTR }

// Type returns [TypeDS].
func (DS) Type() Type { return TypeDS }

// Type returns [TypeSOA].
func (SOA) Type() Type { return TypeSOA }

// Type returns RType.
func (d Unknown) Type() Type { return d.RType }

// Target returns the name that data point to and that is looked up next: the target of
// a CNAME, DNAME, ALIAS, PTR, SRV, SVCB or HTTPS, the host of an MX or NS. ok is false for
// other data, and for [Root], which says "none".
func Target(d RData) (name Name, ok bool) {
	switch d := d.(type) {
	case CNAME:
		name = d.Target
	case DNAME:
		name = d.Target
	case ALIAS:
		name = d.Target
	case NS:
		name = d.Host
	case PTR:
		name = d.Target
	case MX:
		name = d.Host
	case SRV:
		name = d.Target
	case SVCB:
		name = d.Target
	case HTTPS:
		name = d.Target
	}
	return name, name != "" && name != Root
}

// CheckRData returns nil if data can be published as they are, else a [*tierhost.Invalid]
// with all faults; paths are the fields' names in lower case. It looks at the data alone;
// what they mean in a zone is looked at by [Validate].
func CheckRData(d RData) error {
	if d == nil {
		return nameless("", "required", "there are no data")
	}
	var c dataCheck
	d.check(&c)
	return c.issues.Err()
}

func nameless(path, code, format string, args ...any) error {
	var issues tierhost.Issues
	issues.Add(path, code, format, args...)
	return issues.Err()
}

// dataCheck collects the faults of one record's data.
type dataCheck struct{ issues tierhost.Issues }

func (c *dataCheck) name(path string, n Name) {
	switch {
	case n == "":
		c.issues.Add(path, "required", "a name is missing; the root is written \".\"")
	case !n.wellFormed():
		c.issues.Add(path, "not_canonical", "%.80q is not in the form in which names are stored", string(n))
	}
}

// word: a field that is one string of at most 255 octets.
func (c *dataCheck) word(path, s string) {
	if len(s) > 255 {
		c.issues.Add(path, "too_long", "it has %d octets, at most 255 are possible", len(s))
	}
}

func (c *dataCheck) octets(path string, o Octets, least int) {
	if len(o) < least {
		c.issues.Add(path, "too_short", "it has %d octets, at least %d are needed", len(o), least)
	}
	c.room(path, len(o))
}

// room: data of a record have at most 65,535 octets, and a message must hold the owner
// and a question too.
func (c *dataCheck) room(path string, n int) {
	if n > maxData {
		c.issues.Add(path, "too_long", "it has %d octets, at most %d can be published", n, maxData)
	}
}

// maxData leaves room for header, question, owner and TSIG in a message of 65,535.
const maxData = 64000

func (d A) check(c *dataCheck) {
	if !d.Addr.Is4() {
		c.issues.Add("addr", "bad_address", "it is no IPv4 address")
	}
}

func (d AAAA) check(c *dataCheck) {
	if !d.Addr.Is6() || d.Addr.Zone() != "" {
		c.issues.Add("addr", "bad_address", "it is no IPv6 address without a zone")
	}
}

func (d CNAME) check(c *dataCheck) { c.name("target", d.Target) }
func (d DNAME) check(c *dataCheck) { c.name("target", d.Target) }
func (d ALIAS) check(c *dataCheck) { c.name("target", d.Target) }
func (d NS) check(c *dataCheck)    { c.name("host", d.Host) }
func (d PTR) check(c *dataCheck)   { c.name("target", d.Target) }
func (d MX) check(c *dataCheck)    { c.name("host", d.Host) }
func (d SRV) check(c *dataCheck)   { c.name("target", d.Target) }

func (d TXT) check(c *dataCheck) { c.room("text", len(d.Text)+len(d.Text)/255+1) }

func (d CAA) check(c *dataCheck) {
	if d.Tag == "" || len(d.Tag) > 255 {
		c.issues.Add("tag", "bad_tag", "a tag has 1 to 255 letters and digits")
	} else if !lettersAndDigits(d.Tag) {
		c.issues.Add("tag", "bad_tag", "the tag %.80q holds more than lower-case letters and digits", d.Tag)
	}
	c.word("value", d.Value) // longer ones cannot be written: RFC 8659, 4.1.1
}

func lettersAndDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func (d SVCB) check(c *dataCheck)  { checkSvc(c, d.Priority, d.Target, d.Params) }
func (d HTTPS) check(c *dataCheck) { checkSvc(c, d.Priority, d.Target, d.Params) }

func (d TLSA) check(c *dataCheck)  { c.octets("data", d.Data, 1) }
func (d SSHFP) check(c *dataCheck) { c.octets("fingerprint", d.Fingerprint, 1) }
func (d DS) check(c *dataCheck)    { c.octets("digest", d.Digest, 1) }

func (d NAPTR) check(c *dataCheck) {
	c.word("flags", d.Flags)
	c.word("service", d.Service)
	c.word("regexp", d.Regexp)
	c.name("replacement", d.Replacement)
}

func (d SOA) check(c *dataCheck) {
	c.name("primary", d.Primary)
	c.name("mailbox", d.Mailbox)
	for _, t := range []struct {
		path  string
		value uint32
	}{{"refresh", d.Refresh}, {"retry", d.Retry}, {"expire", d.Expire}, {"minimum", d.Minimum}} {
		if t.value > MaxTTL {
			c.issues.Add(t.path, "too_large", "%d seconds are more than %d", t.value, uint32(MaxTTL))
		}
	}
}

func (d Unknown) check(c *dataCheck) {
	switch {
	case d.RType.Known():
		c.issues.Add("type", "known_type", "records of type %s have a type of their own", d.RType)
	case d.RType.meta():
		c.issues.Add("type", "bad_type", "no zone holds records of type %s", d.RType)
	default:
		if layout, ok := layouts[d.RType]; ok && !fits(layout, string(d.Data)) {
			c.issues.Add("data", "bad_wire", "the octets are not those of a record of type %s", d.RType)
		}
	}
	c.room("data", len(d.Data))
}
