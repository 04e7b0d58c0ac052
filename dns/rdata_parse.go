package dns

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/tierhost/tierhost"
)

// ParseRData reads the data of a record as zone files write them. Names without a dot at
// the end are below origin; with an empty origin they are absolute. Names may be U-labels.
//
// The text is one record's: it has no directives, comments, or further lines, except
// inside of parentheses. A text with spaces or ";" stands in quotes. The form of RFC 3597
// (`\# 4 c0000201`) is taken for every type. Returns a [*tierhost.Invalid] with all
// faults.
func ParseRData(t Type, text string, origin Name) (RData, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	if t == TypeTXT && len(words) > 1 && !generic(words) {
		for _, w := range words {
			if !w.quoted {
				return nil, nameless("", "unquoted_space", "a text with spaces stands in quotes")
			}
		}
	}
	p := dataParser{words: words, origin: origin, typed: true}
	d := p.rdata(t)
	if err := p.issues.Err(); err != nil {
		return nil, err
	}
	if err := CheckRData(d); err != nil {
		return nil, err
	}
	return d, nil
}

func generic(words []word) bool {
	return len(words) > 0 && !words[0].quoted && string(words[0].raw) == `\#`
}

// dataParser reads fields from words.
type dataParser struct {
	words  []word
	origin Name
	typed  bool // by a person: U-labels are taken
	file   bool // a zone file: without an origin relative names are faults
	names  map[string]Name
	issues tierhost.Issues
}

