package dns

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// SvcParams are the parameters of [SVCB] and [HTTPS] records: the octets that are sent
// (RFC 9460, 2.2), keys in ascending order, so that equal parameters are equal strings.
// [ParseSvcParams] makes them from text.
type SvcParams string

// Keys with a name: RFC 9460, 14.3.2, RFC 9461, RFC 9540.
const (
	svcMandatory = 0
	svcALPN      = 1
	svcNoDefault = 2
	svcPort      = 3
	svcIPv4Hint  = 4
	svcECH       = 5
	svcIPv6Hint  = 6
	svcDoHPath   = 7
	svcOHTTP     = 8
)

var svcKeys = []string{"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"}

func svcKeyName(key uint16) string {
	if int(key) < len(svcKeys) {
		return svcKeys[key]
	}
	return "key" + strconv.Itoa(int(key))
}

func parseSvcKey(name string) (uint16, bool) {
	if i := slices.Index(svcKeys, name); i >= 0 {
		return uint16(i), true
	}
	digits, ok := strings.CutPrefix(name, "key")
	if !ok || digits == "" || digits[0] == '+' || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return uint16(n), err == nil && n != 65535
}

// ParseSvcParams reads parameters as zone files write them, such as
// `alpn=h2,h3 ipv4hint=192.0.2.1`. Returns a [*tierhost.Invalid].
func ParseSvcParams(text string) (SvcParams, error) {
	words, err := splitWords(text)
	if err != nil {
		return "", err
	}
	return parseSvcWords(words)
}

func parseSvcWords(words []word) (SvcParams, error) {
	type param struct {
		key   uint16
		value string
	}
	var params []param
	for _, w := range words {
		name, value := w.cutEquals()
		key, ok := parseSvcKey(name)
		if !ok {
			return "", nameless(name, "unknown_key", "there is no parameter %.40q", name)
		}
		if slices.ContainsFunc(params, func(p param) bool { return p.key == key }) {
			return "", nameless(name, "duplicate", "a parameter stands once")
		}
		octets, ok := value.decode()
		if !ok {
			return "", nameless(name, "bad_escape", "a backslash stands before a character or three digits up to 255")
		}
		wire, err := svcValue(key, octets)
		if err != nil {
			return "", nameless(name, "bad_value", "%v", err)
		}
		params = append(params, param{key, wire})
	}
	slices.SortFunc(params, func(a, b param) int { return int(a.key) - int(b.key) })
	var out []byte
	for _, p := range params {
		if len(p.value) > maxData {
			return "", nameless(svcKeyName(p.key), "too_long", "it has %d octets", len(p.value))
		}
		out = binary.BigEndian.AppendUint16(out, p.key)
		out = binary.BigEndian.AppendUint16(out, uint16(len(p.value)))
		out = append(out, p.value...)
	}
	return SvcParams(out), nil
}

// svcValue makes the octets of one parameter from its text, whose escapes of zone files
// are undone already.
func svcValue(key uint16, text string) (string, error) {
	var out []byte
	switch key {
	case svcNoDefault, svcOHTTP:
		if text != "" {
			return "", fmt.Errorf("it has no value")
		}
	case svcMandatory:
		var keys []uint16
		for name := range strings.SplitSeq(text, ",") {
			k, ok := parseSvcKey(name)
			if !ok || k == svcMandatory || slices.Contains(keys, k) {
				return "", fmt.Errorf("%.40q is no key that can be mandatory, or stands twice", name)
			}
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			out = binary.BigEndian.AppendUint16(out, k)
		}
	case svcALPN:
		ids, err := splitSvcList(text)
		if err != nil {
			return "", err
		}
		for _, id := range ids {
			out = append(out, byte(len(id)))
			out = append(out, id...)
		}
	case svcPort:
		n, err := parseUint(text, 16)
		if err != nil {
			return "", err
		}
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	case svcIPv4Hint, svcIPv6Hint:
		for part := range strings.SplitSeq(text, ",") {
			addr, err := netip.ParseAddr(part)
			if err != nil || addr.Zone() != "" || addr.Is4() != (key == svcIPv4Hint) {
				return "", fmt.Errorf("%.80q is no address of this kind", part)
			}
			out = append(out, addr.AsSlice()...)
		}
	case svcECH:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) == 0 {
			return "", fmt.Errorf("it is no base64")
		}
		out = raw
	default:
		if key == svcDoHPath && text == "" {
			return "", fmt.Errorf("it is empty")
		}
		out = []byte(text)
	}
	return string(out), nil
}

