package label

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"io"
	"unicode"
	"unicode/utf8"
)

type sextet struct {
	value byte
	at    int
}

type octet struct {
	value byte
	at    int
}

// sextetOf reads a character of either alphabet of base64.
func sextetOf(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}

// octets decodes sextets.
func octets(s []sextet) []octet {
	out := make([]octet, 0, len(s)*3/4+1)
	acc, bits := 0, 0
	first := 0
	for _, x := range s {
		if bits == 0 {
			first = x.at
		}
		acc = (acc<<6 | int(x.value)) & 0xffff
		if bits += 6; bits >= 8 {
			bits -= 8
			out = append(out, octet{byte(acc >> bits), first})
			first = x.at
		}
	}
	return out
}

// plausible is the least length of a text found in what may be encoded: prose decodes to
// bytes, too.
const plausible = 4

// decodeBase64 reads everything that could be base64, of either alphabet and over lines.
// Where it begins cannot be told, so that each run is read from each of its first four
// characters on. Only what looks like text is kept, and what is compressed and begins
// where a run, a line or a part of a path does.
func decodeBase64(v view) reading {
	var out reading
	packed := unpacker{left: maxPacked}
	run := make([]sextet, 0, 256)
	var begins []int // where lines and parts begin in the run
	flush := func() {
		defer func() { run, begins = run[:0], begins[:0] }()
		if putMedia(v, run, &out) {
			return
		}
		for start := range min(4, max(len(run)-1, 0)) {
			all := octets(run[start:])
			keepText(v, all, len(all), &out)
			keepApart(v, all, start, begins, &out)
		}
		for _, b := range begins {
			packed.unpack(v, run[b:], &out)
		}
	}
	for i := 0; i < len(v.text); i++ {
		if x, ok := sextetOf(v.text[i]); ok {
			if len(run) == 0 || len(run) > 1 && run[len(run)-1].value >= 62 {
				begins = append(begins, len(run))
			}
			run = append(run, sextet{x, i})
			continue
		}
		if len(run) == 0 {
			continue
		}
		if n := lineBreak(v.text[i:]); n > 0 {
			begins = append(begins, len(run))
			i += n - 1
			continue
		}
		flush()
	}
	flush()
	out.partial = packed.partial
	return out
}

// putMedia writes what a picture or a font in base64 says of itself, and reports whether
// it is one.
func putMedia(v view, run []sextet, out *reading) bool {
	if len(run) < 64 {
		return false
	}
	raw := func(s []sextet) []byte {
		all := octets(s)
		bytes := make([]byte, len(all))
		for i, o := range all {
			bytes[i] = o.value
		}
		return bytes
	}
	if sniff(raw(run[:64])) != contentMedia {
		return false
	}
	out.put(v, run[0].at, append(mediaText(raw(run)), broken)...)
	return true
}

// keepText writes what of some bytes is text, each stretch on a line of its own.
func keepText(v view, all []octet, of int, out *reading) {
	raw := make([]byte, len(all))
	for i, o := range all {
		raw[i] = o.value
	}
	textRuns(raw, func(from, to int) {
		if to-from < plausible && to-from < of {
			return
		}
		for _, o := range all[from:to] {
			out.put(v, o.at, o.value)
		}
		out.put(v, all[to-1].at, broken)
	})
}

// keepApart writes the same where it can be told from what is before it: from where
// lines and parts begin.
func keepApart(v view, all []octet, start int, begins []int, out *reading) {
	from := -1
	for _, b := range begins {
		if b <= start || (b-start)%4 != 0 {
			continue
		}
		at := min((b-start)/4*3, len(all))
		if from >= 0 {
			keepText(v, all[from:at], len(all), out)
		}
		from = at
	}
	if from >= 0 {
		keepText(v, all[from:], len(all), out)
	}
}

// lineBreak returns the length of the white space at the beginning of s if there is an
// end of a line in it, else 0.
func lineBreak(s []byte) int {
	n, ends := 0, false
	for n < len(s) && isSpace(s[n]) {
		ends = ends || s[n] == '\n' || s[n] == '\r'
		n++
	}
	if !ends {
		return 0
	}
	return n
}

// What is compressed within base64 is read this far, in all, and so many times.
const (
	maxPacked  = 256 << 10
	maxPackets = 64
)

// unpacker reads what is compressed.
type unpacker struct {
	left, tried int
	partial     bool
}