func (p *dataParser) next(path string) (word, bool) {
	if len(p.words) == 0 {
		p.issues.Add(path, "required", "the record ends early")
		return word{}, false
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, true
}

func (p *dataParser) name(path string) Name {
	w, ok := p.next(path)
	if !ok {
		return ""
	}
	if w.quoted {
		p.issues.Add(path, "bad_name", "a name stands without quotes")
		return ""
	}
	n, err := p.parseName(w.raw)
	if err != nil {
		p.fail(path, err)
	}
	return n
}

// parseName reads a name; an absolute one that came before is the same string again.
func (p *dataParser) parseName(raw []byte) (Name, error) {
	if p.typed && !isASCII(raw) {
		n, err := ParseName(string(raw))
		if err == nil && !absolute(raw) && p.origin != "" {
			n, err = ParseAnyName(string(n), p.origin)
		}
		return n, err
	}
	shared := p.names != nil && absolute(raw)
	if shared {
		if n, ok := p.names[string(raw)]; ok {
			return n, nil
		}
	}
	n, err := p.relative(raw)
	if err == nil && shared {
		if len(p.names) >= 1<<14 { // bounded: most names come once
			clear(p.names)
		}
		p.names[string(raw)] = n
	}
	return n, err
}

// relative is [ParseAnyName] with one allocation for a plain absolute name.
func (p *dataParser) relative(raw []byte) (Name, error) {
	if n := len(raw) - 1; n > 0 && raw[n] == '.' && plainName(raw[:n]) {
		return Name(raw[:n]), nil
	}
	if p.file && p.origin == "" && !absolute(raw) {
		return "", nameError(string(raw), "no_origin", "it is relative, and there is no origin")
	}
	return ParseAnyName(string(raw), p.origin)
}

// absolute reports whether a name ends with a dot that is not escaped.
func absolute(raw []byte) bool {
	n := len(raw) - 1
	if n < 0 || raw[n] != '.' {
		return false
	}
	escapes := 0
	for n--; n >= 0 && raw[n] == '\\'; n-- {
		escapes++
	}
	return escapes%2 == 0
}

func isASCII(s []byte) bool {
	for _, c := range s {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// fail takes over the issues of an error below a path.
func (p *dataParser) fail(path string, err error) { addIssues(&p.issues, path, err) }

func (p *dataParser) uint(path string, bits int) uint32 {
	w, ok := p.next(path)
	if !ok {
		return 0
	}
	n, err := parseUint(string(w.raw), bits)
	if err != nil || w.quoted {
		p.issues.Add(path, "bad_number", "%.40q is no number from 0 to %d", w.raw, uint64(1)<<bits-1)
	}
	return uint32(n)
}

func (p *dataParser) uint8(path string) uint8   { return uint8(p.uint(path, 8)) }
func (p *dataParser) uint16(path string) uint16 { return uint16(p.uint(path, 16)) }

// seconds also takes units: 1h30m.
func (p *dataParser) seconds(path string) uint32 {
	w, ok := p.next(path)
	if !ok {
		return 0
	}
	n, ok := parseSeconds(w.raw)
	if !ok || w.quoted {
		p.issues.Add(path, "bad_duration", "%.40q is no number of seconds", w.raw)
	}
	return n
}

// parseSeconds reads a TTL: 3600, or 1h30m as BIND writes it.
func parseSeconds(raw []byte) (uint32, bool) {
	var sum, n uint64
	digits, units := 0, 0
	for _, c := range raw {
		if c >= '0' && c <= '9' {
			if digits++; digits > 10 {
				return 0, false
			}
			n = n*10 + uint64(c-'0')
			continue
		}
		unit := uint64(0)
		switch c | 0x20 {
		case 's':
			unit = 1
		case 'm':
			unit = 60
		case 'h':
			unit = 3600
		case 'd':
			unit = 86400
		case 'w':
			unit = 7 * 86400
		}
		if unit == 0 || digits == 0 {
			return 0, false
		}
		sum += n * unit
		n, digits = 0, 0
		units++
	}
	if digits > 0 && units > 0 || digits == 0 && units == 0 {
		return 0, false
	}
	sum += n
	return uint32(sum), sum < 1<<32
}

func (p *dataParser) addr(path string, v4 bool) netip.Addr {
	w, ok := p.next(path)
	if !ok {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(string(w.raw))
	if err != nil || w.quoted || a.Is4() != v4 || a.Zone() != "" {
		kind := "IPv6"
		if v4 {
			kind = "IPv4"
		}
		p.issues.Add(path, "bad_address", "%.60q is no %s address", w.raw, kind)
	}
	return a
}

func (p *dataParser) string(path string) string {
	w, ok := p.next(path)
	if !ok {
		return ""
	}
	s, ok := w.decode()
	if !ok {
		p.issues.Add(path, "bad_escape", "a backslash stands before a character or three digits up to 255")
	}
	return s
}

// hex reads the rest, which may stand in several words.
func (p *dataParser) hex(path string) Octets {
	var text []byte
	for _, w := range p.words {
		text = append(text, w.raw...)
	}
	p.words = nil
	raw := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(raw, text); err != nil {
		p.issues.Add(path, "bad_hex", "it is no even number of hexadecimal digits")
	}
	return Octets(raw)
}

func (p *dataParser) text() string {
	if len(p.words) == 1 {
		return p.string("text")
	}
	if len(p.words) == 0 {
		p.issues.Add("text", "required", `an empty text is written ""`)
	}
	var all strings.Builder
	for len(p.words) > 0 {
		all.WriteString(p.string("text"))
	}
	return all.String()
}

func (p *dataParser) svc() (uint16, Name, SvcParams) {
	priority, target := p.uint16("priority"), p.name("target")
	params, err := parseSvcWords(p.words)
	if err != nil {
		p.fail("params", err)
	}
	p.words = nil
	return priority, target, params
}

// rdata reads the data; faults are in p.issues.
func (p *dataParser) rdata(t Type) RData {
	if generic(p.words) {
		p.words = p.words[1:]
		n := p.uint("length", 16)
		o := p.hex("data")
		if len(p.issues) > 0 {
			return nil
		}
		if len(o) != int(n) {
			p.issues.Add("length", "bad_length", "%d octets are announced and %d follow", n, len(o))
			return nil
		}
		d, err := ParseWireRData(t, []byte(o))
		if err != nil {
			p.fail("data", err)
		}
		return d
	}
	var d RData
	switch t {
	case TypeA:
		d = A{p.addr("addr", true)}
	case TypeAAAA:
		d = AAAA{p.addr("addr", false)}
	case TypeCNAME:
		d = CNAME{p.name("target")}
	case TypeDNAME:
		d = DNAME{p.name("target")}
	case TypeALIAS:
		d = ALIAS{p.name("target")}
	case TypeNS:
		d = NS{p.name("host")}
	case TypePTR:
		d = PTR{p.name("target")}
	case TypeMX:
		d = MX{p.uint16("preference"), p.name("host")}
	case TypeTXT:
		d = TXT{p.text()}
	case TypeSRV:
		d = SRV{p.uint16("priority"), p.uint16("weight"), p.uint16("port"), p.name("target")}
	case TypeCAA:
		d = CAA{p.uint8("flags"), lowerASCII(p.string("tag")), p.string("value")}
	case TypeSVCB:
		priority, target, params := p.svc()
		d = SVCB{priority, target, params}
	case TypeHTTPS:
		priority, target, params := p.svc()
		d = HTTPS{priority, target, params}
	case TypeTLSA:
		d = TLSA{p.uint8("usage"), p.uint8("selector"), p.uint8("matching"), p.hex("data")}
	case TypeSSHFP:
		d = SSHFP{p.uint8("algorithm"), p.uint8("hash"), p.hex("fingerprint")}
	case TypeNAPTR:
		d = NAPTR{p.uint16("order"), p.uint16("preference"), p.string("flags"), p.string("service"), p.string("regexp"), p.name("replacement")}
	case TypeDS:
		d = DS{p.uint16("keytag"), p.uint8("algorithm"), p.uint8("digesttype"), p.hex("digest")}
	case TypeSOA:
		d = SOA{p.name("primary"), p.name("mailbox"), Serial(p.uint("serial", 32)), p.seconds("refresh"), p.seconds("retry"),
			p.seconds("expire"), p.seconds("minimum")}
	default:
		p.issues.Add("", "unsupported_type", `data of type %s are read in the form of RFC 3597 only: \# length hexadecimal`, t)
		return nil
	}
	if len(p.words) > 0 && len(p.issues) == 0 {
		p.issues.Add("", "trailing_text", "%.40q stands after the end of the record", p.words[0].raw)
	}
	return d
}
