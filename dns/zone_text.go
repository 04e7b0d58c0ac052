package dns

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/tierhost/tierhost"
)

// WriteZone writes records as a zone file (RFC 1035, 5), a line for each with absolute
// names, in the order given. The SOA should be first: see [Sorted]. Errors are those of w,
// and a [*tierhost.Invalid] for a record without data.
func WriteZone(w io.Writer, records []Record) error {
	const chunk = 64 << 10
	buf := make([]byte, 0, chunk+4096)
	for i, r := range records {
		if r.Data == nil {
			return nameless(tierhost.Path("records", i, "data"), "required", "there are no data")
		}
		buf = append(r.AppendText(buf), '\n')
		if len(buf) >= chunk {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	_, err := w.Write(buf)
	return err
}

// ReadOptions say how a zone file is read.
type ReadOptions struct {
	// Origin is what names without a dot at the end are below, until $ORIGIN says
	// otherwise. Without it such names are faults.
	Origin Name
	// TTL is for records that state none, in a file without $TTL and before a record that
	// states one; 0: the minimum of the SOA, and a fault without SOA.
	TTL uint32
	// MaxRecords bounds how many records are read; 0: no bound.
	MaxRecords int
}

// Line is an entry of a zone file, which may stand over several lines of text.
type Line struct {
	Number int // of its first line of text, from 1
	Record Record
	Faults []tierhost.Issue // why there is no record; nil if there is
}

// maxEntry bounds the text of one entry: a TXT of the largest size with every octet
// escaped has 260,000 octets.
const maxEntry = 512 << 10

// ReadZone reads a zone file: it returns the records that could be read, and with them a
// [*tierhost.Invalid] with every fault, paths "lines[n]" with the number of the line from
// 1, or the error of r. See [ZoneLines].
func ReadZone(r io.Reader, opt ReadOptions) ([]Record, error) {
	var records []Record
	var issues tierhost.Issues
	for line, err := range ZoneLines(r, opt) {
		if err != nil {
			return records, err
		}
		if len(line.Faults) == 0 {
			records = append(records, line.Record)
			continue
		}
		for _, f := range line.Faults {
			issues.Add(tierhost.Path(tierhost.Path("lines", line.Number), f.Path), f.Code, "%s", f.Message)
		}
	}
	return records, issues.Err()
}

// ZoneLines yields the entries of a zone file in their order, those with faults too.
//
// It takes $ORIGIN and $TTL, times with units (1h30m), entries without owner, TTL or
// class, parentheses, and the form of RFC 3597 for every type. $INCLUDE is refused, so
// that a file reads no other files, and $GENERATE. Records of types without a Go type here
// are read in the form of RFC 3597 only. The strings of a TXT are joined.
//
// An error, such as that of r, ends the sequence; a file that cannot be told apart into
// lines any more is a [*tierhost.Invalid].
func ZoneLines(r io.Reader, opt ReadOptions) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		z := zoneReader{opt: opt, origin: opt.Origin, ttl: opt.TTL, hasTTL: opt.TTL > 0}
		z.lexer.comments = true
		z.data.names, z.data.file = map[string]Name{}, true
		scan := bufio.NewScanner(r)
		scan.Buffer(make([]byte, 64<<10), maxEntry)
		number, first, records := 0, 0, 0
		for scan.Scan() {
			number++
			if z.lexer.depth == 0 {
				z.lexer.reset()
				first = number
			}
			complete, err := z.lexer.line(scan.Bytes())
			var line Line
			switch {
			case err != nil:
				// The next line is read as a new entry: a parenthesis that was open would
				// swallow the rest of the file.
				var fault *lexError
				errors.As(err, &fault)
				z.lexer.reset()
				z.ownerKnown = false
				line = Line{Number: first, Faults: []tierhost.Issue{{Code: fault.code, Message: fault.message}}}
			case !complete:
				if len(z.lexer.buf) > maxEntry {
					yield(Line{}, nameless(tierhost.Path("lines", first), "too_long", "the entry does not end"))
					return
				}
				continue
			default:
				var ok bool
				if line, ok = z.entry(); !ok {
					continue
				}
				line.Number = first
			}
			if len(line.Faults) == 0 {
				if records++; opt.MaxRecords > 0 && records > opt.MaxRecords {
					yield(Line{}, nameless(tierhost.Path("lines", first), "too_many_records", "there are more than %d records", opt.MaxRecords))
					return
				}
			}
			if !yield(line, nil) {
				return
			}
		}
		switch err := scan.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(Line{}, nameless(tierhost.Path("lines", number+1), "too_long", "the line has more than %d octets", maxEntry))
		case err != nil:
			yield(Line{}, err)
		case z.lexer.depth > 0:
			yield(Line{Number: first, Faults: []tierhost.Issue{{Code: "bad_parenthesis", Message: "a parenthesis is not closed"}}}, nil)
		}
	}
}

type zoneReader struct {
	opt    ReadOptions
	lexer  lexer
	data   dataParser
	origin Name

	owner      Name
	ownerKnown bool
	ownerRaw   []byte // as it was written, if it was absolute

	ttl     uint32 // for records that state none
	hasTTL  bool
	dollar  bool   // the TTL is that of $TTL
	minimum uint32 // of the SOA
	hasSOA  bool
}