// splitSvcList splits a list at its commas; \, and \\ are a comma and a backslash:
// RFC 9460, A.1.
func splitSvcList(text string) ([]string, error) {
	var list []string
	var item []byte
	end := func() error {
		if len(item) == 0 || len(item) > 255 {
			return fmt.Errorf("an item has 1 to 255 octets")
		}
		list = append(list, string(item))
		item = item[:0]
		return nil
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ',':
			if err := end(); err != nil {
				return nil, err
			}
		case '\\':
			i++
			if i == len(text) || text[i] != ',' && text[i] != '\\' {
				return nil, fmt.Errorf("a backslash in a list stands before a comma or a backslash")
			}
			item = append(item, text[i])
		default:
			item = append(item, c)
		}
	}
	return list, end()
}

// each yields the parameters, and reports whether the octets are well formed, keys
// ascending.
func (p SvcParams) each(yield func(key uint16, value string) bool) bool {
	last := -1
	for rest := string(p); rest != ""; {
		if len(rest) < 4 {
			return false
		}
		key := binary.BigEndian.Uint16([]byte(rest[:2]))
		n := int(binary.BigEndian.Uint16([]byte(rest[2:4])))
		if len(rest) < 4+n || int(key) <= last || key == 65535 {
			return false
		}
		last = int(key)
		if !yield(key, rest[4:4+n]) {
			return false
		}
		rest = rest[4+n:]
	}
	return true
}

// String returns the parameters as zone files write them.
func (p SvcParams) String() string { return string(p.appendText(nil)) }

func (p SvcParams) appendText(b []byte) []byte {
	first := true
	p.each(func(key uint16, value string) bool {
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = append(b, svcKeyName(key)...)
		text, flag := svcText(key, value)
		if flag {
			return true
		}
		b = append(b, '=')
		b = appendQuoted(b, text)
		return true
	})
	return b
}

// svcText is the value before escaping; flag: the key stands alone.
func svcText(key uint16, value string) (text string, flag bool) {
	var parts []string
	switch key {
	case svcNoDefault, svcOHTTP:
		return "", true
	case svcMandatory:
		for rest := value; len(rest) >= 2; rest = rest[2:] {
			parts = append(parts, svcKeyName(binary.BigEndian.Uint16([]byte(rest[:2]))))
		}
	case svcALPN:
		for rest := value; rest != ""; {
			n := min(int(rest[0]), len(rest)-1)
			parts = append(parts, strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(rest[1:1+n]))
			rest = rest[1+n:]
		}
	case svcPort:
		if len(value) == 2 {
			return strconv.Itoa(int(binary.BigEndian.Uint16([]byte(value)))), false
		}
	case svcIPv4Hint, svcIPv6Hint:
		size := 4
		if key == svcIPv6Hint {
			size = 16
		}
		for rest := value; len(rest) >= size; rest = rest[size:] {
			addr, _ := netip.AddrFromSlice([]byte(rest[:size]))
			parts = append(parts, addr.String())
		}
	case svcECH:
		return base64.StdEncoding.EncodeToString([]byte(value)), false
	default:
		return value, value == ""
	}
	return strings.Join(parts, ","), false
}

// checkSvc: a value that does not read back as itself is broken.
func checkSvc(c *dataCheck, priority uint16, target Name, params SvcParams) {
	c.name("target", target)
	c.room("params", len(params))
	if priority == 0 {
		if params != "" {
			c.issues.Add("params", "conflict", "the alias form, priority 0, has no parameters")
		}
		return
	}
	keys := map[uint16]string{}
	wellFormed := params.each(func(key uint16, value string) bool {
		keys[key] = value
		text, _ := svcText(key, value)
		again, err := svcValue(key, text)
		return err == nil && again == value
	})
	if !wellFormed {
		c.issues.Add("params", "bad_value", "the parameters are malformed")
		return
	}
	for rest := keys[svcMandatory]; len(rest) >= 2; rest = rest[2:] {
		key := binary.BigEndian.Uint16([]byte(rest[:2]))
		if _, ok := keys[key]; !ok {
			c.issues.Add("params", "missing_key", "%s is mandatory and missing", svcKeyName(key))
		}
	}
	if _, ok := keys[svcNoDefault]; ok && keys[svcALPN] == "" {
		c.issues.Add("params", "missing_key", "no-default-alpn needs alpn: RFC 9460, 7.1.1")
	}
}
