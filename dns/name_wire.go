package dns

// appendWire writes n for the wire, uncompressed. The name must be well formed.
func (n Name) appendWire(b []byte) []byte {
	if n == Root || n == "" {
		return append(b, 0)
	}
	length := len(b)
	b = append(b, 0)
	for i := 0; i < len(n); i++ {
		c := n[i]
		if c == '.' {
			b[length] = byte(len(b) - length - 1)
			length = len(b)
			b = append(b, 0)
			continue
		}
		if c == '\\' {
			c, i, _ = unescape(string(n), i)
		}
		b = append(b, c)
	}
	b[length] = byte(len(b) - length - 1)
	return append(b, 0)
}

// AppendWire appends the name for the wire, uncompressed (RFC 1035, 3.1), or fails with a
// [*tierhost.Invalid] if it is not in its stored form.
func (n Name) AppendWire(b []byte) ([]byte, error) {
	if !n.wellFormed() {
		return b, nameError(string(n), "not_canonical", "it is not in the form that is stored")
	}
	return n.appendWire(b), nil
}

// ParseWireName reads an uncompressed name at the start of b and returns it with the
// number of octets that it takes.
func ParseWireName(b []byte) (Name, int, error) {
	var raw [4 * maxName]byte
	out := raw[:0]
	for i := 0; i < len(b) && i < maxName; {
		n := int(b[i])
		if n == 0 {
			if len(out) == 0 {
				return Root, 1, nil
			}
			return Name(out), i + 1, nil
		}
		if n > maxLabel || i+1+n >= len(b) {
			break
		}
		if len(out) > 0 {
			out = append(out, '.')
		}
		for _, c := range b[i+1 : i+1+n] {
			out = appendNameOctet(out, c)
		}
		i += n + 1
	}
	return "", 0, nameError("", "bad_wire", "the octets are not an uncompressed name")
}