// unpack reads gzip and zlib in base64.
func (u *unpacker) unpack(v view, run []sextet, out *reading) {
	if len(run) < 12 {
		return
	}
	head := octets(run[:4])
	isGzip := head[0].value == 0x1f && head[1].value == 0x8b
	isZlib := head[0].value == 0x78 && (int(head[0].value)<<8|int(head[1].value))%31 == 0
	if !isGzip && !isZlib {
		return
	}
	if u.tried++; u.tried > maxPackets || u.left <= 0 {
		u.partial = true
		return
	}
	var z io.Reader
	var err error
	if raw := bufio.NewReaderSize(&sextetReader{run}, 512); isGzip {
		z, err = gzip.NewReader(raw)
	} else {
		z, err = zlib.NewReader(raw)
	}
	if err != nil {
		return
	}
	plain, err := io.ReadAll(io.LimitReader(z, int64(u.left)+1))
	if u.left -= len(plain); u.left < 0 && err == nil {
		u.partial = true
	}
	if len(plain) > 0 {
		out.put(v, run[0].at, plain...)
		out.put(v, run[0].at, broken)
	}
}

// sextetReader decodes as it is read.
type sextetReader struct{ rest []sextet }

func (r *sextetReader) Read(p []byte) (int, error) {
	n := min(len(p)/3*4, len(r.rest))
	if n == 0 {
		return 0, io.EOF
	}
	all := octets(r.rest[:n])
	r.rest = r.rest[n:]
	for i, o := range all {
		p[i] = o.value
	}
	return len(all), nil
}

// textRuns calls fn with each stretch that is text. Zero bytes next to letters are, for
// UTF-16, and so is a byte between letters that is not UTF-8, for Windows-1252.
func textRuns(raw []byte, fn func(from, to int)) {
	letter := func(i int) bool {
		return i >= 0 && i < len(raw) && (raw[i]|0x20 >= 'a' && raw[i]|0x20 <= 'z' || '0' <= raw[i] && raw[i] <= '9')
	}
	zero := func(i int) bool { return i >= 0 && i < len(raw) && raw[i] == 0 }
	graphic := func(i int) bool { return i >= 0 && i < len(raw) && raw[i] >= ' ' && raw[i] < 0x7f }
	start := 0
	for i := 0; i <= len(raw); {
		size, good := 1, false
		if i < len(raw) {
			switch c := raw[i]; {
			case c == 0:
				good = graphic(i-1) || graphic(i+1)
			case c < utf8.RuneSelf:
				good = c >= ' ' && c < 0x7f || isSpace(c)
			default:
				var r rune
				if r, size = utf8.DecodeRune(raw[i:]); size > 1 {
					good = isText(r)
				} else {
					good = c >= 0xa0 && c != broken && (letter(i-1) || letter(i+1) || zero(i-1) && letter(i-2) || zero(i+1) && letter(i+2))
				}
			}
		}
		if !good {
			if i > start {
				fn(start, i)
			}
			start = i + size
		}
		i += size
	}
}

// isText reports whether a rune is seen, or may stand between those that are.
func isText(r rune) bool {
	return r == '\n' || r == '\r' || r == '\t' || unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r)
}

// decodeHex reads long runs of hexadecimal digits, from the first or the second on.
func decodeHex(v view) reading {
	var out reading
	for i := 0; i < len(v.text); {
		n := i
		for n < len(v.text) {
			if _, ok := hexDigit(v.text[n]); !ok {
				break
			}
			n++
		}
		if n-i >= 2*plausible {
			for start := i; start < i+2; start++ {
				var all []octet
				for k := start; k+1 < n; k += 2 {
					r, _ := hexRun(v.text[k:], 2)
					all = append(all, octet{byte(r), k})
				}
				keepText(v, all, len(all), &out)
			}
		}
		i = n + 1
	}
	return out
}

// decodeBase32 reads what could be base32 from its first character on, if all of it
// becomes text.
func decodeBase32(v view) reading {
	var out reading
	for i := 0; i < len(v.text); {
		var all []octet
		acc, bits, n, lower, upper := 0, 0, i, false, false
		first := i
		for ; n < len(v.text); n++ {
			c := v.text[n]
			x := 0
			switch {
			case 'A' <= c && c <= 'Z':
				x, upper = int(c-'A'), true
			case 'a' <= c && c <= 'z':
				x, lower = int(c-'a'), true
			case '2' <= c && c <= '7':
				x = int(c-'2') + 26
			default:
				x = -1
			}
			if x < 0 {
				break
			}
			if bits == 0 {
				first = n
			}
			acc = (acc<<5 | x) & 0xffff
			if bits += 5; bits >= 8 {
				bits -= 8
				all = append(all, octet{byte(acc >> bits), first})
				first = n
			}
		}
		if n-i >= 7 && lower != upper {
			raw := make([]byte, len(all))
			for k, o := range all {
				raw[k] = o.value
			}
			textRuns(raw, func(from, to int) {
				if from == 0 && to == len(raw) {
					keepText(v, all, len(all), &out)
				}
			})
		}
		i = n + 1
	}
	return out
}
