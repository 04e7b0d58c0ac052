package label

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"
)

// content says how something can be looked into.
type content uint8

const (
	contentText   content = iota
	contentMedia          // a picture, a font, sound: it shows no text but what it says of itself
	contentBinary         // of no kind that is known
)

// sniff tells media and unknown data from text, by their first bytes.
func sniff(body []byte) content {
	kind := http.DetectContentType(body)
	at := func(i int, magic string) bool { return i < len(body) && bytes.HasPrefix(body[i:], []byte(magic)) }
	switch {
	case strings.HasPrefix(kind, "image/"), strings.HasPrefix(kind, "font/"), strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "video/"),
		kind == "application/vnd.ms-fontobject", kind == "application/ogg", kind == "application/wasm",
		at(4, "ftyp"), at(0, "fLaC"), at(0, "II*\x00"), at(0, "MM\x00*"), at(0, "\x00\x00\x01\x00"), at(0, "\x00\x00\x02\x00"),
		at(0, "\xff\xfb"), at(0, "\xff\xf3"), at(0, "\x00\x00\x00\x0cJXL "), at(0, "\xff\x0a"), at(36, "acsp"):
		// Some of these begin as a text could ("BM").
		if controls(body) == 0 && utf8.Valid(body) {
			return contentText
		}
		return contentMedia
	case bytes.HasPrefix(body, []byte{0xfe, 0xff}), bytes.HasPrefix(body, []byte{0xff, 0xfe}), isUTF16(body):
		return contentText
	case controls(body)*64 > len(body):
		return contentBinary
	}
	return contentText
}

// controls counts the bytes that no text has.
func controls(body []byte) (n int) {
	for _, c := range body {
		if c < ' ' && !isSpace(c) && c != 0x1b || c == 0x7f {
			n++
		}
	}
	return n
}

// isUTF16 reports whether about every second byte is zero, and none of the others.
func isUTF16(body []byte) bool {
	var zero [2]int
	for i, c := range body {
		if c == 0 {
			zero[i&1]++
		}
	}
	more, less := max(zero[0], zero[1]), min(zero[0], zero[1])
	return more*5 > len(body) && less*20 <= more && (controls(body)-more-less)*64 <= len(body)
}

// mediaText returns what media say of themselves, and everything in them that could be
// read: strings of four characters and more, those in UTF-16, names in the form that they
// have in DNS messages, and the compressed texts of PNG and WOFF.
func mediaText(body []byte) []byte {
	var out []byte
	add := func(s []byte) { out = append(append(out, s...), '\n') }
	names := dotted(body)
	textRuns(names, func(from, to int) {
		if s := names[from:to]; len(bytes.Trim(s, "\x00 \t\r\n")) >= plausible {
			add(s)
		}
	})
	for _, packed := range compressedTexts(body) {
		if z, err := zlib.NewReader(bytes.NewReader(packed)); err == nil {
			plain, _ := readUpTo(z, maxPacked)
			add(plain)
		}
	}
	return out
}

// dotted writes names of DNS messages with dots: \x05panel\x07example\x03com\x00.
func dotted(body []byte) []byte {
	var out []byte
	for i := 0; i < len(body); {
		n := int(body[i])
		if n == 0 || n > 31 || i+1+n >= len(body) || !isLabel(body[i+1:i+1+n]) {
			i++
			continue
		}
		next := body[i+1+n] // a length, the end, or a pointer
		if next > 63 && next < 0xc0 {
			i++
			continue
		}
		if out == nil {
			out = bytes.Clone(body)
		}
		out[i] = '.'
		i += 1 + n
	}
	if out == nil {
		return body
	}
	return out
}

func isLabel(s []byte) bool {
	for _, c := range s {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// compressedTexts returns the zlib streams in which PNG and WOFF have texts.
func compressedTexts(body []byte) (all [][]byte) {
	switch {
	case bytes.HasPrefix(body, []byte("\x89PNG\r\n\x1a\n")):
		for rest := body[8:]; len(rest) >= 12; {
			n := int(binary.BigEndian.Uint32(rest))
			if n < 0 || n > len(rest)-12 {
				break
			}
			kind, data := string(rest[4:8]), rest[8:8+n]
			rest = rest[12+n:]
			_, text, _ := bytes.Cut(data, []byte{0})
			switch {
			case (kind == "zTXt" || kind == "iCCP") && len(text) > 1:
				all = append(all, text[1:])
			case kind == "iTXt" && len(text) > 2 && text[0] == 1:
				text = text[2:]
				for range 2 { // language, translated keyword
					_, text, _ = bytes.Cut(text, []byte{0})
				}
				all = append(all, text)
			}
		}
	case bytes.HasPrefix(body, []byte("wOFF")) && len(body) >= 44:
		piece := func(at, n uint32) {
			if uint64(at)+uint64(n) <= uint64(len(body)) {
				all = append(all, body[at:at+n])
			}
		}
		piece(binary.BigEndian.Uint32(body[24:]), binary.BigEndian.Uint32(body[28:])) // metadata
		for i := range int(binary.BigEndian.Uint16(body[12:])) {
			entry := 44 + 20*i
			if entry+20 > len(body) {
				break
			}
			if string(body[entry:entry+4]) == "name" {
				piece(binary.BigEndian.Uint32(body[entry+4:]), binary.BigEndian.Uint32(body[entry+8:]))
			}
		}
	}
	return all[:min(len(all), maxPackets)]
}

var errUnknownBinary = errors.New("it is no text and of no kind that is known")