// entry reads the entry that the lexer has; ok is false if it is no record.
func (z *zoneReader) entry() (line Line, ok bool) {
	words := z.lexer.entry()
	if len(words) == 0 {
		return Line{}, false
	}
	p := &z.data
	p.words, p.origin, p.issues = words, z.origin, nil
	if first := words[0]; !z.lexer.indented && !first.quoted && first.raw[0] == '$' {
		z.directive()
		if len(p.issues) > 0 {
			return Line{Faults: p.issues}, true
		}
		return Line{}, false
	}
	if !z.lexer.indented {
		z.readOwner()
	} else if !z.ownerKnown {
		p.issues.Add("name", "no_owner", "the entry has no owner, and none came before")
	}
	r, fine := z.record()
	if !fine || len(p.issues) > 0 {
		return Line{Faults: p.issues}, true
	}
	r.check(&p.issues, "")
	if soa, isSOA := r.Data.(SOA); isSOA {
		z.minimum, z.hasSOA = min(soa.Minimum, MaxTTL), true
	}
	return Line{Record: r, Faults: p.issues}, true
}

func (z *zoneReader) readOwner() {
	p := &z.data
	w, _ := p.next("name")
	if z.ownerKnown && len(z.ownerRaw) > 0 && bytes.Equal(w.raw, z.ownerRaw) {
		return
	}
	z.ownerKnown = false
	if w.quoted {
		p.issues.Add("name", "bad_name", "a name stands without quotes")
		return
	}
	n, err := p.relative(w.raw)
	if err != nil {
		p.fail("name", err)
		return
	}
	z.owner, z.ownerKnown, z.ownerRaw = n, true, z.ownerRaw[:0]
	if absolute(w.raw) {
		z.ownerRaw = append(z.ownerRaw, w.raw...)
	}
}

// record reads TTL, class, type and data, whose first two may stand in either order.
func (z *zoneReader) record() (Record, bool) {
	p := &z.data
	ttl, stated, class := uint32(0), false, false
	for {
		w, ok := p.next("type")
		if !ok {
			return Record{}, false
		}
		if t, known := typeNumbers[string(w.raw)]; known && !w.quoted {
			return z.finish(t, ttl, stated)
		}
		if w.quoted {
			p.issues.Add("type", "unknown_type", "there is no record type %.40q", w.raw)
			return Record{}, false
		}
		switch {
		case !class && equalFold(w.raw, "IN", "CLASS1"):
			class = true
			continue
		case !class && equalFold(w.raw, "CH", "HS", "CS", "ANY"):
			p.issues.Add("class", "bad_class", "only records of class IN are taken, this is %s", w.raw)
			return Record{}, false
		}
		if c := w.raw[0]; !stated && c >= '0' && c <= '9' {
			if ttl, stated = parseSeconds(w.raw); !stated || ttl > MaxTTL {
				p.issues.Add("ttl", "bad_duration", "%.40q is no time to live", w.raw)
				return Record{}, false
			}
			continue
		}
		t, err := ParseType(string(w.raw))
		if err != nil {
			p.fail("type", err)
			return Record{}, false
		}
		return z.finish(t, ttl, stated)
	}
}

func (z *zoneReader) finish(t Type, ttl uint32, stated bool) (Record, bool) {
	p := &z.data
	before := len(p.issues)
	d := p.rdata(t)
	for i := before; i < len(p.issues); i++ {
		p.issues[i].Path = tierhost.Path("data", p.issues[i].Path)
	}
	if d == nil || len(p.issues) > 0 {
		return Record{}, false
	}
	switch {
	case stated:
		if !z.dollar {
			z.ttl, z.hasTTL = ttl, true // RFC 1035, 5.1: the last one stated
		}
	case z.hasTTL:
		ttl = z.ttl
	case z.hasSOA:
		ttl = z.minimum
	default:
		soa, ok := d.(SOA)
		if !ok {
			p.issues.Add("ttl", "no_ttl", "no time to live is stated, here or before")
			return Record{}, false
		}
		ttl = min(soa.Minimum, MaxTTL)
	}
	return Record{Name: z.owner, TTL: ttl, Data: d}, true
}

func equalFold(raw []byte, words ...string) bool {
	for _, w := range words {
		if len(raw) == len(w) && bytes.EqualFold(raw, []byte(w)) {
			return true
		}
	}
	return false
}

func (z *zoneReader) directive() {
	p := &z.data
	w, _ := p.next("")
	switch name := string(bytes.ToUpper(w.raw)); name {
	case "$ORIGIN":
		if n := p.name("origin"); len(p.issues) == 0 {
			z.origin = n
		}
	case "$TTL":
		ttl := p.seconds("ttl")
		if ttl > MaxTTL {
			p.issues.Add("ttl", "too_large", "%d seconds are more than %d", ttl, uint32(MaxTTL))
		}
		if len(p.issues) == 0 {
			z.ttl, z.hasTTL, z.dollar = ttl, true, true
		}
	case "$INCLUDE":
		p.issues.Add("", "include_refused", "other files are not read")
		p.words = nil
	case "$GENERATE":
		p.issues.Add("", "generate_refused", "records made by $GENERATE are not read: write them out")
		p.words = nil
	default:
		p.issues.Add("", "unknown_directive", "there is no directive %.40q", w.raw)
		p.words = nil
	}
	if len(p.words) > 0 && len(p.issues) == 0 {
		p.issues.Add("", "trailing_text", "%.40q stands after the end of the directive", p.words[0].raw)
	}
}
