package dns

// layouts are the fields of types that have no Go type here but data that servers check:
// n a name, s a string, 1, 2 and 4 numbers of so many octets, * the rest, + the
// rest with at least one octet.
var layouts = map[Type]string{
	13: "ss", 17: "nn", 18: "2n", 21: "2n", 36: "2n", // HINFO, RP, AFSDB, RT, KX
	37: "221+", 49: "+", 53: "111+", 61: "+", // CERT, DHCID, SMIMEA, OPENPGPKEY
	108: "42", 109: "44", 256: "22+", // EUI48, EUI64, URI
	TypeRRSIG: "2114442n+", TypeNSEC: "n*", TypeDNSKEY: "211+", TypeNSEC3: "112s*", TypeNSEC3PARAM: "112s",
	TypeCDS: "211+", TypeCDNSKEY: "211+", TypeZONEMD: "411+",
}

// opaque: numbers that no server knows a layout of, as far as they are assigned at all.
func (t Type) opaque() bool { return t > 262 && t != 32768 && t != 32769 }

// fits reports whether the octets have the fields of a layout.
func fits(layout, data string) bool {
	r := wireReader{b: []byte(data)}
	for _, field := range []byte(layout) {
		switch field {
		case 'n':
			r.name()
		case 's':
			r.string()
		case '+':
			r.bad = r.bad || len(r.b) == 0
			r.rest()
		case '*':
			r.rest()
		default:
			r.take(int(field - '0'))
		}
	}
	return !r.bad && len(r.b) == 0
}
