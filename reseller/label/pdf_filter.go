package label

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"errors"
	"fmt"
)

// pdfFilter is one of the encodings of a stream.
type pdfFilter struct {
	name  string
	parms pdfDict
}

func (f *pdfFile) filters(d pdfDict) (all []pdfFilter) {
	names := f.list(d["Filter"], d["F"])
	parms := f.list(d["DecodeParms"], d["DP"])
	for i, n := range names {
		name, ok := f.resolve(n).(pdfName)
		if !ok {
			name = "of no name"
		}
		filter := pdfFilter{name: string(name)}
		if i < len(parms) {
			filter.parms, _ = f.resolve(parms[i]).(pdfDict)
		}
		all = append(all, filter)
	}
	return all
}

// list makes a list of an object that may be one, or the first of several.
func (f *pdfFile) list(objects ...any) []any {
	for _, o := range objects {
		switch v := f.resolve(o).(type) {
		case nil:
		case []any:
			return v
		default:
			return []any{v}
		}
	}
	return nil
}

// errPicture says that a stream is a picture, which has no text.
var errPicture = errors.New("picture")

// unfilter decodes a stream.
func (o *opener) unfilter(data []byte, filters []pdfFilter) ([]byte, error) {
	for _, filter := range filters {
		plain, err := o.unfilterOnce(data, filter)
		if err != nil {
			return plain, err
		}
		if n, ok := filter.parms["Predictor"].(int); ok && n > 1 {
			if plain, err = unpredict(plain, n, filter.parms); err != nil {
				return nil, err
			}
		}
		data = plain
	}
	return data, nil
}

func (o *opener) unfilterOnce(data []byte, filter pdfFilter) ([]byte, error) {
	switch filter.name {
	case "FlateDecode", "Fl":
		z, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("flate: %w", err)
		}
		return o.inflate(z)
	case "LZWDecode", "LZW":
		early := 1
		if n, ok := filter.parms["EarlyChange"].(int); ok {
			early = n
		}
		plain, err := unlzw(data, early, o.room)
		o.room -= len(plain)
		return plain, err
	case "ASCII85Decode", "A85":
		data, _, _ = bytes.Cut(bytes.TrimPrefix(bytes.TrimLeft(data, " \t\r\n\f\x00"), []byte("<~")), []byte("~"))
		plain := make([]byte, 4*len(data)+8)
		n, _, err := ascii85.Decode(plain, data, true)
		if o.room -= n; o.room < 0 {
			return nil, errTooLarge
		}
		return plain[:n], err
	case "ASCIIHexDecode", "AHx":
		data, _, _ = bytes.Cut(data, []byte(">"))
		fuel := len(data) + 2
		r := pdfReader{in: append(append([]byte("<"), data...), '>'), fuel: &fuel}
		return r.hex(), nil
	case "RunLengthDecode", "RL":
		plain, err := unrun(data, o.room)
		o.room -= len(plain)
		return plain, err
	case "DCTDecode", "DCT", "JPXDecode", "CCITTFaxDecode", "CCF", "JBIG2Decode":
		return data, errPicture
	}
	return nil, fmt.Errorf("the filter %.40q cannot be read", filter.name)
}

// unrun decodes RunLengthDecode.
func unrun(data []byte, room int) (plain []byte, err error) {
	for i := 0; i < len(data) && data[i] != 128; {
		n := int(data[i])
		i++
		switch {
		case n < 128:
			plain = append(plain, data[i:min(i+n+1, len(data))]...)
			i += n + 1
		case i < len(data):
			plain = append(plain, bytes.Repeat(data[i:i+1], 257-n)...)
			i++
		}
		if len(plain) > room {
			return plain[:room], errTooLarge
		}
	}
	return plain, nil
}

// unlzw decodes LZWDecode. (Package compress/lzw grows its codes one later, as GIF does.)
func unlzw(data []byte, early, room int) (plain []byte, err error) {
	const clear, end, first = 256, 257, 258
	// Each entry is what the one before it has, and a byte: where it lies in plain.
	var table [4096]stretch
	next, width := first, 9
	last := stretch{from: -1}
	acc, bits := uint32(0), 0
	for _, c := range data {
		acc = acc<<8 | uint32(c)
		if bits += 8; bits < width {
			continue
		}
		bits -= width
		code := int(acc >> bits & (1<<width - 1))
		if code == clear {
			next, width, last = first, 9, stretch{from: -1}
			continue
		}
		if code == end {
			return plain, nil
		}
		begin := len(plain)
		switch {
		case code < clear:
			plain = append(plain, byte(code))
		case code < next:
			plain = append(plain, plain[table[code].from:table[code].to]...)
		case code == next && last.from >= 0:
			plain = append(append(plain, plain[last.from:last.to]...), plain[last.from])
		default:
			return plain, errors.New("lzw: a code that is not there")
		}
		if len(plain) > room {
			return plain[:room], errTooLarge
		}
		if last.from >= 0 && next < len(table) {
			table[next] = stretch{last.from, last.to + 1} // the byte behind it was just written
			next++
		}
		last = stretch{begin, len(plain)}
		for width < 12 && next+early >= 1<<width {
			width++
		}
	}
	return plain, nil
}

// unpredict undoes the predictors of PNG.
func unpredict(data []byte, predictor int, parms pdfDict) ([]byte, error) {
	if predictor < 10 {
		return nil, fmt.Errorf("the predictor %d cannot be read", predictor)
	}
	number := func(key string, otherwise int) int {
		if n, ok := parms[key].(int); ok && n > 0 && n <= 1<<16 {
			return n
		}
		return otherwise
	}
	size := max(1, number("Colors", 1)*number("BitsPerComponent", 8)/8)
	row := (number("Colors", 1)*number("BitsPerComponent", 8)*number("Columns", 1) + 7) / 8
	if row > 1<<20 {
		return nil, errors.New("the rows of the predictor are too long")
	}
	out := make([]byte, 0, len(data))
	above := make([]byte, row)
	for len(data) > 0 {
		kind, line := data[0], make([]byte, row)
		n := copy(line, data[1:])
		data = data[1+n:]
		for i := range line {
			var left, corner byte
			if i >= size {
				left, corner = line[i-size], above[i-size]
			}
			switch kind {
			case 1:
				line[i] += left
			case 2:
				line[i] += above[i]
			case 3:
				line[i] += byte((int(left) + int(above[i])) / 2)
			case 4:
				line[i] += paeth(left, above[i], corner)
			}
		}
		out = append(out, line...)
		above = line
	}
	return out, nil
}

func paeth(a, b, c byte) byte {
	distance := func(x byte) int {
		d := int(a) + int(b) - int(c) - int(x)
		return max(d, -d)
	}
	switch {
	case distance(a) <= distance(b) && distance(a) <= distance(c):
		return a
	case distance(b) <= distance(c):
		return b
	}
	return c
}
